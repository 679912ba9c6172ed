//! What the login may do, and what `check` says of the server.

use syncline_model::Result;

use super::config::Settings;
use super::session::{Session, failed};
use crate::connector::{Finding, Level};

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
    findings.push(Finding {
        code: "postgres.tls",
        level: if tls || settings.is_near() { Level::Ok } else { Level::Warning },
        text: if tls { "the connection is encrypted".into() } else { "the connection is not encrypted".into() },
        advice: (!tls && !settings.is_near()).then(|| "say `sslmode=verify-full`".into()),
    });
    Ok(())
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
