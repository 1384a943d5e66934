//! What a command that looks at every task passes over: one that cannot be read hides no other, and is named. A task that
//! was asked for by name is never passed over.

use agentreg::store::{Error, Overview, Problem};
use serde::Serialize;

use super::context::Context;
use crate::output::{Answer, Failure, warn};

/// What was passed over.
#[derive(Debug, Default)]
pub struct Skipped {
    problems: Vec<Problem>,
    /// Whether the tasks are all there are, and not those that were asked for.
    are_all: bool,
}

impl Skipped {
    /// The tasks of an overview are looked at; what that passed over itself is taken from it.
    pub fn add(&mut self, overview: &mut Overview) {
        self.are_all = true;
        self.problems.append(&mut overview.skipped);
    }

    /// What came of looking at one task; none if it is passed over.
    pub fn unless_odd<T>(&mut self, looked: Result<T, Error>) -> Result<Option<T>, Failure> {
        match looked {
            Ok(found) => Ok(Some(found)),
            Err(error) if self.are_all => {
                let problem = error.of_one_task()?;
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Warns of each at once, where the call goes on.
    pub fn tell(&self, context: &Context) {
        if !context.json() {
            for problem in &self.problems {
                warn(&sentence(problem));
            }
        }
    }

    /// The answer with a warning of each.
    pub fn told_with(&self, answer: Answer) -> Answer {
        answer.warn_of(self.problems.iter().map(sentence))
    }

    /// A document with what was passed over as its `skipped`, where there is any.
    pub fn within<T: Serialize>(&self, document: T) -> With<'_, T> {
        With {
            document,
            skipped: &self.problems,
        }
    }
}

/// What a person is told of something that was passed over.
pub fn sentence(Problem { path, what }: &Problem) -> String {
    format!("passed over {path}: {what}; see `agentreg doctor`")
}

/// A document, and what is missing in it.
#[derive(Serialize)]
pub struct With<'a, T> {
    #[serde(flatten)]
    pub document: T,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub skipped: &'a [Problem],
}
