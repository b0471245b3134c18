//! A socket in an application's own event loop, beside what else that waits for: here mio's.
//!
//! ```text
//!   TcpListener (the application's own, a line protocol) ─┐
//!                                                         ├─► mio::Poll ─► one thread
//!   PULL (its descriptor) ────────────────────────────────┘
//! ```
//!
//! Anything that can wait for a descriptor will do: epoll, kqueue, polling, calloop, tokio's `AsyncFd`.
//! mio's events are edges, so whoever has one goes on until `WouldBlock`, or `TryRecvError::Empty`.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use zocket::{Endpoint, Pull, Push, TryRecvError};

const LISTENER: Token = Token(0);
const PULL: Token = Token(1);

const MESSAGES: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    // The application's own: whoever connects is told how many messages have come.
    let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    let status = listener.local_addr()?;

    let pull = Pull::new();
    let here = pull.bind("tcp://127.0.0.1:*")?;

    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    poll.registry()
        .register(&mut SourceFd(&pull.as_raw_fd()), PULL, Interest::READABLE)?;

    let others = thread::spawn(move || supply(&here, status).map_err(|error| error.to_string()));

    let mut events = Events::with_capacity(64);
    let (mut received, mut told) = (0, 0);
    while received < MESSAGES || told < 2 {
        match poll.poll(&mut events, Some(Duration::from_secs(10))) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        if events.is_empty() {
            return Err("nothing has come for ten seconds".into());
        }
        for event in &events {
            match event.token() {
                PULL => loop {
                    match pull.try_recv() {
                        Ok(message) => {
                            received += 1;
                            println!("received {}", String::from_utf8_lossy(message.first()));
                        }
                        Err(TryRecvError::Empty) => break,
                        Err(error) => return Err(error.into()),
                    }
                },
                _ => loop {
                    match listener.accept() {
                        Ok((mut client, _)) => {
                            told += 1;
                            // A line this short goes into the kernel's buffer.
                            client.write_all(format!("{received} messages\n").as_bytes())?;
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error.into()),
                    }
                },
            }
        }
    }
    others.join().map_err(|_| "the supplier panicked")??;
    Ok(())
}

/// What the rest of the world does meanwhile.
fn supply(here: &Endpoint, status: SocketAddr) -> Result<(), Box<dyn Error>> {
    let push = Push::new();
    push.connect(here)?;
    ask(status)?;
    for number in 0..MESSAGES {
        push.send(format!("message {number}"))?;
    }
    // Waits until they are with the kernel.
    drop(push);
    ask(status)
}

fn ask(status: SocketAddr) -> Result<(), Box<dyn Error>> {
    let mut line = String::new();
    BufReader::new(TcpStream::connect(status)?).read_line(&mut line)?;
    println!("status: {}", line.trim_end());
    Ok(())
}
