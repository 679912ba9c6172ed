//! References in the texts of `connections`: `${NAME}`, `${NAME:-default}`, `${file:PATH}`, and `$${` for `${`.
//!
//! - `${NAME}`: environment variable; that it is not set is an error, that it is empty is not.
//! - `${NAME:-default}`: the default if the variable is not set or empty, as in a shell.
//! - `${file:PATH}`: the file's first line. `~/` is the home directory, a relative path is relative to the
//!   configuration file.
//! - `$${`: the two characters `${`. A `$` before anything else stands for itself, so passwords need no escapes.
//!
//! What a reference brings is not looked at again: a password may contain `${`.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use syncline_model::{Error, Result};

use super::place::At;
use super::url::expand_home;

/// Most bytes of a file's first line.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// What the references see of the world; a test brings its own.
pub(super) struct Surroundings<'a> {
    /// The configuration file, named in errors; relative paths start in its directory.
    pub file: &'a Path,
    /// Reads an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
}

/// A text after its references were filled in.
#[derive(Clone)]
pub(super) struct Filled {
    pub text: String,
    /// Whether it contains anything that is not in the file; then no error may repeat any of it.
    pub secret: bool,
}

impl Surroundings<'_> {
    /// The directory of the configuration file.
    pub fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// The home directory.
    pub fn home(&self) -> Option<PathBuf> {
        (self.variable)("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
    }

    /// The text with every reference filled in.
    pub fn fill(&self, written: &At<String>) -> Result<Filled> {
        let mut filled = Filled { text: String::new(), secret: false };
        let mut rest = written.value.as_str();
        while let Some(start) = rest.find("${") {
            let (before, from) = rest.split_at(start);
            if let Some(before) = before.strip_suffix('$') {
                filled.text.push_str(before);
                filled.text.push_str("${");
                rest = from.get(2..).unwrap_or_default();
                continue;
            }
            filled.text.push_str(before);
            let Some((reference, after)) = from.get(2..).and_then(|from| from.split_once('}')) else {
                return Err(self
                    .error(written, "a reference `${` has no closing `}`".into())
                    .hint("for a literal `${` write `$${`"));
            };
            filled.text.push_str(&self.referenced(written, reference)?);
            filled.secret = true;
            rest = after;
        }
        filled.text.push_str(rest);
        Ok(filled)
    }

    fn referenced(&self, written: &At<String>, reference: &str) -> Result<String> {
        if let Some(path) = reference.strip_prefix("file:") {
            return self.first_line(written, path);
        }
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        // Not repeated: `${hunter2!}` may be a password by somebody who took `${…}` for quotes.
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            return Err(self
                .error(written, "a reference is neither `${NAME}`, `${NAME:-default}` nor `${file:PATH}`".into())
                .hint("for a literal `${` write `$${`"));
        }
        let value = (self.variable)(name).map(OsString::into_string);
        match (value, default) {
            (Some(Ok(value)), Some(default)) if value.is_empty() => Ok(default.into()),
            (Some(Ok(value)), _) => Ok(value),
            (Some(Err(_)), _) => Err(self.error(written, format!("environment variable `{name}` is not UTF-8"))),
            (None, Some(default)) => Ok(default.into()),
            (None, None) => Err(self
                .error(written, format!("environment variable `{name}` is not set"))
                .hint(format!("set it, or give a default: `${{{name}:-default}}`"))),
        }
    }

    fn first_line(&self, written: &At<String>, path: &str) -> Result<String> {
        let home = self.home();
        let path = expand_home(path, home.as_deref()).map_err(|why| self.error(written, why.into()))?;
        let path = self.directory().join(path);
        let wrong = |why: &str| self.error(written, format!("file `{}` {why}", path.display()));
        let mut bytes = Vec::new();
        std::fs::File::open(&path)
            .and_then(|file| file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(|e| wrong("cannot be read").caused_by(e))?;
        let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Err(wrong("is referred to, and its first line is empty"));
        }
        if u64::try_from(line.len()).is_ok_and(|bytes| bytes > SECRET_BYTES_MAX) {
            return Err(wrong("is referred to, and its first line is longer than 64 KiB"));
        }
        String::from_utf8(line.to_vec()).map_err(|_| wrong("is referred to, and its first line is not UTF-8"))
    }

    fn error(&self, written: &At<String>, what: String) -> Error {
        written.place.error(self.file, what)
    }
}
