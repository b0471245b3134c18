use std::io::{self, ErrorKind, IoSlice};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, SockRef, Socket, Type};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

/// A loopback address whose ports no other test is given, where the system has more than one.
fn alone(number: u8) -> SocketAddr {
    if cfg!(target_os = "linux") {
        SocketAddr::from((Ipv4Addr::new(127, 0, 77, number), 0))
    } else {
        V4
    }
}

fn options() -> KernelOptions {
    KernelOptions::default()
}

/// Calls `attempt` now and whenever `source` is ready, until it has an answer.
fn wait<S: Source, T>(
    source: &mut S,
    want: Interest,
    mut attempt: impl FnMut(&mut S) -> io::Result<Option<T>>,
) -> io::Result<T> {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    poll.registry().register(source, Token(0), want).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let result = loop {
        match attempt(source) {
            Ok(Some(value)) => break Ok(value),
            Err(error) if error.kind() != ErrorKind::WouldBlock => break Err(error),
            _ => {}
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "nothing happened");
        poll.poll(&mut events, Some(left)).unwrap();
    };
    poll.registry().deregister(source).unwrap();
    result
}

fn accept(listener: &mut Listener) -> Stream {
    wait(listener, Interest::READABLE, |it| it.accept().map(Some))
        .unwrap()
        .0
}

fn finish(stream: &mut Stream) -> io::Result<()> {
    wait(stream, Interest::WRITABLE, |it| {
        Ok(it.finish_connect()?.then_some(()))
    })
}

fn read(stream: &mut Stream, buf: &mut Vec<u8>) -> io::Result<usize> {
    wait(stream, Interest::READABLE, |it| it.read_into(buf).map(Some))
}

fn read_to(stream: &mut Stream, wanted: usize) -> Vec<u8> {
    let mut buf = Vec::with_capacity(wanted);
    while buf.len() < wanted {
        assert_ne!(read(stream, &mut buf).unwrap(), 0, "early end");
    }
    buf
}

fn tcp_address(listener: &Listener) -> SocketAddr {
    let Listener::Tcp(listener) = listener else {
        panic!("not tcp");
    };
    listener.inner.local_addr().unwrap()
}

fn tcp_pair(address: SocketAddr, options: &KernelOptions) -> (Stream, Stream) {
    let mut listener = tcp::bind(address, options).unwrap();
    let mut client = tcp::connect(None, tcp_address(&listener), options).unwrap();
    let server = accept(&mut listener);
    finish(&mut client).unwrap();
    (client, server)
}

fn round_trip((mut client, mut server): (Stream, Stream)) {
    assert!(client.finish_connect().unwrap());
    assert!(server.finish_connect().unwrap(), "as for an accepted one");
    let mut buf = Vec::with_capacity(64);
    let error = server.read_into(&mut buf).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(buf.is_empty());

    assert_eq!(client.write(b"one ").unwrap(), 4);
    let slices = [
        IoSlice::new(b"two "),
        IoSlice::new(b""),
        IoSlice::new(b"three"),
    ];
    assert_eq!(client.write_vectored(&slices).unwrap(), 9);
    assert_eq!(client.write_vectored(&[]).unwrap(), 0);
    assert_eq!(read_to(&mut server, 13), b"one two three");

    // More slices than the system takes at once.
    let many = vec![IoSlice::new(b"x"); 5000];
    let written = client.write_vectored(&many).unwrap();
    assert!((1..=5000).contains(&written));
    assert_eq!(read_to(&mut server, written), vec![b'x'; written]);

    // What is in the buffer stays; without spare capacity there is room made.
    server.write(b"back").unwrap();
    let mut buf = Vec::with_capacity(8);
    buf.extend_from_slice(b"kept");
    buf.shrink_to_fit();
    assert_eq!(read(&mut client, &mut buf).unwrap(), 4);
    assert_eq!(buf, b"keptback");

    // The stream takes what fits, then says so.
    let block = vec![7; 1 << 20];
    let mut sent = 0;
    let error = loop {
        match client.write(&block) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(read_to(&mut server, sent), vec![7; sent]);

    // One direction ends, the other goes on.
    client.shutdown_write();
    buf.clear();
    assert_eq!(read(&mut server, &mut buf).unwrap(), 0);
    server.write(b"last").unwrap();
    assert_eq!(read_to(&mut client, 4), b"last");

    // Nobody reads any more: an error and not a SIGPIPE.
    drop(client);
    let error = wait(&mut server, Interest::WRITABLE, |it| match it.write(b"x") {
        Ok(_) => Ok(None),
        Err(error) => Err::<Option<()>, _>(error),
    });
    let kind = error.unwrap_err().kind();
    assert!(
        matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
        "{kind:?}"
    );
    assert!(server.write_vectored(&[IoSlice::new(b"x")]).is_err());
    server.shutdown_write();
}

fn has_ipv6() -> bool {
    std::net::TcpListener::bind(V6).is_ok()
}

#[test]
fn tcp4_round_trip() {
    round_trip(tcp_pair(V4, &options()));
}

#[test]
fn tcp6_round_trip() {
    if has_ipv6() {
        round_trip(tcp_pair(V6, &options()));
    }
}

#[test]
fn tcp6_any_takes_ipv4_if_ipv6() {
    if !has_ipv6() {
        return;
    }
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    for ipv6 in [true, false] {
        let options = KernelOptions { ipv6, ..options() };
        let mut listener = tcp::bind(any, &options).unwrap();
        let port = tcp_address(&listener).port();
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut client = tcp::connect(None, to, &options).unwrap();
        let result = finish(&mut client);
        assert_eq!(result.is_ok(), ipv6, "{result:?}");
        if ipv6 {
            accept(&mut listener);
        }
    }
}

#[test]
fn tcp_options_reach_both_sides() {
    let options = KernelOptions {
        send_buffer: Some(40_000),
        recv_buffer: Some(50_000),
        keepalive: Some(true),
        keepalive_idle: Some(Duration::from_millis(1)),
        keepalive_interval: Some(Duration::from_secs(7)),
        keepalive_count: Some(3),
        ..options()
    };
    let (client, server) = tcp_pair(V4, &options);
    for stream in [&client, &server] {
        let socket = stream.socket();
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert!(socket.send_buffer_size().unwrap() >= 40_000);
        // Far below what Linux would have given.
        assert!((50_000..=110_000).contains(&socket.recv_buffer_size().unwrap()));
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(1));
            assert_eq!(
                socket.tcp_keepalive_interval().unwrap(),
                Duration::from_secs(7)
            );
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        }
        #[cfg(unix)]
        assert!(is_cloexec(&socket));
    }
    let (client, server) = tcp_pair(V4, &KernelOptions::default());
    for stream in [&client, &server] {
        assert!(stream.socket().tcp_nodelay().unwrap());
        assert!(!stream.socket().keepalive().unwrap());
    }
}

/// On Linux a backlog of one takes two connections, and lets the next knock again and again.
#[cfg(target_os = "linux")]
#[test]
fn tcp_backlog_is_how_many_wait() {
    for backlog in [1, 4] {
        let options = KernelOptions {
            backlog,
            ..options()
        };
        let mut listener = tcp::bind(V4, &options).unwrap();
        let to = tcp_address(&listener);
        let connect = || tcp::connect(None, to, &options).unwrap();
        let mut waiting: Vec<Stream> = (0..=backlog).map(|_| connect()).collect();
        waiting.iter_mut().for_each(|it| finish(it).unwrap());
        let mut late = connect();
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let writable = Interest::WRITABLE;
        poll.registry()
            .register(&mut late, Token(0), writable)
            .unwrap();
        let quiet = Duration::from_millis(100);
        poll.poll(&mut events, Some(quiet)).unwrap();
        assert!(!late.finish_connect().unwrap(), "one more than {backlog}");
        poll.registry().deregister(&mut late).unwrap();
        accept(&mut listener);
        finish(&mut late).unwrap();
    }
}

/// A listener, a connection to it, and the accepted end of that.
#[cfg(target_os = "linux")]
fn tcp_three(address: SocketAddr, options: &KernelOptions) -> (Listener, Stream, Stream) {
    let mut listener = tcp::bind(address, options).unwrap();
    let mut client = tcp::connect(None, tcp_address(&listener), options).unwrap();
    let server = accept(&mut listener);
    finish(&mut client).unwrap();
    (listener, client, server)
}

/// What the kernel says of each of three sockets.
#[cfg(target_os = "linux")]
fn of_three<T>(
    (listener, client, server): &(Listener, Stream, Stream),
    mut ask: impl FnMut(&SockRef<'_>) -> io::Result<T>,
) -> [T; 3] {
    let Listener::Tcp(listener) = listener else {
        panic!("not tcp");
    };
    [
        ask(&SockRef::from(&listener.inner)).unwrap(),
        ask(&client.socket()).unwrap(),
        ask(&server.socket()).unwrap(),
    ]
}

#[cfg(target_os = "linux")]
#[test]
fn tcp_type_of_service_is_on_all_sockets() {
    let chosen = KernelOptions {
        type_of_service: 0xb8,
        ..options()
    };
    let plain = tcp_three(V4, &options());
    assert_eq!(of_three(&plain, |it| it.tos_v4()), [0; 3]);
    let three = tcp_three(V4, &chosen);
    assert_eq!(of_three(&three, |it| it.tos_v4()), [0xb8; 3]);
    if !has_ipv6() {
        return;
    }
    let plain = tcp_three(V6, &options());
    assert_eq!(of_three(&plain, |it| it.tclass_v6()), [0; 3]);
    let three = tcp_three(V6, &chosen);
    assert_eq!(of_three(&three, |it| it.tclass_v6()), [0xb8; 3]);

    // An IPv4 connection to a socket of both.
    let both = KernelOptions {
        ipv6: true,
        ..chosen
    };
    let mut listener = tcp::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), &both).unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, tcp_address(&listener).port()));
    let _client = tcp::connect(None, to, &options()).unwrap();
    let server = accept(&mut listener);
    assert_eq!(server.socket().tos_v4().unwrap(), 0xb8);
}

#[cfg(target_os = "linux")]
#[test]
fn tcp_user_timeout_is_on_all_sockets() {
    let chosen = KernelOptions {
        user_timeout: Some(Duration::from_micros(7_654_900)),
        ..options()
    };
    for address in [Some(V4), has_ipv6().then_some(V6)].into_iter().flatten() {
        let plain = tcp_three(address, &options());
        assert_eq!(of_three(&plain, |it| it.tcp_user_timeout()), [None; 3]);
        let three = tcp_three(address, &chosen);
        assert_eq!(
            of_three(&three, |it| it.tcp_user_timeout()),
            [Some(Duration::from_millis(7_654)); 3]
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn tcp_priority_is_on_all_sockets() {
    let chosen = KernelOptions {
        priority: 5,
        // It would bring another priority.
        type_of_service: 0x10,
        ..options()
    };
    for address in [Some(V4), has_ipv6().then_some(V6)].into_iter().flatten() {
        let plain = tcp_three(address, &options());
        assert_eq!(of_three(&plain, |it| it.priority()), [0; 3]);
        let three = tcp_three(address, &chosen);
        assert_eq!(of_three(&three, |it| it.priority()), [5; 3]);
    }
}

/// What needs a privilege is refused to most, which is then told by bind, connect and check alike.
#[cfg(target_os = "linux")]
fn granted(options: &KernelOptions) -> bool {
    let Err(error) = tcp::check(options) else {
        return true;
    };
    let errno = rustix::io::Errno::from_io_error(&error);
    assert_eq!(errno, Some(rustix::io::Errno::PERM), "{error}");
    let bound = tcp::bind(V4, options).unwrap_err();
    assert_eq!(bound.raw_os_error(), error.raw_os_error());
    let connected = tcp::connect(None, V4, options).unwrap_err();
    assert_eq!(connected.raw_os_error(), error.raw_os_error());
    false
}

#[cfg(target_os = "linux")]
#[test]
fn tcp_busy_poll_is_on_all_sockets() {
    let chosen = KernelOptions {
        busy_poll: Some(Duration::from_nanos(123_999)),
        ..options()
    };
    if granted(&chosen) {
        for address in [Some(V4), has_ipv6().then_some(V6)].into_iter().flatten() {
            let three = tcp_three(address, &chosen);
            assert_eq!(of_three(&three, |it| it.busy_poll()), [123; 3]);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn tcp_device_is_on_all_sockets() {
    let chosen = KernelOptions {
        device: Some("lo".to_owned()),
        ..options()
    };
    if granted(&chosen) {
        for address in [Some(V4), has_ipv6().then_some(V6)].into_iter().flatten() {
            let plain = tcp_three(address, &options());
            assert_eq!(of_three(&plain, |it| it.device()), [None, None, None]);
            let three = tcp_three(address, &chosen);
            let lo = Some(b"lo".to_vec());
            assert_eq!(
                of_three(&three, |it| it.device()),
                [lo.clone(), lo.clone(), lo]
            );
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn tcp_device_that_does_not_exist_is_the_systems_error() {
    let chosen = KernelOptions {
        device: Some("zt-no-such".to_owned()),
        ..options()
    };
    for error in [
        tcp::check(&chosen).unwrap_err(),
        tcp::bind(V4, &chosen).unwrap_err(),
        tcp::connect(None, V4, &chosen).unwrap_err(),
    ] {
        let errno = rustix::io::Errno::from_io_error(&error);
        assert_eq!(errno, Some(rustix::io::Errno::NODEV), "{error}");
    }
}

#[cfg(unix)]
fn is_cloexec(socket: &SockRef<'_>) -> bool {
    rustix::io::fcntl_getfd(&**socket)
        .unwrap()
        .contains(rustix::io::FdFlags::CLOEXEC)
}

#[test]
fn tcp_connects_from_a_source() {
    let mut listener = tcp::bind(V4, &options()).unwrap();
    let to = tcp_address(&listener);
    let source = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 1), 0));
    let mut client = tcp::connect(Some(source), to, &options()).unwrap();
    finish(&mut client).unwrap();
    let (_server, peer) = wait(&mut listener, Interest::READABLE, |it| {
        it.accept().map(Some)
    })
    .unwrap();
    let Stream::Tcp(client) = &client else {
        panic!("not tcp");
    };
    assert_eq!(peer, Remote::Tcp(client.local_addr().unwrap()));
}

#[test]
fn tcp_refused() {
    let to = tcp_address(&tcp::bind(alone(1), &options()).unwrap());
    let error = match tcp::connect(None, to, &options()) {
        Ok(mut stream) => finish(&mut stream).unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// E1.
#[test]
fn e1_tcp_port_in_use_and_ephemeral_port() {
    let listener = tcp::bind(alone(2), &options()).unwrap();
    let address = tcp_address(&listener);
    assert_ne!(address.port(), 0);
    assert_eq!(listener.endpoint(), &Endpoint::tcp(address));
    let error = tcp::bind(address, &options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    drop(listener);
    tcp::bind(address, &options()).unwrap();
}

/// E1: the port of connections in TIME_WAIT can be bound.
#[test]
fn e1_tcp_rebind_after_use() {
    let mut listener = tcp::bind(alone(3), &options()).unwrap();
    let address = tcp_address(&listener);
    let mut client = tcp::connect(None, address, &options()).unwrap();
    let server = accept(&mut listener);
    finish(&mut client).unwrap();
    // The side that closes first is the one that waits.
    drop(server);
    assert_eq!(read(&mut client, &mut Vec::new()).unwrap(), 0);
    drop((client, listener));
    tcp::bind(address, &options()).unwrap();
}

/// D9: the system gives about one in 28,000 attempts the very port that it tries; a source of the
/// same port makes that certain.
#[test]
fn d9_self_connection_is_refused() {
    let address = tcp_address(&tcp::bind(alone(4), &options()).unwrap());
    let mut stream = match tcp::connect(Some(address), address, &options()) {
        Ok(stream) => stream,
        // Another process has taken the port.
        Err(error) if error.kind() == ErrorKind::AddrInUse => return,
        Err(error) => panic!("{error}"),
    };
    let error = finish(&mut stream).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// D9: never connected, whatever the system does.
#[test]
fn d9_connects_to_a_closed_ephemeral_port() {
    let address = tcp_address(&tcp::bind(V4, &options()).unwrap());
    for _ in 0..20_000 {
        let result =
            tcp::connect(None, address, &options()).and_then(|mut stream| finish(&mut stream));
        match result.map_err(|error| error.kind()) {
            Err(ErrorKind::ConnectionRefused) => {}
            // Another test has been given the port in the meantime.
            Ok(()) => return,
            Err(kind) => panic!("{kind:?}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn resource_shortage() {
    use rustix::io::Errno;
    for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
        assert!(is_resource_shortage(&errno.into()));
    }
    assert!(!is_resource_shortage(&Errno::CONNABORTED.into()));
    assert!(!is_resource_shortage(&ErrorKind::OutOfMemory.into()));
}

#[cfg(unix)]
mod ipc_tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use rustix::io::Errno;

    use super::*;
    use crate::endpoint::IpcAddress;

    /// A directory of the test's own.
    struct Temp(PathBuf);

    impl Temp {
        fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("zt-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Temp(path)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<_> = fs::read_dir(&self.0)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Temp {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn bind(path: &Path) -> io::Result<Listener> {
        ipc::bind(&IpcAddress::Path(path.to_owned()), &options())
    }

    fn connect(path: &Path) -> io::Result<Stream> {
        ipc::connect(&IpcAddress::Path(path.to_owned()), &options())
    }

    fn pair(listener: &mut Listener, address: &IpcAddress) -> (Stream, Stream) {
        let mut client = ipc::connect(address, &options()).unwrap();
        let server = accept(listener);
        finish(&mut client).unwrap();
        (client, server)
    }

    fn errno<T>(result: io::Result<T>) -> Option<Errno> {
        Errno::from_io_error(&result.err().unwrap())
    }

    #[test]
    fn ipc_round_trip() {
        let temp = Temp::new();
        let path = temp.path("s");
        let mut listener = bind(&path).unwrap();
        assert_eq!(listener.endpoint(), &Endpoint::ipc_path(path.clone()));
        assert_eq!(temp.names(), ["s"], "no lock is left");
        let pair = pair(&mut listener, &IpcAddress::Path(path));
        assert!(is_cloexec(&pair.0.socket()) && is_cloexec(&pair.1.socket()));
        round_trip(pair);
        drop(listener);
        assert!(temp.names().is_empty());
    }

    #[test]
    fn ipc_without_listener() {
        let temp = Temp::new();
        let error = connect(&temp.path("s")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = ipc::connect(&IpcAddress::Wildcard, &options()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn ipc_buffers_reach_both_sides() {
        let temp = Temp::new();
        let address = IpcAddress::Path(temp.path("s"));
        let options = KernelOptions {
            send_buffer: Some(40_000),
            recv_buffer: Some(50_000),
            ..options()
        };
        let mut listener = ipc::bind(&address, &options).unwrap();
        let client = ipc::connect(&address, &options).unwrap();
        let server = accept(&mut listener);
        for stream in [&client, &server] {
            let socket = stream.socket();
            // Linux takes twice what it is told, and would have given more than that.
            assert!((40_000..=80_000).contains(&socket.send_buffer_size().unwrap()));
            assert!((50_000..=100_000).contains(&socket.recv_buffer_size().unwrap()));
        }
    }

    /// The lower 32 bits of this are zero, which would be the smallest that there is.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_buffer_larger_than_the_system_can_count_is_the_largest() {
        let temp = Temp::new();
        let size = |bytes: usize| {
            let options = KernelOptions {
                send_buffer: Some(bytes),
                recv_buffer: Some(bytes),
                ..options()
            };
            let listener = ipc::bind(&IpcAddress::Path(temp.path("s")), &options).unwrap();
            let Listener::Ipc(ipc) = &listener else {
                unreachable!("it is of ipc")
            };
            let socket = SockRef::from(&ipc.inner);
            let send = socket.send_buffer_size().unwrap();
            (send, socket.recv_buffer_size().unwrap())
        };
        let beyond = (u32::MAX as usize).saturating_add(1);
        assert_eq!(size(beyond), size(i32::MAX as usize));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn ipc_full_backlog_is_an_error_and_not_stale() {
        let temp = Temp::new();
        let path = temp.path("s");
        let address = IpcAddress::Path(path.clone());
        let options = KernelOptions {
            backlog: 1,
            ..options()
        };
        let mut listener = ipc::bind(&address, &options).unwrap();
        let mut clients = Vec::new();
        let error = loop {
            match connect(&path) {
                Ok(client) => clients.push(client),
                Err(error) => break error,
            }
            assert!(clients.len() < 10);
        };
        assert_eq!(error.kind(), ErrorKind::ResourceBusy, "somebody is there");
        assert_eq!(errno(bind(&path)), Some(Errno::ADDRINUSE));
        accept(&mut listener);
        connect(&path).unwrap();
    }

    #[test]
    fn ipc_wildcard_is_private_and_cleaned_up() {
        let mut listener = ipc::bind(&IpcAddress::Wildcard, &options()).unwrap();
        let text = listener.endpoint().to_string();
        let path = PathBuf::from(text.strip_prefix("ipc://").unwrap());
        let directory = path.parent().unwrap().to_owned();
        let mode = fs::metadata(&directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let other = ipc::bind(&IpcAddress::Wildcard, &options()).unwrap();
        assert_ne!(listener.endpoint(), other.endpoint());
        round_trip(pair(&mut listener, &IpcAddress::Path(path)));
        drop(listener);
        assert!(!directory.exists());
    }

    /// E1, E3: a live endpoint is not stolen, be it of this library or another.
    #[test]
    fn e3_live_listener_is_not_stolen() {
        let temp = Temp::new();
        let path = temp.path("s");
        let mut listener = bind(&path).unwrap();
        assert_eq!(errno(bind(&path)), Some(Errno::ADDRINUSE));
        accept(&mut listener); // The probe.
        round_trip(pair(&mut listener, &IpcAddress::Path(path)));

        let path = temp.path("other");
        let other = UnixListener::bind(&path).unwrap();
        assert_eq!(errno(bind(&path)), Some(Errno::ADDRINUSE));
        other.accept().unwrap();
        UnixStream::connect(&path).unwrap();

        let path = temp.path("datagram");
        let _datagram = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        assert_eq!(errno(bind(&path)), Some(Errno::ADDRINUSE));
        assert!(path.exists());
    }

    /// E2.
    #[test]
    fn e2_stale_file_is_replaced() {
        let temp = Temp::new();
        let path = temp.path("s");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves it");
        let mut listener = bind(&path).unwrap();
        round_trip(pair(&mut listener, &IpcAddress::Path(path)));
        drop(listener);
        assert!(temp.names().is_empty());
    }

    /// E4.
    #[test]
    fn e4_what_is_no_socket_is_untouched() {
        let temp = Temp::new();
        let refused = |path: &Path| {
            let error = bind(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        };
        let file = temp.path("file");
        fs::write(&file, "text").unwrap();
        refused(&file);
        assert_eq!(fs::read(&file).unwrap(), b"text");

        let directory = temp.path("directory");
        fs::create_dir(&directory).unwrap();
        refused(&directory);
        assert!(directory.is_dir());

        let link = temp.path("link");
        symlink("file", &link).unwrap();
        refused(&link);
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("file"));

        let dangling = temp.path("dangling");
        symlink("nowhere", &dangling).unwrap();
        refused(&dangling);

        // Even to a stale socket: what is at the path is not a socket.
        drop(UnixListener::bind(temp.path("stale")).unwrap());
        let to_stale = temp.path("to-stale");
        symlink("stale", &to_stale).unwrap();
        refused(&to_stale);
        let names = ["dangling", "directory", "file", "link", "stale", "to-stale"];
        assert_eq!(temp.names(), names);
    }

    /// E5.
    #[test]
    fn e5_bad_paths() {
        let temp = Temp::new();
        let of_length = |length: usize| {
            let start = temp.0.as_os_str().len() + 1;
            temp.path(&"x".repeat(length - start))
        };
        #[cfg(target_os = "linux")]
        {
            let longest = of_length(107);
            let mut listener = bind(&longest).unwrap();
            pair(&mut listener, &IpcAddress::Path(longest));
            drop(listener);
            assert_eq!(errno(bind(&of_length(108))), Some(Errno::NAMETOOLONG));
            assert_eq!(errno(connect(&of_length(108))), Some(Errno::NAMETOOLONG));
        }
        assert_eq!(errno(bind(&of_length(200))), Some(Errno::NAMETOOLONG));
        assert_eq!(errno(bind(&temp.path("no/s"))), Some(Errno::NOENT));
        assert_eq!(errno(bind(&temp.path("n\0l"))), Some(Errno::INVAL));
        assert_eq!(errno(connect(&temp.path("n\0l"))), Some(Errno::INVAL));
        assert_eq!(errno(bind(Path::new(""))), Some(Errno::INVAL));
        assert_eq!(errno(bind(Path::new("/"))), Some(Errno::INVAL));
        assert!(temp.names().is_empty());
    }

    /// E5: a directory that may not be written to.
    #[test]
    fn e5_no_permission() {
        if rustix::process::geteuid().is_root() {
            // Who may write anywhere can still not write to a file system without files.
            assert!(bind(Path::new("/proc/self/s")).is_err());
            return;
        }
        let temp = Temp::new();
        fs::set_permissions(&temp.0, Permissions::from_mode(0o500)).unwrap();
        assert_eq!(errno(bind(&temp.path("s"))), Some(Errno::ACCESS));
        fs::set_permissions(&temp.0, Permissions::from_mode(0o000)).unwrap();
        assert_eq!(errno(connect(&temp.path("s"))), Some(Errno::ACCESS));
        fs::set_permissions(&temp.0, Permissions::from_mode(0o700)).unwrap();
    }

    /// E5.
    #[cfg(target_os = "linux")]
    #[test]
    fn e5_abstract_names() {
        let name = format!("zocket-test-{}", std::process::id()).into_bytes();
        let address = IpcAddress::Abstract(name.clone());
        let mut listener = ipc::bind(&address, &options()).unwrap();
        assert_eq!(listener.endpoint(), &Endpoint::ipc_abstract(name));
        let again = ipc::bind(&address, &options());
        assert_eq!(errno(again), Some(Errno::ADDRINUSE));
        round_trip(pair(&mut listener, &address));
        drop(listener);
        ipc::bind(&address, &options()).unwrap();

        let empty = IpcAddress::Abstract(Vec::new());
        assert_eq!(errno(ipc::bind(&empty, &options())), Some(Errno::INVAL));
        let long = IpcAddress::Abstract(vec![b'x'; 108]);
        let long = ipc::bind(&long, &options());
        assert_eq!(errno(long), Some(Errno::NAMETOOLONG));
        // A NUL is a byte like any other in these.
        let nul = IpcAddress::Abstract(format!("z\0t{}", std::process::id()).into_bytes());
        let mut listener = ipc::bind(&nul, &options()).unwrap();
        pair(&mut listener, &nul);
    }

    /// E6: of many that race for a stale path exactly one wins, and is reached.
    #[test]
    fn e6_race_has_one_winner() {
        const BINDERS: usize = 8;
        let temp = Temp::new();
        let path = temp.path("s");
        for round in 0..100 {
            if round % 2 == 0 {
                drop(UnixListener::bind(&path).unwrap());
            }
            let start = Barrier::new(BINDERS);
            let results: Vec<_> = thread::scope(|scope| {
                let binders: Vec<_> = (0..BINDERS)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            bind(&path)
                        })
                    })
                    .collect();
                binders.into_iter().map(|it| it.join().unwrap()).collect()
            });
            let mut winners = Vec::new();
            for result in results {
                match result {
                    Ok(listener) => winners.push(listener),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
                }
            }
            assert_eq!(winners.len(), 1, "round {round}");
            let mut winner = winners.pop().unwrap();
            for _ in 1..BINDERS {
                accept(&mut winner); // The probes.
            }
            pair(&mut winner, &IpcAddress::Path(path.clone()));
            drop(winner);
            assert!(temp.names().is_empty(), "round {round}");
        }
    }

    /// E6: a binder that died between bind and listen, or while it held the lock.
    #[test]
    fn e6_dead_binder_is_no_obstacle() {
        let temp = Temp::new();
        let path = temp.path("s");
        let half = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        half.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
        drop(half);
        fs::write(temp.path(".s.zocket-lock"), "").unwrap();
        let mut listener = bind(&path).unwrap();
        pair(&mut listener, &IpcAddress::Path(path));
        drop(listener);
        assert!(temp.names().is_empty());
    }

    /// E6: while another binder has the lock, nobody binds.
    #[test]
    fn e6_held_lock_is_waited_for() {
        let temp = Temp::new();
        let path = temp.path("s");
        let lock = fs::File::create(temp.path(".s.zocket-lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        assert_eq!(errno(bind(&path)), Some(Errno::ADDRINUSE));
        assert!(!path.exists());
        thread::scope(|scope| {
            let binder = scope.spawn(|| bind(&path));
            // As the holder does; the waiting one must not be content with the removed file.
            fs::remove_file(temp.path(".s.zocket-lock")).unwrap();
            drop(lock);
            binder.join().unwrap().unwrap();
        });
        assert!(temp.names().is_empty());
    }

    /// E6: somebody removes our file, and binds there.
    #[test]
    fn e6_close_leaves_the_file_of_somebody_else() {
        let temp = Temp::new();
        let path = temp.path("s");
        let ours = bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let mut theirs = bind(&path).unwrap();
        drop(ours);
        pair(&mut theirs, &IpcAddress::Path(path.clone()));

        fs::remove_file(&path).unwrap();
        fs::write(&path, "text").unwrap();
        drop(theirs);
        assert_eq!(fs::read(&path).unwrap(), b"text");

        fs::remove_file(&path).unwrap();
        let gone = bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        drop(gone);
        assert!(temp.names().is_empty());
    }

    /// E6: what somebody has put into the directory of a wildcard stays.
    #[test]
    fn e6_wildcard_directory_in_use_stays() {
        let listener = ipc::bind(&IpcAddress::Wildcard, &options()).unwrap();
        let text = listener.endpoint().to_string();
        let path = PathBuf::from(text.strip_prefix("ipc://").unwrap());
        let directory = path.parent().unwrap();
        fs::write(directory.join("note"), "text").unwrap();
        drop(listener);
        assert!(!path.exists());
        assert_eq!(fs::read(directory.join("note")).unwrap(), b"text");
        fs::remove_dir_all(directory).unwrap();
    }
}
