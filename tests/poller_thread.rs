//! The thread that waits for plain descriptors: there from the first one on, gone with its poller.
//!
//! One test, because it counts the process's threads.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

use std::fs;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use support::{Home, Transport, until};
use zocket::{Interest, Poller};

/// How many threads of this name there are.
fn threads(name: &str) -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|comm| comm.trim_end() == name).count()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_poller_has_a_thread_while_it_is_there_if_it_ever_had_a_descriptor() {
    let pollers = || threads("zocket-poller");
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    pull.bind(home.endpoint(Transport::Inproc)).unwrap();
    let (a, b) = UnixStream::pair().unwrap();
    let before = descriptors();

    let poller = Poller::new();
    poller.add(&pull, 1, Interest::READABLE).unwrap();
    poller.wait(&mut Vec::new(), Duration::ZERO).unwrap();
    assert_eq!((pollers(), descriptors()), (0, before));

    poller.add_fd(&a, 2, Interest::READABLE).unwrap();
    until("it is there", || pollers() == 1);
    poller.add_fd(&b, 3, Interest::READABLE).unwrap();
    poller.remove_fd(&a).unwrap();
    poller.remove_fd(&b).unwrap();
    assert_eq!(pollers(), 1);

    let another = Poller::new();
    another.add_fd(&a, 1, Interest::READABLE).unwrap();
    another.add(&pull, 2, Interest::READABLE).unwrap();
    until("it is there", || pollers() == 2);

    drop(poller);
    until("it is gone", || pollers() == 1);
    drop(another);
    until("it is gone", || pollers() == 0);
    until("its descriptors are closed", || descriptors() == before);
}
