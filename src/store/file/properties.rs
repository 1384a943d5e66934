//! What holds of the registry's own lines and documents whatever the bytes are: the targets of `fuzz/` and the tests below
//! call these functions and differ only in who makes the bytes. Each panics where its sentence does not hold.
// A property that does not hold panics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::document;
use super::line::{
    AgentLine, Bad, Commit, CommitHead, FindingLine, Mark, MarkHead, decode, decode_checked,
    decode_mark, encode, encode_checked,
};
use super::rev::judge;
use crate::model::rules::{self, Update};
use crate::model::{Counts, NEWEST_SCHEMA, Settings, Status, Task, number};

/// A line of a journal, the machine's or a task's, is refused with a reason, or it is within bounds, reads back as it was
/// written, and the parts that the hot path reads say the same. So it is with the bytes as they are, and with a checksum
/// that fits them.
pub fn journal_line(bytes: &[u8]) {
    for line in [first_line(bytes), &sealed(bytes)] {
        if let Some(commit) = known(decode_checked::<Commit>(line)) {
            assert!(commit.schema <= NEWEST_SCHEMA);
            let again = encode_checked(&commit);
            assert_eq!(decode_checked(&again).as_ref(), Ok(&commit));
            assert_eq!(decode_checked(line).as_ref(), Ok(&commit.head()));
            assert_eq!(decode_checked(&again).as_ref(), Ok(&commit.head()));
            goes_on(commit.counts);
            goes_on(commit.totals.agents);
            let _ = judge(&commit.task, commit.rev, Some(&commit.head()));
            assert!(commit.rev <= number::MOST);
            is_kept(&commit.mark());
        }
        // Whoever reads a head decides by it, so it is refused by the same rules.
        known(decode_checked::<CommitHead>(line));
        if let Some(mark) = known(decode_mark::<Mark>(line)) {
            assert!(mark.schema <= NEWEST_SCHEMA);
            is_kept(&mark);
            goes_on(mark.counts);
            let head = decode_mark::<MarkHead>(line).map(|head| (head.rev, head.change));
            assert_eq!(head, Ok((mark.rev, mark.change)));
        }
    }
}

fn is_kept(mark: &Mark) {
    assert_eq!(decode_mark(&encode_checked(mark)).as_ref(), Ok(mark));
}

/// What is counted can be counted on from.
fn goes_on(counts: Counts) {
    let _ = counts.add_up();
    let more = counts.with_registered();
    assert_eq!(more.spawned, counts.spawned + 1);
    assert_eq!(more.with_ended(Status::Failed).failed, counts.failed + 1);
    assert_eq!(counts.plus(counts).minus(counts), counts);
}

/// A line of an agent's log is refused with a reason, or it is within bounds, reads back as it was written, and the agent
/// can go on from it: its next line reads back as well.
pub fn agent_line(bytes: &[u8]) {
    for line in [first_line(bytes), &ended(bytes)] {
        let Some(line) = known(decode::<AgentLine>(line)) else {
            continue;
        };
        assert!(line.schema <= NEWEST_SCHEMA);
        assert!(line.agent.percent <= 100);
        assert!(line.rev.is_none_or(|rev| rev <= number::MOST));
        reads_back(&line);
        let mut next = rules::update(&line.agent, &Update::default(), line.agent.updated_at);
        if line.agent.status.is_active() {
            let end = Update {
                status: Some(Status::Failed),
                ..Update::default()
            };
            next = rules::update(&line.agent, &end, line.agent.updated_at);
        }
        if let Ok(rules::Updated::Ended(agent) | rules::Updated::Reported(agent)) = next {
            assert_eq!(agent.seq, line.agent.seq + 1);
            if agent.seq <= number::MOST {
                reads_back(&AgentLine { agent, ..line });
            }
        }
    }
}

/// A line of a task's findings is refused with a reason, or it reads back as it was written and another can follow it.
pub fn finding_line(bytes: &[u8]) {
    for line in [first_line(bytes), &ended(bytes)] {
        let Some(line) = known(decode::<FindingLine>(line)) else {
            continue;
        };
        assert!(line.schema <= NEWEST_SCHEMA);
        reads_back(&line);
        assert!(line.sums.plus(line.sums).total() >= line.sums.total());
        let sums = line.sums.with(line.finding.severity);
        assert_eq!(sums.total(), line.sums.total() + 1);
        assert!(line.finding.seq <= number::MOST);
    }
}

/// A document of settings, a task's or the machine's, is refused with a reason, or it reads back as it was written.
pub fn settings(bytes: &[u8]) {
    document_reads_back::<Task>(bytes);
    document_reads_back::<Settings>(bytes);
}

fn document_reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    if let Some(content) = known(document::decode::<T>(bytes)) {
        let text = document::encode(&content).expect("what was read can be written");
        assert_eq!(document::decode(&text).as_ref(), Ok(&content));
    }
}

fn reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(line: &T) {
    let text = encode(line);
    assert_eq!(text.iter().position(|b| *b == b'\n'), Some(text.len() - 1));
    assert_eq!(decode(&text).as_ref(), Ok(line));
}

/// What was read; a refusal says what is wrong.
fn known<T>(read: Result<T, Bad>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(Bad::Newer(schema)) => {
            assert!(schema > u64::from(NEWEST_SCHEMA));
            None
        }
        Err(Bad::Garbage(what)) => {
            let reasons = ["it does not parse: ", "its checksum is ", "it has no end"];
            assert!(
                reasons.iter().any(|reason| what.starts_with(reason)),
                "{what}"
            );
            None
        }
    }
}

/// The bytes up to the end of their first line, as files are cut into lines.
fn first_line(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    end.map_or(bytes, |end| &bytes[..=end])
}

/// That line, and with an end if it has none.
fn ended(bytes: &[u8]) -> Vec<u8> {
    let line = first_line(bytes);
    [line.strip_suffix(b"\n").unwrap_or(line), b"\n"].concat()
}

/// The line with the checksum that fits it, in the place of what may be one.
fn sealed(line: &[u8]) -> Vec<u8> {
    const CHECKSUM: &[u8] = b",\"crc\":\"";
    let line = ended(line);
    let line = line.trim_ascii_end();
    let body = line.strip_suffix(b"}").unwrap_or(line);
    let (before, after) = body.split_at(body.len().saturating_sub(CHECKSUM.len() + 9));
    let body = if after.starts_with(CHECKSUM) {
        before
    } else {
        body
    };
    let checksum = format!(",\"crc\":\"{:08x}\"}}\n", crc32fast::hash(body));
    [body, checksum.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::nearly_valid::{bytes, cases};

    const COMMITS: [&str; 6] = [
        r#"{"schema":1,"rev":1,"prev":0,"at":"2026-11-25T15:31:31.681478Z","task":"T","change":"opened","settings":{"id":"T","description":"Review","priority":"P2","workspace":"/srv","created_at":"2026-11-25T15:31:31.661668Z","limits":{"max_agents":null,"max_concurrent":20,"max_depth":5},"require_evidence":{"reports":1,"findings":0}},"built":".new-be6704197cec34ff","status":"open","counts":{"spawned":0,"active":0,"completed":0,"failed":0,"terminated":0},"totals":{"spawned":0,"active":0,"completed":0,"failed":0,"terminated":0,"tasks_open":1,"tasks_closed":0},"crc":"f2c54cdc"}"#,
        r#"{"schema":1,"rev":3,"at":"2026-11-25T15:31:31.724884Z","task":"T","change":"completed","agent":{"id":"b","task":"T","type":"w","parent":"a","depth":2,"status":"completed","percent":100,"message":"done","labels":{"part":"lexer"},"registered_at":"2026-11-25T15:31:31.709587Z","updated_at":"2026-11-25T15:31:31.724884Z","ended_at":"2026-11-25T15:31:31.724884Z","seq":2,"pid":77,"ttl":60,"host":"vm","command":["sh"],"prompt":null,"evidence":{"reports":1,"findings":0,"elapsed":0.015297,"files_changed":{"count":0,"complete":true},"warnings":["no finding was shared"]},"end":{"how":"reported","code":null,"signal":null,"reason":null},"process":{"boot":"a1379a0e","namespace":4026531836,"started":1851957,"time_namespace":4026531834,"home":"10-1.5"},"leased":true,"findings_before":0},"status":"open","counts":{"spawned":2,"active":1,"completed":1,"failed":0,"terminated":0},"totals":{"spawned":2,"active":1,"completed":1,"failed":0,"terminated":0,"tasks_open":1,"tasks_closed":0},"crc":"690c53af"}"#,
        r#"{"schema":1,"rev":9,"prev":0,"at":"2026-11-25T15:31:31.7Z","task":"I","change":"imported","settings":{"id":"I","description":"","priority":"P0","workspace":null,"created_at":"2025-10-17T21:35:12.211797Z","limits":{"max_agents":45,"max_concurrent":null,"max_depth":4},"require_evidence":{"reports":0,"findings":0},"foreign":{"task":{"n":18446744073709551617,"o":{"p":[0.1000000000000000055]}}}},"built":".new-1","recent":["a","b"],"status":"open","counts":{"spawned":2,"active":0,"completed":2,"failed":0,"terminated":0},"totals":{"spawned":4,"active":1,"completed":3,"failed":0,"terminated":0,"tasks_open":2,"tasks_closed":0},"crc":"00000000"}"#,
        r#"{"schema":2,"rev":12,"prev":9,"at":"2026-11-25T16:00:00.000000Z","task":"I","change":"deleted","status":"closed","counts":{"spawned":2,"active":0,"completed":2,"failed":0,"terminated":0},"totals":{"spawned":2,"active":1,"completed":1,"failed":0,"terminated":0,"tasks_open":1,"tasks_closed":0},"crc":"00000000"}"#,
        r#"{"schema":1,"rev":3,"at":"2026-11-25T15:31:31.724884Z","change":"failed","agent":"b","status":"open","counts":{"spawned":1,"active":0,"completed":0,"failed":1,"terminated":0},"crc":"68e20da5"}"#,
        r#"{"schema":1,"rev":9,"at":"2026-11-25T15:31:31.724884Z","change":"imported","agent":null,"recent":["a"],"status":"closed","counts":{"spawned":1,"active":0,"completed":0,"failed":1,"terminated":0},"crc":"68e20da5"}"#,
    ];

    const AGENTS: [&str; 5] = [
        r#"{"schema":1,"rev":2,"id":"b","task":"T","type":"w","parent":null,"depth":1,"status":"running","percent":0,"message":null,"labels":{"k":"v"},"registered_at":"2026-11-25T15:31:31.709587Z","updated_at":"2026-11-25T15:31:31.709587Z","ended_at":null,"seq":1,"pid":null,"ttl":60,"host":"vm","command":["sh","-c","exit 3"],"prompt":"do it","evidence":null,"end":null,"leased":true,"findings_before":0}"#,
        r#"{"schema":2,"rev":4,"id":"b","task":"T","type":"w","parent":null,"depth":1,"status":"failed","percent":10,"message":"half \"way\"","labels":{},"registered_at":"2026-11-25T15:31:31.709587Z","updated_at":"2026-11-25T15:31:31.724884Z","ended_at":"2026-11-25T15:31:31.724884Z","seq":3,"pid":null,"ttl":null,"host":"vm","command":["sh"],"prompt":null,"evidence":null,"end":{"how":"idle","code":null,"signal":9,"reason":"quiet"},"leased":true,"findings_before":2,"foreign":{},"run":{"cwd":"/srv","warnings":["left 2 processes"],"grace_ms":10000,"later":[1.5]}}"#,
        r#"{"schema":1,"id":"a","task":"I","type":"t","parent":null,"depth":1,"status":"working","percent":10,"message":"m","labels":{},"registered_at":"2025-10-17T22:00:00.000000Z","updated_at":"2025-10-17T22:00:00.000000Z","ended_at":null,"seq":1,"pid":null,"ttl":null,"host":null,"command":null,"prompt":null,"evidence":null,"end":null,"findings_before":0,"foreign":{"agent":{"x":[1e2,-0]},"report":{"schema":"mine"}},"later":{"a":0.1}}"#,
        r#"{"schema":1,"id":"a","task":"I","type":"t","parent":null,"depth":1,"status":"completed","percent":100,"message":"m","labels":{},"registered_at":"2025-10-17T22:00:00.000000Z","updated_at":"2025-10-17T22:00:00.000000Z","ended_at":"2025-10-17T22:00:00.000000Z","seq":2,"pid":null,"ttl":null,"host":null,"command":null,"prompt":null,"evidence":{"reports":1,"findings":2,"elapsed":131.234567,"files_changed":null,"warnings":[]},"end":{"how":"reported","code":null,"signal":null,"reason":null},"findings_before":0,"leased":"yes","tmux_session":"x","orchestrator":{"id":"n"},"report":{"status":"odd"}}"#,
        r#"{"schema":1,"rev":2,"id":"b","task":"T","type":"w","depth":1,"status":"blocked","registered_at":"2026-11-25T15:31:31.709587Z","updated_at":"2026-11-25T15:31:31.709587Z","seq":7}"#,
    ];

    const FINDINGS: [&str; 3] = [
        r#"{"schema":1,"sums":{"low":0,"medium":0,"high":1,"critical":0},"seq":1,"at":"2026-11-25T15:31:31.709587Z","task":"T","agent":"a","type":"insight","severity":"high","message":"found","data":{"n":[1e2,18446744073709551617]},"file":"x.rs","line":3}"#,
        r#"{"schema":1,"sums":{"low":1,"medium":0,"high":1,"critical":0},"seq":2,"at":"2025-10-17T22:00:00.000000Z","task":"T","agent":"a","type":"issue","severity":"low","message":"","data":null,"file":null,"line":null,"foreign":{"finding":{"sums":[0.1]}},"later":"x"}"#,
        r#"{"schema":1,"sums":{},"seq":2,"at":"2025-10-17T22:00:00Z","task":"T","agent":"a","type":"issue","severity":"low","message":"","orchestrator":{"schema":2},"confidence":0.92}"#,
    ];

    const SETTINGS: [&str; 4] = [
        "{\n  \"schema\": 1,\n  \"id\": \"T\",\n  \"description\": \"Review\",\n  \"priority\": \"P2\",\n  \"workspace\": \"/srv\",\n  \"created_at\": \"2026-11-25T15:31:31.661668Z\",\n  \"limits\": {\n    \"max_agents\": null,\n    \"max_concurrent\": 20,\n    \"max_depth\": 5\n  },\n  \"require_evidence\": {\n    \"reports\": 1,\n    \"findings\": 0\n  }\n}\n",
        r#"{"schema":1,"id":"I","description":"x","created_at":"2025-10-17T21:35:12.211797Z","foreign":{"task":{"schema":7,"n":1e400}},"later":[0.3]}"#,
        r#"{"schema":1,"id":"I","description":"x","created_at":"2025-10-17T21:35:12.211797Z","client_cwd":null,"orchestrator":{"limits":1.50}}"#,
        "{\n  \"schema\": 1,\n  \"max_concurrent\": 7,\n  \"output_limit\": 4194304,\n  \"later\": {\"a\": 1e2}\n}\n",
    ];

    proptest! {
        #![proptest_config(cases(8_000))]

        #[test]
        fn a_line_of_a_journal_is_refused_with_a_reason_or_reads_back(line in bytes(&COMMITS)) {
            super::journal_line(&line);
        }

        #[test]
        fn a_line_of_an_agents_log_is_refused_with_a_reason_or_can_be_gone_on_from(line in bytes(&AGENTS)) {
            super::agent_line(&line);
        }

        #[test]
        fn a_line_of_findings_is_refused_with_a_reason_or_reads_back(line in bytes(&FINDINGS)) {
            super::finding_line(&line);
        }

        #[test]
        fn a_document_of_settings_is_refused_with_a_reason_or_reads_back(text in bytes(&SETTINGS)) {
            super::settings(&text);
        }
    }

    /// The valid lines are valid, so the tests above begin where they should.
    #[test]
    fn what_the_lines_are_made_of_is_valid() {
        use super::*;
        for line in &COMMITS[..4] {
            assert!(
                decode_checked::<Commit>(&sealed(line.as_bytes())).is_ok(),
                "{line}"
            );
        }
        for line in &COMMITS[4..] {
            assert!(
                decode_mark::<Mark>(&sealed(line.as_bytes())).is_ok(),
                "{line}"
            );
        }
        for line in AGENTS {
            assert!(
                decode::<AgentLine>(&ended(line.as_bytes())).is_ok(),
                "{line}"
            );
        }
        for line in FINDINGS {
            assert!(
                decode::<FindingLine>(&ended(line.as_bytes())).is_ok(),
                "{line}"
            );
        }
        for text in &SETTINGS[..3] {
            assert!(document::decode::<Task>(text.as_bytes()).is_ok(), "{text}");
        }
        for text in &SETTINGS[3..] {
            assert!(
                document::decode::<Settings>(text.as_bytes()).is_ok(),
                "{text}"
            );
        }
    }
}
