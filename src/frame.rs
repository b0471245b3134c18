//! One part of a message: bytes that nobody looks inside.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

/// How many bytes a frame holds in place; a longer one is shared memory.
///
/// Chosen so that 64-byte payloads, the field's usual small message, never touch the
/// allocator, and so that a `Frame` fills 72 bytes without padding.
pub(crate) const INLINE_MAX: usize = 70;

/// One frame of a [`Message`](crate::Message): an opaque run of bytes.
///
/// Up to 70 bytes are held in the value itself; more are shared memory, so that
/// [`clone`](Clone::clone) never copies a large frame.
#[derive(Clone)]
pub struct Frame(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, buf: [u8; INLINE_MAX] },
    Shared(Bytes),
}

impl Frame {
    /// A frame of no bytes.
    pub const fn new() -> Self {
        Self(Repr::Inline { len: 0, buf: [0; INLINE_MAX] })
    }

    /// Copies `data` into a new frame.
    #[inline]
    pub fn copy_from_slice(data: &[u8]) -> Self {
        let mut buf = [0; INLINE_MAX];
        match buf.get_mut(..data.len()) {
            Some(head) => {
                head.copy_from_slice(data);
                Self(Repr::Inline { len: data.len() as u8, buf })
            }
            None => Self(Repr::Shared(Bytes::copy_from_slice(data))),
        }
    }

    /// The bytes of this frame.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            // `len` never exceeds INLINE_MAX; the checked form keeps panics out.
            Repr::Inline { len, buf } => buf.get(..usize::from(*len)).unwrap_or(buf),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The bytes as a [`Bytes`]; without copying when the frame is large.
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Repr::Inline { .. } => Bytes::copy_from_slice(self.as_slice()),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The shared memory of a large frame, without copying; `None` when it is inline.
    #[inline]
    pub(crate) fn shared(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Inline { .. } => None,
            Repr::Shared(bytes) => Some(bytes),
        }
    }
}

impl Default for Frame {
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

impl From<Bytes> for Frame {
    #[inline]
    fn from(bytes: Bytes) -> Self {
        if bytes.len() <= INLINE_MAX { Self::copy_from_slice(&bytes) } else { Self(Repr::Shared(bytes)) }
    }
}

impl From<Vec<u8>> for Frame {
    #[inline]
    fn from(data: Vec<u8>) -> Self {
        if data.len() <= INLINE_MAX { Self::copy_from_slice(&data) } else { Self(Repr::Shared(data.into())) }
    }
}

impl From<&[u8]> for Frame {
    #[inline]
    fn from(data: &[u8]) -> Self {
        Self::copy_from_slice(data)
    }
}

impl From<&str> for Frame {
    #[inline]
    fn from(data: &str) -> Self {
        Self::copy_from_slice(data.as_bytes())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.len())
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Frame {}
