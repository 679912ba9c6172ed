//! A database in memory: the reference for every connector, and the simulator's database.
//!
//! Committed states are shared and never changed; a unit works on a copy of the tables that it touches and swaps it
//! in at commit. One unit is open at a time, as in SQLite.

mod sink;
mod source;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use async_trait::async_trait;
use syncline_model::pattern::Selection;
use syncline_model::{Cell, CellBuf, Error, ErrorKind, Position, Result, TableName, TableSchema};

use crate::capture::parked;
use crate::connector::{
    Capabilities, Capture, CheckReport, Connector, Description, LaneId, LaneState, Misfit, Parked, ParkedQuery,
    ReadSpec, Sink, Source, WritePlan, WriteSpec,
};

/// A row, cell by cell.
pub type Row = Vec<CellBuf>;

/// One table's rows under their keys.
#[derive(Debug, Clone)]
pub struct Table {
    /// What it looks like.
    pub schema: Arc<TableSchema>,
    /// Key to row.
    pub rows: BTreeMap<Vec<CellBuf>, Row>,
}

/// One committed state.
#[derive(Debug, Clone, Default)]
struct State {
    tables: BTreeMap<TableName, Arc<Table>>,
    lanes: BTreeMap<LaneId, LaneState>,
    /// The highest epoch that any lane was ever given.
    last_epoch: u64,
}

/// A database in memory. Clones are the same database.
#[derive(Debug, Clone)]
pub struct Memory {
    name: String,
    committed: Arc<Mutex<Arc<State>>>,
    /// Held by the one open unit.
    writer: Arc<tokio::sync::Mutex<()>>,
}

impl Memory {
    /// An empty database that nobody else can find.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), committed: Arc::default(), writer: Arc::default() }
    }

    /// The database of that name in this process, as `memory:NAME` means it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        static ALL: LazyLock<Mutex<BTreeMap<String, Memory>>> = LazyLock::new(Mutex::default);
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(name.into()).or_insert_with(|| Self::new(name)).clone()
    }

    /// Adds a table, or replaces it.
    pub fn create(&self, schema: TableSchema) {
        let table = Table { schema: Arc::new(schema), rows: BTreeMap::new() };
        self.swap(|state| {
            state.tables.insert(table.schema.name.clone(), Arc::new(table));
        });
    }

    /// Inserts rows or replaces them by key.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such table.
    pub fn put(&self, table: &TableName, rows: impl IntoIterator<Item = Row>) -> Result<()> {
        let mut found = false;
        self.swap(|state| {
            if let Some(table) = state.tables.get_mut(table) {
                found = true;
                let table = Arc::make_mut(table);
                for row in rows {
                    table.rows.insert(table.key_of(&row), row);
                }
            }
        });
        if found { Ok(()) } else { Err(missing(table)) }
    }

    /// The committed table.
    #[must_use]
    pub fn table(&self, name: &TableName) -> Option<Arc<Table>> {
        self.state().tables.get(name).cloned()
    }

    fn parked_now(&self, query: &ParkedQuery) -> Vec<Parked> {
        let Some(table) = self.table(&TableName::bare(parked::NAME)) else { return Vec::new() };
        let text = |row: &Row, name: &str| match table.schema.position(name).and_then(|c| row.get(c)) {
            Some(CellBuf::Text(text)) => Some(text.to_string()),
            _ => None,
        };
        let one = |row: &Row| {
            let ord = match table.schema.position("ord").and_then(|c| row.get(c)) {
                Some(CellBuf::Plain(Cell::Int(ord))) => u64::try_from(*ord).unwrap_or(0),
                _ => 0,
            };
            Parked {
                lane: LaneId(text(row, "lane").unwrap_or_default()),
                ord,
                table: text(row, "table_name").unwrap_or_default(),
                key: text(row, "row_key").unwrap_or_default(),
                op: text(row, "op").unwrap_or_default(),
                holds: text(row, "holds").unwrap_or_default(),
                reason: text(row, "reason"),
                parked_at: text(row, "parked_at").unwrap_or_default(),
                contents: text(row, "contents").filter(|_| query.contents),
            }
        };
        let wanted = |p: &Parked| p.ord >= query.from && query.lane.as_ref().is_none_or(|lane| *lane == p.lane);
        let rows_max = query.rows_max.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        table.rows.values().map(one).filter(wanted).take(rows_max).collect()
    }

    fn identity(&self) -> String {
        format!("memory:{}", self.name)
    }

    fn state(&self) -> Arc<State> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn swap(&self, change: impl FnOnce(&mut State)) {
        let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut committed));
    }
}

impl Table {
    fn key_of(&self, row: &Row) -> Vec<CellBuf> {
        self.schema.key.iter().filter_map(|&c| row.get(c).cloned()).collect()
    }
}

fn missing(table: &TableName) -> Error {
    Error::new(ErrorKind::NotFound, "there is no such table").at("table", table.to_string())
}

#[async_trait]
impl Connector for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            snapshot: true,
            key_order: true,
            sink: true,
            as_stored: true,
            native: None,
            transactional_ddl: true,
            side_by_side: false,
        }
    }

    async fn check(&self) -> Result<CheckReport> {
        Ok(CheckReport {
            product: "memory".into(),
            findings: Vec::new(),
            lanes: self.state().lanes.values().cloned().collect(),
        })
    }

    async fn describe(&self, wanted: &Selection) -> Result<Description> {
        let state = self.state();
        let tables = state.tables.values().filter(|t| wanted.wants(&t.schema.name, None));
        let names = state.tables.keys().cloned().collect();
        let mut found = Description { identity: self.identity(), names, ..Description::default() };
        for table in tables {
            found.rows_estimates.insert(table.schema.name.clone(), table.rows.len() as u64);
            found.tables.push((*table.schema).clone());
        }
        Ok(found)
    }

    async fn plan(&self, spec: &WriteSpec) -> Result<WritePlan> {
        let state = self.state();
        let mut plan = WritePlan { identity: self.identity(), ..WritePlan::default() };
        for table in &spec.tables {
            match state.tables.get(&table.name) {
                Some(there) => {
                    let same: fn(&str, &str) -> bool = |a, b| a == b;
                    let fit = table.fit(&there.schema, spec.add_columns.then_some(same));
                    let misfit = |reason| Misfit { table: table.name.to_string(), reason };
                    plan.misfits.extend(fit.misfits.into_iter().map(misfit));
                    for column in fit.added.iter().filter_map(|&i| table.columns.get(i)) {
                        plan.adds(&table.name, &column.name, format!("add {} to {}", column.name, table.name));
                    }
                }
                None => plan.statements.push(format!("create {}", table.name)),
            }
        }
        Ok(plan)
    }

    async fn open_source(&self, at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>> {
        Ok(Box::new(source::Snapshot::open(&self.state(), at.as_ref(), spec)?))
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        Ok(Box::new(sink::Writer::open(self.clone(), spec.clone())))
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        Ok(self.parked_now(query))
    }

    fn capture(&self) -> Option<&dyn Capture> {
        None
    }
}
