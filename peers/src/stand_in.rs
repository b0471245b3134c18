//! A stand-in for zocket, over libzmq: the part of its face that is used here.
//!
//! It lets tests and benchmark be written, run and trusted before the sockets exist. Slower
//! than libzmq itself: every call takes a lock and every message is copied once more.

use std::fmt;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::libzmq::{self, Event, Kind, Monitor, Opt};

pub use crate::libzmq::Error;

/// Stands in for the errors of sending.
pub type SendError = Error;
/// Stands in for the errors of receiving.
pub type RecvError = Error;
/// Stands in for the error of closing.
pub type Unsent = Error;

/// Stands in for `zocket::Context`.
#[derive(Clone, Debug, Default)]
pub struct Context(libzmq::Context);

impl Context {
    /// A new context.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Stands in for `zocket::Frame`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Vec<u8>);

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Frame {
    fn from(data: &[u8]) -> Self {
        Self(data.to_vec())
    }
}

impl From<Vec<u8>> for Frame {
    fn from(data: Vec<u8>) -> Self {
        Self(data)
    }
}

/// Stands in for `zocket::Message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(Vec<Frame>);

impl Message {
    /// The frames, first to last.
    pub fn frames(&self) -> std::slice::Iter<'_, Frame> {
        self.0.iter()
    }

    /// How many frames there are.
    #[allow(clippy::len_without_is_empty, reason = "a message is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<F: Into<Frame>> From<F> for Message {
    fn from(frame: F) -> Self {
        Self(vec![frame.into()])
    }
}

impl From<Vec<Frame>> for Message {
    fn from(frames: Vec<Frame>) -> Self {
        Self(frames)
    }
}

/// Stands in for `zocket::Endpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug)]
struct Inner {
    peers: usize,
    monitor: Monitor,
    socket: libzmq::Socket,
}

#[derive(Debug, Default)]
struct Options {
    context: Option<Context>,
    values: Vec<(Opt, i32)>,
}

impl Options {
    fn build(self, kind: Kind) -> Result<Mutex<Option<Inner>>, Error> {
        let socket = self.context.unwrap_or_default().0.socket(kind)?;
        let monitor = socket.monitor()?;
        for (option, value) in self.values {
            socket.set(option, value)?;
        }
        Ok(Mutex::new(Some(Inner {
            peers: 0,
            monitor,
            socket,
        })))
    }
}

/// Derefs to the socket while it is locked.
struct Open<'a>(MutexGuard<'a, Option<Inner>>);

impl Deref for Open<'_> {
    type Target = libzmq::Socket;

    fn deref(&self) -> &libzmq::Socket {
        &self.0.as_ref().expect("not closed").socket
    }
}

fn open(inner: &Mutex<Option<Inner>>) -> Open<'_> {
    Open(inner.lock().expect("no panic under the lock"))
}

fn milliseconds(duration: Duration) -> i32 {
    duration.as_millis() as i32
}

macro_rules! socket {
    ($name:ident, $builder:ident) => {
        #[doc = concat!("Stands in for `zocket::", stringify!($name), "`.")]
        #[derive(Debug)]
        pub struct $name(Mutex<Option<Inner>>);

        #[doc = concat!("Stands in for the builder of `zocket::", stringify!($name), "`.")]
        #[derive(Debug, Default)]
        pub struct $builder(Options);

        impl $builder {
            /// Options to build a socket from.
            pub fn context(mut self, context: &Context) -> Self {
                self.0.context = Some(context.clone());
                self
            }

            /// How long a close waits; `None` = for ever.
            pub fn linger(mut self, linger: impl Into<Option<Duration>>) -> Self {
                self.0
                    .values
                    .push((Opt::Linger, linger.into().map_or(-1, milliseconds)));
                self
            }

            /// Wait before a reconnect.
            pub fn reconnect_interval(mut self, interval: Duration) -> Self {
                self.0
                    .values
                    .push((Opt::ReconnectInterval, milliseconds(interval)));
                self
            }

            /// The socket.
            pub fn build(self) -> Result<$name, Error> {
                self.0.build(Kind::$name).map($name)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl $name {
            /// A socket with default options.
            pub fn new() -> Self {
                Self::builder().build().expect("a socket")
            }

            /// Options to build a socket from.
            pub fn builder() -> $builder {
                $builder::default()
            }

            /// Binds; the endpoint it really got.
            pub fn bind(&self, endpoint: &str) -> Result<Endpoint, Error> {
                open(&self.0).bind(endpoint).map(Endpoint)
            }

            /// Connects.
            pub fn connect(&self, endpoint: &str) -> Result<Endpoint, Error> {
                open(&self.0).connect(endpoint)?;
                Ok(Endpoint(endpoint.to_owned()))
            }

            /// Waits until there are `n` connections.
            pub fn wait_for_peers(&self, n: usize, timeout: Duration) -> Result<(), Error> {
                let deadline = Instant::now() + timeout;
                let mut guard = open(&self.0).0;
                let inner = guard.as_mut().expect("not closed");
                while inner.peers < n {
                    match inner
                        .monitor
                        .next(deadline.saturating_duration_since(Instant::now()))?
                    {
                        Some(Event::Handshaken) => inner.peers += 1,
                        Some(Event::Disconnected) => inner.peers -= 1,
                        None => panic!("no {n} peers in time"),
                    }
                }
                Ok(())
            }

            /// Closes; waits for what is unsent, as the linger says.
            pub fn close(&self) -> Result<(), Unsent> {
                drop(open(&self.0).0.take());
                Ok(())
            }
        }
    };
}

macro_rules! sender {
    ($name:ident, $builder:ident) => {
        impl $builder {
            /// Most messages queued outward.
            pub fn send_hwm(mut self, messages: usize) -> Self {
                self.0.values.push((Opt::SendHwm, messages as i32));
                self
            }
        }

        impl $name {
            /// Sends, waiting as long as it takes.
            pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
                send(&self.0, message.into(), -1)
            }

            /// Sends, waiting no longer than this.
            pub fn send_timeout(
                &self,
                message: impl Into<Message>,
                timeout: Duration,
            ) -> Result<(), SendError> {
                send(&self.0, message.into(), milliseconds(timeout))
            }
        }
    };
}

macro_rules! receiver {
    ($name:ident, $builder:ident) => {
        impl $builder {
            /// Most messages queued inward.
            pub fn recv_hwm(mut self, messages: usize) -> Self {
                self.0.values.push((Opt::ReceiveHwm, messages as i32));
                self
            }
        }

        impl $name {
            /// Receives, waiting as long as it takes.
            pub fn recv(&self) -> Result<Message, RecvError> {
                recv(&self.0, -1)
            }

            /// Receives, waiting no longer than this.
            pub fn recv_timeout(&self, timeout: Duration) -> Result<Message, RecvError> {
                recv(&self.0, milliseconds(timeout))
            }
        }
    };
}

fn send(inner: &Mutex<Option<Inner>>, message: Message, timeout: i32) -> Result<(), SendError> {
    let socket = open(inner);
    socket.set(Opt::SendTimeout, timeout)?;
    socket.send(&message.0)
}

// Waits in small steps, so that another thread gets the lock to send.
fn recv(inner: &Mutex<Option<Inner>>, timeout: i32) -> Result<Message, RecvError> {
    const STEP: i32 = 2;
    let mut waited = 0;
    loop {
        let socket = open(inner);
        socket.set(Opt::ReceiveTimeout, STEP)?;
        match socket.recv() {
            Err(error) if error.is_again() && (timeout < 0 || waited < timeout) => waited += STEP,
            Err(error) => return Err(error),
            Ok(parts) => {
                return Ok(Message(
                    parts.iter().map(|part| Frame(part.to_vec())).collect(),
                ));
            }
        }
        drop(socket);
        std::thread::yield_now();
    }
}

socket!(Push, PushBuilder);
socket!(Pull, PullBuilder);
socket!(Pair, PairBuilder);
sender!(Push, PushBuilder);
sender!(Pair, PairBuilder);
receiver!(Pull, PullBuilder);
receiver!(Pair, PairBuilder);
