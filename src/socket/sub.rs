//! SUB: what it has subscribed to, from every publisher.

use crate::error::SubscribeError;
use crate::socket_type::SocketType;

socket! {
    /// Receives, of what its publishers send, that whose first frame begins with something it has
    /// subscribed to.
    ///
    /// Without a subscription it receives nothing. Subscriptions may come before or after `connect`
    /// and `bind`; every publisher is told of them, and told again when it comes back. Talks to
    /// [`Pub`](crate::Pub) and [`XPub`](crate::XPub). (RFC 29/PUBSUB.)
    ///
    /// ```
    /// use std::time::Duration;
    /// use zocket::{Pub, Sub};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let subscriber = Sub::new();
    /// let here = subscriber.bind("tcp://127.0.0.1:*")?;
    /// subscriber.subscribe("")?; // everything
    ///
    /// let publisher = Pub::new();
    /// publisher.connect(&here)?;
    /// publisher.wait_for_subscribers(1, Duration::from_secs(10))?;
    /// publisher.send("news")?;
    /// assert_eq!(subscriber.recv()?, "news");
    /// # Ok(())
    /// # }
    /// ```
    Sub, SocketType::Sub,
    sends: no,
    receives: yes "Takes the next message that matches a subscription, waiting for one if there is none; publishers that have something take turns."
}

receiving_many!(Sub, recv_many, poll_recv_many);
receiving_from_peer!(Sub);
counting_topics!(Sub "How many different topics it is subscribed to now: one that was asked for twice is counted once.");

impl Sub {
    /// Subscribes to messages whose first frame begins with `prefix`; the empty one is for all.
    ///
    /// Never waits. Subscriptions are counted: what was made twice has to be taken back twice.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]: the socket is closed, or its context shut down.
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError> {
        Ok(self.core.subscribe(prefix.as_ref(), true)?)
    }

    /// Takes a subscription back; one that was not made is nothing to take back.
    ///
    /// Messages that were on their way are not received any more.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError> {
        Ok(self.core.subscribe(prefix.as_ref(), false)?)
    }
}
