//! Listeners and streams over tcp.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::{KernelOptions, Listener, Stream, retry, suppress_sigpipe, tuning};
use crate::admission::Remote;
use crate::endpoint::Endpoint;

#[derive(Debug)]
pub(crate) struct TcpListener {
    pub(super) inner: mio::net::TcpListener,
    pub(super) endpoint: Endpoint,
    options: KernelOptions,
}

impl TcpListener {
    pub(super) fn accept(&self) -> io::Result<(Stream, Remote)> {
        let (stream, peer) = retry(|| self.inner.accept())?;
        // A peer that has already reset makes this fail on some systems: its loss, not ours.
        tune(&SockRef::from(&stream), peer.is_ipv6(), &self.options)
            .map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error))?;
        Ok((Stream::Tcp(stream), Remote::Tcp(peer)))
    }
}

/// Binds to `addr` and listens.
pub(crate) fn bind(addr: SocketAddr, options: &KernelOptions) -> io::Result<Listener> {
    let socket = new_socket(addr)?;
    if addr.is_ipv6() {
        // With `ipv6`, `[::]` takes IPv4 as well, whatever the system's default is.
        socket.set_only_v6(!options.ipv6)?;
    }
    reuse_address(&socket)?;
    prepare(&socket, addr, options)?;
    socket.bind(&addr.into())?;
    socket.listen(options.backlog())?;
    listener(socket, options)
}

/// A socket that listens already.
pub(super) fn listener(socket: Socket, options: &KernelOptions) -> io::Result<Listener> {
    let inner = mio::net::TcpListener::from_std(socket.into());
    let endpoint = Endpoint::tcp(inner.local_addr()?);
    Ok(Listener::Tcp(TcpListener {
        inner,
        endpoint,
        options: options.clone(),
    }))
}

/// Starts to connect from `source` to `addr`; see [`Stream::finish_connect`].
pub(crate) fn connect(
    source: Option<SocketAddr>,
    addr: SocketAddr,
    options: &KernelOptions,
) -> io::Result<Stream> {
    let socket = new_socket(addr)?;
    prepare(&socket, addr, options)?;
    if let Some(source) = source {
        // A fixed source port must be usable again while its last connection is in TIME_WAIT.
        reuse_address(&socket)?;
        socket.bind(&source.into())?;
    }
    match socket.connect(&addr.into()) {
        Err(error) if !in_progress(&error) => Err(error),
        _ => Ok(Stream::Tcp(mio::net::TcpStream::from_std(socket.into()))),
    }
}

/// Whether the system does not know the family of the address at all.
pub(crate) fn is_family_missing(error: &io::Error) -> bool {
    #[cfg(unix)]
    return rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::AFNOSUPPORT);
    // WSAEAFNOSUPPORT.
    #[cfg(not(unix))]
    return error.raw_os_error() == Some(10047);
}

fn new_socket(addr: SocketAddr) -> io::Result<Socket> {
    // Close-on-exec on every system that knows it.
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// All that must be set before listen and connect.
fn prepare(socket: &Socket, addr: SocketAddr, options: &KernelOptions) -> io::Result<()> {
    tune(&SockRef::from(socket), addr.is_ipv6(), options)?;
    options.set_buffers(socket)?;
    if let Some(name) = &options.device {
        // Accepted sockets inherit it, and may not change it without a privilege.
        tuning::set_device(&SockRef::from(socket), name)?;
    }
    Ok(())
}

/// Whether the system grants what it alone can judge: what needs a privilege, and the names of
/// devices. An endpoint that is connected to would otherwise try again for ever.
pub(crate) fn check(options: &KernelOptions) -> io::Result<()> {
    if options.priority == 0 && options.busy_poll.is_none() && options.device.is_none() {
        return Ok(());
    }
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    for addr in [v4, v6] {
        // Without a socket nothing can be judged: the attempt to connect will tell.
        if let Ok(socket) = new_socket(addr) {
            return prepare(&socket, addr, options);
        }
    }
    Ok(())
}

/// On Windows the option would let another process steal the port, and TIME_WAIT does not
/// hinder a bind there.
#[cfg(unix)]
fn reuse_address(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

#[cfg(not(unix))]
fn reuse_address(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

fn in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    if rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::INPROGRESS) {
        return true;
    }
    // Windows.
    error.kind() == io::ErrorKind::WouldBlock
}

/// An accepted socket has inherited some of these, on some systems.
pub(super) fn tune(socket: &SockRef<'_>, ipv6: bool, options: &KernelOptions) -> io::Result<()> {
    suppress_sigpipe(socket)?;
    socket.set_tcp_nodelay(true)?;
    match options.keepalive {
        None => {}
        Some(false) => socket.set_keepalive(false)?,
        Some(true) => {
            socket.set_keepalive(true)?;
            socket.set_tcp_keepalive(&keepalive(options))?;
        }
    }
    if options.type_of_service != 0 {
        tuning::set_type_of_service(socket, ipv6, options.type_of_service)?;
    }
    if let Some(timeout) = options.user_timeout {
        tuning::set_user_timeout(socket, timeout)?;
    }
    // After the type of service, which would change it.
    if options.priority != 0 {
        tuning::set_priority(socket, options.priority)?;
    }
    if let Some(time) = options.busy_poll {
        tuning::set_busy_poll(socket, time)?;
    }
    Ok(())
}

fn keepalive(options: &KernelOptions) -> TcpKeepalive {
    // The system counts in whole seconds and refuses what is beyond the bounds of Linux.
    let seconds = |time: Duration| {
        let up = u64::from(time.subsec_nanos() > 0);
        Duration::from_secs(time.as_secs().saturating_add(up).clamp(1, 32767))
    };
    let mut keepalive = TcpKeepalive::new();
    if let Some(idle) = options.keepalive_idle {
        keepalive = keepalive.with_time(seconds(idle));
    }
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "macos",
        target_os = "ios",
        windows
    ))]
    {
        if let Some(interval) = options.keepalive_interval {
            keepalive = keepalive.with_interval(seconds(interval));
        }
        if let Some(count) = options.keepalive_count {
            keepalive = keepalive.with_retries(count.clamp(1, 127));
        }
    }
    keepalive
}
