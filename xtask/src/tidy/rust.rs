//! A Rust file as the checks see it: its code without comments and literals, and its functions.
//!
//! No parser: what is looked for here needs only words, braces and line numbers.

use std::path::PathBuf;

pub struct Source {
    pub path: PathBuf,
    /// The text as it is.
    pub text: String,
    /// The text with every comment and every literal turned into spaces. Line numbers stay.
    pub code: String,
}

/// A function with a body, by the line of its `fn` and the number of lines up to its last brace.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

impl Source {
    pub fn new(path: PathBuf, text: &str) -> Source {
        Source { path, text: text.to_string(), code: blank(text) }
    }

    /// Tests may be as long as their subject is.
    pub fn is_test(&self) -> bool {
        let in_folder = self.path.components().any(|part| part.as_os_str() == "tests");
        in_folder || self.path.file_name().is_some_and(|name| name == "tests.rs")
    }

    pub fn functions(&self) -> Vec<Function> {
        let words = words(&self.code);
        let starts = words.windows(2).filter_map(|pair| match pair {
            [(_, "fn"), (at, name)] => Some((*at, *name)),
            _ => None,
        });
        starts.filter_map(|(at, name)| self.function(at, name)).collect()
    }

    fn function(&self, at: usize, name: &str) -> Option<Function> {
        let line = line_of(&self.code, at);
        let mut depth = 0usize;
        let mut brackets = 0usize;
        for (offset, byte) in self.code.bytes().enumerate().skip(at) {
            match byte {
                b'(' | b'[' => brackets += 1,
                b')' | b']' => brackets = brackets.saturating_sub(1),
                // A declaration without a body.
                b';' if depth == 0 && brackets == 0 => return None,
                b'{' => depth += 1,
                b'}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        let lines = line_of(&self.code, offset) - line + 1;
                        return Some(Function { name: name.to_string(), line, lines });
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// The line of an offset, counted from 1.
pub fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Identifiers and keywords with their offsets.
pub fn words(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, character) in code.char_indices().chain([(code.len(), ' ')]) {
        let inside = character == '_' || character.is_alphanumeric();
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.extend(code.get(from..at).map(|word| (from, word)));
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// Turns comments and literals into spaces, byte for byte, and keeps the ends of lines.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let previous = at.checked_sub(1).and_then(|before| bytes.get(before)).copied().unwrap_or(b' ');
        let length = literal(rest, previous);
        if length == 0 {
            // What is not ASCII outside a literal is rare, and no check looks at it.
            code.push(rest.first().map_or(' ', |byte| if byte.is_ascii() { char::from(*byte) } else { ' ' }));
            at += 1;
        } else {
            let skipped = rest.iter().take(length);
            code.extend(skipped.map(|byte| if *byte == b'\n' { '\n' } else { ' ' }));
            at += length;
        }
    }
    code
}

/// The length of the comment or literal at the start of `rest`, or 0.
fn literal(rest: &[u8], previous: u8) -> usize {
    let word_before = previous == b'_' || previous.is_ascii_alphanumeric();
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => string(rest, b'"'),
        [b'r', b'"' | b'#', ..] if !word_before => raw_string(rest, 1),
        [b'b', b'r', b'"' | b'#', ..] if !word_before => raw_string(rest, 2),
        [b'\'', b'\\', ..] => string(rest, b'\''),
        [b'\'', ..] => character(rest),
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &[u8], quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.iter().enumerate().skip(1) {
        if escaped {
            escaped = false;
        } else if *byte == b'\\' {
            escaped = true;
        } else if *byte == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#` and so on; 0 for a raw identifier.
fn raw_string(rest: &[u8], prefix: usize) -> usize {
    let hashes = rest.iter().skip(prefix).take_while(|byte| **byte == b'#').count();
    if rest.get(prefix + hashes) != Some(&b'"') {
        return 0;
    }
    let mut end = vec![b'"'];
    end.resize(hashes + 1, b'#');
    let body = prefix + hashes + 1;
    let inside = rest.get(body..).unwrap_or(&[]);
    inside.windows(end.len()).position(|window| window == end).map_or(rest.len(), |at| body + at + end.len())
}

/// A character such as `'x'`; 0 for a lifetime.
fn character(rest: &[u8]) -> usize {
    let text = std::str::from_utf8(rest.get(1..rest.len().min(6)).unwrap_or(&[]));
    let valid = match &text {
        Ok(text) => text,
        // The window may end inside a character; what is before it is enough.
        Err(err) => std::str::from_utf8(rest.get(1..1 + err.valid_up_to()).unwrap_or(&[])).unwrap_or(""),
    };
    let mut characters = valid.chars();
    match (characters.next(), characters.next()) {
        (Some(inside), Some('\'')) => inside.len_utf8() + 2,
        _ => 0,
    }
}
