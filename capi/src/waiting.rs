//! Sleeping until something happens, so that a signal to the thread ends it.
//!
//! Every thread that waits has a descriptor of its own, on which it sleeps in `poll`; who has news for it
//! writes there, if it sleeps. `poll` always returns when a signal was handled, which nothing else that
//! Rust offers does, and can wait for a program's own descriptors at the same time.

use std::cell::RefCell;
use std::ffi::c_int;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use zocket::{Bed, Slept};

use crate::errno::{EAGAIN, EINTR, Errno};

/// How long a call may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    None,
    Until(Instant),
    Forever,
}

impl Patience {
    /// What a number of milliseconds says; any that is negative is for ever.
    pub(crate) fn from_millis(millis: i64) -> Self {
        match u64::try_from(millis) {
            Ok(0) => Self::None,
            Ok(millis) => Self::from_duration(Some(Duration::from_millis(millis))),
            Err(_) => Self::Forever,
        }
    }

    pub(crate) fn from_duration(duration: Option<Duration>) -> Self {
        let until = duration.and_then(|duration| Instant::now().checked_add(duration));
        until.map_or(Self::Forever, Self::Until)
    }

    /// What `poll` is to be told; `None` if the time is over. Rounded up, lest it ends too early and
    /// goes round and round.
    fn poll_timeout(self) -> Option<c_int> {
        match self {
            Self::None => None,
            Self::Forever => Some(-1),
            Self::Until(deadline) => {
                let left = deadline.checked_duration_since(Instant::now())?;
                let millis = left.as_nanos().div_ceil(1_000_000);
                (millis > 0).then(|| c_int::try_from(millis).unwrap_or(c_int::MAX))
            }
        }
    }
}

/// A descriptor to be woken by: readable once it was raised, until it is cleared.
#[derive(Debug)]
pub(crate) struct Bell {
    out: OwnedFd,
    /// Where there is no eventfd, the end of a pipe to write to.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    into: OwnedFd,
}

impl Bell {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn new() -> Result<Self, Errno> {
        // SAFETY: it takes no memory of ours.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(Errno::last());
        }
        // SAFETY: it was made just now, and is nobody else's.
        let out = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { out })
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn new() -> Result<Self, Errno> {
        let (out, into) = std::os::unix::net::UnixStream::pair()?;
        out.set_nonblocking(true)?;
        into.set_nonblocking(true)?;
        Ok(Self {
            out: out.into(),
            into: into.into(),
        })
    }

    pub(crate) fn fd(&self) -> c_int {
        self.out.as_raw_fd()
    }

    /// Whoever sleeps on it wakes. (If it is full of wake-ups, one more is none too few.)
    pub(crate) fn raise(&self) {
        let one = 1_u64.to_ne_bytes();
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let into = &self.out;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let into = &self.into;
        let before = Errno::last();
        // SAFETY: the bytes are there to be read, as many as are said.
        while unsafe { libc::write(into.as_raw_fd(), one.as_ptr().cast(), one.len()) } < 0
            && Errno::last() == EINTR
        {}
        // This may run in the middle of anything that a program does.
        before.set();
    }

    pub(crate) fn clear(&self) {
        let mut read = [0_u8; 64];
        let before = Errno::last();
        // SAFETY: there is room for as many bytes as are said.
        while unsafe { libc::read(self.fd(), read.as_mut_ptr().cast(), read.len()) } < 0
            && Errno::last() == EINTR
        {}
        before.set();
    }
}

/// How one thread sleeps and is woken.
#[derive(Debug)]
pub(crate) struct Sleeper {
    bell: Bell,
    state: AtomicU8,
    /// Which process it is of: a child that was forked off has the descriptor, too, but not to itself.
    process: u32,
}

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const WOKEN: u8 = 2;

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

/// Of one who waits in a call of zocket's.
impl Bed for Sleeper {
    fn sleep(&self, deadline: Option<Instant>) -> Slept {
        let patience = deadline.map_or(Patience::Forever, Patience::Until);
        match Self::sleep(self, patience, None, &mut Vec::new()) {
            Ok(()) => Slept::Woken,
            Err(EAGAIN) => Slept::TimedOut,
            // (Nothing else happens to a descriptor that is open.)
            Err(_) => Slept::Interrupted,
        }
    }

    fn wake(&self) {
        self.ring();
    }
}

/// The calling thread's, to be lent to a call of zocket's. If there is none, why, and one in which
/// nobody sleeps.
pub(crate) fn bed(failed: &mut Option<Errno>) -> Arc<dyn Bed> {
    match Sleeper::current() {
        Ok(sleeper) => sleeper,
        Err(error) => {
            *failed = Some(error);
            Arc::new(NoBed)
        }
    }
}

struct NoBed;

impl Bed for NoBed {
    fn sleep(&self, _: Option<Instant>) -> Slept {
        Slept::Interrupted
    }

    fn wake(&self) {}
}

thread_local! {
    static SLEEPER: RefCell<Option<Arc<Sleeper>>> = const { RefCell::new(None) };
}

impl Sleeper {
    /// The calling thread's.
    pub(crate) fn current() -> Result<Arc<Self>, Errno> {
        let process = std::process::id();
        let known = SLEEPER.with(|known| known.try_borrow().ok()?.clone());
        if let Some(known) = known.filter(|known| known.process == process) {
            return Ok(known);
        }
        let new = Arc::new(Self {
            bell: Bell::new()?,
            state: AtomicU8::new(AWAKE),
            process,
        });
        SLEEPER.with(|known| {
            if let Ok(mut known) = known.try_borrow_mut() {
                *known = Some(new.clone());
            }
        });
        Ok(new)
    }

    fn ring(&self) {
        // Only who sleeps, or is about to, has to be rung for.
        if self.state.swap(WOKEN, Ordering::AcqRel) == ASLEEP {
            self.bell.raise();
        }
    }

    /// Sleeps until woken (also if that was before) or one of `others` is ready, which says so in
    /// its place.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if the time ran out, `EINTR` if a signal was handled, and whatever else `poll` says.
    pub(crate) fn sleep(
        &self,
        patience: Patience,
        mask: Option<&libc::sigset_t>,
        others: &mut Vec<libc::pollfd>,
    ) -> Result<(), Errno> {
        let Some(timeout) = patience.poll_timeout() else {
            return Err(EAGAIN);
        };
        let asleep =
            self.state
                .compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire);
        if asleep.is_err() {
            self.state.store(AWAKE, Ordering::Release);
            return Ok(());
        }
        others.push(libc::pollfd {
            fd: self.bell.fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        let outcome = poll(others, timeout, mask);
        others.pop();
        if self.state.swap(AWAKE, Ordering::AcqRel) == WOKEN {
            self.bell.clear();
        }
        match outcome? {
            0 if matches!(patience, Patience::Until(_)) && patience.poll_timeout().is_none() => {
                Err(EAGAIN)
            }
            _ => Ok(()),
        }
    }
}

/// Asks the system about descriptors; how many are ready.
pub(crate) fn poll(
    descriptors: &mut [libc::pollfd],
    timeout: c_int,
    mask: Option<&libc::sigset_t>,
) -> Result<c_int, Errno> {
    let count = libc::nfds_t::try_from(descriptors.len()).map_err(|_| crate::errno::EINVAL)?;
    let at = descriptors.as_mut_ptr();
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    let ready = {
        let limit = (timeout >= 0).then(|| libc::timespec {
            tv_sec: (timeout / 1000).into(),
            tv_nsec: (timeout % 1000 * 1_000_000).into(),
        });
        let limit = limit.as_ref().map_or(std::ptr::null(), |limit| limit);
        let mask = mask.map_or(std::ptr::null(), |mask| mask);
        // SAFETY: there are as many entries as are said; the limit and the mask are there, or null.
        unsafe { libc::ppoll(at, count, limit, mask) }
    };
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let ready = {
        let _ = mask;
        // SAFETY: there are as many entries as are said.
        unsafe { libc::poll(at, count, timeout) }
    };
    if ready < 0 {
        Err(Errno::last())
    } else {
        Ok(ready)
    }
}

/// Waits for a future in the calling thread.
///
/// # Errors
///
/// `EAGAIN` if the time ran out, `EINTR` if a signal was handled; then the future has done nothing.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>, patience: Patience) -> Result<T, Errno> {
    let sleeper = Sleeper::current()?;
    let waker = Waker::from(sleeper.clone());
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    let mut others = Vec::new();
    loop {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut cx) {
            return Ok(outcome);
        }
        if let Err(error) = sleeper.sleep(patience, None, &mut others) {
            // It may have been just in time.
            return match future.as_mut().poll(&mut cx) {
                Poll::Ready(outcome) => Ok(outcome),
                Poll::Pending => Err(error),
            };
        }
    }
}
