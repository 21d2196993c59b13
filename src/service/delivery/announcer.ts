/** Announcements go into the outbox, once for each receiver there is. */
import type { OutboxLimits, OutboxStore } from "../../store/contract/outbox.ts";
import type { Announcer } from "../announce.ts";

/** A year and more of what an organisation hears, and what its receivers may lag behind by. */
export const outboxLimits: OutboxLimits = { waiting: 100_000, settled: 200_000 };

/** `receivers`: by name. `onNew`: whoever delivers in this process may look now. */
export function outboxAnnouncer(
  outbox: Pick<OutboxStore, "add">,
  receivers: readonly string[],
  onNew: () => void = () => {},
): Announcer {
  return {
    async announce({ data, ...head }) {
      if (await outbox.add({ ...head, data: JSON.stringify(data) }, receivers, outboxLimits)) onNew();
    },
  };
}
