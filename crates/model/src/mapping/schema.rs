//! The schemas of a mapping: which columns are read and written, under which names, with which key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Mapping, Rule};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filter;
use crate::pattern::no_such_column;
use crate::schema::{ForeignKey, Index, TableName, TableSchema};

pub(super) fn plan(source: &TableSchema, rule: &Rule) -> Result<Mapping> {
    let excluded = positions(source, rule.exclude.iter())?;
    let renamed = positions(source, rule.columns.keys())?;
    if let Some(column) = renamed.iter().find(|c| excluded.contains(c)).and_then(|&c| source.columns.get(c)) {
        return Err(Error::new(ErrorKind::Config, format!("column {} is renamed and left out at once", column.name)));
    }
    let kept: Vec<usize> = (0..source.columns.len()).filter(|c| !excluded.contains(c)).collect();
    if kept.is_empty() {
        return Err(Error::new(ErrorKind::Config, "every column is left out"));
    }
    let key = key(source, rule, &excluded)?;

    let filter_text = rule.filter.as_deref();
    let mut wanted: BTreeSet<usize> = kept.iter().copied().collect();
    if let Some(text) = filter_text {
        wanted.extend(Filter::parse(text, source)?.columns());
    }
    let wanted: Vec<usize> = wanted.into_iter().collect();
    let read = picked(source, &wanted, &key);
    let mut write = picked(source, &kept, &key);
    write.key_unique = is_unique(source, &key);
    write.indexes.retain(|index| index.columns != write.key || !index.unique);
    rename(&mut write, rule)?;
    if let Some(to) = &rule.to {
        write.name = TableName::parse(to)?;
    }
    let columns = kept.iter().filter_map(|c| wanted.binary_search(c).ok()).collect();
    let filter = filter_text.map(|text| Filter::parse(text, &read)).transpose()?;
    let source_key = source.key_columns().map(|c| c.name.clone()).collect();
    Ok(Mapping { read: Arc::new(read), write: Arc::new(write), columns, filter, values: rule.values, source_key })
}

/// Positions of columns named in a rule; each may be named once.
fn positions<'n>(source: &TableSchema, names: impl Iterator<Item = &'n String>) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for name in names {
        let position = source.position(name).ok_or_else(|| no_such_column(name, source, ErrorKind::Config))?;
        if found.contains(&position) {
            return Err(Error::new(ErrorKind::Config, format!("column {name} is named twice")));
        }
        found.push(position);
    }
    Ok(found)
}

/// The key's columns by their positions in the source.
fn key(source: &TableSchema, rule: &Rule, excluded: &[usize]) -> Result<Vec<usize>> {
    let named = positions(source, rule.key.iter())?;
    let key = if named.is_empty() { source.key.clone() } else { named };
    if let Some(column) = key.iter().find(|c| excluded.contains(c)).and_then(|&c| source.columns.get(c)) {
        return Err(Error::new(
            ErrorKind::Config,
            format!("column {} belongs to the key and cannot be left out", column.name),
        )
        .hint("keep it, or name another key with `key:`"));
    }
    if !key.is_empty() {
        return Ok(key);
    }
    let never_null = |index: &&Index| {
        let good = |&c: &usize| source.columns.get(c).is_some_and(|c| !c.nullable) && !excluded.contains(&c);
        index.unique && !index.columns.is_empty() && index.columns.iter().all(good)
    };
    let unique = source.indexes.iter().find(never_null).map(|index| index.columns.clone());
    unique.ok_or_else(|| {
        Error::new(ErrorKind::Schema, "the table has no key, so its rows cannot be told apart")
            .hint("name one with `--key TABLE=COLUMN,...` or `key:`, or leave the table out with `--exclude`")
    })
}

/// Whether the source itself refuses two rows with these values. Where a column may be null, two rows could both have
/// null; but a row with a null in its key is refused by every sink, so none is merged into another (I10).
fn is_unique(source: &TableSchema, key: &[usize]) -> bool {
    let same = |columns: &[usize]| columns.iter().collect::<BTreeSet<_>>() == key.iter().collect();
    same(&source.key) || source.indexes.iter().any(|index| index.unique && same(&index.columns))
}

/// The table with only some of its columns; indexes and foreign keys count in the new positions, and those that
/// lost a column are noted as not carried.
fn picked(source: &TableSchema, columns: &[usize], key: &[usize]) -> TableSchema {
    let new =
        |old: &[usize]| -> Option<Vec<usize>> { old.iter().map(|c| columns.iter().position(|own| own == c)).collect() };
    let mut table = TableSchema {
        columns: columns.iter().filter_map(|&c| source.columns.get(c).cloned()).collect(),
        key: new(key).unwrap_or_default(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        ..source.clone()
    };
    for index in &source.indexes {
        match new(&index.columns) {
            Some(columns) => table.indexes.push(Index { columns, ..index.clone() }),
            None => table.not_carried.push(match &index.name {
                Some(name) => format!("index {name}"),
                None => format!("the unique constraint on ({})", names(source, &index.columns).join(", ")),
            }),
        }
    }
    for foreign in &source.foreign_keys {
        match new(&foreign.columns) {
            Some(columns) => table.foreign_keys.push(ForeignKey { columns, ..foreign.clone() }),
            None => table.not_carried.push(format!("the foreign key to {}", foreign.to)),
        }
    }
    // Another key was chosen: the table's own one is still a promise that the sink can keep.
    if key != source.key && !source.key.is_empty() {
        match new(&source.key) {
            Some(columns) => table.indexes.push(Index { name: None, columns, unique: true }),
            None => table.not_carried.push(format!("the primary key on ({})", names(source, &source.key).join(", "))),
        }
    }
    table
}

fn names<'s>(table: &'s TableSchema, columns: &[usize]) -> Vec<&'s str> {
    columns.iter().filter_map(|&c| table.columns.get(c)).map(|c| &*c.name).collect()
}

fn rename(write: &mut TableSchema, rule: &Rule) -> Result<()> {
    let mut taken: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    for column in &mut write.columns {
        let old = column.name.clone();
        if let Some(name) = rule.columns.get(&*old) {
            if name.is_empty() {
                return Err(Error::new(ErrorKind::Config, format!("column {old} is given an empty name")));
            }
            column.name = name.as_str().into();
        }
        if let Some(other) = taken.insert(column.name.clone(), old.clone()) {
            return Err(Error::new(
                ErrorKind::Config,
                format!("the columns {other} and {old} would both be named {}", column.name),
            )
            .hint("give one of them another name, or leave it out"));
        }
    }
    Ok(())
}

/// Makes the foreign keys of the written tables refer to written tables and columns.
///
/// A foreign key to a table or column that is not among the mappings cannot hold at the sink: it is taken out and
/// noted as not carried.
pub fn retarget_foreign_keys(mappings: &mut [Mapping]) {
    let tables: Vec<(TableName, Target)> = mappings.iter().map(|m| (m.read.name.clone(), Target::of(m))).collect();
    for mapping in mappings.iter_mut().filter(|m| !m.write.foreign_keys.is_empty()) {
        let from = mapping.read.name.schema.clone();
        let write = Arc::make_mut(&mut mapping.write);
        for foreign in std::mem::take(&mut write.foreign_keys) {
            let to = foreign.to.to_string();
            // A reference without a schema stays within the schema of its own table.
            let means = |name: &TableName| {
                *name == foreign.to
                    || foreign.to.schema.is_none() && name.name == foreign.to.name && name.schema == from
            };
            let target = tables.iter().find(|(name, _)| means(name)).map(|(_, target)| target);
            match target.and_then(|target| target.refer(foreign)) {
                Some(foreign) => write.foreign_keys.push(foreign),
                None => write.not_carried.push(format!("the foreign key to {to}")),
            }
        }
    }
}

/// What a foreign key can refer to.
struct Target {
    name: TableName,
    /// Name at the source, name at the sink.
    columns: BTreeMap<Arc<str>, Arc<str>>,
    source_key: Vec<Arc<str>>,
    key: Vec<Arc<str>>,
}

impl Target {
    fn of(mapping: &Mapping) -> Self {
        let source = |i: usize| mapping.columns.get(i).and_then(|&c| mapping.read.columns.get(c)).map(|c| &c.name);
        let written = mapping.write.columns.iter().enumerate();
        Self {
            name: mapping.write.name.clone(),
            columns: written.filter_map(|(i, c)| Some((source(i)?.clone(), c.name.clone()))).collect(),
            source_key: mapping.source_key.clone(),
            key: mapping.write.key_columns().map(|c| c.name.clone()).collect(),
        }
    }

    fn refer(&self, mut foreign: ForeignKey) -> Option<ForeignKey> {
        let new = |old: &str| self.columns.get(old).map(ToString::to_string);
        let columns: Option<Vec<String>> = if foreign.to_columns.is_empty() {
            self.source_key.iter().map(|name| new(name)).collect()
        } else {
            foreign.to_columns.iter().map(|name| new(name)).collect()
        };
        let columns = columns?;
        // Without columns it means the key, which must then still be the same one.
        let says_key =
            foreign.to_columns.is_empty() && columns.iter().map(String::as_str).eq(self.key.iter().map(|k| &**k));
        foreign.to_columns = if says_key { Vec::new() } else { columns };
        foreign.to = self.name.clone();
        Some(foreign)
    }
}
