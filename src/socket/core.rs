//! What all patterns share: two halves, and what is not on the path of a message.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use super::directory::{Directory, Entry, Key, Way};
use super::exchange;
use super::halves::{self, Asker, Ended, InHand, Inbound, Intake, Outbound, Writers};
use super::ledger::Ledger;
use super::monitoring::Feeds;
use super::options::Timeouts;
use super::pattern::Pattern;
use super::publishing::Event;
use super::raw::Memory;
use super::turn::Turn;
use crate::admission::Admission;
use crate::command::{InprocPeer, SocketId};
use crate::context::{Context, Member, NotEnrolled};
use crate::endpoint::Endpoint;
use crate::error::{RecvError, SendFailure, Unsent, WaitError};
use crate::frame::Frame;
use crate::io::{self, Outlook, Reach};
use crate::message::Message;
use crate::monitor::MonitorEvent;
use crate::options::Options;
use crate::peer_info::PeerInfo;
use crate::pipe::PipeId;
use crate::routing::Shortcut;
use crate::routing_id::RoutingId;
use crate::signal::{Bed, News, Target, Wakes};
use crate::socket_type::SocketType;
use crate::stats::Connections;
use crate::sync::{AtomicBool, AtomicU64, Mutex};
use crate::waiting::{Half, Patience, Ready, Ticket};

/// How often a receiver that is too close behind an inproc sender does nothing: about a microsecond.
const PAUSE: usize = if cfg!(loom) { 0 } else { 64 };

/// One socket, whatever its pattern.
///
/// The outbound and the inbound half have a lock each, so one thread may send while another
/// receives; `control` has a third, so that neither is in the way of the rest. Where two are
/// needed the order is control, outbound, inbound; none is held while a wake-up is fired or
/// another socket is called. (What is told to monitors is told under that of `control`.)
pub(crate) struct Core {
    pub(super) id: SocketId,
    /// For what has to find its way back from the outside of every lock.
    pub(super) me: Weak<Core>,
    pub(super) pattern: Pattern,
    /// As they are now. Its lock is the last: held to take a copy or to put one in its place (which
    /// only who holds that of `control` does), whatever else is held.
    pub(super) options: Mutex<Arc<Options>>,
    /// What calls that wait ask for.
    pub(super) timeouts: Timeouts,
    /// With *only first subscribe*: what an XSUB that sends asks for.
    pub(super) only_first: AtomicBool,
    pub(super) context: Context,
    pub(super) outbound: Half<Outbound>,
    /// Past it, where the pattern allows for that.
    shortcut: Option<Arc<Shortcut>>,
    pub(super) inbound: Half<Inbound>,
    pub(super) control: Half<Control>,
    /// Whether there is, or was, a monitor: queues that fill and empty are told of for it alone.
    pub(super) monitored: AtomicBool,
    pub(super) ledger: Mutex<Ledger>,
    /// Who is in of those who connect.
    pub(super) admission: Arc<Admission>,
    pub(super) raw: Mutex<Memory>,
    /// Whose request it is, on a REQ.
    pub(super) turn: Turn,
    pub(super) next_pipe: AtomicU64,
    /// Where that comes from what both halves wait for.
    pub(super) reach: Arc<Reach>,
    #[cfg(all(unix, not(loom)))]
    pub(super) descriptor: super::descriptor::Descriptor,
}

/// Everything that is not on the path of a message.
pub(super) struct Control {
    pub(super) phase: Phase,
    pub(super) terminated: bool,
    /// Peers that have completed their handshake (or are joined over inproc).
    pub(super) peers: HashMap<PipeId, PeerInfo>,
    /// Those whose connections are about to be ended.
    pub(super) evicted: HashSet<PipeId>,
    /// Those of a publisher's peers that subscribe to something.
    pub(super) subscribers: usize,
    pub(super) endpoints: Directory,
    pub(super) last_endpoint: Option<Endpoint>,
    pub(super) inproc: HashMap<PipeId, InprocPeer>,
    /// Who is no peer any more, with a way there that is still to be taken down.
    pub(super) leaving: HashMap<PipeId, PeerInfo>,
    /// While it closes: who still has something to do for that, I/O threads and others.
    pub(super) awaited: usize,
    /// The deadline that came last, if one came while it was closing.
    pub(super) hastened: Option<Option<Instant>>,
    /// Nobody will be told what was not sent.
    pub(super) unheard: bool,
    pub(super) unsent: Unsent,
    /// What became of connections.
    pub(super) connections: Connections,
    /// Those whose queues were full, as monitors were told.
    pub(super) full: HashSet<PipeId>,
    /// Who wants to hear what happens.
    pub(super) feeds: Feeds,
}

/// How far a socket's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    Closing,
    Closed,
}

// Whoever waits on `control` looks for a condition of his own, so every change wakes them all.
impl Ready for Control {
    fn ready(&self) -> bool {
        false
    }
}

impl Core {
    /// A socket in a context that has no limit to them.
    pub(crate) fn new(pattern: Pattern, options: Options, context: Context) -> Arc<Self> {
        Self::enrolled(pattern, options, context).0
    }

    /// A socket, and whether the context has taken it in; if not it is terminated.
    pub(super) fn enrolled(
        pattern: Pattern,
        options: Options,
        context: Context,
    ) -> (Arc<Self>, Result<(), NotEnrolled>) {
        let core = Self::hidden(pattern, options, context);
        let member: Arc<dyn Member> = core.clone();
        let enrolled = core.context.enrol(core.id, &member);
        if enrolled.is_err() {
            core.terminate();
            core.interrupt_monitors();
        }
        (core, enrolled)
    }

    /// A socket of which its context does not know.
    pub(super) fn hidden(pattern: Pattern, options: Options, context: Context) -> Arc<Self> {
        let reach: Arc<Reach> = Arc::default();
        let outlook = |receives| Outlook {
            reach: reach.clone(),
            receives,
        };
        let writers = pattern.writers(&options);
        let shortcut = writers.shortcut();
        let outbound = Outbound::new(writers, options.mandatory);
        let inbound = Inbound::new(pattern.intake(&options), &options);
        let (outward, inward) = (outlook(false), outlook(true));
        Arc::new_cyclic(|me| Self {
            id: crate::command::unique_number(),
            me: me.clone(),
            pattern,
            shortcut,
            outbound: Half::new(outbound).within(outward),
            inbound: Half::new(inbound).within(inward),
            timeouts: Timeouts::new(&options),
            only_first: AtomicBool::new(options.only_first_subscribe),
            options: Mutex::new(Arc::new(options)),
            control: Half::new(Control {
                phase: Phase::Open,
                terminated: false,
                peers: HashMap::new(),
                evicted: HashSet::new(),
                subscribers: 0,
                endpoints: Directory::default(),
                last_endpoint: None,
                inproc: HashMap::new(),
                leaving: HashMap::new(),
                awaited: 0,
                hastened: None,
                unheard: false,
                unsent: Unsent::default(),
                connections: Connections::default(),
                full: HashSet::new(),
                feeds: Feeds::default(),
            }),
            monitored: AtomicBool::new(false),
            ledger: Mutex::new(Ledger::default()),
            admission: Arc::default(),
            raw: Mutex::new(Memory::default()),
            turn: Turn::new(),
            next_pipe: AtomicU64::new(0),
            reach,
            #[cfg(all(unix, not(loom)))]
            descriptor: Default::default(),
            context,
        })
    }

    /// The options as they are now. What is read on the path of a message is elsewhere, too.
    pub(super) fn options(&self) -> Arc<Options> {
        self.options.lock().clone()
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) fn type_of(&self) -> SocketType {
        self.pattern.socket_type()
    }

    // ---- messages out

    /// Sends, waiting for room as long as `patience` says.
    #[inline]
    pub(super) fn send(
        &self,
        mut message: Message,
        patience: impl FnOnce() -> Patience,
    ) -> Result<(), (Message, SendFailure)> {
        if self.send_directly(&mut message)
            || self.pattern.sends_plainly() && self.send_plainly(&mut message)
        {
            return Ok(());
        }
        self.send_by(message, patience, |half, message, wakes| {
            self.try_send(half, message, wakes)
        })
    }

    /// Sends past the half, if there is a way and it is free; what is left in `message` then is for
    /// the caller to drop.
    #[inline]
    fn send_directly(&self, message: &mut Message) -> bool {
        match &self.shortcut {
            Some(shortcut) => shortcut.send(message),
            None => false,
        }
    }

    /// Sends with no more than the half's lock and the pipe's, if nobody waits or watches, nor has to be
    /// told; the same is left in `message`.
    #[inline(never)]
    fn send_plainly(&self, message: &mut Message) -> bool {
        self.outbound
            .attempt_plainly(|half| half.send_plainly(message))
            .unwrap_or(false)
    }

    #[inline(never)]
    fn send_to_plainly(&self, id: &[u8], message: &mut Message) -> bool {
        self.outbound
            .attempt_plainly(|half| half.send_to_plainly(id, message))
            .unwrap_or(false)
    }

    /// Sends for a task: `message` is taken once it is queued.
    pub(super) fn poll_send(
        &self,
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), SendFailure>> {
        // Who has been on the list has to be taken off it, and passes a wake-up on.
        if ticket.is_none() && message.as_mut().is_some_and(|it| self.send_directly(it)) {
            *message = None;
            return Poll::Ready(Ok(()));
        }
        self.outbound.poll(cx, ticket, |half, wakes| {
            self.try_send(half, message, wakes)
        })
    }

    #[inline]
    fn send_by(
        &self,
        message: Message,
        patience: impl FnOnce() -> Patience,
        mut attempt: impl FnMut(
            &mut Outbound,
            &mut Option<Message>,
            &mut Wakes,
        ) -> Option<Result<(), SendFailure>>,
    ) -> Result<(), (Message, SendFailure)> {
        let mut message = Some(message);
        let outcome = self
            .outbound
            .wait(patience, |half, wakes| attempt(half, &mut message, wakes));
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failure)) => Err((message.unwrap_or_default(), failure)),
            Err(gave_up) => Err((message.unwrap_or_default(), gave_up.into())),
        }
    }

    /// One attempt; `None` if it must wait for room.
    #[inline]
    fn try_send(
        &self,
        half: &mut Outbound,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<Result<(), SendFailure>> {
        if self.pattern.socket_type() != SocketType::Req {
            return half.send(message, wakes);
        }
        self.try_ask(half, message, wakes)
            .map(|asked| asked.map(|_| ()))
    }

    pub(crate) fn cancel_send(&self, ticket: &Ticket) {
        self.outbound.cancel(ticket);
    }

    /// Sends to the peer with this id.
    #[inline]
    pub(super) fn send_to(
        &self,
        id: &[u8],
        mut message: Message,
        patience: impl FnOnce() -> Patience,
    ) -> Result<(), (Message, SendFailure)> {
        if self.send_to_plainly(id, &mut message) {
            return Ok(());
        }
        self.send_by(message, patience, |half, message, wakes| {
            half.send_to(id, message, wakes)
        })
    }

    pub(super) fn poll_send_to(
        &self,
        id: &[u8],
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), SendFailure>> {
        self.outbound
            .poll(cx, ticket, |half, wakes| half.send_to(id, message, wakes))
    }

    /// Replies to who asked; never waits.
    pub(super) fn reply(
        &self,
        pipe: PipeId,
        envelope: &[Frame],
        mut message: Message,
    ) -> Result<(), (Message, SendFailure)> {
        exchange::put_envelope(&mut message, envelope);
        let mut message = Some(message);
        let outcome = self
            .outbound
            .attempt(|half, wakes| Some(half.reply(pipe, &mut message, wakes)));
        match outcome {
            Some(Err(failure)) => {
                let mut message = message.unwrap_or_default();
                for _ in envelope {
                    message.pop_front();
                }
                Err((message, failure))
            }
            _ => Ok(()),
        }
    }

    // ---- requests

    /// Sends a request, and gives its number.
    pub(super) fn ask(
        &self,
        message: Message,
        patience: impl FnOnce() -> Patience,
    ) -> Result<u64, (Message, SendFailure)> {
        let mut serial = 0;
        self.send_by(message, patience, |half, message, wakes| {
            let asked = self.try_ask(half, message, wakes)?;
            Some(asked.map(|number| serial = number))
        })?;
        Ok(serial)
    }

    pub(super) fn poll_ask(
        &self,
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
        message: &mut Option<Message>,
    ) -> Poll<Result<u64, SendFailure>> {
        self.outbound
            .poll(cx, ticket, |half, wakes| self.try_ask(half, message, wakes))
    }

    /// What is sent and who is asked for the reply must change together: both halves are held.
    fn try_ask(
        &self,
        out: &mut Outbound,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<Result<u64, SendFailure>> {
        if let Err(ended) = out.check_open() {
            return Some(Err(ended));
        }
        self.inbound.update_within(wakes, |inb, wakes| {
            if let Intake::Exchange(exchange) = &inb.intake
                && exchange.asked().is_some()
            {
                if !exchange.manner.relaxed {
                    return Some(Err(SendFailure::WrongState));
                }
                self.give_up(out, inb, None, wakes);
            }
            halves::ask(out, inb, message, wakes).map(Ok)
        })
    }

    /// Ends an exchange, if it is still under way, whose reply nobody waits for any more.
    pub(super) fn abandon(&self, serial: u64) {
        self.outbound.update(|out, wakes| {
            self.inbound.update_within(wakes, |inb, wakes| {
                self.give_up(out, inb, Some(serial), wakes);
            });
        });
    }

    /// Ends the exchange under way (if it has this number). A late reply is known by its id; without
    /// one, the pipe that it might come through is replaced, and so it is if the request itself is
    /// still in it.
    fn give_up(
        &self,
        out: &mut Outbound,
        inb: &mut Inbound,
        serial: Option<u64>,
        wakes: &mut Wakes,
    ) {
        let (Writers::Balance(writers), Intake::Exchange(exchange)) =
            (&mut out.writers, &mut inb.intake)
        else {
            return;
        };
        let is_it = |asked: &exchange::Asked| serial.is_none_or(|serial| serial == asked.serial);
        if !exchange.asked().is_some_and(is_it) {
            return;
        }
        let Some(asked) = exchange.end() else {
            return;
        };
        out.awaits_reply = false;
        let is_known = asked.is_correlated()
            && writers
                .get(asked.pipe)
                .is_none_or(|writer| writer.queued().is_none());
        if is_known {
            return;
        }
        if let Some(writer) = writers.detach(asked.pipe) {
            writer.forsake(News::Renew, wakes);
        }
        // Over inproc there is nobody but this socket to see to it.
        wakes.post(
            Target {
                owner: match self.me.upgrade() {
                    Some(me) => me,
                    None => return,
                },
                token: asked.pipe,
            },
            News::Renew,
        );
    }

    /// Waits for the reply to the request of this number.
    pub(super) fn recv_reply(
        &self,
        serial: u64,
        patience: impl FnOnce() -> Patience,
    ) -> Result<Message, RecvError> {
        let reply = self.recv_by(patience, |half, message, wakes| {
            half.recv_reply(Some(serial), message, wakes)
        });
        self.after_reply();
        reply.map(|((), message)| message)
    }

    pub(super) fn poll_reply(
        &self,
        serial: u64,
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<Message, RecvError>> {
        let polled = self.poll_recv_by(cx, ticket, |half, message, wakes| {
            half.recv_reply(Some(serial), message, wakes)
        });
        if polled.is_ready() {
            self.after_reply();
        }
        polled.map_ok(|((), message)| message)
    }

    /// An exchange may have ended: then the next request may be sent.
    pub(super) fn after_reply(&self) {
        self.outbound.update(|out, _| {
            out.awaits_reply &= self.inbound.peek(
                |inb| matches!(&inb.intake, Intake::Exchange(exchange) if exchange.asked().is_some()),
            );
        });
    }

    // ---- messages in

    /// Receives, waiting as long as `patience` says.
    #[inline]
    pub(super) fn recv(&self, patience: impl FnOnce() -> Patience) -> Result<Message, RecvError> {
        // Made where it is wanted: it is too large to be passed from hand to hand for each message.
        let mut received = Ok(Message::new());
        if let Ok(message) = &mut received
            && !self.try_recv_in_hand(message)
        {
            received = self.recv_by_attempts(patience);
        }
        received
    }

    /// Puts the next message into `out` if that needs no more than a look at what was taken before.
    #[inline]
    pub(super) fn try_recv_in_hand(&self, out: &mut Message) -> bool {
        self.pattern.receives_plainly() && self.recv_in_hand(out)
    }

    // Not part of its callers: that a call is spared for each message is not worth as many copies of
    // it as there are places where a program receives.
    #[inline(never)]
    fn recv_in_hand(&self, message: &mut Message) -> bool {
        match self
            .inbound
            .attempt_plainly(|half| half.recv_in_hand(message))
        {
            Some(InHand::Message) => true,
            Some(InHand::NothingYet) => {
                // Not as long as it takes to put a thread to sleep.
                (0..PAUSE).for_each(|_| std::hint::spin_loop());
                false
            }
            Some(InHand::Unclear) | None => false,
        }
    }

    #[inline]
    fn recv_by_attempts(&self, patience: impl FnOnce() -> Patience) -> Result<Message, RecvError> {
        let mut message = Message::new();
        let outcome = self
            .inbound
            .wait(patience, |half, wakes| half.recv(&mut message, wakes));
        if self.pattern.socket_type() == SocketType::Req {
            self.after_reply();
        }
        match outcome {
            Ok(Ok(())) => Ok(message),
            Ok(Err(error)) => Err(error),
            Err(gave_up) => Err(gave_up.into()),
        }
    }

    /// Receives for a task.
    pub(super) fn poll_recv(
        &self,
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<Message, RecvError>> {
        let polled =
            self.poll_recv_by(cx, ticket, |half, message, wakes| half.recv(message, wakes));
        if polled.is_ready() && self.pattern.socket_type() == SocketType::Req {
            self.after_reply();
        }
        polled.map_ok(|((), message)| message)
    }

    /// Receives what has more to it than the message.
    pub(super) fn recv_by<T>(
        &self,
        patience: impl FnOnce() -> Patience,
        mut attempt: impl FnMut(&mut Inbound, &mut Message, &mut Wakes) -> Option<Result<T, RecvError>>,
    ) -> Result<(T, Message), RecvError> {
        let mut message = Message::new();
        let outcome = self
            .inbound
            .wait(patience, |half, wakes| attempt(half, &mut message, wakes));
        match outcome {
            Ok(outcome) => outcome.map(|with| (with, message)),
            Err(gave_up) => Err(gave_up.into()),
        }
    }

    pub(super) fn poll_recv_by<T>(
        &self,
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
        mut attempt: impl FnMut(&mut Inbound, &mut Message, &mut Wakes) -> Option<Result<T, RecvError>>,
    ) -> Poll<Result<(T, Message), RecvError>> {
        let mut message = Message::new();
        let polled = self
            .inbound
            .poll(cx, ticket, |half, wakes| attempt(half, &mut message, wakes));
        polled.map_ok(|with| (with, message))
    }

    pub(crate) fn cancel_recv(&self, ticket: &Ticket) {
        self.inbound.cancel(ticket);
    }

    /// Receives a message and the id of the peer that it is from.
    pub(super) fn recv_from(
        &self,
        patience: impl FnOnce() -> Patience,
    ) -> Result<(RoutingId, Message), RecvError> {
        let mut message = Message::new();
        if let Some(id) = self.recv_from_in_hand(&mut message) {
            return Ok((id, message));
        }
        self.recv_from_peer(patience)
            .map(|(peer, message)| (id_of(&peer), message))
    }

    #[inline(never)]
    fn recv_from_in_hand(&self, message: &mut Message) -> Option<RoutingId> {
        self.inbound
            .attempt_plainly(|half| half.recv_from_in_hand(message))?
    }

    pub(super) fn poll_recv_from(
        &self,
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<(RoutingId, Message), RecvError>> {
        self.poll_recv_from_peer(cx, ticket)
            .map_ok(|(peer, message)| (id_of(&peer), message))
    }

    /// Receives a message and whom it is from.
    pub(super) fn recv_from_peer(
        &self,
        patience: impl FnOnce() -> Patience,
    ) -> Result<(PeerInfo, Message), RecvError> {
        self.recv_by(patience, Inbound::recv_from)
    }

    pub(super) fn poll_recv_from_peer(
        &self,
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<(PeerInfo, Message), RecvError>> {
        self.poll_recv_by(cx, ticket, Inbound::recv_from)
    }

    /// Receives a request and who asked.
    pub(super) fn recv_request(
        &self,
        patience: impl FnOnce() -> Patience,
    ) -> Result<(Asker, Message), RecvError> {
        self.recv_by(patience, Inbound::recv_request)
    }

    pub(super) fn poll_recv_request(
        &self,
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<(Asker, Message), RecvError>> {
        self.poll_recv_by(cx, ticket, Inbound::recv_request)
    }

    /// Receives what a subscriber had to say.
    pub(super) fn recv_event(
        &self,
        patience: impl FnOnce() -> Patience,
    ) -> Result<Event, RecvError> {
        let ((event, relieved), _) = self.recv_by(patience, |half, _, _| half.recv_event())?;
        self.after_event(&event, relieved);
        Ok(event)
    }

    pub(super) fn poll_recv_event(
        &self,
        cx: &TaskContext<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<Event, RecvError>> {
        let polled = self.poll_recv_by(cx, ticket, |half, _, _| half.recv_event());
        polled.map_ok(|((event, relieved), _)| {
            self.after_event(&event, relieved);
            event
        })
    }

    /// Goes on with a subscriber whose messages had filled the queue.
    fn after_event(&self, event: &Event, relieved: bool) {
        if let Event::Message(pipe, _) = event
            && relieved
        {
            self.digest(*pipe);
        }
    }

    // ---- patience

    pub(super) fn send_patience(&self) -> Patience {
        self.patience(self.timeouts.send())
    }

    pub(super) fn recv_patience(&self) -> Patience {
        self.patience(self.timeouts.recv())
    }

    /// The patience a caller has: none on an I/O thread, which must not wait for itself.
    pub(super) fn patience(&self, timeout: Option<Duration>) -> Patience {
        if self.is_orphan() {
            return Patience::None;
        }
        io::patience(timeout)
    }

    /// The same two of one that waits in a bed of its own.
    pub(super) fn send_patience_on(&self, bed: impl FnOnce() -> Arc<dyn Bed>) -> Patience {
        self.patience_on(bed, self.timeouts.send())
    }

    pub(super) fn recv_patience_on(&self, bed: impl FnOnce() -> Arc<dyn Bed>) -> Patience {
        self.patience_on(bed, self.timeouts.recv())
    }

    fn patience_on(
        &self,
        bed: impl FnOnce() -> Arc<dyn Bed>,
        timeout: Option<Duration>,
    ) -> Patience {
        match self.patience(timeout) {
            Patience::Until(deadline) => Patience::On(bed(), Some(deadline)),
            Patience::Forever => Patience::On(bed(), None),
            other => other,
        }
    }

    /// The same of what a caller has had from its beginning.
    pub(super) fn patience_until(&self, patience: Patience) -> Patience {
        if self.is_orphan() || io::on_io_thread() {
            Patience::None
        } else {
            patience
        }
    }

    // ---- peers

    /// Waits until at least `count` peers are there at the same time.
    pub(super) fn wait_for_peers(&self, count: usize, timeout: Duration) -> Result<(), WaitError> {
        self.wait_for_count(count, timeout, |control| control.peers.len())
    }

    /// Waits until at least `count` peers subscribe to something at the same time.
    pub(super) fn wait_for_subscribers(
        &self,
        count: usize,
        timeout: Duration,
    ) -> Result<(), WaitError> {
        self.wait_for_count(count, timeout, |control| control.subscribers)
    }

    fn wait_for_count(
        &self,
        count: usize,
        timeout: Duration,
        ready: impl Fn(&Control) -> usize,
    ) -> Result<(), WaitError> {
        self.check_open()?;
        let outcome = self.control.wait(
            || self.patience(Some(timeout)),
            |control, _| control.counts(count, &ready),
        );
        outcome.unwrap_or_else(|_| {
            Err(WaitError::Timeout {
                ready: self.control.peek(ready),
            })
        })
    }

    /// The same two for tasks.
    pub(super) fn wait_for_peers_async(
        &self,
        count: usize,
    ) -> impl Future<Output = Result<(), WaitError>> + Send + '_ {
        self.wait_for_count_async(count, |control| control.peers.len())
    }

    pub(super) fn wait_for_subscribers_async(
        &self,
        count: usize,
    ) -> impl Future<Output = Result<(), WaitError>> + Send + '_ {
        self.wait_for_count_async(count, |control| control.subscribers)
    }

    fn wait_for_count_async(
        &self,
        count: usize,
        ready: fn(&Control) -> usize,
    ) -> impl Future<Output = Result<(), WaitError>> + Send + '_ {
        let open = self.check_open();
        self.control.wait_async(move |control, _| match open {
            Ok(()) => control.counts(count, ready),
            Err(ended) => Some(Err(ended.into())),
        })
    }

    pub(crate) fn cancel_control(&self, ticket: &Ticket) {
        self.control.cancel(ticket);
    }

    pub(super) fn peers(&self) -> Vec<PeerInfo> {
        self.control
            .peek(|control| control.peers.values().cloned().collect())
    }

    pub(super) fn last_endpoint(&self) -> Option<Endpoint> {
        self.control.peek(|control| control.last_endpoint.clone())
    }

    /// Fails if the socket is not open.
    pub(super) fn check_open(&self) -> Result<(), Ended> {
        if self.is_orphan() {
            return Err(Ended::Terminated);
        }
        self.control.peek(|control| control.check_open())
    }
}

/// A ROUTER gives every peer an id when it comes.
pub(super) fn id_of(peer: &PeerInfo) -> RoutingId {
    peer.routing_id()
        .cloned()
        .unwrap_or_else(|| RoutingId::generated([0; 5]))
}

impl Inbound {
    fn recv_event(&mut self) -> Option<Result<(Event, bool), RecvError>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended.into()));
        }
        let Intake::Upstreams(upstreams) = &mut self.intake else {
            return Some(Err(RecvError::WrongState));
        };
        let (event, relieved) = upstreams.next()?;
        if let Event::Message(_, message) = &event {
            self.returned += crate::pipe::Load {
                messages: 1,
                bytes: message.byte_len(),
            };
        }
        Some(Ok((event, relieved)))
    }
}

impl Control {
    /// Whether anything was ever bound or connected to.
    pub(super) fn has_had_endpoints(&self) -> bool {
        self.last_endpoint.is_some()
    }

    /// Whether a pipe that was opened for an inproc name is still among the endpoints.
    pub(super) fn wants(&self, id: PipeId) -> bool {
        let entry = self.endpoints.get(Key::Pipe(id));
        entry.is_some_and(Entry::is_inproc_pipe)
    }

    pub(super) fn add(&mut self, endpoint: Endpoint, way: Way, wakes: &mut Wakes) {
        self.last_endpoint = Some(endpoint.clone());
        let is_bound = way.is_bound();
        self.endpoints.add(endpoint.clone(), way);
        if is_bound {
            self.tell(&MonitorEvent::Listening { endpoint }, None, wakes);
        }
    }

    /// Whether there are as many as are waited for; `None` if that is to be waited for.
    fn counts(
        &self,
        count: usize,
        ready: impl Fn(&Self) -> usize,
    ) -> Option<Result<(), WaitError>> {
        match self.check_open() {
            Err(ended) => Some(Err(ended.into())),
            Ok(()) => (ready(self) >= count).then_some(Ok(())),
        }
    }

    pub(super) fn check_open(&self) -> Result<(), Ended> {
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

impl Drop for Core {
    fn drop(&mut self) {
        if self.context.is_foreign() {
            return;
        }
        self.end_monitors();
        self.context.withdraw(self.id);
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (phase, peers) = self
            .control
            .peek(|control| (control.phase, control.peers.len()));
        write!(
            f,
            "{}(#{}, {phase:?}, {peers} peers)",
            self.pattern.socket_type(),
            self.id
        )
    }
}
