//! Monitors: what happens to a socket, told over inproc by a PAIR, which a thread keeps fed.
//!
//! libzmq tells the events in the thread in which they happen, and blocks it when nobody reads. Here they
//! are told in a thread of their own, and nobody is held up.

use std::ffi::{c_char, c_int};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use zocket::{
    Endpoint, EndpointState, Frame, HandshakeFailure, HandshakeFault, Message, Monitor,
    MonitorEvent, Socket, SocketType,
};

use crate::border::{Handle, answer};
use crate::context::block_signals;
use crate::errno::{EAGAIN, EFAULT, EHOSTUNREACH, EINTR, EINVAL, ENOTSUP, EPROTONOSUPPORT, Errno};
use crate::handles::lock;
use crate::memory;
use crate::socket::{Entry, find_alive};
use crate::waiting::{Patience, wait_for};

/// The thread that tells.
#[derive(Debug)]
pub(crate) struct Watcher {
    teller: Arc<Teller>,
    thread: JoinHandle<()>,
}

/// Where the events go.
#[derive(Debug)]
struct Teller {
    pair: Socket,
    wanted: u64,
    version: c_int,
    stopping: Mutex<Stopping>,
}

/// Whether the thread is to end before the socket does.
#[derive(Debug, Default)]
struct Stopping {
    is_asked_for: bool,
    waker: Option<Waker>,
}

/// One event in libzmq's words.
#[derive(Debug)]
struct Told {
    number: u64,
    value: u64,
    local: String,
    remote: String,
}

const CONNECTED: u64 = 0x0001;
const CONNECT_DELAYED: u64 = 0x0002;
const CONNECT_RETRIED: u64 = 0x0004;
const LISTENING: u64 = 0x0008;
const BIND_FAILED: u64 = 0x0010;
const ACCEPTED: u64 = 0x0020;
const ACCEPT_FAILED: u64 = 0x0040;
const CLOSED: u64 = 0x0080;
const DISCONNECTED: u64 = 0x0200;
const MONITOR_STOPPED: u64 = 0x0400;
const HANDSHAKE_FAILED_NO_DETAIL: u64 = 0x0800;
const HANDSHAKE_SUCCEEDED: u64 = 0x1000;
const HANDSHAKE_FAILED_PROTOCOL: u64 = 0x2000;
const HANDSHAKE_FAILED_AUTH: u64 = 0x4000;
const PIPES_STATS: u64 = 0x10000;

/// A fault of the protocol of which no more is known.
const PROTOCOL_UNSPECIFIED: u64 = 0x1000_0000;

impl Teller {
    fn tell(&self, told: &Told) {
        if told.number & self.wanted == 0 {
            return;
        }
        let message = match self.version {
            1 => {
                let mut head = Vec::with_capacity(6);
                let number = u16::try_from(told.number).unwrap_or_default();
                let value = u32::try_from(told.value).unwrap_or(u32::MAX);
                head.extend_from_slice(&number.to_ne_bytes());
                head.extend_from_slice(&value.to_ne_bytes());
                let address = if told.local.is_empty() {
                    &told.remote
                } else {
                    &told.local
                };
                Message::from([head, address.clone().into_bytes()])
            }
            _ => {
                let numbers = [told.number, 1, told.value];
                let mut frames: Vec<Frame> = numbers
                    .iter()
                    .map(|number| Frame::copy_from_slice(&number.to_ne_bytes()))
                    .collect();
                frames.push(Frame::from(told.local.clone()));
                frames.push(Frame::from(told.remote.clone()));
                frames.into()
            }
        };
        // Who does not read misses what there is no room for.
        let _ = self.pair.try_send(message);
    }

    fn tell_stopped(&self) {
        self.tell(&Told {
            number: MONITOR_STOPPED,
            value: 0,
            local: String::new(),
            remote: String::new(),
        });
    }
}

impl Watcher {
    /// Ends it; when this returns its address is free.
    fn stop(self) {
        let waker = {
            let mut stopping = lock(&self.teller.stopping);
            stopping.is_asked_for = true;
            stopping.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        drop(self.teller);
        let _ = self.thread.join();
    }
}

/// What libzmq does not tell is left out: that a connection ended because this side, which had made it,
/// let go of the endpoint. That is known when the endpoint's next event comes, which follows at once.
#[derive(Debug)]
struct Endings {
    bound: Vec<Endpoint>,
    /// Connections that were made from here, and have ended, we do not know yet why.
    ended: Vec<(Endpoint, Told)>,
}

impl Endings {
    /// What is to be told when this has happened.
    fn on_event(&mut self, event: &MonitorEvent) -> Vec<Told> {
        let Some(endpoint) = event.endpoint() else {
            return Vec::new();
        };
        let (of_it, others) = std::mem::take(&mut self.ended)
            .into_iter()
            .partition(|(of, _)| of == endpoint);
        self.ended = others;
        let place = self.bound.iter().position(|bound| bound == endpoint);
        match event {
            MonitorEvent::Listening { .. } => self.bound.push(endpoint.clone()),
            MonitorEvent::Closed { .. } => match place {
                Some(place) => drop(self.bound.swap_remove(place)),
                None => return Vec::new(),
            },
            _ => {}
        }
        let mut told: Vec<Told> = of_it.into_iter().map(|(_, told)| told).collect();
        match (event, translate(event)) {
            (MonitorEvent::Disconnected { .. }, Some(end)) if place.is_none() => {
                self.ended.push((endpoint.clone(), end));
            }
            (_, new) => told.extend(new),
        }
        told
    }
}

/// Tells until the socket is closed, or nothing is to be told any more.
fn tell_all(monitor: &Monitor, teller: &Teller, mut endings: Endings) {
    loop {
        let mut next = pin!(monitor.recv_async());
        let either = poll_fn(|cx| {
            if let Poll::Ready(event) = next.as_mut().poll(cx) {
                return Poll::Ready(event.ok());
            }
            let mut stopping = lock(&teller.stopping);
            if stopping.is_asked_for {
                return Poll::Ready(None);
            }
            stopping.waker = Some(cx.waker().clone());
            Poll::Pending
        });
        match wait_for(either, Patience::Forever) {
            Ok(Some(event)) => {
                for told in endings.on_event(&event) {
                    teller.tell(&told);
                }
            }
            // All signals are blocked here, but for those that cannot be.
            Err(EINTR) => {}
            Ok(None) | Err(_) => break,
        }
    }
    teller.tell_stopped();
}

/// An event in libzmq's words, if it has any for it.
fn translate(event: &MonitorEvent) -> Option<Told> {
    let endpoint = event.endpoint()?;
    // Over inproc libzmq tells nothing.
    if endpoint.scheme() == "inproc" {
        return None;
    }
    let bound = |number, value, endpoint: &Endpoint| Told {
        number,
        value,
        local: endpoint.to_string(),
        remote: String::new(),
    };
    let connected = |number, value, endpoint: &Endpoint| Told {
        number,
        value,
        local: String::new(),
        remote: endpoint.to_string(),
    };
    let errno = |error: c_int| u64::try_from(error).unwrap_or_default();
    Some(match event {
        MonitorEvent::Listening { .. } => bound(LISTENING, 0, endpoint),
        // Whoever has called for it tells it, and its number.
        MonitorEvent::BindFailed { .. } => return None,
        MonitorEvent::Accepted { .. } => bound(ACCEPTED, 0, endpoint),
        MonitorEvent::AcceptFailed { .. } => {
            bound(ACCEPT_FAILED, errno(libc::ECONNREFUSED), endpoint)
        }
        MonitorEvent::Connecting { .. } => {
            connected(CONNECT_DELAYED, errno(libc::EINPROGRESS), endpoint)
        }
        MonitorEvent::ConnectFailed { .. } => connected(CLOSED, 0, endpoint),
        MonitorEvent::RetryScheduled { wait, .. } => {
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            connected(CONNECT_RETRIED, millis, endpoint)
        }
        MonitorEvent::Connected { .. } => connected(CONNECTED, 0, endpoint),
        MonitorEvent::HandshakeSucceeded { .. } => bound(HANDSHAKE_SUCCEEDED, 0, endpoint),
        MonitorEvent::HandshakeFailed { failure, fault, .. } => {
            let (number, value) = failed(*failure, *fault);
            bound(number, value, endpoint)
        }
        MonitorEvent::Disconnected { .. } => bound(DISCONNECTED, 0, endpoint),
        MonitorEvent::Closed { .. } => bound(CLOSED, 0, endpoint),
        _ => return None,
    })
}

/// Which event it is that a handshake failed, and its value.
fn failed(failure: HandshakeFailure, fault: Option<HandshakeFault>) -> (u64, u64) {
    let no_detail = |errno: c_int| {
        let errno = u64::try_from(errno).unwrap_or_default();
        (HANDSHAKE_FAILED_NO_DETAIL, errno)
    };
    match (failure, fault) {
        (_, Some(HandshakeFault::NobodyToAsk)) => no_detail(libc::EFAULT),
        (_, Some(HandshakeFault::NoAnswer)) => no_detail(libc::EPIPE),
        (_, Some(fault)) => (HANDSHAKE_FAILED_PROTOCOL, protocol_error(fault)),
        (HandshakeFailure::NotAuthenticated { status }, None) => {
            (HANDSHAKE_FAILED_AUTH, status.into())
        }
        (HandshakeFailure::Protocol, None) => (HANDSHAKE_FAILED_PROTOCOL, PROTOCOL_UNSPECIFIED),
        (HandshakeFailure::Timeout, None) => no_detail(libc::ETIMEDOUT),
        (_, None) => no_detail(libc::EPIPE),
    }
}

/// The `ZMQ_PROTOCOL_ERROR_` of it.
fn protocol_error(fault: HandshakeFault) -> u64 {
    match fault {
        HandshakeFault::UnexpectedCommand => 0x1000_0001,
        HandshakeFault::Sequence => 0x1000_0002,
        HandshakeFault::KeyExchange => 0x1000_0003,
        HandshakeFault::MalformedCommand { command } => match command {
            Some("MESSAGE") => 0x1000_0012,
            Some("HELLO") => 0x1000_0013,
            Some("INITIATE") => 0x1000_0014,
            Some("ERROR") => 0x1000_0015,
            Some("READY") => 0x1000_0016,
            Some("WELCOME") => 0x1000_0017,
            _ => 0x1000_0011,
        },
        HandshakeFault::Metadata => 0x1000_0018,
        HandshakeFault::Cryptography => 0x1100_0001,
        HandshakeFault::Mechanism => 0x1100_0002,
        HandshakeFault::ZapReply => 0x2000_0001,
        HandshakeFault::ZapRequestId => 0x2000_0002,
        HandshakeFault::ZapVersion => 0x2000_0003,
        HandshakeFault::ZapStatus => 0x2000_0004,
        HandshakeFault::ZapMetadata => 0x2000_0005,
        _ => PROTOCOL_UNSPECIFIED,
    }
}

impl Entry {
    fn monitor(
        &self,
        address: &str,
        wanted: u64,
        version: c_int,
        socket_type: SocketType,
    ) -> Result<(), Errno> {
        let endpoint: Endpoint = address
            .parse()
            .map_err(|error: zocket::EndpointError| Errno::from(&error))?;
        if endpoint.scheme() != "inproc" {
            return Err(EPROTONOSUPPORT);
        }
        self.stop_monitor();
        let context = self.home.context()?;
        let pair = Socket::builder(socket_type)
            .context(&context)
            .with_libzmq_defaults()
            .linger(Duration::ZERO)
            .build()?;
        pair.bind(endpoint)?;
        let teller = Arc::new(Teller {
            pair,
            wanted,
            version,
            stopping: Mutex::default(),
        });
        let monitor = self.socket.monitor();
        let known = self.socket.endpoints().into_iter();
        let endings = Endings {
            bound: known
                .filter(|it| it.state == EndpointState::Listening)
                .map(|it| it.endpoint)
                .collect(),
            ended: Vec::new(),
        };
        let thread = thread::Builder::new()
            .name("zocket-monitor".to_owned())
            .spawn({
                let teller = teller.clone();
                move || {
                    block_signals();
                    tell_all(&monitor, &teller, endings);
                }
            })?;
        *lock(&self.watcher) = Some(Watcher { teller, thread });
        Ok(())
    }

    /// A bind has failed, as `errno` says.
    pub(crate) fn tell_bind_failed(&self, endpoint: &str, errno: Errno) {
        let teller = lock(&self.watcher)
            .as_ref()
            .map(|watcher| watcher.teller.clone());
        let Some(teller) = teller.filter(|_| !endpoint.starts_with("inproc:")) else {
            return;
        };
        teller.tell(&Told {
            number: BIND_FAILED,
            value: u64::try_from(errno.0).unwrap_or_default(),
            local: endpoint.to_owned(),
            remote: String::new(),
        });
    }

    /// There is one monitor at a time: the one before is told that it was the last.
    fn stop_monitor(&self) {
        let watcher = lock(&self.watcher).take();
        if let Some(watcher) = watcher {
            watcher.stop();
        }
    }
}

fn monitor(
    socket: Handle,
    address: *const c_char,
    events: u64,
    version: c_int,
    number: c_int,
) -> Result<c_int, Errno> {
    let entry = find_alive(socket)?;
    if !matches!(version, 1 | 2) {
        return Err(EINVAL);
    }
    let socket_type = match number {
        0 => SocketType::Pair,
        1 if version == 2 => SocketType::Pub,
        8 if version == 2 => SocketType::Push,
        _ => return Err(EINVAL),
    };
    if version == 1 && events >> 16 != 0 {
        return Err(EINVAL);
    }
    if address.is_null() {
        entry.stop_monitor();
        return Ok(0);
    }
    // SAFETY: it is not null, and a text that ends with a zero.
    let address = unsafe { memory::text(address) }?;
    entry.monitor(address, events, version, socket_type)?;
    Ok(0)
}

#[unsafe(no_mangle)]
extern "C" fn zmq_socket_monitor(socket: Handle, address: *const c_char, events: c_int) -> c_int {
    answer(|| monitor(socket, address, u64::from(events.cast_unsigned()), 1, 0))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_socket_monitor_versioned(
    socket: Handle,
    address: *const c_char,
    events: u64,
    version: c_int,
    socket_type: c_int,
) -> c_int {
    answer(|| monitor(socket, address, events, version, socket_type))
}

/// Has the monitor told how many messages wait in the queues of each peer.
#[unsafe(no_mangle)]
extern "C" fn zmq_socket_monitor_pipes_stats(socket: Handle) -> c_int {
    answer(|| {
        let entry = find_alive(socket)?;
        let watcher = lock(&entry.watcher);
        let teller = watcher.as_ref().map(|watcher| watcher.teller.clone());
        drop(watcher);
        let teller =
            teller.filter(|teller| teller.wanted & PIPES_STATS != 0 && teller.version == 2);
        let teller = teller.ok_or(EINVAL)?;
        let peers = entry.socket.peer_stats();
        if peers.is_empty() {
            return Err(EAGAIN);
        }
        for peer in peers {
            let numbers = [
                PIPES_STATS,
                2,
                peer.send_queue.messages,
                peer.recv_queue.messages,
            ];
            let mut frames: Vec<Frame> = numbers
                .iter()
                .map(|number| Frame::copy_from_slice(&number.to_ne_bytes()))
                .collect();
            frames.push(Frame::new());
            frames.push(Frame::from(peer.peer.address()));
            let _ = teller.pair.try_send(Message::from(frames));
        }
        Ok(0)
    })
}

/// What can be done with one peer of a ROUTER.
#[unsafe(no_mangle)]
extern "C" fn zmq_socket_get_peer_state(
    socket: Handle,
    id: *const std::ffi::c_void,
    size: usize,
) -> c_int {
    answer(|| {
        let entry = find_alive(socket)?;
        if entry.socket_type != SocketType::Router {
            return Err(ENOTSUP);
        }
        if id.is_null() {
            return Err(EFAULT);
        }
        // SAFETY: the program says that so many bytes are there.
        let id = unsafe { memory::bytes(id, size) }?;
        let id = zocket::RoutingId::new(id).ok_or(EHOSTUNREACH)?;
        match entry.socket.try_reserve_to(&id) {
            Ok(room) => {
                drop(room);
                Ok(crate::events::POLLOUT.into())
            }
            Err(zocket::ReserveError::Full) => Ok(0),
            Err(error) => Err(error.into()),
        }
    })
}
