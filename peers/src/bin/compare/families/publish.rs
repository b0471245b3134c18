//! A publisher that waits for the slowest, and its subscribers: messages delivered per second.
//!
//! One process publishes, another has all the subscribers, each in a thread of its own. Nothing is
//! dropped: each subscriber has to get every message.

use std::thread;

use super::in_both_modes;
use crate::case::{Attempt, Case, FLOW, Figure, Length, Ran, Transport, Workload};
use crate::flow::{self, Span};
use crate::process::Crew;
use crate::side::{Library, Libzmq, Publishes, Result, Sends, Side, Socket, Subscribes, Zocket};
use crate::task::Task;
use crate::worker::Parent;

pub(super) const NAME: &str = "publish";

const SIZE: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Publish {
    subscribers: u64,
}

pub(super) fn cases() -> Vec<Case> {
    let cases = [1, 8, 64].map(|subscribers| {
        in_both_modes(&format!("pub/tcp/{subscribers}"), &Publish { subscribers })
    });
    cases.into_iter().flatten().collect()
}

impl Workload for Publish {
    fn figures(&self) -> &'static [Figure] {
        FLOW
    }

    fn length(&self) -> Length {
        Length::Timed {
            first: 100_000 / self.subscribers,
        }
    }

    fn run(&self, attempt: &Attempt) -> std::result::Result<Ran, String> {
        let crew = Crew::new(NAME, attempt);
        let task = |role, core| {
            crew.task(role, core)
                .with("subscribers", self.subscribers)
                .with("count", attempt.count)
        };
        let endpoint = crew.endpoint(Transport::Tcp);
        let mut publisher = crew.start(&task("publisher", 0).at(&endpoint))?;
        let endpoint = publisher.word("at")?;
        let subscribers = crew.start(&task("subscribers", 1).at(&endpoint))?;
        publisher.word("sent")?;
        let seconds = subscribers.number("took")?;
        publisher.tell()?;
        let usage = [publisher.usage()?, subscribers.usage()?].into_iter().sum();
        let delivered = (attempt.count - 1) * self.subscribers;
        Ok(Ran::flow(delivered, seconds, usage))
    }
}

pub(super) fn work(task: &Task, parent: &Parent) -> Result<()> {
    match task.side {
        Side::Zocket => work_with::<Zocket>(task, parent),
        Side::Libzmq => work_with::<Libzmq>(task, parent),
        other => Err(format!("{} does not do this", other.as_str()).into()),
    }
}

fn work_with<L: Library>(task: &Task, parent: &Parent) -> Result<()> {
    let (subscribers, count) = (task.size("subscribers")?, task.number("count")?);
    let context = L::context(1)?;
    match task.role.as_str() {
        "publisher" => {
            let mut publisher = L::publisher(&context)?;
            drop(context);
            parent.say(&format!("at {}", publisher.bind(&task.endpoint)?))?;
            publisher.await_subscriptions(subscribers)?;
            flow::send(&mut publisher, SIZE, count)?;
            parent.say("sent")?;
            parent.wait()?;
            publisher.close()
        }
        "subscribers" => {
            let spans = thread::scope(|scope| {
                let threads: Vec<_> = (0..subscribers)
                    .map(|_| {
                        scope.spawn(|| {
                            let mut subscriber = L::subscriber(&context)?;
                            subscriber.subscribe(b"")?;
                            subscriber.connect(&task.endpoint)?;
                            flow::receive(&mut subscriber, SIZE, count)
                        })
                    })
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().map_err(|_| "a subscriber panicked")?)
                    .collect::<Result<Vec<Span>>>()
            })?;
            let all = Span::of_all(&spans).ok_or("no subscribers")?;
            parent.say(&format!("took {}", all.length().as_secs_f64()))
        }
        other => Err(format!("no role {other}").into()),
    }
}
