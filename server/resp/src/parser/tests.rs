//! What the parser spends: memory by what arrived, and one look at each byte.

use super::*;
use std::format;
use std::vec;

fn limits() -> Limits {
    Limits::default()
}

#[test]
fn a_huge_count_reserves_nothing_of_its_size() {
    let mut parser = Parser::new();
    let input = b"*1000000\r\n$1\r\na\r\n$1\r\n";
    assert!(matches!(
        parser.parse(input, &limits()),
        Ok(Parsed::Incomplete { .. })
    ));
    assert!(parser.spans.capacity() <= RESERVED_SPANS_MAX);
}

#[test]
fn the_memory_of_a_huge_request_is_returned_between_requests() {
    let mut parser = Parser::new();
    let args = 100_000;
    let input = [
        format!("*{args}\r\n").as_bytes(),
        &b"$0\r\n\r\n".repeat(args),
    ]
    .concat();
    assert!(matches!(
        parser.parse(&input, &limits()),
        Ok(Parsed::Request { args: found, .. }) if found.len() == args
    ));
    let _ = parser.parse(&[&[b'"'; 50_000][..], b"\n"].concat(), &limits());
    let _ = parser.parse(b"", &limits());
    assert!(parser.spans.capacity() <= RETAINED_SPANS_MAX);
    assert!(parser.scratch.capacity() <= RETAINED_SCRATCH_MAX);
}

#[test]
fn requests_of_usual_size_reuse_the_memory_of_the_first() {
    let mut parser = Parser::new();
    let request = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
    let _ = parser.parse(request, &limits());
    let slots = parser.spans.as_ptr();
    for _ in 0..3 {
        assert!(parser.parse(request, &limits()).is_ok());
        assert_eq!(parser.spans.as_ptr(), slots);
    }
}

#[test]
fn a_line_that_arrives_in_pieces_is_searched_once() {
    for start in [&b"*"[..], b"ECHO ", b"*1\r\n$"] {
        let mut parser = Parser::new();
        let mut input = start.to_vec();
        for _ in 0..1000 {
            input.push(b'1');
            assert!(matches!(
                parser.parse(&input, &limits()),
                Ok(Parsed::Incomplete { need: 1 })
            ));
            assert_eq!(parser.scanned, input.len());
        }
    }
}

#[test]
fn arguments_that_arrived_are_not_read_again() {
    let mut parser = Parser::new();
    let mut input = b"*1000\r\n".to_vec();
    for done in 1..1000 {
        input.extend_from_slice(b"$2\r\nab\r\n");
        let _ = parser.parse(&input, &limits());
        assert_eq!((parser.at, parser.remaining), (input.len(), 1000 - done));
    }
}

#[test]
fn an_error_is_repeated_if_the_caller_goes_on() {
    for input in [&b"*x\r\n"[..], b"*2\r\n$1\r\na\r\n$x\r\n", b"GET \"a\r\n"] {
        let mut parser = Parser::new();
        let first = parser.parse(input, &limits()).err();
        assert!(first.is_some());
        assert_eq!(parser.parse(input, &limits()).err(), first);
    }
}

#[test]
fn a_nul_is_found_again_without_a_search() {
    let mut parser = Parser::new();
    let mut input = vec![b'*', 0];
    for _ in 0..100 {
        input.push(b'1');
        assert!(parser.parse(&input, &limits()).is_ok());
        assert_eq!(parser.scanned, 1);
    }
}
