import { describe, expect, it } from "vitest";
import { httpsServer } from "../https-server.ts";
import { codeOf } from "../refusal.ts";
import { ExchangeError, exchange, refusal, repositoryPath } from "./exchange.ts";

const limits = { answerBytes: 1_000, time: 5_000 };

async function failureOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ExchangeError)) throw new Error("It did not fail as an exchange.");
  return error.code;
}

describe("exchange", () => {
  it("gives status, body and the server's own code", async () => {
    const server = await httpsServer((_request, response) => {
      response.writeHead(418, { "vidimus-code": "THRESHOLD" }).end("short");
    });
    const answer = await exchange(server, "GET", "/v2/", limits);
    expect(answer).toEqual({ status: 418, code: "THRESHOLD", bytes: Buffer.from("short") });
  });

  it("does not follow a redirect", async () => {
    const server = await httpsServer((_request, response) => {
      response.writeHead(301, { location: "/elsewhere" }).end();
    });
    expect((await exchange(server, "GET", "/v2/", limits)).status).toBe(301);
  });

  it("stops at the bound of an answer", async () => {
    const server = await httpsServer((_request, response) => response.end("x".repeat(1_001)));
    expect(await failureOf(exchange(server, "GET", "/", limits))).toBe("ANSWER_TOO_LARGE");
  });

  it("stops when the answer never comes", async () => {
    const server = await httpsServer(() => {});
    expect(await failureOf(exchange(server, "GET", "/", { ...limits, time: 100 }))).toBe("TOO_SLOW");
  });

  it("stops when the body never ends", async () => {
    const server = await httpsServer((_request, response) => response.write("beginning"));
    expect(await failureOf(exchange(server, "GET", "/", { ...limits, time: 300 }))).toBe("TOO_SLOW");
  });

  it("fails when the body breaks off", async () => {
    const server = await httpsServer((_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("beginning", () => response.destroy());
    });
    expect(await failureOf(exchange(server, "GET", "/", limits))).toBe("UNREACHABLE");
  });

  it("trusts no authority but the given one", async () => {
    const [server, other] = await Promise.all([
      httpsServer((_request, response) => response.end("{}")),
      httpsServer((_request, response) => response.end("{}")),
    ]);
    const mistaken = { url: server.url, ca: other.ca };
    expect(await failureOf(exchange(mistaken, "GET", "/", limits))).toBe("UNREACHABLE");
  });

  it("fails when nobody listens", async () => {
    const { ca } = await httpsServer((_request, response) => response.end());
    expect(await failureOf(exchange({ url: "https://127.0.0.1:1", ca }, "GET", "/", limits))).toBe(
      "UNREACHABLE",
    );
  });
});

describe("refusal", () => {
  it("carries the answer", () => {
    const answer = { status: 400, code: "ROLLBACK", bytes: Buffer.from("{}") };
    expect(refusal(answer).answer).toBe(answer);
  });
});

describe("repositoryPath", () => {
  it("refuses a name that is no repository's", async () => {
    expect(await codeOf(() => repositoryPath("../admin"))).toBe("BAD_REPOSITORY_NAME");
  });
});
