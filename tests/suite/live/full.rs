//! A full disk under a `run`: nothing runs that is not written down, and what could not be recorded is reaped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::{TASK, World, kill, stat, until};

#[test]
fn a_full_disk_at_the_end_is_put_up_with_and_then_told() {
    let world = World::new();
    let home = world.env.home();
    let disk = Disk::over(&home);
    if disk.is_none() {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    world.env.task("T");
    let fifo = world.fifo("go");
    let script = format!("read x < {}; exit 3", fifo.display());
    // Full when it ends, free again a moment later.
    let mut run = world.started("a", &[], &script);
    let filler = home.join("filler");
    let fill = || {
        let full = std::io::copy(
            &mut std::io::repeat(0),
            &mut fs::File::create(&filler).unwrap(),
        );
        assert!(full.is_err());
        // Half a page may still be free at a file's end: others write until nobody can.
        let register = ["register", "--task", "T", "--type", "x"];
        until("the disk to be full", || {
            world.env.run(&register).code == Some(1)
        });
    };
    fill();
    fs::write(&fifo, "go\n").unwrap();
    until("its command to end", || {
        stat(run.command, 0).is_none_or(|state| state == "Z")
    });
    assert_eq!(world.alive("a"), "yes");
    fs::remove_file(&filler).unwrap();
    assert_eq!(run.wait().code(), Some(3));
    assert_eq!(world.end("a").1["code"], 3);
    world.env.is_healthy();
    // Full for good: a signal says that it is enough.
    let fifo = world.fifo("again");
    let script = format!("read x < {}; exit 0", fifo.display());
    let mut run = world.started("b", &[], &script);
    fill();
    fs::write(&fifo, "go\n").unwrap();
    until("its command to end", || {
        stat(run.command, 0).is_none_or(|state| state == "Z")
    });
    // One that comes before its command's end is seen goes to the command.
    until("its exit", || {
        kill(run.pid(), Signal::TERM);
        stat(run.pid(), 0).as_deref() == Some("Z")
    });
    assert_eq!(run.wait().code(), Some(125));
    fs::remove_file(&filler).unwrap();
    assert_eq!(world.alive("b"), "no");
    assert_eq!(world.env.ok(&["reap", "-q"]), "b");
    world.env.is_healthy();
}

#[test]
fn on_a_full_disk_a_command_runs_only_if_all_about_it_is_written() {
    let world = World::new();
    let home = world.env.home();
    let Some(_disk) = Disk::over(&home) else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    world.env.task(TASK);
    let filler = home.join("filler");
    let mut given_up = 0;
    for free_pages in 0.. {
        assert!(free_pages < 40, "it never runs");
        let id = format!("a{free_pages}");
        let full = std::io::copy(&mut std::io::repeat(0), &mut File::create(&filler).unwrap());
        assert!(full.is_err());
        let length = fs::metadata(&filler).unwrap().len() - free_pages * 4096;
        File::options()
            .write(true)
            .open(&filler)
            .and_then(|file| file.set_len(length))
            .unwrap();
        // There is space again by the time the command ends: this is about its beginning.
        let script = format!("rm {}; echo > {id}.ran", filler.display());
        let ran = world.run(&id, &[], &script).output().unwrap();
        let did_run = world.env.root().join(format!("{id}.ran")).exists();
        let _ = fs::remove_file(&filler);
        // Where even the failure found no space, its guardian still has to let go of the lease.
        let took = until("nobody to be active", || {
            world.env.ok(&["reap"]);
            world.env.counts(TASK).0[1] == 0
        });
        assert!(took < Duration::from_secs(1), "{took:?}");
        let status = world.env.json(&["status", TASK, "--all"]);
        let agents = status["agents"].as_array().unwrap();
        let agent = agents.iter().find(|agent| agent["id"] == id.as_str());
        world.env.is_healthy();
        match ran.status.code() {
            Some(0) => {
                assert!(did_run);
                assert_eq!(agent.unwrap()["status"], "completed");
                break;
            }
            Some(125) => {
                let stderr = String::from_utf8_lossy(&ran.stderr);
                assert!(stderr.contains("No space left"), "{stderr}");
                assert!(!did_run, "{free_pages} free pages");
                // Even its registration may find no space.
                if let Some(agent) = agent {
                    assert_eq!(agent["status"], "failed", "{agent}");
                    given_up += 1;
                }
            }
            code => panic!("{free_pages} free pages: {code:?}"),
        }
    }
    println!("given up {given_up} times");
    assert!(given_up > 0);
}

/// A small file system that lies over a directory until it is dropped.
struct Disk(PathBuf);

impl Disk {
    fn over(directory: &Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m,mode=700", "none"])
            .arg(directory)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(directory.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
