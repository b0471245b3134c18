//! libzmq, as much of it as tests and benchmarks need, behind a safe face.
//!
//! What a C caller may get wrong is kept by types: a [`Socket`] holds its [`Context`], so the
//! context outlives it; a `Socket` may move to another thread but is never shared; a [`Part`]
//! is initialised from its making to its drop.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_short, c_void};
use std::fmt;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The version of the libzmq that is linked in, such as `4.3.5`.
pub fn version() -> String {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: three valid places for an int each.
    unsafe { ffi::zmq_version(&mut major, &mut minor, &mut patch) };
    format!("{major}.{minor}.{patch}")
}

/// What libzmq says went wrong: an errno, its own or the system's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(c_int);

/// Shorthand for what every call here returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn last() -> Self {
        // SAFETY: reads the errno of this thread, no preconditions.
        Self(unsafe { ffi::zmq_errno() })
    }

    /// Whether a timeout ran out, or the call would have had to wait.
    pub fn is_again(self) -> bool {
        self.0 == libc::EAGAIN
    }

    /// Whether a mandatory ROUTER has no such peer.
    pub fn is_unroutable(self) -> bool {
        self.0 == libc::EHOSTUNREACH
    }

    /// Whether the context was shut down.
    pub fn is_terminated(self) -> bool {
        const ETERM: c_int = 156_384_712 + 53;
        self.0 == ETERM
    }

    /// Whether it is the other one's turn: a REQ sends and receives by turns, so does a REP.
    pub fn is_wrong_state(self) -> bool {
        const EFSM: c_int = 156_384_712 + 51;
        self.0 == EFSM
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: returns a C string for any number, which stays for the life of the program
        // or at least until the next call on this thread; it is copied out at once.
        let text = unsafe { CStr::from_ptr(ffi::zmq_strerror(self.0)) };
        write!(f, "libzmq: {} (errno {})", text.to_string_lossy(), self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// A libzmq context with one I/O thread, its default. A clone is the same context; the last
/// one dropped waits for what its sockets have not sent yet, as long as their linger says.
#[derive(Clone, Debug)]
pub struct Context(Arc<ContextHandle>);

#[derive(Debug)]
struct ContextHandle(NonNull<c_void>);

// SAFETY: a libzmq context is documented as thread safe.
unsafe impl Send for ContextHandle {}
// SAFETY: as above.
unsafe impl Sync for ContextHandle {}

impl Context {
    /// A new context.
    ///
    /// # Panics
    ///
    /// When the process is out of descriptors.
    pub fn new() -> Self {
        // SAFETY: no preconditions.
        let context = unsafe { ffi::zmq_ctx_new() };
        let context =
            NonNull::new(context).unwrap_or_else(|| panic!("no context: {}", Error::last()));
        Self(Arc::new(ContextHandle(context)))
    }

    /// A new context with so many I/O threads.
    pub fn with_io_threads(count: usize) -> Result<Self> {
        const IO_THREADS: c_int = 1;
        let context = Self::new();
        let count = c_int::try_from(count).map_err(|_| Error(libc::EINVAL))?;
        // SAFETY: the context is alive; before its first socket the number may be set.
        check(unsafe { ffi::zmq_ctx_set(context.0.0.as_ptr(), IO_THREADS, count) })?;
        Ok(context)
    }

    /// A new socket of this kind.
    pub fn socket(&self, kind: Kind) -> Result<Socket> {
        // SAFETY: the context is alive, for `self` holds it.
        let handle = unsafe { ffi::zmq_socket(self.0.0.as_ptr(), kind as c_int) };
        let handle = NonNull::new(handle).ok_or_else(Error::last)?;
        Ok(Socket {
            handle,
            context: self.clone(),
        })
    }

    /// Ends every call that waits in a socket of this context, and fails those to come.
    pub fn shut_down(&self) -> Result<()> {
        // SAFETY: the context is alive, and may be shut down more than once.
        check(unsafe { ffi::zmq_ctx_shutdown(self.0.0.as_ptr()) })
    }
}

/// Hands every message of either socket to the other, until their context is shut down.
pub fn proxy(frontend: Socket, backend: Socket) -> Error {
    // SAFETY: both sockets are alive and nobody else's; no capture is allowed.
    unsafe {
        ffi::zmq_proxy(
            frontend.handle.as_ptr(),
            backend.handle.as_ptr(),
            ptr::null_mut(),
        )
    };
    // It never ends well.
    Error::last()
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ContextHandle {
    fn drop(&mut self) {
        // SAFETY: every socket holds the context, so none is left; nobody else has the pointer.
        // Interrupted, the call may be repeated as it is.
        while unsafe { ffi::zmq_ctx_term(self.0.as_ptr()) } != 0 && Error::last().0 == libc::EINTR {
        }
    }
}

/// The stable socket types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One peer, both ways.
    Pair = 0,
    /// Sends to every peer that subscribed.
    Pub = 1,
    /// Receives what it subscribed to.
    Sub = 2,
    /// Asks one peer after the other, and waits for each reply.
    Req = 3,
    /// Replies to each request.
    Rep = 4,
    /// Sends to the peers in turn, receives from every peer in turn.
    Dealer = 5,
    /// Names the peer in front of each message, both ways.
    Router = 6,
    /// Receives from every peer in turn.
    Pull = 7,
    /// Sends to the peers in turn.
    Push = 8,
    /// A [`Kind::Pub`] that receives the subscriptions.
    XPub = 9,
    /// A [`Kind::Sub`] that sends its subscriptions as messages.
    XSub = 10,
}

/// The options that are met here whose value is an `int`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opt {
    /// Kernel send buffer, bytes.
    SendBuffer = 11,
    /// Kernel receive buffer, bytes.
    ReceiveBuffer = 12,
    /// What a close may hold up the end of the context, ms; -1 = for ever.
    Linger = 17,
    /// Wait before a reconnect, ms.
    ReconnectInterval = 18,
    /// Most connections that wait to be accepted.
    Backlog = 19,
    /// Most messages queued outward per peer.
    SendHwm = 23,
    /// Most messages queued inward per peer.
    ReceiveHwm = 24,
    /// How long `recv` waits, ms; -1 = for ever.
    ReceiveTimeout = 27,
    /// How long `send` waits, ms; -1 = for ever.
    SendTimeout = 28,
    /// 1 = a ROUTER refuses what it has no peer for (without: dropped).
    RouterMandatory = 33,
    /// 1 = queue only for completed connections.
    Immediate = 39,
    /// 1 = an XPUB is told of every subscription, not only of the first to a topic.
    XPubVerbose = 40,
    /// 1 = an empty message is the first thing that each new peer gets.
    ProbeRouter = 51,
    /// 1 = a REQ numbers its requests, and takes the reply with the same number only.
    ReqCorrelate = 52,
    /// 1 = a REQ may send again before it got its reply.
    ReqRelaxed = 53,
    /// 1 = each queue keeps the last message only.
    Conflate = 54,
    /// 1 = a peer takes an id over from the one that has it.
    RouterHandover = 56,
    /// 1 = a full subscriber is waited for (without: its copy is dropped).
    XPubNoDrop = 69,
    /// 1 = subscriptions take effect only when this end sets them.
    XPubManual = 71,
    /// 1 = what was not subscribed to is what passes.
    InvertMatching = 74,
    /// Between two PINGs, ms; 0 = none.
    HeartbeatInterval = 75,
    /// The silence that each PING tells the peer to end the connection after, ms; 0 = none.
    HeartbeatTtl = 76,
    /// What silence after a PING ends the connection, ms.
    HeartbeatTimeout = 77,
    /// 1 = as [`Opt::XPubVerbose`], and for every cancellation too.
    XPubVerboser = 78,
}

/// The options that are met here whose value is a string of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesOpt {
    /// The id that a ROUTER at the other end is to know this socket by.
    RoutingId = 5,
    /// Adds a prefix to the subscriptions of a SUB (or of an XPUB's last subscriber, if manual).
    Subscribe = 6,
    /// Takes one such prefix back.
    Unsubscribe = 7,
    /// The id of the next peer that a ROUTER connects to.
    ConnectRoutingId = 61,
    /// What an XPUB sends to each new subscriber.
    XPubWelcomeMessage = 72,
}

/// A socket. Closed when dropped; what it has not sent goes on being sent (see [`Opt::Linger`]).
#[derive(Debug)]
pub struct Socket {
    handle: NonNull<c_void>,
    context: Context,
}

// SAFETY: a socket may be handed to another thread with a full fence between the uses, which
// every safe way to move a value across threads has. It is not `Sync`, so never shared.
unsafe impl Send for Socket {}

impl Socket {
    /// Binds, and says the endpoint it really got.
    pub fn bind(&self, endpoint: &str) -> Result<String> {
        let endpoint = c_string(endpoint)?;
        // SAFETY: the socket is alive, the string ends with a NUL.
        check(unsafe { ffi::zmq_bind(self.handle.as_ptr(), endpoint.as_ptr()) })?;
        self.last_endpoint()
    }

    /// Connects; the work is done behind.
    pub fn connect(&self, endpoint: &str) -> Result<()> {
        let endpoint = c_string(endpoint)?;
        // SAFETY: the socket is alive, the string ends with a NUL.
        check(unsafe { ffi::zmq_connect(self.handle.as_ptr(), endpoint.as_ptr()) })
    }

    /// Gives up an endpoint that was bound, by the name that [`bind`](Self::bind) returned.
    pub fn unbind(&self, endpoint: &str) -> Result<()> {
        let endpoint = c_string(endpoint)?;
        // SAFETY: the socket is alive, the string ends with a NUL.
        check(unsafe { ffi::zmq_unbind(self.handle.as_ptr(), endpoint.as_ptr()) })
    }

    /// Lets go of an endpoint that was connected to.
    pub fn disconnect(&self, endpoint: &str) -> Result<()> {
        let endpoint = c_string(endpoint)?;
        // SAFETY: the socket is alive, the string ends with a NUL.
        check(unsafe { ffi::zmq_disconnect(self.handle.as_ptr(), endpoint.as_ptr()) })
    }

    /// The endpoint of the last bind or connect.
    pub fn last_endpoint(&self) -> Result<String> {
        const LAST_ENDPOINT: c_int = 32;
        let mut text = [0_u8; 256];
        let mut length = text.len();
        // SAFETY: the socket is alive, `length` is the room there is behind the pointer.
        check(unsafe {
            ffi::zmq_getsockopt(
                self.handle.as_ptr(),
                LAST_ENDPOINT,
                text.as_mut_ptr().cast(),
                &mut length,
            )
        })?;
        let text = CStr::from_bytes_until_nul(&text[..length]).expect("libzmq ends it with a NUL");
        Ok(text.to_string_lossy().into_owned())
    }

    /// Sets an option whose value is a string of bytes.
    pub fn set_bytes(&self, option: BytesOpt, value: &[u8]) -> Result<()> {
        // SAFETY: the socket is alive, the option takes bytes and copies as many as it is told
        // there are.
        check(unsafe {
            ffi::zmq_setsockopt(
                self.handle.as_ptr(),
                option as c_int,
                value.as_ptr().cast(),
                value.len(),
            )
        })
    }

    /// Sets an option whose value is an `int`.
    pub fn set(&self, option: Opt, value: c_int) -> Result<()> {
        // SAFETY: the socket is alive, the option takes an int and is given one.
        check(unsafe {
            ffi::zmq_setsockopt(
                self.handle.as_ptr(),
                option as c_int,
                ptr::from_ref(&value).cast(),
                size_of::<c_int>(),
            )
        })
    }

    /// Limits how long `send` and `recv` wait.
    pub fn set_timeout(&self, timeout: Duration) -> Result<()> {
        let timeout = timeout.as_millis() as c_int;
        self.set(Opt::SendTimeout, timeout)?;
        self.set(Opt::ReceiveTimeout, timeout)
    }

    /// Queues one part; with `more`, the next part belongs to the same message.
    pub fn send_part(&self, mut part: Part, more: bool) -> Result<()> {
        const SNDMORE: c_int = 2;
        let flags = if more { SNDMORE } else { 0 };
        // SAFETY: socket and part are alive. The part is empty after success and unchanged
        // after failure, and fit to be closed in either case.
        check_count(unsafe { ffi::zmq_msg_send(&mut part.0, self.handle.as_ptr(), flags) })
    }

    /// Queues a message of these parts, of which there is at least one.
    pub fn send<P: AsRef<[u8]>>(&self, parts: &[P]) -> Result<()> {
        for (index, part) in parts.iter().enumerate() {
            self.send_part(Part::copied_from(part.as_ref()), index + 1 < parts.len())?;
        }
        Ok(())
    }

    /// Receives one part into `part`, whose former content is given up.
    pub fn recv_part(&self, part: &mut Part) -> Result<()> {
        // SAFETY: socket and part are alive.
        check_count(unsafe { ffi::zmq_msg_recv(&mut part.0, self.handle.as_ptr(), 0) })
    }

    /// Receives one message, as its parts.
    pub fn recv(&self) -> Result<Vec<Part>> {
        let mut parts = Vec::with_capacity(1);
        loop {
            let mut part = Part::new();
            self.recv_part(&mut part)?;
            let more = part.has_more();
            parts.push(part);
            if !more {
                return Ok(parts);
            }
        }
    }

    /// Waits until a message can be received; `false` when the time is over.
    pub fn poll_readable(&self, timeout: Duration) -> Result<bool> {
        const POLLIN: c_short = 1;
        let mut item = ffi::PollItem {
            socket: self.handle.as_ptr(),
            fd: 0,
            events: POLLIN,
            revents: 0,
        };
        // SAFETY: one item at a valid place, with a live socket.
        let ready = unsafe { ffi::zmq_poll(&mut item, 1, timeout.as_millis() as c_long) };
        if ready < 0 {
            Err(Error::last())
        } else {
            Ok(ready > 0)
        }
    }

    /// Events of this socket's connections from now on, until the [`Monitor`] is dropped.
    pub fn monitor(&self) -> Result<Monitor<'_>> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("inproc://monitor-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let c_name = c_string(&name)?;
        let events = c_int::from(Event::HANDSHAKEN | Event::DISCONNECTED);
        // SAFETY: the socket is alive, the string ends with a NUL.
        check(unsafe { ffi::zmq_socket_monitor(self.handle.as_ptr(), c_name.as_ptr(), events) })?;
        let events = self.context.socket(Kind::Pair)?;
        events.connect(&name)?;
        Ok(Monitor {
            events,
            monitored: self,
        })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: the socket is alive and not used after this.
        unsafe { ffi::zmq_close(self.handle.as_ptr()) };
    }
}

/// Tells when connections of a socket come and go.
#[derive(Debug)]
pub struct Monitor<'a> {
    events: Socket,
    monitored: &'a Socket,
}

/// What a [`Monitor`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection is ready for messages.
    Handshaken,
    /// A connection is gone.
    Disconnected,
}

impl Event {
    const DISCONNECTED: u16 = 0x0200;
    const HANDSHAKEN: u16 = 0x1000;
}

impl Monitor<'_> {
    /// The next event; `None` when the time is over.
    pub fn next(&self, timeout: Duration) -> Result<Option<Event>> {
        if !self.events.poll_readable(timeout)? {
            return Ok(None);
        }
        // First part: number (16 bits) and value (32 bits); second part: the endpoint.
        let parts = self.events.recv()?;
        match u16::from_ne_bytes([parts[0][0], parts[0][1]]) {
            Event::HANDSHAKEN => Ok(Some(Event::Handshaken)),
            Event::DISCONNECTED => Ok(Some(Event::Disconnected)),
            other => unreachable!("event {other:#x} was not asked for"),
        }
    }
}

impl Drop for Monitor<'_> {
    fn drop(&mut self) {
        // An event that nobody takes would hold up the I/O thread.
        // SAFETY: the socket is alive; no name is how monitoring is ended.
        unsafe { ffi::zmq_socket_monitor(self.monitored.handle.as_ptr(), ptr::null(), 0) };
    }
}

/// One part of a message: libzmq's own memory, so that nothing is copied twice.
//
// libzmq itself moves a `zmq_msg_t` byte by byte (into and out of its queues), so a `Part` may
// move like any value.
pub struct Part(ffi::Message);

// SAFETY: the content is owned, or shared by a counter that libzmq keeps atomically.
unsafe impl Send for Part {}

impl Part {
    /// A part of no bytes.
    pub fn new() -> Self {
        let mut message = ffi::Message::UNINITIALISED;
        // SAFETY: a valid place for a message; never fails.
        unsafe { ffi::zmq_msg_init(&mut message) };
        Self(message)
    }

    /// A copy of `data`.
    #[inline]
    pub fn copied_from(data: &[u8]) -> Self {
        let mut message = ffi::Message::UNINITIALISED;
        // SAFETY: a valid place for a message.
        let made = unsafe { ffi::zmq_msg_init_size(&mut message, data.len()) };
        assert_eq!(made, 0, "no memory for {} bytes", data.len());
        // SAFETY: the message was just made with room for `data.len()` bytes of its own.
        unsafe {
            let room = ffi::zmq_msg_data(&mut message).cast::<u8>();
            ptr::copy_nonoverlapping(data.as_ptr(), room, data.len());
        }
        Self(message)
    }

    /// Whether the next part belongs to the same message.
    pub fn has_more(&self) -> bool {
        // SAFETY: the message is alive.
        unsafe { ffi::zmq_msg_more(&self.0) != 0 }
    }

    /// What the peer that sent it has said of itself under this name.
    pub fn property(&self, name: &str) -> Option<String> {
        let name = c_string(name).ok()?;
        // SAFETY: the message is alive, the string ends with a NUL; what is returned does, too, and
        // lives as long as the message. It is copied out at once.
        unsafe {
            let value = ffi::zmq_msg_gets(&self.0, name.as_ptr());
            (!value.is_null()).then(|| CStr::from_ptr(value).to_string_lossy().into_owned())
        }
    }
}

impl Default for Part {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Part {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: the message is alive; libzmq takes a mutable pointer but only looks. The
        // bytes were all written: by `copied_from`, or by libzmq when it received them.
        unsafe {
            let message = ptr::from_ref(&self.0).cast_mut();
            std::slice::from_raw_parts(
                ffi::zmq_msg_data(message).cast(),
                ffi::zmq_msg_size(message),
            )
        }
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({} bytes)", self.len())
    }
}

impl Drop for Part {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the message is alive and not used after this.
        unsafe { ffi::zmq_msg_close(&mut self.0) };
    }
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error(libc::EINVAL))
}

fn check(result: c_int) -> Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(Error::last())
    }
}

fn check_count(result: c_int) -> Result<()> {
    if result >= 0 {
        Ok(())
    } else {
        Err(Error::last())
    }
}

/// The declarations of `zmq.h` that are used.
mod ffi {
    use super::{c_char, c_int, c_long, c_short, c_void};

    #[repr(C, align(8))]
    pub(super) struct Message([u8; 64]);

    impl Message {
        pub(super) const UNINITIALISED: Self = Self([0; 64]);
    }

    #[repr(C)]
    pub(super) struct PollItem {
        pub(super) socket: *mut c_void,
        pub(super) fd: c_int,
        pub(super) events: c_short,
        pub(super) revents: c_short,
    }

    unsafe extern "C" {
        pub(super) fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int);
        pub(super) fn zmq_errno() -> c_int;
        pub(super) fn zmq_strerror(number: c_int) -> *const c_char;
        pub(super) fn zmq_ctx_new() -> *mut c_void;
        pub(super) fn zmq_ctx_set(context: *mut c_void, option: c_int, value: c_int) -> c_int;
        pub(super) fn zmq_ctx_term(context: *mut c_void) -> c_int;
        pub(super) fn zmq_ctx_shutdown(context: *mut c_void) -> c_int;
        pub(super) fn zmq_proxy(
            frontend: *mut c_void,
            backend: *mut c_void,
            capture: *mut c_void,
        ) -> c_int;
        pub(super) fn zmq_socket(context: *mut c_void, kind: c_int) -> *mut c_void;
        pub(super) fn zmq_close(socket: *mut c_void) -> c_int;
        pub(super) fn zmq_bind(socket: *mut c_void, endpoint: *const c_char) -> c_int;
        pub(super) fn zmq_connect(socket: *mut c_void, endpoint: *const c_char) -> c_int;
        pub(super) fn zmq_unbind(socket: *mut c_void, endpoint: *const c_char) -> c_int;
        pub(super) fn zmq_disconnect(socket: *mut c_void, endpoint: *const c_char) -> c_int;
        pub(super) fn zmq_socket_monitor(
            socket: *mut c_void,
            endpoint: *const c_char,
            events: c_int,
        ) -> c_int;
        pub(super) fn zmq_setsockopt(
            socket: *mut c_void,
            option: c_int,
            value: *const c_void,
            length: usize,
        ) -> c_int;
        pub(super) fn zmq_getsockopt(
            socket: *mut c_void,
            option: c_int,
            value: *mut c_void,
            length: *mut usize,
        ) -> c_int;
        pub(super) fn zmq_poll(items: *mut PollItem, count: c_int, timeout: c_long) -> c_int;
        pub(super) fn zmq_msg_init(message: *mut Message) -> c_int;
        pub(super) fn zmq_msg_init_size(message: *mut Message, size: usize) -> c_int;
        pub(super) fn zmq_msg_data(message: *mut Message) -> *mut c_void;
        pub(super) fn zmq_msg_size(message: *const Message) -> usize;
        pub(super) fn zmq_msg_more(message: *const Message) -> c_int;
        pub(super) fn zmq_msg_gets(message: *const Message, name: *const c_char) -> *const c_char;
        pub(super) fn zmq_msg_send(
            message: *mut Message,
            socket: *mut c_void,
            flags: c_int,
        ) -> c_int;
        pub(super) fn zmq_msg_recv(
            message: *mut Message,
            socket: *mut c_void,
            flags: c_int,
        ) -> c_int;
        pub(super) fn zmq_msg_close(message: *mut Message) -> c_int;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 11] = [
        Kind::Pair,
        Kind::Pub,
        Kind::Sub,
        Kind::Req,
        Kind::Rep,
        Kind::Dealer,
        Kind::Router,
        Kind::Pull,
        Kind::Push,
        Kind::XPub,
        Kind::XSub,
    ];

    #[test]
    fn every_kind_is_made() {
        let context = Context::new();
        for kind in KINDS {
            assert!(context.socket(kind).is_ok(), "{kind:?}");
        }
    }

    #[test]
    fn every_option_is_taken_by_the_kinds_it_is_for() {
        let context = Context::new();
        for (kind, options) in [
            (
                Kind::Router,
                &[
                    Opt::RouterMandatory,
                    Opt::RouterHandover,
                    Opt::ProbeRouter,
                    Opt::Immediate,
                ] as &[_],
            ),
            (
                Kind::XPub,
                &[
                    Opt::XPubVerbose,
                    Opt::XPubVerboser,
                    Opt::XPubNoDrop,
                    Opt::XPubManual,
                    Opt::InvertMatching,
                ],
            ),
            (Kind::Req, &[Opt::ReqCorrelate, Opt::ReqRelaxed]),
            (Kind::Pub, &[Opt::Conflate, Opt::InvertMatching]),
        ] {
            let socket = context.socket(kind).unwrap();
            for &option in options {
                socket.set(option, 1).unwrap();
            }
        }
        for (kind, options) in [
            (
                Kind::Router,
                &[BytesOpt::RoutingId, BytesOpt::ConnectRoutingId] as &[_],
            ),
            (Kind::XPub, &[BytesOpt::XPubWelcomeMessage]),
            (Kind::Sub, &[BytesOpt::Subscribe, BytesOpt::Unsubscribe]),
        ] {
            let socket = context.socket(kind).unwrap();
            for &option in options {
                socket.set_bytes(option, b"a").unwrap();
            }
        }
    }

    #[test]
    fn what_is_refused_says_why() {
        let context = Context::new();
        let req = context.socket(Kind::Req).unwrap();
        assert!(req.recv().unwrap_err().is_wrong_state());
        let router = context.socket(Kind::Router).unwrap();
        router.set(Opt::RouterMandatory, 1).unwrap();
        assert!(router.send(&["nobody", ""]).unwrap_err().is_unroutable());
    }

    #[test]
    fn a_proxy_ends_with_its_context() {
        let context = Context::new();
        let [front, back] = [Kind::Pull, Kind::Push].map(|kind| context.socket(kind).unwrap());
        let entry = front.bind("tcp://127.0.0.1:*").unwrap();
        let exit = back.bind("tcp://127.0.0.1:*").unwrap();
        let middle = std::thread::spawn(move || proxy(front, back));
        let outside = Context::new();
        let push = outside.socket(Kind::Push).unwrap();
        push.connect(&entry).unwrap();
        let pull = outside.socket(Kind::Pull).unwrap();
        pull.connect(&exit).unwrap();
        push.send(&["through"]).unwrap();
        assert_eq!(&*pull.recv().unwrap()[0], b"through");
        context.shut_down().unwrap();
        assert!(middle.join().unwrap().is_terminated());
    }

    #[test]
    fn endpoints_are_given_up() {
        let context = Context::new();
        let pull = context.socket(Kind::Pull).unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let push = context.socket(Kind::Push).unwrap();
        push.connect(&endpoint).unwrap();
        push.disconnect(&endpoint).unwrap();
        assert!(push.disconnect(&endpoint).is_err());
        pull.unbind(&endpoint).unwrap();
        assert!(pull.unbind(&endpoint).is_err());
    }
}
