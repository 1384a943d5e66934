//! A call that is killed at any of its system calls happened or did not, and nobody has to know which.

use super::calls::{self, Before, Call, registry};
use super::check::{Next, expected, goes_on};
use super::strace::{Injection, Site, inject, sites};
use super::{Seen, two_at_a_time};
use crate::env::Env;
use crate::snapshot;
use crate::state::State;

/// Kills `call` before each of its system calls, in registries of all these kinds.
fn survives(call: &Call, befores: &[Before]) {
    for &before in befores {
        let registry = registry(call, before);
        let start = State::read(&registry.home());
        let expected = expected(call, &registry);
        let sites = sites(&Env::copy_of(registry.root()), call.args);
        let hits = |what: fn(&Site) -> bool| sites.iter().filter(|site| what(site)).count();
        let (writes, locks, syncs) = (
            hits(Site::writes_file),
            hits(Site::locks),
            hits(Site::syncs),
        );
        assert!(
            writes > 0 && locks > 0 && syncs > 0,
            "{writes} {locks} {syncs}: {sites:#?}"
        );
        let seen = Seen::default();
        two_at_a_time(&sites, |site| {
            let env = Env::copy_of(registry.root());
            let at = format!("{:?} {before:?} killed at {site}", call.args);
            inject(&env, call.args, site, Injection::Kill);
            if !seen.is_new(snapshot::likeness(&env.home())) {
                return;
            }
            for next in [Next::SameTask, Next::OtherTask, Next::Retry] {
                let env = Env::copy_of(env.root());
                goes_on(call, &env, next, &start, &expected, &at);
            }
        });
        println!(
            "{:?} {before:?}: {} deaths ({writes} at writes, {locks} at locks, {syncs} at syncs), {} states",
            call.args,
            sites.len(),
            seen.number()
        );
    }
}

#[test]
fn the_first_task_new_of_a_home_survives_death_at_every_step() {
    survives(&calls::FIRST_TASK, &[Before::Other]);
}

#[test]
fn task_new_survives_death_at_every_step() {
    survives(&calls::TASK_NEW, &[Before::Other, Before::OtherUnapplied]);
}

#[test]
fn task_set_survives_death_at_every_step() {
    survives(&calls::TASK_SET, &[Before::Other, Before::OwnUnapplied]);
}

#[test]
fn task_close_survives_death_at_every_step() {
    survives(
        &calls::TASK_CLOSE,
        &[Before::Other, Before::OpeningUnapplied],
    );
}

#[test]
fn task_close_force_survives_death_at_every_step() {
    survives(
        &calls::TASK_CLOSE_FORCE,
        &[Before::Other, Before::OwnUnapplied],
    );
}

#[test]
fn register_survives_death_at_every_step() {
    survives(
        &calls::REGISTER,
        &[Before::Own, Before::Other, Before::Torn],
    );
}

#[test]
fn register_survives_death_at_every_step_of_what_killed_calls_left_to_it() {
    survives(
        &calls::REGISTER,
        &[
            Before::OwnUnapplied,
            Before::OtherUnapplied,
            Before::OpeningUnapplied,
            Before::ClosingUnapplied,
        ],
    );
}

#[test]
fn a_completion_survives_death_at_every_step() {
    survives(
        &calls::COMPLETED,
        &[Before::Own, Before::Other, Before::Torn],
    );
}

#[test]
fn a_completion_survives_death_at_every_step_of_what_killed_calls_left_to_it() {
    survives(
        &calls::COMPLETED,
        &[Before::OwnUnapplied, Before::OtherUnapplied],
    );
}

#[test]
fn a_failure_survives_death_at_every_step() {
    survives(&calls::FAILED, &[Before::Other]);
}

#[test]
fn terminate_survives_death_at_every_step() {
    survives(
        &calls::TERMINATE,
        &[Before::Own, Before::OwnUnapplied, Before::OtherUnapplied],
    );
}

#[test]
fn reap_survives_death_at_every_step() {
    survives(
        &calls::REAP,
        &[Before::Own, Before::OwnUnapplied, Before::OtherUnapplied],
    );
}

#[test]
fn a_report_survives_death_at_every_step() {
    survives(
        &calls::REPORT,
        &[Before::Own, Before::OwnUnapplied, Before::Torn],
    );
}

#[test]
fn a_finding_survives_death_at_every_step() {
    survives(
        &calls::FINDING,
        &[Before::Other, Before::OwnUnapplied, Before::Torn],
    );
}

#[test]
fn import_survives_death_at_every_step() {
    survives(&calls::IMPORT, &[Before::Other]);
}

#[test]
fn config_survives_death_at_every_step() {
    survives(&calls::CONFIG, &[Before::Other]);
}
