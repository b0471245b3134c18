//! The I/O threads: bytes between pipes and streams, and everything that takes time.
//!
//! ```text
//!   thread    the I/O threads of a context: started and stopped, and what is known of one from inside
//!    └ setup       what each does for itself first
//!   reach     the reactors that a socket depends on, and how its calls wait for them
//!    └ handle      how everybody else reaches one
//!   turn      who runs the reactor's turn: the I/O thread, or a call that waits
//!    └ reactor     one turn: orders, events, what was posted, what was left over, timers
//!       ├ listener     a bound endpoint ─ accepts ─►  Accepted ─┐
//!       │   └ pending    who is in a handshake                  │
//!       ├ connecter    an endpoint connected to                 ├─ session   one live connection
//!       │   ├ resolve    names, on threads of their own         │   ├ write_half   who writes
//!       │   └ reconnect  how long to wait           ────────────┘   │   └ transmit   pipe → stream
//!       │                                                           └ receive      stream → pipe
//!       └ timers
//! ```
//!
//! A session moves, checks and counts bytes; it never builds or takes apart a message. It knows the
//! socket as a [`Port`](crate::command::Port) and its pipe's far ends as lanes. mio is
//! edge-triggered: whatever stops a read, a write or an accept early (a budget, a full pipe)
//! is remembered and goes on without a new event.
//!
//! What writes is a half of its own, which senders of large messages may use by themselves: see
//! [`write_half`].

mod connecter;
mod handle;
mod listener;
mod pending;
mod reach;
mod reactor;
mod receive;
mod reconnect;
pub(crate) mod resolve;
mod session;
mod setup;
mod thread;
mod timers;
mod transmit;
mod turn;
mod write_half;

use std::fmt;
use std::time::Instant;

pub(crate) use handle::Handle;
pub(crate) use reach::{Outlook, Reach};
pub(crate) use reactor::Order;
pub(crate) use session::PARTED;
pub(crate) use setup::ThreadSetup;
#[cfg(unix)]
pub(crate) use thread::serve_others;
pub(crate) use thread::{IoThreads, Serving, on_io_thread, patience};

use self::reactor::Kit;
use crate::command::Token;
use crate::transport::Stream;
use crate::waiting::{Half, Patience, Ready};

/// What mio knows the reactor's own waker by; tokens count up from 1 and never get there.
const WAKER: mio::Token = mio::Token(usize::MAX);

fn mio_token(token: Token) -> mio::Token {
    mio::Token(token as usize)
}

fn token_of(token: mio::Token) -> Token {
    token.0 as Token
}

/// Registers a stream for both directions: readiness that nobody waits for costs nothing.
fn register(kit: &mut Kit<'_>, stream: &mut Stream, token: Token) -> std::io::Result<()> {
    kit.registry.register(
        stream,
        mio_token(token),
        mio::Interest::READABLE | mio::Interest::WRITABLE,
    )
}

/// Opens once, for whoever waits.
pub(crate) struct Latch(Half<Open>);

struct Open(bool);

impl Ready for Open {
    fn ready(&self) -> bool {
        self.0
    }
}

impl Latch {
    pub(crate) fn new() -> Self {
        Self(Half::new(Open(false)))
    }

    pub(crate) fn open(&self) {
        self.0.update_for_all(|open, _| open.0 = true);
    }

    /// The same for a task.
    pub(crate) fn opened(&self) -> impl Future<Output = ()> + Send + '_ {
        self.0.wait_async(|open, _| open.0.then_some(()))
    }

    /// Waits for it to open; not on an I/O thread, which may be the one to open it.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        if !on_io_thread() {
            let patience = || deadline.map_or(Patience::Forever, Patience::Until);
            let _ = self.0.wait(patience, |open, _| open.0.then_some(()));
        }
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Latch({})", self.0.peek(|open| open.0))
    }
}
