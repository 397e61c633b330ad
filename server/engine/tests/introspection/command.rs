//! COMMAND.
use crate::harness::Client;

#[test]
fn count_and_the_full_list_agree() {
    let mut client = Client::new();
    let count: usize = client.send("COMMAND COUNT").parse().expect("a number");
    assert!(count > 60, "{count}");
    client.send("HELLO 3");
    assert_eq!(
        client.send("COMMAND").matches("@").count(),
        client.send("COMMAND INFO").matches("@").count()
    );
    let names = client.send("COMMAND LIST");
    assert!(names.contains("\"get\"") && names.contains("\"client|list\""));
}

#[test]
fn info_describes_a_command_as_redis_does() {
    let mut client = Client::new();
    client.check(
        "COMMAND INFO get => [[\"get\", 2, [readonly, fast], 1, 1, 1, [@read, @string, @fast], [], [[\"flags\", [RO, access], \"begin_search\", [\"type\", \"index\", \"spec\", [\"index\", 1]], \"find_keys\", [\"type\", \"range\", \"spec\", [\"lastkey\", 0, \"keystep\", 1, \"limit\", 0]]]], []]]
         COMMAND INFO nope => [nil]
         COMMAND INFO client|nope => [nil]",
    );
    let both = client.send("COMMAND INFO OBJECT|freq mset");
    assert!(
        both.starts_with("[[\"object|freq\", 3, [readonly], 2, 2, 1, "),
        "{both}"
    );
    assert!(
        both.contains("[\"mset\", -3, [write, denyoom], 1, -1, 2, "),
        "{both}"
    );
}

#[test]
fn info_of_a_container_has_its_subcommands() {
    let info = Client::new().send("COMMAND INFO config");
    assert!(info.contains("[\"config|get\", -3, [admin, noscript, loading, stale], 0, 0, 0, "));
}

#[test]
fn docs_describe_arguments() {
    let mut client = Client::new();
    client.send("HELLO 3");
    let docs = client.send("COMMAND DOCS getex nope");
    assert!(docs.starts_with("{\"getex\": {\"summary\": "), "{docs}");
    assert!(docs.contains("\"group\": \"string\", \"complexity\": \"O(1)\", \"arguments\": ["));
    assert!(docs.contains("{\"name\": \"seconds\", \"type\": \"integer\", \"token\": \"EX\"}"));
    let docs = client.send("COMMAND DOCS substr");
    assert!(docs.contains("\"doc_flags\": ~[deprecated]"), "{docs}");
    assert!(client.send("COMMAND DOCS nope").eq("{}"));
}

#[test]
fn getkeys_finds_the_keys_of_a_request() {
    Client::new().check(
        "COMMAND GETKEYS get key => [\"key\"]
         COMMAND GETKEYS mset a 1 b 2 => [\"a\", \"b\"]
         COMMAND GETKEYS MGET a b c => [\"a\", \"b\", \"c\"]
         COMMAND GETKEYS object encoding key => [\"key\"]
         COMMAND GETKEYS rename a b => [\"a\", \"b\"]
         COMMAND GETKEYS lcs a b LEN => [\"a\", \"b\"]
         COMMAND GETKEYSANDFLAGS get key => [[\"key\", [RO, access]]]
         COMMAND GETKEYSANDFLAGS set key v EX 5 => [[\"key\", [OW, update]]]
         COMMAND GETKEYSANDFLAGS set key v get => [[\"key\", [RW, access, update]]]
         COMMAND GETKEYS nope key => -ERR Invalid command specified
         COMMAND GETKEYS object nope => -ERR Invalid command specified
         COMMAND GETKEYS echo key => -ERR The command has no key arguments
         COMMAND GETKEYS get a b => -ERR Invalid number of arguments specified for command
         COMMAND GETKEYS get => -ERR wrong number of arguments for 'command|getkeys' command",
    );
}

#[test]
fn list_filters_by_category_pattern_and_module() {
    Client::new().check(
        "COMMAND LIST FILTERBY PATTERN client|no* => [\"client|no-evict\", \"client|no-touch\"]
         COMMAND LIST FILTERBY MODULE any => []
         COMMAND LIST FILTERBY ACLCAT nope => []
         COMMAND LIST FILTERBY PATTERN => -ERR syntax error
         COMMAND LIST FILTERBY SIZE 1 => -ERR syntax error
         COMMAND LIST NOPE => -ERR syntax error",
    );
    let strings = Client::new().send("COMMAND LIST FILTERBY ACLCAT string");
    assert!(
        strings.contains("\"append\"") && !strings.contains("\"del\""),
        "{strings}"
    );
}
