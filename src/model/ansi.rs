//! Terminal codes in a line of a log (ECMA-48): read into parts with the name
//! of a look each, so that a page shows colours with classes of its own style
//! sheet and nothing of the log becomes markup. Every line begins plain.

use std::iter::Peekable;
use std::str::Chars;

/// Parts of one line; what comes after looks like the last one.
const MAX_PARTS: usize = 500;
/// Numbers of one code; real ones have at most eleven.
const MAX_NUMBERS: usize = 16;

/// Text with one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub text: String,
    /// Classes of `log.css`, separated by spaces; empty for plain text.
    pub class: String,
}

/// The parts of a line, without its newline.
pub fn parts(line: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut look = Look::default();
    let mut text = String::with_capacity(line.len());
    let mut chars = last_written(line).chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            text.extend(shown(c));
        } else if let Some(numbers) = skip_code(&mut chars)
            && parts.len() + 1 < MAX_PARTS
        {
            let next = look.after(&numbers);
            if next != look {
                end_part(&mut parts, &mut text, look);
                look = next;
            }
        }
    }
    end_part(&mut parts, &mut text, look);
    parts
}

fn end_part(parts: &mut Vec<Part>, text: &mut String, look: Look) {
    if !text.is_empty() {
        parts.push(Part { text: std::mem::take(text), class: look.class() });
    }
}

/// `text`, of any number of lines, without terminal codes and other characters
/// that do not show.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => drop(skip_code(&mut chars)),
            '\n' => out.push(c),
            c => out.extend(shown(c)),
        }
    }
    out
}

/// A progress bar writes its line again and again after carriage returns; a
/// terminal shows what was written last.
fn last_written(line: &str) -> &str {
    let line = line.trim_end_matches('\r');
    line.rsplit_once('\r').map_or(line, |(_, last)| last)
}

fn shown(c: char) -> Option<char> {
    match c {
        '\r' => None,
        '\t' => Some(c),
        c if c.is_control() => Some('\u{fffd}'),
        c => Some(c),
    }
}

/// Reads the rest of a code after its escape character; the numbers if it sets
/// a look (SGR).
fn skip_code(chars: &mut Peekable<Chars<'_>>) -> Option<Vec<u16>> {
    match chars.next_if(|c| matches!(c, '[' | ']' | '('))? {
        '[' => {
            let mut numbers = vec![0_u16];
            for c in chars.by_ref() {
                match c {
                    '0'..='9' => {
                        let last = numbers.last_mut()?;
                        *last = last.saturating_mul(10).saturating_add(c as u16 - '0' as u16);
                    }
                    ';' | ':' if numbers.len() < MAX_NUMBERS => numbers.push(0),
                    'm' => return Some(numbers),
                    '@'..='~' => return None,
                    _ => {}
                }
            }
            None
        }
        ']' => {
            while chars.next().is_some_and(|c| c != '\u{7}' && c != '\u{1b}') {}
            chars.next_if_eq(&'\\');
            None
        }
        _ => {
            chars.next();
            None
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    /// Of the sixteen.
    ink: Option<u8>,
    paper: Option<u8>,
}

impl Look {
    fn after(mut self, numbers: &[u16]) -> Self {
        let mut rest = numbers.iter().copied();
        while let Some(number) = rest.next() {
            match number {
                0 => self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                30..=37 => self.ink = Some(number as u8 - 30),
                38 => self.ink = extended(&mut rest),
                39 => self.ink = None,
                40..=47 => self.paper = Some(number as u8 - 40),
                48 => self.paper = extended(&mut rest),
                49 => self.paper = None,
                90..=97 => self.ink = Some(number as u8 - 82),
                100..=107 => self.paper = Some(number as u8 - 92),
                _ => {}
            }
        }
        self
    }

    fn class(self) -> String {
        let flags =
            [(self.bold, "ab"), (self.dim, "ad"), (self.italic, "ai"), (self.underline, "au")];
        let mut names: Vec<String> =
            flags.iter().filter(|(on, _)| *on).map(|(_, name)| (*name).to_owned()).collect();
        names.extend(self.ink.map(|colour| format!("af{colour}")));
        names.extend(self.paper.map(|colour| format!("ag{colour}")));
        names.join(" ")
    }
}

/// `5;n` of 256 colours or `2;r;g;b`, as the nearest of the sixteen.
fn extended(rest: &mut impl Iterator<Item = u16>) -> Option<u8> {
    match rest.next()? {
        5 => {
            let n = rest.next()?;
            match n {
                0..=15 => Some(n as u8),
                16..=231 => {
                    let level = |n: u16| if n == 0 { 0 } else { 55 + 40 * n };
                    let cube = n - 16;
                    Some(nearest(level(cube / 36), level(cube / 6 % 6), level(cube % 6)))
                }
                232..=255 => {
                    Some(nearest(8 + 10 * (n - 232), 8 + 10 * (n - 232), 8 + 10 * (n - 232)))
                }
                _ => None,
            }
        }
        2 => {
            let (red, green, blue) = (rest.next()?, rest.next()?, rest.next()?);
            Some(nearest(red, green, blue))
        }
        _ => None,
    }
}

fn nearest(red: u16, green: u16, blue: u16) -> u8 {
    let most = red.max(green).max(blue);
    if most < 48 {
        return 0;
    }
    // A channel belongs to the colour if it is near the strongest one.
    let on = |channel: u16| u8::from(channel * 3 >= most * 2);
    let base = on(red) | on(green) << 1 | on(blue) << 2;
    if base == 7 && most < 140 {
        return 8;
    }
    if most > 200 { base + 8 } else { base }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_classes() {
        let cases: [(&str, &[(&str, &str)]); 13] = [
            ("plain", &[("plain", "")]),
            ("a\u{1b}[31mred\u{1b}[0m b", &[("a", ""), ("red", "af1"), (" b", "")]),
            ("\u{1b}[1;4;92mok\u{1b}[m.", &[("ok", "ab au af10"), (".", "")]),
            ("\u{1b}[38;5;196mx\u{1b}[39my", &[("x", "af9"), ("y", "")]),
            ("\u{1b}[38;5;3mx", &[("x", "af3")]),
            ("\u{1b}[38;2;20;20;200mx", &[("x", "af4")]),
            ("\u{1b}[48;5;240;97mx", &[("x", "af15 ag8")]),
            ("\u{1b}[2K\u{1b}[1Gx", &[("x", "")]),
            ("\u{1b}]0;title\u{7}x\u{1b}(B", &[("x", "")]),
            ("\u{1b}]8;;http://e\u{1b}\\link\u{1b}]8;;\u{1b}\\", &[("link", "")]),
            ("50%\r100%\r", &[("100%", "")]),
            ("\u{1b}[38;5", &[]),
            ("<b>\u{0}&\u{1b}[31;\"onx=m!", &[("<b>\u{fffd}&nx=m!", "")]),
        ];
        for (line, expected) in cases {
            let found = parts(line);
            let found: Vec<_> = found.iter().map(|p| (p.text.as_str(), p.class.as_str())).collect();
            assert_eq!(found, expected, "{line:?}");
        }
    }

    #[test]
    fn a_hostile_line_has_a_bounded_number_of_parts() {
        let line = "\u{1b}[31mx\u{1b}[32my".repeat(5_000);
        let found = parts(&line);
        assert!(found.len() <= MAX_PARTS, "{}", found.len());
        assert_eq!(found.iter().map(|p| p.text.len()).sum::<usize>(), 10_000);
        parts(&format!("\u{1b}[{}m", "9;".repeat(100_000)));
    }

    #[test]
    fn terminal_codes_do_not_show() {
        for (written, shown) in [
            ("a\u{1b}[31mred\u{1b}[0m b", "ared b"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("50%\r100%\n", "50%100%\n"),
            ("\u{0}tab\there", "\u{fffd}tab\there"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("<b>&", "<b>&"),
        ] {
            assert_eq!(plain(written), shown);
        }
    }
}
