//! zocket.

use zocket::{Context, Pull, Push};

use super::{HWM, Library, Receives, Result, Sends, Socket};

#[derive(Debug)]
pub(crate) struct Zocket;

impl Library for Zocket {
    type Context = Context;
    type Push = Push;
    type Pull = Pull;

    fn context(io_threads: usize) -> Result<Context> {
        Ok(Context::builder().io_threads(io_threads).build()?)
    }

    fn push(context: &Context) -> Result<Push> {
        Ok(Push::builder()
            .context(context)
            .send_hwm(HWM as usize)
            .build()?)
    }

    fn pull(context: &Context) -> Result<Pull> {
        Ok(Pull::builder()
            .context(context)
            .recv_hwm(HWM as usize)
            .build()?)
    }
}

macro_rules! socket {
    ($($kind:ident),*) => {$(
        impl Socket for $kind {
            fn connect(&self, endpoint: &str) -> Result<()> {
                $kind::connect(self, endpoint)?;
                Ok(())
            }

            fn bind(&self, endpoint: &str) -> Result<String> {
                Ok($kind::bind(self, endpoint)?.to_string())
            }
        }
    )*};
}

macro_rules! sends {
    ($($kind:ident),*) => {$(
        impl Sends for $kind {
            #[inline]
            fn send(&mut self, data: &[u8]) -> Result<()> {
                Ok($kind::send(self, data)?)
            }

            fn close(self) -> Result<()> {
                Ok($kind::close(&self)?)
            }
        }
    )*};
}

macro_rules! receives {
    ($($kind:ident),*) => {$(
        impl Receives for $kind {
            #[inline]
            fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
                let message = $kind::recv(self)?;
                let frame = message.frames().next().ok_or("a message without frames")?;
                Ok(look(frame))
            }
        }
    )*};
}

socket!(Push, Pull);
sends!(Push);
receives!(Pull);
