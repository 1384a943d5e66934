//! Each file of a registry damaged in each way, one at a time.

use std::fs;
use std::path::Path;

use super::{files, is_right, registry, statuses};
use crate::crash::two_at_a_time;
use crate::env::Env;

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Removed,
    Emptied,
    Halved,
    FirstLineGone,
    LastLineGone,
    MiddleGarbled,
    Directory,
    Link,
}

const ALL: [Damage; 8] = [
    Damage::Removed,
    Damage::Emptied,
    Damage::Halved,
    Damage::FirstLineGone,
    Damage::LastLineGone,
    Damage::MiddleGarbled,
    Damage::Directory,
    Damage::Link,
];

impl Damage {
    /// Does it; false if the file would stay as it is.
    fn inflict(self, path: &Path) -> bool {
        let whole = fs::read(path).expect("a file");
        let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        let left = match self {
            Self::Removed | Self::Directory | Self::Link => {
                fs::remove_file(path).expect("it can be removed");
                match self {
                    Self::Directory => fs::create_dir(path).expect("a directory"),
                    Self::Link => {
                        std::os::unix::fs::symlink("/dev/null", path).expect("a link");
                    }
                    _ => {}
                }
                return true;
            }
            Self::Emptied => Vec::new(),
            Self::Halved => whole[..whole.len() / 2].to_vec(),
            Self::FirstLineGone => lines.get(1..).unwrap_or_default().concat(),
            Self::LastLineGone => lines[..lines.len().saturating_sub(1)].concat(),
            Self::MiddleGarbled => {
                let mut garbled = whole.clone();
                let before: usize = lines[..lines.len() / 2].iter().map(|line| line.len()).sum();
                if let Some(byte) = garbled.get_mut(before) {
                    *byte = b'?';
                }
                garbled
            }
        };
        fs::write(path, &left).expect("it can be written");
        left != whole
    }
}

#[test]
fn whatever_happened_to_one_file_is_mended_and_nothing_that_is_known_is_lost() {
    let whole = registry();
    let known = statuses(&whole);
    let cases: Vec<_> = files(&whole.home())
        .into_iter()
        .flat_map(|file| ALL.map(|damage| (file.clone(), damage)))
        .collect();
    assert!(cases.len() > 150, "{}", cases.len());
    two_at_a_time(&cases, |(file, damage)| {
        let at = format!("{} {damage:?}", file.display());
        let env = Env::copy_of(whole.root());
        // The copy is another home; what it is told of that is none of this test.
        env.ok(&[
            "register", "--task", "U", "--type", "coder", "--id", "first",
        ]);
        if !damage.inflict(&env.home().join(file)) {
            return;
        }
        let ran = env.run(&["doctor", "--repair"]);
        assert_eq!(ran.code, Some(0), "{at}: {}{}", ran.stdout, ran.stderr);
        is_right(&env, &at);
        assert_eq!(statuses(&env), known, "{at}");
        let again = env.json(&["doctor", "--repair"]);
        assert_eq!(again["repaired"], serde_json::json!([]), "{at}, again");
        for task in ["T", "U"] {
            env.ok(&[
                "register", "--task", task, "--type", "coder", "--id", "later",
            ]);
            env.ok(&["progress", "--task", task, "--agent", "later", "-p", "50"]);
            env.ok(&["finding", "--task", task, "--agent", "later", "found"]);
            env.ok(&[
                "progress",
                "--task",
                task,
                "--agent",
                "later",
                "-s",
                "completed",
                "-m",
                "x",
            ]);
        }
        env.ok(&["export", "T"]);
        is_right(&env, &format!("{at}, then written to"));
    });
}

#[test]
fn what_lies_beside_the_registrys_files_is_named_and_left_alone() {
    let env = registry();
    let home = env.home();
    for place in ["", "tasks", "closed", "tasks/T", "tasks/T/agents"] {
        fs::write(home.join(place).join("notes"), "not ours\n").expect("a file");
    }
    fs::create_dir(home.join("tasks/empty")).expect("a directory");
    let ran = env.run(&["doctor", "--repair"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout.matches("/notes").count(), 5, "{}", ran.stdout);
    assert!(ran.stdout.contains("tasks/empty"), "{}", ran.stdout);
    assert!(home.join("tasks/notes").is_file() && home.join("tasks/empty").is_dir());
    env.ok(&["status"]);
    env.ok(&["progress", "--agent", "a", "goes on"]);
}

#[test]
fn a_closed_task_whose_directory_was_removed_holds_nobody_up_and_a_repair_deletes_it() {
    let env = registry();
    // The journal's last line is of the task that is removed.
    env.ok(&["task", "close", "U", "--force"]);
    fs::remove_dir_all(env.home().join("closed/U")).expect("a directory");
    env.agent("T", "later");
    let noted = env.json(&["doctor"]);
    assert!(noted["notes"].to_string().contains("closed/U"), "{noted}");
    let (_, before) = env.counts("T");
    env.ok(&["doctor", "--repair"]);
    let (_, after) = env.counts("T");
    assert_eq!((before[0], after[0]), (7, 6), "one agent was counted there");
    is_right(&env, "after the repair");
    let events = env.json(&["events"]);
    let last = events["events"]
        .as_array()
        .and_then(|all| all.last())
        .cloned();
    assert_eq!(last.expect("an event")["change"], "deleted");
    env.fails(3, &["task", "show", "U"]);
    // The id is free again.
    env.task("U");
    is_right(&env, "opened again");
}

#[test]
fn a_journal_that_ends_too_early_is_told_by_every_change_of_every_task() {
    let whole = registry();
    let journal = |env: &Env| env.home().join("journal.jsonl");
    let text = fs::read(journal(&whole)).expect("the journal");
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    for kept in 0..lines.len() {
        let env = Env::copy_of(whole.root());
        env.ok(&[
            "register", "--task", "T", "--type", "coder", "--id", "first",
        ]);
        fs::write(journal(&env), lines[..kept].concat()).expect("the journal");
        for task in ["T", "U"] {
            let said = env.fails(6, &["register", "--task", task, "--type", "coder"]);
            assert!(said.contains("journal.jsonl"), "{kept} lines: {said}");
        }
        env.fails(6, &["task", "new", "more"]);
        env.fails(6, &["doctor"]);
        env.ok(&["doctor", "--repair"]);
        is_right(&env, &format!("{kept} lines"));
        assert_eq!(env.counts("T").0, [5, 3, 1, 1, 0]);
    }
}

#[test]
fn a_tasks_journal_replaced_by_an_older_one_is_told_and_mended() {
    let env = registry();
    let journal = env.task_dir("T").join("journal.jsonl");
    let older = fs::read(&journal).expect("the journal");
    env.agent("T", "more");
    env.agent("U", "more");
    fs::write(&journal, older).expect("the journal");
    let said = env.fails(6, &["register", "--task", "T", "--type", "coder"]);
    assert!(said.contains("T/journal.jsonl"), "{said}");
    env.agent("U", "others-go-on");
    env.ok(&["doctor", "--repair"]);
    is_right(&env, "after the repair");
    assert_eq!(env.counts("T").0, [5, 3, 1, 1, 0]);
}

/// A task that is ahead of the journal's last line; the home's lock says nothing, as after a restore of both.
#[test]
fn a_task_from_the_future_is_told_and_mended() {
    let env = registry();
    let journal = env.home().join("journal.jsonl");
    env.agent("T", "more");
    let older = fs::read(&journal).expect("the journal");
    for (agent, status) in [("a", "completed"), ("b", "failed")] {
        env.ok(&[
            "progress", "--task", "T", "--agent", agent, "-s", status, "-m", "over",
        ]);
    }
    fs::write(&journal, older).expect("the journal");
    fs::write(env.home().join("lock"), "").expect("the lock");
    for task in ["T", "U"] {
        let said = env.fails(6, &["register", "--task", task, "--type", "coder"]);
        assert!(said.contains("doctor --repair"), "{task}: {said}");
    }
    env.fails(6, &["doctor"]);
    env.ok(&["doctor", "--repair"]);
    is_right(&env, "after the repair");
    assert_eq!(env.counts("T").0, [5, 1, 2, 2, 0], "no end is undone");
    env.agent("T", "later");
    is_right(&env, "and written to");
}

/// The journal of a task comes from a copy of the home that went on by itself.
#[test]
fn a_tasks_journal_from_the_future_is_told_and_mended() {
    // The journal's last line is of that task, and of another.
    for last in ["T", "U"] {
        let env = registry();
        let twin = Env::copy_of(env.root());
        for n in 0..5 {
            twin.agent("T", &format!("twin-{n}"));
        }
        env.agent(last, "more");
        let journal = |env: &Env| env.task_dir("T").join("journal.jsonl");
        let future = fs::read(journal(&twin)).expect("a journal");
        fs::write(journal(&env), future).expect("a journal");
        let said = env.fails(6, &["register", "--task", "T", "--type", "coder"]);
        assert!(said.contains("journal"), "{last}: {said}");
        env.fails(6, &["doctor"]);
        env.ok(&["doctor", "--repair"]);
        is_right(&env, &format!("{last}, after the repair"));
        assert_eq!(env.counts("T").0[0], 4 + u64::from(last == "T"), "{last}");
        env.agent("T", "later");
        is_right(&env, &format!("{last}, and written to"));
    }
}

#[test]
fn a_journal_with_a_gap_is_told_and_mended() {
    let whole = registry();
    let journal = |env: &Env| env.home().join("journal.jsonl");
    let text = fs::read(journal(&whole)).expect("the journal");
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    for missing in 0..lines.len() - 1 {
        let env = Env::copy_of(whole.root());
        let left = [&lines[..missing], &lines[missing + 1..]].concat();
        fs::write(journal(&env), left.concat()).expect("the journal");
        let at = format!("without rev {}", missing + 1);
        let said = env.run(&["doctor"]);
        assert_eq!(said.code, Some(6), "{at}: {}", said.stdout);
        env.ok(&["doctor", "--repair"]);
        is_right(&env, &at);
        assert_eq!(env.counts("T").0, [4, 2, 1, 1, 0], "{at}");
    }
}

#[test]
fn a_journal_that_is_gone_is_told_by_every_change_and_mended() {
    let env = registry();
    fs::remove_file(env.home().join("journal.jsonl")).expect("the journal");
    for args in [
        &["register", "--task", "T", "--type", "coder"][..],
        &["register", "--task", "U", "--type", "coder"],
        &["task", "new", "more"],
        &["task", "close", "U", "--force"],
        &["progress", "--task", "T", "--agent", "a", "-s", "failed"],
        &["doctor"],
    ] {
        let ran = env.run(args);
        assert_eq!(ran.code, Some(6), "{args:?}: {ran:?}");
    }
    env.ok(&["doctor", "--repair"]);
    is_right(&env, "after the repair");
    assert_eq!(env.counts("T").0, [4, 2, 1, 1, 0]);
}

/// All of a task's files are gone, and the journal still has its agents and their ends.
#[test]
fn a_task_whose_directory_was_emptied_is_told_and_restored_from_the_journal() {
    // The journal's last line is of that task, and of another; something else may be left there.
    for (last, left) in [
        ("T", None),
        ("U", None),
        ("U", Some("notes")),
        ("U", Some("lock")),
    ] {
        let env = registry();
        env.agent(last, "more");
        let known = statuses(&env);
        let dir = env.task_dir("T");
        fs::remove_dir_all(&dir).expect("a directory");
        crate::env::make_private_dir(&dir);
        if let Some(left) = left {
            fs::write(dir.join(left), "").expect("a file");
        }
        let at = format!("{last}, {left:?}");
        let told = env.run(&["doctor"]);
        assert_eq!(told.code, Some(6), "{at}: {}", told.stdout);
        assert!(told.stdout.contains("tasks/T/"), "{at}: {}", told.stdout);
        env.ok(&["doctor", "--repair"]);
        is_right(&env, &at);
        assert_eq!(statuses(&env), known, "{at}");
        env.ok(&["progress", "--task", "T", "--agent", "a", "goes on"]);
    }
}
