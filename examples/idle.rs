//! What it costs when nothing happens: many sockets, and a task that waits at each.
//!
//! ```text
//! cargo run --release --example idle -- [seconds] [sockets]
//! ```
//!
//! Counts how often every thread of this process is woken, and how long it runs: first with sockets
//! that nobody is connected to, then with as many connections over tcp to another process, without
//! heartbeats and with them. But for those, no thread may be woken at all. Linux only, which says such things in `/proc`.

#[cfg(target_os = "linux")]
#[path = "support/threads.rs"]
mod threads;

use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("idle: Linux only");
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if given.first().is_some_and(|first| first == linux::FAR_END) {
        return linux::be_far_end(given.get(1).is_some_and(|quiet| quiet == linux::QUIET));
    }
    let numbers: Result<Vec<u32>, _> = given.iter().map(|it| it.parse()).collect();
    let (seconds, sockets) = match numbers.as_deref() {
        Ok([]) => (10, 1000),
        Ok([seconds]) => (*seconds, 1000),
        Ok([seconds, sockets]) => (*seconds, *sockets),
        _ => {
            println!("usage: idle [seconds] [sockets]");
            return ExitCode::FAILURE;
        }
    };
    match linux::idle(std::time::Duration::from_secs(seconds.into()), sockets) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(woken) => {
            eprintln!("woken {woken} times for nothing");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
    use std::sync::Arc;
    use std::thread;
    use std::time::{Duration, Instant};

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use zocket::{BuildError, Endpoint, Pull, Push};

    use super::threads::Threads;

    type Error = Box<dyn std::error::Error>;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// How often anybody was woken for nothing.
    pub(crate) fn idle(time: Duration, sockets: u32) -> Result<u64, Error> {
        allow_descriptors();
        let lonely = wait_at(sockets, None, || Pull::builder().build())?;
        let mut woken = measure("sockets, nobody connected", sockets, time);

        let mut far = FarEnd::start(&[FAR_END, QUIET])?;
        let waiting = wait_at(sockets, Some(&far.endpoint), || {
            Pull::builder().heartbeat_interval(None).build()
        })?;
        far.wait_for(sockets)?;
        woken += measure("connections without heartbeats", sockets, time);
        far.wake_all(waiting, sockets)?;

        // These have a reason: after ten seconds of silence, one of two sides asks the other.
        let mut far = FarEnd::start(&[FAR_END])?;
        let waiting = wait_at(sockets, Some(&far.endpoint), || Pull::builder().build())?;
        far.wait_for(sockets)?;
        measure("connections, all as it is by default", sockets, time);
        far.wake_all(waiting, sockets)?;

        drop(lonely);
        Ok(woken)
    }

    /// What this program is called with to be the other end.
    pub(crate) const FAR_END: &str = "--far-end";
    pub(crate) const QUIET: &str = "--quiet";

    /// The other end of all connections, in another process.
    struct FarEnd {
        process: Child,
        told: BufReader<ChildStdout>,
        endpoint: Endpoint,
    }

    impl FarEnd {
        fn start(args: &[&str]) -> Result<Self, Error> {
            let mut process = Command::new(std::env::current_exe()?)
                .args(args)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            let mut told = BufReader::new(process.stdout.take().ok_or("no output")?);
            let mut line = String::new();
            told.read_line(&mut line)?;
            Ok(Self {
                process,
                told,
                endpoint: line.trim().parse()?,
            })
        }

        fn ask(&mut self, count: u32) -> Result<(), Error> {
            let stdin = self.process.stdin.as_mut().ok_or("no input")?;
            writeln!(stdin, "{count}")?;
            self.told.read_line(&mut String::new())?;
            Ok(())
        }

        /// Waits until so many peers are there.
        fn wait_for(&mut self, peers: u32) -> Result<(), Error> {
            self.ask(peers)
        }

        /// They really waited: everybody takes a message when there are some.
        fn wake_all(mut self, waiting: Waiting, sockets: u32) -> Result<(), Error> {
            self.ask(sockets)?;
            waiting.join();
            self.process.wait()?;
            Ok(())
        }
    }

    /// What the other process does: waits for so many peers as it reads, says so, and sends so many
    /// messages as it reads then.
    pub(crate) fn be_far_end(quiet: bool) -> ExitCode {
        let run = || -> Result<(), Error> {
            allow_descriptors();
            let push = if quiet {
                Push::builder().heartbeat_interval(None).build()?
            } else {
                Push::new()
            };
            println!("{}", push.bind("tcp://127.0.0.1:*")?);
            let mut lines = std::io::stdin().lines();
            let mut next =
                || -> Result<usize, Error> { Ok(lines.next().ok_or("no more")??.parse()?) };
            push.wait_for_peers(next()?, PATIENCE)?;
            println!("they are there");
            for _ in 0..next()? {
                push.send("good morning")?;
            }
            println!("they are awake");
            Ok(())
        };
        match run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: the other end: {error}");
                ExitCode::FAILURE
            }
        }
    }

    /// Everything that waits, on one thread.
    struct Waiting(thread::JoinHandle<()>);

    impl Waiting {
        fn join(self) {
            self.0
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    }

    /// Sockets, connected to this if to anything, and a task at each, on a thread of their own.
    fn wait_at(
        sockets: u32,
        endpoint: Option<&Endpoint>,
        make: impl Fn() -> Result<Pull, BuildError>,
    ) -> Result<Waiting, Error> {
        let mut pulls = Vec::new();
        for _ in 0..sockets {
            let pull = make()?;
            if let Some(endpoint) = endpoint {
                pull.connect(endpoint)?;
            }
            pulls.push(Arc::new(pull));
        }
        let waiting = thread::Builder::new().name("executor".to_owned());
        let waiting = waiting.spawn(move || {
            let executor = smol::LocalExecutor::new();
            let tasks: Vec<_> = pulls
                .into_iter()
                .map(|pull| executor.spawn(async move { pull.recv_async().await.is_ok() }))
                .collect();
            smol::future::block_on(executor.run(async {
                for task in tasks {
                    assert!(task.await, "a message");
                }
            }));
        });
        Ok(Waiting(waiting?))
    }

    /// Prints what each thread does in this time; how often any was woken.
    fn measure(what: &str, count: u32, time: Duration) -> u64 {
        settle();
        let (before, start) = (Threads::now(), Instant::now());
        thread::sleep(time);
        let (after, elapsed) = (Threads::now(), start.elapsed());
        println!("{count} {what}, {:.1} s:", elapsed.as_secs_f64());
        let mut woken = 0;
        for ((name, _), done) in after.since(&before) {
            woken += done.switches;
            println!(
                "  {name:<16} woken {:>6} times, ran {:>10.1?}: {:.4} % of a core",
                done.switches,
                done.time,
                100.0 * done.time.as_secs_f64() / elapsed.as_secs_f64()
            );
        }
        woken
    }

    /// Waits until what has just begun is over: nobody was woken for a while.
    fn settle() {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = Threads::now();
            thread::sleep(Duration::from_millis(500));
            let done = Threads::now().since(&before);
            if done.values().all(|done| done.switches == 0) || Instant::now() > deadline {
                return;
            }
        }
    }

    /// As many descriptors as this process may have.
    fn allow_descriptors() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let limit = Rlimit {
            current: maximum,
            maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            eprintln!("the limit of descriptors stays as it is: {error}");
        }
    }
}
