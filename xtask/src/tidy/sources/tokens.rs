//! What a source file says, read token by token: comments and strings are no tokens, and code that
//! is compiled only for tests or with the `std` feature is told apart.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// Macros that mark unfinished work.
const BANNED_MACROS: &[&str] = &["dbg", "todo", "unimplemented"];

/// The facts the rules are about; lines are 1-based.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) banned_macros: Vec<(usize, String)>,
    pub(crate) unsafe_lines: Vec<usize>,
    /// `std::` or `use std` in code for every target.
    pub(crate) std_lines: Vec<usize>,
    /// `Instant::now` or `SystemTime::now` in code for every target.
    pub(crate) clock_lines: Vec<usize>,
    pub(crate) forbids_unsafe: bool,
    pub(crate) no_std: bool,
    /// `mod name;` under `#[cfg(test)]` or under the `std` feature.
    pub(crate) hosted_modules: Vec<String>,
}

impl Facts {
    pub(crate) fn read(text: &str) -> Result<Facts> {
        let stream: TokenStream = text
            .parse()
            .map_err(|error| anyhow!("not readable as Rust tokens: {error}"))?;
        let mut facts = Facts::default();
        facts.walk(stream, false);
        Ok(facts)
    }

    /// `on_host`: inside code that is compiled only for tests or with the `std` feature.
    fn walk(&mut self, stream: TokenStream, on_host: bool) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        // From a hosted item's attribute to the item's end.
        let mut hosted_item = false;
        for (index, token) in tokens.iter().enumerate() {
            let hosted = on_host || hosted_item;
            match token {
                TokenTree::Group(group) => {
                    let attribute = attribute_at(&tokens, index);
                    if let Some(inner) = attribute {
                        let text = group.stream().to_string();
                        self.read_attribute(&text, inner);
                        hosted_item |= !inner && is_host_condition(&text);
                        continue;
                    }
                    self.walk(group.stream(), hosted);
                    if group.delimiter() == Delimiter::Brace {
                        hosted_item = false;
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => hosted_item = false,
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    self.read_word(&ident.to_string(), line, &tokens[index..], hosted);
                }
                _ => {}
            }
        }
    }

    fn read_attribute(&mut self, text: &str, inner: bool) {
        let text = text.replace(' ', "");
        if inner {
            self.forbids_unsafe |= text == "forbid(unsafe_code)";
            // `cfg_attr(not(test), no_std)` and the like still make the library bare.
            self.no_std |= text == "no_std" || text.ends_with(",no_std)");
        }
    }

    fn read_word(&mut self, word: &str, line: usize, tokens: &[TokenTree], hosted: bool) {
        let next = |offset: usize| tokens.get(offset).map(ToString::to_string);
        let path_to = |name: &str| {
            let joint = matches!(&tokens.get(1), Some(TokenTree::Punct(punct))
                if punct.as_char() == ':' && punct.spacing() == Spacing::Joint);
            joint && next(2).as_deref() == Some(":") && next(3).as_deref() == Some(name)
        };
        match word {
            "unsafe" => self.unsafe_lines.push(line),
            "std"
                if !hosted
                    && (next(1).as_deref() == Some(":") || next(1).as_deref() == Some(";")) =>
            {
                self.std_lines.push(line);
            }
            "Instant" | "SystemTime" if !hosted && path_to("now") => self.clock_lines.push(line),
            "mod" if hosted && next(2).as_deref() == Some(";") => {
                self.hosted_modules.extend(next(1));
            }
            _ if BANNED_MACROS.contains(&word) && next(1).as_deref() == Some("!") => {
                self.banned_macros.push((line, word.to_owned()));
            }
            _ => {}
        }
    }
}

/// If the group at `index` is an attribute's brackets: whether it is an inner one (`#![...]`).
fn attribute_at(tokens: &[TokenTree], index: usize) -> Option<bool> {
    let TokenTree::Group(group) = &tokens[index] else {
        return None;
    };
    let is = |back: usize, character: char| {
        let token = index.checked_sub(back).map(|at| &tokens[at]);
        matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
    };
    if group.delimiter() != Delimiter::Bracket {
        None
    } else if is(1, '#') {
        Some(false)
    } else if is(1, '!') && is(2, '#') {
        Some(true)
    } else {
        None
    }
}

/// Conditions that hold only where the standard library is at hand. A negation is none of them, but
/// may stand beside one in `all(..)`.
fn is_host_condition(attribute: &str) -> bool {
    let text = attribute.replace(' ', "");
    let Some(condition) = text.strip_prefix("cfg(") else {
        return false;
    };
    let names_host = |condition: &str| {
        condition
            .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '"'))
            .any(|word| word == "test" || word == "\"std\"" || word == "loom")
    };
    conjuncts(condition)
        .into_iter()
        .any(|part| names_host(part) && !part.contains("not("))
}

/// The parts of `all(..)`, or the condition itself.
fn conjuncts(condition: &str) -> Vec<&str> {
    let Some(parts) = condition.strip_prefix("all(") else {
        return vec![condition];
    };
    let mut depth = 0_u32;
    parts
        .split(|c: char| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .collect()
}
