//! The arguments of commands, as COMMAND DOCS describes them to clients that
//! complete or check what a person types. What every command has (summary, since,
//! complexity) is in its [`Spec`](super::Spec).
mod administration;
mod keyspace;
mod strings;

/// What COMMAND DOCS says of a command beyond its `Spec`.
#[derive(Debug)]
pub(crate) struct Docs {
    /// Full name: `get`, `client|kill`.
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [Argument],
    pub(crate) deprecated: Option<Deprecated>,
}

/// A command that new programs should not use.
#[derive(Debug)]
pub(crate) struct Deprecated {
    pub(crate) since: &'static str,
    pub(crate) replaced_by: &'static str,
}

/// The type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::PureToken => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        }
    }
}

/// An argument, or a group of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Argument {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The word that introduces the argument, or that is all of it.
    pub(crate) token: Option<&'static str>,
    /// Which of the command's key specifications finds this key.
    pub(crate) key_spec: Option<u8>,
    pub(crate) since: Option<&'static str>,
    pub(crate) optional: bool,
    pub(crate) multiple: bool,
    /// The members of a group.
    pub(crate) arguments: &'static [Argument],
}

impl Argument {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            token: None,
            key_spec: None,
            since: None,
            optional: false,
            multiple: false,
            arguments: &[],
        }
    }

    const fn string(name: &'static str) -> Self {
        Self::new(name, Kind::String)
    }

    const fn integer(name: &'static str) -> Self {
        Self::new(name, Kind::Integer)
    }

    const fn pattern(name: &'static str) -> Self {
        Self::new(name, Kind::Pattern)
    }

    const fn unix_time(name: &'static str) -> Self {
        Self::new(name, Kind::UnixTime)
    }

    const fn key(name: &'static str, key_spec: u8) -> Self {
        let mut argument = Self::new(name, Kind::Key);
        argument.key_spec = Some(key_spec);
        argument
    }

    /// A word that stands for itself.
    const fn word(name: &'static str, token: &'static str) -> Self {
        Self::new(name, Kind::PureToken).token(token)
    }

    const fn one_of(name: &'static str, arguments: &'static [Argument]) -> Self {
        let mut argument = Self::new(name, Kind::OneOf);
        argument.arguments = arguments;
        argument
    }

    const fn block(name: &'static str, arguments: &'static [Argument]) -> Self {
        let mut argument = Self::new(name, Kind::Block);
        argument.arguments = arguments;
        argument
    }

    const fn token(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    const fn since(mut self, release: &'static str) -> Self {
        self.since = Some(release);
        self
    }

    const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }
}

/// The one key of most commands.
const KEY: Argument = Argument::key("key", 0);

const fn docs(name: &'static str, arguments: &'static [Argument]) -> Docs {
    Docs {
        name,
        arguments,
        deprecated: None,
    }
}

/// What is known of the command with this full name.
pub(crate) fn find(full_name: &str) -> Option<&'static Docs> {
    [strings::DOCS, keyspace::DOCS, administration::DOCS]
        .into_iter()
        .flatten()
        .find(|docs| docs.name == full_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table;

    #[test]
    fn every_documented_command_exists() {
        for docs in [strings::DOCS, keyspace::DOCS, administration::DOCS]
            .into_iter()
            .flatten()
        {
            let known =
                (0..table::COUNT as u16).any(|id| table::by_id(id).full_name() == docs.name);
            assert!(known, "{}", docs.name);
        }
    }

    #[test]
    fn every_command_with_keys_documents_them() {
        for id in 0..table::COUNT as u16 {
            let command = table::by_id(id);
            if !command.spec.keys.is_empty() {
                let name = command.full_name();
                let docs = find(&name).unwrap_or_else(|| panic!("{name} has no arguments"));
                assert!(!docs.arguments.is_empty(), "{name}");
            }
        }
    }

    #[test]
    fn every_command_says_what_it_does() {
        for id in 0..table::COUNT as u16 {
            let command = table::by_id(id);
            assert!(!command.spec.summary.is_empty(), "{}", command.full_name());
        }
    }
}
