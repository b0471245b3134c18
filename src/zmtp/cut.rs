//! Messages out of a run of checked bytes.

use std::collections::VecDeque;

use bytes::Bytes;

use super::header::{Header, LONG, MORE};
use crate::frame::{Frame, INLINE_MAX};
use crate::message::Message;

/// The most bytes of a message that [`Chunk::cut_quickly`] cuts.
pub(crate) const QUICK_MAX: usize = 1024;

/// A run of whole messages as they came off the wire, every header already checked.
#[derive(Debug)]
pub(crate) struct Chunk {
    memory: Memory,
    /// Where the next message begins.
    at: usize,
    messages: usize,
    payload: usize,
    /// From this size on a frame may keep the whole run in memory.
    worth_sharing: usize,
}

/// The bytes: ours alone until the first frame shares them.
#[derive(Debug)]
enum Memory {
    Own(Vec<u8>),
    Shared(Bytes),
}

impl Chunk {
    /// `messages` whole messages in `buf` from `at` on, with `payload` bytes in their frames.
    pub(super) fn new(buf: Vec<u8>, at: usize, messages: usize, payload: usize) -> Self {
        // One kept message must not pin a buffer many times its size.
        let worth_sharing = (buf.capacity() / 8).max(INLINE_MAX + 1);
        Self {
            memory: Memory::Own(buf),
            at,
            messages,
            payload,
            worth_sharing,
        }
    }

    /// Messages left.
    #[inline]
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// The bytes of the frames that are left, as `Message::byte_len` counts them.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.payload
    }

    /// Puts the next message into `out`; `false` if there is none.
    ///
    /// Into the place where it is wanted, because a message is too large to be passed on from hand
    /// to hand a few times for every one of millions a second.
    #[inline]
    pub(crate) fn cut_into(&mut self, out: &mut Message) -> bool {
        if self.messages == 0 {
            return false;
        }
        self.messages -= 1;
        if let Memory::Own(buf) = &self.memory
            && let Some(&[0, size, ref rest @ ..]) = buf.get(self.at..)
            && usize::from(size) <= INLINE_MAX
            && let Some(body) = rest.get(..usize::from(size))
        {
            self.at += 2 + body.len();
            self.payload = self.payload.saturating_sub(body.len());
            out.fill(body);
            return true;
        }
        match self.cut_frames() {
            Some(message) => {
                *out = message;
                true
            }
            None => false,
        }
    }

    /// Puts the next message into `out` if it is a not too long one of one frame; its bytes.
    #[inline]
    pub(crate) fn cut_quickly(&mut self, out: &mut Message) -> Option<usize> {
        let Memory::Own(buf) = &self.memory else {
            return None;
        };
        let (header, body) = match *buf.get(self.at..)? {
            [0, size, ref rest @ ..] => (2, rest.get(..usize::from(size))?),
            [LONG, 0, 0, 0, 0, 0, 0, high, low, ref rest @ ..] => {
                let size = u16::from_be_bytes([high, low]);
                (9, rest.get(..usize::from(size))?)
            }
            _ => return None,
        };
        if self.messages == 0 || body.len() > QUICK_MAX || body.len() >= self.worth_sharing {
            return None;
        }
        self.messages -= 1;
        self.at += header + body.len();
        self.payload = self.payload.saturating_sub(body.len());
        out.fill(body);
        Some(body.len())
    }

    /// The next message.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn cut(&mut self) -> Option<Message> {
        let mut message = Message::new();
        self.cut_into(&mut message).then_some(message)
    }

    /// The memory, emptied, for another run; `None` while a frame shares it.
    pub(crate) fn into_buffer(self) -> Option<Vec<u8>> {
        let mut buf = match self.memory {
            Memory::Own(buf) => buf,
            Memory::Shared(bytes) => {
                let mut bytes = bytes.try_into_mut().ok()?;
                // Before it becomes a Vec, so that nothing is moved.
                bytes.clear();
                Vec::from(bytes)
            }
        };
        buf.clear();
        Some(buf)
    }

    fn cut_frames(&mut self) -> Option<Message> {
        let (frame, mut more) = self.cut_frame()?;
        if !more {
            return Some(Message::from(frame));
        }
        let mut frames = VecDeque::from([frame]);
        while more {
            let (frame, next) = self.cut_frame()?;
            frames.push_back(frame);
            more = next;
        }
        Some(Message::from_frames(frames))
    }

    /// The next frame, and whether another one of its message follows. There always is one: the
    /// scanner has counted. Should it have erred, the run ends here.
    fn cut_frame(&mut self) -> Option<(Frame, bool)> {
        let rest = match &self.memory {
            Memory::Own(buf) => buf.get(self.at..)?,
            Memory::Shared(bytes) => bytes.get(self.at..)?,
        };
        let (header_len, size, more) = match *rest {
            [flags @ (0 | MORE), size, ..] => (2, usize::from(size), flags == MORE),
            _ => {
                let header = Header::parse(rest).ok()??;
                (
                    header.len,
                    usize::try_from(header.size).ok()?,
                    header.more(),
                )
            }
        };
        let body = rest.get(header_len..)?.get(..size)?;
        let begin = self.at + header_len;
        let frame = if size < self.worth_sharing {
            Frame::copy_from_slice(body)
        } else {
            self.share(begin, size)
        };
        self.at = begin + size;
        self.payload = self.payload.saturating_sub(size);
        Some((frame, more))
    }

    /// A frame of `size` bytes from `begin` on that refers to the run; both were checked.
    fn share(&mut self, begin: usize, size: usize) -> Frame {
        let bytes = match std::mem::replace(&mut self.memory, Memory::Own(Vec::new())) {
            Memory::Own(buf) => Bytes::from(buf),
            Memory::Shared(bytes) => bytes,
        };
        let frame = Frame::from(bytes.slice(begin..begin + size));
        self.memory = Memory::Shared(bytes);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zmtp::tests::{message, naive_encode};

    fn chunk(messages: &[Message]) -> Chunk {
        let buf: Vec<u8> = messages.iter().flat_map(naive_encode).collect();
        let payload = messages.iter().map(Message::byte_len).sum();
        Chunk::new(buf, 0, messages.len(), payload)
    }

    #[test]
    fn cuts_what_was_encoded() {
        let messages = [
            message(&[b""]),
            message(&[b"hello"]),
            message(&[&[1; 70]]),
            message(&[&[2; 71], &[3; 255], b"", &[4; 256]]),
            message(&[&[5; 3000]]),
            message(&[b"tail"]),
        ];
        let mut chunk = chunk(&messages);
        let mut bytes = chunk.bytes();
        for (n, message) in messages.iter().enumerate() {
            assert_eq!(chunk.messages(), messages.len() - n);
            assert_eq!(chunk.cut().as_ref(), Some(message));
            bytes -= message.byte_len();
            assert_eq!(chunk.bytes(), bytes);
        }
        assert_eq!((chunk.messages(), chunk.bytes(), chunk.cut()), (0, 0, None));
    }

    #[test]
    fn a_frame_shares_the_run_only_if_it_is_a_good_part_of_it() {
        let mut chunk = chunk(&[message(&[&[1; 2000]]), message(&[&[2; 200]])]);
        let large = chunk.cut().unwrap();
        let small = chunk.cut().unwrap();
        assert!(!large.frames()[0].shared().unwrap().is_unique());
        assert!(small.frames()[0].shared().unwrap().is_unique());
        assert!(chunk.into_buffer().is_none());
    }

    #[test]
    fn the_memory_comes_back_once_no_frame_shares_it() {
        let copied = [
            message(&[b"a"]),
            message(&[&[1; 100]]),
            message(&[&[0; 2000]]),
        ];
        let mut run = chunk(&copied);
        run.cut();
        run.cut();
        let large = run.cut();
        drop(large);
        let buf = run.into_buffer().unwrap();
        assert!(buf.is_empty() && buf.capacity() >= 2100);
        assert!(chunk(&copied).into_buffer().unwrap().capacity() >= 2100);
    }

    #[test]
    fn nonsense_ends_the_run_without_a_panic() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\0\x05abc",
            b"\x01\x00",
            b"\xff\xff",
            b"\x02\xff\xff\xff",
        ] {
            let mut chunk = Chunk::new(bytes.to_vec(), 0, 3, 10);
            while chunk.messages() > 0 {
                assert_eq!(chunk.cut(), None);
            }
        }
    }
}
