//! monocoque-rs.

use bytes::Bytes;
use monocoque::SocketOptions;
use monocoque::rt::{LocalRuntime, TcpListener, TcpStream, UnixListener, UnixStream};
use monocoque::zmq::{PullSocket, PushSocket, RepSocket, ReqSocket};

use super::{Rival, Role};
use crate::side::{HWM, Result};

/// With write coalescing, or without.
pub(super) struct Monocoque<const COALESCING: bool> {
    socket: Socket,
    /// What was received, in memory that is used again.
    frames: Vec<Bytes>,
}

enum Socket {
    TcpPush(PushSocket<TcpStream>),
    TcpPull(PullSocket<TcpStream>),
    TcpReq(ReqSocket<TcpStream>),
    TcpRep(RepSocket<TcpStream>),
    IpcPush(PushSocket<UnixStream>),
    IpcPull(PullSocket<UnixStream>),
    IpcReq(ReqSocket<UnixStream>),
    IpcRep(RepSocket<UnixStream>),
}

impl<const COALESCING: bool> Monocoque<COALESCING> {
    fn options() -> SocketOptions {
        let hwm = HWM as usize;
        SocketOptions::default()
            .with_send_hwm(hwm)
            .with_recv_hwm(hwm)
            .with_write_coalescing(COALESCING)
    }

    fn new(socket: Socket) -> Self {
        Self {
            socket,
            frames: Vec::new(),
        }
    }

    async fn tcp(role: Role, stream: TcpStream) -> Result<Self> {
        let options = Self::options();
        Ok(Self::new(match role {
            Role::Push => {
                Socket::TcpPush(PushSocket::from_tcp_with_options(stream, options).await?)
            }
            Role::Pull => {
                Socket::TcpPull(PullSocket::from_tcp_with_options(stream, options).await?)
            }
            Role::Req => Socket::TcpReq(ReqSocket::from_tcp_with_options(stream, options).await?),
            Role::Rep => Socket::TcpRep(RepSocket::from_tcp_with_options(stream, options).await?),
        }))
    }

    async fn ipc(role: Role, stream: UnixStream) -> Result<Self> {
        let options = Self::options();
        Ok(Self::new(match role {
            Role::Push => {
                Socket::IpcPush(PushSocket::from_unix_stream_with_options(stream, options).await?)
            }
            Role::Pull => {
                Socket::IpcPull(PullSocket::from_unix_stream_with_options(stream, options).await?)
            }
            Role::Req => {
                Socket::IpcReq(ReqSocket::from_unix_stream_with_options(stream, options).await?)
            }
            Role::Rep => {
                Socket::IpcRep(RepSocket::from_unix_stream_with_options(stream, options).await?)
            }
        }))
    }
}

impl<const COALESCING: bool> Rival for Monocoque<COALESCING> {
    fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
        LocalRuntime::new()?.block_on(work)
    }

    async fn connect(role: Role, endpoint: &str) -> Result<Self> {
        match endpoint.split_once("://") {
            Some(("tcp", address)) => Self::tcp(role, TcpStream::connect(address).await?).await,
            Some(("ipc", path)) => Self::ipc(role, UnixStream::connect(path).await?).await,
            _ => Err(format!("no {endpoint} for it").into()),
        }
    }

    async fn bind(role: Role, endpoint: &str, at: impl FnOnce(&str) -> Result<()>) -> Result<Self> {
        match endpoint.split_once("://") {
            Some(("tcp", address)) => {
                let listener = TcpListener::bind(address.replace('*', "0")).await?;
                at(&format!("tcp://{}", listener.local_addr()?))?;
                Self::tcp(role, listener.accept().await?.0).await
            }
            Some(("ipc", path)) => {
                let listener = UnixListener::bind(path).await?;
                at(endpoint)?;
                Self::ipc(role, listener.accept().await?.0).await
            }
            _ => Err(format!("no {endpoint} for it").into()),
        }
    }

    async fn send(&mut self, data: &[u8]) -> Result<()> {
        let frame = Bytes::copy_from_slice(data);
        match &mut self.socket {
            Socket::TcpPush(push) => push.send_one(frame).await?,
            Socket::IpcPush(push) => push.send_one(frame).await?,
            Socket::TcpReq(req) => req.send_one(frame).await?,
            Socket::IpcReq(req) => req.send_one(frame).await?,
            Socket::TcpRep(rep) => rep.send(vec![frame]).await?,
            Socket::IpcRep(rep) => rep.send(vec![frame]).await?,
            Socket::TcpPull(_) | Socket::IpcPull(_) => return Err("a PULL sends nothing".into()),
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        match &mut self.socket {
            Socket::TcpPush(push) => push.flush().await?,
            Socket::IpcPush(push) => push.flush().await?,
            _ => {}
        }
        Ok(())
    }

    async fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let frames = &mut self.frames;
        let is_open = match &mut self.socket {
            Socket::TcpPull(pull) => pull.recv_into(frames).await?,
            Socket::IpcPull(pull) => pull.recv_into(frames).await?,
            Socket::TcpReq(req) => req.recv_into(frames).await?,
            Socket::IpcReq(req) => req.recv_into(frames).await?,
            Socket::TcpRep(rep) => rep.recv_into(frames).await?,
            Socket::IpcRep(rep) => rep.recv_into(frames).await?,
            Socket::TcpPush(_) | Socket::IpcPush(_) => {
                return Err("a PUSH receives nothing".into());
            }
        };
        match frames.first() {
            Some(frame) if is_open => Ok(look(frame)),
            _ => Err("the connection ended".into()),
        }
    }
}
