//! Three pushers, three pullers, three transports, all at once: watch messages being
//! shared out, and see at the end that none was lost.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```
//!
//! Each pusher uses one transport and is connected to every puller, so every puller
//! hears from all three:
//!
//! ```text
//!   pusher "tcp"    ──┬─►  puller Ada
//!   pusher "ipc"    ──┼─►  puller Ben
//!   pusher "inproc" ──┴─►  puller Cleo
//! ```

use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use zocket::{Endpoint, Message, Pull, Push};

const TRANSPORTS: [&str; 3] = ["tcp", "ipc", "inproc"];
const PULLERS: [&str; 3] = ["Ada", "Ben", "Cleo"];

/// How many messages each pusher sends.
const MESSAGES: usize = 2_000;

/// How many of the first messages are shown one by one.
const SHOWN: usize = 9;

/// Something is very wrong if the whole show takes longer than this.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Result<ExitCode, zocket::Error> {
    // A PULL socket may bind as many endpoints as it likes; what arrives on any of them
    // comes out of the same `recv`.
    println!("Three pullers bind three endpoints each:");
    let pullers = PULLERS.map(|_| Pull::new());
    let mut endpoints: [Vec<Endpoint>; 3] = Default::default();
    for (name, pull) in PULLERS.iter().zip(&pullers) {
        print!("  {name:<5}");
        for (transport, bound) in TRANSPORTS.iter().zip(&mut endpoints) {
            // `bind` says what it got: with tcp we let the system choose the port.
            let endpoint = pull.bind(address(transport, name))?;
            print!("  {endpoint}");
            bound.push(endpoint);
        }
        println!();
    }
    println!("Three pushers, one per transport, connect to all three pullers.\n");
    println!("The first messages, one by one:");

    let board = Mutex::new(Board::default());
    let start = Instant::now();
    thread::scope(|threads| {
        for (puller, pull) in pullers.iter().enumerate() {
            let board = &board;
            threads.spawn(move || {
                // Ends when the socket is closed, below.
                while let Ok(message) = pull.recv() {
                    lock(board).note(puller, &message);
                }
            });
        }
        let pushers: Vec<_> = TRANSPORTS
            .into_iter()
            .zip(&endpoints)
            .map(|(transport, endpoints)| threads.spawn(move || push(transport, endpoints)))
            .collect();

        // Meanwhile this thread prints how far they are.
        let mut done = false;
        while !done && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(250));
            let mut board = lock(&board);
            done = board.arrived() == TRANSPORTS.len() * MESSAGES;
            board.print_progress(start.elapsed());
            if pushers.iter().any(|pusher| pusher.is_finished()) && board.stands_still() {
                break;
            }
        }
        if !done {
            // Rather than wait for threads that may never end.
            lock(&board).print_summary(start.elapsed());
            std::process::exit(1);
        }
        // A socket may be closed by any thread: the receivers blocked in `recv` return.
        for pull in &pullers {
            pull.close()?;
        }
        for pusher in pushers {
            pusher
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok::<(), zocket::Error>(())
    })?;

    let board = lock(&board);
    Ok(if board.print_summary(start.elapsed()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One pusher: sends numbered messages, which its socket shares out over the pullers.
fn push(transport: &str, pullers: &[Endpoint]) -> Result<(), zocket::Error> {
    let push = Push::new();
    for puller in pullers {
        // Returns at once: connecting, and connecting again, happens in the background.
        push.connect(puller)?;
    }
    // Not needed for anything to arrive; with it, all three pullers get a share of the
    // first messages too.
    push.wait_for_peers(pullers.len(), Duration::from_secs(10))?;
    for number in 0..MESSAGES {
        // A message of two frames. It arrives whole or not at all.
        push.send([transport, &number.to_string()])?;
        thread::sleep(Duration::from_millis(1)); // only so that there is time to watch
    }
    // Waits until everything is on its way, or says what is not.
    push.close()?;
    Ok(())
}

/// Where `puller` listens on `transport`.
fn address(transport: &str, puller: &str) -> String {
    match transport {
        "tcp" => "tcp://127.0.0.1:*".to_owned(),
        "ipc" => {
            let file = format!("quickstart-{}-{puller}.sock", std::process::id());
            format!("ipc://{}", std::env::temp_dir().join(file).display())
        }
        _ => format!("{transport}://{puller}"),
    }
}

/// What has arrived where.
#[derive(Default)]
struct Board {
    /// `counts[puller][transport]`
    counts: [[usize; 3]; 3],
    /// How often each message of each transport has arrived: once, one hopes.
    copies: [Vec<usize>; 3],
    strange: usize,
    before: usize,
    still: usize,
}

impl Board {
    /// `puller` has received `message`.
    fn note(&mut self, puller: usize, message: &Message) {
        let Some((transport, number)) = read(message) else {
            self.strange += 1;
            return;
        };
        if self.arrived() < SHOWN {
            println!(
                "  {:>6} #{number:<3} ─► {}",
                TRANSPORTS[transport], PULLERS[puller]
            );
        }
        self.counts[puller][transport] += 1;
        self.copies[transport].resize(MESSAGES, 0);
        self.copies[transport][number] += 1;
        if self.arrived() == SHOWN {
            println!("\nHow many each has received, by tcp, ipc and inproc:");
        }
    }

    fn arrived(&self) -> usize {
        self.counts.iter().flatten().sum()
    }

    /// Whether nothing has arrived for a while.
    fn stands_still(&mut self) -> bool {
        let arrived = self.arrived();
        self.still = if arrived == self.before {
            self.still + 1
        } else {
            0
        };
        self.before = arrived;
        self.still >= 8
    }

    fn print_progress(&self, elapsed: Duration) {
        if self.arrived() < SHOWN {
            return;
        }
        print!("  {:4.2} s", elapsed.as_secs_f32());
        for (name, [tcp, ipc, inproc]) in PULLERS.iter().zip(&self.counts) {
            print!("   {name} {tcp:>4} {ipc:>4} {inproc:>4}");
        }
        println!();
    }

    /// Prints the result; `true` if every message arrived, and once.
    fn print_summary(&self, elapsed: Duration) -> bool {
        println!(
            "\n  received     {:>7} {:>7} {:>7} {:>7}",
            "tcp", "ipc", "inproc", "all"
        );
        for (name, counts) in PULLERS.iter().zip(&self.counts) {
            let [tcp, ipc, inproc] = counts;
            println!(
                "  by {name:<9} {tcp:>7} {ipc:>7} {inproc:>7} {:>7}",
                counts.iter().sum::<usize>()
            );
        }
        let [tcp, ipc, inproc] =
            [0, 1, 2].map(|t| self.counts.iter().map(|counts| counts[t]).sum::<usize>());
        println!(
            "  in all       {tcp:>7} {ipc:>7} {inproc:>7} {:>7}",
            self.arrived()
        );
        println!(
            "  sent         {MESSAGES:>7} {MESSAGES:>7} {MESSAGES:>7} {:>7}",
            MESSAGES * TRANSPORTS.len()
        );

        let known = self.copies.iter().flatten();
        let lost =
            TRANSPORTS.len() * MESSAGES - known.clone().filter(|&&copies| copies > 0).count();
        let doubled = known.filter(|&&copies| copies > 1).count();
        let seconds = elapsed.as_secs_f32();
        println!(
            "\n{lost} lost, {doubled} doubled, {} damaged, in {seconds:.1} s.",
            self.strange
        );
        lost + doubled + self.strange == 0
    }
}

/// The transport a message came by, and its number.
fn read(message: &Message) -> Option<(usize, usize)> {
    let [transport, number] = message.frames().as_slice() else {
        return None;
    };
    let transport = TRANSPORTS.iter().position(|name| transport == name)?;
    let number = number.to_str().ok()?.parse().ok()?;
    (number < MESSAGES).then_some((transport, number))
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}
