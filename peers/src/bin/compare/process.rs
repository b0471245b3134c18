//! The child processes of one run: what they say, and the end of those that are stuck.
//!
//! A child says what comes of it on lines of words, such as `at ENDPOINT`, and `usage CPU PEAK` at
//! the end. It is told to go on by lines, and ends where its input ends (see `worker`).

use std::io::{BufRead, BufReader, Write};
use std::iter::Sum;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use peers::scratch::{self, Scratch};

use crate::c_program::CProgram;
use crate::case::{Attempt, Placement, Transport};
use crate::task::Task;

/// A run takes about a second; whatever takes this long is stuck.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The processes of one run, and what they share.
pub(crate) struct Crew {
    attempt: Attempt,
    family: &'static str,
    /// What its processes are; if nothing else, this program.
    program: Option<&'static CProgram>,
    scratch: Scratch,
    deadline: Instant,
}

impl Crew {
    pub(crate) fn new(family: &'static str, attempt: &Attempt) -> Self {
        Self {
            attempt: *attempt,
            family,
            program: None,
            scratch: Scratch::new(),
            deadline: Instant::now() + TIMEOUT,
        }
    }

    /// The same, of processes of that program.
    pub(crate) fn of(self, program: &'static CProgram) -> Self {
        Self {
            program: Some(program),
            ..self
        }
    }

    /// An endpoint to bind.
    pub(crate) fn endpoint(&self, transport: Transport) -> String {
        match transport {
            Transport::Tcp => "tcp://127.0.0.1:*".to_owned(),
            Transport::Ipc => self.scratch.endpoint(scratch::Transport::Ipc),
            Transport::Inproc => "inproc://compare".to_owned(),
        }
    }

    /// A task for a process of this run. Pinned, it has this core.
    pub(crate) fn task(&self, role: &str, core: usize) -> Task {
        Task::new(self.family, role, self.attempt.side)
            .on((self.attempt.placement == Placement::Pinned).then_some(core))
    }

    pub(crate) fn start(&self, task: &Task) -> Result<Process, String> {
        let command = match self.program {
            Some(program) => program.command(task.side),
            None => Command::new(std::env::current_exe().map_err(|error| error.to_string())?),
        };
        Process::start(task, command, self.deadline)
    }
}

/// What processes have used from start to end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Seconds, in user and system together.
    pub(crate) cpu: f64,
    /// The most memory at a time, in bytes.
    pub(crate) peak: f64,
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), |sum, usage| Self {
            cpu: sum.cpu + usage.cpu,
            peak: sum.peak + usage.peak,
        })
    }
}

/// A child process; killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    /// Open as long as the child is to live.
    input: ChildStdin,
    lines: Receiver<String>,
    deadline: Instant,
}

impl Process {
    fn start(task: &Task, mut command: Command, deadline: Instant) -> Result<Self, String> {
        let name = format!("{} {} of {}", task.family, task.role, task.side.as_str());
        let mut child = command
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
    pub(crate) fn word(&self, word: &str) -> Result<String, String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(left).map_err(|why| match why {
            RecvTimeoutError::Timeout => format!("the {} is stuck", self.name),
            RecvTimeoutError::Disconnected => format!("the {} failed", self.name),
        })?;
        match line.split_once(' ') {
            Some((first, rest)) if first == word => Ok(rest.to_owned()),
            None if line == word => Ok(String::new()),
            _ => Err(format!("the {} said {line:?}", self.name)),
        }
    }

    /// As many numbers as follow this word on the next line, each of which is finite.
    pub(crate) fn numbers<const N: usize>(&self, word: &str) -> Result<[f64; N], String> {
        let text = self.word(word)?;
        let numbers: Vec<f64> = text
            .split(' ')
            .map_while(|number| number.parse().ok())
            .filter(|number: &f64| number.is_finite())
            .collect();
        numbers
            .try_into()
            .map_err(|_| format!("the {} said {word} {text:?}", self.name))
    }

    pub(crate) fn number(&self, word: &str) -> Result<f64, String> {
        let [number] = self.numbers(word)?;
        Ok(number)
    }

    /// Has it go on.
    pub(crate) fn tell(&mut self) -> Result<(), String> {
        self.input
            .write_all(b"go on\n")
            .map_err(|error| format!("the {}: {error}", self.name))
    }

    /// What it has used, which it says last.
    pub(crate) fn usage(&self) -> Result<Usage, String> {
        let [cpu, peak] = self.numbers("usage")?;
        Ok(Usage { cpu, peak })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
