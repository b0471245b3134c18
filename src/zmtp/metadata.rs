//! The properties by which the two sides introduce each other.

use super::error::{Error, printable};
use crate::properties::{Properties, put};
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

const SOCKET_TYPE: &str = "Socket-Type";
const IDENTITY: &str = "Identity";

/// Appends the metadata of a socket: what libzmq sends, in its order.
pub(crate) fn encode(
    socket_type: SocketType,
    routing_id: Option<&RoutingId>,
    properties: &Properties,
    out: &mut Vec<u8>,
) {
    put(SOCKET_TYPE.as_bytes(), socket_type.as_str().as_bytes(), out);
    // These three announce an identity, if only an empty one; the others never do.
    if let SocketType::Req | SocketType::Dealer | SocketType::Router = socket_type {
        put(IDENTITY.as_bytes(), routing_id.map_or(&[], |id| id), out);
    }
    out.extend_from_slice(properties.as_bytes());
}

/// A peer's metadata, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) socket_type: SocketType,
    /// `None` if the peer sent no Identity or an empty one.
    pub(crate) routing_id: Option<RoutingId>,
    /// All the others, as they came.
    pub(crate) properties: Properties,
}

impl Metadata {
    /// Reads and checks `data`, which ends where the properties do.
    ///
    /// # Errors
    ///
    /// An overrun or stray octets; no Socket-Type, or an unknown one; Socket-Type or Identity
    /// twice; an Identity over 255 octets or with a leading zero octet.
    pub(crate) fn parse(data: &[u8]) -> Result<Self, Error> {
        let mut socket_type = None;
        let mut identity = None;
        let mut others = Vec::new();
        let mut rest = data;
        while !rest.is_empty() {
            let (name, value) = take_property(&mut rest)?;
            // RFC 37 wants names compared without case; libzmq does not.
            let (slot, name) = if name.eq_ignore_ascii_case(SOCKET_TYPE.as_bytes()) {
                (&mut socket_type, SOCKET_TYPE)
            } else if name.eq_ignore_ascii_case(IDENTITY.as_bytes()) {
                (&mut identity, IDENTITY)
            } else {
                others.push((name, value));
                continue;
            };
            if slot.replace(value).is_some() {
                return Err(Error::DuplicateProperty { name });
            }
        }
        let socket_type = socket_type.ok_or(Error::MissingSocketType)?;
        let socket_type =
            SocketType::from_wire(socket_type).ok_or_else(|| Error::UnknownSocketType {
                name: printable(socket_type),
            })?;
        let routing_id = match identity {
            None | Some([]) => None,
            // A leading zero octet is kept for the ids that a ROUTER makes up.
            Some(id) if id.starts_with(&[0]) => {
                return Err(Error::InvalidIdentity { len: id.len() });
            }
            Some(id) => Some(RoutingId::new(id).ok_or(Error::InvalidIdentity { len: id.len() })?),
        };
        Ok(Self {
            socket_type,
            routing_id,
            properties: others.into_iter().collect(),
        })
    }
}

fn take_property<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Error> {
    let [name_size] = *take_array(rest, "name size")?;
    let name = take(rest, usize::from(name_size), "name")?;
    let value_size = u32::from_be_bytes(*take_array(rest, "value size")?);
    let value_size = usize::try_from(value_size).unwrap_or(usize::MAX);
    let value = take(rest, value_size, "value")?;
    Ok((name, value))
}

fn take<'a>(rest: &mut &'a [u8], len: usize, field: &'static str) -> Result<&'a [u8], Error> {
    let (taken, left) = rest
        .split_at_checked(len)
        .ok_or(Error::MetadataOverrun { field })?;
    *rest = left;
    Ok(taken)
}

fn take_array<'a, const N: usize>(
    rest: &mut &'a [u8],
    field: &'static str,
) -> Result<&'a [u8; N], Error> {
    let (taken, left) = rest
        .split_first_chunk()
        .ok_or(Error::MetadataOverrun { field })?;
    *rest = left;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(name: &str, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put(name.as_bytes(), value, &mut out);
        out
    }

    fn push() -> Vec<u8> {
        property("Socket-Type", b"PUSH")
    }

    #[test]
    fn g18_names_compare_without_case_and_unknown_ones_are_kept() {
        let data = [
            property("", b"nameless"),
            property("sOcKeT-tYpE", b"DEALER"),
            property("identity", b"me"),
            property("X-\u{e9}", b"other"),
        ]
        .concat();
        let metadata = Metadata::parse(&data).unwrap();
        assert_eq!(metadata.socket_type, SocketType::Dealer);
        assert_eq!(metadata.routing_id, RoutingId::new(b"me"));
        assert_eq!(metadata.properties.iter().count(), 2);
        assert_eq!(
            metadata.properties.get("x-\u{e9}"),
            Some(b"other".as_slice())
        );
        assert_eq!(metadata.properties.get("Resource"), None);
    }

    #[test]
    fn g18_every_overrun_names_its_field() {
        let cut = |data: &[u8], field| {
            let data = [push().as_slice(), data].concat();
            assert_eq!(
                Metadata::parse(&data),
                Err(Error::MetadataOverrun { field })
            );
        };
        cut(&[1], "name");
        cut(&[255, b'x'], "name");
        cut(&[0], "value size");
        cut(&[0, 0, 0, 0], "value size");
        cut(&[1, b'x', 0, 0, 0, 1], "value");
        cut(&[1, b'x', 0xff, 0xff, 0xff, 0xff, 1], "value");
    }

    #[test]
    fn g18_a_thousand_properties_are_just_bytes() {
        let data = [push(), property("k", b"v").repeat(1000)].concat();
        assert_eq!(
            Metadata::parse(&data).unwrap().properties.iter().count(),
            1000
        );
    }

    #[test]
    fn g18_a_missing_or_double_or_unknown_socket_type_is_refused() {
        assert_eq!(Metadata::parse(&[]), Err(Error::MissingSocketType));
        let twice = push().repeat(2);
        assert_eq!(
            Metadata::parse(&twice),
            Err(Error::DuplicateProperty { name: SOCKET_TYPE })
        );
        for name in ["push", "", "STREAM"] {
            let data = property("Socket-Type", name.as_bytes());
            assert_eq!(
                Metadata::parse(&data),
                Err(Error::UnknownSocketType { name: name.into() })
            );
        }
    }

    #[test]
    fn an_identity_is_at_most_255_octets_and_starts_with_no_zero() {
        let parse = |id: &[u8]| Metadata::parse(&[push(), property("Identity", id)].concat());
        assert_eq!(parse(b"").unwrap().routing_id, None);
        assert_eq!(
            parse(&[7; 255]).unwrap().routing_id,
            RoutingId::new(&[7; 255])
        );
        assert_eq!(parse(&[7; 256]), Err(Error::InvalidIdentity { len: 256 }));
        assert_eq!(parse(&[0, 1]), Err(Error::InvalidIdentity { len: 2 }));
        let twice = [push(), property("Identity", b"").repeat(2)].concat();
        assert_eq!(
            Metadata::parse(&twice),
            Err(Error::DuplicateProperty { name: IDENTITY })
        );
    }
}
