#![allow(clippy::unwrap_used)]

use super::*;

/// A snapshot whose thread has sent these and gone away.
fn left_with(sent: Vec<Result<ChangeBatch>>, units_left: usize) -> Snapshot {
    let (to_reader, batches) = mpsc::channel(sent.len().max(1));
    for batch in sent {
        to_reader.try_send(batch).unwrap();
    }
    Snapshot { batches, budget: watch::channel(0).0, starts: None, units_left }
}

async fn kind(snapshot: &mut Snapshot) -> Result<&'static str, ErrorKind> {
    match snapshot.read(Budget::default()).await {
        Ok(Read::Batch(_)) => Ok("batch"),
        Ok(Read::Idle) => Ok("idle"),
        Ok(Read::End) => Ok("end"),
        Err(e) => Err(e.kind()),
    }
}

/// Else the retry decorator would make an end of an error, and a copy would be done with rows missing (I10).
#[tokio::test]
async fn an_error_is_never_followed_by_an_end() {
    let busy = Error::new(ErrorKind::Busy, "locked");
    let mut snapshot = left_with(vec![Ok(ChangeBatch { begins: true, ..ChangeBatch::default() }), Err(busy)], 1);
    assert_eq!(kind(&mut snapshot).await, Ok("batch"));
    assert_eq!(kind(&mut snapshot).await, Err(ErrorKind::Busy));
    for _ in 0..3 {
        assert_eq!(kind(&mut snapshot).await, Err(ErrorKind::Unreachable));
    }
}

#[tokio::test]
async fn a_thread_that_went_away_is_never_an_end() {
    let ended = ChangeBatch { begins: true, ends: Some(Position::new("snapshot/1", "a")), ..ChangeBatch::default() };
    let mut snapshot = left_with(vec![Ok(ended.clone())], 2);
    assert_eq!(kind(&mut snapshot).await, Ok("batch"));
    assert_eq!(kind(&mut snapshot).await, Err(ErrorKind::Unreachable));
    let mut snapshot = left_with(vec![Ok(ended)], 1);
    assert_eq!(kind(&mut snapshot).await, Ok("batch"));
    assert_eq!(kind(&mut snapshot).await, Ok("end"));
}
