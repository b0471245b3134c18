//! Pipes: made, taken out, and made again.

use std::fmt;
use std::sync::Arc;

use super::core::Core;
use super::directory::{Key, Way};
use super::halves::Writers;
use super::ledger::Lanes;
use super::monitoring::GIVEN_UP;
use super::notices::Gone;
use super::publishing;
use crate::command::{Port, Refused, ValueEnds, WireEnds};
use crate::endpoint_status::EndpointState;
use crate::message::Message;
use crate::monitor::MonitorEvent;
use crate::peer_info::{Hello, PeerInfo};
use crate::pipe::{Batch, Inlet, Lane, Limits, Load, Outlet, PipeId, Reader, Refusal, Writer};
use crate::routing::{Stall, StallNews};
use crate::signal::{News, Target, Wakes};
use crate::socket_type::SocketType;
use crate::sync::Ordering;

impl Core {
    pub(super) fn next_pipe_id(&self) -> PipeId {
        self.next_pipe.fetch_add(1, Ordering::Relaxed)
    }

    /// Puts both ends of a pipe into the halves: the outbound one first, so that whoever reads a
    /// message from the peer can already answer; but at a REQ, which looks for the reply as soon as
    /// it has asked, the inbound one. A pipe whose peer is known is named in between.
    pub(super) fn attach(
        self: &Arc<Self>,
        id: PipeId,
        outlet: Option<Outlet>,
        inlet: Option<Inlet>,
        hello: Option<&Hello>,
    ) -> Result<Option<PeerInfo>, Refused> {
        let lanes = Lanes {
            outbound: outlet.clone(),
            inbound: inlet.as_ref().map(Inlet::intake),
        };
        self.ledger.lock().open(id, lanes.clone());
        self.grant_limits(&lanes);
        let (first, last) = if self.pattern.socket_type() == SocketType::Req {
            (inlet, None)
        } else {
            (None, inlet)
        };
        // One that is sent to by its name is greeted as it gets that.
        let named = hello.is_some() && self.pattern.routes();
        let attached = self
            .attach_reader(id, first, None)
            .and_then(|()| self.attach_writer(id, outlet, !named))
            .and_then(|()| hello.map(|hello| self.name(id, hello, named)).transpose());
        let peer = match attached {
            Ok(welcome) => welcome.map(|welcome| welcome.peer),
            Err(refused) => {
                // Nothing was sent to it yet. Its lanes are left as they are: it may come again.
                if let Some(writer) = self.take_writer(id) {
                    writer.disown();
                }
                drop(self.inbound.update(|half, _| half.detach(id)));
                self.ledger.lock().strike(id);
                return Err(refused);
            }
        };
        if let Some(peer) = &peer {
            // Who waits for peers may send at once: it is told when the pipe can be written to. Who
            // receives may ask for them: that is before it can be read. One that left meanwhile is
            // not paired any more.
            self.control.update_for_all(|control, wakes| {
                if control.inproc.contains_key(&id) {
                    Self::remember_peer(control, id, peer.clone());
                    control.tell_joined(id, wakes);
                }
            });
        }
        self.attach_reader(id, last, peer.as_ref())?;
        Ok(peer)
    }

    pub(super) fn attach_writer(
        self: &Arc<Self>,
        id: PipeId,
        outlet: Option<Outlet>,
        greets: bool,
    ) -> Result<(), Refused> {
        self.outbound.update(|half, wakes| {
            half.has_place(self.pattern.has_one_peer())?;
            let Some(outlet) = outlet else {
                return Ok(());
            };
            // Over tcp and ipc the session does, with each connection.
            let greets = greets && matches!(outlet, Outlet::Values(_));
            let writer = Writer::new(id, outlet);
            writer.set_owner(self.pipe_end(id), wakes);
            if greets {
                half.accepted += self.greet(&writer, wakes);
            }
            half.writers.attach(writer);
            Ok(())
        })
    }

    pub(super) fn attach_reader(
        self: &Arc<Self>,
        id: PipeId,
        inlet: Option<Inlet>,
        peer: Option<&PeerInfo>,
    ) -> Result<(), Refused> {
        let Some(inlet) = inlet else {
            return Ok(());
        };
        let own = self.next_pipe_id();
        self.inbound.update(|half, wakes| {
            if half.ended.is_some() {
                return Err(Refused::Closed);
            }
            let mut reader = Reader::new(inlet);
            reader.set_owner(self.pipe_end(id), wakes);
            let notice = peer.and_then(|peer| {
                reader.set_peer(peer.clone());
                self.first_notice()
            });
            let has_notice = notice.is_some();
            let late = notice.and_then(|notice| reader.put_first(notice));
            half.readers.attach(id, reader);
            if has_notice {
                half.readers.activate(id);
            }
            if let (Some(notice), Some(peer)) = (late, peer) {
                self.tell_apart(half, own, peer, vec![notice], wakes);
            }
            Ok(())
        })
    }

    /// This socket, as the owner of an end of a pipe.
    pub(super) fn pipe_end(self: &Arc<Self>, id: PipeId) -> Target {
        Target {
            owner: self.clone(),
            token: id,
        }
    }

    /// One direction of a pipe; what is queued in it counts against the context's budget.
    fn lane<B: Batch>(&self, limits: Limits) -> Arc<Lane<B>> {
        Arc::new(Lane::new(limits, self.context.budget().cloned()))
    }

    /// Makes the ends of a pipe to a session.
    pub(super) fn open_wire_pipe(self: &Arc<Self>, session: Target) -> Result<WireEnds, Refused> {
        let id = self.next_pipe_id();
        let options = self.options();
        let mut wakes = Wakes::new();
        let outbound = self.pattern.sends().then(|| {
            let lane = self.lane(Limits::sending(&options));
            lane.set_taker(session.clone(), &mut wakes);
            lane
        });
        let inbound = self.pattern.receives().then(|| {
            let lane = self.lane(Limits::receiving(&options));
            lane.set_writer(session, &mut wakes);
            lane
        });
        wakes.fire();
        self.attach(
            id,
            outbound.clone().map(Outlet::Wire),
            inbound.clone().map(Inlet::runs),
            None,
        )?;
        Ok(WireEnds {
            id,
            outbound,
            inbound,
        })
    }

    /// Makes the ends of a pipe to another socket of this process; they are in use here at once.
    pub(super) fn open_inproc(
        self: &Arc<Self>,
    ) -> Result<(PipeId, ValueEnds, Option<Writer>), Refused> {
        let id = self.next_pipe_id();
        self.reach.add_inproc();
        let options = self.options();
        // Until the other side is known, what may wait for it is this side's limit alone.
        let inbound = self
            .pattern
            .sends()
            .then(|| self.lane(Limits::sending(&options)));
        let outbound = self
            .pattern
            .receives()
            .then(|| self.lane(Limits::receiving(&options)));
        let ends = ValueEnds { inbound, outbound };
        let outlet = ends.inbound.clone().map(Outlet::Values);
        let inlet = ends.outbound.clone().map(Inlet::values);
        self.attach(id, outlet.clone(), inlet, None)?;
        self.probe(id);
        Ok((id, ends, outlet.map(|outlet| Writer::new(id, outlet))))
    }

    /// Over inproc nobody else sends the empty message by which a ROUTER gets to know its peer.
    pub(super) fn probe(&self, id: PipeId) {
        if self.options().probe_router {
            self.write_first(id, Message::new());
        }
    }

    pub(super) fn write_first(&self, id: PipeId, message: Message) {
        let mut message = Some(message);
        self.outbound.update(|half, wakes| {
            if let Some(writer) = half.writers.get(id) {
                let bytes = message.as_ref().map_or(0, Message::byte_len);
                half.accepted += Load { messages: 1, bytes };
                if let Err(Refusal::Full) = writer.write(&mut message, wakes) {
                    half.dropped.full += 1;
                }
            }
        });
    }

    /// Takes a pipe out of the outbound half, with all that was known of its peer there.
    pub(super) fn take_writer(&self, id: PipeId) -> Option<Writer> {
        // Who waits for this peer's room must not go on: over inproc, or where the writer ended it
        // himself, nobody else will say that it is gone.
        let peer = self.subscriber(id);
        let writer = self
            .outbound
            .update_for_all(|out, _| out.writers.detach(id));
        if let Some(peer) = peer {
            self.in_steps(|out, inb, _| publishing::forget_some(out, inb, id, &peer));
        }
        self.ledger.lock().on_end();
        if self.monitored.load(Ordering::Relaxed) {
            self.control.update(|control, _| control.full.remove(&id));
        }
        writer
    }

    /// Takes a pipe out of the outbound half; its other end learns that no more will come.
    pub(super) fn release_writer(&self, id: PipeId) {
        if let Some(writer) = self.take_writer(id) {
            let mut wakes = Wakes::new();
            writer.end(&mut wakes);
            wakes.fire();
        }
    }

    /// Takes a pipe out of the inbound half; what was not read from it is discarded.
    pub(super) fn release_reader(&self, id: PipeId) {
        let reader = self.inbound.update(|half, _| half.detach(id));
        if let Some(mut reader) = reader {
            let mut wakes = Wakes::new();
            reader.end(&mut wakes);
            wakes.fire();
        }
    }

    /// Takes a pipe out of both halves, with whatever is in it.
    pub(super) fn release_pipe(&self, id: PipeId) {
        self.release_writer(id);
        self.release_reader(id);
    }

    /// The same for one to a peer over inproc who will never have the other end: what is in it already
    /// is for nobody.
    pub(super) fn release_offered(&self, pipe: PipeId, ends: &ValueEnds, whom: &dyn fmt::Display) {
        self.release_pipe(pipe);
        if let Some(lane) = &ends.inbound {
            let mut wakes = Wakes::new();
            self.dropped(lane.end_taking(Load::NONE, &mut wakes), whom);
            wakes.fire();
        }
    }

    /// The pipe is of no use as it stands. Over tcp and ipc the connection is made again behind;
    /// over inproc whoever had connected does it here.
    pub(super) fn renew(&self, id: PipeId) {
        self.release_pipe(id);
        let Some(me) = self.me.upgrade() else {
            return;
        };
        let connected = self.control.peek(|control| control.wants(id));
        // A peer that had connected to us does the same at its side.
        self.part_inproc(id, GIVEN_UP, !connected);
        if connected {
            me.reconnect_inproc(id);
        }
    }

    /// What a peer sent cannot be: nothing more is sent to it or read of it. Whoever keeps the
    /// connection has been told.
    pub(super) fn part_with(&self, id: PipeId) {
        self.outbound.update(|half, wakes| {
            if let Writers::Balance(writers) = &mut half.writers
                && let Some(writer) = writers.detach(id)
            {
                writer.forsake(News::HangUp, wakes);
            }
        });
        self.renew(id);
    }

    /// Tells the inproc peer of a pipe that this side leaves, and forgets it. If only to begin
    /// `anew`, a peer that had connected connects again.
    pub(super) fn part_inproc(&self, id: PipeId, reason: &str, anew: bool) {
        let (peer, wanted) = self
            .control
            .update_for_all(|control, wakes| (control.part(id, reason, wakes), control.wants(id)));
        if let Some((peer, who)) = peer {
            self.on_left(id);
            if let Some(who) = who {
                let gone = match (wanted, anew) {
                    (true, _) => Gone::Connected,
                    (false, true) => Gone::Accepted,
                    (false, false) => Gone::Disconnected,
                };
                self.tell_gone(id, &who, gone);
            }
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
                port.values_parted(peer.pipe, anew);
            }
        }
    }

    /// Connects again to the name that an inproc pipe was for.
    pub(super) fn reconnect_inproc(self: &Arc<Self>, old: PipeId) {
        let Ok((pipe, ends, new_writer)) = self.open_inproc() else {
            return;
        };
        let name = self.control.update(|control, _| {
            let entry = control.endpoints.renew_pipe(old, pipe)?;
            let Way::InprocPipe {
                name,
                writer,
                given,
                ..
            } = &mut entry.way
            else {
                return None;
            };
            entry.status.state = EndpointState::Connecting;
            let forsaken = std::mem::replace(writer, new_writer);
            Some((name.clone(), given.clone(), forsaken))
        });
        let Some((name, given, forsaken)) = name else {
            return self.release_offered(pipe, &ends, &"an endpoint that was let go of");
        };
        if let Some(given) = given {
            self.name_pipe(pipe, &given);
        }
        // Nobody may have been there to take the old one: nobody must find it any more.
        if self.context.registry().withdraw(&name, self.id, old)
            && let Some(forsaken) = forsaken
        {
            let mut wakes = Wakes::new();
            self.dropped(
                forsaken.abandon(&mut wakes),
                &format_args!("inproc://{name}"),
            );
            wakes.fire();
        }
        let connecter = crate::inproc::Connecter {
            port: self.clone(),
            pipe,
            ends: ends.clone(),
        };
        if let Err(mismatch) = self.context.registry().connect(&name, connecter) {
            log::warn!("inproc://{name}: {mismatch}");
            self.unfit(&name, Some(pipe), &mismatch);
            self.release_offered(pipe, &ends, &format_args!("inproc://{name}"));
            if let Ok(endpoint) = format!("inproc://{name}").parse() {
                let event = MonitorEvent::GivenUp { endpoint };
                self.retire(&event, Key::Pipe(pipe), true);
            }
        }
    }

    /// Forgets the endpoint of an inproc pipe that came to nothing.
    pub(super) fn forget_inproc_pipe(&self, id: PipeId) {
        let forgotten = self
            .control
            .update(|control, _| control.endpoints.remove(Key::Pipe(id)));
        // What is in the pipe is freed outside the lock.
        drop(forgotten);
    }

    /// The one place of this socket is free, or a name of a peer is: whoever waits for it over
    /// inproc may have it.
    pub(super) fn offer_place(&self) {
        if !self.pattern.has_one_peer() && self.pattern.socket_type() != SocketType::Router {
            return;
        }
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

    /// A queue is full, or down to half: told as it is now.
    pub(super) fn on_full(&self, pipe: PipeId) {
        if !self.monitored.load(Ordering::Relaxed) {
            return;
        }
        self.control.update(|control, wakes| {
            let is_full = self.outbound.peek(|half| {
                // Where messages are dropped that is told instead.
                let drops = half.writers.stall(pipe).is_some_and(Stall::is_on);
                let writer = half.writers.get(pipe).filter(|_| !drops);
                writer.is_some_and(Writer::is_kept_waiting)
            });
            if is_full == control.full.contains(&pipe) {
                return;
            }
            let peer = control.peers.get(&pipe).cloned();
            let endpoint = control.endpoints.get(Key::Pipe(pipe));
            let endpoint = endpoint.map(|entry| entry.status.endpoint.clone());
            let event = if is_full {
                control.full.insert(pipe);
                MonitorEvent::SendQueueFull { endpoint, peer }
            } else {
                control.full.remove(&pipe);
                MonitorEvent::SendQueueRelieved { endpoint, peer }
            };
            control.tell(&event, None, wakes);
        });
    }

    pub(super) fn on_writable(&self, pipe: PipeId) {
        self.activate_writer(pipe);
        self.on_full(pipe);
    }

    fn activate_writer(&self, pipe: PipeId) {
        if !self.pattern.publishes() && self.pattern.socket_type() != SocketType::Router {
            return self.outbound.update(|half, _| {
                if let Writers::Balance(writers) = &mut half.writers {
                    writers.activate(pipe);
                }
            });
        }
        // Who waits for room waits for that of certain peers.
        let missed = self
            .outbound
            .update_for_all(|half, _| match &mut half.writers {
                Writers::Distributor(writers) => writers.activate(pipe),
                Writers::Table(writers) => writers.activate(pipe),
                _ => 0,
            });
        if missed > 0 {
            log::warn!("{self:?}: a peer has room again; it missed {missed} messages");
            self.on_stall(pipe);
        }
    }

    /// A peer has no room, or has some again: told as it is now, as others may have been faster.
    pub(super) fn on_stall(&self, pipe: PipeId) {
        self.control.update(|control, wakes| {
            let Some(peer) = control.peers.get(&pipe).cloned() else {
                return;
            };
            let news = self
                .outbound
                .update_within(wakes, |half, _| half.writers.take_stall_news(pipe));
            let Some(StallNews { begins, ends_after }) = news else {
                return;
            };
            if begins {
                let peer = peer.clone();
                control.tell(&MonitorEvent::DroppingStarted { peer }, None, wakes);
            }
            if let Some(messages) = ends_after {
                let event = MonitorEvent::DroppingEnded { peer, messages };
                control.tell(&event, None, wakes);
            }
        });
    }
}
