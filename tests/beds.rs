//! Who waits in a bed of his own is woken there, by what he waits for or by what the bed knows of.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use support::{ALL, Home, PATIENCE, Transport};
use zocket::{
    Bed, Message, Pair, Push, RecvError, SendFailure, Slept, Socket, SocketType, TryRecvError,
};

/// Where a thread sleeps until it is woken, or called for something else.
#[derive(Default)]
struct Cot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    woken: bool,
    called: bool,
    asleep: bool,
}

impl Cot {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    /// Calls who sleeps there, or will.
    fn call(&self) {
        self.change(|state| state.called = true);
    }

    fn await_sleeper(&self) {
        let state = self.state.lock().unwrap();
        let (_state, waited) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !state.asleep)
            .unwrap();
        assert!(!waited.timed_out(), "nobody has gone to sleep");
    }
}

impl Bed for Cot {
    fn sleep(&self, deadline: Option<Instant>) -> Slept {
        let limit = deadline.map_or(PATIENCE, |it| it.saturating_duration_since(Instant::now()));
        let mut state = self.state.lock().unwrap();
        state.asleep = true;
        self.changed.notify_all();
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, limit, |state| !(state.woken || state.called))
            .unwrap();
        state.asleep = false;
        match (std::mem::take(&mut state.woken), state.called) {
            (true, _) => Slept::Woken,
            (false, true) => Slept::Interrupted,
            (false, false) => Slept::TimedOut,
        }
    }

    fn wake(&self) {
        self.change(|state| state.woken = true);
    }
}

/// Two that know each other.
fn pairs(home: &Home, transport: Transport) -> (Socket, Pair) {
    pairs_that_wait(home, transport, None)
}

/// The same, the first of which waits as long as that for a message.
fn pairs_that_wait(home: &Home, transport: Transport, timeout: Option<Duration>) -> (Socket, Pair) {
    let here = home
        .of(Socket::builder(SocketType::Pair))
        .recv_timeout(timeout);
    let (here, there) = (here.build().unwrap(), home.pair().build().unwrap());
    there
        .connect(here.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    there.wait_for_peers(1, PATIENCE).unwrap();
    (here, there)
}

#[test]
fn a_message_wakes_who_sleeps_there() {
    for &transport in ALL {
        let home = Home::new();
        let (here, there) = pairs(&home, transport);
        let cot = Arc::new(Cot::default());
        thread::scope(|scope| {
            scope.spawn(|| {
                cot.await_sleeper();
                there.send("first").unwrap();
            });
            let (from, message) = here.recv_on(|| cot.clone()).unwrap();
            assert_eq!(message, "first", "{transport:?}");
            assert_eq!(from.unwrap().socket_type(), SocketType::Pair);
        });
        // Many more, which may come before anybody sleeps.
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..500 {
                    let question = there.recv_timeout(PATIENCE).unwrap();
                    there.send(question).unwrap();
                }
            });
            for number in 0..500 {
                let question = Message::from(number.to_string());
                here.send_on(question.clone(), || cot.clone()).unwrap();
                assert_eq!(here.recv_on(|| cot.clone()).unwrap().1, question);
            }
        });
    }
}

#[test]
fn nobody_asks_for_a_bed_who_does_not_wait() {
    for &transport in ALL {
        let home = Home::new();
        let (here, there) = pairs(&home, transport);
        there.send("ready").unwrap();
        support::until("it is there", || here.can_recv());
        let none = || -> Arc<dyn Bed> { unreachable!("it has not to wait") };
        assert_eq!(here.recv_on(none).unwrap().1, "ready", "{transport:?}");
        here.send_on("answer", none).unwrap();
        let (here, _there) = pairs_that_wait(&home, transport, Some(Duration::ZERO));
        assert_eq!(here.recv_on(none).unwrap_err(), RecvError::Timeout);
    }
}

#[test]
fn the_time_runs_out_there_too() {
    for &transport in ALL {
        let home = Home::new();
        let (here, _there) = pairs_that_wait(&home, transport, Some(Duration::from_millis(30)));
        let cot = Arc::new(Cot::default());
        let begun = Instant::now();
        let outcome = here.recv_on(|| cot.clone());
        assert_eq!(outcome.unwrap_err(), RecvError::Timeout, "{transport:?}");
        assert!(begun.elapsed() >= Duration::from_millis(30));
    }
}

#[test]
fn who_is_called_has_neither_received_nor_sent() {
    for &transport in ALL {
        let home = Home::new();
        let (here, there) = pairs(&home, transport);
        let cot = Arc::new(Cot::default());
        thread::scope(|scope| {
            scope.spawn(|| {
                cot.await_sleeper();
                cot.call();
            });
            let outcome = here.recv_on(|| cot.clone());
            assert_eq!(outcome.unwrap_err(), RecvError::Interrupted);
        });
        assert_eq!(here.try_recv().unwrap_err(), TryRecvError::Empty);
        there.send("later").unwrap();
        let next = Arc::new(Cot::default());
        assert_eq!(here.recv_on(|| next).unwrap().1, "later", "{transport:?}");

        // One that is connected to nobody has no room.
        let push = Socket::from(home.of(Push::builder()).build().unwrap());
        let outcome = push.send_on("kept", || cot.clone()).unwrap_err();
        assert_eq!(outcome.reason, SendFailure::Interrupted);
        assert_eq!(outcome.into_message(), "kept");
    }
}

#[test]
fn what_is_at_hand_is_given_in_its_order_and_nothing_else_is() {
    for &transport in ALL {
        let home = Home::new();
        let (here, there) = pairs(&home, transport);
        const COUNT: usize = 2000;
        let mut at_hand = 0;
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..COUNT {
                    // Some of several frames, and some that are long.
                    match number % 100 {
                        98 => there.send([number.to_string().as_str(), "two"]).unwrap(),
                        99 => there.send(vec![99; 100_000]).unwrap(),
                        _ => there.send(number.to_string()).unwrap(),
                    }
                }
            });
            for number in 0..COUNT {
                let mut message = Message::new();
                if here.try_recv_at_hand(&mut message) {
                    at_hand += 1;
                    assert_eq!(message.len(), 1);
                } else {
                    message = here.recv_timeout(PATIENCE).unwrap();
                }
                match number % 100 {
                    98 => assert_eq!(message.last(), "two"),
                    99 => assert_eq!(message.first().len(), 100_000),
                    _ => assert_eq!(message, number.to_string()),
                }
            }
        });
        assert!(at_hand < COUNT, "{transport:?}");
        assert!(!here.try_recv_at_hand(&mut Message::new()));
    }
    let home = Home::new();
    let rep = home.of(Socket::builder(SocketType::Rep)).build().unwrap();
    assert!(!rep.try_recv_at_hand(&mut Message::new()));
}
