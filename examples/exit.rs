//! A program that sends a million messages and returns from `main` at once has sent them.
//!
//! ```text
//! cargo run --release --example exit -- [messages]
//! ```
//!
//! Starts itself as that program, over tcp and ipc, and counts what comes; then with nobody to send
//! to, where it ends after its linger and logs what was left.

use std::error::Error;
use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use zocket::{Pull, Push};

/// How long a message may be on its way before something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

/// How this program is told to be the sender: `exit sends <endpoint> <messages>`.
const SENDS: &str = "sends";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] => watch(1_000_000),
        [SENDS, endpoint, messages] => send(endpoint, messages),
        [messages] => match messages.parse() {
            Ok(messages) => watch(messages),
            Err(_) => return usage(),
        },
        _ => return usage(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    println!("usage: exit [messages]");
    ExitCode::FAILURE
}

/// The whole of the sender: it does nothing to be sure that its messages have left.
fn send(endpoint: &str, messages: &str) -> Result<(), Box<dyn Error>> {
    log_to_stderr().map_err(|error| error.to_string())?;
    let push = Push::new();
    push.connect(endpoint)?;
    for number in 0..messages.parse::<u64>()? {
        push.send(&number.to_le_bytes()[..])?;
    }
    Ok(())
}

fn watch(messages: u64) -> Result<(), Box<dyn Error>> {
    let mut endpoints = vec!["tcp://127.0.0.1:*"];
    if cfg!(unix) {
        endpoints.push("ipc://*");
    }
    for endpoint in endpoints {
        every_message_arrives(endpoint, messages)?;
    }
    nobody_is_there()
}

fn sender(endpoint: &str, messages: u64) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([SENDS, endpoint, &messages.to_string()]);
    Ok(command)
}

fn every_message_arrives(endpoint: &str, messages: u64) -> Result<(), Box<dyn Error>> {
    let pull = Pull::new();
    let here = pull.bind(endpoint)?.to_string();
    let began = Instant::now();
    let mut process = sender(&here, messages)?.spawn()?;
    for number in 0..messages {
        let message = pull.recv_timeout(PATIENCE)?;
        if message != number.to_le_bytes()[..] {
            return Err(format!("{message:?} came instead of number {number}").into());
        }
    }
    if !process.wait()?.success() {
        return Err("the sender failed".into());
    }
    let scheme = here.split("://").next().unwrap_or_default();
    let took = began.elapsed().as_secs_f64();
    println!("{scheme}: {messages} messages of a process that has ended arrived, in {took:.2} s");
    Ok(())
}

fn nobody_is_there() -> Result<(), Box<dyn Error>> {
    // Bound for a moment, so that the port is nobody's.
    let pull = Pull::new();
    let there = pull.bind("tcp://127.0.0.1:*")?;
    pull.close()?;
    let began = Instant::now();
    let output = (sender(&there.to_string(), 10)?)
        .stderr(Stdio::piped())
        .output()?;
    let took = began.elapsed();
    let log = String::from_utf8_lossy(&output.stderr);
    let said = format!("10 messages (80 bytes) were not sent: 10 to {there}");
    let Some(line) = log.lines().find(|line| line.contains(&said)) else {
        return Err(format!("nothing says that {said}, but: {log}").into());
    };
    // The default linger, and what a busy machine adds.
    if took > Duration::from_secs(5 + 10) {
        return Err(format!("it took {took:?}").into());
    }
    println!(
        "nobody: ended after {:.2} s, with: {line}",
        took.as_secs_f64()
    );
    Ok(())
}

/// Writes warnings and errors to stderr, as a program's logger may.
fn log_to_stderr() -> Result<(), log::SetLoggerError> {
    struct Stderr;

    impl log::Log for Stderr {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.level() <= log::Level::Warn
        }

        fn log(&self, record: &log::Record<'_>) {
            if self.enabled(record.metadata()) {
                let (level, text) = (record.level(), record.args());
                let _ = writeln!(std::io::stderr(), "{level}: {text}");
            }
        }

        fn flush(&self) {}
    }

    log::set_logger(&Stderr)?;
    log::set_max_level(log::LevelFilter::Warn);
    Ok(())
}
