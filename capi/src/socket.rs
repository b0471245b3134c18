//! Sockets: how they begin and end, and where they are bound and connected.

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int};
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Waker};
use std::time::Duration;

use zocket::{BindError, EndpointState, Frame, RoutingId, Socket, SocketType};

use crate::aside::Aside;
use crate::border::{Handle, answer};
use crate::context::{self, Home};
use crate::errno::{EINVAL, EMFILE, ENOTSOCK, ENOTSUP, ETERM, Errno};
use crate::events::Signal;
use crate::handles::{Table, Visit, lock};
use crate::memory;
use crate::monitor::Watcher;
use crate::options::Shadow;
use crate::receive::Part;
use crate::security::Credentials;
use crate::waiting::{Patience, wait_for};

static SOCKETS: Table<Entry> = Table::new(2);

/// How long a close waits at most until an address is free.
const UNBIND_MAX: Duration = Duration::from_secs(1);

/// A socket, and what a program that sends and receives in parts has under way.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) socket: Arc<Socket>,
    pub(crate) socket_type: SocketType,
    pub(crate) home: Arc<Home>,
    /// The parts of a message that is not yet whole.
    pub(crate) sending: Aside<Frame>,
    /// The parts of a message that are not yet given out.
    pub(crate) receiving: Aside<Part>,
    /// Whether more parts follow the one that was received last.
    pub(crate) more: AtomicBool,
    /// Of a REQ: it has asked and not yet been answered. Of a REP: it has been asked, and not yet
    /// answered.
    pub(crate) owing: AtomicBool,
    /// Of a REQ: whom it has asked is gone.
    pub(crate) forsaken: AtomicBool,
    pub(crate) signal: OnceLock<Signal>,
    pub(crate) shadow: Mutex<Shadow>,
    pub(crate) credentials: Mutex<Credentials>,
    pub(crate) watcher: Mutex<Option<Watcher>>,
    /// `ZMQ_USE_FD` and `ZMQ_CONNECT_ROUTING_ID`, for the next endpoint.
    pub(crate) use_fd: AtomicI32,
    pub(crate) next_id: Mutex<Option<RoutingId>>,
    closed: AtomicBool,
}

/// The socket that a thread has used last, in which it stays: most calls are for the same one as the call
/// before, and to come and go is a good part of what a short one costs. If it is closed by another thread
/// meanwhile, its memory (and no more) is there until this thread's next call, or its end.
#[derive(Debug)]
struct Last {
    visit: RefCell<Option<Visit<Entry>>>,
    /// How many calls use it just now: a call may call the program, and that us. As long as there are
    /// any, the visit goes on.
    calls: Cell<usize>,
}

thread_local! {
    static LAST: Last = const {
        Last {
            visit: RefCell::new(None),
            calls: Cell::new(0),
        }
    };
}

impl Last {
    /// Begins a call, if it is for this socket.
    #[inline]
    fn begin(&self, handle: Handle) -> Option<Found> {
        let visit = self.visit.borrow();
        let visit = visit.as_ref().filter(|visit| visit.is_to(handle))?;
        self.calls.set(self.calls.get() + 1);
        // SAFETY: the visit is not over before the number of calls is 0, and that counts what is returned,
        // which is not for another thread.
        let entry = unsafe { visit.thing() };
        let own = None;
        let here = PhantomData;
        Some(Found { entry, own, here })
    }

    /// Ends a call; what is returned is over, then.
    #[inline]
    fn end(&self) -> Option<Visit<Entry>> {
        let calls = self.calls.get() - 1;
        self.calls.set(calls);
        let is_over = |visit: &Visit<Entry>| !visit.is_welcome();
        if calls > 0 || !self.visit.borrow().as_ref().is_some_and(is_over) {
            return None;
        }
        self.visit.take()
    }

    /// Is nowhere any more, unless a call is under way.
    fn leave(&self) -> Option<Visit<Entry>> {
        if self.calls.get() > 0 {
            return None;
        }
        self.visit.take()
    }

    /// Begins a call with a visit that goes on from now on, unless another call is under way; what was
    /// there before is over, then.
    fn stay(&self, visit: &mut Option<Visit<Entry>>) -> Option<Visit<Entry>> {
        if self.calls.get() > 0 {
            return None;
        }
        self.calls.set(1);
        self.visit.replace(visit.take())
    }
}

/// A socket that a handle names, for the time of a call.
#[derive(Debug)]
pub(crate) struct Found {
    entry: &'static Arc<Entry>,
    /// The visit, if it is not the thread's last.
    own: Option<Visit<Entry>>,
    /// Not for another thread, where it would end a call that has not begun there.
    here: PhantomData<*const ()>,
}

impl Found {
    pub(crate) fn share(&self) -> Arc<Entry> {
        self.entry.clone()
    }
}

impl Deref for Found {
    type Target = Entry;

    #[inline]
    fn deref(&self) -> &Entry {
        self.entry
    }
}

impl Drop for Found {
    #[inline]
    fn drop(&mut self) {
        if self.own.is_none() {
            // As in `find_another`.
            drop(LAST.try_with(Last::end));
        }
    }
}

/// A socket that a handle names.
#[inline]
pub(crate) fn find(handle: Handle) -> Result<Found, Errno> {
    match LAST.try_with(|last| last.begin(handle)) {
        Ok(Some(found)) => Ok(found),
        _ => find_another(handle),
    }
}

fn find_another(handle: Handle) -> Result<Found, Errno> {
    // Whether there is something or not. Dropped with nothing borrowed: a socket may go with it.
    drop(LAST.try_with(Last::leave));
    let visit = SOCKETS.visit(handle).ok_or(ENOTSOCK)?;
    // SAFETY: the visit goes on as long as this call is counted, or is kept beside it.
    let entry = unsafe { visit.thing() };
    let mut own = Some(visit);
    // (A thread that ends stays nowhere.)
    drop(LAST.try_with(|last| last.stay(&mut own)));
    let here = PhantomData;
    Ok(Found { entry, own, here })
}

/// The same where a socket of a context that was shut down is no use.
pub(crate) fn find_alive(handle: Handle) -> Result<Found, Errno> {
    let entry = find(handle)?;
    entry.check()?;
    Ok(entry)
}

/// The type that a number of `zmq.h` stands for.
fn type_of(number: c_int) -> Option<SocketType> {
    Some(match number {
        0 => SocketType::Pair,
        1 => SocketType::Pub,
        2 => SocketType::Sub,
        3 => SocketType::Req,
        4 => SocketType::Rep,
        5 => SocketType::Dealer,
        6 => SocketType::Router,
        7 => SocketType::Pull,
        8 => SocketType::Push,
        9 => SocketType::XPub,
        10 => SocketType::XSub,
        _ => return None,
    })
}

/// The number that `zmq.h` has for a type.
pub(crate) fn number_of(socket_type: SocketType) -> c_int {
    (0..=10)
        .find(|number| type_of(*number) == Some(socket_type))
        .unwrap_or(-1)
}

impl Entry {
    fn open(home: Arc<Home>, socket_type: SocketType) -> Result<Self, Errno> {
        let (context, defaults) = home.enter()?;
        let mut builder = Socket::builder(socket_type)
            .context(&context)
            .with_libzmq_defaults()
            .ipv6(defaults.ipv6);
        // Those that subscribe have nothing to linger for.
        if !matches!(socket_type, SocketType::Sub | SocketType::XSub) {
            builder = builder.linger((!defaults.lingers).then_some(Duration::ZERO));
        }
        let built = builder.build();
        let socket = built.inspect_err(|_| home.leave())?;
        Ok(Self {
            socket: Arc::new(socket),
            socket_type,
            home,
            sending: Aside::default(),
            receiving: Aside::default(),
            more: AtomicBool::new(false),
            owing: AtomicBool::new(false),
            forsaken: AtomicBool::new(false),
            signal: OnceLock::new(),
            shadow: Mutex::default(),
            credentials: Mutex::default(),
            watcher: Mutex::default(),
            use_fd: AtomicI32::new(-1),
            next_id: Mutex::default(),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn check(&self) -> Result<(), Errno> {
        if self.home.has_ended() {
            return Err(ETERM);
        }
        Ok(())
    }

    /// The same for who has been inside for long: it may have been closed meanwhile.
    pub(crate) fn check_open(&self) -> Result<(), Errno> {
        if self.closed.load(Ordering::Acquire) {
            return Err(ENOTSOCK);
        }
        self.check()
    }

    /// Begins to close it: whoever is inside comes out, and what was sent lingers behind.
    fn close(&self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.free_addresses();
        {
            let closing = pin!(self.socket.close_async());
            // Once is enough to have it go on by itself, whatever becomes of who waits for it.
            let _ = closing.poll(&mut Context::from_waker(Waker::noop()));
        }
        // What waits for being given out, or to become whole, is of no use any more.
        let leftover = (
            // Its thread tells of the end, and ends then.
            lock(&self.watcher).take(),
            self.sending.take(),
            self.receiving.take(),
        );
        drop(leftover);
        self.home.leave();
    }

    /// Gives up what is bound, before this returns: programs bind the same again at once.
    fn free_addresses(&self) {
        if self.home.is_foreign() {
            return;
        }
        let bound = (self.socket.endpoints().into_iter())
            .filter(|it| it.state == EndpointState::Listening && it.endpoint.scheme() != "inproc");
        for status in bound {
            // An I/O thread does it; if that is held up, so is the close, but not for ever.
            let patience = Patience::from_duration(Some(UNBIND_MAX));
            let _ = wait_for(self.socket.unbind_async(status.endpoint), patience);
        }
    }

    fn bind(&self, endpoint: &str) -> Result<(), Errno> {
        self.check()?;
        let outcome = match self.take_fd()? {
            Some(listener) => self.socket.bind_fd(listener),
            None => self.socket.bind(endpoint),
        };
        outcome.map(|_| ()).map_err(|error| {
            let is_of_system = matches!(error, BindError::Io { .. } | BindError::Descriptor(_));
            let errno = error.into();
            if is_of_system {
                self.tell_bind_failed(endpoint, errno);
            }
            errno
        })
    }

    fn connect(&self, endpoint: &str) -> Result<(), Errno> {
        self.check()?;
        let id = lock(&self.next_id).take();
        match (self.take_fd()?, id) {
            (Some(stream), _) => self.socket.connect_fd(stream)?,
            (None, Some(id)) => self.socket.connect_routing_id(endpoint, &id)?,
            (None, None) => self.socket.connect(endpoint)?,
        };
        Ok(())
    }

    /// What `ZMQ_USE_FD` was set to, for one endpoint.
    fn take_fd(&self) -> Result<Option<std::os::fd::OwnedFd>, Errno> {
        let fd = self.use_fd.swap(-1, Ordering::AcqRel);
        if fd < 0 {
            return Ok(None);
        }
        // SAFETY: asking for its flags does nothing to any descriptor; it fails if there is none.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
            return Err(Errno::last());
        }
        // SAFETY: it is open, and whoever sets the option gives it away.
        Ok(Some(unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) }))
    }

    /// Lets go of an endpoint, whichever of both it was: to libzmq they are the same.
    fn let_go(&self, endpoint: &str, bound_first: bool) -> Result<(), Errno> {
        self.check()?;
        let unbind = || self.socket.unbind(endpoint);
        let disconnect = || self.socket.disconnect(endpoint);
        let unknown = |error: &zocket::UnbindError| {
            matches!(
                error,
                zocket::UnbindError::Unknown(_) | zocket::UnbindError::Endpoint(_)
            )
        };
        let outcome = if bound_first { unbind() } else { disconnect() };
        match outcome {
            Err(error) if unknown(&error) => {
                let other = if bound_first { disconnect() } else { unbind() };
                other.map_err(|second| {
                    if unknown(&second) {
                        error.into()
                    } else {
                        second.into()
                    }
                })
            }
            outcome => Ok(outcome?),
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn zmq_socket(context: Handle, number: c_int) -> Handle {
    answer(|| {
        let home = context::find(context)?;
        if home.has_ended() {
            return Err(ETERM);
        }
        let socket_type = type_of(number).ok_or(EINVAL)?;
        let entry = Arc::new(Entry::open(home, socket_type)?);
        SOCKETS.insert(entry.clone()).ok_or_else(|| {
            entry.close();
            EMFILE
        })
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_close(socket: Handle) -> c_int {
    answer(|| {
        // With the end of this call the thread is not in it any more.
        let entry = find(socket)?;
        SOCKETS.remove(socket).ok_or(ENOTSOCK)?;
        entry.close();
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_bind(socket: Handle, endpoint: *const c_char) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        // SAFETY: the program gives a text that ends with a zero, or null.
        entry.bind(unsafe { memory::text(endpoint) }?).map(|()| 0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_connect(socket: Handle, endpoint: *const c_char) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        // SAFETY: as in `zmq_bind`.
        entry
            .connect(unsafe { memory::text(endpoint) }?)
            .map(|()| 0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_unbind(socket: Handle, endpoint: *const c_char) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        // SAFETY: as in `zmq_bind`.
        let endpoint = unsafe { memory::text(endpoint) }?;
        entry.let_go(endpoint, true).map(|()| 0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_disconnect(socket: Handle, endpoint: *const c_char) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        // SAFETY: as in `zmq_bind`.
        let endpoint = unsafe { memory::text(endpoint) }?;
        entry.let_go(endpoint, false).map(|()| 0)
    })
}

/// Of draft socket types, which there are none of here.
#[unsafe(no_mangle)]
extern "C" fn zmq_join(socket: Handle, _: *const c_char) -> c_int {
    answer(|| find(socket).and(Err(EINVAL)))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_leave(socket: Handle, _: *const c_char) -> c_int {
    answer(|| find(socket).and(Err(EINVAL)))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_connect_peer(socket: Handle, _: *const c_char) -> u32 {
    crate::border::answer_or(0, || find(socket).and(Err(ENOTSUP)))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_disconnect_peer(socket: Handle, _: u32) -> c_int {
    answer(|| find(socket).and(Err(ENOTSUP)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;
    use crate::context::{zmq_ctx_new, zmq_ctx_term};

    #[test]
    fn a_socket_is_closed_whoever_has_used_it_last() {
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, 0).addr();
        let handle = move || std::ptr::without_provenance_mut(socket);
        let (tell, told) = channel::<()>();
        let (used, has_used) = channel();
        let other = thread::spawn(move || {
            used.send(Arc::downgrade(&find(handle()).unwrap().share()))
                .unwrap();
            told.recv().unwrap();
            assert_eq!(find(handle()).unwrap_err(), ENOTSOCK);
        });
        let entry = has_used.recv().unwrap();
        assert!(find(handle()).is_ok());
        assert_eq!(zmq_close(handle()), 0);
        assert_eq!(zmq_close(handle()), -1);
        assert_eq!(zmq_ctx_term(context), 0);
        tell.send(()).unwrap();
        other.join().unwrap();
        assert!(entry.upgrade().is_none(), "nobody is in it any more");
    }

    #[test]
    fn a_call_within_a_call_has_its_own_socket() {
        let context = zmq_ctx_new();
        let [one, two] = [0, 0].map(|pair| zmq_socket(context, pair));
        let first = find(one).unwrap();
        assert!(find(two).is_ok());
        assert_eq!((zmq_close(one), zmq_close(two)), (0, 0));
        // Closed, and not gone as long as it is used.
        assert!(first.closed.load(Ordering::Acquire) && first.check().is_ok());
        drop(first);
        assert_eq!(find(one).unwrap_err(), ENOTSOCK);
        assert_eq!(zmq_ctx_term(context), 0);
    }
}
