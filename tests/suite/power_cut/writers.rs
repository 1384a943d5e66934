//! Agents that report without a pause, and what was acknowledged to them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use serde_json::Value;

use crate::env::{Env, Ran};

/// A call that exited 0, and what must be there from then on.
#[derive(Debug)]
pub enum Ack {
    Opened {
        task: String,
    },
    Closed {
        task: String,
    },
    Reported {
        task: String,
        agent: String,
        seq: u64,
        message: Value,
    },
    Ended {
        task: String,
        agent: String,
        status: String,
    },
    Found {
        task: String,
        seq: u64,
        message: String,
    },
}

/// Stops the writers when the test ends, however it ends.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The program on a home that lies elsewhere.
pub fn call(env: &Env, home: &Path, args: &[&str]) -> Ran {
    let mut command = env.command(args);
    let output = command.env("AGENTREG_HOME", home).output();
    output.expect("the program starts").into()
}

/// The same, which must succeed, with its JSON.
pub fn json(env: &Env, home: &Path, args: &[&str]) -> Value {
    let ran = call(env, home, &[args, &["--json"]].concat());
    assert_eq!(ran.code, Some(0), "{args:?}: {} {}", ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).expect("one document")
}

/// One thread of calls; tells of each that exited 0.
pub struct Writer<'a> {
    pub env: &'a Env,
    pub home: &'a Path,
    pub name: usize,
    pub acks: Sender<Ack>,
    pub stop: &'a AtomicBool,
}

impl Writer<'_> {
    /// Opens tasks, and in them and in the common one lets agents live and end.
    pub fn run(&self) {
        for round in 0.. {
            let own = format!("own-{}-{round}", self.name);
            self.json(&["task", "new", "own", "--id", &own]);
            self.tell(Ack::Opened { task: own.clone() });
            for life in 0..3 {
                for task in ["common", &own] {
                    if self.stop.load(Ordering::SeqCst) {
                        return;
                    }
                    self.live(task, &format!("a-{}-{round}-{life}", self.name), life);
                }
            }
            self.json(&["task", "close", &own]);
            self.tell(Ack::Closed { task: own });
        }
    }

    fn live(&self, task: &str, agent: &str, life: u64) {
        let me = ["--task", task, "--agent", agent];
        let registered = self.json(&[
            "register", "--task", task, "--type", "coder", "--id", agent, "--parent", "none",
        ]);
        self.tell_report(task, &registered["agent"]);
        for step in ["10", "60"] {
            let message = format!("{agent} is at {step}");
            let said = self.json(&[&["progress", "-p", step, "-m", &message], &me[..]].concat());
            self.tell_report(task, &said["agent"]);
        }
        let message = format!("{agent} found it");
        let found = self.json(&[&["finding", "-m", &message], &me[..]].concat());
        let seq = found["finding"]["seq"].as_u64().expect("a number");
        self.tell(Ack::Found {
            task: task.to_owned(),
            seq,
            message,
        });
        let status = ["completed", "failed", "terminated"][usize::try_from(life).unwrap()];
        let ended = self.json(&[&["progress", "-s", status, "-m", "the end"], &me[..]].concat());
        self.tell_report(task, &ended["agent"]);
        self.tell(Ack::Ended {
            task: task.to_owned(),
            agent: agent.to_owned(),
            status: status.to_owned(),
        });
    }

    /// Reports for the agents of others, at the same time as they do; too late is no failure.
    pub fn interfere(&self, others: usize) {
        for turn in 0.. {
            let (round, life) = (turn / (3 * others), turn / others % 3);
            let agent = format!("a-{}-{round}-{life}", turn % others);
            let me = ["--task", "common", "--agent", &agent, "--json"];
            for attempt in 0.. {
                if self.stop.load(Ordering::SeqCst) {
                    return;
                }
                let message = format!("interference {attempt}");
                let said = [&["progress", "-m", &message], &me[..]].concat();
                let ran = call(self.env, self.home, &said);
                match ran.code {
                    Some(0) => {
                        let said: Value = serde_json::from_str(&ran.stdout).expect("one document");
                        self.tell_report("common", &said["agent"]);
                    }
                    // Not registered yet.
                    Some(3) => {}
                    // It has ended.
                    Some(4) => break,
                    _ => panic!("{ran:?}"),
                }
            }
        }
    }

    fn json(&self, args: &[&str]) -> Value {
        json(self.env, self.home, args)
    }

    fn tell_report(&self, task: &str, agent: &Value) {
        self.tell(Ack::Reported {
            task: task.to_owned(),
            agent: agent["id"].as_str().expect("an id").to_owned(),
            seq: agent["seq"].as_u64().expect("a number"),
            message: agent["message"].clone(),
        });
    }

    fn tell(&self, ack: Ack) {
        // Nobody listens any more when the test is over.
        let _ = self.acks.send(ack);
    }
}
