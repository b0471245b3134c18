//! PUSH: the sending end of a pipeline.

use super::Pattern;

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
    Push, Pattern::PUSH, sends: yes, receives: no
}
