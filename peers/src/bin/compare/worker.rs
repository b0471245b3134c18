//! What a child process does: sends, receives, or both on two threads.
//!
//! It says what comes of it on lines of words: `at ENDPOINT` when it is bound, `sent COUNT` and
//! `rate PER_SECOND` when everything is sent or received, `cpu SECONDS` at the end. A sender closes
//! only when it is told so, by a line: libzmq, as a receiver over ipc, gives up what the kernel
//! still holds when the connection closes while its queue is full. Where the input ends the
//! process does too, so that none outlives the program that started it.

use std::hint::black_box;
use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver as Told};
use std::time::Instant;
use std::{process, thread};

use crate::pinning;
use crate::side::{Libzmq, Receiver, Result, Sender, Side, SideName, Zocket};

/// The first argument of a child process.
pub(crate) const FLAG: &str = "--worker";

/// The part of the work that is this process's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Sender,
    Receiver,
    Both,
}

/// What a child process is told to do.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) side: SideName,
    pub(crate) role: Role,
    pub(crate) endpoint: String,
    pub(crate) size: usize,
    pub(crate) count: u64,
    pub(crate) core: Option<usize>,
}

impl Task {
    /// As arguments of a child process.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let role = match self.role {
            Role::Sender => "sender",
            Role::Receiver => "receiver",
            Role::Both => "both",
        };
        let core = self.core.map_or("-".to_owned(), |core| core.to_string());
        [
            FLAG,
            self.side.as_str(),
            role,
            &self.endpoint,
            &self.size.to_string(),
            &self.count.to_string(),
            &core,
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn from_arguments(arguments: &[String]) -> Option<Self> {
        let [side, role, endpoint, size, count, core] = arguments else {
            return None;
        };
        Some(Self {
            side: side.parse().ok()?,
            role: match role.as_str() {
                "sender" => Role::Sender,
                "receiver" => Role::Receiver,
                "both" => Role::Both,
                _ => return None,
            },
            endpoint: endpoint.clone(),
            size: size.parse().ok()?,
            count: count.parse().ok()?,
            core: core.parse().ok(),
        })
    }
}

/// Runs as a child process.
pub(crate) fn run(arguments: &[String]) -> std::result::Result<(), String> {
    let task = Task::from_arguments(arguments).ok_or("not a task")?;
    let told = listen();
    let work = match task.side {
        SideName::Zocket => work::<Zocket>,
        SideName::Libzmq => work::<Libzmq>,
    };
    work(&task, &told).map_err(|error| error.to_string())
}

fn work<S: Side>(task: &Task, told: &Told<()>) -> Result<()> {
    if let Some(core) = task.core {
        // Before the library starts its threads, which inherit it.
        pinning::pin_to(core)?;
    }
    let context = S::context();
    match task.role {
        Role::Sender => {
            let sender = S::sender(&context, &task.endpoint)?;
            drop(context);
            send(&sender, task)?;
            say(&format!("sent {}", task.count))?;
            told.recv()?;
            sender.close()?;
        }
        Role::Receiver => {
            let (receiver, endpoint) = S::receiver(&context, &task.endpoint)?;
            say(&format!("at {endpoint}"))?;
            say(&format!("rate {}", receive(receiver, task)?))?;
        }
        Role::Both => {
            let (receiver, endpoint) = S::receiver(&context, &task.endpoint)?;
            let sender = S::sender(&context, &endpoint)?;
            drop(context);
            let rate = thread::scope(|scope| {
                let sending = scope.spawn(|| {
                    send(&sender, task)?;
                    sender.close()
                });
                let rate = receive(receiver, task)?;
                sending
                    .join()
                    .map_err(|_| "the sending thread panicked")??;
                Result::Ok(rate)
            })?;
            say(&format!("rate {rate}"))?;
        }
    }
    say(&format!("cpu {}", pinning::cpu_seconds()))
}

const FIRST: u8 = 0xA5;
const LAST: u8 = 0x5A;

fn send(sender: &impl Sender, task: &Task) -> Result<()> {
    let mut buffer = vec![0; task.size];
    buffer[0] = FIRST;
    buffer[task.size - 1] = LAST;
    for _ in 0..task.count {
        sender.send(black_box(&buffer))?;
    }
    Ok(())
}

/// Messages per second, from the first to the last. Reads two bytes of each, so that their
/// memory is really met by the thread that receives.
fn receive(mut receiver: impl Receiver, task: &Task) -> Result<f64> {
    let mut look = || receiver.recv(|data| (data.len(), data[0], data[data.len() - 1]));
    let expected = (task.size, FIRST, LAST);
    let mut strange = u64::from(look()? != expected);
    let start = Instant::now();
    for _ in 1..task.count {
        strange += u64::from(look()? != expected);
    }
    let elapsed = start.elapsed();
    if strange > 0 {
        return Err(format!("{strange} of {} messages arrived changed", task.count).into());
    }
    Ok((task.count - 1) as f64 / elapsed.as_secs_f64())
}

/// Hears each line of the input; ends the process where the input ends.
fn listen() -> Told<()> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for _ in io::stdin().lines().map_while(io::Result::ok) {
            let _ = tell.send(());
        }
        process::exit(1);
    });
    told
}

fn say(line: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
