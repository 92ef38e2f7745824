//! The last builds of an app as bars: height is how long each took, colour how
//! it ended. SVG, drawn here; the colours are the style sheet's. Pure.

use crate::db::builds::Glance;
use crate::model::time::Millis;

const WIDTH: usize = 18;
const GAP: usize = 4;
/// Bars that are drawn; fewer stand on the left.
const PLACES: usize = 12;
const HEIGHT: i64 = 40;
/// A build of no time is seen too.
const LEAST: i64 = 6;

/// The drawing, as an element to be put into a page unescaped: it holds
/// numbers and known words only. Empty without builds. `builds` is oldest first.
pub fn svg(builds: &[Glance], now: Millis) -> String {
    if builds.is_empty() {
        return String::new();
    }
    let took = |build: &Glance| match build.started_at {
        None => 0,
        Some(at) => build.finished_at.unwrap_or(now).since(at).max(0),
    };
    let longest = builds.iter().map(took).max().unwrap_or(0).max(1);
    let mut bars = String::new();
    for (place, build) in builds.iter().take(PLACES).enumerate() {
        let height = (took(build) * HEIGHT / longest).clamp(LEAST, HEIGHT);
        bars.push_str(&format!(
            "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{WIDTH}\" height=\"{height}\" rx=\"3\"/>",
            word(&build.status),
            place * (WIDTH + GAP),
            HEIGHT - height,
        ));
    }
    let label = label(builds);
    let width = PLACES * (WIDTH + GAP) - GAP;
    format!(
        "<svg class=\"bars\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" \
         preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{label}\"><title>{label}</title>\
         {bars}</svg>"
    )
}

/// Only words that the style sheet knows get into the drawing.
fn word(status: &str) -> &'static str {
    match status {
        "success" => "success",
        "failed" => "failed",
        "running" => "running",
        "queued" => "queued",
        _ => "cancelled",
    }
}

/// What a screen reader says: `Last 12 builds: 10 success, 2 failed`.
fn label(builds: &[Glance]) -> String {
    let counts = ["success", "failed", "cancelled", "running", "queued"].map(|status| {
        let count = builds.iter().filter(|build| word(&build.status) == status).count();
        (status, count)
    });
    let said: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    let noun = if builds.len() == 1 { "build" } else { "builds" };
    format!("Last {} {noun}: {}", builds.len(), said.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::{AppId, BuildId};

    fn glance(status: &str, took: Option<i64>) -> Glance {
        Glance {
            app_id: AppId::generate(Millis(0)),
            id: BuildId::generate(Millis(0)),
            number: 1,
            status: status.into(),
            branch: "main".into(),
            created_at: Millis(0),
            started_at: took.map(|_| Millis(0)),
            finished_at: took.map(Millis),
        }
    }

    #[test]
    fn bars_are_as_high_as_builds_are_long() {
        let svg = svg(
            &[glance("success", Some(50)), glance("failed", Some(100)), glance("queued", None)],
            Millis(0),
        );
        assert!(
            svg.contains("aria-label=\"Last 3 builds: 1 success, 1 failed, 1 queued\""),
            "{svg}"
        );
        for bar in [
            "class=\"success\" x=\"0\" y=\"20\" width=\"18\" height=\"20\"",
            "class=\"failed\" x=\"22\" y=\"0\" width=\"18\" height=\"40\"",
            "class=\"queued\" x=\"44\" y=\"34\" width=\"18\" height=\"6\"",
        ] {
            assert!(svg.contains(bar), "{bar} in {svg}");
        }
        assert_eq!(super::svg(&[], Millis(0)), "");
    }

    #[test]
    fn nothing_foreign_gets_into_the_drawing() {
        let svg = svg(&[glance("\"><script>", None)], Millis(0));
        assert!(!svg.contains("script") && svg.contains("1 build: 1 cancelled"), "{svg}");
    }
}
