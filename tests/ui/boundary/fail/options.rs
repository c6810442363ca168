use resilience::{Rejected, boundary};

#[boundary("get_user")]
async fn positional() -> Result<(), Rejected> {
    Ok(())
}

const NAME: &str = "get_user";

#[boundary(operation = NAME)]
async fn no_literal() -> Result<(), Rejected> {
    Ok(())
}

#[boundary(name = "get_user", id = 3, user_id = 7, level = "warn", err, skip(self))]
async fn of_other_libraries() -> Result<(), Rejected> {
    Ok(())
}

#[boundary(operation = "a", operation = "b", usr = 7, tenant)]
async fn slips() -> Result<(), Rejected> {
    Ok(())
}

#[boundary]
async fn no_result() -> u32 {
    1
}

#[boundary]
struct NoFunction;

fn main() {}
