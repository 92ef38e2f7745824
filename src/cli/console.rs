//! What a command sees of the world around it: output, input, environment and
//! working directory. Commands never touch the process's own, so that tests
//! run them with buffers.

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;

use super::failure::{Failure, Result};
use super::render::{Filter, plain};
use crate::config::Environment;

/// Longest token or value read from standard input.
const MAX_INPUT: u64 = 1 << 20;

pub struct Console {
    pub out: Box<dyn Write + Send>,
    pub err: Box<dyn Write + Send>,
    pub input: Box<dyn Read + Send>,
    pub env: Environment,
    pub cwd: PathBuf,
    /// Standard output understands colours and wants them.
    pub colour: bool,
    /// Standard output is a terminal: text of others is filtered.
    pub terminal: bool,
    /// Standard error is a terminal: progress may be drawn.
    pub progress: bool,
    /// Standard input is a terminal: a question is due before reading.
    pub ask: bool,
}

impl Console {
    /// The streams and environment of this process.
    pub fn of_process() -> io::Result<Self> {
        let env = Environment::of_process();
        let terminal = io::stdout().is_terminal();
        let dumb = env.get("TERM").is_some_and(|term| term == "dumb");
        Ok(Self {
            colour: terminal && !dumb && env.get("NO_COLOR").is_none(),
            terminal,
            progress: io::stderr().is_terminal() && !dumb,
            ask: io::stdin().is_terminal(),
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            input: Box::new(io::stdin()),
            env,
            cwd: std::env::current_dir()?,
        })
    }

    /// Writes the answer of a command.
    pub fn print(&mut self, text: &str) -> Result {
        self.out.write_all(text.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// Writes the API's JSON as it came, on lines of its own.
    pub fn print_json(&mut self, text: &str) -> Result {
        self.print(&format!("{}\n", text.trim_end()))
    }

    /// Writes a line beside the answer, to standard error.
    pub fn note(&mut self, text: &str) {
        // A closed standard error must not stop the command.
        let _ = writeln!(self.err, "{}", plain(text));
    }

    /// A filter for text of others: only a terminal acts on control codes.
    pub fn filter(&self) -> Filter {
        Filter::new(self.terminal, self.colour)
    }

    /// Reads a value from standard input without the newline at its end.
    pub fn read_input(&mut self, question: &str) -> Result<String> {
        let mut bytes = Vec::new();
        let read = if self.ask {
            let _ = write!(self.err, "{question}: ").and_then(|()| self.err.flush());
            read_line(&mut self.input, &mut bytes)
        } else {
            (&mut self.input).take(MAX_INPUT + 1).read_to_end(&mut bytes).map(|_| ())
        };
        read.map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
        if bytes.len() as u64 > MAX_INPUT {
            return Err(Failure::failed(format!(
                "standard input holds more than {MAX_INPUT} bytes; is it the right file?"
            )));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::failed("standard input is not valid UTF-8"))?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
    }
}

/// Reads one line, byte by byte: what a person types after it is not ours.
fn read_line(input: &mut dyn Read, line: &mut Vec<u8>) -> io::Result<()> {
    let mut byte = [0];
    while line.len() as u64 <= MAX_INPUT && input.read(&mut byte)? == 1 {
        line.push(byte[0]);
        if byte[0] == b'\n' {
            break;
        }
    }
    Ok(())
}
