//! Every option of a socket: how it is set up, read, and changed later; one table for all three.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::time::Duration;

use super::builder::Builder;
use super::core::Core;
use super::{
    Asks, Conflates, Deals, Forwards, Greets, Identifies, Matches, Publishes, Receives, Routes,
    Sends, SocketKind, TellsUpstream, ToldUpstream,
};
use crate::endpoint::{Address, Endpoint, EndpointError, TcpAddress};
use crate::error::OptionError;
use crate::frame::Frame;
use crate::message::Message;
use crate::network::Network;
use crate::options::{Options, ReconnectStop, RouterNotify, SlowSubscriber, Verbosity};
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::sync::{AtomicU64, Ordering};
use crate::transport::ipc::HAS_CREDENTIALS;
use crate::transport::socks::SocksCredentials;
use crate::transport::tuning;

/// The options of a living socket, of type `T`: to be read, each by the name of the [`Builder`]'s
/// setter, and, but for a few, to be changed; given by its `options()`.
///
/// A change that says so counts at once. All others count for endpoints bound and connections made
/// from then on, those that are made again after a loss included; a connection that is accepted has
/// what is the kernel's (buffers, keep-alive and the like) of its endpoint.
///
/// There is what applies to the type, and nothing else; of a [`Socket`](crate::Socket) there is
/// everything, and what does not apply to its type reads as its default and is not to be changed. On a
/// socket that is closed a change is of no consequence.
///
/// ```
/// use std::time::Duration;
/// use zocket::Push;
///
/// # fn main() -> Result<(), zocket::Error> {
/// let push = Push::builder().send_hwm(10_000).build()?;
/// assert_eq!(push.options().send_hwm(), 10_000);
/// assert_eq!(push.options().linger(), Some(Duration::from_secs(5)));
///
/// push.options().set_send_hwm(10)?;
/// push.options().set_linger(None)?;
/// # push.options().set_linger(Duration::ZERO)?;
/// # Ok(())
/// # }
/// ```
pub struct SocketOptions<'a, T> {
    core: &'a Core,
    kind: PhantomData<fn() -> T>,
}

impl<'a, T> SocketOptions<'a, T> {
    pub(crate) fn new(core: &'a Core) -> Self {
        Self {
            core,
            kind: PhantomData,
        }
    }

    fn change<V>(
        &self,
        option: &str,
        applies: impl FnOnce(SocketType) -> bool,
        value: Result<V, String>,
        put: impl FnOnce(&mut Options, V),
    ) -> Result<(), OptionError> {
        let value = checked(option, self.core.type_of(), applies, value)?;
        self.core
            .change_options(|options| put(options, value))
            .map_err(OptionError::Invalid)
    }
}

impl<T> Clone for SocketOptions<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SocketOptions<'_, T> {}

impl<T> fmt::Debug for SocketOptions<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.options().fmt(f)
    }
}

impl<T> Builder<T> {
    fn set<V>(
        mut self,
        option: &str,
        applies: impl FnOnce(SocketType) -> bool,
        value: Result<V, String>,
        put: impl FnOnce(&mut Options, V),
    ) -> Self {
        match checked(option, self.socket_type, applies, value) {
            Ok(value) => put(&mut self.options, value),
            Err(wrong) => self.wrong.push(wrong.to_string()),
        }
        self
    }
}

/// Where `?` ends: at the value.
fn value_of<V>(value: impl FnOnce() -> Result<V, String>) -> Result<V, String> {
    value()
}

/// The value, if it may be given to a socket of this type.
fn checked<V>(
    option: &str,
    socket_type: SocketType,
    applies: impl FnOnce(SocketType) -> bool,
    value: Result<V, String>,
) -> Result<V, OptionError> {
    if !applies(socket_type) {
        let why = format!("{option}: does not apply to {socket_type}");
        return Err(OptionError::Inapplicable(why));
    }
    value.map_err(|why| OptionError::Invalid(format!("{option}: {why}")))
}

/// From one entry for each option: the [`Builder`]'s setter, the getter, and what changes it later.
///
/// ```text
/// Kind, the types that the option applies to => {
///     /// What it means: the documentation of the Builder's setter, to which the others' points.
///     name(value as it is given) -> type as it is read {
///         put (field.of.Options) = the value that is put there, or ? if that cannot be;
///         read what the getter gives, if that is not the field;
///         one of: live set_name "what a change means at once";
///                 later set_name; (connections made from then on)
///                 fixed "It cannot be changed later: what every queue keeps follows from it.";
///     }
/// }
/// ```
macro_rules! options {
    ($($kind:ident, $applies:expr => {$(
        $(#[$doc:meta])*
        $name:ident($value:ident: $type:ty) -> $read_as:ty {
            put $field:tt = $put:expr;
            $(read $read:expr;)?
            $(live $set_live:ident $live:literal;)?
            $(later $set_later:ident;)?
            $(fixed $fixed:literal;)?
        }
    )*})*) => {$(
        impl<T: $kind> Builder<T> {$(
            $(#[$doc])*
            pub fn $name(self, $value: $type) -> Self {
                let value = value_of(|| Ok($put));
                self.set(stringify!($name), $applies, value, |options, value| {
                    options!(@field options, $field) = value;
                })
            }
        )*}

        impl<T: $kind> SocketOptions<'_, T> {$(
            #[doc = concat!("The [`", stringify!($name), "`](Builder::", stringify!($name), ") as it is now.")]
            $(#[doc = $fixed])?
            #[allow(clippy::clone_on_copy, reason = "not all of them are")]
            pub fn $name(&self) -> $read_as {
                let options = self.core.options();
                options!(@read options, $field $(, $read)?)
            }

            $(options!(@change $set_live, $name, $applies, ($value: $type), $put, $field,
                " at once.", $live);)?
            $(options!(@change $set_later, $name, $applies, ($value: $type), $put, $field,
                ".", "It counts for endpoints bound and connections made from then on.");)?
        )*}
    )*};

    (@field $options:ident, ($($field:ident).+)) => {
        $options.$($field).+
    };
    (@field $options:ident, $field:ident) => {
        $options.$field
    };

    (@read $options:ident, $field:tt) => {
        options!(@field $options, $field).clone()
    };
    (@read $options:ident, $field:tt, $read:expr) => {
        read(&$options, $read)
    };

    (@change $set:ident, $name:ident, $applies:expr, ($value:ident: $type:ty), $put:expr,
        $field:tt, $when:literal, $effect:literal
    ) => {
        #[doc = concat!("Changes the [`", stringify!($name), "`](Builder::", stringify!($name), ")", $when)]
        #[doc = $effect]
        ///
        /// # Errors
        ///
        /// [`OptionError`]: the value cannot be.
        pub fn $set(&self, $value: $type) -> Result<(), OptionError> {
            let value = value_of(|| Ok($put));
            self.change(stringify!($name), $applies, value, |options, value| {
                options!(@field options, $field) = value;
            })
        }
    };
}

options! {
    SocketKind, |_| true => {
        /// How long dropping or closing the socket may wait until what was sent is with the kernel (or
        /// the peer, over inproc), and then for the peers to read it. `None` is for ever (for the
        /// peers half a minute); zero drops what is left, and may cost what the kernel has not sent
        /// yet. Default 5 s, or what the [context](crate::ContextBuilder::linger) says.
        ///
        /// libzmq's `ZMQ_LINGER`, whose default is for ever: the best-known way to hang at exit.
        linger(linger: impl Into<Option<Duration>>) -> Option<Duration> {
            put (chosen.linger) = Some(linger.into());
            read |it| it.linger;
            live set_linger "It counts for a close, a disconnect or an unbind that begins from then on.";
        }

        /// How long to wait before the first attempt to connect again; `None` never tries again.
        /// Default 100 ms.
        ///
        /// Each wait is a random part of an interval that doubles up to
        /// [`reconnect_interval_max`](Self::reconnect_interval_max); it starts anew once a connection
        /// has completed its handshake and lived for a while. libzmq's `ZMQ_RECONNECT_IVL`.
        reconnect_interval(interval: impl Into<Option<Duration>>) -> Option<Duration> {
            put (reconnect.interval) = interval.into();
            live set_reconnect_interval "It counts for the next attempt of every endpoint.";
        }

        /// What the reconnect interval doubles up to. Default 10 s; less than the interval keeps it
        /// constant, as is libzmq's default. libzmq's `ZMQ_RECONNECT_IVL_MAX`.
        reconnect_interval_max(max: Duration) -> Duration {
            put (reconnect.max) = max;
            live set_reconnect_interval_max "It counts for the next attempt of every endpoint.";
        }

        /// What ends an endpoint that is connected to, rather than being followed by another attempt.
        /// Default nothing: attempts go on until the endpoint is disconnected. tcp and ipc only. libzmq's
        /// `ZMQ_RECONNECT_STOP`.
        ///
        /// An endpoint that has ended is as good as disconnected: what was queued for it is dropped and
        /// counted, and it may be connected to again. A warning in the log says why, and
        /// [`MonitorEvent::GivenUp`](crate::MonitorEvent::GivenUp) that it is so; in `endpoints()` it is
        /// [`GivenUp`](crate::EndpointState::GivenUp) until then, or until it is disconnected.
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
        reconnect_stop(causes: impl IntoIterator<Item = ReconnectStop>) -> Vec<ReconnectStop> {
            put reconnect_stop = each_once(causes);
            live set_reconnect_stop "It counts for what happens to every endpoint from then on.";
        }

        /// How long a handshake may take in all, from the connection to the peer's last command;
        /// `None` is for ever. Default 10 s. libzmq's `ZMQ_HANDSHAKE_IVL`, by default 30 s.
        handshake_timeout(timeout: impl Into<Option<Duration>>) -> Option<Duration> {
            put handshake_timeout = timeout.into();
            later set_handshake_timeout;
        }

        /// After how much silence a peer is asked for a sign of life (a PING), at least 1 ms; `None` is
        /// never. Default 10 s. tcp and ipc only; it may be an eighth late and some.
        ///
        /// Every byte that comes is a sign of life, so a peer that sends is not asked, and of two idle
        /// sides one asks. A peer that speaks ZMTP 3.0 is never asked: it would take the PING for a
        /// message. Questions of a peer are always answered.
        ///
        /// libzmq's `ZMQ_HEARTBEAT_IVL`, which is off by default, and asks however much is heard.
        heartbeat_interval(interval: impl Into<Option<Duration>>) -> Option<Duration> {
            put (heartbeats.interval) = milliseconds(interval.into())?;
            later set_heartbeat_interval;
        }

        /// How long a peer that was asked for a sign of life may stay silent, at least 1 ms, before its
        /// connection is ended (and made anew, on the side that connects); `None` is for ever. Default
        /// 30 s, so a dead peer is noticed 40 s after its last byte, or earlier if it had a
        /// [`heartbeat_ttl`](Self::heartbeat_ttl).
        ///
        /// Nobody is taken for dead for a silence that is not its own: not while the queue for what it
        /// sends is at its high-water mark, so that it is not read; and not if messages went out before
        /// the question that it may leave unread at its own high-water mark, unless it has a TTL. (A
        /// zocket has one if its defaults are kept, and tells it after its first interval; a libzmq if
        /// it is set.)
        ///
        /// libzmq's `ZMQ_HEARTBEAT_TIMEOUT`, by default the interval.
        heartbeat_timeout(timeout: impl Into<Option<Duration>>) -> Option<Duration> {
            put (chosen.timeout) = Some(milliseconds(timeout.into())?);
            read |it| it.heartbeats.timeout;
            later set_heartbeat_timeout;
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
        heartbeat_ttl(ttl: impl Into<Option<Duration>>) -> Option<Duration> {
            put (chosen.ttl) = Some(ttl.into());
            read |it| it.heartbeats.ttl;
            later set_heartbeat_ttl;
        }

        /// How long one address may take to answer a connection attempt; `None` leaves it to the
        /// operating system. Default `None`. tcp only. libzmq's `ZMQ_CONNECT_TIMEOUT`.
        ///
        /// For links that come and go: an attempt that has begun while nothing answers goes on in the
        /// kernel when the link is back, with its pauses, which double from a second on. One that is
        /// limited is followed by another.
        connect_timeout(timeout: impl Into<Option<Duration>>) -> Option<Duration> {
            put connect_timeout = timeout.into();
            later set_connect_timeout;
        }

        /// The largest message taken from a peer, in bytes, all its frames together; `None` is
        /// unlimited. Default 256 MiB. A peer that announces more is disconnected.
        ///
        /// libzmq's `ZMQ_MAXMSGSIZE`, which is unlimited by default and counts each frame alone.
        max_message_size(bytes: impl Into<Option<u64>>) -> Option<u64> {
            put max_message_size = bytes.into();
            later set_max_message_size;
        }

        /// The most frames in one message taken from a peer. Default 65,536.
        max_frames(frames: usize) -> usize {
            put max_frames = some_frames(frames)?;
            later set_max_frames;
        }

        /// Whether a peer that is connected to takes part only while its connection stands. Default
        /// `false`: messages are queued for it as soon as `connect` was called, and kept for it over a
        /// reconnect. tcp and ipc only: over inproc there is no connection to wait for. libzmq's
        /// `ZMQ_IMMEDIATE`.
        immediate(immediate: bool) -> bool {
            put immediate = immediate;
            live set_immediate "It counts for endpoints connected to from then on.";
        }

        /// Which I/O threads of the context may serve the endpoints of this socket, and the connections
        /// that come of them, by their numbers from 0 on. Default none, which is all. tcp and ipc only.
        ///
        /// Of those that may, the one gets a new endpoint that serves the fewest endpoints and
        /// connections. A number that the context has no thread of is refused by
        /// [`build`](Self::build). libzmq's `ZMQ_AFFINITY`, a bit for each thread.
        ///
        /// ```
        /// use zocket::{Context, Pull};
        ///
        /// # fn main() -> Result<(), zocket::Error> {
        /// let context = Context::builder().io_threads(3).build()?;
        /// let pull = Pull::builder().context(&context).affinity([0, 2]).build()?;
        /// assert!(Pull::builder().context(&context).affinity([3]).build().is_err());
        /// # drop(pull);
        /// # Ok(())
        /// # }
        /// ```
        affinity(threads: impl IntoIterator<Item = usize>) -> Vec<usize> {
            put affinity = each_once(threads);
            live set_affinity "It counts for endpoints bound and connected to from then on.";
        }

        /// About how many bytes a read asks for at most, from 256 to 64 Mi; `None` is as many as the
        /// traffic of late deserves, between 256 and 65,536. Default `None`. tcp and ipc only.
        ///
        /// Less keeps what one read brings, beyond the [`recv_hwm`](Builder::recv_hwm), small; more may
        /// save a fast connection system calls, and costs it memory. A frame of 32 KiB and more that
        /// has not come whole is read into memory of its own, whatever this is. libzmq's
        /// `ZMQ_IN_BATCH_SIZE`, by default 8192.
        in_batch_size(bytes: impl Into<Option<usize>>) -> Option<usize> {
            put in_batch_size = batch_size(bytes.into())?;
            later set_in_batch_size;
        }

        /// How many bytes a write is given at most, from 256 to 64 Mi; `None` is all that is queued, as
        /// far as the system takes it. Default `None`. tcp and ipc only.
        ///
        /// It is no limit to what goes out in a row: that is 4 MiB, before other connections of the
        /// same I/O thread have their turn. libzmq's `ZMQ_OUT_BATCH_SIZE`, by default 8192.
        out_batch_size(bytes: impl Into<Option<usize>>) -> Option<usize> {
            put out_batch_size = batch_size(bytes.into())?;
            later set_out_batch_size;
        }

        /// The kernel's send buffer for each connection, in bytes; `None` leaves it to the operating
        /// system. Default `None`. libzmq's `ZMQ_SNDBUF`.
        send_buffer(bytes: impl Into<Option<usize>>) -> Option<usize> {
            put (transport.send_buffer) = bytes.into();
            later set_send_buffer;
        }

        /// The kernel's receive buffer for each connection, in bytes; `None` leaves it to the operating
        /// system. Default `None`. libzmq's `ZMQ_RCVBUF`.
        recv_buffer(bytes: impl Into<Option<usize>>) -> Option<usize> {
            put (transport.recv_buffer) = bytes.into();
            later set_recv_buffer;
        }

        /// How many connections may wait to be accepted. Default 100. libzmq's `ZMQ_BACKLOG`.
        backlog(connections: u32) -> u32 {
            put (transport.backlog) = connections;
            live set_backlog "It counts for endpoints bound from then on.";
        }

        /// The most connections, through the handshake or not, that were accepted and are open at a time,
        /// at all endpoints of the socket together; `None` is unlimited. Default `None`. tcp and ipc only.
        ///
        /// More are disconnected before a byte is read or written, which is an
        /// [`AcceptFailed`](crate::MonitorEvent::AcceptFailed) event and counts as an attempt in
        /// `endpoints()`. (They will try again.) libzmq has nothing like it.
        max_connections(connections: impl Into<Option<usize>>) -> Option<usize> {
            put (admission.most) = somebody(connections.into())?;
            live set_max_connections "It counts for connections that come from then on; nobody is disconnected.";
        }

        /// As [`max_connections`](Self::max_connections), but for each address that connections come from
        /// over tcp, and each user over ipc (all together where the system does not say who it is).
        /// Default `None`.
        max_connections_per_address(connections: impl Into<Option<usize>>) -> Option<usize> {
            put (admission.most_of_one) = somebody(connections.into())?;
            live set_max_connections_per_address "It counts for connections that come from then on; nobody is disconnected.";
        }

        /// The most connections that may be in their handshake at a time at one bound endpoint; more are
        /// refused as with [`max_connections`](Self::max_connections), so that silent connections cost a
        /// bounded amount. Default 1024. libzmq has no limit.
        max_pending_handshakes(connections: usize) -> usize {
            put max_pending_handshakes = some_handshakes(connections)?;
            live set_max_pending_handshakes "It counts for connections that come from then on.";
        }

        /// Whether the kernel probes idle tcp connections; `None` leaves it to the operating system.
        /// Default `None`. libzmq's `ZMQ_TCP_KEEPALIVE`.
        tcp_keepalive(on: impl Into<Option<bool>>) -> Option<bool> {
            put (transport.keepalive) = on.into();
            later set_tcp_keepalive;
        }

        /// How long a tcp connection is idle before it is probed; `None` leaves it to the operating
        /// system. Default `None`. libzmq's `ZMQ_TCP_KEEPALIVE_IDLE`.
        tcp_keepalive_idle(time: impl Into<Option<Duration>>) -> Option<Duration> {
            put (transport.keepalive_idle) = seconds(time.into())?;
            later set_tcp_keepalive_idle;
        }

        /// How long between two probes; `None` leaves it to the operating system. Default `None`.
        /// libzmq's `ZMQ_TCP_KEEPALIVE_INTVL`.
        tcp_keepalive_interval(time: impl Into<Option<Duration>>) -> Option<Duration> {
            put (transport.keepalive_interval) = seconds(time.into())?;
            later set_tcp_keepalive_interval;
        }

        /// How many probes may stay unanswered; `None` leaves it to the operating system. Default
        /// `None`. libzmq's `ZMQ_TCP_KEEPALIVE_CNT`.
        tcp_keepalive_count(probes: impl Into<Option<u32>>) -> Option<u32> {
            put (transport.keepalive_count) = some_probes(probes.into())?;
            later set_tcp_keepalive_count;
        }

        /// Whether host names and the wildcard `*` also mean IPv6. Default `false`, or what the
        /// [context](crate::ContextBuilder::ipv6) says. An IPv6 address given as such is used either
        /// way. libzmq's `ZMQ_IPV6`.
        ///
        /// Bound to `*` (or `[::]`) with it, a socket takes peers of both families; `*` is IPv4 alone
        /// where the system has no IPv6. Without it `*` takes IPv4 peers, `[::]` IPv6 peers. Of a name
        /// that is connected to, all addresses are tried in the order in which the resolver gives them.
        ipv6(on: bool) -> bool {
            put (chosen.ipv6) = Some(on);
            read |it| it.transport.ipv6;
            later set_ipv6;
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
        type_of_service(value: u8) -> u8 {
            put (transport.type_of_service) = needs(tuning::HAS_TYPE_OF_SERVICE, value, value != 0)?;
            later set_type_of_service;
        }

        /// How long what was sent over tcp may stay unacknowledged before the kernel ends the
        /// connection (which is then made anew, on the side that connects), in whole milliseconds from
        /// 1 to 2,147,483,647; `None` leaves it to the operating system, which tries for a quarter of an
        /// hour or so. Default `None`. tcp only.
        ///
        /// A connection attempt and keep-alive probes ([`tcp_keepalive`](Self::tcp_keepalive)) go
        /// unanswered no longer than this either. Linux and Android; elsewhere [`build`](Self::build)
        /// refuses anything but `None`. libzmq's `ZMQ_TCP_MAXRT`, with 0 for `None`.
        tcp_user_timeout(timeout: impl Into<Option<Duration>>) -> Option<Duration> {
            put (transport.user_timeout) = user_timeout(timeout.into())?;
            later set_tcp_user_timeout;
        }

        /// The priority of the tcp packets that are sent, by which the network device's queueing
        /// discipline may send some before others; 0 leaves it to the operating system. Default 0. tcp
        /// only.
        ///
        /// More than 6 needs a privilege (`CAP_NET_ADMIN`): bind and connect fail without it. A priority
        /// of 0 follows from the [`type_of_service`](Self::type_of_service). Linux and Android;
        /// elsewhere [`build`](Self::build) refuses anything but 0. libzmq's `ZMQ_PRIORITY`.
        priority(priority: u32) -> u32 {
            put (transport.priority) = packet_priority(priority)?;
            later set_priority;
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
        busy_poll(time: impl Into<Option<Duration>>) -> Option<Duration> {
            put (transport.busy_poll) = busy_poll(time.into())?;
            later set_busy_poll;
        }

        /// The network device, such as `eth0` or a VRF, through which all tcp connections of the socket
        /// go, whatever the routes say; 1 to 15 bytes. Default none: the routes decide. tcp only.
        ///
        /// bind and connect fail with the system's error if there is no such device, or if the process
        /// may not do this (Linux before 5.7 asks for `CAP_NET_RAW`). Should the device go later, it is
        /// waited for. Linux and Android; elsewhere [`build`](Self::build) refuses it. libzmq's
        /// `ZMQ_BINDTODEVICE`.
        bind_to_device(name: impl Into<String>) -> Option<String> {
            put (transport.device) = Some(device(name.into())?);
            later set_bind_to_device;
        }
    }
    Sends, |it| it != SocketType::Pull => {
        /// The high-water mark of each outgoing queue, in messages; 0 is unlimited. Default 1000.
        ///
        /// Over tcp and ipc the kernel's buffers and the receiver's own queue come on top; over inproc
        /// the queue between two sockets holds this and the receiver's [`recv_hwm`](Builder::recv_hwm)
        /// together. libzmq's `ZMQ_SNDHWM`.
        send_hwm(messages: usize) -> usize {
            put send_hwm = messages;
            live set_send_hwm "All queues have the new mark. What is queued stays; while that is more, nothing is added. Who waits for room goes on if there is some.";
        }

        /// How many bytes each outgoing queue may hold, beside its [`send_hwm`](Self::send_hwm); `None`
        /// is unlimited. Default `None`. libzmq has no such option.
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
        send_limit_bytes(bytes: impl Into<Option<usize>>) -> Option<usize> {
            put send_limit_bytes = some_bytes(bytes.into())?;
            live set_send_limit_bytes "All queues have the new limit. What is queued stays; while that is more, nothing is added. Who waits for room goes on if there is some.";
        }

        /// How long a `send` waits for room; `None` is for ever. Default `None`. libzmq's
        /// `ZMQ_SNDTIMEO`.
        send_timeout(timeout: impl Into<Option<Duration>>) -> Option<Duration> {
            put send_timeout = timeout.into();
            live set_send_timeout "It counts for calls that begin to wait from then on.";
        }
    }
    Receives, |it| it != SocketType::Push => {
        /// The high-water mark of each incoming queue, in messages; 0 is unlimited. Default 1000.
        ///
        /// A connection whose queue is full is not read any further, so the sender feels it. What one
        /// read has brought already comes on top. libzmq's `ZMQ_RCVHWM`.
        recv_hwm(messages: usize) -> usize {
            put recv_hwm = messages;
            live set_recv_hwm "All queues have the new mark. What is queued stays; while that is more, nothing more is read from the peer.";
        }

        /// How many bytes each incoming queue may hold, beside its [`recv_hwm`](Self::recv_hwm); `None`
        /// is unlimited. Default `None`. libzmq has no such option.
        ///
        /// The bytes are those of the frames, and what has come of a message that is not whole yet. A
        /// connection whose queue has reached this, or its high-water mark, is not read any further before
        /// both are down to half; what one read has brought already comes on top (64 KiB, or of a large
        /// frame as much again as there is). While nothing is queued a message is read to its end however
        /// large it is (see [`max_message_size`](Self::max_message_size)).
        ///
        /// ```
        /// # fn main() -> Result<(), zocket::Error> {
        /// let pull = zocket::Pull::builder().recv_limit_bytes(16 << 20).build()?;
        /// # drop(pull);
        /// # Ok(())
        /// # }
        /// ```
        recv_limit_bytes(bytes: impl Into<Option<usize>>) -> Option<usize> {
            put recv_limit_bytes = some_bytes(bytes.into())?;
            live set_recv_limit_bytes "All queues have the new limit. What is queued stays; while that is more, nothing more is read from the peer.";
        }

        /// How long a `recv` waits for a message; `None` is for ever. Default `None`. libzmq's
        /// `ZMQ_RCVTIMEO`.
        recv_timeout(timeout: impl Into<Option<Duration>>) -> Option<Duration> {
            put recv_timeout = timeout.into();
            live set_recv_timeout "It counts for calls that begin to wait from then on.";
        }
    }
    Identifies, |it| matches!(it, SocketType::Req | SocketType::Dealer | SocketType::Router) => {
        /// Whether each new peer is sent an empty message first, so that a ROUTER knows of this
        /// socket before it has said anything. Default `false`. libzmq's `ZMQ_PROBE_ROUTER`.
        probe_router(on: bool) -> bool {
            put probe_router = on;
            live set_probe_router "It counts for peers that come from then on.";
        }

        /// The id by which a ROUTER is to know this socket: 1 to 255 bytes, the first not zero. Default
        /// none: the ROUTER makes one up. libzmq's `ZMQ_ROUTING_ID`.
        routing_id(id: impl TryInto<RoutingId, Error: Display>) -> Option<RoutingId> {
            put routing_id = Some(own_id(id)?);
            live set_routing_id "It counts for peers that come from then on.";
        }
    }
    Conflates, |it| matches!(it, SocketType::Push | SocketType::Pull | SocketType::Pub | SocketType::Sub | SocketType::Dealer) => {
        /// Whether only the newest message is kept for each peer, whole; the high-water marks do not
        /// matter then. Default `false`. libzmq's `ZMQ_CONFLATE`, which takes messages of one frame
        /// only.
        conflate(on: bool) -> bool {
            put conflate = on;
            fixed "It cannot be changed later: what every queue keeps follows from it.";
        }
    }
    Routes, |it| matches!(it, SocketType::Router) => {
        /// Whether a message that no peer can be given is an error: `Unroutable` for an id that
        /// nobody has, and for a peer without room the call waits (or is `Full`). Default `false`:
        /// it is dropped, and counted. libzmq's `ZMQ_ROUTER_MANDATORY`.
        mandatory(on: bool) -> bool {
            put mandatory = on;
            live set_mandatory "Those who wait for room are looked at anew, too.";
        }

        /// Whether a peer that comes with the routing id of another takes it over, and the other's
        /// connection ends. Default `false`: the newcomer is refused, which is logged; it may try
        /// again. (libzmq ignores it for ever.) libzmq's `ZMQ_ROUTER_HANDOVER`.
        handover(on: bool) -> bool {
            put handover = on;
            live set_handover "It counts for peers that come from then on.";
        }

        /// Whether the socket receives an empty message of each peer as it comes, before all that the
        /// peer sends, and of each that goes, behind all that it had sent. Default
        /// [`NONE`](RouterNotify::NONE). libzmq's `ZMQ_ROUTER_NOTIFY` (which says nothing of inproc
        /// peers).
        ///
        /// [`recv_from`](crate::Router::recv_from) gives them as any message, with the peer's id: an
        /// empty message that the peer sent itself looks the same. They are put into the queue of that
        /// peer however full it is: if nobody receives, they heap up as peers come and go. One comes
        /// for each [`HandshakeSucceeded`](crate::MonitorEvent::HandshakeSucceeded) and for each
        /// [`Disconnected`](crate::MonitorEvent::Disconnected), as long as the socket is open.
        ///
        /// ```
        /// use zocket::{Dealer, Router, RouterNotify};
        ///
        /// # fn main() -> Result<(), zocket::Error> {
        /// let router = Router::builder()
        ///     .notify(RouterNotify::CONNECT | RouterNotify::DISCONNECT)
        ///     .build()?;
        /// let dealer = Dealer::builder().routing_id("worker").build()?;
        /// dealer.connect(router.bind("tcp://127.0.0.1:*")?)?;
        /// let (id, message) = router.recv_from()?;
        /// assert_eq!((id.to_string().as_str(), message), ("worker", "".into()));
        /// # Ok(())
        /// # }
        /// ```
        notify(of: RouterNotify) -> RouterNotify {
            put notify = of;
            live set_notify "It counts for peers that come, and for those that go, from then on.";
        }

        /// What the socket receives of a peer that had connected to it and is gone, as if that had sent
        /// it as its last message: a word of goodbye that comes even from one that died. Over inproc
        /// also of one that was connected to, as nothing connects again there. Default none; an empty
        /// message is none. libzmq's `ZMQ_DISCONNECT_MSG`.
        ///
        /// It comes behind a [`notify`](Self::notify) of the same, and is kept however full the queue
        /// is.
        disconnect_message(message: impl Into<Message>) -> Option<Message> {
            put disconnect_message = unless_empty(message);
            live set_disconnect_message "It counts for peers that go from then on.";
        }
    }
    Greets, |it| matches!(it, SocketType::Dealer | SocketType::Router) => {
        /// What every new peer is sent before anything else, and sent again whenever its connection has
        /// been made again. Default none; an empty message is none. libzmq's `ZMQ_HELLO_MSG`.
        ///
        /// A peer that was connected to is sent it before what was queued meanwhile, of which it takes
        /// no room. Over inproc, where nothing is between two queues, it waits in that one as any
        /// message does: it has a place there, is counted, and is waited for by a flush and a linger.
        hello_message(message: impl Into<Message>) -> Option<Message> {
            put hello_message = unless_empty(message);
            live set_hello_message "It counts for peers that come from then on.";
        }
    }
    Deals, |it| matches!(it, SocketType::Dealer) => {
        /// What the socket receives when a connection is lost that it had made, as if the peer had sent
        /// it as its last message: what was on the way may be lost, and questions are to be asked again.
        /// The next connection, or the next attempt, comes after that; over inproc, where nothing
        /// connects again when the bound socket is gone, none may come. Default none; an empty message
        /// is none. libzmq's `ZMQ_HICCUP_MSG` (which says nothing over inproc).
        hiccup_message(message: impl Into<Message>) -> Option<Message> {
            put hiccup_message = unless_empty(message);
            live set_hiccup_message "It counts for connections that are lost from then on.";
        }
    }
    Asks, |it| matches!(it, SocketType::Req) => {
        /// Whether each request carries a number, by which a late reply to an earlier one is known.
        /// Default `false`: a REP keeps it, but a ROUTER that takes requests apart must expect it.
        /// libzmq's `ZMQ_REQ_CORRELATE`.
        correlate(on: bool) -> bool {
            put correlate = on;
            live set_correlate "It counts for the next request.";
        }

        /// Whether a new request may be sent before the last one was answered, which is given up
        /// then. Default `false`. libzmq's `ZMQ_REQ_RELAXED`.
        relaxed(on: bool) -> bool {
            put relaxed = on;
            live set_relaxed "It counts for a request that is under way, too.";
        }
    }
    Publishes, |it| matches!(it, SocketType::Pub | SocketType::XPub) => {
        /// Whether a send waits (or is `Full`) while any subscriber that wants the message has no
        /// room, instead of dropping it for that one: one slow subscriber holds up all. Default
        /// `false`. libzmq's `ZMQ_XPUB_NODROP`.
        nodrop(on: bool) -> bool {
            put nodrop = on;
            live set_nodrop "Those who wait for room are looked at anew, too.";
        }

        /// What becomes of a subscriber whose queue is full. Default
        /// [`SlowSubscriber::DropNewest`]. With [`nodrop`](Self::nodrop) a send waits instead, whatever is
        /// set here.
        ///
        /// What was dropped is counted, by cause, and told by
        /// [`DroppingStarted`](crate::MonitorEvent::DroppingStarted) and
        /// [`DroppingEnded`](crate::MonitorEvent::DroppingEnded). libzmq has no such option.
        ///
        /// ```
        /// use zocket::{Pub, SlowSubscriber};
        ///
        /// # fn main() -> Result<(), zocket::Error> {
        /// let prices = Pub::builder()
        ///     .send_hwm(100)
        ///     .slow_subscriber(SlowSubscriber::DropOldest)
        ///     .build()?;
        /// # drop(prices);
        /// # Ok(())
        /// # }
        /// ```
        slow_subscriber(policy: SlowSubscriber) -> SlowSubscriber {
            put slow_subscriber = policy;
            live set_slow_subscriber "It counts for the next message.";
        }

        /// The most topics that all subscribers from one address over tcp may have together, and all of
        /// one user over ipc (of all users where the system does not say who it is); the one that wants
        /// more is disconnected, which is an [`Evicted`](crate::MonitorEvent::Evicted) event. `None` is
        /// unlimited. Default `None`. Those over inproc are not counted.
        max_subscriptions_per_address(topics: impl Into<Option<usize>>) -> Option<usize> {
            put max_subscriptions_per_address = topics.into();
            live set_max_subscriptions_per_address "It counts for the next subscription; nobody loses one.";
        }

        /// The most topics that one subscriber may have at a time; one that wants more is disconnected.
        /// Default 1,000,000.
        max_subscriptions(topics: usize) -> usize {
            put max_subscriptions = topics;
            live set_max_subscriptions "It counts for the next subscription; nobody loses one.";
        }

        /// The most bytes that the topics of one subscriber may have together; one that wants more is
        /// disconnected. Default 64 MiB.
        max_subscription_bytes(bytes: usize) -> usize {
            put max_subscription_bytes = bytes;
            live set_max_subscription_bytes "It counts for the next subscription; nobody loses one.";
        }
    }
    Matches, |it| matches!(it, SocketType::Pub | SocketType::XPub | SocketType::Sub) => {
        /// Whether messages go to those whose subscriptions do *not* match. To be set on publishers
        /// and on their SUB peers alike. Default `false`. libzmq's `ZMQ_INVERT_MATCHING`.
        invert_matching(on: bool) -> bool {
            put invert_matching = on;
            live set_invert_matching "It counts for messages sent (or, at a SUB, received) from then on.";
        }
    }
    TellsUpstream, |it| matches!(it, SocketType::XPub) => {
        /// Whether every subscription is told, not only the first of a topic. Default `false`. libzmq's
        /// `ZMQ_XPUB_VERBOSE`.
        verbose(on: bool) -> bool {
            put verbose = Verbosity::subscribes(on);
            read |it| it.verbose != Verbosity::Changes;
            live set_verbose "It counts for subscriptions that come from then on.";
        }

        /// Whether every subscription and everyone that is taken back is told, not only the first and
        /// the last of a topic. Default `false`. libzmq's `ZMQ_XPUB_VERBOSER`.
        verboser(on: bool) -> bool {
            put verbose = Verbosity::all(on);
            read |it| it.verbose == Verbosity::All;
            live set_verboser "It counts for subscriptions that come from then on.";
        }

        /// Whether subscriptions are not applied but only told, for the application to
        /// [`accept`](crate::Subscription::accept) what it likes instead. Default `false`. libzmq's
        /// `ZMQ_XPUB_MANUAL`.
        manual(on: bool) -> bool {
            put manual = on;
            read |it| it.is_manual();
            live set_manual "It counts for subscriptions that come from then on; those that are applied already stay.";
        }

        /// As [`manual`](Self::manual); and the first message after a subscription was accepted goes to
        /// that subscriber only: for a last-value cache. Default `false`. libzmq's
        /// `ZMQ_XPUB_MANUAL_LAST_VALUE`.
        manual_last_value(on: bool) -> bool {
            put manual_last_value = on;
            live set_manual_last_value "It counts for subscriptions that come, or are accepted, from then on.";
        }

        /// What every subscriber gets first; one that has subscribed to nothing that it matches does
        /// not see it. Default none. libzmq's `ZMQ_XPUB_WELCOME_MSG`.
        welcome_message(message: impl Into<Message>) -> Option<Message> {
            put welcome_message = unless_empty(message);
            live set_welcome_message "It counts for peers that come from then on.";
        }
    }
    Forwards, |it| matches!(it, SocketType::XPub | SocketType::XSub) => {
        /// Whether a message of several frames is looked through for subscriptions only if its first
        /// frame is one. Default `false`: every frame that begins with 0 or 1 is. libzmq's
        /// `ZMQ_ONLY_FIRST_SUBSCRIBE`.
        only_first_subscribe(on: bool) -> bool {
            put only_first_subscribe = on;
            live set_only_first_subscribe "It counts for messages from then on.";
        }
    }
    ToldUpstream, |it| matches!(it, SocketType::XSub) => {
        /// Whether publishers are told of every subscription that is taken back, not only of the
        /// last of a topic. Default `false`. libzmq's `ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`.
        verbose_unsubscribe(on: bool) -> bool {
            put verbose_unsubscribe = on;
            live set_verbose_unsubscribe "It counts for what is taken back from then on.";
        }
    }
}

/// The same for an option that is a list of what applies to all types.
macro_rules! lists {
    ($(
        $(#[$doc:meta])*
        $name:ident($value:ident: $type:ty) -> $read_as:ty {
            add ($($field:ident).+) <- $item:expr;
            read $read:expr;
            replace $set:ident($values:ident: $list:ty) = $all:expr;
        }
    )*) => {$(
        impl<T: SocketKind> Builder<T> {
            $(#[$doc])*
            pub fn $name(self, $value: $type) -> Self {
                let item = value_of(|| Ok($item));
                self.set(stringify!($name), |_| true, item, |options, item| {
                    options.$($field).+.push(item);
                })
            }
        }

        impl<T: SocketKind> SocketOptions<'_, T> {
            #[doc = concat!("All that [`", stringify!($name), "`](Builder::", stringify!($name), ") was called with, or what was put in its place.")]
            pub fn $name(&self) -> $read_as {
                self.core.options().$($field).+.iter().map($read).collect()
            }

            #[doc = concat!("Puts these in the place of all [`", stringify!($name), "`](Builder::", stringify!($name), ")s, at once. Who is connected stays.")]
            ///
            /// # Errors
            ///
            /// [`OptionError`]: one of them cannot be.
            pub fn $set(&self, $values: $list) -> Result<(), OptionError> {
                let all = value_of(|| Ok($all));
                self.change(stringify!($name), |_| true, all, |options, all| {
                    options.$($field).+ = all;
                })
            }
        }
    )*};
}

// Those that are a list: built up one by one, read and replaced as a whole.
lists! {
    /// Lets peers of this network connect over tcp where the socket is bound, and no others except
    /// those of the networks that further calls add: `10.0.0.0/8`, `fd00::/8`, or one address.
    /// Default: peers may come from anywhere. tcp only.
    ///
    /// Others are disconnected before a byte is read or written, which is an
    /// [`AcceptFailed`](crate::MonitorEvent::AcceptFailed) event. A peer with an IPv4 address is one,
    /// even if it came to an IPv6 socket. A filter is no authentication: who can use an address
    /// passes for its owner. libzmq's `ZMQ_TCP_ACCEPT_FILTER`.
    ///
    /// ```
    /// use zocket::Pull;
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let pull = Pull::builder()
    ///     .tcp_accept_filter("127.0.0.0/8")
    ///     .tcp_accept_filter("::1")
    ///     .build()?;
    /// // Bits behind the prefix are a mistake, and so are other forms of an address.
    /// assert!(Pull::builder().tcp_accept_filter("10.1.2.3/8").build().is_err());
    /// assert!(Pull::builder().tcp_accept_filter("10.").build().is_err());
    /// # drop(pull);
    /// # Ok(())
    /// # }
    /// ```
    tcp_accept_filter(network: impl AsRef<str>) -> Vec<String> {
        add (admission.networks) <- network_of(network)?;
        read ToString::to_string;
        replace set_tcp_accept_filter(networks: impl IntoIterator<Item: AsRef<str>>) = each(networks, network_of)?;
    }

    /// Lets processes of this effective user connect over ipc where the socket is bound, and no others
    /// except those whom further calls let in, or [`ipc_allow_gid`](Self::ipc_allow_gid) and
    /// [`ipc_allow_pid`](Self::ipc_allow_pid): one that matches is enough. Default: whoever may open
    /// the path. ipc only.
    ///
    /// Others are disconnected before a byte is read or written, which is an
    /// [`AcceptFailed`](crate::MonitorEvent::AcceptFailed) event. Who it is, the kernel says
    /// (`SO_PEERCRED`), as it was at the time of the connection; a process that is not to be seen from
    /// this one's PID namespace is nobody, and not let in. Linux and Android; elsewhere
    /// [`build`](Self::build) refuses it. libzmq's `ZMQ_IPC_FILTER_UID`.
    ipc_allow_uid(user: u32) -> Vec<u32> {
        add (admission.users) <- needs(HAS_CREDENTIALS, user, true)?;
        read Clone::clone;
        replace set_ipc_allow_uid(users: impl IntoIterator<Item = u32>) = each(users, |user| needs(HAS_CREDENTIALS, user, true))?;
    }

    /// The same for processes of this effective group; other groups that their user is a member of do
    /// not count. libzmq's `ZMQ_IPC_FILTER_GID`, for which they do.
    ipc_allow_gid(group: u32) -> Vec<u32> {
        add (admission.groups) <- needs(HAS_CREDENTIALS, group, true)?;
        read Clone::clone;
        replace set_ipc_allow_gid(groups: impl IntoIterator<Item = u32>) = each(groups, |group| needs(HAS_CREDENTIALS, group, true))?;
    }

    /// The same for one process. Numbers of processes are used again: one that has ended must not
    /// stay in the list for long. libzmq's `ZMQ_IPC_FILTER_PID`.
    ipc_allow_pid(process: u32) -> Vec<u32> {
        add (admission.processes) <- needs(HAS_CREDENTIALS, process, true)?;
        read Clone::clone;
        replace set_ipc_allow_pid(processes: impl IntoIterator<Item = u32>) = each(processes, |process| needs(HAS_CREDENTIALS, process, true))?;
    }
}

// One that is many, each said by itself.

impl<T: SocketKind> Builder<T> {
    /// A property that every peer is told of in the handshake, besides what the protocol says itself:
    /// peers have it from [`PeerInfo::property`](crate::PeerInfo::property), those that use libzmq
    /// from `zmq_msg_gets`. To be called once for each; what is said again under a name replaces what
    /// was. Default none.
    ///
    /// A name begins with `X-`, has at most 255 bytes, and none but ASCII letters, digits and `-_.+`
    /// (RFC 37). All of them together, with their names, may have 16 KiB. Nothing here is a secret, or
    /// a proof: it goes over the wire as it is. libzmq's `ZMQ_METADATA`.
    ///
    /// ```
    /// use zocket::{Pull, Push};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let pull = Pull::new();
    /// let push = Push::builder().metadata("X-Version", "1.7").build()?;
    /// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
    /// push.send("hello")?;
    /// let (peer, _) = pull.recv_from_peer()?;
    /// assert_eq!(peer.property("X-Version"), Some(&b"1.7"[..]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn metadata(self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let named = property(name.as_ref(), value.as_ref());
        self.set(
            "metadata",
            |_| true,
            named,
            |options, (name, value)| {
                options.metadata.set(name, value);
            },
        )
    }
}

impl<T: SocketKind> SocketOptions<'_, T> {
    /// All of the [`metadata`](Builder::metadata) as it is now, names and values, in the order in
    /// which they were said last.
    pub fn metadata(&self) -> Vec<(String, Vec<u8>)> {
        let options = self.core.options();
        let said = options.metadata.iter();
        said.map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec()))
            .collect()
    }

    /// Adds to the [`metadata`](Builder::metadata), or changes one of this name.
    /// It counts for endpoints bound and connections made from then on.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: the value cannot be.
    pub fn set_metadata(
        &self,
        name: impl AsRef<str>,
        value: impl AsRef<[u8]>,
    ) -> Result<(), OptionError> {
        let named = property(name.as_ref(), value.as_ref());
        self.change(
            "metadata",
            |_| true,
            named,
            |options, (name, value)| {
                options.metadata.set(name, value);
            },
        )
    }
}

// What is optional text, which an entry of the table cannot borrow.

impl<T: SocketKind> Builder<T> {
    /// Connects over tcp through the SOCKS 5 proxy at this host and port, `proxy.example:1080`; to
    /// the proxy from the source address of the endpoint, if that has one. Default `None`: without
    /// any. tcp only, and where the socket connects.
    ///
    /// The host of an endpoint is the proxy's to resolve, and never looked up here. What the proxy
    /// says, and its silence, counts as what an address says that is connected to: it is an event,
    /// is in `endpoints()`, and another attempt follows, through the proxy again. (The address reads
    /// `example.org:5555 via 192.0.2.1:1080` there, and in what is known of a peer.) The time that it
    /// has is what [`connect_timeout`](Self::connect_timeout) leaves of itself, or, if that is not
    /// set, [`handshake_timeout`](Self::handshake_timeout). libzmq's `ZMQ_SOCKS_PROXY`.
    ///
    /// ```
    /// use zocket::Push;
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let push = Push::builder()
    ///     .socks_proxy("127.0.0.1:1080")
    ///     .socks_credentials(("me", "secret"))
    ///     .build()?;
    /// assert_eq!(push.options().socks_proxy().as_deref(), Some("127.0.0.1:1080"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn socks_proxy<'a>(self, proxy: impl Into<Option<&'a str>>) -> Self {
        let proxy = proxy.into().map(host_and_port).transpose();
        self.set(
            "socks_proxy",
            |_| true,
            proxy,
            |options, proxy| {
                options.socks_proxy = proxy;
            },
        )
    }

    /// The user and the password that a SOCKS proxy is told if it asks for them (RFC 1929, which
    /// sends them unencrypted): a user of 1 to 255 bytes, a password of up to 255. Default `None`.
    /// The password is in no log record, no event and no `Debug` output, and only the user can be
    /// read.
    ///
    /// libzmq's `ZMQ_SOCKS_USERNAME` and `ZMQ_SOCKS_PASSWORD`.
    pub fn socks_credentials<'a>(
        self,
        user_and_password: impl Into<Option<(&'a str, &'a str)>>,
    ) -> Self {
        let who = user_and_password.into().map(socks_credentials).transpose();
        self.set(
            "socks_credentials",
            |_| true,
            who,
            |options, who| {
                options.socks_credentials = who;
            },
        )
    }
}

impl<T: SocketKind> SocketOptions<'_, T> {
    /// The [`socks_proxy`](Builder::socks_proxy) as it is now.
    pub fn socks_proxy(&self) -> Option<String> {
        let options = self.core.options();
        let proxy = options.socks_proxy.as_ref()?;
        Some(format!("{}:{}", proxy.host, proxy.port))
    }

    /// Changes the [`socks_proxy`](Builder::socks_proxy). It counts for connections made from then on.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: the value cannot be.
    pub fn set_socks_proxy<'p>(
        &self,
        proxy: impl Into<Option<&'p str>>,
    ) -> Result<(), OptionError> {
        let proxy = proxy.into().map(host_and_port).transpose();
        self.change(
            "socks_proxy",
            |_| true,
            proxy,
            |options, proxy| {
                options.socks_proxy = proxy;
            },
        )
    }

    /// The user of the [`socks_credentials`](Builder::socks_credentials) as they are now.
    pub fn socks_credentials(&self) -> Option<String> {
        let options = self.core.options();
        let who = options.socks_credentials.as_ref()?;
        Some(who.user().to_owned())
    }

    /// Changes the [`socks_credentials`](Builder::socks_credentials). It counts for connections made
    /// from then on.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: the value cannot be.
    pub fn set_socks_credentials<'p>(
        &self,
        user_and_password: impl Into<Option<(&'p str, &'p str)>>,
    ) -> Result<(), OptionError> {
        let who = user_and_password.into().map(socks_credentials).transpose();
        self.change(
            "socks_credentials",
            |_| true,
            who,
            |options, who| {
                options.socks_credentials = who;
            },
        )
    }
}

fn read<R>(options: &Options, read: impl FnOnce(&Options) -> R) -> R {
    read(options)
}

// ---- what a value must be; the reason otherwise

fn milliseconds(time: Option<Duration>) -> Result<Option<Duration>, String> {
    match time {
        Some(time) if time < Duration::from_millis(1) => {
            Err("less than a millisecond cannot be (`None` is never)".to_owned())
        }
        _ => Ok(time),
    }
}

/// The kernel counts these in whole seconds, from 1 on.
fn seconds(time: Option<Duration>) -> Result<Option<Duration>, String> {
    match time {
        Some(time) if time.as_secs() == 0 => Err("less than a second cannot be".to_owned()),
        _ => Ok(time),
    }
}

/// Less is all overhead, and more no batch.
fn batch_size(bytes: Option<usize>) -> Result<Option<usize>, String> {
    match bytes {
        Some(bytes) if !(256..=64 << 20).contains(&bytes) => {
            Err("it must be 256 to 67,108,864 (`None` is adaptive)".to_owned())
        }
        _ => Ok(bytes),
    }
}

/// The largest number that the kernel takes for an option.
const KERNEL_MAX: u128 = i32::MAX as u128;

fn user_timeout(time: Option<Duration>) -> Result<Option<Duration>, String> {
    if time.is_some_and(|time| !(1..=KERNEL_MAX).contains(&time.as_millis())) {
        return Err(format!(
            "it must be 1 to {KERNEL_MAX} ms (`None` is the system's)"
        ));
    }
    needs(tuning::HAS_USER_TIMEOUT, time, time.is_some())
}

fn busy_poll(time: Option<Duration>) -> Result<Option<Duration>, String> {
    if time.is_some_and(|time| !(1..=KERNEL_MAX).contains(&time.as_micros())) {
        return Err(format!(
            "it must be 1 to {KERNEL_MAX} microseconds (`None` is the system's)"
        ));
    }
    needs(tuning::HAS_BUSY_POLL, time, time.is_some())
}

fn packet_priority(priority: u32) -> Result<u32, String> {
    if i32::try_from(priority).is_err() {
        return Err(format!("it must be 0 to {KERNEL_MAX}"));
    }
    needs(tuning::HAS_PRIORITY, priority, priority != 0)
}

fn device(name: String) -> Result<String, String> {
    // The kernel would take the part that fits, up to a zero, for the name.
    if name.is_empty() || name.len() > 15 || name.contains('\0') {
        return Err(format!(
            "{name:?} is no name of a device: 1 to 15 bytes without a zero"
        ));
    }
    needs(tuning::HAS_DEVICES, name, true)
}

/// An option is there on every system, so that programs are: a value that means something else than
/// the default is refused where the system cannot do it, rather than ignored.
fn needs<V>(has: bool, value: V, wanted: bool) -> Result<V, String> {
    if wanted && !has {
        return Err("this operating system does not have it".to_owned());
    }
    Ok(value)
}

/// Reads `host:port`, which are as definite as those of an endpoint to connect to.
fn host_and_port(text: &str) -> Result<TcpAddress, String> {
    let wrong = |error: EndpointError| format!("{text:?}: {}", error.kind());
    let endpoint: Endpoint = format!("tcp://{text}").parse().map_err(wrong)?;
    endpoint.check_connect().map_err(wrong)?;
    match endpoint.address() {
        Address::Tcp(tcp) if tcp.source.is_none() => Ok(tcp.clone()),
        _ => Err(format!("{text:?}: it is to be a host and a port")),
    }
}

fn socks_credentials((user, password): (&str, &str)) -> Result<SocksCredentials, String> {
    SocksCredentials::new(user, password)
        .ok_or_else(|| "a user has 1 to 255 bytes, a password up to 255".to_owned())
}

fn some_frames(frames: usize) -> Result<usize, String> {
    match frames {
        0 => Err("a message has at least one frame".to_owned()),
        _ => Ok(frames),
    }
}

fn some_probes(probes: Option<u32>) -> Result<Option<u32>, String> {
    match probes {
        Some(0) => Err("0 probes cannot be".to_owned()),
        _ => Ok(probes),
    }
}

fn property<'a>(name: &'a str, value: &'a [u8]) -> Result<(&'a str, &'a [u8]), String> {
    let is_said = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    if !name.starts_with("X-") || !name.bytes().all(is_said) || !(3..=255).contains(&name.len()) {
        return Err(format!(
            "{name:?} is no name: \"X-\" and 1 to 253 letters, digits or -_.+"
        ));
    }
    Ok((name, value))
}

fn some_bytes(most: Option<usize>) -> Result<Option<usize>, String> {
    match most {
        Some(0) => Err("0 bytes cannot be (`None` is unlimited)".to_owned()),
        most => Ok(most),
    }
}

/// Who wants no connection at all does not bind.
fn somebody(most: Option<usize>) -> Result<Option<usize>, String> {
    match most {
        Some(0) => Err("0 would let nobody in, for ever".to_owned()),
        _ => Ok(most),
    }
}

fn some_handshakes(most: usize) -> Result<usize, String> {
    somebody(Some(most)).map(|_| most)
}

fn network_of(text: impl AsRef<str>) -> Result<Network, String> {
    let text = text.as_ref();
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

fn each<I, V>(
    items: impl IntoIterator<Item = I>,
    value: impl Fn(I) -> Result<V, String>,
) -> Result<Vec<V>, String> {
    items.into_iter().map(value).collect()
}

fn own_id<I>(id: I) -> Result<RoutingId, String>
where
    I: TryInto<RoutingId, Error: Display>,
{
    match id.try_into() {
        Ok(id) if id.first() == Some(&0) => {
            Err("ids that begin with a zero byte are those that ROUTERs make up".to_owned())
        }
        Ok(id) => Ok(id),
        Err(error) => Err(error.to_string()),
    }
}

fn each_once<V: PartialEq>(values: impl IntoIterator<Item = V>) -> Vec<V> {
    let mut each = Vec::new();
    for value in values {
        if !each.contains(&value) {
            each.push(value);
        }
    }
    each
}

/// A copy: options are dropped wherever they are used last, where the user's memory must not be.
fn unless_empty(message: impl Into<Message>) -> Option<Message> {
    let message = message.into();
    let frames = message.frames().map(|frame| Frame::copy_from_slice(frame));
    (message.byte_len() > 0 || message.len() > 1).then(|| frames.collect())
}

/// How long calls wait that were told nothing else: asked for with no lock.
pub(super) struct Timeouts {
    /// In nanoseconds; the largest number is for ever.
    send: AtomicU64,
    recv: AtomicU64,
}

impl Timeouts {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            send: AtomicU64::new(nanoseconds(options.send_timeout)),
            recv: AtomicU64::new(nanoseconds(options.recv_timeout)),
        }
    }

    pub(super) fn set(&self, options: &Options) {
        // Nothing else is told by these.
        let set = |timeout: &AtomicU64, to| timeout.store(nanoseconds(to), Ordering::Relaxed);
        set(&self.send, options.send_timeout);
        set(&self.recv, options.recv_timeout);
    }

    pub(super) fn send(&self) -> Option<Duration> {
        duration(self.send.load(Ordering::Relaxed))
    }

    pub(super) fn recv(&self) -> Option<Duration> {
        duration(self.recv.load(Ordering::Relaxed))
    }
}

/// One that is too long to be counted, some 584 years, is as good as for ever.
fn nanoseconds(time: Option<Duration>) -> u64 {
    time.map_or(u64::MAX, |time| {
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
    })
}

fn duration(nanoseconds: u64) -> Option<Duration> {
    (nanoseconds != u64::MAX).then(|| Duration::from_nanos(nanoseconds))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::error::BuildError;
    use crate::{Push, Router, Socket, Sub, XPub, XSub};

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
    fn a_proxy_is_a_host_and_a_port() {
        for good in ["proxy:1080", "127.0.0.1:1", "[::1]:1080", "a.b-c:65535"] {
            let push = Push::builder().socks_proxy(good).build().unwrap();
            assert_eq!(push.options().socks_proxy().as_deref(), Some(good));
            push.options().set_socks_proxy(None).unwrap();
            assert_eq!(push.options().socks_proxy(), None);
        }
        for wrong in [
            "",
            "proxy",
            "proxy:0",
            "proxy:*",
            "*:1080",
            "::1:1080",
            "a:1;b:2",
            "proxy:99999",
            "tcp://proxy:1080",
            "proxy:1080/",
            "user@proxy:1080",
        ] {
            let said = said(|it| it.socks_proxy(wrong));
            assert!(said.starts_with("socks_proxy: "), "{wrong:?}: {said}");
        }
        assert!(said(|it| it.socks_credentials(("", "x"))).starts_with("socks_credentials: "));
        let builder = Push::builder().socks_credentials(("me", "hunter2"));
        assert!(!format!("{builder:?}").contains("hunter2"));
        let push = builder.build().unwrap();
        assert_eq!(push.options().socks_credentials().as_deref(), Some("me"));
        assert!(!format!("{:?}", push.options()).contains("hunter2"));
    }

    #[test]
    fn accept_filters_are_networks() {
        let builder = Push::builder()
            .tcp_accept_filter("10.0.0.0/8")
            .tcp_accept_filter("::1");
        let networks = &builder.options.admission.networks;
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["10.0.0.0/8", "::1/128"]);
        for wrong in ["", "10.0.0.1/8", "10.0.0.0/33", "localhost", "eth0"] {
            let said = said(|it| it.tcp_accept_filter(wrong).tcp_accept_filter("::1"));
            assert!(said.starts_with("tcp_accept_filter: "), "{wrong:?}: {said}");
            assert!(said.contains(&format!("{wrong:?}")), "{said}");
        }
    }

    #[test]
    fn ipc_filters_are_taken_where_the_system_says_who_it_is() {
        taken_where(HAS_CREDENTIALS, "ipc_allow_uid", |it| it.ipc_allow_uid(0));
        taken_where(HAS_CREDENTIALS, "ipc_allow_gid", |it| it.ipc_allow_gid(0));
        taken_where(HAS_CREDENTIALS, "ipc_allow_pid", |it| it.ipc_allow_pid(1));
    }

    #[test]
    fn nobody_at_all_is_no_limit() {
        assert!(said(|it| it.max_connections(0)).starts_with("max_connections: 0"));
        let said_of_one = said(|it| it.max_connections_per_address(0));
        assert!(said_of_one.starts_with("max_connections_per_address: 0"));
        assert!(said(|it| it.max_pending_handshakes(0)).starts_with("max_pending_handshakes: 0"));
        assert_eq!(said(|it| it.max_connections(None).max_connections(1)), "");
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

    const ALL: [SocketType; 11] = [
        SocketType::Req,
        SocketType::Rep,
        SocketType::Dealer,
        SocketType::Router,
        SocketType::Pub,
        SocketType::Sub,
        SocketType::XPub,
        SocketType::XSub,
        SocketType::Push,
        SocketType::Pull,
        SocketType::Pair,
    ];

    /// libzmq's zmq_setsockopt(3) and zmq_getsockopt(3), "Default value".
    #[test]
    fn libzmqs_defaults_are_libzmqs() {
        let ms = Duration::from_millis;
        for socket_type in ALL {
            let socket = Socket::builder(socket_type)
                .linger(ms(1))
                .max_frames(1)
                .with_libzmq_defaults()
                .build()
                .unwrap();
            let it = socket.options();
            let subscribes = matches!(socket_type, SocketType::Sub | SocketType::XSub);
            assert_eq!(it.linger(), subscribes.then_some(ms(0)), "ZMQ_LINGER");
            assert_eq!(it.send_hwm(), 1000, "ZMQ_SNDHWM");
            assert_eq!(it.recv_hwm(), 1000, "ZMQ_RCVHWM");
            assert_eq!(it.send_timeout(), None, "ZMQ_SNDTIMEO -1");
            assert_eq!(it.recv_timeout(), None, "ZMQ_RCVTIMEO -1");
            assert_eq!(it.reconnect_interval(), Some(ms(100)), "ZMQ_RECONNECT_IVL");
            assert_eq!(it.reconnect_interval_max(), ms(0), "ZMQ_RECONNECT_IVL_MAX");
            assert_eq!(it.reconnect_stop(), [], "ZMQ_RECONNECT_STOP");
            assert_eq!(
                it.handshake_timeout(),
                Some(ms(30_000)),
                "ZMQ_HANDSHAKE_IVL"
            );
            assert_eq!(it.heartbeat_interval(), None, "ZMQ_HEARTBEAT_IVL 0");
            assert_eq!(it.heartbeat_timeout(), None, "ZMQ_HEARTBEAT_TIMEOUT -1");
            assert_eq!(it.heartbeat_ttl(), None, "ZMQ_HEARTBEAT_TTL 0");
            assert_eq!(it.connect_timeout(), None, "ZMQ_CONNECT_TIMEOUT 0");
            assert_eq!(it.max_message_size(), None, "ZMQ_MAXMSGSIZE -1");
            assert_eq!(it.max_frames(), usize::MAX);
            assert_eq!(it.max_subscriptions(), usize::MAX);
            assert_eq!(it.max_subscription_bytes(), usize::MAX);
            assert_eq!(it.max_pending_handshakes(), usize::MAX);
            assert_eq!(
                (it.max_connections(), it.max_connections_per_address()),
                (None, None)
            );
            assert_eq!(it.socks_proxy(), None, "ZMQ_SOCKS_PROXY");
            assert_eq!(it.socks_credentials(), None, "ZMQ_SOCKS_USERNAME");
            assert!(it.tcp_accept_filter().is_empty(), "ZMQ_TCP_ACCEPT_FILTER");
            assert!(it.ipc_allow_uid().is_empty(), "ZMQ_IPC_FILTER_UID");
            assert!(it.ipc_allow_gid().is_empty(), "ZMQ_IPC_FILTER_GID");
            assert!(it.ipc_allow_pid().is_empty(), "ZMQ_IPC_FILTER_PID");
            assert!(it.metadata().is_empty(), "ZMQ_METADATA");
            assert!(!it.immediate(), "ZMQ_IMMEDIATE");
            assert_eq!(it.in_batch_size(), Some(8192), "ZMQ_IN_BATCH_SIZE");
            assert_eq!(it.out_batch_size(), Some(8192), "ZMQ_OUT_BATCH_SIZE");
            assert!(it.affinity().is_empty(), "ZMQ_AFFINITY 0");
            assert_eq!(it.socks_proxy(), None, "ZMQ_SOCKS_PROXY");
            assert_eq!(it.send_limit_bytes(), None);
            assert_eq!(it.recv_limit_bytes(), None);
            assert_eq!(it.max_subscriptions_per_address(), None);
            assert_eq!(it.slow_subscriber(), crate::SlowSubscriber::DropNewest);
            assert_eq!(it.hello_message(), None, "ZMQ_HELLO_MSG");
            assert_eq!(it.disconnect_message(), None, "ZMQ_DISCONNECT_MSG");
            assert_eq!(it.hiccup_message(), None, "ZMQ_HICCUP_MSG");
            assert_eq!(it.notify(), Default::default(), "ZMQ_ROUTER_NOTIFY 0");
            assert_eq!(it.send_buffer(), None, "ZMQ_SNDBUF -1");
            assert_eq!(it.recv_buffer(), None, "ZMQ_RCVBUF -1");
            assert_eq!(it.backlog(), 100, "ZMQ_BACKLOG");
            assert_eq!(it.tcp_keepalive(), None, "ZMQ_TCP_KEEPALIVE -1");
            assert_eq!(it.tcp_keepalive_idle(), None, "ZMQ_TCP_KEEPALIVE_IDLE -1");
            assert_eq!(
                it.tcp_keepalive_interval(),
                None,
                "ZMQ_TCP_KEEPALIVE_INTVL -1"
            );
            assert_eq!(it.tcp_keepalive_count(), None, "ZMQ_TCP_KEEPALIVE_CNT -1");
            assert!(!it.ipv6(), "ZMQ_IPV6");
            assert_eq!(it.type_of_service(), 0, "ZMQ_TOS");
            assert_eq!(it.tcp_user_timeout(), None, "ZMQ_TCP_MAXRT 0");
            assert_eq!(it.priority(), 0, "ZMQ_PRIORITY");
            assert_eq!(it.busy_poll(), None, "ZMQ_BUSY_POLL 0");
            assert_eq!(it.bind_to_device(), None, "ZMQ_BINDTODEVICE");
            assert_eq!(it.routing_id(), None, "ZMQ_ROUTING_ID");
            assert_eq!(it.welcome_message(), None, "ZMQ_XPUB_WELCOME_MSG");
            for (name, on) in [
                ("ZMQ_PROBE_ROUTER", it.probe_router()),
                ("ZMQ_CONFLATE", it.conflate()),
                ("ZMQ_ROUTER_MANDATORY", it.mandatory()),
                ("ZMQ_ROUTER_HANDOVER", it.handover()),
                ("ZMQ_REQ_CORRELATE", it.correlate()),
                ("ZMQ_REQ_RELAXED", it.relaxed()),
                ("ZMQ_XPUB_NODROP", it.nodrop()),
                ("ZMQ_INVERT_MATCHING", it.invert_matching()),
                ("ZMQ_XPUB_VERBOSE", it.verbose()),
                ("ZMQ_XPUB_VERBOSER", it.verboser()),
                ("ZMQ_XPUB_MANUAL", it.manual()),
                ("ZMQ_XPUB_MANUAL_LAST_VALUE", it.manual_last_value()),
                ("ZMQ_ONLY_FIRST_SUBSCRIBE", it.only_first_subscribe()),
                ("ZMQ_XSUB_VERBOSE_UNSUBSCRIBE", it.verbose_unsubscribe()),
            ] {
                assert!(!on, "{name}");
            }
            // "If it is -1, the interval is used."
            it.set_heartbeat_interval(ms(7)).unwrap();
            assert_eq!(
                it.heartbeat_timeout(),
                Some(ms(7)),
                "ZMQ_HEARTBEAT_TIMEOUT -1"
            );
            assert_eq!(it.heartbeat_ttl(), None, "ZMQ_HEARTBEAT_TTL 0");
            socket.options().set_linger(ms(0)).unwrap();
        }
    }

    #[test]
    fn a_default_that_follows_from_others_goes_on_to_follow() {
        let s = Duration::from_secs;
        let push = Push::new();
        let options = push.options();
        assert_eq!(options.heartbeat_ttl(), Some(s(30)));
        options.set_heartbeat_timeout(s(50)).unwrap();
        assert_eq!(options.heartbeat_ttl(), Some(s(50)));
        options.set_heartbeat_ttl(s(40)).unwrap();
        options.set_heartbeat_timeout(s(60)).unwrap();
        assert_eq!(options.heartbeat_ttl(), Some(s(40)));
    }

    /// What `build` refuses is refused later, in the same words; and nothing is changed then.
    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let push = Push::new();
        let options = push.options();
        let wrong = options.set_max_frames(0).unwrap_err();
        assert_eq!(wrong.to_string(), said(|it| it.max_frames(0)));
        assert!(matches!(wrong, OptionError::Invalid(_)), "{wrong:?}");
        // Alone it could be; with the interval that is set it cannot.
        let second = Duration::from_secs(1);
        let wrong = options.set_heartbeat_ttl(second).unwrap_err();
        assert_eq!(wrong.to_string(), said(|it| it.heartbeat_ttl(second)));
        assert_eq!(options.heartbeat_ttl(), Some(Duration::from_secs(30)));
        options
            .set_heartbeat_interval(Duration::from_millis(500))
            .unwrap();
        options.set_heartbeat_ttl(second).unwrap();
        assert!(options.set_heartbeat_interval(second).is_err());
        assert_eq!(
            options.heartbeat_interval(),
            Some(Duration::from_millis(500))
        );
        let error: crate::Error = wrong.into();
        assert!(matches!(error, crate::Error::Option(_)), "{error:?}");
    }

    #[test]
    fn what_does_not_apply_to_the_type_of_a_dynamic_socket_is_refused() {
        let socket = Socket::new(SocketType::Push);
        let wrong = socket.options().set_mandatory(true).unwrap_err();
        assert!(matches!(wrong, OptionError::Inapplicable(_)), "{wrong:?}");
        let built = Socket::builder(SocketType::Push).mandatory(true).build();
        assert_eq!(built.unwrap_err().to_string(), wrong.to_string());
        assert!(!socket.options().mandatory());
        let socket = Socket::from(Router::new());
        socket.options().set_mandatory(true).unwrap();
        assert!(Router::try_from(socket).unwrap().options().mandatory());
    }

    #[test]
    fn one_setting_may_imply_another() {
        let options = |set: fn(Builder<XPub>) -> Builder<XPub>| {
            let socket = set(XPub::builder()).build().unwrap();
            let it = socket.options();
            [
                it.verbose(),
                it.verboser(),
                it.manual(),
                it.manual_last_value(),
            ]
        };
        assert_eq!(options(|it| it.verbose(true)), [true, false, false, false]);
        assert_eq!(options(|it| it.verboser(true)), [true, true, false, false]);
        assert_eq!(options(|it| it.manual(true)), [false, false, true, false]);
        assert_eq!(
            options(|it| it.manual_last_value(true)),
            [false, false, true, true]
        );
    }

    #[test]
    fn what_was_set_is_what_is_read() {
        let s = Duration::from_secs;
        let push = Push::builder()
            .reconnect_stop([ReconnectStop::Refused, ReconnectStop::Refused])
            .tcp_keepalive(true)
            .tcp_keepalive_idle(s(7))
            .build()
            .unwrap();
        assert_eq!(push.options().reconnect_stop(), [ReconnectStop::Refused]);
        assert_eq!(push.options().tcp_keepalive(), Some(true));
        assert_eq!(push.options().tcp_keepalive_idle(), Some(s(7)));
        push.options().set_tcp_keepalive(None).unwrap();
        assert_eq!(push.options().tcp_keepalive(), None);
        let xpub = XPub::builder().welcome_message("hello").build().unwrap();
        assert_eq!(xpub.options().welcome_message(), Some("hello".into()));
        xpub.options().set_welcome_message("").unwrap();
        assert_eq!(xpub.options().welcome_message(), None);
        for linger in [
            Sub::new().options().linger(),
            XSub::new().options().linger(),
        ] {
            assert_eq!(linger, Some(s(5)));
        }
    }

    /// Options are dropped by whoever needs them last, under whatever lock.
    #[test]
    fn the_users_memory_is_not_kept() {
        struct Mine(std::sync::Arc<[u8]>);
        impl AsRef<[u8]> for Mine {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        let memory: std::sync::Arc<[u8]> = vec![7; 10_000].into();
        let message = bytes::Bytes::from_owner(Mine(memory.clone()));
        let xpub = XPub::builder().welcome_message(message).build().unwrap();
        assert_eq!(std::sync::Arc::strong_count(&memory), 1);
        assert_eq!(xpub.options().welcome_message().unwrap(), *memory);
    }

    #[test]
    fn a_timeout_too_long_to_be_counted_is_for_ever() {
        let timeouts = Timeouts::new(&Options {
            send_timeout: Some(Duration::MAX),
            recv_timeout: Some(Duration::from_nanos(1)),
            ..Options::default()
        });
        assert_eq!(timeouts.send(), None);
        assert_eq!(timeouts.recv(), Some(Duration::from_nanos(1)));
    }
}
