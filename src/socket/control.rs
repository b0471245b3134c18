//! What every socket type offers besides messages, and the forms of sending and receiving.
//!
//! Written once as macros, so that each type has them as its own documented methods.

use super::core::Core;
use crate::message::Message;

/// The messages of a receiver, one after the other; made by its `iter()`.
///
/// Blocks in [`next`](Iterator::next) as `recv` does, and ends when that fails: when the socket is
/// closed or its context shut down, or nothing arrived within its `recv_timeout`.
#[derive(Debug)]
pub struct Iter<'a> {
    core: &'a Core,
}

impl<'a> Iter<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { core }
    }
}

impl Iterator for Iter<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.core.recv(|| self.core.recv_patience()).ok()
    }
}

macro_rules! socket {
    ($(#[$doc:meta])* $name:ident, $pattern:expr, sends: $sends:tt, receives: $receives:tt) => {
        $(#[$doc])*
        pub struct $name {
            core: std::sync::Arc<$crate::socket::core::Core>,
        }

        impl $name {
            /// A socket with the default options, on [`Context::global`](crate::Context::global).
            ///
            /// Cannot fail, and starts nothing: it makes no descriptor and no thread.
            #[allow(clippy::new_without_default, reason = "it has Default")]
            pub fn new() -> Self {
                $crate::socket::Builder::make_default()
            }

            /// A socket to be set up.
            pub fn builder() -> $crate::socket::Builder<Self> {
                $crate::socket::Builder::new()
            }

            /// Accepts peers at an endpoint, and returns the one it really got: with the port that
            /// `*` stood for, say.
            ///
            /// Done in the calling thread, where a host name is resolved, too. A socket may be
            /// bound and connected to any number of endpoints, transports mixed.
            ///
            /// # Errors
            ///
            /// [`BindError`](crate::BindError): the text is not an endpoint, the address is taken
            /// or not to be had, or the socket is closed.
            pub fn bind<E>(&self, endpoint: E) -> Result<$crate::Endpoint, $crate::BindError>
            where
                E: $crate::IntoEndpoint,
            {
                self.core.bind(endpoint.into_endpoint()?)
            }

            /// Connects to an endpoint; returns at once, with the parsed endpoint.
            ///
            /// Resolving, connecting, and connecting again after a loss happen behind, as long as
            /// the socket lives. The peer need not be there yet, over inproc neither. Messages may
            /// be sent meanwhile (but see [`immediate`](crate::Builder::immediate)). A name that
            /// does not resolve or a peer that does not answer is no error here: it is tried again.
            ///
            /// # Errors
            ///
            /// [`ConnectError`](crate::ConnectError): the text is not an endpoint, the sockets do
            /// not fit (over inproc, if the other is bound already), or this one is closed.
            pub fn connect<E>(&self, endpoint: E) -> Result<$crate::Endpoint, $crate::ConnectError>
            where
                E: $crate::IntoEndpoint,
            {
                self.core.connect(endpoint.into_endpoint()?)
            }

            /// Gives up an endpoint that was bound; when this returns its address is free again.
            ///
            /// Takes what [`bind`](Self::bind) returned. The connections accepted there end once
            /// what was sent to them is with the kernel, within the linger; what they brought stays
            /// readable. Over inproc only the name is freed.
            ///
            /// # Errors
            ///
            /// [`UnbindError`](crate::UnbindError): no such endpoint, or the socket is closed.
            pub fn unbind<E>(&self, endpoint: E) -> Result<(), $crate::UnbindError>
            where
                E: $crate::IntoEndpoint,
            {
                self.core.unbind(endpoint.into_endpoint()?)
            }

            /// Lets go of an endpoint that was connected to (every time, if it was several times).
            ///
            /// What was queued for it is still sent, in the background, within the linger; what it
            /// brought stays readable.
            ///
            /// # Errors
            ///
            /// [`UnbindError`](crate::UnbindError): no such endpoint, or the socket is closed.
            pub fn disconnect<E>(&self, endpoint: E) -> Result<(), $crate::UnbindError>
            where
                E: $crate::IntoEndpoint,
            {
                self.core.disconnect(endpoint.into_endpoint()?)
            }

            /// The endpoint of the last `bind` or `connect`, as that returned it.
            pub fn last_endpoint(&self) -> Option<$crate::Endpoint> {
                self.core.last_endpoint()
            }

            /// Waits until at least `count` peers are there at the same time: through the handshake,
            /// or joined over inproc.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): fewer came in time (it says how many), or the
            /// socket is closed.
            pub fn wait_for_peers(
                &self,
                count: usize,
                timeout: std::time::Duration,
            ) -> Result<(), $crate::WaitError> {
                self.core.wait_for_peers(count, timeout)
            }

            /// Closes the socket: blocked calls return `Closed`, and what was sent is given the
            /// [`linger`](crate::Builder::linger) to be handed to the kernel (or to the peer, over
            /// inproc). Messages not yet received are discarded.
            ///
            /// Blocks until then, and for a second at most until the peers have read it, but never for
            /// longer than the linger (and not at all on an I/O thread, where a waker may run). Closing again waits for the same end. Dropping the socket does the same, and
            /// logs what could not be sent.
            ///
            /// # Errors
            ///
            /// [`Unsent`](crate::Unsent): how much was left when the linger ended, and for whom.
            pub fn close(&self) -> Result<(), $crate::Unsent> {
                self.core.close(self.core.linger())
            }
        }

        socket!(@sends $sends $name);
        socket!(@receives $receives $name);

        impl $crate::socket::SocketKind for $name {}

        impl $crate::socket::sealed::Sealed for $name {
            const PATTERN: $crate::socket::sealed::PatternToken =
                $crate::socket::sealed::PatternToken($pattern);

            fn from_core(core: $crate::socket::sealed::CoreToken) -> Self {
                Self { core: core.0 }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.core.fmt(f)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.core.close_on_drop();
            }
        }

        // Sockets are shared by reference or `Arc`, from any thread.
        const _: fn() = || {
            fn assert<T: Send + Sync + std::fmt::Debug + 'static>() {}
            assert::<$name>();
        };
    };

    (@sends no $name:ident) => {};
    (@sends yes $name:ident) => {
        impl $crate::socket::Sends for $name {}

        impl $name {
            /// Queues a message for the next peer with room, waiting for room if there is none.
            ///
            /// Waits for ever, or as long as the socket's [`send_timeout`] says; on an I/O thread
            /// (in a waker, say) not at all. The message is whole or not there: all its frames go
            /// to one peer. `Ok` means that it is queued; an I/O thread does the rest.
            ///
            /// [`send_timeout`]: crate::Builder::send_timeout
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError) hands the message back: the time allowed ran out, or
            /// the socket is closed, or its context shut down.
            #[inline]
            pub fn send(&self, message: impl Into<$crate::Message>) -> Result<(), $crate::SendError> {
                self.core
                    .send(message.into(), || self.core.send_patience())
                    .map_err(|(message, reason)| $crate::SendError::new(message, reason))
            }

            /// As [`send`](Self::send), but waits for at most `timeout`.
            ///
            /// # Errors
            ///
            /// As [`send`](Self::send).
            pub fn send_timeout(
                &self,
                message: impl Into<$crate::Message>,
                timeout: std::time::Duration,
            ) -> Result<(), $crate::SendError> {
                self.core
                    .send(message.into(), || self.core.patience(Some(timeout)))
                    .map_err(|(message, reason)| $crate::SendError::new(message, reason))
            }

            /// As [`send`](Self::send), but never waits.
            ///
            /// # Errors
            ///
            /// [`TrySendError`](crate::TrySendError) hands the message back: no peer has room (or
            /// there is none), or the socket is closed.
            #[inline]
            pub fn try_send(&self, message: impl Into<$crate::Message>) -> Result<(), $crate::TrySendError> {
                self.core
                    .send(message.into(), || $crate::waiting::Patience::None)
                    .map_err(|(message, reason)| match reason {
                        $crate::SendFailure::Timeout => $crate::TrySendError::Full(message),
                        $crate::SendFailure::Closed => $crate::TrySendError::Closed(message),
                        $crate::SendFailure::Terminated => $crate::TrySendError::Terminated(message),
                    })
            }

            /// As [`send`](Self::send), for tasks: the future waits for room, on any executor.
            ///
            /// The socket's `send_timeout` does not apply; use the executor's own.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped has sent the whole message or nothing of it. Dropped before
            /// it is ready, it has sent nothing, and the message goes with it.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError) hands the message back: the socket is closed, or its
            /// context shut down.
            pub fn send_async(
                &self,
                message: impl Into<$crate::Message>,
            ) -> impl Future<Output = Result<(), $crate::SendError>> + Send + '_ {
                $crate::socket::futures::SendFuture::new(&self.core, message.into())
            }
        }
    };

    (@receives no $name:ident) => {};
    (@receives yes $name:ident) => {
        impl $crate::socket::Receives for $name {}

        impl $name {
            /// Takes the next message, waiting for one if there is none.
            ///
            /// Waits for ever, or as long as the socket's [`recv_timeout`] says; on an I/O thread
            /// (in a waker, say) not at all. Peers that have something take turns, message by
            /// message; the messages of one peer come in the order in which it sent them.
            ///
            /// [`recv_timeout`]: crate::Builder::recv_timeout
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError): the time allowed ran out, or the socket is closed,
            /// or its context shut down.
            #[inline]
            pub fn recv(&self) -> Result<$crate::Message, $crate::RecvError> {
                self.core.recv(|| self.core.recv_patience())
            }

            /// As [`recv`](Self::recv), but waits for at most `timeout`.
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv).
            pub fn recv_timeout(
                &self,
                timeout: std::time::Duration,
            ) -> Result<$crate::Message, $crate::RecvError> {
                self.core.recv(|| self.core.patience(Some(timeout)))
            }

            /// As [`recv`](Self::recv), but never waits.
            ///
            /// # Errors
            ///
            /// [`TryRecvError`](crate::TryRecvError): there is nothing now, or the socket is closed.
            #[inline]
            pub fn try_recv(&self) -> Result<$crate::Message, $crate::TryRecvError> {
                self.core.recv(|| $crate::waiting::Patience::None).map_err(|error| match error {
                    $crate::RecvError::Timeout => $crate::TryRecvError::Empty,
                    $crate::RecvError::Closed => $crate::TryRecvError::Closed,
                    $crate::RecvError::Terminated => $crate::TryRecvError::Terminated,
                })
            }

            /// As [`recv`](Self::recv), for tasks: the future waits for a message, on any executor.
            ///
            /// The socket's `recv_timeout` does not apply; use the executor's own.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has taken nothing, and if it had been
            /// woken, the next one that waits is woken in its place.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError): the socket is closed, or its context shut down.
            pub fn recv_async(
                &self,
            ) -> impl Future<Output = Result<$crate::Message, $crate::RecvError>> + Send + '_ {
                $crate::socket::futures::RecvFuture::new(&self.core)
            }

            /// Every message from now on, each as [`recv`](Self::recv) gives it, until that fails.
            pub fn iter(&self) -> $crate::Iter<'_> {
                $crate::Iter::new(&self.core)
            }
        }

        impl<'a> IntoIterator for &'a $name {
            type Item = $crate::Message;
            type IntoIter = $crate::Iter<'a>;

            fn into_iter(self) -> $crate::Iter<'a> {
                self.iter()
            }
        }
    };
}
