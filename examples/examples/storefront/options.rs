//! The command line.

use std::net::{Ipv4Addr, SocketAddr};

const USAGE: &str = "usage: storefront [--plain] [--metrics [ADDRESS]]";

#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Prints lines instead of drawing a screen.
    pub(crate) plain: bool,
    /// Where to serve metrics.
    pub(crate) metrics: Option<SocketAddr>,
}

impl Options {
    /// Returns what to tell the user if they can't be followed.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--plain" => options.plain = true,
                "--metrics" if cfg!(feature = "metrics") => {
                    let address = arguments.next_if(|next| !next.starts_with('-'));
                    options.metrics = Some(match address {
                        Some(address) => address.parse().map_err(|error| {
                            format!("`{address}` isn't an address such as 127.0.0.1:9000: {error}")
                        })?,
                        None => SocketAddr::from((Ipv4Addr::LOCALHOST, 9000)),
                    });
                }
                "--metrics" => {
                    return Err("metrics need a feature; run `cargo run --example storefront \
                                --features metrics -- --metrics`"
                        .to_owned());
                }
                _ => return Err(format!("unknown option `{argument}`\n{USAGE}")),
            }
        }
        Ok(options)
    }
}
