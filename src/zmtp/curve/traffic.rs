//! What every frame and every command travels in after the handshake: MESSAGE.
//!
//! ```text
//! plain     flags size | body                                      as on any other connection
//! sealed    flags size | 7 MESSAGE | number(8) | tag(16) | flags(1) body     the last two sealed
//! ```
//!
//! The flags outside say nothing but how long the size is: libzmq sends MESSAGE as a message, and drops
//! one that is sent as a command. The flags inside are MORE, and [`INNER_COMMAND`], which is not the bit
//! that a frame's header has for it.
//!
//! Numbers only grow, in the order in which the bytes go out: so frames are sealed a batch at a time,
//! when all that was sealed before is written, and are in clear until then. Sealed bytes are for this
//! connection alone and end with it.

use super::crypto::{Shared, TAG, counted};
use crate::zmtp::error::Error;
use crate::zmtp::header::{self, Header};

/// Who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// Both directions of one connection.
#[derive(Debug)]
pub(crate) struct Traffic {
    shared: Shared,
    role: Role,
    /// The last number of ours.
    sent: u64,
    /// The last number of the peer's.
    received: u64,
    outgoing: Outgoing,
    incoming: Incoming,
}

/// Bytes on their way out.
#[derive(Debug, Default)]
struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
    /// The first frame that is not written whole.
    walked: usize,
    /// The frames from there on, as they were before they were sealed: how many bytes.
    plain: usize,
    /// About as much as was sealed at once of late; what is kept of the memory follows it down slowly.
    largest: usize,
}

/// Bytes as they came, of which the first is that of a frame.
#[derive(Debug)]
struct Incoming {
    bytes: Vec<u8>,
    /// What a read asks for at least.
    want: usize,
    /// At most.
    max: usize,
    /// How long the frame is that has begun, as far as that is known.
    frame: usize,
}

/// So many bytes of plain frames are sealed at once: enough for one write, few enough to stay in a
/// processor's cache. One frame is always sealed whole.
const BATCH: usize = 128 << 10;

/// Memory that is always kept for the next frames.
const KEPT: usize = 8 << 10;

/// What a read asks for: at first, and of a peer that fills that.
const WANT_MIN: usize = 8 << 10;
const WANT_MAX: usize = 256 << 10;

const NAME: &[u8; 8] = b"\x07MESSAGE";
/// The name and the number.
const CLEAR: usize = 8 + 8;
/// Bytes that the body of a sealed frame has more than that of the plain one.
pub(crate) const OVERHEAD: usize = CLEAR + TAG + 1;

/// Another frame of the message follows.
const INNER_MORE: u8 = 0x01;
/// It is a command.
const INNER_COMMAND: u8 = 0x02;

impl Traffic {
    /// After a handshake in which these were the last numbers.
    pub(super) fn new(role: Role, shared: Shared, sent: u64, received: u64) -> Self {
        Self {
            shared,
            role,
            sent,
            received,
            outgoing: Outgoing::default(),
            incoming: Incoming {
                bytes: Vec::new(),
                want: WANT_MIN,
                max: usize::MAX,
                frame: 0,
            },
        }
    }

    /// What may be written, as it is.
    pub(crate) fn sealed(&self) -> &[u8] {
        let Outgoing { bytes, written, .. } = &self.outgoing;
        bytes.get(*written..).unwrap_or(&[])
    }

    #[cfg(test)]
    pub(crate) fn sealed_capacity(&self) -> usize {
        self.outgoing.bytes.capacity()
    }

    /// These bytes, of the handshake, go out as they are, before all others.
    pub(crate) fn put_clear(&mut self, bytes: &[u8]) {
        debug_assert!(self.outgoing.bytes.is_empty());
        self.outgoing.bytes.extend_from_slice(bytes);
        self.outgoing.walked = bytes.len();
    }

    /// Seals plain frames, as many as make a batch; how many bytes they had.
    ///
    /// # Errors
    ///
    /// There are no more numbers.
    pub(crate) fn seal<'a>(
        &mut self,
        frames: impl Iterator<Item = (Header, &'a [u8])>,
    ) -> Result<usize, Error> {
        let mut plain = 0;
        for (header, body) in frames {
            self.seal_frame(header, body)?;
            plain += header::len(body.len()) + body.len();
            if plain >= BATCH {
                break;
            }
        }
        self.outgoing.plain += plain;
        Ok(plain)
    }

    fn seal_frame(&mut self, header: Header, body: &[u8]) -> Result<(), Error> {
        self.sent = self.sent.checked_add(1).ok_or(Error::NoncesUsedUp)?;
        let out = &mut self.outgoing.bytes;
        header::put(0, OVERHEAD + body.len(), out);
        let [a, b, c, d, e, f, g, h] = self.sent.to_be_bytes();
        let [i, j, k, l, m, n, o, p] = *NAME;
        let begin = out.len();
        out.extend_from_slice(&[i, j, k, l, m, n, o, p, a, b, c, d, e, f, g, h]);
        out.extend_from_slice(&[0; TAG]);
        let more = if header.more() { INNER_MORE } else { 0 };
        let command = if header.is_command() {
            INNER_COMMAND
        } else {
            0
        };
        out.push(more | command);
        out.extend_from_slice(body);
        let sealed = out.get_mut(begin + CLEAR..).unwrap_or_default();
        let Some((place, content)) = sealed.split_first_chunk_mut::<TAG>() else {
            return Ok(());
        };
        let nonce = counted(self.role.prefix(), self.sent);
        *place = self.shared.seal(&nonce, content);
        Ok(())
    }

    /// `n` bytes were written; how many bytes of plain frames are now written whole.
    pub(crate) fn consume(&mut self, n: usize) -> usize {
        let out = &mut self.outgoing;
        out.written += n;
        if out.written >= out.bytes.len() {
            out.largest = out.bytes.len().max(out.largest - out.largest / 16);
            out.bytes.clear();
            out.bytes.shrink_to(KEPT.max(2 * out.largest));
            (out.written, out.walked) = (0, 0);
            return std::mem::take(&mut out.plain);
        }
        let mut whole = 0;
        loop {
            let rest = out.bytes.get(out.walked..).unwrap_or(&[]);
            // We wrote these headers: they parse, and the sizes fit.
            let Ok(Some(header)) = Header::parse(rest) else {
                break;
            };
            let size = header.size as usize;
            let end = out.walked + header.len + size;
            if end > out.written {
                break;
            }
            out.walked = end;
            let body = size - OVERHEAD;
            whole += header::len(body) + body;
        }
        out.plain -= whole;
        whole
    }

    /// Has reads ask for about so many bytes at most.
    pub(crate) fn set_read_max(&mut self, bytes: usize) {
        self.incoming.max = bytes.max(1);
    }

    /// Where the next read goes: append to it, then [`open`](Self::open).
    pub(crate) fn read_buf(&mut self) -> &mut Vec<u8> {
        let Incoming {
            bytes,
            want,
            max,
            frame,
        } = &mut self.incoming;
        // Of a large frame as much as is missing, but never much more than has come of it.
        let missing = frame.saturating_sub(bytes.len());
        let room = missing.min(bytes.len()).max(*want).min(*max);
        if bytes.capacity() - bytes.len() < room {
            bytes.reserve(room);
        }
        bytes
    }

    /// Bytes that came and are not opened yet.
    pub(crate) fn held(&self) -> usize {
        self.incoming.bytes.len()
    }

    /// Gives back what memory an idle connection does not need.
    pub(crate) fn release(&mut self) {
        if self.outgoing.bytes.is_empty() {
            self.outgoing.bytes = Vec::new();
            self.outgoing.largest = 0;
        }
        if self.incoming.bytes.is_empty() {
            self.incoming.bytes = Vec::new();
            self.incoming.want = WANT_MIN;
        }
    }

    /// Opens the frames that have come whole, of a body of at most `max` bytes each, and appends them to
    /// `out` as plain ones.
    ///
    /// # Errors
    ///
    /// What is no MESSAGE, or not from our peer on this connection, or not in its order; what is too
    /// large, as soon as it says so. What came before that is opened.
    pub(crate) fn open(&mut self, max: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        let bytes = std::mem::take(&mut self.incoming.bytes);
        let want = self.incoming.want;
        if bytes.len() == bytes.capacity() {
            self.incoming.want = (2 * want).min(WANT_MAX);
        } else if bytes.len() < want / 4 {
            self.incoming.want = (want / 2).max(WANT_MIN);
        }
        let mut at = 0;
        let result = loop {
            let rest = bytes.get(at..).unwrap_or(&[]);
            match self.open_frame(rest, max, out) {
                Ok(0) => break Ok(()),
                Ok(n) => at += n,
                Err(error) => break Err(error),
            }
        };
        self.incoming.bytes = bytes;
        self.incoming.bytes.drain(..at);
        if self.incoming.bytes.is_empty() && self.incoming.bytes.capacity() > 4 * want {
            self.incoming.bytes.shrink_to(want);
        }
        result
    }

    /// Opens the frame at the front; how long it was, 0 if it is not there whole.
    fn open_frame(&mut self, bytes: &[u8], max: u64, out: &mut Vec<u8>) -> Result<usize, Error> {
        self.incoming.frame = 0;
        let Some(header) = Header::parse(bytes)? else {
            return Ok(0);
        };
        let Some(size) = header.size.checked_sub(OVERHEAD as u64) else {
            return Err(Error::NotSealed);
        };
        let body = bytes.get(header.len..).unwrap_or(&[]);
        if header.more() || !NAME.starts_with(body.get(..NAME.len()).unwrap_or(body)) {
            return Err(Error::NotSealed);
        }
        let fits = usize::try_from(size).ok().filter(|_| size <= max);
        let size = fits.ok_or(Error::MessageTooLarge { size, limit: max })?;
        let end = size
            .checked_add(header.len + OVERHEAD)
            .ok_or(Error::MessageTooLarge {
                size: size as u64,
                limit: max,
            })?;
        let Some(body) = bytes.get(header.len..end) else {
            self.incoming.frame = end;
            return Ok(0);
        };
        let (clear, sealed) = body.split_at_checked(CLEAR).ok_or(Error::NotSealed)?;
        let number = clear.last_chunk().map_or(0, |it| u64::from_be_bytes(*it));
        if number <= self.received {
            return Err(Error::NonceNotIncreasing { command: "MESSAGE" });
        }
        // The flags come to lie where the last octet of the plain header belongs, which is then
        // written over them.
        let begin = out.len();
        let header_len = header::len(size);
        out.resize(begin + header_len + size, 0);
        let content = out.get_mut(begin + header_len - 1..).unwrap_or_default();
        let nonce = counted(self.role.other().prefix(), number);
        if !self.shared.open(&nonce, sealed, content) {
            out.truncate(begin);
            return Err(Error::NotOpened { command: "MESSAGE" });
        }
        let flags = content.first().copied().unwrap_or_default();
        if flags & !(INNER_MORE | INNER_COMMAND) != 0 {
            out.truncate(begin);
            return Err(Error::ReservedFlags { flags });
        }
        let more = if flags & INNER_MORE != 0 {
            header::MORE
        } else {
            0
        };
        let command = if flags & INNER_COMMAND != 0 {
            header::COMMAND
        } else {
            0
        };
        if let Some(place) = out.get_mut(begin..) {
            header::write(more | command, size, place);
        }
        self.received = number;
        Ok(end)
    }
}

impl Role {
    /// What the nonces begin with that this side uses.
    fn prefix(self) -> &'static [u8; 16] {
        match self {
            Self::Client => b"CurveZMQMESSAGEC",
            Self::Server => b"CurveZMQMESSAGES",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}
