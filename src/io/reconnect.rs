//! How long to wait before the next attempt to connect.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::options::Reconnect;

/// Exponential backoff with full jitter: each wait is a random part of an interval that doubles
/// from attempt to attempt, so that a thousand clients of a restarted server come back spread out.
///
/// Only a connection that completed its handshake *and* lived for a while starts it anew: a peer
/// that accepts and then throws everybody out is not hammered.
#[derive(Debug)]
pub(super) struct Backoff {
    policy: Reconnect,
    /// What the next wait is a part of.
    interval: Duration,
    random: u64,
}

impl Backoff {
    pub(super) fn new(policy: Reconnect) -> Self {
        Self {
            interval: first_of(policy).unwrap_or_default(),
            policy,
            random: RandomState::new().hash_one(0),
        }
    }

    /// The wait before the next attempt, by the policy as it is now; `None` if there is to be none.
    pub(super) fn next_wait(&mut self, policy: Reconnect) -> Option<Duration> {
        let first = first_of(policy)?;
        if policy != self.policy {
            self.policy = policy;
            self.interval = first;
        }
        let interval = self.interval;
        self.interval = interval
            .saturating_mul(2)
            .min(policy.max.min(LONGEST).max(first));
        Some(interval.mul_f64(self.next_part()).max(SHORTEST))
    }

    /// A connection that had completed its handshake is lost after living for `lived`.
    pub(super) fn on_lost(&mut self, lived: Duration) {
        let first = first_of(self.policy).unwrap_or_default();
        if lived >= first {
            self.interval = first;
        }
    }

    /// A number in 0..1 (xorshift64*; nobody's security depends on it).
    fn next_part(&mut self) -> f64 {
        let mut x = self.random | 1;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random = x;
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The first interval.
fn first_of(policy: Reconnect) -> Option<Duration> {
    policy
        .interval
        .map(|interval| interval.clamp(SHORTEST, LONGEST))
}

/// However short an interval is set: trying again without any pause would leave no time for others.
const SHORTEST: Duration = Duration::from_millis(1);

/// However long: one that is reached is as good as never, and no clock overflows.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn backoff(interval: u64, max: u64) -> Backoff {
        Backoff::new(Reconnect {
            interval: Some(ms(interval)),
            max: ms(max),
        })
    }

    #[test]
    fn waits_stay_within_an_interval_that_doubles_up_to_the_maximum() {
        let mut backoff = backoff(100, 1000);
        for cap in [100, 200, 400, 800, 1000, 1000] {
            assert_eq!(backoff.interval, ms(cap));
            assert!(backoff.next_wait(backoff.policy).unwrap() <= ms(cap));
        }
    }

    #[test]
    fn a_maximum_below_the_interval_keeps_it_constant() {
        let mut backoff = backoff(100, 0);
        for _ in 0..5 {
            assert!(backoff.next_wait(backoff.policy).unwrap() <= ms(100));
            assert_eq!(backoff.interval, ms(100));
        }
    }

    #[test]
    fn only_a_connection_that_lived_starts_it_anew() {
        let mut backoff = backoff(100, 1000);
        for _ in 0..3 {
            backoff.next_wait(backoff.policy);
        }
        backoff.on_lost(ms(99));
        assert_eq!(backoff.interval, ms(800));
        backoff.on_lost(ms(100));
        assert_eq!(backoff.interval, ms(100));
    }

    #[test]
    fn no_interval_is_too_short_or_too_long() {
        for interval in [Duration::ZERO, Duration::MAX] {
            let mut backoff = Backoff::new(Reconnect {
                interval: Some(interval),
                max: Duration::MAX,
            });
            for _ in 0..100 {
                let wait = backoff.next_wait(backoff.policy).unwrap();
                assert!((SHORTEST..=LONGEST).contains(&wait));
            }
        }
    }

    #[test]
    fn another_policy_counts_from_the_next_wait_on() {
        let mut backoff = backoff(100_000, 1_000_000);
        for _ in 0..3 {
            backoff.next_wait(backoff.policy);
        }
        let never = Reconnect {
            interval: None,
            max: ms(1000),
        };
        assert_eq!(backoff.next_wait(never), None);
        let short = Reconnect {
            interval: Some(ms(1)),
            max: ms(2),
        };
        for _ in 0..10 {
            assert!(backoff.next_wait(short).unwrap() <= ms(2));
        }
    }

    #[test]
    fn no_interval_means_never() {
        let mut backoff = Backoff::new(Reconnect {
            interval: None,
            max: ms(1000),
        });
        assert_eq!(backoff.next_wait(backoff.policy), None);
    }

    #[test]
    fn waits_are_spread_over_the_interval() {
        let mut backoff = backoff(1000, 0);
        let waits: Vec<u128> = (0..1000)
            .map(|_| backoff.next_wait(backoff.policy).unwrap().as_millis())
            .collect();
        for tenth in 0..10 {
            let inside = waits.iter().filter(|&&w| w / 100 == tenth).count();
            assert!(
                (50..200).contains(&inside),
                "{inside} of 1000 in tenth {tenth}"
            );
        }
    }
}
