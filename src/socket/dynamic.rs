//! A socket whose type is known only when the program runs.

use std::sync::Arc;
use std::time::Duration;

use super::Owner;
use super::builder::Builder;
use super::core::Core;
use super::futures::{Sending, Waiting};
use super::permit::Permit;
use super::receiving::Iter;
use crate::endpoint::{Endpoint, IntoEndpoint};
use crate::error::{
    ConnectError, RecvError, ReserveError, SendError, SubscribeError, TryRecvError, TrySendError,
    WaitError,
};
use crate::message::Message;
use crate::peer_info::PeerInfo;
use crate::routing_id::RoutingId;
use crate::signal::Bed;
use crate::socket_type::SocketType;
use crate::waiting::Patience;

/// A socket of any type, for proxies, bindings and tools; it speaks raw messages, as libzmq does.
///
/// | type | a raw message |
/// |---|---|
/// | ROUTER | the routing id is the first frame, both ways |
/// | REP | the request without its envelope, which is kept inside for the reply: `recv` and `send` alternate |
/// | XPUB | receives a byte 1 (subscribed) or 0 (taken back) and the topic |
/// | all others | as it is |
///
/// Everything that the typed sockets have and that is no matter of messages is here too. A call that
/// the type has no use for (`send` on a PULL) is refused with `WrongState`. A typed socket becomes
/// one by [`From`], and the way back is [`TryFrom`].
///
/// ```
/// use zocket::{Pull, Socket, SocketType};
///
/// # fn main() -> Result<(), zocket::Error> {
/// let push = Socket::new("push".parse().unwrap_or(SocketType::Push));
/// let pull = Socket::from(Pull::new());
/// pull.bind("inproc://socket-example")?;
/// push.connect("inproc://socket-example")?;
/// push.send("hello")?;
/// assert_eq!(pull.recv()?, "hello");
///
/// let pull = Pull::try_from(pull).expect("it is a PULL");
/// # drop(pull);
/// # Ok(())
/// # }
/// ```
pub struct Socket {
    core: Owner,
}

socket!(@control Socket);
streaming!(Socket, Message, Core::poll_recv_raw);
sinking!(Socket, Message, Core::poll_send_raw, std::convert::identity);
receiving_many!(Socket, recv_many_raw, poll_recv_many_raw);
sending_many!(Socket, send_many_raw, poll_send_many_raw);
subscribers_for_tasks!(Socket);
flushing!(Socket);
reserving!(Socket "Leave to send one message, as the type's own `reserve` gives it. A ROUTER has none without an id ([`try_reserve_to`](Self::try_reserve_to)), and REQ, REP and what does not send have none at all; those say `Unroutable`.");

impl super::SocketKind for Socket {}

impl super::sealed::Sealed for Socket {
    fn from_core(core: super::sealed::CoreToken) -> Self {
        core.0.into()
    }
}

impl From<Owner> for Socket {
    fn from(core: Owner) -> Self {
        Self { core }
    }
}
counting_topics!(Socket "How many different topics a SUB or an XSUB is subscribed to now, or the subscribers of a PUB or an XPUB have together; 0 for the other types.");

impl Socket {
    /// A socket of this type with the default options, on
    /// [`Context::global`](crate::Context::global).
    pub fn new(socket_type: SocketType) -> Self {
        Builder::make_default(socket_type)
    }

    /// A socket of this type to be set up. It has every setter; those that do not apply to the type
    /// are refused by [`build`](Builder::build).
    pub fn builder(socket_type: SocketType) -> Builder<Self> {
        Builder::new(socket_type)
    }

    /// What it is.
    pub fn socket_type(&self) -> SocketType {
        self.core.type_of()
    }

    pub(super) fn into_core(self) -> Owner {
        self.core
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Sends a raw message, waiting as the type's `send` does.
    ///
    /// # Errors
    ///
    /// [`SendError`] hands the message back: as the type's `send`; and `WrongState` where the type
    /// does not send, or not now, and `Unroutable` for a ROUTER's message without an id in front.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.core
            .send_raw(message.into(), || self.core.send_patience())
            .map_err(|(message, reason)| SendError::new(message, reason))
    }

    /// As [`send`](Self::send), but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<(), SendError> {
        self.core
            .send_raw(message.into(), || self.core.patience(Some(timeout)))
            .map_err(|(message, reason)| SendError::new(message, reason))
    }

    /// As [`send`](Self::send), but never waits.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), where no room is `Full`.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        self.core
            .send_raw(message.into(), || Patience::None)
            .map_err(|(message, reason)| TrySendError::new(message, reason))
    }

    /// As [`send`](Self::send), for tasks; the socket's `send_timeout` does not apply.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_async(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + '_ {
        Sending::new(&self.core, message.into(), Core::poll_send_raw)
    }

    /// Receives a raw message, waiting as the type's `recv` does.
    ///
    /// # Errors
    ///
    /// [`RecvError`]: as the type's `recv`; and `WrongState` where the type does not receive, or
    /// not now.
    pub fn recv(&self) -> Result<Message, RecvError> {
        self.core.recv_raw(|| self.core.recv_patience())
    }

    /// As [`recv`](Self::recv), but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Message, RecvError> {
        self.core.recv_raw(|| self.core.patience(Some(timeout)))
    }

    /// As [`recv`](Self::recv), but never waits.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), where nothing is `Empty`.
    pub fn try_recv(&self) -> Result<Message, TryRecvError> {
        self.core
            .recv_raw(|| Patience::None)
            .map_err(TryRecvError::from)
    }

    /// As [`recv`](Self::recv), for tasks; the socket's `recv_timeout` does not apply.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_async(&self) -> impl Future<Output = Result<Message, RecvError>> + Send + '_ {
        Waiting::to_receive(&self.core, Core::poll_recv_raw)
    }

    /// As [`try_recv`](Self::try_recv), and says whom the message is from; of what an XPUB receives it
    /// is not known.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_from_peer(&self) -> Result<(Option<PeerInfo>, Message), TryRecvError> {
        self.core
            .recv_raw_from(|| Patience::None)
            .map_err(TryRecvError::from)
    }

    /// Puts the next message into `into` if that is the plainest of cases: it has one frame, a short
    /// one, was taken from its connection together with others before, and the type gives it out as it
    /// is (PULL, DEALER, PAIR). `false`: nothing is known of what there is, and the other calls say.
    ///
    /// Most messages of a busy connection are to be had so, at the least cost there is.
    pub fn try_recv_at_hand(&self, into: &mut Message) -> bool {
        self.core.try_recv_in_hand(into)
    }

    /// As [`recv`](Self::recv), and says whom the message is from as
    /// [`try_recv_from_peer`](Self::try_recv_from_peer) does; while it waits, the thread sleeps in a
    /// [`Bed`] of the caller's own, or does the work of an I/O thread. That ends with `Interrupted` when
    /// the thread has handled a signal, and its sleep when the bed says so.
    ///
    /// `bed` is called once it is clear that there is something to wait for.
    ///
    /// ```
    /// use std::sync::{Arc, Condvar, Mutex};
    /// use std::time::Instant;
    /// use zocket::{Bed, Pair, Slept, Socket, SocketType};
    ///
    /// #[derive(Default)]
    /// struct Plain {
    ///     woken: Mutex<bool>,
    ///     changed: Condvar,
    /// }
    ///
    /// impl Bed for Plain {
    ///     fn sleep(&self, deadline: Option<Instant>) -> Slept {
    ///         let mut woken = self.woken.lock().unwrap();
    ///         while !std::mem::take(&mut *woken) {
    ///             woken = match deadline.map(|it| it.checked_duration_since(Instant::now())) {
    ///                 None => self.changed.wait(woken).unwrap(),
    ///                 Some(Some(left)) => self.changed.wait_timeout(woken, left).unwrap().0,
    ///                 Some(None) => return Slept::TimedOut,
    ///             };
    ///         }
    ///         Slept::Woken
    ///     }
    ///
    ///     fn wake(&self) {
    ///         *self.woken.lock().unwrap() = true;
    ///         self.changed.notify_one();
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let here = Socket::new(SocketType::Pair);
    /// here.bind("inproc://bed-example")?;
    /// let there = std::thread::spawn(|| {
    ///     let there = Pair::new();
    ///     there.connect("inproc://bed-example")?;
    ///     Ok::<_, zocket::Error>(there.send("hello")?)
    /// });
    /// let (from, message) = here.recv_on(|| Arc::new(Plain::default()))?;
    /// assert_eq!(message, "hello");
    /// assert_eq!(from.map(|peer| peer.socket_type()), Some(SocketType::Pair));
    /// # there.join().unwrap()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv); and `Interrupted`, when nothing was received.
    pub fn recv_on(
        &self,
        bed: impl FnOnce() -> Arc<dyn Bed>,
    ) -> Result<(Option<PeerInfo>, Message), RecvError> {
        self.core.recv_raw_from(|| self.core.recv_patience_on(bed))
    }

    /// As [`send`](Self::send), and waits as [`recv_on`](Self::recv_on) does.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); and `Interrupted`, when nothing was sent.
    pub fn send_on(
        &self,
        message: impl Into<Message>,
        bed: impl FnOnce() -> Arc<dyn Bed>,
    ) -> Result<(), SendError> {
        self.core
            .send_raw(message.into(), || self.core.send_patience_on(bed))
            .map_err(|(message, reason)| SendError::new(message, reason))
    }

    /// Room at one peer of a ROUTER, as [`Router::try_reserve_to`](crate::Router::try_reserve_to).
    ///
    /// # Errors
    ///
    /// As there; for every other type `Unroutable`.
    pub fn try_reserve_to(&self, id: &RoutingId) -> Result<Permit<'_>, ReserveError> {
        self.core
            .reserve_to(id, || Patience::None)
            .map_err(ReserveError::at_once)
    }

    /// The same for tasks, as [`Router::reserve_to_async`](crate::Router::reserve_to_async).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready keeps no room.
    ///
    /// # Errors
    ///
    /// As [`try_reserve_to`](Self::try_reserve_to).
    pub fn reserve_to_async(
        &self,
        id: &RoutingId,
    ) -> impl Future<Output = Result<Permit<'_>, ReserveError>> + Send + use<'_> {
        self.core.reserve_to_async(id.clone())
    }

    /// Connects a ROUTER and names the peer, as
    /// [`Router::connect_routing_id`](crate::Router::connect_routing_id).
    ///
    /// # Errors
    ///
    /// As there. Other types know no peer by a name: to them the id means nothing.
    pub fn connect_routing_id<E>(
        &self,
        endpoint: E,
        id: &RoutingId,
    ) -> Result<Endpoint, ConnectError>
    where
        E: IntoEndpoint,
    {
        let id = (self.socket_type() == SocketType::Router).then_some(id);
        self.core.connect_as(endpoint.into_endpoint()?, id)
    }

    /// Every message from now on, each as [`recv`](Self::recv) gives it, until that fails.
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(&self.core, |core| {
            core.recv_raw(|| core.recv_patience()).ok()
        })
    }

    /// Subscribes a SUB or an XSUB; has the peer whose subscription a manual XPUB received last get
    /// messages that begin with `prefix`.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]: the socket is closed, or its type does not subscribe.
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError> {
        self.change_subscription(prefix.as_ref(), true)
    }

    /// Takes a subscription back, as [`subscribe`](Self::subscribe) makes one.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Self::subscribe).
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError> {
        self.change_subscription(prefix.as_ref(), false)
    }

    fn change_subscription(&self, prefix: &[u8], subscribe: bool) -> Result<(), SubscribeError> {
        if self.core.subscribe_raw(prefix, subscribe)? {
            Ok(())
        } else {
            Err(SubscribeError::NotASubscriber(self.socket_type()))
        }
    }

    /// Waits until at least `count` peers that have subscribed to something are there at the same
    /// time. (On a type that does not publish there are none.)
    ///
    /// # Errors
    ///
    /// [`WaitError`]: fewer came in time, or the socket is closed.
    pub fn wait_for_subscribers(&self, count: usize, timeout: Duration) -> Result<(), WaitError> {
        self.core.wait_for_subscribers(count, timeout)
    }
}
