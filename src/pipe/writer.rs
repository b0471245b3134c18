//! The end of a pipe that a socket's outbound half writes to.

use std::sync::{Arc, Weak};

use super::changes::Change;
use super::lane::{End, Lane, Refusal, Room};
use super::values::Values;
use super::{Limits, Load, PipeId, Tally};
use crate::message::Message;
use crate::signal::{News, Post, Target, Wakes};
use crate::zmtp::{Wire, encode};

/// The lane behind a writer: to a session, or straight to another socket.
#[derive(Clone, Debug)]
pub(crate) enum Outlet {
    Wire(Arc<Lane<Wire>>),
    Values(Arc<Lane<Values>>),
}

macro_rules! on_lane {
    ($outlet:expr, $lane:ident => $call:expr) => {
        match $outlet {
            Outlet::Wire($lane) => $call,
            Outlet::Values($lane) => $call,
        }
    };
}

impl Outlet {
    pub(crate) fn tally(&self) -> Tally {
        on_lane!(self, lane => lane.written())
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Wire(one), Self::Wire(other)) => Arc::ptr_eq(one, other),
            (Self::Values(one), Self::Values(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        on_lane!(self, lane => lane.is_over())
    }

    /// Queues a message if there is nothing to it but that ([`Lane::append_directly`]); `false`: it is
    /// to be written as any other. What is left in `message` is for the caller to drop.
    #[inline]
    pub(crate) fn write_directly(&self, message: &mut Message) -> bool {
        let bytes = message.byte_len();
        match self {
            Self::Wire(lane) => lane.append_directly(bytes, |wire| encode(message, wire)),
            Self::Values(lane) => lane.append_directly(bytes, |values| values.push(message)),
        }
    }

    /// The same for the owner of the writing end ([`Lane::append_plainly`]).
    #[inline]
    pub(crate) fn write_plainly(&self, message: &mut Message) -> bool {
        let bytes = message.byte_len();
        match self {
            Self::Wire(lane) => lane.append_plainly(bytes, |wire| encode(message, wire)),
            Self::Values(lane) => lane.append_plainly(bytes, |values| values.push(message)),
        }
    }

    pub(crate) fn set_direct(&self, direct: bool) {
        on_lane!(self, lane => lane.set_direct(direct));
    }

    /// Which lane it is, and the bytes in memory for it.
    pub(crate) fn held(&self) -> (usize, usize) {
        on_lane!(self, lane => (Arc::as_ptr(lane).addr(), lane.held()))
    }

    /// Says how much the writer lets wait.
    pub(crate) fn grant(&self, limits: Limits, wakes: &mut Wakes) {
        on_lane!(self, lane => lane.grant(End::Writer, limits, wakes));
    }

    /// Has the taker say at once what it has worked off.
    pub(crate) fn hurry(&self, wakes: &mut Wakes) {
        on_lane!(self, lane => lane.ask_taker(News::Hurry, wakes));
    }

    /// How much of what was written up to `position` is still queued; once nothing is, `waiter` is
    /// told.
    pub(crate) fn mark(
        &self,
        position: Load,
        waiter: &Weak<dyn Post>,
        token: PipeId,
        wakes: &mut Wakes,
    ) -> Load {
        on_lane!(self, lane => lane.mark(position, waiter, token, wakes))
    }
}

/// Writes whole messages into a pipe.
#[derive(Debug)]
pub(crate) struct Writer {
    pipe: PipeId,
    outlet: Outlet,
}

/// A message that goes to several peers: encoded once, for the first who needs it so.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    wire: Wire,
}

impl Copies {
    /// Forgets the message, for the next one.
    pub(crate) fn clear(&mut self) {
        self.wire.clear();
        self.wire.shrink(KEPT);
    }
}

/// Memory of the encoded form that is kept for the next message.
const KEPT: usize = 64 << 10;

impl Writer {
    pub(crate) fn new(pipe: PipeId, outlet: Outlet) -> Self {
        Self { pipe, outlet }
    }

    pub(crate) fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    /// The pipe that this is an end of.
    pub(crate) fn pipe(&self) -> PipeId {
        self.pipe
    }

    /// Queues the message and gives its bytes, or says why not.
    ///
    /// What was encoded or packed stays behind in `message` for the caller to drop: freeing it may run
    /// foreign code, for which no lock may be held.
    #[inline]
    pub(crate) fn write(
        &self,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Result<usize, Refusal> {
        self.write_into(Room::Free, message, wakes)
    }

    /// The same, into the room that is said.
    #[inline]
    pub(crate) fn write_into(
        &self,
        room: Room,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Result<usize, Refusal> {
        let Some(whole) = message.as_ref() else {
            return Ok(0);
        };
        let bytes = whole.byte_len();
        match &self.outlet {
            Outlet::Wire(lane) => lane
                .admit(room, wakes)?
                .append(bytes, wakes, |wire| encode(whole, wire)),
            Outlet::Values(lane) => lane.admit(room, wakes)?.append(bytes, wakes, |values| {
                if let Some(message) = message.as_mut() {
                    values.push(message);
                }
            }),
        };
        Ok(bytes)
    }

    /// Queues one more copy of a message that goes to several peers; gives how many others were dropped
    /// for it.
    pub(crate) fn write_copy(
        &self,
        room: Room,
        message: &Message,
        bytes: usize,
        copies: &mut Copies,
        wakes: &mut Wakes,
    ) -> Result<usize, Refusal> {
        let displaced = match &self.outlet {
            Outlet::Wire(lane) => {
                let admitted = lane.admit(room, wakes)?;
                if copies.wire.is_empty() {
                    encode(message, &mut copies.wire);
                }
                admitted.append_copy(bytes, wakes, |wire| wire.append_copy(&copies.wire))
            }
            Outlet::Values(lane) => lane
                .admit(room, wakes)?
                .append(bytes, wakes, |values| values.push_copy(message)),
        };
        Ok(displaced)
    }

    /// What [`write`](Self::write) would say; if that there is no room, the owner will be told when
    /// there is some. If there is, how much: until it is used up or the limits change there is no need
    /// to look again.
    pub(crate) fn room(&self, wakes: &mut Wakes) -> Result<Load, Refusal> {
        on_lane!(&self.outlet, lane => lane.room(wakes))
    }

    /// Keeps room for one message, which is then written into [`Room::Reserved`].
    pub(crate) fn reserve(&self, wakes: &mut Wakes) -> Result<(), Refusal> {
        on_lane!(&self.outlet, lane => lane.reserve(wakes))
    }

    /// Gives that room up.
    pub(crate) fn release(&self, wakes: &mut Wakes) {
        on_lane!(&self.outlet, lane => lane.release(wakes));
    }

    /// Tells the peer of a change to the subscriptions.
    pub(crate) fn tell(&self, change: Change, wakes: &mut Wakes) {
        on_lane!(&self.outlet, lane => lane.tell(change, wakes));
    }

    /// Tells a peer that is new all there is.
    pub(crate) fn tell_all(&self, changes: Vec<Change>, wakes: &mut Wakes) {
        on_lane!(&self.outlet, lane => lane.tell_all(changes, wakes));
    }

    /// The peer is gone: the next will be told all.
    pub(crate) fn tell_nobody(&self) {
        on_lane!(&self.outlet, lane => lane.tell_nobody());
    }

    /// Has the owner of this end told of something, once no lock is held.
    pub(crate) fn tell_owner(&self, news: News, wakes: &mut Wakes) {
        on_lane!(&self.outlet, lane => lane.ask_writer(news, wakes));
    }

    /// Gives the pipe up for a new one in its place: whoever keeps the connection is asked for that;
    /// over inproc the peer learns that nothing more will come.
    pub(crate) fn forsake(&self, news: News, wakes: &mut Wakes) {
        match &self.outlet {
            Outlet::Wire(lane) => lane.ask_taker(news, wakes),
            Outlet::Values(lane) => lane.end_writing(wakes),
        }
    }

    /// Asks whoever keeps the connection for something; nobody does over inproc.
    pub(crate) fn ask(&self, news: News, wakes: &mut Wakes) {
        match &self.outlet {
            Outlet::Wire(lane) => lane.ask_taker(news, wakes),
            Outlet::Values(_) => {}
        }
    }

    pub(crate) fn end(&self, wakes: &mut Wakes) {
        on_lane!(&self.outlet, lane => lane.end_writing(wakes));
    }

    /// Says that nobody will ever take what is queued, where nobody has the other end; how much
    /// that is.
    pub(crate) fn abandon(&self, wakes: &mut Wakes) -> Load {
        on_lane!(&self.outlet, lane => lane.end_taking(Load::NONE, wakes))
    }

    /// Leaves the pipe as if it had never been this socket's.
    pub(crate) fn disown(&self) {
        on_lane!(&self.outlet, lane => lane.disown());
    }

    pub(crate) fn set_owner(&self, owner: Target, wakes: &mut Wakes) {
        on_lane!(&self.outlet, lane => lane.set_writer(owner, wakes));
    }

    /// Whether it was full, and has not been down to half since.
    pub(crate) fn is_kept_waiting(&self) -> bool {
        on_lane!(&self.outlet, lane => lane.keeps_writer_waiting())
    }

    pub(crate) fn queued(&self) -> Load {
        on_lane!(&self.outlet, lane => lane.queued())
    }
}
