//! Models of the steering: an order that was given holds when its call returns, and no order is
//! slept over.

use std::sync::Arc;

use loom::thread;

use super::steering::{Order, Steering};
use super::{ProxyStatistics, SideStatistics};
use crate::signal::Parker;
use crate::sync::{AtomicU64, Ordering};

/// Moves `stock` messages as it is told, counting them in `moved`, until it is told to stop.
fn engine(steering: &Steering, moved: &AtomicU64, stock: u64) {
    let parker = Parker::current();
    steering.engage(parker.clone());
    loop {
        let round = steering.begin();
        let mut again = false;
        if round.order == Order::Move {
            while moved.load(Ordering::Relaxed) < stock {
                moved.fetch_add(1, Ordering::Relaxed);
                if round.is_interrupted() {
                    again = true;
                    break;
                }
            }
        }
        let is_over = round.order == Order::Stop;
        round.end(counted(moved.load(Ordering::Relaxed)));
        if is_over {
            return;
        }
        if !again {
            parker.park(None);
        }
    }
}

fn counted(received: u64) -> ProxyStatistics {
    ProxyStatistics {
        frontend: SideStatistics {
            received,
            ..SideStatistics::default()
        },
        ..ProxyStatistics::default()
    }
}

fn started(stock: u64) -> (Arc<Steering>, Arc<AtomicU64>, thread::JoinHandle<()>) {
    let steering = Arc::new(Steering::new());
    let moved = Arc::new(AtomicU64::new(0));
    let engine = thread::spawn({
        let (steering, moved) = (steering.clone(), moved.clone());
        move || engine(&steering, &moved, stock)
    });
    (steering, moved, engine)
}

#[test]
fn loom_nothing_moves_once_pause_has_returned() {
    loom::model(|| {
        let (steering, moved, engine) = started(2);
        steering.pause();
        let seen = moved.load(Ordering::Relaxed);
        assert_eq!(steering.statistics(), counted(seen));
        thread::yield_now();
        assert_eq!(moved.load(Ordering::Relaxed), seen);
        steering.stop();
        engine.join().unwrap();
        assert_eq!(moved.load(Ordering::Relaxed), seen);
        assert_eq!(steering.statistics(), counted(seen));
    });
}

/// Another asks while one steers: both get their answer, and the end is not slept over.
#[test]
fn loom_two_who_steer() {
    loom::model(|| {
        let (steering, moved, engine) = started(1);
        let other = thread::spawn({
            let steering = steering.clone();
            move || steering.statistics()
        });
        let last = steering.stop();
        assert_eq!(last, counted(moved.load(Ordering::Relaxed)));
        engine.join().unwrap();
        assert!(other.join().unwrap().frontend.received <= last.frontend.received);
    });
}

/// A pause that is taken back at once leaves nothing undone.
#[test]
fn loom_what_was_held_goes_on() {
    loom::model(|| {
        let (steering, moved, engine) = started(1);
        steering.pause();
        steering.resume();
        while moved.load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
        steering.stop();
        engine.join().unwrap();
        assert_eq!(steering.statistics(), counted(1));
    });
}
