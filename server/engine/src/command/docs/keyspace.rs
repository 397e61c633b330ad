//! Arguments of the commands that treat keys whatever their values.
use super::{Argument, Docs, KEY, docs};

const KEYS: &[Argument] = &[KEY.multiple()];
const RENAME: &[Argument] = &[KEY, Argument::key("newkey", 1)];

const CONDITION: Argument = Argument::one_of(
    "condition",
    &[
        Argument::word("nx", "NX"),
        Argument::word("xx", "XX"),
        Argument::word("gt", "GT"),
        Argument::word("lt", "LT"),
    ],
)
.optional()
.since("7.0.0");

pub(super) const DOCS: &[Docs] = &[
    docs("del", KEYS),
    docs("unlink", KEYS),
    docs("exists", KEYS),
    docs("touch", KEYS),
    docs("type", &[KEY]),
    docs("rename", RENAME),
    docs("renamenx", RENAME),
    docs(
        "copy",
        &[
            Argument::key("source", 0),
            Argument::key("destination", 1),
            Argument::integer("destination-db").token("DB").optional(),
            Argument::word("replace", "REPLACE").optional(),
        ],
    ),
    docs("move", &[KEY, Argument::integer("db")]),
    docs("keys", &[Argument::pattern("pattern")]),
    docs(
        "scan",
        &[
            Argument::integer("cursor"),
            Argument::pattern("pattern").token("MATCH").optional(),
            Argument::integer("count").token("COUNT").optional(),
            Argument::string("type")
                .token("TYPE")
                .optional()
                .since("6.0.0"),
        ],
    ),
    docs("expire", &[KEY, Argument::integer("seconds"), CONDITION]),
    docs(
        "pexpire",
        &[KEY, Argument::integer("milliseconds"), CONDITION],
    ),
    docs(
        "expireat",
        &[KEY, Argument::unix_time("unix-time-seconds"), CONDITION],
    ),
    docs(
        "pexpireat",
        &[
            KEY,
            Argument::unix_time("unix-time-milliseconds"),
            CONDITION,
        ],
    ),
    docs("ttl", &[KEY]),
    docs("pttl", &[KEY]),
    docs("expiretime", &[KEY]),
    docs("pexpiretime", &[KEY]),
    docs("persist", &[KEY]),
    docs("object|encoding", &[KEY]),
    docs("object|freq", &[KEY]),
    docs("object|idletime", &[KEY]),
    docs("object|refcount", &[KEY]),
    docs(
        "memory|usage",
        &[KEY, Argument::integer("count").token("SAMPLES").optional()],
    ),
];
