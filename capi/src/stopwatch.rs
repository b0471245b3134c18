//! A stopwatch, and a sleep.

use std::ffi::{c_int, c_ulong};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::border::{Handle, answer, answer_or, quietly};
use crate::errno::{EFAULT, ENOMEM};
use crate::handles::Table;

static WATCHES: Table<Instant> = Table::new(5);

fn micros(started: &Instant) -> c_ulong {
    c_ulong::try_from(started.elapsed().as_micros()).unwrap_or(c_ulong::MAX)
}

#[unsafe(no_mangle)]
extern "C" fn zmq_stopwatch_start() -> Handle {
    answer(|| WATCHES.insert(Arc::new(Instant::now())).ok_or(ENOMEM))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_stopwatch_intermediate(watch: Handle) -> c_ulong {
    answer_or(0, || Ok(micros(&*WATCHES.get(watch).ok_or(EFAULT)?)))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_stopwatch_stop(watch: Handle) -> c_ulong {
    answer_or(0, || Ok(micros(&*WATCHES.remove(watch).ok_or(EFAULT)?)))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_sleep(seconds: c_int) {
    quietly(|| std::thread::sleep(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))));
}
