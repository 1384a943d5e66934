use std::fs;
use std::io::Write;

use expectrl::{Eof, Expect, Session};

use super::{Running, parsed};
use crate::env::Env;

/// An agent whose command printed this.
fn with_output(bytes: &[u8]) -> Env {
    let env = Env::new();
    env.task("t");
    env.agent("t", "a");
    fs::write(log(&env), bytes).unwrap();
    env
}

fn log(env: &Env) -> std::path::PathBuf {
    env.task_dir("t").join("output/a.log")
}

fn append(env: &Env, bytes: &[u8]) {
    let mut file = fs::File::options().append(true).open(log(env)).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn a_pipe_gets_what_was_printed_byte_for_byte() {
    let bytes = b"\x1b[31mred\xff\0\r\nend";
    let env = with_output(bytes);
    assert_eq!(
        env.command(&["output", "a"]).output().unwrap().stdout,
        bytes
    );
    assert_eq!(env.json(&["output", "a"])["agent"], "a");
}

#[test]
fn the_last_lines_are_those_at_the_end() {
    let text: String = (0..50_000)
        .map(|number| format!("line {number}\n"))
        .collect::<Vec<_>>()
        .concat();
    let env = with_output(text.as_bytes());
    assert_eq!(
        env.ok(&["output", "a", "-n", "2"]),
        "line 49998\nline 49999"
    );
    assert_eq!(env.ok(&["output", "a", "-n", "0"]), "");
    assert_eq!(env.ok(&["output", "a", "-n", "60000"]), text.trim_end());
    let env = with_output(b"one\ntwo\nthree");
    assert_eq!(env.ok(&["output", "a", "-n", "2"]), "two\nthree");
}

#[test]
fn words_that_nothing_can_have_dropped_so_much_are_the_commands_own() {
    let beginning = "x".repeat(1 << 20);
    let text = format!("{beginning}\n[… {} bytes dropped …]\nend", u64::MAX);
    let env = with_output(text.as_bytes());
    assert_eq!(env.ok(&["output", "a"]), text);
    assert_eq!(env.ok(&["output", "a", "-n", "1"]), "end");
    assert_eq!(env.json(&["output", "a"])["output"], text);
}

#[test]
fn it_is_followed_until_the_agent_has_ended() {
    let env = with_output(b"one\n");
    let mut following = Running::start(&mut env.command(&["output", "a", "--follow"]));
    following.until_it_watches();
    assert_eq!(following.line(), "one");
    append(&env, b"two\n");
    assert_eq!(following.line(), "two");
    append(&env, b"three\n");
    env.reports("t", "a", &["-s", "completed"]);
    following.exits(0);
    assert_eq!(following.rest(), ["three"]);
}

#[test]
fn an_agent_whose_output_is_not_kept_has_none() {
    let env = Env::new();
    env.task("t");
    env.agent("t", "a");
    let said = env.fails(3, &["output", "a"]);
    assert!(said.contains("--tee"), "{said}");
    env.fails(3, &["output", "a", "--follow"]);
    env.fails(3, &["output", "b"]);
}

#[test]
fn a_terminal_gets_nothing_that_it_would_obey() {
    let env = with_output("gr\u{fc}n\t\u{1b}[2Jcleared\r\n".as_bytes());
    let mut command = env.command(&["output", "a"]);
    command.stdin(std::process::Stdio::inherit());
    let mut session = Session::spawn(command).unwrap();
    let shown = session.expect(Eof).unwrap();
    let shown = String::from_utf8_lossy(shown.as_bytes()).into_owned();
    assert_eq!(shown, "grün\t\\u{1b}[2Jcleared\r\n");
}

#[test]
fn as_json_it_is_one_document_however_much_there_is() {
    for length in [0, 3, 200_000] {
        let text = "ä".repeat(length);
        let env = with_output(text.as_bytes());
        assert_eq!(env.json(&["output", "a"])["output"], text);
    }
    let env = with_output(b"one\n");
    let mut following = Running::start(&mut env.command(&["output", "a", "--follow", "--json"]));
    following.until_it_watches();
    assert_eq!(parsed(&following.line())["output"], "one\n");
    append(&env, b"two\n");
    assert_eq!(parsed(&following.line())["output"], "two\n");
    env.reports("t", "a", &["-s", "completed"]);
    following.exits(0);
    assert_eq!(following.rest(), Vec::<String>::new());
}

#[test]
fn what_is_not_kept_is_not_waited_for() {
    let env = Env::new();
    env.task("t");
    let script = "agentreg run --task t --id a -- sh -c 'echo begun; read x'";
    let mut shell = std::process::Command::new("sh");
    env.prepare(&mut shell)
        .args(["-c", script])
        .stdin(std::process::Stdio::piped());
    let mut run = Running::start(&mut shell);
    assert_eq!(run.line(), "begun");
    Running::start(&mut env.command(&["output", "a", "--follow"])).exits(3);
    drop(run.child.stdin.take());
    run.end();
}
