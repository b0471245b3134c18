//! What crosses the border besides messages, and the trait through which a socket is told.
//!
//! `io` and `inproc` see a socket only as a [`Port`]; the socket sees an I/O thread only as the
//! [`Target`] that its pipes post to and the orders of `io`.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::admission::{NotAdmitted, Remote, Seat};
use crate::auth::{Decided, Reply, Subject};
use crate::endpoint::Endpoint;
use crate::error::Unsent;
use crate::message::Message;
use crate::monitor::MonitorEvent;
use crate::options::Options;
use crate::peer_info::{Hello, PeerInfo};
use crate::pipe::{Lane, Load, PipeId, Runs, Values};
use crate::routing_id::RoutingId;
use crate::signal::{Post, Target};
use crate::socket_type::SocketType;
pub(crate) use crate::sync::unique_number;
use crate::zmtp::{self, Wire};

/// The number of a socket within the process.
pub(crate) type SocketId = u64;

/// The number of a listener, a connecting endpoint or an accepted connection within the process.
///
/// Never used again, so that a late event can't be taken for somebody else's.
pub(crate) type Token = u64;

/// The far ends of a pipe whose near ends are in a socket: what a session writes from and to.
#[derive(Clone, Debug)]
pub(crate) struct WireEnds {
    pub(crate) id: PipeId,
    /// Messages to the peer; `None` if the pattern does not send.
    pub(crate) outbound: Option<Arc<Lane<Wire>>>,
    /// Messages from the peer; `None` if the pattern does not receive.
    pub(crate) inbound: Option<Arc<Lane<Runs>>>,
}

/// The ends of an inproc pipe that belong to the bound socket.
#[derive(Clone, Debug)]
pub(crate) struct ValueEnds {
    /// From the connecting socket.
    pub(crate) inbound: Option<Arc<Lane<Values>>>,
    /// To the connecting socket.
    pub(crate) outbound: Option<Arc<Lane<Values>>>,
}

/// The other socket of an inproc pipe, and the pipe's name there.
#[derive(Clone)]
pub(crate) struct InprocPeer {
    // Weak: two sockets must not keep each other alive.
    pub(crate) port: Weak<dyn Port>,
    pub(crate) pipe: PipeId,
}

/// The listener or the connecting endpoint that a connection belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) token: Token,
    pub(crate) endpoint: &'a Endpoint,
}

/// What a socket says to a peer that has come.
#[derive(Debug)]
pub(crate) struct Welcome {
    /// Goes in front of everything that is received from this peer.
    pub(crate) peer: PeerInfo,
    /// Comes next, before anything of the peer's own.
    pub(crate) notice: Option<Message>,
    /// What is queued is not for this peer, but for one that was here before it.
    pub(crate) is_another: bool,
}

/// Who has left a listener or a connecting endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left<'a> {
    pub(crate) peer: &'a PeerInfo,
    pub(crate) token: Token,
    /// Whether it had connected here.
    pub(crate) accepted: bool,
}

/// Why a socket does not take one more peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the socket is closed")]
    Closed,
    #[error("a PAIR has one peer, and there is one already")]
    HasItsPeer,
    #[error("another peer has the routing id {0:?}")]
    IdTaken(RoutingId),
    #[error("{0}")]
    NotAdmitted(#[from] NotAdmitted),
}

/// How a socket is reached by those below it.
///
/// Called with no lock held, from any thread; never blocks for longer than a short critical section.
pub(crate) trait Port: Post {
    fn id(&self) -> SocketId;

    fn socket_type(&self) -> SocketType;

    /// As they are now: who keeps them keeps these, whatever is changed.
    fn options(&self) -> Arc<Options>;

    /// Whether one more connection is taken, which has its seat then. Asked before the handshake, so
    /// that one who is not wanted sends nothing that would be lost, and is told nothing.
    fn admit(&self, remote: &Remote) -> Result<Seat, Refused>;

    /// The mechanism of a new connection of an endpoint that was made on these terms.
    fn security(&self, terms: &Options) -> zmtp::Security;

    /// Whether a peer is let in that has presented its credentials, where the endpoint was made on these
    /// terms: said at once, or by the reply later, from whatever thread.
    fn authenticate(&self, terms: &Options, subject: Subject, reply: Reply) -> Decided;

    /// Makes a pipe to a tcp or ipc peer; `session` is told when it has something to do.
    fn open_wire(self: Arc<Self>, session: Target) -> Result<WireEnds, Refused>;

    /// Makes a pipe in the place of one that is of no use any more.
    fn renew_wire(self: Arc<Self>, old: PipeId, session: Target) -> Result<WireEnds, Refused>;

    /// Whether pipes are made at `connect` and outlive their connections.
    fn keeps_pipes(&self) -> bool;

    /// Who this socket is to its inproc peers.
    fn hello(&self, address: String) -> Hello;

    /// A connecting inproc socket gets to know who is bound, before anything of it can be read.
    fn meet(&self, id: PipeId, hello: Hello) -> Result<(), Refused>;

    /// Takes the bound side's ends of an inproc pipe; gives the pipe's name here.
    fn open_values(
        self: Arc<Self>,
        ends: ValueEnds,
        peer: InprocPeer,
        hello: Hello,
    ) -> Result<PipeId, Refused>;

    /// The inproc peer of a pipe is known now; `false` if the pipe was given up meanwhile.
    fn values_paired(&self, id: PipeId, peer: InprocPeer) -> bool;

    /// Who is bound has not taken this pipe of one who [met](Self::meet) it; perhaps later.
    fn unmeet(&self, id: PipeId);

    /// Whether a pipe has an inproc peer, as far as is known here.
    fn is_paired(&self, id: PipeId) -> bool;

    /// Whether a pipe that waits for its inproc peer is still wanted.
    fn wants_values(&self, id: PipeId) -> bool;

    /// The inproc peer of a pipe has left; if only to begin `anew`, the pipe is to be made again.
    fn values_parted(&self, id: PipeId, anew: bool);

    /// A socket that connected to an inproc name cannot talk to the one that is bound to it. Said to
    /// both; only the first has a pipe.
    fn unfit(&self, name: &str, pipe: Option<PipeId>, reason: &dyn fmt::Display);

    /// The same of one that was not wanted, and waits on.
    fn refused(&self, name: &str, pipe: Option<PipeId>, reason: &Refused);

    /// A peer completed its handshake. Said before anything of it can be read.
    fn peer_joined(&self, id: PipeId, hello: Hello, place: &Place<'_>) -> Result<Welcome, Refused>;

    /// A peer that had joined is gone. Said when the credit of all that was written to it whole has
    /// been returned: what is still queued in the pipe did not reach it.
    /// The event is for those who watch the listener or the connecting endpoint that it left.
    fn peer_left(&self, id: PipeId, left: Left<'_>, event: MonitorEvent);

    /// Messages queued for a peer that is gone for good were dropped.
    fn dropped(&self, load: Load, peer: &dyn fmt::Display);

    /// One I/O thread has nothing of this socket any more; this is what it could not send.
    fn links_closed(&self, unsent: Unsent);

    /// Whether anybody wants to hear what need not be told.
    fn is_monitored(&self) -> bool;

    /// Something has happened at a listener or a connecting endpoint.
    fn report(&self, token: Token, event: MonitorEvent);

    /// The time for which this socket, which is being closed, was to linger is over.
    fn linger_is_over(&self);

    /// An endpoint has ended by itself (a connect that is not to be retried). Whether it is one of the
    /// socket's yet: only if it `stays` to be seen, and not if the socket has let go of it meanwhile,
    /// and an order that says so is on its way.
    fn endpoint_ended(&self, token: Token, event: MonitorEvent, stays: bool) -> bool;
}
