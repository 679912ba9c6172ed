//! `syncline conflicts`: what was lost where two members changed the same, and the choice to take it after all.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use syncline_model::{Error, ErrorKind, Result};

use super::output::lined_up;
use super::{Context, Outcome};
use crate::sync::conflicts::{self, Conflict};
use crate::sync::known::open_one;

#[derive(Debug, Args)]
pub struct ConflictsArgs {
    #[command(subcommand)]
    command: ConflictsCommand,
}

#[derive(Debug, Subcommand)]
enum ConflictsCommand {
    /// List what was lost and not decided yet: row, columns, who lost to whom, when
    Ls {
        /// A member: a connection's name, a URL, or a file
        member: String,
        /// Also what was decided
        #[arg(long)]
        all: bool,
    },
    /// Show one with its values
    Show {
        /// A member
        member: String,
        /// The conflict, as `ls` shows it
        id: String,
    },
    /// Say that it was decided; it is not listed any more
    Resolve {
        /// The member where it is decided
        member: String,
        /// The conflict, as `ls` shows it
        id: String,
        /// Write what was lost again, as a change that travels to all members
        #[arg(long)]
        take: bool,
    },
}

pub async fn conflicts(context: &Context, args: ConflictsArgs) -> Result<Outcome> {
    let plan = context.plan()?;
    match args.command {
        ConflictsCommand::Ls { member, all } => {
            let mut opened = open_one(&context.endpoint(plan.as_ref(), &member)?).await?;
            let mut found = conflicts::list(&mut opened).await?;
            found.retain(|conflict| all || !conflict.resolved);
            ls(context, &found);
        }
        ConflictsCommand::Show { member, id } => {
            let mut opened = open_one(&context.endpoint(plan.as_ref(), &member)?).await?;
            let found = conflicts::list(&mut opened).await?;
            let found: Vec<_> = found.iter().filter(|c| !id.is_empty() && c.id.starts_with(&id)).collect();
            let [conflict] = found.as_slice() else {
                return Err(Error::new(ErrorKind::NotFound, "there is no such conflict, or several begin so")
                    .hint("`syncline conflicts ls MEMBER` lists them"));
            };
            show(context, conflict);
        }
        ConflictsCommand::Resolve { member, id, take } => {
            let mut opened = open_one(&context.endpoint(plan.as_ref(), &member)?).await?;
            let conflict = conflicts::resolve(&mut opened, &id, take).await?;
            let what = if take { "what was lost is written again" } else { "decided" };
            context.out.line(format!("{} ({}): {what}", conflict.table, conflict.key));
            context.out.document(&json!({ "resolved": document(&conflict, false), "taken": take }));
        }
    }
    Ok(Outcome::Done)
}

fn columns(conflict: &Conflict) -> String {
    if conflict.lost.is_none() { "delete".into() } else { conflict.columns.join(", ") }
}

fn ls(context: &Context, found: &[Conflict]) {
    let title = ["id", "table", "key", "columns", "lost", "to", "when"].map(str::to_owned).to_vec();
    let mut rows = vec![title];
    for conflict in found {
        let id = conflict.id.get(..12).unwrap_or(&conflict.id).to_owned();
        let (table, key) = (conflict.table.clone(), conflict.key.replace('\n', "\\n"));
        let (lost, won) = (conflict.lost_by.clone(), conflict.won_by.clone());
        rows.push(vec![id, table, key, columns(conflict), lost, won, conflict.won_at.clone()]);
    }
    match found {
        [] => context.out.line("no conflicts"),
        _ => lined_up(&rows, rows.first().map_or(0, Vec::len)).iter().for_each(|line| context.out.line(line)),
    }
    let documents: Vec<Value> = found.iter().map(|conflict| document(conflict, false)).collect();
    context.out.document(&json!({ "conflicts": documents }));
}

fn show(context: &Context, conflict: &Conflict) {
    let out = context.out;
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(a delete)".into());
    out.line(format!("{} ({}), {}", conflict.table, conflict.key, columns(conflict)));
    out.line(format!("  lost  {}  by {}, {}", value(&conflict.lost), conflict.lost_by, conflict.lost_at));
    out.line(format!("  won   {}  by {}, {}", value(&conflict.won), conflict.won_by, conflict.won_at));
    out.line("  rule  the newest wins");
    out.document(&document(conflict, true));
}

fn document(conflict: &Conflict, values: bool) -> Value {
    let mut document = json!({
        "id": conflict.id,
        "table": conflict.table,
        "key": conflict.key,
        "columns": conflict.columns,
        "lost_by": conflict.lost_by,
        "lost_at": conflict.lost_at,
        "won_by": conflict.won_by,
        "won_at": conflict.won_at,
        "resolved": conflict.resolved,
    });
    if let (true, Some(fields)) = (values, document.as_object_mut()) {
        fields.insert("lost".into(), json!(conflict.lost));
        fields.insert("won".into(), json!(conflict.won));
    }
    document
}
