//! What stands against capture: in a table, and in the server.

use syncline_model::{Result, TableName, TableSchema};

use super::ddl::bytes_max;
use crate::connect::mariadb::catalog::Found;
use crate::connect::mariadb::rights::{self, Grants};
use crate::connect::mariadb::session::{Server, Session, text};
use crate::connector::InstallPlan;

/// What installing and following takes in the source's database.
pub const RIGHTS: [&str; 7] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "TRIGGER"];

/// Most columns of a captured table: InnoDB's 1,017, less those of our own, halved.
const COLUMNS_MAX: usize = 490;

/// Bytes of a row that InnoDB keeps in one page of 16 KiB, whatever is kept apart.
const ROW_BYTES_MAX: u64 = 8_000;

/// The table as it is, unless it cannot be captured; then the plan says why.
pub fn of_table<'f>(name: &TableName, found: Option<&'f Found>, plan: &mut InstallPlan) -> Option<&'f Found> {
    let Some(found) = found else {
        plan.obstacles.push(format!("{name} is not a table; only tables have triggers"));
        return None;
    };
    let before = plan.obstacles.len();
    let mut stands = |why: String| plan.obstacles.push(format!("{name} {why}"));
    if name.schema.is_some() {
        stands("lies in another database than the connection's; triggers write to tables beside them, so name a connection to that database".into());
    }
    if !found.engine.eq_ignore_ascii_case("InnoDB") {
        stands(format!(
            "is kept by {}, where a change and its record do not commit together; `ALTER TABLE {name} ENGINE=InnoDB`",
            found.engine
        ));
    }
    if let Some(key) = found.schema.foreign_keys.iter().find(|k| k.on_delete.is_some() || k.on_update.is_some()) {
        let does = [("DELETE", &key.on_delete), ("UPDATE", &key.on_update)];
        let does = does.iter().filter_map(|(when, does)| Some(format!("ON {when} {}", does.as_ref()?)));
        stands(format!(
            "refers to {} with {}, which the server does without firing triggers (F24); let the reference do nothing \
             (`RESTRICT`), and the application delete or change what refers",
            key.to,
            does.collect::<Vec<_>>().join(" ")
        ));
    }
    let columns = found.schema.columns.len();
    if columns > COLUMNS_MAX || row_bytes(&found.schema) > ROW_BYTES_MAX {
        stands(format!(
            "has {columns} columns; capture keeps the old and the new row side by side, for which a page has no room"
        ));
    }
    (plan.obstacles.len() == before).then_some(found)
}

/// Bytes of both images that must have room in a page: what may be longer than 40 is kept apart.
fn row_bytes(schema: &TableSchema) -> u64 {
    let fixed = |word: &str| matches!(word, "binary");
    let bytes = schema.columns.iter().map(|c| {
        let native = crate::connect::mariadb::types::Native::parse(&c.native);
        let most = bytes_max(c);
        2 * if fixed(&native.word) { most } else { most.min(40) }
    });
    bytes.sum::<u64>() + 64
}

/// Why nothing can be captured here by this login.
pub fn refused(grants: &Grants, server: &Server) -> Vec<String> {
    let mut refused = Vec::new();
    if let Some(why) = grants.read_only(server) {
        refused.push(format!("{why}; triggers must be at the server that applications write to"));
    }
    let missing = grants.missing(&RIGHTS, &server.database, None);
    if !missing.is_empty() {
        let grant = rights::statement(&missing, &server.database, None, server);
        refused.push(format!("the login lacks {}; `{grant}`", missing.join(", ")));
    }
    // Error 1419.
    let distrusts = server.is_on("log_bin") && !server.is_on("log_bin_trust_function_creators");
    if distrusts && !grants.missing(&["SUPER"], "", None).is_empty() {
        refused.push(
            "the server keeps a binary log and lets only SUPER create triggers (1419); \
             `SET GLOBAL log_bin_trust_function_creators = 1`, also in its configuration file, lets others"
                .into(),
        );
    }
    refused
}

/// What of the server and of the login's rights stands against it.
pub async fn of_server(session: &mut Session, plan: &mut InstallPlan) -> Result<()> {
    let server = session.server.clone();
    let grants = Grants::read(session).await?;
    plan.obstacles.extend(refused(&grants, &server));
    if let Some(notice) = rights::flush_notice(&server) {
        plan.notices.push(notice);
    }
    if server.is_on("log_bin") && server.variable("binlog_format").eq_ignore_ascii_case("STATEMENT") {
        plan.notices.push(
            "binlog_format is STATEMENT: the server warns of each captured statement, and replicas number the changes \
             differently; MIXED or ROW do not"
                .into(),
        );
    }
    Ok(())
}

/// Who holds transactions open, as far as the login may see.
pub async fn open_transactions(session: &mut Session) -> String {
    let sql = "SELECT p.ID, p.USER, p.HOST, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) \
         FROM information_schema.INNODB_TRX AS t JOIN information_schema.PROCESSLIST AS p ON p.ID = t.trx_mysql_thread_id \
         WHERE p.ID <> CONNECTION_ID() ORDER BY t.trx_started LIMIT 3";
    let Ok(rows) = session.rows(sql).await else {
        return "`GRANT PROCESS ON *.*` lets Syncline name the transactions that are open".into();
    };
    let one = |row| {
        let [id, user, host, seconds] = [0, 1, 2, 3].map(|i| text(row, i));
        format!("connection {id} of {user}@{host} for {seconds} s")
    };
    match rows.is_empty() {
        true => "no transaction is open any more".into(),
        false => format!("open transactions: {}", rows.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}
