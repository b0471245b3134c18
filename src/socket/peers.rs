//! Who is at the other end of a pipe: peers come, have names, and go.

use std::sync::Arc;

use super::core::{Control, Core};
use super::halves::{Intake, Writers};
use super::monitoring::GIVEN_UP;
use super::topics::all_of;
use crate::command::{Refused, Welcome};
use crate::error::DisconnectPeerError;
use crate::io::{self, PARTED};
use crate::message::Message;
use crate::monitor::{Eviction, MonitorEvent};
use crate::peer_info::sealed::Name;
use crate::peer_info::{Hello, PeerInfo};
use crate::pipe::{Load, PipeId, Room, Writer};
use crate::routing::Registered;
use crate::routing_id::RoutingId;
use crate::signal::{News, Wakes};

impl Core {
    /// Gets to know who is at the other end of a pipe: by which id it is sent to, what it is told
    /// of our subscriptions, what it gets first.
    ///
    /// If it `greets`, what the application has every peer told goes first.
    pub(super) fn name(&self, id: PipeId, hello: &Hello, greets: bool) -> Result<Welcome, Refused> {
        let options = self.options();
        let known_as = |routing_id: Option<RoutingId>| {
            let hello = Hello {
                routing_id,
                ..hello.clone()
            };
            PeerInfo::new(id, hello)
        };
        let greeting = || options.hello_message.clone().filter(|_| greets);
        let named = self.outbound.update(|out, wakes| match &mut out.writers {
            Writers::Table(table) if !self.pattern.needs_connection() => {
                match table.register(id, hello.routing_id.as_ref(), options.handover) {
                    Registered::Taken(taken) => Err(Refused::IdTaken(taken)),
                    Registered::As {
                        id: routing_id,
                        renamed,
                        ousted,
                    } => {
                        if let Some(writer) = table.get(id) {
                            out.accepted += write_beyond(writer, greeting(), wakes);
                        }
                        Ok((known_as(Some(routing_id)), renamed, ousted))
                    }
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
                Ok((known_as(hello.routing_id.clone()), false, None))
            }
            Writers::Distributor(distributor) => {
                let peer = known_as(hello.routing_id.clone());
                distributor.on_joined(id, peer.clone());
                Ok((peer, false, None))
            }
            _ => Ok((known_as(hello.routing_id.clone()), false, None)),
        });
        let (peer, is_another, ousted) = named?;
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
            peer,
            notice: self.first_notice(),
            is_another,
        })
    }

    /// What goes before all else to a peer over inproc that is given messages as soon as its pipe is
    /// there; where they are sent by name, to one whose name is not known yet.
    pub(super) fn greet(&self, writer: &Writer, wakes: &mut Wakes) -> Load {
        write_beyond(writer, self.options().hello_message.clone(), wakes)
    }

    /// Gives the pipe of a peer that is to be known by this id its name.
    pub(super) fn name_pipe(&self, pipe: PipeId, id: &RoutingId) -> bool {
        self.outbound.update(|half, _| match &mut half.writers {
            Writers::Table(table) => table.name(pipe, id),
            _ => true,
        })
    }

    /// Ends the connection with one peer.
    pub(super) fn disconnect_peer(
        self: &Arc<Self>,
        name: Name<'_>,
    ) -> Result<(), DisconnectPeerError> {
        self.check_open()?;
        let (peer, inproc) = self.control.peek(|control| {
            let peer = match name {
                Name::Incarnation(id) => control.peers.get(&id.pipe()).filter(|it| it.id() == id),
                Name::Routing(id) => {
                    let mut all = control.peers.values();
                    all.find(|it| it.routing_id() == Some(id))
                }
            };
            let peer = peer.ok_or(DisconnectPeerError::Unknown)?.id();
            // One that this side has met, and is about to be paired with, counts.
            let pipe = peer.pipe();
            let inproc = control.inproc.contains_key(&pipe) || control.wants(pipe);
            Ok::<_, DisconnectPeerError>((peer, inproc))
        })?;
        if inproc {
            self.disconnect_inproc(peer.pipe());
            return Ok(());
        }
        let news = News::Part(peer.number());
        let asked = self.inbound.update(|half, wakes| {
            let reader = half.readers.get(peer.pipe());
            reader.map(|reader| reader.ask(news, wakes)).is_some()
        }) || self.outbound.update(|half, wakes| {
            let writer = half.writers.get(peer.pipe());
            writer.map(|writer| writer.ask(news, wakes)).is_some()
        });
        if !asked {
            // Its endpoint was let go of, and what is left of it is with an I/O thread.
            for io in self.context.running() {
                io.order(io::Order::PartLeft {
                    peer: peer.number(),
                });
            }
        }
        Ok(())
    }

    /// Over inproc there is no connection to end but the pipe; whoever had connected does so again.
    fn disconnect_inproc(self: &Arc<Self>, pipe: PipeId) {
        let connected = self.control.peek(|control| control.wants(pipe));
        self.release_writer(pipe);
        self.part_inproc(pipe, PARTED, !connected);
        if connected {
            self.reconnect_inproc(pipe);
        } else {
            // The other side, which had connected, may be about to close.
            self.offer_place();
        }
    }

    /// Ends the connection of a peer that this socket does not put up with any longer; over tcp and ipc
    /// what was queued for it goes with it.
    pub(super) fn evict(&self, pipe: PipeId, cause: Eviction) {
        let told = self.control.update(|control, wakes| {
            let peer = control.peers.get(&pipe).cloned()?;
            let is_inproc = control.inproc.contains_key(&pipe);
            control.evicted.insert(pipe).then(|| {
                let event = MonitorEvent::Evicted {
                    peer: peer.clone(),
                    cause,
                };
                control.tell(&event, None, wakes);
                (peer, is_inproc)
            })
        });
        let (Some((peer, is_inproc)), Some(me)) = (told, self.me.upgrade()) else {
            return;
        };
        log::warn!("{self:?}: {peer:?} is disconnected: {cause}");
        if is_inproc && cause == Eviction::SlowSubscriber {
            return me.disconnect_inproc(pipe);
        }
        if is_inproc {
            // It would want the same again, and there is nothing on the way that takes time.
            self.release_writer(pipe);
            return self.part_inproc(pipe, PARTED, false);
        }
        self.outbound.update(|half, wakes| {
            if let Some(writer) = half.writers.get(pipe) {
                writer.ask(News::HangUp, wakes);
            }
        });
    }

    /// Whether a peer is known by this id.
    pub(super) fn knows(&self, id: &RoutingId) -> bool {
        self.outbound.peek(|half| match &half.writers {
            Writers::Table(table) => table.knows(id),
            _ => false,
        })
    }

    /// A newcomer has taken a peer's id: the connection of the old one ends, what it brought stays
    /// readable.
    pub(super) fn oust(&self, writer: &Writer, newcomer: &Hello) {
        log::warn!(
            "{self:?}: {} takes over the routing id of another peer, whose connection ends",
            newcomer.address
        );
        // A session that found its pipe ended would take that for the end of the endpoint, which is to
        // be connected to again.
        let mut wakes = Wakes::new();
        writer.forsake(News::HangUp, &mut wakes);
        wakes.fire();
        self.part_inproc(writer.pipe(), GIVEN_UP, false);
    }

    /// A peer is not there any more: it does not count as a subscriber, and is told nothing.
    pub(super) fn on_left(&self, id: PipeId) {
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

    pub(super) fn remember_peer(control: &mut Control, id: PipeId, peer: PeerInfo) {
        control.peers.insert(id, peer);
    }
}

/// Queues a message of the socket's own, if there is one, whatever the limit; how much that was.
fn write_beyond(writer: &Writer, mut message: Option<Message>, wakes: &mut Wakes) -> Load {
    if message.is_none() {
        return Load::NONE;
    }
    let written = writer.write_into(Room::Beyond, &mut message, wakes);
    // Encoded, it was only looked at.
    wakes.drop_later(message);
    written.map_or(Load::NONE, |bytes| Load { messages: 1, bytes })
}
