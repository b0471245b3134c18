//! From a subscriber to all of its publishers.

use super::active::ByPipe;
use crate::message::Message;
use crate::pipe::{Change, Copies, Load, PipeId, Refusal, Room, Writer};
use crate::signal::Wakes;

/// The outbound policy of SUB and XSUB: every publisher is told of every subscription, and XSUB's
/// messages go to all of them. Who has no room for a message misses it.
#[derive(Debug, Default)]
pub(crate) struct Upstream {
    writers: ByPipe<Writer>,
    copies: Copies,
}

impl Upstream {
    pub(crate) fn attach(&mut self, writer: Writer) {
        self.writers.insert(writer.pipe(), writer);
    }

    /// Tells everybody of a change.
    pub(crate) fn tell(&self, change: &Change, wakes: &mut Wakes) {
        for writer in self.writers.values() {
            writer.tell(change.clone(), wakes);
        }
    }

    /// Gives everybody a copy; how many copies there were to be, and how many found no room.
    pub(crate) fn send(&mut self, message: &Message, wakes: &mut Wakes) -> Sent {
        let bytes = message.byte_len();
        let mut sent = Sent::default();
        self.writers.retain(|_, writer| {
            match writer.write_copy(Room::Free, message, bytes, &mut self.copies, wakes) {
                Ok(_) => sent.queued += 1,
                Err(Refusal::Full) => sent.full += 1,
                Err(Refusal::Ended) => return false,
            }
            true
        });
        self.copies.clear();
        sent
    }

    pub(crate) fn get(&self, pipe: PipeId) -> Option<&Writer> {
        self.writers.get(&pipe)
    }

    pub(crate) fn detach(&mut self, pipe: PipeId) -> Option<Writer> {
        self.writers.remove(&pipe)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writers.is_empty()
    }

    pub(crate) fn take_all(&mut self) -> Vec<Writer> {
        std::mem::take(&mut self.writers).into_values().collect()
    }
}

/// What became of the copies of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) queued: usize,
    /// Dropped, for want of room at the peers they were for.
    pub(crate) full: usize,
    /// One of them had room until now.
    pub(crate) stalled: bool,
}

impl Sent {
    /// All the copies there were to be, of so many bytes each.
    pub(crate) fn load(self, bytes: usize) -> Load {
        let copies = self.queued + self.full;
        Load {
            messages: copies,
            bytes: copies.saturating_mul(bytes),
        }
    }
}
