//! Metrics: declared once as constants, all present from the first scrape, with label values known beforehand.
//!
//! A program lists its [`Metric`]s; [`Metrics::install`] describes and creates every series at 0, so that "no failures
//! yet" can be told from "not running". Label values come from a fixed list (anything else is recorded as [`OTHER`])
//! or from the configuration: no text from the network can make series without bound. Recording before or without
//! `install` does nothing.
//!
//! ```
//! use daemon::metrics::{Counter, Declaration, Metric};
//!
//! pub const REJECTED: Metric<Counter> =
//!     Metric::counter("covenant_rejected_total", "Delegations refused, by reason")
//!         .by("reason", &["wrong-params", "wrong-script"]);
//!
//! pub const METRICS: &[&dyn Declaration] = &[&REJECTED];
//!
//! REJECTED.increment_for("wrong-script");
//! ```

mod declaration;
mod kind;

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusRecorder;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

pub use declaration::{Declaration, Metric, OTHER};
pub use kind::{Counter, Gauge, Histogram, Kind};

/// How often samples of histograms are folded up, so that they do not pile up where nobody scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Which program this is, as the metric `build_info` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// Name of the program.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The commit it was built from, or `unknown`.
    pub commit: &'static str,
}

/// The process's metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

/// Metrics that could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// A histogram has no buckets.
    #[error("a metric is declared wrongly")]
    Declaration(#[source] BuildError),
    /// The process has metrics already.
    #[error("the metrics of this process are installed already")]
    Installed,
}

impl Metrics {
    /// Makes `declarations` the metrics of this process, each present at 0, together with `build_info`.
    ///
    /// # Errors
    ///
    /// Refuses a second call in one process and a histogram without buckets.
    pub fn install(build: Build, declarations: &[&dyn Declaration]) -> Result<Self, MetricsError> {
        let recorder = recorder(declarations)?;
        let handle = recorder.handle();
        ::metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Installed)?;
        register(build, declarations);
        Ok(Self { handle })
    }

    /// All metrics in the text form that Prometheus reads.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Keeps memory bounded; runs until it is dropped.
    pub(crate) async fn keep_up(self) {
        let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            ticks.tick().await;
            self.handle.run_upkeep();
        }
    }
}

fn recorder(declarations: &[&dyn Declaration]) -> Result<PrometheusRecorder, MetricsError> {
    declarations
        .iter()
        .filter_map(|declaration| declaration.buckets())
        .try_fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
            builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
        })
        .map(PrometheusBuilder::build_recorder)
        .map_err(MetricsError::Declaration)
}

fn register(build: Build, declarations: &[&dyn Declaration]) {
    ::metrics::describe_gauge!("build_info", "Which program this is; always 1");
    ::metrics::gauge!(
        "build_info",
        "program" => build.program, "version" => build.version, "commit" => build.commit
    )
    .set(1.0);
    for declaration in declarations {
        declaration.register();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOTES: Metric<Counter> = Metric::counter("votes_total", "Votes sent");
    const REFUSED: Metric<Counter> =
        Metric::counter("refused_total", "Refusals, by reason").by("reason", &["script", "fee"]);
    const HEIGHT: Metric<Gauge> =
        Metric::gauge("height_blocks", "Height voted on").by_configured("provider");
    const SIGNING: Metric<Histogram> =
        Metric::histogram("sign_seconds", "Time to sign", &[0.1, 1.0]);
    const ALL: &[&dyn Declaration] = &[&VOTES, &REFUSED, &HEIGHT, &SIGNING];
    const BUILD: Build = Build {
        program: "covenant",
        version: "1.2.3",
        commit: "abc",
    };

    fn rendered(record: impl FnOnce()) -> String {
        let recorder = recorder(ALL).unwrap();
        let handle = recorder.handle();
        ::metrics::with_local_recorder(&recorder, || {
            register(BUILD, ALL);
            record();
        });
        handle.render()
    }

    #[track_caller]
    fn assert_line(text: &str, line: &str) {
        assert!(
            text.lines().any(|found| found == line),
            "no `{line}` in\n{text}"
        );
    }

    #[test]
    fn every_known_series_is_there_before_anything_happens() {
        let text = rendered(|| HEIGHT.register_for("fp-1"));
        for line in [
            "# HELP votes_total Votes sent",
            "votes_total 0",
            "refused_total{reason=\"script\"} 0",
            "refused_total{reason=\"other\"} 0",
            "height_blocks{provider=\"fp-1\"} 0",
            "sign_seconds_bucket{le=\"0.1\"} 0",
            "sign_seconds_count 0",
            "build_info{program=\"covenant\",version=\"1.2.3\",commit=\"abc\"} 1",
        ] {
            assert_line(&text, line);
        }
    }

    #[test]
    fn text_that_is_not_a_known_label_value_makes_no_new_series() {
        let text = rendered(|| {
            REFUSED.increment_for("fee");
            REFUSED.increment_for("3f1c… not a reason");
            REFUSED.add_for("another", 2);
        });
        assert_line(&text, "refused_total{reason=\"fee\"} 1");
        assert_line(&text, "refused_total{reason=\"other\"} 3");
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("refused_total"))
                .count(),
            3
        );
    }

    #[test]
    fn gauges_and_histograms_record_what_they_are_given() {
        let text = rendered(|| {
            HEIGHT.set_for("fp-1", 7.0);
            SIGNING.record(0.5);
        });
        assert_line(&text, "height_blocks{provider=\"fp-1\"} 7");
        assert_line(&text, "sign_seconds_bucket{le=\"0.1\"} 0");
        assert_line(&text, "sign_seconds_bucket{le=\"1\"} 1");
    }
}
