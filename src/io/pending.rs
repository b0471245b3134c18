//! Connections of one listener that are in their handshake, by where they come from.

use std::collections::{BTreeSet, HashMap};

use crate::admission::Origin;
use crate::command::Token;

/// Tokens count up: the first of an origin is its oldest.
#[derive(Debug, Default)]
pub(super) struct Pending {
    by_origin: HashMap<Origin, BTreeSet<Token>>,
    count: usize,
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn add(&mut self, origin: Origin, token: Token) {
        let is_new = self.by_origin.entry(origin).or_default().insert(token);
        self.count += usize::from(is_new);
    }

    pub(super) fn remove(&mut self, origin: Origin, token: Token) {
        let Some(tokens) = self.by_origin.get_mut(&origin) else {
            return;
        };
        self.count -= usize::from(tokens.remove(&token));
        if tokens.is_empty() {
            self.by_origin.remove(&origin);
        }
    }

    /// Takes out who gives way to one more of this origin: the oldest of the origin that has the most,
    /// if that has more than this one will have. So one that takes all there are keeps others out only
    /// until they come, and those who share an origin have to wait for each other.
    pub(super) fn give_way(&mut self, to: Origin) -> Option<Token> {
        let own = self.by_origin.get(&to).map_or(0, BTreeSet::len);
        let (&origin, tokens) = (self.by_origin.iter()).max_by_key(|(_, tokens)| tokens.len())?;
        let oldest = *tokens.first()?;
        if tokens.len() <= own + 1 {
            return None;
        }
        self.remove(origin, oldest);
        Some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Origin = Origin::User(1);
    const B: Origin = Origin::User(2);

    fn of(connections: &[(Origin, Token)]) -> Pending {
        let mut pending = Pending::default();
        for &(origin, token) in connections {
            pending.add(origin, token);
        }
        pending
    }

    #[test]
    fn s12_the_oldest_of_the_origin_with_the_most_gives_way() {
        let mut pending = of(&[(A, 1), (A, 2), (A, 3), (B, 4)]);
        assert_eq!(pending.give_way(Origin::Unknown), Some(1));
        pending.add(Origin::Unknown, 5);
        assert_eq!(pending.len(), 4);
        // Two, one and one: nobody has more than another will have.
        assert_eq!(pending.give_way(B), None);
        assert_eq!(pending.give_way(A), None);
        assert_eq!(pending.give_way(Origin::User(3)), Some(2));
        assert_eq!(pending.len(), 3);
    }

    #[test]
    fn who_is_through_is_forgotten() {
        let mut pending = of(&[(A, 1), (A, 2)]);
        pending.remove(A, 1);
        pending.remove(A, 1);
        pending.remove(B, 2);
        assert_eq!(pending.len(), 1);
        pending.remove(A, 2);
        assert_eq!((pending.len(), pending.by_origin.len()), (0, 0));
        assert_eq!(pending.give_way(A), None);
    }
}
