//! What a socket knows of one of its peers.

use std::fmt;
use std::str;
use std::sync::Arc;

use crate::properties::Properties;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::sync::unique_number;

/// What a socket knows of one of its peers.
///
/// It describes one incarnation of a connection: a peer that comes back is another one, though it
/// may have the same routing id. Cheap to clone.
#[derive(Clone)]
pub struct PeerInfo(Arc<Known>);

struct Known {
    id: PeerId,
    hello: Hello,
}

/// Who a peer says it is.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) socket_type: SocketType,
    pub(crate) routing_id: Option<RoutingId>,
    /// What else it says of itself.
    pub(crate) properties: Properties,
    /// What those say of it who have let it in.
    pub(crate) user_id: Option<String>,
    pub(crate) user_properties: Properties,
    /// Where it is.
    pub(crate) address: String,
    /// Whose process it is, as far as the system says.
    pub(crate) credentials: Option<PeerCredentials>,
}

/// One incarnation of a connection with a peer: no other in this process ever has the same.
///
/// By [`PeerInfo::id`]; [`disconnect_peer`](crate::Push::disconnect_peer) takes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId {
    number: u64,
    /// Where its socket finds it.
    pipe: u64,
}

impl PeerId {
    pub(crate) fn number(self) -> u64 {
        self.number
    }

    pub(crate) fn pipe(self) -> u64 {
        self.pipe
    }
}

impl PeerInfo {
    /// Of the peer at the other end of a socket's pipe of this name.
    pub(crate) fn new(pipe: u64, hello: Hello) -> Self {
        let id = PeerId {
            number: unique_number(),
            pipe,
        };
        Self(Arc::new(Known { id, hello }))
    }

    /// What this incarnation is told apart by.
    pub fn id(&self) -> PeerId {
        self.0.id
    }

    /// Where it is, in words: the other end of the connection over tcp (and through which proxy, if
    /// there is one); over ipc the process that connected, or the endpoint that was connected to; the
    /// endpoint over inproc.
    pub fn address(&self) -> &str {
        &self.0.hello.address
    }

    /// Whose process it is: over ipc, on Linux and Android. `None` elsewhere, and for a process that is
    /// not to be seen from this one's PID namespace.
    pub fn credentials(&self) -> Option<PeerCredentials> {
        self.0.hello.credentials
    }

    /// The id by which it is known here: at a ROUTER always, elsewhere if it announced one.
    pub fn routing_id(&self) -> Option<&RoutingId> {
        self.0.hello.routing_id.as_ref()
    }

    /// What it said it is.
    pub fn socket_type(&self) -> SocketType {
        self.0.hello.socket_type
    }

    /// The user that it is, if who let it in has said so: an [`Authenticator`](crate::Authenticator),
    /// or a ZAP handler. Never what a peer says of itself. libzmq's `User-Id`.
    pub fn user_id(&self) -> Option<&str> {
        self.0.hello.user_id.as_deref()
    }

    /// What was said under this name (whatever its case) of the user that it is, by who let it in.
    pub fn user_property(&self, name: &str) -> Option<&[u8]> {
        self.0.hello.user_properties.get(name)
    }

    /// All that was said of the user in this way; a name that is not text is left out.
    pub fn user_properties(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let all = self.0.hello.user_properties.iter();
        all.filter_map(|(name, value)| Some((str::from_utf8(name).ok()?, value)))
    }

    /// What it said of itself under this name (whatever its case), by
    /// [`metadata`](crate::Builder::metadata) or in another implementation's way.
    ///
    /// Its own words, which nobody has checked. What was said of its [user](Self::user_property) under
    /// the same name is the only one, and `User-Id` is nobody's to say of himself.
    pub fn property(&self, name: &str) -> Option<&[u8]> {
        self.0.hello.properties.get(name)
    }

    /// All that it said of itself in this way, in its order; a name that is not text is left out. Not
    /// more than the 64 KiB that a handshake may have.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let all = self.0.hello.properties.iter();
        all.filter_map(|(name, value)| Some((str::from_utf8(name).ok()?, value)))
    }
}

impl fmt::Debug for PeerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.socket_type(), self.address())?;
        if let Some(user) = self.user_id() {
            write!(f, " as {user:?}")?;
        }
        match self.routing_id() {
            Some(id) => write!(f, " ({id:?})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({})", self.number)
    }
}

/// What names a peer in [`disconnect_peer`](crate::Push::disconnect_peer): its [`PeerId`], what is
/// known of it ([`PeerInfo`]), or the [`RoutingId`] that it has there.
///
/// Sealed: implemented for these only.
pub trait PeerName: sealed::Names {}

impl<T: sealed::Names> PeerName for T {}

pub(crate) mod sealed {
    use super::{PeerId, PeerInfo, RoutingId};

    /// Which of the names it is.
    #[derive(Clone, Copy, Debug)]
    pub enum Name<'a> {
        Incarnation(PeerId),
        Routing(&'a RoutingId),
    }

    #[expect(unnameable_types, reason = "this is what seals the trait")]
    pub trait Names {
        #[doc(hidden)]
        fn name(&self) -> Name<'_>;
    }

    impl Names for PeerId {
        fn name(&self) -> Name<'_> {
            Name::Incarnation(*self)
        }
    }

    impl Names for PeerInfo {
        fn name(&self) -> Name<'_> {
            Name::Incarnation(self.id())
        }
    }

    impl Names for RoutingId {
        fn name(&self) -> Name<'_> {
            Name::Routing(self)
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
