//! What waits for the end of the source: references of tables that this lane created, and the counters behind columns that
//! number themselves. All of it can be done again after a crash.

use std::collections::BTreeSet;

use syncline_model::schema::ForeignKey;
use syncline_model::{Result, TableName, TableSchema};

use super::catalog::{self, Table};
use super::session::{Session, failed};
use super::{ddl, quoted};
use crate::connector::{FinishReport, WriteSpec};

/// Builds what was put off for the tables in `created`, moves counters on, and counts rows that refer to nothing.
pub async fn complete(
    session: &Session,
    spec: &WriteSpec,
    created: &BTreeSet<TableName>,
    is_replica: bool,
    report: &mut FinishReport,
) -> Result<()> {
    for schema in spec.tables.iter().filter(|t| created.contains(&t.name)) {
        for key in &schema.foreign_keys {
            refer(session, schema, key, report).await?;
        }
    }
    let names: Vec<TableName> = spec.tables.iter().map(|t| t.name.clone()).collect();
    let there = catalog::tables(session, &names).await?;
    for schema in &spec.tables {
        let Some(table) = there.get(&schema.name) else { continue };
        count_on(session, table).await?;
        // Where references were on, the server has seen to them.
        if is_replica && !created.contains(&schema.name) {
            let orphans = orphans(session, table).await?;
            if orphans > 0 {
                report
                    .notices
                    .push(format!("{}: {orphans} rows refer to rows that the sink does not hold", schema.name));
            }
        }
    }
    Ok(())
}

/// Adds a reference, unless it is there since the run before. Rows that refer to nothing are left, and said.
async fn refer(session: &Session, schema: &TableSchema, key: &ForeignKey, report: &mut FinishReport) -> Result<()> {
    let names = [schema.name.clone(), key.to.clone()];
    let there = catalog::tables(session, &names).await?;
    let (Some(table), Some(_)) = (there.get(&schema.name), there.get(&key.to)) else {
        report.notices.push(format!("{}: not created at the sink: the foreign key to {}", schema.name, key.to));
        return Ok(());
    };
    let columns = |of: &TableSchema, key: &ForeignKey| -> Vec<String> {
        key.columns.iter().filter_map(|c| of.columns.get(*c)).map(|c| c.name.to_string()).collect()
    };
    let wanted = columns(schema, key);
    if table.schema.foreign_keys.iter().any(|k| k.to == key.to && columns(&table.schema, k) == wanted) {
        return Ok(());
    }
    let sql = ddl::reference(schema, key);
    match session.client.batch_execute(&sql).await {
        Ok(()) => Ok(()),
        Err(e) if e.code().is_some_and(|c| c.code() == "23503") => {
            let orphans = orphans_of(session, table, &ForeignKey { ..own(key, schema, table) }).await?;
            session
                .client
                .batch_execute(&format!("{sql} NOT VALID"))
                .await
                .map_err(|e| failed(e, "cannot create a foreign key").at("table", schema.name.to_string()))?;
            report.notices.push(format!(
                "{}: {orphans} rows refer to rows of {} that the sink does not hold; the foreign key is there but NOT VALID",
                schema.name, key.to
            ));
            Ok(())
        }
        // The table referred to has no unique key over these columns, or one of another type: rows are not touched by it.
        Err(e) if e.code().is_some_and(|c| c.code().starts_with("42")) => {
            let reason = failed(e, "");
            report.notices.push(format!(
                "{}: not created at the sink: the foreign key to {} {}",
                schema.name,
                key.to,
                reason.to_string().trim_start_matches(": ")
            ));
            Ok(())
        }
        Err(e) => Err(failed(e, "cannot create a foreign key").at("table", schema.name.to_string())),
    }
}

/// The reference with the positions that its columns have at the sink, and the columns it means named.
fn own(key: &ForeignKey, schema: &TableSchema, table: &Table) -> ForeignKey {
    let place = |c: &usize| schema.columns.get(*c).and_then(|c| table.schema.position(&c.name));
    ForeignKey { columns: key.columns.iter().filter_map(place).collect(), ..key.clone() }
}

async fn orphans(session: &Session, table: &Table) -> Result<u64> {
    let mut sum = 0;
    for key in &table.schema.foreign_keys {
        sum += orphans_of(session, table, key).await?;
    }
    Ok(sum)
}

async fn orphans_of(session: &Session, table: &Table, key: &ForeignKey) -> Result<u64> {
    let to_columns = match key.to_columns.is_empty() {
        false => key.to_columns.clone(),
        true => {
            let there = catalog::tables(session, std::slice::from_ref(&key.to)).await?;
            there.get(&key.to).map(|t| t.schema.key_columns().map(|c| c.name.to_string()).collect()).unwrap_or_default()
        }
    };
    let columns: Vec<_> =
        key.columns.iter().filter_map(|c| table.schema.columns.get(*c)).map(|c| quoted(&c.name)).collect();
    if columns.len() != to_columns.len() {
        return Ok(0);
    }
    let known: Vec<_> = columns.iter().map(|c| format!("c.{c} IS NOT NULL")).collect();
    let same: Vec<_> = columns.iter().zip(&to_columns).map(|(c, to)| format!("p.{} = c.{c}", quoted(to))).collect();
    let sql = format!(
        "SELECT count(*) FROM {} AS c WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS p WHERE {})",
        table.sql_read(),
        known.join(" AND "),
        ddl::table_sql(&key.to),
        same.join(" AND ")
    );
    match session.client.query_one(&sql, &[]).await {
        Ok(row) => Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)),
        // Only a notice hangs on it: who may not read the other table is told nothing.
        Err(e) if e.code().is_some_and(|c| c.code() == "42501") => Ok(0),
        Err(e) => Err(failed(e, "cannot count rows that refer to nothing").at("table", table.schema.name.to_string())),
    }
}

/// Moves the counters of a table past the numbers that were loaded; never back.
async fn count_on(session: &Session, table: &Table) -> Result<()> {
    if !table.schema.columns.iter().any(|c| c.numbered) {
        return Ok(());
    }
    let cannot = |e| failed(e, "cannot move a counter on").at("table", table.schema.name.to_string());
    let sql = "SELECT a.attname::text, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(s.relname), \
            q.seqincrement > 0, pg_catalog.has_sequence_privilege(s.oid, 'UPDATE') \
        FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S' \
        JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
        WHERE d.refobjid = $1 AND d.deptype IN ('a', 'i') AND d.classid = 'pg_catalog.pg_class'::regclass \
            AND d.refclassid = 'pg_catalog.pg_class'::regclass";
    for row in session.client.query(sql, &[&table.oid]).await.map_err(cannot)? {
        let (column, sequence): (String, String) = (row.get(0), row.get(1));
        let (counts_up, may): (bool, bool) = (row.get(2), row.get(3));
        if !counts_up || !may {
            continue;
        }
        let column = quoted(&column);
        // In one statement, and only if there is a number beyond: another session may be counting.
        let sql = format!(
            "SELECT pg_catalog.setval({}, m.top) FROM (SELECT max({column})::bigint AS top FROM {}) m, {sequence} q \
             WHERE m.top > q.last_value OR m.top = q.last_value AND NOT q.is_called",
            super::literal(&sequence),
            table.sql()
        );
        session.client.query(&sql, &[]).await.map_err(cannot)?;
    }
    Ok(())
}
