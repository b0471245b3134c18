//! A file descriptor that says whether something can be received.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock, Weak};

use super::bell::{Bell, Chime};
use super::core::Core;
use crate::signal::{Wakes, Watch, Watcher};
use crate::sync::Mutex;

/// The descriptor of one socket, made when somebody asks for it.
#[derive(Default)]
pub(super) struct Descriptor {
    bell: OnceLock<Arc<Bell<Fd>>>,
    /// Held while it is made, so that it is made once.
    making: Mutex<()>,
}

/// Hears of changes of the level.
struct Ringer {
    core: Weak<Core>,
    bell: Arc<Bell<Fd>>,
}

impl Watcher for Ringer {
    fn on_change(&self, _: u64) {
        if let Some(core) = self.core.upgrade() {
            core.ring(&self.bell);
        }
    }

    fn on_gone(&self, _: u64) {}
}

impl Core {
    pub(super) fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        let Descriptor { bell, making } = &self.descriptor;
        if let Some(bell) = bell.get() {
            return Ok(bell.chime().outer());
        }
        let mut wakes = Wakes::new();
        let guard = making.lock();
        let made = match bell.get() {
            Some(bell) => Ok(bell.clone()),
            None => self.make_bell(&mut wakes),
        };
        // It says what is so before anybody sees it.
        let made = made.map(|made| bell.get_or_init(|| made).chime().outer());
        drop(guard);
        wakes.fire();
        made
    }

    fn make_bell(&self, wakes: &mut Wakes) -> io::Result<Arc<Bell<Fd>>> {
        let id = crate::command::unique_number();
        let bell = Arc::new(Bell::new(id, Fd::new()?));
        let watch = Watch {
            watcher: Arc::new(Ringer {
                core: self.me.clone(),
                bell: bell.clone(),
            }),
            id,
        };
        self.readable().watch(watch, true, wakes);
        bell.ring(self.readable())
            .inspect_err(|_| self.readable().unwatch(id))?;
        Ok(bell)
    }

    fn ring(&self, bell: &Bell<Fd>) {
        if let Err(error) = bell.ring(self.readable()) {
            log::error!("{self:?}: the descriptor cannot be set: {error}");
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
struct Fd(OwnedFd);

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Fd {
    fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?))
    }

    fn outer(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Chime for Fd {
    fn raise(&self) -> io::Result<()> {
        rustix::io::retry_on_intr(|| rustix::io::write(&self.0, &1_u64.to_ne_bytes()))?;
        Ok(())
    }

    fn clear(&self) -> io::Result<()> {
        rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut [0; 8]))?;
        Ok(())
    }
}

/// Where there is no eventfd, a pair of connected sockets: a byte or more is in it while it rings.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
struct Fd {
    outer: OwnedFd,
    inner: OwnedFd,
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Fd {
    fn new() -> io::Result<Self> {
        let (outer, inner) = std::os::unix::net::UnixStream::pair()?;
        outer.set_nonblocking(true)?;
        inner.set_nonblocking(true)?;
        Ok(Self {
            outer: outer.into(),
            inner: inner.into(),
        })
    }

    fn outer(&self) -> BorrowedFd<'_> {
        self.outer.as_fd()
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Chime for Fd {
    fn raise(&self) -> io::Result<()> {
        match rustix::io::retry_on_intr(|| rustix::io::write(&self.inner, &[1])) {
            // Then there are more than enough in it.
            Ok(_) | Err(rustix::io::Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn clear(&self) -> io::Result<()> {
        let mut raised = [0; 64];
        while rustix::io::retry_on_intr(|| rustix::io::read(&self.outer, &mut raised)).or_else(
            |error| {
                (error == rustix::io::Errno::AGAIN)
                    .then_some(0)
                    .ok_or(error)
            },
        )? == raised.len()
        {}
        Ok(())
    }
}
