//! How a proxy's thread is told what to do, and says what it has done.
//!
//! The thread moves messages in *rounds*. Between two rounds it holds to what it was told; within
//! one it looks, before each message, at a flag that ends it early. Whoever gives an order while a
//! round is on waits for its end, which is one message away at most: when the call returns, no
//! message is on its way from one socket to the other, and what was counted is exact.

use std::sync::Arc;

use super::ProxyStatistics;
use crate::signal::Parker;
use crate::sync::{AtomicBool, Mutex, Ordering};

/// What the proxy's thread and its handle share.
#[derive(Debug)]
pub(super) struct Steering {
    state: Mutex<State>,
    /// The round that is on is to end. Set and cleared under the lock, looked at without.
    interrupt: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    paused: bool,
    stopping: bool,
    /// A round is on.
    moving: bool,
    statistics: ProxyStatistics,
    engine: Option<Engine>,
    /// Who waits for the end of the round.
    waiting: Vec<Arc<Parker>>,
}

/// The thread that moves messages.
#[derive(Debug)]
struct Engine {
    parker: Arc<Parker>,
    #[cfg(not(loom))]
    thread: std::thread::ThreadId,
}

/// What the thread is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Take messages and pass them on.
    Move,
    /// Take none.
    Hold,
    /// Take none any more.
    Stop,
}

impl Steering {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State::default()),
            interrupt: AtomicBool::new(false),
        }
    }

    // ---- the thread's side

    /// Names the thread that moves: the calling one, to be woken by `parker`.
    pub(super) fn engage(&self, parker: Arc<Parker>) {
        self.state.lock().engine = Some(Engine {
            parker,
            #[cfg(not(loom))]
            thread: std::thread::current().id(),
        });
    }

    /// Begins a round, in which messages may be taken if the order is to [`Order::Move`].
    ///
    /// Who then finds nothing to do may go to sleep: an order given after this wakes him.
    pub(super) fn begin(&self) -> Round<'_> {
        let mut state = self.state.lock();
        self.interrupt.store(false, Ordering::Relaxed);
        let order = if state.stopping {
            Order::Stop
        } else if state.paused {
            Order::Hold
        } else {
            Order::Move
        };
        state.moving = order == Order::Move;
        Round {
            steering: self,
            order,
            statistics: None,
        }
    }

    /// Says what was counted.
    pub(super) fn publish(&self, statistics: ProxyStatistics) {
        self.state.lock().statistics = statistics;
    }

    // ---- the handle's side

    pub(super) fn pause(&self) {
        self.tell(|state| state.paused = true);
    }

    pub(super) fn resume(&self) {
        self.tell(|state| state.paused = false);
    }

    pub(super) fn stop(&self) -> ProxyStatistics {
        self.tell(|state| state.stopping = true)
    }

    pub(super) fn statistics(&self) -> ProxyStatistics {
        self.tell(|_| ())
    }

    /// Whether the calling thread is the one that moves, which happens in a waker that it fires.
    pub(super) fn is_engine(&self) -> bool {
        self.state.lock().is_engine()
    }

    /// Changes what the thread is to do, and waits for the end of the round that is on.
    fn tell(&self, change: impl FnOnce(&mut State)) -> ProxyStatistics {
        let mut state = self.state.lock();
        change(&mut state);
        // The thread itself, in a waker that it fires, cannot wait for its own round.
        let waiter = (state.moving && !state.is_engine()).then(Parker::current);
        if state.moving {
            self.interrupt.store(true, Ordering::Relaxed);
        }
        state.waiting.extend(waiter.clone());
        let statistics = state.statistics;
        let engine = state.engine.as_ref().map(|engine| engine.parker.clone());
        drop(state);
        if let Some(engine) = engine {
            engine.unpark();
        }
        match waiter {
            None => statistics,
            Some(waiter) => {
                waiter.park(None);
                self.state.lock().statistics
            }
        }
    }
}

impl State {
    #[cfg(not(loom))]
    fn is_engine(&self) -> bool {
        self.engine
            .as_ref()
            .is_some_and(|engine| engine.thread == std::thread::current().id())
    }

    // The threads of a model are one, really.
    #[cfg(loom)]
    fn is_engine(&self) -> bool {
        false
    }
}

/// A round of the thread that moves messages; over when dropped, whatever happens within.
#[derive(Debug)]
pub(super) struct Round<'a> {
    steering: &'a Steering,
    pub(super) order: Order,
    statistics: Option<ProxyStatistics>,
}

impl Round<'_> {
    /// Whether no further message is to be taken in this round.
    #[inline]
    pub(super) fn is_interrupted(&self) -> bool {
        self.steering.interrupt.load(Ordering::Relaxed)
    }

    /// Ends it, and says what was counted.
    pub(super) fn end(mut self, statistics: ProxyStatistics) {
        self.statistics = Some(statistics);
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        let mut state = self.steering.state.lock();
        state.moving = false;
        if let Some(statistics) = self.statistics {
            state.statistics = statistics;
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for waiter in waiting {
            waiter.unpark();
        }
    }
}
