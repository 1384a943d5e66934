//! What agents wrote never reaches the terminal as something that a terminal obeys or hides: end to end, through every
//! field that can be written and every command that shows it, plain, coloured, on a terminal, in JSON and in errors.

mod text;

use std::process::Command;

use self::text::{NASTY, objection};
use crate::env::{Env, Ran};

/// Commands that show what was written.
const SHOWING: [&[&str]; 16] = [
    &["status"],
    &["status", "--all"],
    &["status", "T"],
    &["status", "T", "--all"],
    &["status", "T", "--tree", "--all"],
    &["task", "list", "--all"],
    &["task", "show", "T"],
    &["findings", "--task", "T"],
    &["findings"],
    &["findings", "--task", "T", "--summary"],
    &["reports", "--task", "T"],
    &["events"],
    &["task", "set", "T", "--priority", "P1"],
    &["doctor"],
    &["export", "T"],
    &["config"],
];

/// A task whose every text is nasty, written by the program; what it says meanwhile is looked at too.
fn nasty_registry() -> Env {
    let env = Env::new();
    for (n, nasty) in NASTY.into_iter().enumerate() {
        let workspace = env.root().join(nasty.replace('/', "-"));
        std::fs::create_dir(&workspace).expect("a directory can be called so");
        let workspace = workspace.to_str().expect("UTF-8");
        let id = format!("T{n}");
        written(
            &env,
            &[
                "task",
                "new",
                "-m",
                nasty,
                "--id",
                &id,
                "--workspace",
                workspace,
            ],
        );
    }
    written(
        &env,
        &[
            "task",
            "new",
            "-m",
            NASTY[0],
            "--id",
            "T",
            "--max-concurrent",
            "none",
        ],
    );
    for (n, nasty) in NASTY.into_iter().enumerate() {
        let id = format!("a{n}");
        let me = ["--task", "T", "--agent", &id];
        let [key, value] = [format!("{nasty}=x"), format!("key={nasty}")];
        let parent = if n == 0 {
            "none".to_owned()
        } else {
            format!("a{}", (n - 1) / 3)
        };
        written(
            &env,
            &[
                "register", "--task", "T", "--type", "coder", "--id", &id, "--parent", &parent,
                "--prompt", nasty, "--label", &value,
            ],
        );
        // A key may be refused; what is said of it is for the terminal too.
        said(
            &env,
            &[
                "register", "--task", "T", "--type", "coder", "--label", &key,
            ],
        );
        written(&env, &[&["progress", "-m", nasty], &me[..]].concat());
        let data = serde_json::json!({ "text": nasty }).to_string();
        written(
            &env,
            &[
                &["finding", "-m", nasty, "--file", nasty, "--data", &data],
                &me[..],
            ]
            .concat(),
        );
        said(
            &env,
            &[&["finding", "-m", "of a type", "-t", nasty], &me[..]].concat(),
        );
        if n % 2 == 0 {
            written(
                &env,
                &[&["progress", "-s", "failed", "-m", nasty], &me[..]].concat(),
            );
        }
    }
    env
}

/// Runs the program and looks at all it says.
#[track_caller]
fn said(env: &Env, args: &[&str]) -> Ran {
    let ran = env.run(args);
    let styled = args.contains(&"always");
    for output in [&ran.stdout, &ran.stderr] {
        if let Some(objection) = objection(output, styled) {
            panic!("{args:?}: {objection}");
        }
    }
    assert!(
        ran.code.is_some_and(|code| code != 101),
        "{args:?}: {ran:?}"
    );
    ran
}

#[track_caller]
fn written(env: &Env, args: &[&str]) {
    let ran = said(env, args);
    assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
}

#[test]
fn what_agents_wrote_steers_no_terminal_in_any_command() {
    let env = nasty_registry();
    for command in SHOWING {
        for color in ["never", "always"] {
            written(&env, &[command, &["--color", color]].concat());
        }
        written(&env, &[command, &["--json"]].concat());
        written(&env, &[command, &["--quiet"]].concat());
    }
    for n in 0..NASTY.len() {
        written(
            &env,
            &["task", "show", &format!("T{n}"), "--color", "always"],
        );
    }
}

#[test]
fn what_a_shell_completes_steers_no_terminal() {
    let env = nasty_registry();
    let mut described = 0;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        for words in [
            &["task", "show", ""][..],
            &["task", "close", ""],
            &["status", ""],
            &["output", ""],
            &["terminate", ""],
            &["wait", ""],
            &["reports", "--task", "T", ""],
            &["progress", "--agent", ""],
            &["finding", "--task", ""],
            &["finding", "--type", ""],
            &["register", "--parent", ""],
        ] {
            let mut program = env.command(&["--", "agentreg"]);
            program
                .args(words)
                .env("COMPLETE", shell)
                .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
                .env("_CLAP_COMPLETE_COMP_TYPE", "9")
                .env("_CLAP_COMPLETE_SPACE", "true")
                .env("_CLAP_IFS", "\n");
            let ran = Ran::from(program.output().unwrap());
            assert_eq!(ran.code, Some(0), "{shell} {words:?}: {ran:?}");
            // Some shells take a tabulator for the end of a candidate.
            let shown = ran.stdout.replace('\t', " ");
            if let Some(objection) = objection(&shown, false) {
                panic!("{shell} {words:?}: {objection}");
            }
            described += shown.matches("\\u{1b}").count();
        }
    }
    assert!(described > 0, "no description was shown");
}

#[test]
fn a_real_terminal_gets_only_text_and_colours() {
    let env = nasty_registry();
    for command in SHOWING {
        let line = format!("agentreg {}", command.join(" "));
        let mut script = Command::new("script");
        let script = env.prepare(&mut script).env("TERM", "xterm-256color");
        let output = script.args(["-qec", &line, "/dev/null"]).output();
        let ran: Ran = output.expect("script, of util-linux, starts").into();
        assert_eq!(ran.code, Some(0), "{line}: {ran:?}");
        if let Some(objection) = objection(&ran.stdout.replace("\r\n", "\n"), true) {
            panic!("{line}: {objection}");
        }
    }
}

#[test]
fn an_error_shows_what_it_was_given_and_does_not_obey_it() {
    let env = Env::new();
    env.task("T");
    env.agent("T", "a");
    let me = ["--task", "T", "--agent", "a"];
    for nasty in NASTY {
        let calls: [&[&str]; 23] = [
            &[nasty],
            &["status", nasty],
            &["status", "--only", nasty],
            &["task", nasty],
            &["task", "show", nasty],
            &["task", "close", nasty],
            &["task", "new", "x", "--id", nasty],
            &["task", "new", "x", "--priority", nasty],
            &["task", "new", "x", "--require-evidence", nasty],
            &["task", "new", "x", "--workspace", nasty],
            &["register", "--task", "T", "--type", nasty],
            &["register", "--task", nasty, "--type", "coder"],
            &[
                "register", "--task", "T", "--type", "coder", "--parent", nasty,
            ],
            &["register", "--task", "T", "--type", "coder", "--ttl", nasty],
            &["reports", "--task", "T", nasty],
            &["findings", "--task", "T", nasty],
            &["findings", "--since", nasty],
            &["events", "--lock-timeout", nasty],
            &["status", "--color", nasty],
            &["export", nasty],
            &["config", nasty],
            &["import", nasty],
            &["doctor", nasty],
        ];
        for call in calls {
            let ran = said(&env, call);
            assert_ne!(ran.code, Some(0), "{call:?}");
            said(&env, &[call, &["--json"]].concat());
        }
        said(&env, &[&["progress", "-s", nasty], &me[..]].concat());
        said(&env, &[&["progress", "-p", nasty], &me[..]].concat());
        said(
            &env,
            &[&["finding", "x", "--data", nasty], &me[..]].concat(),
        );
        said(
            &env,
            &[&["finding", "x", "--data", &format!("@{nasty}")], &me[..]].concat(),
        );
        said(&env, &["status", "T", "--label", nasty]);
        said(&env, &["status", &format!("--{nasty}")]);
        let nowhere = env.root().join(nasty.replace('/', "-")).join("x");
        said(
            &env,
            &["status", "T", "--home", nowhere.to_str().expect("UTF-8")],
        );
    }
}

#[test]
fn a_file_with_a_nasty_name_does_not_steer_the_terminal_of_who_looks_for_damage() {
    let env = nasty_registry();
    let home = env.home();
    for nasty in NASTY {
        let name = nasty.replace('/', "-");
        for dir in [
            "",
            "tasks",
            "closed",
            "tasks/T",
            "tasks/T/agents/active",
            "tasks/T/leases",
        ] {
            std::fs::write(home.join(dir).join(&name), nasty).expect("a file can be called so");
            std::fs::write(home.join(dir).join(format!("{name}.jsonl")), nasty).expect("likewise");
        }
    }
    std::fs::write(home.join("tasks/T/agents/active/b.jsonl"), NASTY.join("\n")).unwrap();
    std::fs::write(home.join("tasks/T0/registry.json"), NASTY[0]).unwrap();
    for command in SHOWING
        .into_iter()
        .chain([&["doctor", "--repair"][..], &["doctor"]])
    {
        for color in ["never", "always"] {
            said(&env, &[command, &["--color", color]].concat());
        }
    }
}
