//! A link that goes down without a word is noticed on both sides, and once it is back messages flow
//! again: in order, none twice, and none lost but what the kernels had, or what was counted.
//!
//! Two hosts, as network namespaces joined by a veth pair. That needs root and iproute2; elsewhere
//! it says that it was skipped.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::PATIENCE;
use support::parts::{self, Part, say};
use zocket::{Dealer, MonitorEvent};

const HEARTBEAT: Duration = Duration::from_millis(300);
const SILENCE: Duration = Duration::from_secs(1);

/// For what a busy machine adds; nothing here may be late for another reason.
const SLACK: Duration = Duration::from_secs(5);

/// After this the two have told each other what to think of their silence, in between the messages.
const INTRODUCED: Duration = Duration::from_millis(1000);

/// How often the link goes down.
const ROUNDS: usize = 3;

/// Bytes of a message, on the wire.
const SIZE: usize = 102;

/// What the kernels' buffers are set to, of which they make twice as much, and what is added to that
/// by a segment that was let in when they were almost full.
const BUFFER: usize = 64 << 10;
const KERNELS: usize = 2 * 2 * BUFFER + (64 << 10);

// ---- the link

/// Two namespaces and the link between them, which go with this.
struct Hosts {
    names: [String; 2],
    links: [String; 2],
}

const ADDRESSES: [&str; 2] = ["10.255.0.1", "10.255.0.2"];

impl Hosts {
    /// `None`, and why on stderr, where they cannot be had.
    fn new(test: &str) -> Option<Self> {
        let id = format!("{}{test}", std::process::id());
        let hosts = Self {
            names: ["a", "b"].map(|end| format!("zocket-test-{id}-{end}")),
            links: ["a", "b"].map(|end| format!("zt{id}{end}")),
        };
        match hosts.set_up() {
            Ok(()) => Some(hosts),
            Err(why) => {
                eprintln!("skipped: no network namespaces here: {why}");
                None
            }
        }
    }

    fn set_up(&self) -> Result<(), String> {
        let ([a, b], [link_a, link_b]) = (&self.names, &self.links);
        for name in &self.names {
            ip(&["netns", "add", name])?;
        }
        ip(&[
            "-n", a, "link", "add", link_a, "type", "veth", "peer", "name", link_b, "netns", b,
        ])?;
        for ((name, link), address) in self.names.iter().zip(&self.links).zip(ADDRESSES) {
            let address = format!("{address}/24");
            ip(&["-n", name, "address", "add", &address, "dev", link])?;
            // Whoever asks for the other's hardware address while the link is down is to ask again
            // soon, not after a second: that is not what is measured here.
            ip(&[
                "-n",
                name,
                "ntable",
                "change",
                "name",
                "arp_cache",
                "dev",
                link,
                "retrans",
                "50",
            ])?;
            ip(&["-n", name, "link", "set", link, "up"])?;
            ip(&["netns", "exec", name, "true"])?;
        }
        Ok(())
    }

    /// As if the cable was pulled.
    fn set_link(&self, state: &str) {
        ip(&["-n", &self.names[0], "link", "set", &self.links[0], state]).unwrap();
    }

    /// Plays a part on one of them.
    fn play(&self, host: usize, test: &str, arguments: &[&str]) -> Part {
        let around = ["ip", "netns", "exec", &self.names[host]];
        Part::play_within(&around, test, arguments)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = ip(&["netns", "delete", name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    match Command::new("ip").args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("ip: {error}")),
    }
}

// ---- what happens on each of the two

/// Sends numbers and checks those of the other; says when the other is there, when it is lost, when
/// its messages flow again, and in the end how many it has sent and what was missing.
#[test]
#[ignore = "a part, played in a process of its own"]
fn one_end_of_the_link() {
    let Some(arguments) = parts::arguments() else {
        return;
    };
    let dealer = Dealer::builder()
        .heartbeat_interval(HEARTBEAT)
        .heartbeat_timeout(SILENCE)
        // While the link is down, nothing answers at all.
        .connect_timeout(HEARTBEAT)
        .reconnect_interval(Duration::from_millis(20))
        .reconnect_interval_max(Duration::from_millis(100))
        .send_buffer(BUFFER)
        .recv_buffer(BUFFER)
        .linger(Duration::ZERO)
        .build()
        .unwrap();
    let dealer = Arc::new(dealer);
    let monitor = dealer.monitor();
    let news = Arc::new(AtomicBool::new(false));
    thread::spawn({
        let news = news.clone();
        move || {
            while let Ok(event) = monitor.recv() {
                match event {
                    MonitorEvent::HandshakeSucceeded { .. } => {
                        news.store(true, Ordering::SeqCst);
                        say("joined");
                    }
                    MonitorEvent::Disconnected { reason, .. } => say(format!("lost {reason}")),
                    _ => {}
                }
            }
        }
    });
    match arguments.as_slice() {
        [bind, here] if bind == "bind" => {
            let here = dealer.bind(here.as_str()).unwrap();
            say(format!("bound {here}"));
        }
        [_, there] => {
            dealer.connect(there.as_str()).unwrap();
        }
        _ => panic!("{arguments:?}"),
    }

    let got = Arc::new(AtomicU64::new(0));
    thread::spawn({
        let (dealer, got) = (dealer.clone(), got.clone());
        move || {
            let mut next = 0;
            let mut since = None;
            while let Ok(message) = dealer.recv() {
                let number = u64::from_le_bytes(message.first()[..8].try_into().unwrap());
                if number < next {
                    say(format!("twice or late {number} after {}", next - 1));
                }
                if number > next {
                    say(format!("gap {}", number - next));
                }
                next = number + 1;
                got.store(next, Ordering::SeqCst);
                if news.swap(false, Ordering::SeqCst) {
                    say("flows");
                    since = Some(Instant::now());
                }
                if since.is_some_and(|since| since.elapsed() > INTRODUCED) {
                    say("steady");
                    since = None;
                }
            }
        }
    });

    assert_eq!(parts::told().as_deref(), Some("start"));
    let stop = Arc::new(AtomicBool::new(false));
    let sender = thread::spawn({
        let (dealer, stop) = (dealer.clone(), stop.clone());
        move || {
            let mut next = 0_u64;
            while !stop.load(Ordering::SeqCst) {
                for _ in 0..10 {
                    let mut body = next.to_le_bytes().to_vec();
                    body.resize(SIZE - 2, 0);
                    if dealer.try_send(body).is_ok() {
                        next += 1;
                    }
                }
                // 2000 a second: more than the buffers hold until a loss is noticed.
                thread::sleep(Duration::from_millis(5));
            }
            next
        }
    });
    assert_eq!(parts::told().as_deref(), Some("stop"));
    stop.store(true, Ordering::SeqCst);
    let sent = sender.join().unwrap();
    dealer.flush(PATIENCE).unwrap();
    let dropped = dealer.stats().dropped.with_peer;
    say(format!("sent {sent} {dropped}"));
    let last: u64 = parts::told().unwrap().parse().unwrap();
    support::until("the last has come", || got.load(Ordering::SeqCst) == last);
    say("all");
    // The other may not have got there yet.
    assert_eq!(parts::told(), None);
}

// ---- what it looks like from above

/// The two ends, one that has connected and one that is bound.
fn two_ends(hosts: &Hosts) -> [Part; 2] {
    let here = format!("tcp://{}:*", ADDRESSES[1]);
    let mut bound = hosts.play(1, "one_end_of_the_link", &["bind", &here]);
    let there = bound.hear_of("bound");
    let connected = hosts.play(0, "one_end_of_the_link", &["connect", &there]);
    [connected, bound]
}

/// Takes the link away until both have noticed.
fn cut(hosts: &Hosts, ends: &mut [Part; 2], least: Duration) {
    let cut = Instant::now();
    hosts.set_link("down");
    for end in ends {
        let reason = end.hear_of("lost");
        let took = cut.elapsed();
        assert!(reason.contains("the peer is silent"), "{reason}");
        assert!(took < HEARTBEAT + SILENCE + SLACK, "{took:?}");
        assert!(took >= least, "{took:?}: nothing can be known yet");
    }
}

/// With nothing to say, they have heard of each other by their questions only.
#[test]
fn an_idle_link_that_was_down_is_noticed_and_heals() {
    let Some(hosts) = Hosts::new("i") else {
        return;
    };
    let mut ends = two_ends(&hosts);
    let mut best = Duration::MAX;
    for end in &mut ends {
        end.hear_of("joined");
    }
    for _ in 0..ROUNDS {
        // The last sign of life may be as old as the interval.
        cut(&hosts, &mut ends, SILENCE - HEARTBEAT - HEARTBEAT / 4);
        let healed = Instant::now();
        hosts.set_link("up");
        for end in &mut ends {
            end.hear_of("joined");
        }
        let took = healed.elapsed();
        assert!(took < Duration::from_secs(1) + SLACK, "{took:?}");
        best = best.min(took);
    }
    assert!(best < Duration::from_secs(1), "{best:?}");
    for end in &mut ends {
        end.tell("start");
    }
    for end in &mut ends {
        end.hear_of("flows");
    }
}

#[test]
fn a_link_that_was_down_under_traffic_is_noticed_and_heals() {
    let Some(hosts) = Hosts::new("t") else {
        return;
    };
    let mut ends = two_ends(&hosts);
    for end in &mut ends {
        end.tell("start");
    }
    for end in &mut ends {
        end.hear_of("steady");
    }

    // How many were missing, in each gap, on each side.
    let mut gaps = [vec![], vec![]];
    let mut best = Duration::MAX;
    for round in 0..ROUNDS {
        cut(&hosts, &mut ends, SILENCE);
        let healed = Instant::now();
        hosts.set_link("up");
        for (end, gaps) in ends.iter_mut().zip(&mut gaps) {
            loop {
                let words = end.hear();
                match words.split_once(' ') {
                    Some(("gap", missing)) => gaps.push(missing.parse::<u64>().unwrap()),
                    None if words == "flows" => break,
                    None if words == "joined" => {}
                    _ => panic!("{words}"),
                }
            }
        }
        let took = healed.elapsed();
        assert!(took < Duration::from_secs(1) + SLACK, "{took:?}");
        best = best.min(took);
        for end in &mut ends {
            end.hear_of("steady");
        }
        eprintln!("round {round}: messages flow again after {took:?}, both ways");
    }
    // Within a second, unless the machine has something else to do all the time.
    assert!(best < Duration::from_secs(1), "{best:?}");

    for end in &mut ends {
        end.tell("stop");
    }
    let sent: Vec<(u64, u64)> = (ends.iter_mut())
        .map(|end| {
            let words = end.hear_of("sent");
            let (sent, dropped) = words.split_once(' ').unwrap();
            (sent.parse().unwrap(), dropped.parse().unwrap())
        })
        .collect();
    for (side, (sent, dropped)) in [(1, sent[0]), (0, sent[1])] {
        ends[side].tell(&sent.to_string());
        let words = ends[side].hear();
        assert_eq!(words, "all");
        let gaps = &gaps[side];
        eprintln!("of {sent} messages missing: {gaps:?}; dropped and counted: {dropped}");
        let kernels = (KERNELS / SIZE) as u64;
        let missing: u64 = gaps.iter().sum();
        assert!(gaps.len() <= ROUNDS);
        assert!(missing >= dropped, "{missing} missing, {dropped} dropped");
        assert!(missing <= dropped + kernels * ROUNDS as u64);
        for gap in gaps {
            assert!(*gap <= dropped + kernels, "{gap}");
        }
    }
    for end in ends {
        let (status, errors) = end.end();
        assert!(status.success(), "{errors}");
    }
}
