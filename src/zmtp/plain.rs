//! The PLAIN mechanism ([RFC 24](https://rfc.zeromq.org/spec/24/)): a user name and a password, for all
//! to read who can see the stream.
//!
//! ```text
//!        client                                server
//!          |  HELLO(user, password) -------->    |    ExpectHello; asks who that is
//!          |  <------------ WELCOME, or ERROR    |    ExpectWelcome
//!          |  INITIATE(our metadata) -------->   |    ExpectInitiate
//!          |  <-------- READY(their metadata)    |    ExpectReady
//! ```
//!
//! Strictly in turns. The greeting does not say who is which: two servers wait for each other until
//! their time for the handshake is up, two clients refuse each other's HELLO.

use super::command;
use super::error::{Error, printable};
use super::mechanism::{Agreed, Credentials, Local, Mechanism, Step};
use crate::secret::Secret;

pub(crate) const NAME: &str = "PLAIN";

/// The longest user name, and the longest password.
pub(crate) const CREDENTIAL_MAX: usize = 255;

/// The side that shows who it is.
#[derive(Debug)]
pub(crate) enum Client {
    /// Nothing is said yet.
    Begins {
        user: Box<[u8]>,
        password: Secret,
    },
    ExpectWelcome,
    ExpectReady,
}

/// The side that lets in.
#[derive(Debug)]
pub(crate) enum Server {
    ExpectHello,
    /// Whether the peer is let in.
    Asks,
    ExpectInitiate,
}

impl Client {
    pub(crate) fn new(user: Box<[u8]>, password: Secret) -> Self {
        Self::Begins { user, password }
    }

    pub(crate) fn handle_greeting(self, out: &mut Vec<u8>) -> Self {
        let Self::Begins { user, password } = self else {
            return self;
        };
        let sizes = [&*user, &*password].map(|it| {
            debug_assert!(it.len() <= CREDENTIAL_MAX, "checked where it was set");
            [it.len() as u8]
        });
        command::put("HELLO", &[&sizes[0], &user, &sizes[1], &password], out);
        Self::ExpectWelcome
    }

    pub(crate) fn handle_command(
        self,
        body: &[u8],
        local: &Local,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        refused(body)?;
        let (name, data) = command::split(body)?;
        match (self, name) {
            (Self::ExpectWelcome, b"WELCOME") if data.is_empty() => {
                local.put("INITIATE", out);
                Ok(Step::Again(Mechanism::PlainClient(Self::ExpectReady)))
            }
            (Self::ExpectWelcome, b"WELCOME") => Err(Error::MalformedCommand {
                command: "WELCOME",
                field: "end",
            }),
            (Self::ExpectReady, b"READY") => {
                let metadata = local.take(data, out)?;
                Ok(Step::Done(Agreed::plain(metadata)))
            }
            (state, _) => Err(Error::UnexpectedCommand {
                name: command::name(body),
                when: match state {
                    Self::ExpectReady => "where READY is due",
                    Self::Begins { .. } | Self::ExpectWelcome => "where WELCOME is due",
                },
            }),
        }
    }
}

impl Server {
    pub(crate) fn handle_command(
        self,
        body: &[u8],
        local: &Local,
        out: &mut Vec<u8>,
    ) -> Result<Step, Error> {
        refused(body)?;
        let (name, data) = command::split(body)?;
        match (self, name) {
            (Self::ExpectHello, b"HELLO") => {
                let (user, password) = take_hello(data)?;
                Ok(Step::Authenticate {
                    credentials: Credentials::Plain {
                        user: user.into(),
                        password: Secret::new(password),
                    },
                    state: Mechanism::PlainServer(Self::Asks),
                })
            }
            (Self::ExpectInitiate, b"INITIATE") => {
                let metadata = local.take(data, out)?;
                local.put("READY", out);
                Ok(Step::Done(Agreed::plain(metadata)))
            }
            (state, _) => Err(Error::UnexpectedCommand {
                name: command::name(body),
                when: match state {
                    Self::ExpectHello => "where HELLO is due",
                    Self::Asks => "where our WELCOME is due",
                    Self::ExpectInitiate => "where INITIATE is due",
                },
            }),
        }
    }

    pub(crate) fn handle_accept(self, out: &mut Vec<u8>) -> Step {
        command::put("WELCOME", &[], out);
        Step::Again(Mechanism::PlainServer(Self::ExpectInitiate))
    }
}

/// The user name and the password, which are all there is.
fn take_hello(data: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let mut rest = data;
    let user = take_field(&mut rest, "user name")?;
    let password = take_field(&mut rest, "password")?;
    match rest {
        [] => Ok((user, password)),
        _ => Err(malformed_hello("end")),
    }
}

fn take_field<'a>(rest: &mut &'a [u8], field: &'static str) -> Result<&'a [u8], Error> {
    let (&size, data) = rest.split_first().ok_or(malformed_hello(field))?;
    let (taken, left) = data
        .split_at_checked(usize::from(size))
        .ok_or(malformed_hello(field))?;
    *rest = left;
    Ok(taken)
}

fn malformed_hello(field: &'static str) -> Error {
    Error::MalformedCommand {
        command: "HELLO",
        field,
    }
}

/// Whether the peer gives up, in either spelling: libzmq 4.3 writes a circumflex in the place of the
/// length and the first letter of the name.
fn refused(body: &[u8]) -> Result<(), Error> {
    let data = body
        .strip_prefix(b"\x05ERROR")
        .or_else(|| body.strip_prefix(MANGLED_ERROR));
    let Some(data) = data else {
        return Ok(());
    };
    Err(match data.split_first() {
        Some((&size, reason)) if usize::from(size) == reason.len() => Error::Refused {
            reason: printable(reason),
        },
        _ => Error::MalformedCommand {
            command: "ERROR",
            field: "reason",
        },
    })
}

const MANGLED_ERROR: &[u8] = b"^RROR";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::Properties;
    use crate::routing_id::RoutingId;
    use crate::socket_type::SocketType;
    use crate::zmtp::connection::{Config, Connection};
    use crate::zmtp::greeting;
    use crate::zmtp::mechanism::{Security, Verdict, Vouched};
    use crate::zmtp::tests::{Seen, command, security_vector};

    fn client(user: &[u8], password: &[u8]) -> Connection {
        let routing_id = RoutingId::new(b"me");
        let security = Security::PlainClient {
            user: user.into(),
            password: Secret::new(password),
        };
        Connection::new(Config {
            routing_id,
            security,
            ..Config::new(SocketType::Dealer)
        })
    }

    fn server() -> Connection {
        Connection::new(Config {
            routing_id: RoutingId::new(b"srv"),
            security: Security::PlainServer,
            ..Config::new(SocketType::Router)
        })
    }

    /// Its greeting is taken, and the peer's is through.
    fn greeted(mut connection: Connection) -> Connection {
        connection.take_output();
        connection.feed(&greeting::encode(NAME, 0)).unwrap();
        connection
    }

    fn credentials(user: &[u8], password: &[u8]) -> Seen {
        Seen::Authenticate(Credentials::Plain {
            user: user.into(),
            password: Secret::new(password),
        })
    }

    fn accept() -> Verdict {
        Verdict::Accept {
            user_id: Some("admin".into()),
            properties: [(b"Role".as_slice(), b"boss".as_slice())]
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn vectors_every_octet_is_what_libzmq_sends() {
        let mut client = greeted(client(b"admin", b"secret"));
        let mut server = greeted(server());
        let hello = client.take_output();
        assert_eq!(hello, security_vector("plain_hello"));
        server.feed(&hello).unwrap();
        assert_eq!(server.seen(), [credentials(b"admin", b"secret")]);
        assert!(server.awaits_verdict() && server.output().is_empty());
        server.authenticated(accept()).unwrap();
        let welcome = server.take_output();
        assert_eq!(welcome, security_vector("plain_welcome"));
        client.feed(&welcome).unwrap();
        let initiate = client.take_output();
        assert_eq!(initiate, security_vector("plain_initiate"));
        server.feed(&initiate).unwrap();
        let ready = server.take_output();
        assert_eq!(ready, security_vector("plain_ready"));
        client.feed(&ready).unwrap();
        assert!(client.is_ready() && server.is_ready());
        let [Seen::Ready(hello)] = &server.seen()[..] else {
            panic!("no hello");
        };
        assert_eq!(hello.routing_id, RoutingId::new(b"me"));
        assert_eq!(hello.vouched.user_id.as_deref(), Some("admin"));
        assert_eq!(
            hello.vouched.properties.get("role"),
            Some(b"boss".as_slice())
        );
        let [Seen::Ready(hello)] = &client.seen()[..] else {
            panic!("no hello");
        };
        assert_eq!(hello.vouched, Vouched::default());
        server.feed(b"\0\x05hello").unwrap();
        assert!(matches!(&server.seen()[..], [Seen::Message(_)]));
    }

    #[test]
    fn vectors_a_password_may_be_empty_and_both_have_255_bytes_at_most() {
        for (name, user, password) in [
            ("plain_hello_no_password", vec![b'u'], vec![]),
            ("plain_hello_max", vec![b'U'; 255], vec![b'P'; 255]),
        ] {
            let hello = greeted(client(&user, &password)).take_output();
            assert_eq!(hello, security_vector(name));
            for piece in [1, 7, hello.len()] {
                let mut server = greeted(server());
                for bytes in hello.chunks(piece) {
                    server.feed(bytes).unwrap();
                }
                assert_eq!(server.seen(), [credentials(&user, &password)]);
            }
        }
    }

    #[test]
    fn s1_who_is_refused_is_told_and_nothing_of_him_arrives() {
        let mut server = greeted(server());
        server.feed(&security_vector("plain_hello")).unwrap();
        server.seen();
        let denied = Error::Denied { status: "400" };
        let verdict = Verdict::Refuse { status: "400" };
        assert_eq!(server.authenticated(verdict), Err(denied));
        let error = server.take_output();
        assert_eq!(error, command("ERROR", &[b"\x03", b"400"]));
        for bytes in [security_vector("plain_initiate"), b"\0\x05hello".to_vec()] {
            server.feed(&bytes).unwrap();
            assert!(server.seen().is_empty() && !server.is_ready());
        }
        // And in libzmq's spelling.
        for error in [error, security_vector("plain_zap_400")] {
            let refused = Error::Refused {
                reason: "400".into(),
            };
            assert_eq!(greeted(client(b"", b"")).feed(&error), Err(refused));
        }
    }

    #[test]
    fn s1_who_is_refused_for_now_is_told_nothing() {
        let mut server = greeted(server());
        server.feed(&security_vector("plain_hello")).unwrap();
        let denied = Error::Denied { status: "300" };
        assert_eq!(server.authenticated(Verdict::RefuseForNow), Err(denied));
        assert!(server.output().is_empty() && !server.is_ready());
        // Too late, and of no use.
        server.authenticated(accept()).unwrap();
        assert!(server.output().is_empty() && !server.awaits_verdict());
    }

    #[test]
    fn s2_a_malformed_hello_names_its_field() {
        for (data, field) in [
            (b"".as_slice(), "user name"),
            (b"\x02a", "user name"),
            (b"\x01a", "password"),
            (b"\x01a\x05b", "password"),
            (b"\x01a\x01bx", "end"),
        ] {
            let result = greeted(server()).feed(&command("HELLO", &[data]));
            assert_eq!(result, Err(malformed_hello(field)));
        }
    }

    #[test]
    fn s2_everything_has_its_turn() {
        let hello = security_vector("plain_hello");
        let initiate = security_vector("plain_initiate");
        let due = |when| move |result: Result<(), Error>| matches!(result, Err(Error::UnexpectedCommand { when: found, .. }) if found == when);
        assert!(due("where HELLO is due")(greeted(server()).feed(&initiate)));
        assert!(due("where HELLO is due")(
            greeted(server()).feed(&command("READY", &[]))
        ));
        assert_eq!(
            greeted(server()).feed(b"\0\x01x"),
            Err(Error::UnexpectedMessage)
        );
        // One after the other, and not before the first is answered.
        for second in [&hello, &initiate] {
            let pipelined = [hello.as_slice(), second].concat();
            assert_eq!(greeted(server()).feed(&pipelined), Err(Error::OutOfTurn));
        }
        let welcomed = || {
            let mut server = greeted(server());
            server.feed(&hello).unwrap();
            server.authenticated(accept()).unwrap();
            server
        };
        assert!(due("where INITIATE is due")(welcomed().feed(&hello)));
        let client = || greeted(client(b"u", b"p"));
        assert!(due("where WELCOME is due")(
            client().feed(&security_vector("plain_ready"))
        ));
        let trailing = Error::MalformedCommand {
            command: "WELCOME",
            field: "end",
        };
        assert_eq!(client().feed(&command("WELCOME", &[b"x"])), Err(trailing));
        let mut initiated = client();
        initiated.feed(&command("WELCOME", &[])).unwrap();
        assert!(due("where READY is due")(
            initiated.feed(&command("WELCOME", &[]))
        ));
    }

    #[test]
    fn s2_a_client_that_does_not_fit_is_told_instead_of_welcomed() {
        let mut server = greeted(server());
        server.feed(&security_vector("plain_hello")).unwrap();
        server.authenticated(accept()).unwrap();
        server.take_output();
        let metadata = b"\x0bSocket-Type\0\0\0\x04PUSH";
        let result = server.feed(&command("INITIATE", &[metadata]));
        assert!(matches!(result, Err(Error::IncompatibleSocketType { .. })));
        assert!(server.take_output().starts_with(b"\x04\x1f\x05ERROR"));
    }

    #[test]
    fn s3_two_clients_refuse_each_other_and_two_servers_wait() {
        let (mut a, mut b) = (greeted(client(b"a", b"")), greeted(client(b"b", b"")));
        let refused = b.feed(&a.take_output());
        assert!(matches!(refused, Err(Error::UnexpectedCommand { .. })));
        assert!(a.feed(&[]).is_ok() && !a.is_ready());
        let mut server = greeted(server());
        assert!(server.output().is_empty() && server.seen().is_empty());
    }

    #[test]
    fn s11_s14_no_other_mechanism_and_no_older_version_is_spoken() {
        for name in ["NULL", "CURVE", "plain", "PLAINX", ""] {
            let mut server = server();
            let refused = server.feed(&greeting::encode(name, 0));
            assert!(
                matches!(refused, Err(Error::MechanismMismatch { .. })),
                "{name}"
            );
        }
        for old in [
            b"\x01\0\x06\0hello".as_slice(),
            &[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 5, 0, 0],
            &[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 0, 5, 0, 0],
        ] {
            let mut server = server();
            let refused = server.feed(old);
            assert!(matches!(refused, Err(Error::UnsupportedVersion { .. })));
            assert!(server.seen().is_empty());
        }
        // 3.0 has the same mechanisms.
        let mut server = server();
        let mut greeting = greeting::encode(NAME, 0);
        greeting[11] = 0;
        server.feed(&greeting).unwrap();
        server.feed(&security_vector("plain_hello")).unwrap();
        assert!(server.awaits_verdict());
    }

    #[test]
    fn s15_no_password_is_shown() {
        let mut server = greeted(server());
        server.feed(&security_vector("plain_hello")).unwrap();
        let config = Config {
            security: Security::PlainClient {
                user: b"admin".as_slice().into(),
                password: Secret::new(b"secret"),
            },
            ..Config::new(SocketType::Push)
        };
        let shown = format!(
            "{:?} {config:?} {:?}",
            server.seen(),
            Mechanism::new(config.security.clone())
        );
        assert!(!shown.contains("secret"), "{shown}");
        // As numbers, neither.
        assert!(!shown.contains("115, 101, 99"), "{shown}");
    }

    #[test]
    fn s16_nobody_speaks_for_those_who_let_him_in() {
        let mut server = greeted(server());
        server.feed(&security_vector("plain_hello")).unwrap();
        server.authenticated(accept()).unwrap();
        let own: Properties = [
            (b"Socket-Type".as_slice(), b"DEALER".as_slice()),
            (b"uSER-iD", b"root"),
            (b"ROLE", b"king"),
            (b"X-Other", b"1"),
        ]
        .into_iter()
        .collect();
        server
            .feed(&command("INITIATE", &[own.as_bytes()]))
            .unwrap();
        let seen = server.seen();
        let Some(Seen::Ready(hello)) = seen.last() else {
            panic!("{seen:?}");
        };
        assert_eq!(hello.vouched.user_id.as_deref(), Some("admin"));
        assert_eq!(hello.properties.get("User-Id"), None);
        assert_eq!(hello.properties.get("Role"), None);
        assert_eq!(hello.properties.get("X-Other"), Some(b"1".as_slice()));
    }

    #[test]
    fn null_may_ask_too_and_then_says_nothing_before() {
        let null = || {
            Connection::new(Config {
                security: Security::Null { asks: true },
                ..Config::new(SocketType::Pull)
            })
        };
        let greeting = greeting::encode("NULL", 0);
        let ready = command("READY", &[b"\x0bSocket-Type\0\0\0\x04PUSH"]);
        for early in [&[][..], &ready[..5], &ready] {
            let mut asking = null();
            asking.take_output();
            asking.feed(&greeting).unwrap();
            asking.feed(early).unwrap();
            assert_eq!(asking.seen(), [Seen::Authenticate(Credentials::Null)]);
            assert!(asking.output().is_empty());
            asking.authenticated(accept()).unwrap();
            assert!(!asking.output().is_empty());
            asking.feed(&ready[early.len()..]).unwrap();
            let seen = asking.seen();
            assert!(matches!(&seen[..], [Seen::Ready(hello)] if hello.vouched.user_id.is_some()));
        }
        // Nothing is kept of one who goes on.
        let eager = [&greeting[..], &ready, b"\0\x05hello"].concat();
        assert_eq!(null().feed(&eager), Err(Error::OutOfTurn));
        let mut large = null();
        large.feed(&greeting).unwrap();
        let result = large.feed(&[6, 0, 0, 0, 0, 0, 1, 0, 1]);
        assert!(matches!(result, Err(Error::CommandTooLarge { .. })));
        let mut refused = null();
        refused.take_output();
        refused.feed(&greeting).unwrap();
        let denied = Error::Denied { status: "500" };
        let verdict = Verdict::Refuse { status: "500" };
        assert_eq!(refused.authenticated(verdict), Err(denied));
        assert_eq!(refused.output(), command("ERROR", &[b"\x03", b"500"]));
    }
}
