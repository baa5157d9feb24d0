//! Metrics as constants: name, meaning, label and the ways to record, in one place.

use std::borrow::Cow;

use ::metrics::{Key, Label, with_recorder};

use super::kind::{Counter, Gauge, Histogram, Kind};

/// The label value of everything that is not in a metric's list.
pub const OTHER: &str = "other";

/// One metric: a name, and a series for each value of its label if it has one.
#[derive(Debug, Clone, Copy)]
pub struct Metric<K> {
    name: &'static str,
    help: &'static str,
    split: Split,
    kind: K,
}

/// By which label a metric is split, if any.
#[derive(Debug, Clone, Copy)]
enum Split {
    None,
    Fixed(&'static str, &'static [&'static str]),
    Configured(&'static str),
}

/// A metric of any kind, as programs list them for [`super::Metrics::install`].
pub trait Declaration: Sync {
    /// Describes it and creates all series that are known beforehand, at 0.
    fn register(&self);

    /// Name and buckets of a histogram.
    fn buckets(&self) -> Option<(&'static str, &'static [f64])>;
}

impl Metric<Counter> {
    /// Declares a number that only grows; its name ends with `_total`.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            split: Split::None,
            kind: Counter,
        }
    }

    /// Adds 1.
    pub fn increment(&self) {
        self.series(None).increment(1);
    }

    /// Adds 1 to the series of one label value.
    pub fn increment_for(&self, label_value: &str) {
        self.series(Some(label_value)).increment(1);
    }

    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.series(None).increment(count);
    }

    /// Adds `count` to the series of one label value.
    pub fn add_for(&self, label_value: &str, count: u64) {
        self.series(Some(label_value)).increment(count);
    }
}

impl Metric<Gauge> {
    /// Declares a number that goes up and down; its name ends with its unit.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            split: Split::None,
            kind: Gauge,
        }
    }

    /// Sets the value. Whole numbers above 2^53 lose their last digits.
    pub fn set(&self, value: f64) {
        self.series(None).set(value);
    }

    /// Sets the value of one label value's series.
    pub fn set_for(&self, label_value: &str, value: f64) {
        self.series(Some(label_value)).set(value);
    }
}

impl Metric<Histogram> {
    /// Declares a distribution, usually of seconds, over buckets with these upper bounds in rising order.
    pub const fn histogram(
        name: &'static str,
        help: &'static str,
        buckets: &'static [f64],
    ) -> Self {
        Self {
            name,
            help,
            split: Split::None,
            kind: Histogram { buckets },
        }
    }

    /// Records one sample.
    pub fn record(&self, sample: f64) {
        self.series(None).record(sample);
    }

    /// Records one sample in the series of one label value.
    pub fn record_for(&self, label_value: &str, sample: f64) {
        self.series(Some(label_value)).record(sample);
    }
}

impl<K: Kind> Metric<K> {
    /// Splits it by a label all of whose values are known here; others are recorded as [`OTHER`].
    #[must_use]
    pub const fn by(self, label: &'static str, values: &'static [&'static str]) -> Self {
        Self {
            split: Split::Fixed(label, values),
            ..self
        }
    }

    /// Splits it by a label whose values come from the configuration, never from the network.
    ///
    /// The program calls [`Self::register_for`] with each of them when it starts.
    #[must_use]
    pub const fn by_configured(self, label: &'static str) -> Self {
        Self {
            split: Split::Configured(label),
            ..self
        }
    }

    /// Creates the series of one label value, at 0.
    pub fn register_for(&self, label_value: &str) {
        self.series(Some(label_value));
    }

    fn series(&self, label_value: Option<&str>) -> K::Handle {
        let key = match (self.split, label_value) {
            (Split::None, _) => Key::from_static_name(self.name),
            (Split::Fixed(label, known), value) => {
                let value = known.iter().find(|known| Some(**known) == value);
                self.labelled(label, Cow::Borrowed(value.copied().unwrap_or(OTHER)))
            }
            (Split::Configured(label), value) => {
                self.labelled(label, Cow::Owned(value.unwrap_or(OTHER).to_owned()))
            }
        };
        with_recorder(|recorder| K::create(recorder, &key))
    }

    fn labelled(&self, label: &'static str, value: Cow<'static, str>) -> Key {
        Key::from_parts(self.name, vec![Label::new(label, value)])
    }
}

impl<K: Kind> Declaration for Metric<K> {
    fn register(&self) {
        with_recorder(|recorder| K::describe(recorder, self.name, self.help));
        match self.split {
            Split::None => {
                self.series(None);
            }
            Split::Fixed(_, known) => {
                known
                    .iter()
                    .chain([&OTHER])
                    .for_each(|value| self.register_for(value));
            }
            Split::Configured(_) => {}
        }
    }

    fn buckets(&self) -> Option<(&'static str, &'static [f64])> {
        self.kind.buckets().map(|buckets| (self.name, buckets))
    }
}
