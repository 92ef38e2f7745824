//! Patterns of selective builds: gitignore's, but anchored at the root of the
//! repository (EVL-8). As there, a pattern that matches a folder matches
//! everything in it, and the last pattern that matches decides.

use globset::{GlobBuilder, GlobMatcher};

/// A list of patterns in their order.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    glob: GlobMatcher,
    /// `!`: files that it matches do not match the list.
    negated: bool,
    /// A trailing slash: only what is below such a folder.
    only_folders: bool,
}

/// A line that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{pattern}\" is not a pattern: {problem}")]
pub struct WrongPattern {
    pub pattern: String,
    pub problem: String,
}

impl Patterns {
    /// Reads a stored list; what is no pattern matches nothing.
    pub fn read<S: AsRef<str>>(lines: &[S]) -> Self {
        let rules = lines.iter().filter_map(|line| parse_line(line.as_ref()));
        Self { rules: rules.filter_map(Result::ok).collect() }
    }

    /// Reads a list. Empty lines and `# comments` are no patterns; `\#` and
    /// `\!` start one with that character.
    ///
    /// # Errors
    /// `WrongPattern` for the first that cannot be read.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Self, WrongPattern> {
        let rules: Result<Vec<_>, _> =
            lines.iter().filter_map(|line| parse_line(line.as_ref())).collect();
        Ok(Self { rules: rules? })
    }

    /// True if the list matches this file, a path from the root.
    pub fn matches(&self, file: &str) -> bool {
        let decides = |rule: &&Rule| rule.matches(file);
        self.rules.iter().rev().find(decides).is_some_and(|rule| !rule.negated)
    }
}

impl Rule {
    fn matches(&self, file: &str) -> bool {
        let folder = file.match_indices('/').any(|(end, _)| self.glob.is_match(&file[..end]));
        folder || (!self.only_folders && self.glob.is_match(file))
    }
}

fn parse_line(line: &str) -> Option<Result<Rule, WrongPattern>> {
    let line = line.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    let text = trim_unescaped(line);
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    let (negated, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (only_folders, text) = match text.strip_suffix('/') {
        Some(rest) if !rest.ends_with('\\') => (true, rest),
        _ => (false, text),
    };
    let text = text.trim_start_matches('/');
    if text.is_empty() {
        return None;
    }
    let glob = GlobBuilder::new(&without_braces(text))
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    Some(match glob {
        Ok(glob) => Ok(Rule { glob: glob.compile_matcher(), negated, only_folders }),
        Err(error) => {
            Err(WrongPattern { pattern: line.to_owned(), problem: error.kind().to_string() })
        }
    })
}

/// Without the spaces at the end, unless a backslash keeps one.
fn trim_unescaped(line: &str) -> &str {
    let trimmed = line.trim_end_matches([' ', '\t']);
    if trimmed.ends_with('\\') && trimmed.len() < line.len() {
        &line[..=trimmed.len()]
    } else {
        trimmed
    }
}

/// gitignore knows no `{a,b}`: braces stand for themselves.
fn without_braces(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    let mut in_class = false;
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                out.push(c);
                out.extend(characters.next());
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '{' | '}' if !in_class => {
                out.extend(['[', c, ']']);
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_pattern() {
        // (patterns, files that match, files that do not)
        let cases: &[(&[&str], &[&str], &[&str])] = &[
            (&["README.md"], &["README.md"], &["docs/README.md", "README.mdx", "readme.md"]),
            (&["**/README.md"], &["README.md", "docs/README.md", "a/b/README.md"], &["README"]),
            (&["ios/**"], &["ios/a", "ios/b/c.m"], &["ios", "android/ios/a"]),
            (&["**/*.java"], &["A.java", "a/b/C.java"], &["a/b/C.javac", "A.kt"]),
            (&["ios/**/*.[mh]"], &["ios/a.m", "ios/b/c/d.h"], &["ios/a.mm", "a.m", "x/ios/a.m"]),
            (&["ios/*.[mh]"], &["ios/a.m", "ios/a.h"], &["ios/b/a.m", "a.m", "ios/a.c"]),
            (
                &["configs/server[0-2].ini"],
                &["configs/server0.ini", "configs/server1.ini", "configs/server2.ini"],
                &["configs/server3.ini", "configs/server.ini", "x/configs/server0.ini"],
            ),
            (&["?.txt"], &["a.txt"], &["ab.txt", "b/a.txt", "/.txt"]),
            (&["/docs/a.md"], &["docs/a.md"], &["x/docs/a.md"]),
            (&["docs/"], &["docs/a.md", "docs/b/c"], &["docs", "x/docs/a"]),
            (&["docs"], &["docs/a.md", "docs"], &["x/docs/a", "docs.md"]),
            (&["**/build/"], &["build/a", "x/build/y/z"], &["build", "x/build"]),
            (&["*.md"], &["a.md"], &["docs/a.md"]),
            (&["docs/**", "!docs/api.md"], &["docs/a.md"], &["docs/api.md"]),
            (&["!docs/api.md", "docs/**"], &["docs/a.md", "docs/api.md"], &["a"]),
            (&["**", "!src/", "src/gen/**"], &["a", "src/gen/x"], &["src/x", "src/a/b"]),
            (&["# a comment", "", "   ", "a"], &["a"], &["# a comment", "b"]),
            (&[r"\#a", r"\!b"], &["#a", "!b"], &["a", "b"]),
            (&["a "], &["a"], &["a "]),
            (&[r"a\ "], &["a "], &["a", r"a\"]),
            (&["{a,b}"], &["{a,b}"], &["a", "b"]),
            (&["[{}]x"], &["{x", "}x"], &["x"]),
            (&[], &[], &["a"]),
            (&["!a"], &[], &["a", "b"]),
            (&["/", "//"], &[], &["a"]),
        ];
        for (lines, matching, others) in cases {
            let patterns = Patterns::parse(lines).unwrap();
            for file in *matching {
                assert!(patterns.matches(file), "{lines:?} must match {file}");
            }
            for file in *others {
                assert!(!patterns.matches(file), "{lines:?} must not match {file}");
            }
        }
    }

    #[test]
    fn wrong_patterns_are_named() {
        let wrong = Patterns::parse(&["ok", "a[b"]).unwrap_err();
        assert_eq!(wrong.pattern, "a[b");
        assert!(Patterns::parse(&["[z-a]"]).is_err());
    }
}
