//! Processes pinned to cores.

use std::io;
use std::mem::MaybeUninit;

/// Whether there are two cores to pin to.
pub(crate) fn is_possible() -> bool {
    cfg!(target_os = "linux")
        && std::thread::available_parallelism().is_ok_and(|cores| cores.get() >= 2)
}

/// Keeps this thread, and every thread it starts from now on, to one core.
#[cfg(target_os = "linux")]
pub(crate) fn pin_to(core: usize) -> io::Result<()> {
    // SAFETY: a `cpu_set_t` is plain bits, all zero when empty.
    let mut cores: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: sets one bit, after checking that the number is within the set.
    unsafe { libc::CPU_SET(core, &mut cores) };
    // SAFETY: 0 is this thread; the set is as large as it is said to be.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&cores), &cores) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn pin_to(_core: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Seconds of CPU this process has used so far, in user and system together.
pub(crate) fn cpu_seconds() -> f64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: a valid place for a `rusage`, which is plain numbers, all zero to begin with.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
