//! The eleven patterns, and who may talk to whom.

use std::fmt;
use std::str::FromStr;

/// The pattern a socket speaks.
///
/// ```
/// use zocket::SocketType;
///
/// assert_eq!(SocketType::Push.to_string(), "PUSH");
/// assert!(SocketType::Push.compatible(SocketType::Pull));
/// assert!(!SocketType::Push.compatible(SocketType::Pair));
/// ```
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
    /// Every pattern there is.
    pub const ALL: [Self; 11] = [
        Self::Pair,
        Self::Pub,
        Self::Sub,
        Self::Req,
        Self::Rep,
        Self::Dealer,
        Self::Router,
        Self::Pull,
        Self::Push,
        Self::XPub,
        Self::XSub,
    ];

    /// Whether it ever sends, in raw form if not in its own.
    pub(crate) const fn sends(self) -> bool {
        !matches!(self, Self::Sub | Self::Pull)
    }

    /// Whether it ever receives, in raw form if not in its own.
    pub(crate) const fn receives(self) -> bool {
        !matches!(self, Self::Pub | Self::Push)
    }

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
        Self::ALL
            .into_iter()
            .find(|pattern| pattern.as_str().as_bytes() == name)
    }

    /// Whether sockets of the two types may talk to each other (RFC 37, "socket-type").
    ///
    /// It does not matter which of the two asks, nor which binds and which connects.
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

/// Reads the name in upper, lower or mixed case: `PUSH`, `push`, `XPub`.
impl FromStr for SocketType {
    type Err = ParseSocketTypeError;

    /// # Errors
    ///
    /// If there is no pattern of this name.
    fn from_str(name: &str) -> Result<Self, ParseSocketTypeError> {
        let known = |pattern: &Self| pattern.as_str().eq_ignore_ascii_case(name);
        Self::ALL
            .into_iter()
            .find(known)
            .ok_or(ParseSocketTypeError(()))
    }
}

/// There is no [`SocketType`] of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the name of a socket type (PAIR, PUB, SUB, REQ, REP, DEALER, ROUTER, PULL, PUSH, XPUB, XSUB)"
)]
pub struct ParseSocketTypeError(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for pattern in SocketType::ALL {
            assert_eq!(pattern.to_string().parse(), Ok(pattern));
            assert_eq!(pattern.as_str().to_lowercase().parse(), Ok(pattern));
            assert_eq!(
                SocketType::from_wire(pattern.as_str().as_bytes()),
                Some(pattern)
            );
        }
        assert_eq!(SocketType::from_wire(b"push"), None);
        assert_eq!(SocketType::from_wire(b"PUSH "), None);
        assert!("STREAM".parse::<SocketType>().is_err());
    }

    /// RFC 37: the valid combinations of socket types, row by row.
    #[test]
    fn who_may_talk_to_whom() {
        use SocketType::*;
        let peers_of = |pattern: SocketType| -> &[SocketType] {
            match pattern {
                Pair => &[Pair],
                Pub | XPub => &[Sub, XSub],
                Sub | XSub => &[Pub, XPub],
                Req => &[Rep, Router],
                Rep => &[Req, Dealer],
                Dealer => &[Rep, Dealer, Router],
                Router => &[Req, Dealer, Router],
                Push => &[Pull],
                Pull => &[Push],
            }
        };
        for one in SocketType::ALL {
            for other in SocketType::ALL {
                assert_eq!(
                    one.compatible(other),
                    peers_of(one).contains(&other),
                    "{one} and {other}"
                );
                assert_eq!(
                    one.compatible(other),
                    other.compatible(one),
                    "{one} and {other}"
                );
            }
        }
    }
}
