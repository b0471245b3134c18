//! Policies over pipe ends: which writer gets the next message, which reader gives it.
//!
//! Each is single-threaded; the lock of the half it lives in makes it so. They see pipe ends and
//! nothing behind them.
//!
//! * [`Active`]: pipe ends in one array, the usable ones first
//! * [`LoadBalancer`]: round robin over every writer with room
//! * [`FairQueue`]: round robin over every reader with something
//! * [`Table`]: to one peer, by its routing id
//! * [`Distributor`]: a copy to every subscriber who wants it, as [`Subscriptions`] say, which are
//!   kept in a [`trie`]
//! * [`Origins`]: how many topics subscribers from one address have together
//! * [`Shortcut`]: past a load balancer that has but one pipe
//! * [`Stall`]: what a peer of these two misses that has no room
//! * [`Upstream`]: a copy to every publisher; [`Interests`] are what they are told

mod active;
mod distributor;
mod fair_queue;
mod interests;
mod load_balancer;
mod origins;
mod shortcut;
mod stall;
mod subscriptions;
mod table;
mod trie;
mod upstream;

pub(crate) use active::{Active, ByPipe};
pub(crate) use distributor::{Distributor, Rules, TooMany};
pub(crate) use fair_queue::FairQueue;
pub(crate) use interests::Interests;
pub(crate) use load_balancer::LoadBalancer;
pub(crate) use origins::Origins;
pub(crate) use shortcut::Shortcut;
pub(crate) use stall::{Stall, StallNews};
pub(crate) use subscriptions::{Added, Removed, Subscriptions};
pub(crate) use table::{Registered, Table};
pub(crate) use upstream::{Sent, Upstream};
