//! Contexts: their options, their end, and how many sockets are still open.
//!
//! zocket's own context is made with the first socket, when the options that count for it are known.

use std::ffi::{c_int, c_void};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::border::{Handle, answer};
use crate::errno::{EFAULT, EINVAL, EMFILE, ENOMEM, ETERM, Errno};
use crate::handles::{Table, lock};
use crate::memory;
use crate::waiting::{Patience, wait_for};

static CONTEXTS: Table<Home> = Table::new(1);

/// A context.
#[derive(Debug)]
pub(crate) struct Home {
    state: Mutex<State>,
    ended: AtomicBool,
    /// In a child of this process its sockets are nobody's.
    process: u32,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    context: Option<zocket::Context>,
    sockets: usize,
    /// Who waits for the last of them to be closed.
    waiting: Vec<Waker>,
}

#[derive(Clone, Debug)]
struct Settings {
    io_threads: c_int,
    max_sockets: c_int,
    max_message_size: c_int,
    priority: c_int,
    policy: c_int,
    processors: Vec<usize>,
    name: String,
    zero_copy: bool,
    ipv6: bool,
    blocky: bool,
}

/// What the sockets have of their context that are made now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketDefaults {
    /// For ever; otherwise not at all.
    pub(crate) lingers: bool,
    pub(crate) ipv6: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            io_threads: 1,
            max_sockets: 1023,
            max_message_size: c_int::MAX,
            priority: -1,
            policy: -1,
            processors: Vec::new(),
            name: String::new(),
            zero_copy: true,
            ipv6: false,
            blocky: true,
        }
    }
}

/// The most sockets that a context may be allowed.
const SOCKET_LIMIT: c_int = 65535;

/// The longest prefix of the names of threads.
const NAME_MAX: usize = 16;

pub(crate) fn find(handle: Handle) -> Result<Arc<Home>, Errno> {
    CONTEXTS.get(handle).ok_or(EFAULT)
}

impl Home {
    fn new() -> Self {
        Self {
            state: Mutex::new(State {
                settings: Settings::default(),
                context: None,
                sockets: 0,
                waiting: Vec::new(),
            }),
            ended: AtomicBool::new(false),
            process: std::process::id(),
        }
    }

    /// Whether it was shut down.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether it was made by the process of which this is a child: there is no I/O thread of it here.
    pub(crate) fn is_foreign(&self) -> bool {
        self.process != std::process::id()
    }

    /// Who is about to wait finds out that nobody would ever come.
    pub(crate) fn may_be_waited_for(&self) -> Result<(), Errno> {
        if self.is_foreign() {
            Err(ETERM)
        } else {
            Ok(())
        }
    }

    /// A place for one more socket, which is to be given back with [`leave`](Self::leave), and what the
    /// context says of it.
    pub(crate) fn enter(&self) -> Result<(zocket::Context, SocketDefaults), Errno> {
        let mut state = lock(&self.state);
        if self.has_ended() {
            return Err(ETERM);
        }
        if state.sockets >= usize::try_from(state.settings.max_sockets).unwrap_or(0) {
            return Err(EMFILE);
        }
        let context = state.context()?;
        state.sockets += 1;
        // These may change between one socket and the next.
        let defaults = SocketDefaults {
            lingers: state.settings.blocky,
            ipv6: state.settings.ipv6,
        };
        Ok((context, defaults))
    }

    /// zocket's context, for a socket that nobody has to close.
    pub(crate) fn context(&self) -> Result<zocket::Context, Errno> {
        lock(&self.state).context()
    }

    /// A socket is closed.
    pub(crate) fn leave(&self) {
        let mut state = lock(&self.state);
        state.sockets = state.sockets.saturating_sub(1);
        let waiting = if state.sockets == 0 {
            std::mem::take(&mut state.waiting)
        } else {
            Vec::new()
        };
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn shut_down(&self) {
        self.ended.store(true, Ordering::Release);
        let context = lock(&self.state).context.clone();
        if let Some(context) = context {
            context.shutdown();
        }
    }

    /// Waits until the last socket is closed, and has lingered.
    fn terminate(&self) -> Result<(), Errno> {
        if self.is_foreign() {
            return Ok(());
        }
        self.shut_down();
        let all_closed = poll_fn(|cx| {
            let mut state = lock(&self.state);
            if state.sockets == 0 {
                return Poll::Ready(state.context.clone());
            }
            state.waiting.push(cx.waker().clone());
            Poll::Pending
        });
        if let Some(context) = wait_for(all_closed, Patience::Forever)? {
            // What was left is said in the log: here nobody could be told.
            let _ = wait_for(context.terminate_async(Duration::MAX), Patience::Forever)?;
        }
        Ok(())
    }

    fn set(&self, option: c_int, value: c_int) -> Result<(), Errno> {
        let mut state = lock(&self.state);
        let settings = &mut state.settings;
        match option {
            IO_THREADS if value >= 0 => settings.io_threads = value,
            MAX_SOCKETS if (1..=SOCKET_LIMIT).contains(&value) => settings.max_sockets = value,
            THREAD_PRIORITY if value >= 0 => settings.priority = value,
            THREAD_SCHED_POLICY if value >= 0 => settings.policy = value,
            MAX_MSGSZ if value >= 0 => settings.max_message_size = value,
            THREAD_AFFINITY_CPU_ADD => {
                let processor = usize::try_from(value).map_err(|_| EINVAL)?;
                if !settings.processors.contains(&processor) {
                    settings.processors.push(processor);
                }
            }
            THREAD_AFFINITY_CPU_REMOVE => {
                let known = &mut settings.processors;
                let place = known
                    .iter()
                    .position(|known| i64::try_from(*known) == Ok(value.into()));
                known.remove(place.ok_or(EINVAL)?);
            }
            THREAD_NAME_PREFIX if value >= 0 => settings.name = value.to_string(),
            ZERO_COPY_RECV if is_bool(value) => settings.zero_copy = value != 0,
            IPV6 if is_bool(value) => settings.ipv6 = value != 0,
            BLOCKY if is_bool(value) => settings.blocky = value != 0,
            _ => return Err(EINVAL),
        }
        Ok(())
    }

    fn get(&self, option: c_int) -> Result<c_int, Errno> {
        let state = lock(&self.state);
        let settings = &state.settings;
        Ok(match option {
            IO_THREADS => settings.io_threads,
            MAX_SOCKETS => settings.max_sockets,
            SOCKET_LIMIT_OPTION => SOCKET_LIMIT,
            THREAD_SCHED_POLICY => settings.policy,
            MAX_MSGSZ => settings.max_message_size,
            MSG_T_SIZE => 64,
            THREAD_NAME_PREFIX => settings.name.parse().unwrap_or(0),
            ZERO_COPY_RECV => settings.zero_copy.into(),
            IPV6 => settings.ipv6.into(),
            BLOCKY => settings.blocky.into(),
            _ => return Err(EINVAL),
        })
    }
}

impl State {
    fn context(&mut self) -> Result<zocket::Context, Errno> {
        if let Some(context) = &self.context {
            return Ok(context.clone());
        }
        let settings = &self.settings;
        let mut builder = zocket::Context::builder()
            .io_threads(usize::try_from(settings.io_threads).unwrap_or(1))
            .thread_affinity(settings.processors.clone())
            .thread_start_hook({
                let (priority, policy) = (settings.priority, settings.policy);
                move |_| prepare_thread(priority, policy)
            });
        if !settings.name.is_empty() {
            builder = builder.thread_name(format!("{}/ZMQbg/IO/", settings.name));
        }
        let context = builder.build()?;
        self.context = Some(context.clone());
        Ok(context)
    }
}

/// Leaves all signals to the program's own threads.
pub(crate) fn block_signals() {
    // SAFETY: the set is written before it is read, and is this function's own; the call is about the
    // calling thread alone.
    unsafe {
        let mut all = std::mem::zeroed::<libc::sigset_t>();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}

/// What an I/O thread does first.
fn prepare_thread(priority: c_int, policy: c_int) {
    block_signals();
    #[cfg(not(any(target_vendor = "apple", target_os = "openbsd")))]
    if priority >= 0 || policy >= 0 {
        // SAFETY: all that is written here is on the stack, and it is about the calling thread alone.
        let refused = unsafe {
            let mut known = std::mem::zeroed::<libc::sched_param>();
            let mut now = 0;
            let thread = libc::pthread_self();
            libc::pthread_getschedparam(thread, &raw mut now, &raw mut known);
            if priority >= 0 {
                known.sched_priority = priority;
            }
            let policy = if policy >= 0 { policy } else { now };
            libc::pthread_setschedparam(thread, policy, &raw const known)
        };
        if refused != 0 {
            log::warn!("the policy or the priority of an I/O thread is refused: error {refused}");
        }
    }
    #[cfg(any(target_vendor = "apple", target_os = "openbsd"))]
    let _ = (priority, policy);
}

fn is_bool(value: c_int) -> bool {
    matches!(value, 0 | 1)
}

const IO_THREADS: c_int = 1;
const MAX_SOCKETS: c_int = 2;
/// Two options of one number: one is only read, the other only set.
const SOCKET_LIMIT_OPTION: c_int = 3;
const THREAD_PRIORITY: c_int = 3;
const THREAD_SCHED_POLICY: c_int = 4;
const MAX_MSGSZ: c_int = 5;
const MSG_T_SIZE: c_int = 6;
const THREAD_AFFINITY_CPU_ADD: c_int = 7;
const THREAD_AFFINITY_CPU_REMOVE: c_int = 8;
const THREAD_NAME_PREFIX: c_int = 9;
const ZERO_COPY_RECV: c_int = 10;
const IPV6: c_int = 42;
const BLOCKY: c_int = 70;

#[unsafe(no_mangle)]
pub(crate) extern "C" fn zmq_ctx_new() -> Handle {
    answer(|| CONTEXTS.insert(Arc::new(Home::new())).ok_or(ENOMEM))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_init(io_threads: c_int) -> Handle {
    answer(|| {
        let home = Home::new();
        home.set(IO_THREADS, io_threads)?;
        CONTEXTS.insert(Arc::new(home)).ok_or(ENOMEM)
    })
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn zmq_ctx_term(context: Handle) -> c_int {
    answer(|| {
        find(context)?.terminate()?;
        CONTEXTS.remove(context);
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_ctx_destroy(context: Handle) -> c_int {
    zmq_ctx_term(context)
}

#[unsafe(no_mangle)]
extern "C" fn zmq_term(context: Handle) -> c_int {
    zmq_ctx_term(context)
}

#[unsafe(no_mangle)]
extern "C" fn zmq_ctx_shutdown(context: Handle) -> c_int {
    answer(|| {
        find(context)?.shut_down();
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_ctx_set(context: Handle, option: c_int, value: c_int) -> c_int {
    answer(|| find(context)?.set(option, value).map(|()| 0))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_ctx_get(context: Handle, option: c_int) -> c_int {
    answer(|| find(context)?.get(option))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_ctx_set_ext(
    context: Handle,
    option: c_int,
    value: *const c_void,
    size: usize,
) -> c_int {
    answer(|| {
        let home = find(context)?;
        // SAFETY: the program says that so many bytes are there.
        let value = unsafe { memory::bytes(value, size) }?;
        if let Ok(number) = value.try_into() {
            return home.set(option, c_int::from_ne_bytes(number)).map(|()| 0);
        }
        let name = std::str::from_utf8(value).map_err(|_| EINVAL)?;
        let name = name.trim_end_matches('\0');
        if option != THREAD_NAME_PREFIX || !(1..=NAME_MAX).contains(&name.len()) {
            return Err(EINVAL);
        }
        lock(&home.state).settings.name = name.to_owned();
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_ctx_get_ext(
    context: Handle,
    option: c_int,
    value: *mut c_void,
    size: *mut usize,
) -> c_int {
    answer(|| {
        let home = find(context)?;
        if size.is_null() {
            return Err(EFAULT);
        }
        // SAFETY: it is not null; the program says there how much room there is.
        let room = unsafe { size.read_unaligned() };
        let text;
        let number;
        let found: &[u8] = if option == THREAD_NAME_PREFIX {
            text = lock(&home.state).settings.name.clone();
            text.as_bytes()
        } else {
            number = home.get(option)?.to_ne_bytes();
            &number
        };
        if room < found.len() {
            return Err(EINVAL);
        }
        // SAFETY: there is room for as many bytes as the program says, and it says where.
        unsafe {
            memory::copy_out(found, value, room)?;
            memory::put(size, found.len());
        }
        Ok(0)
    })
}
