//! Lists of numbers as Linux writes them: `0-3,8,10-11`.

use std::fmt;
use std::str::FromStr;

/// Numbers of processors (or nodes), ascending, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuList(Vec<usize>);

/// No list of Linux names more than this.
const NUMBER_MAX: usize = 1 << 16;

impl CpuList {
    /// The numbers, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }
}

impl FromIterator<usize> for CpuList {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        let mut numbers: Vec<_> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        Self(numbers)
    }
}

impl FromStr for CpuList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::default());
        }
        let mut numbers = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| {
                let number: Option<usize> = text.parse().ok();
                let number = number.filter(|&number| number <= NUMBER_MAX);
                number.ok_or_else(|| format!("`{part}` is no range of processors such as 0-3"))
            };
            numbers.extend(number(first)?..=number(last)?);
        }
        Ok(numbers.into_iter().collect())
    }
}

impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|a, b| a + 1 == *b);
        for (i, run) in runs.enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match run {
                [one] => write!(f, "{comma}{one}")?,
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written_as_linux_does() {
        for text in ["", "0", "0-3", "0-3,8,10-11"] {
            assert_eq!(text.parse::<CpuList>().unwrap().to_string(), text);
        }
        let list: CpuList = "2,0-1,1\n".parse().unwrap();
        assert_eq!(list.as_slice(), [0, 1, 2]);
        assert_eq!(list.to_string(), "0-2");
    }

    #[test]
    fn what_is_no_list_is_named() {
        for text in ["a", "1-", "-", "0,,1", "0-99999999999"] {
            assert!(
                text.parse::<CpuList>().unwrap_err().contains("range"),
                "{text}"
            );
        }
    }
}
