//! How much a lane may hold: messages and bytes queued, against the high-water mark.

use std::ops::{AddAssign, SubAssign};

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
}

impl Limits {
    /// The limit of an inproc pipe: what both sides grant together, unlimited if either is.
    pub(crate) fn joined(sender: usize, receiver: usize) -> Self {
        let messages = if sender == 0 || receiver == 0 {
            0
        } else {
            sender.saturating_add(receiver)
        };
        Self { messages }
    }
}

/// What is queued in a lane, and how much may be.
#[derive(Debug)]
pub(super) struct Credit {
    queued: Load,
    limits: Limits,
}

impl Credit {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            queued: Load::NONE,
            limits,
        }
    }

    /// Whether one more message would be over the limit.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.limits.messages != 0 && self.queued.messages >= self.limits.messages
    }

    /// Whether enough has been worked off to wake a writer that found the lane full: half, so
    /// that a writer at the limit is woken once for many messages (libzmq's low-water mark).
    pub(super) fn is_relieved(&self) -> bool {
        self.limits.messages == 0 || self.queued.messages <= self.limits.messages / 2
    }

    #[inline]
    pub(super) fn add(&mut self, load: Load) {
        self.queued += load;
    }

    #[inline]
    pub(super) fn give_back(&mut self, load: Load) {
        self.queued -= load;
    }

    pub(super) fn queued(&self) -> Load {
        self.queued
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// How much a taker may work off before it must say so, lest the writer waits for nothing.
    pub(super) fn step(&self) -> usize {
        match self.limits.messages {
            0 => usize::MAX,
            limit => limit.div_ceil(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Load = Load {
        messages: 1,
        bytes: 5,
    };

    #[test]
    fn full_at_exactly_the_limit_and_relieved_at_half() {
        let mut credit = Credit::new(Limits { messages: 4 });
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
        let mut credit = Credit::new(Limits { messages: 0 });
        credit.add(Load {
            messages: 1 << 40,
            bytes: 0,
        });
        assert!(!credit.is_full() && credit.is_relieved());
    }

    #[test]
    fn a_step_never_leaves_a_full_writer_unrelieved() {
        for limit in 1..100 {
            let mut credit = Credit::new(Limits { messages: limit });
            credit.add(Load {
                messages: limit,
                bytes: 0,
            });
            credit.give_back(Load {
                messages: credit.step(),
                bytes: 0,
            });
            assert!(credit.is_relieved(), "limit {limit}");
        }
    }

    #[test]
    fn joined_limits_add_up_or_are_unlimited() {
        assert_eq!(Limits::joined(1000, 1000).messages, 2000);
        assert_eq!(Limits::joined(0, 1).messages, 0);
        assert_eq!(Limits::joined(1, 0).messages, 0);
    }
}
