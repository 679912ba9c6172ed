//! What the server would do to rows of other tables, for a login that cannot switch references off: rows that nobody
//! asked for must not go, nor lose what they refer to, without a word (I10).

use syncline_model::{Error, ErrorKind, Result, TableName};

use super::catalog::{Table, default_schema, table_name};
use super::session::{Session, failed};

/// The tables of which deleting all rows of one takes rows along, or empties what they refer to it by. A table that only
/// loses its reference passes nothing on.
const TAKEN_ALONG: &str = "WITH RECURSIVE hit (oid, gone) AS (SELECT $1::oid, true UNION \
        SELECT k.conrelid, k.confdeltype = 'c' FROM pg_catalog.pg_constraint k JOIN hit ON k.confrelid = hit.oid \
        WHERE hit.gone AND k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd')) \
    SELECT DISTINCT n.nspname::text, c.relname::text, \
        pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) \
    FROM hit JOIN pg_catalog.pg_class c ON c.oid = hit.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.oid <> $1 AND NOT c.relispartition ORDER BY 1, 2";

/// Refuses to empty a table if rows of others would go with it that this lane does not write anew: tables that it does
/// not write at all, and those that come before this one in `order` and hold their new rows already.
pub async fn may_be_emptied(session: &Session, there: &Table, order: &[TableName]) -> Result<()> {
    let cannot = |e| failed(e, "cannot empty the table").at("table", there.schema.name.to_string());
    let default = default_schema(session).await?;
    let own = order.iter().position(|name| *name == there.schema.name);
    for row in session.client.query(TAKEN_ALONG, &[&there.oid]).await.map_err(cannot)? {
        let name = table_name(row.get(0), row.get(1), default.as_deref());
        if order.iter().position(|o| *o == name) > own {
            continue;
        }
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", row.get::<_, &str>(2));
        if session.client.query_one(&sql, &[]).await.map_err(cannot)?.get(0) {
            return Err(Error::new(
                ErrorKind::Constraint,
                format!(
                    "emptying the table would take rows of {name} along, or what they refer to, by its foreign keys"
                ),
            )
            .at("table", there.schema.name.to_string())
            .hint("use a login that may switch references off (session_replication_role), or mode upsert"));
        }
    }
    Ok(())
}

/// Whether spelling a key otherwise would empty references to it.
pub async fn loses_references(session: &Session, there: &Table) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint \
        WHERE confrelid = $1 AND contype = 'f' AND confupdtype IN ('n', 'd'))";
    let row = session.client.query_one(sql, &[&there.oid]).await;
    let cannot = |e| failed(e, "cannot ask for references").at("table", there.schema.name.to_string());
    Ok(row.map_err(cannot)?.get(0))
}
