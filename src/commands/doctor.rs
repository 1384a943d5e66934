//! `doctor`: whether the registry is sound.

use agentreg::store::Problem;
use serde::Serialize;

use super::Outcome;
use super::context::Context;
use crate::cli::DoctorArgs;
use crate::output::{Answer, Exit, json, people};

pub fn run(args: &DoctorArgs, context: &Context) -> Outcome {
    #[derive(Serialize)]
    struct Health<'a> {
        ok: bool,
        problems: &'a [Problem],
        notes: &'a [Problem],
        repaired: &'a [Problem],
    }
    let check = context.store()?.check(args.repair)?;
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
        Answer::text(people::check(&check, args.repair, &context.terminal()))
    };
    Ok(answer.exit(if ok { Exit::Done } else { Exit::Damaged }))
}
