use std::process::{Command, Stdio};
use std::time::Duration;

use expectrl::session::OsSession;
use expectrl::{ControlCode, Eof, Expect, Session};

use super::{Running, parsed};
use crate::env::Env;

const ENTERED: &str = "\x1b[?1049h";
const LEFT: &str = "\x1b[?1049l";

fn with_agents() -> Env {
    let env = Env::new();
    env.task("t");
    env.agent("t", "a");
    env.agent("t", "b");
    env
}

/// A shell on a terminal that tells how it is set before and after the call.
fn on_terminal(env: &Env, call: &str) -> OsSession {
    let mut shell = Command::new("sh");
    let script = format!("stty -g; {call}; echo \"code $?\"; stty -g");
    env.prepare(&mut shell)
        .args(["-c", &script])
        .stdin(Stdio::inherit())
        .env("TERM", "xterm-256color");
    let mut session = Session::spawn(shell).unwrap();
    session.get_process_mut().set_window_size(80, 24).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(30)));
    session
}

fn before(session: &mut OsSession, needle: &str) -> String {
    let found = session.expect(needle).unwrap();
    String::from_utf8_lossy(found.before()).into_owned()
}

/// How the terminal was set at first, once the screen is entered.
fn entered(session: &mut OsSession) -> String {
    before(session, ENTERED).trim().to_owned()
}

/// The exit code, and how the terminal is set, after the screen was left.
fn left(session: &mut OsSession) -> (String, String) {
    before(session, LEFT);
    before(session, "code ");
    let code = before(session, "\r\n");
    let end = session.expect(Eof).unwrap();
    (
        code,
        String::from_utf8_lossy(end.as_bytes()).trim().to_owned(),
    )
}

#[test]
fn q_leaves_the_terminal_as_it_was() {
    let env = with_agents();
    let mut session = on_terminal(&env, "agentreg status t --watch");
    let was = entered(&mut session);
    before(&mut session, "running");
    session.send("q").unwrap();
    assert_eq!(left(&mut session), ("0".to_owned(), was));
}

#[test]
fn ctrl_c_leaves_the_terminal_as_it_was_and_is_what_it_dies_of() {
    let env = with_agents();
    // The shell is to live on.
    let mut session = on_terminal(&env, "trap : INT; agentreg status t --watch");
    let was = entered(&mut session);
    before(&mut session, "running");
    session.send(ControlCode::EndOfText).unwrap();
    assert_eq!(left(&mut session), ("130".to_owned(), was));
}

#[test]
fn a_signal_to_end_leaves_the_terminal_as_it_was() {
    let env = with_agents();
    let call = "agentreg status t --watch & pid=$!; read line; kill $pid; wait $pid";
    // In the background it may not set the terminal, so it gets its input from elsewhere.
    let call = call.replace("--watch", "--watch </dev/null");
    let mut session = on_terminal(&env, &call);
    let was = entered(&mut session);
    before(&mut session, "running");
    session.send_line("").unwrap();
    assert_eq!(left(&mut session), ("143".to_owned(), was));
}

#[test]
fn a_change_is_drawn_at_once_in_place_and_marked() {
    let env = with_agents();
    let mut session = on_terminal(&env, "agentreg status t --watch=20s");
    entered(&mut session);
    before(&mut session, "\x1b[?2026l");
    env.reports("t", "b", &["-p", "40", "half way"]);
    let frame = before(&mut session, "\x1b[?2026l");
    assert!(frame.contains("\x1b[?2026h\x1b[H"), "{frame:?}");
    assert!(
        !frame.contains("\x1b[2J"),
        "nothing is cleared before it is drawn: {frame:?}"
    );
    let rows: Vec<&str> = frame.split("\r\n").collect();
    let row_of = |agent: &str| {
        let has_id = |row: &&&str| {
            row.split_whitespace()
                .any(|word| word == agent || word.starts_with(&format!("{agent}\x1b")))
        };
        *rows
            .iter()
            .find(has_id)
            .unwrap_or_else(|| panic!("{agent} in {rows:?}"))
    };
    assert!(row_of("b").contains("half way"));
    assert!(row_of("b").contains('▎'), "{rows:?}");
    assert!(!row_of("a").contains('▎'), "{rows:?}");
    session.send("q").unwrap();
    left(&mut session);
}

#[test]
fn it_fits_a_terminal_that_gets_smaller() {
    let env = with_agents();
    for number in 0..10 {
        env.agent("t", &format!("worker-{number}"));
    }
    let mut session = on_terminal(&env, "agentreg status t --watch=60s");
    entered(&mut session);
    before(&mut session, "worker-9");
    session.get_process_mut().set_window_size(40, 8).unwrap();
    before(&mut session, "lines more");
    session.send("q").unwrap();
    assert_eq!(left(&mut session).0, "0");
}

#[test]
fn no_line_is_wider_than_a_narrow_terminal() {
    let env = with_agents();
    let mut session = on_terminal(&env, "agentreg status t --watch=60s");
    entered(&mut session);
    before(&mut session, "\x1b[?2026l");
    session.get_process_mut().set_window_size(15, 3).unwrap();
    let frame = before(&mut session, "\x1b[J");
    assert!(frame.contains("… "), "{frame:?}");
    for row in frame.rsplit("\x1b[H").next().unwrap().split("\r\n") {
        let mut shown = row.to_owned();
        while let Some(at) = shown.find('\x1b') {
            let end = shown[at..].find(|c: char| c.is_ascii_alphabetic()).unwrap();
            shown.replace_range(at..=at + end, "");
        }
        assert!(shown.chars().count() <= 15, "{shown:?} in {frame:?}");
    }
    session.send("q").unwrap();
    left(&mut session);
}

#[test]
fn a_duration_apart_from_watch_is_told_where_it_belongs() {
    let env = with_agents();
    let said = env.fails(3, &["status", "--watch", "5s"]);
    assert!(said.contains("--watch=5s"), "{said}");
}

#[test]
fn into_a_pipe_it_prints_a_block_a_change() {
    let env = with_agents();
    let mut watching = Running::start(&mut env.command(&["status", "t", "--watch=20s", "--json"]));
    watching.until_it_watches();
    assert_eq!(
        parsed(&watching.line())["agents"].as_array().unwrap().len(),
        2
    );
    env.reports("t", "b", &["-p", "40"]);
    assert_eq!(parsed(&watching.line())["agents"][1]["percent"], 40);
    env.ok(&["task", "close", "t", "--force"]);
    watching.exits(0);
    let last = watching.rest().pop().expect("a last block");
    assert_eq!(parsed(&last)["task"]["status"], "closed");
}

#[test]
fn the_overview_is_watched_as_well() {
    let env = with_agents();
    let watching = Running::start(&mut env.command(&["status", "--watch=20s", "-q"]));
    watching.until_it_watches();
    assert_eq!(watching.line(), "t");
    env.task("u");
    assert_eq!(
        [watching.line(), watching.line(), watching.line()],
        ["", "t", "u"]
    );
}
