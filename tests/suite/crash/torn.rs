//! A call that is killed inside a write leaves the beginning of a line: nobody takes it for one, and the next writer cuts
//! it off.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::calls::{self, Before, Call, registry};
use super::check::{Next, expected, goes_on};
use super::strace::{Injection, Site, inject, sites};
use super::two_at_a_time;
use crate::env::Env;
use crate::state::State;

/// Kills `call` in each of its writes, when some bytes, half the line, all but its newline are there.
fn survives_torn_lines(call: &Call, before: Before) {
    let registry = registry(call, before);
    let start = State::read(&registry.home());
    let expected = expected(call, &registry);
    let counted = Env::copy_of(registry.root());
    let sites = sites(&counted, call.args);
    let torn: Vec<(&Site, &Path, Vec<u8>)> = sites
        .iter()
        .filter_map(|site| {
            let (path, line) = site.written()?;
            let path = Path::new(path).strip_prefix(counted.home()).ok()?;
            // A document is written aside and only then takes its name.
            (line.ends_with(b"\n") && path.extension()? == "jsonl").then_some((site, path, line))
        })
        .flat_map(|(site, path, line)| {
            let beginnings = [1, 30, line.len() / 2, line.len() - 1];
            beginnings.map(|length| (site, path, line[..length].to_vec()))
        })
        .collect();
    assert!(torn.len() >= 4, "it writes no line: {sites:#?}");
    two_at_a_time(&torn, |(site, path, beginning)| {
        for next in [Next::SameTask, Next::OtherTask, Next::Retry] {
            let env = Env::copy_of(registry.root());
            inject(&env, call.args, site, Injection::Kill);
            let path = in_this_run(&env, path);
            let file = OpenOptions::new().append(true).open(&path);
            let mut file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            file.write_all(beginning).expect("the beginning of a line");
            let at = format!(
                "{:?} torn after {} bytes of {site}",
                call.args,
                beginning.len()
            );
            goes_on(call, &env, next, &start, &expected, &at);
        }
    });
    println!("{:?} {before:?}: {} torn lines", call.args, torn.len());
}

/// A task that is being built has a made-up name in each run.
fn in_this_run(env: &Env, path: &Path) -> PathBuf {
    let is_building = |name: &str| name.starts_with(".new-");
    path.iter().fold(env.home(), |dir, part| {
        if !is_building(part.to_str().expect("UTF-8")) {
            return dir.join(part);
        }
        let mut entries = std::fs::read_dir(&dir)
            .expect("the tasks")
            .map(|entry| entry.unwrap());
        let found = entries.find(|entry| is_building(entry.file_name().to_str().unwrap()));
        found.expect("the task that is being built").path()
    })
}

#[test]
fn lines_torn_while_a_task_is_opened_are_no_lines() {
    survives_torn_lines(&calls::FIRST_TASK, Before::Other);
    survives_torn_lines(&calls::TASK_NEW, Before::OtherUnapplied);
}

#[test]
fn lines_torn_while_a_task_is_closed_are_no_lines() {
    survives_torn_lines(&calls::TASK_CLOSE, Before::Other);
    survives_torn_lines(&calls::TASK_CLOSE_FORCE, Before::Other);
}

#[test]
fn lines_torn_while_an_agent_is_registered_are_no_lines() {
    survives_torn_lines(&calls::REGISTER, Before::Own);
    survives_torn_lines(&calls::REGISTER, Before::OwnUnapplied);
    survives_torn_lines(&calls::REGISTER, Before::OtherUnapplied);
}

#[test]
fn lines_torn_while_an_agent_ends_are_no_lines() {
    survives_torn_lines(&calls::COMPLETED, Before::Other);
    survives_torn_lines(&calls::FAILED, Before::OwnUnapplied);
}

#[test]
fn lines_torn_while_an_agent_reports_are_no_lines() {
    survives_torn_lines(&calls::REPORT, Before::OwnUnapplied);
    survives_torn_lines(&calls::FINDING, Before::OwnUnapplied);
}

#[test]
fn lines_torn_while_a_workspace_is_imported_are_no_lines() {
    survives_torn_lines(&calls::IMPORT, Before::Other);
}
