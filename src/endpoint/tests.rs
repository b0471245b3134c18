use std::collections::HashSet;
use std::io;

use proptest::prelude::*;

use super::EndpointErrorKind as Kind;
use super::error::PIECE_MAX;
use super::parse::tidy;
use super::*;

fn parse(text: &str) -> Result<Endpoint, EndpointError> {
    text.parse()
}

fn tcp(host: Host, port: u16) -> Address {
    let source = None;
    Address::Tcp(TcpAddress { source, host, port })
}

fn v6(ip: &str, zone: Option<&str>) -> Host {
    Host::V6(ip.parse().unwrap(), zone.map(str::to_owned))
}

fn name(name: &str) -> Host {
    Host::Name(name.to_owned())
}

fn path(path: &str) -> Address {
    Address::Ipc(IpcAddress::Path(path.into()))
}

#[test]
fn good() {
    let localhost = Host::V4(Ipv4Addr::LOCALHOST);
    let long = "x".repeat(255);
    let table = [
        ("tcp://*:5555", tcp(Host::Any, 5555)),
        ("tcp://*:*", tcp(Host::Any, 0)),
        ("tcp://127.0.0.1:*", tcp(localhost.clone(), 0)),
        ("tcp://127.0.0.1:1", tcp(localhost.clone(), 1)),
        (
            "tcp://0.0.0.0:65535",
            tcp(Host::V4(Ipv4Addr::UNSPECIFIED), 65535),
        ),
        ("tcp://[::]:5555", tcp(v6("::", None), 5555)),
        ("tcp://[::1]:5555", tcp(v6("::1", None), 5555)),
        ("tcp://[::1]:*", tcp(v6("::1", None), 0)),
        (
            "tcp://[::ffff:10.0.0.1]:5",
            tcp(v6("::ffff:10.0.0.1", None), 5),
        ),
        (
            "tcp://[fe80::1%eth0]:5555",
            tcp(v6("fe80::1", Some("eth0")), 5555),
        ),
        (
            "tcp://[fe80::1%br-0.5_a]:5555",
            tcp(v6("fe80::1", Some("br-0.5_a")), 5555),
        ),
        (
            "tcp://[fe80::1%3]:5555",
            tcp(v6("fe80::1", Some("3")), 5555),
        ),
        ("tcp://eth0:5555", tcp(name("eth0"), 5555)),
        ("tcp://eth0.100:5555", tcp(name("eth0.100"), 5555)),
        ("tcp://localhost:5555", tcp(name("localhost"), 5555)),
        (
            "tcp://a-b.example_1.org.:80",
            tcp(name("a-b.example_1.org."), 80),
        ),
        ("tcp://bücher.example:80", tcp(name("bücher.example"), 80)),
        ("ipc:///run/app.sock", path("/run/app.sock")),
        ("ipc://relative", path("relative")),
        ("ipc://dir/relative", path("dir/relative")),
        ("ipc://./@file", path("./@file")),
        ("ipc://./*", path("./*")),
        ("ipc://a b://c@d:e", path("a b:/c@d:e")),
        ("ipc://*", Address::Ipc(IpcAddress::Wildcard)),
        (
            "ipc://@abstract",
            Address::Ipc(IpcAddress::Abstract(b"abstract".to_vec())),
        ),
        (
            "ipc://@/a//b",
            Address::Ipc(IpcAddress::Abstract(b"/a//b".to_vec())),
        ),
        (
            "ipc://@@",
            Address::Ipc(IpcAddress::Abstract(b"@".to_vec())),
        ),
        ("inproc://a", Address::Inproc("a".into())),
        ("inproc://a://b é;*", Address::Inproc("a://b é;*".into())),
        (&format!("tcp://{long}:1"), tcp(name(&long), 1)),
    ];
    for (text, address) in &table {
        let endpoint = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(endpoint.address(), address, "{text}");
        assert_eq!(
            parse(&endpoint.to_string()).as_ref(),
            Ok(&endpoint),
            "{text}"
        );
        assert!(text.starts_with(endpoint.scheme()));
    }
    let all: HashSet<_> = table
        .iter()
        .map(|(text, _)| parse(text))
        .map(Result::unwrap)
        .collect();
    assert_eq!(all.len(), table.len());
}

#[test]
fn source() {
    let endpoint = parse("tcp://eth0:*;example.org:5555").unwrap();
    let expected = Address::Tcp(TcpAddress {
        source: Some((name("eth0"), 0)),
        host: name("example.org"),
        port: 5555,
    });
    assert_eq!(endpoint.address(), &expected);
    assert_eq!(endpoint, parse("tcp://eth0:0;example.org:5555").unwrap());
    for text in [
        "tcp://127.0.0.1:4000;127.0.0.1:5555",
        "tcp://[::1]:*;[::1]:5555",
        "tcp://*:4000;[fe80::1%eth0]:5555",
    ] {
        let endpoint = parse(text).unwrap();
        assert_eq!(endpoint.to_string(), text);
        assert_eq!(endpoint.check_connect(), Ok(()));
        assert_eq!(endpoint.check_bind().unwrap_err().kind(), Kind::ConnectOnly);
    }
}

#[test]
fn spellings() {
    for (spelling, canonical) in [
        ("tcp://*:0", "tcp://*:*"),
        ("tcp://*:00080", "tcp://*:80"),
        ("tcp://[FE80:0:0::00Ab%eth0]:1", "tcp://[fe80::ab%eth0]:1"),
        ("tcp://[fe80::1%007]:1", "tcp://[fe80::1%7]:1"),
        ("tcp://[fe80::1%0]:1", "tcp://[fe80::1]:1"),
        ("tcp://[::1.2.3.4]:1", "tcp://[::102:304]:1"),
        ("tcp://a:0;b:1", "tcp://a:*;b:1"),
        ("ipc:///run//app/./sock", "ipc:///run/app/sock"),
        ("ipc://*/", "ipc://./*"),
    ] {
        if spelling.starts_with("ipc") && cfg!(not(unix)) {
            continue;
        }
        let (a, b) = (parse(spelling), parse(canonical));
        assert_eq!(a.as_ref().unwrap().to_string(), canonical);
        assert_eq!(a, b, "{spelling}");
    }
    assert_ne!(parse("tcp://*:1"), parse("tcp://0.0.0.0:1"));
}

fn assert_bad(table: &[(&str, Kind, &str, usize)]) {
    for &(text, kind, piece, offset) in table {
        let error = parse(text).expect_err(text);
        assert_eq!(
            (error.kind(), error.piece(), error.offset()),
            (kind, piece, offset),
            "{text}"
        );
        assert!(text.get(offset..).unwrap().starts_with(piece), "{text}");
    }
}

#[test]
fn e1_bad_ports() {
    assert_bad(&[
        ("tcp://127.0.0.1:65536", Kind::BadPort, "65536", 16),
        ("tcp://127.0.0.1:99999", Kind::BadPort, "99999", 16),
        ("tcp://127.0.0.1:000080", Kind::BadPort, "000080", 16),
        ("tcp://127.0.0.1:", Kind::BadPort, "", 16),
        ("tcp://127.0.0.1:-1", Kind::BadPort, "-1", 16),
        ("tcp://127.0.0.1:+1", Kind::BadPort, "+1", 16),
        ("tcp://127.0.0.1:0x50", Kind::BadPort, "0x50", 16),
        ("tcp://127.0.0.1:80x", Kind::BadPort, "80x", 16),
        ("tcp://127.0.0.1:80/", Kind::BadPort, "80/", 16),
        ("tcp://127.0.0.1: 80", Kind::BadPort, " 80", 16),
        ("tcp://127.0.0.1:80\n", Kind::BadPort, "80\n", 16),
        ("tcp://127.0.0.1:**", Kind::BadPort, "**", 16),
        ("tcp://127.0.0.1:٣", Kind::BadPort, "٣", 16),
        ("tcp://*:http", Kind::BadPort, "http", 8),
        ("tcp://[::1]:", Kind::BadPort, "", 12),
        ("tcp://[::1]:1:2", Kind::BadPort, "1:2", 12),
        ("tcp://127.0.0.1", Kind::MissingPort, "127.0.0.1", 6),
        ("tcp://*", Kind::MissingPort, "*", 6),
        ("tcp://[::1]", Kind::MissingPort, "[::1]", 6),
        ("tcp://a:99999;b:1", Kind::BadPort, "99999", 8),
        ("tcp://a;b:1", Kind::MissingPort, "a", 6),
        ("tcp://a:1;b", Kind::MissingPort, "b", 10),
        ("tcp://a:1;b:x", Kind::BadPort, "x", 12),
        ("tcp://a:1;b:0", Kind::BindOnly, "0", 12),
        ("tcp://a:1;*:2", Kind::BindOnly, "*", 10),
    ]);
    for port in 0..=u16::MAX {
        assert_eq!(
            parse(&format!("tcp://*:{port}")).unwrap().port(),
            Some(port)
        );
    }
}

#[test]
fn e5_bad_paths() {
    for prefix in ["ipc://", "ipc://@"] {
        let fits = format!("{prefix}{}", "x".repeat(107));
        assert_eq!(parse(&fits).unwrap().to_string(), fits);
        for len in [108, 200, 100_000] {
            let error = parse(&format!("{prefix}{}", "x".repeat(len))).unwrap_err();
            assert_eq!(
                (error.kind(), error.offset()),
                (Kind::PathTooLong, prefix.len())
            );
            assert_eq!(error.piece(), format!("{}…", "x".repeat(48)));
        }
    }
    assert_bad(&[
        ("ipc://", Kind::EmptyAddress, "", 6),
        ("ipc://@", Kind::EmptyAbstractName, "@", 6),
        ("ipc:///run/a\0b", Kind::NulInPath, "\0", 12),
        ("ipc://\0", Kind::NulInPath, "\0", 6),
        ("ipc://@a\0", Kind::NulInPath, "\0", 8),
    ]);
    // Bytes count, not characters.
    assert_eq!(
        parse(&format!("ipc://{}", "é".repeat(54)))
            .unwrap_err()
            .kind(),
        Kind::PathTooLong
    );
}

#[test]
fn e7_bad_hosts_and_schemes() {
    assert_bad(&[
        ("", Kind::MissingSeparator, "", 0),
        ("tcp", Kind::MissingSeparator, "tcp", 0),
        (
            "127.0.0.1:5555",
            Kind::MissingSeparator,
            "127.0.0.1:5555",
            0,
        ),
        (
            "tcp:/127.0.0.1:5555",
            Kind::MissingSeparator,
            "tcp:/127.0.0.1:5555",
            0,
        ),
        ("foo://", Kind::UnknownScheme, "foo", 0),
        ("foo://bar", Kind::UnknownScheme, "foo", 0),
        ("://a:1", Kind::UnknownScheme, "", 0),
        ("TCP://a:1", Kind::UnknownScheme, "TCP", 0),
        (" tcp://a:1", Kind::UnknownScheme, " tcp", 0),
        ("é://a:1", Kind::UnknownScheme, "é", 0),
        ("tcp://", Kind::EmptyAddress, "", 6),
        ("tcp://:5555", Kind::EmptyHost, "", 6),
        ("tcp://:", Kind::EmptyHost, "", 6),
        ("tcp://;", Kind::EmptyHost, "", 6),
        ("tcp://a:1;", Kind::EmptyHost, "", 10),
        ("tcp://;b:1", Kind::EmptyHost, "", 6),
        ("tcp://[]:1", Kind::EmptyHost, "", 7),
        ("tcp://[::1", Kind::UnclosedBracket, "[::1", 6),
        ("tcp://[::1:5555", Kind::UnclosedBracket, "[::1:5555", 6),
        ("tcp://[", Kind::UnclosedBracket, "[", 6),
        ("tcp://[::1]x:5", Kind::BadHost, "x", 11),
        ("tcp://[::1]5", Kind::BadHost, "5", 11),
        ("tcp://[[::1]:5", Kind::BadIpv6, "[::1", 7),
        ("tcp://[::1]]:5", Kind::BadHost, "]", 11),
        ("tcp://[::g]:5", Kind::BadIpv6, "::g", 7),
        ("tcp://[1:2:3]:5", Kind::BadIpv6, "1:2:3", 7),
        ("tcp://[127.0.0.1]:5", Kind::BadIpv6, "127.0.0.1", 7),
        ("tcp://[*]:5", Kind::BadIpv6, "*", 7),
        ("tcp://[::1 ]:5", Kind::BadIpv6, "::1 ", 7),
        ("tcp://[%eth0]:5", Kind::BadIpv6, "", 7),
        ("tcp://[fe80::1%]:5", Kind::BadZone, "", 15),
        ("tcp://[fe80::1%a b]:5", Kind::BadZone, " ", 16),
        ("tcp://[fe80::1%a%b]:5", Kind::BadZone, "%", 16),
        (
            "tcp://[fe80::1%4294967296]:5",
            Kind::BadZone,
            "4294967296",
            15,
        ),
        ("tcp://::1:5555", Kind::UnbracketedIpv6, "::1:5555", 6),
        ("tcp://::1", Kind::UnbracketedIpv6, "::1", 6),
        ("tcp://a:1;fe80::1", Kind::UnbracketedIpv6, "fe80::1", 10),
        ("tcp://1:2::3", Kind::UnbracketedIpv6, "1:2::3", 6),
        ("tcp://fe80::1::5", Kind::BadHost, ":", 10),
        ("tcp://%:1", Kind::BadHost, "%", 6),
        ("tcp://a b:1", Kind::BadHost, " ", 7),
        ("tcp:// a:1", Kind::BadHost, " ", 6),
        ("tcp://a\t:1", Kind::BadHost, "\t", 7),
        ("tcp://a\u{a0}:1", Kind::BadHost, "\u{a0}", 7),
        ("tcp://a\0:1", Kind::BadHost, "\0", 7),
        ("tcp://é\0:1", Kind::BadHost, "\0", 8),
        ("tcp://🦀:1", Kind::BadHost, "🦀", 6),
        ("tcp://user@host:1", Kind::BadHost, "@", 10),
        ("tcp://host/path:1", Kind::BadHost, "/", 10),
        ("tcp://*.org:1", Kind::BadHost, "*", 6),
        ("tcp://a..b:1", Kind::BadHost, "a..b", 6),
        ("tcp://.a:1", Kind::BadHost, ".a", 6),
        ("tcp://256.0.0.1:1", Kind::BadIpv4, "256.0.0.1", 6),
        ("tcp://127.1:1", Kind::BadIpv4, "127.1", 6),
        ("tcp://127.0.0.01:1", Kind::BadIpv4, "127.0.0.01", 6),
        ("tcp://5555:1", Kind::BadIpv4, "5555", 6),
        ("tcp://a:1;b:2;c:3", Kind::BadHost, ":", 11),
        ("inproc://", Kind::EmptyAddress, "", 9),
    ]);
}

#[test]
fn e7_huge() {
    for piece in [
        "x", "é", "🦀", ":", "[", "]", "%", ";", "0", "/", "\0", "://",
    ] {
        let huge = piece.repeat(100_000);
        for text in [
            huge.clone(),
            format!("{huge}://a"),
            format!("tcp://{huge}"),
            format!("tcp://{huge}:1"),
            format!("tcp://[{huge}]:1"),
            format!("tcp://[::1%{huge}]:1"),
            format!("tcp://a:{huge}"),
            format!("tcp://a:1;{huge}:1"),
            format!("ipc://{huge}"),
            format!("ipc://@{huge}"),
            format!("inproc://{huge}"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.piece().chars().count() <= PIECE_MAX + 1);
            assert!(error.to_string().len() < 1000);
            assert!(text.is_char_boundary(error.offset()));
        }
    }
    let long = "x".repeat(256);
    assert_eq!(
        parse(&format!("tcp://{long}:1")).unwrap_err().kind(),
        Kind::HostTooLong
    );
    assert_eq!(
        parse(&format!("tcp://[::1%{long}]:1")).unwrap_err().kind(),
        Kind::HostTooLong
    );
    assert_eq!(
        parse(&format!("inproc://{long}")).unwrap().name(),
        Some(&*long)
    );
    assert_eq!(
        parse(&format!("inproc://{long}x")).unwrap_err().kind(),
        Kind::NameTooLong
    );
}

#[test]
fn only_bind() {
    for (text, offset) in [
        ("tcp://*:5555", 6),
        ("tcp://*:*", 6),
        ("tcp://127.0.0.1:0", 16),
        ("tcp://[::1]:*", 12),
        ("ipc://*", 6),
    ] {
        let endpoint = parse(text).unwrap();
        assert!(endpoint.is_wildcard());
        assert_eq!(endpoint.check_bind(), Ok(()));
        let error = endpoint.check_connect().unwrap_err();
        assert_eq!(
            (error.kind(), error.piece(), error.offset()),
            (Kind::BindOnly, "*", offset)
        );
    }
    for text in ["tcp://a:1", "ipc://a", "ipc://@a", "inproc://*"] {
        let endpoint = parse(text).unwrap();
        assert!(!endpoint.is_wildcard());
        assert_eq!(endpoint.check_bind(), Ok(()));
        assert_eq!(endpoint.check_connect(), Ok(()));
    }
}

#[test]
fn after_a_bind() {
    let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
    for (endpoint, text) in [
        (Endpoint::tcp(addr("0.0.0.0:5555")), "tcp://0.0.0.0:5555"),
        (Endpoint::tcp(addr("[::]:5555")), "tcp://[::]:5555"),
        (
            Endpoint::tcp(addr("[fe80::1%3]:5555")),
            "tcp://[fe80::1%3]:5555",
        ),
        (Endpoint::ipc_path("/run/a".into()), "ipc:///run/a"),
        (Endpoint::ipc_path("*".into()), "ipc://./*"),
        (Endpoint::ipc_path("@a".into()), "ipc://./@a"),
        (Endpoint::ipc_abstract(b"a".to_vec()), "ipc://@a"),
    ] {
        assert_eq!(endpoint.to_string().replace('\\', "/"), text);
        assert_eq!(parse(text).unwrap(), endpoint);
    }
    let odd = Endpoint::ipc_abstract(vec![0xff, 0]);
    assert_eq!(odd.to_string(), "ipc://@\u{fffd}\0");
}

#[test]
fn getters() {
    let host = |text| parse(text).unwrap().host();
    assert_eq!(host("tcp://*:1").as_deref(), Some("*"));
    assert_eq!(host("tcp://a:1").as_deref(), Some("a"));
    assert_eq!(
        host("tcp://[fe80::1%eth0]:1").as_deref(),
        Some("fe80::1%eth0")
    );
    assert_eq!(host("ipc://a"), None);
    let addr = |text| parse(text).unwrap().socket_addr();
    assert_eq!(addr("tcp://[fe80::1%3]:1"), "[fe80::1%3]:1".parse().ok());
    assert_eq!(addr("tcp://[fe80::1%eth0]:1"), None);
    assert_eq!(addr("tcp://*:1"), None);
    assert_eq!(
        format!("{:?}", parse("tcp://*:0").unwrap()),
        r#"Endpoint("tcp://*:*")"#
    );
    assert_eq!(parse("ipc://@a").unwrap().path(), None);
    assert_eq!(parse("ipc://a").unwrap().name(), None);
}

#[test]
fn errors_are_io_errors() {
    fn is_error<T: std::error::Error + Send + Sync + Clone + 'static>() {}
    is_error::<EndpointError>();
    let kind = |text| io::Error::from(parse(text).unwrap_err()).kind();
    assert_eq!(kind("foo://a"), io::ErrorKind::Unsupported);
    assert_eq!(kind("tcp://a:x"), io::ErrorKind::InvalidInput);
}

#[test]
fn into_endpoint() {
    let endpoint = parse("tcp://a:1").unwrap();
    let text = endpoint.to_string();
    assert_eq!(text.as_str().into_endpoint().as_ref(), Ok(&endpoint));
    assert_eq!((&text).into_endpoint().as_ref(), Ok(&endpoint));
    assert_eq!(text.clone().into_endpoint().as_ref(), Ok(&endpoint));
    assert_eq!((&endpoint).into_endpoint().as_ref(), Ok(&endpoint));
    assert_eq!(endpoint.clone().into_endpoint().as_ref(), Ok(&endpoint));
    assert_eq!(Endpoint::try_from(text.as_str()).as_ref(), Ok(&endpoint));
    assert_eq!(Endpoint::try_from(text).as_ref(), Ok(&endpoint));
}

fn check(text: &str) {
    match parse(text) {
        Ok(endpoint) => {
            let canonical = endpoint.to_string();
            let again = parse(&canonical).unwrap_or_else(|e| panic!("{text:?}: {e}"));
            assert_eq!(again, endpoint, "{text:?}");
            assert_eq!(again.to_string(), canonical, "{text:?}");
            for error in [endpoint.check_bind(), endpoint.check_connect()] {
                if let Err(error) = error {
                    let at = canonical.get(error.offset()..).unwrap();
                    assert!(at.starts_with(error.piece()) || error.piece().ends_with('…'));
                }
            }
            endpoint.socket_addr();
            endpoint.host();
        }
        Err(error) => {
            let at = text.get(error.offset()..).unwrap();
            assert!(
                at.starts_with(error.piece().trim_end_matches('…')),
                "{text:?}"
            );
        }
    }
}

fn host() -> impl Strategy<Value = Host> {
    let zone = prop_oneof!["[a-z][a-z0-9._-]{0,14}", "[1-9][0-9]{0,8}"];
    prop_oneof![
        Just(Host::Any),
        any::<[u8; 4]>().prop_map(|ip| Host::V4(ip.into())),
        (any::<[u16; 8]>(), proptest::option::of(zone))
            .prop_map(|(ip, zone)| Host::V6(ip.into(), zone)),
        "[a-z]([a-z0-9_-]{0,9}\\.?[a-z0-9_-]){0,9}".prop_map(Host::Name),
    ]
}

fn address() -> impl Strategy<Value = Address> {
    let tcp = (
        host(),
        any::<u16>(),
        proptest::option::of((host(), any::<u16>())),
    );
    prop_oneof![
        tcp.prop_map(|(host, port, source)| {
            let source = source.filter(|_| host != Host::Any && port != 0);
            Address::Tcp(TcpAddress { source, host, port })
        }),
        "[^\0]{1,26}".prop_map(|path| Address::Ipc(IpcAddress::Path(tidy(path.as_ref())))),
        "[^\0]{1,26}".prop_map(|name| Address::Ipc(IpcAddress::Abstract(name.into_bytes()))),
        "(?s).{1,64}".prop_map(|name| Address::Inproc(name.into())),
    ]
}

proptest! {
    #[test]
    fn e7_any_text(text in "(?s).{0,64}") {
        check(&text);
    }

    #[test]
    fn e7_any_address(text in "(tcp|ipc|inproc)://(?s).{0,128}") {
        check(&text);
    }

    #[test]
    fn e7_nearly_good(text in "(tcp|ipc|inproc)://[\\]\\[%;:*.@/ a0f1é]{0,24}(:[0-9*]{1,6})?") {
        check(&text);
    }

    #[test]
    fn e7_mutated(address in address(), at in any::<prop::sample::Index>(), c in any::<char>()) {
        let mut chars: Vec<char> = address.to_string().chars().collect();
        let at = at.index(chars.len());
        chars[at] = c;
        check(&chars.iter().collect::<String>());
        chars.remove(at);
        check(&chars.iter().collect::<String>());
    }

    #[test]
    fn round_trip(address in address()) {
        let endpoint = Endpoint::from(address);
        prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }
}
