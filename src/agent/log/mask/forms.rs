//! The forms in which tools print a secret: encoded, escaped, quoted. Pure
//! text; which of them are searched for is decided by `Masks`.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What `encodeURIComponent` and RFC 3986 leave as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What HTML forms leave as it is; they write a space as `+`.
const FORM: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');
/// Encoded text longer than the line of any tool is searched piece by piece.
const WRAPPED: usize = 60;
/// Length of such a piece; a shorter line stays visible.
const PIECE: usize = 16;
/// Where `openssl` and MIME, and `base64`, end their lines.
const FOLDS: [usize; 2] = [64, 76];
/// From one piece to the next; fewer characters at a tear stay visible.
const STEP: usize = 4;

/// Every form of `secret` but the plain one.
pub fn of(secret: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::new();
    add_base64(secret.as_bytes(), &mut forms);
    add_last_lines(secret, &mut forms);
    add_percent(secret, &mut forms);
    add_json(secret, &mut forms);
    add_shell(secret, &mut forms);
    forms.remove(secret);
    forms
}

/// The characters that stand for these bytes wherever they are in a larger
/// text: three alignments, without the characters shared with neighbours.
fn add_base64(bytes: &[u8], forms: &mut BTreeSet<String>) {
    for before in 0..3_usize {
        let padded = [&[0; 2][..before], bytes].concat();
        let own = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
        for engine in [STANDARD, URL_SAFE] {
            let text = engine.encode(&padded);
            let Some(core) = text.get(own.clone()) else { continue };
            if core.len() <= WRAPPED {
                forms.insert(core.to_owned());
                continue;
            }
            let last = core.len() - PIECE;
            for start in (0..last).step_by(STEP).chain([last]) {
                forms.insert(core[start..start + PIECE].to_owned());
            }
        }
    }
}

/// The short last line of a secret that a tool encodes alone (with or without
/// a line's end) and folds at its usual width.
fn add_last_lines(secret: &str, forms: &mut BTreeSet<String>) {
    for text in [secret.to_owned(), format!("{secret}\n")] {
        let encoded = STANDARD.encode(text);
        for width in FOLDS {
            let rest = encoded.len() % width;
            if encoded.len() > width && rest > 0 {
                forms.insert(encoded[encoded.len() - rest..].to_owned());
            }
        }
    }
}

fn add_percent(secret: &str, forms: &mut BTreeSet<String>) {
    for (set, space) in [(NON_ALPHANUMERIC, "%20"), (UNRESERVED, "%20"), (FORM, "+")] {
        let text = utf8_percent_encode(secret, set).to_string().replace(' ', space);
        forms.insert(lower_escapes(&text));
        forms.insert(text);
    }
}

/// `%2F` as `%2f`; a `%` is always an escape here.
fn lower_escapes(text: &str) -> String {
    let mut left = 0;
    let lower = |c: char| {
        let is_digit = left > 0;
        left = if c == '%' { 2 } else { left - i32::from(is_digit) };
        if is_digit { c.to_ascii_lowercase() } else { c }
    };
    text.chars().map(lower).collect()
}

fn add_json(secret: &str, forms: &mut BTreeSet<String>) {
    let Ok(quoted) = serde_json::to_string(secret) else { return };
    let text = quoted[1..quoted.len() - 1].to_owned();
    let ascii: String = text
        .chars()
        .map(|c| match c {
            c if c.is_ascii() => c.to_string(),
            c => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        })
        .collect();
    forms.insert(text.replace('/', "\\/"));
    forms.insert(ascii.replace('/', "\\/"));
    forms.insert(ascii);
    forms.insert(text);
}

fn add_shell(secret: &str, forms: &mut BTreeSet<String>) {
    forms.insert(secret.replace('\'', r"'\''"));
    forms.insert(secret.replace('\'', "'\"'\"'"));
    let escape = |special: &dyn Fn(char) -> bool| {
        let escaped = |c: char| if special(c) { format!("\\{c}") } else { c.to_string() };
        secret.chars().map(escaped).collect::<String>()
    };
    forms.insert(escape(&|c| "\"\\$`".contains(c)));
    forms.insert(escape(&|c| "\"\\$`!".contains(c)));
    // What `printf %q` of bash writes, in its two styles.
    forms.insert(escape(&|c| {
        c.is_ascii() && !c.is_ascii_alphanumeric() && !"%+-./:=@_".contains(c)
    }));
    let ansi = secret.replace('\\', r"\\").replace('\'', r"\'");
    forms.insert(ansi.replace('\n', r"\n").replace('\t', r"\t").replace('\r', r"\r"));
}
