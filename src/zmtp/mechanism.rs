//! The security mechanism: which commands make up the handshake, and who is let in.
//!
//! ```text
//!            asks                                    speaks first
//! NULL       before our READY                        both
//! PLAIN      server, between HELLO and WELCOME       client
//! CURVE      server, between INITIATE and READY      client
//! ```
//!
//! A mechanism that has what the peer shows of itself, and has checked all that it can by itself, may
//! have to ask whether that is enough: the handshake rests until it is told.

#[cfg(feature = "curve")]
use std::sync::Arc;
use std::time::Duration;

use super::command;
#[cfg(feature = "curve")]
use super::curve;
use super::error::Error;
use super::metadata::{self, Metadata};
use super::null;
use super::plain;
use super::traffic::Traffic;
#[cfg(feature = "curve")]
use crate::curve::{KeyPair, PublicKey};
use crate::properties::Properties;
use crate::routing_id::RoutingId;
use crate::secret::Secret;
use crate::socket_type::SocketType;

/// Which mechanism a connection speaks, in which role, and with what; no other is ever accepted.
#[derive(Clone, Debug)]
pub(crate) enum Security {
    /// Nobody shows anything. `asks`: whether the peer is let in is asked all the same.
    Null { asks: bool },
    /// We show a user name and a password, of at most 255 bytes each.
    PlainClient { user: Box<[u8]>, password: Secret },
    /// The peer shows them; whether they are right is always asked.
    PlainServer,
    /// We know who the server is, and show it who we are.
    #[cfg(feature = "curve")]
    CurveClient {
        keys: Arc<KeyPair>,
        server: PublicKey,
    },
    /// The client knows us and shows who it is. `asks`: whether that one is let in is asked.
    #[cfg(feature = "curve")]
    CurveServer { keys: Arc<KeyPair>, asks: bool },
}

/// What a peer shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    Null,
    Plain {
        user: Box<[u8]>,
        password: Secret,
    },
    /// The key by which it is known; that it has the secret one is proven.
    #[cfg(feature = "curve")]
    Curve {
        public_key: [u8; 32],
    },
}

/// Whether a peer is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is; who it is, and what else is known of it.
    Accept {
        user_id: Option<String>,
        properties: Properties,
    },
    /// It is not, and is told so, with a status code of three digits.
    Refuse { status: &'static str },
    /// Not now: it is told nothing, and may come back.
    RefuseForNow,
}

/// What was said of a peer that was let in, by those that have the say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vouched {
    pub(crate) user_id: Option<String>,
    pub(crate) properties: Properties,
}

/// A mechanism, in the state of one handshake: what it waits for.
#[derive(Debug)]
pub(crate) enum Mechanism {
    Null(null::Null),
    PlainClient(plain::Client),
    PlainServer(plain::Server),
    #[cfg(feature = "curve")]
    CurveClient(Box<curve::Client>),
    #[cfg(feature = "curve")]
    CurveServer(Box<curve::Server>),
}

/// What a mechanism introduces us with.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) socket_type: SocketType,
    pub(crate) routing_id: Option<RoutingId>,
    pub(crate) properties: Properties,
}

/// What came of a command.
#[derive(Debug)]
pub(crate) enum Step {
    /// The mechanism waits for another command.
    Again(Mechanism),
    /// It waits to be told whether the peer is let in.
    Authenticate {
        credentials: Credentials,
        state: Mechanism,
    },
    /// Both sides have said all.
    Done(Agreed),
}

/// What came of the handshake.
#[derive(Debug)]
pub(crate) struct Agreed {
    /// What the peer said of itself.
    pub(crate) metadata: Metadata,
    /// What frames travel in from now on, if not as they are.
    pub(crate) traffic: Option<Box<Traffic>>,
}

impl Agreed {
    /// Frames travel as they are.
    pub(crate) fn plain(metadata: Metadata) -> Self {
        Self {
            metadata,
            traffic: None,
        }
    }

    #[cfg(feature = "curve")]
    pub(crate) fn sealed(metadata: Metadata, traffic: Traffic) -> Self {
        Self {
            metadata,
            traffic: Some(Box::new(traffic)),
        }
    }
}

impl Security {
    /// Whether what a peer says in a handshake costs this side much more than its bytes.
    pub(crate) fn is_costly(&self) -> bool {
        match self {
            Self::Null { .. } | Self::PlainClient { .. } | Self::PlainServer => false,
            #[cfg(feature = "curve")]
            Self::CurveClient { .. } | Self::CurveServer { .. } => true,
        }
    }
}

impl Mechanism {
    pub(crate) fn new(security: Security) -> Self {
        match security {
            Security::Null { asks } => Self::Null(null::Null::new(asks)),
            Security::PlainClient { user, password } => {
                Self::PlainClient(plain::Client::new(user, password))
            }
            Security::PlainServer => Self::PlainServer(plain::Server::ExpectHello),
            #[cfg(feature = "curve")]
            Security::CurveClient { keys, server } => {
                Self::CurveClient(Box::new(curve::Client::new(keys, server)))
            }
            #[cfg(feature = "curve")]
            Security::CurveServer { keys, asks } => {
                Self::CurveServer(Box::new(curve::Server::new(keys, asks)))
            }
        }
    }

    /// The name in the greeting.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Null(_) => null::NAME,
            Self::PlainClient(_) | Self::PlainServer(_) => plain::NAME,
            #[cfg(feature = "curve")]
            Self::CurveClient(_) | Self::CurveServer(_) => curve::NAME,
        }
    }

    /// The peer's greeting is whole: say what is ours to say without waiting.
    ///
    /// # Errors
    ///
    /// Nothing that the peer did, but what the system would not give us.
    pub(crate) fn handle_greeting(self, local: &Local, out: &mut Vec<u8>) -> Result<Step, Error> {
        Ok(match self {
            Self::Null(state) => state.handle_greeting(local, out),
            Self::PlainClient(state) => Step::Again(Self::PlainClient(state.handle_greeting(out))),
            Self::PlainServer(_) => Step::Again(self),
            #[cfg(feature = "curve")]
            Self::CurveClient(state) => {
                Step::Again(Self::CurveClient(Box::new(state.handle_greeting(out)?)))
            }
            #[cfg(feature = "curve")]
            Self::CurveServer(_) => Step::Again(self),
        })
    }

    /// The body of a command frame.
    ///
    /// # Errors
    ///
    /// Whatever is not the command that is due; and a peer of a type that ours does not talk to, which
    /// is told so by an ERROR in the output.
    pub(crate) fn handle_command(
        self,
        body: &[u8],
        local: &Local,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        match self {
            Self::Null(state) => state.handle_command(body, local, out),
            Self::PlainClient(state) => state.handle_command(body, local, out),
            Self::PlainServer(state) => state.handle_command(body, local, out),
            #[cfg(feature = "curve")]
            Self::CurveClient(state) => state.handle_command(body, local, out),
            #[cfg(feature = "curve")]
            Self::CurveServer(state) => state.handle_command(body, local, out),
        }
    }

    /// The peer whose credentials were given is let in.
    pub(crate) fn handle_accept(self, local: &Local, out: &mut Vec<u8>) -> Step {
        match self {
            Self::Null(state) => state.handle_accept(local, out),
            Self::PlainServer(state) => state.handle_accept(out),
            #[cfg(feature = "curve")]
            Self::CurveServer(state) => state.handle_accept(local, out),
            // A client asks nobody.
            #[cfg(feature = "curve")]
            Self::CurveClient(_) => Step::Again(self),
            Self::PlainClient(_) => Step::Again(self),
        }
    }

    /// How long the handshake may take at most, whatever is set.
    pub(crate) fn longest(&self) -> Option<Duration> {
        match self {
            #[cfg(feature = "curve")]
            Self::CurveServer(_) => Some(curve::COOKIE_TIME),
            _ => None,
        }
    }

    /// Whether the peer may go on before it is answered.
    pub(crate) fn is_symmetric(&self) -> bool {
        matches!(self, Self::Null(_))
    }
}

impl Local {
    /// Appends what we say of ourselves.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        metadata::encode(
            self.socket_type,
            self.routing_id.as_ref(),
            &self.properties,
            out,
        );
    }

    /// Puts a command that introduces us into the output.
    pub(crate) fn put(&self, name: &str, out: &mut Vec<u8>) {
        let mut properties = Vec::new();
        self.encode(&mut properties);
        command::put(name, &[&properties], out);
    }

    /// Takes what the peer says of itself.
    ///
    /// # Errors
    ///
    /// As [`Metadata::parse`]; and a type that ours does not talk to, which the peer is told.
    pub(crate) fn take(&self, properties: &[u8], out: &mut Vec<u8>) -> Result<Metadata, Error> {
        let metadata = Metadata::parse(properties)?;
        let (ours, theirs) = (self.socket_type, metadata.socket_type);
        if !ours.compatible(theirs) {
            // RFC 37: answer with ERROR, then close.
            put_error("incompatible socket type", out);
            return Err(Error::IncompatibleSocketType { ours, theirs });
        }
        Ok(metadata)
    }
}

/// Appends an ERROR command.
pub(crate) fn put_error(reason: &str, out: &mut Vec<u8>) {
    debug_assert!(reason.len() <= 255);
    command::put("ERROR", &[&[reason.len() as u8], reason.as_bytes()], out);
}
