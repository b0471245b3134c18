//! The other Rust libraries of this protocol, each in the setting that its own documents call its
//! best: throughput and latency.
//!
//! ```text
//!   families ─► work ─► Rival ◄─ omq, monocoque, rzmq, zmq_rs
//! ```
//!
//! All are made for tasks, so what a process does is one here; they copy, receive and look as the
//! others do.

mod monocoque;
mod omq;
mod rzmq;
mod zmq_rs;

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::families::latency;
use crate::flow::{self, Look};
use crate::side::Result;
use crate::task::Task;
use crate::worker::Parent;

/// Which, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Omq,
    OmqCaller,
    Monocoque,
    MonocoqueCoalescing,
    Rzmq,
    ZmqRs,
}

impl Name {
    pub(crate) const ALL: [Self; 6] = [
        Self::Omq,
        Self::OmqCaller,
        Self::Monocoque,
        Self::MonocoqueCoalescing,
        Self::Rzmq,
        Self::ZmqRs,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Omq => "omq",
            Self::OmqCaller => "omq-caller",
            Self::Monocoque => "monocoque",
            Self::MonocoqueCoalescing => "monocoque-coalescing",
            Self::Rzmq => "rzmq",
            Self::ZmqRs => "zmq.rs",
        }
    }

    /// What is measured.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Omq => "omq-tokio 0.33.0, a context with an I/O thread of its own",
            Self::OmqCaller => "omq-tokio 0.33.0, in the caller's current-thread tokio runtime",
            Self::Monocoque => "monocoque-rs 0.4.2, default, its tokio backend",
            Self::MonocoqueCoalescing => {
                "monocoque-rs 0.4.2, opt-in write coalescing, flushed once at the end, its tokio \
                 backend"
            }
            Self::Rzmq => {
                "rzmq 0.5.28, multi-thread tokio runtime, adaptive throttle off; for throughput \
                 TCP_CORK"
            }
            Self::ZmqRs => {
                "zeromq 0.7.0, current-thread tokio runtime; its queues hold 100,000, which cannot \
                 be set"
            }
        }
    }

    /// Whether there is something in it that latency would show: coalescing is for throughput.
    pub(crate) fn has_latency(self) -> bool {
        self != Self::MonocoqueCoalescing
    }
}

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Push,
    Pull,
    Req,
    Rep,
}

/// A socket of one of them.
trait Rival: Sized {
    /// Runs a task as its documents say.
    fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T>;

    async fn connect(role: Role, endpoint: &str) -> Result<Self>;

    /// Calls `at` with the endpoint it really got. May wait for who connects.
    async fn bind(role: Role, endpoint: &str, at: impl FnOnce(&str) -> Result<()>) -> Result<Self>;

    async fn send(&mut self, data: &[u8]) -> Result<()>;

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    async fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T>;
}

/// Does what a child process is told to.
pub(crate) fn work(name: Name, task: &Task, parent: &Parent) -> Result<()> {
    match name {
        Name::Omq => work_with::<omq::Omq<true>>(task, parent),
        Name::OmqCaller => work_with::<omq::Omq<false>>(task, parent),
        Name::Monocoque => work_with::<monocoque::Monocoque<false>>(task, parent),
        Name::MonocoqueCoalescing => work_with::<monocoque::Monocoque<true>>(task, parent),
        Name::Rzmq => work_with::<rzmq::Rzmq>(task, parent),
        Name::ZmqRs => work_with::<zmq_rs::ZmqRs>(task, parent),
    }
}

fn work_with<R: Rival>(task: &Task, parent: &Parent) -> Result<()> {
    let (size, count) = (task.size("size")?, task.number("count")?);
    let endpoint = task.endpoint.as_str();
    let at = |endpoint: &str| parent.say(&format!("at {endpoint}"));
    R::block_on(async {
        match task.role.as_str() {
            "sender" => {
                let mut push = R::connect(Role::Push, endpoint).await?;
                let buffer = flow::buffer(size);
                for _ in 0..count {
                    push.send(black_box(&buffer)).await?;
                }
                push.flush().await?;
                parent.say("sent")?;
                told(parent).await
            }
            "receiver" => {
                let mut pull = R::bind(Role::Pull, endpoint, at).await?;
                let mut look = Look::new(size);
                pull.recv(|data| look.at(data)).await?;
                let first = Instant::now();
                for _ in 1..count {
                    pull.recv(|data| look.at(data)).await?;
                }
                let took = first.elapsed();
                look.end()?;
                parent.say(&format!("took {}", took.as_secs_f64()))
            }
            "asker" => {
                let mut req = R::connect(Role::Req, endpoint).await?;
                let mut times = latency::Times::new(count)?;
                let question = latency::buffer(size, latency::FIRST);
                for trip in 0..latency::WARM_UP + count {
                    let start = Instant::now();
                    req.send(black_box(&question)).await?;
                    req.flush().await?;
                    req.recv(|data| latency::check(data, size)).await??;
                    if trip >= latency::WARM_UP {
                        times.add(start.elapsed());
                    }
                }
                req.send(&latency::buffer(size, latency::END)).await?;
                req.flush().await?;
                req.recv(|data| latency::check(data, size)).await??;
                times.say(parent)
            }
            "answerer" => {
                let mut rep = R::bind(Role::Rep, endpoint, at).await?;
                let reply = latency::buffer(size, latency::FIRST);
                loop {
                    let asked = rep.recv(|data| latency::check(data, size)).await??;
                    rep.send(black_box(&reply)).await?;
                    rep.flush().await?;
                    if asked == latency::END {
                        return told(parent).await;
                    }
                }
            }
            other => Err(format!("no role {other}").into()),
        }
    })
}

/// Waits for the parent without holding up what else the runtime does.
async fn told(parent: &Parent) -> Result<()> {
    const LOOK: Duration = Duration::from_millis(1);
    while !parent.has_told()? {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// The runtime that most of them have in their documents.
fn in_this_thread<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// An endpoint that can be connected to before it is bound: with a port that was free just now.
fn with_port(endpoint: &str) -> Result<String> {
    let Some(host) = endpoint
        .strip_prefix("tcp://")
        .and_then(|address| address.strip_suffix(":*"))
    else {
        return Ok(endpoint.to_owned());
    };
    let free = std::net::TcpListener::bind((host, 0))?;
    Ok(format!("tcp://{}", free.local_addr()?))
}
