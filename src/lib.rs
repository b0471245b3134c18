//! Brokerless pattern sockets in pure Rust, at home in the ZeroMQ world.
//!
//! An application links `zocket`, sends on one side and receives on the other; there is no server
//! in the middle, no async runtime, no C and no `unsafe`. It speaks ZMTP 3.1, so the other side may
//! as well be a program that uses libzmq.
//!
//! ```
//! use zocket::{Pull, Push};
//!
//! fn main() -> Result<(), zocket::Error> {
//!     let pull = Pull::new();                          // on the process-wide default context
//!     let here = pull.bind("tcp://127.0.0.1:*")?;      // returns the endpoint it really got
//!     let push = Push::new();
//!     push.connect(&here)?;                            // returns at once; connecting, retrying happen behind
//!     push.send("hello")?;                             // queues; the I/O thread does the rest
//!     assert_eq!(pull.recv()?, "hello");
//!     Ok(())
//! }
//! ```
//!
//! # Sockets
//!
//! | type | sends | receives | talks to |
//! |---|---|---|---|
//! | [`Push`] | to the next peer with room | – | PULL |
//! | [`Pull`] | – | from every peer in turn | PUSH |
//! | [`Pub`] | to every peer that subscribed to it | – | SUB, XSUB |
//! | [`Sub`] | – | what it subscribed to, from every peer in turn | PUB, XPUB |
//! | [`XPub`] | as a PUB | subscriptions, and what XSUBs send | SUB, XSUB |
//! | [`XSub`] | subscriptions, and messages, to every peer | from every peer in turn | PUB, XPUB |
//! | [`Req`] | a request to the next peer with room | its reply | REP, ROUTER |
//! | [`Rep`] | the reply, to who asked | requests, from every peer in turn | REQ, DEALER |
//! | [`Dealer`] | to the next peer with room | from every peer in turn | REP, ROUTER, DEALER |
//! | [`Router`] | to the peer with the id given | from every peer in turn, and whose it is | REQ, DEALER, ROUTER |
//! | [`Pair`] | to its one peer | from its one peer | PAIR |
//!
//! [`Socket`] is any of them, where the type is known only when the program runs.
//!
//! A socket binds and connects to any number of endpoints, over tcp, ipc (Unix domain sockets) and
//! inproc (within a [`Context`]), all at once; see [`Endpoint`]. Every method takes `&self`, and
//! sockets are `Send + Sync`: share one by reference or in an `Arc`. A [`Message`] is whole or not
//! there; nobody looks inside.
//!
//! # Threads and tasks
//!
//! What waits comes in several forms, on one and the same socket. Those for tasks need no runtime:
//! they work on any executor, and say what becomes of them when they are dropped.
//!
//! | for threads | at most so long | not at all | for tasks | several at once |
//! |---|---|---|---|---|
//! | `send(m)` | `send_timeout(m, d)` | `try_send(m)` | `send_async(m)` | `send_many(queue)`, and its forms |
//! | `recv()`, `iter()` | `recv_timeout(d)` | `try_recv()` | `recv_async()` | `recv_many(queue, max)`, and its forms |
//! | `request(m)` | `request_timeout(m, d)` | | `request_async(m)` | |
//! | | `flush(d)` | | `flush_async()` | |
//! | `reserve()`, then `permit.send(m)` | `reserve_timeout(d)` | `try_reserve()` | `reserve_async()` | |
//! | | `flush(d)` | | `flush_async()` | |
//! | | `wait_for_peers(n, d)` | | `wait_for_peers_async(n)` | |
//! | `close()`, or a drop | | `detach()` | `close_async()` | |
//!
//! A [`Monitor`], which tells what happens to a socket, has the forms of `recv`.
//!
//! A [`Poller`] waits on many sockets, and on plain descriptors, at once; and each socket has a
//! descriptor ([`AsFd`](std::os::fd::AsFd)) that says to any other event loop whether it can receive.
//!
//! With the feature `futures` every socket that receives has a `stream()`, and every one that sends a
//! `sink()`.
//!
//! Any number of threads and tasks may use one socket at the same time, in whichever of these forms
//! they like. A future costs its memory while nothing happens, and no thread or timer. What several
//! of them can rely on:
//!
//! * **Whole messages.** Nobody's frames get between another's.
//! * **Each message is received once**, by one of those who receive on the socket; which one is left
//!   open.
//! * **Order is kept for each sender and peer.** What one thread or task sends, one call after the
//!   other, reaches a given peer in this order, and is taken from that peer's socket in this order.
//!   Where several receive there, each of them has its share in order, and which of them is done with
//!   its message first is their matter. Between different senders, and between different peers, there
//!   is no order but that of what happened: what is sent after another `send` has returned is behind
//!   that message wherever both go.
//! * **No wake-up is lost.** Who waits is woken in the order in which the waiting began, one for each
//!   message or each place (at a ROUTER, and at a publisher with
//!   [`nodrop`](Builder::nodrop), everybody, as each waits for peers of his own). Being woken is no
//!   claim: who calls just then may be faster, and who comes too late waits again, behind the others.
//!   So no order among the waiting is promised, only that none sleeps while there is something for
//!   it. A future that is polled again has its place at the end, too.
//! * **What is given up has not happened.** A call that timed out, and a future that was dropped
//!   before it was ready, has sent nothing and taken nothing, and passes on its wake-up if it had one.
//!   That makes every future safe in `select!` and under a timeout. (Of a `send_many` what was sent is
//!   not in its queue any more; a [`request`](Req::request) that is given up after it was sent ends its
//!   exchange; and what ends something goes on in the background.)
//! * **Nobody waits for who waits.** No lock is held while a call is blocked: `close`, `stats`,
//!   `peers`, `connect`, the `try_` forms and all other calls go on beside it, and
//!   [`close`](Push::close) and [`shutdown`](Context::shutdown) end it, with `Closed` and `Terminated`.
//! * **Some things take turns**: requests of several on one [`Req`], each until it has its reply.
//!   Requests that one [`Rep`] has received are independent of each other, whoever answers them.
//!
//! Wakers run on the thread that has the news: an I/O thread, or over inproc the one that sends or
//! receives at the other end. An executor's own only put a task on its list. On an I/O thread no call
//! of this library blocks, as it would wait for itself; nor in a waker that is run by the end of a
//! socket or a context.
//!
//! A thread that waits for a message may do the work of the I/O thread meanwhile, and write what it
//! sends by itself: time and again it is the only one that waits, and this spares both a hand-over. It
//! is an I/O thread as long as it waits: wakers and log records of other sockets may then run there.
//!
//! # Delivery
//!
//! A message arrives whole, in order and at most once, or not at all. What `Ok` says of a send, a flush
//! and a close, for each pattern and transport, and who may lose what: [`delivery`].
//!
//! # Logging
//!
//! Through the [`log`](https://docs.rs/log) facade, on the thread where it happens and with no lock
//! held, so that a logger may use sockets itself. Targets are the paths of modules, all of which begin
//! with `zocket`: `zocket=info` is a filter for all of it.
//!
//! | level | what for | examples |
//! |---|---|---|
//! | `error` | zocket cannot go on as it should, for a fault of its own, of the system, or of foreign code that it runs | polling for I/O fails; a waker panics |
//! | `warn` | something is lost, refused or given up, and somebody should know | messages left when a linger ended, or dropped with their peer; a peer that breaks the protocol or does not fit; no descriptor to accept with |
//! | `info` | a connection ended that nobody has ended on purpose | it broke, or its peer was silent for too long |
//! | `debug` | the course of things | bound, accepted, ready; an attempt to connect that failed, and when the next one follows |
//! | `trace` | nothing | |
//!
//! No record has anything of a message or a topic in it, nor a secret. It says how many messages and
//! bytes, at which endpoint, and with whom: addresses, routing ids, and the reason that a peer gives
//! when it refuses us. The same goes for what a [`Monitor`] tells. The log is for people: a program that
//! wants to act on what happens reads the monitor, [`stats`](Push::stats) and
//! [`endpoints`](Push::endpoints).
//!
//! # Features
//!
//! | | |
//! |---|---|
//! | `curve` | the CURVE mechanism, and module `curve` with its keys; needs Rust 1.89 |
//! | `futures` | `stream()`, `sink()`, and their owned forms: the traits of `futures-core` and `futures-sink`, on which it then depends |
//!
//! # Defaults that differ from libzmq's
//!
//! | | libzmq | here |
//! |---|---|---|
//! | linger | for ever | 5 s: dropping a socket waits in the dropping thread until what it sent is with the kernel (or the inproc peer), at most this long |
//! | handshake | 30 s | 10 s in all, 64 KiB for a command, 1024 pending per listener |
//! | heartbeat | off | a silent peer is asked after 10 s, and its connection ended after 30 s without an answer; a TTL of 30 s is announced; no silence counts that a high-water mark explains (see [`heartbeat_timeout`](Builder::heartbeat_timeout)) |
//! | reconnect | 100 ms, constant | 100 ms doubling to 10 s, full jitter; starts anew only after a connection that completed its handshake and lived as long as the first interval; protocol errors are retried too |
//! | subscriptions | unlimited | 1,000,000 topics and 64 MiB of them for one subscriber, 1 MiB for a topic |
//! | two peers with one routing id at a ROUTER | the second is ignored for ever | it is refused and its connection closed, which is logged; `handover` as in libzmq |
//! | a peer that goes with its reply | REQ waits for ever | `recv` says `PeerLost`, and the next request can be sent |
//! | a `zap_domain` without a ZAP handler | everybody is let in (with CURVE, and with NULL) | nobody is |
//! | largest message | unlimited, counted per frame | 256 MiB and 65,536 frames for the whole message |
//!
//! [`with_libzmq_defaults`](Builder::with_libzmq_defaults) sets libzmq's. Options are set by a
//! [`Builder`], read from a living socket and mostly changed there ([`SocketOptions`]); the repository's
//! `docs/options.md` has all of libzmq's, and what stands for each here.
//!
//! Sockets in statics are never dropped, and `process::exit` drops nothing: what they had queued is
//! lost then. Close them first.
//!
//! # How it is built
//!
//! ```text
//!    application thread                      │  border      │      I/O thread(s)
//!                                            │              │
//!    socket ──► routing ──► pipe writer ─────┼─► batch ─────┼─► session ──► transport   swap, write
//!                           (zmtp encoder)   │              │      │
//!    socket ◄── routing ◄── pipe reader ◄────┼── run ◄──────┼── session ◄── transport   read, scan, hand over
//!                           (zmtp cut)       │              │   (zmtp: handshake, scanner, commands)
//!    context, poller, proxy                  │   orders     │
//!    ────────────────────────────────────────┴──────────────┴──────────────────────────────────
//!    vocabulary: message, frame, endpoint, socket_type, routing_id, properties, peer_info, endpoint_status,
//!    monitor, handshake_fault, home, options, admission, network, stats, error, pool, sync, signal, waiting
//! ```
//!
//! * **The border between threads is crossed by batches, not by messages.** `send` encodes the
//!   message, on the thread that calls it, onto the end of its pipe's open batch; the I/O thread
//!   swaps the batch out and writes it whole. The other way round it reads, checks and counts, and
//!   hands the run over whole; `recv` cuts its message out on the thread that calls it.
//! * **A large message is written by whoever sends it**, if the connection's write half is free at that
//!   moment; the I/O thread goes on with what the system does not take. So its bytes are still in the
//!   cache, and the queue stays short. Its receiver reads it straight into memory of its own, in pieces.
//!   That memory, and what a large slice is copied into, was another's a moment ago: a small pool of the
//!   process.
//! * **A message is always whole**, in every queue: no class keeps track of being inside of one.
//! * **A socket sees pipes, never connections**; over inproc the other end of the pipe is another
//!   socket.
//! * **A pattern is a composition** of an outbound strategy, an inbound one and a framing rule.
//! * **Where there is nothing to choose, nobody is asked**: a socket that has one peer writes to its
//!   pipe with no lock but the pipe's own, for as long as the socket says so there.
//! * **What must not be lost to a full queue has a lane of its own** beside the batch: changes to the
//!   subscriptions. It goes out first, and a peer that comes anew is told the whole set instead.
//! * **A run names its peer.** The first record of each incarnation of a connection says whose it
//!   is, so an unread message never gets the name of who comes after, and knowing whom it is from
//!   costs nothing per message.
//! * **What a subscriber says is applied by the thread that brings it**: a publisher that nobody
//!   calls still knows who wants what.
//! * **What happens is told in the step that makes it so**: a monitor hears of everything in the order
//!   in which it happened, and whoever hears of it finds the socket as it says. Who does not read loses
//!   events, and holds nobody up.
//! * **Waiting is one mechanism**, for threads and tasks, for every call that waits, and for pollers and
//!   descriptors, which watch: a state behind a lock, and those who are to hear of it.
//! * **Whoever waits may take the turn** of the I/O thread: the reactor is handed from one to the other,
//!   and a word beside what it is told says who has it.
//! * **What waits is limited in messages and in bytes**, for each queue and for all of a context: one
//!   comparison more for each message, and what is shared is accounted for by the batch.
//! * **Every pipe keeps a tally**, and the socket adds up those of its pipes: what was accepted is
//!   written, queued or dropped; what arrived is returned, queued or discarded.
//!
//! Who may use whom: vocabulary ← zmtp ← pipe ← {mailbox, command, routing} ← {transport, inproc}
//! ← io ← context ← socket ← {poller, proxy}; no cycles. `zmtp` knows no socket, lock or clock
//! (its memory may come from the pool, as from any allocator); `pipe` does not know
//! who is on the other side; `io` knows no socket and no routing; the transports know no protocol.
//!
//! **Locks.** A half of a socket and a lane of a pipe have a lock each, held for an append, a cut or
//! a swap: no system call and no foreign code under them. (What a connection is written by has one under
//! which it is written, too: senders only try it, with no other lock held, and that of the lane comes
//! after it.) (What a monitor has yet to be told has a
//! lock, too, taken under that of control and with no other under it.) Whoever has news for a half
//! takes its lock (there is no queue of commands before it that could grow): the lock is free again
//! before any wake-up is fired. The order is control, outbound, inbound, ledger, lane, options; no half is
//! locked while another socket's is held. Whoever runs a reactor's turn has taken it
//! off its seat, and holds no lock for that. A poller's list comes before all of them: it looks at halves,
//! and they tell it of news with no lock held.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod socket;

mod admission;
pub mod auth;
mod command;
mod context;
#[cfg(feature = "curve")]
pub mod curve;
mod endpoint;
mod endpoint_status;
mod error;
mod frame;
mod handshake_fault;
mod home;
mod inproc;
mod io;
mod mailbox;
mod message;
mod monitor;
mod network;
mod options;
mod peer_info;
mod pipe;
mod poller;
mod pool;
mod properties;
mod proxy;
mod routing;
mod routing_id;
mod secret;
mod security;
mod signal;
mod socket_type;
mod stats;
mod sync;
mod transport;
mod waiting;
#[allow(dead_code)]
mod zmtp;

/// For readers only: the documentation has it, the library has not.
#[cfg(doc)]
pub mod delivery {
    #![doc = include_str!("../docs/delivery.md")]
}

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(feature = "_parts")]
#[doc(hidden)]
pub mod parts;

pub use auth::Authenticator;
pub use context::{Context, ContextBuilder};
pub use endpoint::{Endpoint, EndpointError, EndpointErrorKind, IntoEndpoint};
pub use endpoint_status::{EndpointState, EndpointStatus};
pub use error::{
    BindError, BuildError, ConnectError, DisconnectPeerError, Error, FlushError, FlushFailure,
    OptionError, PollError, RecvError, RequestError, ReserveError, SendError, SendFailure,
    SubscribeError, TryRecvError, TrySendError, UnbindError, Unsent, UnsentTo, WaitError,
};
pub use frame::Frame;
pub use handshake_fault::HandshakeFault;
pub use message::{Frames, IntoFrames, Message};
pub use monitor::{Eviction, HandshakeFailure, MonitorEvent};
pub use options::{ReconnectStop, RouterNotify, SlowSubscriber};
pub use peer_info::{PeerCredentials, PeerId, PeerInfo, PeerName};
pub use poller::{Event, Interest, Poller};
pub use proxy::{Proxy, ProxyHandle, ProxyStatistics, SideStatistics};
pub use routing_id::{RoutingId, RoutingIdError};
pub use security::Security;
pub use signal::{Bed, Slept};
pub use socket::{
    Asks, Builder, Conflates, Dealer, Deals, Events, Forwards, Greets, Identifies, Iter, Matches,
    Monitor, Pair, Permit, Pollable, Pub, Publishes, Pull, Push, Receives, Rep, Req, Request,
    Router, Routes, Sends, Socket, SocketKind, SocketOptions, Sub, Subscription, TellsUpstream,
    ToldUpstream, Upstream, Watching, XPub, XSub,
};
pub use socket_type::{ParseSocketTypeError, SocketType};
pub use stats::{Connections, Count, Discarded, Dropped, PeerStats, Stats};

/// And that of this page.
#[cfg(all(doctest, feature = "curve"))]
#[doc = include_str!("../docs/security.md")]
struct SecurityPage;

/// The README's example is compiled and run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
