//! Room for one message, found before there is the message.
//!
//! A permit is a place kept on one pipe, counted against its limit beside what is queued there. It
//! is nothing that a close waits for, or that is counted as sent.
//!
//! REQ has none: whether a request may be sent is a matter of the exchange that is under way when it
//! is, which no place on a pipe can promise. REP has none, as a reply never waits.

use std::fmt;

use super::core::Core;
use super::halves::{Outbound, Writers};
use crate::error::{ReserveError, SendError, SendFailure};
use crate::message::Message;
use crate::pipe::{Load, PipeId, Refusal};
use crate::routing_id::RoutingId;
use crate::signal::Wakes;
use crate::socket_type::SocketType;
use crate::waiting::Patience;

/// Leave to send one message, for which there is room; given by a socket's `reserve()` and its like.
///
/// To drop it gives the room back, and whoever waits for some is woken. A permit that is not used
/// holds up nobody who closes the socket.
///
/// ```
/// use zocket::{Pull, Push};
///
/// # fn main() -> Result<(), zocket::Error> {
/// let pull = Pull::new();
/// pull.bind("inproc://permit-example")?;
/// let push = Push::new();
/// push.connect("inproc://permit-example")?;
///
/// let permit = push.reserve()?; // nothing is made before there is somebody to take it
/// permit.send("made just in time")?;
/// assert_eq!(pull.recv()?, "made just in time");
/// # Ok(())
/// # }
/// ```
#[must_use = "a permit that is dropped gives its room back"]
pub struct Permit<'a> {
    core: &'a Core,
    slot: Option<Slot>,
}

/// Where room is kept.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// Nowhere: who has no room misses the message.
    None,
    /// At the peer whose turn it was.
    Next(PipeId),
    /// At the peer that had this name.
    Named(PipeId, RoutingId),
    /// At every subscriber.
    Each(Vec<PipeId>),
}

impl<'a> Permit<'a> {
    fn new(core: &'a Core, slot: Slot) -> Self {
        Self {
            core,
            slot: Some(slot),
        }
    }

    /// Sends the message; never waits, and never fails for want of room.
    ///
    /// Where the peer that kept room for it is gone meanwhile, another takes the message, beyond its
    /// high-water mark if need be.
    ///
    /// # Errors
    ///
    /// [`SendError`] hands the message back: the socket is closed, its context shut down, or there
    /// is no peer at all any more (`NoPeer`; at a ROUTER `Unroutable`, if nobody has the id).
    pub fn send(mut self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = message.into();
        let Some(slot) = self.slot.take() else {
            // Only this and `drop` take it.
            return Err(SendError::new(message, SendFailure::NoPeer));
        };
        self.core
            .send_reserved(&slot, message)
            .map_err(|(message, reason)| SendError::new(message, reason))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.core.release(&slot);
        }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({:?})", self.core)
    }
}

impl Core {
    /// Keeps room for one message, waiting for some as long as `patience` says.
    pub(super) fn reserve(
        &self,
        patience: impl FnOnce() -> Patience,
    ) -> Result<Permit<'_>, ReserveError> {
        self.check_reserves()?;
        self.reserve_by(patience, Outbound::reserve)
    }

    /// The raw form is of every type, also of those for which no place can be kept.
    fn check_reserves(&self) -> Result<(), ReserveError> {
        match self.type_of() {
            SocketType::Req | SocketType::Rep | SocketType::Sub => Err(ReserveError::Unroutable),
            any if !any.sends() => Err(ReserveError::Unroutable),
            _ => Ok(()),
        }
    }

    /// The same at the peer with this id.
    pub(super) fn reserve_to(
        &self,
        id: &RoutingId,
        patience: impl FnOnce() -> Patience,
    ) -> Result<Permit<'_>, ReserveError> {
        self.reserve_by(patience, |half, wakes| half.reserve_to(id, wakes))
    }

    fn reserve_by(
        &self,
        patience: impl FnOnce() -> Patience,
        mut attempt: impl FnMut(&mut Outbound, &mut Wakes) -> Option<Result<Slot, ReserveError>>,
    ) -> Result<Permit<'_>, ReserveError> {
        self.outbound
            .wait(patience, |half, wakes| attempt(half, wakes))
            .unwrap_or(Err(ReserveError::Timeout))
            .map(|slot| Permit::new(self, slot))
    }

    /// Keeps room for a task.
    pub(super) async fn reserve_async(&self) -> Result<Permit<'_>, ReserveError> {
        self.check_reserves()?;
        let slot = self.outbound.wait_async(Outbound::reserve).await;
        slot.map(|slot| Permit::new(self, slot))
    }

    pub(super) async fn reserve_to_async(&self, id: RoutingId) -> Result<Permit<'_>, ReserveError> {
        let attempt = |half: &mut Outbound, wakes: &mut Wakes| half.reserve_to(&id, wakes);
        let slot = self.outbound.wait_async(attempt).await;
        slot.map(|slot| Permit::new(self, slot))
    }

    fn send_reserved(&self, slot: &Slot, message: Message) -> Result<(), (Message, SendFailure)> {
        if self.type_of() == SocketType::XSub {
            return self.send_upstream(message, || Patience::None);
        }
        let mut message = Some(message);
        let outcome = self
            .outbound
            .attempt(|half, wakes| half.send_reserved(slot, &mut message, wakes));
        let outcome = outcome.unwrap_or(Err(SendFailure::NoPeer));
        outcome.map_err(|failure| (message.unwrap_or_default(), failure))
    }

    fn release(&self, slot: &Slot) {
        self.outbound.attempt(|half, wakes| {
            match (&half.writers, slot) {
                (Writers::Balance(writers), Slot::Next(pipe)) => writers.release(*pipe, wakes),
                (Writers::Table(writers), Slot::Named(pipe, _)) => writers.release(*pipe, wakes),
                (Writers::Distributor(writers), Slot::Each(pipes)) => {
                    writers.release(pipes, wakes);
                }
                _ => {}
            }
            Some(())
        });
    }
}

impl Outbound {
    /// Keeps room for one message; `None` if that has to be waited for.
    fn reserve(&mut self, wakes: &mut Wakes) -> Option<Result<Slot, ReserveError>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended.into()));
        }
        Some(match &mut self.writers {
            Writers::Balance(writers) => Ok(Slot::Next(writers.reserve(wakes)?)),
            Writers::Distributor(writers) => Ok(Slot::Each(writers.reserve(wakes)?)),
            Writers::Upstream(_) => Ok(Slot::None),
            // These are sent to by name.
            Writers::Table(_) => Err(ReserveError::Unroutable),
        })
    }

    /// Keeps room for one message at the peer with this id; `None` if that has to be waited for.
    fn reserve_to(
        &mut self,
        id: &RoutingId,
        wakes: &mut Wakes,
    ) -> Option<Result<Slot, ReserveError>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended.into()));
        }
        let Writers::Table(table) = &mut self.writers else {
            return Some(Err(ReserveError::Unroutable));
        };
        match table.reserve(id, wakes) {
            Some(Ok(pipe)) => Some(Ok(Slot::Named(pipe, id.clone()))),
            Some(Err(Refusal::Full)) => None,
            Some(Err(Refusal::Ended)) | None => Some(Err(ReserveError::Unroutable)),
        }
    }

    /// Gives a message to whom it is for, into the room that was kept for it. `None` if nobody is
    /// there.
    fn send_reserved(
        &mut self,
        slot: &Slot,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<Result<(), SendFailure>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended.into()));
        }
        let bytes = message.as_ref().map_or(0, Message::byte_len);
        match (&mut self.writers, slot) {
            (Writers::Balance(writers), Slot::Next(pipe)) => {
                writers.send_reserved(*pipe, message, wakes)?;
                self.accepted += Load { messages: 1, bytes };
            }
            (Writers::Table(writers), Slot::Named(pipe, id)) => {
                if writers.send_reserved(*pipe, id, message, wakes).is_none() {
                    return Some(Err(SendFailure::Unroutable));
                }
                self.accepted += Load { messages: 1, bytes };
            }
            (Writers::Distributor(writers), Slot::Each(pipes)) => {
                let sent = writers.send_reserved(pipes, message, wakes);
                self.count_copies(sent, bytes, wakes);
            }
            _ => return self.send(message, wakes),
        }
        Some(Ok(()))
    }
}

// Tasks may take one along to another thread.
const _: fn() = || {
    fn assert<T: Send + fmt::Debug>() {}
    assert::<Permit<'_>>();
};

macro_rules! reserving {
    ($name:ident $how:literal) => {
        impl $name {
            #[doc = $how]
            ///
            /// Where it waits, it does so as `send` does: for ever, or as long as the socket's
            /// [`send_timeout`](crate::Builder::send_timeout) says; on an I/O thread not at all.
            ///
            /// # Errors
            ///
            /// [`ReserveError`](crate::ReserveError): the time allowed ran out, or the socket is
            /// closed, or its context shut down.
            pub fn reserve(&self) -> Result<$crate::Permit<'_>, $crate::ReserveError> {
                self.core.reserve(|| self.core.send_patience())
            }

            /// As [`reserve`](Self::reserve), but waits for at most `timeout`.
            ///
            /// # Errors
            ///
            /// As [`reserve`](Self::reserve).
            pub fn reserve_timeout(
                &self,
                timeout: std::time::Duration,
            ) -> Result<$crate::Permit<'_>, $crate::ReserveError> {
                self.core.reserve(|| self.core.patience(Some(timeout)))
            }

            /// As [`reserve`](Self::reserve), but never waits.
            ///
            /// # Errors
            ///
            /// As [`reserve`](Self::reserve), where no room is `Full`.
            pub fn try_reserve(&self) -> Result<$crate::Permit<'_>, $crate::ReserveError> {
                self.core
                    .reserve(|| $crate::waiting::Patience::None)
                    .map_err($crate::ReserveError::at_once)
            }

            /// As [`reserve`](Self::reserve), for tasks: the future waits for room, on any executor.
            ///
            /// The socket's `send_timeout` does not apply; use the executor's own.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready keeps no room, and if it had been woken,
            /// the next one that waits is woken in its place.
            ///
            /// # Errors
            ///
            /// [`ReserveError`](crate::ReserveError): the socket is closed, or its context shut down.
            pub fn reserve_async(
                &self,
            ) -> impl Future<Output = Result<$crate::Permit<'_>, $crate::ReserveError>> + Send {
                self.core.reserve_async()
            }
        }
    };
}
