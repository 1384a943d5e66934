//! Decides where an agent stands, from what its own log and the registry say. The module's doc tells the rules.

use crate::model::Status;

/// Where an agent stands, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Where it stands in the end.
    pub(super) status: Status,
    /// The report that ended it; none where it is active or was ended by the registry alone.
    pub(super) ended_by: Option<usize>,
}

/// The outcome of an agent whose registry says `registry` and whose reports said `said`, in order of time.
pub(super) fn decide(registry: Option<Status>, said: &[Status]) -> Outcome {
    let is_end = |status: &Status| !status.is_active();
    let registry_end = registry.filter(is_end);
    let last = said.last().copied();
    let lives_on = registry.is_some_and(Status::is_active);
    let stands = registry_end
        .filter(|end| said.contains(end))
        .or(last.filter(is_end))
        .or_else(|| said.iter().rev().copied().find(|s| is_end(s) && !lives_on))
        .or(registry_end);
    match stands {
        Some(end) => Outcome {
            status: end,
            ended_by: said.iter().position(|status| *status == end),
        },
        None => Outcome {
            status: last.or(registry).unwrap_or(Status::Running),
            ended_by: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Status::{Blocked, Completed, Failed, Running, Terminated, Working};
    use super::*;

    fn decided(registry: Option<Status>, said: &[Status]) -> (Status, Option<usize>) {
        let outcome = decide(registry, said);
        (outcome.status, outcome.ended_by)
    }

    #[test]
    fn an_end_in_the_log_stands_whatever_the_registry_says() {
        for registry in [
            None,
            Some(Working),
            Some(Completed),
            Some(Failed),
            Some(Terminated),
        ] {
            assert_eq!(
                decided(registry, &[Working, Completed]),
                (Completed, Some(1))
            );
        }
    }

    #[test]
    fn without_an_end_in_the_log_the_registry_ends_the_agent() {
        assert_eq!(decided(Some(Terminated), &[Working]), (Terminated, None));
        assert_eq!(decided(Some(Failed), &[]), (Failed, None));
    }

    #[test]
    fn an_agent_that_both_call_active_stands_where_its_log_says() {
        assert_eq!(decided(Some(Running), &[Working, Blocked]), (Blocked, None));
        assert_eq!(decided(Some(Working), &[]), (Working, None));
        assert_eq!(decided(None, &[]), (Running, None));
    }

    #[test]
    fn reports_after_an_end_leave_it_unless_the_registry_says_the_agent_is_active() {
        assert_eq!(
            decided(Some(Completed), &[Completed, Working]),
            (Completed, Some(0))
        );
        assert_eq!(
            decided(Some(Terminated), &[Working, Completed, Working]),
            (Completed, Some(1))
        );
        assert_eq!(
            decided(Some(Working), &[Completed, Working]),
            (Working, None)
        );
        assert_eq!(decided(None, &[Completed, Working]), (Completed, Some(0)));
    }

    #[test]
    fn of_several_ends_the_one_that_the_registry_names_stands_else_the_last() {
        assert_eq!(
            decided(Some(Completed), &[Failed, Completed]),
            (Completed, Some(1))
        );
        assert_eq!(
            decided(Some(Failed), &[Failed, Completed]),
            (Failed, Some(0))
        );
        assert_eq!(
            decided(Some(Working), &[Failed, Completed]),
            (Completed, Some(1))
        );
        assert_eq!(
            decided(Some(Terminated), &[Failed, Completed, Working]),
            (Completed, Some(1))
        );
    }
}
