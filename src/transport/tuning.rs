//! Options of tcp sockets that not every system has. What it has not is refused when a socket is
//! built, so that these are never asked for in vain.

use std::io;
use std::time::Duration;

use socket2::SockRef;

/// For each option whether this system has it, and how it is set there.
macro_rules! options {
    ($(
        $(#[$doc:meta])*
        $has:ident, where $system:meta:
        fn $set:ident($socket:ident $(, $argument:ident: $type:ty)*) $body:block
    )*) => {$(
        $(#[$doc])*
        pub(crate) const $has: bool = cfg!($system);

        #[cfg($system)]
        pub(super) fn $set($socket: &SockRef<'_> $(, $argument: $type)*) -> io::Result<()> $body

        #[cfg(not($system))]
        pub(super) fn $set(_: &SockRef<'_> $(, _: $type)*) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    )*};
}

options! {
    /// Whether this system lets a socket choose its type of service, over IPv4 and IPv6 alike.
    ///
    /// Windows takes the option for IPv4, and ignores it.
    HAS_TYPE_OF_SERVICE, where any(
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly"
    ):
    fn set_type_of_service(socket, ipv6: bool, value: u8) {
        let value = u32::from(value);
        if !ipv6 {
            return socket.set_tos_v4(value);
        }
        socket.set_tclass_v6(value)?;
        // For the IPv4 connections of a socket that takes both; some systems have no such thing.
        let _ = socket.set_tos_v4(value);
        Ok(())
    }

    /// Whether this system has `TCP_USER_TIMEOUT`.
    HAS_USER_TIMEOUT, where any(target_os = "linux", target_os = "android"):
    fn set_user_timeout(socket, timeout: Duration) {
        socket.set_tcp_user_timeout(Some(timeout))
    }

    /// Whether this system has `SO_PRIORITY`.
    HAS_PRIORITY, where any(target_os = "linux", target_os = "android"):
    fn set_priority(socket, priority: u32) {
        socket.set_priority(priority)
    }

    /// Whether this system has `SO_BUSY_POLL`.
    HAS_BUSY_POLL, where target_os = "linux":
    fn set_busy_poll(socket, time: Duration) {
        socket.set_busy_poll(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
    }

    /// Whether a socket can be bound to a device by its name.
    HAS_DEVICES, where any(target_os = "linux", target_os = "android"):
    fn set_device(socket, name: &str) {
        socket.bind_device(Some(name.as_bytes()))
    }
}
