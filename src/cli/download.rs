//! Transfers one artifact: into a partial file that a later attempt takes up
//! again, checked against size and SHA-256 before it gets its name.
//!
//! Files are written with blocking calls: the command does nothing else.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Response, StatusCode};
use ring::digest::{Context, SHA256};

use super::client::Client;
use super::failure::{Failure, Result};
use super::render::plain;
use super::wire::Artifact;

pub struct Download<'a> {
    pub artifact: &'a Artifact,
    pub target: &'a Path,
    /// Replace a file that exists and differs.
    pub force: bool,
}

/// Downloads; answers true when the right file was there already.
pub async fn fetch(client: &Client, job: &Download<'_>, progress: bool) -> Result<bool> {
    if present(job)? {
        return Ok(true);
    }
    let folder = job.target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| at(folder, error))?;
    let bar = bar(job.artifact, progress);
    let result = assemble(client, job, &part_of(job), &bar).await;
    bar.finish_and_clear();
    result.map(|()| false)
}

/// Fills the partial file, checks it and names it.
async fn assemble(client: &Client, job: &Download<'_>, path: &Path, bar: &ProgressBar) -> Result {
    let mut part = Part::open(path)?;
    // A wrong digest may be the fault of what an earlier run left behind.
    let mut leftover = part.length > 0;
    loop {
        fill(client, job, &mut part, bar).await?;
        let digest = hex(part.digest.clone().finish().as_ref());
        if part.length == job.artifact.size && digest.eq_ignore_ascii_case(&job.artifact.sha256) {
            part.file.sync_all().map_err(|error| at(path, error))?;
            return std::fs::rename(path, job.target).map_err(|error| at(job.target, error));
        }
        if !leftover {
            std::fs::remove_file(path).map_err(|error| at(path, error))?;
            return Err(Failure::failed(format!(
                "{} arrived damaged (SHA-256 {digest}, expected {}) and was removed; run the \
                 command again",
                plain(&job.artifact.name),
                plain(&job.artifact.sha256)
            )));
        }
        leftover = false;
        part.restart()?;
    }
}

/// Receives until the partial file has the expected size.
async fn fill(client: &Client, job: &Download<'_>, part: &mut Part, bar: &ProgressBar) -> Result {
    let size = job.artifact.size;
    let mut idle = 0;
    if part.length > size {
        part.restart()?;
    }
    while part.length < size {
        let before = part.length;
        bar.set_position(before);
        let problem = match request(client, job, part).await {
            Ok(response) => receive(response, job, part, bar).await?,
            Err(Failure::Away(text)) => text,
            Err(failure) => return Err(failure),
        };
        if part.length == size {
            break;
        }
        idle = if part.length > before { 1 } else { idle + 1 };
        if idle > client.patience.attempts {
            return Err(Failure::failed(format!(
                "{} broke off after {} of {size} bytes ({problem}); run the command again to go on",
                plain(&job.artifact.name),
                part.length
            )));
        }
        client.patience.wait(idle).await;
    }
    Ok(())
}

/// Asks for the rest. Afterwards `part` is where the answer begins.
async fn request(client: &Client, job: &Download<'_>, part: &mut Part) -> Result<Response> {
    let mut headers = HeaderMap::new();
    if part.length > 0 {
        let range = HeaderValue::try_from(format!("bytes={}-", part.length))
            .expect("digits are a valid header value");
        headers.insert(RANGE, range);
    }
    let response = client.file(&job.artifact.url, headers).await?;
    let name = plain(&job.artifact.name);
    match response.status() {
        StatusCode::PARTIAL_CONTENT if starts_at(&response, part.length) => Ok(response),
        StatusCode::OK => {
            // The server does not do ranges: the answer is the whole file.
            part.restart()?;
            Ok(response)
        }
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            part.restart()?;
            Err(Failure::Away("the server cannot continue it".into()))
        }
        status if status.is_server_error() => Err(Failure::Away(format!("HTTP {status}"))),
        status => Err(Failure::failed(format!(
            "{name} cannot be downloaded (HTTP {status}); its link may have expired, run the \
             command again"
        ))),
    }
}

fn starts_at(response: &Response, offset: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
}

/// Appends the body; answers why it ended early, if it did.
async fn receive(
    mut response: Response,
    job: &Download<'_>,
    part: &mut Part,
    bar: &ProgressBar,
) -> Result<String> {
    loop {
        let bytes = match response.chunk().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok("the server closed the connection".into()),
            Err(error) => return Ok(super::client::root_cause(&error)),
        };
        if part.length + bytes.len() as u64 > job.artifact.size {
            std::fs::remove_file(&part.path).map_err(|error| at(&part.path, error))?;
            return Err(Failure::failed(format!(
                "{} is larger than the {} bytes that the server announced; it was removed",
                plain(&job.artifact.name),
                job.artifact.size
            )));
        }
        part.append(&bytes)?;
        bar.set_position(part.length);
    }
}

/// The file while it is incomplete, with the digest of what it holds.
struct Part {
    path: PathBuf,
    file: File,
    length: u64,
    digest: Context,
}

impl Part {
    fn open(path: &Path) -> Result<Self> {
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|error| at(path, error))?;
        let (length, digest) = hash(&mut file).map_err(|error| at(path, error))?;
        Ok(Self { path: path.to_owned(), file, length, digest })
    }

    fn append(&mut self, bytes: &[u8]) -> Result {
        self.file.write_all(bytes).map_err(|error| at(&self.path, error))?;
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> Result {
        self.file.set_len(0).map_err(|error| at(&self.path, error))?;
        self.length = 0;
        self.digest = Context::new(&SHA256);
        Ok(())
    }
}

/// True when the target is the wanted file; an error when it is another one.
fn present(job: &Download<'_>) -> Result<bool> {
    let target = job.target;
    let mut file = match File::open(target) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(at(target, error)),
    };
    let meta = file.metadata().map_err(|error| at(target, error))?;
    if meta.is_file() && meta.len() == job.artifact.size {
        let (_, digest) = hash(&mut file).map_err(|error| at(target, error))?;
        if hex(digest.finish().as_ref()).eq_ignore_ascii_case(&job.artifact.sha256) {
            return Ok(true);
        }
    }
    if job.force && meta.is_file() {
        return Ok(false);
    }
    Err(Failure::failed(format!(
        "{} exists and is not this artifact; add --force to replace it, or -o DIR to put it \
         elsewhere",
        plain(&target.display().to_string())
    )))
}

/// Beside the target; named by content, so that a file of the same name from
/// another build is never continued.
fn part_of(job: &Download<'_>) -> PathBuf {
    let digest = job.artifact.sha256.bytes().filter(u8::is_ascii_alphanumeric).take(16);
    let digest: String = digest.map(char::from).collect();
    job.target.with_file_name(format!(".shipmate-{digest}.part"))
}

fn hash(file: &mut File) -> std::io::Result<(u64, Context)> {
    let mut digest = Context::new(&SHA256);
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((length, digest));
        }
        digest.update(&buffer[..read]);
        length += read as u64;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bar(artifact: &Artifact, progress: bool) -> ProgressBar {
    let target = if progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(artifact.size), target);
    let style = ProgressStyle::with_template(
        "{msg}  [{bar:30}] {bytes}/{total_bytes}  {bytes_per_sec}  {eta}",
    )
    .expect("the template is valid");
    bar.set_style(style.progress_chars("=> "));
    bar.set_message(plain(&artifact.name));
    bar
}

fn at(path: &Path, error: std::io::Error) -> Failure {
    Failure::failed(format!("{}: {error}", plain(&path.display().to_string())))
}
