//! What a command that looks at many tasks passes over: one that cannot be read hides no other, and is named.

use agentreg::store::{Error, Overview, Problem};
use serde::Serialize;

use crate::output::{Answer, Failure};

/// What was passed over.
#[derive(Debug, Default, PartialEq)]
pub struct Skipped(Vec<Problem>);

impl Skipped {
    /// What was passed over already when the tasks were listed.
    pub fn of(overview: &mut Overview) -> Self {
        Self(std::mem::take(&mut overview.skipped))
    }

    /// What came of looking at one task; none if it is passed over. Any other error is not the task's.
    pub fn unless_odd<T>(&mut self, looked: Result<T, Error>) -> Result<Option<T>, Failure> {
        match looked {
            Ok(found) => Ok(Some(found)),
            Err(error) => {
                self.0.push(error.of_one_task()?);
                Ok(None)
            }
        }
    }

    /// The same, unless the task is the one that was asked for.
    pub fn unless_odd_among<T>(
        &mut self,
        several: bool,
        looked: Result<T, Error>,
    ) -> Result<Option<T>, Failure> {
        if several {
            self.unless_odd(looked)
        } else {
            Ok(Some(looked?))
        }
    }

    /// The answer with a warning of each.
    pub fn told_with(&self, answer: Answer) -> Answer {
        answer.warn_of(self.warnings())
    }

    /// A sentence of each.
    pub fn warnings(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|Problem { path, what }| {
            format!("passed over {path}: {what}; see `agentreg doctor`")
        })
    }

    /// A document with what was passed over as its `skipped`, where there is any.
    pub fn within<T: Serialize>(&self, document: T) -> impl Serialize {
        #[derive(Serialize)]
        struct With<'a, T> {
            #[serde(flatten)]
            document: T,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            skipped: &'a [Problem],
        }
        With {
            document,
            skipped: &self.0,
        }
    }
}
