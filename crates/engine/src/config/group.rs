//! Sync groups: from what was written to what is meant.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::Result;
use syncline_model::pattern::Pattern;

use super::place::{At, Place};
use super::raw_sync::{RawDeletes, RawMerge, RawSync, RawSyncTable};
use super::references::Surroundings;
use super::resolve::no_such_connection;
use super::shown::shown;
use super::{ConnectionSpec, GroupSpec, TableMerge};

/// Most members of a group.
const MEMBERS_MAX: usize = 7;

pub(super) struct GroupResolver<'a> {
    pub around: &'a Surroundings<'a>,
    pub connections: &'a BTreeMap<String, ConnectionSpec>,
}

impl GroupResolver<'_> {
    pub fn resolve(&self, name: &At<String>, group: RawSync) -> Result<GroupSpec> {
        let members = self.members(&group)?;
        let place = |at: &At<String>| self.place(&members, at);
        let links = match (&group.hub, group.links.value.is_empty()) {
            (Some(hub), false) => {
                return Err(self.error(hub.place, "`hub` and `links` both say who talks to whom").hint("keep one"));
            }
            (Some(hub), true) => {
                let hub = place(hub)?;
                (0..members.len()).filter(|other| *other != hub).map(|other| (hub, other)).collect()
            }
            (None, false) => self.links(&members, &group.links)?,
            (None, true) => (0..members.len()).flat_map(|a| (a + 1..members.len()).map(move |b| (a, b))).collect(),
        };
        let winner = group.first_contact.as_ref().map(place).transpose()?;
        let whole = merge(Some(group.mode), Some(group.deletes), (false, false));
        let mut tables = Vec::new();
        if group.tables.value.0.is_empty() && group.tables.place != Place::default() {
            return Err(self.error(group.tables.place, "`tables` names no table").hint("leave it out for all tables"));
        }
        for (text, table) in group.tables.value.0 {
            let pattern = Pattern::parse(&text.value).map_err(|e| self.error(text.place, e.what()).hint(e.advice()))?;
            tables.push((pattern, self.table(table.unwrap_or_default(), (whole.by_row, whole.deletes_win))?));
        }
        Ok(GroupSpec { name: name.value.clone(), members, links, winner, whole, tables })
    }

    fn members(&self, group: &RawSync) -> Result<Vec<String>> {
        let mut members: Vec<String> = Vec::new();
        for member in &group.members.value {
            if !self.connections.contains_key(&member.value) {
                let known = self.connections.keys().map(String::as_str);
                return Err(no_such_connection(&member.value, known, |what| self.error(member.place, what)));
            }
            if members.contains(&member.value) {
                let what = format!("`members` names `{}` twice", member.value);
                return Err(self.error(member.place, what).hint("a group has each database once"));
            }
            members.push(member.value.clone());
        }
        if !(2..=MEMBERS_MAX).contains(&members.len()) {
            return Err(self.error(group.members.place, format!("a group has two to {MEMBERS_MAX} members")));
        }
        Ok(members)
    }

    fn links(&self, members: &[String], links: &At<Vec<Vec<At<String>>>>) -> Result<Vec<(usize, usize)>> {
        let mut found = Vec::new();
        for link in &links.value {
            let [a, b] = link.as_slice() else {
                return Err(self.error(links.place, "a link joins two members").hint("links: [[a, b], [b, c]]"));
            };
            let (a, b) = (self.place(members, a)?, self.place(members, b)?);
            if a == b {
                return Err(self.error(links.place, "a link joins a member with itself"));
            }
            found.push((a, b));
        }
        // What one member writes must find a way to every other.
        let mut reached = BTreeSet::from([0]);
        for _ in members {
            let next: Vec<usize> = found
                .iter()
                .filter(|(a, b)| reached.contains(a) || reached.contains(b))
                .flat_map(|(a, b)| [*a, *b])
                .collect();
            reached.extend(next);
        }
        match (0..members.len()).find(|member| !reached.contains(member)) {
            Some(lonely) => {
                let name = members.get(lonely).map_or("", String::as_str);
                Err(self.error(links.place, format!("no way leads from `{name}` to the other members")))
            }
            None => Ok(found),
        }
    }

    fn place(&self, members: &[String], at: &At<String>) -> Result<usize> {
        members.iter().position(|member| *member == at.value).ok_or_else(|| {
            self.error(at.place, format!("this is no member of the group{}", shown(&at.value)))
                .hint(format!("the members are {}", members.join(", ")))
        })
    }

    fn table(&self, table: RawSyncTable, whole: (bool, bool)) -> Result<TableMerge> {
        let merged = merge(table.mode, table.deletes, whole);
        if let Some(column) = table.together.first().and_then(|list| list.first()).filter(|_| merged.by_row) {
            return Err(self.error(column.place, "`together` is for `mode: column`; a row is together anyway"));
        }
        let texts = |list: Vec<At<String>>| list.into_iter().map(|item| item.value).collect();
        Ok(TableMerge { together: table.together.into_iter().map(texts).collect(), ..merged })
    }

    fn error(&self, place: Place, what: impl Into<String>) -> syncline_model::Error {
        place.error(self.around.file, what)
    }
}

fn merge(mode: Option<RawMerge>, deletes: Option<RawDeletes>, whole: (bool, bool)) -> TableMerge {
    TableMerge {
        by_row: mode.map_or(whole.0, |mode| mode == RawMerge::Row),
        deletes_win: deletes.map_or(whole.1, |deletes| deletes == RawDeletes::DeleteWins),
        together: Vec::new(),
    }
}
