//! Multibulk requests: what is accepted, what is refused, with which text.

use crate::checks::Event;
use hallows_resp::{Limits, Parsed, Parser, ProtocolError};

fn events(input: &[u8]) -> Vec<Event> {
    crate::checks::events(input, &Limits::default(), || usize::MAX / 2).0
}

fn request(args: &[&str]) -> Event {
    Event::Request(args.iter().map(|arg| arg.as_bytes().to_vec()).collect())
}

/// The text of the error that ends `input`.
fn error_text(input: &[u8]) -> String {
    match events(input).pop() {
        Some(Event::Error(error)) => error.to_string(),
        other => panic!("no error but {other:?}"),
    }
}

fn is_incomplete(input: &[u8]) -> bool {
    matches!(
        Parser::new().parse(input, &Limits::default()),
        Ok(Parsed::Incomplete { .. })
    )
}

#[test]
fn a_request_is_read_with_its_arguments_in_order() {
    let input = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n";
    assert_eq!(events(input), [request(&["SET", "k", "value"])]);
}

#[test]
fn requests_of_a_pipeline_are_read_one_after_the_other() {
    let input = b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING hello\r\n*1\r\n$4\r\nQU";
    let expected = [
        request(&["PING"]),
        request(&["GET", "k"]),
        request(&["PING", "hello"]),
    ];
    assert_eq!(events(input), expected);
}

#[test]
fn arguments_may_be_empty_and_hold_any_byte() {
    let input = b"*3\r\n$0\r\n\r\n$4\r\n\r\n\0*\r\n$2\r\n\xff\xfe\r\n";
    let expected = [vec![], b"\r\n\0*".to_vec(), b"\xff\xfe".to_vec()];
    assert_eq!(events(input), [Event::Request(expected.to_vec())]);
}

#[test]
fn a_zero_or_negative_count_is_an_empty_request() {
    for input in ["*0\r\n", "*-1\r\n", "*-10\r\n", "*-9223372036854775808\r\n"] {
        assert_eq!(events(input.as_bytes()), [Event::Empty], "{input:?}");
    }
}

#[test]
fn a_count_that_is_no_number_or_too_large_is_refused() {
    for count in [
        "",
        "-",
        "+1",
        "01",
        "-0",
        "00",
        " 1",
        "1 ",
        "1x",
        "x",
        "0x1",
        "2147483648",
        "3000000000",
        "9223372036854775808",
        "18446744073709551617",
        "-9223372036854775809",
        "111111111111111111111",
    ] {
        let input = format!("*{count}\r\n");
        assert_eq!(
            error_text(input.as_bytes()),
            "Protocol error: invalid multibulk length",
            "{input:?}"
        );
    }
}

#[test]
fn the_largest_count_is_accepted_without_memory_for_it() {
    assert!(is_incomplete(b"*2147483647\r\n$1\r\na\r\n"));
}

#[test]
fn an_argument_length_that_is_no_number_negative_or_too_large_is_refused() {
    for len in [
        "",
        "-1",
        "-10",
        "+1",
        "01",
        "00",
        "blabla",
        "1x",
        "x1",
        "536870913",
        "2000000000",
        "9223372036854775807",
        "99999999999999999999",
    ] {
        let input = format!("*2\r\n$3\r\nGET\r\n${len}\r\n");
        assert_eq!(
            error_text(input.as_bytes()),
            "Protocol error: invalid bulk length",
            "{input:?}"
        );
    }
    assert!(is_incomplete(b"*1\r\n$536870912\r\n"));
}

#[test]
fn an_argument_that_does_not_begin_with_a_dollar_is_refused_by_its_first_byte() {
    let cases: [(&[u8], &str); 5] = [
        (b"*1\r\nfoo\r\n", "Protocol error: expected '$', got 'f'"),
        (
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n",
            "Protocol error: expected '$', got 'f'",
        ),
        (b"*1\r\n*1\r\n", "Protocol error: expected '$', got '*'"),
        (b"*1\r\n\r\n", "Protocol error: expected '$', got ' '"),
        (b"*1\r\n\n1\r\n", "Protocol error: expected '$', got ' '"),
    ];
    for (input, text) in cases {
        assert_eq!(error_text(input), text, "{:?}", input.escape_ascii());
    }
}

#[test]
fn a_wrong_first_byte_is_refused_only_once_its_line_is_there() {
    assert!(is_incomplete(b"*1\r\nfoo"));
    assert!(is_incomplete(b"*1\r\nfoo\r"));
    assert!(!is_incomplete(b"*1\r\nfoo\r\n"));
}

#[test]
fn only_the_first_byte_of_a_line_end_is_checked() {
    let input = b"*2\rx$4\ryECHO??$1\rzk!!";
    assert_eq!(events(input), [request(&["ECHO", "k"])]);
}

#[test]
fn a_length_line_without_an_end_is_refused_beyond_its_limit() {
    let line_max = Limits::default().inline_len_max;
    let cases = [
        ("*", "Protocol error: too big mbulk count string"),
        ("*1\r\n$", "Protocol error: too big bulk count string"),
        ("*1\r\n", "Protocol error: too big bulk count string"),
    ];
    for (prefix, text) in cases {
        let line_start = if prefix == "*" { 0 } else { 4 };
        let mut input = prefix.as_bytes().to_vec();
        input.resize(line_start + line_max, b'1');
        assert!(is_incomplete(&input), "{prefix:?}");
        input.push(b'1');
        assert_eq!(error_text(&input), text);
    }
}

#[test]
fn a_nul_hides_the_end_of_its_line() {
    let hidden: [&[u8]; 3] = [b"*1\0\r\n", b"*1\r\n$4\0\r\nPING\r\n", b"PING\0\r\n"];
    for input in hidden {
        assert!(is_incomplete(input), "{:?}", input.escape_ascii());
        let mut long = input.to_vec();
        long.resize(70_000, b'\n');
        assert!(error_text(&long).starts_with("Protocol error: too big"));
    }
}

#[test]
fn a_client_without_password_gets_ten_arguments_of_sixteen_kilobytes() {
    let limits = Limits {
        authenticated: false,
        ..Limits::default()
    };
    let parse = |input: &str| {
        let mut parser = Parser::new();
        parser.parse(input.as_bytes(), &limits).map(|_| ())
    };
    assert_eq!(parse("*10\r\n"), Ok(()));
    assert_eq!(
        parse("*11\r\n"),
        Err(ProtocolError::UnauthenticatedMultibulkLength)
    );
    assert_eq!(parse("*1\r\n$16384\r\n"), Ok(()));
    assert_eq!(
        parse("*1\r\n$16385\r\n"),
        Err(ProtocolError::UnauthenticatedBulkLength)
    );
    // Beyond what any client may send the general text goes first.
    assert_eq!(
        parse("*2147483648\r\n"),
        Err(ProtocolError::InvalidMultibulkLength)
    );
    assert_eq!(
        parse("*1\r\n$536870913\r\n"),
        Err(ProtocolError::InvalidBulkLength)
    );
}

#[test]
fn every_error_shows_the_text_of_redis() {
    use ProtocolError as E;
    for (error, text) in [
        (E::InvalidMultibulkLength, "invalid multibulk length"),
        (E::InvalidBulkLength, "invalid bulk length"),
        (E::ExpectedDollar { got: b'f' }, "expected '$', got 'f'"),
        (E::UnbalancedQuotes, "unbalanced quotes in request"),
        (E::TooBigInline, "too big inline request"),
        (E::TooBigMultibulkCount, "too big mbulk count string"),
        (E::TooBigBulkCount, "too big bulk count string"),
        (
            E::UnauthenticatedMultibulkLength,
            "unauthenticated multibulk length",
        ),
        (E::UnauthenticatedBulkLength, "unauthenticated bulk length"),
    ] {
        assert_eq!(error.to_string(), format!("Protocol error: {text}"));
    }
}

#[test]
fn the_missing_bytes_of_an_argument_are_told() {
    let mut parser = Parser::new();
    let mut need = |input: &[u8]| match parser.parse(input, &Limits::default()) {
        Ok(Parsed::Incomplete { need }) => need,
        other => panic!("{other:?}"),
    };
    assert_eq!(need(b""), 1);
    assert_eq!(need(b"*2\r\n$3\r\nGET\r\n$1000\r\n"), 1002);
    assert_eq!(need(b"*2\r\n$3\r\nGET\r\n$1000\r\nabc"), 999);
}

#[test]
fn an_argument_span_outlives_the_next_call() {
    let input = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$2\r\nbc\r\n";
    let mut parser = Parser::new();
    let mut keys: Vec<&[u8]> = Vec::new();
    let mut start = 0;
    while let Ok(Parsed::Request { args, consumed }) =
        parser.parse(&input[start..], &Limits::default())
    {
        let span = args.input_span(1).expect("a multibulk argument");
        keys.push(&input[start..][span]);
        start += consumed;
    }
    assert_eq!(keys, [b"a".as_slice(), b"bc"]);
}

#[test]
fn arguments_can_be_viewed_from_an_index_on() {
    let input = b"*3\r\n$3\r\nDEL\r\n$1\r\na\r\n$1\r\nb\r\n";
    let mut parser = Parser::new();
    let Ok(Parsed::Request { args, .. }) = parser.parse(input, &Limits::default()) else {
        panic!("no request");
    };
    let keys = args.from(1..);
    assert_eq!(
        (keys.len(), &keys[0], keys.get(1)),
        (2, &b"a"[..], Some(&b"b"[..]))
    );
    assert_eq!(keys.get(2), None);
    assert_eq!(keys.input_span(0), args.input_span(1));
    assert_eq!(keys.into_iter().len(), 2);
    assert!(args.from(3..).is_empty());
    assert!(args.from(4..).is_empty());
    assert_eq!(format!("{args:?}"), r#""DEL" "a" "b""#);
}

#[test]
fn a_caller_that_withdraws_bytes_gets_incomplete_and_no_panic() {
    let mut parser = Parser::new();
    let limits = Limits::default();
    let _ = parser.parse(b"*2\r\n$3\r\nGET\r\n$9\r\nabc", &limits);
    let result = parser.parse(b"*2", &limits);
    assert!(matches!(result, Ok(Parsed::Incomplete { .. })));
}
