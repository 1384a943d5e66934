//! A command that stops, and the terminal it shares with its supervisor.
//!
//! A shell sees the supervisor alone. So when the command stops, of Ctrl-Z or for want of the terminal, the supervisor's
//! own group stops by the same signal: the shell says what it would say of the command, and a `run` around this one
//! learns that the terminal is wanted and hands it on.

use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::group;
use super::terminal::{Terminal, is_orphaned, pass_on, stop_group, stop_self};

/// How often it is looked whether another `run` of this group is done with the terminal.
const LOOK: Duration = Duration::from_millis(50);

/// Whether the command runs, and who has the terminal.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that was seen"
)]
pub struct Stops {
    command: Pid,
    terminal: Option<Terminal>,
    /// Somebody told this process to stop.
    told_to_stop: bool,
    /// Whoever shares this process's group hears what is typed for the command's by its guardian; nobody does at a prompt.
    is_alone: bool,
    /// A signal that was typed was passed on.
    has_passed_on: bool,
    /// The command had the terminal, or wanted it, when it was last stopped.
    wants_terminal: bool,
    /// By this the command stopped for want of the terminal, which another `run` of this group gave to its command.
    queues: Option<Signal>,
}

impl Stops {
    /// Those of the group that `command` leads.
    pub fn of(command: Pid) -> Self {
        Self {
            command,
            terminal: Terminal::controlling(),
            told_to_stop: false,
            is_alone: false,
            has_passed_on: false,
            wants_terminal: false,
            queues: None,
        }
    }

    /// Hands the terminal over before the command asks for it, if nobody else can need it: some programs look.
    pub fn begin(&mut self) {
        let command = self.command;
        if let Some(terminal) = self.terminal.as_mut().filter(|it| it.is_for_us_alone()) {
            self.is_alone = terminal.hand_to(command);
        }
    }

    /// Whether somebody besides the command would miss what is typed.
    pub fn needs_an_ear(&self) -> bool {
        !self.is_alone && self.terminal.as_ref().is_some_and(Terminal::is_handed)
    }

    /// This was typed while the terminal listened to the command's group: without `run` the caller's would have heard it.
    pub fn typed(&mut self, signal: Signal) {
        self.has_passed_on = true;
        pass_on(signal);
    }

    /// This process was told to stop: so is the command.
    pub fn told_to_stop(&mut self) {
        if is_orphaned() {
            return;
        }
        if self.queues.take().is_some() {
            // The command has stopped already.
            self.wants_terminal = true;
            stop_self(Signal::TSTP);
            return;
        }
        self.told_to_stop = true;
        group::signal(self.command, Signal::TSTP);
    }

    /// This process goes on: so does the command.
    pub fn go_on(&mut self) {
        self.queues = None;
        let wants = std::mem::take(&mut self.wants_terminal);
        if let Some(terminal) = self.terminal.as_mut().filter(|_| wants) {
            terminal.hand_to(self.command);
        }
        group::signal(self.command, Signal::CONT);
    }

    /// The command has stopped.
    pub fn stopped(&mut self, signal: Signal) {
        let told = std::mem::take(&mut self.told_to_stop);
        let wants_terminal = matches!(signal, Signal::TTIN | Signal::TTOU);
        let was_handed = self.terminal.as_ref().is_some_and(Terminal::is_handed);
        if wants_terminal {
            self.queues = Some(signal);
            if !self.is_to_stop() {
                return;
            }
        }
        let typed = self.terminal.is_some() && (was_handed || signal != Signal::STOP);
        if !told && !typed {
            return;
        }
        if is_orphaned() {
            self.stopped_alone(signal);
            return;
        }
        self.wants_terminal = was_handed || wants_terminal;
        match &mut self.terminal {
            Some(terminal) if self.wants_terminal => {
                terminal.take_back(self.command);
                stop_group(signal);
            }
            _ => stop_self(signal),
        }
        // Whoever continues this process is heard, and the command goes on too.
    }

    /// Nobody would continue this process if it stopped. The kernel discards Ctrl-Z then, and sends SIGHUP to who cannot
    /// go on without a shell.
    fn stopped_alone(&self, signal: Signal) {
        match signal {
            Signal::STOP => {}
            Signal::TSTP => group::signal(self.command, Signal::CONT),
            _ => group::signal(self.command, Signal::HUP),
        }
    }

    /// When to call [`Self::look`], if nothing happens before.
    pub fn next_look(&self) -> Option<Duration> {
        self.queues.map(|_| LOOK)
    }

    /// Looks whether a command that waits for the terminal can have it.
    pub fn look(&mut self) {
        if let Some(signal) = self.queues
            && self.is_to_stop()
        {
            self.stopped(signal);
        }
    }

    /// Hands the terminal to the command, which wants it. True if nobody here could: it is to stop.
    fn is_to_stop(&mut self) -> bool {
        let Some(terminal) = &mut self.terminal else {
            self.queues = None;
            return true;
        };
        if terminal.hand_to(self.command) {
            self.queues = None;
            group::signal(self.command, Signal::CONT);
            return false;
        }
        let waits = terminal.is_with_a_sibling(self.command);
        if !waits {
            self.queues = None;
        }
        !waits
    }

    /// The command has ended, killed by this signal if by one.
    pub fn ended(&mut self, signal: Option<Signal>) {
        let Some(terminal) = &mut self.terminal else {
            return;
        };
        let was_handed = terminal.is_handed();
        terminal.take_back(self.command);
        // Ctrl-C was heard by the command's group alone, unless its guardian has told of it.
        let typed = signal.filter(|signal| matches!(*signal, Signal::INT | Signal::QUIT));
        if let Some(signal) = typed.filter(|_| was_handed && !self.has_passed_on) {
            self.has_passed_on = true;
            pass_on(signal);
        }
    }
}
