//! `zmq_poll`: waiting for sockets and descriptors at once.

use std::ffi::{c_int, c_long, c_short};
use std::sync::Arc;

use zocket::Watching;

use crate::border::{Handle, answer};
use crate::errno::{EAGAIN, EFAULT, EINTR, EINVAL, Errno};
use crate::events::{POLLERR, POLLIN, POLLOUT, POLLPRI};
use crate::socket::{Entry, find};
use crate::waiting::{Patience, Sleeper, poll};

/// What C says it waits for.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Item {
    socket: Handle,
    fd: c_int,
    events: c_short,
    revents: c_short,
}

/// One thing to wait for.
#[derive(Debug)]
pub(crate) enum Source {
    Socket(Arc<Entry>),
    Descriptor(c_int),
}

/// What is waited for, and what of it has come.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) source: Source,
    pub(crate) events: c_short,
    pub(crate) found: c_short,
}

/// Waits until something of it has come, or the time is over; how many there are.
pub(crate) fn wait(
    wanted: &mut [Wanted],
    patience: Patience,
    mask: Option<&libc::sigset_t>,
) -> Result<usize, Errno> {
    let mut descriptors: Vec<libc::pollfd> = Vec::new();
    for one in wanted.iter() {
        if let Source::Descriptor(fd) = one.source {
            descriptors.push(libc::pollfd {
                fd,
                events: to_system(one.events),
                revents: 0,
            });
        }
    }
    let found = look(wanted, &[], &mut descriptors)?;
    if found > 0 {
        return Ok(found);
    }
    if matches!(patience, Patience::None) {
        return Ok(0);
    }
    for one in wanted.iter() {
        if let Source::Socket(entry) = &one.source {
            entry.home.may_be_waited_for()?;
        }
    }
    let sleeper = Sleeper::current()?;
    let watching: Vec<Option<Watching>> = wanted
        .iter()
        .map(|one| match &one.source {
            Source::Socket(entry) => Some(entry.socket.watch(sleeper.clone().into())),
            Source::Descriptor(_) => None,
        })
        .collect();
    loop {
        let found = look(wanted, &watching, &mut descriptors)?;
        if found > 0 {
            return Ok(found);
        }
        match sleeper.sleep(patience, mask, &mut descriptors) {
            Ok(()) => {}
            Err(EAGAIN) => return look(wanted, &watching, &mut descriptors),
            Err(error) => return Err(error),
        }
    }
}

/// Looks at everything once.
fn look(
    wanted: &mut [Wanted],
    watching: &[Option<Watching>],
    descriptors: &mut [libc::pollfd],
) -> Result<usize, Errno> {
    if !descriptors.is_empty() {
        // A signal is for the sleep that follows, if any.
        match poll(descriptors, 0, None) {
            Ok(_) | Err(EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    let mut asked = descriptors.iter();
    let mut found = 0;
    for (index, one) in wanted.iter_mut().enumerate() {
        let can = match &one.source {
            Source::Socket(entry) => {
                entry.check_open()?;
                match watching.get(index) {
                    Some(watching) => entry.look(watching.as_ref()),
                    None => entry.events(),
                }
            }
            Source::Descriptor(_) => from_system(asked.next().map_or(0, |asked| asked.revents)),
        };
        // What has gone wrong with a descriptor is told in any case.
        let told = match &one.source {
            Source::Socket(_) => one.events,
            Source::Descriptor(_) => one.events | POLLERR,
        };
        one.found = can & told;
        found += usize::from(one.found != 0);
    }
    Ok(found)
}

fn to_system(events: c_short) -> c_short {
    let mut asked = 0;
    for (ours, theirs) in [
        (POLLIN, libc::POLLIN),
        (POLLOUT, libc::POLLOUT),
        (POLLPRI, libc::POLLPRI),
    ] {
        if events & ours != 0 {
            asked |= theirs;
        }
    }
    asked
}

fn from_system(events: c_short) -> c_short {
    let mut told = 0;
    for (theirs, ours) in [
        (libc::POLLIN, POLLIN),
        (libc::POLLOUT, POLLOUT),
        (libc::POLLPRI, POLLPRI),
    ] {
        if events & theirs != 0 {
            told |= ours;
        }
    }
    if events & !(libc::POLLIN | libc::POLLOUT | libc::POLLPRI) != 0 {
        told |= POLLERR;
    }
    told
}

/// What a program waits for: a socket, or a descriptor where there is none.
pub(crate) fn source_of(socket: Handle, fd: c_int) -> Result<Source, Errno> {
    if socket.is_null() {
        Ok(Source::Descriptor(fd))
    } else {
        find(socket).map(|entry| Source::Socket(entry.share()))
    }
}

fn poll_items(
    items: *mut Item,
    count: c_int,
    timeout: c_long,
    mask: Option<&libc::sigset_t>,
) -> Result<c_int, Errno> {
    let count = usize::try_from(count).map_err(|_| EINVAL)?;
    if items.is_null() && count > 0 {
        return Err(EFAULT);
    }
    let mut wanted = Vec::with_capacity(count.min(1024));
    for index in 0..count {
        // SAFETY: it is not null, and the program says that there are so many.
        let item = unsafe { items.add(index).read_unaligned() };
        wanted.push(Wanted {
            source: source_of(item.socket, item.fd)?,
            events: item.events,
            found: 0,
        });
    }
    let found = wait(&mut wanted, Patience::from_millis(timeout), mask)?;
    for (index, one) in wanted.iter().enumerate() {
        // SAFETY: as above.
        unsafe {
            let at = &raw mut (*items.add(index)).revents;
            at.write_unaligned(one.found);
        }
    }
    Ok(c_int::try_from(found).unwrap_or(c_int::MAX))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_poll(items: *mut Item, count: c_int, timeout: c_long) -> c_int {
    answer(|| poll_items(items, count, timeout, None))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_ppoll(
    items: *mut Item,
    count: c_int,
    timeout: c_long,
    mask: *const libc::sigset_t,
) -> c_int {
    answer(|| {
        // SAFETY: it is a set of the program's, or null.
        let mask = unsafe { mask.as_ref() };
        poll_items(items, count, timeout, mask)
    })
}
