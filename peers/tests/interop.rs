//! zocket and libzmq understand each other: PUSH, PULL and PAIR, over tcp and ipc, either of
//! them binding; every size and every number of frames arrives as it was sent.

use std::sync::Mutex;
use std::thread;

use peers::join::{Binder, Joins, PATIENCE, join};
use peers::libzmq::{self, Kind};
use peers::scratch::{Scratch, Transport};
use zocket::{Frame, Message, Pair, Pull, Push};

/// Around every border that is known to matter: frames held in place (70), short headers (255),
/// libzmq's batches (8,192), and what fits no kernel buffer.
const SIZES: [usize; 12] = [
    0,
    1,
    33,
    34,
    70,
    71,
    255,
    256,
    8191,
    8192,
    64 << 10,
    1 << 20,
];

/// Each promise is a function of the transport and of who binds.
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
    push_reaches_libzmq_in_every_size
    pull_gets_from_libzmq_in_every_size
    push_reaches_libzmq_in_any_number_of_frames
    pull_gets_from_libzmq_in_any_number_of_frames
    pair_talks_with_libzmq_both_ways_at_once
    push_reaches_libzmq_with_64_mib
    pull_gets_from_libzmq_with_64_mib
}

#[test]
fn the_other_side_is_libzmq_4_3_5() {
    println!("libzmq {}", libzmq::version());
    assert_eq!(libzmq::version(), "4.3.5");
}

fn push_reaches_libzmq_in_every_size(transport: Transport, binder: Binder) {
    push_to_libzmq(transport, binder, &one_frame_each(&SIZES));
}

fn pull_gets_from_libzmq_in_every_size(transport: Transport, binder: Binder) {
    pull_from_libzmq(transport, binder, &one_frame_each(&SIZES));
}

fn push_reaches_libzmq_in_any_number_of_frames(transport: Transport, binder: Binder) {
    push_to_libzmq(transport, binder, &many_frames());
}

fn pull_gets_from_libzmq_in_any_number_of_frames(transport: Transport, binder: Binder) {
    pull_from_libzmq(transport, binder, &many_frames());
}

fn push_reaches_libzmq_with_64_mib(transport: Transport, binder: Binder) {
    let _one_at_a_time = LARGE.lock();
    push_to_libzmq(transport, binder, &one_frame_each(&[64 << 20, 1]));
}

fn pull_gets_from_libzmq_with_64_mib(transport: Transport, binder: Binder) {
    let _one_at_a_time = LARGE.lock();
    pull_from_libzmq(transport, binder, &one_frame_each(&[64 << 20, 1]));
}

fn pair_talks_with_libzmq_both_ways_at_once(transport: Transport, binder: Binder) {
    let mut script = one_frame_each(&SIZES);
    script.extend(many_frames());
    let pair = Pair::new();
    let (_scratch, other) = joined(transport, binder, &pair, Kind::Pair);
    // One libzmq socket is for one thread: it answers each message with the next of the script,
    // while ours sends the whole script and receives it at the same time.
    thread::scope(|scope| {
        scope.spawn(|| {
            for parts in &script {
                assert_same(&receive_from_libzmq(&other), parts);
                other.send(parts).expect("libzmq sends");
            }
            other
        });
        scope.spawn(|| send_all(&script, |message| pair.send_timeout(message, PATIENCE)));
        for parts in &script {
            assert_same(
                &parts_of(&pair.recv_timeout(PATIENCE).expect("zocket receives")),
                parts,
            );
        }
    });
}

/// The large ones take turns, so that many cores do not mean much memory.
static LARGE: Mutex<()> = Mutex::new(());

type Parts = Vec<Vec<u8>>;

fn push_to_libzmq(transport: Transport, binder: Binder, script: &[Parts]) {
    let push = Push::new();
    let (_scratch, pull) = joined(transport, binder, &push, Kind::Pull);
    thread::scope(|scope| {
        scope.spawn(|| send_all(script, |message| push.send_timeout(message, PATIENCE)));
        for parts in script {
            assert_same(&receive_from_libzmq(&pull), parts);
        }
    });
    push.close().expect("nothing is left unsent");
}

fn pull_from_libzmq(transport: Transport, binder: Binder, script: &[Parts]) {
    let pull = Pull::new();
    let (_scratch, push) = joined(transport, binder, &pull, Kind::Push);
    thread::scope(|scope| {
        scope.spawn(move || {
            for parts in script {
                push.send(parts).expect("libzmq sends");
            }
        });
        for parts in script {
            assert_same(
                &parts_of(&pull.recv_timeout(PATIENCE).expect("zocket receives")),
                parts,
            );
        }
    });
}

fn joined(
    transport: Transport,
    binder: Binder,
    zocket: &impl Joins,
    kind: Kind,
) -> (Scratch, libzmq::Socket) {
    let scratch = Scratch::new();
    let socket = libzmq::Context::new()
        .socket(kind)
        .expect("a libzmq socket");
    join(&scratch, transport, binder, zocket, &socket);
    (scratch, socket)
}

fn send_all<E: std::fmt::Debug>(script: &[Parts], send: impl Fn(Message) -> Result<(), E>) {
    for parts in script {
        let frames: Vec<Frame> = parts.iter().map(|part| Frame::from(part.clone())).collect();
        send(Message::from(frames)).expect("zocket sends");
    }
}

fn receive_from_libzmq(socket: &libzmq::Socket) -> Parts {
    let parts = socket.recv().expect("libzmq receives");
    parts.iter().map(|part| part.to_vec()).collect()
}

fn parts_of(message: &Message) -> Parts {
    message.frames().map(|frame| frame.to_vec()).collect()
}

/// Without printing 64 MiB when it fails.
fn assert_same(found: &Parts, sent: &Parts) {
    assert_eq!(found.len(), sent.len(), "number of frames");
    for (index, (found, sent)) in found.iter().zip(sent).enumerate() {
        assert_eq!(
            found.len(),
            sent.len(),
            "size of frame {index} of {}",
            sent.len()
        );
        assert!(
            found == sent,
            "frame {index} of {} bytes arrived changed",
            sent.len()
        );
    }
}

fn one_frame_each(sizes: &[usize]) -> Vec<Parts> {
    sizes.iter().map(|&size| vec![pattern(size)]).collect()
}

/// Messages of 1 to 1,000 frames: all empty, none empty, and empty ones in every place.
fn many_frames() -> Vec<Parts> {
    let mut script = Vec::new();
    for count in [1, 2, 3, 10, 255, 256, 999, 1000] {
        script.push(vec![Vec::new(); count]);
        script.push(
            (0..count)
                .map(|index| pattern(SIZES[1 + index % 9]))
                .collect(),
        );
        script.push((0..count).map(|index| pattern(index % 3 * 40)).collect());
    }
    script.push(vec![pattern(5), Vec::new(), Vec::new()]);
    script.push(vec![Vec::new(), pattern(1 << 20), Vec::new(), pattern(300)]);
    script
}

/// Bytes in which a piece that is moved or missing shows: they repeat after a prime number.
fn pattern(size: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..size.min(251)).map(|index| index as u8).collect();
    while bytes.len() < size {
        let more = bytes.len().min(size - bytes.len());
        bytes.extend_from_within(..more);
    }
    bytes
}
