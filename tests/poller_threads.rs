//! Several threads and tasks at one poller, and others at the sockets in it: nothing that is ready is
//! slept over, whoever comes and goes meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use support::{ALL, Home, PATIENCE, QUIET, Transport, joined, send_until_taken, until};
use zocket::{Event, Interest, Pair, PollError, Poller, Pub, Pull, Push, TryRecvError};

const READABLE: Interest = Interest::READABLE;

/// The keys of what is told.
fn keys(poller: &Poller, timeout: impl Into<Option<Duration>>) -> Vec<usize> {
    let mut events = Vec::new();
    poller.wait(&mut events, timeout).unwrap();
    let mut keys: Vec<usize> = events.iter().map(Event::key).collect();
    keys.sort_unstable();
    keys
}

/// What another thread is told next, waiting for it as long as it takes.
fn waiter(poller: &Arc<Poller>) -> thread::JoinHandle<Vec<usize>> {
    let poller = poller.clone();
    let (begun, begins) = mpsc::channel();
    let waiter = thread::spawn(move || {
        begun.send(()).unwrap();
        keys(&poller, PATIENCE)
    });
    begins.recv().unwrap();
    // Most likely it sleeps by now; it is right in any case.
    thread::yield_now();
    waiter
}

#[test]
fn what_is_added_and_changed_counts_at_once_for_who_waits_already() {
    for &transport in ALL {
        let home = Home::new();
        let poller = Arc::new(Poller::new());
        let (push, pull) = joined(&home, transport, 1000);

        // Added when it is ready, and before.
        let waiting = waiter(&poller);
        push.send("x").unwrap();
        poller.add(&pull, 1, READABLE).unwrap();
        assert_eq!(waiting.join().unwrap(), [1]);
        assert_eq!(pull.try_recv().unwrap(), "x");
        let waiting = waiter(&poller);
        push.send("y").unwrap();
        assert_eq!(waiting.join().unwrap(), [1]);

        // Silent, and heard again.
        poller.modify(&pull, Interest::NONE).unwrap();
        assert_eq!(keys(&poller, QUIET), []);
        let waiting = waiter(&poller);
        poller.modify(&pull, READABLE).unwrap();
        assert_eq!(waiting.join().unwrap(), [1]);

        // Removed: the wait goes on for the others.
        assert_eq!(pull.try_recv().unwrap(), "y");
        let waiting = waiter(&poller);
        poller.remove(&pull).unwrap();
        push.send("z").unwrap();
        until("it arrives", || pull.stats().arrived.messages == 3);
        thread::sleep(QUIET);
        assert!(!waiting.is_finished());
        let (push, pull) = joined(&home, transport, 1000);
        poller.add(&pull, 2, READABLE).unwrap();
        push.send("other").unwrap();
        assert_eq!(waiting.join().unwrap(), [2]);
    }
}

#[test]
fn a_socket_that_is_closed_or_dropped_while_another_thread_waits() {
    for &transport in ALL {
        let home = Home::new();
        let poller = Arc::new(Poller::new());
        let (_push, pull) = joined(&home, transport, 1000);
        poller.add(&pull, 1, READABLE).unwrap();
        let waiting = waiter(&poller);
        pull.close().unwrap();
        assert_eq!(waiting.join().unwrap(), [1]);
        poller.remove(&pull).unwrap();

        let (push, pull) = joined(&home, transport, 1000);
        poller.add(&pull, 2, READABLE).unwrap();
        let waiting = waiter(&poller);
        drop((push, pull));
        assert!(poller.is_empty());
        thread::sleep(QUIET);
        assert!(!waiting.is_finished());
        poller.notify();
        assert_eq!(waiting.join().unwrap(), []);
    }
}

#[test]
fn a_notification_wakes_one_who_waits() {
    let poller = Arc::new(Poller::new());
    let waiting = [waiter(&poller), waiter(&poller)];
    poller.notify();
    until("one returns", || waiting.iter().any(|it| it.is_finished()));
    thread::sleep(QUIET);
    assert_eq!(waiting.iter().filter(|it| it.is_finished()).count(), 1);
    poller.notify();
    for waiting in waiting {
        assert_eq!(waiting.join().unwrap(), []);
    }
}

/// Takes what there is, until the socket is closed or `end` is said; counts it.
fn serve(poller: &Poller, pull: &Pull, count: &AtomicUsize) {
    let mut events = Vec::new();
    loop {
        poller.wait(&mut events, PATIENCE).unwrap();
        assert!(!events.is_empty(), "nothing within {PATIENCE:?}");
        match pull.try_recv() {
            Ok(_) => drop(count.fetch_add(1, Ordering::SeqCst)),
            // Another thread came first.
            Err(TryRecvError::Empty) => {}
            Err(error) => return assert_eq!(error, TryRecvError::Closed),
        }
    }
}

#[test]
fn several_threads_at_one_poller_miss_nothing() {
    const MESSAGES: usize = 3000;
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1000);
        let poller = Poller::new();
        poller.add(&pull, 1, READABLE).unwrap();
        let count = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| serve(&poller, &pull, &count));
            }
            send_until_taken(&push, MESSAGES, &count);
            pull.close().unwrap();
        });
    }
}

#[test]
fn a_poller_and_blocked_and_async_receivers_at_one_socket() {
    const MESSAGES: usize = 2000;
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1000);
        let poller = Poller::new();
        poller.add(&pull, 1, READABLE).unwrap();
        let count = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| serve(&poller, &pull, &count));
            scope.spawn(|| {
                while pull.recv().is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
            scope.spawn(|| {
                while block_on(pull.recv_async()).is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
            // One at a time: whoever is woken for it, it is taken.
            for number in 0..MESSAGES {
                push.send(number.to_string()).unwrap();
                let taken = || count.load(Ordering::SeqCst) > number;
                until("it is taken", taken);
            }
            pull.close().unwrap();
        });
        assert_eq!(count.into_inner(), MESSAGES);
    }
}

// ---- tasks

/// Unparks a thread, and counts.
struct Alarm {
    thread: Thread,
    rung: AtomicUsize,
}

impl Alarm {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            thread: thread::current(),
            rung: AtomicUsize::new(0),
        })
    }

    fn rung(&self) -> usize {
        self.rung.load(Ordering::SeqCst)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn poll<F: Future>(future: Pin<&mut F>, alarm: &Arc<Alarm>) -> Poll<F::Output> {
    let waker = Waker::from(alarm.clone());
    future.poll(&mut Context::from_waker(&waker))
}

/// Polls only when woken; fails when it is not woken in time.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let alarm = Alarm::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let heard = alarm.rung();
        if let Poll::Ready(output) = poll(future.as_mut(), &alarm) {
            return output;
        }
        while alarm.rung() == heard {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not woken in {PATIENCE:?}");
            thread::park_timeout(left);
        }
    }
}

#[test]
fn a_task_is_told_as_a_thread_is() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1000);
        let poller = Poller::new();
        poller.add(&pull, 1, READABLE).unwrap();
        let mut events = Vec::new();
        for _ in 0..20 {
            let sender = thread::scope(|scope| {
                let sender = scope.spawn(|| push.send("x"));
                assert_eq!(block_on(poller.wait_async(&mut events)).unwrap(), 1);
                sender.join().unwrap()
            });
            sender.unwrap();
            assert_eq!((events.len(), events[0].key()), (1, 1));
            pull.try_recv().unwrap();
        }
        poller.notify();
        assert_eq!(block_on(poller.wait_async(&mut events)).unwrap(), 0);
        assert!(events.is_empty());
    }
}

#[test]
fn a_task_that_goes_away_passes_on_what_it_was_woken_for() {
    for notifies in [false, true] {
        let home = Home::new();
        let (push, pull) = joined(&home, Transport::Inproc, 1000);
        let poller = Arc::new(Poller::new());
        poller.add(&pull, 1, READABLE).unwrap();
        for _ in 0..50 {
            let mut events = Vec::new();
            let alarm = Alarm::new();
            let mut task = Box::pin(poller.wait_async(&mut events));
            assert!(poll(task.as_mut(), &alarm).is_pending());
            let waiting = waiter(&poller);
            if notifies {
                poller.notify();
            } else {
                push.send("x").unwrap();
            }
            // It was the first to wait (or the other was not there yet), and is woken.
            until("it is woken", || alarm.rung() == 1);
            drop(task);
            let expected: &[usize] = if notifies { &[] } else { &[1] };
            assert_eq!(waiting.join().unwrap(), expected);
            assert_eq!(pull.try_recv().is_ok(), !notifies);
        }
    }
}

/// Does something whenever it is woken, on whatever thread that is.
struct OnWake<F>(F);

impl<F: Fn() + Send + Sync> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

#[test]
fn on_an_io_thread_a_wait_does_not_wait() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Tcp, 1000);
    let (said, hears) = mpsc::channel();
    let said = Mutex::new(said);
    let waker = Waker::from(Arc::new(OnWake(move || {
        let began = Instant::now();
        let count = keys(&Poller::new(), None).len();
        let thread = thread::current().name().map(str::to_owned);
        let _ = said.lock().unwrap().send((count, began.elapsed(), thread));
    })));
    let mut receiving = Box::pin(pull.recv_async());
    let pending = receiving.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(pending.is_pending());
    push.send("x").unwrap();
    let (count, _, thread) = hears.recv_timeout(PATIENCE).unwrap();
    assert_eq!(count, 0);
    assert_ne!(thread.as_deref(), thread::current().name());
}

// ---- at random

/// A small source of numbers, so that a run can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// One socket at a time in each place; what is sent to it, and what was taken.
struct Place {
    push: Push,
    pull: Pull,
}

/// Sockets come and go, are added, changed and removed from several threads while others wait and
/// receive; when all is quiet, what is told is just what is ready.
#[test]
fn nothing_that_is_ready_is_missed_however_sockets_come_and_go() {
    const PLACES: usize = 8;
    const STEPS: usize = 3000;
    let home = Home::new();
    let poller = Poller::new();
    let places: Vec<Mutex<Place>> = (0..PLACES)
        .map(|key| {
            let (push, pull) = joined(&home, ALL[key % ALL.len()], 1000);
            Mutex::new(Place { push, pull })
        })
        .collect();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // These take what they are told of.
        for _ in 0..2 {
            scope.spawn(|| {
                let mut events = Vec::new();
                while !over.load(Ordering::SeqCst) {
                    poller.wait(&mut events, PATIENCE).unwrap();
                    for event in &events {
                        let _ = places[event.key()].lock().unwrap().pull.try_recv();
                    }
                }
                poller.notify();
            });
        }
        let churners: Vec<_> = (1..=3)
            .map(|seed| {
                let (home, poller, places) = (&home, &poller, &places);
                scope.spawn(move || churn(seed, STEPS, home, poller, places))
            })
            .collect();
        for churner in churners {
            churner.join().unwrap();
        }
        over.store(true, Ordering::SeqCst);
        poller.notify();
    });
    // The model: what was sent and not taken is ready; all are added now, whatever they were.
    let mut rest: HashMap<usize, usize> = HashMap::new();
    for (key, place) in places.iter().enumerate() {
        let place = place.lock().unwrap();
        match poller.add(&place.pull, key, READABLE) {
            Ok(()) => {}
            Err(PollError::Known) => poller.modify(&place.pull, READABLE).unwrap(),
            Err(error) => panic!("{error}"),
        }
        let sent = place.push.stats().accepted.messages;
        let all_here = || {
            let stats = place.pull.stats();
            stats.arrived.messages == sent
        };
        until("everything has arrived", all_here);
        let left = (sent - place.pull.stats().returned.messages) as usize;
        if left > 0 {
            rest.insert(key, left);
        }
    }
    let mut events = Vec::new();
    while !rest.is_empty() {
        let count = poller.wait(&mut events, PATIENCE).unwrap();
        assert!(count > 0, "{rest:?} are ready, and nothing is told");
        for event in &events {
            let key = event.key();
            let left = rest.get_mut(&key).expect("only what is ready is told");
            places[key].lock().unwrap().pull.try_recv().unwrap();
            *left -= 1;
            if *left == 0 {
                rest.remove(&key);
            }
        }
    }
    poller.notify();
    assert_eq!(keys(&poller, None), []);
    assert_eq!(poller.len(), PLACES);
    drop(places);
    assert!(poller.is_empty());
}

fn churn(seed: u64, steps: usize, home: &Home, poller: &Poller, places: &[Mutex<Place>]) {
    let mut random = Random(seed * 0x9E37_79B9);
    for _ in 0..steps {
        let key = random.below(places.len());
        let mut place = places[key].lock().unwrap();
        match random.below(20) {
            0..=7 => place.push.send("x").unwrap(),
            8..=10 => drop(place.pull.try_recv()),
            11..=13 => drop(poller.add(&place.pull, key, READABLE)),
            14..=15 => drop(poller.modify(&place.pull, Interest::NONE)),
            16..=17 => drop(poller.modify(&place.pull, READABLE)),
            18 => drop(poller.remove(&place.pull)),
            _ => {
                let (push, pull) = joined(home, ALL[random.below(ALL.len())], 1000);
                *place = Place { push, pull };
            }
        }
    }
}

/// A poller that goes leaves nothing behind that anybody would be told through.
#[test]
fn a_poller_goes_before_its_sockets() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1000);
    let publisher = home.of(Pub::builder()).build().unwrap();
    let pair = home.of(Pair::builder()).build().unwrap();
    for _ in 0..100 {
        let poller = Poller::new();
        poller.add(&pull, 1, READABLE).unwrap();
        poller.add(&publisher, 2, Interest::WRITABLE).unwrap();
        poller.add(&pair, 3, READABLE | Interest::WRITABLE).unwrap();
        let sender = thread::scope(|scope| {
            let sender = scope.spawn(|| push.send("x"));
            drop(poller);
            sender.join().unwrap()
        });
        sender.unwrap();
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "x");
    }
}
