//! A request finds its way over two ROUTER/DEALER stages to a REP, and the reply its way back to
//! the REQ that asked, whichever library has which place in the chain.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use peers::end::{PATIENCE, Parts, message_of, parts_of, socket};
use peers::join::{Binder, Joins};
use peers::libzmq::{self, Kind, Opt};
use peers::meeting::{Joint, Link};
use peers::over_every_link;
use peers::scratch::Scratch;
use peers::stage::{Stage, Working};
use zocket::{Dealer, Proxy, ProxyHandle, Push, Rep, Req, Router, RoutingId};

over_every_link! {
    libzmq_in_the_middle
    our_proxies_in_the_middle
    a_tap_hears_both_ways
    loops_by_hand_in_the_middle
    turn_and_turn_about
}

const CLIENTS: usize = 3;
const SERVERS: usize = 2;
const REQUESTS: usize = 50;

fn libzmq_in_the_middle(link: Link) {
    let [entry, exit] = [
        Stage::new(Kind::Router, Kind::Dealer),
        Stage::new(Kind::Router, Kind::Dealer),
    ];
    let between = Scratch::new();
    let here = exit.front.bind(&between.endpoint(link.transport)).unwrap();
    entry.back.connect(&here).unwrap();
    let (reqs, _req_joints) = our_clients(link, &entry.front);
    let (reps, _rep_joints) = our_servers(link, &exit.back);
    let stages = [entry.start(), exit.start()];
    reqs.into_iter().map(our_client).for_each(finish);
    reps.into_iter().for_each(OurServer::stop);
    stages.into_iter().for_each(Working::stop);
}

fn our_proxies_in_the_middle(link: Link) {
    let [entry, exit] = [OurStage::new(), OurStage::new()];
    let _between = link_ours(link, &entry, &exit);
    let (reqs, _req_joints) = their_clients(link, &entry.front);
    let (reps, _rep_joints) = their_servers(link, &exit.back);
    let stages = [entry.start(), exit.start()];
    reqs.into_iter().map(their_client).for_each(finish);
    for stage in stages {
        let statistics = stage.stop().unwrap();
        let each = (CLIENTS * REQUESTS) as u64;
        assert_eq!(statistics.frontend.received, each);
        assert_eq!(statistics.frontend.sent, each);
        assert_eq!(statistics.backend.received, each);
        assert_eq!(statistics.backend.sent, each);
    }
    reps.into_iter().for_each(TheirServer::stop);
}

/// What passes a proxy of ours, either way, is heard by a libzmq that listens in.
fn a_tap_hears_both_ways(link: Link) {
    let stage = OurStage::new();
    let tap = Push::new();
    let (ear, req, rep) = (socket(Kind::Pull), socket(Kind::Req), socket(Kind::Rep));
    let _joints = [
        link.join(&tap, &ear),
        link.join(&stage.front, &req),
        link.join(&stage.back, &rep),
    ];
    let proxy = Proxy::new(stage.front, stage.back)
        .capture(tap)
        .spawn()
        .unwrap();
    for n in 0..REQUESTS {
        let request = request(n);
        req.send(&request).unwrap();
        assert_eq!(received(&rep).unwrap(), request);
        rep.send(&reply_to(&request)).unwrap();
        assert_eq!(received(&req).unwrap(), reply_to(&request));
        for message in [request.clone(), reply_to(&request)] {
            let mut heard = received(&ear).unwrap();
            assert_eq!((heard[0].len(), heard[1].len()), (5, 0), "the envelope");
            assert_eq!(heard.split_off(2), message);
        }
    }
    proxy.stop().unwrap();
}

fn loops_by_hand_in_the_middle(link: Link) {
    let [entry, exit] = [OurStage::new(), OurStage::new()];
    let _between = link_ours(link, &entry, &exit);
    let (reqs, _req_joints) = their_clients(link, &entry.front);
    let (reps, _rep_joints) = their_servers(link, &exit.back);
    let stages = [entry.start_by_hand(), exit.start_by_hand()];
    reqs.into_iter().map(their_client).for_each(finish);
    stages.into_iter().for_each(Loops::stop);
    reps.into_iter().for_each(TheirServer::stop);
}

/// Another library at every hop: REQ ours, stage theirs, stage ours, REP theirs.
fn turn_and_turn_about(link: Link) {
    let theirs = Stage::new(Kind::Router, Kind::Dealer);
    let ours = OurStage::new();
    let _between = link.join(&ours.front, &theirs.back);
    let (reqs, _req_joints) = our_clients(link, &theirs.front);
    let (reps, _rep_joints) = their_servers(link, &ours.back);
    let (theirs, ours) = (theirs.start(), ours.start());
    reqs.into_iter().map(our_client).for_each(finish);
    reps.into_iter().for_each(TheirServer::stop);
    ours.stop().unwrap();
    theirs.stop();
}

// The stages.

struct OurStage {
    front: Router,
    back: Dealer,
}

impl OurStage {
    fn new() -> Self {
        Self {
            front: Router::new(),
            back: Dealer::new(),
        }
    }

    fn start(self) -> ProxyHandle {
        Proxy::new(self.front, self.back).spawn().unwrap()
    }

    fn start_by_hand(self) -> Loops {
        let front = Arc::new(self.front);
        let back = Arc::new(self.back);
        let there = thread::spawn({
            let (front, back) = (Arc::clone(&front), Arc::clone(&back));
            move || {
                while let Ok((id, mut message)) = front.recv_from() {
                    message.push_front(id);
                    back.send(message).unwrap();
                }
            }
        });
        let back_again = thread::spawn({
            let (front, back) = (Arc::clone(&front), Arc::clone(&back));
            move || {
                for mut message in back.iter() {
                    let id = RoutingId::try_from(message.pop_front().unwrap()).unwrap();
                    front.send_to(&id, message).unwrap();
                }
            }
        });
        Loops {
            front,
            back,
            threads: [there, back_again],
        }
    }
}

struct Loops {
    front: Arc<Router>,
    back: Arc<Dealer>,
    threads: [JoinHandle<()>; 2],
}

impl Loops {
    fn stop(self) {
        self.front.close().unwrap();
        self.back.close().unwrap();
        self.threads.into_iter().for_each(finish);
    }
}

fn link_ours(link: Link, entry: &OurStage, exit: &OurStage) -> Scratch {
    let scratch = Scratch::new();
    let wanted = scratch.endpoint(link.transport);
    match link.binder {
        Binder::Zocket => {
            let here = exit.front.bind_to(&wanted);
            entry.back.connect_to(&here);
        }
        Binder::Libzmq => {
            let here = entry.back.bind_to(&wanted);
            exit.front.connect_to(&here);
        }
    }
    entry.back.wait_for_peer();
    scratch
}

// The ends.

fn our_clients(link: Link, router: &libzmq::Socket) -> (Vec<Req>, Vec<Joint>) {
    (0..CLIENTS)
        .map(|_| {
            let req = Req::new();
            let joint = link.join(&req, router);
            (req, joint)
        })
        .unzip()
}

fn our_client(req: Req) -> JoinHandle<()> {
    thread::spawn(move || {
        for n in 0..REQUESTS {
            let request = request(n);
            let reply = req.request_timeout(message_of(&request), PATIENCE).unwrap();
            assert_eq!(parts_of(&reply), reply_to(&request));
        }
    })
}

fn their_clients(link: Link, router: &Router) -> (Vec<libzmq::Socket>, Vec<Joint>) {
    (0..CLIENTS)
        .map(|_| {
            let req = socket(Kind::Req);
            let joint = link.join(router, &req);
            (req, joint)
        })
        .unzip()
}

fn their_client(req: libzmq::Socket) -> JoinHandle<()> {
    thread::spawn(move || {
        for n in 0..REQUESTS {
            let request = request(n);
            req.send(&request).unwrap();
            assert_eq!(received(&req).unwrap(), reply_to(&request));
        }
    })
}

struct OurServer {
    rep: Arc<Rep>,
    thread: JoinHandle<()>,
}

impl OurServer {
    fn stop(self) {
        self.rep.close().unwrap();
        finish(self.thread);
    }
}

fn our_servers(link: Link, dealer: &libzmq::Socket) -> (Vec<OurServer>, Vec<Joint>) {
    (0..SERVERS)
        .map(|_| {
            let rep = Arc::new(Rep::new());
            let joint = link.join(&*rep, dealer);
            let thread = thread::spawn({
                let rep = Arc::clone(&rep);
                move || {
                    for request in rep.iter() {
                        let reply = reply_to(&parts_of(&request));
                        request.reply(message_of(&reply)).unwrap();
                    }
                }
            });
            (OurServer { rep, thread }, joint)
        })
        .unzip()
}

struct TheirServer {
    context: libzmq::Context,
    thread: JoinHandle<()>,
}

impl TheirServer {
    fn stop(self) {
        self.context.shut_down().unwrap();
        finish(self.thread);
    }
}

fn their_servers(link: Link, dealer: &Dealer) -> (Vec<TheirServer>, Vec<Joint>) {
    (0..SERVERS)
        .map(|_| {
            let context = libzmq::Context::new();
            let rep = context.socket(Kind::Rep).unwrap();
            rep.set(Opt::Linger, 0).unwrap();
            let joint = link.join(dealer, &rep);
            let thread = thread::spawn(move || {
                while let Ok(request) = received(&rep) {
                    rep.send(&reply_to(&request)).unwrap();
                }
            });
            (TheirServer { context, thread }, joint)
        })
        .unzip()
}

/// Requests of many shapes, empty frames among them.
fn request(n: usize) -> Parts {
    let mut parts = vec![format!("{:?} {n}", thread::current().id()).into_bytes()];
    parts.extend((0..n % 4).map(|part| vec![part as u8; part * 300]));
    if n.is_multiple_of(3) {
        parts.insert(0, Vec::new());
    }
    parts
}

fn reply_to(request: &Parts) -> Parts {
    request.iter().rev().cloned().collect()
}

fn received(socket: &libzmq::Socket) -> libzmq::Result<Parts> {
    let parts = socket.recv()?;
    Ok(parts.iter().map(|part| part.to_vec()).collect())
}

fn finish(thread: JoinHandle<()>) {
    if let Err(failure) = thread.join() {
        std::panic::resume_unwind(failure);
    }
}
