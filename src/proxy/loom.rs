//! Models of the steering: an order that was given holds when its call returns, and no order is
//! slept over. And of the whole: neither is a message, room for one, or the end of a socket.

use std::sync::Arc;

use loom::thread;

use super::relay::Relay;
use super::steering::{Order, Steering};
use super::{ProxyStatistics, SideStatistics};
use crate::context::Context;
use crate::signal::Parker;
use crate::socket::Socket;
use crate::socket_type::SocketType;
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

/// PUSH to PULL, a proxy between that and PUSH to PULL; each pipe has room for two.
struct Line {
    source: Socket,
    sink: Socket,
    outbound: Arc<Socket>,
    steering: Arc<Steering>,
    relay: thread::JoinHandle<()>,
}

impl Line {
    /// The second pipe is full of what is not the proxy's if it is `blocked`.
    fn new(blocked: bool) -> Self {
        let context = Context::builder().io_threads(0).build().unwrap();
        let [source, inbound, outbound, sink] = [
            SocketType::Push,
            SocketType::Pull,
            SocketType::Push,
            SocketType::Pull,
        ]
        .map(|socket_type| {
            let builder = Socket::builder(socket_type).context(&context);
            let builder = if socket_type == SocketType::Push {
                builder.send_hwm(1)
            } else {
                builder.recv_hwm(1)
            };
            builder.build().unwrap()
        });
        inbound.bind("inproc://in").unwrap();
        source.connect("inproc://in").unwrap();
        outbound.bind("inproc://out").unwrap();
        sink.connect("inproc://out").unwrap();
        while blocked && outbound.try_send("before").is_ok() {}
        let outbound = Arc::new(outbound);
        let steering = Arc::new(Steering::new());
        let relay = thread::spawn({
            let (outbound, steering) = (outbound.clone(), steering.clone());
            move || {
                Relay::new(&inbound, &outbound, None).run(&steering);
                let _ = inbound.close();
            }
        });
        Self {
            source,
            sink,
            outbound,
            steering,
            relay,
        }
    }

    fn end(self) {
        self.steering.stop();
        self.relay.join().unwrap();
        let _ = (
            self.source.close(),
            self.outbound.close(),
            self.sink.close(),
        );
    }
}

#[test]
fn loom_a_message_is_not_slept_over() {
    loom::model(|| {
        let line = Line::new(false);
        line.source.send("through").unwrap();
        assert_eq!(line.sink.recv().unwrap(), "through");
        line.end();
    });
}

#[test]
fn loom_room_is_not_slept_over() {
    loom::model(|| {
        let line = Line::new(true);
        line.source.send("through").unwrap();
        for expected in ["before", "before", "through"] {
            assert_eq!(line.sink.recv().unwrap(), expected);
        }
        line.end();
    });
}

/// Somebody else takes the room that there was: the message is kept in hand, and then passed on.
#[test]
fn loom_room_that_somebody_else_takes() {
    loom::model(|| {
        let line = Line::new(false);
        line.source.send("through").unwrap();
        let mut others = 0;
        while line.outbound.try_send("other").is_ok() {
            others += 1;
        }
        let mut received = 0;
        while received < others + 1 {
            line.sink.recv().unwrap();
            received += 1;
        }
        line.end();
    });
}

/// One of the sockets is closed just as the proxy, which is paused, goes to sleep.
#[test]
fn loom_the_end_of_a_socket_is_not_slept_over() {
    loom::model(|| {
        let context = Context::builder().io_threads(0).build().unwrap();
        let [inbound, outbound] = [SocketType::Pull, SocketType::Push].map(|socket_type| {
            let builder = Socket::builder(socket_type).context(&context);
            Arc::new(builder.build().unwrap())
        });
        let relay = thread::spawn({
            let (inbound, outbound) = (inbound.clone(), outbound.clone());
            move || {
                let steering = Steering::new();
                steering.pause();
                Relay::new(&inbound, &outbound, None).run(&steering);
            }
        });
        let _ = outbound.close();
        relay.join().unwrap();
        let _ = inbound.close();
    });
}
