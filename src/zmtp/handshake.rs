//! From the first octet to the peer's last handshake command, one struct per thing waited for.
//!
//! ```text
//! ExpectGreeting --greeting--> ExpectCommand --command--> PeerHello
//!                                   ^   |
//!                                   +---+  the mechanism wants another
//! ```

use super::command;
use super::error::Error;
use super::greeting::{self, Version};
use super::mechanism::{Local, Mechanism, Step};
use super::metadata::Metadata;
use crate::properties::Properties;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

/// What is known of a peer after the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerHello {
    pub(crate) socket_type: SocketType,
    pub(crate) version: Version,
    pub(crate) routing_id: Option<RoutingId>,
    pub(crate) properties: Properties,
}

/// Our greeting is in the output; the peer's is due.
#[derive(Debug)]
pub(crate) struct ExpectGreeting {
    local: Local,
    mechanism: Mechanism,
}

impl ExpectGreeting {
    pub(crate) fn new(local: Local, mechanism: Mechanism, out: &mut Vec<u8>) -> Self {
        let id_len = local.routing_id.as_ref().map_or(0, |id| id.len());
        out.extend_from_slice(&greeting::encode(mechanism.name(), id_len));
        Self { local, mechanism }
    }

    /// Judges what is there of the peer's greeting; its version once it is whole.
    ///
    /// # Errors
    ///
    /// As [`greeting::parse`].
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Option<Version>, Error> {
        greeting::parse(bytes, self.mechanism.name())
    }

    /// The peer's greeting was whole.
    pub(crate) fn handle_greeting(mut self, version: Version, out: &mut Vec<u8>) -> ExpectCommand {
        self.mechanism.handle_greeting(&self.local, out);
        ExpectCommand {
            local: self.local,
            version,
            mechanism: self.mechanism,
        }
    }
}

/// Both greetings are through; a command of the mechanism is due.
#[derive(Debug)]
pub(crate) struct ExpectCommand {
    local: Local,
    version: Version,
    mechanism: Mechanism,
}

/// What came of a handshake command.
#[derive(Debug)]
pub(crate) enum Outcome {
    Again(ExpectCommand),
    Done(PeerHello),
}

impl ExpectCommand {
    /// The body of a command frame.
    ///
    /// # Errors
    ///
    /// As the mechanism; and a peer of a type that ours does not talk to, which is told so by an
    /// ERROR in the output.
    pub(crate) fn handle_command(self, body: &[u8], out: &mut Vec<u8>) -> Result<Outcome, Error> {
        let Self {
            local,
            version,
            mechanism,
        } = self;
        match mechanism.handle_command(body)? {
            Step::Again(mechanism) => Ok(Outcome::Again(Self {
                local,
                version,
                mechanism,
            })),
            Step::Done(Metadata {
                socket_type,
                routing_id,
                properties,
            }) => {
                // RFC 37: answer with ERROR, then close.
                if !local.socket_type.compatible(socket_type) {
                    let reason = b"incompatible socket type";
                    command::put("ERROR", &[&[reason.len() as u8], reason], out);
                    let ours = local.socket_type;
                    return Err(Error::IncompatibleSocketType {
                        ours,
                        theirs: socket_type,
                    });
                }
                Ok(Outcome::Done(PeerHello {
                    socket_type,
                    version,
                    routing_id,
                    properties,
                }))
            }
        }
    }
}
