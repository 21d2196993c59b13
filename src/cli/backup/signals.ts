/**
 * Signals while a backup is made, checked or restored: they end the process by way of `exit`, where everything that was
 * begun is removed (`backup/folders.ts`, `backup/streams.ts`). Losing the launcher's channel is SIGTERM.
 */
import type { SignalSource } from "../../serve/shutdown.ts";

const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15, disconnect: 15 } as const;

export async function cleaningUp<T>(source: SignalSource, work: () => Promise<T>): Promise<T> {
  const handlers = Object.entries(signals).map(
    ([event, number]) => [event, () => process.exit(128 + number)] as const,
  );
  for (const [event, handler] of handlers) source.on(event, handler);
  try {
    return await work();
  } finally {
    for (const [event, handler] of handlers) source.removeListener(event, handler);
  }
}
