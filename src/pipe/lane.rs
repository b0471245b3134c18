//! One direction of a pipe: a batch that the writer fills and the taker swaps out whole.

use std::fmt;
use std::sync::{Arc, Weak};

use super::budget::Budget;
use super::changes::{Change, Changes};
use super::credit::{Credit, Limits, Load, Tally};
use super::mark::Mark;
use crate::signal::{News, Post, Target, Wakes};
use crate::sync::{Mutex, MutexGuard};

/// What travels through a lane.
pub(crate) trait Batch: Default + Send + 'static {
    /// From so many bytes on a message is told to the taker even if it is awake, and as
    /// [`News::Bulk`]: the thread that has written it may be the better one to move it on.
    const BULK: usize = usize::MAX;

    /// Whether with one more message it is so much that it is [told of](News::Ripe) to who sees to it that
    /// it is taken, if that is the writer himself.
    fn ripens(&self) -> bool {
        false
    }

    /// Whether there is nothing in it to take.
    fn is_empty(&self) -> bool;

    /// Whether what is in it, if anything, is of no use without something that comes after it.
    fn is_hollow(&self) -> bool {
        self.is_empty()
    }

    /// Takes the messages out, to be dropped: newer ones replace them. What is no message stays.
    fn take_messages(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Messages that are there to be displaced; none where that is never done.
    fn displaceable(&self) -> usize {
        0
    }

    /// Drops the first of these.
    fn displace(&mut self, _: &mut Wakes) -> Load {
        Load::NONE
    }
}

/// The one-way border between a writer and a taker.
///
/// Every field is behind the one lock, which both sides hold only to append to or to swap the open
/// batch: no system call, no copy of more than a few KiB, no other lock is made under it.
///
/// Two flags say who sleeps. `taker_idle` is set by the taker when it finds nothing, and cleared by
/// the append that then owes it a wake-up. `writer_waits` is set when the writer finds the lane
/// full, and cleared by the take that then owes it one, at half the limit. As each flag is set
/// under the same lock as the look that failed, no wake-up is lost, and one change wakes once.
///
/// The writer's side is its owner's, and used under his lock; but while he has nothing to say about
/// any message he makes the lane `direct`, and then whoever has it may append with this lock alone, as
/// long as there is room and nobody has to be told. Whatever goes beyond that is the owner's again.
///
/// Beside the batch there is a *control lane* for what must not be lost to a full queue: changes to
/// a set of subscriptions. It is outside of the limits, goes out before the batch that is taken with
/// it, and is open only while there is a peer who has been told the whole set.
pub(crate) struct Lane<B> {
    state: Mutex<State<B>>,
}

// In this order in memory: what is looked at for each message is in a few lines of the cache, which
// go from one side's core to the other's with each batch.
#[repr(C)]
struct State<B> {
    taker_idle: bool,
    writer_waits: bool,
    /// No more will be let in.
    taker_ended: bool,
    /// No more will be written; what is there may still be taken.
    writer_ended: bool,
    /// Whether who has no lock but this one may write, and what has been let in so.
    direct: bool,
    let_in_directly: Load,
    /// Counts `open` and what was taken but not yet given back.
    credit: Credit,
    /// Filled by the writer, swapped out by the taker.
    open: B,
    /// What the writer and the taker have said that may wait here.
    granted: (Option<Limits>, Option<Limits>),
    /// What the peer has yet to be told of the subscriptions.
    changes: Changes,
    /// Whether a peer is there who is told.
    listens: bool,
    /// Bytes in `open` of what is no message, and so no matter of the credit.
    aside: usize,
    /// With *conflate*: what of the credit is for the one message in `open`.
    newest: Load,
    /// What the taker itself has put in, before and behind all that the writer has written.
    own: (Load, Load),
    /// What somebody waits for to be worked off.
    mark: Mark,
    /// Whom to tell that there is something to take.
    taker: Option<Target>,
    /// Whom to tell that there is room.
    writer: Option<Target>,
}

/// The two ends of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Writer,
    Taker,
}

/// Why a lane does not admit a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// At its limit: the writer will be told when there is room.
    Full,
    /// The taker is gone for good.
    Ended,
}

/// What room a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// What is free, if anything is.
    Free,
    /// What is free, or what the oldest of those have that were not taken yet, which are dropped; and
    /// if all were taken, as much as it takes. So the newest, of so many bytes, is always there.
    Displacing(usize),
    /// What was [reserved](Lane::reserve) for it.
    Reserved,
    /// As much as it takes, whatever the limit.
    Beyond,
}

/// What came of a take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// What goes before the batch.
    pub(crate) changes: Vec<Change>,
    /// Whether a batch was swapped out; if not, the taker is idle now and will be told (but see
    /// [`Lane::take_unless_relieved`]).
    pub(crate) got: bool,
    /// Whether a writer that waited for room is owed its wake-up by this.
    pub(crate) relieved: bool,
    /// How much may be worked off before the next take or [`Lane::give_back`]: at so many messages, or
    /// so many bytes, it is to be given back.
    pub(crate) step: Load,
    /// Nothing is left, and nothing will come.
    pub(crate) ended: bool,
}

impl<B: Batch> Lane<B> {
    /// A lane with these limits, whose queue counts against the budget if there is one.
    pub(crate) fn new(limits: Limits, budget: Option<Arc<Budget>>) -> Self {
        Self {
            state: Mutex::new(State {
                open: B::default(),
                credit: Credit::new(limits, budget),
                granted: (None, None),
                // A lane starts as a taker that has looked would leave it: the first append wakes.
                taker_idle: true,
                writer_waits: false,
                writer_ended: false,
                taker_ended: false,
                changes: Changes::new(),
                listens: false,
                aside: 0,
                newest: Load::NONE,
                own: (Load::NONE, Load::NONE),
                direct: false,
                let_in_directly: Load::NONE,
                mark: Mark::default(),
                taker: None,
                writer: None,
            }),
        }
    }

    /// Names whom to tell that there is something to take; tells at once if there is.
    pub(crate) fn set_taker(&self, target: Target, wakes: &mut Wakes) {
        let mut state = self.state.lock();
        state.taker = Some(target);
        if !state.open.is_empty() || !state.changes.is_empty() || state.writer_ended {
            state.taker_idle = false;
            state.wake_taker(wakes);
        }
    }

    /// Names whom to tell that there is room, or that the taker is gone; tells at once if it is.
    pub(crate) fn set_writer(&self, target: Target, wakes: &mut Wakes) {
        let mut state = self.state.lock();
        if state.taker_ended {
            wakes.post(target, News::Closed);
        } else {
            state.writer = Some(target);
        }
    }

    /// Whoever was named as the writer has nothing to do with it after all.
    pub(crate) fn disown(&self) {
        self.state.lock().writer = None;
    }

    /// One end says how much it lets wait here; where both do (over inproc), they do together. What
    /// is there stays, even if it is more. A writer that waits is told if there is room now.
    pub(crate) fn grant(&self, end: End, limits: Limits, wakes: &mut Wakes) {
        let mut state = self.state.lock();
        match end {
            End::Writer => state.granted.0 = Some(limits),
            End::Taker => state.granted.1 = Some(limits),
        }
        let both = match state.granted {
            (Some(writer), Some(taker)) => Limits::joined(writer, taker),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return,
        };
        if state.credit.set_limits(both) {
            // It was told under the old ones how much it may keep to itself.
            state.hurry_taker(wakes);
            if state.writer_waits && !state.is_full() {
                state.tell_writer(wakes);
            }
        }
    }

    // ---- the writer's side

    /// Lets one message in: the guard gives the open batch to append it to.
    #[inline]
    pub(crate) fn admit(&self, room: Room, wakes: &mut Wakes) -> Result<Admission<'_, B>, Refusal> {
        let mut state = self.state.lock();
        if state.taker_ended {
            return Err(Refusal::Ended);
        }
        let mut displaced = 0;
        match room {
            Room::Free => state.find_room(wakes)?,
            Room::Displacing(bytes) => displaced = state.make_room(bytes, wakes),
            Room::Reserved => state.credit.release(),
            Room::Beyond => {}
        }
        Ok(Admission { state, displaced })
    }

    /// Lets one message in as most are let in: there is room, nobody has to be told (as of a bulky one, or
    /// one that makes the batch ripe), and the owner has said that he need not be
    /// [asked](Self::set_direct). `false`: it has to be [admitted](Self::admit).
    #[inline]
    pub(crate) fn append_directly(&self, bytes: usize, put: impl FnOnce(&mut B)) -> bool {
        let mut state = self.state.lock();
        let is_in = state.direct && state.append_plainly(bytes, put);
        if is_in {
            state.let_in_directly += Load { messages: 1, bytes };
        }
        is_in
    }

    /// The same for the owner, who need not be asked and counts it himself.
    #[inline]
    pub(crate) fn append_plainly(&self, bytes: usize, put: impl FnOnce(&mut B)) -> bool {
        self.state.lock().append_plainly(bytes, put)
    }

    /// Whether messages may be let in without asking the owner of the writing end.
    pub(crate) fn set_direct(&self, direct: bool) {
        self.state.lock().direct = direct;
    }

    /// How much room there is, for one message at least; or what [`admit`](Self::admit) would say.
    pub(crate) fn room(&self, wakes: &mut Wakes) -> Result<Load, Refusal> {
        let state = self.admit(Room::Free, wakes)?.state;
        Ok(state.credit.room())
    }

    /// Keeps room for one message, which is not let in by [`Room::Free`] but by [`Room::Reserved`].
    pub(crate) fn reserve(&self, wakes: &mut Wakes) -> Result<(), Refusal> {
        let mut state = self.admit(Room::Free, wakes)?.state;
        state.credit.reserve();
        Ok(())
    }

    /// Gives the room up that was kept for a message; a writer who waits for some is told at once.
    pub(crate) fn release(&self, wakes: &mut Wakes) {
        let mut state = self.state.lock();
        state.credit.release();
        if state.writer_waits && !state.is_full() {
            state.tell_writer(wakes);
        }
    }

    /// Tells the peer of a change to the subscriptions, if there is one who knows the others.
    pub(crate) fn tell(&self, change: Change, wakes: &mut Wakes) {
        let mut state = self.state.lock();
        if state.listens && !state.taker_ended {
            state.changes.push(change);
            state.stir_taker(wakes);
        }
    }

    /// A new peer is there, who is told the whole set; whatever was to be told before is not.
    pub(crate) fn tell_all(&self, changes: Vec<Change>, wakes: &mut Wakes) {
        let mut state = self.state.lock();
        state.listens = true;
        state.changes.replace(changes);
        if !state.changes.is_empty() {
            state.stir_taker(wakes);
        }
    }

    /// The peer is gone; the next one will be told the whole set.
    pub(crate) fn tell_nobody(&self) {
        let mut state = self.state.lock();
        state.listens = false;
        state.changes.clear();
    }

    /// Lets in what has arrived already, whatever the limit, with so many bytes `aside` that are no
    /// messages; `true` if the lane is full now, and the writer will be told when there is room.
    /// `None`: the taker is gone.
    pub(crate) fn deposit(
        &self,
        load: Load,
        aside: usize,
        wakes: &mut Wakes,
        put: impl FnOnce(&mut B),
    ) -> Option<bool> {
        let mut state = self.state.lock();
        if state.taker_ended {
            return None;
        }
        state.conflate(load, wakes);
        put(&mut state.open);
        state.aside += aside;
        state.credit.add(load);
        state.credit.settle(false, wakes);
        // Whose messages will come is no news before they do.
        if !state.open.is_hollow() {
            state.stir_taker(wakes);
        }
        let full = state.is_full();
        state.note_full(full, wakes);
        Some(full)
    }

    /// Lets in what the taker itself has to say, behind what the writer has written and whatever the
    /// limit; `false`: it has closed the lane, or the lane is [over](Self::is_over) already.
    pub(crate) fn slip_in(&self, load: Load, wakes: &mut Wakes, put: impl FnOnce(&mut B)) -> bool {
        let mut state = self.state.lock();
        if state.taker_ended || state.is_over() {
            return false;
        }
        put(&mut state.open);
        state.credit.add(load);
        state.own.1 += load;
        if state.credit.conflates() {
            // It makes place for what comes, with what is there; that does not for it.
            state.newest += load;
        }
        state.credit.settle(false, wakes);
        state.stir_taker(wakes);
        true
    }

    /// Counts what the taker itself has to say before what the writer has written, which it keeps;
    /// `false`: it has closed the lane, or the lane is [over](Self::is_over) already.
    pub(crate) fn count_taken(&self, load: Load) -> bool {
        let mut state = self.state.lock();
        if state.taker_ended || state.is_over() {
            return false;
        }
        state.credit.add(load);
        state.own.0 += load;
        true
    }

    /// Whether one more message would be refused; if so the writer will be told when there is room.
    /// It has so many bytes of an `incomplete` one, which count.
    pub(crate) fn is_full(&self, incomplete: usize, wakes: &mut Wakes) -> bool {
        let mut state = self.state.lock();
        state.hold_incomplete(incomplete, wakes);
        let full = !state.taker_ended && state.is_full();
        state.note_full(full, wakes);
        full
    }

    /// The writer has so many bytes of a message that is not whole yet.
    pub(crate) fn hold_incomplete(&self, bytes: usize, wakes: &mut Wakes) {
        self.state.lock().hold_incomplete(bytes, wakes);
    }

    /// How much of what was written up to `position` is still queued. Once nothing is, `waiter` is
    /// posted [`News::Flushed`], and until then the taker gives credit back at once.
    ///
    /// Whoever is told looks again: it may have been told for somebody who waits for less.
    pub(crate) fn mark(
        &self,
        position: Load,
        waiter: &Weak<dyn Post>,
        token: u64,
        wakes: &mut Wakes,
    ) -> Load {
        let mut state = self.state.lock();
        let left = state.written().left_before(position);
        let place = position.messages + state.own.0.messages;
        if !left.is_none() && state.mark.set(place, waiter, token) {
            state.hurry_taker(wakes);
        }
        left
    }

    /// Says that nothing more will be written. What is there can still be taken.
    pub(crate) fn end_writing(&self, wakes: &mut Wakes) {
        let mut state = self.state.lock();
        if !state.writer_ended {
            state.writer_ended = true;
            state.writer = None;
            state.hold_incomplete(0, wakes);
            if state.taker_idle {
                state.taker_idle = false;
                state.wake_taker(wakes);
            }
        }
    }

    // ---- the taker's side

    /// Gives back what was worked off and swaps the open batch for `emptied`.
    ///
    /// `emptied` must hold nothing to take; its memory is used again by the writer. If nothing is
    /// there it stays as it is, and the taker is idle from now on.
    #[inline]
    pub(crate) fn take(&self, emptied: &mut B, worked_off: Load, wakes: &mut Wakes) -> Taken {
        self.take_unless_relieved(emptied, worked_off, false, wakes)
    }

    /// The same for a taker that is `patient`: where it finds nothing but has just given a writer
    /// room who waited for it, it is not idle yet and must look again. (It may let the writer run
    /// first, who then finds nobody to wake.)
    #[inline]
    pub(crate) fn take_unless_relieved(
        &self,
        emptied: &mut B,
        worked_off: Load,
        patient: bool,
        wakes: &mut Wakes,
    ) -> Taken {
        debug_assert!(
            emptied.is_empty(),
            "a batch is worked off before the next is taken"
        );
        let mut state = self.state.lock();
        state.credit.catch_up();
        state.give_back(worked_off, wakes);
        state.aside = 0;
        let waited = state.writer_waits;
        if waited {
            state.relieve(wakes);
        }
        let relieved = waited && !state.writer_waits;
        let got = !state.open.is_empty() || !state.changes.is_empty();
        state.credit.settle(!got, wakes);
        if got {
            std::mem::swap(&mut state.open, emptied);
            state.newest = Load::NONE;
        } else if !(patient && relieved) {
            state.taker_idle = true;
        }
        let ended = !got && state.writer_ended;
        if ended {
            // Nobody has news for the taker any more: whoever keeps the lane must not keep it too.
            state.taker = None;
            // It may be kept for longer than it is of use.
            state.open = B::default();
        }
        Taken {
            changes: state.changes.take(),
            got,
            relieved,
            step: state.step(),
            ended,
        }
    }

    /// Gives back what was worked off, while the rest of the batch is still in hand; how much of that
    /// may be worked off before the next time.
    pub(crate) fn give_back(&self, worked_off: Load, wakes: &mut Wakes) -> Load {
        let mut state = self.state.lock();
        state.give_back(worked_off, wakes);
        if state.credit.is_behind(|| state.open.displaceable()) {
            // Who waits for what was dropped need not wait for the next take.
            state.credit.catch_up();
            state.give_back(Load::NONE, wakes);
        }
        if state.writer_waits {
            state.relieve(wakes);
        }
        state.credit.settle(false, wakes);
        state.step()
    }

    /// Says that nothing more will be taken: the writer is told. What was still open is dropped,
    /// outside the lock; all that was queued is returned as the number that never arrived.
    pub(crate) fn end_taking(&self, worked_off: Load, wakes: &mut Wakes) -> Load {
        let mut state = self.state.lock();
        state.taker_ended = true;
        state.taker = None;
        state.changes.clear();
        let lost = state.lose_all(worked_off, wakes);
        let dropped = std::mem::take(&mut state.open);
        if let Some(writer) = state.writer.take() {
            wakes.post(writer, News::Closed);
        }
        drop(state);
        drop(dropped);
        lost
    }

    /// Drops all that is queued, what the taker has in hand included: it is for nobody any more.
    /// Returns how much that was.
    pub(crate) fn discard(&self, worked_off: Load, wakes: &mut Wakes) -> Load {
        let mut state = self.state.lock();
        let lost = state.lose_all(worked_off, wakes);
        state.newest = Load::NONE;
        let dropped = state.open.take_messages();
        state.relieve(wakes);
        state.credit.settle(true, wakes);
        drop(state);
        drop(dropped);
        lost
    }

    /// Asks whoever serves the far end as the taker for something.
    pub(crate) fn ask_taker(&self, news: News, wakes: &mut Wakes) {
        if let Some(taker) = &self.state.lock().taker {
            wakes.post(taker.clone(), news);
        }
    }

    /// Asks whoever serves the far end as the writer for something.
    pub(crate) fn ask_writer(&self, news: News, wakes: &mut Wakes) {
        if let Some(writer) = &self.state.lock().writer {
            wakes.post(writer.clone(), news);
        }
    }

    /// Lets nothing more in; what is there can still be taken, and then the lane has ended.
    pub(crate) fn close_intake(&self, wakes: &mut Wakes) {
        let mut state = self.state.lock();
        state.taker_ended = true;
        state.writer_ended = true;
        if let Some(writer) = state.writer.take() {
            wakes.post(writer, News::Closed);
        }
        if state.taker_idle {
            state.taker_idle = false;
            state.wake_taker(wakes);
        }
    }

    /// Whether there is nothing to take, and nothing will come.
    pub(crate) fn has_ended(&self) -> bool {
        let state = self.state.lock();
        state.writer_ended && state.open.is_hollow()
    }

    /// The bytes in memory for it: of what is queued, and of what is not whole yet.
    pub(crate) fn held(&self) -> usize {
        self.state.lock().credit.held()
    }

    /// Whether the writer has found it full, and has not been told since that there is room.
    pub(crate) fn keeps_writer_waiting(&self) -> bool {
        self.state.lock().writer_waits
    }

    /// What was written and not yet worked off.
    pub(crate) fn queued(&self) -> Load {
        self.state.lock().credit.queued()
    }

    /// What became of everything that was ever let in.
    pub(crate) fn tally(&self) -> Tally {
        self.state.lock().tally()
    }

    /// The same of what was written: without what the taker itself has put in.
    pub(crate) fn written(&self) -> Tally {
        self.state.lock().written()
    }

    /// Whether its tally will not change any more.
    pub(crate) fn is_over(&self) -> bool {
        self.state.lock().is_over()
    }
}

impl<B: Batch> State<B> {
    #[inline]
    fn append_plainly(&mut self, bytes: usize, put: impl FnOnce(&mut B)) -> bool {
        let is_plain = bytes < B::BULK
            && !self.taker_idle
            && !self.writer_waits
            && !self.taker_ended
            && !self.credit.conflates()
            && !self.credit.is_at_brim()
            && !self.open.ripens();
        if is_plain {
            put(&mut self.open);
            self.credit.add(Load { messages: 1, bytes });
        }
        is_plain
    }

    /// Drops the oldest of those that were not taken while there is no room for so many bytes; how
    /// many. If there is none, the writer is told when there is some again.
    fn make_room(&mut self, bytes: usize, wakes: &mut Wakes) -> usize {
        let (mut displaced, mut freed) = (0, 0);
        while self.is_full() || displaced > 0 && self.credit.is_starved() {
            self.begin_to_wait(wakes);
            let not_taken = self.open.displaceable();
            if not_taken == 0 {
                break;
            }
            let load = self.open.displace(wakes);
            self.credit.displace(load, not_taken);
            displaced += 1;
            freed += load.bytes;
            // What others have of the budget does not come back for all that is dropped here: as much
            // goes as comes.
            if self.credit.is_starved() && freed >= bytes {
                break;
            }
        }
        if displaced > 0 {
            self.mark.pass(self.credit.done(), wakes);
        }
        displaced
    }

    /// With *conflate*, what is there makes place for what comes.
    #[inline]
    fn conflate(&mut self, load: Load, wakes: &mut Wakes) {
        if self.credit.conflates() && !load.is_none() {
            let replaced = std::mem::replace(&mut self.newest, load);
            if !replaced.is_none() {
                self.credit.lose_untaken(replaced, replaced.messages);
                self.mark.pass(self.credit.done(), wakes);
                wakes.drop_later(self.open.take_messages());
            }
        }
    }
}

/// A taker that does not come for them must not have any number of them kept for it.
const ASIDE_MAX: usize = 4 << 20;

impl<B> State<B> {
    fn tally(&self) -> Tally {
        Tally {
            direct: self.let_in_directly,
            ..self.credit.tally()
        }
    }

    fn is_over(&self) -> bool {
        (self.writer_ended || self.taker_ended) && self.credit.queued().is_none()
    }

    /// What became of what was written. What the taker has put before it was worked off first; what it
    /// has put behind it comes last.
    fn written(&self) -> Tally {
        let mut tally = self.tally();
        let Tally {
            queued,
            worked_off,
            lost,
            ..
        } = &mut tally;
        let (mut first, mut last) = self.own;
        for part in [&mut *worked_off, &mut *queued, &mut *lost] {
            part.yield_to(&mut first);
        }
        for part in [queued, lost, worked_off] {
            part.yield_to(&mut last);
        }
        tally
    }

    /// Whether there is no room, even if more is asked for.
    fn is_full(&mut self) -> bool {
        self.aside > ASIDE_MAX
            || self.credit.is_at_brim() && !self.credit.extend(self.writer.as_ref())
    }

    /// Whoever writes has found that it is full, or not.
    fn note_full(&mut self, full: bool, wakes: &mut Wakes) {
        if full {
            self.writer_waits = true;
            if self.credit.is_starved() {
                self.hurry_taker(wakes);
            }
        }
    }

    fn hold_incomplete(&mut self, bytes: usize, wakes: &mut Wakes) {
        self.credit.set_incomplete(bytes);
        let rests = self.writer_ended || self.credit.held() == 0;
        self.credit.settle(rests, wakes);
    }

    /// The taker has a message to be taken to where it goes.
    #[cold]
    fn offer_bulk(&mut self, wakes: &mut Wakes) {
        let owed = std::mem::take(&mut self.taker_idle);
        if let Some(taker) = &self.taker {
            wakes.post(taker.clone(), News::Bulk { owed });
        }
    }

    #[cold]
    fn tell_ripe(&mut self, wakes: &mut Wakes) {
        if let Some(taker) = &self.taker {
            wakes.post(taker.clone(), News::Ripe);
        }
    }

    #[inline]
    fn give_back(&mut self, worked_off: Load, wakes: &mut Wakes) {
        self.credit.give_back(worked_off);
        self.mark.pass(self.credit.done(), wakes);
    }

    /// Nothing but this of what is queued will ever be worked off; how much is lost.
    fn lose_all(&mut self, worked_off: Load, wakes: &mut Wakes) -> Load {
        self.credit.give_back(worked_off);
        let lost = self.credit.lose_all();
        self.credit.settle(true, wakes);
        self.mark.pass(self.credit.done(), wakes);
        lost
    }

    #[inline]
    fn step(&self) -> Load {
        if self.mark.is_set() {
            Load::ONE_MESSAGE
        } else if self.writer_waits {
            self.credit.step_to_relief()
        } else {
            self.credit.step()
        }
    }

    fn stir_taker(&mut self, wakes: &mut Wakes) {
        if self.taker_idle {
            self.taker_idle = false;
            self.wake_taker(wakes);
        }
    }

    #[cold]
    fn wake_taker(&self, wakes: &mut Wakes) {
        if let Some(taker) = &self.taker {
            let news = if self.writer_ended {
                News::Ended
            } else {
                News::Readable
            };
            wakes.post(taker.clone(), news);
        }
    }

    #[inline]
    fn find_room(&mut self, wakes: &mut Wakes) -> Result<(), Refusal> {
        if self.credit.is_at_brim() {
            return self.find_more_room(wakes);
        }
        Ok(())
    }

    #[cold]
    fn find_more_room(&mut self, wakes: &mut Wakes) -> Result<(), Refusal> {
        if self.credit.extend(self.writer.as_ref()) {
            if self.writer_waits {
                self.tell_writer(wakes);
            }
            return Ok(());
        }
        self.begin_to_wait(wakes);
        // How much the taker may keep to itself was said when less was reserved, or when there was
        // more to be had, perhaps.
        if self.credit.has_reserved() || self.credit.is_starved() {
            self.hurry_taker(wakes);
        }
        Err(Refusal::Full)
    }

    fn begin_to_wait(&mut self, wakes: &mut Wakes) {
        if !std::mem::replace(&mut self.writer_waits, true)
            && let Some(writer) = &self.writer
        {
            wakes.post(writer.clone(), News::Full);
        }
    }

    /// Has the taker give back what it has worked off, and hear anew how much it may keep.
    #[cold]
    fn hurry_taker(&self, wakes: &mut Wakes) {
        if let Some(taker) = &self.taker {
            wakes.post(taker.clone(), News::Hurry);
        }
    }

    fn relieve(&mut self, wakes: &mut Wakes) {
        if self.writer_waits && self.credit.is_relieved() && self.aside <= ASIDE_MAX / 2 {
            self.tell_writer(wakes);
        }
    }

    /// Tells a writer who waits that there is room.
    fn tell_writer(&mut self, wakes: &mut Wakes) {
        self.writer_waits = false;
        self.credit.on_relieved();
        if let Some(writer) = &self.writer {
            wakes.post(writer.clone(), News::Writable);
        }
    }
}

/// Room for one message in a lane, until dropped.
pub(crate) struct Admission<'a, B> {
    state: MutexGuard<'a, State<B>>,
    /// How many others were dropped for it.
    displaced: usize,
}

impl<B: Batch> Admission<'_, B> {
    /// Appends what makes up the message, and owes the taker a wake-up if it is idle; gives how many
    /// others were dropped for it.
    #[inline]
    pub(crate) fn append(self, bytes: usize, wakes: &mut Wakes, put: impl FnOnce(&mut B)) -> usize {
        self.let_in(bytes, bytes >= B::BULK, wakes, put)
    }

    /// The same for one of several copies, which whoever has written them is not to move on.
    pub(crate) fn append_copy(
        self,
        bytes: usize,
        wakes: &mut Wakes,
        put: impl FnOnce(&mut B),
    ) -> usize {
        self.let_in(bytes, false, wakes, put)
    }

    #[inline]
    fn let_in(
        mut self,
        bytes: usize,
        is_offered: bool,
        wakes: &mut Wakes,
        put: impl FnOnce(&mut B),
    ) -> usize {
        let load = Load { messages: 1, bytes };
        self.state.conflate(load, wakes);
        let ripens = self.state.open.ripens();
        put(&mut self.state.open);
        self.state.credit.add(load);
        if is_offered {
            self.state.offer_bulk(wakes);
        } else if ripens && !self.state.taker_idle {
            self.state.tell_ripe(wakes);
        } else {
            self.state.stir_taker(wakes);
        }
        self.displaced
    }
}

impl<B> fmt::Debug for Lane<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Lane")
            .field("credit", &state.credit)
            .field("taker_idle", &state.taker_idle)
            .field("writer_waits", &state.writer_waits)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::sync::{AtomicU64, Ordering};

    type Values = std::collections::VecDeque<Message>;

    #[derive(Default)]
    struct Told(AtomicU64);

    impl Post for Told {
        fn post(&self, _: u64, news: News) {
            assert_eq!(news, News::Flushed);
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn lane(messages: usize, conflate: bool) -> Lane<Values> {
        let limits = Limits {
            messages,
            bytes: None,
            conflate,
        };
        Lane::new(limits, None)
    }

    fn write(lane: &Lane<Values>, room: Room) {
        let mut wakes = Wakes::new();
        let admitted = lane.admit(room, &mut wakes);
        let displaced =
            admitted.map(|it| it.append(1, &mut wakes, |batch| batch.push_back("a".into())));
        assert!(displaced.is_ok());
        wakes.fire();
    }

    #[test]
    fn what_is_bulky_is_not_let_in_unheard() {
        let lane = Lane::<crate::zmtp::Wire>::new(Limits::NONE, None);
        lane.set_direct(true);
        assert!(!lane.append_directly(1, |_| ()), "the taker is idle");
        let mut wakes = Wakes::new();
        let admitted = lane.admit(Room::Free, &mut wakes);
        assert!(admitted.map(|it| it.append(1, &mut wakes, |_| ())).is_ok());
        wakes.fire();
        assert!(lane.append_directly(1, |_| ()));
        assert!(!lane.append_directly(crate::zmtp::Wire::BULK, |_| ()));
    }

    fn take(lane: &Lane<Values>, worked_off: usize) -> usize {
        let (mut batch, mut wakes) = (Values::new(), Wakes::new());
        lane.take(&mut batch, load(worked_off), &mut wakes);
        wakes.fire();
        batch.len()
    }

    fn load(count: usize) -> Load {
        Load {
            messages: count,
            bytes: count,
        }
    }

    fn mark(lane: &Lane<Values>, position: usize, told: &Arc<Told>) -> Load {
        let waiter: Weak<Told> = Arc::downgrade(told);
        let waiter: Weak<dyn Post> = waiter;
        let mut wakes = Wakes::new();
        let left = lane.mark(load(position), &waiter, 0, &mut wakes);
        wakes.fire();
        left
    }

    fn give_back(lane: &Lane<Values>, count: usize) {
        let mut wakes = Wakes::new();
        lane.give_back(load(count), &mut wakes);
        wakes.fire();
    }

    /// A taker that has worked off all it has in hand need not look again for that to be known.
    #[test]
    fn nobody_waits_for_what_was_displaced() {
        let (lane, told) = (lane(3, false), Arc::new(Told::default()));
        write(&lane, Room::Free);
        write(&lane, Room::Free);
        assert_eq!(take(&lane, 0), 2);
        write(&lane, Room::Free);
        assert_eq!(mark(&lane, 3, &told), load(3));
        write(&lane, Room::Displacing(1));
        give_back(&lane, 1);
        assert_eq!(told.0.load(Ordering::SeqCst), 0);
        give_back(&lane, 1);
        assert_eq!(told.0.load(Ordering::SeqCst), 1);
        assert!(mark(&lane, 3, &told).is_none());
    }

    /// What was replaced was behind what the taker has, which is not worked off by that.
    #[test]
    fn what_is_in_hand_is_waited_for_though_what_came_later_was_replaced() {
        let (lane, told) = (lane(0, true), Arc::new(Told::default()));
        write(&lane, Room::Free);
        assert_eq!(take(&lane, 0), 1);
        assert_eq!(mark(&lane, 1, &told), load(1));
        write(&lane, Room::Free);
        write(&lane, Room::Free);
        assert_eq!(told.0.load(Ordering::SeqCst), 0);
        assert_eq!(mark(&lane, 1, &told), load(1));
        assert_eq!(take(&lane, 1), 1);
        assert_eq!(told.0.load(Ordering::SeqCst), 1);
        assert_eq!(mark(&lane, 3, &told), load(1));
        assert_eq!(take(&lane, 1), 0);
        assert!(mark(&lane, 3, &told).is_none());
    }
}
