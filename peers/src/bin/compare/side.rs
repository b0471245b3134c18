//! The two sides: what one run needs of a library, and how each of them does it.
//!
//! Both copy every message from one buffer of the application, receive one message at a time,
//! and have nothing set that is not set by default.

use std::error::Error;
use std::str::FromStr;

use peers::libzmq::{self, Kind, Part};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Which library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SideName {
    Zocket,
    Libzmq,
}

impl SideName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Zocket => "zocket",
            Self::Libzmq => "libzmq",
        }
    }
}

impl FromStr for SideName {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        [Self::Zocket, Self::Libzmq]
            .into_iter()
            .find(|side| side.as_str() == text)
            .ok_or_else(|| format!("no side {text:?}"))
    }
}

/// A library, as far as one run needs it.
pub(crate) trait Side {
    type Context: Clone;
    type Sender: Sender + Send;
    type Receiver: Receiver + Send;

    fn context() -> Self::Context;
    /// A PUSH that connects there.
    fn sender(context: &Self::Context, endpoint: &str) -> Result<Self::Sender>;
    /// A PULL that is bound there, and the endpoint it really got.
    fn receiver(context: &Self::Context, endpoint: &str) -> Result<(Self::Receiver, String)>;
}

pub(crate) trait Sender {
    fn send(&self, data: &[u8]) -> Result<()>;
    /// Returns when everything is sent.
    fn close(self) -> Result<()>;
}

pub(crate) trait Receiver {
    /// Receives one message and shows it.
    fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T>;
}

#[derive(Debug)]
pub(crate) struct Zocket;

impl Side for Zocket {
    type Context = zocket::Context;
    type Sender = zocket::Push;
    type Receiver = zocket::Pull;

    fn context() -> zocket::Context {
        zocket::Context::new()
    }

    fn sender(context: &zocket::Context, endpoint: &str) -> Result<zocket::Push> {
        let push = zocket::Push::builder().context(context).build()?;
        push.connect(endpoint)?;
        Ok(push)
    }

    fn receiver(context: &zocket::Context, endpoint: &str) -> Result<(zocket::Pull, String)> {
        let pull = zocket::Pull::builder().context(context).build()?;
        let endpoint = pull.bind(endpoint)?.to_string();
        Ok((pull, endpoint))
    }
}

impl Sender for zocket::Push {
    #[inline]
    fn send(&self, data: &[u8]) -> Result<()> {
        Ok(zocket::Push::send(self, data)?)
    }

    fn close(self) -> Result<()> {
        Ok(zocket::Push::close(&self)?)
    }
}

impl Receiver for zocket::Pull {
    #[inline]
    fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let message = zocket::Pull::recv(self)?;
        let frame = message.frames().next().ok_or("a message without frames")?;
        Ok(look(frame))
    }
}

#[derive(Debug)]
pub(crate) struct Libzmq;

/// The socket before its context, so that dropping it closes it first.
#[derive(Debug)]
pub(crate) struct LibzmqSender {
    socket: libzmq::Socket,
    context: libzmq::Context,
}

/// One part, used again for every message, as libzmq's own benchmark does.
#[derive(Debug)]
pub(crate) struct LibzmqReceiver {
    part: Part,
    socket: libzmq::Socket,
}

impl Side for Libzmq {
    type Context = libzmq::Context;
    type Sender = LibzmqSender;
    type Receiver = LibzmqReceiver;

    fn context() -> libzmq::Context {
        libzmq::Context::new()
    }

    fn sender(context: &libzmq::Context, endpoint: &str) -> Result<LibzmqSender> {
        let socket = context.socket(Kind::Push)?;
        socket.connect(endpoint)?;
        Ok(LibzmqSender {
            socket,
            context: context.clone(),
        })
    }

    fn receiver(context: &libzmq::Context, endpoint: &str) -> Result<(LibzmqReceiver, String)> {
        let socket = context.socket(Kind::Pull)?;
        let endpoint = socket.bind(endpoint)?;
        Ok((
            LibzmqReceiver {
                part: Part::new(),
                socket,
            },
            endpoint,
        ))
    }
}

impl Sender for LibzmqSender {
    #[inline]
    fn send(&self, data: &[u8]) -> Result<()> {
        Ok(self.socket.send_part(Part::copied_from(data), false)?)
    }

    fn close(self) -> Result<()> {
        drop(self.socket);
        // The last of the context waits for what is unsent.
        drop(self.context);
        Ok(())
    }
}

impl Receiver for LibzmqReceiver {
    #[inline]
    fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        self.socket.recv_part(&mut self.part)?;
        Ok(look(&self.part))
    }
}
