//! `Classify` for `redis::RedisError`.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::{Classification, Classify, Sent, taxonomy::Evidence};

/// Classified by its kind, and an answer of the server that the client has no kind for by its
/// [code](https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors), the first
/// word of the answer.
///
/// | kind, or code | classification |
/// |---|---|
/// | I/O: connection refused | transient, never sent, `CONNECT_FAILED`, 503 |
/// | I/O: timed out | transient, `NETWORK_TIMEOUT`, 504 |
/// | other I/O | transient, `CONNECTION_LOST`, 503 |
/// | `LOADING`, `TRYAGAIN`, `CLUSTERDOWN`, `MASTERDOWN`, `READONLY`, `MOVED`, `ASK`; `BUSY`, `NOREPLICAS`, `MISCONF`, `OOM` | transient, `REDIS_UNAVAILABLE`, 503 |
/// | no node of the cluster, no master or replica at the sentinels | transient, `REDIS_UNAVAILABLE`, 503 |
/// | authentication failed, `NOPERM`; `NOAUTH`, `WRONGPASS` | permanent, `REDIS_ACCESS_REFUSED`, 500 |
/// | `ERR`, `EXECABORT`, `NOSCRIPT`, `CROSSSLOT`, `NOTBUSY`, `NOSUB`; `WRONGTYPE`, `NOGROUP`, `BUSYGROUP`, `UNKILLABLE` | permanent, `REDIS_COMMAND_REFUSED`, 500 |
/// | unexpected type, unreadable answer, wrong configuration, an error of the client | permanent, `REDIS_CLIENT_ERROR`, 500 |
/// | anything else | unclassified |
///
/// ```
/// use redis::{ErrorKind, RedisError, ServerErrorKind};
/// use resilience::{Category, Classify};
///
/// let loading = RedisError::from((ErrorKind::Server(ServerErrorKind::BusyLoading), "LOADING"));
/// assert_eq!(loading.classify().category(), Some(Category::Transient));
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
impl Classify for RedisError {
    fn classify(&self) -> Classification {
        match self.kind() {
            ErrorKind::Io if self.is_connection_refusal() => {
                Classification::transient("CONNECT_FAILED").with_sent(Sent::Never)
            }
            ErrorKind::Io if self.is_timeout() => Classification::transient("NETWORK_TIMEOUT"),
            ErrorKind::Io => Classification::transient("CONNECTION_LOST"),
            ErrorKind::Server(kind) => by_server_kind(kind),
            ErrorKind::Extension => self.code().map_or(Classification::unclassified(), by_code),
            ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel
            | ErrorKind::ClusterConnectionNotFound => UNAVAILABLE,
            ErrorKind::AuthenticationFailed => ACCESS_REFUSED,
            ErrorKind::Parse
            | ErrorKind::UnexpectedReturnType
            | ErrorKind::InvalidClientConfig
            | ErrorKind::Client
            | ErrorKind::EmptySentinelList
            | ErrorKind::RESP3NotSupported => Classification::permanent("REDIS_CLIENT_ERROR"),
            _ => Classification::unclassified(),
        }
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

const UNAVAILABLE: Classification = Classification::transient("REDIS_UNAVAILABLE");
const ACCESS_REFUSED: Classification = Classification::permanent("REDIS_ACCESS_REFUSED");
const COMMAND_REFUSED: Classification = Classification::permanent("REDIS_COMMAND_REFUSED");

fn by_server_kind(kind: ServerErrorKind) -> Classification {
    match kind {
        ServerErrorKind::BusyLoading
        | ServerErrorKind::TryAgain
        | ServerErrorKind::ClusterDown
        | ServerErrorKind::MasterDown
        | ServerErrorKind::ReadOnly
        | ServerErrorKind::Moved
        | ServerErrorKind::Ask => UNAVAILABLE,
        ServerErrorKind::NoPerm => ACCESS_REFUSED,
        ServerErrorKind::ResponseError
        | ServerErrorKind::ExecAbort
        | ServerErrorKind::NoScript
        | ServerErrorKind::CrossSlot
        | ServerErrorKind::NotBusy
        | ServerErrorKind::NoSub => COMMAND_REFUSED,
        _ => Classification::unclassified(),
    }
}

fn by_code(code: &str) -> Classification {
    match code {
        "BUSY" | "NOREPLICAS" | "MISCONF" | "OOM" => UNAVAILABLE,
        "NOAUTH" | "WRONGPASS" => ACCESS_REFUSED,
        "WRONGTYPE" | "NOGROUP" | "BUSYGROUP" | "UNKILLABLE" => COMMAND_REFUSED,
        _ => Classification::unclassified(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use redis::make_extension_error;

    use super::*;
    use crate::Category::{Permanent, Transient};

    #[test]
    fn kinds_of_the_server_are_classified() {
        use ServerErrorKind as Server;
        for (kinds, expected) in [
            (
                &[
                    Server::BusyLoading,
                    Server::TryAgain,
                    Server::ClusterDown,
                    Server::MasterDown,
                    Server::ReadOnly,
                    Server::Moved,
                    Server::Ask,
                ][..],
                (Some(Transient), "REDIS_UNAVAILABLE"),
            ),
            (&[Server::NoPerm], (Some(Permanent), "REDIS_ACCESS_REFUSED")),
            (
                &[
                    Server::ResponseError,
                    Server::ExecAbort,
                    Server::NoScript,
                    Server::CrossSlot,
                    Server::NotBusy,
                    Server::NoSub,
                ],
                (Some(Permanent), "REDIS_COMMAND_REFUSED"),
            ),
        ] {
            for kind in kinds {
                let class = RedisError::from((ErrorKind::Server(*kind), "refused")).classify();
                assert_eq!((class.category(), class.code()), expected, "{kind:?}");
                assert_eq!(class.sent(), Sent::Maybe);
            }
        }
    }

    #[test]
    fn codes_without_a_kind_are_classified() {
        for (codes, category, expected) in [
            (&["BUSY", "NOREPLICAS", "MISCONF", "OOM"][..], Some(Transient), "REDIS_UNAVAILABLE"),
            (&["NOAUTH", "WRONGPASS"], Some(Permanent), "REDIS_ACCESS_REFUSED"),
            (
                &["WRONGTYPE", "NOGROUP", "BUSYGROUP", "UNKILLABLE"],
                Some(Permanent),
                "REDIS_COMMAND_REFUSED",
            ),
            (&["NEWERROR"], None, Classification::unclassified().code()),
        ] {
            for code in codes {
                let class = make_extension_error((*code).to_owned(), None).classify();
                assert_eq!((class.category(), class.code()), (category, expected), "{code}");
            }
        }
    }

    #[test]
    fn errors_of_the_client_are_classified() {
        for (kind, category, expected) in [
            (ErrorKind::AuthenticationFailed, Permanent, "REDIS_ACCESS_REFUSED"),
            (ErrorKind::Parse, Permanent, "REDIS_CLIENT_ERROR"),
            (ErrorKind::UnexpectedReturnType, Permanent, "REDIS_CLIENT_ERROR"),
            (ErrorKind::InvalidClientConfig, Permanent, "REDIS_CLIENT_ERROR"),
            (ErrorKind::Client, Permanent, "REDIS_CLIENT_ERROR"),
            (ErrorKind::EmptySentinelList, Permanent, "REDIS_CLIENT_ERROR"),
            (ErrorKind::RESP3NotSupported, Permanent, "REDIS_CLIENT_ERROR"),
            (ErrorKind::MasterNameNotFoundBySentinel, Transient, "REDIS_UNAVAILABLE"),
            (ErrorKind::NoValidReplicasFoundBySentinel, Transient, "REDIS_UNAVAILABLE"),
            (ErrorKind::ClusterConnectionNotFound, Transient, "REDIS_UNAVAILABLE"),
        ] {
            let class = RedisError::from((kind, "failed")).classify();
            assert_eq!((class.category(), class.code()), (Some(category), expected), "{kind:?}");
        }
        for (kind, code, sent) in [
            (io::ErrorKind::ConnectionRefused, "CONNECT_FAILED", Sent::Never),
            (io::ErrorKind::TimedOut, "NETWORK_TIMEOUT", Sent::Maybe),
            (io::ErrorKind::BrokenPipe, "CONNECTION_LOST", Sent::Maybe),
        ] {
            let class = RedisError::from(io::Error::from(kind)).classify();
            assert_eq!((class.code(), class.sent()), (code, sent), "{kind:?}");
        }
    }
}
