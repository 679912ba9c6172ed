//! What single changes ask of the server. Many are on their way at a time, and they are carried out in order.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use bytes::BytesMut;
use syncline_model::change::Op;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Statement};

use super::types::Kind;

/// Most requests on their way at a time.
pub const REQUESTS_MAX: usize = 256;

/// One change, ready to be sent.
pub struct Request {
    /// What to run.
    pub statement: Statement,
    /// Its values.
    pub params: Vec<Param>,
    /// The change's kind, which says what the answer means.
    pub op: Op,
    /// The change's place among those of its table, to name it.
    pub row: u64,
}

/// Sends all requests before it waits for the first answer. The server carries them out in the order in which they stand
/// here (I4); after one that fails it does nothing more until the unit is taken back.
pub async fn send(client: &Client, requests: &[Request]) -> Vec<Result<u64, tokio_postgres::Error>> {
    type Answer<'a> = Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>;
    let mut waiting: Vec<(Answer<'_>, Option<Result<u64, tokio_postgres::Error>>)> = requests
        .iter()
        .map(|request| {
            let answer: Answer<'_> = Box::pin(async move {
                let params: Vec<&(dyn ToSql + Sync)> =
                    request.params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
                client.execute(&request.statement, &params).await
            });
            (answer, None)
        })
        .collect();
    // The driver sends a request when it is first asked for the answer.
    std::future::poll_fn(|context| {
        for (answer, early) in &mut waiting {
            if let Poll::Ready(answer) = answer.as_mut().poll(context) {
                *early = Some(answer);
            }
        }
        Poll::Ready(())
    })
    .await;
    let mut answers = Vec::with_capacity(waiting.len());
    for (answer, early) in waiting {
        answers.push(match early {
            Some(answer) => answer,
            None => answer.await,
        });
    }
    answers
}

/// A value on its way into a statement. Shows nothing of itself: the driver logs parameters (I15).
pub struct Param {
    /// How it travels.
    pub kind: Kind,
    /// Its form; absent for null.
    pub bytes: Option<Vec<u8>>,
}

impl std::fmt::Debug for Param {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl ToSql for Param {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.bytes {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        if self.kind.is_binary() { Format::Binary } else { Format::Text }
    }

    to_sql_checked!();
}
