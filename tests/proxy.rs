//! A proxy passes whole messages on, both ways, between any two sockets that can; it takes nothing
//! that it could not pass on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use support::{ALL, Home, PATIENCE, QUIET, Transport, fill, next_of, until};
use zocket::{
    Builder, Dealer, Endpoint, Error, Message, Pair, Proxy, Pub, Push, Rep, Req, Router, Socket,
    SocketKind, SocketType, Sub, WaitError, XPub, XSub,
};

/// A builder as the home's own are.
fn set_up<T: SocketKind>(home: &Home, builder: Builder<T>) -> Builder<T> {
    builder
        .context(&home.context)
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(50))
}

/// A bound socket of each of two types, ready for a proxy.
fn bound(
    home: &Home,
    transport: Transport,
    types: (SocketType, SocketType),
) -> [(Arc<Socket>, Endpoint); 2] {
    [types.0, types.1].map(|socket_type| {
        let socket = set_up(home, Socket::builder(socket_type)).build().unwrap();
        let here = socket.bind(home.endpoint(transport)).unwrap();
        (Arc::new(socket), here)
    })
}

fn connected<T: SocketKind>(
    home: &Home,
    builder: Builder<T>,
    connect: impl FnOnce(&T) -> Result<Endpoint, zocket::ConnectError>,
) -> T {
    let socket = set_up(home, builder).build().unwrap();
    connect(&socket).unwrap();
    socket
}

/// Answers each request with itself and a mark, until its context ends.
fn work(rep: &Rep) {
    for request in rep {
        let reply = format!("{} done", text(request.first()));
        request.reply(reply).unwrap();
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

// ---- requests and replies

#[test]
fn many_clients_share_many_workers() {
    const CLIENTS: usize = 4;
    const WORKERS: usize = 3;
    const EACH: usize = 200;
    for &transport in ALL {
        let home = Home::new();
        let [(clients, front), (workers, back)] =
            bound(&home, transport, (SocketType::Router, SocketType::Dealer));
        let proxy = Proxy::new(clients, workers.clone()).spawn().unwrap();
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                let rep = connected(&home, Rep::builder(), |rep| rep.connect(&back));
                scope.spawn(move || work(&rep));
            }
            workers.wait_for_peers(WORKERS, PATIENCE).unwrap();
            let asking: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let req = connected(&home, Req::builder(), |req| req.connect(&front));
                    scope.spawn(move || {
                        for number in 0..EACH {
                            let reply = req
                                .request_timeout(format!("{client} {number}"), PATIENCE)
                                .unwrap();
                            assert_eq!(reply, format!("{client} {number} done"));
                        }
                    })
                })
                .collect();
            // One that does not wait for one reply before the next request.
            let dealer = connected(&home, Dealer::builder(), |dealer| dealer.connect(&front));
            for number in 0..EACH {
                dealer
                    .send_timeout(["".to_owned(), number.to_string()], PATIENCE)
                    .unwrap();
            }
            let mut seen: Vec<usize> = (0..EACH)
                .map(|_| {
                    let reply = dealer.recv_timeout(PATIENCE).unwrap();
                    let (number, done) = text(&reply[1]).split_once(' ').unwrap();
                    assert_eq!(done, "done");
                    number.parse().unwrap()
                })
                .collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..EACH), "{transport:?}");
            for client in asking {
                client.join().unwrap();
            }
            let counted = proxy.stop().unwrap();
            let all = (EACH * (CLIENTS + 1)) as u64;
            for side in [counted.frontend, counted.backend] {
                assert_eq!((side.received, side.sent, side.dropped), (all, all, 0));
            }
            home.context.shutdown();
        });
    }
}

#[test]
fn multipart_stays_whole() {
    for &transport in ALL {
        let home = Home::new();
        let [(a, front), (b, back)] =
            bound(&home, transport, (SocketType::Dealer, SocketType::Dealer));
        let left = connected(&home, Dealer::builder(), |dealer| dealer.connect(&front));
        let right = connected(&home, Dealer::builder(), |dealer| dealer.connect(&back));
        let _proxy = Proxy::new(a, b).spawn().unwrap();
        let message: Message = ["", "one", "", "two", ""].into_iter().collect();
        let big = Message::from(vec![7; 3 << 20]);
        for (from, to) in [(&left, &right), (&right, &left)] {
            for message in [&message, &big] {
                from.send_timeout(message.clone(), PATIENCE).unwrap();
                assert_eq!(to.recv_timeout(PATIENCE).unwrap(), *message);
            }
        }
    }
}

#[test]
fn one_request_at_a_time_passes_from_rep_to_req() {
    for &transport in ALL {
        for swapped in [false, true] {
            let home = Home::new();
            let [(rep, front), (req, back)] =
                bound(&home, transport, (SocketType::Rep, SocketType::Req));
            let _proxy = if swapped {
                Proxy::new(req, rep).spawn().unwrap()
            } else {
                Proxy::new(rep, req).spawn().unwrap()
            };
            thread::scope(|scope| {
                let worker = connected(&home, Rep::builder(), |rep| rep.connect(&back));
                scope.spawn(move || work(&worker));
                let asking: Vec<_> = (0..3)
                    .map(|client| {
                        let req = connected(&home, Req::builder(), |req| req.connect(&front));
                        scope.spawn(move || {
                            for number in 0..50 {
                                let request = format!("{client} {number}");
                                let reply = req.request_timeout(&*request, PATIENCE).unwrap();
                                assert_eq!(reply, format!("{request} done"));
                            }
                        })
                    })
                    .collect();
                for client in asking {
                    client.join().unwrap();
                }
                home.context.shutdown();
            });
        }
    }
}

#[test]
fn from_rep_to_req_a_worker_that_leaves_costs_its_request_only() {
    for &transport in ALL {
        let home = Home::new();
        let [(rep, front), (req, back)] =
            bound(&home, transport, (SocketType::Rep, SocketType::Req));
        let _proxy = Proxy::new(rep, req.clone()).spawn().unwrap();
        let worker = connected(&home, Rep::builder(), |rep| rep.connect(&back));
        let unlucky = connected(&home, Req::builder(), |req| req.connect(&front));
        unlucky.send("lost").unwrap();
        drop(worker.recv_timeout(PATIENCE).unwrap());
        worker.close().unwrap();

        let worker = connected(&home, Rep::builder(), |rep| rep.connect(&back));
        let client = connected(&home, Req::builder(), |req| req.connect(&front));
        client.send("kept").unwrap();
        let request = worker.recv_timeout(PATIENCE).unwrap();
        assert_eq!(*request, Message::from("kept"), "{transport:?}");
        request.reply("answer").unwrap();
        assert_eq!(client.recv_timeout(PATIENCE).unwrap(), "answer");
    }
}

// ---- one socket

#[test]
fn one_socket_gets_back_what_it_receives() {
    for &transport in ALL {
        let home = Home::new();
        let echo = |socket_type| {
            let [(socket, here), _] = bound(&home, transport, (socket_type, SocketType::Pull));
            let proxy = Proxy::new(socket.clone(), socket).spawn().unwrap();
            (proxy, here)
        };

        let (proxy, here) = echo(SocketType::Rep);
        let req = connected(&home, Req::builder(), |req| req.connect(&here));
        for number in 0..100 {
            let reply = req.request_timeout(number.to_string(), PATIENCE).unwrap();
            assert_eq!(reply, number.to_string());
        }
        let counted = proxy.stop().unwrap();
        assert_eq!(
            (counted.frontend.received, counted.frontend.sent),
            (100, 100)
        );
        assert_eq!(counted.backend.received + counted.backend.sent, 0);

        let (_proxy, here) = echo(SocketType::Router);
        let dealers =
            [(); 2].map(|()| connected(&home, Dealer::builder(), |dealer| dealer.connect(&here)));
        for number in 0..1000 {
            for (name, dealer) in ["a", "b"].iter().zip(&dealers) {
                let message = format!("{name}{number}");
                dealer.send_timeout(message, PATIENCE).unwrap();
            }
        }
        for number in 0..1000 {
            for (name, dealer) in ["a", "b"].iter().zip(&dealers) {
                let echoed = dealer.recv_timeout(PATIENCE).unwrap();
                assert_eq!(echoed, format!("{name}{number}"));
            }
        }

        let (_proxy, here) = echo(SocketType::Pair);
        let pair = connected(&home, Pair::builder(), |pair| pair.connect(&here));
        pair.send_timeout("hello", PATIENCE).unwrap();
        assert_eq!(pair.recv_timeout(PATIENCE).unwrap(), "hello");
    }
}

// ---- publishing

#[test]
fn subscriptions_go_upstream_and_messages_downstream() {
    for &transport in ALL {
        for swapped in [false, true] {
            let home = Home::new();
            let [(xsub, front), (xpub, back)] =
                bound(&home, transport, (SocketType::XSub, SocketType::XPub));
            let _proxy = if swapped {
                Proxy::new(xpub, xsub).spawn().unwrap()
            } else {
                Proxy::new(xsub, xpub).spawn().unwrap()
            };
            let publisher = connected(&home, Pub::builder(), |publisher| publisher.connect(&front));
            let [a, b] = ["a", "b"].map(|topic| {
                let sub = connected(&home, Sub::builder(), |sub| sub.connect(&back));
                sub.subscribe(topic).unwrap();
                sub.subscribe("both").unwrap();
                sub
            });
            // A topic is known at the publisher once a message of it comes through.
            for (sub, topic) in [(&a, "a"), (&b, "b")] {
                until("the subscription arrives", || {
                    publisher.send(format!("{topic}?")).unwrap();
                    sub.recv_timeout(Duration::from_millis(5)).is_ok()
                });
            }
            for sub in [&a, &b] {
                until("both are reached", || {
                    publisher.send("both?").unwrap();
                    sub.recv_timeout(Duration::from_millis(5))
                        .is_ok_and(|message| message == "both?")
                });
            }
            for number in 0..100 {
                for topic in ["a", "b", "both"] {
                    publisher
                        .send([topic.to_owned(), number.to_string()])
                        .unwrap();
                }
            }
            for (sub, topic) in [(&a, "a"), (&b, "b")] {
                for number in 0..100 {
                    for expected in [topic, "both"] {
                        let mut message = sub.recv_timeout(PATIENCE).unwrap();
                        while message.len() == 1 {
                            message = sub.recv_timeout(PATIENCE).unwrap();
                        }
                        assert_eq!(*message.frames(), [expected, &number.to_string()]);
                    }
                }
            }
            drop((a, b));
            until("the publisher knows that nobody is interested", || {
                publisher.wait_for_subscribers(1, Duration::ZERO)
                    == Err(WaitError::Timeout { ready: 0 })
            });
        }
    }
}

#[test]
fn what_subscribers_send_reaches_every_publisher() {
    for &transport in ALL {
        let home = Home::new();
        let [(xsub, front), (xpub, back)] =
            bound(&home, transport, (SocketType::XSub, SocketType::XPub));
        let _proxy = Proxy::new(xsub.clone(), xpub).spawn().unwrap();
        let publishers = [(); 2].map(|()| {
            connected(&home, XPub::builder(), |publisher| {
                publisher.connect(&front)
            })
        });
        xsub.wait_for_peers(2, PATIENCE).unwrap();
        let subscriber = connected(&home, XSub::builder(), |xsub| xsub.connect(&back));
        subscriber.wait_for_peers(1, PATIENCE).unwrap();
        subscriber.send("hello publishers").unwrap();
        for publisher in publishers {
            match publisher.recv_timeout(PATIENCE).unwrap() {
                zocket::Upstream::Message(message) => assert_eq!(message, "hello publishers"),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn one_way_pairs_go_one_way() {
    for &transport in ALL {
        let home = Home::new();
        let [(sub, front), (publisher, back)] =
            bound(&home, transport, (SocketType::Sub, SocketType::Pub));
        sub.subscribe("a").unwrap();
        let proxy = Proxy::new(publisher.clone(), sub).spawn().unwrap();
        let source = connected(&home, Pub::builder(), |source| source.connect(&front));
        source.wait_for_subscribers(1, PATIENCE).unwrap();
        let sink = connected(&home, Sub::builder(), |sink| sink.connect(&back));
        sink.subscribe("").unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        for number in 0..100 {
            source.send(format!("b{number}")).unwrap();
            source.send(format!("a{number}")).unwrap();
        }
        for number in 0..100 {
            assert_eq!(sink.recv_timeout(PATIENCE).unwrap(), format!("a{number}"));
        }
        let counted = proxy.stop().unwrap();
        assert_eq!(
            (counted.backend.received, counted.frontend.sent),
            (100, 100)
        );
        assert_eq!((counted.frontend.received, counted.backend.sent), (0, 0));
    }
}

// ---- back-pressure

/// PUSH, a proxy of PULL and PUSH, PULL.
struct Pipeline {
    source: Push,
    inbound: Arc<Socket>,
    outbound: Arc<Socket>,
    back: Endpoint,
}

fn pipeline(home: &Home, transport: Transport, hwm: usize) -> Pipeline {
    let socket = |socket_type, sends: bool| {
        let builder = set_up(home, Socket::builder(socket_type));
        let builder = if sends {
            builder.send_hwm(hwm)
        } else {
            builder.recv_hwm(hwm)
        };
        let socket = builder.build().unwrap();
        let here = socket.bind(home.endpoint(transport)).unwrap();
        (Arc::new(socket), here)
    };
    let (inbound, front) = socket(SocketType::Pull, false);
    let (outbound, back) = socket(SocketType::Push, true);
    let source = home.push().send_hwm(hwm).build().unwrap();
    source.connect(&front).unwrap();
    Pipeline {
        source,
        inbound,
        outbound,
        back,
    }
}

#[test]
fn nothing_is_taken_for_a_side_without_peers() {
    for &transport in ALL {
        let home = Home::new();
        let Pipeline {
            source,
            inbound,
            outbound,
            back,
        } = pipeline(&home, transport, 10);
        let proxy = Proxy::new(inbound.clone(), outbound).spawn().unwrap();
        source.wait_for_peers(1, PATIENCE).unwrap();
        for number in 0..10 {
            source.send_timeout(number.to_string(), PATIENCE).unwrap();
        }
        until("the messages arrive", || {
            inbound.stats().recv_queue.messages == 10
        });
        assert_eq!(proxy.statistics().frontend.received, 0, "{transport:?}");
        assert_eq!(inbound.stats().returned.messages, 0);

        let sink = home.pull().build().unwrap();
        sink.connect(&back).unwrap();
        for number in 0..10 {
            assert_eq!(next_of(&sink), number.to_string());
        }
    }
}

#[test]
fn a_full_side_stops_the_other() {
    let home = Home::new();
    let Pipeline {
        source,
        inbound,
        outbound,
        back,
    } = pipeline(&home, Transport::Inproc, 5);
    let sink = home.pull().recv_hwm(2).build().unwrap();
    sink.connect(&back).unwrap();
    outbound.wait_for_peers(1, PATIENCE).unwrap();
    let proxy = Proxy::new(inbound.clone(), outbound).spawn().unwrap();
    let mut sent = 0;
    until("it is full from end to end", || {
        sent += fill(&source, sent);
        proxy.statistics().backend.sent == 7
    });
    sent += fill(&source, sent);
    for _ in 0..100 {
        let counted = proxy.statistics();
        assert_eq!((counted.frontend.received, counted.backend.sent), (7, 7));
    }
    assert_eq!(inbound.stats().recv_queue.messages, sent as u64 - 7);
    // It goes on where it stood.
    let mut received = 0;
    while received < sent {
        assert_eq!(next_of(&sink), received.to_string());
        received += 1;
    }
    let counted = proxy.stop().unwrap();
    assert_eq!(counted.frontend, {
        let mut expected = counted.frontend;
        (expected.received, expected.sent, expected.dropped) = (sent as u64, 0, 0);
        expected
    });
    assert_eq!(counted.backend.sent, sent as u64);
    assert_eq!(counted.backend.sent_bytes, counted.frontend.received_bytes);
}

#[test]
fn a_hundred_thousand_pass_in_order_however_tight_it_is() {
    const MANY: usize = 100_000;
    for &transport in ALL {
        let home = Home::new();
        let Pipeline {
            source,
            inbound,
            outbound,
            back,
        } = pipeline(&home, transport, 20);
        let sink = home.pull().recv_hwm(20).build().unwrap();
        sink.connect(&back).unwrap();
        let proxy = Proxy::new(inbound, outbound).spawn().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..MANY {
                    source.send_timeout(number.to_string(), PATIENCE).unwrap();
                }
            });
            for number in 0..MANY {
                assert_eq!(next_of(&sink), number.to_string(), "{transport:?}");
            }
        });
        let counted = proxy.stop().unwrap();
        assert_eq!(counted.frontend.received, MANY as u64);
        assert_eq!(counted.backend.sent, MANY as u64);
        assert_eq!(counted.backend.dropped, 0);
    }
}

#[test]
fn one_way_at_a_standstill_does_not_stop_the_other() {
    for &transport in ALL {
        let home = Home::new();
        let sockets = [(); 2].map(|()| {
            let pair = set_up(&home, Pair::builder())
                .send_hwm(5)
                .recv_hwm(5)
                .build()
                .unwrap();
            let here = pair.bind(home.endpoint(transport)).unwrap();
            (pair, here)
        });
        let [(a, front), (b, back)] = sockets;
        let proxy = Proxy::new(a, b).spawn().unwrap();
        let end = |here: &Endpoint| {
            let pair = home.pair().send_hwm(5).recv_hwm(5).build().unwrap();
            pair.connect(here).unwrap();
            pair.wait_for_peers(1, PATIENCE).unwrap();
            pair
        };
        let (deaf, busy) = (end(&front), end(&back));
        // Until even the kernel takes no more.
        let big = vec![0; 1 << 20];
        while busy.send_timeout(big.clone(), QUIET).is_ok() {}
        for number in 0..1000 {
            deaf.send_timeout(number.to_string(), PATIENCE).unwrap();
            assert_eq!(busy.recv_timeout(PATIENCE).unwrap(), number.to_string());
        }
        let counted = proxy.statistics();
        assert_eq!(
            (counted.frontend.received, counted.backend.sent),
            (1000, 1000)
        );
    }
}

/// libzmq's proxy stopped answering its control socket here.
#[test]
fn a_publisher_that_drops_nothing_holds_the_proxy_up_but_not_its_handle() {
    let home = Home::new();
    let xsub = set_up(&home, XSub::builder()).recv_hwm(3).build().unwrap();
    let front = xsub.bind(home.endpoint(Transport::Inproc)).unwrap();
    let xpub = set_up(&home, XPub::builder())
        .nodrop(true)
        .send_hwm(2)
        .build()
        .unwrap();
    let back = xpub.bind(home.endpoint(Transport::Inproc)).unwrap();
    let proxy = Proxy::new(xsub, xpub).spawn().unwrap();
    let source = set_up(&home, Pub::builder())
        .nodrop(true)
        .send_hwm(3)
        .build()
        .unwrap();
    source.connect(&front).unwrap();
    let sink = set_up(&home, Sub::builder()).recv_hwm(2).build().unwrap();
    sink.subscribe("").unwrap();
    sink.connect(&back).unwrap();
    source.wait_for_subscribers(1, PATIENCE).unwrap();
    let mut sent = 0;
    // Four are with the subscriber, and the fifth is in hand.
    until("it is full from end to end", || {
        sent += usize::from(source.try_send(sent.to_string()).is_ok());
        proxy.statistics().frontend.received == 5
    });
    while source.try_send(sent.to_string()).is_ok() {
        sent += 1;
    }
    for _ in 0..100 {
        let counted = proxy.statistics();
        assert_eq!((counted.frontend.received, counted.backend.sent), (5, 4));
    }
    for number in 0..sent {
        assert_eq!(sink.recv_timeout(PATIENCE).unwrap(), number.to_string());
    }
    assert_eq!(proxy.stop().unwrap().backend.sent, sent as u64);
}

#[test]
fn what_a_mandatory_router_has_no_peer_for_is_counted_and_the_rest_goes_on() {
    for &transport in ALL {
        let home = Home::new();
        let [(pull, front), _] = bound(&home, transport, (SocketType::Pull, SocketType::Pull));
        let router = set_up(&home, Router::builder())
            .mandatory(true)
            .build()
            .unwrap();
        let back = router.bind(home.endpoint(transport)).unwrap();
        let dealer = connected(&home, Dealer::builder().routing_id("here"), |dealer| {
            dealer.connect(&back)
        });
        router.wait_for_peers(1, PATIENCE).unwrap();
        let proxy = Proxy::new(pull, router).spawn().unwrap();
        let source = home.push().build().unwrap();
        source.connect(&front).unwrap();
        for number in 0..10 {
            for id in ["gone", "here"] {
                source
                    .send_timeout([id.to_owned(), number.to_string()], PATIENCE)
                    .unwrap();
            }
        }
        for number in 0..10 {
            assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), number.to_string());
        }
        let counted = proxy.stop().unwrap();
        assert_eq!(counted.frontend.received, 20, "{transport:?}");
        assert_eq!((counted.backend.sent, counted.backend.dropped), (10, 10));
    }
}

// ---- capturing

#[test]
fn the_capture_sees_both_ways() {
    for &transport in ALL {
        for tap in [
            SocketType::Pair,
            SocketType::Dealer,
            SocketType::Push,
            SocketType::Pub,
        ] {
            let home = Home::new();
            let [(clients, front), (workers, back)] =
                bound(&home, transport, (SocketType::Router, SocketType::Dealer));
            let [(tap, at_tap), _] = bound(&home, transport, (tap, SocketType::Pull));
            let observer = set_up(
                &home,
                Socket::builder(match tap.socket_type() {
                    SocketType::Pub => SocketType::Sub,
                    SocketType::Push => SocketType::Pull,
                    same => same,
                }),
            )
            .build()
            .unwrap();
            observer.connect(&at_tap).unwrap();
            if observer.subscribe("").is_ok() {
                tap.wait_for_subscribers(1, PATIENCE).unwrap();
            } else {
                tap.wait_for_peers(1, PATIENCE).unwrap();
            }
            let proxy = Proxy::new(clients, workers).capture(tap).spawn().unwrap();
            let client = connected(&home, Req::builder(), |req| req.connect(&front));
            let worker = connected(&home, Rep::builder(), |rep| rep.connect(&back));
            for number in 0..50 {
                client.send(format!("request {number}")).unwrap();
                let request = worker.recv_timeout(PATIENCE).unwrap();
                request.reply(format!("reply {number}")).unwrap();
                client.recv_timeout(PATIENCE).unwrap();
                for what in ["request", "reply"] {
                    let copy = observer.recv_timeout(PATIENCE).unwrap();
                    assert_eq!(copy.len(), 3, "id, delimiter, body");
                    assert_eq!(*copy.last(), format!("{what} {number}"));
                }
            }
            assert_eq!(proxy.stop().unwrap().capture_dropped, 0, "{transport:?}");
        }
    }
}

#[test]
fn a_capture_without_room_misses_copies_and_holds_nobody_up() {
    for &transport in ALL {
        let home = Home::new();
        let [(a, front), (b, back)] = bound(&home, transport, (SocketType::Pull, SocketType::Push));
        let nobody_listens = home.push().build().unwrap();
        let proxy = Proxy::new(a, b).capture(nobody_listens).spawn().unwrap();
        let source = home.push().build().unwrap();
        source.connect(&front).unwrap();
        let sink = home.pull().build().unwrap();
        sink.connect(&back).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..10_000 {
                    source.send_timeout(number.to_string(), PATIENCE).unwrap();
                }
            });
            for number in 0..10_000 {
                assert_eq!(next_of(&sink), number.to_string());
            }
        });
        let counted = proxy.stop().unwrap();
        assert_eq!(
            (counted.backend.sent, counted.capture_dropped),
            (10_000, 10_000)
        );
    }
}

// ---- which pairs

#[test]
fn a_pair_that_cannot_work_is_refused() {
    use SocketType::{Dealer, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub};
    let home = Home::new();
    let socket =
        |socket_type| Arc::new(set_up(&home, Socket::builder(socket_type)).build().unwrap());
    for (a, b) in [
        (Pull, Pull),
        (Pull, Sub),
        (Push, Pub),
        (Push, Push),
        (Rep, Pull),
        (Push, Rep),
        (Req, Sub),
        (Req, Req),
        (Rep, Rep),
    ] {
        for (a, b) in [(a, b), (b, a)] {
            let refused = Proxy::new(socket(a), socket(b)).run().unwrap_err();
            assert!(matches!(refused, Error::Build(_)), "{a} {b}: {refused:?}");
            let refused = Proxy::new(socket(a), socket(b)).spawn().unwrap_err();
            assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
            assert!(refused.to_string().contains(&a.to_string()), "{refused}");
        }
    }
    for alone in [Pull, Sub, Push, Pub, Req] {
        let socket = socket(alone);
        assert!(Proxy::new(socket.clone(), socket).run().is_err(), "{alone}");
    }
    for tap in [Pull, Sub, XSub, XPub, Router, Req, Rep] {
        let proxy = Proxy::new(socket(Pull), socket(Push)).capture(socket(tap));
        assert!(proxy.run().is_err(), "{tap}");
    }
    for (a, b) in [
        (Router, Dealer),
        (Router, Router),
        (Dealer, Dealer),
        (XSub, XPub),
        (Pull, Push),
        (Sub, Pub),
        (Sub, Push),
        (Pull, Pub),
        (Rep, Req),
        (Rep, Dealer),
        (SocketType::Pair, SocketType::Pair),
        (SocketType::Pair, Pull),
    ] {
        for (a, b) in [(a, b), (b, a)] {
            let proxy = Proxy::new(socket(a), socket(b)).spawn().unwrap();
            assert!(!proxy.is_finished(), "{a} {b}");
            proxy.stop().unwrap();
        }
    }
}
