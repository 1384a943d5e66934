//! The end of everything that a command started: asked to end, and after the grace killed until none lives.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, test_kill_process_group};

use super::descendants::{self, Depth, Found, Sent};
use super::group;

/// How often those who were told to end are looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How often those who were killed are: what they forked meanwhile is killed then.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// A pause is so many times as long as the look before it.
const PAUSE_PER_LOOK: u32 = 4;

/// Whose descendants.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    /// Below this process.
    pub(super) root: Pid,
    /// Without these, and what is below them.
    pub(super) but: Vec<Pid>,
    /// The group that is signalled where processes are not shown; none once its number may be another's.
    pub(super) group: Option<Pid>,
}

/// Who is left.
#[derive(Debug)]
pub(super) enum Left {
    /// Nobody.
    Nobody,
    /// These.
    These(Vec<Found>),
    /// Somebody: the system does not show whom.
    Somebody,
}

impl Tree {
    /// Who lives.
    pub(super) fn living(&self) -> Left {
        match descendants::of(self.root, &self.but, Depth::All) {
            Some(found) if found.is_empty() => Left::Nobody,
            Some(found) => Left::These(found),
            None => match self.group.map(test_kill_process_group) {
                None | Some(Err(rustix::io::Errno::SRCH)) => Left::Nobody,
                Some(_) => Left::Somebody,
            },
        }
    }

    /// Signals all; gives those that may not be signalled.
    fn signal(&self, signal: Signal, found: &[Found]) -> Vec<Found> {
        let refuses = |one: &&Found| one.signal(signal, self.root, found) == Sent::Refused;
        found.iter().filter(refuses).copied().collect()
    }

    /// Tells all to end; those that are stopped hear it too.
    fn tell(&self) {
        match descendants::of(self.root, &self.but, Depth::Runs) {
            Some(found) => {
                self.signal(Signal::TERM, &found);
                self.signal(Signal::CONT, &found);
            }
            None => self
                .group
                .into_iter()
                .for_each(|group| group::signal(group, Signal::TERM)),
        }
    }
}

/// An end that was begun.
#[derive(Debug)]
pub(super) struct Ending {
    kill_at: Instant,
    /// Another user's, which are let go: their names.
    let_go: Vec<(Pid, String)>,
    /// Looks in a row that found nobody.
    quiet: u32,
    next_look: Instant,
}

impl Ending {
    /// Tells everybody to end, and will kill after the grace.
    pub(super) fn begin(tree: &Tree, grace: Duration) -> Self {
        tree.tell();
        let now = Instant::now();
        Self {
            // A grace beyond what the clock can tell is for ever.
            kill_at: now
                .checked_add(grace)
                .unwrap_or_else(|| now + Duration::from_secs(u32::MAX.into())),
            let_go: Vec::new(),
            quiet: 0,
            next_look: now,
        }
    }

    /// No more grace.
    pub(super) fn hurry(&mut self) {
        self.kill_at = Instant::now();
        self.next_look = self.kill_at;
    }

    /// How long those who were killed have been dying; none while the grace lasts.
    pub(super) fn killing_since(&self) -> Option<Duration> {
        Instant::now().checked_duration_since(self.kill_at)
    }

    /// How long until the next look is due.
    pub(super) fn left(&self) -> Duration {
        self.next_look.saturating_duration_since(Instant::now())
    }

    /// The names of those that may not be signalled.
    pub(super) fn let_go(&self) -> impl Iterator<Item = &str> {
        self.let_go.iter().map(|(_, name)| name.as_str())
    }

    /// Looks, if that is due, and kills when the grace is over. True when nobody is left.
    pub(super) fn look(&mut self, tree: &Tree) -> bool {
        let begun = Instant::now();
        if begun < self.next_look {
            return false;
        }
        let is_over = begun >= self.kill_at;
        let left = match tree.living() {
            Left::Nobody => false,
            Left::Somebody => {
                if let Some(group) = tree.group.filter(|_| is_over) {
                    group::signal(group, Signal::KILL);
                }
                true
            }
            Left::These(mut found) => {
                found.retain(|one| self.let_go.iter().all(|(pid, _)| *pid != one.pid));
                if is_over {
                    for one in tree.signal(Signal::KILL, &found) {
                        found.retain(|other| *other != one);
                        self.let_go.push((one.pid, one.name()));
                    }
                }
                !found.is_empty()
            }
        };
        self.quiet = if left { 0 } else { self.quiet + 1 };
        let pause = if is_over { LOOK_AGAIN } else { LOOK };
        let pause = pause.max(begun.elapsed() * PAUSE_PER_LOOK);
        // Whoever was not found once is looked for again at once.
        let pause = if left { pause } else { Duration::ZERO };
        self.next_look = Instant::now() + pause;
        if left && !is_over {
            self.next_look = self.next_look.min(self.kill_at.max(begun));
        }
        self.quiet >= 2
    }
}
