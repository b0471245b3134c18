//! The same bodies pass with threads that block and with tasks on any executor, on every transport.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;
mod world;

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{Home, PATIENCE, Transport, until_it_adds_up};
use world::{Party, Receiver, Sender, World, join_all};
use zocket::{
    Builder, Dealer, Interest, Message, Pair, Poller, Pub, Pull, Push, RecvError, Rep, Req,
    RequestError, Router, SendFailure, Socket, SocketKind, SocketType, Sub, TryRecvError, Upstream,
    XPub, XSub,
};

in_every_world! {
    push_and_pull
    pair
    dealer_and_router
    requests_of_several_on_one_socket
    request_and_reply_taken_apart
    pub_and_sub
    xpub_and_xsub
    raw_sockets
    many_at_once
    permits
    a_poller_waits_for_two_sockets
    what_is_flushed_has_been_handed_over
    back_pressure_at_one_message
    several_senders_and_receivers_on_one_socket
    both_ways_at_once_on_one_pair_of_sockets
    close_ends_every_wait
    shutdown_ends_every_wait
    a_receive_that_is_given_up_takes_nothing
    a_send_that_is_given_up_sends_nothing
    a_request_that_is_given_up_ends_its_exchange
    a_receiver_that_gives_up_passes_its_wake_up_on
    a_sender_that_gives_up_passes_its_wake_up_on
}

fn build<T: SocketKind>(home: &Home, builder: Builder<T>) -> Arc<T> {
    Arc::new(home.of(builder).build().unwrap())
}

fn push_pull(home: &Home, transport: Transport, hwm: usize) -> (Arc<Push>, Arc<Pull>) {
    let push = build(home, Push::builder().send_hwm(hwm));
    let pull = build(home, Pull::builder().recv_hwm(hwm));
    meet!(home, transport, pull, push);
    (push, pull)
}

/// A message that says which of a sender's it is.
fn numbered(sender: usize, number: usize) -> Message {
    Message::from([sender.to_string(), number.to_string()])
}

fn number(message: &Message) -> (usize, usize) {
    let part = |at: usize| message[at].to_str().unwrap().parse().unwrap();
    assert_eq!(message.len(), 2);
    (part(0), part(1))
}

async fn send_numbers<S: Sender>(world: World, socket: Arc<S>, sender: usize, count: usize) {
    for n in 0..count {
        world.send(&*socket, numbered(sender, n)).await.unwrap();
    }
}

async fn push_and_pull(world: World, home: Arc<Home>, transport: Transport) {
    const MANY: usize = 500;
    let (push, pull) = push_pull(&home, transport, 100);
    let sender = world.spawn(send_numbers(world, push.clone(), 0, MANY));
    for n in 0..MANY {
        let message = world.recv(&*pull).await.unwrap();
        assert_eq!(number(&message), (0, n));
    }
    sender.join().await;
    until_it_adds_up(|| push.stats());
    until_it_adds_up(|| pull.stats());
}

async fn pair(world: World, home: Arc<Home>, transport: Transport) {
    let (here, there) = (build(&home, Pair::builder()), build(&home, Pair::builder()));
    meet!(home, transport, here, there);
    let echo = world.spawn(async move {
        while let Some(message) = world.recv_within(&*there, PATIENCE).await {
            if message == "enough" {
                return;
            }
            world.send(&*there, message).await.unwrap();
        }
    });
    for n in 0..100 {
        world.send(&*here, numbered(0, n)).await.unwrap();
        assert_eq!(number(&world.recv(&*here).await.unwrap()), (0, n));
    }
    world.send(&*here, "enough").await.unwrap();
    echo.join().await;
}

async fn dealer_and_router(world: World, home: Arc<Home>, transport: Transport) {
    const DEALERS: usize = 3;
    const EACH: usize = 50;
    let router = build(&home, Router::builder().mandatory(true));
    let here = router.bind(home.endpoint(transport)).unwrap();
    let dealers = (0..DEALERS).map(|dealer| {
        let socket = build(&home, Dealer::builder());
        socket.connect(&here).unwrap();
        world.spawn(async move {
            for n in 0..EACH {
                world.send(&*socket, numbered(dealer, n)).await.unwrap();
                let echo = world.recv(&*socket).await.unwrap();
                assert_eq!(number(&echo), (dealer, n));
            }
        })
    });
    let dealers: Vec<_> = dealers.collect();
    // Two serve the one socket.
    let served = Arc::new(AtomicUsize::new(0));
    let servers = (0..2).map(|_| {
        let (router, served) = (router.clone(), served.clone());
        world.spawn(async move {
            loop {
                match world.recv(&*router).await {
                    Ok((id, message)) => {
                        served.fetch_add(1, Ordering::SeqCst);
                        world.send_to(&router, &id, message).await.unwrap();
                    }
                    Err(error) => return assert_eq!(error, RecvError::Closed),
                }
            }
        })
    });
    let servers: Vec<_> = servers.collect();
    join_all(dealers).await;
    assert_eq!(served.load(Ordering::SeqCst), DEALERS * EACH);
    world.close(&*router).await.unwrap();
    join_all(servers).await;
}

async fn requests_of_several_on_one_socket(world: World, home: Arc<Home>, transport: Transport) {
    const ASKERS: usize = 3;
    const EACH: usize = 30;
    let (rep, req) = (build(&home, Rep::builder()), build(&home, Req::builder()));
    meet!(home, transport, rep, req);
    let servers = (0..2).map(|_| {
        let rep = rep.clone();
        world.spawn(async move {
            let mut served = 0;
            while let Ok(request) = world.recv(&*rep).await {
                let echo = (*request).clone();
                // Answered by somebody else than who has received it.
                world
                    .spawn(async move { request.reply(echo).unwrap() })
                    .join()
                    .await;
                served += 1;
            }
            served
        })
    });
    let servers: Vec<_> = servers.collect();
    let askers = (0..ASKERS).map(|asker| {
        let req = req.clone();
        world.spawn(async move {
            for n in 0..EACH {
                let reply = world.request(&req, numbered(asker, n)).await.unwrap();
                assert_eq!(number(&reply), (asker, n));
            }
        })
    });
    join_all(askers.collect::<Vec<_>>()).await;
    world.close(&*rep).await.unwrap();
    let served: usize = join_all(servers).await.into_iter().sum();
    assert_eq!(served, ASKERS * EACH);
}

async fn request_and_reply_taken_apart(world: World, home: Arc<Home>, transport: Transport) {
    let (rep, req) = (build(&home, Rep::builder()), build(&home, Req::builder()));
    meet!(home, transport, rep, req);
    let server = world.spawn(async move {
        for _ in 0..50 {
            let request = world.recv(&*rep).await.unwrap();
            let echo = (*request).clone();
            request.reply(echo).unwrap();
        }
    });
    let wrong = world.recv(&*req).await;
    assert_eq!(wrong, Err(RecvError::WrongState));
    for n in 0..50 {
        world.send(&*req, numbered(0, n)).await.unwrap();
        let again = world.send(&*req, "again").await.unwrap_err();
        assert_eq!(again.reason, SendFailure::WrongState);
        assert_eq!(number(&world.recv(&*req).await.unwrap()), (0, n));
    }
    server.join().await;
}

async fn pub_and_sub(world: World, home: Arc<Home>, transport: Transport) {
    const SUBSCRIBERS: usize = 3;
    const MANY: usize = 100;
    let publisher = build(&home, Pub::builder());
    let here = publisher.bind(home.endpoint(transport)).unwrap();
    let subscribers = (0..SUBSCRIBERS).map(|topic| {
        let sub = build(&home, Sub::builder());
        sub.subscribe(topic.to_string()).unwrap();
        sub.connect(&here).unwrap();
        world.spawn(async move {
            for n in 0..MANY {
                let message = world.recv(&*sub).await.unwrap();
                assert_eq!(number(&message), (topic, n));
            }
        })
    });
    let subscribers: Vec<_> = subscribers.collect();
    world.wait_for_subscribers(&publisher, SUBSCRIBERS).await;
    for n in 0..MANY {
        // The last topic is nobody's.
        for topic in 0..=SUBSCRIBERS {
            world.send(&*publisher, numbered(topic, n)).await.unwrap();
        }
    }
    join_all(subscribers).await;
    assert_eq!(publisher.stats().dropped.unwanted, MANY as u64);
}

async fn xpub_and_xsub(world: World, home: Arc<Home>, transport: Transport) {
    let (xpub, xsub) = (build(&home, XPub::builder()), build(&home, XSub::builder()));
    meet!(home, transport, xpub, xsub);
    let subscriber = world.spawn(async move {
        world.send(&*xsub, "\x01weather").await.unwrap();
        let message = world.recv(&*xsub).await.unwrap();
        assert_eq!(message, "weather: rain");
        world.send(&*xsub, "thanks").await.unwrap();
        // What is said of subscriptions goes first: it would overtake the message.
        let message = world.recv(&*xsub).await.unwrap();
        assert_eq!(message, "weather: sun");
        world.send(&*xsub, "\x00weather").await.unwrap();
        xsub
    });
    let Upstream::Subscribe(topic) = world.recv(&*xpub).await.unwrap() else {
        panic!("not a subscription");
    };
    assert_eq!(*topic, *b"weather");
    world.send(&*xpub, "traffic: jam").await.unwrap();
    world.send(&*xpub, "weather: rain").await.unwrap();
    let Upstream::Message(message) = world.recv(&*xpub).await.unwrap() else {
        panic!("not a message");
    };
    assert_eq!(message, "thanks");
    world.send(&*xpub, "weather: sun").await.unwrap();
    let Upstream::Unsubscribe(topic) = world.recv(&*xpub).await.unwrap() else {
        panic!("not taken back");
    };
    assert_eq!(*topic, *b"weather");
    drop(subscriber.join().await);
}

async fn raw_sockets(world: World, home: Arc<Home>, transport: Transport) {
    let raw = |socket_type| build(&home, Socket::builder(socket_type));
    // REQ to ROUTER, on to a REP through a DEALER, and back.
    let (router, req) = (raw(SocketType::Router), raw(SocketType::Req));
    meet!(home, transport, router, req);
    let (rep, dealer) = (raw(SocketType::Rep), raw(SocketType::Dealer));
    meet!(home, transport, rep, dealer);
    let client = world.spawn(async move {
        world.send(&*req, "question").await.unwrap();
        assert_eq!(world.recv(&*req).await.unwrap(), "answer");
    });
    let server = world.spawn(async move {
        assert_eq!(world.recv(&*rep).await.unwrap(), "question");
        world.send(&*rep, "answer").await.unwrap();
        rep
    });
    let request = world.recv(&*router).await.unwrap();
    assert_eq!(request.len(), 3, "id, delimiter, body");
    world.send(&*dealer, request).await.unwrap();
    let reply = world.recv(&*dealer).await.unwrap();
    world.send(&*router, reply).await.unwrap();
    client.join().await;
    drop(server.join().await);

    let (xpub, sub) = (raw(SocketType::XPub), raw(SocketType::Sub));
    meet!(home, transport, xpub, sub);
    sub.subscribe("a").unwrap();
    assert_eq!(world.recv(&*xpub).await.unwrap(), "\x01a");
    world.send(&*xpub, "abc").await.unwrap();
    assert_eq!(world.recv(&*sub).await.unwrap(), "abc");
    let refused = world.send(&*sub, "no").await.unwrap_err();
    assert_eq!(refused.reason, SendFailure::WrongState);
}

/// Whatever is given up in between, each message arrives once and in order.
async fn many_at_once(world: World, home: Arc<Home>, transport: Transport) {
    const MANY: usize = 1000;
    let (push, pull) = push_pull(&home, transport, 10);
    let sender = world.spawn(async move {
        let mut queue: VecDeque<_> = (0..MANY).map(|n| numbered(0, n)).collect();
        while !queue.is_empty() {
            let moment = a_moment(queue.len());
            world.send_many_within(&push, &mut queue, moment).await;
        }
        push
    });
    let mut got = VecDeque::new();
    while got.len() < MANY {
        let moment = a_moment(got.len());
        world.recv_many_within(&pull, &mut got, 7, moment).await;
    }
    let push = sender.join().await;
    assert!(got.iter().map(|it| number(it).1).eq(0..MANY));
    assert_eq!(push.stats().accepted.messages, MANY as u64);
}

/// Room that was kept is used or given back; several who keep some do not keep each other waiting.
async fn permits(world: World, home: Arc<Home>, transport: Transport) {
    const SENDERS: usize = 3;
    const EACH: usize = 100;
    let (push, pull) = push_pull(&home, transport, 1);
    let senders = (0..SENDERS).map(|sender| {
        let push = push.clone();
        world.spawn(async move {
            let mut sent = 0;
            let mut attempts = 0;
            while sent < EACH {
                attempts += 1;
                let Some(permit) = world.reserve_within(&push, a_moment(attempts)).await else {
                    continue;
                };
                // Every third one is kept for a while, and then not used.
                if attempts % 3 == 0 {
                    world.pause(a_moment(attempts)).await;
                    drop(permit);
                } else {
                    permit.send(numbered(sender, sent)).unwrap();
                    sent += 1;
                }
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    let mut next = [0; SENDERS];
    while next != [EACH; SENDERS] {
        let (sender, n) = number(&world.recv(&*pull).await.unwrap());
        assert_eq!(n, next[sender]);
        next[sender] += 1;
    }
    join_all(senders).await;
    assert_eq!(push.stats().accepted.messages, (SENDERS * EACH) as u64);
}

async fn a_poller_waits_for_two_sockets(world: World, home: Arc<Home>, transport: Transport) {
    const EACH: usize = 100;
    let sockets = [
        push_pull(&home, transport, 10),
        push_pull(&home, transport, 10),
    ];
    let poller = Poller::new();
    let mut senders = Vec::new();
    for (key, (push, pull)) in sockets.iter().enumerate() {
        poller.add(&**pull, key, Interest::READABLE).unwrap();
        senders.push(world.spawn(send_numbers(world, push.clone(), key, EACH)));
    }
    let mut next = [0, 0];
    while next != [EACH, EACH] {
        for event in world.wait(&poller).await {
            let key = event.key();
            let message = sockets[key].1.try_recv().unwrap();
            assert_eq!(number(&message), (key, next[key]));
            next[key] += 1;
        }
    }
    join_all(senders).await;
}

async fn what_is_flushed_has_been_handed_over(world: World, home: Arc<Home>, transport: Transport) {
    const MANY: usize = 200;
    let (push, pull) = push_pull(&home, transport, 20);
    let sender = world.spawn(async move {
        for n in 0..MANY {
            world.send(&*push, numbered(0, n)).await.unwrap();
            if n % 10 == 9 {
                world.flush(&push).await;
                assert_eq!(push.stats().written.messages, n as u64 + 1);
            }
        }
        push
    });
    for n in 0..MANY {
        let (_, message) = world.recv_from_peer(&pull).await.unwrap();
        assert_eq!(number(&message), (0, n));
    }
    drop(sender.join().await);
}

/// At a high-water mark of one the sender stays with the receiver.
async fn back_pressure_at_one_message(world: World, home: Arc<Home>, transport: Transport) {
    const MANY: usize = 300;
    let (push, pull) = push_pull(&home, transport, 1);
    let sender = world.spawn(send_numbers(world, push.clone(), 0, MANY));
    for n in 0..MANY {
        let stats = push.stats();
        if transport == Transport::Inproc {
            // Nothing is between the two but a queue, which holds both marks together.
            let ahead = stats.accepted.messages - n as u64;
            assert!(ahead <= 2, "{ahead} ahead of the receiver");
        }
        assert!(stats.send_queue.messages <= 2);
        let message = world.recv(&*pull).await.unwrap();
        assert_eq!(number(&message), (0, n));
    }
    sender.join().await;
}

async fn several_senders_and_receivers_on_one_socket(
    world: World,
    home: Arc<Home>,
    transport: Transport,
) {
    const SENDERS: usize = 4;
    const RECEIVERS: usize = 4;
    const EACH: usize = 250;
    let (push, pull) = push_pull(&home, transport, 10);
    let receivers = (0..RECEIVERS).map(|_| {
        let pull = pull.clone();
        world.spawn(async move {
            let mut got = Vec::new();
            loop {
                match world.recv(&*pull).await {
                    Ok(message) => got.push(number(&message)),
                    Err(error) => {
                        assert_eq!(error, RecvError::Closed);
                        return got;
                    }
                }
            }
        })
    });
    let receivers: Vec<_> = receivers.collect();
    let senders =
        (0..SENDERS).map(|sender| world.spawn(send_numbers(world, push.clone(), sender, EACH)));
    join_all(senders.collect::<Vec<_>>()).await;
    world
        .until("all is received", || {
            pull.stats().returned.messages == (SENDERS * EACH) as u64
        })
        .await;
    world.close(&*pull).await.unwrap();
    let mut all = Vec::new();
    for got in join_all(receivers).await {
        // What a receiver has of a sender's, it has in order.
        let mut last = HashMap::new();
        for &(sender, n) in &got {
            assert!(last.insert(sender, n).is_none_or(|before| before < n));
        }
        all.extend(got);
    }
    all.sort_unstable();
    let sent = (0..SENDERS).flat_map(|sender| (0..EACH).map(move |n| (sender, n)));
    assert!(all.into_iter().eq(sent), "each exactly once");
}

async fn both_ways_at_once_on_one_pair_of_sockets(
    world: World,
    home: Arc<Home>,
    transport: Transport,
) {
    const EACH: usize = 250;
    let (a, b) = (
        build(&home, Dealer::builder().send_hwm(5).recv_hwm(5)),
        build(&home, Dealer::builder().send_hwm(5).recv_hwm(5)),
    );
    meet!(home, transport, a, b);
    let receive = |socket: Arc<Dealer>| {
        world.spawn(async move {
            let mut got = 0;
            for _ in 0..EACH {
                world.recv(&*socket).await.unwrap();
                got += 1;
            }
            got
        })
    };
    let receivers: Vec<_> = [&a, &a, &b, &b].map(|it| receive(it.clone())).into();
    let senders: Vec<_> = [&a, &b, &a, &b]
        .into_iter()
        .enumerate()
        .map(|(n, it)| world.spawn(send_numbers(world, it.clone(), n, EACH)))
        .collect();
    join_all(senders).await;
    assert_eq!(join_all(receivers).await, [EACH; 4]);
    for socket in [a, b] {
        until_it_adds_up(|| socket.stats());
        assert_eq!(socket.stats().returned.messages, 2 * EACH as u64);
    }
}

/// Several wait, in every way there is, for what never comes; what they are told once it ends.
async fn end_every_wait(world: World, home: &Home, transport: Transport, end: End) {
    const EACH: usize = 2;
    let (recv, send) = match end {
        End::Close => (RecvError::Closed, SendFailure::Closed),
        End::Shutdown => (RecvError::Terminated, SendFailure::Terminated),
    };
    let (_push, pull) = push_pull(home, transport, 1);
    let alone = build(home, Push::builder());
    let rep = build(home, Rep::builder());
    let xpub = build(home, XPub::builder());
    let router = build(home, Router::builder());
    let raw = build(home, Socket::builder(SocketType::Rep));
    // Whose request arrives, and is never answered: the second one waits for its turn.
    let req = build(home, Req::builder());
    let silent = build(home, Router::builder());
    meet!(home, transport, silent, req);
    let mut parties = Vec::new();
    for _ in 0..EACH {
        parties.push(waits_to_receive(world, &pull, recv));
        parties.push(waits_to_receive(world, &rep, recv));
        parties.push(waits_to_receive(world, &xpub, recv));
        parties.push(waits_to_receive(world, &router, recv));
        parties.push(waits_to_receive(world, &raw, recv));
        let alone = alone.clone();
        parties.push(world.spawn(async move {
            let error = world.send(&*alone, "mine").await.unwrap_err();
            assert_eq!(error.reason, send);
            assert_eq!(error.into_message(), "mine");
        }));
        let req = req.clone();
        parties.push(world.spawn(async move {
            match world.request(&req, "question").await.unwrap_err() {
                RequestError::NotSent(error) => {
                    assert_eq!(error.reason, send);
                    assert_eq!(error.into_message(), "question");
                }
                RequestError::NoReply(error) => assert_eq!(error, recv),
                other => panic!("{other:?}"),
            }
        }));
    }
    world.recv(&*silent).await.unwrap();
    // That the others wait by now cannot be seen; what they are told does not depend on it.
    world.pause(Duration::from_millis(20)).await;
    match end {
        End::Close => {
            world.close(&*pull).await.unwrap();
            world.close(&*rep).await.unwrap();
            world.close(&*xpub).await.unwrap();
            world.close(&*router).await.unwrap();
            world.close(&*raw).await.unwrap();
            world.close(&*alone).await.unwrap();
            world.close(&*req).await.unwrap();
        }
        End::Shutdown => home.context.shutdown(),
    }
    join_all(parties).await;
}

/// How all waiting ends.
enum End {
    Close,
    Shutdown,
}

fn waits_to_receive<R>(world: World, socket: &Arc<R>, why: RecvError) -> Party<()>
where
    R: Receiver<Received: Debug>,
{
    let socket = socket.clone();
    world.spawn(async move {
        assert_eq!(world.recv(&*socket).await.unwrap_err(), why);
    })
}

async fn close_ends_every_wait(world: World, home: Arc<Home>, transport: Transport) {
    end_every_wait(world, &home, transport, End::Close).await;
}

async fn shutdown_ends_every_wait(world: World, home: Arc<Home>, transport: Transport) {
    end_every_wait(world, &home, transport, End::Shutdown).await;
}

/// Some time, different each time, about as long as a message takes.
fn a_moment(n: usize) -> Duration {
    Duration::from_micros((n as u64 * 7919) % 2_000)
}

async fn a_receive_that_is_given_up_takes_nothing(
    world: World,
    home: Arc<Home>,
    transport: Transport,
) {
    const MANY: usize = 300;
    let (push, pull) = push_pull(&home, transport, 10);
    assert!(world.recv_within(&*pull, a_moment(1)).await.is_none());
    let sender = world.spawn(async move {
        for n in 0..MANY {
            if n % 4 == 0 {
                world.pause(a_moment(n)).await;
            }
            world.send(&*push, numbered(0, n)).await.unwrap();
        }
    });
    let mut attempts = 0;
    for n in 0..MANY {
        let message = loop {
            attempts += 1;
            if let Some(message) = world.recv_within(&*pull, a_moment(attempts)).await {
                break message;
            }
        };
        assert_eq!(number(&message), (0, n));
    }
    sender.join().await;
    assert_eq!(pull.stats().returned.messages, MANY as u64);
    assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
}

async fn a_send_that_is_given_up_sends_nothing(
    world: World,
    home: Arc<Home>,
    transport: Transport,
) {
    const ATTEMPTS: usize = 300;
    let push = build(&home, Push::builder().send_hwm(1));
    let alone = world.send_within(&*push, "to nobody", a_moment(1)).await;
    assert!(!alone);
    let pull = build(&home, Pull::builder().recv_hwm(1));
    meet!(home, transport, pull, push);
    let receiver = world.spawn(async move {
        let mut got = Vec::new();
        loop {
            let message = world.recv(&*pull).await.unwrap();
            if message == "enough" {
                return got;
            }
            got.push(number(&message).1);
            if got.len() % 4 == 0 {
                world.pause(a_moment(got.len())).await;
            }
        }
    });
    let mut sent = Vec::new();
    for n in 0..ATTEMPTS {
        if world
            .send_within(&*push, numbered(0, n), a_moment(n) / 4)
            .await
        {
            sent.push(n);
        }
    }
    world.send(&*push, "enough").await.unwrap();
    assert_eq!(receiver.join().await, sent);
    assert_eq!(push.stats().accepted.messages, sent.len() as u64 + 1);
}

async fn a_request_that_is_given_up_ends_its_exchange(
    world: World,
    home: Arc<Home>,
    transport: Transport,
) {
    const MANY: usize = 20;
    for correlate in [true, false] {
        let rep = build(&home, Rep::builder());
        let req = build(&home, Req::builder().correlate(correlate));
        meet!(home, transport, rep, req);
        let server = world.spawn({
            let rep = rep.clone();
            async move {
                let mut served = 0;
                while let Ok(request) = world.recv(&*rep).await {
                    served += 1;
                    world.pause(a_moment(served)).await;
                    let echo = (*request).clone();
                    request.reply(echo).unwrap();
                }
            }
        });
        for n in 0..MANY {
            let hasty = numbered(0, n);
            if let Some(reply) = world.request_within(&req, hasty, a_moment(n)).await {
                assert_eq!(number(&reply), (0, n));
            }
            let reply = world.request(&req, numbered(1, n)).await.unwrap();
            assert_eq!(number(&reply), (1, n));
        }
        world.close(&*rep).await.unwrap();
        server.join().await;
    }
}

async fn a_receiver_that_gives_up_passes_its_wake_up_on(
    world: World,
    home: Arc<Home>,
    transport: Transport,
) {
    let (push, pull) = push_pull(&home, transport, 1);
    for round in 0..50 {
        let hasty = world.spawn({
            let pull = pull.clone();
            async move { world.recv_within(&*pull, a_moment(round)).await }
        });
        let patient = world.spawn({
            let pull = pull.clone();
            // Without a timeout, whose end would cover a lost wake-up up.
            async move { world.recv(&*pull).await.unwrap() }
        });
        world.pause(a_moment(round) / 2).await;
        world.send(&*push, numbered(0, round)).await.unwrap();
        if let Some(message) = hasty.join().await {
            assert_eq!(number(&message), (0, round));
            world.send(&*push, numbered(0, round)).await.unwrap();
        }
        assert_eq!(number(&patient.join().await), (0, round));
    }
}

async fn a_sender_that_gives_up_passes_its_wake_up_on(
    world: World,
    home: Arc<Home>,
    transport: Transport,
) {
    for round in 0..50 {
        let push = build(&home, Push::builder().send_hwm(1));
        let pull = build(&home, Pull::builder().recv_hwm(1));
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let hasty = world.spawn({
            let push = push.clone();
            async move { world.send_within(&*push, "hasty", a_moment(round)).await }
        });
        let patient = world.spawn({
            let push = push.clone();
            async move { world.send(&*push, "patient").await.unwrap() }
        });
        world.pause(a_moment(round) / 2).await;
        // Room at last, for one message and for the next when that has been received.
        push.connect(&here).unwrap();
        let mut got = vec![world.recv(&*pull).await.unwrap()];
        if hasty.join().await {
            got.push(world.recv(&*pull).await.unwrap());
        }
        patient.join().await;
        assert_eq!(got.iter().filter(|it| **it == "patient").count(), 1);
        assert_eq!(push.stats().accepted.messages, got.len() as u64);
    }
}
