//! Two sockets and a plain descriptor, waited for at once.
//!
//! ```text
//!   PUSH ──────► PULL  (work) ─┐
//!   PUB  ──────► SUB   (news) ─┼─► Poller ─► one thread
//!   UnixStream ──────► (line) ─┘
//! ```
//!
//! Nobody here blocks on one source while another has something: the poller says where to look.

use std::error::Error;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use zocket::{Interest, Poller, Pub, Pull, Push, Sub, TryRecvError};

/// What the events of each are told by.
const WORK: usize = 0;
const NEWS: usize = 1;
const LINE: usize = 2;

const JOBS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let work = Pull::new();
    let jobs_here = work.bind("tcp://127.0.0.1:*")?;
    let news = Sub::new();
    let news_here = news.bind("tcp://127.0.0.1:*")?;
    news.subscribe("weather")?;
    let (mut line, other_end) = UnixStream::pair()?;
    line.set_nonblocking(true)?;

    let poller = Poller::new();
    poller.add(&work, WORK, Interest::READABLE)?;
    poller.add(&news, NEWS, Interest::READABLE)?;
    poller.add_fd(&line, LINE, Interest::READABLE)?;

    let others = thread::spawn(move || {
        supply(&jobs_here, &news_here, other_end).map_err(|error| error.to_string())
    });

    let mut events = Vec::new();
    let (mut jobs, mut reports, mut text) = (0, 0, String::new());
    let mut line_is_open = true;
    while jobs < JOBS || reports < 1 || line_is_open {
        if poller.wait(&mut events, Duration::from_secs(10))? == 0 {
            return Err("nothing has come for ten seconds".into());
        }
        for event in &events {
            // Whatever is left is told again the next time: one message for each event will do, and
            // so will all there are.
            match event.key() {
                WORK => loop {
                    match work.try_recv() {
                        Ok(job) => {
                            println!("work: {}", String::from_utf8_lossy(job.first()));
                            jobs += 1;
                        }
                        Err(TryRecvError::Empty) => break,
                        Err(error) => return Err(error.into()),
                    }
                },
                NEWS => {
                    let report = news.recv()?;
                    println!("news: {}", String::from_utf8_lossy(report.first()));
                    reports += 1;
                }
                _ => {
                    let mut buffer = [0; 64];
                    let length = line.read(&mut buffer)?;
                    text.push_str(&String::from_utf8_lossy(&buffer[..length]));
                    if length == 0 {
                        // Hung up, and told so at every wait until it is removed.
                        println!("line: {text}");
                        poller.remove_fd(&line)?;
                        line_is_open = false;
                    }
                }
            }
        }
    }
    others.join().map_err(|_| "the supplier panicked")??;
    println!("{jobs} jobs, {reports} report, and the line is closed");
    assert_eq!(text, "hello, and good bye");
    Ok(())
}

/// What the rest of the world does meanwhile.
fn supply(
    jobs: &zocket::Endpoint,
    news: &zocket::Endpoint,
    mut line: UnixStream,
) -> Result<(), Box<dyn Error>> {
    let push = Push::new();
    push.connect(jobs)?;
    let publisher = Pub::new();
    publisher.connect(news)?;
    line.write_all(b"hello, ")?;
    for number in 0..JOBS {
        push.send(format!("job {number}"))?;
    }
    publisher.wait_for_subscribers(1, Duration::from_secs(10))?;
    publisher.send("traffic: not subscribed to")?;
    publisher.send("weather: rain")?;
    line.write_all(b"and good bye")?;
    Ok(())
}
