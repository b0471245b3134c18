//! zocket.

use std::pin::Pin;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use zocket::{
    Context, Dealer, Interest, Poller, Pull, Push, Rep, Req, Router, Sub, Upstream, XPub,
};

use super::{
    Answers, AwaitsPeers, BACKLOG, Echoes, HWM, Idle, Library, Publishes, Receives, Result, Sends,
    Socket, Subscribes,
};

/// As long as any process lives.
const FOR_EVER: Duration = Duration::from_secs(3600);

const HWM_MESSAGES: usize = HWM as usize;

#[derive(Debug)]
pub(crate) struct Zocket;

impl Library for Zocket {
    type Context = Context;
    type Push = Push;
    type Pull = Pull;
    type Req = Req;
    type Rep = Rep;
    type Publisher = XPub;
    type Subscriber = Sub;
    type Dealer = Dealer;
    type Router = Router;

    fn context(io_threads: usize) -> Result<Context> {
        Ok(Context::builder().io_threads(io_threads).build()?)
    }

    fn push(context: &Context, hwm: u32) -> Result<Push> {
        Ok(Push::builder()
            .context(context)
            .send_hwm(hwm as usize)
            .build()?)
    }

    fn pull(context: &Context) -> Result<Pull> {
        Ok(Pull::builder()
            .context(context)
            .backlog(BACKLOG)
            .recv_hwm(HWM_MESSAGES)
            .build()?)
    }

    fn req(context: &Context) -> Result<Req> {
        Ok(Req::builder()
            .context(context)
            .send_hwm(HWM_MESSAGES)
            .recv_hwm(HWM_MESSAGES)
            .build()?)
    }

    fn rep(context: &Context) -> Result<Rep> {
        Ok(Rep::builder()
            .context(context)
            .send_hwm(HWM_MESSAGES)
            .recv_hwm(HWM_MESSAGES)
            .build()?)
    }

    fn publisher(context: &Context) -> Result<XPub> {
        Ok(XPub::builder()
            .context(context)
            .send_hwm(HWM_MESSAGES)
            .nodrop(true)
            .verbose(true)
            .build()?)
    }

    fn subscriber(context: &Context) -> Result<Sub> {
        Ok(Sub::builder()
            .context(context)
            .recv_hwm(HWM_MESSAGES)
            .build()?)
    }

    fn dealer(context: &Context) -> Result<Dealer> {
        Ok(Dealer::builder()
            .context(context)
            .send_hwm(HWM_MESSAGES)
            .recv_hwm(HWM_MESSAGES)
            .build()?)
    }

    fn router(context: &Context) -> Result<Router> {
        Ok(Router::builder()
            .context(context)
            .send_hwm(HWM_MESSAGES)
            .recv_hwm(HWM_MESSAGES)
            .build()?)
    }

    fn wait_for_ever(pull: Pull, idle: Idle) -> Result<()> {
        pull.wait_for_peers(1, FOR_EVER)?;
        let pull: &'static Pull = Box::leak(Box::new(pull));
        match idle {
            Idle::Task => {
                let waiting = Box::leak(Box::new(pull.recv_async()));
                // Nothing comes, so nobody need be woken: this is all that a runtime would do.
                let mut context = std::task::Context::from_waker(Waker::noop());
                let polled = Pin::static_mut(waiting).poll(&mut context);
                if polled.is_ready() {
                    return Err("something came to a socket that nobody sends to".into());
                }
            }
            Idle::Poller => {
                let poller = Poller::new();
                poller.add(pull, 1, Interest::READABLE)?;
                thread::spawn(move || poller.wait(&mut Vec::new(), None).map(drop));
            }
        }
        Ok(())
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

socket!(Push, Pull, Req, Rep, XPub, Sub, Dealer, Router);
sends!(Push, Req, XPub, Dealer);
receives!(Pull, Req, Sub, Dealer);

impl Answers for Rep {
    #[inline]
    fn answer<T>(&mut self, reply: &[u8], look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let request = Rep::recv(self)?;
        let frame = request.frames().next().ok_or("a message without frames")?;
        let seen = look(frame);
        request.reply(reply)?;
        Ok(seen)
    }
}

impl AwaitsPeers for Pull {
    fn await_peers(&mut self, count: u64, ready: impl FnOnce() -> Result<()>) -> Result<()> {
        ready()?;
        Ok(self.wait_for_peers(usize::try_from(count)?, FOR_EVER)?)
    }
}

impl Publishes for XPub {
    fn await_subscriptions(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            match self.recv()? {
                Upstream::Subscribe(_) => {}
                other => return Err(format!("not a subscription: {other:?}").into()),
            }
        }
        Ok(())
    }
}

impl Subscribes for Sub {
    fn subscribe(&self, topic: &[u8]) -> Result<()> {
        Ok(Sub::subscribe(self, topic)?)
    }
}

impl Echoes for Router {
    #[inline]
    fn echo<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let (id, message) = self.recv_from()?;
        let frame = message.frames().next().ok_or("a message without frames")?;
        let seen = look(frame);
        self.send_to(&id, message)?;
        Ok(seen)
    }
}
