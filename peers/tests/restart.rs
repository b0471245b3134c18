//! The libzmq side is killed and started again while numbered messages flow: no message comes
//! twice, out of order or torn, and the gap is no larger than what the kernel and the dead
//! process can have held.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use peers::helper::{Helper, Report};
use peers::join::{Binder, PATIENCE};
use peers::numbered::Number;
use peers::scratch::{Scratch, Transport};
use zocket::{Frame, Message, Pull, Push};

const HELPER: &str = env!("CARGO_BIN_EXE_libzmq-peer");

/// How often the other side is killed in one test.
const KILLS: u32 = 3;
/// How many messages each life gets through before it is killed.
const LIFE: usize = 1_500;
/// Bytes in the body of a message: enough to make few of them fill the kernel's buffers.
const BODY: usize = 4 << 10;
const WIRE_SIZE: usize = Number::wire_size(BODY);
/// Queue limits of the dead process and of ours.
const HELPER_HWM: usize = 50;
const OUR_HWM: usize = 50;
/// What the helper asks for as its kernel buffers. Linux doubles it.
const HELPER_BUFFER: usize = 64 << 10;
/// What libzmq reads or writes at once.
const LIBZMQ_BATCH: usize = 8 << 10;

macro_rules! kept_everywhere {
    ($($promise:ident)*) => {$(
        mod $promise {
            use super::{Binder, Transport};

            #[test]
            fn over_tcp_zocket_binds() {
                super::$promise(Transport::Tcp, Binder::Zocket);
            }

            #[test]
            fn over_tcp_libzmq_binds() {
                super::$promise(Transport::Tcp, Binder::Libzmq);
            }

            #[test]
            fn over_ipc_zocket_binds() {
                super::$promise(Transport::Ipc, Binder::Zocket);
            }

            #[test]
            fn over_ipc_libzmq_binds() {
                super::$promise(Transport::Ipc, Binder::Libzmq);
            }
        }
    )*};
}

kept_everywhere! {
    push_outlives_its_receiver
    pull_outlives_its_sender
}

fn push_outlives_its_receiver(transport: Transport, binder: Binder) {
    let bound = lost_with_a_receiver(transport, binder);
    // Enough for every life and every gap, and then a life that sees the end.
    let total = (KILLS as usize * (LIFE + bound) + 2 * LIFE) as u64;

    let scratch = Scratch::new();
    let push = Push::builder()
        .send_hwm(OUR_HWM)
        .reconnect_interval(Duration::from_millis(20))
        .linger(PATIENCE)
        .build()
        .expect("a push socket");
    let push = Arc::new(push);
    let settings = [
        format!("receive-hwm={HELPER_HWM}"),
        format!("receive-buffer={HELPER_BUFFER}"),
        format!("body={BODY}"),
    ];
    let Start {
        mut helper,
        restart,
    } = start(
        &scratch,
        transport,
        binder,
        "pull",
        &settings,
        |step| match step {
            Step::Bind(endpoint) => push.bind(endpoint).expect("zocket binds").to_string(),
            Step::Connect(endpoint) => push.connect(endpoint).expect("zocket connects").to_string(),
        },
    );

    let sender = thread::spawn({
        let push = Arc::clone(&push);
        move || {
            for number in 0..total {
                let frames = Number {
                    generation: 0,
                    number,
                }
                .frames(BODY)
                .map(Frame::from);
                push.send_timeout(Message::from(frames.to_vec()), PATIENCE)
                    .expect("zocket sends");
            }
        }
    });

    let mut got = Vec::new();
    for life in 0..KILLS {
        let begun = got.len();
        while got.len() < begun + LIFE {
            got.push(number_got(helper.next(PATIENCE)));
        }
        got.extend(helper.kill().into_iter().map(number_got));
        let gap = largest_gap(&got, begun);
        println!(
            "life {life}: {} messages after a gap of {gap}; at most {bound}",
            got.len() - begun
        );
        assert!(
            gap <= bound as u64,
            "{gap} messages lost, at most {bound} are explained"
        );
        helper = Helper::start(HELPER, &strs(&restart));
    }
    let begun = got.len();
    while got.last().is_none_or(|&last| last + 1 < total) {
        got.push(number_got(helper.next(PATIENCE)));
    }
    let gap = largest_gap(&got, begun);
    assert!(
        gap <= bound as u64,
        "{gap} messages lost, at most {bound} are explained"
    );
    sender.join().expect("the sender ends well");
    // Not closed earlier: libzmq gives up what an ipc connection still holds when that is closed
    // while its own queue is full.
    push.close().expect("nothing is left unsent");
}

fn pull_outlives_its_sender(transport: Transport, binder: Binder) {
    let bound = lost_with_a_sender(transport);
    // What is sent by a sender that is not killed.
    const ENOUGH: u64 = 2 * LIFE as u64;

    let scratch = Scratch::new();
    let pull = Pull::builder()
        .recv_hwm(OUR_HWM)
        .reconnect_interval(Duration::from_millis(20))
        .build()
        .expect("a pull socket");
    let settings = [
        format!("send-hwm={HELPER_HWM}"),
        format!("send-buffer={HELPER_BUFFER}"),
        format!("body={BODY}"),
    ];
    let endless = ["generation=0".to_owned(), "count=1000000000".to_owned()];
    let first = [&settings[..], &endless[..]].concat();
    let Start {
        mut helper,
        restart,
    } = start(
        &scratch,
        transport,
        binder,
        "push",
        &first,
        |step| match step {
            Step::Bind(endpoint) => pull.bind(endpoint).expect("zocket binds").to_string(),
            Step::Connect(endpoint) => pull.connect(endpoint).expect("zocket connects").to_string(),
        },
    );
    let [kind, side, endpoint, ..] = restart.as_slice() else {
        unreachable!("it has more words")
    };
    let restart = [
        &[kind.clone(), side.clone(), endpoint.clone()][..],
        &settings[..],
    ]
    .concat();

    // Of each life: how many messages arrived, and how many the sender is known to have sent.
    // The next number is the count: anything else is lost, doubled or out of place.
    let mut arrived = vec![0_u64];
    let mut sent = Vec::new();
    for life in 0..KILLS {
        while arrived[life as usize] < LIFE as u64 {
            count_one(&pull, &mut arrived);
        }
        let said = helper.kill();
        sent.push(
            said.iter()
                .rev()
                .find_map(sent_so_far)
                .expect("it said what it sent"),
        );
        let count = if life + 1 < KILLS {
            1_000_000_000
        } else {
            ENOUGH
        };
        let next = [format!("generation={}", life + 1), format!("count={count}")];
        helper = Helper::start(HELPER, &strs(&[&restart[..], &next[..]].concat()));
        arrived.push(0);
    }
    while arrived[KILLS as usize] < ENOUGH {
        count_one(&pull, &mut arrived);
    }
    for (life, (&arrived, &sent)) in arrived.iter().zip(&sent).enumerate() {
        println!("life {life}: {arrived} of {sent} messages; at most {bound} may be lost");
        // It may have died between sending and saying so.
        assert!(
            arrived <= sent + 1,
            "{arrived} messages arrived, {sent} were sent"
        );
        assert!(
            sent <= arrived + bound as u64,
            "{arrived} of {sent} arrived, {bound} may be lost"
        );
    }
    drop(helper);
}

/// The most messages that are lost with a receiver.
fn lost_with_a_receiver(transport: Transport, binder: Binder) -> usize {
    // Read, but not yet said; being received; half sent.
    let under_way = 3;
    let bytes = kernel_holds(transport) + LIBZMQ_BATCH;
    let ours = match binder {
        // The queue for a peer that connected to us goes with it.
        Binder::Zocket => OUR_HWM,
        // The queue for a peer that we connect to is kept.
        Binder::Libzmq => 0,
    };
    HELPER_HWM + bytes.div_ceil(WIRE_SIZE) + under_way + ours
}

/// The most messages that are lost with a sender: what it had queued and was writing. What it
/// had written whole still arrives, however the kernel holds it.
fn lost_with_a_sender(_transport: Transport) -> usize {
    // Being sent, half written.
    let under_way = 2;
    HELPER_HWM + (LIBZMQ_BATCH + 2 * HELPER_BUFFER).div_ceil(WIRE_SIZE) + under_way
}

/// The most bytes that the kernel holds of what zocket wrote and the helper has not read.
fn kernel_holds(transport: Transport) -> usize {
    // A buffer takes one more piece while it has any room.
    let one_more = 64 << 10;
    match transport {
        Transport::Tcp => {
            let ours = limit("/proc/sys/net/ipv4/tcp_wmem", 4 << 20);
            ours + 2 * HELPER_BUFFER + one_more
        }
        Transport::Ipc => {
            let ours = limit("/proc/sys/net/core/wmem_default", 208 << 10);
            ours + 2 * HELPER_BUFFER + one_more
        }
    }
}

/// The last number in a file of the kernel's settings.
fn limit(path: impl AsRef<Path>, otherwise: usize) -> usize {
    fs::read_to_string(path)
        .ok()
        .and_then(|text| text.split_whitespace().last()?.parse().ok())
        .unwrap_or(otherwise)
}

/// A running helper, and the words that start another one in its place.
struct Start {
    helper: Helper,
    restart: Vec<String>,
}

/// What zocket is to do with an endpoint.
enum Step<'a> {
    Bind(&'a str),
    Connect(&'a str),
}

/// Starts the helper and joins it with the zocket socket behind `zocket`.
fn start(
    scratch: &Scratch,
    transport: Transport,
    binder: Binder,
    kind: &str,
    settings: &[String],
    zocket: impl Fn(Step<'_>) -> String,
) -> Start {
    let endpoint = scratch.endpoint(transport);
    let task = |side: &str, endpoint: &str| {
        let words = [kind.to_owned(), side.to_owned(), endpoint.to_owned()];
        [&words[..], settings].concat()
    };
    match binder {
        Binder::Zocket => {
            let restart = task("connect", &zocket(Step::Bind(&endpoint)));
            Start {
                helper: Helper::start(HELPER, &strs(&restart)),
                restart,
            }
        }
        Binder::Libzmq => {
            let helper = Helper::start(HELPER, &strs(&task("bind", &endpoint)));
            let restart = task("bind", helper.endpoint());
            zocket(Step::Connect(helper.endpoint()));
            Start { helper, restart }
        }
    }
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn number_got(report: Report) -> u64 {
    match report {
        Report::Got(Number { number, .. }) => number,
        other => panic!("a receiver said {other}"),
    }
}

/// How many messages the sender had sent when it said this.
fn sent_so_far(report: &Report) -> Option<u64> {
    match report {
        Report::Sent(Number { number, .. }) => Some(number + 1),
        _ => None,
    }
}

/// How many numbers are missing where the life that starts at `begun` starts, all others being
/// in order and without gap.
fn largest_gap(got: &[u64], begun: usize) -> u64 {
    for pair in got[begun..].windows(2) {
        assert_eq!(
            pair[1],
            pair[0] + 1,
            "lost, doubled or out of place within one connection"
        );
    }
    let expected = if begun == 0 { 0 } else { got[begun - 1] + 1 };
    let first = got[begun];
    assert!(
        first >= expected,
        "message {first} came again: {expected} was next"
    );
    first - expected
}

/// Receives one message and counts it to the life that sent it, where it must be the next.
fn count_one(pull: &Pull, arrived: &mut [u64]) {
    let message = pull.recv_timeout(PATIENCE).expect("zocket receives");
    let frames: Vec<&[u8]> = message.frames().map(|frame| &frame[..]).collect();
    let Number { generation, number } = Number::of(&frames, BODY).expect("a whole message");
    let next = &mut arrived[generation as usize];
    assert_eq!(
        number, *next,
        "lost, doubled or out of place within life {generation}"
    );
    *next += 1;
}
