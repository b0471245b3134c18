//! Who wants what.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasherDefault;

use super::active::IdHasher;
use super::trie::{Key, Trie};
use crate::pipe::PipeId;

/// The topics that a publisher's subscribers asked for.
///
/// A subscriber has a topic or has it not: to ask twice is to ask once.
///
/// It is kept both ways, so that nobody's coming and going costs more because of the others: by
/// topic, who wants it; and by subscriber, what it wants, as keys of a few bytes.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    topics: Trie<Ids>,
    /// Those with at least one topic.
    subscribers: HashMap<PipeId, Subscriber, BuildHasherDefault<IdHasher>>,
}

/// What asking for a topic came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// Nobody had this topic.
    First,
    /// Others had it.
    Another,
    /// This subscriber had it.
    Again,
}

/// What taking a topic back came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    /// Nobody has the topic any more.
    Last,
    /// Others still have it.
    Other,
    /// This subscriber did not have it.
    Absent,
}

#[derive(Debug, Default)]
struct Subscriber {
    keys: BTreeSet<Key>,
    /// Of all its topics.
    bytes: usize,
}

impl Subscriptions {
    pub(crate) fn new() -> Self {
        Self {
            topics: Trie::new(),
            subscribers: HashMap::default(),
        }
    }

    pub(crate) fn add(&mut self, topic: &[u8], id: PipeId) -> Added {
        let mut added = Added::Another;
        let (key, ids) = self.topics.entry_or_insert_with(topic, || {
            added = Added::First;
            Ids::One(id)
        });
        if added == Added::Another && !ids.insert(id) {
            return Added::Again;
        }
        let subscriber = self.subscribers.entry(id).or_default();
        subscriber.keys.insert(key);
        subscriber.bytes += topic.len();
        added
    }

    pub(crate) fn remove(&mut self, topic: &[u8], id: PipeId) -> Removed {
        let Some(key) = self.topics.find(topic) else {
            return Removed::Absent;
        };
        let Some(subscriber) = self.subscribers.get_mut(&id) else {
            return Removed::Absent;
        };
        if !subscriber.keys.remove(&key) {
            return Removed::Absent;
        }
        subscriber.bytes -= topic.len();
        if subscriber.keys.is_empty() {
            self.forget(id);
        }
        let removed = self
            .topics
            .value_mut(key)
            .map_or(Removed::Absent, |ids| ids.remove(id));
        if removed == Removed::Last {
            self.topics.remove_key(key);
        }
        removed
    }

    /// Takes a subscriber out, and tells each topic that it had, in the order of their bytes, and
    /// whether it was the last to have it.
    #[cfg(test)]
    pub(crate) fn remove_all(&mut self, id: PipeId, tell: impl FnMut(&[u8], bool)) {
        self.remove_some(id, usize::MAX, tell);
    }

    /// The same for at most so many of its topics, because one may have more than can be walked
    /// while others wait; whether any are left.
    pub(crate) fn remove_some(
        &mut self,
        id: PipeId,
        most: usize,
        mut tell: impl FnMut(&[u8], bool),
    ) -> bool {
        let Some(subscriber) = self.subscribers.get_mut(&id) else {
            return false;
        };
        let keys = match subscriber.keys.iter().nth(most).copied() {
            None => std::mem::take(&mut subscriber.keys),
            Some(first_left) => {
                let left = subscriber.keys.split_off(&first_left);
                std::mem::replace(&mut subscriber.keys, left)
            }
        };
        let (mut unwanted, mut bytes) = (Vec::new(), 0);
        self.topics.for_each_of(keys, |topic, key, ids| {
            let last = ids.remove(id) == Removed::Last;
            if last {
                unwanted.push(key);
            }
            bytes += topic.len();
            tell(topic, last);
        });
        for key in unwanted {
            self.topics.remove_key(key);
        }
        subscriber.bytes = subscriber.bytes.saturating_sub(bytes);
        let any_left = !subscriber.keys.is_empty();
        if !any_left {
            self.forget(id);
        }
        any_left
    }

    /// Tells the topics that `text` begins with.
    #[inline]
    pub(crate) fn matching(&self, text: &[u8], mut tell: impl FnMut(Key)) {
        self.topics.prefixes_of(text, |topic, _| {
            tell(topic);
            true
        });
    }

    /// Tells who has a topic.
    #[inline]
    pub(crate) fn for_each_with(&self, topic: Key, tell: impl FnMut(PipeId)) {
        match self.topics.value(topic) {
            None => {}
            Some(Ids::One(id)) => std::iter::once(*id).for_each(tell),
            Some(Ids::Many(ids)) => ids.iter().copied().for_each(tell),
        }
    }

    /// Whether a subscriber has a topic.
    pub(crate) fn holds(&self, topic: &[u8], id: PipeId) -> bool {
        let subscriber = self.subscribers.get(&id);
        self.topics
            .find(topic)
            .is_some_and(|key| subscriber.is_some_and(|subscriber| subscriber.keys.contains(&key)))
    }

    /// How many topics a subscriber has.
    pub(crate) fn count_of(&self, id: PipeId) -> usize {
        self.subscribers
            .get(&id)
            .map_or(0, |subscriber| subscriber.keys.len())
    }

    /// How many bytes the topics of a subscriber have.
    pub(crate) fn bytes_of(&self, id: PipeId) -> usize {
        self.subscribers
            .get(&id)
            .map_or(0, |subscriber| subscriber.bytes)
    }

    /// Whether anybody has exactly this topic.
    pub(crate) fn has(&self, topic: &[u8]) -> bool {
        self.topics.find(topic).is_some()
    }

    /// How many topics there are, each counted once.
    pub(crate) fn topics(&self) -> usize {
        self.topics.len()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    fn forget(&mut self, id: PipeId) -> Option<Subscriber> {
        let subscriber = self.subscribers.remove(&id);
        if self.subscribers.len() <= self.subscribers.capacity() / 8 {
            self.subscribers.shrink_to(self.subscribers.len() * 2);
        }
        subscriber
    }
}

/// Who wants a topic; never nobody.
///
/// Most topics have one subscriber, for whom nothing is allocated.
#[derive(Debug)]
enum Ids {
    One(PipeId),
    #[expect(
        clippy::box_collection,
        reason = "a set in place makes every node of the tree larger, and most have no set"
    )]
    Many(Box<BTreeSet<PipeId>>),
}

impl Ids {
    /// Says whether it was not there.
    fn insert(&mut self, id: PipeId) -> bool {
        match self {
            Self::One(only) if *only == id => false,
            Self::One(only) => {
                *self = Self::Many(Box::new(BTreeSet::from([*only, id])));
                true
            }
            Self::Many(ids) => ids.insert(id),
        }
    }

    /// The last one stays: it goes with the topic.
    fn remove(&mut self, id: PipeId) -> Removed {
        match self {
            Self::One(only) if *only == id => Removed::Last,
            Self::One(_) => Removed::Absent,
            Self::Many(ids) => {
                if !ids.remove(&id) {
                    return Removed::Absent;
                }
                if ids.len() == 1
                    && let Some(&only) = ids.first()
                {
                    *self = Self::One(only);
                }
                Removed::Other
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Model = BTreeMap<PipeId, BTreeSet<Vec<u8>>>;

    impl Subscriptions {
        /// What must hold after every step.
        fn check(&self, model: &Model) {
            let mut wanted = BTreeMap::<&[u8], BTreeSet<PipeId>>::new();
            for (id, topics) in model {
                assert_eq!(self.count_of(*id), topics.len());
                assert_eq!(
                    self.bytes_of(*id),
                    topics.iter().map(Vec::len).sum::<usize>()
                );
                for topic in topics {
                    wanted.entry(topic).or_default().insert(*id);
                }
            }
            assert_eq!(self.topics(), wanted.len());
            let mut wanted = wanted.into_iter();
            self.topics.for_each(|topic, ids| {
                let expected = wanted.next().unwrap();
                let ids = match ids {
                    Ids::One(id) => BTreeSet::from([*id]),
                    Ids::Many(ids) => BTreeSet::clone(ids),
                };
                assert_eq!((topic, ids), expected);
            });
            let some = model.values().filter(|topics| !topics.is_empty());
            assert_eq!(self.subscribers.len(), some.count());
            if self.is_empty() {
                assert_eq!(self.subscribers.capacity(), 0);
            }
        }

        fn all_matching(&self, text: &[u8]) -> Vec<PipeId> {
            let mut ids = Vec::new();
            self.matching(text, |topic| {
                self.for_each_with(topic, |id| ids.push(id));
            });
            ids
        }

        fn all_removed(&mut self, id: PipeId) -> Vec<(Vec<u8>, bool)> {
            let mut told = Vec::new();
            self.remove_all(id, |topic, last| told.push((topic.to_vec(), last)));
            told
        }
    }

    #[test]
    fn the_first_and_the_last_to_have_a_topic_are_known() {
        let mut subscriptions = Subscriptions::new();
        assert_eq!(subscriptions.remove(b"t", 1), Removed::Absent);
        assert_eq!(subscriptions.add(b"t", 1), Added::First);
        assert_eq!(subscriptions.add(b"t", 1), Added::Again);
        assert_eq!(subscriptions.add(b"t", 2), Added::Another);
        assert_eq!(subscriptions.add(b"t", 2), Added::Again);
        assert_eq!(subscriptions.add(b"tt", 2), Added::First);
        assert_eq!(subscriptions.remove(b"t", 3), Removed::Absent);
        assert_eq!(subscriptions.remove(b"tt", 1), Removed::Absent);
        assert_eq!(subscriptions.remove(b"t", 1), Removed::Other);
        assert_eq!(subscriptions.remove(b"t", 1), Removed::Absent);
        assert_eq!(subscriptions.remove(b"t", 2), Removed::Last);
        assert_eq!(subscriptions.remove(b"tt", 2), Removed::Last);
        subscriptions.check(&Model::new());
    }

    #[test]
    fn whoever_has_several_matching_topics_is_told_for_each() {
        let mut subscriptions = Subscriptions::new();
        subscriptions.add(b"", 1);
        subscriptions.add(b"ab", 1);
        subscriptions.add(b"a", 2);
        subscriptions.add(b"abc", 3);
        assert_eq!(subscriptions.all_matching(b"ab"), [1, 2, 1]);
        assert_eq!(subscriptions.all_matching(b"x"), [1]);
    }

    #[test]
    fn whoever_goes_takes_only_its_own_topics() {
        let mut subscriptions = Subscriptions::new();
        for (topic, id) in [("b", 1), ("", 1), ("ab", 1), ("a", 2), ("ab", 2)] {
            subscriptions.add(topic.as_bytes(), id);
        }
        let told = subscriptions.all_removed(1);
        let expected = [("", true), ("ab", false), ("b", true)];
        assert!(
            told.iter()
                .map(|(topic, last)| (topic.as_slice(), *last))
                .eq(expected.map(|(topic, last)| (topic.as_bytes(), last)))
        );
        assert_eq!(subscriptions.all_removed(1), []);
        assert_eq!(subscriptions.all_matching(b"abc"), [2, 2]);
        assert_eq!(
            (subscriptions.count_of(2), subscriptions.bytes_of(2)),
            (2, 3)
        );
        assert_eq!(
            (subscriptions.count_of(1), subscriptions.bytes_of(1)),
            (0, 0)
        );
    }

    #[test]
    fn thousands_may_want_the_same() {
        let mut subscriptions = Subscriptions::new();
        for id in 0..5_000 {
            let added = subscriptions.add(b"popular", id);
            assert_eq!(added == Added::First, id == 0);
        }
        assert!(
            subscriptions
                .all_matching(b"popular")
                .into_iter()
                .eq(0..5_000)
        );
        for id in 0..5_000 {
            assert_eq!(
                subscriptions.all_removed(id),
                [(b"popular".to_vec(), id == 4_999)]
            );
        }
        subscriptions.check(&Model::new());
    }

    #[test]
    fn topics_of_all_lengths_nested() {
        let text = vec![b'l'; 1_000_000];
        let lengths = || (0..1_000).chain([65_536, 1_000_000]);
        let mut subscriptions = Subscriptions::new();
        for length in lengths() {
            assert_eq!(subscriptions.add(&text[..length], 1), Added::First);
        }
        subscriptions.add(&text, 2);
        assert_eq!(subscriptions.bytes_of(1), lengths().sum::<usize>());
        assert_eq!(subscriptions.all_matching(&text).len(), 1_003);
        let mut told = Vec::new();
        subscriptions.remove_all(1, |topic, last| told.push((topic.len(), last)));
        assert!(
            told.into_iter()
                .eq(lengths().map(|length| (length, length < 1_000_000)))
        );
        assert_eq!(subscriptions.remove(&text, 2), Removed::Last);
        subscriptions.check(&Model::new());
    }

    fn topic() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(b'a'..b'c', 0..5)
    }

    proptest! {
        #[test]
        fn any_steps_do_what_sets_do(steps in proptest::collection::vec((0..16u8, topic(), 0..5u64), 0..150)) {
            let mut subscriptions = Subscriptions::new();
            let mut model = Model::new();
            for (step, topic, id) in steps {
                let others = |model: &Model, topic: &Vec<u8>| {
                    model.iter().any(|(other, topics)| *other != id && topics.contains(topic))
                };
                match step {
                    0..8 => {
                        let expected = if !model.entry(id).or_default().insert(topic.clone()) {
                            Added::Again
                        } else if others(&model, &topic) {
                            Added::Another
                        } else {
                            Added::First
                        };
                        prop_assert_eq!(subscriptions.add(&topic, id), expected);
                    }
                    8..12 => {
                        let expected = if !model.entry(id).or_default().remove(&topic) {
                            Removed::Absent
                        } else if others(&model, &topic) {
                            Removed::Other
                        } else {
                            Removed::Last
                        };
                        prop_assert_eq!(subscriptions.remove(&topic, id), expected);
                    }
                    12 => {
                        let told = subscriptions.all_removed(id);
                        let had = model.remove(&id).unwrap_or_default();
                        let expected = had.into_iter().map(|topic| {
                            let last = !others(&model, &topic);
                            (topic, last)
                        });
                        prop_assert!(expected.eq(told));
                    }
                    _ => {
                        let mut found = subscriptions.all_matching(&topic);
                        found.sort_unstable();
                        let expected = model.iter().flat_map(|(id, topics)| {
                            topics.iter().filter(|prefix| topic.starts_with(prefix)).map(|_| *id)
                        });
                        prop_assert!(expected.eq(found));
                    }
                }
                subscriptions.check(&model);
            }
            for id in 0..5 {
                subscriptions.remove_all(id, |_, _| {});
            }
            subscriptions.check(&Model::new());
        }
    }
}
