//! Out of descriptors, and beset by silent connections: no spin, no abort, and a way back.
//!
//! One test, because it takes the process's descriptors away.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod peer;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

use peer::{PATIENCE, Raw, TempDir, eventually, frame, ms, records};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use zocket::{BindError, ConnectError, Context, Endpoint, Pull, Push};

/// No more descriptors than this.
fn limit_descriptors(current: u64) -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = maximum.map_or(current, |maximum| maximum.min(current));
    let limit = Rlimit {
        current: Some(current),
        maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    current
}

/// Takes every descriptor there is, and those that are given back a little later: by an I/O
/// thread that is about to end, say.
fn hoard() -> Vec<File> {
    let mut hoard = Vec::new();
    loop {
        let before = hoard.len();
        while let Ok(file) = File::open("/dev/null") {
            hoard.push(file);
            assert!(hoard.len() < 100_000, "no limit is set");
        }
        if hoard.len() == before {
            return hoard;
        }
        thread::sleep(ms(200));
    }
}

/// Processor time of this process: clock ticks, of which a second has a hundred.
fn ticks(stat: &File) -> u64 {
    let mut text = [0; 1024];
    let len = stat.read_at(&mut text, 0).unwrap();
    let text = String::from_utf8_lossy(&text[..len]);
    let after_name = text.rsplit_once(')').unwrap().1;
    let fields: Vec<_> = after_name.split_whitespace().collect();
    let number = |n: usize| fields[n].parse::<u64>().unwrap();
    number(11) + number(12)
}

/// A second in which nothing can be done takes a small part of it.
fn rests(what: &str, stat: &File) {
    let before = ticks(stat);
    thread::sleep(Duration::from_secs(1));
    let used = ticks(stat) - before;
    assert!(used < 30, "{what}: {used} % of a processor");
}

fn pull(context: &Context, endpoint: &str) -> (Pull, Endpoint) {
    let pull = Pull::builder().context(context).build().unwrap();
    let here = pull.bind(endpoint).unwrap();
    (pull, here)
}

/// A client that cannot be accepted waits, without a spin, and is served once it can be.
fn accept_without_descriptors(endpoint: &str) {
    let (pull, here) = pull(&Context::new(), endpoint);
    let mut first = Raw::join(&here, "PUSH");
    let stat = File::open("/proc/self/stat").unwrap();
    let mut hoard = hoard();
    // One for the client: the server then has none.
    hoard.pop();
    let mut second = Raw::connect(&here);
    records::await_line(&[&here.to_string(), "cannot accept for now"]);
    rests(endpoint, &stat);
    // The record is not repeated without end either.
    let said = records::count("cannot accept for now");
    assert!(said < 200, "{said} records");
    // Whoever is there already is served.
    first.say(&frame(0, b"first"));
    assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "first");
    assert!(pull.wait_for_peers(2, ms(0)).is_err());
    drop(hoard);
    second.handshake("PUSH");
    second.say(&frame(0, b"second"));
    assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "second");
}

/// What cannot be had is an error, or tried again.
fn bind_and_connect_without_descriptors(dir: &TempDir) {
    let (pull, here) = pull(&Context::new(), "tcp://127.0.0.1:*");
    let running = Context::new();
    let bound = Push::builder().context(&running).build().unwrap();
    bound.bind("tcp://127.0.0.1:*").unwrap();
    let push = Push::builder().context(&running);
    let push = push
        .reconnect_interval(ms(20))
        .reconnect_interval_max(ms(100));
    let push = push.build().unwrap();
    let fresh = Push::builder().context(&Context::new()).build().unwrap();

    let stat = File::open("/proc/self/stat").unwrap();
    let hoard = hoard();
    // A context that has no I/O thread yet cannot start one.
    assert!(matches!(fresh.connect(&here), Err(ConnectError::Io(_))));
    let refused = fresh.bind("tcp://127.0.0.1:*");
    assert!(matches!(refused, Err(BindError::Io { .. })), "{refused:?}");
    for endpoint in ["tcp://127.0.0.1:*", &dir.ipc("refused"), "ipc://*"] {
        let refused = bound.bind(endpoint);
        assert!(matches!(refused, Err(BindError::Io { .. })), "{refused:?}");
    }
    // One that has its thread tries again.
    push.connect(&here).unwrap();
    push.send("patience").unwrap();
    rests("connect", &stat);
    assert!(push.wait_for_peers(1, ms(0)).is_err());
    drop(hoard);
    assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "patience");
    // And the context that could not start can now.
    fresh.connect(&here).unwrap();
    fresh.send("at last").unwrap();
    assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "at last");
    fresh.bind("tcp://127.0.0.1:*").unwrap();
    bound.bind(dir.ipc("refused")).unwrap();
}

/// Silent connections are a bounded burden, for a bounded time.
fn silence(connections: usize) {
    let pull = Pull::builder()
        .context(&Context::new())
        .handshake_timeout(Duration::from_secs(2))
        .backlog(1024)
        .build()
        .unwrap();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let began = Instant::now();
    let mut silent: Vec<Raw> = (0..connections).map(|_| Raw::connect(&here)).collect();
    let push = Push::builder().context(&Context::new());
    let push = push
        .reconnect_interval(ms(20))
        .reconnect_interval_max(ms(200));
    let push = push.build().unwrap();
    push.connect(&here).unwrap();
    push.send("let me in").unwrap();
    assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "let me in");
    for raw in &mut silent {
        assert!(raw.is_closed_within(PATIENCE), "a silent connection lives");
    }
    assert!(began.elapsed() < PATIENCE);
    push.send("still here").unwrap();
    assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "still here");
    pull.wait_for_peers(1, PATIENCE).unwrap();
    assert!(pull.wait_for_peers(2, ms(0)).is_err());
}

#[test]
fn what_the_system_runs_out_of() {
    records::collect();
    let dir = TempDir::new();
    // What the runtime opens once is open: threads, names, the clock.
    eventually("it works at all", || {
        let (pull, here) = pull(&Context::new(), "tcp://127.0.0.1:*");
        Raw::join(&here, "PUSH").say(&frame(0, b"x"));
        pull.recv_timeout(PATIENCE).is_ok()
    });
    limit_descriptors(100);
    accept_without_descriptors("tcp://127.0.0.1:*");
    accept_without_descriptors(&dir.ipc("full"));
    bind_and_connect_without_descriptors(&dir);

    // Each has a descriptor here and one there; the accepting side holds 1024 at most.
    let limit = limit_descriptors(5000) as usize;
    silence(2000.min(limit.saturating_sub(100) / 2));
}
