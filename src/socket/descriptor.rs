//! A file descriptor that says whether something can be received.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{OnceLock, Weak};

use super::core::Core;
use crate::signal::{Wakes, Watch, Watcher};
use crate::sync::Mutex;

/// The descriptor of one socket, made when somebody asks for it.
#[derive(Default)]
pub(super) struct Descriptor {
    bell: OnceLock<Bell>,
    /// Held while it is made, so that it is made once.
    making: Mutex<()>,
}

/// Rings, as far as anybody can see, for as long as the level is up.
struct Bell {
    id: u64,
    fd: Fd,
    /// Whether it rings. The lock is held over the system call that changes it, and no lock of the
    /// socket is held meanwhile: whoever changes the level comes here afterwards and looks up what is
    /// so by then, so the last one to come leaves it right.
    rings: Mutex<bool>,
}

/// Hears of changes of the level.
struct Ringer(Weak<Core>);

impl Watcher for Ringer {
    fn on_change(&self, _: u64) {
        if let Some(core) = self.0.upgrade() {
            core.ring();
        }
    }

    fn on_gone(&self, _: u64) {}
}

impl Core {
    pub(super) fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        let Descriptor { bell, making } = &self.descriptor;
        if let Some(bell) = bell.get() {
            return Ok(bell.fd.outer());
        }
        let _guard = making.lock();
        if bell.get().is_none() {
            let id = crate::context::unique_number();
            let _ = bell.set(Bell {
                id,
                fd: Fd::new()?,
                rings: Mutex::new(false),
            });
            let watch = Watch {
                watcher: std::sync::Arc::new(Ringer(self.me.clone())),
                id,
            };
            let mut wakes = Wakes::new();
            self.readable().watch(watch, true, &mut wakes);
            wakes.fire();
            self.ring();
        }
        match bell.get() {
            Some(bell) => Ok(bell.fd.outer()),
            None => Err(io::ErrorKind::Other.into()),
        }
    }

    /// Makes the descriptor say what is so.
    fn ring(&self) {
        let Some(bell) = self.descriptor.bell.get() else {
            return;
        };
        let mut rings = bell.rings.lock();
        let level = self.readable().told(bell.id);
        if *rings != level {
            let changed = if level {
                bell.fd.raise()
            } else {
                bell.fd.clear()
            };
            match changed {
                Ok(()) => *rings = level,
                Err(error) => log::error!("{self:?}: the descriptor cannot be set: {error}"),
            }
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

    fn raise(&self) -> io::Result<()> {
        rustix::io::retry_on_intr(|| rustix::io::write(&self.0, &1_u64.to_ne_bytes()))?;
        Ok(())
    }

    fn clear(&self) -> io::Result<()> {
        rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut [0; 8]))?;
        Ok(())
    }
}

/// Where there is no eventfd, a pair of connected sockets: one byte is in it while it rings.
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

    fn raise(&self) -> io::Result<()> {
        rustix::io::retry_on_intr(|| rustix::io::write(&self.inner, &[1]))?;
        Ok(())
    }

    fn clear(&self) -> io::Result<()> {
        rustix::io::retry_on_intr(|| rustix::io::read(&self.outer, &mut [0; 1]))?;
        Ok(())
    }
}
