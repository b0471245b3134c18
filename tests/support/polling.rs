//! What a poller tells, in a form that is easily compared.

use std::time::Duration;

use zocket::{Event, Poller};

/// What is ready, as `key:` and of `r`(eadable), `w`(ritable), `c`(losed) what is so.
pub(crate) fn told(poller: &Poller, timeout: Duration) -> String {
    let mut events = Vec::new();
    poller.wait(&mut events, timeout).unwrap();
    events.sort_unstable_by_key(Event::key);
    let texts = events.into_iter().map(|event| {
        let letters = [
            (event.is_readable(), 'r'),
            (event.is_writable(), 'w'),
            (event.is_closed(), 'c'),
        ];
        let is_so = letters.iter().filter(|(is_so, _)| *is_so);
        let letters: String = is_so.map(|(_, letter)| letter).collect();
        format!("{}:{letters}", event.key())
    });
    texts.collect::<Vec<_>>().join(" ")
}

pub(crate) fn told_now(poller: &Poller) -> String {
    told(poller, Duration::ZERO)
}
