//! What an inproc lane carries: messages as they are, and the short ones packed.

use std::collections::VecDeque;

use super::Load;
use super::lane::Batch;
use crate::frame::{Frame, INLINE_MAX};
use crate::message::Message;
use crate::signal::Wakes;

/// Messages on their way from one socket to another of the same process, first in, first out.
///
/// ```text
///   first     │ message │                          before all others
///   packed    │ 5 hello │ 2 hi │ ∗ │ 3 you │ …      lengths and bytes, in blocks
///   whole     │ message │ …                        those that stand at a ∗
///
///   blocks    current ──► full ──► full ──► open
///             ▲ at                          ▲ pushed to
/// ```
///
/// A message of one short frame takes as many bytes as it has and two more, all in a row: what goes
/// from one core's cache to the other's is a few lines for many messages, and what memory they had
/// outside of themselves comes from, and goes back to, the allocator in one thread. To copy it twice
/// costs less than that does.
// In this order in memory: what one side uses for each message is in one line of the cache.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Values {
    /// The block that is written.
    open: Vec<u8>,
    /// How many messages there are in all blocks.
    packed: usize,
    /// The block that is read, as far as `at`.
    at: usize,
    current: Vec<u8>,
    /// What was put in front.
    first: VecDeque<Message>,
    full: VecDeque<Vec<u8>>,
    whole: VecDeque<Message>,
    /// Blocks that were emptied, to be filled again.
    spare: Vec<Vec<u8>>,
    /// How many were, since what is kept was looked at last.
    emptied: usize,
}

/// The most bytes of a message that is packed.
pub(super) const PACKED_MAX: usize = 1024;

/// What stands for a length where a message is that is not packed.
const WHOLE: u16 = u16::MAX;

/// A block begins small, for the many pipes that have little to carry, and has this size once there
/// is more.
const BLOCK: usize = 16 << 10;
const FIRST_BLOCK: usize = 512;

/// How many blocks are kept to be filled again: what a queue of the usual length takes with messages of
/// a hundred bytes.
const SPARE_MAX: usize = 16;

/// For how many messages that are not packed there is a place without asking for memory.
const WHOLE_KEPT: usize = 1024;

impl Values {
    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.packed
    }

    /// Adds a message at the end. What is left of it is for the caller to drop.
    #[inline]
    pub(crate) fn push(&mut self, message: &mut Message) {
        match message.single() {
            Some(frame) if frame.len() <= PACKED_MAX => self.pack(frame),
            _ => self.push_whole(std::mem::take(message)),
        }
    }

    /// The same for one of several copies.
    pub(crate) fn push_copy(&mut self, message: &Message) {
        match message.single() {
            Some(frame) if frame.len() <= PACKED_MAX => self.pack(frame),
            _ => self.push_whole(message.clone()),
        }
    }

    #[inline]
    fn pack(&mut self, frame: &Frame) {
        // A little more than it takes, as a short one is copied in pieces of a fixed size.
        let room = HEADER + frame.len() + INLINE_MAX;
        if self.open.capacity() - self.open.len() < room {
            self.open_block(room);
        }
        // Not longer than `PACKED_MAX`.
        let length = frame.len() as u16;
        self.open.extend_from_slice(&length.to_be_bytes());
        frame.append_to(&mut self.open);
        self.packed += 1;
    }

    fn push_whole(&mut self, message: Message) {
        if self.open.capacity() - self.open.len() < HEADER {
            self.open_block(HEADER);
        }
        self.open.extend_from_slice(&WHOLE.to_be_bytes());
        self.whole.push_back(message);
        self.packed += 1;
    }

    #[cold]
    fn open_block(&mut self, room: usize) {
        let size = (2 * self.open.capacity()).clamp(FIRST_BLOCK, BLOCK);
        let is_enough = |block: &Vec<u8>| block.capacity() >= size.max(room);
        let block = self.spare.pop().filter(is_enough);
        let block = block.unwrap_or_else(|| Vec::with_capacity(size.max(room)));
        let full = std::mem::replace(&mut self.open, block);
        if !full.is_empty() {
            self.full.push_back(full);
        }
    }

    /// Puts a message before all others.
    pub(crate) fn push_front(&mut self, message: Message) {
        self.first.push_front(message);
    }

    /// Puts the first message into `out`, which is one empty frame, if it is packed; its bytes. Never
    /// more than [`PACKED_MAX`].
    #[inline]
    pub(crate) fn pop_packed(&mut self, out: &mut Message) -> Option<usize> {
        if !self.first.is_empty() {
            return None;
        }
        let (length, rest) = self.current.get(self.at..)?.split_first_chunk()?;
        let length = u16::from_be_bytes(*length);
        // One that is not is as long as nothing that is here.
        let body = rest.get(..usize::from(length))?;
        if length == WHOLE {
            return None;
        }
        out.fill(body);
        self.at += HEADER + body.len();
        self.packed -= 1;
        Some(body.len())
    }

    /// Puts the first message into `out`; `false`: there is none.
    pub(crate) fn pop_into(&mut self, out: &mut Message) -> bool {
        if let Some(message) = self.first.pop_front() {
            *out = message;
            return true;
        }
        loop {
            if self.pop_packed(out).is_some() {
                return true;
            }
            // All that is left in the block, or nothing.
            if self.at < self.current.len() {
                self.at += HEADER;
                self.packed -= 1;
                return match self.whole.pop_front() {
                    Some(message) => {
                        *out = message;
                        true
                    }
                    None => false,
                };
            }
            if !self.next_block() {
                return false;
            }
        }
    }

    /// Goes on with the next block, if there is one.
    #[cold]
    fn next_block(&mut self) -> bool {
        let next = match self.full.pop_front() {
            Some(full) => full,
            None => std::mem::take(&mut self.open),
        };
        let mut emptied = std::mem::replace(&mut self.current, next);
        self.at = 0;
        self.emptied += usize::from(emptied.capacity() > 0);
        if emptied.capacity() > 0 && self.spare.len() < SPARE_MAX {
            emptied.clear();
            self.spare.push(emptied);
        }
        !self.current.is_empty()
    }

    /// How many messages there are, and the bytes of their frames.
    pub(crate) fn load(&self) -> Load {
        let whole = self.first.iter().chain(&self.whole);
        let mut load = Load {
            messages: self.len(),
            bytes: whole.map(Message::byte_len).sum(),
        };
        let rest = self.current.get(self.at..).unwrap_or_default();
        let full = self.full.iter().map(Vec::as_slice);
        for mut block in [rest].into_iter().chain(full).chain([&self.open[..]]) {
            while let Some((length, rest)) = block.split_first_chunk() {
                let length = match u16::from_be_bytes(*length) {
                    WHOLE => 0,
                    length => usize::from(length),
                };
                load.bytes += length;
                block = rest.get(length..).unwrap_or_default();
            }
        }
        load
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// All messages were taken out: what is kept of the memory for them follows the traffic down.
    #[inline]
    pub(crate) fn trim(&mut self) {
        // One block for a batch, as the next one may be larger again; to have found none is no reason.
        let emptied = std::mem::take(&mut self.emptied);
        if (1..self.spare.len()).contains(&emptied) {
            self.spare.pop();
        }
        if self.whole.capacity() > WHOLE_KEPT {
            self.whole.shrink_to(WHOLE_KEPT);
        }
    }
}

/// The bytes of a length.
const HEADER: usize = size_of::<u16>();

impl Batch for Values {
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn displaceable(&self) -> usize {
        self.len()
    }

    fn displace(&mut self, wakes: &mut Wakes) -> Load {
        let mut first = Message::new();
        self.pop_into(&mut first);
        let bytes = first.byte_len();
        // Its memory may be foreign: not to be freed under the lock.
        wakes.drop_later(first);
        Load { messages: 1, bytes }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        PushSeveral(usize),
        PushFront,
        Pop(usize),
        PopPacked,
        /// As a lane does, which the taker gives back what it has emptied.
        Swap,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..2100_usize).prop_map(Step::Push),
            2 => (0..70_usize).prop_map(Step::Push),
            1 => (0..9_usize).prop_map(Step::PushSeveral),
            1 => Just(Step::PushFront),
            3 => (0..9_usize).prop_map(Step::Pop),
            2 => Just(Step::PopPacked),
            1 => Just(Step::Swap),
        ]
    }

    fn message(number: u8, len: usize) -> Message {
        Message::from(vec![number; len])
    }

    proptest! {
        #[test]
        fn it_is_a_queue(steps in proptest::collection::vec(step(), 0..200)) {
            let mut model = VecDeque::new();
            let mut values = Values::default();
            for (number, step) in steps.into_iter().enumerate() {
                let number = number as u8;
                match step {
                    Step::Push(len) => {
                        model.push_back(message(number, len));
                        values.push(&mut message(number, len));
                    }
                    Step::PushSeveral(len) => {
                        let mut several = message(number, len);
                        several.push_back("more");
                        model.push_back(several.clone());
                        values.push_copy(&several);
                    }
                    Step::PushFront => {
                        model.push_front(message(number, 3));
                        values.push_front(message(number, 3));
                    }
                    Step::Pop(count) => for _ in 0..count {
                        let mut out = Message::new();
                        let popped = values.pop_into(&mut out).then_some(out);
                        prop_assert_eq!(popped, model.pop_front());
                    },
                    Step::PopPacked => {
                        let mut out = Message::new();
                        if let Some(bytes) = values.pop_packed(&mut out) {
                            prop_assert_eq!(bytes, out.byte_len());
                            prop_assert_eq!(Some(out), model.pop_front());
                        }
                    }
                    Step::Swap => if values.is_empty() {
                        let mut open = Values::default();
                        std::mem::swap(&mut values, &mut open);
                        values.spare = open.spare;
                    },
                }
                let bytes = model.iter().map(Message::byte_len).sum();
                prop_assert_eq!(values.load(), Load { messages: model.len(), bytes });
                prop_assert_eq!(Batch::is_empty(&values), model.is_empty());
            }
        }
    }

    #[test]
    fn blocks_are_filled_again() {
        let mut values = Values::default();
        for _ in 0..3 {
            let fill = || (0..10_000).map(|_| message(1, 64));
            fill().for_each(|mut it| values.push(&mut it));
            let blocks = values.full.len() + 1;
            assert!(blocks * BLOCK < 10_000 * 70 + 3 * BLOCK, "{blocks} blocks");
            while values.pop_into(&mut Message::new()) {}
            assert!(values.is_empty() && values.spare.len() == SPARE_MAX);
        }
        values.push(&mut message(1, 1));
        assert_eq!(values.spare.len(), SPARE_MAX - 1);
    }

    #[test]
    fn memory_follows_the_traffic_down() {
        let mut values = Values::default();
        for number in 0..10_000 {
            values.push(&mut message(1, 64 + number % 2 * PACKED_MAX));
        }
        while values.pop_into(&mut Message::new()) {}
        assert!(values.whole.capacity() >= 5_000);
        values.trim();
        assert!(values.whole.capacity() < 2 * WHOLE_KEPT);
        assert_eq!(values.spare.len(), SPARE_MAX);
        for _ in 0..SPARE_MAX {
            values.trim();
        }
        assert_eq!(values.spare.len(), SPARE_MAX);
        for _ in 0..2 * SPARE_MAX {
            values.push(&mut message(1, 64));
            assert!(values.pop_into(&mut Message::new()));
            values.trim();
        }
        assert_eq!(values.spare.len(), 1);
    }

    #[test]
    fn what_is_large_is_not_copied() {
        let mut values = Values::default();
        let mut large = message(1, PACKED_MAX + 1);
        let address = large.first().as_ptr();
        values.push(&mut large);
        let mut out = Message::new();
        assert!(values.pop_into(&mut out));
        assert_eq!(out.first().as_ptr(), address);
    }
}
