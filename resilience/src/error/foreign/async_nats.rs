//! `Classify` for the errors of `async_nats` that connecting, publishing, requesting and consuming
//! return.

use async_nats::ConnectErrorKind;
use async_nats::client::{FlushErrorKind, PublishErrorKind, RequestErrorKind, SubscribeErrorKind};
use async_nats::error::Error;
use async_nats::jetstream::consumer::pull::MessagesErrorKind;
use async_nats::jetstream::context;

use crate::{Classification, Classify, Sent, taxonomy::Evidence};

const UNAVAILABLE: Classification = Classification::transient("NATS_UNAVAILABLE");
const TIMED_OUT: Classification = Classification::transient("NETWORK_TIMEOUT");
const CONNECTION_LOST: Classification = Classification::transient("CONNECTION_LOST");
/// The server answers so in place of delivering the request.
const NO_RESPONDERS: Classification =
    Classification::transient("NATS_NO_RESPONDERS").with_sent(Sent::Never);
/// A connection carries no request yet.
const CONNECT_FAILED: Classification =
    Classification::transient("CONNECT_FAILED").with_sent(Sent::Never);
const CLIENT_ERROR: Classification = Classification::permanent("NATS_CLIENT_ERROR");
const ACCESS_REFUSED: Classification = Classification::permanent("NATS_ACCESS_REFUSED");
const TOO_LARGE: Classification = Classification::permanent("MESSAGE_TOO_LARGE");
const UNKNOWN: Classification = Classification::unclassified();

/// Implements `Classify` for errors of these kinds. Each doc comment is a table of them.
macro_rules! classify {
    ($($(#[$doc:meta])* $Kind:path { $($($kind:ident)|+ => $class:expr,)+ })+) => {
        $(
            $(#[$doc])*
            #[cfg_attr(docsrs, doc(cfg(feature = "async-nats")))]
            impl Classify for Error<$Kind> {
                fn classify(&self) -> Classification {
                    type Kind = $Kind;
                    match self.kind() {
                        $($(Kind::$kind)|+ => $class,)+
                    }
                }

                fn evidence(&self) -> Evidence<'_> {
                    Evidence::of(self)
                }
            }
        )+
    };
}

classify! {
    /// | kind | classification |
    /// |---|---|
    /// | `Dns`, `Tls`, `Io`, `MaxReconnects` | transient, never sent, `CONNECT_FAILED`, 503 |
    /// | `TimedOut` | transient, never sent, `NETWORK_TIMEOUT`, 504 |
    /// | `Authentication`, `AuthorizationViolation` | permanent, `NATS_ACCESS_REFUSED`, 500 |
    /// | `ServerParse` | permanent, `NATS_CLIENT_ERROR`, 500 |
    ConnectErrorKind {
        Dns | Tls | Io | MaxReconnects => CONNECT_FAILED,
        TimedOut => TIMED_OUT.with_sent(Sent::Never),
        Authentication | AuthorizationViolation => ACCESS_REFUSED,
        ServerParse => CLIENT_ERROR,
    }

    /// | kind | classification |
    /// |---|---|
    /// | `Send` | transient, `NATS_UNAVAILABLE`, 503 |
    /// | `MaxPayloadExceeded` | permanent, `MESSAGE_TOO_LARGE`, 500 |
    /// | `InvalidSubject` | permanent, `NATS_CLIENT_ERROR`, 500 |
    PublishErrorKind {
        Send => UNAVAILABLE,
        MaxPayloadExceeded => TOO_LARGE,
        InvalidSubject => CLIENT_ERROR,
    }

    /// | kind | classification |
    /// |---|---|
    /// | `TimedOut` | transient, `NETWORK_TIMEOUT`, 504 |
    /// | `NoResponders` | transient, never sent, `NATS_NO_RESPONDERS`, 503 |
    /// | `MaxPayloadExceeded` | permanent, `MESSAGE_TOO_LARGE`, 500 |
    /// | `InvalidSubject` | permanent, `NATS_CLIENT_ERROR`, 500 |
    /// | `Other`, of the client or its connection | transient, `NATS_UNAVAILABLE`, 503 |
    RequestErrorKind {
        TimedOut => TIMED_OUT,
        NoResponders => NO_RESPONDERS,
        MaxPayloadExceeded => TOO_LARGE,
        InvalidSubject => CLIENT_ERROR,
        Other => UNAVAILABLE,
    }

    /// | kind | classification |
    /// |---|---|
    /// | `InvalidSubject`, `InvalidQueueName` | permanent, `NATS_CLIENT_ERROR`, 500 |
    /// | `Other`, of the client or its connection | transient, `NATS_UNAVAILABLE`, 503 |
    SubscribeErrorKind {
        InvalidSubject | InvalidQueueName => CLIENT_ERROR,
        Other => UNAVAILABLE,
    }

    /// Transient, `NATS_UNAVAILABLE`, 503.
    FlushErrorKind {
        SendError | FlushError => UNAVAILABLE,
    }

    /// An error of publishing to a stream.
    ///
    /// | kind | classification |
    /// |---|---|
    /// | `TimedOut`: the acknowledgement didn't come | transient, `NETWORK_TIMEOUT`, 504 |
    /// | `BrokenPipe` | transient, `CONNECTION_LOST`, 503 |
    /// | `MaxAckPending` | transient, `NATS_UNAVAILABLE`, 503 |
    /// | `StreamNotFound` | permanent, `NATS_STREAM_NOT_FOUND`, 500 |
    /// | `WrongLastMessageId`, `WrongLastSequence` | permanent, `NATS_CONFLICT`, 500 |
    /// | `MaxPayloadExceeded` | permanent, `MESSAGE_TOO_LARGE`, 500 |
    /// | `Other` | unclassified |
    context::PublishErrorKind {
        TimedOut => TIMED_OUT,
        BrokenPipe => CONNECTION_LOST,
        MaxAckPending => UNAVAILABLE,
        StreamNotFound => Classification::permanent("NATS_STREAM_NOT_FOUND"),
        WrongLastMessageId | WrongLastSequence => Classification::permanent("NATS_CONFLICT"),
        MaxPayloadExceeded => TOO_LARGE,
        Other => UNKNOWN,
    }

    /// An error of a request to JetStream.
    ///
    /// | kind | classification |
    /// |---|---|
    /// | `TimedOut` | transient, `NETWORK_TIMEOUT`, 504 |
    /// | `NoResponders` | transient, never sent, `NATS_NO_RESPONDERS`, 503 |
    /// | `InvalidSubject` | permanent, `NATS_CLIENT_ERROR`, 500 |
    /// | `Other` | unclassified |
    context::RequestErrorKind {
        TimedOut => TIMED_OUT,
        NoResponders => NO_RESPONDERS,
        InvalidSubject => CLIENT_ERROR,
        Other => UNKNOWN,
    }

    /// An error of pulling messages.
    ///
    /// | kind | classification |
    /// |---|---|
    /// | `MissingHeartbeat` | transient, `CONNECTION_LOST`, 503 |
    /// | `Pull` | transient, `NATS_UNAVAILABLE`, 503 |
    /// | `NoResponders` | transient, never sent, `NATS_NO_RESPONDERS`, 503 |
    /// | `ConsumerDeleted` | permanent, `NATS_CONSUMER_DELETED`, 500 |
    /// | `PushBasedConsumer`, `RequestLimitExceeded` | permanent, `NATS_CLIENT_ERROR`, 500 |
    /// | `Other` | unclassified |
    MessagesErrorKind {
        MissingHeartbeat => CONNECTION_LOST,
        Pull => UNAVAILABLE,
        NoResponders => NO_RESPONDERS,
        ConsumerDeleted => Classification::permanent("NATS_CONSUMER_DELETED"),
        PushBasedConsumer | RequestLimitExceeded => CLIENT_ERROR,
        Other => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Category::{Permanent, Transient};

    fn check<K>(kinds: &[K], category: Option<crate::Category>, code: &str, sent: Sent)
    where
        K: Clone + std::fmt::Debug + std::fmt::Display + PartialEq,
        Error<K>: Classify,
    {
        for kind in kinds {
            let class = Error::new(kind.clone()).classify();
            assert_eq!((class.category(), class.code()), (category, code), "{kind:?}");
            assert_eq!(class.sent(), sent, "{kind:?}");
        }
    }

    #[test]
    fn connecting_never_sends() {
        use ConnectErrorKind as Kind;
        let failed = [Kind::Dns, Kind::Tls, Kind::Io, Kind::MaxReconnects];
        check(&failed, Some(Transient), "CONNECT_FAILED", Sent::Never);
        check(&[Kind::TimedOut], Some(Transient), "NETWORK_TIMEOUT", Sent::Never);
        let refused = [Kind::Authentication, Kind::AuthorizationViolation];
        check(&refused, Some(Permanent), "NATS_ACCESS_REFUSED", Sent::Maybe);
        check(&[Kind::ServerParse], Some(Permanent), "NATS_CLIENT_ERROR", Sent::Maybe);
    }

    #[test]
    fn a_message_may_have_been_published() {
        use context::PublishErrorKind as Stream;
        check(&[PublishErrorKind::Send], Some(Transient), "NATS_UNAVAILABLE", Sent::Maybe);
        check(&[Stream::TimedOut], Some(Transient), "NETWORK_TIMEOUT", Sent::Maybe);
        check(&[Stream::BrokenPipe], Some(Transient), "CONNECTION_LOST", Sent::Maybe);
        check(&[Stream::MaxAckPending], Some(Transient), "NATS_UNAVAILABLE", Sent::Maybe);
        check(&[Stream::StreamNotFound], Some(Permanent), "NATS_STREAM_NOT_FOUND", Sent::Maybe);
        let conflicts = [Stream::WrongLastMessageId, Stream::WrongLastSequence];
        check(&conflicts, Some(Permanent), "NATS_CONFLICT", Sent::Maybe);
        check(&[Stream::MaxPayloadExceeded], Some(Permanent), "MESSAGE_TOO_LARGE", Sent::Maybe);
        let too_large = [PublishErrorKind::MaxPayloadExceeded];
        check(&too_large, Some(Permanent), "MESSAGE_TOO_LARGE", Sent::Maybe);
        let invalid = [PublishErrorKind::InvalidSubject];
        check(&invalid, Some(Permanent), "NATS_CLIENT_ERROR", Sent::Maybe);
        check(&[Stream::Other], None, UNKNOWN.code(), Sent::Maybe);
    }

    #[test]
    fn requests_and_consumers_are_classified() {
        use MessagesErrorKind as Messages;
        let none = "NATS_NO_RESPONDERS";
        check(&[RequestErrorKind::NoResponders], Some(Transient), none, Sent::Never);
        check(&[context::RequestErrorKind::NoResponders], Some(Transient), none, Sent::Never);
        check(&[Messages::NoResponders], Some(Transient), none, Sent::Never);
        check(&[RequestErrorKind::TimedOut], Some(Transient), "NETWORK_TIMEOUT", Sent::Maybe);
        check(&[Messages::MissingHeartbeat], Some(Transient), "CONNECTION_LOST", Sent::Maybe);
        check(&[Messages::Pull], Some(Transient), "NATS_UNAVAILABLE", Sent::Maybe);
        let flushes = [FlushErrorKind::SendError, FlushErrorKind::FlushError];
        check(&flushes, Some(Transient), "NATS_UNAVAILABLE", Sent::Maybe);
        let deleted = [Messages::ConsumerDeleted];
        check(&deleted, Some(Permanent), "NATS_CONSUMER_DELETED", Sent::Maybe);
        let wrong = [Messages::PushBasedConsumer, Messages::RequestLimitExceeded];
        check(&wrong, Some(Permanent), "NATS_CLIENT_ERROR", Sent::Maybe);
        let wrong = [SubscribeErrorKind::InvalidSubject, SubscribeErrorKind::InvalidQueueName];
        check(&wrong, Some(Permanent), "NATS_CLIENT_ERROR", Sent::Maybe);
        check(&[Messages::Other], None, UNKNOWN.code(), Sent::Maybe);
        check(&[context::RequestErrorKind::Other], None, UNKNOWN.code(), Sent::Maybe);
    }
}
