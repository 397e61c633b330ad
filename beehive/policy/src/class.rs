//! Priority classes of tasks, and sets of them.

/// What a task is for. Classes share a worker's time by weights; none starves.
///
/// There is no order on purpose: a class with a great weight is not above the others, it may only
/// use more time than they.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Class {
    /// Somebody waits for the answer, and each poll is short.
    Latency = 0,
    /// What says nothing else.
    #[default]
    Normal = 1,
    /// What can wait: batches, cleaning, rebuilding.
    Background = 2,
}

impl Class {
    /// How many there are.
    pub const COUNT: usize = 3;

    /// All of them, in the order in which ties are broken.
    pub const ALL: [Self; Self::COUNT] = [Self::Latency, Self::Normal, Self::Background];

    /// A number from zero to [`COUNT`](Self::COUNT).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// In lower case, as in exported metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Normal => "normal",
            Self::Background => "background",
        }
    }
}

/// A set of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassSet(u8);

impl ClassSet {
    /// No class.
    pub const EMPTY: Self = Self(0);

    /// With this class, if the condition holds; as before otherwise.
    #[must_use]
    pub const fn with(self, class: Class, condition: bool) -> Self {
        Self(self.0 | (condition as u8) << class.index())
    }

    /// Whether it holds this class.
    #[must_use]
    pub const fn contains(self, class: Class) -> bool {
        self.0 & 1 << class.index() != 0
    }

    /// Whether it holds no class.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it holds exactly one class.
    #[must_use]
    pub const fn is_single(self) -> bool {
        self.0.is_power_of_two()
    }

    /// Its classes.
    pub fn iter(self) -> impl Iterator<Item = Class> {
        Class::ALL
            .into_iter()
            .filter(move |&class| self.contains(class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        let set = ClassSet::EMPTY
            .with(Class::Background, true)
            .with(Class::Normal, false)
            .with(Class::Latency, true);
        let classes: Vec<_> = set.iter().collect();
        assert_eq!(classes, [Class::Latency, Class::Background]);
        assert!(!set.is_single() && !set.is_empty());
        assert!(ClassSet::EMPTY.with(Class::Normal, true).is_single());
    }
}
