//! From what was written to what is meant: references filled in, names checked, defaults set.

use std::collections::BTreeMap;
use std::time::Duration;

use syncline_model::mapping::{Rule, ValueRules};
use syncline_model::nearest::nearest;
use syncline_model::pattern::{Pattern, winner};
use syncline_model::{Error, Result, TableName};

use super::group::GroupResolver;
use super::place::{At, Place};
use super::quantity;
use super::raw::{
    Entries, OneOrMany, RawCapture, RawConnection, RawFile, RawInstall, RawJob, RawMode, RawNulInText, RawOnError,
    RawSchemaChange, RawTable, RawZeroDates,
};
use super::references::{Filled, Surroundings};
use super::shown::shown;
use super::url::is_name;
use super::{
    AlarmLimits, Capture, ConnectionSpec, ConnectionUrl, JobSpec, OnError, Plan, SchemaChange, Secret, WriteMode,
};

/// A batch's size if the job does not say.
const BATCH_BYTES_DEFAULT: usize = 2 << 20;
const BATCH_BYTES_LEAST: usize = 4 << 10;
const BATCH_BYTES_MOST: usize = 1 << 30;

/// A warning for less would come at every look.
const ALARM_AGE_LEAST: Duration = Duration::from_secs(1);
const ALARM_SIZE_LEAST: u64 = 1 << 20;

/// Makes the plan, or reports the first mistake in the order of the file.
pub(super) fn resolve(raw: RawFile, around: &Surroundings<'_>) -> Result<Plan> {
    let mut plan = Plan::default();
    for (name, connection) in raw.connections.0 {
        check_name(&name, "connection", around)?;
        let spec = resolve_connection(&name, connection, around)?;
        plan.connections.insert(name.value, spec);
    }
    for (name, job) in raw.jobs.0 {
        check_name(&name, "job", around)?;
        let spec = JobResolver { around, connections: &plan.connections }.resolve(&name, job)?;
        plan.jobs.insert(name.value, spec);
    }
    for (name, group) in raw.sync.0 {
        check_name(&name, "group", around)?;
        if let Some(what) = plan.connections.contains_key(&name.value).then_some("connection") {
            return Err(name.place.error(around.file, format!("a {what} is called the same as this group")));
        }
        let spec = GroupResolver { around, connections: &plan.connections }.resolve(&name, group)?;
        plan.sync.insert(name.value, spec);
    }
    Ok(plan)
}

fn check_name(name: &At<String>, noun: &str, around: &Surroundings<'_>) -> Result<()> {
    if is_name(&name.value) {
        return Ok(());
    }
    Err(name
        .place
        .error(around.file, format!("this is not a name for a {noun}"))
        .hint("a name has letters, digits, `_` and `-`, and does not begin with `-`"))
}

fn resolve_connection(
    name: &At<String>,
    written: At<RawConnection>,
    around: &Surroundings<'_>,
) -> Result<ConnectionSpec> {
    let (url, password) = match written.value {
        RawConnection::Url(url) => (At { value: url, place: written.place }, None),
        RawConnection::Full(full) => (full.url, full.password),
    };
    let fail = |place: Place, what: String, hint: String| {
        place.error(around.file, what).at("connection", &name.value).hint(hint)
    };
    let Filled { text, secret } = around.fill(&url)?;
    let (parsed, in_url) = ConnectionUrl::parse(&text, around.home().as_deref()).map_err(|problem| {
        let (what, hint) = problem.told(secret);
        fail(url.place, what, hint)
    })?;
    let password = match (password, in_url) {
        (Some(apart), Some(_)) => {
            return Err(fail(
                apart.place,
                "the password is given twice".into(),
                "take it out of the URL, or remove `password`".into(),
            ));
        }
        (Some(apart), None) => Some(Secret::new(around.fill(&apart)?.text)),
        (None, in_url) => in_url,
    };
    Ok(ConnectionSpec { name: name.value.clone(), url: parsed.relative_to(around.directory()), password })
}

/// What every part of a job is checked against.
struct JobResolver<'a> {
    around: &'a Surroundings<'a>,
    connections: &'a BTreeMap<String, ConnectionSpec>,
}

impl JobResolver<'_> {
    fn resolve(&self, name: &At<String>, job: RawJob) -> Result<JobSpec> {
        self.check_connection(&job.from)?;
        let capture = self.resolve_capture(job.capture)?;
        Ok(JobSpec {
            name: name.value.clone(),
            to: self.resolve_sinks(&job.from.value, job.to)?,
            from: job.from.value,
            capture,
            on_error: self.resolve_on_error(job.on_error, capture)?,
            schema: self.resolve_schema(job.schema, capture)?,
            alarm: self.resolve_alarm(job.alarm_age, job.alarm_size, capture)?,
            installs: job.install.is_some_and(|install| install.value == RawInstall::Auto),
            mode: match job.mode.map(|mode| mode.value) {
                None | Some(RawMode::Upsert) => WriteMode::Upsert,
                Some(RawMode::Truncate) => WriteMode::Truncate,
            },
            tables: self.resolve_tables(job.tables)?,
            batch_bytes_max: match job.batch_bytes_max {
                None => BATCH_BYTES_DEFAULT,
                Some(size) => self.resolve_size(&size)?,
            },
        })
    }

    fn check_connection(&self, name: &At<String>) -> Result<()> {
        if self.connections.contains_key(&name.value) {
            return Ok(());
        }
        let known = self.connections.keys().map(String::as_str);
        Err(no_such_connection(&name.value, known, |what| self.error(name.place, what)))
    }

    fn resolve_sinks(&self, from: &str, to: At<OneOrMany>) -> Result<Vec<String>> {
        let sinks = match to.value {
            OneOrMany::One(name) => vec![At { value: name, place: to.place }],
            OneOrMany::Many(names) => names,
        };
        if sinks.is_empty() {
            return Err(self.error(to.place, "`to` names no connection").hint("name one, or a list"));
        }
        let mut seen: Vec<String> = Vec::new();
        for sink in sinks {
            self.check_connection(&sink)?;
            if sink.value == from {
                let what = format!("`to` and `from` are the same connection `{from}`");
                return Err(self.error(sink.place, what).hint("a job moves rows from one connection to another"));
            }
            if seen.contains(&sink.value) {
                return Err(self.error(sink.place, format!("`to` names `{}` twice", sink.value)).hint("keep one"));
            }
            seen.push(sink.value);
        }
        Ok(seen)
    }

    fn resolve_capture(&self, capture: Option<At<RawCapture>>) -> Result<Capture> {
        let Some(At { value, place }) = capture else { return Ok(Capture::Snapshot) };
        let word = match value {
            RawCapture::Auto | RawCapture::Snapshot => return Ok(Capture::Snapshot),
            RawCapture::Trigger => return Ok(Capture::Trigger),
            RawCapture::Log => "log",
            RawCapture::Watermark => "watermark",
            RawCapture::Compare => "compare",
            RawCapture::Outbox => "outbox",
        };
        Err(self
            .error(place, format!("capture `{word}` is not available yet"))
            .hint("`capture: trigger` and `capture: snapshot` are"))
    }

    fn resolve_on_error(&self, on_error: Option<At<RawOnError>>, capture: Capture) -> Result<OnError> {
        match on_error.map(|at| (at.value, at.place)) {
            None | Some((RawOnError::Stop, _)) => Ok(OnError::Stop),
            Some((RawOnError::Park, _)) if capture == Capture::Trigger => Ok(OnError::Park),
            Some((RawOnError::Park, place)) => Err(self
                .error(place, "`on_error: park` sets changes aside, and this job takes snapshots")
                .hint("say `capture: trigger`; a snapshot stops at a row that the sink refuses")),
        }
    }

    fn resolve_schema(&self, schema: Option<At<RawSchemaChange>>, capture: Capture) -> Result<SchemaChange> {
        match schema.map(|at| (at.value, at.place)) {
            None | Some((RawSchemaChange::Pause, _)) => Ok(SchemaChange::Pause),
            Some((RawSchemaChange::AddColumns, _)) if capture == Capture::Trigger => Ok(SchemaChange::AddColumns),
            Some((RawSchemaChange::AddColumns, place)) => Err(self
                .error(place, "`schema: add_columns` is for jobs that follow, and this job takes snapshots")
                .hint("say `capture: trigger`; a snapshot needs a sink that has the columns")),
        }
    }

    fn resolve_alarm(
        &self,
        age: Option<At<String>>,
        size: Option<At<String>>,
        capture: Capture,
    ) -> Result<AlarmLimits> {
        let mut alarm = AlarmLimits::default();
        if let Some(given) = age.as_ref().or(size.as_ref()).filter(|_| capture != Capture::Trigger) {
            let what = "`alarm_age` and `alarm_size` are for jobs that follow, and this job takes snapshots";
            return Err(self.error(given.place, what).hint("say `capture: trigger`, or take them out"));
        }
        if let Some(At { value, place }) = age {
            alarm.age =
                quantity::duration(&value).map_err(|form| self.error(place, "this is not a time").hint(form))?;
            if alarm.age < ALARM_AGE_LEAST {
                return Err(self
                    .error(place, "`alarm_age` is at least 1 s")
                    .hint("for example `6 h`; without it, 1 day"));
            }
        }
        if let Some(At { value, place }) = size {
            let bytes = quantity::size(&value).map_err(|form| self.error(place, "this is not a size").hint(form))?;
            alarm.size_bytes = bytes as u64;
            if alarm.size_bytes < ALARM_SIZE_LEAST {
                let error = self.error(place, "`alarm_size` is at least 1 MiB");
                return Err(error.hint("for example `500 MiB`; without it, 1 GiB"));
            }
        }
        Ok(alarm)
    }

    fn resolve_tables(&self, tables: At<Entries<Option<RawTable>>>) -> Result<Vec<(Pattern, Rule)>> {
        // Whoever comments the last table out does not mean all of them.
        if tables.value.0.is_empty() && tables.place != Place::default() {
            return Err(self.error(tables.place, "`tables` names no table").hint("leave `tables` out for all tables"));
        }
        let mut resolved: Vec<(Pattern, Rule)> = Vec::new();
        for (text, table) in tables.value.0 {
            let pattern = Pattern::parse(&text.value).map_err(|e| self.error(text.place, e.what()).hint(e.advice()))?;
            // Two globs may mean the same table or not, as the database will show; one name written in two ways does.
            if let Ok(table) = TableName::parse(&text.value) {
                winner(resolved.iter().map(|(earlier, _)| earlier).chain([&pattern]), &table, None)
                    .map_err(|e| self.error(text.place, e.what()).hint(e.advice()))?;
            }
            resolved.push((pattern, self.resolve_rule(table.unwrap_or_default())?));
        }
        Ok(resolved)
    }

    fn resolve_rule(&self, table: RawTable) -> Result<Rule> {
        let texts = |list: Vec<At<String>>| list.into_iter().map(|item| item.value).collect();
        Ok(Rule {
            to: table.to.map(|to| to.value),
            columns: table.columns.0.into_iter().map(|(from, to)| (from.value, to)).collect(),
            exclude: texts(table.exclude),
            filter: table.filter.map(|filter| filter.value),
            key: texts(table.key),
            values: ValueRules {
                zero_dates_null: table.zero_dates == RawZeroDates::Null,
                nul_stripped: table.nul_in_text == RawNulInText::Strip,
            },
        })
    }

    fn resolve_size(&self, written: &At<String>) -> Result<usize> {
        match quantity::size(&written.value) {
            Ok(size) if (BATCH_BYTES_LEAST..=BATCH_BYTES_MOST).contains(&size) => Ok(size),
            Ok(_) => Err(self
                .error(written.place, "`batch_bytes_max` lies between 4 KiB and 1 GiB")
                .hint("for example `8 MiB`; without it, 2 MiB")),
            Err(form) => Err(self.error(written.place, "this is not a size").hint(form)),
        }
    }

    fn error(&self, place: Place, what: impl Into<String>) -> Error {
        place.error(self.around.file, what)
    }
}

/// The error for a connection's name that is not in the file.
pub(super) fn no_such_connection<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    error: impl Fn(String) -> Error,
) -> Error {
    let shown = shown(name);
    let list = known.clone().collect::<Vec<_>>().join(", ");
    let what = match nearest(name, known) {
        _ if shown.is_empty() => "there is no such connection".into(),
        Some(near) => format!("there is no connection{shown}; did you mean `{near}`?"),
        None => format!("there is no connection{shown}"),
    };
    match list.as_str() {
        "" => error(what).hint("`connections` is empty; name your databases there"),
        _ => error(what).hint(format!("the connections are {list}")),
    }
}
