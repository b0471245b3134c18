//! PAIR: exactly two sockets.

use crate::socket_type::SocketType;

socket! {
    /// One of exactly two sockets that talk to each other, both ways.
    ///
    /// It has one peer at a time: a second one that connects is refused, with a log record, until
    /// the first has gone. Talks to another `Pair`. (RFC 31/EXPAIR.)
    ///
    /// ```
    /// use zocket::Pair;
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let ours = Pair::new();
    /// let theirs = Pair::new();
    /// ours.bind("inproc://pair-example")?;
    /// theirs.connect("inproc://pair-example")?;
    ///
    /// ours.send("ping")?;
    /// assert_eq!(theirs.recv()?, "ping");
    /// theirs.send("pong")?;
    /// assert_eq!(ours.recv()?, "pong");
    /// # Ok(())
    /// # }
    /// ```
    Pair, SocketType::Pair,
    sends: yes "Queues a message for the peer, waiting for one with room if there is none.",
    receives: yes "Takes the next message of the peer, waiting for one if there is none."
}

receiving_many!(Pair, recv_many, poll_recv_many);
sending_many!(Pair, send_many, poll_send_many);
reserving!(Pair "Keeps room for one message to the peer, waiting for one with room if there is none.");
flushing!(Pair);
receiving_from_peer!(Pair);
