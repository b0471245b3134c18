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
    routing_id: Option<RoutingId>,
    socket_type: SocketType,
}

impl PeerInfo {
    pub(crate) fn new(
        address: String,
        routing_id: Option<RoutingId>,
        socket_type: SocketType,
    ) -> Self {
        Self(Arc::new(Known {
            address,
            routing_id,
            socket_type,
        }))
    }

    /// Where it is: the other end of the connection over tcp, the endpoint over ipc and inproc.
    pub fn address(&self) -> &str {
        &self.0.address
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
