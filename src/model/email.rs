//! An email address, as people type it and as it is compared.

use std::fmt;

/// Longest address that SMTP carries, in bytes (RFC 5321 4.5.3.1.3).
const MAX_BYTES: usize = 254;
/// Longest part before the `@`, in bytes (RFC 5321 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// A well-formed address. Two are the same when their `key` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    typed: String,
    key: String,
}

/// The text is not an address that mail can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an email address")]
pub struct MalformedEmail;

impl Email {
    /// As it was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// Lowercased, for comparing.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

impl std::str::FromStr for Email {
    type Err = MalformedEmail;

    /// Quoted local parts and address literals are refused: nobody's address
    /// needs them, and each is a way to smuggle something into a header.
    fn from_str(text: &str) -> Result<Self, MalformedEmail> {
        let typed = text.trim();
        let (local, host) = typed.split_once('@').ok_or(MalformedEmail)?;
        let plain =
            |c: char| !c.is_whitespace() && !c.is_control() && !"()<>[]:;,\\\"@".contains(c);
        let local_fits = !local.is_empty()
            && local.len() <= MAX_LOCAL_BYTES
            && local.chars().all(plain)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        let label_fits = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        if typed.len() > MAX_BYTES || !local_fits || !host.split('.').all(label_fits) {
            return Err(MalformedEmail);
        }
        Ok(Self { typed: typed.to_owned(), key: typed.to_lowercase() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_in_lower_case_and_kept_as_typed() {
        let email: Email = " Ann.O'Hara+qa@Example.ORG ".parse().unwrap();
        assert_eq!(email.typed(), "Ann.O'Hara+qa@Example.ORG");
        assert_eq!(email.key(), "ann.o'hara+qa@example.org");
        for text in ["a@localhost", "zoë@example.org", "a@bücher.example", "a_b-c@x-y.example"] {
            assert!(text.parse::<Email>().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.org", "a".repeat(65));
        let longer = format!("a@{}example.org", "abcdefgh.".repeat(28));
        for text in [
            "",
            "ann",
            "@example.org",
            "ann@",
            "ann@@example.org",
            "a@b@c",
            "a b@example.org",
            "a@exa mple.org",
            "a@example.org\r\nBcc: b@example.org",
            "<a@example.org>",
            "a,b@example.org",
            "\"a\"@example.org",
            "a@[127.0.0.1]",
            "a@example..org",
            ".a@example.org",
            "a@-x.org",
            "a\0@example.org",
            &long,
            &longer,
        ] {
            assert!(text.parse::<Email>().is_err(), "{text:?}");
        }
    }
}
