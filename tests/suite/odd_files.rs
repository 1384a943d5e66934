//! What lies in the home and is not the registry's, or is damaged, hides nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::env::{Env, make_private_dir};

/// Two open tasks and a closed one, an agent each.
fn registry() -> Env {
    let env = Env::in_memory();
    for (task, agent) in [("C", "c"), ("T", "a"), ("U", "b")] {
        env.task(task);
        env.agent(task, agent);
    }
    env.ok(&["task", "close", "C", "--force"]);
    // The journal's last line is of the task that nothing is done to.
    env.agent("U", "last");
    env
}

/// Calls that go through all tasks, and calls of one task. None of them may see anything odd.
const CALLS: [&[&str]; 17] = [
    &["status"],
    &["task", "list", "--all"],
    &["reap"],
    &["findings"],
    &["reports"],
    &["events"],
    &["progress", "--agent", "b", "the task is looked for"],
    &["finding", "--agent", "b", "the task is looked for"],
    &["status", "T", "--all"],
    &["progress", "--task", "T", "--agent", "a", "-p", "5"],
    &["register", "--task", "T", "--type", "w"],
    &["register", "--task", "U", "--type", "w"],
    &["findings", "--task", "T"],
    &["reports", "--task", "T"],
    &["export", "T"],
    &["task", "set", "T", "--priority", "P1"],
    &["task", "new", "more work"],
];

fn note(path: &Path) {
    fs::write(path, "not ours\n").expect("a file");
}

fn dangling(path: &Path) {
    symlink("nowhere", path).expect("a link");
}

fn link_outside(path: &Path) {
    symlink("/", path).expect("a link");
}

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo starts").success());
}

fn folder(path: &Path) {
    fs::create_dir(path).expect("a directory");
}

fn folder_with_a_note(path: &Path) {
    folder(path);
    note(&path.join("notes"));
}

#[test]
fn what_is_not_the_registrys_is_noted_by_name_and_skipped_by_every_call() {
    let kinds: [fn(&Path); 6] = [
        note,
        dangling,
        link_outside,
        pipe,
        folder,
        folder_with_a_note,
    ];
    let env = registry();
    for place in ["tasks", "closed"] {
        for make in kinds {
            is_skipped(&env, &format!("{place}/odd"), make);
        }
    }
    for name in [
        "odd",
        "tasks/T/README",
        "tasks/T/agents/odd",
        "tasks/T/agents/active/odd.txt",
        "tasks/T/agents/active/.odd.jsonl.swp",
        "tasks/T/agents/ended/odd.jsonl~",
    ] {
        is_skipped(&env, name, note);
        is_skipped(&env, name, dangling);
    }
    // Nothing of it was counted or taken for a task.
    let listed = env.json(&["task", "list", "--all"]);
    let added = listed["tasks"].as_array().map_or(0, Vec::len) - 3;
    assert_eq!(added, 2 * kinds.len() + 2 * 6, "one a round");
    env.is_healthy();
}

/// A repair that takes the journal for damaged, a recount of a copied home and the opening of a task leave it alone, too.
#[test]
fn a_directory_of_somebody_elses_among_the_tasks_is_never_taken_for_a_task() {
    let whole = registry();
    folder_with_a_note(&whole.home().join("tasks/odd"));
    let env = Env::copy_of(whole.root());
    let is_untouched = || {
        let names = fs::read_dir(env.home().join("tasks/odd")).expect("it is there");
        let names: Vec<_> = names.flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["notes"]);
        let listed = env.json(&["task", "list", "--all"]);
        assert_eq!(
            listed["tasks"].as_array().map(Vec::len),
            Some(3),
            "{listed}"
        );
    };
    // The first change in a copy recounts it.
    env.ok(&["register", "--task", "T", "--type", "w"]);
    is_untouched();
    let said = env.fails(6, &["task", "new", "mine", "--id", "odd"]);
    assert!(said.contains("tasks/odd"), "{said}");
    is_untouched();
    let journal = env.home().join("journal.jsonl");
    let text = fs::read(&journal).expect("the journal");
    fs::write(&journal, &text[..text.len() / 2]).expect("the journal");
    env.fails(6, &["doctor"]);
    env.ok(&["doctor", "--repair"]);
    is_untouched();
    env.is_healthy();
}

fn is_skipped(env: &Env, name: &str, make: fn(&Path)) {
    let path = env.home().join(name);
    make(&path);
    for args in CALLS {
        let ran = env.run(args);
        let at = format!("with {name}: {args:?}");
        assert_eq!(ran.code, Some(0), "{at}: {}", ran.stderr);
        // Among the tasks it is named as what is passed over.
        let is_named = ran.stderr.starts_with("agentreg: warning: passed over ")
            && ran.stderr.contains(&path.display().to_string());
        assert!(ran.stderr.is_empty() || is_named, "{at}: {}", ran.stderr);
    }
    let told = path.file_name().and_then(|name| name.to_str());
    for args in [&["doctor"][..], &["doctor", "--repair"]] {
        let check = env.json(args);
        assert_eq!(check["ok"], true, "with {name}: {check}");
        let notes = check["notes"].to_string();
        assert!(notes.contains(told.expect("a name")), "{name}: {notes}");
    }
    // A repair leaves it to its owner.
    fs::symlink_metadata(&path).expect("it is there");
    if path.is_symlink() {
        fs::remove_file(&path).expect("it can be removed");
    } else {
        removed(&path);
    }
}

#[test]
fn a_damaged_task_is_named_and_hides_no_other() {
    let damages = [
        ("registry.json", removed as fn(&Path)),
        ("registry.json", note),
        ("registry.json", in_its_place),
        ("journal.jsonl", emptied),
        ("journal.jsonl", in_its_place),
        ("agents/active", removed),
    ];
    for (name, damage) in damages {
        let env = registry();
        damage(&env.task_dir("T").join(name));
        let is_named = |said: &str| said.contains("tasks/T/");
        let mut named = 0;
        for args in CALLS {
            let ran = env.run(args);
            if args.contains(&"T") {
                // What is asked of the task itself may be answered, or says what is wrong.
                let is_told = ran.code == Some(6) && is_named(&ran.stderr);
                assert!(ran.code == Some(0) || is_told, "{name}: {args:?}: {ran:?}");
            } else {
                assert_eq!(ran.code, Some(0), "{name}: {args:?}: {ran:?}");
                named += usize::from(is_named(&ran.stderr));
            }
        }
        assert!(named > 0, "{name}: nobody named the damaged task");
        let shown = env.json(&["task", "list"]);
        let ids = shown["tasks"].as_array().expect("tasks").iter();
        let ids: Vec<&Value> = ids.map(|task| &task["id"]).collect();
        assert!(ids.contains(&&Value::from("U")), "{name}: {shown}");
        let said = env.run(&["doctor"]);
        assert!(said.code == Some(6) && is_named(&said.stdout), "{said:?}");
        env.ok(&["doctor", "--repair"]);
        env.is_healthy();
        env.ok(&["progress", "--agent", "a", "goes on"]);
    }
}

fn in_its_place(path: &Path) {
    fs::remove_file(path).expect("a file");
    make_private_dir(path);
}

fn emptied(path: &Path) {
    fs::write(path, "").expect("a file");
}

fn removed(path: &Path) {
    let gone = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    gone.expect("it can be removed");
}
