//! The sides: what the families need of a library, and how each of them does it.
//!
//! ```text
//!   Library ◄─ zocket, libzmq             any kind of socket
//!   Pipeline ◄─ raw, curve, any Library   one that sends, one that receives
//!   Asks ◄───── raw, curve, any Library   one that asks, one that answers
//! ```
//!
//! All copy every message from one buffer of the application, receive one message at a time, have
//! the same high-water marks and the same backlog, and nothing else set that is not set by default
//! or what the case is about.

mod curve;
mod libzmq;
mod raw;
mod zocket;

use std::error::Error;
use std::str::FromStr;

pub(crate) use self::curve::{CurveLibzmq, CurveZocket};
pub(crate) use self::libzmq::Libzmq;
pub(crate) use self::raw::Raw;
pub(crate) use self::zocket::Zocket;
#[cfg(feature = "rivals")]
use crate::rivals;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The high-water mark of every queue, either way, but where a case is about it: what both have by
/// default.
pub(crate) const HWM: u32 = 1000;

/// How many connections wait to be accepted by a PULL, on both sides: so many that none of those
/// that come at once is refused, and has the system try again after a second.
pub(crate) const BACKLOG: u32 = 4096;

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Zocket,
    Libzmq,
    /// The system's sockets and nothing else: the limit.
    Raw,
    #[cfg(feature = "rivals")]
    Rival(rivals::Name),
}

impl Side {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Zocket => "zocket",
            Self::Libzmq => "libzmq",
            Self::Raw => "raw",
            #[cfg(feature = "rivals")]
            Self::Rival(name) => name.as_str(),
        }
    }

    /// Those among the rivals that this is asked of, if they are built in.
    #[cfg(feature = "rivals")]
    pub(crate) fn rivals() -> impl Iterator<Item = Self> {
        rivals::Name::ALL.into_iter().map(Self::Rival)
    }

    #[cfg(not(feature = "rivals"))]
    pub(crate) fn rivals() -> impl Iterator<Item = Self> {
        std::iter::empty()
    }

    /// How it is set, where that needs saying.
    pub(crate) fn setting(self) -> Option<&'static str> {
        match self {
            Self::Zocket | Self::Libzmq | Self::Raw => None,
            #[cfg(feature = "rivals")]
            Self::Rival(name) => Some(name.setting()),
        }
    }
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        [Self::Zocket, Self::Libzmq, Self::Raw]
            .into_iter()
            .chain(Self::rivals())
            .find(|side| side.as_str() == text)
            .ok_or_else(|| format!("no side {text:?}"))
    }
}

pub(crate) trait Sends: Send {
    fn send(&mut self, data: &[u8]) -> Result<()>;

    /// Lets go of what was gathered, where that does not go by itself.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Returns when everything is sent.
    fn close(self) -> Result<()>;
}

pub(crate) trait Receives: Send {
    /// Receives one message and shows it.
    fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T>;
}

/// Two ends that messages flow between.
pub(crate) trait Pipeline {
    type Context: Clone;
    type Sender: Sends;
    type Receiver: Receives;

    fn context() -> Result<Self::Context>;
    /// One that connects there.
    fn sender(context: &Self::Context, endpoint: &str) -> Result<Self::Sender>;
    /// One that is bound there, and the endpoint it really got.
    fn receiver(context: &Self::Context, endpoint: &str) -> Result<(Self::Receiver, String)>;
}

impl<L: Library> Pipeline for L {
    type Context = L::Context;
    type Sender = L::Push;
    type Receiver = L::Pull;

    fn context() -> Result<L::Context> {
        L::context(1)
    }

    fn sender(context: &L::Context, endpoint: &str) -> Result<L::Push> {
        let push = L::push(context, HWM)?;
        push.connect(endpoint)?;
        Ok(push)
    }

    fn receiver(context: &L::Context, endpoint: &str) -> Result<(L::Pull, String)> {
        let pull = L::pull(context)?;
        let endpoint = pull.bind(endpoint)?;
        Ok((pull, endpoint))
    }
}

/// Two ends of which one asks and the other answers.
pub(crate) trait Asks {
    type Context: Clone;
    type Asker: Sends + Receives;
    type Answerer: Answers;

    /// With so many I/O threads, if it has any.
    fn context(io_threads: usize) -> Result<Self::Context>;
    /// One that connects there, and asks them in turn.
    fn asker(context: &Self::Context, endpoints: &[&str]) -> Result<Self::Asker>;
    /// One that is bound there, and the endpoint it really got.
    fn answerer(context: &Self::Context, endpoint: &str) -> Result<(Self::Answerer, String)>;
    /// Has a socket that nothing ever comes to waited for, as long as the process lives. It is
    /// bound there, and has a peer.
    fn idle(context: &Self::Context, endpoint: &str, idle: Idle) -> Result<()>;
}

pub(crate) trait Answers: Send {
    /// Receives one request, shows it, and replies.
    fn answer<T>(&mut self, reply: &[u8], look: impl FnOnce(&[u8]) -> T) -> Result<T>;
}

/// How a socket is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    /// By a task; where a library has none, by a thread that receives.
    Task,
    /// By a thread in a poller.
    Poller,
}

impl<L: Library> Asks for L {
    type Context = L::Context;
    type Asker = L::Req;
    type Answerer = L::Rep;

    fn context(io_threads: usize) -> Result<L::Context> {
        L::context(io_threads)
    }

    fn asker(context: &L::Context, endpoints: &[&str]) -> Result<L::Req> {
        let req = L::req(context)?;
        for endpoint in endpoints {
            req.connect(endpoint)?;
        }
        Ok(req)
    }

    fn answerer(context: &L::Context, endpoint: &str) -> Result<(L::Rep, String)> {
        let rep = L::rep(context)?;
        let endpoint = rep.bind(endpoint)?;
        Ok((rep, endpoint))
    }

    fn idle(context: &L::Context, endpoint: &str, idle: Idle) -> Result<()> {
        let pull = L::pull(context)?;
        let push = L::push(context, HWM)?;
        push.connect(&pull.bind(endpoint)?)?;
        // Dropped, it would be no peer any more.
        std::mem::forget(push);
        L::wait_for_ever(pull, idle)
    }
}

/// A library with sockets of many kinds.
pub(crate) trait Library {
    type Context: Clone + Send + Sync;
    type Push: Sends + Socket;
    type Pull: Receives + AwaitsPeers + Socket;
    type Req: Sends + Receives + Socket;
    type Rep: Answers + Socket;
    type Publisher: Sends + Publishes + Socket;
    type Subscriber: Receives + Subscribes + Socket;
    type Dealer: Sends + Receives + Socket;
    type Router: Echoes + Socket;

    /// With so many I/O threads.
    fn context(io_threads: usize) -> Result<Self::Context>;
    /// Whose queues hold so many messages.
    fn push(context: &Self::Context, hwm: u32) -> Result<Self::Push>;
    fn pull(context: &Self::Context) -> Result<Self::Pull>;
    fn req(context: &Self::Context) -> Result<Self::Req>;
    fn rep(context: &Self::Context) -> Result<Self::Rep>;
    /// One that waits where a subscriber has no room: nothing is dropped.
    fn publisher(context: &Self::Context) -> Result<Self::Publisher>;
    fn subscriber(context: &Self::Context) -> Result<Self::Subscriber>;
    fn dealer(context: &Self::Context) -> Result<Self::Dealer>;
    fn router(context: &Self::Context) -> Result<Self::Router>;
    /// Has it waited for as long as the process lives; returns at once.
    fn wait_for_ever(pull: Self::Pull, idle: Idle) -> Result<()>;
}

/// What a socket of a library is joined by.
pub(crate) trait Socket: Send {
    fn connect(&self, endpoint: &str) -> Result<()>;
    /// Gives the endpoint it really got.
    fn bind(&self, endpoint: &str) -> Result<String>;
}

pub(crate) trait AwaitsPeers {
    /// Calls `ready`, and waits until so many peers are there that came after.
    fn await_peers(&mut self, count: u64, ready: impl FnOnce() -> Result<()>) -> Result<()>;
}

pub(crate) trait Publishes {
    /// Waits until it has been told of so many subscriptions.
    fn await_subscriptions(&mut self, count: usize) -> Result<()>;
}

pub(crate) trait Subscribes {
    fn subscribe(&self, topic: &[u8]) -> Result<()>;
}

pub(crate) trait Echoes {
    /// Receives one message, shows it, and sends it back to where it came from.
    fn echo<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T>;
}
