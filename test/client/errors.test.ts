import { describe, expect, it } from "vitest";
import {
  asTrustError,
  clientCodes,
  type Ending,
  endings,
  explain,
  type TrustCode,
  TrustError,
  worst,
} from "../../src/client/errors.ts";
import {
  malformedCodes,
  RefusedError,
  StoreError,
  UnauthenticError,
  unauthenticCodes,
} from "../../src/core/errors.ts";

const all: readonly TrustCode[] = [...clientCodes, ...malformedCodes, ...unauthenticCodes];

describe("every code", () => {
  it.each(all)("%s says who must do what, and how a program ends", (code) => {
    const explained = explain(new TrustError(code, "Something is wrong."));
    expect(explained?.code).toBe(code);
    expect(["publisher", "server operator", "policy owner", "you"]).toContain(explained?.who);
    expect(explained?.next).toMatch(/^[A-Z].+(?:\.|: vidimus-client [^.]+)$/s);
    expect(Object.keys(endings)).toContain(explained?.ending);
  });

  it("stands once", () => {
    expect(new Set(all).size).toBe(all.length);
  });

  it.each([
    ["EXPIRED", "stale"],
    ["ROLLBACK", "stale"],
    ["ROOT_CERTIFICATE", "policy"],
    ["THRESHOLD", "unauthentic"],
    ["NOT_JSON", "unauthentic"],
    ["NO_RULE", "policy"],
    ["NOT_SIGNED", "unsigned"],
    ["LOCK_DIFFERS", "moved"],
    ["TIMEOUT", "unreachable"],
    ["POLICY_INVALID", "policyFile"],
    ["LOCK_INVALID", "lockFile"],
    ["REFERENCE_INVALID", "input"],
    ["CACHE_DAMAGED", "cache"],
    ["OUTPUT_UNWRITABLE", "output"],
    ["DECLINED", "declined"],
  ] as const)("%s ends as %s", (code, ending) => {
    expect(explain(new TrustError(code, "x"))?.ending).toBe(ending);
  });
});

describe("endings", () => {
  const codes = Object.values(endings).map(({ exit }) => exit);

  it("have exit codes of their own, free of those of shells and signals", () => {
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code).toBeGreaterThan(2);
    for (const code of codes) expect(code).toBeLessThan(126);
  });

  it("say what they mean", () => {
    for (const { meaning } of Object.values(endings)) expect(meaning.length).toBeGreaterThan(10);
  });

  it("each come of a code", () => {
    const reached = new Set(all.map((code) => explain(new TrustError(code, "x"))?.ending));
    expect([...reached].sort()).toEqual(Object.keys(endings).sort());
  });
});

describe("the worst", () => {
  it("of none is none", () => {
    expect(worst([])).toBeUndefined();
  });

  it("is the first in the order of endings, wherever it stands", () => {
    const order = Object.keys(endings) as Ending[];
    for (const [index, ending] of order.entries()) {
      expect(worst([...order.slice(index)].reverse())).toBe(ending);
      expect(worst([ending, ending])).toBe(ending);
    }
  });

  it("of what does not verify and anything else is what does not verify", () => {
    expect(worst(["output", "unauthentic", "stale"])).toBe("unauthentic");
  });
});

describe("an explanation", () => {
  it("has the place in front, on one line", () => {
    const what = (context: object) => explain(new TrustError("LOCK_INVALID", "Two\n  lines.", context))?.what;
    expect(what({ file: "vidimus.lock", line: 7 })).toBe("vidimus.lock:7: Two lines.");
    expect(what({ file: "vidimus.lock" })).toBe("vidimus.lock: Two lines.");
    expect(what({})).toBe("Two lines.");
  });

  it("has the next step that the error knows, and who takes it", () => {
    const remedy = { who: "you", next: "Look." } as const;
    expect(explain(new TrustError("NO_RULE", "None.", { remedy }))).toMatchObject({
      ...remedy,
      ending: "policy",
    });
    expect(
      explain(asTrustError(new TrustError("NO_RULE", "None.", { remedy: { next: "Look." } }))),
    ).toMatchObject({
      who: "policy owner",
      next: "Look.",
    });
  });

  it("is none for errors that are not of this library", () => {
    for (const error of [new Error("x"), new TypeError("x"), undefined, null, "text", { code: "NO_RULE" }]) {
      expect(explain(error)).toBeUndefined();
    }
    expect(explain(new RefusedError("READ_ONLY", "x"))).toBeUndefined();
    expect(explain(new StoreError("CONFLICT", "x"))).toBeUndefined();
  });

  it("is there for errors of the core, as a sentence", () => {
    const explained = explain(
      new UnauthenticError("THRESHOLD", "targets: 1 of 2 signatures", { role: "targets" }),
    );
    expect(explained).toMatchObject({ code: "THRESHOLD", what: "Targets: 1 of 2 signatures." });
  });
});

describe("an error with what is known beside it", () => {
  it("of the core becomes one of the client, with its role and its cause", () => {
    const cause = new UnauthenticError("ROLLBACK", "older", { role: "snapshot", detail: { trusted: 3 } });
    const error = asTrustError(cause, { reference: "nginx", role: "targets" });
    expect(error).toBeInstanceOf(TrustError);
    expect(error).toMatchObject({
      code: "ROLLBACK",
      reference: "nginx",
      role: "snapshot",
      detail: { trusted: 3 },
      cause,
    });
  });

  it("keeps what it knew itself", () => {
    const cause = new Error("below");
    const own = new TrustError("NO_RULE", "None.", { reference: "nginx", line: 3, cause });
    expect(
      asTrustError(own, { reference: "other", repository: "docker.io/library/nginx", line: 9 }),
    ).toMatchObject({
      code: "NO_RULE",
      message: "None.",
      reference: "nginx",
      repository: "docker.io/library/nginx",
      line: 3,
      cause,
    });
  });

  it("that is nobody's comes back as it is", () => {
    const errors = [new TypeError("x"), new RefusedError("READ_ONLY", "x"), undefined, "text"];
    for (const error of errors) expect(asTrustError(error, { reference: "nginx" })).toBe(error);
  });
});
