//! A disk that fills up in the middle of a line: the call says so and nothing acknowledged is lost or miscounted.
//!
//! The disk is a tmpfs of one megabyte. It fills up page by page, so a line that crosses into a page that is not there
//! is written up to it: message lengths and free pages vary until each file's line was cut. Only root can mount one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::crash::calls::{self, Before, Call, registry};
use crate::crash::check::{Next, expected, goes_on};
use crate::crash::strace::{Injection, Site, count_short_writes, inject};
use crate::env::{Env, Ran};
use crate::state::State;

const PAGE: usize = 4096;

struct SmallDisk {
    place: TempDir,
}

impl SmallDisk {
    /// A small disk; none, and a word of it, where this user may not mount one.
    fn mount() -> Option<Self> {
        let place = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=1m,mode=700", "agentreg-test"]);
        let output = command.arg(place.path()).output();
        match output {
            Ok(output) if output.status.success() => Some(Self { place }),
            refused => {
                println!("skipped: a tmpfs cannot be mounted here, which takes root: {refused:?}");
                None
            }
        }
    }

    /// Fills it up but for so many pages; what does that is to be removed later.
    fn fill(&self, free_pages: usize) -> PathBuf {
        let path = self.place.path().join("filler");
        let mut filler = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .expect("a file");
        while filler.write_all(&[0; PAGE]).is_ok() {}
        let size = filler.metadata().expect("its size").len();
        File::set_len(&filler, size - (free_pages * PAGE) as u64).expect("some space");
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.place.path())
            .status();
    }
}

/// Makes `call`, with so much longer messages, while the disk has ever more free pages, until it succeeds.
fn stands_a_full_disk(call: &Call, lengths: &[usize]) {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let (mut refused, mut short) = (0, 0);
    for length in lengths {
        let call = call.longer_by(*length);
        let registry = registry(&call, Before::Other);
        if !call.begins {
            leave_in_the_last_page(&registry, 60);
        }
        let start = State::read(&registry.home());
        let expected = expected(&call, &registry);
        for free_pages in 0.. {
            assert!(free_pages < 60, "{:?} never succeeds", call.args);
            let at = format!(
                "{} longer by {length} with {free_pages} free pages",
                call.args[0]
            );
            let again = |env: &Env, at: &str| {
                let next = [Next::SameTask, Next::OtherTask, Next::Retry][free_pages % 3];
                goes_on(&call, env, next, &start, &expected, at);
            };
            let env = Env::copy_within(disk.place.path(), registry.root());
            let filler = disk.fill(free_pages);
            let (ran, cut_writes, cuts) = count_short_writes(&env, call.args);
            std::fs::remove_file(&filler).expect("space again");
            judge(&call, &ran, &State::read(&env.home()), &at);
            again(&env, &at);
            drop(env);
            for nth in 1..=cuts {
                let env = Env::copy_within(disk.place.path(), registry.root());
                let filler = disk.fill(free_pages);
                die_at_cut(&env, &call, nth);
                std::fs::remove_file(&filler).expect("space again");
                again(&env, &format!("{at}, killed at cut {nth}"));
            }
            refused += usize::from(ran.code == Some(1));
            short += cut_writes;
            if ran.code == Some(0) && ran.stderr.is_empty() {
                break;
            }
        }
    }
    println!(
        "{:?}: refused {refused} times, {short} writes cut short",
        call.args
    );
    assert!(refused > 0, "the disk was never full");
    let appends = !call.begins && !matches!(call.args, ["config", ..] | ["task", "set", ..]);
    assert!(short > 0 || !appends, "no write was cut short");
}

/// Fills the journal up to so many bytes before its page ends, so that the next commit crosses into another page.
fn leave_in_the_last_page(env: &Env, left: usize) {
    let journal = |env: &Env| {
        std::fs::metadata(env.home().join("journal.jsonl"))
            .unwrap()
            .len()
    };
    let end_with = |env: &Env, length: usize| {
        let message = "x".repeat(length);
        let agent = ["progress", "--task", "O", "--agent", "last", "-s", "failed"];
        env.ok(&[&agent[..], &["-m", &message]].concat());
        usize::try_from(journal(env)).unwrap()
    };
    let with_one = end_with(&Env::copy_of(env.root()), 1);
    let missing = (2 * PAGE - left - with_one % PAGE) % PAGE;
    assert_eq!((end_with(env, 1 + missing) + left) % PAGE, 0);
}

/// What it says is so.
fn judge(call: &Call, ran: &Ran, left: &State, at: &str) {
    let happened = (!call.begins || !left.journal.is_empty()) && (call.happened)(left);
    let stderr = &ran.stderr;
    match ran.code {
        Some(0) => assert!(happened, "{at}: it exits 0 and did nothing"),
        Some(1) => {
            assert!(!happened, "{at}: it exits 1 and happened: {stderr}");
            let says_so =
                stderr.starts_with("agentreg: cannot ") && stderr.contains("No space left");
            assert!(
                says_so && stderr.contains("hint: free some space"),
                "{at}: it says {stderr}"
            );
        }
        code => panic!("{at}: it exits {code:?}: {stderr}"),
    }
}

/// The call dies when it is about to take off what the disk took of a line.
fn die_at_cut(env: &Env, call: &Call, nth: usize) {
    let cut = Site {
        name: "ftruncate".to_owned(),
        nth,
        text: "a cut".to_owned(),
    };
    inject(env, call.args, &cut, Injection::Kill);
}

const LENGTHS: [usize; 6] = [0, 700, 1_900, 3_300, 5_000, 12_000];

#[test]
fn a_report_on_a_full_disk_is_refused_and_nothing_is_lost() {
    stands_a_full_disk(&calls::REPORT, &LENGTHS);
}

#[test]
fn a_finding_on_a_full_disk_is_refused_and_nothing_is_lost() {
    stands_a_full_disk(&calls::FINDING, &LENGTHS);
}

#[test]
fn a_completion_on_a_full_disk_happens_whole_or_not() {
    stands_a_full_disk(&calls::COMPLETED, &LENGTHS);
}

#[test]
fn a_failure_on_a_full_disk_happens_whole_or_not() {
    stands_a_full_disk(&calls::FAILED, &LENGTHS);
}

#[test]
fn a_registration_on_a_full_disk_happens_whole_or_not() {
    stands_a_full_disk(&calls::REGISTER, &[0, 300, 600, 1_000]);
}

#[test]
fn tasks_and_settings_on_a_full_disk_change_whole_or_not() {
    for call in [
        calls::FIRST_TASK,
        calls::TASK_NEW,
        calls::TASK_SET,
        calls::TASK_CLOSE,
        calls::TASK_CLOSE_FORCE,
        calls::CONFIG,
        calls::IMPORT,
    ] {
        stands_a_full_disk(&call, &[0]);
    }
}
