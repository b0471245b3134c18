//! Endpoints: where a socket binds or connects, as text and as an address.

mod error;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::error::{EndpointError, EndpointErrorKind};
#[cfg(unix)]
use self::parse::tidy;

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

    /// The endpoint of a Unix domain socket without a name.
    #[cfg(unix)]
    pub(crate) fn ipc_unnamed() -> Self {
        Address::Ipc(IpcAddress::Wildcard).into()
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
