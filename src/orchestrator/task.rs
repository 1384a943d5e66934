//! A task's settings and the counts that the orchestrator kept of it.

use super::Zone;
use super::fields::{self, Fields};
use super::note::{Note, Notes};
use crate::model::{
    Counts, Extra, Limits, MAX_MESSAGE, Priority, Requirement, Task, TaskId, Timestamp,
};

/// What `AGENT_REGISTRY.json` says apart from its agents.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) task: Task,
    pub(super) claims: Claims,
}

/// The counts that the orchestrator kept.
#[derive(Debug, Default)]
pub(super) struct Claims {
    spawned: Option<u64>,
    active: Option<u64>,
    completed: Option<u64>,
}

impl Claims {
    /// Which of them are wrong.
    pub(super) fn wrong(&self, counts: Counts) -> Vec<String> {
        let listed = [
            ("total_spawned", self.spawned, counts.spawned),
            ("active_count", self.active, counts.active),
            ("completed_count", self.completed, counts.completed),
        ];
        listed
            .into_iter()
            .filter_map(|(name, said, counted)| {
                let said = said.filter(|said| *said != counted)?;
                Some(format!("{name} is {said} here, but {counted} by recount"))
            })
            .collect()
    }
}

/// Reads the document of the directory called `directory`; `touched` is when it was last written.
pub(super) fn read(
    mut from: Fields,
    directory: &str,
    touched: Timestamp,
    zone: &Zone,
    notes: &mut Notes,
) -> Result<Settings, Note> {
    let place = from.place.clone();
    let named = from.take("task_id", notes, fields::text);
    let id: TaskId = named
        .as_deref()
        .unwrap_or(directory)
        .parse()
        .map_err(|what| place.note(format!("task left out: {what}")))?;
    if id.as_str() != directory {
        notes.differs(
            &place,
            format!("task {id} lies in a directory called {directory:?}"),
        );
    }
    let created_at = from.take("created_at", notes, fields::time(zone));
    let default = Limits::default();
    let claims = Claims {
        spawned: from.take("total_spawned", notes, fields::whole),
        active: from.take("active_count", notes, fields::whole),
        completed: from.take("completed_count", notes, fields::whole),
    };
    let limits = Limits {
        max_agents: from.take("max_agents", notes, fields::whole),
        max_concurrent: from
            .take("max_concurrent", notes, fields::whole)
            .or(default.max_concurrent),
        max_depth: from
            .take("max_depth", notes, fields::whole)
            .map_or(default.max_depth, |depth| {
                u32::try_from(depth).unwrap_or(u32::MAX)
            }),
    };
    match from.take("agents", notes, fields::anything) {
        Some(list) if list.as_str().starts_with('[') => {}
        Some(_) => return Err(place.note("its agents are not a list: task left out")),
        None => notes.damaged(&place, "it has no list of agents"),
    }
    let mut description = from
        .take("task_description", notes, fields::any_text)
        .unwrap_or_default();
    if description.len() > MAX_MESSAGE {
        from.put_back("task_description", &description);
        fields::cut(&mut description, MAX_MESSAGE);
    }
    let task = Task {
        description,
        priority: from
            .take("priority", notes, fields::word::<Priority>)
            .unwrap_or_default(),
        workspace: from.take("workspace", notes, fields::text).map(Into::into),
        created_at: created_at
            .or_else(|| zone.stamp(id.as_str()))
            .unwrap_or(touched),
        limits,
        require_evidence: Requirement::default(),
        id,
        foreign: from.into_foreign(),
        extra: Extra::new(),
    };
    Ok(Settings { task, claims })
}
