//! Which transactions a snapshot sees, and what one sees that an earlier one did not.

use std::fmt::Write as _;

use syncline_model::{Error, ErrorKind, Result};

/// What `pg_current_snapshot()` says: all transactions before `end` are over, but for those in `open`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    end: u64,
    /// In order.
    open: Vec<u64>,
}

impl Seen {
    /// Reads the server's text form, `xmin:xmax:xip,xip`.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::new(ErrorKind::Corrupt, "this is no snapshot of PostgreSQL's");
        let mut parts = text.split(':').skip(1);
        let end = parts.next().and_then(|end| end.parse().ok()).ok_or_else(wrong)?;
        let open = parts.next().unwrap_or_default().split(',').filter(|x| !x.is_empty());
        let mut open: Vec<u64> = open.map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        open.sort_unstable();
        Ok(Self { end, open })
    }

    fn sees(&self, transaction: u64) -> bool {
        transaction < self.end && self.open.binary_search(&transaction).is_err()
    }

    /// Whether this one knows of transactions that the other does not know yet.
    pub fn reaches_beyond(&self, other: &Self) -> bool {
        self.end > other.end
    }

    /// Whether one that was open when this snapshot was taken is over for a later one.
    pub fn any_ended(&self, later: &Self) -> bool {
        self.open.iter().any(|x| later.sees(*x))
    }

    /// The condition on `xid` that finds what `later` sees and this one does not; none if there is nothing.
    ///
    /// A row's lock is released only after its owner has left the list of those that are open. So a snapshot that sees the
    /// second writer of a key sees the first; and the second drew its number while it held the lock (I4, F17). Constants
    /// let one index serve both parts; what ended late is found by its own number, however long it was open.
    pub fn until(&self, later: &Self) -> Option<String> {
        let mut parts = between(self.end, later.end, &later.open);
        let ended: Vec<String> = self.open.iter().filter(|x| later.sees(**x)).map(ToString::to_string).collect();
        if !ended.is_empty() {
            parts.push(format!("xid = ANY ('{{{}}}'::pg_catalog.xid8[])", ended.join(",")));
        }
        (!parts.is_empty()).then(|| format!("({})", parts.join(" OR ")))
    }

    /// The condition on `xid` that finds all that this one sees.
    pub fn all(&self) -> String {
        let parts = between(0, self.end, &self.open);
        if parts.is_empty() { "false".into() } else { format!("({})", parts.join(" OR ")) }
    }
}

/// More parts than that are slower than to look at what they leave out.
const PARTS_MAX: usize = 32;

/// Conditions that are met from `from` up to before `end`, without those in `but`: so that entries of a transaction
/// which is open, and may be millions, are not even looked at.
fn between(from: u64, end: u64, but: &[u64]) -> Vec<String> {
    let but: Vec<u64> = but.iter().copied().filter(|x| (from..end).contains(x)).collect();
    let range = |from: u64, end: u64| {
        let mut sql = format!("xid < '{end}'::pg_catalog.xid8");
        if from > 0 {
            let _ = write!(sql, " AND xid >= '{from}'::pg_catalog.xid8");
        }
        (from < end).then_some(sql)
    };
    if but.len() > PARTS_MAX {
        let list: Vec<String> = but.iter().map(ToString::to_string).collect();
        let rest = format!(" AND xid <> ALL ('{{{}}}'::pg_catalog.xid8[])", list.join(","));
        return range(from, end).map(|sql| sql + &rest).into_iter().collect();
    }
    let begins = [from].into_iter().chain(but.iter().map(|x| x + 1));
    let ends = but.iter().copied().chain([end]);
    begins.zip(ends).filter_map(|(from, end)| range(from, end)).collect()
}

#[cfg(test)]
mod tests;
