//! A libzmq with libsodium, for CURVE: the one that is linked in was built without.
//!
//! It is loaded while the program runs, as a shared library, so that nothing but what asks for CURVE
//! needs one. It is the one that `LIBZMQ_CURVE` names; otherwise that of the pyzmq which the tests have
//! installed below `target` ([`pyzmq`](crate::pyzmq)), where they have: of the version that is linked
//! in, and with the newest libsodium; otherwise the system's `libzmq.so.5` (Debian: `libzmq5`), as the
//! loader finds it. One that has CURVE by other means than libsodium is refused, and so is what only
//! has libzmq's name.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::ptr::NonNull;
use std::slice;
use std::sync::{Arc, OnceLock};

use crate::libzmq::Kind;

/// What the variable is called that names the library.
const VARIABLE: &str = "LIBZMQ_CURVE";
const OF_THE_SYSTEM: &str = "libzmq.so.5";

/// Shorthand for what every call here returns: libzmq's own words where it fails.
pub type Result<T> = std::result::Result<T, String>;

/// The bytes of a key.
pub type Key = [u8; 32];

/// Who a socket is.
#[derive(Clone, Copy, Debug)]
pub enum Curve<'a> {
    /// Knows itself by this secret key.
    Server(&'a Key),
    /// Knows the server by this public key, and is known by its own.
    Client {
        /// The server's.
        server: &'a Key,
        /// Its own, the one that anybody may know.
        public: &'a Key,
        /// Its own, the other one.
        secret: &'a Key,
    },
}

/// The versions of both libraries, and where they are from, such as `libzmq 4.3.4 with libsodium 1.0.18
/// (libzmq.so.5)`.
pub fn version() -> Result<String> {
    Ok(calls()?.version.clone())
}

/// A context with one I/O thread. A clone is the same context; the last one dropped waits for what
/// its sockets have not sent yet.
#[derive(Clone, Debug)]
pub struct Context(Arc<ContextHandle>);

#[derive(Debug)]
struct ContextHandle {
    calls: &'static Calls,
    handle: NonNull<c_void>,
}

// SAFETY: a libzmq context is documented as thread safe.
unsafe impl Send for ContextHandle {}
// SAFETY: as above.
unsafe impl Sync for ContextHandle {}

impl Context {
    /// A new context; an error also where there is no such library.
    pub fn new() -> Result<Self> {
        let calls = calls()?;
        // SAFETY: no preconditions.
        let handle = NonNull::new(unsafe { (calls.zmq_ctx_new)() }).ok_or_else(|| calls.error())?;
        Ok(Self(Arc::new(ContextHandle { calls, handle })))
    }

    /// A new socket of this kind, whose queues hold so many messages.
    pub fn socket(&self, kind: Kind, hwm: c_int, curve: Curve<'_>) -> Result<Socket> {
        const SEND_HWM: c_int = 23;
        const RECEIVE_HWM: c_int = 24;
        const CURVE_SERVER: c_int = 47;
        const CURVE_PUBLIC_KEY: c_int = 48;
        const CURVE_SECRET_KEY: c_int = 49;
        const CURVE_SERVER_KEY: c_int = 50;
        let calls = self.0.calls;
        // SAFETY: the context is alive, for `self` holds it.
        let handle = unsafe { (calls.zmq_socket)(self.0.handle.as_ptr(), kind as c_int) };
        let socket = Socket {
            handle: NonNull::new(handle).ok_or_else(|| calls.error())?,
            part: Part::new(calls),
            context: self.clone(),
        };
        socket.set(SEND_HWM, &hwm.to_ne_bytes())?;
        socket.set(RECEIVE_HWM, &hwm.to_ne_bytes())?;
        match curve {
            Curve::Server(secret) => {
                socket.set(CURVE_SERVER, &c_int::from(true).to_ne_bytes())?;
                socket.set(CURVE_SECRET_KEY, secret)?;
            }
            Curve::Client {
                server,
                public,
                secret,
            } => {
                socket.set(CURVE_SERVER_KEY, server)?;
                socket.set(CURVE_PUBLIC_KEY, public)?;
                socket.set(CURVE_SECRET_KEY, secret)?;
            }
        }
        Ok(socket)
    }
}

impl Drop for ContextHandle {
    fn drop(&mut self) {
        // SAFETY: every socket holds the context, so none is left; nobody else has the pointer.
        // Interrupted, the call may be repeated as it is.
        while unsafe { (self.calls.zmq_ctx_term)(self.handle.as_ptr()) } != 0
            && self.calls.number() == libc::EINTR
        {}
    }
}

/// A socket. Closed when dropped; what it has not sent goes on being sent.
#[derive(Debug)]
pub struct Socket {
    handle: NonNull<c_void>,
    /// Used again for every message that is received.
    part: Part,
    context: Context,
}

// SAFETY: a socket may be handed to another thread with a full fence between the uses, which
// every safe way to move a value across threads has. It is not `Sync`, so never shared.
unsafe impl Send for Socket {}

impl Socket {
    fn calls(&self) -> &'static Calls {
        self.context.0.calls
    }

    fn set(&self, option: c_int, value: &[u8]) -> Result<()> {
        // SAFETY: the socket is alive; as many bytes are copied as it is told there are.
        self.calls().check(unsafe {
            (self.calls().zmq_setsockopt)(
                self.handle.as_ptr(),
                option,
                value.as_ptr().cast(),
                value.len(),
            )
        })
    }

    /// Has the end of the context not wait for what this has not sent.
    pub fn discard_unsent(&self) -> Result<()> {
        const LINGER: c_int = 17;
        self.set(LINGER, &0_i32.to_ne_bytes())
    }

    /// Binds, and says the endpoint it really got.
    pub fn bind(&self, endpoint: &str) -> Result<String> {
        const LAST_ENDPOINT: c_int = 32;
        let endpoint = c_string(endpoint)?;
        // SAFETY: the socket is alive, the string ends with a NUL.
        let result = unsafe { (self.calls().zmq_bind)(self.handle.as_ptr(), endpoint.as_ptr()) };
        self.calls().check(result)?;
        let mut text = [0_u8; 256];
        let mut length = text.len();
        // SAFETY: the socket is alive, `length` is the room there is behind the pointer.
        self.calls().check(unsafe {
            (self.calls().zmq_getsockopt)(
                self.handle.as_ptr(),
                LAST_ENDPOINT,
                text.as_mut_ptr().cast(),
                &mut length,
            )
        })?;
        let text = CStr::from_bytes_until_nul(&text).map_err(|error| error.to_string())?;
        Ok(text.to_string_lossy().into_owned())
    }

    /// Connects; the work is done behind.
    pub fn connect(&self, endpoint: &str) -> Result<()> {
        let endpoint = c_string(endpoint)?;
        // SAFETY: the socket is alive, the string ends with a NUL.
        let result = unsafe { (self.calls().zmq_connect)(self.handle.as_ptr(), endpoint.as_ptr()) };
        self.calls().check(result)
    }

    /// Queues a message of one part, which is copied once.
    #[inline]
    pub fn send(&self, data: &[u8]) -> Result<()> {
        let calls = self.calls();
        // SAFETY: the socket is alive, and as many bytes are copied as there are.
        let result =
            unsafe { (calls.zmq_send)(self.handle.as_ptr(), data.as_ptr().cast(), data.len(), 0) };
        calls.check_count(result)
    }

    /// Receives a part and shows it where it is.
    #[inline]
    pub fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let calls = self.calls();
        let message = &mut self.part.message;
        // SAFETY: socket and part are alive; what the part held is given up.
        calls.check_count(unsafe { (calls.zmq_msg_recv)(message, self.handle.as_ptr(), 0) })?;
        // SAFETY: the part is alive, and nothing else has it as long as the bytes are looked at;
        // where there are none, the pointer is not used.
        let data: &[u8] = unsafe {
            match (calls.zmq_msg_size)(message) {
                0 => &[],
                size => slice::from_raw_parts((calls.zmq_msg_data)(message).cast(), size),
            }
        };
        Ok(look(data))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: the socket is alive and not used after this.
        unsafe { (self.calls().zmq_close)(self.handle.as_ptr()) };
    }
}

/// A message part, initialised from its making to its drop.
#[derive(Debug)]
struct Part {
    calls: &'static Calls,
    message: Message,
}

impl Part {
    fn new(calls: &'static Calls) -> Self {
        let mut message = Message([0; 64]);
        // SAFETY: a valid place for a message, which cannot fail to be initialised.
        unsafe { (calls.zmq_msg_init)(&mut message) };
        Self { calls, message }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // SAFETY: it is initialised, and not used after this.
        unsafe { (self.calls.zmq_msg_close)(&mut self.message) };
    }
}

/// `zmq_msg_t`.
#[repr(C, align(8))]
#[derive(Debug)]
struct Message([u8; 64]);

/// The functions of the library, found once.
fn calls() -> Result<&'static Calls> {
    static CALLS: OnceLock<Result<Calls>> = OnceLock::new();
    let calls = CALLS.get_or_init(|| {
        let named = std::env::var(VARIABLE).ok();
        let name = named.or_else(of_pyzmq);
        Calls::load(name.as_deref().unwrap_or(OF_THE_SYSTEM))
    });
    calls.as_ref().map_err(Clone::clone)
}

/// What the package brings with it: `pyzmq.libs/libzmq-….so.…`.
fn of_pyzmq() -> Option<String> {
    let entry = |folder: PathBuf, start: &str| -> Option<PathBuf> {
        let mut entries = folder
            .read_dir()
            .ok()?
            .map_while(|entry| Some(entry.ok()?.path()));
        entries.find(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(start))
        })
    };
    // Of a program that is <target>/<profile>/<name>, or one level deeper.
    let program = std::env::current_exe().ok()?;
    let mut targets = program.ancestors().skip(2).take(2);
    targets.find_map(|target| {
        let packages = entry(target.join("pyzmq/lib"), "python3")?.join("site-packages");
        let library = entry(packages.join("pyzmq.libs"), "libzmq-")?;
        Some(library.to_str()?.to_owned())
    })
}

macro_rules! calls {
    ($($name:ident: fn($($argument:ty),*) -> $result:ty,)*) => {
        #[derive(Debug)]
        struct Calls {
            version: String,
            $($name: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl Calls {
            fn find(library: NonNull<c_void>, version: String) -> Result<Self> {
                $(
                    let found = symbol(library, stringify!($name))?;
                    // SAFETY: the library has been found to be libzmq, in whose header the function
                    // of this name has this type; it is never unloaded.
                    let $name = unsafe {
                        std::mem::transmute::<
                            *mut c_void,
                            unsafe extern "C" fn($($argument),*) -> $result,
                        >(found.as_ptr())
                    };
                )*
                Ok(Self { version, $($name,)* })
            }
        }
    };
}

calls! {
    zmq_errno: fn() -> c_int,
    zmq_strerror: fn(c_int) -> *const c_char,
    zmq_ctx_new: fn() -> *mut c_void,
    zmq_ctx_term: fn(*mut c_void) -> c_int,
    zmq_socket: fn(*mut c_void, c_int) -> *mut c_void,
    zmq_close: fn(*mut c_void) -> c_int,
    zmq_bind: fn(*mut c_void, *const c_char) -> c_int,
    zmq_connect: fn(*mut c_void, *const c_char) -> c_int,
    zmq_setsockopt: fn(*mut c_void, c_int, *const c_void, usize) -> c_int,
    zmq_getsockopt: fn(*mut c_void, c_int, *mut c_void, *mut usize) -> c_int,
    zmq_send: fn(*mut c_void, *const c_void, usize, c_int) -> c_int,
    zmq_msg_init: fn(*mut Message) -> c_int,
    zmq_msg_recv: fn(*mut Message, *mut c_void, c_int) -> c_int,
    zmq_msg_data: fn(*mut Message) -> *mut c_void,
    zmq_msg_size: fn(*const Message) -> usize,
    zmq_msg_close: fn(*mut Message) -> c_int,
}

impl Calls {
    fn load(name: &str) -> Result<Self> {
        let path = c_string(name)?;
        // SAFETY: the string ends with a NUL. What the library does as it is loaded is libzmq's and
        // libsodium's business, and sound in any program; its names stay its own.
        let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        let library = NonNull::new(library).ok_or_else(|| {
            let why = loader_error();
            format!("no libzmq with libsodium (see `peers::sodium`; for Debian libzmq5): {why}")
        })?;
        let version = identify(library, name)?;
        Self::find(library, version)
    }

    fn number(&self) -> c_int {
        // SAFETY: reads the errno of this thread, no preconditions.
        unsafe { (self.zmq_errno)() }
    }

    #[cold]
    fn error(&self) -> String {
        // SAFETY: returns a C string for any number, which stays at least until the next call on
        // this thread; it is copied out at once.
        let text = unsafe { CStr::from_ptr((self.zmq_strerror)(self.number())) };
        format!("libzmq: {}", text.to_string_lossy())
    }

    fn check(&self, result: c_int) -> Result<()> {
        match result {
            0 => Ok(()),
            _ => Err(self.error()),
        }
    }

    fn check_count(&self, result: c_int) -> Result<()> {
        match result {
            0.. => Ok(()),
            _ => Err(self.error()),
        }
    }
}

/// Says which versions it is of; an error unless it has CURVE by libsodium.
fn identify(library: NonNull<c_void>, name: &str) -> Result<String> {
    // Looked up in what it depends on, too.
    let sodium =
        symbol(library, "sodium_version_string").map_err(|_| format!("{name} has no libsodium"))?;
    let [has, version] = ["zmq_has", "zmq_version"].map(|call| symbol(library, call));
    let (has, version) = (has?, version?);
    // SAFETY: the type of this function in libsodium's header.
    let sodium = unsafe {
        std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> *const c_char>(sodium.as_ptr())
    };
    // SAFETY: the type of this function in libzmq's header.
    let has = unsafe {
        std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const c_char) -> c_int>(
            has.as_ptr(),
        )
    };
    // SAFETY: as above.
    let version = unsafe {
        std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_int, *mut c_int, *mut c_int)>(
            version.as_ptr(),
        )
    };
    // SAFETY: the string ends with a NUL.
    if unsafe { has(c"curve".as_ptr()) } != 1 {
        return Err(format!("{name} has no CURVE"));
    }
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: three valid places for an int each.
    unsafe { version(&mut major, &mut minor, &mut patch) };
    // SAFETY: no preconditions; a C string that stays.
    let sodium = unsafe { CStr::from_ptr(sodium()) }.to_string_lossy();
    Ok(format!(
        "libzmq {major}.{minor}.{patch} with libsodium {sodium} ({name})"
    ))
}

fn symbol(library: NonNull<c_void>, name: &str) -> Result<NonNull<c_void>> {
    let c_name = c_string(name)?;
    // SAFETY: the library is loaded, the string ends with a NUL.
    let found = unsafe { libc::dlsym(library.as_ptr(), c_name.as_ptr()) };
    NonNull::new(found).ok_or_else(|| format!("no {name}: {}", loader_error()))
}

fn loader_error() -> String {
    // SAFETY: no preconditions; the string stays until the next call on this thread.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "no reason given".to_owned();
    }
    // SAFETY: not null, so a C string.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use zocket::curve::KeyPair;

    use super::{Calls, Context, Curve, version};
    use crate::libzmq::Kind;

    #[test]
    fn what_is_no_libzmq_with_libsodium_is_refused() {
        let why = |name| Calls::load(name).err().unwrap();
        assert!(why("/nowhere/libzmq.so.5").contains("libzmq5"));
        assert!(why("libc.so.6").contains("has no libsodium"));
    }

    #[test]
    fn a_message_passes_and_a_server_with_another_key_is_not_one() {
        if let Err(error) = version() {
            eprintln!("SKIPPED: {error}");
            return;
        }
        let [server, client, other] = [(); 3].map(|()| KeyPair::generate().unwrap());
        let context = Context::new().unwrap();
        let serves = Curve::Server(server.secret_key().as_bytes());
        let mut pull = context.socket(Kind::Pull, 10, serves).unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let push_to = |keys: &KeyPair| {
            let connects = Curve::Client {
                server: keys.public_key().as_bytes(),
                public: client.public_key().as_bytes(),
                secret: client.secret_key().as_bytes(),
            };
            let push = context.socket(Kind::Push, 10, connects).unwrap();
            push.connect(&endpoint).unwrap();
            push
        };
        let stranger = push_to(&other);
        stranger.discard_unsent().unwrap();
        stranger.send(b"not this").unwrap();
        let push = push_to(&server);
        for message in [&b"this"[..], b""] {
            push.send(message).unwrap();
            assert_eq!(pull.recv(<[u8]>::to_vec).unwrap(), message);
        }
    }
}
