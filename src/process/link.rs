//! What a supervisor and its guardian tell each other over their socket: first the order, then words of a fixed length.

use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// What a guardian is to run, and what it must know for that.
#[derive(Debug)]
pub(super) struct Order {
    /// The command and its arguments.
    pub(super) words: Vec<OsString>,
    /// What of the caller's signals is to be given back.
    pub(super) signals: u8,
    /// How long what is told to end has for that.
    pub(super) grace: Duration,
}

/// The numbers of an [`Order`], before its words.
const HEAD: usize = 24;

/// Sends the order with the command's standard input, output and error.
pub(super) fn send_order(
    socket: &UnixStream,
    order: &Order,
    streams: [BorrowedFd<'_>; 3],
) -> io::Result<()> {
    let mut text = Vec::new();
    for word in &order.words {
        text.extend_from_slice(word.as_bytes());
        text.push(0);
    }
    let grace = u64::try_from(order.grace.as_millis()).unwrap_or(u64::MAX);
    let numbers = [u64::from(order.signals), grace, text.len() as u64];
    let head: Vec<u8> = numbers.iter().flat_map(|n| n.to_ne_bytes()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    message.push(SendAncillaryMessage::ScmRights(&streams));
    sendmsg(
        socket,
        &[IoSlice::new(&head)],
        &mut message,
        SendFlags::NOSIGNAL,
    )?;
    let mut socket = socket;
    socket.write_all(&text)
}

/// Receives an order and the streams that come with it.
pub(super) fn receive_order(socket: &UnixStream) -> io::Result<(Order, [OwnedFd; 3])> {
    let mut head = [0; HEAD];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut head)],
            &mut message,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    let half = || io::Error::from(io::ErrorKind::UnexpectedEof);
    if received.bytes != HEAD {
        return Err(half());
    }
    let mut streams = Vec::new();
    for message in message.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            streams.extend(fds);
        }
    }
    let streams = <[OwnedFd; 3]>::try_from(streams).map_err(|_| half())?;
    let mut numbers = head.chunks_exact(8).map(|bytes| {
        let bytes = <[u8; 8]>::try_from(bytes).unwrap_or_default();
        u64::from_ne_bytes(bytes)
    });
    let mut number = || numbers.next().unwrap_or_default();
    let (signals, grace, length) = (number(), number(), number());
    let mut text = vec![0; usize::try_from(length).map_err(|_| half())?];
    let mut socket = socket;
    socket.read_exact(&mut text)?;
    let words = text
        .split_inclusive(|byte| *byte == 0)
        .map(|word| OsStr::from_bytes(word.strip_suffix(&[0]).unwrap_or(word)));
    let order = Order {
        words: words
            .map(|word| OsString::from_vec(word.as_bytes().to_vec()))
            .collect(),
        signals: u8::try_from(signals).unwrap_or_default(),
        grace: Duration::from_millis(grace),
    };
    Ok((order, streams))
}

/// What one tells the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The command's process is there, has this number, and waits.
    Ready(i32),
    /// To that process: become the command.
    Begin,
    /// The command runs.
    Runs,
    /// It cannot be executed, for this reason.
    NotExecuted(i32),
    /// The command was stopped by this signal.
    Stopped(i32),
    /// The command has exited with this code.
    Exited(i32),
    /// The command was killed by this signal.
    Killed(i32),
    /// To the guardian: that was heard.
    Heard,
    /// To the guardian: tell what is typed for the command's group.
    Listen,
    /// To the guardian: no more.
    Deaf,
    /// This signal was typed for the command's group.
    Typed(i32),
    /// To the guardian: all is over and written down.
    Dismissed,
}

const LENGTH: usize = 8;

impl Word {
    fn numbers(self) -> (i32, i32) {
        match self {
            Self::Ready(pid) => (1, pid),
            Self::Begin => (2, 0),
            Self::Runs => (3, 0),
            Self::NotExecuted(errno) => (4, errno),
            Self::Stopped(signal) => (5, signal),
            Self::Exited(code) => (6, code),
            Self::Killed(signal) => (7, signal),
            Self::Heard => (8, 0),
            Self::Listen => (9, 0),
            Self::Deaf => (10, 0),
            Self::Typed(signal) => (11, signal),
            Self::Dismissed => (12, 0),
        }
    }

    fn of(kind: i32, number: i32) -> Option<Self> {
        Some(match kind {
            1 => Self::Ready(number),
            2 => Self::Begin,
            3 => Self::Runs,
            4 => Self::NotExecuted(number),
            5 => Self::Stopped(number),
            6 => Self::Exited(number),
            7 => Self::Killed(number),
            8 => Self::Heard,
            9 => Self::Listen,
            10 => Self::Deaf,
            11 => Self::Typed(number),
            12 => Self::Dismissed,
            _ => return None,
        })
    }
}

/// Says it. Where the other is gone that is heard by the next [`hear`].
pub(super) fn say(socket: &UnixStream, word: Word) {
    let (kind, number) = word.numbers();
    let [a, b] = [kind.to_ne_bytes(), number.to_ne_bytes()];
    let mut bytes = [0; LENGTH];
    for (to, from) in bytes.iter_mut().zip(a.into_iter().chain(b)) {
        *to = from;
    }
    let flags = SendFlags::NOSIGNAL;
    let _ = rustix::io::retry_on_intr(|| rustix::net::send(socket, &bytes, flags));
}

/// Waits for the next word; none when the other is gone.
pub(super) fn hear(mut socket: &UnixStream) -> Option<Word> {
    let mut bytes = [0; LENGTH];
    socket.read_exact(&mut bytes).ok()?;
    let number = |bytes: &[u8]| bytes.try_into().map(i32::from_ne_bytes).ok();
    let (kind, of) = bytes.split_at(LENGTH / 2);
    Word::of(number(kind)?, number(of)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn an_order_arrives_as_it_was_given() {
        let (here, there) = UnixStream::pair().unwrap();
        let words = vec![
            OsString::from("sh"),
            OsString::new(),
            OsString::from_vec(vec![0xff]),
        ];
        let order = Order {
            words: words.clone(),
            signals: 5,
            grace: Duration::from_millis(250),
        };
        let null = std::fs::File::open("/dev/null").unwrap();
        send_order(&here, &order, [null.as_fd(); 3]).unwrap();
        let (got, _) = receive_order(&there).unwrap();
        assert_eq!((got.words, got.signals, got.grace), (words, 5, order.grace));
    }

    #[test]
    fn every_word_is_heard_as_it_was_said() {
        let (here, there) = UnixStream::pair().unwrap();
        for kind in 1..=12 {
            let word = Word::of(
                kind,
                if matches!(kind, 2 | 3 | 8 | 9 | 10 | 12) {
                    0
                } else {
                    7
                },
            );
            say(&here, word.unwrap());
            assert_eq!(hear(&there), word);
        }
        drop(here);
        assert_eq!(hear(&there), None);
    }
}
