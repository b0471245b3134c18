//! Sending: parts are kept until the message is whole.
//!
//! What libzmq says at the first part of a message is said then: that there is no room, that nobody has
//! this routing id, that it is not the time to send. From then on each part is taken.

use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::time::Duration;

use zocket::{Frame, Message, RoutingId, SendError, SendFailure, SocketType};

use crate::border::{Handle, answer};
use crate::errno::{EFSM, EHOSTUNREACH, EINVAL, ENOTSUP, Errno};
use crate::events::POLLOUT;
use crate::memory;
use crate::message::{Msg, RawMsg};
use crate::socket::{Entry, find};
use crate::waiting::{Patience, Sleeper, bed, wait_for};

pub(crate) const DONTWAIT: c_int = 1;
pub(crate) const SNDMORE: c_int = 2;

impl Entry {
    /// Sends one part.
    #[inline]
    pub(crate) fn send_part(
        &self,
        part: impl Into<Frame> + Into<Message>,
        flags: c_int,
    ) -> Result<(), Errno> {
        if flags & SNDMORE == 0 && self.sending.is_empty() {
            self.check_turn()?;
            return self.send_message(part, flags).map_err(|(_, error)| error);
        }
        self.send_part_of_several(part.into(), flags)
    }

    fn send_part_of_several(&self, part: Frame, flags: c_int) -> Result<(), Errno> {
        if self.sending.is_empty() {
            self.check_first(&part, flags)?;
        } else {
            self.check()?;
        }
        if flags & SNDMORE != 0 {
            self.sending.with(|parts| parts.push_back(part));
            return Ok(());
        }
        let mut parts = Vec::from(self.sending.take());
        parts.push(part);
        self.send_message(parts, flags).map_err(|(message, error)| {
            // The program will try this part again.
            let mut parts: VecDeque<Frame> = message.into_iter().collect();
            parts.pop_back();
            self.sending.with(|aside| *aside = parts);
            error
        })
    }

    /// Sends a whole message, waiting for room as long as the flags and the socket allow.
    #[inline]
    pub(crate) fn send_message(
        &self,
        message: impl Into<Message>,
        flags: c_int,
    ) -> Result<(), (Message, Errno)> {
        let mut sleepless = None;
        let sent = if flags & DONTWAIT != 0 {
            self.socket.send_timeout(message, Duration::ZERO)
        } else {
            self.socket.send_on(message, || bed(&mut sleepless))
        };
        match sent {
            Ok(()) => {}
            Err(error) => self.not_sent(error, sleepless)?,
        }
        match self.socket_type {
            SocketType::Req => self.set_owing(true),
            SocketType::Rep => self.set_owing(false),
            _ => {}
        }
        Ok(())
    }

    /// What it is to libzmq's users that a message was not sent.
    #[cold]
    fn not_sent(
        &self,
        SendError {
            message, reason, ..
        }: SendError,
        sleepless: Option<Errno>,
    ) -> Result<(), (Message, Errno)> {
        match reason {
            // Of an id that nobody has, or that is none, or without a message behind it.
            SendFailure::Unroutable if !self.is_mandatory() => Ok(()),
            SendFailure::Timeout | SendFailure::Interrupted => {
                self.was_in_vain(POLLOUT);
                Err((message, sleepless.unwrap_or(reason.into())))
            }
            _ => Err((message, reason.into())),
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
            SocketType::Rep => owing && self.receiving.is_empty(),
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
        entry.send_part(unsafe { memory::bytes(data, size) }?, flags)?;
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
            entry.send_part(bytes, flags)?;
            sent = c_int::try_from(bytes.len()).unwrap_or(c_int::MAX);
        }
        Ok(sent)
    })
}
