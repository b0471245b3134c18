//! A few threads for what may block, and for tasks that wait.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
#[cfg(not(loom))]
use std::thread;
use std::time::Duration;

use crate::sync::{AtomicBool, Mutex, Ordering};
use crate::waiting::{Half, Patience, Ready};

const THREADS_MAX: usize = 8;

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(1);

pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Threads that are started when there is work, and end when there is none. Clones are the same.
#[derive(Clone)]
pub(crate) struct Workers(Arc<Half<Shop>>);

#[derive(Default)]
struct Shop {
    jobs: VecDeque<Job>,
    threads: usize,
    /// Those that wait for work.
    idle: usize,
}

impl Ready for Shop {
    fn ready(&self) -> bool {
        !self.jobs.is_empty()
    }
}

impl Shop {
    fn take(&mut self) -> Option<Job> {
        let job = self.jobs.pop_front()?;
        self.idle -= 1;
        Some(job)
    }
}

impl Workers {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Half::new(Shop::default())))
    }

    /// Has a job done, soon after those before it. It is dropped undone if there can be no thread.
    pub(crate) fn submit(&self, job: Job) {
        let wants_thread = self.0.update(|shop, _| {
            shop.jobs.push_back(job);
            let wants = shop.jobs.len() > shop.idle && shop.threads < THREADS_MAX;
            shop.threads += usize::from(wants);
            wants
        });
        if !wants_thread {
            return;
        }
        let shop = self.0.clone();
        if let Err(error) = start(move || work(&shop)) {
            log::warn!("cannot start a thread for authentication: {error}");
            let undone = self.0.update(|shop, _| {
                shop.threads -= 1;
                // The others will come to it, if there are any.
                let alone = shop.threads == 0;
                alone.then(|| std::mem::take(&mut shop.jobs))
            });
            drop(undone);
        }
    }

    /// Runs a task: whenever it is woken, it is polled here.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let task = Arc::new(Task {
            future: Mutex::new(Some(Box::pin(future))),
            queued: AtomicBool::new(false),
            workers: self.clone(),
        });
        task.wake();
    }
}

#[cfg(not(loom))]
fn start(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name("zocket-auth".to_owned());
    thread.spawn(work).map(drop)
}

#[cfg(loom)]
fn start(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    drop(loom::thread::spawn(work));
    Ok(())
}

/// In a model, where there is no time, nobody stays: whoever submits meets threads that are leaving.
fn patience() -> Patience {
    if cfg!(loom) {
        Patience::None
    } else {
        Patience::from_now(IDLE)
    }
}

fn work(shop: &Half<Shop>) {
    loop {
        shop.update(|shop, _| shop.idle += 1);
        let job = match shop.wait(patience, |shop, _| shop.take()) {
            Ok(job) => Some(job),
            // Under the same lock as the last look, so that no job is left without a thread.
            Err(_) => shop.update(|shop, _| {
                let job = shop.take();
                if job.is_none() {
                    shop.idle -= 1;
                    shop.threads -= 1;
                }
                job
            }),
        };
        let Some(job) = job else {
            return;
        };
        // A panic was told by its hook; what it left unanswered counts as refused.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            log::error!("an authenticator panicked; whom it was asked about is not let in");
        }
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workers({} threads)", self.0.peek(|shop| shop.threads))
    }
}

struct Task {
    /// Locked while it is polled; `None` once it is done.
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    /// It is to be polled: what wakes it before that changes nothing.
    queued: AtomicBool,
    workers: Workers,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            let workers = self.workers.clone();
            workers.submit(Box::new(move || self.run()));
        }
    }
}

impl Task {
    fn run(self: Arc<Self>) {
        let mut future = self.future.lock();
        // Before it is polled: what wakes it from then on has it polled again.
        self.queued.store(false, Ordering::SeqCst);
        let waker = Waker::from(self.clone());
        let is_done = future.as_mut().is_none_or(|future| {
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            polled.is_ready()
        });
        if is_done {
            let done = future.take();
            drop(future);
            drop(done);
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use std::sync::Arc;

    use super::*;

    /// What has been done.
    #[derive(Default)]
    struct Done(usize);

    impl Ready for Done {
        fn ready(&self) -> bool {
            self.0 > 0
        }
    }

    fn counts(done: &Arc<Half<Done>>) -> impl FnOnce() + Send + 'static {
        let done = done.clone();
        move || done.update(|done, _| done.0 += 1)
    }

    fn take(done: &Half<Done>) {
        let one = |done: &mut Done, _: &mut _| {
            let left = done.0.checked_sub(1)?;
            done.0 = left;
            Some(())
        };
        done.wait(|| Patience::Forever, one).unwrap();
    }

    /// Each job is done, though the thread that was there for it is about to leave.
    #[test]
    fn loom_workers_leave_no_job() {
        loom::model(|| {
            let workers = Workers::new();
            let done = Arc::new(Half::new(Done::default()));
            workers.submit(Box::new(counts(&done)));
            workers.submit(Box::new(counts(&done)));
            take(&done);
            take(&done);
        });
    }

    /// A task that is woken while it is polled is polled again.
    #[test]
    fn loom_workers_miss_no_wake_up() {
        loom::model(|| {
            let workers = Workers::new();
            let done = Arc::new(Half::new(Done::default()));
            let awaited = Arc::new(Half::new(Done::default()));
            let (told, supplied) = (counts(&done), counts(&awaited));
            workers.spawn(async move {
                awaited
                    .wait_async(|awaited, _| (awaited.0 > 0).then_some(()))
                    .await;
                told();
            });
            supplied();
            take(&done);
        });
    }
}
