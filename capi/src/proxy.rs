//! Proxies: what one socket receives another sends, until a signal or the end of the context.

use std::ffi::c_int;
use std::sync::Arc;

use zocket::{Frame, Message, SocketType};

use crate::border::{Handle, answer};
use crate::errno::{EAGAIN, EFAULT, EINVAL, Errno};
use crate::events::{POLLIN, POLLOUT};
use crate::poll::{Source, Wanted, wait};
use crate::send::DONTWAIT;
use crate::socket::{Entry, find};
use crate::waiting::Patience;

/// How many messages go one way before the other has its turn.
const BURST: usize = 1000;

/// What has passed one side: whole messages are counted by their parts, as libzmq does.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    received: Count,
    sent: Count,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    parts: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, message: &Message) {
        self.parts += message.len() as u64;
        self.bytes += message.byte_len() as u64;
    }
}

struct Proxy {
    sides: [Arc<Entry>; 2],
    capture: Option<Arc<Entry>>,
    control: Option<Arc<Entry>>,
    passed: [Passed; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Active,
    Paused,
    Terminated,
}

impl Proxy {
    fn run(&mut self) -> Result<(), Errno> {
        let mut state = State::Active;
        while state != State::Terminated {
            let mut wanted = self.wanted(state)?;
            wait(&mut wanted, Patience::Forever, None)?;
            if let Some(control) = self.control.clone()
                && control.events() & POLLIN != 0
            {
                state = self.obey(&control, state)?;
            }
            if state == State::Active {
                self.relay(0)?;
                if !Arc::ptr_eq(&self.sides[0], &self.sides[1]) {
                    self.relay(1)?;
                }
            }
        }
        Ok(())
    }

    /// What there is to wait for: what can be received where it could be sent on, and otherwise that it
    /// can be.
    fn wanted(&self, state: State) -> Result<Vec<Wanted>, Errno> {
        let mut wanted = Vec::new();
        let mut want = |entry: &Arc<Entry>, events| {
            wanted.push(Wanted {
                source: Source::Socket(entry.clone()),
                events,
                found: 0,
            });
        };
        if let Some(control) = &self.control {
            want(control, POLLIN);
        }
        if state == State::Active {
            for (from, to) in self.ways() {
                from.check_open()?;
                if from.events() & POLLIN == 0 || self.may_pass(from, to) {
                    want(from, POLLIN);
                } else {
                    want(to, POLLOUT);
                }
            }
        }
        Ok(wanted)
    }

    fn ways(&self) -> impl Iterator<Item = (&Arc<Entry>, &Arc<Entry>)> {
        let [front, back] = &self.sides;
        let both = !Arc::ptr_eq(front, back);
        [(front, back), (back, front)]
            .into_iter()
            .take(1 + usize::from(both))
    }

    /// Whether what is received could be sent on. One socket alone has somebody to send to when it has
    /// received.
    fn may_pass(&self, from: &Arc<Entry>, to: &Arc<Entry>) -> bool {
        Arc::ptr_eq(from, to) || to.events() & POLLOUT != 0
    }

    /// Passes on what one side has, as long as there is room at the other.
    fn relay(&mut self, from: usize) -> Result<(), Errno> {
        let to = 1 - from;
        let source = self.sides[from].clone();
        let sink = self.sides[to].clone();
        for _ in 0..BURST {
            if source.events() & POLLIN == 0 || !self.may_pass(&source, &sink) {
                break;
            }
            let message = match source.recv_whole() {
                Ok(message) => message,
                Err(EAGAIN) => break,
                Err(error) => return Err(error),
            };
            self.passed[from].received.add(&message);
            if let Some(capture) = &self.capture {
                capture
                    .send_message(message.clone(), 0)
                    .map_err(|(_, error)| error)?;
            }
            self.passed[to].sent.add(&message);
            sink.send_message(message, 0).map_err(|(_, error)| error)?;
        }
        Ok(())
    }

    /// Does what the control socket says.
    fn obey(&self, control: &Entry, state: State) -> Result<State, Errno> {
        let order = match control.recv_whole() {
            Ok(order) => order,
            Err(EAGAIN) => return Ok(state),
            Err(error) => return Err(error),
        };
        let mut reply = Message::new();
        let next = match order.first().as_slice() {
            b"PAUSE" => State::Paused,
            b"RESUME" => State::Active,
            b"TERMINATE" => State::Terminated,
            b"STATISTICS" => {
                reply = self.statistics();
                state
            }
            _ => state,
        };
        let asked = reply.len() > 1;
        let answers = control.socket_type == SocketType::Rep;
        if answers || asked {
            control.send_message(reply, 0).map_err(|(_, error)| error)?;
        }
        Ok(next)
    }

    fn statistics(&self) -> Message {
        let numbers = self.passed.iter().flat_map(|side| {
            [
                side.received.parts,
                side.received.bytes,
                side.sent.parts,
                side.sent.bytes,
            ]
        });
        numbers
            .map(|number| Frame::copy_from_slice(&number.to_ne_bytes()))
            .collect()
    }
}

impl Entry {
    /// Takes all parts of a message that is there.
    fn recv_whole(&self) -> Result<Message, Errno> {
        let mut parts = Vec::new();
        loop {
            let part = self.recv_part(DONTWAIT)?;
            parts.push(part.frame);
            if !part.more {
                return Ok(parts.into());
            }
        }
    }
}

fn run(front: Handle, back: Handle, capture: Handle, control: Handle) -> Result<c_int, Errno> {
    if front.is_null() || back.is_null() {
        return Err(EFAULT);
    }
    let share = |handle: Handle| find(handle).map(|entry| entry.share());
    let optional = |handle: Handle| (!handle.is_null()).then(|| share(handle)).transpose();
    let mut proxy = Proxy {
        sides: [share(front)?, share(back)?],
        capture: optional(capture)?,
        control: optional(control)?,
        passed: [Passed::default(); 2],
    };
    if proxy
        .sides
        .iter()
        .any(|side| side.socket_type == SocketType::Req)
        && Arc::ptr_eq(&proxy.sides[0], &proxy.sides[1])
    {
        return Err(EINVAL);
    }
    proxy.run().map(|()| 0)
}

#[unsafe(no_mangle)]
extern "C" fn zmq_proxy(front: Handle, back: Handle, capture: Handle) -> c_int {
    answer(|| run(front, back, capture, std::ptr::null_mut()))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_proxy_steerable(
    front: Handle,
    back: Handle,
    capture: Handle,
    control: Handle,
) -> c_int {
    answer(|| run(front, back, capture, control))
}

/// The old name, whose type never meant anything.
#[unsafe(no_mangle)]
extern "C" fn zmq_device(_: c_int, front: Handle, back: Handle) -> c_int {
    answer(|| run(front, back, std::ptr::null_mut(), std::ptr::null_mut()))
}
