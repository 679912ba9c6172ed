//! Replacing rows by key.
//!
//! The rows of the unit are gathered in a temporary table first: a key that comes twice is found there (I10), and then they
//! take the places of those with the same key, in the same transaction. A row that is the same already is left alone. What
//! the sink's rows hold in columns that are only the sink's is kept. Where two rows exchange a value that must be unique,
//! rows cannot change one by one (F72): then those that are replaced go first, and all of them come. So they do where a
//! column that always numbers itself has to hold another number, which no UPDATE may give it.

use syncline_model::{Error, ErrorKind, Result, TableSchema};

use super::catalog::{ALWAYS, Table};
use super::quoted;
use super::session::{Session, failed};
use super::types::Kind;

/// The temporary table that gathers a table's rows.
pub fn name(there: &Table) -> String {
    format!("pg_temp.{}", quoted(&format!("syncline_stage_{}", there.oid)))
}

/// Creates it, empty, with the sink's own types. It goes with the transaction.
pub fn create(schema: &TableSchema, there: &Table, written: &[(usize, Kind)]) -> String {
    let columns: Vec<_> = written.iter().filter_map(|(c, _)| schema.columns.get(*c)).map(|c| quoted(&c.name)).collect();
    format!(
        "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA",
        name(there).trim_start_matches("pg_temp."),
        columns.join(", "),
        there.sql()
    )
}

/// What it takes to put gathered rows in their places; names are ready for use in SQL.
pub struct Pour<'a> {
    schema: &'a TableSchema,
    stage: String,
    sink: String,
    sink_only: String,
    key: Vec<String>,
    written: Vec<String>,
    /// The written columns that an UPDATE may set. The key is among them: equal keys can be spelled otherwise (`A` and `a`
    /// of citext, -0 and 0, 30 days and 1 month), and then the source's spelling is the one to have (I10).
    set: Vec<String>,
    /// The written columns that always number themselves, without those of the key: whole numbers have one spelling.
    numbered: Vec<String>,
    /// Those that only the sink has, and that it does not compute itself.
    others: Vec<String>,
    is_replica: bool,
}

impl<'a> Pour<'a> {
    pub fn new(schema: &'a TableSchema, there: &Table, written: &[(usize, Kind)], is_replica: bool) -> Self {
        let name_of = |c: usize| schema.columns.get(c).map(|c| quoted(&c.name));
        let always = |c: usize| {
            let name = schema.columns.get(c).map(|c| &c.name);
            there.schema.columns.iter().any(|own| Some(&own.name) == name && own.default.as_deref() == Some(ALWAYS))
        };
        let those = |wanted: &dyn Fn(usize) -> bool| {
            written.iter().filter(|(c, _)| wanted(*c)).filter_map(|(c, _)| name_of(*c)).collect()
        };
        let only_here = there.schema.columns.iter().filter(|c| !c.generated && schema.position(&c.name).is_none());
        Self {
            schema,
            stage: name(there),
            sink: there.sql(),
            sink_only: there.sql_read(),
            key: schema.key.iter().filter_map(|c| name_of(*c)).collect(),
            written: those(&|_| true),
            set: those(&|c| !always(c)),
            numbered: those(&|c| always(c) && !schema.key.contains(&c)),
            others: only_here.map(|c| quoted(&c.name)).collect(),
            is_replica,
        }
    }

    /// Puts the gathered rows in the place of those with the same key.
    pub async fn run(&self, session: &Session) -> Result<()> {
        let refused = |e| {
            failed(e, "the sink refused the rows of a table").at("table", self.schema.name.to_string()).hint(
                "a row that only the sink has stands in the way, or a key comes twice; mode truncate replaces the table",
            )
        };
        let client = &session.client;
        let key = self.key.join(", ");
        let twice = format!("SELECT EXISTS (SELECT 1 FROM {} GROUP BY {key} HAVING count(*) > 1)", self.stage);
        if client.query_one(&twice, &[]).await.map_err(refused)?.get::<_, bool>(0) {
            return Err(Error::new(ErrorKind::Constraint, "two rows of the source have one key")
                .at("table", self.schema.name.to_string())
                .hint("the columns that were named as key are not unique at the source"));
        }
        client.batch_execute(&format!("ANALYZE {}; SAVEPOINT pour", self.stage)).await.map_err(refused)?;
        if let Some(renumbered) = self.renumbered()
            && client.query_one(&renumbered, &[]).await.map_err(refused)?.get::<_, bool>(0)
        {
            if self.is_replica {
                return client.batch_execute(&self.anew()).await.map_err(refused);
            }
            return Err(Error::new(
                ErrorKind::Constraint,
                format!(
                    "rows of the sink hold another number in {}, which is GENERATED ALWAYS",
                    self.numbered.join(", ")
                ),
            )
            .at("table", self.schema.name.to_string())
            .hint("make the sink's column GENERATED BY DEFAULT, or copy with mode truncate"));
        }
        match client.batch_execute(&self.in_place()).await {
            Ok(()) => client.batch_execute(&format!("DROP TABLE {}", self.stage)).await.map_err(refused),
            // Rows that go and come again would take others with them where references are not off.
            Err(e) if e.code().is_some_and(|c| c.code() == "23505") && self.is_replica => {
                client.batch_execute("ROLLBACK TO SAVEPOINT pour").await.map_err(refused)?;
                client.batch_execute(&self.anew()).await.map_err(refused)
            }
            Err(e) => Err(refused(e)),
        }
    }

    fn of(alias: &str, names: &[String]) -> String {
        names.iter().map(|n| format!("{alias}.{n}")).collect::<Vec<_>>().join(", ")
    }

    fn same_key(&self) -> String {
        self.key.iter().map(|k| format!("t.{k} = s.{k}")).collect::<Vec<_>>().join(" AND ")
    }

    /// Refuses rows whose key the sink spells otherwise.
    pub async fn spells_the_same(&self, session: &Session) -> Result<()> {
        let cannot = |e| failed(e, "cannot look at the keys").at("table", self.schema.name.to_string());
        if session.client.query_one(&self.differ_in(&self.key), &[]).await.map_err(cannot)?.get(0) {
            return Err(Error::new(
                ErrorKind::Constraint,
                "the sink spells a key otherwise, and its foreign keys would empty what refers to it",
            )
            .at("table", self.schema.name.to_string())
            .hint("use a login that may switch references off (session_replication_role)"));
        }
        Ok(())
    }

    /// Asks whether a row would have to change a number that no UPDATE may change.
    fn renumbered(&self) -> Option<String> {
        (!self.numbered.is_empty()).then(|| self.differ_in(&self.numbered))
    }

    /// Asks whether rows of the same key are not the same in these columns.
    fn differ_in(&self, columns: &[String]) -> String {
        format!(
            "SELECT EXISTS (SELECT 1 FROM {} AS t JOIN {} AS s ON {} WHERE ROW({})::record *<> ROW({})::record)",
            self.sink_only,
            self.stage,
            self.same_key(),
            Self::of("t", columns),
            Self::of("s", columns)
        )
    }

    fn in_place(&self) -> String {
        let same_key = self.same_key();
        let written = self.written.join(", ");
        let insert = format!(
            "INSERT INTO {} ({written}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} AS s \
             WHERE NOT EXISTS (SELECT 1 FROM {} AS t WHERE {same_key})",
            self.sink,
            Self::of("s", &self.written),
            self.stage,
            self.sink_only
        );
        if self.set.is_empty() {
            return insert;
        }
        let sets: Vec<_> = self.set.iter().map(|n| format!("{n} = s.{n}")).collect();
        // By image, since two values can be equal and still not the same: 1.0 and 1.00.
        format!(
            "UPDATE {} AS t SET {} FROM {} AS s WHERE {same_key} AND ROW({})::record *<> ROW({})::record; {insert}",
            self.sink_only,
            sets.join(", "),
            self.stage,
            Self::of("t", &self.set),
            Self::of("s", &self.set),
        )
    }

    fn anew(&self) -> String {
        let same_key = self.same_key();
        let written = self.written.join(", ");
        let held = self.stage.replace("syncline_stage_", "syncline_held_");
        let kept: Vec<_> = self.others.iter().map(|n| format!(", t.{n}")).collect();
        let others: Vec<_> = self.others.iter().map(|n| format!(", {n}")).collect();
        format!(
            "CREATE TEMPORARY TABLE {held_name} ON COMMIT DROP AS SELECT {ours}{kept} FROM {stage} AS s JOIN {only} AS t ON {same_key}; \
             DELETE FROM {only} AS t USING {stage} AS s WHERE {same_key}; \
             INSERT INTO {sink} ({written}{others}) OVERRIDING SYSTEM VALUE SELECT {written}{others} FROM {held}; \
             INSERT INTO {sink} ({written}) OVERRIDING SYSTEM VALUE SELECT {ours} FROM {stage} AS s \
                 WHERE NOT EXISTS (SELECT 1 FROM {held} AS t WHERE {same_key}); \
             DROP TABLE {held}; DROP TABLE {stage}",
            held_name = held.trim_start_matches("pg_temp."),
            ours = Self::of("s", &self.written),
            kept = kept.concat(),
            others = others.concat(),
            stage = self.stage,
            only = self.sink_only,
            sink = self.sink,
        )
    }
}
