//! One object read in order, however often its answer breaks off.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::{ObjectError, Operation, Store, Trouble};
use crate::telemetry::{Metric, StoreWay};

/// So many answers in a row may break off without a byte.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// An object on its way here.
#[derive(Debug)]
pub struct Download {
    store: Store,
    key: String,
    /// The next byte.
    at: u64,
    /// Which object it is, and where it ends, once that is known.
    known: Option<(Option<String>, u64)>,
    body: Option<ByteStream>,
    /// Answers that broke off since the last byte came.
    broken: u32,
}

impl Download {
    pub(super) fn new(store: Store, key: String, from: u64) -> Self {
        Self { store, key, at: from, known: None, body: None, broken: 0 }
    }

    /// Bytes of the whole object, once the first answer came.
    pub fn size(&self) -> Option<u64> {
        self.known.as_ref().map(|(_, size)| *size)
    }

    /// The next bytes; `None` at the end. An error ends it: what came before it came right.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ObjectError> {
        loop {
            if self.size().is_some_and(|size| self.at >= size) {
                return Ok(None);
            }
            let opened = match self.body.take() {
                Some(body) => Ok(body),
                None => self.open().await,
            };
            let why = match opened {
                Ok(mut body) => match body.next().await {
                    Some(Ok(piece)) if piece.is_empty() => {
                        self.body = Some(body);
                        continue;
                    }
                    Some(Ok(piece)) => {
                        (self.at, self.broken, self.body) = (self.at + piece.len() as u64, 0, Some(body));
                        Metric::S3Bytes.add(piece.len() as u64, &[("direction", StoreWay::Down.as_str())]);
                        return Ok(Some(piece));
                    }
                    Some(Err(_)) | None if self.size().is_some_and(|size| self.at >= size) => {
                        return Ok(None);
                    }
                    Some(Err(_)) | None => ObjectError::of(Trouble::Unavailable, "the answer broke off"),
                },
                Err(error) => error,
            };
            self.broken += 1;
            if !why.is_transient() || self.broken >= TRIES {
                return Err(why);
            }
            tokio::time::sleep(FIRST_PAUSE * 2u32.pow(self.broken - 1)).await;
        }
    }

    /// Asks for the rest of just that object.
    async fn open(&mut self) -> Result<ByteStream, ObjectError> {
        let of = self.known.as_ref().and_then(|(tag, _)| tag.clone());
        // An empty object has no range.
        let range = (self.at > 0).then(|| format!("bytes={}-", self.at));
        let asked = self
            .store
            .client
            .get_object()
            .bucket(&*self.store.bucket)
            .key(&self.key)
            .set_range(range)
            .set_if_match(of)
            .send();
        let answer = self.store.told(Operation::Get, asked).await?;
        let length = answer.content_length.and_then(|length| u64::try_from(length).ok());
        let Some(length) = length else {
            return Err(ObjectError::of(Trouble::Refused, "the answer tells no length"));
        };
        let size = self.at + length;
        match &self.known {
            Some((tag, known)) if *known != size || *tag != answer.e_tag => {
                return Err(ObjectError::of(Trouble::Changed, "its size or its ETag is another one"));
            }
            Some(_) => {}
            None => self.known = Some((answer.e_tag, size)),
        }
        Ok(answer.body)
    }
}
