//! `java.util.Properties` as text: `KEY=value` with escapes and continued
//! lines. Knows no field of any report.

/// The pairs in the order of the text.
pub(super) fn read(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut whole = line.to_owned();
        // A line that ends in an odd number of backslashes goes on.
        while ends_open(&whole) {
            whole.pop();
            whole.push_str(lines.next().unwrap_or_default().trim_start());
        }
        let (name, value) = split(&whole);
        pairs.push((unescape(name), unescape(value)));
    }
    pairs
}

fn ends_open(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// At the first separator that is not escaped.
fn split(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'=' | b':' | b' ' | b'\t' => {
                let rest = line[at..].trim_start();
                let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
                return (&line[..at], rest.trim_start());
            }
            _ => {}
        }
    }
    (line, "")
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = chars.clone().take(4).collect();
                match u32::from_str_radix(&digits, 16) {
                    Ok(unit) if digits.len() == 4 => {
                        chars.nth(3);
                        // Half of a pair stands for no character by itself.
                        out.push(char::from_u32(unit).unwrap_or('\u{fffd}'));
                    }
                    _ => out.push('u'),
                }
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_escapes_and_continued_lines() {
        let text = "# comment\n\nA=1\n B : two words \nC\\=D=x\\ty\\u00e9\\n\\\\\n\
                    LONG=one\\\n   two\\\\\nE\nF=\\u12\nG=\\";
        let pairs = read(text);
        let expected = [
            ("A", "1"),
            ("B", "two words "),
            ("C=D", "x\ty\u{e9}\n\\"),
            ("LONG", "onetwo\\"),
            ("E", ""),
            ("F", "u12"),
            ("G", ""),
        ];
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, expected);
    }
}
