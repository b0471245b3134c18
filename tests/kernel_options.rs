//! Options of the kernel's sockets that Linux has: sockets with them work, and what the system
//! refuses is said by bind and connect. (That they are set is shown next to the transports.)
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod support;

use std::error::Error as _;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use support::{ALL, Home, PATIENCE, Transport};
use zocket::{BindError, Builder, ConnectError, Pair, SocketKind};

const NO_SUCH_DEVICE: i32 = 19;

/// Each option as the kernel has it, of a stream that a socket was given and a test has kept hold of.
#[test]
fn every_option_is_the_kernels_of_that_name() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let kept = stream.try_clone().unwrap();
    let kernel = socket2::SockRef::from(&kept);
    let seconds = Duration::from_secs;
    let push = home
        .push()
        .send_buffer(40_000)
        .recv_buffer(50_000)
        .tcp_keepalive(true)
        .tcp_keepalive_idle(seconds(71))
        .tcp_keepalive_interval(seconds(72))
        .tcp_keepalive_count(73)
        .type_of_service(0x48)
        .priority(5)
        .tcp_user_timeout(Duration::from_millis(74_000))
        .build()
        .unwrap();
    assert!(!kernel.keepalive().unwrap());
    push.connect_fd(stream).unwrap();
    // Linux takes twice what it is told.
    assert_eq!(kernel.send_buffer_size().unwrap(), 80_000);
    assert_eq!(kernel.recv_buffer_size().unwrap(), 100_000);
    assert!(kernel.keepalive().unwrap());
    assert_eq!(kernel.tcp_keepalive_time().unwrap(), seconds(71));
    assert_eq!(kernel.tcp_keepalive_interval().unwrap(), seconds(72));
    assert_eq!(kernel.tcp_keepalive_retries().unwrap(), 73);
    assert_eq!(kernel.tos_v4().unwrap(), 0x48);
    assert_eq!(kernel.priority().unwrap(), 5);
    let timeout = kernel.tcp_user_timeout().unwrap();
    assert_eq!(timeout, Some(Duration::from_millis(74_000)));
    assert!(kernel.tcp_nodelay().unwrap());
}

fn all_of_them<T: SocketKind>(builder: Builder<T>) -> Builder<T> {
    builder
        .type_of_service(46 << 2)
        .tcp_user_timeout(Duration::from_secs(20))
        .priority(6)
}

fn talk(home: &Home, transport: Transport, set: impl Fn(Builder<Pair>) -> Builder<Pair>) {
    let one = set(home.pair()).build().unwrap();
    let other = set(home.pair()).build().unwrap();
    meet!(home, transport, one, other);
    one.send("there").unwrap();
    assert_eq!(other.recv_timeout(PATIENCE).unwrap(), "there");
    other.send("and back").unwrap();
    assert_eq!(one.recv_timeout(PATIENCE).unwrap(), "and back");
}

#[test]
fn sockets_with_options_of_tcp_talk_over_every_transport() {
    let home = Home::new();
    for &transport in ALL {
        talk(&home, transport, all_of_them);
    }
}

/// Not every process may do this; one that may not is told.
#[test]
fn sockets_of_the_loopback_device_talk() {
    let home = Home::new();
    let probe = home.pair().bind_to_device("lo").build().unwrap();
    match probe.bind("tcp://127.0.0.1:*") {
        Ok(_) => talk(&home, Transport::Tcp, |it| it.bind_to_device("lo")),
        Err(BindError::Io { error, .. }) => {
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_device_that_does_not_exist_is_the_error_of_bind_and_connect() {
    let home = Home::new();
    let pair = home.pair().bind_to_device("zt-no-such").build().unwrap();
    match pair.bind("tcp://127.0.0.1:*").unwrap_err() {
        BindError::Io { error, .. } => assert_eq!(error.raw_os_error(), Some(NO_SUCH_DEVICE)),
        other => panic!("{other}"),
    }
    let endpoint = home.vacant(Transport::Tcp);
    let error = pair.connect(&*endpoint).unwrap_err();
    assert!(error.to_string().contains(&endpoint), "{error}");
    assert!(error.source().is_some());
    match error {
        ConnectError::Option { error, .. } => {
            assert_eq!(error.raw_os_error(), Some(NO_SUCH_DEVICE));
        }
        other => panic!("{other}"),
    }
    // Nothing is left of it.
    assert!(pair.disconnect(&*endpoint).is_err());
    // What has no device does not mind.
    talk(&home, Transport::Ipc, |it| it.bind_to_device("zt-no-such"));
    talk(&home, Transport::Inproc, |it| {
        it.bind_to_device("zt-no-such")
    });
}
