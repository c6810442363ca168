/// One error: its fields, its words, its classification, and whether clients may read its words.
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
        }

        impl $name {
            /// The error, without a cause.
            #[allow(clippy::new_without_default)]
            pub fn new($($field: $given),*) -> Self {
                Self { $($field: $field.into(),)* $($later: None,)? source: None }
            }

            /// Keeps what caused it, for the log.
            #[must_use]
            pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
                self.source = Some(source.into());
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
                $classification
            }

            $(fn public_message(&self) -> std::borrow::Cow<'_, str> {
                let own_words: fn(&Self) -> String = $public;
                std::borrow::Cow::Owned(own_words(self))
            })?

            $(fn field_errors(&self) -> std::borrow::Cow<'_, [crate::FieldError]> {
                let of_fields: fn(&Self) -> Vec<crate::FieldError> = $field_errors;
                std::borrow::Cow::Owned(of_fields(self))
            })?

            fn evidence(&self) -> crate::taxonomy::Evidence<'_> {
                crate::taxonomy::Evidence::of(self)
            }
        }

        impl crate::ServiceError for $name {}
    };
}

pub(super) use ready_made;
