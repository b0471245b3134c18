//! Everything one I/O thread serves, and the turn in which it is served.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::connecter::Connecter;
use super::listener::{Accepted, Listener};
use super::resolve::{Resolved, Resolver};
use super::session::End;
use super::timers::{Timer, Timers};
use super::turn::Driver;
use super::{Handle, Latch};
use crate::auth::Ruling;
use crate::command::{Port, SocketId, Token, WireEnds};
use crate::endpoint::Endpoint;
use crate::error::Unsent;
use crate::monitor::MonitorEvent;
use crate::options::Options;
use crate::pipe::Load;
use crate::signal::Target;
use crate::transport;

/// Readiness events taken from the system at once.
const EVENTS: usize = 256;

/// Timers served in one turn; a thousand heartbeats at once are not to hold up messages.
const TIMERS: usize = 64;

/// For how long it is enough to do what is in the mailbox: who finds something for itself there each
/// time might never see an event otherwise.
const UNPOLLED_MAX: Duration = Duration::from_millis(1);

/// So many that have been told of at once are more work than it is to let others run first.
const MANY: usize = 8;

/// Orders carried out in one turn. Of a thousand connections that are made in a row, the first are
/// through their handshake when the last are dialed: a peer does not have them all in its hands, and
/// in their handshake, at once.
const ORDERS: usize = 64;

/// Steps of handshakes with cryptography in one turn, the dearest of which takes a fifth of a millisecond:
/// a flood of them is not to hold up what else this thread serves.
const COSTLY: usize = 16;

/// What an I/O thread is told to do.
pub(crate) enum Order {
    /// Accept connections for a socket, on the terms of when it was bound.
    Listen {
        token: Token,
        listener: transport::Listener,
        port: Arc<dyn Port>,
        terms: Arc<Options>,
    },
    /// Keep an endpoint connected, on the terms of when it was; `ends` is the pipe that outlives its
    /// connections. What has been `adopted` is connected already, and will not be again.
    Connect {
        token: Token,
        endpoint: Endpoint,
        port: Arc<dyn Port>,
        terms: Arc<Options>,
        ends: Option<WireEnds>,
        adopted: Option<transport::Stream>,
    },
    /// What was said of the peer of a connection that asked, by the number of its question.
    Rule {
        token: Token,
        number: u64,
        ruling: Ruling,
    },
    /// What a connecter's name was resolved to.
    Resolved { token: Token, resolved: Resolved },
    /// Close a listener and let go of what it accepted; the latch opens when the address is free.
    Unlisten {
        token: Token,
        deadline: Option<Instant>,
        done: Arc<Latch>,
    },
    /// Let go of a connecting endpoint.
    Disconnect {
        token: Token,
        deadline: Option<Instant>,
        done: Arc<Latch>,
    },
    /// End a connection that the socket has no use for as it stands. One that was connected to is
    /// made again, `at_once` or with the usual patience, and with a new pipe.
    HangUp { token: Token, at_once: bool },
    /// End the connection with this incarnation of a peer, if it still stands. One that was connected
    /// to is made again with the usual patience, and the same pipe.
    Part { token: Token, peer: u64 },
    /// The same for one of which nobody but the connection itself is left.
    PartLeft { peer: u64 },
    /// Let go of everything of a socket, and tell it when that is done.
    CloseSocket {
        port: Arc<dyn Port>,
        deadline: Option<Instant>,
    },
    /// A socket that is being closed has another deadline.
    Hasten {
        socket: SocketId,
        deadline: Option<Instant>,
    },
    /// Tell a socket that is being closed when its linger is over.
    KeepTime { port: Weak<dyn Port>, at: Instant },
}

/// Whether one of the things served has more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Rests,
    Again,
    Gone,
}

/// What a step of one of them may use of the reactor.
pub(super) struct Kit<'a> {
    pub(super) registry: &'a mio::Registry,
    pub(super) timers: &'a mut Timers,
    pub(super) resolver: &'a Resolver,
    pub(super) handle: &'a Arc<Handle>,
    pub(super) now: Instant,
    /// Whether nothing else is to be done in this turn.
    pub(super) alone: bool,
}

/// What a [`Kit`] is made of, apart from the slots that use it.
struct Tools {
    poll: mio::Poll,
    handle: Arc<Handle>,
    resolver: Resolver,
    timers: Timers,
    alone: bool,
}

impl Tools {
    fn kit(&mut self, now: Instant) -> Kit<'_> {
        Kit {
            registry: self.poll.registry(),
            timers: &mut self.timers,
            resolver: &self.resolver,
            handle: &self.handle,
            now,
            alone: self.alone,
        }
    }
}

enum Slot {
    Listener(Box<Listener>),
    Accepted(Box<Accepted>),
    Connecter(Box<Connecter>),
}

/// One socket, as far as this reactor serves it.
#[derive(Default)]
struct Served {
    tokens: HashSet<Token>,
    closing: Option<Closing>,
}

/// A socket that waits for the last of its tokens to go.
struct Closing {
    port: Arc<dyn Port>,
    unsent: Unsent,
}

/// The turn of the reactor: commands, poll, read, scan, hand over, write, timers.
///
/// A value that is handed on (see [`super::turn`]): whichever thread has it runs the turn.
pub(super) struct Reactor {
    tools: Tools,
    events: mio::Events,
    /// The last poll was ended by a signal.
    interrupted: bool,
    /// When there was a look for them last.
    polled: Instant,
    slots: HashMap<Token, Slot>,
    sockets: HashMap<SocketId, Served>,
    /// Who wants to be told when the time of a timer has come.
    alarms: HashMap<Token, Weak<dyn Port>>,
    /// Stopped early by a budget: their turn comes before the next sleep.
    again: Vec<Token>,
    /// Those in a costly handshake that have something to do, in the order in which they came to it.
    line: VecDeque<Token>,
    /// Yet to be carried out, one after the other.
    orders: VecDeque<Order>,
    // Kept to be filled again, turn after turn.
    ready: Vec<Token>,
    ordered: Vec<Order>,
}

impl Reactor {
    pub(super) fn new(poll: mio::Poll, handle: Arc<Handle>) -> Self {
        Self {
            tools: Tools {
                poll,
                handle,
                resolver: Resolver::new(),
                timers: Timers::new(Instant::now()),
                alone: false,
            },
            events: mio::Events::with_capacity(EVENTS),
            interrupted: false,
            polled: Instant::now(),
            slots: HashMap::new(),
            sockets: HashMap::new(),
            alarms: HashMap::new(),
            again: Vec::new(),
            line: VecDeque::new(),
            orders: VecDeque::new(),
            ready: Vec::new(),
            ordered: Vec::new(),
        }
    }

    fn collect(&mut self) {
        self.tools
            .handle
            .mailbox()
            .collect(&mut self.ready, &mut self.ordered);
        self.orders.extend(self.ordered.drain(..));
    }

    /// Does what there is to do.
    fn serve(&mut self, now: Instant) {
        for _ in 0..ORDERS {
            let Some(order) = self.orders.pop_front() else {
                break;
            };
            self.execute(order, now);
        }

        let events = std::mem::replace(&mut self.events, mio::Events::with_capacity(0));
        for event in &events {
            self.on_event(event, now);
        }
        self.events = events;

        let mut ready = std::mem::take(&mut self.ready);
        for token in ready.drain(..) {
            self.drive(token, now);
        }
        self.ready = ready;

        let mut again = std::mem::take(&mut self.again);
        // One turn each, however often its rest was put off.
        again.sort_unstable();
        again.dedup();
        for token in again {
            self.drive(token, now);
        }
        self.serve_line(now);
        // Those that are set meanwhile wait for the next turn, even if they are due at once.
        let due: Vec<_> = std::iter::from_fn(|| self.tools.timers.pop_due(now))
            .take(TIMERS)
            .collect();
        for (timer, token) in due {
            match self.alarms.remove(&token) {
                Some(port) => linger_is_over(&port),
                None => self.on_timer(timer, token, now),
            }
        }
    }

    /// Drives the first of those in a costly handshake.
    fn serve_line(&mut self, now: Instant) {
        let mut left = COSTLY;
        while left > 0
            && let Some(token) = self.line.pop_front()
        {
            if let Some(Slot::Accepted(accepted)) = self.slots.get_mut(&token) {
                accepted.leave_line();
                self.advance(token, now);
                left -= 1;
            }
        }
    }

    fn sleep(&mut self, until: Option<Instant>) {
        let timeout = if !self.is_at_rest() || !self.tools.handle.mailbox().fall_asleep() {
            Some(Duration::ZERO)
        } else {
            let next = self.tools.timers.next();
            next.into_iter()
                .chain(until)
                .min()
                .map(|at| at.saturating_duration_since(Instant::now()))
        };
        self.poll(timeout);
    }

    fn poll(&mut self, timeout: Option<Duration>) {
        let polled = self.tools.poll.poll(&mut self.events, timeout);
        self.interrupted = false;
        if let Err(error) = polled {
            if error.kind() == io::ErrorKind::Interrupted {
                self.interrupted = true;
            } else {
                log::error!("polling for I/O failed: {error}");
            }
        }
    }

    // ---- what happens

    fn on_event(&mut self, event: &mio::event::Event, now: Instant) {
        let token = super::token_of(event.token());
        match self.slots.get_mut(&token) {
            Some(Slot::Accepted(accepted)) => accepted.on_event(event),
            Some(Slot::Connecter(connecter)) => connecter.on_event(event),
            Some(Slot::Listener(_)) => {}
            None => return,
        }
        self.drive(token, now);
    }

    fn on_timer(&mut self, timer: Timer, token: Token, now: Instant) {
        let fate = self.step(token, now, |slot, kit| match slot {
            Slot::Listener(listener) => {
                listener.on_timer(timer);
                Fate::Again
            }
            Slot::Accepted(accepted) => accepted.on_timer(timer, kit),
            Slot::Connecter(connecter) => connecter.on_timer(timer, kit),
        });
        self.settle(token, fate, now);
    }

    /// Moves whatever can be moved at this token.
    fn drive(&mut self, token: Token, now: Instant) {
        if matches!(self.slots.get(&token), Some(Slot::Listener(_))) {
            return self.accept(token, now);
        }
        if let Some(Slot::Accepted(accepted)) = self.slots.get_mut(&token)
            && accepted.waits_in_line()
        {
            if accepted.enter_line() {
                self.line.push_back(token);
            }
            return;
        }
        self.advance(token, now);
    }

    fn advance(&mut self, token: Token, now: Instant) {
        let fate = self.step(token, now, |slot, kit| match slot {
            Slot::Accepted(accepted) => accepted.drive(kit),
            Slot::Connecter(connecter) => connecter.drive(kit),
            Slot::Listener(_) => Fate::Rests,
        });
        self.settle(token, fate, now);
    }

    fn accept(&mut self, token: Token, now: Instant) {
        let mut connections = Vec::new();
        let fate = self.step(token, now, |slot, kit| match slot {
            Slot::Listener(listener) => listener.accept(kit, &mut connections),
            _ => Fate::Rests,
        });
        for connection in connections {
            let Some(Slot::Listener(listener)) = self.slots.get_mut(&token) else {
                return;
            };
            let (child, instead_of) = (connection.token, connection.instead_of);
            let origin = connection.origin();
            let mut kit = self.tools.kit(now);
            match Accepted::start(connection, listener, &mut kit) {
                Ok(accepted) => {
                    let socket = accepted.socket();
                    self.tools.handle.add_load();
                    self.insert(child, socket, Slot::Accepted(Box::new(accepted)));
                    self.drive(child, now);
                }
                Err(error) => {
                    listener.on_child_settled(origin, child);
                    log::warn!(
                        "{}: cannot serve an accepted connection: {error}",
                        listener.endpoint()
                    );
                    listener.report_failure(error.to_string());
                }
            }
            if let Some(other) = instead_of {
                let fate = self.step(other, now, |slot, kit| match slot {
                    Slot::Accepted(accepted) => accepted.end(End::GaveWay, kit),
                    _ => Fate::Rests,
                });
                self.settle(other, fate, now);
            }
        }
        self.settle(token, fate, now);
    }

    fn execute(&mut self, order: Order, now: Instant) {
        match order {
            Order::Listen {
                token,
                listener,
                port,
                terms,
            } => {
                let socket = port.id();
                let listener = Listener::new(listener, port, terms, token);
                self.insert(token, socket, Slot::Listener(Box::new(listener)));
                // Whoever came before this order caused an event that nobody knew.
                self.drive(token, now);
            }
            Order::Connect {
                token,
                endpoint,
                port,
                terms,
                ends,
                adopted,
            } => {
                let me = Target {
                    owner: self.tools.handle.clone(),
                    token,
                };
                let connecter = Connecter::new(endpoint, port, terms, ends, adopted, me);
                self.insert(
                    token,
                    connecter.socket(),
                    Slot::Connecter(Box::new(connecter)),
                );
                let fate = self.step(token, now, |slot, kit| match slot {
                    Slot::Connecter(connecter) => connecter.dial(kit),
                    _ => Fate::Rests,
                });
                self.settle(token, fate, now);
            }
            Order::Resolved { token, resolved } => {
                let fate = self.step(token, now, |slot, kit| match slot {
                    Slot::Connecter(connecter) => connecter.on_resolved(resolved, kit),
                    _ => Fate::Rests,
                });
                self.settle(token, fate, now);
            }
            Order::Rule {
                token,
                number,
                ruling,
            } => {
                match self.slots.get_mut(&token) {
                    Some(Slot::Accepted(accepted)) => accepted.on_ruling(number, ruling),
                    Some(Slot::Connecter(connecter)) => connecter.on_ruling(number, ruling),
                    Some(Slot::Listener(_)) | None => return,
                }
                self.drive(token, now);
            }
            Order::Unlisten {
                token,
                deadline,
                done,
            } => {
                let children: Vec<Token> = self
                    .slots
                    .iter()
                    .filter(|(_, slot)| matches!(slot, Slot::Accepted(child) if child.listener() == token))
                    .map(|(&child, _)| child)
                    .collect();
                self.remove(token, now);
                done.open();
                for child in children {
                    self.stop(child, deadline, now);
                }
            }
            Order::Disconnect {
                token,
                deadline,
                done,
            } => {
                if let Some(Slot::Connecter(connecter)) = self.slots.get_mut(&token) {
                    connecter.on_disconnect();
                }
                self.stop(token, deadline, now);
                done.open();
            }
            Order::HangUp { token, at_once } => {
                let fate = self.step(token, now, |slot, kit| match slot {
                    Slot::Accepted(accepted) => accepted.end(End::HungUp, kit),
                    Slot::Connecter(connecter) => connecter.hang_up(at_once, kit),
                    Slot::Listener(_) => Fate::Rests,
                });
                self.settle(token, fate, now);
            }
            Order::Part { token, peer } => self.part(token, peer, now),
            Order::PartLeft { peer } => {
                let is_it = |slot: &Slot| match slot {
                    Slot::Accepted(accepted) => accepted.is_with(peer),
                    Slot::Connecter(connecter) => connecter.is_with(peer),
                    Slot::Listener(_) => false,
                };
                let mut slots = self.slots.iter();
                if let Some((&token, _)) = slots.find(|(_, slot)| is_it(slot)) {
                    self.part(token, peer, now);
                }
            }
            Order::CloseSocket { port, deadline } => self.close_socket(port, deadline, now),
            Order::Hasten { socket, deadline } => {
                let tokens = match self.sockets.get(&socket) {
                    Some(served) if served.closing.is_some() => served.tokens.clone(),
                    _ => return,
                };
                for token in tokens {
                    self.stop(token, deadline, now);
                }
            }
            Order::KeepTime { port, at } => {
                let token = crate::command::unique_number();
                self.tools.timers.set(at, token);
                self.alarms.insert(token, port);
            }
        }
    }

    fn close_socket(&mut self, port: Arc<dyn Port>, deadline: Option<Instant>, now: Instant) {
        let Some(served) = self.sockets.get_mut(&port.id()) else {
            return port.links_closed(Unsent::default());
        };
        served.closing = Some(Closing {
            port,
            unsent: Unsent::default(),
        });
        let mut tokens: Vec<Token> = served.tokens.iter().copied().collect();
        // Listeners first, so that nobody comes in any more.
        tokens.sort_by_key(|token| !matches!(self.slots.get(token), Some(Slot::Listener(_))));
        for token in tokens {
            self.stop(token, deadline, now);
        }
    }

    // ---- slots

    fn insert(&mut self, token: Token, socket: SocketId, slot: Slot) {
        self.slots.insert(token, slot);
        self.sockets.entry(socket).or_default().tokens.insert(token);
    }

    /// Lets one step of a slot run. Should it panic, that costs this slot only.
    fn step(
        &mut self,
        token: Token,
        now: Instant,
        step: impl FnOnce(&mut Slot, &mut Kit<'_>) -> Fate,
    ) -> Fate {
        let Some(slot) = self.slots.get_mut(&token) else {
            return Fate::Rests;
        };
        let mut kit = self.tools.kit(now);
        let outcome = catch_unwind(AssertUnwindSafe(|| step(slot, &mut kit)));
        outcome.unwrap_or_else(|_| match slot {
            Slot::Listener(_) => Fate::Gone,
            Slot::Accepted(accepted) => accepted.end(End::Panicked, &mut kit),
            Slot::Connecter(connecter) => connecter.end(End::Panicked, &mut kit),
        })
    }

    /// Ends the connection of a slot if it is with this incarnation of a peer.
    fn part(&mut self, token: Token, peer: u64, now: Instant) {
        let fate = self.step(token, now, |slot, kit| match slot {
            Slot::Accepted(accepted) => accepted.part(peer, kit),
            Slot::Connecter(connecter) => connecter.part(peer, kit),
            Slot::Listener(_) => Fate::Rests,
        });
        self.settle(token, fate, now);
    }

    /// Asks a slot to end.
    fn stop(&mut self, token: Token, deadline: Option<Instant>, now: Instant) {
        let fate = self.step(token, now, |slot, kit| match slot {
            Slot::Listener(_) => Fate::Gone,
            Slot::Accepted(accepted) => accepted.stop(deadline, kit),
            Slot::Connecter(connecter) => connecter.stop(deadline, kit),
        });
        // What lingers is driven once more: its pipe may have ended without anything in it.
        let fate = if fate == Fate::Rests {
            Fate::Again
        } else {
            fate
        };
        self.settle(token, fate, now);
    }

    /// Acts on what became of a slot.
    fn settle(&mut self, token: Token, fate: Fate, now: Instant) {
        if let Some(Slot::Accepted(accepted)) = self.slots.get_mut(&token)
            && accepted.take_settled()
        {
            let (listener, origin) = (accepted.listener(), accepted.origin());
            if let Some(Slot::Listener(listener)) = self.slots.get_mut(&listener) {
                listener.on_child_settled(origin, token);
            }
        }
        match fate {
            Fate::Rests => {}
            Fate::Again => self.again.push(token),
            Fate::Gone => self.remove(token, now),
        }
    }

    /// Takes a slot out, and tells a socket that waits for it.
    fn remove(&mut self, token: Token, now: Instant) {
        let Some(slot) = self.slots.remove(&token) else {
            return;
        };
        self.tools.handle.drop_load();
        let mut is_closed = false;
        let (port, endpoint, lost) = match slot {
            Slot::Listener(listener) => {
                let (port, endpoint) = (listener.port().clone(), listener.endpoint().clone());
                let mut kit = self.tools.kit(now);
                listener.close(&mut kit);
                is_closed = true;
                (port, endpoint, Load::NONE)
            }
            Slot::Accepted(accepted) => {
                let (endpoint, lost) = accepted.lost();
                (accepted.port().clone(), endpoint.clone(), lost)
            }
            Slot::Connecter(connecter) => {
                let (endpoint, lost) = connecter.lost();
                is_closed = connecter.is_closed();
                (connecter.port().clone(), endpoint.clone(), lost)
            }
        };
        if is_closed {
            let endpoint = endpoint.clone();
            port.report(token, MonitorEvent::Closed { endpoint });
        }
        let Entry::Occupied(mut served) = self.sockets.entry(port.id()) else {
            return;
        };
        served.get_mut().tokens.remove(&token);
        match &mut served.get_mut().closing {
            Some(closing) => closing.unsent.add(&endpoint, lost),
            None => port.dropped(lost, &endpoint),
        }
        if served.get().tokens.is_empty()
            && let Some(Closing { port, unsent }) = served.remove().closing
        {
            port.links_closed(unsent);
        }
    }

    /// Ends everything: the thread is about to go.
    fn end_all(&mut self) {
        let now = Instant::now();
        self.collect();
        for order in std::mem::take(&mut self.orders) {
            match order {
                Order::CloseSocket { .. } => self.execute(order, now),
                Order::Unlisten { done, .. } | Order::Disconnect { done, .. } => done.open(),
                Order::KeepTime { port, .. } => linger_is_over(&port),
                Order::Connect {
                    ends: Some(ends), ..
                } => {
                    super::session::end_pipe(&ends, &mut super::transmit::Transmit::default());
                }
                _ => {}
            }
        }
        let tokens: Vec<Token> = self.slots.keys().copied().collect();
        for token in tokens {
            self.stop(token, Some(now), now);
        }
        for port in std::mem::take(&mut self.alarms).values() {
            linger_is_over(port);
        }
    }
}

impl Driver for Reactor {
    fn turn(&mut self, until: Option<Instant>, is_guest: bool) {
        self.sleep(until);
        self.collect();
        if !is_guest && self.ready.len() >= MANY {
            // Who has something for so many at once may have more for each of them. If it was this
            // thread that kept it from going on, to let it do so costs less than to write each one by
            // itself.
            std::thread::yield_now();
        }
        // (The waker is an event, too.) A guest has nobody to wait for: those who write are others,
        // or itself.
        self.tools.alone = !is_guest
            && self.ready.len() + self.again.len() + self.line.len() <= 1
            && self.orders.is_empty()
            && self
                .events
                .iter()
                .all(|event| event.token() == super::WAKER);
        self.polled = Instant::now();
        self.serve(self.polled);
    }

    fn catch_up(&mut self) {
        self.events.clear();
        self.collect();
        if !(self.ready.is_empty() && self.orders.is_empty()) {
            self.tools.alone = false;
            let now = Instant::now();
            if now.duration_since(self.polled) >= UNPOLLED_MAX {
                self.polled = now;
                self.poll(Some(Duration::ZERO));
            }
            self.serve(now);
        }
    }

    fn was_interrupted(&self) -> bool {
        self.interrupted
    }

    fn is_at_rest(&self) -> bool {
        self.again.is_empty() && self.line.is_empty() && self.orders.is_empty()
    }

    fn shut_down(&mut self) {
        self.end_all();
    }
}

fn linger_is_over(port: &Weak<dyn Port>) {
    if let Some(port) = port.upgrade() {
        port.linger_is_over();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::signal::{News, Post};

    #[test]
    fn who_always_finds_something_in_the_mailbox_sees_events_too() {
        let handle = Handle::new(mio::Poll::new().unwrap()).unwrap();
        handle.forsake();
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), super::super::WAKER).unwrap();
        let mut reactor = Reactor::new(poll, handle.clone());
        waker.wake().unwrap();
        let begun = Instant::now();
        while reactor.events.is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(30), "no event");
            let _ = handle.mailbox().post(1);
            reactor.catch_up();
        }
    }

    #[test]
    fn orders_have_their_share_of_a_turn_and_no_more() {
        let handle = Handle::new(mio::Poll::new().unwrap()).unwrap();
        handle.forsake();
        let mut reactor = Reactor::new(mio::Poll::new().unwrap(), handle.clone());
        let socket = crate::command::unique_number();
        for _ in 0..=ORDERS {
            let deadline = None;
            assert!(handle.order(Order::Hasten { socket, deadline }));
        }
        reactor.turn(Some(Instant::now()), false);
        assert_eq!(reactor.orders.len(), 1);
        // Nobody sleeps before the rest is done.
        assert!(!reactor.is_at_rest());
        reactor.turn(None, false);
        assert!(reactor.is_at_rest());
    }

    #[test]
    fn a_bulky_message_wakes_nobody_who_is_awake() {
        let handle = Handle::new(mio::Poll::new().unwrap()).unwrap();
        handle.forsake();
        let posted = |news| {
            handle.post(1, news);
            let (mut ready, mut orders) = (Vec::new(), Vec::new());
            handle.mailbox().collect(&mut ready, &mut orders);
            ready.len()
        };
        assert_eq!(posted(News::Bulk { owed: false }), 0);
        assert_eq!(posted(News::Bulk { owed: true }), 1);
    }
}

#[cfg(test)]
#[cfg(all(feature = "curve", not(loom)))]
mod flood_tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};

    use super::*;
    use crate::context::Context;
    use crate::curve::KeyPair;
    use crate::security::Security;
    use crate::socket::{Core, Pattern};
    use crate::socket_type::SocketType;
    use crate::zmtp::greeting;

    /// A reactor whose turns are those of the test, and no thread's.
    fn reactor() -> Reactor {
        let handle = Handle::new(mio::Poll::new().unwrap()).unwrap();
        handle.forsake();
        Reactor::new(mio::Poll::new().unwrap(), handle)
    }

    impl Reactor {
        fn listen(&mut self, security: Security) -> SocketAddr {
            let options = Options {
                security,
                ..Options::default()
            };
            let port = Core::new(Pattern(SocketType::Pull), options, Context::new());
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let mut listener = transport::tcp::bind(any, &port.options().transport).unwrap();
            let here = listener.endpoint().socket_addr().unwrap();
            let token = crate::command::unique_number();
            let registry = self.tools.poll.registry();
            registry
                .register(
                    &mut listener,
                    super::super::mio_token(token),
                    mio::Interest::READABLE,
                )
                .unwrap();
            let order = Order::Listen {
                token,
                listener,
                terms: port.options(),
                port,
            };
            self.execute(order, Instant::now());
            here
        }
    }

    fn connection(here: SocketAddr, said: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(here).unwrap();
        stream.write_all(said).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    }

    /// What a client says that does not know the server's key.
    fn hello() -> Vec<u8> {
        let mut said = greeting::encode("CURVE", 0).to_vec();
        said.extend_from_slice(b"\x04\xc8\x05HELLO\x01\0");
        said.extend_from_slice(&[7; 192]);
        said
    }

    fn is_closed(mut stream: &TcpStream) -> bool {
        loop {
            match stream.read(&mut [0; 256]) {
                Ok(1..) => {}
                Ok(0) => return true,
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
    }

    #[test]
    fn s13_a_flood_of_handshakes_has_its_share_of_a_turn_and_no_more() {
        const FLOOD: usize = 5 * COSTLY;
        let mut reactor = reactor();
        let sealed = reactor.listen(Security::curve_server(KeyPair::generate().unwrap()));
        let open = reactor.listen(Security::null());
        let flood: Vec<_> = (0..FLOOD).map(|_| connection(sealed, &hello())).collect();
        let mut other = connection(open, &[]);
        let (mut turns, mut heard, mut is_greeted) = (0, 0, false);
        let deadline = Instant::now() + Duration::from_secs(30);
        while heard < FLOOD {
            assert!(Instant::now() < deadline, "{heard} were heard");
            // (The system may be late with what has been said.)
            turns += usize::from(!reactor.line.is_empty());
            reactor.turn(Some(Instant::now()), false);
            let before = heard;
            heard = flood.iter().filter(|stream| is_closed(stream)).count();
            assert!(heard - before <= COSTLY, "{} in one turn", heard - before);
            is_greeted |= heard < FLOOD && matches!(other.read(&mut [0; 64]), Ok(64));
        }
        assert!(is_greeted, "others have to wait for the flood");
        // The first look at each may come before there is anything to be read.
        let most = 2 * FLOOD / COSTLY + 1;
        assert!(turns <= most, "{turns} turns for {FLOOD}");
        assert!(reactor.line.is_empty());
    }
}
