//! Tasks between the two schemas of a stack, which are registered once.

use longshore_tests::client::Job;
use longshore_tests::stack::Stack;
use serde_json::Value;

/// The two connections.
pub(super) struct Between {
    source: String,
    target: String,
}

impl Between {
    /// Registers the stack's schemas, which others may have replaced since.
    pub(super) async fn of(stack: &Stack) -> Self {
        let client = &stack.client;
        Self {
            source: client.connection(&stack.source).await,
            target: client.connection(&stack.target).await,
        }
    }

    /// A task between them.
    pub(super) async fn task(&self, stack: &Stack, options: &Value) -> String {
        stack.client.task(&self.source, &self.target, options).await
    }

    /// Runs a new task to its end.
    pub(super) async fn sync(&self, stack: &Stack, options: &Value) -> Job {
        stack.run(&self.task(stack, options).await).await
    }
}
