//! What is seen while rows move: one moving line per running table on a terminal, else a plain line every 10 s.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::output::{Output, counted, grouped};
use crate::job::Progress;
use crate::job::report::{ChangesProgress, TableProgress, TableState};

const REDRAW: Duration = Duration::from_millis(100);
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Shows progress until it is dropped.
pub struct Shown(Option<tokio::task::JoinHandle<()>>);

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// Starts to show the progress.
pub fn show(out: Output, progress: &Progress) -> Shown {
    let progress = progress.clone();
    Shown(if out.watched() {
        Some(tokio::spawn(async move { moving(&progress).await }))
    } else if out.talks() {
        Some(tokio::spawn(async move { plain(out, &progress).await }))
    } else {
        None
    })
}

async fn moving(progress: &Progress) {
    let bars = MultiProgress::new();
    let mut shown: HashMap<String, ProgressBar> = HashMap::new();
    let several = progress.lanes().len() > 1;
    loop {
        tokio::time::sleep(REDRAW).await;
        for lane in progress.lanes() {
            if let Some(carried) = lane.changes() {
                let name = format!("{} follows", lane.name());
                let bar = shown.entry(name).or_insert_with_key(|name| {
                    let style = ProgressStyle::with_template("{prefix}  {spinner} {msg}");
                    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
                    bars.add(ProgressBar::new_spinner().with_style(style).with_prefix(name.clone()))
                });
                bar.set_message(lane.waits_for().map_or_else(|| follows(carried), |why| format!("waits: {why}")));
                bar.tick();
            }
            for table in lane.tables() {
                let name = label(lane.name(), &table, several);
                if table.state != TableState::Running {
                    if let Some(bar) = shown.remove(&name) {
                        bar.finish_and_clear();
                    }
                    continue;
                }
                let bar = shown.entry(name).or_insert_with_key(|name| bars.add(bar(name, &table)));
                bar.set_position(table.rows);
                bar.set_message(lane.waits_for().map_or_else(|| speed(&table), |why| format!("waits: {why}")));
            }
        }
    }
}

fn bar(name: &str, table: &TableProgress) -> ProgressBar {
    let (bar, template) = match table.rows_estimate {
        Some(rows) if rows > 0 => {
            (ProgressBar::new(rows), "{prefix}  {bar:20} {human_pos} of about {human_len} rows  {msg}  {eta} left")
        }
        _ => (ProgressBar::no_length(), "{prefix}  {human_pos} rows  {msg}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_prefix(name.to_owned())
}

/// What a lane that follows has done.
fn follows(carried: ChangesProgress) -> String {
    let lag = carried.lag_s.map_or_else(String::new, |s| format!(", the last one {s:.1} s after it was made"));
    format!("{} carried{lag}", counted(carried.changes, "change"))
}

async fn plain(out: Output, progress: &Progress) {
    let several = progress.lanes().len() > 1;
    let mut told: HashMap<String, u64> = HashMap::new();
    loop {
        tokio::time::sleep(PLAIN_EVERY).await;
        for lane in progress.lanes() {
            // A quiet lane says nothing.
            if let Some(carried) = lane.changes()
                && told.insert(lane.name().to_owned(), carried.changes) != Some(carried.changes)
            {
                out.aside(format!("{} follows: {}", lane.name(), follows(carried)));
            }
            for table in lane.tables().iter().filter(|t| t.state == TableState::Running) {
                let name = label(lane.name(), table, several);
                out.aside(format!("{name}: {} rows, {}", grouped(table.rows), speed(table)));
            }
            if let Some(why) = lane.waits_for() {
                out.aside(format!("{} waits: {why}", lane.name()));
            }
        }
    }
}

fn label(lane: &str, table: &TableProgress, several: bool) -> String {
    if several { format!("{lane}: {}", table.sink) } else { table.sink.to_string() }
}

/// Rows a second and bytes so far.
fn speed(table: &TableProgress) -> String {
    let rate = table.rows as f64 / table.took.as_secs_f64().max(0.001);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rate = grouped(rate as u64);
    format!("{rate} rows/s, {} MiB", grouped(table.bytes >> 20))
}
