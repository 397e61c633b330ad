//! Arguments of the commands that read and write values.
use super::{Argument, Deprecated, Docs, KEY, Kind, docs};

const VALUE: Argument = Argument::string("value");
const SECONDS: Argument = Argument::integer("seconds");
const MILLISECONDS: Argument = Argument::integer("milliseconds");
const AT_SECONDS: Argument = Argument::unix_time("unix-time-seconds");
const AT_MILLISECONDS: Argument = Argument::unix_time("unix-time-milliseconds");
const KEYS_AND_VALUES: &[Argument] = &[Argument::block("key_value", &[KEY, VALUE]).multiple()];
const KEY_AND_VALUE: &[Argument] = &[KEY, VALUE];
const RANGE: &[Argument] = &[KEY, Argument::integer("start"), Argument::integer("end")];

const SET: &[Argument] = &[
    KEY,
    VALUE,
    Argument::one_of(
        "condition",
        &[Argument::word("nx", "NX"), Argument::word("xx", "XX")],
    )
    .optional()
    .since("2.6.12"),
    Argument::word("get", "GET").optional().since("6.2.0"),
    Argument::one_of(
        "expiration",
        &[
            SECONDS.token("EX").since("2.6.12"),
            MILLISECONDS.token("PX").since("2.6.12"),
            AT_SECONDS.token("EXAT").since("6.2.0"),
            AT_MILLISECONDS.token("PXAT").since("6.2.0"),
            Argument::word("keepttl", "KEEPTTL").since("6.0.0"),
        ],
    )
    .optional(),
];

const GETEX: &[Argument] = &[
    KEY,
    Argument::one_of(
        "expiration",
        &[
            SECONDS.token("EX"),
            MILLISECONDS.token("PX"),
            AT_SECONDS.token("EXAT"),
            AT_MILLISECONDS.token("PXAT"),
            Argument::word("persist", "PERSIST"),
        ],
    )
    .optional(),
];

const LCS: &[Argument] = &[
    Argument::key("key1", 0),
    Argument::key("key2", 0),
    Argument::word("len", "LEN").optional(),
    Argument::word("idx", "IDX").optional(),
    Argument::integer("len").token("MINMATCHLEN").optional(),
    Argument::word("withmatchlen", "WITHMATCHLEN").optional(),
];

pub(super) const DOCS: &[Docs] = &[
    docs("set", SET),
    docs("get", &[KEY]),
    docs("getex", GETEX),
    docs("getdel", &[KEY]),
    Docs {
        name: "getset",
        arguments: KEY_AND_VALUE,
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`SET` with the `!GET` argument",
        }),
    },
    docs("setnx", KEY_AND_VALUE),
    docs("setex", &[KEY, SECONDS, VALUE]),
    docs("psetex", &[KEY, MILLISECONDS, VALUE]),
    docs("mget", &[KEY.multiple()]),
    docs("mset", KEYS_AND_VALUES),
    docs("msetnx", KEYS_AND_VALUES),
    docs("append", KEY_AND_VALUE),
    docs("strlen", &[KEY]),
    docs("getrange", RANGE),
    docs("setrange", &[KEY, Argument::integer("offset"), VALUE]),
    Docs {
        name: "substr",
        arguments: RANGE,
        deprecated: Some(Deprecated {
            since: "2.0.0",
            replaced_by: "`GETRANGE`",
        }),
    },
    docs("incr", &[KEY]),
    docs("decr", &[KEY]),
    docs("incrby", &[KEY, Argument::integer("increment")]),
    docs("decrby", &[KEY, Argument::integer("decrement")]),
    docs(
        "incrbyfloat",
        &[KEY, Argument::new("increment", Kind::Double)],
    ),
    docs("lcs", LCS),
];
