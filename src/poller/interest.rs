//! What is waited for, and what was found.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// What a [`Poller`](super::Poller) waits for at a socket or a descriptor.
///
/// ```
/// use zocket::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// Nothing for now: the entry stays, and is silent until it is modified.
    pub const NONE: Self = Self(0);
    /// That a message can be received, or bytes be read from a descriptor.
    pub const READABLE: Self = Self(1);
    /// That a message can be sent without waiting, or bytes be written to a descriptor.
    pub const WRITABLE: Self = Self(2);

    /// Whether it is waited for that something can be received.
    pub const fn is_readable(self) -> bool {
        self.0 & Self::READABLE.0 != 0
    }

    /// Whether it is waited for that something can be sent.
    pub const fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE.0 != 0
    }
}

impl BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_readable(), self.is_writable()) {
            (false, false) => "NONE",
            (true, false) => "READABLE",
            (false, true) => "WRITABLE",
            (true, true) => "READABLE | WRITABLE",
        })
    }
}

/// What a [`Poller`](super::Poller) found at one socket or descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub(super) key: usize,
    pub(super) readiness: Readiness,
}

/// What can be done at once; something can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Readiness {
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) closed: bool,
}

impl Event {
    /// What it was added with.
    pub fn key(&self) -> usize {
        self.key
    }

    /// The next receive does not wait (unless another thread comes first).
    pub fn is_readable(&self) -> bool {
        self.readiness.readable
    }

    /// The next send does not wait (unless another thread comes first).
    pub fn is_writable(&self) -> bool {
        self.readiness.writable
    }

    /// The socket is closed or its context shut down, and every call says so at once; or the
    /// descriptor has an error or was hung up, where there may still be something to read. So it
    /// stays until it is removed.
    pub fn is_closed(&self) -> bool {
        self.readiness.closed
    }
}
