//! Consumers that lose no message: one loop for every broker, with redelivery, dead letters, and a
//! guard against messages that kill their consumer.
//!
//! - [`Consumer`] is the loop. It can't be built without a destination for dead letters.
//! - [`Source`] is a queue of messages. Choose one below, or implement it for your broker.
//! - [`Message`] is what arrives, and [`FromMessage`] is what a handler makes of it.
//!
//! # Choose your source
//!
//! | source | feature | counts deliveries | keeps messages over a crash | own dead letters |
//! |---|---|---|---|---|
//! | `channel` | `channel`, on by default | in the process | no | no: use a store |
//!
//! Implement [`Source`] and [`Delivery`] for your broker; if it keeps dead letters itself, implement
//! [`DeadLettering`] too.
//!
//! # What is durable when
//!
//! A message is acknowledged after its handler returned `Ok`, or after its dead letter is durable in
//! its destination, and never before. If the process is killed at any point, the broker delivers the
//! message again. So a handler runs at least once, and has to be idempotent; a letter is stored once
//! if the message has an id and the store honours
//! [`dedupe_key`](resilience::dead_letter::Letter::dedupe_key).
//!
//! # Events
//!
//! Target `resilience`. All have `queue` and `code`, and those of one message `request_id`.
//!
//! | event | level | when |
//! |---|---|---|
//! | `message_retry` | INFO | a message will be tried again, after `delay_ms`; `attempts` have failed |
//! | `message_sent_to_dlq` | WARN | a message is a dead letter, with its `reason` |
//! | `message_not_sent_to_dlq` | ERROR | the letter couldn't be stored; the source is paused |
//! | `message_not_settled` | WARN | the broker didn't take the acknowledgement, and may deliver the message again |
//! | `source_paused` | WARN | an open circuit, or a store that is down; for `delay_ms` |
//! | `source_failed` | WARN | the broker can't be reached; tried again after `delay_ms` |

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "channel")]
pub mod channel;
mod consumer;
mod control;
mod handler;
mod message;
mod order;
mod source;
mod work;

pub use consumer::{Consumer, Stopped};
#[cfg(feature = "json")]
pub use message::Json;
pub use message::{FromMessage, Message, Undecodable};
pub use source::{BrokerDeadLetters, DeadLettering, Delivery, Destination, Source, SourceError};
pub use work::Summary;
