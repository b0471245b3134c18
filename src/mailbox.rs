//! Many writers, one reader at a time: what a reactor is told, and who looks after it.

use std::sync::Arc;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use crate::command::Token;
use crate::signal::{Owed, Parker};
use crate::sync::Mutex;

/// Tokens that have something to do, and orders, for whoever drives the reactor just now.
///
/// Who that is, is kept under the same lock as what it is told, so a wake-up is owed exactly when
/// something is put in that nobody would look at, and only the first writer owes it.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    ready: Vec<Token>,
    orders: Vec<T>,
    /// The reader is gone: nothing is taken in any more.
    stopped: bool,
    who: Who,
    /// Whoever drives has something to look at that is not in here.
    roused: bool,
    keeper: Keeper,
    /// The keeper has been asked to drive, and has not heard it yet.
    called: bool,
    vacancy: Vacancy,
    /// Those who wait, and leave it to others that something comes of it.
    relying: usize,
    /// Those who wait, and would rather drive: how many, some of them, and who was the last.
    in_line: usize,
    line: Vec<Arc<Parker>>,
    came_last: Option<ThreadId>,
    /// How many short waits of such there were, one after the other, while the keeper drove.
    short_waits: u32,
    /// How many of them make it stand by.
    enough: u32,
    /// How often a guest has left without asking for the keeper, since that last had to be.
    smooth: u32,
    /// How long a keeper that stands by sleeps before it looks again.
    watch: Duration,
}

/// Who drives the reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Somebody who will look in here again before it sleeps, or has been asked to.
    Running,
    /// Somebody who sleeps, until there is an event.
    Polling,
    /// Nobody: the keeper looks in some time, if nobody else does before.
    Vacant,
}

/// What the thread does that drives when nobody else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeper {
    /// It drives, or is about to.
    Drives,
    /// It stands by, and looks at a certain time whether nobody drives any more.
    Watches,
    /// It stands by until it is called.
    Sleeps,
}

/// What is known of who drove last, while nobody does.
#[derive(Debug)]
struct Vacancy {
    since: Instant,
    last: Option<ThreadId>,
    /// What that thread says next is an answer, or a question, and goes out at once.
    speaks: bool,
    /// Lately it has said more than one thing between its waits: for so many of them what it says goes
    /// out together, when it waits next.
    streams: u8,
}

/// What a keeper that stands by has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    Drive,
    SleepUntil(Instant),
    Sleep,
}

/// What becomes of one who waits and would rather drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nobody drives, and nobody else waits: to be tried again.
    Vacant,
    /// It stands in line, and owes this.
    InLine(Owed),
}

/// What a guest does that is about to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// Something has been put in: to be looked at first.
    NotYet,
    /// It may go, and owes this once it has gone.
    Now(Owed),
}

/// How long nobody drives at most, if nobody is called before: what was put in meanwhile, and what
/// the system has to say, waits so long.
const VACANT_MAX: Duration = Duration::from_micros(250);
/// The same while nobody waits, if it has not come to that for a while: each look is a timer and two
/// switches of threads, in the middle of somebody's round trip.
const WATCH_MAX: Duration = Duration::from_millis(4);

/// For how long nobody may drive, time and again, while others wait.
const BRIEF: Duration = Duration::from_micros(50);

/// How many of those in line are looked at for one who is awake.
const LINE: usize = 8;

/// How many short waits make the keeper stand by, if nothing speaks against it.
const SHORT_WAITS: u32 = if cfg!(loom) { 0 } else { 3 };
/// The same where something always did.
const SHORT_WAITS_MAX: u32 = 4096;
/// How many times a guest has to leave the place smoothly until that is forgotten.
const SMOOTH: u32 = 256;

/// For how many waits one is remembered as one that says much at once.
const STREAMS: u8 = 16;

impl<T> Mailbox<T> {
    /// The keeper drives from the beginning.
    pub(crate) fn new() -> Self {
        let inner = Inner {
            ready: Vec::new(),
            orders: Vec::new(),
            stopped: false,
            who: Who::Running,
            roused: false,
            keeper: Keeper::Drives,
            called: false,
            vacancy: Vacancy {
                since: Instant::now(),
                last: None,
                speaks: false,
                streams: 0,
            },
            relying: 0,
            in_line: 0,
            line: Vec::new(),
            came_last: None,
            short_waits: 0,
            enough: SHORT_WAITS,
            smooth: 0,
            watch: VACANT_MAX,
        };
        Self {
            inner: Mutex::new(inner),
        }
    }

    // ---- writers

    /// Says that a token has something to do.
    ///
    /// A pipe posts only when its other end went idle, so there is at most one entry for each end
    /// of each pipe.
    pub(crate) fn post(&self, token: Token) -> Owed {
        let mut inner = self.inner.lock();
        if inner.stopped {
            return Owed::Nothing;
        }
        inner.ready.push(token);
        match inner.who {
            Who::Vacant => inner.post_to_nobody(),
            _ => inner.wake(),
        }
    }

    /// There is much to be written for one that has something to do. If that is to go out at the next wait
    /// of who says so, and nothing else is, he had better write it now: nobody else has anything to begin
    /// with meanwhile.
    pub(crate) fn ripen(&self) -> Owed {
        let mut inner = self.inner.lock();
        let is_its = inner.who == Who::Vacant && inner.vacancy.last == this_thread();
        if is_its && !inner.stopped && inner.ready.len() == 1 {
            inner.who = Who::Running;
            return Owed::Turn;
        }
        Owed::Nothing
    }

    /// Gives an order, or gives it back if the reader is gone.
    pub(crate) fn order(&self, order: T) -> Result<Owed, T> {
        let mut inner = self.inner.lock();
        if inner.stopped {
            return Err(order);
        }
        inner.orders.push(order);
        Ok(inner.wake())
    }

    /// Whoever drives is to look at what concerns it alone.
    pub(crate) fn rouse(&self) -> Owed {
        let mut inner = self.inner.lock();
        if inner.who == Who::Vacant {
            return Owed::Nothing;
        }
        inner.roused = true;
        inner.wake()
    }

    /// Takes nothing in from now on.
    pub(crate) fn stop(&self) -> Owed {
        let mut inner = self.inner.lock();
        inner.stopped = true;
        inner.wake()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.inner.lock().stopped
    }

    /// Who owed a [`Turn`](Owed::Turn) cannot have it: the keeper is to look after it.
    pub(crate) fn hand_over(&self) -> Owed {
        let mut inner = self.inner.lock();
        if inner.keeper == Keeper::Drives || inner.called {
            return Owed::Nothing;
        }
        inner.called = true;
        Owed::Call
    }

    /// There is one more who relies on others, or one less.
    pub(crate) fn rely(&self, more: bool) -> Owed {
        let mut inner = self.inner.lock();
        if !more {
            inner.relying = inner.relying.saturating_sub(1);
            return Owed::Nothing;
        }
        inner.relying += 1;
        if inner.who == Who::Vacant {
            inner.let_down();
            inner.call()
        } else {
            Owed::Nothing
        }
    }

    // ---- whoever drives

    /// It goes to sleep; `false`: it must not, there is something for it.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut inner = self.inner.lock();
        let may = inner.is_empty() && !inner.stopped && !inner.roused;
        inner.who = if may { Who::Polling } else { Who::Running };
        may
    }

    /// It is awake and takes everything; the vectors it brings must be empty.
    pub(crate) fn collect(&self, ready: &mut Vec<Token>, orders: &mut Vec<T>) {
        let mut inner = self.inner.lock();
        inner.who = Who::Running;
        inner.roused = false;
        std::mem::swap(&mut inner.ready, ready);
        std::mem::swap(&mut inner.orders, orders);
    }

    // ---- guests

    /// Whether one who waits may drive, if it finds the place free.
    pub(crate) fn may_enter(&self) -> bool {
        let inner = self.inner.lock();
        !inner.stopped && !inner.called && !inner.has_kept_others_waiting()
    }

    /// A guest is about to leave, or to look again if it is `patient`; what it drives may not be `at_rest`.
    /// The next thing that one who `speaks` then says is to go out at once.
    pub(crate) fn leave(
        &self,
        now: Instant,
        speaks: Option<bool>,
        at_rest: bool,
        patient: bool,
    ) -> Leave {
        let mut inner = self.inner.lock();
        if !inner.is_empty() && patient && !inner.stopped {
            inner.who = Who::Running;
            return Leave::NotYet;
        }
        inner.who = Who::Vacant;
        if !inner.is_empty() || inner.stopped {
            inner.smooth = 0;
            return Leave::Now(inner.call());
        }
        inner.smooth += 1;
        if inner.smooth >= SMOOTH {
            inner.smooth = 0;
            inner.enough = SHORT_WAITS;
        }
        inner.vacancy.begin(now, this_thread(), speaks);
        // It has to set its alarm, if it has not, or to a later time.
        let is_urgent = inner.others_wait() || !at_rest;
        let is_late = match inner.keeper {
            Keeper::Drives => false,
            Keeper::Watches => is_urgent && inner.watch > VACANT_MAX,
            Keeper::Sleeps => true,
        };
        if is_late {
            inner.keeper = Keeper::Watches;
            inner.watch = VACANT_MAX;
            return Leave::Now(Owed::Call);
        }
        Leave::Now(Owed::Nothing)
    }

    /// One who waits, and cannot drive just now, sleeps from now on, unless nobody drives.
    pub(crate) fn stand_in_line(&self, parker: &Arc<Parker>) -> Place {
        let mut inner = self.inner.lock();
        let is_vacant = inner.who == Who::Vacant;
        let is_overdue = inner.has_kept_others_waiting();
        if is_vacant && !is_overdue && !inner.stopped {
            return Place::Vacant;
        }
        if is_overdue {
            inner.let_down();
        }
        inner.in_line += 1;
        if inner.line.len() < LINE {
            inner.line.push(parker.clone());
        }
        inner.came_last = this_thread();
        Place::InLine(if is_vacant {
            inner.call()
        } else {
            Owed::Nothing
        })
    }

    /// It was woken, or has given up.
    pub(crate) fn step_out(&self, parker: &Arc<Parker>, was_short: bool) {
        let mut inner = self.inner.lock();
        inner.in_line = inner.in_line.saturating_sub(1);
        if let Some(place) = inner.line.iter().position(|it| Arc::ptr_eq(it, parker)) {
            inner.line.swap_remove(place);
        }
        // There may be others for whom the keeper has to stay, for any number of them.
        inner.short_waits = match was_short {
            true => inner.short_waits.saturating_add(1),
            false => 0,
        };
    }

    // ---- the keeper

    /// It may stop driving, as others do it better. Then it stands by.
    pub(crate) fn step_aside(&self, now: impl FnOnce() -> Instant) -> bool {
        let mut inner = self.inner.lock();
        if inner.short_waits < inner.enough {
            return false;
        }
        if inner.stopped || !inner.is_empty() {
            return false;
        }
        // As if the one that it leaves the place to had just driven.
        let heir = match inner.in_line {
            0 => inner.came_last,
            _ => match inner.line.iter().find(|parker| parker.is_woken()) {
                Some(parker) => parker.thread(),
                None => return false,
            },
        };
        inner.short_waits = 0;
        inner.who = Who::Vacant;
        inner.keeper = Keeper::Watches;
        inner.vacancy.begin(now(), heir, Some(true));
        true
    }

    /// What there is to do for a keeper that stands by.
    pub(crate) fn duty(&self, now: impl FnOnce() -> Instant) -> Duty {
        let mut inner = self.inner.lock();
        if inner.called || inner.stopped {
            inner.keeper = Keeper::Drives;
            inner.called = false;
            inner.watch = VACANT_MAX;
            return Duty::Drive;
        }
        let (now, since) = (now(), inner.vacancy.since);
        let is_vacant = inner.who == Who::Vacant;
        let until = since + if is_vacant { VACANT_MAX } else { inner.watch };
        let is_over = cfg!(loom) || now >= until;
        let (keeper, duty) = match (is_vacant, is_over) {
            (true, true) => {
                if inner.others_wait() {
                    inner.let_down();
                }
                inner.watch = VACANT_MAX;
                (Keeper::Drives, Duty::Drive)
            }
            (true, false) => (Keeper::Watches, Duty::SleepUntil(until)),
            // Somebody drives who will leave and come back soon, as it did before: that costs less if
            // it need not ask for the alarm each time.
            (false, false) => {
                // (What a thread that says much at once has put in waits for a look, too.)
                let is_urgent = inner.others_wait() || inner.vacancy.streams > 0;
                inner.watch = match is_urgent {
                    true => VACANT_MAX,
                    false => (inner.watch * 2).min(WATCH_MAX),
                };
                (Keeper::Watches, Duty::SleepUntil(now + inner.watch))
            }
            (false, true) => (Keeper::Sleeps, Duty::Sleep),
        };
        inner.keeper = keeper;
        duty
    }
}

impl<T> Inner<T> {
    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.orders.is_empty()
    }

    /// Whether anybody waits for what is done here and does not do it.
    fn others_wait(&self) -> bool {
        self.relying + self.in_line > 0
    }

    /// Whether nobody has driven for longer than that should happen often while others wait.
    fn has_kept_others_waiting(&self) -> bool {
        self.who == Who::Vacant
            && self.others_wait()
            && !cfg!(loom)
            && self.vacancy.since.elapsed() > BRIEF
    }

    /// Others wait, and nobody drives who could: the keeper is to stay for longer next time.
    fn let_down(&mut self) {
        self.smooth = 0;
        self.enough = (self.enough * 2).min(SHORT_WAITS_MAX);
    }

    /// Somebody has to look in here.
    fn wake(&mut self) -> Owed {
        match self.who {
            Who::Running => Owed::Nothing,
            Who::Polling => {
                self.who = Who::Running;
                Owed::Wake
            }
            Who::Vacant => self.call(),
        }
    }

    /// The keeper has to drive.
    fn call(&mut self) -> Owed {
        if self.keeper == Keeper::Drives {
            // It is on its way.
            return Owed::Nothing;
        }
        self.who = Who::Running;
        self.called = true;
        Owed::Call
    }

    /// Something is to be done while nobody drives.
    fn post_to_nobody(&mut self) -> Owed {
        if self.vacancy.last != this_thread() {
            return self.call();
        }
        if std::mem::take(&mut self.vacancy.speaks) {
            self.who = Who::Running;
            return Owed::Turn;
        }
        // It goes out with whatever comes before its next wait, or when the keeper looks.
        self.vacancy.streams = STREAMS;
        if self.watch > VACANT_MAX {
            self.watch = VACANT_MAX;
            return self.call();
        }
        Owed::Nothing
    }
}

impl Vacancy {
    fn begin(&mut self, now: Instant, last: Option<ThreadId>, speaks: Option<bool>) {
        self.since = now;
        self.last = last;
        let Some(speaks) = speaks else {
            return;
        };
        self.speaks = speaks && self.streams == 0;
        self.streams = self.streams.saturating_sub(1);
    }
}

#[cfg(not(loom))]
fn this_thread() -> Option<ThreadId> {
    Some(std::thread::current().id())
}

/// In a model many threads are one of the system's: each is taken for the last that drove.
#[cfg(loom)]
fn this_thread() -> Option<ThreadId> {
    None
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    type Orders = Mailbox<()>;

    /// So many wait for a short time, one after the other, while the keeper drives.
    fn short_waits(mailbox: &Orders, count: u32) {
        let me = Parker::current();
        for _ in 0..count {
            assert_eq!(mailbox.stand_in_line(&me), Place::InLine(Owed::Nothing));
            mailbox.step_out(&me, true);
        }
    }

    /// A mailbox whose keeper has stepped aside, and a guest has left at this time.
    fn left(at: Instant) -> Orders {
        let mailbox = Mailbox::new();
        short_waits(&mailbox, SHORT_WAITS);
        assert!(mailbox.step_aside(|| at));
        assert!(mailbox.may_enter());
        let _ = mailbox.fall_asleep();
        mailbox.collect(&mut Vec::new(), &mut Vec::new());
        assert_eq!(
            mailbox.leave(at, Some(true), true, true),
            Leave::Now(Owed::Nothing)
        );
        mailbox
    }

    #[test]
    fn a_keeper_steps_aside_only_for_one_who_is_awake() {
        let mailbox = Orders::new();
        short_waits(&mailbox, SHORT_WAITS);
        let line = [Parker::current(), Parker::current(), Parker::current()];
        for parker in &line {
            assert_eq!(mailbox.stand_in_line(parker), Place::InLine(Owed::Nothing));
        }
        assert!(!mailbox.step_aside(Instant::now));
        line[1].unpark();
        assert!(mailbox.step_aside(Instant::now));
    }

    #[test]
    fn a_keeper_that_is_on_its_way_is_not_taken_for_one_that_stands_by() {
        let mut now = Instant::now();
        let mailbox = left(now);
        while mailbox.inner.lock().watch < WATCH_MAX {
            let _ = mailbox.fall_asleep();
            now += VACANT_MAX / 2;
            assert!(matches!(mailbox.duty(|| now), Duty::SleepUntil(_)));
        }
        let leave = || mailbox.leave(now, Some(true), true, true);
        assert_eq!(leave(), Leave::Now(Owed::Nothing));
        assert_eq!(mailbox.rely(true), Owed::Call);
        assert_eq!(mailbox.duty(|| now), Duty::Drive);
        // A guest was faster, and the keeper waits for it to leave.
        assert_eq!(leave(), Leave::Now(Owed::Nothing));
        assert_eq!(mailbox.inner.lock().keeper, Keeper::Drives);
    }

    #[test]
    fn a_place_is_not_vacant_for_long() {
        let at = Instant::now();
        let mailbox = left(at);
        let until = at + VACANT_MAX;
        assert_eq!(mailbox.duty(|| at), Duty::SleepUntil(until));
        assert_eq!(mailbox.duty(|| until), Duty::Drive);
    }

    #[test]
    fn whoever_keeps_others_waiting_makes_the_keeper_stay_for_longer() {
        let at = Instant::now();
        let mailbox = left(at);
        let line = Parker::current();
        // It came just before.
        mailbox.inner.lock().relying += 1;
        assert_eq!(mailbox.duty(|| at + VACANT_MAX), Duty::Drive);
        let _ = mailbox.fall_asleep();
        short_waits(&mailbox, SHORT_WAITS);
        assert!(!mailbox.step_aside(Instant::now));
        short_waits(&mailbox, SHORT_WAITS);
        assert!(mailbox.step_aside(Instant::now));
        // One who comes while nobody drives is not to wait at all.
        assert_eq!(mailbox.rely(true), Owed::Call);
        assert!(!mailbox.may_enter());
        assert_eq!(mailbox.stand_in_line(&line), Place::InLine(Owed::Nothing));
    }

    #[test]
    fn who_was_away_for_long_while_others_waited_is_not_let_in() {
        let long_ago = Instant::now() - 2 * BRIEF;
        let mailbox = left(long_ago);
        assert!(mailbox.may_enter());
        mailbox.inner.lock().relying += 1;
        assert!(!mailbox.may_enter());
        let me = Parker::current();
        assert_eq!(mailbox.stand_in_line(&me), Place::InLine(Owed::Call));
        // The same time is no matter where nobody waits.
        mailbox.step_out(&me, false);
        let _ = mailbox.rely(false);
        let mailbox = left(long_ago);
        assert_eq!(mailbox.stand_in_line(&me), Place::Vacant);
    }

    #[test]
    fn a_keeper_looks_less_often_while_all_goes_well_and_nobody_waits() {
        let mut now = Instant::now();
        let mailbox = left(now);
        // Guests come and go.
        let guest = |now| {
            let _ = mailbox.fall_asleep();
            mailbox.leave(now, Some(true), true, true)
        };
        let look = |now| {
            let _ = mailbox.fall_asleep();
            match mailbox.duty(|| now) {
                Duty::SleepUntil(then) => then - now,
                duty => panic!("{duty:?}"),
            }
        };
        let mut last = VACANT_MAX;
        while last < WATCH_MAX {
            assert_eq!(guest(now), Leave::Now(Owed::Nothing));
            let next = look(now);
            assert!(next > last);
            now += next;
            last = next;
        }
        // Something was put off.
        let _ = mailbox.fall_asleep();
        let left = mailbox.leave(now, Some(true), false, true);
        assert_eq!(left, Leave::Now(Owed::Call));
        assert_eq!(mailbox.duty(|| now), Duty::SleepUntil(now + VACANT_MAX));
        assert!(look(now) > VACANT_MAX);
        // The first to come makes it look soon.
        let _ = mailbox.rely(true);
        assert_eq!(guest(now), Leave::Now(Owed::Call));
        assert_eq!(mailbox.duty(|| now), Duty::SleepUntil(now + VACANT_MAX));
        assert_eq!(look(now), VACANT_MAX);
    }

    #[test]
    fn what_is_said_all_at_once_does_not_wait_for_a_late_look() {
        let now = Instant::now();
        let mailbox = left(now);
        mailbox.inner.lock().vacancy.streams = 1;
        let _ = mailbox.fall_asleep();
        assert_eq!(mailbox.duty(|| now), Duty::SleepUntil(now + VACANT_MAX));
        // Who has not done so for a while has it called, once.
        mailbox.inner.lock().watch = WATCH_MAX;
        let left = mailbox.leave(now, Some(true), true, true);
        assert_eq!(left, Leave::Now(Owed::Nothing));
        assert_eq!(mailbox.post(1), Owed::Call);
        assert_eq!(mailbox.post(2), Owed::Nothing);
    }
}

#[cfg(all(test, loom))]
mod loom {
    //! A model of two posters and a reader that sleeps when there is nothing for it. (Readers that take
    //! turns: see `io/turn`.)

    use std::sync::Arc;

    use loom::thread;

    use super::Mailbox;
    use crate::signal::{Owed, Parker};

    #[test]
    fn loom_no_post_is_slept_over() {
        loom::model(|| {
            let mailbox = Arc::new(Mailbox::<u64>::new());
            let reader = Parker::current();
            let posters = [1, 2].map(|n| {
                let (mailbox, reader) = (mailbox.clone(), reader.clone());
                thread::spawn(move || {
                    // One tells two things, and does only then what it owes for both.
                    let owed = if n == 1 {
                        [mailbox.post(n), mailbox.post(3)]
                    } else {
                        [mailbox.order(n).unwrap(), Owed::Nothing]
                    };
                    if owed.contains(&Owed::Wake) {
                        reader.unpark();
                    }
                })
            });
            let mut seen = 0;
            while seen < 3 {
                if mailbox.fall_asleep() {
                    reader.park(None);
                }
                let (mut ready, mut orders) = (Vec::new(), Vec::new());
                mailbox.collect(&mut ready, &mut orders);
                seen += ready.len() + orders.len();
            }
            for poster in posters {
                poster.join().unwrap();
            }
        });
    }
}
