//! Receiving: whole messages are given out part by part.

use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::sync::atomic::Ordering;

use zocket::{Frame, Message, PeerInfo, SocketType, TryRecvError};

use crate::border::{Handle, answer};
use crate::errno::{EAGAIN, EFSM, EINVAL, ENOMEM, ENOTSUP, Errno};
use crate::events::POLLIN;
use crate::handles::lock;
use crate::memory;
use crate::message::{Msg, RawMsg};
use crate::send::DONTWAIT;
use crate::socket::{Entry, find};
use crate::waiting::{Patience, Sleeper};

/// A part of a message that has arrived.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) frame: Frame,
    pub(crate) more: bool,
    pub(crate) peer: Option<PeerInfo>,
}

/// The parts of a message that are not yet given out.
#[derive(Debug, Default)]
pub(crate) struct Receiving(VecDeque<Part>);

impl Receiving {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a whole message behind what is there; `true`, as there is something then.
    pub(crate) fn put(&mut self, message: Message, peer: Option<&PeerInfo>) -> bool {
        let mut left = message.len();
        for frame in message {
            left -= 1;
            self.0.push_back(Part {
                frame,
                more: left > 0,
                peer: peer.cloned(),
            });
        }
        true
    }
}

impl Entry {
    /// Receives one part, waiting for a message as long as the flags and the socket allow.
    pub(crate) fn recv_part(&self, flags: c_int) -> Result<Part, Errno> {
        let kept = lock(&self.receiving).0.pop_front();
        let part = match kept {
            Some(part) => part,
            None => {
                let (peer, message) = self.recv_message(flags)?;
                self.first_part(message, peer)
            }
        };
        self.more.store(part.more, Ordering::Release);
        if !part.more {
            match self.socket_type {
                SocketType::Req => self.set_owing(false),
                SocketType::Rep => self.set_owing(true),
                _ => {}
            }
        }
        Ok(part)
    }

    /// The first part of a message that has just come; the others are kept.
    fn first_part(&self, message: Message, peer: Option<PeerInfo>) -> Part {
        if message.len() == 1 {
            let frame = message.into_iter().next().unwrap_or_default();
            return Part {
                frame,
                more: false,
                peer,
            };
        }
        let mut receiving = lock(&self.receiving);
        receiving.put(message, peer.as_ref());
        // Another thread that receives at the same time may have left something; then it is that.
        receiving.0.pop_front().unwrap_or(Part {
            frame: Frame::new(),
            more: false,
            peer: None,
        })
    }

    /// Receives a whole message.
    pub(crate) fn recv_message(&self, flags: c_int) -> Result<(Option<PeerInfo>, Message), Errno> {
        let owing = self.owing.load(Ordering::Acquire);
        match self.socket_type {
            SocketType::Push | SocketType::Pub => {
                self.check()?;
                return Err(ENOTSUP);
            }
            SocketType::Rep if owing => {
                self.check()?;
                return Err(EFSM);
            }
            SocketType::Req if !owing => {
                self.check()?;
                return Err(EFSM);
            }
            _ => {}
        }
        match self.try_recv_message() {
            Err(EAGAIN) => self.recv_slowly(flags),
            outcome => outcome,
        }
    }

    fn try_recv_message(&self) -> Result<(Option<PeerInfo>, Message), Errno> {
        match self.socket.try_recv_from_peer() {
            Ok(received) => Ok(received),
            // libzmq waits for a reply, whoever is left to give one.
            Err(TryRecvError::PeerLost) => {
                self.forsaken.store(true, Ordering::Release);
                Err(EAGAIN)
            }
            Err(TryRecvError::WrongState) if self.forsaken.load(Ordering::Acquire) => Err(EAGAIN),
            Err(error) => Err(error.into()),
        }
    }

    #[cold]
    fn recv_slowly(&self, flags: c_int) -> Result<(Option<PeerInfo>, Message), Errno> {
        let timeout = self.socket.options().recv_timeout();
        let patience = if flags & DONTWAIT != 0 {
            Patience::None
        } else {
            Patience::from_duration(timeout).unless_over(timeout)
        };
        if matches!(patience, Patience::None) {
            self.was_in_vain(POLLIN);
            return Err(EAGAIN);
        }
        self.home.may_be_waited_for()?;
        let sleeper = Sleeper::current()?;
        let watching = self.socket.watch(sleeper.clone().into());
        let mut others = Vec::new();
        loop {
            if watching.can_recv() || self.home.has_ended() {
                match self.try_recv_message() {
                    Err(EAGAIN) => {}
                    outcome => return outcome,
                }
                // Another was faster: that there is nothing is to be seen before going to sleep.
                if watching.can_recv() {
                    std::thread::yield_now();
                    continue;
                }
            }
            if let Err(error) = sleeper.sleep(patience, None, &mut others) {
                self.was_in_vain(POLLIN);
                return Err(error);
            }
        }
    }

    pub(crate) fn set_owing(&self, owing: bool) {
        self.owing.store(owing, Ordering::Release);
        self.forsaken.store(false, Ordering::Release);
    }
}

#[unsafe(no_mangle)]
extern "C" fn zmq_recv(socket: Handle, buffer: *mut c_void, room: usize, flags: c_int) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        let part = entry.recv_part(flags)?;
        // SAFETY: the program says that there is so much room.
        unsafe { memory::copy_out(&part.frame, buffer, room) }?;
        Ok(c_int::try_from(part.frame.len()).unwrap_or(c_int::MAX))
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_recv(msg: *mut RawMsg, socket: Handle, flags: c_int) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        // SAFETY: it is a message of the program's, or null, and nobody else uses it meanwhile.
        let msg = unsafe { Msg::at(msg) }?;
        let part = entry.recv_part(flags)?;
        let size = part.frame.len();
        *msg = Msg::received(part);
        Ok(c_int::try_from(size).unwrap_or(c_int::MAX))
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_recvmsg(socket: Handle, msg: *mut RawMsg, flags: c_int) -> c_int {
    zmq_msg_recv(msg, socket, flags)
}

/// Receives as many parts of a message as there are entries for, each into memory that the program is to
/// free.
#[unsafe(no_mangle)]
extern "C" fn zmq_recviov(
    socket: Handle,
    parts: *mut libc::iovec,
    count: *mut usize,
    flags: c_int,
) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        if parts.is_null() || count.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: it is not null; the program says there how many entries there are.
        let room = unsafe { count.read_unaligned() };
        if room == 0 {
            return Err(EINVAL);
        }
        // Those that are filled are told even when it fails: they are to be freed.
        // SAFETY: it is not null.
        unsafe { memory::put(count, 0) };
        let mut read = 0;
        while read < room {
            let part = entry.recv_part(flags)?;
            let size = part.frame.len();
            // SAFETY: any size may be asked for (of nothing at least something, as null is an error).
            let memory = unsafe { libc::malloc(size.max(1)) };
            if memory.is_null() {
                return Err(ENOMEM);
            }
            let filled = libc::iovec {
                iov_base: memory,
                iov_len: size,
            };
            // SAFETY: that much was allocated; and the program says that the entry is there.
            unsafe {
                memory::copy_out(&part.frame, memory, size)?;
                parts.add(read).write_unaligned(filled);
            }
            read += 1;
            // SAFETY: it is not null.
            unsafe { memory::put(count, read) };
            if !part.more {
                break;
            }
        }
        Ok(c_int::try_from(read).unwrap_or(c_int::MAX))
    })
}
