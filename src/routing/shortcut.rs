//! The way to the only peer there is, past the half.

use std::sync::OnceLock;
// A hint and no hand-over, which is the lane's lock: std's own even in a model.
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::message::Message;
use crate::pipe::Outlet;

/// Where a socket that balances its load has but one pipe, there is nothing to balance: whoever
/// sends needs the lock of its lane and no other.
///
/// ```text
///   send ──► outbound half: whose turn is it? ──► lane
///     └──────────────── Shortcut ────────────────┘       while the lane says that it is `direct`
/// ```
///
/// Whether it may be taken is written in the lane, under its lock, by who has that of the half: so a
/// socket that has ended, or has another peer now, has let in the last message this way when it says
/// so. Whatever is not plain goes the long way.
#[derive(Debug)]
pub(crate) struct Shortcut {
    /// The pipes that were the only one, one after the other; they are written once, and so can be
    /// read with no lock. Who has had so many has done without the shortcut ever since.
    ways: [OnceLock<Outlet>; WAYS],
    /// Where it leads to, if anywhere.
    current: AtomicUsize,
    /// Which of them was the last.
    last: AtomicUsize,
}

const WAYS: usize = 8;

impl Shortcut {
    pub(super) fn new() -> Self {
        Self {
            ways: Default::default(),
            current: AtomicUsize::new(WAYS),
            last: AtomicUsize::new(0),
        }
    }

    /// Queues the message if that is all there is to do; `false`: it has to go the long way. What is
    /// left in `message` is for the caller to drop.
    // Not part of its callers: that a call is spared for each message is not worth as many copies of
    // it as there are places where a program sends.
    #[inline(never)]
    pub(crate) fn send(&self, message: &mut Message) -> bool {
        let way = self.ways.get(self.current.load(Ordering::Relaxed));
        way.and_then(OnceLock::get)
            .is_some_and(|outlet| outlet.write_directly(message))
    }

    /// It leads nowhere. (Who does not know yet finds that the lane is not `direct`.)
    pub(super) fn close(&self) {
        self.current.store(WAYS, Ordering::Relaxed);
    }

    /// From now on it leads to this pipe; `false` if there is no place for one more.
    pub(super) fn lead_to(&self, outlet: &Outlet) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        for (place, way) in self.ways.iter().enumerate().skip(last) {
            let known = way.get_or_init(|| outlet.clone());
            if known.is_same(outlet) {
                self.last.store(place, Ordering::Relaxed);
                self.current.store(place, Ordering::Relaxed);
                return true;
            }
        }
        false
    }
}
