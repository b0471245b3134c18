//! Plain file descriptors beside sockets: a thread that waits for their news.
//!
//! A poller's waiters are threads and tasks, none of which may sleep in a system call for the others;
//! so one thread of the poller's own does, from the first descriptor on. It tells only that something
//! has happened at one. Whether that is ready is asked of the system when somebody wants to know, so
//! that the poller is level-triggered though its source is not.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::interest::{Interest, Readiness};
use super::list::{Look, Source};
use crate::io::serve_others;
use crate::signal::{Wakes, Watch, Watcher};
use crate::sync::{AtomicBool, Ordering};

/// What mio knows the thread's own waker by.
const WAKER: mio::Token = mio::Token(usize::MAX);

/// Events taken from the system at once.
const EVENTS: usize = 256;

/// The thread, for as long as somebody has one of these.
pub(super) struct Descriptors {
    registry: mio::Registry,
    end: Arc<End>,
}

/// How the thread is told to end. It has a share in this: a waker that goes with the last of the others
/// takes with it what it has just told.
struct End {
    come: AtomicBool,
    waker: mio::Waker,
}

impl Descriptors {
    /// Starts the thread. It keeps nobody alive.
    pub(super) fn start<W: Watcher + 'static>(watcher: Weak<W>) -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let end = Arc::new(End {
            come: AtomicBool::new(false),
            waker: mio::Waker::new(poll.registry(), WAKER)?,
        });
        let descriptors = Self {
            registry: poll.registry().try_clone()?,
            end: end.clone(),
        };
        thread::Builder::new()
            .name("zocket-poller".to_owned())
            .spawn(move || run(poll, &watcher, &end))?;
        Ok(descriptors)
    }
}

fn run<W: Watcher>(mut poll: mio::Poll, watcher: &Weak<W>, end: &End) {
    // Wakers run here, too: none of them must wait for what only this thread can tell.
    serve_others();
    let mut events = mio::Events::with_capacity(EVENTS);
    while !end.come.load(Ordering::Acquire) {
        if let Err(error) = poll.poll(&mut events, None)
            && error.kind() != io::ErrorKind::Interrupted
        {
            log::error!("a poller cannot wait for its descriptors any more: {error}");
            return;
        }
        for event in &events {
            if event.token() != WAKER
                && let Some(watcher) = watcher.upgrade()
            {
                let tell = AssertUnwindSafe(|| watcher.on_change(event.token().0 as u64));
                // A waker that panics must not cost the other descriptors their events.
                if catch_unwind(tell).is_err() {
                    log::error!("a waker panicked on a poller's thread");
                }
            }
        }
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        self.end.come.store(true, Ordering::Release);
        if let Err(error) = self.end.waker.wake() {
            log::error!("cannot wake a poller's thread: {error}");
        }
    }
}

/// A descriptor of somebody else's, duplicated so that it is what it was for as long as it is watched.
pub(super) struct Descriptor {
    pub(super) fd: OwnedFd,
    pub(super) home: Arc<Descriptors>,
}

impl Source for Descriptor {
    fn watch(&self, interest: Interest, watch: Watch, _: &mut Wakes) -> io::Result<bool> {
        let interest = match (interest.is_readable(), interest.is_writable()) {
            (false, false) => return Ok(false),
            (true, false) => mio::Interest::READABLE,
            (false, true) => mio::Interest::WRITABLE,
            (true, true) => mio::Interest::READABLE | mio::Interest::WRITABLE,
        };
        let fd = self.fd.as_raw_fd();
        let token = mio::Token(watch.id as usize);
        let mut source = mio::unix::SourceFd(&fd);
        match self.home.registry.register(&mut source, token, interest) {
            // What the system does not wait for (a regular file) is always ready.
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => Err(error),
            _ => Ok(true),
        }
    }

    fn unwatch(&self, _: u64, _: &mut Wakes) {
        let fd = self.fd.as_raw_fd();
        // If it was not registered, there is nothing to undo.
        let _ = (self.home.registry).deregister(&mut mio::unix::SourceFd(&fd));
    }

    fn look(&self, interest: Interest, _: u64, _: &mut Wakes) -> Look {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, interest.is_readable());
        flags.set(PollFlags::OUT, interest.is_writable());
        if flags.is_empty() {
            return Look::Nothing;
        }
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut fds = [PollFd::new(&self.fd, flags)];
        let found = match rustix::event::poll(&mut fds, Some(&now)) {
            Ok(_) => fds[0].revents(),
            // An attempt to use it will tell.
            Err(_) => PollFlags::ERR,
        };
        if found.is_empty() {
            return Look::Nothing;
        }
        let closed = found.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        Look::Ready(Readiness {
            readable: interest.is_readable() && (closed || found.contains(PollFlags::IN)),
            writable: interest.is_writable() && (closed || found.contains(PollFlags::OUT)),
            closed,
        })
    }
}
