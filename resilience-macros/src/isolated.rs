//! `#[isolated]`: fresh state for a test.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, Ident, Path, Token};

use crate::diagnostics::{self, Errors};
use crate::function::Function;
use crate::krate;

const ATTRIBUTE: &str = "#[isolated]";
const OPTIONS: [&str; 3] = ["no_wait", "seed", "crate"];

/// ```text
/// Input:  #[isolated(seed = 7)] fn test() { body }
/// Output: fn test() { let _guard = isolate().seed(7); body }
/// ```
pub(crate) fn attribute(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(arguments, &mut errors);
    let function = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let is_function = item.clone().into_iter().any(|token| token.to_string() == "fn");
            match item.clone().into_iter().next() {
                Some(first) if !is_function => {
                    errors.at(
                        first.span(),
                        format!(
                            "`{ATTRIBUTE}` can only be used on functions; write it on each test"
                        ),
                    );
                }
                _ => errors.push(error),
            }
            let errors = errors.into_compile_errors();
            return quote!(#item #errors);
        }
    };
    let guard = options.guard();
    let function = function.unchanged_but_using(&guard);
    let errors = errors.into_compile_errors();
    quote!(#function #errors)
}

struct Options {
    no_wait: bool,
    seed: Option<Expr>,
    krate: Path,
}

impl Options {
    fn parse(arguments: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self { no_wait: false, seed: None, krate: krate::default() };
        let mut keys: Vec<Ident> = Vec::new();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let key = input.call(Ident::parse_any)?;
                match key.to_string().as_str() {
                    "no_wait" => options.no_wait = true,
                    "seed" => {
                        if !input.peek(Token![=]) {
                            let message = "`seed` needs a number; write `seed = 7`";
                            return Err(syn::Error::new(key.span(), message));
                        }
                        input.parse::<Token![=]>()?;
                        options.seed = Some(input.parse()?);
                    }
                    "crate" => {
                        input.parse::<Token![=]>()?;
                        options.krate = krate::check(&input.parse()?)?;
                    }
                    _ => {
                        let expected = diagnostics::one_of(&OPTIONS);
                        return Err(diagnostics::unknown(ATTRIBUTE, &key, &OPTIONS, &expected));
                    }
                }
                if keys.contains(&key) {
                    errors.push(diagnostics::duplicate(ATTRIBUTE, &key));
                }
                keys.push(key);
                if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                    return Err(input.error("expected `,` between the options"));
                }
            }
            Ok(())
        };
        let result = parser.parse2(arguments);
        errors.take(result);
        options
    }

    fn guard(&self) -> TokenStream {
        let Self { no_wait, seed, krate } = self;
        let no_wait = no_wait.then(|| quote!(.no_wait()));
        let seed = seed.as_ref().map(|seed| quote!(.seed(#seed)));
        let guard = Ident::new("_guard", Span::mixed_site());
        quote!(let #guard = #krate::testing::isolate() #no_wait #seed;)
    }
}
