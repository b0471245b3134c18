//! Waiting on many sockets and plain descriptors at once.
//!
//! ```text
//!   a half of a socket ─ level rises ─►┐                    ┌─ wait ──── a thread
//!   a half of a socket ─ level rises ─►├─► queue of entries ┤
//!   descriptors' thread ─ an event ───►┘  (list)            └─ wait_async ─ a task
//! ```
//!
//! * `list`: the entries, and the queue of those that may be ready; a wait looks at these only.
//! * `descriptors`: a thread that waits for what the system tells of plain descriptors.
//! * `interest`: what is waited for, and what was found.
//!
//! A socket tells of the rise of a level once (see [`Watch`]); the entry stays in the queue
//! until a look finds nothing, which arms it again, under the lock of the half that it looks at. The
//! order of locks is poller before socket: a socket tells with no lock held.

#[cfg(unix)]
mod descriptors;
mod interest;
mod list;
#[cfg(all(test, loom))]
mod loom;

use std::fmt;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use self::interest::Readiness;
pub use self::interest::{Event, Interest};
use self::list::{List, Look, Name, Source};
use crate::error::PollError;
use crate::home::Home;
use crate::signal::{Wakes, Watch, Watcher};
use crate::socket::{Core, Pollable};
#[cfg(unix)]
use crate::sync::Mutex;
use crate::waiting::{Half, Patience, Watchable};

/// Waits on many sockets, and plain descriptors, at once.
///
/// Level-triggered: a socket is told at every wait for as long as there is something. Every method
/// may be called from any thread at any time, also while others wait: what is added or changed then
/// counts at once. A wait costs the same however many sockets are idle.
///
/// A socket that is dropped is removed by itself; one that is closed is told as
/// [closed](Event::is_closed) until it is removed or dropped. A socket may be in several pollers.
///
/// ```
/// use std::time::Duration;
/// use zocket::{Interest, Poller, Pull, Push};
///
/// # fn main() -> Result<(), zocket::Error> {
/// let [news, work] = [Pull::new(), Pull::new()];
/// news.bind("inproc://poller-news")?;
/// work.bind("inproc://poller-work")?;
/// let poller = Poller::new();
/// poller.add(&news, 1, Interest::READABLE)?;
/// poller.add(&work, 2, Interest::READABLE)?;
///
/// let push = Push::new();
/// push.connect("inproc://poller-work")?;
/// push.send("job")?;
///
/// let mut events = Vec::new();
/// poller.wait(&mut events, Duration::from_secs(10))?;
/// for event in &events {
///     match event.key() {
///         1 => println!("news: {:?}", news.recv()?),
///         _ => assert_eq!(work.recv()?, "job"),
///     }
/// }
/// # assert_eq!(events.len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct Poller {
    shared: Arc<Shared>,
    home: Home,
}

struct Shared {
    list: Half<List>,
    /// Started with the first descriptor.
    #[cfg(unix)]
    descriptors: Mutex<Option<Arc<descriptors::Descriptors>>>,
}

impl Watcher for Shared {
    fn on_change(&self, id: u64) {
        self.list.update(|list, _| list.enqueue(id));
    }

    fn on_gone(&self, id: u64) {
        drop(self.list.update(|list, _| list.remove(id)));
    }
}

/// A socket, which a poller must not keep alive.
struct Socket(Weak<Core>);

impl Source for Socket {
    fn watch(&self, interest: Interest, watch: Watch, wakes: &mut Wakes) -> io::Result<bool> {
        let Some(core) = self.0.upgrade() else {
            return Ok(true);
        };
        let readable = interest.is_readable() && core.readable().watch(watch.clone(), false, wakes);
        let writable = interest.is_writable() && core.writable().watch(watch.clone(), false, wakes);
        if interest == Interest::NONE {
            core.readable().watch_end(watch);
        }
        let_go(core, wakes);
        Ok(readable || writable)
    }

    fn unwatch(&self, id: u64, wakes: &mut Wakes) {
        if let Some(core) = self.0.upgrade() {
            core.readable().unwatch(id);
            core.writable().unwatch(id);
            let_go(core, wakes);
        }
    }

    fn look(&self, interest: Interest, id: u64, wakes: &mut Wakes) -> Look {
        let Some(core) = self.0.upgrade() else {
            return Look::Gone;
        };
        let level = |wanted: bool, half: &dyn Watchable, wakes: &mut Wakes| {
            if wanted {
                half.look(id, wakes)
            } else {
                Some(false)
            }
        };
        let readable = level(interest.is_readable(), core.readable(), wakes);
        let writable = level(interest.is_writable(), core.writable(), wakes);
        let look = match (readable, writable) {
            (Some(false), Some(false)) => Look::Nothing,
            (Some(true), _) | (_, Some(true)) => Look::Ready(Readiness {
                readable: readable == Some(true),
                writable: writable == Some(true),
                closed: core.has_ended(),
            }),
            _ => Look::Unclear,
        };
        let_go(core, wakes);
        look
    }
}

/// If the socket was dropped meanwhile, what is left of it must not end under the poller's lock: its
/// context may be the last, and wait for its threads.
fn let_go(core: Arc<Core>, wakes: &mut Wakes) {
    if let Some(last) = Arc::into_inner(core) {
        wakes.drop_later(last);
    }
}

impl Poller {
    /// A poller with nothing in it. Cannot fail, and starts nothing.
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                list: Half::new(List::default()),
                #[cfg(unix)]
                descriptors: Mutex::new(None),
            }),
            home: Home::here(),
        }
    }

    /// Waits for this at a socket from now on; its events carry `key`.
    ///
    /// *Readable* means that the next receive gives something (a message that passes the filter of a
    /// SUB, the reply to a REQ, a subscription at an XPUB), *writable* that the next send need not
    /// wait. A REQ is readable when its reply is there and writable while it may send; a REP in raw
    /// form is not readable while it owes a reply. Types that have no room in common (PUB, XPUB, XSUB,
    /// ROUTER, REP) are always writable: they do not wait, or only for whom the message is for (a
    /// ROUTER that is [`mandatory`](crate::Builder::mandatory), a publisher with
    /// [`nodrop`](crate::Builder::nodrop)), which nobody knows before there is one.
    ///
    /// # Errors
    ///
    /// [`PollError`]: the socket is in this poller already, or its type does not do this.
    pub fn add(
        &self,
        socket: &impl Pollable,
        key: usize,
        interest: Interest,
    ) -> Result<(), PollError> {
        let core = socket.core_of().0;
        check(core, interest)?;
        let source = Box::new(Socket(Arc::downgrade(core)));
        self.insert(Name::Socket(core.id()), source, key, interest)
    }

    /// Waits for this at a plain file descriptor from now on; its events carry `key`.
    ///
    /// The poller keeps a duplicate until the descriptor is removed: closing the original does not
    /// close the file before that, so remove it first. From the first descriptor on the poller has a
    /// thread of its own. (Unix only.)
    ///
    /// # Errors
    ///
    /// [`PollError`]: the descriptor is in this poller already, or the system cannot wait for it.
    #[cfg(unix)]
    pub fn add_fd(
        &self,
        fd: impl std::os::fd::AsFd,
        key: usize,
        interest: Interest,
    ) -> Result<(), PollError> {
        let name = descriptor_name(&fd);
        let descriptor = descriptors::Descriptor {
            fd: fd.as_fd().try_clone_to_owned()?,
            home: self.descriptors()?,
        };
        self.insert(name, Box::new(descriptor), key, interest)
    }

    /// Waits for something else at a socket from now on; its key stays.
    ///
    /// # Errors
    ///
    /// [`PollError`]: the socket is not in this poller, or its type does not do this.
    pub fn modify(&self, socket: &impl Pollable, interest: Interest) -> Result<(), PollError> {
        let core = socket.core_of().0;
        check(core, interest)?;
        self.change(Name::Socket(core.id()), interest)
    }

    /// Waits for something else at a descriptor from now on; its key stays. (Unix only.)
    ///
    /// # Errors
    ///
    /// [`PollError`]: the descriptor is not in this poller, or the system cannot wait for it, in which
    /// case it is silent until it is modified again.
    #[cfg(unix)]
    pub fn modify_fd(
        &self,
        fd: impl std::os::fd::AsFd,
        interest: Interest,
    ) -> Result<(), PollError> {
        self.change(descriptor_name(&fd), interest)
    }

    /// Waits for a socket no more. A wait that begins after this returned does not tell of it.
    ///
    /// # Errors
    ///
    /// [`PollError::Unknown`]: it is not in this poller.
    pub fn remove(&self, socket: &impl Pollable) -> Result<(), PollError> {
        self.take_out(Name::Socket(socket.core_of().0.id()))
    }

    /// Waits for a descriptor no more. (Unix only.)
    ///
    /// # Errors
    ///
    /// [`PollError::Unknown`]: it is not in this poller.
    #[cfg(unix)]
    pub fn remove_fd(&self, fd: impl std::os::fd::AsFd) -> Result<(), PollError> {
        self.take_out(descriptor_name(&fd))
    }

    /// How many sockets and descriptors are waited for.
    pub fn len(&self) -> usize {
        self.shared.list.peek(List::len)
    }

    /// Whether nothing is waited for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Has one wait that is under way, or else the next, return at once, with what is ready, if
    /// anything. Several before a wait has returned are as good as one.
    pub fn notify(&self) {
        self.shared.list.update(|list, _| list.notify());
    }

    /// Waits until something is ready, and puts what is into `events`, which is emptied before.
    /// Gives how many there are.
    ///
    /// Waits for `timeout`, or for ever if that is `None` (then something must be added, or
    /// [`notify`](Self::notify) be called, from another thread, if nothing in it becomes ready); on an
    /// I/O thread (in a waker, say) not at all. 0 are given when the time ran out, or after a
    /// `notify`. At most 1,024 are told at once; what is ready beyond that comes first the next time.
    ///
    /// Where several threads wait on one poller, one is woken for each thing that becomes ready, and
    /// others as long as it is.
    ///
    /// # Errors
    ///
    /// [`PollError::Forked`] in a child of the process that made the poller.
    pub fn wait(
        &self,
        events: &mut Vec<Event>,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<usize, PollError> {
        events.clear();
        let mut forked = false;
        let patience = || {
            forked = self.home.is_elsewhere();
            if forked {
                return Patience::None;
            }
            crate::io::patience(timeout.into())
        };
        let found = (self.shared.list).wait(patience, |list, wakes| list.take(events, wakes));
        match found {
            Ok(found) => Ok(found),
            Err(_) if forked => Err(PollError::Forked),
            Err(_) => Ok(0),
        }
    }

    /// As [`wait`](Self::wait), for tasks; without a timeout: use the executor's own.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost with a future that is dropped: what is ready is told to the next who waits.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn wait_async<'a>(
        &'a self,
        events: &'a mut Vec<Event>,
    ) -> impl Future<Output = Result<usize, PollError>> + Send + 'a {
        events.clear();
        let found = (self.shared.list).wait_async(|list, wakes| list.take(events, wakes));
        async { Ok(found.await) }
    }

    fn watch(&self, id: u64) -> Watch {
        Watch {
            watcher: self.shared.clone(),
            id,
        }
    }

    fn insert(
        &self,
        name: Name,
        source: Box<dyn Source>,
        key: usize,
        interest: Interest,
    ) -> Result<(), PollError> {
        let watch = self.watch(crate::command::unique_number());
        self.shared.list.update(|list, wakes| {
            if list.id_of(name).is_some() {
                wakes.drop_later(source);
                return Err(PollError::Known);
            }
            Ok(list.add(name, source, key, interest, watch, wakes)?)
        })
    }

    fn change(&self, name: Name, interest: Interest) -> Result<(), PollError> {
        self.shared.list.update(|list, wakes| {
            let id = list.id_of(name).ok_or(PollError::Unknown)?;
            Ok(list.modify(self.watch(id), interest, wakes)?)
        })
    }

    fn take_out(&self, name: Name) -> Result<(), PollError> {
        let removed = self.shared.list.update(|list, _| {
            let id = list.id_of(name)?;
            list.remove(id).map(|entry| (id, entry))
        });
        let (id, entry) = removed.ok_or(PollError::Unknown)?;
        let mut wakes = Wakes::new();
        entry.unwatch(id, &mut wakes);
        wakes.fire();
        Ok(())
    }

    #[cfg(unix)]
    fn descriptors(&self) -> io::Result<Arc<descriptors::Descriptors>> {
        let mut home = self.shared.descriptors.lock();
        if let Some(home) = &*home {
            return Ok(home.clone());
        }
        let started = descriptors::Descriptors::start(Arc::downgrade(&self.shared))?;
        Ok(home.insert(Arc::new(started)).clone())
    }
}

fn check(core: &Core, interest: Interest) -> Result<(), PollError> {
    let socket_type = core.type_of();
    if interest.is_readable() && !socket_type.receives() {
        return Err(PollError::NeverReadable(socket_type));
    }
    if interest.is_writable() && !socket_type.sends() {
        return Err(PollError::NeverWritable(socket_type));
    }
    Ok(())
}

#[cfg(unix)]
fn descriptor_name(fd: &impl std::os::fd::AsFd) -> Name {
    use std::os::fd::AsRawFd;
    Name::Descriptor(fd.as_fd().as_raw_fd())
}

impl Drop for Poller {
    fn drop(&mut self) {
        // What is watched keeps the list alive.
        let mut wakes = Wakes::new();
        for (id, entry) in self.shared.list.update(|list, _| list.take_all()) {
            entry.unwatch(id, &mut wakes);
        }
        wakes.fire();
    }
}

impl Default for Poller {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Poller({} entries)", self.len())
    }
}
