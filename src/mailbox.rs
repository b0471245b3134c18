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
    /// Those who wait, and would rather drive; one of them, and who was the last.
    in_line: usize,
    first: Option<Arc<Parker>>,
    came_last: Option<ThreadId>,
    /// How many short waits of such there were, one after the other, while the keeper drove.
    short_waits: u32,
    /// How many of them make it stand by.
    enough: u32,
    /// How often a guest has left without asking for the keeper, since that last had to be.
    smooth: u32,
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
            first: None,
            came_last: None,
            short_waits: 0,
            enough: SHORT_WAITS,
            smooth: 0,
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
        !inner.stopped && !inner.called && !inner.others_wait()
    }

    /// A guest is about to leave, or to look again if it is `patient`. The next thing that one who
    /// `speaks` then says is to go out at once.
    pub(crate) fn leave(&self, now: Instant, speaks: Option<bool>, patient: bool) -> Leave {
        let mut inner = self.inner.lock();
        if !inner.is_empty() && patient && !inner.stopped {
            inner.who = Who::Running;
            return Leave::NotYet;
        }
        inner.who = Who::Vacant;
        let asks = !inner.is_empty() || inner.stopped || inner.others_wait();
        if asks {
            inner.smooth = 0;
            if inner.others_wait() {
                inner.enough = (inner.enough * 2).min(SHORT_WAITS_MAX);
            }
            return Leave::Now(inner.call());
        }
        inner.smooth += 1;
        if inner.smooth >= SMOOTH {
            inner.smooth = 0;
            inner.enough = SHORT_WAITS;
        }
        inner.vacancy.begin(now, this_thread(), speaks);
        // It has to set its alarm, if it has not.
        if inner.keeper == Keeper::Sleeps {
            inner.keeper = Keeper::Watches;
            return Leave::Now(Owed::Call);
        }
        Leave::Now(Owed::Nothing)
    }

    /// One who waits, and cannot drive just now, sleeps from now on, unless nobody drives.
    pub(crate) fn stand_in_line(&self, parker: &Arc<Parker>) -> Place {
        let mut inner = self.inner.lock();
        let is_vacant = inner.who == Who::Vacant;
        if is_vacant && !inner.others_wait() && !inner.stopped {
            return Place::Vacant;
        }
        inner.in_line += 1;
        inner.first = Some(parker.clone());
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
        inner.first.take_if(|first| Arc::ptr_eq(first, parker));
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
        let nobody_waits = match (inner.in_line, &inner.first) {
            (0, _) => true,
            (1, Some(parker)) => parker.is_woken(),
            _ => false,
        };
        if !nobody_waits || inner.relying > 0 || inner.stopped || !inner.is_empty() {
            return false;
        }
        inner.short_waits = 0;
        inner.who = Who::Vacant;
        inner.keeper = Keeper::Watches;
        // As if the one that it leaves the place to had just driven.
        let heir = inner.came_last;
        inner.vacancy.begin(now(), heir, Some(true));
        true
    }

    /// What there is to do for a keeper that stands by.
    pub(crate) fn duty(&self, now: impl FnOnce() -> Instant) -> Duty {
        let mut inner = self.inner.lock();
        if inner.called || inner.stopped {
            inner.keeper = Keeper::Drives;
            inner.called = false;
            return Duty::Drive;
        }
        let (now, until) = (now(), inner.vacancy.since + VACANT_MAX);
        let is_over = cfg!(loom) || now >= until;
        let (keeper, duty) = match (inner.who == Who::Vacant, is_over) {
            (true, true) => (Keeper::Drives, Duty::Drive),
            (true, false) => (Keeper::Watches, Duty::SleepUntil(until)),
            // Somebody drives who will leave and come back soon, as it did before: that costs less if
            // it need not ask for the alarm each time.
            (false, false) => (Keeper::Watches, Duty::SleepUntil(now + VACANT_MAX)),
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
