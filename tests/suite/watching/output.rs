use std::fs;
use std::io::{Read, Write};

use expectrl::{Eof, Expect, Session};

use super::{Running, parsed};
use crate::env::{BINARY, Env};

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

#[test]
fn an_output_that_was_emptied_is_followed_from_its_new_beginning() {
    // Shorter than what was shown, and longer: by then it only looks as if nothing had happened.
    for new in ["three\n", "three, and much more than there was before\n"] {
        let env = with_output(b"one\ntwo\n");
        let mut following = Running::start(&mut env.command(&["output", "a", "--follow"]));
        assert_eq!([following.line(), following.line()], ["one", "two"]);
        following.until_it_watches();
        fs::write(log(&env), new).unwrap();
        assert_eq!(following.line(), new.trim_end());
        append(&env, b"four\n");
        assert_eq!(following.line(), "four");
        env.reports("t", "a", &["-s", "completed"]);
        following.exits(0);
        let mut said = String::new();
        let mut stderr = following.child.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        assert!(said.contains("the output of agent a was cut off"), "{said}");
    }
}

#[test]
fn an_output_that_another_file_took_the_place_of_is_followed_there() {
    let env = with_output(b"one\n");
    let mut following = Running::start(&mut env.command(&["output", "a", "--follow"]));
    assert_eq!(following.line(), "one");
    following.until_it_watches();
    fs::rename(log(&env), log(&env).with_extension("log.1")).unwrap();
    fs::write(log(&env), "two, in another file\n").unwrap();
    assert_eq!(following.line(), "two, in another file");
    env.reports("t", "a", &["-s", "completed"]);
    following.exits(0);
    assert_eq!(following.rest(), Vec::<String>::new());
}

#[test]
fn however_much_was_printed_no_more_than_a_part_of_it_is_held() {
    // One line, and bytes that JSON has no word for.
    let mut bytes = b"\x1b\xff\"".repeat(8 << 20);
    bytes.extend_from_slice(b"\nlast\n");
    let env = with_output(&bytes);
    for args in [
        &["output", "a", "--json"][..],
        &["output", "a", "--follow", "--json"],
        &["output", "a", "-n", "2", "--json"],
        &["output", "a", "-n", "2"],
        &["output", "a", "-n", "1"],
    ] {
        if args.contains(&"--follow") {
            env.reports("t", "a", &["-s", "completed"]);
        }
        // In kilobytes of address space, of which the program itself takes a part.
        let mut shell = std::process::Command::new("sh");
        env.prepare(&mut shell)
            .args([
                "-c",
                "ulimit -v 20000 && exec \"$0\" \"$@\" | tail -c 100",
                BINARY,
            ])
            .args(args);
        let ran = shell.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && said.is_empty(), "{args:?}: {said}");
        let end = String::from_utf8_lossy(&ran.stdout);
        assert!(end.contains("last"), "{args:?}: {end}");
    }
}
