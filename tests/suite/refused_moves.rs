//! A file system that refuses to move a log or a task's directory stops nobody: where they lie is an index. The change
//! counts, `doctor` notes what lies in the wrong place, and a later call moves it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::crash::strace::{Injection, Site, inject};
use crate::env::{Env, Ran, make_private_dir};

/// Two open tasks. In `T`, `ended` has ended; `U` has an agent at work.
fn registry() -> Env {
    let env = Env::new();
    for task in ["T", "U"] {
        env.task(task);
    }
    env.agent("T", "ended");
    env.ok(&[
        "progress", "--task", "T", "--agent", "ended", "-s", "failed",
    ]);
    env.agent("U", "u");
    env
}

/// Makes a call whose one move fails so.
fn refused(env: &Env, errno: &'static str, args: &[&str]) -> Ran {
    let site = Site {
        name: "renameat,?renameat2".to_owned(),
        nth: 1,
        text: String::new(),
    };
    inject(env, args, &site, Injection::Error(errno))
}

const CLOSE: [&str; 3] = ["task", "close", "T"];
const END: [&str; 8] = [
    "progress",
    "--task",
    "T",
    "--agent",
    "mine",
    "-s",
    "completed",
    "over",
];

/// It is done, with a warning that names what could not be moved.
#[track_caller]
fn is_done_with_a_warning(ran: &Ran, path: &Path, at: &str) {
    assert_eq!(ran.code, Some(0), "{at}: {ran:?}");
    let warning = format!("agentreg: warning: cannot move {}: ", path.display());
    assert!(ran.stderr.starts_with(&warning), "{at}: {ran:?}");
}

/// Everybody else goes on, and `doctor` notes what lies in the wrong place.
#[track_caller]
fn the_machine_goes_on(env: &Env, misplaced: &Path, at: &str) {
    let before = env.counts("U").0;
    env.ok(&["register", "--task", "U", "--type", "coder", "--id", "next"]);
    env.ok(&["progress", "--task", "U", "--agent", "next", "-s", "failed"]);
    assert_eq!(env.counts("U").0[3], before[3] + 1, "{at}");
    env.ok(&["task", "new", "more work", "--id", "V"]);
    for args in [&["doctor"][..], &["doctor", "--repair"]] {
        let check = env.json(args);
        assert_eq!(check["ok"], true, "{at}: {check}");
        let notes = check["notes"].to_string();
        let name = misplaced.display().to_string();
        assert!(notes.contains(&name), "{at}: {notes}");
    }
}

/// The task counts as closed and lies among the open ones still.
#[track_caller]
fn is_closed_in_place(env: &Env, at: &str) {
    assert!(env.task_dir("T").is_dir(), "{at}");
    let shown = env.json(&["task", "show", "T"]);
    assert_eq!(shown["task"]["status"], "closed", "{at}");
    assert_eq!(env.json(&["status"])["totals"]["tasks_closed"], 1, "{at}");
    env.fails(4, &["register", "--task", "T", "--type", "coder"]);
    env.fails(4, &["task", "new", "again", "--id", "T"]);
    the_machine_goes_on(env, &env.task_dir("T"), at);
}

/// Once it can be moved the repeated call does that.
#[track_caller]
fn is_moved_by_another_close(env: &Env, at: &str) {
    env.ok(&CLOSE);
    assert!(!env.task_dir("T").exists(), "{at}");
    assert!(env.home().join("closed/T").is_dir(), "{at}");
    assert_eq!(
        env.json(&["doctor"])["notes"],
        serde_json::json!([]),
        "{at}"
    );
    assert_eq!(env.json(&["status"])["totals"]["tasks_closed"], 1, "{at}");
}

#[test]
fn a_close_whose_directory_cannot_be_moved_stops_nobody() {
    for errno in ["EXDEV", "EROFS", "EACCES", "EPERM", "ENOSPC", "EIO"] {
        let env = registry();
        let ran = refused(&env, errno, &CLOSE);
        is_done_with_a_warning(&ran, &env.task_dir("T"), errno);
        is_closed_in_place(&env, errno);
        is_moved_by_another_close(&env, errno);
    }
}

#[test]
fn an_end_whose_log_cannot_be_moved_stops_nobody() {
    for errno in ["EXDEV", "EROFS", "EACCES", "EPERM", "ENOSPC", "EIO"] {
        let env = registry();
        env.agent("T", "mine");
        let ran = refused(&env, errno, &END);
        has_ended_in_place(&env, &ran, errno);
        is_moved_by_another_end(&env, errno);
    }
}

#[track_caller]
fn has_ended_in_place(env: &Env, ran: &Ran, at: &str) {
    let log = env.task_dir("T").join("agents/active/mine.jsonl");
    is_done_with_a_warning(ran, &log, at);
    assert!(log.is_file(), "{at}");
    assert_eq!(env.counts("T").0, [2, 0, 1, 1, 0], "{at}");
    let shown = env.json(&["status", "T", "--all"]);
    let agents = shown["agents"].as_array().expect("agents");
    assert_eq!(shown["counts"], crate::state::tally(agents.iter()), "{at}");
    // Its own task, too.
    env.agent("T", "peer");
    the_machine_goes_on(env, &log, at);
}

#[track_caller]
fn is_moved_by_another_end(env: &Env, at: &str) {
    let before = env.counts("T");
    // It has ended for whoever looks into its log; that it lies among the active ones makes no difference.
    let finding = ["finding", "--task", "T", "--agent", "mine", "late"];
    env.ok(&finding);
    env.ok(&END);
    let agents = env.task_dir("T").join("agents");
    assert!(!agents.join("active/mine.jsonl").exists(), "{at}");
    assert!(agents.join("ended/mine.jsonl").is_file(), "{at}");
    assert_eq!(env.counts("T"), before, "{at}: it is counted once");
    assert_eq!(
        env.json(&["doctor"])["notes"],
        serde_json::json!([]),
        "{at}"
    );
}

/// Something that is mounted until this is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// None, and a word of it, where this user may not mount that.
    fn make(options: &[&str], place: &Path) -> Option<Self> {
        let mut command = Command::new("mount");
        command.args(options).arg(place).stderr(Stdio::null());
        if command.status().is_ok_and(|status| status.success()) {
            return Some(Self(place.to_owned()));
        }
        eprintln!("skipped: mount {options:?} does not work here; it takes root");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_close_onto_another_file_system_stops_nobody() {
    let env = registry();
    let options = ["-t", "tmpfs", "-o", "size=1m,mode=700", "agentreg-test"];
    let Some(mounted) = Mounted::make(&options, &env.home().join("closed")) else {
        return;
    };
    let at = "closed/ is another file system";
    is_done_with_a_warning(&env.run(&CLOSE), &env.task_dir("T"), at);
    is_closed_in_place(&env, at);
    drop(mounted);
    is_moved_by_another_close(&env, at);
}

#[test]
fn an_end_where_the_ended_ones_can_only_be_read_stops_nobody() {
    let env = registry();
    env.agent("T", "mine");
    let ended = env.task_dir("T").join("agents/ended");
    let bind = ["--bind", ended.to_str().expect("a path in UTF-8")];
    let Some(mounted) = Mounted::make(&bind, &ended) else {
        return;
    };
    let Some(read_only) = Mounted::make(&["-o", "remount,ro,bind"], &ended) else {
        return;
    };
    let at = "agents/ended can only be read";
    has_ended_in_place(&env, &env.run(&END), at);
    // One mount, and one unmounting of it.
    std::mem::forget(read_only);
    drop(mounted);
    is_moved_by_another_end(&env, at);
}

/// A home that is part of an image: directories of a lower layer of an overlay can be written to and not moved.
#[test]
fn a_close_in_a_home_of_a_lower_layer_stops_nobody() {
    let image = registry();
    let env = Env::new();
    let layer = |name: &str| {
        let path = env.root().join(name);
        fs::create_dir(&path).expect("a directory");
        path.display().to_string()
    };
    let (upper, work) = (layer("upper"), layer("work"));
    // The root of an overlay has the mode of its upper layer.
    for dir in [&env.home(), Path::new(&upper)] {
        make_private_dir(dir);
    }
    let layers = format!(
        "lowerdir={},upperdir={upper},workdir={work},redirect_dir=off",
        image.home().display()
    );
    let options = ["-t", "overlay", "-o", &layers, "agentreg-test"];
    let Some(_mounted) = Mounted::make(&options, &env.home()) else {
        return;
    };
    let at = "a home of a lower layer";
    is_done_with_a_warning(&env.run(&CLOSE), &env.task_dir("T"), at);
    is_closed_in_place(&env, at);
    env.ok(&CLOSE);
    env.is_healthy();
}
