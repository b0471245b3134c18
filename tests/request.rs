//! `Req::request`: a question and its answer in one call, from any thread, with an end to waiting.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use support::{ALL, Home, PATIENCE, QUIET, Transport, until, until_it_adds_up};
use zocket::{
    Message, RecvError, Rep, Req, Request, RequestError, Router, RoutingId, SendFailure,
    TryRecvError, TrySendError,
};

fn joined(home: &Home, transport: Transport) -> (Req, Rep) {
    let rep = home.of(Rep::builder()).build().unwrap();
    let req = home.of(Req::builder()).build().unwrap();
    req.connect(rep.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    req.wait_for_peers(1, PATIENCE).unwrap();
    (req, rep)
}

/// Answers every request with itself and a `!`, until the socket is closed.
fn echo(rep: &Rep) {
    for request in rep {
        let reply = format!("{}!", request.first().to_str().unwrap());
        match request.reply(reply) {
            // It may be at a request that somebody has given up on when that comes.
            Err(TrySendError::Closed(_)) => return,
            replied => replied.unwrap(),
        }
    }
}

fn not_sent(error: RequestError) -> (SendFailure, Message) {
    match error {
        RequestError::NotSent(error) => (error.reason, error.into_message()),
        other => panic!("{other}"),
    }
}

fn no_reply(error: RequestError) -> RecvError {
    match error {
        RequestError::NoReply(error) => error,
        other => panic!("{other}"),
    }
}

/// Unparks a thread, and counts.
struct Alarm(Thread, AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.unpark();
    }
}

/// Polls only when woken; fails when it is not woken in time.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let alarm = Arc::new(Alarm(thread::current(), AtomicUsize::new(0)));
    let waker = Waker::from(alarm.clone());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let heard = alarm.1.load(Ordering::SeqCst);
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while alarm.1.load(Ordering::SeqCst) == heard {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not woken in {PATIENCE:?}");
            thread::park_timeout(left);
        }
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_request_gets_its_reply() {
    for &transport in ALL {
        let home = Home::new();
        let (req, rep) = joined(&home, transport);
        thread::scope(|scope| {
            scope.spawn(|| echo(&rep));
            for round in 0..200 {
                let reply = match round % 3 {
                    0 => req.request(round.to_string()).unwrap(),
                    1 => req.request_timeout(round.to_string(), PATIENCE).unwrap(),
                    _ => block_on(req.request_async(round.to_string())).unwrap(),
                };
                assert_eq!(reply, format!("{round}!"), "{transport:?}");
            }
            rep.close().unwrap();
        });
    }
}

#[test]
fn requests_of_many_threads_take_turns_and_each_gets_its_own_answer() {
    const THREADS: usize = 8;
    const EACH: usize = 200;
    for &transport in ALL {
        for peers in [1, 3] {
            let home = Home::new();
            let req = home.of(Req::builder()).build().unwrap();
            let reps: Vec<Rep> = (0..peers)
                .map(|_| home.of(Rep::builder()).build().unwrap())
                .collect();
            for rep in &reps {
                req.connect(rep.bind(home.endpoint(transport)).unwrap())
                    .unwrap();
            }
            thread::scope(|scope| {
                for rep in &reps {
                    scope.spawn(|| echo(rep));
                }
                let threads: Vec<_> = (0..THREADS)
                    .map(|thread| {
                        let req = &req;
                        scope.spawn(move || {
                            for number in 0..EACH {
                                let request = format!("{thread}.{number}");
                                let reply = match (thread + number) % 3 {
                                    0 => req.request(request.as_str()),
                                    1 => req.request_timeout(request.as_str(), PATIENCE),
                                    _ => block_on(req.request_async(request.as_str())),
                                };
                                assert_eq!(reply.unwrap(), format!("{request}!"));
                            }
                        })
                    })
                    .collect();
                let failed = threads.into_iter().filter_map(|thread| thread.join().err());
                let failed = failed.count();
                for rep in &reps {
                    rep.close().unwrap();
                }
                assert_eq!(failed, 0, "{transport:?}");
            });
            assert_eq!(req.stats().returned.messages, (THREADS * EACH) as u64);
        }
    }
}

// ---- late replies

/// Whoever answers, as the test wants it: what begins with `late` only when something else comes.
trait Server: Send + 'static {
    type Held: Send;
    /// The text of the next request; `None` if none came in that time.
    fn next(&self, patience: Duration) -> Option<(Self::Held, String)>;
    fn reply(&self, held: Self::Held, reply: &str);
}

impl Server for Rep {
    type Held = Request;

    fn next(&self, patience: Duration) -> Option<(Request, String)> {
        let request = self.recv_timeout(patience).ok()?;
        let text = request.first().to_str().unwrap().to_owned();
        Some((request, text))
    }

    fn reply(&self, request: Request, reply: &str) {
        request.reply(reply).unwrap();
    }
}

impl Server for Router {
    type Held = (RoutingId, Message);

    fn next(&self, patience: Duration) -> Option<(Self::Held, String)> {
        let (id, message) = self.recv_from_timeout(patience).ok()?;
        let text = message.last().to_str().unwrap().to_owned();
        Some(((id, message), text))
    }

    fn reply(&self, (id, message): Self::Held, reply: &str) {
        // The same envelope, the last frame another.
        let mut frames: Vec<_> = message.into_iter().collect();
        *frames.last_mut().unwrap() = reply.into();
        self.send_to(&id, frames).unwrap();
    }
}

fn serve_late(server: &impl Server) {
    let mut held = Vec::new();
    while let Some((request, text)) = server.next(PATIENCE) {
        if text == "end" {
            server.reply(request, "end");
            return;
        }
        if text.starts_with("late") {
            held.push((request, text));
            continue;
        }
        for (request, text) in held.drain(..) {
            server.reply(request, &format!("reply to {text}"));
        }
        server.reply(request, &format!("reply to {text}"));
    }
    panic!("the end never came");
}

fn never_the_late_one(home: &Home, req: &Req, server: impl Server, rounds: usize) {
    let _ = home;
    let server = thread::spawn(move || serve_late(&server));
    let mut seen = 0;
    for round in 0..rounds {
        // Now and then long enough that the request does arrive.
        let timeout = Duration::from_millis(if round % 4 == 0 { 20 } else { 0 });
        let late = format!("late {round}");
        match req.request_timeout(late.as_str(), timeout) {
            Err(error) => assert!(error.is_timeout(), "{error}"),
            Ok(reply) => panic!("{reply:?}"),
        }
        for again in 0..2 {
            let now = format!("now {round}.{again}");
            let reply = req.request_timeout(now.as_str(), PATIENCE);
            assert_eq!(
                reply.map_err(|error| error.to_string()),
                Ok(format!("reply to {now}").into())
            );
            seen += 1;
        }
    }
    assert_eq!(req.request_timeout("end", PATIENCE).unwrap(), "end");
    server.join().unwrap();
    assert_eq!(req.stats().returned.messages, seen + 1);
    assert_eq!(req.stats().discarded.malformed, 0);
}

const ROUNDS: usize = 200;

#[test]
fn after_a_time_out_the_late_reply_of_a_rep_is_never_taken() {
    for &transport in ALL {
        let home = Home::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        never_the_late_one(&home, &req, rep, ROUNDS);
    }
}

#[test]
fn after_a_time_out_the_late_reply_of_a_router_is_never_taken() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder()).build().unwrap();
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        never_the_late_one(&home, &req, router, ROUNDS);
    }
}

#[test]
fn nor_with_pipes_that_live_as_long_as_their_connection() {
    for &transport in ALL {
        for correlate in [false, true] {
            let home = Home::new();
            let rep = home.of(Rep::builder()).build().unwrap();
            let req = home
                .of(Req::builder().immediate(true).correlate(correlate))
                .build()
                .unwrap();
            req.connect(rep.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            never_the_late_one(&home, &req, rep, ROUNDS / 4);
        }
    }
}

#[test]
fn with_correlate_neither_and_the_connection_stays() {
    for &transport in ALL {
        let home = Home::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        let req = home.of(Req::builder().correlate(true)).build().unwrap();
        req.connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        never_the_late_one(&home, &req, rep, ROUNDS);

        let router = home.of(Router::builder()).build().unwrap();
        let req = home.of(Req::builder().correlate(true)).build().unwrap();
        req.connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        never_the_late_one(&home, &req, router, ROUNDS);
    }
}

#[test]
fn a_peer_that_has_connected_is_renewed_too() {
    for &transport in ALL {
        for correlate in [false, true] {
            let home = Home::new();
            let req = home
                .of(Req::builder().correlate(correlate))
                .build()
                .unwrap();
            let rep = home.of(Rep::builder()).build().unwrap();
            rep.connect(req.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            req.wait_for_peers(1, PATIENCE).unwrap();
            let server = thread::spawn(move || serve_late(&rep));
            for round in 0..50 {
                // What comes at a moment without a peer is not sent at all.
                let error = req.request_timeout("late", Duration::from_millis(5));
                assert!(error.unwrap_err().is_timeout());
                let now = format!("now {round}");
                assert_eq!(
                    req.request_timeout(now.as_str(), PATIENCE).unwrap(),
                    format!("reply to {now}"),
                    "{transport:?}"
                );
            }
            assert_eq!(req.request_timeout("end", PATIENCE).unwrap(), "end");
            server.join().unwrap();
        }
    }
}

#[test]
fn requests_given_up_before_anybody_was_there_never_arrive() {
    for &transport in ALL {
        for correlate in [false, true] {
            let home = Home::new();
            let there = home.vacant(transport);
            let req = home
                .of(Req::builder().correlate(correlate))
                .build()
                .unwrap();
            req.connect(there.as_str()).unwrap();
            for _ in 0..50 {
                let error = req.request_timeout("given up", Duration::from_millis(1));
                assert!(error.unwrap_err().is_timeout());
            }
            let rep = home.of(Rep::builder()).build().unwrap();
            rep.bind(there.as_str()).unwrap();
            thread::scope(|scope| {
                scope.spawn(|| {
                    let request = rep.recv_timeout(PATIENCE).unwrap();
                    assert_eq!(*request, "wanted", "{transport:?}");
                    request.reply("reply").unwrap();
                });
                assert_eq!(req.request_timeout("wanted", PATIENCE).unwrap(), "reply");
            });
            assert!(rep.try_recv().is_err());
            assert_eq!(rep.peers().len(), 1, "{transport:?}");
            assert_eq!(rep.stats().arrived.messages, 1, "{transport:?}");
        }
    }
}

#[test]
fn time_outs_leave_nothing_behind_at_the_peer() {
    for &transport in ALL {
        let home = Home::new();
        let (req, rep) = joined(&home, transport);
        for round in 0..100 {
            let error = req.request_timeout("in vain", Duration::from_millis(1));
            assert!(error.unwrap_err().is_timeout());
            // Some of them have got there.
            if round % 2 == 0 {
                drop(rep.try_recv());
            }
        }
        thread::scope(|scope| {
            scope.spawn(|| echo(&rep));
            assert_eq!(req.request_timeout("1", PATIENCE).unwrap(), "1!");
            rep.close().unwrap();
        });
        until_it_adds_up(|| rep.stats());
        until_it_adds_up(|| req.stats());
    }
}

// ---- what may come in between

#[test]
fn a_future_that_is_dropped_ends_its_exchange() {
    for &transport in ALL {
        for correlate in [false, true] {
            let home = Home::new();
            let rep = home.of(Rep::builder()).build().unwrap();
            let req = home
                .of(Req::builder().correlate(correlate))
                .build()
                .unwrap();
            req.connect(rep.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            for round in 0..50 {
                let mut held = None;
                {
                    let mut asking = pin!(req.request_async("dropped"));
                    assert!(poll_once(asking.as_mut()).is_pending());
                    if round % 2 == 0 {
                        let request = rep.recv_timeout(PATIENCE).unwrap();
                        assert_eq!(*request, "dropped");
                        held = Some(request);
                        assert!(poll_once(asking.as_mut()).is_pending());
                    }
                }
                assert_eq!(req.try_recv(), Err(TryRecvError::WrongState));
                let wanted = format!("wanted {round}");
                thread::scope(|scope| {
                    scope.spawn(|| {
                        if let Some(held) = held {
                            held.reply("late").unwrap();
                        }
                        loop {
                            let request = rep.recv_timeout(PATIENCE).unwrap();
                            if *request == wanted.as_str() {
                                break request.reply("yes").unwrap();
                            }
                            assert_eq!(*request, "dropped");
                            request.reply("late").unwrap();
                        }
                    });
                    let reply = req.request_timeout(wanted.as_str(), PATIENCE);
                    assert_eq!(reply.unwrap(), "yes", "{transport:?}");
                });
            }
        }
    }
}

#[test]
fn a_future_that_is_dropped_before_it_begins_has_done_nothing() {
    let home = Home::new();
    let (req, rep) = joined(&home, Transport::Inproc);
    drop(req.request_async("never polled"));
    // One that waits for its turn gives its place in the line away.
    let mut first = pin!(req.request_async("first"));
    assert!(poll_once(first.as_mut()).is_pending());
    let mut third = pin!(req.request_async("third"));
    {
        let mut second = pin!(req.request_async("second"));
        assert!(poll_once(second.as_mut()).is_pending());
        assert!(poll_once(third.as_mut()).is_pending());
    }
    for (number, expected) in ["first", "third"].into_iter().enumerate() {
        let request = rep.recv_timeout(PATIENCE).unwrap();
        assert_eq!(*request, expected);
        request.reply(expected).unwrap();
        if number == 0 {
            assert_eq!(block_on(first.as_mut()).unwrap(), "first");
            assert!(poll_once(third.as_mut()).is_pending());
        }
    }
    assert_eq!(block_on(third).unwrap(), "third");
}

#[test]
fn a_future_that_is_dropped_while_it_waits_for_its_turn_wakes_the_next() {
    let home = Home::new();
    let (req, rep) = joined(&home, Transport::Inproc);
    thread::scope(|scope| {
        let mut first = Box::pin(req.request_async("first"));
        assert!(poll_once(first.as_mut()).is_pending());
        let mut second = Box::pin(req.request_async("second"));
        assert!(poll_once(second.as_mut()).is_pending());
        let blocked = scope.spawn(|| req.request_timeout("third", PATIENCE));
        let first_request = rep.recv_timeout(PATIENCE).unwrap();
        // The turn goes to the second, which is dropped with it.
        drop(first);
        drop(second);
        drop(first_request);
        let request = rep.recv_timeout(PATIENCE).unwrap();
        assert_eq!(*request, "third");
        request.reply("yes").unwrap();
        assert_eq!(blocked.join().unwrap().unwrap(), "yes");
    });
}

#[test]
fn a_request_amid_an_exchange_of_send_and_recv_is_refused() {
    for &transport in ALL {
        let home = Home::new();
        let (req, rep) = joined(&home, transport);
        req.send("under way").unwrap();
        let message = Message::from(["a", "b"]);
        let error = req.request(message.clone()).unwrap_err();
        assert!(!error.is_timeout());
        assert_eq!(not_sent(error), (SendFailure::WrongState, message.clone()));
        let error = block_on(req.request_async(message.clone())).unwrap_err();
        assert_eq!(not_sent(error), (SendFailure::WrongState, message));
        let request = rep.recv_timeout(PATIENCE).unwrap();
        request.reply("reply").unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "reply");
    }
}

#[test]
fn a_request_that_nobody_takes_is_handed_back() {
    for &transport in ALL {
        let home = Home::new();
        let req = home.of(Req::builder()).build().unwrap();
        req.bind(home.endpoint(transport)).unwrap();
        let message = Message::from(["", "a", "b"]);
        let error = req.request_timeout(message.clone(), QUIET).unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(error.into_message(), Some(message.clone()));
        let (failure, back) = not_sent(req.request_timeout(message.clone(), QUIET).unwrap_err());
        assert_eq!((failure, back), (SendFailure::Timeout, message));
    }
}

#[test]
fn who_does_not_get_its_turn_in_time_has_sent_nothing() {
    let home = Home::new();
    let (req, rep) = joined(&home, Transport::Inproc);
    thread::scope(|scope| {
        let slow = scope.spawn(|| req.request_timeout("slow", PATIENCE));
        let request = rep.recv_timeout(PATIENCE).unwrap();
        let error = req.request_timeout("impatient", QUIET).unwrap_err();
        assert_eq!(
            not_sent(error),
            (SendFailure::Timeout, Message::from("impatient"))
        );
        request.reply("reply").unwrap();
        assert_eq!(slow.join().unwrap().unwrap(), "reply");
    });
    assert!(rep.try_recv().is_err());
}

#[test]
fn a_peer_that_leaves_ends_the_request_and_the_next_one_works() {
    for &transport in ALL {
        let home = Home::new();
        let (req, rep) = joined(&home, transport);
        thread::scope(|scope| {
            let asking = scope.spawn(|| req.request_timeout("request", PATIENCE));
            drop(rep.recv_timeout(PATIENCE).unwrap());
            drop(rep);
            let error = asking.join().unwrap().unwrap_err();
            assert!(!error.is_timeout());
            assert_eq!(no_reply(error), RecvError::PeerLost);
        });
        let rep = home.of(Rep::builder()).build().unwrap();
        let here = req.last_endpoint().unwrap();
        rep.bind(&here).unwrap();
        if transport == Transport::Inproc {
            req.connect(&here).unwrap();
        }
        thread::scope(|scope| {
            scope.spawn(|| echo(&rep));
            assert_eq!(req.request_timeout("next", PATIENCE).unwrap(), "next!");
            rep.close().unwrap();
        });
    }
}

#[test]
fn the_sockets_own_time_outs_apply() {
    for &transport in ALL {
        let home = Home::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        let req = home
            .of(Req::builder().send_timeout(QUIET).recv_timeout(QUIET))
            .build()
            .unwrap();
        let error = req.request("nobody").unwrap_err();
        assert_eq!(
            not_sent(error),
            (SendFailure::Timeout, Message::from("nobody"))
        );
        req.connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let error = req.request("silent").unwrap_err();
        assert_eq!(no_reply(error), RecvError::Timeout);
    }
}

#[test]
fn closing_ends_requests() {
    for &transport in ALL {
        for shut_down in [false, true] {
            let home = Home::new();
            let (req, rep) = joined(&home, transport);
            thread::scope(|scope| {
                let asking = scope.spawn(|| req.request_timeout("request", PATIENCE));
                let waiting = scope.spawn(|| req.request_timeout("request", PATIENCE));
                let request = rep.recv_timeout(PATIENCE).unwrap();
                if shut_down {
                    home.context.shutdown();
                } else {
                    req.close().unwrap();
                }
                for asking in [asking, waiting] {
                    let error = asking.join().unwrap().unwrap_err();
                    match error {
                        RequestError::NoReply(error) => assert!(
                            matches!(error, RecvError::Closed | RecvError::Terminated),
                            "{error}"
                        ),
                        RequestError::NotSent(error) => assert!(
                            matches!(error.reason, SendFailure::Closed | SendFailure::Terminated),
                            "{error}"
                        ),
                        _ => panic!("{error}"),
                    }
                }
                drop(request);
            });
            until("it stays so", || req.request("more").is_err());
        }
    }
}
