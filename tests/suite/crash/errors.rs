//! A system call that fails makes a clear error before the commit and at most a warning after it.

use super::calls::{self, Before, Call, registry};
use super::check::{Next, expected, goes_on};
use super::strace::{Injection, Site, inject, sites};
use super::{Seen, two_at_a_time};
use crate::env::{Env, Ran};
use crate::snapshot;
use crate::state::State;

/// Makes each system call of `call` fail in turn.
fn is_told(call: &Call, before: Before) {
    let registry = registry(call, before);
    let start = State::read(&registry.home());
    let expected = expected(call, &registry);
    let sites = sites(&Env::copy_of(registry.root()), call.args);
    let seen = Seen::default();
    let failures: Vec<(&Site, &'static str)> = ["ENOSPC", "EIO", "EINTR"]
        .into_iter()
        .flat_map(|errno| sites.iter().map(move |site| (site, errno)))
        // An end cannot fail. A close that fails has closed all the same, but strace leaves it out.
        .filter(|(site, _)| site.name != "exit_group" && site.name != "close")
        // What cannot be read of a workspace is damage to it, and told at the end of the import.
        .filter(|(site, _)| !reads_workspace(site))
        .collect();
    two_at_a_time(&failures, |&(site, errno)| {
        let env = Env::copy_of(registry.root());
        let at = format!("{:?} {before:?} with {errno} at {site}", call.args);
        let ran = inject(&env, call.args, site, Injection::Error(errno));
        judge(call, site, errno, &ran, &State::read(&env.home()), &at);
        let mut outcome = snapshot::likeness(&env.home());
        outcome.push(u8::from(ran.code == Some(0)));
        if seen.is_new(outcome) {
            let next = [Next::SameTask, Next::OtherTask, Next::Retry][site.nth % 3];
            goes_on(call, &env, next, &start, &expected, &at);
        }
    });
    println!(
        "{:?} {before:?}: {} failures, {} outcomes",
        call.args,
        failures.len(),
        seen.number()
    );
}

fn reads_workspace(site: &Site) -> bool {
    site.text.contains("/old>") || site.text.contains("/old/") || site.text.contains("\"old")
}

/// What the call said and what the registry shows agree.
fn judge(call: &Call, site: &Site, errno: &str, ran: &Ran, left: &State, at: &str) {
    let happened = (!call.begins || !left.journal.is_empty()) && (call.happened)(left);
    match ran.code {
        Some(0) => {
            assert!(happened, "{at}: it exits 0 and did nothing");
            // What one commit of several left undone the next one did.
            let is_one_commit = !call.args.contains(&"--force");
            let is_undone = errno != "EINTR" && (site.writes_file() || site.syncs());
            let is_warned = ran.stderr.starts_with("agentreg: warning: cannot ");
            assert!(
                is_warned || !is_undone || !is_one_commit,
                "{at}: no warning: {:?}",
                ran.stderr
            );
        }
        Some(1) => {
            assert_ne!(
                errno, "EINTR",
                "{at}: an interruption is a reason to try again: {}",
                ran.stderr
            );
            // An answer that nobody could read; or a line that is there and not known to be on disk.
            let may_have_happened = site.answers() || (site.syncs() && !is_lifecycle(call));
            assert!(
                !happened || may_have_happened,
                "{at}: it exits 1 and happened: {}",
                ran.stderr
            );
            let sentence = ran.stderr.lines().next().unwrap_or_default();
            let names_what = sentence.contains('/') || sentence.contains("standard output");
            // Whoever repeats a report that is there reports twice.
            let is_told =
                sentence.contains(" written and may not survive a power cut: cannot sync ");
            assert_eq!(
                is_told,
                happened && !site.answers(),
                "{at}: it says {:?}",
                ran.stderr
            );
            let is_unanswered =
                site.answers() && sentence.contains(", but its id could not be printed: ");
            assert!(
                (sentence.starts_with("agentreg: cannot ") && names_what)
                    || is_told
                    || (is_unanswered && happened),
                "{at}: it says {:?}",
                ran.stderr
            );
        }
        code => panic!("{at}: it exits {code:?}: {}", ran.stderr),
    }
}

fn is_lifecycle(call: &Call) -> bool {
    !(call.repeats || matches!(call.args, ["config", ..] | ["task", "set", ..]))
}

#[test]
fn the_first_task_new_of_a_home_tells_what_failed() {
    is_told(&calls::FIRST_TASK, Before::Other);
}

#[test]
fn task_new_tells_what_failed() {
    is_told(&calls::TASK_NEW, Before::Other);
}

#[test]
fn task_set_tells_what_failed() {
    is_told(&calls::TASK_SET, Before::Other);
}

#[test]
fn task_close_tells_what_failed() {
    is_told(&calls::TASK_CLOSE, Before::Other);
}

#[test]
fn task_close_force_tells_what_failed() {
    is_told(&calls::TASK_CLOSE_FORCE, Before::Other);
}

#[test]
fn register_tells_what_failed() {
    is_told(&calls::REGISTER, Before::Other);
}

#[test]
fn register_tells_what_failed_while_it_finished_what_a_killed_call_left() {
    is_told(&calls::REGISTER, Before::OwnUnapplied);
}

#[test]
fn a_completion_tells_what_failed() {
    is_told(&calls::COMPLETED, Before::Other);
}

#[test]
fn a_failure_tells_what_failed() {
    is_told(&calls::FAILED, Before::Own);
}

#[test]
fn a_report_tells_what_failed() {
    is_told(&calls::REPORT, Before::Torn);
}

#[test]
fn a_finding_tells_what_failed() {
    is_told(&calls::FINDING, Before::Torn);
}

#[test]
fn import_tells_what_failed() {
    is_told(&calls::IMPORT, Before::Other);
}

#[test]
fn config_tells_what_failed() {
    is_told(&calls::CONFIG, Before::Other);
}
