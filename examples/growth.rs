//! What a message costs as peers, or subscriptions, become more.
//!
//! ```text
//! cargo run --release --example growth                       instructions over inproc; wants valgrind
//! cargo run --release --example growth -- time               nanoseconds over tcp
//! cargo run --release --example growth -- router 1000 2000   one case, to be profiled
//! ```
//!
//! Each case has one socket and one to 1,000 peers (or, for a publisher, one subscriber with ten to
//! 100,000 topics). By turns, all of them are sent a hundred messages of 16 bytes each, and these are
//! received. What is counted is what the one socket does: the sends of PUSH, ROUTER and PUB, the
//! receives of PULL. Of the time over tcp, where the peers are another process, all of it is.

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use zocket::{Context, Dealer, Pub, Pull, Push, Router, RoutingId, Sub};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Messages for each peer in one turn.
const EACH: usize = 100;
const BODY: [u8; 16] = [7; 16];
const PEERS: [usize; 4] = [1, 10, 100, 1000];
const TOPICS: [usize; 5] = [10, 100, 1000, 10_000, 100_000];
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments = Vec::from_iter(std::env::args().skip(1));
    let arguments = Vec::from_iter(arguments.iter().map(String::as_str));
    let outcome = match arguments[..] {
        [] => tell_instructions(),
        ["time"] => tell_time(),
        ["far", case, peers, turns, endpoint] => far(case, peers, turns, endpoint),
        [case, size, turns] => one(case, size, turns),
        _ => Err("usage: growth [time | <push|router|pull|pub> <peers or topics> <turns>]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("growth: {error}");
            ExitCode::FAILURE
        }
    }
}

// ---- instructions, over inproc

fn tell_instructions() -> Result<()> {
    println!("instructions for a message of 16 B over inproc");
    for (case, sizes) in [
        ("push", &PEERS[..]),
        ("router", &PEERS),
        ("pull", &PEERS),
        ("pub", &TOPICS),
    ] {
        let mut line = Line::new(case);
        for &size in sizes {
            let peers = if case == "pub" { 1 } else { size };
            // As many messages for all, and in each two turns at least.
            let turns = (100_000 / EACH / peers).max(2);
            let count = instructions(case, size, turns)? / (turns * peers * EACH) as f64;
            line.add(size, count);
        }
        line.finish();
    }
    Ok(())
}

/// Runs one case in a process whose instructions are counted while it is in [`measured`].
fn instructions(case: &str, size: usize, turns: usize) -> Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--toggle-collect=growth::measured*"])
        .arg(std::env::current_exe()?)
        .args([case, &size.to_string(), &turns.to_string()])
        .output()
        .map_err(|error| format!("valgrind, which counts instructions: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let count = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .ok_or_else(|| format!("valgrind did not say: {said}"))?;
    Ok(count.1.trim().parse()?)
}

/// What goes on in here is counted.
#[inline(never)]
fn measured(work: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    black_box(work())
}

/// Turns before that, in which the queues get their memory.
const WARM: usize = 2;

/// One turn's work of the socket that is looked at.
fn step(turn: usize, mut work: impl FnMut() -> Result<()>) -> Result<()> {
    if turn < WARM {
        work()
    } else {
        measured(&mut work)
    }
}

/// One case, in this process alone.
fn one(case: &str, size: &str, turns: &str) -> Result<()> {
    let (size, turns) = (size.parse()?, turns.parse()?);
    match case {
        "push" => push(size, turns),
        "router" => router(size, turns),
        "pull" => pull(size, turns),
        "pub" => publish(size, turns),
        _ => Err(format!("no case {case:?}").into()),
    }
}

fn push(peers: usize, turns: usize) -> Result<()> {
    let push = Push::new();
    push.bind("inproc://growth")?;
    let pulls = Vec::from_iter((0..peers).map(|_| Pull::new()));
    for pull in &pulls {
        pull.connect("inproc://growth")?;
    }
    for turn in 0..WARM + turns {
        step(turn, || {
            for _ in 0..peers * EACH {
                push.send(BODY)?;
            }
            Ok(())
        })?;
        for pull in &pulls {
            for _ in 0..EACH {
                pull.recv()?;
            }
        }
    }
    Ok(())
}

fn router(peers: usize, turns: usize) -> Result<()> {
    let router = Router::new();
    router.bind("inproc://growth")?;
    let dealers = Vec::from_iter((0..peers).map(|_| Dealer::new()));
    for dealer in &dealers {
        dealer.connect("inproc://growth")?;
        dealer.send("here")?;
    }
    let mut ids: Vec<RoutingId> = Vec::new();
    for _ in 0..peers {
        ids.push(router.recv_from()?.0);
    }
    for turn in 0..WARM + turns {
        step(turn, || {
            for id in ids.iter().cycle().take(peers * EACH) {
                router.send_to(id, BODY)?;
            }
            Ok(())
        })?;
        for dealer in &dealers {
            for _ in 0..EACH {
                dealer.recv()?;
            }
        }
    }
    Ok(())
}

fn pull(peers: usize, turns: usize) -> Result<()> {
    let pull = Pull::new();
    pull.bind("inproc://growth")?;
    let pushes = Vec::from_iter((0..peers).map(|_| Push::new()));
    for push in &pushes {
        push.connect("inproc://growth")?;
    }
    for turn in 0..WARM + turns {
        for push in &pushes {
            for _ in 0..EACH {
                push.send(BODY)?;
            }
        }
        step(turn, || {
            for _ in 0..peers * EACH {
                black_box(pull.recv()?);
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn publish(topics: usize, turns: usize) -> Result<()> {
    let publisher = Pub::new();
    publisher.bind("inproc://growth")?;
    let sub = Sub::new();
    let names = Vec::from_iter((0..topics).map(|number| format!("topic.{number:06}")));
    for name in &names {
        sub.subscribe(name.as_str())?;
    }
    sub.connect("inproc://growth")?;
    publisher.wait_for_subscribers(1, PATIENCE)?;
    let mut next = 0;
    for turn in 0..WARM + turns {
        step(turn, || {
            for _ in 0..EACH {
                // Not in their order, so that each is somewhere else.
                next = (next + 7919) % topics;
                publisher.send(names[next].as_str())?;
            }
            Ok(())
        })?;
        for _ in 0..EACH {
            sub.recv()?;
        }
    }
    Ok(())
}

// ---- time, over tcp

fn tell_time() -> Result<()> {
    println!("nanoseconds for a message of 16 B over tcp, from one process to another");
    for case in ["push", "router", "pull"] {
        let mut line = Line::new(case);
        for peers in PEERS {
            let turns = (2_000_000 / EACH / peers).max(2);
            let took = near(case, peers, turns)?;
            line.add(
                peers,
                took.as_nanos() as f64 / (turns * peers * EACH) as f64,
            );
        }
        line.finish();
    }
    Ok(())
}

/// The one socket, of whose peers another process has all.
fn near(case: &str, peers: usize, turns: usize) -> Result<Duration> {
    let endpoint = "tcp://127.0.0.1:*";
    let mut others = None;
    let mut begin = |here: &dyn std::fmt::Display| -> Result<()> {
        let endpoint = here.to_string();
        let (peers, turns) = (peers.to_string(), turns.to_string());
        let arguments = ["far", case, &peers, &turns, &endpoint];
        others = Some(Far(Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?));
        Ok(())
    };
    let began;
    match case {
        "push" => {
            // Never full, so that each of the others gets as many.
            let push = Push::builder().send_hwm(0).build()?;
            begin(&push.bind(endpoint)?)?;
            push.wait_for_peers(peers, PATIENCE)?;
            began = Instant::now();
            tell(&mut others)?;
            for _ in 0..turns * peers * EACH {
                push.send(BODY)?;
            }
            listen(&mut others)?;
        }
        "router" => {
            let router = Router::builder().mandatory(true).build()?;
            begin(&router.bind(endpoint)?)?;
            let mut ids: Vec<RoutingId> = Vec::new();
            for _ in 0..peers {
                ids.push(router.recv_from_timeout(PATIENCE)?.0);
            }
            began = Instant::now();
            tell(&mut others)?;
            for id in ids.iter().cycle().take(turns * peers * EACH) {
                router.send_to(id, BODY)?;
            }
            listen(&mut others)?;
        }
        "pull" => {
            let pull = Pull::new();
            begin(&pull.bind(endpoint)?)?;
            pull.wait_for_peers(peers, PATIENCE)?;
            began = Instant::now();
            tell(&mut others)?;
            for _ in 0..turns * peers * EACH {
                black_box(pull.recv()?);
            }
        }
        _ => return Err(format!("no case {case:?}").into()),
    }
    let took = began.elapsed();
    listen(&mut others)?;
    Ok(took)
}

/// The process of the peers.
struct Far(Child);

impl Drop for Far {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tell(far: &mut Option<Far>) -> Result<()> {
    let input = far.as_mut().and_then(|far| far.0.stdin.as_mut());
    Ok(input.ok_or("no other process")?.write_all(b"go\n")?)
}

/// Until the other process says that it is done, or has ended.
fn listen(far: &mut Option<Far>) -> Result<()> {
    let output = far.as_mut().and_then(|far| far.0.stdout.as_mut());
    let mut line = String::new();
    BufReader::new(output.ok_or("no other process")?).read_line(&mut line)?;
    Ok(())
}

/// All the peers of the one, in one thread; each has its hundred in turn.
fn far(case: &str, peers: &str, turns: &str, endpoint: &str) -> Result<()> {
    let (peers, turns): (usize, usize) = (peers.parse()?, turns.parse()?);
    let context = Context::new();
    let go = || std::io::stdin().read_line(&mut String::new());
    macro_rules! sockets {
        ($type:ident) => {{
            let mut sockets = Vec::new();
            for _ in 0..peers {
                let socket = $type::builder().context(&context).build()?;
                socket.connect(endpoint)?;
                sockets.push(socket);
            }
            sockets
        }};
    }
    macro_rules! take_turns {
        ($sockets:ident, $socket:ident => $step:expr) => {
            for _ in 0..turns {
                for $socket in &$sockets {
                    for _ in 0..EACH {
                        black_box($step);
                    }
                }
            }
        };
    }
    match case {
        "push" => {
            let pulls = sockets!(Pull);
            go()?;
            take_turns!(pulls, pull => pull.recv()?);
        }
        "router" => {
            let dealers = sockets!(Dealer);
            for dealer in &dealers {
                dealer.send("here")?;
            }
            go()?;
            take_turns!(dealers, dealer => dealer.recv()?);
        }
        _ => {
            let pushes = sockets!(Push);
            go()?;
            take_turns!(pushes, push => push.send(BODY)?);
        }
    }
    println!("done");
    Ok(())
}

// ---- the table

/// One row: a figure for each size, and how much the greatest is above the least.
struct Line {
    figures: Vec<f64>,
}

impl Line {
    fn new(case: &str) -> Self {
        print!("{case:<8}");
        Self {
            figures: Vec::new(),
        }
    }

    fn add(&mut self, size: usize, figure: f64) {
        print!("{:>16}", format!("{size}: {figure:.1}"));
        // Each is there as soon as it is known.
        let _ = std::io::stdout().flush();
        self.figures.push(figure);
    }

    fn finish(self) {
        let least = self.figures.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.figures.iter().copied().fold(0.0, f64::max);
        println!("   +{:.0} %", (most / least - 1.0) * 100.0);
    }
}
