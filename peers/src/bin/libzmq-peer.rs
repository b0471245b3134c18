//! A libzmq socket in a process of its own, for tests that kill it.
//!
//! `libzmq-peer push|pull bind|connect ENDPOINT [name=value]…`, where the names are
//!
//! * `send-hwm`, `receive-hwm`, `send-buffer`, `receive-buffer`: options of the socket;
//! * `heartbeat-interval`, `heartbeat-timeout`, `heartbeat-ttl`: the same, in ms;
//! * `body`: bytes in the body of a message;
//! * `generation`, `count`: what a `push` sends.
//!
//! A `push` sends its messages and then stays; a `pull` receives for ever. Both say what they do
//! (see [`peers::helper`]) and end when their input ends, so that none outlives its test.

use std::error::Error;
use std::io;
use std::process;
use std::thread;

use peers::helper::Report;
use peers::libzmq::{Context, Kind, Opt, Socket};
use peers::numbered::Number;

fn main() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(0);
    });
    if let Err(error) = run() {
        Report::Bad(error.to_string()).say();
        process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, side, endpoint, settings @ ..] = arguments.as_slice() else {
        return Err("libzmq-peer push|pull bind|connect ENDPOINT [name=value]…".into());
    };
    let kind = match kind.as_str() {
        "push" => Kind::Push,
        "pull" => Kind::Pull,
        other => return Err(format!("not a socket type: {other}").into()),
    };
    let socket = Context::new().socket(kind)?;
    let mut task = Task::default();
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or("a setting is name=value")?;
        match name {
            "send-hwm" => socket.set(Opt::SendHwm, value.parse()?)?,
            "receive-hwm" => socket.set(Opt::ReceiveHwm, value.parse()?)?,
            "send-buffer" => socket.set(Opt::SendBuffer, value.parse()?)?,
            "receive-buffer" => socket.set(Opt::ReceiveBuffer, value.parse()?)?,
            "heartbeat-interval" => socket.set(Opt::HeartbeatInterval, value.parse()?)?,
            "heartbeat-timeout" => socket.set(Opt::HeartbeatTimeout, value.parse()?)?,
            "heartbeat-ttl" => socket.set(Opt::HeartbeatTtl, value.parse()?)?,
            "body" => task.body = value.parse()?,
            "generation" => task.generation = value.parse()?,
            "count" => task.count = value.parse()?,
            other => return Err(format!("no setting {other}").into()),
        }
    }
    let endpoint = match side.as_str() {
        "bind" => socket.bind(endpoint)?,
        "connect" => {
            socket.connect(endpoint)?;
            endpoint.clone()
        }
        other => return Err(format!("neither bind nor connect: {other}").into()),
    };
    Report::At(endpoint).say();
    match kind {
        Kind::Push => task.send(&socket),
        _ => task.receive(&socket),
    }
}

#[derive(Debug, Default)]
struct Task {
    body: usize,
    generation: u32,
    count: u64,
}

impl Task {
    fn send(&self, socket: &Socket) -> Result<(), Box<dyn Error>> {
        for number in 0..self.count {
            let number = Number {
                generation: self.generation,
                number,
            };
            socket.send(&number.frames(self.body))?;
            Report::Sent(number).say();
        }
        loop {
            thread::park();
        }
    }

    fn receive(&self, socket: &Socket) -> Result<(), Box<dyn Error>> {
        loop {
            Report::Got(Number::of(&socket.recv()?, self.body)?).say();
        }
    }
}
