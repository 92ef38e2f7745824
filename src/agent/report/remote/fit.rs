//! Makes results fit into calls. Pure.

use std::io;

use serde::Serialize;

use crate::model::report::{TargetCoverage, TestResult};
use crate::protocol::{MAX_JSON_BODY, MAX_TESTS_PER_BATCH};

/// JSON of one batch: half of what a call may have, for its other members.
const BATCH_BYTES: usize = MAX_JSON_BODY / 2;

/// Longest message of a test or commit; whole logs end up in there.
const MESSAGE_BYTES: usize = 64 << 10;

/// Longest name, suite, path of a test.
const NAME_BYTES: usize = 4 << 10;

const CUT: &str = "\n[cut]";

/// `message`, shortened where it is too long.
pub fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES));
        message.push_str(CUT);
    }
    message
}

/// Bounds the texts of a test.
pub fn shorten(test: &mut TestResult) {
    test.message = test.message.take().map(cut);
    let names = [&mut test.run, &mut test.target, &mut test.suite, &mut test.name];
    for name in names.into_iter().chain(&mut test.file) {
        name.truncate(name.floor_char_boundary(NAME_BYTES));
    }
}

/// `tests` in order, in batches that a call can carry. No single shortened
/// test is larger than a batch.
pub fn batches(tests: Vec<TestResult>) -> impl Iterator<Item = Vec<TestResult>> {
    let mut rest = tests.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(test) = rest.peek() {
            bytes += json_bytes(test) + 1;
            let full = batch.len() == MAX_TESTS_PER_BATCH || bytes > BATCH_BYTES;
            if full && !batch.is_empty() {
                break;
            }
            batch.extend(rest.next());
        }
        (!batch.is_empty()).then_some(batch)
    })
}

/// Leaves out details until `target` fits into a call; says what.
pub fn reduce(target: &mut TargetCoverage) -> Option<&'static str> {
    if json_bytes(target) <= BATCH_BYTES {
        return None;
    }
    for file in &mut target.files {
        file.functions.clear();
    }
    if json_bytes(target) <= BATCH_BYTES {
        return Some("functions are");
    }
    target.files.clear();
    target.name.truncate(target.name.floor_char_boundary(NAME_BYTES));
    Some("files and functions are")
}

/// Length of `value` as JSON.
fn json_bytes(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // A value that is not JSON could not be sent either; it has no length.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}
