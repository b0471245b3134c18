//! libzmq in the middle: a stage that hands every message of either of its sockets to the other.

use std::thread::{self, JoinHandle};

use crate::libzmq::{self, Kind, Opt};

/// The two sockets of a stage that has not begun to work.
#[derive(Debug)]
pub struct Stage {
    context: libzmq::Context,
    /// Where what is to be handed on comes from.
    pub front: libzmq::Socket,
    /// Where it goes to.
    pub back: libzmq::Socket,
}

impl Stage {
    /// Both sockets, in a context of their own; what they have not sent when they are closed is
    /// lost.
    ///
    /// # Panics
    ///
    /// When there are no such sockets.
    pub fn new(front: Kind, back: Kind) -> Self {
        let context = libzmq::Context::new();
        let [front, back] = [front, back].map(|kind| {
            let socket = context.socket(kind).expect("a libzmq socket");
            socket.set(Opt::Linger, 0).expect("libzmq takes a linger");
            socket
        });
        Self {
            context,
            front,
            back,
        }
    }

    /// Has a thread hand the messages on.
    pub fn start(self) -> Working {
        let Self {
            context,
            front,
            back,
        } = self;
        Working {
            context,
            thread: thread::spawn(move || libzmq::proxy(front, back)),
        }
    }
}

/// A stage at work.
#[derive(Debug)]
pub struct Working {
    context: libzmq::Context,
    thread: JoinHandle<libzmq::Error>,
}

impl Working {
    /// Ends it.
    ///
    /// # Panics
    ///
    /// When it had ended before.
    pub fn stop(self) {
        self.context.shut_down().expect("libzmq shuts down");
        let end = self.thread.join().expect("the stage has not panicked");
        assert!(end.is_terminated(), "{end}");
    }
}
