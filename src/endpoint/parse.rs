//! Text to endpoints, strictly: what is wrong is said, and where.

use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Address, Endpoint, EndpointError, EndpointErrorKind, Host, IpcAddress, TcpAddress};

/// The longest path of an `ipc` socket, and the longest abstract name.
const IPC_PATH_MAX: usize = 107;
/// The longest name of an `inproc` endpoint.
const INPROC_NAME_MAX: usize = 256;
/// The longest host name, interface name or zone.
const HOST_MAX: usize = 255;

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// # Errors
    ///
    /// [`EndpointError`] says what is wrong with the text, and where.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        use EndpointErrorKind as Kind;

        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(EndpointError::new(Kind::MissingSeparator, text, 0));
        };
        let rest = Piece {
            text: rest,
            offset: scheme.len() + "://".len(),
        };
        let parse = match scheme {
            "tcp" => parse_tcp,
            "ipc" => parse_ipc,
            "inproc" => parse_inproc,
            _ => return Err(EndpointError::new(Kind::UnknownScheme, scheme, 0)),
        };
        if rest.text.is_empty() {
            return Err(rest.error(Kind::EmptyAddress));
        }
        Ok(Self {
            address: parse(rest)?,
        })
    }
}

/// A part of the text, and where it begins there.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Piece<'a> {
    fn error(self, kind: EndpointErrorKind) -> EndpointError {
        EndpointError::new(kind, self.text, self.offset)
    }

    /// The error of one character of it, at `index`.
    fn error_at(self, kind: EndpointErrorKind, index: usize, c: char) -> EndpointError {
        EndpointError::new(kind, c.encode_utf8(&mut [0; 4]), self.offset + index)
    }

    /// What is before and after the first `separator`.
    fn split(self, separator: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(separator)?;
        Some(self.around(before, after, separator))
    }

    /// What is before and after the last `separator`.
    fn rsplit(self, separator: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.rsplit_once(separator)?;
        Some(self.around(before, after, separator))
    }

    fn around(self, before: &'a str, after: &'a str, separator: char) -> (Self, Self) {
        let before = Self {
            text: before,
            offset: self.offset,
        };
        let after = Self {
            text: after,
            offset: self.offset + before.text.len() + separator.len_utf8(),
        };
        (before, after)
    }
}

fn parse_tcp(text: Piece<'_>) -> Result<Address, EndpointError> {
    let Some((source, destination)) = text.split(';') else {
        let (host, port, _) = parse_host_port(text)?;
        let source = None;
        return Ok(Address::Tcp(TcpAddress { source, host, port }));
    };
    let (source_host, source_port, _) = parse_host_port(source)?;
    let (host, port, port_text) = parse_host_port(destination)?;
    // Only connect takes a source, so the destination has to be one.
    if host == Host::Any {
        return Err(EndpointError::new(
            EndpointErrorKind::BindOnly,
            "*",
            destination.offset,
        ));
    }
    if port == 0 {
        return Err(port_text.error(EndpointErrorKind::BindOnly));
    }
    let source = Some((source_host, source_port));
    Ok(Address::Tcp(TcpAddress { source, host, port }))
}

/// Parses `host:port`; the last of the three is the text of the port.
fn parse_host_port(text: Piece<'_>) -> Result<(Host, u16, Piece<'_>), EndpointError> {
    use EndpointErrorKind as Kind;

    if text.text.is_empty() {
        return Err(text.error(Kind::EmptyHost));
    }
    if text.text.starts_with('[') {
        let Some((inside, after)) = text.split(']') else {
            return Err(text.error(Kind::UnclosedBracket));
        };
        let Some((junk, port)) = after.split(':') else {
            return Err(match after.text {
                "" => text.error(Kind::MissingPort),
                _ => after.error(Kind::BadHost),
            });
        };
        if !junk.text.is_empty() {
            return Err(junk.error(Kind::BadHost));
        }
        let inside = match inside.split('[') {
            Some((Piece { text: "", .. }, inside)) => inside,
            _ => return Err(inside.error(Kind::BadIpv6)),
        };
        return Ok((parse_ipv6(inside)?, parse_port(port)?, port));
    }
    // Its end may pass for a port.
    if text.text.parse::<Ipv6Addr>().is_ok() {
        return Err(text.error(Kind::UnbracketedIpv6));
    }
    let Some((host, port)) = text.rsplit(':') else {
        // A wrong host says more than a missing port.
        parse_host(text)?;
        return Err(text.error(Kind::MissingPort));
    };
    Ok((parse_host(host)?, parse_port(port)?, port))
}

fn parse_port(text: Piece<'_>) -> Result<u16, EndpointError> {
    if text.text == "*" {
        return Ok(0);
    }
    // `parse` alone would take a `+`.
    let digits = text.text.len() <= 5 && text.text.bytes().all(|b| b.is_ascii_digit());
    match text.text.parse() {
        Ok(port) if digits => Ok(port),
        _ => Err(text.error(EndpointErrorKind::BadPort)),
    }
}

/// Parses what is inside the brackets.
fn parse_ipv6(text: Piece<'_>) -> Result<Host, EndpointError> {
    use EndpointErrorKind as Kind;

    if text.text.is_empty() {
        return Err(text.error(Kind::EmptyHost));
    }
    let (ip_text, zone) = match text.split('%') {
        Some((ip, zone)) => (ip, Some(zone)),
        None => (text, None),
    };
    let Ok(ip) = ip_text.text.parse() else {
        return Err(ip_text.error(Kind::BadIpv6));
    };
    let Some(zone) = zone else {
        return Ok(Host::V6(ip, None));
    };
    if zone.text.is_empty() {
        return Err(zone.error(Kind::BadZone));
    }
    check_name(zone, Kind::BadZone)?;
    if !zone.text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Host::V6(ip, Some(zone.text.to_owned())));
    }
    match zone.text.parse::<u32>() {
        // Scope 0 is none at all.
        Ok(0) => Ok(Host::V6(ip, None)),
        Ok(scope) => Ok(Host::V6(ip, Some(scope.to_string()))),
        Err(_) => Err(zone.error(Kind::BadZone)),
    }
}

/// Parses a host that is not in brackets.
fn parse_host(text: Piece<'_>) -> Result<Host, EndpointError> {
    use EndpointErrorKind as Kind;

    match text.text {
        "" => return Err(text.error(Kind::EmptyHost)),
        "*" => return Ok(Host::Any),
        _ => {}
    }
    if text.text.parse::<Ipv6Addr>().is_ok() {
        return Err(text.error(Kind::UnbracketedIpv6));
    }
    check_name(text, Kind::BadHost)?;
    match text.text.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => Ok(Host::V4(ip)),
        // The resolver would read `127.1` or `010.0.0.1` as something else than is meant.
        _ if text.text.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
            Err(text.error(Kind::BadIpv4))
        }
        _ if text.text.starts_with('.') || text.text.contains("..") => {
            Err(text.error(Kind::BadHost))
        }
        _ => Ok(Host::Name(text.text.to_owned())),
    }
}

/// Checks the characters and the length of a name of a host or an interface.
fn check_name(text: Piece<'_>, kind: EndpointErrorKind) -> Result<(), EndpointError> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if let Some((index, c)) = text.text.char_indices().find(|(_, c)| !fits(*c)) {
        return Err(text.error_at(kind, index, c));
    }
    if text.text.len() > HOST_MAX {
        return Err(text.error(EndpointErrorKind::HostTooLong));
    }
    Ok(())
}

fn parse_ipc(text: Piece<'_>) -> Result<Address, EndpointError> {
    use EndpointErrorKind as Kind;

    if text.text == "*" {
        return Ok(Address::Ipc(IpcAddress::Wildcard));
    }
    let (name, is_abstract) = match text.split('@') {
        Some((Piece { text: "", .. }, name)) => (name, true),
        _ => (text, false),
    };
    if name.text.is_empty() {
        return Err(text.error(Kind::EmptyAbstractName));
    }
    if let Some(index) = name.text.find('\0') {
        return Err(name.error_at(Kind::NulInPath, index, '\0'));
    }
    if name.text.len() > IPC_PATH_MAX {
        return Err(name.error(Kind::PathTooLong));
    }
    Ok(Address::Ipc(if is_abstract {
        IpcAddress::Abstract(name.text.as_bytes().to_vec())
    } else {
        IpcAddress::Path(tidy(Path::new(name.text)))
    }))
}

/// The path without what makes no difference to [`Path`]'s equality, such as a doubled
/// slash, so that equal paths print alike. A file called `*` or `@name` gets a `./`, lest
/// it is taken for what these stand for.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let path: PathBuf = path.components().collect();
    match path.as_os_str().as_encoded_bytes() {
        b"*" | [b'@', ..] => Path::new(".").join(path),
        _ => path,
    }
}

fn parse_inproc(text: Piece<'_>) -> Result<Address, EndpointError> {
    if text.text.len() > INPROC_NAME_MAX {
        return Err(text.error(EndpointErrorKind::NameTooLong));
    }
    Ok(Address::Inproc(text.text.into()))
}
