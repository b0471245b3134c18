//! Moments to come, each with whom it concerns.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::command::Token;

/// One timer that was set. Equal only to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timer {
    at: Instant,
    number: u64,
}

/// The timers of one reactor, soonest first.
#[derive(Debug)]
pub(super) struct Timers {
    queue: BTreeMap<Timer, Token>,
    next: u64,
    /// Where the grid begins that loose timers are moved to.
    origin: Instant,
}

impl Timer {
    /// When it is due.
    pub(super) fn at(&self) -> Instant {
        self.at
    }
}

impl Timers {
    pub(super) fn new(origin: Instant) -> Self {
        Self {
            queue: BTreeMap::new(),
            next: 0,
            origin,
        }
    }

    pub(super) fn set(&mut self, at: Instant, token: Token) -> Timer {
        let timer = Timer {
            at,
            number: self.next,
        };
        self.next += 1;
        self.queue.insert(timer, token);
        timer
    }

    /// Sets a timer that may be late by less than `slack`, and is if that lets others that are as
    /// patient be due with it: a thousand of them take a few turns, not a thousand.
    pub(super) fn set_loosely(&mut self, at: Instant, slack: Duration, token: Token) -> Timer {
        let since = at.saturating_duration_since(self.origin).as_nanos();
        let slack = slack.as_nanos().max(1);
        let late = since.next_multiple_of(slack) - since;
        let late = Duration::from_nanos(u64::try_from(late).unwrap_or_default());
        self.set(at.checked_add(late).unwrap_or(at), token)
    }

    /// Takes a timer back; one that is due already, or was never set, is no matter.
    pub(super) fn cancel(&mut self, timer: Option<Timer>) {
        if let Some(timer) = timer {
            self.queue.remove(&timer);
        }
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|(timer, _)| timer.at)
    }

    /// Takes the next one that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Timer, Token)> {
        if self.next()? > now {
            None
        } else {
            self.queue.pop_first()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn due_in_order_of_time_then_of_setting() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::new(start);
        let late = timers.set(at(30), 1);
        let first = timers.set(at(10), 2);
        let second = timers.set(at(10), 3);
        let cancelled = timers.set(at(5), 4);
        timers.cancel(Some(cancelled));
        timers.cancel(Some(cancelled));
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop_due(at(9)), None);
        assert_eq!(timers.pop_due(at(20)), Some((first, 2)));
        assert_eq!(timers.pop_due(at(20)), Some((second, 3)));
        assert_eq!(timers.pop_due(at(20)), None);
        assert_eq!(timers.pop_due(at(30)), Some((late, 1)));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn loose_timers_meet_and_are_never_early() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::new(start);
        let slack = Duration::from_millis(10);
        for ms in [991, 995, 1000] {
            assert_eq!(timers.set_loosely(at(ms), slack, 1).at(), at(1000));
        }
        assert_eq!(timers.set_loosely(at(1001), slack, 1).at(), at(1010));
        assert_eq!(
            timers.set_loosely(at(1001), Duration::ZERO, 1).at(),
            at(1001)
        );
    }
}
