//! The sessions of a step that look and read; each is remembered, to be ended on its server.

use super::{Attempt, Side};
use crate::engine::{Inspector, Reader, SnapshotLeader, SnapshotReader as _, Surveyor};
use crate::steps::error::StepError;
use crate::steps::snapshot_share::SnapshotShare;
use crate::tunnel::Sharing;

impl Attempt {
    pub(in crate::steps) async fn surveyor(&self, side: &Side) -> Result<Box<dyn Surveyor>, StepError> {
        let login = self.login(side, Sharing::Shared).await?;
        let opened = side.driver().surveyor(&login).await;
        let surveyor = opened.map_err(|failure| side.named(failure))?;
        side.remember(surveyor.session_id());
        Ok(surveyor)
    }

    pub(in crate::steps) async fn inspector(&self, side: &Side) -> Result<Box<dyn Inspector>, StepError> {
        let login = self.login(side, Sharing::Shared).await?;
        let opened = side.driver().inspector(&login).await;
        let inspector = opened.map_err(|failure| side.named(failure))?;
        side.remember(inspector.session_id());
        Ok(inspector)
    }

    pub(in crate::steps) async fn reader(&self, side: &Side) -> Result<Box<dyn Reader>, StepError> {
        let login = self.login(side, self.sharing()).await?;
        let opened = side.driver().reader(&login).await;
        let reader = opened.map_err(|failure| side.named(failure))?;
        side.remember(reader.session_id());
        Ok(reader)
    }

    /// A reader of one point: of the job's, in a step for holders, else of whatever it opens its view at.
    pub(in crate::steps) async fn point_reader(&self, side: &Side) -> Result<Box<dyn Reader>, StepError> {
        match self.share.as_deref() {
            Some(SnapshotShare::Snapshot(snapshot)) => {
                let lent = snapshot.lend().await?;
                side.watch(lent.session_id());
                Ok(Box::new(lent))
            }
            Some(SnapshotShare::Token(_)) | None => self.reader(side).await,
        }
    }

    /// A session that fixes the point of a snapshot.
    pub(in crate::steps) async fn leader(&self, side: &Side) -> Result<Box<dyn SnapshotLeader>, StepError> {
        // A way of its own: nothing of others is to come before the word that lets commits go on.
        let login = self.login(side, Sharing::Own).await?;
        let opened = side.driver().leader(&login).await;
        let leader = opened.map_err(|failure| side.named(failure))?;
        side.remember(leader.session_id());
        Ok(leader)
    }
}
