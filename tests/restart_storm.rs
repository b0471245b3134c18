//! A server that is killed and started again, over and over: all of its clients come back each time,
//! spread out, and leave nothing behind.
//!
//! One test, because it counts the descriptors, the threads and the memory of the process.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::fs;
use std::time::{Duration, Instant};

use support::parts::{self, Part, say};
use support::{Home, PATIENCE, Transport, until};
use zocket::{Context, Dealer, Monitor, MonitorEvent, Router};

const CLIENTS: usize = 200;
const RESTARTS: usize = 20;

/// Whoever tries first waits for a part of this.
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_millis(800);

/// Answers everybody, until it is killed.
#[test]
#[ignore = "a part, played in a process of its own"]
fn answers() {
    let Some(arguments) = parts::arguments() else {
        return;
    };
    let router = Router::new();
    router.bind(arguments[0].as_str()).unwrap();
    loop {
        let (client, message) = router.recv_from().unwrap();
        if message == "how many?" {
            say(router.peers().len());
        }
        // One that has left meanwhile gets no answer.
        let _ = router.send_to(&client, message);
    }
}

struct Client {
    dealer: Dealer,
    monitor: Monitor,
}

impl Client {
    /// Asks, and waits for the answer.
    fn ask(&self, question: &str) {
        self.dealer.send(question).unwrap();
        let answer = self.dealer.recv_timeout(PATIENCE).expect("an answer");
        assert_eq!(answer, question);
    }

    /// The connection is known to be lost; how long it waits before the first attempt to come back.
    fn first_wait(&self) -> Duration {
        let mut lost = false;
        loop {
            match self.monitor.recv_timeout(PATIENCE).expect("it is told") {
                MonitorEvent::Disconnected { .. } => lost = true,
                MonitorEvent::RetryScheduled { wait, attempts, .. } if lost => {
                    assert_eq!(attempts, 0);
                    return wait;
                }
                _ => {}
            }
        }
    }

    /// Waits until it is back.
    fn come_back(&self) {
        loop {
            let event = self.monitor.recv_timeout(PATIENCE).expect("it comes back");
            if matches!(event, MonitorEvent::HandshakeSucceeded { .. }) {
                return;
            }
        }
    }
}

/// What this process holds: descriptors, threads, and KiB of memory.
fn held() -> (usize, usize, usize) {
    let count = |path: &str| fs::read_dir(path).unwrap().count();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = rss.unwrap().trim().strip_suffix(" kB").unwrap();
    let kib = kib.trim().parse().unwrap();
    (count("/proc/self/fd"), count("/proc/self/task"), kib)
}

/// No part of the interval has more than a few times its share of the first attempts. (Waits that
/// are all the same, or doubled without chance, would all be in one.)
fn are_spread(waits: &[Duration]) {
    const PARTS: usize = 10;
    let mut counts = [0; PARTS];
    for wait in waits {
        assert!(*wait <= FIRST);
        let part = wait.as_micros() * PARTS as u128 / (FIRST.as_micros() + 1);
        counts[part as usize] += 1;
    }
    // 20 in the mean; each of these is as unlikely as seven times its deviation.
    let most = *counts.iter().max().unwrap();
    assert!(most < 50, "{counts:?}");
    let empty = counts.iter().filter(|&&count| count == 0).count();
    assert_eq!(empty, 0, "{counts:?}");
}

/// With everybody connected, as it was then.
fn left_nothing_behind((descriptors, threads, kib): (usize, usize, usize)) {
    // The ends of those whose handshake was under way at the last kill may take a little longer.
    until("the descriptors and threads are those of before", || {
        (held().0, held().1) == (descriptors, threads)
    });
    let now = held().2;
    eprintln!("{descriptors} descriptors, {threads} threads; {kib} KiB before, {now} KiB now");
    // What an allocator may keep; a buffer for each connection that was made would be ten times this.
    assert!(now < kib + 2048, "{kib} KiB before, {now} KiB now");
}

#[test]
fn all_of_two_hundred_come_back_after_every_kill_and_leave_nothing_behind() {
    let home = Home::new();
    let there = home.vacant(Transport::Tcp);
    let context = Context::new();
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|_| {
            let dealer = Dealer::builder()
                .context(&context)
                .reconnect_interval(FIRST)
                .reconnect_interval_max(LONGEST)
                .linger(Duration::ZERO)
                .build()
                .unwrap();
            let monitor = dealer.monitor();
            dealer.connect(&there).unwrap();
            Client { dealer, monitor }
        })
        .collect();
    let mut after_two = None;
    for round in 0..=RESTARTS {
        let mut server = Part::play("answers", &[&there]);
        let began = Instant::now();
        for client in &clients {
            client.come_back();
        }
        let took = began.elapsed();
        for client in &clients {
            client.ask("are you there?");
        }
        clients[0].ask("how many?");
        assert_eq!(server.hear(), CLIENTS.to_string(), "each of them once");
        if round == 2 {
            after_two = Some(held());
        }
        if round == RESTARTS {
            return left_nothing_behind(after_two.unwrap());
        }
        // Only after a connection that has lived for so long the waits begin anew.
        std::thread::sleep(FIRST);
        server.stop();
        let mut waits: Vec<Duration> = clients.iter().map(Client::first_wait).collect();
        are_spread(&waits);
        waits.sort();
        let quarter = waits[CLIENTS / 4]..waits[CLIENTS * 3 / 4];
        eprintln!("round {round}: all back after {took:?}; the next half of them in {quarter:?}");
    }
}
