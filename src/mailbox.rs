//! Many writers, one reader: what an I/O thread is told, waking it only if it sleeps.

use crate::command::Token;
use crate::sync::Mutex;

/// Tokens that have something to do, and orders, for one reader.
///
/// Whether the reader sleeps is kept under the same lock as what it is told, so a wake-up is owed
/// exactly when something is put in while it sleeps, and only the first writer owes it.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    ready: Vec<Token>,
    orders: Vec<T>,
    asleep: bool,
    /// The reader is gone: nothing is taken in any more.
    stopped: bool,
}

impl<T> Mailbox<T> {
    pub(crate) fn new() -> Self {
        let inner = Inner {
            ready: Vec::new(),
            orders: Vec::new(),
            asleep: false,
            stopped: false,
        };
        Self {
            inner: Mutex::new(inner),
        }
    }

    /// Says that a token has something to do. `true`: the caller must wake the reader.
    ///
    /// A pipe posts only when its other end went idle, so there is at most one entry for each end
    /// of each pipe.
    pub(crate) fn post(&self, token: Token) -> bool {
        let mut inner = self.inner.lock();
        if inner.stopped {
            return false;
        }
        inner.ready.push(token);
        std::mem::take(&mut inner.asleep)
    }

    /// Gives an order, or gives it back if the reader is gone. `Ok(true)`: wake the reader.
    pub(crate) fn order(&self, order: T) -> Result<bool, T> {
        let mut inner = self.inner.lock();
        if inner.stopped {
            return Err(order);
        }
        inner.orders.push(order);
        Ok(std::mem::take(&mut inner.asleep))
    }

    /// The reader goes to sleep; `false`: it must not, there is something for it.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.asleep = inner.ready.is_empty() && inner.orders.is_empty() && !inner.stopped;
        inner.asleep
    }

    /// The reader is awake and takes everything; the vectors it brings must be empty.
    pub(crate) fn collect(&self, ready: &mut Vec<Token>, orders: &mut Vec<T>) {
        let mut inner = self.inner.lock();
        inner.asleep = false;
        std::mem::swap(&mut inner.ready, ready);
        std::mem::swap(&mut inner.orders, orders);
    }

    /// Takes nothing in from now on. `true`: wake the reader.
    pub(crate) fn stop(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.stopped = true;
        std::mem::take(&mut inner.asleep)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.inner.lock().stopped
    }
}

#[cfg(all(test, loom))]
mod loom {
    //! A model of two posters and a reader that sleeps when there is nothing for it.

    use std::sync::Arc;

    use loom::thread;

    use super::Mailbox;
    use crate::signal::Parker;

    #[test]
    fn loom_no_post_is_slept_over() {
        loom::model(|| {
            let mailbox = Arc::new(Mailbox::<u64>::new());
            let reader = Parker::current();
            let posters = [1, 2].map(|n| {
                let (mailbox, reader) = (mailbox.clone(), reader.clone());
                thread::spawn(move || {
                    let wake = if n == 1 {
                        mailbox.post(n)
                    } else {
                        mailbox.order(n).unwrap()
                    };
                    if wake {
                        reader.unpark();
                    }
                })
            });
            let mut seen = 0;
            while seen < 2 {
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
