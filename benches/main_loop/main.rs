//! What the main loop costs, each figure beside a baseline of the same run:
//! `cargo bench --bench main_loop [-- --write | --webhooks | --viewer]`. Prints the ratios; with
//! `--write` also puts them into `docs/performance.md`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

mod baseline;
mod builds;
mod log;
mod rate;
mod server;
mod viewer;
mod webhooks;
/// The same few commands of WebDriver that the tests use.
#[path = "../../tests/it/browser/wire.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod wire;

use std::fmt::Write as _;
use std::process::Command;

/// One line of the report.
pub struct Row {
    pub what: &'static str,
    pub ours: String,
    pub baseline: String,
    /// The ratio or difference that the goal is about.
    pub figure: String,
    pub goal: &'static str,
    pub met: bool,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, verb, database] = args.as_slice()
        && verb == "--serve-baseline"
    {
        return baseline::serve(database);
    }
    if args.iter().any(|arg| arg == "--webhooks") {
        return println!("{}", render(&webhooks::measure()));
    }
    if args.iter().any(|arg| arg == "--viewer") {
        return println!("{}", render(&viewer::measure()));
    }
    let measures = [
        server::measure_start,
        rate::measure,
        builds::measure,
        log::measure,
        webhooks::measure,
        viewer::measure,
    ];
    let mut rows = Vec::new();
    for measure in measures {
        let measured = measure();
        // What is known is not lost when a later one stops.
        for row in &measured {
            eprintln!("{}: {} beside {}: {}", row.what, row.ours, row.baseline, row.figure);
        }
        rows.extend(measured);
    }
    let report = render(&rows);
    println!("{report}");
    if args.iter().any(|arg| arg == "--write") {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md"), report)
            .unwrap();
    }
}

fn render(rows: &[Row]) -> String {
    let mut out = String::from(
        "# Performance\n\nWritten by `cargo bench --bench main_loop -- --write`. Every figure stands \
         beside a baseline of the same run on the same machine; figures of other machines differ.\n\n",
    );
    writeln!(out, "Machine: {}, {}.\n", machine(), tool("git", &["--version"])).unwrap();
    out.push_str(
        "| What | Shipmate | Baseline | Figure | Goal | Met |\n|---|---|---|---|---|---|\n",
    );
    for Row { what, ours, baseline, figure, goal, met } in rows {
        let met = if *met { "yes" } else { "**no**" };
        writeln!(out, "| {what} | {ours} | {baseline} | {figure} | {goal} | {met} |").unwrap();
    }
    out.push_str(include_str!("notes.md"));
    out
}

fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let system = tool("uname", &["-sr"]);
    format!("{cores} cores of {}, {system}", model.trim_start_matches([' ', '\t', ':']))
}

fn tool(name: &str, args: &[&str]) -> String {
    let output = Command::new(name).args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The middle of the measured values.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
