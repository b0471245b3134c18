//! How a socket proves itself to its peers, and they to it.

#[cfg(feature = "curve")]
use std::borrow::Borrow;
use std::fmt;
#[cfg(feature = "curve")]
use std::sync::Arc;

use crate::auth::Mechanism;
#[cfg(feature = "curve")]
use crate::curve::{KeyPair, PublicKey};
use crate::secret::Secret;
use crate::zmtp;

/// How a socket and its peers prove to each other who they are, and whether others can read what they
/// say: a mechanism, this side's role in it, and its secrets. Set by
/// [`Builder::security`](crate::Builder::security).
///
/// Both sides must have the same mechanism and opposite roles. Which role a socket has does not depend
/// on who binds and who connects. A peer with another mechanism, or another version of the protocol that
/// has none, gets no further than its greeting. tcp and ipc only: over inproc the peer is this process.
///
/// | | proves | protects |
/// |---|---|---|
/// | [`null`](Self::null) | nothing | nothing |
/// | [`plain_client`](Self::plain_client), [`plain_server`](Self::plain_server) | the client, by a password that everybody on the way can read | nothing |
/// | `curve_client`, `curve_server` (feature `curve`) | both sides, by their keys | everything that is said: nobody on the way can read, change or repeat it |
///
/// The repository's `docs/security.md` says which is for what.
#[derive(Clone)]
pub struct Security(zmtp::Security);

impl Security {
    /// No security at all, which is the default: everybody is let in, unless an
    /// [`authenticator`](crate::Builder::authenticator) says otherwise, and knows no more than an
    /// address.
    pub fn null() -> Self {
        Self(zmtp::Security::Null { asks: false })
    }

    /// Presents this user and this password, of up to 255 bytes each, to servers.
    ///
    /// Neither is protected on the way, and the server proves nothing: whoever answers at the address
    /// gets the password. It is for ipc, and for networks that protect by themselves. Over tcp to another
    /// machine a warning is logged. libzmq's `ZMQ_PLAIN_USERNAME` and `ZMQ_PLAIN_PASSWORD`.
    pub fn plain_client(user: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Self {
        Self(zmtp::Security::PlainClient {
            user: user.as_ref().into(),
            password: Secret::new(password.as_ref()),
        })
    }

    /// Lets clients in whose user and password are right, which an
    /// [`authenticator`](crate::Builder::authenticator) or a ZAP handler decides: without one nobody
    /// gets in. libzmq's `ZMQ_PLAIN_SERVER`.
    pub fn plain_server() -> Self {
        Self(zmtp::Security::PlainServer)
    }

    /// Talks to the server with this public key, and to no other; these are the keys by which the server
    /// knows us. libzmq's `ZMQ_CURVE_PUBLICKEY`, `ZMQ_CURVE_SECRETKEY` and `ZMQ_CURVE_SERVERKEY`.
    ///
    /// The server's key is to be known beforehand, from where nobody can have changed it on the way. A
    /// server that has another answers nothing, and the connection ends.
    #[cfg(feature = "curve")]
    pub fn curve_client(keys: impl Into<Arc<KeyPair>>, server_key: impl Borrow<PublicKey>) -> Self {
        Self(zmtp::Security::CurveClient {
            keys: keys.into(),
            server: *server_key.borrow(),
        })
    }

    /// Talks to clients that know the public one of these keys. libzmq's `ZMQ_CURVE_SERVER` and
    /// `ZMQ_CURVE_SECRETKEY`.
    ///
    /// Which clients, an [`authenticator`](crate::Builder::authenticator) decides, as
    /// [`AllowedKeys`](crate::auth::AllowedKeys), or a ZAP handler. Without one it is all that know the
    /// key: what is said is protected then, and the server proven, but anybody may be the client.
    #[cfg(feature = "curve")]
    pub fn curve_server(keys: impl Into<Arc<KeyPair>>) -> Self {
        Self(zmtp::Security::CurveServer {
            keys: keys.into(),
            // It may be that nobody is there to be asked, which is decided for each connection.
            asks: true,
        })
    }

    /// Which mechanism it is. libzmq's `ZMQ_MECHANISM`.
    pub fn mechanism(&self) -> Mechanism {
        match self.0 {
            zmtp::Security::Null { .. } => Mechanism::Null,
            zmtp::Security::PlainClient { .. } | zmtp::Security::PlainServer => Mechanism::Plain,
            #[cfg(feature = "curve")]
            zmtp::Security::CurveClient { .. } | zmtp::Security::CurveServer { .. } => {
                Mechanism::Curve
            }
        }
    }

    /// Whether this side is the server of its mechanism, which decides about clients.
    pub fn is_server(&self) -> bool {
        match self.0 {
            zmtp::Security::PlainServer => true,
            #[cfg(feature = "curve")]
            zmtp::Security::CurveServer { .. } => true,
            _ => false,
        }
    }

    /// The same for a connection, with NULL one that `asks` or does not.
    pub(crate) fn for_connection(&self, asks: bool) -> zmtp::Security {
        match &self.0 {
            zmtp::Security::Null { .. } => zmtp::Security::Null { asks },
            other => other.clone(),
        }
    }

    /// The reason why it cannot be used, if there is one.
    pub(crate) fn checked(self) -> Result<Self, String> {
        if let zmtp::Security::PlainClient { user, password } = &self.0
            && user.len().max(password.len()) > 255
        {
            return Err("a user and a password have at most 255 bytes each".to_owned());
        }
        Ok(self)
    }
}

impl Default for Security {
    fn default() -> Self {
        Self::null()
    }
}

impl fmt::Debug for Security {
    /// Without any secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.0 {
            zmtp::Security::Null { .. } => "",
            zmtp::Security::PlainClient { .. } => " client",
            zmtp::Security::PlainServer => " server",
            #[cfg(feature = "curve")]
            zmtp::Security::CurveClient { .. } => " client",
            #[cfg(feature = "curve")]
            zmtp::Security::CurveServer { .. } => " server",
        };
        write!(f, "{}{role}", self.mechanism())
    }
}
