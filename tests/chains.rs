//! Requests that go through others on their way: REQ, ROUTER, DEALER and REP in a row, each hop
//! written by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use support::{ALL, Home, PATIENCE, QUIET, Transport};
use zocket::{Dealer, Endpoint, Message, Rep, Req, Router, RoutingId};

/// A ROUTER for clients and a DEALER for workers, and what is between them.
struct Device {
    front: Router,
    back: Dealer,
}

impl Device {
    fn new(home: &Home, transport: Transport) -> (Self, Endpoint, Endpoint) {
        let front = home.of(Router::builder()).build().unwrap();
        let back = home.of(Dealer::builder()).build().unwrap();
        let for_clients = front.bind(home.endpoint(transport)).unwrap();
        let for_workers = back.bind(home.endpoint(transport)).unwrap();
        (Self { front, back }, for_clients, for_workers)
    }

    /// Takes one request on: the id of who asked goes in front.
    fn forward(&self) {
        let (id, mut message) = self.front.recv_from_timeout(PATIENCE).unwrap();
        message.push_front(&id);
        self.back.send_timeout(message, PATIENCE).unwrap();
    }

    /// Takes one reply back: to whom says its first frame.
    fn back(&self) {
        let mut message = self.back.recv_timeout(PATIENCE).unwrap();
        let id = RoutingId::try_from(message.pop_front().unwrap()).unwrap();
        self.front.send_to(&id, message).unwrap();
    }

    /// Both, until it is closed.
    fn run(&self) {
        thread::scope(|scope| {
            scope.spawn(|| {
                while let Ok((id, mut message)) = self.front.recv_from() {
                    message.push_front(&id);
                    if self.back.send(message).is_err() {
                        break;
                    }
                }
            });
            while let Ok(mut message) = self.back.recv() {
                let id = RoutingId::try_from(message.pop_front().unwrap()).unwrap();
                if self.front.send_to(&id, message).is_err() {
                    break;
                }
            }
        });
    }

    fn close(&self) {
        let _ = self.front.close();
        let _ = self.back.close();
    }
}

/// There and back, twice over, as one and as two parts.
fn bounce(req: &Req, rep: &Rep) {
    for message in [
        Message::from("12345678ABCDEFGH12345678abcdefgh"),
        Message::from(["12345678ABCDEFGH", "12345678abcdefgh"]),
        Message::from(""),
        Message::from(["", "", ""]),
    ] {
        req.send_timeout(message.clone(), PATIENCE).unwrap();
        let request = rep.recv_timeout(PATIENCE).unwrap();
        assert_eq!(*request, message);
        let reply = request.clone();
        request.reply(reply).unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), message);
    }
}

#[test]
fn a_request_and_its_reply_go_straight() {
    for &transport in ALL {
        let home = Home::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        let here = rep.bind(home.endpoint(transport)).unwrap();
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(&here).unwrap();
        bounce(&req, &rep);

        // The other way round.
        let req = home.of(Req::builder()).build().unwrap();
        let rep = home.of(Rep::builder()).build().unwrap();
        rep.connect(req.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        bounce(&req, &rep);
    }
}

#[test]
fn over_several_transports_at_once() {
    let home = Home::new();
    let rep = home.of(Rep::builder()).build().unwrap();
    let req = home.of(Req::builder()).build().unwrap();
    for &transport in ALL {
        for _ in 0..2 {
            req.connect(rep.bind(home.endpoint(transport)).unwrap())
                .unwrap();
        }
    }
    req.wait_for_peers(2 * ALL.len(), PATIENCE).unwrap();
    for _ in 0..2 * ALL.len() {
        bounce(&req, &rep);
    }
}

#[test]
fn a_hand_written_device_passes_everything_on() {
    for &transport in ALL {
        let home = Home::new();
        let (device, for_clients, for_workers) = Device::new(&home, transport);
        let rep = home.of(Rep::builder()).build().unwrap();
        rep.connect(&for_workers).unwrap();
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(&for_clients).unwrap();
        for _ in 0..3 {
            req.send(["ABC", "", "DEF"]).unwrap();
            device.forward();
            let request = rep.recv_timeout(PATIENCE).unwrap();
            assert_eq!(*request, Message::from(["ABC", "", "DEF"]));
            request.reply(["GHI", "JKL"]).unwrap();
            device.back();
            assert_eq!(
                req.recv_timeout(PATIENCE).unwrap(),
                Message::from(["GHI", "JKL"]),
                "{transport:?}"
            );
        }
    }
}

#[test]
fn through_three_devices_in_a_row() {
    for &transport in ALL {
        for correlate in [false, true] {
            let home = Home::new();
            let devices: Vec<_> = (0..3).map(|_| Device::new(&home, transport)).collect();
            for pair in devices.windows(2) {
                // Of the next one's ROUTER the DEALER is a client.
                let [(first, ..), (_, next_clients, _)] = pair else {
                    unreachable!()
                };
                first.back.connect(next_clients).unwrap();
            }
            let rep = home.of(Rep::builder()).build().unwrap();
            rep.connect(&devices[2].2).unwrap();
            let req = home
                .of(Req::builder().correlate(correlate))
                .build()
                .unwrap();
            req.connect(&devices[0].1).unwrap();
            for round in 0..20 {
                req.send(["question", &round.to_string()]).unwrap();
                for (device, ..) in &devices {
                    device.forward();
                }
                let request = rep.recv_timeout(PATIENCE).unwrap();
                assert_eq!(*request, Message::from(["question", &round.to_string()]));
                request.reply(["answer", &round.to_string()]).unwrap();
                for (device, ..) in devices.iter().rev() {
                    device.back();
                }
                assert_eq!(
                    req.recv_timeout(PATIENCE).unwrap(),
                    Message::from(["answer", &round.to_string()]),
                    "{transport:?}"
                );
            }
        }
    }
}

#[test]
fn many_clients_and_many_workers() {
    const CLIENTS: usize = 6;
    const EACH: usize = 100;
    for &transport in ALL {
        let home = Home::new();
        let (device, for_clients, for_workers) = Device::new(&home, transport);
        let workers: Vec<Rep> = (0..3)
            .map(|_| {
                let rep = home.of(Rep::builder()).build().unwrap();
                rep.connect(&for_workers).unwrap();
                rep
            })
            .collect();
        device.back.wait_for_peers(3, PATIENCE).unwrap();
        let failed = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| device.run());
            for worker in &workers {
                scope.spawn(move || {
                    for request in worker {
                        let mut reply = (*request).clone();
                        reply.push_back("done");
                        request.reply(reply).unwrap();
                    }
                });
            }
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let (home, for_clients) = (&home, &for_clients);
                    scope.spawn(move || {
                        let req = home.of(Req::builder()).build().unwrap();
                        req.connect(for_clients).unwrap();
                        for number in 0..EACH {
                            let request = format!("{client} {number}");
                            let reply = req.request_timeout(request.as_str(), PATIENCE);
                            assert_eq!(reply.unwrap(), Message::from([&request, "done"]));
                        }
                    })
                })
                .collect();
            for client in clients {
                failed.fetch_or(client.join().is_err(), Ordering::Relaxed);
            }
            device.close();
            for worker in &workers {
                worker.close().unwrap();
            }
        });
        assert!(!failed.into_inner(), "{transport:?}");
        let served: u64 = workers
            .iter()
            .map(|worker| worker.stats().returned.messages)
            .sum();
        assert_eq!(served, (CLIENTS * EACH) as u64);
    }
}

#[test]
fn a_client_that_leaves_costs_the_others_nothing() {
    for &transport in ALL {
        let home = Home::new();
        let (device, for_clients, for_workers) = Device::new(&home, transport);
        let rep = home.of(Rep::builder()).build().unwrap();
        rep.connect(&for_workers).unwrap();
        let stays = home.of(Req::builder()).build().unwrap();
        stays.connect(&for_clients).unwrap();
        for _ in 0..10 {
            let leaves = home.of(Req::builder()).build().unwrap();
            leaves.connect(&for_clients).unwrap();
            leaves.send("forget it").unwrap();
            device.forward();
            leaves.close().unwrap();
            stays.send("keep it").unwrap();
            device.forward();
            for expected in ["forget it", "keep it"] {
                let request = rep.recv_timeout(PATIENCE).unwrap();
                assert_eq!(*request, expected);
                request.reply(expected).unwrap();
                device.back();
            }
            assert_eq!(stays.recv_timeout(PATIENCE).unwrap(), "keep it");
        }
        assert!(device.back.recv_timeout(QUIET).is_err());
    }
}
