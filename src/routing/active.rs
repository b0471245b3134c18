//! Pipe ends in one array, the usable ones first, and a place to go on from.

use std::collections::HashMap;

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
    places: HashMap<PipeId, usize>,
    active: usize,
    current: usize,
}

impl<T> Active<T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            places: HashMap::new(),
            active: 0,
            current: 0,
        }
    }

    /// Adds an entry at the end of the active ones.
    pub(crate) fn insert(&mut self, id: PipeId, entry: T) {
        let place = self.entries.len();
        self.entries.push((id, entry));
        self.places.insert(id, place);
        self.activate(id);
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

    /// Takes the entry whose turn it is out of the active ones; the turn is its successor's.
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
