//! A repair that is killed at any of its system calls is made again and ends as if it had been made once.

use std::fs;

use super::{is_right, registry, statuses};
use crate::crash::strace::{Injection, Site, inject, sites};
use crate::crash::{Seen, two_at_a_time};
use crate::env::Env;
use crate::snapshot;

/// Kills the repair of what `damage` does before each of its system calls.
fn survives(damage: impl Fn(&Env) + Sync) {
    survives_at(|_| true, damage);
}

/// Kills it before those of its system calls alone. A death before one that only reads leaves what the next one that
/// changes something would find.
fn survives_at(is_tried: impl Fn(&Site) -> bool, damage: impl Fn(&Env) + Sync) {
    let whole = registry();
    let known = statuses(&whole);
    damage(&whole);
    let args = ["doctor", "--repair"];
    let mut sites = sites(&Env::copy_of(whole.root()), &args);
    sites.retain(is_tried);
    assert!(sites.iter().filter(|site| site.writes_file()).count() > 0);
    let seen = Seen::default();
    two_at_a_time(&sites, |site| {
        let at = format!("killed at {site}");
        let env = Env::copy_of(whole.root());
        inject(&env, &args, site, Injection::Kill);
        if !seen.is_new(snapshot::likeness(&env.home())) {
            return;
        }
        let ran = env.run(&args);
        assert_eq!(ran.code, Some(0), "{at}: {}{}", ran.stdout, ran.stderr);
        is_right(&env, &at);
        assert_eq!(statuses(&env), known, "{at}");
        env.agent("T", "later");
        is_right(&env, &format!("{at}, then written to"));
    });
    println!("{} deaths, {} states", sites.len(), seen.number());
}

#[test]
fn the_repair_of_a_journal_that_is_cut_survives_death_at_every_step() {
    survives(|env| {
        let path = env.home().join("journal.jsonl");
        let text = fs::read(&path).expect("the journal");
        fs::write(&path, &text[..text.len() / 2]).expect("the journal");
    });
}

#[test]
fn the_repair_of_a_lost_log_survives_death_at_every_step() {
    survives(|env| {
        let logs = env.task_dir("T").join("agents");
        fs::remove_file(logs.join("ended/c.jsonl")).expect("a log");
        fs::write(logs.join("active/a.jsonl"), "").expect("a log");
    });
}

#[test]
fn the_repair_of_a_tasks_journal_survives_death_at_every_step() {
    survives(|env| {
        fs::write(env.task_dir("T").join("journal.jsonl"), "").expect("a journal");
    });
}

#[test]
fn the_deletion_of_a_removed_task_survives_death_at_every_step() {
    survives(|env| {
        fs::remove_dir_all(env.home().join("closed/C")).expect("a directory");
    });
}

#[test]
fn the_repair_of_an_emptied_task_survives_death_at_every_step() {
    survives_at(Site::changes, |env| {
        let dir = env.task_dir("T");
        fs::remove_dir_all(&dir).expect("a directory");
        crate::env::make_private_dir(&dir);
    });
}

#[test]
fn the_repair_of_a_journal_with_a_gap_survives_death_at_every_step() {
    survives_at(Site::changes, |env| {
        let path = env.home().join("journal.jsonl");
        let text = fs::read(&path).expect("the journal");
        let mut lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
        // The last change of a task that is not the last to have changed.
        lines.remove(lines.len() - 3);
        fs::write(&path, lines.concat()).expect("the journal");
    });
}
