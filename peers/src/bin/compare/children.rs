//! One run: the child processes, what they say, and the end of those that are stuck.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use peers::scratch::{self, Scratch};

use crate::cases::{Case, Transport};
use crate::side::SideName;
use crate::worker::{Role, Task};

/// A run takes about a second; whatever takes this long is stuck.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where the processes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// The sender on core 0, the receiver on core 1; inproc is left free.
    Pinned,
    /// Wherever the system puts them.
    Free,
}

/// What one run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Messages per second.
    pub(crate) rate: f64,
    /// CPU seconds of all its processes, from start to end, per million messages.
    pub(crate) cpu: f64,
}

/// Runs `count` messages through one side.
pub(crate) fn run(
    case: &Case,
    side: SideName,
    count: u64,
    placement: Placement,
) -> Result<Run, String> {
    let deadline = Instant::now() + TIMEOUT;
    let scratch = Scratch::new();
    let task = |role, endpoint: String, core| Task {
        side,
        role,
        endpoint,
        size: case.size,
        count,
        core: if placement == Placement::Pinned {
            core
        } else {
            None
        },
    };
    let endpoint = match case.transport {
        Transport::Tcp => "tcp://127.0.0.1:*".to_owned(),
        Transport::Ipc => scratch.endpoint(scratch::Transport::Ipc),
        Transport::Inproc => "inproc://compare".to_owned(),
    };
    let (rate, cpu) = if case.transport == Transport::Inproc {
        let both = Process::start(&task(Role::Both, endpoint, None), deadline)?;
        (both.number("rate")?, both.number("cpu")?)
    } else {
        let receiver = Process::start(&task(Role::Receiver, endpoint, Some(1)), deadline)?;
        let endpoint = receiver.word("at")?;
        let mut sender = Process::start(&task(Role::Sender, endpoint, Some(0)), deadline)?;
        // The sender first: a sender that failed says more than a receiver that waits for it.
        sender.word("sent")?;
        let rate = receiver.number("rate")?;
        sender.tell_to_close()?;
        (rate, sender.number("cpu")? + receiver.number("cpu")?)
    };
    Ok(Run {
        rate,
        cpu: cpu * 1e6 / count as f64,
    })
}

/// A child process; killed when dropped.
struct Process {
    name: String,
    child: Child,
    /// Open as long as the child is to live.
    input: ChildStdin,
    lines: Receiver<String>,
    deadline: Instant,
}

impl Process {
    fn start(task: &Task, deadline: Instant) -> Result<Self, String> {
        let name = format!("{} {:?}", task.side.as_str(), task.role).to_lowercase();
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .args(task.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let input = child.stdin.take().ok_or("no input")?;
        let out = BufReader::new(child.stdout.take().ok_or("no output")?);
        let (say, lines) = mpsc::channel();
        // Ends with the child.
        thread::spawn(move || {
            out.lines()
                .map_while(Result::ok)
                .try_for_each(|line| say.send(line))
        });
        Ok(Self {
            name,
            child,
            input,
            lines,
            deadline,
        })
    }

    /// What follows this word on the next line.
    fn word(&self, word: &str) -> Result<String, String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(left).map_err(|why| match why {
            RecvTimeoutError::Timeout => format!("the {} is stuck", self.name),
            RecvTimeoutError::Disconnected => format!("the {} failed", self.name),
        })?;
        match line.split_once(' ') {
            Some((first, rest)) if first == word => Ok(rest.to_owned()),
            _ => Err(format!("the {} said {line:?}", self.name)),
        }
    }

    fn tell_to_close(&mut self) -> Result<(), String> {
        self.input
            .write_all(b"close\n")
            .map_err(|error| format!("the {}: {error}", self.name))
    }

    fn number(&self, word: &str) -> Result<f64, String> {
        let text = self.word(word)?;
        text.parse()
            .map_err(|_| format!("the {} said {text:?}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
