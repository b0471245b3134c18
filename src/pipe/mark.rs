//! A place in a lane: somebody waits until all that was let in before it has been worked off.

use std::sync::Weak;

use crate::signal::{News, Post, Target, Wakes};

/// The nearest place that somebody waits for, if anybody does.
///
/// One is enough for any number who wait: all of them look again when it is passed, and those who
/// wait for a later one set it anew. So one who gives up has nothing to take back.
#[derive(Default)]
pub(super) struct Mark(Option<Place>);

struct Place {
    /// Counted in messages let in.
    position: usize,
    /// Weak: the lane may outlive the socket, which must not live on for that.
    waiter: Weak<dyn Post>,
    token: u64,
}

impl Mark {
    /// Sets it, unless there is a nearer one; says whether it is another one now.
    pub(super) fn set(&mut self, position: usize, waiter: &Weak<dyn Post>, token: u64) -> bool {
        if self
            .0
            .as_ref()
            .is_some_and(|place| place.position <= position)
        {
            return false;
        }
        self.0 = Some(Place {
            position,
            waiter: waiter.clone(),
            token,
        });
        true
    }

    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// So many messages are done with; whoever waited for that is told.
    #[inline]
    pub(super) fn pass(&mut self, done: usize, wakes: &mut Wakes) {
        if let Some(place) = self.0.take_if(|place| place.position <= done)
            && let Some(owner) = place.waiter.upgrade()
        {
            let token = place.token;
            wakes.post(Target { owner, token }, News::Flushed);
        }
    }
}
