//! One object written in parts, whose length nobody knows before its end.
//!
//! Nothing is seen of it before [`Upload::finish`]. One that is dropped before is given up; should the
//! process die instead, the sweep finds it ([`Store::begun`]). What fits one part goes by one request.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tokio::task::JoinSet;

use super::{ObjectError, Operation, Store, Trouble};
use crate::telemetry::{Metric, StoreWay};

/// The first parts; S3 takes none below 5 MiB but the last.
const PART: usize = 8 << 20;
/// After so many the parts double: S3 takes 10,000 of one object.
const ALIKE: usize = 1_000;
/// Parts on their way at once, beside the one that fills.
const AT_ONCE: usize = 2;

/// An object on its way to the store.
#[derive(Debug)]
pub struct Upload {
    store: Store,
    key: String,
    /// The server's name of it, once there is more than one part.
    id: Option<String>,
    filling: BytesMut,
    begun: usize,
    flying: JoinSet<Result<CompletedPart, ObjectError>>,
    landed: Vec<CompletedPart>,
    bytes: u64,
}

impl Upload {
    pub(super) fn new(store: Store, key: String) -> Self {
        let (flying, landed) = (JoinSet::new(), Vec::new());
        Self { store, key, id: None, filling: BytesMut::new(), begun: 0, flying, landed, bytes: 0 }
    }

    /// Bytes that were given so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes more bytes; waits while enough are on their way.
    pub async fn write(&mut self, mut content: Bytes) -> Result<(), ObjectError> {
        self.bytes += content.len() as u64;
        while !content.is_empty() {
            let room = part_bytes(self.begun) - self.filling.len();
            self.filling.extend_from_slice(&content.split_to(room.min(content.len())));
            if self.filling.len() == part_bytes(self.begun) {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Completes the object; answers its ETag.
    pub async fn finish(mut self) -> Result<String, ObjectError> {
        let Some(id) = self.id.clone() else {
            let content = self.filling.split().freeze();
            return self.store.put_whole(self.key.clone(), content).await;
        };
        if !self.filling.is_empty() {
            self.send().await?;
        }
        while self.land().await? {}
        self.landed.sort_unstable_by_key(|part| part.part_number);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.landed.clone())).build();
        let asked = self
            .store
            .client
            .complete_multipart_upload()
            .bucket(&*self.store.bucket)
            .key(&self.key)
            .upload_id(&id)
            .multipart_upload(parts)
            .send();
        match self.store.told(Operation::Multipart, Box::pin(asked)).await {
            Ok(answer) => {
                self.id = None;
                Ok(answer.e_tag.unwrap_or_default())
            }
            // A first try may have completed it, whose answer was lost.
            Err(error) if error.trouble == Trouble::Missing => {
                let tag = self.completed().await?.ok_or(error)?;
                self.id = None;
                Ok(tag)
            }
            Err(error) => Err(error),
        }
    }

    /// The ETag of the object, if it is there with all of its bytes.
    async fn completed(&self) -> Result<Option<String>, ObjectError> {
        let asked = self.store.client.head_object().bucket(&*self.store.bucket).key(&self.key).send();
        let answer = match self.store.told(Operation::Head, Box::pin(asked)).await {
            Err(error) if error.trouble == Trouble::Missing => return Ok(None),
            answer => answer?,
        };
        let whole = answer.content_length.and_then(|length| u64::try_from(length).ok()) == Some(self.bytes);
        Ok(if whole { answer.e_tag } else { None })
    }

    /// Sends what has filled.
    async fn send(&mut self) -> Result<(), ObjectError> {
        let id = self.begin().await?;
        while self.flying.len() >= AT_ONCE {
            self.land().await?;
        }
        self.begun += 1;
        let number = i32::try_from(self.begun).unwrap_or(i32::MAX);
        let content = self.filling.split().freeze();
        let (store, key) = (self.store.clone(), self.key.clone());
        self.flying.spawn(async move {
            let size = content.len() as u64;
            let asked = store
                .client
                .upload_part()
                .bucket(&*store.bucket)
                .key(key)
                .upload_id(id)
                .part_number(number)
                .body(ByteStream::from(content))
                .send();
            let answer = store.told(Operation::Put, Box::pin(asked)).await?;
            Metric::S3Bytes.add(size, &[("direction", StoreWay::Up.as_str())]);
            Ok(CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag).build())
        });
        Ok(())
    }

    /// The server's name of the upload.
    async fn begin(&mut self) -> Result<String, ObjectError> {
        if let Some(id) = &self.id {
            return Ok(id.clone());
        }
        let asked =
            self.store.client.create_multipart_upload().bucket(&*self.store.bucket).key(&self.key).send();
        let answer = self.store.told(Operation::Multipart, Box::pin(asked)).await?;
        let id =
            answer.upload_id.ok_or_else(|| ObjectError::of(Trouble::Refused, "the upload has no name"))?;
        self.id = Some(id.clone());
        Ok(id)
    }

    /// Waits for one of the parts; false: none is on its way.
    async fn land(&mut self) -> Result<bool, ObjectError> {
        let Some(landed) = self.flying.join_next().await else { return Ok(false) };
        let ended = |_| ObjectError::of(Trouble::Unavailable, "the upload of a part was ended");
        self.landed.push(landed.map_err(ended)??);
        Ok(true)
    }
}

/// A drop cannot wait: a task of its own gives it up.
impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else { return };
        let (store, key) = (self.store.clone(), std::mem::take(&mut self.key));
        let mut flying = std::mem::take(&mut self.flying);
        runtime.spawn(async move {
            // A part that lands after the end would stay.
            flying.shutdown().await;
            if let Err(error) = store.abort(&key, &id).await {
                tracing::warn!(%error, "an upload was not given up; the sweep will find it");
            }
        });
    }
}

/// Bytes of the part after so many.
fn part_bytes(before: usize) -> usize {
    PART << (before / ALIKE).min(9)
}

#[cfg(test)]
mod tests {
    use super::part_bytes;

    #[test]
    fn ten_thousand_parts_hold_the_largest_object() {
        assert_eq!((part_bytes(0), part_bytes(999), part_bytes(1000)), (8 << 20, 8 << 20, 16 << 20));
        let all: u64 = (0..10_000).map(|part| part_bytes(part) as u64).sum();
        assert!(all > 5 << 40, "{all}");
    }
}
