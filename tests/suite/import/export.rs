//! `export`: a whole task as one document.

use serde_json::{Value, json};

use super::path;
use super::workspace::{self, TASK, given};
use crate::env::Env;

#[test]
fn export_gives_back_the_fields_that_nobody_knows() {
    let env = Env::new();
    let mut agent = workspace::agent("a", true);
    agent["pid"] = "not ours".into();
    let base = given(&env, &[agent]);
    let said = json!({"timestamp": "2025-10-17T22:00:00", "agent_id": "a", "status": "working", "tokens": 5});
    workspace::write_lines(&base, TASK, "progress", "a", std::iter::once(said));
    let found = json!({"timestamp": "2025-10-17T22:01:00", "agent_id": "a", "severity": "low", "message": "m", "sure": 0.5});
    workspace::write_lines(&base, TASK, "findings", "a", std::iter::once(found));
    env.ok(&["import", path(&base)]);
    env.ok(&["progress", "--task", TASK, "--agent", "a", "going on"]);
    env.ok(&["task", "set", TASK, "--max-depth", "7"]);

    let document = env.json(&["export", "TASK-2025"]);
    assert_eq!(
        (&document["schema"], &document["task"]["id"]),
        (&json!(1), &json!(TASK))
    );
    assert_eq!(document["task"]["spiral_checks"], json!({"enabled": true}));
    assert_eq!(
        document["task"]["orchestrator"],
        json!({"status": "INITIALIZED"})
    );
    assert_eq!(
        (
            &document["task"]["limits"]["max_depth"],
            &document["task"]["counts"]["active"]
        ),
        (&json!(7), &json!(1))
    );
    let agent = &document["agents"][0];
    assert_eq!(
        (&agent["tmux_session"], &agent["orchestrator"]),
        (&json!("agent_a"), &json!({"pid": "not ours"}))
    );
    let tokens: Vec<_> = agent["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|report| &report["tokens"])
        .collect();
    assert_eq!(tokens, [&Value::Null, &json!(5), &Value::Null]);
    assert_eq!(
        (
            &document["findings"][0]["sure"],
            &document["findings"][0]["seq"]
        ),
        (&json!(0.5), &json!(1))
    );
    assert_eq!(document["events"][0]["change"], "imported");
}
