//! What the fuzz targets call: each takes any bytes and must not panic. Not part of the
//! library; compiled for fuzzing only.

use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::secret::Secret;
use crate::socket_type::SocketType;
use crate::zmtp::command;
use crate::zmtp::connection::{Config, Connection, Event, Item};
use crate::zmtp::mechanism::{Security, Verdict};

/// Any string is an endpoint or an error; an endpoint reads back as it is written.
pub fn endpoint(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match text.parse::<Endpoint>() {
        Ok(endpoint) => assert_eq!(endpoint.to_string().parse().as_ref(), Ok(&endpoint)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Whatever a peer sends, a connection delivers messages or ends; and it does the same
/// however the bytes are cut into reads.
///
/// The first byte says who listens and how long the reads are, the rest is what the
/// peer sends.
pub fn connection(data: &[u8]) {
    let Some((&choice, stream)) = data.split_first() else {
        return;
    };
    let listener = [
        SocketType::Pull,
        SocketType::XPub,
        SocketType::Router,
        SocketType::Pair,
        SocketType::Sub,
        SocketType::Rep,
        SocketType::Dealer,
        SocketType::Push,
    ][usize::from(choice >> 5)];
    let piece = usize::from(choice & 31) + 1;
    let whole = listen(listener, stream, stream.len().max(1));
    let pieces = listen(listener, stream, piece);
    assert_eq!(whole, pieces, "{listener}, whole and in reads of {piece}");
}

/// Whatever comes in the place of a PLAIN command, the handshake goes on or ends; and without the answer
/// to who that is, nothing arrives.
///
/// The first byte says which side we are and how many of the commands before are as they should be, the
/// rest comes in the place of the next, as the data of a command or, if the highest bit is set, as it is.
pub fn plain(data: &[u8]) {
    let client = || Security::PlainClient {
        user: b"user".as_slice().into(),
        password: Secret::new(b"password"),
    };
    let server = || Security::PlainServer;
    let names = [&["HELLO", "INITIATE"][..], &["WELCOME", "READY"]];
    mechanism(data, client(), server(), names);
}

/// The same for CURVE, where the rest may also be what is changed in the right one.
#[cfg(feature = "curve")]
pub fn curve(data: &[u8]) {
    let (client, server) = curve_sides();
    let names = [&["HELLO", "INITIATE", ""][..], &["WELCOME", "READY", ""]];
    mechanism(data, client, server, names);
}

/// The same with boxes that all open.
#[cfg(feature = "curve")]
pub fn curve_mock(data: &[u8]) {
    crate::zmtp::curve::crypto::mock::set(true);
    curve(data);
    crate::zmtp::curve::crypto::mock::set(false);
}

#[cfg(feature = "curve")]
fn curve_sides() -> (Security, Security) {
    use crate::curve::{KeyPair, SecretKey};
    use std::sync::Arc;
    let keys = |octet| Arc::new(KeyPair::from_secret(SecretKey::new([octet; 32])));
    let (c, s) = (keys(1), keys(2));
    // What is found is found again.
    crate::curve::pinned::clear();
    for octet in 3..9 {
        crate::curve::pinned::put(&[octet; 32]);
    }
    let client = Security::CurveClient {
        keys: c,
        server: *s.public_key(),
    };
    (
        client,
        Security::CurveServer {
            keys: s,
            asks: true,
        },
    )
}

/// Two sides say what they have to until the one that is under test gets something else.
fn mechanism(data: &[u8], client: Security, server: Security, names: [&[&str]; 2]) {
    let Some((&choice, data)) = data.split_first() else {
        return;
    };
    let is_server = choice & 1 == 0;
    let rounds = usize::from(choice >> 1 & 3);
    let mut sides = [(client, SocketType::Dealer), (server, SocketType::Router)].map(
        |(security, socket_type)| {
            Connection::new(Config {
                security,
                max_message_size: Some(1 << 16),
                ..Config::new(socket_type)
            })
        },
    );
    // Greetings, then a command of each in turn.
    for round in 0..=rounds {
        for from in [0, 1] {
            let mut said = say(&mut sides[from]);
            let to = &mut sides[1 - from];
            let is_under_test = (from == 0) == is_server;
            if round == rounds && is_under_test {
                said = instead(choice, data, &said, names[from].get(round.wrapping_sub(1)));
            }
            to.read_buf().extend_from_slice(&said);
            let result = to.handle_input();
            let mut seen = Vec::new();
            while let Some(event) = to.poll_event() {
                if let Event::Authenticate(_) = event {
                    continue;
                }
                see(event, &mut seen);
            }
            assert!(seen.is_empty() || seen[0] == Seen::Ready || round > 2);
            if result.is_err() {
                assert!(!to.is_ready());
                return;
            }
            if to.awaits_verdict() {
                assert!(seen.is_empty());
                let verdict = Verdict::Accept {
                    user_id: None,
                    properties: Default::default(),
                };
                if to.authenticated(verdict).is_err() {
                    return;
                }
                while let Some(event) = to.poll_event() {
                    see(event, &mut seen);
                }
            }
        }
    }
}

/// All that a side has to say, and a PING once it may.
fn say(connection: &mut Connection) -> Vec<u8> {
    if connection.is_ready() && connection.output().is_empty() && connection.sealed().is_empty() {
        connection.send_ping(std::time::Duration::ZERO);
    }
    let mut said = Vec::new();
    while connection.seals() {
        said.extend_from_slice(connection.sealed());
        let n = connection.sealed().len();
        connection.consume_sealed(n);
        if connection.output().is_empty() || connection.seal_output().is_err() {
            return said;
        }
    }
    said.extend_from_slice(connection.output());
    let n = connection.output().len();
    connection.consume_output(n);
    said
}

/// What comes in the place of what would be right.
fn instead(choice: u8, data: &[u8], right: &[u8], name: Option<&&str>) -> Vec<u8> {
    match (choice >> 6, name) {
        // Changed in some places.
        (0, _) => {
            let mut bytes = right.to_vec();
            for change in data.chunks_exact(3) {
                let at = usize::from(u16::from_be_bytes([change[0], change[1]]));
                if let Some(octet) = bytes.get_mut(at) {
                    *octet ^= change[2];
                }
            }
            bytes
        }
        // As the data of the command that is due.
        (1, Some(name)) if !name.is_empty() => {
            let mut bytes = Vec::new();
            command::put(name, &[data], &mut bytes);
            bytes
        }
        // As what is in a box, if boxes open.
        (2, _) => {
            let mut bytes = right.to_vec();
            let len = bytes.len().min(data.len());
            let at = bytes.len() - len;
            bytes[at..].copy_from_slice(&data[..len]);
            bytes
        }
        _ => data.to_vec(),
    }
}

/// What `listener` makes of `stream`, which it reads `piece` bytes at a time; and
/// whether it was still listening at the end.
fn listen(listener: SocketType, stream: &[u8], piece: usize) -> (Vec<Seen>, bool) {
    let config = Config {
        max_message_size: Some(1 << 16),
        max_frames: 64,
        ..Config::new(listener)
    };
    let mut connection = Connection::new(config);
    let mut seen = Vec::new();
    for bytes in stream.chunks(piece) {
        connection.read_buf().extend_from_slice(bytes);
        let result = connection.handle_input();
        while let Some(event) = connection.poll_event() {
            see(event, &mut seen);
        }
        let said = connection.output().len();
        connection.consume_output(said);
        if result.is_err() {
            return (seen, false);
        }
    }
    connection.handle_eof();
    (seen, true)
}

/// What a socket would be told. Not signs of life: of those that come together, one is
/// answered.
#[derive(Debug, PartialEq)]
enum Seen {
    Ready,
    Message(Message),
    Subscription(bool, Vec<u8>),
}

fn see(event: Event, seen: &mut Vec<Seen>) {
    match event {
        Event::Ready(_) => seen.push(Seen::Ready),
        Event::Item(Item::Chunk(mut chunk)) => {
            let mut left = chunk.messages();
            while let Some(message) = chunk.cut() {
                left -= 1;
                assert_eq!(chunk.messages(), left);
                seen.push(Seen::Message(message));
            }
            assert_eq!((left, chunk.bytes()), (0, 0));
        }
        Event::Item(Item::Message(message)) => seen.push(Seen::Message(message)),
        Event::Item(Item::Subscription { subscribe, topic }) => {
            seen.push(Seen::Subscription(subscribe, topic.to_vec()));
        }
        Event::Authenticate(_) | Event::Ping { .. } | Event::Pong => {}
    }
}
