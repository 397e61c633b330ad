//! What must hold for the parser on any input, cut anywhere: shared by the tests and the fuzz target.

use hallows_resp::{Limits, Parsed, Parser, ProtocolError};

/// One thing that the parser found in a stream of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Request(Vec<Vec<u8>>),
    Empty,
    Error(ProtocolError),
}

/// Limits that short inputs can reach.
pub(crate) fn tight_limits(authenticated: bool) -> Limits {
    Limits {
        bulk_len_max: 20_000,
        array_len_max: 24,
        inline_len_max: 48,
        authenticated,
    }
}

/// Parses `input` as it arrives in pieces, each as long as `piece_len` says (at least one byte).
/// Returns what was found and how many bytes it took.
///
/// # Panics
///
/// If the parser breaks its contract.
pub(crate) fn events(
    input: &[u8],
    limits: &Limits,
    mut piece_len: impl FnMut() -> usize,
) -> (Vec<Event>, usize) {
    let mut parser = Parser::new();
    let mut events = Vec::new();
    let (mut start, mut received) = (0, 0);
    // The least length that the current request must have, by what the parser said so far.
    let mut request_len_min = 1;
    loop {
        let unread = &input[start..received];
        let (event, consumed) = match parser.parse(unread, limits) {
            Ok(Parsed::Request { args, consumed }) => {
                assert!(!args.is_empty(), "a request without arguments");
                for (index, arg) in args.iter().enumerate() {
                    assert_eq!(args.get(index), Some(arg));
                    assert_eq!(&args[index], arg);
                    if let Some(span) = args.input_span(index) {
                        assert_eq!(&unread[span], arg);
                    }
                }
                assert!(consumed >= request_len_min, "need was no lower bound");
                (
                    Event::Request(args.iter().map(<[u8]>::to_vec).collect()),
                    consumed,
                )
            }
            Ok(Parsed::Empty { consumed }) => (Event::Empty, consumed),
            Ok(Parsed::Incomplete { need }) => {
                assert!(need > 0, "incomplete, yet nothing is missing");
                request_len_min = unread.len() + need;
                if received == input.len() {
                    return (events, start);
                }
                received = input.len().min(received + piece_len().max(1));
                continue;
            }
            Err(error) => {
                events.push(Event::Error(error));
                return (events, start);
            }
        };
        assert!(
            (1..=unread.len()).contains(&consumed),
            "consumed {consumed} of {}",
            unread.len()
        );
        events.push(event);
        start += consumed;
        request_len_min = 1;
    }
}

/// Checks that the pieces in which `input` arrives make no difference.
///
/// # Panics
///
/// If they do.
pub(crate) fn assert_pieces_make_no_difference(
    input: &[u8],
    limits: &Limits,
    piece_len: impl FnMut() -> usize,
) {
    let whole = events(input, limits, || usize::MAX / 2);
    let pieces = events(input, limits, piece_len);
    assert_eq!(whole, pieces, "for {:?}", input.escape_ascii().to_string());
}
