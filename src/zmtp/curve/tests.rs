//! The recorded session, and everything that a stranger may try.

use std::sync::Arc;

use proptest::prelude::*;

use super::crypto::{Shared, TAG, counted, drawn};
use super::traffic::OVERHEAD;
use super::{NAME, vouched_for};
use crate::curve::{KeyPair, PublicKey, SecretKey, pinned};
use crate::message::Message;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::zmtp::connection::{Config, Connection, Eof};
use crate::zmtp::encoder::{SubscriptionForm, encode, encode_subscription};
use crate::zmtp::error::Error;
use crate::zmtp::greeting;
use crate::zmtp::header;
use crate::zmtp::mechanism::{Credentials, Security, Verdict};
use crate::zmtp::tests::{
    Seen, arbitrary_message, command, message, security_value, security_vector, unhex,
};
use crate::zmtp::wire::Wire;

// ---- the two sides ----

fn golden(name: &str) -> Vec<u8> {
    unhex(
        security_value("curve_golden_inputs")["values"][name]
            .as_str()
            .unwrap(),
    )
}

fn secret(name: &str) -> SecretKey {
    SecretKey::new(golden(name).try_into().unwrap())
}

fn pair(name: &str) -> Arc<KeyPair> {
    Arc::new(KeyPair::from_secret(secret(name)))
}

fn server_config(asks: bool) -> Config {
    Config {
        security: Security::CurveServer {
            keys: pair("s"),
            asks,
        },
        ..Config::new(SocketType::Router)
    }
}

fn client_config() -> Config {
    Config {
        routing_id: RoutingId::new(b"cli"),
        security: Security::CurveClient {
            keys: pair("c"),
            server: *pair("s").public_key(),
        },
        ..Config::new(SocketType::Dealer)
    }
}

/// Its greeting is taken, and the peer's is through.
fn greeted(config: Config) -> Connection {
    let mut connection = Connection::new(config);
    connection.take_output();
    connection.feed(&greeting::encode(NAME, 0)).unwrap();
    connection
}

/// All that it has to write, batch by batch.
fn said(connection: &mut Connection) -> Vec<u8> {
    if !connection.seals() {
        return connection.take_output();
    }
    let mut out = Vec::new();
    loop {
        let n = connection.sealed().len();
        out.extend_from_slice(connection.sealed());
        connection.consume_sealed(n);
        if connection.output().is_empty() {
            return out;
        }
        connection.seal_output().unwrap();
    }
}

impl Connection {
    fn sealed_capacity(&self) -> usize {
        self.traffic.as_ref().map_or(0, |it| it.sealed_capacity())
    }
}

/// A message, sealed.
fn sent(connection: &mut Connection, message: &Message) -> Vec<u8> {
    let mut wire = Wire::new();
    encode(message, &mut wire);
    sent_wire(connection, &mut wire)
}

fn sent_wire(connection: &mut Connection, wire: &mut Wire) -> Vec<u8> {
    let mut out = said(connection);
    while !wire.is_empty() {
        connection.seal_wire(wire).unwrap();
        let n = connection.sealed().len();
        assert!(n > 0);
        out.extend_from_slice(connection.sealed());
        wire.advance(connection.consume_sealed(n));
    }
    out
}

/// Two that are through the handshake, with real random numbers.
fn talking() -> (Connection, Connection) {
    talking_as(client_config(), server_config(false))
}

fn talking_as(client: Config, server: Config) -> (Connection, Connection) {
    let (mut client, mut server) = (greeted(client), greeted(server));
    for _ in 0..2 {
        let bytes = said(&mut client);
        server.feed(&bytes).unwrap();
        let bytes = said(&mut server);
        client.feed(&bytes).unwrap();
    }
    assert!(client.is_ready() && server.is_ready());
    assert!(matches!(client.seen()[..], [Seen::Ready(_)]));
    assert!(matches!(server.seen()[..], [Seen::Ready(_)]));
    (client, server)
}

// ---- a client by hand, who does what no client does ----

struct Script {
    keys: KeyPair,
    transient: KeyPair,
    server: PublicKey,
    /// From WELCOME.
    server_transient: Option<PublicKey>,
    cookie: Vec<u8>,
    metadata: Vec<u8>,
    number: u64,
    /// What the vouch vouches for, if not the truth.
    vouched: Option<[u8; 64]>,
}

impl Script {
    fn new() -> Self {
        Self {
            keys: KeyPair::generate().unwrap(),
            transient: KeyPair::generate().unwrap(),
            server: *pair("s").public_key(),
            server_transient: None,
            cookie: Vec::new(),
            metadata: b"\x0bSocket-Type\0\0\0\x06DEALER".to_vec(),
            number: 0,
            vouched: None,
        }
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn hello(&mut self) -> Vec<u8> {
        let number = self.next();
        let shared = Shared::agree(&self.server, self.transient.secret_key()).unwrap();
        let mut zeros = [0; 64];
        let tag = shared.seal(&counted(b"CurveZMQHELLO---", number), &mut zeros);
        let public = self.transient.public_key().as_bytes();
        command(
            "HELLO",
            &[
                &[1, 0],
                &[0; 72],
                public,
                &number.to_be_bytes(),
                &tag,
                &zeros,
            ],
        )
    }

    fn welcomed(&mut self, welcome: &[u8]) {
        let data = &welcome[2 + 8..];
        let shared = Shared::agree(&self.server, self.transient.secret_key()).unwrap();
        let nonce = data[..16].try_into().unwrap();
        let content = shared
            .open_small(&drawn(b"WELCOME-", nonce), &data[16..])
            .unwrap();
        self.server_transient = Some(content[..32].try_into().unwrap());
        self.cookie = content[32..].to_vec();
    }

    fn shared(&self) -> Shared {
        Shared::agree(&self.server_transient.unwrap(), self.transient.secret_key()).unwrap()
    }

    fn initiate(&mut self) -> Vec<u8> {
        let number = self.next();
        let shared =
            Shared::agree(&self.server_transient.unwrap(), self.keys.secret_key()).unwrap();
        let truth = vouched_for(self.transient.public_key(), &self.server);
        let mut vouch = self.vouched.unwrap_or(truth);
        let vouch_tag = shared.seal(&drawn(b"VOUCH---", &[9; 16]), &mut vouch);
        let mut content = [
            self.keys.public_key().as_bytes().as_slice(),
            &[9; 16],
            &vouch_tag,
            &vouch,
            &self.metadata,
        ]
        .concat();
        let tag = self
            .shared()
            .seal(&counted(b"CurveZMQINITIATE", number), &mut content);
        command(
            "INITIATE",
            &[&self.cookie, &number.to_be_bytes(), &tag, &content],
        )
    }

    /// MESSAGE with this number, flags and content.
    fn message_as(&self, number: u64, flags: u8, data: &[u8]) -> Vec<u8> {
        self.message_from(b"CurveZMQMESSAGEC", number, flags, data)
    }

    fn message_from(&self, prefix: &[u8; 16], number: u64, flags: u8, data: &[u8]) -> Vec<u8> {
        let mut content = [&[flags], data].concat();
        let tag = self.shared().seal(&counted(prefix, number), &mut content);
        let mut out = Vec::new();
        header::put(0, OVERHEAD + data.len(), &mut out);
        out.extend_from_slice(b"\x07MESSAGE");
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&tag);
        out.extend_from_slice(&content);
        out
    }

    fn message(&mut self, data: &[u8]) -> Vec<u8> {
        let number = self.next();
        self.message_as(number, 0, data)
    }

    /// As far as WELCOME.
    fn begun(mut self) -> (Self, Connection) {
        let mut server = greeted(server_config(false));
        server.feed(&self.hello()).unwrap();
        let welcome = server.take_output();
        self.welcomed(&welcome);
        (self, server)
    }

    /// Through the handshake.
    fn ready(self) -> (Self, Connection) {
        let (mut this, mut server) = self.begun();
        server.feed(&this.initiate()).unwrap();
        assert!(server.is_ready());
        said(&mut server);
        server.seen();
        (this, server)
    }
}

fn texts(connection: &mut Connection) -> Vec<Message> {
    let seen = connection.seen().into_iter();
    seen.map(|seen| match seen {
        Seen::Message(message) => message,
        other => panic!("{other:?}"),
    })
    .collect()
}

// ---- what libzmq does ----

#[test]
fn vectors_the_recorded_session_octet_by_octet() {
    for piece in [1, 5, usize::MAX] {
        let feed = |connection: &mut Connection, bytes: &[u8]| {
            for bytes in bytes.chunks(piece.min(bytes.len())) {
                connection.feed(bytes).unwrap();
            }
        };
        pinned::put(&golden("ct"));
        let (mut client, mut server) = (greeted(client_config()), greeted(server_config(true)));
        let hello = client.take_output();
        assert_eq!(hello, security_vector("curve_golden_hello"));
        for name in ["st", "cookie_nonce", "cookie_key", "welcome_nonce"] {
            pinned::put(&golden(name));
        }
        feed(&mut server, &hello);
        let welcome = server.take_output();
        assert_eq!(welcome, security_vector("curve_golden_welcome"));
        pinned::put(&golden("vouch_nonce"));
        feed(&mut client, &welcome);
        let initiate = client.take_output();
        assert_eq!(initiate, security_vector("curve_golden_initiate"));
        feed(&mut server, &initiate);
        let public_key = golden("C").try_into().unwrap();
        let credentials = Credentials::Curve { public_key };
        assert_eq!(server.seen(), [Seen::Authenticate(credentials)]);
        assert!(server.output().is_empty());
        server
            .authenticated(Verdict::Accept {
                user_id: Some("me".into()),
                properties: Default::default(),
            })
            .unwrap();
        let ready = said(&mut server);
        assert_eq!(ready, security_vector("curve_golden_ready"));
        feed(&mut client, &ready);
        assert!(matches!(&client.seen()[..], [Seen::Ready(hello)] if hello.routing_id.is_none()));
        let seen = server.seen();
        let [Seen::Ready(hello)] = &seen[..] else {
            panic!("{seen:?}");
        };
        assert_eq!(hello.routing_id, RoutingId::new(b"cli"));
        assert_eq!(hello.vouched.user_id.as_deref(), Some("me"));

        // Each message, opened by the one and sealed by the other.
        for (name, frames) in [("hello", 1), ("3_parts", 3), ("300", 1)] {
            let bytes = security_vector(&format!("curve_golden_client_message_{name}"));
            feed(&mut server, &bytes);
            let messages = texts(&mut server);
            assert_eq!((messages.len(), messages[0].len()), (1, frames), "{name}");
            assert_eq!(sent(&mut client, &messages[0]), bytes, "{name}");
        }
        for (name, frames) in [("world", 1), ("2_parts", 2)] {
            let bytes = security_vector(&format!("curve_golden_server_message_{name}"));
            feed(&mut client, &bytes);
            let messages = texts(&mut client);
            assert_eq!((messages.len(), messages[0].len()), (1, frames), "{name}");
            assert_eq!(sent(&mut server, &messages[0]), bytes, "{name}");
        }
    }
}

#[test]
fn messages_right_behind_ready_are_taken() {
    let (mut client, mut server) = (greeted(client_config()), greeted(server_config(false)));
    server.feed(&client.take_output()).unwrap();
    client.feed(&server.take_output()).unwrap();
    server.feed(&client.take_output()).unwrap();
    server.send_first(&Message::from("first"));
    let bytes = sent(&mut server, &Message::from("second"));
    client.feed(&bytes).unwrap();
    let mut seen = client.seen();
    assert!(matches!(seen.remove(0), Seen::Ready(_)));
    let texts = ["first", "second"].map(|text| Seen::Message(Message::from(text)));
    assert_eq!(seen, texts);
}

#[test]
fn commands_are_sealed_as_libzmq_reads_them() {
    let publisher = Config {
        security: server_config(false).security,
        ..Config::new(SocketType::Pub)
    };
    let subscriber = Config {
        security: client_config().security,
        ..Config::new(SocketType::Sub)
    };
    let (mut client, mut server) = talking_as(subscriber, publisher);
    let mut wire = Wire::new();
    encode_subscription(true, b"A", SubscriptionForm::Command, &mut wire);
    let bytes = sent_wire(&mut client, &mut wire);
    // Outside a message.
    assert_eq!(bytes[..10], *b"\0\x2c\x07MESSAGE");
    server.feed(&bytes).unwrap();
    assert_eq!(server.seen(), [Seen::Subscription(true, b"A".to_vec())]);
    client.send_ping(std::time::Duration::from_secs(1));
    server.feed(&said(&mut client)).unwrap();
    assert_eq!(server.seen(), [Seen::Ping(1000)]);
    client.feed(&said(&mut server)).unwrap();
    assert_eq!(client.seen(), [Seen::Pong]);
}

// ---- how bytes come and go ----

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The model: the messages themselves.
    #[test]
    fn any_messages_arrive_however_they_are_cut(
        messages in proptest::collection::vec(arbitrary_message(), 1..12),
        pieces in proptest::collection::vec(1usize..40_000, 1..8),
        writes in proptest::collection::vec(1usize..60_000, 1..8),
    ) {
        let (mut client, mut server) = talking();
        let mut wire = Wire::new();
        for message in &messages {
            encode(message, &mut wire);
        }
        // Written in any steps, and told when a message is written whole.
        let (mut bytes, mut done) = (Vec::new(), 0);
        let mut writes = writes.iter().cycle();
        while !wire.is_empty() {
            client.seal_wire(&wire).unwrap();
            while !client.sealed().is_empty() {
                let n = client.sealed().len().min(*writes.next().unwrap());
                bytes.extend_from_slice(&client.sealed()[..n]);
                let whole = client.consume_sealed(n);
                if whole > 0 {
                    done += wire.advance(whole).messages;
                }
            }
        }
        prop_assert_eq!(done, messages.len());
        let mut found = Vec::new();
        let (mut rest, mut pieces) = (bytes.as_slice(), pieces.iter().cycle());
        while !rest.is_empty() {
            let (piece, left) = rest.split_at(rest.len().min(*pieces.next().unwrap()));
            server.feed(piece).unwrap();
            found.extend(texts(&mut server));
            rest = left;
        }
        prop_assert_eq!(found, messages);
        prop_assert_eq!(server.held(), 0);
        prop_assert_eq!(server.handle_eof(), Eof::AtBorder);
    }

    /// One octet of the traffic is another one: whatever came before it arrives, nothing else.
    #[test]
    fn s9_whatever_is_changed_ends_the_connection(
        messages in proptest::collection::vec(arbitrary_message(), 1..4),
        at in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let (mut client, mut server) = talking();
        let mut bytes = Vec::new();
        let mut borders = Vec::new();
        for message in &messages {
            bytes.extend(sent(&mut client, message));
            borders.push(bytes.len());
        }
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        let result = server.feed(&bytes);
        let found = texts(&mut server);
        let whole = borders.iter().filter(|border| **border <= at).count();
        prop_assert_eq!(&found[..], &messages[..found.len()]);
        prop_assert!(found.len() <= whole + 1);
        // A bit of a header may say that more is to come, or less; what it is never passes.
        if result.is_ok() {
            prop_assert!(found.len() < messages.len() || at_header(&bytes, at));
        }
    }
}

/// Whether the octet is one of a frame's header: which flags a MESSAGE has outside means nothing.
fn at_header(bytes: &[u8], at: usize) -> bool {
    let mut begin = 0;
    while let Ok(Some(header)) = header::Header::parse(&bytes[begin..]) {
        if (begin..begin + header.len).contains(&at) {
            return true;
        }
        begin += header.len + header.size as usize;
        if begin >= bytes.len() {
            break;
        }
    }
    begin >= bytes.len()
}

#[test]
fn what_is_not_written_is_sealed_anew_for_the_next_connection() {
    let (mut client, _) = talking();
    let mut wire = Wire::new();
    for text in ["one", "two", "three"] {
        encode(&Message::from(text), &mut wire);
    }
    client.seal_wire(&wire).unwrap();
    let first = 2 + OVERHEAD + 3;
    // The first, and half of the second.
    assert_eq!(client.consume_sealed(first + 20), 5);
    assert_eq!(wire.advance(5).messages, 1);
    wire.rewind();
    let (mut client, mut server) = talking();
    server.feed(&sent_wire(&mut client, &mut wire)).unwrap();
    assert_eq!(
        texts(&mut server),
        [Message::from("two"), Message::from("three")]
    );
}

#[test]
fn memory_follows_the_traffic_down() {
    let (mut client, mut server) = talking();
    let large = Message::from(vec![7; 3 << 20]);
    server.feed(&sent(&mut client, &large)).unwrap();
    assert_eq!(texts(&mut server), [large]);
    for _ in 0..200 {
        server
            .feed(&sent(&mut client, &Message::from("x")))
            .unwrap();
        texts(&mut server);
    }
    assert!(client.sealed_capacity() <= 16 << 10);
    assert!(server.read_buf().capacity() <= 32 << 10);
}

#[test]
fn memory_of_an_idle_connection_is_given_back() {
    let (mut client, mut server) = talking();
    let large = Message::from(vec![7; 3 << 20]);
    server.feed(&sent(&mut client, &large)).unwrap();
    assert_eq!(texts(&mut server), std::slice::from_ref(&large));
    assert!(client.sealed_capacity() > 1 << 20);
    client.release();
    server.release();
    assert_eq!(client.sealed_capacity(), 0);
    assert!(server.read_buf().capacity() <= 16 << 10);
    // And both go on.
    server.feed(&sent(&mut client, &large)).unwrap();
    assert_eq!(texts(&mut server), [large]);
}

#[test]
fn a_size_alone_allocates_little() {
    let (_, mut server) = Script::new().ready();
    let mut bytes = vec![2];
    bytes.extend_from_slice(&(200u64 << 20).to_be_bytes());
    bytes.extend_from_slice(b"\x07MESSAGE");
    server.feed(&bytes).unwrap();
    assert!(server.read_buf().capacity() < 64 << 10);
    for _ in 0..100 {
        server.feed(&[7; 10_000]).unwrap();
        let held = server.held();
        assert!(server.read_buf().capacity() <= 4 * held + (64 << 10));
    }
    let (_, mut server) = Script::new().ready();
    let mut bytes = vec![2];
    bytes.extend_from_slice(&(300u64 << 20).to_be_bytes());
    let error = server.feed(&bytes).unwrap_err();
    assert!(matches!(error, Error::MessageTooLarge { .. }));
}

// ---- what a stranger may try ----

#[test]
fn s5_a_hello_is_for_this_server_or_nothing() {
    let feed = |bytes: &[u8]| {
        let mut server = greeted(server_config(false));
        let result = server.feed(bytes);
        assert!(!server.is_ready() && server.seen().is_empty());
        if result.is_err() {
            assert!(server.output().is_empty());
        }
        result
    };
    let hello = Script::new().hello();
    assert_eq!(feed(&hello), Ok(()));
    let data = &hello[2 + 6..];
    let malformed = |field| Err(super::malformed("HELLO", field));
    assert_eq!(feed(&command("HELLO", &[&data[..193]])), malformed("size"));
    assert_eq!(feed(&command("HELLO", &[data, &[0]])), malformed("size"));
    for version in [[2, 0], [1, 1], [0, 0]] {
        let result = feed(&command("HELLO", &[&version, &data[2..]]));
        assert_eq!(result, malformed("version"));
    }
    for name in ["HELLo", "HELL", "hello", "WELCOME", "INITIATE", "READY"] {
        let result = feed(&command(name, &[data]));
        assert!(
            matches!(result, Err(Error::UnexpectedCommand { .. })),
            "{name}"
        );
    }
    let not_opened = Err(Error::NotOpened { command: "HELLO" });
    // Every octet behind the padding counts.
    for at in 74..data.len() {
        let mut data = data.to_vec();
        data[at] ^= 1;
        let result = feed(&command("HELLO", &[&data]));
        // The highest bit of a key is no part of it.
        assert!(
            result == not_opened || result == Err(Error::WeakKey),
            "{at}: {result:?}"
        );
    }
    let mut wrong = Script::new();
    wrong.server = *KeyPair::generate().unwrap().public_key();
    assert_eq!(feed(&wrong.hello()), not_opened);
    // Keys with which everybody comes to the same: 0, 1, and two more of low order.
    for key in low_order() {
        let mut data = data.to_vec();
        data[74..106].copy_from_slice(&key);
        assert_eq!(feed(&command("HELLO", &[&data])), Err(Error::WeakKey));
    }
    // What libzmq does not look at: the padding, and any number.
    let mut padded = data.to_vec();
    padded[2..74].fill(7);
    assert_eq!(feed(&command("HELLO", &[&padded])), Ok(()));
}

fn low_order() -> Vec<[u8; 32]> {
    let number = |text: &str| unhex(text).try_into().unwrap();
    let mut one = [0; 32];
    one[0] = 1;
    vec![
        [0; 32],
        one,
        number("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        number("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        number("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        number("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        number("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ]
}

#[test]
fn s5_a_server_key_that_would_be_no_secret_is_not_used() {
    for key in low_order() {
        let mut client = Connection::new(Config {
            security: Security::CurveClient {
                keys: pair("c"),
                server: PublicKey::new(key),
            },
            ..Config::new(SocketType::Dealer)
        });
        let result = client.feed(&greeting::encode(NAME, 0));
        assert_eq!(result, Err(Error::WeakKey));
    }
}

#[test]
fn s6_an_initiate_is_of_this_connection_or_nothing() {
    let refused = |change: &dyn Fn(&mut Script), expected: Error| {
        let (mut script, mut server) = Script::new().begun();
        change(&mut script);
        let initiate = script.initiate();
        assert_eq!(server.feed(&initiate), Err(expected));
        assert!(!server.is_ready() && server.seen().is_empty());
    };
    let another = KeyPair::generate().unwrap();
    let another = *another.public_key();
    refused(&|it| it.cookie[7] ^= 1, Error::WrongCookie);
    refused(
        &|it| it.cookie = Script::new().begun().0.cookie,
        Error::WrongCookie,
    );
    let (c, s) = (
        *Script::new().transient.public_key(),
        *pair("s").public_key(),
    );
    refused(
        &|it| it.vouched = Some(vouched_for(&c, &s)),
        Error::WrongVouch,
    );
    refused(
        &|it| it.vouched = Some(vouched_for(it.transient.public_key(), &another)),
        Error::WrongVouch,
    );
    let stranger = KeyPair::generate().unwrap();
    refused(
        // Somebody else's public key, without the secret one.
        &|it| {
            let secret = it.keys.secret_key().clone();
            it.keys = KeyPair::from_parts(*stranger.public_key(), secret);
        },
        Error::NotOpened { command: "vouch" },
    );
    for key in low_order() {
        refused(
            &|it| {
                let secret = it.keys.secret_key().clone();
                it.keys = KeyPair::from_parts(PublicKey::new(key), secret);
            },
            Error::WeakKey,
        );
    }
    let box_of_another = Error::NotOpened {
        command: "INITIATE",
    };
    refused(
        &|it| it.transient = KeyPair::generate().unwrap(),
        box_of_another.clone(),
    );
    refused(&|it| it.server_transient = Some(another), box_of_another);
    refused(
        &|it| it.number = 0,
        Error::NonceNotIncreasing {
            command: "INITIATE",
        },
    );
    refused(
        &|it| it.metadata.push(1),
        Error::MetadataOverrun { field: "name" },
    );
    refused(&|it| it.metadata.clear(), Error::MissingSocketType);
    refused(
        &|it| it.metadata.resize(1 << 20, 0),
        Error::CommandTooLarge {
            size: (1 << 20) + 257,
            limit: 64 << 10,
        },
    );
    for len in [0, 8, 247] {
        let (mut script, mut server) = Script::new().begun();
        let initiate = script.initiate();
        let data = &initiate[9 + 9..][..len];
        let result = server.feed(&command("INITIATE", &[data]));
        assert_eq!(result, Err(super::malformed("INITIATE", "size")));
    }
    // And with nothing wrong.
    let (mut script, mut server) = Script::new().begun();
    server.feed(&script.initiate()).unwrap();
    assert!(server.is_ready());
}

#[test]
fn s6_a_cookie_is_good_for_60_seconds_at_most() {
    use std::time::Duration;
    let time = |config, set: Option<u64>| {
        let time = Connection::new(config).handshake_time(set.map(Duration::from_secs));
        time.map(|time| time.as_secs())
    };
    for (set, server) in [(None, 60), (Some(600), 60), (Some(10), 10)] {
        assert_eq!(time(server_config(false), set), Some(server));
        assert_eq!(time(client_config(), set), set);
    }
}

#[test]
fn s6_a_client_that_does_not_fit_is_not_let_in() {
    let (mut script, mut server) = Script::new().begun();
    script.metadata = b"\x0bSocket-Type\0\0\0\x04PUSH".to_vec();
    let result = server.feed(&script.initiate());
    assert!(matches!(result, Err(Error::IncompatibleSocketType { .. })));
    assert!(server.output().starts_with(b"\x04\x1f\x05ERROR"));
}

#[test]
fn s7_nothing_of_another_session_is_taken() {
    let (mut script, mut server) = Script::new().begun();
    let hello = Script::new().hello();
    assert!(server.feed(&hello).is_err());
    // A HELLO may be played again: its answer is of no use without the key that was in it.
    let (mut old, mut server) = Script::new().begun();
    let initiate = old.initiate();
    server.feed(&initiate).unwrap();
    let message = old.message(b"once");
    server.feed(&message).unwrap();
    let mut again = greeted(server_config(false));
    again
        .feed(&{
            let mut script = Script::new();
            script.transient = old.transient.clone();
            script.hello()
        })
        .unwrap();
    again.take_output();
    assert_eq!(again.feed(&initiate), Err(Error::WrongCookie));
    let (_, mut again) = Script::new().ready();
    let not_opened = Error::NotOpened { command: "MESSAGE" };
    assert_eq!(again.feed(&message), Err(not_opened.clone()));
    // On the same connection neither, and not back to where it came from.
    let twice = Error::NonceNotIncreasing { command: "MESSAGE" };
    assert_eq!(server.feed(&message), Err(twice));
    script.number = 9;
    let (mut client, mut server) = talking();
    let message = sent(&mut client, &Message::from("x"));
    let echoed = server.feed(&message).and_then(|()| client.feed(&message));
    assert_eq!(echoed, Err(not_opened));
}

#[test]
fn s8_numbers_only_grow() {
    let feed = |numbers: &[u64]| {
        let (script, mut server) = Script::new().ready();
        let mut result = Ok(());
        for &number in numbers {
            result = result.and_then(|()| server.feed(&script.message_as(number, 0, b"x")));
        }
        (texts(&mut server).len(), result)
    };
    let refused = Err(Error::NonceNotIncreasing { command: "MESSAGE" });
    // INITIATE had 2.
    for first in [0, 1, 2] {
        assert_eq!(feed(&[first]), (0, refused.clone()));
    }
    assert_eq!(feed(&[3, 4, 1000, u64::MAX]), (4, Ok(())));
    assert_eq!(feed(&[10, 10]), (1, refused.clone()));
    assert_eq!(feed(&[10, 9]), (1, refused.clone()));
    assert_eq!(feed(&[u64::MAX, 0]), (1, refused));
}

#[test]
fn s8_ours_do_not_begin_again() {
    let shared = Shared::own([7; 32]);
    let mut traffic = super::Traffic::new(super::traffic::Role::Client, shared, u64::MAX - 1, 0);
    let mut wire = Wire::new();
    encode(&message(&[b"a"]), &mut wire);
    assert_eq!(traffic.seal(wire.frames()), Ok(3));
    assert_eq!(traffic.seal(wire.frames()), Err(Error::NoncesUsedUp));
}

#[test]
fn s9_a_message_is_whole_and_says_nothing_unknown() {
    for len in 0..OVERHEAD {
        let (mut script, mut server) = Script::new().ready();
        let message = script.message(b"");
        let mut cut = Vec::new();
        header::put(0, len, &mut cut);
        cut.extend_from_slice(&message[2..2 + len]);
        assert_eq!(server.feed(&cut), Err(Error::NotSealed), "{len}");
        assert!(server.seen().is_empty());
    }
    for bit in 2..8 {
        let (mut script, mut server) = Script::new().ready();
        let flags = 1 << bit;
        let message = script.message_as(script.number + 1, flags, b"x");
        assert_eq!(server.feed(&message), Err(Error::ReservedFlags { flags }));
        script.next();
    }
    let (script, mut server) = Script::new().ready();
    let both = server.feed(&script.message_as(3, 3, b"\x04PING\0\0"));
    assert!(matches!(both, Err(Error::CommandWithMore { .. })));
    // From a server to a server.
    let (script, mut server) = Script::new().ready();
    let message = script.message_from(b"CurveZMQMESSAGES", 3, 0, b"x");
    assert_eq!(
        server.feed(&message),
        Err(Error::NotOpened { command: "MESSAGE" })
    );
    // What is outside says nothing, but for MORE, which has no meaning there.
    for (flags, good) in [(0, true), (4, true), (1, false)] {
        let (script, mut server) = Script::new().ready();
        let mut message = script.message_as(3, 0, b"x");
        message[0] = flags;
        assert_eq!(server.feed(&message).is_ok(), good);
        assert_eq!(texts(&mut server).len(), usize::from(good));
    }
}

#[test]
fn s10_nothing_in_clear_is_taken_after_the_handshake() {
    for clear in [
        b"\0\x05hello".as_slice(),
        b"\0\0",
        b"\x01\x01a\0\x01b",
        b"\x04\x07\x04PING\0\0",
        b"\x04\x09\x07MESSAGE\0",
        b"\0\x40hello hello hello",
    ] {
        for before in [false, true] {
            let (mut script, mut server) = Script::new().ready();
            let mut bytes = Vec::new();
            if before {
                bytes = script.message(b"good");
            }
            bytes.extend_from_slice(clear);
            assert_eq!(server.feed(&bytes), Err(Error::NotSealed));
            assert_eq!(texts(&mut server).len(), usize::from(before));
            // Nothing is said, and nothing more is heard.
            assert!(server.output().is_empty() && server.sealed().is_empty());
            server.feed(&script.message(b"late")).unwrap();
            assert!(server.seen().is_empty());
        }
    }
}

#[test]
fn s11_s14_no_other_mechanism_and_no_older_version_is_spoken() {
    for config in [client_config(), server_config(true), server_config(false)] {
        for name in ["NULL", "PLAIN", "curve", "CURVE2", ""] {
            let mut connection = Connection::new(config.clone());
            connection.take_output();
            let refused = connection.feed(&greeting::encode(name, 0));
            assert!(
                matches!(refused, Err(Error::MechanismMismatch { .. })),
                "{name}"
            );
            assert!(connection.seen().is_empty() && connection.output().is_empty());
        }
        for old in [
            b"\x01\0\x06\0hello".as_slice(),
            &[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 5, 0, 0],
            &[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 0, 5, 0, 0],
        ] {
            let mut connection = Connection::new(config.clone());
            let refused = connection.feed(old);
            assert!(matches!(refused, Err(Error::UnsupportedVersion { .. })));
        }
    }
    // And no READY without the rest.
    let mut server = greeted(server_config(false));
    let ready = command("READY", &[b"\x0bSocket-Type\0\0\0\x06DEALER"]);
    assert!(server.feed(&ready).is_err() && !server.is_ready());
    let mut client = greeted(client_config());
    assert!(client.feed(&ready).is_err() && !client.is_ready());
}

#[test]
fn a_client_takes_nothing_but_what_its_server_says() {
    let conversation = || {
        let (mut client, mut server) = (greeted(client_config()), greeted(server_config(false)));
        server.feed(&client.take_output()).unwrap();
        let welcome = server.take_output();
        (client, server, welcome)
    };
    for at in 10..170 {
        let (mut client, _, mut welcome) = conversation();
        welcome[at] ^= 1;
        let not_opened = Err(Error::NotOpened { command: "WELCOME" });
        assert_eq!(client.feed(&welcome), not_opened, "{at}");
    }
    let (mut client, _, welcome) = conversation();
    let short = client.feed(&command("WELCOME", &[&welcome[10..169]]));
    assert_eq!(short, Err(super::malformed("WELCOME", "size")));

    let initiated = || {
        let (mut client, mut server, welcome) = conversation();
        client.feed(&welcome).unwrap();
        server.feed(&client.take_output()).unwrap();
        let ready = said(&mut server);
        (client, ready)
    };
    let (mut client, ready) = initiated();
    client.feed(&ready).unwrap();
    assert!(client.is_ready());
    for at in 8..ready.len() {
        let (mut client, mut ready) = initiated();
        ready[at] ^= 1;
        let not_opened = Err(Error::NotOpened { command: "READY" });
        assert_eq!(client.feed(&ready), not_opened, "{at}");
    }
    for len in 0..8 + TAG {
        let (mut client, ready) = initiated();
        let result = client.feed(&command("READY", &[&ready[8..8 + len]]));
        assert!(
            matches!(result, Err(Error::MalformedCommand { .. })),
            "{len}"
        );
    }
    // It may refuse us at any time.
    let error = command("ERROR", &[b"\x03", b"400"]);
    let refused = || {
        Err(Error::Refused {
            reason: "400".into(),
        })
    };
    assert_eq!(conversation().0.feed(&error), refused());
    assert_eq!(initiated().0.feed(&error), refused());
}

#[test]
fn who_is_refused_is_told_and_nothing_of_him_arrives() {
    for (verdict, told) in [
        (Verdict::Refuse { status: "400" }, true),
        (Verdict::RefuseForNow, false),
    ] {
        let (mut client, mut server) = (greeted(client_config()), greeted(server_config(true)));
        server.feed(&client.take_output()).unwrap();
        client.feed(&server.take_output()).unwrap();
        server.feed(&client.take_output()).unwrap();
        assert!(server.awaits_verdict() && server.output().is_empty());
        server.seen();
        let denied = server.authenticated(verdict);
        assert!(matches!(denied, Err(Error::Denied { .. })));
        let error = server.take_output();
        assert_eq!(error.is_empty(), !told);
        server.feed(b"\0\x05hello").unwrap();
        assert!(server.seen().is_empty() && !server.is_ready());
        if told {
            assert!(matches!(client.feed(&error), Err(Error::Refused { .. })));
        }
    }
    // Who does not wait for the answer has none.
    let (mut script, _) = Script::new().begun();
    let mut server = greeted(server_config(true));
    script.number = 0;
    server.feed(&script.hello()).unwrap();
    script.welcomed(&server.take_output());
    let eager = [script.initiate(), script.message(b"hello")].concat();
    assert_eq!(server.feed(&eager), Err(Error::OutOfTurn));
}

#[test]
fn s15_no_key_is_shown() {
    let hex = |bytes: &[u8]| format!("{bytes:?}").trim_matches(['[', ']']).to_owned();
    let (mut client, mut server) = (greeted(client_config()), greeted(server_config(true)));
    let mut shown = format!("{:?} {:?}", client_config(), server_config(true));
    for _ in 0..2 {
        shown += &format!("{client:?} {server:?}");
        server.feed(&said(&mut client)).unwrap();
        shown += &format!("{client:?} {server:?}");
        client.feed(&said(&mut server)).unwrap();
    }
    for name in ["s", "c"] {
        assert!(!shown.contains(&hex(&golden(name))), "{name}");
        assert!(!shown.contains(secret(name).to_z85().as_ref()), "{name}");
    }
}

#[test]
fn s16_nobody_speaks_for_those_who_let_him_in() {
    let (mut script, _) = Script::new().begun();
    let mut server = greeted(server_config(true));
    script.number = 0;
    server.feed(&script.hello()).unwrap();
    script.welcomed(&server.take_output());
    script
        .metadata
        .extend_from_slice(b"\x07user-id\0\0\0\x04root\x01X\0\0\0\x01y");
    server.feed(&script.initiate()).unwrap();
    server.seen();
    let verdict = Verdict::Accept {
        user_id: None,
        properties: Default::default(),
    };
    server.authenticated(verdict).unwrap();
    let seen = server.seen();
    let [Seen::Ready(hello)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(hello.properties.get("User-Id"), None);
    assert_eq!(hello.properties.get("X"), Some(b"y".as_slice()));
    assert_eq!(hello.vouched.user_id, None);
    let (mut script, mut server) = Script::new().begun();
    let id = [b"\x08Identity\0\0\x01\0".as_slice(), &[7; 256]].concat();
    script.metadata.extend_from_slice(&id);
    let result = server.feed(&script.initiate());
    assert_eq!(result, Err(Error::InvalidIdentity { len: 256 }));
}

// ---- a second opinion ----

proptest! {
    /// What dryoc seals and opens is what RustCrypto does, byte by byte.
    #[test]
    fn two_implementations_agree(
        key in any::<[u8; 32]>(),
        nonce in any::<[u8; 24]>(),
        content in proptest::collection::vec(any::<u8>(), 0..3000),
    ) {
        let mut sealed = content.clone();
        let tag = Shared::own(key).seal(&nonce, &mut sealed);
        let (other_tag, other) = naive_seal(&key, &nonce, &content);
        prop_assert_eq!(&sealed, &other);
        prop_assert_eq!(tag, other_tag);
        let whole = [tag.as_slice(), &sealed].concat();
        let opened = Shared::own(key).open_small(&nonce, &whole);
        prop_assert_eq!(opened.as_deref(), Some(&content));
    }
}

/// XSalsa20-Poly1305 from its parts, as NaCl defines it.
fn naive_seal(key: &[u8; 32], nonce: &[u8; 24], content: &[u8]) -> ([u8; TAG], Vec<u8>) {
    use poly1305::Poly1305;
    use poly1305::universal_hash::KeyInit;
    use salsa20::XSalsa20;
    use salsa20::cipher::{KeyIvInit, StreamCipher};
    let mut stream = XSalsa20::new(&(*key).into(), &(*nonce).into());
    let mut mac_key = [0; 32];
    stream.apply_keystream(&mut mac_key);
    let mut sealed = content.to_vec();
    stream.apply_keystream(&mut sealed);
    let tag = Poly1305::new(&mac_key.into()).compute_unpadded(&sealed);
    (tag.into(), sealed)
}
