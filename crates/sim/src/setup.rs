//! What a history is about: how many nodes, how they are linked, which tables and rules.

use std::sync::Arc;

use syncline_model::merge::{Deletes, Group, Mode};
use syncline_model::schema::{Column, ForeignKey, Index, LogicalType, TableName, TableSchema};

use crate::chance::Chance;

/// Position of the table of owners: `id`, `badge` (unique), `a`, `b`.
pub const OWNERS: usize = 0;
/// Position of the table of items: `id`, `owner` (refers to owners), `x`.
pub const ITEMS: usize = 1;
/// The columns that the check `a + b <= SUM_MAX` binds together.
pub const A: usize = 2;
pub const B: usize = 3;
pub const BADGE: usize = 1;
pub const OWNER: usize = 1;
pub const X: usize = 2;
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
    /// Whether `a` and `b` share a stamp, so that the check between them holds everywhere.
    pub checked: bool,
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
        let deletes = if chance.percent(60) { Deletes::Newest } else { Deletes::Win };
        let group = Arc::new(group(&mode, deletes));
        let (churn, storm) = (chance.percent(30), chance.percent(30));
        Self { nodes, topology, group, checked, steps: 30 + chance.below(90), churn, storm }
    }
}

fn group(mode: &Mode, deletes: Deletes) -> Group {
    let table = |name: &str, columns: &[&str]| {
        let int = LogicalType::Int { bits: 64, signed: true };
        let columns = columns.iter().map(|column| Column::new(column, int.clone())).collect();
        let mut table = TableSchema::new(TableName::bare(name), columns);
        table.key = vec![0];
        table
    };
    let mut owners = table("owners", &["id", "badge", "a", "b"]);
    owners.indexes.push(Index { name: None, columns: vec![BADGE], unique: true });
    let mut items = table("items", &["id", "owner", "x"]);
    items.foreign_keys.push(ForeignKey {
        columns: vec![OWNER],
        to: TableName::bare("owners"),
        to_columns: Vec::new(),
        on_delete: None,
        on_update: None,
    });
    let tables = [(owners, mode.clone(), deletes), (items, mode_of_items(mode), deletes)];
    // Both tables have keys and `together` names columns of the first only, so nothing can be wrong.
    Group::new(&tables).unwrap_or_else(|_| unreachable!("the tables of the simulator are in order"))
}

fn mode_of_items(mode: &Mode) -> Mode {
    match mode {
        Mode::Row => Mode::Row,
        Mode::Column { .. } => Mode::Column { together: Vec::new() },
    }
}
