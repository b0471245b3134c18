//! DEALER: talks to many at once, both ways, without taking turns.

use crate::socket_type::SocketType;

socket! {
    /// Sends to its peers in turn, receives from all of them, and adds nothing to a message.
    ///
    /// To a [`Rep`](crate::Rep) or a [`Router`](crate::Router) that serves [`Req`](crate::Req)
    /// sockets it is an asynchronous REQ, which frames its requests itself: an empty frame, then the
    /// body. Talks to `Rep`, `Router` and `Dealer`. (RFC 28/REQREP.)
    ///
    /// ```
    /// use zocket::{Dealer, Message, Rep};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let rep = Rep::new();
    /// rep.bind("inproc://dealer-example")?;
    /// let dealer = Dealer::new();
    /// dealer.connect("inproc://dealer-example")?;
    ///
    /// // Two requests at once, which a REQ could not do.
    /// dealer.send(["", "one"])?;
    /// dealer.send(["", "two"])?;
    /// for _ in 0..2 {
    ///     let request = rep.recv()?;
    ///     let reply = format!("{}!", String::from_utf8_lossy(request.first()));
    ///     request.reply(reply)?;
    /// }
    /// assert_eq!(dealer.recv()?, Message::from(["", "one!"]));
    /// assert_eq!(dealer.recv()?, Message::from(["", "two!"]));
    /// # Ok(())
    /// # }
    /// ```
    Dealer, SocketType::Dealer,
    sends: yes "Queues a message for the next peer with room, waiting for room if there is none.",
    receives: yes "Takes the next message, waiting for one if there is none; peers that have something take turns."
}

receiving_many!(Dealer, recv_many, poll_recv_many);
sending_many!(Dealer, send_many, poll_send_many);
reserving!(Dealer "Keeps room for one message at the next peer that has some, waiting for room if there is none.");
flushing!(Dealer);
receiving_from_peer!(Dealer);
