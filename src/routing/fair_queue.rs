//! Whole messages, round robin, over every pipe with something to read.

use super::Active;
use crate::message::Message;
use crate::pipe::{PipeId, Reader, Reading};
use crate::signal::Wakes;

/// The inbound policy of every socket that receives.
///
/// A pipe that runs dry leaves the round until something arrives; one that ended is removed once
/// everything in it has been read.
#[derive(Debug)]
pub(crate) struct FairQueue {
    readers: Active<Reader>,
}

impl FairQueue {
    pub(crate) fn new() -> Self {
        Self {
            readers: Active::new(),
        }
    }

    /// Puts the next message into `out`, if any pipe has one.
    #[inline]
    pub(crate) fn recv(&mut self, out: &mut Message, wakes: &mut Wakes) -> bool {
        while let Some(reader) = self.readers.current() {
            match reader.read(out, wakes) {
                Reading::Message => {
                    self.readers.advance();
                    return true;
                }
                Reading::Empty => self.readers.deactivate_current(),
                Reading::Ended => {
                    self.readers.remove_current();
                }
            }
        }
        false
    }

    pub(crate) fn attach(&mut self, id: PipeId, reader: Reader) {
        self.readers.insert(id, reader);
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

    pub(crate) fn get(&self, id: PipeId) -> Option<&Reader> {
        self.readers.get(id)
    }

    pub(crate) fn detach(&mut self, id: PipeId) -> Option<Reader> {
        self.readers.remove(id)
    }

    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Reader> + use<> {
        self.readers.take_all()
    }
}
