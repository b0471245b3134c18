//! The name by which a ROUTER knows a peer.

use std::fmt;
use std::ops::Deref;

/// A routing id: 1 to 255 bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoutingId(Box<[u8]>);

impl RoutingId {
    /// Checks and copies `id`; `None` unless it is 1 to 255 bytes long.
    pub fn new(id: &[u8]) -> Option<Self> {
        (1..=255).contains(&id.len()).then(|| Self(id.into()))
    }
}

impl Deref for RoutingId {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutingId({:02x?})", self.0)
    }
}
