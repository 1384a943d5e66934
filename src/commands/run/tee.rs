//! Output that is kept as well as shown, by the supervisor itself: it reads what the command writes, appends that to the
//! log, and copies it to its own streams.
//!
//! Neither side harms the other, and none the command. A copy that takes no more just now is waited for, and the command
//! with it, as it would wait alone; one that nobody reads any more is dropped; what a full disk does not take, of either, is
//! missing there, which is told once.

use std::io::{self, PipeReader};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use agentreg::process::{Chore, Log, Signals};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use rustix::process::Signal;

/// So much is read at a time.
const CHUNK: usize = 64 * 1024;
/// So many chunks of a stream are passed on before others get a turn.
const TURN: usize = 16;
/// A pipe that takes anything takes so much without waiting.
const ATOMIC: usize = 4096;

/// The two streams of one command.
pub struct Tee<'a> {
    log: Log<'a>,
    log_has_failed: bool,
    pumps: [Pump; 2],
    /// Tells when one of them can go on.
    either: OwnedFd,
    /// What went wrong, once for each side.
    warnings: Vec<String>,
}

impl<'a> Tee<'a> {
    /// Keeps in `log` what is written to the two ends that come with it, and if it `shows` copies it to this process's own
    /// streams.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(log: Log<'a>, shows: bool) -> io::Result<(Self, OwnedFd, OwnedFd)> {
        let either = epoll::create(CreateFlags::CLOEXEC)?;
        let (out, stdout) = io::pipe()?;
        let (err, stderr) = io::pipe()?;
        let [out_copy, err_copy] = [
            ("standard output", rustix::stdio::stdout()),
            ("standard error", rustix::stdio::stderr()),
        ]
        .map(|(name, to)| shows.then(|| Copy::new(name, to)));
        let tee = Self {
            log,
            log_has_failed: false,
            pumps: [
                Pump::new(out, out_copy, &either)?,
                Pump::new(err, err_copy, &either)?,
            ],
            either,
            warnings: Vec::new(),
        };
        Ok((tee, stdout.into(), stderr.into()))
    }

    /// Shows and keeps what the command has written, not what somebody it left behind may still write; gives what went
    /// wrong. A reader is waited for until a signal says that it is enough, or for so long.
    pub fn finish(mut self, signals: &mut Signals, patience: Option<Duration>) -> Vec<String> {
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        for pump in &mut self.pumps {
            pump.ends_here();
        }
        loop {
            self.go_on();
            if self.pumps.iter().all(Pump::is_done) {
                return self.warnings;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let is_over = left.is_some_and(|left| left.is_zero());
            if is_over || self.sleep(signals, left).is_err() || is_enough(signals) {
                for pump in &mut self.pumps {
                    pump.drop_copy();
                }
            }
        }
    }

    fn sleep(&self, signals: &Signals, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = [
            PollFd::new(&self.either, PollFlags::IN),
            PollFd::new(signals, PollFlags::IN),
        ];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn is_enough(signals: &mut Signals) -> bool {
    let ends = [Signal::INT, Signal::TERM, Signal::QUIT, Signal::HUP];
    signals.take().iter().any(|signal| ends.contains(signal))
}

impl Chore for Tee<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.either.as_fd()
    }

    fn go_on(&mut self) {
        // What was told is asked for, or it would be told again.
        let mut told = [Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        }; 4];
        let _ = epoll::wait(&self.either, &mut told, Some(&Timespec::default()));
        for pump in &mut self.pumps {
            for _ in 0..TURN {
                let goes_on = match pump.step() {
                    Step::Read => {
                        if let Err(error) = self.log.append(&pump.chunk)
                            && !std::mem::replace(&mut self.log_has_failed, true)
                        {
                            let told = format!("not all of the output could be kept: {error}");
                            self.warnings.push(told);
                        }
                        true
                    }
                    Step::Copied => true,
                    Step::NotCopied(warning) => {
                        self.warnings.extend(warning);
                        true
                    }
                    Step::Waits => false,
                };
                if !goes_on {
                    break;
                }
            }
            pump.listen(&self.either);
        }
    }
}

/// One stream, from the command to the log and to where it is shown.
struct Pump {
    /// None at its end.
    from: Option<PipeReader>,
    /// So much is still to be read, once the command has ended.
    left: Option<usize>,
    /// What was read last, and how much of it is copied.
    chunk: Vec<u8>,
    copied: usize,
    copy: Option<Copy>,
}

/// What came of a step.
enum Step {
    /// A chunk was read, and is to be kept.
    Read,
    /// Something was copied, or is not to be.
    Copied,
    /// Something cannot be copied, which is to be told.
    NotCopied(Option<String>),
    /// Nothing can be done now.
    Waits,
}

impl Pump {
    fn new(from: PipeReader, copy: Option<Copy>, either: &OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&from, true)?;
        // Told once each time it is asked for: a pipe whose writers are gone would be told of for ever.
        epoll::add(either, &from, EventData::new_u64(0), ONCE | EventFlags::IN)?;
        if let Some(copy) = &copy {
            // A file cannot be waited for and need not be.
            let _ = epoll::add(either, copy.fd(), EventData::new_u64(0), ONCE);
        }
        Ok(Self {
            from: Some(from),
            left: None,
            chunk: Vec::new(),
            copied: 0,
            copy,
        })
    }

    fn step(&mut self) -> Step {
        let to_copy = self.chunk.get(self.copied..).unwrap_or_default();
        match &mut self.copy {
            Some(copy) if !to_copy.is_empty() => match copy.write(to_copy) {
                Ok(written) => {
                    self.copied += written;
                    Step::Copied
                }
                Err(Errno::AGAIN) => Step::Waits,
                Err(Errno::INTR) => Step::Copied,
                Err(Errno::PIPE) => {
                    self.copy = None;
                    Step::Copied
                }
                Err(errno) => {
                    self.copied = self.chunk.len();
                    Step::NotCopied(copy.failed(errno))
                }
            },
            _ => self.read(),
        }
    }

    fn read(&mut self) -> Step {
        self.chunk.clear();
        self.copied = 0;
        let most = self.left.unwrap_or(CHUNK).min(CHUNK);
        let Some(from) = self.from.as_ref().filter(|_| most > 0) else {
            self.from = None;
            return Step::Waits;
        };
        self.chunk.resize(most, 0);
        let read = rustix::io::read(from, &mut self.chunk);
        self.chunk.truncate(read.unwrap_or(0));
        match read {
            Ok(0) => {
                self.from = None;
                Step::Waits
            }
            Ok(read) => {
                self.left = self.left.map(|left| left.saturating_sub(read));
                Step::Read
            }
            Err(Errno::INTR) => Step::Copied,
            Err(errno) => {
                if errno != Errno::AGAIN || self.left.is_some() {
                    self.from = None;
                }
                Step::Waits
            }
        }
    }

    /// Has the system tell when it can go on.
    fn listen(&self, either: &OwnedFd) {
        let nothing = EventData::new_u64(0);
        // They were added already, so that this does not fail for want of anything.
        let _ = match (&self.copy, &self.from) {
            (Some(copy), _) if self.copied < self.chunk.len() => {
                epoll::modify(either, copy.fd(), nothing, ONCE | EventFlags::OUT)
            }
            (_, Some(from)) => epoll::modify(either, from, nothing, ONCE | EventFlags::IN),
            (_, None) => Ok(()),
        };
    }

    /// The command has ended: what it has written is in the pipe by now.
    fn ends_here(&mut self) {
        let from = self.from.as_ref();
        let left = from.map_or(Ok(0), rustix::io::ioctl_fionread);
        self.left = Some(left.map_or(0, |left| usize::try_from(left).unwrap_or(usize::MAX)));
    }

    fn drop_copy(&mut self) {
        self.copy = None;
    }

    fn is_done(&self) -> bool {
        let is_copied = self.copy.is_none() || self.copied == self.chunk.len();
        is_copied && (self.from.is_none() || self.left == Some(0))
    }
}

const ONCE: EventFlags = EventFlags::ONESHOT;

/// One of this process's own streams, written to without waiting whatever mode it is in: others may share it, so its mode
/// is not changed.
struct Copy {
    name: &'static str,
    to: To,
    has_failed: bool,
}

enum To {
    /// Opened once more, in non-blocking mode of its own.
    Own(OwnedFd),
    /// A socket, which can be told not to wait by each call.
    Socket(BorrowedFd<'static>),
    /// What cannot be opened once more: written to in pieces, each when it says that it takes some.
    Shared(BorrowedFd<'static>),
    /// A file never makes anybody wait.
    File(BorrowedFd<'static>),
}

impl Copy {
    fn new(name: &'static str, fd: BorrowedFd<'static>) -> Self {
        let mode = rustix::fs::fstat(fd).map(|stat| stat.st_mode);
        let to = match mode.map(FileType::from_raw_mode) {
            Ok(FileType::Fifo | FileType::CharacterDevice) => {
                let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
                rustix::fs::open(path, flags, Mode::empty()).map_or(To::Shared(fd), To::Own)
            }
            Ok(FileType::Socket) => To::Socket(fd),
            Ok(FileType::RegularFile) => To::File(fd),
            _ => To::Shared(fd),
        };
        Self {
            name,
            to,
            has_failed: false,
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.to {
            To::Own(fd) => fd.as_fd(),
            To::Socket(fd) | To::Shared(fd) | To::File(fd) => fd.as_fd(),
        }
    }

    fn write(&self, bytes: &[u8]) -> rustix::io::Result<usize> {
        match &self.to {
            To::Own(fd) => rustix::io::write(fd, bytes),
            To::File(fd) => rustix::io::write(fd, bytes),
            To::Socket(fd) => send(fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            To::Shared(fd) => {
                let mut fds = [PollFd::new(fd, PollFlags::OUT)];
                if poll(&mut fds, Some(&Timespec::default()))? == 0 {
                    return Err(Errno::AGAIN);
                }
                let most = bytes.len().min(ATOMIC);
                rustix::io::write(fd, bytes.get(..most).unwrap_or(bytes))
            }
        }
    }

    /// What to tell of a failure, if nothing was told yet.
    fn failed(&mut self, errno: Errno) -> Option<String> {
        (!std::mem::replace(&mut self.has_failed, true)).then(|| {
            let name = self.name;
            format!("not all of the output could be written to {name}: {errno}")
        })
    }
}
