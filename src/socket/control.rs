//! What every socket type offers besides messages, and the forms of sending and receiving.
//!
//! Written once as macros, so that each type has them as its own documented methods.

use std::fmt;

use super::core::Core;
use crate::message::Message;

/// What a receiver receives, one after the other; made by its `iter()`.
///
/// Blocks in [`next`](Iterator::next) as `recv` does, and ends when that fails: when the socket is
/// closed or its context shut down, or nothing arrived within its `recv_timeout`.
pub struct Iter<'a, T = Message> {
    core: &'a Core,
    recv: fn(&Core) -> Option<T>,
}

impl<'a, T> Iter<'a, T> {
    pub(super) fn new(core: &'a Core, recv: fn(&Core) -> Option<T>) -> Self {
        Self { core, recv }
    }
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        (self.recv)(self.core)
    }
}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Iter({:?})", self.core)
    }
}

macro_rules! socket {
    (
        $(#[$doc:meta])* $name:ident, $socket_type:expr,
        sends: $sends:tt $($send_doc:literal)?, receives: $receives:tt $($recv_doc:literal)?
    ) => {
        $(#[$doc])*
        pub struct $name {
            core: $crate::socket::Owner,
        }

        impl $name {
            /// A socket with the default options, on [`Context::global`](crate::Context::global).
            ///
            /// Cannot fail, and starts nothing: it makes no descriptor and no thread.
            #[allow(clippy::new_without_default, reason = "it has Default")]
            pub fn new() -> Self {
                $crate::socket::Builder::make_default($socket_type)
            }

            /// A socket to be set up.
            pub fn builder() -> $crate::socket::Builder<Self> {
                $crate::socket::Builder::new($socket_type)
            }
        }

        socket!(@control $name);
        socket!(@sends $sends $name $($send_doc)?);
        socket!(@receives $receives $name $($recv_doc)?);

        impl $crate::socket::SocketKind for $name {}

        impl $crate::socket::sealed::Sealed for $name {
            fn from_core(core: $crate::socket::sealed::CoreToken) -> Self {
                core.0.into()
            }
        }

        impl From<$crate::socket::Owner> for $name {
            fn from(core: $crate::socket::Owner) -> Self {
                Self { core }
            }
        }

        /// The same socket in its dynamic form.
        impl From<$name> for $crate::Socket {
            fn from(socket: $name) -> Self {
                socket.core.into()
            }
        }

        /// The same socket in its dynamic form, to be shared.
        impl From<$name> for std::sync::Arc<$crate::Socket> {
            fn from(socket: $name) -> Self {
                std::sync::Arc::new(socket.into())
            }
        }

        /// The same socket in its typed form.
        impl TryFrom<$crate::Socket> for $name {
            type Error = $crate::Socket;

            /// # Errors
            ///
            /// Hands the socket back if it is of another type.
            fn try_from(socket: $crate::Socket) -> Result<Self, $crate::Socket> {
                if socket.socket_type() == $socket_type {
                    Ok(socket.into_core().into())
                } else {
                    Err(socket)
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };

    (@control $name:ident) => {
        impl $name {
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
            /// Over inproc nothing is lost on the way, so nothing is connected again: when the
            /// socket that is bound leaves, that was it, until `connect` is called again.
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

            /// Who is there now: through the handshake, or joined over inproc.
            pub fn peers(&self) -> Vec<$crate::PeerInfo> {
                self.core.peers()
            }

            /// What has been counted until now: every message, and what became of it.
            pub fn stats(&self) -> $crate::Stats {
                self.core.stats()
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

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.core.fmt(f)
            }
        }

        // Sockets are shared by reference or `Arc`, from any thread.
        const _: fn() = || {
            fn assert<T: Send + Sync + std::fmt::Debug + 'static>() {}
            assert::<$name>();
        };
    };

    (@sends no $name:ident) => {};
    (@sends yes $name:ident $how:literal) => {
        impl $name {
            #[doc = $how]
            ///
            /// Where it waits, it does so for ever, or as long as the socket's [`send_timeout`] says; on an I/O thread
            /// (in a waker, say) not at all. The message is whole or not there: a peer gets
            /// all its frames or none. `Ok` means that it is queued; an I/O thread does the rest.
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
                    .map_err(|(message, reason)| $crate::TrySendError::new(message, reason))
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
                $crate::socket::futures::Sending::new(
                    &self.core,
                    message.into(),
                    $crate::socket::core::Core::poll_send,
                )
            }
        }
    };

    (@receives no $name:ident) => {};
    (@receives yes $name:ident $how:literal) => {
        impl $name {
            #[doc = $how]
            ///
            /// Waits for ever, or as long as the socket's [`recv_timeout`] says; on an I/O thread
            /// (in a waker, say) not at all. The messages of one peer come in the order in which it
            /// sent them.
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
                self.core
                    .recv(|| $crate::waiting::Patience::None)
                    .map_err($crate::TryRecvError::from)
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
                $crate::socket::futures::Receiving::new(
                    &self.core,
                    $crate::socket::core::Core::poll_recv,
                )
            }

            /// Every message from now on, each as [`recv`](Self::recv) gives it, until that fails.
            pub fn iter(&self) -> $crate::Iter<'_> {
                $crate::Iter::new(&self.core, |core| core.recv(|| core.recv_patience()).ok())
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
