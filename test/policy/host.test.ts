import { describe, expect, it } from "vitest";
import { comparedHost, isHost, signedHost } from "../../src/policy/host.ts";

describe("a host", () => {
  it.each([
    ["registry.example.test", true],
    ["registry:5000", true],
    ["localhost", true],
    ["Registry", true],
    ["[::1]:5000", true],
    ["registry", false],
    ["library", false],
  ])("%s: %s", (text, is) => {
    expect(isHost(text)).toBe(is);
  });
});

describe("in a name that is signed, a host is lower case and keeps its port", () => {
  it.each([
    ["REGISTRY.example.test", "registry.example.test"],
    ["registry.example.test:443", "registry.example.test:443"],
    ["Registry:5000", "registry:5000"],
    ["LOCALHOST", "localhost"],
    ["Index.Docker.io", "docker.io"],
    ["[2001:DB8::A]:443", "[2001:db8::a]:443"],
    ["Registry", "Registry"],
  ])("%s is %s", (text, signed) => {
    expect(signedHost(text)).toBe(signed);
  });
});

describe("spellings of one host are compared as one", () => {
  it.each([
    [
      "registry.example.test",
      "REGISTRY.example.test",
      "registry.example.test:443",
      "registry.example.test:0443",
    ],
    ["registry.example.test:5000", "Registry.example.test:5000", "registry.example.test:05000"],
    ["Registry", "REGISTRY", "registry:443", "Registry:443"],
    ["docker.io", "index.docker.io", "docker.io:443", "Index.docker.io:443"],
    ["[::1]:5000", "[0:0:0:0:0:0:0:1]:5000"],
    ["[2001:db8::a]", "[2001:DB8::A]:443"],
    ["localhost", "LOCALHOST:443"],
  ])("%s", (host, ...others) => {
    for (const other of others) expect(comparedHost(other)).toBe(comparedHost(host));
  });

  it.each([
    ["registry.example.test", "registry.example.test:80"],
    ["registry.example.test", "registry.example.test:4430"],
    ["registry.example.test", "registry.example"],
    ["localhost", "localhost:5000"],
    ["[::1]", "[::2]"],
  ])("but not %s and %s", (one, other) => {
    expect(comparedHost(other)).not.toBe(comparedHost(one));
  });
});
