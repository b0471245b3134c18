//! A program that is started has none of the descriptors.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

use std::fs::File;
use std::process::{Command, Stdio};

use support::{Home, WIRE, joined};
use zocket::{Interest, Poller};

/// What kinds of descriptors of a library like this a program has that is started now.
fn inherited() -> Vec<String> {
    let listed = Command::new("ls")
        .args(["-l", "/proc/self/fd"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    assert!(listed.status.success());
    let listed = String::from_utf8(listed.stdout).unwrap();
    let kinds = [
        "socket:",
        "eventpoll",
        "eventfd",
        "timerfd",
        "/dev/null",
        "pipe:",
    ];
    let is_it = |line: &&str| kinds.iter().any(|kind| line.contains(kind));
    let target = |line: &str| line.split(" -> ").nth(1).unwrap_or_default().to_owned();
    let mut all: Vec<_> = listed.lines().filter(is_it).map(target).collect();
    // Its own output is another each time.
    all.retain(|target| !target.contains("pipe:"));
    all.sort();
    all
}

#[test]
fn every_descriptor_is_closed_on_exec() {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: this system does not list a process's descriptors in /proc/self/fd");
        return;
    }
    let before = inherited();
    let home = Home::new();
    let all: Vec<_> = (WIRE.iter())
        .map(|&transport| {
            let (push, pull) = joined(&home, transport, 0);
            // Another that never finds anybody.
            push.connect(home.vacant(transport)).unwrap();
            pull.descriptor().unwrap();
            push.descriptor().unwrap();
            (push, pull)
        })
        .collect();
    let poller = Poller::new();
    poller.add(&all[0].1, 0, Interest::READABLE).unwrap();
    let zero = File::open("/dev/null").unwrap();
    let (reads, writes) = std::io::pipe().unwrap();
    poller.add_fd(&reads, 1, Interest::READABLE).unwrap();
    drop(zero);
    assert_eq!(inherited(), before);
    drop(writes);
}
