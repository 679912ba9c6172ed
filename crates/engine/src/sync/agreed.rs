//! What the members of a group have agreed on, as each of them keeps it: tables, columns, keys, constraints, rules.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use syncline_model::merge::{Deletes, Group, Mode};
use syncline_model::schema::{ForeignKey, Index};
use syncline_model::{Column, Error, ErrorKind, LogicalType, Result, TableName, TableSchema};

/// How a table is merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Whether all columns of a row share a stamp.
    pub by_row: bool,
    /// Else the lists of columns that do.
    pub together: Vec<Vec<String>>,
    /// Whether a delete wins over every update.
    pub deletes_win: bool,
}

/// One table of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub name: TableName,
    /// Names and logical types.
    pub columns: Vec<(Arc<str>, LogicalType)>,
    /// The key's columns in its order.
    pub key: Vec<Arc<str>>,
    /// The columns of each unique index besides the key.
    pub uniques: BTreeSet<Vec<Arc<str>>>,
    /// References within the group.
    pub references: BTreeSet<Reference>,
    pub rules: Rules,
}

/// A reference to another table of the group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    pub columns: Vec<Arc<str>>,
    pub to: TableName,
    pub to_columns: Vec<Arc<str>>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    pub tables: Vec<Table>,
}

impl Agreed {
    /// What the tables of the first member come to.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`] for a table without a key, or one with something that cannot be kept in step.
    pub fn of(tables: &[TableSchema], rules: impl Fn(&TableName) -> Result<Rules>) -> Result<Self> {
        let names: BTreeSet<&TableName> = tables.iter().map(|t| &t.name).collect();
        let table = |schema: &TableSchema| -> Result<Table> {
            let located = |e: Error| e.at("table", schema.name.to_string());
            if schema.key.is_empty() {
                return Err(located(
                    Error::new(ErrorKind::Schema, "the table has no key, so its rows cannot be told apart")
                        .hint("give it a primary key at every member, or leave it out"),
                ));
            }
            let columns = schema.columns.iter().filter(|c| !c.generated);
            Ok(Table {
                name: schema.name.clone(),
                columns: columns.map(|c| (c.name.clone(), c.logical.clone())).collect(),
                key: schema.key_columns().map(|c| c.name.clone()).collect(),
                uniques: uniques(schema),
                references: references(schema, tables, &names),
                rules: rules(&schema.name).map_err(located)?,
            })
        };
        Ok(Self { tables: tables.iter().map(table).collect::<Result<_>>()? })
    }

    /// The rules as the merge model takes them.
    ///
    /// # Errors
    /// As [`Group::new`].
    pub fn group(&self) -> Result<Group> {
        let tables = self.tables.iter().map(|table| {
            let mode = match table.rules.by_row {
                true => Mode::Row,
                false => Mode::Column { together: table.rules.together.clone() },
            };
            let deletes = if table.rules.deletes_win { Deletes::Win } else { Deletes::Newest };
            Ok((table.schema()?, mode, deletes))
        });
        Group::new(&tables.collect::<Result<Vec<_>>>()?)
    }

    /// Why a member with these tables cannot be one of this group; nothing if it can. Where one member has booleans and
    /// another one numbers, the group has booleans.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`] with the difference.
    pub fn takes(&mut self, member: &str, tables: &[TableSchema]) -> Result<()> {
        let names: BTreeSet<&TableName> = self.tables.iter().map(|t| &t.name).collect();
        let mut found = Vec::new();
        for table in &self.tables {
            let refuse = |what: String| {
                Error::new(ErrorKind::Schema, what).at("member", member).at("table", table.name.to_string())
            };
            let Some(schema) = tables.iter().find(|schema| schema.name == table.name) else {
                return Err(refuse("the member does not have this table".into())
                    .hint("`syncline copy` creates it there, or leave it out with `--exclude`"));
            };
            if let Some(difference) = table.differs(schema) {
                return Err(refuse(difference).hint("make the tables alike; then run the same command again"));
            }
            let (uniques, references) = (uniques(schema), references(schema, tables, &names));
            let listed = |columns: &[Arc<str>]| format!("({})", columns.join(", "));
            let other = |own: &BTreeSet<Vec<Arc<str>>>, other: &BTreeSet<Vec<Arc<str>>>| {
                own.symmetric_difference(other).next().map(|columns| listed(columns))
            };
            if let Some(columns) = other(&table.uniques, &uniques) {
                return Err(refuse(format!("only some members have a unique index over {columns}")).hint(
                    "a value that is unique must be so at every member: create the index everywhere, or nowhere",
                ));
            }
            if let Some(reference) = table.references.symmetric_difference(&references).next() {
                let (columns, to) = (listed(&reference.columns), &reference.to);
                return Err(refuse(format!("only some members have a foreign key from {columns} to {to}"))
                    .hint("declare it at every member, or nowhere"));
            }
            found.push(schema);
        }
        for (table, schema) in self.tables.iter_mut().zip(found) {
            for (name, logical) in &mut table.columns {
                let there = schema.columns.iter().find(|c| c.name == *name).map(|c| &c.logical);
                if there == Some(&LogicalType::Bool) {
                    *logical = LogicalType::Bool;
                }
            }
        }
        Ok(())
    }

    /// What another account of the group says otherwise of its tables and rules. Columns are each member's to show.
    pub fn difference(&self, other: &Self) -> Option<String> {
        for table in &self.tables {
            let Some(there) = other.tables.iter().find(|t| t.name == table.name) else {
                return Some(format!("table {} is not part of it", table.name));
            };
            if there.rules != table.rules {
                return Some(format!("table {} is merged by other rules", table.name));
            }
        }
        let more = other.tables.iter().find(|t| !self.tables.iter().any(|own| own.name == t.name));
        more.map(|table| format!("table {} is part of it too", table.name))
    }
}

impl Table {
    fn schema(&self) -> Result<TableSchema> {
        let columns = self.columns.iter().map(|(name, logical)| Column::new(name, logical.clone())).collect();
        let mut schema = TableSchema::new(self.name.clone(), columns);
        let place = |schema: &TableSchema, name: &Arc<str>| {
            schema.position(name).ok_or_else(|| {
                Error::new(ErrorKind::Schema, "a key or an index has a column whose values the database computes")
                    .at("table", self.name.to_string())
                    .at("column", &**name)
                    .hint("such a table cannot be kept in step; leave it out")
            })
        };
        let places =
            |schema: &TableSchema, names: &[Arc<str>]| names.iter().map(|n| place(schema, n)).collect::<Result<_>>();
        schema.key = places(&schema, &self.key)?;
        for columns in &self.uniques {
            let columns = places(&schema, columns)?;
            schema.indexes.push(Index { name: None, columns, unique: true });
        }
        for reference in &self.references {
            schema.foreign_keys.push(ForeignKey {
                columns: places(&schema, &reference.columns)?,
                to: reference.to.clone(),
                to_columns: reference.to_columns.iter().map(ToString::to_string).collect(),
                on_delete: None,
                on_update: None,
            });
        }
        Ok(schema)
    }

    /// The member's own table, with the columns of the group in their order.
    pub fn at(&self, schema: &TableSchema) -> TableSchema {
        let columns = self.columns.iter().filter_map(|(name, _)| schema.columns.iter().find(|c| c.name == *name));
        let mut own = TableSchema::new(schema.name.clone(), columns.cloned().collect());
        own.brand.clone_from(&schema.brand);
        own.options.clone_from(&schema.options);
        own.key = self.key.iter().filter_map(|name| own.position(name)).collect();
        own
    }

    fn differs(&self, schema: &TableSchema) -> Option<String> {
        let key: Vec<_> = schema.key_columns().map(|c| c.name.clone()).collect();
        if key != self.key {
            return Some(format!(
                "the key is ({}) at one member and ({}) at the other",
                self.key.join(", "),
                key.join(", ")
            ));
        }
        for (name, logical) in &self.columns {
            let Some(there) = schema.columns.iter().find(|c| c.name == *name) else {
                return Some(format!("the member has no column {name}"));
            };
            if there.generated {
                return Some(format!("the member computes column {name} by itself, and others do not"));
            }
            if !are_alike(logical, &there.logical) {
                return Some(format!("column {name} is {logical} at one member and {} at the other", there.logical));
            }
        }
        let own = |name: &str| self.columns.iter().any(|(own, _)| **own == *name);
        let more = schema.columns.iter().find(|c| !c.generated && !own(&c.name));
        more.map(|column| format!("only this member has column {}", column.name))
    }
}

/// Whether a value of the one is always the same cell as that value of the other.
fn are_alike(a: &LogicalType, b: &LogicalType) -> bool {
    use LogicalType::{Bool, Bytes, Decimal, Int, Text};
    match (a, b) {
        (Int { .. }, Int { .. })
        | (Text { .. }, Text { .. })
        | (Bytes { .. }, Bytes { .. })
        | (Decimal { .. }, Decimal { .. })
        | (Bool, Int { bits: 8, .. })
        | (Int { bits: 8, .. }, Bool) => true,
        (a, b) => a == b,
    }
}

fn names(schema: &TableSchema, columns: &[usize]) -> Vec<Arc<str>> {
    columns.iter().filter_map(|&c| schema.columns.get(c)).map(|c| c.name.clone()).collect()
}

fn uniques(schema: &TableSchema) -> BTreeSet<Vec<Arc<str>>> {
    let sorted = |columns: &[usize]| {
        let mut names = names(schema, columns);
        names.sort();
        names
    };
    let key = sorted(&schema.key);
    let unique = schema.indexes.iter().filter(|index| index.unique).map(|index| sorted(&index.columns));
    unique.filter(|columns| *columns != key).collect()
}

fn references(schema: &TableSchema, tables: &[TableSchema], group: &BTreeSet<&TableName>) -> BTreeSet<Reference> {
    let within = schema.foreign_keys.iter().filter(|foreign| group.contains(&foreign.to));
    let reference = |foreign: &ForeignKey| {
        let to_columns = match foreign.to_columns.is_empty() {
            false => foreign.to_columns.iter().map(|name| name.as_str().into()).collect(),
            true => {
                let parent = tables.iter().find(|t| t.name == foreign.to);
                parent.map_or_else(Vec::new, |parent| names(parent, &parent.key))
            }
        };
        Reference { columns: names(schema, &foreign.columns), to: foreign.to.clone(), to_columns }
    };
    within.map(reference).collect()
}
