//! What the inbound lanes of tcp and ipc carry: runs of received bytes.

use std::collections::VecDeque;

use super::Load;
use super::lane::Batch;
#[cfg(test)]
use crate::message::Message;
use crate::peer_info::PeerInfo;
use crate::signal::Wakes;
use crate::zmtp::{Item, Wire};

impl Batch for Wire {
    const BULK: usize = BULK;

    #[inline]
    fn ripens(&self) -> bool {
        self.messages() + 1 == RIPE
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn displaceable(&self) -> usize {
        self.messages()
    }

    fn displace(&mut self, wakes: &mut Wakes) -> Load {
        let (bytes, bodies) = self.drop_first();
        if !bodies.is_empty() {
            wakes.drop_later(bodies);
        }
        Load { messages: 1, bytes }
    }
}

/// So many messages take about as long to be made, and to be worked off, as one more write and its
/// reading do.
const RIPE: usize = 32;

/// A message that fills a good part of what a socket's send buffer takes at first: there is no gain in
/// gathering more before it is written, and its copy into the kernel costs more than all the rest.
const BULK: usize = 16 << 10;

/// One entry of a run.
#[derive(Debug)]
pub(crate) enum Record {
    /// What comes next is from this peer: the first record of each incarnation of a connection.
    Peer(PeerInfo),
    Item(Item),
}

/// Received bytes in wire order, checked and counted but not yet cut into messages; and on the way
/// back, the emptied buffers of earlier runs.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    pub(crate) records: VecDeque<Record>,
    /// Buffers for the session to read into again.
    pub(crate) emptied: Vec<Vec<u8>>,
}

impl Runs {
    /// How many messages there are.
    pub(crate) fn load(&self) -> Load {
        let mut load = Load::NONE;
        for record in &self.records {
            if let Record::Item(item) = record {
                let (messages, bytes) = item.messages();
                load += Load { messages, bytes };
            }
        }
        load
    }

    /// What comes next is from this peer. Gives back whoever was named last and had nothing to say:
    /// those who come and go must not heap up before a reader whom nobody wakes for them.
    pub(crate) fn name(&mut self, peer: PeerInfo) -> Option<PeerInfo> {
        if let Some(Record::Peer(last)) = self.records.back_mut() {
            return Some(std::mem::replace(last, peer));
        }
        self.records.push_back(Record::Peer(peer));
        None
    }
}

impl Batch for Runs {
    fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn is_hollow(&self) -> bool {
        let is_name = |record: &Record| matches!(record, Record::Peer(_));
        self.records.iter().all(is_name)
    }

    fn take_messages(&mut self) -> Self {
        let mut taken = VecDeque::new();
        for record in std::mem::take(&mut self.records) {
            match record {
                Record::Peer(peer) => taken.extend(self.name(peer).map(Record::Peer)),
                Record::Item(Item::Chunk(_) | Item::Message(_)) => taken.push_back(record),
                Record::Item(Item::Subscription { .. }) => self.records.push_back(record),
            }
        }
        Self {
            records: taken,
            emptied: Vec::new(),
        }
    }
}

/// The plainest batch there is, for lanes that are looked at by themselves.
#[cfg(test)]
impl Batch for VecDeque<Message> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn displaceable(&self) -> usize {
        self.len()
    }

    fn displace(&mut self, wakes: &mut Wakes) -> Load {
        let first = self.pop_front();
        let bytes = first.as_ref().map_or(0, Message::byte_len);
        wakes.drop_later(first);
        Load { messages: 1, bytes }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::peer_info::Hello;
    use crate::socket_type::SocketType;

    #[test]
    fn peers_that_say_nothing_leave_nothing_behind() {
        let peer = |n: usize| {
            let hello = Hello {
                socket_type: SocketType::Push,
                routing_id: None,
                user_id: None,
                user_properties: Default::default(),
                properties: Default::default(),
                address: n.to_string(),
                credentials: None,
            };
            PeerInfo::new(0, hello)
        };
        let message = || Record::Item(Item::Message(Message::from("hello")));
        let mut runs = Runs::default();
        for n in 0..1000 {
            let silent = runs.name(peer(n));
            assert_eq!(silent.is_some(), n > 0);
        }
        assert!(runs.is_hollow() && runs.records.len() == 1);
        runs.records.push_back(message());
        assert!(runs.name(peer(1000)).is_none());
        runs.records.push_back(message());
        let named: Vec<_> = (runs.records.iter())
            .filter_map(|record| match record {
                Record::Peer(peer) => Some(peer.address()),
                Record::Item(_) => None,
            })
            .collect();
        assert_eq!(named, ["999", "1000"]);
        // Nor do those whose messages make place for others'.
        drop(runs.take_messages());
        assert!(runs.is_hollow() && runs.records.len() == 1);
        assert!(matches!(&runs.records[0], Record::Peer(peer) if peer.address() == "1000"));
    }
}
