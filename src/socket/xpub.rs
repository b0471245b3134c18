//! XPUB: a PUB that sees its subscriptions.

use std::fmt;
use std::ops::Deref;
use std::sync::Weak;
use std::task::{Context, Poll};
use std::time::Duration;

use super::core::Core;
use super::futures::Waiting;
use super::publishing::{Event, Told};
use super::receiving::Iter;
use crate::error::{RecvError, TryRecvError, WaitError};
use crate::frame::Frame;
use crate::message::Message;
use crate::peer_info::PeerInfo;
use crate::socket_type::SocketType;
use crate::waiting::{Patience, Ticket};

socket! {
    /// A [`Pub`](crate::Pub) that can be asked what its subscribers have to say: [`Upstream`].
    ///
    /// By default it tells of the first subscription to a topic and of the last that is taken back
    /// (or goes with its peer); see [`verbose`](crate::Builder::verbose),
    /// [`verboser`](crate::Builder::verboser), [`manual`](crate::Builder::manual). Nobody has to
    /// ask: subscriptions are applied as they arrive. Those that cancel each other out before
    /// anybody has asked may not be told. Talks to [`Sub`](crate::Sub) and [`XSub`](crate::XSub).
    /// (RFC 29/PUBSUB.)
    ///
    /// ```
    /// use zocket::{Sub, Upstream, XPub};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let publisher = XPub::new();
    /// publisher.bind("inproc://xpub-example")?;
    /// let subscriber = Sub::new();
    /// subscriber.connect("inproc://xpub-example")?;
    ///
    /// subscriber.subscribe("weather")?;
    /// match publisher.recv()? {
    ///     Upstream::Subscribe(topic) => assert_eq!(*topic, *b"weather"),
    ///     other => panic!("not a subscription: {other:?}"),
    /// }
    /// publisher.send("weather: rain")?;
    /// assert_eq!(subscriber.recv()?, "weather: rain");
    /// # Ok(())
    /// # }
    /// ```
    XPub, SocketType::XPub,
    sends: yes "Queues a copy of a message for every subscriber who wants it and has room. Does not wait, unless it is to drop nothing (`nodrop`).",
    receives: no
}

sending_many!(XPub, send_many, poll_send_many);
subscribers_for_tasks!(XPub);
reserving!(XPub "Leave to send one message. Does not wait, as [`send`](Self::send) does not, and keeps no room: who has none when it is sent misses it. But if nobody is to miss anything (`nodrop`), it waits until every subscriber has room, whatever it subscribed to, and keeps some at each; one that comes later gets the message beyond its limit.");
flushing!(XPub);

/// What a subscriber has to say to an [`XPub`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Upstream {
    /// It wants messages that begin with this.
    Subscribe(Subscription),
    /// It does not want them any more.
    Unsubscribe(Subscription),
    /// An [`XSub`](crate::XSub) has sent a message.
    Message(Message),
}

/// A topic that a subscriber has subscribed to, or does not want any more; reads as its bytes.
#[derive(Clone)]
pub struct Subscription {
    told: Told,
    core: Weak<Core>,
}

impl Subscription {
    /// Whose it is, or was: the first or the last who had the topic, unless every one is told.
    pub fn peer(&self) -> &PeerInfo {
        &self.told.peer
    }

    /// In manual mode: has the subscriber get (or, of one that is taken back, not get any more)
    /// messages that begin with any of these. `false` if the subscriber or the socket is gone.
    ///
    /// Without [`manual`](crate::Builder::manual) the topic itself was accepted before it was told;
    /// this adds to it.
    pub fn accept<I>(&self, prefixes: I) -> bool
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let Some(core) = self.core.upgrade() else {
            return false;
        };
        let prefixes: Vec<I::Item> = prefixes.into_iter().collect();
        let prefixes: Vec<&[u8]> = prefixes.iter().map(AsRef::as_ref).collect();
        core.accept(self.told.pipe, &prefixes, self.told.subscribe)
    }

    /// The topic, as a frame.
    pub fn topic(&self) -> &Frame {
        &self.told.topic
    }
}

impl Deref for Subscription {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.told.topic
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("topic", &self.told.topic)
            .field("peer", &self.told.peer)
            .finish_non_exhaustive()
    }
}

impl Upstream {
    fn new(core: &Weak<Core>, event: Event) -> Self {
        match event {
            Event::Message(_, message) => Self::Message(message),
            Event::Subscription(told) => {
                let subscribe = told.subscribe;
                let subscription = Subscription {
                    told,
                    core: core.clone(),
                };
                if subscribe {
                    Self::Subscribe(subscription)
                } else {
                    Self::Unsubscribe(subscription)
                }
            }
        }
    }
}

fn poll_recv(
    core: &Core,
    cx: &Context<'_>,
    ticket: &mut Option<Ticket>,
) -> Poll<Result<Upstream, RecvError>> {
    core.poll_recv_event(cx, ticket)
        .map_ok(|event| Upstream::new(&core.me, event))
}

streaming!(XPub, Upstream, poll_recv);
counting_topics!(XPub "How many different topics its subscribers have together now: one that several have is counted once.");

impl XPub {
    fn upstream(&self, event: Event) -> Upstream {
        Upstream::new(&self.core.me, event)
    }

    /// Takes the next thing that a subscriber has said, waiting for one if there is none.
    ///
    /// Waits for ever, or as long as the socket's [`recv_timeout`](crate::Builder::recv_timeout)
    /// says; on an I/O thread not at all.
    ///
    /// # Errors
    ///
    /// [`RecvError`]: the time allowed ran out, or the socket is closed, or its context shut down.
    pub fn recv(&self) -> Result<Upstream, RecvError> {
        self.core
            .recv_event(|| self.core.recv_patience())
            .map(|event| self.upstream(event))
    }

    /// As [`recv`](Self::recv), but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Upstream, RecvError> {
        self.core
            .recv_event(|| self.core.patience(Some(timeout)))
            .map(|event| self.upstream(event))
    }

    /// As [`recv`](Self::recv), but never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`]: there is nothing now, or the socket is closed.
    pub fn try_recv(&self) -> Result<Upstream, TryRecvError> {
        self.core
            .recv_event(|| Patience::None)
            .map(|event| self.upstream(event))
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
    /// [`RecvError`]: the socket is closed, or its context shut down.
    pub fn recv_async(&self) -> impl Future<Output = Result<Upstream, RecvError>> + Send + '_ {
        Waiting::to_receive(&self.core, poll_recv)
    }

    /// Everything that subscribers say from now on, each as [`recv`](Self::recv) gives it, until
    /// that fails.
    pub fn iter(&self) -> Iter<'_, Upstream> {
        Iter::new(&self.core, |core| {
            let event = core.recv_event(|| core.recv_patience()).ok()?;
            Some(Upstream::new(&core.me, event))
        })
    }

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

impl<'a> IntoIterator for &'a XPub {
    type Item = Upstream;
    type IntoIter = Iter<'a, Upstream>;

    fn into_iter(self) -> Iter<'a, Upstream> {
        self.iter()
    }
}
