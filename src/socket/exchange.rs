//! REQ's side of a request and its reply.

use crate::frame::Frame;
use crate::message::Message;
use crate::options::Options;
use crate::pipe::PipeId;

/// Which request is under way, and what its reply must look like.
///
/// ```text
///            asked                        answered, peer lost, given up
///   Idle ───────────► Waiting ──────────────────────────────────────────► Idle
/// ```
#[derive(Debug)]
pub(super) struct Exchange {
    state: State,
    /// How the next request is made.
    pub(super) manner: Manner,
    /// Counts the requests: who waits for one that is over must not take another's reply.
    serial: u64,
    next_id: u32,
}

/// What a REQ was told to do differently.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    /// Each request carries a number.
    pub(super) correlate: bool,
    /// A new one may be made before the last one is answered.
    pub(super) relaxed: bool,
}

impl Manner {
    pub(super) fn of(options: &Options) -> Self {
        Self {
            correlate: options.correlate,
            relaxed: options.relaxed,
        }
    }
}

#[derive(Debug)]
enum State {
    Idle,
    Waiting(Asked),
}

/// A request that has been sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Who was asked; nobody else's message is the reply.
    pub(super) pipe: PipeId,
    /// With *correlate*.
    id: Option<[u8; 4]>,
    /// The connection on which the request went out is gone.
    pub(super) lost: bool,
    pub(super) serial: u64,
}

impl Asked {
    /// Whether its reply is known by its number.
    pub(super) fn is_correlated(&self) -> bool {
        self.id.is_some()
    }
}

/// What a message from the peer that was asked turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The reply; its envelope has been taken off.
    Reply,
    /// To another request, or none (a probe).
    Stale,
    /// No reply at all: a REQ's peer must keep the envelope.
    Malformed,
}

impl Exchange {
    pub(super) fn new(first_id: u32, manner: Manner) -> Self {
        Self {
            state: State::Idle,
            manner,
            serial: 0,
            next_id: first_id,
        }
    }

    pub(super) fn asked(&self) -> Option<&Asked> {
        match &self.state {
            State::Idle => None,
            State::Waiting(asked) => Some(asked),
        }
    }

    /// The number of the latest request.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Puts the envelope of the next request in front of a message.
    pub(super) fn wrap(&self, message: &mut Message, correlate: bool) {
        message.push_front(Frame::new());
        if correlate {
            message.push_front(self.next_id.to_be_bytes());
        }
    }

    /// Takes it off again.
    pub(super) fn unwrap(message: &mut Message, correlate: bool) {
        message.pop_front();
        if correlate {
            message.pop_front();
        }
    }

    /// The request that was wrapped last has been given to a peer.
    pub(super) fn begin(&mut self, pipe: PipeId, correlate: bool) {
        self.serial += 1;
        self.state = State::Waiting(Asked {
            pipe,
            id: correlate.then(|| self.next_id.to_be_bytes()),
            lost: false,
            serial: self.serial,
        });
        self.next_id = self.next_id.wrapping_add(u32::from(correlate));
    }

    /// Ends the exchange, whatever came of it.
    pub(super) fn end(&mut self) -> Option<Asked> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => None,
            State::Waiting(asked) => Some(asked),
        }
    }

    /// The connection of a pipe is gone; what of it matters to the request depends on whether that
    /// had gone out on it whole.
    pub(super) fn on_lost(&mut self, pipe: PipeId) {
        if let State::Waiting(asked) = &mut self.state
            && asked.pipe == pipe
        {
            asked.lost = true;
        }
    }

    /// Judges a message from the peer that was asked.
    ///
    /// RFC 28: "SHALL accept an incoming message only from the last peer that it sent a request to"
    /// and "SHALL discard silently any messages received from other peers"; what stands before the
    /// delimiter must be what was sent there.
    pub(super) fn judge(&self, message: &mut Message) -> Answer {
        let Some(asked) = self.asked() else {
            return Answer::Stale;
        };
        let frames = message.frames();
        match *frames.as_slice() {
            // A probe of a ROUTER.
            [ref only] if only.is_empty() => Answer::Stale,
            [ref delimiter, _, ..] if delimiter.is_empty() => {
                if asked.id.is_some() {
                    return Answer::Stale;
                }
                message.pop_front();
                Answer::Reply
            }
            [ref id, ref delimiter, _, ..] if id.len() == 4 && delimiter.is_empty() => {
                if asked.id.is_none_or(|expected| **id != expected) {
                    return Answer::Stale;
                }
                message.pop_front();
                message.pop_front();
                Answer::Reply
            }
            _ => Answer::Malformed,
        }
    }
}

/// Where the envelope of a request ends, if it has one and something behind it.
fn delimiter(message: &Message) -> Option<usize> {
    let frames = message.frames();
    let frames = frames.as_slice();
    let delimiter = frames.iter().position(|frame| frame.is_empty())?;
    (delimiter + 1 < frames.len()).then_some(delimiter)
}

/// Whether a message is a request as a REP can receive it.
pub(super) fn has_envelope(message: &Message) -> bool {
    delimiter(message).is_some()
}

/// Takes the envelope off a request as a REP receives it: all frames up to and including the first
/// empty one. `None` if it has none, or nothing behind it; RFC 28 has such a request discarded.
pub(super) fn take_envelope(message: &mut Message) -> Option<Vec<Frame>> {
    let delimiter = delimiter(message)?;
    let mut envelope = Vec::with_capacity(delimiter + 1);
    for _ in 0..=delimiter {
        envelope.push(message.pop_front()?);
    }
    Some(envelope)
}

/// Puts an envelope in front of a reply.
pub(super) fn put_envelope(message: &mut Message, envelope: &[Frame]) {
    for frame in envelope.iter().rev() {
        message.push_front(frame.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(correlate: bool) -> (Exchange, Message) {
        let mut exchange = Exchange::new(7, Manner::default());
        let mut request = Message::from("body");
        exchange.wrap(&mut request, correlate);
        exchange.begin(1, correlate);
        (exchange, request)
    }

    #[test]
    fn a_reply_in_the_requests_envelope_is_taken() {
        for correlate in [false, true] {
            let (exchange, mut echo) = asked(correlate);
            assert_eq!(echo.len(), 2 + usize::from(correlate));
            assert_eq!(exchange.judge(&mut echo), Answer::Reply);
            assert_eq!(echo, "body");
        }
    }

    #[test]
    fn other_envelopes_are_not() {
        let judge = |exchange: &Exchange, frames: &[&str]| {
            exchange.judge(&mut frames.iter().copied().collect::<Message>())
        };
        let (plain, _) = asked(false);
        let (correlated, _) = asked(true);
        assert_eq!(judge(&plain, &["abcd", "", "late"]), Answer::Stale);
        assert_eq!(judge(&correlated, &["abcd", "", "late"]), Answer::Stale);
        assert_eq!(judge(&correlated, &["", "late"]), Answer::Stale);
        for exchange in [&plain, &correlated] {
            assert_eq!(judge(exchange, &[""]), Answer::Stale);
            assert_eq!(judge(exchange, &["body"]), Answer::Malformed);
            assert_eq!(judge(exchange, &["a", "b"]), Answer::Malformed);
            assert_eq!(judge(exchange, &["abcd", ""]), Answer::Malformed);
            assert_eq!(judge(exchange, &["abcde", "", "x"]), Answer::Malformed);
        }
    }

    #[test]
    fn an_envelope_is_put_back_as_it_was() {
        let mut message = Message::from(["hop", "id", "", "body", "", "more"]);
        let whole = message.clone();
        let envelope = take_envelope(&mut message).unwrap();
        assert_eq!(*message.frames(), ["body", "", "more"]);
        put_envelope(&mut message, &envelope);
        assert_eq!(message, whole);
        for bad in [&["body"][..], &["a", "b"], &["a", ""], &[""]] {
            assert!(take_envelope(&mut bad.iter().copied().collect()).is_none());
        }
    }
}
