//! Whether one who waits for another thread stays awake for a moment first.
//!
//! To put a thread to sleep and to wake it takes both sides microseconds, and tens of them where the
//! core has gone to sleep with it. Where two threads answer each other faster than that, each on a core
//! of its own, a look at a flag for a fraction of this time spares both. Anywhere else (an answer that
//! takes longer, a core that both share, others that want it) it is a waste, so it has to prove itself:
//!
//! ```text
//!   resting ──(a few short sleeps)──► trying ──(woken meanwhile)──► in step ─┐
//!      ▲                                │                           │   ▲    │ woken meanwhile
//!      └────── for twice as long ───────┴────────(not woken)────────┘   └────┘
//! ```
//!
//! Who tries stays awake for as long as it may take to wake the other, who sleeps. In step both are
//! awake, and who is not woken within what a sleep costs is not going to be.

use std::time::{Duration, Instant};

use crate::signal::Parker;
use crate::sync::{AtomicU64, Ordering};

/// How long one tries.
const TRY: Duration = Duration::from_micros(50);

/// How long one in step stays awake: no longer than it takes to fall asleep and wake up.
const IN_STEP: Duration = Duration::from_micros(5);

/// A sleep up to this long was for one who is near, and at work.
const SHORT: Duration = Duration::from_micros(200);

/// How many short sleeps come before the first try, and how many at most before the next one.
const REST: u64 = 4;
const REST_MAX: u64 = 4096;

/// How often in a row it has to pay until all tries that did not are forgotten.
const PROVEN: u64 = 64;

/// What was learnt of it, at one place where threads wait.
///
/// Several of them may use it at the same time: it is a guess, and nothing else depends on it.
#[derive(Debug)]
pub(crate) struct Spin {
    /// Short sleeps still to come before the next try.
    rest: AtomicU64,
    /// How many there will be if that comes to nothing.
    next_rest: AtomicU64,
    /// How often it has paid since it last did not.
    paid: AtomicU64,
}

impl Default for Spin {
    fn default() -> Self {
        Self {
            rest: AtomicU64::new(REST),
            next_rest: AtomicU64::new(REST),
            paid: AtomicU64::new(0),
        }
    }
}

impl Spin {
    /// Sleeps as [`Parker::park`] does, and stays awake before that if it is likely to be woken at once.
    pub(crate) fn park(&self, me: &Parker, deadline: Option<Instant>) -> bool {
        let since = Instant::now();
        if self.rest.load(Ordering::Relaxed) == 0 {
            let is_woken = self.spin(me, since, deadline);
            self.learn(is_woken);
            // Either way it sees to what it was woken for, or sleeps.
            return me.park(deadline);
        }
        let is_woken = me.park(deadline);
        if is_woken && since.elapsed() < SHORT {
            let rest = self.rest.load(Ordering::Relaxed);
            self.rest.store(rest.saturating_sub(1), Ordering::Relaxed);
        }
        is_woken
    }

    fn spin(&self, me: &Parker, since: Instant, deadline: Option<Instant>) -> bool {
        let limit = match self.paid.load(Ordering::Relaxed) {
            0 => TRY,
            _ => IN_STEP,
        };
        let until = deadline.map_or(since + limit, |at| at.min(since + limit));
        loop {
            // The clock costs more than a look.
            for _ in 0..16 {
                if me.is_woken() {
                    return true;
                }
                std::hint::spin_loop();
            }
            if Instant::now() >= until {
                return false;
            }
        }
    }

    fn learn(&self, has_paid: bool) {
        if has_paid {
            let paid = self.paid.fetch_add(1, Ordering::Relaxed);
            if paid == PROVEN {
                self.next_rest.store(REST, Ordering::Relaxed);
            }
            return;
        }
        let rest = self.next_rest.load(Ordering::Relaxed);
        self.paid.store(0, Ordering::Relaxed);
        self.rest.store(rest, Ordering::Relaxed);
        self.next_rest
            .store((rest * 2).min(REST_MAX), Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Tries once, and says whether it was awake for anything.
    fn wait(spin: &Spin, woken: bool) {
        let me = Parker::current();
        if woken {
            me.unpark();
        }
        let deadline = Instant::now() + Duration::from_micros(1);
        assert_eq!(spin.park(&me, Some(deadline)), woken);
    }

    fn rest(spin: &Spin) -> u64 {
        spin.rest.load(Ordering::Relaxed)
    }

    /// As if so many sleeps had been short.
    fn skip(spin: &Spin, sleeps: u64) {
        spin.rest.store(rest(spin) - sleeps, Ordering::Relaxed);
    }

    #[test]
    fn who_is_not_woken_while_awake_rests_for_longer_each_time() {
        let spin = Spin::default();
        assert_eq!(rest(&spin), REST);
        let mut expected = REST;
        for _ in 0..20 {
            skip(&spin, rest(&spin));
            wait(&spin, false);
            assert_eq!(rest(&spin), expected);
            expected = (expected * 2).min(REST_MAX);
        }
        assert_eq!(rest(&spin), REST_MAX);
    }

    #[test]
    fn a_long_sleep_is_no_reason_to_stay_awake() {
        let spin = Spin::default();
        for _ in 0..2 * REST {
            wait(&spin, false);
        }
        assert_eq!(rest(&spin), REST);
    }

    #[test]
    fn who_is_woken_while_awake_stays_awake_and_tries_that_failed_are_forgotten() {
        let spin = Spin::default();
        for _ in 0..3 {
            skip(&spin, rest(&spin));
            wait(&spin, false);
        }
        skip(&spin, rest(&spin));
        for _ in 0..=PROVEN {
            wait(&spin, true);
            assert_eq!(rest(&spin), 0);
        }
        wait(&spin, false);
        assert_eq!(rest(&spin), REST);
    }
}
