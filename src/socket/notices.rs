//! Messages that no peer has sent: a socket tells its own application by them that a peer has come or
//! gone, in the place where that happened among those of the peer.

use std::sync::Arc;

use super::core::Core;
use super::halves::Inbound;
use super::ledger::Lanes;
use crate::message::Message;
use crate::options::RouterNotify;
use crate::peer_info::PeerInfo;
use crate::pipe::{Inlet, Lane, Limits, Load, PipeId, Reader};
use crate::signal::Wakes;
use crate::socket_type::SocketType;

/// Who has gone, as far as that makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// One that had connected here.
    Accepted,
    /// One that was connected to, as it still is to be.
    Connected,
    /// The same, where nothing connects again: inproc.
    Bound,
    /// One that was connected to, and was let go of.
    Disconnected,
}

impl Core {
    /// What is read first of a peer that has come.
    pub(super) fn first_notice(&self) -> Option<Message> {
        let notifies = self.type_of() == SocketType::Router
            && self.options().notify.contains(RouterNotify::CONNECT);
        notifies.then(Message::new)
    }

    /// What is read last of one that has gone.
    fn last_notices(&self, gone: Gone) -> Vec<Message> {
        let options = self.options();
        let mut notices = Vec::new();
        match self.type_of() {
            SocketType::Router => {
                if options.notify.contains(RouterNotify::DISCONNECT) {
                    notices.push(Message::new());
                }
                if matches!(gone, Gone::Accepted | Gone::Bound) {
                    notices.extend(options.disconnect_message.clone());
                }
            }
            SocketType::Dealer if matches!(gone, Gone::Connected | Gone::Bound) => {
                notices.extend(options.hiccup_message.clone());
            }
            _ => {}
        }
        notices
    }

    /// A peer has gone, whose messages came through this pipe: what is to be said of that comes
    /// behind them.
    pub(super) fn tell_gone(&self, pipe: PipeId, peer: &PeerInfo, gone: Gone) {
        let notices = self.last_notices(gone);
        if notices.is_empty() {
            return;
        }
        let own = self.next_pipe_id();
        self.inbound.update(|half, wakes| {
            if half.ended.is_some() {
                return wakes.drop_later(notices);
            }
            let mut left = notices;
            if let Some(reader) = half.readers.get_mut(pipe) {
                left = reader.put_last(left, wakes);
                half.readers.activate(pipe);
            }
            // All that came through it has been read, or it is no more.
            if !left.is_empty() {
                self.tell_apart(half, own, peer, left, wakes);
            }
        });
    }

    /// Has messages that are said of a peer read through a pipe of their own.
    pub(super) fn tell_apart(
        &self,
        half: &mut Inbound,
        own: PipeId,
        peer: &PeerInfo,
        notices: Vec<Message>,
        wakes: &mut Wakes,
    ) {
        let inlet = Inlet::values(Arc::new(Lane::new(Limits::NONE, None)));
        self.ledger.lock().open(
            own,
            Lanes {
                outbound: None,
                inbound: Some(inlet.intake()),
            },
        );
        let mut reader = Reader::new(inlet);
        reader.set_peer(peer.clone());
        // Nobody else has it: it takes them all.
        let none = reader.put_last(notices, wakes);
        wakes.drop_later(none);
        reader.end_intake(wakes);
        half.readers.attach(own, reader);
        half.readers.activate(own);
    }

    /// A peer that was announced over inproc did not come after all: its announcement is taken back,
    /// or, if it has been read, followed by what is said of one that has gone.
    pub(super) fn take_notice_back(&self, pipe: PipeId) {
        if self.first_notice().is_none() {
            return;
        }
        let announced = self.inbound.update(|half, wakes| {
            let reader = half.readers.get_mut(pipe)?;
            // It has sent nothing yet: whatever is there is the announcement.
            let Load { messages, .. } = reader.discard(wakes);
            half.discarded.unread += messages as u64;
            (messages == 0).then(|| reader.peer().cloned()).flatten()
        });
        if let Some(peer) = announced {
            self.tell_gone(pipe, &peer, Gone::Disconnected);
        }
    }
}
