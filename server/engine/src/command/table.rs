//! All commands in one table, and the way from a name to its entry: the folded
//! name is hashed into a table whose multiplier was searched at compile time so
//! that no two commands collide; a lookup is one probe and one comparison.
use super::{Command, Spec};

/// The families, in the order in which COMMAND lists them.
const FAMILIES: &[&[Spec]] = &[
    super::string::SPECS,
    super::range::SPECS,
    super::counter::SPECS,
    super::lcs::SPECS,
    super::key::SPECS,
    super::expire::SPECS,
    super::scan::SPECS,
    super::connection::SPECS,
    super::server::SPECS,
    super::client::SPECS,
    super::config::SPECS,
    super::info::SPECS,
    super::object::SPECS,
    super::memory::SPECS,
    super::command_info::SPECS,
    super::debug::SPECS,
    super::hallows::SPECS,
];

/// Number of commands, subcommands not counted.
pub(crate) const COMMANDS: usize = {
    let mut total = 0;
    let mut family = 0;
    while family < FAMILIES.len() {
        total += FAMILIES[family].len();
        family += 1;
    }
    total
};

/// All commands.
pub(crate) static TABLE: [Spec; COMMANDS] = {
    let mut table = [super::connection::SPECS[0]; COMMANDS];
    let mut filled = 0;
    let mut family = 0;
    while family < FAMILIES.len() {
        let mut i = 0;
        while i < FAMILIES[family].len() {
            table[filled] = FAMILIES[family][i];
            filled += 1;
            i += 1;
        }
        family += 1;
    }
    table
};

/// The number of the first of each command's ids: its own, then its subcommands'.
static FIRST_ID: [u16; COMMANDS] = {
    let mut first = [0; COMMANDS];
    let mut next = 0;
    let mut i = 0;
    while i < COMMANDS {
        first[i] = next;
        next += 1 + TABLE[i].subcommands.len() as u16;
        i += 1;
    }
    first
};

/// Number of ids: commands and subcommands together.
pub(crate) const COUNT: usize =
    FIRST_ID[COMMANDS - 1] as usize + 1 + TABLE[COMMANDS - 1].subcommands.len();

/// Slots of the hash table: sparse, so that a multiplier is found soon.
const SLOTS_LOG2: u32 = 10;
const SLOTS: usize = 1 << SLOTS_LOG2;
/// Mark of an empty slot.
const EMPTY: u8 = u8::MAX;
const _: () = assert!(
    COMMANDS < EMPTY as usize,
    "a slot must tell every command from none"
);

/// A name folded to lower case, as three words that together determine it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Folded {
    head: u64,
    tail: u64,
    len: usize,
}

/// Longest name that the fold can hold.
const NAME_MAX: usize = 16;
/// The bit that tells a lower-case ASCII letter from its upper-case form. All
/// names are letters, and no other byte folds to a letter, so that setting the
/// bit everywhere compares exactly.
const CASE_BITS: u64 = 0x2020_2020_2020_2020;

impl Folded {
    /// Overlapping loads of the first and the last bytes: no loop, no copy.
    #[inline]
    const fn new(name: &[u8]) -> Option<Self> {
        let len = name.len();
        let (head, tail) = if len >= 8 {
            if len > NAME_MAX {
                return None;
            }
            (word8(name, 0), word8(name, len - 8))
        } else if len >= 4 {
            (word4(name, 0), word4(name, len - 4))
        } else if len >= 2 {
            (word2(name, 0), word2(name, len - 2))
        } else {
            return None;
        };
        Some(Self {
            head: head | CASE_BITS,
            tail: tail | CASE_BITS,
            len,
        })
    }

    #[inline]
    const fn slot(&self, multiplier: u64) -> usize {
        let mixed =
            (self.head ^ self.tail.rotate_left(29) ^ self.len as u64).wrapping_mul(multiplier);
        (mixed >> (64 - SLOTS_LOG2)) as usize
    }
}

#[inline]
const fn word8(bytes: &[u8], at: usize) -> u64 {
    match bytes.split_at(at).1.first_chunk() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => 0,
    }
}

#[inline]
const fn word4(bytes: &[u8], at: usize) -> u64 {
    match bytes.split_at(at).1.first_chunk() {
        Some(chunk) => u32::from_le_bytes(*chunk) as u64,
        None => 0,
    }
}

#[inline]
const fn word2(bytes: &[u8], at: usize) -> u64 {
    match bytes.split_at(at).1.first_chunk() {
        Some(chunk) => u16::from_le_bytes(*chunk) as u64,
        None => 0,
    }
}

const fn fold_of(spec: &Spec) -> Folded {
    match Folded::new(spec.name.as_bytes()) {
        Some(folded) => folded,
        None => panic!("a command's name must have 2 to 16 letters"),
    }
}

static FOLDED: [Folded; COMMANDS] = {
    let mut folded = [fold_of(&TABLE[0]); COMMANDS];
    let mut i = 1;
    while i < COMMANDS {
        folded[i] = fold_of(&TABLE[i]);
        i += 1;
    }
    folded
};

/// The table for a multiplier, unless two commands would share a slot.
const fn slots_for(multiplier: u64) -> Option<[u8; SLOTS]> {
    let mut slots = [EMPTY; SLOTS];
    let mut i = 0;
    while i < COMMANDS {
        let slot = FOLDED[i].slot(multiplier);
        if slots[slot] != EMPTY {
            return None;
        }
        slots[slot] = i as u8;
        i += 1;
    }
    Some(slots)
}

const MULTIPLIER: u64 = {
    let mut candidate = 0x9e37_79b9_7f4a_7c15_u64;
    while slots_for(candidate).is_none() {
        candidate = candidate
            .wrapping_mul(0xd134_2543_de82_ef95)
            .wrapping_add(2);
    }
    candidate
};

static BY_NAME: [u8; SLOTS] = match slots_for(MULTIPLIER) {
    Some(slots) => slots,
    None => panic!("the multiplier was chosen to have no collision"),
};

/// A command whose name is known when the program is compiled.
pub(crate) const fn const_find(name: &[u8]) -> Command {
    let Some(folded) = Folded::new(name) else {
        panic!("no command has this name");
    };
    let index = BY_NAME[folded.slot(MULTIPLIER)] as usize;
    Command {
        spec: &TABLE[index],
        parent: None,
        id: FIRST_ID[index],
    }
}

/// Finds a command by name, in any case.
#[inline]
pub(crate) fn find(name: &[u8]) -> Option<Command> {
    let folded = Folded::new(name)?;
    let index = BY_NAME[folded.slot(MULTIPLIER)] as usize;
    if *FOLDED.get(index)? != folded {
        return None;
    }
    Some(Command {
        spec: &TABLE[index],
        parent: None,
        id: FIRST_ID[index],
    })
}

/// Finds a subcommand of `container` by name, in any case.
pub(crate) fn find_subcommand(container: Command, name: &[u8]) -> Option<Command> {
    let position = container
        .spec
        .subcommands
        .iter()
        .position(|sub| sub.name.as_bytes().eq_ignore_ascii_case(name))?;
    Some(Command {
        spec: &container.spec.subcommands[position],
        parent: Some(container.spec),
        id: container.id + 1 + position as u16,
    })
}

/// The command with a dense id below [`COUNT`].
pub(crate) fn by_id(id: u16) -> Command {
    let index = FIRST_ID.partition_point(|first| *first <= id) - 1;
    let container = Command {
        spec: &TABLE[index],
        parent: None,
        id: FIRST_ID[index],
    };
    match (id - container.id).checked_sub(1) {
        None => container,
        Some(position) => Command {
            spec: &container.spec.subcommands[position as usize],
            parent: Some(container.spec),
            id,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case_and_under_no_other_name() {
        for spec in &TABLE {
            let name = spec.name.as_bytes();
            assert_eq!(find(name).unwrap().spec.name, spec.name);
            assert_eq!(
                find(&name.to_ascii_uppercase()).unwrap().spec.name,
                spec.name
            );
            assert!(find(&name[1..]).is_none_or(|other| other.spec.name != spec.name));
            assert!(find(&[name, b"x"].concat()).is_none_or(|other| other.spec.name != spec.name));
        }
        let others: [&[u8]; 6] = [b"", b"g", b"g\0t", b"get ", b"G%T", &[b'x'; 100]];
        assert!(others.iter().all(|name| find(name).is_none()));
    }

    #[test]
    fn ids_number_commands_and_subcommands_without_gaps() {
        for id in 0..COUNT as u16 {
            let command = by_id(id);
            assert_eq!(command.id, id);
            let found = match command.parent {
                None => find(command.spec.name.as_bytes()),
                Some(parent) => find_subcommand(
                    find(parent.name.as_bytes()).unwrap(),
                    command.spec.name.as_bytes(),
                ),
            };
            assert_eq!(found, Some(command));
        }
    }

    #[test]
    fn specs_are_complete() {
        for command in (0..COUNT as u16).map(by_id) {
            let spec = command.spec;
            assert_ne!(spec.arity, 0, "{command:?}");
            assert!(!spec.summary.is_empty(), "{command:?}");
            assert!(
                !spec.name.bytes().any(|byte| byte.is_ascii_uppercase()),
                "{command:?}"
            );
        }
    }
}
