//! The paper's statement as a measurable predicate.

use serde::Serialize;

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Not decided yet.
    Pending,
    /// What was measured meets the bound.
    Holds,
    /// What was measured does not meet the bound.
    Fails,
}

/// One measured figure and its bound.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clause {
    /// A sentence with `{value}` where the measured number stands and, if it is to be shown, `{low}` and `{high}`
    /// where the bounds stand.
    pub text: String,
    /// What was measured so far.
    pub value: Option<f64>,
    /// The least value that holds.
    pub low: Option<f64>,
    /// The greatest value that holds.
    pub high: Option<f64>,
    /// Where the clause stands.
    pub verdict: Verdict,
}

impl Clause {
    /// Holds when `value <= high`. A value that is absent is pending; NaN fails.
    pub fn at_most(text: impl Into<String>, value: Option<f64>, high: f64) -> Self {
        Self::between(text, value, None, Some(high))
    }

    /// Holds when `value >= low`.
    pub fn at_least(text: impl Into<String>, value: Option<f64>, low: f64) -> Self {
        Self::between(text, value, Some(low), None)
    }

    /// Holds when `low <= value <= high`.
    pub fn within(text: impl Into<String>, value: Option<f64>, low: f64, high: f64) -> Self {
        Self::between(text, value, Some(low), Some(high))
    }

    fn between(text: impl Into<String>, value: Option<f64>, low: Option<f64>, high: Option<f64>) -> Self {
        let verdict = match value {
            None => Verdict::Pending,
            Some(v) if low.is_none_or(|low| v >= low) && high.is_none_or(|high| v <= high) => Verdict::Holds,
            Some(_) => Verdict::Fails,
        };
        Self { text: text.into(), value, low, high, verdict }
    }

    /// Leaves the clause undecided while `open`: the number is shown, and may still change its mind.
    pub fn pending_while(mut self, open: bool) -> Self {
        if open {
            self.verdict = Verdict::Pending;
        }
        self
    }

    /// Undecided while `open` and holding: a bound on a whole run fails at its first violation and holds at its end.
    pub fn holds_only_after(self, open: bool) -> Self {
        let holds = self.verdict == Verdict::Holds;
        self.pending_while(open && holds)
    }

    /// Undecided while `open` and failing: a goal to reach holds once reached, and fails at the end of the run.
    pub fn fails_only_after(self, open: bool) -> Self {
        let fails = self.verdict == Verdict::Fails;
        self.pending_while(open && fails)
    }
}

/// The claim: all of its clauses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// Every clause, in the order of the argument.
    pub clauses: Vec<Clause>,
    /// Fails if one clause fails, holds if all hold.
    pub verdict: Verdict,
}

impl Claim {
    /// The conjunction of `clauses`.
    pub fn new(clauses: Vec<Clause>) -> Self {
        let any = |verdict| clauses.iter().any(|clause| clause.verdict == verdict);
        let verdict = if any(Verdict::Fails) {
            Verdict::Fails
        } else if any(Verdict::Pending) || clauses.is_empty() {
            Verdict::Pending
        } else {
            Verdict::Holds
        };
        Self { clauses, verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_the_conjunction_of_its_clauses() {
        let holds = Clause::at_most("", Some(1.0), 2.0);
        let fails = Clause::at_least("", Some(1.0), 2.0);
        let open = Clause::within("", None, 0.0, 1.0);
        assert_eq!(Claim::new(vec![holds.clone(), holds.clone()]).verdict, Verdict::Holds);
        assert_eq!(Claim::new(vec![holds.clone(), open.clone()]).verdict, Verdict::Pending);
        assert_eq!(Claim::new(vec![fails, open]).verdict, Verdict::Fails);
        assert_eq!(Claim::new(vec![]).verdict, Verdict::Pending);
        assert_eq!(Clause::at_most("", Some(f64::NAN), 2.0).verdict, Verdict::Fails);
    }

    #[test]
    fn a_bound_on_the_whole_run_fails_early_and_holds_late() {
        let bound = |value, open| Clause::at_most("", Some(value), 1.0).holds_only_after(open).verdict;
        assert_eq!(bound(0.5, true), Verdict::Pending);
        assert_eq!(bound(0.5, false), Verdict::Holds);
        assert_eq!(bound(1.5, true), Verdict::Fails);
        let goal = |value, open| Clause::at_most("", Some(value), 1.0).fails_only_after(open).verdict;
        assert_eq!(goal(0.5, true), Verdict::Holds);
        assert_eq!(goal(1.5, true), Verdict::Pending);
        assert_eq!(goal(1.5, false), Verdict::Fails);
    }
}
