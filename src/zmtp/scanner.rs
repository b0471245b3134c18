//! Incoming bytes into runs of whole messages, and commands.
//!
//! Bytes are appended to one buffer, and every header in it is looked at once:
//!
//! ```text
//! before   | message | message | frame | PING | fra
//!          ^ begin             ^ border       ^ read         (offsets of one Pass)
//!
//! after    | message | message |                             a Chunk, goes out
//!          | frame | fra                                     the buffer, goes on
//!                  ^ read
//! ```
//!
//! `begin <= border <= read <= len`. Bytes in `border..read` are whole frames of a message whose
//! end has not come. A command is taken out by moving what follows it down, once per scan.
//!
//! A frame too large for the buffer gets memory of its own and is read straight into it. What
//! came of its message before waits in an assembly, and the message goes out by itself.
//!
//! What a peer announces costs nothing: memory grows as its bytes arrive, to at most twice of
//! them or 64 KiB, whichever is more; only a peer that has sent a large frame before gets as much
//! (up to a limit) for the next one at once, which spares the growing.

use std::collections::VecDeque;
use std::ops::Range;

use super::cut::Chunk;
use super::error::Error;
use super::header::Header;
use crate::frame::Frame;
use crate::message::Message;

/// What a peer may demand of us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The bytes of a message, all frames together.
    pub(crate) max_message_size: Option<u64>,
    /// The frames of a message.
    pub(crate) max_frames: usize,
    /// The body of a command.
    pub(crate) max_command: usize,
}

/// How much room for items is kept for the next: messages come many to an item, and of what comes
/// one by one (subscriptions, that is) there are seldom many.
pub(crate) const ITEMS_KEPT: usize = 128;

/// What a scan finds, in wire order.
#[derive(Debug)]
pub(crate) enum Item {
    /// A run of whole messages.
    Chunk(Chunk),
    /// A message with a frame that was read into memory of its own.
    Message(Message),
    /// A subscription, made or taken back by a command.
    Subscription { subscribe: bool, topic: Frame },
}

impl Item {
    /// How many messages there are in it, and the bytes of their frames.
    pub(crate) fn messages(&self) -> (usize, usize) {
        match self {
            Self::Chunk(chunk) => (chunk.messages(), chunk.bytes()),
            Self::Message(message) => (1, message.byte_len()),
            Self::Subscription { .. } => (0, 0),
        }
    }
}

/// Is shown the body of every command; what it returns goes out at the command's place.
pub(crate) type OnCommand<'a> = &'a mut dyn FnMut(&[u8]) -> Result<Option<Item>, Error>;

/// Takes a stream of frames apart.
#[derive(Debug)]
pub(crate) struct Scanner {
    limits: Limits,
    run: Vec<u8>,
    /// The first byte of `run` that no scan has looked at.
    read: usize,
    /// Frames and bytes of the message that has begun, as far as their headers are known good.
    frames: usize,
    bytes: u64,
    /// The message that has begun, if a frame of it is on its own.
    assembly: Option<Vec<Part>>,
    body: Option<Body>,
    /// Bytes in the assembly.
    gathered: usize,
    /// The size of the last large body that came whole, as far as it counts for the next.
    proven: usize,
    window: Window,
    /// A buffer that came back.
    spare: Vec<u8>,
    #[cfg(test)]
    pub(super) copied: usize,
}

/// A large body on its way.
#[derive(Debug)]
struct Body {
    buf: Vec<u8>,
    size: usize,
    more: bool,
}

/// A stretch of a message in an assembly.
#[derive(Debug)]
enum Part {
    /// As on the wire. They become frames when the message is whole, not before: a frame of no
    /// bytes takes two octets there and many more here.
    Frames(Vec<u8>),
    Large(Frame),
}

/// One scan's way through the buffer. See the drawing above; `read` and `segment` are places as
/// they were before anything moved, `begin` and `border` as they are after.
#[derive(Default)]
struct Pass {
    read: usize,
    begin: usize,
    border: usize,
    /// Whole messages in `begin..border`, and the bytes of their frames.
    messages: usize,
    payload: usize,
    /// Bytes of commands before `read`; what is in `segment..` has to move down by so many.
    gap: usize,
    segment: usize,
    /// The header at `read`, if its body is to get memory of its own.
    large: Option<Header>,
}

impl Scanner {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            run: Vec::new(),
            read: 0,
            frames: 0,
            bytes: 0,
            assembly: None,
            body: None,
            gathered: 0,
            proven: 0,
            window: Window::new(),
            spare: Vec::new(),
            #[cfg(test)]
            copied: 0,
        }
    }

    /// Has reads ask for about so many bytes at most, but for those of large bodies.
    pub(crate) fn set_read_max(&mut self, bytes: usize) {
        self.window.limit(bytes);
    }

    /// Where the next read goes: append to it, at least one byte, within its spare capacity or
    /// beyond, and then [`scan`](Self::scan).
    ///
    /// There is always some spare capacity, and as much as the traffic deserves.
    pub(crate) fn read_buf(&mut self) -> &mut Vec<u8> {
        let want = self.window.want();
        let grown = match &mut self.body {
            // Once it has grown up, there is room for the body and the next frame's header.
            Some(body) => make_room(
                &mut body.buf,
                WINDOW_MAX.min(body.size),
                body.size + READ_AHEAD,
            ),
            None => {
                // The wrong size for what comes: put it by.
                if self.run.is_empty() && self.run.capacity() >= 2 * want {
                    let run = std::mem::take(&mut self.run);
                    self.recycle(run);
                }
                if self.run.capacity() == 0 {
                    self.run = self.fresh(want);
                }
                make_room(&mut self.run, want, usize::MAX)
            }
        };
        self.count_copy(grown);
        match &mut self.body {
            Some(body) => &mut body.buf,
            None => {
                self.window.offer(&self.run);
                &mut self.run
            }
        }
    }

    /// How much of that room a read is to ask for at most.
    pub(crate) fn read_max(&self) -> usize {
        match self.body {
            Some(_) => BODY_READ_MAX,
            None => usize::MAX,
        }
    }

    /// A buffer whose messages have been cut comes back.
    pub(crate) fn recycle(&mut self, mut buf: Vec<u8>) {
        if buf.capacity() > self.spare.capacity() && buf.capacity() <= 2 * self.window.max {
            buf.clear();
            self.spare = buf;
        }
    }

    /// Gives back what memory an idle connection does not need.
    pub(crate) fn release(&mut self) {
        self.spare = Vec::new();
        if self.run.is_empty() {
            self.run = Vec::new();
        }
    }

    /// Changes what a command may have.
    pub(super) fn set_max_command(&mut self, bytes: usize) {
        self.limits.max_command = bytes;
    }

    /// Forgets all that was received and gives all memory back.
    pub(super) fn close(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Bytes that have come of what is not whole yet.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        let body = self.body.as_ref().map_or(0, |body| body.buf.len());
        self.run.len() + self.gathered + body
    }

    /// Whether the stream may end here: nothing has begun that has not ended.
    pub(crate) fn at_border(&self) -> bool {
        self.frames == 0 && self.run.is_empty() && self.body.is_none()
    }

    /// Bytes that are not scanned yet. With [`consume`](Self::consume), for what comes before
    /// the first frame.
    pub(super) fn unread(&self) -> &[u8] {
        self.run.get(self.read..).unwrap_or(&[])
    }

    /// Drops `n` bytes from the front of what is unread.
    pub(super) fn consume(&mut self, n: usize) {
        self.run.drain(..n.min(self.run.len()));
    }

    /// Takes one command frame from the front; for the handshake, when nothing else may come.
    ///
    /// # Errors
    ///
    /// A bad header, a command over the limit, a message.
    pub(super) fn take_command(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.window.note(&self.run);
        let Some(header) = Header::parse(self.unread())? else {
            return Ok(None);
        };
        if !header.is_command() {
            return Err(Error::UnexpectedMessage);
        }
        let end = header.len + self.command_len(header)?;
        let body = self.unread().get(header.len..end).map(<[u8]>::to_vec);
        if body.is_some() {
            self.consume(end);
        }
        Ok(body)
    }

    /// Whether no more has come than one command, or a part of one; for the handshake, when this one may
    /// come before its time.
    ///
    /// # Errors
    ///
    /// As [`take_command`](Self::take_command).
    pub(super) fn holds_one_command(&self) -> Result<bool, Error> {
        let Some(header) = Header::parse(self.unread())? else {
            return Ok(true);
        };
        if !header.is_command() {
            return Err(Error::UnexpectedMessage);
        }
        Ok(self.unread().len() <= header.len + self.command_len(header)?)
    }

    /// Looks at the bytes that have come; how many whole messages it put out.
    ///
    /// Messages that came whole before a fault are put out even so.
    ///
    /// # Errors
    ///
    /// A bad header, a message or a command over the limits, or what `on_command` says. Nothing
    /// after that makes sense.
    pub(crate) fn scan(
        &mut self,
        out: &mut VecDeque<Item>,
        on_command: OnCommand<'_>,
    ) -> Result<usize, Error> {
        self.window.note(&self.run);
        let mut found = 0;
        if let Some(body) = self.body.take() {
            if body.buf.len() < body.size {
                self.body = Some(body);
                return Ok(0);
            }
            found += self.finish_body(body, out);
        }
        let mut pass = Pass {
            read: self.read,
            ..Pass::default()
        };
        let result = self.walk(&mut pass, &mut found, out, on_command);
        self.settle(pass, out);
        result.map(|()| found)
    }

    /// Goes from header to header.
    fn walk(
        &mut self,
        pass: &mut Pass,
        found: &mut usize,
        out: &mut VecDeque<Item>,
        on_command: OnCommand<'_>,
    ) -> Result<(), Error> {
        let limit = self.limits.max_message_size.unwrap_or(u64::MAX);
        loop {
            if self.frames == 0 && self.assembly.is_none() {
                *found += skim(&self.run, pass, limit);
            }
            let rest = self.run.get(pass.read..).unwrap_or(&[]);
            let Some(header) = Header::parse(rest)? else {
                return Ok(());
            };
            if header.is_command() {
                let len = header.len + self.command_len(header)?;
                let Some(body) = rest.get(header.len..len) else {
                    return Ok(());
                };
                let item = on_command(body)?;
                self.take_out(pass, len);
                if let Some(item) = item {
                    self.split(pass, out);
                    out.push_back(item);
                }
                continue;
            }

            let bytes = self.bytes.saturating_add(header.size);
            if bytes > limit {
                return Err(Error::MessageTooLarge { size: bytes, limit });
            }
            if self.frames >= self.limits.max_frames {
                return Err(Error::TooManyFrames {
                    limit: self.limits.max_frames,
                });
            }
            let Some(size) = usize::try_from(header.size)
                .ok()
                .filter(|size| *size <= SIZE_MAX)
            else {
                return Err(Error::MessageTooLarge {
                    size: bytes,
                    limit: SIZE_MAX as u64,
                });
            };
            if rest.len() < header.len + size {
                if size >= LARGE_BODY {
                    pass.large = Some(header);
                }
                return Ok(());
            }
            pass.read += header.len + size;
            self.frames += 1;
            self.bytes = bytes;
            if header.more() {
                continue;
            }
            *found += 1;
            if self.assembly.is_some() {
                self.close_gap(pass, pass.read);
                let end = pass.read - pass.gap;
                self.finish_message(pass.border..end, out);
                (pass.begin, pass.border) = (end, end);
            } else {
                pass.border = pass.read - pass.gap;
                pass.messages += 1;
                // At most what is in the buffer.
                pass.payload += bytes as usize;
                (self.frames, self.bytes) = (0, 0);
            }
        }
    }

    fn command_len(&self, header: Header) -> Result<usize, Error> {
        let limit = self.limits.max_command;
        usize::try_from(header.size)
            .ok()
            .filter(|size| *size <= limit)
            .ok_or(Error::CommandTooLarge {
                size: header.size,
                limit,
            })
    }

    /// Takes out the command of `len` bytes at `read`: what lies between the previous one and
    /// this one moves down.
    fn take_out(&mut self, pass: &mut Pass, len: usize) {
        self.close_gap(pass, pass.read);
        pass.read += len;
        pass.gap += len;
        pass.segment = pass.read;
    }

    fn close_gap(&mut self, pass: &mut Pass, end: usize) {
        if pass.gap > 0 {
            self.run
                .copy_within(pass.segment..end, pass.segment - pass.gap);
            self.count_copy(end - pass.segment);
            pass.segment = end;
        }
    }

    /// Puts out the messages so far, so that something else can come behind them.
    fn split(&mut self, pass: &mut Pass, out: &mut VecDeque<Item>) {
        if pass.messages > 0 {
            let run = self
                .run
                .get(pass.begin..pass.border)
                .unwrap_or(&[])
                .to_vec();
            self.count_copy(run.len());
            out.push_back(Item::Chunk(Chunk::new(run, 0, pass.messages, pass.payload)));
            (pass.messages, pass.payload) = (0, 0);
        }
        pass.begin = pass.border;
    }

    /// Ends a pass: puts out whole messages and leaves in the buffer what is not one yet.
    fn settle(&mut self, mut pass: Pass, out: &mut VecDeque<Item>) {
        let len = self.run.len();
        self.close_gap(&mut pass, len);
        self.run.truncate(len - pass.gap);
        let Pass {
            begin,
            border,
            messages,
            payload,
            ..
        } = pass;
        self.read = pass.read - pass.gap;
        let body = pass.large.map(|header| self.begin_body(header, border));

        let tail = self.run.len() - border;
        if messages == 0 {
            if border > 0 {
                self.run.drain(..border);
                self.count_copy(tail);
            }
        } else if border - begin <= self.run.capacity() / WORTH_GIVING {
            let run = self.run.get(begin..border).unwrap_or(&[]).to_vec();
            out.push_back(Item::Chunk(Chunk::new(run, 0, messages, payload)));
            self.run.drain(..border);
            self.count_copy(border - begin + tail);
        } else {
            let mut next = if tail == 0 {
                Vec::new()
            } else {
                self.fresh(2 * tail)
            };
            next.extend_from_slice(self.run.get(border..).unwrap_or(&[]));
            self.count_copy(tail);
            self.run.truncate(border);
            let run = std::mem::replace(&mut self.run, next);
            out.push_back(Item::Chunk(Chunk::new(run, begin, messages, payload)));
        }
        self.read -= border;
        self.body = body;
    }

    /// Gives the body behind the header at `read` memory of its own; the frames of its message
    /// that are already there, in `border..read`, become an assembly.
    fn begin_body(&mut self, header: Header, border: usize) -> Body {
        // It was checked to fit when the header was found.
        let size = header.size as usize;
        let begun = self.run.get(self.read + header.len..).unwrap_or(&[]);
        let room = (2 * begun.len())
            .max(WINDOW_MAX)
            .max(self.proven)
            .min(size + READ_AHEAD);
        let mut buf = Vec::with_capacity(room);
        buf.extend_from_slice(begun);
        self.count_copy(buf.len());

        let begun = self.run.get(border..self.read).unwrap_or(&[]);
        let parts = self.assembly.get_or_insert_default();
        if !begun.is_empty() {
            parts.push(Part::Frames(begun.to_vec()));
            self.gathered += begun.len();
        }
        self.count_copy(self.read - border);
        self.run.truncate(border);
        self.read = border;
        self.frames += 1;
        self.bytes += header.size;
        self.window.after_large();
        Body {
            buf,
            size,
            more: header.more(),
        }
    }

    /// The body is there, and maybe some bytes of what follows it.
    fn finish_body(&mut self, body: Body, out: &mut VecDeque<Item>) -> usize {
        let Body {
            mut buf,
            size,
            more,
        } = body;
        let excess = buf.get(size..).unwrap_or(&[]);
        if !excess.is_empty() {
            let mut next = self.fresh(2 * excess.len());
            next.extend_from_slice(excess);
            self.count_copy(excess.len());
            let run = std::mem::replace(&mut self.run, next);
            self.recycle(run);
        }
        buf.truncate(size);
        self.proven = (size + READ_AHEAD).min(PROVEN_MAX);
        let parts = self.assembly.get_or_insert_default();
        parts.push(Part::Large(Frame::from(buf)));
        self.gathered += size;
        if more {
            return 0;
        }
        self.finish_message(0..0, out);
        1
    }

    /// The last frames of an assembly are in `run` at `tail`: puts the message out.
    fn finish_message(&mut self, tail: Range<usize>, out: &mut VecDeque<Item>) {
        let mut frames = VecDeque::with_capacity(self.frames);
        for part in self.assembly.take().unwrap_or_default() {
            match part {
                Part::Frames(run) => cut_frames(&run, &mut frames),
                Part::Large(frame) => frames.push_back(frame),
            }
        }
        cut_frames(self.run.get(tail).unwrap_or(&[]), &mut frames);
        out.push_back(Item::Message(Message::from_frames(frames)));
        self.gathered = 0;
        (self.frames, self.bytes) = (0, 0);
    }

    /// An empty buffer for at least `min` bytes and the next read.
    fn fresh(&mut self, min: usize) -> Vec<u8> {
        let room = min.max(self.window.want());
        let fits = room..=(2 * room).max(WINDOW_MIN);
        if fits.contains(&self.spare.capacity()) {
            return std::mem::take(&mut self.spare);
        }
        Vec::with_capacity(room)
    }

    #[cfg(test)]
    fn count_copy(&mut self, bytes: usize) {
        self.copied += bytes;
    }

    #[cfg(not(test))]
    #[inline]
    fn count_copy(&mut self, _: usize) {}
}

/// Copies the frames out of `run`, whose headers are checked.
fn cut_frames(mut run: &[u8], out: &mut VecDeque<Frame>) {
    while let Ok(Some(header)) = Header::parse(run) {
        let end = header.len + header.size as usize;
        out.push_back(Frame::copy_from_slice(
            run.get(header.len..end).unwrap_or(&[]),
        ));
        run = run.get(end..).unwrap_or(&[]);
    }
}

/// Skips the messages of one short frame, which is most of them; how many.
///
/// The long way through [`Scanner::walk`] comes to the same; this one keeps all it needs in
/// registers.
#[inline]
fn skim(run: &[u8], pass: &mut Pass, limit: u64) -> usize {
    let (mut read, mut messages, mut payload) = (pass.read, 0, 0);
    while let Some(&[0, size, ref rest @ ..]) = run.get(read..) {
        let size = usize::from(size);
        if size > rest.len() || size as u64 > limit {
            break;
        }
        read += 2 + size;
        messages += 1;
        payload += size;
    }
    if messages > 0 {
        pass.read = read;
        pass.border = read - pass.gap;
        pass.messages += messages;
        pass.payload += payload;
    }
    messages
}

/// Sees to it that `buf` has spare capacity, doubling it but never beyond `max`; how many bytes
/// that copied.
fn make_room(buf: &mut Vec<u8>, min: usize, max: usize) -> usize {
    let (len, capacity) = (buf.len(), buf.capacity());
    let target = (2 * len).max(min).min(max);
    let enough = capacity - len > capacity / 8;
    if enough || (capacity > len && capacity >= target) {
        return 0;
    }
    buf.reserve_exact(target.max(len + 1) - len);
    len
}

/// How much to read at once: doubles when reads fill the buffer, halves when they stay small.
#[derive(Debug)]
struct Window {
    size: usize,
    max: usize,
    small_reads: u32,
    /// Length and capacity of the buffer that was offered last.
    offered: Option<(usize, usize)>,
}

impl Window {
    fn new() -> Self {
        Self {
            size: WINDOW_START,
            max: WINDOW_MAX,
            small_reads: 0,
            offered: None,
        }
    }

    fn limit(&mut self, bytes: usize) {
        self.max = bytes.max(WINDOW_MIN);
        self.size = self.size.min(self.max);
    }

    fn want(&self) -> usize {
        self.size
    }

    fn offer(&mut self, buf: &Vec<u8>) {
        self.offered = Some((buf.len(), buf.capacity()));
    }

    /// The buffer has come back, and perhaps grown.
    fn note(&mut self, buf: &[u8]) {
        let Some((len, capacity)) = self.offered.take() else {
            return;
        };
        let read = buf.len().saturating_sub(len);
        if buf.len() >= capacity {
            self.size = (2 * self.size).min(self.max);
            self.small_reads = 0;
        } else if read < self.size / 4 {
            self.small_reads += 1;
            if self.small_reads >= SMALL_READS {
                self.size = (self.size / 2).max(WINDOW_MIN);
                self.small_reads = 0;
            }
        } else {
            self.small_reads = 0;
        }
    }

    /// Large frames rarely come alone: read the header of the next one, but not its body.
    fn after_large(&mut self) {
        self.size = WINDOW_MIN;
        self.small_reads = 0;
    }
}

// Takes a whole handshake, and is all that an idle connection has; a stream of messages has more at its
// next reads.
const WINDOW_START: usize = 512;
// Holds a few small messages; two buffers of it in a page.
const WINDOW_MIN: usize = 256;
// Beyond this a larger read saves no time, and the buffer no longer fits the nearest caches.
const WINDOW_MAX: usize = 64 * 1024;
// So many small reads in a row show that the traffic is of that kind.
const SMALL_READS: u32 = 16;
// A body from this size on, if it has not come whole, is read into its own memory: one more
// allocation and at least one more read, against copying it out of the run later.
const LARGE_BODY: usize = 32 * 1024;
// What a read may take beyond a large body: the header of the next frame, so that the body of
// that one need not wait for a read of its header alone.
const READ_AHEAD: usize = 64;
// A large body is read in pieces of this size: the system copies for as long as there is something to
// copy, and over loopback the sender, which does the work of both ends meanwhile, falls behind with
// that. (1 MiB over tcp: 2.9 thousand a second in one read each, 3.8 like this; 64 KiB: 42 and 66.)
const BODY_READ_MAX: usize = 32 * 1024;
// What a peer can get at once by having sent it before. A message of this size takes so long to
// arrive that growing for larger ones does not matter.
const PROVEN_MAX: usize = 4 * 1024 * 1024;
// A run that fills less than this part of its buffer is copied out, so that a message of a few
// bytes that waits to be received does not hold kilobytes.
const WORTH_GIVING: usize = 4;
// What can be in memory at all, with something to spare for a header and the next read.
const SIZE_MAX: usize = isize::MAX as usize / 4;
