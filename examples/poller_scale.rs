//! What a wait costs, with few and with many idle sockets (or descriptors) beside the one that is
//! active.
//!
//! Prints the time from one message to the next: sent, told of by the poller, received; for each size
//! the median of several rounds, which are measured in turn. It ought not to depend on the size.
//!
//! usage: `poller_scale [messages [rounds]]`

use std::env;
use std::error::Error;
use std::time::{Duration, Instant};

use zocket::{Context, Interest, Poller, Pull, Push};

const SIZES: [usize; 3] = [10, 1_000, 10_000];

/// Sockets in a poller, of which one has a peer.
struct Field {
    poller: Poller,
    push: Push,
    active: Pull,
    _idle: Vec<Pull>,
}

impl Field {
    fn new(context: &Context, size: usize) -> Result<Self, zocket::Error> {
        let pull = || Pull::builder().context(context).build();
        let poller = Poller::new();
        let active = pull()?;
        poller.add(&active, 0, Interest::READABLE)?;
        let idle = (1..size)
            .map(|key| {
                let pull = pull()?;
                pull.bind(format!("inproc://idle-{size}-{key}"))?;
                poller.add(&pull, key, Interest::READABLE)?;
                Ok(pull)
            })
            .collect::<Result<_, zocket::Error>>()?;
        let push = Push::builder().context(context).build()?;
        push.connect(active.bind(format!("inproc://active-{size}"))?)?;
        Ok(Self {
            poller,
            push,
            active,
            _idle: idle,
        })
    }

    /// The time for each message.
    fn measure(&self, messages: u32) -> Result<Duration, zocket::Error> {
        let mut events = Vec::new();
        let began = Instant::now();
        for _ in 0..messages {
            self.push.send("x")?;
            self.poller.wait(&mut events, Duration::from_secs(10))?;
            for event in &events {
                assert_eq!(event.key(), 0, "only one is active");
                self.active.recv()?;
            }
        }
        Ok(began.elapsed() / messages)
    }
}

/// Plain descriptors in a poller, of which one has something to read.
#[cfg(unix)]
mod plain {
    use std::io::{Error, Read, Write};
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    use zocket::{Interest, Poller};

    pub(super) struct Field {
        poller: Poller,
        active: (UnixStream, UnixStream),
        _idle: Vec<UnixStream>,
    }

    impl Field {
        pub(super) fn new(size: usize) -> Result<Self, Box<dyn std::error::Error>> {
            let poller = Poller::new();
            let active = UnixStream::pair()?;
            poller.add_fd(&active.0, 0, Interest::READABLE)?;
            let (one, other) = UnixStream::pair()?;
            let mut idle = vec![other];
            for key in 1..size {
                let duplicate = one.try_clone()?;
                poller.add_fd(&duplicate, key, Interest::READABLE)?;
                idle.push(duplicate);
            }
            idle.push(one);
            Ok(Self {
                poller,
                active,
                _idle: idle,
            })
        }

        pub(super) fn measure(&self, messages: u32) -> Result<Duration, Error> {
            let mut events = Vec::new();
            let began = Instant::now();
            for _ in 0..messages {
                (&self.active.1).write_all(b"x")?;
                let waited = (self.poller).wait(&mut events, Duration::from_secs(10));
                waited.map_err(Error::other)?;
                for event in &events {
                    assert_eq!(event.key(), 0, "only one is active");
                    (&self.active.0).read_exact(&mut [0; 1])?;
                }
            }
            Ok(began.elapsed() / messages)
        }
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1).map(|arg| arg.parse::<u32>());
    let messages = args.next().transpose()?.unwrap_or(100_000).max(1);
    let rounds = args.next().transpose()?.unwrap_or(7).max(1);

    let context = Context::builder().io_threads(0).build()?;
    let fields = SIZES
        .iter()
        .map(|&size| Field::new(&context, size))
        .collect::<Result<Vec<_>, _>>()?;
    let mut times = vec![Vec::new(); SIZES.len()];
    for _ in 0..rounds {
        for (field, times) in fields.iter().zip(&mut times) {
            times.push(field.measure(messages)?);
        }
    }
    report("sockets", times);

    #[cfg(unix)]
    {
        // Two descriptors for each: as many as the system lets us have.
        let fields: Vec<_> = SIZES
            .iter()
            .map_while(|&size| plain::Field::new(size).ok())
            .collect();
        let mut times = vec![Vec::new(); fields.len()];
        for _ in 0..rounds {
            for (field, times) in fields.iter().zip(&mut times) {
                times.push(field.measure(messages / 10 + 1)?);
            }
        }
        report("descriptors", times);
    }
    Ok(())
}

fn report(what: &str, times: Vec<Vec<Duration>>) {
    let medians: Vec<Duration> = times.into_iter().map(median).collect();
    for (size, time) in SIZES.iter().zip(&medians) {
        let ratio = time.as_secs_f64() / medians[0].as_secs_f64();
        println!(
            "{size:>6} {what}: {time:>8.0?} a message, {ratio:.2} times that of {}",
            SIZES[0]
        );
    }
}
