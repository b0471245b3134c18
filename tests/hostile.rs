//! A peer that misbehaves costs itself its connection, and nobody else anything.
#![allow(clippy::unwrap_used)]

mod peer;

use std::time::{Duration, Instant};

use peer::{COMMAND, MORE, PATIENCE, Raw, TempDir, frame, greeting, hello, long_header, ms, ready};
use peer::{eventually, records};
use zocket::{Builder, Context, Endpoint, Message, Pull, Push};

/// A PULL that is bound, and a good PUSH whose messages keep coming, whatever else happens.
struct Scene {
    pull: Pull,
    push: Push,
    endpoint: Endpoint,
    next: u32,
    _dir: TempDir,
}

impl Scene {
    fn tcp(set_up: impl FnOnce(Builder<Pull>) -> Builder<Pull>) -> Self {
        Self::new("tcp://127.0.0.1:*", set_up)
    }

    fn ipc(set_up: impl FnOnce(Builder<Pull>) -> Builder<Pull>) -> Self {
        Self::new("ipc", set_up)
    }

    fn new(endpoint: &str, set_up: impl FnOnce(Builder<Pull>) -> Builder<Pull>) -> Self {
        records::collect();
        let dir = TempDir::new();
        let here = match endpoint {
            "ipc" => dir.ipc("pull"),
            other => other.to_owned(),
        };
        let pull = set_up(Pull::builder().context(&Context::new()))
            .build()
            .unwrap();
        let endpoint = pull.bind(here.as_str()).unwrap();
        let push = Push::builder().context(&Context::new()).build().unwrap();
        push.connect(&endpoint).unwrap();
        pull.wait_for_peers(1, PATIENCE).unwrap();
        let mut scene = Self {
            pull,
            push,
            endpoint,
            next: 0,
            _dir: dir,
        };
        scene.goes_on();
        scene
    }

    /// The next messages of the good peer arrive, and nothing else does.
    #[track_caller]
    fn goes_on(&mut self) {
        for _ in 0..5 {
            let text = format!("good {}", self.next);
            self.next += 1;
            self.push.send(text.as_str()).unwrap();
            assert_eq!(self.pull.recv_timeout(PATIENCE).unwrap(), text.as_str());
        }
    }

    /// What the bad peer says ends its connection, and the log tells who it was and why.
    #[track_caller]
    fn refuses(&mut self, what: &str, mut bad: Raw, said: &[u8], reason: &str) {
        bad.say(said);
        self.goes_on();
        assert!(bad.is_closed_within(PATIENCE), "{what}: still connected");
        self.logged(what, &bad, reason);
        self.goes_on();
    }

    #[track_caller]
    fn logged(&self, what: &str, bad: &Raw, reason: &str) {
        let endpoint = self.endpoint.to_string();
        let line = match bad.local_addr() {
            Some(address) => records::await_line(&[&format!("{address} "), &endpoint, reason]),
            None => records::await_line(&[&endpoint, "process ", reason]),
        };
        assert!(line.starts_with("WARN"), "{what}: {line}");
    }

    fn connect(&self) -> Raw {
        Raw::connect(&self.endpoint)
    }
}

/// Of the recorded violations those that are refused, by the reason in the log.
#[rustfmt::skip]
const REFUSED: &[(&str, &[&str])] = &[
    ("speaks no ZMTP 3", &["viol_greeting_http", "viol_greeting_http_long", "viol_greeting_http_zapdomain", "viol_greeting_zero_first_byte", "viol_greeting_ff_byte9_even", "viol_version_major_2"]),
    ("wants mechanism", &["viol_mechanism_mismatch", "viol_mechanism_unknown", "viol_mechanism_lowercase", "viol_mechanism_trailing_junk"]),
    ("a PULL does not talk to a", &["viol_ready_incompatible_type", "viol_ready_lowercase_property"]),
    ("unknown socket type", &["viol_ready_unknown_type", "viol_ready_lowercase_type"]),
    ("lacks Socket-Type", &["viol_ready_no_socket_type"]),
    ("occurs twice", &["viol_ready_duplicate_socket_type", "viol_ready_duplicate_bad_second"]),
    ("exceeds the metadata", &["viol_ready_name_overrun", "viol_ready_value_overrun", "viol_ready_value_len_max", "viol_ready_value_len_truncated", "viol_ready_one_trailing_byte"]),
    ("a message before the handshake", &["viol_ready_not_command_flag", "viol_message_instead_of_ready"]),
    ("a command frame has MORE", &["viol_ready_with_more", "viol_command_with_more"]),
    ("reserved bits", &["viol_ready_reserved_flags", "viol_reserved_flag_08", "viol_reserved_flag_10", "viol_reserved_flag_20", "viol_reserved_flag_40", "viol_reserved_flag_80"]),
    ("unexpected command", &["viol_ready_lowercase_name", "viol_double_ready_after_handshake", "viol_double_ready_in_one_segment", "viol_unknown_command_in_handshake", "viol_ping_in_handshake", "viol_hello_to_null"]),
    ("a command without a name", &["viol_empty_command_in_handshake", "viol_command_empty", "viol_command_name_len0"]),
    ("the peer refused", &["viol_error_300_in_handshake", "viol_error_400_in_handshake", "viol_error_500_in_handshake", "viol_error_text_in_handshake", "viol_error_empty_reason", "viol_error_after_handshake"]),
    ("malformed", &["viol_error_no_reason", "viol_error_reason_overrun", "viol_ping_no_ttl", "viol_ping_ctx_17"]),
    ("name exceeds its frame", &["viol_command_name_overrun"]),
    ("exceeds 2^63-1", &["viol_size_2_63", "viol_size_all_ff"]),
    ("exceeds the limit of 100", &["viol_maxmsgsize_plus1", "viol_maxmsgsize_header_only", "viol_maxmsgsize_multipart_total"]),
];

struct Vector {
    name: String,
    bytes: Vec<u8>,
    after_handshake: bool,
}

fn vectors() -> Vec<Vector> {
    peer::recorded()
        .iter()
        .filter(|vector| vector["group"] == "violations" && vector["socket"] == "PULL")
        .map(|vector| Vector {
            name: vector["name"].as_str().unwrap().to_owned(),
            bytes: peer::bytes_of(vector),
            after_handshake: !vector["peer"].is_null(),
        })
        .collect()
}

fn every_refused_vector(mut scene: Scene) {
    let vectors = vectors();
    for (reason, names) in REFUSED {
        for name in *names {
            let vector = vectors.iter().find(|vector| vector.name == *name).unwrap();
            let bad = if vector.after_handshake {
                Raw::join(&scene.endpoint, "PUSH")
            } else {
                scene.connect()
            };
            scene.refuses(name, bad, &vector.bytes, reason);
        }
    }
}

#[test]
fn every_recorded_violation_is_refused_over_tcp() {
    every_refused_vector(Scene::tcp(|pull| pull.max_message_size(100)));
}

#[cfg(unix)]
#[test]
fn every_recorded_violation_is_refused_over_ipc() {
    every_refused_vector(Scene::ipc(|pull| pull.max_message_size(100)));
}

fn strangers(mut scene: Scene) {
    // No need for good numbers: only for ones that differ.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let random: Vec<u8> = std::iter::repeat_with(|| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 32) as u8
    })
    .take(64)
    .collect();
    let mut versions = Vec::new();
    for (major, minor) in [(0, 0), (1, 0), (2, 0), (2, 1)] {
        let mut greeting = greeting();
        greeting[10] = major;
        greeting[11] = minor;
        versions.push(greeting);
    }
    let tls = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
        &[0x5a; 506],
    ]
    .concat();
    let said: [(&str, &[u8]); 12] = [
        ("64 random bytes", &random),
        ("64 x 0xff", &[0xff; 64]),
        ("64 x 0x00", &[0; 64]),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("TLS", &tls),
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("ZMTP 1.0", b"\x01\x00\x02\x00hi"),
        ("ZMTP 2.0", b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08\0\0"),
        ("version 0.0", &versions[0]),
        ("version 1.0", &versions[1]),
        ("version 2.0", &versions[2]),
        ("version 2.1", &versions[3]),
    ];
    for (what, said) in said {
        let bad = scene.connect();
        // Every version from 3 on is answered as 3.1, so of the 0xff the mechanism is wrong.
        let reason = match what {
            "64 x 0xff" => "wants mechanism",
            _ => "speaks no ZMTP 3",
        };
        scene.refuses(what, bad, said, reason);
    }
}

#[test]
fn strangers_are_refused_over_tcp() {
    strangers(Scene::tcp(|pull| pull));
}

#[cfg(unix)]
#[test]
fn strangers_are_refused_over_ipc() {
    strangers(Scene::ipc(|pull| pull));
}

#[test]
fn wrong_mechanisms_and_socket_types_are_refused() {
    let mut scene = Scene::tcp(|pull| pull);
    for mechanism in [
        "PLAIN",
        "CURVE",
        "XXXX",
        "null",
        "NULLX",
        "AAAAAAAAAAAAAAAAAAAA",
    ] {
        let mut said = greeting();
        said[12..12 + mechanism.len()].copy_from_slice(mechanism.as_bytes());
        let bad = scene.connect();
        scene.refuses(mechanism, bad, &said, "wants mechanism");
    }
    for socket_type in [
        "PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "XPUB", "XSUB", "STREAM",
        "", "push",
    ] {
        let reason = match socket_type {
            "STREAM" | "" | "push" => "unknown socket type",
            _ => "a PULL does not talk to a",
        };
        let bad = scene.connect();
        scene.refuses(socket_type, bad, &hello(socket_type), reason);
    }
}

#[test]
fn bad_flags_and_sizes_are_refused() {
    let mut scene = Scene::tcp(|pull| pull.max_message_size(1000).max_frames(8));
    for flags in [0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
        let bad = Raw::join(&scene.endpoint, "PUSH");
        scene.refuses("flags", bad, &[flags, 2, b'h', b'i'], "reserved bits");
    }
    for flags in [0x05, 0x07] {
        let bad = Raw::join(&scene.endpoint, "PUSH");
        let said = [flags, 0, 0, 0, 0, 0, 0, 0, 2];
        scene.refuses("command with MORE", bad, &said, "has MORE");
    }
    for size in [1001, 1 << 31, 1 << 40, 1 << 62, (1 << 63) - 1] {
        let bad = Raw::join(&scene.endpoint, "PUSH");
        let said = [long_header(0, size), vec![b'x'; 100]].concat();
        scene.refuses("size", bad, &said, "exceeds the limit of 1000");
    }
    let parts = [frame(MORE, &[b'x'; 500]), frame(0, &[b'x'; 501])].concat();
    let bad = Raw::join(&scene.endpoint, "PUSH");
    scene.refuses("parts", bad, &parts, "exceeds the limit of 1000");
    let bad = Raw::join(&scene.endpoint, "PUSH");
    let parts = frame(MORE, b"").repeat(9);
    scene.refuses("frames", bad, &parts, "has more than 8 frames");

    // At the limits is within them.
    let mut good = Raw::join(&scene.endpoint, "PUSH");
    good.say(&frame(0, &[b'x'; 1000]));
    assert_eq!(scene.pull.recv_timeout(PATIENCE).unwrap().byte_len(), 1000);
    good.say(&[frame(MORE, b"x").repeat(7), frame(0, b"x")].concat());
    assert_eq!(scene.pull.recv_timeout(PATIENCE).unwrap().len(), 8);
    scene.goes_on();
}

#[test]
fn an_endless_message_is_refused_at_the_limits() {
    let mut scene = Scene::tcp(|pull| pull.max_message_size(1 << 20));
    for (part, reason) in [
        (frame(MORE, b""), "has more than 65536 frames"),
        (frame(MORE, &[b'x'; 100]), "exceeds the limit of 1048576"),
    ] {
        let mut bad = Raw::join(&scene.endpoint, "PUSH");
        let parts = part.repeat(1000);
        let mut rounds = 0;
        // Until we are thrown out.
        while bad.say(&parts) {
            rounds += 1;
            assert!(rounds < 100_000, "takes it all");
        }
        assert!(bad.is_closed_within(PATIENCE));
        scene.logged("endless", &bad, reason);
        scene.goes_on();
    }
}

#[test]
fn a_handshake_command_of_a_mebibyte_is_refused_before_it_is_there() {
    let mut scene = Scene::tcp(|pull| pull);
    let said = [
        greeting(),
        long_header(COMMAND, 1 << 20),
        b"\x05READY".to_vec(),
    ]
    .concat();
    let bad = scene.connect();
    scene.refuses("READY", bad, &said, "a command of 1048576 bytes exceeds");
}

#[test]
fn who_says_nothing_or_too_little_is_closed_when_the_handshake_takes_too_long() {
    let limit = ms(300);
    let mut scene = Scene::tcp(|pull| pull.handshake_timeout(limit));
    let reason = "no handshake within 300 ms";

    for said in [
        &[][..],
        &greeting()[..10],
        &greeting(),
        &hello("PUSH")[..80],
    ] {
        let began = Instant::now();
        let bad = scene.connect();
        scene.refuses("silent", bad, said, reason);
        assert!(began.elapsed() >= limit - ms(20), "too early");
    }

    // One byte now and then does not extend it. The bytes alone would take four seconds and more.
    let mut bad = scene.connect();
    let began = Instant::now();
    let mut sent = 0;
    for byte in hello("PUSH") {
        bad.say(&[byte]);
        sent += 1;
        if bad.is_closed_within(ms(50)) {
            break;
        }
    }
    assert!(sent < 80, "the handshake was extended");
    assert!(began.elapsed() >= limit - ms(20), "too early");
    scene.logged("drip", &bad, reason);
    scene.goes_on();

    // Who is through the handshake may be as silent as he likes.
    let mut quiet = Raw::join(&scene.endpoint, "PUSH");
    assert!(!quiet.is_closed_within(2 * limit));
    quiet.say(&frame(0, b"at last"));
    assert_eq!(scene.pull.recv_timeout(PATIENCE).unwrap(), "at last");
    scene.goes_on();
}

/// Where a peer may die: of the handshake, of a long frame, of a message of several.
fn death_points(said: &[u8]) -> Vec<usize> {
    let hello = hello("PUSH").len();
    let greetings = [0, 1, 5, 10, 11, 12, 40, 63, 64];
    let handshake = [65, 66, 70, hello - 1, hello];
    let message = [1, 2, 3, 4, 5, 9, 13, 14, 100].map(|n| hello + n);
    [&greetings[..], &handshake, &message, &[said.len()]].concat()
}

#[test]
fn a_peer_that_dies_at_any_point_leaves_no_partial_message() {
    let mut scene = Scene::tcp(|pull| pull);
    // Two whole parts and the most of a third.
    let said = [
        hello("PUSH"),
        frame(MORE, b"a"),
        frame(MORE, b""),
        long_header(0, 300),
        vec![b'x'; 299],
    ]
    .concat();
    for point in death_points(&said) {
        for reset in [false, true] {
            let mut bad = scene.connect();
            // It is accepted when it hears the greeting.
            bad.listen(10);
            bad.say(&said[..point]);
            scene.goes_on();
            let address = bad.local_addr().unwrap();
            if reset {
                bad.reset();
            } else {
                drop(bad);
            }
            records::await_line(&[&format!("with {address} ended")]);
            scene.goes_on();
        }
    }
    assert!(scene.pull.try_recv().is_err());
    eventually("only the good peer is left", || {
        scene.pull.wait_for_peers(2, Duration::ZERO).is_err()
    });
}

#[cfg(unix)]
#[test]
fn a_peer_that_dies_over_ipc_leaves_no_partial_message() {
    let mut scene = Scene::ipc(|pull| pull);
    let said = [hello("PUSH"), frame(MORE, b"a"), vec![0, 10, b'x']].concat();
    for point in [
        0,
        5,
        64,
        70,
        hello("PUSH").len(),
        said.len() - 4,
        said.len(),
    ] {
        let mut bad = scene.connect();
        bad.listen(10);
        bad.say(&said[..point]);
        drop(bad);
        scene.goes_on();
    }
    eventually("only the good peer is left", || {
        scene.pull.wait_for_peers(2, Duration::ZERO).is_err()
    });
    assert!(scene.pull.try_recv().is_err());
}

#[test]
fn whole_messages_before_the_end_arrive() {
    let mut scene = Scene::tcp(|pull| pull);
    // In one go, and gone at once: what was whole is delivered, the rest is not.
    let mut raw = scene.connect();
    let said = [
        hello("PUSH"),
        frame(0, b"one"),
        [frame(MORE, b"two"), frame(0, b"parts")].concat(),
        vec![0, 5, b'r', b'e'],
    ]
    .concat();
    raw.say(&said);
    raw.listen(10);
    drop(raw);
    assert_eq!(scene.pull.recv_timeout(PATIENCE).unwrap(), "one");
    assert_eq!(
        scene.pull.recv_timeout(PATIENCE).unwrap(),
        Message::from(["two", "parts"])
    );
    scene.goes_on();
    // The same before a fault.
    let mut bad = Raw::join(&scene.endpoint, "PUSH");
    bad.say(&[frame(0, b"three"), vec![0x80, 1, b'x']].concat());
    assert_eq!(scene.pull.recv_timeout(PATIENCE).unwrap(), "three");
    assert!(bad.is_closed_within(PATIENCE));
    scene.goes_on();
}

#[test]
fn a_peer_that_half_closes_is_gone() {
    let mut scene = Scene::tcp(|pull| pull);
    let mut raw = Raw::join(&scene.endpoint, "PUSH");
    raw.say(&frame(0, b"last words"));
    if let Raw::Tcp(stream) = &raw {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
    }
    assert_eq!(scene.pull.recv_timeout(PATIENCE).unwrap(), "last words");
    assert!(raw.is_closed_within(PATIENCE));
    scene.goes_on();
}

#[test]
fn greeting_and_messages_are_taken_in_one_piece_and_byte_by_byte() {
    let mut scene = Scene::tcp(|pull| pull);
    let said = [hello("PUSH"), frame(0, b"hi")].concat();
    let mut raw = scene.connect();
    raw.say(&said);
    assert_eq!(scene.pull.recv_timeout(PATIENCE).unwrap(), "hi");
    let mut raw = scene.connect();
    if let Raw::Tcp(stream) = &raw {
        stream.set_nodelay(true).unwrap();
    }
    for byte in said {
        raw.say(&[byte]);
    }
    assert_eq!(scene.pull.recv_timeout(PATIENCE).unwrap(), "hi");
    scene.goes_on();
}

#[cfg(target_os = "linux")]
#[test]
fn an_announced_size_costs_no_memory() {
    /// Resident memory of this process, in KiB.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        line.unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    }
    let mut scene = Scene::tcp(|pull| pull.max_message_size(None));
    let before = resident();
    let mut stalled = Vec::new();
    for size in [1 << 31, 1 << 40, 1 << 60, 1 << 62, (1 << 63) - 1] {
        for _ in 0..8 {
            let mut raw = Raw::join(&scene.endpoint, "PUSH");
            raw.say(&[long_header(0, size), vec![b'x'; 100]].concat());
            stalled.push((size, raw));
        }
    }
    scene.goes_on();
    // The other tests of this binary may run at the same time.
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB");
    for (size, raw) in &mut stalled {
        // No limit is set; what no machine could hold is refused nevertheless.
        if *size <= 1 << 60 && raw.is_closed_within(ms(1)) {
            let address = raw.local_addr().unwrap();
            panic!("{}", records::await_line(&[&format!("{address} ended")]));
        }
    }
    drop(stalled);
    scene.goes_on();
    assert!(scene.pull.try_recv().is_err());
}

#[test]
fn pings_that_nobody_reads_the_answers_to_cost_only_their_sender() {
    let mut scene = Scene::tcp(|pull| pull);
    let mut bad = Raw::join(&scene.endpoint, "PUSH");
    let ping = frame(COMMAND, b"\x04PING\0\0sixteen octets..");
    let pings = ping.repeat(1000);
    if let Raw::Tcp(stream) = &bad {
        stream.set_write_timeout(Some(ms(500))).unwrap();
    }
    // It is not read any further once its answers pile up.
    let mut rounds = 0;
    while bad.say(&pings) {
        rounds += 1;
        assert!(rounds < 20_000, "answers pile up without end");
    }
    scene.goes_on();
    drop(bad);
    scene.goes_on();
}

#[test]
fn a_ready_in_another_case_or_with_more_properties_is_welcome() {
    let mut scene = Scene::tcp(|pull| pull);
    let mut body = ready("PUSH")[2..].to_vec();
    body.extend_from_slice(b"\x05X-App\0\0\0\x03abc");
    let mut raw = scene.connect();
    raw.say(&[greeting(), frame(COMMAND, &body), frame(0, b"hi")].concat());
    assert_eq!(scene.pull.recv_timeout(PATIENCE).unwrap(), "hi");
    scene.goes_on();
}
