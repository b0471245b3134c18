//! What subscribers say to a publisher: subscriptions, applied as they arrive, and messages.
//!
//! An I/O thread that has something from a subscriber posts it, and applies it at once: a publisher
//! that nobody calls still knows who wants what. An XPUB's application is told by events, which wait
//! here until it asks for them.

use std::collections::{HashMap, VecDeque};

use super::halves::{Inbound, Intake, Outbound, Writers};
use super::pattern::Pattern;
use crate::admission::Origin;
use crate::frame::Frame;
use crate::message::Message;
use crate::monitor::Eviction;
use crate::options::{Options, Verbosity};
use crate::peer_info::PeerInfo;
use crate::pipe::{Limits, Load, PipeId, Reader, Reading};
use crate::routing::{Added, ByPipe, Origins, Removed, Subscriptions, TooMany};
use crate::signal::{News, Wakes};
use crate::socket_type::SocketType;

/// What subscribers have said and nobody has asked for yet.
#[derive(Debug)]
pub(super) struct Upstreams {
    queue: VecDeque<Event>,
    /// Messages in the queue, by who sent them.
    held: ByPipe<Load>,
    rules: Rules,
    /// What subscribers have asked for, where the application decides what they get.
    requested: Subscriptions,
    origins: Origins,
    /// Events left by the last compaction.
    compacted: usize,
}

/// How subscriptions are taken and told of.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// The application wants to know (XPUB).
    tells: bool,
    verbose: Verbosity,
    manual: bool,
    only_first: bool,
    /// How much of one peer may wait.
    limits: Limits,
    max_topics: usize,
    max_topic_bytes: usize,
    max_topics_of_one: Option<usize>,
}

impl Rules {
    fn of(pattern: Pattern, options: &Options) -> Self {
        Self {
            tells: pattern.socket_type() == SocketType::XPub,
            verbose: options.verbose,
            manual: options.is_manual(),
            only_first: options.only_first_subscribe,
            limits: Limits::receiving(options),
            max_topics: options.max_subscriptions,
            max_topic_bytes: options.max_subscription_bytes,
            max_topics_of_one: options.max_subscriptions_per_address,
        }
    }

    /// Whether all that each peer makes and takes back is told, not only what it comes to.
    fn tells_each(self) -> bool {
        self.manual || self.verbose == Verbosity::All
    }
}

/// One thing that a subscriber said.
#[derive(Debug)]
pub(super) enum Event {
    Subscription(Told),
    Message(PipeId, Message),
}

/// A subscription that was made or taken back.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) pipe: PipeId,
    pub(super) peer: PeerInfo,
    pub(super) topic: Frame,
    pub(super) subscribe: bool,
    /// Before this nobody had it; or, where each peer's are told, this peer had not.
    new: bool,
}

/// How many things of one subscriber are taken before others have their turn at the locks.
const BATCH: usize = 128;

/// How many topics of a peer that has gone are forgotten before others have their turn.
const FORGET_BATCH: usize = 2048;

/// Fewer events than this are never looked through for those that cancel each other.
const COMPACT_MIN: usize = 4096;

/// What came of taking in what a subscriber said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    /// There may be more.
    More,
    /// There is no more now, or no more is taken.
    Done,
}

impl Upstreams {
    pub(super) fn new(pattern: Pattern, options: &Options) -> Self {
        Self {
            queue: VecDeque::new(),
            held: ByPipe::default(),
            rules: Rules::of(pattern, options),
            requested: Subscriptions::new(),
            origins: Origins::default(),
            compacted: 0,
        }
    }

    /// Goes on by other rules.
    pub(super) fn set_rules(&mut self, pattern: Pattern, options: &Options) {
        self.rules = Rules::of(pattern, options);
    }

    /// Those of whom messages wait.
    pub(super) fn held(&self) -> impl Iterator<Item = PipeId> {
        self.held.keys().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes everything out.
    pub(super) fn take_all(&mut self) -> VecDeque<Event> {
        self.held.clear();
        std::mem::take(&mut self.queue)
    }

    /// Messages that wait.
    pub(super) fn queued(&self) -> Load {
        let mut load = Load::NONE;
        for event in &self.queue {
            if let Event::Message(_, message) = event {
                load += load_of(message);
            }
        }
        load
    }

    /// The next event; and whether its pipe may have been held up by it.
    pub(super) fn next(&mut self) -> Option<(Event, bool)> {
        let event = self.queue.pop_front()?;
        let mut relieved = false;
        if let Event::Message(pipe, message) = &event
            && let Some(held) = self.held.get_mut(pipe)
        {
            let held_up = self.rules.limits.are_reached(*held);
            *held -= load_of(message);
            relieved = held_up && !self.rules.limits.are_reached(*held);
            if held.messages == 0 {
                self.held.remove(pipe);
            }
        }
        if self.queue.is_empty() {
            // An XPUB that was flooded once need not keep the memory.
            self.queue = VecDeque::new();
            self.compacted = 0;
        }
        Some((event, relieved))
    }

    fn is_held_up(&self, pipe: PipeId) -> bool {
        let held = self.held.get(&pipe);
        held.is_some_and(|held| self.rules.limits.are_reached(*held))
    }

    fn tell(&mut self, told: Told) {
        self.queue.push_back(Event::Subscription(told));
        if self.queue.len() > COMPACT_MIN.max(2 * self.compacted) {
            self.compact();
        }
    }

    /// Leaves of each topic only how it stands now, so that subscribers who come and go at an XPUB
    /// that nobody reads take no more memory than their subscriptions do.
    fn compact(&mut self) {
        let by_peer = self.rules.tells_each();
        let key = |told: &Told| (if by_peer { told.pipe } else { 0 }, told.topic.clone());
        let mut seen: HashMap<(PipeId, Frame), (usize, bool)> = HashMap::new();
        for (place, event) in self.queue.iter().enumerate() {
            if let Event::Subscription(told) = event {
                seen.entry(key(told)).or_insert((place, told.new)).0 = place;
            }
        }
        let mut place = 0;
        self.queue.retain_mut(|event| {
            place += 1;
            let Event::Subscription(told) = event else {
                return true;
            };
            let Some(&(last, new)) = seen.get(&key(told)) else {
                return true;
            };
            // What came and went again unseen was never there.
            told.new = new;
            place - 1 == last && (told.subscribe || !new)
        });
        self.compacted = self.queue.len();
    }

    /// A peer has gone, and with it these of its topics; `last` if nobody else has one.
    fn on_gone(&mut self, told: Told, last: bool) {
        if self.rules.tells && (last || self.rules.verbose == Verbosity::All) {
            self.tell(told);
        }
    }
}

fn load_of(message: &Message) -> Load {
    Load {
        messages: 1,
        bytes: message.byte_len(),
    }
}

/// Takes in some of what a subscriber has said.
pub(super) fn digest(
    out: &mut Outbound,
    inb: &mut Inbound,
    pipe: PipeId,
    wakes: &mut Wakes,
) -> Digest {
    let Inbound {
        readers,
        intake: Intake::Upstreams(upstreams),
        discarded,
        ..
    } = inb
    else {
        return Digest::Done;
    };
    let mut message = Message::new();
    // A message may hold any number of subscriptions: each is work.
    let mut work = 0;
    while work < BATCH {
        work += 1;
        if upstreams.is_held_up(pipe) {
            return Digest::Done;
        }
        let reading = readers.recv_upstream(pipe, &mut message, wakes);
        let outcome = match reading {
            Reading::Empty | Reading::Ended => return Digest::Done,
            Reading::Change => {
                let Some(change) = readers.get_mut(pipe).and_then(Reader::take_change) else {
                    continue;
                };
                upstreams.take(out, pipe, change.topic, change.subscribe)
            }
            Reading::Message(_) => {
                let message = std::mem::take(&mut message);
                let (subscriptions, rest) = split(&message, upstreams.rules.only_first);
                let mut outcome = Ok(());
                work += subscriptions.len();
                if !subscriptions.is_empty() && rest.is_none() {
                    discarded.subscriptions += 1;
                }
                for (subscribe, topic) in subscriptions {
                    outcome = outcome.and_then(|()| upstreams.take(out, pipe, topic, subscribe));
                }
                match rest {
                    Some(rest) if upstreams.rules.tells => {
                        *upstreams.held.entry(pipe).or_default() += load_of(&rest);
                        upstreams.queue.push_back(Event::Message(pipe, rest));
                    }
                    Some(_) => discarded.unexpected += 1,
                    None => {}
                }
                wakes.drop_later(message);
                outcome
            }
        };
        if let Err(too_many) = outcome {
            if let Some(reader) = readers.get(pipe) {
                let cause = match too_many {
                    TooMany::OfIts => Eviction::Subscriptions,
                    TooMany::OfItsOrigin => Eviction::SubscriptionsOfAddress,
                };
                reader.ask_owner(News::Evict(cause), wakes);
            }
            // Nothing more of what it wants is looked at.
            discarded.unread += readers.discard(pipe, wakes).messages as u64;
            return Digest::Done;
        }
    }
    Digest::More
}

impl Upstreams {
    /// Applies one subscription, and tells of it as was asked.
    fn take(
        &mut self,
        out: &mut Outbound,
        pipe: PipeId,
        topic: Frame,
        subscribe: bool,
    ) -> Result<(), TooMany> {
        let Writers::Distributor(distributor) = &mut out.writers else {
            return Ok(());
        };
        let Some(peer) = distributor.info(pipe).cloned() else {
            return Ok(());
        };
        let (tell, new) = if self.rules.manual {
            if distributor.get(pipe).is_none() {
                return Ok(());
            }
            if subscribe {
                let at_limit = self.requested.count_of(pipe) >= self.rules.max_topics
                    || self.requested.bytes_of(pipe) + topic.len() > self.rules.max_topic_bytes;
                let origin = Origin::of(&peer);
                let of_one = self.rules.max_topics_of_one;
                let too_many = of_one.is_some_and(|most| self.origins.sum(origin) >= most);
                if (at_limit || too_many) && !self.requested.holds(&topic, pipe) {
                    return Err(if at_limit {
                        TooMany::OfIts
                    } else {
                        TooMany::OfItsOrigin
                    });
                }
                let added = self.requested.add(&topic, pipe);
                let count = self.requested.count_of(pipe);
                self.origins.set(pipe, origin, count);
                (true, added != Added::Again)
            } else {
                let removed = self.requested.remove(&topic, pipe);
                let count = self.requested.count_of(pipe);
                self.origins.set(pipe, Origin::of(&peer), count);
                (true, removed == Removed::Absent)
            }
        } else if subscribe {
            match distributor.subscribe(pipe, &topic)? {
                None => return Ok(()),
                Some(added) => (
                    added == Added::First || self.rules.verbose != Verbosity::Changes,
                    added == Added::First || self.rules.tells_each() && added == Added::Another,
                ),
            }
        } else {
            match distributor.unsubscribe(pipe, &topic) {
                None => return Ok(()),
                Some(Removed::Last) => (true, false),
                // libzmq tells of one that is taken back without having been made, if nobody has it.
                Some(Removed::Absent) => (
                    self.rules.verbose == Verbosity::All || !distributor.has_topic(&topic),
                    true,
                ),
                Some(Removed::Other) => (self.rules.verbose == Verbosity::All, false),
            }
        };
        if tell && self.rules.tells {
            self.tell(Told {
                pipe,
                peer,
                topic,
                subscribe,
                new,
            });
        }
        Ok(())
    }
}

/// A peer has gone: forgets some of its subscriptions, and tells of those that are gone with it;
/// whether there are more.
pub(super) fn forget_some(
    out: &mut Outbound,
    inb: &mut Inbound,
    pipe: PipeId,
    peer: &PeerInfo,
) -> Digest {
    let (Writers::Distributor(distributor), Intake::Upstreams(upstreams)) =
        (&mut out.writers, &mut inb.intake)
    else {
        return Digest::Done;
    };
    let manual = upstreams.rules.manual;
    let mut gone = Vec::new();
    let mut note = |topic: &[u8], last| gone.push((Frame::copy_from_slice(topic), last));
    let more = if manual {
        // What the application made of them is its own affair.
        let more = distributor.forget_some(pipe, FORGET_BATCH, |_, _| {});
        let left = upstreams
            .requested
            .remove_some(pipe, FORGET_BATCH, |topic, _| note(topic, true));
        left || more
    } else {
        let more = distributor.forget_some(pipe, FORGET_BATCH, note);
        // It may have been otherwise before.
        upstreams
            .requested
            .remove_some(pipe, FORGET_BATCH, |_, _| {})
            || more
    };
    let count = upstreams.requested.count_of(pipe);
    upstreams.origins.set(pipe, Origin::of(peer), count);
    for (topic, last) in gone {
        upstreams.on_gone(
            Told {
                pipe,
                peer: peer.clone(),
                topic,
                subscribe: false,
                new: false,
            },
            last,
        );
    }
    if more { Digest::More } else { Digest::Done }
}

/// Subscriptions in a message, and what is left of it: ZMTP 3.0's form, a frame that begins with 1
/// or 0. libzmq looks at every frame, or, where it is told to, at all or none as the first one is.
pub(super) fn split(message: &Message, only_first: bool) -> (Vec<(bool, Frame)>, Option<Message>) {
    let is_one = |frame: &Frame| matches!(frame.first(), Some(0 | 1));
    if only_first && !is_one(message.first()) {
        return (Vec::new(), Some(message.clone()));
    }
    let mut subscriptions = Vec::new();
    let mut rest = Vec::new();
    for frame in message {
        match frame.split_first() {
            Some((kind @ (0 | 1), topic)) => {
                subscriptions.push((*kind == 1, Frame::copy_from_slice(topic)));
            }
            _ => rest.push(frame.clone()),
        }
    }
    (
        subscriptions,
        (!rest.is_empty()).then(|| Message::from(rest)),
    )
}
