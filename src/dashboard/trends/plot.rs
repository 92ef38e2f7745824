//! Drawings of figures over builds, as coordinates for `trends/plot.html`.
//! The same figures stand beside each as a table and as CSV. Pure.

/// Of the drawing, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 28.0;
/// Lines of the grid above zero.
const GRID: usize = 4;

/// One subject: its figures and how they look.
pub(super) struct Plot {
    /// Names it in addresses.
    pub key: &'static str,
    pub title: &'static str,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Row>,
    pub drawing: Option<Drawing>,
}

/// One row of the table.
pub(super) struct Row {
    /// For a person.
    pub shown: Vec<String>,
    /// For a program.
    pub raw: Vec<String>,
    pub link: Option<String>,
}

pub(super) struct Drawing {
    /// (y, text) of the grid.
    pub grid: Vec<(String, String)>,
    /// (x, text) below.
    pub ends: [(String, String); 2],
    pub lines: Vec<Line>,
    pub bars: Vec<Bar>,
    pub legend: Vec<(&'static str, &'static str)>,
}

/// A line, broken where a figure is missing.
pub(super) struct Line {
    pub class: &'static str,
    pub pieces: Vec<String>,
    /// Centres of the dots.
    pub dots: Vec<(String, String)>,
    pub dot_class: &'static str,
}

pub(super) struct Bar {
    pub class: &'static str,
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
}

/// Figures of one line, oldest first.
pub(super) struct Series {
    pub name: &'static str,
    pub class: &'static str,
    pub dot_class: &'static str,
    pub values: Vec<Option<f64>>,
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

/// A figure of the axis: the quarters of a round one have two decimals at most.
pub(super) fn label(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The smallest round figure that is at least `most`.
fn ceiling(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let scale = 10_f64.powf(most.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * scale)
        .find(|round| *round >= most * 0.999_999)
        .unwrap_or(most)
}

fn y_of(value: f64, top: f64) -> f64 {
    let room = HEIGHT - TOP - BOTTOM;
    TOP + room - value / top * room
}

/// Where the `at`-th of `count` stands, in the middle of its column.
fn x_of(at: usize, count: usize) -> f64 {
    LEFT + (at as f64 + 0.5) * (WIDTH - LEFT) / count.max(1) as f64
}

fn grid(top: f64, unit: impl Fn(f64) -> String) -> Vec<(String, String)> {
    (0..=GRID)
        .map(|line| top * line as f64 / GRID as f64)
        .map(|value| (number(y_of(value, top)), unit(value)))
        .collect()
}

fn ends(labels: [String; 2]) -> [(String, String); 2] {
    let [first, last] = labels;
    [(number(LEFT), first), (number(WIDTH), last)]
}

/// Lines over builds; `None` without a figure.
pub(super) fn lines(
    series: &[Series],
    labels: [String; 2],
    unit: impl Fn(f64) -> String,
) -> Option<Drawing> {
    let all = || series.iter().flat_map(|one| one.values.iter().flatten());
    all().next()?;
    let top = ceiling(all().copied().fold(0.0, f64::max));
    let drawn = series.iter().map(|one| {
        let count = one.values.len();
        let point = |at: usize, value: f64| (number(x_of(at, count)), number(y_of(value, top)));
        let mut pieces = vec![String::new()];
        let mut dots = Vec::new();
        for (at, value) in one.values.iter().enumerate() {
            match value {
                None => pieces.push(String::new()),
                Some(value) => {
                    let (x, y) = point(at, *value);
                    if let Some(piece) = pieces.last_mut() {
                        piece.push_str(&format!("{x},{y} "));
                    }
                    dots.push((x, y));
                }
            }
        }
        pieces.retain(|piece| piece.trim_end().contains(' '));
        // Dots on hundreds of builds would hide the line.
        if dots.len() > 60 && !pieces.is_empty() {
            dots.clear();
        }
        Line { class: one.class, pieces, dots, dot_class: one.dot_class }
    });
    Some(Drawing {
        grid: grid(top, unit),
        ends: ends(labels),
        lines: drawn.collect(),
        bars: Vec::new(),
        legend: series.iter().map(|one| (one.dot_class, one.name)).collect(),
    })
}

/// Two counts on top of each other, per period.
pub(super) fn stacked(
    counts: &[(i64, i64)],
    labels: [String; 2],
    legend: [(&'static str, &'static str); 2],
) -> Option<Drawing> {
    let most = counts.iter().map(|(a, b)| a + b).max()?;
    let top = ceiling(most as f64).max(GRID as f64);
    let width = ((WIDTH - LEFT) / counts.len() as f64 * 0.8).min(48.0);
    let mut bars = Vec::new();
    for (at, (lower, upper)) in counts.iter().enumerate() {
        let x = x_of(at, counts.len()) - width / 2.0;
        let mut base = 0.0;
        for (count, (class, _)) in [lower, upper].into_iter().zip(legend) {
            let height = y_of(0.0, top) - y_of(*count as f64, top);
            base += *count as f64;
            if *count > 0 {
                bars.push(Bar {
                    class,
                    x: number(x),
                    y: number(y_of(base, top)),
                    width: number(width),
                    height: number(height),
                });
            }
        }
    }
    Some(Drawing {
        grid: grid(top, |value| format!("{value:.0}")),
        ends: ends(labels),
        lines: Vec::new(),
        bars,
        legend: legend.to_vec(),
    })
}

/// The table of `plot` as CSV (RFC 4180).
pub(super) fn csv(plot: &Plot) -> String {
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells.map(cell).collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    };
    line(&mut plot.columns.iter().copied());
    for row in &plot.rows {
        line(&mut row.raw.iter().map(String::as_str));
    }
    out
}

/// Spreadsheets run what begins like a formula; names of tests are anybody's.
fn cell(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok();
    let safe = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') if !is_number => format!("'{text}"),
        _ => text.to_owned(),
    };
    if safe.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_exact_and_short() {
        for (value, text) in
            [(0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (100.0, "100"), (1.0, "1"), (7.5, "7.5")]
        {
            assert_eq!(label(value), text);
        }
    }

    #[test]
    fn scales_are_round() {
        for (most, top) in
            [(0.0, 1.0), (0.3, 0.4), (1.0, 1.0), (7.0, 8.0), (11.0, 20.0), (100.0, 100.0)]
        {
            assert!((ceiling(most) - top).abs() < 1e-9, "{most}: {}", ceiling(most));
        }
    }

    #[test]
    fn a_line_breaks_where_a_figure_is_missing() {
        let values = vec![Some(1.0), Some(2.0), None, Some(4.0), Some(0.0)];
        let series = [Series { name: "a", class: "s0", dot_class: "p0", values }];
        let labels = || ["x".to_owned(), "y".to_owned()];
        let drawing = lines(&series, labels(), |v| v.to_string()).unwrap();
        assert_eq!(drawing.lines[0].pieces.len(), 2);
        assert_eq!(drawing.lines[0].dots.len(), 4);
        assert_eq!(drawing.lines[0].dots[2].1, number(TOP), "the largest is at the top");
        assert_eq!(drawing.lines[0].dots[3].1, number(HEIGHT - BOTTOM));
        let none = [Series { name: "a", class: "s0", dot_class: "p0", values: vec![None] }];
        assert!(lines(&none, labels(), |v| v.to_string()).is_none());
        let bars = stacked(&[(3, 1), (0, 0)], labels(), [("b0", "good"), ("b1", "bad")]).unwrap();
        assert_eq!(bars.bars.len(), 2);
        assert_eq!(bars.bars[1].y, number(TOP));
    }

    #[test]
    fn csv_is_quoted_and_harmless() {
        let row = |raw: &[&str]| Row {
            shown: Vec::new(),
            raw: raw.iter().map(|text| (*text).to_owned()).collect(),
            link: None,
        };
        let plot = Plot {
            key: "k",
            title: "t",
            columns: vec!["build", "name"],
            rows: vec![row(&["1", "a,\"b\""]), row(&["-2", "=HYPERLINK(1)"])],
            drawing: None,
        };
        assert_eq!(csv(&plot), "build,name\r\n1,\"a,\"\"b\"\"\"\r\n-2,'=HYPERLINK(1)\r\n");
    }
}
