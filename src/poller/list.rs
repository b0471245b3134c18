//! What a poller waits for, and which of it may be ready.

use std::collections::{HashMap, VecDeque};
use std::io;

use super::interest::{Event, Interest, Readiness};
use crate::command::SocketId;
use crate::signal::{Wakes, Watch};
use crate::waiting::Ready;

/// How many events are told at once: what is ready beyond that comes first the next time.
const EVENTS_MAX: usize = 1024;

/// How many that were taken out may stay in the queue, beside as many as there are entries.
const GONE_MAX: usize = 64;

/// Something with a level that can be watched.
pub(super) trait Source: Send + Sync {
    /// Begins to tell of rises; whether there may be something now.
    fn watch(&self, interest: Interest, watch: Watch, wakes: &mut Wakes) -> io::Result<bool>;

    fn unwatch(&self, id: u64, wakes: &mut Wakes);

    /// What can be done now.
    fn look(&self, interest: Interest, id: u64, wakes: &mut Wakes) -> Look;
}

/// What a look has found.
pub(super) enum Look {
    Ready(Readiness),
    /// Nothing: a rise will be told.
    Nothing,
    /// Nothing yet; one more look may find something.
    Unclear,
    /// It is gone for good.
    Gone,
}

/// By what an entry is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Socket(SocketId),
    #[cfg(unix)]
    Descriptor(std::os::fd::RawFd),
}

/// The entries of a poller, and a queue of those that may be ready.
///
/// Its lock is held over the questions that the system is asked about plain descriptors, which no
/// other lock here is; whoever has news for it meanwhile waits that long.
///
/// An entry is in the queue from the rise of its level until a look finds nothing: so a wait looks at
/// what is ready, or was until lately, and at nothing else, however much there is.
#[derive(Default)]
pub(super) struct List {
    entries: HashMap<u64, Entry>,
    names: HashMap<Name, u64>,
    ready: VecDeque<u64>,
    notified: bool,
}

pub(super) struct Entry {
    name: Name,
    source: Box<dyn Source>,
    key: usize,
    interest: Interest,
    /// Whether it is in the queue.
    queued: bool,
}

impl Ready for List {
    fn ready(&self) -> bool {
        self.notified || !self.ready.is_empty()
    }
}

impl List {
    pub(super) fn id_of(&self, name: Name) -> Option<u64> {
        self.names.get(&name).copied()
    }

    /// Adds what is not yet there under this name.
    pub(super) fn add(
        &mut self,
        name: Name,
        source: Box<dyn Source>,
        key: usize,
        interest: Interest,
        watch: Watch,
        wakes: &mut Wakes,
    ) -> io::Result<()> {
        let id = watch.id;
        let queued = source.watch(interest, watch, wakes)?;
        if queued {
            self.ready.push_back(id);
        }
        self.names.insert(name, id);
        self.entries.insert(
            id,
            Entry {
                name,
                source,
                key,
                interest,
                queued,
            },
        );
        Ok(())
    }

    /// Waits for something else at an entry from now on.
    pub(super) fn modify(
        &mut self,
        watch: Watch,
        interest: Interest,
        wakes: &mut Wakes,
    ) -> io::Result<()> {
        let id = watch.id;
        let Some(entry) = self.entries.get_mut(&id) else {
            return Ok(());
        };
        entry.source.unwatch(id, wakes);
        // What cannot be waited for is not, until it is modified again.
        entry.interest = Interest::NONE;
        let may_be_ready = entry.source.watch(interest, watch, wakes)?;
        entry.interest = interest;
        if may_be_ready {
            self.enqueue(id);
        }
        Ok(())
    }

    /// The level of an entry has risen.
    pub(super) fn enqueue(&mut self, id: u64) {
        if let Some(entry) = self.entries.get_mut(&id)
            && !std::mem::replace(&mut entry.queued, true)
        {
            self.ready.push_back(id);
        }
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.names.remove(&entry.name);
        // Those taken out are passed over at the next wait, which may never come.
        if self.ready.len() > 2 * self.entries.len() + GONE_MAX {
            self.ready.retain(|id| self.entries.contains_key(id));
        }
        Some(entry)
    }

    pub(super) fn take_all(&mut self) -> Vec<(u64, Entry)> {
        self.names.clear();
        self.ready.clear();
        self.entries.drain().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// One wait is to return though there is nothing.
    pub(super) fn notify(&mut self) {
        self.notified = true;
    }

    /// Tells what is ready; `None` if that is nothing, and nobody has notified.
    pub(super) fn take(&mut self, events: &mut Vec<Event>, wakes: &mut Wakes) -> Option<usize> {
        let mut found = 0;
        for _ in 0..self.ready.len() {
            if found == EVENTS_MAX {
                break;
            }
            let Some(id) = self.ready.pop_front() else {
                break;
            };
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            match entry.source.look(entry.interest, id, wakes) {
                Look::Nothing => entry.queued = false,
                Look::Unclear => self.ready.push_back(id),
                Look::Ready(readiness) => {
                    events.push(Event {
                        key: entry.key,
                        readiness,
                    });
                    found += 1;
                    self.ready.push_back(id);
                }
                Look::Gone => {
                    if let Some(entry) = self.remove(id) {
                        wakes.drop_later(entry);
                    }
                }
            }
        }
        let notified = std::mem::take(&mut self.notified);
        (found > 0 || notified).then_some(found)
    }
}

impl Entry {
    pub(super) fn unwatch(&self, id: u64, wakes: &mut Wakes) {
        self.source.unwatch(id, wakes);
    }
}
