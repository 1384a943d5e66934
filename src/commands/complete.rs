//! Completions, made by the program itself while a shell asks for them. They never fail loudly: a shell in the middle
//! of a line is no place for errors.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use agentreg::model::TaskId;
use agentreg::store::{AgentsWanted, Scope, Store};
use clap_complete::CompletionCandidate;
use clap_complete::env::Shells;

use super::context::Context;
use crate::cli;
use crate::output::{escape, say};

const VARIABLE: &str = "COMPLETE";
const NAME: &str = "agentreg";

/// How long a person may wait for a key.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// Answers a shell that asks for completions; false if none does.
pub fn engine() -> bool {
    let Some(shell) = std::env::var(VARIABLE).ok() else {
        return false;
    };
    let shells = Shells::builtins();
    // Somebody else's variable of this name must not stop a call.
    let Some(completer) = shells.completer(&shell) else {
        return false;
    };
    let line: Vec<OsString> = std::env::args_os()
        .skip_while(|word| word != "--")
        .skip(1)
        .collect();
    let said = if line.is_empty() {
        registration(&shell).into_bytes()
    } else {
        let mut command = cli::whole();
        command.build();
        let directory = std::env::current_dir().ok();
        let mut said = Vec::new();
        // A line that cannot be completed has no completions.
        let _ = completer.write_complete(&mut command, line, directory.as_deref(), &mut said);
        said
    };
    let _ = say(&said);
    true
}

/// The script that makes `shell` ask this program.
pub fn registration(shell: &str) -> String {
    let mut script = Vec::new();
    if let Some(completer) = Shells::builtins().completer(shell) {
        // Writing to memory does not fail.
        let _ = completer.write_registration(VARIABLE, NAME, NAME, NAME, &mut script);
    }
    String::from_utf8_lossy(&script).into_owned()
}

/// The open tasks.
pub fn tasks(current: &OsStr) -> Vec<CompletionCandidate> {
    let open = || {
        let context = context();
        Some(context.store().ok()?.overview(Scope::Open).ok()?.tasks)
    };
    open()
        .unwrap_or_default()
        .into_iter()
        .map(|state| {
            let help = first_line(&state.task.description);
            CompletionCandidate::new(state.task.id.as_str()).help(Some(help.into()))
        })
        .filter(|candidate| begins(candidate, current))
        .collect()
}

/// The agents of the task that the line or the environment names, else of all open ones.
pub fn agents(current: &OsStr) -> Vec<CompletionCandidate> {
    let listed = || {
        let context = context();
        let store = context.store().ok()?;
        let named = task_on_the_line().or_else(|| context.task_name(None).ok().flatten());
        let tasks = match named {
            Some(name) => vec![store.find_task(&name).ok()?],
            None => open_tasks(store)?,
        };
        let mut listed = Vec::new();
        for task in tasks {
            // One that cannot be read hides no other.
            if let Ok(view) = store.view(&task, AgentsWanted::ActiveAndLast(50)) {
                listed.extend(view.agents);
            }
        }
        Some(listed)
    };
    listed()
        .unwrap_or_default()
        .into_iter()
        .map(|agent| {
            let help = format!("{}, {} %", agent.status, agent.percent);
            CompletionCandidate::new(agent.id.as_str()).help(Some(help.into()))
        })
        .filter(|candidate| begins(candidate, current))
        .collect()
}

/// The usual types of findings.
pub fn finding_types(current: &OsStr) -> Vec<CompletionCandidate> {
    ["issue", "solution", "insight", "recommendation", "blocker"]
        .into_iter()
        .map(CompletionCandidate::new)
        .filter(|candidate| begins(candidate, current))
        .collect()
}

fn open_tasks(store: &dyn Store) -> Option<Vec<TaskId>> {
    let open = store.overview(Scope::Open).ok()?;
    Some(open.tasks.into_iter().map(|state| state.task.id).collect())
}

/// The registry as the line being typed names it.
fn context() -> Context {
    let home = option_on_the_line("--home").map(Into::into);
    Context::new(cli::Globals::unspoken(home, LOCK_TIMEOUT))
}

fn task_on_the_line() -> Option<String> {
    option_on_the_line("--task")
}

/// The value of an option among the words that the shell passes after its own `--`.
fn option_on_the_line(option: &str) -> Option<String> {
    let line: Vec<String> = std::env::args_os()
        .skip_while(|word| word != "--")
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    value_of(option, &line)
}

fn value_of(option: &str, line: &[String]) -> Option<String> {
    let value = line
        .iter()
        .enumerate()
        .find_map(|(at, word)| match word.strip_prefix(option)? {
            "" => line.get(at + 1).cloned(),
            rest => rest.strip_prefix('=').map(str::to_owned),
        });
    value.filter(|value| !value.is_empty())
}

fn begins(candidate: &CompletionCandidate, current: &OsStr) -> bool {
    let current = current.to_string_lossy();
    candidate
        .get_value()
        .to_string_lossy()
        .starts_with(&*current)
}

/// Shells show help on one line, and print it as it is: what people wrote in a description is escaped here as elsewhere.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let start: String = line.chars().take(60).collect();
    escape(&start).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_does_not_steer_the_shells_terminal() {
        let evil = "a\u{202e}b\u{1b}[31mc\u{7}\nnext";
        assert_eq!(first_line(evil), "a\\u{202e}b\\u{1b}[31mc\\u{7}");
    }

    #[test]
    fn an_option_is_found_on_the_line() {
        let line = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let task = |text: &str| value_of("--task", &line(text));
        assert_eq!(task("findings --task T1 x"), Some("T1".to_owned()));
        assert_eq!(task("findings --task=T1"), Some("T1".to_owned()));
        assert_eq!(task("findings --tasks T1"), None);
        assert_eq!(task("findings --task"), None);
    }
}
