//! LCS, with the strings and the answers of Redis's documentation and of its tests.
use crate::harness::Client;

const TEXTS: &str = "MSET a ohmytext b mynewtext => OK";

#[test]
fn lcs_finds_the_subsequence_and_its_length() {
    let mut client = Client::new();
    client.check(TEXTS);
    client.check(
        "LCS a b => \"mytext\"\n LCS a b LEN => 6\n LCS a missing => \"\"\n LCS a missing LEN => 0",
    );
}

#[test]
fn lcs_tells_where_the_matches_are() {
    let mut client = Client::new();
    client.check(TEXTS);
    client.check(
        r#"
        LCS a b IDX => ["matches", [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], "len", 6]
        LCS a b IDX MINMATCHLEN 4 => ["matches", [[[4, 7], [5, 8]]], "len", 6]
        LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN => ["matches", [[[4, 7], [5, 8], 4]], "len", 6]
        LCS a b IDX MINMATCHLEN -1 => ["matches", [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], "len", 6]
        LCS a missing IDX => ["matches", [], "len", 0]
        "#,
    );
}

#[test]
fn lcs_splits_matches_where_either_string_skips() {
    Client::new().check(
        r#"
        MSET a abcXdef b abcdYef => OK
        LCS a b IDX => ["matches", [[[5, 6], [5, 6]], [[4, 4], [3, 3]], [[0, 2], [0, 2]]], "len", 6]
        "#,
    );
}

#[test]
fn lcs_refuses_ambiguous_and_unknown_options() {
    Client::new().check(
        r#"
        LCS a b LEN IDX => -ERR If you want both the length and indexes, please just use IDX.
        LCS a b MINMATCHLEN => -ERR syntax error
        LCS a b MINMATCHLEN x => -ERR value is not an integer or out of range
        LCS a b BACKWARDS => -ERR syntax error
        LCS a => -ERR wrong number of arguments for 'lcs' command
        "#,
    );
}

#[test]
fn lcs_refuses_a_table_above_the_size_limit() {
    let mut client = Client::new();
    let long = vec![b'x'; 20_000];
    client.call(&[b"SET", b"a", &long]);
    client.check(
        "LCS a a => -ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
    );
}
