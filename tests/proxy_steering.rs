//! A proxy that runs does at once as it is told: it pauses, goes on, says what it has counted,
//! stops, and ends with its sockets; nothing is lost by that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, next_of, until};
use zocket::{
    Builder, Dealer, Endpoint, Error, Proxy, ProxyHandle, Pub, Pull, Push, Router, Socket,
    SocketKind, SocketType, Sub, XPub,
};

/// After which one looks whether there is still something to wait for.
const MOMENT: Duration = Duration::from_millis(5);

/// A builder as the home's own are.
fn set_up<T: SocketKind>(home: &Home, builder: Builder<T>) -> Builder<T> {
    builder
        .context(&home.context)
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(50))
}

fn bound(home: &Home, transport: Transport, socket_type: SocketType) -> (Arc<Socket>, Endpoint) {
    let socket = set_up(home, Socket::builder(socket_type)).build().unwrap();
    let here = socket.bind(home.endpoint(transport)).unwrap();
    (Arc::new(socket), here)
}

/// PUSH, what is between, PULL: all joined.
struct Pipeline {
    source: Push,
    inbound: Arc<Socket>,
    outbound: Arc<Socket>,
    sink: Pull,
}

fn pipeline(home: &Home, transport: Transport) -> Pipeline {
    let (inbound, front) = bound(home, transport, SocketType::Pull);
    let (outbound, back) = bound(home, transport, SocketType::Push);
    let source = home.push().build().unwrap();
    source.connect(&front).unwrap();
    let sink = home.pull().build().unwrap();
    sink.connect(&back).unwrap();
    inbound.wait_for_peers(1, PATIENCE).unwrap();
    outbound.wait_for_peers(1, PATIENCE).unwrap();
    Pipeline {
        source,
        inbound,
        outbound,
        sink,
    }
}

impl Pipeline {
    fn proxy(&self) -> ProxyHandle {
        Proxy::new(self.inbound.clone(), self.outbound.clone())
            .spawn()
            .unwrap()
    }
}

#[test]
fn what_is_counted_is_exact() {
    for &transport in ALL {
        let home = Home::new();
        let router = set_up(&home, Router::builder()).build().unwrap();
        let front = router.bind(home.endpoint(transport)).unwrap();
        let dealer = set_up(&home, Dealer::builder()).build().unwrap();
        let back = dealer.bind(home.endpoint(transport)).unwrap();
        let proxy = Proxy::new(router, dealer).spawn().unwrap();
        let client = set_up(&home, Dealer::builder())
            .routing_id("client")
            .build()
            .unwrap();
        client.connect(&front).unwrap();
        let worker = set_up(&home, Dealer::builder()).build().unwrap();
        worker.connect(&back).unwrap();
        let mut counted = proxy.statistics();
        assert_eq!(counted, zocket::ProxyStatistics::default());
        for _ in 0..100 {
            // With the id in front, six bytes more.
            client.send_timeout(["abc", "de"], PATIENCE).unwrap();
            let request = worker.recv_timeout(PATIENCE).unwrap();
            counted.frontend.received += 1;
            counted.frontend.received_bytes += 11;
            counted.backend.sent += 1;
            counted.backend.sent_bytes += 11;
            assert_eq!(proxy.statistics(), counted, "{transport:?}");

            for _ in 0..2 {
                worker
                    .send_timeout([&request[0][..], b"xyz"], PATIENCE)
                    .unwrap();
                assert_eq!(client.recv_timeout(PATIENCE).unwrap(), "xyz");
                counted.backend.received += 1;
                counted.backend.received_bytes += 9;
                counted.frontend.sent += 1;
                counted.frontend.sent_bytes += 9;
                assert_eq!(proxy.statistics(), counted, "{transport:?}");
            }
        }
        assert_eq!(proxy.stop().unwrap(), counted);
    }
}

#[test]
fn nothing_is_taken_after_pause_has_returned() {
    for &transport in ALL {
        let home = Home::new();
        let line = pipeline(&home, transport);
        let proxy = line.proxy();
        let over = AtomicBool::new(false);
        let (sent, received) = thread::scope(|scope| {
            let source = scope.spawn(|| {
                let mut sent: usize = 0;
                while !over.load(Ordering::Relaxed) {
                    if line.source.send_timeout(sent.to_string(), MOMENT).is_ok() {
                        sent += 1;
                    }
                }
                sent
            });
            let mut received: usize = 0;
            for _ in 0..100 {
                let enough = received + 100;
                while received < enough {
                    assert_eq!(next_of(&line.sink), received.to_string());
                    received += 1;
                }
                proxy.pause();
                let taken = line.inbound.stats().returned.messages;
                let counted = proxy.statistics();
                assert_eq!(counted.frontend.received, taken);
                assert_eq!(counted.backend.sent, taken);
                // All that has been sent comes through, and then nothing.
                while (received as u64) < taken {
                    assert_eq!(next_of(&line.sink), received.to_string());
                    received += 1;
                }
                assert!(line.sink.try_recv().is_err());
                assert_eq!(line.inbound.stats().returned.messages, taken);
                assert_eq!(proxy.statistics(), counted);
                proxy.resume();
            }
            over.store(true, Ordering::Relaxed);
            // The source may be waiting for room.
            while !source.is_finished() {
                if line.sink.recv_timeout(MOMENT).is_ok() {
                    received += 1;
                }
            }
            (source.join().unwrap(), received)
        });
        support::expect_numbers(&line.sink, received..sent);
        assert_eq!(proxy.stop().unwrap().backend.sent, sent as u64);
    }
}

#[test]
fn a_paused_proxy_takes_nothing_and_goes_on_where_it_was() {
    for &transport in ALL {
        let home = Home::new();
        let line = pipeline(&home, transport);
        let proxy = line.proxy();
        proxy.pause();
        proxy.pause();
        for number in 0..100 {
            line.source.send(number.to_string()).unwrap();
        }
        until("the messages arrive", || {
            line.inbound.stats().recv_queue.messages == 100
        });
        assert_eq!(proxy.statistics().frontend.received, 0);
        // Somebody else may take them meanwhile.
        assert_eq!(line.inbound.recv_timeout(PATIENCE).unwrap(), "0");
        proxy.resume();
        proxy.resume();
        support::expect_numbers(&line.sink, 1..100);
        assert_eq!(proxy.statistics().frontend.received, 99);
    }
}

#[test]
fn stopping_under_load_loses_nothing() {
    for &transport in ALL {
        for round in 1..=8 {
            let home = Home::new();
            let line = pipeline(&home, transport);
            let mut handles = vec![line.proxy()];
            let over = AtomicBool::new(false);
            thread::scope(|scope| {
                let source = scope.spawn(|| {
                    let mut sent = 0;
                    while !over.load(Ordering::Relaxed) {
                        if line.source.send_timeout(sent.to_string(), MOMENT).is_ok() {
                            sent += 1;
                        }
                    }
                    sent
                });
                let mut received = 0;
                let mut counted = 0;
                // Stopped, and another put in its place.
                for _ in 0..3 {
                    for _ in 0..round * 50 {
                        assert_eq!(next_of(&line.sink), received.to_string());
                        received += 1;
                    }
                    let last = handles.pop().unwrap().stop().unwrap();
                    assert_eq!(last.frontend.received, last.backend.sent);
                    assert_eq!(last.frontend.received_bytes, last.backend.sent_bytes);
                    assert_eq!(last.backend.dropped, 0);
                    counted += last.backend.sent;
                    assert_eq!(line.inbound.stats().returned.messages, counted);
                    assert_eq!(line.outbound.stats().accepted.messages, counted);
                    while received < counted {
                        assert_eq!(next_of(&line.sink), received.to_string());
                        received += 1;
                    }
                    assert!(line.sink.try_recv().is_err());
                    handles.push(line.proxy());
                }
                handles.clear();
                over.store(true, Ordering::Relaxed);
                // What had not been taken is where it was: nothing is missing between.
                let mut rest = Vec::new();
                while !source.is_finished() {
                    rest.extend(line.inbound.recv_timeout(MOMENT));
                }
                let sent: u64 = source.join().unwrap();
                let through = line.inbound.stats().returned.messages - rest.len() as u64;
                while received < through {
                    assert_eq!(next_of(&line.sink), received.to_string());
                    received += 1;
                }
                while received + (rest.len() as u64) < sent {
                    rest.push(line.inbound.recv_timeout(PATIENCE).unwrap());
                }
                for message in rest {
                    assert_eq!(message, received.to_string(), "{transport:?}");
                    received += 1;
                }
                assert_eq!(received, sent);
            });
        }
    }
}

// ---- the end

/// How a proxy may stand when its end comes, and whether it is to be paused.
type Standing = (&'static str, Proxy, bool);

fn standing(home: &Home, transport: Transport) -> (Vec<Standing>, Push) {
    let proxy = |a, b| Proxy::new(bound(home, transport, a).0, bound(home, transport, b).0);
    let Pipeline {
        source,
        inbound,
        outbound,
        ..
    } = pipeline(home, transport);
    source.send("a message").unwrap();
    let standing = vec![
        ("idle", proxy(SocketType::Router, SocketType::Dealer), false),
        (
            "paused",
            proxy(SocketType::Router, SocketType::Dealer),
            true,
        ),
        (
            "without room",
            proxy(SocketType::Pull, SocketType::Push),
            false,
        ),
        ("busy", Proxy::new(inbound, outbound), false),
    ];
    (standing, source)
}

#[test]
fn the_end_of_the_context_is_the_proxys() {
    for &transport in ALL {
        let home = Home::new();
        let (proxies, _source) = standing(&home, transport);
        let handles: Vec<_> = proxies
            .into_iter()
            .map(|(how, proxy, pause)| {
                let handle = proxy.spawn().unwrap();
                if pause {
                    handle.pause();
                }
                (how, handle)
            })
            .collect();
        let (a, _) = bound(&home, transport, SocketType::Router);
        let (b, _) = bound(&home, transport, SocketType::Dealer);
        let running = thread::spawn(move || Proxy::new(a, b).run());
        home.context.shutdown();
        assert!(running.join().unwrap().is_ok(), "{transport:?}");
        for (how, handle) in handles {
            until(how, || handle.is_finished());
            // Steering what has ended does nothing.
            handle.pause();
            handle.resume();
            let counted = handle.statistics();
            assert_eq!(handle.stop().unwrap(), counted);
        }
    }
}

#[test]
fn a_socket_that_is_closed_ends_the_proxy() {
    for &transport in ALL {
        for pause in [false, true] {
            for which in 0..2 {
                let home = Home::new();
                let (a, _) = bound(&home, transport, SocketType::Pull);
                let (b, _) = bound(&home, transport, SocketType::Push);
                let proxy = Proxy::new(a.clone(), b.clone()).spawn().unwrap();
                if pause {
                    proxy.pause();
                }
                [&a, &b][which].close().unwrap();
                until("the proxy ends", || proxy.is_finished());
                proxy.stop().unwrap();
                // The other is as it was.
                assert!([&b, &a][which].bind(home.endpoint(transport)).is_ok());
            }
        }
    }
}

#[test]
fn what_was_passed_on_arrives_though_the_proxy_and_its_sockets_end() {
    for &transport in ALL {
        let home = Home::new();
        let Pipeline {
            source,
            inbound,
            outbound,
            sink,
        } = pipeline(&home, transport);
        let front = inbound.last_endpoint().unwrap();
        let proxy = Proxy::new(inbound, outbound).spawn().unwrap();
        for number in 0..500 {
            source.send_timeout(number.to_string(), PATIENCE).unwrap();
        }
        until("all is through", || proxy.statistics().backend.sent == 500);
        drop(proxy);
        // They were the proxy's own, and are closed now: the name is free.
        let next = home.pull().build().unwrap();
        next.bind(&front).unwrap();
        support::expect_numbers(&sink, 0..500);
    }
}

// ---- in hand

/// A publisher that drops nothing, full: the proxy has a message in hand for it.
fn with_one_in_hand(home: &Home, linger: Duration) -> (Push, ProxyHandle, Sub) {
    let (inbound, front) = bound(home, Transport::Inproc, SocketType::Pull);
    let outbound = set_up(home, XPub::builder())
        .nodrop(true)
        .send_hwm(1)
        .linger(linger)
        .build()
        .unwrap();
    let back = outbound.bind(home.endpoint(Transport::Inproc)).unwrap();
    let sink = set_up(home, Sub::builder()).recv_hwm(1).build().unwrap();
    sink.subscribe("").unwrap();
    sink.connect(&back).unwrap();
    outbound.wait_for_subscribers(1, PATIENCE).unwrap();
    let proxy = Proxy::new(inbound, outbound).spawn().unwrap();
    let source = home.push().build().unwrap();
    source.connect(&front).unwrap();
    for number in 0..5 {
        source.send(number.to_string()).unwrap();
    }
    until("one is in hand", || {
        let counted = proxy.statistics();
        (counted.frontend.received, counted.backend.sent) == (3, 2)
    });
    (source, proxy, sink)
}

#[test]
fn what_is_in_hand_goes_on_though_the_proxy_is_paused() {
    let home = Home::new();
    let (_source, proxy, sink) = with_one_in_hand(&home, PATIENCE);
    proxy.pause();
    for number in 0..3 {
        assert_eq!(sink.recv_timeout(PATIENCE).unwrap(), number.to_string());
    }
    // The sink may have it before the proxy has counted it.
    until("the last is counted", || {
        let counted = proxy.statistics();
        (counted.frontend.received, counted.backend.sent) == (3, 3)
    });
    assert!(sink.try_recv().is_err());
    proxy.resume();
    for number in 3..5 {
        assert_eq!(sink.recv_timeout(PATIENCE).unwrap(), number.to_string());
    }
}

#[test]
fn stop_waits_for_room_for_what_is_in_hand() {
    let home = Home::new();
    let (_source, proxy, sink) = with_one_in_hand(&home, PATIENCE);
    proxy.pause();
    thread::scope(|scope| {
        let stopped = scope.spawn(|| proxy.stop().unwrap());
        for number in 0..3 {
            assert_eq!(sink.recv_timeout(PATIENCE).unwrap(), number.to_string());
        }
        let counted = stopped.join().unwrap();
        assert_eq!((counted.frontend.received, counted.backend.sent), (3, 3));
        assert_eq!(counted.backend.dropped, 0);
    });
}

#[test]
fn stop_waits_no_longer_than_the_linger() {
    for linger in [Duration::ZERO, QUIET] {
        let home = Home::new();
        let (_source, proxy, sink) = with_one_in_hand(&home, linger);
        let began = Instant::now();
        let counted = proxy.stop().unwrap();
        assert!(began.elapsed() >= linger);
        assert_eq!((counted.frontend.received, counted.backend.sent), (3, 2));
        assert_eq!(counted.backend.dropped, 1);
        drop(sink);
    }
}

// ---- from anywhere

#[test]
fn many_may_steer_at_once() {
    for &transport in ALL {
        let home = Home::new();
        let line = pipeline(&home, transport);
        let proxy = line.proxy();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        proxy.pause();
                        proxy.resume();
                        let counted = proxy.statistics();
                        assert_eq!(counted.frontend.received, counted.backend.sent);
                    }
                });
            }
            scope.spawn(|| {
                for number in 0..5000 {
                    line.source
                        .send_timeout(number.to_string(), PATIENCE)
                        .unwrap();
                }
            });
            support::expect_numbers(&line.sink, 0..5000);
        });
        proxy.resume();
        assert_eq!(proxy.stop().unwrap().backend.sent, 5000);
    }
}

/// Steers the proxy whose thread wakes it.
struct Steers {
    proxy: ProxyHandle,
    woken: AtomicBool,
}

impl Wake for Steers {
    fn wake(self: Arc<Self>) {
        self.proxy.pause();
        let _ = self.proxy.statistics();
        self.woken.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_waker_that_the_proxy_fires_may_steer_it() {
    let home = Home::new();
    let line = pipeline(&home, Transport::Inproc);
    let steers = Arc::new(Steers {
        proxy: line.proxy(),
        woken: AtomicBool::new(false),
    });
    let waker = Waker::from(steers.clone());
    let mut receiving = Box::pin(line.sink.recv_async());
    let mut cx = Context::from_waker(&waker);
    assert!(receiving.as_mut().poll(&mut cx).is_pending());
    for number in 0..10 {
        line.source.send(number.to_string()).unwrap();
    }
    until("the waker runs", || steers.woken.load(Ordering::SeqCst));
    let Poll::Ready(Ok(message)) = receiving.as_mut().poll(&mut cx) else {
        panic!("it was woken for a message");
    };
    assert_eq!(message, "0");
    assert!(line.sink.try_recv().is_err());
    assert_eq!(steers.proxy.statistics().frontend.received, 1);
    steers.proxy.resume();
    support::expect_numbers(&line.sink, 1..10);
}

/// Runs one proxy and stops another, wherever it is woken.
struct RunsAndStops {
    proxies: Mutex<Option<(Proxy, ProxyHandle)>>,
    outcome: Mutex<Option<(Result<(), Error>, u64)>>,
}

impl Wake for RunsAndStops {
    fn wake(self: Arc<Self>) {
        let taken = self.proxies.lock().unwrap().take();
        if let Some((to_run, to_stop)) = taken {
            let ran = to_run.run();
            let counted = to_stop.stop().unwrap();
            *self.outcome.lock().unwrap() = Some((ran, counted.backend.sent));
        }
    }
}

#[test]
fn on_an_io_thread_nobody_waits_for_a_proxy() {
    for &transport in WIRE {
        let home = Home::new();
        let line = pipeline(&home, transport);
        let proxy = line.proxy();
        line.source.send("counted").unwrap();
        assert_eq!(next_of(&line.sink), "counted");
        let (a, _) = bound(&home, transport, SocketType::Pull);
        let (b, _) = bound(&home, transport, SocketType::Push);
        let wake = Arc::new(RunsAndStops {
            proxies: Mutex::new(Some((Proxy::new(a.clone(), b), proxy))),
            outcome: Mutex::new(None),
        });
        let waker = Waker::from(wake.clone());
        let mut receiving = Box::pin(a.recv_async());
        let pending = receiving.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(pending.is_pending());
        let peer = home.push().build().unwrap();
        peer.connect(a.last_endpoint().unwrap()).unwrap();
        peer.send("wake up").unwrap();
        until("the waker has run", || {
            wake.outcome.lock().unwrap().is_some()
        });
        let (ran, sent) = wake.outcome.lock().unwrap().take().unwrap();
        assert!(matches!(ran, Err(Error::WrongState)), "{ran:?}");
        assert_eq!(sent, 1);
        until("the stopped one lets go", || {
            Arc::strong_count(&line.inbound) == 1
        });
    }
}

#[test]
fn dropping_the_handle_stops_the_proxy() {
    for &transport in ALL {
        let home = Home::new();
        let line = pipeline(&home, transport);
        drop(line.proxy());
        line.source.send("for nobody").unwrap();
        assert_eq!(line.inbound.recv_timeout(PATIENCE).unwrap(), "for nobody");
        assert_eq!(Arc::strong_count(&line.inbound), 1);
        assert!(line.sink.try_recv().is_err());
    }
}

#[test]
fn a_publisher_paused_behind_a_proxy_misses_no_subscription() {
    for &transport in ALL {
        let home = Home::new();
        let (xsub, front) = bound(&home, transport, SocketType::XSub);
        let (xpub, back) = bound(&home, transport, SocketType::XPub);
        let proxy = Proxy::new(xsub, xpub.clone()).spawn().unwrap();
        let publisher = set_up(&home, Pub::builder()).build().unwrap();
        publisher.connect(&front).unwrap();
        proxy.pause();
        let sub = set_up(&home, Sub::builder()).build().unwrap();
        sub.connect(&back).unwrap();
        sub.subscribe("topic").unwrap();
        xpub.wait_for_subscribers(1, PATIENCE).unwrap();
        assert!(publisher.wait_for_subscribers(1, Duration::ZERO).is_err());
        proxy.resume();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        publisher.send("topic news").unwrap();
        assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), "topic news");
    }
}
