//! What the login may do, and what `check` says of the server.

use syncline_model::{Result, TableName};

use super::quoted;
use super::session::{Server, Session, text};
use crate::connector::{Finding, Level};

/// What a sink does in a database.
pub const OF_A_SINK: [&str; 8] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "CREATE TEMPORARY TABLES"];

/// What the account was granted, as far as `SHOW GRANTS` tells.
#[derive(Debug, Default)]
pub struct Grants {
    lines: Vec<Grant>,
    /// Whether a role was granted, whose rights may not be listed; then nothing is missing for sure.
    by_role: bool,
}

#[derive(Debug)]
struct Grant {
    rights: Vec<String>,
    database: String,
    table: String,
}

impl Grants {
    /// Asks for them.
    pub async fn read(session: &mut Session) -> Result<Self> {
        let mut grants = Self::default();
        for row in session.rows("SHOW GRANTS").await? {
            match grant(&text(&row, 0)) {
                Some(grant) => grants.lines.push(grant),
                None => grants.by_role = true,
            }
        }
        Ok(grants)
    }

    /// Those of the wanted rights on a table, or on a whole database, that are surely missing.
    pub fn missing<'w>(&self, wanted: &[&'w str], database: &str, table: Option<&str>) -> Vec<&'w str> {
        if self.by_role {
            return Vec::new();
        }
        wanted.iter().copied().filter(|right| !self.has(right, database, table)).collect()
    }

    fn has(&self, right: &str, database: &str, table: Option<&str>) -> bool {
        self.lines.iter().any(|grant| {
            let all = grant.rights.iter().any(|r| r == "ALL PRIVILEGES" || r == "ALL" || r == right);
            let database = grant.database == "*" || like(&grant.database, database);
            let table = grant.table == "*" || table.is_some_and(|t| grant.table.eq_ignore_ascii_case(t));
            all && database && table
        })
    }

    /// Whether the account may write to a server that is read-only for others.
    fn is_above_read_only(&self) -> bool {
        self.by_role || ["SUPER", "READ_ONLY ADMIN", "READ ONLY ADMIN"].iter().any(|r| self.has(r, "", None))
    }

    /// Why nothing can be written to this server, if so.
    pub fn read_only(&self, server: &Server) -> Option<&'static str> {
        let of_all = server.is_on("innodb_read_only") || server.is_on("super_read_only");
        match server.is_on("read_only") && !self.is_above_read_only() || of_all {
            true => Some("the server can only be read (read_only is on)"),
            false => None,
        }
    }
}

/// `GRANT SELECT, INSERT (`a`) ON `db`.`t` TO …`; nothing for a role.
fn grant(line: &str) -> Option<Grant> {
    let (rights, rest) = line.strip_prefix("GRANT ")?.split_once(" ON ")?;
    let (object, _) = rest.rsplit_once(" TO ")?;
    let (database, table) = match object.find("`.") {
        Some(at) => (object.get(..=at)?, object.get(at + 2..)?),
        None => object.split_once('.')?,
    };
    let name = |part: &str| match part.strip_prefix('`').and_then(|p| p.strip_suffix('`')) {
        Some(inside) => inside.replace("``", "`"),
        None => part.to_owned(),
    };
    // A right on some columns is none on the table.
    let rights = rights.split(", ").filter(|r| !r.contains('(') && !r.contains(')'));
    Some(Grant { rights: rights.map(str::to_owned).collect(), database: name(database), table: name(table) })
}

/// As the server matches a database of a grant: `%` and `_`, unless a backslash is before them.
fn like(pattern: &str, name: &str) -> bool {
    let mut chars = pattern.chars();
    match chars.next() {
        None => name.is_empty(),
        Some('%') => name
            .char_indices()
            .map(|(at, _)| at)
            .chain([name.len()])
            .any(|at| like(chars.as_str(), name.get(at..).unwrap_or_default())),
        Some(c) => {
            let (wanted, any) = match c {
                '\\' => (chars.next().unwrap_or('\\'), false),
                '_' => ('_', true),
                c => (c, false),
            };
            let mut rest = name.chars();
            rest.next().is_some_and(|own| any || own == wanted) && like(chars.as_str(), rest.as_str())
        }
    }
}

/// The statement that gives rights.
pub fn statement(rights: &[&str], database: &str, table: Option<&TableName>, server: &Server) -> String {
    let (user, host) = server.account.rsplit_once('@').unwrap_or((&server.account, "%"));
    let object = match table {
        Some(table) => format!("{}.{}", quoted(database), quoted(&table.name)),
        None => format!("{}.*", quoted(database)),
    };
    format!("GRANT {} ON {object} TO '{user}'@'{host}'", rights.join(", "))
}

/// Looks at what matters to a copy.
pub async fn findings(session: &mut Session, findings: &mut Vec<Finding>) -> Result<()> {
    let server = session.server.clone();
    let grants = Grants::read(session).await?;
    let mut say = |code, level, text: String, advice: Option<String>| {
        findings.push(Finding { code, level, text, advice });
    };
    say("mariadb.account", Level::Ok, format!("logged in as {} on database {}", server.account, server.database), None);
    let missing = grants.missing(&["SELECT"], &server.database, None);
    if !missing.is_empty() {
        let advice = statement(&missing, &server.database, None, &server);
        let what = "may not read every table of the database; only tables with a grant of their own are seen";
        say("mariadb.read", Level::Warning, what.into(), Some(advice));
    }
    let missing = grants.missing(&OF_A_SINK, &server.database, None);
    let (level, told, advice) = match (grants.read_only(&server), missing.is_empty()) {
        (Some(why), _) => (Level::Warning, why.to_owned(), Some("a sink needs the primary server".to_owned())),
        (None, true) => (Level::Ok, "can be written".to_owned(), None),
        (None, false) => (
            Level::Warning,
            format!("as a sink the login lacks {}", missing.join(", ")),
            Some(statement(&missing, &server.database, None, &server)),
        ),
    };
    say("mariadb.writable", level, told, advice);
    match server.is_on("local_infile") {
        true => say("mariadb.local_infile", Level::Ok, "takes LOAD DATA LOCAL".into(), None),
        false => say(
            "mariadb.local_infile",
            Level::Warning,
            "takes no LOAD DATA LOCAL: as a sink it is written by INSERT, which is slower".into(),
            Some("SET GLOBAL local_infile = ON".into()),
        ),
    }
    let mebibytes = server.packet_bytes_max() >> 20;
    let text = format!("largest row is {mebibytes} MiB (max_allowed_packet)");
    let small = mebibytes < 16;
    let advice = small.then(|| "raise max_allowed_packet if rows hold large values".into());
    say("mariadb.max_allowed_packet", if small { Level::Warning } else { Level::Ok }, text, advice);
    let charset = server.variable("character_set_server");
    say("mariadb.charset", Level::Ok, format!("new tables keep text in {charset}; Syncline's in utf8mb4"), None);
    let log = match server.is_on("log_bin") {
        true => format!("binary log on, format {}", server.variable("binlog_format")),
        false => "binary log off".to_owned(),
    };
    say("mariadb.log", Level::Ok, log, None);
    say_of_capture(&grants, &server, &mut say);
    Ok(())
}

/// What capture by triggers needs.
fn say_of_capture(grants: &Grants, server: &Server, say: &mut impl FnMut(&'static str, Level, String, Option<String>)) {
    match super::capture::refused(grants, server).into_iter().next() {
        None => say("mariadb.capture", Level::Ok, "changes can be captured by triggers".into(), None),
        Some(why) => say("mariadb.capture", Level::Warning, "changes cannot be captured here".into(), Some(why)),
    }
    if let Some(notice) = flush_notice(server) {
        say("mariadb.durability", Level::Warning, notice, Some("SET GLOBAL innodb_flush_log_at_trx_commit = 1".into()));
    }
}

/// Of a server that may forget what it has committed (F114).
pub fn flush_notice(server: &Server) -> Option<String> {
    let flushed = server.variable("innodb_flush_log_at_trx_commit");
    let lax = !matches!(flushed, "" | "1" | "3");
    lax.then(|| {
        format!(
            "innodb_flush_log_at_trx_commit is {flushed}: a crash of the server or its machine may take back changes that \
             were sent on already; that is noticed, and the tables must be loaded again"
        )
    })
}

#[cfg(test)]
mod tests;
