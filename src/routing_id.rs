//! The name by which a ROUTER knows a peer.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// The name by which a ROUTER knows a peer: 1 to 255 bytes.
///
/// A peer may choose its own; one that does not is given a name when it connects.
/// Names given out that way begin with a zero byte, so a chosen name had better not.
///
/// Reads like a `&[u8]`, compares, orders and hashes like one, and is cheap to clone.
///
/// ```
/// use zocket::RoutingId;
///
/// let id = RoutingId::try_from("worker-7")?;
/// assert_eq!(id.to_string(), "worker-7");
/// assert!(RoutingId::try_from("").is_err());
/// # Ok::<(), zocket::RoutingIdError>(())
/// ```
#[derive(Clone)]
pub struct RoutingId(Repr);

/// A ROUTER gives one with each message: most are short, and to count who shares them would cost more
/// than to copy them.
#[derive(Clone)]
enum Repr {
    Short { len: u8, bytes: [u8; SHORT_MAX] },
    Long(Arc<[u8]>),
}

/// What there is place for in three words.
const SHORT_MAX: usize = 22;

impl RoutingId {
    /// The most bytes a routing id may have: its length travels in one byte.
    pub const MAX_LEN: usize = 255;

    /// Checks and copies `id`; `None` unless it is 1 to 255 bytes long.
    ///
    /// [`try_from`](Self::try_from) says what is wrong.
    pub fn new(id: &[u8]) -> Option<Self> {
        Self::try_from(id).ok()
    }

    /// One that a ROUTER makes up: it begins with a zero byte, as no announced one does.
    pub(crate) fn generated(id: [u8; 5]) -> Self {
        Self::copy_of(&id)
    }

    fn copy_of(id: &[u8]) -> Self {
        let mut bytes = [0; SHORT_MAX];
        Self(match bytes.get_mut(..id.len()) {
            Some(place) => {
                place.copy_from_slice(id);
                let len = id.len() as u8;
                Repr::Short { len, bytes }
            }
            None => Repr::Long(id.into()),
        })
    }

    /// The bytes of this id.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            Repr::Long(bytes) => bytes,
        }
    }
}

/// Why some bytes are not a [`RoutingId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoutingIdError {
    /// There are none.
    #[error("a routing id has at least one byte")]
    Empty,
    /// There are more than 255.
    #[error("a routing id has at most 255 bytes, not {len}")]
    TooLong {
        /// How many there are.
        len: usize,
    },
}

impl TryFrom<&[u8]> for RoutingId {
    type Error = RoutingIdError;

    /// # Errors
    ///
    /// If `id` is empty or longer than 255 bytes.
    fn try_from(id: &[u8]) -> Result<Self, RoutingIdError> {
        match id.len() {
            0 => Err(RoutingIdError::Empty),
            1..=Self::MAX_LEN => Ok(Self::copy_of(id)),
            len => Err(RoutingIdError::TooLong { len }),
        }
    }
}

macro_rules! try_from_bytes {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> TryFrom<$type> for RoutingId {
            type Error = RoutingIdError;

            /// # Errors
            ///
            /// If `id` is empty or longer than 255 bytes.
            fn try_from(id: $type) -> Result<Self, RoutingIdError> {
                Self::try_from(AsRef::<[u8]>::as_ref(&id))
            }
        }
    )*};
}

try_from_bytes!(
    [] &str, [] String, [] Vec<u8>, [] crate::Frame, [] &crate::Frame,
    [const N: usize] [u8; N], [const N: usize] &[u8; N],
);

impl Deref for RoutingId {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for RoutingId {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for RoutingId {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for RoutingId {}

impl PartialOrd for RoutingId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RoutingId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for RoutingId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

// Lawful because `Eq`, `Ord` and `Hash` are those of the slice: a map keyed by routing ids can be
// asked with the bytes of a frame.
impl Borrow<[u8]> for RoutingId {
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}

impl From<&RoutingId> for crate::Frame {
    fn from(id: &RoutingId) -> Self {
        Self::copy_from_slice(id)
    }
}

impl From<RoutingId> for crate::Frame {
    fn from(id: RoutingId) -> Self {
        Self::from(&id)
    }
}

macro_rules! compare_as_bytes {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> PartialEq<$type> for RoutingId {
            fn eq(&self, other: &$type) -> bool {
                self.as_slice() == AsRef::<[u8]>::as_ref(other)
            }
        }
    )*};
}

compare_as_bytes!([] str, [] &str, [] [u8], [] &[u8], [const N: usize] [u8; N], [const N: usize] &[u8; N]);

/// As it is if it is printable ASCII without spaces, else in hexadecimal: `worker-7`,
/// `0x0080004129`.
impl fmt::Display for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(self) {
            Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => f.pad(text),
            _ => {
                f.write_str("0x")?;
                self.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl fmt::Debug for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutingId({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::*;
    use crate::Frame;

    #[test]
    fn one_to_255_bytes() {
        assert_eq!(RoutingId::try_from(""), Err(RoutingIdError::Empty));
        assert_eq!(RoutingId::try_from([7; 1]).unwrap(), [7]);
        assert_eq!(RoutingId::try_from(vec![7; 255]).unwrap().len(), 255);
        assert_eq!(
            RoutingId::try_from(&[7; 256]),
            Err(RoutingIdError::TooLong { len: 256 })
        );
        assert_eq!(RoutingId::new(b""), None);
        assert_eq!(RoutingId::new(b"x").unwrap(), "x");
    }

    #[test]
    fn shown_as_text_or_in_hexadecimal() {
        let shown = |id: &[u8]| RoutingId::new(id).unwrap().to_string();
        assert_eq!(shown(b"worker-7"), "worker-7");
        assert_eq!(shown(b"a b"), "0x612062");
        assert_eq!(shown(&[0, 128, 0, 65, 41]), "0x0080004129");
        assert_eq!(
            format!("{:?}", RoutingId::new(b"a").unwrap()),
            "RoutingId(a)"
        );
    }

    #[test]
    fn a_map_can_be_asked_with_the_bytes() {
        let id = RoutingId::try_from("a").unwrap();
        let peers = HashMap::from([(id.clone(), 1)]);
        assert_eq!(peers.get(Frame::from(&id).as_slice()), Some(&1));
        assert_eq!(RoutingId::try_from(Frame::from(id.clone())).unwrap(), id);
    }

    #[test]
    fn ordered_as_bytes() {
        let ids = [b"b".as_slice(), b"aa", b"a", b"\xff", &[b'a'; 200]];
        let ids: BTreeSet<_> = ids.iter().map(|id| RoutingId::new(id).unwrap()).collect();
        let ids: Vec<_> = ids.iter().map(RoutingId::as_slice).collect();
        assert_eq!(ids, [b"a".as_slice(), b"aa", &[b'a'; 200], b"b", b"\xff"]);
    }

    #[test]
    fn the_same_bytes_of_any_number() {
        for len in 1..=RoutingId::MAX_LEN {
            let bytes = Vec::from_iter((0..len).map(|place| place as u8));
            let id = RoutingId::new(&bytes).unwrap();
            assert_eq!(id, bytes[..]);
            assert_eq!(HashMap::from([(id, len)]).get(&bytes[..]), Some(&len));
        }
        assert_eq!(size_of::<RoutingId>(), size_of::<Option<RoutingId>>());
        assert_eq!(size_of::<RoutingId>(), 3 * size_of::<usize>());
    }
}
