//! Text for HTML and XML. Knows no page.

/// `text` as the content of an element or as a quoted attribute. Characters
/// that XML 1.0 cannot hold at all are left out.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_markup() {
        let text = "a & <b> \"c\" 'd'\n\u{1}é🛒\u{ffff}";
        assert_eq!(escape(text), "a &amp; &lt;b&gt; &quot;c&quot; &#39;d&#39;\né🛒");
    }
}
