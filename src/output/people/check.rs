//! What `doctor` found.

use agentreg::store::Check;

use crate::output::{Terminal, escape};

/// What a check found; after a `repair` what it mended and what is still wrong.
pub fn check(check: &Check, repair: bool, _terminal: &Terminal) -> String {
    let mut text = String::new();
    let heads = [
        (
            if repair { "still wrong" } else { "problem" },
            &check.problems,
        ),
        ("mended", &check.repaired),
        ("note", &check.notes),
    ];
    for (head, problems) in heads {
        for problem in problems {
            text += &format!(
                "{head}: {}: {}\n",
                escape(&problem.path),
                escape(&problem.what)
            );
        }
    }
    text
}
