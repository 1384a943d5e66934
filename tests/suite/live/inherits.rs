//! What of its caller's open files a detached run keeps: nothing.

use std::fs::{self, File};

use serde_json::Value;

use super::{World, processes, until};

#[test]
fn a_detached_run_holds_no_file_of_its_callers() {
    let world = World::new();
    let held = world.env.root().join("held");
    File::create(&held).unwrap();
    let go = world.fifo("go");
    let holders = || {
        processes(|pid| {
            fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|mut fds| {
                fds.any(|fd| fd.is_ok_and(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == held)))
            })
        })
    };
    let script = format!(
        "exec 3>held 19<held; agentreg run --detach --id a -- sh -c 'read x < {}'",
        go.display()
    );
    let ran = world.shell(&script).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "a\n");
    let found = holders();
    fs::write(go, "go\n").unwrap();
    until("the end", || world.agent("a")["end"] != Value::Null);
    assert_eq!(found, Vec::<i32>::new());
}
