//! The CURVE mechanism ([RFC 26](https://rfc.zeromq.org/spec/26/)): both sides know with whom they talk,
//! and nobody else can read it or change it.
//!
//! ```text
//!        client (C/c, knows S)                           server (S/s)
//!          |  HELLO(C', Box[zeros](C'->S)) ----------->    |    ExpectHello
//!          |  <---- WELCOME(Box[S' + cookie](S->C'))       |    ExpectWelcome
//!          |  INITIATE(cookie, Box[C + vouch               |    ExpectInitiate; asks who that is
//!          |       + our metadata](C'->S')) ---------->    |
//!          |  <-------- READY(Box[their metadata](S'->C')) |    ExpectReady
//!          |  <==== MESSAGE(Box[flags + frame]) ======>    |    Traffic
//! ```
//!
//! `S`, `C` are the keys by which the two know each other; `S'`, `C'` are made for one connection and
//! forgotten with it, so that what was said on it cannot be read later even with `s` and `c`. The vouch
//! is `Box[C' + S](C->S')`: that `C'` belongs to the owner of `c`, on a connection with this server.
//!
//! * [`client`], [`server`]: the handshake in each role;
//! * [`traffic`]: what every frame and every command travels in after it;
//! * [`crypto`]: all the cryptography there is, which is other people's.
//!
//! The server keeps what it knows of a client between WELCOME and INITIATE, a few hundred bytes, instead
//! of having the client keep it in the cookie: so a cookie is good on its own connection only, once, and
//! until the time for the handshake is up ([`COOKIE_TIME`] at most). A HELLO that is not for this server
//! costs it one key agreement; each further step is paid for by a peer that has shown that it knows `S`
//! and holds the key it came with.

pub(crate) mod client;
pub(crate) mod crypto;
pub(crate) mod server;
pub(crate) mod traffic;

use std::time::Duration;

pub(crate) use client::Client;
pub(crate) use server::Server;
pub(crate) use traffic::Traffic;

use super::error::{Error, printable};
use crate::curve::{KeyPair, NoRandomness, PublicKey, SecretKey};

pub(crate) const NAME: &str = "CURVE";

/// A server gives the whole handshake no more than this, whatever the option says: RFC 26 wants cookies
/// to be good for 60 seconds at most.
pub(crate) const COOKIE_TIME: Duration = Duration::from_secs(60);

/// Bytes of a key.
const KEY: usize = 32;
/// Bytes of a cookie.
const COOKIE: usize = 96;
/// Bytes that stand for a whole vouch: its nonce and its box.
const VOUCH: usize = 16 + 2 * KEY + crypto::TAG;

/// A pair for one connection.
fn transient() -> Result<KeyPair, Error> {
    let mut secret = SecretKey::new([0; KEY]);
    random(secret.as_mut_bytes())?;
    Ok(KeyPair::from_secret(secret))
}

fn random(bytes: &mut [u8]) -> Result<(), Error> {
    crate::curve::random(bytes).map_err(|NoRandomness| Error::NoRandomness)
}

/// What a vouch vouches for.
fn vouched_for(client_transient: &PublicKey, server: &PublicKey) -> [u8; 2 * KEY] {
    let mut both = [0; 2 * KEY];
    let (first, second) = both.split_at_mut(KEY);
    first.copy_from_slice(client_transient.as_bytes());
    second.copy_from_slice(server.as_bytes());
    both
}

fn malformed(command: &'static str, field: &'static str) -> Error {
    Error::MalformedCommand { command, field }
}

/// Takes the next `N` bytes; what is missing is called `field`.
fn take<'a, const N: usize>(
    rest: &mut &'a [u8],
    command: &'static str,
    field: &'static str,
) -> Result<&'a [u8; N], Error> {
    let (taken, left) = rest.split_first_chunk().ok_or(malformed(command, field))?;
    *rest = left;
    Ok(taken)
}

/// Whether the peer gives up, which it says in clear text.
fn refused(name: &[u8], data: &[u8]) -> Result<(), Error> {
    if name != b"ERROR" {
        return Ok(());
    }
    Err(match data.split_first() {
        Some((&size, reason)) if usize::from(size) == reason.len() => Error::Refused {
            reason: printable(reason),
        },
        _ => malformed("ERROR", "reason"),
    })
}

#[cfg(test)]
mod tests;
