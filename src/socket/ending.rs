//! The end of a socket: blocked calls return, what was sent is flushed, pipes are let go of.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::core::{Control, Core, Phase};
use super::directory::{Entry, Way};
use super::halves::Ended;
use super::monitoring::GIVEN_UP;
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
        self.options().linger
    }

    /// Whether this is a copy in a child process, where nobody serves it: it is terminated then. Asks
    /// the system, and so is for who is about to wait, or to have something done by others.
    pub(super) fn is_orphan(&self) -> bool {
        if !self.context.is_foreign() {
            return false;
        }
        // What a thread of the parent held locked just when it forked is so for ever.
        let told = self
            .control
            .try_update_for_all(|control| !std::mem::replace(&mut control.terminated, true));
        self.outbound
            .try_update_for_all(|half| half.end(Ended::Terminated));
        self.inbound
            .try_update_for_all(|half| half.ended = Some(half.ended.unwrap_or(Ended::Terminated)));
        if told == Some(true) {
            log::error!(
                "a {} is used in a child of the process that made it, where nobody serves it: make another, of a context of the child's own",
                self.type_of()
            );
        }
        true
    }

    /// What dropping a socket does: closes it, unless that was done, and logs what was left.
    pub(super) fn close_on_drop(self: &Arc<Self>) {
        if self.context.is_foreign() {
            return;
        }
        if self.control.peek(|control| control.phase == Phase::Open)
            && let Err(unsent) = self.close(self.linger())
        {
            log::warn!("{self:?} dropped: {unsent}");
        }
    }

    /// Ends the socket: blocked calls return, what was sent is flushed for at most `linger`.
    ///
    /// The first caller does it; the others wait for the same end. On an I/O thread nobody waits, and
    /// it goes on in the background.
    pub(super) fn close(self: &Arc<Self>, linger: Option<Duration>) -> Result<(), Unsent> {
        if self.is_orphan() {
            return Ok(());
        }
        if io::on_io_thread() {
            self.close_unheard();
            return Ok(());
        }
        let deadline = deadline_of(linger);
        self.begin_close_now(deadline);
        self.await_close(deadline)
    }

    /// The same for a task.
    pub(super) async fn close_async(self: &Arc<Self>) -> Result<(), Unsent> {
        if self.is_orphan() {
            return Ok(());
        }
        self.close_in_background(self.linger());
        let mut unheard = Unheard(Some(self));
        let outcome = self.until_closed().await;
        unheard.0 = None;
        outcome
    }

    /// The same for nobody: what could not be sent is logged.
    pub(super) fn close_unheard(self: &Arc<Self>) {
        if self.is_orphan() {
            return;
        }
        self.close_in_background(self.linger());
        drop(Unheard(Some(self)));
    }

    /// Closes without a thread that waits: whoever does the last thing for it ends it.
    pub(super) fn close_in_background(self: &Arc<Self>, linger: Option<Duration>) {
        let deadline = deadline_of(linger);
        self.begin_close_now(deadline);
        self.have_time_kept(deadline);
    }

    /// Stops everything and starts flushing; `false` if that had begun before.
    fn begin_close_now(self: &Arc<Self>, deadline: Option<Instant>) -> bool {
        // Whoever is woken by this must not wait for the rest of it.
        let _serving = io::Serving::begin();
        let begun = self.control.update_for_all(|control, _| {
            if control.phase != Phase::Open {
                return None;
            }
            control.phase = Phase::Closing;
            // Asked for here: a thread started for this socket was so before its endpoint was added.
            let threads = self.context.running();
            // This one is awaited, too: the rest of it must have been done.
            control.awaited = threads.len() + 1;
            // Pipes that wait for a name to be bound are looked at once nothing more comes into them.
            let served = control.endpoints.take(|entry| !entry.is_inproc_pipe());
            Some((threads, served))
        });
        let Some((threads, served)) = begun else {
            return false;
        };
        for entry in &served {
            if let Way::InprocName(name) = &entry.way {
                self.context.registry().unbind(name, self.id);
                self.tell_closed(&entry.status.endpoint);
            }
            if let Way::GivenUp = &entry.way {
                self.tell_closed(&entry.status.endpoint);
            }
        }
        self.end_halves(Ended::Closed);
        let paired: Vec<PipeId> = self
            .control
            .peek(|control| control.inproc.keys().copied().collect());
        for pipe in paired {
            self.part_inproc(pipe, GIVEN_UP, false);
        }
        self.withdraw_pipes(|entry| !entry.has_unsent());
        for io in threads {
            if !io.order(io::Order::CloseSocket {
                port: self.clone(),
                deadline,
            }) {
                self.links_closed(Unsent::default());
            }
        }
        // They knew of no close until now.
        if let Some(deadline) = self.control.peek(|control| control.hastened) {
            self.order_haste(deadline);
        }
        self.links_closed(Unsent::default());
        true
    }

    /// Has somebody come back at the deadline, if that matters: the I/O threads keep it for what they
    /// have, but a pipe that waits for an inproc name is with nobody.
    fn have_time_kept(self: &Arc<Self>, deadline: Option<Instant>) {
        let Some(at) = deadline else {
            return;
        };
        if !self.control.peek(|control| self.waits_for_names(control)) {
            return;
        }
        if at <= Instant::now() {
            self.give_names_up();
            return;
        }
        // Started for this, if there was nothing to do for them until now.
        let threads = self.context.threads().unwrap_or_default();
        if let Some(io) = threads.and_then(|threads| threads.handles().first()) {
            let port: Weak<dyn Port> = self.me.clone();
            if !io.order(io::Order::KeepTime { port, at }) {
                self.give_names_up();
            }
            return;
        }
        let me = self.clone();
        let waiter = thread::Builder::new().name("zocket-linger".to_owned());
        if let Err(error) = waiter.spawn(move || me.await_close(Some(at))) {
            log::warn!("{self:?}: cannot linger: {error}");
            self.give_names_up();
        }
    }

    /// Another deadline for a close that has begun with a later one.
    fn hasten(&self, deadline: Option<Instant>) {
        self.control
            .update(|control, _| control.hastened = Some(deadline));
        self.order_haste(deadline);
    }

    fn order_haste(&self, deadline: Option<Instant>) {
        for io in self.context.running() {
            io.order(io::Order::Hasten {
                socket: self.id,
                deadline,
            });
        }
    }

    /// Takes pipes that wait for an inproc name back, and says what was in them. One that has got
    /// its peer meanwhile is no matter of ours any more.
    fn withdraw_pipes(&self, which: impl Fn(&Entry) -> bool) -> Unsent {
        let withdrawn = self
            .control
            .update_for_all(|control, _| control.endpoints.take(which));
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
        let until =
            |deadline: Option<Instant>| move || deadline.map_or(Patience::Forever, Patience::Until);
        // A name may still be bound by somebody who then gets what waits for it …
        let _ = self.control.wait(until(deadline), |control, _| {
            (control.phase == Phase::Closed || !self.waits_for_names(control)).then_some(())
        });
        self.give_names_up();
        // … and the I/O threads say when they are done; they keep the same deadline.
        let last = deadline.and_then(|deadline| deadline.checked_add(GRACE));
        let closed = self.control.wait(until(last), |control, _| {
            (control.phase == Phase::Closed).then_some(())
        });
        // One that is late (foreign code holds it up) has not said what it could not send.
        let left = match closed {
            Ok(()) => Unsent::default(),
            Err(_) => self.left_with_threads(),
        };
        self.end_close(left).into_result()
    }

    fn until_closed(&self) -> impl Future<Output = Result<(), Unsent>> + Send + '_ {
        self.control.wait_async(|control, _| {
            (control.phase == Phase::Closed).then(|| control.unsent.clone().into_result())
        })
    }

    /// Whether something of a socket that is being closed may still find its peer over inproc.
    fn waits_for_names(&self, control: &Control) -> bool {
        let registry = self.context.registry();
        control.endpoints.iter().any(|entry| match &entry.way {
            Way::InprocPipe { name, pipe, .. } => registry.is_waiting(name, self.id, *pipe),
            _ => false,
        })
    }

    /// Takes back what still waits for an inproc name; says what was in it.
    pub(super) fn give_names_up(&self) -> Unsent {
        // What was in it must be known before it can be over.
        self.control.update(|control, _| control.awaited += 1);
        let unsent = self.withdraw_pipes(|_| true);
        self.links_closed(unsent.clone());
        unsent
    }

    /// Ends the close if nobody has anything left to do for it.
    pub(super) fn close_if_settled(&self) {
        let settled = self.control.peek(|control| {
            control.phase == Phase::Closing
                && control.awaited == 0
                && !self.waits_for_names(control)
        });
        if settled {
            let unsent = self.withdraw_pipes(|_| true);
            self.end_close(unsent);
        }
    }

    fn end_close(&self, unsent: Unsent) -> Unsent {
        let (unsent, unheard) = self.control.update_for_all(|control, _| {
            if control.phase != Phase::Closed {
                control.phase = Phase::Closed;
                control.unsent.merge(unsent);
            }
            (control.unsent.clone(), std::mem::take(&mut control.unheard))
        });
        self.context.withdraw(self.id);
        self.end_monitors();
        if unheard {
            self.log_unsent(&unsent);
        }
        unsent
    }

    fn log_unsent(&self, unsent: &Unsent) {
        if unsent.messages > 0 {
            log::warn!("{self:?} closed in the background: {unsent}");
        }
    }

    /// Makes every call on the halves return `why`; a closed socket lets go of its pipes, too.
    fn end_halves(&self, why: Ended) {
        let closed = why == Ended::Closed;
        let writers: Vec<Writer> = self.outbound.update_for_all(|half, _| {
            half.end(why);
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

    fn interrupt(&self) {
        self.interrupt_monitors();
    }

    fn begin_close(self: Arc<Self>, patience: Option<Duration>) -> Option<Instant> {
        let deadline = deadline_of(shorter(self.options().linger, patience));
        if !self.begin_close_now(deadline) {
            self.hasten(deadline);
        }
        deadline
    }

    fn finish_close(&self, deadline: Option<Instant>) -> Result<(), Unsent> {
        self.await_close(deadline)
    }

    fn settle_queues(&self) {
        self.inbound
            .update(|inb, wakes| inb.readers.hurry_all(wakes));
    }

    fn memory(&self, is_new: &mut dyn FnMut(usize) -> bool) -> usize {
        self.ledger.lock().held(is_new)
    }

    fn close_behind(self: Arc<Self>, patience: Option<Duration>) {
        let deadline = self.clone().begin_close(patience);
        self.have_time_kept(deadline);
    }

    fn closed(&self) -> Pin<Box<dyn Future<Output = Result<(), Unsent>> + Send + '_>> {
        Box::pin(self.until_closed())
    }
}

fn deadline_of(linger: Option<Duration>) -> Option<Instant> {
    linger.and_then(|linger| Instant::now().checked_add(linger))
}

/// The shorter of two times, of which none is for ever.
fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Nobody waits for the end of this close any more, once this is dropped.
struct Unheard<'a>(Option<&'a Core>);

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        let Some(core) = self.0 else {
            return;
        };
        let unsent = core.control.update(|control, _| {
            control.unheard = control.phase != Phase::Closed;
            (!control.unheard).then(|| control.unsent.clone())
        });
        if let Some(unsent) = unsent {
            core.log_unsent(&unsent);
        }
    }
}
