//! An authenticator at work: asked on threads of its own, about so many at a time.

use std::fmt;
use std::sync::Arc;

use super::workers::Workers;
use super::{Ask, Asked, Authenticator, Candidate, Reply};
use crate::sync::{AtomicU64, Ordering};

/// Candidates that are with one authenticator at a time, asked about or waiting for that.
const CANDIDATES_MAX: u64 = 4096;

/// An authenticator, with the threads on which it is asked. Clones are the same.
#[derive(Clone)]
pub(crate) struct Hired(Arc<Post>);

struct Post {
    /// `None` once it is let go of.
    authenticator: Option<Arc<dyn Authenticator>>,
    workers: Workers,
    candidates: Arc<AtomicU64>,
}

impl Hired {
    pub(crate) fn new(authenticator: impl Authenticator) -> Self {
        Self(Arc::new(Post {
            authenticator: Some(Arc::new(authenticator)),
            workers: Workers::new(),
            candidates: Arc::default(),
        }))
    }

    /// Asks; the answer comes on whatever thread it is given.
    pub(crate) fn ask(&self, ask: Ask, reply: Reply) -> Asked {
        let place = Place::take(&self.0.candidates);
        let is_full = place.is_none();
        let reply: Reply = Box::new(move |ruling| {
            drop(place);
            reply(ruling);
        });
        let (candidate, asked) = Candidate::new(ask, reply);
        match &self.0.authenticator {
            _ if is_full => candidate.refuse_for_now(),
            Some(authenticator) => {
                let authenticator = authenticator.clone();
                self.0.workers.submit(Box::new(move || {
                    // Of those who have left meanwhile nothing needs to be found out.
                    if candidate.is_waiting() {
                        authenticator.authenticate(candidate);
                    }
                }));
            }
            None => drop(candidate),
        }
        asked
    }
}

/// The last that has it may be anybody, with any lock held: what is the application's is dropped where
/// it runs.
impl Drop for Post {
    fn drop(&mut self) {
        if let Some(authenticator) = self.authenticator.take() {
            self.workers.submit(Box::new(move || drop(authenticator)));
        }
    }
}

impl fmt::Debug for Hired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

/// One of the places for candidates.
struct Place(Arc<AtomicU64>);

impl Place {
    fn take(taken: &Arc<AtomicU64>) -> Option<Self> {
        let place = Self(taken.clone());
        // Counted before it is looked at: `place` gives it back.
        (taken.fetch_add(1, Ordering::Relaxed) < CANDIDATES_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
