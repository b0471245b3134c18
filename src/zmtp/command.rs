//! Commands: what the two ends say to each other rather than to the applications.

use super::error::{Error, printable};
use super::header;

/// A command, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// The handshake is complete as far as the peer is concerned; its metadata.
    Ready(&'a [u8]),
    /// The peer gives up; its reason.
    Error(&'a [u8]),
    /// "Answer, and consider me dead after this many tenths of a second of silence", if not zero.
    Ping { ttl: u16, context: &'a [u8] },
    /// The answer to a PING, with its context.
    Pong,
    /// Send me messages that begin so.
    Subscribe(&'a [u8]),
    /// Send me no more messages that begin so.
    Cancel(&'a [u8]),
    /// Well-formed, but nothing we know.
    Unknown,
}

impl<'a> Command<'a> {
    /// Takes the body of a command frame apart.
    ///
    /// # Errors
    ///
    /// No name, a name beyond the frame, or data that the command does not allow.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let (name, data) = split(body)?;
        match name {
            b"READY" => Ok(Self::Ready(data)),
            b"ERROR" => match data.split_first() {
                Some((&size, reason)) if usize::from(size) == reason.len() => {
                    Ok(Self::Error(reason))
                }
                _ => Err(Error::MalformedCommand {
                    command: "ERROR",
                    field: "reason",
                }),
            },
            b"PING" => {
                let (ttl, context) = data.split_first_chunk().ok_or(Error::MalformedCommand {
                    command: "PING",
                    field: "TTL",
                })?;
                // ping-context = 0*16OCTET
                if context.len() > CONTEXT_MAX {
                    return Err(Error::MalformedCommand {
                        command: "PING",
                        field: "context",
                    });
                }
                Ok(Self::Ping {
                    ttl: u16::from_be_bytes(*ttl),
                    context,
                })
            }
            b"PONG" => Ok(Self::Pong),
            b"SUBSCRIBE" => Ok(Self::Subscribe(data)),
            b"CANCEL" => Ok(Self::Cancel(data)),
            _ => Ok(Self::Unknown),
        }
    }
}

/// The name in the body of a command frame, for a log line.
pub(crate) fn name(body: &[u8]) -> String {
    split(body).map_or_else(|_| String::new(), |(name, _)| printable(name))
}

pub(super) fn split(body: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let (&size, rest) = body.split_first().ok_or(Error::NamelessCommand)?;
    if size == 0 {
        return Err(Error::NamelessCommand);
    }
    rest.split_at_checked(usize::from(size))
        .ok_or(Error::CommandNameOverrun)
}

/// Appends a command frame; its data may come in several parts.
pub(crate) fn put(name: &str, data: &[&[u8]], out: &mut Vec<u8>) {
    debug_assert!(name.len() <= header::SHORT_MAX);
    let data_len: usize = data.iter().map(|part| part.len()).sum();
    header::put(header::COMMAND, 1 + name.len() + data_len, out);
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
    for part in data {
        out.extend_from_slice(part);
    }
}

const CONTEXT_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g20_a_command_has_a_name_within_its_frame() {
        assert_eq!(Command::parse(b""), Err(Error::NamelessCommand));
        assert_eq!(Command::parse(b"\0abc"), Err(Error::NamelessCommand));
        assert_eq!(Command::parse(b"\x04abc"), Err(Error::CommandNameOverrun));
        assert_eq!(Command::parse(b"\xffREADY"), Err(Error::CommandNameOverrun));
        assert_eq!(Command::parse(b"\x03abcdef"), Ok(Command::Unknown));
        assert_eq!(Command::parse(b"\x04ping\0\0"), Ok(Command::Unknown));
    }

    #[test]
    fn g21_a_ping_has_a_ttl_and_at_most_16_octets_of_context() {
        let ping = |data: &[u8]| {
            let body = [b"\x04PING".as_slice(), data].concat();
            match Command::parse(&body)? {
                Command::Ping { ttl, context } => Ok((ttl, context.to_vec())),
                other => panic!("{other:?}"),
            }
        };
        let malformed = |field| {
            Err(Error::MalformedCommand {
                command: "PING",
                field,
            })
        };
        assert_eq!(ping(b""), malformed("TTL"));
        assert_eq!(ping(b"\0"), malformed("TTL"));
        assert_eq!(ping(b"\xff\xff"), Ok((0xffff, vec![])));
        assert_eq!(ping(&[0; 18]), Ok((0, vec![0; 16])));
        for context in [17, 40, 65_536] {
            assert_eq!(ping(&vec![0; 2 + context]), malformed("context"));
        }
    }

    #[test]
    fn g23_an_error_has_exactly_the_reason_it_announces() {
        let malformed = Err(Error::MalformedCommand {
            command: "ERROR",
            field: "reason",
        });
        assert_eq!(Command::parse(b"\x05ERROR"), malformed);
        assert_eq!(Command::parse(b"\x05ERROR\x09short"), malformed);
        assert_eq!(Command::parse(b"\x05ERROR\x01long"), malformed);
        assert_eq!(Command::parse(b"\x05ERROR\0"), Ok(Command::Error(b"")));
        assert_eq!(
            Command::parse(b"\x05ERROR\x03400"),
            Ok(Command::Error(b"400"))
        );
    }
}
