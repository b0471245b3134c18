//! The forms for tasks of everything that waits, besides messages.
//!
//! Written once as a macro, so that each type has them as its own documented methods.

macro_rules! for_tasks {
    ($name:ident) => {
        impl $name {
            /// As [`unbind`](Self::unbind), for tasks, on any executor.
            ///
            /// # Cancel safety
            ///
            /// Nothing happens before it is polled; dropped after that, the endpoint is given up in
            /// the background.
            ///
            /// # Errors
            ///
            /// As [`unbind`](Self::unbind).
            pub fn unbind_async<E>(
                &self,
                endpoint: E,
            ) -> impl Future<Output = Result<(), $crate::UnbindError>> + Send
            where
                E: $crate::IntoEndpoint,
            {
                let endpoint = endpoint.into_endpoint();
                async move { self.core.let_go_async(endpoint?, true).await }
            }

            /// As [`disconnect`](Self::disconnect), for tasks, on any executor.
            ///
            /// # Cancel safety
            ///
            /// Nothing happens before it is polled; dropped after that, the endpoint is let go of in
            /// the background.
            ///
            /// # Errors
            ///
            /// As [`disconnect`](Self::disconnect).
            pub fn disconnect_async<E>(
                &self,
                endpoint: E,
            ) -> impl Future<Output = Result<(), $crate::UnbindError>> + Send
            where
                E: $crate::IntoEndpoint,
            {
                let endpoint = endpoint.into_endpoint();
                async move { self.core.let_go_async(endpoint?, false).await }
            }

            /// As [`wait_for_peers`](Self::wait_for_peers), for tasks, on any executor, whose own
            /// timeout may be put around it.
            ///
            /// # Cancel safety
            ///
            /// Dropping it changes nothing.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): the socket is closed, or its context shut down. It
            /// never times out.
            pub fn wait_for_peers_async(
                &self,
                count: usize,
            ) -> impl Future<Output = Result<(), $crate::WaitError>> + Send + '_ {
                self.core.wait_for_peers_async(count)
            }

            /// As [`close`](Self::close), for tasks, on any executor: no thread waits. The linger is
            /// kept by an I/O thread, not by the executor (where the context has none, and a message
            /// waits for its inproc peer to come, by a thread started for that).
            ///
            /// # Cancel safety
            ///
            /// Nothing happens before it is polled. Dropped after that, the socket goes on being
            /// closed in the background, as if [detached](Self::detach).
            ///
            /// # Errors
            ///
            /// As [`close`](Self::close).
            pub fn close_async(
                &self,
            ) -> impl Future<Output = Result<(), $crate::Unsent>> + Send + '_ {
                self.core.close_async()
            }

            /// Closes the socket in the background: what was sent still has the
            /// [`linger`](crate::Builder::linger), but nobody waits for that, neither here nor when
            /// the socket is dropped. What could not be sent is logged.
            ///
            /// Returns at once. [`Context::terminate`](crate::Context::terminate) waits for it as for
            /// every socket; a program that ends without that may lose what is still to be sent.
            ///
            /// ```
            /// # fn main() -> Result<(), zocket::Error> {
            /// use zocket::{Context, Pull, Push};
            ///
            /// let context = Context::new();
            /// let pull = Pull::builder().context(&context).build()?;
            /// let push = Push::builder().context(&context).build()?;
            /// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
            /// push.send("last words")?;
            /// push.detach();
            /// assert_eq!(pull.recv()?, "last words");
            /// # Ok(())
            /// # }
            /// ```
            pub fn detach(self) {
                self.core.close_unheard();
            }
        }
    };
}

/// The same of waiting for subscribers, for types that publish.
macro_rules! subscribers_for_tasks {
    ($name:ident) => {
        impl $name {
            /// As [`wait_for_subscribers`](Self::wait_for_subscribers), for tasks, on any executor,
            /// whose own timeout may be put around it.
            ///
            /// # Cancel safety
            ///
            /// Dropping it changes nothing.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): the socket is closed, or its context shut down. It
            /// never times out.
            pub fn wait_for_subscribers_async(
                &self,
                count: usize,
            ) -> impl Future<Output = Result<(), $crate::WaitError>> + Send + '_ {
                self.core.wait_for_subscribers_async(count)
            }
        }
    };
}
