//! One output stream on its way into the log: bytes in, masked text out. Holds
//! back a line that has no end yet, so that the lines of two streams do not
//! tear each other, and the start of what may become a secret. Pure: time is
//! given.

use std::time::{Duration, Instant};

use crate::agent::log::mask::{Masks, hide};
use crate::agent::log::utf8::Repair;

/// A line without an end (a prompt, progress dots) shows after this long.
pub const HOLD: Duration = Duration::from_millis(200);

/// Longest unfinished line that is held back.
const MAX_HELD: usize = 64 << 10;

/// What one stream has not shown yet. Not `Debug`: it may hold secrets.
#[derive(Default)]
pub struct Lane {
    repair: Repair,
    /// Sound text that is not shown yet.
    held: String,
    /// The first `known` bytes of `held` end a secret whose start was shown.
    known: usize,
    /// The mask of that secret is out already.
    begun: bool,
    due: Option<Instant>,
}

impl Lane {
    /// Takes `bytes` and shows all finished lines that are decided.
    pub fn push(
        &mut self,
        bytes: &[u8],
        now: Instant,
        masks: &mut Masks,
        out: &mut impl FnMut(&str),
    ) {
        let text = self.repair.push(bytes);
        let end = memchr::memrchr(b'\n', text.as_bytes()).map_or(0, |at| at + 1);
        let mut shown = end > 0;
        if masks.is_empty() {
            if shown {
                show(&self.held, out);
                show(&text[..end], out);
                self.held.clear();
            }
            self.held.push_str(&text[end..]);
        } else {
            let end = if shown { self.held.len() + end } else { 0 };
            self.held.push_str(&text);
            if shown {
                self.show_decided(end, masks, out);
            }
        }
        if self.held.len() > MAX_HELD {
            self.show_decided(self.held.len(), masks, out);
            shown = true;
        }
        if shown || self.due.is_none() {
            self.due = (!self.held.is_empty()).then(|| now + HOLD);
        }
    }

    /// Shows the unfinished line as far as it is decided.
    pub fn release(&mut self, masks: &mut Masks, out: &mut impl FnMut(&str)) {
        self.show_decided(self.held.len(), masks, out);
        self.due = None;
    }

    /// The stream has ended: shows everything, and is as new.
    pub fn finish(&mut self, masks: &mut Masks, out: &mut impl FnMut(&str)) {
        self.held.push_str(self.repair.finish());
        self.show(self.held.len(), masks, out);
        *self = Self::default();
    }

    /// When to call `release`, if nothing else arrives.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    fn show_decided(&mut self, end: usize, masks: &mut Masks, out: &mut impl FnMut(&str)) {
        let end = end.min(masks.undecided(&self.held));
        self.show(end, masks, out);
    }

    /// Shows the first `end` bytes of what is held, masked.
    fn show(&mut self, end: usize, masks: &mut Masks, out: &mut impl FnMut(&str)) {
        if end == 0 {
            return;
        }
        let mut from = 0;
        let mut begun = std::mem::take(&mut self.begun);
        let mut known = 0;
        for part in masks.covered(&self.held, self.known) {
            if part.start >= end {
                break;
            }
            show(&self.held[from..part.start], out);
            let until = part.end.min(end);
            begun = hide(&self.held[part.start..until], begun && part.start == 0, out);
            known = part.end - until;
            from = until;
        }
        show(&self.held[from..end], out);
        self.known = known;
        self.begun = begun && known > 0;
        self.held.drain(..end);
    }
}

fn show(text: &str, out: &mut impl FnMut(&str)) {
    if !text.is_empty() {
        out(text);
    }
}

#[cfg(test)]
mod tests;
