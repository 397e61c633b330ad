//! Where memory orderings stand in a source file, and what weaker ones would look like there.

use std::ops::Range;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One ordering and one way to weaken it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// 1-based.
    pub(crate) line: usize,
    /// The text of the line.
    pub(crate) text: String,
    /// What becomes of what: `Acquire`, `AcqRel to Release`, `SeqCst fence`. Without more, it becomes
    /// relaxed; a fence goes away.
    pub(crate) label: String,
    bytes: Range<usize>,
    replacement: String,
}

impl Mutant {
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        text.replace_range(self.bytes.clone(), &self.replacement);
        text
    }
}

/// Weaker orderings with their labels: of what does two things, each is left out alone.
fn weaker(ordering: &str) -> &'static [(&'static str, &'static str)] {
    match ordering {
        "Acquire" => &[("Relaxed", "Acquire")],
        "Release" => &[("Relaxed", "Release")],
        "AcqRel" => &[
            ("Acquire", "AcqRel to Acquire"),
            ("Release", "AcqRel to Release"),
        ],
        "SeqCst" => &[("Relaxed", "SeqCst")],
        _ => &[],
    }
}

/// All mutants of a file. Imports and code for tests only are left alone.
pub(crate) fn mutants(text: &str) -> Result<Vec<Mutant>> {
    let stream: TokenStream = text
        .parse()
        .map_err(|error| anyhow!("not readable as Rust tokens: {error}"))?;
    let mut found = Vec::new();
    walk(stream, false, &mut found);
    for mutant in &mut found {
        let line = text.lines().nth(mutant.line - 1).unwrap_or_default();
        line.trim().clone_into(&mut mutant.text);
    }
    Ok(found)
}

fn walk(stream: TokenStream, arguments: bool, found: &mut Vec<Mutant>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut index = 0;
    while index < tokens.len() {
        match &tokens[index] {
            TokenTree::Ident(ident) if *ident == "use" => index = item_end(&tokens, index),
            TokenTree::Ident(ident) if *ident == "fence" => {
                if let Some(TokenTree::Group(group)) = tokens.get(index + 1) {
                    found.push(Mutant {
                        line: ident.span().start().line,
                        text: String::new(),
                        label: format!("{} fence", group_end(group)),
                        bytes: ident.span().byte_range().start..group.span().byte_range().end,
                        replacement: "()".to_owned(),
                    });
                    index += 1;
                }
            }
            TokenTree::Ident(ident) if arguments && ends_argument(tokens.get(index + 1)) => {
                let in_path = index > 0 && is_punct(&tokens[index - 1], ':');
                let path = if in_path {
                    ""
                } else {
                    "core::sync::atomic::Ordering::"
                };
                for (to, label) in weaker(&ident.to_string()) {
                    found.push(Mutant {
                        line: ident.span().start().line,
                        text: String::new(),
                        label: (*label).to_owned(),
                        bytes: ident.span().byte_range(),
                        replacement: format!("{path}{to}"),
                    });
                }
            }
            TokenTree::Group(group) => {
                let text = group.stream().to_string().replace(' ', "");
                let attribute = index > 0 && is_punct(&tokens[index - 1], '#');
                if attribute && (text == "cfg(test)" || text.starts_with("cfg(all(test,")) {
                    index = item_end(&tokens, index + 1);
                } else {
                    let arguments = group.delimiter() == Delimiter::Parenthesis;
                    walk(group.stream(), arguments, found);
                }
            }
            _ => {}
        }
        index += 1;
    }
}

/// What stands last in the group: the ordering of a fence.
fn group_end(group: &proc_macro2::Group) -> String {
    let last = group.stream().into_iter().last();
    last.map(|token| token.to_string()).unwrap_or_default()
}

fn ends_argument(next: Option<&TokenTree>) -> bool {
    next.is_none_or(|token| is_punct(token, ','))
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

/// Where the item that begins at `from` ends: at its semicolon or its braces.
fn item_end(tokens: &[TokenTree], from: usize) -> usize {
    let import = matches!(&tokens[from], TokenTree::Ident(ident) if *ident == "use");
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => !import && group.delimiter() == Delimiter::Brace,
        token => is_punct(token, ';'),
    };
    let length = tokens[from..].iter().position(ends);
    length.map_or(tokens.len(), |length| from + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(usize, String, String)> {
        let found = mutants(text).expect("valid tokens");
        let line = |mutant: &Mutant| {
            let mutated = mutant.apply(text);
            mutated
                .lines()
                .nth(mutant.line - 1)
                .expect("the line")
                .to_owned()
        };
        found
            .iter()
            .map(|mutant| (mutant.line, mutant.label.clone(), line(mutant)))
            .collect()
    }

    #[test]
    fn each_ordering_of_a_call_is_weakened_alone() {
        let text = "fn f() {\n a.swap(é, Ordering::AcqRel);\n a.load(Acquire)\n}";
        let relaxed = " a.load(core::sync::atomic::Ordering::Relaxed)";
        let expected = [
            (2, "AcqRel to Acquire", " a.swap(é, Ordering::Acquire);"),
            (2, "AcqRel to Release", " a.swap(é, Ordering::Release);"),
            (3, "Acquire", relaxed),
        ];
        let expected =
            expected.map(|(line, label, text)| (line, label.to_owned(), text.to_owned()));
        assert_eq!(lines(text), expected);
    }

    #[test]
    fn a_fence_is_taken_away() {
        let expected = (1, "SeqCst fence".to_owned(), "fn f() { (); }".to_owned());
        assert_eq!(lines("fn f() { fence(Ordering::SeqCst); }"), [expected]);
    }

    #[test]
    fn imports_comments_and_tests_are_left_alone() {
        let text = "use x::{Acquire, fence};\n/// (Release)\nuse y::SeqCst;\n\
            #[cfg(test)]\nmod tests { fn f() { a.load(SeqCst) } }\n\
            #[cfg(all(test, not(x)))]\nmod more { fn f() { a.load(SeqCst) } }\nfn g() { Release {}; }";
        assert_eq!(mutants(text).expect("valid tokens"), []);
    }
}
