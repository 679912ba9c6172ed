//! `syncline sync`: databases that are written on all sides, kept in step.

use clap::Args;
use serde_json::{Value, json};
use syncline_model::pattern::Selection;
use syncline_model::{Error, ErrorKind, Result};

use super::output::{counted, error_fields, lined_up};
use super::{Context, Outcome, TableArgs};
use crate::config::{GroupSpec, Plan, TableMerge};
use crate::sync::agreed::Rules;
use crate::sync::form::{self, Looked, Spec};
use crate::sync::known;
use crate::sync::run::{Account, Running};

#[derive(Debug, Args)]
pub struct SyncArgs {
    /// The name of a group of the configuration file, or two databases or more: connections' names, URLs, or files
    members: Vec<String>,
    #[command(flatten)]
    tables: TableArgs,
    /// End when all members hold the same; without it, go on until stopped
    #[arg(long)]
    once: bool,
    /// Count what first contact would do, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Whose rows are right where members hold different ones when the group is made
    #[arg(long, value_name = "MEMBER")]
    first_contact: Option<String>,
    /// Take this database out of its group: what sync has installed there goes, its rows stay
    #[arg(long, conflicts_with_all = ["once", "dry_run", "first_contact"])]
    leave: bool,
}

/// The name of a group that no file names.
const UNNAMED: &str = "sync";

pub async fn sync(context: &Context, args: SyncArgs) -> Result<Outcome> {
    let plan = context.plan()?;
    if args.leave {
        return leave(context, plan.as_ref(), &args.members).await;
    }
    let spec = wanted(context, plan.as_ref(), &args)?;
    if args.dry_run {
        let looked = form::look(spec).await?;
        show(context, &looked);
        return Ok(Outcome::Done);
    }
    // Who asks for the end while the members are opened is heard.
    let stop = context.stopped();
    let mut running = Running::open(spec).await?;
    let ended = match args.once {
        true => running.settle().await,
        false => {
            context.out.line("in step; Ctrl-C ends it");
            running.follow(stop, |_| {}).await
        }
    };
    conclude(context, &mut running, ended).await
}

/// The group of the file that was named, the only one that there is, or the one that was typed.
fn wanted(context: &Context, plan: Option<&Plan>, args: &SyncArgs) -> Result<Spec> {
    let Some(plan) = plan else { return typed(context, None, args) };
    let group = match args.members.as_slice() {
        [] => match plan.sync.values().collect::<Vec<_>>().as_slice() {
            [only] => *only,
            groups => {
                let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
                return Err(Error::new(ErrorKind::Config, "which group is meant?")
                    .hint(format!("groups in the file: {}", names.join(", "))));
            }
        },
        [name] => match plan.sync.get(name) {
            Some(group) => group,
            None => return typed(context, Some(plan), args),
        },
        _ => return typed(context, Some(plan), args),
    };
    if !args.tables.tables.is_empty() || !args.tables.exclude.is_empty() || !args.tables.keys.is_empty() {
        return Err(Error::new(ErrorKind::Config, "the tables of a group of the file are named in the file")
            .hint("write them under `tables:` of the group"));
    }
    named(context, plan, group, args)
}

fn named(context: &Context, plan: &Plan, group: &GroupSpec, args: &SyncArgs) -> Result<Spec> {
    let members = group.members.iter().map(|word| context.endpoint(Some(plan), word)).collect::<Result<Vec<_>>>()?;
    let winner = winner(&group.members, args)?.or(group.winner);
    let include = group.tables.iter().map(|(pattern, _)| pattern.clone()).collect();
    Ok(Spec {
        name: group.name.clone(),
        members,
        selection: Selection { include, exclude: Vec::new() },
        rules: group.tables.iter().map(|(pattern, merge)| (pattern.clone(), rules(merge))).collect(),
        otherwise: rules(&group.whole),
        links: group.links.clone(),
        winner,
    })
}

fn rules(merge: &TableMerge) -> Rules {
    Rules { by_row: merge.by_row, together: merge.together.clone(), deletes_win: merge.deletes_win }
}

/// Whose rows are right, if that was said on the command line.
fn winner(members: &[String], args: &SyncArgs) -> Result<Option<usize>> {
    let Some(word) = &args.first_contact else { return Ok(None) };
    members.iter().position(|member| member == word).map(Some).ok_or_else(|| {
        Error::new(ErrorKind::Config, "--first-contact names no member")
            .hint("name one of the members as it is written in the command or the group")
    })
}

/// The group that was typed: every member talks to every other.
fn typed(context: &Context, plan: Option<&Plan>, args: &SyncArgs) -> Result<Spec> {
    if args.members.len() < 2 {
        return Err(Error::new(ErrorKind::Config, "sync needs two databases or more")
            .hint("syncline sync A B [C]..., or the name of a group of the file"));
    }
    if !args.tables.keys.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported, "sync takes the key that a table declares")
            .hint("give the table a primary key at every member"));
    }
    let members = args.members.iter().map(|word| context.endpoint(plan, word)).collect::<Result<Vec<_>>>()?;
    let winner = winner(&args.members, args)?;
    let count = members.len();
    let links = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect();
    let selection: Selection = args.tables.selection()?;
    let otherwise = rules(&TableMerge::default());
    Ok(Spec { name: UNNAMED.into(), members, selection, rules: Vec::new(), otherwise, links, winner })
}

fn show(context: &Context, looked: &Looked) {
    let out = context.out;
    for (member, statements) in looked.installs().iter().filter(|(_, statements)| *statements > 0) {
        out.line(format!("{member}: {} would install capture", counted(*statements, "statement")));
    }
    let mut tables = Vec::new();
    match &looked.found {
        None => out.line("the group is there; nothing would be made"),
        Some(found) => {
            let title = ["table", "equal", "only at some", "differ"].map(str::to_owned).to_vec();
            let mut rows = vec![title];
            for t in &found.tables {
                rows.push(vec![t.table.to_string(), t.equal.to_string(), t.missing.to_string(), t.differ.to_string()]);
                let table = t.table.to_string();
                tables.push(json!({"table": table, "equal": t.equal, "missing": t.missing, "differ": t.differ}));
            }
            lined_up(&rows, 1).iter().for_each(|line| out.line(line));
        }
    }
    out.document(&json!({ "first_contact": tables }));
}

async fn conclude(context: &Context, running: &mut Running, ended: Result<()>) -> Result<Outcome> {
    let accounts = running.report().await;
    ended?;
    let accounts = accounts?;
    running.away().for_each(|(_, error)| context.out.failure(error));
    let away: Vec<Value> =
        running.away().map(|(name, error)| json!({"member": name, "error": error_fields(error)})).collect();
    tell(context, &accounts);
    let documents: Vec<Value> = accounts.iter().map(document).collect();
    context.out.document(&json!({ "members": documents, "away": away }));
    Ok(if away.is_empty() { Outcome::Done } else { Outcome::Partly })
}

fn tell(context: &Context, accounts: &[Account]) {
    let title = ["member", "made", "taken in", "rows written", "conflicts", "parked", "held"];
    let mut rows = vec![title.map(str::to_owned).to_vec()];
    for account in accounts {
        let done = &account.done;
        let numbers = [done.folded, done.taken, done.written, done.conflicts, account.parked, done.held];
        let numbers = numbers.iter().map(|number| super::output::grouped(*number));
        rows.push([account.name.clone()].into_iter().chain(numbers).collect());
    }
    lined_up(&rows, 1).iter().for_each(|line| context.out.line(line));
    if accounts.iter().any(|account| account.done.conflicts > 0) {
        context.out.line("what was lost in conflicts is kept: `syncline conflicts ls MEMBER`");
    }
}

fn document(account: &Account) -> Value {
    let done = &account.done;
    json!({
        "member": account.name,
        "made": done.folded,
        "taken": done.taken,
        "written": done.written,
        "conflicts": done.conflicts,
        "held": done.held,
        "parked": account.parked,
        "lag": account.lag,
    })
}

async fn leave(context: &Context, plan: Option<&Plan>, words: &[String]) -> Result<Outcome> {
    for word in words {
        let endpoint = context.endpoint(plan, word)?;
        known::leave(&endpoint).await?;
        context.out.line(format!("{} has left its group; its rows are as they were", endpoint.name));
    }
    context.out.document(&json!({ "left": words.len() }));
    Ok(Outcome::Done)
}
