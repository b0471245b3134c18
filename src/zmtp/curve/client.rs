//! The side that knows with whom it wants to talk.

use std::sync::Arc;

use super::crypto::{self, Shared, TAG, counted, drawn};
use super::traffic::{Role, Traffic};
use super::{COOKIE, KEY, NAME, malformed, random, refused, take, transient, vouched_for};
use crate::curve::{KeyPair, PublicKey};
use crate::zmtp::command;
use crate::zmtp::error::Error;
use crate::zmtp::mechanism::{Agreed, Local, Mechanism, Step};

/// A client, in the state of one handshake.
#[derive(Debug)]
pub(crate) struct Client {
    /// Ours, by which the server knows us.
    keys: Arc<KeyPair>,
    /// The server's.
    server: PublicKey,
    state: State,
}

#[derive(Debug)]
enum State {
    Begins,
    ExpectWelcome {
        transient: KeyPair,
        /// C' and S.
        hello: Shared,
    },
    ExpectReady {
        /// C' and S'.
        shared: Shared,
    },
}

impl Client {
    pub(crate) fn new(keys: Arc<KeyPair>, server: PublicKey) -> Self {
        Self {
            keys,
            server,
            state: State::Begins,
        }
    }

    /// HELLO goes out.
    pub(crate) fn handle_greeting(self, out: &mut Vec<u8>) -> Result<Self, Error> {
        let transient = transient()?;
        // Our own configuration: it was checked where it was set.
        let hello = Shared::agree(&self.server, transient.secret_key()).ok_or(Error::WeakKey)?;
        let mut zeros = [0; 64];
        let tag = hello.seal(&counted(b"CurveZMQHELLO---", 1), &mut zeros);
        command::put(
            "HELLO",
            &[
                &[1, 0],
                &[0; 72],
                transient.public_key().as_bytes(),
                &1u64.to_be_bytes(),
                &tag,
                &zeros,
            ],
            out,
        );
        Ok(Self {
            state: State::ExpectWelcome { transient, hello },
            ..self
        })
    }

    pub(crate) fn handle_command(
        self,
        body: &[u8],
        local: &Local,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        let (name, data) = command::split(body)?;
        refused(name, data)?;
        match (self.state, name) {
            (State::ExpectWelcome { transient, hello }, b"WELCOME") => {
                let (server_transient, cookie) = open_welcome(&hello, data)?;
                let shared = Shared::agree(&server_transient, transient.secret_key())
                    .ok_or(Error::WeakKey)?;
                let vouch = vouch(&self.keys, &transient, &self.server, &server_transient)?;
                let mut content = Vec::new();
                content.extend_from_slice(self.keys.public_key().as_bytes());
                content.extend_from_slice(&vouch);
                local.encode(&mut content);
                let tag = shared.seal(&counted(b"CurveZMQINITIATE", 2), &mut content);
                command::put(
                    "INITIATE",
                    &[&cookie, &2u64.to_be_bytes(), &tag, &content],
                    out,
                );
                Ok(Step::Again(Mechanism::CurveClient(Box::new(Self {
                    state: State::ExpectReady { shared },
                    ..self
                }))))
            }
            (State::ExpectReady { shared }, b"READY") => {
                let mut rest = data;
                let number = u64::from_be_bytes(*take(&mut rest, "READY", "nonce")?);
                if rest.len() < TAG {
                    return Err(malformed("READY", "box"));
                }
                let metadata = shared
                    .open_small(&counted(b"CurveZMQREADY---", number), rest)
                    .ok_or(Error::NotOpened { command: "READY" })?;
                // No word to the server if we do not fit together: it takes nothing in clear any more.
                let metadata = local.take(&metadata, &mut Vec::new())?;
                let traffic = Traffic::new(Role::Client, shared, 2, number);
                Ok(Step::Done(Agreed::sealed(metadata, traffic)))
            }
            (state, _) => Err(Error::UnexpectedCommand {
                name: command::name(body),
                when: match state {
                    State::ExpectReady { .. } => "where READY is due",
                    State::Begins | State::ExpectWelcome { .. } => "where WELCOME is due",
                },
            }),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        NAME
    }
}

/// S' and the cookie.
fn open_welcome(hello: &Shared, data: &[u8]) -> Result<(PublicKey, [u8; COOKIE]), Error> {
    let mut rest = data;
    let nonce = take::<16>(&mut rest, "WELCOME", "nonce")?;
    if rest.len() != TAG + KEY + COOKIE {
        return Err(malformed("WELCOME", "size"));
    }
    let content = hello
        .open_small(&drawn(b"WELCOME-", nonce), rest)
        .ok_or(Error::NotOpened { command: "WELCOME" })?;
    let mut rest = content.as_slice();
    let server_transient = PublicKey::new(*take(&mut rest, "WELCOME", "key")?);
    Ok((server_transient, *take(&mut rest, "WELCOME", "cookie")?))
}

/// That C' is ours, to the owner of S on this connection.
fn vouch(
    keys: &KeyPair,
    transient: &KeyPair,
    server: &PublicKey,
    server_transient: &PublicKey,
) -> Result<Vec<u8>, Error> {
    let mut nonce = [0; 16];
    random(&mut nonce)?;
    let shared = Shared::agree(server_transient, keys.secret_key()).ok_or(Error::WeakKey)?;
    let mut content = vouched_for(transient.public_key(), server);
    let tag = shared.seal(&drawn(b"VOUCH---", &nonce), &mut content);
    let mut vouch = Vec::with_capacity(super::VOUCH);
    vouch.extend_from_slice(&nonce);
    vouch.extend_from_slice(&tag);
    vouch.extend_from_slice(&content);
    debug_assert_eq!(vouch.len(), 16 + crypto::TAG + 2 * KEY);
    Ok(vouch)
}
