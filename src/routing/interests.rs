//! What a subscriber wants.

use super::trie::Trie;

/// The topics that a subscriber asked for, and how often: it has one as long as it did not take
/// each asking back.
#[derive(Debug)]
pub(crate) struct Interests {
    counts: Trie<usize>,
}

impl Interests {
    pub(crate) fn new() -> Self {
        Self {
            counts: Trie::new(),
        }
    }

    /// Asks for a topic once more; says whether it is a new one.
    pub(crate) fn add(&mut self, topic: &[u8]) -> bool {
        let (_, count) = self.counts.entry_or_insert_with(topic, || 0);
        *count += 1;
        *count == 1
    }

    /// Takes one asking back; says whether it was the last, or nothing if there was none.
    pub(crate) fn remove(&mut self, topic: &[u8]) -> Option<bool> {
        let count = self.counts.get_mut(topic)?;
        *count -= 1;
        let last = *count == 0;
        if last {
            self.counts.remove(topic);
        }
        Some(last)
    }

    /// Whether `text` begins with a topic asked for.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        let mut found = false;
        self.counts.prefixes_of(text, |_, _| {
            found = true;
            false
        });
        found
    }

    /// Every topic once, in the order of their bytes.
    pub(crate) fn for_each(&self, mut tell: impl FnMut(&[u8])) {
        self.counts.for_each(|topic, _| tell(topic));
    }

    /// How many topics there are.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_topic_stays_until_each_asking_is_taken_back() {
        let mut interests = Interests::new();
        assert!(!interests.matches(b"news"));
        assert_eq!(interests.remove(b"news"), None);
        assert!(interests.add(b"news"));
        assert!(!interests.add(b"news"));
        assert_eq!(interests.len(), 1);
        assert!(interests.matches(b"news"));
        assert!(interests.matches(b"newspaper"));
        assert!(!interests.matches(b"new"));
        assert_eq!(interests.remove(b"news"), Some(false));
        assert!(interests.matches(b"news"));
        assert_eq!(interests.remove(b"new"), None, "a beginning of a topic");
        assert_eq!(interests.remove(b"news"), Some(true));
        assert_eq!(interests.remove(b"news"), None);
        assert!(interests.is_empty());
        assert!(interests.add(b"news"), "it is new again");
    }

    #[test]
    fn the_empty_topic_wants_all() {
        let mut interests = Interests::new();
        interests.add(b"");
        assert!(interests.matches(b""));
        assert!(interests.matches(b"anything"));
    }

    #[test]
    fn topics_of_all_lengths() {
        let text = [b'l'; 65_537];
        let lengths = [0, 245, 246, 255, 256, 65_536];
        let mut interests = Interests::new();
        for length in lengths {
            assert!(interests.add(&text[..length]));
        }
        for (left, length) in lengths.into_iter().enumerate().rev() {
            assert!(interests.matches(&text[..length]));
            assert_eq!(interests.remove(&text[..length]), Some(true));
            assert_eq!(interests.len(), left);
            assert_eq!(interests.matches(&text), left > 0);
        }
    }

    fn topic() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(b'a'..b'c', 0..5)
    }

    proptest! {
        #[test]
        fn any_steps_count_right(steps in proptest::collection::vec((0..3u8, topic()), 0..200)) {
            let mut interests = Interests::new();
            let mut model = BTreeMap::<Vec<u8>, usize>::new();
            for (step, topic) in steps {
                match step {
                    0 => {
                        let count = model.entry(topic.clone()).or_default();
                        *count += 1;
                        prop_assert_eq!(interests.add(&topic), *count == 1);
                    }
                    1 => {
                        let expected = model.get_mut(&topic).map(|count| {
                            *count -= 1;
                            *count == 0
                        });
                        model.retain(|_, count| *count > 0);
                        prop_assert_eq!(interests.remove(&topic), expected);
                    }
                    _ => prop_assert_eq!(
                        interests.matches(&topic),
                        model.keys().any(|prefix| topic.starts_with(prefix))
                    ),
                }
                prop_assert_eq!(interests.len(), model.len());
            }
            let mut told = Vec::new();
            interests.for_each(|topic| told.push(topic.to_vec()));
            prop_assert!(told.iter().eq(model.keys()));
            prop_assert_eq!(interests.is_empty(), model.is_empty());
        }
    }
}
