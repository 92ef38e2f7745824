//! Places in source code that the text of a failure names: frames of Java,
//! JavaScript, Python and Dart stack traces, and the `path:line` with which
//! most tools begin a complaint. May not look for the files: many a place is
//! in a library, or no place at all.

use crate::java::read_frame;
use crate::limits::Limits;

/// Places of one text. The first that is a file of the project is wanted; it is
/// rarely further down.
const MAX_PLACES: usize = 64;

/// A line of a file, as a text names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Absolute, relative to wherever its writer ran, or the end of a path:
    /// `com/example/Cart.kt`, `Cart.kt`.
    pub path: String,
    /// From 1.
    pub line: u32,
}

/// The places that `text` names, in the order of the text.
pub fn find_places(text: &str, limits: &Limits) -> Vec<Place> {
    let end = text.floor_char_boundary(limits.max_text);
    let mut places = Vec::new();
    for line in text[..end].lines() {
        if let Some(place) = of_java(line, limits).or_else(|| of_python(line)) {
            places.push(place);
        } else {
            places.extend(of_words(line));
        }
        if places.len() >= MAX_PLACES {
            break;
        }
    }
    places.retain(|place| place.line > 0 && place.path.len() <= limits.max_name());
    places.truncate(MAX_PLACES);
    places
}

/// `at com.example.Cart.pay(Cart.kt:12)`: the file is in the folder of the
/// package.
fn of_java(line: &str, limits: &Limits) -> Option<Place> {
    let frame = read_frame(line.trim().strip_prefix("at ")?, limits)?;
    let (file, line) = (frame.file?, frame.line?);
    let extension = file.rsplit_once('.')?.1;
    if file.contains(['/', '\\', ':'])
        || !matches!(extension, "java" | "kt" | "kts" | "scala" | "groovy")
    {
        return None;
    }
    let path = match frame.class.rsplit_once('.') {
        Some((package, _)) => format!("{}/{file}", package.replace('.', "/")),
        None => file,
    };
    Some(Place { path, line })
}

/// `File "tests/test_cart.py", line 12, in test_pay`
fn of_python(line: &str) -> Option<Place> {
    let (path, rest) = line.trim().strip_prefix("File \"")?.split_once("\", line ")?;
    Some(Place { path: path.to_owned(), line: number_at(rest)? })
}

/// `src/cart.js:12:5`, `/work/Cart.swift:12: error`, `test/cart_test.dart 12:5`.
fn of_words(line: &str) -> impl Iterator<Item = Place> {
    line.match_indices(':').filter_map(|(colon, _)| {
        let before = &line[..colon];
        let word = last_word(before);
        if has_extension(word) {
            return Some(Place { path: absolute(word), line: number_at(&line[colon + 1..])? });
        }
        let path = last_word(before[..before.len() - word.len()].trim_end_matches(' '));
        let is_dart = path.ends_with(".dart") && number_at(&line[colon + 1..]).is_some();
        let number = word.parse().ok().filter(|_| is_dart)?;
        Some(Place { path: path.to_owned(), line: number })
    })
}

/// What a path is spelt with at the end of `text`; spaces end it.
fn last_word(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || "_-./\\@+$~".contains(c);
    let start = text.char_indices().rev().take_while(|(_, c)| is_part(*c)).last();
    start.map_or("", |(start, _)| &text[start..])
}

/// Tells `Cart.swift` from the hour of a time and a version.
fn has_extension(word: &str) -> bool {
    word.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (1..=10).contains(&extension.len())
            && extension.starts_with(|c: char| c.is_ascii_alphabetic())
            && extension.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// Without the slashes of `file:///`.
fn absolute(word: &str) -> String {
    match word.strip_prefix("//") {
        Some(rest) => format!("/{}", rest.trim_start_matches('/')),
        None => word.to_owned(),
    }
}

/// The number that `text` begins with.
fn number_at(text: &str) -> Option<u32> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let places = find_places(text, &Limits::default());
        places.into_iter().map(|place| format!("{} {}", place.path, place.line)).collect()
    }

    #[test]
    fn frames_and_complaints_of_many_tools() {
        let java = "java.lang.AssertionError: expected:<1> but was:<2>\n\tat org.junit.Assert.fail(Assert.java:88)\n\tat com.example.CartTest.pays(CartTest.kt:12)\n\tat sun.reflect.X.invoke0(Native Method)";
        assert_eq!(found(java), ["org/junit/Assert.java 88", "com/example/CartTest.kt 12"]);
        let jest = "Error: expect(received).toBe(expected)\n    at Object.<anonymous> (src/cart.test.js:5:10)\n    at /work/node_modules/jest/build/run.js:12:3\n    at file:///work/a.mjs:7:1";
        assert_eq!(
            found(jest),
            ["src/cart.test.js 5", "/work/node_modules/jest/build/run.js 12", "/work/a.mjs 7"]
        );
        let python = "Traceback:\n  File \"tests/my test.py\", line 7, in test_pay\ntests/test_cart.py:9: AssertionError";
        assert_eq!(found(python), ["tests/my test.py 7", "tests/test_cart.py 9"]);
        assert_eq!(found("/w/Tests/Cart Tests.swift:12: error"), ["Tests.swift 12"]);
        assert_eq!(found("src/cart.cc:31: Failure"), ["src/cart.cc 31"]);
        assert_eq!(found("test/cart_test.dart 12:5  main.<fn>"), ["test/cart_test.dart 12"]);
    }

    #[test]
    fn what_is_no_place() {
        for text in ["at 10:20:30", "v1.2:3", "key:12", "a.b.:3", ".x:4", "Cart.swift:x", "", ":"] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
        assert_eq!(found("a.rs:0 b.rs:99999999999999"), [""; 0]);
        let many = "a.rs:1 ".repeat(1_000);
        assert_eq!(find_places(&many, &Limits::default()).len(), 64);
    }
}
