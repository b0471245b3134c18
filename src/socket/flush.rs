//! Waiting until what was sent has been handed over: to the kernel, or to the inproc peer.
//!
//! A flush notes how far each pipe had come when it began, and then waits for one pipe after the
//! other to get there. Only that one pipe has a [mark](crate::pipe::Lane::mark), so who sends pays
//! nothing for those who might flush, and what is sent later is not waited for.

use std::sync::Weak;

use super::core::{Control, Core};
use super::directory::Key;
use super::halves::Ended;
use crate::error::{FlushError, FlushFailure, Unsent};
use crate::pipe::{Load, Outlet, PipeId};
use crate::signal::{Post, Wakes};
use crate::waiting::Patience;

/// What of one pipe was sent when the flush began.
#[derive(Debug)]
struct Place {
    pipe: PipeId,
    outlet: Outlet,
    /// All that had been let in.
    position: Load,
}

/// The pipes that are waited for.
#[derive(Debug)]
struct Places {
    left: Vec<Place>,
    waiter: Weak<dyn Post>,
}

impl Places {
    /// `None` while something is still to be handed over.
    fn look(&mut self, control: &Control, wakes: &mut Wakes) -> Option<Result<(), FlushFailure>> {
        while let Some(next) = self.left.last() {
            let left = next
                .outlet
                .mark(next.position, &self.waiter, next.pipe, wakes);
            if !left.is_none() {
                let ended = control.check_open().err()?;
                return Some(Err(ended.into()));
            }
            self.left.pop();
        }
        Some(Ok(()))
    }

    /// What is not handed over, and where it was to go.
    fn unsent(&self, core: &Core) -> Unsent {
        // Only one pipe was looked at closely: what the others have taken may not be told yet.
        let mut wakes = Wakes::new();
        for place in &self.left {
            place.outlet.hurry(&mut wakes);
        }
        wakes.fire();
        let mut unsent = Unsent::default();
        core.control.peek(|control| {
            for place in &self.left {
                let left = place.outlet.tally().left_before(place.position);
                unsent.add(control.name_of(place.pipe), left);
            }
        });
        unsent
    }
}

impl Control {
    /// The endpoint that a pipe is connected to, or the address of who is at its other end.
    fn name_of(&self, pipe: PipeId) -> String {
        let connected = self.endpoints.get(Key::Pipe(pipe));
        match (connected, self.peers.get(&pipe)) {
            (Some(entry), _) => entry.status.endpoint.to_string(),
            (None, Some(peer)) => peer.address().to_owned(),
            (None, None) => "an endpoint that was let go of".to_owned(),
        }
    }
}

impl Core {
    /// Where all pipes stand now.
    fn places(&self) -> Places {
        let left = (self.ledger.lock().unsent())
            .map(|(pipe, outlet, tally)| Place {
                pipe,
                outlet: outlet.clone(),
                position: tally.let_in(),
            })
            .collect();
        Places {
            left,
            waiter: self.me.clone(),
        }
    }

    /// What the I/O threads have yet to write. (Over inproc, what is in a pipe is the peer's.)
    pub(super) fn left_with_threads(&self) -> Unsent {
        let mut places = self.places();
        (places.left).retain(|place| matches!(place.outlet, Outlet::Wire(_)));
        places.unsent(self)
    }

    /// Waits until all that was sent before is handed over.
    pub(super) fn flush(&self, patience: impl FnOnce() -> Patience) -> Result<(), FlushError> {
        let mut places = self.begin_flush()?;
        let outcome = self
            .control
            .wait(patience, |control, wakes| places.look(control, wakes))
            .unwrap_or(Err(FlushFailure::Timeout));
        self.end_flush(&places, outcome)
    }

    /// The same for tasks; what is sent before this is called counts, not before it is polled.
    pub(super) fn flush_async(&self) -> impl Future<Output = Result<(), FlushError>> + Send + '_ {
        let begun = self.begin_flush();
        async move {
            let mut places = begun?;
            let look = |control: &mut Control, wakes: &mut Wakes| places.look(control, wakes);
            let outcome = self.control.wait_async(look).await;
            self.end_flush(&places, outcome)
        }
    }

    fn begin_flush(&self) -> Result<Places, FlushError> {
        let places = self.places();
        let open = self.check_open().map_err(|ended: Ended| FlushError {
            unsent: places.unsent(self),
            reason: ended.into(),
        });
        open.map(|()| places)
    }

    fn end_flush(
        &self,
        places: &Places,
        outcome: Result<(), FlushFailure>,
    ) -> Result<(), FlushError> {
        let Err(reason) = outcome else {
            return Ok(());
        };
        // The last may have gone while it was given up.
        match places.unsent(self) {
            unsent if unsent.messages == 0 => Ok(()),
            unsent => Err(FlushError { unsent, reason }),
        }
    }
}

macro_rules! flushing {
    ($name:ident) => {
        impl $name {
            /// Waits until everything that was sent before has been handed over: to the kernel, or
            /// over inproc to the application that receives from the other socket.
            ///
            /// What is sent meanwhile, by other threads, is not waited for. What waits for a peer
            /// that is not there yet is; what was dropped with its peer, or replaced (`conflate`),
            /// is not, and is counted in `stats()`. Nor are subscriptions. That the kernel has a
            /// message does not say that the peer has it. On an I/O thread (in a waker, say) it
            /// does not wait.
            ///
            /// # Errors
            ///
            /// [`FlushError`](crate::FlushError): how much is not handed over, and to whom, when
            /// `timeout` has run out, or the socket is closed, or its context shut down.
            pub fn flush(&self, timeout: std::time::Duration) -> Result<(), $crate::FlushError> {
                self.core.flush(|| self.core.patience(Some(timeout)))
            }

            /// As [`flush`](Self::flush), for tasks: the future waits as long as it takes, on any
            /// executor.
            ///
            /// What was sent before this call counts, whenever the future is polled.
            ///
            /// # Cancel safety
            ///
            /// A flush changes nothing: it may be dropped at any time.
            ///
            /// # Errors
            ///
            /// [`FlushError`](crate::FlushError): the socket is closed, or its context shut down;
            /// and how much is not handed over.
            pub fn flush_async(
                &self,
            ) -> impl Future<Output = Result<(), $crate::FlushError>> + Send + '_ {
                self.core.flush_async()
            }
        }
    };
}
