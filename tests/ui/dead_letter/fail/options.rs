#![deny(warnings)]

use resilience::{
    dead_letter,
    dead_letter::{DeadLetters, MemoryStore},
};
use resilience_test_support::CallError;

static LETTERS: DeadLetters = DeadLetters::new();

#[dead_letter]
async fn nothing(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

#[dead_letter("orders", store = LETTERS)]
async fn unnamed(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

#[dead_letter(queue = "", store = LETTERS)]
async fn empty_queue(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

#[dead_letter(queue = "orders-{order}", store = LETTERS)]
async fn placeholder(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

#[dead_letter(queue = "orders", store = "sqlite:letters.db")]
async fn address(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

#[dead_letter(queue = "orders", store = MemoryStore::new())]
async fn new_store(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

#[dead_letter(queue = "orders", store = LETTERS, dedupe_key = "order")]
async fn constant_key(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

#[dead_letter(queue = "orders", store = LETTERS, content_type = "application/xml")]
async fn no_payload(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

#[dead_letter(queue_name = "orders", dlq = LETTERS, max_attempts = 3)]
async fn foreign(order: u32) -> Result<(), CallError> {
    Ok(drop(order))
}

fn main() {
    let _ = MemoryStore::new();
}
