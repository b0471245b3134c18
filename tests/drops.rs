//! Sockets and contexts are dropped in any order, on any thread, and leave nothing behind.
//!
//! One test, because it counts the descriptors and threads of the process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod peer;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread;

use peer::{PATIENCE, Raw, frame, ms, nobody};
use zocket::{Context, Pair, Pull, Push};

type Thing = Box<dyn Any + Send>;

fn entries(path: &str) -> usize {
    std::fs::read_dir(path).unwrap().count()
}

/// Open descriptors and running threads of this process.
fn held() -> (usize, usize) {
    (entries("/proc/self/fd"), entries("/proc/self/task"))
}

fn leaves_nothing(what: &str, mut round: impl FnMut()) {
    let before = held();
    for _ in 0..3 {
        round();
    }
    // The last reference to a context may be an I/O thread's, which then ends a little later.
    let deadline = std::time::Instant::now() + PATIENCE;
    while held() != before {
        let now = held();
        assert!(
            std::time::Instant::now() < deadline,
            "{what}: {before:?} descriptors and threads before, {now:?} after"
        );
        thread::sleep(ms(2));
    }
}

/// Every order of so many things.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    permutations(n - 1)
        .into_iter()
        .flat_map(|shorter| {
            (0..n).map(move |place| {
                let mut longer = shorter.clone();
                longer.insert(place, n - 1);
                longer
            })
        })
        .collect()
}

fn pair(context: &Context) -> Pair {
    let pair = Pair::builder().context(context).linger(ms(20));
    pair.build().unwrap()
}

/// A context, and sockets in it that have messages under way to each other.
fn tcp_and_inproc() -> Vec<Option<Thing>> {
    let context = Context::new();
    let (a, b) = (pair(&context), pair(&context));
    b.connect(a.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
    let (c, d) = (pair(&context), pair(&context));
    d.connect("inproc://x").unwrap();
    c.bind("inproc://x").unwrap();
    a.wait_for_peers(1, PATIENCE).unwrap();
    for n in 0..50 {
        for socket in [&a, &b, &c, &d] {
            socket.send(vec![n; 1000]).unwrap();
        }
    }
    vec![
        Some(Box::new(context)),
        Some(Box::new(a)),
        Some(Box::new(b)),
        Some(Box::new((c, d))),
    ]
}

/// The same with three sockets, of which one is in the middle of the others.
fn a_relay() -> Vec<Option<Thing>> {
    let context = Context::new();
    let push = Push::builder().context(&context).linger(ms(20));
    let push = push.build().unwrap();
    let pull = Pull::builder().context(&context).build().unwrap();
    let both = pair(&context);
    let there = pull.bind("tcp://127.0.0.1:*").unwrap();
    pull.bind("inproc://x").unwrap();
    push.connect(&there).unwrap();
    push.connect("inproc://x").unwrap();
    push.connect(nobody()).unwrap();
    both.connect("inproc://nobody").unwrap();
    both.send("in vain").unwrap();
    for n in 0..200 {
        push.send(vec![n; 100]).unwrap();
    }
    pull.recv_timeout(PATIENCE).unwrap();
    vec![
        Some(Box::new(context)),
        Some(Box::new(push)),
        Some(Box::new(pull)),
        Some(Box::new(both)),
    ]
}

fn in_every_order(make: fn() -> Vec<Option<Thing>>) {
    for (n, order) in permutations(4).into_iter().enumerate() {
        let mut things = make();
        for (k, which) in order.into_iter().enumerate() {
            let thing = things[which].take();
            // Here, on another thread, or on another thread at the same time as the next.
            match (n + k) % 3 {
                0 => drop(thing),
                1 => thread::spawn(move || drop(thing)).join().unwrap(),
                _ => drop(thread::spawn(move || drop(thing))),
            }
        }
    }
}

fn while_unwinding() {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _things = tcp_and_inproc();
        let _more = a_relay();
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(outcome.is_err());
}

/// A waker that drops what it holds.
struct Dropper {
    holds: Mutex<Vec<Option<Thing>>>,
    done: mpsc::Sender<Option<String>>,
}

impl Wake for Dropper {
    fn wake(self: Arc<Self>) {
        let holds = std::mem::take(&mut *self.holds.lock().unwrap());
        if !holds.is_empty() {
            drop(holds);
            let name = thread::current().name().map(str::to_owned);
            self.done.send(name).unwrap();
        }
    }
}

fn on_an_io_thread() {
    let context = Context::new();
    let pull = Pull::builder().context(&context).build().unwrap();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut raw = Raw::join(&here, "PUSH");
    // Sockets of the very context the thread belongs to, and others with theirs.
    let own = pair(&context);
    own.bind("tcp://127.0.0.1:*").unwrap();
    let lingers = pair(&context);
    lingers.connect(nobody()).unwrap();
    lingers.send("in vain").unwrap();
    let waits = pair(&context);
    waits.connect("inproc://nobody").unwrap();
    let mut holds = tcp_and_inproc();
    holds.extend(a_relay());
    holds.push(Some(Box::new((own, lingers, waits))));
    let (done, dropped) = mpsc::channel();
    let waker = Waker::from(Arc::new(Dropper {
        holds: Mutex::new(holds),
        done,
    }));
    {
        let mut receiving = pin!(pull.recv_async());
        let mut cx = TaskContext::from_waker(&waker);
        assert!(receiving.as_mut().poll(&mut cx).is_pending());
        raw.say(&frame(0, b"wakes"));
        let thread = dropped.recv_timeout(PATIENCE).unwrap();
        assert_eq!(thread.as_deref(), Some("zocket-io-0"));
        let Poll::Ready(Ok(message)) = receiving.as_mut().poll(&mut cx) else {
            panic!("woken for nothing");
        };
        assert_eq!(message, "wakes");
    }
    // The thread is as well as ever.
    raw.say(&frame(0, b"again"));
    assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "again");
}

fn what_never_found_its_peer() {
    let context = Context::new();
    // Starts the I/O thread.
    pair(&context).bind("tcp://127.0.0.1:*").unwrap();
    for _ in 0..10 {
        let pull = Pull::builder().context(&context).build().unwrap();
        pull.connect("inproc://nobody").unwrap();
        pull.connect(nobody()).unwrap();
        let idle = pair(&context);
        idle.connect("inproc://nobody").unwrap();
        let busy = pair(&context);
        busy.connect("inproc://somebody").unwrap();
        busy.send("in vain").unwrap();
    }
    // Whoever comes later finds nobody.
    let late = pair(&context);
    late.bind("inproc://nobody").unwrap();
    late.bind("inproc://somebody").unwrap();
    assert!(late.wait_for_peers(1, ms(0)).is_err());
    assert!(late.try_recv().is_err());
}

fn a_close_that_races_with_bind_and_connect() {
    let elsewhere = Context::new();
    let pull = Pull::builder().context(&elsewhere).build().unwrap();
    let there = &pull.bind("tcp://127.0.0.1:*").unwrap();
    for round in 0..300 {
        let context = Context::new();
        let socket = pair(&context);
        // Starts the I/O thread.
        let first = socket.bind("tcp://127.0.0.1:*").unwrap();
        socket.unbind(first).unwrap();
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            let socket = &socket;
            scope.spawn(move || {
                while match round % 3 {
                    0 => socket.connect(there).is_ok(),
                    1 => socket.bind("tcp://127.0.0.1:*").is_ok(),
                    _ => socket.connect("inproc://nobody").is_ok(),
                } {
                    let _ = tell.send(());
                    // A PAIR has one peer: inproc would refuse the second.
                    let _ = socket.disconnect("inproc://nobody");
                }
            });
            let _ = told.recv_timeout(PATIENCE);
            socket.close().unwrap();
        });
    }
}

fn endings_of_a_context() {
    for linger in [0, 20] {
        let context = Context::builder().io_threads(3).build().unwrap();
        let a = pair(&context);
        let b = pair(&context);
        b.connect(a.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
        a.send("there").unwrap();
        b.send("back").unwrap();
        let others: Vec<_> = (0..3)
            .map(|_| {
                let context = context.clone();
                thread::spawn(move || drop(context.terminate(ms(linger))))
            })
            .collect();
        drop(context);
        for other in others {
            other.join().unwrap();
        }
        assert!(a.send("x").is_err());
        drop((a, b));
    }
}

/// Nobody waits for any of these, and what they have will never be sent.
fn detached() {
    for io_threads in [0, 1, 2] {
        let context = Context::builder().io_threads(io_threads);
        let context = context.build().unwrap();
        let mut cx = TaskContext::from_waker(Waker::noop());
        for round in 0..20 {
            let pair = pair(&context);
            if io_threads == 0 || round % 4 < 2 {
                pair.connect("inproc://nobody").unwrap();
            } else {
                pair.connect(nobody()).unwrap();
            }
            pair.send("in vain").unwrap();
            if round % 2 == 0 {
                let mut closing = Box::pin(pair.close_async());
                assert!(closing.as_mut().poll(&mut cx).is_pending());
            }
            pair.detach();
        }
        if io_threads == 2 {
            let mut terminating = Box::pin(context.terminate_async(PATIENCE));
            assert!(terminating.as_mut().poll(&mut cx).is_pending());
        }
    }
}

#[test]
fn whatever_is_dropped_leaves_nothing_behind() {
    let threads = held().1;
    // What the runtime itself opens once; with the last of its threads gone, which may take a little.
    drop(tcp_and_inproc());
    let deadline = std::time::Instant::now() + PATIENCE;
    while held().1 != threads {
        assert!(std::time::Instant::now() < deadline, "a thread is left");
        thread::sleep(ms(2));
    }
    leaves_nothing("an empty round", || {});
    leaves_nothing("sockets that never found a peer", what_never_found_its_peer);
    leaves_nothing(
        "a close at any time",
        a_close_that_races_with_bind_and_connect,
    );
    leaves_nothing("tcp and inproc", || in_every_order(tcp_and_inproc));
    leaves_nothing("a relay", || in_every_order(a_relay));
    leaves_nothing("unwinding", while_unwinding);
    leaves_nothing("on an I/O thread", on_an_io_thread);
    leaves_nothing("terminate", endings_of_a_context);
    leaves_nothing("detached", detached);
}
