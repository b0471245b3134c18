//! One whole message: one or more frames that travel together or not at all.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::iter::FusedIterator;
use std::ops::{Deref, Index};

use bytes::Bytes;

use crate::frame::{Frame, Preview};

/// A whole message of one or more frames; sent, queued and received all or nothing.
///
/// Most messages have one frame, and anything that is bytes becomes one:
///
/// ```
/// use zocket::Message;
///
/// let message = Message::from("hello");
/// assert_eq!(message, "hello");
/// assert_eq!(message.len(), 1);
/// ```
///
/// Several frames keep an address, a topic or a header apart from the payload:
///
/// ```
/// use zocket::Message;
///
/// let mut message = Message::from(["weather", "rain"]);
/// message.push_front("route-7");
/// assert_eq!(*message.frames(), ["route-7", "weather", "rain"]);
///
/// assert_eq!(message.pop_front().as_deref(), Some(b"route-7".as_slice()));
/// assert_eq!(message[1], "rain");
/// ```
///
/// A message is never empty: made of nothing it has one empty frame, and
/// [`pop_front`](Message::pop_front) leaves the last frame where it is.
///
/// Adding or removing a frame at either end takes constant time on average, reading any
/// frame always does, and a message of one frame of at most 70 bytes needs no memory
/// besides itself.
#[derive(Clone)]
pub struct Message(Repr);

// Nearly every message has one frame, so that case costs no allocation.
// Invariant: `Many` holds at least two frames.
#[derive(Clone)]
enum Repr {
    One(Frame),
    Many(FrameQueue),
}

impl Message {
    /// A message of one empty frame.
    #[inline]
    pub const fn new() -> Self {
        Self(Repr::One(Frame::new()))
    }

    /// The frames, first to last: an iterator that can also be used as a slice.
    ///
    /// ```
    /// use zocket::Message;
    ///
    /// let message = Message::from(["a", "b", "c"]);
    /// let lengths: Vec<usize> = message.frames().map(|frame| frame.len()).collect();
    /// assert_eq!(lengths, [1, 1, 1]);
    /// assert_eq!(message.frames()[1..], ["b", "c"]);
    /// ```
    #[inline]
    pub fn frames(&self) -> Frames<'_> {
        Frames(self.as_slice().iter())
    }

    /// How many frames there are: at least one.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "a message is never empty")]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// How many bytes all frames hold together. Looks at every frame.
    #[inline]
    pub fn byte_len(&self) -> usize {
        match &self.0 {
            Repr::One(frame) => frame.len(),
            Repr::Many(queue) => queue.as_slice().iter().map(|frame| frame.len()).sum(),
        }
    }

    /// The first frame.
    #[inline]
    pub fn first(&self) -> &Frame {
        &self[0]
    }

    /// The last frame; the first one too if there is only one.
    #[inline]
    pub fn last(&self) -> &Frame {
        &self[self.len() - 1]
    }

    /// The frame at `index`, counted from 0; `None` if there are not so many.
    ///
    /// [Indexing](Self::index) panics instead.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&Frame> {
        self.as_slice().get(index)
    }

    /// Adds a frame at the end. Constant time on average.
    pub fn push_back(&mut self, frame: impl Into<Frame>) {
        self.queue().push_back(frame.into());
        debug_assert!(self.len() >= 2);
    }

    /// Adds a frame at the front. Constant time on average.
    pub fn push_front(&mut self, frame: impl Into<Frame>) {
        self.queue().push_front(frame.into());
        debug_assert!(self.len() >= 2);
    }

    /// Takes the first frame out; `None` if that would leave nothing. Constant time.
    ///
    /// ```
    /// use zocket::Message;
    ///
    /// let mut message = Message::from(["id", "", "body"]);
    /// while let Some(frame) = message.pop_front() {
    ///     println!("envelope: {frame:?}");
    /// }
    /// assert_eq!(message, "body");
    /// ```
    pub fn pop_front(&mut self) -> Option<Frame> {
        let Repr::Many(queue) = &mut self.0 else {
            return None;
        };
        let popped = queue.pop_front();
        if let Some(last) = queue.take_if_single() {
            self.0 = Repr::One(last);
        }
        popped
    }

    /// Makes this a message of one frame with a copy of `data`, in place.
    #[inline]
    pub(crate) fn fill(&mut self, data: &[u8]) {
        match &mut self.0 {
            Repr::One(frame) => frame.fill(data),
            Repr::Many { .. } => *self = Self::from(data),
        }
    }

    /// The only frame, or `None` when there are several.
    #[inline]
    pub(crate) fn single(&self) -> Option<&Frame> {
        match &self.0 {
            Repr::One(frame) => Some(frame),
            Repr::Many(_) => None,
        }
    }

    /// A message of the frames given; of one empty frame if there are none.
    ///
    /// Costs nothing per frame if `frames` has not been pushed to or popped from at its
    /// front.
    pub(crate) fn from_frames(frames: VecDeque<Frame>) -> Self {
        Self::from(Vec::from(frames))
    }

    #[inline]
    fn as_slice(&self) -> &[Frame] {
        match &self.0 {
            Repr::One(frame) => std::slice::from_ref(frame),
            Repr::Many(queue) => queue.as_slice(),
        }
    }

    /// This message in its `Many` form, to which the caller adds at least one frame.
    fn queue(&mut self) -> &mut FrameQueue {
        if let Repr::One(frame) = &mut self.0 {
            self.0 = Repr::Many(FrameQueue::of_one(std::mem::take(frame)));
        }
        match &mut self.0 {
            Repr::Many(queue) => queue,
            Repr::One(_) => unreachable!("made `Many` just above"),
        }
    }
}

impl Default for Message {
    /// A message of one empty frame.
    fn default() -> Self {
        Self::new()
    }
}

impl Index<usize> for Message {
    type Output = Frame;

    /// The frame at `index`, counted from 0.
    ///
    /// # Panics
    ///
    /// If there are not so many frames; [`Message::get`] does not.
    #[inline]
    fn index(&self, index: usize) -> &Frame {
        &self.as_slice()[index]
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Message {}

impl Hash for Message {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

/// Shows the length and the beginning of the first few frames:
/// `Message[7: "weather", 4: "rain"]`.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message[")?;
        for (index, frame) in self.frames().take(DEBUG_FRAMES).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{:?}", Preview(frame))?;
        }
        match self.len().saturating_sub(DEBUG_FRAMES) {
            0 => f.write_str("]"),
            more => write!(f, ", and {more} more]"),
        }
    }
}

macro_rules! from_one_frame {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        /// A message of this one frame.
        impl<$($generics)*> From<$type> for Message {
            #[inline]
            fn from(frame: $type) -> Self {
                Self(Repr::One(frame.into()))
            }
        }
    )*};
}

from_one_frame!(
    [] Frame, [] &Frame, [] Bytes,
    [] &str, [] String, [] &String,
    [] &[u8], [] Vec<u8>, [] &Vec<u8>,
    [const N: usize] [u8; N], [const N: usize] &[u8; N],
);

macro_rules! from_array {
    ($($frame:ty),* $(,)?) => {$(
        /// A message of these frames; of one empty frame if there are none.
        impl<const N: usize> From<[$frame; N]> for Message {
            fn from(frames: [$frame; N]) -> Self {
                Self::from_iter(frames)
            }
        }
    )*};
}

from_array!(Frame, Bytes, &str, String, &[u8], Vec<u8>);

/// A message of these frames; of one empty frame if there are none. Takes constant time.
impl From<Vec<Frame>> for Message {
    fn from(frames: Vec<Frame>) -> Self {
        let mut queue = FrameQueue {
            slots: frames,
            head: 0,
        };
        match queue.take_if_single() {
            Some(only) => Self(Repr::One(only)),
            None if queue.slots.is_empty() => Self::new(),
            None => Self(Repr::Many(queue)),
        }
    }
}

/// A message of cheap clones of these frames; of one empty frame if there are none.
impl From<&[Frame]> for Message {
    fn from(frames: &[Frame]) -> Self {
        Self::from_iter(frames)
    }
}

/// A message of these frames; of one empty frame if there are none.
impl<F: Into<Frame>> FromIterator<F> for Message {
    fn from_iter<I: IntoIterator<Item = F>>(frames: I) -> Self {
        let mut frames = frames.into_iter().map(Into::into);
        let Some(first) = frames.next() else {
            return Self::new();
        };
        let Some(second) = frames.next() else {
            return Self(Repr::One(first));
        };
        // The room that an iterator claims to need is a hint: honour it in part only.
        let mut slots = Vec::with_capacity(frames.size_hint().0.saturating_add(2).min(RESERVE_MAX));
        slots.extend([first, second]);
        slots.extend(frames);
        Self(Repr::Many(FrameQueue { slots, head: 0 }))
    }
}

/// Adds frames at the end.
impl<F: Into<Frame>> Extend<F> for Message {
    fn extend<I: IntoIterator<Item = F>>(&mut self, frames: I) {
        for frame in frames {
            self.push_back(frame);
        }
    }
}

macro_rules! compare_as_one_frame {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        /// Equal if the message has one frame, of exactly these bytes.
        impl<$($generics)*> PartialEq<$type> for Message {
            #[inline]
            fn eq(&self, other: &$type) -> bool {
                self.single().is_some_and(|frame| frame == other)
            }
        }

        /// Equal if the message has one frame, of exactly these bytes.
        impl<$($generics)*> PartialEq<Message> for $type {
            #[inline]
            fn eq(&self, other: &Message) -> bool {
                other == self
            }
        }
    )*};
}

compare_as_one_frame!(
    [] Frame, [] Bytes,
    [] str, [] &str, [] String,
    [] [u8], [] &[u8], [] Vec<u8>,
    [const N: usize] [u8; N], [const N: usize] &[u8; N],
);

impl<'a> IntoIterator for &'a Message {
    type Item = &'a Frame;
    type IntoIter = Frames<'a>;

    #[inline]
    fn into_iter(self) -> Frames<'a> {
        self.frames()
    }
}

impl IntoIterator for Message {
    type Item = Frame;
    type IntoIter = IntoFrames;

    fn into_iter(self) -> IntoFrames {
        IntoFrames(match self.0 {
            Repr::One(frame) => IntoRepr::One(Some(frame)),
            Repr::Many(queue) => IntoRepr::Many(queue.into_iter()),
        })
    }
}

/// The frames of a [`Message`]: an iterator, and at the same time a slice of those it
/// has not yielded yet. Made by [`Message::frames`].
#[derive(Clone, Debug)]
pub struct Frames<'a>(std::slice::Iter<'a, Frame>);

impl<'a> Frames<'a> {
    /// The frames not yielded yet, for as long as the message lives.
    #[inline]
    pub fn as_slice(&self) -> &'a [Frame] {
        self.0.as_slice()
    }
}

impl Deref for Frames<'_> {
    type Target = [Frame];

    #[inline]
    fn deref(&self) -> &[Frame] {
        self.0.as_slice()
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a Frame;

    #[inline]
    fn next(&mut self) -> Option<&'a Frame> {
        self.0.next()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<&'a Frame> {
        self.0.nth(n)
    }
}

impl DoubleEndedIterator for Frames<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back()
    }
}

impl ExactSizeIterator for Frames<'_> {}
impl FusedIterator for Frames<'_> {}

/// The frames of a [`Message`] that was taken apart, by value. Made by its
/// [`into_iter`](Message::into_iter).
#[derive(Clone, Debug)]
pub struct IntoFrames(IntoRepr);

#[derive(Clone, Debug)]
enum IntoRepr {
    One(Option<Frame>),
    Many(std::vec::IntoIter<Frame>),
}

impl Iterator for IntoFrames {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        match &mut self.0 {
            IntoRepr::One(frame) => frame.take(),
            IntoRepr::Many(frames) => frames.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            IntoRepr::One(frame) => usize::from(frame.is_some()),
            IntoRepr::Many(frames) => frames.len(),
        };
        (left, Some(left))
    }
}

impl DoubleEndedIterator for IntoFrames {
    fn next_back(&mut self) -> Option<Frame> {
        match &mut self.0 {
            IntoRepr::One(frame) => frame.take(),
            IntoRepr::Many(frames) => frames.next_back(),
        }
    }
}

impl ExactSizeIterator for IntoFrames {}
impl FusedIterator for IntoFrames {}

/// Frames in one piece of memory, with room in front of the first.
///
/// ```text
///   slots  │ empty │ empty │ frame │ frame │ frame │  spare capacity …
///                            └ head
/// ```
///
/// `head <= slots.len()`; the slots before `head` hold empty frames. A `VecDeque` would
/// do, but wraps around, and then its frames are no slice.
struct FrameQueue {
    slots: Vec<Frame>,
    head: usize,
}

impl FrameQueue {
    /// A queue of this frame, with room for two more on either side.
    fn of_one(frame: Frame) -> Self {
        let mut slots = Vec::with_capacity(2 * FRONT_ROOM + 1);
        slots.resize(FRONT_ROOM, EMPTY);
        slots.push(frame);
        Self {
            slots,
            head: FRONT_ROOM,
        }
    }

    #[inline]
    fn as_slice(&self) -> &[Frame] {
        self.slots.get(self.head..).unwrap_or_default()
    }

    fn push_back(&mut self, frame: Frame) {
        // Rather than grow, use the room in front again if that is most of the memory;
        // this moves no more frames than were popped since it was last done.
        if self.slots.len() == self.slots.capacity() && self.head > self.slots.len() / 2 {
            self.slots.drain(..self.head);
            self.head = 0;
        }
        self.slots.push(frame);
    }

    fn push_front(&mut self, frame: Frame) {
        if self.head == 0 {
            self.make_room_in_front();
        }
        self.head -= 1;
        self.slots[self.head] = frame;
    }

    /// Doubles the memory, so that as many frames as there are can be pushed before it
    /// has to be done again.
    fn make_room_in_front(&mut self) {
        let room = self.slots.len().max(FRONT_ROOM);
        let mut slots = Vec::with_capacity(room + self.slots.len());
        slots.resize(room, EMPTY);
        slots.append(&mut self.slots);
        self.slots = slots;
        self.head += room;
    }

    fn pop_front(&mut self) -> Option<Frame> {
        let popped = std::mem::take(self.slots.get_mut(self.head)?);
        self.head += 1;
        Some(popped)
    }

    /// The last frame left, if there is just one.
    fn take_if_single(&mut self) -> Option<Frame> {
        if self.as_slice().len() == 1 {
            self.slots.pop()
        } else {
            None
        }
    }

    fn into_iter(self) -> std::vec::IntoIter<Frame> {
        let mut frames = self.slots.into_iter();
        if let Some(last_of_room) = self.head.checked_sub(1) {
            frames.nth(last_of_room);
        }
        frames
    }
}

impl Clone for FrameQueue {
    fn clone(&self) -> Self {
        Self {
            slots: self.as_slice().to_vec(),
            head: 0,
        }
    }
}

/// What an unused slot holds.
const EMPTY: Frame = Frame::new();

/// How many frames can be pushed in front of a message of one frame at once: an
/// envelope is mostly an address and an empty delimiter.
const FRONT_ROOM: usize = 2;

/// How many frames `Debug` shows.
const DEBUG_FRAMES: usize = 8;

/// For how many frames memory is reserved on an iterator's word.
const RESERVE_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_is_no_larger_than_its_frame() {
        assert_eq!(size_of::<Message>(), size_of::<Frame>());
    }

    #[test]
    fn made_of_nothing_it_has_one_empty_frame() {
        let nothing: [Message; 6] = [
            Message::new(),
            Message::default(),
            Message::from(""),
            Message::from(Vec::<Frame>::new()),
            Message::from_iter(Vec::<Frame>::new()),
            Message::from_frames(VecDeque::new()),
        ];
        for mut message in nothing {
            assert_eq!(message.len(), 1);
            assert_eq!(message.byte_len(), 0);
            assert_eq!(message, "");
            assert_eq!(message.pop_front(), None);
            assert_eq!(message.first(), "");
        }
    }

    #[test]
    fn every_input_of_one_frame() {
        let text = String::from("abc");
        let messages = [
            Message::from("abc"),
            Message::from(&text),
            Message::from(text.clone()),
            Message::from(b"abc"),
            Message::from(*b"abc"),
            Message::from(b"abc".as_slice()),
            Message::from(b"abc".to_vec()),
            Message::from(&b"abc".to_vec()),
            Message::from(Bytes::from_static(b"abc")),
            Message::from(Frame::from("abc")),
            Message::from(&Frame::from("abc")),
            Message::from([Frame::from("abc")]),
            Message::from(vec![Frame::from("abc")]),
            Message::from_iter(["abc"]),
        ];
        for message in &messages {
            assert!(message.single().is_some());
            assert_eq!(*message, "abc");
            assert_eq!("abc", *message);
            assert_eq!(message, "abc");
            assert_eq!(*message, text);
            assert_eq!(text, *message);
            assert_eq!(*message, b"abc");
            assert_eq!(*message, *b"abc");
            assert_eq!(*message, b"abc".as_slice());
            assert_eq!(*message, b"abc".to_vec());
            assert_eq!(*message, Frame::from("abc"));
        }
        assert_eq!(messages.into_iter().collect::<HashSet<_>>().len(), 1);
    }

    #[test]
    fn every_input_of_several_frames() {
        let frames = [Frame::from("a"), Frame::from("b")];
        for message in [
            Message::from(["a", "b"]),
            Message::from([String::from("a"), String::from("b")]),
            Message::from([b"a".as_slice(), b"b".as_slice()]),
            Message::from([b"a".to_vec(), b"b".to_vec()]),
            Message::from([Bytes::from_static(b"a"), Bytes::from_static(b"b")]),
            Message::from(frames.clone()),
            Message::from(frames.to_vec()),
            Message::from(frames.as_slice()),
            Message::from_iter(&frames),
            Message::from_frames(VecDeque::from(frames.clone())),
            frames.iter().collect(),
        ] {
            assert_eq!(*message.frames(), ["a", "b"]);
            assert_ne!(message, "a");
            assert_ne!(message, "ab");
        }
    }

    #[test]
    fn the_border_of_two_frames_counts() {
        assert_ne!(Message::from(["ab", "c"]), Message::from(["a", "bc"]));
        assert_ne!(Message::from(["a", ""]), Message::from("a"));
    }

    #[test]
    #[should_panic(expected = "out of bounds")]
    fn indexing_past_the_end_panics() {
        let _ = &Message::from(["a", "b"])[2];
    }

    #[test]
    fn debug_is_bounded() {
        assert_eq!(
            format!("{:?}", Message::from(["weather", "rain"])),
            r#"Message[7: "weather", 4: "rain"]"#
        );
        let many: Message = (0..1000).map(|_| vec![0_u8; 1000]).collect();
        let shown = format!("{many:?}");
        assert!(shown.len() < 1000, "{shown}");
        assert!(shown.ends_with(", and 992 more]"), "{shown}");
    }

    #[test]
    fn room_in_front_is_used_again() {
        let mut message = Message::from(["a", "b", "c"]);
        for _ in 0..100_000 {
            let frame = message.pop_front().unwrap();
            message.push_back(frame);
        }
        let Repr::Many(queue) = &message.0 else {
            panic!("three frames")
        };
        assert!(queue.slots.capacity() < 64, "{}", queue.slots.capacity());
    }

    /// Quadratic work on as many frames as a peer may send would take minutes.
    #[test]
    fn many_frames_are_linear_work() {
        let start = Instant::now();
        let mut message: Message = (0..65_536_u32).map(|n| n.to_be_bytes()).collect();
        let mut reversed = Message::new();
        while let Some(frame) = message.pop_front() {
            reversed.push_front(frame);
        }
        assert_eq!(message, 65_535_u32.to_be_bytes());
        assert_eq!(reversed.len(), 65_536);
        assert_eq!(reversed[0], 65_534_u32.to_be_bytes());
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[derive(Clone, Debug)]
    enum Step {
        PushBack(Vec<u8>),
        PushFront(Vec<u8>),
        PopFront,
        Extend(Vec<Vec<u8>>),
        CloneIt,
        TakeApart,
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            8 => proptest::collection::vec(any::<u8>(), 0..8),
            1 => proptest::collection::vec(any::<u8>(), 60..100),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => bytes().prop_map(Step::PushBack),
            3 => bytes().prop_map(Step::PushFront),
            6 => Just(Step::PopFront),
            1 => proptest::collection::vec(bytes(), 0..5).prop_map(Step::Extend),
            1 => Just(Step::CloneIt),
            1 => Just(Step::TakeApart),
        ]
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_deque(
            start in proptest::collection::vec(bytes(), 1..5),
            steps in proptest::collection::vec(step(), 0..80),
        ) {
            let mut model: VecDeque<Vec<u8>> = start.iter().cloned().collect();
            let mut message = Message::from_iter(start);
            for step in steps {
                match step {
                    Step::PushBack(data) => {
                        model.push_back(data.clone());
                        message.push_back(data);
                    }
                    Step::PushFront(data) => {
                        model.push_front(data.clone());
                        message.push_front(data);
                    }
                    Step::PopFront => {
                        let expected = if model.len() > 1 { model.pop_front() } else { None };
                        prop_assert_eq!(message.pop_front().map(Vec::from), expected);
                    }
                    Step::Extend(more) => {
                        model.extend(more.clone());
                        message.extend(more);
                    }
                    Step::CloneIt => message = message.clone(),
                    Step::TakeApart => {
                        let frames = message.clone().into_iter();
                        prop_assert_eq!(frames.len(), model.len());
                        prop_assert!(frames.rev().eq(model.iter().rev().cloned()));
                        message = message.into_iter().collect();
                    }
                }
                prop_assert!(message.frames().eq(model.iter()));
                prop_assert!(message.frames().rev().eq(model.iter().rev()));
                prop_assert_eq!(message.frames().as_slice().len(), model.len());
                prop_assert_eq!(message.len(), model.len());
                prop_assert_eq!(message.byte_len(), model.iter().map(Vec::len).sum::<usize>());
                prop_assert_eq!(message.single().is_some(), model.len() == 1);
                prop_assert_eq!(Some(message.first().as_slice()), model.front().map(Vec::as_slice));
                prop_assert_eq!(Some(message.last().as_slice()), model.back().map(Vec::as_slice));
                prop_assert_eq!(message.get(model.len()), None);
            }
            let again: Message = model.into_iter().collect();
            prop_assert_eq!(again, message);
        }
    }
}
