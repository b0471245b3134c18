//! How much a lane may hold: messages and bytes queued, against its limits and what is left of the
//! context's budget.

use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;

use super::budget::{Budget, Share};
use crate::options::Options;
use crate::signal::{Target, Wakes};

/// A number of messages together with the payload bytes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Load {
    pub(crate) const NONE: Self = Self {
        messages: 0,
        bytes: 0,
    };

    /// As a step: as much as there is.
    pub(super) const ANY: Self = Self {
        messages: usize::MAX,
        bytes: usize::MAX,
    };

    /// As a step: each message.
    pub(super) const ONE_MESSAGE: Self = Self {
        messages: 1,
        bytes: usize::MAX,
    };

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Takes what there is of `other` out of this, and of that.
    pub(super) fn yield_to(&mut self, other: &mut Self) {
        let both = Self {
            messages: self.messages.min(other.messages),
            bytes: self.bytes.min(other.bytes),
        };
        *self -= both;
        *other -= both;
    }
}

impl AddAssign for Load {
    #[inline]
    fn add_assign(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes += more.bytes;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.queued += more.queued;
        self.worked_off += more.worked_off;
        self.lost += more.lost;
        self.ahead += more.ahead;
        self.displaced += more.displaced;
        self.direct += more.direct;
    }
}

impl SubAssign for Load {
    // Saturating: a miscount must cost accuracy, never a panic on an I/O thread.
    #[inline]
    fn sub_assign(&mut self, less: Self) {
        self.messages = self.messages.saturating_sub(less.messages);
        self.bytes = self.bytes.saturating_sub(less.bytes);
    }
}

/// The high-water mark of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// In messages; 0 is unlimited, as in libzmq.
    pub(crate) messages: usize,
    /// In payload bytes; `None` is unlimited.
    pub(crate) bytes: Option<usize>,
    /// Only the newest message is kept, and the limits do not matter.
    pub(crate) conflate: bool,
}

/// What became of everything that was ever let into a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) queued: Load,
    /// Written to the kernel, or taken by the other socket.
    pub(crate) worked_off: Load,
    pub(crate) lost: Load,
    /// What of the lost was behind something that is still to be worked off.
    pub(crate) ahead: Load,
    /// What of the lost has made place for newer ones, and was never there for the taker.
    pub(crate) displaced: Load,
    /// What of all that was let in without asking the socket that it is from.
    pub(crate) direct: Load,
}

impl Tally {
    /// All that was ever let in.
    pub(crate) fn let_in(&self) -> Load {
        let mut load = self.queued;
        load += self.worked_off;
        load += self.lost;
        load
    }

    /// All that was ever let in for the taker to have.
    pub(crate) fn arrived(&self) -> Load {
        let mut load = self.let_in();
        load -= self.displaced;
        load
    }

    /// What the taker was to have and never will.
    pub(crate) fn missed(&self) -> Load {
        let mut load = self.lost;
        load -= self.displaced;
        load
    }

    /// How much of what was let in up to `position` is still queued: what is let in first is
    /// worked off first.
    pub(crate) fn left_before(&self, position: Load) -> Load {
        let mut left = position;
        left -= self.worked_off;
        let mut lost = self.lost;
        lost -= self.ahead;
        left -= lost;
        left
    }
}

impl Limits {
    /// No limit at all.
    pub(crate) const NONE: Self = Self {
        messages: 0,
        bytes: None,
        conflate: false,
    };

    /// Of what waits to be sent to one peer.
    pub(crate) fn sending(options: &Options) -> Self {
        Self {
            messages: options.send_hwm,
            bytes: options.send_limit_bytes,
            conflate: options.conflate,
        }
    }

    /// Of what waits to be received from one peer.
    pub(crate) fn receiving(options: &Options) -> Self {
        Self {
            messages: options.recv_hwm,
            bytes: options.recv_limit_bytes,
            conflate: options.conflate,
        }
    }

    /// The limits of an inproc pipe: what both sides grant together, unlimited if either is.
    pub(crate) fn joined(sender: Self, receiver: Self) -> Self {
        let messages = if sender.messages == 0 || receiver.messages == 0 {
            0
        } else {
            sender.messages.saturating_add(receiver.messages)
        };
        let bytes = sender.bytes.zip(receiver.bytes);
        Self {
            messages,
            bytes: bytes.map(|(sender, receiver)| sender.saturating_add(receiver)),
            conflate: sender.conflate || receiver.conflate,
        }
    }

    /// Whether a queue of this load takes no more. One that is not full takes one more message,
    /// however large.
    pub(crate) fn are_reached(self, load: Load) -> bool {
        !self.conflate
            && (self.messages != 0 && load.messages >= self.messages
                || self.bytes.is_some_and(|most| load.bytes >= most) && load.messages > 0)
    }
}

/// What is queued in a lane, and how much may be.
///
/// ```text
///             0 ─────────── half ───────────── limit ── one message
///   writer    writes on ───────────────────────► full: waits
///   taker                    ◄── told here ── works it off
/// ```
///
/// The same in messages and in bytes: full when either is at its limit, relieved when both are at
/// half or below it, or nothing is left.
// In this order in memory: first what is looked at for each message.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Credit {
    queued: Load,
    /// Messages to come for which there is to be room.
    reserved: usize,
    /// What follows from the limits and from the share: at this it is full, or must ask for more.
    brim: Load,
    limits: Limits,
    /// Bytes that the writer has of a message that is not whole yet.
    incomplete: usize,
    worked_off: Load,
    lost: Load,
    /// What of the lost was behind something that is still to be worked off.
    ahead: Load,
    /// What of the lost has made place for newer ones.
    displaced: Load,
    share: Share,
    /// How much was held when the budget had nothing left for the writer who waits.
    starved_at: Option<usize>,
}

impl Credit {
    pub(super) fn new(limits: Limits, budget: Option<Arc<Budget>>) -> Self {
        let mut credit = Self {
            queued: Load::NONE,
            reserved: 0,
            incomplete: 0,
            worked_off: Load::NONE,
            lost: Load::NONE,
            ahead: Load::NONE,
            displaced: Load::NONE,
            limits,
            brim: Load::NONE,
            share: Share::of(budget),
            starved_at: None,
        };
        credit.set_brim();
        credit
    }

    fn set_brim(&mut self) {
        self.brim = if self.limits.conflate {
            Load::ANY
        } else {
            let bytes = self.limits.bytes.unwrap_or(usize::MAX);
            Load {
                messages: match self.limits.messages {
                    0 => usize::MAX,
                    most => most,
                },
                bytes: bytes.min(self.share.room()).saturating_sub(self.incomplete),
            }
        };
    }

    /// Whether one more message would be over the limit, unless [`extend`](Self::extend) finds that
    /// it would not. All that is looked at for every message.
    #[inline]
    pub(super) fn is_at_brim(&self) -> bool {
        self.queued.messages + self.reserved >= self.brim.messages
            || self.queued.bytes >= self.brim.bytes
    }

    /// At the brim: whether there is room all the same. A queue that is empty takes any message, and
    /// where the brim is that of the share it may grow; if it may not, `writer` will be told.
    #[cold]
    pub(super) fn extend(&mut self, writer: Option<&Target>) -> bool {
        self.starved_at = None;
        if self.queued.messages + self.reserved >= self.brim.messages {
            return false;
        }
        if self.queued.messages == 0 {
            return true;
        }
        let held = self.held();
        if self.limits.bytes.is_some_and(|most| held >= most) {
            return false;
        }
        let extended = self.share.extend(held, writer);
        self.starved_at = (!extended).then_some(held);
        self.set_brim();
        extended
    }

    /// Whether it was the budget that had no room for who waits.
    pub(super) fn is_starved(&self) -> bool {
        self.starved_at.is_some()
    }

    /// All the bytes in memory for it.
    pub(super) fn held(&self) -> usize {
        self.queued.bytes + self.incomplete
    }

    #[inline]
    pub(super) fn conflates(&self) -> bool {
        self.limits.conflate
    }

    /// Whether enough has been worked off to wake a writer that found the lane full: half, so
    /// that a writer at the limit is woken once for many messages (libzmq's low-water mark).
    ///
    /// What is reserved leaves so much less for the queue.
    pub(super) fn is_relieved(&self) -> bool {
        let messages = self.queued.messages;
        if messages + self.reserved >= self.brim.messages {
            return false;
        }
        messages == 0
            || (self.limits.messages == 0 || messages <= self.unreserved() / 2)
                && self.held() <= self.half_bytes()
    }

    fn unreserved(&self) -> usize {
        self.limits.messages.saturating_sub(self.reserved)
    }

    /// Down to how many bytes it is to be worked off for a writer who waits.
    fn half_bytes(&self) -> usize {
        let most = self.limits.bytes.unwrap_or(usize::MAX);
        most.min(self.starved_at.unwrap_or(usize::MAX)) / 2
    }

    /// Whether room is kept for any message to come.
    pub(super) fn has_reserved(&self) -> bool {
        self.reserved > 0
    }

    /// Keeps room for one message to come, however large it will be.
    pub(super) fn reserve(&mut self) {
        self.reserved += 1;
    }

    /// The message has come, or will not.
    pub(super) fn release(&mut self) {
        self.reserved = self.reserved.saturating_sub(1);
    }

    #[inline]
    pub(super) fn add(&mut self, load: Load) {
        self.queued += load;
    }

    #[inline]
    pub(super) fn give_back(&mut self, load: Load) {
        self.queued -= load;
        self.worked_off += load;
    }

    /// So much will never be worked off.
    pub(super) fn lose(&mut self, load: Load) {
        self.queued -= load;
        self.lost += load;
    }

    /// The same of some of so many that have not been taken.
    pub(super) fn lose_untaken(&mut self, load: Load, not_taken: usize) {
        if self.queued.messages > not_taken {
            self.ahead += load;
        }
        self.lose(load);
    }

    /// The same, as newer ones need their place.
    pub(super) fn displace(&mut self, load: Load, not_taken: usize) {
        self.displaced += load;
        self.lose_untaken(load, not_taken);
    }

    /// Whether all that was taken has been worked off, with so many that have not been taken, and
    /// what was lost behind that counts as if it had not.
    #[inline]
    pub(super) fn is_behind(&self, not_taken: impl FnOnce() -> usize) -> bool {
        self.ahead.messages > 0 && self.queued.messages <= not_taken()
    }

    /// All that was taken has been worked off.
    #[inline]
    pub(super) fn catch_up(&mut self) {
        self.ahead = Load::NONE;
    }

    /// Nothing of what is queued will ever be worked off; how much that is.
    pub(super) fn lose_all(&mut self) -> Load {
        self.catch_up();
        let lost = self.queued;
        self.lose(lost);
        lost
    }

    /// The share follows what is held; `rests` if nothing more is on its way. Once per batch.
    #[inline]
    pub(super) fn settle(&mut self, rests: bool, wakes: &mut Wakes) {
        if self.share.is_any() {
            self.share.follow(self.held(), rests, wakes);
            self.set_brim();
        }
    }

    /// So many bytes of a message that is not whole yet are with the writer.
    pub(super) fn set_incomplete(&mut self, bytes: usize) {
        self.incomplete = bytes;
        self.set_brim();
    }

    /// Whoever waited has been told.
    pub(super) fn on_relieved(&mut self) {
        self.starved_at = None;
    }

    /// How many messages have been worked off, or lost.
    #[inline]
    pub(super) fn done(&self) -> usize {
        self.worked_off.messages + self.lost.messages - self.ahead.messages
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            queued: self.queued,
            worked_off: self.worked_off,
            lost: self.lost,
            ahead: self.ahead,
            displaced: self.displaced,
            direct: Load::NONE,
        }
    }

    pub(super) fn queued(&self) -> Load {
        self.queued
    }

    /// `true` if these are others than before.
    pub(super) fn set_limits(&mut self, limits: Limits) -> bool {
        let old = std::mem::replace(&mut self.limits, limits);
        self.set_brim();
        old != limits
    }

    /// How much a taker may work off before it must say so, lest the writer waits for nothing, or
    /// others for what this lane has of the budget: neither more messages nor more bytes than this.
    pub(super) fn step(&self) -> Load {
        if self.limits.conflate {
            return Load::ANY;
        }
        Load {
            messages: match self.limits.messages {
                0 => usize::MAX,
                _ => self.unreserved().div_ceil(2).max(1),
            },
            bytes: self
                .limits
                .bytes
                .map_or(usize::MAX, |most| most.div_ceil(2).max(1))
                .min(self.share.step()),
        }
    }

    /// The same where a writer waits already, though perhaps not at the limit any more.
    pub(super) fn step_to_relief(&self) -> Load {
        let step = self.step();
        let messages = match self.limits.messages {
            0 => 0,
            _ => (self.queued.messages).saturating_sub(self.unreserved() / 2),
        };
        // No more than there is: with the last of it the writer is relieved in any case.
        let bytes = self.held().saturating_sub(self.half_bytes());
        let bytes = bytes.min(self.queued.bytes);
        match (messages, bytes) {
            (0, 0) => Load::ONE_MESSAGE,
            (messages, 0) => Load {
                messages: step.messages.min(messages),
                ..step
            },
            (0, bytes) => Load {
                bytes: step.bytes.min(bytes),
                ..step
            },
            (messages, bytes) => Load {
                messages: step.messages.min(messages),
                bytes: step.bytes.min(bytes),
            },
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn limit(messages: usize) -> Limits {
        limits(messages, None)
    }

    fn limits(messages: usize, bytes: Option<usize>) -> Limits {
        Limits {
            messages,
            bytes,
            conflate: false,
        }
    }

    fn credit(limits: Limits) -> Credit {
        Credit::new(limits, None)
    }

    fn load(messages: usize, bytes: usize) -> Load {
        Load { messages, bytes }
    }

    impl Credit {
        fn is_full(&mut self) -> bool {
            self.is_at_brim() && !self.extend(None)
        }
    }

    const ONE: Load = Load {
        messages: 1,
        bytes: 5,
    };

    #[test]
    fn full_at_exactly_the_limit_and_relieved_at_half() {
        let mut credit = credit(limit(4));
        for _ in 0..4 {
            assert!(!credit.is_full());
            credit.add(ONE);
        }
        assert!(credit.is_full());
        credit.give_back(ONE);
        assert!(!credit.is_full() && !credit.is_relieved());
        credit.give_back(ONE);
        assert!(credit.is_relieved());
        assert_eq!(credit.queued(), load(2, 10));
    }

    #[test]
    fn the_same_in_bytes() {
        let mut credit = credit(limits(1000, Some(20)));
        for _ in 0..4 {
            assert!(!credit.is_full());
            credit.add(ONE);
        }
        assert!(credit.is_full());
        credit.give_back(ONE);
        assert!(!credit.is_full() && !credit.is_relieved());
        credit.give_back(ONE);
        assert!(credit.is_relieved());
    }

    #[test]
    fn one_that_is_not_full_takes_one_message_of_any_size() {
        let mut credit = credit(limits(0, Some(20)));
        credit.add(load(1, 19));
        assert!(!credit.is_full());
        credit.add(load(1, 1 << 40));
        assert!(credit.is_full() && !credit.is_relieved());
        credit.give_back(load(1, 19));
        assert!(credit.is_full() && !credit.is_relieved());
        credit.give_back(load(1, 1 << 40));
        assert!(!credit.is_full() && credit.is_relieved());
    }

    #[test]
    fn zero_is_unlimited() {
        let mut credit = credit(limit(0));
        credit.add(load(1 << 40, 1 << 50));
        assert!(!credit.is_full() && credit.is_relieved());
    }

    #[test]
    fn what_is_not_whole_counts_but_never_stops_the_only_message() {
        let mut credit = credit(limits(0, Some(20)));
        credit.set_incomplete(1000);
        assert!(!credit.is_full());
        credit.add(ONE);
        assert!(credit.is_full() && !credit.is_relieved());
        credit.give_back(ONE);
        assert!(!credit.is_full() && credit.is_relieved());
        credit.set_incomplete(15);
        credit.add(ONE);
        assert!(credit.is_full());
        credit.set_incomplete(5);
        assert!(!credit.is_full() && credit.is_relieved());
    }

    #[test]
    fn a_step_never_leaves_a_full_writer_unrelieved() {
        for most in 1..100 {
            for reserved in 0..most {
                let mut credit = credit(limit(most));
                (0..reserved).for_each(|_| credit.reserve());
                credit.add(load(most - reserved, 0));
                assert!(credit.is_full() && !credit.is_relieved());
                credit.give_back(load(credit.step().messages, 0));
                assert!(credit.is_relieved(), "limit {most}, reserved {reserved}");
            }
        }
    }

    #[test]
    fn what_is_reserved_is_not_to_be_had() {
        let mut credit = credit(limit(2));
        credit.reserve();
        credit.add(ONE);
        assert!(credit.is_full() && !credit.is_relieved());
        credit.give_back(ONE);
        assert!(!credit.is_full() && credit.is_relieved());
        credit.reserve();
        assert!(credit.is_full() && !credit.is_relieved());
        credit.release();
        assert!(!credit.is_full() && credit.is_relieved());
    }

    #[test]
    fn joined_limits_add_up_or_are_unlimited() {
        assert_eq!(Limits::joined(limit(1000), limit(1000)).messages, 2000);
        assert_eq!(Limits::joined(limit(0), limit(1)).messages, 0);
        assert_eq!(Limits::joined(limit(1), limit(0)).messages, 0);
        let bytes = |sender, receiver| Limits::joined(limits(1, sender), limits(1, receiver)).bytes;
        assert_eq!(bytes(Some(3), Some(4)), Some(7));
        assert_eq!(bytes(Some(usize::MAX), Some(4)), Some(usize::MAX));
        assert_eq!(bytes(Some(3), None), None);
        assert_eq!(bytes(None, Some(4)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// A taker who works off one message after the other and gives back only when it must: the
        /// writer who waits is told as soon as what is left is down to half in messages and in bytes,
        /// or nothing is left.
        #[test]
        fn a_full_writer_is_always_relieved(
            messages in 0usize..9,
            bytes in proptest::option::of(1usize..60),
            reserved in 0usize..9,
            incomplete in 0usize..40,
            steps in proptest::collection::vec((0usize..40, any::<bool>()), 1..120),
        ) {
            let reserved = reserved.min(messages.saturating_sub(1));
            let mut credit = credit(limits(messages, bytes));
            (0..reserved).for_each(|_| credit.reserve());
            credit.set_incomplete(incomplete);
            let (mut queue, mut read, mut step) = (VecDeque::new(), Load::NONE, credit.step());
            let (mut waits, mut left) = (false, 0);
            for (size, writes) in steps {
                if writes {
                    if credit.is_full() {
                        waits = true;
                    } else {
                        credit.add(load(1, size));
                        queue.push_back(size);
                        left += size;
                    }
                    continue;
                }
                if let Some(size) = queue.pop_front() {
                    read += load(1, size);
                    left -= size;
                }
                let must = read.messages >= step.messages || read.bytes >= step.bytes;
                if must || queue.is_empty() {
                    credit.give_back(std::mem::take(&mut read));
                    waits &= !credit.is_relieved();
                    step = if waits { credit.step_to_relief() } else { credit.step() };
                }
                let half = (messages - reserved) / 2;
                let is_low = (messages == 0 || queue.len() <= half)
                    && bytes.is_none_or(|most| left + incomplete <= most / 2);
                prop_assert!(!waits || !is_low, "{} messages, {left} bytes left", queue.len());
                prop_assert!(!waits || !queue.is_empty());
            }
        }
    }
}
