//! Moving messages: one way from one socket to another, and both ways in turns.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use super::steering::{Order, Steering};
use super::{ProxyStatistics, SideStatistics};
use crate::error::{RecvError, SendFailure};
use crate::message::Message;
use crate::signal::Parker;
use crate::socket::{Core, Socket};
use crate::socket_type::SocketType;
use crate::waiting::{Patience, Ticket};

/// How many messages go one way before the other has its turn.
const BURST: usize = 100;

/// Wakes the proxy's thread.
struct Bell(Arc<Parker>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Everything that a proxy's thread works with.
pub(super) struct Relay<'a> {
    sockets: [&'a Core; 2],
    ways: Vec<Way<'a>>,
    tap: Option<&'a Core>,
    /// Registered with each socket, to hear of its end.
    ends: [Option<Ticket>; 2],
    /// What one way does may let the other go on.
    takes_turns: bool,
    counts: Counts,
}

/// What is counted; a socket's number is its place.
#[derive(Default)]
struct Counts {
    sides: [SideStatistics; 2],
    capture_dropped: u64,
}

/// A socket is closed, or its context shut down.
#[derive(Debug)]
struct Over;

impl<'a> Relay<'a> {
    pub(super) fn new(frontend: &'a Socket, backend: &'a Socket, tap: Option<&'a Socket>) -> Self {
        let sockets = [frontend.core(), backend.core()];
        let way = |from: usize, to: usize| Way::new(sockets, from, to);
        let ways = if std::ptr::eq(frontend, backend) {
            vec![way(0, 0)]
        } else {
            [(0, 1), (1, 0)]
                .into_iter()
                .filter(|&(from, to)| {
                    sockets[from].type_of().receives() && sockets[to].type_of().sends()
                })
                .map(|(from, to)| way(from, to))
                .collect()
        };
        Self {
            ways,
            tap: tap.map(Socket::core),
            ends: [None, None],
            takes_turns: sockets
                .iter()
                .any(|socket| super::takes_turns(socket.type_of())),
            sockets,
            counts: Counts::default(),
        }
    }

    /// Moves messages as the steering says, until it is over.
    pub(super) fn run(mut self, steering: &Steering) {
        let parker = Parker::current();
        let waker = Waker::from(Arc::new(Bell(parker.clone())));
        let mut cx = Context::from_waker(&waker);
        steering.engage(parker.clone());
        loop {
            let round = steering.begin();
            let outcome = match round.order {
                Order::Move => self.turn(&mut cx, || round.is_interrupted()),
                Order::Hold => self.hold(&mut cx),
                Order::Stop => Err(Over),
            };
            round.end(self.statistics());
            match outcome {
                Ok(true) => {}
                // All that could make a difference has been told to wake this thread, or has done so.
                Ok(false) if self.is_open(&mut cx) => {
                    parker.park(None);
                }
                Ok(false) | Err(Over) => break,
            }
        }
        for way in &mut self.ways {
            way.finish(&mut cx, &parker, &mut self.counts);
        }
        steering.publish(self.statistics());
    }

    /// A burst each way; whether there may be more to do at once.
    fn turn(
        &mut self,
        cx: &mut Context<'_>,
        is_interrupted: impl Fn() -> bool,
    ) -> Result<bool, Over> {
        let mut again = false;
        for way in &mut self.ways {
            let mut moved = 0;
            while way.step(cx, self.tap, &mut self.counts)? {
                moved += 1;
                if moved == BURST || is_interrupted() {
                    again = true;
                    break;
                }
            }
            again |= moved > 0 && self.takes_turns;
            if is_interrupted() {
                return Ok(true);
            }
        }
        Ok(again)
    }

    /// Takes nothing; what was taken before goes on as soon as there is room.
    fn hold(&mut self, cx: &mut Context<'_>) -> Result<bool, Over> {
        for way in &mut self.ways {
            way.stop_taking();
            if way.hand.is_some() {
                way.deliver(cx, &mut self.counts)?;
            }
        }
        Ok(false)
    }

    /// Whether both sockets are; if so, the thread is woken when one is not any more.
    fn is_open(&mut self, cx: &mut Context<'_>) -> bool {
        self.sockets
            .iter()
            .zip(&mut self.ends)
            .all(|(socket, ticket)| socket.poll_end(cx, ticket).is_pending())
    }

    fn statistics(&self) -> ProxyStatistics {
        let [frontend, backend] = self.counts.sides;
        ProxyStatistics {
            frontend,
            backend,
            capture_dropped: self.counts.capture_dropped,
        }
    }
}

impl Drop for Relay<'_> {
    fn drop(&mut self) {
        for (socket, ticket) in self.sockets.iter().zip(&mut self.ends) {
            if let Some(ticket) = ticket.take() {
                socket.cancel_control(&ticket);
            }
        }
    }
}

/// From one socket to another, or back to the same.
struct Way<'a> {
    from: &'a Core,
    to: &'a Core,
    places: (usize, usize),
    /// Taken, and not passed on yet: there was room when it was taken, but not for this one (any
    /// more). Nothing else is taken until it is gone.
    hand: Option<Message>,
    /// Registered with `to`, for room; and with `from`, for something to take.
    room: Option<Ticket>,
    next: Option<Ticket>,
}

impl<'a> Way<'a> {
    fn new(sockets: [&'a Core; 2], from: usize, to: usize) -> Self {
        Self {
            from: sockets[from],
            to: sockets[to],
            places: (from, to),
            hand: None,
            room: None,
            next: None,
        }
    }

    /// Takes a message and passes it on, if there is one and room for it: whether that changed
    /// anything. If not, the thread is woken when it may.
    fn step(
        &mut self,
        cx: &mut Context<'_>,
        tap: Option<&Core>,
        counts: &mut Counts,
    ) -> Result<bool, Over> {
        if self.hand.is_some() {
            return self.deliver(cx, counts);
        }
        if !self.has_room(cx)? {
            // Nothing is awaited from there now: a wake-up for it is somebody else's.
            self.stop_listening();
            return Ok(false);
        }
        match self.from.poll_recv_raw(cx, &mut self.next) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(message)) => self.hand = Some(message),
            Poll::Ready(Err(RecvError::Closed | RecvError::Terminated)) => return Err(Over),
            Poll::Ready(Err(RecvError::PeerLost)) => {
                log::warn!("proxy: the peer that was asked is gone, and with it the reply");
                self.to.owe_nothing();
                return Ok(true);
            }
            // Not its turn: that changes by what goes the other way. (The others are not for tasks.)
            Poll::Ready(Err(
                RecvError::WrongState | RecvError::Timeout | RecvError::Interrupted,
            )) => {
                self.stop_listening();
                return Ok(false);
            }
        }
        if let Some(message) = &self.hand {
            let side = &mut counts.sides[self.places.0];
            side.received += 1;
            side.received_bytes += message.byte_len() as u64;
            if let Some(tap) = tap
                && tap.send_raw(message.clone(), || Patience::None).is_err()
            {
                counts.capture_dropped += 1;
            }
        }
        self.deliver(cx, counts)?;
        Ok(true)
    }

    fn has_room(&mut self, cx: &Context<'_>) -> Result<bool, Over> {
        // A REP that answers what it has yet to receive.
        if self.places.0 == self.places.1 && self.to.type_of() == SocketType::Rep {
            return Ok(true);
        }
        match self.to.poll_room(cx, &mut self.room) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(())) => Ok(true),
            Poll::Ready(Err(SendFailure::Closed | SendFailure::Terminated)) => Err(Over),
            Poll::Ready(Err(_)) => Ok(false),
        }
    }

    /// Passes on what is in hand: whether that is gone.
    fn deliver(&mut self, cx: &Context<'_>, counts: &mut Counts) -> Result<bool, Over> {
        let bytes = self.hand.as_ref().map_or(0, Message::byte_len);
        let outcome = match self.to.poll_send_raw(cx, &mut self.room, &mut self.hand) {
            Poll::Pending => return Ok(false),
            Poll::Ready(outcome) => outcome,
        };
        let side = &mut counts.sides[self.places.1];
        match outcome {
            Ok(()) => {
                side.sent += 1;
                side.sent_bytes += bytes as u64;
            }
            Err(SendFailure::Closed | SendFailure::Terminated) => return Err(Over),
            // Nobody is there who should get it, and nobody to tell.
            Err(_) => side.dropped += 1,
        }
        self.hand = None;
        Ok(true)
    }

    /// Waits for room for what is in hand, for as long as the socket that it is for lingers.
    fn finish(&mut self, cx: &mut Context<'_>, parker: &Parker, counts: &mut Counts) {
        self.stop_listening();
        let linger = self.to.linger();
        let deadline = linger.and_then(|linger| Instant::now().checked_add(linger));
        let mut is_late = false;
        while self.hand.is_some() {
            match self.deliver(cx, counts) {
                Ok(true) => {}
                Ok(false) if !is_late => {
                    let woken = parker.park(deadline);
                    is_late = !woken || deadline.is_some_and(|deadline| Instant::now() >= deadline);
                }
                Ok(false) | Err(Over) => {
                    log::warn!("proxy: a message that nobody had room for is dropped");
                    counts.sides[self.places.1].dropped += 1;
                    self.hand = None;
                }
            }
        }
    }

    /// Nothing is to be taken for now.
    fn stop_taking(&mut self) {
        self.stop_listening();
        if self.hand.is_none()
            && let Some(ticket) = self.room.take()
        {
            self.to.cancel_send(&ticket);
        }
    }

    fn stop_listening(&mut self) {
        if let Some(ticket) = self.next.take() {
            self.from.cancel_recv(&ticket);
        }
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        self.stop_listening();
        if let Some(ticket) = self.room.take() {
            self.to.cancel_send(&ticket);
        }
    }
}
