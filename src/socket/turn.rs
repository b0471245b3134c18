//! Whose turn it is: requests of several threads and tasks follow one another on a REQ.

use std::task::{Context, Poll};

use crate::waiting::{Half, Patience, Ready, Ticket, TimedOut};

/// One place, for one at a time.
#[derive(Debug)]
pub(super) struct Turn(Half<Place>);

#[derive(Debug)]
struct Place {
    taken: bool,
}

impl Ready for Place {
    fn ready(&self) -> bool {
        !self.taken
    }
}

/// The place is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Taken<'a>(&'a Turn);

impl Turn {
    pub(super) fn new() -> Self {
        Self(Half::new(Place { taken: false }))
    }

    pub(super) fn take(&self, patience: impl FnOnce() -> Patience) -> Result<Taken<'_>, TimedOut> {
        self.0.wait(patience, |place, _| place.take())?;
        Ok(Taken(self))
    }

    pub(super) fn take_async(&self) -> impl Future<Output = Taken<'_>> + Send {
        Taking {
            turn: self,
            ticket: None,
        }
    }
}

impl Place {
    fn take(&mut self) -> Option<()> {
        (!std::mem::replace(&mut self.taken, true)).then_some(())
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.0.update(|place, _| place.taken = false);
    }
}

struct Taking<'a> {
    turn: &'a Turn,
    ticket: Option<Ticket>,
}

impl<'a> Future for Taking<'a> {
    type Output = Taken<'a>;

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Taken<'a>> {
        let this = self.get_mut();
        let turn = this.turn;
        turn.0
            .poll(cx, &mut this.ticket, |place, _| place.take())
            .map(|()| Taken(turn))
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.turn.0.cancel(&ticket);
        }
    }
}
