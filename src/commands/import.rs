//! `import`: takes in the tasks of an orchestrator's workspace.

use std::path::Path;

use agentreg::model::{Kind, TaskId};
use agentreg::orchestrator::{Note, TaskDir, TaskReader, Workspace, Zone};
use agentreg::store::{AgentsWanted, Store};
use serde::Serialize;

use super::Outcome;
use super::context::Context;
use crate::cli::ImportArgs;
use crate::output::json::{self, TaskItem};
use crate::output::people::{self, Intake, TakenIn};
use crate::output::{Answer, Failure, Working};

pub fn run(args: &ImportArgs, context: &Context) -> Outcome {
    let workspace = open(&args.directory)?;
    let zone = zone()?;
    let mut intake = Intake {
        zone: zone.name().to_owned(),
        ..Intake::default()
    };
    let mut answer = Answer::nothing().of_change();
    for directory in workspace.tasks() {
        answer = take_in(directory, &workspace, &zone, &mut intake, answer, context)?;
    }
    // Where all tasks are damaged there is nothing to go on with.
    if intake.tasks.is_empty()
        && !workspace.knew_any()
        && let Some(first) = intake.damages.first()
    {
        let message = format!("no task could be taken in: {first}");
        return Err(Failure::new(Kind::Damaged, message));
    }
    intake.damages.extend_from_slice(workspace.refused());
    intake.differences.extend(workspace.differences());
    Ok(if context.json() {
        answer.with_text(document(&intake))
    } else if context.quiet() {
        answer.with_text(ids(&intake))
    } else {
        answer.with_text(people::intake(&intake, &context.terminal()))
    })
}

fn open(directory: &Path) -> Result<Workspace, Failure> {
    const HINT: &str =
        "name the directory that holds the orchestrator's TASK-… directories, or one of these";
    let shown = directory.display();
    let workspace = Workspace::open(directory)
        .map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")).hint(HINT))?;
    if workspace.tasks().is_empty() {
        let mut message = format!("there is no task in {shown}");
        let missing = workspace.missing();
        if !missing.is_empty() {
            message.push_str("; the orchestrator's registry names ");
            message.push_str(&listed(&missing));
            message.push_str(", whose directories are not there");
        }
        for note in workspace.refused().iter().take(MOST_NAMED) {
            message.push_str("; ");
            message.push_str(&note.to_string());
        }
        return Err(Failure::usage(message).hint(HINT));
    }
    Ok(workspace)
}

/// So many are named in an error.
const MOST_NAMED: usize = 100;

fn listed(names: &[&str]) -> String {
    let (first, rest) = names.split_at(names.len().min(MOST_NAMED));
    let text = first.join(", ");
    if rest.is_empty() {
        text
    } else {
        format!("{text} and {} more", rest.len())
    }
}

/// The zone that times without an offset are in.
fn zone() -> Result<Zone, Failure> {
    let wanted = std::env::var_os("TZ");
    let wanted = wanted.as_ref().map(|wanted| wanted.to_string_lossy());
    Zone::system(wanted.as_deref()).map_err(|what| {
        Failure::usage(format!("TZ: {what}")).hint(
            "set TZ to the zone that the workspace's times are in, such as UTC or Europe/Berlin",
        )
    })
}

fn take_in(
    directory: &TaskDir,
    workspace: &Workspace,
    zone: &Zone,
    intake: &mut Intake,
    answer: Answer,
    context: &Context,
) -> Outcome {
    let reader = match directory.open(zone) {
        Ok(reader) => reader,
        Err(damage) => {
            workspace.left_out(directory.name(), false);
            let name = directory.name().to_owned();
            intake.skipped.push((name, "it is damaged".to_owned()));
            intake.damages.push(damage);
            return Ok(answer);
        }
    };
    let store = context.store()?;
    if is_known(store, reader.id())? {
        skip(&reader, workspace, intake);
        return Ok(answer);
    }
    let working = if context.json() || context.quiet() {
        Working::hidden()
    } else {
        Working::new(reader.id().as_str(), reader.agents())
    };
    let done = store.import(reader.import(workspace.global()), &|agents| {
        working.done(agents);
    })?;
    drop(working);
    let Some(done) = done else {
        skip(&reader, workspace, intake);
        return Ok(answer);
    };
    let recount = reader.finish();
    workspace.came_in(&done.value.task.id, &recount);
    intake.damages.extend(recount.notes.damages);
    intake.differences.extend(recount.notes.differences);
    intake.tasks.push(TakenIn {
        state: done.value,
        reports: recount.reports,
    });
    Ok(answer.warn(done.warning.as_ref()))
}

/// Whether there is nothing to do, told before much is read. The store itself looks again.
fn is_known(store: &dyn Store, task: &TaskId) -> Result<bool, Failure> {
    match store.view(task, AgentsWanted::None) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == Kind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn skip(reader: &TaskReader, workspace: &Workspace, intake: &mut Intake) {
    let task = reader.id().to_string();
    workspace.left_out(&task, true);
    let reason = "a task of this id is known already".to_owned();
    intake.skipped.push((task, reason));
}

fn document(intake: &Intake) -> String {
    #[derive(Serialize)]
    struct Skipped<'a> {
        task: &'a str,
        reason: &'a str,
    }
    #[derive(Serialize)]
    struct Document<'a> {
        tasks: Vec<TaskItem<'a>>,
        skipped: Vec<Skipped<'a>>,
        differences: Vec<&'a Note>,
        zone: &'a str,
    }
    json::document(&Document {
        tasks: intake
            .tasks
            .iter()
            .map(|task| TaskItem::from(&task.state))
            .collect(),
        skipped: intake
            .skipped
            .iter()
            .map(|(task, reason)| Skipped { task, reason })
            .collect(),
        differences: intake.damages.iter().chain(&intake.differences).collect(),
        zone: &intake.zone,
    })
}

fn ids(intake: &Intake) -> String {
    let mut text = String::new();
    for task in &intake.tasks {
        text += task.state.task.id.as_str();
        text.push('\n');
    }
    text
}
