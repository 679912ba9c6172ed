//! A database named on the command line: a connection's name, a URL, or a file.

use std::ffi::OsString;
use std::path::Path;

use syncline_model::{Error, ErrorKind, Result};

use super::resolve::no_such_connection;
use super::shown::shown;
use super::url::{UrlProblem, is_name, is_scheme_word};
use super::{ConnectionSpec, ConnectionUrl, DEFAULT_FILE, Plan, Scheme, Secret};

/// What a plain word must end in to be taken for a SQLite file that does not exist yet.
const FILE_ENDINGS: [&str; 4] = [".db", ".sqlite", ".sqlite3", ".db3"];

/// The database that `word` means, looked for in this order: a connection of `plan`, the environment variable
/// `SYNCLINE_CONN_<NAME>` (upper case, `-` as `_`) that holds a URL, a URL, a file.
///
/// # Errors
/// [`ErrorKind::Config`] if it is none of these; never with a password in it.
pub fn name_or_url(plan: Option<&Plan>, word: &str) -> Result<ConnectionSpec> {
    choose(plan, word, &|name| std::env::var_os(name))
}

/// [`name_or_url`] with the environment from outside.
pub(super) fn choose(
    plan: Option<&Plan>,
    word: &str,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<ConnectionSpec> {
    if let Some(spec) = plan.and_then(|plan| plan.connections.get(word)) {
        return Ok(spec.clone());
    }
    let home = variable("HOME").map(std::path::PathBuf::from);
    if is_name(word) {
        let name = format!("SYNCLINE_CONN_{}", word.to_uppercase().replace('-', "_"));
        if let Some(value) = variable(&name) {
            let problem = |problem: UrlProblem| {
                let (what, hint) = problem.told(true);
                Error::new(ErrorKind::Config, what).at("environment variable", &name).hint(hint)
            };
            let text = value.to_str().ok_or_else(|| problem(UrlProblem::NoScheme))?;
            let (url, password) = ConnectionUrl::parse(text, home.as_deref()).map_err(problem)?;
            return Ok(ConnectionSpec { name: word.into(), url, password });
        }
    }
    let known: Vec<&str> = plan.into_iter().flat_map(|plan| plan.connections.keys()).map(String::as_str).collect();
    let (url, password) = ConnectionUrl::from_argument(word, home.as_deref(), &known)?;
    Ok(ConnectionSpec { name: url.to_string(), url, password })
}

impl ConnectionUrl {
    /// Reads a word of the command line that is no connection's name: a URL, or a path to a SQLite file. A path exists
    /// as a file, contains a separator, or ends in `.db`, `.sqlite`, `.sqlite3` or `.db3`.
    ///
    /// `known` are the connections' names, for the error.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]; never with a password in it.
    pub fn from_argument(word: &str, home: Option<&Path>, known: &[&str]) -> Result<(Self, Option<Secret>)> {
        let before_colon = word.split_once(':').map(|(before, _)| before).filter(|before| is_scheme_word(before));
        let known_scheme = before_colon.is_some_and(|before| Scheme::of_word(before).is_some());
        if !known_scheme && (Path::new(word).is_file() || before_colon.is_none() && looks_like_path(word)) {
            let url = Self::sqlite(word, home).map_err(|why| Error::new(ErrorKind::Config, why))?;
            return Ok((url, None));
        }
        if before_colon.is_some() {
            return Self::parse(word, home).map_err(|problem| {
                let (what, hint) = problem.told(false);
                Error::new(ErrorKind::Config, what).hint(hint)
            });
        }
        let error = no_such_connection(word, known.iter().copied(), |what| Error::new(ErrorKind::Config, what));
        let file = match shown(word).trim() {
            "" => "a file is written `./NAME`".into(),
            shown => format!("a file would be `./{}", shown.trim_start_matches('`')),
        };
        Err(match known {
            [] => error.hint(file),
            _ => error.hint(format!("connections in {DEFAULT_FILE} are {}; {file}", known.join(", "))),
        })
    }
}

fn looks_like_path(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    word.contains(std::path::is_separator) || FILE_ENDINGS.iter().any(|ending| lower.ends_with(ending))
}
