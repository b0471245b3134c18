//! Plain file descriptors in a poller, beside sockets: level-triggered, whatever they are.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::fs::File;
use std::future::Future;
use std::io::{ErrorKind, PipeReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use support::polling::{told, told_now};
use support::{Home, PATIENCE, QUIET, Transport, next_of, until};
use zocket::{Interest, PollError, Poller};

const READABLE: Interest = Interest::READABLE;
const WRITABLE: Interest = Interest::WRITABLE;

fn streams() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    b.set_nonblocking(true).unwrap();
    (a, b)
}

/// Writes until there is no room.
fn fill(mut stream: &UnixStream) {
    while stream.write(&[0; 4096]).is_ok() {}
}

/// Reads all there is.
fn drain(mut stream: &UnixStream) {
    while !matches!(stream.read(&mut [0; 4096]), Ok(0) | Err(_)) {}
}

#[test]
fn a_stream_is_told_until_it_is_read_and_while_it_can_be_written() {
    let (a, b) = streams();
    let poller = Poller::new();
    poller.add_fd(&a, 1, READABLE).unwrap();
    assert_eq!(told_now(&poller), "");
    assert_eq!(told(&poller, QUIET), "");
    (&b).write_all(b"xyz").unwrap();
    for _ in 0..3 {
        assert_eq!(told(&poller, PATIENCE), "1:r");
    }
    // Some of it is not all of it.
    (&a).read_exact(&mut [0; 2]).unwrap();
    assert_eq!(told(&poller, PATIENCE), "1:r");
    (&a).read_exact(&mut [0; 1]).unwrap();
    assert_eq!(told_now(&poller), "");

    poller.modify_fd(&a, WRITABLE).unwrap();
    assert_eq!(told(&poller, PATIENCE), "1:w");
    (&b).write_all(b"x").unwrap();
    assert_eq!(told(&poller, PATIENCE), "1:w");
    poller.modify_fd(&a, READABLE | WRITABLE).unwrap();
    assert_eq!(told(&poller, PATIENCE), "1:rw");
    fill(&a);
    assert_eq!(told(&poller, PATIENCE), "1:r");
    drain(&b);
    assert_eq!(told(&poller, PATIENCE), "1:rw");

    poller.modify_fd(&a, Interest::NONE).unwrap();
    assert_eq!(told(&poller, QUIET), "");
    poller.modify_fd(&a, READABLE).unwrap();
    assert_eq!(told_now(&poller), "1:r");
    poller.remove_fd(&a).unwrap();
    assert_eq!(told(&poller, QUIET), "");
    assert!(poller.is_empty());
}

/// The thread that waits tells of every rise: nothing was asked of the poller in between.
#[test]
fn who_waits_is_told_of_every_rise() {
    let (a, b) = streams();
    let (c, d) = streams();
    let poller = Arc::new(Poller::new());
    poller.add_fd(&a, 1, READABLE).unwrap();
    poller.add_fd(&c, 2, WRITABLE).unwrap();
    fill(&c);
    assert_eq!(told_now(&poller), "");
    let waiter = |poller: &Arc<Poller>| {
        let poller = poller.clone();
        thread::spawn(move || told(&poller, PATIENCE))
    };
    for round in 0..200 {
        let waiting = waiter(&poller);
        if round % 2 == 0 {
            thread::yield_now();
        }
        (&b).write_all(b"x").unwrap();
        assert_eq!(waiting.join().unwrap(), "1:r");
        drain(&a);
        let waiting = waiter(&poller);
        drain(&d);
        assert_eq!(waiting.join().unwrap(), "2:w");
        fill(&c);
    }
}

#[test]
fn what_is_hung_up_is_told_until_it_is_removed() {
    let (a, b) = streams();
    let (reader, writer) = std::io::pipe().unwrap();
    let (half, other) = streams();
    let poller = Poller::new();
    poller.add_fd(&a, 1, READABLE | WRITABLE).unwrap();
    poller.add_fd(&reader, 2, READABLE).unwrap();
    poller.add_fd(&half, 3, READABLE).unwrap();
    assert_eq!(told(&poller, PATIENCE), "1:w");
    poller.modify_fd(&a, READABLE).unwrap();
    (&b).write_all(b"last words").unwrap();
    drop(b);
    drop(writer);
    until("both are told", || told_now(&poller) == "1:rc 2:rc");
    // There may still be something to read.
    let mut text = String::new();
    (&a).read_to_string(&mut text).unwrap();
    assert_eq!(text, "last words");
    let mut reader: PipeReader = reader;
    assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0);
    for _ in 0..3 {
        assert_eq!(told(&poller, PATIENCE), "1:rc 2:rc");
    }
    poller.remove_fd(&a).unwrap();
    poller.remove_fd(&reader).unwrap();
    assert_eq!(told_now(&poller), "");
    // One side alone: the end can be read, and it is still of use.
    other.shutdown(Shutdown::Write).unwrap();
    assert_eq!(told(&poller, PATIENCE), "3:r");
    assert_eq!((&half).read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_regular_file_is_always_ready() {
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let poller = Poller::new();
    poller.add_fd(&file, 1, READABLE).unwrap();
    for _ in 0..3 {
        assert_eq!(told(&poller, PATIENCE), "1:r");
    }
    poller.modify_fd(&file, READABLE | WRITABLE).unwrap();
    assert_eq!(told_now(&poller), "1:rw");
    poller.modify_fd(&file, Interest::NONE).unwrap();
    assert_eq!(told_now(&poller), "");
    poller.remove_fd(&file).unwrap();
}

#[test]
fn a_listener_is_readable_when_somebody_connects() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let poller = Poller::new();
    poller.add_fd(&listener, 1, READABLE).unwrap();
    assert_eq!(told_now(&poller), "");
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(told(&poller, PATIENCE), "1:r");
    listener.accept().unwrap();
    assert_eq!(told_now(&poller), "");
}

#[test]
fn a_descriptor_is_in_a_poller_once_and_its_duplicate_is_another() {
    let (a, b) = streams();
    let poller = Poller::new();
    assert!(matches!(poller.remove_fd(&a), Err(PollError::Unknown)));
    let modified = poller.modify_fd(&a, READABLE);
    assert!(matches!(modified, Err(PollError::Unknown)));
    poller.add_fd(&a, 1, READABLE).unwrap();
    let again = poller.add_fd(a.as_fd(), 2, READABLE);
    assert!(matches!(again, Err(PollError::Known)));
    let duplicate = a.try_clone().unwrap();
    poller.add_fd(&duplicate, 2, READABLE).unwrap();
    assert_eq!(poller.len(), 2);
    (&b).write_all(b"x").unwrap();
    until("both are told", || told_now(&poller) == "1:r 2:r");
    poller.remove_fd(&a).unwrap();
    assert_eq!(told(&poller, PATIENCE), "2:r");
    (&a).read_exact(&mut [0; 1]).unwrap();
    assert_eq!(told_now(&poller), "");
    (&b).write_all(b"x").unwrap();
    assert_eq!(told(&poller, PATIENCE), "2:r");
    // Out and in again, with the same number.
    poller.add_fd(&a, 3, READABLE).unwrap();
    assert_eq!(told(&poller, PATIENCE), "2:r 3:r");
}

/// The poller has a duplicate: the file stays open, and what is told stays true.
#[test]
fn a_descriptor_that_was_closed_is_kept_open_until_the_poller_goes() {
    let (a, b) = streams();
    let poller = Poller::new();
    poller.add_fd(&a, 1, READABLE).unwrap();
    drop(a);
    (&b).write_all(b"x").unwrap();
    assert_eq!(told(&poller, PATIENCE), "1:r");
    drop(poller);
    until(
        "it is closed",
        || matches!((&b).write(b"x"), Err(error) if error.kind() == ErrorKind::BrokenPipe),
    );
}

#[test]
fn descriptors_and_sockets_are_told_together() {
    for transport in [Transport::Tcp, Transport::Inproc] {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let (a, b) = streams();
        let poller = Poller::new();
        poller.add(&pull, 1, READABLE).unwrap();
        poller.add_fd(&a, 2, READABLE).unwrap();
        (&b).write_all(b"x").unwrap();
        assert_eq!(told(&poller, PATIENCE), "2:r");
        push.send("y").unwrap();
        until("both are told", || told_now(&poller) == "1:r 2:r");
        assert_eq!(next_of(&pull), "y");
        assert_eq!(told(&poller, PATIENCE), "2:r");
        drain(&a);
        assert_eq!(told_now(&poller), "");

        // A socket's own descriptor is one like any other.
        poller.add_fd(&pull, 3, READABLE).unwrap();
        assert_eq!(told_now(&poller), "");
        push.send("z").unwrap();
        until("both are told", || told_now(&poller) == "1:r 3:r");
        assert_eq!(next_of(&pull), "z");
        assert_eq!(told_now(&poller), "");
    }
}

struct OnWake<F>(F);

impl<F: Fn() + Send + Sync> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// Wakers run on the thread that waits for the descriptors: it goes on whatever they do.
#[test]
fn wakers_that_wait_or_panic_are_in_nobodys_way() {
    let (a, b) = streams();
    let poller = Arc::new(Poller::new());
    poller.add_fd(&a, 1, READABLE).unwrap();
    let (said, hears) = mpsc::channel();
    let others = Poller::new();
    let waits = {
        let said = said.clone();
        OnWake(move || {
            let count = others.wait(&mut Vec::new(), None).unwrap();
            said.send(count).unwrap();
        })
    };
    let panics = OnWake(move || {
        said.send(7).unwrap();
        panic!("as a waker must not");
    });
    for (waker, expected) in [
        (Waker::from(Arc::new(waits)), 0),
        (Waker::from(Arc::new(panics)), 7),
    ] {
        let mut events = Vec::new();
        let mut task = Box::pin(poller.wait_async(&mut events));
        let pending = task.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(pending.is_pending());
        (&b).write_all(b"x").unwrap();
        assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), expected);
        drop(task);
        assert_eq!(told(&poller, PATIENCE), "1:r");
        drain(&a);
        assert_eq!(told_now(&poller), "");
    }
    let waiting = thread::spawn(move || told(&poller, PATIENCE));
    (&b).write_all(b"x").unwrap();
    assert_eq!(waiting.join().unwrap(), "1:r");
}

#[test]
fn more_descriptors_than_are_told_at_once() {
    // Duplicates of one: there must be enough of them left for the other tests.
    const EACH: usize = 150;
    let (a, b) = streams();
    let duplicates: Vec<UnixStream> = (0..EACH).map(|_| a.try_clone().unwrap()).collect();
    let poller = Poller::new();
    for (key, duplicate) in duplicates.iter().enumerate() {
        poller.add_fd(duplicate, key, READABLE).unwrap();
    }
    (&b).write_all(b"x").unwrap();
    let mut events = Vec::new();
    until("all are told", || {
        poller.wait(&mut events, PATIENCE).unwrap() == EACH
    });
    drain(&a);
    assert_eq!(poller.wait(&mut events, Duration::ZERO).unwrap(), 0);
    for duplicate in &duplicates {
        poller.remove_fd(duplicate).unwrap();
    }
    assert!(poller.is_empty());
}
