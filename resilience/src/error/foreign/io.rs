//! `Classify` for `std::io::Error` and tokio's `Elapsed`.

use std::borrow::Cow;
use std::io::{Error, ErrorKind};

use crate::error::registry;
use crate::{
    Classification, Classify, FieldError, Rejected, Sent, Severity, http::generic_message,
    taxonomy::Evidence,
};

/// Classified by the inner error if it classifies itself (a [`Rejected`], a ready-made error), else
/// by the condition:
///
/// | condition | classification |
/// |---|---|
/// | connection refused, name lookup failed, no free address or port, too many open files | transient, never sent, 503 |
/// | unreachable host or network, network down | transient, `CONNECT_FAILED`, 503 |
/// | reset, aborted, not connected, broken pipe, unexpected end, write of zero bytes | transient, `CONNECTION_LOST`, 503 |
/// | timed out | transient, `NETWORK_TIMEOUT`, 504 |
/// | would block, interrupted, busy, deadlock, stale handle | transient, `RESOURCE_BUSY`, 503 |
/// | storage full | fatal, `STORAGE_FULL` |
/// | out of memory | fatal, `OUT_OF_MEMORY` |
/// | quota exceeded | permanent, `QUOTA_EXCEEDED`, 500, critical: one tenant's quota is no reason to stop the process |
/// | not found, permission denied, malformed, unsupported and similar | permanent, `IO_ERROR`, 500: a file missing on our side is not a 404 for the client |
/// | anything else | unclassified |
///
/// ```
/// use resilience::{Category, Classify, Sent};
/// use std::io::{Error, ErrorKind};
///
/// let refused = Error::from(ErrorKind::ConnectionRefused).classify();
/// assert_eq!((refused.code(), refused.sent()), ("CONNECT_FAILED", Sent::Never));
/// assert_eq!(Error::from(ErrorKind::StorageFull).classify().category(), Some(Category::Fatal));
/// ```
impl Classify for Error {
    fn classify(&self) -> Classification {
        self.get_ref()
            .and_then(|inner| registry::classify(inner))
            .unwrap_or_else(|| by_condition(self))
    }

    fn public_message(&self) -> Cow<'_, str> {
        ask_inner(self, Classify::public_message)
            .unwrap_or_else(|| Cow::Borrowed(generic_message(by_condition(self).status())))
    }

    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        ask_inner(self, Classify::field_errors).unwrap_or_default()
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

/// Keeps the rejection as the inner error, so that the `io::Error` is classified by it.
///
/// ```
/// use resilience::{Classify, Rejected};
/// use std::io;
///
/// let rejected = Rejected::circuit_open("inventory", None);
/// assert_eq!(io::Error::from(rejected).classify(), rejected.classify());
/// ```
impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        let kind = if rejected.is_timed_out() { ErrorKind::TimedOut } else { ErrorKind::Other };
        Self::new(kind, rejected)
    }
}

#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
impl Classify for tokio::time::error::Elapsed {
    fn classify(&self) -> Classification {
        Classification::transient("NETWORK_TIMEOUT")
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

fn ask_inner<'e, T>(error: &'e Error, of: impl FnOnce(&'e dyn Classify) -> T) -> Option<T> {
    registry::ask(error.get_ref()?, of)
}

fn by_condition(error: &Error) -> Classification {
    if let Some(classification) = error.raw_os_error().and_then(by_os_code) {
        return classification;
    }
    by_kind(error.kind()).unwrap_or_else(|| {
        if is_failed_lookup(error) {
            never_sent("CONNECT_FAILED")
        } else {
            Classification::unclassified()
        }
    })
}

fn by_kind(kind: ErrorKind) -> Option<Classification> {
    Some(match kind {
        // The last two concern local ports: none is free, or the requested one is taken.
        ErrorKind::ConnectionRefused | ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => {
            never_sent("CONNECT_FAILED")
        }
        // Established connections report these too, and then the request may have arrived.
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Classification::transient("CONNECT_FAILED")
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::NotConnected
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof
        | ErrorKind::WriteZero => Classification::transient("CONNECTION_LOST"),
        ErrorKind::TimedOut => Classification::transient("NETWORK_TIMEOUT"),
        ErrorKind::WouldBlock
        | ErrorKind::Interrupted
        | ErrorKind::ResourceBusy
        | ErrorKind::ExecutableFileBusy
        | ErrorKind::Deadlock
        | ErrorKind::StaleNetworkFileHandle => Classification::transient("RESOURCE_BUSY"),
        ErrorKind::StorageFull => Classification::fatal("STORAGE_FULL"),
        ErrorKind::OutOfMemory => Classification::fatal("OUT_OF_MEMORY"),
        ErrorKind::QuotaExceeded => {
            Classification::permanent("QUOTA_EXCEEDED").with_severity(Severity::Critical)
        }
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::AlreadyExists
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::DirectoryNotEmpty
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidData
        | ErrorKind::NotSeekable
        | ErrorKind::FileTooLarge
        | ErrorKind::CrossesDevices
        | ErrorKind::TooManyLinks
        | ErrorKind::ArgumentListTooLong
        | ErrorKind::Unsupported => Classification::permanent("IO_ERROR"),
        // `ErrorKind::InvalidFilename`, which can be named since Rust 1.87.
        _ if kind.to_string() == "invalid filename" => Classification::permanent("IO_ERROR"),
        _ => return None,
    })
}

fn never_sent(code: &'static str) -> Classification {
    Classification::transient(code).with_sent(Sent::Never)
}

/// Conditions without a stable [`ErrorKind`].
fn by_os_code(code: i32) -> Option<Classification> {
    /// The limit on open files, of the process or the system. On Windows also: no socket buffers.
    const TOO_MANY_OPEN: &[i32] = if cfg!(windows) { &[4, 10_024, 10_055] } else { &[24, 23] };
    /// No buffer space for a socket.
    const NO_BUFFER: &[i32] = match () {
        () if cfg!(any(target_os = "linux", target_os = "android")) => &[105],
        () if cfg!(target_vendor = "apple") => &[55],
        () => &[],
    };
    /// Windows has codes for a failed name lookup; elsewhere see [`is_failed_lookup`].
    const LOOKUP: &[i32] = if cfg!(windows) { &[11_001, 11_002, 11_003, 11_004] } else { &[] };

    if TOO_MANY_OPEN.contains(&code) {
        Some(never_sent("TOO_MANY_OPEN_FILES"))
    } else if NO_BUFFER.contains(&code) {
        Some(Classification::transient("RESOURCE_BUSY"))
    } else if LOOKUP.contains(&code) {
        Some(never_sent("CONNECT_FAILED"))
    } else {
        None
    }
}

/// Recognises a failed name lookup by its text: the standard library gives it neither a nameable
/// kind nor an OS code.
fn is_failed_lookup(error: &Error) -> bool {
    error.raw_os_error().is_none()
        && error.get_ref().is_some_and(|inner| {
            inner.to_string().starts_with("failed to lookup address information")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Category;
    use crate::errors::NotFound;
    use std::net::ToSocketAddrs as _;
    use std::time::Duration;

    #[test]
    fn io_error_kinds_are_classified() {
        use Category::{Fatal, Permanent, Transient};
        let table = [
            (ErrorKind::ConnectionRefused, Transient, "CONNECT_FAILED", Sent::Never),
            (ErrorKind::AddrNotAvailable, Transient, "CONNECT_FAILED", Sent::Never),
            (ErrorKind::HostUnreachable, Transient, "CONNECT_FAILED", Sent::Maybe),
            (ErrorKind::NetworkUnreachable, Transient, "CONNECT_FAILED", Sent::Maybe),
            (ErrorKind::ConnectionReset, Transient, "CONNECTION_LOST", Sent::Maybe),
            (ErrorKind::BrokenPipe, Transient, "CONNECTION_LOST", Sent::Maybe),
            (ErrorKind::UnexpectedEof, Transient, "CONNECTION_LOST", Sent::Maybe),
            (ErrorKind::TimedOut, Transient, "NETWORK_TIMEOUT", Sent::Maybe),
            (ErrorKind::Interrupted, Transient, "RESOURCE_BUSY", Sent::Maybe),
            (ErrorKind::StorageFull, Fatal, "STORAGE_FULL", Sent::Maybe),
            (ErrorKind::OutOfMemory, Fatal, "OUT_OF_MEMORY", Sent::Maybe),
            (ErrorKind::QuotaExceeded, Permanent, "QUOTA_EXCEEDED", Sent::Maybe),
            (ErrorKind::NotFound, Permanent, "IO_ERROR", Sent::Maybe),
            (ErrorKind::PermissionDenied, Permanent, "IO_ERROR", Sent::Maybe),
            (ErrorKind::InvalidData, Permanent, "IO_ERROR", Sent::Maybe),
        ];
        for (kind, category, code, sent) in table {
            let class = Error::from(kind).classify();
            assert_eq!(
                (class.category(), class.code(), class.sent()),
                (Some(category), code, sent),
                "{kind:?}"
            );
        }
        assert_eq!(Error::from(ErrorKind::TimedOut).classify().status(), 504);
        assert_eq!(Error::from(ErrorKind::NotFound).classify().status(), 500);
        assert_eq!(Error::other("?").classify(), Classification::unclassified());
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_no_file_can_have_is_permanent() {
        let error = std::fs::File::open("a".repeat(5000)).unwrap_err();
        assert_eq!(format!("{:?}", error.kind()), "InvalidFilename");
        assert_eq!(error.classify(), Classification::permanent("IO_ERROR"));
    }

    #[test]
    fn failed_name_lookup_is_never_sent() {
        let error = ("does-not-exist.invalid", 80).to_socket_addrs().unwrap_err();
        let class = error.classify();
        assert_eq!((class.code(), class.sent()), ("CONNECT_FAILED", Sent::Never), "{error:?}");
        assert!(class.is_retryable());
    }

    #[test]
    #[cfg(unix)]
    fn too_many_open_files_is_retryable() {
        for code in [23, 24] {
            let class = Error::from_raw_os_error(code).classify();
            assert_eq!(
                (class.code(), class.status(), class.is_retryable()),
                ("TOO_MANY_OPEN_FILES", 503, true)
            );
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_os_codes_are_classified() {
        let table = [
            (28, "STORAGE_FULL"),
            (12, "OUT_OF_MEMORY"),
            (122, "QUOTA_EXCEEDED"),
            (111, "CONNECT_FAILED"),
            (104, "CONNECTION_LOST"),
            (110, "NETWORK_TIMEOUT"),
            (11, "RESOURCE_BUSY"),
            (105, "RESOURCE_BUSY"),
            (2, "IO_ERROR"),
        ];
        for (code, expected) in table {
            assert_eq!(Error::from_raw_os_error(code).classify().code(), expected, "{code}");
        }
    }

    #[test]
    fn io_error_is_classified_by_its_inner_error() {
        let timed_out = Rejected::timed_out("inventory", Duration::from_secs(5));
        for rejected in
            [timed_out, Rejected::circuit_open("inventory", Some(Duration::from_secs(3)))]
        {
            let error = Error::from(rejected);
            assert_eq!(error.classify(), rejected.classify());
            assert_eq!(error.classify().rejected(), Some(rejected));
        }
        assert_eq!(Error::from(timed_out).kind(), ErrorKind::TimedOut);
        let not_found = Error::other(NotFound::new("user", "42"));
        assert_eq!(not_found.classify().status(), 404);
        assert_eq!(not_found.public_message(), "user 42 not found");
        let nested = Error::other(Error::from(ErrorKind::ConnectionRefused));
        assert_eq!(nested.classify().code(), "CONNECT_FAILED");
    }
}
