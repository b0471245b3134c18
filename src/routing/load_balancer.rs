//! Whole messages, round robin, over every pipe with room.

use std::sync::Arc;

use super::Active;
use super::shortcut::Shortcut;
use crate::message::Message;
use crate::pipe::{Outlet, PipeId, Refusal, Room, Writer};
use crate::signal::Wakes;

/// The outbound policy of PUSH, DEALER, REQ and (over its one peer) PAIR.
///
/// A pipe that is full leaves the round until it has room again.
#[derive(Debug)]
pub(crate) struct LoadBalancer {
    writers: Active<Writer>,
    /// For who sends with no lock of ours; none where there is more to sending than that.
    shortcut: Option<Arc<Shortcut>>,
    /// Whether it may be taken as far as others are concerned.
    may_be_direct: bool,
    /// The pipe that may be written to that way now.
    direct: Option<Outlet>,
}

impl LoadBalancer {
    pub(crate) fn new() -> Self {
        Self {
            writers: Active::new(),
            shortcut: None,
            may_be_direct: true,
            direct: None,
        }
    }

    /// The same with a way past it, for while there is nothing to balance.
    pub(crate) fn with_shortcut() -> Self {
        Self {
            shortcut: Some(Arc::new(Shortcut::new())),
            ..Self::new()
        }
    }

    pub(crate) fn shortcut(&self) -> Option<Arc<Shortcut>> {
        self.shortcut.clone()
    }

    /// Says whether the shortcut may be taken: not if somebody must be asked, or told, about each
    /// message.
    pub(crate) fn allow_shortcut(&mut self, may: bool) {
        self.may_be_direct = may;
        self.settle_shortcut();
    }

    /// After any change to what pipes there are.
    fn settle_shortcut(&mut self) {
        let Some(shortcut) = &self.shortcut else {
            return;
        };
        if let Some(outlet) = self.direct.take() {
            outlet.set_direct(false);
            shortcut.close();
        }
        if self.may_be_direct
            && let Some(only) = self.writers.only()
            && shortcut.lead_to(only.outlet())
        {
            only.outlet().set_direct(true);
            self.direct = Some(only.outlet().clone());
        }
    }

    /// Gives the message to the pipe whose turn it is, if there is nothing to it but that; what is left in
    /// `message` is for the caller to drop.
    #[inline]
    pub(crate) fn send_plainly(&mut self, message: &mut Message) -> bool {
        let Some(writer) = self.writers.current() else {
            return false;
        };
        let is_sent = writer.outlet().write_plainly(message);
        if is_sent {
            self.writers.advance();
        }
        is_sent
    }

    /// Gives the message to the next pipe with room; says which, and how many
    /// bytes it has; `None` if there is none. What
    /// is left in `message` then, or for the caller to drop, is as [`Writer::write`] says.
    #[inline]
    pub(crate) fn send(
        &mut self,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<(PipeId, usize)> {
        self.send_after(message, wakes, |_, _| ())
    }

    /// The same, with something to be done before each pipe that is tried.
    #[inline]
    pub(crate) fn send_after(
        &mut self,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
        mut before: impl FnMut(PipeId, &mut Wakes),
    ) -> Option<(PipeId, usize)> {
        while let Some(writer) = self.writers.current() {
            before(writer.pipe(), wakes);
            match writer.write(message, wakes) {
                Ok(bytes) => {
                    let pipe = writer.pipe();
                    self.writers.advance();
                    return Some((pipe, bytes));
                }
                Err(Refusal::Full) => self.writers.deactivate_current(),
                Err(Refusal::Ended) => {
                    self.writers.remove_current();
                    self.settle_shortcut();
                }
            }
        }
        None
    }

    /// Keeps room for a message at the next pipe that has some, whose turn that was; `None` if there
    /// is none.
    pub(crate) fn reserve(&mut self, wakes: &mut Wakes) -> Option<PipeId> {
        while let Some(writer) = self.writers.current() {
            match writer.reserve(wakes) {
                Ok(()) => {
                    let pipe = writer.pipe();
                    self.writers.advance();
                    return Some(pipe);
                }
                Err(Refusal::Full) => self.writers.deactivate_current(),
                Err(Refusal::Ended) => {
                    self.writers.remove_current();
                    self.settle_shortcut();
                }
            }
        }
        None
    }

    /// Gives the message to the pipe that has kept room for it; if that is gone to the next with
    /// room, or else to the one with the least queued, beyond its limit. `None` if there is no pipe.
    pub(crate) fn send_reserved(
        &mut self,
        pipe: PipeId,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<usize> {
        if let Some(writer) = self.writers.get(pipe)
            && let Ok(bytes) = writer.write_into(Room::Reserved, message, wakes)
        {
            return Some(bytes);
        }
        if let Some((_, bytes)) = self.send(message, wakes) {
            return Some(bytes);
        }
        loop {
            let least = self
                .writers
                .iter()
                .min_by_key(|writer| writer.queued().messages)?;
            let pipe = least.pipe();
            if let Ok(bytes) = least.write_into(Room::Beyond, message, wakes) {
                return Some(bytes);
            }
            // It has ended, as nothing else refuses then.
            self.writers.remove(pipe);
            self.settle_shortcut();
        }
    }

    /// Gives up the room that a pipe has kept.
    pub(crate) fn release(&self, pipe: PipeId, wakes: &mut Wakes) {
        if let Some(writer) = self.writers.get(pipe) {
            writer.release(wakes);
        }
    }

    /// Whether [`send`](Self::send) would find room; if not, the owner will be told when there is.
    pub(crate) fn look_for_room(&mut self, wakes: &mut Wakes) -> bool {
        while let Some(writer) = self.writers.current() {
            match writer.room(wakes) {
                Ok(_) => return true,
                Err(Refusal::Full) => self.writers.deactivate_current(),
                Err(Refusal::Ended) => {
                    self.writers.remove_current();
                    self.settle_shortcut();
                }
            }
        }
        false
    }

    pub(crate) fn attach(&mut self, writer: Writer) {
        self.writers.insert(writer.pipe(), writer);
        self.settle_shortcut();
    }

    pub(crate) fn get(&self, id: PipeId) -> Option<&Writer> {
        self.writers.get(id)
    }

    /// A pipe has room again.
    pub(crate) fn activate(&mut self, id: PipeId) {
        self.writers.activate(id);
    }

    pub(crate) fn detach(&mut self, id: PipeId) -> Option<Writer> {
        let detached = self.writers.remove(id);
        self.settle_shortcut();
        detached
    }

    /// Whether there is a pipe to try.
    pub(crate) fn has_room(&self) -> bool {
        self.writers.has_active()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writers.is_empty()
    }

    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Writer> + use<> {
        let all = self.writers.take_all();
        self.settle_shortcut();
        all
    }
}
