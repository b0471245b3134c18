//! One entry for each option that is one value: the setter, the getter and the change all come of it.

use std::fmt::Display;
use std::time::Duration;

use super::super::{
    Asks, Conflates, Deals, Forwards, Greets, Identifies, Matches, Publishes, Receives, Routes,
    Sends, SocketKind, TellsUpstream, ToldUpstream,
};
use super::values::*;
use super::{Builder, SocketOptions, value_of};
use crate::error::OptionError;
use crate::message::Message;
use crate::options::{Options, ReconnectStop, RouterNotify, SlowSubscriber, Verbosity};
use crate::routing_id::RoutingId;
use crate::security::Security;
use crate::socket_type::SocketType;
use crate::transport::tuning;

/// From one entry for each option: the [`Builder`]'s setter, the getter, and what changes it later.
///
/// ```text
/// Kind, the types that the option applies to => {
///     /// What it means: the documentation of the Builder's setter, to which the others' points.
///     name(value as it is given) -> type as it is read {
///         put (field.of.Options) = the value that is put there, or ? if that cannot be;
///         read what the getter gives, if that is not the field;
///         either: live set_name "what a change means at once";
///                 later set_name; (connections made from then on)
///                 kept set_name; (endpoints made from then on, which keep it)
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
            $(kept $set_kept:ident;)?
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
            #[allow(clippy::clone_on_copy, reason = "not all of them are")]
            pub fn $name(&self) -> $read_as {
                let options = self.core.options();
                options!(@read options, $field $(, $read)?)
            }

            $(options!(@change $set_live, $name, $applies, ($value: $type), $put, $field,
                " at once.", $live);)?
            $(options!(@change $set_later, $name, $applies, ($value: $type), $put, $field,
                ".", "It counts for endpoints bound and connections made from then on.");)?
            $(options!(@change $set_kept, $name, $applies, ($value: $type), $put, $field,
                ".", "It counts for endpoints bound and connected from then on: others keep what they have.");)?
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
        /// misunderstands what is longer; the interval is at most half of that then. (With
        /// [libzmq's defaults](crate::Builder::with_libzmq_defaults) any is taken, as in libzmq.)
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

        /// How this socket and its peers prove to each other who they are, and whether what they say is
        /// protected. Default [`Security::null`]: not at all. tcp and ipc only.
        ///
        /// A password of PLAIN that goes over tcp to another machine is worth a warning in the log: it
        /// can be read on the way.
        ///
        /// One value, of which nothing can be missing or set too late. An endpoint keeps the one with which
        /// it was bound or connected, so that one socket can talk to several servers, each with a key of
        /// its own: [`set_security`](SocketOptions::set_security) before each `connect`. libzmq's `ZMQ_PLAIN_SERVER`,
        /// `ZMQ_PLAIN_USERNAME`, `ZMQ_PLAIN_PASSWORD`, `ZMQ_CURVE_SERVER`, `ZMQ_CURVE_PUBLICKEY`,
        /// `ZMQ_CURVE_SECRETKEY` and `ZMQ_CURVE_SERVERKEY`, of which the one that was set last decides.
        ///
        /// ```
        /// use zocket::{Push, Security};
        ///
        /// # fn main() -> Result<(), zocket::Error> {
        /// let push = Push::builder()
        ///     .security(Security::plain_client("admin", "secret"))
        ///     .build()?;
        /// # drop(push);
        /// # Ok(())
        /// # }
        /// ```
        security(security: Security) -> Security {
            put security = security.checked()?;
            kept set_security;
        }

        /// The domain for which peers are authenticated: what an
        /// [`Authenticator`](crate::Authenticator) and a ZAP handler are told of this socket, so that they
        /// can tell services apart; up to 255 bytes. Default empty. libzmq's `ZMQ_ZAP_DOMAIN`.
        ///
        /// With [`Security::null`] and no authenticator a ZAP handler is asked only if there is a domain.
        zap_domain(domain: impl AsRef<str>) -> String {
            put zap_domain = zap_domain(domain)?;
            kept set_zap_domain;
        }

        /// Whether a socket with a [`zap_domain`](Self::zap_domain) lets nobody in while there is neither
        /// an [`authenticator`](Self::authenticator) nor a ZAP handler. Default `true`. libzmq's
        /// `ZMQ_ZAP_ENFORCE_DOMAIN`, by default `false`: a handler that is not there yet, or not any more,
        /// lets everybody in then.
        zap_enforce_domain(on: bool) -> bool {
            put zap_enforce_domain = on;
            kept set_zap_enforce_domain;
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

        /// The most connections that may be in their handshake at a time at one bound endpoint, so
        /// that silent connections cost a bounded amount. Default 1024. libzmq has no limit.
        ///
        /// More are refused as with [`max_connections`](Self::max_connections), unless another address
        /// (over ipc another user) has more of them than the one that comes: then the oldest of the
        /// address that has most gives way, which is a
        /// [`HandshakeFailed`](crate::MonitorEvent::HandshakeFailed) event. So who takes all the places
        /// there are keeps out nobody else.
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
            live set_conflate "Only before the first `bind` or `connect`: what every queue keeps follows from it.";
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

fn read<R>(options: &Options, read: impl FnOnce(&Options) -> R) -> R {
    read(options)
}
