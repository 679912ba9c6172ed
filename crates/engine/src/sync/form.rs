//! Making a group, and looking at the members of one: whatever does not fit is refused before any row moves.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use syncline_model::merge::Group;
use syncline_model::origin::Origin;
use syncline_model::pattern::{Pattern, Selection, winner};
use syncline_model::{CellBuf, Error, ErrorKind, LogicalType, Result, TableName, TableSchema};

use super::agreed::{Agreed, Rules};
use super::control::{self, GROUP, MEMBER, TABLES, at};
use super::first::{self, Found};
use super::known::{Known, open};
use super::member::{Member, Writes};
use super::node::{Node, origin_cell};
use super::step::{Step, reached};
use crate::connector::{CaptureTable, Description};
use crate::job::Endpoint;

/// Rows that one transaction asserts at first contact.
const ASSERTED_MAX: usize = 2000;

/// A group as somebody wants it.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// Its members.
    pub members: Vec<Endpoint>,
    /// Which tables.
    pub selection: Selection,
    /// How tables are merged; the most specific pattern wins.
    pub rules: Vec<(Pattern, Rules)>,
    /// How those are merged that no pattern matches.
    pub otherwise: Rules,
    /// Who talks to whom.
    pub links: Vec<(usize, usize)>,
    /// Whose row is right where rows differ at first contact.
    pub winner: Option<usize>,
}

/// A member that was reached.
struct Seen {
    place: usize,
    endpoint: Endpoint,
    /// The group's tables as they are there.
    schemas: Vec<Arc<TableSchema>>,
    member: Box<dyn Member>,
    known: Option<Known>,
    /// What installing capture would run.
    statements: u64,
}

/// A group whose members were looked at.
pub struct Looked {
    spec: Spec,
    seen: Vec<Seen>,
    /// Those that cannot be reached, and why.
    pub away: Vec<(usize, Error)>,
    agreed: Arc<Agreed>,
    group: Arc<Group>,
    /// What first contact would do; absent where the group is there.
    pub found: Option<Found>,
}

impl Looked {
    /// By member, how many statements installing would take.
    #[must_use]
    pub fn installs(&self) -> Vec<(String, u64)> {
        self.seen.iter().map(|seen| (seen.endpoint.name.clone(), seen.statements)).collect()
    }

    /// The names of the group's tables.
    #[must_use]
    pub fn tables(&self) -> Vec<TableName> {
        self.agreed.tables.iter().map(|table| table.name.clone()).collect()
    }
}

/// Looks at all members; changes nothing.
///
/// # Errors
/// Whatever keeps the group from being made or from going on, and names the member.
pub async fn look(spec: Spec) -> Result<Looked> {
    let (there, mut away) = described(&spec).await?;
    let Some((_, first)) = there.first() else {
        return Err(away.pop().map_or_else(no_table, |(_, e)| e));
    };
    let fresh = fresh(&spec, first)?;
    let mut opened = Vec::with_capacity(there.len());
    for (place, _) in &there {
        let endpoint = spec.members.get(*place).ok_or_else(no_table)?;
        opened.push(open(endpoint).await.map_err(|e| e.at("member", &*endpoint.name))?);
    }
    // Where there is a group, it says which columns it has, whoever is named first.
    let known = opened.iter().find_map(|(_, known)| known.as_ref());
    let mut agreed = match known.filter(|known| known.agreed.difference(&fresh).is_none()) {
        Some(known) => known.agreed.clone(),
        None => fresh,
    };
    for (place, description) in &there {
        agreed.takes(&name_of(&spec, *place), &description.tables)?;
    }
    let group = Arc::new(agreed.group()?);
    let agreed = Arc::new(agreed);
    let mut seen = Vec::with_capacity(there.len());
    for ((place, description), (member, known)) in there.into_iter().zip(opened) {
        let endpoint = spec.members.get(place).cloned().ok_or_else(no_table)?;
        let schemas = agreed.tables.iter().filter_map(|table| {
            description.tables.iter().find(|schema| schema.name == table.name).map(|schema| (table, schema))
        });
        let schemas: Vec<_> = schemas.map(|(table, schema)| Arc::new(table.at(schema))).collect();
        let at = |e: Error| e.at("member", &*endpoint.name);
        for schema in &schemas {
            comparable(schema, &group, &agreed).map_err(at)?;
        }
        fires_nothing(&description.tables, &agreed).map_err(at)?;
        let statements = installable(&endpoint, &schemas).await.map_err(at)?;
        seen.push(Seen { place, endpoint, schemas, member, known, statements });
    }
    let mut looked = Looked { spec, seen, away, agreed, group, found: None };
    looked.agree().await?;
    Ok(looked)
}

/// Those members that can be reached, each once, and the others.
async fn described(spec: &Spec) -> Result<(Vec<(usize, Description)>, Vec<(usize, Error)>)> {
    let described = spec.members.iter().map(|endpoint| endpoint.connector.describe(&spec.selection));
    let described = futures_util::future::join_all(described).await;
    let (mut there, mut away): (Vec<(usize, Description)>, _) = (Vec::new(), Vec::new());
    for (place, described) in described.into_iter().enumerate() {
        match described {
            Ok(description) => there.push((place, description)),
            Err(e) if matches!(e.kind(), ErrorKind::Unreachable | ErrorKind::Busy) => away.push((place, e)),
            Err(e) => return Err(e),
        }
    }
    for (i, (place, one)) in there.iter().enumerate() {
        if let Some((other, _)) = there.iter().take(i).find(|(_, other)| other.identity == one.identity) {
            return Err(Error::new(ErrorKind::Config, "one database is named twice")
                .at("member", name_of(spec, *place))
                .at("other", name_of(spec, *other))
                .hint("a group has each database once"));
        }
    }
    Ok((there, away))
}

/// What the group comes to by the tables of one member.
fn fresh(spec: &Spec, first: &Description) -> Result<Agreed> {
    if let Some(missed) = spec.selection.unmatched(&first.names, None).into_iter().next() {
        return Err(Error::new(ErrorKind::NotFound, missed.to_string()).hint("see the member's own tables"));
    }
    let tables = first.tables.iter().filter(|table| !super::member::is_own(&table.name));
    let tables: Vec<TableSchema> = tables.cloned().collect();
    if tables.is_empty() {
        return Err(no_table());
    }
    Agreed::of(&tables, |name| rules_of(spec, name))
}

/// Whether capture can be installed, and how many statements that takes.
async fn installable(endpoint: &Endpoint, schemas: &[Arc<TableSchema>]) -> Result<u64> {
    let Some(capture) = endpoint.connector.capture() else { return Ok(0) };
    let plan = capture.install_plan(&captured(schemas)).await?;
    if let Some(obstacle) = plan.obstacles.first() {
        return Err(Error::new(ErrorKind::Unsupported, obstacle.clone()));
    }
    if let Some(lane) = capture.backlog().await?.first() {
        return Err(Error::new(ErrorKind::Unsupported, "a job follows this database, and would miss what sync writes")
            .at("lane", lane.lane.0.clone())
            .hint("`syncline uninstall JOB` ends the job; a member of a sync group is not followed yet"));
    }
    Ok(plan.statements.len() as u64)
}

/// No table has triggers that what sync writes would fire: at other brands it fires nothing.
fn fires_nothing(tables: &[TableSchema], agreed: &Agreed) -> Result<()> {
    let theirs = |t: &&TableSchema| t.triggers.iter().any(|name| !name.starts_with("syncline_"));
    let of_group = |t: &&TableSchema| agreed.tables.iter().any(|agreed| agreed.name == t.name);
    match tables.iter().filter(|t| t.brand == "mariadb").filter(of_group).find(theirs) {
        None => Ok(()),
        Some(table) => {
            let what = "the table has triggers, which MariaDB fires for what sync writes too";
            Err(Error::new(ErrorKind::Unsupported, what)
                .at("table", table.name.to_string())
                .at("triggers", table.triggers.join(", "))
                .hint("what a trigger does at one member travels to the others: drop it here, or leave the table out"))
        }
    }
}

impl Looked {
    /// The members say the same of the group; or there is none, and their rows are looked at.
    async fn agree(&mut self) -> Result<()> {
        let formed = |seen: &Seen| seen.known.as_ref().is_some_and(|known| known.formed);
        let mut origins: BTreeMap<Origin, &str> = BTreeMap::new();
        for seen in &self.seen {
            let Some(known) = &seen.known else { continue };
            let refuse = |kind, what: String| Error::new(kind, what).at("member", &*seen.endpoint.name);
            if let Some(other) = origins.insert(known.origin, &seen.endpoint.name) {
                return Err(refuse(ErrorKind::Config, "two databases have one id: one is a copy of the other".into())
                    .at("other", other)
                    .hint("`syncline sync COPY --leave` makes the copy a database of its own; then it can join"));
            }
            if known.name != self.spec.name {
                return Err(refuse(ErrorKind::Config, format!("the member belongs to another group, {}", known.name))
                    .hint("a database is a member of one group; `syncline sync MEMBER --leave` takes it out"));
            }
            if let Some(difference) = known.agreed.difference(&self.agreed) {
                return Err(refuse(ErrorKind::Schema, format!("the group has agreed on something else: {difference}"))
                    .hint(
                        "undo the difference; or bring all in step, let all members leave, and make the group anew",
                    ));
            }
        }
        if !self.seen.iter().any(formed) {
            if let Some((_, error)) = self.away.pop() {
                return Err(error.hint("all members must be there when a group is made"));
            }
            let members: Vec<_> = self.seen.iter().map(|s| (s.endpoint.clone(), s.schemas.clone())).collect();
            let found = first::look(&members, &self.agreed, &self.group, self.spec.winner).await?;
            self.found = Some(found);
            return Ok(());
        }
        for seen in &self.seen {
            let listed = |other: &Seen| {
                let known = other.known.as_ref();
                known
                    .is_some_and(|known| seen.known.as_ref().is_some_and(|own| known.members.contains_key(&own.origin)))
            };
            if !self.seen.iter().filter(|other| formed(other)).all(listed) {
                return Err(Error::new(ErrorKind::Config, "the group is there, and this database is no member of it")
                    .at("member", &*seen.endpoint.name)
                    .hint("to add a member: bring all in step, let each leave (`syncline sync MEMBER --leave`), and make the group anew"));
            }
            // Killed between: the others have it already.
            if !formed(seen) {
                self.found = Some(Found::default());
            }
        }
        Ok(())
    }

    /// Installs what is missing, makes the group if there is none, and opens its members.
    ///
    /// # Errors
    /// [`ErrorKind::Constraint`] where rows differ and nobody said whose is right; what installing and writing can lead to.
    pub async fn form(self) -> Result<Vec<(usize, Node)>> {
        if let Some(found) = self.found.as_ref().filter(|found| found.differ() > 0 && self.spec.winner.is_none()) {
            let what = format!("{} rows differ between the members", found.differ());
            return Err(Error::new(ErrorKind::Constraint, what)
                .hint("say whose rows are right with `--first-contact MEMBER`; `--dry-run` counts them by table"));
        }
        let Self { spec, seen, agreed, group, found, .. } = self;
        let mut members = Vec::with_capacity(seen.len());
        for one in seen {
            members.push(installed(one, &spec, &agreed).await?);
        }
        let listed: Vec<(Origin, String)> =
            members.iter().map(|(one, origin)| (*origin, one.endpoint.name.clone())).collect();
        let mut nodes = Vec::with_capacity(members.len());
        for (one, origin) in members {
            let Seen { place, endpoint, mut member, .. } = one;
            if found.is_some() {
                list(&mut *member, &listed).await.map_err(|e| e.at("member", &*endpoint.name))?;
                reached(Step::Listed);
            }
            let name: Arc<str> = endpoint.name.as_str().into();
            nodes.push((place, Node::open(name, member, group.clone(), agreed.clone(), origin).await?));
        }
        if let Some(found) = found {
            for (at, keys) in &found.asserted {
                let Some((_, node)) = nodes.get_mut(*at) else { continue };
                for keys in keys.chunks(ASSERTED_MAX) {
                    node.assert(keys).await?;
                    reached(Step::Asserted);
                }
            }
            for (_, node) in &mut nodes {
                node.formed().await?;
                reached(Step::Formed);
            }
        }
        Ok(nodes)
    }
}

/// Makes sure that a member's changes are captured and that it has the tables of a group; a new one gets its id.
async fn installed(mut one: Seen, spec: &Spec, agreed: &Agreed) -> Result<(Seen, Origin)> {
    let endpoint = one.endpoint.clone();
    let at = |e: Error| e.at("member", &*endpoint.name);
    let tables = captured(&one.schemas);
    if let Some(capture) = endpoint.connector.capture() {
        capture.install(&tables).await.map_err(at)?;
        reached(Step::Captured);
    }
    if !one.member.has(control::name(control::CONFLICT)).await.map_err(at)? {
        let mut statements = control::create(&*one.member);
        // Who was killed between left some of them.
        for table in 0..TABLES {
            if one.member.has(control::name(table)).await.map_err(at)? {
                statements.insert(0, format!("DROP TABLE {}", one.member.own(control::name(table))));
            }
        }
        one.member.define(&statements).await.map_err(at)?;
    }
    let all: Vec<_> = control::schemas(&*one.member).into_iter().chain(one.schemas.iter().cloned()).collect();
    one.member.open(&all, TABLES, &tables).await.map_err(at)?;
    let origin = match &one.known {
        Some(known) => known.origin,
        None => introduced(&mut *one.member, &spec.name, agreed).await.map_err(at)?,
    };
    reached(Step::Introduced);
    Ok((one, origin))
}

/// Gives a member its id. What was captured before is no news: first contact looks at the rows themselves.
async fn introduced(member: &mut dyn Member, name: &str, agreed: &Agreed) -> Result<Origin> {
    let origin = Origin(std::hash::RandomState::new().build_hasher().finish() >> 1);
    let written = serde_json::to_string(agreed)
        .map_err(|e| Error::new(ErrorKind::Bug, "what was agreed cannot be written").caused_by(e))?;
    let row = vec![
        CellBuf::from(1),
        CellBuf::from(name),
        CellBuf::Text(written.into()),
        origin_cell(origin),
        at(0),
        at(0),
        at(0),
        at(0),
    ];
    member.begin(Writes::Quiet).await?;
    let done = async {
        member.captured().await?;
        member.insert(GROUP, &[row]).await?;
        member.commit().await
    };
    let done = done.await;
    if done.is_err() {
        member.rollback().await;
    }
    done.map(|()| origin)
}

/// Tells a member who the others are.
async fn list(member: &mut dyn Member, listed: &[(Origin, String)]) -> Result<()> {
    let rows = listed.iter().map(|(origin, name)| vec![origin_cell(*origin), CellBuf::from(name.as_str())]);
    let rows: Vec<_> = rows.collect();
    member.begin(Writes::Quiet).await?;
    let done = async {
        let table = member.own(control::name(MEMBER));
        member.run(&format!("DELETE FROM {table}")).await?;
        member.insert(MEMBER, &rows).await?;
        let table = member.own(control::name(GROUP));
        member.run(&format!("UPDATE {table} SET version = version + 1 WHERE id = 1")).await?;
        member.commit().await
    };
    let done = done.await;
    if done.is_err() {
        member.rollback().await;
    }
    done
}

impl Node {
    /// First contact is over.
    async fn formed(&mut self) -> Result<()> {
        let table = self.member.own(control::name(GROUP));
        self.member.begin(Writes::Quiet).await?;
        self.member.run(&format!("UPDATE {table} SET formed = 1 WHERE id = 1")).await?;
        self.member.commit().await
    }
}

fn captured(schemas: &[Arc<TableSchema>]) -> Vec<CaptureTable> {
    // A row as it was before a change must be whole: it is nowhere else.
    schemas.iter().map(|schema| CaptureTable { schema: schema.clone(), whole: true }).collect()
}

/// Two texts that are one to a unique index must be one to all members.
fn comparable(schema: &TableSchema, group: &Group, agreed: &Agreed) -> Result<()> {
    let Some(table) = agreed.tables.iter().position(|table| table.name == schema.name) else { return Ok(()) };
    let uniques = group.asked(table);
    let compared: BTreeSet<usize> = uniques.into_iter().flatten().chain(schema.key.iter().copied()).collect();
    for column in compared.into_iter().filter_map(|column| schema.columns.get(column)) {
        let text = matches!(column.logical, LogicalType::Text { .. } | LogicalType::Any);
        if let Some(collation) = column.collation.as_ref().filter(|_| text) {
            return Err(Error::new(ErrorKind::Schema, format!("texts that differ can be equal under the collation {collation}"))
                .at("table", schema.name.to_string())
                .at("column", &*column.name)
                .hint("a key, or a column that is unique or referred to, must be compared by its bytes (`COLLATE utf8mb4_nopad_bin`, which also keeps blanks at the end apart)"));
        }
    }
    Ok(())
}

fn rules_of(spec: &Spec, name: &TableName) -> Result<Rules> {
    let found = winner(spec.rules.iter().map(|(pattern, _)| pattern), name, None)?;
    Ok(found.and_then(|at| spec.rules.get(at)).map_or_else(|| spec.otherwise.clone(), |(_, rules)| rules.clone()))
}

fn name_of(spec: &Spec, place: usize) -> String {
    spec.members.get(place).map_or_else(String::new, |endpoint| endpoint.name.clone())
}

fn no_table() -> Error {
    Error::new(ErrorKind::NotFound, "there is no table to keep in step")
}
