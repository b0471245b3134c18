//! XPUB and XSUB: a last-value cache, so that who subscribes late knows at once what is known.
//!
//! ```text
//!   station (PUB) ──► XSUB ─ cache ─ XPUB ──► Ada, from the beginning (SUB)
//!                                        └──► Ben, who comes late (SUB)
//! ```
//!
//! XSUB takes whatever its publishers send, XPUB tells who subscribes to what. In its manual mode
//! the program decides what a subscription means, and with `manual_last_value` the first message
//! after that goes to the new subscriber alone: here, what the cache has on the topic.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use zocket::{Error, Frame, Message, Pub, Sub, Upstream, XPub, XSub};

const PATIENCE: Duration = Duration::from_secs(10);

/// What is said of a topic that nothing has come of yet.
const UNKNOWN: &str = "unknown";

fn main() -> Result<(), Error> {
    let upstream = XSub::new();
    let stations = upstream.bind("tcp://127.0.0.1:*")?;
    upstream.subscribe("")?;
    let downstream = XPub::builder().manual_last_value(true).build()?;
    let readers = downstream.bind("tcp://127.0.0.1:*")?;
    let cache = Cache {
        upstream,
        downstream,
        latest: Mutex::new(HashMap::new()),
    };

    thread::scope(|threads| {
        let forwarding = threads.spawn(|| cache.forward());
        let greeting = threads.spawn(|| cache.greet());

        let station = Pub::new();
        station.connect(&stations)?;
        station.wait_for_subscribers(1, PATIENCE)?;

        let ada = Sub::new();
        ada.connect(&readers)?;
        ada.subscribe("oslo")?;
        ada.subscribe("rome")?;
        expect("Ada", &ada, ["oslo", UNKNOWN])?;
        expect("Ada", &ada, ["rome", UNKNOWN])?;

        station.send(["oslo", "-3"])?;
        expect("Ada", &ada, ["oslo", "-3"])?;
        station.send(["rome", "16"])?;
        expect("Ada", &ada, ["rome", "16"])?;
        station.send(["rome", "17"])?;
        expect("Ada", &ada, ["rome", "17"])?;

        println!("now comes Ben");
        let ben = Sub::new();
        ben.connect(&readers)?;
        ben.subscribe("rome")?;
        expect("Ben", &ben, ["rome", "17"])?;

        // This is for both, and Ada has not been bothered with old news.
        station.send(["rome", "18"])?;
        expect("Ada", &ada, ["rome", "18"])?;
        expect("Ben", &ben, ["rome", "18"])?;

        // Ends the two threads.
        cache.upstream.close()?;
        cache.downstream.close()?;
        for thread in [forwarding, greeting] {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(())
    })
}

struct Cache {
    upstream: XSub,
    downstream: XPub,
    /// By topic. Locked while something is sent as well: the two threads must not come between
    /// each other's steps.
    latest: Mutex<HashMap<Frame, Message>>,
}

impl Cache {
    /// Passes on what comes, and keeps the latest of each topic.
    fn forward(&self) -> Result<(), Error> {
        for news in &self.upstream {
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            latest.insert(news.first().clone(), news.clone());
            self.downstream.send(news)?;
        }
        Ok(())
    }

    /// Accepts every subscription, and says what is known of its topic.
    fn greet(&self) -> Result<(), Error> {
        for event in &self.downstream {
            match event {
                Upstream::Subscribe(topic) => {
                    let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
                    let known = latest.get(topic.topic()).cloned();
                    println!(
                        "{} subscribes to {}",
                        topic.peer().address(),
                        String::from_utf8_lossy(&topic),
                    );
                    // After this the next message goes to that subscriber and nobody else: there
                    // has to be one.
                    if topic.accept([topic.topic()]) {
                        let unknown = || Message::from([topic.topic().clone(), UNKNOWN.into()]);
                        self.downstream.send(known.unwrap_or_else(unknown))?;
                    }
                }
                Upstream::Unsubscribe(topic) => {
                    topic.accept([topic.topic()]);
                }
                // What an XSUB might send.
                _ => {}
            }
        }
        Ok(())
    }
}

/// Receives the next news of a subscriber, which must be these.
fn expect(name: &str, sub: &Sub, news: [&str; 2]) -> Result<(), Error> {
    let received = sub.recv_timeout(PATIENCE)?;
    let [topic, value] = news;
    println!("{name} knows: the temperature in {topic} is {value}");
    assert_eq!(received, Message::from(news));
    Ok(())
}
