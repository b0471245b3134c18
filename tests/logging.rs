//! The log tells what goes wrong, and never what is in a message: nor does a monitor.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::sync::{Condvar, Mutex, Once};
use std::time::{Duration, Instant};

use peer::{COMMAND, MORE, Raw, frame, greeting, long_header};
use support::{ALL, Home, PATIENCE, Transport, WIRE, until};
use zocket::{
    Dealer, Endpoint, Monitor, Proxy, Pub, RecvError, Rep, Req, Router, Socket, Sub, XPub, XSub,
};

/// In everything that is sent here, whether it is as it should be or not.
const MARKER: &str = "my-little-secret";

/// Longer than what is copied, so that it goes by reference.
fn large() -> Vec<u8> {
    MARKER.repeat(5000).into_bytes()
}

// ---- what was logged

struct Record {
    level: log::Level,
    target: String,
    text: String,
}

static RECORDS: Mutex<Vec<Record>> = Mutex::new(Vec::new());
static MORE_OF_THEM: Condvar = Condvar::new();

/// Everything that any thread of this process logs, at every level.
fn record() {
    struct Recorder;

    impl log::Log for Recorder {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            RECORDS.lock().unwrap().push(Record {
                level: record.level(),
                target: record.target().to_owned(),
                text: record.args().to_string(),
            });
            MORE_OF_THEM.notify_all();
        }

        fn flush(&self) {}
    }

    static RECORDER: Recorder = Recorder;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&RECORDER).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// Waits for a record in which all of this occurs.
#[track_caller]
fn is_logged(level: log::Level, pieces: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    let mut records = RECORDS.lock().unwrap();
    let found = |record: &Record| {
        record.level == level && pieces.iter().all(|piece| record.text.contains(piece))
    };
    while !records.iter().any(found) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let all: Vec<String> = records.iter().map(|it| it.text.clone()).collect();
            drop(records);
            panic!("no {level} with {pieces:?} in {all:#?}");
        }
        records = MORE_OF_THEM.wait_timeout(records, left).unwrap().0;
    }
}

/// Nothing of what was sent is in the log, nor in what a monitor told.
#[track_caller]
fn no_payload(monitors: &[Monitor]) {
    for monitor in monitors {
        while let Ok(event) = monitor.try_recv() {
            let text = format!("{event:?}");
            assert!(!text.contains(MARKER), "{text}");
        }
    }
    let records = RECORDS.lock().unwrap();
    for Record { target, text, .. } in &*records {
        assert!(!text.contains(MARKER), "{text}");
        // As bytes, if somebody prints those.
        let bytes = format!("{:?}", MARKER.as_bytes());
        assert!(!text.contains(bytes.trim_matches(['[', ']'])), "{text}");
        if text.contains("tcp://") || text.contains("inproc://") {
            assert!(target.starts_with("zocket"), "{target}: {text}");
        }
    }
}

// ---- good paths

#[test]
fn nothing_is_logged_of_messages_that_arrive() {
    record();
    for &transport in ALL {
        let home = Home::new();
        let mut monitors = Vec::new();

        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        monitors.extend([pull.monitor(), push.monitor()]);
        meet!(home, transport, pull, push);
        for body in [MARKER.as_bytes().to_vec(), large()] {
            push.send([MARKER.as_bytes().to_vec(), body]).unwrap();
            pull.recv_timeout(PATIENCE).unwrap();
        }

        let rep = home.of(Rep::builder()).build().unwrap();
        let req = home.of(Req::builder()).build().unwrap();
        monitors.extend([rep.monitor(), req.monitor()]);
        meet!(home, transport, rep, req);
        req.send(MARKER).unwrap();
        rep.recv_timeout(PATIENCE).unwrap().reply(MARKER).unwrap();
        req.recv_timeout(PATIENCE).unwrap();
        // One that gets no answer is.
        req.send(MARKER).unwrap();
        drop(rep.recv_timeout(PATIENCE).unwrap());

        let router = home.of(Router::builder()).build().unwrap();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        monitors.extend([router.monitor(), dealer.monitor()]);
        meet!(home, transport, router, dealer);
        dealer.send([MARKER, MARKER]).unwrap();
        let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
        router.send_to(&id, message).unwrap();
        dealer.recv_timeout(PATIENCE).unwrap();

        // Topics may tell as much as messages do.
        let xpub = home.of(XPub::builder()).build().unwrap();
        let sub = home.of(Sub::builder()).build().unwrap();
        let xsub = home.of(XSub::builder()).build().unwrap();
        monitors.extend([xpub.monitor(), sub.monitor(), xsub.monitor()]);
        meet!(home, transport, xpub, sub);
        xsub.connect(xpub.last_endpoint().unwrap()).unwrap();
        sub.subscribe(MARKER).unwrap();
        xsub.subscribe(MARKER).unwrap();
        xpub.wait_for_subscribers(2, PATIENCE).unwrap();
        xpub.send([MARKER, MARKER]).unwrap();
        sub.recv_timeout(PATIENCE).unwrap();
        xsub.recv_timeout(PATIENCE).unwrap();
        sub.unsubscribe(MARKER).unwrap();
        drop((xpub, sub, xsub, router, dealer, rep, req, push, pull));
        no_payload(&monitors);
    }
    is_logged(log::Level::Debug, &["tcp://", "accepted"]);
    is_logged(log::Level::Warn, &["dropped without a reply"]);
}

// ---- what is dropped

#[test]
fn what_is_dropped_is_counted_in_the_log_and_not_shown() {
    record();
    for &transport in WIRE {
        let home = Home::new();
        let mut monitors = Vec::new();

        // Left when the linger ends.
        let push = home.push().linger(Duration::ZERO).build().unwrap();
        monitors.push(push.monitor());
        let there = home.vacant(transport);
        push.connect(&there).unwrap();
        push.send(MARKER).unwrap();
        push.send(large()).unwrap();
        drop(push);
        is_logged(log::Level::Warn, &[&there, "2 messages (80016 bytes)"]);

        // Lost with an accepted peer.
        let dealer = home.of(Dealer::builder()).build().unwrap();
        monitors.push(dealer.monitor());
        let here = dealer.bind(home.endpoint(transport)).unwrap();
        let raw = Raw::join(&here, "DEALER");
        dealer.wait_for_peers(1, PATIENCE).unwrap();
        while dealer.try_send(large()).is_ok() {}
        raw.reset();
        let here = here.to_string();
        is_logged(log::Level::Warn, &[&here, "dropped with its connection"]);

        // To nobody, to who does not read, to who has not subscribed.
        let router = home.of(Router::builder()).build().unwrap();
        monitors.push(router.monitor());
        router
            .send_to(&"nobody".try_into().unwrap(), MARKER)
            .unwrap();
        let publisher = home.of(Pub::builder()).send_hwm(1);
        let publisher = publisher.linger(Duration::ZERO).build().unwrap();
        monitors.push(publisher.monitor());
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        publisher.send(MARKER).unwrap();
        let mut raw = Raw::join(&here, "SUB");
        raw.say(&frame(0, b"\x01"));
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        until("it drops", || {
            publisher.send(large()).unwrap();
            publisher.stats().dropped.full > 0
        });
        is_logged(log::Level::Warn, &["high-water mark"]);
        drop((publisher, router, dealer));
        no_payload(&monitors);
    }
    let home = Home::new();
    let push = home.push().linger(Duration::ZERO).build().unwrap();
    push.connect("inproc://nobody").unwrap();
    push.send(MARKER).unwrap();
    drop(push);
    is_logged(log::Level::Warn, &["inproc://nobody", "1 messages"]);
    no_payload(&[]);
}

// ---- what cannot be

/// Everything that a peer can say wrong, with the marker in it.
fn faults() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let marker = MARKER.as_bytes();
    let metadata = |name: &str, value: &[u8]| {
        let mut property = vec![name.len() as u8];
        property.extend_from_slice(name.as_bytes());
        property.extend_from_slice(&(value.len() as u32).to_be_bytes());
        property.extend_from_slice(value);
        property
    };
    let command = |body: &[&[u8]]| frame(COMMAND, &body.concat());
    let joined = |rest: &[u8]| [&peer::hello("DEALER")[..], rest].concat();
    vec![
        (
            "http",
            format!(
                "GET /{MARKER} HTTP/1.1\r\nAuthorization: {MARKER}\r\n\r\n{:200}",
                ""
            )
            .into(),
            "the peer speaks no ZMTP 3",
        ),
        (
            "a message before the handshake",
            [greeting(), frame(0, marker)].concat(),
            "before the handshake was complete",
        ),
        (
            "a READY that is none",
            [
                greeting(),
                command(&[b"\x05READY", &metadata("X-It", marker)]),
            ]
            .concat(),
            "lacks Socket-Type",
        ),
        (
            "a property that is too long",
            [
                greeting(),
                command(&[b"\x05READY\x04X-It\x7f\xff\xff\xff", marker]),
            ]
            .concat(),
            "exceeds the metadata",
        ),
        (
            "an identity that cannot be",
            [
                greeting(),
                command(&[
                    b"\x05READY",
                    &metadata("Socket-Type", b"DEALER"),
                    &metadata("Identity", &[b"\0", marker].concat()),
                ]),
            ]
            .concat(),
            "starts with zero",
        ),
        (
            "reserved flags",
            joined(&frame(0x80, marker)),
            "reserved bits are set",
        ),
        (
            "a command with more",
            joined(&frame(COMMAND | MORE, marker)),
            "a command frame has MORE set",
        ),
        (
            "a message that is too large",
            joined(&[&long_header(0, 1 << 40)[..], marker].concat()),
            "exceeds the limit",
        ),
        (
            "a PING that is too short",
            joined(&command(&[b"\x04PING\x01"])),
            "malformed PING",
        ),
        (
            "a PING with too long a context",
            joined(&command(&[b"\x04PING\x00\x01", marker, marker])),
            "malformed PING",
        ),
        (
            "a message cut off",
            joined(&[&long_header(0, 1000)[..], marker].concat()),
            // Or that it was reset, as what we had said was not read.
            "ended",
        ),
    ]
}

#[test]
fn nothing_is_shown_of_what_breaks_the_protocol() {
    record();
    for &transport in WIRE {
        for (what, bytes, reason) in faults() {
            let home = Home::new();
            let dealer = home.of(Dealer::builder()).build().unwrap();
            let monitor = dealer.monitor();
            let here: Endpoint = dealer.bind(home.endpoint(transport)).unwrap();
            let mut raw = Raw::connect(&here);
            raw.say(&bytes);
            // What only stops is cut off.
            drop(raw);
            let level = if what == "a message cut off" {
                log::Level::Info
            } else {
                log::Level::Warn
            };
            is_logged(level, &[&here.to_string(), reason]);
            no_payload(&[monitor]);
        }
    }
}

/// Whole and well-formed, but not what the pattern has.
#[test]
fn nothing_is_shown_of_what_does_not_fit_the_pattern() {
    record();
    let marker = MARKER.as_bytes();
    for &transport in WIRE {
        let home = Home::new();
        let mut monitors = Vec::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        monitors.push(rep.monitor());
        let mut raw = Raw::join(&rep.bind(home.endpoint(transport)).unwrap(), "REQ");
        // No delimiter, then one that is right.
        raw.say(&frame(0, marker));
        raw.say(&[frame(MORE, b""), frame(0, marker)].concat());
        drop(rep.recv_timeout(PATIENCE).unwrap());
        assert_eq!(rep.stats().discarded.malformed, 1);

        let req = home.of(Req::builder()).build().unwrap();
        monitors.push(req.monitor());
        let mut raw = Raw::join(&req.bind(home.endpoint(transport)).unwrap(), "REP");
        req.wait_for_peers(1, PATIENCE).unwrap();
        req.send(MARKER).unwrap();
        raw.next_frame();
        raw.next_frame();
        raw.say(&frame(0, marker));
        assert_eq!(req.recv_timeout(PATIENCE), Err(RecvError::PeerLost));

        // Those who do not receive.
        let push = home.push().build().unwrap();
        monitors.push(push.monitor());
        let here = push.bind(home.endpoint(transport)).unwrap();
        Raw::join(&here, "PULL").say(&frame(0, marker));
        is_logged(log::Level::Debug, &["does not receive"]);
        let publisher = home.of(Pub::builder()).build().unwrap();
        monitors.push(publisher.monitor());
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "SUB");
        raw.say(&frame(0, marker));
        raw.say(&frame(0, &[b"\x01", marker].concat()));
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();

        // Who does not want it, and who takes the newest only.
        let sub = home.of(Sub::builder()).build().unwrap();
        monitors.push(sub.monitor());
        let mut raw = Raw::join(&sub.bind(home.endpoint(transport)).unwrap(), "PUB");
        raw.say(&frame(0, marker));
        until("it is filtered", || {
            let _ = sub.try_recv();
            sub.stats().discarded.filtered == 1
        });
        let pull = home.pull().conflate(true).build().unwrap();
        monitors.push(pull.monitor());
        let mut raw = Raw::join(&pull.bind(home.endpoint(transport)).unwrap(), "PUSH");
        raw.say(&[frame(0, marker), frame(0, marker)].concat());
        until("both are there, or one has replaced the other", || {
            let _ = pull.try_recv();
            let stats = pull.stats();
            stats.returned.messages + stats.discarded.conflated == 2
        });
        no_payload(&monitors);
    }
}

/// A proxy whose one side vanishes with what it has taken.
#[test]
fn nothing_is_shown_by_a_proxy() {
    record();
    let home = Home::new();
    let front: Socket = home.of(Router::builder()).build().unwrap().into();
    let back: Socket = home.of(Dealer::builder()).build().unwrap().into();
    let asks = home.of(Dealer::builder()).build().unwrap();
    let answers = home.of(Rep::builder()).build().unwrap();
    asks.connect(front.bind(home.endpoint(Transport::Tcp)).unwrap())
        .unwrap();
    answers
        .connect(back.bind(home.endpoint(Transport::Tcp)).unwrap())
        .unwrap();
    let proxy = Proxy::new(front, back).spawn().unwrap();
    asks.send(["", MARKER]).unwrap();
    let request = answers.recv_timeout(PATIENCE).unwrap();
    // Nobody is there to hear it.
    asks.close().unwrap();
    request.reply(MARKER).unwrap();
    answers.flush(PATIENCE).unwrap();
    proxy.stop().unwrap();
    no_payload(&[]);
}
