//! The statements of capture: control tables, change tables, the trigger function of each table.
//!
//! The function runs with the rights of whoever installed it, in the application's session. So every name in it says its
//! schema, operators too: what the session's search path holds is never looked at. (To pin the path by `SET` on the
//! function says the same, and costs a third more.) Values are compared as they are stored, but for types whose equality
//! is just that, and cheaper to ask.

use std::fmt::Write as _;

use super::super::{literal, quoted};
use super::{Captured, Facts};

/// Columns per number in which an update's changed columns are bits.
pub const BITS: usize = 62;

/// Most columns of a captured table: a row has up to 1,664 values, and an entry is read with each of them twice.
pub const COLUMNS_MAX: usize = 780;

/// The tables that every captured database has. `syncline_touched` says which transaction has written to which change table;
/// `syncline_odd` names the change tables whose function has met other columns than it knows.
pub const CONTROL: [&str; 6] =
    ["syncline_node", "syncline_capture", "syncline_tick", "syncline_lane", "syncline_touched", "syncline_odd"];

/// The sequence that gives the order over all tables.
pub const ORDER: &str = "syncline_order";

/// Where everything of ours is.
#[derive(Debug, Clone)]
pub struct Home {
    /// The schema's name.
    pub name: String,
    /// Its number in the catalogue.
    pub oid: u32,
    /// Who else gets rights to what the login creates, quoted.
    pub others: Vec<String>,
}

impl Home {
    /// A thing of ours by its name, with its schema.
    pub fn of(&self, name: &str) -> String {
        format!("{}.{name}", quoted(&self.name))
    }

    /// A change table.
    pub fn log(&self, log: u64) -> String {
        self.of(&format!("syncline_log_{log}"))
    }

    /// The type of what is short in a row of that change table's table.
    fn row(&self, log: u64) -> String {
        self.of(&format!("syncline_row_{log}"))
    }

    /// Nobody but the owner reads or writes it: the application's roles come by the trigger function alone.
    fn closed(&self, kind: &str, name: &str) -> String {
        let others: String = self.others.iter().map(|role| format!(", {role}")).collect();
        format!("REVOKE ALL ON {kind} {} FROM PUBLIC{others}", self.of(name))
    }

    /// The things that every captured database has.
    pub fn control(&self) -> Vec<String> {
        let mut statements = vec![
            format!("CREATE TABLE {} (incarnation text NOT NULL, logs bigint NOT NULL)", self.of("syncline_node")),
            format!(
                "INSERT INTO {} VALUES (pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', ''), 0)",
                self.of("syncline_node")
            ),
            format!(
                "CREATE TABLE {} (log bigint PRIMARY KEY, schema text NOT NULL, name text NOT NULL, oid oid NOT NULL, \
                 columns text NOT NULL, UNIQUE (schema, name))",
                self.of("syncline_capture")
            ),
            // Numbers must not be drawn ahead: within one key their order is that of the changes (F20).
            format!("CREATE SEQUENCE {} CACHE 1", self.of(ORDER)),
            format!(
                "CREATE TABLE {} (tick bigint PRIMARY KEY, snapshot pg_catalog.pg_snapshot NOT NULL, token text NOT NULL, \
                 drawn bigint NOT NULL)",
                self.of("syncline_tick")
            ),
            format!(
                "CREATE TABLE {} (lane text PRIMARY KEY, tick bigint NOT NULL, tables text NOT NULL)",
                self.of("syncline_lane")
            ),
        ];
        let touched = self.of("syncline_touched");
        statements.push(format!(
            "CREATE TABLE {touched} (xid pg_catalog.xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(), log bigint NOT NULL)"
        ));
        statements.push(format!("CREATE INDEX ON {touched} (xid)"));
        statements.push(format!("CREATE TABLE {} (log bigint PRIMARY KEY)", self.of("syncline_odd")));
        for table in CONTROL {
            statements.push(self.closed("TABLE", table));
        }
        statements.push(self.closed("SEQUENCE", ORDER));
        statements
    }
}

/// What makes the sequence again what it was created as, beyond every number that a tick knows.
pub fn mend_order(home: &Home) -> [String; 2] {
    let order = home.of(ORDER);
    [
        format!("ALTER SEQUENCE {order} INCREMENT 1 MINVALUE 1 NO MAXVALUE CACHE 1 NO CYCLE RESTART 1"),
        format!(
            "SELECT pg_catalog.setval({}, COALESCE(max(drawn), 0) + 1) FROM {}",
            literal(&order),
            home.of("syncline_tick")
        ),
    ]
}

/// How a table is captured.
pub struct Triggers<'a> {
    home: &'a Home,
    /// Its name for use in SQL.
    table: String,
    schema: &'a str,
    name: &'a str,
    facts: &'a Facts,
    columns: Vec<Captured>,
}

impl<'a> Triggers<'a> {
    /// `columns` are all columns of the table as it is, in their order.
    pub fn new(home: &'a Home, schema: &'a str, name: &'a str, facts: &'a Facts, columns: Vec<Captured>) -> Self {
        let table = format!("{}.{}", quoted(schema), quoted(name));
        Self { home, table, schema, name, facts, columns }
    }

    fn written_down(&self) -> String {
        literal(&serde_json::to_string(&self.columns).unwrap_or_default())
    }

    fn words(&self) -> usize {
        self.columns.len().div_ceil(BITS)
    }

    fn has_short(&self) -> bool {
        self.columns.iter().any(|c| !c.long)
    }

    /// Everything for a table that is not captured yet.
    pub fn create(&self, log: u64) -> Vec<String> {
        let home = self.home;
        let name = format!("syncline_log_{log}");
        let bits = (0..self.words()).map(|i| format!("c{i} bigint"));
        // Of the type under a domain, which may refuse the nulls that stand for what is not known.
        let types = || self.columns.iter().zip(&self.facts.types).enumerate();
        let fields: Vec<_> = types().filter(|(_, (c, _))| !c.long).map(|(i, (_, t))| format!("f{i} {t}")).collect();
        let image = |side: &'static str| {
            let rows = self.has_short().then(|| format!("{side} {}", home.row(log)));
            rows.into_iter()
                .chain(types().filter(|(_, (c, _))| c.long).map(move |(i, (_, t))| format!("{side}{i} {t}")))
        };
        let columns: Vec<_> = bits.chain(image("o")).chain(image("n")).collect();
        let mut statements = vec![
            format!("UPDATE {} SET logs = {log}", home.of("syncline_node")),
            format!(
                "INSERT INTO {} VALUES ({log}, {}, {}, {}, {})",
                home.of("syncline_capture"),
                literal(self.schema),
                literal(self.name),
                self.facts.oid,
                self.written_down()
            ),
        ];
        if self.has_short() {
            statements.push(format!("CREATE TYPE {} AS ({})", home.row(log), fields.join(", ")));
            statements.push(home.closed("TYPE", &format!("syncline_row_{log}")));
        }
        statements.extend([
            format!(
                "CREATE TABLE {} (xid pg_catalog.xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(), \
                 id bigint NOT NULL DEFAULT pg_catalog.nextval({}), op pg_catalog.\"char\" NOT NULL, \
                 at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), by text NOT NULL DEFAULT session_user, {}) \
                 WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000)",
                home.log(log),
                literal(&home.of(ORDER)),
                columns.join(", ")
            ),
            format!("CREATE INDEX ON {} (xid)", home.log(log)),
            home.closed("TABLE", &name),
        ]);
        statements.extend(self.function(log));
        statements.push(home.closed("FUNCTION", &format!("{name}()")));
        statements.extend(self.triggers(log));
        statements
    }

    /// The trigger function of a table that is captured already and needs more kept.
    pub fn again(&self, log: u64) -> Vec<String> {
        let capture = self.home.of("syncline_capture");
        let record = format!("UPDATE {capture} SET columns = {} WHERE log = {log}", self.written_down());
        [record].into_iter().chain(self.function(log)).collect()
    }

    fn function(&self, log: u64) -> Option<String> {
        Some(format!(
            "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS {}",
            self.home.log(log),
            literal(&self.body(log))
        ))
    }

    /// `!` sorts before every letter, digit and `_`: the server runs the triggers of a row by name, and one of the
    /// application that touches the row again must not be recorded before the change that fired it.
    fn triggers(&self, log: u64) -> [String; 2] {
        let function = self.home.log(log);
        [
            format!(
                "CREATE TRIGGER \"!syncline_{log}\" AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION {function}()",
                self.table
            ),
            format!(
                "CREATE TRIGGER \"!syncline_{log}_truncate\" AFTER TRUNCATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
                self.table
            ),
        ]
    }

    /// The function's text.
    pub fn body(&self, log: u64) -> String {
        let words = || 0..self.words();
        let (table, touched) = (self.home.log(log), self.home.of("syncline_touched"));
        // What is set for a transaction is forgotten at its end, and what was set since a savepoint with that.
        let mark = literal(&format!("syncline.log_{}_{log}", self.home.oid));
        let mut body = String::new();
        let declared: String = words().map(|i| format!("c{i} pg_catalog.int8; ")).collect();
        let changed: String = words().map(|i| format!("c{i} := {}; ", self.bits(i))).collect();
        let none: Vec<_> = words().map(|i| format!("c{i} OPERATOR(pg_catalog.=) 0")).collect();
        let bits = words().map(|i| format!("c{i}")).collect::<Vec<_>>().join(", ");
        let (into_old, old) = self.image("o", |_, value, _| value);
        let (into_new, new) = self.image("n", |_, value, _| value);
        let (_, old_of_update) = self.image("o", |i, value, kept| if kept { value } else { if_changed(i, &value) });
        let (_, new_of_update) = self.image("n", |i, value, _| if_changed(i, &value));
        let _ = write!(
            body,
            "DECLARE {declared}mark pg_catalog.text := pg_catalog.current_setting({mark}, true); BEGIN {} \
             IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN {changed}IF {} THEN RETURN NULL; END IF; END IF; \
             IF (mark OPERATOR(pg_catalog.=) 'touched') IS NOT TRUE THEN INSERT INTO {touched} (log) VALUES ({log}); \
             PERFORM pg_catalog.set_config({mark}, 'touched', true); END IF; \
             IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN INSERT INTO {table} (op, {into_new}) VALUES ('I', {new}); \
             ELSIF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN INSERT INTO {table} (op, {into_old}) VALUES ('D', {old}); \
             ELSIF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' THEN INSERT INTO {table} (op) VALUES ('T'); \
             ELSE INSERT INTO {table} (op, {bits}, {into_old}, {into_new}) \
             VALUES ('U', {bits}, {old_of_update}, {new_of_update}); END IF; RETURN NULL; END",
            self.guard(log, &mark),
            none.join(" AND "),
        );
        body
    }

    /// The change table's columns for one side, and what is put into them: what is short as one value, and each column
    /// that may be long as `long` says of it. A statement costs by its columns more than by their values.
    fn image(&self, side: &str, long: impl Fn(usize, String, bool) -> String) -> (String, String) {
        let row = if side == "o" { "OLD" } else { "NEW" };
        let value = |c: &Captured| format!("{row}.{}", quoted(&c.name));
        let columns = || self.columns.iter().enumerate();
        let short: Vec<_> = self.columns.iter().filter(|c| !c.long).map(value).collect();
        let mut into: Vec<_> = self.has_short().then(|| side.to_owned()).into_iter().collect();
        let mut values: Vec<_> = self.has_short().then(|| format!("ROW({})", short.join(", "))).into_iter().collect();
        into.extend(columns().filter(|(_, c)| c.long).map(|(i, _)| format!("{side}{i}")));
        values.extend(columns().filter(|(_, c)| c.long).map(|(i, c)| long(i, value(c), c.kept)));
        (into.join(", "), values.join(", "))
    }

    /// What looks, once in a transaction, whether the table still has the columns that are named below. If not, the
    /// application's statement must not fail by it (F113): that something was changed is all that is recorded.
    fn guard(&self, log: u64, mark: &str) -> String {
        format!(
            "IF mark IS NULL OR mark OPERATOR(pg_catalog.=) '' THEN \
             IF ((SELECT {SHAPE} FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) TG_RELID \
             AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped) OPERATOR(pg_catalog.=) {}) IS NOT TRUE \
             THEN INSERT INTO {} (log) VALUES ({log}); INSERT INTO {} (op) VALUES ('?'); \
             INSERT INTO {} VALUES ({log}) ON CONFLICT DO NOTHING; RETURN NULL; \
             END IF; PERFORM pg_catalog.set_config({mark}, 'seen', true); END IF;",
            literal(&self.facts.shape),
            self.home.of("syncline_touched"),
            self.home.log(log),
            self.home.of("syncline_odd")
        )
    }

    fn bits(&self, word: usize) -> String {
        let columns = self.columns.iter().enumerate().skip(word * BITS).take(BITS);
        let bits: Vec<_> = columns
            .map(|(i, column)| {
                let (new, old) = (format!("NEW.{}", quoted(&column.name)), format!("OLD.{}", quoted(&column.name)));
                let differs = match self.facts.exact.get(i) {
                    Some(true) => format!(
                        "({new} OPERATOR(pg_catalog.=) {old}) IS NOT TRUE AND ({new} IS NOT NULL OR {old} IS NOT NULL)"
                    ),
                    _ => format!("pg_catalog.record_image_ne(ROW({new}), ROW({old}))"),
                };
                format!("(CASE WHEN {differs} THEN {}::pg_catalog.int8 ELSE 0 END)", 1u64 << (i % BITS))
            })
            .collect();
        bits.join(" OPERATOR(pg_catalog.|) ")
    }
}

/// A table's columns in one text, by name: those of a partition may stand in another order.
pub const SHAPE: &str = "pg_catalog.string_agg(a.attname::pg_catalog.text OPERATOR(pg_catalog.||) ' ' \
    OPERATOR(pg_catalog.||) a.atttypid::pg_catalog.text OPERATOR(pg_catalog.||) ' ' \
    OPERATOR(pg_catalog.||) a.atttypmod::pg_catalog.text, ',' ORDER BY a.attname::pg_catalog.text COLLATE pg_catalog.\"C\")";

fn if_changed(i: usize, value: &str) -> String {
    format!(
        "CASE WHEN (c{} OPERATOR(pg_catalog.&) {}) OPERATOR(pg_catalog.<>) 0 THEN {value} END",
        i / BITS,
        1u64 << (i % BITS)
    )
}

/// What removes the capture of a table. The triggers go with their function, which needs no right on the table.
pub fn drop_table(home: &Home, log: u64) -> Vec<String> {
    vec![
        format!("DROP FUNCTION IF EXISTS {}() CASCADE", home.log(log)),
        format!("DROP TABLE IF EXISTS {}", home.log(log)),
        format!("DROP TYPE IF EXISTS {}", home.row(log)),
        format!("DELETE FROM {} WHERE log = {log}", home.of("syncline_capture")),
        format!("DELETE FROM {} WHERE log = {log}", home.of("syncline_odd")),
        format!("DELETE FROM {} WHERE log = {log}", home.of("syncline_touched")),
    ]
}
