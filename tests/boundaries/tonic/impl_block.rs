//! Attributes on the implementation of a service, which `#[tonic::async_trait]` rewrites.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use resilience::{degrade, retry, timeout};
use tonic::{Request, Response, Status};

/// What `tonic-build` generates for a service.
#[tonic::async_trait]
trait Greeter: Send + Sync {
    async fn greet(&self, request: Request<String>) -> Result<Response<String>, Status>;
    async fn count(&self, request: Request<()>) -> Result<Response<u32>, Status>;
}

macro_rules! implement_greeter {
    ($name:ident, above: $(#[$above:meta])?, below: $(#[$below:meta])?) => {
        #[derive(Default)]
        struct $name {
            calls: AtomicU32,
        }

        $(#[$above])?
        #[retry(idempotent, attempts = 3, base = "0s", jitter = "none")]
        #[timeout("5s")]
        $(#[$below])?
        impl Greeter for $name {
            async fn greet(&self, request: Request<String>) -> Result<Response<String>, Status> {
                match self.calls.fetch_add(1, Relaxed) {
                    0 | 1 => Err(Status::unavailable("busy")),
                    _ => Ok(Response::new(format!("hello {}", request.get_ref()))),
                }
            }

            #[degrade(fallback = Response::new(self.calls.load(Relaxed)))]
            async fn count(&self, request: Request<()>) -> Result<Response<u32>, Status> {
                let () = request.get_ref();
                self.calls.fetch_add(1, Relaxed);
                std::future::pending().await
            }
        }
    };
}

implement_greeter!(Above, above: #[tonic::async_trait], below: );
implement_greeter!(Below, above: , below: #[tonic::async_trait]);

async fn check(greeter: Box<dyn Greeter>) {
    let answer = greeter.greet(Request::new("Ada".to_owned())).await.unwrap();
    assert_eq!(answer.into_inner(), "hello Ada", "the third attempt");
    let count = greeter.count(Request::new(())).await.unwrap();
    assert_eq!(count.into_inner(), 6, "the fallback after three timeouts");
}

#[tokio::test(start_paused = true)]
async fn implementation_with_tonic_async_trait_above_has_the_layers() {
    check(Box::new(Above::default())).await;
}

#[tokio::test(start_paused = true)]
async fn implementation_with_tonic_async_trait_below_has_the_layers() {
    check(Box::new(Below::default())).await;
}
