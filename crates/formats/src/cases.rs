//! The list of test cases that the readers of test reports fill, held to its
//! limits. Knows no format.

use crate::error::ReadError;
use crate::limits::{Limits, Meter};
use crate::report::{TestCase, TestReport};

#[derive(Debug)]
pub(crate) struct Cases {
    cases: Vec<TestCase>,
    count: Meter,
    text: Meter,
}

impl Cases {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            cases: Vec::new(),
            count: Meter::new("test cases", limits.max_cases),
            text: Meter::of_text(limits),
        }
    }

    pub(crate) fn push(&mut self, case: TestCase) -> Result<(), ReadError> {
        self.count.take(1)?;
        let TestCase { suite, name, message, file, outcome: _, duration_ms: _, line: _ } = &case;
        let optional = [message, file].into_iter().flatten().map(String::len);
        self.text.take(suite.len() + name.len() + optional.sum::<usize>())?;
        self.cases.push(case);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.cases.len()
    }

    /// The cases pushed since there were `count`.
    pub(crate) fn since(&self, count: usize) -> &[TestCase] {
        &self.cases[count..]
    }

    /// Completes the cases pushed since there were `count`, for writers that
    /// name a file only after its cases. `complete` answers how many bytes of
    /// text it added.
    pub(crate) fn complete_since(
        &mut self,
        count: usize,
        complete: impl Fn(&mut TestCase) -> usize,
    ) -> Result<(), ReadError> {
        for case in &mut self.cases[count..] {
            self.text.take(complete(case))?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> TestReport {
        TestReport { cases: self.cases }
    }
}

/// Milliseconds of a duration as writers measure it, `None` for figures that
/// no clock gives: negative, infinite, not a number, or over a thousand years.
pub(crate) fn whole_ms(ms: f64) -> Option<u64> {
    const THOUSAND_YEARS_MS: f64 = 1000.0 * 366.0 * 86_400_000.0;
    (0.0..=THOUSAND_YEARS_MS).contains(&ms).then(|| ms.round() as u64)
}
