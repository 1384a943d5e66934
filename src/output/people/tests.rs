//! What the pages look like, to the letter, and that no text of an agent can steer the terminal they appear on.

use agentreg::model::{Json, SeveritySums, Totals};
use agentreg::store::{Check, Problem, TaskView};
use proptest::prelude::*;
use serde_json::json;

use super::fixtures::{
    TASK, agent, alive, counts, events, findings as some_findings, fleet, now,
    reports as some_reports, sums, tasks, totals,
};
use super::*;
use crate::output::Terminal;
use crate::output::layout::width;

const TTY: Terminal = Terminal {
    width: 80,
    color: false,
    tty: true,
};
const PIPE: Terminal = Terminal { tty: false, ..TTY };

fn no_agents() -> TaskView {
    let mut view = fleet();
    view.agents.clear();
    view.state.counts = counts(0, 0, 0, 0);
    view.state.findings = SeveritySums::default();
    view
}

fn home() -> &'static std::path::Path {
    std::path::Path::new("/srv/registry")
}

#[test]
fn the_status_of_a_task_fits_a_terminal_of_eighty_columns() {
    assert_eq!(
        task_status(&fleet(), &alive, false, now(), &TTY),
        "\
Review the payment service for security problems
TASK-20251017-213512-5169d812 · P1 · opened 3h ago · /srv/payments

4 active (1 blocked, 1 dead) · 4 completed · 2 failed
8 findings · 1 critical · 2 high · 5 low

STATUS       AGENT                   PROGRESS   UPDATED   LIFE   MESSAGE
● working    lead-183000-0a1b2c      ━━──  60%  just now  alive  Waiting for th…
● working    security-183105-7d0e91  ━╸──  45%  3m ago    alive  Reading src/au…
! blocked    tests-183106-51c0de     ╸───  20%  12m ago   ?      needs a databa…
○ running    perf-183107-c0ffee      ────   0%  1h ago    dead

✓ completed  docs-183108-d0c5d0      ━━━━ 100%  1h ago           README and API…
✗ failed     lint-183109-1a1a1a      ━━━─  80%  1h ago           exit 101 · cli…
✗ failed     fuzz-183110-f0220f      ╸───  10%  1h ago           SIGKILL

7 of 10 agents shown, all with --all · end the dead: agentreg reap
"
    );
}

#[test]
fn a_pipe_gets_a_line_an_agent_with_all_it_said() {
    assert_eq!(
        task_status(&fleet(), &alive, false, now(), &PIPE),
        "\
Review the payment service for security problems
TASK-20251017-213512-5169d812 · P1 · opened 3h ago · /srv/payments

4 active (1 blocked, 1 dead) · 4 completed · 2 failed
8 findings · 1 critical · 2 high · 5 low

STATUS     AGENT                      %  UPDATED   LIFE      MESSAGE
working    lead-183000-0a1b2c       60%  just now  alive     Waiting for the reviewers
working    security-183105-7d0e91   45%  3m ago    alive     Reading src/auth.rs: the token is compared byte by byte, which tells how much of it was right
blocked    tests-183106-51c0de      20%  12m ago   unknown   needs a database to test against
running    perf-183107-c0ffee        0%  1h ago    dead      -
completed  docs-183108-d0c5d0      100%  1h ago    reported  README and API pages say what the code does
failed     lint-183109-1a1a1a       80%  1h ago    exit:101  clippy
failed     fuzz-183110-f0220f       10%  1h ago    SIGKILL   -
"
    );
}

#[test]
fn a_wide_terminal_is_used() {
    let wide = Terminal { width: 200, ..TTY };
    let page = task_status(&fleet(), &alive, false, now(), &wide);
    assert!(page.contains(
        "\
● working    security-183105-7d0e91  ━━━━━━━━━───────────  45%  3m ago    alive     Reading src/auth.rs: the token is compared byte by byte, which tells how much of it was right
"
    ));
    assert!(page.contains("  1h ago    exit 101  clippy\n"));
}

#[test]
fn a_tree_shows_who_registered_whom() {
    let mut view = fleet();
    view.agents.truncate(3);
    let child_of_security = json!({"parent": "security-183105-7d0e91"});
    let lost = json!({"parent": "long-gone"});
    view.agents.push(agent(
        "probe",
        "running",
        0,
        "21:35:00",
        "",
        child_of_security,
    ));
    view.agents
        .push(agent("orphan", "running", 0, "21:35:00", "", lost));
    view.state.counts = counts(5, 0, 0, 0);
    let tree = |terminal| {
        let page = task_status(&view, &alive, true, now(), terminal);
        page.split_once("AGENT")
            .map(|(_, tree)| tree.to_owned())
            .unwrap()
    };
    assert_eq!(
        tree(&TTY),
        "                      STATUS     PROGRESS   UPDATED   LIFE   MESSAGE
lead-183000-0a1b2c         ● working  ━━──  60%  just now  alive  Waiting for t…
├─ security-183105-7d0e91  ● working  ━╸──  45%  3m ago    alive  Reading src/a…
│  └─ probe                ○ running  ────   0%  12s ago   alive
└─ tests-183106-51c0de     ! blocked  ╸───  20%  12m ago   ?      needs a datab…
orphan                     ○ running  ────   0%  12s ago   alive
"
    );
    assert!(tree(&PIPE).contains("\n    probe                 running"));
}

#[test]
fn parents_of_each_other_are_shown_all_the_same() {
    let mut view = fleet();
    view.agents = vec![
        agent("a", "working", 1, "21:35:00", "", json!({"parent": "b"})),
        agent("b", "working", 1, "21:35:00", "", json!({"parent": "a"})),
        agent("c", "working", 1, "21:35:00", "", json!({"parent": "c"})),
    ];
    let page = task_status(&view, &alive, true, now(), &TTY);
    for line in ["\nc  ", "\na  ", "\n└─ b  "] {
        assert!(page.contains(line), "{page}");
    }
}

#[test]
fn colours_mark_what_needs_somebody() {
    let color = Terminal { color: true, ..TTY };
    let page = task_status(&fleet(), &alive, false, now(), &color);
    assert!(page.starts_with(
        "\u{1b}[1mReview the payment service for security problems\u{1b}[0m\n\
         TASK-20251017-213512-5169d812\u{1b}[2m · \u{1b}[0m\u{1b}[1m\u{1b}[33mP1\u{1b}[0m\u{1b}[2m · \u{1b}[0m"
    ));
    assert!(
        page.contains(
            "(\u{1b}[1m\u{1b}[33m1 blocked\u{1b}[0m, \u{1b}[1m\u{1b}[31m1 dead\u{1b}[0m)"
        )
    );
    assert!(page.contains("\u{1b}[1m\u{1b}[31mdead\u{1b}[0m\n"));
    assert!(page.contains("\n\u{1b}[1m\u{1b}[31m✗ failed\u{1b}[0m"));
    let plain = anstream::adapter::strip_str(&page).to_string();
    assert_eq!(plain, task_status(&fleet(), &alive, false, now(), &TTY));
}

#[test]
fn the_overview_shows_each_open_task_in_two_lines() {
    assert_eq!(
        overview(home(), &totals(), &tasks()[..2], now(), &TTY),
        "\
2 open tasks · 1 closed
5 active · 119 completed · 9 failed · 3 terminated

P1  Review the payment service for security problems                      3h ago
    TASK-20251017-213512-5169d812  ━━━━××────  ● 4  ✓ 4  ✗ 2 · 1 critical
P3  Keep the dependencies of all services up to date and say what broke…  3h ago
    nightly                        ━━━━━━━×·─  ● 1  ✓ 112  ✗ 7  ■ 3
"
    );
    assert_eq!(
        overview(home(), &totals(), &tasks()[..1], now(), &TTY)
            .lines()
            .last(),
        Some("    TASK-20251017-213512-5169d812  ━━━━××────  4 active · 4 completed · 2 failed")
    );
}

#[test]
fn a_list_of_tasks_is_a_table_where_there_is_room_or_nobody_looks() {
    let wide = Terminal { width: 150, ..TTY };
    assert_eq!(
        task_list(&tasks(), now(), &wide),
        "\
P   TASK                           STATUS  AGENTS      ACTIVE  COMPLETED  FAILED  TERMINATED  OPENED  DESCRIPTION
P1  TASK-20251017-213512-5169d812  open    ━━━━××────       4          4       2           0  3h ago  Review the payment service for security problems
P3  nightly                        open    ━━━━━━━×·─       1        112       7           3  3h ago  Keep the dependencies of all services up to dat…
P2  TASK-20251016-090000-00c0ffee  closed  ━━━━━━━━━━       0          3       0           0  3h ago  Port the build to the new runner …
"
    );
    assert_eq!(
        task_list(&tasks()[2..], now(), &PIPE),
        "\
TASK                           PRIORITY  STATUS  ACTIVE  COMPLETED  FAILED  TERMINATED  FINDINGS  OPENED  DESCRIPTION
TASK-20251016-090000-00c0ffee  P2        closed       0          3       0           0         2  3h ago  Port the build to the new runner⏎and delete the old one
"
    );
}

#[test]
fn a_tasks_page_says_all_there_is() {
    assert_eq!(
        task_page(&tasks()[2], now(), &TTY),
        "\
Port the build to the new runner
and delete the old one

task       TASK-20251016-090000-00c0ffee
status     closed
priority   P2
opened     3h ago (2025-10-17T18:20:00Z)
workspace  /srv/payments
limits     20 at once · any number in all · depth 5
agents     0 active · 3 completed
findings   1 medium · 1 low
"
    );
}

#[test]
fn findings_are_read_whole_on_a_terminal_and_line_by_line_in_a_pipe() {
    assert_eq!(
        findings(&some_findings(), false, now(), &TTY),
        "   #7  critical  issue  security-183105-7d0e91  21:20:01Z
       The token is compared byte by byte: how long it takes tells how much of
       it was right.
       Use a comparison in constant time.
       src/auth.rs:42
  #12  low       recommendation  docs-183108-d0c5d0  21:30:44Z
       Say in the README that the sandbox needs no key
       {\"pages\":2}
"
    );
    assert_eq!(
        findings(&some_findings()[..1], true, now(), &PIPE),
        "   7  2025-10-17T21:20:01Z  critical  issue     TASK-20251017-213512-5169d812  security-183105-7d0e91  \
         The token is compared byte by byte: how long it takes tells how much of it was right.⏎\
         Use a comparison in constant time. (src/auth.rs:42)\n"
    );
}

#[test]
fn findings_are_summed_by_task() {
    let sums = [
        (TASK.parse().unwrap(), sums(1, 2, 0, 4)),
        ("nightly".parse().unwrap(), sums(0, 0, 0, 1)),
    ];
    let all = sums[0].1.plus(sums[1].1);
    assert_eq!(
        findings_summary(&all, &sums, &TTY),
        "\
TASK                           CRITICAL  HIGH  MEDIUM  LOW  ALL
TASK-20251017-213512-5169d812         1     2       0    4    7
nightly                               0     0       0    1    1
total                                 1     2       0    5    8
"
    );
    assert_eq!(
        findings_summary(&sums[1].1, &sums[1..], &TTY),
        "1 finding · 1 low\n"
    );
}

#[test]
fn reports_and_events_are_a_line_each() {
    assert_eq!(
        reports(&some_reports()[1..3], now(), &TTY),
        "\
21:32:00Z  security-183105-7d0e91  ● working     45%  Reading src/auth.rs: the…
21:23:00Z  tests-183106-51c0de     ! blocked     20%  needs a database to test…
"
    );
    assert_eq!(
        reports(&some_reports()[3..4], now(), &PIPE),
        "2025-10-17T20:35:00Z  perf-183107-c0ffee    running        0%  -\n"
    );
    assert_eq!(
        self::super::events(&events(), now(), &TTY),
        "  41  18:20:00Z  ◇ opened                              TASK-20251017-213512-516…
  42  18:31:05Z  ○ registered  security-183105-7d0e91  TASK-20251017-213512-516…
  43  20:31:00Z  ✗ failed      lint-183109-1a1a1a      TASK-20251017-213512-516…
"
    );
    assert_eq!(
        self::super::events(&events()[..1], now(), &PIPE),
        "  41  2025-10-17T18:20:00Z  opened        -                     TASK-20251017-213512-5169d812  \
         active=0 completed=0 failed=0 terminated=0\n"
    );
}

#[test]
fn a_check_names_what_is_wrong_and_what_mends_it() {
    let problem = |path: &str, what: &str| Problem {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    let wrong = problem(
        "tasks/nightly/journal.jsonl",
        "counts 3 active agents, their logs 2",
    );
    let note = problem("tasks/.new-12", "left behind by a killed call");
    let damaged = Check {
        problems: vec![wrong.clone()],
        notes: vec![note.clone()],
        repaired: vec![],
    };
    assert_eq!(
        check(&damaged, false, true, &TTY),
        "\
✗ 1 problem
wrong   tasks/nightly/journal.jsonl
        counts 3 active agents, their logs 2
note    tasks/.new-12
        left behind by a killed call
mend it: agentreg doctor --repair
"
    );
    assert_eq!(
        check(&damaged, false, true, &PIPE),
        "\
1 problem
wrong   tasks/nightly/journal.jsonl: counts 3 active agents, their logs 2
note    tasks/.new-12: left behind by a killed call
mend it: agentreg doctor --repair
"
    );
    let mended = Check {
        problems: vec![],
        repaired: vec![wrong],
        ..damaged.clone()
    };
    assert!(
        check(&mended, true, true, &TTY).starts_with("✓ mended 1 problem\nmended  tasks/nightly/")
    );
    assert!(check(&damaged, true, true, &TTY).starts_with("✗ 1 problem could not be mended\n"));
    assert_eq!(
        check(&Check::default(), false, false, &TTY),
        "✓ the registry is sound\n"
    );
}

#[test]
fn where_there_is_nothing_it_says_what_to_type() {
    assert_eq!(
        overview(home(), &Totals::default(), &[], now(), &PIPE),
        "no tasks yet in /srv/registry; open one: agentreg task new \"what is to be done\"\n"
    );
    let page = task_status(&no_agents(), &alive, false, now(), &PIPE);
    assert!(page.ends_with(
        "\n\nno agents yet; register the first: \
         agentreg register --task TASK-20251017-213512-5169d812 --type coder\n"
    ));
    let page = task_status(&no_agents(), &alive, false, now(), &TTY);
    assert!(page.ends_with(
        "\n\nno agents yet; register the first:\n  \
         agentreg register --task TASK-20251017-213512-5169d812 --type coder\n"
    ));
    let lists = |terminal: &Terminal| {
        [
            task_list(&[], now(), terminal),
            findings(&[], false, now(), terminal),
            findings_summary(&SeveritySums::default(), &[], terminal),
            reports(&[], now(), terminal),
            self::super::events(&[], now(), terminal),
        ]
    };
    assert!(lists(&TTY).iter().all(|list| list.contains(": agentreg ")));
    assert!(lists(&PIPE).iter().all(String::is_empty));
}

/// Everything there is, with `text` wherever an agent, or whoever opened the task, could have written it.
fn everything_with(text: &str, terminal: &Terminal) -> Vec<String> {
    let mut view = fleet();
    view.state.task.description = text.to_owned();
    view.state.task.workspace = Some(text.into());
    for agent in &mut view.agents {
        agent.message = Some(text.to_owned());
        if let Some(end) = &mut agent.end {
            end.reason = Some(format!("{text}!"));
        }
    }
    let mut found = some_findings();
    for finding in &mut found {
        finding.message = text.to_owned();
        finding.finding_type = text.to_owned();
        finding.file = Some(text.to_owned());
        finding.data = Some(Json::of(&json!({ text: text })).unwrap());
    }
    let reported: Vec<_> = view
        .agents
        .iter()
        .map(agentreg::model::Agent::report)
        .collect();
    let problem = vec![Problem {
        path: text.to_owned(),
        what: text.to_owned(),
    }];
    let checked = Check {
        problems: problem.clone(),
        notes: problem,
        repaired: vec![],
    };
    let states = [view.state.clone(), view.state.clone()];
    vec![
        task_status(&view, &alive, false, now(), terminal),
        task_status(&view, &alive, true, now(), terminal),
        overview(home(), &totals(), &states, now(), terminal),
        task_list(&states, now(), terminal),
        findings(&found, true, now(), terminal),
        reports(&reported, now(), terminal),
        self::super::events(&events(), now(), terminal),
        task_page(&view.state, now(), terminal),
        check(&checked, false, true, terminal),
    ]
}

/// Any text, and texts in which what steers terminals is frequent.
fn hostile() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "\u{1b}[2J",
        "\u{1b}]0;title\u{7}",
        "\u{9b}31m",
        "\n",
        "\r",
        "\r\n",
        "\t",
        "\0",
        "\u{7f}",
        "\u{85}",
        "\u{202e}",
        "\u{2066}",
        "\u{200f}",
        "\u{61c}",
        "\u{200d}",
        "\u{2028}",
        "\u{e0041}",
        "\u{301}",
        "\u{fe0f}",
        "⚠\u{fe0f}",
        "日",
        " ",
        "word",
        "…",
    ]);
    prop_oneof![
        any::<String>(),
        prop::collection::vec(nasty, 0..60).prop_map(|parts| parts.concat()),
    ]
}

proptest! {
    #[test]
    fn no_text_of_an_agent_steers_the_terminal(text in hostile(), width in 1_usize..220, tty: bool) {
        for shown in everything_with(&text, &Terminal { width, color: false, tty }) {
            prop_assert!(shown.ends_with('\n'));
            let steering = |c: &char| c.is_control() && *c != '\n'
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{2028}' | '\u{2029}');
            prop_assert_eq!(shown.chars().find(steering), None, "{}", shown);
        }
    }

    #[test]
    fn lists_never_wrap_on_a_terminal(text in hostile(), columns in 20_usize..220) {
        let terminal = Terminal { width: columns, color: false, tty: true };
        for shown in &everything_with(&text, &terminal)[..7] {
            for line in shown.lines() {
                prop_assert!(width(line) <= columns, "{line}");
            }
        }
    }

    #[test]
    fn a_pipe_has_one_line_a_record(text in hostile()) {
        let shown = everything_with(&text, &PIPE);
        let lines: Vec<_> = shown.iter().map(|page| page.lines().count()).collect();
        prop_assert_eq!(&lines[..7], [14, 14, 6, 3, 2, 7, 3]);
    }
}
