//! Runs transactions of marginfi's published source natively: `driver <trials> <outcomes>`.
//!
//! A trial is time, slot, accounts and instructions; its outcome is the first failing instruction's code (0 for none, -1 for a
//! panic or an error without a code, -2 for a write to an account that is not writable) and every account's bytes afterwards.
//! Token and system programs do nothing here: what they move is not compared.

use std::cell::RefCell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;

use anchor_lang::prelude::{AccountInfo, Pubkey};
use anchor_lang::solana_program::program_error::ProgramError;
use solana_instruction::{BorrowedAccountMeta, BorrowedInstruction};
use solana_program::program_stubs::{set_syscall_stubs, SyscallStubs};

const INSTRUCTIONS: Pubkey = solana_instructions_sysvar::ID;
const LOADER: [u8; 32] = *b"a program, whatever it is owned ";
static CLOCK: std::sync::Mutex<(u64, i64)> = std::sync::Mutex::new((0, 0));

struct Quiet;

impl SyscallStubs for Quiet {
    fn sol_log(&self, _: &str) {}
    fn sol_log_data(&self, _: &[&[u8]]) {}
    fn sol_get_clock_sysvar(&self, address: *mut u8) -> u64 {
        let (slot, time) = *CLOCK.lock().unwrap();
        let clock = solana_program::clock::Clock {
            slot,
            unix_timestamp: time,
            ..Default::default()
        };
        Quiet::write(address, clock)
    }
    fn sol_get_rent_sysvar(&self, address: *mut u8) -> u64 {
        Quiet::write(address, solana_program::rent::Rent::default())
    }
}

impl Quiet {
    fn write<T>(address: *mut u8, value: T) -> u64 {
        unsafe { address.cast::<T>().write(value) };
        0
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(length);
        self.0 = rest;
        head
    }
    fn u32(&mut self) -> usize {
        u32::from_le_bytes(self.take(4).try_into().unwrap()) as usize
    }
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }
    fn key(&mut self) -> Pubkey {
        Pubkey::new_from_array(self.take(32).try_into().unwrap())
    }
}

struct Step {
    metas: Vec<(usize, u8)>,
    data: Vec<u8>,
}

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

/// Returns bytes at an address whose ninth byte, where the fields start, is aligned like the fields.
fn aligned(data: &[u8]) -> &'static mut [u8] {
    let words = Box::leak(vec![0u128; data.len() / 16 + 2].into_boxed_slice());
    let bytes = unsafe {
        std::slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u8>().add(8), data.len())
    };
    bytes.copy_from_slice(data);
    bytes
}

fn account(read: &mut Reader) -> AccountInfo<'static> {
    let (key, owner) = (leak(read.key()), leak(read.key()));
    let lamports = leak(read.u64());
    let length = read.u32();
    let data = aligned(read.take(length));
    AccountInfo {
        key,
        owner,
        lamports: Rc::new(RefCell::new(lamports)),
        data: Rc::new(RefCell::new(data)),
        is_signer: false,
        is_writable: false,
        executable: owner.to_bytes() == LOADER,
        ..AccountInfo::new(key, false, false, leak(0), &mut [], owner, false)
    }
}

fn run(accounts: &[AccountInfo<'static>], steps: &'static [Step], flags: &[u8]) -> i64 {
    let sysvar = accounts.iter().find(|it| *it.key == INSTRUCTIONS);
    let readonly = |place: &usize| flags[*place] & 2 == 0 && *accounts[*place].key != INSTRUCTIONS;
    for (number, step) in steps.iter().enumerate() {
        if let Some(sysvar) = sysvar {
            let mut data = sysvar.data.borrow_mut();
            let at = data.len() - 2;
            data[at..].copy_from_slice(&(number as u16).to_le_bytes());
        }
        let mut infos: Vec<AccountInfo<'static>> = Vec::new();
        for (place, _) in &step.metas {
            let mut info = accounts[*place].clone();
            (info.is_signer, info.is_writable) = (flags[*place] & 1 != 0, flags[*place] & 2 != 0);
            infos.push(info);
        }
        let infos: &'static [AccountInfo<'static>] = Box::leak(infos.into_boxed_slice());
        let bytes = |place: usize| accounts[place].data.borrow().to_vec();
        let kept = (0..accounts.len()).filter(readonly);
        let kept: Vec<_> = kept.map(|place| (place, bytes(place))).collect();
        let entered = || marginfi::entry(&marginfi::ID, infos, &step.data);
        match catch_unwind(AssertUnwindSafe(entered)) {
            Err(_) => return -1,
            Ok(Err(ProgramError::Custom(code))) => return i64::from(code),
            Ok(Err(_)) => return -1,
            Ok(Ok(())) => {}
        }
        if kept.iter().any(|(place, before)| bytes(*place) != *before) {
            return -2;
        }
    }
    0
}

/// Returns the bytes of the instructions sysvar, up to the number of the instruction that runs.
fn instructions(accounts: &[AccountInfo], steps: &[Step], flags: &[u8]) -> Vec<u8> {
    fn borrowed<'s>(
        step: &'s Step,
        accounts: &'s [AccountInfo],
        flags: &[u8],
    ) -> BorrowedInstruction<'s> {
        let Step { metas, data } = step;
        let accounts = metas.iter().map(|(place, _)| BorrowedAccountMeta {
            pubkey: accounts[*place].key,
            is_signer: flags[*place] & 1 != 0,
            is_writable: flags[*place] & 2 != 0,
        });
        BorrowedInstruction {
            program_id: &marginfi::ID,
            accounts: accounts.collect(),
            data,
        }
    }
    let all: Vec<_> = steps
        .iter()
        .map(|step| borrowed(step, accounts, flags))
        .collect();
    solana_instructions_sysvar::construct_instructions_data(&all)
}

fn step(read: &mut Reader) -> Step {
    let metas = (0..read.u32())
        .map(|_| (read.u32(), read.take(1)[0]))
        .collect();
    let length = read.u32();
    Step {
        metas,
        data: read.take(length).to_vec(),
    }
}

fn main() {
    let names: Vec<String> = std::env::args().collect();
    let input = std::fs::read(&names[1]).unwrap();
    let (mut read, mut out) = (Reader(&input), Vec::new());
    set_syscall_stubs(Box::new(Quiet));
    if std::env::var_os("LOUD").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    while !read.0.is_empty() {
        let (time, slot) = (read.u64() as i64, read.u64());
        *CLOCK.lock().unwrap() = (slot, time);
        let mut accounts: Vec<_> = (0..read.u32()).map(|_| account(&mut read)).collect();
        let steps: Vec<Step> = (0..read.u32()).map(|_| step(&mut read)).collect();
        let steps: &'static [Step] = Box::leak(steps.into_boxed_slice());
        let mut flags = vec![0; accounts.len()];
        for (place, flag) in steps.iter().flat_map(|step| &step.metas) {
            flags[*place] |= flag;
        }
        let bytes = instructions(&accounts, steps, &flags);
        if let Some(sysvar) = accounts.iter_mut().find(|it| *it.key == INSTRUCTIONS) {
            sysvar.data = Rc::new(RefCell::new(aligned(&bytes)));
        }
        out.extend(run(&accounts, steps, &flags).to_le_bytes());
        for account in &accounts {
            let data = account.data.borrow();
            out.extend((data.len() as u32).to_le_bytes());
            out.extend_from_slice(&data);
        }
    }
    std::fs::write(&names[2], out).unwrap();
}
