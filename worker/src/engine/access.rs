//! What a job does to tables, and what its account lacks for it: in words of no engine.

/// What servers do not show to an account without a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Tables: it has rights to single ones only.
    pub tables: bool,
    /// Triggers of the tables that it may write.
    pub triggers: bool,
    /// Triggers of the tables that it may read.
    pub read_triggers: bool,
    /// Functions, procedures and packages.
    pub routines: bool,
    /// Events.
    pub events: bool,
}

/// What a database has beside its tables, and no sync moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Besides {
    /// What it is, in one word: `function`, `procedure`, `package`, `event`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// What is done to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Its rows are read.
    Read,
    /// Rows are inserted.
    Insert,
    /// Rows are overwritten.
    Update,
    /// Rows are deleted.
    Delete,
    /// It is made.
    Create,
    /// Indexes or foreign keys are added to it.
    Alter,
    /// A new foreign key points to it.
    Refer,
    /// It is dropped.
    Drop,
    /// Definitions of views are read.
    ShowViews,
    /// Triggers are read.
    ShowTriggers,
    /// Events are read.
    ShowEvents,
    /// Routines' texts are read, whosever they are.
    ShowRoutines,
}

/// One thing that an account is to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What is done.
    pub act: Act,
    /// The table's database, when it is another one than the session's.
    pub schema: Option<String>,
    /// To which table; none: to all of them.
    pub table: Option<String>,
}

impl Need {
    /// What whoever reads the triggers of these tables needs.
    pub fn of_triggers(tables: &[&str]) -> Vec<Self> {
        let need =
            |table: &&str| Self { act: Act::ShowTriggers, schema: None, table: Some((*table).to_owned()) };
        tables.iter().map(need).collect()
    }

    /// What whoever reads all objects of a database needs beside its tables' rows: without them an account is
    /// shown less, and is not told so.
    pub fn of_objects(tables: &[&str], views: &[&str]) -> Vec<Self> {
        let need = |act, table: Option<&str>| Self { act, schema: None, table: table.map(str::to_owned) };
        let triggers = Self::of_triggers(tables).into_iter();
        let views =
            views.iter().flat_map(|view| [need(Act::Read, Some(view)), need(Act::ShowViews, Some(view))]);
        let whole = [need(Act::ShowEvents, None), need(Act::ShowRoutines, None)];
        triggers.chain(views).chain(whole).collect()
    }
}

/// What an account lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacks {
    /// The account, quoted as in a statement.
    pub account: String,
    /// What surely lacks.
    pub missing: Missing,
    /// What lacks by what the server shows, which may be less than it gives.
    pub doubtful: Missing,
    /// Why it may be less; empty without doubts.
    pub doubt: String,
}

/// Rights that are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Which of the needs, by its place among them, and the right in the server's words.
    pub rights: Vec<(usize, String)>,
    /// What an administrator runs to grant them all.
    pub statements: Vec<String>,
}
