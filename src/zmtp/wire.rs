//! Outgoing bytes: frames in wire order, large bodies by reference.
//!
//! ```text
//! buf     | h body | h body | h |    | h body | h |        |
//! large                          ^ splice          ^ splice      a body that stands there
//!                    ^ start   ^ walked  ^ write
//! ```
//!
//! * `write`: what comes next to be written;
//! * `walked`: the last frame border not beyond `write`;
//! * `start`: the last message border not beyond `walked`; here writing resumes on another
//!   connection.
//!
//! A wire is filled, then written to its end; memory before `start` comes back only there.
//!
//! `start <= walked <= write` always, and most of the time all three are equal: a wire that goes
//! out with one system call is never walked.

use std::io::IoSlice;

use bytes::Bytes;

use super::header::Header;

/// Frames to be written, and how far that has come.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    buf: Vec<u8>,
    large: Vec<Splice>,
    /// The bytes of all bodies in `large`, also of those already let go.
    large_bytes: usize,
    /// Whole messages beyond `start`, and the bytes of their bodies.
    messages: usize,
    payload: usize,
    write: Mark,
    /// Bytes behind `write` of the body that is spliced in there.
    write_body: usize,
    walked: Mark,
    /// The bytes of the bodies between `start` and `walked`.
    walked_payload: usize,
    start: Mark,
}

/// A body that is not in `buf` but belongs there, at `at`.
#[derive(Debug)]
struct Splice {
    at: usize,
    body: Bytes,
}

/// A place in the stream of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// Bytes before it, all in all.
    stream: usize,
    /// Bytes of `buf` before it.
    buf: usize,
    /// Splices before it.
    large: usize,
}

/// What a write has completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Messages whose last byte is now with the kernel.
    pub(crate) messages: usize,
    /// The bytes of their frames, as `Message::byte_len` counts them.
    pub(crate) bytes: usize,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Bytes not yet written.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.buf.len() + self.large_bytes - self.write.stream
    }

    /// Whether nothing is left to write.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whole messages not yet wholly written.
    #[inline]
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// Whether what is written ends with a frame: other frames may go out in between.
    pub(crate) fn at_frame_border(&self) -> bool {
        self.write.stream == self.walked.stream
    }

    /// Fills `out` with what to write next, at most so many bytes; how many of them were filled.
    pub(crate) fn io_slices<'a>(&'a self, out: &mut [IoSlice<'a>], max: usize) -> usize {
        let mut left = max;
        let mut at = self.write.buf;
        let mut skip = self.write_body;
        let mut splices = self.large.get(self.write.large..).unwrap_or(&[]).iter();
        let mut filled = 0;
        let mut places = out.iter_mut();
        let mut fill = |slice: &'a [u8]| {
            let slice = slice.get(..left).unwrap_or(slice);
            if slice.is_empty() {
                return left > 0;
            }
            left -= slice.len();
            let place = places.next();
            filled += usize::from(place.is_some());
            place.map(|place| *place = IoSlice::new(slice)).is_some()
        };
        loop {
            let Some(splice) = splices.next() else {
                fill(self.buf.get(at..).unwrap_or(&[]));
                break;
            };
            let before = self.buf.get(at..splice.at).unwrap_or(&[]);
            let body = splice.body.get(skip..).unwrap_or(&[]);
            if !fill(before) || !fill(body) {
                break;
            }
            (at, skip) = (splice.at, 0);
        }
        filled
    }

    /// What is to be written next, frame by frame: of a wire whose frames are written whole, or not at
    /// all.
    pub(crate) fn frames(&self) -> impl Iterator<Item = (Header, &[u8])> {
        debug_assert!(self.at_frame_border());
        let (mut at, mut splices) = (
            self.write.buf,
            self.large.get(self.write.large..).unwrap_or(&[]).iter(),
        );
        let mut splice = splices.next();
        std::iter::from_fn(move || {
            // We wrote these headers: they parse, and the sizes fit.
            let header = Header::parse(self.buf.get(at..)?).ok()??;
            at += header.len;
            let body = match splice {
                Some(there) if there.at == at => {
                    splice = splices.next();
                    &*there.body
                }
                _ => {
                    let body = self.buf.get(at..at + header.size as usize)?;
                    at += body.len();
                    body
                }
            };
            Some((header, body))
        })
    }

    /// `n` bytes have gone to the kernel; which messages that completed.
    pub(crate) fn advance(&mut self, n: usize) -> Progress {
        if n >= self.len() {
            let progress = Progress {
                messages: self.messages,
                bytes: self.payload,
            };
            self.clear();
            return progress;
        }
        self.advance_write(n);
        self.walk()
    }

    /// The connection broke: what the kernel did not get whole begins again.
    ///
    /// The next byte to write is the first one of the first message (or command) of which
    /// something is left.
    pub(crate) fn rewind(&mut self) {
        self.write = self.start;
        self.write_body = 0;
        self.walked = self.start;
        self.walked_payload = 0;
    }

    /// Forgets everything; keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.buf.clear();
        self.large.clear();
        self.large_bytes = 0;
        (self.messages, self.payload) = (0, 0);
        self.write = Mark::default();
        self.rewind_to_front();
    }

    /// Drops the first message of a wire of which nothing has been written; its bytes, and what it
    /// held by reference.
    pub(crate) fn drop_first(&mut self) -> (usize, Vec<Bytes>) {
        debug_assert_eq!(self.write, self.start, "nothing of it is written");
        let (mut next, mut bytes) = (self.start, 0);
        loop {
            let rest = self.buf.get(next.buf..).unwrap_or(&[]);
            // We wrote these headers: they parse, and the sizes fit.
            let Ok(Some(header)) = Header::parse(rest) else {
                break;
            };
            let size = header.size as usize;
            next.buf += header.len;
            next.stream += header.len + size;
            let splice = self.large.get(next.large);
            if splice.is_some_and(|splice| splice.at == next.buf) {
                next.large += 1;
            } else {
                next.buf += size;
            }
            bytes += size;
            if !header.more() {
                break;
            }
        }
        let splices = self.large.get_mut(self.start.large..next.large);
        let bodies = splices.unwrap_or_default().iter_mut();
        let bodies = bodies.map(|it| std::mem::take(&mut it.body)).collect();
        self.messages = self.messages.saturating_sub(1);
        self.payload -= bytes;
        self.start = next;
        self.rewind();
        if self.messages == 0 {
            self.clear();
        } else if next.buf > self.buf.len() / 2 {
            // Half of it is memory that nobody needs: each byte is moved once for one that goes.
            self.buf.drain(..next.buf);
            self.large.drain(..next.large);
            for splice in &mut self.large {
                splice.at -= next.buf;
            }
            self.large_bytes -= next.stream - next.buf;
            self.rewind_to_front();
        }
        (bytes, bodies)
    }

    /// Gives back memory above `max` bytes.
    pub(crate) fn shrink(&mut self, max: usize) {
        if self.buf.capacity() > max {
            self.buf.shrink_to(max);
        }
        let max_large = max / size_of::<Splice>();
        if self.large.capacity() > max_large {
            self.large.shrink_to(max_large);
        }
    }

    /// Appends everything that is on another wire, of which nothing has been written.
    pub(crate) fn append_copy(&mut self, other: &Self) {
        let base = self.buf.len();
        self.buf.extend_from_slice(&other.buf);
        self.large.extend(other.large.iter().map(|splice| Splice {
            at: base + splice.at,
            body: splice.body.clone(),
        }));
        self.large_bytes += other.large_bytes;
        self.messages += other.messages;
        self.payload += other.payload;
    }

    /// Where headers and bodies are appended. Every frame must be appended whole.
    #[inline]
    pub(super) fn buf(&mut self) -> &mut Vec<u8> {
        &mut self.buf
    }

    /// Appends a body by reference, right behind its header. It must not be empty.
    pub(super) fn splice(&mut self, body: Bytes) {
        debug_assert!(!body.is_empty());
        self.large_bytes += body.len();
        self.large.push(Splice {
            at: self.buf.len(),
            body,
        });
    }

    /// A message of so many bytes has been appended.
    #[inline]
    pub(super) fn count_message(&mut self, bytes: usize) {
        self.messages += 1;
        self.payload += bytes;
    }

    fn rewind_to_front(&mut self) {
        self.start = Mark::default();
        self.rewind();
    }

    fn advance_write(&mut self, mut n: usize) {
        self.write.stream += n;
        while let Some(splice) = self.large.get(self.write.large) {
            let step = n.min(splice.at.saturating_sub(self.write.buf));
            self.write.buf += step;
            n -= step;
            let step = n.min(splice.body.len() - self.write_body);
            self.write_body += step;
            n -= step;
            if self.write_body < splice.body.len() {
                return;
            }
            self.write.large += 1;
            self.write_body = 0;
        }
        self.write.buf += n;
    }

    /// Moves `walked` and `start` up to `write`, frame by frame. Every frame is walked once (once
    /// more after a `rewind`), however small the steps in which it was written.
    fn walk(&mut self) -> Progress {
        let mut progress = Progress::default();
        loop {
            let rest = self.buf.get(self.walked.buf..).unwrap_or(&[]);
            // We wrote these headers: they parse, and the sizes fit.
            let Ok(Some(header)) = Header::parse(rest) else {
                break;
            };
            let size = header.size as usize;
            let mut next = self.walked;
            next.buf += header.len;
            next.stream += header.len + size;
            if next.stream > self.write.stream {
                break;
            }
            if self
                .large
                .get(next.large)
                .is_some_and(|splice| splice.at == next.buf)
            {
                next.large += 1;
            } else {
                next.buf += size;
            }
            self.walked = next;
            if !header.is_command() {
                self.walked_payload += size;
                if header.more() {
                    continue;
                }
                progress.messages += 1;
                progress.bytes += self.walked_payload;
                self.walked_payload = 0;
            }
            // Nothing before this border is needed again: let the bodies go.
            for splice in self
                .large
                .get_mut(self.start.large..next.large)
                .unwrap_or(&mut [])
            {
                splice.body = Bytes::new();
            }
            self.start = next;
        }
        self.messages -= progress.messages;
        self.payload -= progress.bytes;
        progress
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::frame::Frame;
    use crate::message::Message;
    use crate::zmtp::encoder::encode;
    use crate::zmtp::tests::{arbitrary_message, gather, naive_encode};

    /// What is left to write, as one run of bytes, gathered through windows of `width` slices.
    fn rest(wire: &Wire, width: usize) -> Vec<u8> {
        let mut out = vec![IoSlice::new(&[]); width];
        let filled = wire.io_slices(&mut out, usize::MAX);
        assert!(out[..filled].iter().all(|slice| !slice.is_empty()));
        gather(&out[..filled])
    }

    fn large(len: usize) -> Frame {
        Frame::from(vec![b'x'; len])
    }

    #[test]
    fn an_empty_wire_has_nothing_to_write() {
        let mut wire = Wire::new();
        assert!(wire.is_empty() && wire.at_frame_border());
        assert_eq!(rest(&wire, 4), b"");
        assert_eq!(wire.advance(0), Progress::default());
        wire.rewind();
        assert_eq!(wire.messages(), 0);
    }

    #[test]
    fn writing_all_of_it_needs_no_walk() {
        let mut wire = Wire::new();
        encode(&Message::from(large(10_000)), &mut wire);
        encode(&Message::from("small"), &mut wire);
        assert_eq!((wire.messages(), wire.len()), (2, 9 + 10_000 + 2 + 5));
        let len = wire.len();
        assert_eq!(
            wire.advance(len),
            Progress {
                messages: 2,
                bytes: 10_005
            }
        );
        assert!(wire.is_empty() && wire.messages() == 0);
    }

    #[test]
    fn a_write_is_given_no_more_than_it_may_be() {
        for max in [1, 7, 256, 9_999, 1 << 20] {
            let mut wire = Wire::new();
            for len in [5, 10_000, 0, 3_000] {
                encode(&Message::from([large(len), large(1)]), &mut wire);
            }
            let all = rest(&wire, 64);
            let mut written = Vec::new();
            while !wire.is_empty() {
                let mut out = [IoSlice::new(&[]); 64];
                let filled = wire.io_slices(&mut out, max);
                let some = gather(&out[..filled]);
                assert_eq!(some.len(), max.min(all.len() - written.len()));
                written.extend_from_slice(&some);
                wire.advance(some.len());
            }
            assert_eq!(written, all);
        }
    }

    #[test]
    fn a_written_body_is_let_go_at_once() {
        let body = Bytes::from(vec![1; 100_000]);
        let mut wire = Wire::new();
        encode(&Message::from(body.clone()), &mut wire);
        encode(&Message::from("next"), &mut wire);
        assert!(!body.is_unique());
        assert_eq!(
            wire.advance(9 + 100_000),
            Progress {
                messages: 1,
                bytes: 100_000
            }
        );
        assert!(body.is_unique());
        assert!(wire.at_frame_border());
        wire.rewind();
        assert_eq!(rest(&wire, 4), b"\0\x04next");
    }

    #[test]
    fn rewind_goes_back_to_the_first_message_that_was_not_written_whole() {
        let mut wire = Wire::new();
        let frames = VecDeque::from([Frame::from("a"), large(5000), Frame::from("c")]);
        encode(&Message::from("first"), &mut wire);
        encode(&Message::from_frames(frames), &mut wire);
        let whole = rest(&wire, 16);
        assert_eq!(
            wire.advance(7),
            Progress {
                messages: 1,
                bytes: 5
            }
        );
        for n in [3, 9, 4000, 1000, 1] {
            assert_eq!(wire.advance(n), Progress::default());
        }
        assert!(!wire.at_frame_border());
        wire.rewind();
        assert_eq!(rest(&wire, 16), &whole[7..]);
        assert_eq!((wire.len(), wire.messages()), (whole.len() - 7, 1));
    }

    #[test]
    fn shrink_keeps_what_is_to_be_written() {
        let mut wire = Wire::new();
        for _ in 0..1000 {
            encode(&Message::from("0123456789"), &mut wire);
        }
        wire.shrink(100);
        assert_eq!(wire.len(), 12_000);
        wire.advance(12_000);
        wire.shrink(100);
        assert!(wire.buf.capacity() <= 100);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// The model: a list of messages.
        #[test]
        fn the_first_can_be_dropped_while_others_are_appended(
            messages in proptest::collection::vec((arbitrary_message(), 0usize..3), 1..30),
        ) {
            let (mut wire, mut model) = (Wire::new(), VecDeque::new());
            for (message, drops) in messages {
                encode(&message, &mut wire);
                model.push_back(message);
                for _ in 0..drops.min(model.len()) {
                    let first: Message = model.pop_front().unwrap();
                    prop_assert_eq!(wire.drop_first().0, first.byte_len());
                }
                let stream: Vec<u8> = model.iter().flat_map(naive_encode).collect();
                prop_assert_eq!(wire.messages(), model.len());
                prop_assert_eq!(wire.len(), stream.len());
                prop_assert_eq!(wire.is_empty(), stream.is_empty());
                prop_assert_eq!(rest(&wire, 64), stream);
            }
            let left: usize = model.iter().map(Message::byte_len).sum();
            let n = wire.len();
            let progress = wire.advance(n);
            prop_assert_eq!((progress.messages, progress.bytes), (model.len(), left));
        }

        /// The model: a list of messages and how many bytes of the first have been written.
        #[test]
        fn partial_writes_and_rewinds_keep_messages_whole(
            messages in proptest::collection::vec(arbitrary_message(), 1..20),
            steps in proptest::collection::vec((0usize..20_000, 1usize..5, 0..8), 1..60),
        ) {
            let mut wire = Wire::new();
            let mut model = VecDeque::new();
            let mut pending = messages.into_iter();
            for message in pending.by_ref().take(5) {
                encode(&message, &mut wire);
                let bytes = naive_encode(&message);
                model.push_back((message, bytes));
            }
            let mut written = 0;
            for (n, width, event) in steps {
                match event {
                    0 => {
                        wire.rewind();
                        written = 0;
                    }
                    1 => {
                        if let Some(message) = pending.next() {
                            encode(&message, &mut wire);
                            let bytes = naive_encode(&message);
                            model.push_back((message, bytes));
                        }
                    }
                    2 => wire.shrink(n),
                    _ => {}
                }
                let stream: Vec<u8> = model.iter().flat_map(|(_, bytes)| bytes).copied().collect();
                prop_assert_eq!(wire.len(), stream.len() - written);
                prop_assert_eq!(wire.messages(), model.len());
                let next = rest(&wire, width);
                prop_assert!(stream[written..].starts_with(&next));
                prop_assert_eq!(next.is_empty(), wire.is_empty());

                let n = n.min(next.len());
                let progress = wire.advance(n);
                written += n;
                let mut expected = Progress::default();
                while let Some((message, bytes)) = model.front() {
                    if written < bytes.len() {
                        break;
                    }
                    written -= bytes.len();
                    expected.messages += 1;
                    expected.bytes += message.byte_len();
                    model.pop_front();
                }
                prop_assert_eq!(progress, expected);
            }
            while !wire.is_empty() {
                let n = rest(&wire, 3).len();
                wire.advance(n);
            }
            prop_assert_eq!(wire.messages(), 0);
        }
    }
}
