//! Sockets as streams and sinks. (Feature `futures`.)
//!
//! The methods are written once as macros, so that each type has them as its own documented ones.

#[cfg(feature = "futures")]
pub(super) use ends::{Incoming, Outgoing};

#[cfg(feature = "futures")]
mod ends {
    use std::fmt;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use futures_core::Stream;
    use futures_sink::Sink;

    use crate::error::{RecvError, SendError, SendFailure};
    use crate::message::Message;
    use crate::socket::Core;
    use crate::socket::sealed::Watched;
    use crate::waiting::Ticket;

    type PollRecv<T> = fn(&Core, &Context<'_>, &mut Option<Ticket>) -> Poll<Result<T, RecvError>>;

    type PollSend<T> = fn(
        &Core,
        &Context<'_>,
        &mut Option<Ticket>,
        &mut Option<T>,
    ) -> Poll<Result<(), SendFailure>>;

    /// What a socket receives; `socket` is borrowed or shared.
    pub(in crate::socket) struct Incoming<S: Watched, T> {
        socket: S,
        ticket: Option<Ticket>,
        poll: PollRecv<T>,
    }

    impl<S: Watched, T> Incoming<S, T> {
        pub(in crate::socket) fn new(socket: S, poll: PollRecv<T>) -> Self {
            Self {
                socket,
                ticket: None,
                poll,
            }
        }
    }

    impl<S: Watched + Unpin, T> Stream for Incoming<S, T> {
        type Item = T;

        fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
            let this = self.get_mut();
            (this.poll)(this.socket.core_of().0, cx, &mut this.ticket).map(Result::ok)
        }
    }

    impl<S: Watched, T> Drop for Incoming<S, T> {
        fn drop(&mut self) {
            if let Some(ticket) = self.ticket.take() {
                self.socket.core_of().0.cancel_recv(&ticket);
            }
        }
    }

    impl<S: Watched, T> fmt::Debug for Incoming<S, T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "Stream({:?})", self.socket.core_of().0)
        }
    }

    /// Where messages go in; one that has no room yet waits here.
    pub(in crate::socket) struct Outgoing<S: Watched, T> {
        socket: S,
        ticket: Option<Ticket>,
        waits: Option<T>,
        poll: PollSend<T>,
        message: fn(T) -> Message,
    }

    impl<S: Watched, T> Outgoing<S, T> {
        pub(in crate::socket) fn new(
            socket: S,
            poll: PollSend<T>,
            message: fn(T) -> Message,
        ) -> Self {
            Self {
                socket,
                ticket: None,
                waits: None,
                poll,
                message,
            }
        }

        fn poll_empty(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
            if self.waits.is_none() {
                return Poll::Ready(Ok(()));
            }
            let core = self.socket.core_of().0;
            let outcome = ready!((self.poll)(core, cx, &mut self.ticket, &mut self.waits));
            let left = self.waits.take();
            Poll::Ready(outcome.map_err(|reason| {
                SendError::new(left.map(self.message).unwrap_or_default(), reason)
            }))
        }
    }

    impl<S: Watched + Unpin, T: Unpin> Sink<T> for Outgoing<S, T> {
        type Error = SendError;

        fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
            self.get_mut().poll_empty(cx)
        }

        fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), SendError> {
            let this = self.get_mut();
            if this.waits.is_some() {
                // It was not asked whether it is ready.
                return Err(SendError::new((this.message)(item), SendFailure::Timeout));
            }
            this.waits = Some(item);
            Ok(())
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
            self.get_mut().poll_empty(cx)
        }

        fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
            self.get_mut().poll_empty(cx)
        }
    }

    impl<S: Watched, T> Drop for Outgoing<S, T> {
        fn drop(&mut self) {
            if let Some(ticket) = self.ticket.take() {
                self.socket.core_of().0.cancel_send(&ticket);
            }
        }
    }

    impl<S: Watched, T> fmt::Debug for Outgoing<S, T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "Sink({:?})", self.socket.core_of().0)
        }
    }
}

/// `stream` and `owned_stream` of a type that receives; `$poll` is its form of receiving.
macro_rules! streaming {
    ($name:ident, $item:ty, $poll:expr) => {
        /// Only with the feature `futures`.
        #[cfg(feature = "futures")]
        impl $name {
            /// What [`iter`](Self::iter) gives, for tasks, on any executor: a
            /// [`Stream`](futures_core::Stream) that ends when receiving fails: when the socket is
            /// closed or its context shut down, or it is not its turn to receive (REQ and, in raw
            /// form, REP). The socket's `recv_timeout` does not apply.
            ///
            /// There may be several at a time, which share what arrives. One that was polled and got
            /// nothing is woken for the next thing that does: poll it then, or drop it.
            ///
            /// ```
            /// use futures::{SinkExt, StreamExt};
            /// use zocket::{Pull, Push};
            ///
            /// # fn main() -> Result<(), zocket::Error> {
            /// let (pull, push) = (Pull::new(), Push::new());
            #[doc = concat!("pull.bind(\"inproc://stream-", stringify!($name), "\")?;")]
            #[doc = concat!("push.connect(\"inproc://stream-", stringify!($name), "\")?;")]
            /// # futures::executor::block_on(
            /// async {
            ///     push.sink().send("hello".into()).await?;
            ///     assert_eq!(pull.stream().next().await.unwrap(), "hello");
            ///     Ok(())
            /// }
            /// # )
            /// # }
            /// ```
            ///
            /// # Cancel safety
            ///
            /// Nothing that was received is lost with it. A stream that is dropped passes a wake-up
            /// that it had been given on to the next one that waits.
            pub fn stream(
                &self,
            ) -> impl futures_core::Stream<Item = $item> + Unpin + Send + std::fmt::Debug + '_ {
                $crate::socket::streams::Incoming::new(self, $poll)
            }

            /// As [`stream`](Self::stream), but it shares the socket instead of borrowing it, as a
            /// task that is spawned has to.
            pub fn owned_stream(
                self: std::sync::Arc<Self>,
            ) -> impl futures_core::Stream<Item = $item> + Unpin + Send + std::fmt::Debug + 'static
            {
                $crate::socket::streams::Incoming::new(self, $poll)
            }
        }
    };
}

/// `sink` and `owned_sink` of a type that sends; `$poll` is its form of sending, and `$message` takes
/// the message out of what it sends.
macro_rules! sinking {
    ($name:ident, $item:ty, $poll:expr, $message:expr) => {
        /// Only with the feature `futures`.
        #[cfg(feature = "futures")]
        impl $name {
            /// Sends, for tasks, on any executor: a [`Sink`](futures_sink::Sink) that is ready when
            /// the message before has found room. The socket's `send_timeout` does not apply.
            ///
            /// Flushed means queued, as when a `send` returns, not that it is on the wire. Closing the
            /// sink flushes it and leaves the socket open. It holds one message at most, which has not
            /// been sent yet: that one goes with it if it is dropped without being flushed.
            ///
            /// Its error is [`SendError`](crate::SendError), which hands the message back; the sink may
            /// be used on after that.
            ///
            /// ```
            /// use futures::{SinkExt, StreamExt};
            /// use zocket::{Pull, Push};
            ///
            /// # fn main() -> Result<(), zocket::Error> {
            /// let (pull, push) = (Pull::new(), Push::new());
            #[doc = concat!("pull.bind(\"inproc://sink-", stringify!($name), "\")?;")]
            #[doc = concat!("push.connect(\"inproc://sink-", stringify!($name), "\")?;")]
            /// # futures::executor::block_on(
            /// async {
            ///     let mut sink = push.sink();
            ///     sink.feed("one".into()).await?;
            ///     sink.send("two".into()).await?;
            ///     let both: Vec<_> = pull.stream().take(2).collect().await;
            ///     assert_eq!(both[1], "two");
            ///     Ok(())
            /// }
            /// # )
            /// # }
            /// ```
            ///
            /// # Cancel safety
            ///
            /// A `send` that is dropped before it is ready may have left its message in the sink, which
            /// sends it with the next one; a sink that is dropped passes a wake-up that it had been given
            /// on to the next one that waits.
            pub fn sink(
                &self,
            ) -> impl futures_sink::Sink<$item, Error = $crate::SendError>
            + Unpin
            + Send
            + std::fmt::Debug
            + '_ {
                $crate::socket::streams::Outgoing::new(self, $poll, $message)
            }

            /// As [`sink`](Self::sink), but it shares the socket instead of borrowing it, as a task
            /// that is spawned has to.
            pub fn owned_sink(
                self: std::sync::Arc<Self>,
            ) -> impl futures_sink::Sink<$item, Error = $crate::SendError>
            + Unpin
            + Send
            + std::fmt::Debug
            + 'static {
                $crate::socket::streams::Outgoing::new(self, $poll, $message)
            }
        }
    };
}
