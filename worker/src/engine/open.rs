//! Which code serves an engine: the one place that tells the groups apart.

use longshore_shared::domain::connection::{Engine, EngineGroup};

use super::{Driver, mysql, postgres};

/// The driver of an engine.
pub fn of(engine: Engine) -> &'static dyn Driver {
    match engine.group() {
        EngineGroup::Mysql => &mysql::Mysql,
        EngineGroup::Postgresql => &postgres::Postgres,
    }
}
