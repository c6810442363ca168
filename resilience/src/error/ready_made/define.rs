/// Defines an error: its fields, message and classification, and optionally its public message and
/// field errors.
///
/// Written by hand rather than with `#[derive(ServiceError)]`, because the feature `macros` is
/// optional.
macro_rules! ready_made {
    (
        $(#[$doc:meta])*
        $name:ident($($(#[$field_doc:meta])* $field:ident: $given:ty => $held:ty),*)
            $({ $(#[$later_doc:meta])* $later:ident: $later_type:ty })?,
        $format:literal,
        |$this:pat_param| $classification:expr
        $(, public = $public:expr)?
        $(, field_errors = $field_errors:expr)?
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $held,)*
            $($(#[$later_doc])* pub $later: Option<$later_type>,)?
            source: Option<Box<dyn std::error::Error + Send + Sync>>,
            alert: Option<crate::Alert>,
        }

        impl $name {
            /// Creates the error without a cause.
            #[allow(clippy::new_without_default)]
            pub fn new($($field: $given),*) -> Self {
                Self { $($field: $field.into(),)* $($later: None,)? source: None, alert: None }
            }

            /// Adds the cause, for the log.
            #[must_use]
            pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
                self.source = Some(source.into());
                self
            }

            /// Sets when this error raises an alert, if at all. A fatal error always alerts at
            /// once.
            #[must_use]
            pub fn with_alert(mut self, alert: crate::Alert) -> Self {
                self.alert = Some(alert);
                self
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let Self { $($field,)* .. } = self;
                write!(f, $format)
            }
        }

        impl std::error::Error for $name {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
            }
        }

        impl crate::Classify for $name {
            fn classify(&self) -> crate::Classification {
                let $this = self;
                let classification = $classification;
                match self.alert {
                    Some(alert) => classification.with_alert(alert),
                    None => classification,
                }
            }

            $(fn public_message(&self) -> std::borrow::Cow<'_, str> {
                let public_message: fn(&Self) -> String = $public;
                std::borrow::Cow::Owned(public_message(self))
            })?

            $(fn field_errors(&self) -> std::borrow::Cow<'_, [crate::FieldError]> {
                let field_errors: fn(&Self) -> Vec<crate::FieldError> = $field_errors;
                std::borrow::Cow::Owned(field_errors(self))
            })?

            fn evidence(&self) -> crate::taxonomy::Evidence<'_> {
                crate::taxonomy::Evidence::of(self)
            }
        }

        impl crate::ServiceError for $name {}
    };
}

pub(super) use ready_made;
