/** Who hears announcements by this configuration, and the job that tells them. */
import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import { StartError, systemCode } from "../serve/errors.ts";
import type { Announcer } from "../service/announce.ts";
import { systemClock } from "../service/clock.ts";
import type { DeliveryJob } from "../service/delivery/delivery.ts";
import type { Receiver } from "../service/delivery/receiver.ts";
import type { Store } from "../store/contract/store.ts";

/** How often to look for what another process announced, or what is to be tried again. */
const interval = 5_000;

export interface Announcing {
  readonly announcer: Announcer;
  /** Undefined in a process that only announces. */
  readonly job: DeliveryJob | undefined;
}

/** `delivers`: whether this process is the one that tells. Throws `StartError` (`WEBHOOK_UNUSABLE`). */
export async function openAnnouncing(
  config: Config,
  store: Store,
  logger: Logger,
  delivers: boolean,
): Promise<Announcing> {
  const { outboxAnnouncer } = await import("../service/delivery/announcer.ts");
  const { logReceiver, logReceiverName } = await import("../service/delivery/log.ts");
  const { urls } = config.webhooks;
  const { webhookName } = await import("../webhooks/receiver.ts");
  const names = [logReceiverName, ...urls.map(webhookName)];
  if (!delivers) return { announcer: outboxAnnouncer(store.outbox, names), job: undefined };
  const { DeliveryJob } = await import("../service/delivery/delivery.ts");
  const receivers = [logReceiver(logger), ...(await openWebhooks(config))];
  const job = new DeliveryJob({ outbox: store.outbox, receivers, clock: systemClock, logger, interval });
  return { announcer: outboxAnnouncer(store.outbox, names, () => job.wake()), job };
}

async function openWebhooks({ webhooks }: Config): Promise<Receiver[]> {
  const { urls, secrets, source, timeout, allowPrivate } = webhooks;
  if (urls.length === 0) return [];
  const { webhookReceiver } = await import("../webhooks/receiver.ts");
  const keys: (readonly Buffer[])[] = [];
  for (const [index, uri] of secrets.entries()) keys.push(await readKeys(uri, index + 1));
  const ca = webhooks.ca === undefined ? undefined : readAuthorities(webhooks.ca);
  return urls.map((url, index) =>
    webhookReceiver({
      url,
      keys: keys[index] ?? keys[0] ?? [],
      source,
      timeout,
      allowPrivate,
      ca,
      now: () => systemClock.now(),
    }),
  );
}

async function readKeys(uri: string, place: number): Promise<readonly Buffer[]> {
  const { readSecret, wipeSecret } = await import("../signer/secret.ts");
  const { signingKeys } = await import("../webhooks/signature.ts");
  const unusable = (what: string, cause?: unknown) =>
    new StartError("WEBHOOK_UNUSABLE", `webhooks.secrets: number ${place} ${what}`, cause);
  let secret: ReturnType<typeof readSecret>;
  try {
    secret = readSecret(uri);
  } catch (error) {
    throw unusable(`cannot be read: ${error instanceof Error ? error.message : "unknown"}`, error);
  }
  const keys = secret.kind === "passphrase" ? signingKeys(secret.text) : undefined;
  if (secret.kind === "key") wipeSecret(secret);
  if (keys === undefined) {
    throw unusable("is no secret of a webhook: write whsec_ and 24 to 64 random bytes in Base64.");
  }
  return keys;
}

function readAuthorities(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new StartError(
      "WEBHOOK_UNUSABLE",
      `webhooks.ca: ${path} cannot be read (${systemCode(error)}): check its name and rights.`,
      error,
    );
  }
}
