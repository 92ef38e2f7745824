//! Stack traces as `Throwable.printStackTrace` writes them, on the JVM and on
//! Android. May not judge which frames are the app's own: it reports what the
//! text says. Nothing in a trace is an error; what is no part of one is
//! skipped.
//!
//! Shapes: `java.lang.Throwable` of OpenJDK and of Android, retraced and
//! shrunk traces of R8.

use crate::limits::Limits;
use crate::text::{Excerpt, clip};

/// Frames of one trace, over all its exceptions. A stack overflow prints 1,024
/// for each.
const MAX_FRAMES: usize = 4_096;
/// Exceptions of one trace.
const MAX_THROWABLES: usize = 64;

/// One exception of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throwable {
    /// Qualified, such as `java.lang.NullPointerException`.
    pub class: String,
    /// Empty if it has none.
    pub message: String,
    /// Innermost first; frames that it shares with the exception it caused are
    /// not repeated in a trace.
    pub frames: Vec<Frame>,
    /// Thrown while another one was handled; or the cause of such a one.
    pub is_suppressed: bool,
}

/// One call of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Qualified, such as `com.example.Main$Inner`.
    pub class: String,
    pub method: String,
    pub file: Option<String>,
    pub line: Option<u32>,
    pub is_native: bool,
}

/// The exceptions of a trace in the order of the text: each is the cause of
/// the one before it, suppressed ones aside. Empty if the text holds none.
pub fn read_stack_trace(text: &str, limits: &Limits) -> Vec<Throwable> {
    let mut reading = Reading { limits, done: Vec::new(), now: None, frames: 0 };
    let end = text.floor_char_boundary(limits.max_bytes);
    for line in text[..end].lines() {
        reading.line(line);
    }
    reading.close();
    reading.done
}

/// The exception that everything began with: the last cause.
pub fn root_cause(trace: &[Throwable]) -> Option<&Throwable> {
    trace.iter().rfind(|throwable| !throwable.is_suppressed)
}

struct Reading<'l> {
    limits: &'l Limits,
    done: Vec<Throwable>,
    now: Option<(Throwable, Excerpt)>,
    frames: usize,
}

impl Reading<'_> {
    fn line(&mut self, line: &str) {
        let is_inner = line.starts_with(['\t', ' ']);
        let line = line.trim();
        if let Some(frame) = line.strip_prefix("at ").and_then(|rest| read_frame(rest, self.limits))
        {
            if let Some((throwable, _)) = &mut self.now
                && self.frames < MAX_FRAMES
            {
                throwable.frames.push(frame);
                self.frames += 1;
            }
        } else if let Some(head) = line.strip_prefix("Caused by: ") {
            self.open(head, is_inner);
        } else if let Some(head) = line.strip_prefix("Suppressed: ") {
            self.open(head, true);
        } else if self.now.is_none() {
            self.open(after_thread(line), false);
        } else if !line.starts_with("... ") {
            self.continue_message(line);
        }
    }

    /// Begins an exception, unless `head` names none.
    fn open(&mut self, head: &str, is_suppressed: bool) {
        let head = head.strip_prefix("[CIRCULAR REFERENCE: ").unwrap_or(head);
        let (class, message) = head.split_once(": ").unwrap_or((head, ""));
        let class = class.trim_end_matches([':', ']']);
        if !is_class(class) {
            return;
        }
        self.close();
        if self.done.len() == MAX_THROWABLES {
            return;
        }
        let mut text = Excerpt::new(self.limits.max_text);
        text.push(message);
        let class = clip(class, self.limits.max_name());
        let throwable =
            Throwable { class, message: String::new(), frames: Vec::new(), is_suppressed };
        self.now = Some((throwable, text));
    }

    /// Messages have as many lines as they like, up to the first frame.
    fn continue_message(&mut self, line: &str) {
        if let Some((throwable, message)) = &mut self.now
            && throwable.frames.is_empty()
        {
            message.push("\n");
            message.push(line);
        }
    }

    fn close(&mut self) {
        if let Some((mut throwable, message)) = self.now.take() {
            message.finish().trim().clone_into(&mut throwable.message);
            self.done.push(throwable);
        }
    }
}

/// `com.example.Main.onCreate(Main.java:12)`, perhaps after a module.
pub(crate) fn read_frame(text: &str, limits: &Limits) -> Option<Frame> {
    let (call, rest) = text.split_once('(')?;
    let (place, _) = rest.rsplit_once(')')?;
    let call = match call.rsplit_once('/') {
        // A lambda's class is numbered after a slash; other slashes end
        // the names of a class loader and a module.
        Some((before, after)) if !before.ends_with("Lambda") => after,
        _ => call,
    };
    let (class, method) = call.trim().rsplit_once('.')?;
    let (file, line) = read_place(place);
    let name = |text: &str| clip(text, limits.max_name());
    Some(Frame {
        class: name(class),
        method: name(method),
        file: file.map(name),
        line,
        is_native: place == "Native Method",
    })
}

/// File and line of what stands in the brackets.
fn read_place(place: &str) -> (Option<&str>, Option<u32>) {
    let (file, line) = match place.rsplit_once(':') {
        Some((file, line)) => (file, line.parse().ok()),
        None => (place, None),
    };
    let is_known = !matches!(file, "" | "Native Method" | "Unknown Source" | "Unknown");
    (is_known.then_some(file), line)
}

/// Without `Exception in thread "main" ` of the JVM's own handler.
fn after_thread(line: &str) -> &str {
    line.strip_prefix("Exception in thread \"")
        .and_then(|rest| rest.split_once("\" "))
        .map_or(line, |(_, rest)| rest)
}

/// Could this be the name of an exception's class? A sentence is none, and
/// every such class is in a package or ends in a well-known word.
fn is_class(text: &str) -> bool {
    let is_name = !text.is_empty()
        && text.split('.').all(|part| {
            part.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '$'))
                && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-'))
        });
    is_name
        && (text.contains('.')
            || ["Exception", "Error", "Throwable"].iter().any(|end| text.ends_with(end)))
}

#[cfg(test)]
mod tests;
