//! How answers look to a person: aligned tables, colours, durations, and text
//! of others made harmless. Pure text in, text out.

use chrono::{DateTime, Utc};

/// Longest cell; commit subjects and names beyond it end in an ellipsis.
const MAX_CELL: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    None,
    Green,
    Red,
    Yellow,
    Cyan,
    Dim,
}

impl Colour {
    /// Wraps `text` in the escape codes, if `on`.
    pub fn paint(self, text: &str, on: bool) -> String {
        let code = match self {
            Self::None => return text.to_owned(),
            Self::Green => 32,
            Self::Red => 31,
            Self::Yellow => 33,
            Self::Cyan => 36,
            Self::Dim => 2,
        };
        if on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The colour of a build's or test's status.
pub fn status_colour(status: &str) -> Colour {
    match status {
        "success" => Colour::Green,
        "failed" => Colour::Red,
        "running" => Colour::Cyan,
        "queued" => Colour::Yellow,
        "cancelled" => Colour::Dim,
        _ => Colour::None,
    }
}

#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    colour: Colour,
    right: bool,
}

impl Cell {
    pub fn new(text: impl AsRef<str>) -> Self {
        Self { text: shorten(&plain(text.as_ref())), colour: Colour::None, right: false }
    }

    /// Never shortened, for what is copied or must be read to the end.
    pub fn whole(text: impl AsRef<str>) -> Self {
        Self { text: plain(text.as_ref()), colour: Colour::None, right: false }
    }

    /// Aligned to the right, for numbers.
    pub fn number(text: impl ToString) -> Self {
        Self { right: true, ..Self::new(text.to_string()) }
    }

    pub fn status(status: &str) -> Self {
        Self::new(status).coloured(status_colour(status))
    }

    pub fn coloured(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// Rows under a heading. Columns without any text are left out.
pub struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new() }
    }

    pub fn add<const N: usize>(&mut self, row: [Cell; N]) {
        debug_assert_eq!(N, self.heading.len());
        self.rows.push(row.into());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn render(&self, colour: bool) -> String {
        let widths: Vec<usize> = (0..self.heading.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                match cells.map(Cell::width).max().unwrap_or(0) {
                    0 => 0,
                    widest => widest.max(self.heading[column].chars().count()),
                }
            })
            .collect();
        let mut out = String::new();
        let heading: Vec<Cell> = (self.heading.iter().enumerate())
            .map(|(column, title)| Cell {
                text: (*title).to_owned(),
                colour: Colour::Dim,
                right: self.rows.first().is_some_and(|row| row[column].right),
            })
            .collect();
        push_row(&mut out, &heading, &widths, colour);
        for row in &self.rows {
            push_row(&mut out, row, &widths, colour);
        }
        out
    }
}

fn push_row(out: &mut String, row: &[Cell], widths: &[usize], colour: bool) {
    let start = out.len();
    for (cell, width) in row.iter().zip(widths).filter(|(_, width)| **width > 0) {
        if out.len() > start {
            out.push_str("  ");
        }
        let padding = " ".repeat(width.saturating_sub(cell.width()));
        let text = cell.colour.paint(&cell.text, colour && !cell.text.is_empty());
        if cell.right {
            out.push_str(&padding);
            out.push_str(&text);
        } else {
            out.push_str(&text);
            out.push_str(&padding);
        }
    }
    out.truncate(out.trim_end().len().max(start));
    out.push('\n');
}

/// `name  value` lines with aligned values; empty values are left out.
pub fn fields(rows: &[(&str, String)]) -> String {
    let shown: Vec<_> = rows.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = shown.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    shown.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
}

/// One line without control characters: neither those that drive a terminal
/// nor those that reorder the text around them.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || reorders(c) { ' ' } else { c }).collect()
}

fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= MAX_CELL {
        return text.to_owned();
    }
    let kept: String = text.chars().take(MAX_CELL - 1).collect();
    format!("{}…", kept.trim_end())
}

/// Makes a log harmless for a terminal, across chunk edges: colours pass,
/// every other escape sequence (titles, clipboard, cursor) is dropped.
/// Anything that is not a terminal gets the exact bytes.
pub struct Filter {
    on: bool,
    colour: bool,
    state: Escape,
    sequence: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    Outside,
    Started,
    /// After `ESC [`.
    Control,
    /// After `ESC ]`, `ESC P` and the like: text until BEL or `ESC \`.
    Text,
}

impl Filter {
    pub fn new(on: bool, colour: bool) -> Self {
        Self { on, colour, state: Escape::Outside, sequence: String::new() }
    }

    pub fn apply(&mut self, text: &str) -> String {
        if !self.on {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            self.push(c, &mut out);
        }
        out
    }

    fn push(&mut self, c: char, out: &mut String) {
        self.state = match (self.state, c) {
            (_, '\x1b') => Escape::Started,
            (Escape::Started, '[') => {
                self.sequence.clear();
                Escape::Control
            }
            (Escape::Started, ']' | 'P' | 'X' | '^' | '_') => Escape::Text,
            // A two-character sequence ends here, as does `ESC \`.
            (Escape::Started, _) => Escape::Outside,
            (Escape::Control, '\x20'..='\x3f') if self.sequence.len() < 64 => {
                self.sequence.push(c);
                Escape::Control
            }
            (Escape::Control, _) => {
                if c == 'm' && self.colour {
                    out.push_str("\x1b[");
                    out.push_str(&self.sequence);
                    out.push('m');
                }
                Escape::Outside
            }
            // A newline ends an unfinished text, so that a stray start cannot
            // swallow the rest of the log.
            (Escape::Text, '\x07' | '\n') => {
                if c == '\n' {
                    out.push(c);
                }
                Escape::Outside
            }
            (Escape::Text, _) => Escape::Text,
            (Escape::Outside, _) => {
                if matches!(c, '\n' | '\t' | '\r') || !(c.is_control() || reorders(c)) {
                    out.push(c);
                }
                Escape::Outside
            }
        };
    }
}

/// How long ago `then` was, in the largest fitting unit; the date if `now` is
/// not known.
pub fn ago(then: Option<DateTime<Utc>>, now: Option<DateTime<Utc>>) -> String {
    let Some(then) = then else { return String::new() };
    let Some(now) = now else { return then.format("%Y-%m-%d %H:%M UTC").to_string() };
    let seconds = (now - then).num_seconds();
    match seconds {
        ..5 => "just now".into(),
        5..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        86_400..172_800 => "yesterday".into(),
        172_800..2_592_000 => format!("{} days ago", seconds / 86_400),
        _ => then.format("%Y-%m-%d").to_string(),
    }
}

/// A duration between two moments, as `1 h 02 min`, `3 min 07 s` or `12 s`.
pub fn took(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    let seconds = (to - from).num_seconds().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A file size in binary units.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// A fraction 0..1 as a percentage.
pub fn percent(fraction: f64) -> String {
    format!("{:.1} %", fraction * 100.0)
}

/// `1 test`, `2 tests`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests;
