//! Secrets in a command line: the command gets them, and nobody else.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::World;

/// A command line with a secret in each usual spelling.
const WORDS: [&str; 24] = [
    "--api-key",
    "S3CRET-1",
    "--TOKEN=S3CRET-2",
    "Password=S3CRET-3",
    "ANTHROPIC_API_KEY=S3CRET-4",
    "-H",
    "Authorization: Bearer S3CRET-5",
    "x-api-key:S3CRET-6",
    "https://user:S3CRET-7@host/x",
    "--password",
    "S3CRET-8",
    "--client-secret=S3CRET-9",
    "{\"apiKey\": \"S3CRET-10\"}",
    "MYSQL_PWD=S3CRET-11",
    "postgres://user:S3CRET-12@host:5432/x",
    "https://host/x?access_token=S3CRET-13&a=b",
    "--user",
    "name:S3CRET-14",
    "-u",
    "name:S3CRET-15",
    "bash -c 'export GITHUB_TOKEN=S3CRET-16; curl -H \"Authorization: bearer S3CRET-17\"'",
    "--proxy-user=name:S3CRET-18",
    "--creds",
    "S3CRET-19",
];

/// The files of a directory that have this in them.
fn with(directory: &Path, secret: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            with(&path, secret, found);
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(secret) {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn what_is_stored_and_shown_of_a_command_has_no_secret_in_it() {
    for how in [&[][..], &["--detach"], &["--hide-args"]] {
        let world = World::new();
        let args = [&["run", "--task", "T", "--id", "a"], how].concat();
        let told = world.env.root().join("told");
        let script = format!("printf '%s\\n' \"$@\" > {}", told.display());
        let args = [&args[..], &["--", "sh", "-c", &script, "sh"], &WORDS].concat();
        let ran = world.env.run(&args);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        world.env.ok(&["wait", "a"]);
        let told = fs::read_to_string(told).unwrap();
        assert_eq!(
            told.lines().collect::<Vec<_>>(),
            WORDS,
            "what the command got"
        );
        let mut shown = ran.stdout + &ran.stderr;
        for call in [
            &["status", "T", "--all"][..],
            &["status", "T", "--all", "--json"],
            &["export", "T"],
            &["events", "--json"],
            &["reports", "--json"],
            &["wait", "a", "--json"],
        ] {
            shown += &world.env.ok(call);
        }
        assert!(!shown.contains("S3CRET"), "{how:?}: {shown}");
        let mut found = Vec::new();
        with(&world.env.home(), "S3CRET", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{how:?}");
        // What is no secret is there to tell the agents apart.
        let command = world.agent("a")["command"].to_string();
        assert_eq!(
            command.contains("host:5432"),
            how != ["--hide-args"],
            "{command}"
        );
    }
}

#[test]
fn who_holds_a_lock_is_told_without_the_secrets_in_its_command() {
    let world = World::new();
    let lock = world.env.task_dir("T").join("lock");
    let mut holder = std::process::Command::new("flock");
    let mut holder = world
        .env
        .prepare(&mut holder)
        .arg("--no-fork")
        .arg(lock)
        .args([
            "sh",
            "-c",
            "echo held; read x",
            "sh",
            "--token",
            "S3CRET",
            "KEY=S3CRET",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut held = [0; 5];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut held).unwrap();
    let report = [
        "register",
        "--task",
        "T",
        "--type",
        "x",
        "--lock-timeout",
        "10ms",
    ];
    let said = world.env.fails(75, &report);
    assert!(
        said.contains("--token ***") && !said.contains("S3CRET"),
        "{said}"
    );
    drop(holder.stdin.take());
    holder.wait().unwrap();
}
