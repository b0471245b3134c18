//! From a pipe to a stream: swap the batch out, write it whole, return its credit.

use std::io::{self, IoSlice};
use std::time::Duration;

use crate::pipe::{Lane, Load};
use crate::signal::Wakes;
use crate::transport::Stream;
use crate::zmtp::{Connection, SubscriptionForm, Version, Wire, encode_subscription};

mod sealed;

/// How much is written in one go before others have their turn: several times a socket's usual
/// send buffer, so that only a reader that keeps up ever reaches it.
const BUDGET: usize = 4 << 20;

/// Slices handed to the system at once: enough for 128 KiB of the smallest frames that are sent by
/// reference, and a small array on the stack.
const SLICES: usize = 64;

/// Memory of a batch that is kept for the next even if that one needed less.
const KEPT: usize = 64 << 10;

/// How much may follow a PING with a TTL as it is: more, and a slow link may take longer for one
/// frame of it than the TTL. A PING without one takes it back before that.
const TTL_COVERS: usize = 64 << 10;

/// The sending half of a session; outlives it where the queue does.
#[derive(Debug, Default)]
pub(super) struct Transmit {
    /// What the peer has yet to be told before the batch in hand.
    control: Wire,
    /// What one write is given at most, in bytes; `None` is as much as there is.
    max: Option<usize>,
    /// In what form it is told.
    form: SubscriptionForm,
    /// The batch in hand: partly written, or empty.
    batch: Wire,
    /// Of what the connection has sealed last.
    sealing: sealed::Source,
    /// Written whole, its credit not yet returned.
    written: Load,
    /// About the largest batch of late; what is kept of its memory follows it down slowly.
    largest: usize,
    /// Something was written to this connection.
    has_written: bool,
    /// Anything went out since this was looked at last.
    said: bool,
    /// Something that the peer may leave unread went out since this was looked at last.
    burdened: bool,
    /// The last that went out is a PING with a TTL.
    ttl_runs: bool,
}

/// Why no more was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing is left; the pipe will post.
    Idle,
    /// Nothing is left, but whoever waited for room has some now: look again before sleeping.
    Relieved,
    /// The stream takes no more for now.
    Blocked,
    /// Others have their turn first.
    Budget,
    /// Nothing is left, and nothing will come.
    Ended,
}

impl Transmit {
    /// Writes what there is: what the connection has to say for itself wherever a frame may stand,
    /// the rest of the batch in hand, then the next one.
    ///
    /// Nothing of a batch goes out before the handshake is complete; one that is left over from an
    /// earlier connection waits for it, too.
    ///
    /// If `patient`, it does not go to sleep on a pipe whose writer it has just given room.
    pub(super) fn pump(
        &mut self,
        stream: &mut Stream,
        connection: &mut Connection,
        lane: Option<&Lane<Wire>>,
        patient: bool,
        wakes: &mut Wakes,
    ) -> io::Result<Sent> {
        if connection.seals() {
            return self.pump_sealed(stream, connection, lane, patient, wakes);
        }
        let mut budget = BUDGET;
        loop {
            if self.batch.at_frame_border() && self.control.at_frame_border() {
                while !connection.output().is_empty() {
                    match some(stream.write(connection.output()))? {
                        0 => {
                            self.return_credit(lane, wakes);
                            return Ok(Sent::Blocked);
                        }
                        n => {
                            connection.consume_output(n);
                            self.said = true;
                        }
                    }
                }
            }
            let Some(lane) = lane.filter(|_| connection.is_ready()) else {
                return Ok(Sent::Idle);
            };
            if !(self.control.is_empty() && self.batch.is_empty()) {
                let n = self.write_some(stream)?;
                if n == 0 || n >= budget {
                    self.return_credit(Some(lane), wakes);
                    return Ok(if n == 0 { Sent::Blocked } else { Sent::Budget });
                }
                budget -= n;
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

    /// Takes the next batch in hand; why there is none, if so.
    fn fetch(&mut self, lane: &Lane<Wire>, patient: bool, wakes: &mut Wakes) -> Option<Sent> {
        let written = std::mem::take(&mut self.written);
        let taken = lane.take_unless_relieved(&mut self.batch, written, patient, wakes);
        if taken.ended {
            return Some(Sent::Ended);
        }
        for change in &taken.changes {
            encode_subscription(
                change.subscribe,
                &change.topic,
                self.form,
                &mut self.control,
            );
        }
        if !taken.got && patient && taken.relieved {
            return Some(Sent::Relieved);
        }
        if !taken.got {
            // As much as the traffic of late needs: giving back more would cost growing again.
            self.batch.shrink(KEPT.max(2 * self.largest));
            return Some(Sent::Idle);
        }
        self.largest = self.batch.len().max(self.largest - self.largest / 16);
        None
    }

    /// Writes once; 0 if the stream takes nothing now.
    fn write_some(&mut self, stream: &mut Stream) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let max = self.max.unwrap_or(usize::MAX);
        if !self.control.is_empty() {
            // Rare, and no messages: not worth to be written together with the batch.
            let filled = self.control.io_slices(&mut slices, max);
            let n = some(stream.write_vectored(slices.get(..filled).unwrap_or_default()))?;
            self.control.advance(n);
            self.note_written(n);
            if self.control.is_empty() {
                self.control.shrink(0);
            }
            return Ok(n);
        }
        let filled = self.batch.io_slices(&mut slices, max);
        let n = some(stream.write_vectored(slices.get(..filled).unwrap_or_default()))?;
        self.note_written(n);
        if n > 0 {
            self.has_written = true;
            let done = self.batch.advance(n);
            self.written += Load {
                messages: done.messages,
                bytes: done.bytes,
            };
        }
        Ok(n)
    }

    fn note_written(&mut self, n: usize) {
        self.said |= n > 0;
        self.burdened |= n > 0;
    }

    /// Whether anything went out since this was asked last.
    pub(super) fn take_said(&mut self) -> bool {
        std::mem::take(&mut self.said)
    }

    /// Puts a PING into what the connection says for itself.
    ///
    /// With more to come behind it it has none: libzmq ends a connection on which no whole frame
    /// comes for that long, however many bytes do.
    pub(super) fn ping(&mut self, connection: &mut Connection, ttl: Duration) {
        if std::mem::take(&mut self.burdened) {
            connection.await_proof();
        }
        let idle = self.batch.is_empty() && self.control.is_empty();
        self.ttl_runs = idle && !ttl.is_zero();
        connection.send_ping(if idle { ttl } else { Duration::ZERO });
    }

    /// Whether the last that went out, or is about to, is a PING with a TTL.
    pub(super) fn ttl_runs(&self) -> bool {
        self.ttl_runs
    }

    /// Gives back the credit of what was written whole.
    pub(super) fn return_credit(&mut self, lane: Option<&Lane<Wire>>, wakes: &mut Wakes) {
        if let Some(lane) = lane
            && !self.written.is_none()
        {
            lane.give_back(std::mem::take(&mut self.written), wakes);
        }
    }

    /// A peer of this version of ZMTP is there, to which at most so much is written at once.
    pub(super) fn begin(&mut self, version: Version, max: Option<usize>) {
        self.max = max;
        self.form = SubscriptionForm::of(version);
        self.ttl_runs = false;
        self.burdened = false;
    }

    /// Drops what is queued: it is for somebody who does not come back. Returns how much that was.
    pub(super) fn discard(&mut self, lane: &Lane<Wire>, wakes: &mut Wakes) -> Load {
        self.batch.clear();
        lane.discard(std::mem::take(&mut self.written), wakes)
    }

    /// Whether any message went out on this connection, if only in part.
    pub(super) fn has_written(&self) -> bool {
        self.has_written
    }

    /// The connection is over.
    pub(super) fn forget_written(&mut self) {
        self.has_written = false;
    }

    /// The connection broke: the next one resumes at the first message that was not handed to the
    /// kernel whole.
    pub(super) fn rewind(&mut self) {
        self.batch.rewind();
        // The next one is told everything.
        self.control.clear();
    }

    /// Gives the pipe up for good; returns what was never handed to the kernel whole.
    pub(super) fn abandon(&mut self, lane: &Lane<Wire>, wakes: &mut Wakes) -> Load {
        self.batch.clear();
        self.control.clear();
        lane.end_taking(std::mem::take(&mut self.written), wakes)
    }

    /// Whether nothing is left to be written.
    pub(super) fn is_done(&self, lane: Option<&Lane<Wire>>) -> bool {
        self.batch.is_empty()
            && lane.is_none_or(|lane| lane.queued().messages <= self.written.messages)
    }
}

/// Nothing to be had now is no error: 0.
fn some(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
