use std::time::{Duration, Instant};

use super::Running;
use crate::env::Env;

#[test]
fn it_wakes_at_once_among_hundreds_of_agents_that_report() {
    let env = Env::in_memory();
    env.task("t");
    for number in 0..300 {
        env.agent("t", &format!("a{number}"));
    }
    let mut late = Vec::new();
    for round in 0..5 {
        let words = ["wait", "--task", "t", "--any", "--until", "blocked", "-q"];
        let mut waiting = Running::start(&mut env.command(&words));
        waiting.until_it_watches();
        // It looks at this first, and what comes meanwhile has to wait for the next look.
        env.reports("t", "a0", &["-p", &round.to_string()]);
        env.reports("t", "a1", &["-s", "blocked"]);
        let blocked = Instant::now();
        waiting.exits(0);
        late.push(blocked.elapsed());
        env.reports("t", "a1", &["-s", "working"]);
    }
    late.sort_unstable();
    // The promise is 50 ms, and a busy machine takes its time as well.
    assert!(late[2] < Duration::from_millis(150), "{late:?}");
}
