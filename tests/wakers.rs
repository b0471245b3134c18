//! A waker is foreign code: it may use the socket that woke it, close it, or panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use support::tasks::{Alarm, block_on, poll};
use support::{ALL, Home, PATIENCE, Transport, WIRE, fill, until};
use zocket::{Pair, Pull, Push, RecvError, SendFailure, TryRecvError};

/// Does something, once, when it is woken.
struct Does(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wake for Does {
    fn wake(self: Arc<Self>) {
        let what = self.0.lock().unwrap().take();
        if let Some(what) = what {
            what();
        }
    }
}

fn waker(what: impl FnOnce() + Send + 'static) -> Waker {
    Waker::from(Arc::new(Does(Mutex::new(Some(Box::new(what))))))
}

fn joined(home: &Home, transport: Transport) -> (Arc<Push>, Arc<Pull>) {
    // What is left for a receiver that goes first is not waited for.
    let push = home.push().send_hwm(1).linger(Duration::ZERO);
    let push = push.build().unwrap();
    let pull = home.pull().recv_hwm(1).build().unwrap();
    meet!(home, transport, pull, push);
    (Arc::new(push), Arc::new(pull))
}

/// Polls a future that must wait, with a waker that does this, has `news` happen, and gives what the
/// waker has done.
fn when_woken<F, T>(future: F, news: impl FnOnce(), what: impl FnOnce() -> T + Send + 'static) -> T
where
    F: Future,
    T: Send + 'static,
{
    let (done, outcome) = mpsc::channel();
    let waker = waker(move || done.send(what()).unwrap());
    let mut future = pin!(future);
    let mut cx = Context::from_waker(&waker);
    assert!(future.as_mut().poll(&mut cx).is_pending());
    news();
    outcome.recv_timeout(PATIENCE).expect("it is woken")
}

#[test]
fn it_may_take_the_message() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport);
        let got = when_woken(pull.recv_async(), || push.send("hello").unwrap(), {
            let pull = pull.clone();
            move || (pull.try_recv(), pull.stats(), pull.peers())
        });
        assert_eq!(got.0.unwrap(), "hello");
        assert_eq!(got.1.returned.messages, 1);
        assert_eq!(got.2.len(), 1);
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn it_may_send() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc);
    let full = fill(&push, 0);
    let sent = when_woken(
        push.send_async("who waited"),
        || support::expect_numbers(&pull, 0..1),
        {
            let push = push.clone();
            move || (push.try_send(full.to_string()), push.try_send("too much"))
        },
    );
    sent.0.unwrap();
    assert!(sent.1.unwrap_err().is_full());
    support::expect_numbers(&pull, 1..full + 1);
    assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn it_may_close_the_socket() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport);
        let closed = when_woken(pull.recv_async(), || push.send("hello").unwrap(), {
            let pull = pull.clone();
            move || pull.close()
        });
        closed.unwrap();
        assert_eq!(pull.recv(), Err(RecvError::Closed));
    }
}

/// An I/O thread that waited for a message would wait for itself.
#[test]
fn it_does_not_block_an_io_thread() {
    for &transport in WIRE {
        let home = Home::new();
        let (push, pull) = joined(&home, transport);
        let alone = home.push().build().unwrap();
        let got = when_woken(pull.recv_async(), || push.send("hello").unwrap(), {
            let pull = pull.clone();
            move || {
                let first = pull.recv();
                let second = pull.recv_timeout(PATIENCE);
                (first, second, alone.send("to nobody"))
            }
        });
        assert_eq!(got.0.unwrap(), "hello");
        assert_eq!(got.1, Err(RecvError::Timeout));
        assert_eq!(got.2.unwrap_err().reason, SendFailure::Timeout);
    }
}

/// What was received stays, the connection does, and everybody else goes on.
#[test]
fn it_may_panic() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport);
        let alarm = Alarm::new();
        let (tell, told) = mpsc::channel();
        let panics = waker(move || {
            tell.send(()).unwrap();
            std::panic::resume_unwind(Box::new("on purpose"))
        });
        let mut woken = Box::pin(pull.recv_async());
        let mut other = pin!(pull.recv_async());
        let mut cx = Context::from_waker(&panics);
        assert!(woken.as_mut().poll(&mut cx).is_pending());
        assert!(poll(other.as_mut(), &alarm).is_pending());
        push.send("first").unwrap();
        told.recv_timeout(PATIENCE).unwrap();
        let Poll::Ready(first) = woken.as_mut().poll(&mut cx) else {
            panic!("it is gone");
        };
        assert_eq!(first.unwrap(), "first");
        push.send("second").unwrap();
        until("the second message", || {
            poll(other.as_mut(), &alarm).is_ready()
        });
        assert_eq!(pull.stats().peers, 1);
    }
}

/// Whoever is woken by a close, and waits for its end, waits for the thread that has woken it.
#[test]
fn it_may_close_a_socket_that_is_being_closed() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().linger(None).build().unwrap();
        let push = home.push().build().unwrap();
        meet!(home, transport, pull, push);
        let pull = Arc::new(pull);
        let (closer, other) = (pull.clone(), pull.clone());
        let closed = when_woken(
            pull.recv_async(),
            move || drop(std::thread::spawn(move || closer.close())),
            move || other.close(),
        );
        closed.unwrap();
        pull.close().unwrap();
    }
}

/// The context's time counts, though the close has yet to get to the I/O threads.
#[test]
fn it_may_end_the_context_of_a_socket_that_is_being_closed() {
    const TIMEOUT: Duration = Duration::from_millis(200);
    for &transport in ALL {
        let home = Home::new();
        let pair = Pair::builder().context(&home.context).linger(None);
        let pair = pair.build().unwrap();
        pair.connect(home.vacant(transport)).unwrap();
        pair.send("for nobody").unwrap();
        let alarm = Alarm::new();
        let context = home.context.clone();
        let mut closing = pin!(pair.close_async());
        let ending = when_woken(
            pair.recv_async(),
            || assert!(poll(closing.as_mut(), &alarm).is_pending()),
            move || {
                let mut ending = Box::pin(context.terminate_async(TIMEOUT));
                let cx = &mut Context::from_waker(Waker::noop());
                assert!(ending.as_mut().poll(cx).is_pending());
                ending
            },
        );
        assert_eq!(block_on(ending).unwrap_err().messages, 1);
        assert_eq!(block_on(closing).unwrap_err().messages, 1);
    }
}

/// It must not wait in the middle of what it would wait for.
#[test]
fn it_may_close_a_socket_whose_context_is_ended() {
    const TIMEOUT: Duration = Duration::from_millis(200);
    for &transport in ALL {
        let home = Home::new();
        let pair = Pair::builder().context(&home.context).linger(None);
        let pair = Arc::new(pair.build().unwrap());
        pair.connect(home.vacant(transport)).unwrap();
        pair.send("for nobody").unwrap();
        let (tell, ended) = mpsc::channel();
        let (context, closer) = (home.context.clone(), pair.clone());
        let closed = when_woken(
            pair.recv_async(),
            move || {
                drop(std::thread::spawn(move || {
                    tell.send(context.terminate(TIMEOUT))
                }))
            },
            move || closer.close(),
        );
        closed.unwrap();
        let unsent = ended.recv_timeout(PATIENCE).unwrap().unwrap_err();
        assert_eq!(unsent.messages, 1);
    }
}

/// Panics when it is dropped.
struct Bursts;

impl Wake for Bursts {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Bursts {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("on purpose"))
    }
}

/// Who drops it has it, and nobody else misses his wake-up for that.
#[test]
fn its_end_may_panic() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let push = home.push().build().unwrap();
    meet!(home, Transport::Inproc, pull, push);
    let alarms = [Alarm::new(), Alarm::new()];
    let [first, last] = &alarms;
    let mut woken = pin!(pull.recv_async());
    let mut bursting = Box::pin(pull.recv_async());
    let mut other = pin!(pull.recv_async());
    assert!(poll(woken.as_mut(), first).is_pending());
    {
        let bursts = Waker::from(Arc::new(Bursts));
        let mut cx = Context::from_waker(&bursts);
        assert!(bursting.as_mut().poll(&mut cx).is_pending());
    }
    assert!(poll(other.as_mut(), last).is_pending());
    for number in 0..3 {
        push.send(number.to_string()).unwrap();
    }
    assert_eq!((first.rung(), last.rung()), (1, 0));
    // It takes what the first was woken for, and the last has to be woken for what is left.
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        poll(bursting.as_mut(), first).is_ready()
    }));
    assert!(outcome.is_err());
    assert_eq!(last.rung(), 1);
}
