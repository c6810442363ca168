//! No input makes a macro panic, and it always expands to valid Rust: the function, beside errors
//! if there are any.

use proc_macro2::TokenStream;
use proptest::prelude::*;

use crate::item;
use crate::layer::Kind;

/// Words with a meaning for a macro or for Rust, and words without.
const WORDS: &[&str] = &[
    "attempts",
    "base",
    "max_delay",
    "jitter",
    "max_retry_after",
    "idempotent",
    "non_idempotent",
    "idempotency_key",
    "budget",
    "when",
    "retry_ok",
    "external_timeout",
    "blocking",
    "repeat_inner",
    "clone",
    "pub_only",
    "failure_threshold",
    "recovery_timeout",
    "max_recovery_timeout",
    "recovery_jitter",
    "abandoned_after",
    "key",
    "recovery_growth",
    "probes",
    "ignore",
    "shared",
    "fallback",
    "non_critical",
    "on",
    "transient",
    "[transient, rejected]",
    "service",
    "operation",
    "request_id",
    "user",
    "tenant",
    "classify",
    "rejected",
    "crate",
    "max_retries",
    "fail_max",
    "name",
    "stale",
    "stale(max_age = \"1m\", key = sku)",
    "stale(key)",
    "max_age",
    "max_entries",
    "flag",
    "alert_above",
    "\"5/1m\"",
    "key",
    "__touch",
    "STANDARD",
    "self",
    "Self",
    "sku",
    "r#type",
    "_",
    "async",
    "fn",
    "impl",
    "struct",
    "const",
    "true",
    "0",
    "1",
    "3u8",
    "99999999999",
    "-1",
    "1.5",
    "0.5f32",
    "'c'",
    "'a",
    "b\"x\"",
    "\"\"",
    "\"5s\"",
    "\"500ms\"",
    "\"5\"",
    "\"s\"",
    "\"101%\"",
    "\"20%\"",
    "\"full\"",
    "\"off\"",
    "\"１s\"",
    "\"µs\"",
    "\"99999999999999999999999999999999999999d\"",
    "=",
    "==",
    "=>",
    "=",
    ",",
    ",",
    ",",
    ":",
    "::",
    ";",
    ".",
    "..",
    "|",
    "||",
    "|error|",
    "&",
    "&mut",
    "*",
    "!",
    "?",
    "#",
    "$",
    "<",
    ">",
    "->",
    "@",
    "~",
    "+",
    "-",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
];

const ATTRIBUTES: &[&str] = &[
    "",
    "#[retry]",
    "#[retry(idempotent, attempts = 0)]",
    "#[timeout(\"5s\")]",
    "#[timeout = \"5s\"]",
    "#[timeout{5}]",
    "#[circuit_breaker]",
    "#[circuit_breaker[INVENTORY]]",
    "#[resilience::degrade(fallback = 0)]",
    "#[dead_letter(queue = \"orders\", store = self.letters, dedupe_key = sku)]",
    "#[::resilience::retry(=)]",
    "#[doc = \"text\"]",
    "/// text\n",
    "#[cfg(all())]",
    "#[degrade(fallback = |e, f| 0)]",
    "#[boundary]",
    "#[boundary(operation = \"get\", user = self.id, request_id)]",
    "#[retry(clone(sku, self))]",
    "#[transaction]",
    "#[transaction(tx = self.pool, begin = \"BEGIN IMMEDIATE\", attempts = n)]",
    "#[transaction(tx = \"pool\", tx(begin), begin = )]",
    "#[resilience(skip)]",
    "#[cfg_attr(test, retry)]",
];

const SIGNATURES: &[&str] = &[
    "async fn stock(sku: &str) -> Result<u32, E>",
    "async fn on(#[payload] body: &'a [u8], #[skip] _: impl Fn(), #[redact] mut x: u8, #[skip(1)] #[redact] (a, b): &mut T) -> Result<(), E>",
    "fn stock(&mut self, (a, mut sku): (u8, String)) -> io::Result<()>",
    "pub(crate) unsafe extern \"C\" fn r#try(self: Arc<Self>, r#type: impl Fn(u8) -> u8) -> Alias<'_>",
    "async fn stock<T: Ord, const N: usize>([a, .., b]: [T; N]) -> Result<impl Iterator<Item = T>, Box<dyn Error>> where T: Copy",
    "const fn stock() -> u8",
    "async fn stock()",
    "fn stock() -> impl Future<Output = ()>",
    "default async fn s(&self) -> !",
    "struct Stock",
    "impl Stock",
    "unsafe impl<T: for<'a> Fn(&'a str), const N: usize> Shop<[T; N]> for crate::Stock<T> where T: Copy",
    "impl <T as Trait>::Type",
    "default impl !Send for",
    "enum",
    "trait T",
    "fn",
    "pub",
    "async",
    "fn f(",
    "mod m",
    "macro_rules! m",
    "let x =",
];

const BODIES: &[&str] = &[
    "{}",
    "{ Ok(1) }",
    ";",
    "{ v. }",
    "{ #![allow(unused)] const N: u8 = { 1 }; #[retry(idempotent)] pub async fn find(&self) -> Result<u32, E> { Ok(1) } }",
    "{ async fn find(self: Arc<Self>) -> io::Result<()> { v. } fn broken( m! { } #[resilience(skip)] fn f() {} }",
    "{ #[resilience = 1] async fn list() -> Answer { } #[degrade] async fn all(&mut self) -> Result<u8> { x } type T = u8 }",
    "{ let x = ; }",
    "{ #![allow(unused)] Ok(1) }",
    "{ static __RESILIENCE_SITE: u8 = 0; }",
    "{ Box::pin(async move { let __self = self; let __ret: Result<u32, E> = { Ok(1) }; __ret }) }",
    "{ Box::pin(async move { let __ret: u8; }) }",
    "{ Box::pin(async move { let __ret: = { } ; }) }",
    "{ Box::pin(async move { let __ret:; }) }",
    "{ Box::pin() }",
    "{ Box::pin(async move { let __ret: {}; }) }",
    "{ let body = async {}; { return Builder::new().block_on(body); } }",
    "{ __tracing_attr_span }",
    "",
    "{ } { }",
];

fn source(
    words: &'static [&'static str],
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(words), count)
        .prop_map(|words| words.join(" "))
}

/// Arguments that are almost valid: options with values, in any order.
fn options() -> impl Strategy<Value = String> {
    let option = (proptest::sample::select(WORDS), source(WORDS, 0..4))
        .prop_map(|(key, value)| format!("{key} = {value}"));
    proptest::collection::vec(prop_oneof![option, source(WORDS, 0..3)], 0..5)
        .prop_map(|options| options.join(", "))
}

fn items() -> impl Strategy<Value = String> {
    let whole = (
        source(ATTRIBUTES, 0..4),
        proptest::sample::select(SIGNATURES),
        proptest::sample::select(BODIES),
    )
        .prop_map(|(attributes, signature, body)| format!("{attributes} {signature} {body}"));
    prop_oneof![4 => whole, 1 => source(WORDS, 0..12)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_makes_a_macro_panic(kind in proptest::sample::select(Kind::ALL), arguments in options(), item in items()) {
        // Invalid tokens never reach a macro.
        let (Ok(arguments), Ok(item)) = (arguments.parse::<TokenStream>(), item.parse::<TokenStream>()) else {
            return Ok(());
        };
        drop(item::attribute(kind, arguments, &item));
    }

    #[test]
    fn a_block_expands_to_one_block(kind in proptest::sample::select(Kind::ALL), arguments in options()) {
        let Ok(arguments) = arguments.parse::<TokenStream>() else { return Ok(()) };
        prop_assume!(!item::is_import_use(&arguments));
        let block = quote::quote! {
            #[timeout("5s")]
            impl<T> Shop for Stock<T> {
                const LIMIT: u32 = { 3 };
                async fn find(&self, sku: &str) -> Result<u32, StockError> {
                    look_up(sku).await
                }
                #[retry(attempts = 2)]
                async fn list(&self, sku: &str) -> Result<u32, StockError> {
                    look_up(sku).await
                }
                fn sync(&self) -> u32 {
                    1
                }
            }
        };
        let expansion = item::attribute(kind, arguments, &block);
        let file: syn::File = syn::parse2(expansion).expect("items");
        // In a constant, if the block has a state.
        let inside = file.items.into_iter().flat_map(|item| match item {
            syn::Item::Const(syn::ItemConst { expr, .. }) => match *expr {
                syn::Expr::Block(block) => block.block.stmts.into_iter().filter_map(|statement| match statement {
                    syn::Stmt::Item(item) => Some(item),
                    _ => None,
                }).collect(),
                _ => Vec::new(),
            },
            item => vec![item],
        });
        let blocks: Vec<_> = inside.filter_map(|item| match item {
            syn::Item::Impl(block) => Some(block),
            _ => None,
        }).collect();
        prop_assert_eq!(blocks.len(), 1);
        let members = blocks[0].items.iter().filter(|member| !matches!(member, syn::ImplItem::Macro(_)));
        prop_assert_eq!(members.count(), 4);
    }

    #[test]
    fn a_function_expands_to_one_function(kind in proptest::sample::select(Kind::ALL), arguments in options()) {
        let Ok(arguments) = arguments.parse::<TokenStream>() else { return Ok(()) };
        prop_assume!(!item::is_import_use(&arguments));
        let item = quote::quote! {
            #[timeout("5s")]
            pub async fn stock(&self, sku: &str) -> Result<u32, StockError> {
                look_up(sku).await
            }
        };
        let expansion = item::attribute(kind, arguments, &item);
        let file: syn::File = syn::parse2(expansion).expect("items");
        let functions: Vec<_> = file.items.iter().filter_map(|item| match item {
            // The replay function of `#[dead_letter]`.
            syn::Item::Fn(function) if function.sig.ident == "stock_replay" => None,
            syn::Item::Fn(function) => Some(function),
            _ => None,
        }).collect();
        prop_assert_eq!(functions.len(), 1);
        prop_assert_eq!(functions[0].sig.ident.to_string(), "stock");
        // All other items are errors.
        prop_assert!(file.items.iter().all(|item| matches!(item, syn::Item::Fn(_) | syn::Item::Macro(_))));
    }
}
