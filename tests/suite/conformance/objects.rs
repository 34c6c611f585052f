//! What a database holds beside tables of rows, read at one place and made at another.

use std::collections::BTreeMap;

use longshore_shared::domain::object::{DatabaseObject, ObjectKind};
use longshore_tests::agree;
use longshore_worker::engine::{Definers, Objects, Result};

use super::subjects::Subject;

/// Made on every server; `$`: the schema's name in backticks.
const EVERYWHERE: &[&str] = &[
    "CREATE TABLE base (id INT PRIMARY KEY AUTO_INCREMENT, `a``b` VARCHAR(30), w TEXT)",
    "CREATE TABLE gone (x INT)",
    "SET sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'; CREATE PROCEDURE \"p \"\"q\"\" `x`\n\"(IN \"a b\" INT, OUT c VARCHAR(9) \
     CHARACTER SET latin1) DETERMINISTIC READS SQL DATA SQL SECURITY INVOKER COMMENT 'it''s */ a \"comment\" -- ; ä' \
     BEGIN -- a comment ; */\n SELECT \"id\", 'ä;''', _latin1'ä' FROM base WHERE \"a`b\" = 'x\\\\y'; /* ;; // */ SET c = 'é'; END",
    "SET sql_mode = 'NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE'; \
     CREATE FUNCTION f_mode(a VARCHAR(10)) RETURNS VARCHAR(20) NO SQL RETURN a || '\\'",
    "CREATE FUNCTION f_plain() RETURNS INT DETERMINISTIC RETURN 1",
    "SET NAMES latin1; CREATE FUNCTION f_latin() RETURNS VARCHAR(20) DETERMINISTIC RETURN CONCAT('ä€', _binary'ä')",
    "ALTER DATABASE $ COLLATE latin1_german1_ci; CREATE FUNCTION f_old(a VARCHAR(5)) RETURNS INT NO SQL RETURN LENGTH(a)",
    "ALTER DATABASE $ COLLATE utf8mb4_general_ci",
    "SET NAMES latin1; CREATE VIEW v_latin AS SELECT 'ä' AS `ä`, id FROM base",
    "CREATE VIEW z_base AS SELECT id, `a``b` AS \"q\" FROM base WHERE id > 0 WITH CHECK OPTION",
    // Its column is called like the view that reads it.
    "CREATE VIEW m_middle AS SELECT id AS `a_top` FROM z_base WHERE f_plain() > 0",
    "CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW a_top AS SELECT `a_top` FROM m_middle",
    "CREATE VIEW `we``ird\nname` AS SELECT 'it''s \\\\ `m_middle`' AS t FROM a_top",
    "CREATE VIEW broken AS SELECT x FROM gone; DROP TABLE gone",
    "SET NAMES latin1; CREATE TRIGGER tr2 BEFORE INSERT ON base FOR EACH ROW SET NEW.w = 'ä'",
    "CREATE TRIGGER tr1 BEFORE INSERT ON $.base FOR EACH ROW BEGIN SET NEW.w = CONCAT(NEW.w, ';'); END",
    "CREATE TRIGGER tr0 BEFORE INSERT ON base FOR EACH ROW PRECEDES tr1 SET @y = 1",
    "SET sql_mode = 'ANSI_QUOTES'; CREATE TRIGGER $.\"tr`3\nx\" AFTER DELETE ON base FOR EACH ROW SET @x = 'DEFINER=`a`@`b`'",
    "SET time_zone = '+02:00'; CREATE EVENT e_off ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' \
     ON COMPLETION PRESERVE DISABLE COMMENT 'c''*/' DO SELECT ';'",
    "CREATE EVENT `e``on` ON SCHEDULE AT '2036-07-01 00:00:00' DO BEGIN SELECT 1; SELECT 2; END",
];

const ON_MARIADB: &[&str] = &[
    "CREATE SEQUENCE s START WITH 5 INCREMENT BY 2 CACHE 10 CYCLE; DO NEXTVAL(s); DO SETVAL(s, 41)",
    "CREATE SEQUENCE down START WITH -1 MAXVALUE -1 MINVALUE -100 INCREMENT BY -3 NOCACHE; DO NEXTVAL(down)",
    "SET sql_mode = ORACLE; CREATE PACKAGE pk AS FUNCTION g RETURN INT; PROCEDURE h; END",
    "SET sql_mode = ORACLE; CREATE PACKAGE BODY pk AS FUNCTION g RETURN INT AS BEGIN RETURN 1; END; \
     PROCEDURE h AS BEGIN SELECT g(); END; END",
    "SET sql_mode = ORACLE; CREATE AGGREGATE FUNCTION agg(x INT) RETURN INT AS m INT DEFAULT 0; \
     BEGIN LOOP FETCH GROUP NEXT ROW; m := m + x; END LOOP; EXCEPTION WHEN NO_DATA_FOUND THEN RETURN m; END",
];

pub(super) async fn objects_are_made_again(source: &Subject, target: &Subject) {
    let name = &source.name;
    let is_mariadb = name.starts_with("mariadb");
    let quoted = format!("`{}`", source.login.database);
    let more = if is_mariadb { ON_MARIADB } else { &[] };
    for sql in EVERYWHERE.iter().chain(more) {
        // One text for both: what is quoted in double quotes is a name under ANSI_QUOTES only.
        let sql = if sql.contains("AS \"q\"") { sql.replace("\"q\"", "`q`") } else { (*sql).to_owned() };
        source.run(&sql.replace('$', &quoted)).await;
    }
    target.run(EVERYWHERE[0]).await;
    let here = shown(source).await;
    whole(name, &here, is_mariadb);

    let mut maker = target.driver().writer(&target.as_administrator()).await.unwrap();
    for object in &here.objects {
        let made = maker.make_object(object, &Definers::Keep).await;
        match object.name.as_str() {
            // What it reads is not there either.
            "broken" => assert!(object.trouble.is_some() && made.is_err(), "{name}: {object:?} {made:?}"),
            _ => assert_eq!(made.unwrap_or_else(|why| panic!("{name}: {object:?}: {why}")), None),
        }
    }
    let there = shown(target).await;
    assert_eq!(sound(&here), sound(&there), "{name}");
    assert_eq!(here.defaults.collation, there.defaults.collation, "{name}: only lent");
    source.run("DROP VIEW broken").await;
    if let (Some(one), Some(other)) = (source.schema(), target.schema()) {
        assert_eq!(agree::programs(one).await, agree::programs(other).await, "{name}");
    }

    // The account itself, whom nobody has let take others' names.
    let mut own = target.driver().writer(&target.login).await.unwrap();
    for object in here.objects.iter().rev() {
        maker.drop_object(object.kind, &object.name).await.unwrap();
        maker.drop_object(object.kind, &object.name).await.unwrap();
    }
    assert!(shown(target).await.objects.is_empty(), "{name}");
    for object in sound(&here) {
        own.make_object(&object, &Definers::Drop)
            .await
            .unwrap_or_else(|why| panic!("{name}: {object:?}: {why}"));
    }
    let account = format!("{}@127.0.0.1", target.login.username);
    let theirs: Vec<DatabaseObject> = sound(&here).into_iter().map(|object| of(object, &account)).collect();
    let there = sound(&shown(target).await);
    assert_eq!(
        there.iter().map(bare).collect::<Vec<_>>(),
        theirs.iter().map(bare).collect::<Vec<_>>(),
        "{name}"
    );
    only_one_statement(&mut *own, target).await;
    nothing_is_left_set(&mut *own, target).await;

    // Another one, whom the administrator names.
    let mut view = here.objects.iter().find(|object| object.name == "z_base").unwrap().clone();
    view.name = "z`other".to_owned();
    view.definition = view.definition.replace("VIEW `z_base`", "VIEW `z``other`");
    maker.make_object(&view, &Definers::As(account.clone())).await.unwrap();
    let there = shown(target).await.objects;
    let found = there.iter().find(|object| object.name == view.name).unwrap();
    assert_eq!(found.definer.as_ref(), Some(&account), "{name}");
    target.run("DROP TABLE base").await;
    for object in here.objects.iter().rev().chain([&view]) {
        own.drop_object(object.kind, &object.name).await.unwrap();
    }
}

/// What the account is shown, once it has been granted what the refusal says (D28).
async fn shown(subject: &Subject) -> Objects {
    let name = &subject.name;
    for _ in 0..4 {
        let refused = match read(subject).await {
            Ok(objects) => return objects,
            Err(refused) => refused,
        };
        assert_eq!(refused.code.as_str(), "privilege_missing", "{name}: {refused:?}");
        let hint = refused.hint;
        let statements = hint.strip_prefix("run there: ").unwrap_or_else(|| panic!("{name}: {hint}"));
        for statement in statements.split("; ") {
            subject.run(statement).await;
        }
    }
    panic!("{name}: the account is not shown the objects for all that it was granted");
}

async fn read(subject: &Subject) -> Result<Objects> {
    subject.driver().surveyor(&subject.login).await?.objects().await
}

fn sound(objects: &Objects) -> Vec<DatabaseObject> {
    objects.objects.iter().filter(|object| object.trouble.is_none()).cloned().collect()
}

fn of(object: DatabaseObject, account: &str) -> DatabaseObject {
    DatabaseObject { definer: object.definer.map(|_| account.to_owned()), ..object }
}

/// Without its text, which names the definer.
fn bare(object: &DatabaseObject) -> (ObjectKind, &str, Option<&str>, &BTreeMap<String, String>) {
    (object.kind, &object.name, object.definer.as_deref(), &object.made_under)
}

/// Nothing is left out, and what is read stands before what reads it.
fn whole(name: &str, found: &Objects, is_mariadb: bool) {
    let names: Vec<&str> = found.objects.iter().map(|object| object.name.as_str()).collect();
    let at = |wanted: &str| {
        names.iter().position(|name| *name == wanted).unwrap_or_else(|| panic!("{name}: {wanted}"))
    };
    let many = if is_mariadb { 22 } else { 17 };
    assert_eq!(names.len(), many, "{name}: {names:?}");
    for pair in
        ["f_plain", "z_base", "m_middle", "a_top", "we`ird\nname", "tr2", "tr0", "tr1", "e_off"].windows(2)
    {
        assert!(at(pair[0]) < at(pair[1]), "{name}: {names:?}");
    }
    let object = |name: &str| &found.objects[at(name)];
    let latin = object("f_latin");
    assert!(latin.definition.contains("CONCAT('Ã¤â‚¬', _binary'Ã¤')"), "{name}: {latin:?}");
    assert_eq!(latin.made_under["character_set_client"], "latin1", "{name}");
    assert_eq!(object("f_old").made_under["collation_database"], "latin1_german1_ci", "{name}");
    assert_eq!(object("e_off").made_under["time_zone"], "+02:00", "{name}");
    assert_eq!(object("tr1").table.as_deref(), Some("base"), "{name}");
    assert!(object("broken").trouble.as_ref().is_some_and(|why| why.contains("broken")), "{name}");
    if is_mariadb {
        assert_eq!(object("s").made_under["next_value"], "43", "{name}");
    }
}

/// A text that makes more than its object, or something else, is refused, and nothing of it is run.
async fn only_one_statement(own: &mut dyn longshore_worker::engine::Writer, target: &Subject) {
    let name = &target.name;
    let schema = &target.login.database;
    let object = |kind, name: &str, definition: &str| DatabaseObject {
        kind,
        name: name.to_owned(),
        definition: definition.to_owned(),
        table: None,
        definer: None,
        made_under: BTreeMap::new(),
        trouble: None,
    };
    for (kind, text, code) in [
        (ObjectKind::View, "CREATE VIEW `x` AS select 1; DROP TABLE base", "definition_refused"),
        (ObjectKind::Procedure, "CREATE PROCEDURE `x`() SELECT 1; DROP TABLE base", "definition_refused"),
        (ObjectKind::Procedure, "CREATE PROCEDURE `x`() BEGIN END; DROP TABLE base", "definition_refused"),
        (ObjectKind::View, "DROP TABLE base", "definition_unreadable"),
        (ObjectKind::View, &format!("CREATE VIEW `{schema}`.`x` AS select 1"), "definition_unreadable"),
        (ObjectKind::View, "CREATE VIEW `y` AS select 1", "definition_unreadable"),
    ] {
        let refused = own.make_object(&object(kind, "x", text), &Definers::Drop).await.unwrap_err();
        assert_eq!(refused.code.as_str(), code, "{name}: {text}: {refused:?}");
    }
    target.run("SELECT 1 FROM base").await;
    let past =
        "CREATE EVENT `x` ON SCHEDULE AT '2020-01-01 00:00:00' ON COMPLETION NOT PRESERVE ENABLE DO DO 1";
    let missed = own.make_object(&object(ObjectKind::Event, "x", past), &Definers::Drop).await.unwrap();
    assert!(missed.is_some_and(|why| why.contains("`x`")), "{name}");
}

/// The session is as it was opened: several statements in one packet, and texts of UTF-8.
async fn nothing_is_left_set(own: &mut dyn longshore_worker::engine::Writer, target: &Subject) {
    let found = own.described(&["base".to_owned()]).await.unwrap();
    assert_eq!(found.len(), 1, "{}", target.name);
    assert_eq!(own.counts(&[&found[0], &found[0]], 10).await.unwrap(), [0, 0], "{}", target.name);
}
