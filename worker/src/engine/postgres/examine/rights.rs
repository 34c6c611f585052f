//! Which rights each feature lacks, with the statements that grant them.
//!
//! The server itself is asked (`has_table_privilege` and its like), so roles that the account
//! inherits count. What lacks is told by schema, not by table.

use longshore_shared::domain::examination::{Feature, FeatureRights, MissingRight};
use tokio_postgres::{Client, SimpleQueryRow};

use super::super::super::Result;
use super::super::quote::ident;
use super::{rows, text_at};

/// Schemas that are looked at; more than that share the same account's rights as a rule.
const SCHEMAS: usize = 200;

const ACCOUNT: &str = "SELECT current_user, pg_catalog.current_database(), \
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')::text";

/// One row a schema of the database: name; USAGE, CREATE; whether all tables may be read,
/// inserted into, updated, deleted from; whether all sequences may be read; whether no table's
/// rows are hidden; somebody else who owns a table.
const BY_SCHEMA: &str = "SELECT n.nspname, \
    pg_catalog.has_schema_privilege(n.oid, 'USAGE')::text, \
    pg_catalog.has_schema_privilege(n.oid, 'CREATE')::text, \
    coalesce(bool_and(pg_catalog.has_table_privilege(c.oid, 'SELECT')) FILTER (WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')), true)::text, \
    coalesce(bool_and(pg_catalog.has_table_privilege(c.oid, 'INSERT')) FILTER (WHERE c.relkind IN ('r', 'p')), true)::text, \
    coalesce(bool_and(pg_catalog.has_table_privilege(c.oid, 'UPDATE')) FILTER (WHERE c.relkind IN ('r', 'p')), true)::text, \
    coalesce(bool_and(pg_catalog.has_table_privilege(c.oid, 'DELETE')) FILTER (WHERE c.relkind IN ('r', 'p')), true)::text, \
    coalesce(bool_and(pg_catalog.has_sequence_privilege(c.oid, 'SELECT')) FILTER (WHERE c.relkind = 'S'), true)::text, \
    coalesce(bool_and(NOT pg_catalog.row_security_active(c.oid)) FILTER (WHERE c.relkind IN ('r', 'p')), true)::text, \
    min(pg_catalog.pg_get_userbyid(c.relowner)) FILTER \
        (WHERE c.relkind IN ('r', 'p') AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')) \
    FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid \
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
    WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' \
    GROUP BY n.nspname, n.oid ORDER BY n.nspname LIMIT ";

/// What was found of one schema.
struct Schema {
    name: String,
    usage: bool,
    create: bool,
    select: bool,
    insert: bool,
    update: bool,
    delete: bool,
    sequences: bool,
    unhidden: bool,
    other_owner: Option<String>,
}

struct Account {
    name: String,
    database: String,
    create: bool,
    schemas: Vec<Schema>,
}

pub(in super::super) async fn features(client: &Client, doing: &str) -> Result<Vec<FeatureRights>> {
    let about = rows(client, ACCOUNT, doing).await?;
    let fact = |at| about.first().map_or("", |row| text_at(row, at)).to_owned();
    let schemas = rows(client, &format!("{BY_SCHEMA}{SCHEMAS}"), doing).await?;
    let account = Account {
        name: fact(0),
        database: fact(1),
        create: fact(2) == "true",
        schemas: schemas.iter().map(Schema::read).collect(),
    };
    Ok(Feature::ALL.iter().map(|&feature| account.lacks(feature)).collect())
}

impl Schema {
    fn read(row: &SimpleQueryRow) -> Self {
        let is = |at| text_at(row, at) == "true";
        Self {
            name: text_at(row, 0).to_owned(),
            usage: is(1),
            create: is(2),
            select: is(3),
            insert: is(4),
            update: is(5),
            delete: is(6),
            sequences: is(7),
            unhidden: is(8),
            other_owner: Some(text_at(row, 9).to_owned()).filter(|owner| !owner.is_empty()),
        }
    }
}

impl Account {
    fn lacks(&self, feature: Feature) -> FeatureRights {
        let mut missing = Vec::new();
        for schema in &self.schemas {
            match feature {
                Feature::Dump => self.dump(schema, &mut missing),
                Feature::Load => {
                    self.tables(schema, "INSERT", schema.insert, &mut missing);
                    self.tables(schema, "UPDATE", schema.update, &mut missing);
                    self.tables(schema, "DELETE", schema.delete, &mut missing);
                }
                Feature::BulkLoad => self.tables(schema, "INSERT", schema.insert, &mut missing),
                Feature::Create => self.create(schema, &mut missing),
                // Whoever may log in may export a snapshot and read definitions.
                Feature::Snapshot | Feature::Routines | Feature::Scratch => {}
            }
        }
        if feature == Feature::Dump && self.schemas.iter().any(|schema| !schema.unhidden) {
            missing.push(one("BYPASSRLS", format!("ALTER ROLE {} BYPASSRLS", ident(&self.name))));
        }
        if feature == Feature::Scratch && !self.create {
            missing.push(self.grant(
                "CREATE",
                &format!("DATABASE {}", ident(&self.database)),
                &self.database,
            ));
        }
        FeatureRights { feature, missing }
    }

    fn dump(&self, schema: &Schema, missing: &mut Vec<MissingRight>) {
        if !schema.usage {
            missing.push(self.grant("USAGE", &format!("SCHEMA {}", ident(&schema.name)), &schema.name));
        }
        self.tables(schema, "SELECT", schema.select, missing);
        if !schema.sequences {
            let object = format!("ALL SEQUENCES IN SCHEMA {}", ident(&schema.name));
            missing.push(self.grant("SELECT", &object, &format!("sequences of {}", schema.name)));
        }
    }

    fn create(&self, schema: &Schema, missing: &mut Vec<MissingRight>) {
        if !schema.create {
            missing.push(self.grant("CREATE", &format!("SCHEMA {}", ident(&schema.name)), &schema.name));
        }
        if let Some(owner) = &schema.other_owner {
            let statement = format!("GRANT {} TO {}", ident(owner), ident(&self.name));
            missing.push(one(&format!("ownership of tables of {}", schema.name), statement));
        }
    }

    fn tables(&self, schema: &Schema, right: &str, held: bool, missing: &mut Vec<MissingRight>) {
        if !held {
            let object = format!("ALL TABLES IN SCHEMA {}", ident(&schema.name));
            missing.push(self.grant(right, &object, &format!("tables of {}", schema.name)));
        }
    }

    fn grant(&self, right: &str, object: &str, on: &str) -> MissingRight {
        one(&format!("{right} on {on}"), format!("GRANT {right} ON {object} TO {}", ident(&self.name)))
    }
}

fn one(right: &str, statement: String) -> MissingRight {
    MissingRight { right: right.to_owned(), statement }
}
