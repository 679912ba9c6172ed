//! Columns that the sink's tables lack are added before the lane is opened, where the job says so.
//!
//! What a table holds already has nothing in a new column. So the lane's position says first that the table is not loaded, and
//! then the column is added: whatever dies in between, the next run finds the column missing or there, and loads the
//! table (I10). Two processes that do so at once are lanes that fence each other; the later one finds the column there.

use std::collections::BTreeSet;

use syncline_model::{Result, TableName};

use super::Endpoint;
use super::prepare::PreparedLane;
use super::step::{Step, reached};
use crate::capture::follow::Place;
use crate::connector::WriteSpec;

/// Adds what the lane's plan adds, unless there is nothing to add.
///
/// # Errors
/// Those of the sink, which then has all columns or those that could be added, and loads the tables in any case.
pub async fn widen(lane: &mut PreparedLane) -> Result<()> {
    if lane.plan.added.is_empty() {
        return Ok(());
    }
    let narrow: BTreeSet<&TableName> = lane.plan.added.iter().map(|added| &added.table).collect();
    let both = lane.read.tables.iter().zip(&lane.spec.tables).filter(|(_, write)| narrow.contains(&write.name));
    let (read, tables): (Vec<_>, Vec<_>) = both.map(|(read, write)| (read.name.clone(), write.clone())).unzip();
    forget(&lane.to, lane.spec.clone(), &read, false).await?;
    // Only those: a column that another table loses meanwhile is not added without a load.
    let wide = WriteSpec { tables, add_columns: true, ..lane.spec.clone() };
    drop(lane.to.connector.open_sink(&wide).await?);
    reached(Step::Widened);
    for added in std::mem::take(&mut lane.plan.added) {
        let (table, column) = (added.table.to_string(), &*added.column);
        tracing::info!(sink = &*lane.to.name, table, column, "column added");
    }
    Ok(())
}

/// Writes into the position of the spec's lane that these tables, or `all` of its tables, are not loaded, nor those of a side
/// lane, which ends. Whoever runs the lane is fenced.
///
/// # Errors
/// Those of the sink; the position is then as it was.
pub async fn forget(to: &Endpoint, spec: WriteSpec, tables: &[TableName], all: bool) -> Result<()> {
    let spec = WriteSpec { tables: Vec::new(), ..spec };
    let mut sink = to.connector.open_sink(&spec).await?;
    let lease = sink.lease().clone();
    let mut place = match lease.position.as_ref().map(Place::parse) {
        // Where nothing was loaded yet there is nothing to load again.
        None => return Ok(()),
        _ if all => Place::forgotten(tables.iter().cloned()),
        Some(place) => {
            let mut place = place?;
            tables.iter().for_each(|table| place.forget(table));
            place
        }
    };
    let side = WriteSpec { lane: spec.lane.side(), ..spec };
    let there = to.connector.check().await?.lanes.iter().any(|l| l.lane == side.lane);
    let its = if there { Some(to.connector.open_sink(&side).await?.lease().clone()) } else { None };
    sink.begin(lease.epoch).await?;
    if let Some(its) = its {
        if let Some(loaded) = &its.position {
            place.forget_those_of(&Place::parse(loaded)?);
        }
        sink.retire(&side.lane, its.epoch).await?;
    }
    sink.commit(&place.position()?).await
}
