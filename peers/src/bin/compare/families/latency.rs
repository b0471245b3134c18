//! REQ to REP and back: half a round trip, in microseconds.
//!
//! Over tcp and ipc a process that asks and one that answers; over inproc one with two threads.
//! What an application has beside it must not cost it much: see [`Beside`], which both processes
//! have. Raw is a blocking ping-pong, whose messages are framed and cut as in `raw`.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use super::in_both_modes;
use crate::case::{Attempt, Case, Figure, Length, Placement, Ran, Transport, Workload};
use crate::process::Crew;
use crate::side::{Answers, Asks, Idle, Libzmq, Raw, Receives, Result, Sends, Side, Zocket};
use crate::statistics::quantile;
use crate::task::Task;
use crate::worker::Parent;

pub(super) const NAME: &str = "latency";

const SIZES: [usize; 2] = [16, 1024];

/// Round trips before those that count.
pub(crate) const WARM_UP: u64 = 200;

const FIGURES: &[Figure] = &[
    Figure {
        name: "p50_us",
        unit: "µs",
    },
    Figure {
        name: "p99_us",
        unit: "µs",
    },
    Figure {
        name: "cpu_s_per_million",
        unit: "CPU seconds of all processes, start to end, per million round trips",
    },
];

/// What else there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// In both processes a second socket, connected, that a task waits for.
    Pending,
    /// The same, with a poller that a thread waits in.
    Poller,
    /// A second REP, which the REQ asks in turn with the first.
    TwoPeers,
    /// A second I/O thread in both processes.
    TwoThreads,
}

impl Beside {
    const ALL: [Self; 5] = [
        Self::Nothing,
        Self::Pending,
        Self::Poller,
        Self::TwoPeers,
        Self::TwoThreads,
    ];

    fn suffix(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Pending => "/pending",
            Self::Poller => "/poller",
            Self::TwoPeers => "/two-peers",
            Self::TwoThreads => "/two-threads",
        }
    }

    fn peers(self) -> usize {
        if self == Self::TwoPeers { 2 } else { 1 }
    }

    fn io_threads(self) -> usize {
        if self == Self::TwoThreads { 2 } else { 1 }
    }

    fn idle(self) -> Option<Idle> {
        match self {
            Self::Pending => Some(Idle::Task),
            Self::Poller => Some(Idle::Poller),
            Self::Nothing | Self::TwoPeers | Self::TwoThreads => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Latency {
    transport: Transport,
    size: usize,
    beside: Beside,
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for transport in [Transport::Tcp, Transport::Ipc] {
        for size in SIZES {
            for beside in Beside::ALL {
                // What is beside it costs the same whatever the size.
                if size == SIZES[0] || beside == Beside::Nothing {
                    let workload = Latency {
                        transport,
                        size,
                        beside,
                    };
                    cases.extend(in_both_modes(&workload.name(), &workload));
                }
            }
        }
    }
    for size in SIZES {
        let workload = Latency {
            transport: Transport::Inproc,
            size,
            beside: Beside::Nothing,
        };
        cases.push(Case {
            name: workload.name(),
            placement: Placement::Free,
            workload: Box::new(workload),
        });
    }
    cases
}

impl Latency {
    fn name(&self) -> String {
        let Self {
            transport,
            size,
            beside,
        } = self;
        format!("lat/{}/{size}{}", transport.as_str(), beside.suffix())
    }
}

impl Workload for Latency {
    fn sides(&self) -> Vec<Side> {
        match (self.transport, self.beside) {
            (Transport::Tcp | Transport::Ipc, Beside::Nothing) => {
                [Side::Zocket, Side::Libzmq, Side::Raw]
                    .into_iter()
                    .chain(Side::rivals().filter(has_latency))
                    .collect()
            }
            _ => vec![Side::Zocket, Side::Libzmq],
        }
    }

    fn figures(&self) -> &'static [Figure] {
        FIGURES
    }

    fn length(&self) -> Length {
        Length::Timed { first: 500 }
    }

    fn run(&self, attempt: &Attempt) -> std::result::Result<Ran, String> {
        let crew = Crew::new(NAME, attempt);
        let beside = Beside::ALL.iter().position(|beside| *beside == self.beside);
        let task = |role, core| {
            crew.task(role, core)
                .with("size", self.size as u64)
                .with("count", attempt.count)
                .with("beside", beside.unwrap_or(0) as u64)
        };
        let endpoint = crew.endpoint(self.transport);
        let (seconds, [p50, p99], cpu) = if self.transport == Transport::Inproc {
            let both = crew.start(&task("both", 0).at(&endpoint))?;
            let (seconds, quantiles) = (both.number("took")?, both.numbers("quantiles")?);
            (seconds, quantiles, both.usage()?.cpu)
        } else {
            let mut answerer = crew.start(&task("answerer", 1).at(&endpoint))?;
            let endpoints = answerer.word("at")?;
            let asker = crew.start(&task("asker", 0).at(&endpoints))?;
            let (seconds, quantiles) = (asker.number("took")?, asker.numbers("quantiles")?);
            answerer.tell()?;
            let cpu = asker.usage()?.cpu + answerer.usage()?.cpu;
            (seconds, quantiles, cpu)
        };
        let trips = attempt.count as f64;
        Ok(Ran {
            seconds,
            figures: vec![p50, p99, cpu * 1e6 / trips],
        })
    }
}

/// What of the rivals is another setting for throughput only is left out.
fn has_latency(side: &Side) -> bool {
    match side {
        #[cfg(feature = "rivals")]
        Side::Rival(name) => name.has_latency(),
        _ => true,
    }
}

pub(super) fn work(task: &Task, parent: &Parent) -> Result<()> {
    match task.side {
        Side::Zocket => work_with::<Zocket>(task, parent),
        Side::Libzmq => work_with::<Libzmq>(task, parent),
        Side::Raw => work_with::<Raw>(task, parent),
        #[cfg(feature = "rivals")]
        Side::Rival(name) => crate::rivals::work(name, task, parent),
    }
}

fn work_with<A: Asks>(task: &Task, parent: &Parent) -> Result<()> {
    let (size, count) = (task.size("size")?, task.number("count")?);
    let beside = *(Beside::ALL.get(task.size("beside")?)).ok_or("nothing is beside it so")?;
    let context = A::context(beside.io_threads())?;
    if let Some(idle) = beside.idle() {
        A::idle(&context, &numbered(&task.endpoint, &task.role), idle)?;
    }
    let answerers = || -> Result<(Vec<A::Answerer>, String)> {
        let mut answerers = Vec::new();
        let mut endpoints = Vec::new();
        for number in 0..beside.peers() {
            let endpoint = numbered(&task.endpoint, &number.to_string());
            let (answerer, endpoint) = A::answerer(&context, &endpoint)?;
            answerers.push(answerer);
            endpoints.push(endpoint);
        }
        Ok((answerers, endpoints.join(",")))
    };
    match task.role.as_str() {
        "asker" => {
            let endpoints: Vec<&str> = task.endpoint.split(',').collect();
            let mut asker = A::asker(&context, &endpoints)?;
            ask(&mut asker, size, count, endpoints.len())?.say(parent)
        }
        "answerer" => {
            let (answerers, endpoints) = answerers()?;
            parent.say(&format!("at {endpoints}"))?;
            answer_all(answerers, size)?;
            // What idles beside keeps a context from waiting for its last reply to be sent.
            parent.wait()
        }
        "both" => {
            let (answerers, endpoint) = answerers()?;
            let mut asker = A::asker(&context, &[&endpoint])?;
            let times = thread::scope(|scope| {
                let answering = scope.spawn(|| answer_all(answerers, size));
                let times = ask(&mut asker, size, count, 1)?;
                answering.join().map_err(|_| "the answering panicked")??;
                Result::Ok(times)
            })?;
            times.say(parent)
        }
        other => Err(format!("no role {other}").into()),
    }
}

/// The endpoint, made another one where a name is what tells them apart.
fn numbered(endpoint: &str, number: &str) -> String {
    // The asker has two to connect to, and idles beside the first.
    let endpoint = endpoint.split(',').next().unwrap_or(endpoint);
    match endpoint.split_once("://") {
        Some(("tcp", _)) => "tcp://127.0.0.1:*".to_owned(),
        _ => format!("{endpoint}-{number}"),
    }
}

pub(crate) const FIRST: u8 = 0xA5;
const LAST: u8 = 0x5A;
/// In the place of [`FIRST`]: who is asked this answers no more.
pub(crate) const END: u8 = 0xE5;

pub(crate) fn buffer(size: usize, first: u8) -> Vec<u8> {
    let mut buffer = vec![0; size];
    buffer[0] = first;
    buffer[size - 1] = LAST;
    buffer
}

/// What a message begins with.
pub(crate) fn check(data: &[u8], size: usize) -> Result<u8> {
    match data {
        [first, .., LAST] if data.len() == size => Ok(*first),
        _ => Err("a message arrived changed".into()),
    }
}

/// Each in a thread of its own, and a single one in this thread.
fn answer_all<A: Answers>(answerers: Vec<A>, size: usize) -> Result<()> {
    let mut answerers = answerers.into_iter();
    let mut own = answerers.next().ok_or("nobody answers")?;
    thread::scope(|scope| {
        let others: Vec<_> = answerers
            .map(|mut other| scope.spawn(move || answer(&mut other, size)))
            .collect();
        answer(&mut own, size)?;
        for other in others {
            other.join().map_err(|_| "an answerer panicked")??;
        }
        Ok(())
    })
}

fn answer(socket: &mut impl Answers, size: usize) -> Result<()> {
    let buffer = buffer(size, FIRST);
    loop {
        match socket.answer(black_box(&buffer), |data| check(data, size))?? {
            FIRST => {}
            END => return Ok(()),
            _ => return Err("a request arrived changed".into()),
        }
    }
}

/// Asks, times each round trip but the first, and at last has every answerer end.
fn ask(
    socket: &mut (impl Sends + Receives),
    size: usize,
    count: u64,
    answerers: usize,
) -> Result<Times> {
    let mut trip = |buffer: &[u8]| {
        socket.send(black_box(buffer))?;
        socket.flush()?;
        match socket.recv(|data| check(data, size))?? {
            FIRST => Ok(()),
            _ => Result::Err("a reply arrived changed".into()),
        }
    };
    let question = buffer(size, FIRST);
    for _ in 0..WARM_UP {
        trip(&question)?;
    }
    let mut times = Times::new(count)?;
    let mut before = Instant::now();
    for _ in 0..count {
        trip(&question)?;
        let now = Instant::now();
        times.add(now - before);
        before = now;
    }
    let end = buffer(size, END);
    for _ in 0..answerers {
        trip(&end)?;
    }
    Ok(times)
}

/// How long each round trip took.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// With room for so many.
    pub(crate) fn new(count: u64) -> Result<Self> {
        Ok(Self(Vec::with_capacity(usize::try_from(count)?)))
    }

    pub(crate) fn add(&mut self, trip: Duration) {
        self.0.push(trip);
    }

    /// How long all took, and of half of each the middle and the hundredth from above.
    pub(crate) fn say(&self, parent: &Parent) -> Result<()> {
        let took: Duration = self.0.iter().sum();
        let mut halves: Vec<f64> = (self.0.iter())
            .map(|trip| trip.as_secs_f64() * 1e6 / 2.0)
            .collect();
        halves.sort_by(f64::total_cmp);
        let [p50, p99] = [0.5, 0.99].map(|part| quantile(&halves, part));
        parent.say(&format!("took {}", took.as_secs_f64()))?;
        parent.say(&format!("quantiles {p50} {p99}"))
    }
}
