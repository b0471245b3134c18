//! What was wrong in a handshake that failed, in kinds that a program can tell apart.

use crate::zmtp;

/// What was wrong in a handshake that failed: the peer's part of it, or that of who was to decide about
/// the peer. Told with [`HandshakeFailed`](crate::MonitorEvent::HandshakeFailed).
///
/// libzmq tells the same in the value of `HANDSHAKE_FAILED_PROTOCOL` (`ZMQ_PROTOCOL_ERROR_…`), but for the
/// two that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeFault {
    /// The peer has another mechanism.
    Mechanism,
    /// What should be sealed for this side does not open: it is from somebody else, for somebody else,
    /// or was changed.
    Cryptography,
    /// The client has not vouched for the key of this connection.
    KeyExchange,
    /// A number that is to rise did not: something was sent a second time, or in another order.
    Sequence,
    /// A command, or a message, where another command is due.
    UnexpectedCommand,
    /// A command that is not in its form.
    MalformedCommand {
        /// Which, if it is one that is known.
        command: Option<&'static str>,
    },
    /// What the peer says of itself is not in its form, or says that it is of a type that this socket
    /// does not talk to.
    Metadata,
    /// Somebody has to be asked, and there is neither an authenticator nor a ZAP handler. libzmq's
    /// `HANDSHAKE_FAILED_NO_DETAIL` with `EFAULT`.
    NobodyToAsk,
    /// Who was asked has left, or lost the question. libzmq's `HANDSHAKE_FAILED_NO_DETAIL` with `EPIPE`.
    NoAnswer,
    /// The ZAP handler's reply is not made of the frames that it should be.
    ZapReply,
    /// It is to another request.
    ZapRequestId,
    /// It is of another version than 1.0.
    ZapVersion,
    /// Its status is none of 200, 300, 400 and 500.
    ZapStatus,
    /// What it says of the user is not in its form.
    ZapMetadata,
}

impl HandshakeFault {
    /// What a peer did, if it is one of these.
    pub(crate) fn of(error: &zmtp::Error) -> Option<Self> {
        use zmtp::Error;
        Some(match error {
            Error::MechanismMismatch { .. } => Self::Mechanism,
            Error::NotOpened { .. } | Error::WeakKey | Error::WrongCookie => Self::Cryptography,
            Error::WrongVouch => Self::KeyExchange,
            Error::NonceNotIncreasing { .. } => Self::Sequence,
            Error::UnexpectedCommand { .. } | Error::UnexpectedMessage | Error::OutOfTurn => {
                Self::UnexpectedCommand
            }
            Error::MalformedCommand { command, .. } => Self::MalformedCommand {
                command: Some(command),
            },
            Error::NamelessCommand | Error::CommandNameOverrun | Error::CommandWithMore { .. } => {
                Self::MalformedCommand { command: None }
            }
            Error::MetadataOverrun { .. }
            | Error::DuplicateProperty { .. }
            | Error::MissingSocketType
            | Error::UnknownSocketType { .. }
            | Error::InvalidIdentity { .. }
            | Error::IncompatibleSocketType { .. } => Self::Metadata,
            _ => return None,
        })
    }
}
