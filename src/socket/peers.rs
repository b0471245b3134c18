//! Peers come and go: pipes are made, named, told of, and taken out again.

use std::fmt;
use std::sync::Arc;

use super::core::{Control, Core, Entry, Phase, Way};
use super::halves::{Ended, Inbound, Intake, Outbound, Writers};
use super::ledger::Lanes;
use super::publishing::{self, Digest};
use crate::command::{
    Hello, InprocPeer, Port, Refused, SocketId, Token, ValueEnds, Welcome, WireEnds,
};
use crate::endpoint::Endpoint;
use crate::error::Unsent;
use crate::io;
use crate::message::Message;
use crate::options::Options;
use crate::peer_info::PeerInfo;
use crate::pipe::{Change, Inlet, Lane, Limits, Load, Outlet, PipeId, Reader, Refusal, Writer};
use crate::routing::{Interests, Registered};
use crate::routing_id::RoutingId;
use crate::signal::{News, Post, Target, Wakes};
use crate::socket_type::SocketType;
use crate::sync::Ordering;

impl Core {
    // ---- pipes

    fn next_pipe_id(&self) -> PipeId {
        self.next_pipe.fetch_add(1, Ordering::Relaxed)
    }

    /// Puts both ends of a pipe into the halves: the outbound one first, so that whoever reads a
    /// message from the peer can already answer; but at a REQ, which looks for the reply as soon as
    /// it has asked, the inbound one. A pipe whose peer is known is named in between.
    fn attach(
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
        self.ledger.lock().open(id, lanes);
        let (first, last) = if self.pattern.socket_type() == SocketType::Req {
            (inlet, None)
        } else {
            (None, inlet)
        };
        let attached = self
            .attach_reader(id, first, None)
            .and_then(|()| self.attach_writer(id, outlet))
            .and_then(|()| hello.map(|hello| self.name(id, hello)).transpose());
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
            self.control.update_for_all(|control, _| {
                if control.inproc.contains_key(&id) {
                    Self::remember_peer(control, id, peer.clone());
                }
            });
        }
        self.attach_reader(id, last, peer.as_ref())?;
        Ok(peer)
    }

    fn attach_writer(self: &Arc<Self>, id: PipeId, outlet: Option<Outlet>) -> Result<(), Refused> {
        self.outbound.update(|half, wakes| {
            half.has_place(self.pattern.has_one_peer())?;
            let Some(outlet) = outlet else {
                return Ok(());
            };
            let writer = Writer::new(id, outlet);
            writer.set_owner(self.pipe_end(id), wakes);
            half.writers.attach(writer);
            Ok(())
        })
    }

    fn attach_reader(
        self: &Arc<Self>,
        id: PipeId,
        inlet: Option<Inlet>,
        peer: Option<&PeerInfo>,
    ) -> Result<(), Refused> {
        let Some(inlet) = inlet else {
            return Ok(());
        };
        self.inbound.update(|half, wakes| {
            if half.ended.is_some() {
                return Err(Refused::Closed);
            }
            let mut reader = Reader::new(inlet);
            if let Some(peer) = peer {
                reader.set_peer(peer.clone());
            }
            reader.set_owner(self.pipe_end(id), wakes);
            half.readers.attach(id, reader);
            Ok(())
        })
    }

    /// This socket, as the owner of an end of a pipe.
    fn pipe_end(self: &Arc<Self>, id: PipeId) -> Target {
        Target {
            owner: self.clone(),
            token: id,
        }
    }

    /// Makes the ends of a pipe to a session.
    fn open_wire_pipe(self: &Arc<Self>, session: Target) -> Result<WireEnds, Refused> {
        let id = self.next_pipe_id();
        let mut wakes = Wakes::new();
        let outbound = self.pattern.sends().then(|| {
            let lane = Arc::new(Lane::new(Limits::sending(&self.options)));
            lane.set_taker(session.clone(), &mut wakes);
            lane
        });
        let inbound = self.pattern.receives().then(|| {
            let lane = Arc::new(Lane::new(Limits::receiving(&self.options)));
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
        // Until the other side is known, what may wait for it is this side's limit alone.
        let inbound = self
            .pattern
            .sends()
            .then(|| Arc::new(Lane::new(Limits::sending(&self.options))));
        let outbound = self
            .pattern
            .receives()
            .then(|| Arc::new(Lane::new(Limits::receiving(&self.options))));
        let ends = ValueEnds { inbound, outbound };
        let outlet = ends.inbound.clone().map(Outlet::Values);
        let inlet = ends.outbound.clone().map(Inlet::values);
        self.attach(id, outlet.clone(), inlet, None)?;
        self.probe(id);
        Ok((id, ends, outlet.map(|outlet| Writer::new(id, outlet))))
    }

    /// Over inproc nobody else sends the empty message by which a ROUTER gets to know its peer.
    fn probe(&self, id: PipeId) {
        if self.options.probe_router {
            self.write_first(id, Message::new());
        }
    }

    fn write_first(&self, id: PipeId, message: Message) {
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

    /// Gives the pipe of a peer that is to be known by this id its name.
    pub(super) fn name_pipe(&self, pipe: PipeId, id: &RoutingId) -> bool {
        self.outbound.update(|half, _| match &mut half.writers {
            Writers::Table(table) => table.name(pipe, id),
            _ => true,
        })
    }

    /// Whether a peer is known by this id.
    pub(super) fn knows(&self, id: &RoutingId) -> bool {
        self.outbound.peek(|half| match &half.writers {
            Writers::Table(table) => table.knows(id),
            _ => false,
        })
    }

    /// Takes a pipe out of the outbound half; its other end learns that no more will come.
    pub(super) fn release_writer(&self, id: PipeId) {
        if let Some(writer) = self.take_writer(id) {
            let mut wakes = Wakes::new();
            writer.end(&mut wakes);
            wakes.fire();
        }
    }

    /// Who is at the other end of a publisher's pipe, or was last.
    fn subscriber(&self, id: PipeId) -> Option<PeerInfo> {
        if !self.pattern.publishes() {
            return None;
        }
        self.outbound.peek(|out| match &out.writers {
            Writers::Distributor(distributor) => distributor.info(id).cloned(),
            _ => None,
        })
    }

    /// Takes a pipe out of the outbound half, with all that was known of its peer there.
    fn take_writer(&self, id: PipeId) -> Option<Writer> {
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
        writer
    }

    /// Takes a pipe out of both halves, with whatever is in it.
    pub(super) fn release_pipe(&self, id: PipeId) {
        self.release_writer(id);
        self.release_reader(id);
    }

    /// Takes a pipe out of the inbound half; what was not read from it is discarded.
    fn release_reader(&self, id: PipeId) {
        let reader = self.inbound.update(|half, _| half.detach(id));
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

    /// Tells the inproc peer of a pipe that this side leaves, and forgets it. If only to begin
    /// `anew`, a peer that had connected connects again.
    pub(super) fn part_inproc(&self, id: PipeId, anew: bool) {
        let peer = self.control.update_for_all(|control, _| {
            control.peers.remove(&id);
            control.inproc.remove(&id)
        });
        if let Some(peer) = peer {
            self.on_left(id);
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

    /// The one place of this socket is free, or a name of a peer is: whoever waits for it over
    /// inproc may have it.
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

    // ---- peers

    /// Gets to know who is at the other end of a pipe: by which id it is sent to, what it is told
    /// of our subscriptions, what it gets first.
    fn name(&self, id: PipeId, hello: &Hello) -> Result<Welcome, Refused> {
        let options = &self.options;
        let known_as = |routing_id: Option<RoutingId>| {
            PeerInfo::new(hello.address.clone(), routing_id, hello.socket_type)
        };
        let named = self.outbound.update(|out, wakes| match &mut out.writers {
            Writers::Table(table) if !self.pattern.needs_connection() => {
                match table.register(id, hello.routing_id.as_ref(), options.handover) {
                    Registered::Taken(taken) => Err(Refused::IdTaken(taken)),
                    Registered::As {
                        id: routing_id,
                        renamed,
                        ousted,
                    } => Ok((Some(routing_id), renamed, ousted)),
                }
            }
            Writers::Upstream(upstream) => {
                self.inbound.update_within(wakes, |inb, wakes| {
                    if let (Some(writer), Intake::Filter(wanted) | Intake::Told(wanted)) =
                        (upstream.get(id), &inb.intake)
                    {
                        writer.tell_all(all_of(wanted), wakes);
                    }
                });
                Ok((hello.routing_id.clone(), false, None))
            }
            Writers::Distributor(distributor) => {
                distributor.on_joined(id, known_as(hello.routing_id.clone()));
                Ok((hello.routing_id.clone(), false, None))
            }
            _ => Ok((hello.routing_id.clone(), false, None)),
        });
        let (routing_id, is_another, ousted) = named?;
        if ousted.is_some() || is_another {
            // Who waits for room at a peer by its name has another to look at, or none.
            self.outbound.update_for_all(|_, _| {});
        }
        if let Some(ousted) = ousted {
            self.oust(&ousted, hello);
        }
        if let Some(welcome) = &options.welcome_message {
            self.write_first(id, welcome.clone());
        }
        self.count_subscribers();
        Ok(Welcome {
            peer: known_as(routing_id),
            is_another,
        })
    }

    /// A newcomer has taken a peer's id: the connection of the old one ends, what it brought stays
    /// readable.
    fn oust(&self, writer: &Writer, newcomer: &Hello) {
        log::warn!(
            "{self:?}: {} takes over the routing id of another peer, whose connection ends",
            newcomer.address
        );
        // A session that found its pipe ended would take that for the end of the endpoint, which is to
        // be connected to again.
        let mut wakes = Wakes::new();
        writer.forsake(News::HangUp, &mut wakes);
        wakes.fire();
        self.part_inproc(writer.pipe(), false);
    }

    /// A peer is not there any more: it does not count as a subscriber, and is told nothing.
    fn on_left(&self, id: PipeId) {
        if self.pattern.publishes() {
            self.outbound.update(|out, _| {
                if let Writers::Distributor(distributor) = &mut out.writers {
                    distributor.on_left(id);
                }
            });
            self.count_subscribers();
        }
        if self.pattern.subscribes() {
            self.outbound.peek(|out| {
                if let Some(writer) = out.writers.get(id) {
                    writer.tell_nobody();
                }
            });
        }
    }

    /// Tells whoever waits for subscribers how many there are.
    fn count_subscribers(&self) {
        if !self.pattern.publishes() {
            return;
        }
        self.control.update_for_all(|control, _| {
            control.subscribers = self.outbound.peek(|out| match &out.writers {
                Writers::Distributor(distributor) => distributor.subscribers(),
                _ => 0,
            });
        });
    }

    // ---- subscriptions

    /// Adds to what a subscriber wants, or takes from it; tells its publishers if that matters.
    pub(super) fn subscribe(&self, topic: &[u8], subscribe: bool) -> Result<(), Ended> {
        self.outbound.update(|out, wakes| {
            if let Some(ended) = out.ended {
                return Err(ended);
            }
            let Writers::Upstream(upstream) = &out.writers else {
                return Ok(());
            };
            self.inbound.update_within(wakes, |inb, wakes| {
                let (Intake::Filter(wanted) | Intake::Told(wanted)) = &mut inb.intake else {
                    return;
                };
                let (first, tell) = if subscribe {
                    // Every one is told: an XPUB may want to know how often.
                    (wanted.add(topic), true)
                } else {
                    let gone = wanted.remove(topic);
                    (
                        false,
                        gone == Some(true) || gone.is_some() && self.options.verbose_unsubscribe,
                    )
                };
                if tell {
                    let change = Change {
                        topic: topic.into(),
                        subscribe,
                        first,
                    };
                    upstream.tell(&change, wakes);
                }
            });
            Ok(())
        })
    }

    /// What an XPUB's application decides that a subscriber gets; `false` if that is gone.
    pub(super) fn accept(&self, pipe: PipeId, topics: &[&[u8]], subscribe: bool) -> bool {
        let there = self.outbound.update(|out, _| {
            let Writers::Distributor(distributor) = &mut out.writers else {
                return false;
            };
            for topic in topics {
                let there = if subscribe {
                    let there = matches!(distributor.subscribe(pipe, topic), Ok(Some(_)));
                    if there && self.options.manual_last_value {
                        distributor.next_only_to(pipe);
                    }
                    there
                } else {
                    distributor.unsubscribe(pipe, topic).is_some()
                };
                if !there {
                    return false;
                }
            }
            distributor.get(pipe).is_some()
        });
        self.count_subscribers();
        there
    }

    /// Takes in what a subscriber has said.
    pub(super) fn digest(&self, pipe: PipeId) {
        self.in_steps(|out, inb, wakes| publishing::digest(out, inb, pipe, wakes));
    }

    /// What may be long work is done in steps, that let others at the halves in between.
    fn in_steps(&self, step: impl Fn(&mut Outbound, &mut Inbound, &mut Wakes) -> Digest) {
        loop {
            let digest = self.outbound.update(|out, wakes| {
                self.inbound
                    .update_within(wakes, |inb, wakes| step(out, inb, wakes))
            });
            if digest == Digest::Done {
                break;
            }
        }
        self.count_subscribers();
    }

    // ---- over inproc, a pipe made again

    /// The pipe is of no use as it stands. Over tcp and ipc the connection is made again behind;
    /// over inproc whoever had connected does it here.
    fn renew(&self, id: PipeId) {
        self.release_pipe(id);
        let Some(me) = self.me.upgrade() else {
            return;
        };
        let connected = self.control.peek(|control| control.wants(id));
        // A peer that had connected to us does the same at its side.
        self.part_inproc(id, !connected);
        if connected {
            me.reconnect_inproc(id);
        }
    }

    /// What a peer sent cannot be: nothing more is sent to it or read of it. Whoever keeps the
    /// connection has been told.
    fn part_with(&self, id: PipeId) {
        self.outbound.update(|half, wakes| {
            if let Writers::Balance(writers) = &mut half.writers
                && let Some(writer) = writers.detach(id)
            {
                writer.forsake(News::HangUp, wakes);
            }
        });
        self.renew(id);
    }

    /// Connects again to the name that an inproc pipe was for.
    fn reconnect_inproc(self: &Arc<Self>, old: PipeId) {
        let Ok((pipe, ends, new_writer)) = self.open_inproc() else {
            return;
        };
        let name = self.control.update(|control, _| {
            let entry = control
                .endpoints
                .iter_mut()
                .find(|entry| matches!(&entry.way, Way::InprocPipe { pipe, .. } if *pipe == old))?;
            let Way::InprocPipe {
                name,
                pipe: known,
                writer,
                given,
            } = &mut entry.way
            else {
                return None;
            };
            *known = pipe;
            let forsaken = std::mem::replace(writer, new_writer);
            Some((name.clone(), given.clone(), forsaken))
        });
        let Some((name, given, forsaken)) = name else {
            return self.release_pipe(pipe);
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
            ends,
        };
        if let Err(mismatch) = self.context.registry().connect(&name, connecter) {
            log::warn!("inproc://{name}: {mismatch}");
            self.release_pipe(pipe);
            self.forget_inproc_pipe(pipe);
        }
    }
}

/// Everything that a subscriber wants, for a publisher that knows nothing of it yet.
fn all_of(wanted: &Interests) -> Vec<Change> {
    let mut changes = Vec::with_capacity(wanted.len());
    wanted.for_each(|topic| {
        changes.push(Change {
            topic: topic.into(),
            subscribe: true,
            first: true,
        });
    });
    changes
}

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
            News::Closed => {
                drop(self.take_writer(pipe));
                self.outbound.update_for_all(|_, _| {});
                if self.pattern.has_one_peer() || self.pattern.socket_type() == SocketType::Router {
                    self.offer_place();
                }
            }
            News::Renew => self.renew(pipe),
            News::HangUp => self.part_with(pipe),
        }
    }
}

impl Core {
    fn on_writable(&self, pipe: PipeId) {
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
                _ => 0,
            });
        if missed > 0 {
            log::warn!("{self:?}: a subscriber has room again; it missed {missed} messages");
        }
    }

    fn forget_peer(&self, id: PipeId) {
        self.control.update_for_all(|control, _| {
            control.peers.remove(&id);
        });
        self.on_left(id);
    }

    fn remember_peer(control: &mut Control, id: PipeId, peer: PeerInfo) {
        control.peers.insert(id, peer);
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
        let given = self.control.peek(|control| {
            control.endpoints.iter().find_map(|entry| match &entry.way {
                Way::Connecter { token, given, .. } if *token == session.token => given.clone(),
                _ => None,
            })
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
            control
                .endpoints
                .iter_mut()
                .find_map(|entry| match &mut entry.way {
                    Way::Connecter { pipe, given, .. } if *pipe == Some(old) => {
                        *pipe = Some(ends.id);
                        given.clone()
                    }
                    _ => None,
                })
        });
        if let Some(name) = given {
            self.name_pipe(ends.id, &name);
        }
        Ok(ends)
    }

    fn keeps_pipes(&self) -> bool {
        !self.options.immediate && !self.pattern.needs_connection()
    }

    fn hello(&self, address: String) -> Hello {
        Hello {
            socket_type: self.pattern.socket_type(),
            routing_id: self
                .options
                .routing_id
                .clone()
                .filter(|_| self.pattern.announces_itself()),
            address,
        }
    }

    fn meet(&self, id: PipeId, hello: Hello) -> Result<(), Refused> {
        let welcome = self.name(id, &hello)?;
        self.inbound.update(|half, _| {
            if let Some(reader) = half.readers.get_mut(id) {
                reader.set_peer(welcome.peer.clone());
            }
        });
        self.control.update(|control, _| {
            Self::remember_peer(control, id, welcome.peer);
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
        // Known before anything can be made of the pipe, so that a peer that leaves at once is missed.
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
        self.control.update_for_all(|control, _| {
            // One that closes takes its leave at once: what it left in the pipe is the peer's now.
            let wanted = control.phase == Phase::Open && control.wants(id);
            if wanted {
                control.inproc.insert(id, peer);
            } else {
                control.peers.remove(&id);
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

    fn values_parted(&self, id: PipeId, anew: bool) {
        let (was_paired, wanted) = self.control.update_for_all(|control, _| {
            control.peers.remove(&id);
            (control.inproc.remove(&id).is_some(), control.wants(id))
        });
        self.on_left(id);
        if !was_paired {
            return;
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

    fn peer_joined(&self, id: PipeId, hello: Hello) -> Result<Welcome, Refused> {
        if let Some(before) = self.subscriber(id) {
            // One that comes back says anew what it wants, which may be less, or is another.
            self.in_steps(|out, inb, _| publishing::forget_some(out, inb, id, &before));
        }
        let welcome = self.name(id, &hello)?;
        self.control.update_for_all(|control, _| {
            Self::remember_peer(control, id, welcome.peer.clone());
        });
        Ok(welcome)
    }

    fn peer_left(&self, id: PipeId) {
        self.forget_peer(id);
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

// ---- endpoints, as they are remembered

impl Core {
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
}
