use resilience::testing::isolated;

#[isolated(no_waiting)]
fn misspelt_option() {}

#[isolated(paused)]
fn unknown_option() {}

#[isolated(seed = 1, seed = 2)]
fn option_repeated() {}

#[isolated(seed = "seven")]
fn seed_not_a_number() {}

#[isolated(seed)]
fn seed_without_value() {}

#[isolated(no_wait seed = 7)]
fn missing_comma() {}

fn main() {
    misspelt_option();
    unknown_option();
    option_repeated();
    seed_not_a_number();
    seed_without_value();
    missing_comma();
}
