//! Subscriptions find their way up through an XSUB/XPUB stage, and messages their way down,
//! whichever library is in the middle and which at the ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use peers::end::{End, Face, Parts, await_end_of, settle};
use peers::libzmq::Kind;
use peers::meeting::Link;
use peers::over_every_link;
use peers::stage::Stage;
use zocket::{Proxy, Socket, SocketType};

over_every_link! {
    libzmq_in_the_middle
    our_proxy_in_the_middle
    loops_by_hand_in_the_middle
}

const PAIRINGS: [(Kind, Kind); 4] = [
    (Kind::Pub, Kind::Sub),
    (Kind::Pub, Kind::XSub),
    (Kind::XPub, Kind::Sub),
    (Kind::XPub, Kind::XSub),
];

fn libzmq_in_the_middle(link: Link) {
    for (publisher, subscriber) in PAIRINGS {
        let [publisher, first, second] =
            [publisher, subscriber, subscriber].map(|kind| End::zocket(kind, Face::Typed, None));
        eprintln!("{publisher:?}, {first:?}");
        let stage = Stage::new(Kind::XSub, Kind::XPub);
        let _joints = [
            link.join(ours(&publisher), &stage.front),
            link.join(ours(&first), &stage.back),
            link.join(ours(&second), &stage.back),
        ];
        let stage = stage.start();
        publish(&publisher, &first, &second);
        stage.stop();
    }
}

fn loops_by_hand_in_the_middle(link: Link) {
    between_theirs(link, |front, back, work| {
        let loops = Loops::start(front, back);
        work();
        loops.stop();
    });
}

fn our_proxy_in_the_middle(link: Link) {
    between_theirs(link, |front, back, work| {
        let proxy = Proxy::new(front, back).spawn().unwrap();
        work();
        proxy.stop().unwrap();
    });
}

/// Has a stage of ours made between a publisher and two subscribers of theirs, for as long as they
/// work.
fn between_theirs(link: Link, stage: impl Fn(Socket, Socket, &dyn Fn())) {
    for (publisher, subscriber) in PAIRINGS {
        let [publisher, first, second] =
            [publisher, subscriber, subscriber].map(|kind| End::libzmq(kind, None));
        eprintln!("{publisher:?}, {first:?}");
        let front = Socket::new(SocketType::XSub);
        let back = Socket::new(SocketType::XPub);
        let _joints = [
            link.join(&front, theirs(&publisher)),
            link.join(&back, theirs(&first)),
            link.join(&back, theirs(&second)),
        ];
        stage(front, back, &|| publish(&publisher, &first, &second));
    }
}

fn publish(publisher: &End, first: &End, second: &End) {
    first.subscribe(b"first");
    first.subscribe(b"both");
    settle(publisher, first);
    second.subscribe(b"both");
    second.subscribe(b"second");
    settle(publisher, second);
    for n in 0..20 {
        let body = vec![n; usize::from(n) * 100];
        for topic in [&b"first"[..], b"second", b"none", b"both"] {
            publisher.say(&[topic, b"", &body]);
        }
        let message = |topic: &[u8]| -> Parts { vec![topic.to_vec(), vec![], body.clone()] };
        assert_eq!(first.hear(), message(b"first"));
        assert_eq!(first.hear(), message(b"both"));
        assert_eq!(second.hear(), message(b"second"));
        assert_eq!(second.hear(), message(b"both"));
    }
    // What one of them takes back is the other's still.
    first.unsubscribe(b"both");
    await_end_of(b"both", b"first", publisher, first);
    publisher.say(&["both", "end"]);
    while second.hear() != [&b"both"[..], b"end"] {}
}

/// Either way by a thread of its own.
struct Loops {
    sockets: [Arc<Socket>; 2],
    threads: [JoinHandle<()>; 2],
}

impl Loops {
    fn start(front: Socket, back: Socket) -> Self {
        let sockets = [Arc::new(front), Arc::new(back)];
        let threads = [(0, 1), (1, 0)].map(|(from, to): (usize, usize)| {
            let [from, to] = [from, to].map(|socket| Arc::clone(&sockets[socket]));
            thread::spawn(move || {
                for message in from.iter() {
                    to.send(message).unwrap();
                }
            })
        });
        Self { sockets, threads }
    }

    fn stop(self) {
        for socket in self.sockets {
            socket.close().unwrap();
        }
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

fn ours(end: &End) -> &peers::end::Zocket {
    match end {
        End::Zocket(zocket) => zocket,
        End::Libzmq(..) => panic!("{end:?} is not ours"),
    }
}

fn theirs(end: &End) -> &peers::libzmq::Socket {
    match end {
        End::Libzmq(libzmq, _) => libzmq,
        End::Zocket(_) => panic!("{end:?} is not theirs"),
    }
}
