//! A zocket socket and a libzmq socket joined, either of them binding.

use std::time::Duration;

use crate::libzmq;
use crate::scratch::{Scratch, Transport};
use zocket::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Socket, Sub, XPub, XSub};

/// Longer than anything takes that works, on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Who binds; the other one connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binder {
    /// zocket binds, libzmq connects.
    Zocket,
    /// libzmq binds, zocket connects.
    Libzmq,
}

/// What every zocket socket can do.
pub trait Joins {
    /// Binds; the endpoint it really got.
    fn bind_to(&self, endpoint: &str) -> String;
    /// Connects.
    fn connect_to(&self, endpoint: &str);
    /// Waits for the one peer.
    fn wait_for_peer(&self);
}

macro_rules! joins {
    ($($socket:ident),*) => {$(
        impl Joins for $socket {
            fn bind_to(&self, endpoint: &str) -> String {
                self.bind(endpoint).expect("zocket binds").to_string()
            }

            fn connect_to(&self, endpoint: &str) {
                self.connect(endpoint).expect("zocket connects");
            }

            fn wait_for_peer(&self) {
                self.wait_for_peers(1, PATIENCE).expect("the two find each other");
            }
        }
    )*};
}

joins!(
    Pair, Pub, Sub, Req, Rep, Dealer, Router, Pull, Push, XPub, XSub, Socket
);

/// Joins the two, and returns the endpoint when they have shaken hands. The libzmq socket gives
/// up after [`PATIENCE`] from now on, so that a failed test ends.
///
/// # Panics
///
/// When they do not find each other.
pub fn join(
    scratch: &Scratch,
    transport: Transport,
    binder: Binder,
    zocket: &(impl Joins + ?Sized),
    libzmq: &libzmq::Socket,
) -> String {
    libzmq
        .set_timeout(PATIENCE)
        .expect("libzmq takes a timeout");
    let wanted = scratch.endpoint(transport);
    let endpoint = match binder {
        Binder::Zocket => {
            let endpoint = zocket.bind_to(&wanted);
            libzmq.connect(&endpoint).expect("libzmq connects");
            endpoint
        }
        Binder::Libzmq => {
            let endpoint = libzmq.bind(&wanted).expect("libzmq binds");
            zocket.connect_to(&endpoint);
            endpoint
        }
    };
    zocket.wait_for_peer();
    endpoint
}
