//! The options of sockets, by their numbers: what libzmq takes and gives for each.
//!
//! libzmq has most options on every type of socket, whether they mean something there or not. What zocket
//! does not have on a type, because it would mean nothing, is remembered here and given back
//! ([`Shadow`]).

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::sync::atomic::Ordering;
use std::time::Duration;

use zocket::{Message, OptionError, ReconnectStop, RouterNotify, RoutingId, SocketType};

use crate::border::{Handle, answer};
use crate::errno::{EFAULT, EINVAL, Errno};
use crate::handles::lock;
use crate::memory;
use crate::security;
use crate::socket::{Entry, find, find_alive, number_of};

/// Options that a program has set where they mean nothing.
#[derive(Debug, Default)]
pub(crate) struct Shadow(HashMap<c_int, Value>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(i64),
    /// What is read with a length.
    Bytes(Vec<u8>),
    /// What is read with a zero behind it.
    Text(String),
}

impl From<OptionError> for Errno {
    fn from(_: OptionError) -> Self {
        EINVAL
    }
}

/// What a program gives for an option.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) bytes: &'a [u8],
    /// It is nothing, at no address: not the same as no bytes somewhere.
    pub(crate) is_none: bool,
}

impl<'a> Given<'a> {
    fn int(self) -> Result<c_int, Errno> {
        self.bytes
            .try_into()
            .map(c_int::from_ne_bytes)
            .map_err(|_| EINVAL)
    }

    pub(crate) fn bool(self) -> Result<bool, Errno> {
        match self.int()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(EINVAL),
        }
    }

    /// The same where anything else than 0 counts as 1.
    fn truth(self) -> Result<bool, Errno> {
        Ok(self.int()? != 0)
    }

    /// The same, but for what is negative.
    fn truth_above(self) -> Result<bool, Errno> {
        Ok(at_least(self.int()?, 0)? != 0)
    }

    fn count(self) -> Result<usize, Errno> {
        usize::try_from(self.int()?).map_err(|_| EINVAL)
    }

    fn u32(self) -> Result<u32, Errno> {
        u32::try_from(self.int()?).map_err(|_| EINVAL)
    }

    /// Milliseconds, where nothing below `least` may be.
    fn millis(self, least: c_int) -> Result<Option<Duration>, Errno> {
        let millis = self.int()?;
        if millis < least {
            return Err(EINVAL);
        }
        Ok(u64::try_from(millis).ok().map(Duration::from_millis))
    }

    /// The same, where 0 is none.
    fn some_millis(self, least: c_int) -> Result<Option<Duration>, Errno> {
        Ok(self.millis(least)?.filter(|time| !time.is_zero()))
    }

    fn text(self) -> Result<&'a str, Errno> {
        // Some count the zero behind it, some do not.
        let bytes = self.bytes.strip_suffix(b"\0").unwrap_or(self.bytes);
        std::str::from_utf8(bytes).map_err(|_| EINVAL)
    }

    fn is_nothing(self) -> bool {
        self.bytes.is_empty()
    }
}

fn number(value: impl TryInto<i64>) -> Value {
    Value::Number(value.try_into().unwrap_or(i64::MAX))
}

fn millis(time: Option<Duration>) -> Value {
    Value::Number(time.map_or(-1, |time| i64::try_from(time.as_millis()).unwrap_or(-1)))
}

/// The same where none is 0.
fn some_millis(time: Option<Duration>) -> Value {
    number(time.map_or(0, |time| time.as_millis()))
}

fn seconds(time: Option<Duration>) -> Value {
    Value::Number(time.map_or(-1, |time| i64::try_from(time.as_secs()).unwrap_or(-1)))
}

/// What libzmq has by default and gives back for options of what there is none of here: multicast and
/// VMCI.
const ELSEWHERE: &[(c_int, i64)] = &[
    (RATE, 100),
    (RECOVERY_IVL, 10_000),
    (MULTICAST_HOPS, 1),
    (MULTICAST_MAXTPDU, 1500),
    (MULTICAST_LOOP, 1),
    (LOOPBACK_FASTPATH, 0),
    (VMCI_BUFFER_SIZE, 65_546),
    (VMCI_BUFFER_MIN_SIZE, 128),
    (VMCI_BUFFER_MAX_SIZE, 262_144),
    (VMCI_CONNECT_TIMEOUT, -1),
];

impl Entry {
    fn set_option(&self, option: c_int, value: Given<'_>) -> Result<(), Errno> {
        match self.set_own(option, value) {
            // libzmq takes it, for nothing.
            Err(Refusal::Inapplicable) if is_for_all(option) => {
                let value = match option {
                    ROUTING_ID => Value::Bytes(value.bytes.to_vec()),
                    _ => Value::Number(value.int()?.into()),
                };
                lock(&self.shadow).0.insert(option, value);
                Ok(())
            }
            Err(Refusal::Inapplicable) => Err(EINVAL),
            Err(Refusal::Error(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }

    fn set_own(&self, option: c_int, value: Given<'_>) -> Result<(), Refusal> {
        let options = self.socket.options();
        match option {
            AFFINITY => {
                let bits = value
                    .bytes
                    .try_into()
                    .map(u64::from_ne_bytes)
                    .map_err(|_| EINVAL)?;
                let threads = (0..64).filter(|thread| bits >> thread & 1 == 1);
                // Threads that there are none of serve nobody.
                let known: Vec<usize> = threads.filter(|n| *n < self.io_threads()).collect();
                options.set_affinity(known)?;
                lock(&self.shadow)
                    .0
                    .insert(AFFINITY, Value::Number(bits.cast_signed()));
            }
            ROUTING_ID => {
                if value.bytes.is_empty()
                    || value.bytes.len() > 255
                    || value.bytes.first() == Some(&0)
                {
                    return Err(EINVAL.into());
                }
                options.set_routing_id(value.bytes)?;
            }
            SUBSCRIBE | UNSUBSCRIBE => {
                let is_publisher = self.socket_type == SocketType::XPub && options.manual();
                if self.socket_type != SocketType::Sub && !is_publisher {
                    return Err(EINVAL.into());
                }
                let outcome = if option == SUBSCRIBE {
                    self.socket.subscribe(value.bytes)
                } else {
                    self.socket.unsubscribe(value.bytes)
                };
                outcome.map_err(Errno::from)?;
            }
            SNDBUF => options.set_send_buffer(usize::try_from(at_least(value.int()?, -1)?).ok())?,
            RCVBUF => options.set_recv_buffer(usize::try_from(at_least(value.int()?, -1)?).ok())?,
            LINGER => options.set_linger(value.millis(-1)?)?,
            RECONNECT_IVL => options.set_reconnect_interval(value.some_millis(-1)?)?,
            RECONNECT_IVL_MAX => {
                options.set_reconnect_interval_max(value.millis(0)?.unwrap_or_default())?;
            }
            BACKLOG => options.set_backlog(value.u32()?)?,
            MAXMSGSIZE => {
                let bytes = value
                    .bytes
                    .try_into()
                    .map(i64::from_ne_bytes)
                    .map_err(|_| EINVAL)?;
                options.set_max_message_size(u64::try_from(bytes).ok())?;
            }
            SNDHWM => options.set_send_hwm(value.count()?)?,
            RCVHWM => options.set_recv_hwm(value.count()?)?,
            RCVTIMEO => options.set_recv_timeout(value.millis(-1)?)?,
            SNDTIMEO => options.set_send_timeout(value.millis(-1)?)?,
            IPV4ONLY => options.set_ipv6(!value.bool()?)?,
            IPV6 => options.set_ipv6(value.bool()?)?,
            ROUTER_MANDATORY => options.set_mandatory(value.truth_above()?)?,
            ROUTER_HANDOVER => options.set_handover(value.truth_above()?)?,
            TCP_KEEPALIVE => options.set_tcp_keepalive(match value.int()? {
                -1 => None,
                0 => Some(false),
                1 => Some(true),
                _ => return Err(EINVAL.into()),
            })?,
            TCP_KEEPALIVE_CNT => {
                options.set_tcp_keepalive_count(u32::try_from(at_least(value.int()?, -1)?).ok())?;
            }
            TCP_KEEPALIVE_IDLE => options.set_tcp_keepalive_idle(some_seconds(value)?)?,
            TCP_KEEPALIVE_INTVL => options.set_tcp_keepalive_interval(some_seconds(value)?)?,
            TCP_ACCEPT_FILTER => {
                if value.is_nothing() {
                    options.set_tcp_accept_filter(Vec::<String>::new())?;
                } else {
                    let mut networks = options.tcp_accept_filter();
                    networks.push(value.text()?.to_owned());
                    options.set_tcp_accept_filter(networks)?;
                }
            }
            IPC_FILTER_PID | IPC_FILTER_UID | IPC_FILTER_GID => self.filter(option, value)?,
            IMMEDIATE => options.set_immediate(value.bool()?)?,
            XPUB_VERBOSE => options.set_verbose(value.truth_above()?)?,
            XPUB_VERBOSER => options.set_verboser(value.truth_above()?)?,
            XPUB_NODROP => options.set_nodrop(value.truth_above()?)?,
            XPUB_MANUAL => options.set_manual(value.truth_above()?)?,
            XPUB_MANUAL_LAST_VALUE => options.set_manual_last_value(value.truth_above()?)?,
            XPUB_WELCOME_MSG => options.set_welcome_message(value.bytes)?,
            XSUB_VERBOSE_UNSUBSCRIBE => options.set_verbose_unsubscribe(value.truth_above()?)?,
            ONLY_FIRST_SUBSCRIBE => options.set_only_first_subscribe(value.truth_above()?)?,
            INVERT_MATCHING => options.set_invert_matching(value.truth()?)?,
            PROBE_ROUTER => options.set_probe_router(value.truth_above()?)?,
            REQ_CORRELATE => options.set_correlate(value.truth_above()?)?,
            REQ_RELAXED => options.set_relaxed(value.truth_above()?)?,
            CONFLATE => self.set_conflate(value.bool()?)?,
            TOS => options.set_type_of_service(u8::try_from(value.int()?).map_err(|_| EINVAL)?)?,
            PRIORITY => options.set_priority(value.u32()?)?,
            BUSY_POLL => {
                let time = Duration::from_micros(value.u32()?.into());
                options.set_busy_poll((!time.is_zero()).then_some(time))?;
            }
            CONNECT_ROUTING_ID => {
                if self.socket_type != SocketType::Router || value.bytes.first() == Some(&0) {
                    return Err(EINVAL.into());
                }
                let id = RoutingId::new(value.bytes).ok_or(EINVAL)?;
                *lock(&self.next_id) = Some(id);
            }
            ROUTER_NOTIFY => options.set_notify(match value.int()? {
                0 => RouterNotify::NONE,
                1 => RouterNotify::CONNECT,
                2 => RouterNotify::DISCONNECT,
                3 => RouterNotify::CONNECT | RouterNotify::DISCONNECT,
                _ => return Err(EINVAL.into()),
            })?,
            RECONNECT_STOP => options.set_reconnect_stop(stops(value.int()?)?)?,
            HELLO_MSG => options.set_hello_message(Message::from(value.bytes))?,
            DISCONNECT_MSG => options.set_disconnect_message(Message::from(value.bytes))?,
            HICCUP_MSG => options.set_hiccup_message(Message::from(value.bytes))?,
            HANDSHAKE_IVL => options.set_handshake_timeout(value.some_millis(0)?)?,
            CONNECT_TIMEOUT => options.set_connect_timeout(value.some_millis(0)?)?,
            TCP_MAXRT => options.set_tcp_user_timeout(value.some_millis(0)?)?,
            HEARTBEAT_IVL => options.set_heartbeat_interval(value.some_millis(0)?)?,
            HEARTBEAT_TIMEOUT => options.set_heartbeat_timeout(value.some_millis(0)?)?,
            HEARTBEAT_TTL => {
                let ttl = value.some_millis(0)?;
                if ttl.is_some_and(|ttl| ttl > Duration::from_millis(6_553_599)) {
                    return Err(EINVAL.into());
                }
                // Told in tenths of a second: less is none.
                let tenths = ttl.map_or(0, |ttl| ttl.as_millis() / 100 * 100);
                let ttl = u64::try_from(tenths).ok().filter(|millis| *millis > 0);
                options.set_heartbeat_ttl(ttl.map(Duration::from_millis))?;
            }
            USE_FD => self
                .use_fd
                .store(at_least(value.int()?, -1)?, Ordering::Release),
            SOCKS_PROXY => {
                let proxy = value.text()?;
                options.set_socks_proxy((!proxy.is_empty()).then_some(proxy))?;
            }
            SOCKS_USERNAME | SOCKS_PASSWORD => self.set_socks_credential(option, value.text()?)?,
            BINDTODEVICE => {
                options.set_bind_to_device(value.text()?)?;
            }
            METADATA => {
                let (name, said) = value.text()?.split_once(':').ok_or(EINVAL)?;
                options.set_metadata(name, said)?;
            }
            IN_BATCH_SIZE => options.set_in_batch_size(batch(value)?)?,
            OUT_BATCH_SIZE => options.set_out_batch_size(batch(value)?)?,
            ZAP_DOMAIN => {
                if value.is_nothing() && !value.is_none {
                    return Err(EINVAL.into());
                }
                let domain = str::from_utf8(value.bytes).map_err(|_| EINVAL)?;
                options.set_zap_domain(domain)?;
            }
            // Any number but 0 is yes here.
            ZAP_ENFORCE_DOMAIN => options.set_zap_enforce_domain(value.int()? != 0)?,
            _ if security::is_about(option) => {
                // Nobody else's comes in between.
                let mut credentials = lock(&self.credentials);
                options.set_security(credentials.set(option, value)?)?;
            }
            _ if ELSEWHERE.iter().any(|(known, _)| *known == option) => {
                let value = match value.bytes.len() {
                    8 => value.bytes.try_into().map(i64::from_ne_bytes).unwrap_or(0),
                    _ => at_least(value.int()?, least_of(option))?.into(),
                };
                lock(&self.shadow).0.insert(option, Value::Number(value));
            }
            _ => return Err(EINVAL.into()),
        }
        Ok(())
    }

    fn io_threads(&self) -> usize {
        self.home
            .context()
            .map_or(1, |context| context.io_threads())
    }

    fn filter(&self, option: c_int, value: Given<'_>) -> Result<(), Refusal> {
        let options = self.socket.options();
        let with = |mut known: Vec<u32>| -> Result<Vec<u32>, Errno> {
            if value.is_nothing() {
                return Ok(Vec::new());
            }
            known.push(value.int()?.cast_unsigned());
            Ok(known)
        };
        match option {
            IPC_FILTER_PID => options.set_ipc_allow_pid(with(options.ipc_allow_pid())?)?,
            IPC_FILTER_UID => options.set_ipc_allow_uid(with(options.ipc_allow_uid())?)?,
            _ => options.set_ipc_allow_gid(with(options.ipc_allow_gid())?)?,
        }
        Ok(())
    }

    /// They come one by one, and count together: who has no name says nothing.
    fn set_socks_credential(&self, option: c_int, text: &str) -> Result<(), Refusal> {
        if text.len() > 255 {
            return Err(EINVAL.into());
        }
        let mut shadow = lock(&self.shadow);
        shadow.0.insert(option, Value::Text(text.to_owned()));
        let known = |option| match shadow.0.get(&option) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        };
        let (user, password) = (known(SOCKS_USERNAME), known(SOCKS_PASSWORD));
        drop(shadow);
        let both = (!user.is_empty()).then_some((user.as_str(), password.as_str()));
        Ok(self.socket.options().set_socks_credentials(both)?)
    }

    fn set_conflate(&self, on: bool) -> Result<(), Refusal> {
        let options = self.socket.options();
        match options.set_conflate(on) {
            // It counts from the next endpoint on in libzmq, and from the first here.
            Err(OptionError::Invalid(_)) => Err(EINVAL.into()),
            outcome => Ok(outcome?),
        }
    }

    fn option(&self, option: c_int) -> Result<Value, Errno> {
        if let Some(value) = lock(&self.shadow).0.get(&option) {
            return Ok(value.clone());
        }
        let options = self.socket.options();
        Ok(match option {
            AFFINITY => number(0),
            ROUTING_ID => {
                let id = options.routing_id();
                Value::Bytes(id.map(|id| id.as_slice().to_vec()).unwrap_or_default())
            }
            SNDBUF => options.send_buffer().map_or(Value::Number(-1), number),
            RCVBUF => options.recv_buffer().map_or(Value::Number(-1), number),
            RCVMORE => number(self.more.load(Ordering::Acquire)),
            FD => number(self.descriptor()?),
            EVENTS => number(self.events()),
            TYPE => number(number_of(self.socket_type)),
            LINGER => millis(options.linger()),
            RECONNECT_IVL => millis(options.reconnect_interval()),
            RECONNECT_IVL_MAX => number(options.reconnect_interval_max().as_millis()),
            BACKLOG => number(options.backlog()),
            MAXMSGSIZE => options.max_message_size().map_or(Value::Number(-1), number),
            SNDHWM => number(options.send_hwm()),
            RCVHWM => number(options.recv_hwm()),
            RCVTIMEO => millis(options.recv_timeout()),
            SNDTIMEO => millis(options.send_timeout()),
            IPV4ONLY => number(!options.ipv6()),
            IPV6 => number(options.ipv6()),
            LAST_ENDPOINT => {
                let endpoint = self.socket.last_endpoint();
                Value::Text(endpoint.map(|it| it.to_string()).unwrap_or_default())
            }
            TCP_KEEPALIVE => options.tcp_keepalive().map_or(Value::Number(-1), number),
            TCP_KEEPALIVE_CNT => options
                .tcp_keepalive_count()
                .map_or(Value::Number(-1), number),
            TCP_KEEPALIVE_IDLE => seconds(options.tcp_keepalive_idle()),
            TCP_KEEPALIVE_INTVL => seconds(options.tcp_keepalive_interval()),
            IMMEDIATE => number(options.immediate()),
            INVERT_MATCHING => number(options.invert_matching()),
            CONFLATE => number(options.conflate()),
            ZAP_DOMAIN => Value::Text(options.zap_domain()),
            ZAP_ENFORCE_DOMAIN => number(options.zap_enforce_domain()),
            SOCKS_USERNAME | SOCKS_PASSWORD => Value::Text(String::new()),
            TOS => number(options.type_of_service()),
            PRIORITY => number(options.priority()),
            BUSY_POLL => number(options.busy_poll().map_or(0, |time| time.as_micros())),
            ROUTER_NOTIFY => number(match options.notify() {
                RouterNotify::NONE => 0,
                RouterNotify::CONNECT => 1,
                RouterNotify::DISCONNECT => 2,
                _ => 3,
            }),
            RECONNECT_STOP => number(
                options
                    .reconnect_stop()
                    .into_iter()
                    .map(bit_of)
                    .fold(0, |all, one| all | one),
            ),
            HANDSHAKE_IVL => some_millis(options.handshake_timeout()),
            CONNECT_TIMEOUT => some_millis(options.connect_timeout()),
            TCP_MAXRT => some_millis(options.tcp_user_timeout()),
            HEARTBEAT_IVL => some_millis(options.heartbeat_interval()),
            HEARTBEAT_TTL => some_millis(options.heartbeat_ttl()),
            HEARTBEAT_TIMEOUT => millis(options.heartbeat_timeout()),
            THREAD_SAFE => number(0),
            USE_FD => number(self.use_fd.load(Ordering::Acquire)),
            SOCKS_PROXY => Value::Text(options.socks_proxy().unwrap_or_default()),
            BINDTODEVICE => Value::Text(options.bind_to_device().unwrap_or_default()),
            IN_BATCH_SIZE => number(options.in_batch_size().unwrap_or(8192)),
            OUT_BATCH_SIZE => number(options.out_batch_size().unwrap_or(8192)),
            TOPICS_COUNT if publishes(self.socket_type) => number(self.socket.topics_count()),
            _ => {
                let known = ELSEWHERE.iter().find(|(known, _)| *known == option);
                return known.map(|(_, value)| Value::Number(*value)).ok_or(EINVAL);
            }
        })
    }
}

/// Why an option was not set.
enum Refusal {
    /// The type has no use for it.
    Inapplicable,
    Error(Errno),
}

impl From<Errno> for Refusal {
    fn from(error: Errno) -> Self {
        Self::Error(error)
    }
}

impl From<OptionError> for Refusal {
    fn from(error: OptionError) -> Self {
        match error {
            OptionError::Inapplicable(_) => Self::Inapplicable,
            _ => Self::Error(EINVAL),
        }
    }
}

/// Whether libzmq takes an option on every type.
fn is_for_all(option: c_int) -> bool {
    matches!(
        option,
        ROUTING_ID
            | SNDHWM
            | RCVHWM
            | SNDTIMEO
            | RCVTIMEO
            | CONFLATE
            | INVERT_MATCHING
            | SNDBUF
            | RCVBUF
    )
}

/// Whether libzmq tells nothing, which takes all back, from an empty text, which is a wrong one.
fn is_taken_back_by_null(option: c_int) -> bool {
    matches!(
        option,
        SOCKS_PROXY
            | TCP_ACCEPT_FILTER
            | IPC_FILTER_PID
            | IPC_FILTER_UID
            | IPC_FILTER_GID
            | BINDTODEVICE
    )
}

fn publishes(socket_type: SocketType) -> bool {
    matches!(
        socket_type,
        SocketType::Pub | SocketType::XPub | SocketType::Sub | SocketType::XSub
    )
}

fn at_least(value: c_int, least: c_int) -> Result<c_int, Errno> {
    if value < least {
        Err(EINVAL)
    } else {
        Ok(value)
    }
}

fn least_of(option: c_int) -> c_int {
    match option {
        RATE | MULTICAST_HOPS | MULTICAST_MAXTPDU => 1,
        VMCI_CONNECT_TIMEOUT => -1,
        _ => 0,
    }
}

fn some_seconds(value: Given<'_>) -> Result<Option<Duration>, Errno> {
    let seconds = at_least(value.int()?, -1)?;
    Ok(u64::try_from(seconds).ok().map(Duration::from_secs))
}

/// zocket takes no batch of less than 256 bytes: what is smaller is that.
fn batch(value: Given<'_>) -> Result<Option<usize>, Errno> {
    match value.count()? {
        0 => Err(EINVAL),
        bytes => Ok(Some(bytes.clamp(256, 64 << 20))),
    }
}

const STOPS: [(c_int, ReconnectStop); 3] = [
    (1, ReconnectStop::Refused),
    (2, ReconnectStop::HandshakeFailed),
    (4, ReconnectStop::AfterDisconnect),
];

fn stops(bits: c_int) -> Result<Vec<ReconnectStop>, Errno> {
    if !(0..=7).contains(&bits) {
        return Err(EINVAL);
    }
    let asked = STOPS.into_iter().filter(|(bit, _)| bits & bit != 0);
    Ok(asked.map(|(_, stop)| stop).collect())
}

fn bit_of(stop: ReconnectStop) -> c_int {
    let known = STOPS.into_iter().find(|(_, known)| *known == stop);
    known.map_or(0, |(bit, _)| bit)
}

/// Options whose number takes eight bytes.
fn is_wide(option: c_int) -> bool {
    matches!(
        option,
        AFFINITY | MAXMSGSIZE | VMCI_BUFFER_SIZE | VMCI_BUFFER_MIN_SIZE | VMCI_BUFFER_MAX_SIZE
    )
}

#[unsafe(no_mangle)]
extern "C" fn zmq_setsockopt(
    socket: Handle,
    option: c_int,
    value: *const c_void,
    size: usize,
) -> c_int {
    answer(|| {
        let entry = find_alive(socket)?;
        if size == 0 && !value.is_null() && is_taken_back_by_null(option) {
            return Err(EINVAL);
        }
        let is_none = value.is_null() && size == 0;
        let size = if value.is_null() { 0 } else { size };
        // SAFETY: the program says that so many bytes are there, or that nothing is.
        let bytes = unsafe { memory::bytes(value, size) }?;
        let given = Given { bytes, is_none };
        entry.set_option(option, given).map(|()| 0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_getsockopt(
    socket: Handle,
    option: c_int,
    value: *mut c_void,
    size: *mut usize,
) -> c_int {
    answer(|| {
        let entry = find(socket)?;
        entry.check()?;
        if value.is_null() || size.is_null() {
            return Err(EFAULT);
        }
        // SAFETY: it is not null; the program says there how much room there is.
        let room = unsafe { size.read_unaligned() };
        let wide;
        let narrow;
        let mut bytes;
        let credential;
        if security::is_about(option) {
            credential = lock(&entry.credentials).get(option, room)?;
            // SAFETY: as below.
            return unsafe { give(&credential, value, room, size) };
        }
        let found: &[u8] = match entry.option(option)? {
            Value::Number(number) if is_wide(option) => {
                wide = number.to_ne_bytes();
                &wide
            }
            Value::Number(number) => {
                narrow = c_int::try_from(number).unwrap_or(c_int::MAX).to_ne_bytes();
                &narrow
            }
            Value::Bytes(found) => {
                bytes = found;
                &bytes
            }
            Value::Text(text) => {
                bytes = text.into_bytes();
                bytes.push(0);
                &bytes
            }
        };
        // SAFETY: there is room for as many bytes as the program says, and it says where.
        unsafe { give(found, value, room, size) }
    })
}

/// Puts a value where there has to be room for it, and its size.
///
/// # Safety
///
/// As of [`memory::copy_out`] and [`memory::put`].
unsafe fn give(
    found: &[u8],
    value: *mut c_void,
    room: usize,
    size: *mut usize,
) -> Result<c_int, Errno> {
    if room < found.len() {
        return Err(EINVAL);
    }
    // SAFETY: the caller promises it.
    unsafe {
        memory::copy_out(found, value, room)?;
        // A program with a wider number than the option's reads the same in it.
        memory::clear(value.wrapping_byte_add(found.len()), room - found.len());
        memory::put(size, found.len());
    }
    Ok(0)
}

macro_rules! numbers {
    ($($name:ident = $number:literal),* $(,)?) => {
        $(pub(crate) const $name: c_int = $number;)*
    };
}

numbers! {
    AFFINITY = 4, ROUTING_ID = 5, SUBSCRIBE = 6, UNSUBSCRIBE = 7, RATE = 8, RECOVERY_IVL = 9,
    SNDBUF = 11, RCVBUF = 12, RCVMORE = 13, FD = 14, EVENTS = 15, TYPE = 16, LINGER = 17,
    RECONNECT_IVL = 18, BACKLOG = 19, RECONNECT_IVL_MAX = 21, MAXMSGSIZE = 22, SNDHWM = 23,
    RCVHWM = 24, MULTICAST_HOPS = 25, RCVTIMEO = 27, SNDTIMEO = 28, IPV4ONLY = 31,
    LAST_ENDPOINT = 32, ROUTER_MANDATORY = 33, TCP_KEEPALIVE = 34, TCP_KEEPALIVE_CNT = 35,
    TCP_KEEPALIVE_IDLE = 36, TCP_KEEPALIVE_INTVL = 37, TCP_ACCEPT_FILTER = 38, IMMEDIATE = 39,
    XPUB_VERBOSE = 40, IPV6 = 42, MECHANISM = 43, PLAIN_SERVER = 44, PLAIN_USERNAME = 45,
    PLAIN_PASSWORD = 46, CURVE_SERVER = 47, CURVE_PUBLICKEY = 48, CURVE_SECRETKEY = 49, CURVE_SERVERKEY = 50, PROBE_ROUTER = 51, REQ_CORRELATE = 52, REQ_RELAXED = 53,
    CONFLATE = 54, ZAP_DOMAIN = 55, ROUTER_HANDOVER = 56, TOS = 57, IPC_FILTER_PID = 58,
    IPC_FILTER_UID = 59, IPC_FILTER_GID = 60, CONNECT_ROUTING_ID = 61, HANDSHAKE_IVL = 66,
    SOCKS_PROXY = 68, XPUB_NODROP = 69, XPUB_MANUAL = 71, XPUB_WELCOME_MSG = 72,
    INVERT_MATCHING = 74, HEARTBEAT_IVL = 75, HEARTBEAT_TTL = 76, HEARTBEAT_TIMEOUT = 77,
    XPUB_VERBOSER = 78, CONNECT_TIMEOUT = 79, TCP_MAXRT = 80, THREAD_SAFE = 81,
    MULTICAST_MAXTPDU = 84, VMCI_BUFFER_SIZE = 85, VMCI_BUFFER_MIN_SIZE = 86,
    VMCI_BUFFER_MAX_SIZE = 87, VMCI_CONNECT_TIMEOUT = 88, USE_FD = 89, BINDTODEVICE = 92,
    ZAP_ENFORCE_DOMAIN = 93, LOOPBACK_FASTPATH = 94, METADATA = 95, MULTICAST_LOOP = 96, ROUTER_NOTIFY = 97, XPUB_MANUAL_LAST_VALUE = 98,
    SOCKS_USERNAME = 99, SOCKS_PASSWORD = 100,
    IN_BATCH_SIZE = 101, OUT_BATCH_SIZE = 102, ONLY_FIRST_SUBSCRIBE = 108, RECONNECT_STOP = 109,
    HELLO_MSG = 110, DISCONNECT_MSG = 111, PRIORITY = 112, BUSY_POLL = 113, HICCUP_MSG = 114,
    XSUB_VERBOSE_UNSUBSCRIBE = 115, TOPICS_COUNT = 116,
}
