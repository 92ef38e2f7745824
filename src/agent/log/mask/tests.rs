use super::*;

fn masks(secrets: &[&str]) -> Masks {
    let mut masks = Masks::default();
    for secret in secrets {
        masks.add(&Secret::new(*secret));
    }
    masks
}

#[test]
fn masks_every_occurrence() {
    let cases: &[(&[&str], &str, &str)] = &[
        (&[], "nothing to hide", "nothing to hide"),
        (&["hunter22"], "a hunter22 b hunter22", "a ******** b ********"),
        (&["abc"], "too short: abc", "too short: abc"),
        (&["  padded\n"], "[padded]", "[********]"),
        (&["abcdef", "defghi"], "xabcdefghix", "x********x"),
        (&["abcd", "abcdef"], "abcdef abcd abcde", "******** ******** ********e"),
        (&["bcde", "abcdefg"], "abcdefg", "********"),
        (&["aaaa"], "baaaaaaaab", "b********b"),
        (&["abcd"], "abcdabcd", "****************"),
        (&["pässword"], "<pässword>", "<********>"),
        (&["one1\ntwo2\nx"], "one1\ntwo2\nx\n", "********\n********\n********\n"),
        (&["one1\ntwo2\nx"], " 1 two2\n 2 x", " 1 ********\n 2 x"),
        (&["one1\r\ntwo2"], "one1\ntwo2", "********\n********"),
    ];
    for (secrets, text, expected) in cases {
        assert_eq!(masks(secrets).clean(text), *expected, "{secrets:?} in {text:?}");
    }
}

#[test]
fn undecided_is_the_longest_begun_secret() {
    let cases: &[(&[&str], &str, usize)] = &[
        (&[], "abc", 3),
        (&["abcdef"], "", 0),
        (&["abcdef"], "xxabc", 2),
        (&["abcdef"], "abcdef", 6),
        (&["abcd", "abcdef"], "xabcd", 1),
        (&["abcd", "abce"], "abcd", 4),
        (&["abcabcd"], "abcabc", 0),
        (&["abcabcd"], "abcabcabc", 3),
        (&["aaaab"], "aaaaaa", 2),
        (&["zzzz", "abcd"], "abzz", 2),
    ];
    for (secrets, text, expected) in cases {
        assert_eq!(masks(secrets).undecided(text), *expected, "{secrets:?} at the end of {text:?}");
    }
}

#[test]
fn many_long_secrets_are_found_too() {
    let long: Vec<String> = (0..40).map(|n| format!("{n:04}{}", "x".repeat(400))).collect();
    let mut masks = Masks::default();
    for secret in &long {
        masks.add(&Secret::new(secret.as_str()));
    }
    for secret in &long {
        assert_eq!(masks.clean(&format!("<{secret}>")), "<********>");
        assert_eq!(masks.undecided(&secret[..300]), 0);
    }
}

#[test]
fn a_hostile_secret_costs_linear_time() {
    let secret = "a".repeat(4000);
    let mut masks = masks(&[&secret]);
    let text = "a".repeat(1 << 20);
    assert_eq!(masks.clean(&text), MASK);
    assert_eq!(masks.undecided(&text), text.len() - secret.len() + 1);
}

/// One form that a tool would print, by number.
fn printed(secret: &str, form: usize) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let percent = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    match form {
        0 => secret.to_owned(),
        1 => STANDARD.encode(secret),
        2 => STANDARD.encode(format!("u:{secret}")),
        3 => URL_SAFE.encode(format!("x{secret}!!")),
        4 => URL_SAFE_NO_PAD.encode(format!("abc{secret}")),
        5 => percent(secret),
        6 => utf8_percent_encode(secret, NON_ALPHANUMERIC)
            .map(|part| if part.starts_with('%') { part.to_lowercase() } else { part.to_owned() })
            .collect(),
        7 => serde_json::to_string(&format!("<{secret}>")).unwrap(),
        8 => format!("'{}'", secret.replace('\'', r"'\''")),
        _ => {
            // As `base64` writes it: folded at 76 characters.
            let text = STANDARD.encode(secret);
            let lines = text.as_bytes().chunks(76);
            lines.map(|line| String::from_utf8_lossy(line) + "\n").collect()
        }
    }
}

/// The first 19 characters in a row of `text` (of a shorter one: all of it) that
/// are shown. Torn base64 may show up to 18 at a tear, see `forms`.
fn leaks(shown: &str, text: &str) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let size = chars.len().min(19);
    chars
        .windows(size.max(1))
        .map(|part| part.iter().collect::<String>())
        .find(|part| part.len() >= MIN_SECRET_BYTES * 2 && shown.contains(part.as_str()))
}

#[test]
fn no_form_of_any_secret_shows_however_it_is_cut() {
    use crate::agent::log::lane::Lane;
    use crate::agent::scripted_server::Dice;
    const LETTERS: [&str; 24] = [
        "a", "B", "7", "q", "Z", "/", "+", "%", "'", "\"", "\\", "$", "`", " ", "é", "中", "-",
        "_", "=", ":", "&", "0", "x", "!",
    ];
    for round in 0..300 {
        let mut dice = Dice::new(round);
        let length = 8 + dice.up_to(if round % 5 == 0 { 300 } else { 40 });
        let secret = format!("S{}e", dice.text(&LETTERS, length));
        let mut masks = masks(&[&secret]);
        let mut lane = Lane::default();
        let now = std::time::Instant::now();
        let mut shown = String::new();
        for form in 0..10 {
            let text = format!("[{form}] {}\n", printed(&secret, form));
            let mut bytes = text.as_bytes();
            while !bytes.is_empty() {
                let (piece, rest) = bytes.split_at(1 + dice.up_to(bytes.len()));
                lane.push(piece, now, &mut masks, &mut |t| shown.push_str(t));
                if dice.up_to(3) == 0 {
                    lane.release(&mut masks, &mut |t| shown.push_str(t));
                }
                bytes = rest;
            }
        }
        lane.finish(&mut masks, &mut |t| shown.push_str(t));
        for form in 0..10 {
            let text = printed(&secret, form);
            for line in text.lines() {
                let leak = leaks(&shown, line);
                assert_eq!(leak, None, "round {round}, form {form} of {secret:?} in:\n{shown}");
            }
        }
    }
}

#[test]
fn the_lines_of_a_key_are_masked_but_not_its_armour() {
    let key =
        "-----BEGIN PRIVATE KEY-----\nMIIfake+fake/1\nAAAAfake2222==\n-----END PRIVATE KEY-----\n";
    let mut masks = masks(&[key]);
    let shown =
        masks.clean("-----BEGIN PRIVATE KEY-----\n> MIIfake+fake/1\n-----END PRIVATE KEY-----");
    assert_eq!(shown, "-----BEGIN PRIVATE KEY-----\n> ********\n-----END PRIVATE KEY-----");
}

#[test]
fn long_words_of_a_secure_file_are_masked() {
    let mut masks = Masks::default();
    masks.add_file(
        br#"{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\nMIIfakefakefakefake\nBBBBfakefakefakefake\n"}
//registry.example.org/:_authToken=npm_fakefakefakefake"#,
    );
    masks.add_file(&[0xff, 0xfe, 0, 1]);
    masks.add_file("binary\0text-of-a-secret-file".as_bytes());
    let shown = masks.clean(
        "type service_account\nMIIfakefakefakefake\n token npm_fakefakefakefake text-of-a-secret-file",
    );
    assert_eq!(shown, "type service_account\n********\n token ******** text-of-a-secret-file");
}
