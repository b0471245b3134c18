//! libzmq.

use std::thread;
use std::time::Duration;

use peers::libzmq::{self, BytesOpt, Context, Event, Kind, Opt, Part};

use super::{
    Answers, AwaitsPeers, BACKLOG, Echoes, HWM, Idle, Library, Publishes, Receives, Result, Sends,
    Subscribes,
};

/// As long as any process lives.
const FOR_EVER: Duration = Duration::from_secs(3600);

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
        Self::with_hwm(context, kind, HWM)
    }

    fn with_hwm(context: &Context, kind: Kind, hwm: u32) -> Result<Self> {
        let socket = context.socket(kind)?;
        let hwm = i32::try_from(hwm)?;
        socket.set(Opt::SendHwm, hwm)?;
        socket.set(Opt::ReceiveHwm, hwm)?;
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
    type Req = Socket;
    type Rep = Socket;
    type Publisher = Socket;
    type Subscriber = Socket;
    type Dealer = Socket;
    type Router = Router;

    fn context(io_threads: usize) -> Result<Context> {
        Ok(Context::with_io_threads(io_threads)?)
    }

    fn push(context: &Context, hwm: u32) -> Result<Socket> {
        Socket::with_hwm(context, Kind::Push, hwm)
    }

    fn pull(context: &Context) -> Result<Socket> {
        let pull = Socket::new(context, Kind::Pull)?;
        pull.socket.set(Opt::Backlog, i32::try_from(BACKLOG)?)?;
        Ok(pull)
    }

    fn req(context: &Context) -> Result<Socket> {
        Socket::new(context, Kind::Req)
    }

    fn rep(context: &Context) -> Result<Socket> {
        Socket::new(context, Kind::Rep)
    }

    fn publisher(context: &Context) -> Result<Socket> {
        let publisher = Socket::new(context, Kind::XPub)?;
        publisher.socket.set(Opt::XPubNoDrop, 1)?;
        publisher.socket.set(Opt::XPubVerbose, 1)?;
        Ok(publisher)
    }

    fn subscriber(context: &Context) -> Result<Socket> {
        let subscriber = Socket::new(context, Kind::Sub)?;
        // Subscriptions are what it sends, and libzmq drops those that find its queue full.
        subscriber.socket.set(Opt::SendHwm, 0)?;
        Ok(subscriber)
    }

    fn dealer(context: &Context) -> Result<Socket> {
        Socket::new(context, Kind::Dealer)
    }

    fn router(context: &Context) -> Result<Router> {
        Ok(Router {
            id: Part::new(),
            body: Socket::new(context, Kind::Router)?,
        })
    }

    fn wait_for_ever(mut pull: Socket, idle: Idle) -> Result<()> {
        thread::spawn(move || match idle {
            // It has no tasks.
            Idle::Task => pull.recv(|_| ()),
            Idle::Poller => Ok(pull.socket.poll_readable(FOR_EVER).map(drop)?),
        });
        Ok(())
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

impl Answers for Socket {
    #[inline]
    fn answer<T>(&mut self, reply: &[u8], look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let seen = self.recv(look)?;
        self.send(reply)?;
        Ok(seen)
    }
}

impl AwaitsPeers for Socket {
    fn await_peers(&mut self, count: u64, ready: impl FnOnce() -> Result<()>) -> Result<()> {
        let monitor = self.socket.monitor()?;
        ready()?;
        for _ in 0..count {
            if monitor.next(FOR_EVER)? != Some(Event::Handshaken) {
                return Err("a connection ended".into());
            }
        }
        Ok(())
    }
}

impl Publishes for Socket {
    fn await_subscriptions(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            if !self.recv(|data| data.first() == Some(&1))? {
                return Err("not a subscription".into());
            }
        }
        Ok(())
    }
}

impl Subscribes for Socket {
    fn subscribe(&self, topic: &[u8]) -> Result<()> {
        Ok(self.socket.set_bytes(BytesOpt::Subscribe, topic)?)
    }
}

/// The parts of a message, both used again for every one that is received.
#[derive(Debug)]
pub(crate) struct Router {
    id: Part,
    body: Socket,
}

impl super::Socket for Router {
    fn connect(&self, endpoint: &str) -> Result<()> {
        self.body.connect(endpoint)
    }

    fn bind(&self, endpoint: &str) -> Result<String> {
        self.body.bind(endpoint)
    }
}

impl Echoes for Router {
    #[inline]
    fn echo<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let Socket { part, socket } = &mut self.body;
        socket.recv_part(&mut self.id)?;
        socket.recv_part(part)?;
        let seen = look(part);
        socket.send_part(std::mem::take(&mut self.id), true)?;
        socket.send_part(std::mem::take(part), false)?;
        Ok(seen)
    }
}
