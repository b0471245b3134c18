//! What can be set on a socket, with the defaults.

use std::time::Duration;

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
        }
    }
}
