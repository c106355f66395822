//! The runtime's bytes: read on the host from a serialization made here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lending_math::Error;
use reference_lending::input::{with_call, Call, MAX_ACCOUNTS};
use reference_lending::instructions::execute;

/// An account as the runtime serializes it, or the place of the earlier one that it is again.
enum Entry {
    New {
        key: u8,
        owner: u8,
        flags: [u8; 3],
        lamports: u64,
        data: Vec<u8>,
    },
    Again(u8),
}

fn account(key: u8, data: &[u8]) -> Entry {
    Entry::New {
        key,
        owner: 200 + key,
        flags: [1, 1, 0],
        lamports: 7,
        data: data.to_vec(),
    }
}

/// Returns the serialization in eight-byte words, so that it is aligned as the runtime's is.
fn serialized(entries: &[Entry], data: &[u8]) -> Vec<u64> {
    let mut bytes = (entries.len() as u64).to_le_bytes().to_vec();
    for entry in entries {
        match entry {
            Entry::Again(place) => bytes.extend([*place, 0, 0, 0, 0, 0, 0, 0]),
            Entry::New {
                key,
                owner,
                flags,
                lamports,
                data,
            } => {
                bytes.push(u8::MAX);
                bytes.extend(flags);
                bytes.extend([0; 4]);
                bytes.extend([*key; 32]);
                bytes.extend([*owner; 32]);
                bytes.extend(lamports.to_le_bytes());
                bytes.extend((data.len() as u64).to_le_bytes());
                bytes.extend(data);
                bytes.resize((bytes.len() + 10_240).next_multiple_of(8), 0);
                bytes.extend(u64::MAX.to_le_bytes());
            }
        }
    }
    bytes.extend((data.len() as u64).to_le_bytes());
    bytes.extend(data);
    bytes.extend([99; 32]);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

fn run(
    entries: &[Entry],
    data: &[u8],
    look: fn(&Call<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut words = serialized(entries, data);
    // SAFETY: the bytes are made as the runtime makes them
    unsafe { with_call(words.as_mut_ptr().cast(), look) }
}

#[test]
fn accounts_data_and_program_are_found() {
    let entries = [
        account(1, b"abc"),
        account(2, b""),
        Entry::Again(0),
        account(4, &[5; 17]),
    ];
    run(&entries, b"hello", |call| {
        assert_eq!((call.data, *call.program), (&b"hello"[..], [99; 32]));
        let [first, second, again, last] = call.exactly()?;
        assert_eq!(
            (*first.key(), first.owner(), first.lamports(), first.len()),
            ([1; 32], [201; 32], 7, 3)
        );
        assert!(second.is_empty());
        assert_eq!(again.key(), first.key());
        last.read(|data| assert_eq!(data, [5; 17]));
        Ok(())
    })
    .unwrap();
}

#[test]
fn an_account_passed_twice_shares_its_bytes() {
    run(&[account(1, b"abc"), Entry::Again(0)], b"", |call| {
        let [first, again] = call.exactly()?;
        first.write(|data| {
            data.copy_from_slice(b"xyz");
            Ok(())
        })?;
        again.read(|data| assert_eq!(data, b"xyz"));
        assert_eq!(first.close(again), Err(Error::InvalidAccount));
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_closed_account_is_empty_and_its_lamports_move() {
    run(&[account(1, b"abc"), account(2, b"")], b"", |call| {
        let [first, second] = call.exactly()?;
        first.close(second)?;
        assert_eq!(
            (first.lamports(), first.len(), first.owner()),
            (0, 0, [0; 32])
        );
        assert_eq!(second.lamports(), 14);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_read_only_account_is_not_written() {
    let entry = Entry::New {
        key: 1,
        owner: 2,
        flags: [0, 0, 0],
        lamports: 0,
        data: vec![1],
    };
    run(&[entry], b"", |call| {
        let [account] = call.exactly()?;
        assert!(!account.is_signer());
        assert_eq!(account.write(|_| Ok(())), Err(Error::InvalidAccount));
        Ok(())
    })
    .unwrap();
}

#[test]
fn too_many_accounts_and_a_reference_forward_are_refused() {
    let many: Vec<Entry> = (0..=MAX_ACCOUNTS).map(|_| account(1, b"")).collect();
    assert_eq!(run(&many, b"", |_| Ok(())), Err(Error::InvalidAccount));
    assert_eq!(
        run(&[Entry::Again(0)], b"", |_| Ok(())),
        Err(Error::InvalidAccount)
    );
}

#[test]
fn data_that_names_no_instruction_is_refused() {
    for data in [&b""[..], b"1234567", b"12345678", &[0; 60]] {
        assert_eq!(run(&[], data, execute), Err(Error::InvalidInstruction));
    }
}
