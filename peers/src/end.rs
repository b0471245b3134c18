//! One face for the sockets of both libraries, so that a test is written once for a pairing and
//! either library plays either part.
//!
//! The messages are those of libzmq's sockets: a ROUTER names the peer in the first part, an XPUB
//! hears a 1 or a 0 and the topic, a REQ and a REP are silent about the envelope.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::join::Joins;
use crate::libzmq::{self, BytesOpt, Kind, Opt};
use zocket::{
    Dealer, Frame, Message, Pair, Pub, Pull, Push, RecvError, Rep, Req, Request, Router, RoutingId,
    Socket, SocketType, Sub, Upstream, XPub, XSub,
};

/// How long anything may take before the test has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The parts of one message.
pub type Parts = Vec<Vec<u8>>;

/// Which of zocket's two faces a socket shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// A type for each pattern.
    Typed,
    /// [`Socket`], of any type.
    Raw,
}

impl Face {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Typed, Self::Raw];
}

/// A socket of either library.
pub enum End {
    /// One of ours.
    Zocket(Zocket),
    /// One of theirs.
    Libzmq(libzmq::Socket, Kind),
}

/// A zocket socket, and what it can do besides being joined.
#[derive(Debug)]
pub struct Zocket(Box<dyn Talks>);

impl End {
    /// A zocket socket; with an id, if the kind may have one.
    ///
    /// # Panics
    ///
    /// When there is no such socket.
    pub fn zocket(kind: Kind, face: Face, id: Option<&[u8]>) -> Self {
        Self::Zocket(Zocket(match face {
            Face::Typed => typed(kind, id),
            Face::Raw => raw(kind, id),
        }))
    }

    /// A libzmq socket in a context of its own; with an id, if the kind may have one. What it has
    /// not sent when it is closed is lost.
    ///
    /// # Panics
    ///
    /// When there is no such socket.
    pub fn libzmq(kind: Kind, id: Option<&[u8]>) -> Self {
        let socket = socket(kind);
        if let Some(id) = id {
            socket
                .set_bytes(BytesOpt::RoutingId, id)
                .expect("libzmq takes an id");
        }
        Self::Libzmq(socket, kind)
    }

    /// Sends a message.
    ///
    /// # Panics
    ///
    /// When it cannot, within [`PATIENCE`].
    pub fn say<P: AsRef<[u8]>>(&self, parts: &[P]) {
        match self {
            Self::Zocket(Zocket(socket)) => socket.say(message_of(parts)),
            Self::Libzmq(socket, _) => socket.send(parts).expect("libzmq sends"),
        }
    }

    /// Receives a message.
    ///
    /// # Panics
    ///
    /// When there is none within [`PATIENCE`].
    pub fn hear(&self) -> Parts {
        self.hear_within(PATIENCE)
            .unwrap_or_else(|| panic!("{self:?} hears nothing"))
    }

    /// Receives a message, if there is one within `patience`.
    ///
    /// # Panics
    ///
    /// When it cannot receive at all.
    pub fn hear_within(&self, patience: Duration) -> Option<Parts> {
        match self {
            Self::Zocket(Zocket(socket)) => socket.hear(patience),
            Self::Libzmq(socket, _) => hear_from_libzmq(socket, patience),
        }
    }

    /// Adds to the subscriptions of a SUB or XSUB.
    ///
    /// # Panics
    ///
    /// When it has none.
    pub fn subscribe(&self, topic: &[u8]) {
        match self {
            Self::Zocket(Zocket(socket)) => socket.subscribe(topic),
            Self::Libzmq(socket, Kind::Sub) => socket
                .set_bytes(BytesOpt::Subscribe, topic)
                .expect("libzmq subscribes"),
            Self::Libzmq(..) => self.say(&[preceded(1, topic)]),
        }
    }

    /// Takes one subscription back.
    ///
    /// # Panics
    ///
    /// When it has none.
    pub fn unsubscribe(&self, topic: &[u8]) {
        match self {
            Self::Zocket(Zocket(socket)) => socket.unsubscribe(topic),
            Self::Libzmq(socket, Kind::Sub) => socket
                .set_bytes(BytesOpt::Unsubscribe, topic)
                .expect("libzmq unsubscribes"),
            Self::Libzmq(..) => self.say(&[preceded(0, topic)]),
        }
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zocket(Zocket(socket)) => write!(f, "zocket's {socket:?}"),
            Self::Libzmq(_, kind) => write!(f, "libzmq's {kind:?}"),
        }
    }
}

/// Returns when the publisher knows of every subscription that the subscriber has made until now:
/// it subscribes to something new, and what it subscribes to arrives in the end. Nothing else may
/// be under way between the two, nor may anything cover the new subscription.
///
/// # Panics
///
/// When it does not arrive within [`PATIENCE`].
pub fn settle(publisher: &End, subscriber: &End) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let topic = format!("settled {}.", NEXT.fetch_add(1, Ordering::Relaxed)).into_bytes();
    subscriber.subscribe(&topic);
    // Far too many for `PATIENCE`, if each is waited for in vain.
    let turn = Duration::from_millis(10);
    let heard = (0..PATIENCE.as_millis() / turn.as_millis()).any(|_| {
        publisher.say(&[&topic]);
        subscriber.hear_within(turn).is_some_and(|heard| {
            assert_eq!(heard, [&topic[..]], "nothing else is under way");
            true
        })
    });
    assert!(heard, "{subscriber:?} is not heard by {publisher:?}");
    publisher.say(&[&topic[..], b"end"]);
    while subscriber.hear().len() == 1 {}
}

/// Returns when the publisher knows that the subscriber has taken its subscription to `topic`
/// back: it no longer arrives, while `passing`, of which the publisher knows (if not by `topic`),
/// does. Nothing else may be under way between the two.
///
/// # Panics
///
/// When it goes on arriving for [`PATIENCE`].
pub fn await_end_of(topic: &[u8], passing: &[u8], publisher: &End, subscriber: &End) {
    let begin = Instant::now();
    loop {
        publisher.say(&[topic]);
        publisher.say(&[passing]);
        let heard = subscriber.hear();
        if heard == [passing] {
            break;
        }
        assert_eq!(heard, [topic], "nothing else is under way");
        assert_eq!(subscriber.hear(), [passing]);
        assert!(
            begin.elapsed() < PATIENCE,
            "{publisher:?} goes on with {topic:?}"
        );
    }
}

/// A libzmq socket in a context of its own, which loses what it has not sent when it is closed
/// and gives up after [`PATIENCE`].
///
/// # Panics
///
/// When there is no such socket.
pub fn socket(kind: Kind) -> libzmq::Socket {
    let socket = libzmq::Context::new()
        .socket(kind)
        .expect("a libzmq socket");
    socket.set(Opt::Linger, 0).expect("libzmq takes a linger");
    socket
        .set_timeout(PATIENCE)
        .expect("libzmq takes a timeout");
    socket
}

/// What libzmq receives within `patience`, if anything.
///
/// # Panics
///
/// When it cannot receive at all.
pub fn hear_from_libzmq(socket: &libzmq::Socket, patience: Duration) -> Option<Parts> {
    socket
        .poll_readable(patience)
        .expect("libzmq waits")
        .then(|| {
            let parts = socket.recv().expect("libzmq receives");
            parts.iter().map(|part| part.to_vec()).collect()
        })
}

/// A message for zocket.
pub fn message_of<P: AsRef<[u8]>>(parts: &[P]) -> Message {
    let frames: Vec<Frame> = parts
        .iter()
        .map(|part| Frame::copy_from_slice(part.as_ref()))
        .collect();
    Message::from(frames)
}

/// The parts of a message of zocket's.
pub fn parts_of(message: &Message) -> Parts {
    message.frames().map(|frame| frame.to_vec()).collect()
}

/// The parts of what an XPUB of zocket's hears, as libzmq's would.
pub fn parts_of_upstream(upstream: &Upstream) -> Parts {
    match upstream {
        Upstream::Subscribe(topic) => vec![preceded(1, topic)],
        Upstream::Unsubscribe(topic) => vec![preceded(0, topic)],
        Upstream::Message(message) => parts_of(message),
        other => panic!("{other:?} is nothing of libzmq's"),
    }
}

/// A byte, and what follows it: the subscription messages of XPUB and XSUB.
pub fn preceded(first: u8, rest: &[u8]) -> Vec<u8> {
    [&[first], rest].concat()
}

fn typed(kind: Kind, id: Option<&[u8]>) -> Box<dyn Talks> {
    macro_rules! named {
        ($socket:ident) => {
            Box::new(match id {
                Some(id) => $socket::builder()
                    .routing_id(id)
                    .build()
                    .expect("zocket takes an id"),
                None => $socket::new(),
            })
        };
    }
    match kind {
        Kind::Req => named!(Req),
        Kind::Dealer => named!(Dealer),
        Kind::Router => named!(Router),
        _ if id.is_some() => panic!("{kind:?} has no id"),
        Kind::Pair => Box::new(Pair::new()),
        Kind::Pub => Box::new(Pub::new()),
        Kind::Sub => Box::new(Sub::new()),
        Kind::Rep => Box::new(Replier::default()),
        Kind::Pull => Box::new(Pull::new()),
        Kind::Push => Box::new(Push::new()),
        Kind::XPub => Box::new(XPub::new()),
        Kind::XSub => Box::new(XSub::new()),
    }
}

fn raw(kind: Kind, id: Option<&[u8]>) -> Box<dyn Talks> {
    let kind = match kind {
        Kind::Pair => SocketType::Pair,
        Kind::Pub => SocketType::Pub,
        Kind::Sub => SocketType::Sub,
        Kind::Req => SocketType::Req,
        Kind::Rep => SocketType::Rep,
        Kind::Dealer => SocketType::Dealer,
        Kind::Router => SocketType::Router,
        Kind::Pull => SocketType::Pull,
        Kind::Push => SocketType::Push,
        Kind::XPub => SocketType::XPub,
        Kind::XSub => SocketType::XSub,
    };
    Box::new(match id {
        Some(id) => Socket::builder(kind)
            .routing_id(id)
            .build()
            .expect("zocket takes an id"),
        None => Socket::new(kind),
    })
}

/// What an [`End`] needs of a zocket socket.
trait Talks: Joins + Send + fmt::Debug {
    fn say(&self, _message: Message) {
        panic!("{self:?} does not send");
    }

    fn hear(&self, _patience: Duration) -> Option<Parts> {
        panic!("{self:?} does not receive");
    }

    fn subscribe(&self, _topic: &[u8]) {
        panic!("{self:?} does not subscribe");
    }

    fn unsubscribe(&self, _topic: &[u8]) {
        panic!("{self:?} does not subscribe");
    }

    fn wait_for_subscriber(&self) {
        panic!("{self:?} has no subscribers");
    }
}

impl Zocket {
    /// Waits until one subscriber has subscribed.
    ///
    /// # Panics
    ///
    /// When none does within [`PATIENCE`], or the socket is no publisher.
    pub fn wait_for_subscriber(&self) {
        self.0.wait_for_subscriber();
    }
}

impl Joins for Zocket {
    fn bind_to(&self, endpoint: &str) -> String {
        self.0.bind_to(endpoint)
    }

    fn connect_to(&self, endpoint: &str) {
        self.0.connect_to(endpoint);
    }

    fn wait_for_peer(&self) {
        self.0.wait_for_peer();
    }
}

fn heard<T>(result: Result<T, RecvError>) -> Option<T> {
    match result {
        Ok(message) => Some(message),
        Err(RecvError::Timeout) => None,
        Err(error) => panic!("zocket receives: {error}"),
    }
}

macro_rules! talks {
    ($($socket:ident: $($form:ident)+;)*) => {$(
        impl Talks for $socket {
            $(talks!(@$form);)+
        }
    )*};

    (@sends) => {
        fn say(&self, message: Message) {
            self.send_timeout(message, PATIENCE).expect("zocket sends");
        }
    };

    (@receives) => {
        fn hear(&self, patience: Duration) -> Option<Parts> {
            heard(self.recv_timeout(patience)).map(|message| parts_of(&message))
        }
    };

    (@subscribes) => {
        fn subscribe(&self, topic: &[u8]) {
            self.subscribe(topic).expect("zocket subscribes");
        }

        fn unsubscribe(&self, topic: &[u8]) {
            self.unsubscribe(topic).expect("zocket unsubscribes");
        }
    };

    (@waits) => {
        fn wait_for_subscriber(&self) {
            self.wait_for_subscribers(1, PATIENCE).expect("zocket is subscribed to");
        }
    };

    (@hears_upstream) => {
        fn hear(&self, patience: Duration) -> Option<Parts> {
            heard(self.recv_timeout(patience)).map(|upstream| parts_of_upstream(&upstream))
        }
    };

    (@names_the_peer) => {
        fn say(&self, mut message: Message) {
            let id = message.pop_front().expect("the id comes first");
            let id = RoutingId::try_from(id).expect("a ROUTER's message begins with an id");
            self.send_to_timeout(&id, message, PATIENCE).expect("zocket sends");
        }

        fn hear(&self, patience: Duration) -> Option<Parts> {
            heard(self.recv_from_timeout(patience)).map(|(id, mut message)| {
                message.push_front(id);
                parts_of(&message)
            })
        }
    };
}

talks! {
    Pair: sends receives;
    Pub: sends waits;
    Sub: receives subscribes;
    Req: sends receives;
    Dealer: sends receives;
    Router: names_the_peer;
    Pull: receives;
    Push: sends;
    XPub: sends hears_upstream waits;
    XSub: sends receives subscribes;
    Socket: sends receives subscribes waits;
}

/// A [`Rep`], and the request that it owes the reply to.
#[derive(Debug, Default)]
struct Replier {
    rep: Rep,
    request: Mutex<Option<Request>>,
}

impl Talks for Replier {
    fn say(&self, message: Message) {
        let request = self.request.lock().expect("no panic").take();
        request
            .expect("a request to reply to")
            .reply(message)
            .expect("zocket replies");
    }

    fn hear(&self, patience: Duration) -> Option<Parts> {
        let request = heard(self.rep.recv_timeout(patience))?;
        let parts = parts_of(&request);
        *self.request.lock().expect("no panic") = Some(request);
        Some(parts)
    }
}

impl Joins for Replier {
    fn bind_to(&self, endpoint: &str) -> String {
        self.rep.bind_to(endpoint)
    }

    fn connect_to(&self, endpoint: &str) {
        self.rep.connect_to(endpoint);
    }

    fn wait_for_peer(&self) {
        self.rep.wait_for_peer();
    }
}
