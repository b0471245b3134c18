//! The options of REQ work with libzmq in either part: numbered requests, a request given up for
//! the next, and what each is told when it is not its turn.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::thread;
use std::time::Duration;

use peers::end::{PATIENCE, Parts, hear_from_libzmq, socket};
use peers::join::Binder;
use peers::libzmq::{self, BytesOpt, Kind, Opt};
use peers::meeting::Link;
use peers::over_every_link;
use zocket::{Message, RecvError, Rep, Req, Router, SendFailure};

over_every_link! {
    our_correlating_req_with_rep
    their_correlating_req_with_rep
    our_correlating_req_takes_its_own_reply_only
    their_correlating_req_takes_its_own_reply_only
    our_relaxed_and_correlating_req_gives_up_a_request
    their_relaxed_and_correlating_req_gives_up_a_request
    our_relaxed_req_gives_up_a_request
    our_req_takes_turns
    our_requests_time_out
    our_req_asks_the_first_to_come
    our_reps_replies_find_their_way_in_any_order
    our_req_hangs_up_on_a_malformed_reply
    their_req_gets_nothing_of_a_request_given_up
}

const NUMBER: usize = 4;

/// Long enough for a request to arrive, short enough to be waited for in vain.
const SOON: Duration = Duration::from_millis(500);

fn our_correlating_req_with_rep(link: Link) {
    let req = Req::builder().correlate(true).build().unwrap();
    let rep = socket(Kind::Rep);
    let _joint = link.join(&req, &rep);
    for n in 0..10 {
        req.send(format!("request {n}")).unwrap();
        assert_eq!(heard_from(&rep), [format!("request {n}").as_bytes()]);
        rep.send(&[format!("reply {n}")]).unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), format!("reply {n}"));
    }
}

fn their_correlating_req_with_rep(link: Link) {
    let rep = Rep::new();
    let req = socket(Kind::Req);
    req.set(Opt::ReqCorrelate, 1).unwrap();
    let _joint = link.join(&rep, &req);
    for n in 0..10 {
        req.send(&[format!("request {n}")]).unwrap();
        let request = rep.recv_timeout(PATIENCE).unwrap();
        assert_eq!(*request, format!("request {n}"));
        request.reply(format!("reply {n}")).unwrap();
        assert_eq!(heard_from(&req), [format!("reply {n}").as_bytes()]);
    }
}

fn our_correlating_req_takes_its_own_reply_only(link: Link) {
    let req = Req::builder().correlate(true).build().unwrap();
    let router = socket(Kind::Router);
    let _joint = link.join(&req, &router);
    let mut numbers = Vec::new();
    for n in 0..3 {
        req.send(format!("request {n}")).unwrap();
        let asked = heard_from(&router);
        let [id, number, empty, request] = &asked[..] else {
            panic!("id, number, empty and request, not {asked:?}");
        };
        assert_eq!(number.len(), NUMBER);
        assert!(!numbers.contains(number), "a number is used once");
        assert!(empty.is_empty());
        assert_eq!(request, format!("request {n}").as_bytes());
        let mut wrong = number.clone();
        wrong[0] ^= 0x55;
        router.send(&[id, &wrong[..], empty, b"not mine"]).unwrap();
        if let Some(old) = numbers.last() {
            router.send(&[id, &old[..], empty, b"too late"]).unwrap();
        }
        let reply = format!("reply {n}");
        router
            .send(&[id, &number[..], empty, reply.as_bytes()])
            .unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), reply);
        numbers.push(number.clone());
    }
}

fn their_correlating_req_takes_its_own_reply_only(link: Link) {
    let router = Router::new();
    let req = socket(Kind::Req);
    req.set(Opt::ReqCorrelate, 1).unwrap();
    let _joint = link.join(&router, &req);
    for n in 0..3 {
        req.send(&[format!("request {n}")]).unwrap();
        let (id, asked) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!(asked.len(), 3);
        let number = asked[0].to_vec();
        assert_eq!(number.len(), NUMBER);
        assert!(asked[1].is_empty());
        assert_eq!(asked[2], format!("request {n}"));
        let mut wrong = number.clone();
        wrong[0] ^= 0x55;
        let reply = format!("reply {n}");
        router.send_to(&id, [&wrong[..], b"", b"not mine"]).unwrap();
        router
            .send_to(&id, [&number[..], b"", reply.as_bytes()])
            .unwrap();
        assert_eq!(heard_from(&req), [reply.as_bytes()]);
    }
}

fn our_relaxed_and_correlating_req_gives_up_a_request(link: Link) {
    let req = Req::builder()
        .relaxed(true)
        .correlate(true)
        .build()
        .unwrap();
    let router = socket(Kind::Router);
    let _joint = link.join(&req, &router);
    req.send("first").unwrap();
    let first = heard_from(&router);
    req.send("second").unwrap();
    let second = heard_from(&router);
    assert_ne!(first[1], second[1], "the number is another");
    assert_eq!(second[2..], [&b""[..], b"second"]);
    router.send(&reply(&first, b"to the first")).unwrap();
    router.send(&reply(&second, b"to the second")).unwrap();
    assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "to the second");
}

fn their_relaxed_and_correlating_req_gives_up_a_request(link: Link) {
    let router = Router::new();
    let req = socket(Kind::Req);
    req.set(Opt::ReqRelaxed, 1).unwrap();
    req.set(Opt::ReqCorrelate, 1).unwrap();
    let _joint = link.join(&router, &req);
    req.send(&["first"]).unwrap();
    let (id, mut first) = router.recv_from_timeout(PATIENCE).unwrap();
    req.send(&["second"]).unwrap();
    let (same, mut second) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!(id, same);
    assert_eq!(second[2], "second");
    first.push_back("reply");
    second.push_back("reply");
    router.send_to(&id, first).unwrap();
    router.send_to(&id, second).unwrap();
    assert_eq!(heard_from(&req), [&b"second"[..], b"reply"]);
}

/// Without numbers, the connection is what tells the exchanges apart. (A libzmq that connected to
/// us keeps what it has for us, and our id, over a reconnect: its late reply would be taken, as it
/// would by a REQ of its own.)
fn our_relaxed_req_gives_up_a_request(link: Link) {
    let req = Req::builder()
        .relaxed(true)
        .reconnect_interval(Duration::from_millis(1))
        .build()
        .unwrap();
    let router = socket(Kind::Router);
    router.set(Opt::ReconnectInterval, 1).unwrap();
    let _joint = link.join(&req, &router);
    req.send("first").unwrap();
    let first = heard_from(&router);
    assert_eq!(first[1..], [&b""[..], b"first"]);
    req.send_timeout("second", PATIENCE).unwrap();
    let second = heard_from(&router);
    assert_eq!(second[1..], [&b""[..], b"second"]);
    if link.binder == Binder::Libzmq {
        assert_ne!(first[0], second[0], "the connection is another");
        router.send(&reply(&first, b"to the first")).unwrap();
    }
    router.send(&reply(&second, b"to the second")).unwrap();
    assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "to the second");
}

fn our_req_takes_turns(link: Link) {
    let req = Req::new();
    let rep = socket(Kind::Rep);
    let _joint = link.join(&req, &rep);
    assert_eq!(req.recv().unwrap_err(), RecvError::WrongState);
    for _ in 0..3 {
        req.send("request").unwrap();
        let refused = req.send("another").unwrap_err();
        assert_eq!(refused.reason, SendFailure::WrongState);
        assert_eq!(refused.message, "another");
        assert!(rep.send(&["too soon"]).unwrap_err().is_wrong_state());
        assert_eq!(heard_from(&rep), [b"request"]);
        rep.send(&["reply"]).unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "reply");
        assert_eq!(req.recv().unwrap_err(), RecvError::WrongState);
    }
    assert_eq!(heard_by_request(&req, &rep), "reply");
}

fn heard_by_request(req: &Req, rep: &libzmq::Socket) -> Message {
    thread::scope(|scope| {
        let asking = scope.spawn(|| req.request_timeout("request", PATIENCE).unwrap());
        assert_eq!(heard_from(rep), [b"request"]);
        rep.send(&["reply"]).unwrap();
        asking.join().unwrap()
    })
}

/// A request that timed out is over: its reply, if there is one, is nobody's. (As for what libzmq
/// keeps, see above.)
fn our_requests_time_out(link: Link) {
    for correlate in [false, true] {
        let req = Req::builder()
            .correlate(correlate)
            .reconnect_interval(Duration::from_millis(1))
            .build()
            .unwrap();
        let router = socket(Kind::Router);
        router.set(Opt::ReconnectInterval, 1).unwrap();
        let _joint = link.join(&req, &router);
        thread::scope(|scope| {
            let asking = scope.spawn(|| req.request_timeout("first", SOON));
            let first = heard_from(&router);
            assert_eq!(first.last().unwrap(), b"first");
            let timed_out = asking.join().unwrap().unwrap_err();
            assert!(timed_out.is_timeout(), "{timed_out}");
            if correlate || link.binder == Binder::Libzmq {
                router.send(&reply(&first, b"too late")).unwrap();
            }
        });
        thread::scope(|scope| {
            let asking = scope.spawn(|| req.request_timeout("second", PATIENCE).unwrap());
            let second = heard_from(&router);
            assert_eq!(second.last().unwrap(), b"second");
            router.send(&reply(&second, b"in time")).unwrap();
            assert_eq!(asking.join().unwrap(), "in time");
        });
    }
}

/// A request that is made before there is anyone to ask.
fn our_req_asks_the_first_to_come(link: Link) {
    for _ in 0..50 {
        let req = Req::new();
        let rep = socket(Kind::Rep);
        thread::scope(|scope| {
            let asking = scope.spawn(|| req.request_timeout("request", PATIENCE));
            let _joint = link.join(&req, &rep);
            assert_eq!(heard_from(&rep), [b"request"]);
            rep.send(&["reply"]).unwrap();
            assert_eq!(asking.join().unwrap().unwrap(), "reply");
        });
    }
}

/// Several requests are held at a time, and answered last come, first served.
fn our_reps_replies_find_their_way_in_any_order(link: Link) {
    let rep = Rep::new();
    let reqs = [(); 3].map(|()| socket(Kind::Req));
    let _joints = [0, 1, 2].map(|n: usize| link.join(&rep, &reqs[n]));
    for _ in 0..5 {
        let mut requests = Vec::new();
        for (n, req) in reqs.iter().enumerate() {
            req.send(&[format!("from {n}")]).unwrap();
            requests.push(rep.recv_timeout(PATIENCE).unwrap());
        }
        while let Some(request) = requests.pop() {
            let reply = [request[0].to_vec(), b"reply".to_vec()].map(zocket::Frame::from);
            request.reply(reply).unwrap();
        }
        for (n, req) in reqs.iter().enumerate() {
            assert_eq!(heard_from(req), [format!("from {n}").as_bytes(), b"reply"]);
        }
    }
}

/// A REQ of libzmq hangs up on such a peer, too.
fn our_req_hangs_up_on_a_malformed_reply(link: Link) {
    let req = Req::builder().routing_id("req").build().unwrap();
    let router = socket(Kind::Router);
    let _joint = link.join(&req, &router);
    req.send("request").unwrap();
    assert_eq!(heard_from(&router), [&b"req"[..], b"", b"request"]);
    router.send(&["req", "no", "delimiter"]).unwrap();
    assert_eq!(req.recv_timeout(PATIENCE).unwrap_err(), RecvError::PeerLost);
    req.send_timeout("again", PATIENCE).unwrap();
    assert_eq!(heard_from(&router), [&b"req"[..], b"", b"again"]);
    router.send(&["req", "", "reply"]).unwrap();
    assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "reply");
}

fn their_req_gets_nothing_of_a_request_given_up(link: Link) {
    let rep = Rep::new();
    let reqs = [socket(Kind::Req), socket(Kind::Req)];
    reqs[0].set_bytes(BytesOpt::RoutingId, b"given up").unwrap();
    let _joints = [link.join(&rep, &reqs[0]), link.join(&rep, &reqs[1])];
    reqs[0].send(&["unanswered"]).unwrap();
    let given_up = rep.recv_timeout(PATIENCE).unwrap();
    let id = given_up.peer().routing_id();
    assert_eq!(**id.unwrap(), b"given up"[..]);
    assert_eq!(given_up.into_message(), "unanswered");
    reqs[1].send(&["answered"]).unwrap();
    let request = rep.recv_timeout(PATIENCE).unwrap();
    assert_eq!(*request, "answered");
    request.reply("reply").unwrap();
    assert_eq!(heard_from(&reqs[1]), [b"reply"]);
    assert!(!reqs[0].poll_readable(Duration::ZERO).unwrap());
}

/// A ROUTER's message with the envelope of `request`, and `body`.
fn reply(request: &Parts, body: &[u8]) -> Parts {
    let (_, envelope) = request.split_last().unwrap();
    let mut reply = envelope.to_vec();
    reply.push(body.to_vec());
    reply
}

fn heard_from(socket: &libzmq::Socket) -> Parts {
    hear_from_libzmq(socket, PATIENCE).expect("libzmq receives something")
}
