//! REP: hands each request out to be answered, by whom and when does not matter, and never waits for
//! a client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

use peer::{MORE, Raw, frame, long_header, vector};
use support::{ALL, Home, PATIENCE, Transport, WIRE, until, until_alone};
use zocket::{
    Dealer, Endpoint, Message, Rep, Req, Request, SocketType, TryRecvError, TrySendError,
};

fn bound(home: &Home, transport: Transport) -> (Rep, Endpoint) {
    let rep = home.of(Rep::builder()).build().unwrap();
    let here = rep.bind(home.endpoint(transport)).unwrap();
    (rep, here)
}

fn dealer(home: &Home, here: &Endpoint) -> Dealer {
    let dealer = home.of(Dealer::builder()).build().unwrap();
    dealer.connect(here).unwrap();
    dealer
}

fn next(rep: &Rep) -> Request {
    rep.recv_timeout(PATIENCE).unwrap()
}

#[track_caller]
fn expect(dealer: &Dealer, message: impl Into<Message>) {
    assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), message.into());
}

#[test]
fn clients_that_have_asked_something_take_turns() {
    for &transport in ALL {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        let dealers: Vec<Dealer> = (0..4).map(|_| dealer(&home, &here)).collect();
        for (name, dealer) in dealers.iter().enumerate() {
            for number in 0..10 {
                dealer.send(["", &format!("{name} {number}")]).unwrap();
            }
        }
        until("all is there", || rep.stats().recv_queue.messages == 40);
        for number in 0..10 {
            let mut heard = BTreeSet::new();
            for _ in 0..4 {
                let request = rep.try_recv().unwrap();
                let text = request.first().to_str().unwrap().to_owned();
                assert!(text.ends_with(&format!(" {number}")), "{text}");
                heard.insert(text.clone());
                request.reply(text).unwrap();
            }
            assert_eq!(heard.len(), 4, "{transport:?}");
        }
        for (name, dealer) in dealers.iter().enumerate() {
            for number in 0..10 {
                expect(dealer, ["", &format!("{name} {number}")]);
            }
        }
    }
}

#[test]
fn the_envelope_goes_back_as_it_came() {
    for &transport in ALL {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        let dealer = dealer(&home, &here);
        let long = "x".repeat(1000);
        for envelope in [
            &[][..],
            &["a"],
            &["first hop", "second hop", "third"],
            &[&long, "b"],
        ] {
            let with = |body: &[&str]| -> Message {
                [envelope, &[""], body].concat().into_iter().collect()
            };
            dealer.send(with(&["question", "", "in parts"])).unwrap();
            let request = next(&rep);
            assert_eq!(*request, Message::from(["question", "", "in parts"]));
            request.reply(["", "answer"]).unwrap();
            expect(&dealer, with(&["", "answer"]));
        }
    }
}

#[test]
fn a_multi_hop_envelope_is_replayed_byte_for_byte() {
    for &transport in WIRE {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        for socket_type in ["REQ", "DEALER"] {
            let mut raw = Raw::join(&here, socket_type);
            let long = vec![b'l'; 300];
            let envelope = [
                frame(MORE, b"\0\x01\x02\x03\x04"),
                long_header(MORE, 300),
                long,
                frame(MORE, &[0xff; 255]),
                frame(MORE, b"z"),
                frame(MORE, b""),
            ]
            .concat();
            raw.say(&[envelope.clone(), frame(0, b"question")].concat());
            let request = next(&rep);
            assert_eq!(*request, "question");
            request.reply("answer").unwrap();
            let expected = [envelope, frame(0, b"answer")].concat();
            assert_eq!(raw.listen(expected.len()), expected);
        }
    }
}

#[test]
fn several_are_held_and_answered_in_any_order_from_any_thread() {
    for &transport in ALL {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        thread::scope(|scope| {
            let askers: Vec<_> = (0..8)
                .map(|number| {
                    let (home, here) = (&home, &here);
                    scope.spawn(move || {
                        let req = home.of(Req::builder()).build().unwrap();
                        req.connect(here).unwrap();
                        for round in 0..20 {
                            let request = format!("{number} {round}");
                            let reply = req.request_timeout(request.as_str(), PATIENCE);
                            assert_eq!(reply.unwrap(), format!("re: {request}"));
                        }
                    })
                })
                .collect();
            for round in 0..20 {
                let mut held: Vec<Request> = (0..8).map(|_| next(&rep)).collect();
                assert!(rep.try_recv().is_err(), "all of them wait");
                held.rotate_left(round % 8);
                if round % 2 == 0 {
                    held.reverse();
                }
                let (sender, receiver) = mpsc::channel::<Request>();
                scope.spawn(move || {
                    for request in receiver {
                        let text = format!("re: {}", request.first().to_str().unwrap());
                        request.reply(text).unwrap();
                    }
                });
                for request in held {
                    if round % 3 == 0 {
                        scope.spawn(move || {
                            let text = format!("re: {}", request.first().to_str().unwrap());
                            request.reply(text).unwrap();
                        });
                    } else {
                        sender.send(request).unwrap();
                    }
                }
            }
            for asker in askers {
                asker.join().unwrap();
            }
        });
    }
}

#[test]
fn a_request_that_outlives_its_socket_cannot_be_answered() {
    for &transport in ALL {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        let dealer = dealer(&home, &here);
        for number in 0..3 {
            dealer.send(["", &number.to_string()]).unwrap();
        }
        let [first, second, third] = [(); 3].map(|()| next(&rep));
        rep.close().unwrap();
        let reply = Message::from(["the", "reply"]);
        assert!(matches!(
            first.reply(reply.clone()),
            Err(TrySendError::Closed(message)) if message == reply
        ));
        drop(rep);
        assert_eq!(*second, "1");
        assert!(matches!(
            second.reply(reply.clone()),
            Err(TrySendError::Closed(message)) if message == reply
        ));
        assert_eq!(third.into_message(), "2");
    }
}

#[test]
fn after_a_shutdown_a_reply_is_handed_back() {
    let home = Home::new();
    let (rep, here) = bound(&home, Transport::Inproc);
    let dealer = dealer(&home, &here);
    dealer.send(["", "question"]).unwrap();
    let request = next(&rep);
    home.context.shutdown();
    assert!(matches!(
        request.reply("reply"),
        Err(TrySendError::Terminated(message)) if message == "reply"
    ));
}

#[test]
fn one_that_is_dropped_unanswered_costs_nobody_else_anything() {
    for &transport in ALL {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        let dealer = dealer(&home, &here);
        for number in 0..30 {
            dealer.send(["", &number.to_string()]).unwrap();
        }
        for number in 0..30 {
            let request = next(&rep);
            match number % 3 {
                0 => request.reply(number.to_string()).unwrap(),
                1 => drop(request),
                _ => assert_eq!(request.into_message(), number.to_string()),
            }
        }
        for number in (0..30).step_by(3) {
            expect(&dealer, ["", &number.to_string()]);
        }
        assert!(dealer.try_recv().is_err());
    }
}

#[test]
fn a_reply_to_one_that_is_gone_is_dropped_and_counted() {
    for &transport in ALL {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        for count in 1..=5 {
            let req = home.of(Req::builder()).build().unwrap();
            req.connect(&here).unwrap();
            req.send("question").unwrap();
            let request = next(&rep);
            drop(req);
            until_alone(|count, timeout| rep.wait_for_peers(count, timeout));
            until("the pipe is gone", || rep.stats().peers == 0);
            request.reply(vec![b'x'; 100_000]).unwrap();
            let dropped = rep.stats().dropped;
            assert_eq!(
                dropped.unroutable + dropped.with_peer,
                count,
                "{transport:?}: {dropped:?}"
            );
            assert_eq!(dropped.unroutable, count, "{transport:?}: {dropped:?}");
        }
        // And one that is there gets its own.
        let dealer = dealer(&home, &here);
        dealer.send(["", "question"]).unwrap();
        next(&rep).reply("answer").unwrap();
        expect(&dealer, ["", "answer"]);
    }
}

#[test]
fn a_reply_to_one_without_room_is_dropped_and_counted() {
    let home = Home::new();
    let rep = home.of(Rep::builder().send_hwm(1)).build().unwrap();
    let here = rep.bind(home.endpoint(Transport::Inproc)).unwrap();
    let dealer = home.of(Dealer::builder().recv_hwm(2)).build().unwrap();
    dealer.connect(&here).unwrap();
    for number in 0..10 {
        dealer.send(["", &number.to_string()]).unwrap();
    }
    for number in 0..10 {
        next(&rep).reply(number.to_string()).unwrap();
    }
    assert_eq!(rep.stats().dropped.full, 7);
    for number in 0..3 {
        expect(&dealer, ["", &number.to_string()]);
    }
    assert!(dealer.try_recv().is_err());
}

#[test]
fn what_is_no_request_is_discarded_and_counted() {
    for &transport in ALL {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        let dealer = dealer(&home, &here);
        let bad: [&[&str]; 5] = [
            &["no delimiter"],
            &["no", "delimiter"],
            &[""],
            &["nothing", "behind it", ""],
            &["a", "b", "c"],
        ];
        for (count, bad) in bad.into_iter().enumerate() {
            dealer
                .send(bad.iter().copied().collect::<Message>())
                .unwrap();
            dealer.send(["", "good"]).unwrap();
            let request = next(&rep);
            assert_eq!(*request, "good");
            request.reply("yes").unwrap();
            expect(&dealer, ["", "yes"]);
            assert_eq!(rep.stats().discarded.malformed, count as u64 + 1);
        }
        // Many in a row hold nobody up.
        for _ in 0..900 {
            dealer.send("bad").unwrap();
        }
        dealer.send(["", "good"]).unwrap();
        assert_eq!(*next(&rep), "good", "{transport:?}");
        assert_eq!(rep.stats().discarded.malformed, 905);
        assert_eq!(rep.try_recv().unwrap_err(), TryRecvError::Empty);
    }
}

#[test]
fn recorded_requests_that_are_none_disturb_nobody() {
    for &transport in WIRE {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        let good = dealer(&home, &here);
        for (count, (socket_type, name)) in [
            ("REQ", "viol_rep_request_no_delimiter"),
            ("DEALER", "viol_rep_request_no_delimiter_multi"),
            ("DEALER", "viol_rep_request_delimiter_only"),
        ]
        .into_iter()
        .enumerate()
        {
            let mut raw = Raw::join(&here, socket_type);
            raw.say(&vector(name));
            good.send(["", name]).unwrap();
            let request = next(&rep);
            assert_eq!(*request, name);
            request.reply("yes").unwrap();
            expect(&good, ["", "yes"]);
            // The same connection may do better.
            raw.say(&[frame(MORE, b""), frame(0, b"now good")].concat());
            let request = next(&rep);
            assert_eq!(*request, "now good");
            request.reply("yes").unwrap();
            assert_eq!(raw.listen(7), b"\x01\0\0\x03yes");
            assert_eq!(rep.stats().discarded.malformed, count as u64 + 1, "{name}");
        }
        let mut raw = Raw::join(&here, "REQ");
        raw.say(&vector("viol_rep_empty_body"));
        let request = next(&rep);
        assert_eq!(*request, "");
        request.reply("").unwrap();
        assert_eq!(raw.listen(4), [MORE, 0, 0, 0]);
    }
}

#[test]
fn a_request_tells_who_asked() {
    for &transport in ALL {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        let req = home
            .of(Req::builder().routing_id("client"))
            .build()
            .unwrap();
        req.connect(&here).unwrap();
        req.send("who am I?").unwrap();
        let request = next(&rep);
        let peer = request.peer();
        assert_eq!(peer.socket_type(), SocketType::Req);
        assert_eq!(peer.routing_id().unwrap().to_string(), "client");
        assert!(!peer.address().is_empty());
        assert_eq!(request.len(), 1);
        assert!(format!("{request:?}").contains("who am I?"));
        request.reply("you").unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "you");
    }
}

#[test]
fn a_task_waits_for_a_request() {
    for &transport in ALL {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        let mut cx = Context::from_waker(Waker::noop());
        let mut receiving = pin!(rep.recv_async());
        assert!(receiving.as_mut().poll(&mut cx).is_pending());
        let dealer = dealer(&home, &here);
        dealer.send(["", "question"]).unwrap();
        let mut got = None;
        until("it arrives", || match receiving.as_mut().poll(&mut cx) {
            Poll::Ready(request) => {
                got = request.ok();
                true
            }
            Poll::Pending => false,
        });
        let request = got.unwrap();
        assert_eq!(*request, "question");
        request.reply("answer").unwrap();
        expect(&dealer, ["", "answer"]);
        dealer.send(["", "another"]).unwrap();
        for request in rep.iter().take(1) {
            request.reply("iterated").unwrap();
        }
        expect(&dealer, ["", "iterated"]);
    }
}

#[test]
fn a_rep_that_connects_serves_as_well() {
    for &transport in ALL {
        let home = Home::new();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        let here = dealer.bind(home.endpoint(transport)).unwrap();
        let reps: Vec<Rep> = (0..3)
            .map(|_| {
                let rep = home.of(Rep::builder()).build().unwrap();
                rep.connect(&here).unwrap();
                rep
            })
            .collect();
        dealer.wait_for_peers(3, PATIENCE).unwrap();
        for number in 0..30 {
            dealer.send(["", &number.to_string()]).unwrap();
        }
        for rep in &reps {
            for _ in 0..10 {
                let request = next(rep);
                let text = request.first().clone();
                request.reply(text).unwrap();
            }
        }
        let mut heard = BTreeSet::new();
        for _ in 0..30 {
            let message = dealer.recv_timeout(PATIENCE).unwrap();
            heard.insert(message.last().clone().into_bytes());
        }
        assert_eq!(heard.len(), 30);
    }
}

#[test]
fn the_reply_to_one_whose_connection_was_made_anew_does_not_reach_the_new_one() {
    for &transport in ALL {
        let home = Home::new();
        let (rep, here) = bound(&home, transport);
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(&here).unwrap();
        for round in 0..20 {
            let request = {
                let mut asking = pin!(req.request_async("old"));
                let mut cx = Context::from_waker(Waker::noop());
                assert!(asking.as_mut().poll(&mut cx).is_pending());
                next(&rep)
            };
            thread::scope(|scope| {
                let asking = scope.spawn(|| req.request_timeout("new", PATIENCE));
                let new = next(&rep);
                assert_eq!(*new, "new");
                request.reply("to the old one").unwrap();
                new.reply("to the new one").unwrap();
                let reply = asking.join().unwrap().unwrap();
                assert_eq!(reply, "to the new one", "{transport:?} {round}");
            });
        }
        let dropped = rep.stats().dropped;
        assert_eq!(dropped.total(), 20, "{transport:?}: {dropped:?}");
    }
}
