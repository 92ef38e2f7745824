//! Line coverage in the three formats that mobile toolchains write. This file
//! holds what they share: the ledger in which targets, files, lines and
//! functions are gathered, and the sums. The formats are read in the rooms
//! below it, which may not compute a figure of their own.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use crate::error::ReadError;
use crate::limits::{Limits, Meter};
use crate::report::{
    CoverageReport, FileCoverage, FunctionCoverage, LineCoverage, Ran, TargetCoverage,
};
use crate::text::{base_name, clip};

mod cobertura;
mod jacoco;
mod lcov;

pub use cobertura::read as read_cobertura;
pub(crate) use cobertura::read_from as read_cobertura_from;
pub use jacoco::read as read_jacoco;
pub(crate) use jacoco::read_from as read_jacoco_from;
pub use lcov::read as read_lcov;

/// Lines that ran, of the lines that can run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Figure {
    covered: u64,
    total: u64,
}

impl Figure {
    /// From 0 to 1; 0 where there is no line that can run.
    fn fraction(self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        self.covered.min(self.total) as f64 / self.total as f64
    }

    fn add(self, other: Self) -> Self {
        Self {
            covered: self.covered.saturating_add(other.covered),
            total: self.total.saturating_add(other.total),
        }
    }
}

/// How the coverage of a function is known.
#[derive(Debug, Clone, Copy)]
enum FunctionFigure {
    /// By its own lines.
    Counted(Figure),
    /// By the lines of its file from its first to `end`, or to the line before
    /// the next function; `was_hit` where the file lists none of them.
    Span { end: Option<u32>, was_hit: bool },
}

impl FunctionFigure {
    /// Of two reports about one function the better: each is from a run that
    /// may have missed what the other ran.
    fn better(self, other: Self) -> Self {
        match (self, other) {
            (Self::Counted(a), Self::Counted(b)) if b.fraction() <= a.fraction() => {
                Self::Counted(a)
            }
            (Self::Span { end, was_hit }, Self::Span { end: other_end, was_hit: other_hit }) => {
                Self::Span { end: end.or(other_end), was_hit: was_hit || other_hit }
            }
            _ => other,
        }
    }
}

#[derive(Debug)]
struct Function {
    name: String,
    /// Tells overloads apart where the name does not.
    signature: String,
    /// First line, where the report gives one.
    start: Option<u32>,
    figure: FunctionFigure,
}

#[derive(Debug, Default)]
struct SourceFile {
    path: String,
    /// Whether each line that can run did.
    lines: BTreeMap<u32, Ran>,
    /// The report's own sum.
    counted: Option<Figure>,
    /// Two sums came for this file. They cannot be merged, its lines can.
    is_merged: bool,
    functions: Vec<Function>,
    /// By first line, name and signature.
    function_at: HashMap<(u32, String, String), usize>,
}

#[derive(Debug, Default)]
struct Target {
    name: String,
    files: Vec<SourceFile>,
    file_at: HashMap<String, usize>,
}

/// A file in the ledger.
#[derive(Debug, Clone, Copy)]
struct FileId {
    target: usize,
    file: usize,
}

/// What has been read so far. Targets, files and functions keep the order in
/// which the report first names them.
#[derive(Debug)]
struct Ledger {
    targets: Vec<Target>,
    target_at: HashMap<String, usize>,
    files: Meter,
    functions: Meter,
    text: Meter,
    max_name: usize,
}

impl Ledger {
    fn new(limits: &Limits) -> Self {
        Self {
            targets: Vec::new(),
            target_at: HashMap::new(),
            files: Meter::new("source files", limits.max_files),
            functions: Meter::new("functions", limits.max_functions),
            text: Meter::of_text(limits),
            max_name: limits.max_name(),
        }
    }

    /// The file `path` of a target, new if it was not named before.
    fn file(&mut self, target: &str, path: &str) -> Result<FileId, ReadError> {
        let target = self.target(target)?;
        let path = clip(path, self.max_name);
        let Target { files, file_at, name: _ } = &mut self.targets[target];
        let file = match file_at.entry(path) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                self.files.take(1)?;
                let path = vacant.key().clone();
                self.text.take(path.len() + base_name(&path).len())?;
                files.push(SourceFile { path, ..SourceFile::default() });
                *vacant.insert(files.len() - 1)
            }
        };
        Ok(FileId { target, file })
    }

    fn target(&mut self, name: &str) -> Result<usize, ReadError> {
        let name = clip(name, self.max_name);
        match self.target_at.entry(name) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(vacant) => {
                self.text.take(vacant.key().len())?;
                self.targets.push(Target { name: vacant.key().clone(), ..Target::default() });
                Ok(*vacant.insert(self.targets.len() - 1))
            }
        }
    }

    fn source(&mut self, id: FileId) -> &mut SourceFile {
        &mut self.targets[id.target].files[id.file]
    }

    /// A line that can run. Reported twice, the better report counts: methods
    /// repeat the lines of their class.
    fn line(&mut self, id: FileId, number: u32, ran: Ran) {
        let known = self.source(id).lines.entry(number).or_default();
        *known = ran.max(*known);
    }

    /// The report's own sum for a file.
    fn count(&mut self, id: FileId, figure: Figure) {
        let source = self.source(id);
        match &mut source.counted {
            None => source.counted = Some(figure),
            Some(known) => {
                source.is_merged = true;
                if figure.fraction() > known.fraction() {
                    *known = figure;
                }
            }
        }
    }

    /// A function of a file. The same name and signature on the same line is
    /// the same function; without a line overloads cannot be told apart, so each stays.
    fn function(&mut self, id: FileId, function: Function) -> Result<(), ReadError> {
        let Function { name, signature, start, figure } = function;
        let name = clip(&name, self.max_name);
        let source = &mut self.targets[id.target].files[id.file];
        if let Some(start) = start {
            match source.function_at.entry((start, name.clone(), signature)) {
                Entry::Occupied(known) => {
                    let known = &mut source.functions[*known.get()];
                    known.figure = known.figure.better(figure);
                    return Ok(());
                }
                Entry::Vacant(vacant) => {
                    vacant.insert(source.functions.len());
                }
            }
        }
        self.functions.take(1)?;
        self.text.take(name.len())?;
        source.functions.push(Function { name, signature: String::new(), start, figure });
        Ok(())
    }

    fn finish(self) -> CoverageReport {
        CoverageReport { targets: self.targets.into_iter().map(Target::finish).collect() }
    }
}

impl Target {
    fn finish(self) -> TargetCoverage {
        let mut sum = Figure::default();
        let mut files = Vec::with_capacity(self.files.len());
        for source in self.files {
            let (figure, file) = source.finish();
            sum = sum.add(figure);
            files.push(file);
        }
        TargetCoverage { name: self.name, coverage: sum.fraction(), files }
    }
}

impl SourceFile {
    fn finish(self) -> (Figure, FileCoverage) {
        let lines = Lines::new(&self.lines);
        let figure = match self.counted {
            Some(counted) if !self.is_merged || self.lines.is_empty() => counted,
            _ => lines.between(0, u32::MAX),
        };
        let mut starts: Vec<u32> = self.functions.iter().filter_map(|f| f.start).collect();
        starts.sort_unstable();
        let functions = self
            .functions
            .into_iter()
            .map(|function| FunctionCoverage {
                coverage: lines.coverage_of(&function, &starts),
                name: function.name,
            })
            .collect();
        let file = FileCoverage {
            name: base_name(&self.path).to_owned(),
            coverage: figure.fraction(),
            functions,
            lines: self
                .lines
                .into_iter()
                .map(|(number, ran)| LineCoverage { number, ran })
                .collect(),
            path: self.path,
        };
        (figure, file)
    }
}

/// The lines of a file, summed up so that a span costs two look-ups: a report
/// may name many functions that each span the whole file.
struct Lines {
    numbers: Vec<u32>,
    /// Covered lines before the line of the same index, and one more entry.
    covered_before: Vec<u64>,
}

impl Lines {
    fn new(lines: &BTreeMap<u32, Ran>) -> Self {
        let mut covered_before = Vec::with_capacity(lines.len() + 1);
        covered_before.push(0);
        let mut covered = 0;
        for ran in lines.values() {
            covered += u64::from(*ran != Ran::No);
            covered_before.push(covered);
        }
        Self { numbers: lines.keys().copied().collect(), covered_before }
    }

    /// Both ends included.
    fn between(&self, first: u32, last: u32) -> Figure {
        let from = self.numbers.partition_point(|line| *line < first);
        let to = self.numbers.partition_point(|line| *line <= last).max(from);
        Figure {
            covered: self.covered_before[to] - self.covered_before[from],
            total: (to - from) as u64,
        }
    }

    /// `starts`: first lines of all functions of the file, in order.
    fn coverage_of(&self, function: &Function, starts: &[u32]) -> f64 {
        let (end, was_hit) = match function.figure {
            FunctionFigure::Counted(figure) => return figure.fraction(),
            FunctionFigure::Span { end, was_hit } => (end, was_hit),
        };
        let start = function.start.unwrap_or_default();
        let last = end.filter(|end| *end >= start).unwrap_or_else(|| {
            let next = starts.partition_point(|other| *other <= start);
            starts.get(next).map_or(u32::MAX, |next| next - 1)
        });
        let figure = self.between(start, last);
        if figure.total == 0 { f64::from(u8::from(was_hit)) } else { figure.fraction() }
    }
}

#[cfg(test)]
mod tests;
