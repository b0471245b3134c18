//! `docs/options.md` has all of libzmq's options, and what it names is there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The options of sockets in zmq.h and zmq_draft.h, by their numbers.
const SOCKET: &str = "
    4 AFFINITY, 5 ROUTING_ID, 6 SUBSCRIBE, 7 UNSUBSCRIBE, 8 RATE, 9 RECOVERY_IVL, 11 SNDBUF, 12 RCVBUF,
    13 RCVMORE, 14 FD, 15 EVENTS, 16 TYPE, 17 LINGER, 18 RECONNECT_IVL, 19 BACKLOG, 21 RECONNECT_IVL_MAX,
    22 MAXMSGSIZE, 23 SNDHWM, 24 RCVHWM, 25 MULTICAST_HOPS, 27 RCVTIMEO, 28 SNDTIMEO, 31 IPV4ONLY,
    32 LAST_ENDPOINT, 33 ROUTER_MANDATORY, 34 TCP_KEEPALIVE, 35 TCP_KEEPALIVE_CNT, 36 TCP_KEEPALIVE_IDLE,
    37 TCP_KEEPALIVE_INTVL, 38 TCP_ACCEPT_FILTER, 39 IMMEDIATE, 40 XPUB_VERBOSE, 41 ROUTER_RAW, 42 IPV6,
    43 MECHANISM, 44 PLAIN_SERVER, 45 PLAIN_USERNAME, 46 PLAIN_PASSWORD, 47 CURVE_SERVER,
    48 CURVE_PUBLICKEY, 49 CURVE_SECRETKEY, 50 CURVE_SERVERKEY, 51 PROBE_ROUTER, 52 REQ_CORRELATE,
    53 REQ_RELAXED, 54 CONFLATE, 55 ZAP_DOMAIN, 56 ROUTER_HANDOVER, 57 TOS, 58 IPC_FILTER_PID,
    59 IPC_FILTER_UID, 60 IPC_FILTER_GID, 61 CONNECT_ROUTING_ID, 62 GSSAPI_SERVER, 63 GSSAPI_PRINCIPAL,
    64 GSSAPI_SERVICE_PRINCIPAL, 65 GSSAPI_PLAINTEXT, 66 HANDSHAKE_IVL, 68 SOCKS_PROXY, 69 XPUB_NODROP,
    71 XPUB_MANUAL, 72 XPUB_WELCOME_MSG, 73 STREAM_NOTIFY, 74 INVERT_MATCHING, 75 HEARTBEAT_IVL,
    76 HEARTBEAT_TTL, 77 HEARTBEAT_TIMEOUT, 78 XPUB_VERBOSER, 79 CONNECT_TIMEOUT, 80 TCP_MAXRT,
    81 THREAD_SAFE, 84 MULTICAST_MAXTPDU, 85 VMCI_BUFFER_SIZE, 86 VMCI_BUFFER_MIN_SIZE,
    87 VMCI_BUFFER_MAX_SIZE, 88 VMCI_CONNECT_TIMEOUT, 89 USE_FD, 90 GSSAPI_PRINCIPAL_NAMETYPE,
    91 GSSAPI_SERVICE_PRINCIPAL_NAMETYPE, 92 BINDTODEVICE, 93 ZAP_ENFORCE_DOMAIN, 94 LOOPBACK_FASTPATH,
    95 METADATA, 96 MULTICAST_LOOP, 97 ROUTER_NOTIFY, 98 XPUB_MANUAL_LAST_VALUE, 99 SOCKS_USERNAME,
    100 SOCKS_PASSWORD, 101 IN_BATCH_SIZE, 102 OUT_BATCH_SIZE, 103 WSS_KEY_PEM, 104 WSS_CERT_PEM,
    105 WSS_TRUST_PEM, 106 WSS_HOSTNAME, 107 WSS_TRUST_SYSTEM, 108 ONLY_FIRST_SUBSCRIBE,
    109 RECONNECT_STOP, 110 HELLO_MSG, 111 DISCONNECT_MSG, 112 PRIORITY, 113 BUSY_POLL, 114 HICCUP_MSG,
    115 XSUB_VERBOSE_UNSUBSCRIBE, 116 TOPICS_COUNT, 117 NORM_MODE, 118 NORM_UNICAST_NACK,
    119 NORM_BUFFER_SIZE, 120 NORM_SEGMENT_SIZE, 121 NORM_BLOCK_SIZE, 122 NORM_NUM_PARITY,
    123 NORM_NUM_AUTOPARITY, 124 NORM_PUSH";

/// The options of contexts.
const CONTEXT: &str = "
    1 IO_THREADS, 2 MAX_SOCKETS, 3 SOCKET_LIMIT, 3 THREAD_PRIORITY, 4 THREAD_SCHED_POLICY, 5 MAX_MSGSZ,
    6 MSG_T_SIZE, 7 THREAD_AFFINITY_CPU_ADD, 8 THREAD_AFFINITY_CPU_REMOVE, 9 THREAD_NAME_PREFIX,
    10 ZERO_COPY_RECV, 42 IPV6, 70 BLOCKY";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("docs/options.md")).unwrap()
}

/// The rows of the tables under a heading, as their cells.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with('|'));
    let cells = |line: &'a str| line.trim_matches('|').split('|').map(str::trim).collect();
    // Without the heads of the columns.
    lines.map(cells).skip(2).collect()
}

/// What a cell has in backticks.
fn named(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// All files with this ending below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn source() -> String {
    let mut found = Vec::new();
    files(&root().join("src"), &mut found);
    found
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

/// Whether something of this name can be called.
fn has_method(source: &str, name: &str) -> bool {
    let declared = |before: &str| {
        [format!("{before}{name}("), format!("{before}{name}<")]
            .iter()
            .any(|text| source.contains(text))
    };
    // In a table of options a name stands at the beginning of a line.
    declared("pub fn ")
        || source
            .lines()
            .any(|line| line.trim_start().starts_with(&format!("{name}(")) && line.contains("->"))
}

#[test]
fn every_option_of_libzmq_has_its_line() {
    let page = page();
    for (heading, options) in [
        ("Options of sockets", SOCKET),
        ("Options of contexts", CONTEXT),
    ] {
        let rows = rows(&page, heading);
        let said: Vec<String> = rows
            .iter()
            .map(|row| {
                let name = row[1].split([' ', '†']).next().unwrap();
                format!("{} {name}", row[0])
            })
            .collect();
        let listed: Vec<&str> = options.split(',').map(str::trim).collect();
        assert_eq!(said, listed, "{heading}");
    }
}

#[test]
fn every_method_that_is_named_is_there() {
    let (page, source) = (page(), source());
    let mut count = 0;
    for (heading, column) in [
        ("Options of sockets", 3),
        ("Options of contexts", 3),
        ("What libzmq has not", 0),
    ] {
        for row in rows(&page, heading) {
            let types = ["AsFd", "Message", "Poller", "Socket"];
            for name in named(row[column]).filter(|name| !types.contains(name)) {
                assert!(has_method(&source, name), "{name} of {row:?}");
                count += 1;
            }
        }
    }
    assert!(count > 70, "{count}");
}

#[test]
fn every_test_that_is_named_is_there() {
    let page = page();
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for (heading, column) in [
        ("Options of sockets", 5),
        ("Options of contexts", 4),
        ("What libzmq has not", 3),
    ] {
        for row in rows(&page, heading) {
            for name in named(row[column]) {
                let (file, test) = name.split_once(": ").unwrap_or((name, ""));
                let text = known.entry(file.to_owned()).or_insert_with(|| {
                    let folder = if file.starts_with("src/") {
                        ""
                    } else {
                        "tests"
                    };
                    let path = root().join(folder).join(file);
                    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
                });
                let declared = format!("fn {test}(");
                assert!(test.is_empty() || text.contains(&declared), "{name}");
            }
            // What can be changed is shown to take effect.
            let changes = heading != "Options of contexts" && !row[column - 1].is_empty();
            assert!(!changes || !row[column].is_empty(), "{row:?}");
        }
    }
}

/// No option is forgotten that a builder has.
#[test]
fn every_setter_has_its_line() {
    let page = page();
    let table = fs::read_to_string(root().join("src/socket/options/table.rs")).unwrap();
    let mut count = 0;
    for line in table.lines().filter_map(|line| {
        line.trim()
            .strip_prefix("live set_")
            .or(line.trim().strip_prefix("later set_"))
    }) {
        let name = line.split([' ', ';']).next().unwrap();
        assert!(page.contains(&format!("`{name}`")), "{name}");
        count += 1;
    }
    assert!(count > 40, "{count}");
}
