//! No input makes the derive panic, and after an error it still generates the impls.

use proc_macro2::TokenStream;

use super::derive;

/// Words that are valid, words that users might write, and invalid ones.
const WORDS: &[&str] = &[
    "transient",
    "permanent",
    "fatal",
    "partial",
    "transparent",
    "not_found",
    "deadlock",
    "retry_after",
    "sensitive",
    "backtrace",
    "location",
    "errors",
    "axum",
    "alert",
    "exit_code",
    "78",
    "at_once",
    "expose",
    "source",
    "code",
    "status",
    "severity",
    "public",
    "sent",
    "retry",
    "domain",
    "crate",
    "=",
    ",",
    "::",
    "(",
    ")",
    "\"NOT_FOUND\"",
    "\"{0} {sku}\"",
    "\"{\"",
    "\"\"",
    "b\"x\"",
    "'a'",
    "404",
    "99999999999999999999999",
    "-1",
    "1.5",
    "r#type",
    "_",
    "#",
    "!",
    "&",
    "'a",
    "never",
    "transaction",
    "self",
    "super",
    "Self",
    "$",
    "{ }",
    "[ ]",
];

const SHAPES: &[&str] = &[
    "#[service(@)] enum E { A }",
    "enum E { #[service(@)] A }",
    "enum E { #[service(@)] A { sku: u8, #[service(@)] wait: u64 }, #[service(@)] r#type }",
    "enum E<'a, T: X, const N: usize> where T: Y { #[service(@)] A(#[service(@)] &'a T, [u8; N]) }",
    "#[service(@)] struct S;",
    "#[service(@)] struct S<T = u8>(#[from] T);",
    "#[service(@)] struct S { #[service(@)] r#sku: u8 }",
    "#[service(@)] union U { #[service(@)] a: u8 }",
    "#[service @] struct S;",
    "#[service = @] struct S;",
    "enum E { #[service(not_found, public = @)] A(#[service(expose)] u8) }",
    "#[error(@)] enum E { #[error(\"{0} {sku}\" @)] #[service(conflict)] A { #[service(sensitive)] sku: u8 }, #[error(@)] #[service(gone, @)] B(#[service(sensitive)] #[service(@)] u8) }",
    "enum E { #[service(transient, code = @)] A = 7, #[service(conflict)] #[service(@)] B }",
];

/// A deterministic generator, so that failures are reproducible.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

#[test]
fn no_input_makes_the_derive_panic() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut derived = 0;
    for round in 0..15_000 {
        let mut shape = SHAPES[round % SHAPES.len()].to_owned();
        while let Some(at) = shape.find('@') {
            let words: Vec<&str> =
                (0..dice.below(7)).map(|_| WORDS[dice.below(WORDS.len())]).collect();
            shape.replace_range(at..=at, &words.join(" "));
        }
        // Unbalanced parentheses aren't valid tokens.
        let Ok(tokens) = shape.parse::<TokenStream>() else { continue };
        let is_item = syn::parse2::<syn::DeriveInput>(tokens.clone()).is_ok();
        let output = derive(tokens).to_string();
        if is_item {
            derived += 1;
            syn::parse_str::<syn::File>(&output)
                .unwrap_or_else(|error| panic!("{shape}\n{output}\n{error}"));
            for part in ["CATALOG", "Classify for", "ServiceError for"] {
                assert!(output.contains(part), "{shape}\n{output}");
            }
        }
    }
    assert!(derived > 4_000, "only {derived} of the inputs were items");
}

#[test]
fn valid_input_has_no_errors() {
    let output =
        derive("enum E { #[service(not_found)] A, #[service(transient)] Busy }".parse().unwrap())
            .to_string();
    assert!(!output.contains("compile_error"), "{output}");
}

/// Generates only the methods that differ from the trait's. Bless a change with `UPDATE_EXPECT=1`.
#[test]
#[expect(clippy::too_many_lines, reason = "the snapshot is long")]
fn expansion_of_a_full_enum() {
    let output = derive(quote::quote! {
        #[service(axum)]
        enum OrderError<T> {
            #[error("form")]
            #[service(validation, public = "Please correct it")]
            Form(#[service(errors)] Vec<FieldError>),
            #[service(serialization, alert = low_priority)]
            Torn { #[service(backtrace)] at: Box<Backtrace>, #[service(location)] place: &'static Location<'static>, secret: T },
            #[service(transparent)]
            Rejected(#[from] Rejected),
        }
    });
    let output = output.to_string().replace(":: resilience :: ", "");
    let shown = prettyplease::unparse(&syn::parse_str(&output).expect("items"));
    expect_test::expect![[r#"
        #[automatically_derived]
        impl<T> OrderError<T> {
            ///What `OrderError` promises: code, category, status and text, in the order of the source.
            pub const CATALOG: &'static [__private::CatalogEntry] = &[
                __private::CatalogEntry::new(
                    "Form",
                    ::core::option::Option::None,
                    &__private::Classification::permanent("VALIDATION_ERROR"),
                    ::core::option::Option::Some("Please correct it"),
                    "",
                ),
                __private::CatalogEntry::new(
                    "Torn",
                    ::core::option::Option::None,
                    &__private::Classification::transient_with(
                            "SERIALIZATION_FAILURE",
                            __private::Advice::RetryTransaction,
                        )
                        .with_alert(__private::Alert::LowPriority),
                    ::core::option::Option::None,
                    "",
                ),
            ];
        }
        #[automatically_derived]
        impl<T> __private::Classify for OrderError<T>
        where
            Self: ::core::error::Error,
        {
            fn classify(&self) -> __private::Classification {
                match self {
                    Self::Form { .. } => __private::Classification::permanent("VALIDATION_ERROR"),
                    Self::Torn { .. } => {
                        __private::Classification::transient_with(
                                "SERIALIZATION_FAILURE",
                                __private::Advice::RetryTransaction,
                            )
                            .with_alert(__private::Alert::LowPriority)
                    }
                    Self::Rejected { 0: __resilience_field0, .. } => {
                        <Rejected as __private::Classify>::classify(__resilience_field0)
                    }
                }
            }
            fn public_message(&self) -> ::std::borrow::Cow<'_, ::core::primitive::str> {
                match self {
                    Self::Form { .. } => ::std::borrow::Cow::Borrowed("Please correct it"),
                    Self::Rejected { 0: __resilience_field0, .. } => {
                        <Rejected as __private::Classify>::public_message(__resilience_field0)
                    }
                    _ => {
                        ::std::borrow::Cow::Borrowed(
                            __private::generic_message(
                                __private::Classification::status(
                                    &__private::Classify::classify(self),
                                ),
                            ),
                        )
                    }
                }
            }
            fn field_errors(&self) -> ::std::borrow::Cow<'_, [__private::FieldError]> {
                match self {
                    Self::Form { 0: __resilience_field0, .. } => {
                        ::std::borrow::Cow::Borrowed(
                            <Vec<
                                FieldError,
                            > as __private::FieldErrors>::list(__resilience_field0),
                        )
                    }
                    Self::Rejected { 0: __resilience_field0, .. } => {
                        <Rejected as __private::Classify>::field_errors(__resilience_field0)
                    }
                    _ => ::std::borrow::Cow::Borrowed(&[]),
                }
            }
            fn evidence(&self) -> __private::Evidence<'_> {
                match self {
                    Self::Torn { at: __resilience_field0, place: __resilience_field1, .. } => {
                        <&'static Location<
                            'static,
                        > as __private::CapturedLocation>::add_to(
                            __resilience_field1,
                            <Box<
                                Backtrace,
                            > as __private::CapturedBacktrace>::add_to(
                                __resilience_field0,
                                __private::evidence_of_source(self),
                            ),
                        )
                    }
                    Self::Rejected { 0: __resilience_field0, .. } => {
                        <Rejected as __private::Classify>::evidence(__resilience_field0)
                    }
                    _ => __private::evidence_of_source(self),
                }
            }
        }
        #[automatically_derived]
        impl<T> __private::ServiceError for OrderError<T>
        where
            Self: ::core::error::Error + __private::Classify,
        {}
        __private::into_response!(
            [< T >] OrderError < T > [where Self : ::core::error::Error + __private::Classify,]
        );
    "#]]
    .assert_eq(&shown);
}

#[test]
fn expansion_of_a_minimal_struct() {
    let output = derive(quote::quote!(
        #[service(internal)]
        struct Broken;
    ))
    .to_string()
    .replace(":: resilience :: ", "");
    let shown = prettyplease::unparse(&syn::parse_str(&output).expect("items"));
    expect_test::expect![[r#"
        #[automatically_derived]
        impl Broken {
            ///What `Broken` promises: code, category, status and text, in the order of the source.
            pub const CATALOG: &'static [__private::CatalogEntry] = &[
                __private::CatalogEntry::new(
                    "Broken",
                    ::core::option::Option::None,
                    &__private::Classification::permanent("INTERNAL_ERROR"),
                    ::core::option::Option::None,
                    "",
                ),
            ];
        }
        #[automatically_derived]
        impl __private::Classify for Broken {
            fn classify(&self) -> __private::Classification {
                match self {
                    Self { .. } => __private::Classification::permanent("INTERNAL_ERROR"),
                }
            }
            fn evidence(&self) -> __private::Evidence<'_> {
                __private::evidence_of(self)
            }
        }
        #[automatically_derived]
        impl __private::ServiceError for Broken {}
        __private::register!(Broken);
    "#]]
    .assert_eq(&shown);
}
