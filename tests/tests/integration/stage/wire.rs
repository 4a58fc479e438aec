//! What goes over the wire to AWS: counted by operation, and broken on demand, before or after AWS has done it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

/// When a call breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// AWS never hears of it.
    Before,
    /// AWS has done it, and nobody learns of it.
    After,
}

#[derive(Debug)]
struct Break {
    operation: &'static str,
    moment: Moment,
    skip: usize,
    times: usize,
}

#[derive(Debug, Default)]
struct State {
    counts: BTreeMap<String, usize>,
    breaks: Vec<Break>,
}

/// One worker's wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Arc<Mutex<State>>);

impl Wire {
    /// Requests sent of an operation, such as `PutItem`.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.0.lock().unwrap().counts.get(operation).copied().unwrap_or_default()
    }

    /// Every count.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        self.0.lock().unwrap().counts.clone()
    }

    /// Breaks the next calls of an operation.
    pub(crate) fn break_next(&self, times: usize, operation: &'static str, moment: Moment) {
        self.break_after(0, times, operation, moment);
    }

    /// Breaks calls of an operation after `skip` more that work.
    pub(crate) fn break_after(&self, skip: usize, times: usize, operation: &'static str, moment: Moment) {
        self.0.lock().unwrap().breaks.push(Break { operation, moment, skip, times });
    }

    /// Everything works again.
    pub(crate) fn mend(&self) {
        self.0.lock().unwrap().breaks.clear();
    }

    fn strikes(&self, operation: &str, moment: Moment) -> Result<(), BoxError> {
        let mut state = self.0.lock().unwrap();
        for broken in state.breaks.iter_mut().filter(|one| one.operation == operation && one.moment == moment) {
            if broken.skip > 0 {
                broken.skip -= 1;
            } else if broken.times > 0 {
                broken.times -= 1;
                return Err(format!("the wire broke at {operation}").into());
            }
        }
        Ok(())
    }
}

fn operation(bag: &ConfigBag) -> String {
    bag.load::<Metadata>().map_or("unknown", Metadata::name).to_owned()
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "wire"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = operation(bag);
        self.strikes(&operation, Moment::Before)?;
        *self.0.lock().unwrap().counts.entry(operation).or_default() += 1;
        Ok(())
    }

    fn read_after_attempt(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.strikes(&operation(bag), Moment::After)
    }
}
