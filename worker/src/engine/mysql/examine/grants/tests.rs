use super::Grants;

/// Which of `SELECT`, `INSERT`, `TRIGGER` hold in schema `shop_a`.
fn check(lines: &[&str], expected: &str) {
    let grants = Grants::read(lines.iter().copied(), false);
    let held: Vec<_> =
        ["SELECT", "INSERT", "TRIGGER"].into_iter().filter(|right| grants.schema(right, "shop_a")).collect();
    assert_eq!(held.join(" "), expected, "{lines:?}");
}

#[test]
fn lines_of_both_flavours() {
    check(&[], "");
    check(&["GRANT USAGE ON *.* TO 'u'@'%' IDENTIFIED BY PASSWORD '*AB'"], "");
    check(&["GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION"], "SELECT INSERT TRIGGER");
    check(&["GRANT SELECT, INSERT, RELOAD ON *.* TO `u`@`%`"], "SELECT INSERT");
    check(&["GRANT SELECT, LOCK TABLES ON `shop_a`.* TO `u`@`10.%`"], "SELECT");
    check(&["GRANT SELECT ON `shop\\_a`.* TO `u`@`%`", "GRANT INSERT ON `other`.* TO `u`@`%`"], "SELECT");
    check(&["GRANT `admin`@`%` TO `u`@`%`", "SET DEFAULT ROLE `r` FOR `u`@`%`"], "");
    check(&["GRANT PROXY ON ''@'%' TO 'u'@'%' WITH GRANT OPTION"], "");
    check(&["GRANT EXECUTE ON PROCEDURE `shop_a`.`p` TO `u`@`%`"], "");
    check(&["GRANT SELECT ON `shop_a`.`t` TO `u`@`%`"], "");
    check(&["GRANT SELECT (`a`, `b`), INSERT ON `shop_a`.* TO `u`@`%`"], "INSERT");
    check(&["GRANT ALL PRIVILEGES ON \"shop_a\".* TO \"u\"@\"%\""], "SELECT INSERT TRIGGER");
}

#[test]
fn wildcards() {
    check(&["GRANT SELECT ON `shop%`.* TO `u`@`%`"], "SELECT");
    check(&["GRANT SELECT ON `%\\_a`.* TO `u`@`%`"], "SELECT");
    check(&["GRANT SELECT ON `shop__`.* TO `u`@`%`"], "SELECT");
    check(&["GRANT SELECT ON `shop\\_b%`.* TO `u`@`%`"], "");
    check(&["GRANT SELECT ON `SHOP%`.* TO `u`@`%`"], "");
    // The closest pattern of a grantee counts alone; a role's adds to it.
    check(&["GRANT SELECT ON `%`.* TO `u`@`%`", "GRANT INSERT ON `shop\\_a`.* TO `u`@`%`"], "INSERT");
    check(&["GRANT SELECT ON `%`.* TO `r`", "GRANT INSERT ON `shop\\_a`.* TO `u`@`%`"], "SELECT INSERT");
    let literal = Grants::read(["GRANT SELECT ON `shop%`.* TO `u`@`%`"], true);
    assert!(!literal.schema("SELECT", "shop_a") && literal.schema("SELECT", "shop%"));
}

#[test]
fn partial_revokes() {
    let all = "GRANT SELECT, INSERT, TRIGGER ON *.* TO `u`@`%`";
    check(&[all, "REVOKE INSERT ON `shop_a`.* FROM `u`@`%`"], "SELECT TRIGGER");
    check(&[all, "REVOKE INSERT ON `other`.* FROM `u`@`%`"], "SELECT INSERT TRIGGER");
    check(
        &[all, "REVOKE INSERT ON `shop_a`.* FROM `u`@`%`", "GRANT INSERT ON `shop_a`.* TO `u`@`%`"],
        "SELECT INSERT TRIGGER",
    );
}

#[test]
fn names_that_look_like_more() {
    let grants = Grants::read(["GRANT SELECT ON `a`` ON *.* TO ``b`.`t.x` TO `u TO v`@`%`"], false);
    assert!(grants.table("SELECT", "a` ON *.* TO `b", "t.x"));
    assert!(!grants.global("SELECT") && !grants.schema("SELECT", "a` ON *.* TO `b"));
    let proc = Grants::read(["GRANT SELECT ON `mysql`.`proc` TO `u`@`%`"], false);
    assert!(proc.table("SELECT", "mysql", "proc") && !proc.table("SELECT", "mysql", "user"));
}

#[test]
fn n15_the_closest_pattern_of_an_account_whose_name_has_a_quote() {
    for account in ["'o'b'@'127.0.0.1'", "`o'b`@`127.0.0.1`", "'u'@'%'"] {
        let line = format!("GRANT SELECT ON `shop_a`.* TO {account}");
        let grants = Grants::read([line.as_str()], false);
        assert_eq!(grants.counting("shop_a").map(|(pattern, _)| pattern), Some("shop_a"), "{account}");
    }
    let role = Grants::read(["GRANT SELECT ON `shop_a`.* TO `a@b`"], false);
    assert!(role.counting("shop_a").is_none());
}
