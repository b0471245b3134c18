//! A table of users and their passwords.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::{Authenticator, Candidate, User};
use crate::secret::Secret;
use crate::sync::Mutex;

/// Lets in who gives the password of a user in the table, with PLAIN; as that user. Nobody else.
///
/// A wrong user takes as long as a wrong password. Clones are the same table, so that one that is kept
/// changes who is let in from then on.
///
/// ```
/// use zocket::auth::Passwords;
/// use zocket::{Pull, Push, Security};
///
/// # fn main() -> Result<(), zocket::Error> {
/// let users = Passwords::new().with("admin", "secret");
/// let pull = Pull::builder()
///     .security(Security::plain_server())
///     .authenticator(users.clone())
///     .build()?;
/// let push = Push::builder()
///     .security(Security::plain_client("admin", "secret"))
///     .build()?;
/// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
/// push.send("hello")?;
/// let (peer, message) = pull.recv_from_peer()?;
/// assert_eq!((peer.user_id(), message), (Some("admin"), "hello".into()));
/// users.remove("admin"); // who is in stays in
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Passwords {
    table: Arc<Mutex<Table>>,
    /// What the password of one who is not there is compared with.
    nobody: Arc<Secret>,
}

type Table = HashMap<Box<[u8]>, Arc<Secret>>;

impl Passwords {
    /// A table without anybody.
    pub fn new() -> Self {
        Self {
            table: Arc::default(),
            nobody: Arc::new(Secret::new(&[])),
        }
    }

    /// Adds a user, or changes the password of one.
    #[must_use]
    pub fn with(self, user: impl AsRef<str>, password: impl AsRef<[u8]>) -> Self {
        self.insert(user, password);
        self
    }

    /// Adds a user, or changes the password of one: it counts for handshakes from then on.
    pub fn insert(&self, user: impl AsRef<str>, password: impl AsRef<[u8]>) {
        let password = Arc::new(Secret::new(password.as_ref()));
        let user = user.as_ref().as_bytes().into();
        self.table.lock().insert(user, password);
    }

    /// Takes a user out, if there is such a one: it counts for handshakes from then on, and who is in
    /// stays in.
    pub fn remove(&self, user: impl AsRef<str>) -> bool {
        self.table.lock().remove(user.as_ref().as_bytes()).is_some()
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Authenticator for Passwords {
    fn authenticate(&self, candidate: Candidate) {
        let known = candidate
            .user_bytes()
            .and_then(|user| self.table.lock().get(user).cloned());
        // A comparison in any case, so that it takes as long.
        let password = known.as_ref().unwrap_or(&self.nobody);
        let is_right = candidate.has_password(&***password);
        match candidate.user().filter(|_| is_right && known.is_some()) {
            Some(user) => {
                let user = User::new(user);
                candidate.accept(user);
            }
            None => candidate.refuse(),
        }
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passwords({} users)", self.table.lock().len())
    }
}
