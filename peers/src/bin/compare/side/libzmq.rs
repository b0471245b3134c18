//! libzmq.

use peers::libzmq::{self, Context, Kind, Opt, Part};

use super::{HWM, Library, Receives, Result, Sends};

#[derive(Debug)]
pub(crate) struct Libzmq;

/// A socket of any kind, and one part, used again for every message that is received, as libzmq's
/// own benchmark does.
#[derive(Debug)]
pub(crate) struct Socket {
    part: Part,
    socket: libzmq::Socket,
}

impl Socket {
    fn new(context: &Context, kind: Kind) -> Result<Self> {
        let socket = context.socket(kind)?;
        socket.set(Opt::SendHwm, HWM as i32)?;
        socket.set(Opt::ReceiveHwm, HWM as i32)?;
        Ok(Self {
            part: Part::new(),
            socket,
        })
    }
}

impl Library for Libzmq {
    type Context = Context;
    type Push = Socket;
    type Pull = Socket;

    fn context(io_threads: usize) -> Result<Context> {
        Ok(Context::with_io_threads(io_threads)?)
    }

    fn push(context: &Context) -> Result<Socket> {
        Socket::new(context, Kind::Push)
    }

    fn pull(context: &Context) -> Result<Socket> {
        Socket::new(context, Kind::Pull)
    }
}

impl super::Socket for Socket {
    fn connect(&self, endpoint: &str) -> Result<()> {
        Ok(self.socket.connect(endpoint)?)
    }

    fn bind(&self, endpoint: &str) -> Result<String> {
        Ok(self.socket.bind(endpoint)?)
    }
}

impl Sends for Socket {
    #[inline]
    fn send(&mut self, data: &[u8]) -> Result<()> {
        Ok(self.socket.send_part(Part::copied_from(data), false)?)
    }

    /// The last of a context waits for what is unsent, so this is to be the last.
    fn close(self) -> Result<()> {
        Ok(())
    }
}

impl Receives for Socket {
    #[inline]
    fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        self.socket.recv_part(&mut self.part)?;
        Ok(look(&self.part))
    }
}
