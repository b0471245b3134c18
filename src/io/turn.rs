//! Who runs the reactor's turn: a lock, so that any one thread may.
//!
//! Today only the I/O thread does. It keeps the lock for its whole life; a caller that would
//! rather run the turn itself than sleep has to be let in here, and nowhere else.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mio::Interest;
use mio::event::Source;

use super::reactor::{Order, Reactor};
use crate::command::Token;
use crate::mailbox::Mailbox;
use crate::signal::{News, Post};
use crate::sync::{AtomicU64, Mutex, Ordering};

/// How everybody else reaches one reactor: a mailbox, and a way to end its sleep.
pub(crate) struct Handle {
    mailbox: Mailbox<Order>,
    waker: mio::Waker,
    registry: mio::Registry,
    /// Listeners, connecting endpoints and accepted connections that are served, or soon will be.
    load: AtomicU64,
}

impl Handle {
    pub(super) fn new(registry: &mio::Registry) -> io::Result<Self> {
        Ok(Self {
            mailbox: Mailbox::new(),
            waker: mio::Waker::new(registry, super::WAKER)?,
            registry: registry.try_clone()?,
            load: AtomicU64::new(0),
        })
    }

    /// Gives an order; `false` if the reactor has ended.
    pub(crate) fn order(&self, order: Order) -> bool {
        let asleep = self.enqueue(order);
        self.wake_if(asleep == Some(true));
        asleep.is_some()
    }

    /// Gives an order without waking anybody, for callers that hold a lock: they owe
    /// [`wake_if`](Self::wake_if) with what this returns. `None`: the reactor has ended.
    pub(crate) fn enqueue(&self, order: Order) -> Option<bool> {
        // Counted at once, so that the next who asks for the least busy knows.
        let adds = matches!(order, Order::Listen { .. } | Order::Connect { .. });
        let asleep = self.mailbox.order(order).ok()?;
        if adds {
            self.add_load();
        }
        Some(asleep)
    }

    /// How much is served here. Only to choose by: nothing else is told by it.
    pub(super) fn load(&self) -> u64 {
        self.load.load(Ordering::Relaxed)
    }

    pub(super) fn add_load(&self) {
        self.load.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn drop_load(&self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }

    /// Registers what is to be served, so that a failure is the caller's to report.
    pub(crate) fn register(&self, source: &mut impl Source, token: Token) -> io::Result<()> {
        self.registry
            .register(source, super::mio_token(token), Interest::READABLE)
    }

    pub(super) fn mailbox(&self) -> &Mailbox<Order> {
        &self.mailbox
    }

    /// Takes no more orders, and lets the turn end for the last time.
    pub(super) fn stop(&self) {
        let wake = self.mailbox.stop();
        self.wake_if(wake);
    }

    pub(crate) fn wake_if(&self, asleep: bool) {
        if asleep && let Err(error) = self.waker.wake() {
            log::error!("cannot wake an I/O thread: {error}");
        }
    }
}

impl Post for Handle {
    // A session looks for itself what there is to do: most news is only that there is something.
    #[inline]
    fn post(&self, token: Token, news: News) {
        match news {
            News::HangUp | News::Renew => {
                self.order(Order::HangUp {
                    token,
                    at_once: news == News::Renew,
                });
            }
            News::Part(peer) => {
                self.order(Order::Part { token, peer });
            }
            // It gives credit back whenever it has written what it can.
            News::Hurry | News::Stalled | News::Full | News::Evict(_) => {}
            _ => {
                let wake = self.mailbox.post(token);
                self.wake_if(wake);
            }
        }
    }
}

/// A reactor that whoever holds the lock may drive.
pub(super) struct Turn {
    reactor: Mutex<Reactor>,
    handle: Arc<Handle>,
}

impl Turn {
    pub(super) fn new(reactor: Reactor, handle: Arc<Handle>) -> Self {
        Self {
            reactor: Mutex::new(reactor),
            handle,
        }
    }

    /// Runs turns until the reactor is stopped.
    ///
    /// A panic that no session's step has caught (in a log sink, say) costs the rest of that turn:
    /// everybody else depends on this thread going on.
    pub(super) fn run(&self) {
        let mut reactor = self.reactor.lock();
        while !self.handle.mailbox.is_stopped() {
            if catch_unwind(AssertUnwindSafe(|| reactor.turn())).is_err() {
                log::error!("a turn of an I/O thread panicked");
            }
        }
        if catch_unwind(AssertUnwindSafe(|| reactor.shut_down())).is_err() {
            log::error!("the last turn of an I/O thread panicked");
        }
    }
}
