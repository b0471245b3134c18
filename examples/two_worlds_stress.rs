//! Threads and tasks send and receive on the same sockets for a while, and every message is
//! accounted for.
//!
//! ```text
//! cargo run --release --example two_worlds_stress -- [seconds] [seed]
//! ```
//!
//! ```text
//!   8 threads ──┐              ┌── the same
//!               ├── DEALER ════╪══ DEALER ──┤           one such pair over each of tcp, ipc and
//!   8 tasks  ───┘              └── 16                   inproc, all at once; new ones every 5 s
//! ```
//!
//! Everybody sends and receives on both sockets, in every form there is: for as long as it takes,
//! for a moment, now or never, many at once, with a permit, after a wait at a poller, and with futures that are
//! dropped at any point. Half of the tasks are tokio's, half are smol's.
//!
//! What is checked:
//!
//! * every message that was sent is received once: those of one sender have numbers without gaps,
//!   and a number whose sending was given up is used again, so one that was sent all the same is
//!   noticed;
//! * whoever receives has the messages of each sender in order;
//! * the `stats()` of both sockets add up, to what was sent and what was received;
//! * something happens: where nothing has for 30 s, it says who is at what, and ends.
//!
//! Exits with code 1 if anything is not so.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use smol::future::or;
use zocket::{
    Context, Dealer, Interest, Message, Poller, RecvError, ReserveError, SendError, SendFailure,
    Stats, TryRecvError,
};

type Error = Box<dyn std::error::Error + Send + Sync>;

const THREADS: usize = 8;
const TASKS: usize = 8;
const PARTIES: usize = THREADS + TASKS;

/// No more than this many are sent or received at once.
const MANY: usize = 8;

/// How long the same sockets are used.
const ROUND: Duration = Duration::from_secs(5);

/// Nothing has happened for so long: it never will.
const STALL: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let given: Vec<String> = env::args().skip(1).collect();
    let numbers: Result<Vec<u64>, _> = given.iter().map(|it| it.parse()).collect();
    let (seconds, seed) = match numbers.as_deref() {
        Ok([]) => (20, 1),
        Ok([seconds]) => (*seconds, 1),
        Ok([seconds, seed]) => (*seconds, *seed),
        _ => {
            println!("usage: two_worlds_stress [seconds] [seed]");
            return ExitCode::FAILURE;
        }
    };
    let directory = env::temp_dir().join(format!("zocket-two-worlds-{}", process::id()));
    let outcome = fs::create_dir_all(&directory)
        .map_err(Error::from)
        .and_then(|()| stress(Duration::from_secs(seconds), seed, &directory));
    let _ = fs::remove_dir_all(&directory);
    match outcome {
        Ok(()) => {
            println!("every message is accounted for (seed {seed})");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("{fault}\n(seed {seed})");
            ExitCode::FAILURE
        }
    }
}

fn stress(duration: Duration, seed: u64, directory: &Path) -> Result<(), Error> {
    let until = Instant::now() + duration;
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?;
    let mut totals = Vec::new();
    for round in 1.. {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let time = left.min(ROUND);
        let endpoints = endpoints(directory, round);
        // All at once, each with a high-water mark drawn at random.
        let reports: Vec<Result<Report, Error>> = thread::scope(|threads| {
            let running: Vec<_> = endpoints
                .iter()
                .map(|endpoint| {
                    let hwm = [1, 2, 10, 100, 1000][random.below(5)];
                    let (seed, runtime) = (random.next(), &runtime);
                    threads.spawn(move || bout(endpoint, hwm, time, seed, runtime))
                })
                .collect();
            running
                .into_iter()
                .map(|bout| {
                    bout.join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        totals.resize_with(endpoints.len(), Report::default);
        for ((total, report), endpoint) in totals.iter_mut().zip(reports).zip(&endpoints) {
            let report = report.map_err(|fault| format!("round {round}, {endpoint}: {fault}"))?;
            total.add(report);
        }
    }
    println!("             sent    received  sends given up  receives given up");
    for (endpoint, total) in endpoints(directory, 0).iter().zip(&totals) {
        let (transport, _) = endpoint.split_once(':').unwrap_or_default();
        println!(
            "{transport:<6} {:>10}  {:>10}      {:>10}         {:>10}",
            total.sent, total.received, total.unsent, total.missed
        );
    }
    Ok(())
}

/// One on each transport of this system.
fn endpoints(directory: &Path, round: usize) -> Vec<String> {
    let mut endpoints = vec!["tcp://127.0.0.1:*".to_owned(), "inproc://stress".to_owned()];
    if cfg!(unix) {
        endpoints.push(format!("ipc://{}/{round}", directory.display()));
    }
    endpoints
}

/// One pair of sockets, and what is known of everybody who uses it.
struct Bout {
    sides: [Dealer; 2],
    /// Waits for both.
    poller: Poller,
    /// No more is to be sent.
    stop: AtomicBool,
    /// How many are about to send.
    sending: AtomicUsize,
    /// How many messages each party has sent on each side, and which of them have been received at
    /// the other.
    sent: [[AtomicU64; PARTIES]; 2],
    tracks: [[Mutex<Track>; PARTIES]; 2],
    received: [AtomicU64; 2],
    unsent: AtomicU64,
    missed: AtomicU64,
    /// What each party is at.
    doing: [Mutex<&'static str>; PARTIES],
    faults: Mutex<Vec<String>>,
    ended: AtomicUsize,
}

/// What has been done, in messages and in attempts that were given up.
#[derive(Clone, Copy, Debug, Default)]
struct Report {
    sent: u64,
    received: u64,
    unsent: u64,
    missed: u64,
}

/// Which of one sender's messages have been received: all before `next`, and those `ahead`.
#[derive(Debug, Default)]
struct Track {
    next: u64,
    ahead: BTreeSet<u64>,
}

impl Report {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.unsent += other.unsent;
        self.missed += other.missed;
    }
}

impl Track {
    /// `false` if it has been received before.
    fn take(&mut self, number: u64) -> bool {
        if number < self.next || !self.ahead.insert(number) {
            return false;
        }
        while self.ahead.remove(&self.next) {
            self.next += 1;
        }
        true
    }
}

/// Lets everybody loose on a new pair of sockets, and accounts for what they did.
fn bout(
    endpoint: &str,
    hwm: usize,
    time: Duration,
    seed: u64,
    runtime: &tokio::runtime::Runtime,
) -> Result<Report, Error> {
    let context = Context::new();
    let dealer = || {
        let builder = Dealer::builder().context(&context);
        builder.send_hwm(hwm).recv_hwm(hwm).build()
    };
    let bout = Arc::new(Bout::new([dealer()?, dealer()?]));
    for (key, socket) in bout.sides.iter().enumerate() {
        bout.poller.add(socket, key, Interest::READABLE)?;
    }
    let here = bout.sides[0].bind(endpoint)?;
    bout.sides[1].connect(&here)?;

    let mut random = Random(seed | 1);
    let mut party = |number| Party {
        number,
        bout: bout.clone(),
        random: Random(random.next() | 1),
        last: [[None; PARTIES]; 2],
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let party = party(number);
            thread::spawn(move || party.run_blocking())
        })
        .collect();
    let mut tasks: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    for number in (THREADS..PARTIES).step_by(2) {
        tasks.push(Box::pin(smol::spawn(party(number).run_awaiting())));
        let task = runtime.spawn(party(number + 1).run_awaiting());
        tasks.push(Box::pin(async { task.await.unwrap_or_default() }));
    }

    let outcome = bout.watch(time);
    // Whoever still waits is told so.
    for socket in &bout.sides {
        socket.close()?;
    }
    // Where something has gone wrong, they may not hear it.
    outcome?;
    for thread in threads {
        let _ = thread.join();
    }
    for task in tasks {
        smol::block_on(task);
    }
    bout.finish()
}

impl Bout {
    fn new(sides: [Dealer; 2]) -> Self {
        Self {
            sides,
            poller: Poller::new(),
            stop: AtomicBool::new(false),
            sending: AtomicUsize::new(0),
            sent: Default::default(),
            tracks: Default::default(),
            received: Default::default(),
            unsent: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            doing: Default::default(),
            faults: Mutex::default(),
            ended: AtomicUsize::new(0),
        }
    }

    /// Waits until the time is over and everything that was sent has been received.
    fn watch(&self, time: Duration) -> Result<(), Error> {
        let end = Instant::now() + time;
        let mut moved = (self.moved(), Instant::now());
        loop {
            thread::sleep(Duration::from_millis(20));
            if !lock(&self.faults).is_empty() {
                return Err(self.describe("something is wrong"));
            }
            let now = Instant::now();
            if now >= end {
                self.stop.store(true, SeqCst);
                // Nobody begins to send from now on.
                if self.sending.load(SeqCst) == 0 && self.moved().is_even() {
                    return self.check();
                }
            }
            if self.moved() != moved.0 {
                moved = (self.moved(), now);
            } else if now - moved.1 > STALL {
                return Err(self.describe("nothing has happened for 30 s"));
            }
        }
    }

    fn moved(&self) -> Moved {
        let sum = |counts: &[AtomicU64]| counts.iter().map(|count| count.load(SeqCst)).sum();
        // What is received was sent before: looked at in this order, nothing seems to come of nothing.
        let received = [&self.received[0], &self.received[1]].map(|it| it.load(SeqCst));
        Moved {
            sent: [sum(&self.sent[0]), sum(&self.sent[1])],
            received,
        }
    }

    /// Everything adds up, now that nothing is on the move.
    fn check(&self) -> Result<(), Error> {
        for side in 0..2 {
            for (party, track) in self.tracks[side].iter().enumerate() {
                let sent = self.sent[side][party].load(SeqCst);
                let track = lock(track);
                if track.next != sent || !track.ahead.is_empty() {
                    let what =
                        format!("of {sent} from {party} on side {side}, this came: {track:?}");
                    return Err(self.describe(&what));
                }
            }
        }
        // The counts of the pipes follow the messages.
        let deadline = Instant::now() + STALL;
        loop {
            let stats = [self.sides[0].stats(), self.sides[1].stats()];
            let Some(fault) = self.unaccounted(&stats) else {
                return Ok(());
            };
            if Instant::now() > deadline {
                return Err(self.describe(&fault));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the counts do not account for, if anything.
    fn unaccounted(&self, stats: &[Stats; 2]) -> Option<String> {
        let moved = self.moved();
        for side in 0..2 {
            let (here, there) = (&stats[side], &stats[1 - side]);
            let lost = here.send_queue.messages + here.dropped.total();
            let unread = there.recv_queue.messages + there.discarded.total();
            let counted = [
                here.accepted.messages,
                here.written.messages,
                there.arrived.messages,
                there.returned.messages,
            ];
            if lost + unread > 0
                || counted != [moved.sent[side]; 4]
                || here.accepted.bytes != there.returned.bytes
            {
                return Some(format!("sent on side {side}: {}", moved.sent[side]));
            }
        }
        None
    }

    fn finish(&self) -> Result<Report, Error> {
        if self.ended.load(SeqCst) != PARTIES || !lock(&self.faults).is_empty() {
            return Err(self.describe("not everybody has come to a good end"));
        }
        let Moved { sent, received } = self.moved();
        Ok(Report {
            sent: sent.iter().sum(),
            received: received.iter().sum(),
            unsent: self.unsent.load(SeqCst),
            missed: self.missed.load(SeqCst),
        })
    }

    fn describe(&self, what: &str) -> Error {
        let mut text = format!("{what}\n{:?}\n", self.moved());
        for (party, doing) in self.doing.iter().enumerate() {
            let _ = writeln!(text, "party {party}: {}", lock(doing));
        }
        for socket in &self.sides {
            let _ = writeln!(text, "{socket:?}: {:#?}", socket.stats());
        }
        for fault in lock(&self.faults).iter() {
            let _ = writeln!(text, "{fault}");
        }
        text.into()
    }
}

/// How many messages have been sent on each side, and received at the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moved {
    sent: [u64; 2],
    received: [u64; 2],
}

impl Moved {
    fn is_even(&self) -> bool {
        self.sent == self.received
    }
}

/// One thread, or one task.
struct Party {
    number: usize,
    bout: Arc<Bout>,
    random: Random,
    /// The last message of each sender on each side that was received here.
    last: [[Option<u64>; PARTIES]; 2],
}

/// Somebody is about to send.
struct Sending<'a>(&'a Bout);

impl<'a> Sending<'a> {
    /// `None` if no more is to be sent.
    fn begin(bout: &'a Bout) -> Option<Self> {
        bout.sending.fetch_add(1, SeqCst);
        let sending = Self(bout);
        (!bout.stop.load(SeqCst)).then_some(sending)
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.sending.fetch_sub(1, SeqCst);
    }
}

/// What came of an attempt; `None` if it was given up.
type Attempt<T> = Result<Option<T>, Error>;

impl Party {
    fn run_blocking(mut self) {
        loop {
            let side = self.random.below(2);
            let outcome = match self.random.below(2) {
                0 => self.send_by_blocking(side),
                _ => self.receive_by_blocking(side),
            };
            if self.is_over(outcome) {
                return;
            }
        }
    }

    async fn run_awaiting(mut self) {
        loop {
            let side = self.random.below(2);
            let outcome = match self.random.below(2) {
                0 => self.send_by_awaiting(side).await,
                _ => self.receive_by_awaiting(side).await,
            };
            if self.is_over(outcome) {
                return;
            }
            // Executors are polite to each other, and so are their tasks.
            if self.random.below(16) == 0 {
                smol::future::yield_now().await;
            }
        }
    }

    fn send_by_blocking(&mut self, side: usize) -> Result<(), Error> {
        let bout = self.bout.clone();
        let Some(_sending) = Sending::begin(&bout) else {
            return Ok(());
        };
        let (socket, message, moment) = (&bout.sides[side], self.message(side), self.moment());
        let sent = match self.random.below(6) {
            0 if self.sends_patiently() => {
                self.is_at("send");
                settle_send(socket.send(message))
            }
            1 => {
                self.is_at("try_send");
                match socket.try_send(message) {
                    Ok(()) => Ok(Some(())),
                    Err(error) if error.is_full() => Ok(None),
                    Err(error) => Err(zocket::Error::from(error).into()),
                }
            }
            2 => {
                self.is_at("send_many_timeout");
                let mut queue = self.messages(side);
                let count = queue.len();
                let outcome = socket.send_many_timeout(&mut queue, moment);
                return self.has_sent_many(side, count, &queue, outcome.map(drop));
            }
            3 => {
                self.is_at("reserve_timeout");
                let used = self.random.below(4) > 0;
                match socket.reserve_timeout(moment) {
                    Ok(permit) if used => settle_send(permit.send(message)),
                    Ok(_) | Err(ReserveError::Timeout) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            _ => {
                self.is_at("send_timeout");
                settle_send(socket.send_timeout(message, moment))
            }
        };
        self.has_sent(side, sent)
    }

    async fn send_by_awaiting(&mut self, side: usize) -> Result<(), Error> {
        let bout = self.bout.clone();
        let Some(_sending) = Sending::begin(&bout) else {
            return Ok(());
        };
        let (socket, message) = (&bout.sides[side], self.message(side));
        if self.random.below(4) == 0 {
            self.is_at("send_many_async, to be dropped");
            let mut queue = self.messages(side);
            let count = queue.len();
            let sending = async { Ok(Some(socket.send_many_async(&mut queue).await)) };
            let outcome = match self.unless_dropped(sending).await? {
                Some(Err(failure)) => Err(failure),
                Some(Ok(_)) | None => Ok(()),
            };
            return self.has_sent_many(side, count, &queue, outcome);
        }
        if self.random.below(4) == 0 {
            self.is_at("reserve_async, to be dropped");
            let sending = async {
                let permit = socket.reserve_async().await?;
                // Kept for a while, perhaps not to be used.
                smol::future::yield_now().await;
                settle_send(permit.send(message))
            };
            let sent = self.unless_dropped(sending).await;
            return self.has_sent(side, sent);
        }
        let sending = async { settle_send(socket.send_async(message).await) };
        let sent = if self.sends_patiently() && self.random.below(4) == 0 {
            self.is_at("send_async");
            sending.await
        } else {
            self.is_at("send_async, to be dropped");
            self.unless_dropped(sending).await
        };
        self.has_sent(side, sent)
    }

    fn receive_by_blocking(&mut self, side: usize) -> Result<(), Error> {
        let bout = self.bout.clone();
        let (socket, moment) = (&bout.sides[side], self.moment());
        let received = match self.random.below(6) {
            0 if self.receives_patiently(side) => {
                self.is_at("recv");
                settle(socket.recv())
            }
            1 => {
                self.is_at("try_recv");
                settle_try(socket.try_recv())
            }
            2 => {
                self.is_at("recv_many_timeout");
                let mut queue = VecDeque::new();
                let outcome = socket.recv_many_timeout(&mut queue, MANY, moment);
                return self.has_received_many(side, queue, settle(outcome)?);
            }
            3 => {
                self.is_at("wait at the poller");
                bout.poller.wait(&mut Vec::new(), moment)?;
                settle_try(socket.try_recv())
            }
            _ => {
                self.is_at("recv_timeout");
                settle(socket.recv_timeout(moment))
            }
        };
        self.has_received(side, received)
    }

    async fn receive_by_awaiting(&mut self, side: usize) -> Result<(), Error> {
        let bout = self.bout.clone();
        let socket = &bout.sides[side];
        match self.random.below(6) {
            0 if self.receives_patiently(side) => {
                self.is_at("recv_async");
                let received = settle(socket.recv_async().await);
                self.has_received(side, received)
            }
            1 => {
                self.is_at("recv_async of both");
                let both = async {
                    tokio::select! {
                        received = bout.sides[0].recv_async() => (0, received),
                        received = bout.sides[1].recv_async() => (1, received),
                    }
                };
                let both = async { Ok(Some(both.await)) };
                match self.unless_dropped(both).await? {
                    None => self.has_received(side, Ok(None)),
                    Some((side, received)) => self.has_received(side, settle(received)),
                }
            }
            2 => {
                self.is_at("recv_many_async, to be dropped");
                let mut queue = VecDeque::new();
                let receiving = async { settle(socket.recv_many_async(&mut queue, MANY).await) };
                let received = self.unless_dropped(receiving).await?;
                self.has_received_many(side, queue, received)
            }
            3 => {
                self.is_at("wait_async at the poller, to be dropped");
                let waiting = async {
                    bout.poller.wait_async(&mut Vec::new()).await?;
                    settle_try(socket.try_recv())
                };
                let received = self.unless_dropped(waiting).await;
                self.has_received(side, received)
            }
            _ => {
                self.is_at("recv_async, to be dropped");
                let receiving = async { settle(socket.recv_async().await) };
                let received = self.unless_dropped(receiving).await;
                self.has_received(side, received)
            }
        }
    }

    // Somebody must always be there to receive, whoever waits for ever: those who wait so to send
    // do not to receive, and the others do it on one side each.

    fn sends_patiently(&self) -> bool {
        matches!(self.number / 2 % 4, 0 | 2)
    }

    fn receives_patiently(&self, side: usize) -> bool {
        self.number / 2 % 4 == 1 + 2 * side
    }

    /// What comes of it, if it does before it is dropped: after some time, or after it was polled
    /// some times.
    async fn unless_dropped<T>(&mut self, attempt: impl Future<Output = Attempt<T>>) -> Attempt<T> {
        if self.random.below(2) == 0 {
            let moment = self.moment();
            or(attempt, async {
                smol::Timer::after(moment).await;
                Ok(None)
            })
            .await
        } else {
            let polls = self.random.below(4);
            or(attempt, async {
                Polls(polls).await;
                Ok(None)
            })
            .await
        }
    }

    fn moment(&mut self) -> Duration {
        let most = [50, 500, 5_000][self.random.below(3)];
        Duration::from_micros(self.random.below(most) as u64)
    }

    fn is_at(&self, what: &'static str) {
        *lock(&self.bout.doing[self.number]) = what;
    }

    /// Whether this was all, because the socket is closed or because something is wrong.
    fn is_over(&self, outcome: Result<(), Error>) -> bool {
        let Err(error) = outcome else {
            return false;
        };
        let is_closed = matches!(
            error.downcast_ref(),
            Some(zocket::Error::Closed) if self.bout.stop.load(SeqCst)
        );
        if is_closed {
            self.is_at("nothing");
            self.bout.ended.fetch_add(1, SeqCst);
        } else {
            lock(&self.bout.faults).push(format!("party {}: {error}", self.number));
        }
        true
    }

    /// The next message of this party on this side.
    fn message(&self, side: usize) -> Message {
        let number = self.bout.sent[side][self.number].load(SeqCst);
        make(side, self.number, number)
    }

    /// Some of them.
    fn messages(&mut self, side: usize) -> VecDeque<Message> {
        let first = self.bout.sent[side][self.number].load(SeqCst);
        let count = 1 + self.random.below(MANY) as u64;
        (first..first + count)
            .map(|number| make(side, self.number, number))
            .collect()
    }

    /// Of so many messages, those in `queue` were not sent.
    fn has_sent_many(
        &self,
        side: usize,
        count: usize,
        queue: &VecDeque<Message>,
        outcome: Result<(), SendFailure>,
    ) -> Result<(), Error> {
        let sent = (count - queue.len()) as u64;
        let next = self.bout.sent[side][self.number].fetch_add(sent, SeqCst) + sent;
        if sent == 0 {
            self.bout.unsent.fetch_add(1, SeqCst);
        }
        let rest = (next..).map(|number| make(side, self.number, number));
        if !queue.iter().cloned().eq(rest.take(queue.len())) {
            return Err("what was not sent is not as it was".into());
        }
        match outcome {
            Ok(()) | Err(SendFailure::Timeout) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    fn has_sent(&self, side: usize, sent: Attempt<()>) -> Result<(), Error> {
        match sent? {
            Some(()) => self.bout.sent[side][self.number].fetch_add(1, SeqCst),
            None => self.bout.unsent.fetch_add(1, SeqCst),
        };
        Ok(())
    }

    /// So many were told, if any were.
    fn has_received_many(
        &mut self,
        side: usize,
        queue: VecDeque<Message>,
        told: Option<usize>,
    ) -> Result<(), Error> {
        if queue.len() != told.unwrap_or(0) {
            return Err(format!("{} in the queue, but {told:?} were told", queue.len()).into());
        }
        if told.is_none() {
            return self.has_received(side, Ok(None));
        }
        queue
            .into_iter()
            .try_for_each(|message| self.has_received(side, Ok(Some(message))))
    }

    fn has_received(&mut self, side: usize, received: Attempt<Message>) -> Result<(), Error> {
        let Some(message) = received? else {
            self.bout.missed.fetch_add(1, SeqCst);
            return Ok(());
        };
        let (from, party, number) = read(&message)?;
        if from != 1 - side {
            return Err(format!("received on side {side}: a message of that side").into());
        }
        let last = &mut self.last[from][party];
        if last.is_some_and(|last| last >= number) {
            return Err(format!("{number} of party {party} after {last:?}").into());
        }
        *last = Some(number);
        if !lock(&self.bout.tracks[from][party]).take(number) {
            return Err(format!("{number} of party {party} came twice").into());
        }
        self.bout.received[from].fetch_add(1, SeqCst);
        Ok(())
    }
}

fn settle_send(sent: Result<(), SendError>) -> Attempt<()> {
    match sent {
        Ok(()) => Ok(Some(())),
        Err(error) if error.is_timeout() => Ok(None),
        Err(error) => Err(zocket::Error::from(error).into()),
    }
}

fn settle_try(received: Result<Message, TryRecvError>) -> Attempt<Message> {
    match received {
        Ok(message) => Ok(Some(message)),
        Err(TryRecvError::Empty) => Ok(None),
        Err(error) => Err(zocket::Error::from(error).into()),
    }
}

fn settle<T>(received: Result<T, RecvError>) -> Attempt<T> {
    match received {
        Ok(received) => Ok(Some(received)),
        Err(RecvError::Timeout) => Ok(None),
        Err(error) => Err(zocket::Error::from(error).into()),
    }
}

/// A message says whose it is and which one; the rest of it follows from that.
fn make(side: usize, party: usize, number: u64) -> Message {
    let mut message = Message::from(format!("{side} {party} {number}"));
    for frame in rest(party, number) {
        message.push_back(frame);
    }
    message
}

/// One to four frames, empty ones and large ones among them.
fn rest(party: usize, number: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut random = Random((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ party as u64 | 1);
    random.next();
    (0..random.below(4)).map(move |_| {
        let size = match random.below(200) {
            0 => 50_000,
            1..20 => 0,
            _ => random.below(200),
        };
        vec![number as u8; size]
    })
}

fn read(message: &Message) -> Result<(usize, usize, u64), Error> {
    let text = message.first().to_str()?;
    let numbers: Vec<u64> = text.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let &[side, party, number] = numbers.as_slice() else {
        return Err(format!("not one of ours: {text:?}").into());
    };
    let (side, party) = (side as usize, party as usize);
    if side > 1 || party >= PARTIES || *message != make(side, party, number) {
        return Err(format!("not as it was sent: {text:?}").into());
    }
    Ok((side, party, number))
}

/// Ready when it has been polled some times, each of which it asks for itself.
struct Polls(usize);

impl Future for Polls {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// xorshift: small, and the same again for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `n`, which is not zero.
    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 16) as usize % n
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
