//! XSUB: a SUB that subscribes by messages, and may send others.

use std::time::Duration;

use super::core::Core;
use super::futures::Sending;
use crate::error::{SendError, SubscribeError, TrySendError};
use crate::message::Message;
use crate::socket_type::SocketType;
use crate::waiting::Patience;

socket! {
    /// A [`Sub`](crate::Sub) for those who pass subscriptions on: it subscribes by what it
    /// [`send`](Self::send)s, and takes whatever its publishers send.
    ///
    /// A frame of a byte 1 and a topic subscribes, a byte 0 and a topic takes that back; all else
    /// goes to every publisher ([`XPub`](crate::XPub) receives it). Talks to [`Pub`](crate::Pub)
    /// and `XPub`. (RFC 29/PUBSUB.)
    ///
    /// ```
    /// use std::time::Duration;
    /// use zocket::{Pub, XSub};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let publisher = Pub::new();
    /// publisher.bind("inproc://xsub-example")?;
    /// let subscriber = XSub::new();
    /// subscriber.connect("inproc://xsub-example")?;
    ///
    /// subscriber.send("\x01weather")?;
    /// publisher.wait_for_subscribers(1, Duration::from_secs(10))?;
    /// publisher.send("weather: rain")?;
    /// assert_eq!(subscriber.recv()?, "weather: rain");
    /// # Ok(())
    /// # }
    /// ```
    XSub, SocketType::XSub,
    sends: no,
    receives: yes "Takes the next message, waiting for one if there is none; publishers that have something take turns."
}

sinking!(XSub, Message, Core::poll_send_raw, std::convert::identity);
receiving_many!(XSub, recv_many, poll_recv_many);
sending_many!(XSub, send_many_raw, poll_send_many_raw);
reserving!(XSub "Leave to send one message. Does not wait, as [`send`](Self::send) does not, and keeps no room: a publisher that has none when it is sent misses it.");
flushing!(XSub);
receiving_from_peer!(XSub);
counting_topics!(XSub "How many different topics it is subscribed to now: one that was asked for twice is counted once.");

impl XSub {
    /// Subscribes, takes a subscription back, or queues a message for every publisher with room.
    ///
    /// Never waits: a publisher without room misses the message, which is counted. Subscriptions are
    /// never lost.
    ///
    /// # Errors
    ///
    /// [`SendError`] hands the message back: the socket is closed, or its context shut down.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.core
            .send_upstream(message.into(), || Patience::None)
            .map_err(|(message, reason)| SendError::new(message, reason))
    }

    /// The same: [`send`](Self::send) never waits.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_timeout(
        &self,
        message: impl Into<Message>,
        _timeout: Duration,
    ) -> Result<(), SendError> {
        self.send(message)
    }

    /// The same: [`send`](Self::send) never waits.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        self.core
            .send_upstream(message.into(), || Patience::None)
            .map_err(|(message, reason)| TrySendError::new(message, reason))
    }

    /// The same for tasks, ready at once.
    ///
    /// # Cancel safety
    ///
    /// Before it is polled it has sent nothing, after that all.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_async(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + '_ {
        Sending::new(&self.core, message.into(), Core::poll_send_raw)
    }

    /// Subscribes to messages whose first frame begins with `prefix`, as [`Sub`](crate::Sub) does.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]: the socket is closed, or its context shut down.
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError> {
        Ok(self.core.subscribe(prefix.as_ref(), true)?)
    }

    /// Takes a subscription back.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError> {
        Ok(self.core.subscribe(prefix.as_ref(), false)?)
    }
}
