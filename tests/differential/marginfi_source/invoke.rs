//! Calls of other programs off chain: SPL Token's transfer moves its amount, everything else does nothing.

use solana_account_info::AccountInfo;
use solana_instruction::Instruction;
use solana_program_entrypoint::ProgramResult;
use solana_program_error::ProgramError;

const TRANSFER: u8 = 3;
const TRANSFER_CHECKED: u8 = 12;
const AMOUNT: std::ops::Range<usize> = 64..72;

pub fn invoke(instruction: &Instruction, infos: &[AccountInfo]) -> ProgramResult {
    invoke_signed(instruction, infos, &[])
}

pub fn invoke_unchecked(instruction: &Instruction, infos: &[AccountInfo]) -> ProgramResult {
    invoke_signed(instruction, infos, &[])
}

pub fn invoke_signed_unchecked(
    instruction: &Instruction,
    infos: &[AccountInfo],
    seeds: &[&[&[u8]]],
) -> ProgramResult {
    invoke_signed(instruction, infos, seeds)
}

pub fn invoke_signed(
    instruction: &Instruction,
    infos: &[AccountInfo],
    _: &[&[&[u8]]],
) -> ProgramResult {
    let (to, amount) = match instruction.data.as_slice() {
        [TRANSFER, amount @ ..] if amount.len() == 8 => (1, amount),
        [TRANSFER_CHECKED, amount @ .., _] if amount.len() == 8 => (2, amount),
        _ => return Ok(()),
    };
    let moved = u64::from_le_bytes(amount.try_into().unwrap());
    let named = |place: usize| {
        let key = instruction.accounts[place].pubkey;
        infos.iter().find(|info| *info.key == key).unwrap()
    };
    let held =
        |info: &AccountInfo| u64::from_le_bytes(info.data.borrow()[AMOUNT].try_into().unwrap());
    let left = held(named(0))
        .checked_sub(moved)
        .ok_or(ProgramError::Custom(1))?;
    named(0).try_borrow_mut_data()?[AMOUNT].copy_from_slice(&left.to_le_bytes());
    let sum = held(named(to)).wrapping_add(moved); // as much as anybody needs
    named(to).try_borrow_mut_data()?[AMOUNT].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}
