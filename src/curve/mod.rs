//! Keys for the CURVE mechanism: to make them, to write them down, and to read them.
//!
//! A [`KeyPair`] is a [`PublicKey`], which anybody may know, and the [`SecretKey`] that belongs to it,
//! which nobody else may. Each side of a connection has a pair of its own; a client knows the server's
//! public key beforehand, and a server may know those of its clients.
//!
//! In text a key is 40 characters of [Z85](https://rfc.zeromq.org/spec/32/), as libzmq has it
//! (`zmq_curve_keypair`, and its options `ZMQ_CURVE_PUBLICKEY` and the like take them); in files it is in
//! a certificate as czmq writes it.
//!
//! ```
//! use zocket::curve::{KeyPair, PublicKey};
//!
//! let pair = KeyPair::generate()?;
//! let text = pair.public_key().to_string();
//! assert_eq!(text.len(), 40);
//! assert_eq!(&text.parse::<PublicKey>()?, pair.public_key());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod certificate;
mod keys;
mod z85;

pub use certificate::KeyFileError;
pub use keys::{KeyError, KeyPair, NoRandomness, PublicKey, SecretKey, public_from_secret};
pub use z85::{Z85Error, z85_decode, z85_encode};

#[cfg(any(test, fuzzing))]
pub(crate) use keys::pinned;
pub(crate) use keys::random;
