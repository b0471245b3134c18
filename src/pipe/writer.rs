//! The end of a pipe that a socket's outbound half writes to.

use std::sync::Arc;

use super::Load;
use super::lane::{Lane, Refusal};
use super::run::Values;
use crate::message::Message;
use crate::signal::{Target, Wakes};
use crate::zmtp::{Wire, encode};

/// The lane behind a writer: to a session, or straight to another socket.
#[derive(Clone, Debug)]
pub(crate) enum Outlet {
    Wire(Arc<Lane<Wire>>),
    Values(Arc<Lane<Values>>),
}

/// Writes whole messages into a pipe.
#[derive(Debug)]
pub(crate) struct Writer {
    outlet: Outlet,
}

impl Writer {
    pub(crate) fn new(outlet: Outlet) -> Self {
        Self { outlet }
    }

    /// Queues the message, or says why not.
    ///
    /// What was encoded stays behind in `message` for the caller to drop: freeing it may run
    /// foreign code, for which no lock may be held.
    #[inline]
    pub(crate) fn write(
        &mut self,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Result<(), Refusal> {
        let Some(whole) = message.as_ref() else {
            return Ok(());
        };
        let bytes = whole.byte_len();
        match &self.outlet {
            Outlet::Wire(lane) => lane
                .admit()?
                .append(bytes, wakes, |wire| encode(whole, wire)),
            Outlet::Values(lane) => lane
                .admit()?
                .append(bytes, wakes, |values| values.extend(message.take())),
        }
        Ok(())
    }

    pub(crate) fn end(&self, wakes: &mut Wakes) {
        match &self.outlet {
            Outlet::Wire(lane) => lane.end_writing(wakes),
            Outlet::Values(lane) => lane.end_writing(wakes),
        }
    }

    pub(crate) fn set_owner(&self, owner: Target, wakes: &mut Wakes) {
        match &self.outlet {
            Outlet::Wire(lane) => lane.set_writer(owner, wakes),
            Outlet::Values(lane) => lane.set_writer(owner, wakes),
        }
    }

    pub(crate) fn queued(&self) -> Load {
        match &self.outlet {
            Outlet::Wire(lane) => lane.queued(),
            Outlet::Values(lane) => lane.queued(),
        }
    }
}
