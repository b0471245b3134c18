//! PAIR: exactly two sockets.

use super::Pattern;

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
    Pair, Pattern::PAIR, sends: yes, receives: yes
}
