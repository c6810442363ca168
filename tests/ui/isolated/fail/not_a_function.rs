use resilience::testing::isolated;

#[isolated]
mod tests {}

#[isolated]
struct Test;

fn main() {}
