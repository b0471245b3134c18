//! DEALER: sends to its peers in turn, hears all of them in turn, and leaves messages as they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::collections::BTreeSet;
use std::thread;

use peer::{MORE, Raw, greeting};
use support::{ALL, Home, PATIENCE, QUIET, Transport, until};
use zocket::{Dealer, Message, Rep, Router};

fn joined(home: &Home, transport: Transport) -> (Dealer, Dealer) {
    let bound = home.of(Dealer::builder()).build().unwrap();
    let connected = home.of(Dealer::builder()).build().unwrap();
    connected
        .connect(bound.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    bound.wait_for_peers(1, PATIENCE).unwrap();
    connected.wait_for_peers(1, PATIENCE).unwrap();
    (bound, connected)
}

#[test]
fn peers_are_sent_to_in_turn() {
    for &transport in ALL {
        let home = Home::new();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        let peers: Vec<Dealer> = (0..5)
            .map(|_| home.of(Dealer::builder()).build().unwrap())
            .collect();
        for peer in &peers {
            dealer
                .connect(peer.bind(home.endpoint(transport)).unwrap())
                .unwrap();
        }
        for number in 0..50 {
            dealer.send(number.to_string()).unwrap();
        }
        for round in 0..10 {
            for (place, peer) in peers.iter().enumerate() {
                assert_eq!(
                    peer.recv_timeout(PATIENCE).unwrap(),
                    (5 * round + place).to_string(),
                    "{transport:?}"
                );
            }
        }
    }
}

#[test]
fn peers_are_heard_in_turn() {
    for &transport in ALL {
        let home = Home::new();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        let here = dealer.bind(home.endpoint(transport)).unwrap();
        let peers: Vec<Dealer> = (0..4)
            .map(|_| home.of(Dealer::builder()).build().unwrap())
            .collect();
        for (name, peer) in peers.iter().enumerate() {
            peer.connect(&here).unwrap();
            for number in 0..10 {
                peer.send([name.to_string(), number.to_string()]).unwrap();
            }
        }
        until("all is there", || dealer.stats().recv_queue.messages == 40);
        for number in 0..10 {
            let mut heard = BTreeSet::new();
            for _ in 0..4 {
                let message = dealer.try_recv().unwrap();
                assert_eq!(message[1], *number.to_string(), "{transport:?}");
                heard.insert(message.first().clone().into_bytes());
            }
            assert_eq!(heard.len(), 4, "everybody once");
        }
    }
}

#[test]
fn a_message_stays_as_it_is_both_ways() {
    for &transport in ALL {
        let home = Home::new();
        let (a, b) = joined(&home, transport);
        for frames in [
            &[""][..],
            &["", ""],
            &["", "body"],
            &["a", "", "b", ""],
            &["one"],
        ] {
            let message: Message = frames.iter().copied().collect();
            a.send(message.clone()).unwrap();
            b.send(message.clone()).unwrap();
            assert_eq!(a.recv_timeout(PATIENCE).unwrap(), message);
            assert_eq!(b.recv_timeout(PATIENCE).unwrap(), message);
        }
    }
}

#[test]
fn without_a_peer_it_waits() {
    for &transport in ALL {
        let home = Home::new();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        let here = dealer.bind(home.endpoint(transport)).unwrap();
        assert!(dealer.try_send("nobody").unwrap_err().is_full());
        let error = dealer.send_timeout("nobody", QUIET).unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(error.into_message(), "nobody");
        thread::scope(|scope| {
            let sending = scope.spawn(|| dealer.send_timeout("somebody", PATIENCE));
            let peer = home.of(Dealer::builder()).build().unwrap();
            peer.connect(&here).unwrap();
            sending.join().unwrap().unwrap();
            assert_eq!(peer.recv_timeout(PATIENCE).unwrap(), "somebody");
        });
    }
}

#[test]
fn to_a_rep_it_asks_many_questions_at_once() {
    for &transport in ALL {
        let home = Home::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        dealer
            .connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for number in 0..100 {
            dealer
                .send([
                    "tag".to_owned(),
                    number.to_string(),
                    String::new(),
                    "?".to_owned(),
                ])
                .unwrap();
        }
        let mut requests: Vec<_> = (0..100)
            .map(|_| rep.recv_timeout(PATIENCE).unwrap())
            .collect();
        requests.reverse();
        for request in requests {
            request.reply("!").unwrap();
        }
        for number in (0..100).rev() {
            assert_eq!(
                dealer.recv_timeout(PATIENCE).unwrap(),
                Message::from(["tag", &number.to_string(), "", "!"])
            );
        }
    }
}

#[test]
fn a_peer_that_leaves_is_left_out_of_the_turns() {
    for &transport in ALL {
        let home = Home::new();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        let here = dealer.bind(home.endpoint(transport)).unwrap();
        let [stays, leaves] = [(); 2].map(|()| {
            let peer = home.of(Dealer::builder()).build().unwrap();
            peer.connect(&here).unwrap();
            peer
        });
        dealer.wait_for_peers(2, PATIENCE).unwrap();
        leaves.close().unwrap();
        until("it has left", || dealer.peers().len() == 1);
        for number in 0..20 {
            dealer.send_timeout(number.to_string(), PATIENCE).unwrap();
            assert_eq!(stays.recv_timeout(PATIENCE).unwrap(), number.to_string());
        }
    }
}

#[test]
fn its_introduction_tells_its_id_and_a_probe_comes_next() {
    for name in ["", "dealer-1"] {
        let home = Home::new();
        let builder = home.of(Dealer::builder()).probe_router(true);
        let builder = match name {
            "" => builder,
            name => builder.routing_id(name),
        };
        let dealer = builder.build().unwrap();
        let mut raw = Raw::connect(&dealer.bind(home.endpoint(Transport::Tcp)).unwrap());
        raw.say(&greeting());
        raw.say(&peer::ready("ROUTER"));
        raw.listen(64);
        let header = raw.listen(2);
        let ready = raw.listen(header[1].into());
        let identity = [
            &b"\x08Identity\0\0\0"[..],
            &[name.len() as u8],
            name.as_bytes(),
        ]
        .concat();
        assert!(ready.windows(identity.len()).any(|part| part == identity));
        assert_eq!(raw.listen(2), [0, 0]);
        dealer.send_timeout(["a", "bc"], PATIENCE).unwrap();
        assert_eq!(raw.listen(7), [MORE, 1, b'a', 0, 2, b'b', b'c']);
        raw.say(&[MORE, 0, 0, 1, b'x']);
        assert_eq!(
            dealer.recv_timeout(PATIENCE).unwrap(),
            Message::from(["", "x"])
        );
    }
}

#[test]
fn with_conflate_only_the_newest_is_kept() {
    let home = Home::new();
    let router = home.of(Router::builder()).build().unwrap();
    let dealer = home
        .of(Dealer::builder().conflate(true).routing_id("d"))
        .build()
        .unwrap();
    dealer
        .connect(router.bind(home.endpoint(Transport::Inproc)).unwrap())
        .unwrap();
    for number in 0..10 {
        dealer
            .send([number.to_string(), "whole".to_owned()])
            .unwrap();
    }
    let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!(message, Message::from(["9", "whole"]));
    for number in 0..10 {
        router.send_to(&id, number.to_string()).unwrap();
    }
    assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), "9");
    assert!(dealer.try_recv().is_err());
}
