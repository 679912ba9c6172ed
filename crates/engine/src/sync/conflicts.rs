//! What was lost in conflicts: looking at it, and taking the other value after all.

use syncline_model::merge::{Cells, Group};
use syncline_model::stamp::Stamp;
use syncline_model::{Cell, CellBuf, Error, ErrorKind, Result};

use super::agreed::Agreed;
use super::coded;
use super::control::{self, CONFLICT, TABLES};
use super::known::Opened;
use super::member::{Row, Writes};
use super::node::{key_text, origin};

/// One value that was lost, or a delete that did not last.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// What tells it from others, as hexadecimal digits.
    pub id: String,
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// The columns; none for a delete.
    pub columns: Vec<String>,
    /// What was lost; absent for a delete.
    pub lost: Option<String>,
    /// What won; absent where that was another kind of change.
    pub won: Option<String>,
    /// Who made what was lost, and when.
    pub lost_by: String,
    /// UTC.
    pub lost_at: String,
    /// Who made what won, and when.
    pub won_by: String,
    /// UTC.
    pub won_at: String,
    /// Whether somebody has looked at it and decided.
    pub resolved: bool,
}

/// The conflicts that a member has noted, the newest last.
///
/// # Errors
/// What reading can lead to.
pub async fn list(opened: &mut Opened) -> Result<Vec<Conflict>> {
    let rows = opened.member.select(CONFLICT, "ORDER BY noted_ms").await?;
    rows.iter().map(|row| told(opened, row)).collect()
}

fn told(opened: &Opened, row: &Row) -> Result<Conflict> {
    let (table, columns) = columns(&opened.agreed, &opened.group, row)?;
    let values = |column: usize| -> Result<Option<String>> {
        match control::bytes(row, column)? {
            [] => Ok(None),
            bytes => Ok(Some(key_text(&coded::read_cells(bytes)?))),
        }
    };
    let who = |column: usize| -> Result<String> {
        let origin = origin(row, column)?;
        Ok(opened.members.get(&origin).cloned().unwrap_or_else(|| origin.to_string()))
    };
    let when = |column: usize| -> Result<String> {
        let millis = Stamp::from_bits(control::count(row, column)?).millis();
        let mut text = String::new();
        Cell::TimestampTz(i64::try_from(millis * 1000).unwrap_or(0)).format(&mut text);
        Ok(text.replace("+00:00", "Z").replace(' ', "T"))
    };
    Ok(Conflict {
        id: id(row)?,
        table,
        key: key_text(&coded::read_cells(control::bytes(row, 3)?)?),
        columns,
        lost: values(5)?,
        lost_at: when(6)?,
        lost_by: who(7)?,
        won: values(8)?,
        won_at: when(9)?,
        won_by: who(10)?,
        resolved: control::int(row, 11)? == 1,
    })
}

fn id(row: &Row) -> Result<String> {
    Ok(control::bytes(row, 0)?.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn columns(agreed: &Agreed, group: &Group, row: &Row) -> Result<(String, Vec<String>)> {
    let table = control::place(row, 2)?;
    let of = agreed.tables.get(table).ok_or_else(|| Error::new(ErrorKind::Corrupt, "a conflict is of no table"))?;
    let columns = match usize::try_from(control::int(row, 4)?) {
        Ok(register) => group.table(table).map(|rules| rules.columns(register)).unwrap_or_default(),
        Err(_) => &[],
    };
    let names = columns.iter().filter_map(|&column| of.columns.get(column)).map(|(name, _)| name.to_string());
    Ok((of.name.to_string(), names.collect()))
}

/// Says that a conflict was looked at. With `take` what was lost is written again, as a change of this member's that travels
/// like any user's.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is no such conflict, or the row is gone; [`ErrorKind::Constraint`] where the database
/// refuses the value.
pub async fn resolve(opened: &mut Opened, wanted: &str, take: bool) -> Result<Conflict> {
    let rows = opened.member.select(CONFLICT, "ORDER BY noted_ms").await?;
    let mut found = Vec::new();
    for row in rows {
        if id(&row)?.starts_with(wanted) && !wanted.is_empty() {
            found.push(row);
        }
    }
    let [row] = found.as_mut_slice() else {
        let what = if found.is_empty() { "there is no such conflict" } else { "several conflicts begin so" };
        let error = Error::new(ErrorKind::NotFound, what).at("conflict", wanted);
        return Err(error.hint("`syncline conflicts ls MEMBER` lists them"));
    };
    let conflict = told(opened, row)?;
    if let Some(resolved) = row.get_mut(11) {
        *resolved = CellBuf::from(1);
    }
    let row = row.clone();
    opened.member.begin(Writes::Aloud).await?;
    let done = async {
        if take {
            written(opened, &row).await?;
        }
        opened.member.update(CONFLICT, &[row]).await?;
        opened.member.commit().await
    };
    let done = done.await;
    if done.is_err() {
        opened.member.rollback().await;
    }
    done.map(|()| conflict)
}

async fn written(opened: &mut Opened, row: &Row) -> Result<()> {
    let table = control::place(row, 2)?;
    let rules = opened.group.table(table).ok_or_else(|| Error::new(ErrorKind::Corrupt, "a conflict is of no table"))?;
    let (key, place) = (rules.key().to_vec(), TABLES + table);
    let of: Cells = coded::read_cells(control::bytes(row, 3)?)?;
    let found = opened.member.find(place, &key, std::slice::from_ref(&of), true).await?;
    let Some(mut now) = found.into_iter().next() else {
        return Err(Error::new(ErrorKind::NotFound, "the row is not there any more")
            .hint("insert it again, or resolve the conflict without `--take`"));
    };
    let Ok(register) = usize::try_from(control::int(row, 4)?) else {
        return opened.member.remove(place, &key, &[of]).await;
    };
    let columns = rules.columns(register).to_vec();
    let lost = coded::read_cells(control::bytes(row, 5)?)?;
    for (column, cell) in columns.iter().zip(lost.iter()) {
        if let Some(slot) = now.get_mut(*column) {
            *slot = cell.clone();
        }
    }
    opened.member.update(place, &[now]).await
}
