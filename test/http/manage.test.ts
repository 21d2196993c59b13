/** The management API, over a connection: its answers, its refusals, and the document that describes them. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { rejectionStatement } from "../../src/core/rejection.ts";
import { operations } from "../../src/http/manage/openapi.ts";
import { auditQuestions } from "../../src/service/audit/audit-service.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import type { Answer } from "../support/client.ts";
import { proposalBody, signedBytes, wireSignature } from "../support/proposing.ts";
import { type Files, newKey, type Owner } from "../support/publisher.ts";
import { type ServerOptions, startServer, type TestServer } from "../support/server.ts";

const repository = "registry.example.org:5000/team/app";
const base = `/api/v1/repositories/${encodeURIComponent(repository)}/proposals`;
const json = { "content-type": "application/json" };

let server: TestServer;
let owner: Owner;
let second: PublisherKey;
let files: Files;

async function begin(options: ServerOptions = {}): Promise<void> {
  server = await startServer(options);
  owner = await server.owner(repository);
  second = newKey("ecdsa");
  owner.root.keys.targets.push(second.listed);
  owner.root.thresholds.targets = 2;
  owner.targets.signers = [owner.targetsKey, second];
  await server.publish(repository, owner.first());
  owner.addTarget("app");
  files = owner.next("targets");
}
beforeEach(() => begin());
afterEach(() => server.close());

const post = (path: string, body: unknown, headers: Record<string, string> = json) =>
  server.request(path, { method: "POST", headers, body: JSON.stringify(body) });
const parsed = ({ body }: Answer) => JSON.parse(body.toString("utf8"));
const open = async (body: object = proposalBody(files)) => parsed(await post(base, body));
const signed = () => signedBytes("targets", files.get("targets") as Buffer);
const signatures = (...keys: PublisherKey[]) => ({
  files: [{ role: "targets", signatures: keys.map((key) => wireSignature(key, signed())) }],
});
function rejection({ id, digest }: { id: string; digest: string }, key = second) {
  const statement = rejectionStatement({ repository, proposal: id, digest, reason: "wrong" });
  return { role: "targets", statement: statement.toString("utf8"), signature: wireSignature(key, statement) };
}
/** Status, stable code in the head, and the same in the body. */
const outcome = (answer: Answer) => [answer.status, answer.code, answer.error?.code];
const refused = (status: number, code: string) => [status, code, code];

describe("a proposal over HTTP", () => {
  it("is opened, signed and published, and reads back byte for byte", async () => {
    const opened = await post(base, { ...proposalBody(files), note: "für alle", release: "2030.1" });
    expect(opened.status).toBe(201);
    expect(opened.headers["cache-control"]).toBe("no-store");
    const document = parsed(opened);
    expect(document).toMatchObject({
      format: "vidimus-proposal/1",
      repository,
      state: "open",
      opened: { by: "anonymous", at: "2030-01-01T00:00:00.000Z" },
      expires: "2030-01-31T00:00:00.000Z",
      note: "für alle",
      release: "2030.1",
      base: { root: 1, targets: 1 },
    });
    expect(document.files[0].signed).toBe(signed().toString("utf8"));
    const path = `${base}/${document.id}`;
    expect(parsed(await server.get(path))).toEqual(document);
    expect(parsed(await post(`${path}/signatures`, signatures(owner.targetsKey)))).toMatchObject({
      state: "open",
    });
    const done = await post(`${path}/signatures`, signatures(second));
    expect([done.status, parsed(done).state]).toEqual([200, "published"]);
    expect(JSON.parse((await server.file(repository, "targets.json")).body.toString("utf8")).signed).toEqual(
      JSON.parse(signed().toString("utf8")),
    );
    await server.chainCheck(repository);
  });

  it("is listed by repository, by release and by state, in pages", async () => {
    const one = await open({ ...proposalBody(files), release: "r1" });
    owner.addTarget("other");
    const two = await open({ ...proposalBody(owner.files("targets")), release: "r1" });
    const list = async (path: string) => {
      const { proposals, next } = parsed(await server.get(path));
      return [proposals.map(({ id }: { id: string }) => id), next];
    };
    expect(await list(base)).toEqual([[two.id, one.id], undefined]);
    expect(await list("/api/v1/proposals?release=r1&limit=1")).toEqual([[two.id], two.id]);
    expect(await list(`/api/v1/proposals?release=r1&limit=1&before=${two.id}`)).toEqual([[one.id], one.id]);
    expect(await list("/api/v1/proposals?release=r2")).toEqual([[], undefined]);
    await post(`${base}/${one.id}/cancel`, {});
    expect(await list(`${base}?state=open`)).toEqual([[two.id], undefined]);
    expect(await list("/api/v1/proposals?state=cancelled")).toEqual([[one.id], undefined]);
  });

  it("is rejected and cancelled; a cancel needs no body", async () => {
    const one = await open();
    const rejected = await post(`${base}/${one.id}/rejection`, rejection(one));
    expect(parsed(rejected)).toMatchObject({ state: "rejected", reason: "wrong" });
    const two = await open();
    expect(two.id).not.toBe(one.id);
    const cancelled = await server.request(`${base}/${two.id}/cancel`, { method: "POST" });
    expect(parsed(cancelled)).toMatchObject({ state: "cancelled" });
    expect(outcome(await post(`${base}/${two.id}/signatures`, signatures(second)))).toEqual(
      refused(409, "PROPOSAL_CLOSED"),
    );
  });

  it("is waited for until it changes, and no longer than asked", async () => {
    const { id } = await open();
    const waiting = server.get(`${base}/${id}?wait=8&since=1`);
    await post(`${base}/${id}/signatures`, signatures(second));
    expect(parsed(await waiting)).toMatchObject({ revision: 2 });
    expect(parsed(await server.get(`${base}/${id}?wait=8&since=1`))).toMatchObject({ revision: 2 });
    expect(parsed(await server.get(`${base}/${id}?wait=0`))).toMatchObject({ revision: 2 });
  });

  it("that is waited for does not keep a server from stopping", async () => {
    const { id } = await open();
    const waiting = server.get(`${base}/${id}?wait=20&since=1`).catch(() => undefined);
    await expect.poll(async () => (await server.service.proposals.facts()).open).toBe(1);
    const began = performance.now();
    await server.close();
    expect(performance.now() - began).toBeLessThan(8_000);
    await waiting;
    await begin();
  });
});

describe("a refusal", () => {
  it.each<readonly [string, number, string, () => Promise<Answer>]>([
    [
      "a body that is no JSON",
      400,
      "NOT_JSON",
      () => server.request(base, { method: "POST", headers: json, body: "{" }),
    ],
    [
      "a member twice",
      400,
      "DUPLICATE_MEMBER",
      () => server.request(base, { method: "POST", headers: json, body: '{"files":[],"files":[]}' }),
    ],
    [
      "a form",
      400,
      "BAD_UPLOAD",
      () => post(base, {}, { "content-type": "multipart/form-data; boundary=x" }),
    ],
    ["no type", 400, "BAD_UPLOAD", () => post(base, {}, {})],
    ["a type that cannot be read", 400, "BAD_UPLOAD", () => post(base, {}, { "content-type": "json" })],
    [
      "an encoding",
      415,
      "UNSUPPORTED_ENCODING",
      () => post(base, {}, { ...json, "content-encoding": "gzip" }),
    ],
    ["no body", 400, "BAD_PARAMETER", () => server.request(base, { method: "POST" })],
    [
      "a member that is not known",
      400,
      "BAD_PARAMETER",
      () => post(base, { ...proposalBody(files), notes: "" }),
    ],
    ["no files", 400, "BAD_PARAMETER", () => post(base, { files: [] })],
    [
      "a lifetime beyond the longest",
      400,
      "BAD_PARAMETER",
      () => post(base, { ...proposalBody(files), lifetime: 91 * 86_400 }),
    ],
    [
      "a signature that is no base64",
      400,
      "BAD_PARAMETER",
      () =>
        post(base, {
          files: [{ role: "targets", signed: "{}", signatures: [{ keyid: "a", method: "b", sig: "*" }] }],
        }),
    ],
    [
      "signed parts in another form",
      400,
      "NOT_CANONICAL",
      () => post(base, { files: [{ role: "targets", signed: ` ${signed().toString("utf8")}` }] }),
    ],
    ["a snapshot", 400, "BAD_ROLE_NAME", () => post(base, { files: [{ role: "snapshot", signed: "{}" }] })],
    [
      "a version that is published",
      409,
      "ROLLBACK",
      () => {
        owner.targets.version = 1;
        return post(base, proposalBody(owner.files("targets")));
      },
    ],
    ["a proposal that is not there", 404, "NOT_FOUND", () => server.get(`${base}/0123456789abcdef`)],
    [
      "a proposal of another repository",
      404,
      "NOT_FOUND",
      async () => server.get(`/api/v1/repositories/other/proposals/${(await open()).id}`),
    ],
    ["an ID of another form", 404, "NOT_FOUND", () => server.get(`${base}/1`)],
    ["a path that leads nowhere", 404, "NOT_FOUND", () => server.get("/api/v1/proposal")],
    ["another method", 404, "NOT_FOUND", () => server.request(base, { method: "PUT" })],
    [
      "a name that is none",
      400,
      "BAD_REPOSITORY_NAME",
      () => server.get("/api/v1/repositories/a%00b/proposals"),
    ],
    ["a state that is none", 400, "BAD_PARAMETER", () => server.get(`${base}?state=new`)],
    ["a parameter that is not known", 400, "BAD_PARAMETER", () => server.get(`${base}?states=open`)],
    ["a parameter twice", 400, "BAD_PARAMETER", () => server.get(`${base}?limit=1&limit=2`)],
    ["a page beyond the longest", 400, "BAD_PARAMETER", () => server.get(`${base}?limit=201`)],
    [
      "a wait beyond the longest",
      400,
      "BAD_PARAMETER",
      async () => server.get(`${base}/${(await open()).id}?wait=21`),
    ],
    [
      "a stranger's rejection",
      400,
      "BAD_REJECTION",
      async () => {
        const opened = await open();
        return post(`${base}/${opened.id}/rejection`, rejection(opened, newKey()));
      },
    ],
    [
      "a stranger's signature",
      400,
      "UNKNOWN_SIGNER",
      async () => post(`${base}/${(await open()).id}/signatures`, signatures(newKey())),
    ],
    [
      "a body beyond the largest",
      413,
      "UPLOAD_TOO_LARGE",
      async () => post(`${base}/${(await open()).id}/cancel`, { much: "x".repeat(2_000) }),
    ],
  ])("of %s is %i %s, in its head and in its body", async (_, status, code, ask) => {
    const answer = await server.storesNothing(repository, ask);
    expect(outcome(answer)).toEqual(refused(status, code));
    expect(answer.headers["content-type"]).toContain("application/json");
  });

  it("of a proposal too many says when to come again", async () => {
    await server.close();
    await begin({ proposals: { openHere: 1 } });
    await open();
    owner.addTarget("other");
    const answer = await post(base, proposalBody(owner.files("targets")));
    expect(outcome(answer)).toEqual(refused(429, "TOO_MANY_PROPOSALS"));
    expect(answer.headers["retry-after"]).toBeDefined();
  });

  it("of a repository that is not served here says so", async () => {
    await server.close();
    await begin({ repositories: { prefixes: ["registry.example.org:5000/"] } });
    const answer = await server.get("/api/v1/repositories/other/proposals");
    expect(outcome(answer)).toEqual(refused(400, "REPOSITORY_NOT_SERVED"));
  });

  it("answers nothing where the API is not served", async () => {
    const other = await startServer({ apis: { notary: false, metrics: true, probes: true } });
    expect((await other.get("/api/v1/proposals")).status).toBe(404);
    await other.close();
  });
});

/** A part of the document with all that it refers to in its place. Fails where a reference leads nowhere. */
function resolved(part: unknown, document: Record<string, unknown>): unknown {
  if (Array.isArray(part)) return part.map((each) => resolved(each, document));
  if (typeof part !== "object" || part === null) return part;
  const { $ref } = part as { $ref?: string };
  if ($ref === undefined) {
    return Object.fromEntries(Object.entries(part).map(([name, each]) => [name, resolved(each, document)]));
  }
  const [hash, ...names] = $ref.split("/");
  const target = names.reduce<unknown>((at, name) => (at as Record<string, unknown>)?.[name], document);
  if (hash !== "#" || target === undefined) throw new Error(`${$ref} leads nowhere`);
  return resolved(target, document);
}

describe("the OpenAPI document", () => {
  const document = async () => parsed(await server.get("/api/v1/openapi.json"));

  it("refers to nothing that is not in it, and names what is used more than once", async () => {
    const whole = await document();
    expect(JSON.stringify(resolved(whole, whole))).not.toContain("$ref");
    expect(JSON.stringify(whole)).not.toMatch(/"\$(?:defs|schema|id)"/);
    expect(Object.keys(whole.components.schemas)).toContain("Proposal");
  });

  it("names every operation, each once", async () => {
    const { openapi, paths } = await document();
    expect(openapi).toBe("3.1.0");
    const named = Object.entries<Record<string, { operationId: string }>>(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => [operationId, method, path]),
    );
    const questions = auditQuestions.map((each) => [each, "get", `/api/v1/audit/${each}`]);
    const known = [
      ...Object.entries(operations).map(([id, { method, path }]) => [id, method, path]),
      ...questions,
    ];
    expect(named.sort()).toEqual(known.sort());
  });

  it("fits what is asked and what is answered, refusals included", async () => {
    const whole = await document();
    const { paths } = whole;
    const schema = (part: { content: Record<string, { schema: object }> }) =>
      z.fromJSONSchema(resolved(part.content["application/json"]?.schema, whole) as never);
    const holds = async (id: keyof typeof operations, answer: Answer, body?: object) => {
      const { path, method, status } = operations[id];
      const operation = paths[path][method];
      if (body !== undefined) expect(schema(operation.requestBody).safeParse(body).error).toBeUndefined();
      const response = operation.responses[answer.status] ?? operation.responses.default;
      expect(answer.status < 400 ? answer.status : status).toBe(status);
      expect(schema(response).safeParse(parsed(answer)).error).toBeUndefined();
      return parsed(answer);
    };
    const exchange = async (id: keyof typeof operations, path: string, body?: object) =>
      await holds(id, body === undefined ? await server.get(path) : await post(path, body), body);

    const opened = await exchange("openProposal", base, {
      ...proposalBody(files, new Map([["targets", [owner.targetsKey]]])),
      note: "a note",
      release: "r1",
      lifetime: 3_600,
    });
    await exchange("proposal", `${base}/${opened.id}?wait=0&since=1`);
    await exchange("proposals", "/api/v1/proposals?release=r1&limit=1");
    await exchange("repositoryProposals", `${base}?state=open`);
    await exchange("rejectProposal", `${base}/${opened.id}/rejection`, rejection(opened));
    const again = await exchange("openProposal", base, proposalBody(files));
    await exchange("cancelProposal", `${base}/${again.id}/cancel`, {});
    await exchange("signProposal", `${base}/${again.id}/signatures`, signatures(second));
    const third = await exchange("openProposal", base, proposalBody(files));
    await exchange("signProposal", `${base}/${third.id}/signatures`, signatures(second));
    expect(
      await exchange("signProposal", `${base}/${third.id}/signatures`, signatures(owner.targetsKey)),
    ).toMatchObject({
      state: "published",
    });
    await exchange("proposals", "/api/v1/proposals?limit=0");
    await exchange("openapi", "/api/v1/openapi.json");
  });

  it("is found out where it does not fit", async () => {
    const whole = await document();
    const list = z.fromJSONSchema(resolved(whole.components.schemas.ProposalList, whole) as never);
    const empty = { format: "vidimus-proposals/1", proposals: [] };
    expect(list.safeParse(empty).success).toBe(true);
    expect(list.safeParse({ ...empty, proposals: [{}] }).success).toBe(false);
    expect(list.safeParse({ ...empty, more: 1 }).success).toBe(false);
  });
});
