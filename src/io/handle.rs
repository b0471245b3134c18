//! How everybody else reaches a reactor.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use mio::Interest;
use mio::event::Source;

use super::reactor::{Order, Reactor};
use super::turn::Turn;
use crate::command::Token;
use crate::mailbox::Mailbox;
use crate::signal::{News, Owed, Parker, Post, Rouse};
use crate::sync::{AtomicU64, Ordering};

/// One reactor as others see it: what it is told, a way to end its sleep, and a share in driving it.
pub(crate) struct Handle {
    turn: Turn<Reactor, Order>,
    waker: mio::Waker,
    registry: mio::Registry,
    /// Listeners, connecting endpoints and accepted connections that are served, or soon will be.
    load: AtomicU64,
}

impl Handle {
    /// With a reactor that polls by this; to be kept (see [`keep`](Self::keep)), or to be
    /// [let go of](Self::forsake).
    pub(super) fn new(poll: mio::Poll) -> io::Result<Arc<Self>> {
        let handle = Arc::new(Self {
            turn: Turn::new(),
            waker: mio::Waker::new(poll.registry(), super::WAKER)?,
            registry: poll.registry().try_clone()?,
            load: AtomicU64::new(0),
        });
        handle.turn.set(Some(Reactor::new(poll, handle.clone())));
        Ok(handle)
    }

    /// Serves until it is stopped.
    pub(super) fn keep(&self) {
        self.turn.keep();
    }

    /// There is nobody to keep it.
    pub(super) fn forsake(&self) {
        self.turn.set(None);
    }

    /// Gives an order; `false` if the reactor has ended.
    pub(crate) fn order(&self, order: Order) -> bool {
        match self.enqueue(order) {
            Some(owed) => {
                self.settle(owed);
                true
            }
            None => false,
        }
    }

    /// Gives an order without waking anybody, for callers that hold a lock: they owe
    /// [`settle`](Self::settle) with what this returns. `None`: the reactor has ended.
    pub(crate) fn enqueue(&self, order: Order) -> Option<Owed> {
        // Counted at once, so that the next who asks for the least busy knows.
        let adds = matches!(order, Order::Listen { .. } | Order::Connect { .. });
        let owed = self.turn.mailbox().order(order).ok()?;
        if adds {
            self.add_load();
        }
        Some(owed)
    }

    pub(crate) fn settle(&self, owed: Owed) {
        self.turn.settle(owed, || self.wake());
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
        self.turn.mailbox()
    }

    /// Takes no more orders, and lets the turn end for the last time.
    pub(super) fn stop(&self) {
        let owed = self.turn.mailbox().stop();
        self.settle(owed);
    }

    /// Waits as [`Turn::wait`] does.
    pub(super) fn wait(
        self: &Arc<Self>,
        me: &Arc<Parker>,
        speaks: bool,
        deadline: Option<Instant>,
    ) -> bool {
        self.turn.wait(me, self, speaks, deadline)
    }

    /// One more, or one less, waits for what is done here, and leaves it to others.
    pub(super) fn rely(&self, more: bool) -> Owed {
        self.turn.mailbox().rely(more)
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
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
            // While nobody but the session may write, a message is one like any other.
            News::Bulk { owed: false } => {}
            News::Ripe => self.turn.ripen(),
            _ => self.turn.post(token, || self.wake()),
        }
    }

    #[inline]
    fn put(&self, token: Token, news: News) -> Option<Owed> {
        (news == News::Readable).then(|| self.turn.mailbox().post(token))
    }

    fn settle(&self, owed: Owed) {
        Handle::settle(self, owed);
    }
}

impl Rouse for Handle {
    fn rouse(&self) {
        let owed = self.turn.mailbox().rouse();
        self.settle(owed);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
