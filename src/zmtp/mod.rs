//! ZMTP 3.1 ([RFC 37](https://rfc.zeromq.org/spec/37/)) without a socket, a clock, a lock or a
//! thread: bytes go in by `handle_*`, events and bytes come out by `poll_*` and `output`; the time is
//! an argument.
//!
//! ```text
//! connection = greeting handshake traffic            (until either side closes the stream)
//! greeting   = signature version mechanism as-server filler                    64 octets
//! handshake  = *command                              (what the mechanism defines)
//! traffic    = *(message / command)                  (a command may stand between two frames)
//! message    = *(frame with MORE) frame
//! command    = frame with COMMAND; body = name-size(1) name data
//! frame      = flags(1) size(1) body                 0..255 octets
//!            / flags(1) size(8) body                 flags has LONG
//! metadata   = *( name-size(1) name value-size(4) value )
//! ```
//!
//! The handshake with the NULL mechanism is symmetric; neither side waits for the other's READY:
//!
//! ```text
//!        us                                        peer
//!         |  greeting (all 64 octets at once) --->  |
//!         |  <--- greeting (maybe in pieces)        |    ExpectGreeting
//!         |  READY(our metadata) ---------------->  |
//!         |  <--- READY(peer's metadata), or ERROR  |    ExpectCommand
//!         |  <=== messages and commands =========>  |    Traffic
//! ```
//!
//! Three paths cross this module, and they share nothing but [`header`]:
//!
//! * a message on its way out: [`encoder`] puts it onto a [`wire`], which knows how to be written;
//! * bytes on their way in: [`scanner`] checks every header once, counts whole messages and takes
//!   the commands out; what is left is a [`cut::Chunk`] from which the receiving thread cuts;
//! * everything that belongs to one connection: [`connection`], which owns a scanner and drives
//!   [`handshake`] ([`greeting`], [`mechanism`], [`null`], [`plain`], `curve`, [`metadata`]) and [`command`].
//!
//! With CURVE, bytes pass through [`traffic`] on their way out and in: plain frames are sealed after they
//! are taken from a wire, and are plain again before they are scanned.
//!
//! When to ask a silent peer, and when to take it for dead, is [`heartbeat`]'s to say.

pub(crate) mod command;
pub(crate) mod connection;
#[cfg(feature = "curve")]
pub(crate) mod curve;
pub(crate) mod cut;
pub(crate) mod encoder;
pub(crate) mod error;
pub(crate) mod greeting;
pub(crate) mod handshake;
pub(crate) mod header;
pub(crate) mod heartbeat;
pub(crate) mod mechanism;
pub(crate) mod metadata;
pub(crate) mod null;
pub(crate) mod plain;
pub(crate) mod scanner;
pub(crate) mod traffic;
pub(crate) mod wire;

pub(crate) use connection::{Config, Connection, Eof, Event, PeerHello};
pub(crate) use encoder::{SubscriptionForm, encode, encode_subscription};
pub(crate) use error::Error;
pub(crate) use greeting::Version;
pub(crate) use heartbeat::{Due, Heartbeat, Silence};
#[allow(unused_imports)]
pub(crate) use mechanism::{Credentials, Security, Verdict, Vouched};
pub(crate) use scanner::{ITEMS_KEPT, Item};
pub(crate) use wire::Wire;

#[cfg(test)]
pub(crate) mod tests;
