//! INCR and its relatives.
use crate::harness::Client;

#[test]
fn counters_start_at_zero_and_keep_their_expiry() {
    Client::new().check(
        r#"
        INCR n => 1
        INCR n => 2
        GET n => "2"
        EXPIRE n 100 => 1
        DECR n => 1
        DECRBY n 11 => -10
        INCRBY n 17179869184 => 17179869174
        TTL n => 100
        "#,
    );
}

#[test]
fn counters_refuse_what_is_not_a_canonical_integer() {
    let mut client = Client::new();
    for value in [
        &b"    11"[..],
        b"11    ",
        b" 11 ",
        b"",
        b"+1",
        b"01",
        b"1.0",
        b"9223372036854775808",
    ] {
        client.call(&[b"SET", b"n", value]);
        client.check("INCR n => -ERR value is not an integer or out of range");
    }
    client.check("SET n 1 => OK\n INCRBY n 1.5 => -ERR value is not an integer or out of range");
}

#[test]
fn counters_do_not_overflow() {
    Client::new().check(
        r#"
        SET n 9223372036854775807 => OK
        INCR n => -ERR increment or decrement would overflow
        GET n => "9223372036854775807"
        SET n -9223372036854775808 => OK
        DECR n => -ERR increment or decrement would overflow
        INCRBY n 9223372036854775807 => -1
        DECRBY n -9223372036854775808 => -ERR decrement would overflow
        INCRBY n -9223372036854775807 => -9223372036854775808
        "#,
    );
}

#[test]
fn decimals_add_up_as_people_expect() {
    Client::new().check(
        r#"
        INCRBYFLOAT n 1 => "1"
        INCRBYFLOAT n 0.25 => "1.25"
        SET n 1.5 EX 100 => OK
        INCRBYFLOAT n 1.5 => "3"
        TTL n => 100
        INCR n => 4
        SET n 17179869184 => OK
        INCRBYFLOAT n 1.5 => "17179869185.5"
        SET n 1 => OK
        INCRBYFLOAT n -1.1 => "-0.1"
        GET n => "-0.1"
        SET n 5.0e3 => OK
        INCRBYFLOAT n 2.0e2 => "5200"
        SET n 0 => OK
        INCRBYFLOAT n 0.024390243902439025 => "0.02439024390243902"
        INCRBYFLOAT n -0.024390243902439025 => "0"
        "#,
    );
}

#[test]
fn decimals_refuse_what_is_not_a_number() {
    let mut client = Client::new();
    for value in [&b" 1"[..], b"1 ", b"", b"abc", b"nan", b"1\x002", b"1e5000"] {
        client.call(&[b"SET", b"n", value]);
        client.check("INCRBYFLOAT n 1 => -ERR value is not a valid float");
    }
    client.check(
        r#"
        SET n 1 => OK
        INCRBYFLOAT n x => -ERR value is not a valid float
        INCRBYFLOAT n +inf => -ERR increment would produce NaN or Infinity
        INCRBYFLOAT n -Infinity => -ERR increment would produce NaN or Infinity
        SET n 1e4932 => OK
        INCRBYFLOAT n 1e4932 => -ERR increment would produce NaN or Infinity
        GET n => "1e4932"
        "#,
    );
}
