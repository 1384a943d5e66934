//! Whoever ends agents is killed between the record of an end and the signal: the same call, made again, ends the processes.

use std::time::Duration;

use super::strace::kill_at;
use crate::crash::strace::{Site, sites};
use crate::crash::two_at_a_time;
use crate::live::{Running, TASK, World, group, of_home, until};

/// A command of two processes.
const PAIR: &str = "sleep 1000 & exec sleep 1000";

fn pair_of_runs(registry: &World) -> (World, Vec<Running>) {
    let world = World::copy_of(registry);
    let runs = ["a", "b"].map(|id| world.started(id, &[], PAIR));
    (world, runs.into())
}

/// What only reads: a death before it is a death before the next call that matters.
const READS: [&str; 6] = ["fstat", "lseek", "pread64", "read", "statx", "uname"];

/// The system calls of `args` from the first write on; before that a death leaves nothing. How often it looks whether
/// the processes are gone is another each time.
fn deaths(registry: &World, args: &[&str]) -> Vec<(String, usize)> {
    let (world, _runs) = pair_of_runs(registry);
    let all = sites(&world.env, args);
    let first = all.iter().position(Site::writes_file).expect("a write");
    let looks = |site: &Site| site.text.contains("/proc") || site.name.contains("sleep");
    all[first..]
        .iter()
        .filter(|site| !looks(site) && !READS.contains(&site.name.as_str()))
        .map(|site| (site.name.clone(), site.nth))
        .collect()
}

/// Kills `args` before each of its system calls; made again, it leaves no processes but those of the spared runs, and these counts.
fn repeated_ends_all(args: &[&str], spared: &[usize], counts: [u64; 5]) {
    let registry = World::new();
    let deaths = deaths(&registry, args);
    assert!(deaths.len() > 20, "{deaths:?}");
    two_at_a_time(&deaths, |site| {
        let at = format!("{args:?} killed at {site:?}");
        let (world, mut runs) = pair_of_runs(&registry);
        kill_at(&world.env, args, site);
        let (task, totals) = world.env.counts(TASK);
        assert_eq!(task, totals, "{at}");
        world.env.ok(args);
        assert_eq!(world.env.counts(TASK), (counts, counts), "{at}");
        for (at_run, run) in runs.iter_mut().enumerate() {
            let lives = !group(run.command).is_empty();
            assert_eq!(lives, spared.contains(&at_run), "{at}: run {at_run}");
            if !lives {
                run.wait();
            }
        }
        world.env.is_healthy();
        if !spared.is_empty() {
            world.env.ok(&["task", "close", TASK, "--force"]);
        }
        let took = until("the end of all", || of_home(&world.env).is_empty());
        assert!(took < Duration::from_secs(1), "{at}: {took:?}");
    });
    println!("{args:?}: {} deaths", deaths.len());
}

#[test]
fn a_forced_close_that_was_killed_at_any_step_ends_all_when_it_is_repeated() {
    repeated_ends_all(&["task", "close", TASK, "--force"], &[], [2, 0, 0, 0, 2]);
}

#[test]
fn a_terminate_that_was_killed_at_any_step_ends_its_agent_when_it_is_repeated() {
    repeated_ends_all(&["terminate", "a", "--task", TASK], &[1], [2, 1, 0, 0, 1]);
}
