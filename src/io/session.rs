//! One live connection: a stream, the protocol on it, and the pipe it serves.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::reactor::{Kit, Order};
use super::receive::{Broken, Got, Receive};
use super::timers::Timer;
use super::transmit::{Sent, Transmit};
use super::write_half::WriteHalf;
use crate::auth::{Asked, Decided, Reply, Ruling, Subject, Verdict};
use crate::command::{Place, Port, Refused, Welcome, WireEnds, unique_number};
use crate::endpoint::Endpoint;
use crate::handshake_fault::HandshakeFault;
use crate::monitor::{HandshakeFailure, MonitorEvent};
use crate::options::Options;
use crate::peer_info::{Hello, PeerInfo};
use crate::pipe::{Load, Record};
use crate::signal::{Target, Wakes};
use crate::transport::Stream;
use crate::zmtp::{
    self, Config, Connection, Credentials, Due, Eof, Heartbeat, Item, PeerHello, Silence,
};

/// A stream on which ZMTP is spoken, from the first byte of the greeting on.
///
/// The same for the side that connected and the side that accepted, for tcp and ipc; what differs
/// is who keeps the pipe when the connection is gone.
#[derive(Debug)]
pub(super) struct Session {
    stream: Arc<Stream>,
    connection: Connection,
    write: Arc<WriteHalf>,
    receive: Receive,
    /// The stream has said that it takes more.
    writable: bool,
    /// Writing failed; what the peer sent before is still read.
    write_failed: Option<io::Error>,
    /// As they were when the endpoint was bound or connected.
    terms: Arc<Options>,
    ends: Option<WireEnds>,
    /// When the handshake was completed.
    established: Option<Instant>,
    handshake_limit: Option<Timer>,
    /// How long it may take.
    handshake_time: Duration,
    /// Who was asked whether the peer is let in, and the number of the question.
    asked: Option<(u64, Asked)>,
    /// What was said to that.
    ruling: Option<Ruling>,
    /// From the handshake on.
    heartbeat: Option<Heartbeat>,
    beat: Option<Timer>,
    /// The other side is to ask first whether anybody is there.
    yields: bool,
    /// Everything is written and the stream closed on our side; until then the peer may read on.
    drain_limit: Option<Timer>,
    peer: String,
    /// Who it turned out to be.
    who: Option<PeerInfo>,
    /// It is not read, and that was told.
    paused: bool,
}

/// How long a peer may take to read what was written to the end and to close its side in turn, if
/// the linger, which limits this like everything else at the end, is longer or has no end.
///
/// Closing before that would lose what is still on its way: a stream that is closed with input
/// unread, or gets some later, is reset, and with it goes what the kernel has yet to send; and libzmq
/// drops what it has not read yet when an ipc stream is closed. Nothing tells whether a slow peer
/// reads on, so this is as long as it may be silent.
const DRAIN: Duration = Duration::from_secs(30);

/// How often in a row a session waits for a writer that it has given room, if nothing else is to be
/// done: enough to make sleeping rare, few enough to look after new arrivals soon.
const PATIENCE: usize = 16;

/// Why a peer is there no more that the application has disconnected.
pub(crate) const PARTED: &str = "it was disconnected by the application";

/// Whether a session has more to do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Rests,
    Again,
}

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The socket is closing, and everything is written.
    Flushed,
    /// The peer closed the connection.
    PeerClosed(Eof),
    /// The stream failed.
    Io(io::Error),
    /// The peer broke the protocol, or cannot be talked to.
    Protocol(zmtp::Error),
    /// The peer is not let in.
    Denied {
        status: u16,
        why: Option<Cow<'static, str>>,
        fault: Option<HandshakeFault>,
    },
    /// The socket does not take this peer.
    Refused(Refused),
    /// It was in its handshake when all places for those were taken, most of them by its origin.
    GaveWay,
    /// The handshake took too long.
    Handshake(Duration),
    /// Nothing comes from the peer any more.
    Silent(Silence),
    /// The socket let go of it.
    Stopped,
    /// The socket has no use for it as it stands.
    HungUp,
    /// The application has disconnected this peer.
    Parted,
    /// A step of it panicked: a bug in zocket, kept from spreading.
    Panicked,
}

impl Session {
    /// Starts talking on a connected stream, of an endpoint that was made on these terms.
    pub(super) fn new(
        stream: Stream,
        peer: String,
        port: &Arc<dyn Port>,
        terms: &Arc<Options>,
        transmit: Transmit,
        me: &Target,
        kit: &mut Kit<'_>,
    ) -> Self {
        let options = port.options();
        let hello = port.hello(String::new());
        let connection = Connection::new(Config {
            max_message_size: options.max_message_size,
            max_frames: options.max_frames,
            routing_id: hello.routing_id,
            properties: hello.properties,
            security: port.security(terms),
            read_max: options.in_batch_size,
            ..Config::new(port.socket_type())
        });
        let time = connection.handshake_time(options.handshake_timeout);
        let limit = time.and_then(|limit| kit.now.checked_add(limit));
        Self {
            stream: Arc::new(stream),
            connection,
            write: Arc::new(WriteHalf::new(me.clone(), transmit)),
            receive: Receive::new(),
            writable: false,
            write_failed: None,
            terms: terms.clone(),
            ends: None,
            established: None,
            handshake_limit: limit.map(|at| kit.timers.set(at, me.token)),
            handshake_time: time.unwrap_or_default(),
            asked: None,
            ruling: None,
            heartbeat: None,
            beat: None,
            yields: false,
            drain_limit: None,
            peer,
            who: None,
            paused: false,
        }
    }

    /// The same where there is a pipe already that it is to serve; else that is only made once the peer
    /// has proven to be one.
    pub(super) fn serving(mut self, ends: Option<WireEnds>) -> Self {
        self.ends = ends;
        self
    }

    /// The same for the side that accepted.
    pub(super) fn accepted(mut self) -> Self {
        self.yields = true;
        self
    }

    pub(super) fn peer(&self) -> &str {
        &self.peer
    }

    /// Who it turned out to be, once the handshake is complete.
    pub(super) fn who(&self) -> Option<&PeerInfo> {
        self.who.as_ref()
    }

    /// What the end of this session is to whoever watches the endpoint.
    pub(super) fn obituary(&self, endpoint: &Endpoint, end: &End) -> MonitorEvent {
        let endpoint = endpoint.clone();
        let reason = end.to_string();
        match &self.who {
            Some(peer) => MonitorEvent::Disconnected {
                endpoint,
                peer: peer.clone(),
                reason,
            },
            None => MonitorEvent::HandshakeFailed {
                endpoint,
                address: self.peer.clone(),
                failure: end.as_failure(),
                fault: end.fault(),
                reason,
            },
        }
    }

    /// Whether it is with this incarnation of a peer.
    pub(super) fn is_with(&self, peer: u64) -> bool {
        (self.who.as_ref()).is_some_and(|who| who.id().number() == peer)
    }

    pub(super) fn is_established(&self) -> bool {
        self.established.is_some()
    }

    /// How long the peer has been one.
    pub(super) fn lived(&self, now: Instant) -> Option<Duration> {
        self.established
            .map(|since| now.saturating_duration_since(since))
    }

    /// Whether it says that the other side has closed, after which there may be no other event.
    pub(super) fn is_hang_up(event: &mio::event::Event) -> bool {
        event.is_read_closed() || event.is_error()
    }

    /// The stream was at its end when this began.
    pub(super) fn on_hung_up(&mut self) {
        self.receive.on_readable(true);
    }

    pub(super) fn on_event(&mut self, event: &mio::event::Event) {
        let hung_up = Self::is_hang_up(event);
        if event.is_readable() || hung_up {
            self.receive.on_readable(hung_up);
        }
        if event.is_writable() || event.is_write_closed() {
            self.writable = true;
        }
    }

    /// Whether this was the limit of the handshake, and it is not complete.
    pub(super) fn is_overdue(&self, timer: Timer) -> bool {
        self.handshake_limit == Some(timer) && !self.is_established()
    }

    /// How long the handshake was given.
    pub(super) fn handshake_time(&self) -> Duration {
        self.handshake_time
    }

    /// Whether the peer has had its time to read on.
    pub(super) fn is_drained(&self, timer: Timer) -> bool {
        self.drain_limit == Some(timer)
    }

    /// Takes nothing more to send; once all that is queued is written, the session ends.
    pub(super) fn finish(&self) {
        if let Some(lane) = self.ends.as_ref().and_then(|ends| ends.outbound.as_ref()) {
            let mut wakes = Wakes::new();
            lane.close_intake(&mut wakes);
            wakes.fire();
        }
    }

    /// Whether there is nothing that the peer might still miss.
    pub(super) fn may_close(&self) -> bool {
        !self.is_established() || (self.is_flushed() && !self.write.has_written())
    }

    /// Moves what can be moved, both ways.
    pub(super) fn drive(
        &mut self,
        port: &Arc<dyn Port>,
        place: &Place<'_>,
        me: &Target,
        kit: &mut Kit<'_>,
    ) -> Result<Pace, End> {
        let mut wakes = Wakes::new();
        let result = self.step(port, place, me, kit, &mut wakes);
        wakes.fire();
        self.set_beat(me, kit);
        match result {
            // The peer has read to the end, or is not there to.
            Err(_) if self.drain_limit.is_some() => Err(End::Flushed),
            result => result,
        }
    }

    /// Whether this was the heartbeat's.
    pub(super) fn is_beat(&self, timer: Timer) -> bool {
        self.beat == Some(timer)
    }

    /// The heartbeat may have something to do.
    pub(super) fn on_beat(
        &mut self,
        port: &Arc<dyn Port>,
        place: &Place<'_>,
        me: &Target,
        kit: &mut Kit<'_>,
    ) -> Result<Pace, End> {
        self.beat = None;
        // Senders may have written meanwhile.
        if let (Some(heartbeat), Some(at)) = (&mut self.heartbeat, self.write.take_said(kit.now)) {
            heartbeat.on_said(at);
        }
        match self.heartbeat.as_ref().and_then(|it| it.due(kit.now)) {
            Some(Due::Ping) => {
                // Nothing has come for so long: what the last large messages needed may be others'.
                self.connection.release();
                self.ping(kit);
            }
            // If this thread was held up, the answer is there and was not read yet.
            Some(Due::Lost(_)) => self.receive.on_readable(false),
            None => {}
        }
        let pace = self.drive(port, place, me, kit)?;
        if let Some(heartbeat) = &mut self.heartbeat
            && self.write.ttl_runs()
        {
            heartbeat.on_introduced();
        }
        match self.heartbeat.as_ref().and_then(|it| it.due(kit.now)) {
            Some(Due::Lost(silence)) => Err(End::Silent(silence)),
            _ => Ok(pace),
        }
    }

    fn ping(&mut self, kit: &Kit<'_>) {
        let Some(heartbeat) = &mut self.heartbeat else {
            return;
        };
        // What has to go out before it does not: one that waits is enough.
        if self.connection.output().is_empty() {
            self.write.ping(&mut self.connection, heartbeat.our_ttl());
        } else {
            self.connection.await_proof();
        }
        let surely = !self.connection.may_be_kept_waiting();
        heartbeat.on_pinged(surely, kit.now);
    }

    /// Tells the heartbeat what has happened.
    fn note_signs(&mut self, listens: bool, kit: &mut Kit<'_>) {
        let heard = self.receive.take_heard();
        let said = self.write.take_said(kit.now);
        let Some(heartbeat) = &mut self.heartbeat else {
            return;
        };
        heartbeat.on_listening(listens, kit.now);
        if heard.anything {
            heartbeat.on_heard(kit.now);
        }
        if let Some(at) = said {
            heartbeat.on_said(at);
        }
        if let Some(ttl) = heard.ttl {
            heartbeat.on_ttl(ttl);
            // The only thing that may bring the deadline closer.
            let sooner = |timer: &mut Timer| heartbeat.deadline().is_some_and(|at| at < timer.at());
            kit.timers.cancel(self.beat.take_if(sooner));
        }
    }

    /// One timer for all that the heartbeat waits for: signs of life leave it where it is, and what
    /// they have put off is seen when it fires.
    fn set_beat(&mut self, me: &Target, kit: &mut Kit<'_>) {
        if self.beat.is_none()
            && let Some(heartbeat) = &self.heartbeat
            && let Some(at) = heartbeat.deadline()
        {
            let at = at.max(kit.now);
            self.beat = Some(kit.timers.set_loosely(at, heartbeat.slack(), me.token));
        }
    }

    fn step(
        &mut self,
        port: &Arc<dyn Port>,
        place: &Place<'_>,
        me: &Target,
        kit: &mut Kit<'_>,
        wakes: &mut Wakes,
    ) -> Result<Pace, End> {
        let mut patience = if kit.alone { PATIENCE } else { 0 };
        loop {
            if let Some(ruling) = self.ruling.take() {
                self.rule(ruling)?;
            }
            let inbound = self.ends.as_ref().and_then(|ends| ends.inbound.as_ref());
            let got = self
                .receive
                .pump(&self.stream, &mut self.connection, inbound, wakes);
            match got {
                Err(broken) => return Err(self.broken(broken)),
                Ok(Got::Authenticate(credentials)) => {
                    self.authenticate(credentials, port, place, me, kit);
                    continue;
                }
                Ok(Got::Ready(hello)) => {
                    self.establish(&hello, port, place, me, kit)?;
                    continue;
                }
                Ok(Got::Eof) => {
                    return Err(End::PeerClosed(self.connection.handle_eof()));
                }
                Ok(Got::Drained | Got::Paused | Got::Owing | Got::Budget) => {}
            }
            self.tell_paused(matches!(got, Ok(Got::Paused)), port, place);
            let sent = self.send(patience > 0, wakes)?;
            self.note_signs(!matches!(got, Ok(Got::Paused | Got::Owing)), kit);
            if sent == Sent::Relieved {
                // The writer was at its limit, and is at work again in a moment: to let it fill the
                // next batch costs less than to sleep and be woken by its first message.
                patience -= 1;
                std::mem::take(wakes).fire();
                std::thread::yield_now();
                continue;
            }
            if matches!(got, Ok(Got::Drained))
                && let Some(error) = self.write_failed.take()
            {
                return Err(End::Io(error));
            }
            return match (got, sent) {
                (_, Sent::Ended) => self.half_close(me, kit),
                // Room for answers again: what was left unread has its turn after the others.
                (Ok(Got::Owing), Sent::Idle) => Ok(Pace::Again),
                (Ok(Got::Budget), _) | (_, Sent::Budget) => Ok(Pace::Again),
                _ => Ok(Pace::Rests),
            };
        }
    }

    /// The pipe is full, or was, and a monitor is told.
    fn tell_paused(&mut self, is_paused: bool, port: &Arc<dyn Port>, place: &Place<'_>) {
        if is_paused == self.paused || !port.is_monitored() {
            return;
        }
        if let Some(peer) = self.who.clone() {
            self.paused = is_paused;
            let endpoint = place.endpoint.clone();
            let event = if is_paused {
                MonitorEvent::RecvQueueFull { endpoint, peer }
            } else {
                MonitorEvent::RecvQueueRelieved { endpoint, peer }
            };
            port.report(place.token, event);
        }
    }

    /// Everything is written: tells the peer, and gives it time to read it.
    fn half_close(&mut self, me: &Target, kit: &mut Kit<'_>) -> Result<Pace, End> {
        if !self.write.has_written() {
            return Err(End::Flushed);
        }
        // Nobody is asked, or told, anything any more.
        self.heartbeat = None;
        self.stream.shutdown_write();
        self.drain_limit = Some(kit.timers.set(kit.now + DRAIN, me.token));
        Ok(Pace::Rests)
    }

    fn send(&mut self, patient: bool, wakes: &mut Wakes) -> Result<Sent, End> {
        if self.drain_limit.is_some() || self.write_failed.is_some() {
            // Nobody is owed an answer any more: that must not stop the reading.
            let n = self.connection.output().len();
            self.connection.consume_output(n);
            return Ok(Sent::Idle);
        }
        let writable = std::mem::take(&mut self.writable);
        let outbound = self.ends.as_ref().and_then(|ends| ends.outbound.as_ref());
        match self.write.pump(
            &self.stream,
            &mut self.connection,
            outbound,
            writable,
            patient,
            wakes,
        ) {
            Ok(sent) => Ok(sent),
            // What the peer sent before it went is still good: reading tells when that is over.
            Err(error) if self.is_established() => {
                log::debug!("{}: cannot write: {error}", self.peer);
                self.write_failed = Some(error);
                self.receive.on_readable(true);
                Ok(Sent::Budget)
            }
            Err(error) => Err(End::Io(error)),
        }
    }

    /// Finds out whether the peer is let in. The handshake rests until that is known, and its time
    /// goes on.
    fn authenticate(
        &mut self,
        credentials: Credentials,
        port: &Arc<dyn Port>,
        place: &Place<'_>,
        me: &Target,
        kit: &Kit<'_>,
    ) {
        let subject = Subject {
            credentials,
            address: self.peer.clone(),
            process: self.stream.credentials(),
            endpoint: place.endpoint.clone(),
        };
        // A connecting endpoint has its token for all its connections.
        let number = unique_number();
        let (handle, token) = (kit.handle.clone(), me.token);
        let reply: Reply = Box::new(move |ruling| {
            handle.order(Order::Rule {
                token,
                number,
                ruling,
            });
        });
        match port.authenticate(&self.terms, subject, reply) {
            Decided::Now(ruling) => self.ruling = Some(ruling),
            Decided::Later(asked) => self.asked = Some((number, asked)),
        }
    }

    /// The answer to a question of this number, which may be that of another connection.
    pub(super) fn on_ruling(&mut self, number: u64, ruling: Ruling) {
        if self.asked.take_if(|(asked, _)| *asked == number).is_some() {
            self.ruling = Some(ruling);
        }
    }

    fn rule(&mut self, ruling: Ruling) -> Result<(), End> {
        let Ruling {
            verdict,
            why,
            fault,
        } = ruling;
        let status = verdict.status();
        let verdict = match verdict {
            Verdict::Accept(user) => {
                let (user_id, properties) = user.into_parts();
                zmtp::Verdict::Accept {
                    user_id,
                    properties,
                }
            }
            Verdict::RefuseForNow => zmtp::Verdict::RefuseForNow,
            Verdict::Refuse => zmtp::Verdict::Refuse { status: "400" },
            Verdict::Failed => zmtp::Verdict::Refuse { status: "500" },
        };
        match self.connection.authenticated(verdict) {
            Ok(()) => Ok(()),
            Err(zmtp::Error::Denied { .. }) => {
                self.say_last_word();
                Err(End::Denied { status, why, fault })
            }
            Err(error) => Err(self.broken(Broken::Protocol(error))),
        }
    }

    fn establish(
        &mut self,
        hello: &PeerHello,
        port: &Arc<dyn Port>,
        place: &Place<'_>,
        me: &Target,
        kit: &mut Kit<'_>,
    ) -> Result<(), End> {
        kit.timers.cancel(self.handshake_limit.take());
        // From now on what the pipe has to say goes past who may write.
        let taker = Target {
            owner: self.write.clone(),
            token: me.token,
        };
        let ends = match &mut self.ends {
            Some(ends) => {
                if let Some(lane) = &ends.outbound {
                    let mut wakes = Wakes::new();
                    lane.set_taker(taker, &mut wakes);
                    wakes.fire();
                }
                ends
            }
            none => none.insert(port.clone().open_wire(taker).map_err(End::Refused)?),
        };
        let welcome = port.peer_joined(
            ends.id,
            Hello {
                socket_type: hello.socket_type,
                routing_id: hello.routing_id.clone(),
                properties: hello.properties.clone(),
                user_id: hello.vouched.user_id.clone(),
                user_properties: hello.vouched.properties.clone(),
                address: self.peer.clone(),
                credentials: self.stream.credentials(),
            },
            place,
        );
        let Welcome {
            peer,
            notice,
            is_another,
        } = welcome.map_err(End::Refused)?;
        self.established = Some(kit.now);
        let mut wakes = Wakes::new();
        if is_another && let Some(lane) = &ends.outbound {
            let lost = self.write.discard(lane, &mut wakes);
            let (whom, port) = (self.peer.clone(), port.clone());
            wakes.later(move || {
                port.dropped(lost, &format_args!("the one that was there before {whom}"))
            });
        }
        self.who = Some(peer.clone());
        self.write
            .begin(hello.version, port.options().out_batch_size);
        self.heartbeat = Some(Heartbeat::new(
            port.options().heartbeats,
            hello.version,
            self.yields,
            kit.now,
        ));
        if let Some(lane) = &ends.inbound {
            let mut silent = None;
            let load = notice.as_ref().map_or(Load::NONE, |notice| Load {
                messages: 1,
                bytes: notice.byte_len(),
            });
            lane.deposit(load, 0, &mut wakes, |runs| {
                silent = runs.name(peer);
                let notice = notice.map(|notice| Record::Item(Item::Message(notice)));
                runs.records.extend(notice);
            });
            drop(silent);
        }
        if let Some(hello) = &port.options().hello_message {
            self.connection.send_first(hello);
        }
        if port.options().probe_router {
            self.connection.send_probe();
        }
        wakes.fire();
        log::debug!(
            "{}: ready with a {} that speaks ZMTP {:?}",
            self.peer,
            hello.socket_type,
            hello.version
        );
        Ok(())
    }

    /// The reason why reading failed. A last word (an ERROR command) is sent if the stream takes it.
    fn broken(&mut self, broken: Broken) -> End {
        match broken {
            Broken::Io(error) => End::Io(error),
            Broken::Protocol(error) => {
                if !self.is_established() {
                    self.say_last_word();
                }
                End::Protocol(error)
            }
        }
    }

    /// Sends what the handshake has yet to say, if the stream takes it.
    fn say_last_word(&mut self) {
        if self.connection.output().is_empty() {
            return;
        }
        let _ = self.stream.write(self.connection.output());
        self.stream.shutdown_write();
        // A stream that is closed with something unread takes back what it has said.
        let mut unread = [0; 1024];
        for _ in 0..64 {
            if !matches!(self.stream.read(&mut unread), Ok(1..)) {
                break;
            }
        }
    }

    /// Whether nothing is left to be written.
    fn is_flushed(&self) -> bool {
        let outbound = self.ends.as_ref().and_then(|ends| ends.outbound.as_deref());
        self.write.is_done(outbound)
    }

    /// Closes the stream. The pipe, and the batch in hand, are for the caller to keep or to end.
    pub(super) fn dismantle(mut self, kit: &mut Kit<'_>) -> (Option<WireEnds>, Transmit) {
        kit.timers.cancel(self.handshake_limit);
        kit.timers.cancel(self.beat);
        kit.timers.cancel(self.drain_limit);
        let transmit = self.write.close();
        let mut wakes = Wakes::new();
        if let Some(ends) = &self.ends {
            if let Some(lane) = &ends.outbound {
                lane.set_taker(self.write.session().clone(), &mut wakes);
            }
            if let Some(lane) = &ends.inbound {
                // What had come of a message that is not whole is gone.
                lane.hold_incomplete(0, &mut wakes);
            }
        }
        wakes.fire();
        // Nobody else has it any more.
        if let Some(stream) = Arc::get_mut(&mut self.stream) {
            let _ = kit.registry.deregister(stream);
        }
        (self.ends, transmit)
    }
}

/// Ends both directions of a pipe whose connection is gone for good: what has arrived stays
/// readable, what was not sent is counted and returned.
pub(super) fn end_pipe(ends: &WireEnds, transmit: &mut Transmit) -> Load {
    let mut wakes = Wakes::new();
    let lost = match &ends.outbound {
        Some(lane) => transmit.abandon(lane, &mut wakes),
        None => Load::NONE,
    };
    if let Some(lane) = &ends.inbound {
        lane.end_writing(&mut wakes);
    }
    wakes.fire();
    lost
}

impl End {
    /// How loud the log record should be: an orderly end is no news, a peer that misbehaves is.
    pub(super) fn level(&self) -> log::Level {
        match self {
            Self::Flushed
            | Self::PeerClosed(Eof::AtBorder)
            | Self::Stopped
            | Self::HungUp
            | Self::Parted => log::Level::Debug,
            Self::PeerClosed(_) | Self::Io(_) | Self::Silent(_) => log::Level::Info,
            Self::Protocol(_)
            | Self::Denied { .. }
            | Self::Refused(_)
            | Self::GaveWay
            | Self::Handshake(_) => log::Level::Warn,
            Self::Panicked => log::Level::Error,
        }
    }
}

impl End {
    /// The same of a connection that never came through its handshake.
    fn as_failure(&self) -> HandshakeFailure {
        match self {
            Self::Handshake(_) => HandshakeFailure::Timeout,
            Self::PeerClosed(_) | Self::Io(_) | Self::Silent(_) | Self::Panicked => {
                HandshakeFailure::Lost
            }
            Self::Denied { status, .. } => HandshakeFailure::NotAuthenticated { status: *status },
            Self::Protocol(error) => match error.status() {
                Some(status) => HandshakeFailure::NotAuthenticated { status },
                None => HandshakeFailure::Protocol,
            },
            Self::Refused(_) | Self::GaveWay => HandshakeFailure::Refused,
            Self::Flushed | Self::Stopped | Self::HungUp | Self::Parted => {
                HandshakeFailure::Stopped
            }
        }
    }
}

impl End {
    /// What was wrong in the handshake.
    fn fault(&self) -> Option<HandshakeFault> {
        match self {
            Self::Denied { fault, .. } => *fault,
            Self::Protocol(error) => HandshakeFault::of(error),
            _ => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flushed => f.write_str("the socket let go of it; everything is sent"),
            Self::PeerClosed(Eof::AtBorder) => f.write_str("the peer closed it"),
            Self::PeerClosed(Eof::InMessage) => {
                f.write_str("the peer closed it in the middle of a message")
            }
            Self::PeerClosed(Eof::InHandshake) => {
                f.write_str("the peer closed it before the handshake was complete")
            }
            Self::Io(error) => write!(f, "{error}"),
            Self::Protocol(error) => write!(f, "{error}"),
            Self::Denied { status, why, .. } => {
                write!(f, "it is not let in (status {status})")?;
                match why {
                    Some(why) => write!(f, ": {why}"),
                    None => Ok(()),
                }
            }
            Self::Refused(refused) => write!(f, "refused: {refused}"),
            Self::GaveWay => f.write_str(
                "it gave way to another origin, as all handshakes that may be under way are",
            ),
            Self::Handshake(limit) => {
                write!(f, "no handshake within {}", crate::error::millis(*limit))
            }
            Self::Silent(silence) => write!(f, "{silence}"),
            Self::Stopped => f.write_str("the socket let go of it"),
            Self::HungUp => f.write_str("the socket had no use for it any more"),
            Self::Parted => f.write_str(PARTED),
            Self::Panicked => f.write_str("an internal error (this is a bug in zocket)"),
        }
    }
}
