import { expect, it } from "vitest";
import { signingKeys, webhookSignature } from "../../src/webhooks/signature.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const message = {
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  seconds: 1_614_265_330,
  body: '{"test": 2432232314}',
};

it("is the one that the libraries of the specification are tested with", () => {
  expect(webhookSignature(signingKeys(secret) ?? [], message)).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  );
});

it("is made by each of several secrets, so that one can be changed", () => {
  const other = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const both = signingKeys(`${other} ${secret}\n`) ?? [];
  const [first, second] = webhookSignature(both, message).split(" ");
  expect(second).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  expect(first).not.toBe(second);
});

it.each([
  ["without its prefix", secret.slice(6)],
  ["that is too short", `whsec_${Buffer.alloc(23).toString("base64")}`],
  ["that is too long", `whsec_${Buffer.alloc(65).toString("base64")}`],
  ["that is no Base64", `${secret}!`],
  ["of which one is bad", `${secret} whsec_`],
  ["that is empty", ""],
])("a secret %s is none", (_, text) => {
  expect(signingKeys(text)).toBeUndefined();
});
