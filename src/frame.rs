//! One part of a message: bytes that nobody looks inside.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::Utf8Error;

use bytes::Bytes;

use crate::pool;

/// One frame of a [`Message`](crate::Message): an opaque run of bytes, which may be
/// empty.
///
/// A frame never changes; it reads like a `&[u8]`. Up to 70 bytes are held in the value
/// itself; more are shared memory, so that [`clone`](Clone::clone) never copies a large
/// frame, and making one from a [`Vec<u8>`], a [`String`] or a [`Bytes`] does not either.
///
/// ```
/// use zocket::Frame;
///
/// let frame = Frame::from("temperature");
/// assert_eq!(frame, "temperature");
/// assert_eq!(frame.len(), 11);
/// assert!(frame.starts_with(b"temp"));
/// ```
///
/// Frames compare, order and hash exactly as the bytes they hold, so a map keyed by
/// frames can be asked with a plain slice:
///
/// ```
/// use std::collections::HashMap;
/// use zocket::Frame;
///
/// let mut seen: HashMap<Frame, u32> = HashMap::new();
/// *seen.entry(Frame::from("a")).or_default() += 1;
/// assert_eq!(seen.get(b"a".as_slice()), Some(&1));
/// ```
#[derive(Clone)]
pub struct Frame(Repr);

// `Inline::len` never exceeds INLINE_MAX; a `Shared` may be of any length, because
// bytes that are shared already are not worth copying back.
#[derive(Clone)]
enum Repr {
    Inline {
        len: u8,
        buf: [u8; INLINE_MAX],
    },
    Shared(Bytes),
    /// The same, of whatever length, which is not to be copied to be sent.
    InPlace(Bytes),
}

impl Frame {
    /// A frame of no bytes.
    #[inline]
    pub const fn new() -> Self {
        Self(Repr::Inline {
            len: 0,
            buf: [0; INLINE_MAX],
        })
    }

    /// Copies `data` into a new frame.
    #[inline]
    pub fn copy_from_slice(data: &[u8]) -> Self {
        let mut frame = Self::new();
        frame.fill(data);
        frame
    }

    /// Puts a copy of `data` into this empty frame.
    // Never inlined, so that the bytes are put where they stay: as part of its caller,
    // the compiler would build the value elsewhere and copy it here, which costs twice
    // what all the rest does.
    #[inline(never)]
    pub(crate) fn fill(&mut self, data: &[u8]) {
        if let Repr::Inline { len, buf } = &mut self.0
            && let Some(head) = buf.get_mut(..data.len())
        {
            *len = data.len() as u8;
            copy_short(data, head);
        } else {
            self.0 = Repr::Shared(pool::copy(data));
        }
    }

    /// Appends the bytes to a buffer: where they are short in whole pieces, of which what is too much
    /// is cut off again.
    #[inline]
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        let Repr::Inline { len, buf } = &self.0 else {
            return out.extend_from_slice(self);
        };
        let end = out.len() + usize::from(*len);
        match *len {
            0..=16 => out.extend_from_slice(buf.first_chunk::<16>().unwrap_or(&[0; 16])),
            17..=32 => out.extend_from_slice(buf.first_chunk::<32>().unwrap_or(&[0; 32])),
            33..=64 => out.extend_from_slice(buf.first_chunk::<64>().unwrap_or(&[0; 64])),
            _ => out.extend_from_slice(self),
        }
        out.truncate(end);
    }

    /// A frame of bytes that live as long as the program; a large one is not copied.
    ///
    /// ```
    /// use zocket::Frame;
    ///
    /// static PAGE: [u8; 4096] = [b'x'; 4096];
    /// assert_eq!(Frame::from_static(&PAGE).len(), 4096);
    /// ```
    #[inline]
    pub fn from_static(data: &'static [u8]) -> Self {
        if data.len() <= INLINE_MAX {
            Self::copy_from_slice(data)
        } else {
            Self(Repr::Shared(Bytes::from_static(data)))
        }
    }

    /// A frame that is sent from where its bytes are, however few they are, and holds on to them until
    /// they are with the kernel.
    ///
    /// For memory whose owner wants to know when it is free again ([`Bytes::from_owner`]). Others are
    /// copied to be sent while they are short, and so given back at once, which costs less up to a few KiB.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use zocket::Frame;
    ///
    /// let frame = Frame::in_place(Bytes::from_owner([1, 2, 3]));
    /// assert_eq!(frame, [1, 2, 3]);
    /// ```
    pub fn in_place(bytes: Bytes) -> Self {
        Self(Repr::InPlace(bytes))
    }

    /// The bytes of this frame.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            // The checked form keeps panics out of every read of a frame.
            Repr::Inline { len, buf } => buf.get(..usize::from(*len)).unwrap_or(buf),
            Repr::Shared(bytes) | Repr::InPlace(bytes) => bytes,
        }
    }

    /// The bytes as text.
    ///
    /// # Errors
    ///
    /// When they are not UTF-8; nothing on the wire says that a frame is text.
    ///
    /// ```
    /// use zocket::Frame;
    ///
    /// assert_eq!(Frame::from("naïve").to_str(), Ok("naïve"));
    /// assert!(Frame::from([0xff, 0xfe]).to_str().is_err());
    /// ```
    pub fn to_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(self.as_slice())
    }

    /// The bytes as a [`Bytes`]; without copying when the frame is large.
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Repr::Inline { .. } => Bytes::copy_from_slice(self.as_slice()),
            Repr::Shared(bytes) | Repr::InPlace(bytes) => bytes,
        }
    }

    /// The shared memory of a large frame, without copying; `None` when it is inline.
    #[inline]
    pub(crate) fn shared(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Inline { .. } => None,
            Repr::Shared(bytes) | Repr::InPlace(bytes) => Some(bytes),
        }
    }

    /// Whether it is sent from where it is, though it may be short.
    #[inline]
    pub(crate) fn is_in_place(&self) -> bool {
        matches!(self.0, Repr::InPlace(_))
    }
}

impl Default for Frame {
    /// A frame of no bytes.
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Frame {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Frame {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

// Lawful because `Eq`, `Ord` and `Hash` below are those of the slice.
impl Borrow<[u8]> for Frame {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for Frame {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Frame {}

impl PartialOrd for Frame {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Frame {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for Frame {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

/// Shows the length and the beginning of the bytes, as text if they look like text:
/// `Frame(5: "hello")`, `Frame(4096: 0x00ff12…)`.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({:?})", Preview(self))
    }
}

impl From<Bytes> for Frame {
    #[inline]
    fn from(bytes: Bytes) -> Self {
        if bytes.len() <= INLINE_MAX {
            Self::copy_from_slice(&bytes)
        } else {
            Self(Repr::Shared(bytes))
        }
    }
}

impl From<Vec<u8>> for Frame {
    #[inline]
    fn from(data: Vec<u8>) -> Self {
        if data.len() <= INLINE_MAX {
            Self::copy_from_slice(&data)
        } else {
            Self(Repr::Shared(data.into()))
        }
    }
}

impl From<String> for Frame {
    #[inline]
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

macro_rules! from_by_copy {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> From<$type> for Frame {
            #[inline]
            fn from(data: $type) -> Self {
                Self::copy_from_slice(data.as_ref())
            }
        }
    )*};
}

from_by_copy!([] &str, [] &String, [] &[u8], [] &Vec<u8>, [const N: usize] [u8; N], [const N: usize] &[u8; N]);

/// A cheap clone.
impl From<&Frame> for Frame {
    #[inline]
    fn from(frame: &Frame) -> Self {
        frame.clone()
    }
}

impl From<Frame> for Bytes {
    fn from(frame: Frame) -> Self {
        frame.into_bytes()
    }
}

/// Copies, unless the frame is large, was made of memory of the caller's, and nobody shares it.
impl From<Frame> for Vec<u8> {
    fn from(frame: Frame) -> Self {
        match frame.0 {
            Repr::Inline { .. } => frame.to_vec(),
            Repr::Shared(bytes) | Repr::InPlace(bytes) => bytes.into(),
        }
    }
}

macro_rules! compare_as_bytes {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> PartialEq<$type> for Frame {
            #[inline]
            fn eq(&self, other: &$type) -> bool {
                self.as_slice() == AsRef::<[u8]>::as_ref(other)
            }
        }

        impl<$($generics)*> PartialEq<Frame> for $type {
            #[inline]
            fn eq(&self, other: &Frame) -> bool {
                other == self
            }
        }
    )*};
}

compare_as_bytes!(
    [] str, [] &str, [] String,
    [] [u8], [] &[u8], [] Vec<u8>, [] Bytes,
    [const N: usize] [u8; N], [const N: usize] &[u8; N],
);

/// Copies between two of the same length. Short ones in two pieces of a fixed size, which may overlap,
/// as a call for any size takes longer than that.
#[inline]
fn copy_short(from: &[u8], to: &mut [u8]) {
    if !copy_pieces::<32>(from, to) && !copy_pieces::<16>(from, to) && !copy_pieces::<8>(from, to) {
        to.copy_from_slice(from);
    }
}

/// Copies `N` to `2 * N` bytes; `false`: there are not so many.
#[inline]
fn copy_pieces<const N: usize>(from: &[u8], to: &mut [u8]) -> bool {
    if from.len() > 2 * N {
        return false;
    }
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else {
        return false;
    };
    if let Some(to) = to.first_chunk_mut::<N>() {
        *to = *first;
    }
    if let Some(to) = to.last_chunk_mut::<N>() {
        *to = *last;
    }
    true
}

/// The length of some bytes and what they begin with, in bounded space: what `Debug`
/// shows of a payload.
pub(crate) struct Preview<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Preview<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.0.get(..PREVIEW_MAX).unwrap_or(self.0);
        let cut = head.len() < self.0.len();
        write!(f, "{}: ", self.0.len())?;
        match readable(head, cut) {
            Some(text) => write!(f, "{text:?}")?,
            None => {
                f.write_str("0x")?;
                for byte in head {
                    write!(f, "{byte:02x}")?;
                }
            }
        }
        if cut { f.write_str("…") } else { Ok(()) }
    }
}

/// `bytes` as text a person can read, if that is what they are. If they were `cut`
/// from something longer, the last character may be incomplete and is left out.
fn readable(bytes: &[u8], cut: bool) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if cut && error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    (!text.contains(odd)).then_some(text)
}

/// How many bytes a frame holds in place; a longer one is shared memory.
///
/// Chosen so that 64-byte payloads, the field's usual small message, never touch the
/// allocator, and so that a `Frame` fills 72 bytes without padding.
pub(crate) const INLINE_MAX: usize = 70;

/// How many bytes of a payload `Debug` shows: enough to recognise it, little enough for
/// a log line that shows several.
const PREVIEW_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_fills_72_bytes() {
        assert_eq!(size_of::<Frame>(), 72);
    }

    #[test]
    fn every_input_gives_the_same_bytes() {
        let text = String::from("abc");
        let frames = [
            Frame::from("abc"),
            Frame::from(&text),
            Frame::from(text.clone()),
            Frame::from(b"abc"),
            Frame::from(*b"abc"),
            Frame::from(b"abc".as_slice()),
            Frame::from(b"abc".to_vec()),
            Frame::from(&b"abc".to_vec()),
            Frame::from(Bytes::from_static(b"abc")),
            Frame::from_static(b"abc"),
            Frame::from(&Frame::from("abc")),
        ];
        for frame in &frames {
            assert_eq!(frame, "abc");
            assert_eq!("abc", *frame);
            assert_eq!(*frame, b"abc");
            assert_eq!(*frame, *b"abc");
            assert_eq!(*frame, b"abc".as_slice());
            assert_eq!(*frame, b"abc".to_vec());
            assert_eq!(*frame, text);
            assert_eq!(text, *frame);
        }
        assert_eq!(frames.into_iter().collect::<HashSet<_>>().len(), 1);
    }

    #[test]
    fn a_large_frame_is_shared_and_never_copied() {
        let data = vec![7; INLINE_MAX + 1];
        let address = data.as_ptr();
        let frame = Frame::from(data);
        assert_eq!(frame.clone().as_ptr(), address);
        assert!(frame.shared().is_some());
        let back = Vec::from(frame);
        assert_eq!(back.as_ptr(), address);
        assert!(Frame::copy_from_slice(&[7; INLINE_MAX]).shared().is_none());
    }

    #[test]
    fn debug_is_short_and_readable() {
        assert_eq!(format!("{:?}", Frame::new()), r#"Frame(0: "")"#);
        assert_eq!(
            format!("{:?}", Frame::from("say \"hi\"\n")),
            r#"Frame(9: "say \"hi\"\n")"#
        );
        assert_eq!(format!("{:?}", Frame::from([0, 255])), "Frame(2: 0x00ff)");
        let long = "é".repeat(40);
        let odd_cut = format!("a{long}");
        assert_eq!(
            format!("{:?}", Frame::from(long)),
            format!("Frame(80: \"{}\"…)", "é".repeat(16))
        );
        assert_eq!(
            format!("{:?}", Frame::from(odd_cut)),
            format!("Frame(81: \"a{}\"…)", "é".repeat(15))
        );
        assert!(format!("{:?}", Frame::from(vec![0; 1 << 20])).len() < 100);
    }

    proptest! {
        #[test]
        fn a_frame_is_its_bytes(data in proptest::collection::vec(any::<u8>(), 0..200), other: Vec<u8>) {
            let frame = Frame::copy_from_slice(&data);
            prop_assert_eq!(frame.as_slice(), data.as_slice());
            prop_assert_eq!(frame.shared().is_some(), data.len() > INLINE_MAX);
            prop_assert_eq!(&Frame::from(data.clone()), &frame);
            prop_assert_eq!(&Frame::from(Bytes::from(data.clone())), &frame);
            prop_assert_eq!(frame.cmp(&Frame::from(&other)), data.cmp(&other));
            prop_assert_eq!(frame == other, data == other);
            prop_assert_eq!(frame.clone().into_bytes(), data.clone());
            prop_assert_eq!(Vec::from(frame), data);
        }
    }
}
