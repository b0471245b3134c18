//! Receiving: whole messages are given out part by part.

use std::ffi::{c_int, c_void};
use std::sync::atomic::Ordering;
use std::time::Instant;

use zocket::{Frame, Message, PeerInfo, SocketType, TryRecvError};

use crate::border::{Handle, answer};
use crate::errno::{EAGAIN, EFSM, EINVAL, ENOMEM, ENOTSUP, Errno};
use crate::events::POLLIN;
use crate::memory;
use crate::message::{Msg, RawMsg};
use crate::send::DONTWAIT;
use crate::socket::{Entry, find};
use crate::waiting::{Patience, Sleeper, bed};

/// A part of a message that has arrived.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) frame: Frame,
    pub(crate) more: bool,
    pub(crate) peer: Option<PeerInfo>,
}

impl Entry {
    /// Puts a whole message behind what is to be given out.
    pub(crate) fn put_aside(&self, message: Message, peer: Option<&PeerInfo>) {
        let mut left = message.len();
        let parts = message.into_iter().map(|frame| {
            left -= 1;
            Part {
                frame,
                more: left > 0,
                peer: peer.cloned(),
            }
        });
        self.receiving.with(|aside| aside.extend(parts));
    }

    /// Receives one part into memory of the program's; how long it is.
    ///
    /// # Safety
    ///
    /// As [`memory::copy_out`].
    unsafe fn recv_into(
        &self,
        buffer: *mut c_void,
        room: usize,
        flags: c_int,
    ) -> Result<usize, Errno> {
        let mut message = Message::new();
        if self.receiving.is_empty() && self.socket.try_recv_at_hand(&mut message) {
            self.note_more(false);
            // SAFETY: as the caller promises.
            unsafe { memory::copy_out(message.first(), buffer, room) }?;
            return Ok(message.first().len());
        }
        let part = self.recv_part(flags)?;
        // SAFETY: as the caller promises.
        unsafe { memory::copy_out(&part.frame, buffer, room) }?;
        Ok(part.frame.len())
    }

    /// Receives one part, waiting for a message as long as the flags and the socket allow.
    pub(crate) fn recv_part(&self, flags: c_int) -> Result<Part, Errno> {
        let part = match self.receiving.pop() {
            Some(part) => part,
            None => {
                let (peer, message) = self.recv_message(flags)?;
                self.first_part(message, peer)
            }
        };
        self.note_more(part.more);
        if !part.more {
            match self.socket_type {
                SocketType::Req => self.set_owing(false),
                SocketType::Rep => self.set_owing(true),
                _ => {}
            }
        }
        Ok(part)
    }

    fn note_more(&self, more: bool) {
        // It is the same most of the time, and the line of the cache stays everybody's.
        if self.more.load(Ordering::Relaxed) != more {
            self.more.store(more, Ordering::Release);
        }
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
        self.put_aside(message, peer.as_ref());
        // Another thread that receives at the same time may have left something; then it is that.
        self.receiving.pop().unwrap_or(Part {
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
        if flags & DONTWAIT != 0 {
            let received = self.socket.try_recv_from_peer();
            return received.or_else(|error| self.not_received(error, EAGAIN, None));
        }
        let (mut sleepless, mut begun) = (None, None);
        let received = self.socket.recv_on(|| {
            begun = Some(Instant::now());
            bed(&mut sleepless)
        });
        received.or_else(|error| {
            let in_vain = sleepless.unwrap_or(error.into());
            self.not_received(
                error.into(),
                in_vain,
                begun.or_else(|| Some(Instant::now())),
            )
        })
    }

    /// What it is to libzmq's users that nothing was received, `in_vain` if there is nothing; of who
    /// waits it is known since when.
    #[cold]
    fn not_received(
        &self,
        error: TryRecvError,
        in_vain: Errno,
        waits: Option<Instant>,
    ) -> Result<(Option<PeerInfo>, Message), Errno> {
        let error = match (error, waits) {
            (TryRecvError::Empty, _) => in_vain,
            (error, Some(since)) if self.is_forsaken(error) => return self.recv_forsaken(since),
            (error, None) if self.is_forsaken(error) => EAGAIN,
            (error, _) => return Err(error.into()),
        };
        self.was_in_vain(POLLIN);
        Err(error)
    }

    /// Whether an error is that whom a REQ has asked is gone: libzmq waits for a reply, whoever is left
    /// to give one.
    fn is_forsaken(&self, error: TryRecvError) -> bool {
        match error {
            TryRecvError::PeerLost => {
                self.forsaken.store(true, Ordering::Release);
                true
            }
            TryRecvError::WrongState => self.forsaken.load(Ordering::Acquire),
            _ => false,
        }
    }

    /// Waits for what will not come, until the time is over, or the socket.
    fn recv_forsaken(&self, since: Instant) -> Result<(Option<PeerInfo>, Message), Errno> {
        let timeout = self.socket.options().recv_timeout();
        let until = timeout.and_then(|timeout| since.checked_add(timeout));
        let patience = until.map_or(Patience::Forever, Patience::Until);
        self.home.may_be_waited_for()?;
        let sleeper = Sleeper::current()?;
        let watching = self.socket.watch(sleeper.clone().into());
        loop {
            if watching.can_recv() || self.home.has_ended() {
                match self.socket.try_recv_from_peer() {
                    Err(TryRecvError::Empty) => {}
                    Err(error) if self.is_forsaken(error) => {}
                    outcome => return Ok(outcome?),
                }
                // Another was faster: that there is nothing is to be seen before going to sleep.
                if watching.can_recv() {
                    std::thread::yield_now();
                    continue;
                }
            }
            if let Err(error) = sleeper.sleep(patience, None, &mut Vec::new()) {
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
        // SAFETY: the program says that there is so much room.
        let size = unsafe { entry.recv_into(buffer, room, flags) }?;
        Ok(c_int::try_from(size).unwrap_or(c_int::MAX))
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
