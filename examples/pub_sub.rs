//! PUB and SUB: news, and everybody gets what he has subscribed to.
//!
//! ```text
//!                 ┌──► Ada:  weather
//!   news (PUB) ───┼──► Ben:  sports, traffic
//!                 └──► Cleo: everything
//! ```
//!
//! A topic is how the first frame of a message begins. A publisher never waits: a subscriber that
//! cannot keep up misses messages, which are counted.

use std::thread;
use std::time::Duration;

use zocket::{Endpoint, Error, Pub, Sub};

const PATIENCE: Duration = Duration::from_secs(10);

const NEWS: [[&str; 2]; 6] = [
    ["weather/north", "snow"],
    ["sports/football", "2:1"],
    ["traffic", "a cow on the motorway"],
    ["weather/south", "sun"],
    ["politics", "more of the same"],
    ["traffic", "the cow is well"],
];
/// Everybody wants to know when it is over.
const END: &str = "end";

fn main() -> Result<(), Error> {
    let news = Pub::new();
    let here = news.bind("tcp://127.0.0.1:*")?;

    thread::scope(|threads| {
        let here = &here;
        let readers: [(&str, &[&str]); 3] = [
            ("Ada", &["weather"]),
            ("Ben", &["sports", "traffic"]),
            ("Cleo", &[""]),
        ];
        let expected = [2, 3, NEWS.len()];
        let readers =
            readers.map(|(name, topics)| (name, threads.spawn(move || read(name, topics, here))));

        // What is published before somebody has subscribed is not for him. Who must not miss the
        // beginning has to be waited for.
        news.wait_for_subscribers(readers.len(), PATIENCE)?;
        for item in NEWS {
            news.send(item)?;
        }
        news.send(END)?;

        for ((name, reader), expected) in readers.into_iter().zip(expected) {
            let read = reader
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            println!("{name} has read {read} news");
            assert_eq!(read, expected);
        }
        let stats = news.stats();
        println!(
            "{} copies sent, {} dropped because somebody was slow",
            stats.accepted.messages, stats.dropped.full
        );
        Ok(())
    })
}

/// Reads what is about `topics`; how many that were.
fn read(name: &str, topics: &[&str], news: &Endpoint) -> Result<usize, Error> {
    let sub = Sub::new();
    for topic in topics {
        sub.subscribe(topic)?;
    }
    sub.subscribe(END)?;
    sub.connect(news)?;
    let mut read = 0;
    loop {
        let item = sub.recv_timeout(PATIENCE)?;
        if item == END {
            return Ok(read);
        }
        let text: Vec<&str> = item
            .frames()
            .as_slice()
            .iter()
            .map(|frame| frame.to_str().unwrap_or("?"))
            .collect();
        println!("{name}: {}", text.join(": "));
        read += 1;
    }
}
