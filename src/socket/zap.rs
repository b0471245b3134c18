//! ZAP 1.0 ([RFC 27](https://rfc.zeromq.org/spec/27/)): asks the handler that an application has bound
//! in the context, in the words of libzmq.
//!
//! ```text
//! request   delimiter "1.0" request-id domain address routing-id mechanism *credential
//! reply     delimiter "1.0" request-id status text user-id metadata
//! ```
//!
//! Each handshake has a REQ of its own, as it has a pipe of its own in libzmq: what comes back there is
//! meant for this handshake, a handler that dies is noticed, and one that is slow holds up nobody else.
//! Whatever is not a reply in every detail lets nobody in.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::str;
use std::task::Poll;
use std::time::Duration;

use super::core::Core;
use super::sealed::{CoreToken, Sealed};
use super::{Owner, Pattern, Req};
use crate::auth::{Candidate, Ruling, User, Verdict};
use crate::context::Context;
use crate::error::RequestError;
use crate::handshake_fault::HandshakeFault;
use crate::inproc::ZAP;
use crate::message::Message;
use crate::options::Options;
use crate::properties::Properties;
use crate::socket_type::SocketType;
use crate::sync::Ordering;

const VERSION: &[u8] = b"1.0";

/// As libzmq: one request for each pipe.
const REQUEST_ID: &[u8] = b"1";

/// The frames of a reply behind the delimiter.
const FRAMES: usize = 6;

/// The most that a reply may say of a user.
const METADATA_MAX: usize = 64 << 10;

/// How many questions may be given up without an answer to any: what a handler has not read stays in
/// its queue, though nobody wants to know any more.
const UNANSWERED_MAX: u64 = 256;

/// Asks the handler about a candidate, whose answer comes when the handler's has.
pub(super) fn ask(context: Context, candidate: Candidate) {
    let unanswered = context.zap_unanswered().clone();
    if unanswered.load(Ordering::SeqCst) >= UNANSWERED_MAX {
        let why = "the ZAP handler has not answered for a long time";
        return candidate.rule(Ruling::faulty(HandshakeFault::NoAnswer, why));
    }
    let workers = context.workers().clone();
    workers.spawn(async move {
        let mut exchange = pin!(exchange(context, &candidate));
        let mut over = pin!(candidate.over());
        let ruling = poll_fn(|cx| {
            if over.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            exchange.as_mut().poll(cx).map(Some)
        });
        match ruling.await {
            Some(ruling) => {
                unanswered.store(0, Ordering::SeqCst);
                candidate.reply(ruling);
            }
            // Nobody wants to know any more. The last one that is asked stays to hear when the handler is
            // at work again.
            None if unanswered.fetch_add(1, Ordering::SeqCst) + 1 == UNANSWERED_MAX => {
                exchange.await;
                unanswered.store(0, Ordering::SeqCst);
            }
            None => {}
        }
    });
}

async fn exchange(context: Context, candidate: &Candidate) -> Ruling {
    let outcome = match converse(context, candidate).await {
        Ok(reply) => judge(&reply),
        Err(fault) => Err(fault),
    };
    outcome.unwrap_or_else(|fault| {
        log::warn!("no answer of the ZAP handler about {candidate:?}: {fault}");
        Ruling::faulty(fault.kind(), format!("the ZAP handler: {fault}"))
    })
}

async fn converse(context: Context, candidate: &Candidate) -> Result<Message, Fault> {
    let options = Options {
        linger: Some(Duration::ZERO),
        ..Options::default()
    };
    // Not one of the application's: it does not count where those are limited.
    let core = Core::hidden(Pattern(SocketType::Req), options, context);
    let req = Gone(Some(Req::from_core(CoreToken(Owner::new(core)))));
    let Gone(Some(socket)) = &req else {
        return Err(Fault::NoReply);
    };
    socket
        .connect(format!("inproc://{ZAP}"))
        .map_err(|error| Fault::Unfit(error.to_string()))?;
    let reply = socket.request_async(request(candidate)).await;
    reply.map_err(|error: RequestError| {
        log::debug!("ZAP: {error}");
        Fault::NoReply
    })
}

/// A socket that nobody waits for when it is let go of.
struct Gone(Option<Req>);

impl Drop for Gone {
    fn drop(&mut self) {
        if let Some(req) = self.0.take() {
            req.detach();
        }
    }
}

/// What the handler is asked, without the delimiter, which is the REQ's.
fn request(candidate: &Candidate) -> Message {
    let routing_id = candidate.routing_id().map_or(&[][..], |id| id);
    let mut frames: Vec<Vec<u8>> = vec![
        VERSION.to_vec(),
        REQUEST_ID.to_vec(),
        candidate.domain().into(),
        address(candidate).into_bytes(),
        routing_id.to_vec(),
        candidate.mechanism().as_str().into(),
    ];
    if let (Some(user), Some(password)) = (candidate.user_bytes(), candidate.password()) {
        frames.extend([user.to_vec(), password.to_vec()]);
    }
    if let Some(key) = candidate.public_key() {
        frames.push(key.to_vec());
    }
    frames.into_iter().collect()
}

/// Where the peer is, as libzmq says it: over tcp without the port; over ipc with whose process it is.
fn address(candidate: &Candidate) -> String {
    match (candidate.socket_addr(), candidate.credentials()) {
        (Some(address), _) => address.ip().to_canonical().to_string(),
        (None, Some(who)) => format!("localhost:{}:{}:{}", who.uid, who.gid, who.pid),
        (None, None) => String::new(),
    }
}

/// What a reply, without its delimiter, says.
fn judge(reply: &Message) -> Result<Ruling, Fault> {
    let frames: Vec<&[u8]> = reply.frames().map(|frame| &**frame).collect();
    let &[version, request_id, status, text, user_id, metadata] = frames.as_slice() else {
        return Err(Fault::Frames(frames.len()));
    };
    // In libzmq's order.
    if version != VERSION {
        return Err(Fault::Version);
    }
    if request_id != REQUEST_ID {
        return Err(Fault::RequestId);
    }
    let verdict = match status {
        b"200" => None,
        b"300" => Some(Verdict::RefuseForNow),
        b"400" => Some(Verdict::Refuse),
        b"500" => Some(Verdict::Failed),
        _ => return Err(Fault::Status),
    };
    let metadata = (metadata.len() <= METADATA_MAX)
        .then(|| Properties::parse(metadata))
        .flatten()
        .ok_or(Fault::Metadata)?;
    match verdict {
        Some(verdict) => {
            Ok(verdict.because(String::from_utf8_lossy(text).escape_debug().to_string()))
        }
        None => {
            let user_id = str::from_utf8(user_id).map_err(|_| Fault::UserId)?;
            let id = Some(user_id.to_owned()).filter(|id| !id.is_empty());
            Ok(Verdict::Accept(User::from_parts(id, metadata)).into())
        }
    }
}

/// What is wrong with a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    Unfit(String),
    NoReply,
    Frames(usize),
    Version,
    RequestId,
    Status,
    UserId,
    Metadata,
}

impl Fault {
    fn kind(&self) -> HandshakeFault {
        match self {
            Self::Unfit(_) => HandshakeFault::NobodyToAsk,
            Self::NoReply => HandshakeFault::NoAnswer,
            Self::Frames(_) | Self::UserId => HandshakeFault::ZapReply,
            Self::Version => HandshakeFault::ZapVersion,
            Self::RequestId => HandshakeFault::ZapRequestId,
            Self::Status => HandshakeFault::ZapStatus,
            Self::Metadata => HandshakeFault::ZapMetadata,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfit(why) => f.write_str(why),
            Self::NoReply => f.write_str("it left without a reply"),
            Self::Frames(count) => write!(f, "a reply of {count} frames, not {FRAMES}"),
            Self::Version => f.write_str("a reply of another version than 1.0"),
            Self::RequestId => f.write_str("a reply to another request"),
            Self::Status => f.write_str("a status that is none of 200, 300, 400 and 500"),
            Self::UserId => f.write_str("a user id that is not text"),
            Self::Metadata => f.write_str("malformed metadata"),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn reply(frames: &[&[u8]]) -> Result<(u16, Option<User>), Fault> {
        let message: Message = frames.iter().map(|frame| frame.to_vec()).collect();
        judge(&message).map(|ruling| {
            let status = ruling.verdict.status();
            match ruling.verdict {
                Verdict::Accept(user) => (status, Some(user)),
                _ => (status, None),
            }
        })
    }

    #[test]
    fn s4_a_reply_is_right_in_every_detail_or_none() {
        let good: [&[u8]; 6] = [b"1.0", b"1", b"200", b"OK", b"joe", b"\x02hi\0\0\0\x01x"];
        let joe = User::new("joe").with("hi", "x");
        assert_eq!(reply(&good), Ok((200, Some(joe))));
        let with = |place: usize, frame: &'static [u8]| {
            let mut frames = good;
            frames[place] = frame;
            reply(&frames)
        };
        assert_eq!(with(2, b"300"), Ok((300, None)));
        assert_eq!(with(2, b"400"), Ok((400, None)));
        assert_eq!(with(2, b"500"), Ok((500, None)));
        assert_eq!(with(4, b"").unwrap().1.unwrap().id(), None);
        for version in [&b""[..], b"1", b"1.1", b"1.0 "] {
            assert_eq!(with(0, version), Err(Fault::Version));
        }
        for id in [&b""[..], b"2", b"11"] {
            assert_eq!(with(1, id), Err(Fault::RequestId));
        }
        for status in [
            &b""[..],
            b"20",
            b"2000",
            b"201",
            b"100",
            b"600",
            b" 200",
            b"\xff\xff\xff",
        ] {
            assert_eq!(with(2, status), Err(Fault::Status));
        }
        assert_eq!(with(4, b"\xff"), Err(Fault::UserId));
        for metadata in [
            &b"x"[..],
            b"\x02hi",
            b"\x02hi\0\0\0\x02x",
            b"\x02hi\xff\xff\xff\xffx",
            b"\0\0\0\0\0",
        ] {
            assert_eq!(with(5, metadata), Err(Fault::Metadata));
        }
        for count in 0..5 {
            assert!(reply(&good[..count]).is_err());
        }
        let mut more = good.to_vec();
        more.push(b"");
        assert_eq!(reply(&more), Err(Fault::Frames(7)));
    }
}
