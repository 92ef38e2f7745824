//! Mail over SMTP, or as files in the data folder while no server is
//! configured. One message to one address; sends once, and says whether trying
//! again makes sense.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::error::{Error, Result};
use crate::model::email::Email;
use crate::model::secret::Secret;
use crate::model::time::Millis;

/// For each step of the conversation.
const TIMEOUT: Duration = Duration::from_secs(15);
/// After a server did not answer at all, nobody asks it again for this long:
/// a thousand waiting mails must not hold up all other jobs.
const PAUSE_MS: i64 = 30_000;
/// Replies that are about the recipient and will not change (RFC 5321 4.2.3).
/// Others, such as a refused password, are ours to mend: the mail waits.
const NEVER: [u16; 5] = [501, 550, 551, 553, 556];

/// A rendered message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub to: Email,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Unique for what the mail is about, of letters, digits, `-` and `.`: a
    /// mail that is sent twice after a crash has the same `Message-ID`, which
    /// mailboxes show once.
    pub id: String,
    /// Where to unsubscribe, also with one click (RFC 8058).
    pub unsubscribe: Option<String>,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The server is away, or wants it later.
    #[error("{0}")]
    Later(String),
    /// It will not be taken, however often.
    #[error("{0}")]
    Never(String),
}

/// How mail fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No server is configured: mail becomes files.
    Folder,
    Ready,
    /// The server did not answer a moment ago.
    Away,
}

/// How mail leaves this installation.
#[derive(Debug)]
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Smtp {
        transport: AsyncSmtpTransport<Tokio1Executor>,
        /// Until when the server is left alone.
        paused_until: Mutex<Millis>,
    },
    Folder(PathBuf),
}

impl Mailer {
    /// Through the server at `url`, `smtp://` or `smtps://` with user, password
    /// and `?tls=required` as in the example settings.
    ///
    /// # Errors
    /// `Invalid` for an address or URL that cannot be used.
    pub fn smtp(url: &Secret, from: &str) -> Result<Self> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose())
            .map_err(|_| Error::Invalid("mail.smtp_url cannot be used".into()))?
            .timeout(Some(TIMEOUT))
            .build();
        let way = Way::Smtp { transport, paused_until: Mutex::new(Millis(0)) };
        Ok(Self { from: sender(from)?, way })
    }

    /// As files `<id>.eml` in `dir`, for whoever looks there.
    ///
    /// # Errors
    /// `Invalid` for an address that cannot be used.
    pub fn folder(dir: PathBuf, from: &str) -> Result<Self> {
        Ok(Self { from: sender(from)?, way: Way::Folder(dir) })
    }

    /// False while mail is kept as files.
    pub fn has_server(&self) -> bool {
        matches!(self.way, Way::Smtp { .. })
    }

    /// Sends `mail` once; `now` dates it.
    pub async fn send(&self, mail: &Mail, now: Millis) -> Result<(), SendError> {
        let message = self.compose(mail, now)?;
        match &self.way {
            Way::Folder(dir) => {
                let path = dir.join(format!("{}.eml", mail.id));
                let later = |e: std::io::Error| SendError::Later(format!("writing mail: {e}"));
                tokio::fs::create_dir_all(dir).await.map_err(later)?;
                tokio::fs::write(&path, message.formatted()).await.map_err(later)?;
                // Neither address nor links: the log is read by more people.
                tracing::info!(file = %path.display(), "no mail server is configured; kept a mail");
                Ok(())
            }
            Way::Smtp { transport, paused_until } => {
                let resting = {
                    let until = paused_until.lock().unwrap_or_else(|broken| broken.into_inner());
                    now < *until
                };
                if resting {
                    return Err(SendError::Later("the mail server does not answer".into()));
                }
                let Err(error) = transport.send(message).await.map(drop) else { return Ok(()) };
                if error.status().is_none() {
                    *paused_until.lock().unwrap_or_else(|broken| broken.into_inner()) =
                        now.plus(PAUSE_MS);
                }
                Err(judge(&error))
            }
        }
    }

    /// How mail fares at the moment.
    pub fn standing(&self, now: Millis) -> Standing {
        match &self.way {
            Way::Folder(_) => Standing::Folder,
            Way::Smtp { paused_until, .. } => {
                let until = paused_until.lock().unwrap_or_else(|broken| broken.into_inner());
                if now < *until { Standing::Away } else { Standing::Ready }
            }
        }
    }

    fn compose(&self, mail: &Mail, now: Millis) -> Result<Message, SendError> {
        let never = |what: &str| SendError::Never(format!("the mail cannot be written: {what}"));
        let to: Address =
            mail.to.typed().parse().map_err(|_| never("the address is not understood"))?;
        let date = Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
        let host = self.from.email.domain();
        let subject: String = mail.subject.chars().filter(|c| !c.is_control()).collect();
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .date(std::time::UNIX_EPOCH + date)
            .message_id(Some(format!("<{}@{host}>", mail.id)))
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|error| never(&error.to_string()))?;
        let headers = message.headers_mut();
        let mut add = |name: &'static str, value: String| {
            let name = HeaderName::new_from_ascii_str(name);
            headers.insert_raw(HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value));
        };
        // RFC 3834: nobody's absence note answers it.
        add("Auto-Submitted", "auto-generated".into());
        if let Some(url) = &mail.unsubscribe {
            if !url.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(never("the unsubscribe link is malformed"));
            }
            add("List-Unsubscribe", format!("<{url}>"));
            add("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into());
        }
        Ok(message)
    }
}

fn judge(error: &smtp::Error) -> SendError {
    let text = cause(error);
    let code = error.status().map(u16::from);
    if code.is_some_and(|code| NEVER.contains(&code)) {
        SendError::Never(text)
    } else {
        SendError::Later(text)
    }
}

/// The error with what it says of its own cause.
fn cause(error: &smtp::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) if !error.to_string().contains(&source.to_string()) => {
            format!("{error}: {source}")
        }
        _ => error.to_string(),
    }
}

/// An address with or without a name: `Shipmate <ci@example.org>`.
fn sender(text: &str) -> Result<Mailbox> {
    text.parse().map_err(|_| Error::Invalid("mail.from is not an address".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str) -> Mail {
        Mail {
            to: "Ann@example.org".parse().unwrap(),
            subject: subject.into(),
            text: "Zoë says: install it.\n".into(),
            html: "<p>Zoë says: install it.</p>\n".into(),
            id: "deployment-1".into(),
            unsubscribe: Some(format!(
                "https://ci.example.org/unsubscribe?key={}",
                "k".repeat(200)
            )),
        }
    }

    #[tokio::test]
    async fn without_a_server_mail_is_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let mailer = Mailer::folder(dir.path().join("mail"), "Shipmate <ci@example.org>").unwrap();
        let mail = mail("Hello\r\nBcc: eve@example.org");
        mailer.send(&mail, Millis(1_710_000_000_000)).await.unwrap();
        let text = std::fs::read_to_string(dir.path().join("mail/deployment-1.eml")).unwrap();
        assert!(text.contains("Message-ID: <deployment-1@example.org>\r\n"), "{text}");
        assert!(text.contains("Date: Sat, 09 Mar 2024 16:00:00"), "{text}");
        assert!(text.contains("To: Ann@example.org\r\n"), "{text}");
        assert!(
            text.contains(&format!("List-Unsubscribe: <{}>\r\n", mail.unsubscribe.unwrap())),
            "{text}"
        );
        assert!(text.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), "{text}");
        assert!(!text.contains("\r\nBcc:"), "{text}");
        assert!(text.contains("text/plain") && text.contains("text/html"), "{text}");
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        assert!(Mailer::folder(PathBuf::new(), "nobody").is_err());
        for url in ["http://x", "mail.example.org", ""] {
            assert!(Mailer::smtp(&Secret::new(url), "a@b").is_err(), "{url}");
        }
    }
}
