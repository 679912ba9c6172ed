//! `syncline compare`: two databases, every row.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use syncline_model::{Cell, CellBuf, Result};

use super::output::{counted, grouped};
use super::{Context, Outcome, TableArgs, config};
use crate::compare::{Compared, Comparison, Difference, Found, Kind, TableResult};
use crate::connector::Budget;

#[derive(Debug, Args)]
pub struct CompareArgs {
    /// One database: a connection's name, a URL, or a file
    a: String,
    /// The other
    b: String,
    #[command(flatten)]
    tables: TableArgs,
    /// Look again at rows that differ for so long (`30s`, `5m`), and report those that differ every time: for
    /// databases that are being written
    #[arg(long, default_value = "0s", value_name = "TIME", value_parser = config::duration, hide_default_value = true)]
    settle: Duration,
    /// Differences to list per table; all are counted
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
}

pub async fn compare(context: &Context, args: CompareArgs) -> Result<Outcome> {
    let plan = context.plan()?;
    let what = Comparison {
        a: context.endpoint(plan.as_ref(), &args.a)?,
        b: context.endpoint(plan.as_ref(), &args.b)?,
        selection: args.tables.selection()?,
        rules: args.tables.rules()?,
        listed_max: args.limit,
        settle: args.settle,
        budget: Budget::default(),
    };
    let compared = Arc::new(Compared::default());
    let watcher = context.out.talks().then(|| tokio::spawn(watch(context.out, compared.clone())));
    let began = Instant::now();
    let found = crate::compare::compare(&what, &compared).await;
    if let Some(watcher) = watcher {
        watcher.abort();
    }
    let found = found?;
    context.out.document(&document(&what, &found));
    Ok(conclude(context, &what, &found, began.elapsed()))
}

/// Prints the result and says how it ended.
pub fn conclude(context: &Context, what: &Comparison, found: &Found, took: Duration) -> Outcome {
    let results = &found.tables;
    for result in results.iter().filter(|r| !r.is_equal()) {
        show_different(context, what, result);
    }
    found.notices.iter().for_each(|n| line(context, &format!("note: {n}")));
    let rows: u64 = results.iter().map(|r| r.rows_a.max(r.rows_b)).sum();
    let different = results.iter().filter(|r| !r.is_equal()).count() as u64;
    let of =
        format!("{}, {} in {:.2} s", counted(results.len() as u64, "table"), counted(rows, "row"), took.as_secs_f64());
    if different == 0 {
        line(context, &format!("equal: {of}"));
        return Outcome::Done;
    }
    line(context, &format!("different: {} of {of}", grouped(different)));
    Outcome::Different
}

/// A line of the result, and no more than one: a key's text may hold several.
fn line(context: &Context, text: &str) {
    context.out.line(text.replace('\n', "\\n"));
}

fn show_different(context: &Context, what: &Comparison, result: &TableResult) {
    let (a, b) = (&what.a.name, &what.b.name);
    if result.key.is_empty() {
        // Only one side has the table; nothing was read.
        return line(context, &format!("{}: {}", result.table, result.structure.join(", ")));
    }
    let (rows_a, rows_b) = (grouped(result.rows_a), grouped(result.rows_b));
    line(context, &format!("{}: {rows_a} rows in {a}, {rows_b} rows in {b}", result.table));
    result.structure.iter().for_each(|s| line(context, &format!("  {s}")));
    for difference in &result.listed {
        let key = key_text(result, difference);
        let text = match &difference.kind {
            Kind::OnlyA => format!("  {key}: only in {a}"),
            Kind::OnlyB => format!("  {key}: only in {b}"),
            Kind::Differs(columns) => format!("  {key}: differs in {}", columns.join(", ")),
        };
        line(context, &text);
    }
    let total = result.only_a + result.only_b + result.differ;
    if let Some(more @ 1..) = total.checked_sub(result.listed.len() as u64) {
        line(context, &format!("  and {} more; `--limit {total}` lists all", grouped(more)));
    }
}

/// `id=7` or `order_id=7, line=2`; text is quoted, so that it cannot be mistaken for anything else. After a cell that
/// was cut its length follows.
fn key_text(result: &TableResult, difference: &Difference) -> String {
    let mut text = String::new();
    for ((name, cell), length) in result.key.iter().zip(&difference.key).zip(&difference.lengths) {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = match cell.as_cell() {
            Cell::Text(value) => write!(text, "{separator}{name}={value:?}"),
            cell => {
                let mut value = String::new();
                cell.format(&mut value);
                write!(text, "{separator}{name}={value}")
            }
        };
        text.push_str(&cut(cell, *length));
    }
    text
}

/// What stands after a cell that was cut.
fn cut(cell: &CellBuf, length: Option<usize>) -> String {
    let unit = match cell {
        CellBuf::Bytes(_) | CellBuf::BadText(_) => "byte",
        _ => "character",
    };
    length.map_or_else(String::new, |length| format!("… ({})", counted(length as u64, unit)))
}

fn document(what: &Comparison, found: &Found) -> Value {
    let tables: Vec<Value> = found
        .tables
        .iter()
        .map(|r| {
            json!({
                "table": r.table.to_string(),
                "equal": r.is_equal(),
                "rows_a": r.rows_a,
                "rows_b": r.rows_b,
                "only_a": r.only_a,
                "only_b": r.only_b,
                "differ": r.differ,
                "structure": r.structure,
                "key": r.key.iter().map(|c| &**c).collect::<Vec<_>>(),
                "differences": r.listed.iter().map(difference_fields).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "a": what.a.name,
        "b": what.b.name,
        "equal": found.is_equal(),
        "tables": tables,
        "notices": found.notices,
    })
}

fn difference_fields(difference: &Difference) -> Value {
    let key: Vec<Value> = difference.key.iter().zip(&difference.lengths).map(key_value).collect();
    match &difference.kind {
        Kind::OnlyA => json!({ "key": key, "kind": "only_a" }),
        Kind::OnlyB => json!({ "key": key, "kind": "only_b" }),
        Kind::Differs(columns) => {
            json!({ "key": key, "kind": "differs", "columns": columns.iter().map(|c| &**c).collect::<Vec<_>>() })
        }
    }
}

fn key_value((cell, length): (&CellBuf, &Option<usize>)) -> Value {
    match cell.as_cell() {
        Cell::Null => Value::Null,
        Cell::Int(v) => v.into(),
        plain => {
            let mut text = String::new();
            plain.format(&mut text);
            text.push_str(&cut(cell, *length));
            text.into()
        }
    }
}

async fn watch(out: super::Output, compared: Arc<Compared>) {
    let bar = out.watched().then(|| {
        let style = indicatif::ProgressStyle::with_template("{human_pos} rows compared  {msg}");
        let style = style.unwrap_or_else(|_| indicatif::ProgressStyle::default_spinner());
        indicatif::ProgressBar::no_length().with_style(style)
    });
    let began = Instant::now();
    let every = Duration::from_millis(if bar.is_some() { 100 } else { 10_000 });
    loop {
        tokio::time::sleep(every).await;
        let rows = compared.rows.load(Ordering::Relaxed);
        match &bar {
            Some(bar) => {
                bar.set_position(rows);
                bar.set_message(format!(
                    "{} rows/s",
                    grouped(rows * 1000 / (began.elapsed().as_millis() as u64).max(1))
                ));
            }
            None => out.aside(format!("{} rows compared", grouped(rows))),
        }
    }
}
