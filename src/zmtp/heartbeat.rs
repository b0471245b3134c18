//! Whether a silent peer still lives, and that it learns that we do.
//!
//! ```text
//!   heard ──── interval ────► PING ──── timeout ────► lost        (our patience)
//!   heard ──────────── ttl ─────────────► lost                    (what the peer said of itself)
//! ```
//!
//! * **Only silence is asked about.** Any byte is a sign of life, so a busy connection has no PINGs,
//!   and of two idle sides one asks: its PING is the other's sign of life.
//! * **What was said of oneself is kept.** A PING with a TTL says that silence of that length is
//!   death. So whoever has a TTL says something once in an interval even to a peer that is heard all
//!   the time, and tells it once in any case.
//! * **Silence that we make ourselves does not count.** Who does not read cannot hear: all limits
//!   are suspended, and begin anew when it reads again. It goes on sending PINGs, for its peer.
//! * **Nor does silence that the peer cannot help.** A peer may leave our messages unread, at its
//!   own high-water mark, and then it does not come to the PING behind them. So the answer counts
//!   only where nothing was in front of the PING, or if the peer has a TTL: it has said then that it
//!   speaks on its own.
//!
//! A TTL differs from libzmq's in one respect: there any frame takes it back, here it holds until
//! the peer names another one (zero is none).

use std::fmt;
use std::time::{Duration, Instant};

use super::greeting::Version;
use crate::options::Heartbeats;

/// The heartbeat of one connection, from the end of its handshake on.
///
/// What happens is told as it happens (`on_…`), which costs next to nothing; what follows from it is
/// worked out when the [`deadline`](Self::deadline) has come.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    interval: Option<Duration>,
    timeout: Option<Duration>,
    /// What the peer is told of us.
    our_ttl: Option<Duration>,
    /// When anything came last.
    heard: Instant,
    /// When anything was written last.
    said: Instant,
    /// When a PING was sent last, or the connection began.
    pinged: Instant,
    /// The first PING since anything came.
    asked: Option<Asked>,
    /// Whether the peer has been told our TTL.
    introduced: bool,
    /// Whether what the peer says is read.
    listens: bool,
    /// The peer's TTL, while one is in force.
    ttl: Option<Duration>,
    /// The longest TTL that it has ever had.
    promised: Option<Duration>,
}

/// A question that nothing has come since.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    /// Whether a living peer cannot but answer.
    surely: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A PING is to be sent.
    Ping,
    /// The peer is to be taken for dead, unless something has come that was not looked at yet.
    Lost(Silence),
}

/// Why a peer is taken for dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It was asked, and nothing came for so long.
    Unanswered(Duration),
    /// Nothing came for as long as it had said that its silence would mean death.
    Ttl(Duration),
}

impl Heartbeat {
    /// Of a connection whose handshake is complete. `yields`: should both sides be silent, the other
    /// is to ask first.
    pub(crate) fn new(options: Heartbeats, version: Version, yields: bool, now: Instant) -> Self {
        // To a peer of ZMTP 3.0 a PING may be a message for its application.
        let interval = options.interval.filter(|_| version >= Version::V3_1);
        let longer = |interval: Duration| interval.saturating_add(interval / YIELD);
        Self {
            interval: if yields {
                interval.map(longer)
            } else {
                interval
            },
            timeout: options.timeout,
            our_ttl: options.ttl,
            heard: now,
            said: now,
            pinged: now,
            asked: None,
            introduced: false,
            listens: true,
            ttl: None,
            promised: None,
        }
    }

    /// Something was read.
    pub(crate) fn on_heard(&mut self, now: Instant) {
        self.heard = now;
        self.asked = None;
    }

    /// The peer has sent a PING with this TTL.
    pub(crate) fn on_ttl(&mut self, ttl: Duration) {
        self.ttl = Some(ttl).filter(|ttl| !ttl.is_zero());
        self.promised = self.promised.max(self.ttl);
    }

    /// Something was written.
    pub(crate) fn on_said(&mut self, now: Instant) {
        self.said = now;
    }

    /// Whether what the peer says is read from now on.
    pub(crate) fn on_listening(&mut self, listens: bool, now: Instant) {
        if listens && !self.listens {
            self.on_heard(now);
        }
        self.listens = listens;
    }

    /// A PING is on its way. `surely`: the peer has read all messages that were sent before it.
    pub(crate) fn on_pinged(&mut self, surely: bool, now: Instant) {
        self.pinged = now;
        if self.listens {
            self.asked.get_or_insert(Asked { at: now, surely });
        }
    }

    /// A PING with our TTL went out, and was not taken back at once.
    pub(crate) fn on_introduced(&mut self) {
        self.introduced = true;
    }

    /// The TTL for the next PING; zero is none.
    pub(crate) fn our_ttl(&self) -> Duration {
        self.our_ttl.unwrap_or_default()
    }

    /// What is to be done now.
    #[must_use]
    pub(crate) fn due(&self, now: Instant) -> Option<Due> {
        if let Some((at, silence)) = self.lost_at()
            && at <= now
        {
            return Some(Due::Lost(silence));
        }
        (self.ping_at()? <= now).then_some(Due::Ping)
    }

    /// When to look again, if nothing happens until then.
    #[must_use]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let lost_at = self.lost_at().map(|(at, _)| at);
        [self.ping_at(), lost_at].into_iter().flatten().min()
    }

    /// By how much that may be missed.
    pub(crate) fn slack(&self) -> Duration {
        self.interval.or(self.ttl).unwrap_or_default() / SLACK
    }

    fn ping_at(&self) -> Option<Instant> {
        let silent_since = match self.our_ttl {
            _ if !self.listens => self.said,
            None => self.heard,
            Some(_) if !self.introduced => self.pinged,
            Some(_) => self.heard.min(self.said),
        };
        self.pinged.max(silent_since).checked_add(self.interval?)
    }

    fn lost_at(&self) -> Option<(Instant, Silence)> {
        if !self.listens {
            return None;
        }
        let unanswered = self.asked.zip(self.timeout).and_then(|(asked, timeout)| {
            let timeout = if asked.surely {
                timeout
            } else {
                timeout.max(self.promised?)
            };
            Some((asked.at.checked_add(timeout)?, Silence::Unanswered(timeout)))
        });
        let outlived = self
            .ttl
            .and_then(|ttl| Some((self.heard.checked_add(ttl)?, Silence::Ttl(ttl))));
        [unanswered, outlived]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered(timeout) => write!(
                f,
                "the peer is silent: a PING was not answered within {}",
                crate::error::millis(*timeout)
            ),
            Self::Ttl(ttl) => write!(
                f,
                "the peer is silent: nothing came within {}, its own TTL",
                crate::error::millis(*ttl)
            ),
        }
    }
}

/// The side that yields waits longer by this part of the interval: more than the other's slack, so
/// that of two idle sides always the same one asks.
const YIELD: u32 = 8;

/// A deadline may be missed by this part of the interval, so that one turn serves many.
const SLACK: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: u64 = 10;
    const TIMEOUT: u64 = 30;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// A heartbeat, and a clock in seconds.
    struct Bench {
        start: Instant,
        heartbeat: Heartbeat,
    }

    impl Bench {
        fn new(ttl: Option<u64>) -> Self {
            Self::with(
                Heartbeats {
                    interval: Some(s(INTERVAL)),
                    timeout: Some(s(TIMEOUT)),
                    ttl: ttl.map(s),
                },
                Version::V3_1,
            )
        }

        fn with(options: Heartbeats, version: Version) -> Self {
            let start = Instant::now();
            let heartbeat = Heartbeat::new(options, version, false, start);
            Self { start, heartbeat }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + s(seconds)
        }

        fn heard(&mut self, at: u64) {
            self.heartbeat.on_heard(self.at(at));
        }

        fn said(&mut self, at: u64) {
            self.heartbeat.on_said(self.at(at));
        }

        fn listens(&mut self, listens: bool, at: u64) {
            self.heartbeat.on_listening(listens, self.at(at));
        }

        fn pinged(&mut self, surely: bool, at: u64) {
            self.heartbeat.on_pinged(surely, self.at(at));
            self.heartbeat.on_introduced();
            self.said(at);
        }

        /// When to look next, and what is to be done then.
        #[track_caller]
        fn next(&self) -> Option<(u64, Due)> {
            let at = self.heartbeat.deadline()?;
            let due = self.heartbeat.due(at);
            assert_eq!(self.heartbeat.due(at - Duration::from_nanos(1)), None);
            Some((
                at.duration_since(self.start).as_secs(),
                due.expect("there is something to do at the deadline"),
            ))
        }
    }

    const UNANSWERED: Due = Due::Lost(Silence::Unanswered(s(TIMEOUT)));

    const fn ttl(seconds: u64) -> Due {
        Due::Lost(Silence::Ttl(s(seconds)))
    }

    #[test]
    fn a_silent_peer_is_asked_once_an_interval_and_lost_a_timeout_after_the_first() {
        let mut bench = Bench::new(None);
        for at in [10, 20, 30] {
            assert_eq!(bench.next(), Some((at, Due::Ping)));
            bench.pinged(true, at);
        }
        assert_eq!(bench.next(), Some((40, UNANSWERED)));
    }

    #[test]
    fn whatever_comes_is_an_answer() {
        let mut bench = Bench::new(None);
        bench.pinged(true, 10);
        bench.heard(39);
        assert_eq!(bench.next(), Some((49, Due::Ping)));
        bench.pinged(true, 49);
        assert_eq!(bench.next(), Some((59, Due::Ping)));
        bench.pinged(true, 79);
        assert_eq!(bench.next(), Some((79, UNANSWERED)));
    }

    #[test]
    fn who_is_heard_is_not_asked() {
        let mut bench = Bench::new(None);
        for at in [3, 9, 15] {
            bench.heard(at);
            assert_eq!(bench.next(), Some((at + INTERVAL, Due::Ping)));
        }
        // However little we say.
        bench.said(16);
        assert_eq!(bench.next(), Some((25, Due::Ping)));
    }

    #[test]
    fn who_has_a_ttl_tells_it_once_and_then_never_falls_silent() {
        let mut bench = Bench::new(Some(30));
        for at in 1..10 {
            bench.heard(at);
            bench.said(at);
        }
        assert_eq!(bench.next(), Some((10, Due::Ping)));
        bench.pinged(true, 10);
        for at in 11..20 {
            bench.heard(at);
        }
        assert_eq!(bench.next(), Some((20, Due::Ping)));
        bench.said(15);
        assert_eq!(bench.next(), Some((25, Due::Ping)));
    }

    #[test]
    fn a_ttl_that_could_not_be_told_is_told_with_the_next_ping() {
        let mut bench = Bench::new(Some(30));
        let now = bench.at(10);
        bench.heartbeat.on_pinged(true, now);
        for at in 11..20 {
            bench.heard(at);
            bench.said(at);
        }
        assert_eq!(bench.next(), Some((20, Due::Ping)));
    }

    #[test]
    fn of_two_idle_sides_one_asks() {
        let start = Instant::now();
        let options = Heartbeats {
            interval: Some(s(INTERVAL)),
            timeout: Some(s(TIMEOUT)),
            ttl: Some(s(TIMEOUT)),
        };
        let [mut first, mut second] =
            [false, true].map(|yields| Heartbeat::new(options, Version::V3_1, yields, start));
        let mut asked = [0, 0];
        let mut now = start;
        for _ in 0..20 {
            now = first.deadline().min(second.deadline()).unwrap() + first.slack();
            let (who, whom, n) = if first.due(now).is_some() {
                (&mut first, &mut second, 0)
            } else {
                (&mut second, &mut first, 1)
            };
            let Some(due) = who.due(now) else { continue };
            assert_eq!(due, Due::Ping);
            asked[n] += 1;
            // The PING, and the PONG a moment later.
            who.on_pinged(true, now);
            who.on_introduced();
            who.on_said(now);
            whom.on_heard(now);
            whom.on_ttl(who.our_ttl());
            now += Duration::from_millis(1);
            whom.on_said(now);
            who.on_heard(now);
        }
        assert!(asked[0] >= 18 && asked[1] <= 2, "{asked:?}");
        assert!(now.duration_since(start) >= s(18 * INTERVAL));
    }

    #[test]
    fn while_nothing_is_read_nobody_is_lost_and_pings_go_on() {
        let mut bench = Bench::new(Some(30));
        bench.heartbeat.on_ttl(s(20));
        bench.pinged(true, 10);
        bench.listens(false, 15);
        for at in (20..200).step_by(10) {
            assert_eq!(bench.next(), Some((at, Due::Ping)));
            bench.pinged(true, at);
        }
        // The whole time again.
        bench.listens(true, 195);
        assert_eq!(bench.next(), Some((200, Due::Ping)));
        bench.pinged(true, 205);
        assert_eq!(bench.next(), Some((215, ttl(20))));
    }

    #[test]
    fn while_nothing_is_read_what_we_say_is_sign_enough() {
        let mut bench = Bench::new(None);
        bench.listens(false, 1);
        bench.said(7);
        assert_eq!(bench.next(), Some((17, Due::Ping)));
    }

    #[test]
    fn who_may_leave_messages_unread_is_not_lost_unless_it_has_a_ttl() {
        let mut bench = Bench::new(None);
        bench.pinged(false, 10);
        bench.pinged(true, 20);
        for at in (30..200).step_by(10) {
            assert_eq!(bench.next(), Some((at, Due::Ping)));
            bench.pinged(true, at);
        }
        bench.heartbeat.on_ttl(s(50));
        bench.heartbeat.on_ttl(s(0));
        assert_eq!(
            bench.next(),
            Some((60, Due::Lost(Silence::Unanswered(s(50)))))
        );
    }

    #[test]
    fn a_ttl_holds_until_another_is_named() {
        let mut bench = Bench::new(None);
        bench.heard(2);
        bench.heartbeat.on_ttl(s(5));
        assert_eq!(bench.next(), Some((7, ttl(5))));
        bench.heard(6);
        assert_eq!(bench.next(), Some((11, ttl(5))));
        bench.heartbeat.on_ttl(s(0));
        assert_eq!(bench.next(), Some((16, Due::Ping)));
    }

    #[test]
    fn the_longest_ttl_is_no_overflow() {
        let mut bench = Bench::new(None);
        bench.heartbeat.interval = None;
        bench.heartbeat.on_ttl(Duration::from_millis(6_553_500));
        assert_eq!(
            bench.next(),
            Some((
                6553,
                Due::Lost(Silence::Ttl(Duration::from_millis(6_553_500)))
            ))
        );
    }

    #[test]
    fn off_it_never_asks_but_keeps_the_peers_ttl() {
        let off = Heartbeats {
            interval: None,
            timeout: Some(s(TIMEOUT)),
            ttl: Some(s(TIMEOUT)),
        };
        for (options, version) in [(off, Version::V3_1), (Heartbeats::default(), Version::V3_0)] {
            let mut bench = Bench::with(options, version);
            assert_eq!(bench.next(), None);
            bench.listens(false, 1);
            assert_eq!(bench.next(), None);
            bench.listens(true, 2);
            bench.heartbeat.on_ttl(s(7));
            assert_eq!(bench.next(), Some((9, ttl(7))));
        }
    }

    #[test]
    fn without_a_timeout_pings_have_no_consequence() {
        let options = Heartbeats {
            timeout: None,
            ttl: None,
            ..Heartbeats::default()
        };
        let mut bench = Bench::with(options, Version::V3_1);
        for at in (10..200).step_by(10) {
            assert_eq!(bench.next(), Some((at, Due::Ping)));
            bench.pinged(true, at);
        }
    }

    #[test]
    fn no_time_is_too_long() {
        let options = Heartbeats {
            interval: Some(Duration::MAX),
            timeout: Some(Duration::MAX),
            ttl: None,
        };
        for yields in [false, true] {
            let mut heartbeat = Heartbeat::new(options, Version::V3_1, yields, Instant::now());
            assert_eq!(heartbeat.deadline(), None);
            heartbeat.on_pinged(true, Instant::now());
            assert_eq!(heartbeat.deadline(), None);
        }
    }
}
