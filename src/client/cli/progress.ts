/** One line on a terminal that says how far a command is. What was answered without the server is said everywhere. */
import { inWords } from "../../policy/durations.ts";
import type { OnEvent } from "../events.ts";
import type { ClientContext } from "./context.ts";
import { forTerminal } from "./table.ts";

export interface Progress {
  readonly onEvent: OnEvent;
  /** Takes the line away. */
  end(): void;
}

const eraseLine = "\r\u001b[K";

export function progressOn({ isTerminal, stderr, columns }: ClientContext): Progress {
  let shown = false;
  return {
    onEvent(event) {
      if (event.type === "offline") {
        stderr(
          `${shown ? eraseLine : ""}${event.repository}: the server is away; the answer is ${inWords(event.age)} old.\n`,
        );
        shown = false;
      }
      if (!isTerminal) return;
      if (event.type !== "resolved" && event.type !== "refused") return;
      const { done, total, reference } = event;
      const line = `verified ${done} of ${total}  ${forTerminal(reference)}`;
      stderr(`${eraseLine}${line.slice(0, columns - 1)}`);
      shown = true;
    },
    end() {
      if (shown) stderr(eraseLine);
      shown = false;
    },
  };
}
