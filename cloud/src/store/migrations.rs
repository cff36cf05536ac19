//! The schema, one step a version. A step that was released is never changed.

use rusqlite::Connection;

use super::StoreError;

/// The steps in order; the database's `user_version` says how many it has taken.
const STEPS: &[&str] = &[
    include_str!("v1.sql"),
    include_str!("v2.sql"),
    include_str!("v3.sql"),
    include_str!("v4.sql"),
    include_str!("v5.sql"),
    include_str!("v6.sql"),
    include_str!("v7.sql"),
    include_str!("v8.sql"),
    include_str!("v9.sql"),
    include_str!("v10.sql"),
    include_str!("v11.sql"),
    include_str!("v12.sql"),
];

/// The version of a database that has taken all of them.
#[must_use]
pub const fn newest() -> usize {
    STEPS.len()
}

/// Takes the missing steps, each in its own transaction.
///
/// # Errors
/// When the database is newer than this program, or a step fails.
pub fn apply(connection: &mut Connection) -> Result<(), StoreError> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let taken = usize::try_from(version).map_err(|_| StoreError::Newer(version))?;
    if taken > STEPS.len() {
        return Err(StoreError::Newer(version));
    }
    for (step, next) in STEPS.iter().zip(1u32..).skip(taken) {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_before_goes_on_with_what_it_holds() {
        let mut connection = Connection::open_in_memory().unwrap();
        STEPS[..4]
            .iter()
            .for_each(|step| connection.execute_batch(step).unwrap());
        connection.pragma_update(None, "user_version", 4).unwrap();
        let account = "INSERT INTO accounts VALUES (x'01', x'', x'', x'', x'', 1, 1, 1, 0)";
        let verification = "INSERT INTO verifications VALUES (x'01', x'', 'email', x'', x'', x'', '', 0, 0, x'', 5, x'', NULL, NULL, 0)";
        let device =
            "INSERT INTO devices VALUES (x'01', x'01', x'', x'', x'', x'', 1, x'', x'', 'active', 0, 0)";
        for row in [account, verification, device] {
            connection.execute(row, []).unwrap();
        }
        apply(&mut connection).unwrap();
        let asked = |sql: &str| {
            connection
                .query_row(sql, [], |row| row.get::<_, String>(0))
                .unwrap()
        };
        assert_eq!(
            asked("SELECT purpose FROM verifications WHERE account IS NULL"),
            "registration"
        );
        assert_eq!(
            asked(
                "SELECT count(*) || '' FROM accounts JOIN devices WHERE deleted_at IS NULL AND removed_at IS NULL AND kind IS NULL"
            ),
            "1"
        );
        let sets = || asked("SELECT group_concat(memory_kib || ':' || accounts) FROM parameter_sets");
        connection
            .execute("UPDATE accounts SET memory_kib = 2", [])
            .unwrap();
        assert_eq!(sets(), "2:1");
        connection
            .execute("UPDATE accounts SET deleted_at = 1", [])
            .unwrap();
        assert_eq!(asked("SELECT count(*) || '' FROM parameter_sets"), "0");
    }

    #[test]
    fn what_an_account_uses_is_counted_with_its_rows_and_ids_once_it_is() {
        let mut connection = Connection::open_in_memory().unwrap();
        STEPS[..5]
            .iter()
            .for_each(|step| connection.execute_batch(step).unwrap());
        connection.pragma_update(None, "user_version", 5).unwrap();
        let fill = "
            PRAGMA foreign_keys = OFF;
            INSERT INTO sync_accounts (account, sequence, forgotten, key_epoch, used)
                VALUES (zeroblob(16), 2, 0, 1, 15), (randomblob(16), 0, 0, 1, 7);
            INSERT INTO records (account, collection, id, revision, sequence, key_epoch, removed, chunks, sealed, until) VALUES
                (zeroblob(16), zeroblob(16), zeroblob(16), zeroblob(16), 1, 1, 0, zeroblob(64), zeroblob(10), NULL),
                (zeroblob(16), zeroblob(16), randomblob(16), zeroblob(16), 2, 1, 1, x'', zeroblob(5), 9);";
        connection.execute_batch(fill).unwrap();
        apply(&mut connection).unwrap();
        let used = |which: &str| -> u64 {
            let sql = format!("SELECT used FROM sync_accounts WHERE account {which} zeroblob(16)");
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!((used("="), used("<>")), (15 + 64 + 2 * 128, 7));
    }
}
