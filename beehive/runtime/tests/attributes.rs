//! The attributes `#[beehive::main]` and `#[beehive::test]` run what they are put on.

use beehive::{Handle, JoinError};

#[beehive::test]
async fn a_test_runs_on_one_worker_by_default() {
    assert_eq!(Handle::current().workers().len(), 1);
    assert_eq!(beehive::spawn(async { 1 }).await.unwrap(), 1);
}

#[beehive::test(workers = 2, io = "epoll")]
async fn a_test_may_ask_for_workers_and_a_reactor() -> Result<(), JoinError> {
    assert_eq!(Handle::current().workers().len(), 2);
    let value = beehive::spawn(async { 2 }).await?;
    assert_eq!(value, 2);
    Ok(())
}

#[beehive::test]
#[should_panic(expected = "on purpose")]
async fn a_panic_of_the_body_is_a_panic_of_the_test() {
    panic!("on purpose");
}

mod program {
    //! A `main` that is called as a function.

    #[beehive::main(workers = 2)]
    pub(super) async fn main() -> Result<usize, String> {
        if beehive::Handle::current().workers().len() == 2 {
            return Ok(2);
        }
        Err("a wrong number of workers".to_owned())
    }
}

#[test]
fn a_main_gives_what_its_body_returns() {
    assert_eq!(program::main(), Ok(2));
}
