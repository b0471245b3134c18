//! A peer that has died without a word is noticed, and one that lives is never taken for dead.
//!
//! The intervals are short and the assertions are patient: a machine that is busy makes PINGs late.
#![allow(clippy::unwrap_used)]

mod peer;

use std::net::TcpListener;
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

use peer::{COMMAND, MORE, PATIENCE, Raw, TempDir, eventually, frame, hello, ms, records, vector};
use zocket::{
    BuildError, Builder, Context, Endpoint, Frame, Message, Pair, Pull, Push, SocketKind,
};

const INTERVAL: Duration = ms(40);
const TIMEOUT: Duration = ms(160);
/// How long it takes to believe that nothing comes: many intervals and several timeouts.
const QUIET: Duration = ms(800);

const PONG: &[u8] = b"\x04\x05\x04PONG";
const PING: &[u8] = b"\x04\x07\x04PING\0\0";

fn quick<T: SocketKind>(builder: Builder<T>) -> Builder<T> {
    records::collect();
    builder
        .context(&Context::new())
        .heartbeat_interval(INTERVAL)
        .heartbeat_timeout(TIMEOUT)
        .heartbeat_ttl(None)
        .reconnect_interval(ms(10))
        .reconnect_interval_max(ms(50))
}

fn ping(ttl: u16) -> Vec<u8> {
    [b"\x04\x07\x04PING".as_slice(), &ttl.to_be_bytes()].concat()
}

/// Does it over tcp and over ipc at the same time, each with something to bind.
fn everywhere(test: impl Fn(&str) + Sync) {
    let dir = TempDir::new();
    let endpoints = ["tcp://127.0.0.1:*".to_owned(), dir.ipc("here")];
    thread::scope(|scope| {
        for endpoint in &endpoints[..if cfg!(unix) { 2 } else { 1 }] {
            scope.spawn(|| test(endpoint));
        }
    });
}

/// A PULL that is bound, and a raw PUSH that has joined it.
fn bound(endpoint: &str, set_up: impl FnOnce(Builder<Pull>) -> Builder<Pull>) -> (Pull, Raw) {
    let pull = set_up(quick(Pull::builder())).build().unwrap();
    let endpoint = pull.bind(endpoint).unwrap();
    let raw = Raw::join(&endpoint, "PUSH");
    pull.wait_for_peers(1, PATIENCE).unwrap();
    (pull, raw)
}

/// Somewhere to connect to.
enum Host {
    Tcp(TcpListener),
    #[cfg(unix)]
    Ipc(UnixListener, String),
}

impl Host {
    fn new(endpoint: &str) -> Self {
        match endpoint.strip_prefix("ipc://") {
            None => Self::Tcp(TcpListener::bind("127.0.0.1:0").unwrap()),
            #[cfg(unix)]
            Some(path) => Self::Ipc(UnixListener::bind(path).unwrap(), endpoint.to_owned()),
            #[cfg(not(unix))]
            Some(_) => unreachable!("there is no ipc"),
        }
    }

    fn endpoint(&self) -> Endpoint {
        match self {
            Self::Tcp(listener) => format!("tcp://{}", listener.local_addr().unwrap()),
            #[cfg(unix)]
            Self::Ipc(_, endpoint) => endpoint.clone(),
        }
        .parse()
        .unwrap()
    }

    /// The next one that connects, after its handshake with a peer of this type.
    fn welcome(&self, socket_type: &str) -> Raw {
        let mut raw = match self {
            Self::Tcp(listener) => Raw::Tcp(listener.accept().unwrap().0),
            #[cfg(unix)]
            Self::Ipc(listener, _) => Raw::Ipc(listener.accept().unwrap().0),
        };
        raw.handshake(socket_type);
        raw
    }
}

// ---- what is asked

#[test]
fn a_silent_peer_is_asked_with_the_recorded_bytes() {
    everywhere(|endpoint| {
        for (ttl, name) in [
            (None, "ping_ttl_unset"),
            (Some(ms(1000)), "ping_ttl_1000ms"),
            (Some(ms(250)), "ping_ttl_250ms"),
        ] {
            // Nobody answers here, which is not what this is about.
            let (pull, mut raw) = bound(endpoint, |pull| {
                pull.heartbeat_ttl(ttl).heartbeat_timeout(PATIENCE)
            });
            for _ in 0..3 {
                assert_eq!(raw.listen(9), vector(name));
            }
            pull.close().unwrap();
        }
        // By default the TTL is the timeout.
        let pull = Pull::builder()
            .context(&Context::new())
            .heartbeat_interval(INTERVAL)
            .build()
            .unwrap();
        let mut raw = Raw::join(&pull.bind(endpoint).unwrap(), "PUSH");
        assert_eq!(raw.listen(9), ping(300));
    });
}

#[test]
fn the_connecting_side_asks_too() {
    everywhere(|endpoint| {
        let host = Host::new(endpoint);
        let push = quick(Push::builder()).build().unwrap();
        push.connect(host.endpoint()).unwrap();
        assert_eq!(host.welcome("PULL").listen(9), PING);
    });
}

#[test]
fn nobody_is_asked_when_it_is_off_or_of_zmtp_3_0_or_before_the_handshake_is_over() {
    everywhere(|endpoint| {
        let (off, mut raw) = bound(endpoint, |pull| pull.heartbeat_interval(None));
        assert!(raw.listen_within(1, QUIET).is_empty());
        raw.say(&frame(0, b"still here"));
        assert_eq!(off.recv_timeout(PATIENCE).unwrap(), "still here");
        // A question is answered even so.
        raw.say(PING);
        assert_eq!(raw.listen(7), PONG);
        off.close().unwrap();

        let pull = quick(Pull::builder()).build().unwrap();
        let endpoint = pull.bind(endpoint).unwrap();
        let mut old = Raw::join_3_0(&endpoint, "PUSH");
        let mut slow = Raw::connect(&endpoint);
        let said = hello("PUSH");
        slow.say(&said[..64]);
        slow.listen(64);
        assert_eq!(slow.next_frame().0, COMMAND);
        assert!(old.listen_within(1, QUIET).is_empty());
        old.say(&frame(0, b"still here"));
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "still here");
        assert!(slow.listen_within(1, ms(1)).is_empty());
        slow.say(&said[64..]);
        assert_eq!(slow.listen(9), PING);
    });
}

#[test]
fn who_is_heard_is_not_asked() {
    everywhere(|endpoint| {
        let (pull, mut raw) = bound(endpoint, |pull| pull.heartbeat_interval(ms(2000)));
        for _ in 0..100 {
            raw.say(&frame(0, b"x"));
            pull.recv_timeout(PATIENCE).unwrap();
            if !raw.listen_within(1, ms(40)).is_empty() {
                // Only if this thread was not let run for so long.
                return;
            }
        }
        assert_eq!(raw.listen(9), PING);
    });
}

#[test]
fn no_ping_gets_into_a_frame() {
    everywhere(|endpoint| {
        let host = Host::new(endpoint);
        // Nobody answers here, which is not what this is about.
        let push = quick(Push::builder()).heartbeat_timeout(PATIENCE);
        let push = push.build().unwrap();
        push.connect(host.endpoint()).unwrap();
        let mut raw = host.welcome("PULL");
        let sizes = [3 << 20, 5 << 20, 1];
        let frames: Vec<Frame> = sizes
            .iter()
            .map(|&size| Frame::from(vec![b'x'; size]))
            .collect();
        push.send(Message::from(frames)).unwrap();
        // They do not fit into the kernel's buffers, and PINGs are due in the middle of one.
        thread::sleep(5 * INTERVAL);
        let mut got = Vec::new();
        let mut pings = 0;
        while got.len() < sizes.len() || pings == 0 {
            let (flags, body) = raw.next_frame();
            if flags == COMMAND {
                assert_eq!(body, b"\x04PING\0\0");
                pings += 1;
            } else {
                assert!(body.iter().all(|&byte| byte == b'x'));
                got.push((flags, body.len()));
            }
        }
        assert_eq!(got, [(MORE, sizes[0]), (MORE, sizes[1]), (0, sizes[2])]);
    });
}

#[test]
fn a_ping_between_two_frames_is_answered_and_the_message_stays_whole() {
    everywhere(|endpoint| {
        let (pull, mut raw) = bound(endpoint, |pull| pull.heartbeat_interval(None));
        let mut said = raw.try_clone();
        thread::scope(|scope| {
            scope.spawn(move || {
                let large = vec![b'x'; 1 << 20];
                said.say(&frame(MORE, &large));
                said.say(b"\x04\x0a\x04PING\0\0abc");
                said.say(&frame(MORE, &large));
                said.say(&frame(0, b"end"));
            });
            assert_eq!(raw.listen(10), b"\x04\x08\x04PONGabc");
            let message = pull.recv_timeout(PATIENCE).unwrap();
            assert_eq!(message.len(), 3);
            assert_eq!(message[1].len(), 1 << 20);
            assert_eq!(message[2], "end");
        });
    });
}

// ---- who is taken for dead

#[test]
fn a_peer_that_does_not_answer_is_dropped_and_the_log_says_why() {
    everywhere(|endpoint| {
        let pull = quick(Pull::builder()).build().unwrap();
        let endpoint = pull.bind(endpoint).unwrap();
        let began = Instant::now();
        let mut raw = Raw::join(&endpoint, "PUSH");
        raw.say(&frame(0, b"the last"));
        assert!(raw.is_closed_within(PATIENCE));
        assert!(began.elapsed() >= INTERVAL + TIMEOUT, "too early");
        records::await_line(&[
            &endpoint.to_string(),
            "a PING was not answered within 160 ms",
        ]);
        eventually("it is gone", || pull.stats().peers == 0);
        // What it had said is not lost with it.
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "the last");
        let stats = pull.stats();
        assert_eq!((stats.arrived.messages, stats.returned.messages), (1, 1));
        Raw::join(&endpoint, "PUSH");
    });
}

#[test]
fn a_peer_that_was_connected_to_and_does_not_answer_is_connected_to_again() {
    everywhere(|endpoint| {
        let host = Host::new(endpoint);
        let push = quick(Push::builder()).build().unwrap();
        let endpoint = push.connect(host.endpoint()).unwrap();
        let mut dead = host.welcome("PULL");
        assert!(dead.is_closed_within(PATIENCE));
        records::await_line(&[
            &endpoint.to_string(),
            "connection lost: the peer is silent: a PING was not answered within 160 ms",
        ]);
        let mut raw = host.welcome("PULL");
        push.send("to the next").unwrap();
        while raw.next_frame() != (0, b"to the next".to_vec()) {}
        eventually("it is counted", || push.stats().written.messages == 1);
        assert_eq!(push.stats().accepted.messages, 1);
    });
}

#[test]
fn whatever_comes_keeps_a_peer() {
    const TIMEOUT: Duration = ms(1500);
    everywhere(|endpoint| {
        let (pull, mut raw) = bound(endpoint, |pull| {
            pull.heartbeat_interval(ms(100)).heartbeat_timeout(TIMEOUT)
        });
        // A PONG, a PING of its own, a command that nobody knows, a message, a bit of one.
        let mut answers = [PONG, PING, b"\x04\x04\x03NEW", b"\0\x01x", b"\0\x64"]
            .into_iter()
            .chain(std::iter::repeat(b"y".as_slice()));
        let began = Instant::now();
        while began.elapsed() < 3 * TIMEOUT {
            let (flags, body) = raw.next_frame();
            assert_eq!(flags, COMMAND);
            if body.starts_with(b"\x04PING") {
                raw.say(answers.next().unwrap());
            }
        }
        assert_eq!(pull.stats().peers, 1);
        assert!(raw.is_closed_within(PATIENCE));
    });
}

#[test]
fn without_a_timeout_silence_has_no_consequence() {
    everywhere(|endpoint| {
        let (_pull, mut raw) = bound(endpoint, |pull| pull.heartbeat_timeout(None));
        for _ in 0..20 {
            assert_eq!(raw.listen(9), PING);
        }
    });
}

#[test]
fn what_a_peer_says_of_itself_is_heeded() {
    everywhere(|endpoint| {
        let pull = quick(Pull::builder())
            .heartbeat_interval(None)
            .build()
            .unwrap();
        let endpoint = pull.bind(endpoint).unwrap();
        let mut unsaid = Raw::join(&endpoint, "PUSH");
        unsaid.say(&vector("hb_remote_ttl_cancelled_by_ping0"));
        let began = Instant::now();
        let mut said = Raw::join(&endpoint, "PUSH");
        said.say(&vector("hb_remote_ttl_300ms"));
        assert_eq!(said.listen(7), PONG);
        assert!(said.is_closed_within(PATIENCE));
        assert!(began.elapsed() >= ms(300), "too early");
        records::await_line(&[
            &endpoint.to_string(),
            "nothing came within 300 ms, its own TTL",
        ]);
        // The longest there is.
        let mut long = Raw::join(&endpoint, "PUSH");
        long.say(&ping(0xffff));
        assert!(!unsaid.is_closed_within(QUIET));
        assert!(!long.is_closed_within(ms(1)));
        eventually("one is gone", || pull.stats().peers == 2);
    });
}

// ---- and who is not

#[test]
fn a_socket_that_does_not_read_takes_nobody_for_dead_and_goes_on_asking() {
    everywhere(|endpoint| {
        const MESSAGES: usize = 1000;
        let (pull, mut raw) = bound(endpoint, |pull| pull.recv_hwm(2));
        let mut said = raw.try_clone();
        thread::scope(|scope| {
            scope.spawn(move || {
                // Its TTL does not count either.
                said.say(&ping(1));
                said.say(&frame(0, &[b'x'; 4 << 10]).repeat(MESSAGES));
            });
            assert_eq!(raw.listen(7), PONG);
            for _ in 0..20 {
                assert_eq!(raw.listen(9), PING);
            }
            for _ in 0..MESSAGES {
                pull.recv_timeout(PATIENCE).unwrap();
            }
        });
        // From now on it is read, and its silence its own.
        assert!(raw.is_closed_within(PATIENCE));
    });
}

#[test]
fn a_receiver_that_takes_its_time_keeps_its_sender() {
    const MESSAGES: usize = 500;
    const TIMEOUT: Duration = ms(1000);
    everywhere(|endpoint| {
        let pull = quick(Pull::builder())
            .heartbeat_timeout(TIMEOUT)
            .heartbeat_ttl(TIMEOUT);
        let pull = pull.recv_hwm(2).build().unwrap();
        let push = quick(Push::builder())
            .heartbeat_timeout(TIMEOUT)
            .heartbeat_ttl(TIMEOUT);
        let push = push.send_hwm(0).build().unwrap();
        let endpoint = push.connect(pull.bind(endpoint).unwrap()).unwrap();
        for n in 0..MESSAGES {
            push.send(vec![n as u8; 16 << 10]).unwrap();
        }
        thread::sleep(2 * TIMEOUT + QUIET);
        for n in 0..MESSAGES {
            let message = pull.recv_timeout(PATIENCE).unwrap();
            assert_eq!(message, vec![n as u8; 16 << 10]);
        }
        assert_eq!(records::count(&format!("{endpoint}: connection lost")), 0);
    });
}

#[test]
fn a_peer_that_may_leave_messages_unread_is_not_taken_for_dead() {
    everywhere(|endpoint| {
        let host = Host::new(endpoint);
        let push = quick(Push::builder()).build().unwrap();
        push.connect(host.endpoint()).unwrap();
        let mut raw = host.welcome("PULL");
        push.send("work for long").unwrap();
        let mut pings = 0;
        while pings < 20 {
            let (flags, _) = raw.next_frame();
            pings += usize::from(flags == COMMAND);
        }
        // It comes to them in the end, all at once; then its silence means something.
        raw.say(&PONG.repeat(pings));
        assert!(raw.is_closed_within(PATIENCE));
    });
}

#[test]
fn a_peer_with_a_ttl_is_taken_for_dead_even_with_messages_unread() {
    everywhere(|endpoint| {
        let host = Host::new(endpoint);
        let push = quick(Push::builder()).build().unwrap();
        push.connect(host.endpoint()).unwrap();
        let mut raw = host.welcome("PULL");
        push.send("work for long").unwrap();
        raw.say(&ping(5));
        while raw.next_frame() != (COMMAND, b"\x04PONG".to_vec()) {}
        // It has one no more, but has shown that it speaks on its own.
        raw.say(&ping(0));
        assert!(raw.is_closed_within(PATIENCE));
    });
}

#[test]
fn much_on_its_way_takes_the_ttl_back() {
    everywhere(|endpoint| {
        let host = Host::new(endpoint);
        let push = quick(Push::builder())
            .heartbeat_timeout(None)
            .heartbeat_ttl(ms(10_000))
            .build()
            .unwrap();
        push.connect(host.endpoint()).unwrap();
        let mut raw = host.welcome("PULL");
        let next = |raw: &mut Raw| {
            let (flags, body) = raw.next_frame();
            let ttl = body.starts_with(b"\x04PING").then(|| body[5..].to_vec());
            (flags, ttl)
        };
        let with_ttl = (COMMAND, Some(vec![0, 100]));
        let without = (COMMAND, Some(vec![0, 0]));
        for _ in 0..3 {
            assert_eq!(next(&mut raw), with_ttl);
            push.send(vec![0; 2 << 20]).unwrap();
            let mut last = with_ttl.clone();
            loop {
                let frame = next(&mut raw);
                if frame.0 != COMMAND {
                    break;
                }
                last = frame;
            }
            assert_eq!(last, without);
            while next(&mut raw) != with_ttl {}
            // What is small goes out behind it as it is.
            push.send("small").unwrap();
            while next(&mut raw) != (0, None) {}
        }
    });
}

#[test]
fn two_that_are_idle_stay_together_and_can_talk_at_any_time() {
    everywhere(|endpoint| {
        let idle = |pair: Builder<Pair>| {
            pair.heartbeat_interval(ms(20))
                .heartbeat_timeout(ms(5000))
                .heartbeat_ttl(ms(5000))
        };
        let ours = idle(quick(Pair::builder())).build().unwrap();
        let theirs = idle(quick(Pair::builder())).build().unwrap();
        let endpoint = ours.bind(endpoint).unwrap();
        theirs.connect(&endpoint).unwrap();
        ours.wait_for_peers(1, PATIENCE).unwrap();
        for round in 0..5 {
            thread::sleep(ms(200));
            ours.send(format!("{round}")).unwrap();
            let message = theirs.recv_timeout(PATIENCE).unwrap();
            assert_eq!(message, format!("{round}").as_str());
            theirs.send(message).unwrap();
            ours.recv_timeout(PATIENCE).unwrap();
        }
        assert_eq!(records::count(&format!("{endpoint}: connection lost")), 0);
    });
}

// ---- what can be set

#[test]
fn what_cannot_be_is_refused() {
    let wrong = |set_up: fn(Builder<Push>) -> Builder<Push>| match set_up(Push::builder()).build() {
        Ok(_) => Vec::new(),
        Err(BuildError::Invalid(wrong)) => wrong,
        Err(other) => panic!("{other}"),
    };
    let nothing: [&str; 0] = [];
    for (set_up, setters) in [
        (
            (|it| it.heartbeat_interval(Duration::ZERO)) as fn(Builder<Push>) -> Builder<Push>,
            &["heartbeat_interval"][..],
        ),
        (|it| it.heartbeat_timeout(ms(0)), &["heartbeat_timeout"]),
        (|it| it.heartbeat_ttl(ms(19_999)), &["heartbeat_ttl"]),
        (
            |it| it.heartbeat_ttl(ms(99)).heartbeat_interval(ms(1)),
            &["heartbeat_ttl"],
        ),
        (
            |it| it.heartbeat_interval(ms(40_000)).heartbeat_ttl(ms(90_000)),
            &["heartbeat_ttl"],
        ),
        (|it| it.heartbeat_ttl(Duration::MAX), &nothing),
        (|it| it.heartbeat_ttl(ms(20_000)), &nothing),
        (|it| it.heartbeat_interval(ms(40_000)), &nothing),
        (
            |it| it.heartbeat_interval(None).heartbeat_ttl(ms(100)),
            &nothing,
        ),
    ] {
        let wrong = wrong(set_up);
        assert_eq!(wrong.len(), setters.len(), "{wrong:?}");
        for (wrong, setter) in wrong.iter().zip(setters) {
            assert!(wrong.starts_with(setter), "{wrong}");
        }
    }
}
