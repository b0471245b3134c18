//! How many topics subscribers of one origin have together.

use std::collections::HashMap;

use super::active::ByPipe;
use crate::admission::Origin;
use crate::pipe::PipeId;

/// The sums of what each pipe has, by where its peer is.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    pipes: ByPipe<(Origin, usize)>,
    sums: HashMap<Origin, usize>,
}

impl Origins {
    /// A pipe has so many now; nobody counts what has no origin.
    pub(crate) fn set(&mut self, pipe: PipeId, origin: Option<Origin>, count: usize) {
        let now = origin.filter(|_| count > 0).map(|origin| (origin, count));
        let before = match now {
            Some(now) => self.pipes.insert(pipe, now),
            None => self.pipes.remove(&pipe),
        };
        if let Some((origin, count)) = now {
            *self.sums.entry(origin).or_default() += count;
        }
        if let Some((origin, count)) = before
            && let Some(sum) = self.sums.get_mut(&origin)
        {
            *sum = sum.saturating_sub(count);
            if *sum == 0 {
                self.sums.remove(&origin);
            }
        }
    }

    /// How many all of one origin have.
    pub(crate) fn sum(&self, origin: Option<Origin>) -> usize {
        let sum = origin.and_then(|origin| self.sums.get(&origin));
        sum.copied().unwrap_or(0)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_one_origin_has_is_added_up_and_leaves_nothing_behind() {
        let (one, other) = (Some(Origin::User(1)), Some(Origin::User(2)));
        let mut origins = Origins::default();
        origins.set(1, one, 3);
        origins.set(2, one, 4);
        origins.set(3, other, 5);
        origins.set(4, None, 6);
        assert_eq!((origins.sum(one), origins.sum(other)), (7, 5));
        assert_eq!(origins.sum(None), 0);
        origins.set(1, one, 2);
        assert_eq!(origins.sum(one), 6);
        // Another is at the end of the pipe now.
        origins.set(1, other, 2);
        assert_eq!((origins.sum(one), origins.sum(other)), (4, 7));
        for pipe in 1..=4 {
            origins.set(pipe, one, 0);
        }
        assert!(origins.pipes.is_empty() && origins.sums.is_empty());
    }
}
