//! Descriptors that were made elsewhere: sockets that listen, and streams that are connected.

use std::io;
use std::os::fd::OwnedFd;

use socket2::{Domain, SockRef, Socket, Type};

use super::{KernelOptions, Listener, Stream, ipc, tcp};
use crate::endpoint::Endpoint;

/// Takes a socket that listens.
pub(crate) fn listener(fd: OwnedFd, options: &KernelOptions) -> io::Result<Listener> {
    let (socket, domain) = adopt(fd, options)?;
    if !listens(&socket)? {
        return Err(wrong("it does not listen"));
    }
    if domain == Domain::UNIX {
        ipc::adopted_listener(socket, options)
    } else {
        tcp::listener(socket, options)
    }
}

/// Takes a connected stream; gives the endpoint at its other end, too.
pub(crate) fn stream(fd: OwnedFd, options: &KernelOptions) -> io::Result<(Stream, Endpoint)> {
    let (socket, domain) = adopt(fd, options)?;
    let peer = match socket.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            return Err(wrong("it is not connected"));
        }
        peer => peer?,
    };
    if domain == Domain::UNIX {
        let endpoint = ipc::endpoint_of(&peer).unwrap_or_else(Endpoint::ipc_unnamed);
        Ok((ipc::adopted_stream(socket)?, endpoint))
    } else {
        let peer = peer
            .as_socket()
            .ok_or_else(|| wrong("its peer has no address"))?;
        tcp::tune(&SockRef::from(&socket), peer.is_ipv6(), options)?;
        let stream = mio::net::TcpStream::from_std(socket.into());
        Ok((Stream::Tcp(stream), Endpoint::tcp(peer)))
    }
}

/// Makes it a socket like ours, if it is one of a kind that we have.
fn adopt(fd: OwnedFd, options: &KernelOptions) -> io::Result<(Socket, Domain)> {
    let socket = Socket::from(fd);
    if socket.r#type()? != Type::STREAM {
        return Err(wrong("it is no stream socket"));
    }
    let domain = socket.local_addr()?.domain();
    if ![Domain::IPV4, Domain::IPV6, Domain::UNIX].contains(&domain) {
        return Err(wrong("it is neither of tcp nor of ipc"));
    }
    socket.set_nonblocking(true)?;
    socket.set_cloexec(true)?;
    options.set_buffers(&socket)?;
    Ok((socket, domain))
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "fuchsia"
))]
fn listens(socket: &Socket) -> io::Result<bool> {
    socket.is_listener()
}

/// Where the system does not say, accepting will.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "fuchsia"
)))]
fn listens(socket: &Socket) -> io::Result<bool> {
    Ok(socket.peer_addr().is_err())
}
