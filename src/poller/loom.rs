//! Models of a poller and what it watches: no rise is slept over, whoever comes first.

use std::io;
use std::sync::Arc;

use loom::thread;

use super::interest::{Interest, Readiness};
use super::list::{List, Look, Name, Source};
use crate::signal::{Wakes, Watch, Watcher};
use crate::waiting::{Half, Patience, Ready, Watchable};

/// So many things to take.
struct Stock(usize);

impl Ready for Stock {
    fn ready(&self) -> bool {
        self.0 > 0
    }
}

struct Shop(Arc<Half<Stock>>);

impl Source for Shop {
    fn watch(&self, _: Interest, watch: Watch, wakes: &mut Wakes) -> io::Result<bool> {
        Ok(self.0.watch(watch, false, wakes))
    }

    fn unwatch(&self, id: u64, _: &mut Wakes) {
        self.0.unwatch(id);
    }

    fn look(&self, _: Interest, id: u64, wakes: &mut Wakes) -> Look {
        match self.0.look(id, wakes) {
            Some(true) => Look::Ready(Readiness {
                readable: true,
                writable: false,
                closed: false,
            }),
            Some(false) => Look::Nothing,
            None => Look::Unclear,
        }
    }
}

struct Waits(Half<List>);

impl Watcher for Waits {
    fn on_change(&self, id: u64) {
        self.0.update(|list, _| list.enqueue(id));
    }

    fn on_gone(&self, _: u64) {}
}

fn poller() -> Arc<Waits> {
    Arc::new(Waits(Half::new(List::default())))
}

fn shop(stock: usize) -> Arc<Half<Stock>> {
    Arc::new(Half::new(Stock(stock)))
}

fn add(poller: &Arc<Waits>, shop: &Arc<Half<Stock>>, id: u64) {
    let watch = Watch {
        watcher: poller.clone(),
        id,
    };
    poller.0.update(|list, wakes| {
        let source = Box::new(Shop(shop.clone()));
        let name = Name::Socket(id);
        list.add(name, source, id as usize, Interest::READABLE, watch, wakes)
            .unwrap();
    });
}

/// Waits for an event, and takes one thing from where it says.
fn serve(poller: &Waits, shop: &Half<Stock>) {
    loop {
        let mut events = Vec::new();
        let found = (poller.0).wait(
            || Patience::Forever,
            |list, wakes| list.take(&mut events, wakes),
        );
        assert!(found.unwrap() > 0);
        let taken = shop.attempt(|stock, _| {
            stock.0 = stock.0.checked_sub(1)?;
            Some(())
        });
        // Another may have come first.
        if taken.is_some() {
            return;
        }
    }
}

/// What becomes ready while it is added is told.
#[test]
fn loom_poller_add_against_ready() {
    loom::model(|| {
        let (poller, shop) = (poller(), shop(0));
        let supplier = thread::spawn({
            let shop = shop.clone();
            move || shop.update(|stock, _| stock.0 += 1)
        });
        add(&poller, &shop, 1);
        serve(&poller, &shop);
        supplier.join().unwrap();
    });
}

/// Somebody waits already when it is added, and it becomes ready meanwhile.
#[test]
fn loom_poller_add_while_another_waits() {
    loom::model(|| {
        let (poller, shop) = (poller(), shop(0));
        let waiter = thread::spawn({
            let (poller, shop) = (poller.clone(), shop.clone());
            move || serve(&poller, &shop)
        });
        add(&poller, &shop, 1);
        shop.update(|stock, _| stock.0 += 1);
        waiter.join().unwrap();
    });
}

/// A look that finds nothing arms the entry again, just as more comes.
#[test]
fn loom_poller_rise_against_a_look() {
    loom::model(|| {
        let (poller, shop) = (poller(), shop(1));
        add(&poller, &shop, 1);
        let supplier = thread::spawn({
            let shop = shop.clone();
            move || {
                // Taken by somebody who does not poll, and filled up again.
                shop.attempt(|stock, _| {
                    stock.0 = stock.0.checked_sub(1)?;
                    Some(())
                });
                shop.update(|stock, _| stock.0 += 2);
            }
        });
        serve(&poller, &shop);
        supplier.join().unwrap();
        serve(&poller, &shop);
    });
}

/// What is changed for good and for all is told to who waits at a poller, too.
#[test]
fn loom_poller_against_the_end() {
    loom::model(|| {
        let (poller, shop) = (poller(), shop(0));
        add(&poller, &shop, 1);
        let waiter = thread::spawn({
            let (poller, shop) = (poller.clone(), shop.clone());
            move || serve(&poller, &shop)
        });
        shop.update_for_all(|stock, _| stock.0 += 1);
        waiter.join().unwrap();
    });
}
