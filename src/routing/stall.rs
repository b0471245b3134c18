//! A peer at its high-water mark, and what it misses meanwhile.

use crate::pipe::Writer;
use crate::signal::{News, Wakes};

/// Whether a peer has no room, and how much was dropped for that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stall {
    /// It had no room, and has not said that there is some.
    full: bool,
    /// What it missed since then, and in all the times before.
    now: u64,
    before: u64,
}

impl Stall {
    #[inline]
    pub(crate) fn is_on(self) -> bool {
        self.full
    }

    /// A message for it was dropped; `true` if it had room until now, which its owner is told.
    pub(crate) fn miss(&mut self, writer: &Writer, wakes: &mut Wakes) -> bool {
        self.miss_some(1, writer, wakes)
    }

    /// The same for several.
    pub(crate) fn miss_some(&mut self, count: usize, writer: &Writer, wakes: &mut Wakes) -> bool {
        self.now += count as u64;
        let begins = !std::mem::replace(&mut self.full, true);
        if begins {
            writer.tell_owner(News::Stalled, wakes);
        }
        begins
    }

    /// It has room again; how many it missed while it had none.
    pub(crate) fn end(&mut self) -> u64 {
        self.full = false;
        let now = std::mem::take(&mut self.now);
        self.before += now;
        now
    }

    /// How many it had missed when this began.
    pub(crate) fn before(&self) -> u64 {
        self.before
    }

    /// How many it has missed until now.
    pub(crate) fn missed(self) -> u64 {
        self.before + self.now
    }
}
