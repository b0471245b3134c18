//! rzmq.

use rzmq::socket::options::{ADAPTIVE_THROTTLE, RCVHWM, SNDHWM, TCP_CORK};
use rzmq::{Context, Msg, Socket, SocketType};

use super::{Rival, Role, with_port};
use crate::side::{HWM, Result};

pub(super) struct Rzmq {
    socket: Socket,
    _context: Context,
}

impl Rzmq {
    async fn new(role: Role) -> Result<Self> {
        let context = Context::new()?;
        let socket = context.socket(match role {
            Role::Push => SocketType::Push,
            Role::Pull => SocketType::Pull,
            Role::Req => SocketType::Req,
            Role::Rep => SocketType::Rep,
        })?;
        let hwm = i32::try_from(HWM)?;
        socket.set_option(SNDHWM, hwm).await?;
        socket.set_option(RCVHWM, hwm).await?;
        socket.set_option(ADAPTIVE_THROTTLE, 0_i32).await?;
        if role == Role::Push {
            socket.set_option(TCP_CORK, 1_i32).await?;
        }
        Ok(Self {
            socket,
            _context: context,
        })
    }
}

impl Rival for Rzmq {
    fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(work)
    }

    async fn connect(role: Role, endpoint: &str) -> Result<Self> {
        let rzmq = Self::new(role).await?;
        rzmq.socket.connect(endpoint).await?;
        Ok(rzmq)
    }

    async fn bind(role: Role, endpoint: &str, at: impl FnOnce(&str) -> Result<()>) -> Result<Self> {
        let rzmq = Self::new(role).await?;
        let endpoint = with_port(endpoint)?;
        rzmq.socket.bind(&endpoint).await?;
        at(&endpoint)?;
        Ok(rzmq)
    }

    async fn send(&mut self, data: &[u8]) -> Result<()> {
        Ok(self.socket.send(Msg::from_vec(data.to_vec())).await?)
    }

    async fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let message = self.socket.recv().await?;
        Ok(look(message.data().ok_or("a message without data")?))
    }
}
