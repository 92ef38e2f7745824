//! Java traces, by the mapping of R8 or ProGuard.

use std::io::Read;

use formats::Limits;
use formats::mapping::{Mapping, MappingReader, Wanted, wanted};
use tokio::time::Instant;

use super::{Crash, Found, blocking, called};
use crate::app::App;
use crate::blobs::reader::BlobReader;
use crate::error::Result;
use crate::feedback::java;
use crate::model::artifact::Artifact;

/// Largest mapping.
const MAX_MAPPING: i64 = 1 << 30;
/// Read at once.
const PART: usize = 256 << 10;

pub(super) async fn look_up(app: &App, crash: &Crash, files: Vec<Artifact>) -> Result<Found> {
    let limits = Limits::default();
    let trace = &crash.raw.resolved_text;
    let wanted = wanted(trace, &limits);
    let mut found = Found::default();
    let alone = files.iter().filter(|file| crash.is_own(file)).count() == 1;
    for file in &files {
        let name = called(crash, file);
        let read = match file.bytes {
            0..=MAX_MAPPING => read(app, file, &wanted, crash.deadline).await,
            _ => Err("larger than 1 GiB".to_owned()),
        };
        let mapping = match read {
            Ok(mapping) => mapping,
            Err(fault) => {
                found.symbols.trouble.push(format!("{name}: {fault}"));
                continue;
            }
        };
        let fits = wanted.is_of(&mapping).unwrap_or_else(|| {
            // Without an id, the names of variants must do.
            crash.is_own(file) && (alone || is_of_variant(&file.path, &crash.raw.scheme))
        });
        if !fits {
            found.symbols.trouble.push(format!("{name}: not the mapping of this app"));
            continue;
        }
        let (text, known) = mapping.retrace(trace, &limits);
        if known == 0 {
            found.symbols.trouble.push(format!("{name}: it knows no class of this crash"));
            continue;
        }
        found.symbols.found.push(name);
        found.resolved = java::resolve_again(&crash.report, &text).map(|report| (report, text));
        break;
    }
    if found.resolved.is_none() && wanted.is_obfuscated {
        let id = wanted.map_id.map(|id| format!(" with the id {id}")).unwrap_or_default();
        found.symbols.wanted.push(format!("mapping.txt of R8 or ProGuard{id}"));
    }
    if found.resolved.is_none() && !wanted.is_obfuscated {
        found.symbols.trouble.clear();
    }
    Ok(found)
}

/// `app/build/outputs/mapping/freeRelease/mapping.txt` is of `freeRelease`.
fn is_of_variant(path: &str, scheme: &str) -> bool {
    !scheme.is_empty() && path.split(['/', '-']).any(|part| part.eq_ignore_ascii_case(scheme))
}

async fn read(
    app: &App,
    file: &Artifact,
    wanted: &Wanted,
    deadline: Instant,
) -> std::result::Result<Mapping, String> {
    let mut blob = BlobReader::new(&app.blobs, &file.blob_key, file.bytes.unsigned_abs());
    let mut reader = MappingReader::new(wanted.clone());
    blocking(move || {
        let mut part = vec![0; PART];
        loop {
            let length = blob.read(&mut part).map_err(|error| error.to_string())?;
            if length == 0 {
                return reader.finish().map_err(|error| error.to_string());
            }
            reader.push(&part[..length]).map_err(|error| error.to_string())?;
            if Instant::now() > deadline {
                return Err("reading it took too long".to_owned());
            }
        }
    })
    .await?
}

#[cfg(test)]
mod tests {
    use super::is_of_variant;

    #[test]
    fn variants_are_in_the_path() {
        let path = "app/build/outputs/mapping/freeRelease/mapping.txt";
        assert!(is_of_variant(path, "freeRelease") && is_of_variant(path, "freerelease"));
        assert!(is_of_variant("paid-mapping.txt", "paid"));
        assert!(!is_of_variant(path, "release") && !is_of_variant(path, ""));
    }
}
