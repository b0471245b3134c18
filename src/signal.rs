//! Wake whoever sleeps at the other end: a parked thread, a task, the owner of a pipe's end, or one who
//! watches.
//!
//! Signals are collected in [`Wakes`] while locks are held and fired after every lock is
//! released, because a waker is foreign code and a wake-up may be a system call.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::thread::ThreadId;
use std::time::Instant;

use crate::monitor::Eviction;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// What happened at one end of a pipe, told to the owner of the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// There is something to take again.
    Readable,
    /// There is a message so large that whoever has sent it may as well take it to where it goes, if it
    /// can; if not, and the taker sleeps, which makes it `owed`, this says what `Readable` does.
    Bulk { owed: bool },
    /// Much has been gathered of what was told of before: whoever has said it himself, and is the one to
    /// write it, had better do so now, for who receives it to begin meanwhile.
    Ripe,
    /// Nothing more will come than what is there, if anything.
    Ended,
    /// There is room to write again.
    Writable,
    /// There is no room, and messages are dropped for that: said to the writer itself.
    Stalled,
    /// There is no room since now: said to the writer itself.
    Full,
    /// The other end is gone: nothing written from now on would arrive.
    Closed,
    /// Somebody waits for what was written to be worked off: its credit is to be given back at once.
    Hurry,
    /// What somebody waited for has been worked off, or is lost.
    Flushed,
    /// The peer has forfeited its connection: to be ended, and made again with the usual patience.
    HangUp,
    /// The connection is of no use as it stands: to be ended, and made again at once.
    Renew,
    /// The connection with this incarnation of a peer is to be ended.
    Part(u64),
    /// The peer is one that the socket does not put up with: said to the socket itself.
    Evict(Eviction),
}

/// An owner of pipe ends, to whom news of the other ends is posted.
///
/// `token` is the owner's own name for the pipe; it means nothing to who posts.
/// Called with no lock held. Never blocks for longer than a short critical section.
pub(crate) trait Post: Send + Sync {
    fn post(&self, token: u64, news: News);

    /// The same, but what is owed for it is left to the caller, who has [`settle`](Self::settle) do it
    /// once: many who are told of something may be served by one thread, which need not be woken, and
    /// take its turn, for the first alone. `None`: it has to be posted.
    fn put(&self, _: u64, _: News) -> Option<Owed> {
        None
    }

    /// Does what is owed for something put.
    fn settle(&self, _: Owed) {}
}

/// What whoever puts something in for a thread that serves many owes for it, once no lock is held.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    Nothing,
    /// The sleep of who serves is to be ended.
    Wake,
    /// Who serves when nobody else does is to be called.
    Call,
    /// Who has put it in may serve it, or else has to hand it over.
    Turn,
}

/// How to reach the owner of a pipe's end.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) owner: Arc<dyn Post>,
    pub(crate) token: u64,
}

/// Who watches the level of a state from outside.
///
/// Called with no lock held, perhaps late: what is so now has to be looked up. `id` is the watcher's
/// own name for what it watches.
pub(crate) trait Watcher: Send + Sync {
    /// The level has risen, or fallen if that was asked for.
    fn on_change(&self, id: u64);

    /// What was watched is gone for good.
    fn on_gone(&self, id: u64);
}

/// Whom to tell of a change of level, and under which name.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) watcher: Arc<dyn Watcher>,
    /// Unique in the process.
    pub(crate) id: u64,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch(#{})", self.id)
    }
}

/// One sleeper.
#[derive(Clone, Debug)]
pub(crate) enum Signal {
    Thread(Arc<Parker>),
    Task(Waker),
}

impl Signal {
    pub(crate) fn fire(self) {
        match self {
            Self::Thread(parker) => parker.unpark(),
            Self::Task(waker) => waker.wake(),
        }
    }
}

/// Whoever can end the sleep of a thread that does not sleep in [`Parker::park`].
///
/// Called with no lock held.
pub(crate) trait Rouse: Send + Sync {
    fn rouse(&self);
}

/// Where a thread sleeps that waits in a call, in place of zocket's own way: by another call of the
/// system, one that a signal ends, say. For [`Socket::recv_on`](crate::Socket::recv_on) and
/// [`Socket::send_on`](crate::Socket::send_on).
///
/// It is one thread's at a time.
pub trait Bed: Send + Sync {
    /// Sleeps until [woken](Self::wake), also if that was before it fell asleep, or until the deadline,
    /// or as long as something else allows. To wake for nothing is no harm.
    fn sleep(&self, deadline: Option<Instant>) -> Slept;

    /// Ends the sleep, or the next one if nobody is asleep. Called by any thread, with no lock held; it
    /// must not wait for anything.
    fn wake(&self);
}

/// How a sleep has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slept {
    /// It was woken, perhaps for nothing.
    Woken,
    /// The deadline has passed.
    TimedOut,
    /// Something else has come up (a signal was handled): the call is to end.
    Interrupted,
}

/// A thread that may go to sleep until it is woken.
pub(crate) struct Parker {
    place: Place,
    /// In the place of that.
    lent: Option<Arc<dyn Bed>>,
    /// Its sleep was interrupted. Written and read by its own thread.
    interrupted: AtomicBool,
    /// Whether it was [`WOKEN`], and whether it is [`AWAY`]; in one word, so that who wakes it and who
    /// goes away cannot miss each other.
    state: AtomicU64,
    whom: OnceLock<Whom>,
}

/// It was woken, and has not seen that yet.
const WOKEN: u64 = 1;
/// It does something useful in the meantime, and sleeps there if at all.
const AWAY: u64 = 2;

struct Whom(Arc<dyn Rouse>);

impl fmt::Debug for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Whom")
    }
}

impl Parker {
    /// The parker of the calling thread.
    pub(crate) fn current() -> Arc<Self> {
        Self::on(None)
    }

    /// The same, asleep in a bed that was lent, if any was.
    pub(crate) fn on(lent: Option<Arc<dyn Bed>>) -> Arc<Self> {
        Arc::new(Self {
            place: Place::of_this_thread(),
            lent,
            interrupted: AtomicBool::new(false),
            state: AtomicU64::new(0),
            whom: OnceLock::new(),
        })
    }

    /// Sleeps until woken (`true`), or until the deadline or an interruption (`false`). Only for its own
    /// thread.
    pub(crate) fn park(&self, deadline: Option<Instant>) -> bool {
        // Other users of this thread's token may cause a return for nothing: the state tells.
        while self.state.fetch_and(!WOKEN, Ordering::AcqRel) & WOKEN == 0 {
            if self.was_interrupted() || !self.sleep(deadline) {
                return false;
            }
        }
        true
    }

    fn sleep(&self, deadline: Option<Instant>) -> bool {
        let Some(lent) = &self.lent else {
            return self.place.sleep(deadline);
        };
        match lent.sleep(deadline) {
            Slept::Woken => true,
            Slept::TimedOut => false,
            Slept::Interrupted => {
                self.interrupt();
                false
            }
        }
    }

    /// What it waits in was interrupted. That is the end of its wait if its bed was lent.
    pub(crate) fn interrupt(&self) {
        self.interrupted
            .store(self.lent.is_some(), Ordering::Relaxed);
    }

    /// Whether it has been interrupted.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    pub(crate) fn unpark(&self) {
        let before = self.state.fetch_or(WOKEN, Ordering::AcqRel);
        if before & AWAY == 0 {
            match &self.lent {
                Some(lent) => lent.wake(),
                None => self.place.wake(),
            }
        } else if !self.place.is_of_this_thread()
            && let Some(Whom(whom)) = self.whom.get()
        {
            // (Should it be its own thread, it is about to look.)
            whom.rouse();
        }
    }

    /// Whose it is; in a model many threads are one of the system's.
    pub(crate) fn thread(&self) -> Option<ThreadId> {
        self.place.thread()
    }

    /// Whether it was woken, and has not slept since.
    pub(crate) fn is_woken(&self) -> bool {
        self.state.load(Ordering::Acquire) & WOKEN != 0
    }

    /// From now on whoever wakes this thread calls `whom` instead; until it [comes
    /// back](Self::come_back). It has to look whether it [was woken](Self::is_woken) after this, and
    /// whenever it was roused. `whom` has to be the same each time.
    pub(crate) fn go_away(&self, whom: impl FnOnce() -> Arc<dyn Rouse>) {
        self.whom.get_or_init(|| Whom(whom()));
        self.state.fetch_or(AWAY, Ordering::AcqRel);
    }

    /// It is to be woken as usual again. Says whether it was woken meanwhile.
    pub(crate) fn come_back(&self) -> bool {
        self.state.fetch_and(!(AWAY | WOKEN), Ordering::AcqRel) & WOKEN != 0
    }
}

impl fmt::Debug for Parker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parker({:?})", self.place)
    }
}

/// Where a thread sleeps that was lent no bed.
#[cfg(not(loom))]
#[derive(Debug)]
struct Place(std::thread::Thread);

#[cfg(not(loom))]
impl Place {
    fn of_this_thread() -> Self {
        Self(std::thread::current())
    }

    fn thread(&self) -> Option<ThreadId> {
        Some(self.0.id())
    }

    fn is_of_this_thread(&self) -> bool {
        std::thread::current().id() == self.0.id()
    }

    /// Sleeps until woken, perhaps for nothing; `false`: the deadline has passed.
    fn sleep(&self, deadline: Option<Instant>) -> bool {
        match deadline {
            None => std::thread::park(),
            Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                Some(time) if !time.is_zero() => std::thread::park_timeout(time),
                _ => return false,
            },
        }
        true
    }

    fn wake(&self) {
        self.0.unpark();
    }
}

/// The same in a model. loom forgets an unpark that comes while the thread is blocked elsewhere,
/// and has no time: a deadline never passes.
#[cfg(loom)]
#[derive(Debug)]
struct Place {
    thread: loom::thread::ThreadId,
    token: loom::sync::Mutex<bool>,
    given: loom::sync::Condvar,
}

#[cfg(loom)]
impl Place {
    fn of_this_thread() -> Self {
        Self {
            thread: loom::thread::current().id(),
            token: loom::sync::Mutex::new(false),
            given: loom::sync::Condvar::new(),
        }
    }

    fn thread(&self) -> Option<ThreadId> {
        None
    }

    fn is_of_this_thread(&self) -> bool {
        loom::thread::current().id() == self.thread
    }

    fn sleep(&self, _: Option<Instant>) -> bool {
        let mut token = self.token.lock().unwrap();
        while !*token {
            token = self.given.wait(token).unwrap();
        }
        *token = false;
        true
    }

    fn wake(&self) {
        *self.token.lock().unwrap() = true;
        self.given.notify_one();
    }
}

/// Wake-ups owed, to be fired once every lock is released.
#[must_use]
#[derive(Default)]
pub(crate) struct Wakes {
    // One wake-up is by far the most frequent number above none: it costs no allocation.
    first: Option<Wake>,
    rest: Vec<Wake>,
}

enum Wake {
    Signal(Signal),
    Post(Target, News),
    /// A level has changed that somebody watches.
    Watch(Watch),
    /// Nobody is woken: something is done that runs foreign code.
    Later(Box<dyn FnOnce() + Send>),
}

impl Wakes {
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            first: None,
            rest: Vec::new(),
        }
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        self.push(Wake::Signal(signal));
    }

    pub(crate) fn post(&mut self, target: Target, news: News) {
        self.push(Wake::Post(target, news));
    }

    pub(crate) fn watch(&mut self, watch: Watch) {
        self.push(Wake::Watch(watch));
    }

    /// Drops something once no lock is held: freeing it may run foreign code.
    pub(crate) fn drop_later(&mut self, garbage: impl Send + 'static) {
        self.later(move || drop(garbage));
    }

    /// Does something once no lock is held: what runs foreign code, a log sink's too.
    pub(crate) fn later(&mut self, what: impl FnOnce() + Send + 'static) {
        self.push(Wake::Later(Box::new(what)));
    }

    fn push(&mut self, wake: Wake) {
        if self.first.is_none() {
            self.first = Some(wake);
        } else {
            self.rest.push(wake);
        }
    }

    /// Fires everything collected. No lock may be held by the caller.
    #[inline]
    pub(crate) fn fire(mut self) {
        if self.first.is_some() {
            self.fire_all();
        }
        // Nothing is in it any more, so nothing has to be looked at to drop it, nor moved: this is done
        // for every message.
        std::mem::forget(self);
    }

    /// Foreign code that panics costs neither the others their wake-up nor whoever has the news: a
    /// message that was sent is sent, and a connection has done nothing wrong.
    #[cold]
    fn fire_all(&mut self) {
        let (first, rest) = (self.first.take(), std::mem::take(&mut self.rest));
        if rest.is_empty() {
            return first.into_iter().for_each(Wake::fire);
        }
        // Those to whom something was put, each of whom is to be roused: at most one for each I/O thread.
        let mut owing = Vec::new();
        for wake in first.into_iter().chain(rest) {
            if let Wake::Post(target, news) = &wake
                && let Some(owed) = target.owner.put(target.token, *news)
            {
                if owed != Owed::Nothing {
                    owing.push((target.clone(), owed));
                }
                continue;
            }
            // It may be foreign code, which waits for what they do.
            settle(&mut owing);
            wake.fire();
        }
        settle(&mut owing);
    }
}

fn settle(owing: &mut Vec<(Target, Owed)>) {
    for (target, owed) in owing.drain(..) {
        guarded(INTERNAL, || target.owner.settle(owed));
    }
}

impl Wake {
    fn fire(self) {
        match self {
            Self::Signal(signal) => guarded(FOREIGN, || signal.fire()),
            Self::Post(target, news) => guarded(INTERNAL, || target.owner.post(target.token, news)),
            Self::Watch(watch) => guarded(INTERNAL, || watch.watcher.on_change(watch.id)),
            Self::Later(what) => guarded(FOREIGN, what),
        }
    }
}

const FOREIGN: &str = "a waker, or other foreign code, panicked";
const INTERNAL: &str = "an internal error (this is a bug in zocket)";

fn guarded(blame: &str, fire: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(fire)).is_err() {
        // It may be the log's sink that panics.
        let _ = catch_unwind(|| log::error!("{blame}"));
    }
}
