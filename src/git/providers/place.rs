//! Where a provider is: its API, the repositories that it serves, and by which
//! name its tokens open them. Pure text.

use reqwest::Url;

use super::host_and_path;
use crate::git::remote::Remote;
use crate::model::secret::Secret;
use crate::model::status::Provider;

/// Bytes of a token.
const MAX_TOKEN: usize = 4_000;
/// Bytes of a base URL.
const MAX_BASE: usize = 1_000;

/// Where the API is of a provider that is in one place for everybody.
pub fn default_base(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::Github => Some("https://api.github.com"),
        Provider::Gitlab => Some("https://gitlab.com"),
        Provider::Bitbucket => Some("https://api.bitbucket.org"),
        Provider::BitbucketServer | Provider::Gitea => None,
    }
}

/// An `http` or `https` URL without credentials, query and fragment, and
/// without a slash at its end.
pub fn checked_base(text: &str) -> Option<String> {
    let url = Url::parse(text.trim()).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && text.len() <= MAX_BASE;
    plain.then(|| url.as_str().trim_end_matches('/').to_owned())
}

/// Whether it may be a token: something that fits into a header.
pub fn is_token(token: &Secret) -> bool {
    let token = token.expose();
    (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic())
}

/// Where people and git find what the API at `base_url` tells of: the same
/// place, but for the providers whose API has a host of its own.
pub fn web_base(provider: Provider, base_url: &str) -> Option<Url> {
    let mut url = Url::parse(base_url).ok()?;
    let host = url.host_str()?.to_ascii_lowercase();
    let path = url.path().trim_end_matches('/').to_owned();
    match provider {
        Provider::Github => {
            let own = host.strip_prefix("api.");
            let own = own.filter(|host| *host == "github.com" || host.ends_with(".ghe.com"));
            if let Some(own) = own {
                url.set_host(Some(own)).ok()?;
            }
            url.set_path(path.strip_suffix("/api/v3").unwrap_or(&path));
        }
        Provider::Bitbucket if host == "api.bitbucket.org" => {
            url.set_host(Some("bitbucket.org")).ok()?;
        }
        _ => {}
    }
    Some(url)
}

/// Whether the repository is on the host of this provider, by whatever
/// transport. Ports say nothing: SSH has one of its own.
pub fn serves(provider: Provider, base_url: &str, repo_url: &str) -> bool {
    let own = web_base(provider, base_url);
    let own = own.as_ref().and_then(Url::host_str);
    let asked = host_and_path(repo_url).map(|(host, _)| host);
    own.zip(asked).is_some_and(|(own, asked)| own.eq_ignore_ascii_case(asked))
}

/// Whether git reaches the repository at exactly this provider: the same
/// scheme, host and port, so that its token goes nowhere else, and never in the
/// clear where the API is asked under TLS. Reads the URL as git is told it:
/// two readers of one URL may not agree on its host.
pub fn opens(provider: Provider, base_url: &str, repo_url: &str) -> bool {
    let (Some(own), Ok(remote)) = (web_base(provider, base_url), Remote::parse(repo_url)) else {
        return false;
    };
    let (Some((scheme, host)), Some(name)) = (remote.http_host(), own.host_str()) else {
        return false;
    };
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(usual).unwrap_or(host);
    let port = own.port().map(|port| format!(":{port}")).unwrap_or_default();
    scheme == own.scheme() && host.eq_ignore_ascii_case(&format!("{name}{port}"))
}

/// The name and password that git gives for a token. `account` is whose it is,
/// empty if that is not known.
pub fn git_login(provider: Provider, account: &str, token: &Secret) -> (String, Secret) {
    let pair = token.expose().split_once(':');
    let name = match (provider, pair) {
        // An API token of an Atlassian account comes with its address.
        (Provider::Bitbucket, Some((user, password))) => {
            let user = if user.contains('@') { "x-bitbucket-api-token-auth" } else { user };
            return (user.to_owned(), Secret::new(password));
        }
        (Provider::BitbucketServer, Some((user, password))) => {
            return (user.to_owned(), Secret::new(password));
        }
        (Provider::Github, _) => "x-access-token",
        (Provider::Gitlab, _) => "oauth2",
        (Provider::Bitbucket, None) => "x-token-auth",
        (Provider::BitbucketServer, None) if account.is_empty() => "x-token-auth",
        (Provider::Gitea, _) if account.is_empty() => "oauth2",
        (Provider::BitbucketServer | Provider::Gitea, _) => account,
    };
    (name.to_owned(), token.clone())
}

/// The clone URL of a repository that the provider calls `full_name`. Made
/// here, not taken from its answer: that could name any host.
pub fn clone_url(provider: Provider, base_url: &str, full_name: &str) -> Option<String> {
    let part = |part: &str| {
        let text = part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~+".contains(&b));
        text && !part.is_empty() && part != "." && part != ".."
    };
    if !full_name.contains('/') || !full_name.split('/').all(part) {
        return None;
    }
    let web = web_base(provider, base_url)?;
    let web = web.as_str().trim_end_matches('/');
    let folder = if provider == Provider::BitbucketServer { "scm/" } else { "" };
    Some(format!("{web}/{folder}{full_name}.git"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GHE: &str = "https://ghe.example.org/api/v3";

    #[test]
    fn base_urls_are_plain() {
        assert_eq!(checked_base("https://ghe.example.org/api/v3/").unwrap(), GHE);
        for odd in
            ["ghe.example.org", "ftp://h/", "https://u:p@h/", "https://h/?q", "https://h/#f", ""]
        {
            assert_eq!(checked_base(odd), None, "{odd}");
        }
    }

    #[test]
    fn tokens_fit_into_a_header() {
        for (token, fits) in
            [("t", true), ("", false), ("a b", false), ("a\nb", false), ("é", false)]
        {
            assert_eq!(is_token(&Secret::new(token)), fits, "{token:?}");
        }
        assert!(!is_token(&Secret::new("x".repeat(MAX_TOKEN + 1))));
    }

    #[test]
    fn a_token_opens_its_own_provider_only() {
        use Provider::{Bitbucket, BitbucketServer, Gitea, Github, Gitlab};
        // (provider, base, repository, serves, opens)
        for (provider, base, repo, serves_it, opens_it) in [
            (Github, "https://api.github.com", "https://github.com/o/r.git", true, true),
            (Github, "https://api.github.com", "https://GitHub.com:443/o/r.git", true, true),
            (Github, "https://api.github.com", "git@github.com:o/r.git", true, false),
            (Github, "https://api.github.com", "http://github.com/o/r.git", true, false),
            (Github, "https://api.github.com", "https://github.com.evil.example/o/r", false, false),
            (Github, "https://api.github.com", "https://github.com@evil.example/o/r", false, false),
            (Github, "https://api.github.com", "https://evil.example/github.com/r", false, false),
            (
                Github,
                "https://api.github.com",
                "https://github.com\\@evil.example/o/r",
                false,
                false,
            ),
            (Github, "https://api.github.com", "https://evil.example\\@github.com/o/r", true, true),
            (Github, "https://api.github.com", "https://github.com:8443/o/r.git", true, false),
            (Github, "https://api.acme.ghe.com", "https://acme.ghe.com/o/r.git", true, true),
            (Github, "https://api.example.org", "https://example.org/o/r.git", false, false),
            (Github, GHE, "https://ghe.example.org/o/r.git", true, true),
            (Gitlab, "https://gitlab.com", "https://gitlab.com/g/s/r.git", true, true),
            (Bitbucket, "https://api.bitbucket.org", "https://bitbucket.org/w/r.git", true, true),
            (BitbucketServer, "https://bb.example/x", "ssh://git@bb.example:7999/K/r", true, false),
            (BitbucketServer, "https://bb.example/x", "https://bb.example/x/scm/K/r", true, true),
            (Gitea, "http://git.local:3000", "http://git.local:3000/o/r.git", true, true),
            (Gitea, "http://git.local:3000", "http://git.local/o/r.git", true, false),
            (Gitea, "https://git.local", "/srv/r.git", false, false),
        ] {
            assert_eq!(serves(provider, base, repo), serves_it, "{base} serves {repo}");
            assert_eq!(opens(provider, base, repo), opens_it, "{base} opens {repo}");
        }
    }

    #[test]
    fn git_signs_in_as_each_provider_wants() {
        use Provider::{Bitbucket, BitbucketServer, Gitea, Github, Gitlab};
        for (provider, account, token, name, password) in [
            (Github, "ann", "t", "x-access-token", "t"),
            (Gitlab, "ann", "t", "oauth2", "t"),
            (Bitbucket, "ann", "t", "x-token-auth", "t"),
            (Bitbucket, "", "ann:pw", "ann", "pw"),
            (Bitbucket, "", "ann@example.org:t", "x-bitbucket-api-token-auth", "t"),
            (BitbucketServer, "ann", "t", "ann", "t"),
            (BitbucketServer, "", "t", "x-token-auth", "t"),
            (BitbucketServer, "", "ann:pw", "ann", "pw"),
            (Gitea, "ann", "t", "ann", "t"),
            (Gitea, "", "t", "oauth2", "t"),
        ] {
            let (got, secret) = git_login(provider, account, &Secret::new(token));
            assert_eq!((got.as_str(), secret.expose()), (name, password), "{provider} {token}");
        }
    }

    #[test]
    fn clone_urls_are_of_the_provider() {
        use Provider::{Bitbucket, BitbucketServer, Gitea, Github, Gitlab};
        for (provider, base, name, url) in [
            (
                Github,
                "https://api.github.com",
                "o/.github",
                Some("https://github.com/o/.github.git"),
            ),
            (Github, GHE, "o/r", Some("https://ghe.example.org/o/r.git")),
            (Gitlab, "https://h/gitlab", "g/s/r", Some("https://h/gitlab/g/s/r.git")),
            (Bitbucket, "https://api.bitbucket.org", "w/r", Some("https://bitbucket.org/w/r.git")),
            (BitbucketServer, "https://h/x", "~ann/r", Some("https://h/x/scm/~ann/r.git")),
            (Gitea, "http://h:3000", "o/r", Some("http://h:3000/o/r.git")),
            (Gitea, "http://h:3000", "r", None),
            (Gitea, "http://h:3000", "../r", None),
            (Gitea, "http://h:3000", "o/r?x", None),
            (Gitea, "http://h:3000", "o//r", None),
        ] {
            assert_eq!(clone_url(provider, base, name).as_deref(), url, "{name}");
        }
    }
}
