//! Sending and receiving for tasks: the waiting loop of the halves, as futures.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::core::Core;
use crate::error::{RecvError, SendError};
use crate::message::Message;
use crate::waiting::Ticket;

/// Sends one message once there is room.
pub(super) struct SendFuture<'a> {
    core: &'a Core,
    message: Option<Message>,
    ticket: Option<Ticket>,
}

impl<'a> SendFuture<'a> {
    pub(super) fn new(core: &'a Core, message: Message) -> Self {
        Self {
            core,
            message: Some(message),
            ticket: None,
        }
    }
}

impl Future for SendFuture<'_> {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let outcome =
            std::task::ready!(this.core.poll_send(cx, &mut this.ticket, &mut this.message));
        Poll::Ready(
            outcome
                .map_err(|reason| SendError::new(this.message.take().unwrap_or_default(), reason)),
        )
    }
}

impl Drop for SendFuture<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.core.cancel_send(&ticket);
        }
    }
}

/// Receives one message once there is one.
pub(super) struct RecvFuture<'a> {
    core: &'a Core,
    ticket: Option<Ticket>,
}

impl<'a> RecvFuture<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { core, ticket: None }
    }
}

impl Future for RecvFuture<'_> {
    type Output = Result<Message, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.core.poll_recv(cx, &mut this.ticket)
    }
}

impl Drop for RecvFuture<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.core.cancel_recv(&ticket);
        }
    }
}
