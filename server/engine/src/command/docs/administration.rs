//! Arguments of the commands about connections and the server.
use super::{Argument, Docs, docs};

const ON_OFF: &[Argument] = &[Argument::one_of(
    "enabled",
    &[Argument::word("on", "ON"), Argument::word("off", "OFF")],
)];
const CLIENT_KINDS: &[Argument] = &[
    Argument::word("normal", "NORMAL"),
    Argument::word("master", "MASTER"),
    Argument::word("replica", "REPLICA"),
    Argument::word("pubsub", "PUBSUB"),
];
const FLUSH: &[Argument] = &[Argument::one_of(
    "async",
    &[
        Argument::word("async", "ASYNC").since("4.0.0"),
        Argument::word("sync", "SYNC").since("6.2.0"),
    ],
)
.optional()];
const COMMAND_NAMES: &[Argument] = &[Argument::string("command-name").optional().multiple()];
const FULL_COMMAND: &[Argument] = &[
    Argument::string("command"),
    Argument::string("arg").optional().multiple(),
];

const HELLO: &[Argument] = &[Argument::block(
    "arguments",
    &[
        Argument::integer("protover"),
        Argument::block(
            "username_password",
            &[Argument::string("username"), Argument::string("password")],
        )
        .token("AUTH")
        .optional(),
        Argument::string("clientname").token("SETNAME").optional(),
    ],
)
.optional()];

const CLIENT_KILL: &[Argument] = &[Argument::one_of(
    "filter",
    &[
        Argument::string("ip:port"),
        Argument::one_of(
            "new-format",
            &[
                Argument::integer("client-id")
                    .token("ID")
                    .optional()
                    .since("2.8.12"),
                Argument::one_of("client-type", CLIENT_KINDS)
                    .token("TYPE")
                    .optional()
                    .since("2.8.12"),
                Argument::string("username").token("USER").optional(),
                Argument::string("ip:port").token("ADDR").optional(),
                Argument::string("ip:port")
                    .token("LADDR")
                    .optional()
                    .since("6.2.0"),
                Argument::string("yes/no").token("SKIPME").optional(),
            ],
        )
        .multiple(),
    ],
)];

const CLIENT_LIST: &[Argument] = &[
    Argument::one_of("client-type", CLIENT_KINDS)
        .token("TYPE")
        .optional()
        .since("5.0.0"),
    Argument::block("id", &[Argument::integer("client-id").multiple()])
        .token("ID")
        .optional()
        .since("6.2.0"),
];

pub(super) const DOCS: &[Docs] = &[
    docs("ping", &[Argument::string("message").optional()]),
    docs("echo", &[Argument::string("message")]),
    docs("hello", HELLO),
    docs(
        "auth",
        &[
            Argument::string("username").optional().since("6.0.0"),
            Argument::string("password"),
        ],
    ),
    docs("select", &[Argument::integer("index")]),
    docs("client|kill", CLIENT_KILL),
    docs("client|list", CLIENT_LIST),
    docs("client|setname", &[Argument::string("connection-name")]),
    docs(
        "client|setinfo",
        &[Argument::one_of(
            "attr",
            &[
                Argument::string("libname").token("LIB-NAME"),
                Argument::string("libver").token("LIB-VER"),
            ],
        )],
    ),
    docs(
        "client|reply",
        &[Argument::one_of(
            "on_off_skip",
            &[
                Argument::word("on", "ON"),
                Argument::word("off", "OFF"),
                Argument::word("skip", "SKIP"),
            ],
        )],
    ),
    docs("client|no-evict", ON_OFF),
    docs("client|no-touch", ON_OFF),
    docs(
        "config|get",
        &[Argument::block("parameter", &[Argument::string("parameter")]).multiple()],
    ),
    docs(
        "config|set",
        &[Argument::block(
            "parameter_value",
            &[Argument::string("parameter"), Argument::string("value")],
        )
        .multiple()],
    ),
    docs("info", &[Argument::string("section").optional().multiple()]),
    docs("command|info", COMMAND_NAMES),
    docs("command|docs", COMMAND_NAMES),
    docs("command|getkeys", FULL_COMMAND),
    docs("command|getkeysandflags", FULL_COMMAND),
    docs(
        "command|list",
        &[Argument::one_of(
            "filterby",
            &[
                Argument::string("module-name").token("MODULE"),
                Argument::string("category").token("ACLCAT"),
                Argument::pattern("pattern").token("PATTERN"),
            ],
        )
        .token("FILTERBY")
        .optional()],
    ),
    docs("flushdb", FLUSH),
    docs("flushall", FLUSH),
    docs(
        "swapdb",
        &[Argument::integer("index1"), Argument::integer("index2")],
    ),
];
