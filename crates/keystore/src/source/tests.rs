//! What a prompt does, with a terminal that is played.

use super::*;

/// A terminal at which these answers are typed; panics when asked more often.
fn typed<'a>(
    answers: &'a [&'a str],
) -> impl FnMut(&str) -> io::Result<Zeroizing<String>> + use<'a> {
    let mut answers = answers.iter();
    move |_| {
        Ok(Zeroizing::new(
            (*answers.next().expect("not asked again")).to_owned(),
        ))
    }
}

#[test]
fn a_known_passphrase_is_asked_for_once() {
    let passphrase = PassphraseSource::Prompt
        .read_with("key a", typed(&["open sesame"]))
        .unwrap();
    assert_eq!(passphrase.as_bytes(), b"open sesame");
}

#[test]
fn a_new_passphrase_is_asked_for_twice_and_must_be_the_same() {
    let source = PassphraseSource::Prompt;
    assert!(
        source
            .read_new_with("key a", typed(&["open sesame", "open sesame"]))
            .is_ok()
    );
    let refused = source.read_new_with("key a", typed(&["open sesame", "open sesamee"]));
    assert!(matches!(refused, Err(PassphraseError::Differs { .. })));
}

#[test]
fn a_short_new_passphrase_is_refused_before_it_is_asked_for_again() {
    let refused = PassphraseSource::Prompt.read_new_with("key a", typed(&["sesame!"]));
    assert!(matches!(refused, Err(PassphraseError::Short)));
}

#[test]
fn an_empty_answer_is_refused() {
    let refused = PassphraseSource::Prompt.read_with("key a", typed(&[""]));
    assert!(matches!(refused, Err(PassphraseError::Empty { .. })));
}

#[test]
fn without_a_terminal_a_prompt_names_the_other_sources() {
    let refused = PassphraseSource::Prompt
        .read_with("key a", |_| Err(io::ErrorKind::Unsupported.into()))
        .unwrap_err();
    assert!(matches!(refused, PassphraseError::NoTerminal { .. }));
    assert!(refused.to_string().contains("`fd:3`"));
}
