//! A bound endpoint, and the connections it has accepted.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pending::Pending;
use super::reactor::{Fate, Kit};
use super::session::{End, Pace, Session, end_pipe};
use super::timers::Timer;
use super::transmit::Transmit;
use crate::admission::{Origin, Remote, Seat};
use crate::auth::Ruling;
use crate::command::{Left, Place, Port, SocketId, Token, unique_number};
use crate::endpoint::Endpoint;
use crate::monitor::MonitorEvent;
use crate::options::Options;
use crate::pipe::Load;
use crate::signal::Target;
use crate::transport::{self, Stream};

/// Connections accepted in one go before others have their turn.
const ACCEPT_BUDGET: usize = 64;

/// How long a listener rests when the process is out of descriptors or memory, or nothing can be
/// accepted at all: trying again at once would spin.
const REST: Duration = Duration::from_millis(100);

/// A connection that was let in, and is yet to be served.
pub(super) struct Guest {
    pub(super) token: Token,
    stream: Stream,
    /// Who it is, in words.
    peer: String,
    seat: Seat,
    /// The connection that gives way to it.
    pub(super) instead_of: Option<Token>,
}

impl Guest {
    pub(super) fn origin(&self) -> Origin {
        self.seat.origin()
    }
}

/// Accepts connections for one socket.
pub(super) struct Listener {
    listener: transport::Listener,
    port: Arc<dyn Port>,
    terms: Arc<Options>,
    token: Token,
    /// Accepted, and not yet through the handshake.
    pending: Pending,
    rest: Option<Timer>,
}

impl Listener {
    /// For a listener that is registered already.
    pub(super) fn new(
        listener: transport::Listener,
        port: Arc<dyn Port>,
        terms: Arc<Options>,
        token: Token,
    ) -> Self {
        Self {
            listener,
            port,
            terms,
            token,
            pending: Pending::default(),
            rest: None,
        }
    }

    pub(super) fn port(&self) -> &Arc<dyn Port> {
        &self.port
    }

    pub(super) fn on_child_settled(&mut self, origin: Origin, child: Token) {
        self.pending.remove(origin, child);
    }

    pub(super) fn on_timer(&mut self, timer: Timer) {
        if self.rest == Some(timer) {
            self.rest = None;
        }
    }

    /// Accepts what is there.
    pub(super) fn accept(&mut self, kit: &mut Kit<'_>, accepted: &mut Vec<Guest>) -> Fate {
        if self.rest.is_some() {
            return Fate::Rests;
        }
        let mut failed = 0;
        for _ in 0..ACCEPT_BUDGET {
            match self.listener.accept() {
                Ok((stream, remote)) => match self.admit(&remote) {
                    Ok((seat, instead_of)) => {
                        let token = unique_number();
                        self.pending.add(seat.origin(), token);
                        accepted.push(Guest {
                            token,
                            stream,
                            peer: remote.to_string(),
                            seat,
                            instead_of,
                        });
                    }
                    Err(reason) => {
                        drop(stream);
                        log::warn!("{}: {remote} refused: {reason}", self.endpoint());
                        self.report_failure(format!("{remote} refused: {reason}"));
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Fate::Rests,
                Err(error)
                    if transport::is_resource_shortage(&error)
                        || transport::is_no_listener(&error) =>
                {
                    log::warn!("{}: cannot accept for now: {error}", self.endpoint());
                    self.report_failure(error.to_string());
                    return self.take_a_rest(kit);
                }
                // The connection was gone before it was accepted, and the like: the next may be fine.
                Err(error) => {
                    failed += 1;
                    log::debug!("{}: cannot accept: {error}", self.endpoint());
                    self.report_failure(error.to_string());
                }
            }
        }
        if failed == ACCEPT_BUDGET {
            // Then it is not the connections.
            return self.take_a_rest(kit);
        }
        Fate::Again
    }

    fn take_a_rest(&mut self, kit: &mut Kit<'_>) -> Fate {
        self.rest = Some(kit.timers.set(kit.now + REST, self.token));
        Fate::Rests
    }

    /// Whether a connection is taken in, and which one gives way to it.
    fn admit(&mut self, remote: &Remote) -> Result<(Seat, Option<Token>), String> {
        let seat = self.port.admit(remote);
        let seat = seat.map_err(|refused| refused.to_string())?;
        // So that silent connections cost a bounded amount.
        let most = self.port.options().max_pending_handshakes;
        if self.pending.len() < most {
            return Ok((seat, None));
        }
        let gives_way = self.pending.give_way(seat.origin());
        match gives_way {
            Some(token) => Ok((seat, Some(token))),
            None => Err(format!("{most} handshakes are under way")),
        }
    }

    pub(super) fn report_failure(&self, reason: String) {
        let endpoint = self.endpoint().clone();
        let event = MonitorEvent::AcceptFailed { endpoint, reason };
        self.port.report(self.token, event);
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        self.listener.endpoint()
    }

    /// Closes the endpoint: when this returns the address is free.
    pub(super) fn close(mut self, kit: &mut Kit<'_>) {
        kit.timers.cancel(self.rest);
        let _ = kit.registry.deregister(&mut self.listener);
    }
}

/// One connection that was accepted: it lives as long as its session.
pub(super) struct Accepted {
    session: Option<Session>,
    port: Arc<dyn Port>,
    me: Target,
    listener: Token,
    endpoint: Endpoint,
    /// Not yet through the handshake, and counted so at the listener.
    pending: bool,
    /// What a peer says in its handshake costs this side much more than its bytes.
    is_costly: bool,
    /// It waits for its turn among those that are costly.
    is_in_line: bool,
    linger: Option<Timer>,
    lost: Load,
    seat: Seat,
}

impl Accepted {
    pub(super) fn start(
        Guest {
            token,
            mut stream,
            peer,
            seat,
            instead_of: _,
        }: Guest,
        listener: &Listener,
        kit: &mut Kit<'_>,
    ) -> io::Result<Self> {
        let me = Target {
            owner: kit.handle.clone(),
            token,
        };
        super::register(kit, &mut stream, token)?;
        log::debug!("{}: accepted {peer}", listener.endpoint());
        let event = MonitorEvent::Accepted {
            endpoint: listener.endpoint().clone(),
            address: peer.clone(),
        };
        listener.port.report(listener.token, event);
        let session = Session::new(
            stream,
            peer,
            &listener.port,
            &listener.terms,
            Transmit::default(),
            &me,
            kit,
        )
        .accepted();
        Ok(Self {
            session: Some(session),
            port: listener.port.clone(),
            me,
            listener: listener.token,
            endpoint: listener.endpoint().clone(),
            pending: true,
            is_costly: listener.port.security(&listener.terms).is_costly(),
            is_in_line: false,
            linger: None,
            lost: Load::NONE,
            seat,
        })
    }

    pub(super) fn listener(&self) -> Token {
        self.listener
    }

    pub(super) fn socket(&self) -> SocketId {
        self.port.id()
    }

    pub(super) fn origin(&self) -> Origin {
        self.seat.origin()
    }

    /// Whether it is driven in its turn among those in a costly handshake, and not at once.
    pub(super) fn waits_in_line(&self) -> bool {
        self.pending && self.is_costly
    }

    /// Whether it was not in line yet.
    pub(super) fn enter_line(&mut self) -> bool {
        !std::mem::replace(&mut self.is_in_line, true)
    }

    pub(super) fn leave_line(&mut self) {
        self.is_in_line = false;
    }

    /// Whether the handshake has just come to an end, one way or the other.
    pub(super) fn take_settled(&mut self) -> bool {
        let settled = self.pending && self.session.as_ref().is_none_or(Session::is_established);
        self.pending &= !settled;
        settled
    }

    pub(super) fn on_event(&mut self, event: &mio::event::Event) {
        if let Some(session) = &mut self.session {
            session.on_event(event);
        }
    }

    pub(super) fn on_ruling(&mut self, number: u64, ruling: Ruling) {
        if let Some(session) = &mut self.session {
            session.on_ruling(number, ruling);
        }
    }

    pub(super) fn drive(&mut self, kit: &mut Kit<'_>) -> Fate {
        let Some(session) = &mut self.session else {
            return Fate::Gone;
        };
        let place = Place {
            token: self.listener,
            endpoint: &self.endpoint,
        };
        let result = session.drive(&self.port, &place, &self.me, kit);
        self.driven(result, kit)
    }

    fn driven(&mut self, result: Result<Pace, End>, kit: &mut Kit<'_>) -> Fate {
        match result {
            Ok(Pace::Rests) => Fate::Rests,
            Ok(Pace::Again) => Fate::Again,
            Err(end) => self.end(end, kit),
        }
    }

    pub(super) fn on_timer(&mut self, timer: Timer, kit: &mut Kit<'_>) -> Fate {
        if self.linger == Some(timer) {
            return self.end(End::Stopped, kit);
        }
        match &mut self.session {
            Some(session) if session.is_beat(timer) => {
                let place = Place {
                    token: self.listener,
                    endpoint: &self.endpoint,
                };
                let result = session.on_beat(&self.port, &place, &self.me, kit);
                self.driven(result, kit)
            }
            Some(session) if session.is_drained(timer) => self.end(End::Flushed, kit),
            Some(session) if session.is_overdue(timer) => {
                let limit = session.handshake_time();
                self.end(End::Handshake(limit), kit)
            }
            _ => Fate::Rests,
        }
    }

    /// Writes what is left, for at most as long as the deadline says.
    pub(super) fn stop(&mut self, deadline: Option<Instant>, kit: &mut Kit<'_>) -> Fate {
        if let Some(session) = &self.session {
            session.finish();
        }
        let may_close = self.session.as_ref().is_none_or(Session::may_close);
        if may_close || deadline.is_some_and(|deadline| deadline <= kit.now) {
            return self.end(End::Stopped, kit);
        }
        // The last word counts: whoever closes later may have less patience.
        kit.timers.cancel(self.linger.take());
        self.linger = deadline.map(|at| kit.timers.set(at, self.me.token));
        Fate::Rests
    }

    /// Whether the connection is with this incarnation of a peer.
    pub(super) fn is_with(&self, peer: u64) -> bool {
        (self.session.as_ref()).is_some_and(|session| session.is_with(peer))
    }

    /// Ends the connection if it is with this incarnation of a peer.
    pub(super) fn part(&mut self, peer: u64, kit: &mut Kit<'_>) -> Fate {
        if self.is_with(peer) {
            return self.end(End::Parted, kit);
        }
        Fate::Rests
    }

    pub(super) fn end(&mut self, end: End, kit: &mut Kit<'_>) -> Fate {
        if let Some(session) = self.session.take() {
            kit.timers.cancel(self.linger.take());
            log::log!(
                end.level(),
                "{}: connection with {} ended: {end}",
                self.endpoint,
                session.peer()
            );
            let who = session.who().cloned();
            let event = session.obituary(&self.endpoint, &end);
            let (ends, mut transmit) = session.dismantle(kit);
            let pipe = ends.as_ref().map(|ends| ends.id);
            if let Some(ends) = ends {
                self.lost += end_pipe(&ends, &mut transmit);
            }
            match (pipe, who) {
                (Some(pipe), Some(who)) => {
                    let left = Left {
                        peer: &who,
                        token: self.listener,
                        accepted: true,
                    };
                    self.port.peer_left(pipe, left, event);
                }
                _ => self.port.report(self.listener, event),
            }
        }
        Fate::Gone
    }

    /// What could not be sent, with whom it was for.
    pub(super) fn lost(&self) -> (&Endpoint, Load) {
        (&self.endpoint, self.lost)
    }

    pub(super) fn port(&self) -> &Arc<dyn Port> {
        &self.port
    }
}
