//! `syncline compare`: two databases, every row.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use syncline_model::{Cell, CellBuf, Result};

use super::output::{counted, grouped};
use super::{Context, Outcome, TableArgs};
use crate::compare::{Compared, Comparison, Difference, Kind, TableResult};
use crate::connector::Budget;

#[derive(Debug, Args)]
pub struct CompareArgs {
    /// One database: a connection's name, a URL, or a file
    a: String,
    /// The other
    b: String,
    #[command(flatten)]
    tables: TableArgs,
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
        budget: Budget::default(),
    };
    let compared = Arc::new(Compared::default());
    let watcher = context.out.talks().then(|| tokio::spawn(watch(context.out, compared.clone())));
    let began = Instant::now();
    let results = crate::compare::compare(&what, &compared).await;
    if let Some(watcher) = watcher {
        watcher.abort();
    }
    let results = results?;
    context.out.document(&document(&what, &results));
    Ok(conclude(context, &what, &results, began.elapsed()))
}

/// Prints the result and says how it ended.
pub fn conclude(context: &Context, what: &Comparison, results: &[TableResult], took: Duration) -> Outcome {
    let out = context.out;
    for result in results.iter().filter(|r| !r.is_equal()) {
        show_different(context, what, result);
    }
    let rows: u64 = results.iter().map(|r| r.rows_a.max(r.rows_b)).sum();
    let different = results.iter().filter(|r| !r.is_equal()).count() as u64;
    let of =
        format!("{}, {} in {:.2} s", counted(results.len() as u64, "table"), counted(rows, "row"), took.as_secs_f64());
    if different == 0 {
        out.line(format!("equal: {of}"));
        return Outcome::Done;
    }
    out.line(format!("different: {} of {of}", grouped(different)));
    Outcome::Different
}

fn show_different(context: &Context, what: &Comparison, result: &TableResult) {
    let out = context.out;
    let (a, b) = (&what.a.name, &what.b.name);
    if result.key.is_empty() {
        // Only one side has the table; nothing was read.
        return out.line(format!("{}: {}", result.table, result.structure.join(", ")));
    }
    out.line(format!(
        "{}: {} rows in {a}, {} rows in {b}",
        result.table,
        grouped(result.rows_a),
        grouped(result.rows_b)
    ));
    result.structure.iter().for_each(|s| out.line(format!("  {s}")));
    for difference in &result.listed {
        let key = key_text(result, difference);
        out.line(match &difference.kind {
            Kind::OnlyA => format!("  {key}: only in {a}"),
            Kind::OnlyB => format!("  {key}: only in {b}"),
            Kind::Differs(columns) => format!("  {key}: differs in {}", columns.join(", ")),
        });
    }
    let total = result.only_a + result.only_b + result.differ;
    if let Some(more @ 1..) = total.checked_sub(result.listed.len() as u64) {
        out.line(format!("  and {} more; `--limit {total}` lists all", grouped(more)));
    }
}

/// `id=7` or `order_id=7, line=2`; text is quoted, so that it cannot be mistaken for anything else.
fn key_text(result: &TableResult, difference: &Difference) -> String {
    let mut text = String::new();
    for (name, cell) in result.key.iter().zip(&difference.key) {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = match cell.as_cell() {
            Cell::Text(value) => write!(text, "{separator}{name}={value:?}"),
            cell => {
                let mut value = String::new();
                cell.format(&mut value);
                write!(text, "{separator}{name}={value}")
            }
        };
    }
    text
}

fn document(what: &Comparison, results: &[TableResult]) -> Value {
    let tables: Vec<Value> = results
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
        "equal": results.iter().all(TableResult::is_equal),
        "tables": tables,
    })
}

fn difference_fields(difference: &Difference) -> Value {
    let key: Vec<Value> = difference.key.iter().map(key_value).collect();
    match &difference.kind {
        Kind::OnlyA => json!({ "key": key, "kind": "only_a" }),
        Kind::OnlyB => json!({ "key": key, "kind": "only_b" }),
        Kind::Differs(columns) => {
            json!({ "key": key, "kind": "differs", "columns": columns.iter().map(|c| &**c).collect::<Vec<_>>() })
        }
    }
}

fn key_value(cell: &CellBuf) -> Value {
    match cell.as_cell() {
        Cell::Null => Value::Null,
        Cell::Int(v) => v.into(),
        cell => {
            let mut text = String::new();
            cell.format(&mut text);
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
