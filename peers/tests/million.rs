//! A million numbered messages between zocket and libzmq: none lost, doubled or out of place.

use std::thread;

use peers::join::{Binder, PATIENCE, join};
use peers::libzmq::{self, Kind, Part};
use peers::scratch::{Scratch, Transport};
use zocket::{Pull, Push};

const MESSAGES: u64 = 1_000_000;

#[test]
fn from_zocket_to_libzmq_over_tcp() {
    from_zocket_to_libzmq(Transport::Tcp);
}

#[test]
fn from_zocket_to_libzmq_over_ipc() {
    from_zocket_to_libzmq(Transport::Ipc);
}

#[test]
fn from_libzmq_to_zocket_over_tcp() {
    from_libzmq_to_zocket(Transport::Tcp);
}

#[test]
fn from_libzmq_to_zocket_over_ipc() {
    from_libzmq_to_zocket(Transport::Ipc);
}

fn from_zocket_to_libzmq(transport: Transport) {
    let scratch = Scratch::new();
    let push = Push::new();
    let pull = libzmq::Context::new()
        .socket(Kind::Pull)
        .expect("a libzmq socket");
    join(&scratch, transport, Binder::Libzmq, &push, &pull);
    let sender = thread::spawn(move || {
        for number in 0..MESSAGES {
            push.send_timeout(&number.to_be_bytes()[..], PATIENCE)
                .expect("zocket sends");
        }
        push
    });
    let mut part = Part::new();
    for number in 0..MESSAGES {
        pull.recv_part(&mut part).expect("libzmq receives");
        assert_eq!(part[..], number.to_be_bytes());
    }
    // Not closed earlier: libzmq gives up what an ipc connection still holds when that is closed
    // while its own queue is full.
    let push = sender.join().expect("the sender ends well");
    push.close().expect("nothing is left unsent");
}

fn from_libzmq_to_zocket(transport: Transport) {
    let push = receive_all(transport, |push| push);
    drop(push);
}

/// Also when the connection is closed behind the last message, long before that is received.
#[test]
fn from_libzmq_that_closes_at_once() {
    receive_all(Transport::Tcp, drop);
    receive_all(Transport::Ipc, drop);
}

/// What becomes of the socket that has sent everything is up to `then`.
fn receive_all<T: Send + 'static>(
    transport: Transport,
    then: impl FnOnce(libzmq::Socket) -> T + Send + 'static,
) -> T {
    let scratch = Scratch::new();
    let pull = Pull::new();
    let push = libzmq::Context::new()
        .socket(Kind::Push)
        .expect("a libzmq socket");
    join(&scratch, transport, Binder::Zocket, &pull, &push);
    let sender = thread::spawn(move || {
        for number in 0..MESSAGES {
            push.send_part(Part::copied_from(&number.to_be_bytes()), false)
                .expect("libzmq sends");
        }
        then(push)
    });
    for number in 0..MESSAGES {
        let message = pull.recv_timeout(PATIENCE).expect("zocket receives");
        assert_eq!(message.len(), 1);
        let frame = message.frames().next().expect("is never empty");
        assert_eq!(frame[..], number.to_be_bytes());
    }
    sender.join().expect("the sender ends well")
}
