//! What happens to a socket's endpoints, connections and peers.

use std::fmt;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::handshake_fault::HandshakeFault;
use crate::peer_info::PeerInfo;

/// Something that happened to an endpoint, a connection or a peer of a socket.
///
/// Told in the order in which it happened, each once. Whatever begins with
/// [`Connected`](Self::Connected) or [`Accepted`](Self::Accepted) ends: with
/// [`HandshakeFailed`](Self::HandshakeFailed), or with
/// [`HandshakeSucceeded`](Self::HandshakeSucceeded) and then [`Disconnected`](Self::Disconnected).
///
/// Over inproc there are no connections, only peers: these three are told of them, too.
/// Made to be logged as it is; no event has a payload in it, or a secret.
///
/// # libzmq's events
///
/// | libzmq's | here |
/// |---|---|
/// | `CONNECTED` | [`Connected`](Self::Connected) |
/// | `CONNECT_DELAYED` | [`Connecting`](Self::Connecting), with the address that is tried |
/// | `CONNECT_RETRIED` | [`RetryScheduled`](Self::RetryScheduled), with the wait and the number of attempts; before it what went wrong: [`ResolveFailed`](Self::ResolveFailed), [`ConnectFailed`](Self::ConnectFailed), [`HandshakeFailed`](Self::HandshakeFailed) or [`Disconnected`](Self::Disconnected) |
/// | `LISTENING` | [`Listening`](Self::Listening) |
/// | `BIND_FAILED` | [`BindFailed`](Self::BindFailed) |
/// | `ACCEPTED` | [`Accepted`](Self::Accepted) |
/// | `ACCEPT_FAILED` | [`AcceptFailed`](Self::AcceptFailed) |
/// | `CLOSED` | [`Closed`](Self::Closed) |
/// | `CLOSE_FAILED` | none: what can fail is to remove the file of an ipc endpoint, which is logged |
/// | `DISCONNECTED` | [`Disconnected`](Self::Disconnected), with the peer and the reason |
/// | `MONITOR_STOPPED` | none: a [`Monitor`](crate::Monitor) says `Closed` when there is nothing more to come |
/// | `HANDSHAKE_SUCCEEDED` | [`HandshakeSucceeded`](Self::HandshakeSucceeded), with the peer |
/// | `HANDSHAKE_FAILED_NO_DETAIL` | [`HandshakeFailed`](Self::HandshakeFailed): [`Timeout`](HandshakeFailure::Timeout), [`Lost`](HandshakeFailure::Lost), [`Stopped`](HandshakeFailure::Stopped) |
/// | `HANDSHAKE_FAILED_PROTOCOL` | the same: [`Protocol`](HandshakeFailure::Protocol), with the [`HandshakeFault`] |
/// | `HANDSHAKE_FAILED_AUTH` | the same: [`NotAuthenticated`](HandshakeFailure::NotAuthenticated), with the status code; of both sides, where the peer is told |
/// | `PIPES_STATS` | none: `stats()` of the socket counts all the time |
///
/// And those that libzmq does not have: [`ResolveFailed`](Self::ResolveFailed) and
/// [`ConnectFailed`](Self::ConnectFailed), [`GivenUp`](Self::GivenUp),
/// [`Refused`](HandshakeFailure::Refused) handshakes, [`Dropped`](Self::Dropped),
/// [`DroppingStarted`](Self::DroppingStarted) and [`DroppingEnded`](Self::DroppingEnded), queues that
/// are [full](Self::SendQueueFull) and relieved, [`Evicted`](Self::Evicted), and all that happens over
/// inproc.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MonitorEvent {
    /// A `bind` succeeded: peers are accepted here.
    Listening {
        /// Where, as `bind` returned it.
        endpoint: Endpoint,
    },
    /// A `bind` failed; its caller was told, too.
    BindFailed {
        /// Where.
        endpoint: Endpoint,
        /// What was wrong.
        reason: String,
    },
    /// A connection came in; its handshake follows.
    Accepted {
        /// The endpoint that was bound.
        endpoint: Endpoint,
        /// Where it came from.
        address: String,
    },
    /// A connection was not taken in: the process is out of descriptors, too many handshakes are
    /// under way, a filter or a cap of the socket keeps it out, or it has the one peer that it can
    /// have.
    AcceptFailed {
        /// The endpoint that was bound.
        endpoint: Endpoint,
        /// Why.
        reason: String,
    },
    /// The name of the endpoint did not resolve.
    ResolveFailed {
        /// What is connected to.
        endpoint: Endpoint,
        /// What was wrong.
        reason: String,
    },
    /// An attempt to connect to an address has begun.
    Connecting {
        /// What is connected to.
        endpoint: Endpoint,
        /// The address that is tried.
        address: String,
    },
    /// An attempt to connect to an address has failed. If there are more, the next is tried.
    ConnectFailed {
        /// What is connected to.
        endpoint: Endpoint,
        /// The address that was tried.
        address: String,
        /// What was wrong.
        reason: String,
    },
    /// There will be another attempt to connect.
    RetryScheduled {
        /// What is connected to.
        endpoint: Endpoint,
        /// When: so long from now.
        wait: Duration,
        /// How many attempts have been made in vain since the last handshake that succeeded.
        attempts: u32,
    },
    /// There will be no other attempt to connect.
    GivenUp {
        /// What was connected to.
        endpoint: Endpoint,
    },
    /// A connection stands; its handshake follows.
    Connected {
        /// What was connected to.
        endpoint: Endpoint,
        /// The address that answered.
        address: String,
    },
    /// A peer is there: messages can be exchanged.
    HandshakeSucceeded {
        /// The endpoint that was bound or connected to.
        endpoint: Endpoint,
        /// Who it is.
        peer: PeerInfo,
    },
    /// A connection ended before its handshake was complete; over inproc, who connected and who is
    /// bound did not come together.
    HandshakeFailed {
        /// The endpoint that was bound or connected to.
        endpoint: Endpoint,
        /// Who was at the other end.
        address: String,
        /// Why, as far as it can be told apart.
        failure: HandshakeFailure,
        /// What was wrong, if it is something of which more is to be said.
        fault: Option<HandshakeFault>,
        /// Why, in words.
        reason: String,
    },
    /// A peer is there no more.
    Disconnected {
        /// The endpoint that was bound or connected to.
        endpoint: Endpoint,
        /// Who it was.
        peer: PeerInfo,
        /// Why, in words.
        reason: String,
    },
    /// Messages that were queued for a peer were dropped with it.
    Dropped {
        /// Whom they were for.
        whom: String,
        /// How many.
        messages: u64,
        /// Bytes of their frames.
        bytes: u64,
    },
    /// A peer of a publisher or of a ROUTER is at its high-water mark: messages for it are dropped
    /// from now on.
    DroppingStarted {
        /// Which.
        peer: PeerInfo,
    },
    /// It has room again. (Not told of one that has left.)
    DroppingEnded {
        /// Which.
        peer: PeerInfo,
        /// How many messages it has missed.
        messages: u64,
    },
    /// A queue of what is to be sent has reached its high-water mark, or its limit in bytes, or the
    /// budget of the context is used up: a `send` finds no room there. (Where messages are dropped then,
    /// [`DroppingStarted`](Self::DroppingStarted) is told instead.)
    ///
    /// This and the three that follow are told of each time, which may be often: once in half a queue.
    SendQueueFull {
        /// The endpoint that is connected to, if it is one.
        endpoint: Option<Endpoint>,
        /// Whom it is for; `None` if nobody is there, and the queue waits for who comes.
        peer: Option<PeerInfo>,
    },
    /// It is down to half, or has room again for another reason. (Not told of one that has left.)
    SendQueueRelieved {
        /// The endpoint that is connected to, if it is one.
        endpoint: Option<Endpoint>,
        /// Whom it is for, if anybody is there.
        peer: Option<PeerInfo>,
    },
    /// A queue of what a peer has sent has reached its high-water mark, or its limit in bytes, or the
    /// budget of the context is used up: the peer is not read any further. tcp and ipc only: over inproc
    /// the queue is its sender's.
    RecvQueueFull {
        /// The endpoint that was bound or connected to.
        endpoint: Endpoint,
        /// Whose.
        peer: PeerInfo,
    },
    /// It is read again. (Not told of one that has left.)
    RecvQueueRelieved {
        /// The endpoint that was bound or connected to.
        endpoint: Endpoint,
        /// Whose.
        peer: PeerInfo,
    },
    /// The socket does not put up with a peer any longer, and ends its connection:
    /// [`Disconnected`](Self::Disconnected) follows. The peer may come back. (Over inproc one that wanted
    /// too many subscriptions is not connected again by itself.)
    Evicted {
        /// Which.
        peer: PeerInfo,
        /// What it has done.
        cause: Eviction,
    },
    /// An endpoint was given up, by `unbind`, `disconnect` or `close`: after what was connected has
    /// ended, but before the connections that were accepted do.
    Closed {
        /// Which.
        endpoint: Endpoint,
    },
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeFailure {
    /// It was not complete in time.
    Timeout,
    /// The peer left, or the connection broke.
    Lost,
    /// The peer broke the protocol, or is one that this socket does not talk to.
    Protocol,
    /// Who decides about it has not let the peer in; or the peer has not let this socket in, and said
    /// so.
    NotAuthenticated {
        /// ZAP's: 300 for now, 400 not at all, 500 if it could not be found out. A peer is not told of
        /// the first: it is [`Lost`](Self::Lost) there.
        status: u16,
    },
    /// This socket did not want it: somebody else has its routing id, or the one place; or more
    /// handshakes were under way than may be, and most were those of its address.
    Refused,
    /// This socket let go of the endpoint meanwhile.
    Stopped,
}

/// Why a socket ends the connection with a peer of its own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Eviction {
    /// It was too slow for a publisher whose
    /// [`slow_subscriber`](crate::Builder::slow_subscriber) says that this is what happens.
    SlowSubscriber,
    /// It wanted more than [`max_subscriptions`](crate::Builder::max_subscriptions) or
    /// [`max_subscription_bytes`](crate::Builder::max_subscription_bytes).
    Subscriptions,
    /// Together with others of its address it wanted more than
    /// [`max_subscriptions_per_address`](crate::Builder::max_subscriptions_per_address).
    SubscriptionsOfAddress,
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SlowSubscriber => "it is at its high-water mark",
            Self::Subscriptions => "it wants more subscriptions than one peer may have",
            Self::SubscriptionsOfAddress => {
                "its address wants more subscriptions than one address may have"
            }
        })
    }
}

impl MonitorEvent {
    /// The endpoint that it happened at.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Listening { endpoint }
            | Self::BindFailed { endpoint, .. }
            | Self::Accepted { endpoint, .. }
            | Self::AcceptFailed { endpoint, .. }
            | Self::ResolveFailed { endpoint, .. }
            | Self::Connecting { endpoint, .. }
            | Self::ConnectFailed { endpoint, .. }
            | Self::RetryScheduled { endpoint, .. }
            | Self::GivenUp { endpoint }
            | Self::Connected { endpoint, .. }
            | Self::HandshakeSucceeded { endpoint, .. }
            | Self::HandshakeFailed { endpoint, .. }
            | Self::Disconnected { endpoint, .. }
            | Self::RecvQueueFull { endpoint, .. }
            | Self::RecvQueueRelieved { endpoint, .. }
            | Self::Closed { endpoint } => Some(endpoint),
            Self::SendQueueFull { endpoint, .. } | Self::SendQueueRelieved { endpoint, .. } => {
                endpoint.as_ref()
            }
            Self::Dropped { .. }
            | Self::DroppingStarted { .. }
            | Self::DroppingEnded { .. }
            | Self::Evicted { .. } => None,
        }
    }

    /// The peer that it is about, where one was known.
    pub fn peer(&self) -> Option<&PeerInfo> {
        match self {
            Self::HandshakeSucceeded { peer, .. }
            | Self::Disconnected { peer, .. }
            | Self::DroppingStarted { peer }
            | Self::RecvQueueFull { peer, .. }
            | Self::RecvQueueRelieved { peer, .. }
            | Self::Evicted { peer, .. }
            | Self::DroppingEnded { peer, .. } => Some(peer),
            Self::SendQueueFull { peer, .. } | Self::SendQueueRelieved { peer, .. } => {
                peer.as_ref()
            }
            _ => None,
        }
    }

    /// Why it happened, in words.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::BindFailed { reason, .. }
            | Self::AcceptFailed { reason, .. }
            | Self::ResolveFailed { reason, .. }
            | Self::ConnectFailed { reason, .. }
            | Self::HandshakeFailed { reason, .. }
            | Self::Disconnected { reason, .. } => Some(reason),
            _ => None,
        }
    }
}
