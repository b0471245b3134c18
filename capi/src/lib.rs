//! zocket as a C library: all that `zmq.h` declares, for programs that were written for libzmq.
//!
//! ```text
//!   C program
//!   ──────────────────────────────────────────────────────────────────────────────────────────
//!   border    no panic crosses it; every function's answer, and errno
//!     │
//!     ├─ context ─── socket ─┬─ send, receive   parts of messages, whole messages below
//!     │                      │   └─ aside        the parts between
//!     │                      ├─ options         by their numbers: what they are given, and take
//!     │                      ├─ security        those of them that say who one is, and keys
//!     │                      ├─ events          what can be done now; the descriptor that says it changed
//!     │                      └─ monitor         what happens to it, told by a PAIR
//!     ├─ poll, poller, proxy                    several at once
//!     ├─ message                                the 64 bytes that a program allocates for us
//!     └─ timers, stopwatch, threads, counter, z85, version
//!   ──────────────────────────────────────────────────────────────────────────────────────────
//!   handles   a number for each thing that a program holds      waiting   asleep until woken, or a signal
//!   errno     libzmq's numbers for our errors                   memory    what C hands us, and we it
//!   ──────────────────────────────────────────────────────────────────────────────────────────
//!   zocket
//! ```
//!
//! * **A handle is no pointer.** It is a number that says which place of a table it is, and which tenant
//!   of that place; a stale or a wrong one is found out without looking at any memory, and is `ENOTSOCK`
//!   or `EFAULT`.
//! * **A thing that is closed while somebody is inside** stays until he is out: each call holds a count.
//! * **Whoever waits sleeps in `poll`**, on a descriptor of his thread's own, or does the work of an I/O
//!   thread and waits in `epoll`: so a signal ends it with `EINTR`, as programs written for libzmq expect.
//! * **Parts become messages here**: zocket has whole messages only, so what `ZMQ_SNDMORE` has begun is
//!   kept until it is whole, and what has arrived whole is given out part by part.
//!
//! The rest of the library has no `unsafe`; here every block says why it may.
#![cfg(unix)]

mod aside;
mod border;
mod context;
mod counter;
mod errno;
mod events;
mod handles;
mod memory;
mod message;
mod monitor;
mod options;
mod poll;
mod poller;
mod proxy;
mod receive;
mod security;
mod send;
mod socket;
mod stopwatch;
mod threads;
mod timers;
mod version;
mod waiting;
mod z85;
