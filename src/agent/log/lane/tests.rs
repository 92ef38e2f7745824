use super::*;
use crate::agent::scripted_server::Dice;
use crate::model::secret::Secret;

struct Shown {
    lane: Lane,
    masks: Masks,
    text: String,
}

impl Shown {
    fn new(secrets: &[&str]) -> Self {
        let mut masks = Masks::default();
        for secret in secrets {
            masks.add(&Secret::new(*secret));
        }
        Self { lane: Lane::default(), masks, text: String::new() }
    }

    fn push(&mut self, bytes: &[u8]) -> &str {
        let text = &mut self.text;
        self.lane.push(bytes, Instant::now(), &mut self.masks, &mut |t| text.push_str(t));
        &self.text
    }

    fn release(&mut self) -> &str {
        let text = &mut self.text;
        self.lane.release(&mut self.masks, &mut |t| text.push_str(t));
        &self.text
    }

    fn finish(&mut self) -> &str {
        let text = &mut self.text;
        self.lane.finish(&mut self.masks, &mut |t| text.push_str(t));
        &self.text
    }
}

#[test]
fn lines_show_at_once_and_a_prompt_when_released() {
    for secrets in [&[][..], &["hunter22"]] {
        let mut shown = Shown::new(secrets);
        assert_eq!(shown.push(b"one\ntwo"), "one\n");
        assert!(shown.lane.due().is_some());
        assert_eq!(shown.push(b"2\n"), "one\ntwo2\n");
        assert!(shown.lane.due().is_none());
        assert_eq!(shown.push(b"Password: "), "one\ntwo2\n");
        assert_eq!(shown.release(), "one\ntwo2\nPassword: ");
        assert!(shown.lane.due().is_none());
    }
}

#[test]
fn the_time_of_an_unfinished_line_runs_from_its_start() {
    let mut shown = Shown::new(&[]);
    shown.push(b"a");
    let due = shown.lane.due();
    shown.push(b"b");
    assert_eq!(shown.lane.due(), due);
}

#[test]
fn the_start_of_a_secret_is_never_released() {
    let mut shown = Shown::new(&["hunter22"]);
    shown.push(b"key=hunter2");
    assert_eq!(shown.release(), "key=");
    assert_eq!(shown.release(), "key=");
    shown.push(b"2!");
    assert_eq!(shown.release(), "key=********!");
    shown.push(b"hunter");
    assert_eq!(shown.finish(), "key=********!hunter");
}

#[test]
fn a_secret_that_may_grow_is_held_until_decided() {
    let mut shown = Shown::new(&["abcd", "abcdef"]);
    shown.push(b"abcd");
    assert_eq!(shown.release(), "");
    shown.push(b"ef");
    assert_eq!(shown.release(), "********");
}

#[test]
fn a_secret_across_lines_is_held_until_decided() {
    let mut shown = Shown::new(&["first line\nsecond line"]);
    assert_eq!(shown.push(b"first line\n"), "");
    assert_eq!(shown.push(b"sec"), "");
    assert_eq!(shown.push(b"ond line\n"), "********\n********\n");
}

#[test]
fn a_secret_registered_late_covers_what_is_held() {
    let mut shown = Shown::new(&[]);
    shown.push(b"tail hunter22");
    shown.masks.add(&Secret::new("hunter22"));
    assert_eq!(shown.push(b"\n"), "tail ********\n");
}

#[test]
fn an_endless_line_is_not_held() {
    for secrets in [&[][..], &["xxxxxxxy"]] {
        let mut shown = Shown::new(secrets);
        let piece = "x".repeat(10_000);
        for _ in 0..100 {
            shown.push(piece.as_bytes());
            assert!(shown.lane.held.len() <= MAX_HELD + 8);
        }
        assert_eq!(shown.finish().len(), 1_000_000);
    }
}

/// Random text from a small alphabet, so that secrets really occur, overlap
/// and are cut; pushed in random pieces with releases in between.
#[test]
fn random_pieces_read_like_the_whole() {
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let secrets: Vec<String> = (0..dice.up_to(5))
            .map(|_| {
                let length = 4 + dice.up_to(9);
                dice.text(&["a", "b", "é", "\n"], length)
            })
            .collect();
        let names: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let mut shown = Shown::new(&names);
        let mut bytes = Vec::new();
        for _ in 0..dice.up_to(400) {
            match dice.up_to(40) {
                0 => bytes.push(0xC3),
                1 if !secrets.is_empty() => {
                    bytes.extend(secrets[dice.up_to(secrets.len())].as_bytes());
                }
                _ => bytes.extend(dice.text(&["a", "b", "é", "\n", "c"], 1).as_bytes()),
            }
        }
        let expected =
            Shown::new(&names).masks.clean(&String::from_utf8_lossy(&bytes)).into_owned();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + dice.up_to(30)).min(rest.len()));
            shown.push(piece);
            if dice.up_to(4) == 0 {
                shown.release();
            }
            rest = after;
        }
        assert_eq!(shown.finish(), expected, "seed {seed}, secrets {secrets:?}");
    }
}
