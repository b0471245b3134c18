//! zocket beside libzmq: what the interop tests and the side-by-side benchmark share.
//!
//! ```text
//!   tests/          one promise per file      bin/compare        the benchmark
//!     │                                         │
//!     ├── numbered  messages that tell what is lost, doubled, torn
//!     ├── scratch   endpoints nobody else has   ├── zocket       one side
//!     ├── join      either of the two binds     │
//!     ├── meeting   every way in which they can │
//!     ├── end       either of the two, one face │
//!     ├── stage     libzmq in the middle        ├── libzmq       the other side
//!     ├── pyzmq     a libzmq that has CURVE,    └── sodium       one that has CURVE,
//!     │             in Python                                    loaded
//!     └── helper    a libzmq in a process
//!                   that may be killed          (`unsafe` only in libzmq and sodium)
//! ```

pub mod end;
pub mod helper;
pub mod join;
pub mod libzmq;
pub mod meeting;
pub mod numbered;
pub mod pyzmq;
pub mod scratch;
pub mod sodium;
pub mod stage;
