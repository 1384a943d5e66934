//! The home: which directory may be one, what a refusal leads to, and that nothing in it is done by way of a path that
//! somebody else may have changed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::env::{BINARY, Env, Ran};

const TASK: [&str; 3] = ["task", "new", "work"];

fn make_dir(path: &Path, mode: u32) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn at_home(env: &Env, home: impl AsRef<OsStr>, args: &[&str]) -> Ran {
    let mut command = env.command(args);
    command.env("AGENTREG_HOME", home);
    command.output().unwrap().into()
}

#[test]
fn only_a_directory_that_is_the_registrys_alone_is_to_be_closed() {
    let env = Env::new();
    let sticky = env.root().join("sticky");
    make_dir(&sticky, 0o1777);
    let shared = env.root().join("shared");
    make_dir(&shared, 0o755);
    fs::write(shared.join("notes.txt"), "somebody's").unwrap();
    for used in [sticky.as_path(), &shared, Path::new("/")] {
        let ran = at_home(&env, used, &TASK);
        let own = used.join("agentreg");
        assert_eq!(ran.code, Some(1), "{used:?}: {ran:?}");
        assert!(!ran.stderr.contains("chmod"), "{}", ran.stderr);
        assert!(
            ran.stderr
                .contains(&format!("export AGENTREG_HOME={}", own.display())),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(at_home(&env, sticky.join("agentreg"), &TASK).code, Some(0));

    env.task("t");
    fs::set_permissions(env.home(), fs::Permissions::from_mode(0o755)).unwrap();
    let said = env.fails(1, &["config"]);
    let close = format!("chmod 700 {}", env.home().display());
    assert!(said.contains(&close), "{said}");
    // A registry made in a directory that others use, too.
    fs::write(env.home().join("notes.txt"), "somebody's").unwrap();
    for args in [&TASK[..], &["config"]] {
        let said = env.fails(1, args);
        assert!(!said.contains("chmod"), "{said}");
    }
}

#[test]
fn where_the_home_cannot_be_written_the_hint_names_the_variable() {
    let env = Env::new();
    let said = Ran::from(
        env.command(&TASK)
            .env("AGENTREG_HOME", "/proc/no/home")
            .output()
            .unwrap(),
    );
    assert_eq!(said.code, Some(1), "{said:?}");
    let mut strace = Command::new("strace");
    env.prepare(&mut strace)
        .args(["-qq", "-o", "/dev/null"])
        .args(["-e", "inject=mkdirat,mkdir:error=EROFS", BINARY])
        .args(TASK);
    let ran = Ran::from(strace.output().unwrap());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stderr.contains("export AGENTREG_HOME="),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_home_that_no_shell_has_expanded_is_a_mistake() {
    let env = Env::new();
    for home in ["~", "~/reg", "~somebody/reg"] {
        let ran = at_home(&env, home, &TASK);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(
            ran.stderr.contains("AGENTREG_HOME begins with ~"),
            "{ran:?}"
        );
        let said = env.fails(2, &["--home", home, "status"]);
        assert!(said.contains("--home begins with ~"), "{said}");
    }
    assert_eq!(fs::read_dir(env.root()).unwrap().count(), 0);
}

#[test]
fn an_empty_registry_is_named() {
    let env = Env::new();
    let said = env.ok(&["status"]);
    assert!(said.contains(&env.home().display().to_string()), "{said}");
}

#[test]
fn what_is_made_is_the_callers_alone_whatever_the_umask() {
    let root = Env::new();
    // A user whom permissions bind.
    let nobody = 20_000 + std::process::id() % 10_000;
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    for mask in ["000", "022", "277", "777"] {
        let base = root.root().join(mask);
        make_dir(&base, 0o755);
        fs::set_permissions(root.root(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = base.join("agentreg");
        fs::copy(BINARY, &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let script = format!(
            "umask {mask}; cd /; for n in 1 2; do \"$0\" task new work --id t$n || exit; done; \
             \"$0\" task set t1 --priority P0 && \"$0\" register --task t1 --type w --id a && \
             \"$0\" task show t1 --json && test \"$(umask)\" = 0{mask}"
        );
        let mut shell = Command::new("sh");
        root.prepare(&mut shell)
            .args(["-c", &script])
            .arg(&program)
            .env("AGENTREG_HOME", base.join("p/q/home"));
        if is_root {
            std::os::unix::fs::chown(&base, Some(nobody), Some(nobody)).unwrap();
            std::os::unix::process::CommandExt::uid(&mut shell, nobody);
            std::os::unix::process::CommandExt::gid(&mut shell, nobody);
        }
        let ran = Ran::from(shell.output().unwrap());
        assert_eq!(ran.code, Some(0), "umask {mask}: {ran:?}");
        assert_modes(&base.join("p"), mask);
    }
}

fn assert_modes(path: &Path, mask: &str) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let right = if metadata.is_dir() { 0o700 } else { 0o600 };
    let mode = metadata.permissions().mode() & 0o7777;
    assert_eq!(mode, right, "umask {mask}: {} is {mode:o}", path.display());
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            assert_modes(&entry.unwrap().path(), mask);
        }
    }
}

#[test]
fn a_home_may_have_any_name() {
    let env = Env::new();
    for is_made_before in [false, true] {
        let name = [
            &b"r\xe9gistre"[..],
            if is_made_before { b"2" } else { b"1" },
        ]
        .concat();
        let home = env.root().join(OsStr::from_bytes(&name));
        if is_made_before {
            make_dir(&home, 0o700);
        }
        let task = at_home(&env, &home, &[&TASK[..], &["--id", "t"]].concat());
        assert_eq!(task.code, Some(0), "{task:?}");
        let inner = "agentreg progress -p 5 inside && test -d \"$AGENTREG_HOME/tasks/t\"";
        for args in [
            &["run", "--task", "t", "--id", "a", "--", "sh", "-c", inner][..],
            &["status"],
            &["export", "t"],
            &["config", "max-concurrent", "9"],
            &["doctor"],
            &["doctor", "--locks"],
            &["doctor", "--repair"],
        ] {
            let ran = at_home(&env, &home, args);
            assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        }
        let show = at_home(&env, &home, &["reports", "--task", "t", "--json"]);
        assert!(show.stdout.contains("inside"), "{show:?}");
    }
}

#[test]
fn a_document_is_written_into_the_directory_that_is_locked_whatever_has_its_path() {
    for (args, at_home) in [
        (&["task", "set", "t", "--priority", "P0"][..], false),
        (&["config", "max-concurrent", "7"], true),
    ] {
        let env = Env::new();
        env.task("t");
        let folder = if at_home {
            env.home()
        } else {
            env.task_dir("t")
        };
        let (away, elsewhere) = (env.root().join("away"), env.root().join("elsewhere"));
        make_dir(&elsewhere, 0o700);
        let mut strace = Command::new("strace");
        // The call stops itself right after it took the lock, before it writes.
        env.prepare(&mut strace)
            .args(["-D", "-qq", "-o", "/dev/null", "-e"])
            .arg("inject=flock:signal=STOP:when=1")
            .arg(BINARY)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = strace.spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let (_, status) =
            rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::UNTRACED)
                .unwrap()
                .unwrap();
        assert!(status.stopped(), "{args:?}: {status:?}");
        fs::rename(&folder, &away).unwrap();
        symlink(&elsewhere, &folder).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{ran:?}");
        if ran.code == Some(0) {
            let written = fs::read_to_string(away.join("registry.json")).unwrap();
            assert!(written.contains("P0") || written.contains('7'), "{written}");
        }
        fs::remove_file(&folder).unwrap();
        fs::rename(&away, &folder).unwrap();
        env.is_healthy();
    }
}

#[test]
fn documents_are_replaced_where_there_is_no_proc() {
    let env = Env::new();
    env.task("t");
    let mut strace = Command::new("strace");
    env.prepare(&mut strace)
        .args(["-qq", "-o", "/dev/null"])
        .args([
            "-e",
            "inject=access,faccessat,faccessat2:error=ENOENT",
            BINARY,
        ])
        .args(["task", "set", "t", "--priority", "P0"]);
    let ran = Ran::from(strace.output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(env.json(&["task", "show", "t"])["task"]["priority"], "P0");
    assert_modes(&env.task_dir("t"), "022");
    env.is_healthy();
}
