//! The sockets: one type for each pattern, over one core.
//!
//! ```text
//!   Push Pull Pair Dealer Router Req Rep Pub XPub Sub XSub        what the pattern can do, and
//!     └────┴────┴─────┴──┬──┴─────┴───┴───┴───┴────┴───┘          nothing else
//!   Socket (raw) ────── Core ──┬─ outbound half   load balancer, table, distributor or upstream ─┐
//!                 (Pattern says├─ inbound half    fair queue; with an exchange, a filter, events ─┼─ pipes
//!                  which)      ├─ control         endpoints, peers, the end; feeds ──► monitors  │
//!                              └─ ledger          what became of everything in the pipes ────────┘
//! ```
//!
//! * `core`: sending and receiving in every form; `endpoints`: where pipes come from, `directory`: how
//!   one is found, `pipes`: how they are made and taken out, `peers`: who is at their other ends,
//!   `topics`: what those subscribe to; `port`: how a socket hears of all that, `monitoring`: how it
//!   tells of it; `notices`: what it tells of peers by messages; `ending`: how it ends; `ledger`: what is counted; `options`: all that can be
//!   set, `live`: what changing it does;
//!   `authentication`: who decides about peers, `zap`: how a handler is asked.
//! * `halves`: the two halves; what a pattern adds to them is in `exchange` (REQ, REP) and
//!   `publishing` (PUB, XPUB).
//! * `permit`, `flush`, `from_peer`, `many`: more forms, a file each: room for a message to come,
//!   waiting until what was sent has left, whom a message is from, and several at once.
//! * `futures`: how a task waits; `tasks`: the forms for tasks of what waits for no message; `streams`:
//!   sockets as streams and sinks.
//! * one file for each type, most of them a few lines, with what they share in `control`, `sending` and
//!   `receiving`; `raw` is the form in which [`Socket`] speaks,
//!   `relay` what a [`Proxy`](crate::Proxy) asks of it.
//! * `watching`: who is told when something can be received or sent; `readiness`: the same for others than
//!   pollers, by a waker; `descriptor`: the file descriptor that says so, `bell`: how it is kept true.

#[cfg(any(all(unix, not(loom)), all(test, loom)))]
mod bell;
mod builder;
#[macro_use]
mod streams;
#[macro_use]
mod sending;
#[macro_use]
mod receiving;
#[macro_use]
mod many;
#[macro_use]
mod tasks;
#[macro_use]
mod from_peer;
#[macro_use]
mod flush;
#[macro_use]
mod permit;
#[macro_use]
mod control;
#[macro_use]
mod topics;
mod authentication;
mod core;
mod dealer;
#[cfg(all(unix, not(loom)))]
mod descriptor;
mod directory;
mod dynamic;
mod ending;
mod endpoints;
mod exchange;
mod futures;
mod halves;
mod ledger;
mod live;
#[cfg(all(test, loom))]
mod loom;
mod monitoring;
mod notices;
mod options;
mod owner;
mod pair;
mod pattern;
mod peers;
mod pipes;
mod port;
mod publisher;
mod publishing;
mod pull;
mod push;
mod raw;
mod readiness;
mod relay;
mod rep;
mod req;
mod router;
mod sub;
#[cfg(all(test, not(loom)))]
mod tests;
mod turn;
mod watching;
mod xpub;
mod xsub;
mod zap;

pub use builder::Builder;
pub use dealer::Dealer;
pub use dynamic::Socket;
pub use monitoring::{Events, Monitor};
pub use options::SocketOptions;
pub use pair::Pair;
pub use permit::Permit;
pub use publisher::Pub;
pub use pull::Pull;
pub use push::Push;
pub use readiness::Watching;
pub use receiving::Iter;
pub use rep::{Rep, Request};
pub use req::Req;
pub use router::Router;
pub use sub::Sub;
pub use xpub::{Subscription, Upstream, XPub};
pub use xsub::XSub;

pub(crate) use core::Core;
use owner::Owner;
pub(crate) use pattern::Pattern;

/// What the builder and the shared methods need of every socket type.
///
/// Sealed: implemented by the sockets of this crate only.
pub trait SocketKind: sealed::Sealed + Sized {}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $($socket:ident)*;)*) => {$(
        $(#[$doc])*
        pub trait $kind: SocketKind {}
        $(impl $kind for $socket {})*
        // It has every option; what does not apply to its type is refused.
        impl $kind for Socket {}
    )*};
}

kinds! {
    /// Socket types that send.
    Sends: Req Rep Dealer Router Pub XPub XSub Push Pair;
    /// Socket types that receive.
    Receives: Req Rep Dealer Router XPub Sub XSub Pull Pair;
    /// Socket types that have a routing id to tell a ROUTER.
    Identifies: Req Dealer Router;
    /// Socket types that can do with the newest message only.
    Conflates: Push Pull Pub Sub Dealer;
    /// ROUTER.
    Routes: Router;
    /// DEALER and ROUTER.
    Greets: Dealer Router;
    /// DEALER.
    Deals: Dealer;
    /// REQ.
    Asks: Req;
    /// PUB and XPUB.
    Publishes: Pub XPub;
    /// Socket types that match topics.
    Matches: Pub XPub Sub;
    /// XPUB.
    TellsUpstream: XPub;
    /// XPUB and XSUB.
    Forwards: XPub XSub;
    /// XSUB.
    ToldUpstream: XSub;
}

/// What a [`Poller`](crate::Poller) can wait for: every socket, also behind a reference or an `Arc`.
///
/// Sealed: implemented by the sockets of this crate only.
pub trait Pollable: sealed::Watched {}

impl<T: Pollable + ?Sized> Pollable for &T {}

impl<T: Pollable + ?Sized> Pollable for std::sync::Arc<T> {}

pub(crate) mod sealed {
    use std::sync::Arc;

    use super::{Core, Owner};

    #[expect(unnameable_types, reason = "this is what seals the trait")]
    pub trait Sealed {
        #[doc(hidden)]
        fn from_core(core: CoreToken) -> Self;
    }

    /// Keeps private types out of the public trait.
    #[derive(Debug)]
    pub struct CoreToken(pub(in crate::socket) Owner);

    #[expect(unnameable_types, reason = "this is what seals the trait")]
    pub trait Watched {
        #[doc(hidden)]
        fn core_of(&self) -> CoreRef<'_>;
    }

    impl<T: Watched + ?Sized> Watched for &T {
        fn core_of(&self) -> CoreRef<'_> {
            (**self).core_of()
        }
    }

    impl<T: Watched + ?Sized> Watched for Arc<T> {
        fn core_of(&self) -> CoreRef<'_> {
            (**self).core_of()
        }
    }

    /// Keeps private types out of the public trait.
    #[derive(Debug)]
    pub struct CoreRef<'a>(pub(crate) &'a Arc<Core>);
}
