//! Who a socket says it is, and what it asks of its peers: libzmq's options for that, which are set one by
//! one, and what zocket has one value for.

use std::ffi::c_int;
use std::fmt;

use zeroize::Zeroizing;
use zocket::Security;
use zocket::curve::{KeyPair, PublicKey, SecretKey, z85_encode};

use crate::errno::{EINVAL, Errno};
use crate::options::{
    CURVE_PUBLICKEY, CURVE_SECRETKEY, CURVE_SERVER, CURVE_SERVERKEY, Given, MECHANISM,
    PLAIN_PASSWORD, PLAIN_SERVER, PLAIN_USERNAME,
};

/// Which mechanism it is, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    Null = 0,
    Plain = 1,
    Curve = 2,
}

/// What was set so far. The last says which mechanism it is, and which role; nothing of another is
/// forgotten.
pub(crate) struct Credentials {
    mechanism: Mechanism,
    as_server: bool,
    user: Vec<u8>,
    password: Zeroizing<Vec<u8>>,
    public_key: PublicKey,
    secret_key: SecretKey,
    server_key: PublicKey,
}

impl Default for Credentials {
    fn default() -> Self {
        let none = [0; KEY_LEN];
        Self {
            mechanism: Mechanism::Null,
            as_server: false,
            user: Vec::new(),
            password: Zeroizing::default(),
            public_key: PublicKey::new(none),
            secret_key: SecretKey::new(none),
            server_key: PublicKey::new(none),
        }
    }
}

impl fmt::Debug for Credentials {
    /// Without any secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.security().fmt(f)
    }
}

/// The bytes of a key, and the characters of its text.
const KEY_LEN: usize = 32;
const KEY_TEXT: usize = 40;

/// The longest user name, and password.
const NAME_MAX: usize = 255;

/// Whether an option is one of these.
pub(crate) fn is_about(option: c_int) -> bool {
    matches!(
        option,
        MECHANISM
            | PLAIN_SERVER
            | PLAIN_USERNAME
            | PLAIN_PASSWORD
            | CURVE_SERVER
            | CURVE_PUBLICKEY
            | CURVE_SECRETKEY
            | CURVE_SERVERKEY
    )
}

impl Credentials {
    /// Sets one; what comes of all of them together.
    pub(crate) fn set(&mut self, option: c_int, value: Given<'_>) -> Result<Security, Errno> {
        match option {
            PLAIN_SERVER => self.serve(Mechanism::Plain, value.bool()?),
            CURVE_SERVER => self.serve(Mechanism::Curve, value.bool()?),
            PLAIN_USERNAME | PLAIN_PASSWORD if value.is_none => self.mechanism = Mechanism::Null,
            PLAIN_USERNAME | PLAIN_PASSWORD => {
                if !(1..=NAME_MAX).contains(&value.bytes.len()) {
                    return Err(EINVAL);
                }
                match option {
                    PLAIN_USERNAME => self.user = value.bytes.to_vec(),
                    _ => self.password = Zeroizing::new(value.bytes.to_vec()),
                }
                self.mechanism = Mechanism::Plain;
                self.as_server = false;
            }
            CURVE_PUBLICKEY => self.public_key = public_key(value)?,
            CURVE_SECRETKEY => {
                self.secret_key = match value.bytes.try_into() {
                    Ok(key) => SecretKey::new(key),
                    Err(_) => key_text(value)?.parse().map_err(|_| EINVAL)?,
                };
            }
            CURVE_SERVERKEY => {
                self.server_key = public_key(value)?;
                self.as_server = false;
            }
            _ => return Err(EINVAL),
        }
        if let CURVE_PUBLICKEY | CURVE_SECRETKEY | CURVE_SERVERKEY = option {
            self.mechanism = Mechanism::Curve;
        }
        Ok(self.security())
    }

    fn serve(&mut self, mechanism: Mechanism, on: bool) {
        self.as_server = on;
        self.mechanism = if on { mechanism } else { Mechanism::Null };
    }

    fn security(&self) -> Security {
        match (self.mechanism, self.as_server) {
            (Mechanism::Null, _) => Security::null(),
            (Mechanism::Plain, true) => Security::plain_server(),
            (Mechanism::Plain, false) => Security::plain_client(&self.user, &*self.password),
            // A server needs no public key to be set.
            (Mechanism::Curve, true) => {
                Security::curve_server(KeyPair::from_secret(self.secret_key.clone()))
            }
            (Mechanism::Curve, false) => Security::curve_client(
                KeyPair::from_parts(self.public_key, self.secret_key.clone()),
                self.server_key,
            ),
        }
    }

    /// One as a program reads it that has so much room for it.
    pub(crate) fn get(&self, option: c_int, room: usize) -> Result<Zeroizing<Vec<u8>>, Errno> {
        let serves = |mechanism| c_int::from(self.as_server && self.mechanism == mechanism);
        let number = |number: c_int| Ok(number.to_ne_bytes().to_vec());
        let found = match option {
            MECHANISM => number(self.mechanism as c_int),
            PLAIN_SERVER => number(serves(Mechanism::Plain)),
            CURVE_SERVER => number(serves(Mechanism::Curve)),
            PLAIN_USERNAME => Ok([&*self.user, b"\0"].concat()),
            PLAIN_PASSWORD => Ok([&**self.password, b"\0"].concat()),
            CURVE_PUBLICKEY => written(self.public_key.as_bytes(), room),
            CURVE_SECRETKEY => written(self.secret_key.as_bytes(), room),
            CURVE_SERVERKEY => written(self.server_key.as_bytes(), room),
            _ => Err(EINVAL),
        };
        found.map(Zeroizing::new)
    }
}

fn public_key(value: Given<'_>) -> Result<PublicKey, Errno> {
    match value.bytes.try_into() {
        Ok(key) => Ok(key),
        Err(_) => key_text(value)?.parse().map_err(|_| EINVAL),
    }
}

/// The text of a key, with or without a zero behind it.
fn key_text<'a>(value: Given<'a>) -> Result<&'a str, Errno> {
    let text = match value.bytes {
        [text @ .., 0] => text,
        text => text,
    };
    str::from_utf8(text).map_err(|_| EINVAL)
}

/// A key in as many bytes as a program has room for: those say in which form it wants it.
fn written(key: &[u8; KEY_LEN], room: usize) -> Result<Vec<u8>, Errno> {
    const TEXT_AND_ZERO: usize = KEY_TEXT + 1;
    match room {
        KEY_LEN => Ok(key.to_vec()),
        TEXT_AND_ZERO => {
            let text = Zeroizing::new(z85_encode(key).map_err(|_| EINVAL)?);
            Ok([text.as_bytes(), b"\0"].concat())
        }
        _ => Err(EINVAL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(bytes: &[u8]) -> Given<'_> {
        Given {
            bytes,
            is_none: false,
        }
    }

    const NOTHING: Given<'_> = Given {
        bytes: &[],
        is_none: true,
    };

    fn one() -> [u8; 4] {
        1_i32.to_ne_bytes()
    }

    fn said(credentials: &mut Credentials, option: c_int, value: Given<'_>) -> Option<String> {
        let set = credentials.set(option, value);
        set.ok().map(|security| format!("{security:?}"))
    }

    /// A program that wants security must not lose it by a value that was refused.
    #[test]
    fn the_last_that_was_set_decides_and_what_is_refused_changes_nothing() {
        let mut all = Credentials::default();
        let mut set = |option, bytes: &[u8]| said(&mut all, option, given(bytes));
        let is = |mechanism: &str| Some(mechanism.to_owned());
        assert_eq!(set(PLAIN_SERVER, &one()), is("PLAIN server"));
        assert_eq!(set(PLAIN_USERNAME, b"joe"), is("PLAIN client"));
        assert_eq!(set(PLAIN_USERNAME, &[b'x'; 256]), None);
        assert_eq!(set(PLAIN_PASSWORD, b""), None);
        assert_eq!(set(PLAIN_PASSWORD, b"\xff\0"), is("PLAIN client"));
        assert_eq!(set(CURVE_SECRETKEY, &[7; 32]), is("CURVE client"));
        assert_eq!(set(CURVE_SERVER, &[2, 0, 0, 0]), None);
        assert_eq!(set(CURVE_SERVER, &one()), is("CURVE server"));
        assert_eq!(set(CURVE_PUBLICKEY, &[b'0'; 40]), is("CURVE server"));
        assert_eq!(set(CURVE_PUBLICKEY, &[b'~'; 40]), None);
        for size in [0, 31, 33, 39, 42] {
            assert_eq!(set(CURVE_SERVERKEY, &vec![b'0'; size]), None);
        }
        assert_eq!(set(CURVE_SERVERKEY, &[b'0'; 40]), is("CURVE client"));
        assert_eq!(set(MECHANISM, &one()), None);
        assert_eq!(said(&mut all, PLAIN_PASSWORD, NOTHING), is("NULL"));
    }

    #[test]
    fn a_key_is_read_as_there_is_room() {
        let mut all = Credentials::default();
        let text = b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
        all.set(CURVE_SERVERKEY, given(text)).unwrap();
        let read = |room| all.get(CURVE_SERVERKEY, room).map(|key| key.to_vec());
        assert_eq!(read(41).unwrap(), [&text[..], b"\0"].concat());
        let bytes = read(32).unwrap();
        assert_eq!(bytes[..4], [0x54, 0xfc, 0xba, 0x24]);
        for room in [0, 31, 33, 40, 42, 255] {
            assert_eq!(read(room), Err(EINVAL));
        }
        let mut other = Credentials::default();
        let with_zero = [&text[..], b"\0"].concat();
        other.set(CURVE_SECRETKEY, given(&with_zero)).unwrap();
        assert_eq!(*other.get(CURVE_SECRETKEY, 32).unwrap(), bytes);
        assert_eq!(*other.get(CURVE_SERVER, 4).unwrap(), [0; 4]);
        assert_eq!(*other.get(MECHANISM, 4).unwrap(), [2, 0, 0, 0]);
    }
}
