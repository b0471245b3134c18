//! Everything else that waits, for tasks: peers, subscribers, the end of an endpoint, a socket, a
//! context. No thread waits for it, and what was begun goes on without the task.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use peer::records;
use support::tasks::{Alarm, block_on, poll};
use support::{ALL, Home, PATIENCE, Transport, expect_numbers, next_of, until};
use zocket::{Context, Endpoint, Pair, Pub, Pull, Push, Sub, UnbindError, Unsent, WaitError};

/// Long enough that nobody wants to wait for it.
const AGES: Duration = Duration::from_secs(3600);

const LINGER: Duration = Duration::from_millis(200);

fn push(context: &Context, linger: impl Into<Option<Duration>>) -> Push {
    let push = Push::builder().context(context).linger(linger);
    push.reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(50))
        .build()
        .unwrap()
}

fn without_threads() -> Context {
    Context::builder().io_threads(0).build().unwrap()
}

/// Every endpoint at which nobody is, each with a context to reach it from.
fn nowhere(home: &Home) -> Vec<(Context, String)> {
    let mut all: Vec<_> = ALL
        .iter()
        .map(|&transport| (Context::new(), home.vacant(transport)))
        .collect();
    all.push((without_threads(), home.vacant(Transport::Inproc)));
    all
}

fn send_numbers(push: &Push, count: usize) {
    for number in 0..count {
        push.send(number.to_string()).unwrap();
    }
}

fn is(unsent: &Unsent, messages: usize, endpoint: &str) {
    assert_eq!(unsent.messages, messages, "{endpoint}: {unsent}");
    assert_eq!(unsent.endpoints.len(), 1);
    assert_eq!(unsent.endpoints[0].endpoint, endpoint);
}

#[test]
fn futures_can_travel() {
    fn assert_send<T: Send>(_: &T) {}
    let home = Home::new();
    let publisher = home.of(Pub::builder()).build().unwrap();
    assert_send(&publisher.wait_for_peers_async(1));
    assert_send(&publisher.wait_for_subscribers_async(1));
    assert_send(&publisher.unbind_async("inproc://x"));
    assert_send(&publisher.disconnect_async("inproc://x".to_owned()));
    assert_send(&publisher.close_async());
    fn assert_free<T: Send + 'static>(_: T) {}
    assert_free(home.context.terminate_async(PATIENCE));
}

#[test]
fn peers_are_waited_for() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        assert_eq!(block_on(pull.wait_for_peers_async(0)), Ok(()));
        let alarm = Alarm::new();
        let mut future = pin!(pull.wait_for_peers_async(2));
        assert!(poll(future.as_mut(), &alarm).is_pending());
        drop(pull.wait_for_peers_async(1));
        let first = home.push().build().unwrap();
        first.connect(&here).unwrap();
        block_on(pull.wait_for_peers_async(1)).unwrap();
        assert!(poll(future.as_mut(), &alarm).is_pending());
        let rung = alarm.rung();
        let second = home.push().build().unwrap();
        second.connect(&here).unwrap();
        block_on(second.wait_for_peers_async(1)).unwrap();
        until("the wake-up", || alarm.rung() > rung);
        until("the peers", || {
            poll(future.as_mut(), &alarm) == Poll::Ready(Ok(()))
        });
    }
}

#[test]
fn subscribers_are_waited_for() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = home.of(Pub::builder()).build().unwrap();
        let subscriber = home.of(Sub::builder()).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        subscriber.connect(&here).unwrap();
        block_on(publisher.wait_for_peers_async(1)).unwrap();
        let alarm = Alarm::new();
        let mut future = pin!(publisher.wait_for_subscribers_async(1));
        assert!(poll(future.as_mut(), &alarm).is_pending());
        subscriber.subscribe("").unwrap();
        block_on(publisher.wait_for_subscribers_async(1)).unwrap();
        assert_eq!(poll(future.as_mut(), &alarm), Poll::Ready(Ok(())));
        publisher.send("news").unwrap();
        assert_eq!(block_on(subscriber.recv_async()).unwrap(), "news");
    }
}

#[test]
fn waiting_for_peers_ends_with_the_socket_or_the_context() {
    for terminate in [false, true] {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let alarm = Alarm::new();
        let mut future = pin!(pull.wait_for_peers_async(1));
        assert!(poll(future.as_mut(), &alarm).is_pending());
        let error = if terminate {
            home.context.shutdown();
            WaitError::Terminated
        } else {
            block_on(pull.close_async()).unwrap();
            WaitError::Closed
        };
        assert!(alarm.rung() > 0);
        assert_eq!(poll(future.as_mut(), &alarm), Poll::Ready(Err(error)));
    }
}

// ---- close

#[test]
fn what_was_sent_is_there_when_close_is_done() {
    const MANY: usize = 10_000;
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().recv_hwm(0).build().unwrap();
        let push = home.push().send_hwm(0).build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        send_numbers(&push, MANY);
        thread::scope(|scope| {
            scope.spawn(|| expect_numbers(&pull, 0..MANY));
            assert_eq!(block_on(push.close_async()), Ok(()));
        });
        assert_eq!(push.close(), Ok(()));
        assert_eq!(block_on(push.close_async()), Ok(()), "again is the same");
    }
}

#[test]
fn close_says_exactly_what_was_left() {
    records::collect();
    let home = Home::new();
    for (context, endpoint) in nowhere(&home) {
        let push = push(&context, LINGER);
        push.connect(&endpoint).unwrap();
        send_numbers(&push, 10);
        let began = Instant::now();
        let unsent = block_on(push.close_async()).unwrap_err();
        assert!(began.elapsed() >= LINGER, "{endpoint}");
        is(&unsent, 10, &endpoint);
        assert_eq!(push.close().unwrap_err(), unsent, "again is the same");
        assert_eq!(block_on(push.close_async()).unwrap_err(), unsent);
        drop(push);
        assert_eq!(records::count(&unsent.to_string()), 0, "said already");
    }
}

#[test]
fn without_linger_close_does_not_wait() {
    let home = Home::new();
    for (context, endpoint) in nowhere(&home) {
        let push = push(&context, Duration::ZERO);
        push.connect(&endpoint).unwrap();
        send_numbers(&push, 10);
        let unsent = block_on(push.close_async()).unwrap_err();
        is(&unsent, 10, &endpoint);
    }
}

#[test]
fn with_nothing_to_send_close_does_not_linger() {
    let home = Home::new();
    for (context, endpoint) in nowhere(&home) {
        let push = push(&context, None);
        push.connect(&endpoint).unwrap();
        assert_eq!(block_on(push.close_async()), Ok(()));
    }
}

#[test]
fn a_peer_that_comes_within_the_linger_gets_everything() {
    let home = Home::new();
    for linger in [Some(PATIENCE), None] {
        for (context, endpoint) in nowhere(&home) {
            let push = push(&context, linger);
            push.connect(&endpoint).unwrap();
            send_numbers(&push, 100);
            let alarm = Alarm::new();
            let mut closing = pin!(push.close_async());
            assert!(poll(closing.as_mut(), &alarm).is_pending());
            let pull = Pull::builder().context(&context).build().unwrap();
            pull.bind(&endpoint).unwrap();
            expect_numbers(&pull, 0..100);
            assert_eq!(block_on(closing), Ok(()), "{endpoint}");
        }
    }
}

#[test]
fn several_close_at_once() {
    let home = Home::new();
    for (context, endpoint) in nowhere(&home) {
        let push = push(&context, LINGER);
        push.connect(&endpoint).unwrap();
        send_numbers(&push, 3);
        thread::scope(|scope| {
            let closing = [
                scope.spawn(|| block_on(push.close_async())),
                scope.spawn(|| push.close()),
                scope.spawn(|| block_on(push.close_async())),
                scope.spawn(|| push.close()),
            ];
            for closed in closing {
                is(&closed.join().unwrap().unwrap_err(), 3, &endpoint);
            }
        });
    }
}

#[test]
fn a_close_that_is_not_polled_does_nothing() {
    let home = Home::new();
    let (push, pull) = (home.push().build().unwrap(), home.pull().build().unwrap());
    push.connect(pull.bind(home.endpoint(Transport::Inproc)).unwrap())
        .unwrap();
    drop(push.close_async());
    push.send("open").unwrap();
    assert_eq!(next_of(&pull), "open");
}

#[test]
fn a_dropped_close_goes_on() {
    let home = Home::new();
    for (context, endpoint) in nowhere(&home) {
        let push = push(&context, PATIENCE);
        push.connect(&endpoint).unwrap();
        send_numbers(&push, 100);
        let mut closing = Box::pin(push.close_async());
        assert!(poll(closing.as_mut(), &Alarm::new()).is_pending());
        drop(closing);
        assert!(push.send("too late").is_err());
        let began = Instant::now();
        drop(push);
        assert!(began.elapsed() < PATIENCE / 2, "a drop does not wait then");
        let pull = Pull::builder().context(&context).build().unwrap();
        pull.bind(&endpoint).unwrap();
        expect_numbers(&pull, 0..100);
    }
}

#[test]
fn what_a_dropped_close_could_not_send_is_logged() {
    records::collect();
    let home = Home::new();
    for (context, endpoint) in nowhere(&home) {
        let push = push(&context, LINGER);
        push.connect(&endpoint).unwrap();
        send_numbers(&push, 7);
        let mut closing = Box::pin(push.close_async());
        assert!(poll(closing.as_mut(), &Alarm::new()).is_pending());
        drop(closing);
        drop(push);
        records::await_line(&["WARN", "7 messages (7 bytes) were not sent", &endpoint]);
    }
}

// ---- detach

#[test]
fn a_detached_socket_still_sends() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let push = push(&home.context, None);
        push.connect(&here).unwrap();
        send_numbers(&push, 500);
        push.detach();
        expect_numbers(&pull, 0..500);
    }
    let home = Home::new();
    for (context, endpoint) in nowhere(&home) {
        let push = push(&context, AGES);
        push.connect(&endpoint).unwrap();
        send_numbers(&push, 500);
        push.detach();
        let pull = Pull::builder().context(&context).build().unwrap();
        pull.bind(&endpoint).unwrap();
        expect_numbers(&pull, 0..500);
        assert_eq!(context.terminate(PATIENCE), Ok(()));
    }
}

#[test]
fn what_a_detached_socket_could_not_send_is_logged() {
    records::collect();
    let home = Home::new();
    for (context, endpoint) in nowhere(&home) {
        for linger in [Duration::ZERO, LINGER] {
            let push = push(&context, linger);
            push.connect(&endpoint).unwrap();
            let count = if linger.is_zero() { 3 } else { 4 };
            send_numbers(&push, count);
            push.detach();
            let text = format!("{count} messages ({count} bytes) were not sent");
            records::await_line(&["WARN", &text, &endpoint]);
        }
    }
}

#[test]
fn detaching_what_is_closed_or_has_nothing_to_send_is_nothing() {
    records::collect();
    let home = Home::new();
    let closed = home.pair().build().unwrap();
    closed.close().unwrap();
    closed.detach();
    home.pair().build().unwrap().detach();
    Pair::new().detach();
    assert_eq!(home.context.terminate(PATIENCE), Ok(()));
}

// ---- a context

#[test]
fn terminate_flushes_what_was_sent() {
    for &transport in ALL {
        let home = Home::new();
        // (The other end of an inproc pipe must be in the same context.)
        let elsewhere = match transport {
            Transport::Inproc => home.context.clone(),
            _ => Context::new(),
        };
        let pull = Pull::builder().context(&elsewhere).build().unwrap();
        let push = push(&home.context, AGES);
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        send_numbers(&push, 500);
        assert_eq!(block_on(home.context.terminate_async(PATIENCE)), Ok(()));
        if transport != Transport::Inproc {
            expect_numbers(&pull, 0..500);
        }
        assert!(push.send("too late").is_err());
        assert_eq!(block_on(home.context.terminate_async(PATIENCE)), Ok(()));
    }
}

/// However long the sockets would linger, and whoever waits for that.
#[test]
fn terminate_has_no_more_patience_than_it_was_given() {
    for is_async in [true, false] {
        let home = Home::new();
        for (context, endpoint) in nowhere(&home) {
            let has_threads = !format!("{context:?}").contains("io_threads: 0");
            for linger in [Some(AGES), None] {
                let context = if has_threads {
                    Context::new()
                } else {
                    without_threads()
                };
                let [open, detached, closing] = [(); 3].map(|()| {
                    let push = push(&context, linger);
                    push.connect(&endpoint).unwrap();
                    send_numbers(&push, 2);
                    push
                });
                detached.detach();
                let waits = {
                    let mut waits = Box::pin(closing.close_async());
                    assert!(poll(waits.as_mut(), &Alarm::new()).is_pending());
                    waits
                };
                let began = Instant::now();
                let terminated = if is_async {
                    block_on(context.terminate_async(LINGER))
                } else {
                    context.terminate(LINGER)
                };
                let took = began.elapsed();
                assert!((LINGER..AGES / 2).contains(&took), "{endpoint}: {took:?}");
                let unsent = terminated.unwrap_err();
                assert_eq!(unsent.messages, 6, "{endpoint}: {unsent}");
                is(&block_on(waits).unwrap_err(), 2, &endpoint);
                is(&open.close().unwrap_err(), 2, &endpoint);
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn terminate_ends_the_threads() {
    let name = "ends-soon";
    let running = || {
        std::fs::read_dir("/proc/self/task").unwrap().any(|task| {
            let comm = task.unwrap().path().join("comm");
            std::fs::read_to_string(comm).is_ok_and(|text| text.starts_with(name))
        })
    };
    let context = Context::builder()
        .io_threads(2)
        .thread_name(name)
        .build()
        .unwrap();
    let pull = Pull::builder().context(&context).build().unwrap();
    pull.bind("tcp://127.0.0.1:*").unwrap();
    until("the threads have their names", running);
    block_on(context.terminate_async(PATIENCE)).unwrap();
    until("the threads are gone", || !running());
}

#[test]
fn a_dropped_terminate_goes_on() {
    let home = Home::new();
    for (context, endpoint) in nowhere(&home) {
        let push = push(&context, AGES);
        push.connect(&endpoint).unwrap();
        send_numbers(&push, 2);
        drop(context.terminate_async(LINGER));
        assert!(push.wait_for_peers(0, Duration::ZERO).is_ok(), "not polled");
        let mut terminating = Box::pin(context.terminate_async(LINGER));
        assert!(poll(terminating.as_mut(), &Alarm::new()).is_pending());
        drop(terminating);
        is(&block_on(push.close_async()).unwrap_err(), 2, &endpoint);
    }
}

// ---- endpoints

#[test]
fn an_address_is_free_when_unbind_is_done() {
    for &transport in ALL {
        let home = Home::new();
        let (first, second) = (home.pull().build().unwrap(), home.pull().build().unwrap());
        let mut here: Endpoint = first.bind(home.endpoint(transport)).unwrap();
        for round in 0..10 {
            let (one, other) = if round % 2 == 0 {
                (&first, &second)
            } else {
                (&second, &first)
            };
            block_on(one.unbind_async(&here)).unwrap();
            here = other.bind(&here).unwrap();
        }
        let unknown = block_on(second.unbind_async(&here));
        assert!(matches!(unknown, Err(UnbindError::Unknown(_))));
        let nonsense = block_on(first.unbind_async("nonsense"));
        assert!(matches!(nonsense, Err(UnbindError::Endpoint(_))));
    }
}

#[test]
fn disconnect_sends_what_was_queued() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        push.connect(&here).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        send_numbers(&push, 100);
        block_on(push.disconnect_async(&here)).unwrap();
        expect_numbers(&pull, 0..100);
        let unknown = block_on(push.disconnect_async(here));
        assert!(matches!(unknown, Err(UnbindError::Unknown(_))));
    }
}

#[test]
fn a_dropped_unbind_goes_on() {
    for &transport in ALL {
        let home = Home::new();
        let (first, second) = (home.pull().build().unwrap(), home.pull().build().unwrap());
        let here = first.bind(home.endpoint(transport)).unwrap();
        drop(first.unbind_async(&here));
        assert!(second.bind(&here).is_err(), "not polled");
        let mut unbinding = Box::pin(first.unbind_async(&here));
        let _ = poll(unbinding.as_mut(), &Alarm::new());
        drop(unbinding);
        until("the address is free", || second.bind(&here).is_ok());
    }
}
