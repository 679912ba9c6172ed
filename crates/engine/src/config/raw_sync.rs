//! What is written under `sync:`, word for word. As in [`super::raw`], the doc comments speak to the person who writes.

use schemars::JsonSchema;
use serde::Deserialize;

use super::place::At;
use super::raw::Entries;

/// A sync group: databases that are written on all sides and kept in step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSync {
    /// Names of the connections that are kept in step: two to seven.
    pub members: At<Vec<At<String>>>,
    /// The member that all others talk to. Left out, without `links`: each talks to each.
    pub hub: Option<At<String>>,
    /// Who talks to whom, as pairs of members.
    #[serde(default)]
    pub links: At<Vec<Vec<At<String>>>>,
    /// What is newest: each column of a row, or the row.
    #[serde(default)]
    pub mode: RawMerge,
    /// What a delete does to a row that somebody else goes on changing.
    #[serde(default)]
    pub deletes: RawDeletes,
    /// The member whose rows are right where members hold different ones when the group is made.
    pub first_contact: Option<At<String>>,
    /// The tables by name or pattern, the most specific pattern wins. Left out: all tables.
    #[serde(default)]
    pub tables: At<Entries<Option<RawSyncTable>>>,
}

/// What is special about a table of a group.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSyncTable {
    /// What is newest: each column of a row, or the row. Left out: as the group says.
    pub mode: Option<RawMerge>,
    /// What a delete does to a row that somebody else goes on changing. Left out: as the group says.
    pub deletes: Option<RawDeletes>,
    /// Lists of columns that only make sense together: the newest of them wins for all.
    #[serde(default)]
    pub together: Vec<Vec<At<String>>>,
}

/// What is newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawMerge {
    /// Of each column the newest value wins.
    #[default]
    Column,
    /// The newest row wins, with all its columns.
    Row,
}

/// What a delete does to a row that somebody else goes on changing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawDeletes {
    /// The newest of delete and update wins.
    #[default]
    Newest,
    /// The delete wins over every update.
    DeleteWins,
}
