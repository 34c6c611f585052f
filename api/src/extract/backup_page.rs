//! Pages of backups.

use longshore_shared::domain::backup::BackupState;
use longshore_shared::domain::id::{ConnectionId, PackageId};
use longshore_shared::store::backups::Filter;
use serde::Deserialize;
use utoipa::IntoParams;

use super::field::FieldErrors;
use super::job_page::id;
use super::page::{Page, cursor, limit, word};
use super::path::parse_id;
use crate::error::ApiError;
use crate::word::words;

/// A page of backups, newest first.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BackupPage {
    /// How many at most.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only backups of this connection.
    #[param(value_type = Option<Uuid>)]
    connection_id: Option<String>,
    /// Only backups that stand there.
    #[param(schema_with = words::<BackupState>, required = false)]
    state: Option<String>,
}

impl BackupPage {
    /// The page, which backups it shows, and the one that it begins before.
    pub(crate) fn check(self) -> Result<(Page, Filter, Option<PackageId>), ApiError> {
        let mut found = FieldErrors::default();
        let page = limit(&mut found, self.limit);
        let before = cursor(&mut found, "i", self.cursor, |text| parse_id(&text).map(PackageId));
        let connection_id = id(&mut found, "connection_id", self.connection_id);
        let state = word::<BackupState>(&mut found, "state", self.state);
        let filter = (|| Some(Filter { connection_id: connection_id?.map(ConnectionId), state: state? }))();
        found.finish(page.zip(filter).zip(before).map(|((page, filter), before)| (page, filter, before)))
    }
}
