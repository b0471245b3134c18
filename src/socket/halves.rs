//! The two halves of a socket: the policy that each follows, and what it has counted.

use std::collections::VecDeque;
use std::sync::Arc;

use super::core::id_of;
use super::exchange::{self, Answer, Exchange, Manner};
use super::publishing::{Event, Upstreams};
use crate::command::Refused;
use crate::error::{
    BindError, ConnectError, DisconnectPeerError, FlushFailure, RecvError, ReserveError,
    SendFailure, SubscribeError, UnbindError, WaitError,
};
use crate::frame::Frame;
use crate::message::Message;
use crate::options::Options;
use crate::peer_info::PeerInfo;
use crate::pipe::{Load, PipeId, Reader, Reading, Writer};
use crate::routing::{
    Distributor, FairQueue, Interests, LoadBalancer, Sent, Shortcut, Stall, StallNews, Table,
    Upstream,
};
use crate::routing_id::RoutingId;
use crate::signal::{News, Wakes};
use crate::stats::{Discarded, Dropped};
use crate::waiting::{GaveUp, Ready};

/// Why a socket does nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Closed,
    Terminated,
}

/// Every operation says it in its own words, and all of them have these two.
macro_rules! ended_becomes {
    ($($error:ident)*) => {$(
        impl From<Ended> for $error {
            fn from(ended: Ended) -> Self {
                match ended {
                    Ended::Closed => Self::Closed,
                    Ended::Terminated => Self::Terminated,
                }
            }
        }
    )*};
}

ended_becomes!(SendFailure ReserveError FlushFailure RecvError WaitError SubscribeError BindError ConnectError UnbindError DisconnectPeerError);

macro_rules! giving_up_becomes {
    ($($error:ident)*) => {$(
        impl From<GaveUp> for $error {
            fn from(gave_up: GaveUp) -> Self {
                match gave_up {
                    GaveUp::TimedOut => Self::Timeout,
                    GaveUp::Interrupted => Self::Interrupted,
                }
            }
        }
    )*};
}

giving_up_becomes!(SendFailure RecvError);

/// What a socket sends through.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) writers: Writers,
    pub(super) ended: Option<Ended>,
    /// Accepted for sending: once for each peer it was for, once if that was nobody. Without what was
    /// let into a lane directly, which the lane has counted.
    pub(super) accepted: Load,
    pub(super) dropped: Dropped,
    /// With *mandatory*: what a ROUTER cannot give to anybody is an error.
    pub(super) mandatory: bool,
    /// A REQ has a request under way, and may not send before that is over.
    pub(super) awaits_reply: bool,
    is_watched: bool,
}

/// The outbound policy of a pattern.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each socket")]
pub(super) enum Writers {
    Balance(LoadBalancer),
    Table(Table),
    Distributor(Distributor),
    Upstream(Upstream),
}

impl Ready for Outbound {
    fn ready(&self) -> bool {
        self.ended.is_some()
            || match &self.writers {
                Writers::Balance(writers) => writers.has_room(),
                // Who waits here waits for one peer of many: all are woken when any has room.
                Writers::Table(_) | Writers::Distributor(_) | Writers::Upstream(_) => false,
            }
    }

    fn on_watched(&mut self, is_watched: bool) {
        self.is_watched = is_watched;
        self.settle_shortcut();
    }

    fn level(&mut self, wakes: &mut Wakes) -> Option<bool> {
        let may_send = self.ended.is_some() || !self.awaits_reply;
        Some(may_send && self.look_for_room(wakes).is_some())
    }
}

impl Outbound {
    pub(super) fn new(writers: Writers, mandatory: bool) -> Self {
        Self {
            writers,
            mandatory,
            ended: None,
            accepted: Load::NONE,
            dropped: Dropped::default(),
            awaits_reply: false,
            is_watched: false,
        }
    }

    /// From now on nothing is sent any more, and why.
    pub(super) fn end(&mut self, why: Ended) {
        self.ended = Some(self.ended.unwrap_or(why));
        self.settle_shortcut();
    }

    fn settle_shortcut(&mut self) {
        if let Writers::Balance(writers) = &mut self.writers {
            writers.allow_shortcut(self.ended.is_none() && !self.is_watched);
        }
    }

    pub(super) fn has_place(&self, one_peer: bool) -> Result<(), Refused> {
        if self.ended.is_some() {
            return Err(Refused::Closed);
        }
        if one_peer && !self.writers.is_empty() {
            return Err(Refused::HasItsPeer);
        }
        Ok(())
    }

    pub(super) fn check_open(&self) -> Result<(), SendFailure> {
        self.ended.map_or(Ok(()), |ended| Err(ended.into()))
    }

    /// Gives a message to the one whom it is for, if there is nothing to it but that, as mostly; if not, it
    /// has to be [sent](Self::send). What is left in `message` is for the caller to drop.
    #[inline]
    pub(super) fn send_plainly(&mut self, message: &mut Message) -> bool {
        self.put_plainly(message, |writers, message| match writers {
            Writers::Balance(writers) => writers.send_plainly(message),
            Writers::Distributor(writers) => writers.send_plainly(message),
            Writers::Table(_) | Writers::Upstream(_) => false,
        })
    }

    /// The same to the peer with this id.
    #[inline]
    pub(super) fn send_to_plainly(&mut self, id: &[u8], message: &mut Message) -> bool {
        self.put_plainly(message, |writers, message| match writers {
            Writers::Table(table) => table.send_plainly(id, message),
            _ => false,
        })
    }

    #[inline]
    fn put_plainly(
        &mut self,
        message: &mut Message,
        put: impl FnOnce(&mut Writers, &mut Message) -> bool,
    ) -> bool {
        let bytes = message.byte_len();
        let is_put = self.ended.is_none() && put(&mut self.writers, message);
        if is_put {
            self.accepted += Load { messages: 1, bytes };
        }
        is_put
    }

    /// Gives a message to whom it is for, as the pattern has it; `None` if it must wait.
    #[inline]
    pub(super) fn send(
        &mut self,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<Result<(), SendFailure>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended.into()));
        }
        if let Writers::Balance(writers) = &mut self.writers {
            let (_, bytes) = writers.send(message, wakes)?;
            self.accepted += Load { messages: 1, bytes };
            return Some(Ok(()));
        }
        let bytes = message.as_ref().map_or(0, Message::byte_len);
        let sent = match &mut self.writers {
            Writers::Distributor(writers) => writers.send(message, wakes)?,
            Writers::Upstream(writers) => match message.as_ref() {
                Some(message) => writers.send(message, wakes),
                None => Sent::default(),
            },
            // These are sent to by name.
            Writers::Table(_) | Writers::Balance(_) => return Some(Err(SendFailure::Unroutable)),
        };
        self.count_copies(sent, bytes, wakes);
        Some(Ok(()))
    }

    pub(super) fn count_copies(&mut self, sent: Sent, bytes: usize, wakes: &mut Wakes) {
        self.accepted += sent.load(bytes);
        self.dropped.full += sent.full as u64;
        if sent.queued + sent.full == 0 {
            self.accepted += Load { messages: 1, bytes };
            self.dropped.unwanted += 1;
        }
        if sent.stalled {
            wakes.later(|| log::warn!("a subscriber is at its high-water mark: messages for it are dropped until it has room"));
        }
    }

    /// Gives a message to the peer with this id; `None` if it must wait for room.
    #[inline]
    pub(super) fn send_to(
        &mut self,
        id: &[u8],
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Option<Result<(), SendFailure>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended.into()));
        }
        let bytes = message.as_ref().map_or(0, Message::byte_len);
        let Writers::Table(table) = &mut self.writers else {
            return Some(Err(SendFailure::Unroutable));
        };
        match table.send(id, message, wakes) {
            Some(Ok(_)) => {}
            None if self.mandatory => return Some(Err(SendFailure::Unroutable)),
            Some(Err(_)) if self.mandatory => return None,
            None => self.dropped.unroutable += 1,
            Some(Err(_)) => {
                self.dropped.full += 1;
                table.miss(id, wakes);
            }
        }
        self.accepted += Load { messages: 1, bytes };
        Some(Ok(()))
    }

    /// Gives a reply to who asked, if he is there and has room.
    pub(super) fn reply(
        &mut self,
        pipe: PipeId,
        message: &mut Option<Message>,
        wakes: &mut Wakes,
    ) -> Result<(), SendFailure> {
        self.check_open()?;
        let bytes = message.as_ref().map_or(0, Message::byte_len);
        let Writers::Table(table) = &mut self.writers else {
            return Err(SendFailure::Unroutable);
        };
        match table.send_to_pipe(pipe, message, wakes) {
            Some(Ok(_)) => {}
            None => self.dropped.unroutable += 1,
            Some(Err(_)) => self.dropped.full += 1,
        }
        self.accepted += Load { messages: 1, bytes };
        Ok(())
    }
}

impl Writers {
    pub(super) fn shortcut(&self) -> Option<Arc<Shortcut>> {
        match self {
            Self::Balance(writers) => writers.shortcut(),
            Self::Table(_) | Self::Distributor(_) | Self::Upstream(_) => None,
        }
    }

    /// What a peer misses that has no room, where messages are dropped then.
    pub(super) fn stall(&self, pipe: PipeId) -> Option<Stall> {
        match self {
            Self::Table(writers) => writers.stall(pipe),
            Self::Distributor(writers) => writers.stall(pipe),
            Self::Balance(_) | Self::Upstream(_) => None,
        }
    }

    /// What there is to tell of that.
    pub(super) fn take_stall_news(&mut self, pipe: PipeId) -> Option<StallNews> {
        match self {
            Self::Table(writers) => writers.take_stall_news(pipe),
            Self::Distributor(writers) => writers.take_stall_news(pipe),
            Self::Balance(_) | Self::Upstream(_) => None,
        }
    }

    pub(super) fn attach(&mut self, writer: Writer) {
        match self {
            Self::Balance(writers) => writers.attach(writer),
            Self::Table(writers) => writers.attach(writer),
            Self::Distributor(writers) => writers.attach(writer),
            Self::Upstream(writers) => writers.attach(writer),
        }
    }

    pub(super) fn get(&self, pipe: PipeId) -> Option<&Writer> {
        match self {
            Self::Balance(writers) => writers.get(pipe),
            Self::Table(writers) => writers.get(pipe),
            Self::Distributor(writers) => writers.get(pipe),
            Self::Upstream(writers) => writers.get(pipe),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Balance(writers) => writers.is_empty(),
            Self::Table(writers) => writers.is_empty(),
            Self::Distributor(writers) => writers.is_empty(),
            Self::Upstream(writers) => writers.is_empty(),
        }
    }

    /// Takes a pipe out.
    pub(super) fn detach(&mut self, pipe: PipeId) -> Option<Writer> {
        match self {
            Self::Balance(writers) => writers.detach(pipe),
            Self::Table(writers) => writers.detach(pipe),
            Self::Distributor(writers) => writers.detach(pipe),
            Self::Upstream(writers) => writers.detach(pipe),
        }
    }

    pub(super) fn take_all(&mut self) -> Vec<Writer> {
        match self {
            Self::Balance(writers) => writers.take_all().collect(),
            Self::Table(writers) => writers.take_all(),
            Self::Distributor(writers) => writers.take_all(),
            Self::Upstream(writers) => writers.take_all(),
        }
    }
}

/// What a look at what is in hand gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InHand {
    Message,
    /// There may be something.
    Unclear,
    /// The same, but it is better not to look before the sender has done some more.
    NothingYet,
}

/// What a socket receives from.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) readers: FairQueue,
    pub(super) intake: Intake,
    pub(super) ended: Option<Ended>,
    /// Returned to the application.
    pub(super) returned: Load,
    pub(super) discarded: Discarded,
    pub(super) conflate: bool,
    pub(super) invert_matching: bool,
}

/// The inbound policy of a pattern, beyond the fair queue.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each socket")]
pub(super) enum Intake {
    Plain,
    /// A REP's; in raw form it owes a reply to whoever asked last, and takes no other before that.
    Requests(Option<Asker>),
    /// What a SUB lets through.
    Filter(Interests),
    /// What an XSUB has told its publishers; it takes whatever they send.
    Told(Interests),
    Exchange(Exchange),
    Upstreams(Upstreams),
}

impl Intake {
    /// Whether a message passes the filter, if there is one.
    fn wants(&self, message: &Message, inverted: bool) -> bool {
        match self {
            Self::Filter(interests) => interests.matches(message.first()) != inverted,
            _ => true,
        }
    }
}

/// How many messages that nobody wants are passed over before others have their turn at the lock.
const PASSED_OVER_MAX: usize = 256;

impl Ready for Inbound {
    fn ready(&self) -> bool {
        self.ended.is_some()
            || match &self.intake {
                Intake::Plain | Intake::Requests(_) | Intake::Filter(_) | Intake::Told(_) => {
                    self.readers.has_something()
                }
                Intake::Exchange(exchange) => match exchange.asked() {
                    // That there is nothing to wait for is an outcome, too.
                    None => true,
                    Some(asked) => {
                        asked.lost
                            || self.readers.has_something_from(asked.pipe)
                            || self.readers.get(asked.pipe).is_none()
                    }
                },
                Intake::Upstreams(upstreams) => !upstreams.is_empty(),
            }
    }

    fn level(&mut self, wakes: &mut Wakes) -> Option<bool> {
        if self.ended.is_some() {
            return Some(true);
        }
        let mut left = PASSED_OVER_MAX;
        let mut is_unclear = false;
        let mut goes_on = |passed_over: &mut u64| {
            is_unclear = left == 0;
            left = left.saturating_sub(1);
            *passed_over += u64::from(!is_unclear);
            !is_unclear
        };
        let discarded = &mut self.discarded;
        let level = match &self.intake {
            Intake::Plain | Intake::Told(_) => self.readers.look(wakes, None),
            Intake::Requests(Some(_)) => false,
            Intake::Requests(None) => {
                let mut is_request = |message: &Message| {
                    exchange::has_envelope(message) || !goes_on(&mut discarded.malformed)
                };
                self.readers.look(wakes, Some(&mut is_request))
            }
            Intake::Filter(interests) => {
                let mut is_wanted = |message: &Message| {
                    interests.matches(message.first()) != self.invert_matching
                        || !goes_on(&mut discarded.filtered)
                };
                self.readers.look(wakes, Some(&mut is_wanted))
            }
            Intake::Exchange(exchange) => exchange.asked().is_some_and(|asked| {
                let mut is_outcome = |message: &Message| {
                    exchange.judge(&mut message.clone()) != Answer::Stale
                        || !goes_on(&mut discarded.stale)
                };
                let found = self.readers.look_from(asked.pipe, wakes, &mut is_outcome);
                found.unwrap_or(true) || asked.lost
            }),
            Intake::Upstreams(upstreams) => !upstreams.is_empty(),
        };
        (!is_unclear).then_some(level)
    }
}

impl Inbound {
    pub(super) fn new(intake: Intake, options: &Options) -> Self {
        Self {
            readers: FairQueue::new(),
            intake,
            ended: None,
            returned: Load::NONE,
            discarded: Discarded::default(),
            conflate: options.conflate,
            invert_matching: options.invert_matching,
        }
    }

    /// Takes the next message if that is a matter of this half alone, as it is for most; if not, it has
    /// to be asked for with [`recv`](Self::recv).
    #[inline]
    pub(super) fn recv_in_hand(&mut self, out: &mut Message) -> InHand {
        let is_plain = matches!(self.intake, Intake::Plain | Intake::Filter(_));
        if self.ended.is_some() || self.conflate || !is_plain {
            return InHand::Unclear;
        }
        match self.readers.recv_in_hand(out) {
            Some(bytes) if self.wants(out) => {
                self.count(bytes);
                InHand::Message
            }
            // (What is left in `out` is for the caller to drop.)
            Some(_) => {
                self.discarded.filtered += 1;
                InHand::Unclear
            }
            None if self.readers.is_close_behind() => InHand::NothingYet,
            None => InHand::Unclear,
        }
    }

    /// The same at a ROUTER, which says whom it is from.
    #[inline]
    pub(super) fn recv_from_in_hand(&mut self, out: &mut Message) -> Option<RoutingId> {
        if self.ended.is_some() || self.conflate || !matches!(self.intake, Intake::Plain) {
            return None;
        }
        let (id, bytes) =
            (self.readers).recv_in_hand_with(out, |reader| reader.peer().map(id_of))?;
        match id {
            Some(_) => self.count(bytes),
            // Every pipe begins by naming its peer.
            None => self.discarded.malformed += 1,
        }
        id
    }

    /// Takes the next message, as the pattern has it; `None` if there is none yet.
    #[inline]
    pub(super) fn recv(
        &mut self,
        out: &mut Message,
        wakes: &mut Wakes,
    ) -> Option<Result<(), RecvError>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended.into()));
        }
        match &self.intake {
            Intake::Plain | Intake::Told(_) => {
                let bytes = self.next(out, wakes)?;
                self.count(bytes);
            }
            Intake::Filter(_) => {
                let bytes = self.next_wanted(out, wakes)?;
                self.count(bytes);
            }
            Intake::Exchange(_) => return self.recv_reply(None, out, wakes),
            // These have a form of their own.
            Intake::Requests(_) | Intake::Upstreams(_) => return Some(Err(RecvError::WrongState)),
        }
        Some(Ok(()))
    }

    #[inline]
    fn next(&mut self, out: &mut Message, wakes: &mut Wakes) -> Option<usize> {
        self.next_with(out, wakes, |_| ()).map(|((), bytes)| bytes)
    }

    /// The same, and whom it is from.
    #[inline]
    fn next_from(
        &mut self,
        out: &mut Message,
        wakes: &mut Wakes,
    ) -> Option<(Option<PeerInfo>, usize)> {
        self.next_with(out, wakes, |reader| reader.peer().cloned())
    }

    #[inline]
    fn next_with<R>(
        &mut self,
        out: &mut Message,
        wakes: &mut Wakes,
        look: impl Fn(&Reader) -> R,
    ) -> Option<(R, usize)> {
        if !self.conflate {
            return self.readers.recv_with(out, wakes, |_, reader| look(reader));
        }
        let (intake, inverted) = (&self.intake, self.invert_matching);
        // One that nobody wants takes no place from one that is wanted.
        let (seen, passed_over, bytes) =
            (self.readers)
                .recv_newest(out, wakes, look, |message| intake.wants(message, inverted))?;
        self.discarded.conflated += passed_over.older;
        self.discarded.filtered += passed_over.unwanted;
        Some((seen, bytes))
    }

    /// The next message that passes the filter: a publisher may send what was unsubscribed from
    /// since, or what nobody asked for.
    fn next_wanted(&mut self, out: &mut Message, wakes: &mut Wakes) -> Option<usize> {
        for _ in 0..PASSED_OVER_MAX {
            let bytes = self.next(out, wakes)?;
            if self.wants(out) {
                return Some(bytes);
            }
            self.discarded.filtered += 1;
            // Over inproc its memory may be foreign: not to be freed under the lock.
            wakes.drop_later(std::mem::take(out));
        }
        None
    }

    fn wants(&self, message: &Message) -> bool {
        self.intake.wants(message, self.invert_matching)
    }

    /// Takes the next message and whom it is from.
    #[inline]
    pub(super) fn recv_from(
        &mut self,
        out: &mut Message,
        wakes: &mut Wakes,
    ) -> Option<Result<PeerInfo, RecvError>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended.into()));
        }
        for _ in 0..PASSED_OVER_MAX {
            let (peer, bytes) = self.next_from(out, wakes)?;
            match peer {
                Some(peer) if self.wants(out) => {
                    self.count(bytes);
                    return Some(Ok(peer));
                }
                Some(_) => self.discarded.filtered += 1,
                // Every pipe begins by naming its peer.
                None => self.discarded.malformed += 1,
            }
            wakes.drop_later(std::mem::take(out));
        }
        None
    }

    /// Takes the next request: who asked, the envelope, and in `out` the body.
    pub(super) fn recv_request(
        &mut self,
        out: &mut Message,
        wakes: &mut Wakes,
    ) -> Option<Result<Asker, RecvError>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended.into()));
        }
        for _ in 0..PASSED_OVER_MAX {
            let ((pipe, peer), bytes) = self
                .readers
                .recv_with(out, wakes, |pipe, reader| (pipe, reader.peer().cloned()))?;
            if let (Some(envelope), Some(peer)) = (exchange::take_envelope(out), peer) {
                self.count(bytes);
                return Some(Ok(Asker {
                    pipe,
                    peer,
                    envelope,
                }));
            }
            self.discarded.malformed += 1;
            wakes.drop_later(std::mem::take(out));
        }
        None
    }

    /// Takes the next request, and keeps who asked; not while somebody is owed his reply.
    pub(super) fn recv_request_to_owe(
        &mut self,
        out: &mut Message,
        wakes: &mut Wakes,
    ) -> Option<Result<(), RecvError>> {
        if self.ended.is_none() && matches!(self.intake, Intake::Requests(Some(_))) {
            return Some(Err(RecvError::WrongState));
        }
        let received = self.recv_request(out, wakes)?;
        Some(received.map(|asker| self.intake = Intake::Requests(Some(asker))))
    }

    /// Whom a REP owes a reply.
    pub(super) fn asker(&self) -> Option<PeerInfo> {
        match &self.intake {
            Intake::Requests(asker) => asker.as_ref().map(|asker| asker.peer.clone()),
            _ => None,
        }
    }

    /// Whom a REQ has asked, while he is there.
    pub(super) fn peer_asked(&self) -> Option<PeerInfo> {
        let Intake::Exchange(exchange) = &self.intake else {
            return None;
        };
        self.readers.get(exchange.asked()?.pipe)?.peer().cloned()
    }

    /// Takes the reply to the request under way, or to the one of this number.
    pub(super) fn recv_reply(
        &mut self,
        serial: Option<u64>,
        out: &mut Message,
        wakes: &mut Wakes,
    ) -> Option<Result<(), RecvError>> {
        if let Some(ended) = self.ended {
            return Some(Err(ended.into()));
        }
        let Intake::Exchange(exchange) = &mut self.intake else {
            return Some(Err(RecvError::WrongState));
        };
        for _ in 0..PASSED_OVER_MAX {
            let asked = match exchange.asked() {
                Some(asked) if serial.is_none_or(|serial| serial == asked.serial) => *asked,
                _ => return Some(Err(RecvError::WrongState)),
            };
            match self.readers.recv_from(asked.pipe, out, wakes) {
                Reading::Message(bytes) => match exchange.judge(out) {
                    Answer::Reply => {
                        exchange.end();
                        // The next look into this pipe may be far: over inproc the peer would take
                        // the reply for unread until then.
                        self.readers.settle(asked.pipe, wakes);
                        self.returned += Load { messages: 1, bytes };
                        return Some(Ok(()));
                    }
                    Answer::Stale => {
                        self.discarded.stale += 1;
                        wakes.drop_later(std::mem::take(out));
                    }
                    Answer::Malformed => {
                        self.discarded.malformed += 1;
                        exchange.end();
                        if let Some(reader) = self.readers.get(asked.pipe) {
                            reader.ask_owner(News::HangUp, wakes);
                        }
                        return Some(Err(RecvError::PeerLost));
                    }
                },
                Reading::Ended => {
                    exchange.end();
                    return Some(Err(RecvError::PeerLost));
                }
                _ if asked.lost => {
                    exchange.end();
                    return Some(Err(RecvError::PeerLost));
                }
                _ => return None,
            }
        }
        None
    }

    #[inline]
    fn count(&mut self, bytes: usize) {
        self.returned += Load { messages: 1, bytes };
    }

    /// Takes what subscribers have said out, to be dropped: nobody will ask any more.
    pub(super) fn take_unread(&mut self) -> Option<VecDeque<Event>> {
        let Intake::Upstreams(upstreams) = &mut self.intake else {
            return None;
        };
        self.discarded.unread += upstreams.queued().messages as u64;
        Some(upstreams.take_all())
    }

    /// Takes a pipe out.
    pub(super) fn detach(&mut self, pipe: PipeId) -> Option<Reader> {
        self.readers.detach(pipe)
    }
}

/// Gives a request to the next peer with room, and notes whom it was. `None` if it must wait.
pub(super) fn ask(
    out: &mut Outbound,
    inb: &mut Inbound,
    message: &mut Option<Message>,
    wakes: &mut Wakes,
) -> Option<u64> {
    let (Writers::Balance(writers), Intake::Exchange(exchange)) =
        (&mut out.writers, &mut inb.intake)
    else {
        return None;
    };
    let Manner { correlate, relaxed } = exchange.manner;
    exchange.wrap(message.as_mut()?, correlate);
    let (readers, discarded) = (&mut inb.readers, &mut inb.discarded);
    // What a peer said before it was asked is no reply: away with it before it could be taken for one.
    let asked = writers.send_after(message, wakes, |pipe, wakes| {
        discarded.stale += readers.discard(pipe, wakes).messages as u64;
    });
    let Some((pipe, bytes)) = asked else {
        if let Some(request) = message.as_mut() {
            Exchange::unwrap(request, correlate);
        }
        return None;
    };
    out.accepted += Load { messages: 1, bytes };
    exchange.begin(pipe, correlate);
    out.awaits_reply = !relaxed;
    Some(exchange.serial())
}

/// Who asked a REP, and how to reach him.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) pipe: PipeId,
    pub(super) peer: PeerInfo,
    pub(super) envelope: Vec<Frame>,
}
