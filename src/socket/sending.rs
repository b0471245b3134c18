//! The forms of sending, for every type that sends to whoever has room or wants it.
//!
//! Written once as a macro, so that each type has them as its own documented methods.

macro_rules! sending {
    (no $name:ident) => {};
    (yes $name:ident $how:literal) => {
        sinking!(
            $name,
            $crate::Message,
            $crate::socket::Core::poll_send,
            std::convert::identity
        );

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
            pub fn send(
                &self,
                message: impl Into<$crate::Message>,
            ) -> Result<(), $crate::SendError> {
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
            pub fn try_send(
                &self,
                message: impl Into<$crate::Message>,
            ) -> Result<(), $crate::TrySendError> {
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
}
