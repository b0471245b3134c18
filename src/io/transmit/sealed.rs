//! The same for a connection on which frames travel sealed.
//!
//! ```text
//!  pipe ──► batch, in clear ──► sealed, some at a time ──► stream
//!           kept until it       of this connection only,
//!           is written          written to its end before
//!                               more is sealed
//! ```
//!
//! So what goes out is in the order in which it was numbered, and a batch that outlives its connection
//! is sealed anew for the next, from the first message that was not written whole.

use std::io;
use std::time::Duration;

use super::{BUDGET, Sent, TTL_COVERS, Transmit, some};
use crate::pipe::{Lane, Load};
use crate::signal::Wakes;
use crate::transport::Stream;
use crate::zmtp::{Connection, Wire};

/// Whose frames were sealed last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Source {
    #[default]
    Connection,
    Control,
    Batch,
}

impl Transmit {
    /// As [`pump`](Self::pump).
    pub(super) fn pump_sealed(
        &mut self,
        stream: &mut Stream,
        connection: &mut Connection,
        lane: Option<&Lane<Wire>>,
        patient: bool,
        wakes: &mut Wakes,
    ) -> io::Result<Sent> {
        let mut budget = BUDGET;
        loop {
            while !connection.sealed().is_empty() {
                let n = self.write_sealed(stream, connection)?;
                if n == 0 || n >= budget {
                    self.return_credit(lane, wakes);
                    return Ok(if n == 0 { Sent::Blocked } else { Sent::Budget });
                }
                budget -= n;
            }
            if !connection.output().is_empty() {
                self.sealing = Source::Connection;
                connection.seal_output().map_err(io::Error::other)?;
                continue;
            }
            let Some(lane) = lane.filter(|_| connection.is_ready()) else {
                return Ok(Sent::Idle);
            };
            if !self.control.is_empty() {
                self.sealing = Source::Control;
                connection
                    .seal_wire(&self.control)
                    .map_err(io::Error::other)?;
                continue;
            }
            if !self.batch.is_empty() {
                self.sealing = Source::Batch;
                connection
                    .seal_wire(&self.batch)
                    .map_err(io::Error::other)?;
                continue;
            }
            if let Some(sent) = self.fetch(lane, patient, wakes) {
                return Ok(sent);
            }
            if std::mem::take(&mut self.ttl_runs) && self.batch.len() > TTL_COVERS {
                connection.send_ping(Duration::ZERO);
            }
        }
    }

    /// Writes once; 0 if the stream takes nothing now.
    fn write_sealed(
        &mut self,
        stream: &mut Stream,
        connection: &mut Connection,
    ) -> io::Result<usize> {
        let sealed = connection.sealed();
        let max = self.max.unwrap_or(usize::MAX);
        let n = some(stream.write(sealed.get(..max).unwrap_or(sealed)))?;
        if n == 0 {
            return Ok(0);
        }
        let whole = connection.consume_sealed(n);
        self.said = true;
        match self.sealing {
            Source::Connection => {}
            Source::Control => {
                self.burdened = true;
                self.control.advance(whole);
                if self.control.is_empty() {
                    self.control.shrink(0);
                }
            }
            Source::Batch => {
                self.burdened = true;
                self.has_written = true;
                if whole > 0 {
                    let done = self.batch.advance(whole);
                    self.written += Load {
                        messages: done.messages,
                        bytes: done.bytes,
                    };
                }
            }
        }
        Ok(n)
    }
}
