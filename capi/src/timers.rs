//! Timers that a program asks for and runs itself.

use std::ffi::{c_int, c_long, c_void};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::border::{Handle, answer};
use crate::errno::{EFAULT, EINVAL, ENOMEM, Errno};
use crate::handles::{Table, lock};

static TIMERS: Table<Timers> = Table::new(4);

#[derive(Debug, Default)]
struct Timers(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    timers: Vec<Timer>,
    last_id: c_int,
}

#[derive(Clone, Debug)]
struct Timer {
    id: c_int,
    interval: Duration,
    due: Instant,
    call: TimerFn,
    /// The program's, a pointer that is only given back.
    argument: usize,
}

type TimerFn = unsafe extern "C" fn(c_int, *mut c_void);

fn timers(handle: Handle) -> Result<Arc<Timers>, Errno> {
    TIMERS.get(handle).ok_or(EFAULT)
}

fn after(interval: Duration) -> Instant {
    let now = Instant::now();
    // What cannot be counted does not come.
    now.checked_add(interval).unwrap_or(now + NEVER)
}

const NEVER: Duration = Duration::from_secs(1 << 32);

fn interval_of(millis: usize) -> Duration {
    Duration::from_millis(millis as u64)
}

impl Timers {
    fn change(&self, id: c_int, change: impl FnOnce(&mut Timer)) -> Result<c_int, Errno> {
        let mut list = lock(&self.0);
        let timer = list.timers.iter_mut().find(|timer| timer.id == id);
        change(timer.ok_or(EINVAL)?);
        Ok(0)
    }

    /// Those that are due now, each of which is due again an interval from now on.
    fn take_due(&self) -> Vec<Timer> {
        let now = Instant::now();
        let mut list = lock(&self.0);
        let due = list.timers.iter_mut().filter(|timer| timer.due <= now);
        let mut taken: Vec<Timer> = due
            .map(|timer| {
                let taken = timer.clone();
                timer.due = after(timer.interval);
                taken
            })
            .collect();
        taken.sort_by_key(|timer| timer.due);
        taken
    }

    fn has(&self, id: c_int) -> bool {
        lock(&self.0).timers.iter().any(|timer| timer.id == id)
    }
}

#[unsafe(no_mangle)]
extern "C" fn zmq_timers_new() -> Handle {
    answer(|| TIMERS.insert(Arc::default()).ok_or(ENOMEM))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_timers_destroy(handle: *mut Handle) -> c_int {
    answer(|| {
        // SAFETY: it is where the program keeps the handle, or null.
        let place = unsafe { handle.as_mut() }.ok_or(EFAULT)?;
        TIMERS.remove(*place).ok_or(EFAULT)?;
        *place = std::ptr::null_mut();
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_timers_add(
    handle: Handle,
    interval: usize,
    call: Option<TimerFn>,
    argument: *mut c_void,
) -> c_int {
    answer(|| {
        let timers = timers(handle)?;
        let call = call.ok_or(EFAULT)?;
        let mut list = lock(&timers.0);
        list.last_id = list.last_id.checked_add(1).ok_or(ENOMEM)?;
        let (id, interval) = (list.last_id, interval_of(interval));
        list.timers.push(Timer {
            id,
            interval,
            due: after(interval),
            call,
            argument: argument.expose_provenance(),
        });
        Ok(id)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_timers_cancel(handle: Handle, id: c_int) -> c_int {
    answer(|| {
        let timers = timers(handle)?;
        let mut list = lock(&timers.0);
        let place = list.timers.iter().position(|timer| timer.id == id);
        list.timers.remove(place.ok_or(EINVAL)?);
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_timers_set_interval(handle: Handle, id: c_int, interval: usize) -> c_int {
    answer(|| {
        timers(handle)?.change(id, |timer| {
            timer.interval = interval_of(interval);
            timer.due = after(timer.interval);
        })
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_timers_reset(handle: Handle, id: c_int) -> c_int {
    answer(|| timers(handle)?.change(id, |timer| timer.due = after(timer.interval)))
}

/// The milliseconds until the next one is due, or -1 if there is none.
#[unsafe(no_mangle)]
extern "C" fn zmq_timers_timeout(handle: Handle) -> c_long {
    answer(|| {
        let timers = timers(handle)?;
        let next = lock(&timers.0).timers.iter().map(|timer| timer.due).min();
        let left = next.map(|due| due.saturating_duration_since(Instant::now()));
        // Rounded up, so that it is due when so much has passed.
        let millis = left.map(|left| left.as_nanos().div_ceil(1_000_000));
        Ok(millis.map_or(-1, |millis| c_long::try_from(millis).unwrap_or(c_long::MAX)))
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_timers_execute(handle: Handle) -> c_int {
    answer(|| {
        let timers = timers(handle)?;
        for timer in timers.take_due() {
            // One may cancel another.
            if timers.has(timer.id) {
                let argument = std::ptr::with_exposed_provenance_mut(timer.argument);
                // SAFETY: the program gave the function to be called with this, in this thread.
                unsafe { (timer.call)(timer.id, argument) };
            }
        }
        Ok(0)
    })
}
