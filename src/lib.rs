//! Brokerless pattern sockets in pure Rust.
#![forbid(unsafe_code)]

mod frame;
mod message;
mod routing_id;
mod socket_type;
#[allow(dead_code)]
mod zmtp;

pub use frame::Frame;
pub use message::{Frames, IntoFrames, Message};
pub use routing_id::{RoutingId, RoutingIdError};
pub use socket_type::{ParseSocketTypeError, SocketType};
