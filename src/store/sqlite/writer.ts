/**
 * One transaction for all changes that arrive together.
 *
 * - Each change has its own savepoint: a loser leaves nothing behind and does not disturb its neighbours.
 * - Nobody is answered, the loser included, before the fate of the commit that carries them is known.
 * - A change is a synchronous function. Between `BEGIN` and `COMMIT` no other code of this process runs, so
 *   that a read never sees an open transaction.
 *
 * **When COMMIT fails**
 * - for a full disk, the change certainly did not happen (`STORE_UNAVAILABLE`): SQLite says `SQLITE_FULL` when it could
 *   not write a part of the log whole, and the part that makes the change count is written last.
 * - for an input or output error, the log may hold the change or not, and a later crash could bring it back. A small
 *   commit then overwrites what the failed one left in the log. If that one succeeds, the change certainly did not
 *   happen (`STORE_UNAVAILABLE`); if not, nobody knows (`COMMIT_UNKNOWN`), until the next successful write settles it
 *   the same way.
 */
import { setImmediate } from "node:timers";
import type Database from "better-sqlite3";
import type { StoreError } from "../../core/errors.ts";
import {
  closed,
  commitUnknown,
  conflict,
  isBusy,
  isFull,
  isRace,
  resultCode,
  unavailable,
} from "./errors.ts";

/** Changes that share one transaction at most, so that reads get their turn. */
const maxGroup = 64;

/**
 * Turns of the event loop from the first change to its transaction. In the second and third, others that are on their way
 * (in the socket, at the signer) get here and share the sync; where nobody is, they take some microseconds.
 */
const turns = 3;

interface Member {
  readonly change: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class Writer {
  readonly #database: Database.Database;
  readonly #begin: Database.Statement<[]>;
  readonly #commit: Database.Statement<[]>;
  readonly #rollback: Database.Statement<[]>;
  readonly #savepoint: Database.Statement<[]>;
  readonly #release: Database.Statement<[]>;
  readonly #rollbackTo: Database.Statement<[]>;
  readonly #settle: Database.Statement<[]>;
  #queue: Member[] = [];
  #scheduled = false;
  #closed = false;
  /** The last physical write failed: `check` must try one before it says that all is well. */
  #failed = false;

  constructor(database: Database.Database) {
    this.#database = database;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollback = database.prepare("ROLLBACK");
    this.#savepoint = database.prepare("SAVEPOINT member");
    this.#release = database.prepare("RELEASE member");
    this.#rollbackTo = database.prepare("ROLLBACK TO member");
    this.#settle = database.prepare("UPDATE settling SET number = number + 1 WHERE id = 1");
  }

  /** Resolves to what `change` returned once it is durable. `change` throws `StoreError` to refuse. */
  run<T>(change: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(closed());
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ change, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** Throws `STORE_UNAVAILABLE` if a change could not be made now. Writes only if the last write failed. */
  probe(): void {
    if (this.#failed) {
      this.#settleNow();
      this.#failed = false;
      return;
    }
    try {
      this.#begin.run();
    } catch (error) {
      throw unavailable(error);
    } finally {
      this.#undo();
    }
  }

  /** Writes what is waiting and takes nothing more. */
  close(): void {
    this.#closed = true;
    while (this.#queue.length > 0) this.#writeGroup();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#writeAfter(turns);
  }

  #writeAfter(left: number): void {
    setImmediate(() => {
      if (left > 1 && this.#queue.length < maxGroup) {
        this.#writeAfter(left - 1);
        return;
      }
      this.#scheduled = false;
      this.#writeGroup();
      if (this.#queue.length > 0) this.#schedule();
    });
  }

  #writeGroup(): void {
    const members = this.#queue.splice(0, maxGroup);
    if (members.length === 0) return;
    let answers: (() => void)[];
    try {
      this.#begin.run();
      answers = members.map((member) => this.#apply(member));
    } catch (error) {
      this.#undo();
      this.#failed = !isBusy(error);
      refuseAll(members, unavailable(error));
      return;
    }
    try {
      this.#commit.run();
    } catch (error) {
      refuseAll(members, this.#afterFailedCommit(error));
      return;
    }
    this.#failed = false;
    for (const answer of answers) answer();
  }

  /** The member's answer, to be given after the commit. Throws what must end the whole transaction. */
  #apply(member: Member): () => void {
    this.#savepoint.run();
    try {
      const value = member.change();
      this.#release.run();
      return () => member.resolve(value);
    } catch (error) {
      const fatal = !this.#database.inTransaction || (resultCode(error) !== undefined && !isRace(error));
      if (fatal) throw error;
      this.#rollbackTo.run();
      this.#release.run();
      const refusal = isRace(error) ? conflict("Somebody else made this change first.", error) : error;
      return () => member.reject(refusal);
    }
  }

  #afterFailedCommit(cause: unknown): StoreError {
    this.#undo();
    if (isBusy(cause)) return unavailable(cause);
    this.#failed = true;
    if (isFull(cause)) return unavailable(cause);
    try {
      this.#settleNow();
      return unavailable(cause);
    } catch {
      return commitUnknown(cause);
    }
  }

  #settleNow(): void {
    try {
      this.#begin.run();
      this.#settle.run();
      this.#commit.run();
    } catch (error) {
      throw unavailable(error);
    } finally {
      this.#undo();
    }
  }

  /** Ends a transaction that is still open. SQLite has ended it itself after some errors. */
  #undo(): void {
    try {
      if (this.#database.inTransaction) this.#rollback.run();
    } catch {
      // Nothing was committed; the next BEGIN fails and says so.
    }
  }
}

function refuseAll(members: readonly Member[], error: StoreError): void {
  for (const member of members) member.reject(error);
}
