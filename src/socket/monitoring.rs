//! Monitors: what happens to a socket, told as it happens.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::core::{Control, Core};
use super::directory::Key;
use crate::command::InprocPeer;
use crate::endpoint_status::{EndpointState, EndpointStatus};
use crate::error::{RecvError, TryRecvError};
use crate::home::Home;
use crate::monitor::MonitorEvent;
use crate::peer_info::PeerInfo;
use crate::pipe::PipeId;
use crate::signal::Wakes;
use crate::sync::Ordering;
use crate::waiting::{Half, Patience, Ready};

/// How many events a monitor keeps for whoever reads it.
const EVENTS_MAX: usize = 10_000;

/// Tells what happens to a socket from the moment it was made; by the socket's `monitor()`.
///
/// Up to 10,000 events wait to be read; what comes beyond that is lost and [counted](Self::lost):
/// nobody ever waits for who reads. A socket may have several, and each gets every event. It does not
/// keep the socket alive: when that is closed, what is left can be read, and that was it.
///
/// ```
/// use std::time::Duration;
/// use zocket::{MonitorEvent, Pull, Push};
///
/// # fn main() -> Result<(), zocket::Error> {
/// let pull = Pull::new();
/// let monitor = pull.monitor();
/// let push = Push::new();
/// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
/// loop {
///     match monitor.recv_timeout(Duration::from_secs(10))? {
///         MonitorEvent::HandshakeSucceeded { peer, .. } => break println!("{peer:?} is there"),
///         other => println!("{other:?}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Monitor {
    feed: Arc<Feed>,
    home: Home,
}

/// The events on their way from a socket to one monitor.
struct Feed(Half<Queue>);

#[derive(Default)]
struct Queue {
    events: VecDeque<MonitorEvent>,
    lost: u64,
    /// The context is shut down: nobody waits any more.
    interrupted: bool,
    /// The socket is closed.
    ended: bool,
    /// The monitor is gone.
    forsaken: bool,
}

impl Ready for Queue {
    fn ready(&self) -> bool {
        self.ended || self.interrupted || !self.events.is_empty()
    }
}

impl Queue {
    fn take(&mut self) -> Option<Result<MonitorEvent, RecvError>> {
        match self.events.pop_front() {
            Some(event) => Some(Ok(event)),
            None if self.ended => Some(Err(RecvError::Closed)),
            None => self.interrupted.then_some(Err(RecvError::Terminated)),
        }
    }
}

impl Feed {
    fn new(interrupted: bool, ended: bool) -> Arc<Self> {
        Arc::new(Self(Half::new(Queue {
            interrupted,
            ended,
            ..Queue::default()
        })))
    }

    /// Tells; `false` if nobody listens any more.
    fn tell(&self, event: &MonitorEvent, wakes: &mut Wakes) -> bool {
        self.0.update_within(wakes, |queue, _| {
            if queue.events.len() == EVENTS_MAX {
                queue.lost += 1;
            } else if !queue.forsaken {
                queue.events.push_back(event.clone());
            }
            !queue.forsaken
        })
    }

    fn is_forsaken(&self) -> bool {
        self.0.peek(|queue| queue.forsaken)
    }

    /// Nobody waits any more.
    fn interrupt(&self) {
        self.0.update_for_all(|queue, _| queue.interrupted = true);
    }

    /// Nothing more will be told.
    fn end(&self) {
        self.0.update_for_all(|queue, _| queue.ended = true);
    }
}

impl Monitor {
    fn new(feed: Arc<Feed>) -> Self {
        Self {
            feed,
            home: Home::here(),
        }
    }

    /// Takes the next event, waiting for one if there is none: for ever; on an I/O thread not at all.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`]: the socket is closed, and every event has been taken.
    /// [`RecvError::Terminated`]: the context is [shut down](crate::Context::shutdown), and there is
    /// no event now; what happens until the socket is closed can still be asked for.
    pub fn recv(&self) -> Result<MonitorEvent, RecvError> {
        self.wait(None)
    }

    /// As [`recv`](Self::recv), but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and that the time ran out.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<MonitorEvent, RecvError> {
        self.wait(Some(timeout))
    }

    /// As [`recv`](Self::recv), but never waits.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and that there is nothing now.
    pub fn try_recv(&self) -> Result<MonitorEvent, TryRecvError> {
        let taken = self.feed.0.attempt(|queue, _| queue.take());
        taken
            .unwrap_or(Err(RecvError::Timeout))
            .map_err(TryRecvError::from)
    }

    /// As [`recv`](Self::recv), for tasks on any executor.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing, and if it had been woken, the
    /// next one that waits is woken in its place.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_async(&self) -> impl Future<Output = Result<MonitorEvent, RecvError>> + Send + '_ {
        self.feed.0.wait_async(|queue, _| queue.take())
    }

    /// Every event from now on, each as [`recv`](Self::recv) gives it, until the socket is closed.
    pub fn iter(&self) -> Events<'_> {
        Events(self)
    }

    /// How many events were lost until now because nobody read.
    pub fn lost(&self) -> u64 {
        self.feed.0.peek(|queue| queue.lost)
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<MonitorEvent, RecvError> {
        let patience = || {
            if self.home.is_elsewhere() {
                // Nothing happens to a socket that nobody serves.
                self.feed.interrupt();
                return Patience::None;
            }
            crate::io::patience(timeout)
        };
        let taken = (self.feed.0).wait(patience, |queue, _| queue.take());
        taken.unwrap_or(Err(RecvError::Timeout))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let unread = self.feed.0.update(|queue, _| {
            queue.forsaken = true;
            std::mem::take(&mut queue.events)
        });
        drop(unread);
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, lost) = self.feed.0.peek(|queue| (queue.events.len(), queue.lost));
        write!(f, "Monitor({waiting} events, {lost} lost)")
    }
}

/// The events of a [`Monitor`], one after the other; made by its [`iter`](Monitor::iter).
#[derive(Debug)]
pub struct Events<'a>(&'a Monitor);

impl Iterator for Events<'_> {
    type Item = MonitorEvent;

    fn next(&mut self) -> Option<MonitorEvent> {
        self.0.recv().ok()
    }
}

impl<'a> IntoIterator for &'a Monitor {
    type Item = MonitorEvent;
    type IntoIter = Events<'a>;

    fn into_iter(self) -> Events<'a> {
        self.iter()
    }
}

/// An owned monitor is an iterator itself.
impl Iterator for Monitor {
    type Item = MonitorEvent;

    fn next(&mut self) -> Option<MonitorEvent> {
        self.recv().ok()
    }
}

/// Why a peer is there no more, where that was this socket's doing.
pub(super) const GIVEN_UP: &str = "the socket let go of it";

/// The same where it was the peer's.
pub(super) const LEFT: &str = "the peer left";

/// Whom a socket tells.
///
/// Kept with what they are told of, behind the same lock: so every monitor hears everything in the
/// order in which it happened, and nobody who was told looks at a socket that does not know it yet.
#[derive(Default)]
pub(super) struct Feeds {
    feeds: Vec<Arc<Feed>>,
    interrupted: bool,
    ended: bool,
}

impl Feeds {
    fn open(&mut self, wakes: &mut Wakes) -> Arc<Feed> {
        self.forget_forsaken(wakes);
        let feed = Feed::new(self.interrupted, self.ended);
        if !self.ended {
            self.feeds.push(feed.clone());
        }
        feed
    }

    fn tell(&mut self, event: &MonitorEvent, wakes: &mut Wakes) {
        let mut forsaken = false;
        for feed in &self.feeds {
            forsaken |= !feed.tell(event, wakes);
        }
        if forsaken {
            self.forget_forsaken(wakes);
        }
    }

    fn forget_forsaken(&mut self, wakes: &mut Wakes) {
        for forsaken in self.feeds.extract_if(.., |feed| feed.is_forsaken()) {
            wakes.drop_later(forsaken);
        }
    }
}

impl Core {
    pub(super) fn monitor(&self) -> Monitor {
        let open = |control: &mut Control, wakes: &mut Wakes| {
            self.monitored.store(true, Ordering::Relaxed);
            control.feeds.open(wakes)
        };
        Monitor::new(self.control.update(open))
    }

    pub(super) fn endpoints(&self) -> Vec<EndpointStatus> {
        self.control.peek(|control| {
            let all = control.endpoints.iter().map(|entry| entry.status.clone());
            all.collect()
        })
    }

    /// Something has happened: see [`Control::tell`].
    pub(super) fn tell(&self, event: &MonitorEvent, at: Option<Key>) {
        self.control
            .update(|control, wakes| control.tell(event, at, wakes));
    }

    /// An endpoint that is connected to is given up: if it `stays`, to be seen, with nothing behind it.
    /// Whether it does: it may be let go of already.
    pub(super) fn retire(&self, event: &MonitorEvent, which: Key, stays: bool) -> bool {
        let gone = self.control.update(|control, wakes| {
            control.tell(event, Some(which), wakes);
            if stays {
                control.endpoints.give_up(which)
            } else {
                control.endpoints.remove(which).map(|entry| entry.way)
            }
        });
        // What is in a pipe is freed outside the lock.
        gone.is_some() && stays
    }

    /// Nobody who reads a monitor waits any more; what still happens can be read all the same.
    pub(super) fn interrupt_monitors(&self) {
        let feeds = self.control.update(|control, _| {
            control.feeds.interrupted = true;
            control.feeds.feeds.clone()
        });
        for feed in feeds {
            feed.interrupt();
        }
    }

    /// Nothing more will happen.
    pub(super) fn end_monitors(&self) {
        let feeds = self.control.update(|control, _| {
            control.feeds.ended = true;
            std::mem::take(&mut control.feeds.feeds)
        });
        for feed in feeds {
            feed.end();
        }
    }
}

impl Control {
    /// Something has happened, at this endpoint if it is among ours, or else at what is bound to the
    /// one that the event names.
    pub(super) fn tell(&mut self, event: &MonitorEvent, at: Option<Key>, wakes: &mut Wakes) {
        let mut is_again = false;
        if let Some(entry) = self.endpoints.find(at, event.endpoint()) {
            entry.status.on_event(event);
            if let MonitorEvent::HandshakeSucceeded { .. } = event {
                is_again = !entry.way.is_bound() && entry.was_joined;
                entry.was_joined = true;
            }
        }
        self.connections.on_event(event, is_again);
        self.feeds.tell(event, wakes);
    }

    /// A peer is there over inproc.
    pub(super) fn tell_joined(&mut self, pipe: PipeId, wakes: &mut Wakes) {
        if let Some(peer) = self.peers.get(&pipe).cloned()
            && let Ok(endpoint) = peer.address().parse()
        {
            let event = MonitorEvent::HandshakeSucceeded { endpoint, peer };
            self.tell(&event, Some(Key::Pipe(pipe)), wakes);
        }
    }

    /// Forgets who is at the other end of a pipe.
    pub(super) fn forget_peer(&mut self, pipe: PipeId) -> Option<PeerInfo> {
        self.evicted.remove(&pipe);
        self.full.remove(&pipe);
        self.peers.remove(&pipe)
    }

    /// Forgets who is at the other end of an inproc pipe.
    pub(super) fn tell_left(&mut self, pipe: PipeId, reason: &str, wakes: &mut Wakes) {
        if let Some(peer) = self.forget_peer(pipe)
            && self.inproc.contains_key(&pipe)
            && let Ok(endpoint) = peer.address().parse()
        {
            self.leaving.insert(pipe, peer.clone());
            let reason = reason.to_owned();
            let event = MonitorEvent::Disconnected {
                endpoint,
                peer,
                reason,
            };
            self.tell(&event, Some(Key::Pipe(pipe)), wakes);
            if let Some(entry) = self.endpoints.get_mut(Key::Pipe(pipe)) {
                entry.status.state = EndpointState::Ended;
            }
        }
    }

    /// The same, and of the way there; gives both, if there was one.
    pub(super) fn part(
        &mut self,
        pipe: PipeId,
        reason: &str,
        wakes: &mut Wakes,
    ) -> Option<(InprocPeer, Option<PeerInfo>)> {
        self.tell_left(pipe, reason, wakes);
        let peer = self.leaving.remove(&pipe);
        Some((self.inproc.remove(&pipe)?, peer))
    }
}
