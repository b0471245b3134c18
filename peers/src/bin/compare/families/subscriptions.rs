//! A publisher with a subscriber that has very many topics, each message of which is for one of
//! them: messages delivered per second. Nothing is dropped.

use std::hint::black_box;

use super::in_both_modes;
use crate::case::{Attempt, Case, FLOW, Figure, Length, Ran, Transport, Workload};
use crate::flow;
use crate::process::Crew;
use crate::side::{Library, Libzmq, Publishes, Result, Sends, Side, Socket, Subscribes, Zocket};
use crate::task::Task;
use crate::worker::Parent;

pub(super) const NAME: &str = "subscriptions";

const TOPICS: u64 = 100_000;

const SIZE: usize = 64;

/// Steps through the topics so that neighbours do not follow each other, and each has its turn: it
/// has no divisor in common with their number.
const STRIDE: u64 = 7919;

#[derive(Clone, Copy, Debug)]
struct Subscriptions;

pub(super) fn cases() -> Vec<Case> {
    in_both_modes(&format!("subscriptions/tcp/{TOPICS}"), &Subscriptions).into()
}

impl Workload for Subscriptions {
    fn figures(&self) -> &'static [Figure] {
        FLOW
    }

    fn length(&self) -> Length {
        Length::Timed { first: 50_000 }
    }

    fn run(&self, attempt: &Attempt) -> std::result::Result<Ran, String> {
        let crew = Crew::new(NAME, attempt);
        let task = |role, core| crew.task(role, core).with("count", attempt.count);
        let endpoint = crew.endpoint(Transport::Tcp);
        let mut publisher = crew.start(&task("publisher", 0).at(&endpoint))?;
        let endpoint = publisher.word("at")?;
        let subscriber = crew.start(&task("subscriber", 1).at(&endpoint))?;
        publisher.word("sent")?;
        let seconds = subscriber.number("took")?;
        publisher.tell()?;
        let usage = [publisher.usage()?, subscriber.usage()?].into_iter().sum();
        Ok(Ran::flow(attempt.count - 1, seconds, usage))
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
    let count = task.number("count")?;
    let context = L::context(1)?;
    match task.role.as_str() {
        "publisher" => {
            let mut publisher = L::publisher(&context)?;
            drop(context);
            parent.say(&format!("at {}", publisher.bind(&task.endpoint)?))?;
            publisher.await_subscriptions(usize::try_from(TOPICS)?)?;
            let topics: Vec<_> = (0..TOPICS).map(topic).collect();
            let mut buffer = flow::buffer(SIZE);
            let mut next = 0;
            for _ in 0..count {
                let topic = &topics[next as usize];
                buffer[..topic.len()].copy_from_slice(topic);
                next = (next + STRIDE) % TOPICS;
                publisher.send(black_box(&buffer))?;
            }
            parent.say("sent")?;
            parent.wait()?;
            publisher.close()
        }
        "subscriber" => {
            let mut subscriber = L::subscriber(&context)?;
            for number in 0..TOPICS {
                subscriber.subscribe(&topic(number))?;
            }
            subscriber.connect(&task.endpoint)?;
            let span = flow::receive(&mut subscriber, SIZE, count)?;
            parent.say(&format!("took {}", span.length().as_secs_f64()))
        }
        other => Err(format!("no role {other}").into()),
    }
}

/// Begins as every message does, and none is the beginning of another.
fn topic(number: u64) -> [u8; 8] {
    let mut topic = [flow::FIRST; 8];
    let mut rest = number;
    for digit in topic[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    topic
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{STRIDE, TOPICS, topic};

    #[test]
    fn topics_are_distinct_and_each_has_its_turn() {
        let topics: HashSet<_> = (0..TOPICS).map(topic).collect();
        assert_eq!(topics.len() as u64, TOPICS);
        let met: HashSet<_> = (0..TOPICS).map(|turn| turn * STRIDE % TOPICS).collect();
        assert_eq!(met.len() as u64, TOPICS);
    }
}
