//! What a socket has counted.

use crate::endpoint::Address;
use crate::monitor::MonitorEvent;
use crate::peer_info::PeerInfo;

/// What a socket has counted since it was made; a snapshot, made by its `stats()`.
///
/// Two laws hold whenever nothing is on the move:
///
/// * `accepted = written + send_queue + dropped`: nothing that was accepted for sending is gone
///   without being counted;
/// * `arrived = returned + recv_queue + discarded`: nothing that arrived is, either.
///
/// A message that goes to several subscribers is accepted once for each of them (and once if it is
/// for nobody). Over inproc, what the other socket has taken is written; what is left between the two
/// when one of them goes is dropped for the one that sent it, and unread for the other.
///
/// Always on, and exact. Nothing is counted twice, or with an atomic operation: who sends and who
/// receives counts under the lock that it holds anyway, a pipe what was written by the batch, and the
/// sums are made when they are asked for. That comes to a dozen instructions for a message that is sent
/// and received, of some 500 over inproc.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Accepted for sending, by `send` and its like.
    pub accepted: Count,
    /// Handed to the kernel whole, or taken by the other socket over inproc.
    pub written: Count,
    /// Waiting to be written.
    pub send_queue: Count,
    /// Accepted and not sent, by cause.
    pub dropped: Dropped,
    /// Arrived from peers.
    pub arrived: Count,
    /// Returned to the application, by `recv` and its like.
    pub returned: Count,
    /// Waiting to be received.
    pub recv_queue: Count,
    /// Arrived and not returned, by cause.
    pub discarded: Discarded,
    /// Peers that are there now.
    pub peers: u64,
    /// What became of connections.
    pub connections: Connections,
}

/// What became of a socket's connections: over tcp and ipc those that stood, in their handshake or
/// through it; over inproc the peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// There are so many.
    pub now: u64,
    /// There have ever been so many.
    pub ever: u64,
    /// A peer was there again at an endpoint that is connected to and had had one before.
    pub reconnected: u64,
    /// The handshake failed, for whatever reason.
    pub handshakes_failed: u64,
    /// Not taken in at an endpoint that is bound: not admitted, out of descriptors, gone already.
    pub refused: u64,
    /// Ended because this socket did not put up with the peer any longer
    /// ([`Eviction`](crate::Eviction)).
    pub evicted: u64,
}

impl Connections {
    /// Everything there is to count is told by an event; this is one of a peer that comes again.
    pub(crate) fn on_event(&mut self, event: &MonitorEvent, is_again: bool) {
        let is_inproc = (event.endpoint())
            .is_some_and(|endpoint| matches!(endpoint.address(), Address::Inproc(_)));
        match event {
            MonitorEvent::Connected { .. } | MonitorEvent::Accepted { .. } => self.begin(),
            MonitorEvent::HandshakeSucceeded { .. } => {
                self.reconnected += u64::from(is_again);
                if is_inproc {
                    self.begin();
                }
            }
            MonitorEvent::HandshakeFailed { .. } => {
                self.handshakes_failed += 1;
                if !is_inproc {
                    self.end();
                }
            }
            MonitorEvent::Disconnected { .. } => self.end(),
            MonitorEvent::AcceptFailed { .. } => self.refused += 1,
            MonitorEvent::Evicted { .. } => self.evicted += 1,
            _ => {}
        }
    }

    fn begin(&mut self) {
        self.now += 1;
        self.ever += 1;
    }

    fn end(&mut self) {
        self.now = self.now.saturating_sub(1);
    }
}

/// What a socket has counted of one peer that is there; by its `peer_stats()`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerStats {
    /// Which.
    pub peer: PeerInfo,
    /// Handed to the kernel whole, or taken by the other socket over inproc.
    pub written: Count,
    /// Waiting to be written.
    pub send_queue: Count,
    /// Messages that it has missed because its queue was full.
    pub missed: u64,
    /// Arrived from it.
    pub arrived: Count,
    /// Waiting to be received.
    pub recv_queue: Count,
}

/// A number of messages, and the payload bytes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// Messages.
    pub messages: u64,
    /// Bytes of their frames, those of envelopes included.
    pub bytes: u64,
}

/// Messages that were accepted for sending and not sent, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// The peer was at its high-water mark.
    pub full: u64,
    /// A newer one took its place in the queue of a subscriber without room
    /// ([`SlowSubscriber::DropOldest`](crate::SlowSubscriber::DropOldest)).
    pub displaced: u64,
    /// No peer had the routing id, or who had asked was gone.
    pub unroutable: u64,
    /// Nobody had subscribed to it.
    pub unwanted: u64,
    /// What was queued when its peer was gone for good, was replaced by a newer message
    /// (`conflate`), or was left when the linger ended.
    pub with_peer: u64,
}

/// Messages that arrived and were not returned, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// They had no envelope, or a wrong one.
    pub malformed: u64,
    /// Replies that nobody waited for any more, or that nobody had asked for.
    pub stale: u64,
    /// They did not match a subscription of ours (any more).
    pub filtered: u64,
    /// A newer one came (`conflate`).
    pub conflated: u64,
    /// They were no messages but subscriptions, in the old form.
    pub subscriptions: u64,
    /// Sent to a PUB, which takes subscriptions only.
    pub unexpected: u64,
    /// Unread when the socket was closed or let go of the peer.
    pub unread: u64,
}

impl Dropped {
    /// All causes together.
    pub fn total(&self) -> u64 {
        self.full + self.displaced + self.unroutable + self.unwanted + self.with_peer
    }
}

impl Discarded {
    /// All causes together.
    pub fn total(&self) -> u64 {
        self.malformed
            + self.stale
            + self.filtered
            + self.conflated
            + self.subscriptions
            + self.unexpected
            + self.unread
    }
}
