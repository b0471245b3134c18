//! What a socket is bound and connected to, in the order in which that came, and how one is found.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::command::Token;
use crate::endpoint::Endpoint;
use crate::endpoint_status::EndpointStatus;
use crate::io;
use crate::pipe::{PipeId, Writer};
use crate::routing_id::RoutingId;

/// One endpoint that was bound or connected to.
pub(super) struct Entry {
    pub(super) status: EndpointStatus,
    /// A peer was there before.
    pub(super) was_joined: bool,
    pub(super) way: Way,
}

/// What is behind an endpoint.
pub(super) enum Way {
    /// A listener of an I/O thread.
    Listener { io: Arc<io::Handle>, token: Token },
    /// A connecting endpoint of an I/O thread, with the pipe it was given at once, if any, and how
    /// its peer is to be called here, if that was said.
    Connecter {
        io: Arc<io::Handle>,
        token: Token,
        pipe: Option<PipeId>,
        given: Option<RoutingId>,
    },
    /// Nothing any more: it was connected to, and given up.
    GivenUp,
    /// An inproc name that is ours.
    InprocName(Arc<str>),
    /// A pipe to whoever is, or will be, bound to an inproc name.
    InprocPipe {
        name: Arc<str>,
        pipe: PipeId,
        writer: Option<Writer>,
        given: Option<RoutingId>,
    },
}

/// What an endpoint is known as elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// The listener or the connecter of this number.
    Token(Token),
    /// The one that has this pipe, whatever becomes of connections.
    Pipe(PipeId),
}

/// All endpoints of a socket: found at once, however many there are.
#[derive(Default)]
pub(super) struct Directory {
    /// Numbered in the order in which they came.
    entries: BTreeMap<u64, Entry>,
    numbers: HashMap<Key, u64>,
    added: u64,
    bound: usize,
    given_up: usize,
}

impl Directory {
    pub(super) fn add(&mut self, endpoint: Endpoint, way: Way) {
        let is_bound = way.is_bound();
        if !is_bound {
            self.forget_given_up(&endpoint);
        }
        let number = self.added;
        self.added += 1;
        self.count_in(number, &way);
        let entry = Entry {
            status: EndpointStatus::new(endpoint, is_bound),
            was_joined: false,
            way,
        };
        self.entries.insert(number, entry);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(super) fn get(&self, key: Key) -> Option<&Entry> {
        self.entries.get(self.numbers.get(&key)?)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries.get_mut(self.numbers.get(&key)?)
    }

    /// The one that is known as this, or else what is bound to that.
    pub(super) fn find(
        &mut self,
        key: Option<Key>,
        bound_to: Option<&Endpoint>,
    ) -> Option<&mut Entry> {
        match key.filter(|key| self.numbers.contains_key(key)) {
            Some(key) => self.get_mut(key),
            None => self.bound_to(bound_to?),
        }
    }

    /// The first that is bound to this.
    fn bound_to(&mut self, endpoint: &Endpoint) -> Option<&mut Entry> {
        if self.bound == 0 {
            return None;
        }
        let is_it = |entry: &&mut Entry| entry.way.is_bound() && entry.status.endpoint == *endpoint;
        self.entries.values_mut().find(is_it)
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, key: Key) -> Option<Entry> {
        let number = *self.numbers.get(&key)?;
        let entry = self.entries.remove(&number)?;
        self.count_out(&entry.way);
        Some(entry)
    }

    /// Takes out all that are `which`.
    pub(super) fn take(&mut self, which: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let all = std::mem::take(&mut self.entries).into_iter();
        let (taken, stay): (Vec<_>, _) = all.partition(|(_, entry)| which(entry));
        self.entries = BTreeMap::from_iter(stay);
        let taken = taken.into_iter().map(|(_, entry)| entry);
        taken.inspect(|entry| self.count_out(&entry.way)).collect()
    }

    /// One that stays to be seen, with nothing behind it; gives what was.
    pub(super) fn give_up(&mut self, key: Key) -> Option<Way> {
        let way = std::mem::replace(&mut self.get_mut(key)?.way, Way::GivenUp);
        self.count_out(&way);
        self.given_up += 1;
        Some(way)
    }

    /// Another pipe takes the place of one.
    pub(super) fn renew_pipe(&mut self, old: PipeId, new: PipeId) -> Option<&mut Entry> {
        let number = self.numbers.remove(&Key::Pipe(old))?;
        let entry = self.entries.get_mut(&number)?;
        match &mut entry.way {
            Way::Connecter { pipe, .. } => *pipe = Some(new),
            Way::InprocPipe { pipe, .. } => *pipe = new,
            Way::Listener { .. } | Way::GivenUp | Way::InprocName(_) => return None,
        }
        self.numbers.insert(Key::Pipe(new), number);
        Some(entry)
    }

    /// What is connected to again need not be seen as what was given up.
    fn forget_given_up(&mut self, endpoint: &Endpoint) {
        if self.given_up == 0 {
            return;
        }
        self.take(|entry| matches!(entry.way, Way::GivenUp) && entry.status.endpoint == *endpoint);
    }

    fn count_in(&mut self, number: u64, way: &Way) {
        self.bound += usize::from(way.is_bound());
        let keys = way.keys().into_iter().flatten();
        self.numbers.extend(keys.map(|key| (key, number)));
    }

    fn count_out(&mut self, way: &Way) {
        self.bound -= usize::from(way.is_bound());
        self.given_up -= usize::from(matches!(way, Way::GivenUp));
        for key in way.keys().into_iter().flatten() {
            self.numbers.remove(&key);
        }
    }
}

impl Entry {
    pub(super) fn is_inproc_pipe(&self) -> bool {
        matches!(&self.way, Way::InprocPipe { .. })
    }

    pub(super) fn has_unsent(&self) -> bool {
        matches!(&self.way, Way::InprocPipe { writer: Some(writer), .. } if !writer.queued().is_none())
    }
}

impl Way {
    pub(super) fn is_bound(&self) -> bool {
        matches!(self, Self::Listener { .. } | Self::InprocName(_))
    }

    /// What it is known as.
    fn keys(&self) -> [Option<Key>; 2] {
        match self {
            Self::Listener { token, .. } => [Some(Key::Token(*token)), None],
            Self::Connecter { token, pipe, .. } => [Some(Key::Token(*token)), pipe.map(Key::Pipe)],
            Self::InprocPipe { pipe, .. } => [Some(Key::Pipe(*pipe)), None],
            Self::GivenUp | Self::InprocName(_) => [None, None],
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use crate::endpoint_status::EndpointState;

    fn endpoint(name: &str) -> Endpoint {
        format!("inproc://{name}").parse().unwrap()
    }

    fn piped(pipe: PipeId) -> Way {
        Way::InprocPipe {
            name: "a".into(),
            pipe,
            writer: None,
            given: None,
        }
    }

    /// What is bound to `bound`, and three that are connected to.
    fn four() -> Directory {
        let mut all = Directory::default();
        all.add(endpoint("bound"), Way::InprocName("bound".into()));
        for pipe in 1..=3 {
            all.add(endpoint("a"), piped(pipe));
        }
        all
    }

    #[test]
    fn one_is_found_by_its_pipe_or_by_what_is_bound() {
        let mut all = four();
        let found = all.find(Some(Key::Pipe(2)), Some(&endpoint("bound")));
        assert_eq!(found.unwrap().status.endpoint, endpoint("a"));
        let found = all.find(Some(Key::Pipe(4)), Some(&endpoint("bound")));
        assert_eq!(found.unwrap().status.endpoint, endpoint("bound"));
        // What is connected to is nobody's address.
        assert!(all.find(None, Some(&endpoint("a"))).is_none());
        assert!(all.find(None, None).is_none());
    }

    #[test]
    fn one_that_is_taken_out_is_found_no_more() {
        let mut all = four();
        assert!(all.remove(Key::Pipe(2)).is_some());
        assert!(all.remove(Key::Pipe(2)).is_none());
        assert_eq!(all.take(|entry| entry.way.is_bound()).len(), 1);
        assert!(all.find(None, Some(&endpoint("bound"))).is_none());
        assert_eq!(all.iter().count(), 2);
        assert!(all.get(Key::Pipe(3)).is_some());
    }

    #[test]
    fn one_with_a_new_pipe_is_found_by_that() {
        let mut all = four();
        all.renew_pipe(2, 9).unwrap().status.state = EndpointState::Ended;
        assert!(all.get(Key::Pipe(2)).is_none());
        let renewed = all.get(Key::Pipe(9)).unwrap();
        assert_eq!(renewed.status.state, EndpointState::Ended);
        assert!(all.renew_pipe(2, 10).is_none());
    }

    #[test]
    fn one_that_was_given_up_is_seen_until_it_is_connected_to_again() {
        let mut all = four();
        assert!(all.give_up(Key::Pipe(1)).is_some());
        assert!(all.give_up(Key::Pipe(1)).is_none());
        all.add(endpoint("b"), piped(5));
        assert_eq!(all.iter().count(), 5);
        all.add(endpoint("a"), piped(6));
        let gone = |entry: &&Entry| matches!(entry.way, Way::GivenUp);
        assert_eq!(
            (all.iter().count(), all.iter().filter(gone).count()),
            (5, 0)
        );
    }
}
