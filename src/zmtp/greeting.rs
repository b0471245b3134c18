//! The 64 octets with which each side begins.
//!
//! ```text
//!  0      1         9     10    11    12           32         33       64
//! | FF | padding | 7F | major | minor | mechanism | as-server | filler |
//! ```
//!
//! We send all of it at once: a peer of version 3 may wait for our tenth octet before it sends its
//! eleventh, but never the other way round.

use super::error::{Error, printable};

/// The octets of a greeting.
pub(crate) const GREETING_LEN: usize = 64;

/// The version that both sides speak: the lower one of ours, 3.1, and the peer's.
///
/// The only difference is the form of a subscription: a command from 3.1 on, a message before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    V3_0,
    V3_1,
}

/// Our greeting for a socket with a routing id of `id_len` bytes.
pub(crate) fn encode(mechanism: &str, id_len: usize) -> [u8; GREETING_LEN] {
    let mut greeting = [0; GREETING_LEN];
    // ZMTP 1.0 peers read the padding as the length of an identity frame, flags octet included;
    // libzmq fills it in for them, and so do we.
    let padding = (id_len as u64 + 1).to_be_bytes();
    let octets = [0xff]
        .into_iter()
        .chain(padding)
        .chain([0x7f, 3, 1])
        .chain(mechanism.bytes().take(MECHANISM_LEN));
    // As-server and filler stay zero: libzmq sets neither for any role.
    for (place, octet) in greeting.iter_mut().zip(octets) {
        *place = octet;
    }
    greeting
}

/// The peer's version, once `bytes` holds its whole greeting; `None` before.
///
/// Signature padding, as-server and filler are not looked at: peers put all kinds of things there.
///
/// # Errors
///
/// A stream that is not ZMTP 3, or another mechanism: as soon as the telling octets are there.
pub(crate) fn parse(bytes: &[u8], mechanism: &'static str) -> Result<Option<Version>, Error> {
    check(bytes, 0, |octet| octet == 0xff)?;
    check(bytes, 9, |octet| octet & 1 == 1)?;
    check(bytes, 10, |octet| octet >= 3)?;
    if let Some(field) = bytes.get(MECHANISM_AT..MECHANISM_AT + MECHANISM_LEN) {
        let (name, padding) = field.split_at(mechanism.len().min(MECHANISM_LEN));
        if name != mechanism.as_bytes() || padding.iter().any(|&octet| octet != 0) {
            let end = field
                .iter()
                .rposition(|&octet| octet != 0)
                .map_or(0, |last| last + 1);
            let theirs = printable(field.get(..end).unwrap_or(field));
            return Err(Error::MechanismMismatch {
                ours: mechanism,
                theirs,
            });
        }
    }
    Ok(match *bytes {
        _ if bytes.len() < GREETING_LEN => None,
        // A later version comes down to ours, as we do to 3.0.
        [_, _, _, _, _, _, _, _, _, _, 3, 0, ..] => Some(Version::V3_0),
        _ => Some(Version::V3_1),
    })
}

fn check(bytes: &[u8], octet: usize, sound: impl Fn(u8) -> bool) -> Result<(), Error> {
    match bytes.get(octet) {
        Some(&found) if !sound(found) => Err(Error::UnsupportedVersion { octet, found }),
        _ => Ok(()),
    }
}

const MECHANISM_AT: usize = 12;
const MECHANISM_LEN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn with(octet: usize, value: u8) -> [u8; GREETING_LEN] {
        let mut greeting = encode("NULL", 0);
        greeting[octet] = value;
        greeting
    }

    #[test]
    fn g1_every_prefix_waits_for_more() {
        let greeting = encode("NULL", 0);
        for len in 0..GREETING_LEN {
            assert_eq!(parse(&greeting[..len], "NULL"), Ok(None));
        }
        assert_eq!(parse(&greeting, "NULL"), Ok(Some(Version::V3_1)));
    }

    #[test]
    fn g3_strangers_are_refused_at_the_first_telling_octet() {
        for stranger in [
            b"GET / HTTP/1.1".as_slice(),
            b"\x16\x03\x01",
            b"SSH-2.0",
            &[0; 64],
        ] {
            let found = stranger[0];
            let error = Error::UnsupportedVersion { octet: 0, found };
            assert_eq!(parse(&stranger[..1], "NULL"), Err(error));
        }
        let all_ff = parse(&[0xff; 64], "NULL");
        assert!(matches!(all_ff, Err(Error::MechanismMismatch { .. })));
    }

    #[test]
    fn g4_versions_before_3_are_refused() {
        let unversioned = with(9, 0x7e);
        let error = Error::UnsupportedVersion {
            octet: 9,
            found: 0x7e,
        };
        assert_eq!(parse(&unversioned[..10], "NULL"), Err(error));
        for major in 0..3 {
            let error = Error::UnsupportedVersion {
                octet: 10,
                found: major,
            };
            assert_eq!(parse(&with(10, major)[..11], "NULL"), Err(error));
        }
    }

    #[test]
    fn g5_later_versions_come_down_to_ours() {
        for (major, minor, version) in [
            (3, 0, Version::V3_0),
            (3, 1, Version::V3_1),
            (3, 255, Version::V3_1),
            (4, 0, Version::V3_1),
            (255, 255, Version::V3_1),
        ] {
            let mut greeting = with(10, major);
            greeting[11] = minor;
            assert_eq!(parse(&greeting, "NULL"), Ok(Some(version)));
        }
    }

    #[test]
    fn g6_the_mechanism_must_be_ours_to_the_last_octet() {
        for name in [
            "XXXX",
            "null",
            "NULLX",
            "NUL",
            "",
            "AAAAAAAAAAAAAAAAAAAA",
            "NULL\0\0X",
        ] {
            let greeting = encode(name, 0);
            let theirs = printable(name.as_bytes());
            let error = Error::MechanismMismatch {
                ours: "NULL",
                theirs,
            };
            assert_eq!(parse(&greeting[..32], "NULL"), Err(error), "{name}");
        }
    }

    #[test]
    fn g7_padding_as_server_and_filler_are_ignored() {
        for octet in (1..9).chain(32..64) {
            assert_eq!(parse(&with(octet, 0xaa), "NULL"), Ok(Some(Version::V3_1)));
        }
    }
}
