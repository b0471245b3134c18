//! Which reactors a socket depends on, and how its calls wait for them.

use std::sync::Arc;
use std::time::Instant;

use super::Handle;
use crate::signal::{Owed, Parker, Wakes};
use crate::sync::Mutex;
use crate::waiting::{Spin, Surroundings};

/// Where that comes from what a socket waits for.
///
/// Its lock is below that of a half; only mailboxes are locked under it.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    sources: Mutex<Sources>,
    /// For those who wait for another socket of this process.
    spin: Spin,
}

#[derive(Debug, Default)]
struct Sources {
    /// Those that have ever served an endpoint of it.
    reactors: Vec<Arc<Handle>>,
    /// Other sockets of this process, too.
    has_inproc: bool,
    /// How many wait and leave it to others that something comes of it.
    relying: usize,
}

impl Reach {
    /// This one serves an endpoint from now on.
    pub(crate) fn add(&self, reactor: &Arc<Handle>) {
        let mut sources = self.sources.lock();
        if sources
            .reactors
            .iter()
            .any(|known| Arc::ptr_eq(known, reactor))
        {
            return;
        }
        let owed: Vec<_> = (0..sources.relying).map(|_| reactor.rely(true)).collect();
        sources.reactors.push(reactor.clone());
        drop(sources);
        for owed in owed {
            reactor.settle(owed);
        }
    }

    pub(crate) fn add_inproc(&self) {
        self.sources.lock().has_inproc = true;
    }

    /// The one that everything comes from.
    fn sole(&self) -> Option<Arc<Handle>> {
        let sources = self.sources.lock();
        match &sources.reactors[..] {
            [reactor] if !sources.has_inproc => Some(reactor.clone()),
            _ => None,
        }
    }

    fn rely(&self, more: bool, mut owes: impl FnMut(&Arc<Handle>, Owed)) {
        let mut sources = self.sources.lock();
        if more {
            sources.relying += 1;
        } else {
            sources.relying = sources.relying.saturating_sub(1);
        }
        for reactor in &sources.reactors {
            owes(reactor, reactor.rely(more));
        }
    }
}

/// What a half of a socket knows of that.
#[derive(Clone, Debug)]
pub(crate) struct Outlook {
    pub(crate) reach: Arc<Reach>,
    /// Whether who waits here waits for messages, and not for room.
    pub(crate) receives: bool,
}

impl Surroundings for Outlook {
    fn sleep(&self, me: &Arc<Parker>, deadline: Option<Instant>) -> bool {
        if let Some(reactor) = self.reach.sole() {
            return reactor.wait(me, self.receives, deadline);
        }
        let mut wakes = Wakes::new();
        self.came(&mut wakes);
        wakes.fire();
        let woken = if self.receives && !cfg!(loom) {
            self.reach.spin.park(me, deadline)
        } else {
            me.park(deadline)
        };
        self.went();
        woken
    }

    fn came(&self, wakes: &mut Wakes) {
        self.reach.rely(true, |reactor, owed| {
            if owed != Owed::Nothing {
                let reactor = reactor.clone();
                wakes.later(move || reactor.settle(owed));
            }
        });
    }

    fn went(&self) {
        // Who goes owes nothing.
        self.reach.rely(false, |_, _| {});
    }
}
