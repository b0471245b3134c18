//! The children of a node of the trie, by a byte.

/// Nodes by a byte, each named by its place; a step to one costs a few instructions.
///
/// Where the bytes lie close together (digits, letters) it is a table of all from the least to the
/// greatest; peers choose the bytes, so where that would be mostly empty it is a list instead.
#[derive(Debug)]
pub(super) enum Children {
    /// A slot for each byte from `least` on. The first and the last are taken; others may be vacant,
    /// which is `NONE`.
    Table {
        least: u8,
        count: u16,
        slots: Box<[u32]>,
    },
    /// By byte.
    List(Box<[(u8, u32)]>),
}

const NONE: u32 = u32::MAX;

/// Whether so many children may have a table of so many slots: it takes no more than some four times
/// what a list does.
fn is_dense(children: usize, slots: usize) -> bool {
    slots <= 8 * children + 8
}

impl Default for Children {
    fn default() -> Self {
        Self::Table {
            least: 0,
            count: 0,
            slots: Box::default(),
        }
    }
}

impl Children {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Table { count, .. } => usize::from(*count),
            Self::List(list) => list.len(),
        }
    }

    /// The child with this byte.
    #[inline]
    pub(super) fn get(&self, byte: u8) -> Option<u32> {
        match self {
            Self::Table { least, slots, .. } => {
                // A byte below the least one comes out beyond the last slot.
                let slot = usize::from(byte.wrapping_sub(*least));
                slots.get(slot).copied().filter(|&child| child != NONE)
            }
            Self::List(list) => {
                let place = list.binary_search_by_key(&byte, |&(byte, _)| byte).ok()?;
                Some(list[place].1)
            }
        }
    }

    /// The only child, if there is one and no more.
    pub(super) fn only(&self) -> Option<u32> {
        if self.len() != 1 {
            return None;
        }
        self.iter().next()
    }

    /// All of them, in the order of their bytes.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        let (table, list) = match self {
            Self::Table { slots, .. } => (&slots[..], &[][..]),
            Self::List(list) => (&[][..], &list[..]),
        };
        let table = table.iter().copied().filter(|&child| child != NONE);
        table.chain(list.iter().map(|&(_, child)| child))
    }

    /// Adds a child, or puts it in the place of the one with this byte.
    pub(super) fn set(&mut self, byte: u8, child: u32) {
        match self {
            Self::Table {
                least,
                count,
                slots,
            } => {
                let slot = usize::from(byte.wrapping_sub(*least));
                if let Some(slot) = slots.get_mut(slot) {
                    *count += u16::from(*slot == NONE);
                    *slot = child;
                    return;
                }
            }
            Self::List(list) => {
                if let Ok(place) = list.binary_search_by_key(&byte, |&(byte, _)| byte) {
                    list[place].1 = child;
                    return;
                }
            }
        }
        // It changes its extent, which is done once for a child or less.
        let mut entries = self.entries();
        let place = entries.partition_point(|&(other, _)| other < byte);
        entries.insert(place, (byte, child));
        *self = Self::of(entries);
    }

    pub(super) fn remove(&mut self, byte: u8) {
        let mut entries = self.entries();
        entries.retain(|&(other, _)| other != byte);
        *self = Self::of(entries);
    }

    fn entries(&self) -> Vec<(u8, u32)> {
        let mut entries = Vec::with_capacity(self.len() + 1);
        match self {
            Self::Table { least, slots, .. } => {
                let bytes = *least..=u8::MAX;
                let all = bytes.zip(slots.iter().copied());
                entries.extend(all.filter(|&(_, child)| child != NONE));
            }
            Self::List(list) => entries.extend_from_slice(list),
        }
        entries
    }

    /// Of these, which are in the order of their bytes.
    fn of(entries: Vec<(u8, u32)>) -> Self {
        let (Some(&(least, _)), Some(&(greatest, _))) = (entries.first(), entries.last()) else {
            return Self::default();
        };
        let extent = usize::from(greatest - least) + 1;
        if !is_dense(entries.len(), extent) {
            return Self::List(entries.into());
        }
        let mut slots = vec![NONE; extent];
        let count = entries.len() as u16;
        for (byte, child) in entries {
            slots[usize::from(byte - least)] = child;
        }
        Self::Table {
            least,
            count,
            slots: slots.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Children {
        /// With their bytes.
        pub(in crate::routing) fn pairs(&self) -> Vec<(u8, u32)> {
            self.entries()
        }

        /// What must hold after every step.
        pub(in crate::routing) fn check(&self) {
            let entries = self.entries();
            assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
            assert_eq!(entries.len(), self.len());
            assert!(self.iter().eq(entries.iter().map(|&(_, child)| child)));
            if let Self::Table { slots, .. } = self {
                assert!(is_dense(entries.len(), slots.len()));
                assert!(slots.first() != Some(&NONE) && slots.last() != Some(&NONE));
            }
        }
    }

    #[test]
    fn what_lies_close_together_is_a_table_and_what_does_not_is_a_list() {
        let of = |bytes: &[u8]| {
            let mut children = Children::default();
            for &byte in bytes {
                children.set(byte, u32::from(byte));
            }
            matches!(children, Children::Table { .. })
        };
        assert!(of(b"0123456789"));
        assert!(of(b"aeiou"));
        assert!(of(&Vec::from_iter(0..=255)));
        assert!(!of(&[0, 255]));
        assert!(!of(&[0, 100, 255]));
    }

    proptest! {
        #[test]
        fn it_is_a_map_by_byte(steps in proptest::collection::vec((any::<bool>(), prop_oneof![b'0'..=b'9', any::<u8>()], 0..1000u32), 0..300)) {
            let (mut children, mut model) = (Children::default(), BTreeMap::new());
            for (adds, byte, child) in steps {
                if adds {
                    children.set(byte, child);
                    model.insert(byte, child);
                } else {
                    children.remove(byte);
                    model.remove(&byte);
                }
                children.check();
                prop_assert!(children.pairs().into_iter().eq(model.iter().map(|(&byte, &child)| (byte, child))));
                prop_assert_eq!(children.only(), (model.len() == 1).then(|| model.values().copied().next()).flatten());
                prop_assert_eq!(children.len(), model.len());
                for byte in 0..=255 {
                    prop_assert_eq!(children.get(byte), model.get(&byte).copied());
                }
            }
        }
    }
}
