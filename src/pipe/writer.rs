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

    /// Queues the message, or gives it back with the reason why not.
    #[inline]
    pub(crate) fn write(
        &mut self,
        message: Message,
        wakes: &mut Wakes,
    ) -> Result<(), (Message, Refusal)> {
        match &self.outlet {
            Outlet::Wire(lane) => match lane.admit() {
                Ok(admission) => {
                    admission.append(message.byte_len(), wakes, |wire| encode(&message, wire));
                    Ok(())
                }
                Err(refusal) => Err((message, refusal)),
            },
            Outlet::Values(lane) => match lane.admit() {
                Ok(admission) => {
                    admission.append(message.byte_len(), wakes, |values| {
                        values.push_back(message)
                    });
                    Ok(())
                }
                Err(refusal) => Err((message, refusal)),
            },
        }
    }

    pub(crate) fn end(&self, wakes: &mut Wakes) {
        match &self.outlet {
            Outlet::Wire(lane) => lane.end_writing(wakes),
            Outlet::Values(lane) => lane.end_writing(wakes),
        }
    }

    pub(crate) fn set_owner(&self, owner: Target) {
        match &self.outlet {
            Outlet::Wire(lane) => lane.set_writer(owner),
            Outlet::Values(lane) => lane.set_writer(owner),
        }
    }

    pub(crate) fn queued(&self) -> Load {
        match &self.outlet {
            Outlet::Wire(lane) => lane.queued(),
            Outlet::Values(lane) => lane.queued(),
        }
    }
}
