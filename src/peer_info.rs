//! What a socket knows of one of its peers.

use std::fmt;
use std::sync::Arc;

use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

/// What a socket knows of one of its peers.
///
/// It describes one incarnation of a connection: a peer that comes back is another one, though it
/// may have the same routing id. Cheap to clone.
#[derive(Clone)]
pub struct PeerInfo(Arc<Known>);

struct Known {
    address: String,
    credentials: Option<PeerCredentials>,
    routing_id: Option<RoutingId>,
    socket_type: SocketType,
}

impl PeerInfo {
    pub(crate) fn new(
        address: String,
        credentials: Option<PeerCredentials>,
        routing_id: Option<RoutingId>,
        socket_type: SocketType,
    ) -> Self {
        Self(Arc::new(Known {
            address,
            credentials,
            routing_id,
            socket_type,
        }))
    }

    /// Where it is, in words: the other end of the connection over tcp (and through which proxy, if
    /// there is one); over ipc the process that connected, or the endpoint that was connected to; the
    /// endpoint over inproc.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// Whose process it is: over ipc, on Linux and Android. `None` elsewhere.
    pub fn credentials(&self) -> Option<PeerCredentials> {
        self.0.credentials
    }

    /// The id by which it is known here: at a ROUTER always, elsewhere if it announced one.
    pub fn routing_id(&self) -> Option<&RoutingId> {
        self.0.routing_id.as_ref()
    }

    /// What it said it is.
    pub fn socket_type(&self) -> SocketType {
        self.0.socket_type
    }
}

impl fmt::Debug for PeerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.socket_type(), self.address())?;
        match self.routing_id() {
            Some(id) => write!(f, " ({id:?})"),
            None => Ok(()),
        }
    }
}

/// Whose process is at the other end of an ipc connection, as the kernel says (`SO_PEERCRED`): at the
/// time when it connected, or, for one that was connected to, began to listen.
///
/// libzmq appends the same to the `Peer-Address` of a message, as `:uid:gid:pid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PeerCredentials {
    /// The process. It may be gone, and its number another's.
    pub pid: u32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

impl fmt::Display for PeerCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} of user {}", self.pid, self.uid)
    }
}
