//! Who runs the reactor's turn: the I/O thread, or whoever would sleep until that has done it.
//!
//! ```text
//!   post, order ──► mailbox ── who drives? ──┬─ running: will look again
//!                                            ├─ polling: ends its sleep
//!                                            └─ vacant: writes by itself what is an answer; leaves
//!                                               what is one of many; or else calls the keeper
//!
//!   keeper (the I/O thread)     drives ──(a few short waits)──► stands by ──(called, or vacant for
//!                                  ▲                               │          too long)──┐
//!                                  └───────────────────────────────┼─────────────────────┘
//!   guest (a call that waits)                           drives until it is woken, then leaves
//! ```
//!
//! A thread that waits for a message and runs the turn meanwhile is woken by the system itself, and
//! has the bytes in its own cache: no other thread is woken for it. So while one thread alone waits,
//! time and again, the I/O thread steps aside, and that one is let in. It leaves as soon as it is woken.
//! From then on nobody drives: what comes in the next moment is the same thread's next call, in most
//! cases. If it is not, the I/O thread sees that in a fraction of a millisecond, and drives again.
//! It does so at once if it is called: for orders, for what other threads have to send, and when a
//! guest leaves while others wait, too.
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
use crate::mailbox::{Duty, Leave, Mailbox, Owed, Place};
use crate::signal::{Parker, Rouse};
use crate::sync::{Mutex, MutexGuard};

/// What is driven.
pub(super) trait Driver {
    /// Sleeps until there is something to do, or until then, and does it.
    fn turn(&mut self, until: Option<Instant>, is_guest: bool);

    /// Does what has been put into the mailbox, and does not sleep.
    fn catch_up(&mut self);

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
pub(super) struct Turn<D, O> {
    /// Nothing once it has ended.
    driver: Mutex<Option<D>>,
    mailbox: Mailbox<O>,
    keeper: OnceLock<Arc<Parker>>,
    home: Home,
}

impl<D: Driver, O> Turn<D, O> {
    pub(super) fn new() -> Self {
        Self {
            driver: Mutex::new(None),
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
        let before = std::mem::replace(&mut *self.driver.lock(), driver);
        drop(before);
    }

    // ---- those who have something to say

    /// Says that a token has something to do.
    #[inline]
    pub(super) fn post(&self, token: Token, wake: impl FnOnce()) {
        let owed = self.mailbox.post(token);
        self.settle(owed, wake);
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
            && let Some(mut driver) = self.driver.try_lock()
            && let Some(driving) = driver.as_mut()
        {
            guest_run(|| driving.catch_up());
            return self.leave(driver, None);
        }
        if self.mailbox.hand_over() == Owed::Call {
            self.call();
        }
    }

    // ---- those who wait

    /// Passes the time until `me` is woken (`true`) or the deadline has passed (`false`): by driving,
    /// if that is possible, or else asleep. One who `speaks` waits for an answer to what it said, or for
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
        // Whoever leaves the place right now has it looked after.
        if self.mailbox.rely(true) == Owed::Call {
            self.call();
        }
        let woken = me.park(deadline);
        let _ = self.mailbox.rely(false);
        woken
    }

    fn enter(&self) -> Option<MutexGuard<'_, Option<D>>> {
        let may = !on_io_thread() && self.mailbox.may_enter();
        may.then(|| self.driver.try_lock())
            .flatten()
            .filter(|driver| driver.is_some())
    }

    /// Drives until woken (`true`), until then, or until it has all ended.
    fn drive<R: Rouse + 'static>(
        &self,
        mut driver: MutexGuard<'_, Option<D>>,
        me: &Arc<Parker>,
        whom: &Arc<R>,
        speaks: bool,
        until: Option<Instant>,
    ) -> bool {
        me.go_away(|| whom.clone());
        if let Some(driving) = driver.as_mut() {
            guest_run(|| driving.catch_up());
            while !me.is_woken()
                && !self.mailbox.is_stopped()
                && until.is_none_or(|until| Instant::now() < until)
            {
                guest_run(|| driving.turn(until, true));
            }
        }
        self.leave(driver, Some(speaks));
        me.come_back()
    }

    fn leave(&self, mut driver: MutexGuard<'_, Option<D>>, speaks: Option<bool>) {
        for look in (0..=LOOKS).rev() {
            match self.mailbox.leave(Instant::now(), speaks, look > 0) {
                Leave::NotYet => {
                    if let Some(driving) = driver.as_mut() {
                        guest_run(|| driving.catch_up());
                    }
                }
                Leave::Now(owed) => {
                    drop(driver);
                    if owed == Owed::Call {
                        self.call();
                    }
                    return;
                }
            }
        }
    }

    // ---- the keeper

    /// What the I/O thread does: drives, or stands by, until the reactor is stopped.
    pub(super) fn keep(&self) {
        let me = Parker::current();
        // It is done once.
        let _ = self.keeper.set(me.clone());
        loop {
            let mut driver = self.driver.lock();
            let Some(driving) = driver.as_mut() else {
                return;
            };
            loop {
                if self.mailbox.is_stopped() {
                    run(|| driving.shut_down());
                    // With it go the descriptors; what is dropped may be foreign.
                    let ended = driver.take();
                    drop(driver);
                    return drop(ended);
                }
                run(|| driving.turn(None, false));
                if driving.is_at_rest() && self.mailbox.step_aside(Instant::now) {
                    break;
                }
            }
            drop(driver);
            loop {
                match self.mailbox.duty(Instant::now) {
                    Duty::Drive => break,
                    Duty::Sleep => me.park(None),
                    Duty::SleepUntil(then) => me.park(Some(then)),
                };
            }
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
