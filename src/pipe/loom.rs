//! Models of a lane between two threads: nobody sleeps while there is something for him, and every
//! message is taken once or counted as lost once.

use std::sync::Arc;

use loom::thread;

use super::changes::Change;
use super::lane::{Lane, Refusal, Room};
use super::{Budget, Limits, Load};
use crate::signal::{News, Parker, Post, Target, Wakes};

/// An owner that is one sleeping thread.
struct Sleeper(Arc<Parker>);

impl Post for Sleeper {
    fn post(&self, _: u64, _: News) {
        self.0.unpark();
    }
}

fn target(parker: &Arc<Parker>) -> Target {
    Target {
        owner: Arc::new(Sleeper(parker.clone())),
        token: 0,
    }
}

type TestLane = Lane<std::collections::VecDeque<crate::message::Message>>;

fn lane(limit: usize) -> Arc<TestLane> {
    lane_of(limit, None, None)
}

fn lane_of(messages: usize, bytes: Option<usize>, budget: Option<Arc<Budget>>) -> Arc<TestLane> {
    let limits = Limits {
        messages,
        bytes,
        conflate: false,
    };
    let lane = Arc::new(Lane::new(limits, budget));
    lane.set_direct(true);
    lane
}

fn write(lane: &TestLane, text: &'static str) -> Result<(), Refusal> {
    if lane.append_directly(1, |batch| batch.push_back(text.into())) {
        return Ok(());
    }
    let mut wakes = Wakes::new();
    let outcome = lane.admit(Room::Free, &mut wakes).map(|room| {
        room.append(1, &mut wakes, |batch| batch.push_back(text.into()));
    });
    wakes.fire();
    outcome
}

/// Writes, sleeping while the lane is full; `false` if the taker has gone.
fn write_all(lane: &TestLane, texts: &[&'static str]) -> usize {
    let me = Parker::current();
    let mut wakes = Wakes::new();
    lane.set_writer(target(&me), &mut wakes);
    wakes.fire();
    for (n, text) in texts.iter().enumerate() {
        loop {
            match write(lane, text) {
                Ok(()) => break,
                Err(Refusal::Full) => {
                    me.park(None);
                }
                Err(Refusal::Ended) => return n,
            }
        }
    }
    let mut wakes = Wakes::new();
    lane.end_writing(&mut wakes);
    wakes.fire();
    texts.len()
}

/// Takes until the lane has ended, or `most` messages are there; sleeps while it is empty.
fn take(lane: &TestLane, most: usize) -> (Vec<String>, Load) {
    take_as(lane, most, false)
}

/// The same for a taker that may be patient: it looks again after it has given the writer room.
fn take_as(lane: &TestLane, most: usize, patient: bool) -> (Vec<String>, Load) {
    let me = Parker::current();
    let mut wakes = Wakes::new();
    lane.set_taker(target(&me), &mut wakes);
    wakes.fire();
    let (mut batch, mut read, mut all) = (Default::default(), Load::NONE, Vec::new());
    while all.len() < most {
        let mut wakes = Wakes::new();
        let worked_off = std::mem::take(&mut read);
        let taken = lane.take_unless_relieved(&mut batch, worked_off, patient, &mut wakes);
        wakes.fire();
        if taken.ended {
            break;
        }
        if !taken.got && !(patient && taken.relieved) {
            me.park(None);
        }
        for message in batch.drain(..) {
            read += Load {
                messages: 1,
                bytes: 1,
            };
            all.push(message.first().to_str().unwrap().to_owned());
        }
    }
    (all, read)
}

/// Hand-over and sleep, both ways: the taker finds nothing and sleeps just as the writer appends.
#[test]
fn loom_hand_over_and_sleep() {
    loom::model(|| {
        let lane = lane(0);
        let writer = thread::spawn({
            let lane = lane.clone();
            move || write_all(&lane, &["a", "b"])
        });
        let (all, _) = take(&lane, usize::MAX);
        assert_eq!(all, ["a", "b"]);
        assert_eq!(writer.join().unwrap(), 2);
    });
}

/// Credit return: the writer finds the lane full and sleeps just as the taker works it off.
#[test]
fn loom_credit_return() {
    loom::model(|| {
        let lane = lane(1);
        let writer = thread::spawn({
            let lane = lane.clone();
            move || write_all(&lane, &["a", "b"])
        });
        let (all, _) = take(&lane, usize::MAX);
        assert_eq!(all, ["a", "b"]);
        assert_eq!(writer.join().unwrap(), 2);
        assert!(lane.queued().messages <= 1);
    });
}

/// The same with a taker that looks again before it sleeps.
#[test]
fn loom_credit_return_to_a_patient_taker() {
    loom::model(|| {
        let lane = lane(1);
        let writer = thread::spawn({
            let lane = lane.clone();
            move || write_all(&lane, &["a", "b"])
        });
        let (all, _) = take_as(&lane, usize::MAX, true);
        assert_eq!(all, ["a", "b"]);
        assert_eq!(writer.join().unwrap(), 2);
    });
}

/// The taker goes while the writer is in the middle: what it wrote was taken or is counted as lost.
#[test]
fn loom_taker_ends_in_the_middle() {
    loom::model(|| {
        let lane = lane(1);
        let writer = thread::spawn({
            let lane = lane.clone();
            move || write_all(&lane, &["a", "b"])
        });
        let (all, read) = take(&lane, 1);
        let mut wakes = Wakes::new();
        let lost = lane.end_taking(read, &mut wakes);
        wakes.fire();
        let written = writer.join().unwrap();
        assert_eq!(all.len() + lost.messages, written);
    });
}

/// The writer goes while the taker is in the middle: everything written is still taken.
#[test]
fn loom_writer_ends_in_the_middle() {
    loom::model(|| {
        let lane = lane(0);
        let taker = thread::spawn({
            let lane = lane.clone();
            move || take(&lane, usize::MAX).0
        });
        assert_eq!(write_all(&lane, &["a"]), 1);
        assert_eq!(taker.join().unwrap(), ["a"]);
    });
}

/// Both go at once: no deadlock, nothing counted twice.
#[test]
fn loom_both_end_at_once() {
    loom::model(|| {
        let lane = lane(0);
        let writer = thread::spawn({
            let lane = lane.clone();
            move || write_all(&lane, &["a"])
        });
        let mut wakes = Wakes::new();
        let lost = lane.end_taking(Load::NONE, &mut wakes);
        wakes.fire();
        assert_eq!(
            lost.messages,
            if writer.join().unwrap() == 1 {
                lost.messages
            } else {
                0
            }
        );
        assert!(lane.queued().is_none());
    });
}

/// A change of the subscriptions is told just as the taker falls asleep, and a message is sent after
/// it: the taker wakes for it, and has it no later than the message.
#[test]
fn loom_a_change_is_never_later_than_a_message_sent_after_it() {
    loom::model(|| {
        let lane = lane(0);
        let mut wakes = Wakes::new();
        lane.tell_all(Vec::new(), &mut wakes);
        wakes.fire();
        let writer = thread::spawn({
            let lane = lane.clone();
            move || {
                let mut wakes = Wakes::new();
                lane.tell(
                    Change {
                        topic: "topic".into(),
                        subscribe: true,
                        first: true,
                    },
                    &mut wakes,
                );
                wakes.fire();
                write(&lane, "after").unwrap();
            }
        });
        let me = Parker::current();
        let mut wakes = Wakes::new();
        lane.set_taker(target(&me), &mut wakes);
        wakes.fire();
        let (mut batch, mut told) = (std::collections::VecDeque::new(), false);
        loop {
            let mut wakes = Wakes::new();
            let taken = lane.take(&mut batch, Load::NONE, &mut wakes);
            wakes.fire();
            told |= !taken.changes.is_empty();
            if batch.pop_front().is_some() {
                break;
            }
            if !taken.got {
                me.park(None);
            }
        }
        assert!(told);
        writer.join().unwrap();
    });
}

/// A new peer is told everything just as one more change is made: it knows of it in either case.
#[test]
fn loom_a_new_peer_is_told_of_every_change() {
    loom::model(|| {
        let lane = lane(0);
        let set = Arc::new(loom::sync::Mutex::new(vec![]));
        let change = |topic: &'static str| Change {
            topic: topic.into(),
            subscribe: true,
            first: true,
        };
        let subscriber = thread::spawn({
            let (lane, set) = (lane.clone(), set.clone());
            move || {
                // As under the outbound half's lock: the set and what is told change together.
                let mut set = set.lock().unwrap();
                set.push("topic");
                let mut wakes = Wakes::new();
                lane.tell(change("topic"), &mut wakes);
                drop(set);
                wakes.fire();
            }
        });
        {
            let set = set.lock().unwrap();
            let mut wakes = Wakes::new();
            lane.tell_all(set.iter().map(|topic| change(topic)).collect(), &mut wakes);
            drop(set);
            wakes.fire();
        }
        subscriber.join().unwrap();
        let mut wakes = Wakes::new();
        let taken = lane.take(&mut Default::default(), Load::NONE, &mut wakes);
        wakes.fire();
        assert_eq!(taken.changes.len(), 1);
    });
}

/// The same where the limit is one of bytes.
#[test]
fn loom_credit_return_in_bytes() {
    loom::model(|| {
        let lane = lane_of(0, Some(1), None);
        let writer = thread::spawn({
            let lane = lane.clone();
            move || write_all(&lane, &["a", "b"])
        });
        let (all, _) = take(&lane, usize::MAX);
        assert_eq!(all, ["a", "b"]);
        assert_eq!(writer.join().unwrap(), 2);
        assert!(lane.queued().bytes <= 1);
    });
}

/// A writer finds the budget used up just as another lane gives its share back: it is told, though
/// nobody takes anything out of its own lane.
#[test]
fn loom_what_one_lane_gives_back_another_has() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(3));
        let one = lane_of(0, None, Some(budget.clone()));
        let other = lane_of(0, None, Some(budget.clone()));
        for text in ["a", "b"] {
            write(&one, text).unwrap();
        }
        write(&other, "c").unwrap();
        let taker = thread::spawn(move || {
            let (all, read) = take(&one, 2);
            assert_eq!(all, ["a", "b"]);
            let mut wakes = Wakes::new();
            one.take(&mut Default::default(), read, &mut wakes);
            wakes.fire();
            one
        });
        assert_eq!(write_all(&other, &["d"]), 1);
        drop(taker.join().unwrap());
        assert_eq!(other.queued().messages, 2);
        drop(other);
        assert_eq!(budget.used(), 0);
    });
}

/// A writer waits for what another lane has, which ends: it is told.
#[test]
fn loom_an_end_gives_the_budget_back() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(4));
        let one = lane_of(0, None, Some(budget.clone()));
        let other = lane_of(0, None, Some(budget));
        for text in ["a", "b", "c"] {
            write(&one, text).unwrap();
        }
        write(&other, "d").unwrap();
        let leaver = thread::spawn(move || {
            let mut wakes = Wakes::new();
            let lost = one.end_taking(Load::NONE, &mut wakes);
            wakes.fire();
            lost.messages
        });
        assert_eq!(write_all(&other, &["e"]), 1);
        assert_eq!(leaver.join().unwrap(), 3);
    });
}

/// Who forbids the direct way has seen the last message that came by it.
#[test]
fn loom_the_direct_way_is_closed_for_good() {
    loom::model(|| {
        let lane = lane(0);
        assert_eq!(write(&lane, "wakes"), Ok(()));
        let mut wakes = Wakes::new();
        lane.take(&mut Default::default(), Load::NONE, &mut wakes);
        wakes.fire();
        let writer = thread::spawn({
            let lane = lane.clone();
            let append = move || lane.append_directly(1, |batch| batch.push_back("a".into()));
            move || (0..2).filter(|_| append()).count()
        });
        lane.set_direct(false);
        let seen = lane.tally().direct.messages;
        assert_eq!(writer.join().unwrap(), seen);
        assert_eq!(lane.queued().messages, 1 + seen);
    });
}
