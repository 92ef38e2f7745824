//! Repository URLs as people paste them. Pure text.

use percent_encoding::percent_decode_str;

use crate::model::secret::Secret;
use crate::protocol::Credential;

/// Splits `https://user:password@host/..` and `https://TOKEN@host/..` into the
/// bare URL and the credential (APP-5). Other URLs come back as they are: in
/// `ssh://git@host/..` the user is no secret.
pub fn split_credential(url: &str) -> (String, Option<Credential>) {
    let url = url.trim();
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), None) };
    if !matches!(scheme, "http" | "https") {
        return (url.to_owned(), None);
    }
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((user_info, host)) = authority.rsplit_once('@') else { return (url.to_owned(), None) };
    let (username, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let decode =
        |text: &str| Secret::new(percent_decode_str(text).decode_utf8_lossy().into_owned());
    let credential = Credential { username: decode(username), password: decode(password) };
    (format!("{scheme}://{host}{path}"), Some(credential))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_split_off_http_urls_only() {
        let cases = [
            ("https://u:p%40ss@h.org/o/r.git", "https://h.org/o/r.git", Some(("u", "p@ss"))),
            ("https://TOKEN@h.org:8443/r", "https://h.org:8443/r", Some(("TOKEN", ""))),
            (" https://h.org/a@b ", "https://h.org/a@b", None),
            ("ssh://git@h.org/r", "ssh://git@h.org/r", None),
            ("git@h.org:o/r.git", "git@h.org:o/r.git", None),
            ("/srv/r.git", "/srv/r.git", None),
        ];
        for (url, bare, pair) in cases {
            let (got, credential) = split_credential(url);
            assert_eq!(got, bare);
            let credential = credential
                .map(|c| (c.username.expose().to_owned(), c.password.expose().to_owned()));
            assert_eq!(credential.as_ref().map(|(u, p)| (u.as_str(), p.as_str())), pair, "{url}");
        }
    }
}
