//! The end of a pipe that a socket's inbound half reads from.

use std::sync::Arc;

use super::Load;
use super::lane::Lane;
use super::run::{Runs, Values};
use crate::message::Message;
use crate::signal::{Target, Wakes};
use crate::zmtp::Item;

/// Emptied buffers kept on their way back to the session; more are freed.
const EMPTIED_MAX: usize = 4;

/// The lane behind a reader, with what was taken out of it and not yet read.
#[derive(Debug)]
pub(crate) enum Inlet {
    Runs(Arc<Lane<Runs>>, Runs),
    Values(Arc<Lane<Values>>, Values),
}

impl Inlet {
    pub(crate) fn runs(lane: Arc<Lane<Runs>>) -> Self {
        Self::Runs(lane, Runs::default())
    }

    pub(crate) fn values(lane: Arc<Lane<Values>>) -> Self {
        Self::Values(lane, Values::default())
    }
}

/// Reads whole messages out of a pipe.
#[derive(Debug)]
pub(crate) struct Reader {
    inlet: Inlet,
    /// Read since credit was last returned.
    read: Load,
    /// How many messages may be read before credit must be returned.
    step: usize,
}

/// What a look into a pipe gave.
#[derive(Debug)]
pub(crate) enum Reading {
    /// One message.
    Message,
    /// Nothing now; the owner will be told.
    Empty,
    /// Nothing, for ever.
    Ended,
}

impl Reader {
    pub(crate) fn new(inlet: Inlet) -> Self {
        Self {
            inlet,
            read: Load::NONE,
            step: 0,
        }
    }

    /// Puts the next message into `out`. Takes the lane's lock only when all that was taken before
    /// is read.
    #[inline]
    pub(crate) fn read(&mut self, out: &mut Message, wakes: &mut Wakes) -> Reading {
        loop {
            let found = match &mut self.inlet {
                Inlet::Runs(_, front) => cut(front, out),
                Inlet::Values(_, front) => match front.pop_front() {
                    Some(message) => {
                        *out = message;
                        true
                    }
                    None => false,
                },
            };
            if found {
                self.read.messages += 1;
                self.read.bytes += out.byte_len();
                if self.read.messages >= self.step {
                    self.give_back(wakes);
                }
                return Reading::Message;
            }
            let read = std::mem::take(&mut self.read);
            let taken = match &mut self.inlet {
                Inlet::Runs(lane, front) => lane.take(front, read, wakes),
                Inlet::Values(lane, front) => lane.take(front, read, wakes),
            };
            self.step = taken.step;
            if taken.ended {
                return Reading::Ended;
            }
            if !taken.got {
                return Reading::Empty;
            }
        }
    }

    /// Returns credit for what was read while more is still in hand.
    fn give_back(&mut self, wakes: &mut Wakes) {
        let read = std::mem::take(&mut self.read);
        match &self.inlet {
            Inlet::Runs(lane, _) => lane.give_back(read, wakes),
            Inlet::Values(lane, _) => lane.give_back(read, wakes),
        }
    }

    /// Says that nothing more will be read; returns what was there unread.
    pub(crate) fn end(&mut self, wakes: &mut Wakes) -> Load {
        let read = std::mem::take(&mut self.read);
        match &mut self.inlet {
            Inlet::Runs(lane, front) => {
                *front = Runs::default();
                lane.end_taking(read, wakes)
            }
            Inlet::Values(lane, front) => {
                front.clear();
                lane.end_taking(read, wakes)
            }
        }
    }

    /// Whether there is nothing to read, and nothing will come.
    pub(crate) fn has_ended(&self) -> bool {
        match &self.inlet {
            Inlet::Runs(lane, front) => front.items.is_empty() && lane.has_ended(),
            Inlet::Values(lane, front) => front.is_empty() && lane.has_ended(),
        }
    }

    /// Lets nothing more in; what is there can still be read.
    pub(crate) fn close_intake(&self, wakes: &mut Wakes) {
        match &self.inlet {
            Inlet::Runs(lane, _) => lane.close_intake(wakes),
            Inlet::Values(lane, _) => lane.close_intake(wakes),
        }
    }

    pub(crate) fn set_owner(&self, owner: Target, wakes: &mut Wakes) {
        match &self.inlet {
            Inlet::Runs(lane, _) => lane.set_taker(owner, wakes),
            Inlet::Values(lane, _) => lane.set_taker(owner, wakes),
        }
    }
}

/// Cuts the next message out of the front run; a run that is used up leaves its buffer behind.
#[inline]
fn cut(runs: &mut Runs, out: &mut Message) -> bool {
    loop {
        match runs.items.front_mut() {
            Some(Item::Chunk(chunk)) => {
                if chunk.cut_into(out) {
                    return true;
                }
            }
            Some(_) => {}
            None => return false,
        }
        match runs.items.pop_front() {
            Some(Item::Message(message)) => {
                *out = message;
                return true;
            }
            Some(Item::Chunk(chunk)) => {
                if runs.emptied.len() < EMPTIED_MAX
                    && let Some(buffer) = chunk.into_buffer()
                {
                    runs.emptied.push(buffer);
                }
            }
            // Only publishers are sent these.
            Some(Item::Subscription { .. }) => {}
            None => return false,
        }
    }
}
