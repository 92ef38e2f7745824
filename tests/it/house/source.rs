//! Reads one Rust file into what the rules look at: the paths it names, its
//! string literals, its modules and functions. It sees tokens, not types: a
//! method call and a name that a macro makes up stay invisible.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Where in a file something stands.
#[derive(Clone, Default)]
pub struct Place {
    pub line: usize,
    /// Path of the module inside the crate, `["api", "v1", "builds"]`.
    pub module: Vec<String>,
    pub function: Option<String>,
    /// Inside `#[cfg(test)]`, `#[test]` or a `tests.rs`.
    pub test: bool,
}

pub struct Named<T> {
    pub place: Place,
    pub what: T,
}

/// A path as written; `Facts::resolve` turns it into one from the crate's root.
pub struct RawPath {
    pub segments: Vec<String>,
    pub import: bool,
    pub glob: bool,
}

#[derive(Default)]
pub struct Facts {
    pub paths: Vec<Named<RawPath>>,
    pub literals: Vec<Named<String>>,
    pub modules: Vec<Named<String>>,
    pub functions: Vec<Named<String>>,
    pub test_lines: Vec<RangeInclusive<usize>>,
    /// What a name means in a module because of a `use`.
    imported: HashMap<(Vec<String>, String), Vec<String>>,
}

impl Facts {
    /// # Errors
    /// If `text` is not made of Rust tokens.
    pub fn read(path: &str, text: &str) -> Result<Self, proc_macro2::LexError> {
        let mut facts = Self::default();
        let test = is_unit_test(path);
        let place = Place { module: module_of(path), test, ..Place::default() };
        facts.walk(TokenStream::from_str(text)?, &place);
        Ok(facts)
    }

    /// The path from the crate's root. A name that is neither imported nor
    /// relative is taken for a child of its module, which is wrong for another
    /// crate's name but harmless: it then stands in its own room.
    pub fn resolve(&self, path: &Named<RawPath>) -> Vec<String> {
        self.resolve_in(&path.place.module, &path.what.segments, 0)
    }

    fn resolve_in(&self, module: &[String], segments: &[String], depth: usize) -> Vec<String> {
        let join = |base: &[String], rest: &[String]| [base, rest].concat();
        let (first, rest) = segments.split_first().expect("a path has a segment");
        match first.as_str() {
            "crate" | "shipmate" => rest.to_vec(),
            "self" => join(module, rest),
            "super" => {
                let parent = &module[..module.len().saturating_sub(1)];
                if rest.is_empty() { parent.to_vec() } else { self.step_up(parent, rest) }
            }
            name => {
                // A test module sees its parent's imports through `super::*`.
                let imported = (0..=module.len())
                    .rev()
                    .find_map(|n| self.imported.get(&(module[..n].to_vec(), name.to_owned())));
                match imported {
                    // `use a::b as a` and the like must not turn for ever.
                    Some(target) if depth < 8 && target.as_slice() != segments => {
                        self.resolve_in(module, &join(target, rest), depth + 1)
                    }
                    _ => join(module, segments),
                }
            }
        }
    }

    /// After one `super`: more of them, or children of that module.
    fn step_up(&self, module: &[String], rest: &[String]) -> Vec<String> {
        match rest[0].as_str() {
            "super" => self.resolve_in(module, rest, 0),
            _ => [module, rest].concat(),
        }
    }

    fn walk(&mut self, stream: TokenStream, place: &Place) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        let mut test = false;
        let mut item: Option<Item> = None;
        while at < tokens.len() {
            let mut here = place.clone();
            here.line = tokens[at].span().start().line;
            if let Some((attribute, next)) = attribute(&tokens, at) {
                test |= marks_test(attribute);
                if !is_doc(attribute) {
                    self.walk(attribute.stream(), &here);
                }
                at = next;
                continue;
            }
            match &tokens[at] {
                TokenTree::Punct(mark) if mark.as_char() == ';' => (item, test) = (None, false),
                TokenTree::Ident(word) if word == "use" && !is_punct(&tokens, at + 1, '<') => {
                    here.test |= test;
                    at = self.read_use(&tokens, at + 1, &here);
                    test = false;
                    continue;
                }
                TokenTree::Ident(word) if word == "mod" || word == "fn" => {
                    if let Some(TokenTree::Ident(name)) = tokens.get(at + 1) {
                        here.test |= test;
                        item = Some(self.open(word == "mod", name.to_string(), here));
                        at += 1;
                    }
                }
                TokenTree::Ident(_) => {
                    at = self.read_path(&tokens, at, &here);
                    continue;
                }
                TokenTree::Literal(literal) => {
                    let what = literal.to_string();
                    if what.contains('"') {
                        self.literals.push(Named { place: here, what });
                    }
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    here.test |= test;
                    self.enter(group, item.take(), here);
                    test = false;
                }
                TokenTree::Group(group) => self.walk(group.stream(), &here),
                TokenTree::Punct(_) => {}
            }
            at += 1;
        }
    }

    fn open(&mut self, is_module: bool, name: String, place: Place) -> Item {
        let named = Named { place, what: name.clone() };
        if is_module {
            self.modules.push(named);
            Item::Module(name)
        } else {
            self.functions.push(named);
            Item::Function(name)
        }
    }

    fn enter(&mut self, group: &Group, item: Option<Item>, mut inside: Place) {
        let outer_is_test = inside.test;
        match item {
            Some(Item::Module(name)) => inside.module.push(name),
            Some(Item::Function(name)) => inside.function = Some(name),
            None => {}
        }
        if outer_is_test {
            self.test_lines.push(inside.line..=group.span_close().end().line);
        }
        self.walk(group.stream(), &inside);
    }

    /// Reads `a::b::c` or a call `a(..)`; returns the index after it.
    fn read_path(&mut self, tokens: &[TokenTree], start: usize, place: &Place) -> usize {
        let mut segments = vec![tokens[start].to_string()];
        let mut at = start + 1;
        while let (true, Some(TokenTree::Ident(name))) =
            (double_colon(tokens, at), tokens.get(at + 2))
        {
            segments.push(name.to_string());
            at += 3;
        }
        let before = start.checked_sub(1).map(|n| tokens[n].to_string());
        let follows = matches!(before.as_deref(), Some("." | ":")) && !spaced_colon(tokens, start);
        let call = matches!(tokens.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
        if !follows && (segments.len() > 1 || call) {
            let what = RawPath { segments, import: false, glob: false };
            self.paths.push(Named { place: place.clone(), what });
        }
        at
    }

    /// Reads a `use` up to its semicolon; returns the index after it.
    fn read_use(&mut self, tokens: &[TokenTree], start: usize, place: &Place) -> usize {
        let end = (start..tokens.len()).find(|&n| is_punct(tokens, n, ';')).unwrap_or(tokens.len());
        self.read_tree(&tokens[start..end], &[], place);
        end + 1
    }

    fn read_tree(&mut self, tokens: &[TokenTree], prefix: &[String], place: &Place) {
        let mut path = prefix.to_vec();
        let mut at = if double_colon(tokens, 0) { 2 } else { 0 };
        let mut alias = None;
        while let Some(token) = tokens.get(at) {
            let here = Place { line: token.span().start().line, ..place.clone() };
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    alias = tokens.get(at + 1).map(ToString::to_string);
                    break;
                }
                TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    for branch in inner.split(|token| token.to_string() == ",") {
                        if !branch.is_empty() {
                            self.read_tree(branch, &path, place);
                        }
                    }
                    return;
                }
                TokenTree::Punct(mark) if mark.as_char() == '*' => {
                    let what = RawPath { segments: path, import: true, glob: true };
                    self.paths.push(Named { place: here, what });
                    return;
                }
                _ => {}
            }
            at += 1;
        }
        let Some(last) = path.last() else { return };
        let name = alias.unwrap_or_else(|| last.clone());
        self.imported.insert((place.module.clone(), name), path.clone());
        let line = tokens.first().map_or(place.line, |token| token.span().start().line);
        let what = RawPath { segments: path, import: true, glob: false };
        self.paths.push(Named { place: Place { line, ..place.clone() }, what });
    }
}

enum Item {
    Module(String),
    Function(String),
}

/// `tests.rs` beside the file that it tests, or a file below such a `tests/`.
pub fn is_unit_test(path: &str) -> bool {
    let inside = path.split_once("src/").map_or("", |(_, inside)| inside);
    inside.ends_with("/tests.rs") || inside.contains("/tests/")
}

/// `src/api/v1/builds.rs` is `["api", "v1", "builds"]`; `src/lib.rs` is `[]`.
pub fn module_of(path: &str) -> Vec<String> {
    let inside = path.split_once("src/").map_or(path, |(_, inside)| inside);
    let mut module: Vec<String> =
        inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    let root = matches!(inside, "lib.rs" | "main.rs");
    if root || module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// The group of an attribute that starts here, and the index after it.
fn attribute(tokens: &[TokenTree], at: usize) -> Option<(&Group, usize)> {
    if !is_punct(tokens, at, '#') {
        return None;
    }
    let at = if is_punct(tokens, at + 1, '!') { at + 2 } else { at + 1 };
    match tokens.get(at) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            Some((group, at + 1))
        }
        _ => None,
    }
}

/// `#[test]`, `#[tokio::test]`, `#[cfg(test)]`, `#[cfg(all(test, unix))]`, but
/// not `#[cfg(not(test))]`.
fn marks_test(attribute: &Group) -> bool {
    let text = attribute.stream().to_string();
    let (name, inside) = text.split_once('(').unwrap_or((&text, ""));
    let says = |word: &str| inside.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    let name = name.trim();
    name.ends_with("test") || (name == "cfg" && says("test") && !says("not"))
}

fn is_doc(attribute: &Group) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "doc")
}

fn is_punct(tokens: &[TokenTree], at: usize, mark: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

fn double_colon(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens, at, ':') && is_punct(tokens, at + 1, ':')
}

/// A single colon before `at`, as in `name: Type`, opens a new path.
fn spaced_colon(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens, at.wrapping_sub(1), ':') && !is_punct(tokens, at.wrapping_sub(2), ':')
}
