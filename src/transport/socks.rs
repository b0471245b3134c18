//! The client's side of SOCKS 5 (RFC 1928), with user and password (RFC 1929): bytes in, bytes out.
//!
//! ```text
//!   greeting ─► ExpectMethod ─┬──────────── request ─► ExpectReply ─► Done
//!                             └─► ExpectStatus ─┘
//! ```
//!
//! What follows the proxy's last answer is the peer's: not a byte of it is asked for here.

use std::fmt;
use std::io;

use crate::endpoint::{Host, TcpAddress};

/// Who we are to the proxy.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SocksCredentials {
    user: Box<str>,
    password: Box<str>,
}

impl SocksCredentials {
    /// `None` if one of them does not fit: a user has 1 to 255 bytes, a password up to 255.
    pub(crate) fn new(user: &str, password: &str) -> Option<Self> {
        let fits = (1..=255).contains(&user.len()) && password.len() <= 255;
        fits.then(|| Self {
            user: user.into(),
            password: password.into(),
        })
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }
}

impl fmt::Debug for SocksCredentials {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SocksCredentials({:?}, …)", self.user)
    }
}

/// One negotiation with a proxy, from the first byte on.
pub(crate) struct Socks {
    state: State,
    /// What asks for a connection to where we want to go.
    request: Vec<u8>,
    credentials: Option<SocksCredentials>,
    output: Vec<u8>,
    /// As much of the answer that is expected as has come.
    answer: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    ExpectMethod,
    ExpectStatus,
    ExpectReply,
    Done,
}

const VERSION: u8 = 5;
/// Of the negotiation of user and password.
const SUBVERSION: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

impl Socks {
    /// A negotiation about a connection to this host and port, which the proxy resolves if it is a
    /// name.
    ///
    /// # Errors
    ///
    /// [`SocksError::NoAddress`]: the proxy cannot be told of such a host.
    pub(crate) fn new(
        to: &TcpAddress,
        credentials: Option<SocksCredentials>,
    ) -> Result<Self, SocksError> {
        let mut request = vec![VERSION, CONNECT, 0];
        match &to.host {
            Host::V4(ip) => {
                request.push(IPV4);
                request.extend(ip.octets());
            }
            Host::V6(ip, None) => {
                request.push(IPV6);
                request.extend(ip.octets());
            }
            Host::Name(name) => {
                let length = u8::try_from(name.len()).map_err(|_| SocksError::NoAddress)?;
                request.extend([NAME, length]);
                request.extend(name.as_bytes());
            }
            // A zone is a thing of this machine.
            Host::Any | Host::V6(_, Some(_)) => return Err(SocksError::NoAddress),
        }
        request.extend(to.port.to_be_bytes());
        let output = match credentials {
            Some(_) => vec![VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
            None => vec![VERSION, 1, NO_AUTHENTICATION],
        };
        Ok(Self {
            state: State::ExpectMethod,
            request,
            credentials,
            output,
            answer: Vec::new(),
        })
    }

    /// What is to be sent to the proxy.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output
    }

    /// So much of it was sent.
    pub(crate) fn consume_output(&mut self, sent: usize) {
        self.output.drain(..sent.min(self.output.len()));
    }

    /// How much is to be read next, at most; nothing if the connection stands.
    pub(crate) fn wanted(&self) -> usize {
        let whole = match (self.state, self.answer.get(3), self.answer.get(4)) {
            (State::ExpectMethod | State::ExpectStatus, ..) => 2,
            // Up to the type of the address, and the length if that is a name.
            (State::ExpectReply, _, None) => 5,
            (State::ExpectReply, Some(&IPV4), _) => 4 + 4 + 2,
            (State::ExpectReply, Some(&IPV6), _) => 4 + 16 + 2,
            (State::ExpectReply, _, Some(&length)) => 5 + usize::from(length) + 2,
            (State::Done, ..) => 0,
        };
        whole.saturating_sub(self.answer.len())
    }

    /// Takes what was read, which is no more than what was wanted.
    pub(crate) fn handle_input(&mut self, bytes: &[u8]) -> Result<(), SocksError> {
        debug_assert!(bytes.len() <= self.wanted());
        self.answer.extend_from_slice(bytes);
        self.check_so_far()?;
        if self.wanted() > 0 {
            return Ok(());
        }
        let answer = std::mem::take(&mut self.answer);
        match (self.state, answer.get(1)) {
            (State::ExpectMethod, Some(&USER_AND_PASSWORD)) => {
                if let Some(SocksCredentials { user, password }) = &self.credentials {
                    self.output.push(SUBVERSION);
                    for piece in [user, password] {
                        // They were measured when they were taken.
                        self.output.push(piece.len() as u8);
                        self.output.extend(piece.as_bytes());
                    }
                }
                self.state = State::ExpectStatus;
            }
            (State::ExpectMethod | State::ExpectStatus, _) => {
                self.output.append(&mut self.request);
                self.state = State::ExpectReply;
            }
            (State::ExpectReply | State::Done, _) => self.state = State::Done,
        }
        Ok(())
    }

    /// Whether everything that has come of an answer is as it must be; what is wrong is told as soon as
    /// it is seen, for a proxy that refuses may leave it at that.
    fn check_so_far(&self) -> Result<(), SocksError> {
        let at = |index: usize| self.answer.get(index).copied();
        let version = match self.state {
            State::ExpectStatus => SUBVERSION,
            _ => VERSION,
        };
        if at(0).is_some_and(|byte| byte != version) {
            return Err(SocksError::NoSocks);
        }
        match (self.state, at(1)) {
            (_, None) | (State::Done, _) => return Ok(()),
            (State::ExpectMethod, Some(NO_AUTHENTICATION)) => {}
            (State::ExpectMethod, Some(USER_AND_PASSWORD)) if self.credentials.is_some() => {}
            (State::ExpectMethod, Some(NO_METHOD)) => {
                return Err(SocksError::NoMethod(match self.credentials {
                    Some(_) => "neither nothing nor a user and a password is enough",
                    None => "without a user and a password",
                }));
            }
            (State::ExpectMethod, Some(_)) => return Err(SocksError::NoSocks),
            (State::ExpectStatus, Some(0)) => {}
            (State::ExpectStatus, Some(_)) => return Err(SocksError::Denied),
            (State::ExpectReply, Some(0)) => {}
            (State::ExpectReply, Some(code)) => return Err(SocksError::Refused(Refusal(code))),
        }
        let reserved = self.state != State::ExpectReply || at(2).is_none_or(|byte| byte == 0);
        let address = at(3).is_none_or(|kind| matches!(kind, IPV4 | NAME | IPV6));
        if reserved && address {
            Ok(())
        } else {
            Err(SocksError::NoSocks)
        }
    }
}

impl fmt::Debug for Socks {
    /// Without what is said, which a password is part of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socks({:?})", self.state)
    }
}

/// Why there is no connection through the proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum SocksError {
    #[error("a zone or a wildcard means nothing to the SOCKS proxy")]
    NoAddress,
    #[error("what answers is no SOCKS 5 proxy")]
    NoSocks,
    #[error("the SOCKS proxy does not take us: {0}")]
    NoMethod(&'static str),
    #[error("the SOCKS proxy does not take the user and the password")]
    Denied,
    #[error("the SOCKS proxy says: {0}")]
    Refused(Refusal),
    #[error("the SOCKS proxy hung up")]
    HungUp,
}

/// A reply other than success.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refusal(u8);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            1 => "general failure",
            2 => "its rules do not allow the connection",
            3 => "the network is unreachable",
            4 => "the host is unreachable",
            5 => "the connection was refused",
            6 => "the connection timed out",
            7 => "it does not know how to connect",
            8 => "it does not know this kind of address",
            code => return write!(f, "failure {code}"),
        })
    }
}

impl From<SocksError> for io::Error {
    fn from(error: SocksError) -> Self {
        use io::ErrorKind as Kind;
        let kind = match error {
            SocksError::NoAddress => Kind::InvalidInput,
            SocksError::NoSocks => Kind::InvalidData,
            SocksError::NoMethod(_) | SocksError::Denied | SocksError::Refused(Refusal(2)) => {
                Kind::PermissionDenied
            }
            SocksError::Refused(Refusal(3)) => Kind::NetworkUnreachable,
            SocksError::Refused(Refusal(4)) => Kind::HostUnreachable,
            SocksError::Refused(Refusal(5)) => Kind::ConnectionRefused,
            SocksError::Refused(Refusal(6)) => Kind::TimedOut,
            SocksError::Refused(_) => Kind::Other,
            SocksError::HungUp => Kind::UnexpectedEof,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::endpoint::{Address, Endpoint};

    fn to(text: &str) -> TcpAddress {
        match text.parse::<Endpoint>().map(|it| it.address().clone()) {
            Ok(Address::Tcp(tcp)) => tcp,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn socks(text: &str, credentials: Option<(&str, &str)>) -> Socks {
        let credentials = credentials.and_then(|(user, word)| SocksCredentials::new(user, word));
        Socks::new(&to(text), credentials).unwrap()
    }

    fn said(socks: &mut Socks) -> Vec<u8> {
        let said = socks.output().to_vec();
        socks.consume_output(said.len());
        said
    }

    /// Hears the bytes in pieces, never more than are wanted; gives back what is not wanted any more.
    fn hear<'a>(
        socks: &mut Socks,
        mut bytes: &'a [u8],
        piece: usize,
    ) -> Result<&'a [u8], SocksError> {
        while !bytes.is_empty() && socks.wanted() > 0 {
            let (now, later) = bytes.split_at(socks.wanted().min(piece).min(bytes.len()));
            socks.handle_input(now)?;
            bytes = later;
        }
        Ok(bytes)
    }

    const OK_V4: [u8; 10] = [5, 0, 0, 1, 127, 0, 0, 1, 0x12, 0x34];

    #[test]
    fn without_a_password() {
        for piece in [1, 2, 3, 100] {
            let mut socks = socks("tcp://127.0.0.1:5555", None);
            assert_eq!(said(&mut socks), [5, 1, 0]);
            hear(&mut socks, &[5, 0], piece).unwrap();
            assert_eq!(said(&mut socks), [5, 1, 0, 1, 127, 0, 0, 1, 0x15, 0xb3]);
            let mut reply = OK_V4.to_vec();
            reply.extend(b"the peer's");
            let rest = hear(&mut socks, &reply, piece).unwrap();
            assert_eq!((socks.wanted(), socks.state), (0, State::Done));
            assert_eq!(rest, b"the peer's");
        }
    }

    #[test]
    fn with_a_password() {
        for piece in [1, 100] {
            let mut socks = socks("tcp://[::1]:1", Some(("me", "secret")));
            assert_eq!(said(&mut socks), [5, 2, 0, 2]);
            hear(&mut socks, &[5, 2], piece).unwrap();
            assert_eq!(said(&mut socks), b"\x01\x02me\x06secret");
            hear(&mut socks, &[1, 0], piece).unwrap();
            let mut request = vec![5, 1, 0, 4];
            request.extend([0; 15]);
            request.extend([1, 0, 1]);
            assert_eq!(said(&mut socks), request);
            hear(&mut socks, &OK_V4, piece).unwrap();
            assert_eq!(socks.state, State::Done);
        }
    }

    #[test]
    fn a_proxy_that_wants_no_password_gets_none() {
        let mut socks = socks("tcp://127.0.0.1:5555", Some(("me", "secret")));
        said(&mut socks);
        hear(&mut socks, &[5, 0], 1).unwrap();
        assert_eq!(said(&mut socks)[..2], [5, 1]);
    }

    #[test]
    fn a_name_is_the_proxys_to_resolve() {
        let long = "x".repeat(255);
        for name in ["a", "example.org", "bücher.example", &long] {
            let mut socks = socks(&format!("tcp://{name}:80"), None);
            said(&mut socks);
            hear(&mut socks, &[5, 0], 2).unwrap();
            let mut request = vec![5, 1, 0, 3, name.len() as u8];
            request.extend(name.as_bytes());
            request.extend([0, 80]);
            assert_eq!(said(&mut socks), request);
        }
    }

    #[test]
    fn replies_of_every_kind_of_address() {
        let name = b"\x05\0\0\x03\x03abc\0\x01".to_vec();
        let empty = b"\x05\0\0\x03\0\0\x01".to_vec();
        let mut v6 = vec![5, 0, 0, 4];
        v6.extend([7; 18]);
        for reply in [OK_V4.to_vec(), name, empty, v6] {
            for piece in 1..reply.len() {
                let mut socks = socks("tcp://a:1", None);
                hear(&mut socks, &[5, 0], 2).unwrap();
                hear(&mut socks, &reply[..reply.len() - 1], piece).unwrap();
                assert_eq!(socks.wanted(), 1, "{reply:?}");
                hear(&mut socks, &reply[reply.len() - 1..], piece).unwrap();
                assert_eq!(socks.wanted(), 0);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_seen_at_once() {
        let with = Some(("me", "secret"));
        let refused = |code| SocksError::Refused(Refusal(code));
        for (credentials, heard, error) in [
            (None, &b"H"[..], SocksError::NoSocks),
            (None, &[4], SocksError::NoSocks),
            (None, &[5, 1], SocksError::NoSocks),
            (None, &[5, 2], SocksError::NoSocks),
            (with, &[5, 1], SocksError::NoSocks),
            (with, &[5, 2, 5], SocksError::NoSocks),
            (with, &[5, 2, 1, 1], SocksError::Denied),
            (with, &[5, 2, 1, 255], SocksError::Denied),
            (with, &[5, 2, 1, 0, 1], SocksError::NoSocks),
            (None, &[5, 0, 4], SocksError::NoSocks),
            (None, &[5, 0, 5, 5], refused(5)),
            (with, &[5, 2, 1, 0, 5, 2], refused(2)),
            (None, &[5, 0, 5, 200], refused(200)),
            (None, &[5, 0, 5, 0, 1], SocksError::NoSocks),
            (None, &[5, 0, 5, 0, 0, 2], SocksError::NoSocks),
        ] {
            for piece in [1, 100] {
                let mut socks = socks("tcp://a:1", credentials);
                let result = hear(&mut socks, heard, piece).map(<[u8]>::len);
                assert_eq!(result, Err(error), "{heard:?}");
            }
        }
        for credentials in [None, with] {
            let mut socks = socks("tcp://a:1", credentials);
            let error = hear(&mut socks, &[5, 0xff], 2).unwrap_err();
            assert!(matches!(error, SocksError::NoMethod(_)));
        }
    }

    #[test]
    fn what_the_proxy_cannot_be_told() {
        for text in ["tcp://[fe80::1%eth0]:1", "tcp://*:1"] {
            let error = Socks::new(&to(text), None).unwrap_err();
            assert_eq!(error, SocksError::NoAddress);
        }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let credentials = SocksCredentials::new("me", "hunter2").unwrap();
        let mut socks = Socks::new(&to("tcp://a:1"), Some(credentials.clone())).unwrap();
        hear(&mut socks, &[5, 2], 2).unwrap();
        let shown = format!("{credentials:?} {socks:?}");
        assert!(
            shown.contains("me") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn a_user_and_a_password_have_to_fit() {
        let long = "x".repeat(256);
        assert!(SocksCredentials::new("", "y").is_none());
        assert!(SocksCredentials::new(&long, "y").is_none());
        assert!(SocksCredentials::new("y", &long).is_none());
        assert!(SocksCredentials::new(&long[1..], &long[1..]).is_some());
        assert!(SocksCredentials::new("y", "").is_some());
    }

    proptest! {
        /// Whatever a proxy says, it is an end or a bounded amount, however it is cut into pieces.
        #[test]
        fn any_answer(bytes in prop::collection::vec(prop_oneof![0_u8..6, any::<u8>()], 0..600), piece in 1_usize..9) {
            let outcome = |piece| {
                let mut socks = socks("tcp://a:1", Some(("me", "secret")));
                let left = hear(&mut socks, &bytes, piece).map(<[u8]>::len);
                (left, socks.state)
            };
            prop_assert_eq!(outcome(piece), outcome(1000));
            if let (Ok(left), State::Done) = outcome(piece) {
                prop_assert!(bytes.len() - left <= 2 + 2 + 5 + 255 + 2);
            }
        }
    }
}
