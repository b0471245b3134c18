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
//! To find a thing by its handle is a part of every call: it takes no lock, and one count.
//!
//! Others do read there: libraries on top of libzmq look at the first bytes of whatever they are given,
//! to tell their own sockets, which have a mark there, from libzmq's. So all these numbers are addresses
//! of memory that is zero, cannot be written, and is only there when it is looked at ([`base`]).

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::border::Handle;

/// All things of one kind.
#[derive(Debug)]
pub(crate) struct Table<T> {
    kind: usize,
    chunks: [OnceLock<Box<[Place<T>]>>; CHUNKS],
    vacant: Mutex<Vacant>,
}

/// Where there is room.
#[derive(Debug)]
struct Vacant {
    /// Those that had a tenant.
    places: Vec<usize>,
    /// All from here on have had none.
    fresh: usize,
}

/// Room for one thing. Who asks for it counts himself among its visitors first, and sees then which
/// tenant it is that he has found:
///
/// ```text
///              insert              remove                     the last visitor leaves
///   vacant ─────────────► let ──────────────► given notice ──────────────────────────► vacant
///     generation + 1        visitors come       no visitor gets in                       the thing is dropped
/// ```
///
/// All of that is in one word, so that each step is one operation on it: a thing is taken out by the one
/// who has made its place vacant, at a time when nobody is in, and nobody gets in.
// A line of the cache for each: sockets of different threads are not in each other's way.
#[derive(Debug)]
#[repr(align(64))]
struct Place<T> {
    state: AtomicU64,
    /// Written by who has the place for himself: while it is vacant the one who lets it, whose number
    /// nobody else has from [`Vacant`]; at the end the one who has made it vacant. Read by visitors.
    thing: UnsafeCell<Option<Arc<T>>>,
}

// SAFETY: a thing is written as said above, by one thread at a time with nobody else there, and is read
// after its writer has let the place (Release), by who has seen that (Acquire).
unsafe impl<T: Send + Sync> Sync for Place<T> {}

/// The lowest bits of a state count the visitors, also those who will find that they are wrong here.
const VISITOR: u64 = 1;
const VISITORS: u64 = (1 << 32) - 1;
const LET: u64 = 1 << 32;
const NOTICE: u64 = 1 << 33;
/// All from here on are the generation.
const TENANT_SHIFT: u32 = 34;

const CHUNK: usize = 256;
const CHUNKS: usize = 4096;
const PLACE_BITS: u32 = 20;
const PLACE_SHIFT: u32 = 8;
const KIND_SHIFT: u32 = 4;
const GENERATION_SHIFT: u32 = PLACE_SHIFT + PLACE_BITS;
const GENERATION_BITS: u32 = if usize::BITS >= 64 { 12 } else { 4 };
const GENERATIONS: usize = 1 << GENERATION_BITS;

impl<T> Place<T> {
    fn new() -> Self {
        Self {
            state: AtomicU64::new(0),
            thing: UnsafeCell::new(None),
        }
    }

    fn generation(state: u64) -> usize {
        // As many bits as there are, of which a handle has fewer.
        usize::try_from(state >> TENANT_SHIFT).unwrap_or_default()
    }

    /// Puts a thing into a vacant place, which nobody else does; gives its generation.
    fn fill(&self, thing: Arc<T>) -> usize {
        let before = Self::generation(self.state.load(Ordering::Relaxed));
        // From 1 on, so that no handle is null.
        let generation = before % (GENERATIONS - 1) + 1;
        // SAFETY: it is vacant, so that visitors do not look at the thing; the number of the place was
        // given to this caller alone.
        unsafe { *self.thing.get() = Some(thing) };
        let tenancy = |of: usize| (of as u64) << TENANT_SHIFT;
        let change = tenancy(generation)
            .wrapping_sub(tenancy(before))
            .wrapping_add(LET);
        // Whoever is just about to find that he is wrong here stays counted.
        self.state.fetch_add(change, Ordering::Release);
        generation
    }

    /// Comes in, if it is let to this generation.
    #[inline]
    fn enter(&self, generation: usize) -> Option<&Arc<T>> {
        let state = self.state.fetch_add(VISITOR, Ordering::Acquire);
        if state & (LET | NOTICE) != LET || Self::generation(state) != generation {
            return None;
        }
        // SAFETY: it was let when this visitor was counted, so the thing was put in before, and stays
        // until he has left.
        unsafe { (*self.thing.get()).as_ref() }
    }

    /// Gives the tenant of this generation notice; `false` if that is none, or has it.
    fn give_notice(&self, generation: usize) -> bool {
        let given = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |state| {
                let is_let = state & (LET | NOTICE) == LET;
                (is_let && Self::generation(state) == generation).then_some(state | NOTICE)
            });
        given.is_ok()
    }

    /// Leaves, after having come in or in vain; the thing, if it is for this visitor to drop.
    #[inline]
    fn leave(&self) -> Option<Arc<T>> {
        let left = self.state.fetch_sub(VISITOR, Ordering::AcqRel) - VISITOR;
        if left & NOTICE == 0 || left & VISITORS != 0 {
            return None;
        }
        self.clear(left)
    }

    #[cold]
    fn clear(&self, left: u64) -> Option<Arc<T>> {
        let vacant = left & !(LET | NOTICE);
        self.state
            .compare_exchange(left, vacant, Ordering::AcqRel, Ordering::Relaxed)
            .ok()?;
        // SAFETY: nobody is in, and nobody who comes looks at a vacant place; it is not to be had for
        // another before this one has given its number back.
        unsafe { (*self.thing.get()).take() }
    }
}

/// A thing that a handle names, which stays as long as this.
#[derive(Debug)]
pub(crate) struct Visit<T: 'static> {
    handle: Handle,
    table: &'static Table<T>,
    number: usize,
    place: &'static Place<T>,
    thing: &'static Arc<T>,
}

impl<T> Visit<T> {
    /// Whether this is what the handle names, still.
    #[inline]
    pub(crate) fn is_to(&self, handle: Handle) -> bool {
        self.handle == handle && self.is_welcome()
    }

    /// Whether the thing has not been taken out meanwhile.
    #[inline]
    pub(crate) fn is_welcome(&self) -> bool {
        // The generation is the same as long as somebody is in.
        self.place.state.load(Ordering::Acquire) & NOTICE == 0
    }

    /// The thing itself, for longer.
    pub(crate) fn share(&self) -> Arc<T> {
        self.thing.clone()
    }

    /// The thing, for as long as nobody drops the visit, which is for the caller to see to.
    ///
    /// # Safety
    ///
    /// What is returned must not be used any more when the visit is over.
    pub(crate) unsafe fn thing(&self) -> &'static Arc<T> {
        self.thing
    }
}

impl<T> Deref for Visit<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.thing
    }
}

impl<T> Drop for Visit<T> {
    #[inline]
    fn drop(&mut self) {
        self.table.leave(self.number, self.place);
    }
}

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
        let places = || std::iter::repeat_with(Place::new).take(CHUNK).collect();
        let chunk = self.chunks.get(number / CHUNK)?.get_or_init(places);
        let generation = chunk.get(number % CHUNK)?.fill(thing);
        Some(self.handle(number, generation))
    }

    /// The thing of a handle.
    #[inline]
    pub(crate) fn visit(&'static self, handle: Handle) -> Option<Visit<T>> {
        let (number, generation) = self.read(handle)?;
        let place = self.place(number)?;
        match place.enter(generation) {
            Some(thing) => Some(Visit {
                handle,
                table: self,
                number,
                place,
                thing,
            }),
            None => {
                self.leave(number, place);
                None
            }
        }
    }

    /// The same, to be kept.
    pub(crate) fn get(&'static self, handle: Handle) -> Option<Arc<T>> {
        self.visit(handle).map(|visit| visit.share())
    }

    /// Takes a thing out: the handle is of no use from then on.
    pub(crate) fn remove(&'static self, handle: Handle) -> Option<Arc<T>> {
        let visit = self.visit(handle)?;
        let generation = self.read(handle)?.1;
        visit.place.give_notice(generation).then(|| visit.share())
    }

    #[inline]
    fn leave(&self, number: usize, place: &Place<T>) {
        if let Some(thing) = place.leave() {
            lock(&self.vacant).places.push(number);
            drop(thing);
        }
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
    #[inline]
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
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, AtomicUsize};

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
    fn a_thing_is_dropped_once_by_the_last_who_leaves_and_nobody_sees_it_gone() {
        /// Alive until it is dropped, which is once.
        struct Alive(AtomicBool);

        static DROPPED: AtomicUsize = AtomicUsize::new(0);

        impl Drop for Alive {
            fn drop(&mut self) {
                assert!(self.0.swap(false, Ordering::SeqCst));
                DROPPED.fetch_add(1, Ordering::SeqCst);
            }
        }

        static TABLE: Table<Alive> = Table::new(3);
        const ROUNDS: usize = if cfg!(miri) { 20 } else { 2000 };
        for _ in 0..ROUNDS {
            let handle = TABLE
                .insert(Arc::new(Alive(AtomicBool::new(true))))
                .unwrap();
            let start = Barrier::new(3);
            let removed: usize = std::thread::scope(|scope| {
                let each = [true, true, false].map(|removes| {
                    let (start, handle) = (&start, handle.addr());
                    scope.spawn(move || {
                        let handle = std::ptr::without_provenance_mut(handle);
                        start.wait();
                        let mut removed = 0;
                        for _ in 0..4 {
                            if let Some(visit) = TABLE.visit(handle) {
                                assert!(visit.0.load(Ordering::SeqCst));
                            }
                            if removes {
                                removed += usize::from(TABLE.remove(handle).is_some());
                            }
                        }
                        removed
                    })
                });
                each.map(|one| one.join().unwrap()).iter().sum()
            });
            assert_eq!(removed, 1);
            assert!(TABLE.visit(handle).is_none());
        }
        assert_eq!(DROPPED.load(Ordering::SeqCst), ROUNDS);
        // The one place has been enough for all of them.
        assert_eq!(lock(&TABLE.vacant).fresh, 1);
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
