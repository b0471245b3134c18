//! Topics in a tree, found by a text that begins with them.

use std::collections::HashSet;

use super::children::Children;

/// Values by topic, a string of bytes.
///
/// ```text
///   "a" = 1, "ab.c" = 2, "ab.d" = 3
///
///   "" ─── "a" = 1 ─── "b." ─┬─ "c" = 2
///                            └─ "d" = 3
/// ```
///
/// A node's *label* is what its topic has beyond its parent's; siblings differ in the first byte. A
/// node without a value is there because it has several children, or because it and its only child
/// have too long a label together.
///
/// Peers choose the topics, so:
///
/// * nothing recurses, for a topic can be as deep as it is long: the nodes are in one array and name
///   each other by their places in it;
/// * no label is longer than `longest`, so a step copies that much at most beyond its own topic,
///   however long the topics of others are;
/// * what is removed gives its memory back: labels and children at once, the array as far as its
///   tail is vacant, and all of it with the last topic.
///
/// A node with a value stays in its place, whatever comes and goes around it; so four bytes, a
/// [`Key`], will do to name a topic.
#[derive(Debug)]
pub(crate) struct Trie<V> {
    /// The root first; nothing at all when there is no topic.
    nodes: Vec<Node<V>>,
    /// The first of the vacant slots.
    vacant: u32,
    topics: usize,
    longest: usize,
}

/// The name of a topic, until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u32);

#[derive(Debug)]
struct Node<V> {
    /// Empty in the root, and in a vacant slot.
    label: Box<[u8]>,
    /// By the first byte of their labels.
    children: Children,
    value: Option<V>,
    /// `NONE` for the root. In a vacant slot: the next vacant one.
    parent: u32,
    /// In a vacant slot: the previous vacant one. So that a slot leaves the list from anywhere.
    previous: u32,
}

const ROOT: u32 = 0;
const NONE: u32 = u32::MAX;
const LONGEST_LABEL: usize = 256;

impl<V> Trie<V> {
    pub(crate) fn new() -> Self {
        Self::with_longest_label(LONGEST_LABEL)
    }

    fn with_longest_label(longest: usize) -> Self {
        Self {
            nodes: Vec::new(),
            vacant: NONE,
            topics: 0,
            longest,
        }
    }

    /// How many topics have a value.
    pub(crate) fn len(&self) -> usize {
        self.topics
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.topics == 0
    }

    /// The value of exactly this topic.
    #[cfg(test)]
    pub(crate) fn get(&self, topic: &[u8]) -> Option<&V> {
        let Key(at) = self.find(topic)?;
        self.node(at).value.as_ref()
    }

    /// The value of exactly this topic.
    pub(crate) fn get_mut(&mut self, topic: &[u8]) -> Option<&mut V> {
        self.value_mut(self.find(topic)?)
    }

    /// The value of this topic, which `make` gives one if it has none.
    pub(crate) fn entry_or_insert_with(
        &mut self,
        topic: &[u8],
        make: impl FnOnce() -> V,
    ) -> (Key, &mut V) {
        let at = self.reach(topic);
        let value = &mut self.nodes[at as usize].value;
        self.topics += usize::from(value.is_none());
        (Key(at), value.get_or_insert_with(make))
    }

    pub(crate) fn remove(&mut self, topic: &[u8]) -> Option<V> {
        self.remove_key(self.find(topic)?)
    }

    /// The name of a topic that has a value.
    pub(crate) fn find(&self, topic: &[u8]) -> Option<Key> {
        let mut at = ROOT;
        let mut node = self.nodes.first()?;
        let mut rest = topic;
        while let Some(&first) = rest.first() {
            at = node.children.get(first)?;
            node = self.node(at);
            rest = rest.strip_prefix(&*node.label)?;
        }
        node.value.is_some().then_some(Key(at))
    }

    #[inline]
    pub(crate) fn value(&self, Key(at): Key) -> Option<&V> {
        self.nodes.get(at as usize)?.value.as_ref()
    }

    pub(crate) fn value_mut(&mut self, Key(at): Key) -> Option<&mut V> {
        self.nodes.get_mut(at as usize)?.value.as_mut()
    }

    pub(crate) fn remove_key(&mut self, Key(at): Key) -> Option<V> {
        let value = self.nodes.get_mut(at as usize)?.value.take()?;
        self.topics -= 1;
        if self.topics == 0 {
            *self = Self::with_longest_label(self.longest);
        } else {
            self.prune(at);
        }
        Some(value)
    }

    /// Tells the values of all topics that `text` begins with, and their names, the shortest topic
    /// first, until `tell` says `false`.
    #[inline]
    pub(crate) fn prefixes_of(&self, text: &[u8], mut tell: impl FnMut(Key, &V) -> bool) {
        let (mut at, mut rest) = (ROOT, text);
        let Some(mut node) = self.nodes.first() else {
            return;
        };
        loop {
            if let Some(value) = &node.value
                && !tell(Key(at), value)
            {
                return;
            }
            let Some((&first, beyond)) = rest.split_first() else {
                return;
            };
            let Some(child) = node.children.get(first) else {
                return;
            };
            (at, node) = (child, self.node(child));
            let label = &*node.label;
            // A label of one byte is what it was found by: most are, where topics are many.
            if label.len() == 1 {
                rest = beyond;
            } else if let Some(beyond) = rest.strip_prefix(label) {
                rest = beyond;
            } else {
                return;
            }
        }
    }

    /// Every topic in the order of its bytes.
    pub(crate) fn for_each(&self, mut tell: impl FnMut(&[u8], &V)) {
        let mut topic = Vec::new();
        let mut todo = Vec::new();
        if !self.nodes.is_empty() {
            todo.push((ROOT, 0));
        }
        while let Some((at, beyond)) = todo.pop() {
            let node = self.node(at);
            topic.truncate(beyond);
            topic.extend_from_slice(&node.label);
            if let Some(value) = &node.value {
                tell(&topic, value);
            }
            let children = node.children.iter().rev();
            todo.extend(children.map(|child| (child, topic.len())));
        }
    }

    /// Some topics in the order of their bytes.
    ///
    /// Only nodes on the way to them are looked at, each once, so neither the number of the other
    /// topics counts nor how much of their bytes these have in common.
    pub(crate) fn for_each_of(
        &mut self,
        keys: impl IntoIterator<Item = Key>,
        mut tell: impl FnMut(&[u8], Key, &mut V),
    ) {
        // Parent, first byte, node, whether it is one of the keys.
        let way = |at: u32, is_key: bool| {
            let node = &self.nodes[at as usize];
            let first = node.label.first().copied().unwrap_or(0);
            (node.parent, first, at, is_key)
        };
        let mut seen = HashSet::new();
        let keys = keys.into_iter().filter(|Key(at)| seen.insert(*at));
        let mut ways = Vec::from_iter(keys.map(|Key(at)| way(at, true)));
        for place in 0..ways.len() {
            let mut at = ways[place].0;
            while at != NONE && seen.insert(at) {
                let step = way(at, false);
                ways.push(step);
                at = step.0;
            }
        }
        drop(seen);
        ways.sort_unstable();
        let mut topic = Vec::new();
        // The root has the highest parent: none.
        let mut todo = Vec::from_iter(ways.last().map(|&root| (root, 0)));
        while let Some(((.., at, is_key), beyond)) = todo.pop() {
            let node = &mut self.nodes[at as usize];
            topic.truncate(beyond);
            topic.extend_from_slice(&node.label);
            if is_key && let Some(value) = &mut node.value {
                tell(&topic, Key(at), value);
            }
            if node.children.len() > 0 {
                let start = ways.partition_point(|&(parent, ..)| parent < at);
                let below = ways[start..]
                    .iter()
                    .take_while(|&&(parent, ..)| parent == at);
                let sorted = todo.len();
                todo.extend(below.map(|&child| (child, topic.len())));
                todo[sorted..].reverse();
            }
        }
    }

    fn node(&self, at: u32) -> &Node<V> {
        &self.nodes[at as usize]
    }

    fn node_mut(&mut self, at: u32) -> &mut Node<V> {
        &mut self.nodes[at as usize]
    }

    /// The node of this topic, made if there is none: the caller gives it a value.
    fn reach(&mut self, topic: &[u8]) -> u32 {
        if self.nodes.is_empty() {
            self.place(Node::new(&[], NONE));
        }
        let mut at = ROOT;
        let mut rest = topic;
        while let Some(&first) = rest.first() {
            let Some(child) = self.node(at).children.get(first) else {
                return self.append(at, rest);
            };
            let label = &*self.node(child).label;
            if let Some(beyond) = rest.strip_prefix(label) {
                rest = beyond;
                at = child;
            } else {
                let common = label.iter().zip(rest).take_while(|(a, b)| a == b).count();
                rest = &rest[common..];
                at = self.split(child, common);
            }
        }
        at
    }

    /// Puts a new leaf below a node that has no child with the first byte of `rest`.
    fn append(&mut self, mut at: u32, rest: &[u8]) -> u32 {
        for label in rest.chunks(self.longest) {
            let leaf = self.place(Node::new(label, at));
            self.node_mut(at).children.set(label[0], leaf);
            at = leaf;
        }
        at
    }

    /// Puts a new node above `at`, with the first bytes of its label.
    ///
    /// The old node is the lower one, for it may have a value.
    fn split(&mut self, at: u32, bytes: usize) -> u32 {
        let node = self.node_mut(at);
        let parent = node.parent;
        let label = std::mem::take(&mut node.label);
        let (front, back) = label.split_at(bytes);
        node.label = back.into();
        let upper = self.place(Node::new(front, parent));
        self.node_mut(at).parent = upper;
        self.node_mut(upper).children.set(back[0], at);
        self.node_mut(parent).children.set(front[0], upper);
        // Both labels are shorter than what their neighbours knew.
        self.fold(parent);
        self.fold(at);
        upper
    }

    /// Removes what has no purpose any more, now that `at` has no value.
    fn prune(&mut self, mut at: u32) {
        loop {
            let node = self.node(at);
            if at == ROOT || node.value.is_some() || node.children.len() > 0 {
                break;
            }
            let (parent, first) = (node.parent, node.label[0]);
            self.node_mut(parent).children.remove(first);
            self.vacate(at);
            at = parent;
        }
        self.fold(at);
    }

    /// Makes a node one with its only child, if it has no value and the label does not get too
    /// long.
    ///
    /// The child is the one that stays, for it may have a value.
    fn fold(&mut self, at: u32) {
        let node = self.node(at);
        let Some(child) = node.children.only() else {
            return;
        };
        let below = &self.node(child).label;
        if at == ROOT || node.value.is_some() || node.label.len() + below.len() > self.longest {
            return;
        }
        let label = [&*node.label, &**below].concat();
        let (parent, first) = (node.parent, label[0]);
        let child_node = self.node_mut(child);
        child_node.label = label.into();
        child_node.parent = parent;
        self.node_mut(parent).children.set(first, child);
        self.vacate(at);
    }

    /// Gives a node a slot.
    fn place(&mut self, node: Node<V>) -> u32 {
        let at = self.vacant;
        if at == NONE {
            assert!(self.nodes.len() < NONE as usize, "too many topics");
            self.nodes.push(node);
            return (self.nodes.len() - 1) as u32;
        }
        self.unlist(at);
        *self.node_mut(at) = node;
        at
    }

    /// Drops a node, and with it the vacant tail of the array.
    fn vacate(&mut self, at: u32) {
        let next = self.vacant;
        *self.node_mut(at) = Node::new(&[], next);
        if next != NONE {
            self.node_mut(next).previous = at;
        }
        self.vacant = at;
        // The root has no label either, and is never vacant.
        while self.nodes.len() > 1 && self.nodes.last().is_some_and(|last| last.label.is_empty()) {
            self.unlist((self.nodes.len() - 1) as u32);
            self.nodes.pop();
        }
        shrink(&mut self.nodes);
    }

    /// Takes a slot out of the vacant ones.
    fn unlist(&mut self, at: u32) {
        let Node {
            parent: next,
            previous,
            ..
        } = *self.node(at);
        if next != NONE {
            self.node_mut(next).previous = previous;
        }
        if previous == NONE {
            self.vacant = next;
        } else {
            self.node_mut(previous).parent = next;
        }
    }
}

impl<V> Node<V> {
    fn new(label: &[u8], parent: u32) -> Self {
        Self {
            label: label.into(),
            children: Children::default(),
            value: None,
            parent,
            previous: NONE,
        }
    }
}

/// Gives memory back when most is unused, but not so much that the next one needs it again.
fn shrink<T>(entries: &mut Vec<T>) {
    if entries.len() <= entries.capacity() / 4 {
        entries.shrink_to(entries.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl<V> Trie<V> {
        /// What must hold after every step.
        fn check(&self) {
            if self.is_empty() {
                assert_eq!((self.nodes.capacity(), self.vacant), (0, NONE));
                return;
            }
            let mut todo = vec![(ROOT, NONE)];
            let (mut used, mut values) = (0, 0);
            while let Some((at, parent)) = todo.pop() {
                let node = self.node(at);
                used += 1;
                values += usize::from(node.value.is_some());
                assert_eq!(node.parent, parent);
                assert_eq!(node.label.is_empty(), at == ROOT);
                assert!(node.label.len() <= self.longest);
                node.children.check();
                let children = node.children.pairs();
                if at != ROOT && node.value.is_none() {
                    match children[..] {
                        [] => panic!("a leaf without a value"),
                        [(_, child)] => assert!(
                            node.label.len() + self.node(child).label.len() > self.longest,
                            "two nodes that could be one"
                        ),
                        _ => {}
                    }
                }
                for (first, child) in children {
                    assert_eq!(self.node(child).label[0], first);
                    todo.push((child, at));
                }
            }
            assert_eq!(values, self.topics);
            let (mut at, mut previous, mut vacant) = (self.vacant, NONE, 0);
            while at != NONE {
                let node = self.node(at);
                assert!(node.label.is_empty() && node.children.len() == 0);
                assert_eq!(node.previous, previous);
                (previous, at) = (at, node.parent);
                vacant += 1;
            }
            assert_eq!(used + vacant, self.nodes.len());
            assert!(self.nodes.len() == 1 || !self.nodes.last().unwrap().label.is_empty());
            assert!(self.nodes.capacity() <= 4.max(4 * self.nodes.len()));
        }

        fn topics(&self) -> Vec<Vec<u8>> {
            let mut topics = Vec::new();
            self.for_each(|topic, _| topics.push(topic.to_vec()));
            topics
        }
    }

    fn insert(trie: &mut Trie<usize>, topic: &[u8], value: usize) -> Key {
        let (key, entry) = trie.entry_or_insert_with(topic, || value);
        *entry = value;
        key
    }

    fn prefixes(trie: &Trie<usize>, text: &[u8]) -> Vec<usize> {
        let mut values = Vec::new();
        trie.prefixes_of(text, |_, value| {
            values.push(*value);
            true
        });
        values
    }

    #[test]
    fn nothing_is_found_in_an_empty_one() {
        let mut trie = Trie::<usize>::new();
        assert_eq!(trie.get(b""), None);
        assert_eq!(trie.get_mut(b"a"), None);
        assert_eq!(trie.remove(b""), None);
        assert!(prefixes(&trie, b"abc").is_empty());
        assert!(trie.topics().is_empty());
        trie.for_each_of([], |_, _, _| unreachable!());
        trie.check();
    }

    #[test]
    fn the_empty_topic_is_a_prefix_of_everything() {
        let mut trie = Trie::new();
        insert(&mut trie, b"", 1);
        assert_eq!(prefixes(&trie, b""), [1]);
        assert_eq!(prefixes(&trie, b"a"), [1]);
        insert(&mut trie, b"a", 2);
        assert_eq!(prefixes(&trie, b""), [1]);
        assert_eq!(prefixes(&trie, b"ab"), [1, 2]);
        assert_eq!(trie.remove(b""), Some(1));
        assert_eq!(prefixes(&trie, b"ab"), [2]);
        assert_eq!(trie.remove(b"a"), Some(2));
        trie.check();
    }

    #[test]
    fn a_branch_is_no_topic() {
        let mut trie = Trie::new();
        insert(&mut trie, b"weather.oslo", 1);
        insert(&mut trie, b"weather.rome", 2);
        assert_eq!(trie.get(b"weather."), None);
        assert_eq!(trie.remove(b"weather."), None);
        assert_eq!(prefixes(&trie, b"weather.rome.now"), [2]);
        assert_eq!(trie.len(), 2);
        trie.check();
    }

    #[test]
    fn topics_are_told_in_the_order_of_their_bytes() {
        let mut trie = Trie::new();
        for topic in [&b"b"[..], b"ab", b"\xff", b"", b"a", b"a\0", b"abc"] {
            insert(&mut trie, topic, 0);
        }
        let expected = [&b""[..], b"a", b"a\0", b"ab", b"abc", b"b", b"\xff"];
        assert_eq!(trie.topics(), expected);
    }

    #[test]
    fn a_node_has_a_child_for_every_byte() {
        let mut trie = Trie::new();
        for byte in (0..=u8::MAX).rev() {
            insert(&mut trie, &[b'x', byte, byte], usize::from(byte));
        }
        trie.check();
        for byte in 0..=u8::MAX {
            let text = [b'x', byte, byte, 0];
            assert_eq!(prefixes(&trie, &text), [usize::from(byte)]);
        }
        for byte in 0..=u8::MAX {
            assert!(trie.remove(&[b'x', byte, byte]).is_some());
            trie.check();
        }
    }

    #[test]
    fn lengths_around_the_borders_of_encodings_and_labels() {
        let lengths = [0, 1, 245, 246, 255, 256, 257, 511, 512, 513, 65_535, 65_536];
        let text = vec![b'x'; 65_537];
        let mut trie = Trie::new();
        for (value, &length) in lengths.iter().enumerate().rev() {
            insert(&mut trie, &text[..length], value);
            trie.check();
        }
        assert_eq!(prefixes(&trie, &text), Vec::from_iter(0..lengths.len()));
        assert_eq!(prefixes(&trie, &text[..255]), [0, 1, 2, 3, 4]);
        for (value, &length) in lengths.iter().enumerate() {
            assert_eq!(trie.remove(&text[..length]), Some(value));
            assert_eq!(trie.get(&text[..length]), None);
            trie.check();
        }
    }

    /// With labels this short the tree is as deep as the topic is long.
    #[test]
    fn depth_does_not_matter() {
        let topic = vec![b'd'; 1_000_000];
        for (longest, nested) in [(1, 1_000), (LONGEST_LABEL, 10_000)] {
            let mut trie = Trie::with_longest_label(longest);
            insert(&mut trie, &topic, nested);
            let keys = Vec::from_iter((0..nested).map(|n| insert(&mut trie, &topic[..n], n)));
            assert_eq!(trie.len(), nested + 1);
            assert!(prefixes(&trie, &topic).into_iter().eq(0..=nested));
            let mut lengths = Vec::new();
            trie.for_each(|topic, _| lengths.push(topic.len()));
            assert!(lengths.iter().copied().eq((0..nested).chain([topic.len()])));
            lengths.clear();
            trie.for_each_of(keys.iter().copied(), |topic, _, _| {
                lengths.push(topic.len())
            });
            assert!(lengths.iter().copied().eq(0..nested));
            assert!(!format!("{trie:?}").is_empty());
            for (value, key) in keys.into_iter().enumerate().skip(10) {
                assert_eq!(trie.remove_key(key), Some(value));
            }
            trie.check();
            assert_eq!(trie.remove(&topic), Some(nested));
            trie.check();
            assert_eq!(trie.len(), 10);
            insert(&mut trie, &topic, 0);
            drop(trie);
        }
    }

    #[test]
    fn a_short_topic_does_not_copy_a_long_one() {
        let topic = vec![b'x'; 8 * LONGEST_LABEL];
        let mut trie = Trie::new();
        insert(&mut trie, &topic, 0);
        let nodes = trie.nodes.len();
        for length in 1..topic.len() {
            insert(&mut trie, &topic[..length], length);
            assert!(trie.nodes.len() <= nodes + 2);
            assert_eq!(trie.remove(&topic[..length]), Some(length));
        }
        assert_eq!(trie.nodes.len(), nodes);
        trie.check();
    }

    #[test]
    fn memory_comes_back_with_the_topics() {
        let topic = |number: usize| format!("{number:05}").into_bytes();
        let mut trie = Trie::new();
        for number in 0..10_000 {
            insert(&mut trie, &topic(number), number);
        }
        for number in (10..10_000).rev() {
            trie.remove(&topic(number));
        }
        trie.check();
        assert!(trie.nodes.capacity() < 100);
        for number in 0..10 {
            assert_eq!(trie.remove(&topic(number)), Some(number));
        }
        trie.check();
    }

    #[test]
    fn vacant_slots_are_used_again() {
        let mut trie = Trie::new();
        for number in 0..1_000u32 {
            insert(&mut trie, &number.to_be_bytes(), 0);
        }
        let slots = trie.nodes.len();
        for number in 1_000..50_000u32 {
            trie.remove(&(number - 1_000).to_be_bytes());
            insert(&mut trie, &number.to_be_bytes(), 0);
        }
        trie.check();
        assert!(trie.nodes.len() < slots + 20, "{}", trie.nodes.len());
    }

    /// Short, of few letters, so that they often begin with each other.
    fn topic() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0xff)], 0..9)
    }

    proptest! {
        #[test]
        fn any_steps_do_what_a_sorted_map_does(
            steps in proptest::collection::vec((0..8u8, topic(), any::<u16>()), 0..150),
            longest in prop_oneof![1..6usize, Just(LONGEST_LABEL)],
        ) {
            let mut trie = Trie::with_longest_label(longest);
            let mut model = BTreeMap::new();
            let mut keys = BTreeMap::new();
            for (number, (step, topic, pick)) in steps.into_iter().enumerate() {
                match step {
                    0..4 => {
                        let (key, value) = trie.entry_or_insert_with(&topic, || number);
                        prop_assert_eq!(*value, *model.entry(topic.clone()).or_insert(number));
                        prop_assert_eq!(*keys.entry(topic).or_insert(key), key);
                    }
                    4 => {
                        prop_assert_eq!(trie.remove(&topic), model.remove(&topic));
                        keys.remove(&topic);
                    }
                    5 if !keys.is_empty() => {
                        let place = usize::from(pick) % keys.len();
                        let (topic, key) = keys.pop_nth(place);
                        prop_assert_eq!(trie.remove_key(key), model.remove(&topic));
                    }
                    6 => {
                        let found = prefixes(&trie, &topic);
                        let expected = model.iter().filter(|(prefix, _)| topic.starts_with(prefix));
                        prop_assert!(expected.map(|(_, value)| *value).eq(found));
                        prop_assert_eq!(trie.get(&topic), model.get(&topic));
                    }
                    _ => {
                        let bit = |place: usize| pick >> (place % 16) & 1 == 1;
                        let some = || keys.iter().enumerate().filter(|(place, _)| bit(*place)).map(|(_, entry)| entry);
                        let mut told = Vec::new();
                        trie.for_each_of(some().map(|(_, key)| *key).rev(), |topic, key, value| {
                            told.push((topic.to_vec(), key, *value));
                        });
                        prop_assert!(told.into_iter().eq(some().map(|(topic, key)| (topic.clone(), *key, model[topic]))));
                    }
                }
                trie.check();
                prop_assert_eq!(trie.len(), model.len());
                for (topic, key) in &keys {
                    prop_assert_eq!(trie.find(topic), Some(*key), "a topic keeps its key");
                }
            }
            prop_assert!(trie.topics().iter().eq(model.keys()));
            for (topic, value) in model {
                prop_assert_eq!(trie.remove(&topic), Some(value));
                trie.check();
            }
            prop_assert!(trie.is_empty());
        }
    }

    trait PopNth<K, V> {
        fn pop_nth(&mut self, place: usize) -> (K, V);
    }

    impl<K: Ord + Clone, V> PopNth<K, V> for BTreeMap<K, V> {
        fn pop_nth(&mut self, place: usize) -> (K, V) {
            let key = self.keys().nth(place).unwrap().clone();
            self.remove_entry(&key).unwrap()
        }
    }
}
