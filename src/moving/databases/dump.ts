/**
 * Rows of a MySQL or MariaDB dump, without a driver: the file is read once from end to end, and holds what somebody gave us.
 *
 * - What is not one of the wanted tables is passed over. Of those that are, every row is understood or the dump is refused.
 * - A dump says at its end that it is complete. One that does not is half of one, whatever it holds.
 * - Memory is bounded by one row of wanted columns, and one piece of the file with the rows in it, however long the file is.
 */
import { DatabaseError } from "./errors.ts";
import { Lexer, type Token } from "./lexer.ts";
import type { Table } from "./tables.ts";

/** One row: what was wanted of it, by column. Null as the database has it. */
export type Row<Column extends string = string> = ReadonlyMap<Column, Buffer | null>;

const mostColumns = 64;
const largestValue = 64 * 1_024 * 1_024;
/** Bytes of what is wanted of one row. */
const largestRow = 2 * largestValue;

/**
 * Rows of one table, in the order of the dump.
 * Throws `DUMP_MALFORMED`, `DUMP_CUT_OFF`, `DATABASE_FOREIGN`, what reading the file throws. What came before must not be used then.
 */
export async function* rowsOfDump<Column extends string>(
  chunks: AsyncIterable<Uint8Array>,
  table: Table<Column>,
  { testingOnlyLargestRow = largestRow }: { readonly testingOnlyLargestRow?: number } = {},
): AsyncGenerator<Row<Column>> {
  const rows: Row<Column>[] = [];
  const reader = new DumpReader(table, (row) => rows.push(row), testingOnlyLargestRow);
  for await (const chunk of chunks) {
    reader.push(chunk);
    yield* rows.splice(0);
  }
  reader.end();
  yield* rows.splice(0);
}

type State =
  | "start"
  | "passed over"
  | "create"
  | "create name"
  | "columns"
  | "insert name"
  | "insert"
  | "insert columns"
  | "rows"
  | "value"
  | "hexadecimal"
  | "after value"
  | "after row";

/** Words that may stand before the name in INSERT or CREATE TABLE. */
const beforeName = /^(INTO|IGNORE|LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IF|NOT|EXISTS)$/i;
/** Words that begin what is no column in a definition. */
const noColumn = /^(PRIMARY|KEY|UNIQUE|INDEX|CONSTRAINT|FOREIGN|FULLTEXT|SPATIAL|CHECK|PERIOD)$/i;
/** Where a semicolon ends a statement: everywhere but in one that is of interest and not finished. */
const mayEnd: ReadonlySet<State> = new Set<State>([
  "start",
  "passed over",
  "after row",
  "create",
  "create name",
  "insert name",
]);
const header = /^(MySQL|MariaDB) dump/i;
const footer = /^Dump completed/i;

class DumpReader<Column extends string> {
  readonly #table: Table<Column>;
  readonly #emit: (row: Row<Column>) => void;
  readonly #lexer: Lexer;
  readonly #largestRow: number;
  #state: State = "start";
  #isCreate = false;
  /** Of the statement at hand. */
  #name = "";
  #depth = 0;
  #atItem = false;
  #columns: string[] = [];
  /** Of the row at hand; null also where the column is not wanted. */
  #values: (Buffer | null)[] = [];
  #rowBytes = 0;
  /** The table's own columns, once they were said. */
  #defined: readonly string[] | undefined;
  #isComplete = false;
  #isBegun = false;

  constructor(table: Table<Column>, emit: (row: Row<Column>) => void, largest: number) {
    this.#table = table;
    this.#largestRow = largest;
    this.#emit = emit;
    this.#lexer = new Lexer({ value: largestValue }, (token) => this.#take(token));
  }

  push(chunk: Uint8Array): void {
    this.#lexer.push(chunk);
  }

  end(): void {
    if (!this.#lexer.end() || this.#state !== "start" || !this.#isComplete) throw cutOff();
    if (this.#defined === undefined) {
      throw new DatabaseError(
        "DATABASE_FOREIGN",
        `The dump has no table ${this.#table.name}: it is not one of the old ${this.#table.of}'s database.`,
      );
    }
  }

  #take(token: Token): void {
    if (token.kind === "comment") {
      this.#comment(token.text);
      return;
    }
    this.#isComplete = false;
    this.#isBegun = true;
    const isEnd = token.kind === "mark" && token.text === ";" && mayEnd.has(this.#state);
    this.#state = isEnd ? "start" : this.#next(token);
    this.#lexer.wanted = this.#state === "value" || this.#state === "hexadecimal";
  }

  #comment(text: string): void {
    if (footer.test(text)) this.#isComplete = this.#state === "start";
    // Where a second dump begins, the first must have ended.
    else if (header.test(text) && this.#isBegun && !this.#isComplete) throw cutOff();
  }

  /** The state after a token. */
  #next(token: Token): State {
    switch (this.#state) {
      case "start":
        return this.#begin(token);
      case "passed over":
        return "passed over";
      case "create":
        return isWord(token, "TABLE") ? "create name" : "passed over";
      case "create name":
      case "insert name":
        return this.#nameTable(token);
      case "columns":
        return this.#define(token);
      case "insert":
        return this.#insert(token);
      case "insert columns":
        return this.#insertColumns(token);
      case "rows":
      case "after row":
        return this.#row(token);
      case "value":
        return this.#value(token);
      case "hexadecimal":
        return this.#hexadecimal(token);
      case "after value":
        return this.#afterValue(token);
    }
  }

  #begin(token: Token): State {
    this.#isCreate = isWord(token, "CREATE");
    if (this.#isCreate) return "create";
    return isWord(token, "INSERT") || isWord(token, "REPLACE") ? "insert name" : "passed over";
  }

  #nameTable(token: Token): State {
    if (token.kind === "word" && beforeName.test(token.text)) return this.#state;
    if (token.kind !== "name" && token.kind !== "word") throw this.#malformed("a table has no name");
    this.#name = token.text;
    this.#columns = [];
    return "insert";
  }

  /** What stands after the table's name. */
  #insert(token: Token): State {
    if (isMark(token, ".")) return this.#isCreate ? "create name" : "insert name";
    if (this.#name !== this.#table.name) return "passed over";
    if (this.#isCreate && isMark(token, "(")) {
      if (this.#defined !== undefined) throw this.#malformed(`more than one table ${this.#name}`);
      this.#depth = 1;
      this.#atItem = true;
      return "columns";
    }
    if (!this.#isCreate && isMark(token, "(") && this.#columns.length === 0) return "insert columns";
    if (!this.#isCreate && (isWord(token, "VALUES") || isWord(token, "VALUE"))) {
      if (this.#columns.length === 0) this.#columns = [...(this.#defined ?? [])];
      this.#defined ??= this.#columns;
      this.#checkColumns(this.#columns);
      return "rows";
    }
    throw this.#malformed("a statement is not understood");
  }

  #define(token: Token): State {
    if (isMark(token, "(")) this.#depth++;
    if (isMark(token, ")")) this.#depth--;
    if (this.#depth === 0) {
      this.#checkColumns(this.#columns);
      this.#defined = this.#columns;
      return "passed over";
    }
    if (isMark(token, ",") && this.#depth === 1) this.#atItem = true;
    else if (this.#atItem) {
      this.#atItem = false;
      const isColumn = token.kind === "name" || (token.kind === "word" && !noColumn.test(token.text));
      if (isColumn) this.#addColumn(token.text);
    }
    return "columns";
  }

  #insertColumns(token: Token): State {
    if (isMark(token, ")")) return "insert";
    if (token.kind === "name" || token.kind === "word") this.#addColumn(token.text);
    else if (!isMark(token, ",")) throw this.#malformed("a list of columns is not understood");
    return "insert columns";
  }

  #addColumn(name: string): void {
    if (this.#columns.length >= mostColumns) throw this.#malformed(`more than ${mostColumns} columns`);
    this.#columns.push(name);
  }

  #checkColumns(columns: readonly string[]): void {
    const missing = this.#table.columns.find((column) => !columns.includes(column));
    if (missing === undefined) return;
    throw new DatabaseError(
      "DATABASE_FOREIGN",
      `The table ${this.#table.name} in the dump has no column ${missing}: it is not one of the old ${this.#table.of}'s database, or is older than Notary 0.3.`,
    );
  }

  #row(token: Token): State {
    if (isMark(token, ",") && this.#state === "after row") return "rows";
    if (!isMark(token, "(") || this.#state === "after row") throw this.#malformed("a row is not understood");
    this.#values = [];
    this.#rowBytes = 0;
    return "value";
  }

  #value(token: Token): State {
    if (token.kind === "string") return this.#addValue(token.bytes);
    if (token.kind !== "word") throw this.#malformed("a value is not understood");
    const { text } = token;
    // A character set before a string changes no byte of it.
    if (text.startsWith("_")) return "value";
    if (text === "x" || text === "X") return "hexadecimal";
    if (text.toUpperCase() === "NULL") return this.#addValue(null);
    if (!/^[-+]?[0-9][0-9.eE+-]*$/.test(text)) throw this.#malformed("a value is not understood");
    return this.#addValue(Buffer.from(text));
  }

  #hexadecimal(token: Token): State {
    const digits = token.kind === "string" ? token.bytes.toString("latin1") : "x";
    if (digits.length % 2 !== 0 || !/^[0-9A-Fa-f]*$/.test(digits))
      throw this.#malformed("a hexadecimal value is none");
    return this.#addValue(Buffer.from(digits, "hex"));
  }

  #addValue(value: Buffer | null): State {
    if (this.#values.length >= this.#columns.length) throw this.#malformed("a row has too many values");
    const column = this.#columns[this.#values.length] ?? "";
    const isWanted = (this.#table.columns as readonly string[]).includes(column);
    this.#values.push(isWanted ? value : null);
    this.#rowBytes += isWanted ? (value?.length ?? 0) : 0;
    if (this.#rowBytes > this.#largestRow) throw this.#malformed("a row is too large");
    return "after value";
  }

  #afterValue(token: Token): State {
    if (isMark(token, ",")) return "value";
    if (!isMark(token, ")")) throw this.#malformed("a row is not understood");
    if (this.#values.length !== this.#columns.length) throw this.#malformed("a row has too few values");
    const wanted = this.#table.columns.map(
      (column) => [column, this.#values[this.#columns.indexOf(column)] ?? null] as const,
    );
    this.#emit(new Map(wanted));
    return "after row";
  }

  #malformed(what: string): DatabaseError {
    return this.#lexer.malformed(what);
  }
}

function isMark(token: Token, mark: string): boolean {
  return token.kind === "mark" && token.text === mark;
}

function isWord(token: Token, word: string): boolean {
  return token.kind === "word" && token.text.toUpperCase() === word;
}

function cutOff(): DatabaseError {
  return new DatabaseError(
    "DUMP_CUT_OFF",
    "The dump does not end with the line “-- Dump completed”, so it is not whole: make it anew, without --skip-comments and --compact.",
  );
}
