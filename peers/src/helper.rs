//! The program `libzmq-peer`, seen from the test that runs it: a libzmq socket in a process of
//! its own, which can be killed.
//!
//! It says each thing it did on a line of its own, written at once, so that what it had said
//! before a `kill -9` can still be read after. It ends by itself when its input ends.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::numbered::Number;

/// One line that the helper says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Bound there, or connecting to there.
    At(String),
    /// The message was handed to libzmq.
    Sent(Number),
    /// The message was taken from libzmq.
    Got(Number),
    /// Something went wrong, and the helper ends.
    Bad(String),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(endpoint) => write!(f, "at {endpoint}"),
            Self::Sent(Number { generation, number }) => write!(f, "sent {generation} {number}"),
            Self::Got(Number { generation, number }) => write!(f, "got {generation} {number}"),
            Self::Bad(what) => write!(f, "bad {what}"),
        }
    }
}

impl FromStr for Report {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let (generation, number) = text.split_once(' ')?;
            Some(Number {
                generation: generation.parse().ok()?,
                number: number.parse().ok()?,
            })
        };
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "at" => Some(Self::At(rest.to_owned())),
            "sent" => number(rest).map(Self::Sent),
            "got" => number(rest).map(Self::Got),
            "bad" => Some(Self::Bad(rest.to_owned())),
            _ => None,
        }
        .ok_or_else(|| format!("not a report: {line:?}"))
    }
}

impl Report {
    /// Says it, on the helper's side.
    pub fn say(&self) {
        let line = format!("{self}\n");
        let mut out = io::stdout().lock();
        // Nobody to say it to: the test is over.
        if out
            .write_all(line.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            std::process::exit(0);
        }
    }
}

/// A running helper; killed when dropped.
#[derive(Debug)]
pub struct Helper {
    process: Child,
    reports: Receiver<Report>,
    endpoint: String,
}

impl Helper {
    /// Starts the helper and waits until it is bound or connecting.
    ///
    /// `task` is what `libzmq-peer` expects: the socket type, `bind` or `connect`, the endpoint, and
    /// settings of the form `name=value`.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(program: impl AsRef<Path>, task: &[&str]) -> Self {
        let mut process = Command::new(program.as_ref())
            .args(task)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the helper program");
        let lines = BufReader::new(process.stdout.take().expect("is piped")).lines();
        let (say, reports) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let report = line.parse().unwrap_or_else(Report::Bad);
                if say.send(report).is_err() {
                    break;
                }
            }
        });
        let mut helper = Self {
            process,
            reports,
            endpoint: String::new(),
        };
        match helper.next(Duration::from_secs(30)) {
            Report::At(endpoint) => helper.endpoint = endpoint,
            other => panic!("the helper began with {other}"),
        }
        helper
    }

    /// Where it bound or connects to.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The next thing it says.
    ///
    /// # Panics
    ///
    /// When it says nothing for that long, or that something went wrong.
    pub fn next(&self, timeout: Duration) -> Report {
        match self.reports.recv_timeout(timeout) {
            Ok(Report::Bad(what)) => panic!("the helper says: {what}"),
            Ok(report) => report,
            Err(why) => panic!("the helper is silent: {why}"),
        }
    }

    /// Stops it where it is: it is there, and does nothing, until it may [`go_on`](Self::go_on).
    ///
    /// # Panics
    ///
    /// When there is no way to tell it.
    pub fn stop(&mut self) {
        self.signal("-STOP");
    }

    /// Lets it run on.
    ///
    /// # Panics
    ///
    /// When there is no way to tell it.
    pub fn go_on(&mut self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let told = Command::new("kill")
            .args([signal, &self.process.id().to_string()])
            .status()
            .expect("the program kill");
        assert!(told.success(), "{signal}: {told}");
    }

    /// Kills it without warning, and returns what it had said and nobody had heard yet.
    pub fn kill(mut self) -> Vec<Report> {
        self.end();
        // Ends when the thread has read to the end of the output.
        self.reports.iter().collect()
    }

    fn end(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.end();
    }
}
