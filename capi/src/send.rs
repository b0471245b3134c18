//! Sending: parts are kept until the message is whole.
//!
//! What libzmq says at the first part of a message is said then: that there is no room, that nobody has
//! this routing id, that it is not the time to send. From then on each part is taken.

use std::ffi::{c_int, c_void};

use zocket::{Frame, Message, RoutingId, SendError, SocketType, TrySendError};

use crate::border::{Handle, answer};
use crate::errno::{EAGAIN, EFSM, EHOSTUNREACH, EINVAL, ENOTSOCK, ENOTSUP, ETERM, Errno};
use crate::events::POLLOUT;
use crate::handles::lock;
use crate::memory;
use crate::message::{Msg, RawMsg};
use crate::socket::{Entry, find};
use crate::waiting::{Patience, Sleeper, wait_for};

/// The parts of a message that is not yet whole.
#[derive(Debug, Default)]
pub(crate) struct Sending(Vec<Frame>);

impl Sending {
    pub(crate) fn is_begun(&self) -> bool {
        !self.0.is_empty()
    }
}

pub(crate) const DONTWAIT: c_int = 1;
pub(crate) const SNDMORE: c_int = 2;

impl Entry {
    /// Sends one part.
    pub(crate) fn send_part(&self, part: Frame, flags: c_int) -> Result<(), Errno> {
        let more = flags & SNDMORE != 0;
        let begun = lock(&self.sending).is_begun();
        if !begun && !more {
            self.check_turn()?;
            return self
                .send_message(part.into(), flags)
                .map_err(|(_, error)| error);
        }
        if !begun {
            self.check_first(&part, flags)?;
        } else {
            self.check()?;
        }
        if more {
            lock(&self.sending).0.push(part);
            return Ok(());
        }
        let mut parts = std::mem::take(&mut lock(&self.sending).0);
        parts.push(part);
        self.send_message(parts.into(), flags)
            .map_err(|(message, error)| {
                // The program will try this part again.
                let mut parts: Vec<Frame> = message.into_iter().collect();
                parts.pop();
                lock(&self.sending).0 = parts;
                error
            })
    }

    /// Sends a whole message, waiting for room as long as the flags and the socket allow.
    pub(crate) fn send_message(
        &self,
        message: Message,
        flags: c_int,
    ) -> Result<(), (Message, Errno)> {
        let outcome = match self.socket.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(message)) => self.send_slowly(message, flags),
            Err(TrySendError::Unroutable(message)) if !self.is_mandatory() => {
                // Of an id that nobody has, or that is none, or without a message behind it.
                drop(message);
                Ok(())
            }
            Err(TrySendError::Closed(message)) => Err((message, ENOTSOCK)),
            Err(TrySendError::Terminated(message)) => Err((message, ETERM)),
            Err(TrySendError::Unroutable(message)) => Err((message, EHOSTUNREACH)),
            Err(error) => Err((error.into_message(), EFSM)),
        };
        if outcome.is_ok() {
            match self.socket_type {
                SocketType::Req => self.set_owing(true),
                SocketType::Rep => self.set_owing(false),
                _ => {}
            }
        }
        outcome
    }

    #[cold]
    fn send_slowly(&self, message: Message, flags: c_int) -> Result<(), (Message, Errno)> {
        let patience = self.send_patience(flags);
        if matches!(patience, Patience::None) {
            self.was_in_vain(POLLOUT);
            return Err((message, EAGAIN));
        }
        // To be had back when the wait is given up: frames are shared, not copied.
        let spare = message.clone();
        match wait_for(self.socket.send_async(message), patience) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(split(error)),
            Err(error) => {
                self.was_in_vain(POLLOUT);
                Err((spare, error))
            }
        }
    }

    fn send_patience(&self, flags: c_int) -> Patience {
        if flags & DONTWAIT != 0 {
            return Patience::None;
        }
        let timeout = self.socket.options().send_timeout();
        Patience::from_duration(timeout).unless_over(timeout)
    }

    fn is_mandatory(&self) -> bool {
        self.socket_type == SocketType::Router && self.socket.options().mandatory()
    }

    /// Whether it is the time to send at all.
    fn check_turn(&self) -> Result<(), Errno> {
        let owing = self.owing.load(std::sync::atomic::Ordering::Acquire);
        let allowed = match self.socket_type {
            SocketType::Pull | SocketType::Sub => return self.check().and(Err(ENOTSUP)),
            SocketType::Rep => owing && lock(&self.receiving).is_empty(),
            SocketType::Req => !owing || self.socket.options().relaxed(),
            _ => true,
        };
        self.check()?;
        if allowed { Ok(()) } else { Err(EFSM) }
    }

    /// Says of the first part of a message what has to be said of the whole.
    fn check_first(&self, part: &Frame, flags: c_int) -> Result<(), Errno> {
        self.check_turn()?;
        let options = self.socket.options();
        match self.socket_type {
            SocketType::Rep | SocketType::XSub => Ok(()),
            SocketType::Router if !options.mandatory() => Ok(()),
            SocketType::Router => {
                let id = RoutingId::new(part).ok_or(EHOSTUNREACH)?;
                let outcome = match self.socket.try_reserve_to(&id) {
                    Err(zocket::ReserveError::Full) => {
                        let patience = self.send_patience(flags);
                        wait_for(self.socket.reserve_to_async(&id), patience)?
                    }
                    outcome => outcome,
                };
                drop(outcome?);
                Ok(())
            }
            SocketType::Pub | SocketType::XPub if !options.nodrop() => Ok(()),
            SocketType::Pub | SocketType::XPub => {
                let outcome = match self.socket.try_reserve() {
                    Err(zocket::ReserveError::Full) => {
                        wait_for(self.socket.reserve_async(), self.send_patience(flags))?
                    }
                    outcome => outcome,
                };
                drop(outcome?);
                Ok(())
            }
            _ => self.wait_for_room(flags),
        }
    }

    /// Waits until a message could be sent, without keeping the place: it is the next one's turn that
    /// keeping it would cost.
    fn wait_for_room(&self, flags: c_int) -> Result<(), Errno> {
        if self.socket.can_send() {
            return self.check();
        }
        let patience = self.send_patience(flags);
        self.home.may_be_waited_for()?;
        let sleeper = Sleeper::current()?;
        let watching = self.socket.watch(sleeper.clone().into());
        while !watching.can_send() {
            sleeper.sleep(patience, None, &mut Vec::new())?;
        }
        self.check()
    }
}

impl Patience {
    /// What a timeout of zero is: none at all.
    pub(crate) fn unless_over(self, timeout: Option<std::time::Duration>) -> Self {
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            Self::None
        } else {
            self
        }
    }
}

fn split(error: SendError) -> (Message, Errno) {
    let errno = error.reason.into();
    (error.message, errno)
}

/// Sends a message of the program's, which is empty then.
fn send_msg(entry: &Entry, msg: &mut Msg, flags: c_int) -> Result<c_int, Errno> {
    let size = msg.len();
    let frame = msg.frame_to_send();
    entry.send_part(frame, flags)?;
    *msg = Msg::empty();
    Ok(c_int::try_from(size).unwrap_or(c_int::MAX))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_send(socket: Handle, data: *const c_void, size: usize, flags: c_int) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        // SAFETY: the program says that so many bytes are there, and they are copied at once.
        let part = Frame::copy_from_slice(unsafe { memory::bytes(data, size) }?);
        entry.send_part(part, flags)?;
        Ok(c_int::try_from(size).unwrap_or(c_int::MAX))
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_send_const(
    socket: Handle,
    data: *const c_void,
    size: usize,
    flags: c_int,
) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        // SAFETY: the program says that so many bytes are there, and stay for ever as they are.
        let part = Frame::from_static(unsafe { memory::bytes(data, size) }?);
        entry.send_part(part, flags)?;
        Ok(c_int::try_from(size).unwrap_or(c_int::MAX))
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_send(msg: *mut RawMsg, socket: Handle, flags: c_int) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        // SAFETY: it is a message of the program's, or null, and nobody else uses it meanwhile.
        let msg = unsafe { Msg::at(msg) }?;
        send_msg(&entry, msg, flags)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_sendmsg(socket: Handle, msg: *mut RawMsg, flags: c_int) -> c_int {
    zmq_msg_send(msg, socket, flags)
}

/// All parts of a message at once, if the flags say that there are more; otherwise each is a message.
#[unsafe(no_mangle)]
extern "C" fn zmq_sendiov(
    socket: Handle,
    parts: *const libc::iovec,
    count: usize,
    flags: c_int,
) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        if parts.is_null() || count == 0 {
            return Err(EINVAL);
        }
        let mut sent = 0;
        for index in 0..count {
            // SAFETY: the program says that there are so many.
            let part = unsafe { parts.add(index).read_unaligned() };
            // SAFETY: as in `zmq_send`.
            let bytes = unsafe { memory::bytes(part.iov_base, part.iov_len) }?;
            let is_last = index + 1 == count;
            let flags = if is_last { flags & !SNDMORE } else { flags };
            entry.send_part(Frame::copy_from_slice(bytes), flags)?;
            sent = c_int::try_from(bytes.len()).unwrap_or(c_int::MAX);
        }
        Ok(sent)
    })
}
