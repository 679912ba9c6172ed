//! What a history is about: how many nodes, how they are linked, which tables and rules.

use std::sync::Arc;

use syncline_model::merge::{Deletes, Group, Mode};
use syncline_model::schema::{Column, ForeignKey, Index, LogicalType, TableName, TableSchema};

use crate::chance::Chance;

/// A table: whole numbers or nulls, the first column is the key.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [&'static str],
    pub uniques: &'static [&'static [usize]],
    pub references: &'static [Reference],
}

/// A foreign key.
#[derive(Debug)]
pub struct Reference {
    pub columns: &'static [usize],
    pub to: usize,
    pub to_columns: &'static [usize],
}

const fn reference(columns: &'static [usize], to: usize, to_columns: &'static [usize]) -> Reference {
    Reference { columns, to, to_columns }
}

/// Position of the table of owners.
pub const OWNERS: usize = 0;
/// Position of the table of items, which refer to owners.
pub const ITEMS: usize = 1;
const PILOTS: usize = 3;
const PLANES: usize = 4;

/// All of them. A narrow history has the first two alone. In a wide one there is besides: a chain of three (parts, items,
/// owners), a composite unique, two uniques in one table, references to a unique that is not the key, a table that
/// refers to itself (pilots have chiefs), and two that refer to each other (pilots, planes).
pub const TABLES: [Table; 5] = [
    Table { name: "owners", columns: &["id", "badge", "a", "b"], uniques: &[&[BADGE]], references: &[] },
    Table {
        name: "items",
        columns: &["id", "owner", "x"],
        uniques: &[],
        references: &[reference(&[OWNER], OWNERS, &[0])],
    },
    Table {
        name: "parts",
        columns: &["id", "shelf", "slot", "tag", "item", "badge"],
        uniques: &[&[1, 2], &[3]],
        references: &[reference(&[4], ITEMS, &[0]), reference(&[5], OWNERS, &[BADGE])],
    },
    Table {
        name: "pilots",
        columns: &["id", "name", "plane", "chief"],
        uniques: &[&[1]],
        references: &[reference(&[2], PLANES, &[0]), reference(&[3], PILOTS, &[0])],
    },
    Table { name: "planes", columns: &["id", "pilot"], uniques: &[], references: &[reference(&[1], PILOTS, &[1])] },
];
/// Tables of a narrow history.
const NARROW: usize = 2;

/// The columns that the check `a + b <= SUM_MAX` binds together.
pub const A: usize = 2;
pub const B: usize = 3;
pub const BADGE: usize = 1;
pub const OWNER: usize = 1;
pub const SUM_MAX: i64 = 10;

/// How far ahead of its own clock a node lets a stamp be, in ms.
pub const SKEW_MS_MAX: u64 = 500;

/// Who is linked with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    Mesh,
    Hub,
    Ring,
    Line,
    Tree,
}

impl Topology {
    /// Whether two nodes exchange changes directly.
    pub fn links(self, one: usize, other: usize, nodes: usize) -> bool {
        let (low, high) = (one.min(other), one.max(other));
        low != high
            && match self {
                Self::Mesh => true,
                Self::Hub => low == 0,
                Self::Ring => high - low == 1 || (low == 0 && high + 1 == nodes),
                Self::Line => high - low == 1,
                Self::Tree => (high - 1) / 2 == low,
            }
    }
}

/// The setting of one history.
#[derive(Debug, Clone)]
pub struct Setup {
    pub nodes: usize,
    pub topology: Topology,
    pub group: Arc<Group>,
    /// How many of the tables users write.
    pub tables: usize,
    /// Whether `a` and `b` share a stamp, so that the check between them holds everywhere.
    pub checked: bool,
    /// Whether an import locks what it only reads; nothing depends on it.
    pub locks_reads: bool,
    pub steps: u64,
    /// Whether nodes come and go more often.
    pub churn: bool,
    /// Whether messages are lost, doubled and overtaken more often.
    pub storm: bool,
}

impl Setup {
    pub fn new(chance: &mut Chance, nodes: Option<usize>) -> Self {
        let nodes = nodes.unwrap_or_else(|| 2 + chance.index(6));
        let topologies = [Topology::Mesh, Topology::Hub, Topology::Ring, Topology::Line, Topology::Tree];
        let topology = topologies.into_iter().nth(chance.index(topologies.len())).unwrap_or(Topology::Mesh);
        let (mode, checked) = match chance.below(4) {
            0 => (Mode::Row, true),
            1 => (Mode::Column { together: vec![vec!["a".to_string(), "b".to_string()]] }, true),
            _ => (Mode::Column { together: Vec::new() }, false),
        };
        let tables = if chance.percent(50) { TABLES.len() } else { NARROW };
        let alike = chance.percent(50);
        let rules = |chance: &mut Chance| {
            let mode = if chance.percent(30) { Mode::Row } else { Mode::Column { together: Vec::new() } };
            (mode, if chance.percent(60) { Deletes::Newest } else { Deletes::Win })
        };
        let (_, deletes) = rules(chance);
        let of_others = if mode == Mode::Row { Mode::Row } else { Mode::Column { together: Vec::new() } };
        let mut all = vec![(mode, deletes)];
        for _ in 1..TABLES.len() {
            all.push(if alike { (of_others.clone(), deletes) } else { rules(chance) });
        }
        let group = Arc::new(group(all));
        let locks_reads = chance.percent(50);
        let (churn, storm) = (chance.percent(30), chance.percent(30));
        Self { nodes, topology, group, tables, checked, locks_reads, steps: 30 + chance.below(90), churn, storm }
    }
}

fn group(rules: Vec<(Mode, Deletes)>) -> Group {
    let int = LogicalType::Int { bits: 64, signed: true };
    let tables = TABLES.iter().zip(rules).map(|(table, (mode, deletes))| {
        let columns = table.columns.iter().map(|column| Column::new(column, int.clone())).collect();
        let mut schema = TableSchema::new(TableName::bare(table.name), columns);
        schema.key = vec![0];
        let index = |columns: &&[usize]| Index { name: None, columns: columns.to_vec(), unique: true };
        schema.indexes = table.uniques.iter().map(index).collect();
        schema.foreign_keys = table.references.iter().filter_map(foreign_key).collect();
        (schema, mode, deletes)
    });
    // All tables have keys and `together` names columns of the first only, so nothing can be wrong.
    Group::new(&tables.collect::<Vec<_>>()).unwrap_or_else(|_| unreachable!("the tables of the simulator are in order"))
}

fn foreign_key(reference: &Reference) -> Option<ForeignKey> {
    let parent = TABLES.get(reference.to)?;
    let names = reference.to_columns.iter().filter_map(|column| parent.columns.get(*column));
    Some(ForeignKey {
        columns: reference.columns.to_vec(),
        to: TableName::bare(parent.name),
        to_columns: names.map(ToString::to_string).collect(),
        on_delete: None,
        on_update: None,
    })
}
