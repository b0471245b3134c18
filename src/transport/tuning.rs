//! Options of tcp sockets that not every system has. What it has not is refused when a socket is
//! built, so that these are never asked for in vain.

use std::io;
use std::time::Duration;

use socket2::SockRef;

/// Whether this system lets a socket choose its type of service, over IPv4 and IPv6 alike.
///
/// Windows takes the option for IPv4, and ignores it.
pub(crate) const HAS_TYPE_OF_SERVICE: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
));

/// Whether this system has `TCP_USER_TIMEOUT`.
pub(crate) const HAS_USER_TIMEOUT: bool = cfg!(any(target_os = "linux", target_os = "android"));

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
))]
pub(super) fn set_type_of_service(socket: &SockRef<'_>, ipv6: bool, value: u8) -> io::Result<()> {
    let value = u32::from(value);
    if !ipv6 {
        return socket.set_tos_v4(value);
    }
    socket.set_tclass_v6(value)?;
    // For the IPv4 connections of a socket that takes both; some systems have no such thing.
    let _ = socket.set_tos_v4(value);
    Ok(())
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)))]
pub(super) fn set_type_of_service(_: &SockRef<'_>, _: bool, _: u8) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn set_user_timeout(socket: &SockRef<'_>, timeout: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(timeout))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn set_user_timeout(_: &SockRef<'_>, _: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
