//! An endpoint that is connected to: resolve, dial, talk, and again.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::reactor::{Fate, Kit, Order};
use super::reconnect::Backoff;
use super::resolve::Resolved;
use super::session::{End, Pace, Session, end_pipe};
use super::timers::Timer;
use super::transmit::Transmit;
use crate::auth::Ruling;
use crate::command::{Left, Place, Port, SocketId, WireEnds};
use crate::endpoint::{Address, Endpoint, TcpAddress};
use crate::monitor::MonitorEvent;
use crate::options::{Options, ReconnectStop};
use crate::peer_info::PeerInfo;
use crate::pipe::{Load, PipeId};
use crate::signal::{Target, Wakes};
use crate::transport::socks::{Socks, SocksError};
use crate::transport::{self, Stream};

/// Keeps one endpoint connected.
///
/// ```text
///            ┌──────────── wait (backoff) ◄──────────┬───────────────┐
///            ▼                                       │ failed        │ lost
///        resolving ──► dialing one address ──► … the next ──► talking (a session)
/// ```
///
/// With a proxy it is the proxy's name that is resolved, and its address that is dialed; an address
/// has answered when the proxy has made the connection.
///
/// The queue of what is to be sent belongs to the connecter, not to the session: it outlives the
/// connection, and the next one goes on at the first message that did not reach the kernel whole.
pub(super) struct Connecter {
    endpoint: Endpoint,
    port: Arc<dyn Port>,
    /// As the options were when it was connected.
    terms: Arc<Options>,
    me: Target,
    /// The pipe that was made at `connect`; `None` with the option *immediate*, where it is made
    /// anew for each connection.
    kept: Option<WireEnds>,
    way: Way,
    /// The batch in hand when the last connection broke.
    transmit: Transmit,
    state: State,
    /// As they were when this attempt began: what is changed meanwhile counts for the next.
    options: Arc<Options>,
    backoff: Backoff,
    /// Made in vain since a peer was there.
    attempts: u32,
    linger: Option<Timer>,
    stopping: bool,
    /// There is no other attempt, and the endpoint stays to be seen.
    given_up: bool,
    /// By the application, which may go on with the socket.
    disconnected: bool,
    lost: Load,
}

/// How there comes to be a connection.
enum Way {
    Dial,
    /// By somebody else's doing, once: the stream is there until it is used.
    Adopt(Option<Stream>),
}

enum State {
    /// Until the timer fires.
    Waiting(Option<Timer>),
    Resolving,
    /// On its way to one address; these come next.
    Dialing {
        stream: Stream,
        address: String,
        /// What is to be settled with the proxy, if there is one, when that answers.
        socks: Option<Box<Socks>>,
        rest: VecDeque<SocketAddr>,
        source: Option<SocketAddr>,
        limit: Option<Timer>,
        /// The other side has closed already, which is told but once.
        hung_up: bool,
    },
    Talking(Box<Session>),
}

impl Connecter {
    pub(super) fn new(
        endpoint: Endpoint,
        port: Arc<dyn Port>,
        terms: Arc<Options>,
        kept: Option<WireEnds>,
        adopted: Option<Stream>,
        me: Target,
    ) -> Self {
        let options = port.options();
        let backoff = Backoff::new(options.reconnect);
        Self {
            endpoint,
            port,
            terms,
            me,
            kept,
            way: match adopted {
                Some(stream) => Way::Adopt(Some(stream)),
                None => Way::Dial,
            },
            transmit: Transmit::default(),
            state: State::Waiting(None),
            options,
            backoff,
            attempts: 0,
            linger: None,
            stopping: false,
            given_up: false,
            disconnected: false,
            lost: Load::NONE,
        }
    }

    pub(super) fn socket(&self) -> SocketId {
        self.port.id()
    }

    pub(super) fn port(&self) -> &Arc<dyn Port> {
        &self.port
    }

    // ---- the way to a session

    /// Starts an attempt.
    pub(super) fn dial(&mut self, kit: &mut Kit<'_>) -> Fate {
        self.options = self.port.options();
        if let Way::Adopt(stream) = &mut self.way {
            return match stream.take() {
                Some(stream) => {
                    let address = match self.endpoint.socket_addr() {
                        Some(address) => address.to_string(),
                        None => self.endpoint.to_string(),
                    };
                    self.dialed(stream, address, VecDeque::new(), None, kit)
                }
                None => self.retry(kit, &End::HungUp, End::HungUp.level(), None),
            };
        }
        match self.endpoint.address() {
            Address::Tcp(tcp) => {
                self.state = State::Resolving;
                let (handle, token) = (kit.handle.clone(), self.me.token);
                let there = match &self.options.socks_proxy {
                    Some(proxy) => &TcpAddress {
                        source: tcp.source.clone(),
                        ..proxy.clone()
                    },
                    None => tcp,
                };
                kit.resolver
                    .resolve_pair(there, self.options.transport.ipv6, move |resolved| {
                        handle.order(Order::Resolved { token, resolved });
                    });
                Fate::Rests
            }
            Address::Ipc(ipc) => {
                let address = self.endpoint.to_string();
                self.report_dialing(&address);
                match transport::ipc::connect(ipc, &self.options.transport) {
                    Ok(stream) => self.dialed(stream, address, VecDeque::new(), None, kit),
                    Err(error) => {
                        self.report_failure(&address, &error);
                        self.failed(&address, &error, kit)
                    }
                }
            }
            // The sockets are joined without an I/O thread.
            Address::Inproc(_) => Fate::Gone,
        }
    }

    pub(super) fn on_resolved(&mut self, resolved: Resolved, kit: &mut Kit<'_>) -> Fate {
        if !matches!(self.state, State::Resolving) {
            return Fate::Rests;
        }
        match resolved {
            Ok((source, addresses)) => self.dial_next(source, addresses.into(), None, kit),
            Err(error) => {
                let reason = match self.options.socks_proxy {
                    Some(_) => format!("the SOCKS proxy: {error}"),
                    None => error.to_string(),
                };
                let why = format!("resolving the name: {reason}");
                self.report(MonitorEvent::ResolveFailed {
                    endpoint: self.endpoint.clone(),
                    reason,
                });
                self.attempts = self.attempts.saturating_add(1);
                self.retry(kit, &why, log::Level::Debug, None)
            }
        }
    }

    /// Tries the addresses one after the other; the last failure counts.
    fn dial_next(
        &mut self,
        source: Option<SocketAddr>,
        mut rest: VecDeque<SocketAddr>,
        mut failure: Option<(String, io::Error)>,
        kit: &mut Kit<'_>,
    ) -> Fate {
        while let Some(address) = rest.pop_front() {
            let there = self.name_of(address);
            self.report_dialing(&there);
            match transport::tcp::connect(source, address, &self.options.transport) {
                Ok(stream) => return self.dialed(stream, there, rest, source, kit),
                Err(error) => {
                    self.report_failure(&there, &error);
                    failure = Some((there, error));
                }
            }
        }
        let (address, error) = failure.unwrap_or_else(|| {
            (
                self.endpoint.to_string(),
                io::Error::new(io::ErrorKind::NotFound, "no address"),
            )
        });
        self.failed(&address, &error, kit)
    }

    /// The name of what is at an address: of who is there, or of who is reached through the proxy there.
    fn name_of(&self, address: SocketAddr) -> String {
        match self.endpoint.address() {
            Address::Tcp(TcpAddress { host, port, .. }) if self.options.socks_proxy.is_some() => {
                format!("{host}:{port} via {address}")
            }
            _ => address.to_string(),
        }
    }

    /// What is to be settled with the proxy, if there is one on the way.
    fn socks(&self) -> Result<Option<Box<Socks>>, SocksError> {
        let options = &self.options;
        match self.endpoint.address() {
            Address::Tcp(tcp) if options.socks_proxy.is_some() && !self.is_adopted() => {
                let socks = Socks::new(tcp, options.socks_credentials.clone())?;
                Ok(Some(Box::new(socks)))
            }
            _ => Ok(None),
        }
    }

    fn dialed(
        &mut self,
        mut stream: Stream,
        address: String,
        rest: VecDeque<SocketAddr>,
        source: Option<SocketAddr>,
        kit: &mut Kit<'_>,
    ) -> Fate {
        let registered = super::register(kit, &mut stream, self.me.token);
        let socks = match registered.and_then(|()| Ok(self.socks()?)) {
            Ok(socks) => socks,
            Err(error) => {
                self.report_failure(&address, &error);
                return self.failed(&address, &error, kit);
            }
        };
        let limit = self
            .options
            .connect_timeout
            .and_then(|limit| kit.now.checked_add(limit));
        let limit = limit.map(|at| kit.timers.set(at, self.me.token));
        self.state = State::Dialing {
            stream,
            address,
            socks,
            rest,
            source,
            limit,
            hung_up: false,
        };
        Fate::Rests
    }

    /// Looks whether the connection stands.
    fn check_dialed(&mut self, kit: &mut Kit<'_>) -> Fate {
        let State::Dialing {
            stream,
            socks,
            limit,
            ..
        } = &mut self.state
        else {
            return Fate::Rests;
        };
        let stands = match (stream.finish_connect(), socks) {
            (Ok(true), Some(socks)) => {
                if limit.is_none()
                    && let Some(time) = self.options.handshake_timeout
                    && let Some(at) = kit.now.checked_add(time)
                {
                    *limit = Some(kit.timers.set(at, self.me.token));
                }
                negotiate(socks, stream)
            }
            (stands, _) => stands,
        };
        match stands {
            Ok(false) => Fate::Rests,
            Ok(true) => {
                if let State::Dialing {
                    stream,
                    address,
                    limit,
                    hung_up,
                    ..
                } = std::mem::replace(&mut self.state, State::Waiting(None))
                {
                    kit.timers.cancel(limit);
                    self.report(MonitorEvent::Connected {
                        endpoint: self.endpoint.clone(),
                        address: address.clone(),
                    });
                    let transmit = std::mem::take(&mut self.transmit);
                    let mut session = Session::new(
                        stream,
                        address,
                        &self.port,
                        &self.terms,
                        transmit,
                        &self.me,
                        kit,
                    )
                    .serving(self.kept.clone());
                    if hung_up {
                        session.on_hung_up();
                    }
                    self.state = State::Talking(Box::new(session));
                }
                // The greeting goes out at once.
                Fate::Again
            }
            Err(error) => self.dial_failed(error, kit),
        }
    }

    /// This address does not answer: the next, or all over again later.
    fn dial_failed(&mut self, error: io::Error, kit: &mut Kit<'_>) -> Fate {
        match std::mem::replace(&mut self.state, State::Waiting(None)) {
            State::Dialing {
                mut stream,
                address,
                rest,
                source,
                limit,
                ..
            } => {
                kit.timers.cancel(limit);
                let _ = kit.registry.deregister(&mut stream);
                drop(stream);
                self.report_failure(&address, &error);
                self.dial_next(source, rest, Some((address, error)), kit)
            }
            other => {
                self.state = other;
                Fate::Rests
            }
        }
    }

    fn failed(&mut self, what: &dyn fmt::Display, error: &io::Error, kit: &mut Kit<'_>) -> Fate {
        self.attempts = self.attempts.saturating_add(1);
        let cause = self.is_refusal(error).then_some(ReconnectStop::Refused);
        let why = format_args!("{what}: {error}");
        self.retry(kit, &why, log::Level::Debug, cause)
    }

    /// Whether an attempt failed because nobody listens.
    fn is_refusal(&self, error: &io::Error) -> bool {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => true,
            // A listener that closes removes its file.
            io::ErrorKind::NotFound => matches!(self.endpoint.address(), Address::Ipc(_)),
            _ => false,
        }
    }

    /// Whether this is a reason to give the endpoint up.
    fn stops_at(&self, cause: ReconnectStop) -> bool {
        self.port.options().reconnect_stop.contains(&cause)
    }

    /// Whether the connection was made by somebody else, who alone could make another.
    fn is_adopted(&self) -> bool {
        matches!(self.way, Way::Adopt(_))
    }

    /// Whether nothing is tried any more for what is left to be sent.
    fn is_given_up(&self) -> bool {
        self.disconnected && self.stops_at(ReconnectStop::AfterDisconnect)
    }

    /// Waits for the next attempt, if there is to be one.
    fn retry(
        &mut self,
        kit: &mut Kit<'_>,
        why: &dyn fmt::Display,
        level: log::Level,
        cause: Option<ReconnectStop>,
    ) -> Fate {
        self.state = State::Waiting(None);
        if self.stopping && self.may_close() {
            return self.end(End::Stopped, kit);
        }
        let wait = if self.is_adopted()
            || self.is_given_up()
            || cause.is_some_and(|cause| self.stops_at(cause))
        {
            None
        } else {
            self.backoff.next_wait(self.port.options().reconnect)
        };
        match wait {
            Some(wait) => {
                log::log!(
                    level,
                    "{}: {why}; next attempt in {}",
                    self.endpoint,
                    crate::error::millis(wait)
                );
                self.state = State::Waiting(Some(kit.timers.set(kit.now + wait, self.me.token)));
                self.report(MonitorEvent::RetryScheduled {
                    endpoint: self.endpoint.clone(),
                    wait,
                    attempts: self.attempts,
                });
                Fate::Rests
            }
            None => {
                let endpoint = self.endpoint.clone();
                let event = MonitorEvent::GivenUp { endpoint };
                let stays = !self.is_adopted();
                self.given_up = self.port.endpoint_ended(self.me.token, event, stays);
                let fate = self.end(End::Stopped, kit);
                // Whoever reads this can rely on it. (Of what was adopted nothing else was expected.)
                let level = if self.is_adopted() {
                    level
                } else {
                    log::Level::Warn
                };
                log::log!(level, "{}: {why}; no further attempt", self.endpoint);
                fate
            }
        }
    }

    // ---- what is told of it

    fn report(&self, event: MonitorEvent) {
        self.port.report(self.me.token, event);
    }

    fn peer_left(&self, pipe: PipeId, peer: &PeerInfo, event: MonitorEvent) {
        let left = Left {
            peer,
            token: self.me.token,
            accepted: false,
        };
        self.port.peer_left(pipe, left, event);
    }

    fn report_dialing(&self, address: &dyn fmt::Display) {
        self.report(MonitorEvent::Connecting {
            endpoint: self.endpoint.clone(),
            address: address.to_string(),
        });
    }

    fn report_failure(&self, address: &dyn fmt::Display, error: &io::Error) {
        self.report(MonitorEvent::ConnectFailed {
            endpoint: self.endpoint.clone(),
            address: address.to_string(),
            reason: error.to_string(),
        });
    }

    /// Whether it ends because the socket has let go of it. (The end of its pipe may be noticed
    /// before the order to stop.)
    pub(super) fn is_closed(&self) -> bool {
        self.stopping || !self.given_up
    }

    // ---- life with a session

    pub(super) fn on_event(&mut self, event: &mio::event::Event) {
        match &mut self.state {
            State::Talking(session) => session.on_event(event),
            State::Dialing { hung_up, .. } => *hung_up |= Session::is_hang_up(event),
            State::Waiting(_) | State::Resolving => {}
        }
    }

    pub(super) fn on_ruling(&mut self, number: u64, ruling: Ruling) {
        if let State::Talking(session) = &mut self.state {
            session.on_ruling(number, ruling);
        }
    }

    pub(super) fn drive(&mut self, kit: &mut Kit<'_>) -> Fate {
        match &mut self.state {
            State::Waiting(_) | State::Resolving => Fate::Rests,
            State::Dialing { .. } => self.check_dialed(kit),
            State::Talking(session) => {
                let place = Place {
                    token: self.me.token,
                    endpoint: &self.endpoint,
                };
                let result = session.drive(&self.port, &place, &self.me, kit);
                self.driven(result, kit)
            }
        }
    }

    fn driven(&mut self, result: Result<Pace, End>, kit: &mut Kit<'_>) -> Fate {
        match result {
            Ok(Pace::Rests) => Fate::Rests,
            Ok(Pace::Again) => Fate::Again,
            Err(end) => self.session_ended(end, kit),
        }
    }

    /// The connection is gone: what is queued waits for the next, unless that was all.
    fn session_ended(&mut self, end: End, kit: &mut Kit<'_>) -> Fate {
        // The socket has ended its side of the pipe: nothing would ever be sent again.
        if matches!(end, End::Flushed) {
            return self.end(end, kit);
        }
        let joined = matches!(&self.state, State::Talking(session) if session.is_established());
        self.lose_session(&end, kit);
        let cause = (!joined).then_some(ReconnectStop::HandshakeFailed);
        let why = format_args!("connection lost: {end}");
        self.retry(kit, &why, end.level(), cause)
    }

    /// Takes the session apart; the pipe stays, or goes with it if it was made for it.
    fn lose_session(&mut self, end: &End, kit: &mut Kit<'_>) {
        if let State::Talking(session) = std::mem::replace(&mut self.state, State::Waiting(None)) {
            let lived = session.lived(kit.now);
            let who = session.who().cloned();
            let event = session.obituary(&self.endpoint, end);
            let (ends, mut transmit) = session.dismantle(kit);
            let pipe = ends.as_ref().map(|ends| ends.id);
            let mut lost = Load::NONE;
            match ends {
                Some(ends) if self.kept.is_none() => lost = end_pipe(&ends, &mut transmit),
                kept => {
                    let mut wakes = Wakes::new();
                    transmit.rewind();
                    transmit.return_credit(
                        kept.as_ref().and_then(|ends| ends.outbound.as_deref()),
                        &mut wakes,
                    );
                    wakes.fire();
                    self.transmit = transmit;
                }
            }
            match (lived, pipe, who) {
                (Some(lived), Some(pipe), Some(who)) => {
                    self.attempts = 0;
                    self.backoff.on_lost(lived);
                    self.peer_left(pipe, &who, event);
                }
                _ => {
                    self.attempts = self.attempts.saturating_add(1);
                    self.report(event);
                }
            }
            if self.stopping {
                self.lost += lost;
            } else {
                self.port.dropped(lost, &self.endpoint);
            }
        }
    }

    /// The socket has no use for the pipe as it stands: a new one takes its place, and a new
    /// connection, at once or with the usual patience.
    pub(super) fn hang_up(&mut self, at_once: bool, kit: &mut Kit<'_>) -> Fate {
        if self.stopping {
            return self.end(End::HungUp, kit);
        }
        let talks = matches!(self.state, State::Talking(_));
        if talks {
            self.lose_session(&End::HungUp, kit);
        }
        if let Some(old) = self.kept.take() {
            let lost = end_pipe(&old, &mut self.transmit);
            self.port.dropped(lost, &self.endpoint);
            self.transmit = Transmit::default();
            self.kept = self.port.clone().renew_wire(old.id, self.me.clone()).ok();
        }
        match (talks, at_once) {
            (false, _) => Fate::Rests,
            (true, true) => self.dial(kit),
            (true, false) => self.retry(kit, &End::HungUp, End::HungUp.level(), None),
        }
    }

    /// Whether the connection is with this incarnation of a peer.
    pub(super) fn is_with(&self, peer: u64) -> bool {
        matches!(&self.state, State::Talking(session) if session.is_with(peer))
    }

    /// Ends the connection if it is with this incarnation of a peer; the next one goes on with what
    /// is queued.
    pub(super) fn part(&mut self, peer: u64, kit: &mut Kit<'_>) -> Fate {
        if self.is_with(peer) {
            return self.session_ended(End::Parted, kit);
        }
        Fate::Rests
    }

    pub(super) fn on_timer(&mut self, timer: Timer, kit: &mut Kit<'_>) -> Fate {
        if self.linger == Some(timer) {
            return self.end(End::Stopped, kit);
        }
        match &mut self.state {
            State::Waiting(Some(retry)) if *retry == timer => self.dial(kit),
            State::Dialing {
                limit: Some(limit), ..
            } if *limit == timer => self.dial_failed(io::Error::from(io::ErrorKind::TimedOut), kit),
            State::Talking(session) if session.is_beat(timer) => {
                let place = Place {
                    token: self.me.token,
                    endpoint: &self.endpoint,
                };
                let result = session.on_beat(&self.port, &place, &self.me, kit);
                self.driven(result, kit)
            }
            State::Talking(session) if session.is_drained(timer) => self.end(End::Flushed, kit),
            State::Talking(session) if session.is_overdue(timer) => {
                let limit = session.handshake_time();
                self.session_ended(End::Handshake(limit), kit)
            }
            _ => Fate::Rests,
        }
    }

    // ---- the end

    /// Whether nothing is left to be sent.
    fn may_close(&self) -> bool {
        match &self.state {
            State::Talking(session) if session.is_established() => session.may_close(),
            State::Talking(_) => self.kept.as_ref().is_none_or(|ends| {
                ends.outbound
                    .as_ref()
                    .is_none_or(|lane| lane.queued().is_none())
            }),
            _ => self
                .transmit
                .is_done(self.kept.as_ref().and_then(|ends| ends.outbound.as_deref())),
        }
    }

    /// The application has disconnected, which [`stop`](Self::stop) follows.
    pub(super) fn on_disconnect(&mut self) {
        self.disconnected = true;
    }

    /// Sends what is left, for at most as long as the deadline says, even if the connection has
    /// yet to be made.
    pub(super) fn stop(&mut self, deadline: Option<Instant>, kit: &mut Kit<'_>) -> Fate {
        self.stopping = true;
        if let State::Talking(session) = &self.state {
            session.finish();
        }
        let given_up = matches!(self.state, State::Waiting(_)) && self.is_given_up();
        if given_up || self.may_close() || deadline.is_some_and(|deadline| deadline <= kit.now) {
            return self.end(End::Stopped, kit);
        }
        // The last word counts: whoever closes later may have less patience.
        kit.timers.cancel(self.linger.take());
        self.linger = deadline.map(|at| kit.timers.set(at, self.me.token));
        Fate::Rests
    }

    pub(super) fn end(&mut self, end: End, kit: &mut Kit<'_>) -> Fate {
        kit.timers.cancel(self.linger.take());
        let mut who = None;
        let mut obituary = None;
        match std::mem::replace(&mut self.state, State::Waiting(None)) {
            State::Waiting(timer) => kit.timers.cancel(timer),
            State::Resolving => {}
            State::Dialing {
                mut stream, limit, ..
            } => {
                kit.timers.cancel(limit);
                let _ = kit.registry.deregister(&mut stream);
            }
            State::Talking(session) => {
                log::log!(end.level(), "{}: connection ended: {end}", self.endpoint);
                who = session.who().cloned();
                obituary = Some(session.obituary(&self.endpoint, &end));
                let (ends, transmit) = session.dismantle(kit);
                self.transmit = transmit;
                self.kept = ends.or(self.kept.take());
            }
        }
        let kept = self.kept.take();
        let pipe = kept.as_ref().map(|ends| ends.id);
        if let Some(ends) = kept {
            self.lost += end_pipe(&ends, &mut self.transmit);
        }
        match (obituary, pipe, who) {
            (Some(event), Some(pipe), Some(who)) => {
                self.peer_left(pipe, &who, event);
            }
            (Some(event), ..) => self.report(event),
            _ => {}
        }
        Fate::Gone
    }

    /// What could not be sent, with whom it was for.
    pub(super) fn lost(&self) -> (&Endpoint, Load) {
        (&self.endpoint, self.lost)
    }
}

/// Moves what can be moved to and from a proxy; whether it has made the connection.
///
/// It says some hundred bytes at the most.
fn negotiate(socks: &mut Socks, stream: &mut Stream) -> io::Result<bool> {
    loop {
        while !socks.output().is_empty() {
            match stream.write(socks.output()) {
                Ok(sent) => socks.consume_output(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        let mut bytes = [0; 512];
        let Some(wanted) = bytes.get_mut(..socks.wanted()).filter(|it| !it.is_empty()) else {
            return Ok(true);
        };
        match stream.read(wanted) {
            Ok(0) => return Err(SocksError::HungUp.into()),
            Ok(read) => socks.handle_input(bytes.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
