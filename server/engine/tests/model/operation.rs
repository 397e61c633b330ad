//! Commands of the model test, drawn at random: few keys, so that they meet; values
//! from empty to several pages; times that end soon.
use crate::redis::Model;
use fastrand::Rng;

fn pick<T: Copy>(random: &mut Rng, choices: &[T]) -> T {
    choices[random.usize(..choices.len())]
}

pub(crate) type Bytes = Vec<u8>;

/// A point in time or none, as SET and GETEX write it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expiry {
    None,
    Keep,
    Persist,
    /// An option, its amount, and the moment in milliseconds that it means.
    At(&'static str, i64, i64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Condition {
    Always,
    Nx,
    Xx,
}

#[derive(Debug)]
pub(crate) enum Operation {
    Set {
        key: Bytes,
        value: Bytes,
        expiry: Expiry,
        condition: Condition,
        get: bool,
    },
    Setnx(Bytes, Bytes),
    /// SETEX or PSETEX with its amount and the moment it means.
    Setex(&'static str, Bytes, i64, i64, Bytes),
    Get(Bytes),
    Getset(Bytes, Bytes),
    Getdel(Bytes),
    Getex(Bytes, Expiry),
    Mget(Vec<Bytes>),
    /// Whether only if none exists.
    Mset(Vec<(Bytes, Bytes)>, bool),
    Append(Bytes, Bytes),
    Strlen(Bytes),
    Getrange(Bytes, i64, i64),
    Setrange(Bytes, u64, Bytes),
    /// INCRBY with a number, or INCR and its like with what they add.
    Add(&'static str, Bytes, i64),
    /// In quarters.
    AddFloat(Bytes, i64),
    /// DEL, UNLINK, EXISTS or TOUCH.
    Count(&'static str, Vec<Bytes>),
    Type(Bytes),
    Rename(Bytes, Bytes, bool),
    Copy {
        from: Bytes,
        to: Bytes,
        db: u8,
        replace: bool,
    },
    Move(Bytes, u8),
    /// A command of the EXPIRE family, its amount, the moment it means, its conditions.
    Expire(&'static str, Bytes, i64, i64, &'static [&'static str]),
    Persist(Bytes),
    /// TTL and its like.
    Ttl(&'static str, Bytes),
    Select(u8),
    Swapdb(u8, u8),
    Flushdb,
}

const KEYS: u64 = 14;
const DATABASES: u64 = 3;

fn key(random: &mut Rng) -> Bytes {
    match random.u64(..KEYS) {
        0 => Bytes::new(),
        1 => vec![b'k'; 300],
        n => format!("key:{n}").into_bytes(),
    }
}

fn keys(random: &mut Rng) -> Vec<Bytes> {
    (0..=random.u64(..5)).map(|_| key(random)).collect()
}

fn value(random: &mut Rng) -> Bytes {
    let filler = random.u8(..);
    match random.u64(..12) {
        0 => Bytes::new(),
        1..=3 => random.u64(..1000).to_string().into_bytes(),
        4 => pick(
            random,
            &[
                "9223372036854775807",
                "-9223372036854775808",
                "-5",
                "007",
                "1.5",
            ],
        )
        .into(),
        5 => vec![filler; random.usize(..5000)],
        6 if random.u8(..4) == 0 => vec![filler; random.usize(..200_000)],
        _ => vec![filler; random.usize(..60)],
    }
}

/// An amount for a relative or absolute option, and the moment it means.
fn moment(random: &mut Rng, unit_ms: i64, relative: bool, now: i64) -> (i64, i64) {
    let amount =
        pick(random, &[1, 2, 30, 100, 500, 10_000]) / if unit_ms == 1 { 1 } else { 30 } + 1;
    if relative {
        (amount, now + amount * unit_ms)
    } else {
        let amount = now / unit_ms + amount;
        (amount, amount * unit_ms)
    }
}

fn expiry(random: &mut Rng, now: i64) -> Expiry {
    let (name, unit, relative) = pick(
        random,
        &[
            ("EX", 1000, true),
            ("PX", 1, true),
            ("EXAT", 1000, false),
            ("PXAT", 1, false),
        ],
    );
    let (amount, at) = moment(random, unit, relative, now);
    Expiry::At(name, amount, at)
}

impl Operation {
    pub(crate) fn draw(random: &mut Rng, model: &Model, now: u64) -> Self {
        let now_ms = now as i64;
        match random.u64(..36) {
            0..=3 => Self::Set {
                key: key(random),
                value: value(random),
                expiry: match random.u64(..4) {
                    0 => Expiry::Keep,
                    1 => expiry(random, now_ms),
                    _ => Expiry::None,
                },
                condition: pick(
                    random,
                    &[
                        Condition::Always,
                        Condition::Always,
                        Condition::Nx,
                        Condition::Xx,
                    ],
                ),
                get: random.u8(..4) == 0,
            },
            4 => Self::Setnx(key(random), value(random)),
            5 => {
                let (name, unit) = pick(random, &[("SETEX", 1000), ("PSETEX", 1)]);
                let (amount, at) = moment(random, unit, true, now_ms);
                Self::Setex(name, key(random), amount, at, value(random))
            }
            6..=8 => Self::Get(key(random)),
            9 => Self::Getset(key(random), value(random)),
            10 => Self::Getdel(key(random)),
            11 => Self::Getex(
                key(random),
                match random.u64(..3) {
                    0 => Expiry::None,
                    1 => Expiry::Persist,
                    _ => expiry(random, now_ms),
                },
            ),
            12 => Self::Mget(keys(random)),
            13 => Self::Mset(
                keys(random)
                    .into_iter()
                    .map(|key| (key, value(random)))
                    .collect(),
                random.u8(..2) == 0,
            ),
            14 | 15 => Self::Append(key(random), value(random)),
            16 => Self::Strlen(key(random)),
            17 => {
                let index = |random: &mut Rng| random.u64(..200) as i64 - 100;
                Self::Getrange(key(random), index(random), index(random))
            }
            18 => Self::Setrange(key(random), random.u64(..300), value(random)),
            19 | 20 => {
                let (name, amount) = pick(
                    random,
                    &[("INCR", 1), ("DECR", -1), ("INCRBY", 7), ("INCRBY", -1000)],
                );
                Self::Add(name, key(random), amount)
            }
            21 => {
                let key = key(random);
                if model.is_small_number_or_none(&key, now) {
                    Self::AddFloat(key, random.u64(..80) as i64 - 40)
                } else {
                    Self::Get(key)
                }
            }
            22..=24 => Self::Count(
                pick(random, &["DEL", "UNLINK", "EXISTS", "TOUCH"]),
                keys(random),
            ),
            25 => Self::Type(key(random)),
            26 => Self::Rename(key(random), key(random), random.u8(..2) == 0),
            27 => Self::draw_copy(random, model),
            28 => match random.u64(..DATABASES) as u8 {
                db if db == model.db => Self::Get(key(random)),
                db => Self::Move(key(random), db),
            },
            29 | 30 => Self::draw_expire(random, now_ms),
            31 => Self::Persist(key(random)),
            32 | 33 => Self::Ttl(
                pick(random, &["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]),
                key(random),
            ),
            34 => Self::Select(random.u64(..DATABASES) as u8),
            _ if random.u8(..10) == 0 => Self::Flushdb,
            _ => Self::Swapdb(random.u64(..DATABASES) as u8, random.u64(..DATABASES) as u8),
        }
    }

    fn draw_copy(random: &mut Rng, model: &Model) -> Self {
        let (from, to) = (key(random), key(random));
        let db = random.u64(..DATABASES) as u8;
        if db == model.db && from == to {
            return Self::Get(from);
        }
        Self::Copy {
            from,
            to,
            db,
            replace: random.u8(..2) == 0,
        }
    }

    fn draw_expire(random: &mut Rng, now: i64) -> Self {
        let (name, unit, relative) = pick(
            random,
            &[
                ("EXPIRE", 1000, true),
                ("PEXPIRE", 1, true),
                ("EXPIREAT", 1000, false),
                ("PEXPIREAT", 1, false),
            ],
        );
        let (mut amount, mut at) = moment(random, unit, relative, now);
        if random.u8(..10) == 0 {
            amount = -amount;
            at = if relative {
                now + amount * unit
            } else {
                amount * unit
            };
        }
        let conditions: &[&str] = pick(
            random,
            &[
                &[][..],
                &[],
                &["NX"],
                &["XX"],
                &["GT"],
                &["LT"],
                &["XX", "LT"],
            ],
        );
        Self::Expire(name, key(random), amount, at, conditions)
    }

    /// The request.
    pub(crate) fn args(&self) -> Vec<Bytes> {
        match self {
            Self::Set {
                key,
                value,
                expiry,
                condition,
                get,
            } => {
                let mut args = words(["SET"]);
                args.extend([key.clone(), value.clone()]);
                args.extend(match condition {
                    Condition::Always => Vec::new(),
                    Condition::Nx => words(["NX"]),
                    Condition::Xx => words(["XX"]),
                });
                args.extend(expiry.words());
                args.extend(get.then(|| Bytes::from("GET")));
                args
            }
            Self::Setnx(key, value) => on("SETNX", key, [value.clone()]),
            Self::Setex(name, key, amount, _, value) => {
                on(name, key, [text(amount), value.clone()])
            }
            Self::Get(key) => on("GET", key, []),
            Self::Getset(key, value) => on("GETSET", key, [value.clone()]),
            Self::Getdel(key) => on("GETDEL", key, []),
            Self::Getex(key, expiry) => on("GETEX", key, expiry.words()),
            Self::Mget(keys) => [&words(["MGET"])[..], keys].concat(),
            Self::Mset(pairs, absent) => {
                let mut args = words([if *absent { "MSETNX" } else { "MSET" }]);
                args.extend(
                    pairs
                        .iter()
                        .flat_map(|(key, value)| [key.clone(), value.clone()]),
                );
                args
            }
            Self::Append(key, value) => on("APPEND", key, [value.clone()]),
            Self::Strlen(key) => on("STRLEN", key, []),
            Self::Getrange(key, start, end) => on("GETRANGE", key, [text(start), text(end)]),
            Self::Setrange(key, at, value) => on("SETRANGE", key, [text(at), value.clone()]),
            Self::Add("INCRBY", key, amount) => on("INCRBY", key, [text(amount)]),
            Self::Add(name, key, _) => on(name, key, []),
            Self::AddFloat(key, quarters) => {
                on("INCRBYFLOAT", key, [text(&(*quarters as f64 / 4.0))])
            }
            Self::Count(name, keys) => [&words([name])[..], keys].concat(),
            Self::Type(key) => on("TYPE", key, []),
            Self::Rename(from, to, false) => on("RENAME", from, [to.clone()]),
            Self::Rename(from, to, true) => on("RENAMENX", from, [to.clone()]),
            Self::Copy {
                from,
                to,
                db,
                replace,
            } => {
                let mut args = on("COPY", from, [to.clone(), "DB".into(), text(db)]);
                args.extend(replace.then(|| Bytes::from("REPLACE")));
                args
            }
            Self::Move(key, db) => on("MOVE", key, [text(db)]),
            Self::Expire(name, key, amount, _, conditions) => {
                let mut args = on(name, key, [text(amount)]);
                args.extend(conditions.iter().map(|condition| Bytes::from(*condition)));
                args
            }
            Self::Persist(key) => on("PERSIST", key, []),
            Self::Ttl(name, key) => on(name, key, []),
            Self::Select(db) => vec!["SELECT".into(), text(db)],
            Self::Swapdb(a, b) => vec!["SWAPDB".into(), text(a), text(b)],
            Self::Flushdb => words(["FLUSHDB"]),
        }
    }
}

impl Expiry {
    fn words(&self) -> Vec<Bytes> {
        match self {
            Self::None => Vec::new(),
            Self::Keep => words(["KEEPTTL"]),
            Self::Persist => words(["PERSIST"]),
            Self::At(name, amount, _) => vec![Bytes::from(*name), text(amount)],
        }
    }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<Bytes> {
    words.map(Bytes::from).into()
}

fn text(value: &impl ToString) -> Bytes {
    value.to_string().into()
}

/// A command on one key with what follows the key.
fn on(name: &str, key: &Bytes, rest: impl IntoIterator<Item = Bytes>) -> Vec<Bytes> {
    [Bytes::from(name), key.clone()]
        .into_iter()
        .chain(rest)
        .collect()
}
