//! A mail server that speaks SMTP over a socket and does what the story says,
//! and a reader of what it received.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Serves until it is dropped.
pub struct MailServer {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    /// Answers to the next recipients, such as `451 later`; else `250 ok`.
    answers: VecDeque<&'static str>,
    conversations: usize,
}

/// One mail as it came over the wire.
#[derive(Debug, Clone)]
pub struct Received {
    /// Envelope.
    pub from: String,
    pub to: String,
    pub raw: String,
}

impl MailServer {
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(converse(socket, shared.clone()));
            }
        });
        Self { address, state, task }
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// What the server says to its next recipients, in turn.
    pub fn script(&self, answers: &[&'static str]) {
        self.state.lock().unwrap().answers.extend(answers);
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    pub fn conversations(&self) -> usize {
        self.state.lock().unwrap().conversations
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The commands of RFC 5321 that a client without extensions needs.
async fn converse(socket: TcpStream, state: Arc<Mutex<State>>) {
    state.lock().unwrap().conversations += 1;
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    let (mut from, mut to) = (String::new(), String::new());
    let mut answer = "220 mail.example.org ESMTP".to_owned();
    loop {
        if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
        let Ok(Some(line)) = lines.next_line().await else { return };
        let upper = line.to_uppercase();
        let path = || {
            let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
            inner.map(|(path, _)| path.to_owned()).unwrap_or_default()
        };
        answer = "250 ok".into();
        if upper.starts_with("EHLO") {
            answer = "250-mail.example.org\r\n250-8BITMIME\r\n250 SMTPUTF8".into();
        } else if upper.starts_with("MAIL FROM:") {
            from = path();
        } else if upper.starts_with("RCPT TO:") {
            to = path();
            if let Some(scripted) = state.lock().unwrap().answers.pop_front() {
                answer = scripted.into();
            }
        } else if upper == "DATA" {
            if write.write_all(b"354 go on\r\n").await.is_err() {
                return;
            }
            let mut raw = String::new();
            loop {
                let Ok(Some(line)) = lines.next_line().await else { return };
                if line == "." {
                    break;
                }
                raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                raw.push('\n');
            }
            let mail = Received { from: from.clone(), to: to.clone(), raw };
            state.lock().unwrap().received.push(mail);
        } else if upper == "QUIT" {
            let _ = write.write_all(b"221 bye\r\n").await;
            return;
        }
    }
}

impl Received {
    /// A header's value, unfolded, encoded words decoded.
    pub fn header(&self, name: &str) -> Option<String> {
        header(self.raw.split("\n\n").next().unwrap_or_default(), name)
    }

    /// The decoded part of this media type.
    pub fn part(&self, media: &str) -> String {
        let content_type = self.header("Content-Type").expect("a mail has a type");
        assert!(content_type.starts_with("multipart/alternative"), "{content_type}");
        let boundary = content_type.split("boundary=\"").nth(1).expect("a boundary");
        let boundary = boundary.split('"').next().expect("a boundary");
        for part in self.raw.split(&format!("--{boundary}")).skip(1) {
            let Some((head, body)) = part.trim_start_matches('\n').split_once("\n\n") else {
                continue;
            };
            if header(head, "Content-Type").is_some_and(|found| found.starts_with(media)) {
                return decode(
                    &header(head, "Content-Transfer-Encoding").unwrap_or_default(),
                    body,
                );
            }
        }
        panic!("no {media} in {}", self.raw)
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    let line = unfolded.lines().find(|line| {
        line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
    })?;
    let value = line.split_once(':')?.1.trim().to_owned();
    Some(decode_words(&value))
}

/// `=?utf-8?b?..?=` of RFC 2047; whitespace between two of them is none.
fn decode_words(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("=?utf-8?b?") {
        let (word, tail) = after.split_once("?=").expect("an encoded word ends");
        if out.is_empty() || !before.trim().is_empty() {
            out.push_str(before);
        }
        let bytes = STANDARD.decode(word).expect("base64");
        out.push_str(&String::from_utf8(bytes).expect("UTF-8"));
        rest = tail;
    }
    out + rest
}

fn decode(encoding: &str, body: &str) -> String {
    let bytes = match encoding {
        "base64" => {
            let text: String = body.split_whitespace().collect();
            STANDARD.decode(text).expect("base64")
        }
        "quoted-printable" => {
            let text = body.replace("=\n", "");
            let mut bytes = Vec::new();
            let mut rest = text.as_bytes();
            while let [first, tail @ ..] = rest {
                if let (b'=', [a, b, after @ ..]) = (first, tail) {
                    let digits = [*a, *b];
                    let digits = std::str::from_utf8(&digits).expect("hex");
                    bytes.push(u8::from_str_radix(digits, 16).expect("hex"));
                    rest = after;
                } else {
                    bytes.push(*first);
                    rest = tail;
                }
            }
            bytes
        }
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8(bytes).expect("UTF-8")
}
