//! Many sockets at once, and many that come and go while their context ends.
#![allow(clippy::unwrap_used)]

mod peer;

use std::sync::{Arc, Barrier};
use std::thread;

use peer::{PATIENCE, ms};
use zocket::{ConnectError, Context, Pair, Pull, Push};

#[test]
fn three_hundred_sockets_talk_two_by_two() {
    let context = Context::new();
    let new = || Pair::builder().context(&context).build().unwrap();
    let pairs: Vec<(Pair, Pair)> = (0..150)
        .map(|n| {
            let (a, b) = (new(), new());
            let here = if n % 2 == 0 {
                format!("inproc://{n}")
            } else {
                "tcp://127.0.0.1:*".to_owned()
            };
            b.connect(a.bind(here).unwrap()).unwrap();
            (a, b)
        })
        .collect();
    for (n, (a, b)) in pairs.iter().enumerate() {
        a.wait_for_peers(1, PATIENCE).unwrap();
        b.wait_for_peers(1, PATIENCE).unwrap();
        a.send(format!("to b {n}")).unwrap();
        b.send(format!("to a {n}")).unwrap();
    }
    for (n, (a, b)) in pairs.iter().enumerate() {
        let (to_a, to_b) = (format!("to a {n}"), format!("to b {n}"));
        assert_eq!(a.recv_timeout(PATIENCE).unwrap(), to_a.as_str());
        assert_eq!(b.recv_timeout(PATIENCE).unwrap(), to_b.as_str());
    }
    for (n, (a, b)) in pairs.iter().enumerate() {
        if n % 3 == 0 {
            a.close().unwrap();
        }
        b.close().unwrap();
    }
    drop(pairs);
    context.terminate(PATIENCE).unwrap();
}

#[test]
fn a_hundred_threads_connect_and_close_while_the_context_ends() {
    const THREADS: usize = 100;
    for endpoint in ["tcp://127.0.0.1:*", "inproc://busy"] {
        let context = Context::new();
        let pull = Pull::builder().context(&context).build().unwrap();
        let here = pull.bind(endpoint).unwrap();
        let start = Arc::new(Barrier::new(THREADS + 1));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (context, here, start) = (context.clone(), here.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    let mut made = 0;
                    for _ in 0..10 {
                        let push = Push::builder().context(&context).linger(ms(0)).build();
                        let Ok(push) = push else { break };
                        match push.connect(&here) {
                            Ok(_) => made += 1,
                            Err(error) => {
                                assert!(matches!(error, ConnectError::Terminated), "{error}")
                            }
                        }
                        let _ = push.try_send("x");
                        let _ = push.close();
                    }
                    made
                })
            })
            .collect();
        start.wait();
        // In the middle of it, that is.
        if let Ok(message) = pull.recv_timeout(ms(100)) {
            assert_eq!(message, "x");
        }
        let _ = context.terminate(PATIENCE);
        let made: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
        assert!(made <= 10 * THREADS);
        assert!(pull.recv().is_err());
        context.terminate(PATIENCE).unwrap();
    }
}

#[test]
fn inproc_is_joined_whichever_side_comes_first_and_whoever_races() {
    for round in 0..200 {
        let context = Context::new();
        let push = Push::builder().context(&context).build().unwrap();
        let pull = Pull::builder().context(&context).build().unwrap();
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                push.connect("inproc://race").unwrap();
                push.send("first").unwrap();
            });
            start.wait();
            pull.bind("inproc://race").unwrap();
        });
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "first", "{round}");
        push.wait_for_peers(1, PATIENCE).unwrap();
        pull.wait_for_peers(1, PATIENCE).unwrap();
    }
}

#[test]
fn contexts_by_the_hundred() {
    for _ in 0..300 {
        let context = Context::new();
        let pull = Pull::builder().context(&context).build().unwrap();
        let push = Push::builder().context(&context).build().unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        push.send("x").unwrap();
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "x");
    }
}
