//! What can be set on a socket, with the defaults.

use std::time::Duration;

use crate::message::Message;
use crate::routing_id::RoutingId;
use crate::transport::SocketOptions;

/// The options of one socket, as its builder left them.
///
/// One set for all patterns: a builder offers only what its pattern can use.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) send_hwm: usize,
    pub(crate) recv_hwm: usize,
    pub(crate) linger: Option<Duration>,
    pub(crate) send_timeout: Option<Duration>,
    pub(crate) recv_timeout: Option<Duration>,
    pub(crate) reconnect: Reconnect,
    pub(crate) handshake_timeout: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) max_message_size: Option<u64>,
    pub(crate) max_frames: usize,
    pub(crate) immediate: bool,
    pub(crate) transport: SocketOptions,
    /// Announced to peers by REQ, DEALER and ROUTER.
    pub(crate) routing_id: Option<RoutingId>,
    pub(crate) probe_router: bool,
    pub(crate) conflate: bool,
    // ROUTER
    pub(crate) mandatory: bool,
    pub(crate) handover: bool,
    // REQ
    pub(crate) correlate: bool,
    pub(crate) relaxed: bool,
    // PUB, XPUB (and SUB, for the first)
    pub(crate) invert_matching: bool,
    pub(crate) nodrop: bool,
    pub(crate) max_subscriptions: usize,
    pub(crate) max_subscription_bytes: usize,
    // XPUB (and XSUB, for the first)
    pub(crate) only_first_subscribe: bool,
    pub(crate) verbose: Verbosity,
    pub(crate) manual: bool,
    pub(crate) manual_last_value: bool,
    pub(crate) welcome_message: Option<Message>,
    // XSUB
    pub(crate) verbose_unsubscribe: bool,
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

/// When to try again after a connection could not be made or was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reconnect {
    /// The first interval; `None` is never.
    pub(crate) interval: Option<Duration>,
    /// What the interval doubles up to; shorter than the interval means that it stays constant.
    pub(crate) max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            send_hwm: 1000,
            recv_hwm: 1000,
            linger: Some(Duration::from_secs(5)),
            send_timeout: None,
            recv_timeout: None,
            reconnect: Reconnect {
                interval: Some(Duration::from_millis(100)),
                max: Duration::from_secs(10),
            },
            handshake_timeout: Some(Duration::from_secs(10)),
            connect_timeout: None,
            max_message_size: Some(256 << 20),
            max_frames: 65_536,
            immediate: false,
            transport: SocketOptions::default(),
            routing_id: None,
            probe_router: false,
            conflate: false,
            mandatory: false,
            handover: false,
            correlate: false,
            relaxed: false,
            invert_matching: false,
            nodrop: false,
            max_subscriptions: 1_000_000,
            max_subscription_bytes: 64 << 20,
            only_first_subscribe: false,
            verbose: Verbosity::Changes,
            manual: false,
            manual_last_value: false,
            welcome_message: None,
            verbose_unsubscribe: false,
        }
    }
}
