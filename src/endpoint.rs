//! Endpoints: where a socket binds or connects, as text and as an address.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// The longest path of an `ipc` socket, and the longest abstract name.
const IPC_PATH_MAX: usize = 107;
/// The longest name of an `inproc` endpoint.
const INPROC_NAME_MAX: usize = 256;
/// The longest host name, interface name or zone.
const HOST_MAX: usize = 255;
/// How many characters of a wrong piece an error keeps.
const PIECE_MAX: usize = 48;

/// Where a socket binds or connects.
///
/// | Text | Meaning |
/// |---|---|
/// | `tcp://127.0.0.1:5555`, `tcp://[::1]:5555` | a numeric address |
/// | `tcp://[fe80::1%eth0]:5555` | a link-local address and its zone |
/// | `tcp://example.org:5555`, `tcp://eth0:5555` | a host by name, or (to bind) a network interface |
/// | `tcp://*:5555` | every interface, bind only |
/// | `tcp://127.0.0.1:*` | a port chosen by the system, bind only |
/// | `tcp://eth0:0;example.org:5555` | connect from a chosen address and port |
/// | `ipc:///run/app.sock`, `ipc://app.sock` | a Unix domain socket by its path |
/// | `ipc://@app` | a Unix domain socket in the abstract namespace (Linux) |
/// | `ipc://*` | a path chosen by the library, bind only |
/// | `inproc://app` | inside this process |
///
/// Parsing is strict: there is no port `99999` that silently becomes another one.
/// Whether a host, an interface or a path exists is known only at bind or connect.
///
/// The [`Display`](fmt::Display) form is canonical: equal endpoints print alike, and
/// what is printed parses to the same endpoint.
///
/// ```
/// use zocket::Endpoint;
///
/// let endpoint: Endpoint = "tcp://[0:0::FF]:0".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp://[::ff]:*");
/// assert_eq!(endpoint, "tcp://[::ff]:*".parse()?);
/// # Ok::<(), zocket::EndpointError>(())
/// ```
///
/// A path or an abstract name that is not UTF-8 (only the system can give one) prints
/// with replacement characters, and does not parse back.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    address: Address,
}

/// What an [`Endpoint`] means.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Address {
    Tcp(TcpAddress),
    Ipc(IpcAddress),
    Inproc(Arc<str>),
}

/// A `tcp` address.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct TcpAddress {
    /// The address to connect from.
    pub(crate) source: Option<(Host, u16)>,
    pub(crate) host: Host,
    /// 0 is ephemeral, written `*` or `0`.
    pub(crate) port: u16,
}

/// The host of a [`TcpAddress`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Host {
    /// `*`
    Any,
    V4(Ipv4Addr),
    /// With its zone: the name of an interface, or its number without leading zeros.
    V6(Ipv6Addr, Option<String>),
    /// An interface or a host.
    Name(String),
}

/// An `ipc` address.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum IpcAddress {
    Path(PathBuf),
    /// Without the `@`.
    Abstract(Vec<u8>),
    /// `*`
    Wildcard,
}

impl Endpoint {
    /// The transport: `"tcp"`, `"ipc"` or `"inproc"`.
    ///
    /// ```
    /// let endpoint: zocket::Endpoint = "ipc:///run/app.sock".parse()?;
    /// assert_eq!(endpoint.scheme(), "ipc");
    /// # Ok::<(), zocket::EndpointError>(())
    /// ```
    pub fn scheme(&self) -> &'static str {
        match &self.address {
            Address::Tcp(_) => "tcp",
            Address::Ipc(_) => "ipc",
            Address::Inproc(_) => "inproc",
        }
    }

    /// The port of a `tcp` endpoint; 0 if the system is to choose it at bind.
    ///
    /// ```
    /// use zocket::Endpoint;
    ///
    /// let port = |text: &str| text.parse::<Endpoint>().map(|e| e.port());
    /// assert_eq!(port("tcp://*:5555")?, Some(5555));
    /// assert_eq!(port("tcp://*:*")?, Some(0));
    /// assert_eq!(port("inproc://a")?, None);
    /// # Ok::<(), zocket::EndpointError>(())
    /// ```
    pub fn port(&self) -> Option<u16> {
        match &self.address {
            Address::Tcp(tcp) => Some(tcp.port),
            Address::Ipc(_) | Address::Inproc(_) => None,
        }
    }

    /// The host of a `tcp` endpoint, as in the text but without the brackets.
    ///
    /// ```
    /// let endpoint: zocket::Endpoint = "tcp://[::1]:5555".parse()?;
    /// assert_eq!(endpoint.host().as_deref(), Some("::1"));
    /// # Ok::<(), zocket::EndpointError>(())
    /// ```
    pub fn host(&self) -> Option<String> {
        match &self.address {
            Address::Tcp(tcp) => Some(match &tcp.host {
                Host::V6(ip, Some(zone)) => format!("{ip}%{zone}"),
                Host::V6(ip, None) => ip.to_string(),
                host => host.to_string(),
            }),
            Address::Ipc(_) | Address::Inproc(_) => None,
        }
    }

    /// The address and port of a `tcp` endpoint whose host is numeric, if its zone (where
    /// it has one) is numeric too.
    ///
    /// ```
    /// let endpoint: zocket::Endpoint = "tcp://127.0.0.1:5555".parse()?;
    /// assert_eq!(endpoint.socket_addr(), Some(([127, 0, 0, 1], 5555).into()));
    /// # Ok::<(), zocket::EndpointError>(())
    /// ```
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let Address::Tcp(tcp) = &self.address else {
            return None;
        };
        match &tcp.host {
            Host::V4(ip) => Some((*ip, tcp.port).into()),
            Host::V6(ip, zone) => {
                let scope = match zone {
                    Some(zone) => zone.parse().ok()?,
                    None => 0,
                };
                Some(SocketAddrV6::new(*ip, tcp.port, 0, scope).into())
            }
            Host::Any | Host::Name(_) => None,
        }
    }

    /// The path of an `ipc` endpoint that has one.
    ///
    /// ```
    /// let endpoint: zocket::Endpoint = "ipc:///run/app.sock".parse()?;
    /// assert_eq!(endpoint.path(), Some("/run/app.sock".as_ref()));
    /// # Ok::<(), zocket::EndpointError>(())
    /// ```
    pub fn path(&self) -> Option<&Path> {
        match &self.address {
            Address::Ipc(IpcAddress::Path(path)) => Some(path),
            _ => None,
        }
    }

    /// The name of an `inproc` endpoint.
    ///
    /// ```
    /// let endpoint: zocket::Endpoint = "inproc://workers".parse()?;
    /// assert_eq!(endpoint.name(), Some("workers"));
    /// # Ok::<(), zocket::EndpointError>(())
    /// ```
    pub fn name(&self) -> Option<&str> {
        match &self.address {
            Address::Inproc(name) => Some(name),
            _ => None,
        }
    }

    /// Whether something in it is left open: the interface, the port or the path. Such an
    /// endpoint is only good for bind, which gives the real one.
    ///
    /// ```
    /// use zocket::Endpoint;
    ///
    /// assert!("tcp://127.0.0.1:*".parse::<Endpoint>()?.is_wildcard());
    /// assert!(!"tcp://127.0.0.1:5555".parse::<Endpoint>()?.is_wildcard());
    /// # Ok::<(), zocket::EndpointError>(())
    /// ```
    pub fn is_wildcard(&self) -> bool {
        match &self.address {
            Address::Tcp(tcp) => tcp.host == Host::Any || tcp.port == 0,
            Address::Ipc(ipc) => *ipc == IpcAddress::Wildcard,
            Address::Inproc(_) => false,
        }
    }

    /// What it means.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The endpoint of a bound or connected TCP socket.
    pub(crate) fn tcp(addr: SocketAddr) -> Self {
        let host = match addr {
            SocketAddr::V4(v4) => Host::V4(*v4.ip()),
            SocketAddr::V6(v6) => {
                let scope = v6.scope_id();
                Host::V6(*v6.ip(), (scope != 0).then(|| scope.to_string()))
            }
        };
        Address::Tcp(TcpAddress {
            source: None,
            host,
            port: addr.port(),
        })
        .into()
    }

    /// The endpoint of a Unix domain socket at a path that is not empty.
    #[cfg(unix)]
    pub(crate) fn ipc_path(path: PathBuf) -> Self {
        Address::Ipc(IpcAddress::Path(tidy(&path))).into()
    }

    /// The endpoint of a Unix domain socket of an abstract name, given without the `@`.
    #[cfg(unix)]
    pub(crate) fn ipc_abstract(name: Vec<u8>) -> Self {
        Address::Ipc(IpcAddress::Abstract(name)).into()
    }

    /// Whether a socket may connect to it.
    ///
    /// # Errors
    ///
    /// [`EndpointErrorKind::BindOnly`] if something in it is left open. The offset is
    /// that in the canonical form.
    pub(crate) fn check_connect(&self) -> Result<(), EndpointError> {
        let bind_only = |piece: &str, offset| {
            Err(EndpointError::new(
                EndpointErrorKind::BindOnly,
                piece,
                offset,
            ))
        };
        match &self.address {
            Address::Tcp(tcp) => {
                let mut offset = "tcp://".len();
                if let Some((host, port)) = &tcp.source {
                    offset += format!("{host}:{};", Port(*port)).len();
                }
                if tcp.host == Host::Any {
                    return bind_only("*", offset);
                }
                if tcp.port == 0 {
                    offset += format!("{}:", tcp.host).len();
                    return bind_only("*", offset);
                }
                Ok(())
            }
            Address::Ipc(IpcAddress::Wildcard) => bind_only("*", "ipc://".len()),
            Address::Ipc(_) | Address::Inproc(_) => Ok(()),
        }
    }

    /// Whether a socket may bind to it.
    ///
    /// # Errors
    ///
    /// [`EndpointErrorKind::ConnectOnly`] if it has a source address. The offset is that
    /// in the canonical form.
    pub(crate) fn check_bind(&self) -> Result<(), EndpointError> {
        match &self.address {
            Address::Tcp(TcpAddress {
                source: Some((host, port)),
                ..
            }) => Err(EndpointError::new(
                EndpointErrorKind::ConnectOnly,
                &format!("{host}:{};", Port(*port)),
                "tcp://".len(),
            )),
            _ => Ok(()),
        }
    }
}

impl From<Address> for Endpoint {
    fn from(address: Address) -> Self {
        Self { address }
    }
}

// ---------------------------------------------------------------------------------------
// Text out

/// A port as it is written.
struct Port(u16);

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("*"),
            port => write!(f, "{port}"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::V4(ip) => write!(f, "{ip}"),
            Self::V6(ip, None) => write!(f, "[{ip}]"),
            Self::V6(ip, Some(zone)) => write!(f, "[{ip}%{zone}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(TcpAddress { source, host, port }) => {
                f.write_str("tcp://")?;
                if let Some((host, port)) = source {
                    write!(f, "{host}:{};", Port(*port))?;
                }
                write!(f, "{host}:{}", Port(*port))
            }
            Self::Ipc(IpcAddress::Path(path)) => write!(f, "ipc://{}", path.display()),
            Self::Ipc(IpcAddress::Abstract(name)) => {
                write!(f, "ipc://@{}", String::from_utf8_lossy(name))
            }
            Self::Ipc(IpcAddress::Wildcard) => f.write_str("ipc://*"),
            Self::Inproc(name) => write!(f, "inproc://{name}"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.address, f)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.to_string()).finish()
    }
}

// ---------------------------------------------------------------------------------------
// Text in

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
fn tidy(path: &Path) -> PathBuf {
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

impl TryFrom<&str> for Endpoint {
    type Error = EndpointError;

    /// # Errors
    ///
    /// [`EndpointError`] says what is wrong with the text, and where.
    fn try_from(text: &str) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    /// # Errors
    ///
    /// [`EndpointError`] says what is wrong with the text, and where.
    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

/// What names an [`Endpoint`]: one, or its text.
///
/// ```
/// use zocket::{Endpoint, EndpointError, IntoEndpoint};
///
/// fn scheme(endpoint: impl IntoEndpoint) -> Result<&'static str, EndpointError> {
///     Ok(endpoint.into_endpoint()?.scheme())
/// }
///
/// let endpoint: Endpoint = "tcp://127.0.0.1:5555".parse()?;
/// assert_eq!(scheme(&endpoint)?, "tcp");
/// assert_eq!(scheme("inproc://a")?, "inproc");
/// assert_eq!(scheme(format!("ipc:///run/{}", "a"))?, "ipc");
/// # Ok::<(), EndpointError>(())
/// ```
pub trait IntoEndpoint {
    /// Gives the endpoint.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if it is a text that names none.
    fn into_endpoint(self) -> Result<Endpoint, EndpointError>;
}

impl IntoEndpoint for &str {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        self.parse()
    }
}

impl IntoEndpoint for String {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        self.parse()
    }
}

impl IntoEndpoint for &String {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        self.parse()
    }
}

impl IntoEndpoint for Endpoint {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        Ok(self)
    }
}

impl IntoEndpoint for &Endpoint {
    fn into_endpoint(self) -> Result<Endpoint, EndpointError> {
        Ok(self.clone())
    }
}

// ---------------------------------------------------------------------------------------
// Errors

/// What is wrong with the text of an [`Endpoint`], and where.
///
/// ```
/// use zocket::{Endpoint, EndpointErrorKind};
///
/// let error = "tcp://127.0.0.1:99999".parse::<Endpoint>().unwrap_err();
/// assert_eq!(error.kind(), EndpointErrorKind::BadPort);
/// assert_eq!(error.piece(), "99999");
/// assert_eq!(error.offset(), 16);
/// assert_eq!(
///     error.to_string(),
///     "bad endpoint: the port is not `*` or a number from 0 to 65535: \"99999\" at byte 16",
/// );
/// ```
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bad endpoint: {kind}: {piece:?} at byte {offset}")]
pub struct EndpointError {
    kind: EndpointErrorKind,
    piece: Box<str>,
    offset: usize,
}

impl EndpointError {
    fn new(kind: EndpointErrorKind, piece: &str, offset: usize) -> Self {
        let piece = match piece.char_indices().nth(PIECE_MAX) {
            Some((end, _)) => format!("{}…", piece.get(..end).unwrap_or_default()).into(),
            None => piece.into(),
        };
        Self {
            kind,
            piece,
            offset,
        }
    }

    /// What is wrong.
    pub fn kind(&self) -> EndpointErrorKind {
        self.kind
    }

    /// The piece that is wrong; it ends in `…` if it was too long to be kept whole.
    pub fn piece(&self) -> &str {
        &self.piece
    }

    /// Where in the text the piece begins, in bytes. If the endpoint is a good one that
    /// suits only bind or only connect, the text is its canonical form.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// An [`io::ErrorKind::Unsupported`] for an unknown scheme, else an
/// [`io::ErrorKind::InvalidInput`].
impl From<EndpointError> for io::Error {
    fn from(error: EndpointError) -> Self {
        let kind = match error.kind {
            EndpointErrorKind::UnknownScheme => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

/// What can be wrong with the text of an [`Endpoint`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointErrorKind {
    /// There is no `://` after the scheme.
    #[error("there is no `://`")]
    MissingSeparator,
    /// The scheme is none of `tcp`, `ipc` and `inproc`, in lower case.
    #[error("the scheme is none of `tcp`, `ipc` and `inproc`")]
    UnknownScheme,
    /// Nothing follows the `://`.
    #[error("nothing follows the `://`")]
    EmptyAddress,
    /// There is no host before the port.
    #[error("the host is empty")]
    EmptyHost,
    /// A character that no name of a host or an interface has, such as white space, or
    /// something between the `]` and the port.
    #[error("the host has what no host can have")]
    BadHost,
    /// A name of a host or an interface, or a zone, is longer than 255 bytes.
    #[error("the host is longer than 255 bytes")]
    HostTooLong,
    /// A host of digits and dots that is not an IPv4 address of four decimal numbers.
    #[error("the host is not an IPv4 address")]
    BadIpv4,
    /// What is in the brackets is not an IPv6 address.
    #[error("what is in the brackets is not an IPv6 address")]
    BadIpv6,
    /// The IPv6 address is not in brackets.
    #[error("an IPv6 address must be in brackets")]
    UnbracketedIpv6,
    /// The zone after the `%` of an IPv6 address is not the name or the number of an
    /// interface.
    #[error("the zone is not the name or the number of an interface")]
    BadZone,
    /// The `[` has no `]`.
    #[error("the bracket is not closed")]
    UnclosedBracket,
    /// There is no `:` and port after the host.
    #[error("there is no port")]
    MissingPort,
    /// The port is not `*` or a decimal number from 0 to 65535.
    #[error("the port is not `*` or a number from 0 to 65535")]
    BadPort,
    /// An `ipc` path or abstract name is longer than 107 bytes.
    #[error("the path is longer than 107 bytes")]
    PathTooLong,
    /// An `ipc` path or abstract name has a NUL byte.
    #[error("the path has a NUL byte")]
    NulInPath,
    /// There is no name after the `@`.
    #[error("the abstract name is empty")]
    EmptyAbstractName,
    /// An `inproc` name is longer than 256 bytes.
    #[error("the name is longer than 256 bytes")]
    NameTooLong,
    /// Something is left open that only bind can choose.
    #[error("only bind can choose what is left open")]
    BindOnly,
    /// There is a source address, which only connect can use.
    #[error("only connect can use a source address")]
    ConnectOnly,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::EndpointErrorKind as Kind;
    use super::*;

    fn parse(text: &str) -> Result<Endpoint, EndpointError> {
        text.parse()
    }

    fn tcp(host: Host, port: u16) -> Address {
        let source = None;
        Address::Tcp(TcpAddress { source, host, port })
    }

    fn v6(ip: &str, zone: Option<&str>) -> Host {
        Host::V6(ip.parse().unwrap(), zone.map(str::to_owned))
    }

    fn name(name: &str) -> Host {
        Host::Name(name.to_owned())
    }

    fn path(path: &str) -> Address {
        Address::Ipc(IpcAddress::Path(path.into()))
    }

    #[test]
    fn good() {
        let localhost = Host::V4(Ipv4Addr::LOCALHOST);
        let long = "x".repeat(255);
        let table = [
            ("tcp://*:5555", tcp(Host::Any, 5555)),
            ("tcp://*:*", tcp(Host::Any, 0)),
            ("tcp://127.0.0.1:*", tcp(localhost.clone(), 0)),
            ("tcp://127.0.0.1:1", tcp(localhost.clone(), 1)),
            (
                "tcp://0.0.0.0:65535",
                tcp(Host::V4(Ipv4Addr::UNSPECIFIED), 65535),
            ),
            ("tcp://[::]:5555", tcp(v6("::", None), 5555)),
            ("tcp://[::1]:5555", tcp(v6("::1", None), 5555)),
            ("tcp://[::1]:*", tcp(v6("::1", None), 0)),
            (
                "tcp://[::ffff:10.0.0.1]:5",
                tcp(v6("::ffff:10.0.0.1", None), 5),
            ),
            (
                "tcp://[fe80::1%eth0]:5555",
                tcp(v6("fe80::1", Some("eth0")), 5555),
            ),
            (
                "tcp://[fe80::1%br-0.5_a]:5555",
                tcp(v6("fe80::1", Some("br-0.5_a")), 5555),
            ),
            (
                "tcp://[fe80::1%3]:5555",
                tcp(v6("fe80::1", Some("3")), 5555),
            ),
            ("tcp://eth0:5555", tcp(name("eth0"), 5555)),
            ("tcp://eth0.100:5555", tcp(name("eth0.100"), 5555)),
            ("tcp://localhost:5555", tcp(name("localhost"), 5555)),
            (
                "tcp://a-b.example_1.org.:80",
                tcp(name("a-b.example_1.org."), 80),
            ),
            ("tcp://bücher.example:80", tcp(name("bücher.example"), 80)),
            ("ipc:///run/app.sock", path("/run/app.sock")),
            ("ipc://relative", path("relative")),
            ("ipc://dir/relative", path("dir/relative")),
            ("ipc://./@file", path("./@file")),
            ("ipc://./*", path("./*")),
            ("ipc://a b://c@d:e", path("a b:/c@d:e")),
            ("ipc://*", Address::Ipc(IpcAddress::Wildcard)),
            (
                "ipc://@abstract",
                Address::Ipc(IpcAddress::Abstract(b"abstract".to_vec())),
            ),
            (
                "ipc://@/a//b",
                Address::Ipc(IpcAddress::Abstract(b"/a//b".to_vec())),
            ),
            (
                "ipc://@@",
                Address::Ipc(IpcAddress::Abstract(b"@".to_vec())),
            ),
            ("inproc://a", Address::Inproc("a".into())),
            ("inproc://a://b é;*", Address::Inproc("a://b é;*".into())),
            (&format!("tcp://{long}:1"), tcp(name(&long), 1)),
        ];
        for (text, address) in &table {
            let endpoint = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(endpoint.address(), address, "{text}");
            assert_eq!(
                parse(&endpoint.to_string()).as_ref(),
                Ok(&endpoint),
                "{text}"
            );
            assert!(text.starts_with(endpoint.scheme()));
        }
        let all: HashSet<_> = table
            .iter()
            .map(|(text, _)| parse(text))
            .map(Result::unwrap)
            .collect();
        assert_eq!(all.len(), table.len());
    }

    #[test]
    fn source() {
        let endpoint = parse("tcp://eth0:*;example.org:5555").unwrap();
        let expected = Address::Tcp(TcpAddress {
            source: Some((name("eth0"), 0)),
            host: name("example.org"),
            port: 5555,
        });
        assert_eq!(endpoint.address(), &expected);
        assert_eq!(endpoint, parse("tcp://eth0:0;example.org:5555").unwrap());
        for text in [
            "tcp://127.0.0.1:4000;127.0.0.1:5555",
            "tcp://[::1]:*;[::1]:5555",
            "tcp://*:4000;[fe80::1%eth0]:5555",
        ] {
            let endpoint = parse(text).unwrap();
            assert_eq!(endpoint.to_string(), text);
            assert_eq!(endpoint.check_connect(), Ok(()));
            assert_eq!(endpoint.check_bind().unwrap_err().kind(), Kind::ConnectOnly);
        }
    }

    #[test]
    fn spellings() {
        for (spelling, canonical) in [
            ("tcp://*:0", "tcp://*:*"),
            ("tcp://*:00080", "tcp://*:80"),
            ("tcp://[FE80:0:0::00Ab%eth0]:1", "tcp://[fe80::ab%eth0]:1"),
            ("tcp://[fe80::1%007]:1", "tcp://[fe80::1%7]:1"),
            ("tcp://[fe80::1%0]:1", "tcp://[fe80::1]:1"),
            ("tcp://[::1.2.3.4]:1", "tcp://[::102:304]:1"),
            ("tcp://a:0;b:1", "tcp://a:*;b:1"),
            ("ipc:///run//app/./sock", "ipc:///run/app/sock"),
            ("ipc://*/", "ipc://./*"),
        ] {
            if spelling.starts_with("ipc") && cfg!(not(unix)) {
                continue;
            }
            let (a, b) = (parse(spelling), parse(canonical));
            assert_eq!(a.as_ref().unwrap().to_string(), canonical);
            assert_eq!(a, b, "{spelling}");
        }
        assert_ne!(parse("tcp://*:1"), parse("tcp://0.0.0.0:1"));
    }

    fn assert_bad(table: &[(&str, Kind, &str, usize)]) {
        for &(text, kind, piece, offset) in table {
            let error = parse(text).expect_err(text);
            assert_eq!(
                (error.kind(), error.piece(), error.offset()),
                (kind, piece, offset),
                "{text}"
            );
            assert!(text.get(offset..).unwrap().starts_with(piece), "{text}");
        }
    }

    #[test]
    fn e1_bad_ports() {
        assert_bad(&[
            ("tcp://127.0.0.1:65536", Kind::BadPort, "65536", 16),
            ("tcp://127.0.0.1:99999", Kind::BadPort, "99999", 16),
            ("tcp://127.0.0.1:000080", Kind::BadPort, "000080", 16),
            ("tcp://127.0.0.1:", Kind::BadPort, "", 16),
            ("tcp://127.0.0.1:-1", Kind::BadPort, "-1", 16),
            ("tcp://127.0.0.1:+1", Kind::BadPort, "+1", 16),
            ("tcp://127.0.0.1:0x50", Kind::BadPort, "0x50", 16),
            ("tcp://127.0.0.1:80x", Kind::BadPort, "80x", 16),
            ("tcp://127.0.0.1:80/", Kind::BadPort, "80/", 16),
            ("tcp://127.0.0.1: 80", Kind::BadPort, " 80", 16),
            ("tcp://127.0.0.1:80\n", Kind::BadPort, "80\n", 16),
            ("tcp://127.0.0.1:**", Kind::BadPort, "**", 16),
            ("tcp://127.0.0.1:٣", Kind::BadPort, "٣", 16),
            ("tcp://*:http", Kind::BadPort, "http", 8),
            ("tcp://[::1]:", Kind::BadPort, "", 12),
            ("tcp://[::1]:1:2", Kind::BadPort, "1:2", 12),
            ("tcp://127.0.0.1", Kind::MissingPort, "127.0.0.1", 6),
            ("tcp://*", Kind::MissingPort, "*", 6),
            ("tcp://[::1]", Kind::MissingPort, "[::1]", 6),
            ("tcp://a:99999;b:1", Kind::BadPort, "99999", 8),
            ("tcp://a;b:1", Kind::MissingPort, "a", 6),
            ("tcp://a:1;b", Kind::MissingPort, "b", 10),
            ("tcp://a:1;b:x", Kind::BadPort, "x", 12),
            ("tcp://a:1;b:0", Kind::BindOnly, "0", 12),
            ("tcp://a:1;*:2", Kind::BindOnly, "*", 10),
        ]);
        for port in 0..=u16::MAX {
            assert_eq!(
                parse(&format!("tcp://*:{port}")).unwrap().port(),
                Some(port)
            );
        }
    }

    #[test]
    fn e5_bad_paths() {
        for prefix in ["ipc://", "ipc://@"] {
            let fits = format!("{prefix}{}", "x".repeat(107));
            assert_eq!(parse(&fits).unwrap().to_string(), fits);
            for len in [108, 200, 100_000] {
                let error = parse(&format!("{prefix}{}", "x".repeat(len))).unwrap_err();
                assert_eq!(
                    (error.kind(), error.offset()),
                    (Kind::PathTooLong, prefix.len())
                );
                assert_eq!(error.piece(), format!("{}…", "x".repeat(48)));
            }
        }
        assert_bad(&[
            ("ipc://", Kind::EmptyAddress, "", 6),
            ("ipc://@", Kind::EmptyAbstractName, "@", 6),
            ("ipc:///run/a\0b", Kind::NulInPath, "\0", 12),
            ("ipc://\0", Kind::NulInPath, "\0", 6),
            ("ipc://@a\0", Kind::NulInPath, "\0", 8),
        ]);
        // Bytes count, not characters.
        assert_eq!(
            parse(&format!("ipc://{}", "é".repeat(54)))
                .unwrap_err()
                .kind(),
            Kind::PathTooLong
        );
    }

    #[test]
    fn e7_bad_hosts_and_schemes() {
        assert_bad(&[
            ("", Kind::MissingSeparator, "", 0),
            ("tcp", Kind::MissingSeparator, "tcp", 0),
            (
                "127.0.0.1:5555",
                Kind::MissingSeparator,
                "127.0.0.1:5555",
                0,
            ),
            (
                "tcp:/127.0.0.1:5555",
                Kind::MissingSeparator,
                "tcp:/127.0.0.1:5555",
                0,
            ),
            ("foo://", Kind::UnknownScheme, "foo", 0),
            ("foo://bar", Kind::UnknownScheme, "foo", 0),
            ("://a:1", Kind::UnknownScheme, "", 0),
            ("TCP://a:1", Kind::UnknownScheme, "TCP", 0),
            (" tcp://a:1", Kind::UnknownScheme, " tcp", 0),
            ("é://a:1", Kind::UnknownScheme, "é", 0),
            ("tcp://", Kind::EmptyAddress, "", 6),
            ("tcp://:5555", Kind::EmptyHost, "", 6),
            ("tcp://:", Kind::EmptyHost, "", 6),
            ("tcp://;", Kind::EmptyHost, "", 6),
            ("tcp://a:1;", Kind::EmptyHost, "", 10),
            ("tcp://;b:1", Kind::EmptyHost, "", 6),
            ("tcp://[]:1", Kind::EmptyHost, "", 7),
            ("tcp://[::1", Kind::UnclosedBracket, "[::1", 6),
            ("tcp://[::1:5555", Kind::UnclosedBracket, "[::1:5555", 6),
            ("tcp://[", Kind::UnclosedBracket, "[", 6),
            ("tcp://[::1]x:5", Kind::BadHost, "x", 11),
            ("tcp://[::1]5", Kind::BadHost, "5", 11),
            ("tcp://[[::1]:5", Kind::BadIpv6, "[::1", 7),
            ("tcp://[::1]]:5", Kind::BadHost, "]", 11),
            ("tcp://[::g]:5", Kind::BadIpv6, "::g", 7),
            ("tcp://[1:2:3]:5", Kind::BadIpv6, "1:2:3", 7),
            ("tcp://[127.0.0.1]:5", Kind::BadIpv6, "127.0.0.1", 7),
            ("tcp://[*]:5", Kind::BadIpv6, "*", 7),
            ("tcp://[::1 ]:5", Kind::BadIpv6, "::1 ", 7),
            ("tcp://[%eth0]:5", Kind::BadIpv6, "", 7),
            ("tcp://[fe80::1%]:5", Kind::BadZone, "", 15),
            ("tcp://[fe80::1%a b]:5", Kind::BadZone, " ", 16),
            ("tcp://[fe80::1%a%b]:5", Kind::BadZone, "%", 16),
            (
                "tcp://[fe80::1%4294967296]:5",
                Kind::BadZone,
                "4294967296",
                15,
            ),
            ("tcp://::1:5555", Kind::UnbracketedIpv6, "::1:5555", 6),
            ("tcp://::1", Kind::UnbracketedIpv6, "::1", 6),
            ("tcp://a:1;fe80::1", Kind::UnbracketedIpv6, "fe80::1", 10),
            ("tcp://1:2::3", Kind::UnbracketedIpv6, "1:2::3", 6),
            ("tcp://fe80::1::5", Kind::BadHost, ":", 10),
            ("tcp://%:1", Kind::BadHost, "%", 6),
            ("tcp://a b:1", Kind::BadHost, " ", 7),
            ("tcp:// a:1", Kind::BadHost, " ", 6),
            ("tcp://a\t:1", Kind::BadHost, "\t", 7),
            ("tcp://a\u{a0}:1", Kind::BadHost, "\u{a0}", 7),
            ("tcp://a\0:1", Kind::BadHost, "\0", 7),
            ("tcp://é\0:1", Kind::BadHost, "\0", 8),
            ("tcp://🦀:1", Kind::BadHost, "🦀", 6),
            ("tcp://user@host:1", Kind::BadHost, "@", 10),
            ("tcp://host/path:1", Kind::BadHost, "/", 10),
            ("tcp://*.org:1", Kind::BadHost, "*", 6),
            ("tcp://a..b:1", Kind::BadHost, "a..b", 6),
            ("tcp://.a:1", Kind::BadHost, ".a", 6),
            ("tcp://256.0.0.1:1", Kind::BadIpv4, "256.0.0.1", 6),
            ("tcp://127.1:1", Kind::BadIpv4, "127.1", 6),
            ("tcp://127.0.0.01:1", Kind::BadIpv4, "127.0.0.01", 6),
            ("tcp://5555:1", Kind::BadIpv4, "5555", 6),
            ("tcp://a:1;b:2;c:3", Kind::BadHost, ":", 11),
            ("inproc://", Kind::EmptyAddress, "", 9),
        ]);
    }

    #[test]
    fn e7_huge() {
        for piece in [
            "x", "é", "🦀", ":", "[", "]", "%", ";", "0", "/", "\0", "://",
        ] {
            let huge = piece.repeat(100_000);
            for text in [
                huge.clone(),
                format!("{huge}://a"),
                format!("tcp://{huge}"),
                format!("tcp://{huge}:1"),
                format!("tcp://[{huge}]:1"),
                format!("tcp://[::1%{huge}]:1"),
                format!("tcp://a:{huge}"),
                format!("tcp://a:1;{huge}:1"),
                format!("ipc://{huge}"),
                format!("ipc://@{huge}"),
                format!("inproc://{huge}"),
            ] {
                let error = parse(&text).unwrap_err();
                assert!(error.piece().chars().count() <= PIECE_MAX + 1);
                assert!(error.to_string().len() < 1000);
                assert!(text.is_char_boundary(error.offset()));
            }
        }
        let long = "x".repeat(256);
        assert_eq!(
            parse(&format!("tcp://{long}:1")).unwrap_err().kind(),
            Kind::HostTooLong
        );
        assert_eq!(
            parse(&format!("tcp://[::1%{long}]:1")).unwrap_err().kind(),
            Kind::HostTooLong
        );
        assert_eq!(
            parse(&format!("inproc://{long}")).unwrap().name(),
            Some(&*long)
        );
        assert_eq!(
            parse(&format!("inproc://{long}x")).unwrap_err().kind(),
            Kind::NameTooLong
        );
    }

    #[test]
    fn only_bind() {
        for (text, offset) in [
            ("tcp://*:5555", 6),
            ("tcp://*:*", 6),
            ("tcp://127.0.0.1:0", 16),
            ("tcp://[::1]:*", 12),
            ("ipc://*", 6),
        ] {
            let endpoint = parse(text).unwrap();
            assert!(endpoint.is_wildcard());
            assert_eq!(endpoint.check_bind(), Ok(()));
            let error = endpoint.check_connect().unwrap_err();
            assert_eq!(
                (error.kind(), error.piece(), error.offset()),
                (Kind::BindOnly, "*", offset)
            );
        }
        for text in ["tcp://a:1", "ipc://a", "ipc://@a", "inproc://*"] {
            let endpoint = parse(text).unwrap();
            assert!(!endpoint.is_wildcard());
            assert_eq!(endpoint.check_bind(), Ok(()));
            assert_eq!(endpoint.check_connect(), Ok(()));
        }
    }

    #[test]
    fn after_a_bind() {
        let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
        for (endpoint, text) in [
            (Endpoint::tcp(addr("0.0.0.0:5555")), "tcp://0.0.0.0:5555"),
            (Endpoint::tcp(addr("[::]:5555")), "tcp://[::]:5555"),
            (
                Endpoint::tcp(addr("[fe80::1%3]:5555")),
                "tcp://[fe80::1%3]:5555",
            ),
            (Endpoint::ipc_path("/run/a".into()), "ipc:///run/a"),
            (Endpoint::ipc_path("*".into()), "ipc://./*"),
            (Endpoint::ipc_path("@a".into()), "ipc://./@a"),
            (Endpoint::ipc_abstract(b"a".to_vec()), "ipc://@a"),
        ] {
            assert_eq!(endpoint.to_string().replace('\\', "/"), text);
            assert_eq!(parse(text).unwrap(), endpoint);
        }
        let odd = Endpoint::ipc_abstract(vec![0xff, 0]);
        assert_eq!(odd.to_string(), "ipc://@\u{fffd}\0");
    }

    #[test]
    fn getters() {
        let host = |text| parse(text).unwrap().host();
        assert_eq!(host("tcp://*:1").as_deref(), Some("*"));
        assert_eq!(host("tcp://a:1").as_deref(), Some("a"));
        assert_eq!(
            host("tcp://[fe80::1%eth0]:1").as_deref(),
            Some("fe80::1%eth0")
        );
        assert_eq!(host("ipc://a"), None);
        let addr = |text| parse(text).unwrap().socket_addr();
        assert_eq!(addr("tcp://[fe80::1%3]:1"), "[fe80::1%3]:1".parse().ok());
        assert_eq!(addr("tcp://[fe80::1%eth0]:1"), None);
        assert_eq!(addr("tcp://*:1"), None);
        assert_eq!(
            format!("{:?}", parse("tcp://*:0").unwrap()),
            r#"Endpoint("tcp://*:*")"#
        );
        assert_eq!(parse("ipc://@a").unwrap().path(), None);
        assert_eq!(parse("ipc://a").unwrap().name(), None);
    }

    #[test]
    fn errors_are_io_errors() {
        fn is_error<T: std::error::Error + Send + Sync + Clone + 'static>() {}
        is_error::<EndpointError>();
        let kind = |text| io::Error::from(parse(text).unwrap_err()).kind();
        assert_eq!(kind("foo://a"), io::ErrorKind::Unsupported);
        assert_eq!(kind("tcp://a:x"), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn into_endpoint() {
        let endpoint = parse("tcp://a:1").unwrap();
        let text = endpoint.to_string();
        assert_eq!(text.as_str().into_endpoint().as_ref(), Ok(&endpoint));
        assert_eq!((&text).into_endpoint().as_ref(), Ok(&endpoint));
        assert_eq!(text.clone().into_endpoint().as_ref(), Ok(&endpoint));
        assert_eq!((&endpoint).into_endpoint().as_ref(), Ok(&endpoint));
        assert_eq!(endpoint.clone().into_endpoint().as_ref(), Ok(&endpoint));
        assert_eq!(Endpoint::try_from(text.as_str()).as_ref(), Ok(&endpoint));
        assert_eq!(Endpoint::try_from(text).as_ref(), Ok(&endpoint));
    }

    fn check(text: &str) {
        match parse(text) {
            Ok(endpoint) => {
                let canonical = endpoint.to_string();
                let again = parse(&canonical).unwrap_or_else(|e| panic!("{text:?}: {e}"));
                assert_eq!(again, endpoint, "{text:?}");
                assert_eq!(again.to_string(), canonical, "{text:?}");
                for error in [endpoint.check_bind(), endpoint.check_connect()] {
                    if let Err(error) = error {
                        let at = canonical.get(error.offset()..).unwrap();
                        assert!(at.starts_with(error.piece()) || error.piece().ends_with('…'));
                    }
                }
                endpoint.socket_addr();
                endpoint.host();
            }
            Err(error) => {
                let at = text.get(error.offset()..).unwrap();
                assert!(
                    at.starts_with(error.piece().trim_end_matches('…')),
                    "{text:?}"
                );
            }
        }
    }

    fn host() -> impl Strategy<Value = Host> {
        let zone = prop_oneof!["[a-z][a-z0-9._-]{0,14}", "[1-9][0-9]{0,8}"];
        prop_oneof![
            Just(Host::Any),
            any::<[u8; 4]>().prop_map(|ip| Host::V4(ip.into())),
            (any::<[u16; 8]>(), proptest::option::of(zone))
                .prop_map(|(ip, zone)| Host::V6(ip.into(), zone)),
            "[a-z]([a-z0-9_-]{0,9}\\.?[a-z0-9_-]){0,9}".prop_map(Host::Name),
        ]
    }

    fn address() -> impl Strategy<Value = Address> {
        let tcp = (
            host(),
            any::<u16>(),
            proptest::option::of((host(), any::<u16>())),
        );
        prop_oneof![
            tcp.prop_map(|(host, port, source)| {
                let source = source.filter(|_| host != Host::Any && port != 0);
                Address::Tcp(TcpAddress { source, host, port })
            }),
            "[^\0]{1,26}".prop_map(|path| Address::Ipc(IpcAddress::Path(tidy(path.as_ref())))),
            "[^\0]{1,26}".prop_map(|name| Address::Ipc(IpcAddress::Abstract(name.into_bytes()))),
            "(?s).{1,64}".prop_map(|name| Address::Inproc(name.into())),
        ]
    }

    proptest! {
        #[test]
        fn e7_any_text(text in "(?s).{0,64}") {
            check(&text);
        }

        #[test]
        fn e7_any_address(text in "(tcp|ipc|inproc)://(?s).{0,128}") {
            check(&text);
        }

        #[test]
        fn e7_nearly_good(text in "(tcp|ipc|inproc)://[\\]\\[%;:*.@/ a0f1é]{0,24}(:[0-9*]{1,6})?") {
            check(&text);
        }

        #[test]
        fn e7_mutated(address in address(), at in any::<prop::sample::Index>(), c in any::<char>()) {
            let mut chars: Vec<char> = address.to_string().chars().collect();
            let at = at.index(chars.len());
            chars[at] = c;
            check(&chars.iter().collect::<String>());
            chars.remove(at);
            check(&chars.iter().collect::<String>());
        }

        #[test]
        fn round_trip(address in address()) {
            let endpoint = Endpoint::from(address);
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }
}
