//! The worlds that a socket lives in: threads that block, and tasks on one executor or another.
//!
//! A test body is written once, as an `async fn` that is given a [`World`]. What it does with a
//! socket it does through the world: in that of the threads `world.recv(&socket).await` *is*
//! `socket.recv()`, and the future around it is ready whenever it is polled; in the others it is
//! `socket.recv_async().await`. Whoever is to run at the same time is spawned by the world, as a
//! thread or as a task.
#![allow(dead_code, reason = "each test file uses a part of it")]

mod calls;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::tasks;
use crate::support::{ALL, Home, PATIENCE, Transport};

pub(crate) use calls::{Receiver, Sender};

/// How long a body may take before it is stuck.
const STUCK: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    /// Threads, each of which blocks.
    Threads,
    /// Threads, each of which polls one future, and sleeps until that is woken.
    BlockOn,
    /// Tasks of tokio, all on one thread.
    TokioOne,
    /// Tasks of tokio on several threads.
    TokioMany,
    /// Tasks of smol.
    Smol,
}

pub(crate) const TASKS: &[World] = &[
    World::BlockOn,
    World::TokioOne,
    World::TokioMany,
    World::Smol,
];

/// Runs a body on every transport.
pub(crate) fn everywhere<B>(world: World, body: B)
where
    B: AsyncFn(World, Arc<Home>, Transport) + Clone + Send + 'static,
{
    for &transport in ALL {
        println!("{transport:?}");
        let body = body.clone();
        world.run(async move || body(world, Arc::new(Home::new()), transport).await);
    }
}

/// Runs a body in every world there is, on every transport.
#[macro_export]
macro_rules! in_every_world {
    ($($body:ident)*) => {
        $crate::in_every_world!(@ threads Threads $($body)*);
        $crate::in_every_world!(@ block_on BlockOn $($body)*);
        $crate::in_every_world!(@ tokio_current_thread TokioOne $($body)*);
        $crate::in_every_world!(@ tokio_multi_thread TokioMany $($body)*);
        $crate::in_every_world!(@ smol Smol $($body)*);
    };
    (@ $name:ident $world:ident $($body:ident)*) => {
        mod $name {
            $(
                #[test]
                fn $body() {
                    $crate::world::everywhere($crate::world::World::$world, super::$body);
                }
            )*
        }
    };
}

impl World {
    /// Runs a future to its end on a thread of its own; fails if it is stuck.
    pub(crate) fn run<T: Send + 'static>(
        self,
        body: impl AsyncFnOnce() -> T + Send + 'static,
    ) -> T {
        let (done, end) = mpsc::channel();
        let thread = thread::spawn(move || {
            let outcome = self.block_on(body());
            let _ = done.send(());
            outcome
        });
        // Not told means that it has panicked, which `join` tells.
        if end.recv_timeout(STUCK) == Err(mpsc::RecvTimeoutError::Timeout) {
            panic!("{self:?}: stuck");
        }
        join(thread)
    }

    /// Runs a future to its end on this thread.
    fn block_on<F: Future>(self, future: F) -> F::Output {
        match self {
            Self::Threads => ready(future),
            Self::BlockOn => tasks::block_on(future),
            Self::TokioOne => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(future),
            Self::TokioMany => tokio::runtime::Builder::new_multi_thread()
                .worker_threads(3)
                .enable_all()
                .build()
                .unwrap()
                .block_on(future),
            Self::Smol => smol::block_on(future),
        }
    }

    /// Runs a future at the same time as this one.
    pub(crate) fn spawn<F>(self, future: F) -> Party<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match self {
            Self::Threads | Self::BlockOn => {
                Party::Thread(thread::spawn(move || self.block_on(future)))
            }
            Self::TokioOne | Self::TokioMany => Party::Tokio(tokio::spawn(future)),
            Self::Smol => Party::Smol(smol::spawn(future)),
        }
    }

    /// What the future gives, if it does in time; it is dropped otherwise. Not for threads, which
    /// cannot be made to stop: their calls have a timeout of their own.
    pub(crate) async fn within<F: Future>(self, time: Duration, future: F) -> Option<F::Output> {
        match self {
            Self::Threads => panic!("a thread cannot be cancelled"),
            Self::BlockOn => {
                smol::future::or(async { Some(future.await) }, async {
                    Pause::new(time).await;
                    None
                })
                .await
            }
            Self::TokioOne | Self::TokioMany => tokio::time::timeout(time, future).await.ok(),
            Self::Smol => {
                smol::future::or(async { Some(future.await) }, async {
                    smol::Timer::after(time).await;
                    None
                })
                .await
            }
        }
    }

    pub(crate) async fn pause(self, time: Duration) {
        match self {
            Self::Threads => thread::sleep(time),
            Self::BlockOn => Pause::new(time).await,
            Self::TokioOne | Self::TokioMany => tokio::time::sleep(time).await,
            Self::Smol => {
                smol::Timer::after(time).await;
            }
        }
    }

    /// Lets the others run until it is so.
    pub(crate) async fn until(self, what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
            self.pause(Duration::from_millis(1)).await;
        }
    }
}

/// Someone who runs at the same time.
pub(crate) enum Party<T> {
    Thread(JoinHandle<T>),
    Tokio(tokio::task::JoinHandle<T>),
    Smol(smol::Task<T>),
}

impl<T> Party<T> {
    /// Waits for the end, and what came of it.
    pub(crate) async fn join(self) -> T {
        match self {
            Self::Thread(thread) => join(thread),
            Self::Tokio(task) => task
                .await
                .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())),
            Self::Smol(task) => task.await,
        }
    }
}

/// Joins them all.
pub(crate) async fn join_all<T>(parties: impl IntoIterator<Item = Party<T>>) -> Vec<T> {
    let mut outcomes = Vec::new();
    for party in parties {
        outcomes.push(party.join().await);
    }
    outcomes
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The outcome of a future in which nothing but blocking calls are made.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("something other than a blocking call was waited for"),
    }
}

/// A timer for an executor that has none: a thread that sleeps, and then wakes who waits.
struct Pause {
    over: Arc<AtomicBool>,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Pause {
    fn new(time: Duration) -> Self {
        let pause = Self {
            over: Arc::default(),
            waker: Arc::default(),
        };
        let (over, waker) = (pause.over.clone(), pause.waker.clone());
        thread::spawn(move || {
            thread::sleep(time);
            over.store(true, Ordering::SeqCst);
            let waker = waker.lock().unwrap().take();
            waker.map(Waker::wake)
        });
        pause
    }
}

impl Future for Pause {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        *self.waker.lock().unwrap() = Some(cx.waker().clone());
        if self.over.load(Ordering::SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
