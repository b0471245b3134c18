//! The poller of libzmq's draft interface: a list of sockets and descriptors that is kept.

use std::ffi::{c_int, c_long, c_short, c_void};
use std::sync::{Arc, Mutex};

use crate::border::{Handle, answer};
use crate::errno::{EAGAIN, EFAULT, EINVAL, ENOMEM, Errno};
use crate::events::{POLLERR, POLLIN, POLLOUT, POLLPRI};
use crate::handles::{Table, lock};
use crate::poll::{Source, Wanted, wait};
use crate::socket::find;
use crate::waiting::Patience;

static POLLERS: Table<Poller> = Table::new(3);

#[derive(Debug, Default)]
struct Poller(Mutex<Vec<Item>>);

#[derive(Clone, Debug)]
struct Item {
    name: Name,
    events: c_short,
    /// The program's, a pointer that is only given back.
    user_data: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Socket(usize),
    Descriptor(c_int),
}

/// What C is told.
#[repr(C)]
pub(crate) struct Told {
    socket: Handle,
    fd: c_int,
    user_data: *mut c_void,
    events: c_short,
}

fn poller(handle: Handle) -> Result<Arc<Poller>, Errno> {
    POLLERS.get(handle).ok_or(EFAULT)
}

impl Poller {
    fn add(&self, name: Name, user_data: *mut c_void, events: c_short) -> Result<c_int, Errno> {
        let mut items = lock(&self.0);
        if items.iter().any(|item| item.name == name) {
            return Err(EINVAL);
        }
        items.push(Item {
            name,
            events: checked(events)?,
            user_data: user_data.expose_provenance(),
        });
        Ok(0)
    }

    fn modify(&self, name: Name, events: c_short) -> Result<c_int, Errno> {
        let events = checked(events)?;
        let mut items = lock(&self.0);
        let item = items.iter_mut().find(|item| item.name == name);
        item.ok_or(EINVAL)?.events = events;
        Ok(0)
    }

    fn remove(&self, name: Name) -> Result<c_int, Errno> {
        let mut items = lock(&self.0);
        let place = items.iter().position(|item| item.name == name);
        items.remove(place.ok_or(EINVAL)?);
        Ok(0)
    }

    /// Waits, and gives what has come, as it was added.
    fn wait(&self, timeout: c_long) -> Result<Vec<(Item, c_short)>, Errno> {
        let items = lock(&self.0).clone();
        // Nothing could ever end that.
        if timeout < 0 && items.iter().all(|item| item.events == 0) {
            return Err(EFAULT);
        }
        let mut wanted = Vec::with_capacity(items.len());
        for item in &items {
            let source = match item.name {
                Name::Socket(socket) => {
                    Source::Socket(find(std::ptr::with_exposed_provenance_mut(socket))?.share())
                }
                Name::Descriptor(fd) => Source::Descriptor(fd),
            };
            wanted.push(Wanted {
                source,
                events: item.events,
                found: 0,
            });
        }
        wait(&mut wanted, Patience::from_millis(timeout), None)?;
        let found = items
            .into_iter()
            .zip(wanted.into_iter().map(|one| one.found));
        Ok(found.filter(|(_, events)| *events != 0).collect())
    }
}

fn checked(events: c_short) -> Result<c_short, Errno> {
    if events & !(POLLIN | POLLOUT | POLLERR | POLLPRI) == 0 {
        Ok(events)
    } else {
        Err(EINVAL)
    }
}

fn told((item, events): &(Item, c_short)) -> Told {
    let (socket, fd) = match item.name {
        Name::Socket(socket) => (std::ptr::with_exposed_provenance_mut(socket), -1),
        Name::Descriptor(fd) => (std::ptr::null_mut(), fd),
    };
    Told {
        socket,
        fd,
        user_data: std::ptr::with_exposed_provenance_mut(item.user_data),
        events: *events,
    }
}

/// The name of a socket, which must be one.
fn socket_name(socket: Handle) -> Result<Name, Errno> {
    find(socket)?;
    Ok(Name::Socket(socket.expose_provenance()))
}

fn descriptor_name(fd: c_int) -> Result<Name, Errno> {
    if fd < 0 {
        return Err(Errno(libc::EBADF));
    }
    Ok(Name::Descriptor(fd))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poller_new() -> Handle {
    answer(|| POLLERS.insert(Arc::default()).ok_or(ENOMEM))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poller_destroy(handle: *mut Handle) -> c_int {
    answer(|| {
        // SAFETY: it is where the program keeps the handle, or null.
        let place = unsafe { handle.as_mut() }.ok_or(EFAULT)?;
        POLLERS.remove(*place).ok_or(EFAULT)?;
        *place = std::ptr::null_mut();
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poller_size(handle: Handle) -> c_int {
    answer(|| {
        let poller = poller(handle)?;
        let size = lock(&poller.0).len();
        Ok(c_int::try_from(size).unwrap_or(c_int::MAX))
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poller_add(
    handle: Handle,
    socket: Handle,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    answer(|| poller(handle)?.add(socket_name(socket)?, user_data, events))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poller_modify(handle: Handle, socket: Handle, events: c_short) -> c_int {
    answer(|| poller(handle)?.modify(socket_name(socket)?, events))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poller_remove(handle: Handle, socket: Handle) -> c_int {
    answer(|| poller(handle)?.remove(socket_name(socket)?))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poller_add_fd(
    handle: Handle,
    fd: c_int,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    answer(|| poller(handle)?.add(descriptor_name(fd)?, user_data, events))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poller_modify_fd(handle: Handle, fd: c_int, events: c_short) -> c_int {
    answer(|| poller(handle)?.modify(descriptor_name(fd)?, events))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poller_remove_fd(handle: Handle, fd: c_int) -> c_int {
    answer(|| poller(handle)?.remove(descriptor_name(fd)?))
}

/// Of thread-safe socket types in libzmq, which there are none of here.
#[unsafe(no_mangle)]
extern "C" fn zmq_poller_fd(handle: Handle, fd: *mut c_int) -> c_int {
    answer(|| {
        poller(handle)?;
        Err(if fd.is_null() { EFAULT } else { EINVAL })
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poller_wait(handle: Handle, event: *mut Told, timeout: c_long) -> c_int {
    answer(|| {
        let poller = poller(handle)?;
        if event.is_null() {
            return Err(EFAULT);
        }
        let found = poller.wait(timeout)?;
        let first = found.first().ok_or(EAGAIN)?;
        // SAFETY: it is not null; the program has an event there.
        unsafe { event.write_unaligned(told(first)) };
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poller_wait_all(
    handle: Handle,
    events: *mut Told,
    room: c_int,
    timeout: c_long,
) -> c_int {
    answer(|| {
        let poller = poller(handle)?;
        if events.is_null() {
            return Err(EFAULT);
        }
        let room = usize::try_from(room).map_err(|_| EINVAL)?;
        let found = poller.wait(timeout)?;
        if found.is_empty() || room == 0 {
            return Err(EAGAIN);
        }
        for (index, one) in found.iter().take(room).enumerate() {
            // SAFETY: it is not null; the program has room for so many events there.
            unsafe { events.add(index).write_unaligned(told(one)) };
        }
        Ok(c_int::try_from(found.len().min(room)).unwrap_or(c_int::MAX))
    })
}
