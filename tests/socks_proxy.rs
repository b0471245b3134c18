//! Connections through a SOCKS 5 proxy: what the proxy is told, and what comes of what it answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

use support::{ALL, Home, PATIENCE, Transport, next_of, until, until_alone};
use zocket::{
    Builder, ConnectError, EndpointState, Monitor, MonitorEvent, Pull, Push, ReconnectStop,
};

/// A proxy that does with each connection what it is told to do.
struct Proxy {
    address: SocketAddr,
    /// What was said to it, connection after connection.
    heard: Arc<Mutex<Vec<Heard>>>,
}

#[derive(Clone, Debug, Default)]
struct Heard {
    from: Option<SocketAddr>,
    greeting: Vec<u8>,
    login: Vec<u8>,
    request: Vec<u8>,
}

impl Proxy {
    fn new(serve: impl Fn(&mut Client) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (serve, all) = (Arc::new(serve), heard.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (serve, all) = (serve.clone(), all.clone());
                thread::spawn(move || {
                    let stream = stream.unwrap();
                    let from = stream.peer_addr().ok();
                    let heard = Heard {
                        from,
                        ..Heard::default()
                    };
                    let index = {
                        let mut all = all.lock().unwrap();
                        all.push(heard.clone());
                        all.len() - 1
                    };
                    let mut client = Client {
                        stream,
                        heard,
                        index,
                        all,
                    };
                    // A client that goes early is what some of these tests are about.
                    let _ = serve(&mut client);
                });
            }
        });
        Self { address, heard }
    }

    fn push(&self, home: &Home) -> Builder<Push> {
        home.push().socks_proxy(&*self.address.to_string())
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

/// One connection, as the proxy sees it.
struct Client {
    stream: TcpStream,
    heard: Heard,
    index: usize,
    all: Arc<Mutex<Vec<Heard>>>,
}

const OK: [u8; 10] = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

impl Client {
    fn hear(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    fn note(&self) {
        self.all.lock().unwrap()[self.index] = self.heard.clone();
    }

    fn greeting(&mut self) -> io::Result<()> {
        let mut greeting = self.hear(2)?;
        greeting.extend(self.hear(greeting[1].into())?);
        self.heard.greeting = greeting;
        self.note();
        Ok(())
    }

    fn login(&mut self) -> io::Result<()> {
        let mut login = self.hear(2)?;
        login.extend(self.hear(login[1].into())?);
        let length = self.hear(1)?;
        login.extend(&length);
        login.extend(self.hear(length[0].into())?);
        self.heard.login = login;
        self.note();
        Ok(())
    }

    fn request(&mut self) -> io::Result<()> {
        let mut request = self.hear(5)?;
        let rest = match request[3] {
            1 => 3 + 2,
            3 => usize::from(request[4]) + 2,
            _ => 15 + 2,
        };
        request.extend(self.hear(rest)?);
        self.heard.request = request;
        self.note();
        Ok(())
    }

    /// Passes everything on, both ways, until one side ends.
    fn relay(&mut self, to: SocketAddr) -> io::Result<()> {
        self.relay_stream(TcpStream::connect(to)?)
    }

    fn relay_stream(&mut self, mut there: TcpStream) -> io::Result<()> {
        let (mut back_from, mut back_to) = (there.try_clone()?, self.stream.try_clone()?);
        let back = thread::spawn(move || {
            let _ = io::copy(&mut back_from, &mut back_to);
            let _ = back_to.shutdown(Shutdown::Both);
        });
        let _ = io::copy(&mut self.stream, &mut there);
        let _ = there.shutdown(Shutdown::Both);
        let _ = back.join();
        Ok(())
    }
}

/// A proxy that takes everybody, to one and the same place.
fn good(to: SocketAddr) -> Proxy {
    Proxy::new(move |client| {
        client.greeting()?;
        client.say(&[5, 0])?;
        client.request()?;
        client.say(&OK)?;
        client.relay(to)
    })
}

fn bound(home: &Home) -> (Pull, SocketAddr) {
    let pull = home.pull().build().unwrap();
    let here = pull.bind(home.endpoint(Transport::Tcp)).unwrap();
    (pull, here.socket_addr().unwrap())
}

/// A name that no resolver knows (RFC 6761): whoever gets there has left it to the proxy.
const THERE: &str = "tcp://pull.invalid:5555";

#[track_caller]
fn told(monitor: &Monitor, is_it: impl Fn(&MonitorEvent) -> bool) -> MonitorEvent {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = monitor.recv_timeout(left).expect("it is told");
        if is_it(&event) {
            return event;
        }
    }
}

/// The reason why the next attempt fails, which is in `endpoints()` as well.
#[track_caller]
fn why_it_fails(push: &Push, monitor: &Monitor) -> String {
    let event = told(monitor, |it| {
        matches!(it, MonitorEvent::ConnectFailed { .. })
    });
    let MonitorEvent::ConnectFailed {
        address, reason, ..
    } = event
    else {
        panic!("{event:?}");
    };
    assert!(address.starts_with("pull.invalid:5555 via "), "{address}");
    told(monitor, |it| {
        matches!(it, MonitorEvent::RetryScheduled { .. })
    });
    let status = push.endpoints().remove(0);
    assert_ne!(status.state, EndpointState::Connected);
    assert_eq!(status.last_error.as_ref(), Some(&reason));
    assert!(status.attempts > 0);
    reason
}

/// Why a connection through such a proxy does not come about; it is tried twice at least.
fn failure(
    set: impl Fn(Builder<Push>) -> Builder<Push>,
    serve: impl Fn(&mut Client) -> io::Result<()> + Send + Sync + 'static,
) -> String {
    let home = Home::new();
    let proxy = Proxy::new(serve);
    let push = set(proxy.push(&home)).build().unwrap();
    let monitor = push.monitor();
    push.connect(THERE).unwrap();
    let reason = why_it_fails(&push, &monitor);
    assert_eq!(why_it_fails(&push, &monitor), reason);
    assert!(proxy.heard().len() > 1);
    reason
}

// ---- a proxy that does what it is there for

#[test]
fn messages_go_through_and_the_name_is_the_proxys_to_resolve() {
    let home = Home::new();
    let (pull, to) = bound(&home);
    let proxy = good(to);
    let push = proxy.push(&home).build().unwrap();
    let monitor = push.monitor();
    push.connect(THERE).unwrap();
    for n in 0..1000 {
        push.send(n.to_string()).unwrap();
    }
    for n in 0..1000 {
        assert_eq!(next_of(&pull), n.to_string());
    }
    let heard = &proxy.heard()[0];
    assert_eq!(heard.greeting, [5, 1, 0]);
    let mut request = b"\x05\x01\x00\x03\x0cpull.invalid".to_vec();
    request.extend(5555_u16.to_be_bytes());
    assert_eq!(heard.request, request);
    // Who it is, and by which way.
    let expected = format!("pull.invalid:5555 via {}", proxy.address);
    let connected = told(&monitor, |it| matches!(it, MonitorEvent::Connected { .. }));
    match connected {
        MonitorEvent::Connected { address, .. } => assert_eq!(address, expected),
        other => panic!("{other:?}"),
    }
    assert_eq!(push.peers()[0].address(), expected);
}

#[test]
fn addresses_are_told_as_addresses() {
    let home = Home::new();
    let (pull, to) = bound(&home);
    let proxy = good(to);
    let push = proxy.push(&home).build().unwrap();
    // Neither is there for anybody but the proxy.
    push.connect("tcp://192.0.2.1:77").unwrap();
    push.connect("tcp://[2001:db8::1]:77").unwrap();
    pull.wait_for_peers(2, PATIENCE).unwrap();
    let requests: HashSet<Vec<u8>> = proxy.heard().into_iter().map(|it| it.request).collect();
    let mut v6 = b"\x05\x01\x00\x04\x20\x01\x0d\xb8".to_vec();
    v6.extend([0; 11]);
    v6.extend([1, 0, 77]);
    let v4 = vec![5, 1, 0, 1, 192, 0, 2, 1, 0, 77];
    assert_eq!(requests, HashSet::from([v4, v6]));
}

/// Byte by byte, and the last of them in one piece with the peer's first.
#[test]
fn however_the_bytes_come() {
    let home = Home::new();
    let (pull, to) = bound(&home);
    let proxy = Proxy::new(move |client| {
        let dribble = |client: &mut Client, bytes: &[u8]| {
            client.stream.set_nodelay(true)?;
            bytes.iter().try_for_each(|&byte| client.say(&[byte]))
        };
        client.greeting()?;
        dribble(client, &[5, 2])?;
        client.login()?;
        dribble(client, &[1, 0])?;
        client.request()?;
        let reply = b"\x05\x00\x00\x03\x05proxy\x12\x34";
        dribble(client, &reply[..11])?;
        let mut there = TcpStream::connect(to)?;
        let mut last = vec![0; 65];
        last[0] = reply[11];
        there.read_exact(&mut last[1..])?;
        client.say(&last)?;
        client.relay_stream(there)
    });
    let push = proxy.push(&home).socks_credentials(("me", "secret"));
    let push = push.build().unwrap();
    push.connect(THERE).unwrap();
    push.send("through").unwrap();
    assert_eq!(next_of(&pull), "through");
    assert_eq!(proxy.heard()[0].greeting, [5, 2, 0, 2]);
    assert_eq!(proxy.heard()[0].login, b"\x01\x02me\x06secret");
}

#[test]
fn who_connects_again_goes_through_it_again() {
    let home = Home::new();
    let (pull, to) = bound(&home);
    let here = pull.last_endpoint().unwrap();
    let proxy = good(to);
    let push = proxy.push(&home).build().unwrap();
    push.connect(THERE).unwrap();
    for round in 1..4 {
        pull.wait_for_peers(1, PATIENCE).unwrap();
        assert!(proxy.heard().len() >= round);
        pull.unbind(&here).unwrap();
        until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
        until("it is bound again", || pull.bind(&here).is_ok());
    }
    push.wait_for_peers(1, PATIENCE).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_source_address_is_where_the_proxy_is_connected_from() {
    let home = Home::new();
    let (pull, to) = bound(&home);
    let proxy = good(to);
    let push = proxy.push(&home).build().unwrap();
    push.connect("tcp://127.9.9.9:*;pull.invalid:5555").unwrap();
    pull.wait_for_peers(1, PATIENCE).unwrap();
    let from = proxy.heard()[0].from.unwrap();
    assert_eq!(from.ip().to_string(), "127.9.9.9");
}

#[test]
fn only_connections_over_tcp_go_through_it() {
    for &transport in ALL {
        let home = Home::new();
        let proxy = Proxy::new(|_| Ok(()));
        let push = proxy.push(&home).build().unwrap();
        let pull = home.pull().build().unwrap();
        // What is bound is not connected.
        meet!(home, transport, push, pull);
        if transport != Transport::Tcp {
            let other = proxy.push(&home).build().unwrap();
            meet!(home, transport, pull, other);
        }
        assert!(proxy.heard().is_empty());
    }
}

#[test]
fn one_that_is_set_later_counts_for_connections_from_then_on() {
    let home = Home::new();
    let (pull, to) = bound(&home);
    let here = pull.last_endpoint().unwrap();
    let proxy = good(to);
    let push = home.push().build().unwrap();
    push.connect(&here).unwrap();
    pull.wait_for_peers(1, PATIENCE).unwrap();
    let address = proxy.address.to_string();
    push.options().set_socks_proxy(&*address).unwrap();
    assert_eq!(push.options().socks_proxy(), Some(address));
    push.connect(THERE).unwrap();
    pull.wait_for_peers(2, PATIENCE).unwrap();
    assert_eq!(proxy.heard().len(), 1);
    // What was connected without it is connected again with it.
    pull.unbind(&here).unwrap();
    until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
    until("it is bound again", || pull.bind(&here).is_ok());
    pull.wait_for_peers(2, PATIENCE).unwrap();
    let both = |all: &[Heard]| {
        let by_name = |it: &Heard| it.request.get(3) == Some(&3);
        all.iter().skip(1).any(by_name) && !all.iter().skip(1).all(by_name)
    };
    assert!(both(&proxy.heard()), "{:?}", proxy.heard());
    push.options().set_socks_proxy(None).unwrap();
    let before = proxy.heard().len();
    push.connect(&here).unwrap();
    pull.wait_for_peers(3, PATIENCE).unwrap();
    assert_eq!(proxy.heard().len(), before);
}

// ---- one that does not

#[test]
fn a_proxy_that_wants_a_password_and_gets_none() {
    let reason = failure(
        |it| it,
        |client| {
            client.greeting()?;
            client.say(&[5, 0xff])
        },
    );
    assert!(reason.contains("without a user and a password"), "{reason}");
}

#[test]
fn a_wrong_password_is_told_and_shown_nowhere() {
    let records = record_logs();
    let home = Home::new();
    let proxy = Proxy::new(|client| {
        client.greeting()?;
        client.say(&[5, 2])?;
        client.login()?;
        client.say(&[1, 1])
    });
    let push = proxy.push(&home).socks_credentials(("me", "hunter2"));
    assert!(!format!("{push:?}").contains("hunter2"));
    let push = push.build().unwrap();
    let monitor = push.monitor();
    push.connect(THERE).unwrap();
    let mut told = Vec::new();
    until("it is tried again", || {
        told.extend(monitor.recv_timeout(PATIENCE));
        proxy.heard().len() > 2
    });
    assert_eq!(proxy.heard()[0].login, b"\x01\x02me\x07hunter2");
    let reason = push.endpoints()[0].last_error.clone().unwrap();
    assert!(reason.contains("does not take the user and"), "{reason}");
    push.close().unwrap();
    told.extend(monitor);
    let shown = format!("{told:?} {:?}", records.lock().unwrap());
    assert!(shown.contains("does not take the user"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_refusal_is_told_in_words() {
    for (code, words) in [
        (1, "general failure"),
        (2, "rules do not allow"),
        (3, "network is unreachable"),
        (4, "host is unreachable"),
        (5, "connection was refused"),
        (6, "timed out"),
        (99, "failure 99"),
    ] {
        let reason = failure(
            |it| it,
            move |client| {
                client.greeting()?;
                client.say(&[5, 0])?;
                client.request()?;
                client.say(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0])
            },
        );
        assert!(reason.contains(words), "{reason}");
        assert!(reason.contains("SOCKS proxy says"), "{reason}");
    }
}

#[test]
fn nonsense_is_no_proxy() {
    let says = |bytes: &'static [u8]| {
        failure(
            |it| it,
            move |client| {
                client.greeting()?;
                client.say(bytes)
            },
        )
    };
    let http = says(b"HTTP/1.0 400 Bad Request\r\n\r\n");
    assert!(http.contains("no SOCKS 5 proxy"), "{http}");
    // The greeting of a peer.
    assert_eq!(says(&[0xff; 64]), http);
}

#[test]
fn a_proxy_that_hangs_up() {
    let reason = failure(
        |it| it,
        |client| {
            client.greeting()?;
            client.say(&[5, 0])?;
            client.request()
        },
    );
    assert!(reason.contains("the SOCKS proxy hung up"), "{reason}");
}

#[test]
fn a_silent_proxy_has_the_time_of_a_connection_or_of_a_handshake() {
    let wait = |client: &mut Client| {
        client.greeting()?;
        let _ = client.hear(1);
        Ok(())
    };
    let short = Duration::from_millis(50);
    let by_connect = failure(|it| it.handshake_timeout(None).connect_timeout(short), wait);
    assert!(by_connect.contains("timed out"), "{by_connect}");
    let by_handshake = failure(|it| it.handshake_timeout(short), wait);
    assert_eq!(by_handshake, by_connect);
}

#[test]
fn a_proxy_whose_name_does_not_resolve() {
    let home = Home::new();
    let push = home
        .push()
        .socks_proxy("proxy.invalid:1080")
        .build()
        .unwrap();
    let monitor = push.monitor();
    push.connect("tcp://127.0.0.1:5555").unwrap();
    for _ in 0..2 {
        let event = told(&monitor, |it| {
            matches!(it, MonitorEvent::ResolveFailed { .. })
        });
        let reason = event.reason().unwrap();
        assert!(reason.starts_with("the SOCKS proxy: "), "{reason}");
    }
}

#[test]
fn who_stops_at_a_refusal_stops_at_one_of_the_proxy() {
    let home = Home::new();
    let proxy = Proxy::new(|client| {
        client.greeting()?;
        client.say(&[5, 0])?;
        client.request()?;
        client.say(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0])
    });
    let push = proxy.push(&home).reconnect_stop([ReconnectStop::Refused]);
    let push = push.build().unwrap();
    let monitor = push.monitor();
    push.connect(THERE).unwrap();
    told(&monitor, |it| matches!(it, MonitorEvent::GivenUp { .. }));
    assert_eq!(proxy.heard().len(), 1);
}

#[test]
fn what_a_proxy_cannot_be_told_is_an_error_of_connect() {
    let home = Home::new();
    let push = home.push().socks_proxy("127.0.0.1:1").build().unwrap();
    let error = push.connect("tcp://[fe80::1%lo]:5555").unwrap_err();
    assert!(matches!(error, ConnectError::Option { .. }), "{error:?}");
    assert!(error.to_string().contains("a zone"), "{error}");
    assert!(push.endpoints().is_empty());
}

/// Everything that is logged in this process.
fn record_logs() -> &'static Mutex<Vec<String>> {
    struct Records(Mutex<Vec<String>>);
    impl log::Log for Records {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &log::Record<'_>) {
            self.0.lock().unwrap().push(record.args().to_string());
        }
        fn flush(&self) {}
    }
    static RECORDS: Records = Records(Mutex::new(Vec::new()));
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&RECORDS).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    &RECORDS.0
}
