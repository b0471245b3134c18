//! A shutdown, or a close from another thread, ends every call.
#![allow(clippy::unwrap_used)]

mod peer;

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use peer::{PATIENCE, TempDir, ms, nobody};
use zocket::{
    BindError, BuildError, ConnectError, Context, Pair, Pull, Push, RecvError, SendFailure,
    TryRecvError, TrySendError, UnbindError, WaitError,
};

/// How a blocked call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Terminated,
    Closed,
    Otherwise,
}

struct Sockets {
    push: Arc<Push>,
    pull: Arc<Pull>,
    pair: Arc<Pair>,
}

/// Sockets whose peers never come, with full queues.
fn sockets(context: &Context, endpoint: &str) -> Sockets {
    let push = Push::builder().context(context).send_hwm(1).linger(ms(0));
    let push = push.build().unwrap();
    push.connect(endpoint).unwrap();
    push.send("fills the queue").unwrap();
    let pull = Pull::builder().context(context).build().unwrap();
    pull.connect(endpoint).unwrap();
    let pair = Pair::builder().context(context).send_hwm(1).linger(ms(0));
    let pair = pair.build().unwrap();
    pair.connect(endpoint).unwrap();
    pair.send("fills the queue").unwrap();
    Sockets {
        push: Arc::new(push),
        pull: Arc::new(pull),
        pair: Arc::new(pair),
    }
}

/// Blocks two threads in every call; each tells how that ended.
fn block(sockets: &Sockets) -> (mpsc::Receiver<(&'static str, How)>, usize) {
    fn sent(reason: SendFailure) -> How {
        match reason {
            SendFailure::Terminated => How::Terminated,
            SendFailure::Closed => How::Closed,
            _ => How::Otherwise,
        }
    }
    fn received(error: RecvError) -> How {
        match error {
            RecvError::Terminated => How::Terminated,
            RecvError::Closed => How::Closed,
            _ => How::Otherwise,
        }
    }
    fn waited(error: WaitError) -> How {
        match error {
            WaitError::Terminated => How::Terminated,
            WaitError::Closed => How::Closed,
            _ => How::Otherwise,
        }
    }
    type Call = Box<dyn FnOnce() -> How + Send>;
    let (tell, told) = mpsc::channel();
    let mut threads = 0;
    for _ in 0..2 {
        let (push, pull, pair) = (&sockets.push, &sockets.pull, &sockets.pair);
        let calls: Vec<(&'static str, Call)> = vec![
            ("push.send", {
                let push = push.clone();
                Box::new(move || sent(push.send("x").unwrap_err().reason))
            }),
            ("push.send_timeout", {
                let push = push.clone();
                Box::new(move || sent(push.send_timeout("x", 9 * PATIENCE).unwrap_err().reason))
            }),
            ("push.wait_for_peers", {
                let push = push.clone();
                Box::new(move || waited(push.wait_for_peers(1, 9 * PATIENCE).unwrap_err()))
            }),
            ("pull.recv", {
                let pull = pull.clone();
                Box::new(move || received(pull.recv().unwrap_err()))
            }),
            ("pull.recv_timeout", {
                let pull = pull.clone();
                Box::new(move || received(pull.recv_timeout(9 * PATIENCE).unwrap_err()))
            }),
            ("pull.iter", {
                let pull = pull.clone();
                Box::new(move || {
                    assert!(pull.iter().next().is_none());
                    received(pull.recv().unwrap_err())
                })
            }),
            ("pair.send", {
                let pair = pair.clone();
                Box::new(move || sent(pair.send("x").unwrap_err().reason))
            }),
            ("pair.recv", {
                let pair = pair.clone();
                Box::new(move || received(pair.recv().unwrap_err()))
            }),
        ];
        for (name, call) in calls {
            let tell = tell.clone();
            threads += 1;
            thread::spawn(move || tell.send((name, call())));
        }
    }
    // Nothing tells that a thread sleeps in its call; all must hold for one that is late, too.
    thread::sleep(ms(100));
    (told, threads)
}

fn all_end(told: &mpsc::Receiver<(&'static str, How)>, threads: usize, how: How) {
    let began = Instant::now();
    for _ in 0..threads {
        let (name, ended) = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(ended, how, "{name}");
    }
    // Promptly: some milliseconds, were the machine not busy.
    assert!(began.elapsed() < Duration::from_secs(5));
}

fn endpoints(dir: &TempDir) -> [String; 3] {
    [nobody(), dir.ipc("nobody"), "inproc://nobody".to_owned()]
}

#[test]
fn a_shutdown_ends_every_blocked_call() {
    let dir = TempDir::new();
    for endpoint in endpoints(&dir) {
        let context = Context::new();
        let sockets = sockets(&context, &endpoint);
        let (told, threads) = block(&sockets);
        context.shutdown();
        all_end(&told, threads, How::Terminated);
        context.shutdown();
    }
}

#[test]
fn a_close_ends_every_blocked_call() {
    let dir = TempDir::new();
    for endpoint in endpoints(&dir) {
        let context = Context::new();
        let sockets = sockets(&context, &endpoint);
        let (told, threads) = block(&sockets);
        assert_eq!(sockets.push.close().unwrap_err().messages, 1);
        sockets.pull.close().unwrap();
        assert_eq!(sockets.pair.close().unwrap_err().messages, 1);
        all_end(&told, threads, How::Closed);
    }
}

#[test]
fn with_peers_a_shutdown_ends_every_blocked_call_as_well() {
    for endpoint in ["tcp://127.0.0.1:*", "inproc://here"] {
        let context = Context::new();
        let pull = Arc::new(Pull::builder().context(&context).build().unwrap());
        let here = pull.bind(endpoint).unwrap();
        let push = Push::builder().context(&context).build().unwrap();
        push.connect(&here).unwrap();
        push.send("one").unwrap();
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "one");
        let blocked = {
            let pull = pull.clone();
            thread::spawn(move || pull.recv())
        };
        context.shutdown();
        assert_eq!(blocked.join().unwrap().unwrap_err(), RecvError::Terminated);
        assert_eq!(
            push.send("two").unwrap_err().reason,
            SendFailure::Terminated
        );
    }
}

#[test]
fn after_a_close_everything_says_closed() {
    let context = Context::new();
    let push = Push::builder().context(&context).build().unwrap();
    let pull = Pull::builder().context(&context).build().unwrap();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    push.connect(&here).unwrap();
    push.close().unwrap();
    pull.close().unwrap();
    // What came first counts.
    context.shutdown();
    let error = push.send("x").unwrap_err();
    assert_eq!(
        (error.reason, error.message),
        (SendFailure::Closed, "x".into())
    );
    assert!(matches!(push.try_send("x"), Err(TrySendError::Closed(message)) if message == "x"));
    assert_eq!(pull.recv(), Err(RecvError::Closed));
    assert_eq!(pull.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(pull.recv_timeout(PATIENCE), Err(RecvError::Closed));
    assert_eq!(pull.iter().count(), 0);
    assert_eq!(pull.wait_for_peers(0, PATIENCE), Err(WaitError::Closed));
    assert!(matches!(
        pull.bind("tcp://127.0.0.1:*"),
        Err(BindError::Closed)
    ));
    assert!(matches!(pull.bind("inproc://x"), Err(BindError::Closed)));
    assert!(matches!(push.connect(&here), Err(ConnectError::Closed)));
    assert!(matches!(
        push.connect("inproc://x"),
        Err(ConnectError::Closed)
    ));
    assert!(matches!(pull.unbind(&here), Err(UnbindError::Closed)));
    assert!(matches!(push.disconnect(&here), Err(UnbindError::Closed)));
}

#[test]
fn after_a_shutdown_everything_says_terminated() {
    let context = Context::new();
    let push = Push::builder().context(&context).build().unwrap();
    let pull = Pull::builder().context(&context).build().unwrap();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    push.connect(&here).unwrap();
    context.shutdown();
    let error = push.send("x").unwrap_err();
    assert_eq!(
        (error.reason, error.message),
        (SendFailure::Terminated, "x".into())
    );
    assert!(matches!(push.try_send("x"), Err(TrySendError::Terminated(message)) if message == "x"));
    assert_eq!(pull.recv(), Err(RecvError::Terminated));
    assert_eq!(pull.try_recv(), Err(TryRecvError::Terminated));
    assert_eq!(pull.iter().count(), 0);
    assert_eq!(pull.wait_for_peers(0, PATIENCE), Err(WaitError::Terminated));
    assert!(matches!(
        pull.bind("tcp://127.0.0.1:*"),
        Err(BindError::Terminated)
    ));
    assert!(matches!(
        pull.bind("inproc://x"),
        Err(BindError::Terminated)
    ));
    assert!(matches!(push.connect(&here), Err(ConnectError::Terminated)));
    assert!(matches!(
        push.connect("inproc://x"),
        Err(ConnectError::Terminated)
    ));
    assert!(matches!(pull.unbind(&here), Err(UnbindError::Terminated)));
    assert!(matches!(
        push.disconnect(&here),
        Err(UnbindError::Terminated)
    ));
    assert!(matches!(
        Pull::builder().context(&context).build(),
        Err(BuildError::Terminated)
    ));
    push.close().unwrap();
    pull.close().unwrap();
}

#[test]
fn a_shutdown_keeps_what_was_accepted_for_sending() {
    let context = Context::new();
    let push = Push::builder().context(&context).build().unwrap();
    let endpoint = nobody();
    push.connect(&*endpoint).unwrap();
    for n in 0..100 {
        push.send(n.to_string()).unwrap();
    }
    context.shutdown();
    let pull = Pull::builder().context(&Context::new()).build().unwrap();
    peer::eventually("the address can be bound", || pull.bind(&*endpoint).is_ok());
    push.close().unwrap();
    for n in 0..100 {
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), n.to_string().as_str());
    }
}

#[test]
fn terminate_says_what_was_left_and_for_whom() {
    let dir = TempDir::new();
    for endpoint in endpoints(&dir) {
        let context = Context::new();
        let push = Push::builder()
            .context(&context)
            .linger(None)
            .build()
            .unwrap();
        push.connect(&*endpoint).unwrap();
        for _ in 0..3 {
            push.send("four").unwrap();
        }
        let began = Instant::now();
        let unsent = context.terminate(ms(200)).unwrap_err();
        assert!(began.elapsed() >= ms(200), "{endpoint}");
        assert!(began.elapsed() < Duration::from_secs(10), "{endpoint}");
        assert_eq!((unsent.messages, unsent.bytes), (3, 12), "{endpoint}");
        assert_eq!(unsent.endpoints.len(), 1);
        assert_eq!(unsent.endpoints[0].endpoint, endpoint);
        assert_eq!(unsent.endpoints[0].messages, 3);
        assert_eq!(unsent.endpoints[0].bytes, 12);
        assert!(unsent.to_string().contains(&endpoint));
        assert_eq!(push.send("x").unwrap_err().reason, SendFailure::Terminated);
        let waited = push.wait_for_peers(1, PATIENCE);
        assert_eq!(waited, Err(WaitError::Terminated));
        let connected = push.connect(&*endpoint);
        assert!(matches!(connected, Err(ConnectError::Terminated)));
    }
}

#[test]
fn terminate_waits_for_all_sockets_at_once() {
    let dir = TempDir::new();
    let context = Context::new();
    let linger = Duration::from_secs(1);
    let pushes: Vec<Push> = (endpoints(&dir).into_iter().cycle().take(30))
        .map(|endpoint| {
            let push = Push::builder().context(&context).linger(linger);
            let push = push.build().unwrap();
            push.connect(&*endpoint).unwrap();
            push.send("in vain").unwrap();
            push
        })
        .collect();
    let began = Instant::now();
    let unsent = context.terminate(PATIENCE).unwrap_err();
    let took = began.elapsed();
    assert!(took >= linger, "{took:?}");
    assert!(took < 10 * linger, "{took:?}");
    assert_eq!(unsent.messages, pushes.len());
    // Nothing is left for a drop to wait for.
    drop(pushes);
    assert!(began.elapsed() < 10 * linger);
}

#[test]
fn terminate_is_ok_when_everything_is_flushed() {
    for endpoint in ["tcp://127.0.0.1:*", "inproc://flushed"] {
        let (context, other) = (Context::new(), Context::new());
        let far = if endpoint.starts_with("tcp") {
            &other
        } else {
            &context
        };
        let pull = Pull::builder().context(far).build().unwrap();
        let here = pull.bind(endpoint).unwrap();
        let push = Push::builder().context(&context).build().unwrap();
        push.connect(&here).unwrap();
        for n in 0..500 {
            push.send(n.to_string()).unwrap();
        }
        if endpoint.starts_with("tcp") {
            context.terminate(PATIENCE).unwrap();
            for n in 0..500 {
                let message = pull.recv_timeout(PATIENCE).unwrap();
                assert_eq!(message, n.to_string().as_str());
            }
        } else {
            for _ in 0..500 {
                pull.recv_timeout(PATIENCE).unwrap();
            }
            context.terminate(PATIENCE).unwrap();
        }
        // Again, and with nothing left to end.
        context.terminate(PATIENCE).unwrap();
    }
    Context::new().terminate(PATIENCE).unwrap();
}
