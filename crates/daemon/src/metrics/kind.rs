//! The three kinds of metrics and how each is created in the recorder.

use ::metrics::{Key, Level, Metadata, Recorder};

/// Where metrics come from, which our exporter does not show.
const METADATA: Metadata<'static> = Metadata::new("daemon", Level::INFO, None);

/// What a metric counts and how.
pub trait Kind: Copy + Sync {
    /// What values are recorded with.
    type Handle;

    /// Tells the recorder what the metric means.
    fn describe(recorder: &dyn Recorder, name: &'static str, help: &'static str);

    /// Creates the series, or finds it.
    fn create(recorder: &dyn Recorder, key: &Key) -> Self::Handle;

    /// Upper bounds of a histogram's buckets.
    fn buckets(self) -> Option<&'static [f64]> {
        None
    }
}

/// A number that only grows.
#[derive(Debug, Clone, Copy)]
pub struct Counter;

/// A number that goes up and down.
#[derive(Debug, Clone, Copy)]
pub struct Gauge;

/// A distribution.
#[derive(Debug, Clone, Copy)]
pub struct Histogram {
    pub(super) buckets: &'static [f64],
}

impl Kind for Counter {
    type Handle = ::metrics::Counter;

    fn describe(recorder: &dyn Recorder, name: &'static str, help: &'static str) {
        recorder.describe_counter(name.into(), None, help.into());
    }

    fn create(recorder: &dyn Recorder, key: &Key) -> Self::Handle {
        recorder.register_counter(key, &METADATA)
    }
}

impl Kind for Gauge {
    type Handle = ::metrics::Gauge;

    fn describe(recorder: &dyn Recorder, name: &'static str, help: &'static str) {
        recorder.describe_gauge(name.into(), None, help.into());
    }

    fn create(recorder: &dyn Recorder, key: &Key) -> Self::Handle {
        recorder.register_gauge(key, &METADATA)
    }
}

impl Kind for Histogram {
    type Handle = ::metrics::Histogram;

    fn describe(recorder: &dyn Recorder, name: &'static str, help: &'static str) {
        recorder.describe_histogram(name.into(), None, help.into());
    }

    fn create(recorder: &dyn Recorder, key: &Key) -> Self::Handle {
        recorder.register_histogram(key, &METADATA)
    }

    fn buckets(self) -> Option<&'static [f64]> {
        Some(self.buckets)
    }
}
