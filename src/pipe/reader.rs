//! The end of a pipe that a socket's inbound half reads from.

use std::collections::VecDeque;
use std::sync::Arc;

use super::changes::Change;
use super::lane::{Batch as _, End, Lane};
use super::run::{Record, Runs};
use super::values::{PACKED_MAX, Values};
use super::{Limits, Load, Tally};
use crate::message::Message;
use crate::peer_info::PeerInfo;
use crate::signal::{News, Target, Wakes};
use crate::zmtp::{ITEMS_KEPT, Item, QUICK_MAX};

/// So many messages in one batch are worth taking it.
const CLOSE: usize = 128;

/// Emptied buffers kept on their way back to the session; more are freed.
const EMPTIED_MAX: usize = 4;

/// The lane behind a reader, with what was taken out of it and not yet read.
#[derive(Debug)]
pub(crate) enum Inlet {
    Runs(Arc<Lane<Runs>>, Runs),
    Values(Arc<Lane<Values>>, Values),
}

impl Inlet {
    pub(crate) fn runs(lane: Arc<Lane<Runs>>) -> Self {
        Self::Runs(lane, Runs::default())
    }

    pub(crate) fn values(lane: Arc<Lane<Values>>) -> Self {
        Self::Values(lane, Values::default())
    }

    pub(crate) fn intake(&self) -> Intake {
        match self {
            Self::Runs(lane, _) => Intake::Runs(lane.clone()),
            Self::Values(lane, _) => Intake::Values(lane.clone()),
        }
    }
}

/// The lane behind a reader, for its tally alone.
#[derive(Clone, Debug)]
pub(crate) enum Intake {
    Runs(Arc<Lane<Runs>>),
    Values(Arc<Lane<Values>>),
}

impl Intake {
    /// Says how much the taker lets wait.
    pub(crate) fn grant(&self, limits: Limits, wakes: &mut Wakes) {
        match self {
            Self::Runs(lane) => lane.grant(End::Taker, limits, wakes),
            Self::Values(lane) => lane.grant(End::Taker, limits, wakes),
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        match self {
            Self::Runs(lane) => lane.tally(),
            Self::Values(lane) => lane.tally(),
        }
    }

    /// Which lane it is, and the bytes in memory for it.
    pub(crate) fn held(&self) -> (usize, usize) {
        match self {
            Self::Runs(lane) => (Arc::as_ptr(lane).addr(), lane.held()),
            Self::Values(lane) => (Arc::as_ptr(lane).addr(), lane.held()),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Runs(lane) => lane.is_over(),
            Self::Values(lane) => lane.is_over(),
        }
    }
}

/// Reads whole messages out of a pipe.
#[derive(Debug)]
pub(crate) struct Reader {
    inlet: Inlet,
    /// Whom what is read now is from, as far as that is known.
    peer: Option<PeerInfo>,
    /// Changes to the peer's subscriptions that came with what was taken last.
    changes: VecDeque<Change>,
    /// How many messages were taken the last time, over inproc.
    taken: usize,
    /// Read since credit was last returned.
    read: Load,
    /// How much may be read before credit must be returned: so many messages, or so many bytes.
    step: Load,
}

/// What a look into a pipe gave. Small, to be returned in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// One message, of so many bytes.
    Message(usize),
    /// A change to what the peer subscribes to (only for who asks for these), to be had by
    /// [`Reader::take_change`].
    Change,
    /// Nothing now; the owner will be told.
    Empty,
    /// Nothing, for ever.
    Ended,
}

impl Reader {
    pub(crate) fn new(inlet: Inlet) -> Self {
        Self {
            inlet,
            peer: None,
            changes: VecDeque::new(),
            taken: 0,
            read: Load::NONE,
            step: Load::NONE,
        }
    }

    /// Whether it is so close behind a writer on another core that both have more to do with the lane
    /// than with messages: then it pays to let the writer get ahead before the next are taken.
    pub(crate) fn is_close_behind(&self) -> bool {
        match &self.inlet {
            // Whoever waits for an answer gets one at a time.
            Inlet::Values(_, front) => (2..CLOSE).contains(&self.taken) && front.is_empty(),
            Inlet::Runs(..) => false,
        }
    }

    /// Whom the message read last is from.
    pub(crate) fn peer(&self) -> Option<&PeerInfo> {
        self.peer.as_ref()
    }

    /// Says whom everything is from, over inproc, where nothing else does.
    pub(crate) fn set_peer(&mut self, peer: PeerInfo) {
        self.peer = Some(peer);
    }

    /// Puts a message of the socket's own before all that comes from a peer that is new, over inproc.
    /// Gives it back if the peer has left already.
    pub(crate) fn put_first(&mut self, message: Message) -> Option<Message> {
        let load = Load {
            messages: 1,
            bytes: message.byte_len(),
        };
        match &mut self.inlet {
            // Elsewhere the session does, as it names the peer.
            Inlet::Runs(..) => None,
            Inlet::Values(lane, front) => {
                // Counted with what waits in the lane, as if it had been taken from there.
                if !lane.count_taken(load) {
                    return Some(message);
                }
                front.push_front(message);
                None
            }
        }
    }

    /// Puts messages of the socket's own behind all that has come, whatever the limit. Gives back those
    /// for which it is too late: nothing is counted there any more.
    pub(crate) fn put_last(&mut self, messages: Vec<Message>, wakes: &mut Wakes) -> Vec<Message> {
        let mut late = Vec::new();
        for message in messages {
            let load = Load {
                messages: 1,
                bytes: message.byte_len(),
            };
            let mut left = Some(message);
            let is_in = match &self.inlet {
                Inlet::Runs(lane, _) => lane.slip_in(load, wakes, |runs| {
                    let record = left.take().map(|it| Record::Item(Item::Message(it)));
                    runs.records.extend(record);
                }),
                Inlet::Values(lane, _) => lane.slip_in(load, wakes, |values| {
                    if let Some(message) = &mut left {
                        values.push(message);
                    }
                }),
            };
            if is_in {
                // What is left of it is dropped with no lock of the lane held.
                left = None;
            }
            late.extend(left);
        }
        late
    }

    /// Says that nothing more will come than what is there.
    pub(crate) fn end_intake(&self, wakes: &mut Wakes) {
        match &self.inlet {
            Inlet::Runs(lane, _) => lane.end_writing(wakes),
            Inlet::Values(lane, _) => lane.end_writing(wakes),
        }
    }

    /// What was read and not yet given back: the lane takes it for queued.
    pub(crate) fn unreturned(&self) -> Load {
        self.read
    }

    /// Puts the next message into `out`. Takes the lane's lock only when all that was taken before
    /// is read.
    #[inline]
    pub(crate) fn read(&mut self, out: &mut Message, wakes: &mut Wakes) -> Reading {
        match self.fetch(out, wakes) {
            None => Reading::Message(self.count(out, wakes)),
            Some(end) => end,
        }
    }

    /// Puts the next message into `out` if it is a short one of those taken before, and nothing is to
    /// be given back for it; its bytes. For what is asked most often, and needs no lock.
    #[inline]
    pub(crate) fn read_in_hand(&mut self, out: &mut Message) -> Option<usize> {
        let is_due = self.read.messages + 1 >= self.step.messages
            || self.read.bytes + QUICK_MAX.max(PACKED_MAX) >= self.step.bytes;
        if is_due {
            return None;
        }
        let bytes = match &mut self.inlet {
            Inlet::Runs(_, front) => match front.records.front_mut() {
                Some(Record::Item(Item::Chunk(chunk))) => chunk.cut_quickly(out)?,
                _ => return None,
            },
            Inlet::Values(_, front) => front.pop_packed(out)?,
        };
        self.read.messages += 1;
        self.read.bytes += bytes;
        Some(bytes)
    }

    /// The same, but what is put into `out` does not count as read. `Some`: there is nothing.
    #[inline]
    fn fetch(&mut self, out: &mut Message, wakes: &mut Wakes) -> Option<Reading> {
        loop {
            let found = match &mut self.inlet {
                Inlet::Runs(_, front) => cut(front, out, &mut self.peer),
                Inlet::Values(_, front) => front.pop_into(out),
            };
            if found {
                return None;
            }
            let end = self.take(wakes);
            if end.is_some() {
                return end;
            }
        }
    }

    /// Whether there is a message to read; `Some`: there is none.
    pub(crate) fn look(&mut self, wakes: &mut Wakes) -> Option<Reading> {
        loop {
            let found = match &mut self.inlet {
                Inlet::Runs(_, front) => is_at_message(front, &mut self.peer),
                Inlet::Values(_, front) => !front.is_empty(),
            };
            if found {
                return None;
            }
            let end = self.take(wakes);
            if end.is_some() {
                return end;
            }
        }
    }

    /// The same for a message that `is_wanted`: those before it are read and dropped.
    pub(crate) fn look_for(
        &mut self,
        wakes: &mut Wakes,
        is_wanted: &mut dyn FnMut(&Message) -> bool,
    ) -> Option<Reading> {
        loop {
            let mut message = Message::new();
            let end = self.fetch(&mut message, wakes);
            if end.is_some() {
                return end;
            }
            if is_wanted(&message) {
                self.put_back(message);
                return None;
            }
            self.count(&message, wakes);
            // Over inproc its memory may be foreign: not to be freed under the lock.
            wakes.drop_later(message);
        }
    }

    /// What was fetched is the next to be fetched.
    fn put_back(&mut self, message: Message) {
        match &mut self.inlet {
            Inlet::Runs(_, front) => front
                .records
                .push_front(Record::Item(Item::Message(message))),
            Inlet::Values(_, front) => front.push_front(message),
        }
    }

    /// Gives the next thing of a subscriber: a message, in `out`, or a change of its subscriptions.
    pub(crate) fn read_upstream(&mut self, out: &mut Message, wakes: &mut Wakes) -> Reading {
        loop {
            if !self.changes.is_empty() {
                return Reading::Change;
            }
            if let Inlet::Runs(_, front) = &mut self.inlet
                && let Some(Record::Item(Item::Subscription { .. })) = front.records.front()
                && let Some(Record::Item(Item::Subscription { subscribe, topic })) =
                    front.records.pop_front()
            {
                self.changes.push_back(Change {
                    topic,
                    subscribe,
                    first: false,
                });
                return Reading::Change;
            }
            let found = match &mut self.inlet {
                Inlet::Runs(_, front) => cut_next(front, out, &mut self.peer),
                Inlet::Values(_, front) => match front.pop_into(out) {
                    true => Next::Message,
                    false => Next::Nothing,
                },
            };
            match found {
                Next::Message => return Reading::Message(self.count(out, wakes)),
                Next::Other => {}
                Next::Nothing => {
                    if let Some(end) = self.take(wakes) {
                        return end;
                    }
                }
            }
        }
    }

    /// The change that [`read_upstream`](Self::read_upstream) has found.
    pub(crate) fn take_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    #[inline]
    fn count(&mut self, message: &Message, wakes: &mut Wakes) -> usize {
        let bytes = message.byte_len();
        self.read.messages += 1;
        self.read.bytes += bytes;
        if self.read.messages >= self.step.messages || self.read.bytes >= self.step.bytes {
            self.give_back(wakes);
        }
        bytes
    }

    /// Takes the next batch out of the lane; if there is none, that is what the look gives.
    #[inline]
    fn take(&mut self, wakes: &mut Wakes) -> Option<Reading> {
        let read = std::mem::take(&mut self.read);
        let taken = match &mut self.inlet {
            Inlet::Runs(lane, front) => {
                // It is the writer's now.
                if front.records.capacity() > ITEMS_KEPT {
                    front.records.shrink_to(ITEMS_KEPT);
                }
                lane.take(front, read, wakes)
            }
            Inlet::Values(lane, front) => {
                front.trim();
                let taken = lane.take(front, read, wakes);
                self.taken = front.len();
                taken
            }
        };
        self.step = taken.step;
        if taken.ended {
            return Some(Reading::Ended);
        }
        if !taken.got {
            return Some(Reading::Empty);
        }
        if !taken.changes.is_empty() {
            self.changes.extend(taken.changes);
        }
        None
    }

    /// Discards what has arrived until now; how many messages that were.
    pub(crate) fn discard(&mut self, wakes: &mut Wakes) -> Load {
        let mut discarded = Load::NONE;
        // What is in hand, and what is in the lane: no more, however fast the peer goes on.
        for _ in 0..2 {
            let load = match &mut self.inlet {
                Inlet::Runs(_, front) => {
                    let load = front.load();
                    let gone = front.take_messages();
                    if let Some(Record::Peer(peer)) = front.records.drain(..).last() {
                        self.peer = Some(peer);
                    }
                    wakes.drop_later(gone);
                    load
                }
                Inlet::Values(_, front) if front.is_empty() => Load::NONE,
                Inlet::Values(_, front) => {
                    let load = front.load();
                    wakes.drop_later(std::mem::take(front));
                    load
                }
            };
            self.read += load;
            discarded += load;
            if self.take(wakes).is_some() {
                break;
            }
        }
        discarded
    }

    /// Returns credit for what was read to a peer that looks at it: over inproc what is not given
    /// back counts as queued there. (A session does not look before its lane is full.)
    pub(crate) fn settle(&mut self, wakes: &mut Wakes) {
        if let Inlet::Values(..) = &self.inlet {
            self.give_back(wakes);
        }
    }

    /// The same, whoever the peer is: somebody has asked, and from now on wants to know sooner, so
    /// that it matters even if nothing was read.
    pub(crate) fn hurry(&mut self, wakes: &mut Wakes) {
        self.give_back(wakes);
    }

    /// Returns credit for what was read while more is still in hand.
    fn give_back(&mut self, wakes: &mut Wakes) {
        let read = std::mem::take(&mut self.read);
        self.step = match &self.inlet {
            Inlet::Runs(lane, _) => lane.give_back(read, wakes),
            Inlet::Values(lane, _) => lane.give_back(read, wakes),
        };
    }

    /// Says that nothing more will be read; returns what was there unread.
    pub(crate) fn end(&mut self, wakes: &mut Wakes) -> Load {
        let read = std::mem::take(&mut self.read);
        self.changes.clear();
        match &mut self.inlet {
            Inlet::Runs(lane, front) => {
                *front = Runs::default();
                lane.end_taking(read, wakes)
            }
            Inlet::Values(lane, front) => {
                front.clear();
                lane.end_taking(read, wakes)
            }
        }
    }

    /// Whether there is nothing to read, and nothing will come.
    pub(crate) fn has_ended(&self) -> bool {
        match &self.inlet {
            Inlet::Runs(lane, front) => front.is_hollow() && lane.has_ended(),
            Inlet::Values(lane, front) => front.is_empty() && lane.has_ended(),
        }
    }

    /// Asks whoever keeps the connection for something; nobody does over inproc.
    pub(crate) fn ask(&self, news: News, wakes: &mut Wakes) {
        match &self.inlet {
            Inlet::Runs(lane, _) => lane.ask_writer(news, wakes),
            Inlet::Values(..) => {}
        }
    }

    /// Has the socket that reads asked for something, once its locks are free.
    pub(crate) fn ask_owner(&self, news: News, wakes: &mut Wakes) {
        match &self.inlet {
            Inlet::Runs(lane, _) => lane.ask_taker(news, wakes),
            Inlet::Values(lane, _) => lane.ask_taker(news, wakes),
        }
    }

    /// Lets nothing more in; what is there can still be read.
    pub(crate) fn close_intake(&self, wakes: &mut Wakes) {
        match &self.inlet {
            Inlet::Runs(lane, _) => lane.close_intake(wakes),
            Inlet::Values(lane, _) => lane.close_intake(wakes),
        }
    }

    pub(crate) fn set_owner(&self, owner: Target, wakes: &mut Wakes) {
        match &self.inlet {
            Inlet::Runs(lane, _) => lane.set_taker(owner, wakes),
            Inlet::Values(lane, _) => lane.set_taker(owner, wakes),
        }
    }
}

/// Cuts the next message out of the front run; a run that is used up leaves its buffer behind.
#[inline]
fn cut(runs: &mut Runs, out: &mut Message, peer: &mut Option<PeerInfo>) -> bool {
    if let Some(Record::Item(Item::Chunk(chunk))) = runs.records.front_mut()
        && chunk.cut_into(out)
    {
        return true;
    }
    loop {
        match cut_next(runs, out, peer) {
            Next::Message => return true,
            Next::Nothing => return false,
            Next::Other => {}
        }
    }
}

/// Whether there is a message; passes over what is none before it.
fn is_at_message(runs: &mut Runs, peer: &mut Option<PeerInfo>) -> bool {
    loop {
        match runs.records.front() {
            None => return false,
            Some(Record::Item(item)) if item.messages().0 > 0 => return true,
            Some(_) => {
                cut_next(runs, &mut Message::new(), peer);
            }
        }
    }
}

/// What became of the record at the front.
enum Next {
    Message,
    /// It was no message, and is done with.
    Other,
    Nothing,
}

fn cut_next(runs: &mut Runs, out: &mut Message, peer: &mut Option<PeerInfo>) -> Next {
    if let Some(Record::Item(Item::Chunk(chunk))) = runs.records.front_mut()
        && chunk.cut_into(out)
    {
        return Next::Message;
    }
    match runs.records.pop_front() {
        Some(Record::Item(Item::Message(message))) => {
            *out = message;
            return Next::Message;
        }
        Some(Record::Item(Item::Chunk(chunk))) => {
            if runs.emptied.len() < EMPTIED_MAX
                && let Some(buffer) = chunk.into_buffer()
            {
                runs.emptied.push(buffer);
            }
        }
        Some(Record::Peer(info)) => *peer = Some(info),
        // Only publishers are sent these, and they ask for them.
        Some(Record::Item(Item::Subscription { .. })) => {}
        None => return Next::Nothing,
    }
    Next::Other
}
