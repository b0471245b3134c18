//! The one waiting loop: try, register, try again, sleep; for threads and tasks alike.
//!
//! A [`Half`] is a state behind one lock together with those who wait for it to become *ready*.
//! Registering happens under the same lock as the attempt that failed, and every change that can
//! make the state ready is made under it too, so no wake-up can be lost between the two.
//!
//! Three rules keep several waiters alive on one state:
//! * whoever changes the state and leaves it ready wakes the next waiter (`Inner::settle`);
//! * a waiter that was woken and gives up instead (timeout, cancelled future) does the same;
//! * a waiter is taken off the list by whoever wakes it, so it is woken once for one registration.
//!
//! Besides those who wait there are those who *watch* ([`Watch`]): a poller or a descriptor, which
//! wants to know all the time whether something is there. A waiter is woken once and is off the list;
//! a watcher stays, and is told when that changes. What it is told is the state's *level*, which is
//! exact where readiness may be a good guess: somebody will make a call that blocks if it is wrong.
//!
//! Nothing sleeps, and nothing foreign runs, while the lock is held.
//!
//! A half of a socket has [`Surroundings`]: they know what a thread can do instead of sleeping (also
//! [to stay awake](Spin)), and hear of tasks and watchers, which can do nothing.

#[cfg(all(test, loom))]
mod loom;
mod spin;

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

pub(crate) use spin::Spin;

use crate::signal::{Parker, Signal, Wakes, Watch};
use crate::sync::{Mutex, MutexGuard};

/// How long a call may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// Not at all.
    None,
    /// Until this moment.
    Until(Instant),
    /// As long as it takes.
    Forever,
}

impl Patience {
    /// The patience that a duration from now on gives; one too long to be counted is for ever.
    pub(crate) fn from_now(duration: Duration) -> Self {
        if duration.is_zero() {
            return Self::None;
        }
        Instant::now()
            .checked_add(duration)
            .map_or(Self::Forever, Self::Until)
    }

    /// The same of an optional duration, where `None` is for ever.
    pub(crate) fn from_option(duration: Option<Duration>) -> Self {
        duration.map_or(Self::Forever, Self::from_now)
    }
}

/// How often an attempt that gave nothing is made again by a caller who does not wait, while the
/// state says that there is something.
const AGAIN: usize = 1000;

/// A state that can be waited for.
pub(crate) trait Ready {
    /// Whether an attempt would have an outcome now (an error is an outcome too).
    fn ready(&self) -> bool;

    /// Whether somebody watches who must hear of a fall of the level, from now on: then no attempt may
    /// be made past the half.
    fn on_watched(&mut self, _: bool) {}

    /// Whether an attempt would give what its caller wants, for those who watch: looks where only an
    /// attempt would look otherwise. Once the state has ended it is up for ever. `None` if that takes
    /// longer to find out than the lock may be held: then some of the way is done, and the next look
    /// goes on from there.
    fn level(&mut self, _: &mut Wakes) -> Option<bool> {
        Some(self.ready())
    }
}

/// What a half does not know of itself: where that comes from what is waited for.
pub(crate) trait Surroundings: Send + Sync {
    /// Passes the time until woken (`true`) or until the deadline (`false`), as
    /// [`Parker::park`] does. Called with no lock held.
    fn sleep(&self, me: &Arc<Parker>, deadline: Option<Instant>) -> bool;

    /// A task waits from now on, or somebody watches. Called with the lock held.
    fn came(&self, wakes: &mut Wakes);

    /// It does no more. Called with the lock held, or without.
    fn went(&self);
}

/// Somebody who waits, as the surroundings count it.
struct Counted(Arc<dyn Surroundings>);

impl Counted {
    fn new(among: Option<&Arc<dyn Surroundings>>, wakes: &mut Wakes) -> Option<Self> {
        among.map(|surroundings| {
            surroundings.came(wakes);
            Self(surroundings.clone())
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.went();
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

/// One side of a socket: a state and those who wait for it, behind one lock.
pub(crate) struct Half<S> {
    inner: Mutex<Inner<S>>,
    surroundings: Option<Arc<dyn Surroundings>>,
}

impl<S: fmt::Debug> fmt::Debug for Half<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[derive(Debug)]
struct Inner<S> {
    state: S,
    waiters: VecDeque<Waiter>,
    next_ticket: u64,
    watches: Vec<Watched>,
}

/// One who watches, and what it knows.
#[derive(Debug)]
struct Watched {
    watch: Watch,
    /// The level it was told last, or has looked up since.
    level: bool,
    /// Whether it wants to hear of a fall, too.
    falls: bool,
    _counted: Option<Counted>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    signal: Signal,
    /// Tasks only: a thread is asked when it is about to sleep.
    _counted: Option<Counted>,
}

/// The registration of one waiting task; a dropped future must hand it back with [`Half::cancel`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// The patience ended before the state became ready.
#[derive(Debug)]
pub(crate) struct TimedOut;

impl<S: Ready> Half<S> {
    pub(crate) fn new(state: S) -> Self {
        Self {
            inner: Mutex::new(Inner {
                state,
                waiters: VecDeque::new(),
                next_ticket: 0,
                watches: Vec::new(),
            }),
            surroundings: None,
        }
    }

    /// The same in such surroundings.
    pub(crate) fn within(self, surroundings: impl Surroundings + 'static) -> Self {
        Self {
            surroundings: Some(Arc::new(surroundings)),
            ..self
        }
    }

    /// Makes one attempt; `None` if it has no outcome yet.
    #[inline]
    pub(crate) fn attempt<T>(
        &self,
        attempt: impl FnOnce(&mut S, &mut Wakes) -> Option<T>,
    ) -> Option<T> {
        let mut wakes = Wakes::new();
        let mut inner = self.inner.lock();
        let outcome = attempt(&mut inner.state, &mut wakes);
        if inner.is_attended() {
            inner.settle(&mut wakes);
        }
        drop(inner);
        wakes.fire();
        outcome
    }

    /// Makes an attempt that is so plain that nobody is ever owed a wake-up for it. `None`: somebody
    /// waits or watches, who may be, and it was not made.
    #[inline]
    pub(crate) fn attempt_plainly<T>(&self, attempt: impl FnOnce(&mut S) -> T) -> Option<T> {
        let mut inner = self.inner.lock();
        (!inner.is_attended()).then(|| attempt(&mut inner.state))
    }

    /// Attempts until there is an outcome, sleeping in between.
    #[inline]
    pub(crate) fn wait<T>(
        &self,
        patience: impl FnOnce() -> Patience,
        mut attempt: impl FnMut(&mut S, &mut Wakes) -> Option<T>,
    ) -> Result<T, TimedOut> {
        match self.attempt(&mut attempt) {
            Some(outcome) => Ok(outcome),
            None => self.wait_slowly(patience(), attempt),
        }
    }

    #[cold]
    fn wait_slowly<T>(
        &self,
        patience: Patience,
        mut attempt: impl FnMut(&mut S, &mut Wakes) -> Option<T>,
    ) -> Result<T, TimedOut> {
        let deadline = match patience {
            // An attempt may have passed over what nobody wants, with more behind that.
            Patience::None => {
                return (0..AGAIN)
                    .take_while(|_| self.peek(Ready::ready))
                    .find_map(|_| self.attempt(&mut attempt))
                    .ok_or(TimedOut);
            }
            Patience::Until(deadline) => Some(deadline),
            Patience::Forever => None,
        };
        let parker = Parker::current();
        let mut expired = false;
        loop {
            let mut wakes = Wakes::new();
            let mut inner = self.inner.lock();
            let outcome = attempt(&mut inner.state, &mut wakes);
            let ticket = match outcome {
                None if !expired => Some(inner.register(Signal::Thread(parker.clone()), None)),
                _ => None,
            };
            if inner.is_attended() {
                inner.settle(&mut wakes);
            }
            drop(inner);
            wakes.fire();
            let Some(ticket) = ticket else {
                return outcome.ok_or(TimedOut);
            };
            // A state that is ready for ever and yet gives nothing must not outlast the deadline.
            let woken = match &self.surroundings {
                Some(surroundings) => surroundings.sleep(&parker, deadline),
                None => parker.park(deadline),
            };
            if !woken || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                // Off the list before the last attempt. Had a wake-up been on its way to us, that
                // attempt takes what it was for, or `settle` passes it on.
                self.inner.lock().unregister(&ticket);
                expired = true;
            }
        }
    }

    /// Makes one attempt for a task, and registers its waker if there is no outcome yet.
    pub(crate) fn poll<T>(
        &self,
        cx: &Context<'_>,
        registration: &mut Option<Ticket>,
        attempt: impl FnOnce(&mut S, &mut Wakes) -> Option<T>,
    ) -> Poll<T> {
        let mut wakes = Wakes::new();
        let mut stale = None;
        // Cloned before it is known to be needed: it is foreign code.
        let waker = cx.waker().clone();
        let mut inner = self.inner.lock();
        if let Some(ticket) = registration.take() {
            stale = inner.unregister(&ticket);
        }
        let outcome = attempt(&mut inner.state, &mut wakes);
        let mut waker = Some(waker);
        if outcome.is_none() {
            *registration = waker.take().map(|waker| {
                let counted = Counted::new(self.surroundings.as_ref(), &mut wakes);
                inner.register(Signal::Task(waker), counted)
            });
        }
        if inner.is_attended() {
            inner.settle(&mut wakes);
        }
        drop(inner);
        // First: to drop a waker is to run foreign code, whose panic is nobody else's.
        wakes.fire();
        drop((stale, waker));
        outcome.map_or(Poll::Pending, Poll::Ready)
    }

    /// Attempts until there is an outcome, for a task. A future that is dropped before passes a
    /// wake-up that it had been given on.
    pub(crate) fn wait_async<'a, T, F>(
        &'a self,
        attempt: F,
    ) -> impl Future<Output = T> + use<'a, T, S, F>
    where
        F: FnMut(&mut S, &mut Wakes) -> Option<T>,
    {
        Attempts {
            half: self,
            ticket: None,
            attempt,
        }
    }

    /// Gives up a task's registration; a wake-up that it had already consumed goes to the next.
    pub(crate) fn cancel(&self, ticket: &Ticket) {
        let mut wakes = Wakes::new();
        let mut inner = self.inner.lock();
        let stale = inner.unregister(ticket);
        inner.settle(&mut wakes);
        drop(inner);
        wakes.fire();
        drop(stale);
    }

    /// Changes the state on behalf of somebody else, and wakes a waiter if it is ready then.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::new();
        let mut inner = self.inner.lock();
        let result = change(&mut inner.state, &mut wakes);
        inner.settle(&mut wakes);
        drop(inner);
        wakes.fire();
        result
    }

    /// The same for a caller that holds another lock: the wake-ups are added to its own.
    pub(crate) fn update_within<R>(
        &self,
        wakes: &mut Wakes,
        change: impl FnOnce(&mut S, &mut Wakes) -> R,
    ) -> R {
        let mut inner = self.inner.lock();
        let result = change(&mut inner.state, wakes);
        inner.settle(wakes);
        result
    }

    /// Changes the state for good, and wakes everybody who waits.
    pub(crate) fn update_for_all<R>(&self, change: impl FnOnce(&mut S, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::new();
        let result = self.update_for_all_within(&mut wakes, change);
        wakes.fire();
        result
    }

    /// The same for a caller that holds another lock: the wake-ups are added to its own.
    pub(crate) fn update_for_all_within<R>(
        &self,
        wakes: &mut Wakes,
        change: impl FnOnce(&mut S, &mut Wakes) -> R,
    ) -> R {
        let mut inner = self.inner.lock();
        let result = change(&mut inner.state, wakes);
        for waiter in inner.waiters.drain(..) {
            wakes.signal(waiter.signal);
        }
        inner.tell_watchers(wakes);
        result
    }

    /// The same where its lock is free; `None`: it is not.
    pub(crate) fn try_update_for_all<R>(&self, change: impl FnOnce(&mut S) -> R) -> Option<R> {
        let mut inner = self.inner.try_lock()?;
        let mut wakes = Wakes::new();
        let result = change(&mut inner.state);
        for waiter in inner.waiters.drain(..) {
            wakes.signal(waiter.signal);
        }
        drop(inner);
        wakes.fire();
        Some(result)
    }

    /// Looks at the state.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        let inner: MutexGuard<'_, Inner<S>> = self.inner.lock();
        look(&inner.state)
    }
}

/// A task that waits for an outcome.
struct Attempts<'a, S: Ready, F> {
    half: &'a Half<S>,
    ticket: Option<Ticket>,
    attempt: F,
}

// Nothing in it is ever pinned.
impl<S: Ready, F> Unpin for Attempts<'_, S, F> {}

impl<T, S: Ready, F> Future for Attempts<'_, S, F>
where
    F: FnMut(&mut S, &mut Wakes) -> Option<T>,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        this.half.poll(cx, &mut this.ticket, &mut this.attempt)
    }
}

impl<S: Ready, F> Drop for Attempts<'_, S, F> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.half.cancel(&ticket);
        }
    }
}

/// What has a level that can be watched.
pub(crate) trait Watchable: Send + Sync {
    /// Begins to tell of changes of the level: of its rise, and of its fall if that is asked for.
    /// Gives what it is now; what is not clear yet counts as risen, for who watches to look.
    fn watch(&self, watch: Watch, falls: bool, wakes: &mut Wakes) -> bool;

    /// Tells of nothing but the end.
    fn watch_end(&self, watch: Watch);

    /// Tells no more.
    fn unwatch(&self, id: u64);

    /// The level as it is now, or `None` if that is not clear before the next look; one who watches
    /// under this name takes it for told.
    fn look(&self, id: u64, wakes: &mut Wakes) -> Option<bool>;

    /// The level as one who watches under this name was told it last.
    #[cfg_attr(any(loom, not(unix)), allow(dead_code, reason = "for descriptors"))]
    fn told(&self, id: u64) -> bool;

    /// Those who watch, who are told no more from now on.
    fn take_watches(&self) -> Vec<Watch>;
}

impl<S: Ready + Send> Watchable for Half<S> {
    fn watch(&self, watch: Watch, falls: bool, wakes: &mut Wakes) -> bool {
        let mut inner = self.inner.lock();
        let level = inner.state.level(wakes).unwrap_or(true);
        inner.watches.push(Watched {
            watch,
            level,
            falls,
            _counted: Counted::new(self.surroundings.as_ref(), wakes),
        });
        inner.note_watched();
        inner.settle(wakes);
        level
    }

    fn watch_end(&self, watch: Watch) {
        // Whoever knows of a rise and does not care for a fall has nothing to hear.
        self.inner.lock().watches.push(Watched {
            watch,
            level: true,
            falls: false,
            _counted: None,
        });
    }

    fn unwatch(&self, id: u64) {
        let mut inner = self.inner.lock();
        let place = inner.watches.iter().position(|known| known.watch.id == id);
        let gone = place.map(|place| inner.watches.swap_remove(place));
        inner.note_watched();
        drop(inner);
        drop(gone);
    }

    fn take_watches(&self) -> Vec<Watch> {
        let mut inner = self.inner.lock();
        let watches = std::mem::take(&mut inner.watches);
        inner.note_watched();
        drop(inner);
        watches.into_iter().map(|known| known.watch).collect()
    }

    fn told(&self, id: u64) -> bool {
        let inner = self.inner.lock();
        let known = inner.watches.iter().find(|known| known.watch.id == id);
        known.is_some_and(|known| known.level)
    }

    fn look(&self, id: u64, wakes: &mut Wakes) -> Option<bool> {
        let mut inner = self.inner.lock();
        let level = inner.state.level(wakes);
        if let Some(known) = inner.watches.iter_mut().find(|known| known.watch.id == id) {
            known.level = level.unwrap_or(true);
        }
        inner.settle(wakes);
        level
    }
}

impl<S: Ready> Inner<S> {
    fn register(&mut self, signal: Signal, counted: Option<Counted>) -> Ticket {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiters.push_back(Waiter {
            ticket,
            signal,
            _counted: counted,
        });
        Ticket(ticket)
    }

    /// Takes a registration off the list; its signal is returned so that a foreign waker is
    /// dropped outside the lock. `None`: it has been woken already.
    fn unregister(&mut self, ticket: &Ticket) -> Option<Signal> {
        // They stand in the order of their tickets, and there may be thousands.
        let place = self
            .waiters
            .binary_search_by_key(&ticket.0, |waiter| waiter.ticket)
            .ok()?;
        self.waiters.remove(place).map(|waiter| waiter.signal)
    }

    fn note_watched(&mut self) {
        let is_watched = self.watches.iter().any(|known| known.falls);
        self.state.on_watched(is_watched);
    }

    /// Whether anybody waits or watches.
    #[inline]
    fn is_attended(&self) -> bool {
        !self.waiters.is_empty() || !self.watches.is_empty()
    }

    /// Wakes the next waiter if the state is ready, and tells those who watch.
    fn settle(&mut self, wakes: &mut Wakes) {
        if self.state.ready()
            && let Some(waiter) = self.waiters.pop_front()
        {
            wakes.signal(waiter.signal);
        }
        self.tell_watchers(wakes);
    }

    fn tell_watchers(&mut self, wakes: &mut Wakes) {
        // To whom only a rise matters, what is up is no news.
        if self.watches.iter().all(|known| known.level && !known.falls) {
            return;
        }
        let level = self.state.level(wakes).unwrap_or(true);
        for known in &mut self.watches {
            if known.level != level && (level || known.falls) {
                known.level = level;
                wakes.watch(known.watch.clone());
            }
        }
    }
}
