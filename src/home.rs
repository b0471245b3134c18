//! The process in which something was made. A child that was forked off has a copy of it, but none of
//! the threads that serve it, and what they held locked just then stays locked.

/// The process in which something was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home(u32);

impl Home {
    pub(crate) fn here() -> Self {
        Self(std::process::id())
    }

    /// Whether this is a child of it that was forked off. Asks the system: not to be done for each
    /// message.
    pub(crate) fn is_elsewhere(self) -> bool {
        cfg!(unix) && self != Self::here()
    }
}
