//! From the first octet to the peer's last handshake command, one struct per thing waited for.
//!
//! ```text
//! ExpectGreeting --greeting--> ExpectCommand --command--> PeerHello
//!                      |            ^   |                    ^
//!                      |            +---+                    |
//!                      |            |   | credentials        |
//!                      |            |   v                    |
//!                      +----> ExpectVerdict -----------------+
//! ```

use std::time::Duration;

use super::error::Error;
use super::greeting::{self, Version};
use super::mechanism::{Agreed, Credentials, Local, Mechanism, Step, Verdict, Vouched, put_error};
use super::metadata::Metadata;
use super::traffic::Traffic;
use crate::properties::Properties;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

/// What is known of a peer after the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerHello {
    pub(crate) socket_type: SocketType,
    pub(crate) version: Version,
    pub(crate) routing_id: Option<RoutingId>,
    /// What it says of itself.
    pub(crate) properties: Properties,
    /// What those say of it who have let it in: of a name that is here, nothing is in `properties`.
    pub(crate) vouched: Vouched,
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

    /// How long the handshake may take at most, whatever is set.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.mechanism.longest()
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
    ///
    /// # Errors
    ///
    /// As the mechanism.
    pub(crate) fn handle_greeting(
        self,
        version: Version,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, Error> {
        let so_far = SoFar {
            local: self.local,
            version,
            vouched: Vouched::default(),
        };
        let step = self.mechanism.handle_greeting(&so_far.local, out)?;
        Ok(so_far.go_on(step))
    }
}

/// What all that follows the greetings knows.
#[derive(Debug)]
struct SoFar {
    local: Local,
    version: Version,
    vouched: Vouched,
}

/// Both greetings are through; a command of the mechanism is due.
#[derive(Debug)]
pub(crate) struct ExpectCommand {
    so_far: SoFar,
    mechanism: Mechanism,
}

/// Somebody has to say whether the peer is let in.
#[derive(Debug)]
pub(crate) struct ExpectVerdict {
    so_far: SoFar,
    mechanism: Mechanism,
}

/// What came of a step of the handshake.
#[derive(Debug)]
pub(crate) enum Outcome {
    Again(ExpectCommand),
    Authenticate(Credentials, ExpectVerdict),
    Done(PeerHello, Option<Box<Traffic>>),
}

impl SoFar {
    fn go_on(self, step: Step) -> Outcome {
        match step {
            Step::Again(mechanism) => Outcome::Again(ExpectCommand {
                so_far: self,
                mechanism,
            }),
            Step::Authenticate { credentials, state } => Outcome::Authenticate(
                credentials,
                ExpectVerdict {
                    so_far: self,
                    mechanism: state,
                },
            ),
            Step::Done(Agreed { metadata, traffic }) => {
                Outcome::Done(self.introduce(metadata), traffic)
            }
        }
    }

    fn introduce(self, metadata: Metadata) -> PeerHello {
        let Metadata {
            socket_type,
            routing_id,
            properties,
        } = metadata;
        // Nobody speaks for himself where somebody else has spoken, or would.
        let vouched = &self.vouched.properties;
        let own = |(name, _): &(&[u8], &[u8])| {
            !name.eq_ignore_ascii_case(USER_ID)
                && !vouched
                    .iter()
                    .any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        let properties = properties.iter().filter(own).collect();
        PeerHello {
            socket_type,
            version: self.version,
            routing_id,
            properties,
            vouched: self.vouched,
        }
    }
}

impl ExpectCommand {
    /// The body of a command frame.
    ///
    /// # Errors
    ///
    /// As the mechanism.
    pub(crate) fn handle_command(self, body: &[u8], out: &mut Vec<u8>) -> Result<Outcome, Error> {
        let Self { so_far, mechanism } = self;
        let step = mechanism.handle_command(body, &so_far.local, out)?;
        Ok(so_far.go_on(step))
    }
}

impl ExpectVerdict {
    /// Whether the peer may go on before it is answered.
    pub(crate) fn lets_go_on(&self) -> bool {
        self.mechanism.is_symmetric()
    }

    /// # Errors
    ///
    /// The peer is not let in; where it is to be told, an ERROR is in the output.
    pub(crate) fn handle_verdict(
        self,
        verdict: Verdict,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, Error> {
        let Self {
            mut so_far,
            mechanism,
        } = self;
        match verdict {
            Verdict::Accept {
                user_id,
                properties,
            } => {
                so_far.vouched = Vouched {
                    user_id,
                    properties,
                };
                let step = mechanism.handle_accept(&so_far.local, out);
                Ok(so_far.go_on(step))
            }
            Verdict::Refuse { status } => {
                put_error(status, out);
                Err(Error::Denied { status })
            }
            Verdict::RefuseForNow => Err(Error::Denied { status: FOR_NOW }),
        }
    }
}

/// What libzmq calls the user id among the properties of a message.
const USER_ID: &[u8] = b"User-Id";

/// The status of a refusal that the peer is not told of.
pub(crate) const FOR_NOW: &str = "300";
