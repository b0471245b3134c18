//! What a context is set up with: its threads, how many sockets it has, and what they begin with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::net::TcpListener;
use std::pin::pin;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use support::{Home, PATIENCE, WIRE, next_of};
use zocket::{BuildError, Context, ContextBuilder, Pull, Push};

fn built(builder: ContextBuilder) -> Context {
    builder.build().unwrap()
}

fn pull(context: &Context) -> Pull {
    Pull::builder().context(context).build().unwrap()
}

// ---- what it says of itself

#[test]
fn everything_can_be_read_back() {
    let context = Context::new();
    assert_eq!((context.io_threads(), context.max_sockets()), (1, None));
    assert_eq!(context.linger(), Some(Duration::from_secs(5)));
    assert_eq!(
        (context.ipv6(), context.thread_name()),
        (false, "zocket-io")
    );
    assert!(context.thread_affinity().is_empty());
    let context = Context::builder()
        .io_threads(3)
        .max_sockets(7)
        .linger(None)
        .ipv6(true)
        .thread_name("mine");
    let context = built(context);
    assert_eq!((context.io_threads(), context.max_sockets()), (3, Some(7)));
    assert_eq!((context.linger(), context.ipv6()), (None, true));
    assert_eq!(context.thread_name(), "mine");
    assert!(Context::builder().max_sockets(0).build().is_err());
    assert!(Context::builder().io_threads(1025).build().is_err());
}

// ---- how many

#[test]
fn one_socket_too_many_is_refused_until_another_is_closed() {
    let context = built(Context::builder().max_sockets(2));
    let build = || Pull::builder().context(&context).build();
    let (first, second) = (build().unwrap(), build().unwrap());
    assert!(matches!(build(), Err(BuildError::TooManySockets(2))));
    first.close().unwrap();
    let third = build().unwrap();
    assert!(matches!(build(), Err(BuildError::TooManySockets(2))));
    drop(second);
    let fourth = build().unwrap();
    // Those that were refused have taken no place, and left nothing.
    fourth.bind("inproc://here").unwrap();
    let push = Push::builder().context(&context).build();
    assert!(matches!(push, Err(BuildError::TooManySockets(2))));
    drop(third);
    let push = Push::builder().context(&context).build().unwrap();
    push.connect("inproc://here").unwrap();
    push.send("hello").unwrap();
    assert_eq!(next_of(&fourth), "hello");
}

#[test]
fn there_are_never_more_however_many_try() {
    let context = built(Context::builder().max_sockets(3));
    let tried: Vec<_> = (0..8)
        .map(|_| {
            let context = context.clone();
            thread::spawn(move || Pull::builder().context(&context).build())
        })
        .collect();
    let built: Vec<_> = tried
        .into_iter()
        .map(|tried| tried.join().unwrap())
        .filter_map(Result::ok)
        .collect();
    assert_eq!(built.len(), 3);
}

// ---- what its sockets begin with

#[test]
fn its_sockets_linger_as_it_says_unless_they_are_told_otherwise() {
    let context = built(Context::builder().linger(Duration::ZERO));
    let builder = || Push::builder().context(&context);
    let push = builder().build().unwrap();
    assert_eq!(push.options().linger(), Some(Duration::ZERO));
    let told = builder().linger(None).build().unwrap();
    assert_eq!(told.options().linger(), None);
    let ms = Duration::from_millis(1);
    push.options().set_linger(ms).unwrap();
    push.options().set_send_hwm(5).unwrap();
    assert_eq!(push.options().linger(), Some(ms));
    let libzmqs = builder().with_libzmq_defaults().build().unwrap();
    assert_eq!(libzmqs.options().linger(), None);

    // And it is so: nobody is there to send it to.
    let home = Home::new();
    for &transport in WIRE {
        let push = builder().build().unwrap();
        push.connect(home.vacant(transport)).unwrap();
        push.send("lost").unwrap();
        let begun = Instant::now();
        assert_eq!(push.close().unwrap_err().messages, 1);
        assert!(begun.elapsed() < Duration::from_secs(5), "not the default");
    }
}

#[test]
fn its_sockets_mean_ipv6_too_if_it_says_so() {
    let context = built(Context::builder().ipv6(true));
    let told = Pull::builder().context(&context).ipv6(false).build();
    assert!(!told.unwrap().options().ipv6());
    let libzmqs = Pull::builder().context(&context).with_libzmq_defaults();
    assert!(libzmqs.build().unwrap().options().ipv6());
    let pull = pull(&context);
    assert!(pull.options().ipv6());
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this system has no IPv6");
        return;
    }
    let here = pull.bind("tcp://*:*").unwrap();
    let port = here.socket_addr().unwrap().port();
    for host in ["127.0.0.1", "[::1]"] {
        let push = Push::builder().context(&context).build().unwrap();
        push.connect(format!("tcp://{host}:{port}")).unwrap();
        push.send(host).unwrap();
        assert_eq!(next_of(&pull), host);
    }
}

// ---- its threads

#[test]
fn each_thread_calls_the_hook_first_with_its_number() {
    let (told, calls) = mpsc::channel();
    let told = Mutex::new(told);
    let context = Context::builder()
        .io_threads(3)
        .thread_name("hooked")
        .thread_start_hook(move |number| {
            let name = thread::current().name().unwrap().to_owned();
            told.lock().unwrap().send((number, name)).unwrap();
        });
    let context = built(context);
    let pull = pull(&context);
    // Nothing is started before it is needed.
    assert!(calls.try_recv().is_err());
    pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut all: Vec<_> = (0..3)
        .map(|_| calls.recv_timeout(PATIENCE).unwrap())
        .collect();
    all.sort();
    let expected = [0, 1, 2].map(|number| (number, format!("hooked-{number}")));
    assert_eq!(all, expected);
    pull.bind("tcp://127.0.0.1:*").unwrap();
    drop(pull);
    context.terminate(PATIENCE).unwrap();
    // Once each; and the hook is gone with the threads and the context.
    drop(context);
    assert_eq!(calls.recv(), Err(mpsc::RecvError));
}

#[test]
fn a_hook_that_panics_costs_nobody_anything() {
    let context = Context::builder().thread_start_hook(|_| panic!("in the hook"));
    let context = built(context);
    let pull = pull(&context);
    let push = Push::builder().context(&context).build().unwrap();
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send("all the same").unwrap();
    assert_eq!(next_of(&pull), "all the same");
}

#[test]
fn a_hook_that_blocks_on_a_socket_does_not() {
    let other = pull(&Context::new());
    let (told, waited) = mpsc::channel();
    let told = Mutex::new(told);
    let context = Context::builder().thread_start_hook(move |_| {
        told.lock().unwrap().send(other.recv()).unwrap();
    });
    pull(&built(context)).bind("tcp://127.0.0.1:*").unwrap();
    let received = waited.recv_timeout(PATIENCE).unwrap();
    assert_eq!(received, Err(zocket::RecvError::Timeout));
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn its_threads_are_kept_to_their_processors() {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let allowed = sched_getaffinity(None).unwrap();
    let of =
        |set: &CpuSet| -> Vec<usize> { (0..CpuSet::MAX_CPU).filter(|&n| set.is_set(n)).collect() };
    let last = *of(&allowed).last().unwrap();
    let (told, calls) = mpsc::channel();
    let told = Mutex::new(told);
    let context = Context::builder()
        .io_threads(2)
        .thread_affinity([last, last])
        .thread_start_hook(move |_| {
            let set = sched_getaffinity(None).unwrap();
            told.lock().unwrap().send(set).unwrap();
        });
    let context = built(context);
    assert_eq!(context.thread_affinity(), [last]);
    pull(&context).bind("tcp://127.0.0.1:*").unwrap();
    for _ in 0..2 {
        assert_eq!(of(&calls.recv_timeout(PATIENCE).unwrap()), [last]);
    }
    // The others are as free as before.
    assert_eq!(of(&sched_getaffinity(None).unwrap()), of(&allowed));
    for none in [CpuSet::MAX_CPU - 1, CpuSet::MAX_CPU, usize::MAX] {
        if none < CpuSet::MAX_CPU && allowed.is_set(none) {
            eprintln!("skipped: this system has {none} processors");
            continue;
        }
        let refused = Context::builder().thread_affinity([none]).build();
        let said = refused.err().map(|error| error.to_string());
        assert!(
            said.as_ref()
                .is_some_and(|it| it.contains("thread_affinity")),
            "{said:?}"
        );
    }
}

// ---- which of them serves what

/// The name of the thread that woke the task.
struct WokenBy(Mutex<mpsc::Sender<String>>);

impl Wake for WokenBy {
    fn wake(self: Arc<Self>) {
        let name = thread::current().name().unwrap_or_default().to_owned();
        let _ = self.0.lock().unwrap().send(name);
    }
}

/// The thread that serves the connection through which something comes now.
fn server_of(pull: &Pull, send: impl FnOnce()) -> String {
    let (told, woken) = mpsc::channel();
    let waker = Waker::from(Arc::new(WokenBy(Mutex::new(told))));
    let mut receiving = pin!(pull.recv_async());
    let polled = receiving
        .as_mut()
        .poll(&mut std::task::Context::from_waker(&waker));
    assert!(matches!(polled, Poll::Pending));
    send();
    woken.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn an_endpoint_is_served_by_a_thread_that_may() {
    for &transport in WIRE {
        let home = Home::new();
        let context = built(Context::builder().io_threads(3).thread_name("t"));
        for allowed in [0, 1, 2] {
            let pull = Pull::builder().context(&context).affinity([allowed]);
            let pull = pull.build().unwrap();
            assert_eq!(pull.options().affinity(), [allowed]);
            for _ in 0..3 {
                let here = pull.bind(home.endpoint(transport)).unwrap();
                let push = home.push().build().unwrap();
                push.connect(&here).unwrap();
                push.wait_for_peers(1, PATIENCE).unwrap();
                let server = server_of(&pull, || push.send("x").unwrap());
                assert_eq!(server, format!("t-{allowed}"));
                next_of(&pull);
            }
            // Connecting, and on a living socket, too.
            let other = (allowed + 1) % 3;
            pull.options().set_affinity([other]).unwrap();
            let push = home.push().build().unwrap();
            let here = push.bind(home.endpoint(transport)).unwrap();
            pull.connect(&here).unwrap();
            push.wait_for_peers(1, PATIENCE).unwrap();
            let server = server_of(&pull, || push.send("x").unwrap());
            assert_eq!(server, format!("t-{other}"));
            assert!(pull.options().set_affinity([3]).is_err());
            assert_eq!(pull.options().affinity(), [other]);
        }
        let refused = Pull::builder().context(&context).affinity([0, 3]).build();
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("affinity") && said.contains('3'), "{said}");
    }
}

#[test]
fn of_those_that_may_the_one_that_serves_least_gets_the_next() {
    let home = Home::new();
    let context = built(Context::builder().io_threads(2).thread_name("t"));
    let busy = Pull::builder().context(&context).affinity([0]);
    let busy = busy.build().unwrap();
    let busy_with: Vec<_> = (0..6)
        .map(|_| busy.bind("tcp://127.0.0.1:*").unwrap())
        .collect();
    let pull = pull(&context);
    // A listener and a connection each.
    for _ in 0..3 {
        let push = home.push().build().unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        assert_eq!(server_of(&pull, || push.send("x").unwrap()), "t-1");
        next_of(&pull);
        // It stays.
        push.detach();
        support::until_alone(|count, time| pull.wait_for_peers(count, time));
    }
    // What is let go of does not count any more.
    for endpoint in busy_with {
        busy.unbind(endpoint).unwrap();
    }
    let push = home.push().build().unwrap();
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.wait_for_peers(1, PATIENCE).unwrap();
    assert_eq!(server_of(&pull, || push.send("x").unwrap()), "t-0");
}
