//! Nothing is woken while nothing happens, and no heartbeats are asked for.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as promised"
)]

mod support;
#[path = "../examples/support/threads.rs"]
mod threads;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use support::{Home, PATIENCE, WIRE, until};
use threads::Threads;

const SOCKETS: usize = 1000;
const CONNECTED: usize = 100;

/// Set in the child, which has nothing else to do.
const CHILD: &str = "ZOCKET_TEST_IDLE_CHILD";

#[test]
fn an_idle_process_sleeps() {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "idles", "--nocapture", "--test-threads=1"])
        .env(CHILD, "yes")
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:#?}");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(said.contains("has slept"), "{said}");
}

/// The child: a thousand futures wait, at sockets with and without a connection.
#[test]
fn idles() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let home = Home::new();
    let mut bound = Vec::new();
    let mut pulls = Vec::new();
    for &transport in WIRE {
        let push = home.push().heartbeat_interval(None).build().unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        for _ in 0..CONNECTED {
            let pull = home.pull().heartbeat_interval(None);
            let pull = Arc::new(pull.build().unwrap());
            pull.connect(&here).unwrap();
            pulls.push(pull);
        }
        push.wait_for_peers(CONNECTED, PATIENCE).unwrap();
        bound.push(push);
    }
    pulls.resize_with(SOCKETS, || Arc::new(home.pull().build().unwrap()));

    let waiting = thread::Builder::new().name("executor".to_owned());
    let all = pulls.clone();
    let waiting = waiting
        .spawn(move || {
            let executor = smol::LocalExecutor::new();
            let tasks: Vec<_> = all
                .into_iter()
                .map(|pull| executor.spawn(async move { pull.recv_async().await }))
                .collect();
            smol::future::block_on(executor.run(async {
                let mut got = 0;
                for task in tasks {
                    got += usize::from(task.await.is_ok());
                }
                got
            }))
        })
        .unwrap();

    // Of the test's own threads nothing is promised.
    let woken = |time: Duration| {
        let before = Threads::now();
        thread::sleep(time);
        let done = Threads::now().since(&before);
        let ours = done
            .iter()
            .filter(|((name, _), _)| name == "executor" || name.starts_with("zocket-io"));
        let ours: Vec<_> = ours.collect();
        assert_eq!(ours.len(), 2, "{done:?}");
        ours.iter().map(|(_, done)| done.switches).sum::<u64>()
    };
    // What has just begun comes to an end.
    until("it is quiet", || woken(Duration::from_millis(200)) == 0);
    assert_eq!(woken(Duration::from_secs(2)), 0, "woken for nothing");
    println!("has slept");

    // They really waited.
    for push in &bound {
        for _ in 0..CONNECTED {
            push.send("good morning").unwrap();
        }
    }
    until("all have a message", || {
        let returned = pulls.iter().map(|pull| pull.stats().returned.messages);
        returned.sum::<u64>() == (bound.len() * CONNECTED) as u64
    });
    home.context.shutdown();
    assert_eq!(waiting.join().unwrap(), bound.len() * CONNECTED);
}
