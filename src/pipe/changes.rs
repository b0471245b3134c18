//! Subscription changes on their way to a peer.

use std::collections::HashMap;

use crate::frame::Frame;

/// A topic asked for, or taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) topic: Frame,
    pub(crate) subscribe: bool,
    /// Of one that subscribes: the other side did not have the topic before.
    pub(crate) first: bool,
}

/// Changes that were not told yet, in order.
///
/// The other side may not take them for long, or never, while the application subscribes and
/// cancels for ever. So once there are many, and twice as many as were left the last time, only
/// what they come to is kept: of each topic the last change, and not even that if the topic came
/// and went. There are then no more than the topics that the other side has or is to have.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pending: Vec<Change>,
    /// How many the last compaction left.
    left: usize,
}

/// Few enough that it does not matter what they come to.
const FEW: usize = 1024;

impl Changes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn push(&mut self, change: Change) {
        self.pending.push(change);
        if self.pending.len() > FEW.max(2 * self.left) {
            self.compact();
        }
    }

    /// All of them; none are left.
    pub(crate) fn take(&mut self) -> Vec<Change> {
        std::mem::take(self).pending
    }

    /// Forgets what there was, and has these instead.
    pub(crate) fn replace(&mut self, changes: Vec<Change>) {
        self.left = changes.len();
        self.pending = changes;
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Keeps what the changes come to, each topic where its last change stood.
    fn compact(&mut self) {
        // By topic: whether the other side does not have it yet, and the place of the last change.
        let mut topics = HashMap::<&[u8], (bool, usize)>::new();
        for (place, change) in self.pending.iter().enumerate() {
            let new = change.subscribe && change.first;
            let (_, last) = topics.entry(&change.topic).or_insert((new, place));
            *last = place;
        }
        let mut lasts = vec![None; self.pending.len()];
        for (new, place) in topics.into_values() {
            lasts[place] = Some(new);
        }
        let mut lasts = lasts.into_iter();
        self.pending.retain_mut(|change| {
            let Some(new) = lasts.next().flatten() else {
                return false;
            };
            if change.subscribe {
                change.first = new;
            }
            change.subscribe || !new
        });
        self.left = self.pending.len();
        self.pending.shrink_to(FEW.max(2 * self.left) + 1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn change(topic: impl AsRef<[u8]>, subscribe: bool, first: bool) -> Change {
        Change {
            topic: Frame::copy_from_slice(topic.as_ref()),
            subscribe,
            first,
        }
    }

    fn compacted(changes: impl IntoIterator<Item = Change>) -> Vec<Change> {
        let mut pending = Changes::new();
        pending.replace(changes.into_iter().collect());
        pending.compact();
        pending.take()
    }

    #[test]
    fn few_are_kept_as_they_came() {
        let mut changes = Changes::new();
        assert!(changes.is_empty());
        let all: Vec<_> = (0..FEW)
            .map(|place| change("t", place % 2 == 0, place % 2 == 0))
            .collect();
        for change in &all {
            changes.push(change.clone());
        }
        assert_eq!(changes.len(), FEW);
        assert_eq!(changes.take(), all);
        assert!(changes.is_empty());
    }

    #[test]
    fn what_came_and_went_is_not_told() {
        let (new, again, cancel) = (
            change("t", true, true),
            change("t", true, false),
            change("t", false, false),
        );
        let come_to = |changes: &[&Change], left: &[&Change]| {
            let kept = compacted(changes.iter().copied().cloned());
            assert!(
                kept.iter().eq(left.iter().copied()),
                "{changes:?}: {kept:?}"
            );
        };
        come_to(&[&new, &cancel], &[]);
        come_to(&[&new, &again, &cancel], &[]);
        come_to(&[&new, &cancel, &new, &cancel], &[]);
        come_to(&[&new, &cancel, &new], &[&new]);
        come_to(&[&new, &again], &[&new]);
        come_to(&[&again, &cancel], &[&cancel]);
        come_to(&[&cancel, &new], &[&again]);
        come_to(&[&cancel, &new, &cancel], &[&cancel]);
        come_to(&[&again], &[&again]);
    }

    #[test]
    fn a_topic_stands_where_its_last_change_stood() {
        let all = [
            ("a", true),
            ("b", true),
            ("c", true),
            ("c", false),
            ("a", true),
        ];
        let left = compacted(all.map(|(topic, subscribe)| change(topic, subscribe, subscribe)));
        assert_eq!(left, [change("b", true, true), change("a", true, true)]);
    }

    #[test]
    fn subscribing_and_cancelling_for_ever_stays_bounded() {
        let mut changes = Changes::new();
        for round in 0..100_000u32 {
            changes.push(change(round.to_be_bytes(), true, true));
            changes.push(change(round.to_be_bytes(), false, false));
            assert!(changes.len() <= FEW);
            assert!(changes.pending.capacity() <= 4 * FEW);
        }
        changes.clear();
        assert!(changes.is_empty());
        assert_eq!(changes.pending.capacity(), 0);
    }

    #[test]
    fn as_many_as_there_are_topics_may_wait() {
        let mut changes = Changes::new();
        for topic in 0..100_000u32 {
            changes.push(change(topic.to_be_bytes(), true, true));
        }
        assert_eq!(changes.len(), 100_000);
        for round in 0..1_000_000u32 {
            changes.push(change("x", round % 2 == 0, round % 2 == 0));
        }
        assert!(changes.len() <= 200_000);
        for topic in 0..100_000u32 {
            changes.push(change(topic.to_be_bytes(), false, false));
        }
        changes.compact();
        assert!(changes.is_empty());
        assert!(changes.pending.capacity() <= 2 * FEW);
    }

    #[test]
    fn replaced_ones_count_as_compacted() {
        let mut changes = Changes::new();
        changes.push(change("old", true, true));
        let new = |topic: u32| change(topic.to_be_bytes(), true, true);
        changes.replace((0..5_000).map(new).collect());
        assert_eq!(changes.len(), 5_000);
        for round in 0..5_000 {
            changes.push(change("x", round % 2 == 0, round % 2 == 0));
        }
        assert_eq!(changes.len(), 10_000);
        changes.push(new(0));
        assert_eq!(changes.len(), 5_000);
        assert_eq!(changes.take().last(), Some(&new(0)));
    }

    #[test]
    fn topics_of_all_lengths() {
        for length in [0, 245, 246, 255, 256, 65_536] {
            let topic = vec![b't'; length];
            let all = [change(&topic, false, false), change(&topic, true, true)];
            assert_eq!(compacted(all), [change(&topic, true, false)]);
        }
    }

    proptest! {
        /// To tell what is left is to tell all of them.
        #[test]
        fn what_is_left_comes_to_the_same(
            had in proptest::collection::btree_set(0..6u8, 0..6),
            steps in proptest::collection::vec((0..6u8, any::<bool>()), 0..60),
        ) {
            let mut has = had.clone();
            let mut all = Vec::new();
            for (topic, subscribe) in steps {
                let first = subscribe && !has.contains(&topic);
                if subscribe {
                    has.insert(topic);
                } else if !has.remove(&topic) {
                    continue; // nothing to take back
                }
                all.push(change([topic], subscribe, first));
            }
            let left = compacted(all.clone());
            let mut seen = had.clone();
            for change in &left {
                let topic = change.topic[0];
                prop_assert_eq!(change.first, change.subscribe && !had.contains(&topic));
                if change.subscribe {
                    seen.insert(topic);
                } else {
                    prop_assert!(seen.remove(&topic), "only what it has is taken back");
                }
            }
            prop_assert_eq!(seen, has);
            let topics: Vec<_> = left.iter().map(|change| change.topic.clone()).collect();
            prop_assert_eq!(topics.iter().collect::<BTreeSet<_>>().len(), topics.len());
            let places: BTreeMap<_, _> = all.iter().enumerate().map(|(place, change)| (&change.topic, place)).collect();
            prop_assert!(topics.is_sorted_by_key(|topic| places[topic]));
        }
    }
}
