//! How an endpoint of a socket is doing.

use std::time::Instant;

use crate::endpoint::Endpoint;
use crate::monitor::MonitorEvent;

/// How one endpoint that a socket is bound or connected to is doing; by the socket's `endpoints()`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointStatus {
    /// Which: as `bind` or `connect` returned it.
    pub endpoint: Endpoint,
    /// What it is about at present.
    pub state: EndpointState,
    /// How many attempts to connect have been made in vain since the last handshake that succeeded; for
    /// a bound endpoint, how many connections could not be taken in.
    pub attempts: u32,
    /// What went wrong last, in words: with a connection, or with an attempt to make one.
    pub last_error: Option<String>,
}

/// What an endpoint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointState {
    /// Bound: peers are accepted.
    Listening,
    /// An attempt to connect is under way, or the handshake. Over inproc: the name is not bound yet.
    Connecting,
    /// The peer is there.
    Connected,
    /// The next attempt to connect begins at this moment.
    Waiting {
        /// When.
        until: Instant,
    },
    /// The inproc peer has left: nobody connects again.
    Ended,
    /// There is no other attempt to connect ([`reconnect_stop`](crate::Builder::reconnect_stop), or no
    /// [`reconnect_interval`](crate::Builder::reconnect_interval); over inproc, the peer that came back
    /// is none to talk to). The endpoint stays so until it is connected to again, or disconnected.
    GivenUp,
}

impl EndpointStatus {
    pub(crate) fn new(endpoint: Endpoint, is_bound: bool) -> Self {
        Self {
            endpoint,
            state: if is_bound {
                EndpointState::Listening
            } else {
                EndpointState::Connecting
            },
            attempts: 0,
            last_error: None,
        }
    }

    /// What an event means for the endpoint that it happened at.
    pub(crate) fn on_event(&mut self, event: &MonitorEvent) {
        if let Some(reason) = event.reason() {
            self.last_error = Some(reason.to_owned());
        }
        if self.state == EndpointState::Listening {
            let is_failure = matches!(event, MonitorEvent::AcceptFailed { .. });
            self.attempts = self.attempts.saturating_add(u32::from(is_failure));
            return;
        }
        match event {
            MonitorEvent::HandshakeSucceeded { .. } => {
                self.state = EndpointState::Connected;
                self.attempts = 0;
            }
            MonitorEvent::HandshakeFailed { .. } => {
                self.attempts = self.attempts.saturating_add(1);
            }
            MonitorEvent::RetryScheduled { wait, attempts, .. } => {
                let now = Instant::now();
                self.attempts = *attempts;
                self.state = EndpointState::Waiting {
                    until: now.checked_add(*wait).unwrap_or(now),
                };
            }
            MonitorEvent::GivenUp { .. } => self.state = EndpointState::GivenUp,
            MonitorEvent::Connecting { .. } | MonitorEvent::Disconnected { .. } => {
                self.state = EndpointState::Connecting;
            }
            _ => {}
        }
    }
}
