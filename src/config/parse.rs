//! Understands single values. Each function answers the value or the problem
//! with it; what is expected stands in the list of settings.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use reqwest::Url;
use tracing_subscriber::filter::Targets;

use super::file::Raw;
use super::{Database, LogFormat, UnknownHosts};
use crate::model::email::Email;
use crate::model::secret::Secret;

/// A value and the folder its relative paths start from.
pub struct Value<'a> {
    pub raw: &'a Raw,
    pub base: &'a Path,
}

impl Value<'_> {
    fn text(&self) -> Result<&str, String> {
        match self.raw {
            Raw::Text(text) if text.is_empty() => Err("the value is empty".into()),
            Raw::Text(text) => Ok(text),
            Raw::Number(_) | Raw::List(_) => Err("the value is not text".into()),
        }
    }

    fn list(&self) -> Result<&[String], String> {
        match self.raw {
            Raw::List(items) => Ok(items),
            Raw::Text(_) | Raw::Number(_) => Err("the value is not a list".into()),
        }
    }
}

pub fn address(value: &Value<'_>) -> Result<SocketAddr, String> {
    let text = value.text()?;
    text.parse().map_err(|_| unusable(text))
}

pub fn path(value: &Value<'_>) -> Result<PathBuf, String> {
    let text = value.text()?;
    // Joining "./x" would show "/base/./x" ever after.
    let text = text.strip_prefix("./").unwrap_or(text);
    Ok(value.base.join(text))
}

/// `scheme://host[:port]`. A path is refused because answers of the API name
/// the next page by absolute path (api.md 1.6).
pub fn origin(value: &Value<'_>) -> Result<String, String> {
    let text = value.text()?;
    let url = Url::parse(text).map_err(|error| format!("\"{text}\" is not a URL ({error})"))?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if plain { Ok(url.origin().ascii_serialization()) } else { Err(unusable(text)) }
}

pub fn database(value: &Value<'_>) -> Result<Database, String> {
    let text = value.text()?;
    if let Some(rest) = text.strip_prefix("sqlite:") {
        let file = rest.strip_prefix("//").unwrap_or(rest);
        let is_file = !file.is_empty() && !file.starts_with(':') && !file.contains('?');
        return is_file
            .then(|| Database::Sqlite(value.base.join(file)))
            .ok_or_else(|| unusable(text));
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("unknown kind of database".into());
    }
    Ok(Database::Postgres(Secret::new(text)))
}

/// A mail server that `notify::email` can talk to.
pub fn smtp_url(value: &Value<'_>) -> Result<Secret, String> {
    let text = value.text()?;
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let plain = matches!(url.scheme(), "smtp" | "smtps") && url.host_str().is_some();
    if plain { Ok(Secret::new(text)) } else { Err(unusable(text)) }
}

/// An address with or without a name.
pub fn mailbox(value: &Value<'_>) -> Result<String, String> {
    let text = value.text()?;
    let address = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((_, address)) => address,
        None => text,
    };
    let sane = !text.chars().any(char::is_control) && address.parse::<Email>().is_ok();
    if sane { Ok(text.to_owned()) } else { Err(unusable(text)) }
}

/// A PostgreSQL URL without password and parameters, which may hold one too.
pub fn redact(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return "[secret]".into() };
    url.set_query(None);
    url.set_fragment(None);
    if url.password().is_some() && url.set_password(Some("[secret]")).is_err() {
        return "[secret]".into();
    }
    url.to_string().replace("%5Bsecret%5D", "[secret]")
}

pub fn number(least: u32, most: u32) -> impl Fn(&Value<'_>) -> Result<u32, String> {
    move |value| match value.raw {
        Raw::Number(number) => u32::try_from(*number)
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("{number} is out of range")),
        Raw::Text(_) | Raw::List(_) => Err("the value is not a number".into()),
    }
}

pub fn ip_ranges(value: &Value<'_>) -> Result<Vec<String>, String> {
    value.list()?.iter().map(|item| ip_range(item)).collect()
}

fn ip_range(text: &str) -> Result<String, String> {
    let (address, length) =
        text.split_once('/').ok_or_else(|| format!("\"{text}\" has no /length"))?;
    let address: IpAddr = address.parse().map_err(|_| unusable(text))?;
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let length: u32 = length.parse().ok().filter(|_| digits).ok_or_else(|| unusable(text))?;
    // Left-aligned, so that one mask serves both families.
    let (bits, width) = match address {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    if length > width {
        return Err(format!("\"{text}\" is longer than /{width}"));
    }
    if bits.checked_shl(length).unwrap_or(0) != 0 {
        return Err(format!("\"{text}\" has address bits beyond its /{length}"));
    }
    Ok(format!("{address}/{length}"))
}

pub fn labels(value: &Value<'_>) -> Result<BTreeMap<String, String>, String> {
    let mut labels = BTreeMap::new();
    for item in value.list()? {
        let (key, value) = label(item)?;
        if labels.insert(key.clone(), value).is_some() {
            return Err(format!("label {key} is given twice"));
        }
    }
    Ok(labels)
}

/// Understands `key=value`, as the file, the environment and `--labels` do.
pub fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("\"{text}\" has no ="))?;
    let (key, value) = (key.trim(), value.trim());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let key_ok = !key.is_empty() && key.len() <= 64 && key.bytes().all(plain);
    let value_ok = !value.is_empty() && value.len() <= 128 && !value.chars().any(char::is_control);
    if key_ok && value_ok { Ok((key.into(), value.into())) } else { Err(unusable(text)) }
}

pub fn log_format(value: &Value<'_>) -> Result<LogFormat, String> {
    match value.text()? {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(unusable(other)),
    }
}

pub fn unknown_hosts(value: &Value<'_>) -> Result<UnknownHosts, String> {
    match value.text()? {
        "record" => Ok(UnknownHosts::Record),
        "refuse" => Ok(UnknownHosts::Refuse),
        other => Err(unusable(other)),
    }
}

pub fn log_level(value: &Value<'_>) -> Result<Targets, String> {
    let text = value.text()?;
    // A bare word is a level to a person but a target to the parser, so that
    // "verbose" would silently mean "everything of target verbose".
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    for directive in text.split(',') {
        let level = directive.rsplit('=').next().unwrap_or(directive).trim();
        if !levels.contains(&level.to_lowercase().as_str()) {
            return Err(unusable(text));
        }
    }
    text.parse().map_err(|_| unusable(text))
}

fn unusable(text: &str) -> String {
    format!("\"{text}\" cannot be used")
}
