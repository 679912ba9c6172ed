//! PostgreSQL's catalogue: which tables there are and what they look like. One round trip per kind of thing.

use std::collections::{HashMap, HashSet};

use syncline_model::pattern::Selection;
use syncline_model::schema::{ForeignKey, Index};
use syncline_model::{Column, LogicalType, Result, TableName, TableSchema};
use tokio_postgres::Row;

use super::session::{Session, failed};
use super::types::{self, Kind};
use super::{BRAND, quoted};
use crate::connector::Description;

/// A table as its database has it.
#[derive(Debug, Clone)]
pub struct Table {
    /// What it looks like.
    pub schema: TableSchema,
    /// Its number in the catalogue.
    pub oid: u32,
    /// What it is: `r` a table, `p` a partitioned one, and what is none.
    pub relkind: String,
    /// Its schema's own name.
    pub namespace: String,
    /// How values travel, per column.
    pub kinds: Vec<Kind>,
    /// Rows, roughly; negative if nobody counted.
    pub rows: f32,
    /// Whether other tables inherit from it.
    pub has_children: bool,
}

impl Table {
    /// Its name for use in SQL, with its schema.
    pub fn sql(&self) -> String {
        format!("{}.{}", quoted(&self.namespace), quoted(&self.schema.name.name))
    }

    /// What to read from: a partitioned table with its partitions, any other table without those that inherit from it,
    /// which are tables of their own.
    pub fn sql_read(&self) -> String {
        if self.relkind == "p" { self.sql() } else { format!("ONLY {}", self.sql()) }
    }
}

/// The schema that a name without one means.
pub async fn default_schema(session: &Session) -> Result<Option<String>> {
    let row = session.client.query_one("SELECT pg_catalog.current_schema()::text", &[]).await;
    Ok(row.map_err(|e| failed(e, "cannot ask for the default schema"))?.get(0))
}

const RELATIONS: &str = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.reltuples, \
        c.relhassubclass, c.relispartition, c.relpersistence::text, \
        EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass \
            AND d.objid = c.oid AND d.deptype = 'e') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
        AND ($1::text[] IS NULL OR c.relname = ANY($1)) \
    ORDER BY 2, 3";

/// The tables that `wanted` selects, by name.
pub async fn describe(session: &Session, wanted: &Selection) -> Result<Description> {
    let default = default_schema(session).await?;
    let mut found = Description::default();
    let mut tables = Vec::new();
    for table in relations(session, default.as_deref(), None).await? {
        let name = table.schema.name.clone();
        // I16: what is ours carries the prefix, and is never data.
        if name.name.starts_with("syncline_") || !table.is_listed {
            continue;
        }
        found.names.push(name.clone());
        if !wanted.wants(&name, default.as_deref()) {
            continue;
        }
        match what_it_is(&table.relkind) {
            None => tables.push(table.table),
            Some(reason) => found.skipped.push((name, reason.into())),
        }
    }
    complete(session, default.as_deref(), &mut tables).await?;
    for table in tables {
        if table.rows >= 0.0 && table.relkind == "r" {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            found.rows_estimates.insert(table.schema.name.clone(), table.rows as u64);
        }
        found.tables.push(table.schema);
    }
    Ok(found)
}

/// Why something is no table whose rows can be copied; nothing if it is one.
pub fn what_it_is(relkind: &str) -> Option<&'static str> {
    match relkind {
        "r" | "p" => None,
        "v" => Some("a view holds no rows of its own"),
        "m" => Some("a materialized view is computed from other tables"),
        "f" => Some("a foreign table's rows are in another database"),
        _ => Some("it is no table"),
    }
}

/// The tables of these names that are there, all of what they are; also what is no table.
pub async fn tables(session: &Session, names: &[TableName]) -> Result<HashMap<TableName, Table>> {
    let default = default_schema(session).await?;
    let wanted: HashSet<&TableName> = names.iter().collect();
    let plain: Vec<&str> = names.iter().map(|n| &*n.name).collect();
    let there = relations(session, default.as_deref(), Some(plain)).await?;
    let mut tables: Vec<Table> =
        there.into_iter().map(|t| t.table).filter(|t| wanted.contains(&t.schema.name)).collect();
    complete(session, default.as_deref(), &mut tables).await?;
    Ok(tables.into_iter().map(|t| (t.schema.name.clone(), t)).collect())
}

struct Listed {
    table: Table,
    is_listed: bool,
}

impl std::ops::Deref for Listed {
    type Target = Table;
    fn deref(&self) -> &Table {
        &self.table
    }
}

async fn relations(session: &Session, default: Option<&str>, names: Option<Vec<&str>>) -> Result<Vec<Listed>> {
    let rows = session.client.query(RELATIONS, &[&names]).await.map_err(|e| failed(e, "cannot list the tables"))?;
    let listed = |row: &Row| {
        let (namespace, name): (String, String) = (row.get(1), row.get(2));
        let schema = TableSchema::new(table_name(&namespace, &name, default), Vec::new());
        let (is_partition, persistence, of_extension): (bool, String, bool) = (row.get(6), row.get(7), row.get(8));
        Listed {
            table: Table {
                schema: TableSchema { brand: BRAND.into(), ..schema },
                oid: row.get(0),
                relkind: row.get(3),
                namespace,
                kinds: Vec::new(),
                rows: row.get(4),
                has_children: row.get(5),
            },
            is_listed: !is_partition && persistence != "t" && !of_extension,
        }
    };
    Ok(rows.iter().map(listed).collect())
}

/// The name by which a table is called where that is the default schema.
pub fn table_name(namespace: &str, name: &str, default: Option<&str>) -> TableName {
    let schema = Some(namespace).filter(|n| Some(*n) != default).map(Into::into);
    TableName { schema, name: name.into() }
}

/// Fills in columns, keys, indexes, references and triggers.
async fn complete(session: &Session, default: Option<&str>, tables: &mut [Table]) -> Result<()> {
    if tables.is_empty() {
        return Ok(());
    }
    let oids: Vec<u32> = tables.iter().map(|t| t.oid).collect();
    let by_oid: HashMap<u32, usize> = oids.iter().enumerate().map(|(i, oid)| (*oid, i)).collect();
    let cannot = |e| failed(e, "cannot describe the tables");
    let labels = labels(session).await.map_err(cannot)?;
    let mut attributes: HashMap<(u32, i16), usize> = HashMap::new();
    for row in session.client.query(&columns_sql(session.version), &[&oids]).await.map_err(cannot)? {
        let oid: u32 = row.get(0);
        let Some(table) = by_oid.get(&oid).and_then(|i| tables.get_mut(*i)) else { continue };
        attributes.insert((oid, row.get(1)), table.schema.columns.len());
        let (column, kind, lost) = column(&row, &labels);
        table.schema.not_carried.extend(lost);
        table.schema.columns.push(column);
        table.kinds.push(kind);
    }
    let places = |oid: u32, numbers: &[i16]| -> Option<Vec<usize>> {
        numbers.iter().map(|n| attributes.get(&(oid, *n)).copied()).collect()
    };
    for row in session.client.query(INDEXES, &[&oids]).await.map_err(cannot)? {
        let oid: u32 = row.get(0);
        let Some(table) = by_oid.get(&oid).and_then(|i| tables.get_mut(*i)) else { continue };
        index(&row, table, places(oid, &row.get::<_, Vec<i16>>(4)));
    }
    for row in session.client.query(CONSTRAINTS, &[&oids]).await.map_err(cannot)? {
        let oid: u32 = row.get(0);
        let Some(table) = by_oid.get(&oid).and_then(|i| tables.get_mut(*i)) else { continue };
        constraint(&row, table, places(oid, &row.get::<_, Vec<i16>>(3)), default);
    }
    for row in session.client.query(TRIGGERS, &[&oids]).await.map_err(cannot)? {
        let Some(table) = by_oid.get(&row.get::<_, u32>(0)).and_then(|i| tables.get_mut(*i)) else { continue };
        table.schema.triggers.push(row.get(1));
    }
    for table in tables {
        other_losses(table);
    }
    Ok(())
}

/// The columns of some tables; a domain is followed to the type under it. Older servers know neither generated columns
/// nor collations by which different texts are equal.
fn columns_sql(version: u32) -> String {
    let (generated, deterministic) =
        if version >= 120_000 { ("a.attgenerated::text", "co.collisdeterministic") } else { ("''::text", "true") };
    format!(
        "WITH RECURSIVE base AS ( \
            SELECT t.oid AS root, t.oid, t.typtype, t.typbasetype, t.typtypmod, t.typnotnull FROM pg_catalog.pg_type t \
            WHERE t.oid IN (SELECT atttypid FROM pg_catalog.pg_attribute WHERE attrelid = ANY($1) AND attnum > 0) \
            UNION ALL SELECT b.root, t.oid, t.typtype, t.typbasetype, \
                CASE WHEN t.typtype = 'd' AND b.typtypmod < 0 THEN t.typtypmod ELSE b.typtypmod END, \
                b.typnotnull OR t.typnotnull \
            FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd') \
        SELECT a.attrelid, a.attnum, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), \
            a.attnotnull OR b.typnotnull, a.attidentity::text, {generated}, \
            pg_catalog.pg_get_expr(d.adbin, d.adrelid), t.oid, \
            CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname::text ELSE '' END, \
            CASE WHEN b.root = b.oid THEN a.atttypmod ELSE b.typtypmod END, t.typtype::text, e.oid, \
            CASE WHEN e.typnamespace = 'pg_catalog'::regnamespace THEN e.typname::text ELSE '' END, e.typtype::text, \
            CASE WHEN NOT {deterministic} THEN co.collname::text WHEN t.typname = 'citext' THEN 'citext' END \
        FROM pg_catalog.pg_attribute a \
        JOIN base b ON b.root = a.atttypid AND b.typtype <> 'd' \
        JOIN pg_catalog.pg_type t ON t.oid = b.oid \
        LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' \
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
        LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation \
        WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum"
    )
}

/// Every enum's labels in their order.
async fn labels(session: &Session) -> Result<HashMap<u32, Vec<String>>, tokio_postgres::Error> {
    let sql = "SELECT enumtypid, enumlabel::text FROM pg_catalog.pg_enum ORDER BY enumtypid, enumsortorder";
    let mut labels: HashMap<u32, Vec<String>> = HashMap::new();
    for row in session.client.query(sql, &[]).await? {
        labels.entry(row.get(0)).or_default().push(row.get(1));
    }
    Ok(labels)
}

/// The column, how its values travel, and what of it cannot be carried.
fn column(row: &Row, labels: &HashMap<u32, Vec<String>>) -> (Column, Kind, Option<String>) {
    let of = |oid: u32, name: &str, modifier: i32, class: &str| -> (Kind, LogicalType) {
        let kind = if class == "e" { Kind::Enum } else { types::kind(name, modifier) };
        (kind, types::logical(kind, labels.get(&oid).map_or(&[], Vec::as_slice)))
    };
    let (name, native): (String, String) = (row.get(2), row.get(3));
    let (identity, generated): (String, String) = (row.get(5), row.get(6));
    let expression: Option<String> = row.get(7);
    let (mut kind, mut logical) = of(row.get(8), row.get(9), row.get(10), row.get(11));
    if let Some(element) = row.get::<_, Option<u32>>(12) {
        let (_, of) = of(element, row.get(13), row.get(10), row.get(14));
        (kind, logical) = (Kind::Other, LogicalType::Array(Box::new(of)));
    }
    let is_generated = !generated.is_empty();
    let by_sequence = expression.as_deref().is_some_and(|e| e.starts_with("nextval("));
    let lost = is_generated.then(|| format!("the formula of column {name}, whose values are copied"));
    let default = match identity.as_str() {
        "a" => Some(ALWAYS.to_owned()),
        _ => expression.filter(|_| !is_generated && !by_sequence),
    };
    let column = Column {
        name: name.into(),
        logical,
        native,
        nullable: !row.get::<_, bool>(4),
        generated: is_generated,
        collation: row.get(15),
        numbered: by_sequence || !identity.is_empty(),
        default,
    };
    (column, kind, lost)
}

/// The default of an identity column that takes no other number unless told so twice.
pub const ALWAYS: &str = "GENERATED ALWAYS AS IDENTITY";

const INDEXES: &str = "SELECT i.indrelid, i.indisprimary, i.indisunique, \
        i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AND am.amname = 'btree' \
            AND NOT EXISTS (SELECT 1 FROM pg_catalog.unnest(i.indoption) o WHERE o <> 0) \
            AND NOT EXISTS (SELECT 1 FROM pg_catalog.unnest(i.indclass) o \
                JOIN pg_catalog.pg_opclass oc ON oc.oid = o WHERE NOT oc.opcdefault), \
        (SELECT pg_catalog.array_agg(k ORDER BY place) FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY u (k, place) \
            WHERE place <= i.indnkeyatts), \
        c.relname::text, \
        EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype = 'u') \
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
    JOIN pg_catalog.pg_am am ON am.oid = c.relam WHERE i.indrelid = ANY($1) ORDER BY i.indrelid, c.relname";

fn index(row: &Row, table: &mut Table, columns: Option<Vec<usize>>) {
    let (primary, unique, plain): (bool, bool, bool) = (row.get(1), row.get(2), row.get(3));
    let (name, of_constraint): (String, bool) = (row.get(5), row.get(6));
    match columns.filter(|_| plain) {
        Some(columns) if primary => table.schema.key = columns,
        Some(columns) => {
            let name = (!of_constraint).then_some(name);
            table.schema.indexes.push(Index { name, columns, unique });
        }
        None if primary => table.schema.not_carried.push(format!("the primary key {name}, which is checked late")),
        None => table.schema.not_carried.push(format!(
            "index {name} (partial, over an expression, in another order, deferrable, or of another kind than btree)"
        )),
    }
}

const CONSTRAINTS: &str = "SELECT k.conrelid, k.contype::text, k.conname::text, k.conkey, fn.nspname::text, \
        f.relname::text, ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u (n, place) \
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY place), \
        k.confdeltype::text, k.confupdtype::text, k.condeferrable, k.confmatchtype::text \
    FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid \
    LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace \
    WHERE k.conrelid = ANY($1) AND k.contype IN ('c', 'f', 'x') AND k.conparentid = 0 \
    ORDER BY k.conrelid, k.conname";

fn constraint(row: &Row, table: &mut Table, columns: Option<Vec<usize>>, default: Option<&str>) {
    let (kind, name): (String, String) = (row.get(1), row.get(2));
    let lost = &mut table.schema.not_carried;
    match (kind.as_str(), columns) {
        ("c", _) => lost.push(format!("check constraint {name}")),
        ("x", _) => lost.push(format!("exclusion constraint {name}")),
        (_, None) => lost.push(format!("foreign key {name}")),
        (_, Some(columns)) => {
            let (namespace, to): (String, String) = (row.get(4), row.get(5));
            let action = |code: String| {
                Some(match code.as_str() {
                    "r" => "RESTRICT".to_owned(),
                    "c" => "CASCADE".to_owned(),
                    "n" => "SET NULL".to_owned(),
                    "d" => "SET DEFAULT".to_owned(),
                    _ => return None,
                })
            };
            if row.get::<_, bool>(9) {
                lost.push(format!("that foreign key {name} may be checked at the end of a transaction"));
            }
            if row.get::<_, String>(10) == "f" {
                lost.push(format!("MATCH FULL of foreign key {name}"));
            }
            table.schema.foreign_keys.push(ForeignKey {
                columns,
                to: table_name(&namespace, &to, default),
                to_columns: row.get(6),
                on_delete: action(row.get(7)),
                on_update: action(row.get(8)),
            });
        }
    }
}

const TRIGGERS: &str = "SELECT t.tgrelid, t.tgname::text FROM pg_catalog.pg_trigger t \
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgrelid = ANY($1) ORDER BY t.tgrelid, t.tgname";

fn other_losses(table: &mut Table) {
    if table.relkind == "p" {
        table.schema.not_carried.push("its partitions; the rows of all of them go into one table".into());
    } else if table.has_children {
        let name = table.schema.name.to_string();
        table.schema.not_carried.push(format!(
            "that other tables inherit from it: {name} has its own rows only, the others are tables of their own"
        ));
    }
}
