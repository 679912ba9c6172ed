//! Values that cannot be told from others by their text.
//!
//! An enum or set may have an empty label, and both show an empty text also for what is no label at all: the enum's error
//! value, the set without members. And in a set the empty label is not shown beside others. As text one would quietly
//! become the other (I10), so a table that holds such values is refused.

use syncline_model::{Error, ErrorKind, Result, TableSchema};

use crate::connect::mariadb::session::Session;
use crate::connect::mariadb::types::Native;
use crate::connect::mariadb::{name_of, quoted};

/// Refuses a table that holds one.
pub async fn refuse(session: &mut Session, table: &TableSchema) -> Result<()> {
    for column in &table.columns {
        let Some(which) = which(&quoted(&column.name), &Native::parse(&column.native)) else { continue };
        if session.rows(&format!("SELECT 1 FROM {} WHERE {which} LIMIT 1", name_of(&table.name))).await?.is_empty() {
            continue;
        }
        return Err(Error::new(ErrorKind::Value, "rows hold a value that looks like another one of the column")
            .at("column", &*column.name)
            .hint(format!("`WHERE {which}` finds them: the column has an empty label, and these are shown like it")));
    }
    Ok(())
}

/// The condition that finds such values, if the column can have any.
fn which(name: &str, native: &Native) -> Option<String> {
    let empty = native.labels.iter().position(String::is_empty)?;
    Some(match native.word.as_str() {
        "set" => format!("{name} & {} <> 0", 1u64.checked_shl(u32::try_from(empty).ok()?)?),
        _ => format!("{name} = 0"),
    })
}
