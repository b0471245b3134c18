//! What the benchmarks of the parts call: one stage of a message's way at a time, with nobody else in
//! the way. Not part of the library, and no promise is kept about it; compiled with the feature
//! `_parts` only.
//!
//! Each method does what the library does at this place, in a loop where the library has one; so what
//! is measured from outside is the stage and one call.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use crate::message::Message;
use crate::options::SlowSubscriber;
use crate::pipe::{Inlet, Lane, Limits, Load, Outlet, PipeId, Reader, Reading, Record, Runs};
use crate::pipe::{Values, Writer};
use crate::routing::{Distributor, FairQueue, LoadBalancer, Rules, Subscriptions, Table};
use crate::routing_id::RoutingId;
use crate::signal::Wakes;
use crate::zmtp::cut::Chunk;
use crate::zmtp::scanner::{Limits as ScannerLimits, Scanner};
use crate::zmtp::{Item, Wire, encode};

// ---- zmtp

/// Messages onto a wire.
#[derive(Debug, Default)]
pub struct Encoding {
    wire: Wire,
}

impl Encoding {
    /// Encodes a message so many times, as one batch, and forgets them.
    pub fn encode(&mut self, message: &Message, times: usize) {
        for _ in 0..times {
            encode(message, &mut self.wire);
        }
        self.wire.clear();
    }

    /// The same for copies of what was encoded once.
    pub fn encode_once(&mut self, message: &Message, copies: usize) {
        let mut once = Wire::new();
        encode(message, &mut once);
        for _ in 0..copies {
            self.wire.append_copy(&once);
        }
        self.wire.clear();
    }
}

/// The bytes of a message, so many times.
pub fn stream(message: &Message, times: usize) -> Vec<u8> {
    let mut wire = Wire::new();
    for _ in 0..times {
        encode(message, &mut wire);
    }
    let mut bytes = Vec::with_capacity(wire.len());
    while !wire.is_empty() {
        let mut out = [IoSlice::new(&[])];
        wire.io_slices(&mut out, usize::MAX);
        let next = &*out[0];
        bytes.extend_from_slice(next);
        let written = next.len();
        wire.advance(written);
    }
    bytes
}

/// Received bytes into runs, and runs into messages.
#[derive(Debug)]
pub struct Receiving {
    scanner: Scanner,
    items: VecDeque<Item>,
}

impl Default for Receiving {
    fn default() -> Self {
        Self {
            scanner: Scanner::new(ScannerLimits {
                max_message_size: Some(256 << 20),
                max_frames: 65_536,
                max_command: 4096,
            }),
            items: VecDeque::new(),
        }
    }
}

impl Receiving {
    /// Takes some bytes of a stream in, as a read does (it copies them), and scans them; gives how
    /// many whole messages that were. They wait to be cut.
    pub fn scan(&mut self, bytes: &[u8]) -> usize {
        self.scanner.read_buf().extend_from_slice(bytes);
        self.scanner
            .scan(&mut self.items, &mut |_| Ok(None))
            .unwrap_or(0)
    }

    /// Cuts all messages that wait, one after the other into the same place; how many.
    pub fn cut(&mut self) -> usize {
        let mut message = Message::new();
        let mut count = 0;
        while let Some(item) = self.items.pop_front() {
            let mut chunk = match item {
                Item::Chunk(chunk) => chunk,
                Item::Message(_) => {
                    count += 1;
                    continue;
                }
                Item::Subscription { .. } => continue,
            };
            while chunk.cut_into(&mut message) {
                std::hint::black_box(&message);
                count += 1;
            }
            if let Some(buf) = chunk.into_buffer() {
                self.scanner.recycle(buf);
            }
        }
        count
    }

    /// Drops all messages that wait.
    pub fn forget(&mut self) {
        for item in self.items.drain(..) {
            if let Item::Chunk(chunk) = item
                && let Some(buf) = chunk.into_buffer()
            {
                self.scanner.recycle(buf);
            }
        }
    }

    fn take_chunks(&mut self) -> impl Iterator<Item = Chunk> + '_ {
        self.items.drain(..).filter_map(|item| match item {
            Item::Chunk(chunk) => Some(chunk),
            _ => None,
        })
    }
}

// ---- pipe

/// The lane of a pipe, of either kind, and what its taker has in hand.
#[derive(Debug)]
enum Way {
    Wire(Arc<Lane<Wire>>, Wire),
    Values(Arc<Lane<Values>>, Values),
}

impl Way {
    fn new(over_inproc: bool) -> Self {
        // No limit: nothing that is measured waits.
        if over_inproc {
            Self::Values(Arc::new(Lane::new(Limits::NONE, None)), Values::new())
        } else {
            Self::Wire(Arc::new(Lane::new(Limits::NONE, None)), Wire::new())
        }
    }

    fn outlet(&self) -> Outlet {
        match self {
            Self::Wire(lane, _) => Outlet::Wire(lane.clone()),
            Self::Values(lane, _) => Outlet::Values(lane.clone()),
        }
    }

    /// Takes all that is there and works it off.
    fn drain(&mut self) -> usize {
        let mut wakes = Wakes::new();
        let load = match self {
            Self::Wire(lane, front) => {
                lane.take(front, Load::NONE, &mut wakes);
                let progress = front.advance(front.len());
                let load = Load {
                    messages: progress.messages,
                    bytes: progress.bytes,
                };
                lane.give_back(load, &mut wakes);
                load
            }
            Self::Values(lane, front) => {
                lane.take(front, Load::NONE, &mut wakes);
                let mut load = Load::NONE;
                for message in front.drain(..) {
                    load += Load {
                        messages: 1,
                        bytes: message.byte_len(),
                    };
                }
                lane.give_back(load, &mut wakes);
                load
            }
        };
        wakes.fire();
        load.messages
    }
}

/// A pipe from a socket to its session, or to another socket.
#[derive(Debug)]
pub struct Pipe {
    writer: Writer,
    way: Way,
}

impl Pipe {
    /// A pipe without a limit: to a session, or over inproc.
    pub fn new(over_inproc: bool) -> Self {
        let way = Way::new(over_inproc);
        Self {
            writer: Writer::new(0, way.outlet()),
            way,
        }
    }

    /// Writes copies of a message, one after the other.
    pub fn write(&self, message: &Message, times: usize) {
        for _ in 0..times {
            let mut wakes = Wakes::new();
            let mut message = Some(message.clone());
            // There is no limit that could refuse it.
            let _ = self.writer.write(&mut message, &mut wakes);
            wakes.fire();
        }
    }

    /// Takes the batch over the border and works it off; how many messages were in it.
    pub fn take(&mut self) -> usize {
        self.way.drain()
    }
}

/// A pipe from a session to a socket.
#[derive(Debug)]
pub struct Intake {
    lane: Arc<Lane<Runs>>,
    received: Receiving,
}

impl Intake {
    fn new() -> (Self, Reader) {
        let lane = Arc::new(Lane::new(Limits::NONE, None));
        let reader = Reader::new(Inlet::runs(lane.clone()));
        let received = Receiving::default();
        (Self { lane, received }, reader)
    }

    /// Hands over what was received.
    fn deposit(&mut self, bytes: &[u8]) {
        self.received.scan(bytes);
        let mut wakes = Wakes::new();
        for chunk in self.received.take_chunks() {
            let load = Load {
                messages: chunk.messages(),
                bytes: chunk.bytes(),
            };
            self.lane.deposit(load, 0, &mut wakes, |runs| {
                runs.records.push_back(Record::Item(Item::Chunk(chunk)));
            });
        }
        wakes.fire();
    }
}

/// A socket's end of a pipe from a session.
#[derive(Debug)]
pub struct Inflow {
    intake: Intake,
    reader: Reader,
}

impl Default for Inflow {
    fn default() -> Self {
        let (intake, reader) = Intake::new();
        Self { intake, reader }
    }
}

impl Inflow {
    /// Scans received bytes and hands the run over.
    pub fn deposit(&mut self, bytes: &[u8]) {
        self.intake.deposit(bytes);
    }

    /// Reads all messages there are, one after the other into the same place; how many.
    pub fn read(&mut self) -> usize {
        let mut message = Message::new();
        let mut count = 0;
        loop {
            let mut wakes = Wakes::new();
            let reading = self.reader.read(&mut message, &mut wakes);
            wakes.fire();
            if !matches!(reading, Reading::Message(_)) {
                return count;
            }
            std::hint::black_box(&message);
            count += 1;
        }
    }
}

// ---- routing

/// The outbound policies of several patterns, each over some pipes to sessions.
#[derive(Debug)]
pub struct Outward<P> {
    policy: P,
    ways: Vec<Way>,
}

impl<P> Outward<P> {
    fn of(mut policy: P, peers: usize, mut attach: impl FnMut(&mut P, Writer)) -> Self {
        let ways = Vec::from_iter((0..peers).map(|_| Way::new(false)));
        for (id, way) in ways.iter().enumerate() {
            attach(&mut policy, Writer::new(id as PipeId, way.outlet()));
        }
        Self { policy, ways }
    }

    /// Works off all that was sent; how many messages that were.
    pub fn drain(&mut self) -> usize {
        self.ways.iter_mut().map(Way::drain).sum()
    }
}

/// PUSH's and DEALER's.
#[derive(Debug)]
pub struct Balance(LoadBalancer);

impl Outward<Balance> {
    /// Over so many peers.
    pub fn balance(peers: usize) -> Self {
        let policy = Balance(LoadBalancer::new());
        Self::of(policy, peers, |policy, writer| policy.0.attach(writer))
    }

    /// Sends copies of a message, one after the other.
    pub fn send(&mut self, message: &Message, times: usize) {
        for _ in 0..times {
            let mut wakes = Wakes::new();
            self.policy.0.send(&mut Some(message.clone()), &mut wakes);
            wakes.fire();
        }
    }
}

/// ROUTER's.
#[derive(Debug)]
pub struct Names(Table, Vec<RoutingId>);

impl Outward<Names> {
    /// Over so many peers, who have generated ids.
    pub fn names(peers: usize) -> Self {
        let policy = Names(Table::new(0), Vec::new());
        Self::of(policy, peers, |Names(table, ids), writer| {
            let pipe = writer.pipe();
            table.attach(writer);
            let number = (pipe as u32).to_be_bytes();
            let id = RoutingId::generated([0, number[0], number[1], number[2], number[3]]);
            table.register(pipe, Some(&id), false);
            ids.push(id);
        })
    }

    /// Sends copies of a message, to one peer after the other.
    pub fn send(&mut self, message: &Message, times: usize) {
        let Names(table, ids) = &mut self.policy;
        for id in ids.iter().cycle().take(times) {
            let mut wakes = Wakes::new();
            table.send(id, &mut Some(message.clone()), &mut wakes);
            wakes.fire();
        }
    }
}

/// PUB's.
#[derive(Debug)]
pub struct Copying(Distributor);

impl Outward<Copying> {
    /// Over so many peers, who want everything.
    pub fn copying(peers: usize) -> Self {
        let rules = Rules {
            invert: false,
            nodrop: false,
            max_topics: usize::MAX,
            max_topic_bytes: usize::MAX,
            max_topics_of_one: None,
            slow: SlowSubscriber::default(),
        };
        let policy = Copying(Distributor::new(rules));
        Self::of(policy, peers, |policy, writer| {
            let pipe = writer.pipe();
            policy.0.attach(writer);
            // There is no limit that could refuse it.
            let _ = policy.0.subscribe(pipe, b"");
        })
    }

    /// Sends a message to all, so many times.
    pub fn send(&mut self, message: &Message, times: usize) {
        for _ in 0..times {
            let mut wakes = Wakes::new();
            self.policy.0.send(&mut Some(message.clone()), &mut wakes);
            wakes.fire();
        }
    }
}

/// The inbound policy of all patterns, over some pipes from sessions.
#[derive(Debug)]
pub struct Inward {
    readers: FairQueue,
    intakes: Vec<Intake>,
}

impl Inward {
    /// From so many peers.
    pub fn new(peers: usize) -> Self {
        let mut readers = FairQueue::new();
        let intakes = Vec::from_iter((0..peers).map(|id| {
            let (intake, reader) = Intake::new();
            readers.attach(id as PipeId, reader);
            intake
        }));
        Self { readers, intakes }
    }

    /// Has the same bytes arrive from each peer.
    pub fn deposit(&mut self, bytes: &[u8]) {
        for (id, intake) in self.intakes.iter_mut().enumerate() {
            intake.deposit(bytes);
            self.readers.activate(id as PipeId);
        }
    }

    /// Receives all messages there are, one after the other into the same place; how many.
    pub fn recv(&mut self) -> usize {
        let mut message = Message::new();
        let mut count = 0;
        loop {
            let mut wakes = Wakes::new();
            let received = self
                .readers
                .recv_with(&mut message, &mut wakes, |_, _| ())
                .is_some();
            wakes.fire();
            if !received {
                return count;
            }
            std::hint::black_box(&message);
            count += 1;
        }
    }
}

/// Who wants what.
#[derive(Debug)]
pub struct Topics(Subscriptions);

impl Topics {
    /// Each of these topics is wanted by one of so many subscribers, in turn.
    pub fn new<T: AsRef<[u8]>>(topics: &[T], subscribers: usize) -> Self {
        let mut subscriptions = Subscriptions::new();
        for (number, topic) in topics.iter().enumerate() {
            subscriptions.add(topic.as_ref(), (number % subscribers) as PipeId);
        }
        Self(subscriptions)
    }

    /// To how many subscriptions this belongs.
    pub fn matching(&self, text: &[u8]) -> usize {
        let mut count = 0;
        self.0.matching(text, |_| count += 1);
        count
    }
}
