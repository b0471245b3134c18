//! Sockets that were made elsewhere: listeners that are bound to, streams that are connected already.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::fs::File;
use std::io::Write;
use std::net::Shutdown;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{Home, PATIENCE, Transport, next_of};
use zocket::{BindError, ConnectError, Endpoint, Monitor, MonitorEvent, Pull, Push, Req};

/// A path that nobody has.
fn path(home: &Home) -> String {
    let endpoint: Endpoint = home.endpoint(Transport::Ipc).parse().unwrap();
    endpoint.path().unwrap().to_str().unwrap().to_owned()
}

/// Waits for this event; gives the names of all up to it.
fn up_to(monitor: &Monitor, last: &str) -> Vec<String> {
    let mut names = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while names.last().is_none_or(|name| name != last) {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = monitor.recv_timeout(left).expect(last);
        let text = format!("{event:?}");
        names.push(text.split(' ').next().unwrap().to_owned());
    }
    names
}

fn pass_one(push: &Push, pull: &Pull) {
    push.send("hello").unwrap();
    assert_eq!(next_of(pull), "hello");
}

// ---- listeners

#[test]
fn a_tcp_listener_is_bound_to_where_it_listens() {
    let home = Home::new();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(address) else {
            eprintln!("skipped: this system has no IPv6");
            continue;
        };
        let there = listener.local_addr().unwrap();
        let pull = home.pull().build().unwrap();
        let here = pull.bind_fd(listener).unwrap();
        assert_eq!(here.to_string(), format!("tcp://{there}"));
        assert_eq!(pull.last_endpoint().as_ref(), Some(&here));
        assert_eq!(pull.endpoints()[0].endpoint, here);
        let push = home.push().build().unwrap();
        push.connect(&here).unwrap();
        pass_one(&push, &pull);
        // It is closed with the endpoint: the address is free.
        pull.unbind(&here).unwrap();
        drop(TcpListener::bind(there).unwrap());
    }
}

#[test]
fn an_ipc_listener_is_bound_to_where_it_listens_and_its_file_stays() {
    let home = Home::new();
    let path = path(&home);
    let pull = home.pull().build().unwrap();
    let here = pull.bind_fd(UnixListener::bind(&path).unwrap()).unwrap();
    assert_eq!(here.to_string(), format!("ipc://{path}"));
    let push = home.push().build().unwrap();
    push.connect(&here).unwrap();
    pass_one(&push, &pull);
    pull.unbind(&here).unwrap();
    // Nobody listens there any more, but the file was not ours.
    assert!(std::fs::exists(&path).unwrap());
    assert!(UnixStream::connect(&path).is_err());
}

#[test]
#[cfg(target_os = "linux")]
fn a_listener_in_the_abstract_namespace() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    let home = Home::new();
    let name = path(&home);
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let pull = home.pull().build().unwrap();
    let here = pull
        .bind_fd(UnixListener::bind_addr(&address).unwrap())
        .unwrap();
    assert_eq!(here.to_string(), format!("ipc://@{name}"));
    let push = home.push().build().unwrap();
    push.connect(&here).unwrap();
    pass_one(&push, &pull);
}

#[test]
fn filters_and_caps_count_for_who_comes_by_it() {
    let home = Home::new();
    let pull = home.pull().tcp_accept_filter("192.0.2.0/24").build();
    let pull = pull.unwrap();
    let monitor = pull.monitor();
    let here = pull
        .bind_fd(TcpListener::bind("127.0.0.1:0").unwrap())
        .unwrap();
    let push = home.push().build().unwrap();
    push.connect(&here).unwrap();
    assert_eq!(
        up_to(&monitor, "AcceptFailed"),
        ["Listening", "AcceptFailed"]
    );
}

/// What a service manager does: the listener is the standard input of a process that knows of nothing
/// else.
#[test]
fn a_process_that_is_given_its_listener() {
    const CHILD: &str = "ZOCKET_TEST_ACTIVATED";
    const NAME: &str = "a_process_that_is_given_its_listener";
    if std::env::var_os(CHILD).is_some() {
        let listener = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        let pull = Pull::new();
        pull.bind_fd(listener).unwrap();
        // The parent sees it by our end.
        assert_eq!(next_of(&pull), "are you there?");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let home = Home::new();
    let push = home.push().build().unwrap();
    push.connect(format!("tcp://{there}")).unwrap();
    push.send("are you there?").unwrap();
    assert!(child.wait().unwrap().success());
}

/// Whoever else has it may shut it down: then nobody can be accepted, which is told again and again, but
/// not as fast as can be. (An ipc listener has nobody to accept then, and is silent.)
#[test]
#[cfg(target_os = "linux")]
fn a_listener_that_somebody_else_shuts_down_keeps_nobody_busy() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let same = listener.try_clone().unwrap();
    let pull = home.pull().build().unwrap();
    let monitor = pull.monitor();
    let here = pull.bind_fd(listener).unwrap();
    socket2::SockRef::from(&same)
        .shutdown(Shutdown::Both)
        .unwrap();
    up_to(&monitor, "AcceptFailed");
    let begun = Instant::now();
    for _ in 0..5 {
        up_to(&monitor, "AcceptFailed");
    }
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(200), "{took:?}");
    pull.unbind(&here).unwrap();
}

// ---- streams

#[test]
fn the_halves_of_a_pair_are_peers() {
    let home = Home::new();
    let (one, other) = UnixStream::pair().unwrap();
    let push = home.push().build().unwrap();
    let pull = home.pull().build().unwrap();
    // Before there is anybody, as with any connect.
    let here = push.connect_fd(one).unwrap();
    push.send("early").unwrap();
    assert_eq!(here.to_string(), "ipc://*");
    assert_eq!(pull.connect_fd(other).unwrap(), here);
    assert_eq!(next_of(&pull), "early");
    for number in 0..1000 {
        push.send(number.to_string()).unwrap();
    }
    support::expect_numbers(&pull, 0..1000);
    push.disconnect(&here).unwrap();
    assert!(push.endpoints().is_empty());
}

#[test]
fn a_stream_that_was_connected_and_one_that_was_accepted() {
    let home = Home::new();
    // To a socket of ours, which does not know the difference.
    let pull = home.pull().build().unwrap();
    let here = pull.bind(home.endpoint(Transport::Tcp)).unwrap();
    let push = home.push().immediate(true).build().unwrap();
    let stream = TcpStream::connect(here.socket_addr().unwrap()).unwrap();
    assert_eq!(push.connect_fd(stream).unwrap(), here);
    push.wait_for_peers(1, PATIENCE).unwrap();
    pass_one(&push, &pull);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let push = home.push().build().unwrap();
    push.connect(format!("tcp://{}", listener.local_addr().unwrap()))
        .unwrap();
    let (stream, peer) = listener.accept().unwrap();
    let there = pull.connect_fd(stream).unwrap();
    assert_eq!(there.to_string(), format!("tcp://{peer}"));
    pull.wait_for_peers(2, PATIENCE).unwrap();
    pass_one(&push, &pull);

    let listener = UnixListener::bind(path(&home)).unwrap();
    let path = listener.local_addr().unwrap();
    let path = path.as_pathname().unwrap();
    let stream = UnixStream::connect(path).unwrap();
    let push = home.push().build().unwrap();
    let there = push.connect_fd(stream).unwrap();
    assert_eq!(there.path(), Some(path));
    pull.connect_fd(listener.accept().unwrap().0).unwrap();
    pass_one(&push, &pull);
}

#[test]
fn options_of_connections_count_for_it() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let same = stream.try_clone().unwrap();
    assert!(!same.nodelay().unwrap());
    let push = home.push().tcp_keepalive(true).build().unwrap();
    push.connect_fd(stream).unwrap();
    assert!(same.nodelay().unwrap());
    assert!(socket2::SockRef::from(&same).keepalive().unwrap());
    assert!(socket2::SockRef::from(&same).nonblocking().unwrap());
}

#[test]
fn a_connection_that_is_lost_is_not_made_again() {
    let home = Home::new();
    let (one, other) = UnixStream::pair().unwrap();
    let push = home.push().build().unwrap();
    let monitor = push.monitor();
    let here = push.connect_fd(one).unwrap();
    let pull = home.pull().build().unwrap();
    pull.connect_fd(other).unwrap();
    push.wait_for_peers(1, PATIENCE).unwrap();
    pull.close().unwrap();
    let expected = ["Connected", "HandshakeSucceeded", "Disconnected", "GivenUp"];
    assert_eq!(up_to(&monitor, "GivenUp"), expected);
    push.close().unwrap();
    let after: Vec<MonitorEvent> = monitor.collect();
    assert!(
        !after
            .iter()
            .any(|it| matches!(it, MonitorEvent::RetryScheduled { .. })),
        "{after:?}"
    );
    assert_eq!(here.to_string(), "ipc://*");
}

/// That it has hung up is told once only, with the rest of what was there before us.
#[test]
fn a_peer_that_has_said_everything_already_is_heard_to_the_end() {
    let home = Home::new();
    let (one, mut other) = UnixStream::pair().unwrap();
    other.write_all(&peer::hello("PUSH")).unwrap();
    other.write_all(&peer::frame(0, b"hello")).unwrap();
    other.shutdown(Shutdown::Write).unwrap();
    let pull = home.pull().heartbeat_interval(None).build().unwrap();
    let monitor = pull.monitor();
    pull.connect_fd(one).unwrap();
    assert_eq!(next_of(&pull), "hello");
    up_to(&monitor, "GivenUp");
}

/// A server that accepts by itself has one for each client that ever came.
#[test]
fn nothing_is_left_of_those_that_are_lost() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let monitor = pull.monitor();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for _ in 0..10 {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let here = pull.connect_fd(listener.accept().unwrap().0).unwrap();
        drop(client);
        up_to(&monitor, "GivenUp");
        up_to(&monitor, "Closed");
        assert!(pull.endpoints().is_empty());
        assert!(pull.disconnect(here).is_err());
    }
}

#[test]
fn what_was_queued_for_one_that_is_lost_is_counted() {
    let home = Home::new();
    let (one, mut other) = UnixStream::pair().unwrap();
    let push = home.push().build().unwrap();
    let monitor = push.monitor();
    push.connect_fd(one).unwrap();
    for _ in 0..7 {
        push.send("nobody hears").unwrap();
    }
    other.write_all(b"no greeting at all").unwrap();
    up_to(&monitor, "GivenUp");
    support::until("it is counted", || push.stats().dropped.with_peer == 7);
}

/// A REQ that gives a request up renews the connection that the reply might come by; here it cannot.
#[test]
fn a_connection_that_is_to_be_renewed_is_given_up() {
    let home = Home::new();
    let (one, other) = UnixStream::pair().unwrap();
    let req = home.of(Req::builder()).build().unwrap();
    let router = home.of(zocket::Router::builder()).build().unwrap();
    let monitor = req.monitor();
    req.connect_fd(one).unwrap();
    router.connect_fd(other).unwrap();
    req.wait_for_peers(1, PATIENCE).unwrap();
    let short = Duration::from_millis(50);
    assert!(req.request_timeout("who answers?", short).is_err());
    up_to(&monitor, "GivenUp");
}

// ---- what is none

/// What `bind_fd` and `connect_fd` say.
fn said_of(fd: impl Fn() -> OwnedFd) -> [String; 2] {
    let pull = Pull::new();
    let bound = match pull.bind_fd(fd()).unwrap_err() {
        BindError::Descriptor(error) => error.to_string(),
        other => panic!("{other}"),
    };
    let connected = match pull.connect_fd(fd()).unwrap_err() {
        ConnectError::Descriptor(error) => error.to_string(),
        other => panic!("{other}"),
    };
    assert!(pull.endpoints().is_empty());
    [bound, connected]
}

#[test]
fn what_is_no_stream_socket_is_refused() {
    let datagrams: [fn() -> OwnedFd; 2] = [
        || UdpSocket::bind("127.0.0.1:0").unwrap().into(),
        || UnixDatagram::unbound().unwrap().into(),
    ];
    for fd in datagrams {
        for said in said_of(fd) {
            assert!(said.contains("no stream socket"), "{said}");
        }
    }
    for said in said_of(|| File::open("/dev/null").unwrap().into()) {
        assert!(said.to_lowercase().contains("socket"), "{said}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_stream_does_not_listen_and_a_listener_is_not_connected() {
    let stream = || -> OwnedFd { UnixStream::pair().unwrap().0.into() };
    let pull = Pull::new();
    let error = pull.bind_fd(stream()).unwrap_err();
    assert!(error.to_string().contains("it does not listen"), "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = pull.connect_fd(listener).unwrap_err();
    assert!(error.to_string().contains("is not connected"), "{error}");
    for said in said_of(|| {
        let tcp = socket2::Type::STREAM;
        socket2::Socket::new(socket2::Domain::IPV4, tcp, None)
            .unwrap()
            .into()
    }) {
        assert!(said.contains("it does not listen") || said.contains("is not connected"));
    }
}

#[test]
fn a_closed_socket_takes_none() {
    let pull = Pull::new();
    pull.close().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(matches!(pull.bind_fd(listener), Err(BindError::Closed)));
    let (one, _other) = UnixStream::pair().unwrap();
    assert!(matches!(pull.connect_fd(one), Err(ConnectError::Closed)));
}
