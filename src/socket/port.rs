//! How a socket is told by those below it: by an I/O thread, by the registry of inproc names, and by
//! the far ends of its pipes.

use std::fmt;
use std::sync::Arc;

use super::core::{Core, Phase};
use super::directory::{Entry, Key, Way};
use super::halves::Intake;
use super::monitoring::LEFT;
use super::notices::Gone;
use super::publishing;
use crate::admission::{Remote, Seat};
use crate::auth::{Decided, Reply, Subject};
use crate::command::{
    InprocPeer, Left, Place, Port, Refused, SocketId, Token, ValueEnds, Welcome, WireEnds,
};
use crate::error::Unsent;
use crate::monitor::{HandshakeFailure, MonitorEvent};
use crate::options::Options;
use crate::peer_info::Hello;
use crate::pipe::{Inlet, Load, Outlet, PipeId, Reader};
use crate::properties::Properties;
use crate::routing_id::RoutingId;
use crate::signal::{News, Post, Target, Wakes};
use crate::socket_type::SocketType;
use crate::sync::Ordering;
use crate::zmtp;

impl Post for Core {
    fn post(&self, pipe: u64, news: News) {
        match news {
            News::Readable if self.pattern.publishes() => {
                self.inbound.update(|half, _| half.readers.activate(pipe));
                self.digest(pipe);
            }
            News::Readable => self.inbound.update(|half, _| half.readers.activate(pipe)),
            News::Ended => {
                if self.pattern.publishes() {
                    self.inbound.update(|half, _| half.readers.activate(pipe));
                    self.digest(pipe);
                }
                let ended = self.inbound.update(|half, _| half.readers.end(pipe));
                if let Some(mut reader) = ended {
                    let mut wakes = Wakes::new();
                    reader.end(&mut wakes);
                    wakes.fire();
                }
                self.ledger.lock().on_end();
            }
            News::Writable => self.on_writable(pipe),
            News::Stalled => self.on_stall(pipe),
            News::Full => self.on_full(pipe),
            News::Closed => {
                drop(self.take_writer(pipe));
                if self.pattern.has_one_peer() || self.pattern.socket_type() == SocketType::Router {
                    // Over inproc it says so itself, but only after this: whoever has its place must
                    // not come before it has left.
                    self.control.update_for_all(|control, wakes| {
                        if control.inproc.contains_key(&pipe) {
                            control.tell_left(pipe, LEFT, wakes);
                        }
                    });
                    self.offer_place();
                }
            }
            News::Hurry => self
                .inbound
                .update(|half, wakes| half.readers.hurry(pipe, wakes)),
            News::Flushed => self.control.update_for_all(|_, _| {}),
            News::Renew => self.renew(pipe),
            News::HangUp => self.part_with(pipe),
            News::Evict(cause) => self.evict(pipe, cause),
            // For whoever keeps a connection.
            News::Part(_) | News::Bulk { .. } | News::Ripe => {}
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

    fn options(&self) -> Arc<Options> {
        Core::options(self)
    }

    fn admit(&self, remote: &Remote) -> Result<Seat, Refused> {
        let seat = self.admission.admit(remote, &self.options().admission)?;
        if self.pattern.has_one_peer() {
            self.outbound.peek(|half| half.has_place(true))?;
        }
        Ok(seat)
    }

    fn security(&self, terms: &Options) -> zmtp::Security {
        terms.security.for_connection(self.asks_about_null(terms))
    }

    fn authenticate(&self, terms: &Options, subject: Subject, reply: Reply) -> Decided {
        Core::authenticate(self, terms, subject, reply)
    }

    fn open_wire(self: Arc<Self>, session: Target) -> Result<WireEnds, Refused> {
        let given = self.control.peek(|control| {
            let entry = control.endpoints.get(Key::Token(session.token))?;
            given_by(entry)
        });
        let ends = self.open_wire_pipe(session)?;
        if let Some(name) = given
            && !self.name_pipe(ends.id, &name)
        {
            self.release_pipe(ends.id);
            return Err(Refused::IdTaken(name));
        }
        Ok(ends)
    }

    fn renew_wire(self: Arc<Self>, old: PipeId, session: Target) -> Result<WireEnds, Refused> {
        self.release_pipe(old);
        let ends = self.open_wire_pipe(session)?;
        let given = self.control.update(|control, _| {
            let entry = control.endpoints.renew_pipe(old, ends.id)?;
            given_by(entry)
        });
        if let Some(name) = given {
            self.name_pipe(ends.id, &name);
        }
        Ok(ends)
    }

    fn keeps_pipes(&self) -> bool {
        !self.options().immediate && !self.pattern.needs_connection()
    }

    fn hello(&self, address: String) -> Hello {
        let options = self.options();
        Hello {
            socket_type: self.pattern.socket_type(),
            routing_id: options
                .routing_id
                .clone()
                .filter(|_| self.pattern.announces_itself()),
            properties: options.metadata.clone(),
            user_id: None,
            user_properties: Properties::default(),
            address,
            credentials: None,
        }
    }

    fn meet(&self, id: PipeId, hello: Hello) -> Result<(), Refused> {
        let welcome = self.name(id, &hello, false)?;
        self.inbound.update(|half, wakes| {
            if let Some(reader) = half.readers.get_mut(id) {
                reader.set_peer(welcome.peer.clone());
                if let Some(notice) = welcome.notice {
                    // What has been let go of meanwhile is told of no more.
                    wakes.drop_later(reader.put_first(notice));
                    half.readers.activate(id);
                }
            }
        });
        self.control.update(|control, _| {
            Self::remember_peer(control, id, welcome.peer.clone());
        });
        Ok(())
    }

    fn open_values(
        self: Arc<Self>,
        ends: ValueEnds,
        peer: InprocPeer,
        hello: Hello,
    ) -> Result<PipeId, Refused> {
        let id = self.next_pipe_id();
        self.reach.add_inproc();
        // Key before anything can be made of the pipe, so that a peer that leaves at once is missed.
        self.control
            .update(|control, _| control.inproc.insert(id, peer));
        let attached = self.attach(
            id,
            ends.outbound.map(Outlet::Values),
            ends.inbound.map(Inlet::values),
            Some(&hello),
        );
        match attached {
            Ok(_) => {
                self.probe(id);
                if self.pattern.publishes() {
                    self.digest(id);
                }
                Ok(id)
            }
            Err(refused) => {
                self.values_parted(id, false);
                Err(refused)
            }
        }
    }

    fn values_paired(&self, id: PipeId, peer: InprocPeer) -> bool {
        let wanted = self.control.update_for_all(|control, wakes| {
            // One that closes takes its leave at once: what it left in the pipe is the peer's now.
            let wanted = control.phase == Phase::Open && control.wants(id);
            if wanted {
                control.inproc.insert(id, peer);
                control.tell_joined(id, wakes);
            } else {
                control.peers.remove(&id);
            }
            wanted
        });
        if !wanted {
            // It was announced, and is let go of before it could be told of.
            let met = self.inbound.peek(|half| {
                let reader = half.readers.get(id);
                reader.and_then(Reader::peer).cloned()
            });
            if let Some(peer) = met {
                self.tell_gone(id, &peer, Gone::Disconnected);
            }
            // That was one of the names it waited for.
            self.close_if_settled();
        }
        wanted
    }

    fn unmeet(&self, id: PipeId) {
        self.control
            .update_for_all(|control, _| control.forget_peer(id));
        self.on_left(id);
        self.take_notice_back(id);
    }

    fn is_paired(&self, id: PipeId) -> bool {
        self.control
            .peek(|control| control.inproc.contains_key(&id))
    }

    fn wants_values(&self, id: PipeId) -> bool {
        self.control.peek(|control| control.wants(id))
    }

    fn values_parted(&self, id: PipeId, anew: bool) {
        let (was_paired, wanted) = self
            .control
            .update_for_all(|control, wakes| (control.part(id, LEFT, wakes), control.wants(id)));
        self.on_left(id);
        let Some((_, peer)) = was_paired else {
            return;
        };
        if let Some(peer) = peer {
            let gone = match (wanted, anew) {
                (false, _) => Gone::Accepted,
                (true, true) => Gone::Connected,
                (true, false) => Gone::Bound,
            };
            self.tell_gone(id, &peer, gone);
        }
        self.inbound.update_for_all(|half, _| {
            if let Intake::Exchange(exchange) = &mut half.intake {
                exchange.on_lost(id);
            }
        });
        if anew
            && wanted
            && let Some(me) = self.me.upgrade()
        {
            // What it brought stays readable; nothing goes into it any more.
            me.release_writer(id);
            me.reconnect_inproc(id);
        }
    }

    fn unfit(&self, name: &str, pipe: Option<PipeId>, reason: &dyn fmt::Display) {
        self.tell_failed(name, pipe, HandshakeFailure::Protocol, reason);
    }

    fn refused(&self, name: &str, pipe: Option<PipeId>, reason: &Refused) {
        self.tell_failed(name, pipe, HandshakeFailure::Refused, reason);
    }

    fn peer_joined(&self, id: PipeId, hello: Hello, place: &Place<'_>) -> Result<Welcome, Refused> {
        if let Some(before) = self.subscriber(id) {
            // One that comes back says anew what it wants, which may be less, or is another.
            self.in_steps(|out, inb, _| publishing::forget_some(out, inb, id, &before));
        }
        let welcome = self.name(id, &hello, false)?;
        let event = MonitorEvent::HandshakeSucceeded {
            endpoint: place.endpoint.clone(),
            peer: welcome.peer.clone(),
        };
        self.control.update_for_all(|control, wakes| {
            Self::remember_peer(control, id, welcome.peer.clone());
            control.tell(&event, Some(Key::Token(place.token)), wakes);
        });
        Ok(welcome)
    }

    fn peer_left(&self, id: PipeId, left: Left<'_>, event: MonitorEvent) {
        let stays = self.control.update_for_all(|control, wakes| {
            control.forget_peer(id);
            let from = Key::Token(left.token);
            control.tell(&event, Some(from), wakes);
            control.endpoints.get(from).is_some()
        });
        self.on_left(id);
        let gone = match (left.accepted, stays) {
            (true, _) => Gone::Accepted,
            (false, true) => Gone::Connected,
            (false, false) => Gone::Disconnected,
        };
        self.tell_gone(id, left.peer, gone);
        // Nobody must send another request between the look into the pipe and what follows from it:
        // that one would be taken for the one that was lost.
        self.outbound.update(|out, wakes| {
            let waits_in_pipe =
                (out.writers.get(id)).is_some_and(|writer| !writer.queued().is_none());
            if !waits_in_pipe {
                self.inbound.update_within(wakes, |inb, _| {
                    if let Intake::Exchange(exchange) = &mut inb.intake {
                        exchange.on_lost(id);
                    }
                });
            }
        });
    }

    fn dropped(&self, load: Load, peer: &dyn fmt::Display) {
        if !load.is_none() {
            log::warn!(
                "{}: {} messages ({} bytes) for {peer} dropped with its connection",
                self.pattern.socket_type(),
                load.messages,
                load.bytes
            );
            let event = MonitorEvent::Dropped {
                whom: peer.to_string(),
                messages: load.messages as u64,
                bytes: load.bytes as u64,
            };
            self.tell(&event, None);
        }
    }

    fn links_closed(&self, unsent: Unsent) {
        self.control.update_for_all(|control, _| {
            control.awaited = control.awaited.saturating_sub(1);
            // What nobody waited for any longer was counted then.
            if control.phase != Phase::Closed {
                control.unsent.merge(unsent);
            }
        });
        self.close_if_settled();
    }

    fn linger_is_over(&self) {
        self.give_names_up();
    }

    fn is_monitored(&self) -> bool {
        self.monitored.load(Ordering::Relaxed)
    }

    fn report(&self, token: Token, event: MonitorEvent) {
        self.tell(&event, Some(Key::Token(token)));
    }

    fn endpoint_ended(&self, token: Token, event: MonitorEvent, stays: bool) -> bool {
        self.retire(&event, Key::Token(token), stays)
    }
}

impl Core {
    /// An inproc name and a socket that connected to it did not come together: told at the pipe of the
    /// one, or at the other, which is bound.
    fn tell_failed(
        &self,
        name: &str,
        pipe: Option<PipeId>,
        failure: HandshakeFailure,
        reason: &dyn fmt::Display,
    ) {
        let address = format!("inproc://{name}");
        if let Ok(endpoint) = address.parse() {
            let event = MonitorEvent::HandshakeFailed {
                endpoint,
                address,
                failure,
                fault: None,
                reason: reason.to_string(),
            };
            self.tell(&event, pipe.map(Key::Pipe));
        }
    }
}

/// How the peer of an endpoint is to be called here, if that was said when it was connected to.
fn given_by(entry: &Entry) -> Option<RoutingId> {
    match &entry.way {
        Way::Connecter { given, .. } => given.clone(),
        _ => None,
    }
}
