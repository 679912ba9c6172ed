//! What the login may do, and what `check` says of the server.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use syncline_model::{Error, ErrorKind, Result, TableName, TableSchema};

use super::catalog::Table;
use super::config::Settings;
use super::quoted;
use super::session::{Session, failed};
use crate::connector::{Finding, Level, Misfit, WriteSpec};

/// What a sink does with a table.
const NEEDED: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/// Refuses a server that takes no writes.
pub async fn must_be_writable(session: &Session) -> Result<()> {
    let sql = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only'), \
        (SELECT pg_catalog.pg_encoding_to_char(encoding)::text FROM pg_catalog.pg_database \
            WHERE datname = pg_catalog.current_database())";
    let row = session.client.query_one(sql, &[]).await.map_err(|e| failed(e, "cannot look at the server"))?;
    let (standby, read_only, encoding): (bool, String, String) = (row.get(0), row.get(1), row.get(2));
    if standby {
        return Err(
            Error::new(ErrorKind::Denied, "the server is a standby and takes no writes").hint("name the primary")
        );
    }
    if read_only == "on" {
        return Err(Error::new(ErrorKind::Denied, "default_transaction_read_only is on: nothing can be written")
            .hint("use a login or database without it"));
    }
    if encoding == "SQL_ASCII" {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the database's encoding is SQL_ASCII, which takes any bytes for text",
        )
        .hint("a sink needs a database in UTF8"));
    }
    Ok(())
}

/// Who the login is and what it may do everywhere.
struct Login {
    user: String,
    database: String,
    default: Option<String>,
    may_create_schemas: bool,
    may_stage: bool,
}

impl Login {
    async fn of(session: &Session) -> Result<Self> {
        let sql = "SELECT current_user::text, pg_catalog.current_schema()::text, pg_catalog.current_database()::text, \
            pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'), \
            pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')";
        let row = session.client.query_one(sql, &[]).await.map_err(cannot)?;
        Ok(Self {
            user: quoted(row.get(0)),
            default: row.get(1),
            database: quoted(row.get(2)),
            may_create_schemas: row.get(3),
            may_stage: row.get(4),
        })
    }
}

fn cannot(e: tokio_postgres::Error) -> Error {
    failed(e, "cannot look at the login's rights")
}

/// Every right that the login misses to write these tables, with the statement that gives it.
pub async fn misfits(session: &Session, spec: &WriteSpec, there: &HashMap<TableName, Table>) -> Result<Vec<Misfit>> {
    let login = Login::of(session).await?;
    let control = "SELECT pg_catalog.to_regclass('syncline_position')::oid";
    let control: Option<u32> = session.client.query_one(control, &[]).await.map_err(cannot)?.get(0);
    let Some(default) = &login.default else {
        let reason = "no schema of the search path exists, so it can be nowhere; CREATE SCHEMA public".into();
        return Ok(vec![Misfit { table: "syncline_position".into(), reason }]);
    };
    // Where tables are created, the control table among them.
    let new = spec.tables.iter().filter(|t| !there.contains_key(&t.name));
    let new = new.map(|t| (t.name.to_string(), t.name.schema.as_deref().unwrap_or(default).to_owned()));
    let own = control.is_none().then(|| ("syncline_position".to_owned(), default.clone()));
    let mut found = creation(session, &login, own.into_iter().chain(new)).await?;
    found.extend(writing(session, &login, there, control).await?);
    if !there.is_empty() && !login.may_stage {
        let table = there.keys().min().map(ToString::to_string).unwrap_or_default();
        let grant = format!("GRANT TEMPORARY ON DATABASE {} TO {}", login.database, login.user);
        found.push(Misfit { table, reason: format!("the login may not create temporary tables; {grant}") });
    }
    Ok(found)
}

/// The tables that are to be given columns and are not the login's own, which no `GRANT` changes.
pub async fn not_owned(
    session: &Session,
    narrow: &BTreeMap<TableName, TableSchema>,
    there: &HashMap<TableName, Table>,
) -> Result<Vec<Misfit>> {
    let mut found = Vec::new();
    for name in narrow.keys() {
        let Some(table) = there.get(name) else { continue };
        let sql = "SELECT pg_catalog.pg_has_role(relowner, 'USAGE'), pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(relowner)), \
            pg_catalog.quote_ident(current_user) FROM pg_catalog.pg_class WHERE oid = $1";
        let Some(row) = session.client.query_opt(sql, &[&table.oid]).await.map_err(cannot)? else { continue };
        let (is_own, owner, user): (bool, String, String) = (row.get(0), row.get(1), row.get(2));
        if !is_own {
            let reason = format!(
                "the login may not add columns to it, only its owner may; GRANT {owner} TO {user}, or \
                 ALTER TABLE {} OWNER TO {user}, or add them there",
                table.sql()
            );
            found.push(Misfit { table: name.to_string(), reason });
        }
    }
    Ok(found)
}

/// Rights that miss to create tables in schemas; each schema is named once, with the first of its tables.
async fn creation(
    session: &Session,
    login: &Login,
    tables: impl Iterator<Item = (String, String)>,
) -> Result<Vec<Misfit>> {
    let mut found = Vec::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let user = &login.user;
    for (table, schema) in tables {
        if !asked.insert(schema.clone()) {
            continue;
        }
        let sql =
            "SELECT pg_catalog.has_schema_privilege(oid, 'CREATE') FROM pg_catalog.pg_namespace WHERE nspname = $1";
        let row = session.client.query_opt(sql, &[&schema]).await.map_err(cannot)?;
        let reason = match row.map(|row| row.get::<_, bool>(0)) {
            Some(true) => continue,
            Some(false) => format!(
                "the login may not create tables in schema {schema}; GRANT CREATE ON SCHEMA {} TO {user}",
                quoted(&schema)
            ),
            None if login.may_create_schemas => continue,
            None => format!(
                "schema {schema} is not there and the login may not create it; GRANT CREATE ON DATABASE {} TO {user}",
                login.database
            ),
        };
        found.push(Misfit { table, reason });
    }
    Ok(found)
}

/// Rights that miss to write tables that are there.
async fn writing(
    session: &Session,
    login: &Login,
    there: &HashMap<TableName, Table>,
    control: Option<u32>,
) -> Result<Vec<Misfit>> {
    let mut tables: HashMap<u32, (String, String, bool)> = there
        .iter()
        .map(|(name, table)| (table.oid, (name.to_string(), table.sql(), !table.schema.triggers.is_empty())))
        .collect();
    if let Some(control) = control {
        tables.insert(control, ("syncline_position".into(), "syncline_position".into(), false));
    }
    let silent = session.client.batch_execute("SET session_replication_role = replica").await.is_ok();
    let wanted: Vec<u32> = tables.keys().copied().collect();
    let sql = "SELECT c.oid, ARRAY(SELECT r FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY u (r, n) \
            WHERE NOT pg_catalog.has_table_privilege(c.oid, r) ORDER BY n), pg_catalog.pg_has_role(c.relowner, 'USAGE') \
        FROM pg_catalog.pg_class c WHERE c.oid = ANY($1) ORDER BY c.relname";
    let user = &login.user;
    let mut found = Vec::new();
    for row in session.client.query(sql, &[&wanted, &&NEEDED[..]]).await.map_err(cannot)? {
        let Some((name, sql, has_triggers)) = tables.get(&row.get::<_, u32>(0)) else { continue };
        let missing: Vec<String> = row.get(1);
        if !missing.is_empty() {
            let reason = format!("the login may not write it; GRANT {} ON {sql} TO {user}", missing.join(", "));
            found.push(Misfit { table: name.clone(), reason });
        }
        if *has_triggers && !silent && !row.get::<_, bool>(2) {
            let grant = match session.version {
                150_000.. => format!("GRANT SET ON PARAMETER session_replication_role TO {user}"),
                _ => format!("ALTER TABLE {sql} OWNER TO {user}, or use a superuser"),
            };
            let reason = format!("it has triggers, which would fire, and the login may not stop them; {grant}");
            found.push(Misfit { table: name.clone(), reason });
        }
    }
    Ok(found)
}

/// Looks at what matters to a copy.
pub async fn findings(session: &Session, settings: &Settings, findings: &mut Vec<Finding>) -> Result<()> {
    let sql = "SELECT pg_catalog.pg_encoding_to_char(d.encoding)::text, pg_catalog.pg_is_in_recovery(), \
            pg_catalog.current_setting('default_transaction_read_only'), \
            COALESCE(pg_catalog.has_schema_privilege(pg_catalog.current_schema(), 'CREATE'), false), \
            pg_catalog.has_database_privilege(d.oid, 'TEMPORARY'), pg_catalog.current_schema()::text, current_user::text, \
            COALESCE((SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()), false) \
        FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";
    let row = session.client.query_one(sql, &[]).await.map_err(|e| failed(e, "cannot look at the server"))?;
    let encoding: String = row.get(0);
    let (standby, read_only): (bool, String) = (row.get(1), row.get(2));
    let (creates, stages): (bool, bool) = (row.get(3), row.get(4));
    let (schema, user, tls): (Option<String>, String, bool) = (row.get(5), row.get(6), row.get(7));
    findings.push(encoding_finding(&encoding));
    findings.extend(settings.passfile_problem.clone().map(|text| Finding {
        code: "postgres.passfile",
        level: Level::Warning,
        text,
        advice: None,
    }));
    let only_reads = standby || read_only == "on";
    findings.push(Finding {
        code: "postgres.writable",
        level: if only_reads { Level::Warning } else { Level::Ok },
        text: match (standby, only_reads) {
            (true, _) => "a standby: it can be read, not written".into(),
            (_, true) => "default_transaction_read_only is on: it can be read, not written".into(),
            _ => "can be written".into(),
        },
        advice: only_reads.then(|| "a sink needs the primary server and a login that may write".into()),
    });
    let schema_sql = schema.as_deref().map(super::quoted);
    findings.push(Finding {
        code: "postgres.create",
        level: if creates { Level::Ok } else { Level::Warning },
        text: match (&schema, creates) {
            (None, _) => "no schema of the search path is there, so a name without a schema means nothing".into(),
            (Some(schema), true) => format!("may create tables in schema {schema}"),
            (Some(schema), false) => format!("may not create tables in schema {schema}; needed to be a sink"),
        },
        advice: (!creates).then(|| {
            let schema = schema_sql.unwrap_or_else(|| "public".into());
            format!("GRANT CREATE ON SCHEMA {schema} TO {}", super::quoted(&user))
        }),
    });
    if !stages {
        findings.push(Finding {
            code: "postgres.temporary",
            level: Level::Warning,
            text: "may not create temporary tables; needed to write into tables that hold rows".into(),
            advice: Some(format!("GRANT TEMPORARY ON DATABASE ... TO {}", super::quoted(&user))),
        });
    }
    findings.extend(capture_finding(session, schema.as_deref()).await?);
    findings.push(Finding {
        code: "postgres.tls",
        level: if tls || settings.is_near() { Level::Ok } else { Level::Warning },
        text: if tls { "the connection is encrypted".into() } else { "the connection is not encrypted".into() },
        advice: (!tls && !settings.is_near()).then(|| "say `sslmode=verify-full`".into()),
    });
    Ok(())
}

/// What capture does not see (F24), where it is installed.
async fn capture_finding(session: &Session, schema: Option<&str>) -> Result<Option<Finding>> {
    let Some(schema) = schema else { return Ok(None) };
    let table = format!("{}.syncline_capture", quoted(schema));
    let row = session.client.query_one("SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[&table]).await;
    if !row.map_err(|e| failed(e, "cannot look for what is installed"))?.get::<_, bool>(0) {
        return Ok(None);
    }
    Ok(Some(Finding {
        code: "postgres.capture",
        level: Level::Ok,
        text:
            "changes are captured by triggers; they do not fire for sessions with session_replication_role = replica, \
            as are logical replication and Syncline itself where it writes here"
                .into(),
        advice: None,
    }))
}

fn encoding_finding(encoding: &str) -> Finding {
    let (level, advice) = match encoding {
        "UTF8" => (Level::Ok, None),
        "SQL_ASCII" => (
            Level::Error,
            Some(
                "it takes any bytes for text; it can be read, and what is not UTF-8 is carried as it is, but it is no sink",
            ),
        ),
        _ => (Level::Warning, Some("as a sink it refuses rows with characters that its encoding does not have")),
    };
    Finding {
        code: "postgres.encoding",
        level,
        text: format!("text is stored as {encoding}"),
        advice: advice.map(Into::into),
    }
}
