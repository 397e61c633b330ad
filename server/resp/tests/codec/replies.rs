//! Replies: the bytes of each type in both versions, and that the decoder reads what the writer
//! wrote.

use hallows_resp::reply::{DEPTH_MAX, DecodeError, Value, decode};
use hallows_resp::{Parser, Protocol, ProtocolError, Reply};
use proptest::collection::vec;
use proptest::prelude::*;

fn written(protocol: Protocol, write: impl Fn(&mut Reply<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut Reply::new(&mut out, protocol));
    out.escape_ascii().to_string()
}

#[track_caller]
fn assert_written(write: impl Fn(&mut Reply<'_>), resp2: &str, resp3: &str) {
    assert_eq!(
        written(Protocol::Resp2, &write),
        resp2.escape_default().to_string()
    );
    assert_eq!(
        written(Protocol::Resp3, &write),
        resp3.escape_default().to_string()
    );
}

#[test]
fn types_of_both_versions_are_written_alike() {
    assert_written(
        |r| {
            r.ok();
        },
        "+OK\r\n",
        "+OK\r\n",
    );
    assert_written(|r| r.simple("PONG"), "+PONG\r\n", "+PONG\r\n");
    assert_written(|r| r.error("ERR no"), "-ERR no\r\n", "-ERR no\r\n");
    assert_written(|r| r.integer(-12), ":-12\r\n", ":-12\r\n");
    assert_written(
        |r| r.bulk(b"a\r\nb"),
        "$4\r\na\r\nb\r\n",
        "$4\r\na\r\nb\r\n",
    );
    assert_written(|r| r.bulk(b""), "$0\r\n\r\n", "$0\r\n\r\n");
    assert_written(|r| r.array(2), "*2\r\n", "*2\r\n");
    assert_written(
        |r| r.bulk_display(format_args!("{}-{}", 1, 2)),
        "$3\r\n1-2\r\n",
        "$3\r\n1-2\r\n",
    );
}

#[test]
fn types_that_version_two_lacks_have_their_stand_ins() {
    assert_written(
        |r| {
            r.null();
        },
        "$-1\r\n",
        "_\r\n",
    );
    assert_written(
        |r| {
            r.null_array();
        },
        "*-1\r\n",
        "_\r\n",
    );
    assert_written(|r| r.map(3), "*6\r\n", "%3\r\n");
    assert_written(|r| r.set(3), "*3\r\n", "~3\r\n");
    assert_written(|r| r.push(3), "*3\r\n", ">3\r\n");
    assert_written(|r| r.boolean(true), ":1\r\n", "#t\r\n");
    assert_written(|r| r.boolean(false), ":0\r\n", "#f\r\n");
    assert_written(|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
    assert_written(
        |r| r.double(f64::NEG_INFINITY),
        "$4\r\n-inf\r\n",
        ",-inf\r\n",
    );
    assert_written(|r| r.big_number("-123"), "$4\r\n-123\r\n", "(-123\r\n");
    assert_written(
        |r| r.verbatim(*b"txt", b"hi"),
        "$2\r\nhi\r\n",
        "=6\r\ntxt:hi\r\n",
    );
}

#[test]
fn an_error_stays_one_line() {
    let write = |r: &mut Reply<'_>| r.error("\r\nERR unknown 'a\r\nb'\n");
    assert_eq!(
        written(Protocol::Resp2, write),
        r"-ERR unknown \'a  b\'\r\n"
    );
    assert_eq!(
        written(Protocol::Resp2, |r| r.error_bytes(b"\r\n")),
        r"-\r\n"
    );
}

#[test]
fn a_protocol_error_quotes_the_byte_as_it_came() {
    let reply = |error: ProtocolError| written(Protocol::Resp2, |r| r.protocol_error(&error));
    assert_eq!(
        reply(ProtocolError::InvalidBulkLength),
        r"-ERR Protocol error: invalid bulk length\r\n"
    );
    assert_eq!(
        reply(ProtocolError::ExpectedDollar { got: 0xff }),
        r"-ERR Protocol error: expected \'$\', got \'\xff\'\r\n"
    );
    assert_eq!(
        reply(ProtocolError::ExpectedDollar { got: b'\n' }),
        r"-ERR Protocol error: expected \'$\', got \' \'\r\n"
    );
}

#[test]
fn a_reply_is_framed_after_it_was_written() {
    let write = |r: &mut Reply<'_>| {
        r.ok();
        let array = r.out().len();
        r.integer(1);
        let text = r.out().len();
        r.out().extend_from_slice(b"hello world");
        r.bulk_since(text);
        r.array_since(array, 2);
    };
    let expected = "+OK\r\n*2\r\n:1\r\n$11\r\nhello world\r\n";
    assert_written(write, expected, expected);
}

#[test]
fn a_cut_reply_is_incomplete_and_a_whole_one_leaves_what_follows() {
    let bytes = b"*3\r\n$3\r\nabc\r\n%1\r\n+k\r\n,0.5\r\n=5\r\ntxt:x\r\n+next\r\n";
    let whole = bytes.len() - b"+next\r\n".len();
    for len in 0..whole {
        assert_eq!(decode(&bytes[..len]), Ok(None), "cut at {len}");
    }
    let (value, consumed) = decode(bytes).expect("valid").expect("complete");
    assert_eq!(consumed, whole);
    let map = Value::Map(vec![(Value::Simple(b"k".to_vec()), Value::Double(0.5))]);
    let verbatim = Value::Verbatim {
        format: *b"txt",
        text: b"x".to_vec(),
    };
    let expected = vec![Value::Bulk(b"abc".to_vec()), map, verbatim];
    assert_eq!(value, Value::Array(expected));
}

#[test]
fn bytes_that_are_no_reply_are_told_apart_from_a_cut_one() {
    assert_eq!(decode(b"GET"), Err(DecodeError::Type(b'G')));
    for bytes in [
        "$-2\r\n",
        "$x\r\n",
        "*-2\r\n",
        ":1.5\r\n",
        "#x\r\n",
        "_x\r\n",
        ",x\r\n",
        "(1x\r\n",
        "(-\r\n",
        "=3\r\nabc\r\n",
        "$1\r\nab\r\n",
    ] {
        let error = DecodeError::Malformed(bytes.as_bytes()[0]);
        assert_eq!(decode(bytes.as_bytes()), Err(error), "{bytes:?}");
    }
}

#[test]
fn nesting_and_announced_lengths_are_bounded() {
    let nested = |depth: usize| "*1\r\n".repeat(depth) + ":1\r\n";
    assert!(matches!(decode(nested(DEPTH_MAX).as_bytes()), Ok(Some(_))));
    assert_eq!(
        decode(nested(DEPTH_MAX + 1).as_bytes()),
        Err(DecodeError::Depth)
    );
    assert_eq!(decode(b"*9223372036854775807\r\n:1\r\n"), Ok(None));
    assert_eq!(decode(b"$9223372036854775807\r\nabc"), Ok(None));
}

/// Writes a value with the method for its type.
fn write(reply: &mut Reply<'_>, value: &Value) {
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).expect("generated as text");
    match value {
        Value::Simple(bytes) => reply.simple(&text(bytes)),
        Value::Error(bytes) => reply.error_bytes(bytes),
        Value::Integer(number) => reply.integer(*number),
        Value::Bulk(bytes) => reply.bulk(bytes),
        Value::NullBulk | Value::Null => reply.null(),
        Value::NullArray => reply.null_array(),
        Value::Double(number) => reply.double(*number),
        Value::Boolean(flag) => reply.boolean(*flag),
        Value::BigNumber(digits) => reply.big_number(&text(digits)),
        Value::Verbatim { format, text } => reply.verbatim(*format, text),
        Value::Array(values) => {
            reply.array(values.len());
            values.iter().for_each(|value| write(reply, value));
        }
        Value::Set(values) => {
            reply.set(values.len());
            values.iter().for_each(|value| write(reply, value));
        }
        Value::Push(values) => {
            reply.push(values.len());
            values.iter().for_each(|value| write(reply, value));
        }
        Value::Map(pairs) => {
            reply.map(pairs.len());
            for (key, value) in pairs {
                write(reply, key);
                write(reply, value);
            }
        }
    }
}

/// Values that RESP3 tells apart.
fn values() -> impl Strategy<Value = Value> {
    let bytes = || vec(any::<u8>(), 0..40);
    let number = any::<f64>().prop_filter("NaN is not equal to itself", |n| !n.is_nan());
    let leaf = prop_oneof![
        "[a-zA-Z ]{0,12}".prop_map(|text| Value::Simple(text.into_bytes())),
        "[A-Z]{1,5} [a-z' ]{0,12}".prop_map(|text| Value::Error(text.into_bytes())),
        any::<i64>().prop_map(Value::Integer),
        bytes().prop_map(Value::Bulk),
        Just(Value::Null),
        number.prop_map(Value::Double),
        any::<bool>().prop_map(Value::Boolean),
        "-?[0-9]{1,40}".prop_map(|digits| Value::BigNumber(digits.into_bytes())),
        bytes().prop_map(|text| Value::Verbatim {
            format: *b"txt",
            text
        }),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            vec(inner.clone(), 0..6).prop_map(Value::Set),
            vec(inner.clone(), 0..6).prop_map(Value::Push),
            vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_decoder_reads_what_the_writer_wrote(value in values(), cut in any::<prop::sample::Index>()) {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, Protocol::Resp3), &value);
        prop_assert_eq!(decode(&out[..cut.index(out.len())]), Ok(None));
        prop_assert_eq!(decode(&out), Ok(Some((value, out.len()))));
    }

    #[test]
    fn a_version_two_reply_is_decodable_too(value in values()) {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, Protocol::Resp2), &value);
        let decoded = decode(&out);
        prop_assert!(matches!(decoded, Ok(Some((_, len))) if len == out.len()), "{:?}", decoded);
    }

    #[test]
    fn the_decoder_never_panics(bytes in "[*$%~>+:,#(=!_0-9a\r\n-]{0,60}") {
        let _ = decode(bytes.as_bytes());
    }

    #[test]
    fn a_double_reads_back_as_the_same_value(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        let mut out = Vec::new();
        Reply::new(&mut out, Protocol::Resp3).double(value);
        match decode(&out) {
            Ok(Some((Value::Double(read), _))) => {
                prop_assert!(read.to_bits() == value.to_bits() || value.is_nan());
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn requests_can_be_written_with_the_reply_writer() {
    let mut out = Vec::new();
    let mut writer = Reply::new(&mut out, Protocol::Resp2);
    writer.array(2);
    writer.bulk(b"GET");
    writer.bulk(b"key");
    let limits = hallows_resp::Limits::default();
    let mut parser = Parser::new();
    assert!(matches!(
        parser.parse(&out, &limits),
        Ok(hallows_resp::Parsed::Request { args, .. }) if &args[1] == b"key"
    ));
}
