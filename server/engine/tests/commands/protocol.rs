//! The loop from bytes to replies: pipelines, pieces, broken requests, full buffers.
use hallows_engine::Action;

use crate::harness::{Client, Server, request};

#[test]
fn a_pipeline_is_answered_in_order() {
    let mut client = Client::new();
    let mut input = Vec::new();
    let mut expected = Vec::new();
    for i in 0..100 {
        let (key, value) = (format!("key:{i}"), format!("value:{i}"));
        input.extend(request(&[b"SET", key.as_bytes(), value.as_bytes()]));
        expected.extend_from_slice(b"+OK\r\n");
    }
    for i in (0..150).rev() {
        input.extend(request(&[b"gEt", format!("key:{i}").as_bytes()]));
        let value = format!("value:{i}");
        expected.extend(match i {
            0..100 => format!("${}\r\n{value}\r\n", value.len()).into_bytes(),
            _ => b"$-1\r\n".to_vec(),
        });
    }
    input.extend_from_slice(b"PING\r\nGET key:1\r\nget \"key:2\"\r\nDEL key:1\r\nGET key:1\r\n");
    expected.extend_from_slice(b"+PONG\r\n$7\r\nvalue:1\r\n$7\r\nvalue:2\r\n:1\r\n$-1\r\n");
    let (out, action) = client.raw(&input);
    assert_eq!(String::from_utf8(out), String::from_utf8(expected));
    assert_eq!(action, Action::Read { need: 1 });
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let server = Server::new();
    let mut client = server.client();
    let input = [
        request(&[b"SET", b"k", b"v\r\n"]),
        request(&[b"GET", b"k"]),
        b"PING\r\n".to_vec(),
    ]
    .concat();
    let mut out = Vec::new();
    let mut start = 0;
    for end in 0..=input.len() {
        let step = client
            .connection
            .process(server.now(), &input[start..end], &mut out, 1 << 20);
        start += step.consumed;
        assert!(
            matches!(step.action, Action::Read { need: 1.. }),
            "{step:?}"
        );
    }
    assert_eq!(start, input.len());
    assert_eq!(out, b"+OK\r\n$3\r\nv\r\n\r\n+PONG\r\n");
}

#[test]
fn the_missing_part_of_a_long_value_is_announced() {
    let mut client = Client::new();
    let (out, action) = client.raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\nxx");
    assert!(out.is_empty());
    assert!(
        matches!(action, Action::Read { need } if need >= 999_998),
        "{action:?}"
    );
}

#[test]
fn a_full_reply_buffer_stops_the_pipeline_and_nothing_is_lost() {
    let server = Server::new();
    let mut client = server.client();
    client.call(&[b"SET", b"k", &[b'x'; 1000]]);
    let one = request(&[b"GET", b"k"]);
    let input = one.repeat(500);
    let (mut at, mut total, mut flushes) = (0, 0, 0);
    loop {
        let mut out = Vec::new();
        let step = client
            .connection
            .process(server.now(), &input[at..], &mut out, 10_000);
        at += step.consumed;
        total += out.len();
        assert!(
            out.len() < 10_000 + 40 * 1010,
            "a batch may go beyond the bound, not more"
        );
        if step.action != Action::Flush {
            break;
        }
        flushes += 1;
    }
    assert_eq!((at, total), (input.len(), 500 * 1009));
    assert!(flushes >= 10);
}

#[test]
fn a_stopped_pipeline_whose_last_request_is_cut_goes_on_where_it_was() {
    let server = Server::new();
    let mut client = server.client();
    let sets: Vec<u8> = (0..10)
        .flat_map(|i| request(&[b"SET", format!("k{i}").as_bytes(), &[b'v'; 50]]))
        .collect();
    client.raw(&sets);
    // APPEND keeps the requests from being plain GETs; its replies stop the first call early.
    let pipeline: Vec<u8> = (0..10)
        .flat_map(|i| {
            let key = format!("k{i}");
            let append = request(&[b"APPEND", key.as_bytes(), b"w"]);
            [append, request(&[b"GET", key.as_bytes()])].concat()
        })
        .collect();
    for cut in pipeline.len() - 20..pipeline.len() {
        let mut out = Vec::new();
        let (mut start, mut end) = (0, cut);
        loop {
            let mut part = Vec::new();
            let step =
                client
                    .connection
                    .process(server.now(), &pipeline[start..end], &mut part, 64);
            out.append(&mut part);
            start += step.consumed;
            match step.action {
                Action::Flush => {}
                Action::Read { .. } if end < pipeline.len() => end = pipeline.len(),
                Action::Read { .. } => break,
                action => panic!("{action:?}"),
            }
        }
        assert_eq!(start, pipeline.len());
        let appended = 51 + cut - (pipeline.len() - 20);
        let value = [vec![b'v'; 50], vec![b'w'; appended - 50]].concat();
        let one = format!(
            ":{appended}\r\n${appended}\r\n{}\r\n",
            String::from_utf8(value).unwrap()
        );
        assert_eq!(String::from_utf8(out).unwrap(), one.repeat(10));
    }
}

#[test]
fn large_values_are_not_batched_beyond_the_bound() {
    let server = Server::new();
    let mut client = server.client();
    client.call(&[b"SET", b"k", &vec![b'x'; 1_000_000]]);
    let input = request(&[b"GET", b"k"]).repeat(64);
    let mut out = Vec::new();
    let mut at = 0;
    for _ in 0..2 {
        at += client
            .connection
            .process(server.now(), &input[at..], &mut out, 1000)
            .consumed;
        out.clear();
    }
    let step = client
        .connection
        .process(server.now(), &input[at..], &mut out, 1000);
    assert_eq!(step.action, Action::Flush);
    assert!(out.len() < 1_100_000, "one value at a time: {}", out.len());
}

#[test]
fn empty_requests_get_no_reply() {
    let mut client = Client::new();
    let (out, _) = client.raw(b"\r\n*0\r\n*-10\r\nPING\r\n");
    assert_eq!(out, b"+PONG\r\n");
}

#[test]
fn a_broken_request_is_answered_after_those_before_it_and_closes() {
    for (broken, error) in [
        (&b"*3000000000\r\n"[..], "invalid multibulk length"),
        (
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n",
            "expected '$', got 'f'",
        ),
        (
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n",
            "invalid bulk length",
        ),
        (
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n",
            "invalid bulk length",
        ),
        (
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$blabla\r\n",
            "invalid bulk length",
        ),
        (b"*1\r\nfoo\r\n", "expected '$', got 'f'"),
        (b"set \"\"\"k\"\"\" v\r\n", "unbalanced quotes in request"),
    ] {
        let mut client = Client::new();
        let input = [&request(&[b"GET", b"k"])[..], broken, b"PING\r\n"].concat();
        let (out, action) = client.raw(&input);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("$-1\r\n-ERR Protocol error: {error}\r\n")
        );
        assert_eq!(action, Action::Close);
    }
}

#[test]
fn unknown_commands_are_named_with_their_arguments() {
    let mut client = Client::new();
    client.check(
        r#"
        foobar => -ERR unknown command 'foobar', with args beginning with:
        Foo a b => -ERR unknown command 'Foo', with args beginning with: 'a' 'b'
        getx k => -ERR unknown command 'getx', with args beginning with: 'k'
        PING => PONG
        "#,
    );
    let (out, _) = client.raw(&request(&[b"bad\r\nname", b"\xff\0hidden"]));
    assert_eq!(
        out,
        b"-ERR unknown command 'bad  name', with args beginning with: '\xff' \r\n"
    );
    let long = vec![b'x'; 1000];
    let (out, _) = client.raw(&request(&[&long, &long, &long]));
    assert_eq!(
        out.len(),
        "-ERR unknown command '', with args beginning with: '' \r\n".len() + 256
    );
}

#[test]
fn wrong_argument_counts_are_refused_by_name() {
    Client::new().check(
        r#"
        GET => -ERR wrong number of arguments for 'get' command
        get a b => -ERR wrong number of arguments for 'get' command
        SET a => -ERR wrong number of arguments for 'set' command
        CLIENT => -ERR wrong number of arguments for 'client' command
        client reply => -ERR wrong number of arguments for 'client|reply' command
        CLIENT nonsense x => -ERR unknown subcommand 'nonsense'. Try CLIENT HELP.
        "#,
    );
}

#[test]
fn client_reply_off_silences_everything_until_on() {
    let mut client = Client::new();
    let (out, _) = client.raw(
        b"CLIENT REPLY OFF\r\nPING\r\nGET k\r\nnonsense\r\nGET\r\nCLIENT REPLY ON\r\nPING\r\n",
    );
    assert_eq!(out, b"+OK\r\n+PONG\r\n");
}

#[test]
fn client_reply_skip_silences_one_command() {
    let mut client = Client::new();
    for silenced in ["PING", "GET k", "nonsense", "GET"] {
        let input = format!("CLIENT REPLY SKIP\r\n{silenced}\r\nECHO a\r\nGET k\r\n");
        let (out, _) = client.raw(input.as_bytes());
        assert_eq!(out, b"$1\r\na\r\n$-1\r\n", "{silenced}");
    }
}

#[test]
fn counters_see_every_command() {
    let mut client = Client::new();
    client.raw(b"SET k v\r\nGET k\r\nGET k\r\nGET k\r\nnonsense\r\nPING\r\nGET k\r\n");
    let stats = client.server.engine.stats();
    assert_eq!(stats.commands(), 6);
    assert_eq!(client.connection.client().commands(), 6);
    assert_eq!(stats.errors().collect::<Vec<_>>(), [("ERR", 1)]);
    assert!(stats.input_bytes() > 50 && stats.output_bytes() > 30);
}
