//! One question to an authenticator, and the way back for the answer.

use std::fmt;
use std::net::SocketAddr;
use std::str;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::verdict::{Ruling, User, Verdict};
use crate::endpoint::Endpoint;
use crate::handshake_fault::HandshakeFault;
use crate::peer_info::PeerCredentials;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::sync::Mutex;
use crate::waiting::{Half, Ready};
use crate::zmtp::Credentials;

/// How a peer proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// Not at all.
    Null,
    /// By a user's name and a password, in clear text.
    Plain,
    /// By a key of its own.
    Curve,
}

impl Mechanism {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Plain => "PLAIN",
            Self::Curve => "CURVE",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who is asked about.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) credentials: Credentials,
    /// Where it is, in words.
    pub(crate) address: String,
    pub(crate) process: Option<PeerCredentials>,
    pub(crate) endpoint: Endpoint,
}

/// What a handshake asks.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) subject: Subject,
    pub(crate) domain: String,
    /// Those of the socket that asks.
    pub(crate) socket_type: SocketType,
    pub(crate) routing_id: Option<RoutingId>,
}

#[derive(Debug)]
struct Shared {
    ask: Ask,
    life: Half<Life>,
}

/// Whether the handshake still waits.
#[derive(Debug)]
struct Life {
    over: bool,
}

impl Ready for Life {
    fn ready(&self) -> bool {
        self.over
    }
}

/// The way back to the handshake.
pub(crate) type Reply = Box<dyn FnOnce(Ruling) + Send>;

/// What came of a question at once.
#[derive(Debug)]
pub(crate) enum Decided {
    Now(Ruling),
    /// The reply comes later, unless this is dropped.
    Later(Asked),
}

/// A peer that wants to be let in: what is known of it, and the way to answer.
///
/// It may be moved to other threads, and be answered there. Dropped, it is not let in
/// ([`Verdict::RefuseForNow`]).
pub struct Candidate {
    shared: Arc<Shared>,
    reply: Mutex<Option<Reply>>,
}

/// The same for the one that waits: dropped, nobody does any more.
#[derive(Debug)]
pub(crate) struct Asked(Arc<Shared>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.life.update_for_all(|life, _| life.over = true);
    }
}

impl Credentials {
    pub(crate) fn mechanism(&self) -> Mechanism {
        match self {
            Self::Null => Mechanism::Null,
            Self::Plain { .. } => Mechanism::Plain,
            #[cfg(feature = "curve")]
            Self::Curve { .. } => Mechanism::Curve,
        }
    }
}

impl Candidate {
    pub(crate) fn new(ask: Ask, reply: Reply) -> (Self, Asked) {
        let shared = Arc::new(Shared {
            ask,
            life: Half::new(Life { over: false }),
        });
        let asked = Asked(shared.clone());
        let reply = Mutex::new(Some(reply));
        (Self { shared, reply }, asked)
    }

    /// How it proves itself.
    pub fn mechanism(&self) -> Mechanism {
        self.shared.ask.subject.credentials.mechanism()
    }

    /// The user that it says it is, with PLAIN, if that is text.
    pub fn user(&self) -> Option<&str> {
        str::from_utf8(self.user_bytes()?).ok()
    }

    pub(crate) fn user_bytes(&self) -> Option<&[u8]> {
        match &self.shared.ask.subject.credentials {
            Credentials::Plain { user, .. } => Some(user),
            _ => None,
        }
    }

    /// The password that it gives, with PLAIN.
    ///
    /// To compare it, [`has_password`](Self::has_password) is better: `==` tells by the time that it
    /// takes how much of it is right.
    pub fn password(&self) -> Option<&[u8]> {
        match &self.shared.ask.subject.credentials {
            Credentials::Plain { password, .. } => Some(password),
            _ => None,
        }
    }

    /// Whether it gives this password, with PLAIN. How long that takes depends on neither of the two,
    /// nor on their lengths.
    pub fn has_password(&self, password: impl AsRef<[u8]>) -> bool {
        let password = password.as_ref();
        match self.password() {
            Some(given) => {
                let is_same = padded(given).ct_eq(&*padded(password));
                let as_long = (given.len() as u64).ct_eq(&(password.len() as u64));
                (is_same & as_long).into()
            }
            None => false,
        }
    }

    /// The public key whose secret it has proven to have, with CURVE.
    pub fn public_key(&self) -> Option<&[u8; 32]> {
        match &self.shared.ask.subject.credentials {
            #[cfg(feature = "curve")]
            Credentials::Curve { public_key } => Some(public_key),
            _ => None,
        }
    }

    /// Where it is, in words, as [`PeerInfo::address`](crate::PeerInfo::address).
    pub fn address(&self) -> &str {
        &self.shared.ask.subject.address
    }

    /// Where it is, over tcp. (Not of one that a proxy has connected us to.)
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        self.address().parse().ok()
    }

    /// Whose process it is, over ipc, as far as the system says.
    pub fn credentials(&self) -> Option<PeerCredentials> {
        self.shared.ask.subject.process
    }

    /// The endpoint that it has come to, or that was connected to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.ask.subject.endpoint
    }

    /// What the socket that asks calls its [domain](crate::Builder::zap_domain).
    pub fn domain(&self) -> &str {
        &self.shared.ask.domain
    }

    /// The type of the socket that asks.
    pub fn socket_type(&self) -> SocketType {
        self.shared.ask.socket_type
    }

    /// The routing id of the socket that asks, if it has one.
    pub fn routing_id(&self) -> Option<&RoutingId> {
        self.shared.ask.routing_id.as_ref()
    }

    /// Whether the handshake still waits for the answer.
    pub fn is_waiting(&self) -> bool {
        !self.shared.life.peek(|life| life.over)
    }

    /// Ready when the handshake does not wait any more.
    pub(crate) fn over(&self) -> impl Future<Output = ()> + '_ {
        self.shared
            .life
            .wait_async(|life, _| life.over.then_some(()))
    }

    /// Lets it in, as this user.
    pub fn accept(self, user: User) {
        self.answer(Verdict::Accept(user));
    }

    /// Does not let it in. It is told so, and as zocket's peers do may try again, ever less often.
    pub fn refuse(self) {
        self.answer(Verdict::Refuse);
    }

    /// Does not let it in, for the time being. The connection ends without a word.
    pub fn refuse_for_now(self) {
        self.answer(Verdict::RefuseForNow);
    }

    /// Answers.
    pub fn answer(self, verdict: Verdict) {
        self.rule(verdict.into());
    }

    pub(crate) fn rule(self, ruling: Ruling) {
        self.reply(ruling);
    }

    /// The first answer counts.
    pub(crate) fn reply(&self, ruling: Ruling) {
        let reply = self.reply.lock().take();
        if let Some(reply) = reply {
            reply(ruling);
        }
    }

    /// The same candidate for somebody else, whose answer goes through `then` first.
    pub(super) fn passed_on(self, then: impl FnOnce(Self, Ruling) + Send + 'static) -> Self {
        let shared = self.shared.clone();
        let reply: Reply = Box::new(move |ruling| then(self, ruling));
        let reply = Mutex::new(Some(reply));
        Self { shared, reply }
    }
}

/// Dropped without an answer, by a mistake or a panic of who had to give one.
impl Drop for Candidate {
    fn drop(&mut self) {
        let why = "the authenticator gave no answer";
        self.reply(Ruling::faulty(HandshakeFault::NoAnswer, why));
    }
}

/// The first bytes, as many as credentials may have, with zeros behind them.
fn padded(bytes: &[u8]) -> Zeroizing<[u8; 256]> {
    let mut all = Zeroizing::new([0; 256]);
    for (to, from) in all.iter_mut().zip(bytes) {
        *to = *from;
    }
    all
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.mechanism(), self.address())?;
        match self.user() {
            Some(user) => write!(f, " as {user:?}"),
            None => Ok(()),
        }
    }
}
