//! The security mechanism: which commands make up the handshake.

use super::error::Error;
use super::metadata::Metadata;
use super::null;
use crate::properties::Properties;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

/// A mechanism, in the state of one handshake.
///
/// PLAIN and CURVE will be variants of their own, each with its roles and states.
#[derive(Debug)]
pub(crate) enum Mechanism {
    Null(null::ExpectReady),
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
    /// Both sides have said all; what the peer said of itself.
    Done(Metadata),
}

impl Mechanism {
    /// The name in the greeting.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Null(_) => null::NAME,
        }
    }

    /// The peer's greeting is whole: say what is ours to say without waiting.
    pub(crate) fn handle_greeting(&mut self, local: &Local, out: &mut Vec<u8>) {
        match self {
            Self::Null(state) => state.handle_greeting(local, out),
        }
    }

    /// The body of a command frame.
    ///
    /// # Errors
    ///
    /// Whatever is not the command that is due.
    pub(crate) fn handle_command(self, body: &[u8]) -> Result<Step, Error> {
        match self {
            Self::Null(state) => state.handle_command(body).map(Step::Done),
        }
    }
}
