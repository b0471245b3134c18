//! The process itself: the core it runs on, and what it has used.

use std::io;
use std::mem::MaybeUninit;

/// Whether there are two cores to pin to.
pub(crate) fn can_be_pinned() -> bool {
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
    let usage = resources();
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// The most memory this process has had at a time, in bytes.
///
/// Not what `getrusage` says: on Linux a child begins there with its parent's.
#[cfg(target_os = "linux")]
pub(crate) fn peak_memory() -> io::Result<u64> {
    status("VmHWM")
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn peak_memory() -> io::Result<u64> {
    // In bytes on macOS, the other system this may run on.
    Ok(resources().ru_maxrss as u64)
}

/// The memory this process has now, in bytes.
#[cfg(target_os = "linux")]
pub(crate) fn memory() -> io::Result<u64> {
    status("VmRSS")
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn memory() -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Lets this process have so many descriptors at a time.
pub(crate) fn allow_descriptors(count: u64) -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a valid place for an `rlimit`.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur >= count {
        return Ok(());
    }
    limit.rlim_cur = count;
    limit.rlim_max = limit.rlim_max.max(count);
    // SAFETY: as above; it is only read.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// One line of what Linux says of this process, in bytes.
#[cfg(target_os = "linux")]
fn status(name: &str) -> io::Result<u64> {
    let all = std::fs::read_to_string("/proc/self/status")?;
    kibibytes(&all, name)
        .map(|kibibytes| kibibytes * 1024)
        .ok_or_else(|| io::Error::other(format!("no {name} of this process")))
}

#[cfg(target_os = "linux")]
fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let mut values = (status.lines()).filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    values.next()?.strip_suffix("kB")?.trim().parse().ok()
}

fn resources() -> libc::rusage {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: a valid place for a `rusage`, which is plain numbers, all zero to begin with.
    unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{kibibytes, peak_memory};

    #[test]
    fn a_line_is_found_by_its_whole_name() {
        let status = "Name:\tcompare\nVmHWMx:\t 1 kB\nVmHWM:\t    5120 kB\nThreads:\t3\n";
        assert_eq!(kibibytes(status, "VmHWM"), Some(5120));
        assert_eq!(kibibytes(status, "Threads"), None);
        assert_eq!(kibibytes(status, "VmRSS"), None);
    }

    #[test]
    fn what_is_touched_is_counted() {
        const MORE: usize = 32 << 20;
        let memory = std::hint::black_box(vec![1_u8; MORE]);
        assert!(peak_memory().unwrap() >= MORE as u64);
        drop(memory);
    }
}
