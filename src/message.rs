//! One whole message: one or more frames that travel together or not at all.

use std::collections::VecDeque;
use std::ops::Deref;

use crate::frame::Frame;

/// A whole message of one or more frames; sent, queued and received all or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(Repr);

// Nearly every message has one frame, so that case costs no allocation.
// Invariant: `Many` holds at least two frames and is contiguous.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Repr {
    One(Frame),
    Many(VecDeque<Frame>),
}

impl Message {
    /// A message of one empty frame.
    pub const fn new() -> Self {
        Self(Repr::One(Frame::new()))
    }

    /// The frames, first to last.
    #[inline]
    pub fn frames(&self) -> Frames<'_> {
        let slice = match &self.0 {
            Repr::One(frame) => std::slice::from_ref(frame),
            Repr::Many(frames) => frames.as_slices().0,
        };
        Frames(slice.iter())
    }

    /// How many frames there are: at least one.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "a message is never empty")]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::One(_) => 1,
            Repr::Many(frames) => frames.len(),
        }
    }

    /// How many bytes all frames hold together.
    pub fn byte_len(&self) -> usize {
        match &self.0 {
            Repr::One(frame) => frame.len(),
            Repr::Many(frames) => frames.iter().map(|frame| frame.len()).sum(),
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
    pub(crate) fn from_frames(mut frames: VecDeque<Frame>) -> Self {
        match frames.len() {
            0 => Self::new(),
            1 => Self(Repr::One(frames.pop_front().unwrap_or_default())),
            _ => {
                frames.make_contiguous();
                Self(Repr::Many(frames))
            }
        }
    }
}

impl Default for Message {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Into<Frame>> From<F> for Message {
    #[inline]
    fn from(frame: F) -> Self {
        Self(Repr::One(frame.into()))
    }
}

/// The frames of a [`Message`]: an iterator, and at the same time a slice.
#[derive(Clone, Debug)]
pub struct Frames<'a>(std::slice::Iter<'a, Frame>);

impl<'a> Iterator for Frames<'a> {
    type Item = &'a Frame;

    #[inline]
    fn next(&mut self) -> Option<&'a Frame> {
        self.0.next()
    }
}

impl Deref for Frames<'_> {
    type Target = [Frame];

    fn deref(&self) -> &[Frame] {
        self.0.as_slice()
    }
}
