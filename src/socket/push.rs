//! PUSH: the sending end of a pipeline.

use crate::socket_type::SocketType;

socket! {
    /// The sending end of a pipeline: each message goes to one PULL peer.
    ///
    /// Peers with room take turns. With no peer, or with every peer's queue at its high-water mark,
    /// [`send`](Self::send) waits. Talks to [`Pull`](crate::Pull). (RFC 30/PIPELINE.)
    ///
    /// ```
    /// use zocket::{Pull, Push};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let pull = Pull::new();
    /// let here = pull.bind("tcp://127.0.0.1:*")?;
    ///
    /// let push = Push::new();
    /// push.connect(&here)?;
    /// push.send("hello")?;
    /// assert_eq!(pull.recv()?, "hello");
    /// # Ok(())
    /// # }
    /// ```
    Push, SocketType::Push,
    sends: yes "Queues a message for the next peer with room, waiting for room if there is none.",
    receives: no
}

sending_many!(Push, send_many, poll_send_many);
reserving!(Push "Keeps room for one message at the next peer that has some, waiting for room if there is none.");
flushing!(Push);
