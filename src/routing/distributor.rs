//! A copy of each message to every subscriber who wants it.

use super::active::ByPipe;
use super::subscriptions::{Added, Removed};
use super::trie::Key;
use super::upstream::Sent;
use super::{Origins, Stall, StallNews, Subscriptions};
use crate::admission::Origin;
use crate::message::Message;
use crate::monitor::Eviction;
use crate::options::SlowSubscriber;
use crate::peer_info::PeerInfo;
use crate::pipe::{Copies, Load, PipeId, Refusal, Room, Writer};
use crate::signal::{News, Wakes};

/// The outbound policy of PUB and XPUB.
///
/// A subscriber without room misses the message; nobody else notices. What a message costs depends
/// on its topic and on those who want it, not on those who don't.
#[derive(Debug)]
pub(crate) struct Distributor {
    peers: ByPipe<Subscriber>,
    subscriptions: Subscriptions,
    origins: Origins,
    rules: Rules,
    /// The next message is for this one alone.
    only_to: Option<PipeId>,
    /// How many peers are there and subscribe to something.
    subscribers: usize,
    /// Counts messages, to see who has been found for one already.
    round: u64,
    /// Those that a message belongs to, and who has them.
    topics: Vec<Key>,
    found: Vec<PipeId>,
    /// What was found is everybody who has this one topic: whoever sends to it again need not look
    /// for them.
    found_for: Option<Key>,
    /// With *nodrop*: what there was room for at all of those when that was looked up last, less what
    /// they were sent since. There may be more, as nobody else writes there.
    room: Load,
    copies: Copies,
}

/// What a publisher was told to do differently.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// To those who do *not* match.
    pub(crate) invert: bool,
    /// Nobody gets the message before everybody who wants it has room.
    pub(crate) nodrop: bool,
    /// The most topics of one peer, and the most bytes in them.
    pub(crate) max_topics: usize,
    pub(crate) max_topic_bytes: usize,
    /// The most topics of all peers of one origin.
    pub(crate) max_topics_of_one: Option<usize>,
    /// What becomes of one without room.
    pub(crate) slow: SlowSubscriber,
}

#[derive(Debug)]
struct Subscriber {
    writer: Writer,
    /// Who is there, or was last.
    info: Option<PeerInfo>,
    origin: Option<Origin>,
    joined: bool,
    /// Counted among the subscribers.
    counted: bool,
    round: u64,
    stall: Stall,
    /// Its owner was told that its connection is to be ended for that. (One that comes back to a full
    /// queue has its time to read it.)
    evicted: bool,
}

/// A peer wants more topics than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// By itself.
    OfIts,
    /// Together with others of its origin.
    OfItsOrigin,
}

impl Distributor {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            peers: ByPipe::default(),
            subscriptions: Subscriptions::new(),
            origins: Origins::default(),
            rules,
            only_to: None,
            subscribers: 0,
            round: 0,
            topics: Vec::new(),
            found: Vec::new(),
            found_for: None,
            room: Load::NONE,
            copies: Copies::default(),
        }
    }

    /// Goes on by other rules.
    pub(crate) fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
        self.found_for = None;
        // Limits may have changed with them.
        self.room = Load::NONE;
    }

    // ---- messages

    /// Gives a copy to everybody who wants one; `None` if somebody has no room and nobody is to miss
    /// anything.
    pub(crate) fn send(
        &mut self,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<Sent> {
        let Some(whole) = message.as_ref() else {
            return Some(Sent::default());
        };
        self.find(whole.first());
        if !self.rules.nodrop {
            return Some(self.deliver(Room::Free, message, wakes));
        }
        if let [only] = *self.found {
            return self.send_to_one(only, message, wakes);
        }
        let bytes = whole.byte_len();
        if (self.room.messages == 0 || self.room.bytes == 0) && !self.look_for_room(wakes) {
            return None;
        }
        self.room -= Load { messages: 1, bytes };
        // That there is room has been seen, for this message or for those before.
        Some(self.deliver(Room::Beyond, message, wakes))
    }

    /// Gives the message to the only one who wants it, if it is one as the last time, and if there is
    /// nothing to it but that; what is left in `message` is for the caller to drop.
    #[inline]
    pub(crate) fn send_plainly(&mut self, message: &mut Message) -> bool {
        if self.found.len() != 1 || self.only_to.is_some() {
            return false;
        }
        self.find(message.first());
        let [only] = *self.found else {
            return false;
        };
        let peer = self.peers.get(&only).filter(|peer| !peer.stall.is_on());
        peer.is_some_and(|peer| peer.writer.outlet().write_plainly(message))
    }

    /// With *nodrop*: to the only one who wants it, or `None` if that has no room.
    fn send_to_one(
        &mut self,
        only: PipeId,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<Sent> {
        let mut sent = Sent::default();
        if let Some(peer) = self.peers.get_mut(&only) {
            if peer.stall.is_on() {
                return None;
            }
            match peer.writer.write(message, wakes) {
                Ok(_) => sent.queued += 1,
                Err(Refusal::Full) => return None,
                // Its end has been posted, and will be seen to.
                Err(Refusal::Ended) => {}
            }
        }
        self.only_to = None;
        Some(sent)
    }

    /// Keeps room for a message of any topic; `None` if somebody has none and nobody is to miss
    /// anything. Who may miss a message keeps no room for one.
    pub(crate) fn reserve(&mut self, wakes: &mut Wakes) -> Option<Vec<PipeId>> {
        if !self.rules.nodrop {
            return Some(Vec::new());
        }
        // All are asked, so that each will say when it has room.
        let full = self
            .peers
            .values()
            .filter(|peer| peer.writer.room(wakes) == Err(Refusal::Full));
        if full.count() > 0 {
            return None;
        }
        self.room = Load::NONE;
        let kept = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.writer.reserve(wakes).is_ok());
        Some(kept.map(|(pipe, _)| *pipe).collect())
    }

    /// Gives a copy to everybody who wants one, where they have kept room; with *nodrop*, to those
    /// who came later, too.
    pub(crate) fn send_reserved(
        &mut self,
        kept: &[PipeId],
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Sent {
        let Some(whole) = message.as_ref() else {
            return Sent::default();
        };
        self.find(whole.first());
        let room = if self.rules.nodrop {
            self.room = Load::NONE;
            Room::Beyond
        } else {
            Room::Free
        };
        let sent = self.deliver(room, message, wakes);
        // No sooner, lest somebody who waits is told of room that is used up by then.
        self.release(kept, wakes);
        sent
    }

    /// Gives up the room that was kept.
    pub(crate) fn release(&self, kept: &[PipeId], wakes: &mut Wakes) {
        for peer in kept.iter().filter_map(|pipe| self.peers.get(pipe)) {
            peer.writer.release(wakes);
        }
    }

    /// Gives a copy to everybody who was found.
    fn deliver(&mut self, room: Room, message: &mut Option<Message>, wakes: &mut Wakes) -> Sent {
        self.only_to = None;
        let mut sent = Sent::default();
        let slow = self.rules.slow;
        let room = match (room, slow, message.as_ref()) {
            (Room::Free, SlowSubscriber::DropOldest, Some(whole)) => {
                Room::Displacing(whole.byte_len())
            }
            (room, ..) => room,
        };
        if let [only] = *self.found
            && !matches!(room, Room::Displacing(_))
        {
            if let Some(peer) = self.peers.get_mut(&only) {
                peer.write(slow, &mut sent, wakes, |writer, wakes| {
                    writer.write_into(room, message, wakes).map(|_| 0)
                });
            }
            return sent;
        }
        let Some(whole) = message.as_ref() else {
            return sent;
        };
        let bytes = whole.byte_len();
        for pipe in &self.found {
            if let Some(peer) = self.peers.get_mut(pipe) {
                let copies = &mut self.copies;
                peer.write(slow, &mut sent, wakes, |writer, wakes| {
                    writer.write_copy(room, whole, bytes, copies, wakes)
                });
            }
        }
        self.copies.clear();
        sent
    }

    /// Whose turn it is with a message of this topic: each once.
    fn find(&mut self, topic: &[u8]) {
        let Self {
            peers,
            subscriptions,
            rules,
            only_to,
            round,
            topics,
            found,
            found_for,
            room,
            ..
        } = self;
        topics.clear();
        subscriptions.matching(topic, |topic| topics.push(topic));
        let sole = match topics[..] {
            [sole] if only_to.is_none() && !rules.invert => Some(sole),
            _ => None,
        };
        if sole.is_some() && sole == *found_for {
            return;
        }
        *found_for = sole;
        *room = Load::NONE;
        *round += 1;
        found.clear();
        for topic in topics {
            subscriptions.for_each_with(*topic, |pipe| {
                if let Some(peer) = peers.get_mut(&pipe)
                    && peer.round != *round
                {
                    peer.round = *round;
                    found.push(pipe);
                }
            });
        }
        if rules.invert {
            found.clear();
            let others = peers.iter().filter(|(_, peer)| peer.round != *round);
            found.extend(others.map(|(pipe, _)| *pipe));
        }
        if let Some(only) = *only_to {
            found.retain(|pipe| *pipe == only);
        }
    }

    /// Looks up what there is room for at all who were found; whether there is any. A look is a lock at
    /// each of them, so it is for as many messages as there may be.
    fn look_for_room(&mut self, wakes: &mut Wakes) -> bool {
        let (mut room, mut full) = (Load::ANY, false);
        // All are asked, so that each will say when it has room.
        for peer in self.found.iter().filter_map(|pipe| self.peers.get(pipe)) {
            match peer.writer.room(wakes) {
                Ok(its) => {
                    room.messages = room.messages.min(its.messages);
                    room.bytes = room.bytes.min(its.bytes);
                    full |= peer.stall.is_on();
                }
                Err(Refusal::Full) => full = true,
                // Nothing is written to it any more.
                Err(Refusal::Ended) => full |= peer.stall.is_on(),
            }
        }
        self.room = if full { Load::NONE } else { room };
        !full
    }

    /// Who has subscribed last gets the next message alone.
    pub(crate) fn next_only_to(&mut self, pipe: PipeId) {
        if self.peers.contains_key(&pipe) {
            self.only_to = Some(pipe);
        }
    }

    // ---- peers

    pub(crate) fn attach(&mut self, writer: Writer) {
        let peer = Subscriber {
            info: None,
            origin: None,
            joined: false,
            counted: false,
            round: 0,
            stall: Stall::default(),
            evicted: false,
            writer,
        };
        self.found_for = None;
        self.peers.insert(peer.writer.pipe(), peer);
    }

    /// A pipe has room again; how many messages it missed while it had none.
    pub(crate) fn activate(&mut self, pipe: PipeId) -> u64 {
        let peer = self.peers.get_mut(&pipe);
        peer.map_or(0, |peer| {
            peer.evicted = false;
            peer.stall.end()
        })
    }

    /// What a peer misses.
    pub(crate) fn stall(&self, pipe: PipeId) -> Option<Stall> {
        self.peers.get(&pipe).map(|peer| peer.stall)
    }

    /// What there is to tell of that.
    pub(crate) fn take_stall_news(&mut self, pipe: PipeId) -> Option<StallNews> {
        self.peers.get_mut(&pipe)?.stall.take_news()
    }

    /// A peer is there.
    pub(crate) fn on_joined(&mut self, pipe: PipeId, info: PeerInfo) {
        if let Some(peer) = self.peers.get_mut(&pipe) {
            peer.joined = true;
            peer.stall.start_anew();
            peer.origin = Origin::of(&info);
            peer.info = Some(info);
        }
        self.recount(pipe);
    }

    /// A peer is not there any more.
    pub(crate) fn on_left(&mut self, pipe: PipeId) {
        if let Some(peer) = self.peers.get_mut(&pipe) {
            peer.joined = false;
        }
        self.recount(pipe);
    }

    /// Who is there, or was last.
    pub(crate) fn info(&self, pipe: PipeId) -> Option<&PeerInfo> {
        self.peers.get(&pipe)?.info.as_ref()
    }

    pub(crate) fn get(&self, pipe: PipeId) -> Option<&Writer> {
        self.peers.get(&pipe).map(|peer| &peer.writer)
    }

    /// Takes a pipe out. What it subscribed to matters no more; [`forget_some`](Self::forget_some)
    /// gives the memory back.
    pub(crate) fn detach(&mut self, pipe: PipeId) -> Option<Writer> {
        let peer = self.peers.remove(&pipe)?;
        self.found_for = None;
        self.origins.set(pipe, None, 0);
        self.subscribers -= usize::from(peer.counted);
        // The message that was for it alone is for all again.
        self.only_to.take_if(|only| *only == pipe);
        Some(peer.writer)
    }

    /// Forgets some topics of a pipe (that was taken out, or begins anew), telling each, and whether
    /// nobody else has it; whether any are left.
    pub(crate) fn forget_some(
        &mut self,
        pipe: PipeId,
        most: usize,
        gone: impl FnMut(&[u8], bool),
    ) -> bool {
        self.found_for = None;
        let more = self.subscriptions.remove_some(pipe, most, gone);
        // It may be there still, and begin anew.
        self.recount(pipe);
        more
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    pub(crate) fn take_all(&mut self) -> Vec<Writer> {
        self.subscriptions = Subscriptions::new();
        self.found_for = None;
        self.origins = Origins::default();
        self.subscribers = 0;
        std::mem::take(&mut self.peers)
            .into_values()
            .map(|peer| peer.writer)
            .collect()
    }

    // ---- subscriptions

    /// How many peers are there and subscribe to something.
    pub(crate) fn subscribers(&self) -> usize {
        self.subscribers
    }

    /// How many topics somebody has subscribed to.
    pub(crate) fn topics(&self) -> usize {
        self.subscriptions.topics()
    }

    /// Whether anybody has subscribed to exactly this.
    pub(crate) fn has_topic(&self, topic: &[u8]) -> bool {
        self.subscriptions.has(topic)
    }

    /// `None` if there is no such peer (any more).
    pub(crate) fn subscribe(
        &mut self,
        pipe: PipeId,
        topic: &[u8],
    ) -> Result<Option<Added>, TooMany> {
        let Some(peer) = self.peers.get(&pipe) else {
            return Ok(None);
        };
        let of_one = self.rules.max_topics_of_one;
        let too_many = of_one.is_some_and(|most| self.origins.sum(peer.origin) >= most);
        let at_limit = self.subscriptions.count_of(pipe) >= self.rules.max_topics
            || self.subscriptions.bytes_of(pipe) + topic.len() > self.rules.max_topic_bytes;
        // To ask again for what it has is not to have more.
        if (at_limit || too_many) && !self.subscriptions.holds(topic, pipe) {
            return Err(if at_limit {
                TooMany::OfIts
            } else {
                TooMany::OfItsOrigin
            });
        }
        self.found_for = None;
        let added = self.subscriptions.add(topic, pipe);
        self.recount(pipe);
        Ok(Some(added))
    }

    pub(crate) fn unsubscribe(&mut self, pipe: PipeId, topic: &[u8]) -> Option<Removed> {
        if !self.peers.contains_key(&pipe) {
            return None;
        }
        self.found_for = None;
        let removed = self.subscriptions.remove(topic, pipe);
        self.recount(pipe);
        Some(removed)
    }

    fn recount(&mut self, pipe: PipeId) {
        if let Some(peer) = self.peers.get_mut(&pipe) {
            let topics = self.subscriptions.count_of(pipe);
            self.origins.set(pipe, peer.origin, topics);
            let counts = peer.joined && topics > 0;
            self.subscribers += usize::from(counts);
            self.subscribers -= usize::from(std::mem::replace(&mut peer.counted, counts));
        }
    }
}

impl Subscriber {
    #[inline]
    fn write(
        &mut self,
        slow: SlowSubscriber,
        sent: &mut Sent,
        wakes: &mut Wakes,
        write: impl FnOnce(&Writer, &mut Wakes) -> Result<usize, Refusal>,
    ) {
        // One that is known to be full costs no look at it.
        if self.stall.is_on() && slow != SlowSubscriber::DropOldest {
            self.stall.miss(&self.writer, wakes);
            sent.full += 1;
            // It may have been full before that was what ends its connection.
            self.evict_if(slow, wakes);
            return;
        }
        match write(&self.writer, wakes) {
            Ok(0) => sent.queued += 1,
            Ok(displaced) => {
                sent.queued += 1;
                sent.stalled |= self.stall.miss_some(displaced, &self.writer, wakes);
            }
            Err(Refusal::Full) => {
                sent.full += 1;
                sent.stalled |= self.stall.miss(&self.writer, wakes);
                self.evict_if(slow, wakes);
            }
            // Its end has been posted, and will be seen to.
            Err(Refusal::Ended) => {}
        }
    }

    /// It is full, and has its connection ended if that is the policy.
    fn evict_if(&mut self, slow: SlowSubscriber, wakes: &mut Wakes) {
        if slow == SlowSubscriber::Disconnect && !std::mem::replace(&mut self.evicted, true) {
            let news = News::Evict(Eviction::SlowSubscriber);
            self.writer.tell_owner(news, wakes);
        }
    }
}
