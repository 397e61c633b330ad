//! Requests gathered from one input, so that they can be looked at together before any is executed.
//!
//! A [`Parser`](crate::Parser) lends the arguments of one request at a time. A pipeline keeps where
//! they lie, and lends those of any request again; the bytes stay in the caller's input.

use crate::args::{Args, Span};
use alloc::vec::Vec;

/// Argument slots that a pipeline keeps when it is emptied.
const RETAINED_SPANS_MAX: usize = 1024;

/// Complete requests of one input, in order.
#[derive(Debug, Default)]
pub struct Pipeline {
    spans: Vec<Span>,
    requests: Vec<Request>,
}

/// One request of a pipeline.
#[derive(Clone, Copy, Debug)]
struct Request {
    /// Where its spans end, and those of the next begin.
    spans_end: usize,
    /// Where it ends in the input.
    end: usize,
}

impl Pipeline {
    /// A pipeline without requests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the request that `args` belong to, which lies from `start` to `end` in the input.
    /// Returns false, and adds nothing, if its arguments are no part of the input (an inline
    /// request with quotes).
    #[inline]
    pub fn push(&mut self, args: Args<'_>, start: usize, end: usize) -> bool {
        let Some(spans) = args.input_spans() else {
            return false;
        };
        self.spans.extend(spans.iter().map(|span| Span {
            start: start + span.start,
            end: start + span.end,
        }));
        self.requests.push(Request {
            spans_end: self.spans.len(),
            end,
        });
        true
    }

    /// How many requests there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The arguments of a request, given the input that all were found in.
    ///
    /// # Panics
    ///
    /// If there is no such request.
    #[inline]
    #[must_use]
    pub fn args<'b>(&'b self, input: &'b [u8], index: usize) -> Args<'b> {
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.requests[before].spans_end);
        Args::new(
            input,
            &self.spans[start..self.requests[index].spans_end],
            true,
        )
    }

    /// Where a request ends in the input.
    ///
    /// # Panics
    ///
    /// If there is no such request.
    #[inline]
    #[must_use]
    pub fn end(&self, index: usize) -> usize {
        self.requests[index].end
    }

    /// Forgets all requests.
    #[inline]
    pub fn clear(&mut self) {
        self.requests.clear();
        self.spans.clear();
        self.spans.shrink_to(RETAINED_SPANS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Parsed, Parser};
    use std::vec;

    fn gather(input: &[u8]) -> (Pipeline, usize) {
        let (mut parser, mut pipeline) = (Parser::new(), Pipeline::new());
        let mut at = 0;
        while let Ok(Parsed::Request { args, consumed }) =
            parser.parse(&input[at..], &Limits::default())
        {
            if !pipeline.push(args, at, at + consumed) {
                break;
            }
            at += consumed;
        }
        (pipeline, at)
    }

    #[test]
    fn arguments_are_those_of_each_request_in_order() {
        let input =
            b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$2\r\ncd\r\n";
        let (pipeline, at) = gather(input);
        assert_eq!((pipeline.len(), at), (3, input.len()));
        let words = |index| pipeline.args(input, index).iter().collect::<vec::Vec<_>>();
        assert_eq!(words(0), [&b"GET"[..], b"a"]);
        assert_eq!(words(1), [&b"PING"[..]]);
        assert_eq!(words(2), [&b"SET"[..], b"b", b"cd"]);
        assert_eq!((pipeline.end(0), pipeline.end(1)), (20, 26));
        assert_eq!(pipeline.end(2), input.len());
    }

    #[test]
    fn an_inline_request_with_quotes_is_not_taken() {
        let (pipeline, at) = gather(b"PING\r\nGET \"a b\"\r\n");
        assert_eq!((pipeline.len(), at), (1, 6));
    }

    #[test]
    fn an_emptied_pipeline_begins_again() {
        let (mut pipeline, _) = gather(b"GET a\r\nGET b\r\n");
        pipeline.clear();
        assert!(pipeline.is_empty());
        let (next, _) = gather(b"GET c\r\n");
        assert_eq!(&next.args(b"GET c\r\n", 0)[1], b"c");
    }
}
