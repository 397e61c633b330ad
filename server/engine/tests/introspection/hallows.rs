//! HALLOWS, which Redis does not have.
use crate::harness::Client;

#[test]
fn the_host_s_reports_are_handed_out_as_they_are() {
    let mut client = Client::new();
    client.check(
        r#"HALLOWS LOAD => "{\"workers\":[]}"
         HALLOWS TASKS => -ERR tasks are not recorded; start the server with --task-dump yes"#,
    );
}
