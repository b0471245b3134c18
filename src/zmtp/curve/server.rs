//! The side that everybody may try to talk with who knows its key.

use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::crypto::{Shared, TAG, counted, drawn};
use super::traffic::{Role, Traffic};
use super::{COOKIE, KEY, VOUCH, malformed, random, refused, take, transient, vouched_for};
use crate::curve::{KeyPair, PublicKey};
use crate::zmtp::command;
use crate::zmtp::error::Error;
use crate::zmtp::mechanism::{Agreed, Credentials, Local, Mechanism, Step};
use crate::zmtp::metadata::Metadata;

/// A server, in the state of one handshake.
#[derive(Debug)]
pub(crate) struct Server {
    keys: Arc<KeyPair>,
    /// Whether the owner of a key is let in is asked; otherwise everybody is.
    asks: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    ExpectHello,
    ExpectInitiate(Box<Welcomed>),
    /// Whether the peer is let in.
    Asks(Box<Initiated>),
}

/// What is known of a client that was welcomed.
#[derive(Debug)]
struct Welcomed {
    client_transient: PublicKey,
    transient: KeyPair,
    cookie: [u8; COOKIE],
    /// The number of the nonce of HELLO.
    number: u64,
}

/// What is known of a client that has shown who it is.
#[derive(Debug)]
struct Initiated {
    /// C' and S'.
    shared: Shared,
    metadata: Metadata,
    /// The number of the nonce of INITIATE.
    number: u64,
}

impl Server {
    pub(crate) fn new(keys: Arc<KeyPair>, asks: bool) -> Self {
        Self {
            keys,
            asks,
            state: State::ExpectHello,
        }
    }

    pub(crate) fn handle_command(
        self,
        body: &[u8],
        local: &Local,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        let (name, data) = command::split(body)?;
        refused(name, data)?;
        let Self { keys, asks, state } = self;
        let go_on = |state| {
            Mechanism::CurveServer(Box::new(Self {
                keys: keys.clone(),
                asks,
                state,
            }))
        };
        match (state, name) {
            (State::ExpectHello, b"HELLO") => {
                let welcomed = welcome(&keys, data, out)?;
                Ok(Step::Again(go_on(State::ExpectInitiate(Box::new(
                    welcomed,
                )))))
            }
            (State::ExpectInitiate(welcomed), b"INITIATE") => {
                let (client, initiated) = welcomed.open_initiate(&keys, data, local, out)?;
                if !asks {
                    return Ok(initiated.ready(local, out));
                }
                Ok(Step::Authenticate {
                    credentials: Credentials::Curve {
                        public_key: *client.as_bytes(),
                    },
                    state: go_on(State::Asks(Box::new(initiated))),
                })
            }
            (state, _) => Err(Error::UnexpectedCommand {
                name: command::name(body),
                when: match state {
                    State::ExpectHello => "where HELLO is due",
                    State::ExpectInitiate(_) => "where INITIATE is due",
                    State::Asks(_) => "where our READY is due",
                },
            }),
        }
    }

    pub(crate) fn handle_accept(self: Box<Self>, local: &Local, out: &mut Vec<u8>) -> Step {
        match self.state {
            State::Asks(initiated) => initiated.ready(local, out),
            _ => Step::Again(Mechanism::CurveServer(self)),
        }
    }
}

/// Takes HELLO and answers it.
///
/// What it costs to be wrong comes first: one key agreement and one small box.
fn welcome(keys: &KeyPair, data: &[u8], out: &mut Vec<u8>) -> Result<Welcomed, Error> {
    if data.len() != 2 + 72 + KEY + 8 + TAG + 64 {
        return Err(malformed("HELLO", "size"));
    }
    let mut rest = data;
    if take(&mut rest, "HELLO", "version")? != &[1, 0] {
        return Err(malformed("HELLO", "version"));
    }
    // What fills it up to the size of its answer says nothing: libzmq does not look at it either.
    let _: &[u8; 72] = take(&mut rest, "HELLO", "padding")?;
    let client_transient = PublicKey::new(*take(&mut rest, "HELLO", "key")?);
    let number = u64::from_be_bytes(*take(&mut rest, "HELLO", "nonce")?);
    let not_opened = Error::NotOpened { command: "HELLO" };
    let shared = Shared::agree(&client_transient, keys.secret_key()).ok_or(Error::WeakKey)?;
    let zeros = shared
        .open_small(&counted(b"CurveZMQHELLO---", number), rest)
        .ok_or(not_opened.clone())?;
    if zeros.iter().any(|&octet| octet != 0) {
        return Err(not_opened);
    }

    let transient = transient()?;
    let cookie = cookie(&client_transient, &transient)?;
    let mut nonce = [0; 16];
    random(&mut nonce)?;
    let mut content = [0; KEY + COOKIE];
    let (first, second) = content.split_at_mut(KEY);
    first.copy_from_slice(transient.public_key().as_bytes());
    second.copy_from_slice(&cookie);
    let tag = shared.seal(&drawn(b"WELCOME-", &nonce), &mut content);
    command::put("WELCOME", &[&nonce, &tag, &content], out);
    Ok(Welcomed {
        client_transient,
        transient,
        cookie,
        number,
    })
}

/// To the client it is bytes that it has to give back. To us, too, but they are what RFC 26 wants there,
/// under a key that nobody has any more.
fn cookie(client_transient: &PublicKey, transient: &KeyPair) -> Result<[u8; COOKIE], Error> {
    let (mut nonce, mut key) = ([0; 16], [0; KEY]);
    random(&mut nonce)?;
    random(&mut key)?;
    let mut content = Zeroizing::new([0; 2 * KEY]);
    let (first, second) = content.split_at_mut(KEY);
    first.copy_from_slice(client_transient.as_bytes());
    second.copy_from_slice(transient.secret_key().as_bytes());
    let tag = Shared::own(key).seal(&drawn(b"COOKIE--", &nonce), &mut *content);
    key.zeroize();
    let mut cookie = [0; COOKIE];
    let parts = nonce.iter().chain(&tag).chain(content.iter());
    for (place, octet) in cookie.iter_mut().zip(parts) {
        *place = *octet;
    }
    Ok(cookie)
}

impl Welcomed {
    fn open_initiate(
        self,
        keys: &KeyPair,
        data: &[u8],
        local: &Local,
        out: &mut Vec<u8>,
    ) -> Result<(PublicKey, Initiated), Error> {
        const INITIATE: &str = "INITIATE";
        if data.len() < COOKIE + 8 + TAG + KEY + VOUCH {
            return Err(malformed(INITIATE, "size"));
        }
        let mut rest = data;
        let cookie: &[u8; COOKIE] = take(&mut rest, INITIATE, "cookie")?;
        if !bool::from(cookie.ct_eq(&self.cookie)) {
            return Err(Error::WrongCookie);
        }
        let number = u64::from_be_bytes(*take(&mut rest, INITIATE, "nonce")?);
        if number <= self.number {
            return Err(Error::NonceNotIncreasing { command: INITIATE });
        }
        let shared = Shared::agree(&self.client_transient, self.transient.secret_key())
            .ok_or(Error::WeakKey)?;
        let content = shared
            .open_small(&counted(b"CurveZMQINITIATE", number), rest)
            .ok_or(Error::NotOpened { command: INITIATE })?;

        let mut rest = content.as_slice();
        let client = PublicKey::new(*take(&mut rest, INITIATE, "key")?);
        let nonce: &[u8; 16] = take(&mut rest, INITIATE, "vouch")?;
        let vouch: &[u8; TAG + 2 * KEY] = take(&mut rest, INITIATE, "vouch")?;
        let vouched = Shared::agree(&client, self.transient.secret_key())
            .ok_or(Error::WeakKey)?
            .open_small(&drawn(b"VOUCH---", nonce), vouch)
            .ok_or(Error::NotOpened { command: "vouch" })?;
        let expected = vouched_for(&self.client_transient, keys.public_key());
        if !bool::from(vouched.as_slice().ct_eq(expected.as_slice())) {
            return Err(Error::WrongVouch);
        }
        let metadata = local.take(rest, out)?;
        Ok((
            client,
            Initiated {
                shared,
                metadata,
                number,
            },
        ))
    }
}

impl Initiated {
    /// The client is let in, and told who we are.
    fn ready(self, local: &Local, out: &mut Vec<u8>) -> Step {
        let Self {
            shared,
            metadata,
            number,
        } = self;
        let mut content = Vec::new();
        local.encode(&mut content);
        let tag = shared.seal(&counted(b"CurveZMQREADY---", 1), &mut content);
        command::put("READY", &[&1u64.to_be_bytes(), &tag, &content], out);
        let traffic = Traffic::new(Role::Server, shared, 1, number);
        Step::Done(Agreed::sealed(metadata, traffic))
    }
}
