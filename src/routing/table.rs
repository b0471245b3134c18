//! One peer by its name: what a ROUTER and a REP send by.

use std::collections::HashMap;

use super::active::ByPipe;
use super::{Stall, StallNews};
use crate::message::Message;
use crate::pipe::{PipeId, Refusal, Room, Writer};
use crate::routing_id::RoutingId;
use crate::signal::Wakes;

/// The outbound policy of ROUTER, and, by pipe alone, of REP.
///
/// Every step costs the same however many peers there are.
#[derive(Debug)]
pub(crate) struct Table {
    writers: ByPipe<Entry>,
    ids: Ids,
    /// The last id that was generated.
    counter: u32,
}

#[derive(Debug)]
struct Entry {
    writer: Writer,
    id: Option<RoutingId>,
    /// The id was given to it here, whatever the peer calls itself.
    named: bool,
    stall: Stall,
}

/// What became of a peer's name.
#[derive(Debug)]
pub(crate) enum Registered {
    /// The peer is known by this id.
    As {
        id: RoutingId,
        /// The pipe was known by another: what was queued in it is for somebody else.
        renamed: bool,
        /// Whose id that was, and is no more.
        ousted: Option<Writer>,
    },
    /// Somebody else has this id.
    Taken(RoutingId),
}

impl Table {
    /// `seed` is where generated ids begin.
    pub(crate) fn new(seed: u32) -> Self {
        Self {
            writers: ByPipe::default(),
            ids: Ids::default(),
            counter: seed,
        }
    }

    pub(crate) fn attach(&mut self, writer: Writer) {
        let entry = Entry {
            writer,
            id: None,
            named: false,
            stall: Stall::default(),
        };
        self.writers.insert(entry.writer.pipe(), entry);
    }

    /// Gives a pipe a name of our own choice, which its peer cannot change; `false` if it is taken.
    pub(crate) fn name(&mut self, pipe: PipeId, id: &RoutingId) -> bool {
        if self.ids.get(id).is_some_and(|owner| owner != pipe) {
            return false;
        }
        let Some(entry) = self.writers.get_mut(&pipe) else {
            return true;
        };
        if let Some(old) = entry.id.replace(id.clone()) {
            self.ids.remove(&old);
        }
        entry.named = true;
        self.ids.insert(id, pipe);
        true
    }

    /// Whether somebody has this id.
    pub(crate) fn knows(&self, id: &RoutingId) -> bool {
        self.ids.get(id).is_some()
    }

    /// A peer is there, and has announced this id or none; with `handover` it gets the id even if
    /// somebody else has it.
    pub(crate) fn register(
        &mut self,
        pipe: PipeId,
        announced: Option<&RoutingId>,
        handover: bool,
    ) -> Registered {
        let known = self.writers.get(&pipe).and_then(|entry| {
            // Who announces none keeps what was generated for it before.
            let keeps = entry.named
                || announced.is_none()
                    && entry.id.as_deref().is_some_and(|id| id.first() == Some(&0));
            entry.id.clone().filter(|_| keeps)
        });
        let id = match (known, announced) {
            (Some(known), _) => known,
            (None, Some(announced)) => announced.clone(),
            (None, None) => self.generate(),
        };
        let mut ousted = None;
        // Nobody is ousted for one that has gone again meanwhile.
        if let Some(owner) = self.ids.get(&id)
            && owner != pipe
            && self.writers.contains_key(&pipe)
        {
            if !handover {
                return Registered::Taken(id);
            }
            ousted = self.detach(owner);
        }
        let mut renamed = false;
        if let Some(entry) = self.writers.get_mut(&pipe) {
            entry.stall.start_anew();
            if let Some(old) = entry.id.replace(id.clone())
                && old != id
            {
                self.ids.remove(&old);
                renamed = true;
            }
            self.ids.insert(&id, pipe);
        }
        Registered::As {
            id,
            renamed,
            ousted,
        }
    }

    /// Sends to whoever has this id; `None` if nobody has.
    #[inline]
    pub(crate) fn send(
        &mut self,
        id: &[u8],
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<Result<usize, Refusal>> {
        let pipe = self.ids.get(id)?;
        self.send_to_pipe(pipe, message, wakes)
    }

    /// Sends to whoever has this id, if there is nothing to it but that; what is left in `message` is for
    /// the caller to drop.
    #[inline]
    pub(crate) fn send_plainly(&self, id: &[u8], message: &mut Message) -> bool {
        let entry = self.ids.get(id).and_then(|pipe| self.writers.get(&pipe));
        entry.is_some_and(|entry| entry.writer.outlet().write_plainly(message))
    }

    /// Sends through one pipe; `None` if it is gone.
    #[inline]
    pub(crate) fn send_to_pipe(
        &mut self,
        pipe: PipeId,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<Result<usize, Refusal>> {
        let entry = self.writers.get(&pipe)?;
        let outcome = entry.writer.write(message, wakes);
        self.unless_ended(pipe, outcome)
    }

    /// Keeps room for a message to whoever has this id; `None` if nobody has.
    pub(crate) fn reserve(
        &mut self,
        id: &[u8],
        wakes: &mut Wakes,
    ) -> Option<Result<PipeId, Refusal>> {
        let pipe = self.ids.get(id)?;
        let kept = self.get(pipe)?.reserve(wakes).map(|()| pipe);
        self.unless_ended(pipe, kept)
    }

    /// Sends to whoever has this id: into the room that was kept if that is who had it then, or else
    /// beyond the limit. `None` if nobody has.
    pub(crate) fn send_reserved(
        &mut self,
        kept: PipeId,
        id: &[u8],
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<usize> {
        let pipe = self.ids.get(id);
        let room = if pipe == Some(kept) {
            Room::Reserved
        } else {
            self.release(kept, wakes);
            Room::Beyond
        };
        let pipe = pipe?;
        let outcome = self.get(pipe)?.write_into(room, message, wakes);
        self.unless_ended(pipe, outcome)?.ok()
    }

    /// Gives up the room that a pipe has kept.
    pub(crate) fn release(&self, pipe: PipeId, wakes: &mut Wakes) {
        if let Some(writer) = self.get(pipe) {
            writer.release(wakes);
        }
    }

    /// A pipe whose other end is gone is taken out.
    /// A message for the peer with this id is dropped, as it has no room.
    pub(crate) fn miss(&mut self, id: &[u8], wakes: &mut Wakes) {
        if let Some(pipe) = self.ids.get(id)
            && let Some(entry) = self.writers.get_mut(&pipe)
        {
            entry.stall.miss(&entry.writer, wakes);
        }
    }

    /// A pipe has room again; how many messages were dropped while it had none.
    pub(crate) fn activate(&mut self, pipe: PipeId) -> u64 {
        let entry = self.writers.get_mut(&pipe);
        entry.map_or(0, |entry| entry.stall.end())
    }

    /// What a peer misses.
    pub(crate) fn stall(&self, pipe: PipeId) -> Option<Stall> {
        self.writers.get(&pipe).map(|entry| entry.stall)
    }

    /// What there is to tell of that.
    pub(crate) fn take_stall_news(&mut self, pipe: PipeId) -> Option<StallNews> {
        self.writers.get_mut(&pipe)?.stall.take_news()
    }

    #[inline]
    fn unless_ended<T>(
        &mut self,
        pipe: PipeId,
        outcome: Result<T, Refusal>,
    ) -> Option<Result<T, Refusal>> {
        if let Err(Refusal::Ended) = outcome {
            self.detach(pipe);
            return None;
        }
        Some(outcome)
    }

    pub(crate) fn get(&self, pipe: PipeId) -> Option<&Writer> {
        self.writers.get(&pipe).map(|entry| &entry.writer)
    }

    pub(crate) fn detach(&mut self, pipe: PipeId) -> Option<Writer> {
        let entry = self.writers.remove(&pipe)?;
        if let Some(id) = &entry.id {
            self.ids.remove(id);
        }
        Some(entry.writer)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writers.is_empty()
    }

    pub(crate) fn take_all(&mut self) -> Vec<Writer> {
        self.ids = Ids::default();
        std::mem::take(&mut self.writers)
            .into_values()
            .map(|entry| entry.writer)
            .collect()
    }

    /// A zero byte, which no peer may begin its own id with, and a number.
    fn generate(&mut self) -> RoutingId {
        loop {
            self.counter = self.counter.wrapping_add(1);
            let [a, b, c, d] = self.counter.to_be_bytes();
            let id = RoutingId::generated([0, a, b, c, d]);
            if self.ids.get(&id).is_none() {
                return id;
            }
        }
    }
}

/// Whose an id is.
///
/// Those that were generated are numbers, which count up and which no peer can choose: they are found
/// by less than it takes to hash the others, where peers must not be able to foresee what that gives.
#[derive(Debug, Default)]
struct Ids {
    generated: ByPipe<PipeId>,
    chosen: HashMap<RoutingId, PipeId>,
}

/// The number in an id that looks generated.
#[inline]
fn number_of(id: &[u8]) -> Option<u64> {
    match *id {
        [0, a, b, c, d] => Some(u64::from(u32::from_be_bytes([a, b, c, d]))),
        _ => None,
    }
}

impl Ids {
    #[inline]
    fn get(&self, id: &[u8]) -> Option<PipeId> {
        match number_of(id) {
            Some(number) => self.generated.get(&number).copied(),
            None => self.chosen.get(id).copied(),
        }
    }

    fn insert(&mut self, id: &RoutingId, pipe: PipeId) {
        match number_of(id) {
            Some(number) => self.generated.insert(number, pipe),
            None => self.chosen.insert(id.clone(), pipe),
        };
    }

    fn remove(&mut self, id: &[u8]) {
        match number_of(id) {
            Some(number) => self.generated.remove(&number),
            None => self.chosen.remove(id),
        };
    }
}
