//! A call that waits may do the work of the I/O thread meanwhile. Nobody else notices: what has to be
//! done while no call waits is done, and whoever waits beside it is served.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, Once};
use std::task::Poll;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use peer::{Raw, frame};
use support::tasks::{Alarm, block_on, poll};
use support::{Home, PATIENCE, Transport, WIRE, next_of, until};
use zocket::{Interest, Message, Pair, Poller, RecvError, Rep, Req};

/// Enough for the I/O thread to step aside, on a machine that is not too busy.
const ROUNDS: usize = 300;

/// Two PAIRs, each in a context of its own.
struct Two {
    homes: (Home, Home),
    near: Pair,
    far: Pair,
}

impl Two {
    fn new(transport: Transport) -> Self {
        let homes = (Home::new(), Home::new());
        let near = homes.0.pair().build().unwrap();
        let far = homes.1.pair().build().unwrap();
        meet!(homes.0, transport, near, far);
        Self { homes, near, far }
    }

    /// Sends something to and fro, until the far one is told to stop.
    fn to_and_fro(&self) {
        thread::scope(|scope| {
            scope.spawn(|| {
                loop {
                    let message = self.far.recv_timeout(PATIENCE).unwrap();
                    let is_last = message == "stop";
                    self.far.send(message).unwrap();
                    if is_last {
                        break;
                    }
                }
            });
            for round in 0..ROUNDS {
                self.near.send(round.to_string()).unwrap();
                assert_eq!(receive(&self.near), round.to_string());
            }
            self.near.send("stop").unwrap();
            assert_eq!(receive(&self.near), "stop");
        });
    }
}

fn receive(pair: &Pair) -> Message {
    pair.recv_timeout(PATIENCE).expect("a message in time")
}

/// On which threads peers were welcomed.
static WELCOMED: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

struct Records;

impl log::Log for Records {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.args().to_string().contains("ready with a") {
            WELCOMED.lock().unwrap().push(thread::current().id());
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_call_that_waits_time_and_again_does_the_work_itself() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Records).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
    for &transport in WIRE {
        let home = Home::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        let here = rep.bind(home.endpoint(transport)).unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let server = scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    if let Ok(request) = rep.recv_timeout(Duration::from_millis(200)) {
                        let message = request.clone();
                        request.reply(message).unwrap();
                    }
                }
            });
            let server = server.thread().id();
            let other = Home::new();
            let req = other.of(Req::builder()).build().unwrap();
            req.connect(&here).unwrap();
            until("a peer is welcomed by the one that waits", || {
                for _ in 0..ROUNDS {
                    req.request_timeout("again", PATIENCE).unwrap();
                }
                let another = other.of(Req::builder()).build().unwrap();
                another.connect(&here).unwrap();
                another.request_timeout("one", PATIENCE).unwrap();
                WELCOMED.lock().unwrap().contains(&server)
            });
            done.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn what_comes_while_nobody_waits_is_there() {
    for &transport in WIRE {
        let two = Two::new(transport);
        for _ in 0..20 {
            two.to_and_fro();
            two.far.send("unasked").unwrap();
            until("it is there", || match two.near.try_recv() {
                Ok(message) => message == "unasked",
                Err(_) => false,
            });
        }
    }
}

#[test]
fn what_is_sent_goes_out_while_nobody_waits() {
    for &transport in WIRE {
        let two = Two::new(transport);
        for _ in 0..20 {
            two.to_and_fro();
            let (said, heard) = mpsc::channel();
            thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..5 {
                        said.send(receive(&two.far)).unwrap();
                    }
                });
                for number in 0..5 {
                    two.near.send(number.to_string()).unwrap();
                    // The last of them, too, without any other call.
                    let message = heard.recv_timeout(PATIENCE).unwrap();
                    assert_eq!(message, number.to_string());
                }
            });
            let flushed = AtomicUsize::new(0);
            for number in 0..5 {
                two.near.send(number.to_string()).unwrap();
            }
            thread::scope(|scope| {
                scope.spawn(|| {
                    for number in 0..5 {
                        assert_eq!(receive(&two.far), number.to_string());
                        flushed.fetch_add(1, Ordering::SeqCst);
                    }
                });
                until("all of it", || flushed.load(Ordering::SeqCst) == 5);
            });
        }
    }
}

#[test]
fn a_ping_is_answered_while_nobody_waits() {
    for &transport in WIRE {
        let home = Home::new();
        let pair = home.pair().build().unwrap();
        let here = pair.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "PAIR");
        for _ in 0..20 {
            // What this thread says and what it waits for make the other side take the turn.
            thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        let message = receive(&pair);
                        pair.send(message).unwrap();
                    }
                });
                for _ in 0..ROUNDS {
                    assert!(raw.say(b"\0\x01x"));
                    assert_eq!(raw.listen(3), b"\0\x01x");
                }
            });
            assert!(raw.say(b"\x04\x09\x04PING\0\0ab"));
            assert_eq!(raw.listen(9), b"\x04\x07\x04PONGab");
        }
    }
}

#[test]
fn a_timeout_is_kept_by_one_who_drives() {
    for &transport in WIRE {
        let two = Two::new(transport);
        for ms in [0, 1, 3, 30] {
            two.to_and_fro();
            let timeout = Duration::from_millis(ms);
            let begun = Instant::now();
            assert_eq!(two.near.recv_timeout(timeout), Err(RecvError::Timeout));
            assert!(begun.elapsed() >= timeout);
        }
    }
}

#[test]
fn two_threads_with_a_socket_each_serve_each_other() {
    for &transport in WIRE {
        let homes = (Home::new(), Home::new());
        let pairs: Vec<(Pair, Pair)> = (0..2)
            .map(|_| {
                let near = homes.0.pair().build().unwrap();
                let far = homes.1.pair().build().unwrap();
                meet!(homes.0, transport, near, far);
                (near, far)
            })
            .collect();
        thread::scope(|scope| {
            for (near, far) in &pairs {
                scope.spawn(move || {
                    for _ in 0..2 * ROUNDS {
                        far.send(receive(far)).unwrap();
                    }
                });
                scope.spawn(move || {
                    for round in 0..2 * ROUNDS {
                        near.send(round.to_string()).unwrap();
                        assert_eq!(receive(near), round.to_string());
                    }
                });
            }
        });
    }
}

#[test]
fn one_who_always_finds_something_lets_others_in() {
    // More than is read in one turn is always on its way.
    let body = [7; 4000];
    let flood = frame(0, &body).repeat(1_000);
    for &transport in WIRE {
        let homes = (Home::new(), Home::new());
        let pull = homes.0.pull().recv_hwm(10).build().unwrap();
        let mut raw = Raw::join(&pull.bind(homes.0.endpoint(transport)).unwrap(), "PUSH");
        // Served by the same thread, and nobody waits for it.
        let beside = homes.0.pull().build().unwrap();
        let here = beside.bind(homes.0.endpoint(transport)).unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| while raw.say(&flood) {});
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    assert!(next_of(&pull) == body);
                }
                pull.close().unwrap();
            });
            let joined = (0..20).all(|_| {
                let another = homes.1.push().build().unwrap();
                another.connect(&here).unwrap();
                another.wait_for_peers(1, PATIENCE).is_ok()
            });
            done.store(true, Ordering::SeqCst);
            assert!(joined, "nobody is let in beside the flood");
        });
    }
}

#[test]
fn tasks_and_pollers_beside_one_who_drives_are_served() {
    for &transport in WIRE {
        let two = Two::new(transport);
        // In the same context, and so served by the same thread.
        let near = two.homes.0.pair().build().unwrap();
        let far = two.homes.1.pair().build().unwrap();
        meet!(two.homes.0, transport, near, far);
        for _ in 0..5 {
            two.to_and_fro();
            thread::scope(|scope| {
                let waits = scope.spawn(|| receive(&two.near));
                let alarm = Alarm::new();
                let mut receiving = pin!(near.recv_async());
                assert!(poll(receiving.as_mut(), &alarm).is_pending());
                far.send("for the task").unwrap();
                until("the task is woken", || alarm.rung() > 0);
                match poll(receiving.as_mut(), &alarm) {
                    Poll::Ready(received) => assert_eq!(received.unwrap(), "for the task"),
                    Poll::Pending => assert_eq!(block_on(receiving).unwrap(), "for the task"),
                }

                let poller = Poller::new();
                poller.add(&near, 7, Interest::READABLE).unwrap();
                far.send("for the poller").unwrap();
                let mut events = Vec::new();
                assert_eq!(poller.wait(&mut events, Some(PATIENCE)).unwrap(), 1);
                assert_eq!(near.try_recv().unwrap(), "for the poller");

                two.far.send("at last").unwrap();
                assert_eq!(waits.join().unwrap(), "at last");
            });
        }
    }
}

#[test]
fn a_task_is_served_when_the_one_who_drove_beside_it_does_not_come_back() {
    for &transport in WIRE {
        let two = Two::new(transport);
        let near = two.homes.0.pair().build().unwrap();
        let far = two.homes.1.pair().build().unwrap();
        meet!(two.homes.0, transport, near, far);
        let alarm = Alarm::new();
        for _ in 0..5 {
            let mut receiving = pin!(near.recv_async());
            assert!(poll(receiving.as_mut(), &alarm).is_pending());
            two.to_and_fro();
            let before = alarm.rung();
            far.send("for the task").unwrap();
            until("the task is woken", || alarm.rung() > before);
            match poll(receiving.as_mut(), &alarm) {
                Poll::Ready(received) => assert_eq!(received.unwrap(), "for the task"),
                Poll::Pending => assert_eq!(block_on(receiving).unwrap(), "for the task"),
            }
        }
    }
}

#[test]
fn the_end_of_the_context_or_the_socket_ends_a_call_that_drives() {
    for &transport in WIRE {
        for ends_context in [true, false] {
            let two = Two::new(transport);
            two.to_and_fro();
            thread::scope(|scope| {
                let waits = scope.spawn(|| two.near.recv());
                // It may or may not have begun to wait: both end the same way.
                let expected = if ends_context {
                    two.homes.0.context.terminate(PATIENCE).unwrap();
                    RecvError::Terminated
                } else {
                    two.near.close().unwrap();
                    RecvError::Closed
                };
                assert_eq!(waits.join().unwrap(), Err(expected));
            });
        }
    }
}
