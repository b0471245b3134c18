//! Builds libzmq 4.3.5 from source and links it statically. Needs a C++ compiler.

use std::env;

/// What libzmq's own configure step finds on Linux and `zeromq-src` leaves out.
/// Without it libzmq would wake its threads through socket pairs instead of eventfds, and
/// a comparison with it would be too kind to us.
const LINUX_FINDS: &[&str] = &[
    "ZMQ_HAVE_EVENTFD",
    "ZMQ_HAVE_EVENTFD_CLOEXEC",
    "ZMQ_HAVE_SOCK_CLOEXEC",
    "ZMQ_HAVE_O_CLOEXEC",
    "ZMQ_HAVE_SO_KEEPALIVE",
    "ZMQ_HAVE_TCP_KEEPCNT",
    "ZMQ_HAVE_TCP_KEEPIDLE",
    "ZMQ_HAVE_TCP_KEEPINTVL",
    "ZMQ_HAVE_SO_PEERCRED",
    "ZMQ_HAVE_IFADDRS",
    "ZMQ_HAVE_PTHREAD_SETNAME_2",
    "ZMQ_HAVE_PTHREAD_SET_AFFINITY",
    "HAVE_ACCEPT4",
    "HAVE_CLOCK_GETTIME",
    "HAVE_FORK",
    "HAVE_MKDTEMP",
    "HAVE_POSIX_MEMALIGN",
    "ZMQ_HAVE_PPOLL",
    "ZMQ_CACHELINE_SIZE=64",
];

fn main() {
    let mut flags = env::var("CXXFLAGS").unwrap_or_default();
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        for find in LINUX_FINDS {
            flags.push_str(" -D");
            flags.push_str(find);
        }
    }
    // A debug build tests zocket, not libzmq: no reason to wait for a slow one.
    if env::var("OPT_LEVEL").as_deref() == Ok("0") {
        flags.push_str(" -O2");
    }
    // SAFETY: this program has one thread here; the compiler runs only start below.
    unsafe { env::set_var("CXXFLAGS", flags) };
    zeromq_src::Build::new().build();
}
