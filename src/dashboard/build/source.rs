//! One covered file with its source: which lines ran, how often, and the way
//! from one that did not to the next. Works without scripts.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use formats::{LineCoverage, Ran};

use crate::app::App;
use crate::builds::sources;
use crate::dashboard::build::coverage::Figure;
use crate::dashboard::build::{Head, Tab, load};
use crate::dashboard::page::{self, PageFault, Shell};
use crate::dashboard::place::Places;
use crate::dashboard::session::Visit;
use crate::db;
use crate::error::Error;
use crate::http::params::Params;
use crate::model::ids::{AppId, BuildId};
use crate::model::report::FileCoverage;

/// Lines on one page.
const LINES: usize = 2_000;

#[derive(Template)]
#[template(path = "build/source.html")]
struct Page {
    shell: Shell,
    head: Head,
    /// Page of the target.
    back: String,
    target: String,
    path: String,
    /// In the workspace, if it is elsewhere than the report says.
    found: Option<String>,
    figure: Figure,
    has_text: bool,
    lines: Vec<Line>,
    /// Lines of the whole file that did not run.
    missed: usize,
    first_missed: Option<String>,
    earlier: Option<String>,
    later: Option<String>,
}

struct Line {
    number: u32,
    text: String,
    /// `miss`, `part`, `hit`, or nothing for a line that cannot run.
    class: &'static str,
    mark: String,
    /// Where the next stretch of lines begins that did not run.
    next: Option<String>,
}

/// Addresses of the lines of one file.
struct Addresses {
    file: String,
    from: usize,
}

impl Addresses {
    fn page(&self, from: usize) -> String {
        format!("{}&from={from}", self.file)
    }

    /// `index` counts the rows from 0.
    fn line(&self, index: usize, number: u32) -> String {
        match index / LINES * LINES {
            from if from == self.from => format!("#L{number}"),
            from => format!("{}#L{number}", self.page(from)),
        }
    }
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Places(app_id, id): Places<AppId, BuildId>,
    params: Params,
) -> Result<Response, PageFault> {
    let ordinal = params.opt_int_in("target", 0..=i64::MAX)?.unwrap_or(0);
    let number = params.opt_int_in("file", 0..=i64::from(u32::MAX))?.unwrap_or(0);
    let from = params.opt_int_in("from", 0..=i64::from(u32::MAX))?.unwrap_or(0) as usize;
    let mut tx = app.db.read().await?;
    let loaded = load(&app, &mut tx, &visit, (&app_id, &id), Tab::Coverage).await?;
    let target = db::results::find_target(&mut tx, &id, ordinal).await?;
    let target = target.ok_or_else(Error::not_found)?;
    let stored = sources::find(&mut tx, &loaded.build).await?;
    drop(tx);
    let mut files: Vec<FileCoverage> = serde_json::from_str(&target.files)
        .map_err(|cause| Error::internal("reading coverage", cause))?;
    if number as usize >= files.len() {
        return Err(Error::not_found().into());
    }
    let file = files.swap_remove(number as usize);
    let opened = match &stored {
        Some(stored) => {
            let wanted = |entry: &crate::protocol::sources::SourceEntry| {
                entry.target == ordinal && entry.path == file.path
            };
            sources::open(&app, stored, wanted).await?
        }
        None => None,
    };
    let (found, source) = match opened {
        Some((entry, source)) => (entry.file, source),
        None => Default::default(),
    };
    let back = format!("{}/coverage?target={ordinal}", loaded.head.path());
    let addresses = Addresses {
        file: format!("{}/coverage/file?target={ordinal}&file={number}", loaded.head.path()),
        from: from / LINES * LINES,
    };
    let listing = Listing::of(&source.lines, source.text.as_deref(), &addresses);
    page::ok(&Page {
        shell: visit.shell(),
        head: loaded.head,
        back,
        target: target.name,
        found: found.filter(|found| *found != file.path),
        path: file.path,
        figure: Figure::of(file.coverage),
        has_text: source.text.is_some(),
        missed: listing.missed,
        first_missed: listing.first_missed,
        earlier: addresses.from.checked_sub(LINES).map(|from| addresses.page(from)),
        later: listing.later,
        lines: listing.lines,
    })
}

/// What of a file is on the page.
struct Listing {
    lines: Vec<Line>,
    missed: usize,
    first_missed: Option<String>,
    later: Option<String>,
}

impl Listing {
    /// All lines of the text; without one, the lines that can run.
    fn of(covered: &[LineCoverage], text: Option<&str>, addresses: &Addresses) -> Self {
        let rows: Vec<(u32, &str)> = match text {
            Some(text) => (1..).zip(text.lines()).collect(),
            None => covered.iter().map(|line| (line.number, "")).collect(),
        };
        let ran: BTreeMap<u32, Ran> = covered.iter().map(|line| (line.number, line.ran)).collect();
        let starts = stretches(covered);
        let address = |number: u32| {
            let index = rows.partition_point(|row| row.0 < number);
            (index < rows.len()).then(|| addresses.line(index, number))
        };
        let line = |(number, text): &(u32, &str)| {
            let (class, mark) = ran.get(number).map_or(("", String::new()), |ran| mark(*ran));
            let place = starts.binary_search(number).ok();
            let next = place.and_then(|place| starts.get(place + 1));
            let next = next.and_then(|next| address(*next));
            Line { number: *number, text: (*text).to_owned(), class, mark, next }
        };
        let end = addresses.from.saturating_add(LINES);
        Self {
            lines: rows.iter().skip(addresses.from).take(LINES).map(line).collect(),
            missed: covered.iter().filter(|line| line.ran == Ran::No).count(),
            first_missed: starts.first().and_then(|first| address(*first)),
            later: (end < rows.len()).then(|| addresses.page(end)),
        }
    }
}

/// The first lines of stretches that did not run. Lines that cannot run do not
/// part them.
fn stretches(covered: &[LineCoverage]) -> Vec<u32> {
    let before = std::iter::once(false).chain(covered.iter().map(|line| line.ran == Ran::No));
    let begins = covered.iter().zip(before).filter(|(line, was)| line.ran == Ran::No && !was);
    begins.map(|(line, _)| line.number).collect()
}

/// Words and a sign, so that it does not depend on colours.
fn mark(ran: Ran) -> (&'static str, String) {
    match ran {
        Ran::No => ("miss", "✗ not run".to_owned()),
        Ran::Partly => ("part", "± partly".to_owned()),
        Ran::Fully => ("hit", "✓ run".to_owned()),
        Ran::Times(count) => ("hit", format!("✓ {count}×")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(runs: &[(u32, Ran)]) -> Vec<LineCoverage> {
        runs.iter().map(|(number, ran)| LineCoverage { number: *number, ran: *ran }).collect()
    }

    #[test]
    fn the_way_leads_from_one_stretch_to_the_next() {
        use Ran::{No, Times};
        let covered =
            covered(&[(2, No), (4, No), (5, Times(1)), (6, No), (3_000, Ran::Partly), (3_001, No)]);
        assert_eq!(stretches(&covered), [2, 6, 3_001]);
        let text = "x\n".repeat(3_500);
        let addresses = |from| Addresses { file: "/f?a=1".into(), from };
        let page = Listing::of(&covered, Some(&text), &addresses(0));
        assert_eq!((page.lines.len(), page.missed), (2_000, 4));
        assert_eq!(page.first_missed.as_deref(), Some("#L2"));
        assert_eq!(page.lines[1].next.as_deref(), Some("#L6"));
        assert_eq!(page.lines[3].next, None, "in the middle of a stretch");
        assert_eq!(page.lines[5].next.as_deref(), Some("/f?a=1&from=2000#L3001"));
        assert_eq!((page.lines[4].class, page.lines[4].mark.as_str()), ("hit", "✓ 1×"));
        assert_eq!(page.later.as_deref(), Some("/f?a=1&from=2000"));
        let second = Listing::of(&covered, Some(&text), &addresses(2_000));
        assert_eq!((second.lines[0].number, second.later), (2_001, None));
        assert_eq!(second.lines[999].mark, "± partly");
        assert_eq!(second.lines[1_000].next, None);
        let bare = Listing::of(&covered, None, &addresses(0));
        assert_eq!(
            bare.lines.iter().map(|line| line.number).collect::<Vec<_>>(),
            [2, 4, 5, 6, 3_000, 3_001]
        );
        assert_eq!(bare.lines[3].next.as_deref(), Some("#L3001"));
        assert!(
            Listing::of(&[], Some(""), &addresses(usize::MAX / LINES * LINES)).lines.is_empty()
        );
    }
}
