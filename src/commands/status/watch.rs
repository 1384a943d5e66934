//! `status --watch`: on a terminal redrawn in place, into a pipe a block a change.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use agentreg::model::{TaskId, TaskStatus};
use agentreg::store::{Pace, Watched, Watcher};

use super::super::Outcome;
use super::super::context::{Context, now};
use super::{Page, wanted};
use crate::cli::StatusArgs;
use crate::output::{
    Answer, Failure, Heard, Screen, Terminal, aside, escape, listen, nobody_reads, say,
};

/// So often it is looked whether anybody still reads.
const HEARTBEAT: Duration = Duration::from_millis(500);

pub fn run(
    args: &StatusArgs,
    context: &Context,
    task: Option<&TaskId>,
    pause: Duration,
) -> Outcome {
    // What is watched from here on is looked at after this.
    let mut scope = vec![Watched::Machine];
    if let Some(task) = task {
        scope.extend([Watched::Reports(task), Watched::Task(task)]);
    }
    let watcher = context.store()?.watcher(&scope, Pace::Sparing)?;
    let watch = Watch {
        args,
        context,
        task,
        pause,
    };
    let is_drawn = !context.json() && !context.quiet() && Screen::is_there();
    if is_drawn {
        watch.draw(watcher)
    } else {
        watch.print(watcher)
    }
}

struct Watch<'a> {
    args: &'a StatusArgs,
    context: &'a Context,
    task: Option<&'a TaskId>,
    pause: Duration,
}

/// What wakes the loop that draws.
enum Wake {
    Changed(Result<(), Failure>),
    Heard(Heard),
}

impl Watch<'_> {
    fn read(&self) -> Result<Page, Failure> {
        match self.task {
            Some(task) => {
                let store = self.context.store()?;
                let view = store.view(task, wanted(self.args))?;
                Ok(Page::of_task(store, view, self.args))
            }
            None => Page::overview(self.args, self.context),
        }
    }

    /// The page with what was passed over at its end: standard error may be the same screen.
    fn show(&self, page: &Page, terminal: &Terminal) -> String {
        let mut text = page.show(self.args, self.context, terminal, now());
        if !self.context.json() && !self.context.quiet() {
            for warning in page.warnings() {
                text.push_str(&escape(&warning));
                text.push('\n');
            }
        }
        text
    }

    /// A block whenever something changed, until the task is closed or nobody reads any more.
    fn print(&self, mut watcher: Box<dyn Watcher>) -> Outcome {
        let mut last: Option<Page> = None;
        loop {
            let page = self.read()?;
            if last.as_ref() != Some(&page) {
                let terminal = self.context.terminal();
                let mut text = self.show(&page, &terminal);
                if last.is_some() && !self.context.json() {
                    text.insert(0, '\n');
                }
                if !say(text.as_bytes())? {
                    return Ok(Answer::nothing());
                }
            }
            let closed =
                matches!(&page, Page::Task(view, _) if view.state.status == TaskStatus::Closed);
            if closed {
                return Ok(Answer::nothing());
            }
            last = Some(page);
            let until = Instant::now() + self.pause;
            loop {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() || watcher.wait(left.min(HEARTBEAT))? {
                    break;
                }
                if nobody_reads() {
                    return Ok(Answer::nothing());
                }
            }
        }
    }

    /// The page on a screen of its own, until somebody ends it.
    fn draw(&self, watcher: Box<dyn Watcher>) -> Outcome {
        let (wakes, woken) = mpsc::channel();
        let mut pages = Pages::new(self.read()?, self.pause);
        let heard = wakes.clone();
        listen(move |what| heard.send(Wake::Heard(what)).is_ok())?;
        let mut screen = Screen::enter()?;
        let looked = watch_changes(watcher, wakes)?;
        let mut is_looked_for = true;
        loop {
            let terminal = Screen::within(self.context.terminal());
            let (shown, before) = pages.both(|page| self.show(page, &terminal));
            screen.draw(&shown, &before)?;
            if std::mem::take(&mut is_looked_for) {
                let _ = looked.send(());
            }
            match woken.recv_timeout(self.pause) {
                Ok(Wake::Changed(outcome)) => {
                    outcome?;
                    is_looked_for = true;
                    pages.take(self.read()?);
                }
                Ok(Wake::Heard(Heard::Key(b'q' | b'Q'))) => return Ok(Answer::nothing()),
                Ok(Wake::Heard(Heard::Key(_))) => {}
                Ok(Wake::Heard(Heard::Resized)) => screen.forget(),
                Ok(Wake::Heard(Heard::Continued)) => screen.resume()?,
                Ok(Wake::Heard(Heard::Signal(signal))) => {
                    screen.leave();
                    die_or_stop(signal);
                    screen.resume()?;
                }
                Err(_) => pages.take(self.read()?),
            }
        }
    }
}

/// What the signal does to a process that does not catch it.
fn die_or_stop(signal: i32) {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// The page now, and those before it for as long as their difference is marked.
struct Pages {
    current: Page,
    /// Each with the time when the next took its place.
    before: VecDeque<(Instant, Page)>,
    marked_for: Duration,
}

impl Pages {
    fn new(first: Page, marked_for: Duration) -> Self {
        Self {
            current: first,
            before: VecDeque::new(),
            marked_for,
        }
    }

    fn take(&mut self, page: Page) {
        if page != self.current {
            let old = std::mem::replace(&mut self.current, page);
            self.before.push_back((Instant::now(), old));
        }
    }

    /// The page now, and the one it is compared with; both made at one moment, so that they differ by what changed and
    /// not by the time.
    fn both(&mut self, show: impl Fn(&Page) -> String) -> (String, String) {
        while let Some((replaced, _)) = self.before.front()
            && replaced.elapsed() > self.marked_for
        {
            self.before.pop_front();
        }
        let shown = show(&self.current);
        let before = match self.before.front() {
            Some((_, page)) => show(page),
            None => shown.clone(),
        };
        (shown, before)
    }
}

/// Tells of changes, one at a time: the next only after a look.
fn watch_changes(
    mut watcher: Box<dyn Watcher>,
    wakes: Sender<Wake>,
) -> Result<Sender<()>, Failure> {
    let (looked, waits) = mpsc::channel();
    aside(move || {
        while waits.recv().is_ok() {
            let outcome = loop {
                match watcher.wait(Duration::from_secs(3600)) {
                    Ok(false) => {}
                    Ok(true) => break Ok(()),
                    Err(error) => break Err(Failure::from(error)),
                }
            };
            if wakes.send(Wake::Changed(outcome)).is_err() {
                return;
            }
        }
    })?;
    Ok(looked)
}
