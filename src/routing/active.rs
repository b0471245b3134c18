//! Pipe ends in one array, the usable ones first, and a place to go on from.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::pipe::PipeId;

/// An array of pipe ends of which a prefix is active, walked round robin.
///
/// ```text
///   entries  [ active … │ … inactive ]
///              ▲         ▲
///              current   active      0 <= current < active, or both 0
/// ```
///
/// Activating and deactivating swap an entry over the border, so each step costs the same
/// however many entries there are.
#[derive(Debug)]
pub(crate) struct Active<T> {
    entries: Vec<(PipeId, T)>,
    places: ByPipe<usize>,
    active: usize,
    current: usize,
}

impl<T> Active<T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            places: HashMap::default(),
            active: 0,
            current: 0,
        }
    }

    /// Adds an entry at the end of the active ones.
    pub(crate) fn insert(&mut self, id: PipeId, entry: T) {
        self.insert_resting(id, entry);
        self.activate(id);
    }

    /// Adds an entry that is not yet usable.
    pub(crate) fn insert_resting(&mut self, id: PipeId, entry: T) {
        let place = self.entries.len();
        self.entries.push((id, entry));
        self.places.insert(id, place);
    }

    /// Makes an entry usable; one that is already so, or gone, stays as it is.
    pub(crate) fn activate(&mut self, id: PipeId) {
        if let Some(&place) = self.places.get(&id)
            && place >= self.active
        {
            self.swap_places(place, self.active);
            self.active += 1;
        }
    }

    /// The entry whose turn it is.
    #[inline]
    pub(crate) fn current(&mut self) -> Option<&mut T> {
        if self.active == 0 {
            return None;
        }
        self.entries.get_mut(self.current).map(|(_, entry)| entry)
    }

    /// Passes the turn on.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.current += 1;
        if self.current >= self.active {
            self.current = 0;
        }
    }

    /// The name of the entry whose turn it is.
    #[inline]
    pub(crate) fn current_id(&self) -> Option<PipeId> {
        self.entries.get(self.current).map(|(id, _)| *id)
    }

    /// Takes an entry out of the active ones, wherever it stands.
    pub(crate) fn deactivate(&mut self, id: PipeId) {
        if let Some(&place) = self.places.get(&id)
            && place < self.active
        {
            self.active -= 1;
            self.swap_places(place, self.active);
            if self.current >= self.active {
                self.current = 0;
            }
        }
    }

    /// Takes the entry whose turn it is out of the active ones; the turn is that of the last active
    /// one, which takes its place (as in libzmq).
    pub(crate) fn deactivate_current(&mut self) {
        if self.active == 0 {
            return;
        }
        self.active -= 1;
        self.swap_places(self.current, self.active);
        if self.current >= self.active {
            self.current = 0;
        }
    }

    /// Removes the entry whose turn it is.
    pub(crate) fn remove_current(&mut self) -> Option<T> {
        let id = self.entries.get(self.current)?.0;
        self.remove(id)
    }

    /// Removes an entry, wherever it stands.
    pub(crate) fn remove(&mut self, id: PipeId) -> Option<T> {
        let mut place = self.places.remove(&id)?;
        if place < self.active {
            self.active -= 1;
            self.swap_places(place, self.active);
            place = self.active;
        }
        let last = self.entries.len() - 1;
        self.swap_places(place, last);
        if self.current >= self.active {
            self.current = 0;
        }
        self.entries.pop().map(|(_, entry)| entry)
    }

    /// An entry, wherever it stands.
    pub(crate) fn get(&self, id: PipeId) -> Option<&T> {
        let place = *self.places.get(&id)?;
        self.entries.get(place).map(|(_, entry)| entry)
    }

    pub(crate) fn get_mut(&mut self, id: PipeId) -> Option<&mut T> {
        let place = *self.places.get(&id)?;
        self.entries.get_mut(place).map(|(_, entry)| entry)
    }

    /// Whether an entry is there and active.
    pub(crate) fn is_active(&self, id: PipeId) -> bool {
        self.places
            .get(&id)
            .is_some_and(|&place| place < self.active)
    }

    /// The entry, if there is but one.
    pub(crate) fn only(&self) -> Option<&T> {
        match self.entries.as_slice() {
            [(_, entry)] => Some(entry),
            _ => None,
        }
    }

    /// Every entry, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().map(|(_, entry)| entry)
    }

    pub(crate) fn has_active(&self) -> bool {
        self.active > 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Empties the array.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.places.clear();
        self.active = 0;
        self.current = 0;
        std::mem::take(&mut self.entries)
            .into_iter()
            .map(|(_, entry)| entry)
    }

    fn swap_places(&mut self, a: usize, b: usize) {
        if a == b {
            return;
        }
        self.entries.swap(a, b);
        for place in [a, b] {
            if let Some((id, _)) = self.entries.get(place)
                && let Some(known) = self.places.get_mut(id)
            {
                *known = place;
            }
        }
    }
}

/// Spreads pipe ids, which count up and which no peer can choose, over a table.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

/// A table by pipe id.
pub(crate) type ByPipe<T> = HashMap<PipeId, T, BuildHasherDefault<IdHasher>>;

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, id: u64) {
        // Fibonacci hashing: an odd constant near 2^64 / phi.
        self.0 = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(byte));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    impl<T> Active<T> {
        /// What must hold after every step.
        fn check(&self, known: &BTreeSet<PipeId>, active: &BTreeSet<PipeId>) {
            let ids: Vec<PipeId> = self.entries.iter().map(|(id, _)| *id).collect();
            assert_eq!(ids.iter().copied().collect::<BTreeSet<_>>(), *known);
            assert_eq!(ids.len(), known.len(), "an entry is there once");
            assert_eq!(
                ids[..self.active].iter().copied().collect::<BTreeSet<_>>(),
                *active
            );
            assert!(self.current < self.active || (self.current, self.active) == (0, 0));
            for (place, id) in ids.iter().enumerate() {
                assert_eq!(self.places[id], place);
            }
        }
    }

    #[test]
    fn turns_go_round_in_the_order_of_arrival() {
        let mut entries = Active::new();
        for id in 0..3 {
            entries.insert(id, id);
        }
        let mut turns = Vec::new();
        for _ in 0..7 {
            turns.push(*entries.current().unwrap());
            entries.advance();
        }
        assert_eq!(turns, [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn an_entry_that_rests_misses_its_turns_only() {
        let mut entries = Active::new();
        for id in 0..3 {
            entries.insert(id, id);
        }
        entries.advance();
        entries.deactivate_current();
        let mut turns = BTreeSet::new();
        for _ in 0..4 {
            turns.insert(*entries.current().unwrap());
            entries.advance();
        }
        assert_eq!(turns, BTreeSet::from([0, 2]));
        entries.activate(1);
        entries.activate(1);
        for _ in 0..3 {
            turns.insert(*entries.current().unwrap());
            entries.advance();
        }
        assert_eq!(turns, BTreeSet::from([0, 1, 2]));
    }

    proptest! {
        #[test]
        fn any_steps_keep_the_prefix_and_the_places_right(steps in proptest::collection::vec((0..6u8, 0..8u64), 0..200)) {
            let mut entries = Active::new();
            let (mut known, mut active) = (BTreeSet::new(), BTreeSet::new());
            for (step, id) in steps {
                match step {
                    0 => if known.insert(id) {
                        active.insert(id);
                        entries.insert(id, id);
                    },
                    1 => {
                        prop_assert_eq!(entries.remove(id), known.remove(&id).then_some(id));
                        active.remove(&id);
                    }
                    2 => {
                        if known.contains(&id) {
                            active.insert(id);
                        }
                        entries.activate(id);
                    }
                    3 => {
                        if let Some(&mut current) = entries.current() {
                            active.remove(&current);
                        }
                        entries.deactivate_current();
                    }
                    4 => {
                        let current = entries.current().copied();
                        if current.is_some() {
                            let gone = entries.remove_current().unwrap();
                            prop_assert_eq!(Some(gone), current);
                            known.remove(&gone);
                            active.remove(&gone);
                        }
                    }
                    _ => entries.advance(),
                }
                entries.check(&known, &active);
            }
        }

        /// Whoever stays active has a turn in every round.
        #[test]
        fn nobody_starves(count in 1..20u64, turns in 1..100usize) {
            let mut entries = Active::new();
            for id in 0..count {
                entries.insert(id, id);
            }
            let mut had = vec![0; count as usize];
            for _ in 0..turns {
                had[*entries.current().unwrap() as usize] += 1;
                entries.advance();
            }
            let (least, most) = (had.iter().min().unwrap(), had.iter().max().unwrap());
            prop_assert!(most - least <= 1);
        }
    }
}
