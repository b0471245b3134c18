//! The system's sockets with the least that makes messages of bytes: what is the limit for all.
//!
//! A frame is a length of four bytes and as many bytes as it says. Frames are gathered into blocks
//! and written when a block is full; those that are as large as a block are written by themselves,
//! from where they are.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};

use super::{Answers, Asks, Idle, Pipeline, Receives, Result, Sends};

/// What is written, and read, at a time.
const BLOCK: usize = 64 << 10;

/// Bytes of the length before a frame.
const PREFIX: usize = 4;

/// What nobody sends here; a larger length is not one.
const LARGEST: usize = 64 << 20;

#[derive(Debug)]
pub(crate) struct Raw;

impl Pipeline for Raw {
    type Context = ();
    type Sender = Writer<Stream>;
    type Receiver = Lazy;

    fn context() -> Result<()> {
        Ok(())
    }

    fn sender((): &(), endpoint: &str) -> Result<Writer<Stream>> {
        Ok(Writer::new(Stream::connect(endpoint)?))
    }

    fn receiver((): &(), endpoint: &str) -> Result<(Lazy, String)> {
        let (listener, endpoint) = Listener::bind(endpoint)?;
        Ok((Lazy::Listening(listener), endpoint))
    }
}

impl Asks for Raw {
    type Context = ();
    type Asker = Both;
    type Answerer = Lazy;

    fn context(_: usize) -> Result<()> {
        Ok(())
    }

    fn asker((): &(), endpoints: &[&str]) -> Result<Both> {
        let [endpoint] = endpoints else {
            return Err("nothing raw asks several".into());
        };
        Both::new(Stream::connect(endpoint)?)
    }

    fn answerer((): &(), endpoint: &str) -> Result<(Lazy, String)> {
        let (listener, endpoint) = Listener::bind(endpoint)?;
        Ok((Lazy::Listening(listener), endpoint))
    }

    fn idle((): &(), _: &str, _: Idle) -> Result<()> {
        Err("nothing raw waits beside".into())
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Ipc(UnixStream),
}

impl Stream {
    pub(crate) fn connect(endpoint: &str) -> Result<Self> {
        match endpoint.split_once("://") {
            Some(("tcp", address)) => Self::tcp(TcpStream::connect(address)?),
            Some(("ipc", path)) => Ok(Self::Ipc(UnixStream::connect(path)?)),
            _ => Err(format!("no raw {endpoint}").into()),
        }
    }

    fn tcp(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }
}

impl Stream {
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Ipc(stream) => stream.try_clone().map(Self::Ipc),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(room),
            Self::Ipc(stream) => stream.read(room),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(data),
            Self::Ipc(stream) => stream.write(data),
        }
    }

    fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(data),
            Self::Ipc(stream) => stream.write_vectored(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Who accepts connections.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Ipc(UnixListener),
}

impl Listener {
    /// And the endpoint to connect to.
    pub(crate) fn bind(endpoint: &str) -> Result<(Self, String)> {
        match endpoint.split_once("://") {
            Some(("tcp", address)) => {
                let listener = TcpListener::bind(address.replace('*', "0"))?;
                let endpoint = format!("tcp://{}", listener.local_addr()?);
                Ok((Self::Tcp(listener), endpoint))
            }
            Some(("ipc", path)) => Ok((Self::Ipc(UnixListener::bind(path)?), endpoint.to_owned())),
            _ => Err(format!("no raw {endpoint}").into()),
        }
    }

    pub(crate) fn accept(&self) -> Result<Stream> {
        match self {
            Self::Tcp(listener) => Stream::tcp(listener.accept()?.0),
            Self::Ipc(listener) => Ok(Stream::Ipc(listener.accept()?.0)),
        }
    }
}

/// Writes frames in blocks.
#[derive(Debug)]
pub(crate) struct Writer<S> {
    stream: S,
    block: Vec<u8>,
}

impl<S: Write> Writer<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            block: Vec::with_capacity(BLOCK),
        }
    }

    #[inline]
    fn put(&mut self, data: &[u8]) -> io::Result<()> {
        let prefix = u32::try_from(data.len())
            .map_err(|_| io::ErrorKind::InvalidInput)?
            .to_ne_bytes();
        if self.block.len() + PREFIX + data.len() > BLOCK {
            self.write_block()?;
        }
        if PREFIX + data.len() > BLOCK {
            return write_both(&mut self.stream, &prefix, data);
        }
        self.block.extend_from_slice(&prefix);
        self.block.extend_from_slice(data);
        Ok(())
    }

    fn write_block(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }
}

impl<S: Write + Send> Sends for Writer<S> {
    #[inline]
    fn send(&mut self, data: &[u8]) -> Result<()> {
        Ok(self.put(data)?)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.write_block()?)
    }

    fn close(mut self) -> Result<()> {
        self.flush()
    }
}

/// One write, and a second for what the first left.
fn write_both(stream: &mut impl Write, prefix: &[u8], data: &[u8]) -> io::Result<()> {
    let written = stream.write_vectored(&[IoSlice::new(prefix), IoSlice::new(data)])?;
    if written == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    stream.write_all(&prefix[written.min(prefix.len())..])?;
    stream.write_all(&data[written.saturating_sub(prefix.len())..])
}

/// Reads blocks and cuts frames out of them.
#[derive(Debug)]
pub(crate) struct Reader<S> {
    stream: S,
    /// As large as the largest frame so far, and as a block.
    memory: Vec<u8>,
    /// What is read and not cut out yet.
    begin: usize,
    end: usize,
}

impl<S: Read> Reader<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            memory: vec![0; BLOCK],
            begin: 0,
            end: 0,
        }
    }

    /// The next frame.
    #[inline]
    fn cut(&mut self) -> io::Result<&[u8]> {
        self.have(PREFIX)?;
        let read = &self.memory[self.begin..self.end];
        let prefix = read.first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = u32::from_ne_bytes(*prefix) as usize;
        if length > LARGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.have(PREFIX + length)?;
        let frame = self.begin + PREFIX;
        self.begin = frame + length;
        Ok(&self.memory[frame..frame + length])
    }

    /// Reads until so many bytes are there.
    #[inline]
    fn have(&mut self, wanted: usize) -> io::Result<()> {
        if self.end - self.begin < wanted {
            self.read(wanted)?;
        }
        Ok(())
    }

    fn read(&mut self, wanted: usize) -> io::Result<()> {
        self.memory.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        if self.memory.len() < wanted {
            self.memory.resize(wanted, 0);
        }
        // Of what follows a large frame nothing is read with it: it would have to be moved.
        let room = wanted.max(BLOCK);
        while self.end < wanted {
            match self.stream.read(&mut self.memory[self.end..room])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.end += read,
            }
        }
        Ok(())
    }
}

impl<S: Read + Send> Receives for Reader<S> {
    #[inline]
    fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        Ok(look(self.cut()?))
    }
}

/// Both directions of a connection.
#[derive(Debug)]
pub(crate) struct Both {
    reader: Reader<Stream>,
    writer: Writer<Stream>,
}

impl Both {
    fn new(stream: Stream) -> Result<Self> {
        Ok(Self {
            reader: Reader::new(stream.try_clone()?),
            writer: Writer::new(stream),
        })
    }
}

impl Sends for Both {
    #[inline]
    fn send(&mut self, data: &[u8]) -> Result<()> {
        self.writer.send(data)
    }

    fn flush(&mut self) -> Result<()> {
        self.writer.flush()
    }

    fn close(self) -> Result<()> {
        self.writer.close()
    }
}

impl Receives for Both {
    #[inline]
    fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        self.reader.recv(look)
    }
}

/// An end whose peer may not be there yet: accepted with the first message.
#[derive(Debug)]
pub(crate) enum Lazy {
    Listening(Listener),
    Connected(Both),
}

impl Lazy {
    fn accepted(&mut self) -> Result<&mut Both> {
        if let Self::Listening(listener) = self {
            *self = Self::Connected(Both::new(listener.accept()?)?);
        }
        match self {
            Self::Connected(both) => Ok(both),
            Self::Listening(_) => Err("nobody was accepted".into()),
        }
    }
}

impl Receives for Lazy {
    #[inline]
    fn recv<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        self.accepted()?.recv(look)
    }
}

impl Answers for Lazy {
    #[inline]
    fn answer<T>(&mut self, reply: &[u8], look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let both = self.accepted()?;
        let seen = both.recv(look)?;
        both.send(reply)?;
        both.flush()?;
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::{BLOCK, Reader, Writer};
    use crate::side::{Receives, Sends};

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(room.len());
            self.0.read(&mut room[..most])
        }
    }

    #[test]
    fn frames_of_all_sizes_come_out_as_they_went_in() {
        let sizes = [1, 16, 3, BLOCK - 4, BLOCK - 3, BLOCK, 200_000, 0, 5];
        let frames: Vec<Vec<u8>> = (1_u8..)
            .zip(sizes)
            .map(|(byte, size)| vec![byte; size])
            .collect();
        let mut writer = Writer::new(Vec::new());
        for frame in &frames {
            writer.send(frame).unwrap();
        }
        writer.flush().unwrap();
        for step in [1, 7, 4096, usize::MAX] {
            let mut reader = Reader::new(Slow(&writer.stream, step));
            for frame in &frames {
                assert!(reader.recv(|data| data == frame).unwrap(), "{step}");
            }
            assert!(reader.recv(|_| ()).is_err());
        }
    }

    #[test]
    fn small_frames_are_gathered() {
        let mut writer = Writer::new(Vec::new());
        writer.send(&[1; 16]).unwrap();
        assert!(writer.stream.is_empty());
        for _ in 0..BLOCK / 20 {
            writer.send(&[1; 16]).unwrap();
        }
        assert!(writer.stream.len() > BLOCK - 20 && writer.stream.len() <= BLOCK);
    }

    #[test]
    fn what_is_no_length_is_an_error() {
        let mut reader = Reader::new(&[0xFF; 64][..]);
        assert!(reader.recv(|_| ()).is_err());
    }
}
