//! What can be set on a socket, with the defaults.

use std::fmt;
use std::ops::BitOr;
use std::time::Duration;

use crate::admission::AdmissionRules;
use crate::auth::Hired;
use crate::endpoint::TcpAddress;
use crate::message::Message;
use crate::properties::Properties;
use crate::routing_id::RoutingId;
use crate::security::Security;
use crate::socket_type::SocketType;
use crate::transport::KernelOptions;
use crate::transport::socks::SocksCredentials;

/// The options of one socket, as they are at some moment.
///
/// One set for all patterns: a socket offers only what its pattern can use. What is changed on a
/// living socket makes another set; who has this one keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) send_hwm: usize,
    pub(crate) recv_hwm: usize,
    pub(crate) send_limit_bytes: Option<usize>,
    pub(crate) recv_limit_bytes: Option<usize>,
    pub(crate) linger: Option<Duration>,
    /// The I/O threads that may serve new endpoints; none is all.
    pub(crate) affinity: Vec<usize>,
    pub(crate) in_batch_size: Option<usize>,
    pub(crate) out_batch_size: Option<usize>,
    pub(crate) send_timeout: Option<Duration>,
    pub(crate) recv_timeout: Option<Duration>,
    pub(crate) reconnect: Reconnect,
    pub(crate) reconnect_stop: Vec<ReconnectStop>,
    pub(crate) handshake_timeout: Option<Duration>,
    pub(crate) heartbeats: Heartbeats,
    /// What was chosen of them; the rest follows.
    pub(crate) chosen: Chosen,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) max_message_size: Option<u64>,
    pub(crate) max_frames: usize,
    pub(crate) immediate: bool,
    pub(crate) transport: KernelOptions,
    pub(crate) admission: AdmissionRules,
    /// Through whom tcp connects, as a host and a port.
    pub(crate) socks_proxy: Option<TcpAddress>,
    pub(crate) socks_credentials: Option<SocksCredentials>,
    /// Of one listener.
    pub(crate) max_pending_handshakes: usize,
    /// Announced to peers by REQ, DEALER and ROUTER.
    pub(crate) routing_id: Option<RoutingId>,
    /// Announced to peers by all.
    pub(crate) metadata: Properties,
    pub(crate) security: Security,
    /// Who decides about peers.
    pub(crate) authenticator: Option<Hired>,
    pub(crate) zap_domain: String,
    pub(crate) zap_enforce_domain: bool,
    pub(crate) probe_router: bool,
    pub(crate) conflate: bool,
    // ROUTER
    pub(crate) mandatory: bool,
    pub(crate) handover: bool,
    pub(crate) notify: RouterNotify,
    pub(crate) disconnect_message: Option<Message>,
    // DEALER, ROUTER
    pub(crate) hello_message: Option<Message>,
    // DEALER
    pub(crate) hiccup_message: Option<Message>,
    // REQ
    pub(crate) correlate: bool,
    pub(crate) relaxed: bool,
    // PUB, XPUB (and SUB, for the first)
    pub(crate) invert_matching: bool,
    pub(crate) nodrop: bool,
    pub(crate) max_subscriptions: usize,
    pub(crate) max_subscription_bytes: usize,
    pub(crate) max_subscriptions_per_address: Option<usize>,
    pub(crate) slow_subscriber: SlowSubscriber,
    // XPUB (and XSUB, for the first)
    pub(crate) only_first_subscribe: bool,
    pub(crate) verbose: Verbosity,
    pub(crate) manual: bool,
    pub(crate) manual_last_value: bool,
    pub(crate) welcome_message: Option<Message>,
    // XSUB
    pub(crate) verbose_unsubscribe: bool,
}

/// What a context has its sockets begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketDefaults {
    pub(crate) linger: Option<Duration>,
    pub(crate) ipv6: bool,
}

impl Default for SocketDefaults {
    fn default() -> Self {
        Self {
            linger: Some(Duration::from_secs(5)),
            ipv6: false,
        }
    }
}

/// Which subscriptions an XPUB tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// The first of a topic, and the last that is taken back.
    #[default]
    Changes,
    /// Every one that is made, and the last that is taken back.
    Subscribes,
    /// Every one.
    All,
}

impl Verbosity {
    pub(crate) fn subscribes(on: bool) -> Self {
        if on { Self::Subscribes } else { Self::Changes }
    }

    pub(crate) fn all(on: bool) -> Self {
        if on { Self::All } else { Self::Changes }
    }
}

/// When to try again after a connection could not be made or was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reconnect {
    /// The first interval; `None` is never.
    pub(crate) interval: Option<Duration>,
    /// What the interval doubles up to; shorter than the interval means that it stays constant.
    pub(crate) max: Duration,
}

/// What a publisher does with a subscriber whose queue is full; see
/// [`Builder::slow_subscriber`](crate::Builder::slow_subscriber).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlowSubscriber {
    /// It misses the message.
    ///
    /// What libzmq does.
    #[default]
    DropNewest,
    /// It misses the oldest of those that wait for it, and gets the message: what it has yet to see is
    /// always the newest. What is being written is not dropped any more; if that is all there is, the
    /// message is queued beyond the limit, so that there is one at least.
    DropOldest,
    /// Its connection is ended, with all that waits for it:
    /// [`MonitorEvent::Evicted`](crate::MonitorEvent::Evicted) says so. It may come back, and knows that
    /// it has missed something.
    Disconnect,
}

/// What ends an endpoint that is connected to, rather than being followed by another attempt; see
/// [`Builder::reconnect_stop`](crate::Builder::reconnect_stop).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReconnectStop {
    /// Nobody listens there: the connection was refused (by the last address, if a name has
    /// several), or there is no file for an ipc endpoint. A proxy may say so, or not be there itself. An
    /// ipc listener with a full backlog is one
    /// nevertheless (macOS and the BSDs do not tell).
    ///
    /// libzmq's `ZMQ_RECONNECT_STOP_CONN_REFUSED`, which waits for an ipc file that is not there.
    Refused,
    /// The connection stood, and ended before its handshake was complete, for whatever reason: the
    /// peer is no peer, is not of a fitting type, was refused by this socket, hung up or took too
    /// long.
    ///
    /// libzmq's `ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED`.
    HandshakeFailed,
    /// The endpoint was [disconnected](crate::Push::disconnect) and still had something to send,
    /// which is sent only if the connection stands, or the attempt that is under way brings one.
    /// Otherwise attempts go on for as long as the linger lasts. Closing the socket is not meant.
    ///
    /// libzmq's `ZMQ_RECONNECT_STOP_AFTER_DISCONNECT`.
    AfterDisconnect,
}

/// What of its peers a ROUTER is told by messages; see [`Builder::notify`](crate::Builder::notify).
/// Two of them together are made with `|`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RouterNotify {
    connect: bool,
    disconnect: bool,
}

impl RouterNotify {
    /// Nothing.
    pub const NONE: Self = Self {
        connect: false,
        disconnect: false,
    };

    /// That one has come. libzmq's `ZMQ_NOTIFY_CONNECT`.
    pub const CONNECT: Self = Self {
        connect: true,
        disconnect: false,
    };

    /// That one has gone. libzmq's `ZMQ_NOTIFY_DISCONNECT`.
    pub const DISCONNECT: Self = Self {
        connect: false,
        disconnect: true,
    };

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        (self.connect || !other.connect) && (self.disconnect || !other.disconnect)
    }
}

impl BitOr for RouterNotify {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            connect: self.connect || other.connect,
            disconnect: self.disconnect || other.disconnect,
        }
    }
}

impl fmt::Debug for RouterNotify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.connect, self.disconnect) {
            (false, false) => "NONE",
            (true, false) => "CONNECT",
            (false, true) => "DISCONNECT",
            (true, true) => "CONNECT | DISCONNECT",
        })
    }
}

/// How much metadata every peer takes: ours has 64 KiB for the whole handshake.
const METADATA_MAX: usize = 16 << 10;

/// When a silent peer is asked whether it is there, and when it is taken for dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heartbeats {
    /// After how much silence it is asked; `None` is never.
    pub(crate) interval: Option<Duration>,
    /// How long it may leave that unanswered; `None` is for ever.
    pub(crate) timeout: Option<Duration>,
    /// After how much silence of ours it may take us for dead; `None` is not said.
    pub(crate) ttl: Option<Duration>,
}

impl Heartbeats {
    /// The longest TTL that every libzmq understands: it counts milliseconds in 16 bits.
    pub(crate) const TTL_MAX: Duration = Duration::from_millis(65_500);

    /// The TTL where none was chosen: the peer gets as much time as it is given, but enough for two
    /// intervals, of which one PING may come late.
    pub(crate) fn derived_ttl(&self) -> Option<Duration> {
        let (least, timeout) = (self.least_ttl()?, self.timeout?);
        (least <= Self::TTL_MAX).then(|| timeout.clamp(least, Self::TTL_MAX))
    }

    /// The shortest TTL that we can keep.
    pub(crate) fn least_ttl(&self) -> Option<Duration> {
        let least = self.interval?.saturating_mul(2);
        // It is said in tenths of a second.
        Some(least.max(Duration::from_millis(100)))
    }
}

/// What follows from something else if it is not chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// The interval otherwise.
    pub(crate) timeout: Option<Option<Duration>>,
    /// What interval and timeout make of it otherwise.
    pub(crate) ttl: Option<Option<Duration>>,
    /// Whether that must be one that is kept.
    pub(crate) keeps_ttl: bool,
    /// What the context says otherwise, and so of the next.
    pub(crate) linger: Option<Option<Duration>>,
    pub(crate) ipv6: Option<bool>,
}

impl Options {
    /// What the context says of its sockets, where nothing else was chosen.
    pub(crate) fn adopt(&mut self, defaults: SocketDefaults) {
        self.linger = defaults.linger;
        self.transport.ipv6 = defaults.ipv6;
    }

    /// libzmq's defaults.
    pub(crate) fn of_libzmq(socket_type: SocketType) -> Self {
        let subscribes = matches!(socket_type, SocketType::Sub | SocketType::XSub);
        Self {
            reconnect: Reconnect {
                interval: Some(Duration::from_millis(100)),
                max: Duration::ZERO,
            },
            handshake_timeout: Some(Duration::from_secs(30)),
            heartbeats: Heartbeats {
                interval: None,
                timeout: None,
                ttl: None,
            },
            chosen: Chosen {
                timeout: None,
                ttl: Some(None),
                keeps_ttl: false,
                linger: Some(subscribes.then_some(Duration::ZERO)),
                ipv6: None,
            },
            max_message_size: None,
            max_frames: usize::MAX,
            max_subscriptions: usize::MAX,
            max_subscription_bytes: usize::MAX,
            max_pending_handshakes: usize::MAX,
            zap_enforce_domain: false,
            in_batch_size: Some(8192),
            out_batch_size: Some(8192),
            ..Self::default()
        }
    }

    /// Works out what follows from the rest; an error if what was chosen does not go together.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        let said = self.metadata.iter();
        let bytes: usize = said.map(|(name, value)| name.len() + value.len()).sum();
        if bytes > METADATA_MAX {
            return Err(format!("metadata: more than {METADATA_MAX} bytes together"));
        }
        if let Some(linger) = self.chosen.linger {
            self.linger = linger;
        }
        if let Some(ipv6) = self.chosen.ipv6 {
            self.transport.ipv6 = ipv6;
        }
        let heartbeats = &mut self.heartbeats;
        heartbeats.timeout = self.chosen.timeout.unwrap_or(heartbeats.interval);
        heartbeats.ttl = (self.chosen.ttl).unwrap_or_else(|| heartbeats.derived_ttl());
        if self.chosen.ttl.is_none() || !self.chosen.keeps_ttl {
            return Ok(());
        }
        match (heartbeats.ttl, heartbeats.least_ttl()) {
            (Some(ttl), Some(least)) if ttl.min(Heartbeats::TTL_MAX) < least => Err(format!(
                "heartbeat_ttl: {} is less than 100 ms or two intervals, or the interval more than {}",
                crate::error::millis(ttl),
                crate::error::millis(Heartbeats::TTL_MAX / 2)
            )),
            _ => Ok(()),
        }
    }

    /// Whether subscriptions are only told, for the application to accept.
    pub(crate) fn is_manual(&self) -> bool {
        self.manual || self.manual_last_value
    }
}

impl Default for Heartbeats {
    fn default() -> Self {
        Self {
            interval: Some(Duration::from_secs(10)),
            timeout: Some(Duration::from_secs(30)),
            ttl: Some(Duration::from_secs(30)),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            send_hwm: 1000,
            recv_hwm: 1000,
            send_limit_bytes: None,
            recv_limit_bytes: None,
            linger: SocketDefaults::default().linger,
            affinity: Vec::new(),
            in_batch_size: None,
            out_batch_size: None,
            send_timeout: None,
            recv_timeout: None,
            reconnect: Reconnect {
                interval: Some(Duration::from_millis(100)),
                max: Duration::from_secs(10),
            },
            reconnect_stop: Vec::new(),
            handshake_timeout: Some(Duration::from_secs(10)),
            heartbeats: Heartbeats::default(),
            chosen: Chosen {
                timeout: Some(Heartbeats::default().timeout),
                ttl: None,
                keeps_ttl: true,
                linger: None,
                ipv6: None,
            },
            connect_timeout: None,
            max_message_size: Some(256 << 20),
            max_frames: 65_536,
            immediate: false,
            transport: KernelOptions::default(),
            admission: AdmissionRules::default(),
            socks_proxy: None,
            socks_credentials: None,
            max_pending_handshakes: 1024,
            routing_id: None,
            metadata: Properties::default(),
            security: Security::null(),
            authenticator: None,
            zap_domain: String::new(),
            zap_enforce_domain: true,
            probe_router: false,
            conflate: false,
            mandatory: false,
            handover: false,
            notify: RouterNotify::NONE,
            disconnect_message: None,
            hello_message: None,
            hiccup_message: None,
            correlate: false,
            relaxed: false,
            invert_matching: false,
            nodrop: false,
            max_subscriptions: 1_000_000,
            max_subscription_bytes: 64 << 20,
            max_subscriptions_per_address: None,
            slow_subscriber: SlowSubscriber::DropNewest,
            only_first_subscribe: false,
            verbose: Verbosity::Changes,
            manual: false,
            manual_last_value: false,
            welcome_message: None,
            verbose_unsubscribe: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ttl_is_the_timeout_if_that_can_be_kept_and_said() {
        let ms = Duration::from_millis;
        let derived = |interval: Option<u64>, timeout: Option<u64>| {
            let heartbeats = Heartbeats {
                interval: interval.map(ms),
                timeout: timeout.map(ms),
                ttl: None,
            };
            heartbeats.derived_ttl()
        };
        assert_eq!(
            derived(Some(10_000), Some(30_000)),
            Heartbeats::default().ttl
        );
        assert_eq!(derived(Some(10_000), Some(1_000)), Some(ms(20_000)));
        assert_eq!(derived(Some(1), Some(1)), Some(ms(100)));
        assert_eq!(derived(Some(10_000), None), None);
        assert_eq!(
            derived(Some(10_000), Some(u64::MAX)),
            Some(Heartbeats::TTL_MAX)
        );
        assert_eq!(derived(Some(40_000), Some(90_000)), None);
        assert_eq!(derived(None, Some(30_000)), None);
    }
}
