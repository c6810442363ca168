//! `Classify` for `lapin::Error`, of the client of RabbitMQ.

use lapin::{Error, ErrorKind};

use crate::{Classification, Classify, Sent, taxonomy::Evidence};

/// Classified by its kind, and an error of the broker by its reply code. The codes are the
/// constants of the specification of
/// [AMQP 0-9-1](https://www.rabbitmq.com/amqp-0-9-1-reference.html#constants).
///
/// | kind, or reply code | classification |
/// |---|---|
/// | `IOError` | as `std::io::Error` |
/// | `MissingHeartbeatError` | transient, `CONNECTION_LOST`, 503 |
/// | `InvalidConnectionState`, `InvalidChannelState`, `InvalidChannel`: what calls return after the connection was lost | transient, `CONNECTION_LOST`, 503 |
/// | `ChannelsLimitReached` | transient, never sent, `BROKER_CHANNELS_EXHAUSTED`, 503 |
/// | `RuntimeShutdownError`: the program is ending, and the message isn't to blame | transient, `RUNTIME_SHUTDOWN`, 503 |
/// | 313 no consumers, 405 resource locked, 506 resource error, 541 internal error | transient, `BROKER_UNAVAILABLE`, 503 |
/// | 320 connection forced: the broker is shutting down, or an operator closed the connection | transient, `CONNECTION_LOST`, 503 |
/// | 311 content too large | permanent, `MESSAGE_TOO_LARGE`, 500 |
/// | 312 no route, 402 invalid path, 404 not found | permanent, `BROKER_NO_ROUTE`, 500 |
/// | 403 access refused, 530 not allowed; `AuthProviderError` | permanent, `BROKER_ACCESS_REFUSED`, 500 |
/// | 406 precondition failed: a queue is declared in another way than it exists | permanent, `BROKER_PRECONDITION_FAILED`, 500 |
/// | 501 frame error, 502 syntax error, 503 command invalid, 504 channel error, 505 unexpected frame, 540 not implemented | permanent, `BROKER_PROTOCOL_ERROR`, 500 |
/// | `InvalidProtocolVersion`, `ParsingError`, `SerialisationError`, `FutureCompleted`, `NoDefaultRuntime` | permanent, `BROKER_PROTOCOL_ERROR`, 500 |
/// | anything else | unclassified |
///
/// ```
/// use resilience::{Category, Classify};
///
/// let lost = lapin::Error::from(lapin::ErrorKind::MissingHeartbeatError).classify();
/// assert_eq!((lost.category(), lost.code()), (Some(Category::Transient), "CONNECTION_LOST"));
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "lapin")))]
impl Classify for Error {
    fn classify(&self) -> Classification {
        match self.kind() {
            ErrorKind::IOError(error) => error.classify(),
            ErrorKind::ProtocolError(error) => by_reply_code(error.get_id()),
            ErrorKind::MissingHeartbeatError
            | ErrorKind::InvalidConnectionState(_)
            | ErrorKind::InvalidChannelState(..)
            | ErrorKind::InvalidChannel(_) => Classification::transient("CONNECTION_LOST"),
            ErrorKind::ChannelsLimitReached => {
                Classification::transient("BROKER_CHANNELS_EXHAUSTED").with_sent(Sent::Never)
            }
            ErrorKind::RuntimeShutdownError(_) => Classification::transient("RUNTIME_SHUTDOWN"),
            ErrorKind::AuthProviderError(_) => Classification::permanent("BROKER_ACCESS_REFUSED"),
            ErrorKind::InvalidProtocolVersion(_)
            | ErrorKind::ParsingError(_)
            | ErrorKind::SerialisationError(_)
            | ErrorKind::FutureCompleted
            | ErrorKind::NoDefaultRuntime => Classification::permanent("BROKER_PROTOCOL_ERROR"),
            _ => Classification::unclassified(),
        }
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

/// The broker's own answer.
fn by_reply_code(code: u16) -> Classification {
    match code {
        313 | 405 | 506 | 541 => Classification::transient("BROKER_UNAVAILABLE"),
        320 => Classification::transient("CONNECTION_LOST"),
        311 => Classification::permanent("MESSAGE_TOO_LARGE"),
        312 | 402 | 404 => Classification::permanent("BROKER_NO_ROUTE"),
        403 | 530 => Classification::permanent("BROKER_ACCESS_REFUSED"),
        406 => Classification::permanent("BROKER_PRECONDITION_FAILED"),
        501..=505 | 540 => Classification::permanent("BROKER_PROTOCOL_ERROR"),
        _ => Classification::unclassified(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use lapin::protocol::AMQPError;

    use super::*;
    use crate::Category::{self, Permanent, Transient};

    fn of(error: &Error) -> (Option<Category>, &'static str) {
        let class = error.classify();
        (class.category(), class.code())
    }

    #[test]
    fn reply_codes_of_the_specification_are_classified() {
        for (codes, category, expected) in [
            (&[313, 405, 506, 541][..], Transient, "BROKER_UNAVAILABLE"),
            (&[320], Transient, "CONNECTION_LOST"),
            (&[311], Permanent, "MESSAGE_TOO_LARGE"),
            (&[312, 402, 404], Permanent, "BROKER_NO_ROUTE"),
            (&[403, 530], Permanent, "BROKER_ACCESS_REFUSED"),
            (&[406], Permanent, "BROKER_PRECONDITION_FAILED"),
            (&[501, 502, 503, 504, 505, 540], Permanent, "BROKER_PROTOCOL_ERROR"),
        ] {
            for code in codes {
                let error = AMQPError::from_id(*code, "".into()).expect("a known code");
                let error = Error::from(ErrorKind::ProtocolError(error));
                assert_eq!(of(&error), (Some(category), expected), "{code}");
                assert_eq!(error.classify().sent(), Sent::Maybe);
            }
        }
    }

    #[test]
    fn client_errors_are_classified() {
        let refused = Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        let io = Error::from(ErrorKind::IOError(Arc::clone(&refused)));
        assert_eq!(io.classify(), refused.classify());
        for (kind, category, code) in [
            (ErrorKind::MissingHeartbeatError, Transient, "CONNECTION_LOST"),
            (ErrorKind::InvalidChannel(7), Transient, "CONNECTION_LOST"),
            (ErrorKind::ChannelsLimitReached, Transient, "BROKER_CHANNELS_EXHAUSTED"),
            (ErrorKind::RuntimeShutdownError(refused), Transient, "RUNTIME_SHUTDOWN"),
            (ErrorKind::AuthProviderError("no".into()), Permanent, "BROKER_ACCESS_REFUSED"),
            (ErrorKind::FutureCompleted, Permanent, "BROKER_PROTOCOL_ERROR"),
            (ErrorKind::NoDefaultRuntime, Permanent, "BROKER_PROTOCOL_ERROR"),
        ] {
            assert_eq!(of(&Error::from(kind)), (Some(category), code));
        }
        let full = Error::from(ErrorKind::ChannelsLimitReached).classify();
        assert_eq!(full.sent(), Sent::Never);
    }
}
