//! What sockets share: the I/O threads, the inproc names, and a common end.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use crate::auth::Workers;
use crate::command::SocketId;
use crate::error::{BuildError, Unsent};
use crate::home::Home;
use crate::inproc::Registry;
use crate::io::{self, IoThreads, ThreadSetup};
use crate::options::SocketDefaults;
use crate::pipe::Budget;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

/// A home for sockets: owns the I/O threads that serve them and the inproc names they share.
///
/// Cheap to clone; all clones are the same context. A socket keeps its context alive. Making one
/// starts nothing: the I/O threads start with the first `bind` or `connect` that needs one, and
/// end when the last clone and the last socket are gone.
///
/// Most programs need none: sockets made with `new()` live in [`Context::global`].
///
/// A process that forks keeps its contexts; the child has copies that nobody serves, as none of the
/// threads is there. In the child such a context counts as shut down: making or binding a socket of it,
/// connecting, and every call that would wait say `Terminated`, and dropping it does nothing. (A message
/// for which there is room is still taken, and goes nowhere.) A child makes its own, before or after;
/// the [global](Self::global) one is its own. Every descriptor is closed on `exec`.
///
/// ```
/// use zocket::{Context, Pair};
///
/// # fn main() -> Result<(), zocket::Error> {
/// let context = Context::new();
/// let a = Pair::builder().context(&context).build()?;
/// let b = Pair::builder().context(&context).build()?;
/// a.bind("inproc://talk")?;
/// b.connect("inproc://talk")?;
/// a.send("hello")?;
/// assert_eq!(b.recv()?, "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    threads: OnceLock<Arc<IoThreads>>,
    /// Held while the threads are started, so that they are started once.
    starting: Mutex<()>,
    registry: Registry,
    /// For what is asked of a ZAP handler.
    workers: Workers,
    /// What was asked of it and given up since it last answered.
    zap_unanswered: Arc<AtomicU64>,
    budget: Option<Arc<Budget>>,
    members: Mutex<HashMap<SocketId, Weak<dyn Member>>>,
    terminated: AtomicBool,
    home: Home,
}

#[derive(Clone, Debug, Default)]
struct Settings {
    threads: ThreadSetup,
    max_sockets: Option<usize>,
    memory_budget: Option<usize>,
    defaults: SocketDefaults,
}

/// Why a context does not take a socket in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotEnrolled {
    /// It is shut down.
    Terminated,
    /// It has as many as it may have.
    TooMany(usize),
}

/// The global context of a process, and behind it that of its child that was forked off: in the child
/// the first is the parent's, to be left alone.
struct Generation(OnceLock<(Context, Box<Generation>)>);

impl Generation {
    const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn context(&self) -> &Context {
        let (context, child) = self
            .0
            .get_or_init(|| (Context::new(), Box::new(Self::new())));
        if context.is_foreign() {
            child.context()
        } else {
            context
        }
    }
}

/// A socket, as its context sees it.
pub(crate) trait Member: Send + Sync {
    /// Makes every call return `Terminated`, blocked ones included.
    fn terminate(&self);

    /// Makes nobody wait for what happens to the socket any more. Where it is closed at once this is
    /// not said: its monitors tell how it ends, and then end themselves.
    fn interrupt(&self);

    /// Starts closing with the socket's own linger, or `patience` if that is shorter.
    fn begin_close(self: Arc<Self>, patience: Option<Duration>) -> Option<Instant>;

    /// Waits for the end of a close that has begun.
    fn finish_close(&self, deadline: Option<Instant>) -> Result<(), Unsent>;

    /// Has its queues say what was read, which is not there any more.
    fn settle_queues(&self);

    /// The bytes in memory for its queues; those of one that it shares with another socket only if
    /// `is_new` has not seen that yet.
    fn memory(&self, is_new: &mut dyn FnMut(usize) -> bool) -> usize;

    /// The same two for a task: starts closing, which ends without anybody who waits …
    fn close_behind(self: Arc<Self>, patience: Option<Duration>);

    /// … and is ready when it has.
    fn closed(&self) -> Pin<Box<dyn Future<Output = Result<(), Unsent>> + Send + '_>>;
}

impl Context {
    /// A context with the default settings: one I/O thread.
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    /// A context to be set up.
    pub fn builder() -> ContextBuilder {
        ContextBuilder {
            settings: Settings::default(),
        }
    }

    /// The context of the process, in which sockets made with `new()` live, and which has the default
    /// settings.
    ///
    /// It is never dropped; its threads end with the process. A child process has its own.
    pub fn global() -> Self {
        static GLOBAL: Generation = Generation::new();
        GLOBAL.context().clone()
    }

    /// How many I/O threads it has (started or not).
    pub fn io_threads(&self) -> usize {
        self.inner.settings.threads.count
    }

    /// What its I/O threads are called, without their numbers.
    pub fn thread_name(&self) -> &str {
        &self.inner.settings.threads.name
    }

    /// Which processors its I/O threads may run on; empty is all.
    pub fn thread_affinity(&self) -> &[usize] {
        &self.inner.settings.threads.processors
    }

    /// The most sockets that it has at a time; `None` is unlimited.
    pub fn max_sockets(&self) -> Option<usize> {
        self.inner.settings.max_sockets
    }

    /// What its sockets linger if they are not told otherwise; `None` is for ever.
    pub fn linger(&self) -> Option<Duration> {
        self.inner.settings.defaults.linger
    }

    /// Whether host names mean IPv6, too, to its sockets, if they are not told otherwise.
    pub fn ipv6(&self) -> bool {
        self.inner.settings.defaults.ipv6
    }

    fn with(settings: Settings) -> Self {
        Self {
            inner: Arc::new(Inner {
                budget: settings
                    .memory_budget
                    .map(|most| Arc::new(Budget::new(most))),
                settings,
                threads: OnceLock::new(),
                starting: Mutex::new(()),
                registry: Registry::default(),
                workers: Workers::new(),
                zap_unanswered: Arc::default(),
                members: Mutex::new(HashMap::new()),
                terminated: AtomicBool::new(false),
                home: Home::here(),
            }),
        }
    }

    /// Makes every call on every socket of this context return `Terminated`, those that are
    /// blocked now included.
    ///
    /// Returns at once. The sockets still have to be dropped or closed, which flushes what they
    /// had accepted for sending; a socket made later is born terminated. Doing it twice is the
    /// same as doing it once.
    pub fn shutdown(&self) {
        if self.is_foreign() {
            return;
        }
        // Whoever is woken by this must not wait for what is to be done after it.
        let _serving = io::Serving::begin();
        self.end_calls();
        for member in self.inner.members() {
            member.interrupt();
        }
    }

    fn end_calls(&self) {
        let _serving = io::Serving::begin();
        self.inner.terminated.store(true, Ordering::SeqCst);
        for member in self.inner.members() {
            member.terminate();
        }
    }

    /// Shuts down, flushes what the sockets had accepted for sending, and ends the I/O threads.
    ///
    /// Each socket lingers as its own option says, but no longer than `timeout`. Called from a
    /// thread of this context (a waker that runs there) it does not wait.
    ///
    /// # Errors
    ///
    /// [`Unsent`] says what was left, and for whom.
    pub fn terminate(&self, timeout: Duration) -> Result<(), Unsent> {
        if self.is_foreign() {
            return Ok(());
        }
        self.end_calls();
        let members = self.inner.members();
        if io::on_io_thread() {
            for member in members {
                member.close_behind(Some(timeout));
            }
            return Ok(());
        }
        let closing: Vec<_> = members
            .into_iter()
            .map(|member| {
                let deadline = member.clone().begin_close(Some(timeout));
                (member, deadline)
            })
            .collect();
        let mut unsent = Unsent::default();
        for (member, deadline) in closing {
            if let Err(more) = member.finish_close(deadline) {
                unsent.merge(more);
            }
        }
        if let Some(threads) = self.inner.threads.get() {
            threads.stop();
        }
        unsent.into_result()
    }

    /// As [`terminate`](Self::terminate), for tasks, on any executor.
    ///
    /// The linger and `timeout` are kept by the threads of the context, not by the executor. The
    /// future does not borrow the context.
    ///
    /// # Cancel safety
    ///
    /// Nothing happens before it is polled. Dropped after that, the sockets go on being closed in the
    /// background, and what could not be sent is not reported; the I/O threads end when the last
    /// clone and the last socket are gone.
    ///
    /// # Errors
    ///
    /// As [`terminate`](Self::terminate).
    ///
    /// ```
    /// # use std::{pin::pin, task::{Context as Cx, Poll, Waker}, time::Duration};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = pin!(future);
    /// #     loop {
    /// #         match future.as_mut().poll(&mut Cx::from_waker(Waker::noop())) {
    /// #             Poll::Ready(output) => return output,
    /// #             Poll::Pending => std::thread::yield_now(),
    /// #         }
    /// #     }
    /// # }
    /// use zocket::{Context, Pair};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let context = Context::new();
    /// let pair = Pair::builder().context(&context).build()?;
    /// pair.bind("tcp://127.0.0.1:*")?;
    /// # block_on(
    /// async {
    ///     context.terminate_async(Duration::from_secs(1)).await
    /// }
    /// # )?;
    /// # assert!(pair.send("too late").is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn terminate_async(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), Unsent>> + Send + use<> {
        let context = self.clone();
        async move {
            if context.is_foreign() {
                return Ok(());
            }
            context.end_calls();
            let members = context.inner.members();
            for member in &members {
                member.clone().close_behind(Some(timeout));
            }
            let mut unsent = Unsent::default();
            for member in members {
                if let Err(more) = member.closed().await {
                    unsent.merge(more);
                }
            }
            if let Some(threads) = context.inner.threads.get() {
                threads.stop_async().await;
            }
            unsent.into_result()
        }
    }

    /// The bytes that wait in all queues of all sockets of this context: to be sent, to be received,
    /// and of messages that have come in part.
    ///
    /// Counted when this is called, by asking each socket, which costs others nothing. It is exact
    /// where nothing is on the move, and otherwise what each queue had when it was asked. What it
    /// counts is the bytes of frames; not those of headers and topics, of buffers that are empty, of
    /// messages that the application has received, or of the kernel.
    ///
    /// ```
    /// use std::time::Duration;
    /// use zocket::{Context, Push};
    ///
    /// # fn main() -> Result<(), zocket::Error> {
    /// let context = Context::builder().memory_budget(64 << 20).build()?;
    /// let push = Push::builder().context(&context).linger(Duration::ZERO).build()?;
    /// push.connect("inproc://nobody-yet")?;
    /// push.send("12345")?;
    /// assert_eq!(context.memory_used(), 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn memory_used(&self) -> usize {
        let mut seen = HashSet::new();
        let mut is_new = |queue| seen.insert(queue);
        let members = self.inner.members();
        for member in &members {
            member.settle_queues();
        }
        members
            .iter()
            .map(|member| member.memory(&mut is_new))
            .sum()
    }

    /// The [`memory_budget`](ContextBuilder::memory_budget), if there is one.
    pub fn memory_budget(&self) -> Option<usize> {
        self.inner.settings.memory_budget
    }

    /// Takes a socket in, unless the context is shut down, or full.
    pub(crate) fn enrol(&self, id: SocketId, member: &Arc<dyn Member>) -> Result<(), NotEnrolled> {
        if self.is_foreign() {
            return Err(NotEnrolled::Terminated);
        }
        let mut members = self.inner.members.lock();
        if let Some(most) = self.inner.settings.max_sockets
            && members.len() >= most
        {
            return Err(NotEnrolled::TooMany(most));
        }
        members.insert(id, Arc::downgrade(member));
        drop(members);
        // Looked at after the socket is on the list: a shutdown that did not see it there has set
        // the flag before.
        if self.inner.terminated.load(Ordering::SeqCst) {
            return Err(NotEnrolled::Terminated);
        }
        Ok(())
    }

    /// Whether it is a copy in a child process, of which nobody is served.
    pub(crate) fn is_foreign(&self) -> bool {
        self.inner.home.is_elsewhere()
    }

    /// Whether it has these I/O threads.
    pub(crate) fn check_affinity(&self, threads: &[usize]) -> Result<(), String> {
        let count = self.io_threads();
        match threads.iter().find(|number| **number >= count) {
            Some(number) => Err(format!(
                "affinity: there is no I/O thread {number}, the context has {count}"
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn socket_defaults(&self) -> SocketDefaults {
        self.inner.settings.defaults
    }

    /// Forgets a socket that is closed.
    pub(crate) fn withdraw(&self, id: SocketId) {
        self.inner.members.lock().remove(&id);
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.inner.terminated.load(Ordering::SeqCst) || self.is_foreign()
    }

    pub(crate) fn budget(&self) -> Option<&Arc<Budget>> {
        self.inner.budget.as_ref()
    }

    pub(crate) fn workers(&self) -> &Workers {
        &self.inner.workers
    }

    pub(crate) fn zap_unanswered(&self) -> &Arc<AtomicU64> {
        &self.inner.zap_unanswered
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The I/O threads, started now if they were not; `None` if the context has none.
    pub(crate) fn threads(&self) -> std::io::Result<Option<&Arc<IoThreads>>> {
        let Inner {
            threads,
            starting,
            settings,
            ..
        } = &*self.inner;
        if settings.threads.count == 0 {
            return Ok(None);
        }
        if let Some(threads) = threads.get() {
            return Ok(Some(threads));
        }
        let _guard = starting.lock();
        if threads.get().is_none() {
            let started = IoThreads::start(&settings.threads)?;
            let _ = threads.set(Arc::new(started));
        }
        Ok(threads.get())
    }

    /// The I/O threads that run.
    pub(crate) fn running(&self) -> Vec<Arc<io::Handle>> {
        self.inner
            .threads
            .get()
            .map(|threads| threads.handles().to_vec())
            .unwrap_or_default()
    }
}

impl Inner {
    fn members(&self) -> Vec<Arc<dyn Member>> {
        self.members
            .lock()
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.get() {
            threads.stop();
        }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("io_threads", &self.io_threads())
            .field("sockets", &self.inner.members.lock().len())
            .field("terminated", &self.inner.terminated.load(Ordering::SeqCst))
            .finish_non_exhaustive()
    }
}

/// Sets up a [`Context`].
///
/// ```
/// # fn main() -> Result<(), zocket::Error> {
/// let context = zocket::Context::builder().io_threads(2).thread_name("bus").build()?;
/// # drop(context);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ContextBuilder {
    settings: Settings,
}

impl ContextBuilder {
    /// How many I/O threads serve tcp and ipc. Default 1, which feeds many sockets; 0 leaves
    /// inproc only.
    pub fn io_threads(mut self, count: usize) -> Self {
        self.settings.threads.count = count;
        self
    }

    /// What the I/O threads are called; a number is added. Default `zocket-io`.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.settings.threads.name = name.into();
        self
    }

    /// The processors that the I/O threads may run on, all of them on each of these, numbered as by the
    /// system. Default all. (libzmq's `ZMQ_THREAD_AFFINITY_CPU_ADD`.) A call that waits may do the work
    /// of an I/O thread meanwhile, on the processor that it is on.
    ///
    /// Tried by [`build`](Self::build), on a thread that ends at once. Linux and Android; refused
    /// elsewhere. For each thread a processor of its own, see [`thread_start_hook`](Self::thread_start_hook).
    pub fn thread_affinity(mut self, processors: impl IntoIterator<Item = usize>) -> Self {
        self.settings.threads.processors.clear();
        for processor in processors {
            if !self.settings.threads.processors.contains(&processor) {
                self.settings.threads.processors.push(processor);
            }
        }
        self
    }

    /// What each I/O thread calls when it starts, with its number, from 0 on, before it serves anybody.
    /// Default nothing.
    ///
    /// It is the way to give the threads a priority or a scheduling policy (libzmq's
    /// `ZMQ_THREAD_PRIORITY` and `ZMQ_THREAD_SCHED_POLICY`), for which this library has no safe call,
    /// or each a processor of its own. It must come to an end: whatever is bound or connected waits
    /// for it. Should it panic, that is logged, and the thread goes on. Nothing of this library blocks
    /// in it.
    ///
    /// ```
    /// # fn main() -> Result<(), zocket::Error> {
    /// let context = zocket::Context::builder()
    ///     .io_threads(2)
    ///     .thread_start_hook(|number| println!("I/O thread {number} is there"))
    ///     .build()?;
    /// # drop(context);
    /// # Ok(())
    /// # }
    /// ```
    pub fn thread_start_hook(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.settings.threads.hook = Some(Arc::new(hook));
        self
    }

    /// The most sockets that the context has at a time, those that are not yet closed; `None` is
    /// unlimited. Default `None`. libzmq's `ZMQ_MAX_SOCKETS`, by default 1023.
    ///
    /// One more is refused when it is built, with
    /// [`TooManySockets`](BuildError::TooManySockets).
    pub fn max_sockets(mut self, sockets: impl Into<Option<usize>>) -> Self {
        self.settings.max_sockets = sockets.into();
        self
    }

    /// How long sockets of this context [linger](crate::Builder::linger) that are not told otherwise.
    /// Default 5 s. libzmq's `ZMQ_BLOCKY`: `false` is zero, `true` is `None`, for ever.
    pub fn linger(mut self, linger: impl Into<Option<Duration>>) -> Self {
        self.settings.defaults.linger = linger.into();
        self
    }

    /// Whether host names and the wildcard `*` also mean [IPv6](crate::Builder::ipv6) to sockets of this
    /// context that are not told otherwise. Default `false`. libzmq's `ZMQ_IPV6` of a context.
    pub fn ipv6(mut self, on: bool) -> Self {
        self.settings.defaults.ipv6 = on;
        self
    }

    /// How many bytes all queues of all sockets of the context may hold together, at least 1; `None` is
    /// unlimited. Default `None`. libzmq has no such option.
    ///
    /// The bytes are those of frames that wait to be sent or to be received, and of messages that have
    /// come in part. When they are used up, every queue that is not empty behaves as at its high-water
    /// mark, though it may not be there: peers are not read any further, a `send` waits or is `Full`, or
    /// drops where its socket does that. It goes on when the queue is down to half of what it held, or
    /// empty, or when an eighth of the budget is free again.
    ///
    /// A queue that is empty takes one message in any case, so that nobody waits for ever for memory
    /// that others do not give back. So the budget may be exceeded, by one message for each queue; by
    /// what one read brings (see [`recv_limit_bytes`](crate::Builder::recv_limit_bytes)); and as it is accounted for in steps, not message by message, by a few KiB
    /// for each queue, or less if the budget is small (a step is a 64th of it, 32 KiB at most, and an
    /// eighth of a step is free). Queues with [`conflate`](crate::Builder::conflate), and what XSUBs sent
    /// to an XPUB that has taken it in, are not held up by it.
    pub fn memory_budget(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.settings.memory_budget = bytes.into();
        self
    }

    /// Makes the context.
    ///
    /// # Errors
    ///
    /// [`BuildError::Invalid`] if there are to be more than 1,024 threads, their name has a NUL, no
    /// socket is allowed, no bytes are in the budget, or the system does not let threads of this
    /// process run on these processors.
    pub fn build(self) -> Result<Context, BuildError> {
        const THREADS_MAX: usize = 1024;
        let mut wrong = Vec::new();
        let threads = &self.settings.threads;
        if threads.count > THREADS_MAX {
            wrong.push(format!(
                "io_threads: {} is more than {THREADS_MAX}",
                threads.count
            ));
        }
        if let Err(why) = threads.check_processors() {
            wrong.push(format!("thread_affinity: {why}"));
        }
        if self.settings.max_sockets == Some(0) {
            wrong.push("max_sockets: a context without sockets is of no use".to_owned());
        }
        if threads.name.contains('\0') {
            wrong.push("thread_name: contains a NUL".to_owned());
        }
        if self.settings.memory_budget == Some(0) {
            wrong.push("memory_budget: 0 bytes cannot be (`None` is unlimited)".to_owned());
        }
        if wrong.is_empty() {
            Ok(Context::with(self.settings))
        } else {
            Err(BuildError::Invalid(wrong))
        }
    }
}
