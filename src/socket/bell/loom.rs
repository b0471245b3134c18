//! Models of a bell over a level that several threads change.

use std::io;
use std::sync::Arc;

use loom::sync::Mutex;
use loom::thread;

use super::{Bell, Chime};
use crate::signal::{Parker, Wakes, Watch, Watcher};
use crate::waiting::{Half, Ready, Watchable};

/// So many things to take.
struct Stock(usize);

impl Ready for Stock {
    fn ready(&self) -> bool {
        self.0 > 0
    }
}

type Shop = Arc<Half<Stock>>;

/// Heard by who looks, and by who waits for an edge.
struct Sound {
    rings: Mutex<bool>,
    edge: Arc<Parker>,
}

impl Chime for Sound {
    fn raise(&self) -> io::Result<()> {
        *self.rings.lock().unwrap() = true;
        self.edge.unpark();
        Ok(())
    }

    fn clear(&self) -> io::Result<()> {
        *self.rings.lock().unwrap() = false;
        Ok(())
    }
}

struct Ringer {
    shop: Shop,
    bell: Arc<Bell<Sound>>,
}

impl Watcher for Ringer {
    fn on_change(&self, _: u64) {
        self.bell.ring(&*self.shop).unwrap();
    }

    fn on_gone(&self, _: u64) {}
}

/// A shop with a bell.
fn shop(stock: usize) -> (Shop, Arc<Bell<Sound>>) {
    let shop = Arc::new(Half::new(Stock(stock)));
    let sound = Sound {
        rings: Mutex::new(false),
        edge: Parker::current(),
    };
    let bell = Arc::new(Bell::new(1, sound));
    let watch = Watch {
        watcher: Arc::new(Ringer {
            shop: shop.clone(),
            bell: bell.clone(),
        }),
        id: 1,
    };
    let mut wakes = Wakes::new();
    shop.watch(watch, true, &mut wakes);
    bell.ring(&*shop).unwrap();
    wakes.fire();
    (shop, bell)
}

/// Takes one thing, if there is one.
fn take(shop: &Shop) -> bool {
    let taken = shop.attempt(|stock, _| {
        stock.0 = stock.0.checked_sub(1)?;
        Some(())
    });
    taken.is_some()
}

/// Two threads have the level rise and fall: when all is quiet, it says what is so.
#[test]
fn loom_a_bell_that_two_threads_ring_is_right_in_the_end() {
    for stock in [0, 1] {
        loom::model(move || {
            let (shop, bell) = shop(stock);
            let other = thread::spawn({
                let shop = shop.clone();
                move || {
                    take(&shop);
                    shop.update(|stock, _| stock.0 += 1);
                }
            });
            take(&shop);
            other.join().unwrap();
            let level = shop.peek(Ready::ready);
            assert_eq!(*bell.chime().rings.lock().unwrap(), level);
            // The watcher keeps the shop, and the shop its watcher.
            shop.unwatch(1);
        });
    }
}

/// Who found nothing has an edge for what comes after that, though others come and take, too.
#[test]
fn loom_who_waits_for_an_edge_of_a_bell_has_it() {
    loom::model(|| {
        let (shop, bell) = shop(1);
        let waiter = thread::spawn({
            let (shop, bell) = (shop.clone(), bell.clone());
            move || {
                // One of the two things at least is for who waits.
                let mut taken = 0;
                while taken == 0 {
                    bell.chime().edge.park(None);
                    while take(&shop) {
                        taken += 1;
                    }
                }
            }
        });
        let supplier = thread::spawn({
            let shop = shop.clone();
            move || shop.update(|stock, _| stock.0 += 1)
        });
        // One who passes by, and may be stopped between what is taken and the bell.
        take(&shop);
        waiter.join().unwrap();
        supplier.join().unwrap();
        shop.unwatch(1);
    });
}
