//! What a peer can do wrong, one variant per misdeed, and whose fault it is.

use thiserror::Error;

use crate::socket_type::SocketType;

/// Why a connection cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Error {
    // The greeting.
    /// Not ZMTP at all, or a version before 3.0.
    #[error("the peer speaks no ZMTP 3: octet {octet} of its greeting is {found:#04x}")]
    UnsupportedVersion { octet: usize, found: u8 },
    #[error("the peer wants mechanism {theirs:?}, we speak {ours}")]
    MechanismMismatch { ours: &'static str, theirs: String },

    // The frame.
    #[error("reserved bits are set in frame flags {flags:#04x}")]
    ReservedFlags { flags: u8 },
    #[error("a command frame has MORE set (flags {flags:#04x})")]
    CommandWithMore { flags: u8 },
    #[error("frame size {size} exceeds 2^63-1")]
    SizeOverflow { size: u64 },
    #[error("a message of at least {size} bytes exceeds the limit of {limit}")]
    MessageTooLarge { size: u64, limit: u64 },
    #[error("a message has more than {limit} frames")]
    TooManyFrames { limit: usize },
    #[error("a command of {size} bytes exceeds the limit of {limit}")]
    CommandTooLarge { size: u64, limit: usize },

    // The command.
    #[error("a command without a name")]
    NamelessCommand,
    #[error("a command's name exceeds its frame")]
    CommandNameOverrun,
    #[error("malformed {command}: {field}")]
    MalformedCommand {
        command: &'static str,
        field: &'static str,
    },
    #[error("unexpected command {name:?} {when}")]
    UnexpectedCommand { name: String, when: &'static str },
    #[error("a message before the handshake was complete")]
    UnexpectedMessage,
    #[error("the peer goes on before it is answered")]
    OutOfTurn,

    // The metadata.
    #[error("a property's {field} exceeds the metadata")]
    MetadataOverrun { field: &'static str },
    #[error("property {name} occurs twice")]
    DuplicateProperty { name: &'static str },
    #[error("the metadata lacks Socket-Type")]
    MissingSocketType,
    #[error("unknown socket type {name:?}")]
    UnknownSocketType { name: String },
    #[error("an Identity of {len} bytes{}", if *.len <= 255 { " starts with zero" } else { "" })]
    InvalidIdentity { len: usize },
    #[error("a {ours} does not talk to a {theirs}")]
    IncompatibleSocketType {
        ours: SocketType,
        theirs: SocketType,
    },

    // The boxes of CURVE.
    #[error("{command} does not open: it is not from who it should be, or was changed")]
    NotOpened { command: &'static str },
    #[error("a key that would be no secret")]
    WeakKey,
    #[error("the cookie is not that of this connection")]
    WrongCookie,
    #[error("the vouch is not for this connection")]
    WrongVouch,
    #[error("the number of a {command} is not higher than the last")]
    NonceNotIncreasing { command: &'static str },
    #[error("a frame that is no MESSAGE where only those are")]
    NotSealed,
    #[error("there are no numbers left to send with on this connection")]
    NoncesUsedUp,
    #[error("the system has no random numbers to give")]
    NoRandomness,

    // The peer's own verdict.
    #[error("the peer refused: {reason:?}")]
    Refused { reason: String },

    // Ours.
    #[error("the peer is not let in (status {status})")]
    Denied { status: &'static str },
}

/// Whose fault an [`enum@Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The peer broke the protocol or one of our limits.
    Misbehaved,
    /// The peer may be sound, but the two of us do not fit together.
    Incompatible,
    /// The peer found fault with us and closed.
    Refused,
    /// The peer is not let in.
    Denied,
}

impl Error {
    /// Whose fault it is.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::UnsupportedVersion { .. }
            | Self::MechanismMismatch { .. }
            | Self::UnknownSocketType { .. }
            | Self::IncompatibleSocketType { .. } => Fault::Incompatible,
            Self::Refused { .. } => Fault::Refused,
            Self::Denied { .. } => Fault::Denied,
            _ => Fault::Misbehaved,
        }
    }
}

/// A peer's bytes made fit for a log line: printable, and not long.
pub(crate) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .take(PRINTABLE_MAX)
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect()
}

// Enough for every reason and name seen in the field, too little to fill a log with.
const PRINTABLE_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_cross_threads() {
        fn check<T: Send + Sync + std::error::Error + 'static>() {}
        check::<Error>();
    }

    #[test]
    fn printable_is_short_and_without_control_characters() {
        assert_eq!(printable(b"a\x1b[2J\n\xff"), "a\u{fffd}[2J\u{fffd}\u{fffd}");
        assert_eq!(printable(&[b'x'; 1000]).len(), PRINTABLE_MAX);
    }
}
