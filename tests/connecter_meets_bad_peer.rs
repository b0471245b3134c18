//! A connecting socket that meets a bad peer tries again, in its own good time.
#![allow(clippy::unwrap_used)]

mod peer;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use peer::{PATIENCE, eventually, greeting, hello, ms, nobody, records};
use zocket::{Context, EndpointState, Pull, Push};

/// What a bad peer does with a connection; it keeps what it gets back.
type Deed = fn(TcpStream) -> Option<TcpStream>;

/// A listener that treats everybody alike, and counts.
struct BadPeer {
    endpoint: String,
    met: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BadPeer {
    fn new(deed: Deed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let met = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (met, stop) = (met.clone(), stop.clone());
            thread::spawn(move || {
                let mut kept = Vec::new();
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    met.fetch_add(1, Ordering::SeqCst);
                    kept.extend(deed(stream.unwrap()));
                }
            })
        };
        Self {
            endpoint: format!("tcp://{address}"),
            met,
            stop,
            thread: Some(thread),
        }
    }

    fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }

    /// Frees the address.
    fn go(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop.store(true, Ordering::SeqCst);
            let _ = TcpStream::connect(self.endpoint.trim_start_matches("tcp://"));
            thread.join().unwrap();
        }
    }
}

impl Drop for BadPeer {
    fn drop(&mut self) {
        self.go();
    }
}

/// Counts the attempts of some time, and then lets a good peer take the place of the bad one.
fn meets(deed: Deed, reason: &str, keeps_the_queue: bool) {
    records::collect();
    let mut bad = BadPeer::new(deed);
    let push = Push::builder()
        .context(&Context::new())
        .reconnect_interval(ms(40))
        .reconnect_interval_max(ms(400))
        .handshake_timeout(ms(100))
        .build()
        .unwrap();
    push.connect(&*bad.endpoint).unwrap();
    if keeps_the_queue {
        push.send("first").unwrap();
    }
    let began = Instant::now();
    eventually("it tries again", || bad.met() >= 3);
    let window = Duration::from_secs(1);
    thread::sleep(window.saturating_sub(began.elapsed()));
    // The intervals are 40, 80, 160, 320, 400, 400, … ms and half of that on average: some ten
    // attempts in a second.
    let (met, seconds) = (bad.met(), began.elapsed().as_secs() + 1);
    assert!(met < 40 * seconds as usize, "{met} attempts in {seconds} s");
    records::await_line(&[&bad.endpoint, reason]);
    is_shown(&push, reason, keeps_the_queue);

    bad.go();
    let pull = Pull::builder().context(&Context::new()).build().unwrap();
    eventually("the address can be bound", || {
        pull.bind(&*bad.endpoint).is_ok()
    });
    pull.wait_for_peers(1, PATIENCE).unwrap();
    if keeps_the_queue {
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "first");
    }
    for n in 0..10 {
        push.send(n.to_string()).unwrap();
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), n.to_string().as_str());
    }
}

/// The endpoint says what went wrong and how often.
fn is_shown(push: &Push, reason: &str, was_in_vain: bool) {
    let status = push.endpoints().remove(0);
    assert!(
        matches!(
            status.state,
            EndpointState::Connecting | EndpointState::Waiting { .. } | EndpointState::Connected
        ),
        "{status:?}"
    );
    let error = status.last_error.as_deref().unwrap_or_default();
    // In the log that comes before the reason.
    let is_lost = reason == "connection lost";
    assert!(
        error.contains(reason) || is_lost && !error.is_empty(),
        "{error}"
    );
    // A handshake that succeeds is no attempt in vain, whatever becomes of the connection.
    assert!(status.attempts >= 2 || !was_in_vain, "{status:?}");
    assert!(status.attempts == 0 || was_in_vain, "{status:?}");
}

#[test]
fn one_that_closes_at_once() {
    meets(|_| None, "connection lost", true);
}

#[test]
fn one_that_talks_nonsense() {
    meets(
        |mut stream| {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
            Some(stream)
        },
        "speaks no ZMTP 3",
        true,
    );
}

#[test]
fn one_of_the_wrong_type() {
    meets(
        |mut stream| {
            let _ = stream.write_all(&hello("PUSH"));
            Some(stream)
        },
        "a PUSH does not talk to a PUSH",
        true,
    );
}

#[test]
fn one_with_another_mechanism() {
    meets(
        |mut stream| {
            let mut greeting = greeting();
            greeting[12..17].copy_from_slice(b"PLAIN");
            let _ = stream.write_all(&greeting);
            Some(stream)
        },
        "wants mechanism",
        true,
    );
}

#[test]
fn one_that_says_nothing() {
    meets(Some, "no handshake within 100 ms", true);
}

#[test]
fn one_that_refuses() {
    meets(
        |mut stream| {
            let _ = stream.write_all(&greeting());
            let _ = stream.write_all(&peer::frame(peer::COMMAND, b"\x05ERROR\x03no!"));
            Some(stream)
        },
        "the peer refused",
        true,
    );
}

#[test]
fn one_that_completes_the_handshake_and_closes() {
    meets(
        |mut stream| {
            let _ = stream.write_all(&hello("PULL"));
            // All of its handshake, so that ours is complete.
            let _ = stream.read_exact(&mut [0; 64 + 28]);
            None
        },
        "connection lost",
        // What is with the kernel is gone with the peer.
        false,
    );
}

#[test]
fn the_waits_grow() {
    let bad = BadPeer::new(|_| None);
    let push = Push::builder()
        .context(&Context::new())
        .reconnect_interval(ms(5))
        .reconnect_interval_max(Duration::from_secs(60))
        .build()
        .unwrap();
    push.connect(&*bad.endpoint).unwrap();
    eventually("it tries again", || bad.met() >= 4);
    thread::sleep(Duration::from_secs(1));
    // 5, 10, 20, … ms: after a dozen attempts the next takes seconds.
    assert!(bad.met() <= 30, "{} attempts", bad.met());
}

#[test]
fn nobody_there_is_no_error_and_costs_a_close_no_time() {
    // What does not exist, and the discard port of an address nobody has.
    for endpoint in [
        &*nobody(),
        "tcp://nonexistent.invalid:5555",
        "tcp://192.0.2.1:9",
    ] {
        let context = Context::new();
        let push = Push::builder().context(&context).build().unwrap();
        let began = Instant::now();
        let same = push.connect(endpoint).unwrap();
        push.wait_for_peers(1, ms(50)).unwrap_err();
        push.disconnect(&same).unwrap();
        push.disconnect(&same).unwrap_err();
        push.connect(endpoint).unwrap();
        push.close().unwrap();
        drop(push);
        drop(context);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(4), "{endpoint}: {took:?}");
    }
}
