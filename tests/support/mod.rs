//! What every test here needs: a context of its own, endpoints nobody else has, and patience.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

pub(crate) mod parts;
pub(crate) mod polling;
pub(crate) mod tasks;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use zocket::{Builder, Context, Message, Pair, Pull, Push, WaitError};

/// How long anything may take before the test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long it takes to believe that nothing comes.
pub(crate) const QUIET: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Ipc,
    Inproc,
}

use Transport::{Inproc, Ipc, Tcp};

/// Every transport of this system.
pub(crate) const ALL: &[Transport] = if cfg!(unix) {
    &[Tcp, Ipc, Inproc]
} else {
    &[Tcp, Inproc]
};

/// Those with a kernel in between.
pub(crate) const WIRE: &[Transport] = if cfg!(unix) { &[Tcp, Ipc] } else { &[Tcp] };

/// A context and a directory that only one test uses; the directory goes with it.
pub(crate) struct Home {
    pub(crate) context: Context,
    directory: PathBuf,
}

fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Home {
    pub(crate) fn new() -> Self {
        let directory = env::temp_dir().join(format!("zocket-test-{}-{}", process::id(), next()));
        fs::create_dir_all(&directory).unwrap();
        Self {
            context: Context::new(),
            directory,
        }
    }

    /// Something to bind.
    pub(crate) fn endpoint(&self, transport: Transport) -> String {
        match transport {
            Tcp => "tcp://127.0.0.1:*".to_owned(),
            Ipc => format!("ipc://{}/{}", self.directory.display(), next()),
            Inproc => format!("inproc://{}", next()),
        }
    }

    /// A definite endpoint that nobody is bound to, and nobody else will be.
    pub(crate) fn vacant(&self, transport: Transport) -> String {
        if transport != Tcp {
            return self.endpoint(transport);
        }
        // Where there is more than one loopback address, take one that no other test uses.
        let address = if cfg!(target_os = "linux") {
            let [_, a, b, c] = (process::id().wrapping_mul(64).wrapping_add(next())).to_be_bytes();
            Ipv4Addr::new(127, a, b, c.clamp(2, 254))
        } else {
            Ipv4Addr::LOCALHOST
        };
        let listener = TcpListener::bind((address, 0)).unwrap();
        format!("tcp://{}", listener.local_addr().unwrap())
    }

    pub(crate) fn push(&self) -> Builder<Push> {
        quick(Push::builder().context(&self.context))
    }

    pub(crate) fn pull(&self) -> Builder<Pull> {
        quick(Pull::builder().context(&self.context))
    }

    pub(crate) fn pair(&self) -> Builder<Pair> {
        quick(Pair::builder().context(&self.context))
    }

    /// A socket of any type here, as `home.of(Req::builder())`.
    pub(crate) fn of<T: zocket::SocketKind>(&self, builder: Builder<T>) -> Builder<T> {
        quick(builder.context(&self.context))
    }
}

/// No test wants to wait ten seconds for the next attempt to connect.
fn quick<T: zocket::SocketKind>(builder: Builder<T>) -> Builder<T> {
    builder
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(50))
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Binds the one at a place of its own, connects the other, and waits until they have met.
#[macro_export]
macro_rules! meet {
    ($home:expr, $transport:expr, $binds:expr, $connects:expr) => {
        let here = $binds.bind($home.endpoint($transport)).unwrap();
        $connects.connect(&here).unwrap();
        $binds.wait_for_peers(1, $crate::support::PATIENCE).unwrap();
        $connects
            .wait_for_peers(1, $crate::support::PATIENCE)
            .unwrap();
    };
}

/// Tries until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::yield_now();
    }
}

/// Waits until no peer is left; `wait_for_peers` is the socket's.
pub(crate) fn until_alone(wait_for_peers: impl Fn(usize, Duration) -> Result<(), WaitError>) {
    until("the peers leave", || {
        wait_for_peers(1, Duration::ZERO) == Err(WaitError::Timeout { ready: 0 })
    });
}

/// Sends numbers, from `first` on, until there is no room; how many went in.
pub(crate) fn fill(push: &Push, first: usize) -> usize {
    let mut count = 0;
    loop {
        match push.try_send((first + count).to_string()) {
            Ok(()) => count += 1,
            Err(error) => {
                assert!(error.is_full(), "{error}");
                assert_eq!(error.into_message(), (first + count).to_string());
                return count;
            }
        }
    }
}

/// The next message.
pub(crate) fn next_of(pull: &Pull) -> Message {
    pull.recv_timeout(PATIENCE).expect("a message in time")
}

/// Receives the numbers of a range, in order.
pub(crate) fn expect_numbers(pull: &Pull, numbers: std::ops::Range<usize>) {
    for number in numbers {
        assert_eq!(next_of(pull), number.to_string());
    }
}

/// Waits until everything that the socket has counted adds up, as it must when nothing is on the move.
pub(crate) fn until_it_adds_up(stats: impl Fn() -> zocket::Stats) {
    until("the counts add up", || {
        let stats = stats();
        let sent = stats.written.messages + stats.send_queue.messages + stats.dropped.total();
        let got = stats.returned.messages + stats.recv_queue.messages + stats.discarded.total();
        stats.accepted.messages == sent && stats.arrived.messages == got
    });
}

/// A PUSH and a PULL that know each other, with room for so many messages each.
pub(crate) fn joined(home: &Home, transport: Transport, hwm: usize) -> (Push, Pull) {
    let push = home.push().send_hwm(hwm).build().unwrap();
    let pull = home.pull().recv_hwm(hwm).build().unwrap();
    push.connect(pull.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    push.wait_for_peers(1, PATIENCE).unwrap();
    pull.wait_for_peers(1, PATIENCE).unwrap();
    (push, pull)
}

/// Sends numbers to who counts what it takes, alone as well as in numbers, until all are taken.
pub(crate) fn send_until_taken(push: &Push, numbers: usize, count: &AtomicUsize) {
    let taken = |number: usize| move || count.load(Ordering::SeqCst) == number;
    for number in 0..numbers {
        push.send(number.to_string()).unwrap();
        if number % 20 == 0 {
            until("it is taken", taken(number + 1));
        }
    }
    until("all of it is taken", taken(numbers));
}
