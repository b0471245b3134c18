//! omq-tokio.

use omq_tokio::{Context, Message, Options, Socket, SocketType};

use super::{Rival, Role, in_this_thread, with_port};
use crate::side::{HWM, Result};

/// With an I/O thread of its own, or without.
pub(super) struct Omq<const OWN: bool> {
    socket: Socket,
    /// Whose thread it is.
    _context: Option<Context>,
}

impl<const OWN: bool> Omq<OWN> {
    fn new(role: Role) -> Self {
        let kind = match role {
            Role::Push => SocketType::Push,
            Role::Pull => SocketType::Pull,
            Role::Req => SocketType::Req,
            Role::Rep => SocketType::Rep,
        };
        // libzmq's linger, not none: what was sent last is to arrive.
        let options = Options::default()
            .send_hwm(HWM)
            .recv_hwm(HWM)
            .linger_forever();
        if OWN {
            let context = Context::new();
            Self {
                socket: context.socket(kind, options),
                _context: Some(context),
            }
        } else {
            Self {
                socket: Socket::new(kind, options),
                _context: None,
            }
        }
    }
}

impl<const OWN: bool> Rival for Omq<OWN> {
    fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
        in_this_thread(work)
    }

    async fn connect(role: Role, endpoint: &str) -> Result<Self> {
        let omq = Self::new(role);
        omq.socket.connect(endpoint).await?;
        Ok(omq)
    }

    async fn bind(role: Role, endpoint: &str, at: impl FnOnce(&str) -> Result<()>) -> Result<Self> {
        let omq = Self::new(role);
        let endpoint = with_port(endpoint)?;
        omq.socket.bind(endpoint.as_str()).await?;
        at(&endpoint)?;
        Ok(omq)
    }

    async fn send(&mut self, data: &[u8]) -> Result<()> {
        Ok(self.socket.send(Message::from_slice(data)).await?)
    }

    async fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let message = self.socket.recv().await?;
        Ok(look(
            message.part_slice(0).ok_or("a message without parts")?,
        ))
    }
}
