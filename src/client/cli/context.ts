import type { Program } from "../command.ts";

/** The world as a command of the client sees it. `main.ts` gives the real one, tests another. */
export interface ClientContext {
  /** The executable that was called. */
  readonly program: Program;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** All of standard input, at most `bytes`. */
  readonly stdin: (bytes: number) => Promise<string>;
  /** Asks a person; undefined if nobody can be asked. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** True if a person reads standard error. */
  readonly isTerminal: boolean;
  /** Columns of the terminal, or of a page. */
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The clock, in milliseconds since 1970 UTC. */
  readonly now: () => number;
}
