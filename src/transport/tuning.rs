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

/// Whether this system has `SO_PRIORITY`.
pub(crate) const HAS_PRIORITY: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Whether a socket can be bound to a device by its name.
pub(crate) const HAS_DEVICES: bool = HAS_PRIORITY;

/// Whether this system has `SO_BUSY_POLL`.
pub(crate) const HAS_BUSY_POLL: bool = cfg!(target_os = "linux");

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

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn set_priority(socket: &SockRef<'_>, priority: u32) -> io::Result<()> {
    socket.set_priority(priority)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn set_priority(_: &SockRef<'_>, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
pub(super) fn set_busy_poll(socket: &SockRef<'_>, time: Duration) -> io::Result<()> {
    socket.set_busy_poll(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn set_busy_poll(_: &SockRef<'_>, _: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn set_device(socket: &SockRef<'_>, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn set_device(_: &SockRef<'_>, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
