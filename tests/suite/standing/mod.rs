//! The sync that stands: situations that were found by trying Longshore as others use it.

mod allowances;
mod between;
mod children;
mod computed;
mod conditions;
mod deadlines;
mod definitions;
mod idle;
mod languages;
mod lax;
mod leaves;
pub(crate) mod logins;
mod newcomers;
mod next_numbers;
mod orphans;
mod owed;
mod packets;
mod places;
mod quiet_ends;
mod refusals;
mod request_texts;
mod rights;
mod sequences;
mod settings;
mod unfinished;
mod unions;
mod untested;
mod versioned;

use longshore_tests::stack::Stack;
use serde_json::Value;

/// Both sides of a stack as connections, for several tasks between them.
struct Sides {
    source: String,
    target: String,
}

impl Sides {
    async fn of(stack: &Stack) -> Self {
        let source = stack.client.connection(&stack.source).await;
        Self { source, target: stack.client.connection(&stack.target).await }
    }

    /// Makes a task between them.
    async fn task(&self, stack: &Stack, options: &Value) -> String {
        stack.client.task(&self.source, &self.target, options).await
    }
}
