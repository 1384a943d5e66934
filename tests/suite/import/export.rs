//! `export`: a whole task as one document.

use serde_json::{Value, json};

use super::path;
use super::workspace::{self, TASK, given};
use crate::env::Env;
use crate::json;

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

/// Names that lines and documents of the registry use, in this version or an older one, or that it may come to use.
const NAMES: [&str; 24] = [
    "name",
    "leased",
    "schema",
    "rev",
    "prev",
    "seq",
    "crc",
    "sums",
    "record",
    "report",
    "reports",
    "orchestrator",
    "process",
    "findings_before",
    "labels",
    "running",
    "foreign",
    "run",
    "attempt",
    "retry_of",
    "command",
    "alive",
    "ttl",
    "host",
];

/// What an unknown field is found as: beside the keys of an object, or apart where the object has a key of that name.
fn kept<'a>(object: &'a Value, name: &str, value: &Value) -> Option<&'a Value> {
    [&object[name], &object["orchestrator"][name]]
        .into_iter()
        .find(|found| *found == value)
}

#[test]
fn no_name_of_a_foreign_field_is_reserved_whatever_its_value() {
    let values: [fn(&str) -> Value; 6] = [
        |own| own.into(),
        |_| true.into(),
        |_| 41.into(),
        |own| json!({ "own": own }),
        |own| json!(["own", own]),
        |_| Value::Null,
    ];
    for value in values {
        let env = Env::new();
        let put = |object: &mut Value, part: &str| {
            for name in NAMES {
                object[name] = value(&format!("{part}'s {name}"));
            }
        };
        let mut agent = workspace::agent("a", true);
        put(&mut agent, "agent");
        let base = given(&env, &[]);
        let mut registry = workspace::registry(TASK, &[agent], 1);
        put(&mut registry, "task");
        workspace::write_registry(&base, TASK, &registry);
        let mut said = json!({"timestamp": "2025-10-17T22:30:00.5", "agent_id": "a", "status": "working", "message": "m", "progress": 20});
        put(&mut said, "report");
        workspace::write_lines(&base, TASK, "progress", "a", std::iter::once(said));
        let mut found = json!({"timestamp": "2025-10-17T22:01:00", "agent_id": "a", "severity": "low", "message": "f"});
        put(&mut found, "finding");
        workspace::write_lines(&base, TASK, "findings", "a", std::iter::once(found));

        env.ok(&["import", path(&base)]);
        is_kept(&env, &value, 2);
        // What comes later takes nothing away.
        let me = ["--task", TASK, "--agent", "a"];
        env.ok(&[&["progress", "-p", "30", "going on"], &me[..]].concat());
        env.ok(&[&["finding", "-s", "high", "late"], &me[..]].concat());
        env.ok(&["task", "set", TASK, "--max-depth", "7"]);
        is_kept(&env, &value, 3);
        env.ok(&[&["progress", "-s", "completed", "over"], &me[..]].concat());
        env.ok(&["task", "close", TASK]);
        is_kept(&env, &value, 4);
        env.ok(&["doctor", "--repair"]);
        is_kept(&env, &value, 4);
    }
}

#[track_caller]
fn is_kept(env: &Env, value: &impl Fn(&str) -> Value, reports: usize) {
    let document = env.json(&["export", TASK]);
    let agent = &document["agents"][0];
    let own = &agent["reports"][1];
    assert_eq!(
        (&own["message"], &own["percent"]),
        (&json!("m"), &json!(20))
    );
    assert_eq!(agent["reports"].as_array().unwrap().len(), reports);
    let finding = &document["findings"][0];
    for name in NAMES {
        for (part, object) in [
            ("task", &document["task"]),
            ("agent", agent),
            ("report", own),
            ("finding", finding),
        ] {
            let value = value(&format!("{part}'s {name}"));
            let kept = kept(object, name, &value);
            assert!(kept.is_some(), "{part}'s {name} is not {value} in {object}");
        }
    }
    // Elsewhere objects have their own keys alone.
    for (args, list, keys) in [
        (&["reports", "--task", TASK][..], "reports", json::REPORT),
        (&["findings", "--task", TASK], "findings", json::FINDING),
        (&["status", TASK, "--all"], "agents", json::AGENT),
    ] {
        for object in env.json(args)[list].as_array().unwrap() {
            json::has_keys(object, keys);
        }
    }
    json::has_keys(&env.json(&["task", "show", TASK])["task"], json::TASK);
    env.is_healthy();
}
