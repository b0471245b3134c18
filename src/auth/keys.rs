//! A set of public keys, and a folder of certificates with them.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{Authenticator, Candidate, User};
use crate::curve::PublicKey;
use crate::sync::Mutex;

/// How often a folder is looked at, at most.
const PAUSE: Duration = Duration::from_millis(250);

/// Lets in who has the secret of a public key in the set, with CURVE. Nobody else.
///
/// The user is called as was said when its key was added, or as the key in text. Clones are the same
/// set, so that one that is kept changes who is let in from then on.
///
/// ```
/// use zocket::auth::AllowedKeys;
/// use zocket::curve::KeyPair;
/// use zocket::{Pull, Push, Security};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (server, client) = (KeyPair::generate()?, KeyPair::generate()?);
/// let server_key = *server.public_key();
/// let pull = Pull::builder()
///     .security(Security::curve_server(server))
///     .authenticator(AllowedKeys::new().with("alice", client.public_key()))
///     .build()?;
/// let push = Push::builder()
///     .security(Security::curve_client(client, server_key))
///     .build()?;
/// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
/// push.send("hello")?;
/// let (peer, message) = pull.recv_from_peer()?;
/// assert_eq!((peer.user_id(), message), (Some("alice"), "hello".into()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct AllowedKeys {
    keys: Arc<Mutex<HashMap<PublicKey, Arc<str>>>>,
    folder: Option<Arc<Folder>>,
}

impl AllowedKeys {
    /// A set without any key.
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys of all certificates in a folder, as [`PublicKey::write_file`] and czmq write them. A user
    /// is called as its file, without the ending.
    ///
    /// Looked at again when somebody wants to come in, but not more often than four times a second: a
    /// file that is added lets one more in, one that is changed or removed somebody less. Who is in
    /// stays in. A file that is no certificate is logged, and lets nobody in; while the folder cannot be
    /// read, nobody of it is let in. Files with secret keys (whose names end in
    /// `_secret`) and hidden ones are not looked at.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn from_folder(path: impl AsRef<Path>) -> io::Result<Self> {
        let folder = Folder {
            path: path.as_ref().to_owned(),
            seen: Mutex::new(Seen::default()),
        };
        let files = folder.list()?;
        folder.read(files);
        Ok(Self {
            folder: Some(Arc::new(folder)),
            ..Self::default()
        })
    }

    /// Adds the key of a user, or changes how the one of a key is called.
    #[must_use]
    pub fn with(self, user: impl AsRef<str>, key: impl Borrow<PublicKey>) -> Self {
        self.insert_as(user, key);
        self
    }

    /// Adds a key, whose user is called as the key in text: it counts for handshakes from then on.
    pub fn insert(&self, key: impl Borrow<PublicKey>) {
        let key = *key.borrow();
        self.insert_as(key.to_string(), key);
    }

    /// As [`insert`](Self::insert), with a name for the user.
    pub fn insert_as(&self, user: impl AsRef<str>, key: impl Borrow<PublicKey>) {
        self.keys.lock().insert(*key.borrow(), user.as_ref().into());
    }

    /// Takes a key out, if it is there: it counts for handshakes from then on, and who is in stays in.
    /// (One of a [folder](Self::from_folder) is in its file.)
    pub fn remove(&self, key: impl Borrow<PublicKey>) -> bool {
        self.keys.lock().remove(key.borrow()).is_some()
    }

    fn user_of(&self, key: &PublicKey) -> Option<Arc<str>> {
        let user = self.keys.lock().get(key).cloned();
        user.or_else(|| self.folder.as_ref()?.user_of(key))
    }
}

impl Authenticator for AllowedKeys {
    fn authenticate(&self, candidate: Candidate) {
        let user = candidate
            .public_key()
            .and_then(|key| self.user_of(&PublicKey::new(*key)));
        match user {
            Some(user) => candidate.accept(User::new(&*user)),
            None => candidate.refuse(),
        }
    }
}

impl fmt::Debug for AllowedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AllowedKeys({}", self.keys.lock().len())?;
        if let Some(folder) = &self.folder {
            write!(f, " and those in {}", folder.path.display())?;
        }
        f.write_str(")")
    }
}

/// A folder of certificates.
struct Folder {
    path: PathBuf,
    seen: Mutex<Seen>,
}

/// What was there when it was looked at.
#[derive(Default)]
struct Seen {
    at: Option<Instant>,
    files: Vec<File>,
    users: HashMap<PublicKey, Arc<str>>,
}

/// What changes when a file does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct File {
    path: PathBuf,
    changed: Option<SystemTime>,
    len: u64,
}

impl Folder {
    fn user_of(&self, key: &PublicKey) -> Option<Arc<str>> {
        let is_due = {
            let mut seen = self.seen.lock();
            let is_due = seen.at.is_none_or(|at| at.elapsed() >= PAUSE);
            if is_due {
                seen.at = Some(Instant::now());
            }
            is_due
        };
        if is_due {
            match self.list() {
                Ok(files) if self.seen.lock().files == files => {}
                Ok(files) => self.read(files),
                Err(error) => {
                    log::warn!("{}: cannot be read: {error}", self.path.display());
                    *self.seen.lock() = Seen::default();
                }
            }
        }
        self.seen.lock().users.get(key).cloned()
    }

    /// The certificates that are there now.
    fn list(&self) -> io::Result<Vec<File>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            // One that is gone just now is not there.
            let is_wanted = |name: &str| !name.starts_with('.') && !name.ends_with("_secret");
            if path
                .file_name()
                .is_none_or(|name| is_wanted(&name.to_string_lossy()))
                && let Ok(about) = fs::metadata(&path)
                && about.is_file()
            {
                files.push(File {
                    path,
                    changed: about.modified().ok(),
                    len: about.len(),
                });
            }
        }
        files.sort();
        Ok(files)
    }

    /// Reads them, with no lock held.
    fn read(&self, files: Vec<File>) {
        let mut users = HashMap::new();
        for File { path, .. } in &files {
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
                log::warn!("{}: a name that is not text", path.display());
                continue;
            };
            match PublicKey::read_file(path) {
                Ok(key) => {
                    users.insert(key, Arc::from(name));
                }
                Err(error) => log::warn!("no certificate: {error}"),
            }
        }
        *self.seen.lock() = Seen {
            at: Some(Instant::now()),
            files,
            users,
        };
    }
}
