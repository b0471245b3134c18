//! Who is let in: what an application decides about peers that prove themselves in a handshake.
//!
//! ```text
//!   session ── credentials ──► socket ──► Hired ──► workers ──► Authenticator
//!      ▲                                  (a queue)  (threads)     │ Candidate, answered
//!      └──────────── verdict ◄─────────────────────────────────────┘ there or anywhere else, or dropped
//! ```
//!
//! A handshake waits for its verdict without a thread, and at most as long as it may take; an
//! authenticator is asked on threads of its own, which it alone can hold up. [`Passwords`],
//! [`Addresses`] and (with the feature `curve`) `AllowedKeys` are ready-made, and [`and`](Authenticator::and) and
//! [`or`](Authenticator::or) join them.

mod addresses;
mod candidate;
mod combined;
mod hired;
#[cfg(feature = "curve")]
mod keys;
mod passwords;
mod verdict;
mod workers;

pub use addresses::Addresses;
pub use candidate::{Candidate, Mechanism};
pub use combined::{And, Or};
#[cfg(feature = "curve")]
pub use keys::AllowedKeys;
pub use passwords::Passwords;
pub use verdict::{User, Verdict};

pub(crate) use candidate::{Ask, Asked, Decided, Reply, Subject};
pub(crate) use hired::Hired;
pub(crate) use verdict::Ruling;
pub(crate) use workers::Workers;

/// Decides who is let in; given to [`Builder::authenticator`](crate::Builder::authenticator).
///
/// It is asked once for each handshake, when the peer has presented its credentials and the protocol
/// has nothing against them, and before the peer is told anything: nothing that it sends reaches the
/// application before it was accepted. Any function that takes a [`Candidate`] is one.
///
/// ```
/// use zocket::auth::{Candidate, User};
/// use zocket::{Pull, Security};
///
/// # fn main() -> Result<(), zocket::Error> {
/// let pull = Pull::builder()
///     .security(Security::plain_server())
///     .authenticator(|candidate: Candidate| match candidate.user() {
///         Some("admin") if candidate.has_password("secret") => candidate.accept(User::new("admin")),
///         _ => candidate.refuse(),
///     })
///     .build()?;
/// # drop(pull);
/// # Ok(())
/// # }
/// ```
pub trait Authenticator: Send + Sync + 'static {
    /// Decides about one candidate, at once or later: by [`accept`](Candidate::accept),
    /// [`refuse`](Candidate::refuse) or one of its other methods, on this thread, on another or in a
    /// task of any executor. One that is dropped without an answer is not let in.
    ///
    /// It runs on one of up to eight threads that serve this authenticator alone, so that it may block.
    /// Others wait then, once all are blocked; a handshake that has waited for too long fails
    /// ([`handshake_timeout`](crate::Builder::handshake_timeout)), and its answer is of no consequence
    /// any more. Should it panic, that is logged, and the candidate is not let in. It must not wait for
    /// messages of the socket that it decides for.
    ///
    /// Not more than 4,096 candidates are with one authenticator at a time; more are refused for now.
    fn authenticate(&self, candidate: Candidate);

    /// Both must accept: `other` is asked about those whom this one accepts. What they say of the user
    /// is put together; where they differ, this one counts.
    fn and<A: Authenticator>(self, other: A) -> And
    where
        Self: Sized,
    {
        And::new(self, other)
    }

    /// One that accepts is enough: `other` is asked about those whom this one does not accept, for
    /// whatever reason.
    fn or<A: Authenticator>(self, other: A) -> Or
    where
        Self: Sized,
    {
        Or::new(self, other)
    }
}

impl<F: Fn(Candidate) + Send + Sync + 'static> Authenticator for F {
    fn authenticate(&self, candidate: Candidate) {
        self(candidate);
    }
}
