//! `doctor`: whether the registry is sound.

use std::os::unix::process::CommandExt;
use std::process::Command;

use agentreg::store::Problem;
use agentreg::store::file::prove_locks;
use serde::Serialize;

use super::Outcome;
use super::context::Context;
use crate::cli::DoctorArgs;
use crate::output::{Answer, Exit, json, people};

/// The name by which this program plays a part of the proof that locks hold.
pub const LOCK_PROOF: &str = "agentreg-lock-proof";

fn lock_proof() -> Command {
    // The file this process runs, also where another has taken its name.
    let mut program = Command::new("/proc/self/exe");
    program.arg0(LOCK_PROOF);
    program
}

pub fn run(args: &DoctorArgs, context: &Context) -> Outcome {
    #[derive(Serialize)]
    struct Health<'a> {
        ok: bool,
        problems: &'a [Problem],
        notes: &'a [Problem],
        repaired: &'a [Problem],
    }
    let mut check = context.store()?.check(args.repair)?;
    // No repair gives a file system locks.
    let mendable = !check.problems.is_empty();
    if args.locks {
        let locks = prove_locks(&context.home()?, &lock_proof)?;
        check.problems.extend(locks.problems);
        check.notes.extend(locks.notes);
    }
    let ok = check.problems.is_empty();
    let answer = if context.json() {
        Answer::text(json::document(&Health {
            ok,
            problems: &check.problems,
            notes: &check.notes,
            repaired: &check.repaired,
        }))
    } else if context.quiet() {
        Answer::nothing()
    } else {
        Answer::text(people::check(
            &check,
            args.repair,
            mendable,
            &context.terminal(),
        ))
    };
    let answer = if args.repair {
        answer.of_change()
    } else {
        answer
    };
    Ok(answer.exit(if ok { Exit::Done } else { Exit::Damaged }))
}
