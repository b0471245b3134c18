//! Lists of addresses that may, or may not, come.

use super::{Authenticator, Candidate, User};
use crate::error::BuildError;
use crate::network::Network;

/// Lets in who comes over tcp from an address that may, whoever it is.
///
/// To be joined with others: an address proves little. (And where that is all,
/// [`tcp_accept_filter`](crate::Builder::tcp_accept_filter) is cheaper, as no byte is read then.) Who
/// does not come over tcp is let in.
///
/// ```
/// use zocket::auth::{Addresses, Authenticator, Passwords};
/// use zocket::{Pull, Security};
///
/// # fn main() -> Result<(), zocket::Error> {
/// let here = Addresses::new().allow("10.0.0.0/8")?.deny("10.66.0.0/16")?;
/// let pull = Pull::builder()
///     .security(Security::plain_server())
///     .authenticator(here.and(Passwords::new().with("admin", "secret")))
///     .build()?;
/// # drop(pull);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    allowed: Vec<Network>,
    denied: Vec<Network>,
}

impl Addresses {
    /// Every address may come.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who is in this network may come, and nobody who is in none that is allowed: `10.0.0.0/8`,
    /// `fd00::/8`, or one address.
    ///
    /// # Errors
    ///
    /// [`BuildError::Invalid`]: it is no network.
    pub fn allow(mut self, network: impl AsRef<str>) -> Result<Self, BuildError> {
        self.allowed.push(parse(network.as_ref())?);
        Ok(self)
    }

    /// Who is in this network may not come, allowed or not.
    ///
    /// # Errors
    ///
    /// As [`allow`](Self::allow).
    pub fn deny(mut self, network: impl AsRef<str>) -> Result<Self, BuildError> {
        self.denied.push(parse(network.as_ref())?);
        Ok(self)
    }
}

fn parse(text: &str) -> Result<Network, BuildError> {
    text.parse()
        .map_err(|error| BuildError::Invalid(vec![format!("{text:?}: {error}")]))
}

impl Authenticator for Addresses {
    fn authenticate(&self, candidate: Candidate) {
        let may_come = candidate.socket_addr().is_none_or(|address| {
            let is_in = |network: &Network| network.contains(address.ip());
            let allowed = self.allowed.is_empty() || self.allowed.iter().any(is_in);
            allowed && !self.denied.iter().any(is_in)
        });
        if may_come {
            candidate.accept(User::anonymous());
        } else {
            candidate.refuse();
        }
    }
}
