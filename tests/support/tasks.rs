//! An executor that knows nothing of sockets, and counts how often it is woken.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use super::PATIENCE;

/// Unparks a thread, and counts.
pub(crate) struct Alarm {
    thread: Thread,
    rung: AtomicUsize,
}

impl Alarm {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            thread: thread::current(),
            rung: AtomicUsize::new(0),
        })
    }

    pub(crate) fn rung(&self) -> usize {
        self.rung.load(Ordering::SeqCst)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Polls only when woken; fails when it is not woken in time.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let alarm = Alarm::new();
    let waker = Waker::from(alarm.clone());
    loop {
        let deadline = Instant::now() + PATIENCE;
        let heard = alarm.rung();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while alarm.rung() == heard {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not woken in {PATIENCE:?}");
            thread::park_timeout(left);
        }
    }
}

pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>, alarm: &Arc<Alarm>) -> Poll<F::Output> {
    let waker = Waker::from(alarm.clone());
    future.poll(&mut Context::from_waker(&waker))
}
