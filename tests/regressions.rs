//! What once went wrong stays right: one test for each defect that a review has found.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use zocket::{Context, Endpoint, Pair, Pull, Push};

/// How long something may take that takes no time on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A raw peer: greets, and says that it is a socket of this type.
fn shake(stream: &mut TcpStream, socket_type: &str) {
    let mut greeting = [0; 64];
    greeting[0] = 0xff;
    greeting[9..12].copy_from_slice(&[0x7f, 3, 1]);
    greeting[12..16].copy_from_slice(b"NULL");
    stream.write_all(&greeting).unwrap();
    stream.read_exact(&mut greeting).unwrap();

    let mut body = b"\x05READY\x0bSocket-Type".to_vec();
    body.extend((socket_type.len() as u32).to_be_bytes());
    body.extend(socket_type.as_bytes());
    stream.write_all(&[4, body.len() as u8]).unwrap();
    stream.write_all(&body).unwrap();
    let mut header = [0; 2];
    stream.read_exact(&mut header).unwrap();
    stream
        .read_exact(&mut vec![0; usize::from(header[1])])
        .unwrap();
}

fn connect(endpoint: &Endpoint) -> TcpStream {
    TcpStream::connect(endpoint.socket_addr().unwrap()).unwrap()
}

/// A connection that breaks in the middle of a batch: the next one begins with the greeting, and
/// then with the message that was not sent whole.
#[test]
fn a_batch_in_hand_waits_for_the_next_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let push = Push::builder()
        .linger(Duration::ZERO)
        .send_hwm(100)
        .send_buffer(16 << 10)
        .reconnect_interval(Duration::from_millis(20))
        .build()
        .unwrap();
    push.connect(format!("tcp://{}", listener.local_addr().unwrap()))
        .unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    shake(&mut peer, "PULL");
    while push
        .send_timeout(vec![7; 30_000], Duration::from_millis(200))
        .is_ok()
    {}
    drop(peer);

    let (mut peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    shake(&mut peer, "PULL");
    let mut header = [0; 9];
    peer.read_exact(&mut header).unwrap();
    assert_eq!(header, [2, 0, 0, 0, 0, 0, 0, 0x75, 0x30]);
    let mut body = vec![0; 30_000];
    peer.read_exact(&mut body).unwrap();
    assert!(body.iter().all(|&byte| byte == 7));
}

/// A peer that floods with PINGs, reads none of the answers and goes: it is gone for us, too.
#[test]
fn a_peer_that_does_not_read_its_pongs_can_leave() {
    let pair = Pair::builder().linger(Duration::ZERO).build().unwrap();
    let here = pair.bind("tcp://127.0.0.1:*").unwrap();
    let mut peer = connect(&here);
    shake(&mut peer, "PAIR");
    pair.wait_for_peers(1, PATIENCE).unwrap();
    peer.set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let flood = b"\x04\x07\x04PING\0\0".repeat(7000);
    while peer.write_all(&flood).is_ok() {}
    drop(peer);

    // The place of a PAIR is free again: somebody else can have it.
    let next = Pair::builder()
        .reconnect_interval(Duration::from_millis(20))
        .build()
        .unwrap();
    next.connect(&here).unwrap();
    next.send("let me in").unwrap();
    assert_eq!(pair.recv_timeout(PATIENCE).unwrap(), "let me in");
}

/// No reconnect interval, however short or long, takes the I/O thread from the other sockets.
#[test]
fn no_reconnect_interval_stops_the_others() {
    for interval in [Duration::ZERO, Duration::MAX] {
        let context = Context::new();
        let push = Push::builder()
            .context(&context)
            .linger(Duration::ZERO)
            .reconnect_interval(interval)
            .build()
            .unwrap();
        push.connect("ipc:///nowhere/to/be/found").unwrap();
        push.try_send("queued for it").unwrap();

        let other = Pull::builder().context(&context).build().unwrap();
        let here = other.bind("tcp://127.0.0.1:*").unwrap();
        let begun = Instant::now();
        other.unbind(&here).unwrap();
        other.close().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{interval:?}");
        assert!(push.try_send("still there").is_ok());
    }
}

/// A socket that is closed while it waits for an inproc name is not met by whoever binds it later.
#[test]
fn a_closed_connecter_is_not_joined_later() {
    let context = Context::new();
    let pair = || Pair::builder().context(&context).build().unwrap();
    let gone = pair();
    gone.connect("inproc://later").unwrap();
    drop(gone);
    let bound = pair();
    bound.bind("inproc://later").unwrap();
    let peer = pair();
    peer.connect("inproc://later").unwrap();
    peer.send("the only one").unwrap();
    assert_eq!(bound.recv_timeout(PATIENCE).unwrap(), "the only one");
}

/// Two wait for the one place of a PAIR: the second gets it when the first has gone, with what it
/// had queued.
#[test]
fn who_waits_for_the_place_of_a_pair_gets_it() {
    let context = Context::new();
    let pair = || Pair::builder().context(&context).build().unwrap();
    let (first, second, bound) = (pair(), pair(), pair());
    first.connect("inproc://one-place").unwrap();
    second.connect("inproc://one-place").unwrap();
    second.send("from the second").unwrap();
    bound.bind("inproc://one-place").unwrap();
    first.send("from the first").unwrap();
    assert_eq!(bound.recv_timeout(PATIENCE).unwrap(), "from the first");
    first.close().unwrap();
    assert_eq!(bound.recv_timeout(PATIENCE).unwrap(), "from the second");
    bound.send("welcome").unwrap();
    assert_eq!(second.recv_timeout(PATIENCE).unwrap(), "welcome");
}

/// What is closed without ever being joined keeps nothing alive: the context's thread ends.
#[test]
#[cfg(target_os = "linux")]
fn a_connect_to_nobody_keeps_no_context_alive() {
    let context = Context::builder()
        .thread_name("kept-alive")
        .build()
        .unwrap();
    let pull = Pull::builder().context(&context).build().unwrap();
    pull.bind("tcp://127.0.0.1:*").unwrap();
    pull.connect("inproc://nobody").unwrap();
    drop(pull);
    // Who lets go of the context last may be its own thread, which then ends by itself.
    drop(context);
    let runs = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let mut names =
            tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.any(|name| name.starts_with("kept-alive"))
    };
    let begun = Instant::now();
    while runs() {
        assert!(
            begun.elapsed() < PATIENCE,
            "the thread of a context that is gone still runs"
        );
        std::thread::yield_now();
    }
}
