//! Non-blocking byte streams and listeners over tcp and ipc, which know nothing of ZMTP.
//!
//! [`Stream`] and [`Listener`] are what `io` relies on; `tcp` and `ipc` make them. `tuning` has the
//! options of tcp sockets that not every system has, `socks` is how a proxy is asked for a connection,
//! `adopt` takes sockets that were made elsewhere.

#[cfg(unix)]
pub(crate) mod adopt;
pub(crate) mod ipc;
pub(crate) mod socks;
pub(crate) mod tcp;
#[cfg(test)]
mod tests;
pub(crate) mod tuning;

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::time::Duration;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use socket2::{SockRef, Socket};

use crate::admission::Remote;
use crate::endpoint::Endpoint;
use crate::peer_info::PeerCredentials;

/// The options of the system's sockets.
#[derive(Clone, Debug)]
pub(crate) struct KernelOptions {
    pub(crate) send_buffer: Option<usize>,
    pub(crate) recv_buffer: Option<usize>,
    pub(crate) backlog: u32,
    /// `None` leaves keep-alive, and all of its timing, to the system.
    pub(crate) keepalive: Option<bool>,
    pub(crate) keepalive_idle: Option<Duration>,
    pub(crate) keepalive_interval: Option<Duration>,
    pub(crate) keepalive_count: Option<u32>,
    pub(crate) ipv6: bool,
    /// Of tcp; 0 leaves it to the system.
    pub(crate) type_of_service: u8,
    /// Of tcp; in whole milliseconds.
    pub(crate) user_timeout: Option<Duration>,
    /// Of tcp; 0 leaves it to the system.
    pub(crate) priority: u32,
    /// Of tcp; in whole microseconds.
    pub(crate) busy_poll: Option<Duration>,
    /// The network device that tcp is bound to.
    pub(crate) device: Option<String>,
}

impl Default for KernelOptions {
    fn default() -> Self {
        Self {
            send_buffer: None,
            recv_buffer: None,
            backlog: 100,
            keepalive: None,
            keepalive_idle: None,
            keepalive_interval: None,
            keepalive_count: None,
            ipv6: false,
            type_of_service: 0,
            user_timeout: None,
            priority: 0,
            busy_poll: None,
            device: None,
        }
    }
}

impl KernelOptions {
    fn backlog(&self) -> i32 {
        i32::try_from(self.backlog).unwrap_or(i32::MAX)
    }

    /// The buffers decide on the window scale at the handshake, so that they must be set before
    /// listen and connect; accepted sockets inherit them.
    fn set_buffers(&self, socket: &Socket) -> io::Result<()> {
        // The system counts in 32 bits, and would take the lower ones of what is more.
        const MOST: usize = i32::MAX as usize;
        if let Some(size) = self.send_buffer {
            socket.set_send_buffer_size(size.min(MOST))?;
        }
        if let Some(size) = self.recv_buffer {
            socket.set_recv_buffer_size(size.min(MOST))?;
        }
        Ok(())
    }
}

/// A connected stream, or one that is about to be.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(mio::net::TcpStream),
    #[cfg(unix)]
    Ipc(mio::net::UnixStream),
}

impl Stream {
    fn socket(&self) -> SockRef<'_> {
        match self {
            Stream::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Stream::Ipc(stream) => SockRef::from(stream),
        }
    }

    /// Whose process is at the other end, over ipc, if the system says so.
    pub(crate) fn credentials(&self) -> Option<PeerCredentials> {
        match self {
            Stream::Tcp(_) => None,
            #[cfg(unix)]
            Stream::Ipc(stream) => ipc::credentials(stream),
        }
    }

    /// Reads once, as much as fits into `buf`; `Ok(0)` is the end of the stream.
    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        use std::io::Read;
        match self {
            Stream::Tcp(stream) => retry(|| (&*stream).read(buf)),
            #[cfg(unix)]
            Stream::Ipc(stream) => retry(|| (&*stream).read(buf)),
        }
    }

    /// Reads once into the spare capacity of `buf`; `Ok(0)` is the end of the stream.
    #[cfg(unix)]
    pub(crate) fn read_into(&self, buf: &mut Vec<u8>) -> io::Result<usize> {
        reserve(buf);
        let socket = self.socket();
        loop {
            match rustix::io::read(&*socket, rustix::buffer::spare_capacity(buf)) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }

    /// Reads once into the spare capacity of `buf`, which is zeroed for it; `Ok(0)` is the end of the
    /// stream.
    #[cfg(not(unix))]
    pub(crate) fn read_into(&self, buf: &mut Vec<u8>) -> io::Result<usize> {
        reserve(buf);
        let old = buf.len();
        buf.resize(buf.capacity(), 0);
        let result = match buf.get_mut(old..) {
            Some(spare) => self.read(spare),
            None => Ok(0),
        };
        buf.truncate(old + result.as_ref().copied().unwrap_or(0));
        result
    }

    /// Writes what the system takes of `slices`, without a SIGPIPE if the peer has gone.
    #[cfg(unix)]
    pub(crate) fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // The system refuses more than IOV_MAX slices rather than writing fewer.
        let slices = slices.get(..MAX_SLICES).unwrap_or(slices);
        let socket = self.socket();
        loop {
            let mut control = rustix::net::SendAncillaryBuffer::default();
            match rustix::net::sendmsg(&*socket, slices, &mut control, send_flags()) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }

    /// Writes what the system takes of `slices`.
    #[cfg(not(unix))]
    pub(crate) fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        use std::io::Write;
        // Through mio, which must see a WouldBlock to watch for readiness again.
        let Stream::Tcp(stream) = self;
        let mut stream = stream;
        retry(|| stream.write_vectored(slices))
    }

    /// Writes what the system takes of `bytes`, without a SIGPIPE if the peer has gone.
    #[cfg(unix)]
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let socket = self.socket();
        loop {
            match rustix::net::send(&*socket, bytes, send_flags()) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }

    /// Writes what the system takes of `bytes`.
    #[cfg(not(unix))]
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    /// Tells the peer that nothing more will be written.
    pub(crate) fn shutdown_write(&self) {
        // It fails only if the connection is gone, which the next read tells as well.
        let _ = self.socket().shutdown(Shutdown::Write);
    }

    /// Whether the stream is connected by now; an error if the attempt failed.
    pub(crate) fn finish_connect(&self) -> io::Result<bool> {
        if let Some(error) = self.socket().take_error()? {
            return Err(error);
        }
        match self {
            Stream::Tcp(stream) => {
                let peer = match stream.peer_addr() {
                    Ok(peer) => peer,
                    Err(error) => return not_yet(error),
                };
                // A connection attempt to a closed port of the ephemeral range can be given that
                // very port as its own, and then meets itself (simultaneous open).
                if stream.local_addr()? == peer {
                    return Err(io::Error::new(
                        io::ErrorKind::ConnectionRefused,
                        "connected to itself",
                    ));
                }
                Ok(true)
            }
            #[cfg(unix)]
            Stream::Ipc(stream) => match stream.peer_addr() {
                Ok(_) => Ok(true),
                Err(error) => not_yet(error),
            },
        }
    }
}

fn not_yet(error: io::Error) -> io::Result<bool> {
    match error.kind() {
        io::ErrorKind::NotConnected | io::ErrorKind::WouldBlock => Ok(false),
        _ => Err(error),
    }
}

/// Without spare capacity a read of nothing would look like the end of the stream.
fn reserve(buf: &mut Vec<u8>) {
    if buf.len() == buf.capacity() {
        buf.reserve(8192);
    }
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// IOV_MAX of Linux, macOS and the BSDs.
#[cfg(unix)]
const MAX_SLICES: usize = 1024;

#[cfg(unix)]
fn send_flags() -> rustix::net::SendFlags {
    // Where there is no such flag, `suppress_sigpipe` has set the option of the socket.
    #[cfg(target_vendor = "apple")]
    return rustix::net::SendFlags::empty();
    #[cfg(not(target_vendor = "apple"))]
    rustix::net::SendFlags::NOSIGNAL
}

#[cfg(target_vendor = "apple")]
fn suppress_sigpipe(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_nosigpipe(true)
}

#[cfg(not(target_vendor = "apple"))]
fn suppress_sigpipe(_socket: &SockRef<'_>) -> io::Result<()> {
    Ok(())
}

/// A bound and listening socket; dropping it removes what it left in the file system.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(tcp::TcpListener),
    #[cfg(unix)]
    Ipc(ipc::IpcListener),
}

impl Listener {
    /// Accepts one connection, and says who it is from.
    pub(crate) fn accept(&self) -> io::Result<(Stream, Remote)> {
        match self {
            Listener::Tcp(listener) => listener.accept(),
            #[cfg(unix)]
            Listener::Ipc(listener) => listener.accept(),
        }
    }

    /// Where to connect to, with the real port or path instead of a wildcard.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        match self {
            Listener::Tcp(listener) => &listener.endpoint,
            #[cfg(unix)]
            Listener::Ipc(listener) => &listener.endpoint,
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Listener::Tcp(listener) => &mut listener.inner,
            #[cfg(unix)]
            Listener::Ipc(listener) => &mut listener.inner,
        }
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, want: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.register(registry, token, want),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.register(registry, token, want),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, want: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.reregister(registry, token, want),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.reregister(registry, token, want),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.deregister(registry),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.deregister(registry),
        }
    }
}

impl Source for Listener {
    fn register(&mut self, registry: &Registry, token: Token, want: Interest) -> io::Result<()> {
        self.source().register(registry, token, want)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, want: Interest) -> io::Result<()> {
        self.source().reregister(registry, token, want)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }
}

/// Whether descriptors or memory have run out, so that trying again at once is of no use.
#[cfg(unix)]
pub(crate) fn is_resource_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}

/// Whether a socket does not listen any more, which another process that has it can bring about.
#[cfg(unix)]
pub(crate) fn is_no_listener(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::INVAL)
}

/// Whether a socket does not listen any more; here nobody else can have it.
#[cfg(not(unix))]
pub(crate) fn is_no_listener(_: &io::Error) -> bool {
    false
}

/// Whether descriptors or memory have run out, so that trying again at once is of no use.
#[cfg(not(unix))]
pub(crate) fn is_resource_shortage(error: &io::Error) -> bool {
    // WSAEMFILE and WSAENOBUFS.
    matches!(error.raw_os_error(), Some(10024 | 10055))
        || error.kind() == io::ErrorKind::OutOfMemory
}
