//! A bell that rings, as far as anybody can see, for as long as a level is up.

#[cfg(all(test, loom))]
mod loom;

use std::io;

use crate::sync::Mutex;
use crate::waiting::Watchable;

/// What can be seen of it from outside.
pub(super) trait Chime: Send + Sync {
    /// Rings from now on. If it did already, whoever waits for that is told once more.
    fn raise(&self) -> io::Result<()>;

    /// Rings no more.
    fn clear(&self) -> io::Result<()>;
}

/// Says the level of one half, as it was told last under this bell's name.
#[derive(Debug)]
pub(super) struct Bell<C> {
    id: u64,
    chime: C,
    /// Whether it rings. The lock is held over the system call that changes it, and no lock of the
    /// socket is held meanwhile: whoever changes the level comes here afterwards and looks up what is
    /// so by then, so the last one to come leaves it right.
    rings: Mutex<bool>,
}

impl<C: Chime> Bell<C> {
    pub(super) fn new(id: u64, chime: C) -> Self {
        Self {
            id,
            chime,
            rings: Mutex::new(false),
        }
    }

    pub(super) fn chime(&self) -> &C {
        &self.chime
    }

    /// Makes it say what is so; called after every change of the level.
    ///
    /// It is raised for every rise, even while it rings: a fall in between may not have come here yet,
    /// and who found nothing then, and waits for an edge, must have one.
    pub(super) fn ring(&self, half: &dyn Watchable) -> io::Result<()> {
        let mut rings = self.rings.lock();
        let level = half.told(self.id);
        if level {
            self.chime.raise()?;
        } else if *rings {
            self.chime.clear()?;
        }
        *rings = level;
        Ok(())
    }
}
