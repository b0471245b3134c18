//! Bytes that nobody is to see, and that are wiped when they are done with.

use std::fmt;
use std::ops::Deref;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password or the like.
///
/// Wiped when it is dropped, and it has no more to show in `Debug` than that it is there. Compared in a
/// time that tells no more than whether the lengths are equal.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }
}

impl Deref for Secret {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s15_a_secret_is_compared_but_not_shown() {
        let secret = Secret::new(b"xyzzy");
        assert_eq!(secret, Secret::new(b"xyzzy"));
        assert_ne!(secret, Secret::new(b"xyzzz"));
        assert_ne!(secret, Secret::new(b"xyzz"));
        assert_eq!(&*secret, b"xyzzy");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
