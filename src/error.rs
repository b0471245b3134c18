//! What can go wrong, one type for each operation, and [`Error`] that they all turn into by `?`.
//!
//! What could not be sent comes back: [`SendError`] and [`TrySendError`] hold the message.

use std::fmt;
use std::io;
use std::time::Duration;

use thiserror::Error as ThisError;

use crate::endpoint::{Endpoint, EndpointError};
use crate::message::Message;
use crate::routing_id::RoutingIdError;
use crate::socket_type::SocketType;

/// Any error of this crate.
///
/// Every operation's own error converts into it by `?`; the variants keep apart what callers
/// treat differently.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The time allowed ran out.
    #[error("timed out")]
    Timeout,
    /// The [`Bed`](crate::Bed) in which a call has waited was wanted for something else.
    #[error("interrupted")]
    Interrupted,
    /// No peer has room for the message; it is handed back.
    #[error("no peer has room for the message")]
    Full(Message),
    /// There is nothing to receive now.
    #[error("nothing to receive")]
    Empty,
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
    /// The pattern does not allow the call now: a REQ sends and receives in turn, say.
    #[error("the pattern does not allow this now")]
    WrongState,
    /// No peer has the routing id.
    #[error("no peer has this routing id")]
    Unroutable,
    /// No peer is left to take what a [`Permit`](crate::Permit) was given for.
    #[error("no peer is left")]
    NoPeer,
    /// The peer that was asked is gone, and with it the reply.
    #[error("the peer that was asked is gone")]
    PeerLost,
    /// A text is not an endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A routing id is too short or too long.
    #[error(transparent)]
    RoutingId(#[from] RoutingIdError),
    /// An endpoint could not be bound.
    #[error(transparent)]
    Bind(BindError),
    /// An endpoint could not be connected to.
    #[error(transparent)]
    Connect(ConnectError),
    /// An endpoint could not be given up.
    #[error(transparent)]
    Unbind(UnbindError),
    /// A socket or a context could not be built as asked.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// An option could not be changed.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// Something could not be waited for.
    #[error(transparent)]
    Poll(#[from] PollError),
    /// Something was not sent before the linger ended.
    #[error(transparent)]
    Unsent(#[from] Unsent),
}

/// Why a `bind` failed.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum BindError {
    /// The text is not an endpoint, or not one that can be bound.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The operating system refused: the address is in use, not local, not permitted, ….
    #[error("cannot bind {endpoint}: {error}")]
    Io {
        /// What was to be bound.
        endpoint: Endpoint,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// What was to be bound is no socket that listens, of tcp or ipc.
    #[error("cannot bind to the descriptor: {0}")]
    Descriptor(#[source] io::Error),
    /// Another socket of this context is bound to the inproc name.
    #[error("cannot bind {0}: the name is taken in this context")]
    NameTaken(Endpoint),
    /// The context has no I/O thread, so only inproc can be used.
    #[error("cannot bind {0}: the context has no I/O thread")]
    NoIoThread(Endpoint),
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
}

/// Why a `connect` failed.
///
/// A peer that is not there yet is no failure: it is retried in the background.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is not an endpoint, or not one that can be connected to.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// What was to be connected is no connected stream, of tcp or ipc.
    #[error("cannot connect the descriptor: {0}")]
    Descriptor(#[source] io::Error),
    /// Another peer of this ROUTER has the routing id.
    #[error("cannot connect to {0}: another peer has this routing id")]
    RoutingIdTaken(Endpoint),
    /// The socket bound to this inproc name does not take this one as its peer.
    #[error("cannot connect to {endpoint}: {reason}")]
    Incompatible {
        /// What was to be connected to.
        endpoint: Endpoint,
        /// Which types met, or why the bound socket refused.
        reason: String,
    },
    /// The context has no I/O thread, so only inproc can be used.
    #[error("cannot connect to {0}: the context has no I/O thread")]
    NoIoThread(Endpoint),
    /// The operating system could not start the I/O thread.
    #[error("cannot start an I/O thread: {0}")]
    Io(#[source] io::Error),
    /// The operating system refused an option of the socket: a network device that does not exist,
    /// a priority that needs a privilege, ….
    #[error("cannot connect to {endpoint}: an option of the socket is refused: {error}")]
    Option {
        /// What was to be connected to.
        endpoint: Endpoint,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
}

/// Why an `unbind` or `disconnect` failed.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum UnbindError {
    /// The text is not an endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The socket has no such endpoint. One bound with a wildcard is known by the real address
    /// that `bind` returned.
    #[error("the socket has no endpoint {0}")]
    Unknown(Endpoint),
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
}

/// Why a peer was not disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum DisconnectPeerError {
    /// The socket has no such peer (any more).
    #[error("the socket has no such peer")]
    Unknown,
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
}

impl From<DisconnectPeerError> for Error {
    /// That there is no such peer becomes that nothing can be routed to it.
    fn from(error: DisconnectPeerError) -> Self {
        match error {
            DisconnectPeerError::Unknown => Self::Unroutable,
            DisconnectPeerError::Closed => Self::Closed,
            DisconnectPeerError::Terminated => Self::Terminated,
        }
    }
}

/// A message that was not sent, and why.
#[derive(Debug, ThisError)]
#[error("{reason}")]
#[non_exhaustive]
pub struct SendError {
    /// The message, as it was given.
    pub message: Message,
    /// Why it was not sent.
    pub reason: SendFailure,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum SendFailure {
    /// No peer had room before the time allowed ran out.
    #[error("timed out: no peer had room for the message")]
    Timeout,
    /// The [`Bed`](crate::Bed) in which the caller has waited for room was wanted for something else.
    #[error("interrupted: no peer has had room for the message yet")]
    Interrupted,
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
    /// A REQ has a request under way; a REP in raw form owes nobody a reply.
    #[error("the pattern does not allow sending now")]
    WrongState,
    /// No peer of a ROUTER has this routing id, and it is to say so
    /// ([`mandatory`](crate::Builder::mandatory)).
    #[error("no peer has this routing id")]
    Unroutable,
    /// No peer is left to take what a [`Permit`](crate::Permit) was given for.
    #[error("no peer is left")]
    NoPeer,
}

impl SendError {
    pub(crate) fn new(message: Message, reason: SendFailure) -> Self {
        Self { message, reason }
    }

    /// The message that was not sent.
    pub fn into_message(self) -> Message {
        self.message
    }

    /// Whether the time allowed ran out.
    pub fn is_timeout(&self) -> bool {
        self.reason == SendFailure::Timeout
    }
}

/// A message that could not be sent at once, and why.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum TrySendError {
    /// No peer has room (or there is none).
    #[error("no peer has room for the message")]
    Full(Message),
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed(Message),
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated(Message),
    /// A REQ has a request under way; a REP in raw form owes nobody a reply.
    #[error("the pattern does not allow sending now")]
    WrongState(Message),
    /// No peer of a ROUTER has this routing id, and it is to say so
    /// ([`mandatory`](crate::Builder::mandatory)).
    #[error("no peer has this routing id")]
    Unroutable(Message),
}

impl TrySendError {
    pub(crate) fn new(message: Message, reason: SendFailure) -> Self {
        match reason {
            SendFailure::Timeout | SendFailure::Interrupted | SendFailure::NoPeer => {
                Self::Full(message)
            }
            SendFailure::Closed => Self::Closed(message),
            SendFailure::Terminated => Self::Terminated(message),
            SendFailure::WrongState => Self::WrongState(message),
            SendFailure::Unroutable => Self::Unroutable(message),
        }
    }

    /// The message that was not sent.
    pub fn into_message(self) -> Message {
        match self {
            Self::Full(message)
            | Self::Closed(message)
            | Self::Terminated(message)
            | Self::WrongState(message)
            | Self::Unroutable(message) => message,
        }
    }

    /// Whether it is worth to try again later.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

/// Why no room was kept for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum ReserveError {
    /// No peer has room now (or there is none).
    #[error("no peer has room for a message")]
    Full,
    /// No peer had room before the time allowed ran out.
    #[error("timed out: no peer had room for a message")]
    Timeout,
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
    /// No peer of a ROUTER has this routing id.
    #[error("no peer has this routing id")]
    Unroutable,
}

impl ReserveError {
    /// What it is where nobody was to wait.
    pub(crate) fn at_once(self) -> Self {
        match self {
            Self::Timeout => Self::Full,
            other => other,
        }
    }
}

/// Why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum RecvError {
    /// Nothing arrived before the time allowed ran out.
    #[error("timed out: nothing to receive")]
    Timeout,
    /// The [`Bed`](crate::Bed) in which the caller has waited was wanted for something else.
    #[error("interrupted: nothing to receive yet")]
    Interrupted,
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
    /// A REQ has no request under way; a REP in raw form owes somebody a reply.
    #[error("the pattern does not allow receiving now")]
    WrongState,
    /// The peer that a REQ has asked is gone, and with it the reply. The next request may be sent.
    #[error("the peer that was asked is gone")]
    PeerLost,
}

/// Why nothing could be received at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum TryRecvError {
    /// There is nothing now.
    #[error("nothing to receive")]
    Empty,
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
    /// A REQ has no request under way; a REP in raw form owes somebody a reply.
    #[error("the pattern does not allow receiving now")]
    WrongState,
    /// The peer that a REQ has asked is gone, and with it the reply. The next request may be sent.
    #[error("the peer that was asked is gone")]
    PeerLost,
}

impl From<RecvError> for TryRecvError {
    /// That the time ran out becomes that there is nothing.
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Timeout | RecvError::Interrupted => Self::Empty,
            RecvError::Closed => Self::Closed,
            RecvError::Terminated => Self::Terminated,
            RecvError::WrongState => Self::WrongState,
            RecvError::PeerLost => Self::PeerLost,
        }
    }
}

/// Why a request has no reply.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum RequestError {
    /// The request was not sent; it is handed back.
    #[error("the request was not sent: {0}")]
    NotSent(#[source] SendError),
    /// The request was sent, or queued, and no reply came.
    #[error("no reply: {0}")]
    NoReply(#[source] RecvError),
}

impl RequestError {
    /// Whether the time allowed ran out.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::NotSent(error) => error.is_timeout(),
            Self::NoReply(error) => *error == RecvError::Timeout,
        }
    }

    /// The request, if it was not sent.
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::NotSent(error) => Some(error.into_message()),
            Self::NoReply(_) => None,
        }
    }
}

/// Why waiting for peers ended without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum WaitError {
    /// Fewer peers than wanted were there when the time allowed ran out.
    #[error("timed out with {ready} peers ready")]
    Timeout {
        /// How many were.
        ready: usize,
    },
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
}

/// Why a subscription was not made or taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum SubscribeError {
    /// A [`Socket`](crate::Socket) is of a type that subscribes to nothing.
    #[error("a {0} does not subscribe")]
    NotASubscriber(SocketType),
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
}

/// What a `flush` has not seen handed over, and why it ended.
///
/// ```
/// use std::time::Duration;
/// use zocket::{FlushFailure, Push};
///
/// # fn main() -> Result<(), zocket::Error> {
/// let push = Push::builder().linger(Duration::ZERO).build()?;
/// push.connect("inproc://nobody-is-there")?;
/// push.send("hello")?;
///
/// let error = push.flush(Duration::from_millis(10)).unwrap_err();
/// assert_eq!(error.reason, FlushFailure::Timeout);
/// assert_eq!((error.unsent.messages, error.unsent.bytes), (1, 5));
/// assert_eq!(error.unsent.endpoints[0].endpoint, "inproc://nobody-is-there");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("{reason}: {unsent}")]
#[non_exhaustive]
pub struct FlushError {
    /// What was sent before the flush began, and is not handed over yet. Nothing, perhaps, where the
    /// socket is closed.
    pub unsent: Unsent,
    /// Why it did not wait for that.
    pub reason: FlushFailure,
}

/// Why a `flush` ended before everything was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum FlushFailure {
    /// The time allowed ran out.
    #[error("timed out")]
    Timeout,
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
}

impl FlushError {
    /// Whether the time allowed ran out.
    pub fn is_timeout(&self) -> bool {
        self.reason == FlushFailure::Timeout
    }
}

/// What a builder does not accept.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum BuildError {
    /// Values that cannot be, each with the setter's name and the reason.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// The operating system could not start an I/O thread.
    #[error("cannot start an I/O thread: {0}")]
    Io(#[source] io::Error),
    /// The context has as many sockets as it may have
    /// ([`max_sockets`](crate::ContextBuilder::max_sockets)).
    #[error("the context may have {0} sockets at a time, and has them")]
    TooManySockets(usize),
    /// The context is shut down.
    #[error("the context is shut down")]
    Terminated,
}

/// Why an option of a living socket was not changed.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum OptionError {
    /// The value cannot be, or does not go with those of other options: the name of the option, and
    /// the reason.
    #[error("{0}")]
    Invalid(String),
    /// The option does not apply to the type of a [`Socket`](crate::Socket): its name, and the type.
    #[error("{0}")]
    Inapplicable(String),
}

/// What was accepted for sending but not handed over when the linger, or the time for a flush, ended.
///
/// Handed over means: to the kernel, or to the other socket over inproc.
#[derive(Clone, Debug, Default, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub struct Unsent {
    /// Messages left, all endpoints together.
    pub messages: usize,
    /// Payload bytes in them.
    pub bytes: usize,
    /// The same for each peer or endpoint that had some left.
    pub endpoints: Vec<UnsentTo>,
}

/// What was left for one peer or endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnsentTo {
    /// The endpoint that was connected to, or bound, where the peer came in; in the error of a flush
    /// the address of that peer.
    pub endpoint: String,
    /// Messages left.
    pub messages: usize,
    /// Payload bytes in them.
    pub bytes: usize,
}

impl Unsent {
    pub(crate) fn add(&mut self, endpoint: impl fmt::Display, load: crate::pipe::Load) {
        if load.messages > 0 {
            self.messages += load.messages;
            self.bytes += load.bytes;
            self.endpoints.push(UnsentTo {
                endpoint: endpoint.to_string(),
                messages: load.messages,
                bytes: load.bytes,
            });
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.endpoints.extend(other.endpoints);
    }

    /// `Ok` if nothing was left.
    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.messages == 0 {
            Ok(())
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More than this many endpoints are not worth a line of log each.
        const NAMED: usize = 4;
        write!(
            f,
            "{} messages ({} bytes) were not sent",
            self.messages, self.bytes
        )?;
        for (n, to) in self.endpoints.iter().take(NAMED).enumerate() {
            write!(
                f,
                "{} {} to {}",
                if n == 0 { ":" } else { "," },
                to.messages,
                to.endpoint
            )?;
        }
        match self.endpoints.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        error.reason.into()
    }
}

impl From<SendFailure> for Error {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Timeout => Self::Timeout,
            SendFailure::Interrupted => Self::Interrupted,
            SendFailure::Closed => Self::Closed,
            SendFailure::Terminated => Self::Terminated,
            SendFailure::WrongState => Self::WrongState,
            SendFailure::Unroutable => Self::Unroutable,
            SendFailure::NoPeer => Self::NoPeer,
        }
    }
}

impl From<ReserveError> for Error {
    /// That there is no room now becomes that the time ran out: there is no message to hand back.
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Full | ReserveError::Timeout => Self::Timeout,
            ReserveError::Closed => Self::Closed,
            ReserveError::Terminated => Self::Terminated,
            ReserveError::Unroutable => Self::Unroutable,
        }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NotSent(error) => error.into(),
            RequestError::NoReply(error) => error.into(),
        }
    }
}

impl From<TrySendError> for Error {
    fn from(error: TrySendError) -> Self {
        match error {
            TrySendError::Full(message) => Self::Full(message),
            TrySendError::Closed(_) => Self::Closed,
            TrySendError::Terminated(_) => Self::Terminated,
            TrySendError::WrongState(_) => Self::WrongState,
            TrySendError::Unroutable(_) => Self::Unroutable,
        }
    }
}

impl From<RecvError> for Error {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Timeout => Self::Timeout,
            RecvError::Interrupted => Self::Interrupted,
            RecvError::Closed => Self::Closed,
            RecvError::Terminated => Self::Terminated,
            RecvError::WrongState => Self::WrongState,
            RecvError::PeerLost => Self::PeerLost,
        }
    }
}

impl From<TryRecvError> for Error {
    fn from(error: TryRecvError) -> Self {
        match error {
            TryRecvError::Empty => Self::Empty,
            TryRecvError::Closed => Self::Closed,
            TryRecvError::Terminated => Self::Terminated,
            TryRecvError::WrongState => Self::WrongState,
            TryRecvError::PeerLost => Self::PeerLost,
        }
    }
}

impl From<SubscribeError> for Error {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::NotASubscriber(_) => Self::WrongState,
            SubscribeError::Closed => Self::Closed,
            SubscribeError::Terminated => Self::Terminated,
        }
    }
}

/// Why something could not be waited for.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum PollError {
    /// It is in this poller already: it can be modified.
    #[error("it is in this poller already")]
    Known,
    /// It is not in this poller.
    #[error("it is not in this poller")]
    Unknown,
    /// The socket's type never receives.
    #[error("a {0} never becomes readable")]
    NeverReadable(SocketType),
    /// The socket's type never sends.
    #[error("a {0} never becomes writable")]
    NeverWritable(SocketType),
    /// The system cannot wait for the descriptor.
    #[error("cannot wait for the descriptor: {0}")]
    Io(#[from] io::Error),
    /// The poller was made by the process that this one was forked off from, and nobody here tells it
    /// of anything.
    #[error("the poller is the parent process's")]
    Forked,
}

impl From<WaitError> for Error {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Timeout { .. } => Self::Timeout,
            WaitError::Closed => Self::Closed,
            WaitError::Terminated => Self::Terminated,
        }
    }
}

impl From<FlushError> for Error {
    fn from(error: FlushError) -> Self {
        match error.reason {
            FlushFailure::Timeout => Self::Timeout,
            FlushFailure::Closed => Self::Closed,
            FlushFailure::Terminated => Self::Terminated,
        }
    }
}

impl From<BindError> for Error {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Endpoint(error) => Self::Endpoint(error),
            BindError::Closed => Self::Closed,
            BindError::Terminated => Self::Terminated,
            error => Self::Bind(error),
        }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Endpoint(error) => Self::Endpoint(error),
            ConnectError::Closed => Self::Closed,
            ConnectError::Terminated => Self::Terminated,
            error => Self::Connect(error),
        }
    }
}

impl From<UnbindError> for Error {
    fn from(error: UnbindError) -> Self {
        match error {
            UnbindError::Endpoint(error) => Self::Endpoint(error),
            UnbindError::Closed => Self::Closed,
            UnbindError::Terminated => Self::Terminated,
            error => Self::Unbind(error),
        }
    }
}

/// How a duration reads in an error: whole milliseconds.
pub(crate) fn millis(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_error<T: std::error::Error + Send + Sync + 'static>() {}

    #[test]
    fn every_error_can_travel() {
        assert_error::<Error>();
        assert_error::<BindError>();
        assert_error::<ConnectError>();
        assert_error::<UnbindError>();
        assert_error::<SendError>();
        assert_error::<TrySendError>();
        assert_error::<RecvError>();
        assert_error::<TryRecvError>();
        assert_error::<WaitError>();
        assert_error::<FlushError>();
        assert_error::<ReserveError>();
        assert_error::<BuildError>();
        assert_error::<PollError>();
        assert_error::<Unsent>();
    }

    #[test]
    fn unsent_names_the_first_endpoints() {
        let mut unsent = Unsent::default();
        for n in 0..6 {
            unsent.add(
                format!("tcp://127.0.0.1:{n}"),
                crate::pipe::Load {
                    messages: 1,
                    bytes: 10,
                },
            );
        }
        let text = unsent.to_string();
        assert!(
            text.starts_with("6 messages (60 bytes) were not sent: 1 to tcp://127.0.0.1:0,"),
            "{text}"
        );
        assert!(text.ends_with(", and 2 more"), "{text}");
        assert_eq!(unsent.clone().into_result(), Err(unsent));
    }
}
