//! Sets up a socket: typed setters, each only where it applies, checked together.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::time::Duration;

use super::core::Core;
use super::sealed::CoreToken;
use super::{
    Asks, Conflates, Forwards, Identifies, Matches, Owner, Pattern, Publishes, Receives, Routes,
    Sends, SocketKind, TellsUpstream, ToldUpstream,
};
use crate::context::Context;
use crate::error::BuildError;
use crate::message::Message;
use crate::options::{Heartbeats, Options, ReconnectStop, Verbosity};
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::transport::tuning;

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
    socket_type: SocketType,
    options: Options,
    context: Option<Context>,
    wrong: Vec<String>,
    /// Whether the TTL was set; otherwise it follows from the other two.
    has_ttl: bool,
    kind: PhantomData<fn() -> T>,
}

impl<T: SocketKind> Builder<T> {
    pub(super) fn new(socket_type: SocketType) -> Self {
        Self {
            socket_type,
            options: Options::default(),
            context: None,
            wrong: Vec::new(),
            has_ttl: false,
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

    /// What ends an endpoint that is connected to, rather than being followed by another attempt.
    /// Default nothing: attempts go on until the endpoint is disconnected. tcp and ipc only. libzmq's
    /// `ZMQ_RECONNECT_STOP`.
    ///
    /// An endpoint that has ended is as good as disconnected: what was queued for it is dropped and
    /// counted, and it may be connected to again. A warning in the log says why, and
    /// [`MonitorEvent::GivenUp`](crate::MonitorEvent::GivenUp) that it is so.
    ///
    /// ```
    /// use zocket::{Push, ReconnectStop};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let push = Push::builder()
    ///     .reconnect_stop([ReconnectStop::Refused, ReconnectStop::HandshakeFailed])
    ///     .build()?;
    /// # drop(push);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reconnect_stop(mut self, causes: impl IntoIterator<Item = ReconnectStop>) -> Self {
        self.options.reconnect_stop.clear();
        for cause in causes {
            if !self.options.reconnect_stop.contains(&cause) {
                self.options.reconnect_stop.push(cause);
            }
        }
        self
    }

    /// How long a handshake may take in all, from the connection to the peer's last command;
    /// `None` is for ever. Default 10 s. libzmq's `ZMQ_HANDSHAKE_IVL`, by default 30 s.
    pub fn handshake_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.handshake_timeout = timeout.into();
        self
    }

    /// After how much silence a peer is asked for a sign of life (a PING), at least 1 ms; `None` is
    /// never. Default 10 s. tcp and ipc only; it may be an eighth late and some.
    ///
    /// Every byte that comes is a sign of life, so a peer that sends is not asked, and of two idle
    /// sides one asks. A peer that speaks ZMTP 3.0 is never asked: it would take the PING for a
    /// message. Questions of a peer are always answered.
    ///
    /// libzmq's `ZMQ_HEARTBEAT_IVL`, which is off by default, and asks however much is heard.
    pub fn heartbeat_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        let interval = self.check_milliseconds("heartbeat_interval", interval.into());
        self.options.heartbeats.interval = interval;
        self
    }

    /// How long a peer that was asked for a sign of life may stay silent, at least 1 ms, before its
    /// connection is ended (and made anew, on the side that connects); `None` is for ever. Default
    /// 30 s, so a dead peer is noticed 40 s after its last byte, or earlier if it had a
    /// [`heartbeat_ttl`](Self::heartbeat_ttl).
    ///
    /// Nobody is taken for dead for a silence that is not its own: not while the queue for what it
    /// sends is at its high-water mark, so that it is not read; and not if messages went out before
    /// the question that it may leave unread at its own high-water mark, unless it has a TTL. (A
    /// zocket has one if its defaults are kept, a libzmq if it is set.)
    ///
    /// libzmq's `ZMQ_HEARTBEAT_TIMEOUT`, by default the interval.
    pub fn heartbeat_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        let timeout = self.check_milliseconds("heartbeat_timeout", timeout.into());
        self.options.heartbeats.timeout = timeout;
        self
    }

    /// After how much silence of this socket its peers are to take it for dead, even if they ask
    /// nobody themselves; said with each question, in tenths of a second. `None` says nothing.
    /// Default: the [`heartbeat_timeout`](Self::heartbeat_timeout), but not less than two
    /// [`heartbeat_interval`](Self::heartbeat_interval)s; nothing without the two.
    ///
    /// It must be at least 100 ms and two intervals, so that it can be kept: something is said once
    /// in an interval then, if only a question. The longest that is said is 65.5 s, for libzmq
    /// misunderstands what is longer; the interval is at most half of that then.
    ///
    /// What peers say in this way is heeded whatever is set here. libzmq's `ZMQ_HEARTBEAT_TTL`, by
    /// default nothing.
    pub fn heartbeat_ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.has_ttl = true;
        self.options.heartbeats.ttl = ttl.into();
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

    /// The type of service that tcp packets carry, as eight bits: the upper six are the
    /// differentiated services code point, the lower two (ECN) belong to the kernel, which ignores
    /// them here. 0 leaves all to the operating system. Default 0. tcp only, over IPv4 and IPv6.
    ///
    /// Linux, Android, macOS and the BSDs; elsewhere [`build`](Self::build) refuses anything but 0.
    /// libzmq's `ZMQ_TOS`.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")]
    /// # fn main() -> Result<(), zocket::Error> {
    /// // Expedited forwarding: code point 46.
    /// let push = zocket::Push::builder().type_of_service(46 << 2).build()?;
    /// # drop(push);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(target_os = "linux"))]
    /// # fn main() {}
    /// ```
    pub fn type_of_service(mut self, value: u8) -> Self {
        self.needs("type_of_service", value != 0, tuning::HAS_TYPE_OF_SERVICE);
        self.options.transport.type_of_service = value;
        self
    }

    /// How long what was sent over tcp may stay unacknowledged before the kernel ends the
    /// connection (which is then made anew, on the side that connects), in whole milliseconds from
    /// 1 to 2,147,483,647; `None` leaves it to the operating system, which tries for a quarter of an
    /// hour or so. Default `None`. tcp only.
    ///
    /// A connection attempt and keep-alive probes ([`tcp_keepalive`](Self::tcp_keepalive)) go
    /// unanswered no longer than this either. Linux and Android; elsewhere [`build`](Self::build)
    /// refuses anything but `None`. libzmq's `ZMQ_TCP_MAXRT`, with 0 for `None`.
    pub fn tcp_user_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        let timeout = timeout.into();
        self.needs(
            "tcp_user_timeout",
            timeout.is_some(),
            tuning::HAS_USER_TIMEOUT,
        );
        if timeout.is_some_and(|time| !(1..=KERNEL_MAX).contains(&time.as_millis())) {
            self.wrong.push(format!(
                "tcp_user_timeout: it must be 1 to {KERNEL_MAX} ms (`None` is the system's)"
            ));
        }
        self.options.transport.user_timeout = timeout;
        self
    }

    /// The priority of the tcp packets that are sent, by which the network device's queueing
    /// discipline may send some before others; 0 leaves it to the operating system. Default 0. tcp
    /// only.
    ///
    /// More than 6 needs a privilege (`CAP_NET_ADMIN`): bind and connect fail without it. A priority
    /// of 0 follows from the [`type_of_service`](Self::type_of_service). Linux and Android;
    /// elsewhere [`build`](Self::build) refuses anything but 0. libzmq's `ZMQ_PRIORITY`.
    pub fn priority(mut self, priority: u32) -> Self {
        self.needs("priority", priority != 0, tuning::HAS_PRIORITY);
        if i32::try_from(priority).is_err() {
            self.wrong
                .push(format!("priority: it must be 0 to {KERNEL_MAX}"));
        }
        self.options.transport.priority = priority;
        self
    }

    /// How long the kernel may ask a network device for packets, with the processor busy all the
    /// while, when a tcp connection has nothing to read, in whole microseconds from 1 to
    /// 2,147,483,647; `None` leaves it to the operating system. Default `None`. tcp only.
    ///
    /// More than the system's `net.core.busy_read` needs a privilege (`CAP_NET_ADMIN`): bind and
    /// connect fail without it. The device's driver must be able to do it, and an I/O thread that
    /// waits for many connections polls only if `net.core.busy_poll` is set as well. Linux;
    /// elsewhere [`build`](Self::build) refuses anything but `None`. libzmq's `ZMQ_BUSY_POLL`, with
    /// 0 for `None`.
    pub fn busy_poll(mut self, time: impl Into<Option<Duration>>) -> Self {
        let time = time.into();
        self.needs("busy_poll", time.is_some(), tuning::HAS_BUSY_POLL);
        if time.is_some_and(|time| !(1..=KERNEL_MAX).contains(&time.as_micros())) {
            self.wrong.push(format!(
                "busy_poll: it must be 1 to {KERNEL_MAX} microseconds (`None` is the system's)"
            ));
        }
        self.options.transport.busy_poll = time;
        self
    }

    /// The network device, such as `eth0` or a VRF, through which all tcp connections of the socket
    /// go, whatever the routes say; 1 to 15 bytes. Default none: the routes decide. tcp only.
    ///
    /// bind and connect fail with the system's error if there is no such device, or if the process
    /// may not do this (Linux before 5.7 asks for `CAP_NET_RAW`). Should the device go later, it is
    /// waited for. Linux and Android; elsewhere [`build`](Self::build) refuses it. libzmq's
    /// `ZMQ_BINDTODEVICE`.
    pub fn bind_to_device(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.needs("bind_to_device", true, tuning::HAS_DEVICES);
        // The kernel would take the part that fits, up to a zero, for the name.
        if name.is_empty() || name.len() > 15 || name.contains('\0') {
            self.wrong.push(format!(
                "bind_to_device: {name:?} is no name of a device: 1 to 15 bytes without a zero"
            ));
        }
        self.options.transport.device = Some(name);
        self
    }

    /// Makes the socket.
    ///
    /// # Errors
    ///
    /// [`BuildError::Invalid`] lists every value that cannot be; [`BuildError::Terminated`] if the
    /// context is shut down.
    pub fn build(mut self) -> Result<T, BuildError> {
        self.settle_ttl();
        if !self.wrong.is_empty() {
            return Err(BuildError::Invalid(self.wrong));
        }
        let context = self.context.unwrap_or_else(Context::global);
        if context.is_shut_down() {
            return Err(BuildError::Terminated);
        }
        Ok(make(self.socket_type, self.options, context))
    }

    /// The socket with nothing set: cannot fail, and makes a socket that is born terminated where
    /// `build` says so.
    pub(super) fn make_default(socket_type: SocketType) -> T {
        make(socket_type, Options::default(), Context::global())
    }

    /// A socket made for a type known only when it runs has every setter: those that do not apply
    /// are refused when it is built.
    fn applies(&mut self, setter: &str, applies: impl Fn(SocketType) -> bool) {
        if !applies(self.socket_type) {
            self.wrong
                .push(format!("{setter}: does not apply to {}", self.socket_type));
        }
    }

    /// A setter exists on every system, so that programs do: one that means something else than the
    /// default is refused where the system cannot do it, rather than ignored.
    fn needs(&mut self, setter: &str, wanted: bool, has: bool) {
        if wanted && !has {
            self.wrong
                .push(format!("{setter}: this operating system does not have it"));
        }
    }

    /// The TTL that follows from interval and timeout, or whether the one that was set can be kept.
    fn settle_ttl(&mut self) {
        let heartbeats = &mut self.options.heartbeats;
        if !self.has_ttl {
            heartbeats.ttl = heartbeats.derived_ttl();
            return;
        }
        if let (Some(ttl), Some(least)) = (heartbeats.ttl, heartbeats.least_ttl())
            && ttl.min(Heartbeats::TTL_MAX) < least
        {
            self.wrong.push(format!(
                "heartbeat_ttl: {} is less than 100 ms or two intervals, or the interval more than {}",
                crate::error::millis(ttl),
                crate::error::millis(Heartbeats::TTL_MAX / 2)
            ));
        }
    }

    fn check_milliseconds(&mut self, setter: &str, time: Option<Duration>) -> Option<Duration> {
        if time.is_some_and(|time| time < Duration::from_millis(1)) {
            self.wrong.push(format!(
                "{setter}: less than a millisecond cannot be (`None` is never)"
            ));
        }
        time
    }

    fn check_bytes(&mut self, setter: &str, bytes: Option<usize>) -> Option<usize> {
        if bytes == Some(0) {
            self.wrong
                .push(format!("{setter}: 0 bytes cannot be (`None` is unlimited)"));
        }
        bytes
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

/// The largest number that the kernel takes for an option.
const KERNEL_MAX: u128 = i32::MAX as u128;

fn make<T: SocketKind>(socket_type: SocketType, options: Options, context: Context) -> T {
    let core = Core::new(Pattern(socket_type), options, context);
    T::from_core(CoreToken(Owner::new(core)))
}

impl<T: Sends> Builder<T> {
    /// The high-water mark of each outgoing queue, in messages; 0 is unlimited. Default 1000.
    ///
    /// Over tcp and ipc the kernel's buffers and the receiver's own queue come on top; over inproc
    /// the queue between two sockets holds this and the receiver's [`recv_hwm`](Builder::recv_hwm)
    /// together. libzmq's `ZMQ_SNDHWM`.
    pub fn send_hwm(mut self, messages: usize) -> Self {
        self.applies("send_hwm", |it| it != SocketType::Pull);
        self.options.send_hwm = messages;
        self
    }

    /// How many bytes each outgoing queue may hold, beside its [`send_hwm`](Self::send_hwm); `None` is
    /// unlimited. Default `None`. libzmq has no such option.
    ///
    /// The bytes are those of the frames. A queue that has reached this, or its high-water mark, is
    /// full; one that has not takes one more message, however large, so it holds this and one message
    /// at most, and a message larger than this can still be sent. Who waits for room goes on when both
    /// are down to half. A [permit](crate::Permit) keeps room for a message of any size: what permits
    /// send may exceed this by one message for each of them.
    ///
    /// Over inproc the queue between two sockets holds this and the receiver's
    /// [`recv_limit_bytes`](Builder::recv_limit_bytes) together, without limit if either has none.
    ///
    /// ```
    /// # fn main() -> Result<(), zocket::Error> {
    /// let push = zocket::Push::builder().send_limit_bytes(16 << 20).build()?;
    /// # drop(push);
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_limit_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.applies("send_limit_bytes", |it| it != SocketType::Pull);
        self.options.send_limit_bytes = self.check_bytes("send_limit_bytes", bytes.into());
        self
    }

    /// How long a `send` waits for room; `None` is for ever. Default `None`. libzmq's
    /// `ZMQ_SNDTIMEO`.
    pub fn send_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.applies("send_timeout", |it| it != SocketType::Pull);
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
        self.applies("recv_hwm", |it| it != SocketType::Push);
        self.options.recv_hwm = messages;
        self
    }

    /// How many bytes each incoming queue may hold, beside its [`recv_hwm`](Self::recv_hwm); `None` is
    /// unlimited. Default `None`. libzmq has no such option.
    ///
    /// The bytes are those of the frames, and what has come of a message that is not whole yet. A
    /// connection whose queue has reached this, or its high-water mark, is not read any further before
    /// both are down to half; what one read has brought already comes on top (64 KiB, or of a large
    /// frame as much again as there is). While nothing is queued a message is read to its end however large it is (see
    /// [`max_message_size`](Self::max_message_size)).
    ///
    /// ```
    /// # fn main() -> Result<(), zocket::Error> {
    /// let pull = zocket::Pull::builder().recv_limit_bytes(16 << 20).build()?;
    /// # drop(pull);
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_limit_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.applies("recv_limit_bytes", |it| it != SocketType::Push);
        self.options.recv_limit_bytes = self.check_bytes("recv_limit_bytes", bytes.into());
        self
    }

    /// How long a `recv` waits for a message; `None` is for ever. Default `None`. libzmq's
    /// `ZMQ_RCVTIMEO`.
    pub fn recv_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.applies("recv_timeout", |it| it != SocketType::Push);
        self.options.recv_timeout = timeout.into();
        self
    }
}

/// A setter that is one option's value, with the types it applies to.
macro_rules! setters {
    ($($kind:ident: $types:pat => {
        $($(#[$doc:meta])* $setter:ident: bool,)*
    })*) => {$(
        impl<T: $kind> Builder<T> {
            $(
                $(#[$doc])*
                pub fn $setter(mut self, on: bool) -> Self {
                    self.applies(stringify!($setter), |it| matches!(it, $types));
                    self.options.$setter = on;
                    self
                }
            )*
        }
    )*};
}

setters! {
    Identifies: SocketType::Req | SocketType::Dealer | SocketType::Router => {
        /// Whether each new peer is sent an empty message first, so that a ROUTER knows of this
        /// socket before it has said anything. Default `false`. libzmq's `ZMQ_PROBE_ROUTER`.
        probe_router: bool,
    }
    Conflates: SocketType::Push | SocketType::Pull | SocketType::Pub | SocketType::Sub | SocketType::Dealer => {
        /// Whether only the newest message is kept for each peer, whole; the high-water marks do not
        /// matter then. Default `false`. libzmq's `ZMQ_CONFLATE`, which takes messages of one frame
        /// only.
        conflate: bool,
    }
    Routes: SocketType::Router => {
        /// Whether a message that no peer can be given is an error: `Unroutable` for an id that
        /// nobody has, and for a peer without room the call waits (or is `Full`). Default `false`:
        /// it is dropped, and counted. libzmq's `ZMQ_ROUTER_MANDATORY`.
        mandatory: bool,
        /// Whether a peer that comes with the routing id of another takes it over, and the other's
        /// connection ends. Default `false`: the newcomer is refused, which is logged; it may try
        /// again. (libzmq ignores it for ever.) libzmq's `ZMQ_ROUTER_HANDOVER`.
        handover: bool,
    }
    Asks: SocketType::Req => {
        /// Whether each request carries a number, by which a late reply to an earlier one is known.
        /// Default `false`: a REP keeps it, but a ROUTER that takes requests apart must expect it.
        /// libzmq's `ZMQ_REQ_CORRELATE`.
        correlate: bool,
        /// Whether a new request may be sent before the last one was answered, which is given up
        /// then. Default `false`. libzmq's `ZMQ_REQ_RELAXED`.
        relaxed: bool,
    }
    Publishes: SocketType::Pub | SocketType::XPub => {
        /// Whether a send waits (or is `Full`) while any subscriber that wants the message has no
        /// room, instead of dropping it for that one: one slow subscriber holds up all. Default
        /// `false`. libzmq's `ZMQ_XPUB_NODROP`.
        nodrop: bool,
    }
    Matches: SocketType::Pub | SocketType::XPub | SocketType::Sub => {
        /// Whether messages go to those whose subscriptions do *not* match. To be set on publishers
        /// and on their SUB peers alike. Default `false`. libzmq's `ZMQ_INVERT_MATCHING`.
        invert_matching: bool,
    }
    TellsUpstream: SocketType::XPub => {
        /// Whether subscriptions are not applied but only told, for the application to
        /// [`accept`](crate::Subscription::accept) what it likes instead. Default `false`. libzmq's
        /// `ZMQ_XPUB_MANUAL`.
        manual: bool,
    }
    Forwards: SocketType::XPub | SocketType::XSub => {
        /// Whether a message of several frames is looked through for subscriptions only if its first
        /// frame is one. Default `false`: every frame that begins with 0 or 1 is. libzmq's
        /// `ZMQ_ONLY_FIRST_SUBSCRIBE`.
        only_first_subscribe: bool,
    }
    ToldUpstream: SocketType::XSub => {
        /// Whether publishers are told of every subscription that is taken back, not only of the
        /// last of a topic. Default `false`. libzmq's `ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`.
        verbose_unsubscribe: bool,
    }
}

impl<T: Identifies> Builder<T> {
    /// The id by which a ROUTER is to know this socket: 1 to 255 bytes, the first not zero. Default
    /// none: the ROUTER makes one up. libzmq's `ZMQ_ROUTING_ID`.
    pub fn routing_id<I>(mut self, id: I) -> Self
    where
        I: TryInto<RoutingId>,
        I::Error: Display,
    {
        self.applies("routing_id", |it| {
            matches!(
                it,
                SocketType::Req | SocketType::Dealer | SocketType::Router
            )
        });
        match id.try_into() {
            Ok(id) if id.first() == Some(&0) => self.wrong.push(
                "routing_id: ids that begin with a zero byte are those that ROUTERs make up"
                    .to_owned(),
            ),
            Ok(id) => self.options.routing_id = Some(id),
            Err(error) => self.wrong.push(format!("routing_id: {error}")),
        }
        self
    }
}

impl<T: Publishes> Builder<T> {
    /// The most topics that one subscriber may have at a time; one that wants more is disconnected.
    /// Default 1,000,000.
    pub fn max_subscriptions(mut self, topics: usize) -> Self {
        self.applies("max_subscriptions", is_publisher);
        self.options.max_subscriptions = topics;
        self
    }

    /// The most bytes that the topics of one subscriber may have together; one that wants more is
    /// disconnected. Default 64 MiB.
    pub fn max_subscription_bytes(mut self, bytes: usize) -> Self {
        self.applies("max_subscription_bytes", is_publisher);
        self.options.max_subscription_bytes = bytes;
        self
    }
}

impl<T: TellsUpstream> Builder<T> {
    /// Whether every subscription is told, not only the first of a topic. Default `false`. libzmq's
    /// `ZMQ_XPUB_VERBOSE`.
    pub fn verbose(self, on: bool) -> Self {
        self.tells("verbose", on, Verbosity::Subscribes)
    }

    /// Whether every subscription and everyone that is taken back is told, not only the first and
    /// the last of a topic. Default `false`. libzmq's `ZMQ_XPUB_VERBOSER`.
    pub fn verboser(self, on: bool) -> Self {
        self.tells("verboser", on, Verbosity::All)
    }

    fn tells(mut self, setter: &str, on: bool, verbosity: Verbosity) -> Self {
        self.applies(setter, |it| it == SocketType::XPub);
        self.options.verbose = if on { verbosity } else { Verbosity::Changes };
        self
    }

    /// As [`manual`](Self::manual); and the first message after a subscription was accepted goes to
    /// that subscriber only: for a last-value cache. Default `false`. libzmq's
    /// `ZMQ_XPUB_MANUAL_LAST_VALUE`.
    pub fn manual_last_value(mut self, on: bool) -> Self {
        self.applies("manual_last_value", |it| it == SocketType::XPub);
        self.options.manual = on;
        self.options.manual_last_value = on;
        self
    }

    /// What every subscriber gets first; one that has subscribed to nothing that it matches does
    /// not see it. Default none. libzmq's `ZMQ_XPUB_WELCOME_MSG`.
    pub fn welcome_message(mut self, message: impl Into<Message>) -> Self {
        self.applies("welcome_message", |it| it == SocketType::XPub);
        self.options.welcome_message = Some(message.into());
        self
    }
}

fn is_publisher(socket_type: SocketType) -> bool {
    matches!(socket_type, SocketType::Pub | SocketType::XPub)
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Push;

    /// What `build` says of a socket with this setting.
    fn said(set: impl FnOnce(Builder<Push>) -> Builder<Push>) -> String {
        match set(Push::builder()).build() {
            Err(BuildError::Invalid(wrong)) => wrong.join("\n"),
            Err(error) => panic!("{error}"),
            Ok(_) => String::new(),
        }
    }

    /// Nothing is said of it where the system can do it; the setter's name elsewhere.
    fn taken_where(has: bool, name: &str, set: impl FnOnce(Builder<Push>) -> Builder<Push>) {
        let said = said(set);
        if has {
            assert_eq!(said, "");
        } else {
            assert!(
                said.starts_with(name) && said.contains("operating system"),
                "{said}"
            );
        }
    }

    #[test]
    fn type_of_service_is_taken_where_the_system_has_it() {
        let builder = Push::builder().type_of_service(0xb8);
        assert_eq!(builder.options.transport.type_of_service, 0xb8);
        taken_where(tuning::HAS_TYPE_OF_SERVICE, "type_of_service", |it| {
            it.type_of_service(255)
        });
        assert_eq!(said(|it| it.type_of_service(0)), "");
    }

    #[test]
    fn tcp_user_timeout_is_what_the_kernel_can_count() {
        let most = Duration::from_millis(i32::MAX as u64);
        let builder = Push::builder().tcp_user_timeout(most);
        assert_eq!(builder.options.transport.user_timeout, Some(most));
        for fits in [Duration::from_millis(1), most] {
            taken_where(tuning::HAS_USER_TIMEOUT, "tcp_user_timeout", |it| {
                it.tcp_user_timeout(fits)
            });
        }
        for wrong in [
            Duration::ZERO,
            Duration::from_micros(999),
            most + Duration::from_millis(1),
            Duration::MAX,
        ] {
            let said = said(|it| it.tcp_user_timeout(wrong));
            assert!(
                said.contains("tcp_user_timeout: it must"),
                "{wrong:?}: {said}"
            );
        }
        assert_eq!(said(|it| it.tcp_user_timeout(None)), "");
    }

    #[test]
    fn priority_is_what_the_kernel_can_count() {
        let builder = Push::builder().priority(6);
        assert_eq!(builder.options.transport.priority, 6);
        for fits in [1, i32::MAX as u32] {
            taken_where(tuning::HAS_PRIORITY, "priority", |it| it.priority(fits));
        }
        assert!(said(|it| it.priority(1 << 31)).contains("priority: it must"));
        assert_eq!(said(|it| it.priority(0)), "");
    }

    #[test]
    fn busy_poll_is_what_the_kernel_can_count() {
        let most = Duration::from_micros(i32::MAX as u64);
        let builder = Push::builder().busy_poll(most);
        assert_eq!(builder.options.transport.busy_poll, Some(most));
        for fits in [Duration::from_micros(1), most] {
            taken_where(tuning::HAS_BUSY_POLL, "busy_poll", |it| it.busy_poll(fits));
        }
        for wrong in [
            Duration::ZERO,
            Duration::from_nanos(999),
            most + Duration::from_micros(1),
            Duration::MAX,
        ] {
            let said = said(|it| it.busy_poll(wrong));
            assert!(said.contains("busy_poll: it must"), "{wrong:?}: {said}");
        }
        assert_eq!(said(|it| it.busy_poll(None)), "");
    }

    #[test]
    fn bind_to_device_takes_what_can_be_a_name() {
        let builder = Push::builder().bind_to_device("eth0");
        assert_eq!(builder.options.transport.device.as_deref(), Some("eth0"));
        for fits in ["lo", "fifteen-bytes-0"] {
            taken_where(tuning::HAS_DEVICES, "bind_to_device", |it| {
                it.bind_to_device(fits)
            });
        }
        for wrong in ["", "sixteen-bytes-00", "lo\0x"] {
            let said = said(|it| it.bind_to_device(wrong));
            assert!(said.contains("no name of a device"), "{wrong:?}: {said}");
        }
    }
}
