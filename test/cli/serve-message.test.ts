import { expect, it } from "vitest";
import { readyMessage, type ServerFacts } from "../../src/cli/serve-message.ts";

const facts: ServerFacts = {
  url: "https://127.0.0.1:4443",
  directory: "/srv/vidimus",
  authority: { file: "/srv/vidimus/tls/ca.crt", fingerprint: "AA:BB" },
  operations: undefined,
  mode: "none",
  place: " --config /etc/vidimus.yaml",
};
const lines = (changes: Partial<ServerFacts> = {}) => readyMessage({ ...facts, ...changes }).split("\n");

it.each([
  "Vidimus listens on https://127.0.0.1:4443",
  "  data                /srv/vidimus",
  "  CA SHA-256          AA:BB",
  "  mkdir -p ~/.docker/tls/127.0.0.1:4443 && cp /srv/vidimus/tls/ca.crt ~/.docker/tls/127.0.0.1:4443/ca.crt",
  "  export DOCKER_CONTENT_TRUST=1",
  "  export DOCKER_CONTENT_TRUST_SERVER=https://127.0.0.1:4443",
  "  notary -s https://127.0.0.1:4443 --tlscacert /srv/vidimus/tls/ca.crt list GUN",
])("has the line %j", (line) => {
  expect(lines()).toContain(line);
});

it("quotes a path for the shell", () => {
  const authority = { file: "/a b/it's/ca.crt", fingerprint: "AA" };
  expect(lines({ authority }).join("\n")).toContain("--tlscacert '/a b/it'\\''s/ca.crt' list");
});

it("asks nobody to copy a CA that the operator's certificate does not have", () => {
  expect(lines({ authority: undefined }).join("\n")).not.toMatch(/tlscacert|ca\.crt/);
});

it.each(["http://127.0.0.1:80", "unix:/run/vidimus.sock"])(
  "offers stock clients nothing without TLS: %s",
  (url) => {
    expect(lines({ url, authority: undefined }).join("\n")).not.toContain("DOCKER_CONTENT_TRUST");
  },
);

it("names the listener for metrics and probes", () => {
  expect(lines({ operations: "http://127.0.0.1:9" })).toContain("  metrics and probes  http://127.0.0.1:9");
});

it.each(["none", "token", "builtin"] as const)(
  "says what people take where callers are known: %s",
  (mode) => {
    const text = lines({ mode }).join("\n");
    expect(text.includes("NOTARY_AUTH")).toBe(mode !== "none");
    expect(text.includes("vidimus user add NAME --config /etc/vidimus.yaml\n")).toBe(mode === "builtin");
  },
);
