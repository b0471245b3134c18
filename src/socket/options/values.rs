//! What the value of an option must be, and the reason why it cannot be otherwise.

use std::fmt::Display;
use std::time::Duration;

use crate::endpoint::{Address, Endpoint, EndpointError, TcpAddress};
use crate::frame::Frame;
use crate::message::Message;
use crate::network::Network;
use crate::routing_id::RoutingId;
use crate::transport::socks::SocksCredentials;
use crate::transport::tuning;

pub(super) fn milliseconds(time: Option<Duration>) -> Result<Option<Duration>, String> {
    match time {
        Some(time) if time < Duration::from_millis(1) => {
            Err("less than a millisecond cannot be (`None` is never)".to_owned())
        }
        _ => Ok(time),
    }
}

/// The kernel counts these in whole seconds, from 1 on.
pub(super) fn seconds(time: Option<Duration>) -> Result<Option<Duration>, String> {
    match time {
        Some(time) if time.as_secs() == 0 => Err("less than a second cannot be".to_owned()),
        _ => Ok(time),
    }
}

/// Less is all overhead, and more no batch.
pub(super) fn batch_size(bytes: Option<usize>) -> Result<Option<usize>, String> {
    match bytes {
        Some(bytes) if !(256..=64 << 20).contains(&bytes) => {
            Err("it must be 256 to 67,108,864 (`None` is adaptive)".to_owned())
        }
        _ => Ok(bytes),
    }
}

/// The largest number that the kernel takes for an option.
const KERNEL_MAX: u128 = i32::MAX as u128;

pub(super) fn user_timeout(time: Option<Duration>) -> Result<Option<Duration>, String> {
    if time.is_some_and(|time| !(1..=KERNEL_MAX).contains(&time.as_millis())) {
        return Err(format!(
            "it must be 1 to {KERNEL_MAX} ms (`None` is the system's)"
        ));
    }
    needs(tuning::HAS_USER_TIMEOUT, time, time.is_some())
}

pub(super) fn busy_poll(time: Option<Duration>) -> Result<Option<Duration>, String> {
    if time.is_some_and(|time| !(1..=KERNEL_MAX).contains(&time.as_micros())) {
        return Err(format!(
            "it must be 1 to {KERNEL_MAX} microseconds (`None` is the system's)"
        ));
    }
    needs(tuning::HAS_BUSY_POLL, time, time.is_some())
}

pub(super) fn packet_priority(priority: u32) -> Result<u32, String> {
    if i32::try_from(priority).is_err() {
        return Err(format!("it must be 0 to {KERNEL_MAX}"));
    }
    needs(tuning::HAS_PRIORITY, priority, priority != 0)
}

pub(super) fn device(name: String) -> Result<String, String> {
    // The kernel would take the part that fits, up to a zero, for the name.
    if name.is_empty() || name.len() > 15 || name.contains('\0') {
        return Err(format!(
            "{name:?} is no name of a device: 1 to 15 bytes without a zero"
        ));
    }
    needs(tuning::HAS_DEVICES, name, true)
}

/// An option is there on every system, so that programs are: a value that means something else than
/// the default is refused where the system cannot do it, rather than ignored.
pub(super) fn needs<V>(has: bool, value: V, wanted: bool) -> Result<V, String> {
    if wanted && !has {
        return Err("this operating system does not have it".to_owned());
    }
    Ok(value)
}

/// Reads `host:port`, which are as definite as those of an endpoint to connect to.
pub(super) fn host_and_port(text: &str) -> Result<TcpAddress, String> {
    let wrong = |error: EndpointError| format!("{text:?}: {}", error.kind());
    let endpoint: Endpoint = format!("tcp://{text}").parse().map_err(wrong)?;
    endpoint.check_connect().map_err(wrong)?;
    match endpoint.address() {
        Address::Tcp(tcp) if tcp.source.is_none() => Ok(tcp.clone()),
        _ => Err(format!("{text:?}: it is to be a host and a port")),
    }
}

pub(super) fn socks_credentials(
    (user, password): (&str, &str),
) -> Result<SocksCredentials, String> {
    SocksCredentials::new(user, password)
        .ok_or_else(|| "a user has 1 to 255 bytes, a password up to 255".to_owned())
}

/// A frame of a ZAP request would take more, but libzmq does not.
pub(super) fn zap_domain(domain: impl AsRef<str>) -> Result<String, String> {
    let domain = domain.as_ref();
    match domain.len() {
        0..=255 => Ok(domain.to_owned()),
        _ => Err("it has more than 255 bytes".to_owned()),
    }
}

pub(super) fn some_frames(frames: usize) -> Result<usize, String> {
    match frames {
        0 => Err("a message has at least one frame".to_owned()),
        _ => Ok(frames),
    }
}

pub(super) fn some_probes(probes: Option<u32>) -> Result<Option<u32>, String> {
    match probes {
        Some(0) => Err("0 probes cannot be".to_owned()),
        _ => Ok(probes),
    }
}

pub(super) fn property<'a>(name: &'a str, value: &'a [u8]) -> Result<(&'a str, &'a [u8]), String> {
    let is_said = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    if !name.starts_with("X-") || !name.bytes().all(is_said) || !(3..=255).contains(&name.len()) {
        return Err(format!(
            "{name:?} is no name: \"X-\" and 1 to 253 letters, digits or -_.+"
        ));
    }
    Ok((name, value))
}

pub(super) fn some_bytes(most: Option<usize>) -> Result<Option<usize>, String> {
    match most {
        Some(0) => Err("0 bytes cannot be (`None` is unlimited)".to_owned()),
        most => Ok(most),
    }
}

/// Who wants no connection at all does not bind.
pub(super) fn somebody(most: Option<usize>) -> Result<Option<usize>, String> {
    match most {
        Some(0) => Err("0 would let nobody in, for ever".to_owned()),
        _ => Ok(most),
    }
}

pub(super) fn some_handshakes(most: usize) -> Result<usize, String> {
    somebody(Some(most)).map(|_| most)
}

pub(super) fn network_of(text: impl AsRef<str>) -> Result<Network, String> {
    let text = text.as_ref();
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

pub(super) fn each<I, V>(
    items: impl IntoIterator<Item = I>,
    value: impl Fn(I) -> Result<V, String>,
) -> Result<Vec<V>, String> {
    items.into_iter().map(value).collect()
}

pub(super) fn own_id<I>(id: I) -> Result<RoutingId, String>
where
    I: TryInto<RoutingId, Error: Display>,
{
    match id.try_into() {
        Ok(id) if id.first() == Some(&0) => {
            Err("ids that begin with a zero byte are those that ROUTERs make up".to_owned())
        }
        Ok(id) => Ok(id),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn each_once<V: PartialEq>(values: impl IntoIterator<Item = V>) -> Vec<V> {
    let mut each = Vec::new();
    for value in values {
        if !each.contains(&value) {
            each.push(value);
        }
    }
    each
}

/// A copy: options are dropped wherever they are used last, where the user's memory must not be.
pub(super) fn unless_empty(message: impl Into<Message>) -> Option<Message> {
    let message = message.into();
    let frames = message.frames().map(|frame| Frame::copy_from_slice(frame));
    (message.byte_len() > 0 || message.len() > 1).then(|| frames.collect())
}
