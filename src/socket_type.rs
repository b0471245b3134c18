//! The eleven patterns, and who may talk to whom.

use std::fmt;

/// The pattern a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketType {
    /// Exactly one peer, both directions.
    Pair,
    /// Distributes to subscribers.
    Pub,
    /// Subscribes to publishers.
    Sub,
    /// Asks, then waits for the answer.
    Req,
    /// Answers requests.
    Rep,
    /// Asynchronous REQ: load-balances out, fair-queues in.
    Dealer,
    /// Asynchronous REP: addresses each peer by its routing id.
    Router,
    /// The receiving end of a pipeline.
    Pull,
    /// The sending end of a pipeline.
    Push,
    /// PUB that sees the subscriptions.
    XPub,
    /// SUB that sends its subscriptions as messages.
    XSub,
}

impl SocketType {
    /// The name in the `Socket-Type` property of the handshake.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pair => "PAIR",
            Self::Pub => "PUB",
            Self::Sub => "SUB",
            Self::Req => "REQ",
            Self::Rep => "REP",
            Self::Dealer => "DEALER",
            Self::Router => "ROUTER",
            Self::Pull => "PULL",
            Self::Push => "PUSH",
            Self::XPub => "XPUB",
            Self::XSub => "XSUB",
        }
    }

    /// The type with this name on the wire (upper case, exactly).
    pub fn from_wire(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"PAIR" => Self::Pair,
            b"PUB" => Self::Pub,
            b"SUB" => Self::Sub,
            b"REQ" => Self::Req,
            b"REP" => Self::Rep,
            b"DEALER" => Self::Dealer,
            b"ROUTER" => Self::Router,
            b"PULL" => Self::Pull,
            b"PUSH" => Self::Push,
            b"XPUB" => Self::XPub,
            b"XSUB" => Self::XSub,
            _ => return None,
        })
    }

    /// Whether sockets of the two types may talk to each other (RFC 37, "socket-type").
    pub const fn compatible(self, peer: Self) -> bool {
        use SocketType::*;
        matches!(
            (self, peer),
            (Pair, Pair)
                | (Pub | XPub, Sub | XSub)
                | (Sub | XSub, Pub | XPub)
                | (Req, Rep | Router)
                | (Rep, Req | Dealer)
                | (Dealer, Rep | Dealer | Router)
                | (Router, Req | Dealer | Router)
                | (Push, Pull)
                | (Pull, Push)
        )
    }
}

impl fmt::Display for SocketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
