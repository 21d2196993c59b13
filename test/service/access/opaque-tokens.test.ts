/** What a text that is nobody's token costs. */
import { expect, it } from "vitest";
import { createOpaqueTokens } from "../../../src/service/access/opaque-tokens.ts";

const operator = `vdo_${"o".repeat(43)}`;

it("the operator's file is read, and the store asked, only for what could be such a token", async () => {
  const asked: string[] = [];
  const tokens = createOpaqueTokens({
    store: {
      user: async () => undefined,
      async machineToken() {
        asked.push("store");
        return undefined;
      },
    },
    operatorToken() {
      asked.push("file");
      return operator;
    },
    now: () => 0,
  });
  const check = async (text: string) => {
    asked.length = 0;
    return [(await tokens.check(text, "127.0.0.1"))?.principal.name, ...asked];
  };
  expect(await check(operator)).toEqual(["operator", "file"]);
  expect(await check(`vdo_${"x".repeat(43)}`)).toEqual([undefined, "file"]);
  expect(await check(`vdm_${"x".repeat(43)}`)).toEqual([undefined, "store"]);
  expect(await check("vdm_bad")).toEqual([undefined]);
  expect(await check("bad")).toEqual([undefined]);
});
