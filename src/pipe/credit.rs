//! How much a lane may hold: messages and bytes queued, against the high-water mark.

use std::ops::{AddAssign, SubAssign};

use crate::options::Options;

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

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
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
    /// Only the newest message is kept, and the limit does not matter.
    pub(crate) conflate: bool,
}

/// What became of everything that was ever let into a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) queued: Load,
    /// Written to the kernel, or taken by the other socket.
    pub(crate) worked_off: Load,
    pub(crate) lost: Load,
}

impl Tally {
    /// All that was ever let in.
    pub(crate) fn let_in(&self) -> Load {
        let mut load = self.queued;
        load += self.worked_off;
        load += self.lost;
        load
    }

    /// How much of what was let in up to `position` is still queued: what is let in first is
    /// worked off first.
    pub(crate) fn left_before(&self, position: Load) -> Load {
        let mut left = position;
        left -= self.worked_off;
        left -= self.lost;
        left
    }
}

impl Limits {
    /// No limit at all.
    pub(crate) const NONE: Self = Self {
        messages: 0,
        conflate: false,
    };

    /// Of what waits to be sent to one peer.
    pub(crate) fn sending(options: &Options) -> Self {
        Self {
            messages: options.send_hwm,
            conflate: options.conflate,
        }
    }

    /// Of what waits to be received from one peer.
    pub(crate) fn receiving(options: &Options) -> Self {
        Self {
            messages: options.recv_hwm,
            conflate: options.conflate,
        }
    }

    /// The limit of an inproc pipe: what both sides grant together, unlimited if either is.
    pub(crate) fn joined(sender: Self, receiver: Self) -> Self {
        let messages = if sender.messages == 0 || receiver.messages == 0 {
            0
        } else {
            sender.messages.saturating_add(receiver.messages)
        };
        Self {
            messages,
            conflate: sender.conflate || receiver.conflate,
        }
    }
}

/// What is queued in a lane, and how much may be.
#[derive(Debug)]
pub(super) struct Credit {
    queued: Load,
    /// Messages to come for which there is to be room.
    reserved: usize,
    worked_off: Load,
    lost: Load,
    limits: Limits,
}

impl Credit {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            queued: Load::NONE,
            reserved: 0,
            worked_off: Load::NONE,
            lost: Load::NONE,
            limits,
        }
    }

    /// Whether one more message would be over the limit.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.limits.messages != 0
            && self.queued.messages + self.reserved >= self.limits.messages
            && !self.limits.conflate
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
        self.limits.messages == 0
            || !self.is_full() && self.queued.messages <= self.unreserved() / 2
    }

    fn unreserved(&self) -> usize {
        self.limits.messages.saturating_sub(self.reserved)
    }

    /// Whether room is kept for any message to come.
    pub(super) fn has_reserved(&self) -> bool {
        self.reserved > 0
    }

    /// Keeps room for one message to come.
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

    /// Nothing of what is queued will ever be worked off; how much that is.
    pub(super) fn lose_all(&mut self) -> Load {
        let lost = self.queued;
        self.lose(lost);
        lost
    }

    /// How many messages have been worked off, or lost.
    #[inline]
    pub(super) fn done(&self) -> usize {
        self.worked_off.messages + self.lost.messages
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            queued: self.queued,
            worked_off: self.worked_off,
            lost: self.lost,
        }
    }

    pub(super) fn queued(&self) -> Load {
        self.queued
    }

    /// `true` if these are others than before.
    pub(super) fn set_limits(&mut self, limits: Limits) -> bool {
        std::mem::replace(&mut self.limits, limits) != limits
    }

    /// How much a taker may work off before it must say so, lest the writer waits for nothing.
    pub(super) fn step(&self) -> usize {
        match self.limits.messages {
            0 => usize::MAX,
            _ if self.limits.conflate => usize::MAX,
            _ => self.unreserved().div_ceil(2).max(1),
        }
    }

    /// The same where a writer waits already, though perhaps not at the limit any more.
    pub(super) fn step_to_relief(&self) -> usize {
        let left = (self.queued.messages).saturating_sub(self.unreserved() / 2);
        self.step().min(left.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(messages: usize) -> Limits {
        Limits {
            messages,
            conflate: false,
        }
    }

    const ONE: Load = Load {
        messages: 1,
        bytes: 5,
    };

    #[test]
    fn full_at_exactly_the_limit_and_relieved_at_half() {
        let mut credit = Credit::new(limit(4));
        for _ in 0..4 {
            assert!(!credit.is_full());
            credit.add(ONE);
        }
        assert!(credit.is_full());
        credit.give_back(ONE);
        assert!(!credit.is_full() && !credit.is_relieved());
        credit.give_back(ONE);
        assert!(credit.is_relieved());
        assert_eq!(
            credit.queued(),
            Load {
                messages: 2,
                bytes: 10
            }
        );
    }

    #[test]
    fn zero_is_unlimited() {
        let mut credit = Credit::new(limit(0));
        credit.add(Load {
            messages: 1 << 40,
            bytes: 0,
        });
        assert!(!credit.is_full() && credit.is_relieved());
    }

    #[test]
    fn a_step_never_leaves_a_full_writer_unrelieved() {
        for most in 1..100 {
            for reserved in 0..most {
                let mut credit = Credit::new(limit(most));
                (0..reserved).for_each(|_| credit.reserve());
                credit.add(Load {
                    messages: most - reserved,
                    bytes: 0,
                });
                assert!(credit.is_full() && !credit.is_relieved());
                credit.give_back(Load {
                    messages: credit.step(),
                    bytes: 0,
                });
                assert!(credit.is_relieved(), "limit {most}, reserved {reserved}");
            }
        }
    }

    #[test]
    fn what_is_reserved_is_not_to_be_had() {
        let mut credit = Credit::new(limit(2));
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
    }
}
