//! What a proxy needs to know of a socket before it takes a message off another: whether there is
//! room for one, and whether the socket is still there.

use std::task::{Context, Poll};

use super::core::Core;
use super::halves::{Intake, Outbound, Writers};
use crate::error::SendFailure;
use crate::socket_type::SocketType;
use crate::waiting::Ticket;

impl Core {
    /// Ready once a raw message could be sent without waiting, as far as that can be told before it
    /// is known which: where room is a matter of whom it is for (*mandatory*, *nodrop*) it cannot.
    ///
    /// Where the pattern does not allow sending now it is pending, and nobody is woken when that
    /// changes: it changes by what the caller does next.
    pub(crate) fn poll_room(
        &self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<(), SendFailure>> {
        match self.type_of() {
            SocketType::Rep if !self.owes_reply() => match self.check_open() {
                Ok(()) => Poll::Pending,
                Err(ended) => Poll::Ready(Err(ended.into())),
            },
            SocketType::Req => self.outbound.poll(cx, ticket, |half, _| {
                let asked = self.inbound.peek(
                    |inb| matches!(&inb.intake, Intake::Exchange(exchange) if exchange.asked().is_some()),
                );
                if asked && !self.options.relaxed && half.ended.is_none() {
                    return None;
                }
                half.look_for_room()
            }),
            _ => self
                .outbound
                .poll(cx, ticket, |half, _| half.look_for_room()),
        }
    }

    /// Ready once the socket is closed or its context shut down.
    pub(crate) fn poll_end(&self, cx: &Context<'_>, ticket: &mut Option<Ticket>) -> Poll<()> {
        self.control.poll(cx, ticket, |control, _| {
            control.check_open().is_err().then_some(())
        })
    }

    pub(crate) fn cancel_end(&self, ticket: &Ticket) {
        self.control.cancel(ticket);
    }
}

impl Outbound {
    /// What [`send`](Self::send) would say to a message; `None` if that had to wait for room.
    fn look_for_room(&mut self) -> Option<Result<(), SendFailure>> {
        if let Err(ended) = self.check_open() {
            return Some(Err(ended));
        }
        match &mut self.writers {
            Writers::Balance(writers) => writers.look_for_room().then_some(Ok(())),
            Writers::Table(_) | Writers::Distributor(_) | Writers::Upstream(_) => Some(Ok(())),
        }
    }
}
