//! Table patterns: exact names and globs, the most specific wins.

use std::cmp::Reverse;
use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::nearest::suggestion;
use crate::schema::TableName;
use crate::wildcard::{Part, Wildcards};

/// A table name with `*` (any characters) and `?` (one character): `schema.table`, or `table` for a table of the
/// connection's default schema. A part in double quotes is taken as it stands, with `""` for a quote.
///
/// Letters count as written: what a database folds, the connector has folded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    schema: Option<Wildcards>,
    table: Wildcards,
}

/// Greater is more specific.
type Specificity = (bool, usize, usize, Reverse<usize>);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if a part is empty, a quote is not closed, or there are more than two parts.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::new(ErrorKind::Config, format!("`{text}` is not a table pattern: {why}"))
                .hint("write `table` or `schema.table`; `*` and `?` stand for any characters and for one")
        };
        let mut parts = vec![Wildcards::default()];
        let mut quoted = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let part = match c {
                '"' if quoted && chars.next_if_eq(&'"').is_some() => Part::Literal('"'),
                '"' => {
                    quoted = !quoted;
                    continue;
                }
                '.' if !quoted => {
                    parts.push(Wildcards::default());
                    continue;
                }
                '*' if !quoted => Part::Many,
                '?' if !quoted => Part::One,
                c => Part::Literal(c),
            };
            if let Some(last) = parts.last_mut() {
                last.push(part);
            }
        }
        if quoted {
            return Err(wrong("a quote is not closed"));
        }
        if parts.iter().any(Wildcards::is_empty) {
            return Err(wrong("a part is empty"));
        }
        let mut parts = parts.into_iter();
        match (parts.next(), parts.next(), parts.next()) {
            (Some(table), None, _) => Ok(Self { text: text.to_owned(), schema: None, table }),
            (Some(schema), Some(table), None) => Ok(Self { text: text.to_owned(), schema: Some(schema), table }),
            _ => Err(wrong("it has more than two parts")),
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the table is meant. A table without a schema lies in `default_schema`; where that is absent too,
    /// a pattern with a schema means no table without one.
    #[must_use]
    pub fn matches(&self, table: &TableName, default_schema: Option<&str>) -> bool {
        let schema = table.schema.as_deref().or(default_schema);
        let schema_matches = match &self.schema {
            Some(wanted) => schema.is_some_and(|schema| wanted.matches(schema)),
            None => table.schema.is_none() || schema == default_schema,
        };
        schema_matches && self.table.matches(&table.name)
    }

    fn is_exact(&self) -> bool {
        self.count(|part| !matches!(part, Part::Literal(_))) == 0
    }

    fn count(&self, of: fn(Part) -> bool) -> usize {
        self.schema.iter().chain([&self.table]).map(|part| part.count(of)).sum()
    }

    /// An exact name is more specific than any glob, and no exact name more than another; then the pattern with
    /// more literal characters, then the one with more `?`, then the one with fewer `*`.
    fn specificity(&self) -> Specificity {
        let exact = self.is_exact();
        let literals = if exact { 0 } else { self.count(|part| matches!(part, Part::Literal(_))) };
        (exact, literals, self.count(|part| part == Part::One), Reverse(self.count(|part| part == Part::Many)))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Position of the most specific pattern that means the table; absent if none does.
///
/// # Errors
/// [`ErrorKind::Config`] naming both patterns if two are equally specific.
pub fn winner<'p>(
    patterns: impl IntoIterator<Item = &'p Pattern>,
    table: &TableName,
    default_schema: Option<&str>,
) -> Result<Option<usize>> {
    let mut best: Option<(usize, &Pattern)> = None;
    let mut tied: Option<&Pattern> = None;
    for (i, pattern) in patterns.into_iter().enumerate().filter(|(_, p)| p.matches(table, default_schema)) {
        match best.map(|(_, best)| pattern.specificity().cmp(&best.specificity())) {
            None | Some(std::cmp::Ordering::Greater) => (best, tied) = (Some((i, pattern)), None),
            Some(std::cmp::Ordering::Equal) => tied = Some(pattern),
            Some(std::cmp::Ordering::Less) => {}
        }
    }
    match (best, tied) {
        (Some((_, one)), Some(other)) => Err(Error::new(
            ErrorKind::Config,
            format!("the table patterns `{one}` and `{other}` both mean table {table} and neither is more specific"),
        )
        .hint("name the table itself, or make one of the two patterns narrower")),
        (best, _) => Ok(best.map(|(i, _)| i)),
    }
}

/// A pattern that means no table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// The pattern as written.
    pub pattern: String,
    /// The table that was probably meant.
    pub nearest: Option<String>,
    exact: bool,
}

/// `no such table orders; did you mean order?`
impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.exact { "no such table " } else { "no table matches " })?;
        f.write_str(&self.pattern)?;
        self.nearest.as_ref().map_or(Ok(()), |name| write!(f, "; did you mean {name}?"))
    }
}

/// The patterns that mean none of the tables.
#[must_use]
pub fn unmatched<'p>(
    patterns: impl IntoIterator<Item = &'p Pattern>,
    tables: &[TableName],
    default_schema: Option<&str>,
) -> Vec<Unmatched> {
    let found = |p: &&Pattern| !tables.iter().any(|table| p.matches(table, default_schema));
    let one = |pattern: &Pattern| {
        let exact = pattern.is_exact();
        // A pattern without a schema is compared with names without one.
        let names: Vec<String> = tables
            .iter()
            .map(|t| if pattern.schema.is_none() { t.name.to_string() } else { qualified(t, default_schema) })
            .collect();
        let nearest = exact.then(|| crate::nearest::nearest(&pattern.text, names.iter().map(String::as_str)));
        Unmatched { pattern: pattern.text.clone(), nearest: nearest.flatten().map(str::to_owned), exact }
    };
    patterns.into_iter().filter(found).map(one).collect()
}

fn qualified(table: &TableName, default_schema: Option<&str>) -> String {
    match (&table.schema, default_schema) {
        (None, Some(schema)) => format!("{schema}.{}", table.name),
        _ => table.to_string(),
    }
}

/// Which tables are wanted.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Patterns to include; empty means all.
    pub include: Vec<Pattern>,
    /// Patterns to leave out.
    pub exclude: Vec<Pattern>,
}

impl Selection {
    /// Whether the table is wanted: an include pattern means it, and no exclude pattern that is as specific or
    /// more.
    #[must_use]
    pub fn wants(&self, table: &TableName, default_schema: Option<&str>) -> bool {
        let best = |patterns: &[Pattern]| {
            patterns.iter().filter(|p| p.matches(table, default_schema)).map(Pattern::specificity).max()
        };
        match (best(&self.include), best(&self.exclude)) {
            (included, None) => included.is_some() || self.include.is_empty(),
            (None, Some(_)) => false,
            (Some(included), Some(excluded)) => included > excluded,
        }
    }

    /// The include patterns that mean none of the tables.
    #[must_use]
    pub fn unmatched(&self, tables: &[TableName], default_schema: Option<&str>) -> Vec<Unmatched> {
        unmatched(&self.include, tables, default_schema)
    }
}

impl TableName {
    /// Reads `table` or `schema.table`, quoted as in a [`Pattern`], without wildcards.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is not such a name.
    pub fn parse(text: &str) -> Result<Self> {
        let pattern = Pattern::parse(text)?;
        let schema = pattern.schema.as_ref().map(Wildcards::literal);
        match (schema, pattern.table.literal()) {
            (None, Some(name)) => Ok(Self::bare(&name)),
            (Some(Some(schema)), Some(name)) => Ok(Self { schema: Some(schema.into()), name: name.into() }),
            _ => Err(Error::new(ErrorKind::Config, format!("`{text}` is a pattern where one table must be named"))),
        }
    }
}

/// An error for a column that is not there, with the name that was probably meant.
pub(crate) fn no_such_column(column: &str, schema: &crate::schema::TableSchema, kind: ErrorKind) -> Error {
    let near = suggestion(column, schema.columns.iter().map(|c| &*c.name));
    Error::new(kind, format!("table {} has no column {column}{near}", schema.name))
}

#[cfg(test)]
mod tests;
