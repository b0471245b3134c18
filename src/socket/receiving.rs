//! The forms of receiving, for every type that receives plain messages.
//!
//! Written once as a macro, so that each type has them as its own documented methods.

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

macro_rules! receiving {
    (no $name:ident) => {};
    (yes $name:ident $how:literal) => {
        streaming!($name, $crate::Message, $crate::socket::Core::poll_recv);

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
                $crate::socket::futures::Waiting::to_receive(
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
