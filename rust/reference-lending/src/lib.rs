//! The reference lending program: deposits, debt, liquidation, bad debt and insurance on SPL Token accounts.
//!
//! `docs/reference-program.md` is its contract. The arithmetic and the accounts' bytes are `lending-math`; this crate
//! checks every account, moves the tokens and stores the result. One file of `instructions` is one subject; `load`
//! says who may stand in an instruction, `legs` prices a position, `token` and `system` call the two programs that
//! this one needs, and all unsafe code is in `input` (the bytes that the runtime hands over) and `syscalls`.
#![cfg_attr(target_os = "solana", no_std)]
#![deny(unsafe_op_in_unsafe_fn)]

pub mod arguments;
pub mod input;
pub mod instructions;
pub mod legs;
pub mod load;
pub mod syscalls;
pub mod system;
pub mod token;

#[cfg(target_os = "solana")]
mod entrypoint;
