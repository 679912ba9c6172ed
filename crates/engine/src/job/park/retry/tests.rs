#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use syncline_model::change::Op;
use syncline_model::{CellBuf, Column, LogicalType, TableName};

use super::*;
use crate::connect::memory::Memory;
use crate::job::park::Parking;

fn spec(lane: &str) -> WriteSpec {
    let columns = vec![Column::new("id", LogicalType::Any)];
    let table = TableSchema { key: vec![0], ..TableSchema::new(TableName::bare("t"), columns) };
    let tables = vec![Arc::new(table), parked::schema()];
    WriteSpec {
        lane: LaneId(lane.into()),
        owner: "test".into(),
        tables,
        once: false,
        restart: false,
        add_columns: false,
    }
}

/// Between reading what is parked and applying it the lane has loaded the table and forgotten it: the older change is not
/// applied over the newer rows.
#[tokio::test]
async fn what_was_forgotten_meanwhile_is_not_applied() {
    let memory = Memory::new("");
    let mut lane = memory.open_sink(&spec("lane")).await.unwrap();
    let mut builder = TableBuilder::new(spec("lane").tables[0].clone());
    builder.push(ChangeBuf { ord: 1, ..ChangeBuf::new(Op::Insert, vec![Some(CellBuf::from(7))], Vec::new()) }).unwrap();
    let insert = ChangeBatch { tables: vec![builder.finish().unwrap()], ..ChangeBatch::default() };
    let mut parking = Parking::new(spec("lane").lane, true, &spec("lane").tables);
    parking.learns(&Error::new(ErrorKind::Value, "refused").of_change(1));
    let unit = |batch: ChangeBatch| ChangeBatch { begins: true, ends: Some(nowhere()), ..batch };
    let write = async |lane: &mut Box<dyn Sink>, batch: &ChangeBatch| {
        lane.begin(lane.lease().epoch).await.unwrap();
        lane.write(batch).await.unwrap();
        lane.commit(&nowhere()).await.unwrap();
    };
    write(&mut lane, &unit(parking.divert(insert.clone(), false).unwrap())).await;

    let spec = spec("lane");
    let sink = beside(&memory, &spec).await.unwrap();
    let tables = spec.tables.iter().map(|t| (t.name.to_string(), t.clone())).collect();
    let (refused, stays) = (BTreeMap::new(), BTreeSet::new());
    let mut retry = Retry { connector: &memory, lane: spec.lane.clone(), tables, sink, refused, stays };
    let rest = retry.parked().await.unwrap();
    let contents = retry.contents(&rest).await.unwrap();
    assert_eq!((rest.len(), contents.len()), (1, 1));
    let mut gone = TableBuilder::new(parked::schema());
    gone.push(removal(&spec.lane, 1, 0).unwrap()).unwrap();
    write(&mut lane, &unit(ChangeBatch { tables: vec![gone.finish().unwrap()], ..ChangeBatch::default() })).await;

    let epoch = retry.sink.lease().epoch;
    retry.sink.begin(epoch).await.unwrap();
    assert_eq!(retry.apply(&rest, &contents).await.unwrap_err().kind(), ErrorKind::Busy);
}
