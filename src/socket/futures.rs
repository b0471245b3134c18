//! Sending and receiving for tasks: the waiting loop of the halves, as futures.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::core::Core;
use crate::error::{SendError, SendFailure};
use crate::message::Message;
use crate::waiting::Ticket;

/// Sends one message once there is room; `poll` is the form of sending, and takes it then.
pub(super) struct Sending<'a, F> {
    core: &'a Core,
    message: Option<Message>,
    ticket: Option<Ticket>,
    poll: F,
}

impl<'a, F> Sending<'a, F> {
    pub(super) fn new(core: &'a Core, message: Message, poll: F) -> Self {
        Self {
            core,
            message: Some(message),
            ticket: None,
            poll,
        }
    }
}

impl<T, F> Future for Sending<'_, F>
where
    F: FnMut(
            &Core,
            &Context<'_>,
            &mut Option<Ticket>,
            &mut Option<Message>,
        ) -> Poll<Result<T, SendFailure>>
        + Unpin,
{
    type Output = Result<T, SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut polled = (this.poll)(this.core, cx, &mut this.ticket, &mut this.message);
        if polled.is_pending() && this.core.is_orphan() {
            polled = (this.poll)(this.core, cx, &mut this.ticket, &mut this.message);
        }
        let outcome = std::task::ready!(polled);
        Poll::Ready(
            outcome
                .map_err(|reason| SendError::new(this.message.take().unwrap_or_default(), reason)),
        )
    }
}

impl<F> Drop for Sending<'_, F> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.core.cancel_send(&ticket);
        }
    }
}

/// Waits for anything else of a socket; `cancel` gives the place among those who wait for it up.
pub(super) struct Waiting<'a, F> {
    core: &'a Core,
    ticket: Option<Ticket>,
    cancel: fn(&Core, &Ticket),
    poll: F,
}

impl<'a, F> Waiting<'a, F> {
    pub(super) fn new(core: &'a Core, cancel: fn(&Core, &Ticket), poll: F) -> Self {
        Self {
            core,
            ticket: None,
            cancel,
            poll,
        }
    }

    /// Receives one message, or what comes with it, once there is one; `poll` is the form of it.
    pub(super) fn to_receive(core: &'a Core, poll: F) -> Self {
        Self::new(core, Core::cancel_recv, poll)
    }
}

impl<T, F> Future for Waiting<'_, F>
where
    F: FnMut(&Core, &Context<'_>, &mut Option<Ticket>) -> Poll<T> + Unpin,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        match (this.poll)(this.core, cx, &mut this.ticket) {
            Poll::Pending if this.core.is_orphan() => (this.poll)(this.core, cx, &mut this.ticket),
            polled => polled,
        }
    }
}

impl<F> Drop for Waiting<'_, F> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            (self.cancel)(self.core, &ticket);
        }
    }
}
