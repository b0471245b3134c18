//! What a child process does: the part of a family that it is told, then what it used is said.
//!
//! Where the input ends the process does too, so that none outlives the program that started it.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver};
use std::{process, thread};

use crate::families;
use crate::side::Result;
use crate::task::Task;
use crate::usage;

/// Runs as a child process.
pub(crate) fn run(arguments: &[String]) -> std::result::Result<(), String> {
    let task = Task::from_arguments(arguments).ok_or("not a task")?;
    work(&task).map_err(|error| {
        let Task {
            family, role, side, ..
        } = &task;
        format!("{family} {role} of {}: {error}", side.as_str())
    })
}

fn work(task: &Task) -> Result<()> {
    let parent = Parent::listen();
    if let Some(core) = task.core {
        // Before the library starts its threads, which inherit it.
        usage::pin_to(core)?;
    }
    families::work(task, &parent)?;
    let [cpu, peak] = [usage::cpu_seconds(), usage::peak_memory()? as f64];
    parent.say(&format!("usage {cpu} {peak}"))
}

/// The process that started this one.
pub(crate) struct Parent {
    told: Receiver<()>,
}

impl Parent {
    /// Hears each line of the input; ends the process where the input ends.
    fn listen() -> Self {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            for _ in io::stdin().lines().map_while(io::Result::ok) {
                let _ = tell.send(());
            }
            process::exit(1);
        });
        Self { told }
    }

    pub(crate) fn say(&self, line: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }

    /// Waits until it says to go on.
    pub(crate) fn wait(&self) -> Result<()> {
        Ok(self.told.recv()?)
    }

    /// Whether it has said so.
    #[cfg(feature = "rivals")]
    pub(crate) fn has_told(&self) -> Result<bool> {
        match self.told.try_recv() {
            Ok(()) => Ok(true),
            Err(mpsc::TryRecvError::Empty) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
