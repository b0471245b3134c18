//! Both libraries with CURVE: messages one way, and a question with its answer.
//!
//! The libzmq is one with libsodium, which is not that of the other cases. All are given the same
//! keys: which they are costs nothing.

use peers::libzmq::Kind;
use peers::sodium::{self, Curve};
use zocket::curve::{KeyPair, SecretKey};
use zocket::{Context, Pull, Push, Rep, Req, Security};

use super::{Answers, Asks, HWM, Idle, Pipeline, Receives, Result, Sends};

const HWM_MESSAGES: usize = HWM as usize;

fn server_keys() -> KeyPair {
    KeyPair::from_secret(SecretKey::new([0x53; 32]))
}

fn client_keys() -> KeyPair {
    KeyPair::from_secret(SecretKey::new([0x43; 32]))
}

/// zocket.
#[derive(Debug)]
pub(crate) struct CurveZocket;

impl CurveZocket {
    fn server() -> Security {
        Security::curve_server(server_keys())
    }

    fn client() -> Security {
        Security::curve_client(client_keys(), server_keys().public_key())
    }
}

impl Pipeline for CurveZocket {
    type Context = Context;
    type Sender = Push;
    type Receiver = Pull;

    fn context() -> Result<Context> {
        Ok(Context::new())
    }

    fn sender(context: &Context, endpoint: &str) -> Result<Push> {
        let push = Push::builder()
            .context(context)
            .security(Self::client())
            .send_hwm(HWM_MESSAGES)
            .build()?;
        push.connect(endpoint)?;
        Ok(push)
    }

    fn receiver(context: &Context, endpoint: &str) -> Result<(Pull, String)> {
        let pull = Pull::builder()
            .context(context)
            .security(Self::server())
            .recv_hwm(HWM_MESSAGES)
            .build()?;
        let endpoint = pull.bind(endpoint)?.to_string();
        Ok((pull, endpoint))
    }
}

impl Asks for CurveZocket {
    type Context = Context;
    type Asker = Req;
    type Answerer = Rep;

    fn context(io_threads: usize) -> Result<Context> {
        Ok(Context::builder().io_threads(io_threads).build()?)
    }

    fn asker(context: &Context, endpoints: &[&str]) -> Result<Req> {
        let req = Req::builder()
            .context(context)
            .security(Self::client())
            .send_hwm(HWM_MESSAGES)
            .recv_hwm(HWM_MESSAGES)
            .build()?;
        for endpoint in endpoints {
            req.connect(*endpoint)?;
        }
        Ok(req)
    }

    fn answerer(context: &Context, endpoint: &str) -> Result<(Rep, String)> {
        let rep = Rep::builder()
            .context(context)
            .security(Self::server())
            .send_hwm(HWM_MESSAGES)
            .recv_hwm(HWM_MESSAGES)
            .build()?;
        let endpoint = rep.bind(endpoint)?.to_string();
        Ok((rep, endpoint))
    }

    fn idle(_: &Context, _: &str, _: Idle) -> Result<()> {
        Err("nothing idles beside CURVE".into())
    }
}

/// libzmq with libsodium.
#[derive(Debug)]
pub(crate) struct CurveLibzmq;

impl CurveLibzmq {
    fn server(context: &sodium::Context, kind: Kind) -> Result<sodium::Socket> {
        let keys = server_keys();
        let curve = Curve::Server(keys.secret_key().as_bytes());
        Ok(context.socket(kind, i32::try_from(HWM)?, curve)?)
    }

    fn client(context: &sodium::Context, kind: Kind) -> Result<sodium::Socket> {
        let (server, client) = (server_keys(), client_keys());
        let curve = Curve::Client {
            server: server.public_key().as_bytes(),
            public: client.public_key().as_bytes(),
            secret: client.secret_key().as_bytes(),
        };
        Ok(context.socket(kind, i32::try_from(HWM)?, curve)?)
    }
}

impl Pipeline for CurveLibzmq {
    type Context = sodium::Context;
    type Sender = sodium::Socket;
    type Receiver = sodium::Socket;

    fn context() -> Result<sodium::Context> {
        Ok(sodium::Context::new()?)
    }

    fn sender(context: &sodium::Context, endpoint: &str) -> Result<sodium::Socket> {
        let push = Self::client(context, Kind::Push)?;
        push.connect(endpoint)?;
        Ok(push)
    }

    fn receiver(context: &sodium::Context, endpoint: &str) -> Result<(sodium::Socket, String)> {
        let pull = Self::server(context, Kind::Pull)?;
        let endpoint = pull.bind(endpoint)?;
        Ok((pull, endpoint))
    }
}

impl Asks for CurveLibzmq {
    type Context = sodium::Context;
    type Asker = sodium::Socket;
    type Answerer = sodium::Socket;

    /// With one I/O thread.
    fn context(_: usize) -> Result<sodium::Context> {
        Ok(sodium::Context::new()?)
    }

    fn asker(context: &sodium::Context, endpoints: &[&str]) -> Result<sodium::Socket> {
        let req = Self::client(context, Kind::Req)?;
        for endpoint in endpoints {
            req.connect(endpoint)?;
        }
        Ok(req)
    }

    fn answerer(context: &sodium::Context, endpoint: &str) -> Result<(sodium::Socket, String)> {
        let rep = Self::server(context, Kind::Rep)?;
        let endpoint = rep.bind(endpoint)?;
        Ok((rep, endpoint))
    }

    fn idle(_: &sodium::Context, _: &str, _: Idle) -> Result<()> {
        Err("nothing idles beside CURVE".into())
    }
}

impl Sends for sodium::Socket {
    #[inline]
    fn send(&mut self, data: &[u8]) -> Result<()> {
        Ok(sodium::Socket::send(self, data)?)
    }

    /// The last of a context waits for what is unsent, so this is to be the last.
    fn close(self) -> Result<()> {
        Ok(())
    }
}

impl Receives for sodium::Socket {
    #[inline]
    fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        Ok(sodium::Socket::recv(self, look)?)
    }
}

impl Answers for sodium::Socket {
    #[inline]
    fn answer<T>(&mut self, reply: &[u8], look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let seen = sodium::Socket::recv(self, look)?;
        sodium::Socket::send(self, reply)?;
        Ok(seen)
    }
}
