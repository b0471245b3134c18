//! ROUTER: talks to each of many by its name.

use std::collections::VecDeque;
use std::task::Context;
#[cfg(feature = "futures")]
use std::task::Poll;
use std::time::Duration;

use super::core::Core;
use super::futures::{Sending, Waiting};
use super::permit::Permit;
use super::receiving::Iter;
use crate::endpoint::{Endpoint, IntoEndpoint};
use crate::error::{ConnectError, RecvError, ReserveError, SendError, TryRecvError, TrySendError};
use crate::message::Message;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::waiting::Patience;
#[cfg(feature = "futures")]
use crate::{error::SendFailure, waiting::Ticket};

socket! {
    /// Knows each peer by a routing id: receives with it, and sends to it.
    ///
    /// A peer may announce its id ([`routing_id`](crate::Builder::routing_id)); one that does not is
    /// given one. Ids are unique at a ROUTER: a peer that comes with the id of another is refused
    /// and its connection closed, which is logged, unless
    /// [`handover`](crate::Builder::handover) lets it take over. A peer that comes back with a new
    /// id is known by the new one. A message for an id that nobody has, or for a peer without
    /// room, is dropped and counted ([`stats`](Self::stats)), or an error with
    /// [`mandatory`](crate::Builder::mandatory). Talks to [`Dealer`](crate::Dealer),
    /// [`Req`](crate::Req) and `Router`. (RFC 28/REQREP.)
    ///
    /// ```
    /// use zocket::{Dealer, Router};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let router = Router::new();
    /// let here = router.bind("tcp://127.0.0.1:*")?;
    /// let worker = Dealer::builder().routing_id("worker-7").build()?;
    /// worker.connect(&here)?;
    ///
    /// worker.send("ready")?;
    /// let (id, message) = router.recv_from()?;
    /// assert_eq!((id.to_string().as_str(), message), ("worker-7", "ready".into()));
    /// router.send_to(&id, "work")?;
    /// assert_eq!(worker.recv()?, "work");
    /// # Ok(())
    /// # }
    /// ```
    Router, SocketType::Router, sends: no, receives: no
}

streaming!(Router, (RoutingId, Message), Core::poll_recv_from);
sinking!(Router, (RoutingId, Message), poll_send_item, |(
    _,
    message,
)| { message });

/// Sends to whom it is for; what is not sent stays.
#[cfg(feature = "futures")]
fn poll_send_item(
    core: &Core,
    cx: &Context<'_>,
    ticket: &mut Option<Ticket>,
    item: &mut Option<(RoutingId, Message)>,
) -> Poll<Result<(), SendFailure>> {
    let Some((id, message)) = item.take() else {
        return Poll::Ready(Ok(()));
    };
    let mut message = Some(message);
    let polled = core.poll_send_to(&id, cx, ticket, &mut message);
    *item = message.map(|message| (id, message));
    polled
}
flushing!(Router);
receiving_from_peer!(Router);

impl Router {
    /// Queues a message for the peer with this id.
    ///
    /// Without [`mandatory`](crate::Builder::mandatory) it never waits, and what cannot be given to
    /// a peer is dropped and counted. With it, waits while that peer has no room, for ever or as
    /// long as the socket's [`send_timeout`](crate::Builder::send_timeout) says; on an I/O thread
    /// not at all.
    ///
    /// # Errors
    ///
    /// [`SendError`] hands the message back: the socket is closed, its context shut down; with
    /// *mandatory* also that nobody has the id (`Unroutable`), or that the time allowed ran out.
    pub fn send_to(&self, id: &RoutingId, message: impl Into<Message>) -> Result<(), SendError> {
        self.core
            .send_to(id, message.into(), || self.core.send_patience())
            .map_err(|(message, reason)| SendError::new(message, reason))
    }

    /// As [`send_to`](Self::send_to), but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    pub fn send_to_timeout(
        &self,
        id: &RoutingId,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<(), SendError> {
        self.core
            .send_to(id, message.into(), || self.core.patience(Some(timeout)))
            .map_err(|(message, reason)| SendError::new(message, reason))
    }

    /// As [`send_to`](Self::send_to), but never waits.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to), where a peer without room is `Full`.
    pub fn try_send_to(
        &self,
        id: &RoutingId,
        message: impl Into<Message>,
    ) -> Result<(), TrySendError> {
        self.core
            .send_to(id, message.into(), || Patience::None)
            .map_err(|(message, reason)| TrySendError::new(message, reason))
    }

    /// As [`send_to`](Self::send_to), for tasks; the socket's `send_timeout` does not apply.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    pub fn send_to_async(
        &self,
        id: &RoutingId,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + '_ {
        let id = id.clone();
        Sending::new(
            &self.core,
            message.into(),
            move |core: &Core, cx: &Context<'_>, ticket: &mut _, message: &mut _| {
                core.poll_send_to(&id, cx, ticket, message)
            },
        )
    }

    /// Keeps room for one message to the peer with this id, waiting while it has none.
    ///
    /// Waits as [`send_to`](Self::send_to) does with [`mandatory`](crate::Builder::mandatory), which
    /// makes no difference here: who asks for room wants to know whether there is a peer.
    ///
    /// The permit is for whoever has the id when it is used: one that has come back gets the message
    /// beyond its limit if need be.
    ///
    /// # Errors
    ///
    /// [`ReserveError`]: nobody has the id (`Unroutable`), the time allowed ran out, the socket is
    /// closed, or its context shut down.
    pub fn reserve_to(&self, id: &RoutingId) -> Result<Permit<'_>, ReserveError> {
        self.core.reserve_to(id, || self.core.send_patience())
    }

    /// As [`reserve_to`](Self::reserve_to), but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`reserve_to`](Self::reserve_to).
    pub fn reserve_to_timeout(
        &self,
        id: &RoutingId,
        timeout: Duration,
    ) -> Result<Permit<'_>, ReserveError> {
        self.core
            .reserve_to(id, || self.core.patience(Some(timeout)))
    }

    /// As [`reserve_to`](Self::reserve_to), but never waits.
    ///
    /// # Errors
    ///
    /// As [`reserve_to`](Self::reserve_to), where a peer without room is `Full`.
    pub fn try_reserve_to(&self, id: &RoutingId) -> Result<Permit<'_>, ReserveError> {
        self.core
            .reserve_to(id, || Patience::None)
            .map_err(ReserveError::at_once)
    }

    /// As [`reserve_to`](Self::reserve_to), for tasks; the socket's `send_timeout` does not apply.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready keeps no room.
    ///
    /// # Errors
    ///
    /// As [`reserve_to`](Self::reserve_to).
    pub fn reserve_to_async(
        &self,
        id: &RoutingId,
    ) -> impl Future<Output = Result<Permit<'_>, ReserveError>> + Send + use<'_> {
        self.core.reserve_to_async(id.clone())
    }

    /// Takes the next message and the id of the peer that sent it, waiting for one if there is none.
    ///
    /// Waits for ever, or as long as the socket's [`recv_timeout`](crate::Builder::recv_timeout)
    /// says; on an I/O thread not at all. Peers that have something take turns.
    ///
    /// # Errors
    ///
    /// [`RecvError`]: the time allowed ran out, or the socket is closed, or its context shut down.
    pub fn recv_from(&self) -> Result<(RoutingId, Message), RecvError> {
        self.core.recv_from(|| self.core.recv_patience())
    }

    /// As [`recv_from`](Self::recv_from), but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn recv_from_timeout(&self, timeout: Duration) -> Result<(RoutingId, Message), RecvError> {
        self.core.recv_from(|| self.core.patience(Some(timeout)))
    }

    /// As [`recv_from`](Self::recv_from), but never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`]: there is nothing now, or the socket is closed.
    pub fn try_recv_from(&self) -> Result<(RoutingId, Message), TryRecvError> {
        self.core
            .recv_from(|| Patience::None)
            .map_err(TryRecvError::from)
    }

    /// As [`recv_from`](Self::recv_from), for tasks; the socket's `recv_timeout` does not apply.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing.
    ///
    /// # Errors
    ///
    /// [`RecvError`]: the socket is closed, or its context shut down.
    pub fn recv_from_async(
        &self,
    ) -> impl Future<Output = Result<(RoutingId, Message), RecvError>> + Send + '_ {
        Waiting::to_receive(&self.core, Core::poll_recv_from)
    }

    /// Every message from now on, each as [`recv_from`](Self::recv_from) gives it, until that fails.
    pub fn iter(&self) -> Iter<'_, (RoutingId, Message)> {
        Iter::new(&self.core, |core| {
            core.recv_from(|| core.recv_patience()).ok()
        })
    }

    /// Appends up to `max` messages to a queue, each with the id of the peer that sent it, and says
    /// how many: waits for one as [`recv_from`](Self::recv_from) does, and takes with it those that
    /// are there already.
    ///
    /// The socket's lock is taken once for up to 256 of them instead of for each; otherwise it is the
    /// same. One call takes 65,536 at most. With a `max` of 0 it takes nothing, and says so at once.
    ///
    /// ```
    /// use std::collections::VecDeque;
    /// use zocket::{Dealer, Router};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let (router, dealer) = (Router::new(), Dealer::new());
    /// router.bind("inproc://many-from-example")?;
    /// dealer.connect("inproc://many-from-example")?;
    /// dealer.send_many(&mut VecDeque::from(["one".into(), "two".into()]))?;
    ///
    /// let mut queue = VecDeque::new();
    /// while queue.len() < 2 {
    ///     router.recv_many_from(&mut queue, 100)?;
    /// }
    /// for (id, message) in queue {
    ///     router.send_to(&id, message)?;
    /// }
    /// assert_eq!(dealer.recv()?, "one");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from); nothing was taken then.
    pub fn recv_many_from(
        &self,
        into: &mut VecDeque<(RoutingId, Message)>,
        max: usize,
    ) -> Result<usize, RecvError> {
        self.core
            .recv_many_from(into, max, || self.core.recv_patience())
    }

    /// As [`recv_many_from`](Self::recv_many_from), but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`recv_many_from`](Self::recv_many_from).
    pub fn recv_many_from_timeout(
        &self,
        into: &mut VecDeque<(RoutingId, Message)>,
        max: usize,
        timeout: Duration,
    ) -> Result<usize, RecvError> {
        self.core
            .recv_many_from(into, max, || self.core.patience(Some(timeout)))
    }

    /// As [`recv_many_from`](Self::recv_many_from), but never waits.
    ///
    /// # Errors
    ///
    /// As [`try_recv_from`](Self::try_recv_from); nothing was taken then.
    pub fn try_recv_many_from(
        &self,
        into: &mut VecDeque<(RoutingId, Message)>,
        max: usize,
    ) -> Result<usize, TryRecvError> {
        self.core
            .recv_many_from(into, max, || Patience::None)
            .map_err(TryRecvError::from)
    }

    /// As [`recv_many_from`](Self::recv_many_from), for tasks; the socket's `recv_timeout` does not
    /// apply.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing.
    ///
    /// # Errors
    ///
    /// As [`recv_from_async`](Self::recv_from_async); nothing was taken then.
    pub fn recv_many_from_async<'a>(
        &'a self,
        into: &'a mut VecDeque<(RoutingId, Message)>,
        max: usize,
    ) -> impl Future<Output = Result<usize, RecvError>> + Send + 'a {
        Waiting::to_receive(
            &self.core,
            move |core: &Core, cx: &Context<'_>, ticket: &mut _| {
                core.poll_recv_many_from(cx, ticket, into, max)
            },
        )
    }

    /// Connects as [`connect`](Self::connect) does, and names the peer here, whatever it calls
    /// itself: messages may be sent to that id at once. libzmq's `ZMQ_CONNECT_ROUTING_ID`.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and [`ConnectError::RoutingIdTaken`] if a peer has the id.
    pub fn connect_routing_id<E>(
        &self,
        endpoint: E,
        id: &RoutingId,
    ) -> Result<Endpoint, ConnectError>
    where
        E: IntoEndpoint,
    {
        self.core.connect_as(endpoint.into_endpoint()?, Some(id))
    }
}

impl<'a> IntoIterator for &'a Router {
    type Item = (RoutingId, Message);
    type IntoIter = Iter<'a, (RoutingId, Message)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
