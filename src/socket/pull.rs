//! PULL: the receiving end of a pipeline.

use crate::socket_type::SocketType;

socket! {
    /// The receiving end of a pipeline: takes messages from every PUSH peer, each in turn.
    ///
    /// A peer whose queue here is at its high-water mark is not read any further, so that in the end
    /// its sender waits. Talks to [`Push`](crate::Push). (RFC 30/PIPELINE.)
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
    /// for n in 0..3 {
    ///     push.send(format!("task {n}"))?;
    /// }
    /// for (n, task) in pull.iter().take(3).enumerate() {
    ///     assert_eq!(task, format!("task {n}"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    Pull, SocketType::Pull,
    sends: no,
    receives: yes "Takes the next message, waiting for one if there is none; peers that have something take turns."
}

receiving_many!(Pull, recv_many, poll_recv_many);
receiving_from_peer!(Pull);
