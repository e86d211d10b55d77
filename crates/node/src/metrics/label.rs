use std::borrow::Cow;
use std::fmt::{self, Debug, Write};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

/// One label with a value from a closed set.
pub type Label = [(&'static str, Cow<'static, str>); 1];
/// Two of them.
pub type Labels = [(&'static str, Cow<'static, str>); 2];
pub type Counters = Family<Label, Counter>;
pub type Histograms = Family<Label, Histogram, fn() -> Histogram>;

/// From a tenth of a millisecond to two minutes.
const SECONDS: [f64; 16] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

pub fn label(name: &'static str, value: impl Into<Cow<'static, str>>) -> Label {
    [(name, value.into())]
}

/// A histogram of durations in seconds.
pub fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// The name of an enum's variant in snake case: `TimeTooFar { .. }` is `time_too_far`. A variant that is added later is
/// counted under its own name, and what a variant holds never gets into a label.
pub fn variant_name(value: &impl Debug) -> String {
    struct Name(String);

    impl Write for Name {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for letter in text.chars() {
                if !letter.is_ascii_alphanumeric() {
                    return Err(fmt::Error);
                }
                if letter.is_ascii_uppercase() && !self.0.is_empty() {
                    self.0.push('_');
                }
                self.0.push(letter.to_ascii_lowercase());
            }
            Ok(())
        }
    }

    let mut name = Name(String::new());
    // Ends early at what the variant holds.
    let _held = write!(name, "{value:?}");
    name.0
}

#[cfg(test)]
mod tests {
    use vouch_compute::wire::Refusal;

    use super::*;

    #[test]
    fn a_variant_is_named_and_what_it_holds_is_not() {
        assert_eq!(variant_name(&Refusal::Busy), "busy");
        assert_eq!(variant_name(&Refusal::TimeTooFar { time: 1, clock: 2 }), "time_too_far");
        assert_eq!(variant_name(&Refusal::MalformedData("0xsecret".into())), "malformed_data");
    }
}
