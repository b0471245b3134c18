//! A proxy: two sockets, joined.
//!
//! `steering` is how its thread is told what to do, `relay` moves the messages.

#[cfg(all(test, loom))]
mod loom;
mod relay;
mod steering;

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::{fmt, io};

use self::relay::Relay;
use self::steering::Steering;
use crate::error::{BuildError, Error};
use crate::socket::Socket;
use crate::socket_type::SocketType;

/// Joins two sockets: what one receives, the other sends, both ways.
///
/// The classic pairs are ROUTER and DEALER (many clients, many workers), XSUB and XPUB (many
/// publishers, many subscribers; subscriptions go upstream by themselves), and PULL and PUSH. Any
/// other two that can pass something on will do. A socket that does not receive (PUSH, PUB) or does
/// not send (PULL, SUB) leaves one way only. One socket given twice gets back what it receives.
/// Messages are raw, as [`Socket`] speaks them, and pass whole.
///
/// # Back-pressure
///
/// No message is taken from one side while the other has no room for it, so the high-water marks
/// work through a proxy, and it holds nothing. There are exceptions, and they hold one message for
/// each way: where there is room is not known before the message is (a ROUTER that is
/// [`mandatory`](crate::Builder::mandatory), a publisher that drops nothing,
/// [`nodrop`](crate::Builder::nodrop)), or somebody else used the room in the same moment. It waits
/// in hand, and that way stands still until there is room. Messages never overtake each other.
///
/// What a mandatory ROUTER has no peer for is dropped and counted ([`SideStatistics::dropped`]), as
/// is the message in hand if the proxy ends and there is no room for it within the
/// [`linger`](crate::Builder::linger) of the socket that it is for.
///
/// The sockets may be used by others, too, as far as their patterns allow. What the proxy owns alone
/// is closed when it ends.
///
/// ```
/// use std::thread;
/// use zocket::{Dealer, Proxy, Rep, Req, Router};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (clients, workers) = (Router::new(), Dealer::new());
/// let front = clients.bind("tcp://127.0.0.1:*")?;
/// let back = workers.bind("tcp://127.0.0.1:*")?;
/// let proxy = Proxy::new(clients, workers).spawn()?;
///
/// let worker = Rep::new();
/// worker.connect(&back)?;
/// thread::spawn(move || {
///     for request in &worker {
///         let _ = request.reply("done");
///     }
/// });
///
/// let client = Req::new();
/// client.connect(&front)?;
/// assert_eq!(client.request("work")?, "done");
///
/// let counted = proxy.stop()?;
/// assert_eq!((counted.frontend.received, counted.frontend.sent), (1, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing happens before it is run"]
pub struct Proxy {
    frontend: Arc<Socket>,
    backend: Arc<Socket>,
    tap: Option<Arc<Socket>>,
}

impl Proxy {
    /// A proxy between two sockets, which may be typed ([`Router`](crate::Router), …), [`Socket`]s,
    /// or shared (`Arc<Socket>`); twice the same is allowed.
    ///
    /// Nothing is moved before it is [`run`](Self::run) or [`spawn`](Self::spawn)ed.
    pub fn new(frontend: impl Into<Arc<Socket>>, backend: impl Into<Arc<Socket>>) -> Self {
        Self {
            frontend: frontend.into(),
            backend: backend.into(),
            tap: None,
        }
    }

    /// Has a third socket (PUB, PUSH, DEALER or PAIR) send a copy of every message, of both ways,
    /// in the order in which they are taken.
    ///
    /// It never holds up the traffic: where it has no room, or is closed, it misses copies, which
    /// is counted ([`ProxyStatistics::capture_dropped`]).
    ///
    /// ```
    /// use zocket::{Pair, Proxy, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (source, sink) = (Push::new(), Pull::new());
    /// let (inbound, outbound) = (Pull::new(), Push::new());
    /// let (tap, observer) = (Pair::new(), Pair::new());
    /// inbound.bind("inproc://capture-in")?;
    /// source.connect("inproc://capture-in")?;
    /// outbound.bind("inproc://capture-out")?;
    /// sink.connect("inproc://capture-out")?;
    /// tap.bind("inproc://capture-tap")?;
    /// observer.connect("inproc://capture-tap")?;
    ///
    /// let _proxy = Proxy::new(inbound, outbound).capture(tap).spawn()?;
    /// source.send("hello")?;
    /// assert_eq!(sink.recv()?, "hello");
    /// assert_eq!(observer.recv()?, "hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn capture(mut self, tap: impl Into<Arc<Socket>>) -> Self {
        self.tap = Some(tap.into());
        self
    }

    /// Moves messages in the calling thread, until one of the two sockets is closed or its context
    /// shut down.
    ///
    /// That end is `Ok`. Blocks until then, so it is refused (`WrongState`) on an I/O thread, in a
    /// waker say.
    ///
    /// ```
    /// use std::thread;
    /// use zocket::{Context, Dealer, Proxy, Router};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let context = Context::new();
    /// let clients = Router::builder().context(&context).build()?;
    /// let workers = Dealer::builder().context(&context).build()?;
    /// let proxy = thread::spawn(|| Proxy::new(clients, workers).run());
    ///
    /// // … and when everything has been done:
    /// context.shutdown();
    /// assert!(proxy.join().is_ok_and(|ended| ended.is_ok()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Build`]: nothing could ever pass between the two (PUB and PUSH, REP and PULL, …),
    /// or the third is no type that can capture.
    pub fn run(self) -> Result<(), Error> {
        self.check()?;
        if crate::io::on_io_thread() {
            return Err(Error::WrongState);
        }
        self.relay(&Steering::new());
        Ok(())
    }

    /// Moves messages in a thread of its own, named `zocket-proxy`, until it is told to stop or ends
    /// as [`run`](Self::run) does.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where [`run`](Self::run) would refuse the sockets; or the thread could not be
    /// started.
    pub fn spawn(self) -> io::Result<ProxyHandle> {
        self.check()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let steering = Arc::new(Steering::new());
        let thread = thread::Builder::new().name("zocket-proxy".to_owned());
        let thread = thread.spawn({
            let steering = steering.clone();
            move || self.relay(&steering)
        })?;
        Ok(ProxyHandle {
            steering,
            thread: Some(thread),
        })
    }

    fn relay(&self, steering: &Steering) {
        Relay::new(&self.frontend, &self.backend, self.tap.as_deref()).run(steering);
    }

    /// Whether anything can pass between the sockets.
    fn check(&self) -> Result<(), BuildError> {
        let (a, b) = (self.frontend.socket_type(), self.backend.socket_type());
        let refuse = |why: String| Err(BuildError::Invalid(vec![why]));
        let passes = |from: SocketType, to: SocketType| from.receives() && to.sends();
        if Arc::ptr_eq(&self.frontend, &self.backend) {
            if !passes(a, a) || a == SocketType::Req {
                return refuse(format!("proxy: one {a} alone has nothing to send back"));
            }
        } else if !passes(a, b) && !passes(b, a) {
            return refuse(format!("proxy: nothing can pass between {a} and {b}"));
        } else if (takes_turns(a) || takes_turns(b)) && !(passes(a, b) && passes(b, a)) {
            return refuse(format!(
                "proxy: between {a} and {b} there is no way for the replies"
            ));
        } else if takes_turns(a) && a == b {
            return refuse(format!(
                "proxy: two {a} sockets would wait for each other for ever"
            ));
        }
        match self.tap.as_ref().map(|tap| tap.socket_type()) {
            None
            | Some(SocketType::Pub | SocketType::Push | SocketType::Dealer | SocketType::Pair) => {
                Ok(())
            }
            Some(other) => refuse(format!("capture: {other} cannot")),
        }
    }
}

/// Whether sending and receiving alternate.
fn takes_turns(socket_type: SocketType) -> bool {
    matches!(socket_type, SocketType::Req | SocketType::Rep)
}

/// Steers a [`Proxy`] that runs in a thread of its own; made by [`Proxy::spawn`].
///
/// Its calls may come from any thread. Each takes effect before it returns, for which it waits, at
/// most, until the message that is being passed on in this moment is through. Dropping it stops the
/// proxy, as [`stop`](Self::stop) does.
///
/// ```
/// use zocket::{Proxy, Pull, Push};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (source, sink) = (Push::new(), Pull::new());
/// let (inbound, outbound) = (Pull::new(), Push::new());
/// inbound.bind("inproc://steered-in")?;
/// source.connect("inproc://steered-in")?;
/// outbound.bind("inproc://steered-out")?;
/// sink.connect("inproc://steered-out")?;
///
/// let proxy = Proxy::new(inbound, outbound).spawn()?;
/// proxy.pause();
/// source.send("held up")?;
/// assert_eq!(proxy.statistics().frontend.received, 0);
/// proxy.resume();
/// assert_eq!(sink.recv()?, "held up");
/// assert_eq!(proxy.stop()?.backend.sent, 1);
/// # Ok(())
/// # }
/// ```
pub struct ProxyHandle {
    steering: Arc<Steering>,
    thread: Option<JoinHandle<()>>,
}

impl ProxyHandle {
    /// Takes no further message from either socket until [`resume`](Self::resume).
    ///
    /// When it returns, that is so. A message in hand (see [`Proxy`]) is still passed on when there
    /// is room for it. A paused proxy still ends with its sockets.
    pub fn pause(&self) {
        self.steering.pause();
    }

    /// Goes on after a [`pause`](Self::pause); nothing if there was none.
    pub fn resume(&self) {
        self.steering.resume();
    }

    /// What was counted until now: exact, as between two messages.
    pub fn statistics(&self) -> ProxyStatistics {
        self.steering.statistics()
    }

    /// Whether the proxy has ended by itself: a socket was closed, or its context shut down.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the proxy and waits for its thread; what was counted in all.
    ///
    /// It takes no further message at once. If it has one in hand (see [`Proxy`]) it waits for room
    /// for that, for as long as the socket that it is for lingers. Sockets that nobody else has are
    /// closed, which flushes what they were given for at most their
    /// [`linger`](crate::Builder::linger). On an I/O thread, in a waker say, and on the proxy's own
    /// all this happens, but is not waited for.
    ///
    /// Stopping a proxy that has ended already gives what it had counted.
    ///
    /// # Errors
    ///
    /// There are none so far: that a socket or its context has ended is not one.
    ///
    /// # Panics
    ///
    /// If a foreign waker that the proxy's thread fired has panicked.
    pub fn stop(mut self) -> Result<ProxyStatistics, Error> {
        let statistics = self.steering.stop();
        match self.join() {
            None => Ok(statistics),
            Some(Ok(())) => Ok(self.steering.statistics()),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }

    /// Waits for the thread, if that cannot be waiting for this one.
    fn join(&mut self) -> Option<thread::Result<()>> {
        let thread = self.thread.take()?;
        let waits = !crate::io::on_io_thread() && !self.steering.is_engine();
        waits.then(|| thread.join())
    }
}

impl Drop for ProxyHandle {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.steering.stop();
            if let Some(Err(_)) = self.join() {
                log::error!("a proxy's thread has panicked");
            }
        }
    }
}

impl fmt::Debug for ProxyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyHandle")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// What a proxy has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyStatistics {
    /// At the first of the two sockets; at the one, if it is the same.
    pub frontend: SideStatistics,
    /// At the second.
    pub backend: SideStatistics,
    /// Copies that the capturing socket missed: it had no room, or was closed.
    pub capture_dropped: u64,
}

/// What a proxy has counted at one of its sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SideStatistics {
    /// Messages taken from it.
    pub received: u64,
    /// Bytes of their frames, a ROUTER's routing ids included.
    pub received_bytes: u64,
    /// Messages that it accepted for sending.
    pub sent: u64,
    /// Bytes of their frames, a ROUTER's routing ids included.
    pub sent_bytes: u64,
    /// Messages for it that it could not be given: nobody had the routing id, or there was no room
    /// in time when the proxy ended.
    pub dropped: u64,
}
