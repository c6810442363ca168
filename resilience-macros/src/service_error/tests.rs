//! No input makes the derive panic, and every refusal still stands in for the type.

use proc_macro2::TokenStream;

use super::derive;

/// What users write, might write, and can't be meant.
const WORDS: &[&str] = &[
    "transient",
    "permanent",
    "fatal",
    "partial",
    "transparent",
    "not_found",
    "deadlock",
    "retry_after",
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
    "enum E { #[service(transient, code = @)] A = 7, #[service(conflict)] #[service(@)] B }",
];

/// A generator of its own, so that a failure can be repeated.
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
fn no_input_makes_it_panic() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut derived = 0;
    for round in 0..15_000 {
        let mut shape = SHAPES[round % SHAPES.len()].to_owned();
        while let Some(at) = shape.find('@') {
            let words: Vec<&str> = (0..dice.below(7)).map(|_| WORDS[dice.below(WORDS.len())]).collect();
            shape.replace_range(at..=at, &words.join(" "));
        }
        // Unbalanced parentheses are no tokens.
        let Ok(tokens) = shape.parse::<TokenStream>() else { continue };
        let is_item = syn::parse2::<syn::DeriveInput>(tokens.clone()).is_ok();
        let output = derive(tokens).to_string();
        if is_item {
            derived += 1;
            syn::parse_str::<syn::File>(&output).unwrap_or_else(|error| panic!("{shape}\n{output}\n{error}"));
            for part in ["CATALOG", "Classify for", "ServiceError for"] {
                assert!(output.contains(part), "{shape}\n{output}");
            }
        }
    }
    assert!(derived > 4_000, "only {derived} of the inputs were items");
}

#[test]
fn a_plain_input_has_no_error() {
    let output = derive("enum E { #[service(not_found)] A, #[service(transient)] Busy }".parse().unwrap()).to_string();
    assert!(!output.contains("compile_error"), "{output}");
}
