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
