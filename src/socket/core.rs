//! What all patterns share: two halves, the endpoints, and the socket's end.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use super::pattern::Pattern;
use crate::command::{InprocPeer, Port, Refused, SocketId, Token, ValueEnds, WireEnds};
use crate::context::{Context, Member};
use crate::endpoint::Endpoint;
use crate::error::{RecvError, SendFailure, Unsent, WaitError};
use crate::io;
use crate::message::Message;
use crate::options::Options;
use crate::pipe::{Inlet, Lane, Limits, Load, Outlet, PipeId, Reader, Writer};
use crate::routing::{FairQueue, LoadBalancer};
use crate::signal::{News, Post, Target, Wakes};
use crate::socket_type::SocketType;
use crate::sync::{AtomicU64, Ordering};
use crate::waiting::{Half, Patience, Ready, Ticket};

/// How long a closing socket waits for an I/O thread beyond the linger that the thread itself keeps.
const GRACE: Duration = Duration::from_secs(2);

/// One socket, whatever its pattern.
///
/// The outbound and the inbound half have a lock each, so one thread may send while another
/// receives; `control` has a third, so that neither is in the way of the rest. Where two are
/// needed the order is control, outbound, inbound; none is held while a wake-up is fired or
/// another socket is called.
pub(crate) struct Core {
    id: SocketId,
    pattern: Pattern,
    options: Options,
    context: Context,
    outbound: Half<Outbound>,
    inbound: Half<Inbound>,
    control: Half<Control>,
    next_pipe: AtomicU64,
}

/// Why a socket does nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Closed,
    Terminated,
}

#[derive(Debug)]
struct Outbound {
    writers: LoadBalancer,
    ended: Option<Ended>,
}

impl Ready for Outbound {
    fn ready(&self) -> bool {
        self.writers.has_room() || self.ended.is_some()
    }
}

#[derive(Debug)]
struct Inbound {
    readers: FairQueue,
    ended: Option<Ended>,
}

impl Ready for Inbound {
    fn ready(&self) -> bool {
        self.readers.has_something() || self.ended.is_some()
    }
}

/// Everything that is not on the path of a message.
struct Control {
    phase: Phase,
    terminated: bool,
    /// Peers that have completed their handshake (or are joined over inproc).
    peers: usize,
    endpoints: Vec<Entry>,
    last_endpoint: Option<Endpoint>,
    inproc: HashMap<PipeId, InprocPeer>,
    /// I/O threads that still have something of this socket while it closes.
    awaited: usize,
    unsent: Unsent,
}

/// How far a socket's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closing,
    Closed,
}

/// One endpoint that was bound or connected to.
pub(super) struct Entry {
    pub(super) endpoint: Endpoint,
    pub(super) way: Way,
}

/// What is behind an endpoint.
pub(super) enum Way {
    /// A listener of an I/O thread.
    Listener { io: Arc<io::Handle>, token: Token },
    /// A connecting endpoint of an I/O thread, with the pipe it was given at once, if any.
    Connecter {
        io: Arc<io::Handle>,
        token: Token,
        pipe: Option<PipeId>,
    },
    /// An inproc name that is ours.
    InprocName(Arc<str>),
    /// A pipe to whoever is, or will be, bound to an inproc name.
    InprocPipe {
        name: Arc<str>,
        pipe: PipeId,
        writer: Option<Writer>,
    },
}

// Whoever waits on `control` looks for a condition of his own, so every change wakes them all.
impl Ready for Control {
    fn ready(&self) -> bool {
        false
    }
}

impl Core {
    pub(super) fn new(pattern: Pattern, options: Options, context: Context) -> Arc<Self> {
        let core = Arc::new(Self {
            id: crate::context::unique_number(),
            pattern,
            options,
            outbound: Half::new(Outbound {
                writers: LoadBalancer::new(),
                ended: None,
            }),
            inbound: Half::new(Inbound {
                readers: FairQueue::new(),
                ended: None,
            }),
            control: Half::new(Control {
                phase: Phase::Open,
                terminated: false,
                peers: 0,
                endpoints: Vec::new(),
                last_endpoint: None,
                inproc: HashMap::new(),
                awaited: 0,
                unsent: Unsent::default(),
            }),
            next_pipe: AtomicU64::new(0),
            context,
        });
        let member: Arc<dyn Member> = core.clone();
        if !core.context.enrol(core.id, &member) {
            core.terminate();
        }
        core
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    // ---- messages

    /// Sends, waiting for room as long as `patience` says.
    #[inline]
    pub(super) fn send(
        &self,
        message: Message,
        patience: impl FnOnce() -> Patience,
    ) -> Result<(), (Message, SendFailure)> {
        let mut message = Some(message);
        let outcome = self
            .outbound
            .wait(patience, |half, wakes| half.send(&mut message, wakes));
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(ended)) => Err((message.unwrap_or_default(), ended.into())),
            Err(_) => Err((message.unwrap_or_default(), SendFailure::Timeout)),
        }
    }

    /// Sends for a task: `message` is taken once it is queued.
    pub(super) fn poll_send(
        &self,
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), SendFailure>> {
        self.outbound
            .poll(cx, ticket, |half, wakes| half.send(message, wakes))
            .map_err(SendFailure::from)
    }

    pub(super) fn cancel_send(&self, ticket: &Ticket) {
        self.outbound.cancel(ticket);
    }

    /// Receives, waiting as long as `patience` says.
    #[inline]
    pub(super) fn recv(&self, patience: impl FnOnce() -> Patience) -> Result<Message, RecvError> {
        let mut message = Message::new();
        let outcome = self
            .inbound
            .wait(patience, |half, wakes| half.recv(&mut message, wakes));
        match outcome {
            Ok(Ok(())) => Ok(message),
            Ok(Err(ended)) => Err(ended.into()),
            Err(_) => Err(RecvError::Timeout),
        }
    }

    /// Receives for a task.
    pub(super) fn poll_recv(
        &self,
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<Message, RecvError>> {
        let mut message = Message::new();
        let polled = self
            .inbound
            .poll(cx, ticket, |half, wakes| half.recv(&mut message, wakes));
        polled.map(|outcome| outcome.map(|()| message).map_err(RecvError::from))
    }

    pub(super) fn cancel_recv(&self, ticket: &Ticket) {
        self.inbound.cancel(ticket);
    }

    pub(super) fn send_patience(&self) -> Patience {
        self.patience(self.options.send_timeout)
    }

    pub(super) fn recv_patience(&self) -> Patience {
        self.patience(self.options.recv_timeout)
    }

    /// The patience a caller has: none on an I/O thread, which must not wait for itself.
    pub(super) fn patience(&self, timeout: Option<Duration>) -> Patience {
        if io::on_io_thread() {
            Patience::None
        } else {
            Patience::from_option(timeout)
        }
    }

    // ---- endpoints

    /// Fails if the socket is not open.
    pub(super) fn check_open(&self) -> Result<(), Ended> {
        self.control.peek(|control| control.check_open())
    }

    /// Remembers an endpoint, unless the socket was closed meanwhile.
    pub(super) fn add_endpoint(&self, endpoint: Endpoint, way: Way) -> Result<(), Ended> {
        self.control.update(|control, _| {
            control.check_open()?;
            control.add(endpoint, way);
            Ok(())
        })
    }

    /// Remembers an endpoint and has it served. Both in one step, so that nobody who closes or
    /// unbinds can come in between, and be overtaken by the order.
    pub(super) fn add_served_endpoint(
        &self,
        endpoint: Endpoint,
        way: Way,
        io: &io::Handle,
        order: io::Order,
    ) -> Result<(), Ended> {
        let asleep = self.control.update(|control, _| {
            control.check_open()?;
            let asleep = io.enqueue(order).ok_or(Ended::Terminated)?;
            control.add(endpoint, way);
            Ok(asleep)
        })?;
        io.wake_if(asleep);
        Ok(())
    }

    /// Forgets every endpoint that is equal to this one and was bound (or connected), and gives
    /// what was behind it.
    pub(super) fn remove_endpoints(
        &self,
        endpoint: &Endpoint,
        bound: bool,
    ) -> Result<Vec<Way>, Ended> {
        self.control.update(|control, _| {
            control.check_open()?;
            let (gone, stay): (Vec<_>, _) = std::mem::take(&mut control.endpoints)
                .into_iter()
                .partition(|entry| entry.endpoint == *endpoint && entry.way.is_bound() == bound);
            control.endpoints = stay;
            Ok(gone.into_iter().map(|entry| entry.way).collect())
        })
    }

    pub(super) fn last_endpoint(&self) -> Option<Endpoint> {
        self.control.peek(|control| control.last_endpoint.clone())
    }

    /// Waits until at least `count` peers are there at the same time.
    pub(super) fn wait_for_peers(&self, count: usize, timeout: Duration) -> Result<(), WaitError> {
        let outcome = self.control.wait(
            || self.patience(Some(timeout)),
            |control, _| match control.check_open() {
                Err(ended) => Some(Err(ended.into())),
                Ok(()) => (control.peers >= count).then_some(Ok(())),
            },
        );
        outcome.unwrap_or_else(|_| {
            Err(WaitError::Timeout {
                ready: self.control.peek(|control| control.peers),
            })
        })
    }

    /// Makes the ends of a pipe to another socket of this process; they are in use here at once.
    pub(super) fn open_inproc(
        self: &Arc<Self>,
    ) -> Result<(PipeId, ValueEnds, Option<Writer>), Refused> {
        let id = self.next_pipe_id();
        // Until the other side is known, what may wait for it is this side's limit alone.
        let lane = |hwm| Arc::new(Lane::new(Limits { messages: hwm }));
        let inbound = self.pattern.sends().then(|| lane(self.options.send_hwm));
        let outbound = self.pattern.receives().then(|| lane(self.options.recv_hwm));
        let ends = ValueEnds { inbound, outbound };
        let outlet = ends.inbound.clone().map(Outlet::Values);
        let inlet = ends.outbound.clone().map(Inlet::values);
        self.attach(id, outlet.clone(), inlet)?;
        Ok((id, ends, outlet.map(Writer::new)))
    }

    /// Takes a pipe out of the outbound half; its other end learns that no more will come.
    pub(super) fn release_writer(&self, id: PipeId) {
        self.outbound.update(|half, wakes| {
            if let Some(writer) = half.writers.detach(id) {
                writer.end(wakes);
            }
        });
    }

    /// Takes a pipe out of both halves, with whatever is in it.
    pub(super) fn release_pipe(&self, id: PipeId) {
        self.release_writer(id);
        self.release_reader(id);
    }

    /// Takes a pipe out of the inbound half; what was not read from it is discarded.
    fn release_reader(&self, id: PipeId) {
        let reader = self.inbound.update(|half, _| half.readers.detach(id));
        if let Some(mut reader) = reader {
            let mut wakes = Wakes::new();
            reader.end(&mut wakes);
            wakes.fire();
        }
    }

    /// Forgets the endpoint of an inproc pipe that came to nothing.
    pub(super) fn forget_inproc_pipe(&self, id: PipeId) {
        let forgotten = self.control.update(|control, _| {
            let is_it =
                |entry: &Entry| matches!(&entry.way, Way::InprocPipe { pipe, .. } if *pipe == id);
            let place = control.endpoints.iter().position(is_it);
            place.map(|place| control.endpoints.swap_remove(place))
        });
        // What is in the pipe is freed outside the lock.
        drop(forgotten);
    }

    /// Tells the inproc peer of a pipe that this side leaves, and forgets it.
    pub(super) fn part_inproc(&self, id: PipeId) {
        let peer = self.control.update_for_all(|control, _| {
            let peer = control.inproc.remove(&id);
            control.peers -= usize::from(peer.is_some() && control.peers > 0);
            peer
        });
        if let Some(peer) = peer {
            // The peer writes no more; what it wrote stays readable. (Posting to ourselves must wait
            // until the half is free again.)
            let mut wakes = Wakes::new();
            self.inbound.peek(|half| {
                if let Some(reader) = half.readers.get(id) {
                    reader.close_intake(&mut wakes);
                }
            });
            wakes.fire();
            if let Some(port) = peer.port.upgrade() {
                port.values_parted(peer.pipe);
            }
        }
    }

    /// The one place of this socket is free: whoever waits for it over inproc may have it.
    fn offer_place(&self) {
        let names: Vec<Arc<str>> = self.control.peek(|control| {
            let names = control
                .endpoints
                .iter()
                .filter_map(|entry| match &entry.way {
                    Way::InprocName(name) => Some(name.clone()),
                    _ => None,
                });
            names.collect()
        });
        for name in names {
            self.context.registry().join_waiting(&name);
        }
    }

    fn next_pipe_id(&self) -> PipeId {
        self.next_pipe.fetch_add(1, Ordering::Relaxed)
    }

    /// Puts both ends of a pipe into the halves: the outbound one first, so that whoever reads a
    /// message from the peer can already answer.
    fn attach(
        self: &Arc<Self>,
        id: PipeId,
        outlet: Option<Outlet>,
        inlet: Option<Inlet>,
    ) -> Result<(), Refused> {
        let owner = || Target {
            owner: self.clone(),
            token: id,
        };
        let attached = self.outbound.update(|half, wakes| {
            half.has_place(self.pattern.has_one_peer())?;
            let Some(outlet) = outlet else {
                return Ok(());
            };
            let writer = Writer::new(outlet);
            writer.set_owner(owner(), wakes);
            half.writers.attach(id, writer);
            Ok(())
        });
        attached?;
        if let Some(inlet) = inlet {
            self.inbound.update(|half, wakes| {
                if half.ended.is_some() {
                    return Err(Refused::Closed);
                }
                let reader = Reader::new(inlet);
                reader.set_owner(owner(), wakes);
                half.readers.attach(id, reader);
                Ok(())
            })?;
        }
        Ok(())
    }

    // ---- the end

    pub(super) fn linger(&self) -> Option<Duration> {
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
            }
        }
        self.end_halves(Ended::Closed);
        self.withdraw_pipes(|entry| !entry.has_unsent());
        let paired: Vec<PipeId> = self
            .control
            .peek(|control| control.inproc.keys().copied().collect());
        for pipe in paired {
            self.part_inproc(pipe);
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
        for entry in withdrawn {
            if let Way::InprocPipe { name, pipe, writer } = &entry.way
                && self.context.registry().withdraw(name, self.id, *pipe)
            {
                unsent.add(
                    &entry.endpoint,
                    writer.as_ref().map_or(Load::NONE, Writer::queued),
                );
            }
        }
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
        unsent.into_result()
    }

    /// Makes every call on the halves return `why`; a closed socket lets go of its pipes, too.
    fn end_halves(&self, why: Ended) {
        let closed = why == Ended::Closed;
        let writers: Vec<Writer> = self.outbound.update_for_all(|half, _| {
            half.ended = Some(half.ended.unwrap_or(why));
            if closed {
                half.writers.take_all().collect()
            } else {
                Vec::new()
            }
        });
        let readers: Vec<Reader> = self.inbound.update_for_all(|half, _| {
            half.ended = Some(half.ended.unwrap_or(why));
            if closed {
                half.readers.take_all().collect()
            } else {
                Vec::new()
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
    }
}

impl Outbound {
    fn has_place(&self, one_peer: bool) -> Result<(), Refused> {
        if self.ended.is_some() {
            return Err(Refused::Closed);
        }
        if one_peer && !self.writers.is_empty() {
            return Err(Refused::HasItsPeer);
        }
        Ok(())
    }

    #[inline]
    fn send(
        &mut self,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<Result<(), Ended>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended));
        }
        self.writers.send(message, wakes).then_some(Ok(()))
    }
}

impl Inbound {
    #[inline]
    fn recv(&mut self, out: &mut Message, wakes: &mut Wakes) -> Option<Result<(), Ended>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended));
        }
        self.readers.recv(out, wakes).then_some(Ok(()))
    }
}

impl Control {
    /// Whether a pipe that was opened for an inproc name is still among the endpoints.
    fn wants(&self, id: PipeId) -> bool {
        self.endpoints
            .iter()
            .any(|entry| matches!(&entry.way, Way::InprocPipe { pipe, .. } if *pipe == id))
    }

    fn add(&mut self, endpoint: Endpoint, way: Way) {
        self.last_endpoint = Some(endpoint.clone());
        self.endpoints.push(Entry { endpoint, way });
    }

    fn check_open(&self) -> Result<(), Ended> {
        // The end of a context closes its sockets, too: what came first counts, as in the halves.
        if self.terminated {
            Err(Ended::Terminated)
        } else if self.phase != Phase::Open {
            Err(Ended::Closed)
        } else {
            Ok(())
        }
    }
}

impl Entry {
    fn is_inproc_pipe(&self) -> bool {
        matches!(&self.way, Way::InprocPipe { .. })
    }

    fn has_unsent(&self) -> bool {
        matches!(&self.way, Way::InprocPipe { writer: Some(writer), .. } if !writer.queued().is_none())
    }
}

impl Way {
    fn is_bound(&self) -> bool {
        matches!(self, Self::Listener { .. } | Self::InprocName(_))
    }
}

impl Post for Core {
    fn post(&self, pipe: u64, news: News) {
        match news {
            News::Readable => self.inbound.update(|half, _| half.readers.activate(pipe)),
            News::Ended => drop(self.inbound.update(|half, _| half.readers.end(pipe))),
            News::Writable => self.outbound.update(|half, _| half.writers.activate(pipe)),
            News::Closed => {
                drop(self.outbound.update(|half, _| half.writers.detach(pipe)));
                if self.pattern.has_one_peer() {
                    self.offer_place();
                }
            }
        }
    }
}

impl Port for Core {
    fn id(&self) -> SocketId {
        self.id
    }

    fn socket_type(&self) -> SocketType {
        self.pattern.socket_type()
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn has_place(&self) -> Result<(), Refused> {
        if !self.pattern.has_one_peer() {
            return Ok(());
        }
        self.outbound.peek(|half| half.has_place(true))
    }

    fn open_wire(self: Arc<Self>, session: Target) -> Result<WireEnds, Refused> {
        let id = self.next_pipe_id();
        let mut wakes = Wakes::new();
        let outbound = self.pattern.sends().then(|| {
            let lane = Arc::new(Lane::new(Limits {
                messages: self.options.send_hwm,
            }));
            lane.set_taker(session.clone(), &mut wakes);
            lane
        });
        let inbound = self.pattern.receives().then(|| {
            let lane = Arc::new(Lane::new(Limits {
                messages: self.options.recv_hwm,
            }));
            lane.set_writer(session, &mut wakes);
            lane
        });
        wakes.fire();
        self.attach(
            id,
            outbound.clone().map(Outlet::Wire),
            inbound.clone().map(Inlet::runs),
        )?;
        Ok(WireEnds {
            id,
            outbound,
            inbound,
        })
    }

    fn open_values(self: Arc<Self>, ends: ValueEnds, peer: InprocPeer) -> Result<PipeId, Refused> {
        let id = self.next_pipe_id();
        // Known before the pipe can be read, so that a peer that leaves at once is counted once.
        self.control.update_for_all(|control, _| {
            control.inproc.insert(id, peer);
            control.peers += 1;
        });
        let attached = self.attach(
            id,
            ends.outbound.map(Outlet::Values),
            ends.inbound.map(Inlet::values),
        );
        if attached.is_err() {
            self.values_parted(id);
        }
        attached.map(|()| id)
    }

    fn values_paired(&self, id: PipeId, peer: InprocPeer) -> bool {
        self.control.update_for_all(|control, _| {
            // One that closes takes its leave at once: what it left in the pipe is the peer's now.
            let wanted = control.phase == Phase::Open && control.wants(id);
            if wanted {
                control.inproc.insert(id, peer);
                control.peers += 1;
            }
            wanted
        })
    }

    fn is_paired(&self, id: PipeId) -> bool {
        self.control
            .peek(|control| control.inproc.contains_key(&id))
    }

    fn wants_values(&self, id: PipeId) -> bool {
        self.control.peek(|control| control.wants(id))
    }

    fn values_parted(&self, id: PipeId) {
        self.control.update_for_all(|control, _| {
            if control.inproc.remove(&id).is_some() {
                control.peers = control.peers.saturating_sub(1);
            }
        });
    }

    fn peer_joined(&self) {
        self.control.update_for_all(|control, _| control.peers += 1);
    }

    fn peer_left(&self) {
        self.control
            .update_for_all(|control, _| control.peers = control.peers.saturating_sub(1));
    }

    fn dropped(&self, load: Load, peer: &dyn fmt::Display) {
        if !load.is_none() {
            log::warn!(
                "{}: {} messages ({} bytes) for {peer} dropped with its connection",
                self.pattern.socket_type(),
                load.messages,
                load.bytes
            );
        }
    }

    fn links_closed(&self, unsent: Unsent) {
        self.control.update_for_all(|control, _| {
            control.awaited = control.awaited.saturating_sub(1);
            control.unsent.merge(unsent);
        });
    }

    fn endpoint_ended(&self, token: Token) {
        self.control.update(|control, _| {
            control.endpoints.retain(|entry| !matches!(&entry.way, Way::Connecter { token: known, .. } if *known == token));
        });
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.context.withdraw(self.id);
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

impl From<Ended> for SendFailure {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Closed => Self::Closed,
            Ended::Terminated => Self::Terminated,
        }
    }
}

impl From<Ended> for RecvError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Closed => Self::Closed,
            Ended::Terminated => Self::Terminated,
        }
    }
}

impl From<Ended> for WaitError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Closed => Self::Closed,
            Ended::Terminated => Self::Terminated,
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (phase, peers) = self.control.peek(|control| (control.phase, control.peers));
        write!(
            f,
            "{}(#{}, {phase:?}, {peers} peers)",
            self.pattern.socket_type(),
            self.id
        )
    }
}
