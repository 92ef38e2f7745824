//! `shipmate logs`: `GET /v1/builds/:id/logs`, whole or followed.

use clap::Args;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RANGE};

use super::client::{About, Client};
use super::failure::Failure;
use super::follow::follow;
use super::pick::{self, BUILDS_HINT};
use super::{Console, Result, ServerArgs};
use crate::model::ids::BuildId;

#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Id of the build
    build: String,
    /// Keep printing until the build has ended
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub async fn run(args: &LogsArgs, console: &mut Console) -> Result {
    let id = pick::build_id(&args.build)?;
    let client = Client::connect(&args.server, console)?;
    let json = args.server.json;
    if !args.follow {
        return print_stored(&client, &id, json, console).await;
    }
    let mut filter = console.filter();
    let end = follow(&client, &id, |offset, text| {
        if json {
            console.print(&json_line(offset, text))
        } else {
            let text = filter.apply(text);
            console.print(&text)
        }
    })
    .await?;
    if !end.complete {
        console.note("Some of this log was lost.");
    }
    console.note(&format!("Build ended: {}.", end.status));
    Ok(())
}

/// Prints what there is now; a cut transfer goes on where it stopped.
async fn print_stored(client: &Client, id: &BuildId, json: bool, console: &mut Console) -> Result {
    let mut printer = Printer { json, position: 0, pending: Vec::new(), filter: console.filter() };
    let mut idle = 0;
    loop {
        let before = printer.position;
        match transfer(client, id, &mut printer, console).await {
            Ok(true) => return printer.finish(console),
            Ok(false) => {}
            Err(Failure::Away(_)) if idle > 0 || before > 0 => {}
            Err(failure) => return Err(failure),
        }
        idle = if printer.position > before { 1 } else { idle + 1 };
        if idle > client.patience.attempts {
            return Err(Failure::failed(format!(
                "the log broke off after {} bytes; run the command again",
                printer.position
            )));
        }
        client.patience.wait(idle).await;
    }
}

/// One request from the printer's position; false when it was cut.
async fn transfer(
    client: &Client,
    id: &BuildId,
    printer: &mut Printer,
    console: &mut Console,
) -> Result<bool> {
    let mut headers = HeaderMap::new();
    if printer.position > 0 {
        let range = HeaderValue::try_from(format!("bytes={}-", printer.position))
            .expect("digits are a valid header value");
        headers.insert(RANGE, range);
    }
    let what = format!("the log of build {id}");
    let about = About { what: &what, hint: BUILDS_HINT };
    let mut response = client.stream(&format!("/v1/builds/{id}/logs"), headers, about).await?;
    // A server that ignores the range starts from the beginning.
    let mut skip = match response.status() {
        StatusCode::PARTIAL_CONTENT => 0,
        _ => printer.position,
    };
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(true),
            Err(_) => return Ok(false),
            Ok(Some(bytes)) => {
                let known = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
                skip -= known as u64;
                printer.print(&bytes[known..], console)?;
            }
        }
    }
}

/// Writes the bytes of a log: exactly as they are, unless a terminal or JSON
/// needs text.
struct Printer {
    json: bool,
    /// Bytes received.
    position: u64,
    /// The start of a character whose rest has not arrived.
    pending: Vec<u8>,
    filter: super::render::Filter,
}

impl Printer {
    fn print(&mut self, bytes: &[u8], console: &mut Console) -> Result {
        self.position += bytes.len() as u64;
        if !self.json && !console.terminal {
            console.out.write_all(bytes)?;
            return Ok(());
        }
        self.pending.extend_from_slice(bytes);
        let complete = complete_characters(&self.pending);
        let rest = self.pending.split_off(complete);
        let whole = std::mem::replace(&mut self.pending, rest);
        self.print_text(&whole, console)
    }

    fn print_text(&mut self, bytes: &[u8], console: &mut Console) -> Result {
        if bytes.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(bytes);
        if self.json {
            let start = self.position - (bytes.len() + self.pending.len()) as u64;
            return console.print(&json_line(start, &text));
        }
        console.print(&self.filter.apply(&text))
    }

    fn finish(mut self, console: &mut Console) -> Result {
        let rest = std::mem::take(&mut self.pending);
        self.print_text(&rest, console)?;
        Ok(console.out.flush()?)
    }
}

/// How many leading bytes do not end inside a character.
fn complete_characters(bytes: &[u8]) -> usize {
    // A character has at most 4 bytes, so its start is one of the last 3.
    for back in 1..=bytes.len().min(3) {
        let start = bytes.len() - back;
        let length = match bytes[start] {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            0x80..=0xbf => continue,
            _ => return bytes.len(),
        };
        return if length > back { start } else { bytes.len() };
    }
    bytes.len()
}

/// The same shape as the data of the API's `log` events, one per line.
fn json_line(offset: u64, text: &str) -> String {
    format!("{}\n", serde_json::json!({ "text": text, "offset": offset }))
}
