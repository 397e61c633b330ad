//! The little of HTTP/1.1 that a metrics scraper needs: one request without a
//! body, one answer, close. Sans-IO: bytes in, bytes out.

/// A longer request head is not from a scraper.
pub(super) const HEAD_LEN_MAX: usize = 8192;

/// The answer to what was received so far, or `None` while the head of the
/// request is incomplete. `body` makes the metrics, if they are asked for.
pub(super) fn respond(received: &[u8], body: impl FnOnce() -> String) -> Option<Vec<u8>> {
    let Some(head_len) = head_len(received) else {
        return (received.len() >= HEAD_LEN_MAX).then(|| {
            plain(
                "431 Request Header Fields Too Large",
                "the request is too long\n",
            )
        });
    };
    let head = &received[..head_len];
    let line = head
        .split(|byte| *byte == b'\r' || *byte == b'\n')
        .next()
        .unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    if !version.is_some_and(|version| version.starts_with(b"HTTP/1.")) || words.next().is_some() {
        return Some(plain(
            "400 Bad Request",
            "this is not an HTTP/1.1 request\n",
        ));
    }
    let path = target
        .unwrap_or_default()
        .split(|byte| *byte == b'?')
        .next();
    Some(
        match (method.unwrap_or_default(), path.unwrap_or_default()) {
            (b"GET", b"/metrics") => answer("200 OK", METRICS_TYPE, &body(), true),
            (b"HEAD", b"/metrics") => answer("200 OK", METRICS_TYPE, &body(), false),
            (b"GET" | b"HEAD", _) => plain("404 Not Found", "metrics are at /metrics\n"),
            _ => plain("405 Method Not Allowed", "use GET\n"),
        },
    )
}

const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Length of the head with its closing blank line.
fn head_len(received: &[u8]) -> Option<usize> {
    let crlf = received
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4);
    crlf.or_else(|| {
        received
            .windows(2)
            .position(|window| window == b"\n\n")
            .map(|at| at + 2)
    })
}

fn plain(status: &str, text: &str) -> Vec<u8> {
    answer(status, "text/plain", text, true)
}

fn answer(status: &str, content_type: &str, body: &str, with_body: bool) -> Vec<u8> {
    let length = body.len();
    let body = if with_body { body } else { "" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{HEAD_LEN_MAX, respond};

    fn text(request: &str) -> Option<String> {
        let answer = respond(request.as_bytes(), || "up 1\n".to_owned())?;
        Some(String::from_utf8(answer).expect("ASCII"))
    }

    #[test]
    fn a_scrape_is_answered_with_the_metrics() {
        let answer = text("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("Content-Length: 5\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nup 1\n"), "{answer}");
        assert!(
            text("GET /metrics?x=1 HTTP/1.0\n\n")
                .unwrap()
                .contains("200 OK")
        );
    }

    #[test]
    fn an_incomplete_head_is_not_answered_yet() {
        assert_eq!(text(""), None);
        assert_eq!(text("GET /metrics HTTP/1.1\r\nHost: x\r\n"), None);
    }

    #[test]
    fn head_has_the_length_but_no_body() {
        let answer = text("HEAD /metrics HTTP/1.1\r\n\r\n").unwrap();
        assert!(answer.contains("Content-Length: 5\r\n") && answer.ends_with("\r\n\r\n"));
    }

    #[test]
    fn what_is_not_a_scrape_gets_its_error() {
        assert!(text("GET / HTTP/1.1\r\n\r\n").unwrap().contains(" 404 "));
        assert!(
            text("POST /metrics HTTP/1.1\r\n\r\n")
                .unwrap()
                .contains(" 405 ")
        );
        assert!(text("PING\r\n\r\n").unwrap().contains(" 400 "));
        assert!(
            text("GET /metrics HTTP/1.1 x\r\n\r\n")
                .unwrap()
                .contains(" 400 ")
        );
        assert!(text(&"x".repeat(HEAD_LEN_MAX)).unwrap().contains(" 431 "));
    }
}
