//! Sets up a socket: typed setters, each only where it applies, checked together.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::core::Core;
use super::sealed::CoreToken;
use super::{Receives, Sends, SocketKind};
use crate::context::Context;
use crate::error::BuildError;
use crate::options::Options;

/// Sets up a socket of type `T`; made by its `builder()`.
///
/// A setter exists only where it applies. Nothing is checked before [`build`](Self::build), which
/// then names everything that is wrong at once.
///
/// ```
/// use std::time::Duration;
/// use zocket::Push;
///
/// # fn main() -> Result<(), zocket::Error> {
/// let push = Push::builder()
///     .send_hwm(10_000)
///     .linger(Duration::from_secs(1))
///     .reconnect_interval(Duration::from_millis(50))
///     .build()?;
/// # drop(push);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Builder<T> {
    options: Options,
    context: Option<Context>,
    wrong: Vec<String>,
    kind: PhantomData<fn() -> T>,
}

impl<T: SocketKind> Builder<T> {
    pub(super) fn new() -> Self {
        Self {
            options: Options::default(),
            context: None,
            wrong: Vec::new(),
            kind: PhantomData,
        }
    }

    /// The context that the socket lives in. Default: [`Context::global`].
    ///
    /// inproc names are seen within one context only.
    pub fn context(mut self, context: &Context) -> Self {
        self.context = Some(context.clone());
        self
    }

    /// How long dropping or closing the socket may wait until what was sent is with the kernel (or
    /// the peer, over inproc). `None` is for ever, zero drops what is left. Default 5 s.
    ///
    /// libzmq's `ZMQ_LINGER`, whose default is for ever: the best-known way to hang at exit.
    pub fn linger(mut self, linger: impl Into<Option<Duration>>) -> Self {
        self.options.linger = linger.into();
        self
    }

    /// How long to wait before the first attempt to connect again; `None` never tries again.
    /// Default 100 ms.
    ///
    /// Each wait is a random part of an interval that doubles up to
    /// [`reconnect_interval_max`](Self::reconnect_interval_max); it starts anew once a connection
    /// has completed its handshake and lived for a while. libzmq's `ZMQ_RECONNECT_IVL`.
    pub fn reconnect_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.options.reconnect.interval = interval.into();
        self
    }

    /// What the reconnect interval doubles up to. Default 10 s; less than the interval keeps it
    /// constant, as is libzmq's default. libzmq's `ZMQ_RECONNECT_IVL_MAX`.
    pub fn reconnect_interval_max(mut self, max: Duration) -> Self {
        self.options.reconnect.max = max;
        self
    }

    /// How long a handshake may take in all, from the connection to the peer's last command;
    /// `None` is for ever. Default 10 s. libzmq's `ZMQ_HANDSHAKE_IVL`, by default 30 s.
    pub fn handshake_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.handshake_timeout = timeout.into();
        self
    }

    /// How long one address may take to answer a connection attempt; `None` leaves it to the
    /// operating system. Default `None`. tcp only. libzmq's `ZMQ_CONNECT_TIMEOUT`.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.connect_timeout = timeout.into();
        self
    }

    /// The largest message taken from a peer, in bytes, all its frames together; `None` is
    /// unlimited. Default 256 MiB. A peer that announces more is disconnected.
    ///
    /// libzmq's `ZMQ_MAXMSGSIZE`, which is unlimited by default and counts each frame alone.
    pub fn max_message_size(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.options.max_message_size = bytes.into();
        self
    }

    /// The most frames in one message taken from a peer. Default 65,536.
    pub fn max_frames(mut self, frames: usize) -> Self {
        if frames == 0 {
            self.wrong
                .push("max_frames: a message has at least one frame".to_owned());
        }
        self.options.max_frames = frames;
        self
    }

    /// Whether a peer that is connected to takes part only while its connection stands. Default
    /// `false`: messages are queued for it as soon as `connect` was called, and kept for it over a
    /// reconnect. tcp and ipc only: over inproc there is no connection to wait for. libzmq's
    /// `ZMQ_IMMEDIATE`.
    pub fn immediate(mut self, immediate: bool) -> Self {
        self.options.immediate = immediate;
        self
    }

    /// The kernel's send buffer for each connection, in bytes; `None` leaves it to the operating
    /// system. Default `None`. libzmq's `ZMQ_SNDBUF`.
    pub fn send_buffer(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.options.transport.send_buffer = bytes.into();
        self
    }

    /// The kernel's receive buffer for each connection, in bytes; `None` leaves it to the operating
    /// system. Default `None`. libzmq's `ZMQ_RCVBUF`.
    pub fn recv_buffer(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.options.transport.recv_buffer = bytes.into();
        self
    }

    /// How many connections may wait to be accepted. Default 100. libzmq's `ZMQ_BACKLOG`.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.options.transport.backlog = connections;
        self
    }

    /// Whether the kernel probes idle tcp connections; `None` leaves it to the operating system.
    /// Default `None`. libzmq's `ZMQ_TCP_KEEPALIVE`.
    pub fn tcp_keepalive(mut self, on: impl Into<Option<bool>>) -> Self {
        self.options.transport.keepalive = on.into();
        self
    }

    /// How long a tcp connection is idle before it is probed; `None` leaves it to the operating
    /// system. Default `None`. libzmq's `ZMQ_TCP_KEEPALIVE_IDLE`.
    pub fn tcp_keepalive_idle(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.options.transport.keepalive_idle =
            self.check_seconds("tcp_keepalive_idle", time.into());
        self
    }

    /// How long between two probes; `None` leaves it to the operating system. Default `None`.
    /// libzmq's `ZMQ_TCP_KEEPALIVE_INTVL`.
    pub fn tcp_keepalive_interval(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.options.transport.keepalive_interval =
            self.check_seconds("tcp_keepalive_interval", time.into());
        self
    }

    /// How many probes may stay unanswered; `None` leaves it to the operating system. Default
    /// `None`. libzmq's `ZMQ_TCP_KEEPALIVE_CNT`.
    pub fn tcp_keepalive_count(mut self, probes: impl Into<Option<u32>>) -> Self {
        let probes = probes.into();
        if probes == Some(0) {
            self.wrong
                .push("tcp_keepalive_count: 0 probes cannot be".to_owned());
        }
        self.options.transport.keepalive_count = probes;
        self
    }

    /// Whether host names and the wildcard `*` also mean IPv6. Default `false`. An IPv6 address
    /// given as such is used either way. libzmq's `ZMQ_IPV6`.
    pub fn ipv6(mut self, on: bool) -> Self {
        self.options.transport.ipv6 = on;
        self
    }

    /// Makes the socket.
    ///
    /// # Errors
    ///
    /// [`BuildError::Invalid`] lists every value that cannot be; [`BuildError::Terminated`] if the
    /// context is shut down.
    pub fn build(self) -> Result<T, BuildError> {
        if !self.wrong.is_empty() {
            return Err(BuildError::Invalid(self.wrong));
        }
        let context = self.context.unwrap_or_else(Context::global);
        if context.is_shut_down() {
            return Err(BuildError::Terminated);
        }
        Ok(T::from_core(CoreToken(Core::new(
            T::PATTERN.0,
            self.options,
            context,
        ))))
    }

    /// The socket with nothing set: cannot fail, and makes a socket that is born terminated where
    /// `build` says so.
    pub(super) fn make_default() -> T {
        T::from_core(CoreToken(Core::new(
            T::PATTERN.0,
            Options::default(),
            Context::global(),
        )))
    }

    /// The kernel counts these in whole seconds, from 1 on.
    fn check_seconds(&mut self, setter: &str, time: Option<Duration>) -> Option<Duration> {
        if time.is_some_and(|time| time.as_secs() == 0) {
            self.wrong
                .push(format!("{setter}: less than a second cannot be"));
        }
        time
    }
}

impl<T: Sends> Builder<T> {
    /// The high-water mark of each outgoing queue, in messages; 0 is unlimited. Default 1000.
    ///
    /// Over tcp and ipc the kernel's buffers and the receiver's own queue come on top; over inproc
    /// the queue between two sockets holds this and the receiver's [`recv_hwm`](Builder::recv_hwm)
    /// together. libzmq's `ZMQ_SNDHWM`.
    pub fn send_hwm(mut self, messages: usize) -> Self {
        self.options.send_hwm = messages;
        self
    }

    /// How long a `send` waits for room; `None` is for ever. Default `None`. libzmq's
    /// `ZMQ_SNDTIMEO`.
    pub fn send_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.send_timeout = timeout.into();
        self
    }
}

impl<T: Receives> Builder<T> {
    /// The high-water mark of each incoming queue, in messages; 0 is unlimited. Default 1000.
    ///
    /// A connection whose queue is full is not read any further, so the sender feels it. What one
    /// read has brought already comes on top. libzmq's `ZMQ_RCVHWM`.
    pub fn recv_hwm(mut self, messages: usize) -> Self {
        self.options.recv_hwm = messages;
        self
    }

    /// How long a `recv` waits for a message; `None` is for ever. Default `None`. libzmq's
    /// `ZMQ_RCVTIMEO`.
    pub fn recv_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.recv_timeout = timeout.into();
        self
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
