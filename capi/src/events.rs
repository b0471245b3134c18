//! What can be done with a socket now (`ZMQ_EVENTS`), and the descriptor that says when that may have
//! changed (`ZMQ_FD`).
//!
//! The descriptor is edge-triggered in libzmq's sense: readable when something has *become* possible since
//! the events were asked for last. To ask clears it, and so does a call that says `EAGAIN`.

use std::ffi::{c_int, c_short};
use std::sync::Arc;
use std::sync::atomic::{AtomicI16, Ordering};
use std::task::{Wake, Waker};

use zocket::{SocketType, TryRecvError, Watching};

use crate::errno::Errno;
use crate::socket::Entry;
use crate::waiting::Bell;

pub(crate) const POLLIN: c_short = 1;
pub(crate) const POLLOUT: c_short = 2;
pub(crate) const POLLERR: c_short = 4;
pub(crate) const POLLPRI: c_short = 8;

/// The descriptor of a socket.
#[derive(Debug)]
pub(crate) struct Signal {
    bell: Arc<Ringing>,
    watching: Watching,
    /// What the program knows to be possible.
    known: AtomicI16,
}

#[derive(Debug)]
struct Ringing(Bell);

impl Wake for Ringing {
    fn wake(self: Arc<Self>) {
        self.0.raise();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.raise();
    }
}

impl Entry {
    /// What can be done now.
    pub(crate) fn events(&self) -> c_short {
        let Some(signal) = self.signal.get() else {
            return self.look(None);
        };
        signal.bell.0.clear();
        let events = self.look(Some(&signal.watching));
        signal.known.store(events, Ordering::Release);
        events
    }

    /// A call has found that something cannot be done, of which the program may have thought that it can.
    pub(crate) fn was_in_vain(&self, event: c_short) {
        let Some(signal) = self.signal.get() else {
            return;
        };
        let known = signal.known.fetch_and(!event, Ordering::AcqRel) & !event;
        signal.bell.0.clear();
        if self.look(Some(&signal.watching)) & !known != 0 {
            signal.bell.0.raise();
        }
    }

    /// What can be done now; who watches is told of a change of what cannot.
    pub(crate) fn look(&self, watching: Option<&Watching>) -> c_short {
        let mut events = 0;
        if self.can_recv(watching) {
            events |= POLLIN;
        }
        if self.can_send(watching) {
            events |= POLLOUT;
        }
        events
    }

    fn can_recv(&self, watching: Option<&Watching>) -> bool {
        let can = watching.map_or_else(|| self.socket.can_recv(), Watching::can_recv);
        if !self.receiving.is_empty() {
            return true;
        }
        if !can || self.socket_type != SocketType::Req || self.home.has_ended() {
            return can;
        }
        // That the peer is gone that was asked is news to zocket, and none to libzmq, which waits.
        match self.socket.try_recv_from_peer() {
            Ok((peer, message)) => {
                self.put_aside(message, peer.as_ref());
                true
            }
            Err(TryRecvError::PeerLost) => {
                self.forsaken.store(true, Ordering::Release);
                false
            }
            Err(TryRecvError::Empty | TryRecvError::WrongState) => false,
            Err(_) => true,
        }
    }

    fn can_send(&self, watching: Option<&Watching>) -> bool {
        let can = watching.map_or_else(|| self.socket.can_send(), Watching::can_send);
        match self.socket_type {
            _ if self.home.has_ended() => true,
            SocketType::Rep => self.owing.load(Ordering::Acquire),
            SocketType::Req if self.owing.load(Ordering::Acquire) => {
                can && self.socket.options().relaxed()
            }
            SocketType::Sub | SocketType::Pull => false,
            _ => can || !self.sending.is_empty(),
        }
    }

    /// The descriptor, made when it is asked for first, and readable then: what it is to be told of may
    /// have happened already.
    pub(crate) fn descriptor(&self) -> Result<c_int, Errno> {
        if let Some(signal) = self.signal.get() {
            return Ok(signal.bell.0.fd());
        }
        let bell = Arc::new(Ringing(Bell::new()?));
        let watching = self.socket.watch(Waker::from(bell.clone()));
        self.look(Some(&watching));
        bell.0.raise();
        let signal = self.signal.get_or_init(|| Signal {
            bell,
            watching,
            known: AtomicI16::new(0),
        });
        Ok(signal.bell.0.fd())
    }
}
