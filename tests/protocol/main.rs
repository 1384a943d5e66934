//! The lock-and-commit protocol, checked as a model.
//!
//! Three processes call the program on two tasks; [stateright] searches every order of their steps, with a death before every step
//! and in the middle of every append, with a power cut at every moment that keeps any subset of the unsynced writes, and, in one
//! scenario, with a failure of any write or sync; others have readers, deletions, and a hand in the files. In every state that is reached, the files are recovered as the next writer would
//! recover them, and must then keep the promises of [`properties`]. Leaving out a part of the protocol ([`model::Omission`]) must
//! break a promise: that shows that the part is needed, and that the model would notice.
//!
//! | here | in the design |
//! |---|---|
//! | [`disk`] | the files, and what the page cache, a sync and a power cut make of them |
//! | [`records`] | the lines of the journals and logs; the pure decision (step 2) |
//! | [`rule`] | what a task's rev means beside the journal's last line; the recount of a home of another identity |
//! | [`steps`] | the hot path; a lifecycle change, steps 1 to 3; failing syscalls |
//! | [`apply`] | steps 4 and 5, and redo, which is the same with a look first; removing what was deleted |
//! | [`readers`] | a task's view and the overview, without a lock |
//! | [`tampering`] | journals that are cut back, a copy of the home made while calls run |
//! | [`recovery`] | what the next writer does |
//! | [`scenarios`] | who calls what |
//!
//! Modelled: the task's lock before the global one; trying another task's lock and starting again; the global journal's tail read
//! without its lock; torn tails; the directory entries of logs and tasks; opening, closing and deleting a task, and using its id
//! again; what the lock files hold; lines of version 0.1.0; moves that fail; retries of killed calls.
//!
//! Not modelled: findings (a log like an agent's), rotation, `import` (an opening with counts), deadlines (a waiter waits),
//! `task set`, `doctor`, and directories whose sync fails. A log's reader is taken to find a good line behind garbage, even where a
//! page of zeros swallowed the newline between them. The recount of a copied home is one step. Files are cut back between calls,
//! and not after a power cut: that may have set the lock's record back, and then nothing tells.
//!
//! What the search taught, beyond the order of the steps:
//!
//! - Every line of an agent's log carries the `rev` of the agent's last lifecycle change, reports too. Else a redo after a power
//!   cut that lost only the mark finds a log that does not fit ([`model::Omission::RevCarried`]).
//! - A new task's first mark may outlive the rename that names the task, so an opening is applied only if the mark is found under
//!   the task's name ([`model::Omission::NameCheck`]). The entry in `tasks/` of its staging directory is synced before the commit.
//! - A sync that follows a failed sync succeeds and writes nothing. What a predecessor wrote is written again, in place, before it
//!   is relied on ([`model::Omission::Rewrite`]).
//! - A line whose commit failed and that was cut off can return with a power cut, after an acknowledged report; so the cut must be
//!   synced too, and even then a death in between leaves a line that does not fit its log, which is damage. Leaving the line for the
//!   next writer leaves none ([`model::FailedCommit`]).
//! - A power cut may leave a gap in an agent's numbers, so a commit need not follow the last line of its log at once
//!   ([`model::Omission::Gaps`]), and garbage between two marks of one task: neither is damage. It may take all marks of a task.
//! - Where the journal's last line is of another task, nothing in it tells that a task's own journal was cut back: the task's lock
//!   notes the task's highest rev ([`model::Omission::TaskRecord`]). A redo notes revs as the writer would have
//!   ([`model::Omission::RedoRecord`]).
//! - The recount of a copied home overlays nothing: the copy may have an agent's mark and lack its log.
//! - Whoever waited for a lock looks whether the task was deleted before anything else: the last line may be of a new task of the
//!   same id ([`model::Omission::DeletedFirst`]).
//! - The journal of a deleted task is removed only once its rename is synced, and never under the task's name
//!   ([`model::Omission::SyncPlace`]). What cannot be renamed away is in the way of a new task of that id, so it is looked for before
//!   an opening is committed ([`model::Omission::MakeRoom`]).
//! - A view ends with a look whether the task was deleted under it ([`model::Omission::LastLook`]), and a reader that overlays a
//!   deletion sees no task.

// A test that panics has failed, which is what it is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod apply;
mod disk;
mod model;
mod properties;
mod readers;
mod records;
mod recovery;
mod rule;
mod scenarios;
mod steps;
mod tampering;

use model::{FailedCommit, Mishaps, Omission, Protocol};
use properties as p;
use records::Op;
use scenarios::{A, Scenario};
use stateright::{Checker, HasDiscoveries, Model};
use tampering::Tampering;

/// Searches the whole space: no promise may be broken, and all of `reached` must be found in it.
#[track_caller]
fn holds(
    scenario: Scenario,
    failed_commit: FailedCommit,
    least_states: usize,
    reached: &[&'static str],
) {
    let model = Protocol {
        scenario,
        failed_commit,
        omission: None,
        watched: None,
    };
    // A broken promise ends the search; without one it goes on until nothing is left.
    let checker = model
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    if let Some(path) = checker.discovery(p::KEPT) {
        let broken = p::broken(checker.model(), path.last_state());
        panic!("broken: {broken:?}\n{path}\n{:#?}", path.last_state());
    }
    assert!(checker.is_done(), "the search is not finished");
    for name in reached {
        checker.assert_any_discovery(name);
    }
    let states = checker.unique_state_count();
    println!("{states} states, {} steps", checker.state_count());
    assert!(
        states > least_states,
        "only {states} states: the model does too little"
    );
}

/// Searches until the promise is broken.
#[track_caller]
fn breaks(
    scenario: Scenario,
    failed_commit: FailedCommit,
    omission: Option<Omission>,
    promise: &'static str,
) {
    let model = Protocol {
        scenario,
        failed_commit,
        omission,
        watched: Some(promise),
    };
    let checker = model
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let path = checker.assert_any_discovery(p::KEPT);
    println!(
        "{omission:?} breaks \"{promise}\" in {} steps",
        path.into_actions().len()
    );
}

#[track_caller]
fn omitting(omission: Omission, scenario: &Scenario, promises: &[&'static str]) {
    for promise in promises {
        breaks(
            scenario.clone(),
            FailedCommit::CutAndSync,
            Some(omission),
            promise,
        );
    }
}

fn with(scenario: Scenario, deaths: u8, power_cuts: u8) -> Scenario {
    Scenario {
        mishaps: Mishaps {
            deaths,
            power_cuts,
            ..scenario.mishaps
        },
        ..scenario
    }
}

#[test]
fn lifecycles_survive_a_death() {
    let reached = [
        p::REDOES_OTHER,
        p::STARTS_AGAIN,
        p::CUTS,
        p::CLOSES,
        p::ALL_DONE,
    ];
    holds(
        with(scenarios::lifecycles(), 2, 0),
        FailedCommit::CutAndSync,
        300_000,
        &reached,
    );
}

#[test]
fn lifecycles_survive_a_power_cut() {
    let reached = [
        p::REDOES_OWN,
        p::REDOES_OTHER,
        p::STARTS_AGAIN,
        p::CUTS,
        p::CLOSES,
        p::ALL_DONE,
    ];
    holds(
        with(scenarios::lifecycles(), 0, 1),
        FailedCommit::CutAndSync,
        500_000,
        &reached,
    );
}

#[test]
fn a_race_for_a_slot_survives_a_death_and_a_power_cut() {
    let reached = [p::REDOES_OTHER, p::STARTS_AGAIN, p::CUTS, p::ALL_DONE];
    holds(
        scenarios::race_for_a_slot(),
        FailedCommit::CutAndSync,
        100_000,
        &reached,
    );
}

#[test]
fn reports_survive_a_death_and_a_power_cut() {
    let reached = [
        p::REDOES_OWN,
        p::REDOES_OTHER,
        p::STARTS_AGAIN,
        p::CUTS,
        p::CLOSES,
        p::GAP,
        p::GARBAGE_MARK,
        p::ALL_DONE,
    ];
    holds(
        scenarios::reports(),
        FailedCommit::CutAndSync,
        500_000,
        &reached,
    );
}

#[test]
fn openings_survive_a_death_and_a_power_cut() {
    let reached = [
        p::OPENS,
        p::REDOES_OTHER,
        p::STARTS_AGAIN,
        p::CUTS,
        p::CLOSES,
        p::ALL_DONE,
    ];
    holds(
        scenarios::openings(),
        FailedCommit::CutAndSync,
        500_000,
        &reached,
    );
}

#[test]
fn a_failed_commit_that_is_cut_off_and_synced_survives_a_death_or_a_power_cut() {
    let reached = [p::REDOES_OWN, p::REDOES_OTHER, p::CUTS, p::ALL_DONE];
    holds(
        with(scenarios::io_errors(), 1, 0),
        FailedCommit::CutAndSync,
        50_000,
        &reached,
    );
    holds(
        with(scenarios::io_errors(), 0, 1),
        FailedCommit::CutAndSync,
        200_000,
        &reached,
    );
}

#[test]
fn a_failed_commit_that_is_left_for_the_next_writer_survives_both() {
    let reached = [p::REDOES_OWN, p::REDOES_OTHER, p::CUTS, p::ALL_DONE];
    holds(
        scenarios::io_errors(),
        FailedCommit::Leave,
        500_000,
        &reached,
    );
}

#[test]
fn a_failed_commit_that_is_cut_off_returns_with_a_power_cut() {
    let scenario = with(scenarios::io_errors(), 0, 1);
    breaks(scenario, FailedCommit::Cut, None, p::HEALTHY);
}

#[test]
fn a_failed_commit_returns_if_its_writer_dies_before_the_cut_is_synced() {
    breaks(
        scenarios::io_errors(),
        FailedCommit::CutAndSync,
        None,
        p::HEALTHY,
    );
}

#[test]
fn without_the_redo_counts_go_wrong() {
    let promises = [p::COUNTS, p::ONCE];
    omitting(
        Omission::Redo,
        &with(scenarios::lifecycles(), 1, 0),
        &promises,
    );
    omitting(
        Omission::Redo,
        &with(scenarios::lifecycles(), 0, 1),
        &promises,
    );
}

#[test]
fn without_the_cutting_of_torn_tails_acknowledged_reports_are_lost() {
    omitting(
        Omission::CutTornTails,
        &with(scenarios::reports(), 1, 0),
        &[p::NOTHING_LOST, p::COUNTS],
    );
}

#[test]
fn without_reading_the_tails_after_locking_limits_are_exceeded_and_reports_lost() {
    // No mishap is needed: this is the fault of the registry that this one replaces.
    let promises = [p::LIMITS, p::COUNTS, p::NOTHING_LOST];
    omitting(
        Omission::TailAfterLock,
        &with(scenarios::lifecycles(), 0, 0),
        &promises,
    );
}

#[test]
fn with_the_mark_before_the_log_counts_go_wrong() {
    omitting(
        Omission::MarkLast,
        &with(scenarios::lifecycles(), 1, 0),
        &[p::COUNTS],
    );
}

#[test]
fn without_syncing_the_other_tasks_marks_they_seem_cut_off() {
    omitting(
        Omission::OtherTaskSync,
        &with(scenarios::lifecycles(), 0, 1),
        &[p::HEALTHY],
    );
}

#[test]
fn without_letting_go_of_both_locks_processes_wait_for_each_other() {
    omitting(
        Omission::LetGo,
        &with(scenarios::lifecycles(), 1, 0),
        &[p::NO_DEADLOCK],
    );
}

#[test]
fn without_the_rev_in_every_line_a_redo_finds_damage() {
    omitting(
        Omission::RevCarried,
        &with(scenarios::lifecycles(), 0, 1),
        &[p::HEALTHY],
    );
}

#[test]
fn without_its_steps_an_opening_is_damage() {
    for omission in [
        Omission::StagedSync,
        Omission::TasksSync,
        Omission::NameCheck,
    ] {
        omitting(omission, &with(scenarios::openings(), 0, 1), &[p::HEALTHY]);
    }
}

#[test]
fn without_writing_again_what_a_failed_sync_left_counts_go_wrong() {
    omitting(
        Omission::Rewrite,
        &with(scenarios::io_errors(), 0, 1),
        &[p::COUNTS],
    );
}

#[test]
fn lines_of_an_older_version_survive_a_power_cut() {
    let reached = [
        p::REDOES_OTHER,
        p::STARTS_AGAIN,
        p::CUTS,
        p::RECOUNTS,
        p::ALL_DONE,
    ];
    holds(
        with(scenarios::beside_an_older_version(), 0, 1),
        FailedCommit::CutAndSync,
        30_000,
        &reached,
    );
}

#[test]
fn moves_that_fail_stop_nobody() {
    holds(
        scenarios::moves_that_fail(),
        FailedCommit::CutAndSync,
        100,
        &[p::CLOSES, p::ALL_DONE],
    );
    omitting(
        Omission::Upkeep,
        &scenarios::moves_that_fail(),
        &[p::NOBODY_STOPPED],
    );
}

const DELETED: [&str; 6] = [
    p::DELETES,
    p::REOPENS,
    p::SWEEPS,
    p::REDOES_OTHER,
    p::CUTS,
    p::ALL_DONE,
];

#[test]
fn deletions_survive_a_death() {
    holds(
        with(scenarios::deletions(), 1, 0),
        FailedCommit::CutAndSync,
        10_000,
        &DELETED,
    );
}

#[test]
fn deletions_survive_a_power_cut() {
    let reached = [p::DELETES, p::REOPENS, p::SWEEPS, p::ALL_DONE];
    holds(
        with(scenarios::deletions(), 0, 1),
        FailedCommit::CutAndSync,
        10_000,
        &reached,
    );
}

#[test]
fn deletions_survive_both_where_nothing_can_be_moved() {
    let reached = [
        p::DELETES,
        p::REOPENS,
        p::MAKES_ROOM,
        p::CLOSES,
        p::ALL_DONE,
    ];
    for (deaths, power_cuts) in [(1, 0), (0, 1)] {
        holds(
            with(scenarios::deletions_in_place(), deaths, power_cuts),
            FailedCommit::CutAndSync,
            10_000,
            &reached,
        );
    }
}

#[test]
fn a_view_is_of_one_moment() {
    let reached = [p::LOOKS_AGAIN, p::OVERLAYS, p::ALL_DONE];
    for (deaths, power_cuts) in [(1, 0), (0, 1)] {
        holds(
            with(scenarios::a_view(), deaths, power_cuts),
            FailedCommit::CutAndSync,
            10_000,
            &reached,
        );
    }
}

#[test]
fn an_overview_is_of_one_moment() {
    for (deaths, power_cuts) in [(1, 0), (0, 1)] {
        holds(
            with(scenarios::an_overview(), deaths, power_cuts),
            FailedCommit::CutAndSync,
            10_000,
            &[p::ALL_DONE],
        );
    }
}

#[test]
fn what_is_deleted_under_its_readers_is_whole_or_gone() {
    for read in [Op::View(A), Op::Overview] {
        holds(
            with(scenarios::reading_what_is_deleted(read), 1, 0),
            FailedCommit::CutAndSync,
            1_000,
            &[p::DELETES, p::REOPENS, p::SWEEPS, p::ALL_DONE],
        );
    }
}

#[test]
fn a_journal_that_was_cut_back_is_told_or_does_no_harm() {
    for what in [Tampering::Journal, Tampering::Marks] {
        holds(
            scenarios::tampering(what),
            FailedCommit::CutAndSync,
            10_000,
            &[p::TELLS, p::GOES_ON, p::ALL_DONE],
        );
    }
}

#[test]
fn a_copy_made_while_calls_run_counts_right_or_is_told() {
    holds(
        with(scenarios::copied(), 0, 0),
        FailedCommit::CutAndSync,
        10_000,
        &[p::TELLS, p::GOES_ON, p::ALL_DONE],
    );
}

#[test]
fn without_what_the_locks_hold_a_journal_that_was_cut_back_counts_wrong() {
    for (omission, what) in [
        (Omission::HomeRecord, Tampering::Journal),
        (Omission::RedoRecord, Tampering::Journal),
        (Omission::TaskRecord, Tampering::Marks),
    ] {
        omitting(omission, &scenarios::tampering(what), &[p::TOLD]);
    }
}

#[test]
fn without_a_recount_a_copy_counts_wrong() {
    let scenario = with(scenarios::copied(), 0, 0);
    omitting(Omission::Recount, &scenario, &[p::TOLD]);
}

#[test]
fn what_is_too_strict_calls_a_sound_registry_damaged() {
    for (omission, scenario) in [
        (Omission::Gaps, with(scenarios::reports(), 0, 1)),
        (
            Omission::RecordAfterSync,
            with(scenarios::lifecycles(), 0, 1),
        ),
        (
            Omission::DeletedFirst,
            with(scenarios::deletions_in_place(), 0, 0),
        ),
        (Omission::SyncPlace, with(scenarios::deletions(), 0, 1)),
    ] {
        omitting(omission, &scenario, &[p::HEALTHY]);
    }
}

#[test]
fn without_making_room_an_opening_is_lost() {
    let scenario = with(scenarios::deletions_in_place(), 0, 0);
    omitting(Omission::MakeRoom, &scenario, &[p::NOTHING_LOST]);
}

#[test]
fn without_its_steps_a_reader_shows_what_never_was() {
    for omission in [Omission::Overlay, Omission::ListOrder, Omission::Bounded] {
        let scenario = with(scenarios::a_view(), 1, 0);
        omitting(omission, &scenario, &[p::ONE_MOMENT]);
    }
    let scenario = with(scenarios::an_overview(), 1, 0);
    omitting(Omission::Overlay, &scenario, &[p::ONE_MOMENT]);
    let scenario = with(scenarios::reading_what_is_deleted(Op::View(A)), 0, 0);
    omitting(Omission::LastLook, &scenario, &[p::ONE_MOMENT]);
}
