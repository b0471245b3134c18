//! What is said of values, and that libzmq's defaults are libzmq's.

use std::time::Duration;

use super::*;
use crate::error::BuildError;
use crate::options::ReconnectStop;
use crate::transport::ipc::HAS_CREDENTIALS;
use crate::transport::tuning;
use crate::{Pull, Push, Router, Socket, Sub, XPub, XSub};

/// What `build` says of a socket with this setting.
fn said(set: impl FnOnce(Builder<Push>) -> Builder<Push>) -> String {
    match set(Push::builder()).build() {
        Err(BuildError::Invalid(wrong)) => wrong.join("\n"),
        Err(error) => panic!("{error}"),
        Ok(_) => String::new(),
    }
}

/// Nothing is said of it where the system can do it; the setter's name elsewhere.
fn taken_where(has: bool, name: &str, set: impl FnOnce(Builder<Push>) -> Builder<Push>) {
    let said = said(set);
    if has {
        assert_eq!(said, "");
    } else {
        assert!(
            said.starts_with(name) && said.contains("operating system"),
            "{said}"
        );
    }
}

#[test]
fn type_of_service_is_taken_where_the_system_has_it() {
    let builder = Push::builder().type_of_service(0xb8);
    assert_eq!(builder.options.transport.type_of_service, 0xb8);
    taken_where(tuning::HAS_TYPE_OF_SERVICE, "type_of_service", |it| {
        it.type_of_service(255)
    });
    assert_eq!(said(|it| it.type_of_service(0)), "");
}

#[test]
fn tcp_user_timeout_is_what_the_kernel_can_count() {
    let most = Duration::from_millis(i32::MAX as u64);
    let builder = Push::builder().tcp_user_timeout(most);
    assert_eq!(builder.options.transport.user_timeout, Some(most));
    for fits in [Duration::from_millis(1), most] {
        taken_where(tuning::HAS_USER_TIMEOUT, "tcp_user_timeout", |it| {
            it.tcp_user_timeout(fits)
        });
    }
    for wrong in [
        Duration::ZERO,
        Duration::from_micros(999),
        most + Duration::from_millis(1),
        Duration::MAX,
    ] {
        let said = said(|it| it.tcp_user_timeout(wrong));
        assert!(
            said.contains("tcp_user_timeout: it must"),
            "{wrong:?}: {said}"
        );
    }
    assert_eq!(said(|it| it.tcp_user_timeout(None)), "");
}

#[test]
fn priority_is_what_the_kernel_can_count() {
    let builder = Push::builder().priority(6);
    assert_eq!(builder.options.transport.priority, 6);
    for fits in [1, i32::MAX as u32] {
        taken_where(tuning::HAS_PRIORITY, "priority", |it| it.priority(fits));
    }
    assert!(said(|it| it.priority(1 << 31)).contains("priority: it must"));
    assert_eq!(said(|it| it.priority(0)), "");
}

#[test]
fn busy_poll_is_what_the_kernel_can_count() {
    let most = Duration::from_micros(i32::MAX as u64);
    let builder = Push::builder().busy_poll(most);
    assert_eq!(builder.options.transport.busy_poll, Some(most));
    for fits in [Duration::from_micros(1), most] {
        taken_where(tuning::HAS_BUSY_POLL, "busy_poll", |it| it.busy_poll(fits));
    }
    for wrong in [
        Duration::ZERO,
        Duration::from_nanos(999),
        most + Duration::from_micros(1),
        Duration::MAX,
    ] {
        let said = said(|it| it.busy_poll(wrong));
        assert!(said.contains("busy_poll: it must"), "{wrong:?}: {said}");
    }
    assert_eq!(said(|it| it.busy_poll(None)), "");
}

#[test]
fn a_proxy_is_a_host_and_a_port() {
    for good in ["proxy:1080", "127.0.0.1:1", "[::1]:1080", "a.b-c:65535"] {
        let push = Push::builder().socks_proxy(good).build().unwrap();
        assert_eq!(push.options().socks_proxy().as_deref(), Some(good));
        push.options().set_socks_proxy(None).unwrap();
        assert_eq!(push.options().socks_proxy(), None);
    }
    for wrong in [
        "",
        "proxy",
        "proxy:0",
        "proxy:*",
        "*:1080",
        "::1:1080",
        "a:1;b:2",
        "proxy:99999",
        "tcp://proxy:1080",
        "proxy:1080/",
        "user@proxy:1080",
    ] {
        let said = said(|it| it.socks_proxy(wrong));
        assert!(said.starts_with("socks_proxy: "), "{wrong:?}: {said}");
    }
    assert!(said(|it| it.socks_credentials(("", "x"))).starts_with("socks_credentials: "));
    let builder = Push::builder().socks_credentials(("me", "hunter2"));
    assert!(!format!("{builder:?}").contains("hunter2"));
    let push = builder.build().unwrap();
    assert_eq!(push.options().socks_credentials().as_deref(), Some("me"));
    assert!(!format!("{:?}", push.options()).contains("hunter2"));
}

#[test]
fn accept_filters_are_networks() {
    let builder = Push::builder()
        .tcp_accept_filter("10.0.0.0/8")
        .tcp_accept_filter("::1");
    let networks = &builder.options.admission.networks;
    let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "::1/128"]);
    for wrong in ["", "10.0.0.1/8", "10.0.0.0/33", "localhost", "eth0"] {
        let said = said(|it| it.tcp_accept_filter(wrong).tcp_accept_filter("::1"));
        assert!(said.starts_with("tcp_accept_filter: "), "{wrong:?}: {said}");
        assert!(said.contains(&format!("{wrong:?}")), "{said}");
    }
}

#[test]
fn ipc_filters_are_taken_where_the_system_says_who_it_is() {
    taken_where(HAS_CREDENTIALS, "ipc_allow_uid", |it| it.ipc_allow_uid(0));
    taken_where(HAS_CREDENTIALS, "ipc_allow_gid", |it| it.ipc_allow_gid(0));
    taken_where(HAS_CREDENTIALS, "ipc_allow_pid", |it| it.ipc_allow_pid(1));
}

#[test]
fn nobody_at_all_is_no_limit() {
    assert!(said(|it| it.max_connections(0)).starts_with("max_connections: 0"));
    let said_of_one = said(|it| it.max_connections_per_address(0));
    assert!(said_of_one.starts_with("max_connections_per_address: 0"));
    assert!(said(|it| it.max_pending_handshakes(0)).starts_with("max_pending_handshakes: 0"));
    assert_eq!(said(|it| it.max_connections(None).max_connections(1)), "");
}

#[test]
fn bind_to_device_takes_what_can_be_a_name() {
    let builder = Push::builder().bind_to_device("eth0");
    assert_eq!(builder.options.transport.device.as_deref(), Some("eth0"));
    for fits in ["lo", "fifteen-bytes-0"] {
        taken_where(tuning::HAS_DEVICES, "bind_to_device", |it| {
            it.bind_to_device(fits)
        });
    }
    for wrong in ["", "sixteen-bytes-00", "lo\0x"] {
        let said = said(|it| it.bind_to_device(wrong));
        assert!(said.contains("no name of a device"), "{wrong:?}: {said}");
    }
}

const ALL: [SocketType; 11] = [
    SocketType::Req,
    SocketType::Rep,
    SocketType::Dealer,
    SocketType::Router,
    SocketType::Pub,
    SocketType::Sub,
    SocketType::XPub,
    SocketType::XSub,
    SocketType::Push,
    SocketType::Pull,
    SocketType::Pair,
];

/// libzmq's zmq_setsockopt(3) and zmq_getsockopt(3), "Default value".
#[test]
fn libzmqs_defaults_are_libzmqs() {
    let ms = Duration::from_millis;
    for socket_type in ALL {
        let socket = Socket::builder(socket_type)
            .linger(ms(1))
            .max_frames(1)
            .with_libzmq_defaults()
            .build()
            .unwrap();
        let it = socket.options();
        let subscribes = matches!(socket_type, SocketType::Sub | SocketType::XSub);
        assert_eq!(it.linger(), subscribes.then_some(ms(0)), "ZMQ_LINGER");
        assert_eq!(it.send_hwm(), 1000, "ZMQ_SNDHWM");
        assert_eq!(it.recv_hwm(), 1000, "ZMQ_RCVHWM");
        assert_eq!(it.send_timeout(), None, "ZMQ_SNDTIMEO -1");
        assert_eq!(it.recv_timeout(), None, "ZMQ_RCVTIMEO -1");
        assert_eq!(it.reconnect_interval(), Some(ms(100)), "ZMQ_RECONNECT_IVL");
        assert_eq!(it.reconnect_interval_max(), ms(0), "ZMQ_RECONNECT_IVL_MAX");
        assert_eq!(it.reconnect_stop(), [], "ZMQ_RECONNECT_STOP");
        assert_eq!(
            it.handshake_timeout(),
            Some(ms(30_000)),
            "ZMQ_HANDSHAKE_IVL"
        );
        assert_eq!(it.heartbeat_interval(), None, "ZMQ_HEARTBEAT_IVL 0");
        assert_eq!(it.heartbeat_timeout(), None, "ZMQ_HEARTBEAT_TIMEOUT -1");
        assert_eq!(it.heartbeat_ttl(), None, "ZMQ_HEARTBEAT_TTL 0");
        assert_eq!(it.connect_timeout(), None, "ZMQ_CONNECT_TIMEOUT 0");
        assert_eq!(it.max_message_size(), None, "ZMQ_MAXMSGSIZE -1");
        assert_eq!(it.max_frames(), usize::MAX);
        assert_eq!(it.max_subscriptions(), usize::MAX);
        assert_eq!(it.max_subscription_bytes(), usize::MAX);
        assert_eq!(it.max_pending_handshakes(), usize::MAX);
        assert_eq!(
            (it.max_connections(), it.max_connections_per_address()),
            (None, None)
        );
        assert_eq!(it.socks_proxy(), None, "ZMQ_SOCKS_PROXY");
        assert_eq!(it.socks_credentials(), None, "ZMQ_SOCKS_USERNAME");
        assert!(it.tcp_accept_filter().is_empty(), "ZMQ_TCP_ACCEPT_FILTER");
        assert!(it.ipc_allow_uid().is_empty(), "ZMQ_IPC_FILTER_UID");
        assert!(it.ipc_allow_gid().is_empty(), "ZMQ_IPC_FILTER_GID");
        assert!(it.ipc_allow_pid().is_empty(), "ZMQ_IPC_FILTER_PID");
        assert!(it.metadata().is_empty(), "ZMQ_METADATA");
        assert!(!it.immediate(), "ZMQ_IMMEDIATE");
        assert_eq!(it.in_batch_size(), Some(8192), "ZMQ_IN_BATCH_SIZE");
        assert_eq!(it.out_batch_size(), Some(8192), "ZMQ_OUT_BATCH_SIZE");
        assert!(it.affinity().is_empty(), "ZMQ_AFFINITY 0");
        assert_eq!(it.socks_proxy(), None, "ZMQ_SOCKS_PROXY");
        assert_eq!(it.send_limit_bytes(), None);
        assert_eq!(it.recv_limit_bytes(), None);
        assert_eq!(it.max_subscriptions_per_address(), None);
        assert_eq!(it.slow_subscriber(), crate::SlowSubscriber::DropNewest);
        assert_eq!(it.hello_message(), None, "ZMQ_HELLO_MSG");
        assert_eq!(it.disconnect_message(), None, "ZMQ_DISCONNECT_MSG");
        assert_eq!(it.hiccup_message(), None, "ZMQ_HICCUP_MSG");
        assert_eq!(it.notify(), Default::default(), "ZMQ_ROUTER_NOTIFY 0");
        assert_eq!(it.send_buffer(), None, "ZMQ_SNDBUF -1");
        assert_eq!(it.recv_buffer(), None, "ZMQ_RCVBUF -1");
        assert_eq!(it.backlog(), 100, "ZMQ_BACKLOG");
        assert_eq!(it.tcp_keepalive(), None, "ZMQ_TCP_KEEPALIVE -1");
        assert_eq!(it.tcp_keepalive_idle(), None, "ZMQ_TCP_KEEPALIVE_IDLE -1");
        assert_eq!(
            it.tcp_keepalive_interval(),
            None,
            "ZMQ_TCP_KEEPALIVE_INTVL -1"
        );
        assert_eq!(it.tcp_keepalive_count(), None, "ZMQ_TCP_KEEPALIVE_CNT -1");
        assert!(!it.ipv6(), "ZMQ_IPV6");
        assert_eq!(it.type_of_service(), 0, "ZMQ_TOS");
        assert_eq!(it.tcp_user_timeout(), None, "ZMQ_TCP_MAXRT 0");
        assert_eq!(it.priority(), 0, "ZMQ_PRIORITY");
        assert_eq!(it.busy_poll(), None, "ZMQ_BUSY_POLL 0");
        assert_eq!(it.bind_to_device(), None, "ZMQ_BINDTODEVICE");
        assert_eq!(it.routing_id(), None, "ZMQ_ROUTING_ID");
        assert_eq!(it.welcome_message(), None, "ZMQ_XPUB_WELCOME_MSG");
        for (name, on) in [
            ("ZMQ_PROBE_ROUTER", it.probe_router()),
            ("ZMQ_CONFLATE", it.conflate()),
            ("ZMQ_ROUTER_MANDATORY", it.mandatory()),
            ("ZMQ_ROUTER_HANDOVER", it.handover()),
            ("ZMQ_REQ_CORRELATE", it.correlate()),
            ("ZMQ_REQ_RELAXED", it.relaxed()),
            ("ZMQ_XPUB_NODROP", it.nodrop()),
            ("ZMQ_INVERT_MATCHING", it.invert_matching()),
            ("ZMQ_XPUB_VERBOSE", it.verbose()),
            ("ZMQ_XPUB_VERBOSER", it.verboser()),
            ("ZMQ_XPUB_MANUAL", it.manual()),
            ("ZMQ_XPUB_MANUAL_LAST_VALUE", it.manual_last_value()),
            ("ZMQ_ONLY_FIRST_SUBSCRIBE", it.only_first_subscribe()),
            ("ZMQ_XSUB_VERBOSE_UNSUBSCRIBE", it.verbose_unsubscribe()),
        ] {
            assert!(!on, "{name}");
        }
        // "If it is -1, the interval is used."
        it.set_heartbeat_interval(ms(7)).unwrap();
        assert_eq!(
            it.heartbeat_timeout(),
            Some(ms(7)),
            "ZMQ_HEARTBEAT_TIMEOUT -1"
        );
        assert_eq!(it.heartbeat_ttl(), None, "ZMQ_HEARTBEAT_TTL 0");
        // One that is not kept is said all the same.
        it.set_heartbeat_interval(ms(250)).unwrap();
        it.set_heartbeat_ttl(ms(100)).unwrap();
        assert_eq!(it.heartbeat_ttl(), Some(ms(100)));
        socket.options().set_linger(ms(0)).unwrap();
    }
}

#[test]
fn a_default_that_follows_from_others_goes_on_to_follow() {
    let s = Duration::from_secs;
    let push = Push::new();
    let options = push.options();
    assert_eq!(options.heartbeat_ttl(), Some(s(30)));
    options.set_heartbeat_timeout(s(50)).unwrap();
    assert_eq!(options.heartbeat_ttl(), Some(s(50)));
    options.set_heartbeat_ttl(s(40)).unwrap();
    options.set_heartbeat_timeout(s(60)).unwrap();
    assert_eq!(options.heartbeat_ttl(), Some(s(40)));
}

/// What `build` refuses is refused later, in the same words; and nothing is changed then.
#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let push = Push::new();
    let options = push.options();
    let wrong = options.set_max_frames(0).unwrap_err();
    assert_eq!(wrong.to_string(), said(|it| it.max_frames(0)));
    assert!(matches!(wrong, OptionError::Invalid(_)), "{wrong:?}");
    // Alone it could be; with the interval that is set it cannot.
    let second = Duration::from_secs(1);
    let wrong = options.set_heartbeat_ttl(second).unwrap_err();
    assert_eq!(wrong.to_string(), said(|it| it.heartbeat_ttl(second)));
    assert_eq!(options.heartbeat_ttl(), Some(Duration::from_secs(30)));
    options
        .set_heartbeat_interval(Duration::from_millis(500))
        .unwrap();
    options.set_heartbeat_ttl(second).unwrap();
    assert!(options.set_heartbeat_interval(second).is_err());
    assert_eq!(
        options.heartbeat_interval(),
        Some(Duration::from_millis(500))
    );
    let error: crate::Error = wrong.into();
    assert!(matches!(error, crate::Error::Option(_)), "{error:?}");
}

#[test]
fn what_does_not_apply_to_the_type_of_a_dynamic_socket_is_refused() {
    let socket = Socket::new(SocketType::Push);
    let wrong = socket.options().set_mandatory(true).unwrap_err();
    assert!(matches!(wrong, OptionError::Inapplicable(_)), "{wrong:?}");
    let built = Socket::builder(SocketType::Push).mandatory(true).build();
    assert_eq!(built.unwrap_err().to_string(), wrong.to_string());
    assert!(!socket.options().mandatory());
    let socket = Socket::from(Router::new());
    socket.options().set_mandatory(true).unwrap();
    assert!(Router::try_from(socket).unwrap().options().mandatory());
}

#[test]
fn conflate_is_changed_before_there_is_an_endpoint() {
    let home = crate::Context::builder().io_threads(0).build().unwrap();
    let pull = Pull::builder().context(&home).build().unwrap();
    pull.options().set_conflate(true).unwrap();
    pull.bind("inproc://newest").unwrap();
    let push = Push::builder().context(&home).build().unwrap();
    push.connect("inproc://newest").unwrap();
    for n in ["1", "2", "3"] {
        push.send(n).unwrap();
    }
    assert_eq!(pull.recv().unwrap(), "3");
    let late = push.options().set_conflate(true).unwrap_err();
    assert!(matches!(late, OptionError::Invalid(_)), "{late:?}");
    push.options().set_conflate(false).unwrap();
}

#[test]
fn one_setting_may_imply_another() {
    let options = |set: fn(Builder<XPub>) -> Builder<XPub>| {
        let socket = set(XPub::builder()).build().unwrap();
        let it = socket.options();
        [
            it.verbose(),
            it.verboser(),
            it.manual(),
            it.manual_last_value(),
        ]
    };
    assert_eq!(options(|it| it.verbose(true)), [true, false, false, false]);
    assert_eq!(options(|it| it.verboser(true)), [true, true, false, false]);
    assert_eq!(options(|it| it.manual(true)), [false, false, true, false]);
    assert_eq!(
        options(|it| it.manual_last_value(true)),
        [false, false, true, true]
    );
}

#[test]
fn what_was_set_is_what_is_read() {
    let s = Duration::from_secs;
    let push = Push::builder()
        .reconnect_stop([ReconnectStop::Refused, ReconnectStop::Refused])
        .tcp_keepalive(true)
        .tcp_keepalive_idle(s(7))
        .build()
        .unwrap();
    assert_eq!(push.options().reconnect_stop(), [ReconnectStop::Refused]);
    assert_eq!(push.options().tcp_keepalive(), Some(true));
    assert_eq!(push.options().tcp_keepalive_idle(), Some(s(7)));
    push.options().set_tcp_keepalive(None).unwrap();
    assert_eq!(push.options().tcp_keepalive(), None);
    let xpub = XPub::builder().welcome_message("hello").build().unwrap();
    assert_eq!(xpub.options().welcome_message(), Some("hello".into()));
    xpub.options().set_welcome_message("").unwrap();
    assert_eq!(xpub.options().welcome_message(), None);
    for linger in [
        Sub::new().options().linger(),
        XSub::new().options().linger(),
    ] {
        assert_eq!(linger, Some(s(5)));
    }
}

/// Options are dropped by whoever needs them last, under whatever lock.
#[test]
fn the_users_memory_is_not_kept() {
    struct Mine(std::sync::Arc<[u8]>);
    impl AsRef<[u8]> for Mine {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let memory: std::sync::Arc<[u8]> = vec![7; 10_000].into();
    let message = bytes::Bytes::from_owner(Mine(memory.clone()));
    let xpub = XPub::builder().welcome_message(message).build().unwrap();
    assert_eq!(std::sync::Arc::strong_count(&memory), 1);
    assert_eq!(xpub.options().welcome_message().unwrap(), *memory);
}

#[test]
fn a_timeout_too_long_to_be_counted_is_for_ever() {
    let timeouts = Timeouts::new(&Options {
        send_timeout: Some(Duration::MAX),
        recv_timeout: Some(Duration::from_nanos(1)),
        ..Options::default()
    });
    assert_eq!(timeouts.send(), None);
    assert_eq!(timeouts.recv(), Some(Duration::from_nanos(1)));
}
