//! Whole messages, round robin, over every pipe with something to read.

use super::Active;
use crate::message::Message;
use crate::pipe::{Load, PipeId, Reader, Reading};
use crate::signal::Wakes;

/// The inbound policy of every socket that receives.
///
/// A pipe that runs dry leaves the round until something arrives; one that ended is removed once
/// everything in it has been read.
#[derive(Debug)]
pub(crate) struct FairQueue {
    readers: Active<Reader>,
}

/// Messages that made place for a newer one.
#[derive(Debug, Default)]
pub(crate) struct PassedOver {
    pub(crate) older: u64,
    pub(crate) unwanted: u64,
}

impl FairQueue {
    pub(crate) fn new() -> Self {
        Self {
            readers: Active::new(),
        }
    }

    /// Puts the next message into `out`, if any pipe has one; gives what a look at the pipe that it came
    /// through says, and its bytes.
    #[inline]
    pub(crate) fn recv_with<R>(
        &mut self,
        out: &mut Message,
        wakes: &mut Wakes,
        look: impl FnOnce(PipeId, &Reader) -> R,
    ) -> Option<(R, usize)> {
        while let Some(id) = self.readers.current_id()
            && let Some(reader) = self.readers.current()
        {
            match reader.read(out, wakes) {
                Reading::Message(bytes) => {
                    let seen = look(id, reader);
                    self.readers.advance();
                    return Some((seen, bytes));
                }
                Reading::Empty | Reading::Change => self.readers.deactivate_current(),
                Reading::Ended => {
                    self.readers.remove_current();
                }
            }
        }
        None
    }

    /// Puts the next message into `out` if the pipe whose turn it is has it in hand; its bytes.
    #[inline]
    pub(crate) fn recv_in_hand(&mut self, out: &mut Message) -> Option<usize> {
        self.recv_in_hand_with(out, |_| ()).map(|((), bytes)| bytes)
    }

    /// The same, and what a look at the pipe says.
    #[inline]
    pub(crate) fn recv_in_hand_with<R>(
        &mut self,
        out: &mut Message,
        look: impl FnOnce(&Reader) -> R,
    ) -> Option<(R, usize)> {
        let reader = self.readers.current()?;
        let bytes = reader.read_in_hand(out)?;
        let seen = look(reader);
        self.readers.advance();
        Some((seen, bytes))
    }

    /// Whether there is but one pipe, which should be let alone for a moment.
    pub(crate) fn is_close_behind(&self) -> bool {
        self.readers.only().is_some_and(Reader::is_close_behind)
    }

    /// The newest message that `is_wanted` of the next pipe that has any (if none is, the newest of
    /// those); what a `look` at the pipe gave just after it was read, what was passed over for it, and
    /// its bytes.
    pub(crate) fn recv_newest<R>(
        &mut self,
        out: &mut Message,
        wakes: &mut Wakes,
        look: impl Fn(&Reader) -> R,
        is_wanted: impl Fn(&Message) -> bool,
    ) -> Option<(R, PassedOver, usize)> {
        let mut passed_over = PassedOver::default();
        let ((pipe, mut seen), mut bytes) =
            self.recv_with(out, wakes, |id, reader| (id, look(reader)))?;
        let mut other = Message::new();
        while let Reading::Message(other_bytes) = self.recv_from(pipe, &mut other, wakes) {
            if is_wanted(&other) || !is_wanted(out) {
                std::mem::swap(out, &mut other);
                bytes = other_bytes;
                // To look for one more may be to find that the next is from somebody else.
                if let Some(reader) = self.readers.get(pipe) {
                    seen = look(reader);
                }
            }
            if is_wanted(&other) {
                passed_over.older += 1;
            } else {
                passed_over.unwanted += 1;
            }
            // Over inproc its memory may be foreign: not to be freed under the lock.
            wakes.drop_later(std::mem::take(&mut other));
        }
        Some((seen, passed_over, bytes))
    }

    /// Reads from one pipe only.
    pub(crate) fn recv_from(
        &mut self,
        id: PipeId,
        out: &mut Message,
        wakes: &mut Wakes,
    ) -> Reading {
        self.read_from(id, |reader| reader.read(out, wakes))
    }

    /// Reads from one pipe whatever a subscriber has to say.
    pub(crate) fn recv_upstream(
        &mut self,
        id: PipeId,
        out: &mut Message,
        wakes: &mut Wakes,
    ) -> Reading {
        self.read_from(id, |reader| reader.read_upstream(out, wakes))
    }

    #[inline]
    fn read_from(&mut self, id: PipeId, read: impl FnOnce(&mut Reader) -> Reading) -> Reading {
        let Some(reader) = self.readers.get_mut(id) else {
            return Reading::Ended;
        };
        let reading = read(reader);
        match reading {
            Reading::Empty => self.readers.deactivate(id),
            Reading::Ended => drop(self.readers.remove(id)),
            Reading::Message(_) | Reading::Change => {}
        }
        reading
    }

    /// Whether there is a message, or one that `is_wanted`; those before it are dropped.
    pub(crate) fn look(
        &mut self,
        wakes: &mut Wakes,
        mut is_wanted: Option<&mut dyn FnMut(&Message) -> bool>,
    ) -> bool {
        while let Some(reader) = self.readers.current() {
            let end = match &mut is_wanted {
                None => reader.look(wakes),
                Some(is_wanted) => reader.look_for(wakes, is_wanted),
            };
            match end {
                None => return true,
                Some(Reading::Ended) => drop(self.readers.remove_current()),
                Some(_) => self.readers.deactivate_current(),
            }
        }
        false
    }

    /// The same for one pipe; an ended one says `None`.
    pub(crate) fn look_from(
        &mut self,
        id: PipeId,
        wakes: &mut Wakes,
        is_wanted: &mut dyn FnMut(&Message) -> bool,
    ) -> Option<bool> {
        match self.readers.get_mut(id)?.look_for(wakes, is_wanted) {
            None => Some(true),
            Some(Reading::Ended) => None,
            Some(_) => {
                self.readers.deactivate(id);
                Some(false)
            }
        }
    }

    /// Discards what has arrived through a pipe until now.
    pub(crate) fn discard(&mut self, id: PipeId, wakes: &mut Wakes) -> Load {
        self.readers
            .get_mut(id)
            .map_or(Load::NONE, |reader| reader.discard(wakes))
    }

    /// Takes a pipe in; that there is something to read in it is told by the pipe.
    pub(crate) fn attach(&mut self, id: PipeId, reader: Reader) {
        self.readers.insert_resting(id, reader);
    }

    /// A pipe has something to read again.
    pub(crate) fn activate(&mut self, id: PipeId) {
        self.readers.activate(id);
    }

    /// Nothing more will come through a pipe: it is removed at once if it is empty, so that peers
    /// that come and go leave nothing behind at a socket that nobody reads.
    pub(crate) fn end(&mut self, id: PipeId) -> Option<Reader> {
        if self.readers.get(id).is_some_and(Reader::has_ended) {
            return self.readers.remove(id);
        }
        self.readers.activate(id);
        None
    }

    /// Whether there is a pipe to try.
    pub(crate) fn has_something(&self) -> bool {
        self.readers.has_active()
    }

    /// Whether one pipe may have something to read.
    pub(crate) fn has_something_from(&self, id: PipeId) -> bool {
        self.readers.is_active(id)
    }

    /// Tells the peer of a pipe how much of what it sent has been taken.
    pub(crate) fn settle(&mut self, id: PipeId, wakes: &mut Wakes) {
        if let Some(reader) = self.readers.get_mut(id) {
            reader.settle(wakes);
        }
    }

    /// The same because the peer of a pipe has asked.
    pub(crate) fn hurry(&mut self, id: PipeId, wakes: &mut Wakes) {
        if let Some(reader) = self.readers.get_mut(id) {
            reader.hurry(wakes);
        }
    }

    /// The same for all pipes.
    pub(crate) fn hurry_all(&mut self, wakes: &mut Wakes) {
        for reader in self.readers.iter_mut() {
            reader.hurry(wakes);
        }
    }

    /// What was read and is still counted as queued.
    pub(crate) fn unreturned(&self) -> Load {
        let mut load = Load::NONE;
        for reader in self.readers.iter() {
            load += reader.unreturned();
        }
        load
    }

    pub(crate) fn get_mut(&mut self, id: PipeId) -> Option<&mut Reader> {
        self.readers.get_mut(id)
    }

    pub(crate) fn get(&self, id: PipeId) -> Option<&Reader> {
        self.readers.get(id)
    }

    pub(crate) fn detach(&mut self, id: PipeId) -> Option<Reader> {
        self.readers.remove(id)
    }

    #[cfg(all(test, not(loom)))]
    pub(crate) fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Reader> + use<> {
        self.readers.take_all()
    }
}
