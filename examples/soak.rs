//! Peers of all types come and go at random for a while, over tcp, ipc and inproc, and every
//! message is accounted for.
//!
//! ```text
//! cargo run --release --example soak -- [seconds] [seed]
//! ```
//!
//! Fifty sockets and more at a time, in small cells of one pattern each:
//!
//! ```text
//!            ┌── spoke              the hub binds one to three endpoints, each spoke connects to
//!   hub ─────┼── spoke              one of them. Spokes join, leave and move; the hub leaves and
//!            └── spoke              comes back, to the same endpoints or to others.
//! ```
//!
//! What is checked of the `stats()` of every socket, time and again, before it leaves, and after it
//! is closed:
//!
//! * `accepted = written + send_queue + dropped`,
//! * `arrived = returned + recv_queue + discarded`,
//! * and both against what the application itself has counted.
//!
//! In an *orderly* cell nobody leaves before the others have paused and all that was sent has been
//! received. So the two laws join: what all sockets of the cell have `written` has `arrived` at
//! them, to the last message and the last byte. In a *rude* cell they leave in the middle of it all;
//! there no more can arrive than was accepted.
//!
//! In the end the same is asked of all sockets together. What was written and has not arrived was lost
//! in the kernel with a connection that was cut, which nobody does in an orderly cell.
//!
//! Queues are limited in messages and in bytes, for each and for all together, and publishers differ
//! in what they do with slow subscribers.
//!
//! Prints a table for each pattern; exits with code 1 if anything is missing.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use zocket::{
    Builder, Context, Endpoint, Frame, Message, RecvError, SendFailure, SlowSubscriber, Socket,
    SocketType, Stats, TryRecvError, TrySendError,
};

/// What should happen has not happened if it takes longer than this.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a call waits that is to wait at all: one thread moves all the peers of a cell.
const MOMENT: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    let usage = "usage: soak [seconds] [seed]";
    let given: Vec<String> = env::args().skip(1).collect();
    let (seconds, seed) = match given.as_slice() {
        [] => (Ok(60), Ok(1)),
        [seconds] => (seconds.parse(), Ok(1)),
        [seconds, seed] => (seconds.parse(), seed.parse()),
        _ => {
            println!("{usage}");
            return ExitCode::FAILURE;
        }
    };
    let (Ok(seconds), Ok(seed)) = (seconds, seed) else {
        println!("{usage}");
        return ExitCode::FAILURE;
    };
    match soak(Duration::from_secs(seconds), seed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(faults) => {
            for fault in &faults {
                eprintln!("\n{fault}");
            }
            eprintln!("\n{} cells failed (seed {seed})", faults.len());
            ExitCode::FAILURE
        }
    }
}

/// Runs all cells, each on a thread of its own, and prints what came of them.
fn soak(duration: Duration, seed: u64) -> Result<(), Vec<String>> {
    let broken = |error: &dyn fmt::Display| vec![error.to_string()];
    let directory = env::temp_dir().join(format!("zocket-soak-{}", std::process::id()));
    fs::create_dir_all(&directory).map_err(|error| broken(&error))?;
    let context = Context::builder()
        .io_threads(2)
        .memory_budget(4 << 20)
        .build()
        .map_err(|error| broken(&error))?;

    let here = Here::default();
    let start = Instant::now();
    let until = start + duration;
    let mut cells = Vec::new();
    for group in GROUPS {
        for (hub_side, manners) in [
            (Side::A, Manners::Orderly),
            (Side::B, Manners::Orderly),
            (Side::A, Manners::Rude),
        ] {
            let number = cells.len();
            cells.push(Cell {
                number,
                group,
                hub_side,
                manners,
                rng: Random::new(seed.wrapping_mul(1000).wrapping_add(number as u64)),
                context: &context,
                directory: &directory,
                here: &here,
                hub: None,
                endpoints: Vec::new(),
                spokes: Vec::new(),
                departed: Vec::new(),
                totals: Totals::default(),
                happened: Happened::default(),
                log: VecDeque::new(),
                named: 0,
            });
        }
    }
    let outcomes: Vec<(Group, Manners, Result<Report, String>)> = thread::scope(|threads| {
        let running: Vec<_> = cells
            .into_iter()
            .map(|cell| {
                let (group, manners) = (cell.group, cell.manners);
                (group, manners, threads.spawn(move || cell.run(until)))
            })
            .collect();
        running
            .into_iter()
            .map(|(group, manners, thread)| {
                let outcome = thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                (group, manners, outcome)
            })
            .collect()
    });
    let _ = fs::remove_dir_all(&directory);

    let mut tables: BTreeMap<(Group, Manners), Report> = BTreeMap::new();
    let mut faults = Vec::new();
    for (group, manners, outcome) in outcomes {
        match outcome {
            Ok(report) => tables.entry((group, manners)).or_default().add(&report),
            Err(fault) => faults.push(fault),
        }
    }
    if context.memory_used() > 0 {
        let used = context.memory_used();
        faults.push(format!(
            "all are gone, and {used} bytes are in their queues"
        ));
    }
    print_tables(&tables);
    if faults.is_empty() {
        faults.extend(settle_accounts(&tables).err());
    }
    println!(
        "\nat most {} peers at a time; {:.1} s, seed {seed}",
        here.most.load(Ordering::Relaxed),
        start.elapsed().as_secs_f32()
    );
    if faults.is_empty() {
        println!("every message is accounted for");
        Ok(())
    } else {
        Err(faults)
    }
}

// ---- who there is

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    PushPull,
    PubSub,
    XPubXSub,
    ReqRep,
    DealerRouter,
    Pair,
}

const GROUPS: [Group; 6] = [
    Group::PushPull,
    Group::PubSub,
    Group::XPubXSub,
    Group::ReqRep,
    Group::DealerRouter,
    Group::Pair,
];

/// Of the two types that make up a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    A,
    B,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Manners {
    Orderly,
    Rude,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::PushPull => "PUSH/PULL",
            Self::PubSub => "PUB/SUB",
            Self::XPubXSub => "XPUB/XSUB",
            Self::ReqRep => "REQ/REP",
            Self::DealerRouter => "DEALER/ROUTER",
            Self::Pair => "PAIR",
        }
    }

    /// A type for one side: now and then a relative of the usual one.
    fn kind(self, side: Side, rng: &mut Random) -> SocketType {
        let relative = rng.one_in(4);
        match (self, side) {
            (Self::PushPull, Side::A) => SocketType::Push,
            (Self::PushPull, Side::B) => SocketType::Pull,
            (Self::PubSub, Side::A) if relative => SocketType::XPub,
            (Self::PubSub, Side::A) => SocketType::Pub,
            (Self::PubSub, Side::B) if relative => SocketType::XSub,
            (Self::PubSub, Side::B) => SocketType::Sub,
            (Self::XPubXSub, Side::A) => SocketType::XPub,
            (Self::XPubXSub, Side::B) => SocketType::XSub,
            (Self::ReqRep, Side::A) if relative => SocketType::Dealer,
            (Self::ReqRep, Side::A) => SocketType::Req,
            (Self::ReqRep, Side::B) => SocketType::Rep,
            (Self::DealerRouter, Side::A) if relative => SocketType::Req,
            (Self::DealerRouter, Side::A) => SocketType::Dealer,
            (Self::DealerRouter, Side::B) => SocketType::Router,
            (Self::Pair, _) => SocketType::Pair,
        }
    }

    fn most_spokes(self) -> usize {
        match self {
            Self::Pair => 1,
            _ => 4,
        }
    }
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Tcp,
    Ipc,
    Inproc,
}

const TRANSPORTS: &[Transport] = if cfg!(unix) {
    &[Transport::Tcp, Transport::Ipc, Transport::Inproc]
} else {
    &[Transport::Tcp, Transport::Inproc]
};

/// How many peers there are, and have been at most.
#[derive(Debug, Default)]
struct Here {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Here {
    fn come(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
    }

    fn go(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One socket, and what its application knows of it.
struct Peer {
    name: String,
    kind: SocketType,
    socket: Socket,
    /// Reads rarely, so that its queue fills up.
    slow: bool,
    /// Where a spoke is connected to, and whether that was by inproc, which does not connect again
    /// by itself when the other side comes back.
    home: Option<Endpoint>,
    parted: bool,
    /// Nobody is bound there for the moment.
    away: bool,
    /// Sent with success, and received.
    sent: u64,
    received: u64,
    /// REQ: has asked; REP: has been asked.
    under_way: bool,
    /// REQ: whoever it has asked may be gone.
    bears_loss: bool,
    /// REQ: may ask again before it was answered.
    relaxed: bool,
    /// REP: what it was asked.
    asked: Message,
    /// ROUTER: who has sent something.
    known: Vec<Frame>,
    /// SUB, XSUB.
    topics: Vec<String>,
}

impl Peer {
    /// Whether one message sent is accepted any number of times.
    fn fans_out(&self) -> bool {
        matches!(
            self.kind,
            SocketType::Pub | SocketType::XPub | SocketType::XSub
        )
    }

    fn is_inproc(&self) -> bool {
        let home = self.home.as_ref().map(Endpoint::to_string);
        home.is_some_and(|home| home.starts_with("inproc:"))
    }

    /// What its stats do not account for, if anything.
    fn unaccounted(&self, stats: &Stats) -> Option<String> {
        let left = stats.written.messages + stats.send_queue.messages + stats.dropped.total();
        if stats.accepted.messages != left {
            return Some(format!(
                "accepted {} is not written + send_queue + dropped = {left}",
                stats.accepted.messages
            ));
        }
        let came = stats.returned.messages + stats.recv_queue.messages + stats.discarded.total();
        if stats.arrived.messages != came {
            return Some(format!(
                "arrived {} is not returned + recv_queue + discarded = {came}",
                stats.arrived.messages
            ));
        }
        if stats.returned.messages != self.received {
            return Some(format!(
                "returned {}, but {} were received",
                stats.returned.messages, self.received
            ));
        }
        let accepted = stats.accepted.messages;
        if accepted < self.sent || accepted > self.sent && !self.fans_out() {
            return Some(format!("accepted {accepted}, but {} were sent", self.sent));
        }
        if stats.dropped.total() == 0
            && stats.accepted.bytes != stats.written.bytes + stats.send_queue.bytes
        {
            return Some(format!(
                "nothing dropped, and accepted {} bytes are not written + send_queue",
                stats.accepted.bytes
            ));
        }
        None
    }
}

// ---- a cell

/// A hub and its spokes, moved by one thread.
struct Cell<'a> {
    number: usize,
    group: Group,
    hub_side: Side,
    manners: Manners,
    rng: Random,
    context: &'a Context,
    directory: &'a Path,
    here: &'a Here,
    hub: Option<Peer>,
    /// Where the hub is bound, or was last.
    endpoints: Vec<(Transport, Endpoint)>,
    spokes: Vec<Peer>,
    /// Closed, but something of theirs is still to be taken by others (over inproc).
    departed: Vec<Peer>,
    /// What those counted who are gone altogether.
    totals: Totals,
    happened: Happened,
    /// What was done of late.
    log: VecDeque<String>,
    named: usize,
}

/// What a cell has come to.
#[derive(Debug, Default)]
struct Report {
    totals: Totals,
    happened: Happened,
}

#[derive(Debug, Default)]
struct Happened {
    joined: u64,
    left: u64,
    moved: u64,
    rebound: u64,
    returned: u64,
}

/// What went wrong.
type Fault = String;

impl Cell<'_> {
    fn run(mut self, until: Instant) -> Result<Report, String> {
        match self.live(until) {
            Ok(()) => Ok(Report {
                totals: self.totals,
                happened: self.happened,
            }),
            Err(fault) => Err(self.describe(&fault)),
        }
    }

    fn live(&mut self, until: Instant) -> Result<(), Fault> {
        self.bring_hub()?;
        while Instant::now() < until {
            // Some traffic, then some change.
            let pause = Duration::from_millis(5 + self.rng.below(60));
            let next = Instant::now() + pause;
            while Instant::now() < next {
                if !self.traffic()? {
                    thread::sleep(Duration::from_micros(300));
                }
            }
            self.check_all()?;
            match self.rng.below(8) {
                0..=2 if self.spokes.len() < self.group.most_spokes() => self.join()?,
                3 | 4 if !self.spokes.is_empty() => {
                    let which = self.rng.index(self.spokes.len());
                    self.leave(Some(which))?;
                }
                5 | 6 if self.hub.is_none() => self.bring_hub()?,
                5 if self.rng.one_in(2) => self.leave(None)?,
                7 if self.hub.is_some() && self.rng.one_in(3) => self.rebind()?,
                7 if self.hub.is_some() && !self.spokes.is_empty() => self.change_home()?,
                _ => {}
            }
        }
        if self.hub.is_none() {
            self.bring_hub()?;
        }
        if self.manners == Manners::Orderly {
            self.settle()?;
        }
        while !self.spokes.is_empty() {
            self.leave(Some(0))?;
        }
        self.leave(None)?;
        self.fold_departed(true)?;
        self.is_not_quiet().map_or(Ok(()), Err)
    }

    fn note(&mut self, what: String) {
        if self.log.len() == 30 {
            self.log.pop_front();
        }
        self.log.push_back(what);
    }

    // ---- coming and going

    /// Makes a socket, with options drawn at random.
    fn make(&mut self, side: Side) -> Result<Peer, Fault> {
        let mut kind = self.group.kind(side, &mut self.rng);
        if self.group == Group::DealerRouter && side == self.hub_side && kind == SocketType::Req {
            // A ROUTER that had a DEALER there might send it what is no reply.
            kind = SocketType::Dealer;
        }
        let rude = self.manners == Manners::Rude;
        let hwm = |rng: &mut Random| match rng.below(6) {
            0 => 1,
            1 => 10,
            2 => 100,
            3 => 0,
            _ => 1000,
        };
        let mut builder: Builder<Socket> = Socket::builder(kind)
            .context(self.context)
            .reconnect_interval(Duration::from_millis(5))
            .reconnect_interval_max(Duration::from_millis(20))
            .linger(Duration::from_millis(self.rng.below(2) * 20))
            .immediate(self.rng.one_in(6));
        if kind != SocketType::Pull {
            builder = builder.send_hwm(hwm(&mut self.rng));
        }
        if kind != SocketType::Push {
            builder = builder.recv_hwm(hwm(&mut self.rng));
        }
        let bytes = |rng: &mut Random| (rng.one_in(4)).then(|| 1 + rng.below(50_000) as usize);
        if kind != SocketType::Pull {
            builder = builder.send_limit_bytes(bytes(&mut self.rng));
        }
        if kind != SocketType::Push {
            builder = builder.recv_limit_bytes(bytes(&mut self.rng));
        }
        if matches!(kind, SocketType::Pub | SocketType::XPub) {
            builder = builder.slow_subscriber(match self.rng.below(4) {
                0 | 1 => SlowSubscriber::DropNewest,
                2 if rude => SlowSubscriber::Disconnect,
                _ => SlowSubscriber::DropOldest,
            });
        }
        let conflates = matches!(
            kind,
            SocketType::Push
                | SocketType::Pull
                | SocketType::Pub
                | SocketType::Sub
                | SocketType::Dealer
        );
        if rude && conflates && self.rng.one_in(4) {
            builder = builder.conflate(true);
        }
        match kind {
            SocketType::Dealer | SocketType::Req if self.rng.one_in(2) => {
                builder = builder.routing_id(format!("peer-{}-{}", self.number, self.named));
            }
            SocketType::Pub => builder = builder.nodrop(self.rng.one_in(8)),
            SocketType::XPub => {
                builder = builder
                    .nodrop(self.rng.one_in(8))
                    .verbose(self.rng.one_in(2));
                if self.rng.one_in(4) {
                    builder = builder.welcome_message("a welcome");
                }
            }
            _ => {}
        }
        let relaxed = rude && self.rng.one_in(2);
        if kind == SocketType::Req {
            builder = builder.correlate(self.rng.one_in(2));
            builder = builder.relaxed(relaxed);
        }
        let socket = builder.build().map_err(|error| error.to_string())?;
        self.named += 1;
        let mut peer = Peer {
            name: format!("{kind}-{}", self.named),
            kind,
            socket,
            slow: self.rng.one_in(3),
            home: None,
            parted: false,
            away: false,
            sent: 0,
            received: 0,
            under_way: false,
            bears_loss: rude,
            relaxed,
            asked: Message::new(),
            known: Vec::new(),
            topics: Vec::new(),
        };
        if matches!(kind, SocketType::Sub | SocketType::XSub) {
            for _ in 0..=self.rng.below(3) {
                change_topics(&mut peer, &mut self.rng)?;
            }
        }
        self.here.come();
        Ok(peer)
    }

    /// The hub comes, or comes back: to where it was, or somewhere else.
    fn bring_hub(&mut self) -> Result<(), Fault> {
        let hub = self.make(self.hub_side)?;
        let elsewhere = self.endpoints.is_empty() || self.rng.one_in(3);
        if !elsewhere {
            for (_, endpoint) in &self.endpoints {
                bind(&hub, endpoint)?;
            }
        } else {
            let old = std::mem::take(&mut self.endpoints);
            let some = 1 + self.rng.below((1 << TRANSPORTS.len()) - 1);
            for (bit, &transport) in TRANSPORTS.iter().enumerate() {
                if some & (1 << bit) != 0 {
                    let endpoint = bind(&hub, self.fresh_endpoint(transport))?;
                    self.endpoints.push((transport, endpoint));
                }
            }
            for spoke in &mut self.spokes {
                spoke.parted |= !old.is_empty();
            }
        }
        self.note(format!("{} is the hub, at {:?}", hub.name, self.places()));
        self.hub = Some(hub);
        self.happened.returned += 1;
        for at in 0..self.spokes.len() {
            if self.spokes[at].parted {
                self.disconnect_spoke(at)?;
                self.connect_spoke(at)?;
            }
        }
        Ok(())
    }

    fn places(&self) -> Vec<String> {
        let places = self.endpoints.iter();
        places.map(|(_, endpoint)| endpoint.to_string()).collect()
    }

    /// Where nobody is bound, and nobody else will be.
    fn fresh_endpoint(&mut self, transport: Transport) -> String {
        self.named += 1;
        match transport {
            // A loopback address of its own where there is more than one: no other cell can be
            // given a port that this one's spokes still connect to.
            Transport::Tcp if cfg!(target_os = "linux") => {
                let [_, _, a, b] = std::process::id().to_be_bytes();
                format!("tcp://127.{a}.{b}.{}:*", 2 + self.number)
            }
            Transport::Tcp => "tcp://127.0.0.1:*".to_owned(),
            Transport::Ipc => {
                let file = format!("{}-{}", self.number, self.named);
                let path: PathBuf = self.directory.join(file);
                format!("ipc://{}", path.display())
            }
            Transport::Inproc => format!("inproc://soak-{}-{}", self.number, self.named),
        }
    }

    /// A spoke lets go of the endpoint that it is connected to.
    fn disconnect_spoke(&mut self, at: usize) -> Result<(), Fault> {
        let spoke = &mut self.spokes[at];
        if let Some(home) = spoke.home.take() {
            let done = spoke.socket.disconnect(&home);
            done.map_err(|error| format!("{}: {error}", spoke.name))?;
            // A request may have been queued there.
            spoke.bears_loss = true;
        }
        Ok(())
    }

    /// Connects a spoke to one of the hub's endpoints.
    fn connect_spoke(&mut self, at: usize) -> Result<(), Fault> {
        let (_, endpoint) = &self.endpoints[self.rng.index(self.endpoints.len())];
        let spoke = &mut self.spokes[at];
        let connected = spoke.socket.connect(endpoint);
        let connected = connected.map_err(|error| format!("{}: {error}", spoke.name))?;
        let what = format!("{} connects to {connected}", spoke.name);
        spoke.home = Some(connected);
        spoke.parted = false;
        self.note(what);
        Ok(())
    }

    fn join(&mut self) -> Result<(), Fault> {
        let spoke = self.make(self.hub_side.other())?;
        self.spokes.push(spoke);
        self.happened.joined += 1;
        self.connect_spoke(self.spokes.len() - 1)
    }

    /// A spoke goes from one endpoint of the hub to another, or to the same.
    fn change_home(&mut self) -> Result<(), Fault> {
        let orderly = self.manners == Manners::Orderly;
        if orderly {
            self.settle()?;
        }
        let at = self.rng.index(self.spokes.len());
        self.disconnect_spoke(at)?;
        if orderly {
            // Until the hub knows, it might still send to where nobody reads.
            self.await_peers()?;
        }
        self.connect_spoke(at)?;
        self.happened.moved += 1;
        Ok(())
    }

    /// The hub gives its endpoints up, which ends the connections accepted there (but not the pipes
    /// of inproc), and binds them again.
    fn rebind(&mut self) -> Result<(), Fault> {
        let orderly = self.manners == Manners::Orderly;
        if orderly {
            self.settle()?;
        }
        let Some(hub) = &self.hub else {
            return Ok(());
        };
        for (_, endpoint) in &self.endpoints {
            let done = hub.socket.unbind(endpoint);
            done.map_err(|error| format!("{}: {error}", hub.name))?;
        }
        for spoke in &mut self.spokes {
            spoke.away = !spoke.is_inproc();
        }
        if orderly {
            self.await_peers()?;
        }
        if let Some(hub) = &self.hub {
            for (_, endpoint) in &self.endpoints {
                bind(hub, endpoint)?;
            }
        }
        for spoke in &mut self.spokes {
            spoke.away = false;
        }
        self.note("the hub binds again".to_owned());
        self.happened.rebound += 1;
        Ok(())
    }

    /// A spoke leaves, or the hub.
    fn leave(&mut self, which: Option<usize>) -> Result<(), Fault> {
        let orderly = self.manners == Manners::Orderly;
        // Without a hub nobody is connected: what a spoke has queued goes with it.
        let connected = self.hub.is_some();
        if orderly && connected {
            self.settle()?;
        }
        let peer = match which {
            Some(at) => self.spokes.swap_remove(at),
            None => match self.hub.take() {
                Some(hub) => hub,
                None => return Ok(()),
            },
        };
        if which.is_none() {
            for spoke in &mut self.spokes {
                spoke.parted |= spoke.is_inproc();
            }
        }
        let closed = peer.socket.close();
        self.here.go();
        self.happened.left += 1;
        self.note(format!("{} leaves: {closed:?}", peer.name));
        if orderly
            && connected
            && let Err(unsent) = closed
        {
            return Err(format!("{}: it had settled, but: {unsent}", peer.name));
        }
        self.departed.push(peer);
        self.fold_departed(orderly)?;
        if orderly {
            self.await_peers()?;
        }
        Ok(())
    }

    /// Adds up what those who left have counted, once nothing of theirs is on the move any more;
    /// `now` if that is to be so within a moment.
    fn fold_departed(&mut self, now: bool) -> Result<(), Fault> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut waits_for = None;
            for peer in std::mem::take(&mut self.departed) {
                let stats = peer.socket.stats();
                let unaccounted = peer.unaccounted(&stats).or_else(|| {
                    (stats.send_queue.messages + stats.recv_queue.messages > 0)
                        .then(|| "something is still in its queues".to_owned())
                });
                let unaccounted = unaccounted.or_else(|| {
                    let now = stats.connections.now;
                    (now > 0).then(|| format!("has {now} connections"))
                });
                match unaccounted {
                    None => self.totals.add(&stats),
                    Some(why) => {
                        waits_for = Some(format!("{} is closed, but {why}", peer.name));
                        self.departed.push(peer);
                    }
                }
            }
            match waits_for {
                Some(why) if now && Instant::now() > deadline => return Err(why),
                Some(_) if now => thread::sleep(Duration::from_micros(200)),
                _ => return Ok(()),
            }
        }
    }

    // ---- looking

    /// The laws, of everyone, in the middle of it all.
    fn check_all(&mut self) -> Result<(), Fault> {
        for peer in self.hub.iter().chain(&self.spokes) {
            let deadline = Instant::now() + PATIENCE;
            while let Some(why) = peer.unaccounted(&peer.socket.stats()) {
                // What an I/O thread is at right now may be seen half done, but not for long.
                if Instant::now() > deadline {
                    return Err(format!("{}: {why}", peer.name));
                }
                thread::yield_now();
            }
        }
        self.fold_departed(false)
    }

    /// Waits until everyone knows who is there and who is not.
    fn await_peers(&mut self) -> Result<(), Fault> {
        let deadline = Instant::now() + PATIENCE;
        while let Some(why) = self.is_not_joined() {
            if Instant::now() > deadline {
                return Err(why);
            }
            thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    fn is_not_joined(&self) -> Option<String> {
        let here = u64::from(self.hub.is_some());
        let at_home = |spoke: &Peer| u64::from(spoke.home.is_some() && !spoke.away);
        let spokes: u64 = self.spokes.iter().map(at_home).sum();
        let hub = self.hub.iter().map(|hub| (hub, spokes * here));
        let spokes = self.spokes.iter();
        let mut all = hub.chain(spokes.map(|spoke| (spoke, here * at_home(spoke))));
        all.find_map(|(peer, expected)| {
            let peers = peer.socket.stats().peers;
            (peers != expected).then(|| format!("{} has {peers} peers, not {expected}", peer.name))
        })
    }

    /// Everyone pauses, until all that was sent has been received.
    fn settle(&mut self) -> Result<(), Fault> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut progress = true;
            while progress {
                progress = false;
                let Self {
                    hub, spokes, rng, ..
                } = self;
                for peer in hub.iter_mut().chain(spokes) {
                    progress |= drain(peer, rng)?;
                }
            }
            self.fold_departed(false)?;
            let Some(why) = self.is_not_joined().or_else(|| self.is_not_quiet()) else {
                return self.check_all();
            };
            if Instant::now() > deadline {
                return Err(why);
            }
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Why it cannot be said that all is received.
    fn is_not_quiet(&self) -> Option<String> {
        let orderly = self.manners == Manners::Orderly;
        let mut sums = self.totals;
        for peer in self.hub.iter().chain(&self.spokes).chain(&self.departed) {
            let stats = peer.socket.stats();
            let (out, inb) = (stats.send_queue.messages, stats.recv_queue.messages);
            if out + inb > 0 {
                return Some(format!("{} has {out} to send, {inb} to receive", peer.name));
            }
            if peer.under_way && orderly {
                return Some(format!("{} waits for an answer", peer.name));
            }
            sums.add(&stats);
        }
        let (written, arrived) = (sums.written, sums.arrived);
        let equal = (written, sums.written_bytes) == (arrived, sums.arrived_bytes);
        if orderly && !equal {
            return Some(format!(
                "written {written} ({} bytes) are not arrived {arrived} ({} bytes)",
                sums.written_bytes, sums.arrived_bytes
            ));
        }
        if arrived > sums.accepted {
            return Some(format!("more arrived ({arrived}) than was accepted"));
        }
        None
    }

    /// The fault, who is there, and what was done of late.
    fn describe(&self, fault: &str) -> String {
        let mut text = format!(
            "{} ({:?}, cell {}): {fault}",
            self.group.name(),
            self.manners,
            self.number
        );
        for peer in self.hub.iter().chain(&self.spokes).chain(&self.departed) {
            let stats = peer.socket.stats();
            let _ = write!(
                text,
                "\n  {} at {:?}: sent {}, received {}, under way {}, {stats:?}",
                peer.name, peer.home, peer.sent, peer.received, peer.under_way
            );
        }
        let _ = write!(text, "\n  gone: {:?}", self.totals);
        for line in &self.log {
            let _ = write!(text, "\n    {line}");
        }
        text
    }

    // ---- traffic

    /// Everyone does something; whether that came to anything.
    fn traffic(&mut self) -> Result<bool, Fault> {
        let Self {
            hub,
            spokes,
            rng,
            group,
            ..
        } = self;
        let mut progress = false;
        for peer in hub.iter_mut().chain(spokes) {
            progress |= act(peer, *group, rng)?;
        }
        Ok(progress)
    }
}

fn bind(hub: &Peer, endpoint: impl zocket::IntoEndpoint + fmt::Display) -> Result<Endpoint, Fault> {
    let whom = format!("{}: {endpoint}", hub.name);
    let bound = hub.socket.bind(endpoint);
    bound.map_err(|error| format!("{whom}: {error}"))
}

// ---- what a peer does

/// Sends and receives a little.
fn act(peer: &mut Peer, group: Group, rng: &mut Random) -> Result<bool, Fault> {
    let mut progress = false;
    match peer.kind {
        SocketType::Push | SocketType::Pub => return send_some(peer, group, rng),
        SocketType::Req => return exchange(peer, rng),
        SocketType::Sub => {}
        SocketType::XSub if !rng.one_in(8) => {}
        // These send in return for what they receive.
        SocketType::Pull | SocketType::Rep => {}
        SocketType::Router if !rng.one_in(4) => {}
        _ => progress |= send_some(peer, group, rng)?,
    }
    if matches!(peer.kind, SocketType::Sub | SocketType::XSub) && rng.one_in(32) {
        change_topics(peer, rng)?;
    }
    if peer.slow && !rng.one_in(32) {
        return Ok(progress);
    }
    for _ in 0..=rng.below(16) {
        if !receive(peer, rng, true)? {
            break;
        }
        progress = true;
    }
    Ok(progress)
}

/// Receives all there is, and answers who must be answered; whether there was anything.
fn drain(peer: &mut Peer, rng: &mut Random) -> Result<bool, Fault> {
    let mut progress = false;
    match peer.kind {
        SocketType::Push | SocketType::Pub => return Ok(false),
        SocketType::Req if !peer.under_way => return Ok(false),
        SocketType::Rep if peer.under_way => progress |= reply(peer)?,
        _ => {}
    }
    while receive(peer, rng, false)? {
        progress = true;
        if peer.kind == SocketType::Req {
            break;
        }
        if peer.kind == SocketType::Rep {
            reply(peer)?;
        }
    }
    Ok(progress)
}

fn send_some(peer: &mut Peer, group: Group, rng: &mut Random) -> Result<bool, Fault> {
    let mut progress = false;
    for _ in 0..=rng.below(12) {
        let mut message = compose(rng);
        match (peer.kind, group) {
            // A REP wants an envelope; what has none is discarded.
            (SocketType::Dealer, Group::ReqRep) if !rng.one_in(16) => {
                message.push_front(Frame::new());
            }
            (SocketType::Router, _) => match rng.choose(&peer.known) {
                Some(id) if !rng.one_in(8) => message.push_front(id.clone()),
                _ => message.push_front("nobody"),
            },
            _ => {}
        }
        if !send(peer, message, rng)? {
            break;
        }
        progress = true;
    }
    Ok(progress)
}

/// Whether it was accepted.
fn send(peer: &mut Peer, message: Message, rng: &mut Random) -> Result<bool, Fault> {
    let failed = |error: &dyn fmt::Display| Err(format!("{}: {error}", peer.name));
    if rng.one_in(8) {
        match peer.socket.send_timeout(message, MOMENT) {
            Ok(()) => {}
            Err(error) if error.reason == SendFailure::Timeout => return Ok(false),
            Err(error) => return failed(&error),
        }
    } else {
        match peer.socket.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Ok(false),
            Err(error) => return failed(&error),
        }
    }
    peer.sent += 1;
    Ok(true)
}

/// One message, if there is one; a ROUTER may answer it.
fn receive(peer: &mut Peer, rng: &mut Random, may_wait: bool) -> Result<bool, Fault> {
    if peer.kind == SocketType::Rep && peer.under_way {
        return reply(peer);
    }
    let mut message = match next(peer, may_wait && rng.one_in(16))? {
        Some(message) => message,
        None => return Ok(false),
    };
    match peer.kind {
        // What an XPUB is told of subscriptions are no messages.
        SocketType::XPub if matches!(message.first().first(), Some(0 | 1)) => return Ok(true),
        SocketType::Rep => {
            peer.under_way = true;
            peer.asked = message;
        }
        SocketType::Router => {
            let id = message.pop_front().unwrap_or_default();
            let asked = is_request(&message);
            if !asked && !peer.known.contains(&id) {
                peer.known.push(id.clone());
            }
            // A REQ must be answered, a DEALER may be.
            if asked || may_wait && rng.one_in(2) {
                message.push_front(id);
                peer.received += 1;
                send(peer, message, rng)?;
                return Ok(true);
            }
        }
        SocketType::Req => peer.under_way = false,
        _ => {}
    }
    peer.received += 1;
    Ok(true)
}

/// Whether it is what a REQ sends: a number perhaps, an empty frame, the body.
fn is_request(message: &Message) -> bool {
    let empty = |at| message.get(at).is_some_and(|frame| frame.is_empty());
    empty(0) || message.first().len() == 4 && empty(1)
}

fn next(peer: &mut Peer, wait: bool) -> Result<Option<Message>, Fault> {
    let failed = |error: &dyn fmt::Display| Err(format!("{}: {error}", peer.name));
    if wait {
        return match peer.socket.recv_timeout(MOMENT) {
            Ok(message) => Ok(Some(message)),
            Err(RecvError::Timeout) => Ok(None),
            Err(RecvError::PeerLost) if peer.bears_loss => {
                peer.under_way = false;
                Ok(None)
            }
            Err(error) => failed(&error),
        };
    }
    match peer.socket.try_recv() {
        Ok(message) => Ok(Some(message)),
        Err(TryRecvError::Empty) => Ok(None),
        Err(TryRecvError::PeerLost) if peer.bears_loss => {
            peer.under_way = false;
            Ok(None)
        }
        Err(error) => failed(&error),
    }
}

/// A REP answers what it was asked.
fn reply(peer: &mut Peer) -> Result<bool, Fault> {
    let reply = std::mem::take(&mut peer.asked);
    let sent = peer.socket.try_send(reply);
    sent.map_err(|error| format!("{}: {error}", peer.name))?;
    peer.under_way = false;
    peer.sent += 1;
    Ok(true)
}

/// A REQ asks, or looks for the reply.
fn exchange(peer: &mut Peer, rng: &mut Random) -> Result<bool, Fault> {
    if !peer.under_way || peer.relaxed && rng.one_in(16) {
        let sent = send(peer, compose(rng), rng)?;
        peer.under_way = sent;
        return Ok(sent);
    }
    receive(peer, rng, true)
}

/// Subscribes to something, or takes something back.
fn change_topics(peer: &mut Peer, rng: &mut Random) -> Result<(), Fault> {
    let changed = if rng.one_in(3) && peer.topics.len() > 1 {
        let topic = peer.topics.swap_remove(rng.index(peer.topics.len()));
        peer.socket.unsubscribe(&topic)
    } else if peer.topics.len() < 8 {
        let topic = topic(rng);
        let subscribed = peer.socket.subscribe(&topic);
        peer.topics.push(topic);
        subscribed
    } else {
        Ok(())
    };
    changed.map_err(|error| format!("{}: {error}", peer.name))
}

/// One to three letters.
fn topic(rng: &mut Random) -> String {
    let letter = |rng: &mut Random| char::from(b'a' + rng.below(4) as u8);
    (0..=rng.below(2)).map(|_| letter(rng)).collect()
}

/// One to three frames: mostly small, now and then not.
fn compose(rng: &mut Random) -> Message {
    let mut message = Message::from(format!("{} {}", topic(rng), rng.below(1000)));
    for _ in 0..rng.below(3) {
        let size = match rng.below(40) {
            0 => rng.below(40_000),
            1..=9 => rng.below(2_000),
            _ => rng.below(100),
        };
        message.push_back(vec![b'.'; size as usize]);
    }
    message
}

// ---- sums

/// What some sockets have counted together.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    sockets: u64,
    accepted: u64,
    written: u64,
    written_bytes: u64,
    full: u64,
    displaced: u64,
    unroutable: u64,
    unwanted: u64,
    with_peer: u64,
    arrived: u64,
    arrived_bytes: u64,
    returned: u64,
    malformed: u64,
    stale: u64,
    filtered: u64,
    conflated: u64,
    subscriptions: u64,
    unexpected: u64,
    unread: u64,
    connections: u64,
    reconnected: u64,
    evicted: u64,
}

impl Totals {
    fn dropped(&self) -> u64 {
        self.full + self.displaced + self.unroutable + self.unwanted + self.with_peer
    }

    fn discarded(&self) -> u64 {
        self.malformed
            + self.stale
            + self.filtered
            + self.conflated
            + self.subscriptions
            + self.unexpected
            + self.unread
    }

    fn add(&mut self, stats: &Stats) {
        self.sum(&Self {
            sockets: 1,
            accepted: stats.accepted.messages,
            written: stats.written.messages,
            written_bytes: stats.written.bytes,
            full: stats.dropped.full,
            displaced: stats.dropped.displaced,
            unroutable: stats.dropped.unroutable,
            unwanted: stats.dropped.unwanted,
            with_peer: stats.dropped.with_peer,
            arrived: stats.arrived.messages,
            arrived_bytes: stats.arrived.bytes,
            returned: stats.returned.messages,
            malformed: stats.discarded.malformed,
            stale: stats.discarded.stale,
            filtered: stats.discarded.filtered,
            conflated: stats.discarded.conflated,
            subscriptions: stats.discarded.subscriptions,
            unexpected: stats.discarded.unexpected,
            unread: stats.discarded.unread,
            connections: stats.connections.ever,
            reconnected: stats.connections.reconnected,
            evicted: stats.connections.evicted,
        });
    }

    fn sum(&mut self, other: &Self) {
        self.sockets += other.sockets;
        self.accepted += other.accepted;
        self.written += other.written;
        self.written_bytes += other.written_bytes;
        self.full += other.full;
        self.displaced += other.displaced;
        self.unroutable += other.unroutable;
        self.unwanted += other.unwanted;
        self.with_peer += other.with_peer;
        self.arrived += other.arrived;
        self.arrived_bytes += other.arrived_bytes;
        self.returned += other.returned;
        self.malformed += other.malformed;
        self.stale += other.stale;
        self.filtered += other.filtered;
        self.conflated += other.conflated;
        self.subscriptions += other.subscriptions;
        self.unexpected += other.unexpected;
        self.unread += other.unread;
        self.connections += other.connections;
        self.reconnected += other.reconnected;
        self.evicted += other.evicted;
    }
}

impl Report {
    fn add(&mut self, other: &Self) {
        self.totals.sum(&other.totals);
        self.happened.joined += other.happened.joined;
        self.happened.left += other.happened.left;
        self.happened.moved += other.happened.moved;
        self.happened.rebound += other.happened.rebound;
        self.happened.returned += other.happened.returned;
    }
}

fn print_tables(tables: &BTreeMap<(Group, Manners), Report>) {
    for ((group, manners), Report { totals, happened }) in tables {
        println!(
            "\n{} ({}): {} sockets; {} joined, {} moved, {} hubs, {} bound again, {} left",
            group.name(),
            format!("{manners:?}").to_lowercase(),
            totals.sockets,
            happened.joined,
            happened.moved,
            happened.returned,
            happened.rebound,
            happened.left,
        );
        println!(
            "  accepted {:>9} = written  {:>9} + dropped   {}",
            totals.accepted,
            totals.written,
            causes(&[
                ("full", totals.full),
                ("displaced", totals.displaced),
                ("unroutable", totals.unroutable),
                ("unwanted", totals.unwanted),
                ("with peer", totals.with_peer),
            ])
        );
        println!(
            "  arrived  {:>9} = returned {:>9} + discarded {}",
            totals.arrived,
            totals.returned,
            causes(&[
                ("malformed", totals.malformed),
                ("stale", totals.stale),
                ("filtered", totals.filtered),
                ("conflated", totals.conflated),
                ("subscriptions", totals.subscriptions),
                ("unexpected", totals.unexpected),
                ("unread", totals.unread),
            ])
        );
        println!(
            "  {} connections, {} to a peer that was there before, {} ended for being slow",
            totals.connections, totals.reconnected, totals.evicted
        );
    }
}

/// The laws once more, of all sockets of all cells together, now that none is left.
fn settle_accounts(tables: &BTreeMap<(Group, Manners), Report>) -> Result<(), Fault> {
    for manners in [Manners::Orderly, Manners::Rude] {
        let mut sums = Totals::default();
        let reports = tables.iter().filter(|((_, theirs), _)| *theirs == manners);
        reports.for_each(|(_, report)| sums.sum(&report.totals));
        let whose = format!("all sockets of {manners:?} cells together").to_lowercase();
        let (accepted, written, arrived) = (sums.accepted, sums.written, sums.arrived);
        if accepted != written + sums.dropped() {
            return Err(format!(
                "{whose}: accepted is not written + dropped: {sums:?}"
            ));
        }
        if arrived != sums.returned + sums.discarded() {
            return Err(format!(
                "{whose}: arrived is not returned + discarded: {sums:?}"
            ));
        }
        // Over inproc what is left between two sockets has arrived at the one, and was dropped with it
        // by the other.
        let Some(lost) = (written + sums.with_peer).checked_sub(arrived) else {
            return Err(format!("{whose}: more arrived than was sent: {sums:?}"));
        };
        let is_cut = manners == Manners::Rude;
        if !is_cut && (written, sums.written_bytes) != (arrived, sums.arrived_bytes) {
            return Err(format!("{whose}: written is not arrived: {sums:?}"));
        }
        println!(
            "\n{whose}: accepted {accepted} = written {written} + dropped {}; \
             arrived {arrived} = returned {} + discarded {}; {}",
            sums.dropped(),
            sums.returned,
            sums.discarded(),
            if is_cut {
                format!("of what was sent to those who left {lost} were lost")
            } else {
                "all that was written has arrived".to_owned()
            }
        );
    }
    Ok(())
}

/// The sum, and what it is made of.
fn causes(causes: &[(&str, u64)]) -> String {
    let total: u64 = causes.iter().map(|(_, count)| count).sum();
    let parts: Vec<String> = causes
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(cause, count)| format!("{count} {cause}"))
        .collect();
    match parts.as_slice() {
        [] => "0".to_owned(),
        _ => format!("{total} ({})", parts.join(", ")),
    }
}

// ---- chance

/// Marsaglia's xorshift: the same run for the same seed, as far as the threads allow.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // Spread, and never zero.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `n`.
    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n.max(1)
    }

    fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn choose<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.index(from.len()))
    }
}
