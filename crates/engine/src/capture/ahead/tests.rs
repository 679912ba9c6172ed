#![allow(clippy::unwrap_used)]

use super::*;

/// The asked end after the other one has sent these and gone away.
fn left_with(sent: Vec<Result<ChangeBatch>>, units_left: usize) -> Ahead {
    let (to_reader, batches) = mpsc::channel(sent.len().max(1));
    for batch in sent {
        to_reader.try_send(batch).unwrap();
    }
    Ahead { batches, budget: watch::channel(0).0, starts: None, units_left }
}

async fn kind(snapshot: &mut Ahead) -> Result<&'static str, ErrorKind> {
    match snapshot.read(Budget::default()).await {
        Ok(Read::Batch(_)) => Ok("batch"),
        Ok(Read::Idle) => Ok("idle"),
        Ok(Read::Apart(_)) => Ok("apart"),
        Ok(Read::Loaded) => Ok("loaded"),
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

/// One of several connections fails; what the others have read is not taken for the rest of the unit.
#[tokio::test]
async fn nothing_follows_an_error_whoever_else_feeds() {
    let (to_reader, batches) = mpsc::channel(3);
    to_reader.try_send(Err(Error::new(ErrorKind::Busy, "locked"))).unwrap();
    let ends = Some(Position::new("snapshot/1", "a"));
    to_reader.try_send(Ok(ChangeBatch { begins: true, ends, ..ChangeBatch::default() })).unwrap();
    let mut snapshot = Ahead { batches, budget: watch::channel(0).0, starts: None, units_left: 1 };
    assert_eq!(kind(&mut snapshot).await, Err(ErrorKind::Busy));
    assert!(to_reader.is_closed());
    assert_eq!(kind(&mut snapshot).await, Err(ErrorKind::Unreachable));
}

#[tokio::test]
async fn a_reader_that_went_away_is_never_an_end() {
    let ended = ChangeBatch { begins: true, ends: Some(Position::new("snapshot/1", "a")), ..ChangeBatch::default() };
    let mut snapshot = left_with(vec![Ok(ended.clone())], 2);
    assert_eq!(kind(&mut snapshot).await, Ok("batch"));
    assert_eq!(kind(&mut snapshot).await, Err(ErrorKind::Unreachable));
    let mut snapshot = left_with(vec![Ok(ended)], 1);
    assert_eq!(kind(&mut snapshot).await, Ok("batch"));
    assert_eq!(kind(&mut snapshot).await, Ok("end"));
}

/// Nothing is read before somebody asks, and then in batches of the size that was asked for.
#[tokio::test]
async fn the_feed_waits_for_the_first_read_and_knows_its_budget() {
    let (mut asked, mut feed) = ahead(1);
    let fed = tokio::spawn(async move {
        assert!(feed.started().await);
        let bytes_max = feed.bytes_max();
        let ends = Some(Position::new("snapshot/1", "a"));
        assert!(feed.send(Ok(ChangeBatch { begins: true, ends, ..ChangeBatch::default() })).await);
        bytes_max
    });
    let budget = Budget { bytes_max: 77, ..Budget::default() };
    assert!(matches!(asked.read(budget).await, Ok(Read::Batch(_))));
    assert_eq!(fed.await.unwrap(), 77);
}

#[tokio::test]
async fn a_feed_that_nobody_reads_ends() {
    let (asked, mut feed) = ahead(1);
    drop(asked);
    assert!(!feed.started().await);
    assert!(!feed.send(Ok(ChangeBatch::default())).await);
}

/// However many connections read, no more waits in memory than one batch each and one that all share (I13).
#[tokio::test]
async fn clones_feed_one_unit_and_wait_for_whoever_reads() {
    let (mut asked, mut feed) = ahead(1);
    let fed = tokio::spawn(async move {
        assert!(feed.started().await);
        assert!(feed.send(Ok(ChangeBatch { begins: true, ..ChangeBatch::default() })).await);
        let each = (0..3).map(|_| {
            let one = feed.clone();
            async move {
                assert_eq!(one.bytes_max(), 77);
                for _ in 0..4 {
                    assert!(one.send(Ok(ChangeBatch::default())).await);
                }
            }
        });
        futures_util::future::join_all(each).await;
        let ends = Some(Position::new("snapshot/1", "a"));
        assert!(feed.send(Ok(ChangeBatch { ends, ..ChangeBatch::default() })).await);
    });
    let budget = Budget { bytes_max: 77, ..Budget::default() };
    let mut batches = 0;
    while let Read::Batch(batch) = asked.read(budget).await.unwrap() {
        assert_eq!((batch.begins, batch.ends.is_some()), (batches == 0, batches == 13));
        assert!(asked.batches.len() <= 1);
        batches += 1;
    }
    assert_eq!(batches, 14);
    fed.await.unwrap();
}
