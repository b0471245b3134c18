//! Monitors: what happens to a socket, told as it happens.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::core::{Control, Core, Entry, Way};
use crate::endpoint_status::{EndpointState, EndpointStatus};
use crate::error::{RecvError, TryRecvError};
use crate::io::on_io_thread;
use crate::monitor::MonitorEvent;
use crate::peer_info::PeerInfo;
use crate::pipe::PipeId;
use crate::sync::Mutex;
use crate::waiting::{Half, Patience, Ready, Ticket};

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
}

/// The events on their way from a socket to one monitor.
struct Feed(Half<Queue>);

#[derive(Default)]
struct Queue {
    events: VecDeque<MonitorEvent>,
    lost: u64,
    /// The socket is closed.
    ended: bool,
    /// The monitor is gone.
    forsaken: bool,
}

impl Ready for Queue {
    fn ready(&self) -> bool {
        self.ended || !self.events.is_empty()
    }
}

impl Queue {
    fn take(&mut self) -> Option<Result<MonitorEvent, RecvError>> {
        match self.events.pop_front() {
            Some(event) => Some(Ok(event)),
            None => self.ended.then_some(Err(RecvError::Closed)),
        }
    }
}

impl Feed {
    fn new() -> Arc<Self> {
        Arc::new(Self(Half::new(Queue::default())))
    }

    /// Tells; `false` if nobody listens any more.
    fn tell(&self, event: &MonitorEvent) -> bool {
        let event = event.clone();
        self.0.update(|queue, wakes| {
            if queue.forsaken || queue.events.len() == EVENTS_MAX {
                queue.lost += 1;
                wakes.drop_later(event);
            } else {
                queue.events.push_back(event);
            }
            !queue.forsaken
        })
    }

    fn is_forsaken(&self) -> bool {
        self.0.peek(|queue| queue.forsaken)
    }

    /// Nothing more will be told.
    fn end(&self) {
        self.0.update_for_all(|queue, _| queue.ended = true);
    }
}

impl Monitor {
    fn new(feed: Arc<Feed>) -> Self {
        Self { feed }
    }

    /// Takes the next event, waiting for one if there is none: for ever; on an I/O thread not at all.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`]: the socket is closed, and every event has been taken.
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
        Next {
            feed: &self.feed,
            ticket: None,
        }
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
            if on_io_thread() {
                Patience::None
            } else {
                Patience::from_option(timeout)
            }
        };
        let taken = self.feed.0.wait(patience, |queue, _| queue.take());
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

struct Next<'a> {
    feed: &'a Feed,
    ticket: Option<Ticket>,
}

impl Future for Next<'_> {
    type Output = Result<MonitorEvent, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.feed
            .0
            .poll(cx, &mut this.ticket, |queue, _| queue.take())
    }
}

impl Drop for Next<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.feed.0.cancel(&ticket);
        }
    }
}

/// Why a peer is there no more, where that was this socket's doing.
pub(super) const GIVEN_UP: &str = "the socket let go of it";

/// Whom a socket tells.
#[derive(Default)]
pub(super) struct Feeds(Mutex<Told>);

#[derive(Default)]
struct Told {
    feeds: Vec<Arc<Feed>>,
    ended: bool,
}

impl Feeds {
    fn open(&self) -> Arc<Feed> {
        let feed = Feed::new();
        let mut told = self.0.lock();
        if told.ended {
            feed.end();
        } else {
            told.feeds.push(feed.clone());
        }
        feed
    }

    fn tell(&self, event: &MonitorEvent) {
        // Those who read are woken with no lock held.
        let feeds = self.0.lock().feeds.clone();
        let mut forsaken = false;
        for feed in &feeds {
            forsaken |= !feed.tell(event);
        }
        if forsaken {
            self.0.lock().feeds.retain(|feed| !feed.is_forsaken());
        }
    }

    /// Nothing more will happen.
    pub(super) fn end(&self) {
        let feeds = {
            let mut told = self.0.lock();
            told.ended = true;
            std::mem::take(&mut told.feeds)
        };
        for feed in feeds {
            feed.end();
        }
    }
}

impl Core {
    pub(super) fn monitor(&self) -> Monitor {
        Monitor::new(self.feeds.open())
    }

    pub(super) fn endpoints(&self) -> Vec<EndpointStatus> {
        self.control.peek(|control| {
            let all = control.endpoints.iter().map(|entry| entry.status.clone());
            all.collect()
        })
    }

    /// Something has happened, at one of the endpoints if `is_it` finds it.
    pub(super) fn tell(&self, event: &MonitorEvent, is_it: impl Fn(&Way) -> bool) {
        self.control.update(|control, _| {
            if let Some(entry) = control.find(is_it) {
                entry.status.on_event(event);
            }
        });
        self.feeds.tell(event);
    }

    /// A peer is there over inproc.
    pub(super) fn tell_joined(&self, pipe: PipeId, peer: &PeerInfo) {
        if let Ok(endpoint) = peer.address().parse() {
            let peer = peer.clone();
            let event = MonitorEvent::HandshakeSucceeded { endpoint, peer };
            self.tell(&event, |way| way.is_inproc_pipe(pipe));
        }
    }

    /// A peer is there no more over inproc, if it was.
    pub(super) fn tell_left(&self, pipe: PipeId, peer: Option<PeerInfo>, reason: &str) {
        if let Some(peer) = peer
            && let Ok(endpoint) = peer.address().parse()
        {
            let event = MonitorEvent::Disconnected {
                endpoint,
                peer,
                reason: reason.to_owned(),
            };
            self.tell(&event, |way| way.is_inproc_pipe(pipe));
            self.control.update(|control, _| {
                if let Some(entry) = control.find(|way| way.is_inproc_pipe(pipe)) {
                    entry.status.state = EndpointState::Ended;
                }
            });
        }
    }
}

impl Control {
    fn find(&mut self, is_it: impl Fn(&Way) -> bool) -> Option<&mut Entry> {
        self.endpoints.iter_mut().find(|entry| is_it(&entry.way))
    }
}
