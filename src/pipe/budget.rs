//! The bytes that all queues of a context may hold together.
//!
//! Nothing is counted message by message. A lane has a *share*, which it takes in steps as its queue
//! grows and gives back as batches are worked off; what it may hold without asking is one threshold
//! with its own limit in bytes, so that looking for room costs the same with a budget as without.
//!
//! ```text
//!   a lane        0 ── free ──┬── share, in steps ──┬── asks here, or waits in line
//!   the budget    0 ──────── used ──────────┬─ 7/8: those in line are told ─┬── limit
//! ```
//!
//! What is there is there: a share follows its queue even beyond the limit. Only what is not there
//! yet can be refused.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::signal::{News, Post, Target, Wakes};
use crate::sync::Mutex;

/// What a context's queues have left.
pub(crate) struct Budget {
    limit: usize,
    /// By how much a share grows.
    step: usize,
    pool: Mutex<Pool>,
}

#[derive(Default)]
struct Pool {
    used: usize,
    waiting: Vec<Waiting>,
    /// Counts how often those who wait have been told.
    round: u64,
}

/// A writer that waits for room. Weak: who leaves meanwhile must not live on for that.
struct Waiting {
    owner: Weak<dyn Post>,
    token: u64,
}

/// The largest step: a queue that grows asks once in so many bytes.
const STEP_MAX: usize = 32 << 10;

/// What part of the limit a step is at most, so that many queues can have one.
const STEPS: usize = 64;

/// What part of a step a queue holds free of charge: one that is hardly ever longer than a few small
/// messages has nothing to do with the budget.
const FREE: usize = 8;

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            step: (limit / STEPS).clamp(1, STEP_MAX),
            pool: Mutex::default(),
        }
    }

    fn charge(&self, bytes: usize) {
        self.pool.lock().used += bytes;
    }

    /// `false`: there is not so much left, and `writer` will be told when there is some. Looked at and
    /// put in line under one lock, so that no one who gives back comes in between.
    fn try_charge(&self, bytes: usize, writer: Option<&Target>, line: &mut Option<u64>) -> bool {
        let mut pool = self.pool.lock();
        if pool.used.saturating_add(bytes) <= self.limit {
            pool.used += bytes;
            return true;
        }
        if let Some(writer) = writer
            && line.replace(pool.round) != Some(pool.round)
        {
            pool.waiting.push(Waiting {
                owner: Arc::downgrade(&writer.owner),
                token: writer.token,
            });
        }
        false
    }

    fn give_back(&self, bytes: usize, wakes: &mut Wakes) {
        let mut pool = self.pool.lock();
        pool.used = pool.used.saturating_sub(bytes);
        if pool.waiting.is_empty() || pool.used > self.limit - self.limit / 8 {
            return;
        }
        pool.round += 1;
        let told = std::mem::take(&mut pool.waiting);
        drop(pool);
        for Waiting { owner, token } in told {
            if let Some(owner) = owner.upgrade() {
                wakes.post(Target { owner, token }, News::Writable);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.pool.lock().used
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.pool.lock().used;
        write!(f, "Budget({used} of {} bytes)", self.limit)
    }
}

/// What one lane has of the budget, behind the lane's lock.
#[derive(Debug, Default)]
pub(super) struct Share {
    budget: Option<Arc<Budget>>,
    bytes: usize,
    /// The round in which its writer was put in line last.
    line: Option<u64>,
}

impl Share {
    pub(super) fn of(budget: Option<Arc<Budget>>) -> Self {
        Self {
            budget,
            bytes: 0,
            line: None,
        }
    }

    /// Whether there is a budget at all.
    #[inline]
    pub(super) fn is_any(&self) -> bool {
        self.budget.is_some()
    }

    /// By how much it grows and is given back.
    pub(super) fn step(&self) -> usize {
        self.budget
            .as_ref()
            .map_or(usize::MAX, |budget| budget.step)
    }

    /// From how many bytes on it must ask.
    pub(super) fn room(&self) -> usize {
        match &self.budget {
            None => usize::MAX,
            Some(budget) => (budget.step / FREE + self.bytes).max(1),
        }
    }

    /// Asks for more room than what is `held` takes.
    pub(super) fn extend(&mut self, held: usize, writer: Option<&Target>) -> bool {
        let Some(budget) = &self.budget else {
            return true;
        };
        let needed = held.saturating_sub(budget.step / FREE);
        let wanted = (needed + 1).next_multiple_of(budget.step);
        let more = wanted.saturating_sub(self.bytes);
        if budget.try_charge(more, writer, &mut self.line) {
            self.bytes += more;
            return true;
        }
        if let Some(more) = needed.checked_sub(self.bytes) {
            budget.charge(more);
            self.bytes = needed;
        }
        false
    }

    /// Follows what is `held` now; `rests` if there is no more on its way.
    pub(super) fn follow(&mut self, held: usize, rests: bool, wakes: &mut Wakes) {
        let Some(budget) = &self.budget else {
            return;
        };
        let needed = held.saturating_sub(budget.step / FREE);
        let spare = if rests { 0 } else { budget.step };
        if let Some(more) = needed.checked_sub(self.bytes) {
            if more > 0 {
                budget.charge(more);
                self.bytes = needed;
            }
        } else if self.bytes > needed + spare {
            budget.give_back(self.bytes - needed - spare, wakes);
            self.bytes = needed + spare;
        }
    }
}

impl Drop for Share {
    // Whoever ended the lane has given back all there was, and told those in line: this is for a lane
    // that nobody ended.
    fn drop(&mut self) {
        if let Some(budget) = &self.budget
            && self.bytes > 0
        {
            let mut pool = budget.pool.lock();
            pool.used = pool.used.saturating_sub(self.bytes);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::{AtomicU64, Ordering};

    #[derive(Default)]
    struct Told(AtomicU64);

    impl Post for Told {
        fn post(&self, _: u64, news: News) {
            assert_eq!(news, News::Writable);
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn share(budget: &Arc<Budget>) -> Share {
        Share::of(Some(budget.clone()))
    }

    #[test]
    fn a_short_queue_has_nothing_to_do_with_it() {
        let budget = Arc::new(Budget::new(64 << 20));
        let mut one = share(&budget);
        let free = one.room();
        assert_eq!(free, STEP_MAX / FREE);
        one.follow(free, false, &mut Wakes::new());
        assert_eq!(budget.used(), 0);
        assert!(one.extend(free, None));
        assert_eq!(budget.used(), STEP_MAX);
        assert_eq!(one.room(), free + STEP_MAX);
    }

    #[test]
    fn what_is_there_is_counted_and_what_is_not_is_refused() {
        let budget = Arc::new(Budget::new(6400));
        let free = 100 / FREE;
        let (mut one, mut other) = (share(&budget), share(&budget));
        let mut wakes = Wakes::new();
        one.follow(10_000 + free, true, &mut wakes);
        assert_eq!(budget.used(), 10_000);
        assert!(!other.extend(500, None));
        // It has no room, but what it holds counts.
        assert_eq!(budget.used(), 10_000 + 500 - free);
        one.follow(0, true, &mut wakes);
        other.follow(0, true, &mut wakes);
        assert_eq!(budget.used(), 0);
        wakes.fire();
    }

    #[test]
    fn who_is_in_line_is_told_once_when_an_eighth_is_free() {
        let budget = Arc::new(Budget::new(6400));
        let told = Arc::new(Told::default());
        let writer = Target {
            owner: told.clone(),
            token: 7,
        };
        let (mut one, mut other) = (share(&budget), share(&budget));
        let mut follow = |held: usize| {
            let mut wakes = Wakes::new();
            one.follow(held, true, &mut wakes);
            wakes.fire();
        };
        follow(6400);
        for _ in 0..3 {
            assert!(!other.extend(100, Some(&writer)));
        }
        follow(6000);
        assert_eq!(told.0.load(Ordering::SeqCst), 0);
        follow(5000);
        assert_eq!(told.0.load(Ordering::SeqCst), 1);
        follow(0);
        assert_eq!(told.0.load(Ordering::SeqCst), 1);
        assert!(other.extend(100, Some(&writer)));
    }

    #[test]
    fn a_share_that_is_dropped_is_given_back() {
        let budget = Arc::new(Budget::new(6400));
        let mut one = share(&budget);
        assert!(one.extend(1000, None));
        assert!(budget.used() > 0);
        drop(one);
        assert_eq!(budget.used(), 0);
    }
}
