//! The border between threads: batches one way, runs the other, crossed once per batch.
//!
//! A *pipe* joins one socket to one peer: a [`Writer`] in the socket's outbound half, a [`Reader`]
//! in its inbound half, and behind each a [`Lane`], the one-way border itself:
//!
//! ```text
//!   writer's thread            lane (one lock)                  taker's thread
//!
//!   tell ────────────► changes    │        │                    (goes first)
//!   admit ───────────► open batch │ credit │ taker_idle
//!                                 │        │ writer_waits
//!                      swapped out whole ────────────────────► take: works it off
//!   Full ◄──────────── queued = open + taken, not yet worked off ◄── returned with the next take
//! ```
//!
//! | lane | batch | writer | taker |
//! |---|---|---|---|
//! | outbound, tcp and ipc | [`Wire`](crate::zmtp::Wire): encoded bytes | outbound half | session |
//! | inbound, tcp and ipc | [`Runs`]: whose they are, and received bytes, checked | session | inbound half |
//! | inproc | [`Values`]: messages as they are, the short ones packed | outbound half | inbound half of the other socket |
//!
//! What may be queued is limited in messages and in bytes, and by what the [`Budget`] of the context
//! has left for all queues together. Room may be kept for a message to come ([`Lane::reserve`]); and somebody may wait for what was
//! written until now to be worked off ([`Lane::mark`]).
//!
//! Subscriptions ([`Change`]) have a way beside the batch, where no limit holds them up.
//!
//! A message so large that its copy is most of its cost is told to the taker as such
//! ([`News::Bulk`](crate::signal::News)): it may be moved on by the thread that has written it. So is that
//! a batch has become many messages ([`News::Ripe`](crate::signal::News)).
//!
//! Who owns which field, and when somebody is woken, is written at [`Lane`]. A lane does not know
//! who is on either side: it posts an opaque token to a [`Target`](crate::signal::Target).

mod budget;
mod changes;
mod credit;
mod lane;
mod mark;
mod reader;
mod run;
mod values;
mod writer;

#[cfg(all(test, loom))]
mod loom;

pub(crate) use budget::Budget;
pub(crate) use changes::Change;
pub(crate) use credit::{Limits, Load, Tally};
pub(crate) use lane::{Batch, Lane, Refusal, Room};
pub(crate) use reader::{Inlet, Intake, Reader, Reading};
pub(crate) use run::{Record, Runs};
pub(crate) use values::Values;
pub(crate) use writer::{Copies, Outlet, Writer};

/// The name of a pipe within its socket.
pub(crate) type PipeId = u64;
