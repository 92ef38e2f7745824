//! Repository URLs as people paste them. Pure text.

use percent_encoding::percent_decode_str;

use crate::git::remote::Remote;
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

/// The same text for every URL of one repository: `host/path` in lower case,
/// whatever the transport. `None` for a folder of this machine.
pub fn repository_key(url: &str) -> Option<String> {
    let url = url.trim();
    let (authority, path) = match url.split_once("://") {
        Some(("file", _)) => return None,
        Some((_, rest)) => rest.split_once('/')?,
        None if url.starts_with('/') => return None,
        None => url.split_once(':').filter(|(host, _)| !host.contains('/'))?,
    };
    let host = authority.rsplit('@').next()?.split(':').next()?.to_lowercase();
    let path = path.split(['?', '#']).next()?.to_lowercase();
    let path = path.trim_matches('/').trim_end_matches(".git");
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // Azure's ssh URLs have a version, its https URLs an extra folder.
    let host = match host.strip_prefix("ssh.dev.azure.com") {
        Some("") => "dev.azure.com".to_owned(),
        _ => host,
    };
    if host == "dev.azure.com" {
        parts.retain(|part| !matches!(*part, "_git" | "v3"));
    }
    // Bitbucket Server's https URLs have a folder that its ssh URLs lack.
    if parts.len() == 3 && parts[0] == "scm" {
        parts.remove(0);
    }
    (!host.is_empty() && !parts.is_empty()).then(|| format!("{host}/{}", parts.join("/")))
}

/// Where the fork `name` of the repository `base` (full names, `owner/repo`)
/// is, seen from the app's own URL of `base`: the same host and transport. If
/// the URL does not end in the name, the fork's `told` URL, on the same host
/// only. A delivery need not be signed, so its word alone must not send a
/// build elsewhere, or pass for a trusted fork.
///
/// The name that the URL stands for, and the URL; `None` if there is none.
pub fn fork_place(own: &str, base: &str, name: &str, told: &str) -> Option<(String, String)> {
    let plain = |name: &str| {
        let ok = |part: &str| {
            let text = part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
            text && !part.is_empty() && !part.starts_with(['-', '.'])
        };
        name.contains('/') && name.split('/').all(ok)
    };
    if plain(base) && plain(name) {
        let bare = own.trim_end_matches('/');
        let (bare, suffix) = bare.strip_suffix(".git").map_or((bare, ""), |bare| (bare, ".git"));
        let at = bare.len().checked_sub(base.len());
        let front = at.filter(|at| bare.is_char_boundary(*at)).map(|at| bare.split_at(at));
        if let Some((front, end)) = front
            && end.eq_ignore_ascii_case(base)
            && front.ends_with(['/', ':'])
        {
            return Some((name.to_owned(), format!("{front}{name}{suffix}")));
        }
    }
    let (told, _) = split_credential(told);
    let host = |url: &str| repository_key(url)?.split('/').next().map(str::to_owned);
    let remote = Remote::parse(&told).ok().filter(|remote| !remote.is_local())?;
    (host(&told)? == host(own)?).then(|| (remote.slug(), told.clone()))
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

    #[test]
    fn one_repository_has_one_key() {
        let cases = [
            (
                &[
                    "https://github.com/Octo/Hello.git",
                    "git@github.com:octo/hello.git",
                    "ssh://git@github.com:22/octo/hello",
                    "https://TOKEN@github.com/octo/hello/",
                    "git://github.com/octo/hello.git",
                ][..],
                Some("github.com/octo/hello"),
            ),
            (
                &["https://org@dev.azure.com/org/p/_git/r", "git@ssh.dev.azure.com:v3/org/p/r"],
                Some("dev.azure.com/org/p/r"),
            ),
            (
                &["https://bb.example/scm/prj/r.git", "ssh://git@bb.example:7999/PRJ/r.git"],
                Some("bb.example/prj/r"),
            ),
            (&["/srv/r.git", "file:///srv/r.git", "", "x", "https://h"], None),
        ];
        for (urls, key) in cases {
            for url in urls {
                assert_eq!(repository_key(url).as_deref(), key, "{url}");
            }
        }
    }

    #[test]
    fn forks_are_on_the_same_host() {
        let none: Option<(&str, &str)> = None;
        let cases = [
            (
                ("git@github.com:o/r.git", "o/r", "bob/r", "https://evil.example/bob/r.git"),
                Some(("bob/r", "git@github.com:bob/r.git")),
            ),
            (
                ("https://gitlab.example/g/s/r", "g/s/r", "bob/r", ""),
                Some(("bob/r", "https://gitlab.example/bob/r")),
            ),
            (
                ("https://bb.example/scm/PRJ/r.git", "PRJ/r", "~bob/r", ""),
                Some(("~bob/r", "https://bb.example/scm/~bob/r.git")),
            ),
            // The URL does not tell the name: what was told, on this host only,
            // and under the name that it really has.
            (
                ("https://h.example/mirror.git", "o/r", "trusted/r", "https://h.example/bob/r.git"),
                Some(("bob/r", "https://h.example/bob/r.git")),
            ),
            (("https://h.example/m.git", "o/r", "bob/r", "https://evil.example/bob/r"), none),
            (("https://h.example/m.git", "o/r", "bob/r", ""), none),
            (("https://h.example/m.git", "o/r", "bob/r", "/etc"), none),
            (("/srv/m.git", "o/r", "bob/r", "file:///srv/secret.git"), none),
            (("https://h.example/xo/r", "o/r", "bob/r", ""), none),
            (("https://h.example/o/r", "o/r", "../bob/r", ""), none),
            (("https://h.example/o/r", "o/r", "bob/../x", ""), none),
            (("https://h.example/o/r", "o/r", "", ""), none),
        ];
        for ((own, base, name, told), expected) in cases {
            let found = fork_place(own, base, name, told);
            let found = found.as_ref().map(|(name, url)| (name.as_str(), url.as_str()));
            assert_eq!(found, expected, "{own} {base} {name} {told}");
        }
    }
}
