//! What a C program holds in its hands: numbers that look like pointers, each for one thing in a table.
//!
//! ```text
//!         40           28          8     4    0
//!   base + ├ generation ┤   place   ├kind─┤ 0  ┤      nothing is ever read there by us
//! ```
//!
//! A place is given to one thing after the other, and every tenant has another generation: a handle that
//! was closed is told from the one that came after it (until the generations begin anew, after some four
//! thousand tenants of that place). All of it fits into 46 bits, as some languages have no more for a
//! foreign pointer.
//!
//! Others do read there: libraries on top of libzmq look at the first bytes of whatever they are given,
//! to tell their own sockets, which have a mark there, from libzmq's. So all these numbers are addresses
//! of memory that is zero, cannot be written, and is only there when it is looked at ([`base`]).

use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::border::Handle;

/// All things of one kind.
pub(crate) struct Table<T> {
    kind: usize,
    chunks: [OnceLock<Box<[Place<T>]>>; CHUNKS],
    vacant: Mutex<Vacant>,
}

/// Where there is room.
struct Vacant {
    /// Those that had a tenant.
    places: Vec<usize>,
    /// All from here on have had none.
    fresh: usize,
}

struct Place<T> {
    tenant: Mutex<Tenant<T>>,
}

struct Tenant<T> {
    generation: usize,
    thing: Option<Arc<T>>,
}

const CHUNK: usize = 256;
const CHUNKS: usize = 4096;
const PLACE_BITS: u32 = 20;
const PLACE_SHIFT: u32 = 8;
const KIND_SHIFT: u32 = 4;
const GENERATION_SHIFT: u32 = PLACE_SHIFT + PLACE_BITS;
const GENERATION_BITS: u32 = if usize::BITS >= 64 { 12 } else { 4 };
const GENERATIONS: usize = 1 << GENERATION_BITS;

impl<T> Table<T> {
    /// An empty one; `kind` is 1 to 15, and another for each.
    pub(crate) const fn new(kind: usize) -> Self {
        Self {
            kind,
            chunks: [const { OnceLock::new() }; CHUNKS],
            vacant: Mutex::new(Vacant {
                places: Vec::new(),
                fresh: 0,
            }),
        }
    }

    /// Takes a thing in; `None` if there is no room (for more than a million).
    pub(crate) fn insert(&self, thing: Arc<T>) -> Option<Handle> {
        let number = {
            let mut vacant = lock(&self.vacant);
            match vacant.places.pop() {
                Some(place) => place,
                None if vacant.fresh < CHUNK * CHUNKS => {
                    vacant.fresh += 1;
                    vacant.fresh - 1
                }
                None => return None,
            }
        };
        let chunk = self.chunks.get(number / CHUNK)?.get_or_init(|| {
            let vacant = || Place {
                tenant: Mutex::new(Tenant {
                    generation: 0,
                    thing: None,
                }),
            };
            std::iter::repeat_with(vacant).take(CHUNK).collect()
        });
        let mut tenant = lock(&chunk.get(number % CHUNK)?.tenant);
        // From 1 on, so that no handle is null.
        tenant.generation = tenant.generation % (GENERATIONS - 1) + 1;
        tenant.thing = Some(thing);
        Some(self.handle(number, tenant.generation))
    }

    /// The thing of a handle, which stays there as long as what is returned.
    pub(crate) fn get(&self, handle: Handle) -> Option<Arc<T>> {
        let (number, generation) = self.read(handle)?;
        let tenant = lock(&self.place(number)?.tenant);
        (tenant.generation == generation)
            .then(|| tenant.thing.clone())
            .flatten()
    }

    /// Takes a thing out: the handle is of no use from then on.
    pub(crate) fn remove(&self, handle: Handle) -> Option<Arc<T>> {
        let (number, generation) = self.read(handle)?;
        let mut tenant = lock(&self.place(number)?.tenant);
        if tenant.generation != generation {
            return None;
        }
        let thing = tenant.thing.take();
        drop(tenant);
        if thing.is_some() {
            lock(&self.vacant).places.push(number);
        }
        thing
    }

    fn place(&self, number: usize) -> Option<&Place<T>> {
        self.chunks.get(number / CHUNK)?.get()?.get(number % CHUNK)
    }

    fn handle(&self, number: usize, generation: usize) -> Handle {
        let value =
            generation << GENERATION_SHIFT | number << PLACE_SHIFT | self.kind << KIND_SHIFT;
        std::ptr::without_provenance_mut::<c_void>(base().wrapping_add(value))
    }

    /// The place and the generation that a handle of this kind names.
    fn read(&self, handle: Handle) -> Option<(usize, usize)> {
        let value = handle.addr().wrapping_sub(base());
        let kind = value & ((1 << PLACE_SHIFT) - 1);
        let generation = value >> GENERATION_SHIFT;
        (kind == self.kind << KIND_SHIFT && generation < GENERATIONS)
            .then_some((value >> PLACE_SHIFT & ((1 << PLACE_BITS) - 1), generation))
    }
}

/// The address of the memory that handles name; 0 if there is no room for it, and they name none.
fn base() -> usize {
    static BASE: OnceLock<usize> = OnceLock::new();
    *BASE.get_or_init(reserve)
}

#[cfg(target_pointer_width = "64")]
fn reserve() -> usize {
    const SIZE: usize = 1 << (GENERATION_SHIFT + GENERATION_BITS);
    // Far from where anything is, and below 46 bits.
    let hint = std::ptr::without_provenance_mut::<c_void>(1 << 45);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
    // SAFETY: it asks for new memory, in place of none that there is.
    let memory = unsafe { libc::mmap(hint, SIZE, libc::PROT_READ, flags, -1, 0) };
    if memory == libc::MAP_FAILED {
        return 0;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: it is the memory from above, of which a core dump need not have anything.
    unsafe {
        libc::madvise(memory, SIZE, libc::MADV_DONTDUMP);
    }
    memory.expose_provenance()
}

#[cfg(not(target_pointer_width = "64"))]
fn reserve() -> usize {
    0
}

/// What a thread that panicked has left is as good as it was: nothing here is changed in steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_of_one_thing_and_of_no_other_that_comes_after_it() {
        static TABLE: Table<u32> = Table::new(3);
        let first = TABLE.insert(Arc::new(1)).unwrap();
        let second = TABLE.insert(Arc::new(2)).unwrap();
        assert_eq!(TABLE.get(first).as_deref(), Some(&1));
        assert_eq!(TABLE.get(second).as_deref(), Some(&2));
        assert_eq!(TABLE.remove(first).as_deref(), Some(&1));
        assert!(TABLE.get(first).is_none() && TABLE.remove(first).is_none());
        let third = TABLE.insert(Arc::new(3)).unwrap();
        assert_ne!(first, third);
        assert!(TABLE.get(first).is_none());
        assert_eq!(TABLE.get(third).as_deref(), Some(&3));
    }

    #[test]
    fn what_is_no_handle_of_this_kind_names_nothing() {
        static TABLE: Table<u32> = Table::new(3);
        static OTHER: Table<u32> = Table::new(4);
        let handle = TABLE.insert(Arc::new(1)).unwrap();
        assert!(OTHER.insert(Arc::new(1)).is_some());
        assert!(OTHER.get(handle).is_none());
        assert!(TABLE.get(std::ptr::null_mut()).is_none());
        let local = 0_u64;
        assert!(TABLE.get((&raw const local).cast_mut().cast()).is_none());
        for wrong in [1, 4, 1 << 8, 1 << 39, 1 << 40, usize::MAX] {
            let wrong = std::ptr::without_provenance_mut(handle.addr() ^ wrong);
            assert!(TABLE.get(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn every_one_of_many_has_a_handle_of_46_bits() {
        static TABLE: Table<usize> = Table::new(15);
        let handles: Vec<_> = (0..2000)
            .map(|n| TABLE.insert(Arc::new(n)).unwrap())
            .collect();
        for (n, handle) in handles.iter().enumerate() {
            assert!(handle.addr() >> 46 == 0);
            // SAFETY: it is memory of ours, of which so much can be read.
            let read = unsafe {
                std::ptr::with_exposed_provenance::<[u64; 2]>(handle.addr()).read_volatile()
            };
            assert_eq!(read, [0, 0]);
            assert_eq!(TABLE.get(*handle).as_deref(), Some(&n));
        }
    }
}
