//! Options of SET and GETEX: conditions and ways to say when a value expires.
//! Expiry times are only read here; [`deadline`] checks them later, because Redis
//! reports a malformed option first, wherever it stands.
use ant_colony_store::Millis;
use hallows_resp::Args;

use crate::context::Context;
use crate::error::CommandError;
use crate::number::integer;

/// Which keys SET may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Always,
    Absent,
    Present,
}

/// The unit of a time argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
}

impl Unit {
    /// A time so much after now.
    pub(super) fn after(self, amount: &[u8]) -> Time<'_> {
        Time {
            amount,
            unit: self,
            relative: true,
        }
    }
}

/// A time as the client wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time<'a> {
    amount: &'a [u8],
    unit: Unit,
    relative: bool,
}

impl<'a> Time<'a> {
    /// The time that `EX 10` and its like speak of.
    fn from_option(name: &[u8], amount: &'a [u8]) -> Option<Self> {
        let (unit, relative) = if name.eq_ignore_ascii_case(b"ex") {
            (Unit::Seconds, true)
        } else if name.eq_ignore_ascii_case(b"px") {
            (Unit::Millis, true)
        } else if name.eq_ignore_ascii_case(b"exat") {
            (Unit::Seconds, false)
        } else if name.eq_ignore_ascii_case(b"pxat") {
            (Unit::Millis, false)
        } else {
            return None;
        };
        Some(Self {
            amount,
            unit,
            relative,
        })
    }

    /// Whether a second option may add to this one: Redis lets the same option
    /// stand several times, the last one counts.
    fn same_option(&self, other: &Self) -> bool {
        self.unit == other.unit && self.relative == other.relative
    }
}

/// The moment a time stands for, which must be after the epoch and representable.
pub(super) fn deadline(ctx: &Context<'_>, time: Time<'_>) -> Result<Millis, CommandError> {
    let invalid = CommandError::InvalidExpire(ctx.command);
    let amount = integer(time.amount)?;
    if amount <= 0 {
        return Err(invalid);
    }
    let millis = match time.unit {
        Unit::Seconds => amount.checked_mul(1000),
        Unit::Millis => Some(amount),
    };
    let base = if time.relative {
        ctx.now_ms() as i64
    } else {
        0
    };
    millis
        .and_then(|millis| millis.checked_add(base))
        .map(|at| at as Millis)
        .ok_or(invalid)
}

/// What SET does with the expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry<'a> {
    /// The value does not expire.
    None,
    /// The old value's expiry stays.
    Keep,
    At(Time<'a>),
}

/// Options of SET.
#[derive(Clone, Copy, Debug)]
pub(super) struct SetOptions<'a> {
    pub(super) condition: Condition,
    pub(super) expiry: Expiry<'a>,
    /// Reply with the old value.
    pub(super) get: bool,
}

impl<'a> SetOptions<'a> {
    pub(super) fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut options = Self {
            condition: Condition::Always,
            expiry: Expiry::None,
            get: false,
        };
        let mut words = args.iter();
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case(b"nx") && options.condition != Condition::Present {
                options.condition = Condition::Absent;
            } else if word.eq_ignore_ascii_case(b"xx") && options.condition != Condition::Absent {
                options.condition = Condition::Present;
            } else if word.eq_ignore_ascii_case(b"get") {
                options.get = true;
            } else if word.eq_ignore_ascii_case(b"keepttl")
                && !matches!(options.expiry, Expiry::At(_))
            {
                options.expiry = Expiry::Keep;
            } else {
                let amount = words.next().ok_or(CommandError::Syntax)?;
                let time = Time::from_option(word, amount).ok_or(CommandError::Syntax)?;
                match options.expiry {
                    Expiry::None => {}
                    Expiry::At(other) if other.same_option(&time) => {}
                    Expiry::Keep | Expiry::At(_) => return Err(CommandError::Syntax),
                }
                options.expiry = Expiry::At(time);
            }
        }
        Ok(options)
    }
}

/// What GETEX does with the expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GetexOptions<'a> {
    Leave,
    Persist,
    At(Time<'a>),
}

impl<'a> GetexOptions<'a> {
    pub(super) fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut options = Self::Leave;
        let mut words = args.iter();
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case(b"persist") && !matches!(options, Self::At(_)) {
                options = Self::Persist;
                continue;
            }
            let amount = words.next().ok_or(CommandError::Syntax)?;
            let time = Time::from_option(word, amount).ok_or(CommandError::Syntax)?;
            match options {
                Self::Leave => {}
                Self::At(other) if other.same_option(&time) => {}
                Self::Persist | Self::At(_) => return Err(CommandError::Syntax),
            }
            options = Self::At(time);
        }
        Ok(options)
    }
}
