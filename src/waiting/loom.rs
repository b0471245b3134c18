//! Models of the waiting loop: nobody sleeps while the state is ready, and a wake-up that was given
//! to somebody who goes away reaches the next.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::thread;

use super::{Half, Patience, Ready};
use crate::signal::Parker;

/// So many things to take, and whether that is over.
struct Stock {
    count: usize,
    closed: bool,
}

impl Ready for Stock {
    fn ready(&self) -> bool {
        self.count > 0 || self.closed
    }
}

impl Stock {
    /// One thing, or `Some(false)` when it is over.
    fn take(&mut self) -> Option<bool> {
        if self.count > 0 {
            self.count -= 1;
            return Some(true);
        }
        self.closed.then_some(false)
    }
}

fn stock(count: usize) -> Arc<Half<Stock>> {
    Arc::new(Half::new(Stock {
        count,
        closed: false,
    }))
}

fn take(half: &Half<Stock>) -> bool {
    half.wait(|| Patience::Forever, |stock, _| stock.take())
        .unwrap()
}

#[test]
fn loom_one_waiter_and_one_supplier() {
    loom::model(|| {
        let half = stock(0);
        let waiter = thread::spawn({
            let half = half.clone();
            move || take(&half)
        });
        half.update(|stock, _| stock.count += 1);
        assert!(waiter.join().unwrap());
    });
}

/// One batch and several waiters: nobody sleeps while something is there.
#[test]
fn loom_one_batch_and_two_waiters() {
    loom::model(|| {
        let half = stock(0);
        let waiters = [(); 2].map(|()| {
            let half = half.clone();
            thread::spawn(move || take(&half))
        });
        half.update(|stock, _| stock.count += 2);
        for waiter in waiters {
            assert!(waiter.join().unwrap());
        }
    });
}

/// A waiter against the end: every sleeper is woken.
#[test]
fn loom_waiters_and_the_end() {
    loom::model(|| {
        let half = stock(0);
        let waiter = thread::spawn({
            let half = half.clone();
            move || take(&half)
        });
        half.update_for_all(|stock, _| stock.closed = true);
        assert!(!waiter.join().unwrap());
    });
}

struct Unpark(Arc<Parker>);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Two waiters and one thing: a task that registered is cancelled just as it is woken, and the other
/// waiter gets the thing.
#[test]
fn loom_a_cancelled_task_passes_its_wake_up_on() {
    loom::model(|| {
        let half = stock(0);
        let waiter = thread::spawn({
            let half = half.clone();
            move || take(&half)
        });
        let task = thread::spawn({
            let half = half.clone();
            move || {
                let waker = Waker::from(Arc::new(Unpark(Parker::current())));
                let mut ticket = None;
                let polled = half.poll(&Context::from_waker(&waker), &mut ticket, |stock, _| {
                    stock.take()
                });
                if let Some(ticket) = ticket {
                    half.cancel(&ticket);
                }
                matches!(polled, Poll::Ready(true))
            }
        });
        half.update(|stock, _| stock.count += 1);
        if task.join().unwrap() {
            // The task had it: the other waiter needs one of its own.
            half.update(|stock, _| stock.count += 1);
        }
        assert!(waiter.join().unwrap());
    });
}
