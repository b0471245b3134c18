//! Other processes: this test binary once more, playing the part of one of its ignored tests.
//!
//! What a part [says](say) its parent [hears](Part::hear); what it writes to stderr the parent gets
//! in the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Instant;
use std::{env, io, thread};

use super::PATIENCE;

/// Tells a part that it is one; its arguments, one a line.
const ARGUMENTS: &str = "ZOCKET_TEST_PART";

/// What tells a part's words from those of the test harness around it.
const MARK: &str = "part says: ";

/// The arguments of the part that this process plays; `None` where somebody has run the ignored
/// tests, and nobody listens.
pub(crate) fn arguments() -> Option<Vec<String>> {
    let arguments = env::var(ARGUMENTS).ok()?;
    Some(arguments.lines().map(str::to_owned).collect())
}

/// Says a line to the parent.
pub(crate) fn say(words: impl std::fmt::Display) {
    let mut out = io::stdout().lock();
    // A parent that has gone will end this process, too.
    let _ = writeln!(out, "\n{MARK}{words}").and_then(|()| out.flush());
}

/// What the parent says next; `None` when it has gone.
pub(crate) fn told() -> Option<String> {
    io::stdin().lines().next()?.ok()
}

/// Writes what is logged to stderr.
pub(crate) fn log_to_stderr() {
    struct Stderr;

    impl log::Log for Stderr {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            // `eprintln` of a test is for its harness, which may keep it.
            let line = format!("{} {}\n", record.level(), record.args());
            let _ = io::stderr().write_all(line.as_bytes());
        }

        fn flush(&self) {}
    }

    log::set_logger(&Stderr).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
}

/// A process that plays a part. It ends with this.
pub(crate) struct Part {
    process: Child,
    stdin: Option<ChildStdin>,
    said: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

impl Part {
    /// Has a test of this binary played.
    pub(crate) fn play(test: &str, arguments: &[&str]) -> Self {
        Self::play_within(&[], test, arguments)
    }

    /// The same by a command that runs another: `ip netns exec …`.
    pub(crate) fn play_within(around: &[&str], test: &str, arguments: &[&str]) -> Self {
        let me = env::current_exe().unwrap();
        let mut command = match around.split_first() {
            Some((command, rest)) => {
                let mut command = Command::new(command);
                command.args(rest).arg(me);
                command
            }
            None => Command::new(me),
        };
        let mut process = command
            .args([test, "--exact", "--ignored", "--nocapture"])
            // On the process's first thread, as a `main` is.
            .arg("--test-threads=1")
            .env(ARGUMENTS, arguments.join("\n"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let (tell, said) = channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if let Some(words) = line.strip_prefix(MARK) {
                    let _ = tell.send(words.to_owned());
                }
            }
        });
        let mut stderr = process.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self {
            stdin: process.stdin.take(),
            process,
            said,
            errors: Some(errors),
        }
    }

    /// The next line that it says.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        match self.said.recv_timeout(PATIENCE) {
            Ok(words) => words,
            Err(error) => {
                let errors = self.stop();
                panic!("the part says nothing ({error}); its stderr: {errors}");
            }
        }
    }

    /// The rest of the next line that begins with this.
    #[track_caller]
    pub(crate) fn hear_of(&mut self, what: &str) -> String {
        loop {
            if let Some(rest) = self.hear().strip_prefix(what) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Says a line to it.
    pub(crate) fn tell(&mut self, words: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{words}").unwrap();
    }

    /// Waits for its end: how that was, and what it wrote to stderr.
    #[track_caller]
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        drop(self.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                panic!("the part does not end; its stderr: {}", self.stop());
            }
            thread::sleep(std::time::Duration::from_millis(2));
        };
        let errors = self.errors.take().unwrap().join().unwrap();
        (status, errors)
    }

    /// Ends it with SIGKILL, as a crash would; gives its stderr.
    pub(crate) fn stop(&mut self) -> String {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let errors = self.errors.take().and_then(|errors| errors.join().ok());
        errors.unwrap_or_default()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.stop();
    }
}
