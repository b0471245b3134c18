//! `zmq_msg_t`: 64 bytes that a program allocates and knows nothing of, which are one of ours.
//!
//! ```text
//!            init          ┌───────────── Inline: up to 33 bytes, in the message itself
//!   nothing ──────► a body ┼───────────── Received: as it came, until somebody asks where it is
//!      ▲   close           ├───────────── Owned: memory of this message alone
//!      └────────────────── └───────────── Shared: of several, or the program's own with its function to
//!                                         free it, which is called once, by whoever is the last
//! ```
//!
//! Where a program has been told that the bytes are, they stay until it closes the message, as in
//! libzmq: what is copied is shared from then on, not moved. And it may write there.

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use zocket::{Frame, PeerInfo};

use crate::border::{answer, answer_or};
use crate::errno::{EFAULT, EINVAL, ENOMEM, Errno};
use crate::memory;
use crate::receive::Part;

/// What C sees of a message.
#[repr(C)]
pub(crate) struct RawMsg {
    _bytes: [usize; 64 / size_of::<usize>()],
}

/// What it is.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Msg {
    /// Says that it is one: memory that was not initialised, or was closed, is something else.
    tag: u32,
    more: bool,
    peer: Option<PeerInfo>,
    /// Those that the program was told where they are.
    texts: Option<Box<Texts>>,
    body: Body,
}

const _: () = assert!(size_of::<Msg>() == size_of::<RawMsg>() && size_of::<RawMsg>() == 64);
const _: () = assert!(align_of::<Msg>() <= align_of::<RawMsg>());

const TAG: u32 = 0x5a6d_7367;
const CLOSED: u32 = 0x5a64_6561;

/// How many bytes a message has room for in itself.
const INLINE_MAX: usize = 33;

/// By their names.
#[derive(Debug, Default)]
struct Texts(Vec<(String, CString)>);

#[derive(Debug)]
enum Body {
    Inline { size: u8, data: [u8; INLINE_MAX] },
    Received(Bytes),
    Owned(BytesMut),
    Shared(Arc<Content>),
}

/// Memory that several messages have, and sockets that send it.
#[derive(Debug)]
struct Content {
    at: *mut u8,
    size: usize,
    owner: Owner,
}

#[derive(Debug)]
enum Owner {
    /// Memory of ours, which is at `at`.
    Ours(#[expect(dead_code, reason = "it is reached by its address")] BytesMut),
    /// The program's, and how it is to be freed.
    Foreign(Option<FreeFn>, *mut c_void),
}

/// Frees what a message was made of; any thread may call it.
type FreeFn = unsafe extern "C" fn(*mut c_void, *mut c_void);

// SAFETY: it is memory and a function of which the program has said, by giving them away, that any thread
// may use them; nothing of it changes here.
unsafe impl Send for Content {}
// SAFETY: as above. That the program does not write what a socket sends is its own duty, as with libzmq.
unsafe impl Sync for Content {}

impl Drop for Content {
    fn drop(&mut self) {
        if let Owner::Foreign(Some(free), hint) = self.owner {
            // SAFETY: the program gave the function for this memory, and here is the last that had it.
            unsafe { free(self.at.cast(), hint) };
        }
    }
}

impl Content {
    fn bytes(&self) -> &[u8] {
        if self.size == 0 {
            return &[];
        }
        // SAFETY: so many bytes are there as long as the owner is, which is in here.
        unsafe { std::slice::from_raw_parts(self.at, self.size) }
    }
}

/// As what a frame is made of.
struct Holding(Arc<Content>);

impl AsRef<[u8]> for Holding {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl Msg {
    /// The message at an address.
    ///
    /// # Safety
    ///
    /// Unless it is null, 64 bytes are there, aligned as `zmq_msg_t` is, that are nobody else's as long
    /// as the reference is used; and if they have our tag, one of our functions has put it there, and the
    /// rest, and nobody else has written there.
    pub(crate) unsafe fn at<'a>(at: *mut RawMsg) -> Result<&'a mut Self, Errno> {
        let at = at.cast::<Self>();
        if at.is_null() || !at.is_aligned() {
            return Err(EFAULT);
        }
        // SAFETY: it is neither null nor crooked, and the caller promises that it can be read. Any four
        // bytes are a number.
        let tag = unsafe { (&raw const (*at).tag).read() };
        if tag != TAG {
            return Err(EFAULT);
        }
        // SAFETY: with the tag the whole was written by one of our functions.
        Ok(unsafe { &mut *at })
    }

    /// Puts a message where there is none.
    ///
    /// # Safety
    ///
    /// As [`at`](Self::at), but whatever is there is overwritten.
    unsafe fn put(self, at: *mut RawMsg) -> Result<c_int, Errno> {
        let at = at.cast::<Self>();
        if at.is_null() || !at.is_aligned() {
            return Err(EFAULT);
        }
        // SAFETY: it is neither null nor crooked, and the caller promises the rest.
        unsafe { at.write(self) };
        Ok(0)
    }

    pub(crate) fn empty() -> Self {
        Self::of(Body::Inline {
            size: 0,
            data: [0; INLINE_MAX],
        })
    }

    fn of(body: Body) -> Self {
        Self {
            tag: TAG,
            more: false,
            peer: None,
            texts: None,
            body,
        }
    }

    /// One of so many bytes, all zero.
    fn sized(size: usize) -> Result<Self, Errno> {
        if size <= INLINE_MAX {
            return Ok(Self::inline(&[0; INLINE_MAX][..size]));
        }
        // A program may well ask for more than there is, and is to be told so.
        let mut memory = Vec::new();
        memory.try_reserve_exact(size).map_err(|_| ENOMEM)?;
        memory.resize(size, 0);
        Ok(Self::of(Body::Owned(BytesMut::from(Bytes::from(memory)))))
    }

    /// One of these bytes, of which there is room for in itself.
    fn inline(bytes: &[u8]) -> Self {
        let mut data = [0; INLINE_MAX];
        data[..bytes.len()].copy_from_slice(bytes);
        Self::of(Body::Inline {
            size: u8::try_from(bytes.len()).unwrap_or_default(),
            data,
        })
    }

    /// A part that has arrived.
    pub(crate) fn received(part: Part) -> Self {
        let mut msg = if part.frame.len() <= INLINE_MAX {
            Self::inline(&part.frame)
        } else {
            Self::of(Body::Received(part.frame.into_bytes()))
        };
        msg.more = part.more;
        msg.peer = part.peer;
        msg
    }

    pub(crate) fn len(&self) -> usize {
        match &self.body {
            Body::Inline { size, .. } => usize::from(*size),
            Body::Received(bytes) => bytes.len(),
            Body::Owned(bytes) => bytes.len(),
            Body::Shared(content) => content.size,
        }
    }

    /// Where the bytes are, to be read and written.
    fn data(&mut self) -> *mut u8 {
        if let Body::Received(bytes) = &mut self.body {
            // What other messages came with in one piece is theirs, too.
            let own = std::mem::take(bytes).try_into_mut();
            self.body = Body::Owned(own.unwrap_or_else(|bytes| BytesMut::from(&bytes[..])));
        }
        match &mut self.body {
            Body::Inline { data, .. } => data.as_mut_ptr(),
            Body::Received(_) => std::ptr::null_mut(),
            Body::Owned(bytes) => bytes.as_mut_ptr(),
            Body::Shared(content) => content.at,
        }
    }

    /// What a socket sends for it. The message stays what it is, with its bytes where they are, until
    /// that has succeeded.
    pub(crate) fn frame_to_send(&mut self) -> Frame {
        if let Body::Owned(bytes) = &mut self.body {
            // Nothing moves: it is that memory again when nobody else has it.
            self.body = Body::Received(std::mem::take(bytes).freeze());
        }
        match &self.body {
            Body::Inline { size, data } => Frame::copy_from_slice(&data[..usize::from(*size)]),
            Body::Received(bytes) => bytes.clone().into(),
            Body::Shared(content) => {
                let bytes = Bytes::from_owner(Holding(content.clone()));
                match content.owner {
                    // Who gives a function is to be called when it was sent, and not before.
                    Owner::Foreign(Some(_), _) => Frame::in_place(bytes),
                    _ => bytes.into(),
                }
            }
            // It is the one above.
            Body::Owned(bytes) => Frame::copy_from_slice(bytes),
        }
    }

    /// Has its memory become one of several messages'; `None` where it is copied instead.
    fn share(&mut self) -> Option<Arc<Content>> {
        if let Body::Owned(bytes) = &mut self.body {
            let mut owned = std::mem::take(bytes);
            let content = Content {
                at: owned.as_mut_ptr(),
                size: owned.len(),
                // Moving it does not move the bytes.
                owner: Owner::Ours(owned),
            };
            self.body = Body::Shared(Arc::new(content));
        }
        match &self.body {
            Body::Shared(content) => Some(content.clone()),
            _ => None,
        }
    }

    fn copy(&mut self) -> Self {
        if matches!(self.body, Body::Received(_)) {
            self.data();
        }
        let mut copy = match (self.share(), &self.body) {
            (Some(content), _) => Self::of(Body::Shared(content)),
            (None, Body::Inline { size, data }) => Self::inline(&data[..usize::from(*size)]),
            // All else was shared just now.
            (None, _) => Self::empty(),
        };
        copy.more = self.more;
        copy.peer = self.peer.clone();
        copy
    }

    /// Where a text is that is known of it, which stays there as long as the message.
    fn text(&mut self, name: &str) -> Option<*const c_char> {
        let known = |texts: &Texts| {
            let known = texts.0.iter().find(|(known, _)| known == name)?;
            Some(known.1.as_ptr())
        };
        if let Some(known) = self.texts.as_deref().and_then(known) {
            return Some(known);
        }
        let mut text = self.property(name)?;
        // A text in C ends there.
        text.truncate(
            text.iter()
                .position(|byte| *byte == 0)
                .unwrap_or(text.len()),
        );
        let text = CString::new(text).ok()?;
        let at = text.as_ptr();
        self.texts
            .get_or_insert_default()
            .0
            .push((name.to_owned(), text));
        Some(at)
    }

    /// A text that is known of it.
    fn property(&self, name: &str) -> Option<Vec<u8>> {
        let peer = self.peer.as_ref()?;
        Some(match name {
            "Socket-Type" => peer.socket_type().as_str().into(),
            "Peer-Address" => {
                let address = peer.address();
                address
                    .split_once("://")
                    .map_or(address, |(_, rest)| rest)
                    .into()
            }
            "Routing-Id" | "Identity" => {
                let id = peer
                    .routing_id()
                    .filter(|id| id.as_slice().first() != Some(&0));
                id.map(|id| id.as_slice().to_vec()).unwrap_or_default()
            }
            "User-Id" => peer.user_id()?.into(),
            // Whoever let it in has the say; then it speaks for itself.
            _ => peer.user_property(name).or(peer.property(name))?.to_vec(),
        })
    }
}

const MORE: c_int = 1;
const SRCFD: c_int = 2;
const SHARED: c_int = 3;

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_init(msg: *mut RawMsg) -> c_int {
    // SAFETY: the program has a `zmq_msg_t` there that it does not use yet, or null.
    answer(|| unsafe { Msg::empty().put(msg) })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_init_size(msg: *mut RawMsg, size: usize) -> c_int {
    // SAFETY: as in `zmq_msg_init`.
    answer(|| unsafe { Msg::sized(size)?.put(msg) })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_init_data(
    msg: *mut RawMsg,
    data: *mut c_void,
    size: usize,
    free: Option<FreeFn>,
    hint: *mut c_void,
) -> c_int {
    answer(|| {
        if msg.is_null() || data.is_null() && size > 0 {
            return Err(EFAULT);
        }
        let content = Content {
            at: data.cast(),
            size,
            owner: Owner::Foreign(free, hint),
        };
        // SAFETY: as in `zmq_msg_init`.
        unsafe { Msg::of(Body::Shared(Arc::new(content))).put(msg) }
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_init_buffer(msg: *mut RawMsg, data: *const c_void, size: usize) -> c_int {
    answer(|| {
        // SAFETY: the program says that so many bytes are there.
        let bytes = unsafe { memory::bytes(data, size) }?;
        let mut new = Msg::sized(size)?;
        // SAFETY: it was made with room for as many.
        unsafe { memory::copy_out(bytes, new.data().cast(), size)? };
        // SAFETY: as in `zmq_msg_init`.
        unsafe { new.put(msg) }
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_close(msg: *mut RawMsg) -> c_int {
    answer(|| {
        // SAFETY: it is a message of the program's, or null, and nobody else uses it meanwhile.
        let msg = unsafe { Msg::at(msg) }?;
        drop(std::mem::replace(msg, Msg::empty()));
        msg.tag = CLOSED;
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_move(to: *mut RawMsg, from: *mut RawMsg) -> c_int {
    answer(|| {
        if to == from {
            // SAFETY: as in `zmq_msg_close`.
            return unsafe { Msg::at(to) }.map(|_| 0);
        }
        // SAFETY: as in `zmq_msg_close`; they are two.
        let (to, from) = unsafe { (Msg::at(to)?, Msg::at(from)?) };
        *to = std::mem::replace(from, Msg::empty());
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_copy(to: *mut RawMsg, from: *mut RawMsg) -> c_int {
    answer(|| {
        if to == from {
            // SAFETY: as in `zmq_msg_close`.
            return unsafe { Msg::at(to) }.map(|_| 0);
        }
        // SAFETY: as in `zmq_msg_close`; they are two.
        let (to, from) = unsafe { (Msg::at(to)?, Msg::at(from)?) };
        *to = from.copy();
        Ok(0)
    })
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_data(msg: *mut RawMsg) -> *mut c_void {
    // SAFETY: as in `zmq_msg_close`.
    answer(|| Ok(unsafe { Msg::at(msg) }?.data().cast()))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_size(msg: *const RawMsg) -> usize {
    // SAFETY: as in `zmq_msg_close`.
    answer_or(0, || Ok(unsafe { Msg::at(msg.cast_mut()) }?.len()))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_more(msg: *const RawMsg) -> c_int {
    zmq_msg_get(msg, MORE)
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_get(msg: *const RawMsg, property: c_int) -> c_int {
    answer(|| {
        // SAFETY: as in `zmq_msg_close`.
        let msg = unsafe { Msg::at(msg.cast_mut()) }?;
        match property {
            MORE => Ok(msg.more.into()),
            SHARED => {
                // What nobody frees is everybody's.
                let shared = |content: &Arc<Content>| {
                    Arc::strong_count(content) > 1
                        || matches!(content.owner, Owner::Foreign(None, _))
                };
                Ok(matches!(&msg.body, Body::Shared(content) if shared(content)).into())
            }
            // Deprecated: a connection's descriptor is nobody's but the library's.
            SRCFD => Err(EINVAL),
            _ => Err(EINVAL),
        }
    })
}

/// There is no property that can be set.
#[unsafe(no_mangle)]
extern "C" fn zmq_msg_set(msg: *mut RawMsg, _: c_int, _: c_int) -> c_int {
    // SAFETY: as in `zmq_msg_close`.
    answer(|| unsafe { Msg::at(msg) }.and(Err(EINVAL)))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_gets(msg: *const RawMsg, property: *const c_char) -> *const c_char {
    answer(|| {
        // SAFETY: as in `zmq_msg_close`.
        let msg = unsafe { Msg::at(msg.cast_mut()) }?;
        // SAFETY: the program gives a text that ends with a zero, or null.
        let name = unsafe { memory::text(property) }?;
        msg.text(name).ok_or(EINVAL)
    })
}

/// Of draft socket types, which there are none of here: nobody has set it.
#[unsafe(no_mangle)]
extern "C" fn zmq_msg_routing_id(msg: *mut RawMsg) -> u32 {
    // SAFETY: as in `zmq_msg_close`.
    answer_or(0, || unsafe { Msg::at(msg) }.map(|_| 0))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_set_routing_id(msg: *mut RawMsg, _: u32) -> c_int {
    // SAFETY: as in `zmq_msg_close`.
    answer(|| unsafe { Msg::at(msg) }.and(Err(EINVAL)))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_group(msg: *mut RawMsg) -> *const c_char {
    // SAFETY: as in `zmq_msg_close`.
    answer(|| unsafe { Msg::at(msg) }.map(|_| c"".as_ptr()))
}

#[unsafe(no_mangle)]
extern "C" fn zmq_msg_set_group(msg: *mut RawMsg, _: *const c_char) -> c_int {
    // SAFETY: as in `zmq_msg_close`.
    answer(|| unsafe { Msg::at(msg) }.and(Err(EINVAL)))
}
