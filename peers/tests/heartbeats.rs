//! Heartbeats between zocket and libzmq, with libzmq's on and off: a link that is idle for long
//! stays, a slow receiver is not taken for dead, and a process that has stopped is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::thread;
use std::time::{Duration, Instant};

use peers::end::{PATIENCE, hear_from_libzmq, socket};
use peers::helper::{Helper, Report};
use peers::join::Binder;
use peers::libzmq::{self, Kind, Opt};
use peers::meeting::Link;
use peers::numbered::Number;
use peers::over_every_link;
use peers::scratch::Scratch;
use zocket::{Builder, Dealer, Frame, Message, Pair, Pull, Push, SocketKind};

const HELPER: &str = env!("CARGO_BIN_EXE_libzmq-peer");

const INTERVAL: Duration = Duration::from_millis(50);
/// What a process that runs never needs to answer, however busy the machine is.
const AMPLE: Duration = Duration::from_secs(10);
/// What a process that has stopped is given.
const SHORT: Duration = Duration::from_millis(300);
/// Long against the interval.
const IDLE: Duration = Duration::from_millis(1500);

over_every_link! {
    an_idle_link_stays_whatever_libzmq_does
    libzmq_answers_us_and_we_answer_it
    a_slow_receiver_of_theirs_is_not_taken_for_dead
    a_slow_receiver_of_ours_is_not_taken_for_dead_by_us
    a_libzmq_that_has_stopped_is_noticed
    a_libzmq_with_a_ttl_that_has_stopped_is_noticed_though_messages_wait
}

fn ours<T: SocketKind>(builder: Builder<T>, timeout: Duration) -> Builder<T> {
    builder
        .heartbeat_interval(INTERVAL)
        .heartbeat_timeout(timeout)
        .reconnect_interval(Duration::from_millis(20))
}

fn theirs(kind: Kind, interval: Duration, timeout: Duration, ttl: Duration) -> libzmq::Socket {
    let socket = socket(kind);
    for (option, time) in [
        (Opt::HeartbeatInterval, interval),
        (Opt::HeartbeatTimeout, timeout),
        (Opt::HeartbeatTtl, ttl),
    ] {
        socket.set(option, time.as_millis() as i32).unwrap();
    }
    socket
}

fn an_idle_link_stays_whatever_libzmq_does(link: Link) {
    for socket in [
        socket(Kind::Pair),
        theirs(Kind::Pair, INTERVAL, AMPLE, Duration::ZERO),
        theirs(Kind::Pair, INTERVAL, AMPLE, AMPLE),
    ] {
        let pair = ours(Pair::builder(), AMPLE).build().unwrap();
        let _joint = link.join(&pair, &socket);
        let events = socket.monitor().unwrap();
        pair.send("before").unwrap();
        assert_eq!(hear_from_libzmq(&socket, PATIENCE).unwrap(), [b"before"]);
        assert_eq!(events.next(IDLE).unwrap(), None, "it stays");
        pair.send("after").unwrap();
        assert_eq!(hear_from_libzmq(&socket, PATIENCE).unwrap(), [b"after"]);
        socket.send(&["back"]).unwrap();
        assert_eq!(pair.recv_timeout(PATIENCE).unwrap(), "back");
    }
}

/// Each side has a timeout that only the other's answers keep off.
fn libzmq_answers_us_and_we_answer_it(link: Link) {
    let limit = Duration::from_millis(1000);
    for (our_interval, their_interval) in [
        (Some(INTERVAL), Duration::ZERO),
        (None, INTERVAL),
        (Some(INTERVAL), INTERVAL),
    ] {
        let dealer = ours(Dealer::builder(), limit)
            .heartbeat_interval(our_interval)
            .heartbeat_ttl(None)
            .build()
            .unwrap();
        let socket = theirs(Kind::Dealer, their_interval, limit, Duration::ZERO);
        let _joint = link.join(&dealer, &socket);
        let events = socket.monitor().unwrap();
        assert_eq!(events.next(2 * limit).unwrap(), None, "it stays");
        assert_eq!(dealer.stats().peers, 1);
    }
}

/// It is at its high-water mark for many timeouts, and does not come to our PINGs.
fn a_slow_receiver_of_theirs_is_not_taken_for_dead(link: Link) {
    const MESSAGES: u32 = 1000;
    let push = ours(Push::builder(), SHORT).send_hwm(0).build().unwrap();
    let pull = socket(Kind::Pull);
    pull.set(Opt::ReceiveHwm, 10).unwrap();
    let _joint = link.join(&push, &pull);
    let events = pull.monitor().unwrap();
    for n in 0..MESSAGES {
        push.send(Message::from(vec![n as u8; 1000])).unwrap();
    }
    assert_eq!(events.next(IDLE).unwrap(), None, "it stays");
    for n in 0..MESSAGES {
        let parts = hear_from_libzmq(&pull, PATIENCE).unwrap();
        assert_eq!(parts, [vec![n as u8; 1000]]);
    }
}

fn a_slow_receiver_of_ours_is_not_taken_for_dead_by_us(link: Link) {
    const MESSAGES: u32 = 1000;
    let pull = ours(Pull::builder(), SHORT).recv_hwm(10).build().unwrap();
    // libzmq's own would end it: its PINGs are not read while we do not read. So they are off; its
    // TTL would be, too.
    let push = socket(Kind::Push);
    push.set(Opt::SendHwm, 0).unwrap();
    let _joint = link.join(&pull, &push);
    let events = push.monitor().unwrap();
    for n in 0..MESSAGES {
        push.send(&[vec![n as u8; 10_000]]).unwrap();
    }
    assert_eq!(events.next(IDLE).unwrap(), None, "it stays");
    for n in 0..MESSAGES {
        let message = pull.recv_timeout(PATIENCE).unwrap();
        assert_eq!(message, vec![n as u8; 10_000]);
    }
}

/// A helper, joined with our socket.
fn helper(
    link: Link,
    scratch: &Scratch,
    kind: &str,
    settings: &[&str],
    zocket: &impl peers::join::Joins,
) -> Helper {
    let endpoint = scratch.endpoint(link.transport);
    let start =
        |side, endpoint: &str| Helper::start(HELPER, &[&[kind, side, endpoint], settings].concat());
    let helper = match link.binder {
        Binder::Zocket => start("connect", &zocket.bind_to(&endpoint)),
        Binder::Libzmq => {
            let helper = start("bind", &endpoint);
            zocket.connect_to(helper.endpoint());
            helper
        }
    };
    zocket.wait_for_peer();
    helper
}

const BODY: &str = "body=1000";

fn numbered(number: u64) -> Message {
    let number = Number {
        generation: 0,
        number,
    };
    Message::from(number.frames(1000).map(Frame::from).to_vec())
}

fn await_peers(count: u64, peers: impl Fn() -> u64) {
    let begin = Instant::now();
    while peers() != count {
        assert!(begin.elapsed() < PATIENCE, "{} peers", peers());
        thread::sleep(Duration::from_millis(5));
    }
}

fn a_libzmq_that_has_stopped_is_noticed(link: Link) {
    let scratch = Scratch::new();
    let push = ours(Push::builder(), SHORT).build().unwrap();
    let mut helper = helper(link, &scratch, "pull", &[BODY], &push);
    push.send_timeout(numbered(0), PATIENCE).unwrap();
    assert!(matches!(helper.next(PATIENCE), Report::Got(_)));
    // Until it is known that it has read the message: a question behind that must be answered.
    thread::sleep(20 * INTERVAL);
    helper.stop();
    await_peers(0, || push.stats().peers);
    helper.go_on();
    await_peers(1, || push.stats().peers);
    push.send_timeout(numbered(1), PATIENCE).unwrap();
    match helper.next(PATIENCE) {
        Report::Got(Number { number, .. }) => assert_eq!(number, 1),
        other => panic!("{other}"),
    }
}

fn a_libzmq_with_a_ttl_that_has_stopped_is_noticed_though_messages_wait(link: Link) {
    let scratch = Scratch::new();
    let push = ours(Push::builder(), SHORT).build().unwrap();
    let settings = [
        BODY,
        "heartbeat-interval=50",
        "heartbeat-timeout=10000",
        "heartbeat-ttl=1000",
    ];
    let mut helper = helper(link, &scratch, "pull", &settings, &push);
    // Its PINGs are not told of by anything. There has been one by now.
    thread::sleep(20 * INTERVAL);
    helper.stop();
    let sent = (0..).take_while(|&n| push.try_send(numbered(n)).is_ok());
    assert!(sent.count() > 0);
    await_peers(0, || push.stats().peers);
    helper.go_on();
    await_peers(1, || push.stats().peers);
}
