//! What the inbound lanes carry: runs of received bytes, or messages as they are.

use std::collections::VecDeque;

use super::lane::Batch;
use crate::message::Message;
use crate::zmtp::{Item, Wire};

impl Batch for Wire {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

/// Received bytes in wire order, checked and counted but not yet cut into messages; and on the way
/// back, the emptied buffers of earlier runs.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    pub(crate) items: VecDeque<Item>,
    /// Buffers for the session to read into again.
    pub(crate) emptied: Vec<Vec<u8>>,
}

impl Batch for Runs {
    fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Messages as they are, from one socket to another in the same process.
pub(crate) type Values = VecDeque<Message>;

impl Batch for Values {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}
