//! PUB: a copy of each message to every subscriber who wants it.

use std::time::Duration;

use crate::error::WaitError;
use crate::socket_type::SocketType;

socket! {
    /// Gives each subscriber a copy of every message whose first frame begins with something that it
    /// has subscribed to.
    ///
    /// Never waits (but see [`nodrop`](crate::Builder::nodrop)): a subscriber whose queue is at its
    /// high-water mark misses what does not fit, which is counted ([`stats`](Self::stats)) and
    /// logged; nobody else notices. What is sent before anybody has subscribed goes to nobody:
    /// [`wait_for_subscribers`](Self::wait_for_subscribers) first. Subscriptions are taken in the
    /// background as they arrive. Talks to [`Sub`](crate::Sub) and [`XSub`](crate::XSub).
    /// (RFC 29/PUBSUB.)
    ///
    /// ```
    /// use std::time::Duration;
    /// use zocket::{Pub, Sub};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let publisher = Pub::new();
    /// let here = publisher.bind("tcp://127.0.0.1:*")?;
    /// let subscriber = Sub::new();
    /// subscriber.subscribe("weather")?;
    /// subscriber.connect(&here)?;
    ///
    /// publisher.wait_for_subscribers(1, Duration::from_secs(10))?;
    /// publisher.send(["traffic", "jam"])?;
    /// publisher.send(["weather", "rain"])?;
    /// assert_eq!(*subscriber.recv()?.frames(), ["weather", "rain"]);
    /// # Ok(())
    /// # }
    /// ```
    Pub, SocketType::Pub,
    sends: yes "Queues a copy of a message for every subscriber who wants it and has room. Does not wait, unless it is to drop nothing (`nodrop`).",
    receives: no
}

sending_many!(Pub, send_many, poll_send_many);
subscribers_for_tasks!(Pub);
reserving!(Pub "Leave to send one message. Does not wait, as [`send`](Self::send) does not, and keeps no room: who has none when it is sent misses it. But if nobody is to miss anything (`nodrop`), it waits until every subscriber has room, whatever it subscribed to, and keeps some at each; one that comes later gets the message beyond its limit.");
flushing!(Pub);
counting_topics!(Pub "How many different topics its subscribers have together now: one that several have is counted once.");

impl Pub {
    /// Waits until at least `count` peers that have subscribed to something are there at the same
    /// time: what is sent after that will reach them.
    ///
    /// # Errors
    ///
    /// [`WaitError`]: fewer came in time (it says how many), or the socket is closed.
    pub fn wait_for_subscribers(&self, count: usize, timeout: Duration) -> Result<(), WaitError> {
        self.core.wait_for_subscribers(count, timeout)
    }
}
