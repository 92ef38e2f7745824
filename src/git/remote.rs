//! Which repository URLs and branch names are given to git at all. Pure
//! judgement of text; starts nothing.
//!
//! git runs helpers named by a URL (`ext::sh -c ..`) and reads anything that
//! starts with a dash as an option, so both are refused before git sees them.

/// Longest URL or branch name that is passed on, in bytes.
const MAX_BYTES: usize = 2_048;
/// Where SSH listens unless the URL says otherwise.
const SSH_PORT: u16 = 22;

/// A clone URL that git may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    url: String,
    transport: Transport,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    /// A folder of this machine, as a path or `file://`.
    Local,
    Network,
}

/// The URL or branch name is not given to git.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the repository URL is {0}")]
    Url(&'static str),
    #[error("the branch name is {0}")]
    Branch(&'static str),
    #[error("the tag name is {0}")]
    Tag(&'static str),
    #[error("the commit is not 40 or 64 hex characters")]
    Commit,
}

impl Remote {
    /// Judges `url`.
    ///
    /// # Errors
    /// `Refused::Url` for everything but `file`, `git`, `ssh`, `http(s)` URLs,
    /// `user@host:path` and absolute paths, and for a URL with a password in
    /// it: git would write that into the checkout's configuration.
    pub fn parse(url: &str) -> Result<Self, Refused> {
        check_text(url).map_err(Refused::Url)?;
        let transport = match url.split_once("://") {
            Some((scheme, rest)) if !scheme.contains('/') => {
                let authority = rest.split('/').next().unwrap_or_default();
                check_authority(authority)?;
                match scheme {
                    "file" if rest.starts_with('/') => Transport::Local,
                    "file" => return Err(Refused::Url("a file URL without an absolute path")),
                    "git" | "ssh" | "http" | "https" => Transport::Network,
                    _ => return Err(Refused::Url("of a transport that is not allowed")),
                }
            }
            _ if url.starts_with('/') => Transport::Local,
            _ => scp_like(url)?,
        };
        Ok(Self { url: url.to_owned(), transport })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// True for a repository on this machine: no network, no mirror needed.
    pub fn is_local(&self) -> bool {
        self.transport == Transport::Local
    }

    /// What git may speak while it works for this remote. A repository from
    /// the network must not name a folder of this machine as its submodule.
    pub fn allowed_protocols(&self) -> &'static str {
        if self.is_local() { "file:git:ssh:https:http" } else { "git:ssh:https:http" }
    }

    /// `scheme` and `host[:port]` of an HTTP remote, for its credential.
    pub fn http_host(&self) -> Option<(&str, &str)> {
        let (scheme, rest) = self.url.split_once("://")?;
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        let authority = rest.split('/').next()?;
        Some((scheme, authority.rsplit('@').next().unwrap_or(authority)))
    }

    /// Host and port of an SSH remote.
    pub fn ssh_host(&self) -> Option<(&str, u16)> {
        let authority = match self.url.split_once("://") {
            Some(("ssh", rest)) => rest.split('/').next()?,
            Some(_) => return None,
            None if self.is_local() => return None,
            None => return Some((scp_host(&self.url)?, SSH_PORT)),
        };
        let host = authority.rsplit('@').next()?;
        // An IPv6 address stands in brackets.
        let (name, rest) = match host.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => host.split_at(host.find(':').unwrap_or(host.len())),
        };
        let port = match rest.strip_prefix(':') {
            None | Some("") => SSH_PORT,
            Some(port) => port.parse().ok()?,
        };
        (!name.is_empty()).then_some((name, port))
    }

    /// `owner/repo` as far as the URL tells (EXE-16).
    pub fn slug(&self) -> String {
        let path = match self.url.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None if self.is_local() => &self.url,
            None => self.url.rsplit(':').next().unwrap_or_default(),
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        parts[parts.len().saturating_sub(2)..].join("/")
    }
}

fn check_text(text: &str) -> Result<(), &'static str> {
    match text {
        "" => Err("empty"),
        _ if text.len() > MAX_BYTES => Err("too long"),
        _ if text.starts_with('-') => Err("not allowed to start with a dash"),
        _ if text.chars().any(char::is_control) => Err("not allowed to hold control characters"),
        _ => Ok(()),
    }
}

fn check_authority(authority: &str) -> Result<(), Refused> {
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains(':') {
        return Err(Refused::Url("not allowed to hold a password; store it as a credential"));
    }
    // An unencoded slash in a password would make its first part the port, and
    // leave the rest in the path, where everybody sees it.
    let port = match host.rsplit_once(']') {
        Some((_, rest)) => rest.strip_prefix(':'),
        None => host.split_once(':').map(|(_, port)| port),
    };
    if port.is_some_and(|port| !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(Refused::Url("not allowed to have a port that is no number"));
    }
    // ssh would read such a host or user as an option.
    if host.starts_with('-') || user.starts_with('-') {
        return Err(Refused::Url("not allowed to have a host that starts with a dash"));
    }
    Ok(())
}

fn scp_host(url: &str) -> Option<&str> {
    let host = url.split(':').next()?.rsplit('@').next()?;
    (!host.is_empty()).then_some(host)
}

/// `user@host:path`, git's short form of ssh.
fn scp_like(url: &str) -> Result<Transport, Refused> {
    // `ext::..` and its like: a helper program named by the URL.
    let helper = url.split_once("::").is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
    });
    if helper {
        return Err(Refused::Url("of a transport that is not allowed"));
    }
    match url.split_once(':') {
        Some((host, _)) if !host.contains('/') && !host.is_empty() => {
            check_authority(host)?;
            Ok(Transport::Network)
        }
        _ => Err(Refused::Url("neither an absolute path nor a URL")),
    }
}

/// Holds a branch name to git's own rules (`git check-ref-format --branch`).
///
/// # Errors
/// `Refused::Branch` with the rule that it breaks.
pub fn check_branch(name: &str) -> Result<(), Refused> {
    check_ref(name).map_err(Refused::Branch)
}

/// As `check_branch`, for a tag.
///
/// # Errors
/// `Refused::Tag` with the rule that it breaks.
pub fn check_tag(name: &str) -> Result<(), Refused> {
    check_ref(name).map_err(Refused::Tag)
}

fn check_ref(name: &str) -> Result<(), &'static str> {
    check_text(name)?;
    let wrong_part = name.split('/').any(|part| {
        part.is_empty() || part.starts_with('.') || part.ends_with(".lock") || part.ends_with('.')
    });
    let wrong_text = name.contains("..") || name.contains("@{") || name == "@" || name == "HEAD";
    if wrong_part || wrong_text || name.chars().any(|c| " ~^:?*[\\".contains(c)) {
        return Err("not one that git allows");
    }
    Ok(())
}

/// # Errors
/// `Refused::Commit` unless the text is a complete object name.
pub fn check_commit(sha: &str) -> Result<(), Refused> {
    let complete = matches!(sha.len(), 40 | 64) && sha.bytes().all(|b| b.is_ascii_hexdigit());
    if complete { Ok(()) } else { Err(Refused::Commit) }
}

#[cfg(test)]
mod tests;
