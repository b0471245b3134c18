//! zocket beside libzmq: what the interop tests and the side-by-side benchmark share.
//!
//! ```text
//!   tests/          one promise per file      bin/compare        the benchmark
//!     │                                         │
//!     ├── numbered  messages that tell what is lost, doubled, torn
//!     ├── scratch   endpoints nobody else has   ├── zocket       one side
//!     ├── join      either of the two binds     │
//!     └── helper    a libzmq in a process       └── libzmq       the other side
//!                   that may be killed                           (the only `unsafe`)
//! ```

pub mod helper;
pub mod join;
pub mod libzmq;
pub mod numbered;
pub mod scratch;

// The one gate: once the crate has its sockets, the feature `zocket-ready` makes this the crate
// itself. Then the stand-in, the feature and these lines can go, and `peers::zocket` in the
// tests becomes `zocket`.
#[cfg(feature = "zocket-ready")]
pub use ::zocket;
#[cfg(not(feature = "zocket-ready"))]
#[path = "stand_in.rs"]
pub mod zocket;
