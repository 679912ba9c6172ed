//! From the file's text to [`RawFile`], and from the YAML reader's errors to ours.
//!
//! The reader's own messages are not passed on: some of them repeat the value they stumbled over, which may be a
//! password (I15). Only keys, expected types and places are taken from them.
//!
//! Decided: YAML 1.2. One document. Duplicate keys, unknown tags and merge keys (`<<`, gone since YAML 1.2) are
//! errors. Anchors and aliases work, within limits.

use std::path::Path;

use serde::Deserialize;
use serde_saphyr::Error as YamlError;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use syncline_model::nearest::nearest;
use syncline_model::{Error, Result};

use super::place::{At, Place};
use super::raw::RawFile;
use super::shown::shown;

/// The only version of the format so far.
const VERSION: u32 = 1;

/// Largest configuration file; a larger one is surely something else.
pub(super) const FILE_BYTES_MAX: usize = 1 << 20;

/// Most nodes that aliases may add; a file of this size written by hand has far fewer.
const ALIASED_NODES_MAX: usize = 10_000;

/// Only the version, before everything else: another version may have other keys, and naming the version helps more
/// than naming the first unknown key.
#[derive(Deserialize)]
struct Head {
    version: Option<At<String>>,
}

/// Reads the text of `file`, which is only named in errors.
pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<RawFile> {
    let text = decode(file, bytes)?;
    if text.lines().all(|line| matches!(line.trim_start().chars().next(), None | Some('#'))) {
        return Err(Place::default()
            .error(file, "the configuration file is empty")
            .hint("`syncline init` writes one from your databases"));
    }
    let head: Option<Head> = serde_saphyr::from_str_with_options(text, options()).ok();
    if let Some(version) = head.and_then(|head| head.version)
        && version.value != VERSION.to_string()
    {
        return Err(other_version(file, version.place, &version.value));
    }
    let raw: RawFile = serde_saphyr::from_str_with_options(text, options()).map_err(|e| translate(file, text, &e))?;
    match raw.version {
        At { value: VERSION, .. } => Ok(raw),
        At { value, place } => Err(other_version(file, place, &value.to_string())),
    }
}

fn other_version(file: &Path, place: Place, version: &str) -> Error {
    place
        .error(file, format!("version{} of the configuration format is not known", shown(version)))
        .hint(format!("this syncline reads `version: {VERSION}`"))
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        // Snippets show the lines around, secrets included. Nothing here passes them on; better that there are none.
        with_snippet: false,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: ALIASED_NODES_MAX },
    }
}

fn decode<'a>(file: &Path, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|e| {
        let valid = bytes.get(..e.valid_up_to()).map(String::from_utf8_lossy).unwrap_or_default();
        Place::of_offset(&valid, valid.len())
            .error(file, "the configuration file is not UTF-8")
            .hint("save it as UTF-8 text")
    })
}

/// Our words for what the reader found. Never passes on a value.
fn translate(file: &Path, text: &str, error: &YamlError) -> Error {
    let place = error.location().map(Place::from).unwrap_or_default();
    let at = |what: String| place.error(file, what);
    match error {
        YamlError::WithSnippet { error, .. } | YamlError::AliasError { error, .. } => translate(file, text, error),
        YamlError::SerdeUnknownField { field, expected, .. } => unknown(at, "key", field, expected),
        YamlError::SerdeUnknownVariant { variant, expected, .. } => unknown(at, "word", variant, expected),
        YamlError::SerdeMissingField { field: "version", .. } => {
            at("key `version` is missing".into()).hint(format!("begin the file with `version: {VERSION}`"))
        }
        YamlError::SerdeMissingField { field, .. } => {
            at(format!("key `{field}` is missing")).hint(format!("add `{field}:` to the map that begins here"))
        }
        YamlError::DuplicateMappingKey { key, .. } => {
            at(format!("key{} is written twice", key.as_deref().map(shown).unwrap_or_default()))
                .hint("keep one of the two")
        }
        YamlError::SerdeInvalidType { expected, .. }
        | YamlError::SerdeInvalidValue { expected, .. }
        | YamlError::SerdeInvalidLength { expected, .. } => at(format!("{expected} belongs here")),
        YamlError::Unexpected { expected, .. } => at(format!("{} belongs here", plain(expected))),
        YamlError::InvalidScalar { ty, .. } => at(format!("{} belongs here", plain(ty))),
        YamlError::NullIntoString { .. } => at("a single value belongs here".into()),
        YamlError::MergeKeyNotAllowed { .. } | YamlError::MergeValueNotMapOrSeqOfMaps { .. } => {
            at("merge keys (`<<`) are not part of YAML 1.2".into())
                .hint("write the keys out; aliases of whole values work")
        }
        YamlError::MultipleDocuments { .. } => {
            at("there is a second YAML document".into()).hint("one file holds one configuration; remove the line `---`")
        }
        YamlError::UnsupportedTag { .. } => at("YAML tags (`!…`) have no meaning here".into()).hint("remove the tag"),
        YamlError::UnknownAnchor { .. } => {
            at("this alias (`*…`) has no anchor".into()).hint("put a text that begins with `*` in quotes")
        }
        YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. }
        | YamlError::AliasReplayCounterOverflow { .. }
        | YamlError::Budget { .. } => at("the file is too large or too deeply nested for a configuration".into()),
        _ if indented_by_tab(text, place) => {
            at("a tab is used for indentation".into()).hint("YAML takes only spaces for indentation")
        }
        // The scanner's texts are fixed; none of them repeats a piece of the file.
        YamlError::ExternalMessage { msg, .. } => at(format!("this is not YAML: {msg}")),
        _ => at("this is not valid here".into()),
    }
}

fn unknown(at: impl Fn(String) -> Error, noun: &str, word: &str, known: &[&str]) -> Error {
    let shown = shown(word);
    let list = format!("known here: {}", known.join(", "));
    match nearest(word, known.iter().copied()) {
        Some(near) if !shown.is_empty() => at(format!("unknown {noun}{shown}; did you mean `{near}`?")).hint(list),
        _ => at(format!("unknown {noun}{shown}")).hint(list),
    }
}

/// The reader's names of things, in the words of this file's reader.
fn plain(expected: &str) -> &str {
    match expected {
        "mapping start" => "a map (`key: value`)",
        "sequence start" => "a list",
        "u32" | "u64" => "a whole number",
        "string scalar" | "scalar" => "a single value",
        _ => "something else",
    }
}

/// The scanner complains at the tab, or at the line after it.
fn indented_by_tab(text: &str, place: Place) -> bool {
    let line = |number: u64| usize::try_from(number).ok().and_then(|n| text.lines().nth(n.checked_sub(1)?));
    let tabbed = |line: &str| line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t');
    [place.line, place.line.saturating_sub(1)].into_iter().filter_map(line).any(tabbed)
}
