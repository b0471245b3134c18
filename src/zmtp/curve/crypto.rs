//! Boxes: `crypto_box` of NaCl (curve25519-xsalsa20-poly1305), as the crates have it that do the work.
//!
//! For fuzzing it can be replaced by a transparent mock, with which every box opens and says in clear
//! what is in it: so that the code behind it is reached.

use dryoc::classic::crypto_box;
use dryoc::classic::crypto_core::crypto_core_hsalsa20;
use zeroize::Zeroizing;

use crate::curve::{PublicKey, SecretKey};

/// Bytes that a box has more than its content: they come first.
pub(crate) const TAG: usize = 16;
/// Bytes of a nonce.
pub(crate) const NONCE: usize = 24;

/// What two that know each other's public key have in common, and nobody else.
///
/// Wiped when it is dropped; `Debug` does not show it.
pub(crate) struct Shared(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared(..)")
    }
}

impl Shared {
    /// Of the owner of this secret key with the owner of that public key; `None` if the latter is one
    /// of the few with which anybody would come to the same.
    pub(crate) fn agree(public: &PublicKey, secret: &SecretKey) -> Option<Self> {
        #[cfg(fuzzing)]
        if mock::is_on() {
            return Some(Self(Zeroizing::new([0; 32])));
        }
        let secret = x25519_dalek::StaticSecret::from(*secret.as_bytes());
        let point = secret.diffie_hellman(&x25519_dalek::PublicKey::from(*public.as_bytes()));
        if !point.was_contributory() {
            return None;
        }
        let mut key = Zeroizing::new([0; 32]);
        crypto_core_hsalsa20(&mut key, &[0; 16], point.as_bytes(), None);
        Some(Self(key))
    }

    /// A key that nobody else has anyway.
    pub(crate) fn own(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// Encrypts where it is; returns the tag.
    #[inline]
    pub(crate) fn seal(&self, nonce: &[u8; NONCE], content: &mut [u8]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        #[cfg(fuzzing)]
        if mock::is_on() {
            return tag;
        }
        crypto_box::crypto_box_detached_afternm_inplace(content, &mut tag, nonce, &self.0);
        tag
    }

    /// Decrypts `sealed`, a box with its tag, into `content`, which has as many bytes as the box has
    /// content; whether the box is what was sealed. If it is not, nothing of it is in `content`.
    #[inline]
    pub(crate) fn open(&self, nonce: &[u8; NONCE], sealed: &[u8], content: &mut [u8]) -> bool {
        let Some((tag, sealed)) = sealed.split_first_chunk::<TAG>() else {
            return false;
        };
        #[cfg(fuzzing)]
        if mock::is_on() {
            content.copy_from_slice(sealed);
            return true;
        }
        crypto_box::crypto_box_open_detached_afternm(content, sealed, tag, nonce, &self.0).is_ok()
    }

    /// The same into memory of its own, which is wiped after use.
    pub(crate) fn open_small(
        &self,
        nonce: &[u8; NONCE],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut content = Zeroizing::new(vec![0; sealed.len().checked_sub(TAG)?]);
        self.open(nonce, sealed, &mut content).then_some(content)
    }
}

/// A nonce of a prefix and a number that is never used twice.
#[inline]
pub(crate) fn counted(prefix: &[u8; 16], number: u64) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    let (first, second) = nonce.split_at_mut(16);
    first.copy_from_slice(prefix);
    second.copy_from_slice(&number.to_be_bytes());
    nonce
}

/// A nonce of a prefix and a number that nobody has drawn before.
pub(crate) fn drawn(prefix: &[u8; 8], number: &[u8; 16]) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    let (first, second) = nonce.split_at_mut(8);
    first.copy_from_slice(prefix);
    second.copy_from_slice(number);
    nonce
}

/// No cryptography at all.
#[cfg(fuzzing)]
pub(crate) mod mock {
    use std::cell::Cell;

    thread_local!(static IS_ON: Cell<bool> = const { Cell::new(false) });

    pub(crate) fn set(on: bool) {
        IS_ON.set(on);
    }

    pub(super) fn is_on() -> bool {
        IS_ON.get()
    }
}
