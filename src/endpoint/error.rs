//! What can be wrong with the text of an endpoint.

use std::io;

/// How many characters of a wrong piece an error keeps.
pub(super) const PIECE_MAX: usize = 48;

/// What is wrong with the text of an [`Endpoint`](crate::Endpoint), and where.
///
/// ```
/// use zocket::{Endpoint, EndpointErrorKind};
///
/// let error = "tcp://127.0.0.1:99999".parse::<Endpoint>().unwrap_err();
/// assert_eq!(error.kind(), EndpointErrorKind::BadPort);
/// assert_eq!(error.piece(), "99999");
/// assert_eq!(error.offset(), 16);
/// assert_eq!(
///     error.to_string(),
///     "bad endpoint: the port is not `*` or a number from 0 to 65535: \"99999\" at byte 16",
/// );
/// ```
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bad endpoint: {kind}: {piece:?} at byte {offset}")]
pub struct EndpointError {
    kind: EndpointErrorKind,
    piece: Box<str>,
    offset: usize,
}

impl EndpointError {
    pub(super) fn new(kind: EndpointErrorKind, piece: &str, offset: usize) -> Self {
        let piece = match piece.char_indices().nth(PIECE_MAX) {
            Some((end, _)) => format!("{}…", piece.get(..end).unwrap_or_default()).into(),
            None => piece.into(),
        };
        Self {
            kind,
            piece,
            offset,
        }
    }

    /// What is wrong.
    pub fn kind(&self) -> EndpointErrorKind {
        self.kind
    }

    /// The piece that is wrong; it ends in `…` if it was too long to be kept whole.
    pub fn piece(&self) -> &str {
        &self.piece
    }

    /// Where in the text the piece begins, in bytes. If the endpoint is a good one that
    /// suits only bind or only connect, the text is its canonical form.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// An [`io::ErrorKind::Unsupported`] for an unknown scheme, else an
/// [`io::ErrorKind::InvalidInput`].
impl From<EndpointError> for io::Error {
    fn from(error: EndpointError) -> Self {
        let kind = match error.kind {
            EndpointErrorKind::UnknownScheme => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

/// What can be wrong with the text of an [`Endpoint`](crate::Endpoint).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointErrorKind {
    /// There is no `://` after the scheme.
    #[error("there is no `://`")]
    MissingSeparator,
    /// The scheme is none of `tcp`, `ipc` and `inproc`, in lower case.
    #[error("the scheme is none of `tcp`, `ipc` and `inproc`")]
    UnknownScheme,
    /// Nothing follows the `://`.
    #[error("nothing follows the `://`")]
    EmptyAddress,
    /// There is no host before the port.
    #[error("the host is empty")]
    EmptyHost,
    /// A character that no name of a host or an interface has, such as white space, or
    /// something between the `]` and the port.
    #[error("the host has what no host can have")]
    BadHost,
    /// A name of a host or an interface, or a zone, is longer than 255 bytes.
    #[error("the host is longer than 255 bytes")]
    HostTooLong,
    /// A host of digits and dots that is not an IPv4 address of four decimal numbers.
    #[error("the host is not an IPv4 address")]
    BadIpv4,
    /// What is in the brackets is not an IPv6 address.
    #[error("what is in the brackets is not an IPv6 address")]
    BadIpv6,
    /// The IPv6 address is not in brackets.
    #[error("an IPv6 address must be in brackets")]
    UnbracketedIpv6,
    /// The zone after the `%` of an IPv6 address is not the name or the number of an
    /// interface.
    #[error("the zone is not the name or the number of an interface")]
    BadZone,
    /// The `[` has no `]`.
    #[error("the bracket is not closed")]
    UnclosedBracket,
    /// There is no `:` and port after the host.
    #[error("there is no port")]
    MissingPort,
    /// The port is not `*` or a decimal number from 0 to 65535.
    #[error("the port is not `*` or a number from 0 to 65535")]
    BadPort,
    /// An `ipc` path or abstract name is longer than 107 bytes.
    #[error("the path is longer than 107 bytes")]
    PathTooLong,
    /// An `ipc` path or abstract name has a NUL byte.
    #[error("the path has a NUL byte")]
    NulInPath,
    /// There is no name after the `@`.
    #[error("the abstract name is empty")]
    EmptyAbstractName,
    /// An `inproc` name is longer than 256 bytes.
    #[error("the name is longer than 256 bytes")]
    NameTooLong,
    /// Something is left open that only bind can choose.
    #[error("only bind can choose what is left open")]
    BindOnly,
    /// There is a source address, which only connect can use.
    #[error("only connect can use a source address")]
    ConnectOnly,
}
