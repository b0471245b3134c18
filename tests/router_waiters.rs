//! Who waits at a mandatory ROUTER for room at a peer does not wait for one that is gone.
#![allow(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as promised"
)]

mod support;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use support::PATIENCE;
use zocket::{Dealer, Router, RoutingId};

/// What fills the kernel's buffers soon.
const LARGE: usize = 1 << 20;

#[test]
fn a_sender_that_waits_goes_on_when_another_takes_the_id_over() {
    for endpoint in ["tcp://127.0.0.1:*", "inproc://router-waiters-handover"] {
        let router = Router::builder()
            .mandatory(true)
            .handover(true)
            .send_hwm(1)
            .build()
            .unwrap();
        let here = router.bind(endpoint).unwrap();
        let connect = || {
            let dealer = Dealer::builder()
                .routing_id("same")
                .recv_hwm(1)
                .build()
                .unwrap();
            dealer.connect(&here).unwrap();
            dealer
        };
        let full = connect();
        router.wait_for_peers(1, PATIENCE).unwrap();
        full.send("here").unwrap();
        let (id, _): (RoutingId, _) = router.recv_from_timeout(PATIENCE).unwrap();
        // Full for good: what the kernel takes, it has taken.
        let patience = Duration::from_millis(300);
        while router
            .send_to_timeout(&id, vec![0; LARGE], patience)
            .is_ok()
        {}
        let router = Arc::new(router);
        let waiter = thread::spawn({
            let (router, id) = (router.clone(), id.clone());
            move || router.send_to_timeout(&id, "for whoever has the id", PATIENCE)
        });
        // The waiter may not wait yet: then it finds the newcomer by itself.
        thread::sleep(Duration::from_millis(100));
        let newcomer = connect();
        newcomer.send("here").unwrap();
        waiter.join().unwrap().unwrap();
        assert_eq!(
            newcomer.recv_timeout(PATIENCE).unwrap(),
            "for whoever has the id",
            "{endpoint}"
        );
        drop(full);
    }
}

/// Over inproc the peer comes by another thread's hand, that must not tell of it too soon.
#[test]
fn who_has_waited_for_a_peer_can_send_to_it() {
    for round in 0..1_000 {
        let router = Router::builder().mandatory(true).build().unwrap();
        let here = router
            .bind(format!("inproc://router-waiters-{round}").as_str())
            .unwrap();
        let connecting = thread::spawn(move || {
            let dealer = Dealer::new();
            dealer.connect(&here).unwrap();
            dealer
        });
        router.wait_for_peers(1, PATIENCE).unwrap();
        let peers = router.peers();
        let id = peers[0].routing_id().unwrap();
        router.send_to(id, "at once").unwrap();
        let dealer = connecting.join().unwrap();
        assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), "at once");
    }
}
