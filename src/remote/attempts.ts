/**
 * Failed logins of a reader: the writer remembers them, for all readers of a server.
 *
 * - It is asked while the password is looked at, and told afterwards; nobody waits for it longer than `longestAsking`.
 * - A wait that was heard of is remembered until it is over: who guesses on is refused without a question.
 * - What the writer cannot be told, because there is none just now or because too much is under way, is counted here: without it
 *   each reader counts for itself.
 * - Bounded: so many messages under way, so that a flood of logins leaves the writer to those who publish.
 */
import { LRUCache } from "lru-cache";
import { Attempts, defaultAttempts, type LoginWaits, longestAsking } from "../service/access/attempts.ts";
import type { Answer, Ask } from "./answer.ts";

/** What is asked of the writer. */
export interface AttemptPlace {
  readonly name: string;
  readonly address: string;
  /** By the clock of the machine, which all processes share. */
  readonly now: number;
}

/** Messages under way at one time. The channel takes more (`serve/supervisor.ts`). */
const mostUnderWay = 64;
/** Characters of a name that are sent: more than any user's has. */
const longestName = 255;

export function remoteAttempts(ask: Ask): LoginWaits {
  const own = new Attempts();
  /** When waits are over that were heard of, by address and name. */
  const heard = new LRUCache<string, number>({ max: defaultAttempts.remembered });
  let underWay = 0;

  /** Undefined: it was not said, and nobody knows what the writer has made of it. */
  async function say(operation: string, place: AttemptPlace): Promise<number | undefined> {
    if (underWay >= mostUnderWay) return undefined;
    underWay += 1;
    const answer: Answer = await ask(`attempts.${operation}`, place).finally(() => {
      underWay -= 1;
    });
    if (answer.kind !== "done") return undefined;
    const wait = answer.value as number;
    if (wait > 0) heard.set(keyOf(place), place.now + wait);
    return wait;
  }

  return {
    waitOf(name, address, now) {
      const until = heard.get(keyOf({ name, address })) ?? now;
      return Math.max(0, until - now, own.waitOf(name, address, now));
    },
    async ask(name, address, now) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<undefined>((resolve) => {
        timer = setTimeout(() => resolve(undefined), longestAsking);
      });
      const wait = await Promise.race([say("wait", placeOf(name, address, now)), late]);
      clearTimeout(timer);
      return wait ?? 0;
    },
    failed(name, address, now) {
      void say("failed", placeOf(name, address, now)).then((wait) => {
        if (wait === undefined) own.failed(name, address, now);
      });
    },
    succeeded(name, address) {
      own.succeeded(name, address);
      heard.delete(keyOf({ name, address }));
      void say("succeeded", placeOf(name, address, 0));
    },
  };
}

function placeOf(name: string, address: string, now: number): AttemptPlace {
  return { name: name.slice(0, longestName), address, now };
}

/** No address has a space in it. */
function keyOf({ name, address }: Pick<AttemptPlace, "name" | "address">): string {
  return `${address} ${name.slice(0, longestName)}`;
}
