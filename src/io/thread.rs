//! The I/O threads of a context: started together, stopped together.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::setup::ThreadSetup;
use super::{Handle, Latch};
use crate::home::Home;
use crate::sync::{AtomicU64, Mutex, Ordering};
use crate::waiting::Patience;

#[cfg(not(loom))]
thread_local! {
    static ON_IO_THREAD: Cell<bool> = const { Cell::new(false) };
    static IS_GUEST: Cell<bool> = const { Cell::new(false) };
}

// In a model many threads are one of the system's.
#[cfg(loom)]
loom::thread_local! {
    static ON_IO_THREAD: Cell<bool> = Cell::new(false);
    static IS_GUEST: Cell<bool> = Cell::new(false);
}

/// Whether the calling thread is an I/O thread, or does the work of one: it must not wait for what only
/// it can do.
pub(crate) fn on_io_thread() -> bool {
    ON_IO_THREAD.with(Cell::get)
}

/// The patience a caller has who may wait so long: none on an I/O thread, which must not wait for
/// itself.
pub(crate) fn patience(timeout: Option<Duration>) -> Patience {
    if on_io_thread() {
        Patience::None
    } else {
        Patience::from_option(timeout)
    }
}

/// The calling thread is one from now on.
pub(crate) fn serve_others() {
    ON_IO_THREAD.with(|flag| flag.set(true));
}

/// The same until this is dropped, for a thread that is about to run foreign code before it has done
/// what others wait for.
pub(crate) struct Serving {
    before: bool,
}

impl Serving {
    pub(crate) fn begin() -> Self {
        Self {
            before: ON_IO_THREAD.with(|flag| flag.replace(true)),
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        ON_IO_THREAD.with(|flag| flag.set(self.before));
    }
}

/// The calling thread does the work of an I/O thread until this is dropped.
pub(super) struct Guest {
    _serving: Serving,
}

impl Guest {
    pub(super) fn begin() -> Self {
        IS_GUEST.with(|flag| flag.set(true));
        Self {
            _serving: Serving::begin(),
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        IS_GUEST.with(|flag| flag.set(false));
    }
}

/// Whether the calling thread does the work of an I/O thread, which that cannot do then.
fn is_guest() -> bool {
    IS_GUEST.with(Cell::get)
}

/// The I/O threads of one context.
#[derive(Debug)]
pub(crate) struct IoThreads {
    handles: Vec<Arc<Handle>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Each opens with the end of its thread.
    ended: Vec<Arc<Latch>>,
    next: AtomicU64,
    home: Home,
}

impl IoThreads {
    pub(crate) fn start(setup: &ThreadSetup) -> io::Result<Self> {
        let started = Self {
            handles: Vec::new(),
            threads: Mutex::new(Vec::new()),
            ended: Vec::new(),
            next: AtomicU64::new(0),
            home: Home::here(),
        };
        (0..setup.count).try_fold(started, |mut started, n| {
            // Should one fail to start, those before it are stopped by the drop of `started`.
            let poll = mio::Poll::new()?;
            let handle = Handle::new(poll)?;
            let ended = Arc::new(Latch::new());
            started.ended.push(ended.clone());
            let of_thread = setup.clone();
            let kept = handle.clone();
            let thread = thread::Builder::new()
                .name(format!("{}-{n}", setup.name))
                .spawn(move || {
                    serve_others();
                    of_thread.begin(n);
                    drop(of_thread);
                    kept.keep();
                    ended.open();
                })
                .inspect_err(|_| handle.forsake())?;
            started.handles.push(handle);
            started.threads.lock().push(thread);
            Ok(started)
        })
    }

    pub(crate) fn handles(&self) -> &[Arc<Handle>] {
        &self.handles
    }

    /// The one that gets a new listener or connecting endpoint: that of those allowed (all, if none is
    /// named) which serves the least; of several, one after the other.
    pub(crate) fn next(&self, allowed: &[usize]) -> Option<&Arc<Handle>> {
        let (count, first) = (
            self.handles.len(),
            self.next.fetch_add(1, Ordering::Relaxed),
        );
        (0..count)
            .map(|n| (first as usize).wrapping_add(n) % count)
            .filter(|n| allowed.is_empty() || allowed.contains(n))
            .filter_map(|n| self.handles.get(n))
            .min_by_key(|handle| handle.load())
    }

    /// Stops the threads; the future is ready when nothing is left of them.
    pub(crate) async fn stop_async(&self) {
        if self.home.is_elsewhere() {
            return;
        }
        for handle in &self.handles {
            handle.stop();
        }
        for ended in &self.ended {
            ended.opened().await;
        }
    }

    /// Stops the threads and waits until they are gone; one of them does not wait for itself, nor does
    /// whoever drives for one just now.
    pub(crate) fn stop(&self) {
        if self.home.is_elsewhere() {
            return;
        }
        for handle in &self.handles {
            handle.stop();
        }
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.thread().id() != thread::current().id() && !is_guest() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for IoThreads {
    fn drop(&mut self) {
        if self.home.is_elsewhere() {
            // They are the parent's: there is nobody here to wait for, nor to let go of, and the lock
            // may have been held.
            let threads = std::mem::replace(&mut self.threads, Mutex::new(Vec::new()));
            return std::mem::forget(threads);
        }
        self.stop();
    }
}
