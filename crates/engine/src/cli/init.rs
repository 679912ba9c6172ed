//! `syncline init`: a configuration file written from live databases.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use syncline_model::pattern::Selection;
use syncline_model::{Error, ErrorKind, Result};

use super::check::{key_of, key_text};
use super::output::counted;
use super::{Context, Outcome};
use crate::config::{self, ConnectionUrl, DEFAULT_FILE};
use crate::connector::Description;

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The source: a URL or a file
    from: String,
    /// The sink
    to: String,
}

pub async fn init(context: &Context, args: InitArgs) -> Result<Outcome> {
    let path = context.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let from = context.endpoint(None, &args.from)?;
    // The sink need not exist; its name must be good.
    context.endpoint(None, &args.to)?;
    let (from_url, to_url) = (url_text(&args.from, &path)?, url_text(&args.to, &path)?);
    let description = from.connector.describe(&Selection::default()).await?;
    let (mut source, mut sink) = (short_name(&args.from), short_name(&args.to));
    if source == sink {
        (source, sink) = ("source".into(), "sink".into());
    }
    let text = file_text((&source, &from_url), (&sink, &to_url), &description);
    write_new(&path, &text)?;
    let out = context.out;
    out.line(format!("wrote {} with {}", path.display(), counted(description.tables.len() as u64, "table")));
    let named = context.config.as_ref().map_or(String::new(), |path| format!(" --config {}", path.display()));
    out.line(format!("next: `syncline{named} check`, `syncline{named} plan`, then `syncline{named} run`"));
    out.document(&json!({ "file": path.display().to_string(), "tables": description.tables.len() }));
    Ok(Outcome::Done)
}

fn file_text(from: (&str, &str), to: (&str, &str), description: &Description) -> String {
    let mut text = String::from("version: 1\nconnections:\n");
    for (name, url) in [from, to] {
        let _ = writeln!(text, "  {}: {}", quoted(name), quoted(url));
    }
    let (source, sink) = (quoted(from.0), quoted(to.0));
    let _ = write!(text, "jobs:\n  {}-to-{}:\n    from: {source}\n    to: {sink}\n", from.0, to.0);
    text.push_str(
        "    # upsert: rows are inserted or replaced by key, others stay; truncate: each table is replaced\n",
    );
    text.push_str("    mode: upsert\n");
    // A list that names no table would be refused.
    let listed = description.tables.iter().any(|t| key_of(t).is_some());
    text.push_str(if listed { "    tables:\n" } else { "    # tables:\n" });
    for table in &description.tables {
        let name = quoted(&pattern_text(&table.name.to_string()));
        let about = format!("{}, {}", counted(table.columns.len() as u64, "column"), key_text(table));
        let about = about.replace(char::is_control, " ");
        if key_of(table).is_none() {
            let _ = writeln!(text, "      # {name}: {{key: [COLUMN]}}  # {about}: name one to copy it");
        } else {
            let _ = writeln!(text, "      {name}: {{}}  # {about}");
        }
    }
    for (table, reason) in &description.skipped {
        let _ = writeln!(text, "      # not a table: {}: {reason}", quoted(&table.to_string()));
    }
    text
}

/// A database as the file at `config` names it: without its password, and found from where the file lies.
fn url_text(word: &str, config: &Path) -> Result<String> {
    let url = match config::name_or_url(None, word)?.url {
        ConnectionUrl::Sqlite(path) if config.parent().is_some_and(|p| !p.as_os_str().is_empty()) => {
            ConnectionUrl::Sqlite(std::path::absolute(&path).unwrap_or(path))
        }
        url => url,
    };
    Ok(url.to_string().replace("${", "$${"))
}

/// A table's name as a pattern that means only it.
fn pattern_text(name: &str) -> String {
    if name.contains(['.', '*', '?', '"']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

/// A YAML scalar; plain where that is safe.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
        );
    // JSON strings are YAML strings.
    if plain { text.to_owned() } else { json!(text).to_string() }
}

/// The file's or database's own name, as a connection may be called.
fn short_name(url: &str) -> String {
    let rest = url.split_once(':').map_or(url, |(_, rest)| rest);
    let stem = Path::new(rest).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("db_{name}") }
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    let refuse = |e: std::io::Error| {
        let shown = path.display().to_string();
        if e.kind() == std::io::ErrorKind::AlreadyExists {
            Error::new(ErrorKind::Config, "the file is already there; nothing was written")
                .at("file", shown)
                .hint("remove it first, or name another with `--config FILE`")
        } else {
            Error::new(ErrorKind::Denied, "the file cannot be written").at("file", shown).caused_by(e)
        }
    };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(refuse)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(refuse)
}
