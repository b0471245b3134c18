//! Who runs the reactor's turn: the I/O thread, or whoever would sleep until that has done it.
//!
//! ```text
//!   post, order ──► mailbox ── who drives? ──┬─ running: will look again
//!                                            ├─ polling: ends its sleep
//!                                            └─ vacant: writes by itself what is an answer; leaves
//!                                               what is one of many, until they are many; or else
//!                                               calls the keeper
//!
//!   keeper (the I/O thread)     drives ──(a few short waits)──► stands by ──(called, or vacant for
//!                                  ▲                               │          too long)──┐
//!                                  └───────────────────────────────┼─────────────────────┘
//!   guest (a call that waits)                           drives until it is woken, then leaves
//! ```
//!
//! A thread that waits for a message and runs the turn meanwhile is woken by the system itself, and
//! has the bytes in its own cache: no other thread is woken for it. So while threads wait for a short
//! time, time and again, the I/O thread steps aside, and one of them is let in. It leaves as soon as it
//! is woken. From then on nobody drives: what comes in the next moment is the same thread's next call,
//! in most cases. If it is not, the I/O thread sees that and drives again. It does so at once if it is
//! called: for orders, and for what other threads have to send.
//!
//! **Others who wait** meanwhile, tasks and pollers and threads in line, are served by whoever drives,
//! which only makes it their matter that nobody may. So then the I/O thread looks after a fraction of a
//! millisecond, always; a thread that was away for a good part of that is not let in again; and after
//! each time that somebody was kept waiting the I/O thread drives for longer before it steps aside.
//! Where nobody else waits it looks less and less often, up to a few milliseconds, while it finds that
//! the place is never vacant for long.
//!
//! Everything else in `io` neither knows nor cares which thread it runs on. A guest counts as an I/O
//! thread for as long: nothing foreign that runs there (a waker, a log's sink) waits in a call of this
//! library.

#[cfg(all(test, loom))]
mod loom;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::thread::{Guest, on_io_thread};
use crate::command::Token;
use crate::home::Home;
use crate::mailbox::{Duty, Leave, Mailbox, Place};
use crate::signal::{Owed, Parker, Rouse};
use crate::sync::Mutex;

/// What is driven.
pub(super) trait Driver {
    /// Sleeps until there is something to do, or until then, and does it.
    fn turn(&mut self, until: Option<Instant>, is_guest: bool);

    /// Does what has been put into the mailbox, and does not sleep.
    fn catch_up(&mut self);

    /// Whether a signal has ended the sleep of the last one.
    fn was_interrupted(&self) -> bool;

    /// Whether nothing was put off until the next turn.
    fn is_at_rest(&self) -> bool;

    /// Ends everything.
    fn shut_down(&mut self);
}

/// How exactly a poll ends: it may sleep longer by this. The rest before a deadline is slept elsewhere.
const COARSE: Duration = Duration::from_millis(1);

/// A wait up to this long is a short one: the answer of one who is near, and awake.
const SHORT: Duration = Duration::from_millis(1);

/// How often a guest that is about to leave looks after what has come since.
const LOOKS: usize = 2;

/// How often one who waits tries to get in where nobody seems to be.
const TRIES: usize = 3;

/// A driver, and how it is decided who drives it.
///
/// Who drives has it in hand, and puts it back when it leaves: no lock is held meanwhile.
pub(super) struct Turn<D, O> {
    seat: Mutex<Seat<D>>,
    mailbox: Mailbox<O>,
    keeper: OnceLock<Arc<Parker>>,
    home: Home,
}

struct Seat<D> {
    /// Nothing while somebody drives, and once it has ended.
    driver: Option<Box<D>>,
    /// The keeper is to hear when it is put back.
    keeper_waits: bool,
}

impl<D: Driver, O> Turn<D, O> {
    pub(super) fn new() -> Self {
        Self {
            seat: Mutex::new(Seat {
                driver: None,
                keeper_waits: false,
            }),
            mailbox: Mailbox::new(),
            keeper: OnceLock::new(),
            home: Home::here(),
        }
    }

    pub(super) fn mailbox(&self) -> &Mailbox<O> {
        &self.mailbox
    }

    /// What is to be driven from now on, or no more.
    pub(super) fn set(&self, driver: Option<D>) {
        let before = std::mem::replace(&mut self.seat.lock().driver, driver.map(Box::new));
        drop(before);
    }

    fn put_back(&self, driver: Box<D>) {
        let mut seat = self.seat.lock();
        seat.driver = Some(driver);
        let keeper_waits = std::mem::take(&mut seat.keeper_waits);
        drop(seat);
        if keeper_waits {
            self.call();
        }
    }

    // ---- those who have something to say

    /// Says that a token has something to do.
    #[inline]
    pub(super) fn post(&self, token: Token, wake: impl FnOnce()) {
        let owed = self.mailbox.post(token);
        self.settle(owed, wake);
    }

    /// There is much to be written for a token that has said so.
    pub(super) fn ripen(&self) {
        if self.mailbox.ripen() == Owed::Turn {
            self.speak();
        }
    }

    /// Does what is owed for something put in.
    #[inline]
    pub(super) fn settle(&self, owed: Owed, wake: impl FnOnce()) {
        match owed {
            Owed::Nothing => {}
            Owed::Wake => wake(),
            Owed::Call => self.call(),
            Owed::Turn => self.speak(),
        }
    }

    #[cold]
    fn call(&self) {
        if let Some(keeper) = self.keeper.get() {
            keeper.unpark();
        }
    }

    /// The calling thread writes what it has just put in.
    fn speak(&self) {
        // (What serves others already goes on with that; and in a child that was forked off the
        // connections are not its own.)
        if !on_io_thread()
            && !self.home.is_elsewhere()
            && let Some(mut driver) = self.try_take()
        {
            guest_run(|| driver.catch_up());
            return self.leave(driver, None);
        }
        if self.mailbox.hand_over() == Owed::Call {
            self.call();
        }
    }

    // ---- those who wait

    /// Passes the time until `me` is woken (`true`), or the deadline has passed or it was interrupted
    /// (`false`): by driving, if that is possible, or else asleep. One who `speaks` waits for an answer to what it said, or for
    /// something that it will answer.
    pub(super) fn wait<R: Rouse + 'static>(
        &self,
        me: &Arc<Parker>,
        whom: &Arc<R>,
        speaks: bool,
        deadline: Option<Instant>,
    ) -> bool {
        let enough = deadline.map(|deadline| deadline.checked_sub(COARSE));
        for _ in 0..TRIES {
            if enough.is_none_or(|until| until.is_some_and(|until| Instant::now() < until))
                && let Some(driver) = self.enter()
            {
                if self.drive(driver, me, whom, speaks, enough.flatten()) {
                    return true;
                }
                break;
            }
            if !speaks {
                break;
            }
            match self.mailbox.stand_in_line(me) {
                Place::Vacant => continue,
                Place::InLine(owed) => {
                    if owed == Owed::Call {
                        self.call();
                    }
                    let since = Instant::now();
                    let woken = me.park(deadline);
                    self.mailbox.step_out(me, woken && since.elapsed() < SHORT);
                    return woken;
                }
            }
        }
        if me.was_interrupted() {
            return false;
        }
        // Whoever leaves the place right now has it looked after.
        if self.mailbox.rely(true) == Owed::Call {
            self.call();
        }
        let woken = me.park(deadline);
        let _ = self.mailbox.rely(false);
        woken
    }

    fn enter(&self) -> Option<Box<D>> {
        if on_io_thread() || !self.mailbox.may_enter() {
            return None;
        }
        self.try_take()
    }

    fn try_take(&self) -> Option<Box<D>> {
        self.seat.lock().driver.take()
    }

    /// Drives until woken (`true`) or interrupted, until then, or until it has all ended.
    fn drive<R: Rouse + 'static>(
        &self,
        mut driver: Box<D>,
        me: &Arc<Parker>,
        whom: &Arc<R>,
        speaks: bool,
        until: Option<Instant>,
    ) -> bool {
        me.go_away(|| whom.clone());
        guest_run(|| driver.catch_up());
        while !me.is_woken()
            && !self.mailbox.is_stopped()
            && until.is_none_or(|until| Instant::now() < until)
            && !me.was_interrupted()
        {
            guest_run(|| driver.turn(until, true));
            if driver.was_interrupted() {
                me.interrupt();
            }
        }
        self.leave(driver, Some(speaks));
        me.come_back()
    }

    fn leave(&self, mut driver: Box<D>, speaks: Option<bool>) {
        let mut looks = LOOKS;
        let owed = loop {
            let (now, at_rest) = (Instant::now(), driver.is_at_rest());
            match self.mailbox.leave(now, speaks, at_rest, looks > 0) {
                Leave::NotYet => guest_run(|| driver.catch_up()),
                Leave::Now(owed) => break owed,
            }
            looks = looks.saturating_sub(1);
        };
        self.put_back(driver);
        if owed == Owed::Call {
            self.call();
        }
    }

    // ---- the keeper

    /// What the I/O thread does: drives, or stands by, until the reactor is stopped.
    pub(super) fn keep(&self) {
        let me = Parker::current();
        // It is done once.
        let _ = self.keeper.set(me.clone());
        loop {
            let mut driver = self.take_when_free(&me);
            loop {
                if self.mailbox.is_stopped() {
                    run(|| driver.shut_down());
                    // With it go the descriptors.
                    return drop(driver);
                }
                run(|| driver.turn(None, false));
                if driver.is_at_rest() && self.mailbox.step_aside(Instant::now) {
                    break;
                }
            }
            self.put_back(driver);
            loop {
                match self.mailbox.duty(Instant::now) {
                    Duty::Drive => break,
                    Duty::Sleep => me.park(None),
                    Duty::SleepUntil(then) => me.park(Some(then)),
                };
            }
        }
    }

    fn take_when_free(&self, me: &Parker) -> Box<D> {
        loop {
            let mut seat = self.seat.lock();
            if let Some(driver) = seat.driver.take() {
                seat.keeper_waits = false;
                return driver;
            }
            seat.keeper_waits = true;
            drop(seat);
            me.park(None);
        }
    }
}

fn guest_run(turn: impl FnOnce()) {
    let _guest = Guest::begin();
    run(turn);
}

/// Runs a turn. A panic that no session's step has caught (in a log sink, say) costs the rest of it:
/// everybody else depends on it going on.
fn run(turn: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(turn)).is_err() {
        // It may be the log's sink that panics.
        let _ = catch_unwind(|| log::error!("a turn of an I/O thread panicked"));
    }
}
