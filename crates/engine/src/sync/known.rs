//! One database by itself: what it knows of the group that it belongs to, and leaving it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use syncline_model::merge::{Cells, Group};
use syncline_model::origin::Origin;
use syncline_model::pattern::Selection;
use syncline_model::{CellBuf, Error, ErrorKind, Result};

use super::agreed::Agreed;
use super::control::{self, GROUP, MEMBER, TABLES};
use super::member::Member;
use super::node::{SKEW_MS_MAX, origin};
use crate::job::Endpoint;

/// What a member says of the group that it belongs to.
pub(super) struct Known {
    pub name: String,
    pub agreed: Agreed,
    pub origin: Origin,
    pub formed: bool,
    pub members: BTreeMap<Origin, String>,
}

/// Opens a database, and asks what it knows of a group.
pub(super) async fn open(endpoint: &Endpoint) -> Result<(Box<dyn Member>, Option<Known>)> {
    let unable = || Error::new(ErrorKind::Unsupported, "this database cannot be a member of a sync group");
    let capture = endpoint.connector.capture().ok_or_else(unable)?;
    let mut member = capture.open_member().await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = u64::try_from(now).unwrap_or(u64::MAX);
    let apart = member.now_ms().await?.abs_diff(now);
    if apart > SKEW_MS_MAX {
        let what = format!("the member's clock is {} minutes away from the clock here", apart / 60_000);
        return Err(Error::new(ErrorKind::Config, what).hint("set the clocks right: they decide who wrote last"));
    }
    let known = known(&mut *member).await?;
    Ok((member, known))
}

/// What a member says of its group.
async fn known(member: &mut dyn Member) -> Result<Option<Known>> {
    if !member.has(control::name(control::CONFLICT)).await? {
        return Ok(None);
    }
    let schemas = control::schemas(member);
    member.open(&schemas, TABLES, &[]).await?;
    let one: Cells = [CellBuf::from(1)].into();
    let rows = member.find(GROUP, &[0], &[one], false).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let agreed = serde_json::from_str(control::text(row, 2)?).map_err(|_| {
        Error::new(ErrorKind::Corrupt, "syncline_group.agreed is no account of a group")
            .hint("was it made by another version of Syncline? `syncline sync MEMBER --leave` forgets it")
    })?;
    let name = control::text(row, 1)?.to_owned();
    let (own, formed) = (origin(row, 3)?, control::int(row, 7)? == 1);
    let mut members = BTreeMap::new();
    for row in member.select(MEMBER, "").await? {
        members.insert(origin(&row, 0)?, control::text(&row, 1)?.to_owned());
    }
    Ok(Some(Known { name, agreed, origin: own, formed, members }))
}

/// Takes a database out of its group: what sync has installed there goes, its rows stay.
///
/// # Errors
/// [`ErrorKind::NotFound`] if it is in none.
pub async fn leave(endpoint: &Endpoint) -> Result<()> {
    let unable = || Error::new(ErrorKind::Unsupported, "this database cannot be a member of a sync group");
    let capture = endpoint.connector.capture().ok_or_else(unable)?;
    let mut member = capture.open_member().await?;
    if !member.has(control::name(GROUP)).await? {
        return Err(
            Error::new(ErrorKind::NotFound, "this database is a member of no group").at("member", &*endpoint.name)
        );
    }
    capture.uninstall(None).await?;
    let mut statements = Vec::new();
    for table in (0..TABLES).rev() {
        if member.has(control::name(table)).await? {
            statements.push(format!("DROP TABLE {}", member.own(control::name(table))));
        }
    }
    member.define(&statements).await?;
    member.end().await;
    Ok(())
}

/// A member that is looked at by itself.
pub struct Opened {
    /// The group's name.
    pub name: String,
    pub(super) member: Box<dyn Member>,
    pub(super) agreed: Agreed,
    pub(super) group: Group,
    pub(super) members: BTreeMap<Origin, String>,
}

/// Opens one member, to look at what it has noted.
///
/// # Errors
/// [`ErrorKind::NotFound`] if the database is a member of no group.
pub async fn open_one(endpoint: &Endpoint) -> Result<Opened> {
    let none =
        || Error::new(ErrorKind::NotFound, "this database is a member of no group").at("member", &*endpoint.name);
    let capture = endpoint.connector.capture().ok_or_else(none)?;
    let mut member = capture.open_member().await?;
    let known = known(&mut *member).await?.ok_or_else(none)?;
    let group = known.agreed.group()?;
    let selection = Selection::default();
    let description = endpoint.connector.describe(&selection).await?;
    let mut schemas = control::schemas(&*member);
    for table in &known.agreed.tables {
        let schema = description.tables.iter().find(|schema| schema.name == table.name);
        let missing =
            || Error::new(ErrorKind::Schema, "a table of the group is gone").at("table", table.name.to_string());
        schemas.push(Arc::new(table.at(schema.ok_or_else(missing)?)));
    }
    member.open(&schemas, TABLES, &[]).await?;
    Ok(Opened { name: known.name, member, agreed: known.agreed, group, members: known.members })
}
