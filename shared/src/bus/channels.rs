//! A pool of channels in confirm mode on the publishing connection.
//!
//! A channel that broke, or whose connection is over, is not used again.

use std::sync::Arc;

use deadpool::managed::{Manager, Metrics, Pool, PoolError, RecycleError, RecycleResult};
use lapin::Channel;
use lapin::options::ConfirmSelectOptions;

use super::BusError;
use super::connection::Link;
use super::live::Live;
use super::patience::within;

/// Publishers at once; each may have many messages on the way.
const CHANNELS: usize = 4;

/// The pool.
pub(super) type Channels = Pool<ConfirmChannels>;

/// A channel whose messages RabbitMQ confirms.
pub(super) struct ConfirmChannel {
    pub(super) channel: Channel,
    pub(super) live: Arc<Live>,
}

/// Makes channels for the pool.
pub(super) struct ConfirmChannels {
    link: Link,
}

impl Manager for ConfirmChannels {
    type Type = ConfirmChannel;
    type Error = BusError;

    async fn create(&self) -> Result<ConfirmChannel, BusError> {
        let live = self.link.now()?;
        if let Some(reason) = live.blocked() {
            return Err(BusError::Blocked { reason });
        }
        let channel = within("open a channel", live.connection().create_channel()).await?;
        within("ask for confirms", channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(ConfirmChannel { channel, live })
    }

    async fn recycle(&self, used: &mut ConfirmChannel, _: &Metrics) -> RecycleResult<BusError> {
        match used.live.is_good() && used.channel.status().connected() {
            true => Ok(()),
            false => Err(RecycleError::message("the channel is closed")),
        }
    }
}

/// Makes the pool; it opens nothing before it is asked.
pub(super) fn pool(link: Link) -> Channels {
    Pool::builder(ConfirmChannels { link })
        .max_size(CHANNELS)
        .build()
        .expect("a pool without time-outs needs no runtime")
}

/// The pool's errors, in the room's words.
pub(super) fn explain(error: PoolError<BusError>) -> BusError {
    match error {
        PoolError::Backend(error) => error,
        PoolError::Timeout(_) => BusError::Timeout { what: "get a channel" },
        _ => BusError::Closed,
    }
}
