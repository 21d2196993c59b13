/** Questions about the past, answered over one repository or all of them; and the register of keys. */
import { RefusedError } from "../../core/errors.ts";
import type { FormatRules } from "../../core/format/format.ts";
import type { Line } from "../../history/answer.ts";
import { type KeyUse, sharedUses } from "../../history/key-uses.ts";
import { maxDenied } from "../../store/contract/register.ts";
import type { Store } from "../../store/contract/store.ts";
import type { Clock } from "../clock.ts";
import type { Principal } from "../principal.ts";
import type { Reading } from "../reading.ts";
import { recordOf } from "../trail/record.ts";
import type {
  AuditAnswer,
  AuditRequest,
  AuditService,
  RegisteredKey,
  RegisteredPlace,
} from "./audit-service.ts";
import { registerPage } from "./audit-service.ts";
import { placeOf, readPlace } from "./place.ts";
import {
  bad,
  changesIn,
  couldSignIn,
  expiringIn,
  given,
  oldIn,
  type Part,
  signaturesIn,
  useLine,
  useLines,
  usesIn,
} from "./questions.ts";
import { HistoryReader, type PastReader } from "./reader.ts";
import { silentIn } from "./silent.ts";
import { simulatedIn } from "./simulations.ts";

/** Files that an answer over several repositories opens before it stops behind the one that it is at. */
const filesAtOnce = 500;
const repositoriesAtOnce = 200;
/** Repositories and uses that one answer about shared keys holds together. */
const mostRepositories = 20_000;
const mostUses = 200_000;

export interface AuditParts {
  readonly store: Store;
  readonly format: FormatRules;
  readonly clock: Clock;
  readonly reading: Reading;
  readonly checkWritable: () => void;
  /** What waited for a key that counts again. Never rejects. */
  readonly afterAllowing: () => Promise<void>;
}

export class Audit implements AuditService {
  readonly #parts: AuditParts;
  readonly #reader: HistoryReader;

  constructor(parts: AuditParts) {
    this.#parts = parts;
    this.#reader = new HistoryReader(parts.store, parts.format, parts.reading);
  }

  async answer(request: AuditRequest): Promise<AuditAnswer> {
    const at = request.at ?? this.#parts.clock.now();
    switch (request.question) {
      case "could-sign":
        return await this.#ofOne(request, at, (reader) => couldSignIn(reader, request, at));
      case "changes":
        return await this.#ofOne(request, at, (reader) => changesIn(reader, request, at));
      case "what-if":
        return await this.#ofOne(request, at, (reader) =>
          simulatedIn(reader, this.#parts.store, request, at),
        );
      case "signatures":
        return await this.#ofAll(request, at, (reader, after) => signaturesIn(reader, request, at, after));
      case "old-signatures":
        return await this.#ofAll(request, at, (reader) => oldIn(reader, request, at));
      case "expiring":
        return await this.#ofAll(request, at, (reader) => expiringIn(reader, request, at));
      case "silent-keys":
        return await this.#ofAll(request, at, (reader) => silentIn(reader, request, at));
      case "keys": {
        const { key } = request;
        const isMeant = (use: KeyUse) => key === undefined || use.key === key || use.listedAs === key;
        return await this.#ofAll(request, at, async (reader) => ({
          lines: await useLines(reader, (await usesIn(reader, at)).filter(isMeant), at),
        }));
      }
      case "person":
        return await this.#person(request, at);
      case "shared-keys":
        return await this.#shared(request, at);
    }
  }

  async #ofOne(
    request: AuditRequest,
    at: number,
    ask: (reader: PastReader) => Promise<Part>,
  ): Promise<AuditAnswer> {
    const reader = await this.#reader.read(given(request.repository, "repository"));
    const { lines } = await ask(reader);
    return { question: request.question, at, lines, next: undefined, notKept: reader.missed() };
  }

  /** Over the one that is named, or all of them, as far as one answer goes. */
  async #ofAll(
    request: AuditRequest,
    at: number,
    ask: (reader: PastReader, after: readonly [string, number] | undefined) => Promise<Part>,
  ): Promise<AuditAnswer> {
    const { question, repository, after } = request;
    const place = after === undefined ? undefined : readPlace(after);
    const lines: Line[] = [];
    let notKept = false;
    const answer = (next: string | undefined): AuditAnswer => ({ question, at, lines, next, notKept });
    /** The place behind what was looked at in it; undefined: it is done. */
    const look = async (name: string, within: readonly [string, number] | undefined) => {
      const reader = await this.#reader.read(name);
      const part = await ask(reader, within);
      lines.push(...part.lines);
      notKept ||= reader.missed();
      return { next: part.next && placeOf(name, part.next), opened: reader.opened() };
    };
    if (repository !== undefined) {
      if (place !== undefined && place.repository !== repository)
        throw bad("after: it is of another repository");
      return answer((await look(repository, place?.within)).next);
    }
    let last = place?.repository;
    let files = 0;
    let repositories = 0;
    if (place?.within !== undefined) {
      const { next, opened } = await look(place.repository, place.within);
      if (next !== undefined) return answer(next);
      files += opened;
    }
    for (;;) {
      const names = await this.#reader.names(last, repositoriesAtOnce);
      for (const name of names) {
        if (files >= filesAtOnce || repositories >= repositoriesAtOnce)
          return answer(placeOf(last ?? "", undefined));
        const { next, opened } = await look(name, undefined);
        if (next !== undefined) return answer(next);
        files += opened;
        repositories++;
        last = name;
      }
      if (names.length < repositoriesAtOnce) return answer(undefined);
    }
  }

  /** Where the keys are listed that were a person's at the instant. */
  async #person(request: AuditRequest, at: number): Promise<AuditAnswer> {
    const owner = given(request.owner, "owner");
    const owned = new Map<string, RegisteredKey>();
    let isKnown = false;
    for (let after: RegisteredPlace | undefined; ; ) {
      const found = await this.keys(owner, after);
      isKnown ||= found.length > 0;
      for (const key of found) {
        if (key.since <= at && (key.until === undefined || at < key.until)) owned.set(key.keyId, key);
      }
      after = found.at(-1);
      if (found.length < registerPage) break;
    }
    if (!isKnown) {
      throw new RefusedError(
        "NOT_FOUND",
        "Name an owner as the register has it (vidimus register list): it has no key of this one, so nothing can be said.",
      );
    }
    return await this.#ofAll(request, at, async (reader) => {
      const uses = (await usesIn(reader, at)).filter(({ key }) => owned.has(key));
      const lines = await useLines(reader, uses, at);
      return {
        lines: lines.map((line, index) => {
          const custody = owned.get(uses[index]?.key ?? "")?.custody ?? "";
          return { owner, custody, ...line };
        }),
      };
    });
  }

  async #shared(request: AuditRequest, at: number): Promise<AuditAnswer> {
    const uses: KeyUse[] = [];
    let notKept = false;
    let count = 0;
    for (let last: string | undefined; ; ) {
      const names = await this.#reader.names(last, repositoriesAtOnce);
      for (const name of names) {
        const reader = await this.#reader.read(name);
        uses.push(...(await usesIn(reader, at)));
        notKept ||= reader.missed();
      }
      count += names.length;
      last = names.at(-1);
      if (names.length < repositoriesAtOnce) break;
      if (count >= mostRepositories || uses.length >= mostUses) {
        throw new RefusedError(
          "OVERLOADED",
          "Ask about the keys of one repository at a time: there are too many here for one answer.",
        );
      }
    }
    const { repository } = request;
    const shared = sharedUses(uses);
    const own = new Set(
      shared
        .filter((use) => repository === undefined || use.repository === repository)
        .map(({ material }) => material),
    );
    const lines = shared.filter(({ material }) => own.has(material)).map(useLine);
    return { question: request.question, at, lines, next: undefined, notKept };
  }

  async keys(
    owner: string | undefined,
    after: RegisteredPlace | undefined,
  ): Promise<readonly RegisteredKey[]> {
    const query = { ...(owner !== undefined && { owner }), ...(after !== undefined && { after }) };
    return await this.#parts.store.register.list({ ...query, limit: registerPage });
  }

  async register(
    entry: Omit<RegisteredKey, "registeredAt" | "registeredBy">,
    principal: Principal,
  ): Promise<void> {
    this.#parts.checkWritable();
    const registeredAt = this.#parts.clock.now();
    const { keyId, owner, custody, since, until } = entry;
    const detail = { key: keyId, owner, custody, since, ...(until !== undefined && { until }) };
    const audit = recordOf({ at: registeredAt, principal, kind: "key.registered", detail });
    await this.#parts.store.register.put({ ...entry, registeredAt, registeredBy: principal.name, audit });
  }

  async denied() {
    return await this.#parts.store.register.denied();
  }

  async deny(keyId: string, reason: string, principal: Principal): Promise<boolean> {
    const { store, clock, checkWritable } = this.#parts;
    checkWritable();
    const deniedAt = clock.now();
    const detail = { key: keyId, reason };
    const audit = recordOf({ at: deniedAt, principal, kind: "key.denied", detail });
    if (await store.register.deny({ keyId, deniedAt, deniedBy: principal.name, reason, audit })) return true;
    const denied = await store.register.denied();
    if (denied.some((each) => each.keyId === keyId)) return false;
    throw new RefusedError(
      "TOO_MANY_DENIED",
      `Lift a denial whose key is listed nowhere any more: ${maxDenied} keys are denied, and more cannot be.`,
    );
  }

  async allow(keyId: string, principal: Principal): Promise<boolean> {
    const { store, clock, checkWritable, afterAllowing } = this.#parts;
    checkWritable();
    const at = clock.now();
    const audit = recordOf({ at, principal, kind: "key.allowed", detail: { key: keyId } });
    const isLifted = await store.register.lift({ keyId, at, by: principal.name, audit });
    // Whoever lifts a denial looks at once whether the proposals go on, and does not wait for the next look.
    if (isLifted) await afterAllowing();
    return isLifted;
  }
}
