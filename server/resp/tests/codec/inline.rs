//! Inline requests: words, quotes, escapes, line ends.

use crate::checks::Event;
use hallows_resp::{Limits, Parsed, Parser};

fn first(input: &[u8]) -> Option<Event> {
    let found = crate::checks::events(input, &Limits::default(), || usize::MAX / 2);
    found.0.into_iter().next()
}

/// The words of a line.
fn words(line: &[u8]) -> Vec<Vec<u8>> {
    match first(&[line, b"\r\n"].concat()) {
        Some(Event::Request(args)) => args,
        other => panic!("{:?} gave {other:?}", line.escape_ascii().to_string()),
    }
}

fn is_unbalanced(line: &[u8]) -> bool {
    let text = "Protocol error: unbalanced quotes in request";
    matches!(first(&[line, b"\r\n"].concat()), Some(Event::Error(error)) if error.to_string() == text)
}

#[test]
fn words_stand_between_blanks() {
    for line in ["SET k v", "  SET\tk   v  ", "\x0bSET k\x20\x0c\tv"] {
        assert_eq!(
            words(line.as_bytes()),
            [&b"SET"[..], b"k", b"v"],
            "{line:?}"
        );
    }
}

#[test]
fn a_line_ends_with_or_without_a_carriage_return() {
    for input in [&b"PING\r\n"[..], b"PING\n", b"PING\r\r\n"] {
        assert_eq!(first(input), Some(Event::Request(vec![b"PING".to_vec()])));
    }
}

#[test]
fn a_blank_line_is_an_empty_request() {
    for input in [&b"\r\n"[..], b"\n", b"   \r\n", b"\r\r\n", b"\t\x0b\x0c\n"] {
        assert_eq!(first(input), Some(Event::Empty));
    }
}

#[test]
fn vertical_tab_and_form_feed_do_not_end_a_word() {
    assert_eq!(words(b"a\x0bb\x0cc d"), [&b"a\x0bb\x0cc"[..], b"d"]);
    assert_eq!(words(b"a\x0bb '' c\x0c"), [&b"a\x0bb"[..], b"", b"c\x0c"]);
}

#[test]
fn a_carriage_return_within_a_line_ends_a_word() {
    assert_eq!(words(b"a\rb"), [b"a", b"b"]);
    assert_eq!(words(b"'a'\rb"), [b"a", b"b"]);
}

#[test]
fn quotes_keep_blanks_and_empty_words() {
    assert_eq!(
        words(br#"SET "a b" 'c  d' "" ''"#),
        [&b"SET"[..], b"a b", b"c  d", b"", b""]
    );
}

#[test]
fn double_quotes_know_escapes() {
    assert_eq!(
        words(br#"ECHO "\n\r\t\b\a\\\"\q\x41\xfF\x4\xzz""#),
        [&b"ECHO"[..], b"\n\r\t\x08\x07\\\"qA\xffx4xzz"]
    );
}

#[test]
fn single_quotes_escape_only_themselves() {
    assert_eq!(
        words(br"ECHO 'it\'s \n \x41 \a'"),
        [&b"ECHO"[..], br"it's \n \x41 \a"]
    );
    assert!(is_unbalanced(br"ECHO '\\'"));
}

#[test]
fn a_quote_may_open_within_a_word_and_its_close_ends_it() {
    assert_eq!(words(br#"SET k"e y" a'b'"#), [&b"SET"[..], b"ke y", b"ab"]);
    assert_eq!(words(b"SET k'\x0b'\x0bv"), [&b"SET"[..], b"k\x0b", b"v"]);
}

#[test]
fn a_backslash_outside_quotes_is_itself() {
    assert_eq!(words(br"ECHO a\n\x41"), [&b"ECHO"[..], br"a\n\x41"]);
}

#[test]
fn an_open_quote_or_a_word_glued_to_a_closing_one_is_refused() {
    for line in [
        &br#"set """test-key""" test-value"#[..],
        br#"ECHO "abc"#,
        br"ECHO 'abc",
        br#"ECHO "abc\""#,
        br"ECHO 'abc\'",
        br#"ECHO "a"b"#,
        br"ECHO 'a'b",
        br#"ECHO "a"'b'"#,
        br#"ECHO ""#,
        br#"ECHO "a\"#,
    ] {
        assert!(is_unbalanced(line), "{:?}", line.escape_ascii().to_string());
    }
}

#[test]
fn a_line_without_an_end_is_refused_beyond_its_limit() {
    let mut input = vec![b'a'; Limits::default().inline_len_max];
    assert_eq!(first(&input), None);
    let complete = [&input[..], b"\n"].concat();
    assert_eq!(first(&complete), Some(Event::Request(vec![input.clone()])));
    input.push(b'a');
    let Some(Event::Error(error)) = first(&input) else {
        panic!("no error");
    };
    assert_eq!(error.to_string(), "Protocol error: too big inline request");
}

#[test]
fn words_are_part_of_the_input_unless_the_line_has_quotes() {
    let mut parser = Parser::new();
    let mut span = |input: &[u8]| match parser.parse(input, &Limits::default()) {
        Ok(Parsed::Request { args, .. }) => args.input_span(1),
        other => panic!("{other:?}"),
    };
    assert_eq!(span(b"GET key\r\n"), Some(4..7));
    assert_eq!(span(b"GET 'key'\r\n"), None);
}
