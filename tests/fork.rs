//! A child process that inherits sockets never hangs in them and does not disturb the parent's: every
//! call that would wait says `Terminated`, and a context of its own works.
#![cfg(all(unix, not(target_os = "macos")))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitOptions, waitpid};
use support::tasks::block_on;
use support::{ALL, Home, PATIENCE, WIRE, joined, next_of};
use zocket::{
    BindError, BuildError, ConnectError, Context, Interest, PollError, Poller, Pull, Push,
    RecvError, SendFailure, UnbindError, WaitError,
};

unsafe extern "C" {
    fn fork() -> i32;
    fn _exit(code: i32) -> !;
    fn alarm(seconds: u32) -> u32;
}

/// One test at a time: a child inherits whatever lock another thread held.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does this in a child process; the test fails if it panics or hangs there.
#[track_caller]
fn in_child(what: impl FnOnce()) {
    // SAFETY: a child of a process with threads may do little more than end, in principle. This one has
    // a memory allocator that is made for it, touches no lock that another thread may have held (no
    // other test's sockets, no standard streams unless it fails), and ends by `_exit`. Should it hang
    // all the same, the alarm ends it.
    match unsafe { fork() } {
        -1 => panic!("cannot fork"),
        0 => {
            // SAFETY: sets a timer of this process.
            unsafe { alarm(60) };
            let done = catch_unwind(AssertUnwindSafe(what)).is_ok();
            // SAFETY: ends this process, with nothing of the parent's being run or flushed.
            unsafe { _exit(i32::from(!done)) }
        }
        child => {
            let (_, status) = waitpid(Pid::from_raw(child), WaitOptions::empty())
                .unwrap()
                .unwrap();
            let how = (status.exit_status(), status.terminating_signal());
            assert_eq!(how, (Some(0), None), "the child failed, or hung");
        }
    }
}

#[test]
fn what_was_inherited_is_terminated_and_what_is_made_anew_works() {
    let _alone = alone();
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 0);
        let full = home.push().send_hwm(1).build().unwrap();
        let nowhere = home.vacant(transport);
        full.connect(&*nowhere).unwrap();
        full.send("there is room for one").unwrap();
        let here = pull.last_endpoint().unwrap();
        let monitor = pull.monitor();
        let poller = Poller::new();
        poller.add(&pull, 0, Interest::READABLE).unwrap();
        push.send("before").unwrap();
        assert_eq!(next_of(&pull), "before");

        in_child(|| {
            let begun = Instant::now();
            assert_eq!(pull.recv(), Err(RecvError::Terminated));
            assert_eq!(pull.recv_timeout(PATIENCE), Err(RecvError::Terminated));
            assert_eq!(block_on(pull.recv_async()), Err(RecvError::Terminated));
            let failed = full.send("no room").unwrap_err();
            assert_eq!(failed.reason, SendFailure::Terminated);
            let failed = block_on(full.send_async("no room")).unwrap_err();
            assert_eq!(failed.reason, SendFailure::Terminated);
            let failed = push.wait_for_peers(2, PATIENCE);
            assert_eq!(failed, Err(WaitError::Terminated));
            let failed = block_on(push.wait_for_peers_async(2));
            assert_eq!(failed, Err(WaitError::Terminated));
            let failed = pull.bind("tcp://127.0.0.1:*");
            assert!(matches!(failed, Err(BindError::Terminated)));
            let failed = push.connect("tcp://127.0.0.1:1");
            assert!(matches!(failed, Err(ConnectError::Terminated)));
            let failed = pull.unbind(&here);
            assert!(matches!(failed, Err(UnbindError::Terminated)));
            assert!(push.disconnect(&here).is_err());
            assert!(push.flush(PATIENCE).is_err());
            assert_eq!(monitor.iter().count(), 0);
            let mut events = Vec::new();
            let waited = poller.wait(&mut events, None);
            assert!(
                matches!(waited, Ok(1) | Err(PollError::Forked)),
                "{waited:?}"
            );
            assert_eq!(full.close(), Ok(()));
            assert_eq!(block_on(push.close_async()), Ok(()));
            let failed = Push::builder().context(&home.context).build();
            assert!(matches!(failed, Err(BuildError::Terminated)));
            home.context.shutdown();
            assert_eq!(home.context.terminate(PATIENCE), Ok(()));
            // Nothing of this has waited.
            assert!(begun.elapsed() < PATIENCE);

            // With threads and descriptors of its own.
            let context = Context::new();
            let new_pull = Pull::builder().context(&context).build().unwrap();
            let new_push = Push::builder().context(&context).build().unwrap();
            let own = new_pull.bind("tcp://127.0.0.1:*").unwrap();
            new_push.connect(own).unwrap();
            new_push.send("from the child").unwrap();
            assert_eq!(next_of(&new_pull), "from the child");
            let (new_pull, new_push) = (Pull::new(), Push::new());
            new_push
                .connect(new_pull.bind("tcp://127.0.0.1:*").unwrap())
                .unwrap();
            new_push.send("by default").unwrap();
            assert_eq!(next_of(&new_pull), "by default");
            assert_eq!(context.terminate(PATIENCE), Ok(()));
        });

        push.send("after").unwrap();
        assert_eq!(next_of(&pull), "after");
        let late = home.pull().build().unwrap();
        late.bind(&*nowhere).unwrap();
        assert_eq!(next_of(&late), "there is room for one");
    }
}

#[test]
fn the_global_context_is_each_processs_own() {
    let _alone = alone();
    let (push, pull) = (Push::new(), Pull::new());
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send("one").unwrap();
    assert_eq!(next_of(&pull), "one");
    in_child(|| {
        assert_eq!(pull.recv(), Err(RecvError::Terminated));
        let (push, pull) = (Push::new(), Pull::new());
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        push.send("two").unwrap();
        assert_eq!(next_of(&pull), "two");
    });
    push.send("three").unwrap();
    assert_eq!(next_of(&pull), "three");
}

#[test]
fn a_child_that_drops_everything_ends_at_once_and_takes_nothing_away() {
    let _alone = alone();
    for &transport in WIRE {
        let home = Home::new();
        let context = Context::new();
        let pull = Pull::builder().context(&context).build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        // Its linger is for ever, and nobody will come.
        let push = Push::builder().context(&context).linger(None);
        let push = push.build().unwrap();
        push.connect(home.vacant(transport)).unwrap();
        push.send("stays").unwrap();
        let mut all = Some((context, pull, push));
        in_child(|| drop(all.take()));

        // The file, or the port, is there, and who listens is the parent.
        let sender = home.push().build().unwrap();
        sender.connect(&here).unwrap();
        sender.send("hello").unwrap();
        let (context, pull, push) = all.unwrap();
        assert_eq!(next_of(&pull), "hello");
        push.options().set_linger(Duration::ZERO).unwrap();
        assert_eq!(push.close().unwrap_err().messages, 1);
        context.terminate(PATIENCE).unwrap();
    }
}

#[test]
fn a_child_of_a_child_has_nothing_either() {
    let _alone = alone();
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    pull.bind("tcp://127.0.0.1:*").unwrap();
    in_child(|| {
        let own = Pull::new();
        own.bind("tcp://127.0.0.1:*").unwrap();
        in_child(|| {
            assert_eq!(pull.recv(), Err(RecvError::Terminated));
            assert_eq!(own.recv(), Err(RecvError::Terminated));
            Pull::new().bind("tcp://127.0.0.1:*").unwrap();
        });
        assert_eq!(own.recv_timeout(Duration::ZERO), Err(RecvError::Timeout));
    });
}

#[test]
fn what_a_child_sends_reaches_nobody() {
    let _alone = alone();
    for &transport in WIRE {
        let home = Home::new();
        let (push, pull) = (home.push().build().unwrap(), home.pull().build().unwrap());
        let here = pull.bind(home.endpoint(transport)).unwrap();
        push.connect(&here).unwrap();
        // Small, and so large that the thread that sends it may write it by itself.
        for bytes in [1, 64 << 10] {
            let message = |of: u8| vec![of; bytes];
            push.send(message(b'1')).unwrap();
            assert!(next_of(&pull) == message(b'1'));
            in_child(|| {
                for _ in 0..5 {
                    push.try_send(message(b'c')).unwrap();
                }
            });
            push.send(message(b'2')).unwrap();
            assert!(next_of(&pull) == message(b'2'), "{bytes} bytes");
        }
    }
}
