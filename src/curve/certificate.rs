//! Keys in files, as czmq's `zcert` writes them: in [ZPL](https://rfc.zeromq.org/spec/4/).
//!
//! ```text
//! #   a comment
//! metadata
//!     name = "whatever"
//! curve
//!     public-key = "40 characters of Z85"
//!     secret-key = "40 characters of Z85"        in the secret file only
//! ```
//!
//! Of two files with the same name, one with `_secret` at its end holds the secret key too.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

use super::keys::{KeyError, KeyPair, PublicKey, SecretKey};

/// Why a file of keys cannot be written or read. It shows nothing of what is in the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The system says why; that the file is there already is one reason
    /// ([`AlreadyExists`](io::ErrorKind::AlreadyExists)).
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A file of more than 64 KiB, or that is no text.
    #[error("{}: no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// The certificate has none of the keys that were to be read.
    #[error("{path}: no {name} in section curve", path = path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// `public-key` or `secret-key`.
        name: &'static str,
    },
    /// What stands there is no key.
    #[error("{path}: {name}: {error}", path = path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// `public-key` or `secret-key`.
        name: &'static str,
        /// Why not.
        #[source]
        error: KeyError,
    },
    /// The two keys of the certificate do not belong together.
    #[error("{}: the public key is not that of the secret key", .0.display())]
    Mismatch(PathBuf),
}

impl KeyPair {
    /// Writes two certificates: at `path` one with the public key, to be given to others, and at `path`
    /// with `_secret` at its end one with both keys, which nobody but the owner of this process may read
    /// (mode 0600, where there are modes).
    ///
    /// Neither is written over what is there: if the second cannot be written, the first stays.
    ///
    /// # Errors
    ///
    /// If one of the files is there already or cannot be written.
    ///
    /// ```
    /// use zocket::curve::{KeyPair, PublicKey};
    ///
    /// # let folder = std::env::temp_dir().join(format!("zocket-doc-keys-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// let pair = KeyPair::generate()?;
    /// pair.write_files(folder.join("server.cert"))?;
    /// // On the server:
    /// assert_eq!(KeyPair::read_file(folder.join("server.cert_secret"))?, pair);
    /// // At a client:
    /// assert_eq!(&PublicKey::read_file(folder.join("server.cert"))?, pair.public_key());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_files(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        let path = path.as_ref();
        let mut secret_path = OsString::from(path);
        secret_path.push("_secret");
        // The secret one first: of a pair of which only the public half is there, nothing can be made.
        self.write_secret_file(PathBuf::from(secret_path))?;
        self.public_key().write_file(path)
    }

    /// Writes a certificate with both keys, which nobody but the owner of this process may read (mode
    /// 0600, where there are modes).
    ///
    /// # Errors
    ///
    /// If the file is there already or cannot be written.
    pub fn write_secret_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        let secret = self.secret_key().to_z85();
        let text = Zeroizing::new(format!(
            "#   ZeroMQ CURVE **Secret** Certificate\n\
             #   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.\n\
             \n\
             metadata\n\
             curve\n    \
                 public-key = \"{}\"\n    \
                 secret-key = \"{}\"\n",
            self.public_key(),
            secret.as_ref(),
        ));
        create(path.as_ref(), &text, true)
    }

    /// Reads a certificate with both keys, or with only the secret one.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, holds no secret key, or a public one that does not belong to it.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let text = read(path)?;
        let secret: SecretKey =
            key_of(&text, SECRET, path)?.ok_or_else(|| missing(SECRET, path))?;
        let pair = Self::from_secret(secret);
        match key_of::<PublicKey>(&text, PUBLIC, path)? {
            Some(public) if public != *pair.public_key() => {
                Err(KeyFileError::Mismatch(path.to_owned()))
            }
            _ => Ok(pair),
        }
    }
}

impl PublicKey {
    /// Writes a certificate with this key.
    ///
    /// # Errors
    ///
    /// If the file is there already or cannot be written.
    pub fn write_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        let text = format!(
            "#   ZeroMQ CURVE Public Certificate\n\
             #   Exchange securely, or use a secure mechanism to verify the contents\n\
             #   of this file after exchange.\n\
             \n\
             metadata\n\
             curve\n    \
                 public-key = \"{self}\"\n"
        );
        create(path.as_ref(), &text, false)
    }

    /// Reads the public key of a certificate.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or holds none.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        key_of(&read(path)?, PUBLIC, path)?.ok_or_else(|| missing(PUBLIC, path))
    }
}

const PUBLIC: &str = "public-key";
const SECRET: &str = "secret-key";

/// As much as a certificate with many metadata needs many times over.
const FILE_MAX: u64 = 64 << 10;

fn missing(name: &'static str, path: &Path) -> KeyFileError {
    let path = path.to_owned();
    KeyFileError::Missing { path, name }
}

fn create(path: &Path, text: &str, is_secret: bool) -> Result<(), KeyFileError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_secret {
        // From the beginning: to take permissions away later would be too late.
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = is_secret;
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    });
    written.map_err(|error| KeyFileError::Io {
        path: path.to_owned(),
        error,
    })
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    // All the room at once: growing would leave copies of a secret.
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_MAX as usize + 1));
    let result = File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes));
    result.map_err(|error| KeyFileError::Io {
        path: path.to_owned(),
        error,
    })?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if bytes.len() as u64 <= FILE_MAX => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(KeyFileError::NoCertificate(path.to_owned())),
    }
}

/// The key of this name in section `curve`.
fn key_of<K: std::str::FromStr<Err = KeyError>>(
    text: &str,
    name: &'static str,
    path: &Path,
) -> Result<Option<K>, KeyFileError> {
    let mut in_curve = false;
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        // A line that is not indented begins a section.
        if !line.starts_with([' ', '\t']) {
            in_curve = content == "curve";
            continue;
        }
        let Some((key, value)) = content.split_once('=').filter(|_| in_curve) else {
            continue;
        };
        if key.trim() != name {
            continue;
        }
        return match unquote(value.trim()).parse() {
            Ok(key) => Ok(Some(key)),
            Err(error) => Err(KeyFileError::Key {
                path: path.to_owned(),
                name,
                error,
            }),
        };
    }
    Ok(None)
}

/// A value may stand between quotes; a `#` between them begins no comment.
fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            return rest.split(quote).next().unwrap_or(rest);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is gone with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("zocket-keys-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_was_written_reads_back_and_is_not_written_over() {
        let folder = Folder::new("roundtrip");
        let pair = KeyPair::generate().unwrap();
        pair.write_files(folder.file("a")).unwrap();
        assert_eq!(KeyPair::read_file(folder.file("a_secret")).unwrap(), pair);
        for name in ["a", "a_secret"] {
            let public = PublicKey::read_file(folder.file(name)).unwrap();
            assert_eq!(&public, pair.public_key());
        }
        let another = KeyPair::generate().unwrap();
        let there = |result| matches!(result, Err(KeyFileError::Io { error, .. }) if error.kind() == io::ErrorKind::AlreadyExists);
        assert!(there(another.write_files(folder.file("a"))));
        assert!(there(another.public_key().write_file(folder.file("a"))));
        assert_eq!(KeyPair::read_file(folder.file("a_secret")).unwrap(), pair);
    }

    #[cfg(unix)]
    #[test]
    fn s15_a_secret_file_is_its_owners() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("modes");
        KeyPair::generate()
            .unwrap()
            .write_files(folder.file("a"))
            .unwrap();
        let mode = |name| {
            std::fs::metadata(folder.file(name))
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(mode("a_secret") & 0o777, 0o600);
        let public = std::fs::read_to_string(folder.file("a")).unwrap();
        assert!(!public.contains(SECRET));
    }

    #[test]
    fn a_certificate_of_czmq_is_read() {
        let folder = Folder::new("czmq");
        let pair = KeyPair::generate().unwrap();
        let text = format!(
            "#   ****  Generated on 2024-01-01 by CZMQ  ****\n\
             metadata\n    \
                 public-key = \"not this one\"\n    \
                 name = \"Test = # one\"\n\
             curve\n    \
                 public-key = \"{}\"\n    \
                 secret-key = '{}'\n",
            pair.public_key(),
            pair.secret_key().to_z85().as_ref()
        );
        std::fs::write(folder.file("c"), text).unwrap();
        assert_eq!(KeyPair::read_file(folder.file("c")).unwrap(), pair);
        assert_eq!(
            &PublicKey::read_file(folder.file("c")).unwrap(),
            pair.public_key()
        );
    }

    #[test]
    fn what_is_no_certificate_says_why_and_shows_nothing() {
        let folder = Folder::new("errors");
        let (a, b) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (secret, stranger) = (a.secret_key().to_z85(), b.public_key());
        let secret = secret.as_ref();
        for (text, why) in [
            (String::new(), "no secret-key in section curve"),
            (
                format!("curve\n  secret-key = \"{}\"", &secret[1..]),
                "this has 39",
            ),
            (
                format!("secret-key = \"{secret}\"\n"),
                "no secret-key in section curve",
            ),
            (
                format!("curve\n  public-key = \"{stranger}\"\n  secret-key = \"{secret}\"\n"),
                "is not that of the secret key",
            ),
            ("#".repeat(70_000), "no certificate"),
        ] {
            std::fs::write(folder.file("x"), text).unwrap();
            let error = KeyPair::read_file(folder.file("x")).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains(why) || format!("{error}").contains(why),
                "{shown}"
            );
            assert!(!shown.contains(&secret[1..]), "{shown}");
        }
        std::fs::write(folder.file("x"), [0xff, 0xfe]).unwrap();
        let error = KeyPair::read_file(folder.file("x"));
        assert!(matches!(error, Err(KeyFileError::NoCertificate(_))));
        let error = PublicKey::read_file(folder.file("nowhere"));
        assert!(matches!(error, Err(KeyFileError::Io { .. })));
    }
}
