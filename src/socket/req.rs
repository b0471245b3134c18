//! REQ: asks one of its peers, and waits for the answer.

use std::task::Context;
use std::time::{Duration, Instant};

use super::core::Core;
use super::futures::{Sending, Waiting};
use super::turn::Taken;
use crate::error::{RecvError, RequestError, SendError, SendFailure};
use crate::message::Message;
use crate::socket_type::SocketType;
use crate::waiting::Patience;

socket! {
    /// Sends a request to one of its peers, and receives that peer's reply.
    ///
    /// [`request`](Self::request) does both. Peers are asked in turn. With [`send`](Self::send) and
    /// [`recv`](Self::recv) the two are taken apart, and must alternate: a call out of turn is an
    /// error (`WrongState`) that hands the message back and changes nothing.
    ///
    /// A reply is taken only from the peer that was asked. When that is gone, `recv` says so
    /// (`PeerLost`) instead of waiting for ever, and the next request can be sent at once. A request
    /// that was not yet on its way stays queued for the endpoint instead. Talks to
    /// [`Rep`](crate::Rep) and [`Router`](crate::Router). (RFC 28/REQREP.)
    ///
    /// ```
    /// use std::thread;
    /// use zocket::{Rep, Req};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let rep = Rep::new();
    /// let here = rep.bind("tcp://127.0.0.1:*")?;
    /// let server = thread::spawn(move || {
    ///     for request in rep.iter().take(1) {
    ///         request.reply("world")?;
    ///     }
    ///     Ok::<_, zocket::Error>(())
    /// });
    ///
    /// let req = Req::new();
    /// req.connect(&here)?;
    /// assert_eq!(req.request("hello")?, "world");
    /// # server.join().unwrap()
    /// # }
    /// ```
    Req, SocketType::Req,
    sends: yes "Sends a request to the next peer with room, waiting for room if there is none. To be followed by [`recv`](Self::recv); before that, another one is refused (`WrongState`).",
    receives: yes "Takes the reply to the request that was sent, waiting for it. Without one under way it fails (`WrongState`), and when the peer that was asked is gone, too (`PeerLost`)."
}

flushing!(Req);

impl Req {
    /// Sends a request and waits for its reply.
    ///
    /// Requests from several threads take turns. Waits for ever, or as long as the socket's
    /// [`send_timeout`](crate::Builder::send_timeout) and
    /// [`recv_timeout`](crate::Builder::recv_timeout) say. One that fails ends its exchange: the
    /// next call works, and a late reply is not taken for that one's (see
    /// [`correlate`](crate::Builder::correlate); without it the connection is made anew, which does
    /// not help against a peer that keeps its replies over that, as a libzmq that connects does).
    ///
    /// # Errors
    ///
    /// [`RequestError`]: the request could not be sent (and is handed back), or there is no reply.
    pub fn request(&self, message: impl Into<Message>) -> Result<Message, RequestError> {
        self.exchange(
            message.into(),
            || self.core.send_patience(),
            || self.core.recv_patience(),
        )
    }

    /// As [`request`](Self::request), but waits for at most `timeout` in all.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn request_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<Message, RequestError> {
        let deadline = Instant::now().checked_add(timeout);
        let left = || {
            self.core.patience(
                deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())),
            )
        };
        self.exchange(message.into(), left, left)
    }

    /// As [`request`](Self::request), for tasks; the socket's timeouts do not apply.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped ends its exchange, if it had begun: the next call works.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn request_async(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<Message, RequestError>> + Send + '_ {
        let message = message.into();
        async move {
            let _turn = self.core.turn.take_async().await;
            let asking = Sending::new(&self.core, message, Core::poll_ask);
            let serial = asking.await.map_err(RequestError::NotSent)?;
            let exchange = Exchange {
                core: &self.core,
                serial,
            };
            let reply = Waiting::to_receive(
                &self.core,
                |core: &Core, cx: &Context<'_>, ticket: &mut _| {
                    core.poll_reply(exchange.serial, cx, ticket)
                },
            );
            reply.await.map_err(RequestError::NoReply)
        }
    }

    fn exchange(
        &self,
        message: Message,
        send_patience: impl Fn() -> Patience,
        recv_patience: impl Fn() -> Patience,
    ) -> Result<Message, RequestError> {
        let not_sent = |(message, reason)| RequestError::NotSent(SendError::new(message, reason));
        let _turn: Taken<'_> = match self.core.turn.take(&send_patience) {
            Ok(turn) => turn,
            Err(_) => return Err(not_sent((message, SendFailure::Timeout))),
        };
        let serial = self.core.ask(message, &send_patience).map_err(not_sent)?;
        let exchange = Exchange {
            core: &self.core,
            serial,
        };
        self.core
            .recv_reply(exchange.serial, &recv_patience)
            .map_err(|error: RecvError| RequestError::NoReply(error))
    }
}

/// A request under way, which ends with this if it has not before.
struct Exchange<'a> {
    core: &'a Core,
    serial: u64,
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.core.abandon(self.serial);
    }
}
