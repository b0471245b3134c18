//! One connection: bytes in, events out, and the bytes that it says for itself.
//!
//! To drive it: append what was read to [`read_buf`](Connection::read_buf), call
//! [`handle_input`](Connection::handle_input), take [`poll_event`](Connection::poll_event) until
//! it has no more, and write [`output`](Connection::output) where a frame may stand. Messages of
//! the application are not written through here; they may be written, behind the output, once
//! [`is_ready`](Connection::is_ready).
//!
//! The output goes first: READY must be on its way before the first message.
//!
//! Where the mechanism has frames travel sealed ([`seals`](Connection::seals)), the output and the
//! messages are sealed here, batch by batch, and what is written is [`sealed`](Connection::sealed).
//!
//! Nothing else here happens per message: a run of messages is one event.

use std::collections::VecDeque;
use std::time::Duration;

use zeroize::{Zeroize, Zeroizing};

use super::command::{self, Command};
use super::error::Error;
use super::greeting::GREETING_LEN;
use super::handshake::{ExpectCommand, ExpectGreeting, ExpectVerdict, Outcome};
use super::header;
use super::mechanism::{Credentials, Local, Mechanism, Security, Verdict};
use super::scanner::{ITEMS_KEPT, Limits, Scanner};
use super::traffic::Traffic;
use super::wire::Wire;
use crate::frame::Frame;
use crate::message::Message;
use crate::options::Heartbeats;
use crate::properties::Properties;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

pub(crate) use super::handshake::PeerHello;
pub(crate) use super::scanner::Item;

/// Who we are, and what a peer may demand.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) socket_type: SocketType,
    pub(crate) routing_id: Option<RoutingId>,
    /// What else we say of ourselves.
    pub(crate) properties: Properties,
    /// Who may talk with us, and how that is found out.
    pub(crate) security: Security,
    /// The bytes of a message, all frames together.
    pub(crate) max_message_size: Option<u64>,
    /// The frames of a message.
    pub(crate) max_frames: usize,
    /// The body of a command in the handshake.
    pub(crate) max_command: usize,
    /// The body of a command after it: to a publisher it may hold a topic.
    pub(crate) max_traffic_command: usize,
    /// What a read asks for at most, about, in bytes; `None` is as much as the traffic deserves.
    pub(crate) read_max: Option<usize>,
}

impl Config {
    /// The defaults for a socket of this type.
    pub(crate) fn new(socket_type: SocketType) -> Self {
        Self {
            socket_type,
            routing_id: None,
            properties: Properties::default(),
            security: Security::Null { asks: false },
            max_message_size: Some(256 << 20),
            max_frames: 65_536,
            max_command: HANDSHAKE_COMMAND_MAX,
            max_traffic_command: if publishes(socket_type) {
                TOPIC_MAX + TOPIC_OVERHEAD
            } else {
                HANDSHAKE_COMMAND_MAX
            },
            read_max: None,
        }
    }
}

/// What has happened on a connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// Whether this peer is let in is to be said by [`authenticated`](Connection::authenticated); until
    /// then the handshake rests.
    Authenticate(Credentials),
    /// The handshake is complete; the first event of all, but for the one above.
    Ready(PeerHello),
    /// Messages, and on publishers subscriptions, in wire order.
    Item(Item),
    /// The peer asks for a sign of life (the answer is in the output). Unless it is zero, the
    /// peer wants to be taken for dead when nothing comes from it for so long.
    Ping { ttl: Duration },
    /// The peer has answered a PING of ours.
    Pong,
}

/// Where the peer's stream has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eof {
    /// Before the handshake was complete.
    InHandshake,
    /// Within a frame or between two frames of a message; what there is of it is lost.
    InMessage,
    /// Between messages.
    AtBorder,
}

/// One side of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    state: State,
    socket_type: SocketType,
    scanner: Scanner,
    /// What frames travel in, if not as they are.
    pub(super) traffic: Option<Box<Traffic>>,
    /// What a frame may have, at least, if it comes sealed.
    max_sealed: u64,
    read_max: Option<usize>,
    events: VecDeque<Event>,
    /// Between the scanner and `events`; empty outside `handle_input`.
    items: VecDeque<Item>,
    heard: Heard,
    max_traffic_command: usize,
    output: Vec<u8>,
    /// What of `output` has been written.
    written: usize,
    /// Where in `output` the message ends that goes out first.
    first: usize,
    /// PINGs sent.
    pings: u64,
    /// How many of them have to be answered before it is certain that the peer has read every
    /// message.
    proof: u64,
}

/// Memory of the output that is kept for the next.
const OUTPUT_KEPT: usize = 16 << 10;

#[derive(Debug)]
enum State {
    ExpectGreeting(ExpectGreeting),
    ExpectCommand(ExpectCommand),
    ExpectVerdict(ExpectVerdict),
    Traffic,
    /// After an error or the end of the stream. Input is thrown away.
    Closed,
}

/// Signs of life since the last poll. Only the latest counts, so that a flood of them costs
/// nothing.
#[derive(Debug, Default)]
struct Heard {
    ping: Option<u16>,
    pong: bool,
    /// All that ever came.
    pongs: u64,
}

impl Connection {
    /// A connection that has just been made. Its greeting is in the output.
    pub(crate) fn new(config: Config) -> Self {
        let Config {
            socket_type,
            routing_id,
            properties,
            security,
            max_message_size,
            max_frames,
            max_command,
            max_traffic_command,
            read_max,
        } = config;
        let mut output = Vec::new();
        let local = Local {
            socket_type,
            routing_id,
            properties,
        };
        let mechanism = Mechanism::new(security);
        let state = State::ExpectGreeting(ExpectGreeting::new(local, mechanism, &mut output));
        let mut scanner = Scanner::new(Limits {
            max_message_size,
            max_frames,
            max_command,
        });
        if let Some(bytes) = read_max {
            scanner.set_read_max(bytes);
        }
        let most = max_message_size.unwrap_or(u64::MAX);
        Self {
            state,
            socket_type,
            scanner,
            traffic: None,
            max_sealed: most.max(max_traffic_command as u64),
            read_max,
            events: VecDeque::new(),
            items: VecDeque::new(),
            heard: Heard::default(),
            max_traffic_command,
            output,
            written: 0,
            first: 0,
            pings: 0,
            proof: 0,
        }
    }

    /// Whether the handshake is complete.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.state, State::Traffic)
    }

    /// How long the handshake may take, of which so long is set.
    pub(crate) fn handshake_time(&self, set: Option<Duration>) -> Option<Duration> {
        let longest = match &self.state {
            State::ExpectGreeting(expect) => expect.longest(),
            _ => None,
        };
        match (set, longest) {
            (Some(set), Some(longest)) => Some(set.min(longest)),
            _ => set.or(longest),
        }
    }

    /// Where the next read goes: append to it, then call `handle_input`.
    pub(crate) fn read_buf(&mut self) -> &mut Vec<u8> {
        match &mut self.traffic {
            Some(traffic) => traffic.read_buf(),
            None => self.scanner.read_buf(),
        }
    }

    /// The same where a large body is on its way: read over it, say how much was by
    /// [`fill`](Self::fill), then call `handle_input`.
    pub(crate) fn read_piece(&mut self) -> Option<&mut [u8]> {
        match &mut self.traffic {
            Some(_) => None,
            None => self.scanner.read_piece(),
        }
    }

    /// So many bytes of the [piece](Self::read_piece) have come.
    pub(crate) fn fill(&mut self, bytes: usize) {
        self.scanner.fill(bytes);
    }

    /// Bytes that have come of a message that is not whole yet.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        let sealed = self.traffic.as_ref().map_or(0, |it| it.held());
        self.scanner.held() + sealed
    }

    /// A buffer whose messages have been cut comes back.
    pub(crate) fn recycle(&mut self, buf: Vec<u8>) {
        self.scanner.recycle(buf);
    }

    /// Gives back what memory an idle connection does not need.
    pub(crate) fn release(&mut self) {
        self.scanner.release();
        if let Some(traffic) = &mut self.traffic {
            traffic.release();
        }
        if self.output.is_empty() {
            self.output = Vec::new();
        }
        self.events.shrink_to(0);
        self.items.shrink_to(0);
    }

    /// Bytes have been appended to `read_buf`.
    ///
    /// # Errors
    ///
    /// Whatever the peer did wrong. The connection is closed then: what came whole before that
    /// can still be polled, and the output, which may hold an ERROR for the peer, written.
    pub(crate) fn handle_input(&mut self) -> Result<(), Error> {
        let result = self.take_input();
        if result.is_err() {
            self.close();
        }
        result
    }

    /// Whether the handshake rests until it is said whether the peer is let in.
    pub(crate) fn awaits_verdict(&self) -> bool {
        matches!(self.state, State::ExpectVerdict(_))
    }

    /// Says whether the peer is let in whose credentials were an event. What comes of it is in further
    /// events and in the output. On a connection that does not wait for it (it was closed since) it
    /// does nothing.
    ///
    /// # Errors
    ///
    /// It is not let in: the connection is closed, and the output, which may hold an ERROR for the
    /// peer, can be written. Or what the peer has sent in the meantime is wrong, as in
    /// [`handle_input`](Self::handle_input).
    pub(crate) fn authenticated(&mut self, verdict: Verdict) -> Result<(), Error> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::ExpectVerdict(expect) => {
                match expect.handle_verdict(verdict, &mut self.output) {
                    Ok(outcome) => self.go_on(outcome),
                    Err(error) => {
                        self.close();
                        return Err(error);
                    }
                }
                self.handle_input()
            }
            other => {
                self.state = other;
                Ok(())
            }
        }
    }

    /// The peer's stream has ended; where.
    pub(crate) fn handle_eof(&mut self) -> Eof {
        let eof = match self.state {
            State::ExpectGreeting(_) | State::ExpectCommand(_) | State::ExpectVerdict(_) => {
                Eof::InHandshake
            }
            State::Traffic if !self.scanner.at_border() || self.held() > 0 => Eof::InMessage,
            State::Traffic | State::Closed => Eof::AtBorder,
        };
        self.close();
        eof
    }

    /// What has happened, in wire order; signs of life last.
    #[must_use]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        if self.events.capacity() > ITEMS_KEPT {
            self.events.shrink_to(ITEMS_KEPT);
        }
        if let Some(ttl) = self.heard.ping.take() {
            // Tenths of a second.
            return Some(Event::Ping {
                ttl: Duration::from_millis(u64::from(ttl) * 100),
            });
        }
        std::mem::take(&mut self.heard.pong).then_some(Event::Pong)
    }

    /// What the connection says for itself: greeting, handshake, PING and PONG. To be written
    /// whole, before anything else or between two frames.
    ///
    /// A peer that sends PINGs and does not read the answers makes this grow by less than it
    /// sends. Whoever reads for the connection must stop while [`owed`](Self::owed) is more than a
    /// few KiB.
    #[must_use]
    pub(crate) fn output(&self) -> &[u8] {
        self.output.get(self.written..).unwrap_or(&[])
    }

    /// How much of the output the peer has made it say. (Who did not read before the message that goes
    /// out first is written would wait for ever for one who does the same.)
    pub(crate) fn owed(&self) -> usize {
        self.output.len() - self.written.max(self.first)
    }

    /// `n` bytes of the output have been written.
    pub(crate) fn consume_output(&mut self, n: usize) {
        self.written += n;
        if self.written >= self.output.len() {
            if !self.is_ready() {
                // A password may have been in it.
                self.output.zeroize();
            }
            self.output.clear();
            // The message that goes out first may have been large.
            self.output.shrink_to(OUTPUT_KEPT);
            self.written = 0;
            self.first = 0;
        }
    }

    /// Puts an empty message into the output: a ROUTER that gets it knows that we are there.
    pub(crate) fn send_probe(&mut self) {
        self.output.extend_from_slice(&[0, 0]);
    }

    /// Puts a message into the output, that goes out before those of the application.
    pub(crate) fn send_first(&mut self, message: &Message) {
        let mut left = message.len();
        for frame in message.frames() {
            left -= 1;
            let flags = if left > 0 { header::MORE } else { 0 };
            header::put(flags, frame.len(), &mut self.output);
            self.output.extend_from_slice(frame);
        }
        self.first = self.output.len();
        self.await_proof();
    }

    /// Puts a PING into the output; `ttl` tells the peer when to take us for dead, zero never.
    pub(crate) fn send_ping(&mut self, ttl: Duration) {
        // libzmq counts the milliseconds in 16 bits: what is above 65.5 s becomes a short time.
        let ttl = ttl.min(Heartbeats::TTL_MAX).as_millis() / 100;
        let ttl = u16::try_from(ttl).unwrap_or(u16::MAX);
        command::put("PING", &[&ttl.to_be_bytes()], &mut self.output);
        self.pings += 1;
    }

    /// Messages have gone out since the last PING: that the peer has read them is certain when it
    /// has answered the next one.
    pub(crate) fn await_proof(&mut self) {
        self.proof = self.pings + 1;
    }

    /// Whether the peer may be alive and yet not come to our last PING: messages went out before it,
    /// which a peer at its high-water mark leaves unread.
    pub(crate) fn may_be_kept_waiting(&self) -> bool {
        self.heard.pongs < self.proof
    }

    fn take_input(&mut self) -> Result<(), Error> {
        loop {
            match std::mem::replace(&mut self.state, State::Closed) {
                State::ExpectGreeting(expect) => {
                    let Some(version) = expect.read(self.scanner.unread())? else {
                        self.state = State::ExpectGreeting(expect);
                        return Ok(());
                    };
                    self.scanner.consume(GREETING_LEN);
                    let outcome = expect.handle_greeting(version, &mut self.output)?;
                    self.go_on(outcome);
                }
                State::ExpectCommand(expect) => {
                    let Some(body) = self.scanner.take_command()? else {
                        self.state = State::ExpectCommand(expect);
                        return Ok(());
                    };
                    let body = Zeroizing::new(body);
                    let outcome = expect.handle_command(&body, &mut self.output)?;
                    self.go_on(outcome);
                }
                State::ExpectVerdict(expect) => {
                    // Nothing that is there is looked at, so there must be little of it.
                    let patient = if expect.lets_go_on() {
                        self.scanner.holds_one_command()?
                    } else {
                        self.scanner.unread().is_empty()
                    };
                    if !patient {
                        return Err(Error::OutOfTurn);
                    }
                    self.state = State::ExpectVerdict(expect);
                    return Ok(());
                }
                State::Traffic => {
                    self.state = State::Traffic;
                    return self.take_traffic();
                }
                State::Closed => {
                    self.scanner.close();
                    return Ok(());
                }
            }
        }
    }

    fn go_on(&mut self, outcome: Outcome) {
        self.state = match outcome {
            Outcome::Again(expect) => State::ExpectCommand(expect),
            Outcome::Authenticate(credentials, expect) => {
                self.events.push_back(Event::Authenticate(credentials));
                State::ExpectVerdict(expect)
            }
            Outcome::Done(hello, traffic) => {
                self.events.push_back(Event::Ready(hello));
                self.scanner.set_max_command(self.max_traffic_command);
                if let Some(traffic) = traffic {
                    self.begin_sealed(traffic);
                }
                State::Traffic
            }
        };
    }

    /// From here on nothing travels as it is, but for what the handshake has yet to say.
    fn begin_sealed(&mut self, mut traffic: Box<Traffic>) {
        traffic.put_clear(self.output());
        let n = self.output().len();
        self.consume_output(n);
        if let Some(bytes) = self.read_max {
            traffic.set_read_max(bytes);
        }
        // What came in one read with the end of the handshake.
        let early = self.scanner.unread();
        traffic.read_buf().extend_from_slice(early);
        let n = early.len();
        self.scanner.consume(n);
        self.traffic = Some(traffic);
    }

    /// Whether frames travel sealed: then only what is [`sealed`](Self::sealed) may be written.
    #[inline]
    pub(crate) fn seals(&self) -> bool {
        self.traffic.is_some()
    }

    /// What is to be written next, before anything else is sealed.
    #[must_use]
    pub(crate) fn sealed(&self) -> &[u8] {
        self.traffic.as_ref().map_or(&[], |it| it.sealed())
    }

    /// `n` bytes of it were written; how many bytes of the plain frames, of those that were sealed last,
    /// are written whole with that.
    pub(crate) fn consume_sealed(&mut self, n: usize) -> usize {
        self.traffic.as_mut().map_or(0, |it| it.consume(n))
    }

    /// Seals the output.
    ///
    /// # Errors
    ///
    /// So much was said on this connection that nothing more can be.
    pub(crate) fn seal_output(&mut self) -> Result<(), Error> {
        let Some(traffic) = &mut self.traffic else {
            return Ok(());
        };
        debug_assert!(traffic.sealed().is_empty());
        let mut rest = self.output.get(self.written..).unwrap_or(&[]);
        let frames = std::iter::from_fn(|| {
            // We wrote these headers: they parse, and the sizes fit.
            let header = header::Header::parse(rest).ok()??;
            let (body, left) = rest
                .get(header.len..)?
                .split_at_checked(header.size as usize)?;
            rest = left;
            Some((header, body))
        });
        let n = traffic.seal(frames)?;
        self.consume_output(n);
        Ok(())
    }

    /// Seals what is to be written next of a wire, or a part of it. What of it is written is told by
    /// [`consume_sealed`](Self::consume_sealed).
    ///
    /// # Errors
    ///
    /// As [`seal_output`](Self::seal_output).
    pub(crate) fn seal_wire(&mut self, wire: &Wire) -> Result<(), Error> {
        let Some(traffic) = &mut self.traffic else {
            return Ok(());
        };
        debug_assert!(traffic.sealed().is_empty());
        traffic.seal(wire.frames()).map(|_| ())
    }

    fn take_traffic(&mut self) -> Result<(), Error> {
        // What was opened before a fault is good.
        let opened = match &mut self.traffic {
            Some(traffic) => traffic.open(self.max_sealed, self.scanner.read_buf()),
            None => Ok(()),
        };
        self.scan().and(opened)
    }

    fn scan(&mut self) -> Result<(), Error> {
        let Self {
            scanner,
            items,
            events,
            heard,
            output,
            socket_type,
            ..
        } = self;
        let mut on_command = |body: &[u8]| handle_command(body, *socket_type, heard, output);
        let result = scanner.scan(items, &mut on_command);
        events.extend(items.drain(..).map(Event::Item));
        if items.capacity() > ITEMS_KEPT {
            items.shrink_to(ITEMS_KEPT);
        }
        result.map(|_| ())
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.scanner.close();
        self.traffic = None;
    }
}

/// A command amid the traffic.
fn handle_command(
    body: &[u8],
    socket_type: SocketType,
    heard: &mut Heard,
    output: &mut Vec<u8>,
) -> Result<Option<Item>, Error> {
    match Command::parse(body)? {
        Command::Ping { ttl, context } => {
            heard.ping = Some(ttl);
            command::put("PONG", &[context], output);
        }
        Command::Pong => {
            heard.pong = true;
            heard.pongs += 1;
        }
        Command::Subscribe(topic) if publishes(socket_type) => {
            return Ok(Some(Item::Subscription {
                subscribe: true,
                topic: Frame::from(topic),
            }));
        }
        Command::Cancel(topic) if publishes(socket_type) => {
            return Ok(Some(Item::Subscription {
                subscribe: false,
                topic: Frame::from(topic),
            }));
        }
        // To any other socket they mean nothing, as commands that nobody knows.
        Command::Subscribe(_) | Command::Cancel(_) | Command::Unknown => {}
        // libzmq drops these two; it never sends them here either.
        Command::Ready(_) => {
            return Err(Error::UnexpectedCommand {
                name: command::name(body),
                when: "after the handshake",
            });
        }
        Command::Error(reason) => {
            return Err(Error::Refused {
                reason: super::error::printable(reason),
            });
        }
    }
    Ok(None)
}

fn publishes(socket_type: SocketType) -> bool {
    matches!(socket_type, SocketType::Pub | SocketType::XPub)
}

/// As much as an honest handshake needs many times over.
const HANDSHAKE_COMMAND_MAX: usize = 64 << 10;

/// The longest topic in a SUBSCRIBE: no specification has a limit, no known use comes near it.
const TOPIC_MAX: usize = 1 << 20;

/// What stands before the topic: the command's name with its length.
const TOPIC_OVERHEAD: usize = 10;
