//! Where the outside world shows what a build was made from.

use crate::git::providers::host_and_path;

/// Web page of a commit at a provider whose addresses are known; `""` else.
pub fn commit_page(repo_url: &str, sha: &str) -> String {
    let Some((host, path)) = host_and_path(repo_url) else { return String::new() };
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    if sha.is_empty() || path.is_empty() {
        return String::new();
    }
    match host {
        "github.com" => format!("https://{host}/{path}/commit/{sha}"),
        "gitlab.com" => format!("https://{host}/{path}/-/commit/{sha}"),
        "bitbucket.org" => format!("https://{host}/{path}/commits/{sha}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commit_pages_of_known_hosts_only() {
        let cases = [
            ("git@github.com:o/r.git", "https://github.com/o/r/commit/abc"),
            ("https://github.com/o/r", "https://github.com/o/r/commit/abc"),
            ("ssh://git@gitlab.com:22/g/s/r.git", "https://gitlab.com/g/s/r/-/commit/abc"),
            ("https://bitbucket.org/o/r.git", "https://bitbucket.org/o/r/commits/abc"),
            ("https://git.example.com/o/r.git", ""),
            ("file:///srv/r.git", ""),
            ("/srv/r.git", ""),
        ];
        for (url, page) in cases {
            assert_eq!(commit_page(url, "abc"), page, "{url}");
            assert_eq!(commit_page(url, ""), "", "{url}");
        }
    }
}
