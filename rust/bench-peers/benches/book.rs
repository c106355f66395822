//! The generic book at 100,000 positions of five legs, operation by operation and kernel by kernel.
//!
//! A slower `sweep` means a slower kernel or more bytes a leg; `tick` the prefix or what surrounds the scan; `update` the
//! way of one position through store and order; `anchor` the laying of a new order. Compare with the run before on the same
//! machine (criterion keeps it in `target/criterion`), never with another machine's figures.
#![allow(clippy::unwrap_used)] // a bench that cannot begin should say so at once

use bench_peers::accounts::Reference;
use bench_peers::kamino::Kamino;
use bench_peers::marginfi::Marginfi;
use bench_peers::market::{book, columns, prices, ASSETS};
use bench_peers::save::Save;
use criterion::{criterion_group, criterion_main, BatchSize, Criterion, Throughput};
use liquidation_core::book::generic::kernels::Kernel;
use std::hint::black_box;

const POSITIONS: usize = 100_000;

fn sweeps(criterion: &mut Criterion) {
    let columns = columns(POSITIONS);
    let mut group = criterion.benchmark_group("sweep");
    group.throughput(Throughput::Elements(POSITIONS as u64));
    for kernel in ["avx512", "avx2", "portable"] {
        let Ok(kernel) = Kernel::named(kernel) else {
            continue;
        };
        let book = book(&columns, kernel).unwrap();
        group.bench_function(kernel.name(), |bench| {
            bench.iter(|| black_box(book.screen()))
        });
    }
}

fn ticks(criterion: &mut Criterion) {
    let mut book = book(&columns(POSITIONS), Kernel::best()).unwrap();
    let mut group = criterion.benchmark_group("tick");
    for basis_points in [1, 10, 100] {
        let (mut prices, mut step) = (prices(), 0);
        prices[0] -= prices[0] / 10_000 * basis_points;
        book.tick(&prices, 1, 1).unwrap();
        group.bench_function(format!("{basis_points} bp"), |bench| {
            bench.iter(|| {
                step ^= 1;
                prices[0] ^= step; // one unit more, one less
                black_box(book.tick(&prices, 1, 1).unwrap())
            });
        });
    }
}

fn upkeep(criterion: &mut Criterion) {
    let columns = columns(POSITIONS);
    let mut book = book(&columns, Kernel::best()).unwrap();
    let mut group = criterion.benchmark_group("upkeep");
    let mut place = 0;
    group.bench_function("update", |bench| {
        bench.iter(|| {
            place = (place + 7_919) % POSITIONS;
            let legs = columns.offsets[place] as usize..columns.offsets[place + 1] as usize;
            let (slots, amounts) = (&columns.slots[legs.clone()], &columns.amounts[legs]);
            let offsets = [0, slots.len() as u32];
            black_box(
                book.set_positions(&[place as u64], &offsets, slots, amounts)
                    .unwrap(),
            )
        });
    });
    group.sample_size(20);
    group.bench_function("anchor", |bench| {
        bench.iter_batched(
            || book.begin_anchor(),
            |task| task.lay(),
            BatchSize::LargeInput,
        );
    });
    book.give_up_anchor();
    assert_eq!(book.market().assets().len(), ASSETS);
}

fn accounts(criterion: &mut Criterion) {
    let mut reference = Reference::new(10_000).unwrap();
    let mut group = criterion.benchmark_group("accounts");
    group.throughput(Throughput::Elements(10_000));
    group.sample_size(20);
    group.bench_function("reference, 10,000 states taken", |bench| {
        bench.iter(|| black_box(reference.apply_all()));
    });
    let mut save = Save::new(10_000).unwrap();
    group.bench_function("save, 10,000 states taken", |bench| {
        bench.iter(|| black_box(save.apply_all()));
    });
    let mut kamino = Kamino::new(10_000).unwrap();
    group.bench_function("kamino, 10,000 states taken", |bench| {
        bench.iter(|| black_box(kamino.apply_all()));
    });
    let mut marginfi = Marginfi::new(10_000).unwrap();
    group.bench_function("marginfi, 10,000 states taken", |bench| {
        bench.iter(|| black_box(marginfi.apply_all()));
    });
}

criterion_group!(benches, sweeps, ticks, upkeep, accounts);
criterion_main!(benches);
