//! What is in the store: objects by page, and uploads that nobody completed.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use chrono::{DateTime, Utc};

use super::{ObjectError, Operation, Store, Trouble};

/// As many as S3 takes at once.
const AT_ONCE: usize = 1_000;

/// An object, as a listing names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key below the store's prefix.
    pub key: String,
    /// Its bytes.
    pub size: u64,
    /// When it was completed.
    pub at: Option<DateTime<Utc>>,
}

/// Some of the objects, in order of key.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Listed>,
    /// Where the next page begins; `None`: this is the last one.
    pub next: Option<String>,
}

/// An upload in parts that was not completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The object's key below the store's prefix.
    pub key: String,
    /// The server's name of the upload.
    pub id: String,
    /// When it began.
    pub at: Option<DateTime<Utc>>,
}

impl Store {
    /// A page of the objects whose keys begin so; `from` is what the page before answered.
    pub async fn list(&self, beginning: &str, from: Option<String>) -> Result<Page, ObjectError> {
        let asked = self
            .client
            .list_objects_v2()
            .bucket(&*self.bucket)
            .prefix(self.whole(beginning))
            .set_continuation_token(from)
            .send();
        let answer = self.told(Operation::List, asked).await?;
        let listed = |object: aws_sdk_s3::types::Object| {
            let key = object.key.as_deref()?.strip_prefix(&*self.prefix)?.to_owned();
            let size = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
            Some(Listed { key, size, at: object.last_modified.and_then(when) })
        };
        let objects = answer.contents.unwrap_or_default().into_iter().filter_map(listed).collect();
        let next = answer.next_continuation_token.filter(|_| answer.is_truncated == Some(true));
        Ok(Page { objects, next })
    }

    /// Removes objects; one that is not there is no error.
    pub async fn delete(&self, keys: &[String]) -> Result<(), ObjectError> {
        for keys in keys.chunks(AT_ONCE) {
            let named = keys.iter().map(|key| ObjectIdentifier::builder().key(self.whole(key)).build());
            let named = named.collect::<Result<Vec<_>, _>>();
            let wanted =
                named.and_then(|named| Delete::builder().set_objects(Some(named)).quiet(true).build());
            let wanted =
                wanted.map_err(|_| ObjectError::of(Trouble::Refused, "no such request can be made"))?;
            let asked = self.client.delete_objects().bucket(&*self.bucket).delete(wanted).send();
            let answer = self.told(Operation::Delete, asked).await?;
            let refused = answer.errors.unwrap_or_default();
            let first = refused.iter().find(|error| error.code.as_deref() != Some("NoSuchKey"));
            if let Some(first) = first {
                let code = first.code.clone().unwrap_or_default();
                return Err(ObjectError::of(Trouble::Refused, format!("some were not removed: {code}")));
            }
        }
        Ok(())
    }

    /// The uploads below the prefix that nobody has completed yet.
    pub async fn begun(&self) -> Result<Vec<Begun>, ObjectError> {
        let (mut found, mut key_marker, mut id_marker) = (Vec::new(), None, None);
        loop {
            let asked = self
                .client
                .list_multipart_uploads()
                .bucket(&*self.bucket)
                .prefix(&*self.prefix)
                .set_key_marker(key_marker)
                .set_upload_id_marker(id_marker)
                .send();
            let answer = self.told(Operation::List, asked).await?;
            let begun = |upload: aws_sdk_s3::types::MultipartUpload| {
                let key = upload.key.as_deref()?.strip_prefix(&*self.prefix)?.to_owned();
                Some(Begun { key, id: upload.upload_id?, at: upload.initiated.and_then(when) })
            };
            found.extend(answer.uploads.unwrap_or_default().into_iter().filter_map(begun));
            if answer.is_truncated != Some(true) || answer.next_key_marker.is_none() {
                return Ok(found);
            }
            (key_marker, id_marker) = (answer.next_key_marker, answer.next_upload_id_marker);
        }
    }

    /// Gives an upload up and frees its parts; one that is gone is no error.
    pub async fn give_up(&self, upload: &Begun) -> Result<(), ObjectError> {
        self.abort(&self.whole(&upload.key), &upload.id).await
    }

    pub(super) async fn abort(&self, key: &str, id: &str) -> Result<(), ObjectError> {
        let asked = self.client.abort_multipart_upload().bucket(&*self.bucket).key(key).upload_id(id).send();
        match self.told(Operation::Multipart, asked).await {
            Err(error) if error.trouble == Trouble::Missing => Ok(()),
            answer => answer.map(drop),
        }
    }
}

fn when(at: aws_sdk_s3::primitives::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.secs(), at.subsec_nanos())
}
