//! Receiving with whom it is from, for every type that receives plain messages.
//!
//! A pipe names its peer once for each incarnation of a connection, so that the other forms of
//! receiving pay nothing for this one.

macro_rules! receiving_from_peer {
    ($name:ident) => {
        impl $name {
            /// Takes the next message, and says whom it is from; waits as `recv` does.
            ///
            /// What is told of the peer is what it was when it sent the message, though it may have
            /// gone since, or come back as another.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError): the time allowed ran out, or the socket is closed,
            /// or its context shut down.
            pub fn recv_from_peer(
                &self,
            ) -> Result<($crate::PeerInfo, $crate::Message), $crate::RecvError> {
                self.core.recv_from_peer(|| self.core.recv_patience())
            }

            /// As [`recv_from_peer`](Self::recv_from_peer), but waits for at most `timeout`.
            ///
            /// # Errors
            ///
            /// As [`recv_from_peer`](Self::recv_from_peer).
            pub fn recv_from_peer_timeout(
                &self,
                timeout: std::time::Duration,
            ) -> Result<($crate::PeerInfo, $crate::Message), $crate::RecvError> {
                self.core
                    .recv_from_peer(|| self.core.patience(Some(timeout)))
            }

            /// As [`recv_from_peer`](Self::recv_from_peer), but never waits.
            ///
            /// # Errors
            ///
            /// [`TryRecvError`](crate::TryRecvError): there is nothing now, or the socket is closed.
            pub fn try_recv_from_peer(
                &self,
            ) -> Result<($crate::PeerInfo, $crate::Message), $crate::TryRecvError> {
                self.core
                    .recv_from_peer(|| $crate::waiting::Patience::None)
                    .map_err($crate::TryRecvError::from)
            }

            /// As [`recv_from_peer`](Self::recv_from_peer), for tasks: the future waits for a
            /// message, on any executor.
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
            pub fn recv_from_peer_async(
                &self,
            ) -> impl Future<
                Output = Result<($crate::PeerInfo, $crate::Message), $crate::RecvError>,
            > + Send
            + '_ {
                $crate::socket::futures::Waiting::to_receive(
                    &self.core,
                    $crate::socket::core::Core::poll_recv_from_peer,
                )
            }
        }
    };
}
