//! Models of threads that hand a driver to each other. The poll is a flag with a condition, and the
//! keeper steps aside after every turn, if it may, and is back at once, unless a guest was faster.

use std::sync::Arc;
use std::time::Instant;

use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::{Driver, Turn};
use crate::signal::{Parker, Rouse};

/// What is for the guest.
const MESSAGE: u64 = 1;
/// What the guest answers.
const ANSWER: u64 = 2;

#[derive(Default)]
struct Inbox {
    messages: usize,
    waiter: Option<Arc<Parker>>,
}

struct World {
    turn: Turn<Toy, ()>,
    /// Whether the poll is to end.
    event: Mutex<bool>,
    given: Condvar,
    inbox: Mutex<Inbox>,
    answers: Mutex<usize>,
    /// Who waits for all answers.
    client: Arc<Parker>,
}

struct Toy(Arc<World>);

impl Toy {
    fn serve(&self) {
        let (mut ready, mut orders) = (Vec::new(), Vec::new());
        self.0.turn.mailbox().collect(&mut ready, &mut orders);
        for token in ready {
            if token == ANSWER {
                *self.0.answers.lock().unwrap() += 1;
                self.0.client.unpark();
                continue;
            }
            self.0.give();
        }
    }
}

impl Driver for Toy {
    fn turn(&mut self, _: Option<Instant>, _: bool) {
        if self.0.turn.mailbox().fall_asleep() {
            let mut event = self.0.event.lock().unwrap();
            while !*event {
                event = self.0.given.wait(event).unwrap();
            }
            *event = false;
        }
        self.serve();
    }

    fn catch_up(&mut self) {
        self.serve();
    }

    fn was_interrupted(&self) -> bool {
        false
    }

    fn is_at_rest(&self) -> bool {
        true
    }

    fn shut_down(&mut self) {}
}

impl World {
    fn new() -> Arc<Self> {
        let world = Arc::new(Self {
            turn: Turn::new(),
            event: Mutex::new(false),
            given: Condvar::new(),
            inbox: Mutex::default(),
            answers: Mutex::new(0),
            client: Parker::current(),
        });
        world.turn.set(Some(Toy(world.clone())));
        world
    }

    fn keep(self: &Arc<Self>) -> thread::JoinHandle<()> {
        let world = self.clone();
        thread::spawn(move || world.turn.keep())
    }

    fn wake(&self) {
        *self.event.lock().unwrap() = true;
        self.given.notify_one();
    }

    fn post(&self, token: u64) {
        self.turn.post(token, || self.wake());
    }

    /// Puts a message into the inbox, and wakes who waits for it.
    fn give(&self) {
        let mut inbox = self.inbox.lock().unwrap();
        inbox.messages += 1;
        let waiter = inbox.waiter.take();
        drop(inbox);
        if let Some(waiter) = waiter {
            waiter.unpark();
        }
    }

    /// Waits for a message as a half does.
    fn receive(self: &Arc<Self>) {
        let me = Parker::current();
        loop {
            let mut inbox = self.inbox.lock().unwrap();
            if inbox.messages > 0 {
                inbox.messages -= 1;
                return;
            }
            inbox.waiter = Some(me.clone());
            drop(inbox);
            self.turn.wait(&me, self, true, None);
        }
    }

    /// A thread that does this beside the others.
    fn guest(self: &Arc<Self>, what: impl FnOnce(&Arc<Self>) + 'static) -> thread::JoinHandle<()> {
        let world = self.clone();
        thread::spawn(move || what(&world))
    }

    fn stop(&self) {
        let owed = self.turn.mailbox().stop();
        self.turn.settle(owed, || self.wake());
    }
}

impl Rouse for World {
    fn rouse(&self) {
        let owed = self.turn.mailbox().rouse();
        self.turn.settle(owed, || self.wake());
    }
}

#[test]
fn loom_turn_serves_what_is_posted_whoever_drives() {
    loom::model(|| {
        let world = World::new();
        let keeper = world.keep();
        let guest = world.guest(|world| {
            world.receive();
            world.post(ANSWER);
        });
        world.post(MESSAGE);
        while *world.answers.lock().unwrap() < 1 {
            world.client.park(None);
        }
        guest.join().unwrap();
        world.stop();
        keeper.join().unwrap();
    });
}

/// The guest leaves, answers and is gone, while somebody else waits for that.
#[test]
fn loom_turn_serves_those_who_rely_on_it_beside_a_guest() {
    loom::model(|| {
        let world = World::new();
        let keeper = world.keep();
        let guest = world.guest(|world| {
            world.receive();
            world.post(ANSWER);
        });
        world.post(MESSAGE);
        let owed = world.turn.mailbox().rely(true);
        world.turn.settle(owed, || world.wake());
        while *world.answers.lock().unwrap() < 1 {
            world.client.park(None);
        }
        let _ = world.turn.mailbox().rely(false);
        guest.join().unwrap();
        world.stop();
        keeper.join().unwrap();
    });
}

/// What is much goes out before its writer waits again, and what comes after it, too.
#[test]
fn loom_turn_serves_what_is_ripe_and_what_follows() {
    loom::model(|| {
        let world = World::new();
        let keeper = world.keep();
        let guest = world.guest(|world| {
            world.receive();
            world.post(ANSWER);
            world.turn.ripen();
            world.post(ANSWER);
        });
        world.post(MESSAGE);
        while *world.answers.lock().unwrap() < 2 {
            world.client.park(None);
        }
        guest.join().unwrap();
        world.stop();
        keeper.join().unwrap();
    });
}

#[test]
fn loom_turn_guest_is_woken_by_others() {
    loom::model(|| {
        let world = World::new();
        let keeper = world.keep();
        let guest = world.guest(|world| world.receive());
        // Not through the reactor: it comes from elsewhere.
        world.give();
        guest.join().unwrap();
        world.stop();
        keeper.join().unwrap();
    });
}

#[test]
fn loom_turn_ends_while_a_guest_drives() {
    loom::model(|| {
        let world = World::new();
        let keeper = world.keep();
        let guest = world.guest(|world| world.receive());
        world.stop();
        keeper.join().unwrap();
        // The socket's end.
        world.give();
        guest.join().unwrap();
    });
}

#[test]
fn loom_turn_two_guests_both_get_in_or_are_served() {
    loom::model(|| {
        let world = World::new();
        let keeper = world.keep();
        let guest = world.guest(|world| {
            world.post(MESSAGE);
            world.receive();
        });
        world.post(ANSWER);
        while *world.answers.lock().unwrap() < 1 {
            world.turn.wait(&world.client, &world, true, None);
        }
        guest.join().unwrap();
        world.stop();
        keeper.join().unwrap();
    });
}
