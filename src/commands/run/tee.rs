//! Output that is kept as well as shown: two pumps, one for each stream.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::AsFd;
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

const CHUNK: usize = 64 * 1024;

/// The pumps of one command.
pub struct Tee {
    stop: PipeWriter,
    pumps: Vec<JoinHandle<()>>,
}

impl Tee {
    /// Pumps into `file` and this process's own streams what is written to the two that come with it.
    pub fn start(file: File) -> io::Result<(Self, PipeWriter, PipeWriter)> {
        let (stopped, stop) = io::pipe()?;
        let (out, stdout) = io::pipe()?;
        let (err, stderr) = io::pipe()?;
        let out = Pump {
            from: out,
            stopped: stopped.try_clone()?,
            file: file.try_clone()?,
        };
        let err = Pump {
            from: err,
            stopped,
            file,
        };
        let pumps = vec![
            std::thread::spawn(move || out.run(&mut io::stdout())),
            std::thread::spawn(move || err.run(&mut io::stderr())),
        ];
        Ok((Self { stop, pumps }, stdout, stderr))
    }

    /// Shows and keeps what the command has written, not what somebody it left behind may still write.
    pub fn finish(self) {
        drop(self.stop);
        for pump in self.pumps {
            let _ = pump.join();
        }
    }
}

struct Pump {
    from: PipeReader,
    stopped: PipeReader,
    file: File,
}

impl Pump {
    /// Ends at the end of the stream; when it was stopped and nothing is there; and when nobody looks any more, so that
    /// the command hears of that as it would without a pump.
    fn run(mut self, to: &mut dyn Write) {
        let mut chunk = vec![0; CHUNK];
        let mut is_stopped = false;
        loop {
            let Ok((ready, stop)) = self.wait(is_stopped) else {
                return;
            };
            is_stopped |= stop;
            if !ready {
                if is_stopped {
                    return;
                }
                continue;
            }
            match rustix::io::read(&self.from, &mut chunk) {
                Ok(0) => return,
                Ok(length) => {
                    // A full disk keeps nothing; the command goes on.
                    let _ = self.file.write_all(&chunk[..length]);
                    if to
                        .write_all(&chunk[..length])
                        .and_then(|()| to.flush())
                        .is_err()
                    {
                        return;
                    }
                }
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    /// Whether there is something to read, and whether to stop.
    fn wait(&self, is_stopped: bool) -> Result<(bool, bool), Errno> {
        let mut fds = vec![PollFd::from_borrowed_fd(self.from.as_fd(), PollFlags::IN)];
        if !is_stopped {
            fds.push(PollFd::from_borrowed_fd(
                self.stopped.as_fd(),
                PollFlags::IN,
            ));
        }
        let now = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        match rustix::event::poll(&mut fds, is_stopped.then_some(&now)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok((false, false)),
            Err(errno) => return Err(errno),
        }
        let told = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        Ok((told(0), told(1)))
    }
}
