// std prints the error that `main` returns.

use resilience::{Rejected, boundary};

#[boundary(operation = "import")]
fn main() -> Result<(), Rejected> {
    Ok(())
}

mod with_a_runtime_above {
    use resilience::{Rejected, boundary};

    #[tokio::main(flavor = "current_thread")]
    #[boundary]
    pub async fn main() -> Result<(), Rejected> {
        Ok(())
    }
}

mod without_a_result {
    use resilience::boundary;

    #[boundary]
    pub fn main() {}
}
