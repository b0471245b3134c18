//! What each thread of this process has done: how often it went to sleep, and how long it ran.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// Every thread of this process but the one that looks, by name and number.
#[derive(Debug, Default)]
pub(crate) struct Threads(BTreeMap<(String, u32), Activity>);

/// What a thread has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// How often it has gone to sleep, or been put to sleep: each time it has run before.
    pub(crate) switches: u64,
    /// Processor time.
    pub(crate) time: Duration,
}

impl Threads {
    /// As they are now.
    pub(crate) fn now() -> Self {
        let mut threads = BTreeMap::new();
        let itself = fs::read_link("/proc/thread-self").unwrap_or_default();
        for entry in fs::read_dir("/proc/self/task")
            .into_iter()
            .flatten()
            .flatten()
        {
            if Some(entry.file_name().as_os_str()) == itself.file_name() {
                continue;
            }
            // A thread that has ended meanwhile has nothing to read.
            let read = |file: &str| fs::read_to_string(entry.path().join(file)).ok();
            let (Some(name), Some(status), Some(Ok(number))) = (
                read("comm"),
                read("status"),
                entry.file_name().to_str().map(str::parse),
            ) else {
                continue;
            };
            let switches = status
                .lines()
                .filter_map(|line| line.split_once("voluntary_ctxt_switches:"))
                .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
                .sum();
            // The first of its numbers is the time it has run, in nanoseconds. Not every kernel keeps it.
            let schedstat = read("schedstat").unwrap_or_default();
            let ran = schedstat.split(' ').next().map(str::parse);
            let time = Duration::from_nanos(ran.and_then(Result::ok).unwrap_or_default());
            threads.insert(
                (name.trim().to_owned(), number),
                Activity { switches, time },
            );
        }
        Self(threads)
    }

    /// What those that are there have done since then.
    pub(crate) fn since(&self, before: &Self) -> BTreeMap<(String, u32), Activity> {
        let done = |(thread, now): (&(String, u32), &Activity)| {
            let before = before.0.get(thread).copied().unwrap_or_default();
            let done = Activity {
                switches: now.switches - before.switches,
                time: now.time.saturating_sub(before.time),
            };
            (thread.clone(), done)
        };
        self.0.iter().map(done).collect()
    }
}
