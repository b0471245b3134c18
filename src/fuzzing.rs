//! What the fuzz targets call: each takes any bytes and must not panic. Not part of the
//! library; compiled for fuzzing only.

use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::socket_type::SocketType;
use crate::zmtp::connection::{Config, Connection, Event, Item};

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
