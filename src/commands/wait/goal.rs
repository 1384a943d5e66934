//! What is waited for, decided from counts alone.

use crate::cli::words::Until;

/// How the agents that are waited for stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Where they are wanted; those of `ended` that completed.
    pub met: u64,
    /// Ended otherwise: they never get there.
    pub lost: u64,
    /// Neither yet.
    pub open: u64,
    /// Whether more of them may be registered.
    pub may_grow: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    pub until: Until,
    /// One of them will do.
    pub any: bool,
    /// So many have to be registered.
    pub number: u64,
}

/// Whether there is anything left to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Wait,
    Met,
    /// It can no longer come true, or they ended and not all completed.
    Unmet,
}

impl Goal {
    /// Whether the goal is reached, or out of reach.
    pub fn verdict(&self, tally: Tally) -> Verdict {
        let is_end = self.until == Until::Ended;
        if tally.met + tally.lost + tally.open < self.number {
            // One that is lost is lost for all of them, however many are still to come.
            let out_of_reach = !tally.may_grow || (tally.lost > 0 && !self.any && !is_end);
            return if out_of_reach {
                Verdict::Unmet
            } else {
                Verdict::Wait
            };
        }
        match (self.any, is_end) {
            (true, _) if tally.met > 0 => Verdict::Met,
            (true, true) if tally.lost > 0 => Verdict::Unmet,
            (false, false) if tally.lost > 0 => Verdict::Unmet,
            _ if tally.open > 0 => Verdict::Wait,
            _ if tally.lost > 0 || tally.met == 0 => Verdict::Unmet,
            _ => Verdict::Met,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentreg::model::Status;

    fn verdict(until: Until, any: bool, [met, lost, open]: [u64; 3]) -> Verdict {
        let goal = Goal {
            until,
            any,
            number: 1,
        };
        goal.verdict(Tally {
            met,
            lost,
            open,
            may_grow: true,
        })
    }

    #[test]
    fn all_are_waited_for_to_their_end_and_all_must_have_completed() {
        let ended = |tally| verdict(Until::Ended, false, tally);
        assert_eq!(ended([2, 0, 1]), Verdict::Wait);
        assert_eq!(ended([1, 1, 1]), Verdict::Wait);
        assert_eq!(ended([3, 0, 0]), Verdict::Met);
        assert_eq!(ended([2, 1, 0]), Verdict::Unmet);
    }

    #[test]
    fn a_status_is_out_of_reach_once_one_ended_otherwise() {
        let completed = |tally| verdict(Until::Is(Status::Completed), false, tally);
        assert_eq!(completed([1, 0, 1]), Verdict::Wait);
        assert_eq!(completed([1, 1, 1]), Verdict::Unmet);
        assert_eq!(completed([2, 0, 0]), Verdict::Met);
    }

    #[test]
    fn any_is_content_with_the_first() {
        let completed = |tally| verdict(Until::Is(Status::Completed), true, tally);
        assert_eq!(completed([0, 2, 1]), Verdict::Wait);
        assert_eq!(completed([1, 2, 1]), Verdict::Met);
        assert_eq!(completed([0, 3, 0]), Verdict::Unmet);
        let ended = |tally| verdict(Until::Ended, true, tally);
        assert_eq!(ended([0, 0, 3]), Verdict::Wait);
        assert_eq!(ended([0, 1, 2]), Verdict::Unmet);
        assert_eq!(ended([1, 1, 2]), Verdict::Met);
    }

    #[test]
    fn so_many_are_waited_for_unless_no_more_can_come() {
        let goal = Goal {
            until: Until::Ended,
            any: false,
            number: 3,
        };
        let tally = |met, may_grow| Tally {
            met,
            may_grow,
            ..Tally::default()
        };
        assert_eq!(goal.verdict(tally(2, true)), Verdict::Wait);
        assert_eq!(goal.verdict(tally(2, false)), Verdict::Unmet);
        assert_eq!(goal.verdict(tally(3, true)), Verdict::Met);
    }
}
