//! Policies over pipe ends: which writer gets the next message, which reader gives it.
//!
//! Each is single-threaded; the lock of the half it lives in makes it so. They see pipe ends and
//! nothing behind them.
//!
//! * [`Active`]: pipe ends in one array, the usable ones first
//! * [`LoadBalancer`]: round robin over every writer with room
//! * [`FairQueue`]: round robin over every reader with something

mod active;
mod fair_queue;
mod load_balancer;

pub(crate) use active::Active;
pub(crate) use fair_queue::FairQueue;
pub(crate) use load_balancer::LoadBalancer;
