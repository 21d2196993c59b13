/**
 * A server's proposals, as a signer asks for them (docs/proposals.md). What comes back is the server's word: of it only the
 * signed bytes and the signatures are used for anything, and those are looked at by `review.ts`. Which signatures it does not count
 * is believed so far that others are asked to sign as well.
 */
import { z } from "zod";
import type { Fetcher, Right } from "../client/fetch/fetcher.ts";
import type { SignatureEntry } from "../core/model.ts";
import { askServer } from "./ask.ts";
import type { Draft, Signatures } from "./draft.ts";
import { PublishError } from "./errors.ts";
import { refusalIn, type Sender } from "./send.ts";

const entry = z.object({ keyid: z.string(), method: z.string(), sig: z.base64() });
const head = z.object({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  repository: z.string(),
  state: z.enum(["open", "published", "rejected", "cancelled", "expired", "superseded"]),
  revision: z.number(),
  opened: z.object({ at: z.string(), by: z.string() }),
  expires: z.string(),
  note: z.string(),
  release: z.string(),
  reason: z.string(),
});
export const proposalSchema = head.extend({
  files: z.array(
    z.object({
      role: z.string(),
      signed: z.string(),
      signatures: z.array(entry),
      // Servers and files of before do not say it.
      denied: z.array(z.string()).default([]),
    }),
  ),
});
const summary = head.extend({
  files: z.array(z.object({ role: z.string(), version: z.number(), signedBy: z.array(z.string()) })),
});
const page = z.object({ proposals: z.array(summary), next: z.string().optional() });

/** As the server keeps it. Times in RFC 3339. */
export type Proposal = Readonly<z.output<typeof proposalSchema>>;
export type ProposalSummary = Readonly<z.output<typeof summary>>;

export interface Wanted {
  readonly repository?: string;
  readonly release?: string;
  readonly state?: string;
}

/** Milliseconds for one call; the longest wait of the server lies within. */
const longest = 60_000;
const mostListed = 1_000;

interface More {
  readonly body?: object;
  /** Without it: to read the repository. */
  readonly right?: Right;
}

const catalog: Right = { of: "server", action: "catalog" };

export class Proposals {
  readonly #sender: Sender;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  async open(
    draft: Draft,
    signatures: Signatures,
    { note, release, lifetime }: { note?: string; release?: string; lifetime?: number },
  ): Promise<Proposal> {
    const files = draft.files.map(({ role, message }) => ({
      role,
      signed: message.toString("utf8"),
      signatures: (signatures.get(role) ?? []).map(wireOf),
    }));
    const body = { files, ...(note && { note }), ...(release && { release }), ...(lifetime && { lifetime }) };
    return await this.#ask(proposalSchema, "POST", this.#path(), {
      right: this.#right("pull,push,propose"),
      body,
    });
  }

  /** Newest first. */
  async list({ repository, release, state }: Wanted): Promise<readonly ProposalSummary[]> {
    const found: ProposalSummary[] = [];
    const path = repository === undefined ? "/api/v1/proposals" : this.#path();
    const right = repository === undefined ? catalog : this.#right("pull");
    let before: string | undefined;
    do {
      const query = new URLSearchParams({
        limit: "200",
        ...(release && { release }),
        ...(state && { state }),
        ...(before && { before }),
      });
      const { proposals, next } = await this.#ask(page, "GET", `${path}?${query.toString()}`, { right });
      found.push(...proposals);
      before = next;
    } while (before !== undefined && found.length < mostListed);
    return found;
  }

  async get(id: string): Promise<Proposal> {
    return await this.#ask(proposalSchema, "GET", this.#path(id));
  }

  /** The proposal when it has changed since a revision, or after some seconds. */
  async wait(id: string, since: number, seconds: number): Promise<Proposal> {
    return await this.#ask(proposalSchema, "GET", `${this.#path(id)}?wait=${seconds}&since=${since}`);
  }

  async sign(id: string, signatures: Signatures): Promise<Proposal> {
    const files = [...signatures].map(([role, entries]) => ({ role, signatures: entries.map(wireOf) }));
    return await this.#ask(proposalSchema, "POST", this.#path(id, "signatures"), {
      // To publish takes one who may, besides the keys.
      right: this.#right("pull,push"),
      body: { files },
    });
  }

  async reject(id: string, role: string, statement: Buffer, signature: SignatureEntry): Promise<Proposal> {
    const body = { role, statement: statement.toString("utf8"), signature: wireOf(signature) };
    return await this.#ask(proposalSchema, "POST", this.#path(id, "rejection"), {
      right: this.#right("pull"),
      body,
    });
  }

  async cancel(id: string): Promise<Proposal> {
    return await this.#ask(proposalSchema, "POST", this.#path(id, "cancel"), {
      right: this.#right("pull,push"),
      body: {},
    });
  }

  /** What is asked for; who has less of it gets that. To sign or reject takes a key of the role, and no right to publish. */
  #right(actions: (Right & { of: "repository" })["actions"]): Right {
    return { of: "repository", repository: this.#sender.repository, actions };
  }

  #path(...rest: readonly string[]): string {
    const all = ["repositories", encodeURIComponent(this.#sender.repository), "proposals", ...rest];
    return `/api/v1/${all.join("/")}`;
  }

  /** Throws `PUBLISH_REFUSED` for an answer of another shape. */
  async #ask<T>(schema: z.ZodType<T>, method: "GET" | "POST", path: string, more: More = {}): Promise<T> {
    const { data, error } = schema.safeParse(await this.#call(method, path, more));
    if (data !== undefined) return data;
    const { origin } = this.#sender.fetcher;
    const what = `${origin} answers with what is no proposal: ask who runs it which version it is.`;
    throw new PublishError("PUBLISH_REFUSED", what, { cause: error });
  }

  async #call(
    method: "GET" | "POST",
    path: string,
    { body, right = this.#right("pull") }: More,
  ): Promise<unknown> {
    const { fetcher, repository } = this.#sender;
    const question = { right, method, path, document: body, time: longest } as const;
    const answer = await askServer(this.#sender, question);
    if (answer.status !== 200 && answer.status !== 201) throw refused(fetcher, repository, answer);
    try {
      return JSON.parse(answer.body.toString("utf8"));
    } catch (cause) {
      throw new PublishError(
        "PUBLISH_REFUSED",
        `${fetcher.origin} keeps no proposals: its answer is no document.`,
        { cause },
      );
    }
  }
}

function refused(
  { origin }: Fetcher,
  repository: string,
  { status, code, body }: { status: number; code: string | undefined; body: Buffer },
): PublishError {
  const said = refusalIn(body);
  if (status === 404 && code === undefined) {
    return new PublishError(
      "PUBLISH_REFUSED",
      `${origin} keeps no proposals, as the original Notary does not: bring all signers' keys to one place, or move ${repository} to a Vidimus server.`,
    );
  }
  const why = said === undefined ? `it answered ${status}` : `${said.message} (${code ?? said.code})`;
  const isOver = (code ?? said?.code) === "PROPOSAL_CLOSED";
  const which = status === 404 ? "PROPOSAL_UNKNOWN" : isOver ? "PROPOSAL_OVER" : "PUBLISH_REFUSED";
  return new PublishError(which, `${origin} refuses: ${why}`, { serverCode: code ?? said?.code });
}

export function wireOf({ keyId, method, signature }: SignatureEntry): {
  keyid: string;
  method: string;
  sig: string;
} {
  return { keyid: keyId, method, sig: Buffer.from(signature).toString("base64") };
}

export function entryOf({
  keyid,
  method,
  sig,
}: {
  keyid: string;
  method: string;
  sig: string;
}): SignatureEntry {
  return { keyId: keyid, method, signature: Buffer.from(sig, "base64") };
}
