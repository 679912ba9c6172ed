//! The commands as a user types them: what they print, how they end, and that they work together as the README says.

mod commands;
mod compare;
mod copy;
mod documents;
mod documents_of_jobs;
mod exits;
mod terminal;

use crate::support::binary::Folder;

/// A shop and an empty place for a copy of it.
fn shop() -> Folder {
    let folder = Folder::new();
    folder.sql(
        "shop.db",
        "PRAGMA journal_mode = WAL;
         CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city VARCHAR(40));
         CREATE TABLE sales_order (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer(id),
            total DECIMAL(10,2) CHECK (total > 0));
         CREATE INDEX order_by_customer ON sales_order(customer_id);
         CREATE VIEW big_order AS SELECT * FROM sales_order WHERE total > 10;
         INSERT INTO customer VALUES (1, 'Ada', 'London'), (2, 'Bo', NULL), (3, 'Cy', 'Oslo');
         INSERT INTO sales_order VALUES (1, 1, 12.5), (2, 1, 3.75), (3, 3, 99);",
    );
    folder
}

/// Text with times and rates left out, and gaps as one space: they differ from run to run.
fn steady(text: &str) -> String {
    let is_number = |word: &str| word.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','));
    let mut lines = Vec::new();
    for line in text.lines() {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if let Some(seconds) = words.iter().position(|w| w.contains('.') && is_number(w)) {
            words[seconds] = "TIME";
            if words.get(seconds + 1).is_some_and(|w| *w == "-" || is_number(w)) {
                words[seconds + 1] = "RATE";
            }
        }
        lines.push(indent + &words.join(" "));
    }
    lines.join("\n")
}
