//! Who runs the reactor's turn: a lock, so that any one thread may.
//!
//! Today only the I/O thread does. It keeps the lock for its whole life; a caller that would
//! rather run the turn itself than sleep has to be let in here, and nowhere else.

use std::sync::Arc;

use super::reactor::{Order, Reactor};
use crate::command::Token;
use crate::mailbox::Mailbox;
use crate::signal::{News, Post};
use crate::sync::Mutex;

/// How everybody else reaches one reactor: a mailbox, and a way to end its sleep.
pub(crate) struct Handle {
    mailbox: Mailbox<Order>,
    waker: mio::Waker,
}

impl Handle {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Self {
            mailbox: Mailbox::new(),
            waker,
        }
    }

    /// Gives an order; `false` if the reactor has ended.
    pub(crate) fn order(&self, order: Order) -> bool {
        match self.mailbox.order(order) {
            Ok(wake) => {
                self.wake_if(wake);
                true
            }
            Err(_) => false,
        }
    }

    pub(super) fn mailbox(&self) -> &Mailbox<Order> {
        &self.mailbox
    }

    /// Takes no more orders, and lets the turn end for the last time.
    pub(super) fn stop(&self) {
        let wake = self.mailbox.stop();
        self.wake_if(wake);
    }

    fn wake_if(&self, asleep: bool) {
        if asleep && let Err(error) = self.waker.wake() {
            log::error!("cannot wake an I/O thread: {error}");
        }
    }
}

impl Post for Handle {
    // A session looks for itself what there is to do: the news is only that there is something.
    #[inline]
    fn post(&self, token: Token, _: News) {
        let wake = self.mailbox.post(token);
        self.wake_if(wake);
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
    pub(super) fn run(&self) {
        let mut reactor = self.reactor.lock();
        while !self.handle.mailbox.is_stopped() {
            reactor.turn();
        }
        reactor.shut_down();
    }
}
