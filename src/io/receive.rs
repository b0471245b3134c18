//! From a stream to a pipe: read, scan, hand the run over whole.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::pipe::{Lane, Load, Record, Runs};
use crate::signal::Wakes;
use crate::transport::Stream;
use crate::zmtp::{self, Connection, Credentials, Event, ITEMS_KEPT, Item, PeerHello};

/// How much is read in one go before others have their turn.
const BUDGET: usize = 256 << 10;

/// With more than this many bytes of answers waiting to be written, nothing more is read: a peer
/// that asks without reading the answers is not worth the memory.
const OUTPUT_MAX: usize = 8 << 10;

/// The receiving half of a session.
#[derive(Debug)]
pub(super) struct Receive {
    /// Something may be there to read.
    readable: bool,
    /// The peer has closed its side: read to the very end, there will be no other event.
    hung_up: bool,
    /// Read and scanned, on its way into the pipe.
    staged: Vec<Item>,
    heard: Heard,
    /// Bytes of a message that is not whole yet, as the pipe knows them.
    held: usize,
}

/// What was heard of the peer since this was looked at last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// Whether anything was read.
    pub(super) anything: bool,
    /// What it says of itself (see [`Event::Ping`]), if it has.
    pub(super) ttl: Option<Duration>,
}

/// Why no more was read.
#[derive(Debug)]
pub(super) enum Got {
    /// Nothing more is there.
    Drained,
    /// The pipe is full, and will post.
    Paused,
    /// Answers are waiting to be written first.
    Owing,
    /// Others have their turn first.
    Budget,
    /// Whether the peer is let in is to be found out; nothing more is there until then.
    Authenticate(Credentials),
    /// The handshake is complete; the pipe is wanted now, and more may be there to read.
    Ready(PeerHello),
    /// The end of the stream.
    Eof,
}

/// Why the stream can't be read any further.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Protocol(#[from] zmtp::Error),
}

impl Receive {
    /// On a stream just connected or accepted: what its first event said may be gone with it.
    pub(super) fn new() -> Self {
        Self {
            readable: true,
            hung_up: false,
            staged: Vec::new(),
            heard: Heard::default(),
            held: 0,
        }
    }

    pub(super) fn take_heard(&mut self) -> Heard {
        std::mem::take(&mut self.heard)
    }

    /// The stream may have something to read.
    pub(super) fn on_readable(&mut self, hung_up: bool) {
        self.readable = true;
        self.hung_up |= hung_up;
    }

    /// Reads what there is and hands it over.
    ///
    /// Nothing is read while the pipe is full, so the queue holds at most its limit and what one
    /// read brings. What has come of a message that is not whole yet counts, too.
    pub(super) fn pump(
        &mut self,
        stream: &Stream,
        connection: &mut Connection,
        lane: Option<&Arc<Lane<Runs>>>,
        wakes: &mut Wakes,
    ) -> Result<Got, Broken> {
        let got = self.pump_in(stream, connection, lane, wakes);
        let held = connection.held();
        if held != self.held
            && let Some(lane) = lane
        {
            self.held = held;
            lane.hold_incomplete(held, wakes);
        }
        got
    }

    fn pump_in(
        &mut self,
        stream: &Stream,
        connection: &mut Connection,
        lane: Option<&Arc<Lane<Runs>>>,
        wakes: &mut Wakes,
    ) -> Result<Got, Broken> {
        // What came in one read with the end of the handshake is still in the connection.
        if let Some(turn) = self.hand_over(connection, lane, wakes) {
            return Ok(turn);
        }
        let mut budget = BUDGET;
        loop {
            if !self.readable {
                return Ok(Got::Drained);
            }
            if let Some(lane) = lane {
                self.held = connection.held();
                if lane.is_full(self.held, wakes) {
                    return Ok(Got::Paused);
                }
            }
            if connection.owed() > OUTPUT_MAX {
                return Ok(Got::Owing);
            }
            let (room, read) = read_once(stream, connection);
            let n = match read {
                Ok(0) => return Ok(Got::Eof),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(Got::Drained);
                }
                Err(error) => return Err(error.into()),
            };
            self.heard.anything = true;
            // A short read has emptied the stream: the next event says when there is more.
            self.readable = n >= room || self.hung_up;
            let scanned = connection.handle_input();
            if let Some(turn) = self.hand_over(connection, lane, wakes) {
                scanned?;
                return Ok(turn);
            }
            // Whole messages that came before the fault are good.
            scanned?;
            budget = budget.saturating_sub(n);
            if budget == 0 && self.readable {
                return Ok(Got::Budget);
            }
        }
    }

    /// Moves what was scanned into the pipe; stops where the handshake comes to a turn.
    fn hand_over(
        &mut self,
        connection: &mut Connection,
        lane: Option<&Arc<Lane<Runs>>>,
        wakes: &mut Wakes,
    ) -> Option<Got> {
        let (mut load, mut aside) = (Load::NONE, 0);
        let mut turn = None;
        while let Some(event) = connection.poll_event() {
            match event {
                Event::Ready(hello) => {
                    turn = Some(Got::Ready(hello));
                    break;
                }
                Event::Authenticate(credentials) => {
                    turn = Some(Got::Authenticate(credentials));
                    break;
                }
                Event::Item(item) => {
                    load += load_of(&item);
                    if let Item::Subscription { topic, .. } = &item {
                        aside += size_of::<Record>() + topic.len();
                    }
                    self.staged.push(item);
                }
                // The connection has answered for itself.
                Event::Ping { ttl } => self.heard.ttl = Some(ttl),
                Event::Pong => {}
            }
        }
        if !self.staged.is_empty() {
            match lane {
                Some(lane) => {
                    let mut emptied = None;
                    let staged = &mut self.staged;
                    lane.deposit(load, aside, wakes, |runs| {
                        runs.records.extend(staged.drain(..).map(Record::Item));
                        emptied = runs.emptied.pop();
                    });
                    if let Some(buffer) = emptied {
                        connection.recycle(buffer);
                    }
                }
                None => log::debug!(
                    "{} messages to a socket that does not receive were discarded",
                    load.messages
                ),
            }
            // Nobody takes them any more: the socket is closed.
            self.staged.clear();
            if self.staged.capacity() > ITEMS_KEPT {
                self.staged.shrink_to(ITEMS_KEPT);
            }
        }
        turn
    }
}

/// Reads to where the connection wants it; how much there was room for, and how much came.
fn read_once(stream: &Stream, connection: &mut Connection) -> (usize, io::Result<usize>) {
    if let Some(piece) = connection.read_piece() {
        let (room, read) = (piece.len(), stream.read(piece));
        connection.fill(*read.as_ref().unwrap_or(&0));
        return (room, read);
    }
    let buffer = connection.read_buf();
    let room = buffer.capacity() - buffer.len();
    (room, stream.read_into(buffer))
}

/// How much of the queue a run takes up.
fn load_of(item: &Item) -> Load {
    let (messages, bytes) = item.messages();
    Load { messages, bytes }
}
