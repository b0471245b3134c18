//! The sockets: one type for each pattern, over one core.
//!
//! ```text
//!   Push  Pull  Pair          what the pattern can do, and nothing else
//!     └────┴────┴── Core ──┬─ outbound half   load balancer over writers    ─┐
//!          (Pattern says   ├─ inbound half    fair queue over readers       ─┼─ pipes
//!           which are used)└─ control         endpoints, peers, the end
//! ```

mod builder;
#[macro_use]
mod control;
mod core;
mod endpoints;
mod futures;
#[cfg(all(test, loom))]
mod loom;
mod pair;
mod pattern;
mod pull;
mod push;

pub use builder::Builder;
pub use control::Iter;
pub use pair::Pair;
pub use pull::Pull;
pub use push::Push;

pub(crate) use pattern::Pattern;

/// What the builder and the shared methods need of every socket type.
///
/// Sealed: implemented by the sockets of this crate only.
pub trait SocketKind: sealed::Sealed + Sized {}

/// Socket types that send.
pub trait Sends: SocketKind {}

/// Socket types that receive.
pub trait Receives: SocketKind {}

pub(crate) mod sealed {
    use std::sync::Arc;

    use super::core::Core;
    use super::pattern::Pattern;

    #[expect(unnameable_types, reason = "this is what seals the trait")]
    pub trait Sealed {
        #[doc(hidden)]
        const PATTERN: PatternToken;

        #[doc(hidden)]
        fn from_core(core: CoreToken) -> Self;
    }

    /// Keeps private types out of the public trait.
    #[derive(Debug)]
    pub struct PatternToken(pub(crate) Pattern);

    #[derive(Debug)]
    pub struct CoreToken(pub(in crate::socket) Arc<Core>);
}
