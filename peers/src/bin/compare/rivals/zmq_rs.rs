//! zeromq, known as zmq.rs.

use bytes::Bytes;
use zeromq::{PullSocket, PushSocket, RepSocket, ReqSocket, Socket, SocketRecv, SocketSend};

use super::{Rival, Role, in_this_thread, with_port};
use crate::side::Result;

pub(super) enum ZmqRs {
    Push(PushSocket),
    Pull(PullSocket),
    Req(ReqSocket),
    Rep(RepSocket),
}

impl ZmqRs {
    fn new(role: Role) -> Self {
        match role {
            Role::Push => Self::Push(PushSocket::new()),
            Role::Pull => Self::Pull(PullSocket::new()),
            Role::Req => Self::Req(ReqSocket::new()),
            Role::Rep => Self::Rep(RepSocket::new()),
        }
    }
}

impl Rival for ZmqRs {
    fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
        in_this_thread(work)
    }

    async fn connect(role: Role, endpoint: &str) -> Result<Self> {
        let mut socket = Self::new(role);
        match &mut socket {
            Self::Push(push) => push.connect(endpoint).await?,
            Self::Pull(pull) => pull.connect(endpoint).await?,
            Self::Req(req) => req.connect(endpoint).await?,
            Self::Rep(rep) => rep.connect(endpoint).await?,
        }
        Ok(socket)
    }

    async fn bind(role: Role, endpoint: &str, at: impl FnOnce(&str) -> Result<()>) -> Result<Self> {
        let endpoint = with_port(endpoint)?;
        let mut socket = Self::new(role);
        match &mut socket {
            Self::Push(push) => push.bind(&endpoint).await?,
            Self::Pull(pull) => pull.bind(&endpoint).await?,
            Self::Req(req) => req.bind(&endpoint).await?,
            Self::Rep(rep) => rep.bind(&endpoint).await?,
        };
        at(&endpoint)?;
        Ok(socket)
    }

    async fn send(&mut self, data: &[u8]) -> Result<()> {
        let message = Bytes::copy_from_slice(data).into();
        match self {
            Self::Push(push) => push.send(message).await?,
            Self::Req(req) => req.send(message).await?,
            Self::Rep(rep) => rep.send(message).await?,
            Self::Pull(_) => return Err("a PULL sends nothing".into()),
        }
        Ok(())
    }

    async fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let message = match self {
            Self::Pull(pull) => pull.recv().await?,
            Self::Req(req) => req.recv().await?,
            Self::Rep(rep) => rep.recv().await?,
            Self::Push(_) => return Err("a PUSH receives nothing".into()),
        };
        Ok(look(message.get(0).ok_or("a message without frames")?))
    }
}
