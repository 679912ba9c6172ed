//! What the application does, and what must come of it.
//!
//! Sixteen writers share some accounts and each has items of its own. A transaction moves money between two accounts,
//! notes both moves in `history` under the number that each account's row gives, counts itself in `writer`, and changes
//! some items. So each committed transaction leaves `sum(balance)` as it was, adds two to `sum(account.n)` and one to
//! `sum(writer.seq)`: in every state, whatever was committed in between.

use std::collections::BTreeMap;

use syncline_rig::Random;

use super::stage::Kind;

pub const WRITERS: u32 = 16;
pub const ACCOUNTS: u32 = 40;
/// What each account holds at first.
pub const BALANCE: i64 = 1000;
/// Ids of a writer's own items, in each of its two places.
const ITEMS: u64 = 20;

/// Tables and first rows, for the source's own client.
pub fn schema(kind: Kind) -> String {
    let numbers = |below: u32| (1..=below).map(|n| n.to_string()).collect::<Vec<_>>();
    let accounts = numbers(ACCOUNTS).iter().map(|n| format!("({n}, {BALANCE}, 0)")).collect::<Vec<_>>().join(", ");
    let writers = numbers(WRITERS).iter().map(|n| format!("({n}, 0)")).collect::<Vec<_>>().join(", ");
    let first = if kind == Kind::Sqlite { "PRAGMA journal_mode = WAL; " } else { "" };
    format!(
        "{first}CREATE TABLE account (id INTEGER NOT NULL PRIMARY KEY, balance INTEGER NOT NULL, n INTEGER NOT NULL); \
         CREATE TABLE history (account INTEGER NOT NULL, n INTEGER NOT NULL, writer INTEGER NOT NULL, seq INTEGER NOT NULL, \
         amount INTEGER NOT NULL, PRIMARY KEY (account, n), FOREIGN KEY (account) REFERENCES account (id)); \
         CREATE TABLE writer (id INTEGER NOT NULL PRIMARY KEY, seq INTEGER NOT NULL); \
         CREATE TABLE item (place VARCHAR(10) NOT NULL, id INTEGER NOT NULL, price DECIMAL(12,2), note TEXT, PRIMARY KEY (place, id)); \
         INSERT INTO account VALUES {accounts}; INSERT INTO writer VALUES {writers};"
    )
}

/// What a committed transaction moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    pub from: u32,
    pub to: u32,
    pub amount: i64,
}

/// Place and id.
pub type Key = (String, u64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// In hundredths.
    pub price: Option<i64>,
    pub note: Option<String>,
}

/// The independent log of one writer: what it was told is committed, and nothing read from any table.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Transaction `seq` is at `seq - 1`.
    pub transfers: Vec<Transfer>,
    pub items: BTreeMap<Key, Item>,
}

/// A transaction before anybody knows what becomes of it.
#[derive(Debug)]
pub struct Transaction {
    pub seq: u32,
    transfer: Transfer,
    /// What its items are afterwards; absent: gone.
    items: BTreeMap<Key, Option<Item>>,
    statements: Vec<String>,
    /// It is taken back on purpose.
    pub back: bool,
    pub sleep_ms: u64,
}

impl Ledger {
    /// The next transaction of this writer.
    pub fn draw(&self, random: &mut Random, writer: u32, kind: Kind) -> Transaction {
        let seq = u32::try_from(self.transfers.len()).unwrap_or(u32::MAX).saturating_add(1);
        let accounts = u64::from(ACCOUNTS);
        let from = random.below(accounts);
        let to = (from + 1 + random.below(accounts - 1)) % accounts;
        let account = |place: u64| u32::try_from(place + 1).unwrap_or(1);
        let amount = 1 + i64::try_from(random.below(20)).unwrap_or(0);
        let transfer = Transfer { from: account(from), to: account(to), amount };
        let mut statements = moves(&transfer, writer, seq);
        let mut items = BTreeMap::new();
        for _ in 0..random.below(3) {
            self.change(random, writer, seq, &mut items, &mut statements);
        }
        if random.below(12) == 0 {
            statements.push("SAVEPOINT s".into());
            statements.push(format!("DELETE FROM item WHERE place = 'a{writer}'"));
            statements.push("ROLLBACK TO SAVEPOINT s".into());
            statements.push("RELEASE SAVEPOINT s".into());
        }
        // Now and then a commit comes so late that many ticks pass. SQLite has one writer at a time: all wait for it.
        let sleep_ms = match (kind, random.below(400)) {
            (Kind::Sqlite, luck) => luck % 2,
            (_, 0) => 50 + random.below(250),
            (_, luck) => luck % 6,
        };
        Transaction { seq, transfer, items, statements, back: random.below(10) == 0, sleep_ms }
    }

    /// It is committed.
    pub fn committed(&mut self, transaction: Transaction) {
        self.transfers.push(transaction.transfer);
        for (key, item) in transaction.items {
            match item {
                Some(item) => self.items.insert(key, item),
                None => self.items.remove(&key),
            };
        }
    }

    /// Changes one of the writer's own items, unless this transaction has done so already.
    fn change(
        &self,
        random: &mut Random,
        writer: u32,
        seq: u32,
        items: &mut BTreeMap<Key, Option<Item>>,
        statements: &mut Vec<String>,
    ) {
        let key = own_key(random, writer);
        if items.contains_key(&key) {
            return;
        }
        let found = format!("WHERE place = '{}' AND id = {}", key.0, key.1);
        let Some(was) = self.items.get(&key) else {
            let item = Item { price: price(random), note: note(random, writer, seq) };
            let (price, note) = (price_sql(item.price), note_sql(item.note.as_deref()));
            statements.push(format!("INSERT INTO item VALUES ('{}', {}, {price}, {note})", key.0, key.1));
            items.insert(key, Some(item));
            return;
        };
        let other = own_key(random, writer);
        let free = key != other && !self.items.contains_key(&other) && !items.contains_key(&other);
        match random.below(150) {
            0..30 => {
                statements.push(format!("DELETE FROM item {found}"));
                items.insert(key, None);
            }
            // Rarely: what is gathered with such a change is written one by one, and the other way is to be tried too.
            30 if free => {
                let item = Item { note: note(random, writer, seq), ..was.clone() };
                let note = note_sql(item.note.as_deref());
                let set = format!("place = '{}', id = {}, note = {note}", other.0, other.1);
                statements.push(format!("UPDATE item SET {set} {found}"));
                items.insert(key, None);
                items.insert(other, Some(item));
            }
            31..60 => {
                let item = Item { price: price(random), ..was.clone() };
                statements.push(format!("UPDATE item SET price = {} {found}", price_sql(item.price)));
                items.insert(key, Some(item));
            }
            _ => {
                let item = Item { note: note(random, writer, seq), ..was.clone() };
                statements.push(format!("UPDATE item SET note = {} {found}", note_sql(item.note.as_deref())));
                items.insert(key, Some(item));
            }
        }
    }
}

/// How a transaction is said to a session.
pub enum Said {
    /// At once; the server sleeps.
    Whole(String),
    /// In two parts, and we sleep in between.
    Parts(String, String),
}

impl Transaction {
    /// Ends in `done SEQ` if it was committed, in `back` if it was taken back on purpose.
    pub fn said(&self, kind: Kind) -> Said {
        let body = &self.statements;
        let seconds = format!("0.{:03}", self.sleep_ms);
        let (end, told) = match self.back {
            true => ("ROLLBACK", "SELECT 'back'".to_string()),
            false => ("COMMIT", format!("SELECT 'done {}'", self.seq)),
        };
        match kind {
            Kind::Postgres => {
                let joined = body.join("\\; ");
                Said::Whole(format!("BEGIN\\; {joined}\\; SELECT pg_sleep({seconds})\\; {end}\\; {told};"))
            }
            Kind::Mariadb => Said::Whole(format!("BEGIN; {}; DO SLEEP({seconds}); {end}; {told} //", body.join("; "))),
            Kind::Sqlite => Said::Parts(format!("BEGIN IMMEDIATE; {};", body.join("; ")), format!("{end}; {told};")),
        }
    }
}

/// In the order of keys: a deadlock would only make it slow.
fn moves(transfer: &Transfer, writer: u32, seq: u32) -> Vec<String> {
    let Transfer { from, to, amount } = *transfer;
    let update = |id: u32| {
        let sign = if id == from { '-' } else { '+' };
        format!("UPDATE account SET balance = balance {sign} {amount}, n = n + 1 WHERE id = {id}")
    };
    vec![
        update(from.min(to)),
        update(from.max(to)),
        format!(
            "INSERT INTO history SELECT id, n, {writer}, {seq}, CASE id WHEN {from} THEN -{amount} ELSE {amount} END \
             FROM account WHERE id IN ({from}, {to})"
        ),
        format!("UPDATE writer SET seq = {seq} WHERE id = {writer}"),
    ]
}

fn own_key(random: &mut Random, writer: u32) -> Key {
    (format!("{}{writer}", random.of(&["a", "b"])), 1 + random.below(ITEMS))
}

fn price(random: &mut Random) -> Option<i64> {
    (random.below(5) > 0).then(|| i64::try_from(random.below(10_000_000)).unwrap_or(0))
}

fn price_sql(price: Option<i64>) -> String {
    price.map_or_else(|| "NULL".to_string(), |price| format!("{}.{:02}", price / 100, price % 100))
}

/// Names the transaction, so that an older note is never taken for a newer one.
fn note(random: &mut Random, writer: u32, seq: u32) -> Option<String> {
    match random.below(20) {
        0 => None,
        1 => Some(String::new()),
        2 => Some(format!("{writer}.{seq} {}", "long ".repeat(600))),
        _ => {
            let word = random.of(&["O'Neil", "Müller läutet", "日本 💾", "blanks behind  ", "50 % of \"it\"", "x"]);
            Some(format!("{writer}.{seq} {word}"))
        }
    }
}

fn note_sql(note: Option<&str>) -> String {
    note.map_or_else(|| "NULL".to_string(), |note| format!("'{}'", note.replace('\'', "''")))
}

#[cfg(test)]
mod tests;
