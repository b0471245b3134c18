//! The end of a socket: blocked calls return, what was sent is flushed, pipes are let go of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::{Core, Entry, Phase, Way};
use super::halves::Ended;
use crate::command::Port;
use crate::context::Member;
use crate::error::Unsent;
use crate::io;
use crate::pipe::{PipeId, Reader, Writer};
use crate::signal::Wakes;
use crate::waiting::Patience;

/// How long a closing socket waits for an I/O thread beyond the linger that the thread itself keeps.
const GRACE: Duration = Duration::from_secs(2);

impl Core {
    pub(crate) fn linger(&self) -> Option<Duration> {
        self.options.linger
    }

    /// What dropping a socket does: closes it, unless that was done, and logs what was left.
    pub(super) fn close_on_drop(self: &Arc<Self>) {
        if self.control.peek(|control| control.phase == Phase::Open)
            && let Err(unsent) = self.close(self.linger())
        {
            log::warn!("{self:?} dropped: {unsent}");
        }
    }

    /// Ends the socket: blocked calls return, what was sent is flushed for at most `linger`.
    ///
    /// The first caller does it; the others wait for the same end. On an I/O thread nobody waits.
    pub(super) fn close(self: &Arc<Self>, linger: Option<Duration>) -> Result<(), Unsent> {
        let deadline = self.begin_close_now(linger);
        if io::on_io_thread() {
            // Nobody will be there to wait for a name to be bound.
            let unsent = self.withdraw_pipes(|_| true);
            return unsent.into_result();
        }
        self.await_close(deadline)
    }

    /// Stops everything and starts flushing; gives the moment at which that is given up.
    fn begin_close_now(self: &Arc<Self>, linger: Option<Duration>) -> Option<Instant> {
        let deadline = linger.and_then(|linger| Instant::now().checked_add(linger));
        let begun = self.control.update_for_all(|control, _| {
            if control.phase != Phase::Open {
                return None;
            }
            control.phase = Phase::Closing;
            // Asked for here: a thread started for this socket was so before its endpoint was added.
            let threads = self.context.running();
            control.awaited = threads.len();
            // Pipes that wait for a name to be bound are looked at once nothing more comes into them.
            let (waiting, served): (Vec<_>, _) = std::mem::take(&mut control.endpoints)
                .into_iter()
                .partition(Entry::is_inproc_pipe);
            control.endpoints = waiting;
            Some((threads, served))
        });
        let Some((threads, served)) = begun else {
            return deadline;
        };
        for entry in &served {
            if let Way::InprocName(name) = &entry.way {
                self.context.registry().unbind(name, self.id);
                self.tell_closed(&entry.status.endpoint);
            }
        }
        self.end_halves(Ended::Closed);
        self.withdraw_pipes(|entry| !entry.has_unsent());
        let paired: Vec<PipeId> = self
            .control
            .peek(|control| control.inproc.keys().copied().collect());
        for pipe in paired {
            self.part_inproc(pipe, false);
        }
        for io in threads {
            if !io.order(io::Order::CloseSocket {
                port: self.clone(),
                deadline,
            }) {
                self.links_closed(Unsent::default());
            }
        }
        deadline
    }

    /// Takes pipes that wait for an inproc name back, and says what was in them. One that has got
    /// its peer meanwhile is no matter of ours any more.
    fn withdraw_pipes(&self, which: impl Fn(&Entry) -> bool) -> Unsent {
        let withdrawn = self.control.update_for_all(|control, _| {
            let (withdrawn, stay): (Vec<_>, _) = std::mem::take(&mut control.endpoints)
                .into_iter()
                .partition(which);
            control.endpoints = stay;
            withdrawn
        });
        let mut unsent = Unsent::default();
        let mut wakes = Wakes::new();
        for entry in withdrawn {
            if let Way::InprocPipe {
                name, pipe, writer, ..
            } = &entry.way
                && self.context.registry().withdraw(name, self.id, *pipe)
                && let Some(writer) = writer
            {
                unsent.add(&entry.status.endpoint, writer.abandon(&mut wakes));
            }
            self.tell_closed(&entry.status.endpoint);
        }
        wakes.fire();
        unsent
    }

    /// Waits until nothing is left to flush, or the time is over.
    fn await_close(&self, deadline: Option<Instant>) -> Result<(), Unsent> {
        let registry = self.context.registry();
        let still_waiting = |entry: &Entry| match &entry.way {
            Way::InprocPipe { name, pipe, .. } => registry.is_waiting(name, self.id, *pipe),
            _ => false,
        };
        let until =
            |deadline: Option<Instant>| move || deadline.map_or(Patience::Forever, Patience::Until);
        // A name may still be bound by somebody who then gets what waits for it …
        let _ = self.control.wait(until(deadline), |control, _| {
            let settled =
                control.phase == Phase::Closed || !control.endpoints.iter().any(still_waiting);
            settled.then_some(())
        });
        let unsent = self.withdraw_pipes(|_| true);
        self.control
            .update_for_all(|control, _| control.unsent.merge(unsent));
        // … and the I/O threads say when they are done; they keep the same deadline.
        let last = deadline.and_then(|deadline| deadline.checked_add(GRACE));
        let _ = self.control.wait(until(last), |control, _| {
            (control.phase == Phase::Closed || control.awaited == 0).then_some(())
        });
        let unsent = self.control.update_for_all(|control, _| {
            control.phase = Phase::Closed;
            control.unsent.clone()
        });
        self.context.withdraw(self.id);
        self.feeds.end();
        unsent.into_result()
    }

    /// Makes every call on the halves return `why`; a closed socket lets go of its pipes, too.
    fn end_halves(&self, why: Ended) {
        let closed = why == Ended::Closed;
        let writers: Vec<Writer> = self.outbound.update_for_all(|half, _| {
            half.ended = Some(half.ended.unwrap_or(why));
            if closed {
                half.writers.take_all()
            } else {
                Vec::new()
            }
        });
        let (readers, unread): (Vec<Reader>, _) = self.inbound.update_for_all(|half, _| {
            half.ended = Some(half.ended.unwrap_or(why));
            if closed {
                (half.readers.take_all().collect(), half.take_unread())
            } else {
                Default::default()
            }
        });
        // Messages are freed, and with them foreign memory, outside the locks.
        let mut wakes = Wakes::new();
        for writer in writers {
            writer.end(&mut wakes);
        }
        for mut reader in readers {
            reader.end(&mut wakes);
        }
        wakes.fire();
        drop(unread);
    }
}

impl Member for Core {
    fn terminate(&self) {
        self.control
            .update_for_all(|control, _| control.terminated = control.phase == Phase::Open);
        self.end_halves(Ended::Terminated);
    }

    fn begin_close(self: Arc<Self>, patience: Option<Duration>) -> Option<Instant> {
        let linger = match (self.options.linger, patience) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self::begin_close_now(&self, linger)
    }

    fn finish_close(&self, deadline: Option<Instant>) -> Result<(), Unsent> {
        self.await_close(deadline)
    }
}
