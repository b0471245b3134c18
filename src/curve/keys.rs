//! Public keys, secret keys, and the two together.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use super::z85::{Z85Error, z85_decode, z85_encode};

/// The bytes of a key.
pub(crate) const KEY_LEN: usize = 32;

/// What anybody may know of a [`KeyPair`]: by it its owner is recognised.
///
/// Parsed from, and shown as, 40 characters of Z85.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; KEY_LEN]);

/// What only its owner may know.
///
/// Wiped from memory when it is dropped; `Debug` does not show it, and it has no `Display`. Compared in
/// constant time.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; KEY_LEN]>);

/// A public key, and the secret one that belongs to it.
///
/// `Debug` shows the public one only.
///
/// ```
/// use zocket::curve::KeyPair;
///
/// let pair = KeyPair::generate()?;
/// let again = KeyPair::from_secret(pair.secret_key().clone());
/// assert_eq!(again.public_key(), pair.public_key());
/// # Ok::<(), zocket::curve::NoRandomness>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    public: PublicKey,
    secret: SecretKey,
}

/// Why bytes, or a text, are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is neither 32 bytes nor 40 characters long.
    #[error("a key has 32 bytes, or 40 characters of Z85; this has {0}")]
    Len(usize),
    /// It has 40 characters, but not of Z85.
    #[error("a key that is no Z85: {0}")]
    Z85(#[from] Z85Error),
}

/// The system has no random numbers to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the system has no random numbers to give")]
pub struct NoRandomness;

impl PublicKey {
    /// The key that these bytes are.
    pub fn new(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

impl From<[u8; KEY_LEN]> for PublicKey {
    fn from(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }
}

/// 32 bytes.
impl TryFrom<&[u8]> for PublicKey {
    type Error = KeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes = bytes.try_into().map_err(|_| KeyError::Len(bytes.len()))?;
        Ok(Self(bytes))
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        read(text).map(|bytes| Self(*bytes))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&write(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl SecretKey {
    /// The key that these bytes are. (Whoever has them still has to wipe them.)
    pub fn new(bytes: [u8; KEY_LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// Where it is made.
    pub(crate) fn as_mut_bytes(&mut self) -> &mut [u8; KEY_LEN] {
        &mut self.0
    }

    /// Its 40 characters of Z85: to be written where only its owner can read. The text is wiped when it
    /// is dropped.
    pub fn to_z85(&self) -> impl AsRef<str> + use<> {
        Text(Zeroizing::new(write(&self.0)))
    }
}

struct Text(Zeroizing<String>);

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        read(text).map(Self)
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl KeyPair {
    /// A new pair, which nobody has had before.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers to give.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut secret = SecretKey::new([0; KEY_LEN]);
        random(secret.as_mut_bytes())?;
        Ok(Self::from_secret(secret))
    }

    /// The pair that a secret key belongs to.
    pub fn from_secret(secret: SecretKey) -> Self {
        let public = public_from_secret(&secret);
        Self { public, secret }
    }

    /// Two halves, as they are kept elsewhere.
    ///
    /// Nobody checks that they belong together; a client whose halves do not gets in nowhere. To find the
    /// public half there is [`from_secret`](Self::from_secret).
    pub fn from_parts(public: PublicKey, secret: SecretKey) -> Self {
        Self { public, secret }
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The secret half.
    pub fn secret_key(&self) -> &SecretKey {
        &self.secret
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// The public key that belongs to a secret one.
pub fn public_from_secret(secret: &SecretKey) -> PublicKey {
    let secret = x25519_dalek::StaticSecret::from(*secret.as_bytes());
    PublicKey(x25519_dalek::PublicKey::from(&secret).to_bytes())
}

/// Fills it with what nobody can foresee.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    #[cfg(any(test, fuzzing))]
    if pinned::take(bytes) {
        return Ok(());
    }
    getrandom::fill(bytes).map_err(|_| NoRandomness)
}

/// Tests foresee it all the same.
#[cfg(any(test, fuzzing))]
pub(crate) mod pinned {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    thread_local!(static PINNED: RefCell<VecDeque<Vec<u8>>> = const { RefCell::new(VecDeque::new()) });

    /// The next that are asked for on this thread are these.
    pub(crate) fn put(bytes: &[u8]) {
        PINNED.with_borrow_mut(|it| it.push_back(bytes.to_vec()));
    }

    #[cfg(fuzzing)]
    pub(crate) fn clear() {
        PINNED.with_borrow_mut(VecDeque::clear);
    }

    pub(super) fn take(bytes: &mut [u8]) -> bool {
        PINNED.with_borrow_mut(|it| {
            it.pop_front()
                .map(|pinned| bytes.copy_from_slice(&pinned[..bytes.len()]))
                .is_some()
        })
    }
}

fn write(bytes: &[u8; KEY_LEN]) -> String {
    // 32 is a multiple of 4.
    z85_encode(bytes).unwrap_or_default()
}

fn read(text: &str) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
    if text.len() != KEY_LEN / 4 * 5 {
        return Err(KeyError::Len(text.len()));
    }
    let bytes = Zeroizing::new(z85_decode(text)?);
    let mut key = Zeroizing::new([0; KEY_LEN]);
    key.copy_from_slice(&bytes);
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zmtp::tests::{security_value, unhex};

    #[test]
    fn vectors_keys_are_written_as_libzmq_writes_them() {
        let (bytes, texts) = (
            security_value("curve_golden_inputs"),
            security_value("curve_z85"),
        );
        for (secret, public) in [("s", "S"), ("c", "C")] {
            let bytes = |name: &str| unhex(bytes["values"][name].as_str().unwrap());
            let text = |name: &str| texts["values"][name].as_str().unwrap().to_owned();
            let pair = KeyPair::from_secret(text(secret).parse().unwrap());
            assert_eq!(pair.secret_key().as_bytes()[..], bytes(secret));
            assert_eq!(pair.secret_key().to_z85().as_ref(), text(secret));
            assert_eq!(pair.public_key().as_bytes()[..], bytes(public));
            assert_eq!(pair.public_key().to_string(), text(public));
            assert_eq!(text(public).parse(), Ok(*pair.public_key()));
            assert_eq!(bytes(public).as_slice().try_into(), Ok(*pair.public_key()));
        }
    }

    #[test]
    fn what_is_no_key_says_why() {
        let no_key = |text: &str| text.parse::<PublicKey>().unwrap_err();
        assert_eq!(no_key(""), KeyError::Len(0));
        assert_eq!(no_key(&"0".repeat(41)), KeyError::Len(41));
        let stray = format!("{}~{}", "0".repeat(7), "0".repeat(32));
        assert_eq!(no_key(&stray), KeyError::Z85(Z85Error::Character(7)));
        assert!("0".repeat(39).parse::<SecretKey>().is_err());
        let short = PublicKey::try_from([0; 31].as_slice());
        assert_eq!(short, Err(KeyError::Len(31)));
    }

    #[test]
    fn s15_no_secret_key_is_shown() {
        let pair = KeyPair::generate().unwrap();
        let shown = format!("{pair:?} {:?}", pair.secret_key());
        let secret = pair.secret_key().to_z85();
        assert!(!shown.contains(secret.as_ref()));
        assert!(!shown.contains(&format!("{:?}", pair.secret_key().as_bytes())));
        assert!(shown.contains(&pair.public_key().to_string()));
    }

    #[test]
    fn no_two_pairs_are_the_same() {
        let (one, another) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        assert_ne!(one.public_key(), another.public_key());
        assert_ne!(one.secret_key(), another.secret_key());
        assert_eq!(one.clone(), one);
    }
}
