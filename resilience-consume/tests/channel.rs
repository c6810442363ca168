//! The queue in the process, on a paused clock.

use resilience_consume::channel::{self, ChannelSource, Sender};
use resilience_consume::{Delivery as _, Message, Source as _};
use std::future::{Ready, ready};
use std::sync::Mutex;

mod suite;

struct Channel {
    sender: Sender,
    source: Mutex<Option<ChannelSource>>,
}

impl suite::Broker for Channel {
    type Source = ChannelSource;

    async fn publish(&self, message: Message) {
        self.sender.send(message).await.unwrap();
    }

    async fn source(&self) -> ChannelSource {
        self.source.lock().unwrap().take().unwrap()
    }

    async fn unacknowledged(&self) -> usize {
        self.sender.unacknowledged()
    }
}

fn channel(queue: &'static str) -> Ready<Option<Channel>> {
    let (sender, source) = channel::bounded(queue, 100);
    ready(Some(Channel { sender, source: Mutex::new(Some(source)) }))
}

conformance!(channel, start_paused = true);

#[tokio::test(start_paused = true)]
async fn lost_delivery_comes_back_first_and_counts() {
    let (sender, mut source) = channel::bounded("queue", 10);
    for text in ["a", "b"] {
        sender.send(Message::new(text)).await.unwrap();
    }
    let lost = source.receive().await.unwrap().unwrap();
    assert_eq!((lost.message().payload(), lost.message().deliveries()), (&b"a"[..], 1));
    drop(lost);
    let again = source.receive().await.unwrap().unwrap();
    assert_eq!((again.message().payload(), again.message().deliveries()), (&b"a"[..], 2));
    again.release().await.unwrap();
    let again = source.receive().await.unwrap().unwrap();
    assert_eq!((again.message().payload(), again.message().deliveries()), (&b"a"[..], 2));
    again.ack().await.unwrap();
    assert_eq!(sender.unacknowledged(), 1);
}

#[tokio::test(start_paused = true)]
async fn full_queue_makes_its_senders_wait_until_a_message_is_acknowledged() {
    let (sender, mut source) = channel::bounded("queue", 1);
    sender.send(Message::new("a")).await.unwrap();
    let mut second = tokio::spawn(async move { sender.send(Message::new("b")).await.is_ok() });
    let first = source.receive().await.unwrap().unwrap();
    let wait = tokio::time::timeout(resilience::secs(60), &mut second).await;
    assert!(wait.is_err(), "a received message still takes room");
    first.ack().await.unwrap();
    assert!(second.await.unwrap());
    source.receive().await.unwrap().unwrap().ack().await.unwrap();
    assert!(source.receive().await.unwrap().is_none(), "the sender is gone");
}

#[tokio::test]
async fn message_comes_back_to_its_sender_when_the_source_is_gone() {
    let (sender, source) = channel::bounded("queue", 1);
    drop(source);
    assert_eq!(sender.send(Message::new("a")).await.unwrap_err().payload(), b"a");
}

#[tokio::test(start_paused = true)]
async fn expired_message_is_not_run() {
    suite::expired_message_is_not_run(channel("expired").await.unwrap()).await;
}
