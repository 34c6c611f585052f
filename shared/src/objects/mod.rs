//! The bucket: objects by key, written whole, read in order, named in pages, removed.
//!
//! Invariants: a key always lies below the store's prefix; an object is seen whole or not at all, since S3
//! shows what was completed only; whoever reads goes on where an answer broke off, and never from
//! another object of the same key (`If-Match`); memory is bounded by a few parts, whatever an object's
//! size. Not here: what the bytes are, who may see them, and whether they are the right ones: their hash
//! stands with whoever knows the object.

mod client;
mod download;
mod error;
mod listing;
mod upload;

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

pub use self::download::Download;
pub use self::error::{ObjectError, Trouble};
pub use self::listing::{Begun, Listed, Page};
pub use self::upload::Upload;
use crate::config;
use crate::telemetry::{Metric, StoreOperation as Operation, StoreResult, StoreWay};

/// A bucket, below one prefix. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    bucket: Arc<str>,
    prefix: Arc<str>,
}

impl Store {
    /// The store that the settings name, if they name one. Nothing is asked of it yet.
    pub async fn open(settings: &config::Objects) -> Option<Self> {
        let bucket = settings.bucket.as_deref()?;
        let client = client::open(settings).await;
        Some(Self { client, bucket: bucket.into(), prefix: settings.prefix.as_str().into() })
    }

    /// Whether the bucket is there and the account may use it; asked once, since whoever asks does so often.
    pub async fn check(&self) -> Result<(), ObjectError> {
        let once = Builder::new().retry_config(RetryConfig::disabled());
        let asked = self.client.head_bucket().bucket(&*self.bucket).customize().config_override(once).send();
        match self.told(Operation::Check, Box::pin(asked)).await {
            Ok(_) => Ok(()),
            // The answer to a HEAD has no words.
            Err(error) if error.trouble == Trouble::Missing => {
                Err(ObjectError { trouble: Trouble::NoBucket, ..error })
            }
            Err(error) => Err(error),
        }
    }

    /// Writes an object whose content is at hand; answers its ETag.
    pub async fn put(&self, key: &str, content: Bytes) -> Result<String, ObjectError> {
        self.put_whole(self.whole(key), content).await
    }

    /// The same by its whole key.
    async fn put_whole(&self, key: String, content: Bytes) -> Result<String, ObjectError> {
        let size = content.len() as u64;
        let body = ByteStream::from(content);
        // A request of the SDK's is a large future.
        let asked = Box::pin(self.client.put_object().bucket(&*self.bucket).key(key).body(body).send());
        let answer = self.told(Operation::Put, asked).await?;
        Metric::S3Bytes.add(size, &[("direction", StoreWay::Up.as_str())]);
        Ok(answer.e_tag.unwrap_or_default())
    }

    /// Begins an object whose length nobody knows yet.
    pub fn upload(&self, key: &str) -> Upload {
        Upload::new(self.clone(), self.whole(key))
    }

    /// The size of an object in bytes; `None`: there is none.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, ObjectError> {
        let asked = self.client.head_object().bucket(&*self.bucket).key(self.whole(key)).send();
        match self.told(Operation::Head, asked).await {
            Ok(answer) => Ok(answer.content_length.and_then(|length| u64::try_from(length).ok())),
            Err(error) if error.trouble == Trouble::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads an object from a byte on, to its end.
    pub fn read(&self, key: &str, from: u64) -> Download {
        Download::new(self.clone(), self.whole(key), from)
    }

    /// Reads an object into memory that must have no more than so many bytes.
    pub async fn read_whole(&self, key: &str, most: usize) -> Result<Bytes, ObjectError> {
        let mut reading = self.read(key, 0);
        let mut content = Vec::new();
        while let Some(piece) = reading.next().await? {
            if content.len() + piece.len() > most {
                return Err(ObjectError::of(Trouble::Refused, "the object is larger than was expected"));
            }
            content.extend_from_slice(&piece);
        }
        Ok(content.into())
    }

    fn whole(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Asks, and counts what came of it.
    async fn told<T, E>(
        &self,
        operation: Operation,
        asked: impl Future<Output = Result<T, aws_sdk_s3::error::SdkError<E>>>,
    ) -> Result<T, ObjectError>
    where
        E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let timer = Metric::S3RequestDuration.timer();
        let answer = asked.await.map_err(|error| error::told(&error));
        timer.stop(&[("operation", operation.as_str())]);
        let result = answer.as_ref().err().map_or(StoreResult::Done, |error| error.trouble.result());
        Metric::S3Requests.increment(&[("operation", operation.as_str()), ("result", result.as_str())]);
        answer
    }
}
