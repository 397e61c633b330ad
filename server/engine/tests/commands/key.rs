//! Existence, removal, names and copies of keys.
use crate::harness::Client;

#[test]
fn del_and_unlink_count_the_keys_they_remove() {
    Client::new().check(
        r#"
        MSET a 1 b 2 c 3 d 4 => OK
        DEL a b missing a => 2
        UNLINK c => 1
        UNLINK c d => 1
        DBSIZE => 0
        DEL => -ERR wrong number of arguments for 'del' command
        "#,
    );
}

#[test]
fn exists_and_touch_count_keys_as_often_as_they_are_named() {
    Client::new().check(
        r#"
        MSET a 1 b 2 => OK
        EXISTS a => 1
        EXISTS a b a missing => 3
        TOUCH a b a missing => 3
        TOUCH missing => 0
        "#,
    );
}

#[test]
fn every_value_is_a_string() {
    Client::new().check("TYPE k => none\n SET k 1 => OK\n TYPE k => string");
}

#[test]
fn rename_moves_value_and_expiry_over_the_target() {
    Client::new().check(
        r#"
        RENAME a b => -ERR no such key
        RENAME a a => -ERR no such key
        SET a 1 EX 100 => OK
        RENAME a a => OK
        SET b 2 => OK
        RENAME a b => OK
        EXISTS a => 0
        GET b => "1"
        TTL b => 100
        SET a 3 => OK
        RENAME a b => OK
        TTL b => -1
        DBSIZE => 1
        "#,
    );
}

#[test]
fn renamenx_respects_the_target() {
    Client::new().check(
        r#"
        RENAMENX a b => -ERR no such key
        SET a 1 => OK
        SET b 2 => OK
        RENAMENX a b => 0
        RENAMENX a a => 0
        DEL b => 1
        RENAMENX a b => 1
        GET b => "1"
        EXISTS a => 0
        "#,
    );
}

#[test]
fn copy_leaves_the_source_and_takes_the_expiry_along() {
    Client::new().check(
        r#"
        COPY a b => 0
        SET a 1 EX 100 => OK
        COPY a b => 1
        TTL b => 100
        SET a 2 => OK
        GET b => "1"
        COPY a b => 0
        COPY a b REPLACE => 1
        GET b => "2"
        TTL b => -1
        COPY a a => -ERR source and destination objects are the same
        COPY a a DB 0 => -ERR source and destination objects are the same
        COPY a b DB => -ERR syntax error
        COPY a b AGAIN => -ERR syntax error
        COPY a b DB x => -ERR value is not an integer or out of range
        COPY a b DB 16 => -ERR DB index is out of range
        COPY a b DB -1 => -ERR DB index is out of range
        COPY a a DB 3 => 1
        COPY a a DB 3 => 0
        SELECT 3 => OK
        GET a => "2"
        "#,
    );
}

#[test]
fn move_takes_a_key_to_another_database() {
    Client::new().check(
        r#"
        MOVE a 1 => 0
        SET a 1 EX 100 => OK
        MOVE a 0 => -ERR source and destination objects are the same
        MOVE a x => -ERR value is not an integer or out of range
        MOVE a 16 => -ERR DB index is out of range
        MOVE a 1 => 1
        TTL a => -2
        SET a 2 => OK
        MOVE a 1 => 0
        SELECT 1 => OK
        GET a => "1"
        TTL a => 100
        DBSIZE => 1
        "#,
    );
}
