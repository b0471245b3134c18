//! IPv6, and both families at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use support::{Home, PATIENCE, next_of};
use zocket::{Monitor, MonitorEvent, Pull};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        eprintln!("skipped: this system has no IPv6");
    }
    has
}

/// Whether a message gets there from a socket that connects to this address.
fn talks(home: &Home, pull: &Pull, to: SocketAddr) {
    let push = home.push().build().unwrap();
    push.connect(format!("tcp://{to}")).unwrap();
    push.send(to.to_string()).unwrap();
    assert_eq!(next_of(pull), to.to_string());
    let from = pull.peers()[0].address().parse::<SocketAddr>().unwrap();
    assert_eq!(from.ip().to_canonical(), to.ip(), "known by its address");
    push.close().unwrap();
    support::until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
}

/// What a socket that binds here listens at, and whom it takes.
fn takes(endpoint: &str, ipv6: bool) -> (String, [bool; 2]) {
    let home = Home::new();
    let pull = home.pull().ipv6(ipv6).build().unwrap();
    let here = pull.bind(endpoint).unwrap();
    let port = here.port().unwrap();
    let takes = [V4, V6].map(|ip| {
        let to = SocketAddr::new(ip, port);
        // Refused at once, unless somebody else has just that port in the other family.
        let taken = TcpStream::connect(to).is_ok() && {
            let monitor = pull.monitor();
            let stream = TcpStream::connect(to).unwrap();
            is_accepted(&monitor, stream.local_addr().unwrap().port())
        };
        if taken {
            talks(&home, &pull, to);
        }
        taken
    });
    (here.host().unwrap(), takes)
}

/// Whether the connection from this port has come to this socket.
fn is_accepted(monitor: &Monitor, port: u16) -> bool {
    let from = format!(":{port}");
    loop {
        match monitor.recv_timeout(support::QUIET) {
            Ok(MonitorEvent::Accepted { address, .. }) if address.ends_with(&from) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

#[test]
fn a_wildcard_takes_both_families_if_it_may() {
    if !has_ipv6() {
        return;
    }
    let host = |host: &str| host.to_owned();
    assert_eq!(takes("tcp://*:*", true), (host("::"), [true, true]));
    assert_eq!(takes("tcp://*:*", false), (host("0.0.0.0"), [true, false]));
    assert_eq!(takes("tcp://[::]:*", true), (host("::"), [true, true]));
    assert_eq!(takes("tcp://[::]:*", false), (host("::"), [false, true]));
}

#[test]
fn an_address_is_that_address_either_way() {
    if !has_ipv6() {
        return;
    }
    for ipv6 in [true, false] {
        let v6 = ("::1".to_owned(), [false, true]);
        assert_eq!(takes("tcp://[::1]:*", ipv6), v6);
        let v4 = ("127.0.0.1".to_owned(), [true, false]);
        assert_eq!(takes("tcp://127.0.0.1:*", ipv6), v4);
    }
}

/// A name that only the child process of the next test knows, with an address of each family.
const BOTH: &str = "both.zocket.test";

/// There is no such name everywhere, so a process of our own is given one, in a file system of its own.
#[test]
#[cfg(target_os = "linux")]
fn a_name_of_both_families_is_tried_at_all_its_addresses_if_it_may() {
    const TEST: &str = "a_name_of_both_families_is_tried_at_all_its_addresses_if_it_may";
    const CHILD: &str = "ZOCKET_TEST_BOTH_FAMILIES";
    if std::env::var_os(CHILD).is_some() {
        return talk_by_name();
    }
    if !has_ipv6() {
        return;
    }
    let hosts = std::env::temp_dir().join(format!("zocket-test-hosts-{}", std::process::id()));
    let lines = format!("127.0.0.1 localhost {BOTH}\n::1 localhost {BOTH}\n");
    std::fs::write(&hosts, lines).unwrap();
    let unshared = |script: &str| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]);
        command.env("HOSTS", &hosts).env(CHILD, "1");
        command.env("EXE", std::env::current_exe().unwrap());
        command.output().is_ok_and(|output| {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
            output.status.success()
        })
    };
    let mount = "mount --bind \"$HOSTS\" /etc/hosts";
    if unshared(&format!("{mount} && getent hosts {BOTH}")) {
        assert!(unshared(&format!(
            "{mount} && exec \"$EXE\" {TEST} --exact --nocapture"
        )));
    } else {
        eprintln!("skipped: this process may not unshare and mount, so there is no such name");
    }
    std::fs::remove_file(&hosts).unwrap();
}

#[cfg(target_os = "linux")]
fn talk_by_name() {
    let home = Home::new();
    // Whichever the resolver gives first, nobody listens there one time of the two.
    for bound in ["127.0.0.1", "[::1]"] {
        let pull = home.pull().build().unwrap();
        let here = pull.bind(format!("tcp://{bound}:*")).unwrap();
        let there = format!("tcp://{BOTH}:{}", here.port().unwrap());
        let push = home.push().ipv6(true).build().unwrap();
        push.connect(&there).unwrap();
        push.send("by name").unwrap();
        assert_eq!(next_of(&pull), "by name");

        let only_v4 = home.push().build().unwrap();
        let monitor = only_v4.monitor();
        only_v4.connect(&there).unwrap();
        let mut tried = Vec::new();
        loop {
            match monitor.recv_timeout(PATIENCE).expect("attempts are told") {
                MonitorEvent::Connecting { address, .. } => tried.push(address),
                MonitorEvent::RetryScheduled { .. } | MonitorEvent::Connected { .. } => break,
                _ => {}
            }
        }
        assert_eq!(tried, [format!("127.0.0.1:{}", here.port().unwrap())]);
    }
    // Bound to the name: at one of its addresses, which are both if both are meant.
    let pull = home.pull().ipv6(true).build().unwrap();
    let here = pull.bind(format!("tcp://{BOTH}:*")).unwrap();
    talks(&home, &pull, here.socket_addr().unwrap());
}

/// Such an address means nothing without its interface, by name or by number.
#[test]
fn a_link_local_address_has_its_zone() {
    let link_local = if_addrs::get_if_addrs()
        .unwrap()
        .into_iter()
        .find_map(|it| {
            let IpAddr::V6(ip) = it.ip() else {
                return None;
            };
            let index = it.index?;
            // (One that is still being made sure of cannot be bound to.)
            let address = std::net::SocketAddrV6::new(ip, 0, 0, index);
            let usable = ip.is_unicast_link_local() && TcpListener::bind(address).is_ok();
            usable.then_some((ip, it.name, index))
        });
    let Some((ip, interface, index)) = link_local else {
        eprintln!("skipped: no interface here has a link-local address");
        return;
    };
    let home = Home::new();
    for zone in [interface.clone(), index.to_string()] {
        let pull = home.pull().build().unwrap();
        let here = pull.bind(format!("tcp://[{ip}%{zone}]:*")).unwrap();
        let port = here.port().unwrap();
        assert_eq!(here.to_string(), format!("tcp://[{ip}%{index}]:{port}"));
        for zone in [&interface, &index.to_string()] {
            let push = home.push().build().unwrap();
            push.connect(format!("tcp://[{ip}%{zone}]:{port}")).unwrap();
            push.send("near").unwrap();
            assert_eq!(next_of(&pull), "near");
        }
        pull.unbind(&here).unwrap();
    }
    let push = home.push().build().unwrap();
    let monitor = push.monitor();
    push.connect(format!("tcp://[{ip}%zt-no-such]:9")).unwrap();
    loop {
        let event = monitor.recv_timeout(PATIENCE).expect("it fails");
        if let MonitorEvent::ResolveFailed { reason, .. } = event {
            assert!(reason.contains("zt-no-such"), "{reason}");
            return;
        }
    }
}
