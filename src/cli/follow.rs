//! Follows a log over server-sent events and takes it up again where it broke
//! off, by `Last-Event-ID`. Nothing is handed out twice.

use bytes::Bytes;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};

use super::client::{About, Client};
use super::failure::{Failure, Result};
use super::pick::BUILDS_HINT;
use super::wire::{LogEnd, LogText};
use crate::model::ids::BuildId;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Longest line and longest event; the server's events are far smaller.
const MAX_EVENT: usize = 16 << 20;

/// How far a followed log has come.
#[derive(Default)]
struct Place {
    /// Byte offset after the last text handed out.
    position: u64,
    /// The server has answered before.
    connected: bool,
    /// The current connection has brought something, be it a sign of life: a
    /// build may wait in the queue longer than a proxy keeps connections.
    alive: bool,
}

/// Hands every new piece of the log, with the byte offset of its start, to
/// `on_text` until the build has ended.
pub async fn follow(
    client: &Client,
    build: &BuildId,
    mut on_text: impl FnMut(u64, &str) -> Result,
) -> Result<LogEnd> {
    let mut place = Place::default();
    let mut idle = 0;
    loop {
        place.alive = false;
        let error = match connection(client, build, &mut place, &mut on_text).await {
            Ok(Some(end)) => return Ok(end),
            Ok(None) => "the server closed the connection".to_owned(),
            // Before the first answer it is an address that does not work.
            Err(Failure::Away(text)) if place.connected => text,
            Err(failure) => return Err(failure),
        };
        idle = if place.alive { 1 } else { idle + 1 };
        if idle > client.patience.attempts {
            return Err(Failure::failed(format!(
                "the log broke off and {} attempts to go on failed ({error}); the build may still \
                 run: `shipmate show {build}` tells",
                client.patience.attempts
            )));
        }
        client.patience.wait(idle).await;
    }
}

/// One connection: answers the end of the build, or `None` when it was cut.
async fn connection(
    client: &Client,
    build: &BuildId,
    place: &mut Place,
    on_text: &mut impl FnMut(u64, &str) -> Result,
) -> Result<Option<LogEnd>> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    if place.position > 0 {
        headers.insert(LAST_EVENT_ID, HeaderValue::from(place.position));
    }
    let what = format!("build {build}");
    let about = About { what: &what, hint: BUILDS_HINT };
    let path = format!("/v1/builds/{build}/logs?follow=1");
    let mut response = client.stream(&path, headers, about).await?;
    place.connected = true;
    let mut events = Events::default();
    // An error of the body is a cut connection, which the caller repairs.
    while let Ok(Some(bytes)) = response.chunk().await {
        place.alive = true;
        events.push(&bytes)?;
        while let Some(event) = events.next()? {
            match event.name.as_str() {
                "log" => deliver(&event, &mut place.position, on_text)?,
                "end" => return read_data(&event).map(Some),
                // Kinds that a newer server may add.
                _ => {}
            }
        }
    }
    Ok(None)
}

/// Hands out what lies beyond `position` and moves it.
fn deliver(
    event: &Event,
    position: &mut u64,
    on_text: &mut impl FnMut(u64, &str) -> Result,
) -> Result {
    let log: LogText = read_data(event)?;
    // Where the log holds bytes that are not UTF-8, the id counts them as they
    // are stored and the text does not.
    let end = event.id.unwrap_or(log.offset + log.text.len() as u64);
    if end <= *position {
        return Ok(());
    }
    let known = usize::try_from(position.saturating_sub(log.offset)).unwrap_or(usize::MAX);
    let (start, fresh) = match log.text.get(known..) {
        Some(rest) => (log.offset.max(*position), rest),
        None => (log.offset, log.text.as_str()),
    };
    on_text(start, fresh)?;
    *position = end;
    Ok(())
}

fn read_data<T: serde::de::DeserializeOwned>(event: &Event) -> Result<T> {
    serde_json::from_str(&event.data).map_err(|error| {
        Failure::failed(format!("the server sent a log event that is not understood: {error}"))
    })
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub id: Option<u64>,
    pub data: String,
}

/// Splits a byte stream into events (WHATWG HTML, section 9.2).
#[derive(Default)]
pub struct Events {
    buffer: Vec<u8>,
    /// What of `buffer` is read already.
    read: usize,
    event: Event,
}

impl Events {
    pub fn push(&mut self, bytes: &Bytes) -> Result {
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() > MAX_EVENT + (1 << 20) || self.event.data.len() > MAX_EVENT {
            return Err(Failure::failed(format!("a log event is larger than {MAX_EVENT} bytes")));
        }
        Ok(())
    }

    /// The next complete event, if there is one.
    pub fn next(&mut self) -> Result<Option<Event>> {
        while let Some(length) = self.buffer[self.read..].iter().position(|byte| *byte == b'\n') {
            let line = &self.buffer[self.read..self.read + length];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.read += length + 1;
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                if !event.name.is_empty() || !event.data.is_empty() {
                    return Ok(Some(event));
                }
                continue;
            }
            let line = std::str::from_utf8(line)
                .map_err(|_| Failure::failed("the server's log events are not valid UTF-8"))?;
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.event.name),
                "id" => self.event.id = value.parse().ok(),
                "data" => {
                    if !self.event.data.is_empty() {
                        self.event.data.push('\n');
                    }
                    self.event.data.push_str(value);
                }
                // Comments, which keep the connection alive, and `retry`.
                _ => {}
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
