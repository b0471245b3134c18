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
    /// Whether its beginning was told, and how much was with the ends that were.
    told: bool,
    told_missed: u64,
}

/// What there is to tell of it: that it has begun, that it has ended, after so many messages, or,
/// where nobody looked in between, both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StallNews {
    pub(crate) begins: bool,
    pub(crate) ends_after: Option<u64>,
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

    /// What has not been told yet, as it is now: all that was missed is told with some end, however
    /// fast it came and went.
    pub(crate) fn take_news(&mut self) -> Option<StallNews> {
        let begins = !self.told && (self.full || self.missed() > self.told_missed);
        let ends = (self.told || begins) && !self.full;
        self.told = self.full;
        let ends_after = ends.then(|| self.missed() - self.told_missed);
        if ends {
            self.told_missed = self.missed();
        }
        (begins || ends).then_some(StallNews { begins, ends_after })
    }

    /// Another peer is there, who has missed nothing yet.
    pub(super) fn start_anew(&mut self) {
        self.told = false;
        self.told_missed = self.missed();
    }

    /// How many it has missed until now.
    pub(crate) fn missed(self) -> u64 {
        self.before + self.now
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_missed_is_told_with_some_end() {
        let news = |begins, ends_after| Some(StallNews { begins, ends_after });
        let mut stall = Stall::default();
        let miss = |stall: &mut Stall, count| {
            stall.full = true;
            stall.now += count;
        };
        assert_eq!(stall.take_news(), None);
        miss(&mut stall, 2);
        assert_eq!(stall.take_news(), news(true, None));
        miss(&mut stall, 1);
        assert_eq!(stall.take_news(), None);
        stall.end();
        assert_eq!(stall.take_news(), news(false, Some(3)));
        assert_eq!(stall.take_news(), None);
        // It came and went before anybody looked.
        miss(&mut stall, 5);
        stall.end();
        assert_eq!(stall.take_news(), news(true, Some(5)));
        // It went and came again.
        miss(&mut stall, 1);
        assert_eq!(stall.take_news(), news(true, None));
        stall.end();
        miss(&mut stall, 1);
        assert_eq!(stall.take_news(), None);
        stall.end();
        assert_eq!(stall.take_news(), news(false, Some(2)));
        // What one peer has missed is not the next one's.
        miss(&mut stall, 7);
        stall.end();
        stall.start_anew();
        assert_eq!(stall.take_news(), None);
        assert_eq!(stall.missed(), 17);
    }
}
